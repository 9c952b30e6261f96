//! Energy and carbon: whose electricity it is, and what is known of the power of the machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is known of energy and carbon where work is metered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Energy and CO₂"))]
pub struct Energy {
    /// Also report CO₂, from the electricity mix of this country: ISO code or English name, e.g. ESP.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COUNTRY", hide_short_help = true))]
    pub country: Option<String>,
    /// Also report CO₂, from this carbon intensity in g CO₂-equivalent per kWh, e.g. 174.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(
            long,
            value_name = "G_PER_KWH",
            allow_negative_numbers = true,
            conflicts_with = "country",
            hide_short_help = true
        )
    )]
    pub carbon_intensity: Option<f64>,
    #[serde(flatten)]
    #[cfg_attr(feature = "clap", command(flatten))]
    #[allow(missing_docs)]
    pub power: Power,
}

/// What is known of the power of the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Energy and CO₂"))]
pub struct Power {
    /// Power of the whole machine during the run, in watts, e.g. 85; replaces all counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "W", allow_negative_numbers = true, hide_short_help = true))]
    pub watts: Option<f64>,
    /// Total rated power (TDP) of the processors, in watts, e.g. 65; used to estimate where nothing can be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long, value_name = "W", allow_negative_numbers = true, conflicts_with = "watts", hide_short_help = true)
    )]
    pub tdp: Option<f64>,
    /// Where the files of the kernel are, for tests.
    #[serde(skip)]
    #[cfg_attr(feature = "clap", arg(long, value_name = "FOLDER", hide = true))]
    pub root: Option<PathBuf>,
}

impl Energy {
    /// Nothing is known.
    pub const UNKNOWN: Self =
        Self { country: None, carbon_intensity: None, power: Power { watts: None, tdp: None, root: None } };

    /// As the meter takes it.
    pub fn options(&self) -> leanset_energy::Options {
        leanset_energy::Options {
            country: self.country.clone(),
            carbon_intensity: self.carbon_intensity,
            ..self.power.options()
        }
    }
}

impl Power {
    /// As the meter takes it.
    pub fn options(&self) -> leanset_energy::Options {
        let usual = leanset_energy::Options::default();
        leanset_energy::Options {
            watts: self.watts,
            tdp: self.tdp,
            root: self.root.clone().unwrap_or_else(|| usual.root.clone()),
            ..usual
        }
    }
}
