//! What a method can do: [`Capabilities`].

use crate::guard::Guard;

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
    /// It can go on from rows that are kept already, and adds to them what they lack.
    pub continues: Support,
    /// It ranks by training dynamics, and needs them.
    pub dynamics: Support,
    /// It looks at the coordinates of rows; otherwise their classes (and their training dynamics) are all it needs.
    pub coordinates: Support,
    /// What it does of itself with rows that their neighbours contradict, if it looks at coordinates. What older methods keep
    /// stays as it was: off.
    pub guard: Guard,
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
        continues: Support::No,
        dynamics: Support::No,
        coordinates: Support::Yes,
        guard: Guard::Off,
        order_free: Support::No,
        scale_free: Support::Yes,
        least_classes: 1,
    };
}
