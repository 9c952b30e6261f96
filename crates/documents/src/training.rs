//! How the built-in trainer trains, as manifests record it and as Python says it. The seed stands elsewhere.

use leanset_core::Seed;
use leanset_train::{Activation, Network, Optimizer};
use serde::{Deserialize, Serialize};

/// Settings of the built-in trainer; the defaults are the paper's network and training, with 50 epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Passes over the rows.
    pub epochs: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// `relu` or `gelu`.
    pub activation: String,
    /// The part of a hidden layer's units that is left out of a step, in [0, 1).
    pub dropout: f64,
    /// `adam`, `adamw` or `sgd` (with momentum 0.9).
    pub optimizer: String,
    /// η.
    pub learning_rate: f64,
    /// λ.
    pub weight_decay: f64,
    /// Rows of a step.
    pub batch: usize,
}

impl Default for Training {
    fn default() -> Self {
        let (network, training) = (Network::paper(), leanset_train::Training::paper(50, Seed(0)));
        Self {
            epochs: training.epochs,
            hidden: network.hidden,
            activation: "relu".into(),
            dropout: network.dropout,
            optimizer: "adam".into(),
            learning_rate: training.learning_rate,
            weight_decay: training.weight_decay,
            batch: training.batch,
        }
    }
}

impl Training {
    /// The network and its training, as the trainer takes them.
    ///
    /// # Errors
    /// A word that is none; numbers are checked by the trainer.
    pub fn resolve(&self, seed: Seed) -> Result<(Network, leanset_train::Training), String> {
        let activation = match self.activation.as_str() {
            "relu" => Activation::Relu,
            "gelu" => Activation::Gelu,
            other => return Err(format!("activation must be relu or gelu, not '{other}'")),
        };
        let optimizer = match self.optimizer.as_str() {
            "adam" => Optimizer::ADAM,
            "adamw" => Optimizer::ADAMW,
            "sgd" => Optimizer::Sgd { momentum: 0.9 },
            other => return Err(format!("optimizer must be adam, adamw or sgd, not '{other}'")),
        };
        let network = Network { hidden: self.hidden.clone(), activation, dropout: self.dropout, ..Network::paper() };
        let training = leanset_train::Training {
            batch: self.batch,
            optimizer,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            ..leanset_train::Training::paper(self.epochs, seed)
        };
        Ok((network, training))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_papers() {
        let (network, training) = Training::default().resolve(Seed(7)).expect("words that are known");
        assert_eq!(network, Network::paper());
        assert_eq!(training, leanset_train::Training::paper(50, Seed(7)));
    }

    #[test]
    fn unknown_words_are_refused() {
        let unknown = Training { optimizer: "lion".into(), ..Training::default() };
        let error = unknown.resolve(Seed(0)).expect_err("refused");
        assert_eq!(error, "optimizer must be adam, adamw or sgd, not 'lion'");
    }
}
