//! Settings as people give them ([`leanset_spec::Training`]), as the trainer takes them.

use leanset_core::Seed;
use leanset_spec::ResolvedTraining;

use crate::{Activation, Network, Optimizer, Training};

/// The network and its training.
pub fn of_settings(settings: &ResolvedTraining, seed: Seed) -> (Network, Training) {
    let activation = match settings.activation {
        leanset_spec::Activation::Relu => Activation::Relu,
        leanset_spec::Activation::Gelu => Activation::Gelu,
    };
    let optimizer = match settings.optimizer {
        leanset_spec::Optimizer::Adam => Optimizer::ADAM,
        leanset_spec::Optimizer::AdamW => Optimizer::ADAMW,
        leanset_spec::Optimizer::Sgd => Optimizer::Sgd { momentum: 0.9 },
    };
    let network =
        Network { hidden: settings.hidden.clone(), activation, dropout: settings.dropout, ..Network::paper() };
    let training = Training {
        batch: settings.batch,
        optimizer,
        learning_rate: settings.learning_rate,
        weight_decay: settings.weight_decay,
        ..Training::paper(settings.epochs, seed)
    };
    (network, training)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_settings_defaults_to_the_paper() {
        let (network, training) = of_settings(&leanset_spec::Training::default().resolved(), Seed(7));
        assert_eq!(network, Network::paper());
        assert_eq!(training, Training::paper(50, Seed(7)));
    }
}
