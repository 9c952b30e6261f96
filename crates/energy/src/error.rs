//! What can go wrong before a meter runs. A meter that runs does not fail: it measures less, and says so.

use leanset_problem::{Problem, Text, setting, text};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the meters. Messages are complete sentences without a full stop; [`Error::hint`] is the way out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number that is none, or too small.
    #[error("{name} must be {constraint}, not {value}")]
    BadNumber {
        /// Which option.
        name: &'static str,
        /// What is allowed.
        constraint: &'static str,
        /// What was given.
        value: f64,
    },
    /// A country that the table of carbon intensities does not have.
    #[error("there is no carbon intensity for the country '{name}'")]
    UnknownCountry {
        /// The name or code given.
        name: String,
        /// The nearest countries that are there, as `Spain (ESP)`.
        nearest: Vec<String>,
    },
    /// A country and a carbon intensity at once.
    #[error("both a country and a carbon intensity are given")]
    TwoIntensities,
}

impl Error {
    /// The way out, where there is one: a sentence for a line of its own.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownCountry { nearest, .. } if nearest.is_empty() => {
                "a country is an ISO code or an English name, such as ESP, ES or Spain".into()
            }
            Self::UnknownCountry { nearest, .. } => format!("did you mean {}?", nearest.join(", ")),
            Self::TwoIntensities => "give one of them".into(),
            Self::BadNumber { .. } => return None,
        })
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::UnknownCountry { nearest, .. } if nearest.is_empty() => Some(text![
                "a country is an ISO code or an English name, such as ESP; or give ",
                &setting::CARBON_INTENSITY
            ]),
            error => error.hint().map(Text::from),
        };
        Self::new(error.to_string()).maybe_hint(hint)
    }
}
