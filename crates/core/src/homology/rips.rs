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
use crate::Result;

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
}

/// Edges between two looks at [`Sink::go_on`].
const LOOK: usize = 64;

/// The place of a pair (j < i) among all pairs: row after row of the lower triangle.
#[inline(always)]
pub(super) fn pair(i: usize, j: usize) -> usize {
    i * (i - 1) / 2 + j
}

/// A loop alive: a cocycle on edges.
#[derive(Clone, Debug, Default)]
struct Loop<const W: usize> {
    birth: f64,
    cocycle: Rows<W>,
    /// At the present edge: where the cocycle condition fails on the link, and the cocycle's value there.
    defect: Bits<W>,
    value: bool,
}

/// A void alive: a cocycle on triangles, as one symmetric matrix a vertex.
#[derive(Clone, Debug, Default)]
struct Void<const W: usize> {
    birth: f64,
    /// The vertices of triangles in the cocycle; only their sheets are in use.
    touched: Bits<W>,
    sheets: Vec<Rows<W>>,
    /// At the present edge: whether there is anything to ask, the values x on the link, and where they fail.
    asked: bool,
    values: Bits<W>,
    defects: Rows<W>,
}

impl<const W: usize> Void<W> {
    fn reset(&mut self, vertices: usize, birth: f64) {
        self.birth = birth;
        self.touched = Bits::EMPTY;
        self.asked = false;
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

    /// Flips the value of a triangle.
    fn flip(&mut self, a: usize, b: usize, c: usize) {
        for (a, b, c) in [(a, b, c), (b, c, a), (c, a, b)] {
            let sheet = self.sheet(a);
            sheet.flip(b, c);
            sheet.flip(c, b);
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

    /// Asks the cocycle for its values at the triangles of an edge uv with the vertices of its link.
    fn ask(&mut self, u: usize, v: usize, link: Bits<W>, adjacency: &[Bits<W>]) {
        self.asked = false;
        let sheet = |vertex: usize| self.touched.has(vertex).then(|| &self.sheets[vertex]);
        let (of_u, of_v) = (sheet(u), sheet(v));
        let row = |a: usize| {
            let of = |sheet: Option<&Rows<W>>| sheet.map_or(Bits::EMPTY, |rows| rows.row(a));
            (of(of_u) ^ of(of_v)) & link
        };
        let touched = |sheet: Option<&Rows<W>>| sheet.map_or(Bits::EMPTY, Rows::touched);
        let near = (touched(of_u) | touched(of_v)) & link;
        if near.iter().all(|a| row(a).is_empty()) {
            return;
        }
        // x along a spanning forest of the link, 0 at its roots.
        let (mut rest, mut values) = (link, Bits::EMPTY);
        while let Some(root) = rest.pop() {
            let mut front = Bits::single(root);
            while let Some(a) = front.pop() {
                let new = adjacency[a] & rest;
                let across = row(a);
                values = values | if values.has(a) { new.without(across) } else { new & across };
                front = front | new;
                rest = rest.without(new);
            }
        }
        // And whether it is right on the other edges too.
        self.defects.reset(adjacency.len());
        for a in link.iter() {
            let neighbours = adjacency[a] & link;
            let difference = values ^ neighbours.when(values.has(a)) ^ row(a);
            let wrong = difference & neighbours;
            if !wrong.is_empty() {
                self.defects.set(a, wrong);
            }
        }
        (self.asked, self.values) = (true, values);
    }
}

/// The scratch of sweeps over up to 64·W points; kept from one to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweep<const W: usize> {
    adjacency: Vec<Bits<W>>,
    /// Union–find over the components.
    parent: Vec<u16>,
    /// The edges: their rounded length and their vertices.
    edges: Vec<u64>,
    /// The living, oldest first, and the dead whose memory is used again.
    loops: Vec<Loop<W>>,
    voids: Vec<Void<W>>,
    dead_loops: Vec<Loop<W>>,
    dead_voids: Vec<Void<W>>,
    /// The components of the present link that are not the first and have killed no loop.
    components: Vec<Bits<W>>,
}

impl<const W: usize> Sweep<W> {
    /// Finds all pairs in dimensions 0 ..= `top` of n points; `raw` holds the distance of i and j < i at [`pair`].
    pub(super) fn run(&mut self, n: usize, raw: &[f64], top: usize, sink: &mut impl Sink) -> Result<()> {
        debug_assert!(n <= 64 * W && raw.len() == n * n.saturating_sub(1) / 2);
        let reach = self.sort_edges(n, raw);
        self.adjacency.clear();
        self.adjacency.resize(n, Bits::EMPTY);
        self.parent.clear();
        self.parent.extend(0..n as u16); // n ≤ 4096
        self.dead_loops.append(&mut self.loops);
        self.dead_voids.append(&mut self.voids);
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
                if !self.loops.is_empty() {
                    self.pass_loops(u, v, link, length, sink);
                }
                if !self.voids.is_empty() {
                    self.pass_voids(u, v, link, length, sink);
                }
                while let Some(component) = self.components.pop() {
                    self.open_void(n, u, v, component, length);
                }
            }
            self.adjacency[u].insert(v);
            self.adjacency[v].insert(u);
        }
        debug_assert!(self.loops.is_empty() && self.voids.is_empty(), "a cone has no homology");
        sink.go_on(self.edges.len() % LOOK, reach, reach).map(|_| ())
    }

    /// Sorts the edges within the enclosing radius, and returns that.
    fn sort_edges(&mut self, n: usize, raw: &[f64]) -> f64 {
        let mut farthest = vec![0.0f64; n];
        for i in 1..n {
            let mut own = 0.0f64;
            for (far, &d) in farthest.iter_mut().zip(&raw[pair(i, 0)..]).take(i) {
                *far = far.max(d);
                own = own.max(d);
            }
            farthest[i] = own;
        }
        let reach = farthest.into_iter().fold(f64::INFINITY, f64::min);
        // Sorted by length rounded to f32, and what that makes equal again by length.
        let unit = Some(1.0 / reach).filter(|u| u.is_finite()).unwrap_or(1.0);
        self.edges.clear();
        for i in 1..n {
            for (j, &d) in raw[pair(i, 0)..][..i].iter().enumerate() {
                if d <= reach {
                    let rounded = u64::from(((d * unit) as f32).to_bits());
                    self.edges.push(rounded << 32 | (i << 16 | j) as u64);
                }
            }
        }
        self.edges.sort_unstable();
        for equal in self.edges.chunk_by_mut(|a, b| a >> 32 == b >> 32).filter(|run| run.len() > 1) {
            let length = |&key: &u64| {
                let (i, j) = ends(key);
                raw[pair(i, j)]
            };
            equal.sort_unstable_by(|a, b| length(a).total_cmp(&length(b)).then(a.cmp(b)));
        }
        reach
    }

    /// The least birth of what is still to come, of the dimensions that are wanted.
    fn oldest(&self, length: f64, components: usize, sink: &impl Sink) -> f64 {
        if sink.wants(0) && components > 1 {
            return 0.0;
        }
        let first = |wanted: bool, birth: Option<f64>| birth.filter(|_| wanted).unwrap_or(length);
        let of_loops = first(sink.wants(1), self.loops.first().map(|l| l.birth));
        let of_voids = first(sink.wants(2), self.voids.first().map(|v| v.birth));
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
        let mut new = self.dead_loops.pop().unwrap_or_default();
        new.birth = birth;
        new.cocycle.reset(n);
        new.cocycle.flip(u, v);
        new.cocycle.flip(v, u);
        self.loops.push(new);
    }

    fn open_void(&mut self, n: usize, u: usize, v: usize, component: Bits<W>, birth: f64) {
        let mut new = self.dead_voids.pop().unwrap_or_default();
        new.reset(n, birth);
        for z in component.iter() {
            new.flip(u, v, z);
        }
        self.voids.push(new);
    }

    /// Extends the loops over an edge with a link, and ends those that cannot be.
    fn pass_loops(&mut self, u: usize, v: usize, link: Bits<W>, length: f64, sink: &mut impl Sink) {
        let Some(first) = link.lowest() else { return };
        let mut failing = false;
        for alive in &mut self.loops {
            let touched = alive.cocycle.touched();
            (alive.defect, alive.value) = (Bits::EMPTY, false);
            if touched.has(u) || touched.has(v) {
                let across = (alive.cocycle.row(u) ^ alive.cocycle.row(v)) & link;
                alive.value = across.has(first);
                alive.defect = across ^ link.when(alive.value);
                failing |= !alive.defect.is_empty();
            }
        }
        if failing {
            self.end_loops(length, sink);
        }
        for alive in self.loops.iter_mut().filter(|l| l.value) {
            alive.cocycle.flip(u, v);
            alive.cocycle.flip(v, u);
        }
    }

    /// Ends loops until the others can be extended.
    fn end_loops(&mut self, length: f64, sink: &mut impl Sink) {
        while let Some(at) = self.loops.iter().find_map(|l| l.defect.lowest()) {
            let Some(youngest) = self.loops.iter().rposition(|l| l.defect.has(at)) else { return };
            let dead = self.loops.remove(youngest);
            sink.bar(1, dead.birth, length);
            for other in self.loops[..youngest].iter_mut().filter(|l| l.defect.has(at)) {
                other.cocycle.add(&dead.cocycle);
                other.defect = other.defect ^ dead.defect;
                other.value ^= dead.value;
            }
            self.components.retain(|c| !c.has(at));
            self.dead_loops.push(dead);
        }
    }

    /// Extends the voids over an edge with a link, and ends those that cannot be.
    fn pass_voids(&mut self, u: usize, v: usize, link: Bits<W>, length: f64, sink: &mut impl Sink) {
        for alive in &mut self.voids {
            alive.ask(u, v, link, &self.adjacency);
        }
        let failing = |void: &Void<W>| {
            let found = void.asked.then(|| void.defects.first_entry());
            found.flatten()
        };
        while let Some((a, b)) = self.voids.iter().find_map(failing) {
            let fails = |void: &Void<W>| void.asked && void.defects.row(a).has(b);
            let Some(youngest) = self.voids.iter().rposition(fails) else { break };
            let dead = self.voids.remove(youngest);
            sink.bar(2, dead.birth, length);
            for other in self.voids[..youngest].iter_mut().filter(|void| fails(void)) {
                other.add(&dead);
            }
            self.dead_voids.push(dead);
        }
        for alive in self.voids.iter_mut().filter(|void| void.asked) {
            for z in alive.values.iter() {
                alive.flip(u, v, z);
            }
        }
    }
}

/// The vertices of an edge, the higher first.
#[inline(always)]
fn ends(edge: u64) -> (usize, usize) {
    ((edge >> 16 & 0xFFFF) as usize, (edge & 0xFFFF) as usize)
}
