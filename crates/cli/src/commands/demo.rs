//! `leanset demo`: the main job on a real data set that is in the program, in one screen.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Parser, ValueHint};
use leanset::output::Outputs;
use leanset::{Columns, Input, Metric, Problem, Result, Split, memory};
use leanset_core::methods::METHODS;
use leanset_core::metrics::{self, Epsilon};
use leanset_core::{Budget, Dataset, EmptyClasses, Inputs, Reduced, Reducer, RowId, Seed};
use leanset_tables::{ReadOptions, read_bytes};
use leanset_train::{Network, Training, warm_up};

use super::reduce::ReduceArgs;
use crate::args::ThreadsArg;
use crate::render::{self, progress::Progress};
use crate::session::use_threads;

/// Reduce a small built-in dataset.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder to write to [default: leanset-demo, or leanset-demo-2, … if that exists].
    #[arg(long, short, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
}

/// What a user types behind `leanset reduce`.
#[derive(Parser)]
#[command(no_binary_name = true)]
struct Typed {
    #[command(flatten)]
    reduce: ReduceArgs,
}

/// The UCI handwritten digits, CC BY 4.0: data/CREDITS.md.
const DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");
/// The method that is shown: it follows the distribution of each class.
const METHOD: &str = "energy";
/// The metric of ε here: of an image every pixel counts, not only the one that differs most.
const METRIC: Metric = Metric::Euclidean;
/// The fraction that is held out for the test.
const TEST: f64 = 0.25;
/// Random samples whose mean stands for random.
const SAMPLES: u64 = 10;
/// The ratios compared.
const RATIOS: [f64; 4] = [0.05, 0.1, 0.25, 0.5];

pub(crate) fn run(args: &DemoArgs) -> Result<String> {
    let threads = use_threads(args.threads)?;
    let progress = Progress::new(false);
    let folder = folder(args.output.as_deref())?;
    let csv = unpack()?;
    let began = Instant::now();
    let table = read_bytes("digits.csv", csv.clone(), &ReadOptions::default())?;
    let columns = Columns::labelled("digit");
    let input = Input::of_table(table, &columns, began)?;
    let input = input.hold_out(&Split::of(TEST), &columns, Seed(0))?;
    let data = input.dataset()?;
    let all = input.encoder.encode(&input.table)?;
    let test = all.only(input.test_rows().unwrap_or_default());
    let test = test.dataset().map_err(|error| input.problem(error))?;

    let mut out = format!(
        "leanset {}: the UCI handwritten digits, {} images of {} pixels, {} classes\n",
        env!("CARGO_PKG_VERSION"),
        render::count(data.rows() + test.rows()),
        data.columns(),
        data.classes().len()
    );
    let _ = write!(
        out,
        "Split first: {} images are held out for a test; the other {} are the training set.\n\n",
        render::count(test.rows()),
        render::count(data.rows())
    );
    out.push_str("How representative are the kept rows? ε is the distance from the worst-covered image to the\n");
    out.push_str("nearest kept one of its class (Euclidean, pixels scaled to [0, 1]); the smaller, the better.\n\n");
    out.push_str(&compare(&data, &progress)?);
    let _ = write!(
        out,
        "\nDoes a model do as well? 1-nearest-neighbour, trained on a tenth and tested on the {} test images\n\n",
        render::count(test.rows())
    );
    out.push_str(&tested(&data, &test, &progress)?);

    // The folder appears only now that there is something to put into it.
    std::fs::create_dir_all(&folder).map_err(|e| Problem::io(format!("{}: cannot be made", folder.display()), e))?;
    let full = folder.join("digits.csv");
    let lean = folder.join(format!("digits-{METHOD}-10.csv"));
    let (test_file, training_file) = (folder.join("digits-test.csv"), folder.join("digits-train.csv"));
    let mut outputs = Outputs::new(false);
    outputs.check(&full, &[])?;
    outputs.stage(&full, |o| o.write_all(&csv).map_err(|e| Problem::io("digits.csv cannot be written", e)))?;
    outputs.commit()?;
    // The very command that the user would type.
    let command = |full: &str, lean: &str| {
        format!(
            "leanset reduce {full} --label digit --split {TEST} --test-output {} --train-output {} --method {METHOD} --ratio 0.1 \
             --metric {METRIC} --output {lean}",
            test_file.display(),
            training_file.display()
        )
    };
    let Typed { mut reduce } = Typed::try_parse_from(command("FULL", "LEAN").split(' ').skip(2))
        .map_err(|e| Problem::internal(format!("the demo's own command is not understood: {e}")))?;
    (reduce.files, reduce.output) = (vec![full.clone()], Some(lean.clone()));
    (reduce.parts.test_output, reduce.parts.train_output) = (Some(test_file.clone()), Some(training_file.clone()));
    super::reduce::run_silently(&reduce)?;

    let reducer = Reducer::new(METHOD, &[])?;
    let kept = reducer.reduce(&data, &Budget::Ratio(0.1), EmptyClasses::Forbid, Seed(0), &progress)?;
    let epsilon = metrics::epsilon(&data, &kept.reduced, METRIC, &progress)?;
    let _ = writeln!(out, "\nThe same, class by class, for {METHOD} at 10 %\n");
    out.push_str(&render::class_table(&data, &epsilon, "digit"));
    if let Some(image) = worst_beside_nearest(&input, &data, &kept.reduced, &epsilon) {
        let _ = write!(
            out,
            "\nWhat ε = {} looks like: the worst-covered image, and the nearest one kept\n\n{image}",
            render::distance(epsilon.value)
        );
    }
    let _ = write!(
        out,
        "\nFiles\n  {}  the dataset\n  {}  the {} test rows\n  {}  the {} training rows\n  {}  the {} training rows that {METHOD} keeps, unchanged\n  {}.manifest.json  the request that reproduces all of them\n",
        full.display(),
        test_file.display(),
        test.rows(),
        training_file.display(),
        data.rows(),
        lean.display(),
        kept.reduced.len(),
        lean.display()
    );
    let _ = write!(
        out,
        "\nTry it yourself\n  {} --force\n  leanset reduce {training} --label digit --method srs --ratio 0.1 --metric {METRIC} --output {}\n  \
         leanset measure {training} {} --label digit --metric {METRIC} --per-class\n  leanset methods\n",
        command(&full.display().to_string(), &lean.display().to_string()),
        folder.join("digits-srs-10.csv").display(),
        lean.display(),
        training = training_file.display(),
    );
    let memory = memory::peak().map_or_else(String::new, |m| format!(", peak memory {}", render::bytes(m)));
    let _ = write!(
        out,
        "\n{} in all on {}{memory}. Data: E. Alpaydin & C. Kaynak, UCI 80, CC BY 4.0.\n",
        render::duration(began.elapsed()),
        render::counted(threads, "thread", "threads")
    );
    Ok(out)
}

/// Methods × ratios: ε, and the time of all ratios together.
fn compare(data: &Dataset<'_>, progress: &Progress) -> Result<String> {
    let mut rows = Vec::new();
    // One model is trained for all methods that watch training, and its time is counted with each.
    let began = Instant::now();
    let (network, training) = (Network::paper(), Training::paper(50, Seed(0)));
    let seen = warm_up(data, &network, &training, false, progress)?;
    let training_time = began.elapsed();
    for info in METHODS {
        let reducer = Reducer::new(info.id, &[])?;
        let mut row = vec![info.id.to_owned(), info.aliases[0].to_uppercase()];
        let (given, mut time) = match info.uses_dynamics() {
            false => (Inputs::default(), Duration::ZERO),
            true => (Inputs { dynamics: Some(&seen.dynamics), ..Inputs::default() }, training_time),
        };
        for ratio in RATIOS {
            let began = Instant::now();
            let reduction =
                reducer.reduce_with(data, &given, &Budget::Ratio(ratio), EmptyClasses::Forbid, Seed(0), progress)?;
            time += began.elapsed();
            row.push(render::distance(metrics::epsilon(data, &reduction.reduced, METRIC, progress)?.value));
        }
        row.push(render::duration(time));
        rows.push(row);
    }
    let kept: Vec<String> = RATIOS.iter().map(|r| format!("ε at {:.0} %", r * 100.0)).collect();
    let mut header = vec!["method", "alias"];
    header.extend(kept.iter().map(String::as_str));
    header.push("time");
    Ok(render::columns(&header, rows, 2, 2))
}

/// What methods and random keep, and what a model makes of it.
fn tested(data: &Dataset<'_>, test: &Dataset<'_>, progress: &Progress) -> Result<String> {
    let right = |rows: &[RowId]| nearest_neighbour(data, rows, test);
    let keep = |method: &str, seed: u64| -> Result<Vec<RowId>> {
        let reducer = Reducer::new(method, &[])?;
        let found = reducer.reduce(data, &Budget::Ratio(0.1), EmptyClasses::Forbid, Seed(seed), progress)?;
        Ok(found.reduced.rows().map(|selection| selection.rows().to_vec()).unwrap_or_default())
    };
    let everything: Vec<RowId> = (0..data.rows()).map(RowId::at).collect();
    let (own, maxmin) = (keep(METHOD, 0)?, keep("maxmin", 0)?);
    let samples = (0..SAMPLES).map(|seed| keep("srs", seed)).collect::<Result<Vec<_>>>()?;
    let accuracies: Vec<f64> = samples.iter().map(|rows| right(rows)).collect();
    let (least, most) = accuracies.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
    let percent = |accuracy: f64| format!("{:.1} %", 100.0 * accuracy);
    let row = |what: &str, rows: usize, accuracy: String| vec![what.to_owned(), render::count(rows), accuracy];
    let rows = vec![
        row("everything", everything.len(), percent(right(&everything))),
        row(METHOD, own.len(), percent(right(&own))),
        row("maxmin (mms)", maxmin.len(), percent(right(&maxmin))),
        row(
            &format!("stratified random (srs), {SAMPLES} samples"),
            samples[0].len(),
            format!("{} to {}", percent(least), percent(most)),
        ),
    ];
    Ok(render::columns(&["kept by", "rows", "correct"], rows, 2, 1))
}

/// The fraction of the test rows whose nearest kept row is of their class; of equally near rows the first.
fn nearest_neighbour(data: &Dataset<'_>, rows: &[RowId], test: &Dataset<'_>) -> f64 {
    let values = |of: &Dataset<'_>, row: RowId| {
        let mut values = vec![0.0; of.columns()];
        of.points().widen_row(row, &mut values);
        values
    };
    let kept: Vec<Vec<f64>> = rows.iter().map(|&row| values(data, row)).collect();
    let right = (0..test.rows()).map(RowId::at).filter(|&row| {
        let own = values(test, row);
        let distance = |at: &usize| METRIC.distance(&own, &kept[*at]);
        let nearest = (0..kept.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.is_some_and(|at| data.classes().of(rows[at]) == test.classes().of(row))
    });
    right.count() as f64 / test.rows() as f64
}

/// The worst-covered image beside the nearest kept image of its class, in shades.
fn worst_beside_nearest(input: &Input, data: &Dataset<'_>, reduced: &Reduced, epsilon: &Epsilon) -> Option<String> {
    let worst = epsilon.worst?;
    let image = |row: RowId| {
        let mut pixels = vec![0.0; data.columns()];
        data.points().widen_row(row, &mut pixels);
        pixels
    };
    let left = image(worst.row);
    let distance = |row: &RowId| METRIC.distance(&left, &image(*row));
    let nearest =
        reduced.rows()?.class(worst.class).iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let right = image(nearest);
    let shade = |v: &f64| [" ", "░", "▒", "▓", "█"][((v * 4.0).round() as usize).min(4)].repeat(2);
    let mut out = String::new();
    for line in 0..8 {
        let pixels = |p: &[f64]| p[line * 8..][..8].iter().map(shade).collect::<String>();
        let _ = writeln!(out, "    {}      {}", pixels(&left), pixels(&right));
    }
    let name = |row: RowId| format!("row {}", input.file_row(row));
    let _ = writeln!(out, "    {:<16}      {}", name(worst.row), name(nearest));
    Some(out)
}

/// A folder that is not there yet.
fn folder(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = given {
        if folder.exists() {
            return Err(
                Problem::new(format!("{}: exists", folder.display())).hint("name a folder that is not there yet")
            );
        }
        return Ok(folder.to_owned());
    }
    let names = std::iter::once("leanset-demo".to_owned()).chain((2..).map(|i| format!("leanset-demo-{i}")));
    names.map(PathBuf::from).find(|p| !p.exists()).ok_or_else(|| Problem::new("no free name for the demo's folder"))
}

/// The embedded digits as CSV.
pub(crate) fn unpack() -> Result<Vec<u8>> {
    let mut csv = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(DIGITS), &mut csv)
        .map_err(|e| Problem::io("the built-in dataset cannot be unpacked", e))?;
    Ok(csv)
}
