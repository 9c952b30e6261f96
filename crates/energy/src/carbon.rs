//! Carbon intensity of electricity, by country and year.

use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::reading::Intensity;

/// The table; its header names source, licence and how it was made.
const TABLE: &str = include_str!("../data/carbon_intensity.csv");
/// The source of the table, for every number from it.
const SOURCE: &str = "Our World in Data, adapted from Ember and Energy Institute (CC BY 4.0)";
/// Countries offered for a name that is none.
const OFFERED: usize = 3;

/// A country and the carbon intensity of its electricity.
#[derive(Clone, Debug, PartialEq)]
pub struct Country {
    /// The ISO 3166-1 alpha-3 code.
    pub code: &'static str,
    /// The ISO 3166-1 alpha-2 code.
    pub short_code: &'static str,
    /// The English name.
    pub name: &'static str,
    /// The year that the value is the mean of.
    pub year: u16,
    /// Grams of CO₂ equivalent per kilowatt-hour.
    pub grams_per_kwh: f64,
}

/// All countries there is a value for, by code.
pub fn countries() -> &'static [Country] {
    static COUNTRIES: OnceLock<Vec<Country>> = OnceLock::new();
    COUNTRIES.get_or_init(|| TABLE.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(country).collect())
}

fn country(line: &'static str) -> Option<Country> {
    let [code, short_code, name, year, grams] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
    Some(Country { code, short_code, name, year: year.parse().ok()?, grams_per_kwh: grams.parse().ok()? })
}

impl Intensity {
    /// That of a country, by ISO code (`ESP`, `ES`) or English name, in any case.
    pub fn of_country(name: &str) -> Result<Self> {
        let name = name.trim();
        let found = countries().iter().find(|c| [c.code, c.short_code, c.name].iter().any(|n| same(n, name)));
        let Some(country) = found else {
            return Err(Error::UnknownCountry { name: name.to_owned(), nearest: nearest(name) });
        };
        Ok(Self {
            grams_per_kwh: country.grams_per_kwh,
            country: Some(country.code.to_owned()),
            country_name: Some(country.name.to_owned()),
            year: Some(country.year),
            source: SOURCE.to_owned(),
        })
    }

    /// A value that somebody gives, in grams of CO₂ equivalent per kilowatt-hour.
    pub fn given(grams_per_kwh: f64) -> Result<Self> {
        if !(grams_per_kwh.is_finite() && grams_per_kwh >= 0.0) {
            let (name, constraint) = ("the carbon intensity", "a number of grams per kWh, 0 or more");
            return Err(Error::BadNumber { name, constraint, value: grams_per_kwh });
        }
        Ok(Self { grams_per_kwh, country: None, country_name: None, year: None, source: "given".to_owned() })
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// The countries whose code or name is most like `name`, the likest first.
fn nearest(name: &str) -> Vec<String> {
    let name = name.to_lowercase();
    let likeness = |candidate: &str| strsim::jaro_winkler(&name, &candidate.to_lowercase());
    let mut near: Vec<(f64, &Country)> =
        countries().iter().map(|c| (likeness(c.code).max(likeness(c.name)), c)).filter(|(l, _)| *l >= 0.75).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(OFFERED).map(|(_, c)| format!("{} ({})", c.name, c.code)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_country() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count() - 1;
        assert_eq!(countries().len(), lines);
        assert!(lines > 200);
        for c in countries() {
            assert_eq!((c.code.len(), c.short_code.len()), (3, 2), "{c:?}");
            assert!(c.grams_per_kwh > 0.0 && c.grams_per_kwh < 2000.0, "{c:?}");
            assert!(c.year >= 2009, "{c:?}");
        }
        assert!(countries().windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_country_by_codes_and_name() {
        let spain = Intensity::of_country("ESP").expect("Spain");
        assert_eq!(
            (spain.grams_per_kwh, spain.year, spain.country_name.as_deref()),
            (174.05, Some(2023), Some("Spain"))
        );
        for name in ["es", "Spain", "SPAIN", " esp "] {
            assert_eq!(Intensity::of_country(name).as_ref(), Ok(&spain));
        }
        // A kilowatt-hour is 3.6 MJ.
        let grams = spain.grams(crate::Joules { joules: 3.6e6, low: 0.0, high: 7.2e6 });
        assert!((grams.grams - 174.05).abs() < 1e-9 && grams.low == 0.0 && (grams.high - 348.1).abs() < 1e-9);
    }

    #[test]
    fn an_unknown_country_is_refused_with_those_near() {
        let error = Intensity::of_country("Spian").expect_err("no country");
        assert_eq!(error.to_string(), "there is no carbon intensity for the country 'Spian'");
        assert!(error.hint().is_some_and(|hint| hint.contains("Spain (ESP)")), "{:?}", error.hint());
        let error = Intensity::of_country("%%%%").expect_err("no country");
        assert_eq!(
            error.hint().as_deref(),
            Some("a country is an ISO code or an English name, such as ESP, ES or Spain")
        );
    }

    #[test]
    fn a_given_value_says_so_and_is_a_number() {
        assert_eq!(Intensity::given(0.0).map(|i| i.source), Ok("given".to_owned()));
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Intensity::given(value).is_err(), "{value}");
        }
    }
}
