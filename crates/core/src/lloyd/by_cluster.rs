//! Rows cluster by cluster, in few columns: only centres within twice the distance of a row to its own centre can be nearer (Newling & Fleuret, ICML 2016),
//! and, if the own centre did not move, only those that did.

use super::nearest::Nearest;
use crate::distance::{Euclidean, LANES, raw};
use crate::geometry::Tree;
use crate::{Look, Matrix, Result, RowId, Scalar, simd};

/// Members of a cluster that are looked at together.
const TOGETHER: usize = 1024;

/// Gives every row its nearest centre, cluster by cluster, in few columns: only centres within twice the distance of a row to its own centre can be
/// nearer. (Newling & Fleuret, ICML 2016.) If the own centre did not move, only those that did. No two centres are equal.
pub(super) struct ByCluster<'a, T> {
    pub(super) points: &'a Matrix<'a, T>,
    pub(super) rows: &'a [RowId],
    pub(super) centres: &'a [f64],
    pub(super) moved: &'a [bool],
    pub(super) tree: &'a Tree<f64>,
}

/// What one cluster after another uses.
#[derive(Default)]
pub(super) struct Scratch {
    search: crate::geometry::Search,
    /// Centres near that of the cluster, with the squared distance to it, ascending.
    near: Vec<(f64, u32)>,
    /// Their coordinates in blocks, column by column.
    blocks: Vec<[f64; LANES]>,
}

impl<T: Scalar> ByCluster<'_, T> {
    /// The most that the squared distance of two centres can be if the one is as near as the other to a row at this squared distance. (What is added
    /// is where squares vanish.)
    #[inline(always)]
    fn limit(raw: f64) -> f64 {
        4.0 * (1.0 + 1e-9) * raw + 1e-290
    }

    /// The nearest centres of the members of a cluster, if they may have changed.
    pub(super) fn of_cluster(
        &self,
        cluster: u32,
        members: &[u32],
        nearest: &[Nearest],
        scratch: &mut Scratch,
        look: Look<'_>,
    ) -> Result<Vec<(u32, Nearest)>> {
        look()?;
        let d = self.points.columns();
        let moved = self.moved[cluster as usize];
        let centre = &self.centres[cluster as usize * d..][..d];
        let row = |i: u32| self.points.row(self.rows[i as usize]);
        let own = |&i: &u32| {
            let raw = if moved { raw::<Euclidean, T, f64>(row(i), centre) } else { nearest[i as usize].raw };
            (i, Nearest { raw, centre: cluster })
        };
        let mut changed: Vec<(u32, Nearest)> = members.iter().map(own).collect();
        let farthest = changed.iter().map(|own| own.1.raw).fold(0.0, f64::max);
        let Scratch { search, near, blocks } = scratch;
        search.within::<Euclidean, f64>(self.tree, centre, Self::limit(farthest));
        near.clear();
        let others = search.found.iter().filter(|&&c| c != cluster && (moved || self.moved[c as usize]));
        near.extend(others.map(|&c| (raw::<Euclidean, f64, f64>(centre, &self.centres[c as usize * d..][..d]), c)));
        if near.is_empty() {
            return Ok(if moved { changed } else { Vec::new() });
        }
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        blocks.clear();
        blocks.resize(near.len().div_ceil(LANES) * d, [f64::INFINITY; LANES]);
        for (at, &(_, c)) in near.iter().enumerate() {
            let block = &mut blocks[at / LANES * d..][..d];
            block.iter_mut().zip(&self.centres[c as usize * d..][..d]).for_each(|(column, v)| column[at % LANES] = *v);
        }
        for changed in changed.chunks_mut(TOGETHER) {
            simd::run(Members { points: self.points, rows: self.rows, near, blocks, changed });
            look()?;
        }
        Ok(changed)
    }
}

/// The members of a cluster beside the centres that are near: the body that is compiled for each instruction set.
struct Members<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    near: &'a [(f64, u32)],
    blocks: &'a [[f64; LANES]],
    changed: &'a mut [(u32, Nearest)],
}

impl<T: Scalar> simd::Kernel for Members<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let d = self.points.columns();
        for (i, best) in self.changed {
            let limit = ByCluster::<T>::limit(best.raw);
            let row = self.points.row(self.rows[*i as usize]);
            for (ids, block) in self.near.chunks(LANES).zip(self.blocks.chunks_exact(d)) {
                if ids[0].0 > limit {
                    break;
                }
                let mut raws = [0.0; LANES];
                for (v, column) in row.iter().zip(block) {
                    for lane in 0..LANES {
                        let difference = v.widen() - column[lane];
                        raws[lane] += difference * difference;
                    }
                }
                if raws.iter().all(|&raw| raw > best.raw) {
                    continue;
                }
                for (&raw, &(_, centre)) in raws.iter().zip(ids) {
                    if raw < best.raw || (raw == best.raw && centre < best.centre) {
                        *best = Nearest { raw, centre };
                    }
                }
            }
        }
    }
}
