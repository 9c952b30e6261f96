//! What a number of repetitions can show, which is said before the first run.
//!
//! The signed-rank test of [`statistics`](leanset_statistics) has a least p-value: with n differences of one sign it is 2·2⁻ⁿ, so
//! below six repetitions there is no verdict. From six on, a difference is seen if it is large beside the spread of the
//! differences from repetition to repetition. [`visible`] is that size: the least mean difference, in standard deviations,
//! for which 80 % of experiments reach a verdict, if differences are normally distributed. Up to [`SIMULATED`] repetitions it is
//! found by simulation with fixed random numbers, because the exact test is coarse there; above, from the normal
//! approximation with the efficiency 3/π of the test.
//!
//! The spread is that of the runs that are done, if there are some. Before the first run only a part of it is known: a test
//! part of t rows alone makes the difference of two models that are right with probability q spread by √(2·q·(1 − q) / t), if
//! they err independently.

use std::collections::BTreeMap;

use leanset_core::{RowId, Seed};
use statrs::distribution::{ContinuousCDF as _, Normal};

use crate::plan::Plan;
use crate::record::Record;
use crate::render::{counted, points, whole};
use leanset_statistics::LEVEL;

/// The fraction of experiments that are to reach a verdict.
const POWER: f64 = 0.8;
/// Simulated experiments.
const EXPERIMENTS: usize = 2_000;
/// Repetitions up to which experiments are simulated.
const SIMULATED: usize = 30;
/// The accuracy that is assumed before anything is known.
const ACCURACY: f64 = 0.9;
/// Most repetitions of a plan.
const MOST: usize = 1_000;

/// The fewest repetitions with which a verdict is possible.
pub fn least_repetitions() -> usize {
    (1..64).find(|&n| 2.0 * 0.5f64.powi(n) < LEVEL).map_or(64, |n| n as usize)
}

/// The largest sum of ranks of the rarer sign with which n differences without ties are significant.
fn critical(n: usize) -> Option<usize> {
    let total = n * (n + 1) / 2;
    let mut chance = vec![0.0; total + 1];
    chance[0] = 1.0;
    for rank in 1..=n {
        for sum in (0..=total).rev() {
            let with = if sum >= rank { chance[sum - rank] } else { 0.0 };
            chance[sum] = 0.5 * (chance[sum] + with);
        }
    }
    let mut below = 0.0;
    let mut found = None;
    for (sum, chance) in chance.iter().enumerate() {
        below += chance;
        if 2.0 * below >= LEVEL {
            break;
        }
        found = Some(sum);
    }
    found
}

/// The least mean difference, in standard deviations of the differences, that this many repetitions show in 80 % of
/// experiments; none where they never show any.
pub fn visible(repetitions: usize) -> Option<f64> {
    let normal = Normal::standard();
    let critical = critical(repetitions.min(SIMULATED))?;
    if repetitions > SIMULATED {
        let effect = normal.inverse_cdf(1.0 - LEVEL / 2.0) + normal.inverse_cdf(POWER);
        return Some(effect / (repetitions as f64 * 3.0 / std::f64::consts::PI).sqrt());
    }
    let draw = |at: usize| normal.inverse_cdf(Seed(0).unit(RowId::at(at)).max(f64::MIN_POSITIVE));
    let noise: Vec<f64> = (0..EXPERIMENTS * repetitions).map(draw).collect();
    let shows = |effect: f64| {
        let verdict = |own: &&[f64]| {
            let mut differences: Vec<f64> = own.iter().map(|noise| noise + effect).collect();
            differences.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
            let negative: usize = (1..).zip(&differences).filter(|(_, d)| **d < 0.0).map(|(rank, _)| rank).sum();
            negative <= critical
        };
        noise.chunks_exact(repetitions).filter(verdict).count() as f64 >= POWER * EXPERIMENTS as f64
    };
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..20 {
        let middle = f64::midpoint(low, high);
        if shows(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The fewest repetitions that show a mean difference of this many standard deviations; none where a plan cannot have as many.
pub fn repetitions_for(effect: f64) -> Option<usize> {
    let shown = |n: &usize| visible(*n).is_some_and(|least| least <= effect);
    (least_repetitions()..=SIMULATED).find(shown).or_else(|| {
        let (mut low, mut high) = (SIMULATED, MOST);
        if !shown(&high) {
            return None;
        }
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if shown(&middle) { high = middle } else { low = middle }
        }
        Some(high)
    })
}

/// How much differences to random spread, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// The standard deviation in runs that are done: the median over methods, ratios and models.
    OfRuns(f64),
    /// What a test part of this many rows makes of it alone.
    OfTestPart(usize),
}

impl Spread {
    /// As a standard deviation of the main measure.
    pub fn value(self) -> f64 {
        match self {
            Self::OfRuns(value) => value,
            Self::OfTestPart(rows) => (2.0 * ACCURACY * (1.0 - ACCURACY) / rows.max(1) as f64).sqrt(),
        }
    }

    /// Of the runs that are done, if there are enough of them.
    pub fn of_runs(plan: &Plan, records: &[Record]) -> Option<Self> {
        let (main, random) = (plan.vocabulary().main, plan.random()?);
        let score = |record: &Record| record.scores.values()[main];
        let key = |record: &Record| (record.repetition, record.model.clone(), record.ratio.to_bits());
        let at_random: BTreeMap<_, f64> =
            records.iter().filter(|r| r.method == random).map(|r| (key(r), score(r))).collect();
        let mut differences: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for record in
            records.iter().filter(|r| plan.methods.iter().any(|m| m.label() == r.method && m.label() != random))
        {
            let Some(base) = at_random.get(&key(record)) else { continue };
            let cell = (record.method.clone(), record.model.clone(), record.ratio.to_bits());
            differences.entry(cell).or_default().push(score(record) - base);
        }
        let mut spreads: Vec<f64> = differences.values().filter(|d| d.len() >= PILOTS).map(|d| deviation(d)).collect();
        spreads.sort_unstable_by(f64::total_cmp);
        let middle = *spreads.get(spreads.len() / 2)?;
        (middle > 0.0).then_some(Self::OfRuns(middle))
    }
}

/// Repetitions of a cell of which a spread is taken.
const PILOTS: usize = 3;

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// What an experiment can show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Its repetitions.
    pub repetitions: usize,
    /// How much differences spread.
    pub spread: Spread,
    /// The least difference that gives a verdict in 80 % of such experiments; none where none does.
    pub visible: Option<f64>,
    /// The repetitions that show a difference of one point; none where a plan cannot have as many.
    pub for_one_point: Option<usize>,
}

impl Power {
    /// Of repetitions.
    pub fn new(repetitions: usize, spread: Spread) -> Self {
        let deviation = spread.value();
        Self {
            repetitions,
            spread,
            visible: visible(repetitions).map(|effect| effect * deviation),
            for_one_point: repetitions_for(0.01 / deviation),
        }
    }

    /// In sentences. `main` is the measure, `rows` what is tested on.
    pub fn describe(&self, main: &str, rows: &str) -> String {
        let repetitions = counted(self.repetitions, "repetition", "repetitions");
        let least = least_repetitions();
        let Some(visible) = self.visible else {
            return format!(
                "{repetitions}: no comparison can get a verdict. The signed-rank test needs {least} or more to reach p < {LEVEL}: \
                 repetitions = {least}."
            );
        };
        let size = |value: f64| points(value).trim_start_matches('+').to_owned();
        let spread = match self.spread {
            Spread::OfRuns(value) => {
                format!("differences to random spread by {} points in the runs that are done", size(value))
            }
            Spread::OfTestPart(test) => format!(
                "a test part of {} {rows} alone makes differences spread by about {} points",
                whole(test),
                size(self.spread.value())
            ),
        };
        let more = match self.for_one_point {
            Some(n) if n > self.repetitions => {
                format!(" A difference of 1 point needs about {} repetitions.", whole(n))
            }
            Some(_) => String::new(),
            None => " A difference of 1 point is beyond any number of repetitions here.".to_owned(),
        };
        format!("{repetitions} show a difference of about {} points of {main} or more: {spread}.{more}", size(visible))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leanset_statistics::signed_rank;

    #[test]
    fn least_repetitions_are_those_of_the_test() {
        let least = least_repetitions();
        assert_eq!(least, 6);
        assert!(signed_rank(&(1..=least).map(|d| d as f64).collect::<Vec<_>>()) < LEVEL);
        assert!(signed_rank(&(1..least).map(|d| d as f64).collect::<Vec<_>>()) >= LEVEL);
        assert_eq!((visible(5), critical(5)), (None, None));
    }

    /// The test itself, of all sums of ranks.
    #[test]
    fn critical_sums_are_those_of_the_test() {
        for n in 6..=12 {
            let p = |sum: usize| {
                // The ranks of the negative differences, from the largest down, that add up to the sum.
                let mut left = sum;
                let signs: Vec<f64> = (1..=n)
                    .rev()
                    .map(|rank| {
                        let negative = rank <= left;
                        left -= if negative { rank } else { 0 };
                        if negative { -(rank as f64) } else { rank as f64 }
                    })
                    .collect();
                signed_rank(&signs)
            };
            let sum = critical(n).expect("a sum");
            assert!(p(sum) < LEVEL && p(sum + 1) >= LEVEL, "{n}: {sum}");
        }
        // The tables of Wilcoxon: 0 of 6, 2 of 7, 3 of 8, 8 of 10.
        assert_eq!([6, 7, 8, 10].map(critical), [Some(0), Some(2), Some(3), Some(8)]);
    }

    /// Of six differences all must be positive: Φ(δ)⁶ = 0.8.
    #[test]
    fn visible_differences_of_six_repetitions() {
        let exact = Normal::standard().inverse_cdf(POWER.powf(1.0 / 6.0));
        let found = visible(6).expect("six repetitions show something");
        assert!((found - exact).abs() < 0.06, "{found} and {exact}");
    }

    #[test]
    fn more_repetitions_show_smaller_differences() {
        let all: Vec<f64> = [6, 8, 10, 15, 20, 30, 31, 40, 100].map(|n| visible(n).expect("a size")).to_vec();
        assert!(all.is_sorted_by(|a, b| a >= b), "{all:?}");
        // The approximation begins where the simulation ends.
        assert!((all[5] - all[6]).abs() < 0.03, "{all:?}");
        for effect in [2.0, 1.0, 0.5, 0.2] {
            let n = repetitions_for(effect).expect("a number");
            assert!(
                visible(n).is_some_and(|v| v <= effect) && visible(n - 1).is_none_or(|v| v > effect),
                "{effect}: {n}"
            );
        }
        assert_eq!(repetitions_for(0.001), None);
    }

    #[test]
    fn power_is_said_in_sentences() {
        let few = Power::new(5, Spread::OfTestPart(100)).describe("accuracy", "rows");
        assert!(
            few.starts_with("5 repetitions: no comparison can get a verdict.") && few.ends_with("repetitions = 6."),
            "{few}"
        );
        let some = Power::new(10, Spread::OfTestPart(450)).describe("accuracy", "rows");
        assert!(some.contains("a test part of 450 rows alone makes differences spread by about 2.0 points"), "{some}");
        assert!(some.contains("A difference of 1 point needs about"), "{some}");
        let known = Power::new(10, Spread::OfRuns(0.002)).describe("accuracy", "rows");
        assert!(known.ends_with("spread by 0.2 points in the runs that are done."), "{known}");
    }
}
