//! What a method says of itself: [`Info`] and its [`Family`].

use super::{Capabilities, Method, Support};
use crate::Result;
use crate::guard::Guard;
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

    /// Whether it can go on from rows that are kept already.
    pub fn supports_kept(&self) -> bool {
        self.capabilities.continues != Support::No
    }

    /// Whether it ranks by training dynamics, and so needs them.
    pub fn uses_dynamics(&self) -> bool {
        self.capabilities.dynamics != Support::No
    }

    /// Whether it looks at the coordinates of rows.
    pub fn uses_coordinates(&self) -> bool {
        self.capabilities.coordinates != Support::No
    }

    /// What it does of itself with rows that their neighbours contradict; nothing if it does not look at coordinates.
    pub fn guard(&self) -> Option<Guard> {
        self.uses_coordinates().then_some(self.capabilities.guard)
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
