//! What the runs of an experiment come to: medians with intervals, comparisons pair by pair, correlations.
//!
//! Pairs are of one repetition: one split, one seed. A method is compared with stratified random at the same ratio
//! (does it beat random here?) and with full training (what does it lose, and does it pay?). What a run saves is the
//! cost of full training less its own, reduction and warm-up included in whole.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::plan::FULL;
use crate::records::{Clock, Cost, Header, Key, Record};
use crate::run::runs;
use crate::statistics::{Median, Paired, Spearman, median, paired, spearman};

/// The method that the others are compared with.
const RANDOM: &str = "stratified-random";

/// What the runs come to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// `leanset.experiment/1`.
    pub schema: &'static str,
    /// The version of leanset.
    pub leanset: String,
    /// What the plan is called.
    pub title: String,
    /// The table.
    pub data: String,
    /// Runs that are done.
    pub done: usize,
    /// Runs of the plan.
    pub planned: usize,
    /// What the plan calls stratified random; none if it is not among the methods.
    pub random: Option<String>,
    /// What all seconds are of: CPU time if runs shared the machine and all tell it, else wall time.
    pub clock: Clock,
    /// The part of the rows that is of the largest class: the accuracy of saying it every time.
    pub largest_class: f64,
    /// Runs whose model found not one test row of some class.
    pub blind: usize,
    /// Full training; none as long as it was not run.
    pub full: Option<Cell>,
    /// The methods, in the order of the plan.
    pub methods: Vec<MethodSummary>,
    /// ε against accuracy and F1, at each ratio.
    pub spearman: Vec<Correlation>,
    /// How the numbers came about.
    pub provenance: Provenance,
}

/// One method at every ratio.
#[derive(Clone, Debug, Serialize)]
pub struct MethodSummary {
    /// What the plan calls it.
    pub label: String,
    /// The method.
    pub method: String,
    /// Ratios that have runs, ascending.
    pub cells: Vec<Cell>,
}

/// One method at one ratio, over repetitions.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The part of the training rows kept.
    pub ratio: f64,
    /// Runs.
    pub runs: usize,
    /// Rows kept.
    pub kept: usize,
    /// ε.
    pub epsilon: Median,
    /// Accuracy on the test rows.
    pub accuracy: Median,
    /// Macro precision.
    pub precision: Median,
    /// Macro recall.
    pub recall: Median,
    /// Macro F1.
    pub f1: Median,
    /// Seconds of choosing, warm-up included.
    pub reduction_seconds: Median,
    /// Seconds of choosing and training.
    pub seconds: Median,
    /// Joules of both.
    pub joules: Option<Median>,
    /// Grams of CO₂ of both.
    pub grams: Option<Median>,
    /// Gradient steps, warm-up included.
    pub steps: Median,
    /// Accuracy less that of stratified random at the same ratio.
    pub over_random: Option<Paired>,
    /// Macro F1 less that of stratified random.
    pub f1_over_random: Option<Paired>,
    /// Accuracy less that of full training.
    pub over_full: Option<Paired>,
    /// Seconds of full training less those of this.
    pub seconds_saved: Option<Paired>,
    /// Joules of full training less those of this.
    pub joules_saved: Option<Paired>,
}

/// ε against quality at one ratio.
#[derive(Clone, Debug, Serialize)]
pub struct Correlation {
    /// The ratio.
    pub ratio: f64,
    /// With accuracy, over all runs at this ratio, as in the paper.
    pub accuracy: Option<Spearman>,
    /// With macro F1, over all runs.
    pub f1: Option<Spearman>,
    /// With accuracy, over the medians of the methods: runs of one method are no independent witnesses.
    pub accuracy_of_medians: Option<Spearman>,
    /// With macro F1, over the medians of the methods.
    pub f1_of_medians: Option<Spearman>,
}

/// How the numbers came about.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Provenance {
    /// Processors that runs were done on.
    pub processors: Vec<String>,
    /// Threads a run had.
    pub threads: Vec<usize>,
    /// Runs that shared the machine.
    pub shared: usize,
    /// Runs whose joules are not measured.
    pub estimated: usize,
    /// What joules were read from.
    pub joules: Vec<String>,
    /// What grams were computed with.
    pub carbon: Vec<String>,
    /// Codes of warnings and how many runs had them.
    pub warnings: BTreeMap<String, usize>,
}

impl Summary {
    /// Of an experiment's records.
    pub fn new(header: &Header, records: &[Record]) -> Self {
        let plan = &header.plan;
        let found: BTreeMap<Key, &Record> = records.iter().map(|r| (r.key(), r)).collect();
        let at = |method: &str, ratio: f64| -> Vec<&Record> {
            (0..plan.repetitions).filter_map(|r| found.get(&Key::new(r, method, ratio)).copied()).collect()
        };
        let random = plan.methods.iter().find(|m| m.name == RANDOM).map(|m| m.label().to_owned());
        // Beside others a run waits for memory and for its turn: wall times then compare the company, not the work.
        let shared = records.iter().any(|r| r.measured.shared);
        let told = records.iter().all(|r| r.measured.total().cpu_seconds.is_some());
        let clock = if shared && told { Clock::Cpu } else { Clock::Wall };
        let cell = |label: &str, ratio: f64| {
            let runs = at(label, ratio);
            let beside = |method: &str, ratio: f64, of: &dyn Fn(&Record, &Record) -> Option<f64>| {
                let pair = |run: &&Record| of(run, found.get(&Key::new(run.repetition, method, ratio))?);
                let differences: Vec<f64> = runs.iter().filter_map(pair).collect();
                if method == label { None } else { paired(&differences) }
            };
            let cost = |r: &Record| r.measured.total();
            let mut cell = Cell::new(ratio, &runs, clock)?;
            if let Some(random) = &random {
                cell.over_random = beside(random, ratio, &|a, b| Some(a.accuracy - b.accuracy));
                cell.f1_over_random = beside(random, ratio, &|a, b| Some(a.f1 - b.f1));
            }
            cell.over_full = beside(FULL, 1.0, &|a, b| Some(a.accuracy - b.accuracy));
            cell.seconds_saved = beside(FULL, 1.0, &|a, b| Some(cost(b).by(clock) - cost(a).by(clock)));
            cell.joules_saved = beside(FULL, 1.0, &|a, b| Some(cost(b).joules? - cost(a).joules?));
            Some(cell)
        };
        let methods: Vec<MethodSummary> = plan
            .methods
            .iter()
            .map(|m| MethodSummary {
                label: m.label().to_owned(),
                method: m.name.clone(),
                cells: plan.reduce.ratios.iter().filter_map(|&ratio| cell(m.label(), ratio)).collect(),
            })
            .collect();
        let spearman = plan.reduce.ratios.iter().map(|&ratio| correlation(plan, ratio, &at, &methods)).collect();
        Self {
            schema: "leanset.experiment/1",
            leanset: header.leanset.clone(),
            title: plan.title.clone(),
            data: header.data.name.clone(),
            done: records.len(),
            planned: runs(plan).len(),
            random: random.clone(),
            clock,
            largest_class: {
                let largest = header.data.classes.iter().map(|(_, rows)| *rows).max().unwrap_or_default();
                largest as f64 / header.data.rows.max(1) as f64
            },
            blind: records.iter().filter(|r| r.classes.iter().any(|c| c.rows > 0 && c.recall == 0.0)).count(),
            full: cell(FULL, 1.0),
            methods,
            spearman,
            provenance: Provenance::new(records),
        }
    }

    /// Cells whose reduction and training took longer than full training, in the median, with their method.
    pub fn did_not_pay(&self) -> Vec<(&str, &Cell)> {
        let lost = |cell: &&Cell| cell.seconds_saved.is_some_and(|s| s.difference.value < 0.0);
        self.methods.iter().flat_map(|m| m.cells.iter().filter(lost).map(|c| (m.label.as_str(), c))).collect()
    }

    /// Comparisons with random, and how many of them come out by luck if no method differs.
    pub fn comparisons(&self) -> (usize, f64) {
        let count = self.methods.iter().flat_map(|m| &m.cells).filter(|c| c.over_random.is_some()).count();
        (count, count as f64 * crate::statistics::LEVEL)
    }
}

fn correlation<'r>(
    plan: &crate::Plan,
    ratio: f64,
    at: &dyn Fn(&str, f64) -> Vec<&'r Record>,
    methods: &[MethodSummary],
) -> Correlation {
    let runs: Vec<&Record> = plan.methods.iter().flat_map(|m| at(m.label(), ratio)).collect();
    let cells: Vec<&Cell> = methods.iter().flat_map(|m| &m.cells).filter(|c| c.ratio == ratio).collect();
    let of_runs = |of: fn(&Record) -> f64| spearman(&runs.iter().map(|r| (r.epsilon, of(r))).collect::<Vec<_>>());
    let of_cells = |of: fn(&Cell) -> f64| spearman(&cells.iter().map(|c| (c.epsilon.value, of(c))).collect::<Vec<_>>());
    Correlation {
        ratio,
        accuracy: of_runs(|r| r.accuracy),
        f1: of_runs(|r| r.f1),
        accuracy_of_medians: of_cells(|c| c.accuracy.value),
        f1_of_medians: of_cells(|c| c.f1.value),
    }
}

impl Cell {
    /// Without comparisons; none of no runs.
    fn new(ratio: f64, runs: &[&Record], clock: Clock) -> Option<Self> {
        let of = |value: &dyn Fn(&Record) -> f64| median(runs.iter().map(|r| value(r)));
        let cost = |value: fn(&Cost) -> Option<f64>| {
            let all: Option<Vec<f64>> = runs.iter().map(|r| value(&r.measured.total())).collect();
            median(all?)
        };
        Some(Self {
            ratio,
            runs: runs.len(),
            kept: runs.first()?.kept.iter().sum(),
            epsilon: of(&|r| r.epsilon)?,
            accuracy: of(&|r| r.accuracy)?,
            precision: of(&|r| r.precision)?,
            recall: of(&|r| r.recall)?,
            f1: of(&|r| r.f1)?,
            reduction_seconds: of(&|r| r.measured.reduction.by(clock))?,
            seconds: of(&|r| r.measured.total().by(clock))?,
            joules: cost(|c| c.joules),
            grams: cost(|c| c.grams),
            steps: of(&|r| (r.steps.warm_up + r.steps.training) as f64)?,
            over_random: None,
            f1_over_random: None,
            over_full: None,
            seconds_saved: None,
            joules_saved: None,
        })
    }
}

impl Provenance {
    fn new(records: &[Record]) -> Self {
        let mut found = Self::default();
        let (mut processors, mut threads) = (BTreeSet::new(), BTreeSet::new());
        let (mut joules, mut carbon) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            let measured = &record.measured;
            processors.insert(measured.processor.clone());
            threads.insert(measured.threads);
            found.shared += usize::from(measured.shared);
            found.estimated += usize::from(measured.energy.estimated);
            joules.extend(measured.energy.joules.iter().cloned());
            carbon.extend(measured.energy.carbon.as_ref().map(|c| {
                let place = c.country.as_deref().unwrap_or("given");
                let year = c.year.map_or_else(String::new, |year| format!(", {year}"));
                format!("{} g/kWh ({place}{year}; {})", c.grams_per_kwh, c.source)
            }));
            for code in &record.warnings {
                *found.warnings.entry(code.clone()).or_default() += 1;
            }
        }
        found.processors = processors.into_iter().collect();
        found.threads = threads.into_iter().collect();
        found.joules = joules.into_iter().collect();
        found.carbon = carbon.into_iter().collect();
        found
    }
}
