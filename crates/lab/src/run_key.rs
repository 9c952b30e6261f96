//! What tells the runs of an experiment apart.

/// What tells runs apart; sorts as the plan runs them, but for the order of methods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunKey {
    /// Which split.
    pub repetition: u32,
    /// What the plan calls the method.
    pub method: String,
    /// What the plan calls the model, if anything.
    pub model: Option<String>,
    /// The bits of the ratio: positive floats sort as their bits do.
    ratio: u64,
}

impl RunKey {
    /// Of a run.
    pub fn new(repetition: u32, method: &str, model: Option<&str>, ratio: f64) -> Self {
        Self { repetition, method: method.to_owned(), model: model.map(str::to_owned), ratio: ratio.to_bits() }
    }

    /// The fraction that is kept.
    pub fn ratio(&self) -> f64 {
        f64::from_bits(self.ratio)
    }
}

impl std::fmt::Display for RunKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "repetition {}, {} at {}", self.repetition, self.method, f64::from_bits(self.ratio))?;
        self.model.as_ref().map_or(Ok(()), |model| write!(f, " with {model}"))
    }
}
