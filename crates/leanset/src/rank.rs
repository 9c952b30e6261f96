//! Every row in order of worth, as a table `row,class,rank,score`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leanset_core::{Inputs, Reducer, Scope, Seed};
use leanset_energy::Meter;
use leanset_problem::{Problem, Result, Warning};
use leanset_spec::manifest::MethodRecord;
use leanset_spec::manifest::table::{ClassRecord, FileRecord, Manifest, OutputRecord, SCHEMA};
use leanset_spec::request::{Rank, TableRequest};
use leanset_spec::{Format, value};
use leanset_tables::{Compression, write_columns};

use crate::context::Context;
use crate::dry_run::DryRun;
use crate::memory;
use crate::output::{Outputs, check_output, manifest_beside, sha256_of};
use crate::reduce::{Destination, Output, measured, method_used, no_output};
use crate::table::dynamics::{self, Source};
use crate::table::files::Files;
use crate::table::input::Input;
use crate::table::kept::Kept;
use crate::table::target::Target;
use crate::table::{method, ranking};

/// A request for a ranking whose files are read, and which is checked.
pub struct Ranking<'a> {
    request: Rank,
    destination: Destination,
    context: Context<'a>,
    place: Place,
    meter: Meter,
    input: Input,
    file: FileRecord,
    reducer: Reducer,
    target: Option<Target>,
    source: Source,
    kept: Option<Kept>,
    predicted: u64,
}

/// What came of a ranking.
#[derive(Debug)]
pub struct RankOutcome {
    /// What was asked and what came of it. Of a ranking that went into memory its output has an empty path.
    pub manifest: Manifest,
    /// The text of the manifest as written.
    pub manifest_text: String,
    /// Where the manifest is, if it was written.
    pub manifest_path: Option<PathBuf>,
    /// The ranking as CSV, if it went into memory.
    pub bytes: Option<Vec<u8>>,
    /// What is worth knowing; the reporter has heard of it.
    pub warnings: Vec<Warning>,
    /// Whether rows are ranked within their classes, or all together.
    pub scope: Scope,
    /// Where the training log is, if it was written.
    pub saved_log: Option<PathBuf>,
}

/// Where the ranking goes, checked before any work.
enum Place {
    Nowhere,
    Memory,
    File { path: PathBuf, manifest: PathBuf, format: Format, compression: Compression },
}

/// Ranks all rows of a table: [`Ranking::prepare`] and [`Ranking::run`].
///
/// # Errors
/// What is asked, or the table, cannot be used; nothing is written then.
pub fn rank(request: &Rank, destination: &Destination, context: &Context<'_>) -> Result<RankOutcome> {
    Ranking::prepare(request, destination, context)?.run()
}

impl<'a> Ranking<'a> {
    /// Reads what is asked for and checks it.
    ///
    /// # Errors
    /// What is asked, or the table, cannot be used; the predicted memory is above the limit.
    pub fn prepare(request: &Rank, destination: &Destination, context: &Context<'a>) -> Result<Self> {
        let meter = context.meter()?;
        let info = method::check(&request.method)?;
        method::check_saves_log(info, destination.save_log.is_some(), &request.method)?;
        let place = place(request, destination)?;
        let (asked, columns) = (&request.method, &request.columns);
        let files = Files::find(&request.input, columns, context)?;
        if let Place::File { path, manifest, .. } = &place {
            files.check_outputs(&[path, manifest])?;
        }
        files.check_outputs(destination.save_log.as_deref().as_slice())?;
        files.check_limit(context.limit())?;
        let input = Input::read_files(&files, columns, context)?;
        let file = files.record(&input.table)?;
        // A copy of a stream is not needed any longer.
        drop(files);
        let shape = input.dataset()?.shape();
        let reducer = method::reducer(&asked.choice, columns, &input, context)?;
        method::check_ranks(&reducer)?;
        let target = asked.target.as_deref().map(|path| Target::read(path, columns, &input, context)).transpose()?;
        let source = Source::new(asked, info, columns, &input, context)?;
        let kept = asked.kept.as_deref().map(|path| Kept::read(path, columns, &input, &file, context)).transpose()?;
        // The columns of the ranking, and the file that is made of them.
        let written = 128 * shape.rows as u64;
        let work = reducer.memory(&shape, shape.rows, context.threads()).max(written)
            + 32 * shape.rows as u64
            + source.memory(&shape, destination.save_log.is_some());
        let held = || input.memory() + target.as_ref().map_or(0, Target::memory) + source.held();
        let predicted = memory::predicted(context.threads(), held, work);
        context.limit().check(predicted)?;
        Ok(Self {
            request: request.clone(),
            destination: destination.clone(),
            context: *context,
            place,
            meter,
            input,
            file,
            reducer,
            target,
            source,
            kept,
            predicted,
        })
    }

    /// What would be done, and what it would take.
    pub fn dry_run(&self) -> DryRun {
        let (rows, threads) = (self.input.encoded.rows, self.context.threads());
        DryRun::new(self.request_used(), &self.input, Some(&self.reducer), rows, (threads, self.predicted))
    }

    /// The request with every default said.
    fn request_used(&self) -> TableRequest {
        let method = method_used(&self.request.method, &self.reducer, &self.input);
        let columns = self.input.columns_used(&self.request.columns);
        TableRequest::Rank(Rank { method, columns, ..self.request.clone() })
    }

    /// Ranks and writes.
    ///
    /// # Errors
    /// The method cannot work on these data, or an output cannot be written. Nothing is written then.
    pub fn run(self) -> Result<RankOutcome> {
        let request_used = self.request_used();
        let Self { request, destination, context, place, meter, input, file, reducer, target, source, kept, .. } = self;
        let (reporter, monitor) = (context.reporter, context.reporter.monitor());
        let data = input.dataset()?;

        let began = Instant::now();
        let represented = target.as_ref().map(|target| target.dataset(&input)).transpose()?;
        let log = source.log_record();
        let observed = source.observe(destination.save_log.is_some(), &data, monitor)?;
        let kept_rows = kept.as_ref().map(|kept| &kept.rows[..]);
        let inputs = Inputs { target: represented.as_ref(), dynamics: observed.dynamics(), kept: kept_rows };
        let seed = Seed(request.method.choice.seed);
        let found = reducer.rank_with(&data, &inputs, None, seed, monitor).map_err(|error| input.problem(error))?;
        let method_time = began.elapsed();
        let of_target = target.as_ref().map_or(&[][..], Target::warnings);
        let sizes = data.classes().sizes();
        let own = found.warnings_at(&sizes, data.classes());
        let warnings: Vec<Warning> = input.warnings().iter().chain(of_target).chain(&own).cloned().collect();
        warnings.iter().for_each(|warning| reporter.warn(warning));

        let columns = ranking::columns_of(&found, &input, &request.columns)?;
        let mut outputs = Outputs::new(destination.force).reporting(reporter);
        let (path, manifest_path, format, bytes, sha256, size) = match place {
            Place::Nowhere => return Err(no_output()),
            Place::Memory => {
                let mut csv = Vec::new();
                write_columns(&columns, Format::Csv, Compression::None, &mut csv)?;
                let (sha256, size) = (sha256_of(&csv), csv.len() as u64);
                (PathBuf::new(), None, Format::Csv, Some(csv), sha256, size)
            }
            Place::File { path, manifest, format, compression } => {
                let (sha256, size) =
                    outputs.stage(&path, |out| Ok(write_columns(&columns, format, compression, out)?))?;
                (path, Some(manifest), format, None, sha256, size)
            }
        };
        let class = |class: leanset_core::ClassId| ClassRecord {
            name: data.classes().name(class).to_owned(),
            rows: sizes[class.index()],
            kept: sizes[class.index()],
            epsilon: None,
            worst_row: None,
        };
        let manifest = Manifest {
            schema: SCHEMA.into(),
            leanset: env!("CARGO_PKG_VERSION").into(),
            request: request_used,
            input: file,
            target: target.as_ref().map(|target| target.record.clone()),
            keep: kept.map(|kept| kept.record),
            log,
            columns: input.columns_record(),
            method: MethodRecord {
                id: reducer.info().id.into(),
                facts: found.diagnostics.iter().map(|(n, v)| (n.to_string(), value(v))).collect(),
                ranking: None,
            },
            classes: data.classes().ids().map(class).collect(),
            rows: data.rows(),
            kept: data.rows(),
            epsilon: None,
            output: OutputRecord { path, sha256, bytes: size, format: format.to_string(), added_columns: Vec::new() },
            test: None,
            training: None,
            warnings: warnings.iter().map(Into::into).collect(),
            row_ids: None,
            weights: None,
            measured: measured(&input, method_time, Duration::ZERO, &context, &meter),
        };
        let mut manifest_text = String::new();
        if let Some(path) = &manifest_path {
            manifest_text = manifest.text()?;
            outputs.stage(path, |out| {
                out.write_all(manifest_text.as_bytes()).map_err(|e| Problem::io("the manifest cannot be written", e))
            })?;
        }
        observed.stage(&mut outputs, destination.save_log.as_deref(), &request.columns, &input)?;
        outputs.commit()?;
        let scope = found.scope();
        let saved_log = destination.save_log;
        Ok(RankOutcome { manifest, manifest_text, manifest_path, bytes, warnings, scope, saved_log })
    }
}

/// Where the ranking goes, checked before any work.
fn place(request: &Rank, destination: &Destination) -> Result<Place> {
    let Destination { output, manifest, save_log, force, .. } = destination;
    let method = &request.method;
    let others = method.target.as_deref().into_iter().chain(method.kept.as_deref()).chain(method.log.as_deref());
    let inputs: Vec<&Path> = request.input.as_slice().iter().map(PathBuf::as_path).chain(others).collect();
    match output {
        Output::Nowhere => Ok(Place::Nowhere),
        Output::Memory => {
            dynamics::check_saving(save_log.as_deref(), &inputs, &[], *force)?;
            Ok(Place::Memory)
        }
        Output::File(path) => {
            let manifest = manifest.clone().unwrap_or_else(|| manifest_beside(path));
            let (format, compression) = check_output(path, &manifest, &inputs, &Outputs::new(*force))?;
            dynamics::check_saving(save_log.as_deref(), &inputs, &[path, &manifest], *force)?;
            Ok(Place::File { path: path.clone(), manifest, format, compression })
        }
    }
}
