//! The sections `[[method]]`: the methods that are compared.

use leanset_core::Reducer;
use leanset_core::methods::Support;
use leanset_core::params::Value;
use leanset_problem::{Problem, Result};
use leanset_spec::{Guard, Parameters};
use serde::{Deserialize, Serialize};

use super::model::{Defaults, ModelPlan};

/// One method of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodPlan {
    /// Its name or alias.
    pub name: String,
    /// Its name in records and reports; the method's id by default. Needed where a method is listed twice.
    #[serde(default)]
    pub label: Option<String>,
    /// Its parameters, as `leanset methods NAME` lists them.
    #[serde(default)]
    pub parameters: Parameters,
    /// Whether rows that their neighbours contradict come last: auto, on or off. Left out: what the method does of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// Sets its random choices apart from those of the other methods of a repetition: a second random sample needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// For methods that use training dynamics: epochs on all rows before they choose.
    #[serde(default)]
    pub warm_up: Option<u32>,
    /// For the same methods: whether training goes on from the model of the warm-up, as in the paper, with the epochs that are
    /// left. Otherwise the model that is judged starts anew.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub continues: Option<bool>,
    /// For methods that return weights: whether models are trained with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<bool>,
}

impl MethodPlan {
    /// Its name in records and reports.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// What asks the command line for it.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = vec!["--method".to_owned(), self.name.clone()];
        for (name, value) in &self.parameters.values {
            let value = match value {
                Value::Text(text) => text.clone(),
                other => leanset_spec::value(other).to_string(),
            };
            words.extend(["--param".to_owned(), format!("{name}={value}")]);
        }
        if let Some(guard) = self.guard {
            words.extend(["--guard".to_owned(), guard.to_string()]);
        }
        words
    }

    /// The parameters as the core takes them.
    ///
    /// # Errors
    /// A value of a type that no parameter has.
    pub fn values(&self) -> Result<Vec<(String, Value)>> {
        let values = self.parameters.distinct()?;
        for (name, value) in values {
            let kind = match value {
                Value::Text(_) | Value::Int(_) | Value::Float(_) => continue,
                Value::Bool(_) => "boolean",
                Value::Rows(_) | Value::Floats(_) => "array",
            };
            let message = format!("{}: parameter '{name}' must be a number or a word, not {kind}", self.label());
            return Err(Problem::new(message).hint("row ids mean nothing here: every repetition has other rows"));
        }
        Ok(values.to_vec())
    }

    /// The method with its parameters checked. `observer` is the model whose training methods observe; none where a detector is
    /// trained.
    ///
    /// # Errors
    /// An unknown method or parameter, a value that cannot be used, a method that is not for images.
    pub(super) fn configure(&self, observer: Option<&ModelPlan>, defaults: Defaults) -> Result<ConfiguredMethod> {
        let mut reducer = Reducer::new(&self.name, &self.values()?)?;
        if let Some(guard) = self.guard {
            reducer = reducer.with_guard(guard.into())?;
        }
        let uses_dynamics = reducer.info().uses_dynamics();
        let label = self.label();
        if observer.is_none() {
            leanset::images::check_method(&reducer)?;
        }
        // No epoch of a detector is a warm-up.
        let epochs = observer.map_or(0, ModelPlan::epochs);
        let continues = match (uses_dynamics, self.continues) {
            (false, Some(_)) => {
                return Err(Problem::new(format!(
                    "{label}: continue is for methods that use training dynamics, and {label} does not"
                ))
                .hint("leave it out"));
            }
            (uses, given) => uses && given.unwrap_or(defaults == Defaults::Legacy),
        };
        let weights = match (reducer.info().gives_weights(), self.weights) {
            (false, Some(_)) => {
                return Err(Problem::new(format!(
                    "{label}: weights is for methods that return weights, and {label} does not"
                ))
                .hint("leave it out"));
            }
            (true, Some(true)) if observer.is_none() => {
                return Err(
                    Problem::new(format!("{label}: a detector is trained without weights")).hint("leave weights out")
                );
            }
            (gives, given) => gives && observer.is_some() && given.unwrap_or(defaults == Defaults::Current),
        };
        let warm_up = match (uses_dynamics, self.warm_up) {
            (false, None) => 0,
            (false, Some(_)) => {
                return Err(Problem::new(format!(
                    "{label}: warm_up is for methods that use training dynamics, and {label} does not"
                ))
                .hint("leave it out"));
            }
            (true, _) if epochs < 2 && continues => {
                return Err(Problem::new(format!("{label}: a model of {epochs} epoch has none to warm up with"))
                    .hint("make model.epochs larger, or leave the method out"));
            }
            (true, Some(0)) => {
                return Err(Problem::new(format!("{label}: warm_up must be at least 1, not 0"))
                    .hint("warm_up = 50 is the paper's"));
            }
            (true, Some(given)) if given >= epochs && continues => {
                return Err(Problem::new(format!(
                    "{label}: warm_up must be in [1, {}], not {given}",
                    epochs.saturating_sub(1)
                ))
                .hint(format!("of the {epochs} epochs at least one is for the rows that are kept")));
            }
            (true, Some(given)) => given,
            (true, None) => WARM_UP.min(epochs / 2).max(1),
        };
        Ok(ConfiguredMethod { reducer, warm_up, continues, weights })
    }
}

/// Epochs of a warm-up, as in the paper.
const WARM_UP: u32 = 50;

/// A method with its parameters checked.
#[derive(Debug)]
pub struct ConfiguredMethod {
    /// The method.
    pub reducer: Reducer,
    /// Epochs on all rows that the method observes; 0 for methods that need none.
    pub warm_up: u32,
    /// Whether training goes on from there.
    pub continues: bool,
    /// Whether models are trained with its weights.
    pub weights: bool,
}

impl ConfiguredMethod {
    /// Whether one ranking serves all ratios. Weights belong to a budget, so with them it does not.
    pub fn ranks(&self) -> bool {
        self.reducer.ranks() == Support::Yes && !self.weights
    }
}
