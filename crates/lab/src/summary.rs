//! The summary of an experiment: which statistics are computed of which runs. [`statistics`](leanset_statistics) defines them.
//!
//! The [`TaskVocabulary`] names what is compared: accuracy and macro F1 for tables, mAP50-95 and mAP50 for images. Pairs
//! belong to one repetition: one split, one seed. A method is compared with stratified random at the same ratio (does it
//! beat random?) and with full training (what does it lose, and does it pay?). What a run saves is the cost of full
//! training minus its own, with reduction and warm-up counted in full.

use std::collections::{BTreeMap, BTreeSet};

use leanset_spec::Balance;
use serde::{Serialize, Serializer};

use crate::plan::{FULL, Plan, TaskPlan};
use crate::record::{Cost, Header, MeteredCost, ModelScores, Record, RunKey, TimeBasis};
use crate::render::plural;
use crate::table_task::WEAK;
use crate::vocabulary::TaskVocabulary;
use leanset_statistics::{LEVEL, Median, Paired, Spearman, Verdict, median, paired, spearman};

/// Values under the keys of measures.
#[derive(Clone, Debug, Default)]
pub struct Keyed<T>(Vec<(String, T)>);

impl<T> Keyed<T> {
    /// The value at this place.
    pub fn at(&self, place: usize) -> &T {
        &self.0[place].1
    }

    /// The values, in order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<T: Serialize> Serialize for Keyed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The results of an experiment.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// `leanset.experiment/1`.
    pub schema: &'static str,
    /// The words and the measures of its task.
    #[serde(skip)]
    pub vocabulary: &'static TaskVocabulary,
    /// The version of leanset.
    pub leanset: String,
    /// The title of the plan.
    pub title: String,
    /// The name of the data.
    pub data: String,
    /// The name of the model; none where it is the only one and has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Runs that are done.
    pub done: usize,
    /// Runs of the plan.
    pub planned: usize,
    /// The name of stratified random in the plan; none if it is not among the methods.
    pub random: Option<String>,
    /// What all seconds are: CPU time if runs shared the machine and all report it, else wall time.
    pub clock: TimeBasis,
    /// For tables, the fraction of rows in the largest class: the accuracy of always predicting it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_class: Option<f64>,
    /// For tables, runs whose model never predicted some class correctly.
    #[serde(rename = "blind", skip_serializing_if = "Option::is_none")]
    pub never_predicted: Option<usize>,
    /// For images, the cost of computing their features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureCost>,
    /// What asks the command line to reduce the data, without method, ratio and output.
    #[serde(skip)]
    pub command: Vec<String>,
    /// The fewest rows within some points of full training.
    pub fewest: Vec<Fewest>,
    /// Whether the model on all rows is far below a linear one; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weak: Option<WeakModel>,
    /// Full training; none as long as it was not run.
    pub full: Option<Cell>,
    /// What methods are compared with, beside full training: everything for fewer epochs, and fresh samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<MethodSummary>,
    /// The methods, in the order of the plan.
    pub methods: Vec<MethodSummary>,
    /// ε against both measures, at each ratio.
    pub spearman: Vec<Correlation>,
    /// Where the numbers come from.
    pub provenance: Provenance,
}

/// The fewest rows with which each method is within some points of full training, of the ratios that were tried.
#[derive(Clone, Debug, Serialize)]
pub struct Fewest {
    /// How many points of the main measure may be lost, in the median.
    pub points: f64,
    /// The ratio of each method; null where every ratio loses more.
    pub ratios: Vec<FewestOf>,
}

/// The fewest rows of one method.
#[derive(Clone, Debug, Serialize)]
pub struct FewestOf {
    /// Its name in the plan.
    pub method: String,
    /// The fraction that is kept.
    pub ratio: Option<f64>,
    /// How many rows that is.
    pub kept: Option<usize>,
}

/// Points that may be lost.
const POINTS: [f64; 3] = [0.5, 1.0, 2.0];

/// The fewest rows of each method that are within some points of full training.
fn fewest(methods: &[MethodSummary]) -> Vec<Fewest> {
    let of = |points: f64| {
        let ratios = methods.iter().filter(|method| !method.continues).map(|method| {
            let near = |cell: &&Cell| cell.over_full.is_some_and(|d| d.difference.value >= -points / 100.0);
            let cell = method.cells.iter().filter(near).min_by(|a, b| a.ratio.total_cmp(&b.ratio));
            FewestOf { method: method.label.clone(), ratio: cell.map(|c| c.ratio), kept: cell.map(|c| c.kept) }
        });
        Fewest { points, ratios: ratios.collect() }
    };
    POINTS.map(of).to_vec()
}

/// What asks the command line to reduce the data of a plan.
fn command(plan: &Plan, data: &str) -> Vec<String> {
    let mut words: Vec<String> = match &plan.task {
        TaskPlan::Table(_) => vec!["leanset".into(), "reduce".into(), data.into()],
        TaskPlan::Images(_) => vec!["leanset".into(), "images".into(), "reduce".into(), data.into()],
    };
    match &plan.task {
        TaskPlan::Table(settings) => words.extend(settings.data.columns.arguments()),
        TaskPlan::Images(settings) => {
            let model = settings.features.model.model.iter();
            words.extend(model.flat_map(|model| ["--model".to_owned(), model.display().to_string()]));
        }
    }
    if plan.reduce.balance != Balance::default() {
        let flag = if matches!(plan.task, TaskPlan::Table(_)) { "--balance" } else { "--balance-categories" };
        words.extend([flag.to_owned(), plan.reduce.balance.to_string()]);
    }
    words
}

/// A model on all rows that is far below a linear one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WeakModel {
    /// Repetitions in which it is.
    pub runs: usize,
    /// Repetitions in which both are known.
    pub of: usize,
    /// Its accuracy in the median.
    pub accuracy: f64,
    /// That of a linear model in the median.
    pub linear_accuracy: f64,
}

impl WeakModel {
    /// If it is so in half of the repetitions or more.
    fn of(full: &[&Record]) -> Option<Self> {
        let known: Vec<_> =
            full.iter().filter_map(|run| Some((run.scores.values()[0], run.linear_accuracy?))).collect();
        let runs = known.iter().filter(|(own, linear)| own < &(linear - WEAK)).count();
        let accuracy = median(known.iter().map(|pair| pair.0))?.value;
        let linear_accuracy = median(known.iter().map(|pair| pair.1))?.value;
        (2 * runs >= known.len()).then_some(Self { runs, of: known.len(), accuracy, linear_accuracy })
    }

    /// What to make of it, in a sentence.
    pub fn describe(&self) -> String {
        format!(
            "On all rows this model has an accuracy of {:.3}, and a linear model has {:.3} ({} of {} repetitions). What it \
             says about subsets says little about better models.",
            self.accuracy, self.linear_accuracy, self.runs, self.of
        )
    }
}

/// The cost of computing the features of images.
#[derive(Clone, Debug, Serialize)]
pub struct FeatureCost {
    /// Their name; `given` if they are read from a table.
    pub name: String,
    /// What they cost, once; part of every run whose method uses them. None if it is not known.
    pub cost: Option<MeteredCost>,
}

impl FeatureCost {
    /// A note on that cost, in a sentence.
    pub fn describe(&self, clock: TimeBasis) -> String {
        match &self.cost {
            None => {
                "The features were read from a table. Their cost is not known and not included, so methods that use \
                     them save less than shown."
                    .to_owned()
            }
            Some(MeteredCost { cost, sources, .. }) => {
                let about = if sources.estimated { "≈ " } else { "" };
                let joules = cost.joules.map_or_else(String::new, |j| format!(" and {about}{j:.3} J"));
                format!(
                    "Computing the features of all images ({}) cost {:.3} s{joules}, once. This cost counts in full for every \
                     run whose method uses them.",
                    self.name,
                    cost.by(clock)
                )
            }
        }
    }
}

/// One method at every ratio.
#[derive(Clone, Debug, Serialize)]
pub struct MethodSummary {
    /// Its name in the plan.
    pub label: String,
    /// The method.
    pub method: String,
    /// Whether training goes on from a model that was trained on all rows, as in the paper: its scores are not those of a model
    /// trained on what is kept.
    #[serde(rename = "continue", skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
    /// Whether models were trained with its weights.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub weighted: bool,
    /// What asks the command line for it.
    #[serde(skip)]
    pub arguments: Vec<String>,
    /// Ratios that have runs, ascending.
    pub cells: Vec<Cell>,
}

impl MethodSummary {
    /// What tables call it.
    pub fn title(&self) -> String {
        if self.continues { format!("{} (continued)", self.label) } else { self.label.clone() }
    }
}

/// One method at one ratio, over repetitions.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The fraction of the training rows kept.
    pub ratio: f64,
    /// Runs.
    pub runs: usize,
    /// Rows kept.
    pub kept: usize,
    /// ε.
    pub epsilon: Median,
    /// The measures of the vocabulary, in its order.
    #[serde(flatten)]
    pub scores: Keyed<Median>,
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
    /// The main measure less that of stratified random at the same ratio.
    pub over_random: Option<Paired>,
    /// The measures that are compared too, less those of stratified random, as `f1_over_random`.
    #[serde(flatten)]
    pub compared_over_random: Keyed<Option<Paired>>,
    /// The main measure less that of full training.
    pub over_full: Option<Paired>,
    /// The measures that are compared too, less those of full training, as `f1_over_full`.
    #[serde(flatten)]
    pub compared_over_full: Keyed<Option<Paired>>,
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
    /// With the main and the second measure: over all runs at this ratio, as in the paper, and over the medians of the
    /// methods, as `accuracy_of_medians`, because runs of one method are not independent.
    #[serde(flatten)]
    pub with: Keyed<Option<Spearman>>,
}

/// Where the numbers come from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Provenance {
    /// Processors that runs were done on.
    pub processors: Vec<String>,
    /// Threads per run.
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
    /// Of an experiment's records, one for each model.
    pub fn of_models(header: &Header, records: &[Record]) -> Vec<Self> {
        let of = |model: Option<&str>| {
            let own: Vec<Record> = records.iter().filter(|r| r.model.as_deref() == model).cloned().collect();
            Self::of_model(header, &own, model)
        };
        header.plan.model_names().into_iter().map(of).collect()
    }

    /// What the summaries of all models have in common: the first, with the runs of all.
    pub fn together(summaries: &[Self]) -> Option<Self> {
        let mut whole = summaries.first()?.clone();
        for other in &summaries[1..] {
            (whole.done, whole.planned) = (whole.done + other.done, whole.planned + other.planned);
            whole.never_predicted = whole.never_predicted.zip(other.never_predicted).map(|(a, b)| a + b);
            whole.provenance.add(&other.provenance);
        }
        Some(whole)
    }

    /// Of an experiment's records, where it has one model.
    pub fn new(header: &Header, records: &[Record]) -> Self {
        Self::of_model(header, records, header.plan.model_names().first().copied().flatten())
    }

    fn of_model(header: &Header, records: &[Record], model: Option<&str>) -> Self {
        let (plan, vocabulary) = (&header.plan, header.plan.vocabulary());
        let found: BTreeMap<RunKey, &Record> = records.iter().map(|r| (r.key(), r)).collect();
        let at = |method: &str, ratio: f64| -> Vec<&Record> {
            (0..plan.repetitions).filter_map(|r| found.get(&RunKey::new(r, method, model, ratio)).copied()).collect()
        };
        let random = plan.random().map(str::to_owned);
        // Beside others a run waits for memory and for its turn: wall times then compare the company, not the work.
        let shared = records.iter().any(|r| r.measured.shared);
        let reported = records.iter().all(|r| r.measured.total().cpu_seconds.is_some());
        let clock = if shared && reported { TimeBasis::Cpu } else { TimeBasis::Wall };
        let cell = |label: &str, ratio: f64| {
            let runs = at(label, ratio);
            let beside = |method: &str, ratio: f64, of: &dyn Fn(&Record, &Record) -> Option<f64>| {
                let pair = |run: &&Record| of(run, found.get(&RunKey::new(run.repetition, method, model, ratio))?);
                let differences: Vec<f64> = runs.iter().filter_map(pair).collect();
                if method == label { None } else { paired(&differences) }
            };
            let cost = |r: &Record| r.measured.total();
            let less = |measure: usize| {
                move |a: &Record, b: &Record| {
                    let difference = a.scores.values()[measure] - b.scores.values()[measure];
                    Some(difference).filter(|difference| !difference.is_nan())
                }
            };
            let mut cell = Cell::new(ratio, &runs, clock, vocabulary)?;
            if let Some(random) = &random {
                cell.over_random = beside(random, ratio, &less(vocabulary.main));
                for (slot, &place) in cell.compared_over_random.0.iter_mut().zip(vocabulary.compared) {
                    slot.1 = beside(random, ratio, &less(place));
                }
            }
            cell.over_full = beside(FULL, 1.0, &less(vocabulary.main));
            for (slot, &place) in cell.compared_over_full.0.iter_mut().zip(vocabulary.compared) {
                slot.1 = beside(FULL, 1.0, &less(place));
            }
            cell.seconds_saved = beside(FULL, 1.0, &|a, b| Some(cost(b).by(clock) - cost(a).by(clock)));
            cell.joules_saved = beside(FULL, 1.0, &|a, b| Some(cost(b).joules? - cost(a).joules?));
            Some(cell)
        };
        let line = |label: &str, method: &str, continues: bool, arguments: Vec<String>| MethodSummary {
            label: label.to_owned(),
            method: method.to_owned(),
            continues,
            weighted: records.iter().any(|r| r.weighted && r.method == label),
            arguments,
            cells: plan.reduce.ratios.iter().filter_map(|&ratio| cell(label, ratio)).collect(),
        };
        let methods: Vec<MethodSummary> =
            plan.methods.iter().map(|m| line(m.label(), &m.name, m.continues == Some(true), m.arguments())).collect();
        let baselines = plan.baselines.iter().map(|b| line(b.name(), b.name(), false, Vec::new()));
        let baselines = baselines.filter(|baseline| !baseline.cells.is_empty()).collect();
        let spearman = plan.reduce.ratios.iter().map(|&ratio| correlation(plan, ratio, &at, &methods)).collect();
        let table = matches!(plan.task, TaskPlan::Table(_));
        Self {
            schema: "leanset.experiment/1",
            vocabulary,
            leanset: header.leanset.clone(),
            title: plan.title.clone(),
            data: header.data.name.clone(),
            model: model.map(str::to_owned),
            done: records.len(),
            planned: header.runs().iter().filter(|run| run.model.as_deref() == model).count(),
            random: random.clone(),
            clock,
            largest_class: table.then(|| {
                let largest = header.data.classes.iter().map(|(_, rows)| *rows).max().unwrap_or_default();
                largest as f64 / header.data.rows.max(1) as f64
            }),
            never_predicted: table.then(|| records.iter().filter(|r| never_predicts_a_class(&r.scores)).count()),
            features: header
                .data
                .features
                .clone()
                .map(|name| FeatureCost { name, cost: records.iter().find_map(|r| r.measured.features.clone()) }),
            command: command(plan, &header.data.name),
            fewest: fewest(&methods),
            weak: WeakModel::of(&at(FULL, 1.0)),
            full: cell(FULL, 1.0),
            baselines,
            methods,
            spearman,
            provenance: Provenance::new(records),
        }
    }

    /// The main measure of a cell.
    pub fn main(&self, cell: &Cell) -> Median {
        *cell.scores.at(self.vocabulary.main)
    }

    /// The second measure of a cell.
    pub fn second(&self, cell: &Cell) -> Median {
        *cell.scores.at(self.vocabulary.second)
    }

    /// Cells whose reduction and training took longer than full training, in the median, with their method.
    pub fn did_not_pay(&self) -> Vec<(&str, &Cell)> {
        let lost = |cell: &&Cell| cell.seconds_saved.is_some_and(|s| s.difference.value < 0.0);
        self.methods.iter().flat_map(|m| m.cells.iter().filter(lost).map(|c| (m.label.as_str(), c))).collect()
    }

    /// The methods, and what they are compared with.
    pub fn lines(&self) -> impl Iterator<Item = &MethodSummary> {
        self.methods.iter().chain(&self.baselines)
    }

    /// Every method at every ratio that has runs.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.methods.iter().flat_map(|method| &method.cells)
    }

    /// The verdicts of all comparisons with stratified random, counted.
    pub fn verdicts(&self) -> Verdicts {
        let count = |verdict| self.cells().filter(|c| c.over_random.is_some_and(|p| p.verdict == verdict)).count();
        Verdicts { better: count(Verdict::Yes), worse: count(Verdict::No), unclear: count(Verdict::Unclear) }
    }
}

/// Verdicts of comparisons, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// Better than what they are compared with.
    pub better: usize,
    /// Worse.
    pub worse: usize,
    /// These runs cannot tell.
    pub unclear: usize,
}

impl Verdicts {
    /// All comparisons.
    pub fn all(&self) -> usize {
        self.better + self.worse + self.unclear
    }

    /// How many verdicts to expect if no method differs, in a sentence.
    pub fn describe_false_positives(&self) -> String {
        let all = self.all();
        let expected = all as f64 * LEVEL;
        if expected < 0.5 {
            let comparisons = plural(all, "comparison", "comparisons");
            return format!("With {all} {comparisons}, expect less than one false positive.");
        }
        let noun = plural(expected.round() as usize, "a false positive", "false positives");
        format!("Expect about {expected:.0} of {all} verdicts to be {noun}.")
    }
}

/// Whether a model never predicted some class correctly.
fn never_predicts_a_class(scores: &ModelScores) -> bool {
    match scores {
        ModelScores::Classifier(scores) => scores.classes.iter().any(|c| c.rows > 0 && c.recall == 0.0),
        ModelScores::Detector(_) => false,
    }
}

fn correlation<'r>(
    plan: &Plan,
    ratio: f64,
    at: &dyn Fn(&str, f64) -> Vec<&'r Record>,
    methods: &[MethodSummary],
) -> Correlation {
    let runs: Vec<&Record> = plan.methods.iter().flat_map(|m| at(m.label(), ratio)).collect();
    let cells: Vec<&Cell> = methods.iter().flat_map(|m| &m.cells).filter(|c| c.ratio == ratio).collect();
    let vocabulary = plan.vocabulary();
    let of_runs =
        |place: usize| spearman(&runs.iter().map(|r| (r.epsilon, r.scores.values()[place])).collect::<Vec<_>>());
    let of_cells =
        |place: usize| spearman(&cells.iter().map(|c| (c.epsilon.value, c.scores.at(place).value)).collect::<Vec<_>>());
    let measures = [(vocabulary.main, vocabulary.main()), (vocabulary.second, vocabulary.second())];
    let runs = measures.iter().map(|(place, m)| (m.key.to_owned(), of_runs(*place)));
    let medians = measures.iter().map(|(place, m)| (format!("{}_of_medians", m.key), of_cells(*place)));
    Correlation { ratio, with: Keyed(runs.chain(medians).collect()) }
}

impl Cell {
    /// Without comparisons; none of no runs.
    fn new(ratio: f64, runs: &[&Record], clock: TimeBasis, vocabulary: &TaskVocabulary) -> Option<Self> {
        let of = |value: &dyn Fn(&Record) -> f64| median(runs.iter().map(|r| value(r)));
        let cost = |value: fn(&Cost) -> Option<f64>| {
            let all: Option<Vec<f64>> = runs.iter().map(|r| value(&r.measured.total())).collect();
            median(all?)
        };
        let score = |(place, m): (usize, &crate::vocabulary::Measure)| {
            // The user's own model may not tell it.
            Some((m.key.to_owned(), of(&|r| r.scores.values()[place]).unwrap_or(Median::UNKNOWN)))
        };
        let scores: Option<Vec<_>> = vocabulary.measures.iter().enumerate().map(score).collect();
        Some(Self {
            ratio,
            runs: runs.len(),
            kept: runs.first()?.kept.iter().sum(),
            epsilon: of(&|r| r.epsilon)?,
            scores: Keyed(scores?),
            reduction_seconds: of(&|r| r.measured.reduction.by(clock))?,
            seconds: of(&|r| r.measured.total().by(clock))?,
            joules: cost(|c| c.joules),
            grams: cost(|c| c.grams),
            steps: of(&|r| (r.steps.warm_up + r.steps.training) as f64)?,
            over_random: None,
            compared_over_random: Keyed(
                vocabulary.compared().map(|measure| (format!("{}_over_random", measure.key), None)).collect(),
            ),
            over_full: None,
            compared_over_full: Keyed(
                vocabulary.compared().map(|measure| (format!("{}_over_full", measure.key), None)).collect(),
            ),
            seconds_saved: None,
            joules_saved: None,
        })
    }
}

impl Provenance {
    /// That of further runs.
    fn add(&mut self, other: &Self) {
        fn merge<T: Ord + Clone>(own: &mut Vec<T>, other: &[T]) {
            own.extend_from_slice(other);
            own.sort();
            own.dedup();
        }
        merge(&mut self.processors, &other.processors);
        merge(&mut self.threads, &other.threads);
        merge(&mut self.joules, &other.joules);
        merge(&mut self.carbon, &other.carbon);
        self.shared += other.shared;
        self.estimated += other.estimated;
        other.warnings.iter().for_each(|(code, runs)| *self.warnings.entry(code.clone()).or_default() += runs);
    }

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
