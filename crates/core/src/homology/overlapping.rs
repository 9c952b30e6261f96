//! The longest gaps and loops of many point sets that overlap, as neighbourhoods of near points do.
//!
//! Problem: of some points, *centres* have neighbours within a radius. What is the largest persistence, in dimensions 0 and
//! 1, of the Vietoris–Rips filtration of the neighbours of each centre?
//!
//! As in [the sweep](super::rips), an edge changes homology according to its link. Most edges of a neighbourhood change
//! nothing: their link is connected. One sweep over the edges of all points finds for each edge the centres for which it is
//! *critical*: its link among their neighbours is empty (a component dies, or a loop is born), or has several components
//! (loops die). A point of the link that all its other points are joined to, near the middle of the edge, shows that the
//! link is connected for all centres that have this point as a neighbour. What is connected, or is not, among all points is so
//! for every centre that has all of the link as neighbours. The centres that are left are looked at one by one.
//!
//! Then each centre has a short list. A loop is a bit. The value of an edge is the set of the loops that a path beside it
//! runs through: none for an edge of the spanning tree, its own bit for an edge that gives birth to a loop, and otherwise
//! the sum of the values of the two edges to a point of its link, which are shorter. Where a link has components a and b,
//! the loop uavb is filled: the sum of its values is a column, which is reduced as usual, and the youngest loop of what
//! is left dies. Only edges of such columns are followed, and what is found is kept.
//!
//! The order of edges is one for all centres. Ties are broken in it, which changes no bar of positive length. So
//! the results are those of the sweep, bit for bit.
//!
//! Cost: distances of all pairs, then about 20 ns per edge within the reach of its centres. Memory: 4 bytes per pair, and 14 per
//! edge.

use std::cmp::Ordering;

use super::bits::Bits;
use super::rips::ends;
use crate::distance::{Euclidean, LANES, Packed, Terms};
use crate::{Look, Result, Scalar, simd};

/// The most centres of a patch.
pub(crate) const MOST_CENTRES: usize = 256;

/// The most points of a patch.
pub(crate) const MOST_POINTS: usize = 1024;

/// Loops born in a neighbourhood, of which each has a bit.
const MOST_LOOPS: usize = 256;

/// A set of centres.
type Centres = Bits<{ MOST_CENTRES / 64 }>;

/// A set of loops.
type Loops = Bits<{ MOST_LOOPS / 64 }>;

/// No point.
const NONE: u16 = u16::MAX;

/// Edges between two looks at whether to stop.
const LOOK: usize = 1024;

/// No edge.
const NO_EDGE: u32 = u32::MAX;

/// An edge that changes the homology of a neighbourhood.
#[derive(Clone, Copy, Debug)]
struct Critical {
    edge: u32,
    /// Points of two components of its link, or none for an empty link.
    parts: [u16; 2],
}

/// Some points and the neighbourhoods of some of them: at most 64·W points. All is scratch, kept from one patch to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch<const W: usize> {
    points: usize,
    columns: usize,
    /// Coordinates, row by row.
    values: Vec<f64>,
    /// The neighbours of each centre.
    near: Vec<Bits<W>>,
    /// The centres whose neighbour each point is.
    of: Vec<Centres>,
    /// A raw distance for each centre beyond which its neighbourhood has no homology.
    reach: Vec<f64>,
    /// The largest of those of its centres, for each point in blocks; negative where it has none.
    reach_of: Vec<[f64; LANES]>,
    /// Rounded length and ends, in ascending order.
    edges: Vec<u64>,
    /// The place of the edge of each pair.
    place: Vec<u32>,
    /// A point of the link of each edge.
    beside: Vec<u16>,
    adjacency: Vec<Bits<W>>,
    middle: Middle,
    /// The critical edges of each centre, ascending.
    critical: Vec<Vec<Critical>>,
    // Of the centre at hand:
    parent: Vec<u16>,
    births: Vec<f64>,
    alive: Vec<bool>,
    columns_of: Vec<Option<Loops>>,
    /// Where the value of each edge is, with the round in which it was found: one for each centre.
    known: Vec<(u32, u32)>,
    round: u32,
    found: Vec<Loops>,
    stack: Vec<u32>,
}

impl<const W: usize> Patch<W> {
    /// Finds the neighbours of some points: those within the raw distance `limit`, the point itself only if it is said so.
    pub(crate) fn load<T: Scalar>(&mut self, packed: &Packed<T>, points: usize, centres: &[(u16, bool)], limit: f64) {
        debug_assert!(points <= 64 * W && centres.len() <= MOST_CENTRES);
        (self.points, self.columns) = (points, packed.columns());
        self.values.clear();
        self.values.resize(points * self.columns, 0.0);
        for (slot, row) in self.values.chunks_exact_mut(self.columns.max(1)).enumerate() {
            for (value, column) in row.iter_mut().zip(packed.block(slot / LANES)) {
                *value = column[slot % LANES].widen();
            }
        }
        self.near.clear();
        self.reach.clear();
        simd::run(Near { patch: self, packed, centres, limit });
        self.of.clear();
        self.of.resize(points, Centres::EMPTY);
        self.reach_of.clear();
        self.reach_of.resize(points.div_ceil(LANES), [-1.0; LANES]);
        for (x, (near, &reach)) in self.near.iter().zip(&self.reach).enumerate() {
            for point in near.iter() {
                self.of[point].insert(x);
                let most = &mut self.reach_of[point / LANES][point % LANES];
                *most = most.max(reach);
            }
        }
    }

    /// The neighbours of a centre.
    pub(crate) fn near(&self, centre: usize) -> &Bits<W> {
        &self.near[centre]
    }

    /// The centre with the same neighbours that comes first, for each centre.
    pub(crate) fn first_alike(&self) -> Vec<usize> {
        let mut seen = std::collections::HashMap::new();
        self.near.iter().enumerate().map(|(x, near)| *seen.entry(near).or_insert(x)).collect()
    }

    /// Leaves out what is asked of a centre.
    pub(crate) fn skip(&mut self, centre: usize) {
        for point in self.near[centre].iter() {
            self.of[point].remove(centre);
        }
    }

    /// Lists the edges; whether one sweep over all is less work than one for each of the centres.
    pub(crate) fn list_edges<T: Scalar>(&mut self, packed: &Packed<T>) -> bool {
        let most = self.reach.iter().copied().fold(0.0, f64::max);
        if !most.is_finite() {
            return false;
        }
        let unit = Some(1.0 / most).filter(|u| u.is_finite()).unwrap_or(1.0);
        simd::run(Edges { patch: self, packed, unit });
        let pairs: usize = self.near.iter().map(|near| (near.len() as usize).pow(2) / 2).sum();
        self.edges.len() / 2 <= pairs
    }

    /// Finds the critical edges of every centre.
    ///
    /// # Errors
    /// That of `look`.
    pub(crate) fn sweep(&mut self, look: Look<'_>) -> Result<()> {
        radsort::sort_by_key(&mut self.edges, |key| (key >> 32) as u32);
        let Self { values, columns, edges, .. } = self;
        let length = |key: &u64| raw_of(values, *columns, ends(*key));
        for equal in edges.chunk_by_mut(|a, b| a >> 32 == b >> 32).filter(|run| run.len() > 1) {
            equal.sort_by_cached_key(|key| (length(key).to_bits(), *key));
        }
        self.adjacency.clear();
        self.adjacency.resize(self.points, Bits::EMPTY);
        self.place.clear();
        self.place.resize(self.points * self.points, NO_EDGE);
        self.beside.clear();
        self.beside.resize(self.edges.len(), NONE);
        self.known.clear();
        self.known.resize(self.edges.len(), (0, 0));
        self.round = 0;
        self.critical.iter_mut().for_each(Vec::clear);
        self.critical.resize_with(self.near.len().max(self.critical.len()), Vec::new);
        self.middle.of(&self.values, self.columns);
        simd::run(Links { patch: self, look })
    }

    /// The largest persistence of a centre in the dimensions that are wanted, or none where it has too many loops.
    pub(crate) fn longest(&mut self, centre: usize, gaps: bool, loops: bool) -> Option<f64> {
        let members = self.near[centre].len() as usize;
        let list = std::mem::take(&mut self.critical[centre]);
        let found = self.longest_of(centre, members, &list, gaps, loops);
        self.critical[centre] = list;
        found
    }

    fn longest_of(&mut self, centre: usize, members: usize, list: &[Critical], gaps: bool, loops: bool) -> Option<f64> {
        let empty = list.iter().filter(|critical| critical.parts[0] == NONE).count();
        debug_assert!(empty + 1 >= members, "neighbours are joined within their reach");
        let births = if loops { (empty + 1).saturating_sub(members) } else { 0 };
        if births == 0 && !gaps {
            return Some(0.0);
        }
        if births > MOST_LOOPS {
            return None;
        }
        if self.parent.len() < self.points {
            self.parent.resize(self.points, 0);
        }
        for point in self.near[centre].iter() {
            self.parent[point] = point as u16;
        }
        self.round += 1;
        self.births.clear();
        self.alive.clear();
        self.columns_of.clear();
        self.found.clear();
        self.found.push(Loops::EMPTY);
        let reach = Euclidean::finish(self.reach[centre]);
        let (mut joined, mut living, mut oldest, mut longest) = (1, 0usize, 0usize, 0.0f64);
        for critical in list {
            let (u, v) = ends(self.edges[critical.edge as usize]);
            if critical.parts[0] == NONE {
                if self.join(u, v) {
                    joined += 1;
                    if gaps && joined == members {
                        longest = longest.max(Euclidean::finish(self.raw(u, v)));
                    }
                    self.known[critical.edge as usize] = (self.round, 0);
                } else if births > 0 {
                    self.known[critical.edge as usize] = (self.round, self.found.len() as u32);
                    self.found.push(Loops::single(self.births.len()));
                    self.births.push(self.raw(u, v));
                    self.alive.push(true);
                    self.columns_of.push(None);
                    living += 1;
                }
            } else if living > 0 {
                while !self.alive[oldest] {
                    oldest += 1;
                }
                if (!gaps || joined == members) && reach - Euclidean::finish(self.births[oldest]) <= longest {
                    break;
                }
                let around = critical.parts.map(|z| {
                    let z = usize::from(z);
                    let (a, b) = (self.place[u * self.points + z], self.place[z * self.points + v]);
                    self.value(centre, a) ^ self.value(centre, b)
                });
                let mut column = around[0] ^ around[1];
                while let Some(youngest) = column.highest() {
                    match self.columns_of[youngest] {
                        Some(other) => column = column ^ other,
                        None => {
                            self.columns_of[youngest] = Some(column);
                            self.alive[youngest] = false;
                            living -= 1;
                            let life = Euclidean::finish(self.raw(u, v)) - Euclidean::finish(self.births[youngest]);
                            longest = longest.max(life);
                            break;
                        }
                    }
                }
            }
            if living == 0 && self.births.len() == births && (joined == members || !gaps) {
                break;
            }
        }
        Some(longest)
    }

    /// The loops that a path beside an edge runs through.
    fn value(&mut self, centre: usize, edge: u32) -> Loops {
        self.stack.push(edge);
        while let Some(&edge) = self.stack.last() {
            if self.known[edge as usize].0 == self.round {
                self.stack.pop();
                continue;
            }
            let (u, v) = ends(self.edges[edge as usize]);
            let z = self.beside(centre, edge, u, v);
            let sides = [self.place[u * self.points + z], self.place[z * self.points + v]];
            let unknown = sides.map(|side| self.known[side as usize].0 != self.round);
            if unknown == [false; 2] {
                let [a, b] = sides.map(|side| self.found[self.known[side as usize].1 as usize]);
                self.known[edge as usize] = (self.round, self.found.len() as u32);
                self.found.push(a ^ b);
                self.stack.pop();
            } else {
                self.stack.extend(sides.iter().zip(unknown).filter(|(_, unknown)| *unknown).map(|(side, _)| side));
            }
        }
        self.found[self.known[edge as usize].1 as usize]
    }

    /// A point of the link of an edge among the neighbours of a centre.
    fn beside(&self, centre: usize, edge: u32, u: usize, v: usize) -> usize {
        let near = &self.near[centre];
        let first = self.beside[edge as usize];
        if first != NONE && near.has(usize::from(first)) {
            return usize::from(first);
        }
        let of = |point: usize| &self.place[point * self.points..][..self.points];
        let (of_u, of_v) = (of(u), of(v));
        let beside = near.iter().find(|&z| of_u[z] < edge && of_v[z] < edge);
        beside.unwrap_or_else(|| unreachable!("an edge whose link is empty is critical"))
    }

    fn join(&mut self, u: usize, v: usize) -> bool {
        let mut root = |mut at: usize| {
            while usize::from(self.parent[at]) != at {
                let up = self.parent[usize::from(self.parent[at])];
                self.parent[at] = up;
                at = usize::from(up);
            }
            at
        };
        let (a, b) = (root(u), root(v));
        self.parent[a] = b as u16;
        a != b
    }

    fn raw(&self, u: usize, v: usize) -> f64 {
        raw_of(&self.values, self.columns, (u, v))
    }

    /// Notes an edge as critical for some centres.
    #[inline(always)]
    fn note(&mut self, centres: Centres, edge: usize, parts: [u16; 2]) {
        for x in centres.iter() {
            self.critical[x].push(Critical { edge: edge as u32, parts });
        }
    }

    /// Notes an edge with this link, which is not empty, if it has several components.
    #[inline(always)]
    fn note_parts(&mut self, centres: Centres, edge: usize, mut link: Bits<W>) {
        let Some(first) = self.take_component(&mut link) else { return };
        while let Some(other) = self.take_component(&mut link) {
            self.note(centres, edge, [first as u16, other as u16]);
        }
    }

    /// Takes a component out of a set, and gives a point of it.
    #[inline(always)]
    fn take_component(&self, rest: &mut Bits<W>) -> Option<usize> {
        let root = rest.pop()?;
        let mut front = self.adjacency[root] & *rest;
        *rest = rest.without(front);
        while !rest.is_empty()
            && let Some(a) = front.pop()
        {
            let new = self.adjacency[a] & *rest;
            *rest = rest.without(new);
            front = front | new;
        }
        Some(root)
    }
}

/// The raw distance of two points.
fn raw_of(values: &[f64], columns: usize, (u, v): (usize, usize)) -> f64 {
    let of = |point: usize| &values[point * columns..][..columns];
    crate::distance::raw::<Euclidean, f64, f64>(of(u), of(v))
}

/// The neighbours of the centres.
struct Near<'a, const W: usize, T> {
    patch: &'a mut Patch<W>,
    packed: &'a Packed<T>,
    centres: &'a [(u16, bool)],
    limit: f64,
}

impl<const W: usize, T: Scalar> simd::Kernel for Near<'_, W, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { patch, packed, centres, limit } = self;
        let radius = limit.sqrt();
        for &(centre, own) in centres {
            let centre = usize::from(centre);
            let query = &patch.values[centre * patch.columns..][..patch.columns];
            let mut near = Bits::EMPTY;
            let mut nearest = [f64::INFINITY; LANES];
            for block in 0..patch.points.div_ceil(LANES) {
                let mut raws = packed.raw::<Euclidean>(query, block);
                if block == centre / LANES && !own {
                    raws[centre % LANES] = f64::INFINITY;
                }
                // Lanes beyond the last point repeat it.
                for raw in &mut raws[LANES.min(patch.points - block * LANES)..] {
                    *raw = f64::INFINITY;
                }
                let mut lanes = 0u64;
                for lane in 0..LANES {
                    lanes |= u64::from(raws[lane] <= limit) << lane;
                    nearest[lane] = if raws[lane] < nearest[lane] { raws[lane] } else { nearest[lane] };
                }
                near.insert_byte(block, lanes);
            }
            patch.near.push(near);
            // The neighbourhood of the nearest neighbour is all of it, within the sum of both distances.
            let nearest = nearest.into_iter().fold(f64::INFINITY, f64::min);
            let reach = radius + if nearest <= limit { nearest.sqrt() } else { 0.0 };
            patch.reach.push(reach * reach * (1.0 + 1e-9) + f64::MIN_POSITIVE);
        }
    }
}

/// The edges that matter to a centre.
struct Edges<'a, const W: usize, T> {
    patch: &'a mut Patch<W>,
    packed: &'a Packed<T>,
    unit: f64,
}

impl<const W: usize, T: Scalar> simd::Kernel for Edges<'_, W, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { patch, packed, unit } = self;
        patch.edges.clear();
        for i in 1..patch.points {
            let reach = patch.reach_of[i / LANES][i % LANES];
            if reach < 0.0 {
                continue;
            }
            let query = &patch.values[i * patch.columns..][..patch.columns];
            let start = patch.edges.len();
            patch.edges.resize(start + i.next_multiple_of(LANES), 0);
            let out = &mut patch.edges[start..];
            let mut count = 0;
            for block in 0..i.div_ceil(LANES) {
                let raws = packed.raw::<Euclidean>(query, block);
                let limits = &patch.reach_of[block];
                let mut keys = [0u64; LANES];
                let mut keep = [false; LANES];
                for lane in 0..LANES {
                    keys[lane] = u64::from(((raws[lane] * unit) as f32).to_bits()) << 32
                        | (i << 16 | (block * LANES + lane)) as u64;
                    keep[lane] = (raws[lane] <= limits[lane]) & (raws[lane] <= reach);
                }
                for lane in 0..LANES.min(i - block * LANES) {
                    out[count] = keys[lane];
                    count += usize::from(keep[lane]);
                }
            }
            patch.edges.truncate(start + count);
        }
    }
}

/// The sweep over all edges.
struct Links<'a, const W: usize> {
    patch: &'a mut Patch<W>,
    look: Look<'a>,
}

impl<const W: usize> simd::Kernel for Links<'_, W> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self) -> Result<()> {
        let Self { patch, look } = self;
        for edge in 0..patch.edges.len() {
            if edge % LOOK == 0 {
                look()?;
            }
            let (u, v) = ends(patch.edges[edge]);
            let link = patch.adjacency[u] & patch.adjacency[v];
            let mut open = patch.of[u] & patch.of[v];
            if link.is_empty() {
                patch.note(open, edge, [NONE; 2]);
            } else {
                let middle = patch.middle.near(&patch.values, patch.columns, u, v, &link);
                patch.beside[edge] = middle as u16;
                let is_apex = |z: usize| link.without(patch.adjacency[z]) == Bits::single(z);
                let mut is_cone = is_apex(middle);
                if is_cone {
                    open = open.without(patch.of[middle]);
                }
                if !open.is_empty() {
                    for z in patch.middle.around(&patch.values, patch.columns, u, v, &link) {
                        if is_apex(z) {
                            is_cone = true;
                            open = open.without(patch.of[z]);
                            if open.is_empty() {
                                break;
                            }
                        }
                    }
                }
                if !is_cone && !open.is_empty() {
                    let mut all = open;
                    let mut rest = link;
                    while !all.is_empty()
                        && let Some(z) = rest.pop()
                    {
                        all = all & patch.of[z];
                    }
                    if !all.is_empty() {
                        patch.note_parts(all, edge, link);
                        open = open.without(all);
                    }
                }
                while let Some(x) = open.pop() {
                    let own = link & patch.near[x];
                    let centre = Centres::single(x);
                    if own.is_empty() {
                        patch.note(centre, edge, [NONE; 2]);
                    } else {
                        patch.note_parts(centre, edge, own);
                    }
                }
            }
            patch.adjacency[u].insert(v);
            patch.adjacency[v].insert(u);
            patch.place[u * patch.points + v] = edge as u32;
            patch.place[v * patch.points + u] = edge as u32;
        }
        Ok(())
    }
}

/// Finds a point near the middle of an edge: of one or two columns in a grid.
#[derive(Clone, Debug, Default)]
struct Middle {
    /// Cells per axis.
    cells: usize,
    low: [f64; 2],
    /// Cells per unit.
    scale: [f64; 2],
    /// A point near the middle of each cell.
    points: Vec<u16>,
    before: Vec<u16>,
}

/// Cells between points near the middle of an edge.
const SPREAD: isize = 2;

/// Rounds in which cells without a point get one of a cell beside them.
const ROUNDS: usize = 3;

impl Middle {
    fn of(&mut self, values: &[f64], columns: usize) {
        if columns > 2 || values.is_empty() {
            return;
        }
        let points = values.len() / columns;
        self.cells = (2.0 * points as f64).sqrt().ceil() as usize;
        let mut high = [f64::NEG_INFINITY; 2];
        self.low = [f64::INFINITY; 2];
        for row in values.chunks_exact(columns) {
            for (j, &value) in row.iter().enumerate() {
                (self.low[j], high[j]) = (self.low[j].min(value), high[j].max(value));
            }
        }
        for j in 0..2 {
            let scale = self.cells as f64 / (high[j] - self.low[j]);
            self.scale[j] = if j < columns && scale.is_finite() { scale } else { 0.0 };
        }
        self.points.clear();
        self.points.resize(self.cells * self.cells, NONE);
        let at = |point: usize, j: usize| if j < columns { values[point * columns + j] } else { 0.0 };
        for point in 0..points {
            let cell = self.cell(at(point, 0), at(point, 1));
            self.offer(values, columns, cell, point as u16);
        }
        for _ in 0..ROUNDS {
            self.before.clone_from(&self.points);
            for cell in (0..self.points.len()).filter(|&cell| self.before[cell] == NONE).collect::<Vec<_>>() {
                let (row, column) = (cell / self.cells, cell % self.cells);
                for row in row.saturating_sub(1)..(row + 2).min(self.cells) {
                    for column in column.saturating_sub(1)..(column + 2).min(self.cells) {
                        let point = self.before[row * self.cells + column];
                        if point != NONE {
                            self.offer(values, columns, cell, point);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn cell(&self, x: f64, y: f64) -> usize {
        let of = |value: f64, j: usize| (((value - self.low[j]) * self.scale[j]) as usize).min(self.cells - 1);
        of(y, 1) * self.cells + of(x, 0)
    }

    /// Gives a cell a point if it is nearer to its middle.
    fn offer(&mut self, values: &[f64], columns: usize, cell: usize, point: u16) {
        let apart = |point: u16| {
            let of = |j: usize, at: usize| {
                let value = if j < columns { values[usize::from(point) * columns + j] } else { self.low[j] };
                let apart = (value - self.low[j]) * self.scale[j] - (at as f64 + 0.5);
                if apart.is_finite() { apart * apart } else { 0.0 }
            };
            of(0, cell % self.cells) + of(1, cell / self.cells)
        };
        let held = self.points[cell];
        if held == NONE || apart(point).total_cmp(&apart(held)) == Ordering::Less {
            self.points[cell] = point;
        }
    }

    /// A few more points of a link, of one or two columns near the middle of its edge.
    #[inline(always)]
    fn around<const W: usize>(
        &self,
        values: &[f64],
        columns: usize,
        u: usize,
        v: usize,
        link: &Bits<W>,
    ) -> impl Iterator<Item = usize> {
        let (mut spread, mut cell) = ([0; 8], 0);
        if columns <= 2 {
            let half = |j: usize| {
                if j < columns { 0.5 * (values[u * columns + j] + values[v * columns + j]) } else { 0.0 }
            };
            let (side, step) = (SPREAD, SPREAD * self.cells.cast_signed());
            spread = [side, -side, step, -step, side + step, side - step, step - side, -side - step];
            cell = self.cell(half(0), half(1));
        }
        let at = move |spread: isize| self.points.get(cell.checked_add_signed(spread)?).copied().map(usize::from);
        let grid = spread.into_iter().filter_map(at).filter(|&point| point < 64 * W && link.has(point));
        let (near, any) = if columns <= 2 { (Some(grid), None) } else { (None, Some(link.samples())) };
        near.into_iter().flatten().chain(any.into_iter().flatten())
    }

    /// A point of a link that is not empty, near the middle of its edge if there is one.
    #[inline(always)]
    fn near<const W: usize>(&self, values: &[f64], columns: usize, u: usize, v: usize, link: &Bits<W>) -> usize {
        let half = |j: usize| {
            if j < columns { 0.5 * (values[u * columns + j] + values[v * columns + j]) } else { 0.0 }
        };
        if columns <= 2 {
            let point = usize::from(self.points[self.cell(half(0), half(1))]);
            if point < 64 * W && link.has(point) {
                return point;
            }
        }
        // One of each word: they are of different parts of the tree that they come from.
        let mut best = (f64::INFINITY, 0);
        for point in link.samples() {
            let mut sum = 0.0;
            for j in 0..columns {
                let apart = half(j) - values[point * columns + j];
                sum += apart * apart;
            }
            if sum <= best.0 {
                best = (sum, point);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::homology::{Workspace, overlapping};
    use crate::{Matrix, RowId};
    use proptest::prelude::*;

    /// Every neighbourhood on its own.
    fn check<const W: usize>(d: usize, values: &[f64], radius: f64, times: &[bool]) {
        let n = values.len() / d;
        let packed = Packed::gather(n, d, |i| &values[i * d..][..d], &|| Ok(())).expect("nobody stops it");
        let limit = radius * radius;
        let centres: Vec<(u16, bool)> = (0..n.min(MOST_CENTRES)).map(|i| (i as u16, times[i])).collect();
        let mut patch = Patch::<W>::default();
        patch.load(&packed, n, &centres, limit);
        let points = Matrix::new(values, n, d).expect("a matrix");
        let raw = |i: usize, j: usize| raw_of(values, d, (i, j));
        for (x, &(_, own)) in centres.iter().enumerate() {
            let near: Vec<usize> = (0..n).filter(|&j| (j != x || own) && raw(x, j) <= limit).collect();
            assert_eq!(patch.near(x).iter().collect::<Vec<_>>(), near);
        }
        let alike = patch.first_alike();
        (0..centres.len()).filter(|&x| alike[x] != x).for_each(|x| patch.skip(x));
        patch.list_edges(&packed);
        patch.sweep(&|| Ok(())).expect("nobody stops it");
        for x in (0..centres.len()).filter(|&x| alike[x] == x) {
            let rows: Vec<RowId> = patch.near(x).iter().map(RowId::at).collect();
            for (gaps, loops, dimensions) in [(false, true, 1..=1), (true, false, 0..=0), (true, true, 0..=1)] {
                let alone =
                    Workspace::default().max_persistence::<Euclidean, f64>(&points, &rows, dimensions, &|| Ok(()));
                let found = patch.longest(x, gaps, loops);
                assert_eq!(found.expect("few loops"), alone.expect("few"), "{x} of {n}, {gaps}, {loops}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        #[test]
        fn overlapping_neighbourhoods_are_those_of_one_sweep_each(
            (d, values) in (1usize..5, 1usize..90, 0u8..4).prop_flat_map(|(d, n, kind)| {
                let grid = [0.0, 2.0, 5.0, 16.0][usize::from(kind)];
                let value = (-1.0f64..1.0).prop_map(move |v| if grid > 0.0 { (v * grid).round() / 3.0 } else { v });
                (Just(d), prop::collection::vec(value, n * d))
            }),
            radius in 0.1f64..3.0,
            own in prop::collection::vec(any::<bool>(), 90),
        ) {
            check::<2>(d, &values, radius, &own);
            check::<8>(d, &values, radius, &[false; 90]);
        }

        #[test]
        fn overlapping_neighbourhoods_of_many_points(
            (d, values) in (1usize..4, 200usize..500).prop_flat_map(|(d, n)| {
                (Just(d), prop::collection::vec(-1.0f64..1.0, n * d))
            }),
            radius in 0.05f64..0.5,
        ) {
            let values: Vec<f64> = values.into_iter().map(|v| 1e6 + v).collect();
            check::<8>(d, &values, radius, &[false; 500]);
        }
    }

    #[test]
    fn rings_have_their_loop() {
        // Circles of several sizes around one centre, which is in none of its own neighbourhood.
        let values: Vec<f64> = (0..240)
            .flat_map(|i| {
                let (angle, radius) = (f64::from(i % 60) / 60.0 * std::f64::consts::TAU, f64::from(1 + i / 60));
                [radius * angle.cos(), radius * angle.sin()]
            })
            .chain([0.0, 0.0])
            .collect();
        for radius in [1.1, 2.5, 9.0] {
            check::<{ overlapping::MOST_POINTS / 64 }>(2, &values, radius, &[false; 241]);
        }
    }
}
