//! What may be chosen: methods with their settings, and how they keep rows.

use leanset_core::methods::Support;
use leanset_core::params::Value;
use leanset_core::{Balance, Budget, Guard, Reducer};
use leanset_problem::Result;

/// A method with settings, under a name.
#[derive(Debug)]
pub struct Candidate {
    /// Its name in evidence and records.
    pub name: &'static str,
    /// What it is, for people.
    pub description: &'static str,
    /// The method.
    pub reducer: Reducer,
    /// How classes share what is kept.
    pub balance: Balance,
    /// The ratios at which it takes part: outside it costs more than it can win.
    pub ratios: std::ops::RangeInclusive<f64>,
}

/// The name of the candidate that all others have to beat.
pub const RANDOM: &str = "random";
/// The name of the candidate that is taken unless another is shown to be better.
pub const DEFAULT: &str = "guarded-energy";

impl Candidate {
    /// The candidates of a choice: those that were measured to win somewhere.
    ///
    /// # Errors
    /// Never, as long as the methods are registered.
    pub fn standard() -> Result<Vec<Self>> {
        let of =
            |name, description, method: &str, parameters: &[(String, Value)], guard: Option<Guard>| -> Result<Self> {
                let reducer = Reducer::new(method, parameters)?;
                let reducer = match guard {
                    Some(guard) => reducer.with_guard(guard)?,
                    None => reducer,
                };
                Ok(Self { name, description, reducer, balance: Balance::Proportional, ratios: 0.0..=1.0 })
            };
        let rows = ("output".to_owned(), Value::Text("rows".into()));
        let auto = Some(Guard::Auto);
        Ok(vec![
            of(RANDOM, "a uniform random sample of each class", "stratified-random", &[], None)?,
            of(DEFAULT, "energy, with contradicted rows last", "energy", &[], auto)?,
            of("energy", "energy, without the guard", "energy", &[], Some(Guard::Off))?,
            Self {
                balance: Balance::Sqrt,
                ..of("energy-sqrt", "guarded energy; rare classes keep more", "energy", &[], auto)?
            },
            Self {
                ratios: 0.0..=0.3,
                ..of("kmeans-rows", "rows nearest to k-means centres, guarded", "clustering-centroids", &[rows], auto)?
            },
            Self {
                ratios: 0.1..=0.6,
                ..of("boundary", "guarded energy, and rows near the boundary", "boundary", &[], auto)?
            },
        ])
    }

    /// What keeps this fraction of the rows.
    pub fn budget(&self, ratio: f64) -> Budget {
        Budget::Ratio(ratio).balanced(self.balance)
    }

    /// Whether one ranking serves all ratios.
    pub(crate) fn ranks(&self) -> bool {
        self.reducer.ranks() == Support::Yes
    }

    /// What asks the command line for it, without a budget.
    pub fn arguments(&self) -> Vec<String> {
        let info = self.reducer.info();
        let mut words = vec!["--method".to_owned(), info.id.to_owned()];
        for (name, value) in self.parameters() {
            words.extend(["--param".to_owned(), format!("{name}={value}")]);
        }
        words.extend(self.guard().into_iter().flat_map(|guard| ["--guard".to_owned(), guard.to_string()]));
        if let Some(balance) = self.balance_word() {
            words.extend(["--balance".to_owned(), balance.to_owned()]);
        }
        words
    }

    /// What asks the Python package for it, without a budget: the arguments of `leanset.reduce`.
    pub fn keywords(&self) -> Vec<(String, String)> {
        let info = self.reducer.info();
        let mut words = vec![("method".to_owned(), format!("\"{}\"", info.id))];
        words.extend(self.parameters().into_iter().map(|(name, value)| (name, format!("\"{value}\""))));
        words.extend(self.guard().map(|guard| ("guard".to_owned(), format!("\"{guard}\""))));
        if let Some(balance) = self.balance_word() {
            words.push(("balance".to_owned(), format!("\"{balance}\"")));
        }
        words
    }

    /// Parameters that differ from the method's own.
    pub fn parameters(&self) -> Vec<(String, Value)> {
        let own = Reducer::of(self.reducer.info(), &[]).ok();
        let default = |name: &str| own.as_ref().and_then(|own| own.params().get(name).cloned());
        let differs = |(name, value): &(&str, &Value)| default(name).as_ref() != Some(*value);
        self.reducer.params().iter().filter(differs).map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }

    /// The guard, where it is not what the method does of itself.
    pub fn guard(&self) -> Option<Guard> {
        let own = self.reducer.info().guard();
        Some(self.reducer.guard()).filter(|guard| own.is_some_and(|own| own != *guard))
    }

    fn balance_word(&self) -> Option<&'static str> {
        match self.balance {
            Balance::Proportional => None,
            Balance::Sqrt => Some("sqrt"),
            Balance::Equal => Some("equal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_asked_for_as_they_are() {
        let candidates = Candidate::standard().expect("registered");
        let words: Vec<String> = candidates.iter().map(|c| c.arguments().join(" ")).collect();
        assert_eq!(
            words,
            [
                "--method stratified-random",
                "--method energy",
                "--method energy --guard off",
                "--method energy --balance sqrt",
                "--method clustering-centroids --param output=rows --guard auto",
                "--method boundary",
            ]
        );
    }
}
