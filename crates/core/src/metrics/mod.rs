//! How well a reduced set stands for the full one.

mod cover;
mod epsilon;
mod filter;
mod persistence;

pub use cover::{least_counts, least_total};
pub use epsilon::{ClassEpsilon, Epsilon, Worst, epsilon, epsilon_between, epsilon_curve, naive};
pub use filter::filter_bytes;
pub use persistence::{
    Bars, ClassPersistence, DimensionPersistence, Persistence, PersistenceOptions, Sampled, persistence,
    persistence_between, persistence_curve,
};
