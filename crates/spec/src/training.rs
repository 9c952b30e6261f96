//! How the built-in trainer trains, for methods that use training dynamics.

use serde::{Deserialize, Serialize};

#[cfg(feature = "clap")]
use crate::word::parser::words;
use crate::word::word_enum;

/// How the built-in trainer trains. What is not given is as in the paper ([`Training::resolved`]).
///
/// The seed is that of the method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(
    feature = "clap",
    derive(clap::Args),
    command(next_help_heading = "Training (methods that use training dynamics)")
)]
pub struct Training {
    /// Number of epochs [default: 50].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000), hide_short_help = true))]
    pub epochs: Option<usize>,
    /// Widths of the hidden layers [default: 50,45,40,35,30,25,20,15,10].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N,…", value_delimiter = ',', hide_short_help = true))]
    pub hidden: Option<Vec<usize>>,
    /// Activation function of the hidden layers [default: relu].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", value_parser = words::<Activation>(), hide_short_help = true))]
    pub activation: Option<Activation>,
    /// Dropout rate of the hidden layers, in [0, 1) [default: 0.25].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "R", allow_negative_numbers = true, hide_short_help = true))]
    pub dropout: Option<f64>,
    /// Optimizer [default: adam].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", value_parser = words::<Optimizer>(), hide_short_help = true))]
    pub optimizer: Option<Optimizer>,
    /// Learning rate [default: 0.001].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "R", allow_negative_numbers = true, hide_short_help = true))]
    pub learning_rate: Option<f64>,
    /// Weight decay [default: 0].
    ///
    /// adam and sgd add it to the gradient, adamw applies it apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "R", allow_negative_numbers = true, hide_short_help = true))]
    pub weight_decay: Option<f64>,
    /// Batch size in rows [default: 32].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..), hide_short_help = true))]
    pub batch: Option<usize>,
}

word_enum! {
    "activation"
    /// The activation function after each hidden layer.
    #[derive(Default)]
    pub enum Activation {
        /// max(z, 0).
        #[default]
        Relu,
        /// z·Φ(z), where Φ is the normal distribution function.
        Gelu,
    }
}

word_enum! {
    "optimizer"
    /// The optimizer.
    #[derive(Default)]
    pub enum Optimizer {
        /// Adam.
        #[default]
        Adam,
        /// Adam with decoupled weight decay.
        AdamW,
        /// Stochastic gradient descent with momentum 0.9.
        Sgd,
    }
}

/// Every setting of a training, none left to a default.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the fields are those of Training
pub struct ResolvedTraining {
    pub epochs: usize,
    pub hidden: Vec<usize>,
    pub activation: Activation,
    pub dropout: f64,
    pub optimizer: Optimizer,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub batch: usize,
}

impl Training {
    /// With the paper's network and training, and 50 epochs, where nothing is given.
    pub fn resolved(&self) -> ResolvedTraining {
        ResolvedTraining {
            epochs: self.epochs.unwrap_or(50),
            hidden: self.hidden.clone().unwrap_or_else(|| (2..=10).rev().map(|k| 5 * k).collect()),
            activation: self.activation.unwrap_or_default(),
            dropout: self.dropout.unwrap_or(0.25),
            optimizer: self.optimizer.unwrap_or_default(),
            learning_rate: self.learning_rate.unwrap_or(1e-3),
            weight_decay: self.weight_decay.unwrap_or(0.0),
            batch: self.batch.unwrap_or(32),
        }
    }

    /// The same training with everything said, as manifests hold it: later defaults do not change what it was.
    #[must_use]
    pub fn filled(&self) -> Self {
        self.resolved().into()
    }

    /// The name of the first setting that is given, such as `epochs`.
    pub fn first_given(&self) -> Option<&'static leanset_problem::Setting> {
        use leanset_problem::setting;
        [
            (&setting::EPOCHS, self.epochs.is_some()),
            (&setting::HIDDEN, self.hidden.is_some()),
            (&setting::ACTIVATION, self.activation.is_some()),
            (&setting::DROPOUT, self.dropout.is_some()),
            (&setting::OPTIMIZER, self.optimizer.is_some()),
            (&setting::LEARNING_RATE, self.learning_rate.is_some()),
            (&setting::WEIGHT_DECAY, self.weight_decay.is_some()),
            (&setting::BATCH, self.batch.is_some()),
        ]
        .into_iter()
        .find_map(|(setting, given)| given.then_some(setting))
    }
}

impl From<ResolvedTraining> for Training {
    fn from(training: ResolvedTraining) -> Self {
        Self {
            epochs: Some(training.epochs),
            hidden: Some(training.hidden),
            activation: Some(training.activation),
            dropout: Some(training.dropout),
            optimizer: Some(training.optimizer),
            learning_rate: Some(training.learning_rate),
            weight_decay: Some(training.weight_decay),
            batch: Some(training.batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_filled_is_the_same_training() {
        let some = Training { epochs: Some(3), optimizer: Some(Optimizer::AdamW), ..Training::default() };
        assert_eq!(some.filled().resolved(), some.resolved());
        assert_eq!(some.filled().filled(), some.filled());
        assert!(Training::default().first_given().is_none());
        assert_eq!(some.first_given().expect("epochs").name, "epochs");
    }

    #[test]
    fn training_refuses_an_optimizer_that_is_not_known() {
        let error = serde_json::from_str::<Training>(r#"{"optimizer": "lion"}"#).expect_err("refused");
        assert!(error.to_string().contains("lion"), "{error}");
    }
}
