//! Persistent homology of small point sets: Vietoris–Rips diagrams in dimensions 0, 1 and 2, and how far two are apart.
//!
//! The Vietoris–Rips complex of a point set at scale t holds every set of points whose pairwise distances are at most
//! t. As t grows, components (dimension 0), loops (1) and voids (2) appear and vanish; each is a [`Bar`] from the scale
//! at which it is born to the one at which it dies, over the field of two elements.

mod bottleneck;

pub use bottleneck::bottleneck;

/// The life of one homology class: scales of birth and death, in the units of the distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// The scale at which the class appears.
    pub birth: f64,
    /// The scale at which it vanishes; infinite for an essential class.
    pub death: f64,
}

impl Bar {
    /// How long it lives: death − birth, infinite for an essential class.
    pub fn persistence(&self) -> f64 {
        self.death - self.birth
    }

    /// Whether it never vanishes.
    pub fn is_essential(&self) -> bool {
        self.death.is_infinite()
    }
}

/// The bars of one dimension, without those of length 0: by birth, then by death.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    /// The homology dimension.
    pub dimension: usize,
    bars: Vec<Bar>,
}

impl Diagram {
    /// The diagram of these bars, in any order; bars of length 0 are left out.
    pub fn new(dimension: usize, mut bars: Vec<Bar>) -> Self {
        bars.retain(|bar| bar.death > bar.birth);
        bars.sort_unstable_by(|a, b| a.birth.total_cmp(&b.birth).then(a.death.total_cmp(&b.death)));
        Self { dimension, bars }
    }

    /// All bars: by birth, then by death.
    pub fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// The bars that end.
    pub fn finite(&self) -> impl Iterator<Item = Bar> + '_ {
        self.bars.iter().copied().filter(|bar| !bar.is_essential())
    }

    /// The bars that never end.
    pub fn essential(&self) -> impl Iterator<Item = Bar> + '_ {
        self.bars.iter().copied().filter(Bar::is_essential)
    }

    /// The largest finite persistence, or 0 if no bar ends.
    pub fn max_persistence(&self) -> f64 {
        self.finite().map(|bar| bar.persistence()).fold(0.0, f64::max)
    }
}
