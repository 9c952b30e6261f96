//! The main job: read a table, choose rows, measure ε, write the rows untouched with a manifest beside them.
//!
//! [`Reduction::prepare`] reads and checks everything that can be known before the work; then [`Reduction::dry_run`] says
//! what would be done and take, and [`Reduction::run`] does it. [`reduce`] is both in one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leanset_core::methods::Support;
use leanset_core::metrics::{self, Epsilon};
use leanset_core::stopping::Stopping;
use leanset_core::{
    Budget, ClassId, Dataset, EmptyClasses, Inputs, Prototypes, Ranking, Reduced, Reducer, RowId, Scope, Seed,
    Selection,
};
use leanset_energy::Meter;
use leanset_problem::{Command, Problem, Result, Setting, Warning, setting, text};
use leanset_spec::manifest::table::{
    ClassRecord, EpsilonRecord, FileRecord, Manifest, OutputRecord, SCHEMA, TestRecord,
};
use leanset_spec::manifest::{Measured, MethodRecord, RankingRecord};
use leanset_spec::request::{Choice, Emit, Order, Reduce, TableRequest};
use leanset_spec::{Balance, Format, Method, TableMethod, Vocabulary, number, value};
use leanset_tables::{
    Column, Compression, Extra, ExtraValues, FileRow, Generated, Kind, Table, Texts, format_of_path, write_columns,
    write_generated, write_rows,
};

use crate::context::Context;
use crate::dry_run::DryRun;
use crate::expected::Expected;
use crate::memory;
use crate::output::{Outputs, check_output, check_table_output, manifest_beside, same_place, sha256_of};
use crate::table::dynamics::{self, Source};
use crate::table::files::Files;
use crate::table::input::Input;
use crate::table::kept::Kept;
use crate::table::rows::names_of;
use crate::table::target::Target;
use crate::table::{kept, method, ranking};

/// Where the result of a job about a table goes.
#[derive(Clone, Debug, Default)]
pub struct Destination {
    /// Where the rows go.
    pub output: Output,
    /// Where the manifest goes; beside the output if that is not said.
    pub manifest: Option<PathBuf>,
    /// Where the rows that are held out go; beside the output if that is not said.
    pub test_output: Option<PathBuf>,
    /// Where the rows that are left to reduce go, if they are written too.
    pub train_output: Option<PathBuf>,
    /// Where the training log of the built-in trainer goes, if it is kept.
    pub save_log: Option<PathBuf>,
    /// Whether files that exist are replaced.
    pub force: bool,
}

/// Where rows go.
#[derive(Clone, Debug, Default)]
pub enum Output {
    /// Nowhere: a dry run.
    #[default]
    Nowhere,
    /// Into memory, in the format of the input; without a manifest.
    Memory,
    /// Into a file, in the format that its name says, with a manifest.
    File(PathBuf),
}

/// A request for a reduction whose files are read, and which is checked.
pub struct Reduction<'a> {
    request: Reduce,
    destination: Destination,
    context: Context<'a>,
    expected: Option<Expected>,
    place: Place,
    parts: Parts,
    meter: Meter,
    input: Input,
    file: FileRecord,
    chooser: Chooser,
    target: Option<Target>,
    source: Source,
    kept_rows: Option<Kept>,
    stopping: Option<Stopping>,
    budget: Budget,
    kept: usize,
    predicted: u64,
}

/// What came of a reduction.
#[derive(Debug)]
pub struct Outcome {
    /// What was asked and what came of it. Of rows that went into memory its output has an empty path.
    pub manifest: Manifest,
    /// The text of the manifest as written.
    pub manifest_text: String,
    /// Where the manifest is, if it was written.
    pub manifest_path: Option<PathBuf>,
    /// The output, if it went into memory.
    pub bytes: Option<Vec<u8>>,
    /// What is worth knowing; the reporter has heard of it.
    pub warnings: Vec<Warning>,
    /// The worst-covered row as the file's editor counts it, such as `line 7`; nothing if a class is lost.
    pub worst_place: Option<String>,
    /// The name of the label column.
    pub label: Option<String>,
    /// Whether generated prototypes were written, and no rows.
    pub prototypes: bool,
    /// Where the training log is, if it was written.
    pub saved_log: Option<PathBuf>,
}

/// Where the rows go, checked before any work.
enum Place {
    Nowhere,
    /// In the format of the input, if it is not known before it is read.
    Memory(Option<(Format, Compression)>),
    File {
        path: PathBuf,
        manifest: PathBuf,
        format: Format,
        compression: Compression,
    },
}

/// Where the parts of the table go, checked before any work.
#[derive(Default)]
struct Parts {
    test: Option<Part>,
    training: Option<Part>,
}

struct Part {
    path: PathBuf,
    format: Format,
    compression: Compression,
}

impl Parts {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.test.iter().chain(&self.training).map(|part| part.path.as_path())
    }
}

impl Place {
    /// What goes into memory has the format of the table, unless that was known before.
    fn in_format_of(self, table: &Table) -> Self {
        match self {
            Self::Memory(None) => Self::Memory(Some((written_as(table.format()), Compression::None))),
            known => known,
        }
    }
}

/// A workbook is read, and not written.
fn written_as(format: Format) -> Format {
    if format == Format::Xlsx { Format::Csv } else { format }
}

/// What chooses the rows.
enum Chooser {
    Method(Reducer),
    Ranking(Box<(Ranking, RankingRecord)>),
}

/// Reduces a table: [`Reduction::prepare`] and [`Reduction::run`].
///
/// # Errors
/// What is asked, or the table, cannot be used; nothing is written then.
pub fn reduce(request: &Reduce, destination: &Destination, context: &Context<'_>) -> Result<Outcome> {
    Reduction::prepare(request, destination, context)?.run()
}

impl<'a> Reduction<'a> {
    /// Reads what is asked for and checks it.
    ///
    /// # Errors
    /// What is asked, or the table, cannot be used; the predicted memory is above the limit.
    pub fn prepare(request: &Reduce, destination: &Destination, context: &Context<'a>) -> Result<Self> {
        Self::prepare_expected(request, destination, context, None)
    }

    pub(crate) fn prepare_expected(
        request: &Reduce,
        destination: &Destination,
        context: &Context<'a>,
        expected: Option<Expected>,
    ) -> Result<Self> {
        let meter = context.meter()?;
        request.split.check(&request.columns)?;
        let request = &Reduce { columns: request.split.columns(&request.columns), ..request.clone() };
        // What needs no table is refused before it is read.
        if let Choice::Method(method) = &request.choice {
            let info = method::check(method)?;
            method::check_saves_log(info, destination.save_log.is_some(), method)?;
        }
        let stopping = request.stopping.resolve(request.metric)?;
        // A rule that says when enough is kept needs no budget.
        let asked = at_most(&request.budget, stopping.is_some());
        asked.check(Vocabulary::TABLE)?;
        if let (Choice::Ranking(_), Some(_)) = (&request.choice, request.split.test) {
            return Err(ranked_before(request));
        }
        let place = place(request, destination, expected.as_ref())?;
        let parts = parts(request, destination, &place)?;
        let files = Files::find(&request.input, &request.columns, context)?;
        if let Place::File { path, manifest, .. } = &place {
            files.check_outputs(&[path, manifest])?;
        }
        files.check_outputs(&parts.paths().collect::<Vec<_>>())?;
        files.check_outputs(destination.save_log.as_deref().as_slice())?;
        if let Some(expected) = &expected {
            expected.check_sources(request, &files, context)?;
        }
        files.check_limit(context.limit())?;

        let input = Input::read_files(&files, &request.columns, context)?;
        let input = input.hold_out(&request.split, &request.columns, Seed(seed_of(request)))?;
        let file = files.record(&input.table)?;
        // A copy of a stream is not needed any longer.
        drop(files);
        let place = place.in_format_of(&input.table);
        let data = input.dataset()?;
        let (chooser, target, source, kept_rows) = match &request.choice {
            Choice::Ranking(path) => {
                let record = ranking::record_of(path, &file, context)?;
                if let Some(expected) = &expected {
                    expected.check_ranking(&record)?;
                }
                let ranking = ranking::read(path, &input, &request.columns, context)?;
                (Chooser::Ranking(Box::new((ranking, record))), None, Source::None, None)
            }
            Choice::Method(asked) => {
                let reducer = method::reducer(&asked.choice, &request.columns, &input, context)?;
                let target = asked
                    .target
                    .as_deref()
                    .map(|path| Target::read(path, &request.columns, &input, context))
                    .transpose()?;
                let source = Source::new(asked, reducer.info(), &request.columns, &input, context)?;
                let kept = asked.kept.as_deref().map(|path| Kept::read(path, &request.columns, &input, &file, context));
                (Chooser::Method(reducer), target, source, kept.transpose()?)
            }
        };
        let sizes = data.classes().sizes();
        let budget = asked.resolve(&input.encoded.class_names, &sizes, Vocabulary::TABLE)?;
        check_balance(request, &chooser)?;
        // Before the core refuses a count below the number of classes: what is measured has no classes.
        let wanted = match (asked.ratio, asked.count) {
            (Some(ratio), _) => Some((ratio * data.rows() as f64).round() as usize),
            (None, count) => count,
        };
        if let (Some(asked), EmptyClasses::Forbid) = (wanted, request.budget.empty_classes()) {
            input.check_budget(asked)?;
        }
        let of_classes = kept_rows.as_ref().map(|kept| kept.counts(&data)).unwrap_or_default();
        let kept = budget.allocate_beside(&sizes, request.budget.empty_classes(), &of_classes);
        let kept = kept.map_err(|error| kept::named(error, data.classes()))?.0.total();
        drop(data);
        let mut reduction = Self {
            request: request.clone(),
            destination: destination.clone(),
            context: *context,
            expected,
            place,
            parts,
            meter,
            input,
            file,
            chooser,
            target,
            source,
            kept_rows,
            stopping,
            budget,
            kept,
            predicted: 0,
        };
        reduction.predicted = reduction.predict()?;
        context.limit().check(reduction.predicted)?;
        reduction.check_output_fits()?;
        Ok(reduction)
    }

    /// What would be done, and what it would take.
    pub fn dry_run(&self) -> DryRun {
        let reducer = match &self.chooser {
            Chooser::Method(reducer) => Some(reducer),
            Chooser::Ranking(..) => None,
        };
        let request = TableRequest::Reduce(self.request_used());
        DryRun::new(request, &self.input, reducer, self.kept, (self.context.threads(), self.predicted))
    }

    /// The request with every default said.
    fn request_used(&self) -> Reduce {
        let choice = match (&self.request.choice, &self.chooser) {
            (Choice::Method(asked), Chooser::Method(reducer)) => {
                Choice::Method(method_used(asked, reducer, &self.input))
            }
            (choice, _) => choice.clone(),
        };
        Reduce { choice, columns: self.input.columns_used(&self.request.columns), ..self.request.clone() }
    }

    /// The predicted peak.
    fn predict(&self) -> Result<u64> {
        let shape = self.input.dataset()?.shape();
        let method = match &self.chooser {
            Chooser::Method(reducer) => reducer.memory(&shape, self.kept, self.context.threads()),
            Chooser::Ranking(..) => 24 * shape.rows as u64,
        };
        let training = self.source.memory(&shape, self.destination.save_log.is_some());
        // The result: ids of rows, and their text in the manifest.
        let result = 64 * self.kept as u64;
        let metric = self.request.metric;
        let epsilon = if self.request.no_epsilon { 0 } else { memory::of_epsilon(&shape, self.kept, metric) };
        let work = method.max(epsilon).max(self.writing_memory()) + result + training;
        let held = || self.input.memory() + self.target.as_ref().map_or(0, Target::memory) + self.source.held();
        Ok(memory::predicted(self.context.threads(), held, work))
    }

    /// Bytes that writing holds for a while.
    fn writing_memory(&self) -> u64 {
        if self.request.writing.emit == Emit::Ids {
            return 0;
        }
        let of = |rows, format| memory::of_writing(&self.input.table, rows, format);
        let kept = match self.place {
            Place::File { format, .. } | Place::Memory(Some((format, _))) => of(self.kept, format),
            Place::Memory(None) | Place::Nowhere => 0,
        };
        let tested = self.input.test.as_ref().map_or(0, |test| test.rows().len());
        let test = self.parts.test.as_ref().map_or(0, |part| of(tested, part.format));
        let training = self.parts.training.as_ref().map_or(0, |part| of(self.input.encoded.rows, part.format));
        kept.max(test).max(training)
    }

    /// Whether what the method returns can be written as asked: known before the work.
    fn check_output_fits(&self) -> Result<()> {
        let (input, writing) = (&self.input, &self.request.writing);
        let (id, prototypes, weights) = match &self.chooser {
            Chooser::Ranking(..) => ("a ranking", false, Support::No),
            Chooser::Method(reducer) => {
                (reducer.info().id, reducer.generates_prototypes(), reducer.info().capabilities.weights)
            }
        };
        let rows = || setting::PARAM.to("output=rows");
        if prototypes {
            if writing.emit == Emit::Ids {
                return Err(Problem::new(format!("{id} generates prototypes, and they have no row ids"))
                    .hint(text![rows(), " keeps the real row nearest each"]));
            }
            input.encoder.decode(&[]).map_err(|error| {
                Problem::new(format!("{}: {error}", input.table.name())).hint(text![
                    rows(),
                    " keeps the real row nearest each, or ",
                    &setting::EXCLUDE,
                    " the column"
                ])
            })?;
        }
        if weights == Support::No {
            return match writing.weights {
                Some(_) => {
                    Err(Problem::new(format!("{id} gives no weights")).hint(text!["leave ", &setting::WEIGHTS, " out"]))
                }
                None => Ok(()),
            };
        }
        let name = writing.weights.as_deref().unwrap_or("weight");
        let taken = match writing.emit {
            Emit::Ids => ["row", "class", "rank"].contains(&name),
            // Also one that is not written: the weights would be taken for it.
            Emit::Rows if prototypes && writing.weights.is_none() => input.table.position(name).is_ok(),
            Emit::Rows if prototypes => {
                let encoder = &input.encoder;
                encoder.label() == Some(name) || encoder.feature_columns().iter().any(|column| column == name)
            }
            Emit::Rows => writing.weights.is_some() && input.table.positions(name).is_ok(),
        };
        if taken {
            return Err(Problem::new(format!(
                "{}: the weights need a column '{name}', and there is one of that name",
                input.table.name()
            ))
            .hint(text!["name another: ", setting::WEIGHTS.to("NAME")]));
        }
        Ok(())
    }

    /// Chooses, measures and writes.
    ///
    /// # Errors
    /// The method cannot work on these data, an output cannot be written, or a manifest is not reproduced. Nothing is
    /// written then.
    pub fn run(self) -> Result<Outcome> {
        let request_used = self.request_used();
        let Self {
            request,
            destination,
            context,
            expected,
            place,
            parts,
            meter,
            input,
            file,
            chooser,
            target,
            source,
            kept_rows,
            ..
        } = self;
        let (reporter, monitor) = (context.reporter, context.reporter.monitor());
        let data = input.dataset()?;
        let keep_log = destination.save_log.is_some();

        let began = Instant::now();
        let log = source.log_record();
        let observed = source.observe(keep_log, &data, monitor)?;
        let represented = target.as_ref().map(|target| target.dataset(&input)).transpose()?;
        let kept = kept_rows.as_ref().map(|kept| &kept.rows[..]);
        let inputs = Inputs { target: represented.as_ref(), dynamics: observed.dynamics(), kept };
        let empty = request.budget.empty_classes();
        let seed = Seed(seed_of(&request));
        let most = (&self.budget, empty);
        let reduction = match (&chooser, self.stopping) {
            (Chooser::Method(reducer), Some(rule)) => {
                rule.reduce(reducer, &data, &inputs, most, seed, monitor).map_err(|error| input.problem(error))?
            }
            (Chooser::Ranking(chosen), Some(rule)) => rule
                .cut(&chosen.0, &data, most, monitor)
                .map_err(|error| ranking::too_short(error, &chosen.1.path, data.classes()))?,
            (Chooser::Method(reducer), None) => reducer
                .reduce_with(&data, &inputs, &self.budget, empty, seed, monitor)
                .map_err(|error| input.problem(error))?,
            (Chooser::Ranking(chosen), None) => chosen
                .0
                .reduce(data.classes(), &self.budget, empty)
                .map_err(|error| ranking::too_short(error, &chosen.1.path, data.classes()))?,
        };
        let method_time = began.elapsed();
        let began = Instant::now();
        let epsilon = if request.no_epsilon {
            None
        } else {
            let found = metrics::epsilon(&data, &reduction.reduced, request.metric, monitor);
            Some(found.map_err(|error| input.problem(error))?)
        };
        let epsilon_time = epsilon.as_ref().map_or(Duration::ZERO, |_| began.elapsed());
        let of_target = target.as_ref().map_or(&[][..], Target::warnings);
        let generated = matches!(reduction.reduced, Reduced::Points(_));
        let of_types = if generated { of_prototypes(&input) } else { None };
        let warnings: Vec<Warning> =
            input.warnings().iter().chain(of_target).chain(&reduction.warnings).chain(&of_types).cloned().collect();
        warnings.iter().for_each(|warning| reporter.warn(warning));

        let written = Written::new(&request, &input, &data, &reduction.reduced)?;
        let mut outputs = Outputs::new(destination.force).reporting(reporter);
        let (path, manifest_path, format, bytes, sha256, size) = match place {
            Place::Nowhere | Place::Memory(None) => return Err(no_output()),
            Place::Memory(Some((format, compression))) => {
                let mut bytes = Vec::new();
                written.write(&input, format, compression, &mut bytes)?;
                let (sha256, size) = (sha256_of(&bytes), bytes.len() as u64);
                (PathBuf::new(), None, format, Some(bytes), sha256, size)
            }
            Place::File { path, manifest, format, compression } => {
                let (sha256, size) = outputs.stage(&path, |out| written.write(&input, format, compression, out))?;
                (path, Some(manifest), format, None, sha256, size)
            }
        };
        if let Some(expected) = &expected {
            expected.check_output(&sha256, size)?;
        }
        let mut stage = |part: Part, rows: &[FileRow], codes: &[u32]| -> Result<OutputRecord> {
            let written = Written::part(&request, &input, rows, codes)?;
            let Part { path, format, compression } = part;
            let (sha256, bytes) = outputs.stage(&path, |out| written.write(&input, format, compression, out))?;
            Ok(OutputRecord { path, sha256, bytes, format: format.to_string(), added_columns: Vec::new() })
        };
        let test = match (&input.test, parts.test) {
            (Some(test), Some(part)) => Some(TestRecord {
                rows: test.rows().len(),
                classes: test.classes().to_vec(),
                groups: test.groups(),
                output: stage(part, test.rows(), test.codes())?,
            }),
            _ => None,
        };
        let training = parts
            .training
            .map(|part| stage(part, &input.encoded.file_rows().collect::<Vec<_>>(), &input.encoded.classes))
            .transpose()?;
        if let Some(expected) = &expected {
            expected.check_test(test.as_ref())?;
        }
        let facts = reduction.diagnostics.iter().map(|(n, v)| (n.to_string(), value(v))).collect();
        let method = match &chooser {
            Chooser::Method(reducer) => MethodRecord { id: reducer.info().id.into(), facts, ranking: None },
            Chooser::Ranking(ranking) => MethodRecord { id: "ranking".into(), facts, ranking: Some(ranking.1.clone()) },
        };
        let file_row = |row| input.file_row(row).0;
        let rows = reduction.reduced.rows();
        let manifest = Manifest {
            schema: SCHEMA.into(),
            leanset: env!("CARGO_PKG_VERSION").into(),
            request: TableRequest::Reduce(request_used),
            input: file,
            target: target.as_ref().map(|target| target.record.clone()),
            keep: kept_rows.map(|kept| kept.record),
            log,
            columns: input.columns_record(),
            method,
            classes: class_records(&input, &data, &reduction.reduced, epsilon.as_ref()),
            rows: data.rows(),
            kept: reduction.reduced.len(),
            epsilon: epsilon.as_ref().map(|epsilon| EpsilonRecord::new(epsilon, data.classes(), file_row)),
            output: OutputRecord {
                path,
                sha256,
                bytes: size,
                format: format.to_string(),
                added_columns: generated.then(|| weights_of_prototypes(&request).to_owned()).into_iter().collect(),
            },
            test,
            training,
            warnings: warnings.iter().map(Into::into).collect(),
            row_ids: rows.map(|s| s.rows().iter().map(|&row| file_row(row)).collect()),
            weights: rows.and_then(Selection::weights).map(<[f64]>::to_vec),
            measured: measured(&input, method_time, epsilon_time, &context, &meter),
        };
        let mut manifest_text = String::new();
        if let Some(path) = &manifest_path {
            if let Some(expected) = &expected {
                expected.check_manifest(&manifest, input.warnings())?;
            }
            manifest_text = manifest.text()?;
            outputs.stage(path, |out| {
                out.write_all(manifest_text.as_bytes()).map_err(|e| Problem::io("the manifest cannot be written", e))
            })?;
        }
        observed.stage(&mut outputs, destination.save_log.as_deref(), &request.columns, &input)?;
        outputs.commit()?;
        Ok(Outcome {
            worst_place: epsilon.and_then(|epsilon| epsilon.worst).map(|w| input.table.place(input.file_row(w.row))),
            label: input.encoder.label().map(str::to_owned),
            prototypes: rows.is_none(),
            saved_log: destination.save_log,
            manifest,
            manifest_text,
            manifest_path,
            bytes,
            warnings,
        })
    }
}

/// Classes can only share a budget where rows are chosen within classes.
fn check_balance(request: &Reduce, chooser: &Chooser) -> Result<()> {
    let (id, scope) = match chooser {
        Chooser::Method(reducer) => (reducer.info().id, reducer.scope()),
        Chooser::Ranking(ranking) => ("a ranking over all classes", ranking.0.scope()),
    };
    let balance = request.budget.balance;
    if scope == Scope::PerClass || balance == Balance::Proportional {
        return Ok(());
    }
    Err(Problem::new(text![
        setting::BALANCE_CLASSES.to(balance),
        format!(": {id} chooses over all classes at once, and they share a budget as its scores say")
    ])
    .hint(text!["leave ", &setting::BALANCE_CLASSES, " out, or use another method (", Command::METHODS, ")"]))
}

/// The most that is kept: everything, if nothing is said but when enough is.
fn at_most(budget: &leanset_spec::Budget, stops: bool) -> leanset_spec::Budget {
    if stops && budget.is_none() {
        return leanset_spec::Budget { ratio: Some(1.0), ..budget.clone() };
    }
    budget.clone()
}

/// The seed of the method; rankings have none.
fn seed_of(request: &Reduce) -> u64 {
    match &request.choice {
        Choice::Method(method) => method.choice.seed,
        Choice::Ranking(_) => 0,
    }
}

/// A method as it is used: its registered name, its parameters and its training with every default said.
pub(crate) fn method_used(asked: &TableMethod, reducer: &Reducer, input: &Input) -> TableMethod {
    let trained = reducer.info().uses_dynamics() && asked.log.is_none();
    TableMethod {
        choice: Method {
            name: Some(reducer.info().id.into()),
            parameters: method::parameters_used(reducer, input),
            guard: asked.choice.guard_used(reducer),
            seed: asked.choice.seed,
        },
        training: if trained { asked.training.filled() } else { asked.training.clone() },
        ..asked.clone()
    }
}

/// What depends on the machine and the moment.
pub(crate) fn measured(
    input: &Input,
    method: Duration,
    epsilon: Duration,
    context: &Context<'_>,
    meter: &Meter,
) -> Measured {
    Measured {
        read_seconds: input.read_time.as_secs_f64(),
        method_seconds: method.as_secs_f64(),
        epsilon_seconds: epsilon.as_secs_f64(),
        peak_memory_bytes: memory::peak(),
        threads: context.threads(),
        energy: Some(meter.read()),
    }
}

/// The files that a request reads.
fn inputs_of(request: &Reduce) -> Vec<&Path> {
    let method = match &request.choice {
        Choice::Method(method) => Some(method),
        Choice::Ranking(_) => None,
    };
    let listed =
        method.into_iter().flat_map(|method| &method.choice.parameters.values).filter_map(|(_, value)| match value {
            leanset_core::params::Value::Text(text) => text.strip_prefix('@').map(Path::new),
            _ => None,
        });
    let ranking = match &request.choice {
        Choice::Ranking(path) => Some(path),
        Choice::Method(_) => None,
    };
    let beside = [
        ranking,
        method.and_then(|m| m.target.as_ref()),
        method.and_then(|m| m.kept.as_ref()),
        method.and_then(|m| m.log.as_ref()),
    ];
    let others = beside.into_iter().flatten().map(PathBuf::as_path);
    request.input.as_slice().iter().map(PathBuf::as_path).chain(others).chain(listed).collect()
}

/// Where the rows go, checked before any work.
fn place(request: &Reduce, destination: &Destination, expected: Option<&Expected>) -> Result<Place> {
    let Destination { output, manifest, save_log, force, .. } = destination;
    let inputs = inputs_of(request);
    match output {
        Output::Nowhere => Ok(Place::Nowhere),
        Output::Memory => {
            dynamics::check_saving(save_log.as_deref(), &inputs, &[], *force)?;
            if let Some(expected) = expected {
                let (format, compression) = format_of_path(expected.output())?;
                return Ok(Place::Memory(Some((format, compression))));
            }
            let by_name =
                request.input.single().filter(|path| !path.is_dir()).and_then(|path| format_of_path(path).ok());
            Ok(Place::Memory(match (by_name, request.columns.format) {
                (Some((Format::Xlsx, _)), None) | (_, Some(Format::Xlsx)) => Some((Format::Csv, Compression::None)),
                (Some((format, compression)), asked) => Some((asked.unwrap_or(format), compression)),
                (None, Some(format)) => Some((format, Compression::None)),
                (None, None) => None,
            }))
        }
        Output::File(path) => {
            let manifest = manifest.clone().unwrap_or_else(|| manifest_beside(path));
            let (format, compression) = check_output(path, &manifest, &inputs, &Outputs::new(*force))?;
            dynamics::check_saving(save_log.as_deref(), &inputs, &[path, &manifest], *force)?;
            Ok(Place::File { path: path.clone(), manifest, format, compression })
        }
    }
}

/// Where the parts of the table go.
fn parts(request: &Reduce, destination: &Destination, place: &Place) -> Result<Parts> {
    let Destination { test_output, train_output, save_log, force, .. } = destination;
    if request.split.test.is_none() {
        return match (test_output, train_output) {
            (None, None) => Ok(Parts::default()),
            (Some(_), _) => Err(no_split(&setting::TEST_OUTPUT)),
            (None, Some(_)) => Err(no_split(&setting::TRAIN_OUTPUT)),
        };
    }
    let test = match (test_output, place) {
        (Some(path), _) => path.clone(),
        (None, Place::File { path, .. }) => test_beside(path),
        (None, Place::Nowhere) => return Ok(Parts::default()),
        (None, Place::Memory(_)) => {
            return Err(Problem::new("no file is given for the test rows").hint(setting::TEST_OUTPUT.to("FILE")));
        }
    };
    let mut taken: Vec<&Path> = save_log.iter().map(PathBuf::as_path).collect();
    if let Place::File { path, manifest, .. } = place {
        taken.extend([path.as_path(), manifest]);
    }
    let inputs = inputs_of(request);
    let part = |path: &Path, taken: &[&Path]| -> Result<Part> {
        if taken.iter().any(|other| same_place(other, path)) {
            return Err(Problem::new(format!("{}: is another output of this command", path.display()))
                .hint("give each output a file of its own"));
        }
        // It has no manifest of its own: that of the output is about it too.
        let (format, compression) = check_table_output(path, &inputs, &Outputs::new(*force))?;
        Ok(Part { path: path.to_owned(), format, compression })
    };
    let training = train_output.as_deref().map(|path| part(path, &taken)).transpose()?;
    taken.extend(train_output.as_deref());
    Ok(Parts { test: Some(part(&test, &taken)?), training })
}

/// The name of the test rows beside an output: `lean-test.csv.gz` beside `lean.csv.gz`.
pub fn test_beside(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let split = match format_of_path(output) {
        // All extensions, `.csv.gz`, but no other dots of the name.
        Ok((_, compression)) => {
            let dots = if compression == Compression::None { 1 } else { 2 };
            name.rmatch_indices('.').nth(dots - 1).map_or(name.len(), |(at, _)| at)
        }
        Err(_) => name.len(),
    };
    let (stem, extensions) = name.split_at(split);
    output.with_file_name(format!("{stem}-test{extensions}"))
}

fn no_split(setting: &'static Setting) -> Problem {
    Problem::new(text![setting, " is given, and no rows are held out"]).hint(text![
        "add ",
        setting::SPLIT.to(0.25),
        ", or leave ",
        setting,
        " out"
    ])
}

/// A ranking is of all rows of a table.
fn ranked_before(request: &Reduce) -> Problem {
    let split = request.split.test.unwrap_or_default();
    Problem::new(text![&setting::RANKING, " and ", &setting::SPLIT, ": the test rows took part in the ranking"]).hint(
        text![
            "first ",
            setting::METHOD.to("srs"),
            " ",
            setting::RATIO.to(1),
            " ",
            setting::SPLIT.to(split),
            " writes all training rows and the test rows; then rank the training rows"
        ],
    )
}

pub(crate) fn no_output() -> Problem {
    Problem::new("no output is given").hint(setting::OUTPUT.to("FILE"))
}

fn class_records(input: &Input, data: &Dataset<'_>, reduced: &Reduced, epsilon: Option<&Epsilon>) -> Vec<ClassRecord> {
    let counts = match reduced {
        Reduced::Rows(selection) => selection.counts(),
        Reduced::Points(points) => points.counts(data.classes().len()),
    };
    let record = |class: ClassId| {
        let of = epsilon.map(|epsilon| &epsilon.per_class[class.index()]);
        ClassRecord {
            name: data.classes().name(class).to_owned(),
            rows: data.classes().rows(class).len(),
            kept: counts[class.index()],
            epsilon: of.map(|of| number(of.value)),
            worst_row: of.and_then(|of| of.worst).map(|w| input.file_row(w).0),
        }
    };
    data.classes().ids().map(record).collect()
}

/// What is written, and in which order.
enum Written {
    /// Rows of the input, and columns to append.
    Rows(Vec<FileRow>, Vec<Extra>),
    /// Generated prototypes, in the types of the input.
    Prototypes(Vec<(String, Generated)>),
    /// A new table.
    Columns(Vec<(String, Column)>),
}

impl Written {
    fn new(request: &Reduce, input: &Input, data: &Dataset<'_>, reduced: &Reduced) -> Result<Self> {
        let writing = &request.writing;
        let selection = match reduced {
            Reduced::Points(points) => return Ok(Self::Prototypes(prototypes(points, request, input, data)?)),
            Reduced::Rows(selection) => selection,
        };
        let order: Vec<usize> = match writing.order {
            Order::Input => selection.input_order(),
            Order::Rank => (0..selection.rows().len()).collect(),
        };
        let rows: Vec<FileRow> = order.iter().map(|&i| input.file_row(selection.rows()[i])).collect();
        let weights = |w: &[f64]| order.iter().map(|&i| w[i]).collect::<Vec<f64>>();
        if writing.emit == Emit::Rows {
            let extra = match (&writing.weights, selection.weights()) {
                (Some(name), Some(w)) => vec![Extra { name: name.clone(), values: ExtraValues::F64(weights(w)) }],
                _ => Vec::new(),
            };
            return Ok(Self::Rows(rows, extra));
        }
        let classes = data.classes();
        let ranks: Vec<i64> = selection.counts().iter().flat_map(|&count| (0_i64..).take(count)).collect();
        let names: Texts = order.iter().map(|&i| classes.name(classes.of(selection.rows()[i]))).collect();
        let mut columns = vec![
            ("row".to_owned(), names_of(&rows, input, &request.columns)?),
            ("class".to_owned(), names.into()),
            ("rank".to_owned(), order.iter().map(|&i| ranks[i]).collect::<Vec<_>>().into()),
        ];
        if let Some(w) = selection.weights() {
            columns.push((writing.weights.clone().unwrap_or_else(|| "weight".into()), weights(w).into()));
        }
        Ok(Self::Columns(columns))
    }

    /// Rows of a part of the table: as they are, or as ids.
    fn part(request: &Reduce, input: &Input, rows: &[FileRow], codes: &[u32]) -> Result<Self> {
        if request.writing.emit == Emit::Rows {
            return Ok(Self::Rows(rows.to_vec(), Vec::new()));
        }
        let names: Texts = codes.iter().map(|&code| input.encoded.class_names[code as usize].as_str()).collect();
        let columns =
            vec![("row".to_owned(), names_of(rows, input, &request.columns)?), ("class".to_owned(), names.into())];
        Ok(Self::Columns(columns))
    }

    fn write(
        &self,
        input: &Input,
        format: Format,
        compression: Compression,
        out: &mut dyn std::io::Write,
    ) -> Result<()> {
        match self {
            Self::Rows(rows, extra) => Ok(write_rows(&input.table, rows, extra, format, compression, out)?),
            Self::Prototypes(columns) => Ok(write_generated(&input.table, columns, format, compression, out)?),
            Self::Columns(columns) => Ok(write_columns(columns, format, compression, out)?),
        }
    }
}

/// Generated prototypes in the units and types of the table: features, label, weight. A label is that of a row of the class;
/// bins, which are no value of any row, go by their name.
fn prototypes(
    points: &Prototypes,
    request: &Reduce,
    input: &Input,
    data: &Dataset<'_>,
) -> Result<Vec<(String, Generated)>> {
    let mut columns = Vec::new();
    for (name, values) in input.encoder.decode(&points.points)? {
        let means = Generated::Means(input.table.position(&name)?, values);
        columns.push((name, means));
    }
    if let Some(label) = input.encoder.label() {
        let values = if request.columns.bins.is_some() {
            let codes: Vec<u32> = points.classes.iter().map(|c| c.0).collect();
            Generated::New(input.encoder.label_column(&codes))
        } else {
            let mut first = vec![FileRow(0); data.classes().len()];
            for row in (0..data.rows()).rev().map(RowId::at) {
                first[data.classes().of(row).index()] = input.file_row(row);
            }
            let rows = points.classes.iter().map(|class| first[class.index()]).collect();
            Generated::Values(input.table.position(label)?, rows)
        };
        columns.push((label.to_owned(), values));
    }
    columns.push((weights_of_prototypes(request).to_owned(), Generated::New(points.weights.clone().into())));
    Ok(columns)
}

/// The column that generated prototypes have and the input has not.
fn weights_of_prototypes(request: &Reduce) -> &str {
    request.writing.weights.as_deref().unwrap_or("weight")
}

/// What is worth knowing of the types of generated prototypes.
fn of_prototypes(input: &Input) -> Option<Warning> {
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    for name in input.encoder.feature_columns() {
        let Ok(index) = input.table.position(name) else { continue };
        if !input.table.holds_means(index) {
            names.push(format!("'{name}'"));
            let integer = input.table.columns()[index].kind == Kind::Integer;
            kinds.push(if integer { "integers" } else { "decimals" });
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds.reverse();
    let more = names.len().saturating_sub(10);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (column, holds) = if names.len() == 1 { ("column", "holds") } else { ("columns", "hold") };
    let (first, kinds) = (names.iter().take(10).cloned().collect::<Vec<_>>().join(", "), kinds.join(" and "));
    let message = format!("{column} {first}{more} {holds} {kinds}: the means of prototypes are written as floats");
    (!names.is_empty()).then(|| Warning::new("means-are-floats", message))
}
