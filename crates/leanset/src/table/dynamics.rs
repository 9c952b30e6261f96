//! Training dynamics: what happened to each row while a model trained, read from a log or observed by the built-in trainer.

use std::io::Read as _;
use std::path::Path;

use leanset_core::dynamics::{LabelledLog, PredictionScores};
use leanset_core::methods::Info;
use leanset_core::{ClassId, Dataset, Dynamics, LogError, Monitor, RowId, Seed, Shape, TrainingLog, state};
use leanset_problem::{Problem, Result, setting, text};
use leanset_spec::manifest::table::FileRecord;
use leanset_spec::{Columns, Format, ResolvedTraining, TableMethod};
use leanset_tables::{Column, FileRow, Table, Values, format_of_path, write_columns};
use leanset_train::{Network, WarmUp, warm_up, warm_up_memory};

use super::files::Files;
use super::input::Input;
use super::rows::{name_of_row, names_of};
use crate::context::Context;
use crate::output::{Outputs, same_place, sha256};

/// The column of a log that has the length of the gradient by the weights of the last layer.
const GRADIENT: &str = "gradient";

/// The format of a log that was saved with its sums, in manifests.
const STATE_FORMAT: &str = "training-log";

/// Where training dynamics come from.
pub(crate) enum Source {
    /// The method does not use them.
    None,
    /// A log.
    Log { dynamics: Box<Dynamics>, record: FileRecord },
    /// The built-in trainer.
    Trainer { training: ResolvedTraining, seed: Seed },
}

/// Training dynamics, and who observed them.
pub(crate) enum Observed {
    /// The method does not use them.
    Nothing,
    /// Whoever wrote the log.
    Logged(Box<Dynamics>),
    /// The built-in trainer.
    Trained(Box<WarmUp>),
}

/// Whether the training log can be written: asked before the work.
pub(crate) fn check_saving(path: Option<&Path>, inputs: &[&Path], others: &[&Path], force: bool) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let (format, _) = format_of_path(path)?;
    if format == Format::Xlsx {
        return Err(Problem::new(format!("{}: a training log is not written as a workbook", path.display()))
            .hint("name it .parquet or .csv.gz"));
    }
    if others.iter().any(|other| same_place(other, path)) {
        return Err(Problem::new(format!("{}: is another output of this command", path.display())).hint(text![
            "give ",
            &setting::SAVE_LOG,
            " a file of its own"
        ]));
    }
    Outputs::new(force).check(path, inputs)
}

impl Source {
    /// What the request says; a log is read.
    pub(crate) fn new(
        method: &TableMethod,
        info: &Info,
        columns: &Columns,
        input: &Input,
        context: &Context<'_>,
    ) -> Result<Self> {
        if !info.uses_dynamics() {
            return Ok(Self::None);
        }
        if let Some(path) = &method.log {
            if begins_as_state(path) {
                let (dynamics, record) = read_state(path, input, columns, context)?;
                return Ok(Self::Log { dynamics: Box::new(dynamics), record });
            }
            let own = columns.of_other_file();
            let files = Files::find(&path.as_path().into(), &own, context)?;
            files.check_limit(context.limit())?;
            let file = files.read(&own, context)?;
            let dynamics = read(&file, input, columns)?;
            let record = files.record(&file)?;
            return Ok(Self::Log { dynamics: Box::new(dynamics), record });
        }
        if input.encoded.class_names.len() < 2 {
            return Err(Problem::new(format!(
                "{}: all rows are of one class, and a model needs two or more to train",
                input.table.name()
            ))
            .hint(text![
                setting::LABEL.to("COLUMN"),
                " names the column of classes; ",
                setting::LOG.to("FILE"),
                " takes the training log of another model"
            ]));
        }
        Ok(Self::Trainer { training: method.training.resolved(), seed: Seed(method.choice.seed) })
    }

    /// The log as recorded in the manifest.
    pub(crate) fn log_record(&self) -> Option<FileRecord> {
        match self {
            Self::Log { record, .. } => Some(record.clone()),
            _ => None,
        }
    }

    /// Bytes that are held already.
    pub(crate) fn held(&self) -> u64 {
        if let Self::Log { dynamics, .. } = self { dynamics.memory() } else { 0 }
    }

    /// Bytes that it is to take; `keep`: the log is saved.
    pub(crate) fn memory(&self, shape: &Shape, keep: bool) -> u64 {
        match self {
            Self::None | Self::Log { .. } => 0,
            Self::Trainer { training, seed } => {
                let (network, training): (Network, _) = leanset_train::of_settings(training, *seed);
                // The columns of the log that is saved, one number each.
                let columns = if keep { 8 * shape.rows * training.epochs * (shape.classes + 4) } else { 0 };
                warm_up_memory(shape, &network, training.epochs, keep) + columns as u64
            }
        }
    }

    /// Trains, if nothing is logged; `keep`: the log is saved.
    pub(crate) fn observe(self, keep: bool, data: &Dataset<'_>, monitor: &dyn Monitor) -> Result<Observed> {
        Ok(match self {
            Self::None => Observed::Nothing,
            Self::Log { dynamics, .. } => Observed::Logged(dynamics),
            Self::Trainer { training, seed } => {
                let (network, training) = leanset_train::of_settings(&training, seed);
                Observed::Trained(Box::new(warm_up(data, &network, &training, keep, monitor)?))
            }
        })
    }
}

impl Observed {
    /// As methods take it.
    pub(crate) fn dynamics(&self) -> Option<&Dynamics> {
        match self {
            Self::Nothing => None,
            Self::Logged(dynamics) => Some(dynamics),
            Self::Trained(warm_up) => Some(&warm_up.dynamics),
        }
    }

    /// Stages the log of the training: `epoch,row,correct`, a probability of each class, and the length of the gradient.
    pub(crate) fn stage(
        &self,
        outputs: &mut Outputs<'_>,
        path: Option<&Path>,
        columns: &Columns,
        input: &Input,
    ) -> Result<()> {
        let (Some(path), Self::Trained(warm_up)) = (path, self) else { return Ok(()) };
        let observations = warm_up.recorder.observations().unwrap_or_default();
        let rows: Vec<FileRow> = observations.iter().map(|o| input.file_row(o.row)).collect();
        let mut written: Vec<(String, Column)> = vec![
            ("epoch".into(), observations.iter().map(|o| i64::from(o.epoch)).collect::<Vec<_>>().into()),
            ("row".into(), names_of(&rows, input, columns)?),
            ("correct".into(), observations.iter().map(|o| i64::from(o.right)).collect::<Vec<_>>().into()),
        ];
        for class in 0..input.encoded.class_names.len() {
            let own: Vec<f64> = observations.iter().map(|o| f64::from(o.probabilities[class])).collect();
            written.push((format!("p_{class}"), own.into()));
        }
        written.push((GRADIENT.into(), observations.iter().map(|o| o.gradient).collect::<Vec<_>>().into()));
        let (format, compression) = format_of_path(path)?;
        outputs.stage(path, |out| Ok(write_columns(&written, format, compression, out)?))?;
        Ok(())
    }
}

/// A row of a log that is right, or wrong, against its probabilities, of which the largest is of another class, or of its own.
fn contradiction(who: &str, probabilities: &[f64], label: usize, input: &Input) -> Problem {
    let classes = &input.encoded.class_names;
    let largest = (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let largest = largest.unwrap_or(label);
    let whose = if largest == label {
        format!("of its own class '{}'", classes[label])
    } else {
        format!("of class '{}', and the row is of class '{}'", classes[largest], classes[label])
    };
    let order: Vec<String> =
        classes.iter().take(3).enumerate().map(|(class, name)| format!("p_{class} is of '{name}'")).collect();
    let more = if classes.len() > order.len() { " and so on" } else { "" };
    Problem::new(format!(
        "{who}, but its largest probability is p_{largest} = {}, {whose}",
        probabilities[largest]
    ))
    .hint(format!(
        "the columns p_0, p_1 … are in the order of the classes ({}{more}), and correct is 1 where the largest is of the \
         class of the row; without these columns, correct alone is used",
        order.join(", ")
    ))
}

/// Whether a file is a log that was saved with its sums, as the Python package does. Streams are tables.
fn begins_as_state(path: &Path) -> bool {
    let mut first = [0; state::MAGIC.len()];
    path.metadata().is_ok_and(|metadata| metadata.is_file())
        && leanset_problem::files::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok()
        && state::is_state(&first)
}

/// Reads a log that was saved with its sums. It is of all rows of the table, in their order.
fn read_state(path: &Path, input: &Input, columns: &Columns, context: &Context<'_>) -> Result<(Dynamics, FileRecord)> {
    let name = path.display().to_string();
    let size = path.metadata().map_or(0, |metadata| metadata.len());
    context.limit().check_size(&name, size)?;
    let unreadable = |error| Problem::io(format!("{name}: cannot be read"), error);
    let mut bytes = Vec::new();
    leanset_problem::files::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(unreadable)?;
    let refused = |error: leanset_core::Error, message: String| Problem::new(message).maybe_hint(error.hint());
    let found = LabelledLog::from_state(&bytes).map_err(|error| {
        let message = format!("{name}: cannot be read as a training log: {error}");
        refused(error, message)
    })?;
    let (rows, table) = (found.log.rows(), input.table.name());
    if input.encoded.rows != input.table.rows() {
        let left_out = input.table.rows() - input.encoded.rows;
        return Err(Problem::new(format!(
            "{name}: is a log of all rows of a table, and {left_out} rows of {table} are held out for the test or left out for missing values"
        ))
        .hint("make the table of the training rows first, and log a training on it"));
    }
    let of_table = |row: RowId| name_of_row(input.file_row(row), input, columns);
    found.check_labels(&input.encoded.class_names, &input.encoded.classes).map_err(|error| match &error {
        leanset_core::Error::Log(LogError::Labels { row, log, table: own }) => {
            let message =
                format!("{name}: row {} is of class '{log}', and in {table} it is of '{own}'", of_table(*row));
            refused(error.clone(), message)
        }
        _ => refused(error, format!("{name}: is of {rows} rows, and {table} has {}", input.encoded.rows)),
    })?;
    let dynamics = found.log.finish().map_err(|error| match &error {
        leanset_core::Error::Log(LogError::Gap { row, epoch }) => {
            let message = format!("{name}: has no row {} in epoch {epoch}", of_table(*row));
            refused(error.clone(), message)
        }
        leanset_core::Error::Log(other) => refused(error.clone(), format!("{name}: {other}")),
        _ => error.into(),
    })?;
    let bytes = bytes.len() as u64;
    let sha256 = sha256(path)?.0;
    let format = STATE_FORMAT.to_owned();
    Ok((dynamics, FileRecord { path: path.to_owned(), sha256, bytes, format, rows, stream: false, files: Vec::new() }))
}

/// Reads a log: the columns `epoch`, `row` (or the --id column), `correct`, `p_0`, `p_1` … in the order of classes, and with
/// them `gradient`.
fn read(file: &Table, input: &Input, columns: &Columns) -> Result<Dynamics> {
    let name = file.name();
    let by_id = columns.id.clone().filter(|id| file.position("row").is_err() && file.position(id).is_ok());
    let row_column = by_id.unwrap_or_else(|| "row".into());
    for needed in ["epoch", &row_column, "correct"] {
        if file.position(needed).is_err() {
            return Err(Problem::new(format!("{name}: has no column '{needed}', so it is not a training log")).hint(
                text![
                    "a log has the columns epoch, row (or the ",
                    &setting::ID,
                    " column) and correct, and p_0, p_1 … if known"
                ],
            ));
        }
    }
    let rows = input.rows_by_name(columns.id.as_deref())?.resolve(file, &row_column, input.table.name())?;
    let numbers = |column: &str, what: &str, good: &dyn Fn(f64) -> bool| -> Result<Vec<f64>> {
        let found = file.column(file.position(column)?)?;
        let value = |at: usize| -> Option<f64> {
            match &found.values {
                _ if found.is_missing(at) => None,
                Values::Number(v) => Some(v[at]),
                Values::Number32(v) => Some(f64::from(v[at])),
                Values::Integer(v) => Some(v[at] as f64),
                Values::Boolean(v) if column == "correct" => Some(f64::from(u8::from(v[at]))),
                Values::Text(v) => v.get(at).trim().parse().ok(),
                Values::Boolean(_) | Values::List(_) => None,
            }
        };
        (0..found.len())
            .map(|at| {
                value(at).filter(|&v| good(v)).ok_or_else(|| {
                    let (place, text) = (file.place(FileRow::at(at)), found.text(at));
                    Problem::new(format!("{name}: {place} has '{text}' in the column '{column}', which is not {what}"))
                        .hint(format!("the column '{column}' has {what} in every row"))
                })
            })
            .collect()
    };
    let whole = |v: f64| v >= 0.0 && v.fract() == 0.0 && v <= f64::from(u32::MAX);
    let epochs = numbers("epoch", "a whole number of at least 0", &whole)?;
    let right = numbers("correct", "0, 1, false or true", &|v| v == 0.0 || v == 1.0)?;
    let classes = input.encoded.class_names.len();
    let named = |class: usize| format!("p_{class}");
    let of_file = file.columns().iter().filter(|c| c.name.strip_prefix("p_").is_some_and(|n| n.parse::<u32>().is_ok()));
    let of_file = of_file.count();
    let mut probabilities = Vec::new();
    if of_file > 0 {
        if of_file != classes || (0..classes).any(|class| file.position(&named(class)).is_err()) {
            return Err(Problem::new(format!(
                "{name}: has {of_file} columns of probabilities, and {} has {classes} classes",
                input.table.name()
            ))
            .hint(format!("one a class, p_0 to p_{}, in the order of the classes; or none", classes - 1)));
        }
        for class in 0..classes {
            probabilities.push(numbers(&named(class), "a number in [0, 1]", &|v| (0.0..=1.0).contains(&v))?);
        }
    }
    let gradients = if !probabilities.is_empty() && file.position(GRADIENT).is_ok() {
        Some(numbers(GRADIENT, "a finite number of at least 0", &|v| v.is_finite() && v >= 0.0)?)
    } else {
        None
    };
    // Rounded to two digits, each may be off by 0.005.
    let tolerance = (0.005 * classes as f64).max(0.01);
    let mut log = TrainingLog::new(input.encoded.rows);
    let mut own = vec![0.0; classes];
    for (at, &row) in rows.iter().enumerate() {
        // Of a row that was left out for missing values nothing need be known.
        let Some(encoded) = input.dataset_row(row) else {
            if input.test.as_ref().is_some_and(|test| test.holds(row)) {
                let (place, who) = (file.place(FileRow::at(at)), name_of_row(row, input, columns));
                return Err(Problem::new(format!(
                    "{name}: {place} has row {who}, which is held out for the test: the model of this log has seen it"
                ))
                .hint(text!["log a training on the training rows, or leave ", &setting::LOG, " out"]));
            }
            continue;
        };
        let outcome = (!probabilities.is_empty()).then(|| {
            own.iter_mut().zip(&probabilities).for_each(|(own, of_class)| *own = of_class[at]);
            let scores = PredictionScores::of(&own, ClassId(input.encoded.classes[encoded.index()]));
            gradients.as_ref().map_or(scores, |lengths| scores.with_gradient(lengths[at]))
        });
        let sum: f64 = own.iter().sum();
        if outcome.is_some() && (sum - 1.0).abs() > tolerance {
            let (place, last) = (file.place(FileRow::at(at)), classes - 1);
            let message = format!("{name}: {place}: the probabilities p_0 to p_{last} add up to {sum:.4}, not to 1");
            return Err(
                Problem::new(message).hint("log the softmax of the outputs, or leave the columns of probabilities out")
            );
        }
        if outcome.is_some_and(|scores| classes > 1 && scores.contradict(right[at] == 1.0)) {
            let who = format!(
                "{name}: {} says that row {} is {} in epoch {}",
                file.place(FileRow::at(at)),
                name_of_row(row, input, columns),
                if right[at] == 1.0 { "right" } else { "wrong" },
                epochs[at]
            );
            return Err(contradiction(&who, &own, input.encoded.classes[encoded.index()] as usize, input));
        }
        log.observe(epochs[at] as u32, encoded, right[at] == 1.0, outcome).map_err(|error| {
            // The second line of a row and epoch; the words of the core name the row as it counts them.
            Problem::new(format!(
                "{name}: {} has row {} a second time in epoch {}",
                file.place(FileRow::at(at)),
                name_of_row(row, input, columns),
                epochs[at]
            ))
            .maybe_hint(leanset_core::Error::hint(&error))
        })?;
    }
    log.finish().map_err(|error| match error {
        leanset_core::Error::Log(LogError::Gap { row, epoch }) => {
            let row = name_of_row(input.file_row(row), input, columns);
            Problem::new(format!("{name}: has no row {row} in epoch {epoch}"))
                .hint(format!("a log has every row of {} once in every epoch", input.table.name()))
        }
        leanset_core::Error::Log(LogError::Empty) => Problem::new(format!("{name}: has no observations"))
            .hint(format!("a log has every row of {} once in every epoch", input.table.name())),
        other => other.into(),
    })
}
