//! What is measured, and with what.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::reading::Intensity;

/// What is measured, and with what.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The country whose electricity is used: ISO code or English name. None: no CO₂.
    pub country: Option<String>,
    /// The carbon intensity itself, in grams of CO₂ equivalent per kilowatt-hour, instead of a country.
    pub carbon_intensity: Option<f64>,
    /// The power of the whole machine while it runs, in watts, instead of all counters.
    pub watts: Option<f64>,
    /// The rated power (TDP) of the processors of this machine together, in watts, for the model.
    pub tdp: Option<f64>,
    /// Where the files of the kernel are. Elsewhere than `/`, nothing is asked but these files.
    pub root: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self { country: None, carbon_intensity: None, watts: None, tdp: None, root: "/".into() }
    }
}

impl Options {
    /// The carbon intensity that is asked for, if one is; refuses numbers that are none.
    pub(crate) fn check(&self) -> Result<Option<Intensity>> {
        for (name, value) in [("the power of the machine", self.watts), ("the rated power", self.tdp)] {
            if let Some(value) = value.filter(|watts| !(watts.is_finite() && *watts > 0.0)) {
                return Err(Error::BadNumber { name, constraint: "a number of watts above 0", value });
            }
        }
        match (&self.country, self.carbon_intensity) {
            (Some(_), Some(_)) => Err(Error::TwoIntensities),
            (Some(country), None) => Intensity::of_country(country).map(Some),
            (None, Some(grams)) => Intensity::given(grams).map(Some),
            (None, None) => Ok(None),
        }
    }
}
