//! The Gaussian kernel over so many rows that their features by the picks fit into memory: every gradient by the kernel itself.
//!
//! The rows with a weight (*passive*) are the pivots of a Cholesky factor K ≈ F Fᵀ: F_ij = ⟨φ_i, q_j⟩ with q the orthonormal basis
//! that they make in feature space. With c_j = ⟨q_j, mean⟩, the gradient of row i at the optimum over the passive rows is
//! μ_i − Σ_j F_ij c_j, the objective is ½ Σ c_j², and the rows of F of the passive rows are the factor of K_SS by which weights
//! are solved. A pick adds one column to F. A row that leaves is taken out of the basis by rotations of neighbouring columns.
//!
//! A block of rows gets its columns only when it may lead. One that has the first v columns, with E_ii = K_ii − Σ_{j<v} F_ij² left,
//! has a gradient of at most
//!
//! ```math
//! g_i = g_i^{(v)} - \sum_{j \ge v} F_{ij} c_j \le g_i^{(v)} + \sqrt{E_{ii} \textstyle\sum_{j \ge v} c_j^2}
//! ```
//!
//! and then gets all it lacks, four at a time. Rows are sorted by their means, so that those of a block have about as much left.

use rayon::prelude::*;

use super::gaussian::{ALL_MEANS, FEATURE_BYTES};
use super::greedy::{Chosen, Limits, MOST_PICKS, better, finish};
use crate::cholesky::{Cholesky, LEAST_PIVOT, Rotation};
use crate::distance::{LANES, Packed};
use crate::kernel::{self, Gaussian};
use crate::methods::Run;
use crate::{Look, Result, RowId, simd};

/// Blocks that are completed before the others.
const FIRST: usize = 32;
/// Blocks from which their work is worth several threads.
const PARALLEL: usize = 128;
/// Columns that a block gets at once.
const TOGETHER: usize = 4;
/// Picks after which the optimality conditions are checked by the kernel itself.
const CHECKED: usize = 128;
/// The part of the largest |μ| by which rounding changes a gradient, at most.
const ROUNDED: f64 = 1e-14;

/// Columns of the features of a class of so many rows, of which `count` are to be chosen to match `target` points; nothing if there
/// are too many.
pub(super) fn columns(rows: usize, count: usize, target: usize) -> Option<usize> {
    let columns = MOST_PICKS.min(count).min(rows);
    let bytes = 8 * columns * rows.next_multiple_of(LANES);
    (rows.saturating_mul(target) <= ALL_MEANS && bytes <= FEATURE_BYTES).then_some(columns)
}

/// Eight rows.
#[derive(Clone, Debug)]
struct Block {
    /// Columns of F that are known, and how many of the picks that left are dropped.
    known: usize,
    dropped: usize,
    /// μ − Σ F c over these.
    gradient: [f64; LANES],
    /// K_ii − Σ F² over these, and its root.
    left: [f64; LANES],
    root: [f64; LANES],
    /// 0, or −∞ for a row that is picked or no row.
    open: [f64; LANES],
}

/// The rows of a class, their features, and what is chosen.
struct Basis<'a> {
    kernel: Gaussian,
    look: Look<'a>,
    points: &'a Packed<f64>,
    /// The row at each place.
    rows: Vec<usize>,
    means: Vec<f64>,
    blocks: Vec<Block>,
    /// F, block by block, `stride` columns each.
    values: Vec<[f64; LANES]>,
    stride: usize,
    rounding: f64,
    /// Picks are places; the weight of each, and whether it is passive.
    picks: Vec<usize>,
    weights: Vec<f64>,
    is_passive: Vec<bool>,
    /// Positions in `picks`, their rows of the factor of K_SS, their coordinates, and c.
    passive: Vec<usize>,
    factor: Cholesky,
    coordinates: Vec<f64>,
    aim: Vec<f64>,
    /// What left the basis since all blocks were looked at.
    left: Vec<Left>,
}

/// What the columns of all blocks are made of.
struct Columns<'a> {
    kernel: Gaussian,
    points: &'a Packed<f64>,
    factor: &'a [Vec<f64>],
    coordinates: &'a [f64],
    aim: &'a [f64],
    left: &'a [Left],
}

impl Columns<'_> {
    /// Takes all that left out of a block, and gives it the columns that it lacks if `advance`.
    fn complete(&self, place: usize, block: &mut Block, values: &mut [[f64; LANES]], advance: bool) {
        if block.dropped < self.left.len() {
            simd::run(Drop { left: &self.left[block.dropped..], block, values });
            block.dropped = self.left.len();
        }
        if advance && block.known < self.factor.len() {
            simd::run(Advance { columns: self, place, block, values });
        }
    }
}

/// Gives a block the columns that it lacks.
struct Advance<'a> {
    columns: &'a Columns<'a>,
    place: usize,
    block: &'a mut Block,
    values: &'a mut [[f64; LANES]],
}

impl simd::Kernel for Advance<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { columns, place, block, values } = self;
        let &Columns { kernel, points, factor, coordinates, aim, .. } = columns;
        let d = points.columns();
        while block.known < factor.len() {
            let at = block.known;
            let many = TOGETHER.min(factor.len() - at);
            let mut sums = [[0.0; LANES]; TOGETHER];
            for (q, sum) in sums.iter_mut().enumerate().take(many) {
                *sum = kernel.block(points, &coordinates[(at + q) * d..][..d], place);
            }
            let done = &values[..at];
            if many == TOGETHER {
                let [a, b, c, e]: [&[f64]; TOGETHER] = std::array::from_fn(|q| &factor[at + q][..at]);
                let mut all = sums;
                for ((((value, a), b), c), e) in done.iter().zip(a).zip(b).zip(c).zip(e) {
                    for (sum, l) in all.iter_mut().zip([a, b, c, e]) {
                        for lane in 0..LANES {
                            sum[lane] -= value[lane] * l;
                        }
                    }
                }
                sums = all;
            } else {
                for (q, sum) in sums.iter_mut().enumerate().take(many) {
                    let mut parts = [[0.0; LANES]; 4];
                    let row = &factor[at + q][..at];
                    let (fours, values_of_fours) = (row.chunks_exact(4), done.chunks_exact(4));
                    for (l, value) in fours.remainder().iter().zip(values_of_fours.remainder()) {
                        for lane in 0..LANES {
                            sum[lane] -= value[lane] * l;
                        }
                    }
                    for (l, value) in fours.zip(values_of_fours) {
                        for part in 0..4 {
                            for lane in 0..LANES {
                                parts[part][lane] += value[part][lane] * l[part];
                            }
                        }
                    }
                    for lane in 0..LANES {
                        sum[lane] -= (parts[0][lane] + parts[1][lane]) + (parts[2][lane] + parts[3][lane]);
                    }
                }
            }
            for q in 0..many {
                let row = &factor[at + q];
                let mut column = sums[q];
                for p in 0..q {
                    for lane in 0..LANES {
                        column[lane] -= values[at + p][lane] * row[at + p];
                    }
                }
                let inverse = 1.0 / row[at + q];
                for lane in 0..LANES {
                    column[lane] *= inverse;
                    block.left[lane] = (block.left[lane] - column[lane] * column[lane]).max(0.0);
                    block.gradient[lane] -= column[lane] * aim[at + q];
                }
                values[at + q] = column;
            }
            block.known += many;
        }
        for lane in 0..LANES {
            block.root[lane] = block.left[lane].sqrt();
        }
    }
}

/// A pick that left the basis: neighbouring columns, from one on, are rotated so that its direction is the last.
struct Left {
    at: usize,
    rotations: Vec<Rotation>,
    /// c of the direction, after so many rotations.
    carried: Vec<f64>,
}

/// Takes the picks that left out of a block: of the columns that are known, the last one is dropped.
struct Drop<'a> {
    left: &'a [Left],
    block: &'a mut Block,
    values: &'a mut [[f64; LANES]],
}

impl simd::Kernel for Drop<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { left, block, values } = self;
        for Left { at, rotations, carried } in left {
            if block.known <= *at {
                continue;
            }
            let last = block.known - 1;
            let mut carry = values[*at];
            for (j, &(c, s)) in (*at..last).zip(rotations) {
                let next = values[j + 1];
                for lane in 0..LANES {
                    values[j][lane] = c * carry[lane] + s * next[lane];
                    carry[lane] = c * next[lane] - s * carry[lane];
                }
            }
            block.known = last;
            for lane in 0..LANES {
                block.left[lane] += carry[lane] * carry[lane];
                block.gradient[lane] += carry[lane] * carried[last - at];
            }
        }
        for lane in 0..LANES {
            block.root[lane] = block.left[lane].sqrt();
        }
    }
}

impl Basis<'_> {
    /// What columns are made of, and the blocks with their columns.
    fn split(&mut self) -> (Columns<'_>, &mut [Block], &mut [[f64; LANES]]) {
        let (factor, coordinates, aim, left) = (self.factor.rows(), &self.coordinates, &self.aim, &self.left);
        let columns = Columns { kernel: self.kernel, points: self.points, factor, coordinates, aim, left };
        (columns, &mut self.blocks, &mut self.values)
    }

    /// Takes all that left out of the blocks that are wanted, and gives them the columns that they lack if `advance`.
    fn complete(&mut self, wanted: impl Fn(usize) -> bool + Sync, advance: bool) -> Result<()> {
        let (stride, look) = (self.stride, self.look);
        let (columns, blocks, values) = self.split();
        let parallel = blocks.len() >= PARALLEL && rayon::current_num_threads() > 1;
        let complete = |(place, (block, values)): (usize, (&mut Block, &mut [[f64; LANES]]))| {
            if wanted(place) {
                look()?;
                columns.complete(place, block, values, advance);
            }
            Ok(())
        };
        if parallel {
            let blocks = blocks.par_iter_mut().zip(values.par_chunks_mut(stride)).enumerate();
            blocks.with_min_len(PARALLEL / 4).try_for_each(complete)
        } else {
            blocks.iter_mut().zip(values.chunks_mut(stride)).enumerate().try_for_each(complete)
        }
    }

    /// Gives one block all columns.
    fn advance(&mut self, place: usize) {
        let stride = self.stride;
        let (columns, blocks, values) = self.split();
        columns.complete(place, &mut blocks[place], &mut values[place * stride..][..stride], true);
    }

    /// The gradient of a place, and what is left of its diagonal entry.
    fn exact(&mut self, place: usize) -> (f64, f64) {
        self.advance(place / LANES);
        let block = &self.blocks[place / LANES];
        (block.gradient[place % LANES], block.left[place % LANES])
    }

    /// The place with the largest gradient, of equals the lowest row; and the gradient.
    fn leader(&mut self) -> Result<Option<(usize, f64)>> {
        self.complete(|_| true, false)?;
        self.left.clear();
        self.blocks.iter_mut().for_each(|block| block.dropped = 0);
        // What the columns from one on can add, at most.
        let mut tails = vec![0.0; self.aim.len() + 1];
        for (j, c) in self.aim.iter().enumerate().rev() {
            tails[j] = tails[j + 1] + c * c;
        }
        tails.iter_mut().for_each(|tail| *tail = tail.sqrt() * (1.0 + 1e-12));
        let bound = |block: &Block| {
            let tail = tails[block.known];
            let lanes: [f64; LANES] =
                std::array::from_fn(|lane| block.gradient[lane] + block.root[lane] * tail + block.open[lane]);
            lanes.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        };
        // First a few that are likely, so that few others may still lead.
        let mut bounds: Vec<(f64, usize)> = self.blocks.iter().map(bound).zip(0..).collect();
        let some = FIRST.min(bounds.len() - 1);
        bounds.select_nth_unstable_by(some, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (likely, others) = bounds.split_at(some.max(1));
        let best = self.lead(likely, None)?;
        let least = best.as_ref().map_or(f64::NEG_INFINITY, |b| b.gradient - self.rounding);
        let others: Vec<(f64, usize)> = others.iter().copied().filter(|b| b.0 >= least).collect();
        let Some(best) = self.lead(&others, best)? else { return Ok(None) };
        // Of gradients that differ by rounding alone, as those of equal rows, the kernel itself decides.
        let columns = self.factor.len();
        let least = best.gradient - self.rounding;
        let lanes = |at: usize| (at * LANES..).take(LANES);
        let current = (0..self.blocks.len()).filter(|&at| self.blocks[at].known == columns).flat_map(lanes);
        let near = |&place: &usize| {
            let (block, lane) = (&self.blocks[place / LANES], place % LANES);
            block.open[lane] == 0.0 && block.gradient[lane] >= least
        };
        let near: Vec<usize> = current.filter(near).collect();
        if near.len() < 2 {
            return Ok(Some((best.place, best.gradient)));
        }
        let support: Vec<(usize, f64)> =
            self.picks.iter().copied().zip(self.weights.iter().copied()).filter(|s| s.1 > 0.0).collect();
        let gradients = self.gradients_by_kernel(&near, &support)?;
        let own = near.iter().zip(gradients).map(|(&place, g)| Leading { row: self.rows[place], place, gradient: g });
        let best = own.reduce(|a, b| if better((a.row, a.gradient), (b.row, b.gradient)).0 == b.row { b } else { a });
        Ok(best.map(|best| (best.place, best.gradient)))
    }

    /// Gradients of places by the kernel itself, for the weights of some.
    fn gradients_by_kernel(&self, places: &[usize], support: &[(usize, f64)]) -> Result<Vec<f64>> {
        if support.is_empty() {
            return Ok(places.iter().map(|&place| self.means[place]).collect());
        }
        let d = self.points.columns();
        let points = Packed::fill(support.len(), d, |i, out| self.points.copy_row(support[i].0, out), self.look)?;
        let mut lanes = vec![[0.0; LANES]; support.len().div_ceil(LANES)];
        support.iter().enumerate().for_each(|(i, s)| lanes[i / LANES][i % LANES] = s.1);
        let mut queries = vec![0.0; places.len() * d];
        queries.chunks_exact_mut(d).zip(places).for_each(|(out, &place)| self.points.copy_row(place, out));
        let sums = self.kernel.sums(&points, &queries, &lanes, self.look)?;
        Ok(places.iter().zip(sums).map(|(&place, sum)| self.means[place] - sum).collect())
    }

    /// The best of these blocks and what is best so far.
    fn lead(&mut self, blocks: &[(f64, usize)], mut best: Option<Leading>) -> Result<Option<Leading>> {
        let mut wanted = vec![false; self.blocks.len()];
        blocks.iter().for_each(|b| wanted[b.1] = true);
        self.complete(|place| wanted[place], true)?;
        for (block, _) in wanted.iter().enumerate().filter(|w| *w.1) {
            for lane in 0..LANES {
                let (place, gradient) = (block * LANES + lane, self.blocks[block].gradient[lane]);
                if self.blocks[block].open[lane] == 0.0 {
                    let (row, old) = (self.rows[place], best.as_ref().map(|b| (b.row, b.gradient)));
                    if old.is_none_or(|old| better(old, (row, gradient)).0 == row) {
                        best = Some(Leading { row, place, gradient });
                    }
                }
            }
        }
        Ok(best)
    }

    /// Makes a pick passive, unless it depends on those that are.
    fn enter(&mut self, pick: usize) -> bool {
        let place = self.picks[pick];
        let (gradient, left) = self.exact(place);
        if left <= LEAST_PIVOT {
            return false;
        }
        let (block, lane, known) = (place / LANES, place % LANES, self.factor.len());
        let mut row: Vec<f64> = self.values[block * self.stride..][..known].iter().map(|v| v[lane]).collect();
        row.push(left.sqrt());
        self.factor.push(row);
        self.aim.push(gradient / left.sqrt());
        let d = self.points.columns();
        self.coordinates.resize((known + 1) * d, 0.0);
        self.points.copy_row(place, &mut self.coordinates[known * d..]);
        self.passive.push(pick);
        self.is_passive[pick] = true;
        true
    }

    /// Takes a pick out of the basis.
    fn leave(&mut self, pick: usize) {
        let Some(at) = self.passive.iter().position(|&p| p == pick) else { return };
        let d = self.points.columns();
        self.passive.remove(at);
        self.is_passive[pick] = false;
        self.coordinates.drain(at * d..(at + 1) * d);
        let rotations = self.factor.remove(at);
        let mut carried = vec![self.aim[at]];
        for (j, &(c, s)) in (at..).zip(&rotations) {
            let (carry, next) = (carried[j - at], self.aim[j + 1]);
            self.aim[j] = c * carry + s * next;
            carried.push(c * next - s * carry);
        }
        self.aim.pop();
        self.left.push(Left { at, rotations, carried });
    }

    /// The optimum over the passive picks; zero for others.
    fn solve(&self) -> Vec<f64> {
        let mut values = self.aim.clone();
        self.factor.backward(&mut values);
        let mut weights = vec![0.0; self.picks.len()];
        self.passive.iter().zip(values).for_each(|(&p, v)| weights[p] = v);
        weights
    }

    /// Adds a pick. The weights are optimal again when this returns: the active-set method of `nnls.rs`.
    fn push(&mut self, place: usize, tolerance: f64) -> Result<()> {
        let new = self.picks.len();
        self.picks.push(place);
        self.weights.push(0.0);
        self.is_passive.push(false);
        self.blocks[place / LANES].open[place % LANES] = f64::NEG_INFINITY;
        let mut entered = new;
        let mut barred = vec![false; new + 1];
        barred[new] = !self.enter(new);
        let mut retries = 10;
        for step in 0..40 * (new + 10) {
            (self.look)()?;
            let target = self.solve();
            let outside: Vec<usize> = self.passive.iter().copied().filter(|&p| target[p] <= 0.0).collect();
            if outside.is_empty() {
                self.weights = target;
                if self.is_passive[entered] && !barred[entered] && retries > 0 {
                    retries -= 1;
                    barred.fill(false);
                }
                let free: Vec<usize> = (0..=new).filter(|&i| !self.is_passive[i] && !barred[i]).collect();
                let mut worst = (0, tolerance);
                for pick in free {
                    let gradient = self.exact(self.picks[pick]).0;
                    if gradient > worst.1 {
                        worst = (pick, gradient);
                    }
                }
                if worst.1 <= tolerance || step >= 20 * (new + 10) {
                    return Ok(());
                }
                if self.enter(worst.0) {
                    entered = worst.0;
                } else {
                    barred[worst.0] = true;
                }
            } else if self.is_passive[entered] && self.weights[entered] == 0.0 && target[entered] <= 0.0 {
                barred[entered] = true;
                self.leave(entered);
            } else {
                let reach = |p: usize| match self.weights[p] {
                    w if w > 0.0 => w / (w - target[p]),
                    _ => 0.0,
                };
                let part = outside.iter().map(|&p| reach(p)).fold(1.0, f64::min);
                let leaving: Vec<usize> = outside.iter().copied().filter(|&p| reach(p) <= part).collect();
                for &p in &self.passive {
                    self.weights[p] = (self.weights[p] + part * (target[p] - self.weights[p])).max(0.0);
                }
                for p in leaving {
                    self.weights[p] = 0.0;
                    self.leave(p);
                }
            }
        }
        Ok(())
    }

    /// The gradients of the picks by the kernel itself.
    fn true_gradients(&self, weights: &[f64]) -> Result<Vec<f64>> {
        let support: Vec<(usize, f64)> = self.picks.iter().copied().zip(weights.iter().copied()).collect();
        self.gradients_by_kernel(&self.picks, &support)
    }

    /// How far the weights are from optimal: the largest |gᵢ| where wᵢ > 0, or gᵢ where wᵢ = 0.
    fn residual(&self) -> Result<f64> {
        let off = |(&w, g): (&f64, f64)| if w > 0.0 { g.abs() } else { g };
        Ok(self.weights.iter().zip(self.true_gradients(&self.weights)?).map(off).fold(0.0, f64::max))
    }

    /// Refines the weights with their own residual, if that is better.
    fn refine(&mut self) -> Result<()> {
        let before = self.residual()?;
        let gradients = self.true_gradients(&self.weights)?;
        let mut values: Vec<f64> = self.passive.iter().map(|&p| gradients[p]).collect();
        self.factor.forward(&mut values);
        self.factor.backward(&mut values);
        let mut refined = self.weights.clone();
        self.passive.iter().zip(values).for_each(|(&p, v)| refined[p] += v);
        if self.passive.iter().all(|&p| refined[p] > 0.0) {
            let old = std::mem::replace(&mut self.weights, refined);
            if self.residual()? > before {
                self.weights = old;
            }
        }
        Ok(())
    }
}

/// A row that leads.
struct Leading {
    row: usize,
    place: usize,
    gradient: f64,
}

/// The greedy choice of `count` of the rows, whose points and means are given in their order; `stride` is that of [`columns`].
pub(super) fn choose(
    run: &Run<'_>,
    kernel: Gaussian,
    points: Packed<f64>,
    target: Option<(Packed<f64>, usize)>,
    rows: &[RowId],
    count: usize,
    stride: usize,
) -> Result<Chosen> {
    let look: Look<'_> = &|| run.step(0);
    let (n, d) = (rows.len(), points.columns());
    let mut of_row = Vec::with_capacity(n);
    let (aims, many) = target.as_ref().map_or((&points, n), |t| (&t.0, t.1));
    let ones = kernel::ones(many);
    for begin in (0..n).step_by(256) {
        let some = begin..n.min(begin + 256);
        let mut queries = vec![0.0; some.len() * d];
        queries.chunks_exact_mut(d).zip(some).for_each(|(out, row)| points.copy_row(row, out));
        of_row.extend(kernel.sums(aims, &queries, &ones, look)?.into_iter().map(|sum| sum / many as f64));
    }
    drop(target);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by(|&a, &b| of_row[b].total_cmp(&of_row[a]).then(a.cmp(&b)));
    let sorted = Packed::fill(n, d, |i, out| points.copy_row(order[i], out), look)?;
    drop(points);
    let means: Vec<f64> = order.iter().map(|&row| of_row[row]).collect();
    drop(of_row);
    let scale = means.first().copied().unwrap_or(0.0);
    let block = |at: usize| {
        let of = |lane: usize| means.get(at * LANES + lane).copied();
        Block {
            known: 0,
            dropped: 0,
            gradient: std::array::from_fn(|lane| of(lane).unwrap_or(0.0)),
            left: [1.0; LANES],
            root: [1.0; LANES],
            open: std::array::from_fn(|lane| if of(lane).is_some() { 0.0 } else { f64::NEG_INFINITY }),
        }
    };
    let blocks: Vec<Block> = (0..n.div_ceil(LANES)).map(block).collect();
    let mut basis = Basis {
        kernel,
        look,
        points: &sorted,
        rows: order,
        means,
        // Memory is taken page by page as columns are written.
        values: vec![[0.0; LANES]; blocks.len() * stride],
        blocks,
        stride,
        rounding: ROUNDED * scale,
        picks: Vec::new(),
        weights: Vec::new(),
        is_passive: Vec::new(),
        passive: Vec::new(),
        factor: Cholesky::default(),
        coordinates: Vec::new(),
        aim: Vec::new(),
        left: Vec::new(),
    };
    let limits = Limits::new(scale, 1.0);
    let relative = |residual: f64| if scale > 0.0 { residual / scale } else { 0.0 };
    let mut found = Chosen::default();
    while basis.picks.len() < count {
        if basis.picks.len() == MOST_PICKS {
            found.capped = Some(MOST_PICKS);
            break;
        }
        let Some((place, _)) = basis.leader()?.filter(|leader| leader.1 > limits.zero) else {
            found.exhausted = Some(basis.picks.len());
            break;
        };
        basis.push(place, limits.optimal)?;
        found.scores.push(0.5 * basis.aim.iter().map(|c| c * c).sum::<f64>());
        if basis.picks.len().is_multiple_of(CHECKED) {
            found.residual = found.residual.max(relative(basis.residual()?));
        }
        run.step(1)?;
    }
    basis.refine()?;
    found.residual = found.residual.max(relative(basis.residual()?));
    found.weights = basis.weights.clone();
    basis.complete(|_| true, true)?;
    let mut gradients = vec![0.0; n];
    for (place, &row) in basis.rows.iter().enumerate() {
        let block = &basis.blocks[place / LANES];
        gradients[row] = block.gradient[place % LANES];
        found.trace_error += block.left[place % LANES] / n as f64;
    }
    found.rank = basis.passive.len();
    let picks: Vec<usize> = basis.picks.iter().map(|&place| basis.rows[place]).collect();
    finish(&mut found, run, rows, &picks, count, limits.zero, || Ok(gradients))?;
    Ok(found)
}
