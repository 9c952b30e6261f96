//! How well a reduced set stands for the full one.

mod epsilon;

pub use epsilon::{ClassEpsilon, Epsilon, Worst, epsilon, epsilon_between, epsilon_curve, naive};
