//! The sweep: Vietoris–Rips persistence by edges alone.
//!
//! Problem: the persistence pairs of the Vietoris–Rips filtration of n points in dimensions 0, 1 and 2.
//!
//! Edges enter in ascending order (ties by their vertices). With an edge e = uv enter all simplices that contain it,
//! and these are e joined with the simplices of its *link*, the flag complex of the common neighbours L = N(u) ∩ N(v)
//! so far. What this changes in homology is the reduced homology of the link, two dimensions up:
//!
//! - L empty: e joins two components (one of dimension 0 dies), or closes a loop (dimension 1, one is born);
//! - L has c components: c − 1 critical triangles, each of which kills a loop or closes a void (dimension 2);
//! - each independent cycle of the link: a critical tetrahedron, which kills a void or closes a 3-cycle.
//!
//! So no triangle is ever listed, let alone a tetrahedron. Which class dies is told by a cocycle for each living one
//! (persistent cohomology). A loop's is γ: edges → {0, 1} with γ(uz) + γ(vz) + γ(uv) = 0 on every triangle: when e
//! enters, y(z) = γ(uz) + γ(vz) has to be one constant over L, which then is γ(e). A void's is α: triangles → {0, 1}:
//! h(ab) = α(uab) + α(vab) has to be x(a) + x(b) for a function x on L, which then gives α(uvz) = x(z). Where this
//! fails, the youngest of the classes that fail dies here (elder rule) and is added to the other ones that fail with it.
//! A cocycle that vanishes near e has nothing to be asked; a void's is looked at only while it lives, so without voids
//! dimension 2 costs the components of the links and no more.
//!
//! Beyond the enclosing radius, min_i max_j d(i, j), the complex is a cone and nothing happens: longer edges are never
//! looked at.
//!
//! Cost: sorting of the edges within the enclosing radius, and for each of them n/64 words for its link, as many for
//! each loop alive near it, and the components of its link in dimension 2. Memory: n(n − 1)/2 distances, 8 bytes for
//! each edge within the enclosing radius, n²/8 bytes of adjacency, and the rows of the living cocycles.
//!
//! References: de Silva, Morozov & Vejdemo-Johansson (persistent cohomology), Discrete & Computational Geometry 45,
//! 2011; Bauer (Ripser: clearing, enclosing radius, apparent pairs), J. Applied and Computational Topology 5, 2021;
//! Koyama, Memoli, Robins & Turner (reduced Vietoris–Rips: components of links), arXiv:2307.16333; arXiv:2412.07805
//! (distilled Vietoris–Rips: links in higher dimensions).

use super::bits::{Bits, Rows};
use crate::distance::LANES;
use crate::{Result, simd};

/// Receives what a sweep finds, in raw distances.
pub(super) trait Sink {
    /// The dimensions whose living classes matter to [`Self::go_on`].
    fn wants(&self, dimension: usize) -> bool;
    /// A class that has lived from one raw distance to another, which may be the same.
    fn bar(&mut self, dimension: usize, birth: f64, death: f64);
    /// Now and then, after `edges` more: whether to go on, if no bar to come is born before `oldest` or dies after
    /// `reach`.
    ///
    /// # Errors
    /// To stop the sweep.
    fn go_on(&mut self, edges: usize, oldest: f64, reach: f64) -> Result<bool>;
    /// Where it takes long: whether to go on at all.
    ///
    /// # Errors
    /// To stop the sweep.
    fn look(&self) -> Result<()>;
}

/// Up to so many edges, few have the same 16 bits.
const FEW_EDGES: usize = 1 << 13;

/// Edges between two looks at [`Sink::go_on`].
const LOOK: usize = 16;

/// The place of a pair (j < i) among all pairs: row after row of the lower triangle.
#[inline(always)]
pub(super) fn pair(i: usize, j: usize) -> usize {
    i * (i - 1) / 2 + j
}

/// A loop: a cocycle on edges.
#[derive(Clone, Debug, Default)]
struct Loop<const W: usize> {
    birth: f64,
    cocycle: Rows<W>,
}

/// What an edge asks of a loop near it: its value there, and where on the link the cocycle condition fails.
#[derive(Clone, Copy, Debug)]
struct Asked<const W: usize> {
    slot: usize,
    value: bool,
    defect: Bits<W>,
}

/// A void: a cocycle on triangles, as one symmetric matrix a vertex.
#[derive(Clone, Debug, Default)]
struct Void<const W: usize> {
    birth: f64,
    /// The vertices of triangles in the cocycle; only their sheets are in use.
    touched: Bits<W>,
    sheets: Vec<Rows<W>>,
    /// What the present edge asks: the values x on its link, and where they fail.
    values: Bits<W>,
    defects: Rows<W>,
}

impl<const W: usize> Void<W> {
    fn reset(&mut self, vertices: usize, birth: f64) {
        self.birth = birth;
        self.touched = Bits::EMPTY;
        if self.sheets.len() < vertices {
            self.sheets.resize_with(vertices, Rows::default);
        }
    }

    fn sheet(&mut self, vertex: usize) -> &mut Rows<W> {
        if !self.touched.has(vertex) {
            self.touched.insert(vertex);
            let vertices = self.sheets.len();
            self.sheets[vertex].reset(vertices);
        }
        &mut self.sheets[vertex]
    }

    /// Flips the values of the triangles of an edge with these vertices.
    fn flip(&mut self, u: usize, v: usize, vertices: Bits<W>) {
        for z in vertices.iter() {
            for (a, b, c) in [(u, v, z), (v, z, u), (z, u, v)] {
                let sheet = self.sheet(a);
                sheet.flip(b, c);
                sheet.flip(c, b);
            }
        }
    }

    /// Adds another void, and what it is asked at the present edge.
    fn add(&mut self, other: &Self) {
        for vertex in other.touched.iter() {
            self.sheet(vertex).add(&other.sheets[vertex]);
        }
        self.values = self.values ^ other.values;
        self.defects.add(&other.defects);
    }

    /// Asks the cocycle for its values at the triangles of an edge uv with the vertices of its link. Whether there is
    /// anything to say: otherwise they are all 0.
    fn ask(&mut self, u: usize, v: usize, link: Bits<W>, adjacency: &[Bits<W>]) -> bool {
        let sheet = |vertex: usize| self.touched.has(vertex).then(|| &self.sheets[vertex]);
        let (of_u, of_v) = (sheet(u), sheet(v));
        let row = |a: usize| {
            let of = |sheet: Option<&Rows<W>>| sheet.map_or(Bits::EMPTY, |rows| rows.row(a));
            (of(of_u) ^ of(of_v)) & link
        };
        let touched = |sheet: Option<&Rows<W>>| sheet.map_or(Bits::EMPTY, Rows::touched);
        let mut across = Bits::EMPTY;
        ((touched(of_u) | touched(of_v)) & link).iter().filter(|&a| !row(a).is_empty()).for_each(|a| across.insert(a));
        if across.is_empty() {
            return false;
        }
        // x along a spanning forest of the link, 0 at its roots.
        let (mut rest, mut values) = (link, Bits::EMPTY);
        while let Some(root) = rest.pop() {
            let mut front = Bits::single(root);
            while !rest.is_empty()
                && let Some(a) = front.pop()
            {
                let new = adjacency[a] & rest;
                let differ = if across.has(a) { row(a) } else { Bits::EMPTY };
                values = values | if values.has(a) { new.without(differ) } else { new & differ };
                front = front | new;
                rest = rest.without(new);
            }
        }
        self.values = fewer(values, link);
        // And whether it is right on the other edges too: one that is wrong has x or h at one of its ends.
        self.defects.reset(adjacency.len());
        for a in (self.values | across).iter() {
            let neighbours = adjacency[a] & link;
            let wrong = (self.values ^ neighbours.when(self.values.has(a)) ^ row(a)) & neighbours;
            for b in wrong.iter() {
                self.defects.insert(a, b);
                self.defects.insert(b, a);
            }
        }
        true
    }
}

/// Classes of one dimension: the living in slots, and of each vertex the living whose cocycle touches it.
#[derive(Clone, Debug, Default)]
struct Living<C> {
    slots: Vec<C>,
    /// When each was born, in births; none for a slot that is free.
    order: Vec<Option<u32>>,
    births: u32,
    alive: usize,
    /// Of each vertex, a set of slots of so many words.
    words: usize,
    near: Vec<u64>,
}

impl<C: Default> Living<C> {
    fn reset(&mut self, vertices: usize) {
        (self.births, self.alive) = (0, 0);
        self.order.fill(None);
        self.words = 1;
        self.near.clear();
        self.near.resize(vertices, 0);
    }

    /// A slot for a new class: the class in it is to be reset.
    fn open(&mut self) -> usize {
        let slot = self.order.iter().position(Option::is_none).unwrap_or(self.order.len());
        if slot == self.order.len() {
            self.order.push(None);
            self.slots.push(C::default());
        }
        if slot == 64 * self.words {
            let wider = self.near.chunks_exact(self.words).flat_map(|set| set.iter().copied().chain([0]));
            self.near = wider.collect();
            self.words += 1;
        }
        self.order[slot] = Some(self.births);
        self.births += 1;
        self.alive += 1;
        slot
    }

    /// Frees a slot whose class touches these vertices.
    fn close(&mut self, slot: usize, touched: impl Iterator<Item = usize>) {
        self.order[slot] = None;
        self.alive -= 1;
        for vertex in touched {
            self.near[vertex * self.words + slot / 64] &= !(1 << (slot % 64));
        }
    }

    /// Notes that a class touches these vertices.
    fn touch(&mut self, slot: usize, vertices: impl Iterator<Item = usize>) {
        for vertex in vertices {
            self.near[vertex * self.words + slot / 64] |= 1 << (slot % 64);
        }
    }

    /// The slots of the classes that touch a vertex of this edge.
    #[inline(always)]
    fn near(&self, u: usize, v: usize) -> impl Iterator<Item = usize> {
        (0..self.words).flat_map(move |w| {
            let mut set = self.near[u * self.words + w] | self.near[v * self.words + w];
            std::iter::from_fn(move || {
                let slot = 64 * w + set.trailing_zeros() as usize;
                let found = set != 0;
                set &= set.wrapping_sub(1);
                found.then_some(slot)
            })
        })
    }

    /// Two classes of different slots, to add the second to the first.
    fn two(&mut self, slot: usize, other: usize) -> (&mut C, &C) {
        if slot < other {
            let (low, high) = self.slots.split_at_mut(other);
            (&mut low[slot], &high[0])
        } else {
            let (low, high) = self.slots.split_at_mut(slot);
            (&mut high[0], &low[other])
        }
    }

    /// The class that was born first.
    fn oldest(&self) -> Option<&C> {
        if self.alive == 0 {
            return None;
        }
        let living = self.order.iter().zip(&self.slots).filter_map(|(order, class)| Some((order.as_ref()?, class)));
        living.min_by_key(|(order, _)| **order).map(|(_, class)| class)
    }
}

/// The scratch of sweeps over up to 64·W points; kept from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweep<const W: usize> {
    adjacency: Vec<Bits<W>>,
    /// Union–find over the components.
    parent: Vec<u16>,
    /// The largest distance of each vertex.
    farthest: Vec<f64>,
    /// The edges: their rounded length and their vertices.
    edges: Vec<u64>,
    loops: Living<Loop<W>>,
    voids: Living<Void<W>>,
    /// The components of the present link that are not the first and have killed no loop.
    components: Vec<Bits<W>>,
    /// What the present edge asks of loops, and the voids that it asks.
    asked: Vec<Asked<W>>,
    asked_voids: Vec<usize>,
}

impl<const W: usize> Sweep<W> {
    /// Finds all pairs in dimensions 0 ..= `top` of n points; `raw` holds the distance of i and j < i at [`pair`].
    pub(super) fn run(&mut self, n: usize, raw: &[f64], top: usize, sink: &mut impl Sink) -> Result<()> {
        debug_assert!(n <= 64 * W && raw.len() == n * n.saturating_sub(1) / 2);
        let reach = self.sort_edges(n, raw, sink)?;
        self.adjacency.clear();
        self.adjacency.resize(n, Bits::EMPTY);
        self.parent.clear();
        self.parent.extend(0..n as u16); // n ≤ 4096
        self.loops.reset(n);
        self.voids.reset(n);
        let mut components = n;
        for at in 0..self.edges.len() {
            let (u, v) = ends(self.edges[at]);
            let length = raw[pair(u, v)];
            if at % LOOK == LOOK - 1 && !sink.go_on(LOOK, self.oldest(length, components, sink), reach)? {
                return Ok(());
            }
            let link = self.adjacency[u] & self.adjacency[v];
            if link.is_empty() {
                if self.join(u, v) {
                    components -= 1;
                    sink.bar(0, 0.0, length);
                    if top == 0 && components == 1 {
                        break;
                    }
                } else if top > 0 {
                    self.open_loop(n, u, v, length);
                }
            } else if top > 0 {
                if top > 1 {
                    self.split(link);
                }
                if self.loops.alive > 0 {
                    self.pass_loops(u, v, link, length, sink)?;
                }
                if self.voids.alive > 0 {
                    self.pass_voids(u, v, link, length, sink)?;
                }
                while let Some(component) = self.components.pop() {
                    self.open_void(n, u, v, fewer(component, link), length);
                }
            }
            self.adjacency[u].insert(v);
            self.adjacency[v].insert(u);
        }
        debug_assert!(self.loops.alive + self.voids.alive == 0, "a cone has no homology");
        sink.go_on(self.edges.len() % LOOK, reach, reach).map(|_| ())
    }

    /// Sorts the edges within the enclosing radius, and returns that.
    fn sort_edges(&mut self, n: usize, raw: &[f64], sink: &impl Sink) -> Result<f64> {
        self.farthest.clear();
        self.farthest.resize(n, 0.0);
        simd::run(Farthest { raw, farthest: &mut self.farthest });
        let reach = self.farthest.iter().copied().fold(f64::INFINITY, f64::min);
        // Sorted by length rounded to f32, or to 16 bits where there are few edges, and what that makes equal again by length.
        let unit = Some(1.0 / reach).filter(|u| u.is_finite()).unwrap_or(1.0);
        let few = raw.len() <= FEW_EDGES;
        self.edges.clear();
        self.edges.resize(raw.len(), 0);
        let mut count = 0;
        for i in 1..n {
            if i % 256 == 0 {
                sink.look()?;
            }
            for (j, &d) in raw[pair(i, 0)..][..i].iter().enumerate() {
                let rounded = if few {
                    (d * unit * f64::from(u16::MAX)) as u64 & u64::from(u16::MAX)
                } else {
                    u64::from(((d * unit) as f32).to_bits())
                };
                self.edges[count] = rounded << 32 | (i << 16 | j) as u64;
                count += usize::from(d <= reach);
            }
        }
        self.edges.truncate(count);
        sink.look()?;
        if few {
            radsort::sort_by_key(&mut self.edges, |key| (key >> 32) as u16);
        } else {
            radsort::sort_by_key(&mut self.edges, |key| (key >> 32) as u32);
        }
        sink.look()?;
        for equal in self.edges.chunk_by_mut(|a, b| a >> 32 == b >> 32).filter(|run| run.len() > 1) {
            let length = |&key: &u64| {
                let (i, j) = ends(key);
                raw[pair(i, j)]
            };
            equal.sort_unstable_by(|a, b| length(a).total_cmp(&length(b)).then(a.cmp(b)));
        }
        Ok(reach)
    }

    /// The least birth of what is still to come, of the dimensions that are wanted.
    fn oldest(&self, length: f64, components: usize, sink: &impl Sink) -> f64 {
        if sink.wants(0) && components > 1 {
            return 0.0;
        }
        let first = |wanted: bool, birth: Option<f64>| birth.filter(|_| wanted).unwrap_or(length);
        let of_loops = first(sink.wants(1), self.loops.oldest().map(|l| l.birth));
        let of_voids = first(sink.wants(2), self.voids.oldest().map(|v| v.birth));
        of_loops.min(of_voids)
    }

    /// Whether an edge joins two components; they are one thereafter.
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

    /// The components of a link, but for the one of its lowest vertex.
    fn split(&mut self, link: Bits<W>) {
        let mut rest = link;
        let mut lowest = true;
        self.components.clear();
        while let Some(root) = rest.pop() {
            let mut component = Bits::single(root);
            let mut front = component;
            while !rest.is_empty()
                && let Some(a) = front.pop()
            {
                let new = self.adjacency[a] & rest;
                rest = rest.without(new);
                front = front | new;
                component = component | new;
            }
            if !std::mem::take(&mut lowest) {
                self.components.push(component);
            }
        }
    }

    fn open_loop(&mut self, n: usize, u: usize, v: usize, birth: f64) {
        let slot = self.loops.open();
        let new = &mut self.loops.slots[slot];
        new.birth = birth;
        new.cocycle.reset(n);
        new.cocycle.flip(u, v);
        new.cocycle.flip(v, u);
        self.loops.touch(slot, [u, v].into_iter());
    }

    fn open_void(&mut self, n: usize, u: usize, v: usize, component: Bits<W>, birth: f64) {
        let slot = self.voids.open();
        let new = &mut self.voids.slots[slot];
        new.reset(n, birth);
        new.flip(u, v, component);
        let touched = new.touched;
        self.voids.touch(slot, touched.iter());
    }

    /// Extends the loops over an edge with a link, and ends those that cannot be.
    fn pass_loops(&mut self, u: usize, v: usize, link: Bits<W>, length: f64, sink: &mut impl Sink) -> Result<()> {
        let Some(first) = link.lowest() else { return Ok(()) };
        let mut failing = false;
        self.asked.clear();
        for slot in self.loops.near(u, v) {
            let cocycle = &self.loops.slots[slot].cocycle;
            let across = (cocycle.row(u) ^ cocycle.row(v)) & link;
            if !across.is_empty() {
                let value = across.has(first);
                let defect = across ^ link.when(value);
                failing |= !defect.is_empty();
                self.asked.push(Asked { slot, value, defect });
            }
        }
        if failing {
            self.end_loops(length, sink)?;
        }
        for asked in self.asked.iter().filter(|a| a.value) {
            let cocycle = &mut self.loops.slots[asked.slot].cocycle;
            cocycle.flip(u, v);
            cocycle.flip(v, u);
            self.loops.touch(asked.slot, [u, v].into_iter());
        }
        Ok(())
    }

    /// Ends loops until the others can be extended.
    fn end_loops(&mut self, length: f64, sink: &mut impl Sink) -> Result<()> {
        while let Some(at) = self.asked.iter().find_map(|a| a.defect.lowest()) {
            sink.look()?;
            let order = |place: &usize| self.loops.order[self.asked[*place].slot];
            let failing = (0..self.asked.len()).filter(|&place| self.asked[place].defect.has(at));
            let Some(youngest) = failing.max_by_key(order) else { return Ok(()) };
            let dead = self.asked.swap_remove(youngest);
            let touched = self.loops.slots[dead.slot].cocycle.touched();
            sink.bar(1, self.loops.slots[dead.slot].birth, length);
            for other in self.asked.iter_mut().filter(|a| a.defect.has(at)) {
                let (cocycle, gone) = self.loops.two(other.slot, dead.slot);
                cocycle.cocycle.add(&gone.cocycle);
                self.loops.touch(other.slot, touched.iter());
                other.defect = other.defect ^ dead.defect;
                other.value ^= dead.value;
            }
            self.components.retain(|c| !c.has(at));
            self.loops.close(dead.slot, touched.iter());
        }
        Ok(())
    }

    /// Extends the voids over an edge with a link, and ends those that cannot be.
    fn pass_voids(&mut self, u: usize, v: usize, link: Bits<W>, length: f64, sink: &mut impl Sink) -> Result<()> {
        self.asked_voids.clear();
        self.asked_voids.extend(self.voids.near(u, v));
        let mut looked = Ok(());
        self.asked_voids.retain(|&slot| {
            looked = looked.clone().and_then(|()| sink.look());
            looked.is_ok() && self.voids.slots[slot].ask(u, v, link, &self.adjacency)
        });
        looked?;
        let defect = |voids: &Living<Void<W>>, slot: usize| voids.slots[slot].defects.first_entry();
        while let Some((a, b)) = self.asked_voids.iter().find_map(|&slot| defect(&self.voids, slot)) {
            sink.look()?;
            let fails = |voids: &Living<Void<W>>, slot: usize| voids.slots[slot].defects.row(a).has(b);
            let failing = (0..self.asked_voids.len()).filter(|&place| fails(&self.voids, self.asked_voids[place]));
            let by_birth = |&place: &usize| self.voids.order[self.asked_voids[place]];
            let Some(youngest) = failing.max_by_key(by_birth) else { return Ok(()) };
            let dead = self.asked_voids.swap_remove(youngest);
            let touched = self.voids.slots[dead].touched;
            sink.bar(2, self.voids.slots[dead].birth, length);
            for &slot in &self.asked_voids {
                if fails(&self.voids, slot) {
                    let (void, gone) = self.voids.two(slot, dead);
                    void.add(gone);
                    self.voids.touch(slot, touched.iter());
                }
            }
            self.voids.close(dead, touched.iter());
        }
        for &slot in &self.asked_voids {
            let void = &mut self.voids.slots[slot];
            let values = fewer(void.values, link);
            void.flip(u, v, values);
            if !values.is_empty() {
                let near = values | Bits::single(u) | Bits::single(v);
                self.voids.touch(slot, near.iter());
            }
        }
        Ok(())
    }
}

/// Values on a link, or the other ones: they differ by the coboundary of the edge, so both tell the same class, and
/// the one with fewer triangles keeps cocycles thin.
#[inline(always)]
fn fewer<const W: usize>(values: Bits<W>, link: Bits<W>) -> Bits<W> {
    if 2 * values.len() > link.len() { link.without(values) } else { values }
}

/// The largest distance of each vertex, from 0.
struct Farthest<'a> {
    raw: &'a [f64],
    farthest: &'a mut [f64],
}

impl simd::Kernel for Farthest<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for i in 1..self.farthest.len() {
            let row = &self.raw[pair(i, 0)..][..i];
            let (before, own) = self.farthest.split_at_mut(i);
            for (far, &d) in before.iter_mut().zip(row) {
                *far = if d > *far { d } else { *far };
            }
            let mut lanes = [0.0f64; LANES];
            let (blocks, rest) = row.as_chunks::<LANES>();
            for block in blocks {
                for (lane, &d) in lanes.iter_mut().zip(block) {
                    *lane = if d > *lane { d } else { *lane };
                }
            }
            own[0] = lanes.iter().chain(rest).copied().fold(0.0, f64::max);
        }
    }
}

/// The vertices of an edge, the higher first.
#[inline(always)]
pub(super) fn ends(edge: u64) -> (usize, usize) {
    ((edge >> 16 & 0xFFFF) as usize, (edge & 0xFFFF) as usize)
}
