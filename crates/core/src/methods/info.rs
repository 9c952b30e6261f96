//! What a method says of itself: [`Info`], its [`Capabilities`], its [`Family`].

use super::Method;
use crate::Result;
use crate::params::{Params, Spec};

/// What a method is: all that help, documentation and tests need to know.
#[derive(Debug)]
pub struct Info {
    /// Its name, in lower case with hyphens.
    pub id: &'static str,
    /// Other names, the paper's first (case does not matter).
    pub aliases: &'static [&'static str],
    /// Its name in words.
    pub title: &'static str,
    /// What kind of method it is, in the paper's terms.
    pub family: Family,
    /// What it keeps, in one sentence.
    pub summary: &'static str,
    /// Its parameters.
    pub params: &'static [Spec],
    /// Time, in terms of n rows, d columns, m kept, n_k and m_k per class.
    pub cost: &'static str,
    /// Memory beyond the input, in the same terms.
    pub memory: &'static str,
    /// What is certain about the result.
    pub guarantee: &'static str,
    /// Where it comes from.
    pub reference: &'static str,
    /// Where it departs from the paper or the paper's code, and why.
    pub departures: &'static str,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Settings beside the defaults under which the laws are tested too.
    pub variants: &'static [&'static [(&'static str, &'static str)]],
    /// Makes the method of checked parameters.
    pub build: fn(&Params) -> Result<Box<dyn Method>>,
}

impl Info {
    /// Whether a target can be given: another table that the kept rows are to represent.
    pub fn supports_target(&self) -> bool {
        self.capabilities.target != Support::No
    }

    /// Whether it ranks by training dynamics, and so needs them.
    pub fn uses_dynamics(&self) -> bool {
        self.capabilities.dynamics != Support::No
    }

    /// Whether it looks at the coordinates of rows.
    pub fn uses_coordinates(&self) -> bool {
        self.capabilities.coordinates != Support::No
    }

    /// Whether it gives weights.
    pub fn gives_weights(&self) -> bool {
        self.capabilities.weights != Support::No
    }
}

/// A method's family, in the paper's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Draws or weighs rows by their distribution.
    Statistic,
    /// Spreads over, or clusters, the points.
    Geometry,
    /// Scores rows and keeps the best.
    Ranking,
    /// Uses training dynamics.
    Wrapper,
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Statistic => "statistic",
            Self::Geometry => "geometry",
            Self::Ranking => "ranking",
            Self::Wrapper => "wrapper",
        })
    }
}

/// Whether a method has a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Always.
    Yes,
    /// Never.
    No,
    /// Under this condition.
    When(&'static str),
}

impl std::fmt::Display for Support {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No => f.write_str("no"),
            Self::When(condition) => write!(f, "when {condition}"),
        }
    }
}

/// What a method can do. An entry names where it differs from [`Capabilities::DEFAULT`], so that a new capability
/// touches only the methods that have it:
///
/// ```
/// use leanset_core::methods::{Capabilities, Support};
/// const OWN: Capabilities = Capabilities { seeded: Support::Yes, ..Capabilities::DEFAULT };
/// assert_eq!((OWN.seeded, OWN.nested, OWN.target), (Support::Yes, Support::Yes, Support::No));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It ranks: the selection at a smaller ratio is a part of the one at a larger.
    pub nested: Support,
    /// It keeps the count asked of every class (otherwise only the total).
    pub per_class: Support,
    /// It returns weights.
    pub weights: Support,
    /// It returns generated prototypes: points that are not rows.
    pub prototypes: Support,
    /// Its result depends on the seed.
    pub seeded: Support,
    /// It can keep rows that represent another table, the target, instead of their own.
    pub target: Support,
    /// It ranks by training dynamics, and needs them.
    pub dynamics: Support,
    /// It looks at the coordinates of rows; otherwise their classes (and their training dynamics) are all it needs.
    pub coordinates: Support,
    /// Without ties, putting the rows in another order changes row ids and nothing else.
    pub order_free: Support,
    /// Multiplying all coordinates by one power of two changes no order.
    pub scale_free: Support,
    /// The least number of classes it is defined for.
    pub least_classes: usize,
}

impl Capabilities {
    /// What most methods are: a ranking within classes, by coordinates in whatever unit, and nothing beside.
    pub const DEFAULT: Self = Self {
        nested: Support::Yes,
        per_class: Support::Yes,
        weights: Support::No,
        prototypes: Support::No,
        seeded: Support::No,
        target: Support::No,
        dynamics: Support::No,
        coordinates: Support::Yes,
        order_free: Support::No,
        scale_free: Support::Yes,
        least_classes: 1,
    };
}
