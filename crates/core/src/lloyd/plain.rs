//! The search without bounds, where centres may be equal: a kd-tree of the centres that moved, and one of the others, which is searched if the own centre moved
//! away.

use rayon::prelude::*;

use super::nearest::{Nearest, VANISHING};
use crate::distance::{Euclidean, LANES, raw};
use crate::geometry::{Node, Tree, Visitor};
use crate::{Error, Look, Matrix, Result, RowId, Scalar, simd};

/// Gives every row its nearest centre, the lowest among equals. Rows must hold their nearest among the centres as they
/// were before those in `moved` did (or no centre at all), at a distance that is off by at most `looseness`, relatively. Centres may be equal.
/// Afterwards distances are exact.
pub(super) fn assign<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    centres: &[f64],
    moved: &[bool],
    looseness: f64,
    nearest: &mut [Nearest],
    check: &(impl Fn() -> Result<()> + Sync),
) -> Result<()> {
    let d = points.columns();
    let centre = |id: u32| &centres[id as usize * d..][..d];
    let tree_of = |ids: Vec<u32>| {
        let ids = first_of_equal(ids, centre);
        if ids.is_empty() {
            return Ok::<_, Error>(None);
        }
        Ok(Some((Tree::new(ids.len(), d, |i| centre(ids[i]), check)?, ids)))
    };
    let of_moved = tree_of((0..moved.len() as u32).filter(|&c| moved[c as usize]).collect())?;
    let of_still = tree_of((0..moved.len() as u32).filter(|&c| !moved[c as usize]).collect())?;
    nearest.par_chunks_mut(1024).zip(rows.par_chunks(1024)).try_for_each(|(nearest, rows)| {
        simd::run(Assign {
            points,
            centres,
            moved,
            looseness,
            of_moved: of_moved.as_ref(),
            of_still: of_still.as_ref(),
            nearest,
            rows,
            look: check,
        })
    })
}

/// The first of equal centres, ascending: no row is assigned to another one. Without this, a row would test all centres that are
/// equal to its own.
fn first_of_equal<'a>(mut ids: Vec<u32>, centre: impl Fn(u32) -> &'a [f64] + Sync) -> Vec<u32> {
    let compare = |a: u32, b: u32| {
        let differ = centre(a).iter().zip(centre(b)).map(|(x, y)| x.partial_cmp(y));
        differ.flatten().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    };
    ids.par_sort_unstable_by(|&a, &b| compare(a, b).then(a.cmp(&b)));
    ids.dedup_by(|next, kept| compare(*next, *kept).is_eq());
    ids.par_sort_unstable();
    ids
}

/// A tree of some centres, and which they are.
type Subset = (Tree<f64>, Vec<u32>);

/// One chunk of rows assigned: the body that is compiled for each instruction set.
struct Assign<'a, T> {
    points: &'a Matrix<'a, T>,
    centres: &'a [f64],
    moved: &'a [bool],
    looseness: f64,
    of_moved: Option<&'a Subset>,
    of_still: Option<&'a Subset>,
    nearest: &'a mut [Nearest],
    rows: &'a [RowId],
    look: Look<'a>,
}

impl<T: Scalar> simd::Kernel for Assign<'_, T> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self) -> Result<()> {
        let d = self.points.columns();
        let mut stack = Vec::new();
        let mut query = vec![0.0; d];
        for (own, &row) in self.nearest.iter_mut().zip(self.rows) {
            (self.look)()?;
            for (q, v) in query.iter_mut().zip(self.points.row(row)) {
                *q = v.widen();
            }
            let mut farther = !own.is_some();
            if own.is_some() && (self.looseness > 0.0 || self.moved[own.centre as usize]) {
                let now = raw::<Euclidean, f64, f64>(&query, &self.centres[own.centre as usize * d..][..d]);
                farther = now > own.raw * (1.0 - self.looseness) - if self.looseness > 0.0 { VANISHING } else { 0.0 };
                own.raw = now;
            }
            // Centres that stood still were no nearer than the old distance: only if it grew can one be nearest now.
            for tree in [self.of_moved, self.of_still.filter(|_| farther)].into_iter().flatten() {
                let mut search = Search { tree, query: &query, best: *own };
                tree.0.descend::<Euclidean>(&query, &mut stack, &mut search);
                *own = search.best;
            }
        }
        Ok(())
    }
}

/// The nearest centre so far, the lowest among equals.
struct Search<'a> {
    tree: &'a Subset,
    query: &'a [f64],
    best: Nearest,
}

impl Visitor for Search<'_> {
    #[inline(always)]
    fn enter(&mut self, _: usize, raw: f64) -> bool {
        raw <= self.best.raw
    }

    #[inline(always)]
    fn leaf(&mut self, node: Node) {
        for block in node.begin as usize..node.end as usize {
            let raws = self.tree.0.packed().raw::<Euclidean>(self.query, block);
            for (lane, &raw) in raws.iter().enumerate() {
                if raw > self.best.raw {
                    continue;
                }
                // Slots beyond the last repeat it.
                let slot = (block * LANES + lane).min(self.tree.0.len() - 1);
                let centre = self.tree.1[self.tree.0.id(slot)];
                if raw < self.best.raw || centre < self.best.centre {
                    self.best = Nearest { raw, centre };
                }
            }
        }
    }
}
