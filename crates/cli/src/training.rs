//! What was seen of the rows while a model trained: read from a log (`--log FILE`), or seen by the built-in trainer.

use std::path::{Path, PathBuf};

use leanset_core::methods::{Info, METHODS};
use leanset_core::{ClassId, Dataset, Dynamics, LogError, Seed, Shape, TrainingLog, dynamics::PredictionScores};
use leanset_documents::Training as TrainingRecord;
use leanset_tables::{Column, FileRow, Table, Values, format_of_path, write_columns};
use leanset_train::{Network, Training, WarmUp, warm_up, warm_up_memory};

use crate::args::{Activation, MethodArgs, Optimizer, RunArgs, TableArgs, TrainArgs};
use crate::error::Failure;
use crate::input::{Input, read_table};
use crate::manifest::{self, FileRecord, word};
use crate::output::{self, Outputs};
use crate::progress::Progress;
use crate::{plan, ranking};

/// Where what was seen comes from.
pub(crate) enum Source {
    /// The method does not watch training.
    None,
    /// A log.
    Log { dynamics: Box<Dynamics>, record: FileRecord, reading_memory: u64 },
    /// The built-in trainer.
    Trainer(TrainingRecord),
}

/// What was seen, and by whom.
pub(crate) enum Seen {
    /// The method does not watch training.
    Nothing,
    /// By whoever wrote the log.
    Logged(Box<Dynamics>),
    /// By the built-in trainer.
    Trained(Box<WarmUp>),
}

/// What the arguments say of the built-in trainer, with defaults for the rest.
fn record_of(args: &TrainArgs) -> TrainingRecord {
    let usual = TrainingRecord::default();
    TrainingRecord {
        epochs: args.epochs.unwrap_or(usual.epochs),
        hidden: args.hidden.clone().unwrap_or(usual.hidden),
        activation: word(args.activation.unwrap_or_default()),
        dropout: args.dropout.unwrap_or(usual.dropout),
        optimizer: word(args.optimizer.unwrap_or_default()),
        learning_rate: args.learning_rate.unwrap_or(usual.learning_rate),
        weight_decay: args.weight_decay.unwrap_or(usual.weight_decay),
        batch: args.batch.unwrap_or(usual.batch),
    }
}

/// The arguments that train as recorded.
pub(crate) fn arguments(record: &TrainingRecord) -> Result<TrainArgs, Failure> {
    use clap::ValueEnum as _;
    let bad = |what: &str| Failure::new(format!("the manifest has an unknown {what}"));
    Ok(TrainArgs {
        epochs: Some(record.epochs),
        hidden: Some(record.hidden.clone()),
        activation: Some(Activation::from_str(&record.activation, false).map_err(|_| bad("activation"))?),
        dropout: Some(record.dropout),
        optimizer: Some(Optimizer::from_str(&record.optimizer, false).map_err(|_| bad("optimizer"))?),
        learning_rate: Some(record.learning_rate),
        weight_decay: Some(record.weight_decay),
        batch: Some(record.batch),
        save_log: None,
    })
}

/// The network and its training, by a seed.
fn resolved(record: &TrainingRecord, seed: u64) -> Result<(Network, Training), Failure> {
    // The words are those of arguments, so they are known.
    record.resolve(Seed(seed)).map_err(Failure::new)
}

/// The first option of training that is given.
fn given(args: &TrainArgs) -> Option<&'static str> {
    [
        ("--epochs", args.epochs.is_some()),
        ("--hidden", args.hidden.is_some()),
        ("--activation", args.activation.is_some()),
        ("--dropout", args.dropout.is_some()),
        ("--optimizer", args.optimizer.is_some()),
        ("--learning-rate", args.learning_rate.is_some()),
        ("--weight-decay", args.weight_decay.is_some()),
        ("--batch", args.batch.is_some()),
        ("--save-log", args.save_log.is_some()),
    ]
    .into_iter()
    .find(|(_, given)| *given)
    .map(|(name, _)| name)
}

/// A method that does not watch training is refused a log and settings of training before any file is read.
pub(crate) fn check_heeded(args: &MethodArgs, info: &Info) -> Result<(), Failure> {
    let own = given(&args.training);
    let Some(name) = args.log.as_ref().map(|_| "--log").or(own) else { return Ok(()) };
    if !info.uses_dynamics() {
        let can: Vec<&str> = METHODS.iter().filter(|m| m.uses_dynamics()).map(|m| m.id).collect();
        return Err(Failure::new(format!("{name}: {} does not watch a model train", info.id))
            .hint(format!("leave {name} out, or use --method {}", can.join(" or "))));
    }
    match own {
        Some(name) if args.log.is_some() => {
            Err(Failure::new(format!("{name}: with --log nothing is trained"))
                .hint(format!("leave --log or {name} out")))
        }
        _ => Ok(()),
    }
}

/// Whether the log can be written, asked before the work.
pub(crate) fn check_saving(args: &MethodArgs, inputs: &[&Path], others: &[&Path], force: bool) -> Result<(), Failure> {
    let Some(path) = &args.training.save_log else { return Ok(()) };
    let (format, _) = format_of_path(path)?;
    if format == leanset_tables::Format::Xlsx {
        return Err(Failure::new(format!("{}: a log is not written as a workbook", path.display()))
            .hint("name it .parquet or .csv.gz"));
    }
    if others.contains(&path.as_path()) {
        return Err(Failure::new(format!("{}: is another output of this command", path.display()))
            .hint("give --save-log a file of its own"));
    }
    Outputs::new(force).check(path, inputs)
}

/// Before anything is read: the log must be the file of the manifest that is to be reproduced.
pub(crate) fn check_expected(path: Option<&Path>, expected: Option<&FileRecord>) -> Result<(), Failure> {
    manifest::check_source(("--log", "log"), path, expected.map(|e| (e.sha256.as_str(), Some(e.bytes))))
}

impl Source {
    /// What the arguments say; a log is read.
    pub(crate) fn new(
        args: &MethodArgs,
        info: &Info,
        table: &TableArgs,
        input: &Input,
        run: &RunArgs,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        if !info.uses_dynamics() {
            return Ok(Self::None);
        }
        if let Some(path) = &args.log {
            plan::file_within_limit(path, run)?;
            let plain = TableArgs { format: None, sheet: None, delimiter: None, ..table.clone() };
            let file = read_table(path, &plain, progress)?;
            let dynamics = read(&file, input, table)?;
            let (sha256, bytes) = output::sha256(path)?;
            let (format, rows) = (file.format().to_string(), file.rows());
            // Numbers of each column, the rows that are named, and one more column as it is parsed.
            let columns = file.columns().len() as u64 + 3;
            let reading_memory = file.memory() + 8 * rows as u64 * columns;
            let record = FileRecord { path: path.clone(), sha256, bytes, format, rows };
            return Ok(Self::Log { dynamics: Box::new(dynamics), record, reading_memory });
        }
        if input.encoded.class_names.len() < 2 {
            return Err(Failure::new(format!(
                "{}: all rows are of one class, and a model needs two or more to train",
                input.table.name()
            ))
            .hint("--label COLUMN names the column of classes; --log FILE takes what another model has seen"));
        }
        Ok(Self::Trainer(record_of(&args.training)))
    }

    /// The log as recorded in the manifest.
    pub(crate) fn log_record(&self) -> Option<FileRecord> {
        match self {
            Self::Log { record, .. } => Some(record.clone()),
            _ => None,
        }
    }

    /// The training as recorded in the manifest.
    pub(crate) fn training_record(&self) -> Option<TrainingRecord> {
        match self {
            Self::Trainer(record) => Some(record.clone()),
            _ => None,
        }
    }

    /// Bytes that it takes beside the table.
    pub(crate) fn memory(&self, shape: &Shape, args: &MethodArgs) -> u64 {
        match self {
            Self::None => 0,
            Self::Log { dynamics, reading_memory, .. } => dynamics.memory() + reading_memory,
            Self::Trainer(record) => {
                let keep = args.training.save_log.is_some();
                // The columns of the log that is saved, one number each.
                let columns = if keep { 8 * shape.rows * record.epochs * (shape.classes + 3) } else { 0 };
                let of_network =
                    |(network, _): (Network, Training)| warm_up_memory(shape, &network, record.epochs, keep);
                resolved(record, args.seed).map_or(0, of_network) + columns as u64
            }
        }
    }

    /// Trains, if nothing is logged.
    pub(crate) fn see(self, args: &MethodArgs, data: &Dataset<'_>, progress: &Progress) -> Result<Seen, Failure> {
        Ok(match self {
            Self::None => Seen::Nothing,
            Self::Log { dynamics, .. } => Seen::Logged(dynamics),
            Self::Trainer(record) => {
                let (network, training) = resolved(&record, args.seed)?;
                let keep = args.training.save_log.is_some();
                Seen::Trained(Box::new(warm_up(data, &network, &training, keep, progress)?))
            }
        })
    }
}

impl Seen {
    /// As the core takes it.
    pub(crate) fn dynamics(&self) -> Option<&Dynamics> {
        match self {
            Self::Nothing => None,
            Self::Logged(dynamics) => Some(dynamics),
            Self::Trained(warm_up) => Some(&warm_up.dynamics),
        }
    }

    /// Stages the log of the training, if it is to be saved: `epoch,row,correct` and a probability of each class.
    pub(crate) fn stage(
        &self,
        outputs: &mut Outputs,
        args: &MethodArgs,
        table: &TableArgs,
        input: &Input,
    ) -> Result<Option<PathBuf>, Failure> {
        let (Some(path), Self::Trained(warm_up)) = (&args.training.save_log, self) else { return Ok(None) };
        let observations = warm_up.recorder.observations().unwrap_or_default();
        let rows: Vec<FileRow> = observations.iter().map(|o| input.original(o.row)).collect();
        let mut columns: Vec<(String, Column)> = vec![
            ("epoch".into(), observations.iter().map(|o| i64::from(o.epoch)).collect::<Vec<_>>().into()),
            ("row".into(), ranking::row_names(&rows, input, table)?),
            ("correct".into(), observations.iter().map(|o| i64::from(o.right)).collect::<Vec<_>>().into()),
        ];
        for class in 0..input.encoded.class_names.len() {
            let own: Vec<f64> = observations.iter().map(|o| f64::from(o.probabilities[class])).collect();
            columns.push((format!("p_{class}"), own.into()));
        }
        let (format, compression) = format_of_path(path)?;
        outputs.stage(path, |out| Ok(write_columns(&columns, format, compression, out)?))?;
        Ok(Some(path.clone()))
    }
}

/// Reads a log: the columns `epoch`, `row` (or the --id column), `correct`, and `p_0`, `p_1` … in the order of classes.
fn read(file: &Table, input: &Input, args: &TableArgs) -> Result<Dynamics, Failure> {
    let name = file.name();
    let by_id = args.id.clone().filter(|id| file.position("row").is_err() && file.position(id).is_ok());
    let row_column = by_id.unwrap_or_else(|| "row".into());
    for needed in ["epoch", &row_column, "correct"] {
        if file.position(needed).is_err() {
            return Err(Failure::new(format!("{name}: has no column '{needed}', so it is not a log of training"))
                .hint("a log has the columns epoch, row (or the --id column) and correct, and p_0, p_1 … if known"));
        }
    }
    let rows = input.rows_by_name(args.id.as_deref())?.resolve(file, &row_column, input.table.name())?;
    let numbers = |column: &str, what: &str, good: &dyn Fn(f64) -> bool| -> Result<Vec<f64>, Failure> {
        let found = file.column(file.position(column)?)?;
        let value = |at: usize| -> Option<f64> {
            match &found.values {
                _ if found.is_missing(at) => None,
                Values::Number(v) => Some(v[at]),
                Values::Number32(v) => Some(f64::from(v[at])),
                Values::Integer(v) => Some(v[at] as f64),
                Values::Boolean(v) if column == "correct" => Some(f64::from(u8::from(v[at]))),
                Values::Text(v) => v.get(at).trim().parse().ok(),
                Values::Boolean(_) => None,
            }
        };
        (0..found.len())
            .map(|at| {
                value(at).filter(|&v| good(v)).ok_or_else(|| {
                    let (place, text) = (file.place(FileRow::at(at)), found.text(at));
                    Failure::new(format!("{name}: {place} has '{text}' in the column '{column}', which is not {what}"))
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
            return Err(Failure::new(format!(
                "{name}: has {of_file} columns of probabilities, and {} has {classes} classes",
                input.table.name()
            ))
            .hint(format!("one a class, p_0 to p_{}, in the order of the classes; or none", classes - 1)));
        }
        for class in 0..classes {
            probabilities.push(numbers(&named(class), "a number in [0, 1]", &|v| (0.0..=1.0).contains(&v))?);
        }
    }
    let mut log = TrainingLog::new(input.encoded.rows);
    let mut own = vec![0.0; classes];
    for (at, &row) in rows.iter().enumerate() {
        // Of a row that was left out for missing values nothing need be known.
        let Some(encoded) = input.encoded_row(row) else { continue };
        let outcome = (!probabilities.is_empty()).then(|| {
            own.iter_mut().zip(&probabilities).for_each(|(own, of_class)| *own = of_class[at]);
            PredictionScores::of(&own, ClassId(input.encoded.classes[encoded.index()]))
        });
        log.observe(epochs[at] as u32, encoded, right[at] == 1.0, outcome).map_err(|error| {
            // The second line of a row and epoch; the words of the core name the row as it counts them.
            Failure::new(format!(
                "{name}: {} has row {} a second time in epoch {}",
                file.place(FileRow::at(at)),
                row_name(row, input, args),
                epochs[at]
            ))
            .hint(leanset_core::Error::hint(&error).unwrap_or_default().to_string())
        })?;
    }
    log.finish().map_err(|error| match error {
        leanset_core::Error::Log(LogError::Gap { row, epoch }) => {
            let row = row_name(input.original(row), input, args);
            Failure::new(format!("{name}: has no row {row} in epoch {epoch}"))
                .hint(format!("a log has every row of {} once in every epoch", input.table.name()))
        }
        leanset_core::Error::Log(LogError::Empty) => Failure::new(format!("{name}: has no observations"))
            .hint(format!("a log has every row of {} once in every epoch", input.table.name())),
        other => other.into(),
    })
}

/// What the user calls a row: its position, or its value in the id column.
fn row_name(row: FileRow, input: &Input, args: &TableArgs) -> String {
    match ranking::row_names(&[row], input, args) {
        Ok(column) => match column.values {
            Values::Integer(v) => v[0].to_string(),
            _ => format!("'{}'", column.text(0)),
        },
        Err(_) => row.to_string(),
    }
}

/// A line that says where the log of a training went.
pub(crate) fn told(saved: Option<&Path>) -> String {
    saved.map_or_else(String::new, |path| format!("  wrote {}, the log of the training\n", path.display()))
}
