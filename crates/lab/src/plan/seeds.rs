//! The seeds of a repetition: independent of one another, and the same on any machine.

use leanset_core::{RowId, Seed};
use serde::{Deserialize, Serialize};

/// The seeds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// Of the split; none where the data are split already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<u64>,
    /// Of the method.
    pub method: u64,
    /// Of the model and its training.
    pub model: u64,
}

/// What a seed is for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Which rows are tested on.
    Split,
    /// What the methods draw.
    Method,
    /// The first weights of the model, the order of rows and dropout.
    Model,
}

/// The seed of one repetition for one purpose, from the seed of the plan.
pub fn seed_of(seed: u64, purpose: Purpose, repetition: u32) -> u64 {
    // Below 2⁵³, so that every reader of JSON gets it whole.
    Seed(seed).key(RowId(repetition * 4 + purpose as u32)) >> 11
}

/// A seed of its own beside `seed`, for the same purpose and repetition.
pub fn apart(seed: u64, own: u32) -> u64 {
    Seed(seed).key(RowId(own)) >> 11
}
