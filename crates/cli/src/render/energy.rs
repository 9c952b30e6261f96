//! A reading of energy on one line of a summary.

use std::fmt::Write as _;

use leanset_energy::{Intensity, Joules, Reading, SourceKind};

/// The energy of this process on one line of a summary.
pub(crate) fn line(reading: &Reading) -> String {
    let Some(Joules { joules, low, high }) = reading.process_joules else {
        return "  energy unknown: this machine has no energy source\n".to_owned();
    };
    let words = |kind: SourceKind| if kind == SourceKind::Given { "the given watts".into() } else { kind.to_string() };
    let mut kinds: Vec<String> = reading.components.iter().map(|c| words(c.source.kind)).collect();
    kinds.dedup();
    let mut out = format!(
        "  energy {} ({} to {}), {} by {}",
        super::joules(joules),
        super::joules(low),
        super::joules(high),
        if reading.estimated { "estimated" } else { "measured" },
        kinds.join(" and ")
    );
    if let Some((mass, intensity)) = reading.carbon.as_ref().and_then(|c| Some((c.process?, &c.intensity))) {
        let _ = write!(out, "; CO₂ {} at {}", super::grams(mass.grams), self::intensity(intensity));
    }
    if reading.notes.iter().any(|note| ["source-refused", "source-failed"].contains(&note.code.as_str())) {
        out.push_str("; counters were not believed: `leanset energy doctor`");
    }
    super::wrapped(&out)
}

/// A carbon intensity with its source.
pub(crate) fn intensity(intensity: &Intensity) -> String {
    let Intensity { grams_per_kwh, country_name, year, source, .. } = intensity;
    match (country_name, year) {
        (Some(country), Some(year)) => format!("{grams_per_kwh} g/kWh ({country} {year}; {source})"),
        _ => format!("{grams_per_kwh} g/kWh ({source})"),
    }
}
