//! What is trained and how: checked once, before the work.

use leanset_core::{Error, Result, Seed};

/// What stands where an error names a method.
pub(crate) const TRAINER: &str = "the trainer";

/// The function between layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// max(z, 0).
    #[default]
    Relu,
    /// z·Φ(z), Φ the normal distribution function (the exact form; Hendrycks & Gimpel, arXiv:1606.08415).
    Gelu,
}

/// What the outputs are, and what training makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// One output a class, softmax, cross-entropy.
    #[default]
    CrossEntropy,
    /// Two classes, one output, the logistic function, binary cross-entropy.
    Binary,
}

/// A multilayer perceptron: layers of so many units, dropout after each, a linear output.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// The function after each hidden layer.
    pub activation: Activation,
    /// The part of a hidden layer's units that is left out of a step, in [0, 1).
    pub dropout: f64,
    /// What the outputs are.
    pub loss: Loss,
}

impl Network {
    /// The paper's: nine ReLU layers of 50, 45, … 10 units, dropout 0.25.
    pub fn paper() -> Self {
        Self {
            hidden: (2..=10).rev().map(|k| 5 * k).collect(),
            activation: Activation::Relu,
            dropout: 0.25,
            loss: Loss::CrossEntropy,
        }
    }

    /// Outputs for so many classes.
    ///
    /// # Errors
    /// [`Error::BadParameter`] for what cannot be built.
    pub(crate) fn check(&self, inputs: usize, classes: usize) -> Result<usize> {
        /// Units of one layer: its weights beside those of another as large are 4 GB.
        const MOST: usize = 1 << 15;
        let whole = |name, constraint: String, value: String| Err(refuse(name, constraint, value));
        if let Some(width) = self.hidden.iter().find(|&&w| w == 0 || w > MOST) {
            return whole("hidden", format!("widths in [1, {MOST}]"), width.to_string());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return whole("dropout", "a number in [0, 1)".into(), self.dropout.to_string());
        }
        if inputs == 0 {
            return Err(Error::NoColumns);
        }
        if classes < 2 {
            return Err(Error::Data {
                method: TRAINER,
                what: format!("2 classes or more are needed, and there are {classes}"),
                hint: "name a label column with several values".into(),
            });
        }
        match self.loss {
            Loss::CrossEntropy => Ok(classes),
            Loss::Binary if classes == 2 => Ok(1),
            Loss::Binary => whole("loss", format!("cross-entropy for {classes} classes"), "binary".into()),
        }
    }
}

/// How steps are made of gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Kingma & Ba, arXiv:1412.6980; weight decay is added to the gradient.
    Adam {
        /// Decay of the mean of gradients.
        beta1: f64,
        /// Decay of the mean of their squares.
        beta2: f64,
        /// Added to the root of the latter.
        epsilon: f64,
    },
    /// Loshchilov & Hutter, arXiv:1711.05101: weight decay apart from the gradient.
    AdamW {
        /// As of Adam.
        beta1: f64,
        /// As of Adam.
        beta2: f64,
        /// As of Adam.
        epsilon: f64,
    },
    /// Stochastic gradient descent: v ← μ·v + g, w ← w − η·v.
    Sgd {
        /// μ, in [0, 1).
        momentum: f64,
    },
}

impl Optimizer {
    /// Adam with β = (0.9, 0.999), ε = 1e−8.
    pub const ADAM: Self = Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    /// AdamW with the same.
    pub const ADAMW: Self = Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
}

/// When to stop before the last epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// The part of each class that is held out and watched, in (0, 1): of a class of two rows or more at least one.
    pub validation: f64,
    /// Epochs without a smaller validation loss after which training stops.
    pub patience: usize,
    /// By how much a loss has to be smaller to count.
    pub least_gain: f64,
    /// Whether the weights of the best epoch come back.
    pub restore_best: bool,
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Passes over the rows.
    pub epochs: usize,
    /// Rows of a step.
    pub batch: usize,
    /// How steps are made.
    pub optimizer: Optimizer,
    /// η.
    pub learning_rate: f64,
    /// λ: of each weight (and bias) so much is taken, as the optimizer says.
    pub weight_decay: f64,
    /// A factor of each class in the loss.
    pub class_weights: Option<Vec<f64>>,
    /// When to stop before the last epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// Order of rows and dropout come from it.
    pub seed: Seed,
}

impl Training {
    /// The paper's: Adam at 0.001, batches of 32; `epochs` of them (the paper's tables: 150).
    pub fn paper(epochs: usize, seed: Seed) -> Self {
        Self {
            epochs,
            batch: 32,
            optimizer: Optimizer::ADAM,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            class_weights: None,
            early_stopping: None,
            seed,
        }
    }

    pub(crate) fn check(&self, classes: usize) -> Result<()> {
        let number = |name, value: f64, low: f64, high: f64, open: bool| {
            if value.is_finite() && value < high && (value > low || (value == low && !open)) {
                return Ok(());
            }
            let left = if open { '(' } else { '[' };
            let right = if high == f64::INFINITY { "∞".to_owned() } else { high.to_string() };
            Err(refuse(name, format!("a number in {left}{low}, {right})"), value.to_string()))
        };
        let count = |name, value: usize| match value {
            0 => Err(refuse(name, "a whole number of at least 1".into(), "0".into())),
            _ => Ok(()),
        };
        count("epochs", self.epochs)?;
        count("batch", self.batch)?;
        number("learning-rate", self.learning_rate, 0.0, f64::INFINITY, true)?;
        number("weight-decay", self.weight_decay, 0.0, f64::INFINITY, false)?;
        match self.optimizer {
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
                number("beta1", beta1, 0.0, 1.0, false)?;
                number("beta2", beta2, 0.0, 1.0, false)?;
                // Below this, the quotient of a step leaves what single precision holds.
                number("epsilon", epsilon, 1e-12, f64::INFINITY, false)?;
            }
            Optimizer::Sgd { momentum } => number("momentum", momentum, 0.0, 1.0, false)?,
        }
        if let Some(weights) = &self.class_weights {
            if weights.len() != classes {
                return Err(refuse("class-weights", format!("one a class, {classes}"), weights.len().to_string()));
            }
            weights.iter().try_for_each(|&w| number("class-weights", w, 0.0, f64::INFINITY, false))?;
        }
        if let Some(stopping) = &self.early_stopping {
            number("validation", stopping.validation, 0.0, 1.0, true)?;
            count("patience", stopping.patience)?;
            number("least-gain", stopping.least_gain, 0.0, f64::INFINITY, false)?;
        }
        Ok(())
    }
}

pub(crate) fn refuse(name: &'static str, constraint: String, value: String) -> Error {
    Error::BadParameter { method: TRAINER, name, constraint, value }
}
