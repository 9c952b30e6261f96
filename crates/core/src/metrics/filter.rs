//! Rows that are certainly covered well enough, found cheaply: nearly all of them. What is left is searched.
//!
//! Once a lower bound of ε is known, a row matters only if no point is certainly nearer than that.
//!
//! - In few columns, a **grid** whose cells are so small that two points of a cell are nearer than the bound: a row in a cell that has a point is
//!   done. (Cells are known by all their coordinates, so two cells are never taken for one.) Two grids, shifted by half a cell, find more.
//! - In many columns, and the Euclidean or the cosine distance, **tiles** in f32 with a bound on their error ([`crate::distance::tiles`]): a row that
//!   is not far out has seen a point within ε after a few.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::distance::tiles::{Frame, GROUP, Panels, Query, WIDTH, any_from};
use crate::distance::{Metric, to_unit_length};
use crate::monitor::Pace;
use crate::simd::Bounds;
use crate::{Look, Points, Result, RowId, Scalar, with_points};

/// f32 values of rows that are looked at together: they stay in the cache.
const VALUES: usize = 1 << 16;

/// Columns up to which there is a grid.
const GRID: usize = 4;

/// Columns from which on there are tiles.
const TILES: usize = 5;

/// Whether there are tiles.
fn has_tiles(columns: usize, metric: Metric) -> bool {
    columns >= TILES && matches!(metric, Metric::Euclidean | Metric::Cosine)
}

/// Whether there is a grid, if its cells can be counted.
fn has_grid(columns: usize, metric: Metric) -> bool {
    columns <= GRID && metric != Metric::Cosine
}

/// Bytes that [`super::epsilon()`] takes for each kept point to find rows that are near enough, beside its trees.
pub fn filter_bytes(columns: usize, metric: Metric) -> usize {
    if has_tiles(columns, metric) {
        4 * columns + 20
    } else if has_grid(columns, metric) {
        36
    } else {
        0
    }
}

/// What finds the rows that are covered.
pub(super) enum Filter {
    Tiles(Tiles),
    Grid(Grid),
    None,
}

impl Filter {
    /// For points of which `least` is a lower bound of the raw ε.
    pub(super) fn new<'p, T: Scalar>(
        metric: Metric,
        least: f64,
        targets: &[(u32, u32)],
        columns: usize,
        point: &(impl Fn(u32) -> &'p [T] + Sync),
        look: Look<'_>,
    ) -> Result<Self> {
        Ok(if has_tiles(columns, metric) {
            Self::Tiles(Tiles::new(targets, columns, point, look)?)
        } else if has_grid(columns, metric) {
            Grid::new(metric, least, targets, columns, point).map_or(Self::None, Self::Grid)
        } else {
            Self::None
        })
    }

    /// Rows that are looked at together.
    pub(super) fn chunk(&self, columns: usize) -> usize {
        if matches!(self, Self::Tiles(_)) { (VALUES / columns).clamp(8 * GROUP, 1024) } else { 1024 }
    }

    /// The rows that are left, if a raw distance below `least` is near enough. `scaled`: rows are scaled to length 1.
    pub(super) fn left(
        &self,
        points: &Points<'_>,
        rows: &[RowId],
        least: f64,
        scaled: bool,
        look: Look<'_>,
    ) -> Result<Vec<RowId>> {
        Ok(match self {
            Self::Tiles(filter) => crate::simd::run_bounds(Left { filter, points, rows, least, scaled, look })?,
            // Its cells are of an earlier bound, which was no larger.
            Self::Grid(grid) => {
                with_points!(points, |m| { rows.iter().copied().filter(|&row| !grid.covers(m.row(row))).collect() })
            }
            Self::None => rows.to_vec(),
        })
    }
}

/// Cells that have a point.
pub(super) struct Grid {
    low: Vec<f64>,
    inverse: f64,
    /// The highest cell of a column.
    last: f64,
    cells: [HashSet<u64, BuildHasherDefault<Mixed>>; 2],
}

impl Grid {
    fn new<'p, T: Scalar>(
        metric: Metric,
        least: f64,
        targets: &[(u32, u32)],
        columns: usize,
        point: &impl Fn(u32) -> &'p [T],
    ) -> Option<Self> {
        // The width at which two points of a cell are at most at that distance, and a little less: far more than roundings take.
        let parts = columns as f64;
        let width = match metric {
            Metric::Chebyshev => least,
            Metric::Manhattan => least / parts,
            Metric::Euclidean | Metric::Cosine => (least / parts).sqrt(),
        } * (1.0 - 1e-9);
        let (mut low, mut high) = (vec![f64::INFINITY; columns], f64::NEG_INFINITY);
        for target in targets {
            for (low, v) in low.iter_mut().zip(point(target.0)) {
                *low = low.min(v.widen());
            }
        }
        for target in targets {
            for (low, v) in low.iter().zip(point(target.0)) {
                high = high.max(v.widen() - low);
            }
        }
        let last = ((1u64 << (64 / columns).min(20)) - 1) as f64;
        let inverse = 1.0 / width;
        if !(inverse.is_normal() && width > 0.0 && high * inverse + 1.0 < last) {
            return None;
        }
        let mut grid = Self { low, inverse, last, cells: [HashSet::default(), HashSet::default()] };
        for target in targets {
            for (shift, cells) in [0.0, 0.5].into_iter().zip(&mut grid.cells) {
                cells.extend(cell(point(target.0), &grid.low, inverse, last, shift));
            }
        }
        Some(grid)
    }

    /// Whether there is a point in the cell of the row.
    #[inline(always)]
    fn covers<T: Scalar>(&self, row: &[T]) -> bool {
        let has = |shift: f64, cells: &HashSet<u64, _>| {
            cell(row, &self.low, self.inverse, self.last, shift).is_some_and(|cell| cells.contains(&cell))
        };
        has(0.0, &self.cells[0]) || has(0.5, &self.cells[1])
    }
}

/// The cell of a point, all its coordinates in one number; none outside of the grid.
#[inline(always)]
fn cell<T: Scalar>(row: &[T], low: &[f64], inverse: f64, last: f64, shift: f64) -> Option<u64> {
    let bits = 64 / row.len();
    let mut cell = 0u64;
    for (v, low) in row.iter().zip(low) {
        let at = (v.widen() - low) * inverse + shift;
        if !(0.0..=last).contains(&at) {
            return None;
        }
        // (A shift by 64 bits is that of a single column, which has nothing to shift.)
        cell = cell.checked_shl(bits as u32).unwrap_or(0) | at as u64;
    }
    Some(cell)
}

/// Mixes the bits of a cell: neighbouring cells are everywhere.
#[derive(Clone, Copy, Debug, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// The reduced points of one class in f32, in the order in which they are looked at.
pub(super) struct Tiles {
    frame: Frame,
    panels: Panels,
}

impl Tiles {
    fn new<'p, T: Scalar>(
        targets: &[(u32, u32)],
        columns: usize,
        point: &(impl Fn(u32) -> &'p [T] + Sync),
        look: Look<'_>,
    ) -> Result<Self> {
        // Neighbours in a file are often alike; looked at in another order, some point of every region comes soon.
        let mut order: Vec<(u64, u32)> =
            targets.iter().map(|target| (crate::Seed(0).key(RowId(target.0)), target.0)).collect();
        order.sort_unstable();
        let frame = Frame::of(columns, order.iter().map(|target| point(target.1)), look)?;
        let panels = Panels::new(&frame, order.len(), |i| order.get(i).map(|target| point(target.1)), look)?;
        Ok(Self { frame, panels })
    }
}

/// The rows to which no point is certainly nearer than `least`, a raw distance.
struct Left<'a> {
    filter: &'a Tiles,
    points: &'a Points<'a>,
    rows: &'a [RowId],
    least: f64,
    scaled: bool,
    look: Look<'a>,
}

impl Bounds for Left<'_> {
    type Output = Result<Vec<RowId>>;

    #[inline(always)]
    fn run<const FUSED: bool>(self) -> Result<Vec<RowId>> {
        let Self { filter, points, rows, least, scaled, look } = self;
        let columns = filter.frame.columns();
        let mut values = vec![0.0f32; rows.len() * columns];
        let mut queries = Vec::with_capacity(rows.len());
        let outs = rows.iter().zip(values.chunks_exact_mut(columns));
        if scaled {
            let mut direction = vec![0.0; columns];
            for (&row, out) in outs {
                points.widen_row(row, &mut direction);
                to_unit_length(&mut direction);
                queries.push(filter.frame.query(&direction, out));
            }
        } else {
            with_points!(points, |m| for (&row, out) in outs {
                queries.push(filter.frame.query(m.row(row), out));
            });
        }
        let of = |at: usize| &values[at * columns..][..columns];
        let left = sifted::<FUSED>(filter, &queries, of, least, look)?;
        Ok(left.into_iter().map(|at| rows[at as usize]).collect())
    }
}

/// Positions of the rows that are left. Panels are looked at in batches, and rows that have seen a point that is near enough leave.
#[inline(always)]
fn sifted<'v, const FUSED: bool>(
    filter: &Tiles,
    queries: &[Query],
    values: impl Fn(usize) -> &'v [f32],
    least: f64,
    look: Look<'_>,
) -> Result<Vec<u32>> {
    let certain: Vec<f32> = queries.iter().map(|query| query.certain(&filter.frame, least)).collect();
    let mut left: Vec<u32> = (0..queries.len() as u32).collect();
    let mut next = Vec::with_capacity(left.len());
    let mut pace = Pace::new(look);
    let mut begin = 0;
    while begin < filter.panels.count() && !left.is_empty() {
        // Twice as many each time: whoever is left is likely to stay for longer.
        let end = filter.panels.count().min(begin + begin.max(1));
        next.clear();
        for group in left.chunks(GROUP) {
            let member = |q: usize| group[q.min(group.len() - 1)] as usize;
            let own: [&[f32]; GROUP] = std::array::from_fn(|q| values(member(q)));
            let certain: [f32; GROUP] = std::array::from_fn(|q| certain[member(q)]);
            let mut near = [false; GROUP];
            for panel in begin..end {
                pace.work(GROUP * WIDTH * filter.frame.columns())?;
                let scores = filter.panels.scores::<FUSED>(own, panel);
                for q in 0..GROUP {
                    near[q] |= any_from(&scores[q], certain[q]);
                }
                if near == [true; GROUP] {
                    break;
                }
            }
            next.extend(group.iter().zip(near).filter(|(_, near)| !near).map(|(&at, _)| at));
        }
        std::mem::swap(&mut left, &mut next);
        begin = end;
    }
    Ok(left)
}
