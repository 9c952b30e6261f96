//! `leanset reduce`: the main job. Read, choose, measure, write the rows untouched with a manifest beside them, tell.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leanset_core::metrics::{self, Epsilon};
use leanset_core::{
    Budget, Dataset, EmptyClasses, Inputs, Prototypes, Ranking, Reduced, Reducer, Reduction, Seed, Selection,
};
use leanset_energy::Meter;
use leanset_problem::Warning;
use leanset_tables::{
    Column, Compression, Extra, ExtraValues, FileRow, Format, Texts, format_of_path, write_columns, write_rows,
};
use serde_json::json;

use super::{energy, reducer};
use crate::args::{Emit, MethodArgs, Order, ReduceArgs, Scale, TrainArgs};
use crate::error::{DIFFERENT, Failure};
use crate::input::Input;
use crate::machine;
use crate::manifest::{
    self, BudgetRecord, ClassRecord, EpsilonRecord, Manifest, Measured, MethodRecord, OutputRecord, RankingRecord,
    WarningRecord, json as value_json, number, word,
};
use crate::output::{self, Outputs};
use crate::progress::Progress;
use crate::target::{self, Target};
use crate::training::{self, Source};
use crate::{plan, ranking, text};

pub(crate) fn run(args: &ReduceArgs) -> Result<String, Failure> {
    match &args.from_manifest {
        None => Job::new(args.clone(), None)?.run(),
        Some(path) => {
            let manifest = manifest::read(path)?;
            let args = arguments_of(&manifest, args, path)?;
            Job::new(args, Some(manifest))?.run()
        }
    }
}

/// One reduction, from arguments to files.
struct Job {
    args: ReduceArgs,
    /// The manifest that is to be reproduced.
    expected: Option<Manifest>,
    file: PathBuf,
    threads: usize,
    progress: Progress,
    place: Place,
    meter: Meter,
}

/// Where the rows go.
enum Place {
    Nowhere,
    Stdout(Format, Compression),
    File { path: PathBuf, manifest: PathBuf, format: Format, compression: Compression },
}

/// What chooses the rows.
enum Chooser {
    Method(Reducer),
    Ranking(Box<Ranking>, RankingRecord),
}

impl Job {
    fn new(args: ReduceArgs, expected: Option<Manifest>) -> Result<Self, Failure> {
        let meter = energy::meter(&args.carbon, &args.power)?;
        let file = args.file.clone().ok_or_else(|| Failure::new("no input is given").hint("leanset reduce FILE …"))?;
        if args.ranking.is_none() && args.method.method.is_none() {
            return Err(super::no_method());
        }
        if args.ratio.is_none() && args.count.is_none() && args.per_class.is_empty() {
            return Err(
                Failure::new("no budget is given").hint("--ratio R, --count N, or --per-class CLASS=N for every class")
            );
        }
        // What needs no table is refused before it is read.
        if let Some(name) = &args.method.method {
            let info = leanset_core::methods::find(name)?;
            target::check_heeded(&args.method, info)?;
            training::check_heeded(&args.method, info)?;
        }
        if let Some(ratio) = args.ratio {
            Budget::Ratio(ratio).allocate(&[1], EmptyClasses::Allow)?;
        }
        let place = place(&args, &file, expected.as_ref())?;
        let threads = machine::use_threads(args.run.threads)?;
        let progress = Progress::new(args.run.quiet);
        Ok(Self { args, expected, file, threads, progress, place, meter })
    }

    fn run(self) -> Result<String, Failure> {
        let args = &self.args;
        self.check_expected_input()?;
        plan::file_within_limit(&self.file, &args.run)?;
        let input = Input::read(&self.file, &args.table, &self.progress)?;
        let file_record = input.file_record(&self.file)?;
        let data = input.dataset()?;
        let chooser = match &args.ranking {
            Some(path) => {
                let record = ranking_record(path, &file_record)?;
                self.check_expected_ranking(&record)?;
                Chooser::Ranking(Box::new(ranking::read(path, &input, &args.table, &self.progress)?), record)
            }
            None => Chooser::Method(reducer(&args.method, &args.table, &input, &self.progress)?),
        };
        let target = super::target_of(&args.method, &args.table, &input, &args.run, &self.progress)?;
        let source = match &chooser {
            Chooser::Method(reducer) => {
                Source::new(&args.method, reducer.info(), &args.table, &input, &args.run, &self.progress)?
            }
            Chooser::Ranking(..) => Source::None,
        };
        let (budget, floor) =
            (self.budget(&input)?, if args.allow_empty_classes { EmptyClasses::Allow } else { EmptyClasses::Forbid });
        let kept = budget.allocate(&data.classes().sizes(), floor)?.0.total();
        let shape = data.shape();
        let method_memory = match &chooser {
            Chooser::Method(reducer) => reducer.memory(&shape, kept, self.threads),
            Chooser::Ranking(..) => 24 * shape.rows as u64,
        };
        let work = method_memory.max(plan::epsilon_memory(&shape, kept)) + (kept * 32) as u64;
        let predicted = plan::BASE_MEMORY
            + input.memory()
            + target.as_ref().map_or(0, Target::memory)
            + source.memory(&shape, &args.method)
            + work.max(input.passing_memory()).max(self.writing_memory(&input, kept));
        plan::within_limit(predicted, &args.run)?;
        self.check_output_fits(&chooser, &input)?;
        if args.dry_run {
            let mut plan = match &chooser {
                Chooser::Method(reducer) => plan::plan_json("reduce", &input, reducer, kept, predicted, self.threads),
                Chooser::Ranking(..) => {
                    plan::plan_of("reduce", &input, "ranking", &json!({}), kept, predicted, self.threads)
                }
            };
            if let Some(path) = &args.method.target {
                plan["target"] = json!(path);
            }
            if let Some(path) = &args.method.log {
                plan["log"] = json!(path);
            }
            if let Some(training) = source.training_record() {
                plan["training"] = json!(training);
            }
            return plan::tell_plan(&plan, &args.run);
        }

        let began = Instant::now();
        let towards = target.as_ref().map(Target::dataset).transpose()?;
        let seed = Seed(args.method.seed);
        let (log, trained) = (source.log_record(), source.training_record());
        let seen = source.see(&args.method, &data, &self.progress)?;
        let given = Inputs { target: towards.as_ref(), dynamics: seen.dynamics() };
        let reduction = choose(&chooser, &input, (&data, &given), (&budget, floor), seed, &self.progress)?;
        let method_time = began.elapsed();
        let began = Instant::now();
        let epsilon = metrics::epsilon(&data, &reduction.reduced, args.metric, &self.progress)?;
        let epsilon_time = began.elapsed();
        let of_target = target.as_ref().map_or(&[][..], Target::warnings);
        let warnings: Vec<Warning> = input
            .warnings()
            .iter()
            .chain(of_target)
            .cloned()
            .chain(reduction.warnings.iter().map(text::own_warning))
            .collect();
        if !args.run.silent {
            warnings.iter().for_each(|w| text::say(&text::warning(w)));
        }

        let written = Written::new(&self, &input, &data, &reduction)?;
        let (path, manifest_path, format, compression) = match &self.place {
            Place::Nowhere => return Err(no_output()),
            Place::Stdout(format, compression) => {
                let mut buffer = Vec::new();
                written.write(&input, *format, *compression, &mut buffer)?;
                self.check_expected_output(&output::sha256_of(&buffer), buffer.len() as u64)?;
                let mut outputs = Outputs::new(args.force);
                let saved = seen.stage(&mut outputs, &args.method, &args.table, &input)?;
                outputs.commit()?;
                if !args.run.quiet {
                    text::say(&self.report(&input, &data, &chooser, &reduction, &epsilon, (method_time, epsilon_time)));
                    text::say(&energy::line(&self.meter.read()));
                    text::say(&training::told(saved.as_deref()));
                }
                return output::write_stdout(&buffer);
            }
            Place::File { path, manifest, format, compression } => (path, manifest, *format, *compression),
        };
        let mut outputs = Outputs::new(args.force);
        let (sha256, bytes) = outputs.stage(path, |out| written.write(&input, format, compression, out))?;
        self.check_expected_output(&sha256, bytes)?;
        let reading = self.meter.read();
        let manifest = Manifest {
            schema: manifest::SCHEMA.into(),
            leanset: env!("CARGO_PKG_VERSION").into(),
            command: "reduce".into(),
            input: file_record,
            target: target::record(target.as_ref()),
            log,
            training: trained,
            columns: input.columns_record(&args.table),
            method: method_record(&chooser, &reduction, args, &input),
            budget: Some(BudgetRecord::new(&budget, &input.encoded.class_names, args.allow_empty_classes)),
            classes: class_records(&input, &data, &reduction, &epsilon),
            rows: data.rows(),
            kept: reduction.reduced.len(),
            epsilon: Some(EpsilonRecord::new(&epsilon, data.classes(), |r| input.original(r).0)),
            output: OutputRecord {
                path: path.clone(),
                sha256,
                bytes,
                format: format.to_string(),
                emit: word(args.emit),
                order: word(args.order),
                weights: args.weights.clone(),
            },
            warnings: warnings
                .iter()
                .map(|w| WarningRecord { code: w.code.to_string(), message: text::plain(&w.message) })
                .collect(),
            row_ids: reduction.reduced.rows().map(|s| s.rows().iter().map(|&r| input.original(r).0).collect()),
            weights: reduction.reduced.rows().and_then(Selection::weights).map(<[f64]>::to_vec),
            measured: Measured {
                read_seconds: input.read_time.as_secs_f64(),
                method_seconds: method_time.as_secs_f64(),
                epsilon_seconds: epsilon_time.as_secs_f64(),
                peak_memory_bytes: machine::peak_memory(),
                threads: self.threads,
                energy: Some(reading),
            },
        };
        self.check_expected_manifest(&manifest)?;
        let manifest_text = manifest::stage(&manifest, &mut outputs, manifest_path)?;
        let saved = seen.stage(&mut outputs, &args.method, &args.table, &input)?;
        outputs.commit()?;
        if args.run.json {
            return Ok(manifest_text);
        }
        if !args.run.quiet {
            let mut report = self.report(&input, &data, &chooser, &reduction, &epsilon, (method_time, epsilon_time));
            report.extend(manifest.measured.energy.as_ref().map(energy::line));
            let _ = writeln!(report, "  wrote {} and {}", path.display(), manifest_path.display());
            report.push_str(&training::told(saved.as_deref()));
            if self.expected.is_some() {
                let _ = writeln!(report, "  the same bytes as the manifest's {}", &manifest.output.sha256[..12]);
            }
            text::say(&report);
        }
        Ok(String::new())
    }

    /// Bytes that writing holds for a while: text is copied as it is, other formats go by columns, which are chosen
    /// from and then encoded.
    fn writing_memory(&self, input: &Input, kept: usize) -> u64 {
        let (Place::File { format, .. } | Place::Stdout(format, _)) = self.place else { return 0 };
        match format {
            Format::Csv | Format::Tsv => 0,
            _ if self.args.emit == Emit::Ids => 0,
            _ => 8 * (input.table.columns().len() * (input.table.rows() + 2 * kept)) as u64,
        }
    }

    /// What was asked, with class names turned into class ids.
    fn budget(&self, input: &Input) -> Result<Budget, Failure> {
        if let Some(ratio) = self.args.ratio {
            return Ok(Budget::Ratio(ratio));
        }
        if let Some(count) = self.args.count {
            return Ok(Budget::Count(count));
        }
        let names = &input.encoded.class_names;
        let mut counts = vec![None; names.len()];
        for (name, count) in &self.args.per_class {
            let Some(class) = names.iter().position(|n| n == name) else {
                let near = leanset_core::error::nearest(name, names.iter().map(String::as_str));
                let hint =
                    near.map_or_else(|| format!("classes: {}", names.join(", ")), |n| format!("did you mean '{n}'?"));
                return Err(Failure::new(format!("--per-class {name}={count}: there is no class '{name}'")).hint(hint));
            };
            let rows = input.encoded.classes.iter().filter(|&&c| c as usize == class).count();
            if *count > rows {
                return Err(Failure::new(format!("--per-class {name}={count}: class '{name}' has {rows} rows"))
                    .hint(format!("ask for at most {rows} of it")));
            }
            if counts[class].replace(*count).is_some() {
                return Err(Failure::new(format!("--per-class names class '{name}' twice")).hint("name it once"));
            }
        }
        let missing: Vec<&str> =
            counts.iter().zip(names).filter(|(c, _)| c.is_none()).map(|(_, n)| n.as_str()).collect();
        if !missing.is_empty() {
            return Err(Failure::new(format!("--per-class says nothing of {}", missing.join(", ")))
                .hint("name every class; CLASS=0 keeps none of it"));
        }
        Ok(Budget::PerClass(counts.into_iter().flatten().collect()))
    }

    /// Whether what the method returns can be written as asked: known before the work.
    fn check_output_fits(&self, chooser: &Chooser, input: &Input) -> Result<(), Failure> {
        use leanset_core::methods::Support;
        let (id, invents, weights) = match chooser {
            Chooser::Ranking(..) => ("a ranking", false, Support::No),
            Chooser::Method(reducer) => {
                (reducer.info().id, reducer.generates_prototypes(), reducer.info().capabilities.weights)
            }
        };
        if invents {
            if self.args.emit == Emit::Ids {
                return Err(Failure::new(format!("{id} invents points, and they have no row ids"))
                    .hint("--param output=rows keeps the real row nearest each"));
            }
            input.encoder.decode(&[]).map_err(|error| {
                Failure::new(format!("{}: {error}", input.table.name()))
                    .hint("--param output=rows keeps the real row nearest each, or --exclude the column")
            })?;
        }
        if weights == Support::No {
            return match self.args.weights {
                Some(_) => Err(Failure::new(format!("{id} gives no weights")).hint("leave --weights out")),
                None => Ok(()),
            };
        }
        let name = self.args.weights.as_deref().unwrap_or("weight");
        let taken = match self.args.emit {
            Emit::Ids => ["row", "class", "rank"].contains(&name),
            Emit::Rows if invents => {
                let encoder = &input.encoder;
                encoder.label() == Some(name) || encoder.feature_columns().iter().any(|column| column == name)
            }
            Emit::Rows => self.args.weights.is_some() && input.table.positions(name).is_ok(),
        };
        if taken {
            return Err(Failure::new(format!(
                "{}: the weights need a column '{name}', and there is one of that name",
                input.table.name()
            ))
            .hint("name another: --weights NAME"));
        }
        Ok(())
    }

    /// Before the table is read: another file may well be one that cannot be read.
    fn check_expected_input(&self) -> Result<(), Failure> {
        let Some(expected) = &self.expected else { return Ok(()) };
        target::check_expected(self.args.method.target.as_deref(), expected.target.as_ref())?;
        training::check_expected(self.args.method.log.as_deref(), expected.log.as_ref())?;
        let (sha256, bytes) = output::sha256(&self.file)?;
        manifest::tell_version(&expected.leanset);
        if expected.input.sha256 == sha256 {
            return Ok(());
        }
        let path = self.file.display();
        Err(Failure::new(format!(
            "{path}: is not the file of the manifest: SHA-256 {} and {bytes} bytes, not {} and {}",
            &sha256[..12],
            &expected.input.sha256.get(..12).unwrap_or(&expected.input.sha256),
            expected.input.bytes
        ))
        .hint("name the original file: leanset reduce FILE --from-manifest …")
        .code(DIFFERENT))
    }

    fn check_expected_ranking(&self, found: &RankingRecord) -> Result<(), Failure> {
        match self.expected.as_ref().and_then(|m| m.method.ranking.as_ref()) {
            Some(expected) if expected.sha256 != found.sha256 => {
                Err(Failure::new(format!("{}: is not the ranking of the manifest", found.path.display()))
                    .hint("its SHA-256 differs; rank again as its own manifest says")
                    .code(DIFFERENT))
            }
            _ => Ok(()),
        }
    }

    fn check_expected_output(&self, sha256: &str, bytes: u64) -> Result<(), Failure> {
        match &self.expected {
            Some(expected) if expected.output.sha256 != sha256 => Err(Failure::new(format!(
                "the output differs from the manifest's: SHA-256 {} and {bytes} bytes, not {} and {}",
                &sha256[..12],
                expected.output.sha256.get(..12).unwrap_or(&expected.output.sha256),
                expected.output.bytes
            ))
            .hint(format!("the manifest is of leanset {}; nothing was written", expected.leanset))
            .code(DIFFERENT)),
            _ => Ok(()),
        }
    }

    /// Everything that is not of the moment or the place must be as it was.
    fn check_expected_manifest(&self, found: &Manifest) -> Result<(), Failure> {
        let Some(expected) = &self.expected else { return Ok(()) };
        manifest::check_differences(&expected.differences(found)?, &expected.leanset)
    }

    /// What happened, for a person.
    fn report(
        &self,
        input: &Input,
        data: &Dataset<'_>,
        chooser: &Chooser,
        reduction: &Reduction,
        epsilon: &Epsilon,
        (method_time, epsilon_time): (Duration, Duration),
    ) -> String {
        let (kept, rows) = (reduction.reduced.len(), data.rows());
        let name = match chooser {
            Chooser::Method(reducer) => reducer.info().id.to_owned(),
            Chooser::Ranking(_, record) => record.path.display().to_string(),
        };
        let verb = if reduction.reduced.rows().is_some() { "keeps" } else { "makes" };
        let what = if reduction.reduced.rows().is_some() {
            format!("{} of {} rows", text::count(kept), text::count(rows))
        } else {
            format!("{} points of {} rows", text::count(kept), text::count(rows))
        };
        let purpose = target::purpose(self.args.method.target.as_deref());
        let mut out = format!("{name} {verb} {what} ({}){purpose}\n\n", text::percent(kept, rows));
        out.push_str(&text::class_table(data, epsilon, input.encoder.label().unwrap_or("class")));
        let scaled = match self.args.table.scale {
            Scale::Minmax => "scaled to [0, 1]",
            Scale::Standard => "standardised",
            Scale::None => "not scaled",
        };
        let worst = match epsilon.worst {
            Some(w) => format!("; worst covered is {}", input.table.place(input.original(w.row))),
            None => "; a class is lost".into(),
        };
        let _ = writeln!(
            out,
            "\n  ε = {} ({}, {} columns {scaled}){worst}",
            text::distance(epsilon.value),
            epsilon.metric,
            input.encoded.dimensions
        );
        let memory = machine::peak_memory().map_or_else(String::new, |m| format!(", peak memory {}", text::bytes(m)));
        let _ = writeln!(
            out,
            "  read {}, chose {}, measured {}{memory}",
            text::duration(input.read_time),
            text::duration(method_time),
            text::duration(epsilon_time)
        );
        out
    }
}

/// The arguments that a manifest stands for, with the place of files from the command line.
fn arguments_of(manifest: &Manifest, given: &ReduceArgs, path: &Path) -> Result<ReduceArgs, Failure> {
    let name = path.display();
    if manifest.command != "reduce" {
        return Err(Failure::new(format!(
            "{name}: is the manifest of `leanset {}`, not of a reduction",
            manifest.command
        ))
        .hint("only reductions are reproduced by --from-manifest"));
    }
    if let (Some(output), Ok(theirs)) = (&given.output, format_of_path(&manifest.output.path))
        && output != Path::new("-")
        && format_of_path(output)? != theirs
    {
        let as_name = |path: &Path| path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        return Err(Failure::new(format!(
            "{}: is of another format than the output of the manifest, {}",
            output.display(),
            as_name(&manifest.output.path)
        ))
        .hint("the same bytes are of the same format: give the name the same extension"));
    }
    if manifest.log.is_none() {
        training::check_expected(given.method.log.as_deref(), None)?;
    }
    let (emit, order) = manifest::emit(&manifest.output)?;
    let budget = manifest.budget.as_ref().ok_or_else(|| Failure::new(format!("{name}: has no budget")))?;
    let epsilon = manifest.epsilon.as_ref().ok_or_else(|| Failure::new(format!("{name}: has no ε")))?;
    let found = |recorded: &PathBuf| manifest::found(recorded, &[path.parent().unwrap_or(Path::new(""))]);
    let ranking = manifest.method.ranking.as_ref().map(|r| found(&r.path));
    let params = manifest.method.parameters.iter().map(|(n, v)| (n.clone(), manifest::value(v).to_string())).collect();
    Ok(ReduceArgs {
        file: given.file.clone().or_else(|| Some(found(&manifest.input.path))),
        method: MethodArgs {
            method: ranking.is_none().then(|| manifest.method.id.clone()),
            params: if ranking.is_none() { params } else { Vec::new() },
            target: given.method.target.clone().or_else(|| manifest.target.as_ref().map(|t| found(&t.path))),
            log: given.method.log.clone().or_else(|| manifest.log.as_ref().map(|l| found(&l.path))),
            seed: manifest.method.seed.unwrap_or(0),
            training: manifest.training.as_ref().map_or_else(|| Ok(TrainArgs::default()), training::arguments)?,
        },
        ranking,
        ratio: budget.ratio,
        count: budget.count,
        per_class: budget.per_class.clone().unwrap_or_default().into_iter().collect(),
        allow_empty_classes: budget.allow_empty_classes,
        table: manifest::arguments(&manifest.columns)?,
        output: given.output.clone().or_else(|| Some(manifest.output.path.clone())),
        emit,
        order,
        weights: manifest.output.weights.clone(),
        manifest: given.manifest.clone(),
        force: given.force,
        from_manifest: None,
        carbon: given.carbon.clone(),
        power: given.power.clone(),
        metric: epsilon.metric.parse::<leanset_core::distance::Metric>()?,
        dry_run: given.dry_run,
        run: given.run.clone(),
    })
}

/// A ranking as recorded in the manifest of its slice: with what made it, if its own manifest is beside it.
fn ranking_record(path: &Path, input: &manifest::FileRecord) -> Result<RankingRecord, Failure> {
    let sha256 = output::sha256(path)?.0;
    let own = manifest::read(&output::manifest_beside(path)).ok().filter(|m| m.output.sha256 == sha256);
    if let Some(own) = &own
        && own.input.sha256 != input.sha256
    {
        text::say(&text::warning(
            &Warning::new(
                "other-table",
                format!(
                    "{}: was made of {}, which is another file than {} (or was changed since)",
                    path.display(),
                    own.input.path.display(),
                    input.path.display()
                ),
            )
            .hint("rank again, unless the rows are the same in the same order"),
        ));
    }
    let method = own.map(|m| {
        let mut method = json!({ "id": m.method.id, "parameters": m.method.parameters, "seed": m.method.seed });
        if let Some(target) = &m.target {
            method["target"] = json!(target);
        }
        if let Some(log) = &m.log {
            method["log"] = json!(log);
        }
        if let Some(training) = &m.training {
            method["training"] = json!(training);
        }
        method
    });
    Ok(RankingRecord { path: path.to_owned(), sha256, method })
}

/// Where the rows go, checked before any work.
fn place(args: &ReduceArgs, file: &Path, expected: Option<&Manifest>) -> Result<Place, Failure> {
    let Some(path) = &args.output else {
        return if args.dry_run { Ok(Place::Nowhere) } else { Err(no_output()) };
    };
    if path == Path::new("-") {
        if args.run.json {
            return Err(Failure::new("--output - and --json both write to stdout").hint("give a file: --output FILE"));
        }
        if args.manifest.is_some() {
            return Err(Failure::new("--output - has no place for a manifest").hint("give a file: --output FILE"));
        }
        training::check_saving(&args.method, &[file], &[], args.force)?;
        if let Some(manifest) = expected {
            let (format, compression) = format_of_path(&manifest.output.path)?;
            return Ok(Place::Stdout(format, compression));
        }
        let (format, compression) = format_of_path(file).unwrap_or((Format::Csv, Compression::None));
        let format = args.table.format.unwrap_or(format);
        return Ok(match format {
            Format::Xlsx => Place::Stdout(Format::Csv, Compression::None),
            format => Place::Stdout(format, compression),
        });
    }
    let manifest = args.manifest.clone().unwrap_or_else(|| output::manifest_beside(path));
    let listed = args.method.params.iter().filter_map(|(_, value)| value.strip_prefix('@').map(Path::new));
    let others = [&args.ranking, &args.method.target, &args.method.log].into_iter().flatten().map(PathBuf::as_path);
    let inputs: Vec<&Path> = std::iter::once(file).chain(others).chain(listed).collect();
    let (format, compression) = output::check_output(path, &manifest, &inputs, &Outputs::new(args.force))?;
    training::check_saving(&args.method, &inputs, &[path, &manifest], args.force)?;
    Ok(Place::File { path: path.clone(), manifest, format, compression })
}

fn no_output() -> Failure {
    Failure::new("no output is given").hint("--output FILE, or --output - for stdout")
}

/// Runs the method, or slices the ranking.
fn choose(
    chooser: &Chooser,
    input: &Input,
    (data, given): (&Dataset<'_>, &Inputs<'_>),
    (budget, floor): (&Budget, EmptyClasses),
    seed: Seed,
    progress: &Progress,
) -> Result<Reduction, Failure> {
    match chooser {
        Chooser::Method(reducer) => {
            reducer.reduce_with(data, given, budget, floor, seed, progress).map_err(|error| input.failure(error))
        }
        Chooser::Ranking(ranking, record) => ranking
            .reduce(data.classes(), budget, floor)
            .map_err(|error| ranking::too_short(error, &record.path, data.classes())),
    }
}

fn method_record(chooser: &Chooser, reduction: &Reduction, args: &ReduceArgs, input: &Input) -> MethodRecord {
    let facts = reduction.diagnostics.iter().map(|(n, v)| ((*n).to_owned(), value_json(v))).collect();
    match chooser {
        Chooser::Method(reducer) => MethodRecord {
            id: reducer.info().id.into(),
            parameters: manifest::parameters(reducer, input),
            seed: Some(args.method.seed),
            facts,
            ranking: None,
        },
        Chooser::Ranking(_, record) => MethodRecord {
            id: "ranking".into(),
            parameters: std::collections::BTreeMap::new(),
            seed: None,
            facts,
            ranking: Some(record.clone()),
        },
    }
}

fn class_records(input: &Input, data: &Dataset<'_>, reduction: &Reduction, epsilon: &Epsilon) -> Vec<ClassRecord> {
    let counts = match &reduction.reduced {
        Reduced::Rows(selection) => selection.counts(),
        Reduced::Points(points) => points.counts(data.classes().len()),
    };
    let record = |(class, of): (leanset_core::ClassId, &metrics::ClassEpsilon)| ClassRecord {
        name: data.classes().name(class).to_owned(),
        rows: of.rows,
        kept: counts[class.index()],
        epsilon: Some(number(of.value)),
        worst_row: of.worst.map(|w| input.original(w).0),
    };
    data.classes().ids().zip(&epsilon.per_class).map(record).collect()
}

/// What is written, and in which order.
enum Written {
    /// Rows of the input, and columns to append.
    Rows(Vec<FileRow>, Vec<Extra>),
    /// A new table.
    Columns(Vec<(String, Column)>),
}

impl Written {
    fn new(job: &Job, input: &Input, data: &Dataset<'_>, reduction: &Reduction) -> Result<Self, Failure> {
        match &reduction.reduced {
            Reduced::Points(points) => Ok(Self::Columns(invented(points, job, input)?)),
            Reduced::Rows(selection) => {
                let order: Vec<usize> = match job.args.order {
                    Order::Input => selection.input_order(),
                    Order::Rank => (0..selection.rows().len()).collect(),
                };
                let rows: Vec<FileRow> = order.iter().map(|&i| input.original(selection.rows()[i])).collect();
                let weights = |w: &[f64]| order.iter().map(|&i| w[i]).collect::<Vec<f64>>();
                if job.args.emit == Emit::Rows {
                    let extra = match (&job.args.weights, selection.weights()) {
                        (Some(name), Some(w)) => {
                            vec![Extra { name: name.clone(), values: ExtraValues::F64(weights(w)) }]
                        }
                        _ => Vec::new(),
                    };
                    return Ok(Self::Rows(rows, extra));
                }
                let classes = data.classes();
                let ranks: Vec<i64> = selection.counts().iter().flat_map(|&count| (0_i64..).take(count)).collect();
                let names: Texts = order.iter().map(|&i| classes.name(classes.of(selection.rows()[i]))).collect();
                let mut columns = vec![
                    ("row".to_owned(), ranking::row_names(&rows, input, &job.args.table)?),
                    ("class".to_owned(), names.into()),
                    ("rank".to_owned(), order.iter().map(|&i| ranks[i]).collect::<Vec<_>>().into()),
                ];
                if let Some(w) = selection.weights() {
                    columns.push((job.args.weights.clone().unwrap_or_else(|| "weight".into()), weights(w).into()));
                }
                Ok(Self::Columns(columns))
            }
        }
    }

    fn write(
        &self,
        input: &Input,
        format: Format,
        compression: Compression,
        out: &mut dyn std::io::Write,
    ) -> Result<(), Failure> {
        match self {
            Self::Rows(rows, extra) => Ok(write_rows(&input.table, rows, extra, format, compression, out)?),
            Self::Columns(columns) => Ok(write_columns(columns, format, compression, out)?),
        }
    }
}

/// Prototypes points in the units of the table: features, label, weight.
fn invented(points: &Prototypes, job: &Job, input: &Input) -> Result<Vec<(String, Column)>, Failure> {
    let mut columns: Vec<(String, Column)> =
        input.encoder.decode(&points.points)?.into_iter().map(|(name, values)| (name, values.into())).collect();
    if let Some(label) = input.encoder.label() {
        let codes: Vec<u32> = points.classes.iter().map(|c| c.0).collect();
        columns.push((label.to_owned(), input.encoder.label_column(&codes)));
    }
    columns.push((job.args.weights.clone().unwrap_or_else(|| "weight".into()), points.weights.clone().into()));
    Ok(columns)
}
