//! Lower bounds of distances, and tiles for the centres that bounds do not leave out.
//!
//! Each row has a lower bound of its distance to the centres of each *part* of the centres, other than its own. A bound shrinks by the farthest move in
//! its part. While the own centre is certainly nearer than that, nobody of the part is looked at (Hamerly, SDM 2010; Ding et al., ICML 2015). Bounds are
//! whole numbers of 16 bits in a unit that makes the extent of the centres some 44,000, rounded down; own distances and moves are rounded up.
//!
//! In few columns a part is one panel or several, and rows are compared with it in groups ([`crate::distance::tiles`]). From [`WIDE`] columns on a part is as
//! small as memory allows, down to one centre, and a row is compared with single centres, unless it has to look at most of them.
//!
//! Scores in f32 leave out what is certainly farther. Of the rest, the nearest is found by distances that are summed in f64 in any order, and by the scalar
//! definition if those differ by no more than their rounding.

use std::ops::Range;

use rayon::prelude::*;

use super::nearest::{Nearest, VANISHING, close, exact, looseness};
use crate::distance::tiles::{Frame, GROUP, Panels, Query, Singles, WIDTH, highest};
use crate::geometry::Tree;
use crate::{Matrix, Result, RowId, Scalar, simd};

/// Columns from which on a part can be less than a panel.
const WIDE: usize = 128;

/// Parts of the centres at most, in few columns and in many. (Bits of [`Looks`].)
const PARTS: usize = 24;
const MANY_PARTS: usize = 96;

/// Bounds that are brought up to date together.
const LANES: usize = 8;

/// f32 values of rows that are looked at together: they stay in the cache.
const VALUES: usize = 1 << 15;

/// Places of the units that parts consist of, and parts, of so many centres.
fn shape(clusters: usize, columns: usize) -> (usize, usize) {
    let many = if columns < WIDE { PARTS } else { (columns / 8).clamp(PARTS, MANY_PARTS) };
    let panels = clusters.div_ceil(WIDTH);
    if columns < WIDE || clusters > many * WIDTH / 2 { (WIDTH, panels.min(many)) } else { (1, clusters.min(many)) }
}

/// Bytes of bounds and tiles.
pub(super) fn memory(rows: usize, clusters: usize, columns: usize) -> u64 {
    let (unit, parts) = shape(clusters, columns);
    let singles = if unit == 1 { Singles::memory(clusters, columns) } else { 0 };
    Panels::memory(clusters, columns) + singles + (rows * 2 * parts.next_multiple_of(LANES) + clusters * 12) as u64
}

/// Lower bounds.
pub(super) struct Bounds {
    /// For each row, of each part, the distance to every centre of the part other than the row's own: at least this. Beyond the last part all is far.
    apart: Vec<u16>,
    /// By how much the centres of each part have moved, at most.
    moves: Vec<u16>,
    /// What distances are multiplied with.
    unit: f64,
    /// In which place each centre is, and the other way round. Centres of a part are near one another when they start.
    places: Vec<u32>,
    centres: Vec<u32>,
    /// The places of each part, and whose part each place is.
    parts: Vec<Range<usize>>,
    part_of: Vec<u32>,
    /// Whether parts are of single centres, not of panels.
    single: bool,
}

impl Bounds {
    pub(super) fn new(centres: &[f64], d: usize, rows: usize, look: crate::Look<'_>) -> Result<Self> {
        let k = centres.len() / d;
        let centre = |i: usize| &centres[i * d..][..d];
        let tree = Tree::new(k, d, centre, look)?;
        let order: Vec<u32> = (0..k).map(|slot| tree.id(slot) as u32).collect();
        drop(tree);
        let mut places = vec![0; k];
        for (place, &centre) in (0..).zip(&order) {
            places[centre as usize] = place;
        }
        let (step, count) = shape(k, d);
        let units = k.div_ceil(step);
        let part = |p: usize| units * p / count * step..(units * (p + 1) / count * step).min(k);
        let parts: Vec<_> = (0..count).map(part).collect();
        let part_of = (0..).zip(&parts).flat_map(|(p, places)| std::iter::repeat_n(p, places.len())).collect();
        let radius = Frame::of(d, (0..k).map(centre), look)?.radius();
        let unit = if radius > 0.0 && radius.is_finite() { f64::from(u16::MAX) / (3.0 * radius) } else { 1.0 };
        let lanes = count.next_multiple_of(LANES);
        let mut bounds = Self {
            apart: vec![0; rows * lanes],
            moves: vec![0; lanes],
            unit: if unit.is_finite() { unit } else { 1.0 },
            places,
            centres: order,
            parts,
            part_of,
            single: step == 1,
        };
        bounds.forget();
        Ok(bounds)
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        for apart in self.apart.chunks_exact_mut(self.moves.len()) {
            apart.fill(u16::MAX);
            apart[..self.parts.len()].fill(0);
        }
    }

    /// Centres have moved by these distances.
    pub(super) fn moved(&mut self, moves: &[f64]) {
        for (most, places) in self.moves.iter_mut().zip(&self.parts) {
            let farthest = self.centres[places.clone()].iter().map(|&c| moves[c as usize]).fold(0.0, f64::max);
            *most = above(farthest * self.unit);
        }
    }

    /// Gives every row its nearest centre, the lowest among equals, and brings the bounds up to date. Rows must hold their nearest centre as it was before
    /// the last move, or none. No two centres are equal. Distances are close, not exact.
    pub(super) fn assign<T: Scalar>(
        &mut self,
        points: &Matrix<'_, T>,
        rows: &[RowId],
        centres: &[f64],
        moved: &[bool],
        nearest: &mut [Nearest],
        check: &(impl Fn() -> Result<()> + Sync),
    ) -> Result<()> {
        let (d, k) = (points.columns(), self.centres.len());
        let centre = |i: usize| &centres[i * d..][..d];
        let look: crate::Look<'_> = check;
        let frame = Frame::of(d, (0..k).map(centre), look)?;
        let panels = Panels::new(&frame, k, |place| self.centres.get(place).map(|&c| centre(c as usize)), look)?;
        look()?;
        let singles = self.single.then(|| Singles::of(&panels));
        let mut apart = std::mem::take(&mut self.apart);
        let chunk = (VALUES / d).clamp(8 * GROUP, 1024);
        let chunks = nearest.par_chunks_mut(chunk).zip(rows.par_chunks(chunk));
        let done =
            chunks.zip(apart.par_chunks_mut(chunk * self.moves.len())).try_for_each(|((nearest, rows), apart)| {
                let (frame, panels, singles) = (&frame, &panels, singles.as_ref());
                let bounds = &*self;
                let chunk =
                    Chunk { points, rows, centres, moved, bounds, frame, panels, singles, nearest, apart, check: look };
                simd::run_bounds(chunk)
            });
        self.apart = apart;
        done
    }
}

/// A distance in units, rounded up.
#[inline(always)]
fn above(distance: f64) -> u16 {
    (distance * (1.0 + 1e-6)).ceil().min(f64::from(u16::MAX)) as u16
}

/// A distance in units, rounded down.
#[inline(always)]
fn below(distance: f64) -> u16 {
    // (By way of i32 the loop over parts runs in vectors.)
    (distance * (1.0 - 1e-6)).min(f64::from(u16::MAX)) as i32 as u16
}

/// A row that looks at some parts, and what it has seen of the centres other than its own.
struct Look {
    /// Its place in the chunk.
    row: usize,
    query: Query,
    /// The place of its own centre; of none, one that no centre has.
    own: usize,
    /// Lower scores are certainly of centres that are farther than the own one.
    floor: f32,
    best: f32,
    place: usize,
    second: f32,
}

impl Look {
    /// Takes a score.
    #[inline(always)]
    fn take(&mut self, score: f32, place: usize) {
        if score > self.best {
            self.second = self.best;
            self.best = score;
            self.place = place;
        } else if score > self.second {
            self.second = score;
        }
    }

    /// Takes the scores of a panel, of which this is the highest.
    #[inline(always)]
    fn take_all(&mut self, scores: &[f32; WIDTH], highest: f32, panel: usize) {
        if highest >= self.floor && highest > self.second {
            for (lane, &score) in scores.iter().enumerate() {
                self.take(score, panel * WIDTH + lane);
            }
        }
    }
}

/// A chunk of rows: the body that is compiled for each instruction set.
struct Chunk<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    centres: &'a [f64],
    moved: &'a [bool],
    bounds: &'a Bounds,
    frame: &'a Frame,
    panels: &'a Panels,
    singles: Option<&'a Singles>,
    nearest: &'a mut [Nearest],
    apart: &'a mut [u16],
    check: crate::Look<'a>,
}

impl<T: Scalar> simd::Bounds for Chunk<'_, T> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<const FUSED: bool>(mut self) -> Result<()> {
        let d = self.points.columns();
        for (own, &row) in self.nearest.iter_mut().zip(self.rows) {
            if own.is_some() && self.moved[own.centre as usize] {
                own.raw = close::<T, FUSED>(self.points.row(row), &self.centres[own.centre as usize * d..][..d]);
            }
        }
        // Rows that look at parts, which ones, and the rows in f32.
        let (mut looks, mut parts): (Vec<Look>, Vec<u128>) = (Vec::new(), Vec::new());
        let lanes = self.bounds.moves.len();
        for (row, apart) in self.apart.chunks_exact_mut(lanes).enumerate() {
            // A part whose bound is not above the distance to the own centre has to be looked at.
            let limit = above(self.nearest[row].raw.sqrt() * self.bounds.unit);
            let mut least = u16::MAX;
            for (apart, by) in apart.iter_mut().zip(&self.bounds.moves) {
                *apart = apart.saturating_sub(*by);
                least = least.min(*apart);
            }
            if least > limit {
                continue;
            }
            let mut near = 0;
            for (at, apart) in apart.as_chunks::<LANES>().0.iter().enumerate() {
                near |= u128::from(not_above(apart, limit)) << (at * LANES);
            }
            if near & !(u128::MAX << self.bounds.parts.len()) != 0 {
                let centre = self.nearest[row].centre as usize;
                let own = self.bounds.places.get(centre).map_or(usize::MAX, |&p| p as usize);
                let [floor, best, second] = [f32::NEG_INFINITY; 3];
                looks.push(Look { row, query: Query::default(), own, floor, best, place: 0, second });
                parts.push(near);
            }
        }
        let mut values = vec![0.0f32; looks.len() * d];
        for (look, out) in looks.iter_mut().zip(values.chunks_exact_mut(d)) {
            look.query = self.frame.query(self.points.row(self.rows[look.row]), out);
            look.floor = self.possible(&look.query, self.nearest[look.row].raw);
        }
        match self.singles {
            Some(singles) => self.look_at_singles::<FUSED>(singles, &mut looks, &parts, &values)?,
            None => self.look_at_panels::<FUSED>(&mut looks, &parts, &values)?,
        }
        for (look, query) in looks.iter().zip(values.chunks_exact(d)) {
            (self.check)()?;
            self.decide::<FUSED>(look, query);
        }
        Ok(())
    }
}

/// Bits of the bounds that are not above the limit.
#[inline(always)]
fn not_above(apart: &[u16; LANES], limit: u16) -> u8 {
    let mut bytes = [0u8; LANES];
    for lane in 0..LANES {
        bytes[lane] = u8::from(apart[lane] <= limit);
    }
    // The product moves the lowest bit of byte i to bit 56 + i.
    (u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The places of bits.
#[inline(always)]
fn each_bit(mut bits: u128, mut each: impl FnMut(usize)) {
    while bits != 0 {
        each(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

impl<T: Scalar> Chunk<'_, T> {
    /// The least score of a centre that is at most at this close distance.
    #[inline(always)]
    fn possible(&self, query: &Query, raw: f64) -> f32 {
        query.possible(self.frame, raw * (1.0 + looseness(self.points.columns())) + VANISHING)
    }

    /// Groups of rows that look at the same part, beside its panels.
    #[inline(always)]
    fn look_at_panels<const FUSED: bool>(&mut self, looks: &mut [Look], parts: &[u128], values: &[f32]) -> Result<()> {
        let (d, count) = (self.points.columns(), self.bounds.parts.len());
        let mut of_part = vec![Vec::new(); count];
        for (at, &near) in parts.iter().enumerate() {
            each_bit(near & !(u128::MAX << count), |part| of_part[part].push(at));
        }
        for (part, looking) in of_part.iter().enumerate() {
            let places = self.bounds.parts[part].clone();
            for group in looking.chunks(GROUP) {
                (self.check)()?;
                let rows: [&[f32]; GROUP] = std::array::from_fn(|q| &values[group[q.min(group.len() - 1)] * d..][..d]);
                let mut most_of = [f32::NEG_INFINITY; GROUP];
                for panel in places.start / WIDTH..places.end.div_ceil(WIDTH) {
                    let mut scores = self.panels.scores::<FUSED>(rows, panel);
                    for (q, &at) in group.iter().enumerate() {
                        let look = &mut looks[at];
                        if look.own / WIDTH == panel {
                            scores[q][look.own % WIDTH] = f32::NEG_INFINITY;
                        }
                        let most = highest(&scores[q]);
                        most_of[q] = most_of[q].max(most);
                        look.take_all(&scores[q], most, panel);
                    }
                }
                for (&at, most) in group.iter().zip(most_of) {
                    self.set_apart(&looks[at], part, most);
                }
            }
        }
        Ok(())
    }

    /// Each row beside the single centres of its parts; and rows that look at most centres in groups, beside all panels.
    #[inline(always)]
    fn look_at_singles<const FUSED: bool>(
        &mut self,
        singles: &Singles,
        looks: &mut [Look],
        parts: &[u128],
        values: &[f32],
    ) -> Result<()> {
        let (d, count) = (self.points.columns(), self.bounds.parts.len());
        let k = self.bounds.centres.len();
        let mut full = Vec::new();
        let (mut places, mut scores) = (Vec::new(), Vec::new());
        let mut most_of = [f32::NEG_INFINITY; MANY_PARTS];
        for (at, (look, &near)) in looks.iter_mut().zip(parts).enumerate() {
            (self.check)()?;
            let near = near & !(u128::MAX << count);
            places.clear();
            each_bit(near, |part| places.extend(self.bounds.parts[part].clone().filter(|&place| place != look.own)));
            if places.len() * 2 > k {
                full.push(at);
                continue;
            }
            most_of.fill(f32::NEG_INFINITY);
            singles.scores(self.panels, &values[at * d..][..d], &places, &mut scores);
            for (&place, &score) in places.iter().zip(&scores) {
                let most = &mut most_of[self.bounds.part_of[place] as usize];
                *most = most.max(score);
                look.take(score, place);
            }
            each_bit(near, |part| self.set_apart(look, part, most_of[part]));
        }
        for group in full.chunks(GROUP) {
            (self.check)()?;
            let rows: [&[f32]; GROUP] = std::array::from_fn(|q| &values[group[q.min(group.len() - 1)] * d..][..d]);
            let mut most_of = [[f32::NEG_INFINITY; MANY_PARTS]; GROUP];
            for panel in 0..self.panels.count() {
                let mut scores = self.panels.scores::<FUSED>(rows, panel);
                for (q, &at) in group.iter().enumerate() {
                    let look = &mut looks[at];
                    if look.own / WIDTH == panel {
                        scores[q][look.own % WIDTH] = f32::NEG_INFINITY;
                    }
                    look.take_all(&scores[q], highest(&scores[q]), panel);
                    for (score, &part) in scores[q].iter().zip(&self.bounds.part_of[panel * WIDTH..]) {
                        let most = &mut most_of[q][part as usize];
                        *most = if *score > *most { *score } else { *most };
                    }
                }
            }
            for (&at, most_of) in group.iter().zip(&most_of) {
                for (part, &most) in most_of[..count].iter().enumerate() {
                    self.set_apart(&looks[at], part, most);
                }
            }
        }
        Ok(())
    }

    /// Sets a bound by the highest score of a part.
    #[inline(always)]
    fn set_apart(&mut self, look: &Look, part: usize, most: f32) {
        let distance = look.query.at_least(self.frame, most).sqrt();
        self.apart[look.row * self.bounds.moves.len() + part] = below(distance * self.bounds.unit);
    }

    /// Gives a row its nearest centre, if that may be another one.
    #[inline(always)]
    fn decide<const FUSED: bool>(&mut self, look: &Look, query: &[f32]) {
        if look.best < look.floor {
            return;
        }
        let before = self.nearest[look.row];
        let mut best = before;
        let mut possible = self.consider::<FUSED>(look, look.place, &mut best);
        if look.second >= possible {
            // Several may be the nearest.
            for panel in 0..self.panels.count() {
                for (lane, score) in self.panels.scores_of::<FUSED>(query, panel).into_iter().enumerate() {
                    let place = panel * WIDTH + lane;
                    if score >= possible && place != look.own && place != look.place {
                        possible = self.consider::<FUSED>(look, place, &mut best);
                    }
                }
            }
        }
        self.nearest[look.row] = best;
        if before.is_some() && best.centre != before.centre {
            // The centre that was its own is now another one.
            let at = look.row * self.bounds.moves.len() + self.bounds.part_of[look.own] as usize;
            self.apart[at] = self.apart[at].min(below(before.raw.sqrt() * self.bounds.unit));
        }
    }

    /// Takes the centre in a place if it is nearer than the best one, and gives the least score of a centre that can be as near as the best one then.
    #[inline(always)]
    fn consider<const FUSED: bool>(&self, look: &Look, place: usize, best: &mut Nearest) -> f32 {
        let (row, d) = (self.rows[look.row], self.points.columns());
        let centre = self.bounds.centres[place];
        let raw = close::<T, FUSED>(self.points.row(row), &self.centres[centre as usize * d..][..d]);
        let other = Nearest { raw, centre };
        if self.is_nearer(row, other, *best) {
            *best = other;
        }
        self.possible(&look.query, best.raw)
    }

    /// Whether a centre is nearer than another one, or as near and before it.
    #[inline(always)]
    fn is_nearer(&self, row: RowId, this: Nearest, other: Nearest) -> bool {
        if !other.is_some() {
            return true;
        }
        let difference = this.raw - other.raw;
        if difference.abs() > looseness(self.points.columns()) * (this.raw + other.raw) + VANISHING {
            return difference < 0.0;
        }
        let [a, b] = [this, other].map(|n| exact(self.points, row, self.centres, n.centre));
        a < b || (a == b && this.centre < other.centre)
    }
}
