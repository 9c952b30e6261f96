//! A tree for farthest-first traversal in few columns: sixteen children per node, sixteen rows per leaf.
//!
//! Up to three columns, rows are in the order of a Hilbert curve over cells, and rows of one cell in that of a kd-tree; in more
//! columns, all rows are in the order of a kd-tree. So the children of a node follow one another, and nothing but the level and
//! the number of a node says where they are. For its sixteen children a node has the boxes, the largest remaining distance
//! below each, and the row that has it, side by side: one pass of vector instructions tells which children a new row can
//! change. The boxes of f64 rows are compared in f64, where a computed distance to a box is at most that to any row in it (see
//! [`crate::distance`]). The boxes of f32 rows are compared in f32, and the remaining distances are rounded up by more than
//! the rounding errors of that comparison. Distances of rows are always computed in f64.

use rayon::prelude::*;

use crate::distance::{Euclidean, Terms};
use crate::{Look, Matrix, Result, RowId, Scalar, simd};

/// Children of a node, and rows of a leaf.
const WIDE: usize = 16;

/// Columns up to which the kd-tree splits at any of them; of more columns, at the widest of these many.
const SPLIT_COLUMNS: usize = 8;

/// Columns up to which rows are in the order of a Hilbert curve.
const CURVE_COLUMNS: usize = 3;

/// Bits of a cell's place on the curve.
const CURVE_BITS: u32 = 22;

/// Bits that one of the two passes of the radix sort looks at.
const DIGIT_BITS: u32 = CURVE_BITS / 2;

/// Rows from which a radix sort is the faster one.
const RADIX_ROWS: usize = 1024;

/// Rows below which a part of the order is made on one thread.
const SPLIT_WORK: usize = 8192;

/// Leaves above which one pick is shared between threads: about as long as it takes to wake another.
const SHARED_LEAVES: usize = 2048;

/// A coordinate type in which boxes are compared.
pub(crate) trait Coordinate: Scalar {
    const ZERO: Self;
    const LARGEST: Self;
    /// The value times a power of two.
    fn scaled(self, scale: f64) -> Self;
    /// A power of two that keeps squares of values up to `largest` away from overflow and, as far as can be, from underflow.
    fn scale(largest: f64) -> f64;
    /// Above it, a computed distance to a box shows that no row in the box has a computed distance below `raw`.
    fn bound(raw: f64, squared_scale: f64, columns: usize) -> Self;
    /// The sum with the square of how far a value is outside the range of a box.
    fn add_outside(sum: Self, value: Self, low: Self, high: Self) -> Self;
}

impl Coordinate for f64 {
    const ZERO: Self = 0.0;
    const LARGEST: Self = Self::INFINITY;

    #[inline(always)]
    fn scaled(self, _: f64) -> Self {
        self
    }

    fn scale(_: f64) -> f64 {
        1.0
    }

    #[inline(always)]
    fn bound(raw: f64, _: f64, _: usize) -> Self {
        raw
    }

    #[inline(always)]
    fn add_outside(sum: Self, value: Self, low: Self, high: Self) -> Self {
        let (below, above) = (low - value, value - high);
        let outside = if below > above { below } else { above };
        let outside = if outside > 0.0 { outside } else { 0.0 };
        sum + outside * outside
    }
}

impl Coordinate for f32 {
    const ZERO: Self = 0.0;
    const LARGEST: Self = Self::INFINITY;

    #[inline(always)]
    fn scaled(self, scale: f64) -> Self {
        (f64::from(self) * scale) as Self
    }

    /// The largest value becomes about 2⁵⁸, so sums of up to 2¹⁰ squares are below 2¹²⁸.
    fn scale(largest: f64) -> f64 {
        // The exponent from the bits: exact, and 0 for 0.
        let exponent = ((largest.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        if largest == 0.0 { 1.0 } else { 2f64.powi(57 - exponent) }
    }

    /// Each of the `columns` terms of the computed sum has three roundings, and the sum one per term: relative errors below
    /// (columns + 3)·2⁻²⁴. The computed distance of a row has errors below (columns + 2)·2⁻⁵³, and this rounding one of 2⁻²⁴.
    /// What vanishes because it is too small for f32 is below 2⁻¹²⁰.
    #[inline(always)]
    fn bound(raw: f64, squared_scale: f64, columns: usize) -> Self {
        let relative = 1.0 + (columns + 8) as f64 * f64::from(Self::EPSILON);
        (raw * squared_scale * relative + f64::from(Self::MIN_POSITIVE) * 64.0) as Self
    }

    #[inline(always)]
    fn add_outside(sum: Self, value: Self, low: Self, high: Self) -> Self {
        let (below, above) = (low - value, value - high);
        let outside = if below > above { below } else { above };
        let outside = if outside > 0.0 { outside } else { 0.0 };
        sum + outside * outside
    }
}

/// Bytes of a tree of `len` rows while it is made, which is when it takes most.
pub(super) fn memory(len: usize, columns: usize, scalar_bytes: usize) -> u64 {
    let slots = len.next_multiple_of(WIDE);
    let children = slots / WIDE + slots / (WIDE * (WIDE - 1)) + 4 * WIDE;
    let nodes = children * (2 * columns * scalar_bytes + 12 + scalar_bytes + 4);
    let records = 4 * (columns.min(SPLIT_COLUMNS) + 1) * len;
    (records.max(nodes + 12 * slots) + slots * (columns * scalar_bytes + 4)) as u64
}

/// One level: node i has the children 16i … 16i + 15 of the level below, or those leaves.
#[derive(Clone, Debug)]
struct Level<T> {
    /// For each node, the low sides of its children's boxes column by column, then the high sides.
    boxes: Vec<[T; WIDE]>,
    /// What the distance to a child's box is compared with.
    bounds: Vec<[T; WIDE]>,
    /// The largest remaining distance below each child.
    largest: Vec<[f64; WIDE]>,
    /// The lowest position that has it.
    positions: Vec<[u32; WIDE]>,
}

/// The tree with the squared distances to the nearest pick.
pub(super) struct Tree<'a, T> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    scale: f64,
    /// Leaf by leaf, column by column.
    values: Vec<[T; WIDE]>,
    /// Positions.
    ids: Vec<[u32; WIDE]>,
    /// −1 for picked rows and for padding, so that neither is ever farthest.
    nearest: Vec<[f64; WIDE]>,
    /// The lowest first.
    levels: Vec<Level<T>>,
    /// Nodes of each level that the current pick goes into, and, first, leaves.
    lists: Vec<Vec<u32>>,
    query: Vec<f64>,
    scaled_query: Vec<T>,
    farthest: (f64, usize),
}

impl<'a, T: Coordinate> Tree<'a, T> {
    /// Of at least one row, for about so many picks.
    ///
    /// # Errors
    /// That of `look`.
    pub(super) fn new(points: &'a Matrix<'a, T>, rows: &'a [RowId], count: usize, look: Look<'_>) -> Result<Self> {
        let d = points.columns();
        let (low, high) = range(points, rows, look)?;
        let largest = low.iter().chain(&high).fold(0.0f64, |largest, v| largest.max(v.abs()));
        let scale = T::scale(largest);
        // Where picks are few, the last splits cost more than they save.
        let whole = WIDE << ((rows.len() / (4 * count.max(1))).clamp(16, 64).ilog2() - 4);

        let order = order(points, rows, &low, &high, whole, look)?;
        look()?;
        let leaves = rows.len().div_ceil(WIDE);
        let mut values = vec![[T::ZERO; WIDE]; leaves * d];
        let mut ids = vec![[0; WIDE]; leaves];
        let fill = |(leaf, (values, ids)): (usize, (&mut [[T; WIDE]], &mut [u32; WIDE]))| {
            for lane in 0..WIDE {
                let id = order[(leaf * WIDE + lane).min(order.len() - 1)];
                ids[lane] = id;
                for (column, &v) in values.iter_mut().zip(points.row(rows[id as usize])) {
                    column[lane] = v;
                }
            }
            look()
        };
        values.par_chunks_mut(d).zip(&mut ids).with_min_len(512).enumerate().try_for_each(fill)?;
        drop(order);
        let mut nearest = vec![[f64::INFINITY; WIDE]; leaves];
        for slot in rows.len()..leaves * WIDE {
            nearest[slot / WIDE][slot % WIDE] = -1.0;
        }
        let mut levels: Vec<Level<T>> = Vec::new();
        let mut below = leaves;
        loop {
            let level = match levels.last() {
                None => Level::new(below, d, |leaf, j| extremes(&values[leaf * d + j], &values[leaf * d + j], scale)),
                Some(last) => Level::new(below, d, |node, j| {
                    let own = &last.boxes[node * 2 * d..];
                    extremes(&own[j], &own[d + j], 1.0)
                }),
            };
            look()?;
            below = level.bounds.len();
            levels.push(level);
            if below == 1 {
                break;
            }
        }
        let lists = vec![Vec::new(); levels.len() + 1];
        let (query, scaled_query) = (vec![0.0; d], vec![T::ZERO; d]);
        Ok(Self {
            points,
            rows,
            scale,
            values,
            ids,
            nearest,
            levels,
            lists,
            query,
            scaled_query,
            farthest: (f64::INFINITY, 0),
        })
    }

    /// Picks a row: shortens every distance that it shortens.
    pub(super) fn pick(&mut self, position: usize) {
        for ((query, scaled), &v) in
            self.query.iter_mut().zip(&mut self.scaled_query).zip(self.points.row(self.rows[position]))
        {
            (*query, *scaled) = (v.widen(), v.scaled(self.scale));
        }
        simd::run(Descend(self));
        if self.lists[0].len() < SHARED_LEAVES {
            simd::run(Update { tree: self, picked: position as u32 });
        } else {
            self.update_shared(position as u32);
        }
        simd::run(Ascend(self));
    }

    /// The farthest row, and how far it is (squared); −1 if all rows are picked.
    pub(super) fn farthest(&self) -> (f64, usize) {
        self.farthest
    }

    /// The leaves on several threads.
    fn update_shared(&mut self, picked: u32) {
        let d = self.query.len();
        let list = std::mem::take(&mut self.lists[0]);
        let chunk = list.len().div_ceil(4 * rayon::current_num_threads()).max(SHARED_LEAVES / 4);
        let (mut rest, mut begin, mut parts) = (self.nearest.as_mut_slice(), 0, Vec::new());
        // Leaves are in the list in their order.
        for part in list.chunks(chunk) {
            let end = part[part.len() - 1] as usize + 1;
            let (own, others) = rest.split_at_mut(end - begin);
            parts.push((part, begin, own));
            (rest, begin) = (others, end);
        }
        let (values, ids, query) = (&self.values, &self.ids, &self.query);
        let found: Vec<Vec<(f64, u32)>> = parts
            .into_par_iter()
            .map(|(part, begin, nearest)| {
                simd::run(Leaves { part, begin, nearest, values: &values[..], ids: &ids[..], query, picked, d })
            })
            .collect();
        let scale = self.scale * self.scale;
        let level = &mut self.levels[0];
        for (&leaf, (raw, position)) in list.iter().zip(found.into_iter().flatten()) {
            level.set(leaf as usize, raw, position, scale, d);
        }
        self.lists[0] = list;
    }
}

/// The ranges of the columns over these rows.
fn range<T: Scalar>(points: &Matrix<'_, T>, rows: &[RowId], look: Look<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
    let d = points.columns();
    let of = |rows: &[RowId]| {
        let (mut low, mut high) = (vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]);
        for &row in rows {
            for ((low, high), v) in low.iter_mut().zip(&mut high).zip(points.row(row)) {
                let v = v.widen();
                *low = if v < *low { v } else { *low };
                *high = if v > *high { v } else { *high };
            }
        }
        look().map(|()| (low, high))
    };
    let both = |(mut low, mut high): (Vec<f64>, Vec<f64>), (other_low, other_high): (Vec<f64>, Vec<f64>)| {
        low.iter_mut().zip(other_low).for_each(|(a, b)| *a = a.min(b));
        high.iter_mut().zip(other_high).for_each(|(a, b)| *a = a.max(b));
        Ok((low, high))
    };
    rows.par_chunks(SPLIT_WORK).map(of).try_reduce_with(both).unwrap_or_else(|| Ok(Default::default()))
}

/// Positions in the order of a kd-tree whose leaves are aligned: the first 16 rows, the next 16, and so on. The order says only
/// how much can be skipped, so it is made of rounded coordinates, and of the widest columns.
fn order<T: Scalar>(
    points: &Matrix<'_, T>,
    rows: &[RowId],
    low: &[f64],
    high: &[f64],
    whole: usize,
    look: Look<'_>,
) -> Result<Vec<u32>> {
    let mut columns: Vec<usize> = (0..points.columns()).collect();
    let width = |&j: &usize| high[j] / 2.0 - low[j] / 2.0;
    if columns.len() > SPLIT_COLUMNS {
        columns.sort_by(|a, b| width(b).total_cmp(&width(a)));
        columns.truncate(SPLIT_COLUMNS);
    }
    let widest = columns.iter().map(width).fold(0.0, f64::max);
    // One factor for all columns.
    let factor = if widest > 0.0 { 1.0 / widest } else { 0.0 };
    let middles: Vec<f64> = columns.iter().map(|&j| low[j] / 2.0 + high[j] / 2.0).collect();
    match columns.len() {
        1 => along_curve(&Frame::<_, 1>::new(points, rows, &columns, &middles, factor), whole, look),
        2 => along_curve(&Frame::<_, 2>::new(points, rows, &columns, &middles, factor), whole, look),
        CURVE_COLUMNS => {
            along_curve(&Frame::<_, CURVE_COLUMNS>::new(points, rows, &columns, &middles, factor), whole, look)
        }
        4 => ordered(&Frame::<_, 4>::new(points, rows, &columns, &middles, factor), whole, look),
        5 => ordered(&Frame::<_, 5>::new(points, rows, &columns, &middles, factor), whole, look),
        6 => ordered(&Frame::<_, 6>::new(points, rows, &columns, &middles, factor), whole, look),
        7 => ordered(&Frame::<_, 7>::new(points, rows, &columns, &middles, factor), whole, look),
        _ => ordered(&Frame::<_, SPLIT_COLUMNS>::new(points, rows, &columns, &middles, factor), whole, look),
    }
}

/// Rows in the columns that order them, of which the widest is from −1 to 1.
struct Frame<'a, T, const D: usize> {
    points: &'a Matrix<'a, T>,
    rows: &'a [RowId],
    columns: [usize; D],
    middles: [f64; D],
    factor: f64,
}

impl<'a, T: Scalar, const D: usize> Frame<'a, T, D> {
    fn new(points: &'a Matrix<'a, T>, rows: &'a [RowId], columns: &[usize], middles: &[f64], factor: f64) -> Self {
        let (columns, middles) = (std::array::from_fn(|k| columns[k]), std::array::from_fn(|k| middles[k]));
        Self { points, rows, columns, middles, factor }
    }

    /// The row at a position.
    #[inline(always)]
    fn at(&self, position: usize) -> [f32; D] {
        let row = self.points.row(self.rows[position]);
        std::array::from_fn(|k| ((row[self.columns[k]].widen() - self.middles[k]) * self.factor) as f32)
    }
}

/// A row on its way to its leaf.
#[derive(Clone, Copy)]
struct Record<const D: usize> {
    at: [f32; D],
    id: u32,
}

/// Positions in the order of a kd-tree.
fn ordered<T: Scalar, const D: usize>(frame: &Frame<'_, T, D>, whole: usize, look: Look<'_>) -> Result<Vec<u32>> {
    let mut order: Vec<u32> = (0..frame.rows.len() as u32).collect();
    split_part(&mut order, 0, frame, whole, look)?;
    Ok(order)
}

/// Puts a part of the order, which begins at `begin`, into that of a kd-tree.
fn split_part<T: Scalar, const D: usize>(
    part: &mut [u32],
    begin: usize,
    frame: &Frame<'_, T, D>,
    whole: usize,
    look: Look<'_>,
) -> Result<()> {
    let mut records: Vec<Record<D>> = part.iter().map(|&id| Record { at: frame.at(id as usize), id }).collect();
    split(&mut records, begin, whole, look)?;
    for (id, record) in part.iter_mut().zip(records) {
        *id = record.id;
    }
    Ok(())
}

/// Positions in the order of a Hilbert curve over cells, and rows of one cell in that of a kd-tree. Two passes sort the cells,
/// where a kd-tree looks at every row once for each of its levels. Rows that share a cell, because some are far away, are
/// split as finely as all others.
fn along_curve<T: Scalar, const D: usize>(frame: &Frame<'_, T, D>, whole: usize, look: Look<'_>) -> Result<Vec<u32>> {
    let mut keys = vec![0; frame.rows.len()];
    let place = |(part, keys): (usize, &mut [u64])| simd::run(Places::<_, D> { keys, begin: part * SPLIT_WORK, frame });
    keys.par_chunks_mut(SPLIT_WORK).enumerate().try_for_each(|part| look().map(|()| place(part)))?;
    if keys.len() < RADIX_ROWS {
        keys.sort_unstable();
    } else {
        radix_sort(&mut keys);
    }
    let mut order: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
    let mut begin = 0;
    for cell in keys.chunk_by(|a, b| a >> 32 == b >> 32) {
        if cell.len() > whole {
            split_part(&mut order[begin..][..cell.len()], begin, frame, whole, look)?;
        }
        begin += cell.len();
    }
    Ok(order)
}

/// Sorts by the bits of a place on the curve, which are above 32 bits that are in order already.
fn radix_sort(keys: &mut [u64]) {
    const DIGITS: usize = 1 << DIGIT_BITS;
    let digit = |key: u64, pass: u32| (key >> (32 + pass * DIGIT_BITS)) as usize % DIGITS;
    let mut begins = [[0u32; DIGITS]; 2];
    for &key in &*keys {
        begins[0][digit(key, 0)] += 1;
        begins[1][digit(key, 1)] += 1;
    }
    for begins in &mut begins {
        let mut next = 0;
        for begin in begins {
            next += std::mem::replace(begin, next);
        }
    }
    let mut scatter = |from: &[u64], to: &mut [u64], pass: u32| {
        for &key in from {
            let next = &mut begins[pass as usize][digit(key, pass)];
            to[*next as usize] = key;
            *next += 1;
        }
    };
    let mut other = vec![0; keys.len()];
    scatter(keys, &mut other, 0);
    scatter(&other, keys, 1);
}

/// For some rows, the first of which has the position `begin`: places on the curve, above the positions.
struct Places<'a, T, const D: usize> {
    keys: &'a mut [u64],
    begin: usize,
    frame: &'a Frame<'a, T, D>,
}

impl<T: Scalar, const D: usize> simd::Kernel for Places<'_, T, D> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let bits = CURVE_BITS / D as u32;
        let (half, last) = ((1u32 << (bits - 1)) as f32, ((1u32 << bits) - 1) as f32);
        for (block, keys) in self.keys.chunks_mut(CELLS).enumerate() {
            let first = self.begin + block * CELLS;
            let mut values = [[0f32; CELLS]; D];
            for lane in 0..keys.len() {
                for (values, at) in values.iter_mut().zip(self.frame.at(first + lane)) {
                    values[lane] = at;
                }
            }
            let mut cells = [[0; CELLS]; D];
            for (cells, values) in cells.iter_mut().zip(&values) {
                for lane in 0..CELLS {
                    cells[lane] = ((values[lane] + 1.0) * half).clamp(0.0, last) as u32;
                }
            }
            let places = places(cells, bits);
            for (lane, key) in keys.iter_mut().enumerate() {
                *key = u64::from(places[lane]) << 32 | (first + lane) as u64;
            }
        }
    }
}

/// Cells whose places are computed at a time: so many that the compiler makes a loop of vector instructions for each step.
const CELLS: usize = 128;

/// Where cells, whose coordinates have so many bits, are on the Hilbert curve (Skilling, AIP Conference Proceedings 707, 2004).
#[inline(always)]
fn places<const D: usize>(mut at: [[u32; CELLS]; D], bits: u32) -> [u32; CELLS] {
    // All ones where the bit is set.
    let mask = |value: u32, bit: u32| 0u32.wrapping_sub(value >> bit & 1);
    for bit in (1..bits).rev() {
        let below = (1 << bit) - 1;
        for lane in 0..CELLS {
            let mut first = at[0][lane];
            first ^= below & mask(first, bit);
            for column in &mut at[1..] {
                let own = column[lane];
                let set = mask(own, bit);
                let exchanged = (first ^ own) & below & !set;
                column[lane] = own ^ exchanged;
                first ^= exchanged | below & set;
            }
            at[0][lane] = first;
        }
    }
    for k in 1..D {
        for lane in 0..CELLS {
            at[k][lane] ^= at[k - 1][lane];
        }
    }
    let mut turned = [0; CELLS];
    for bit in (1..bits).rev() {
        for lane in 0..CELLS {
            turned[lane] ^= ((1 << bit) - 1) & mask(at[D - 1][lane], bit);
        }
    }
    let mut places = [0; CELLS];
    for bit in (0..bits).rev() {
        for lane in 0..CELLS {
            for column in &at {
                places[lane] = places[lane] << 1 | ((column[lane] ^ turned[lane]) >> bit & 1);
            }
        }
    }
    places
}

/// Splits rows, of which the first has the number `begin` in the order, at the widest column until `whole` rows are left. The
/// first part ends at a multiple of the largest power of two that there is, so that parts are leaves and nodes.
fn split<const D: usize>(mut records: &mut [Record<D>], begin: usize, whole: usize, look: Look<'_>) -> Result<()> {
    while records.len() > whole {
        // Of some rows, which tell the width well enough.
        let stride = (records.len() / 32).max(1);
        let (mut low, mut high) = ([f32::INFINITY; D], [f32::NEG_INFINITY; D]);
        for record in records.iter().step_by(stride) {
            for k in 0..D {
                low[k] = low[k].min(record.at[k]);
                high[k] = high[k].max(record.at[k]);
            }
        }
        let widest = (0..D).fold(0, |w, k| if high[k] - low[k] > high[w] - low[w] { k } else { w });
        let last = begin + records.len() - 1;
        // The highest bit in which the numbers of the first row and the last differ: at least that of `whole`.
        let power = (begin ^ last).ilog2();
        let left = (last >> power << power) - begin;
        records.select_nth_unstable_by(left, |a, b| a.at[widest].total_cmp(&b.at[widest]));
        let (first, second) = records.split_at_mut(left);
        if first.len() + second.len() >= SPLIT_WORK {
            look()?;
            let (first, second) =
                rayon::join(|| split(first, begin, whole, look), || split(second, begin + left, whole, look));
            return first.and(second);
        }
        split(second, begin + left, whole, look)?;
        records = first;
    }
    Ok(())
}

/// The least and the largest of the values, times a power of two.
fn extremes<T: Coordinate>(low: &[T; WIDE], high: &[T; WIDE], scale: f64) -> (T, T) {
    let least = best_of(low, |a, b| if b < a { b } else { a });
    let largest = best_of(high, |a, b| if b > a { b } else { a });
    (least.scaled(scale), largest.scaled(scale))
}

impl<T: Coordinate> Level<T> {
    /// Of nodes over so many children, whose range in a column is `range(child, column)`.
    fn new(children: usize, d: usize, range: impl Fn(usize, usize) -> (T, T) + Sync) -> Self {
        let nodes = children.div_ceil(WIDE);
        let mut boxes = vec![[T::ZERO; WIDE]; nodes * 2 * d];
        let fill = |(node, boxes): (usize, &mut [[T; WIDE]])| {
            let (low, high) = boxes.split_at_mut(d);
            for lane in 0..WIDE {
                let child = (node * WIDE + lane).min(children - 1);
                for j in 0..d {
                    (low[j][lane], high[j][lane]) = range(child, j);
                }
            }
        };
        boxes.par_chunks_mut(2 * d).with_min_len(64).enumerate().for_each(fill);
        let mut level = Self {
            boxes,
            bounds: vec![[T::LARGEST; WIDE]; nodes],
            largest: vec![[f64::INFINITY; WIDE]; nodes],
            positions: vec![[0; WIDE]; nodes],
        };
        for child in children..nodes * WIDE {
            level.set(child, -1.0, u32::MAX, 1.0, d);
        }
        level
    }

    #[inline(always)]
    fn set(&mut self, child: usize, raw: f64, position: u32, squared_scale: f64, columns: usize) {
        let (node, lane) = (child / WIDE, child % WIDE);
        self.largest[node][lane] = raw;
        self.positions[node][lane] = position;
        self.bounds[node][lane] = T::bound(raw, squared_scale, columns);
    }
}

/// The nodes and leaves that the row in `query` may change.
struct Descend<'a, 'b, T>(&'a mut Tree<'b, T>);

impl<T: Coordinate> simd::Kernel for Descend<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Tree { levels, lists, scaled_query: query, .. } = self.0;
        let d = query.len();
        let top = levels.len();
        lists[top].clear();
        lists[top].push(0);
        for at in (0..top).rev() {
            let (below, above) = lists.split_at_mut(at + 1);
            let (list, level) = (&mut below[at], &levels[at]);
            list.clear();
            for &node in &above[0] {
                let boxes = &level.boxes[node as usize * 2 * d..][..2 * d];
                let (low, high) = boxes.split_at(d);
                let mut sums = [T::ZERO; WIDE];
                for ((&value, low), high) in query.iter().zip(low).zip(high) {
                    for lane in 0..WIDE {
                        sums[lane] = T::add_outside(sums[lane], value, low[lane], high[lane]);
                    }
                }
                let bounds = &level.bounds[node as usize];
                let mut mask = 0u32;
                for lane in 0..WIDE {
                    mask |= u32::from(sums[lane] < bounds[lane]) << lane;
                }
                while mask != 0 {
                    list.push(node * WIDE as u32 + mask.trailing_zeros());
                    mask &= mask - 1;
                }
            }
        }
    }
}

/// Shortens the distances of one leaf; its largest then, and the lowest position that has it.
#[inline(always)]
fn update_leaf<T: Scalar>(
    query: &[f64],
    values: &[[T; WIDE]],
    ids: &[u32; WIDE],
    nearest: &mut [f64; WIDE],
    picked: u32,
) -> (f64, u32) {
    let mut sums = [0.0; WIDE];
    for (&x, column) in query.iter().zip(values) {
        for lane in 0..WIDE {
            sums[lane] = Euclidean::add(sums[lane], x - column[lane].widen());
        }
    }
    for lane in 0..WIDE {
        let own = nearest[lane];
        let own = if sums[lane] < own { sums[lane] } else { own };
        nearest[lane] = if ids[lane] == picked { -1.0 } else { own };
    }
    largest_of(nearest, ids)
}

/// The largest of sixteen, and the lowest position that has it.
#[inline(always)]
fn largest_of(values: &[f64; WIDE], positions: &[u32; WIDE]) -> (f64, u32) {
    let largest = best_of(values, |a, b| if a > b { a } else { b });
    let mut mask = equal(values, largest);
    let mut position = u32::MAX;
    while mask != 0 {
        position = position.min(positions[mask.trailing_zeros() as usize % WIDE]);
        mask &= mask - 1;
    }
    (largest, position)
}

/// The best of sixteen, of which halves are compared with halves.
#[inline(always)]
fn best_of<T: Scalar>(values: &[T; WIDE], better: impl Fn(T, T) -> T) -> T {
    let mut eight: [T; 8] = std::array::from_fn(|i| better(values[i], values[i + 8]));
    for width in [4, 2, 1] {
        for i in 0..width {
            eight[i] = better(eight[i], eight[i + width]);
        }
    }
    eight[0]
}

/// A bit for every one of sixteen that equals the value.
#[inline(always)]
fn equal(values: &[f64; WIDE], value: f64) -> u32 {
    let mut mask = 0u32;
    for lane in 0..WIDE {
        mask |= u32::from(values[lane] == value) << lane;
    }
    mask
}

/// The leaves in the list, on one thread.
struct Update<'a, 'b, T> {
    tree: &'a mut Tree<'b, T>,
    picked: u32,
}

impl<T: Coordinate> simd::Kernel for Update<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Tree { levels, lists, values, ids, nearest, query, scale, .. } = self.tree;
        let (d, squared_scale) = (query.len(), *scale * *scale);
        for &leaf in &lists[0] {
            let at = leaf as usize;
            let values = &values[at * d..][..d];
            let (raw, position) = update_leaf(query, values, &ids[at], &mut nearest[at], self.picked);
            levels[0].set(at, raw, position, squared_scale, d);
        }
    }
}

/// A part of the leaves in the list, for one of several threads: what is largest in each.
struct Leaves<'a, T> {
    part: &'a [u32],
    /// The first leaf of `nearest`.
    begin: usize,
    nearest: &'a mut [[f64; WIDE]],
    values: &'a [[T; WIDE]],
    ids: &'a [[u32; WIDE]],
    query: &'a [f64],
    picked: u32,
    d: usize,
}

impl<T: Scalar> simd::Kernel for Leaves<'_, T> {
    type Output = Vec<(f64, u32)>;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let Self { part, begin, nearest, values, ids, query, picked, d } = self;
        let mut found = Vec::with_capacity(part.len());
        for &leaf in part {
            let at = leaf as usize;
            let values = &values[at * d..][..d];
            found.push(update_leaf(query, values, &ids[at], &mut nearest[at - begin], picked));
        }
        found
    }
}

/// Brings the nodes in the lists up to date, lowest first.
struct Ascend<'a, 'b, T>(&'a mut Tree<'b, T>);

impl<T: Coordinate> simd::Kernel for Ascend<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Tree { levels, lists, query, scale, farthest: root, .. } = self.0;
        let squared_scale = *scale * *scale;
        let top = levels.len();
        for at in 1..top {
            let (below, above) = levels.split_at_mut(at);
            let level = &below[at - 1];
            for &node in &lists[at] {
                let (raw, position) = farthest(level, node as usize);
                above[0].set(node as usize, raw, position, squared_scale, query.len());
            }
        }
        let (raw, position) = farthest(&levels[top - 1], 0);
        *root = (raw, position as usize);
    }
}

/// The farthest row below a node; of equals the lowest position.
#[inline(always)]
fn farthest<T>(level: &Level<T>, node: usize) -> (f64, u32) {
    largest_of(&level.largest[node], &level.positions[node])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cell once, and each beside the one before.
    #[test]
    fn the_curve_goes_from_cell_to_cell() {
        fn check<const D: usize>(bits: u32) {
            let side = 1u32 << bits;
            let count = side.pow(D as u32) as usize;
            let cell = |i: usize, k: usize| (i as u32 >> (k as u32 * bits)) % side;
            let mut along = vec![None; count];
            for begin in (0..count).step_by(CELLS) {
                let cells = std::array::from_fn(|k| std::array::from_fn(|lane| cell((begin + lane) % count, k)));
                for (lane, place) in places::<D>(cells, bits).into_iter().enumerate().take(count - begin) {
                    assert!(along[place as usize].replace(begin + lane).is_none(), "two cells at {place}");
                }
            }
            let along: Vec<usize> = along.into_iter().map(|cell| cell.expect("every place has a cell")).collect();
            for pair in along.windows(2) {
                let steps: u32 = (0..D).map(|k| cell(pair[0], k).abs_diff(cell(pair[1], k))).sum();
                assert_eq!(steps, 1);
            }
        }
        check::<1>(9);
        check::<2>(1);
        check::<2>(5);
        check::<3>(1);
        check::<3>(4);
        check::<4>(3);
    }

    #[test]
    fn the_radix_sort_sorts() {
        let place = |i: u64| (crate::Seed(1).key(RowId(i as u32)) % (1 << CURVE_BITS)) >> (i % 3 * 8);
        let mut keys: Vec<u64> = (0..5000).map(|i| place(i) << 32 | i).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        radix_sort(&mut keys);
        assert_eq!(keys, sorted);
    }

    /// Every row once, and no leaf spans much, whether rows fill the range or one row makes the range and all others share a cell.
    #[test]
    fn orders_keep_near_rows_together() {
        fn check<const D: usize>(outlier: f64, spans: f64) {
            let n = 3000;
            let mut values: Vec<f64> = (0..n * D).map(|i| crate::Seed(5).unit(RowId::at(i))).collect();
            values[D * (n / 3)] = outlier;
            let points = Matrix::new(&values, n, D).expect("shape");
            let rows: Vec<RowId> = (0..n).map(RowId::at).collect();
            let (low, high) = range(&points, &rows, &|| Ok(())).expect("not cancelled");
            let order = order(&points, &rows, &low, &high, WIDE, &|| Ok(())).expect("not cancelled");
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..n as u32));
            let span = |leaf: &[u32]| -> f64 {
                let of = |k: usize| leaf.iter().map(move |&id| points.row(RowId(id))[k]).filter(|&v| v < 2.0);
                (0..D).map(|k| of(k).fold(0.0, f64::max) - of(k).fold(1.0, f64::min)).sum::<f64>() / D as f64
            };
            let mean = order.chunks(WIDE).map(span).sum::<f64>() / order.len().div_ceil(WIDE) as f64;
            assert!(mean < spans, "{mean} in {D} columns beside {outlier}");
        }
        for outlier in [0.5, 1e4] {
            check::<1>(outlier, 0.01);
            check::<2>(outlier, 0.15);
            check::<3>(outlier, 0.35);
            check::<4>(outlier, 0.5);
        }
    }
}
