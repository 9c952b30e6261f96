//! `leanset images reduce`: a smaller training set, in a folder of its own.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leanset_core::metrics::{self, Epsilon};
use leanset_core::{Budget, Classes, Dataset, EmptyClasses, Matrix, Reducer, Seed, Selection};
use leanset_documents::images::{DatasetRecord, FILE, ImagesManifest, PartRecord, SCHEMA, WorstRecord};
use leanset_images::{Categories, ContactSheet, Features, ImageSet, Placement, Split, files};
use leanset_lab::plan::refuse_for_images;

use super::again::Expected;
use super::eye::Eye;
use super::forecast::{Asked, check_files};
use super::open;
use super::stock::{Stock, check_scope, spread};
use crate::args::{ImagesReduceArgs, values};
use crate::commands::{energy, no_method};
use crate::error::Failure;
use crate::manifest::{BudgetRecord, Measured, MethodRecord, WarningRecord, json as value_json, number};
use crate::output::Folder;
use crate::progress::Progress;
use crate::{machine, text};

pub(crate) fn reduce(args: &ImagesReduceArgs) -> Result<String, Failure> {
    match &args.from_manifest {
        None => run(args, None),
        Some(path) => {
            let (expected, args) = Expected::read(path, args)?;
            run(&args, Some(&expected))
        }
    }
}

fn run(args: &ImagesReduceArgs, expected: Option<&Expected>) -> Result<String, Failure> {
    let meter = energy::meter(&args.carbon, &args.power)?;
    let dataset = args
        .dataset
        .as_deref()
        .ok_or_else(|| Failure::new("no set is given").hint("leanset images reduce DATASET …"))?;
    let reducer = reducer(args)?;
    let folder = args.output.as_deref().map(|output| Folder::new(output, args.force, ours)).transpose()?;
    let threads = machine::use_threads(args.run.threads)?;
    let progress = Progress::new(args.run.quiet);
    if let Some(expected) = expected {
        expected.check_sources(args)?;
    }

    let began = Instant::now();
    let set = open(dataset, &args.set)?;
    if let (Some(folder), Some(output)) = (&folder, &args.output)
        && let Some(inside) = set.folders().iter().find(|f| folder.is_in(f))
    {
        return Err(Failure::new(format!(
            "{}: is in {}, where the set has its files, and nothing there is changed",
            output.display(),
            inside.display()
        ))
        .hint("name a folder elsewhere"));
    }
    let wanted = args.features.plan();
    check_files(&wanted, &args.run)?;
    let eye = Eye::new(&wanted, &progress)?;
    if let Some(expected) = expected {
        expected.check_model(eye.as_ref())?;
        expected.check_count(dataset, &set)?;
    }
    let asked = Asked { args, dataset, set: &set, features: &wanted, eye: eye.as_ref(), reducer: &reducer, threads };
    if args.dry_run {
        return asked.tell(progress);
    }
    let Some(mut folder) = folder else {
        return Err(Failure::new("no output is given").hint("--output FOLDER"));
    };
    asked.check_limit(&progress)?;
    let eye = eye.map(|eye| eye.remembering(args.features.model.cache_folder().as_deref()));
    let mut stock = Stock::new(set, &args.set, eye, wanted.given(), args.strict, &progress)?;
    if let Some(expected) = expected {
        expected.check_set(dataset, &stock)?;
    }
    let (features, features_record) = stock.features(&wanted)?;
    let Stock { set, pictures, categories, .. } = &stock;
    let classes = Classes::new(&categories.codes, categories.names.len())?.with_names(&categories.names);
    let data = Dataset::new(Matrix::new(&features.values, pictures.len(), features.dimensions)?, classes)?;
    let read_time = began.elapsed();

    let began = Instant::now();
    let floor = if args.allow_empty_categories { EmptyClasses::Allow } else { EmptyClasses::Forbid };
    let budget = budget(args, set, pictures, categories, floor)?;
    check_scope(&reducer, &budget, "--balance and --per-category")?;
    let reduction = reducer.reduce(&data, &budget, floor, Seed(args.seed), &progress)?;
    let method_time = began.elapsed();
    let began = Instant::now();
    let epsilon = metrics::epsilon(&data, &reduction.reduced, args.metric, &progress)?;
    let epsilon_time = began.elapsed();
    drop(progress);
    let warnings: Vec<_> = reduction.warnings.iter().map(text::own_warning).collect();
    warnings.iter().for_each(|w| text::say(&text::warning(w)));
    let selection =
        reduction.reduced.rows().ok_or_else(|| Failure::new("the method invented points").code(crate::error::FAULT))?;

    // In the order of the set, as it was: what is trained on is a part of it and no other order.
    let kept: Vec<usize> = selection.input_order().into_iter().map(|i| pictures[selection.rows()[i].index()]).collect();
    let (placement, placement_name) = placement(args);
    folder.begin()?;
    for (path, content) in files(set, &kept, folder.target(), placement)? {
        folder.add(&path, &content)?;
    }
    if args.report {
        let page = page(args, set, (pictures, &kept), categories, &features, &epsilon, reducer.info().title);
        folder.add(Path::new(REPORT), &leanset_images::Content::Text(page))?;
    }
    let manifest = ImagesManifest {
        schema: SCHEMA.into(),
        leanset: env!("CARGO_PKG_VERSION").into(),
        command: "images reduce".into(),
        dataset: DatasetRecord {
            path: dataset.to_owned(),
            images: args.set.images.clone(),
            layout: set.format().name().into(),
            sha256: stock.fingerprint(),
            train: set.of(Split::Train).count(),
            left_out: set.of(Split::Train).filter(|p| !p.usable).count(),
        },
        category: stock.category_record(&args.set)?,
        features: features_record,
        method: MethodRecord {
            id: reducer.info().id.into(),
            parameters: reducer.params().iter().map(|(n, v)| (n.to_owned(), value_json(v))).collect(),
            seed: Some(args.seed),
            facts: reduction.diagnostics.iter().map(|(n, v)| ((*n).to_owned(), value_json(v))).collect(),
            ranking: None,
        },
        budget: BudgetRecord::new(&budget, &categories.names, args.allow_empty_categories),
        categories: category_parts(set, pictures, categories, &epsilon),
        classes: class_parts(set, pictures, &kept),
        pictures: pictures.len(),
        kept: kept.len(),
        epsilon: WorstRecord {
            metric: epsilon.metric.name().into(),
            value: number(epsilon.value),
            worst: epsilon.worst.map(|w| set.images[pictures[w.row.index()]].name.clone()),
        },
        faults: super::features::faults(set),
        warnings: warnings
            .iter()
            .map(|w| WarningRecord { code: w.code.to_string(), message: text::plain(&w.message) })
            .collect(),
        names: selection.rows().iter().map(|r| set.images[pictures[r.index()]].name.clone()).collect(),
        weights: Selection::weights(selection).map(<[f64]>::to_vec),
        placement: placement_name.into(),
        files: folder.written().to_vec(),
        measured: Measured {
            read_seconds: read_time.as_secs_f64(),
            method_seconds: method_time.as_secs_f64(),
            epsilon_seconds: epsilon_time.as_secs_f64(),
            peak_memory_bytes: machine::peak_memory(),
            threads,
            energy: Some(meter.read()),
        },
    };
    if let Some(expected) = expected {
        expected.check(&manifest)?;
    }
    let text = manifest.text()?;
    folder.add(Path::new(FILE), &leanset_images::Content::Text(text.clone()))?;
    folder.commit()?;
    if args.run.json {
        return Ok(text);
    }
    if !args.run.quiet {
        let mut told = report(&manifest, set, args, stock.told.as_deref(), (read_time, method_time, epsilon_time));
        if expected.is_some() {
            told.push_str("  the same pictures as the manifest's\n");
        }
        text::say(&told);
    }
    Ok(String::new())
}

/// The name of the contact sheet.
pub(super) const REPORT: &str = "report.html";

/// What becomes of the kept pictures, and its name.
pub(super) fn placement(args: &ImagesReduceArgs) -> (Placement, &'static str) {
    match (args.copy, args.link) {
        (true, _) => (Placement::Copy, "copy"),
        (_, true) => (Placement::Link, "link"),
        _ => (Placement::Stay, "stay"),
    }
}

/// The contact sheet.
fn page(
    args: &ImagesReduceArgs,
    set: &ImageSet,
    (pictures, kept): (&[usize], &[usize]),
    categories: &Categories,
    features: &Features,
    epsilon: &Epsilon,
    method: &str,
) -> String {
    let chosen: HashSet<usize> = kept.iter().copied().collect();
    let flags: Vec<bool> = pictures.iter().map(|p| chosen.contains(p)).collect();
    let worst: Vec<_> = epsilon.per_class.iter().map(|c| c.worst.map(|row| (row.index(), c.value))).collect();
    let title = format!("{} of {} pictures kept", text::count(kept.len()), text::count(pictures.len()));
    let subtitle =
        format!("{} of {}; ε = {} ({})", method, set.source.display(), text::distance(epsilon.value), epsilon.metric);
    let sheet = ContactSheet {
        set,
        images: pictures,
        categories,
        features,
        kept: &flags,
        worst: &worst,
        metric: epsilon.metric,
        title: &title,
        subtitle: &subtitle,
    };
    sheet.page(usize::try_from(args.report_size.as_u64()).unwrap_or(usize::MAX))
}

/// The method, refused before any picture is opened if it is not for pictures.
fn reducer(args: &ImagesReduceArgs) -> Result<Reducer, Failure> {
    let name = args.method.as_deref().ok_or_else(no_method)?;
    let given = values(&args.params, |file| {
        Err(Failure::new(format!("@{file}: row ids from a file are of tables, and pictures have none"))
            .hint("leave the parameter out"))
    })?;
    let reducer = Reducer::new(name, &given)?;
    refuse_for_images(&reducer, "--param output=rows")?;
    if args.ratio.is_none() && args.count.is_none() && args.per_category.is_empty() {
        return Err(Failure::new("no budget is given")
            .hint("--ratio R, --count N, or --per-category NAME=N for every category"));
    }
    if let Some(ratio) = args.ratio {
        Budget::Ratio(ratio).allocate(&[1], EmptyClasses::Allow)?;
    }
    Ok(reducer)
}

/// What was asked, in the order of the categories.
pub(super) fn budget(
    args: &ImagesReduceArgs,
    set: &ImageSet,
    pictures: &[usize],
    categories: &Categories,
    floor: EmptyClasses,
) -> Result<Budget, Failure> {
    if let Some(whole) = args.ratio.map(Budget::Ratio).or(args.count.map(Budget::Count)) {
        return spread(whole, args.balance, floor, set, pictures, categories);
    }
    let names = &categories.names;
    let listed = format!("the categories are {}", names.join(", "));
    let mut counts = vec![None; names.len()];
    for (name, count) in &args.per_category {
        let place = names.iter().position(|n| n == name).ok_or_else(|| {
            Failure::new(format!("--per-category {name}={count}: there is no category '{name}'")).hint(&listed)
        })?;
        if counts[place].replace(*count).is_some() {
            return Err(Failure::new(format!("--per-category names '{name}' twice")).hint("name it once"));
        }
    }
    let missing: Vec<&str> = counts.iter().zip(names).filter(|(c, _)| c.is_none()).map(|(_, n)| n.as_str()).collect();
    if !missing.is_empty() {
        return Err(Failure::new(format!("--per-category says nothing of {}", missing.join(", ")))
            .hint("name every category; NAME=0 keeps none of it"));
    }
    Ok(Budget::PerClass(counts.into_iter().flatten().collect()))
}

fn category_parts(set: &ImageSet, pictures: &[usize], categories: &Categories, epsilon: &Epsilon) -> Vec<PartRecord> {
    let part = |(name, of): (&String, &metrics::ClassEpsilon)| PartRecord {
        name: name.clone(),
        all: of.rows,
        kept: of.kept,
        epsilon: Some(number(of.value)),
        worst: of.worst.map(|r| set.images[pictures[r.index()]].name.clone()),
    };
    categories.names.iter().zip(&epsilon.per_class).map(part).collect()
}

fn class_parts(set: &ImageSet, pictures: &[usize], kept: &[usize]) -> Vec<PartRecord> {
    let count = |of: &[usize]| {
        let mut counts = vec![0; set.classes.len()];
        of.iter().flat_map(|&p| &set.images[p].objects).for_each(|o| counts[o.class as usize] += 1);
        counts
    };
    let (all, kept) = (count(pictures), count(kept));
    let part = |(class, name): (usize, &String)| PartRecord {
        name: name.clone(),
        all: all[class],
        kept: kept[class],
        epsilon: None,
        worst: None,
    };
    set.classes.iter().enumerate().map(part).collect()
}

/// What happened, for a person.
fn report(
    manifest: &ImagesManifest,
    set: &ImageSet,
    args: &ImagesReduceArgs,
    told: Option<&str>,
    times: (Duration, Duration, Duration),
) -> String {
    let m = manifest;
    let distance = |value: &serde_json::Value| text::distance(value.as_f64().unwrap_or(f64::INFINITY));
    let mut out = format!(
        "{} keeps {} of {} pictures ({})\n\n",
        m.method.id,
        text::count(m.kept),
        text::count(m.pictures),
        text::percent(m.kept, m.pictures)
    );
    let line =
        |p: &PartRecord| vec![p.name.clone(), text::count(p.all), text::count(p.kept), text::percent(p.kept, p.all)];
    let rows = m.categories.iter().map(|p| {
        let mut row = line(p);
        row.extend(p.epsilon.as_ref().map(distance));
        row
    });
    out.push_str(&text::columns(&["category", "pictures", "kept", "part", "ε"], rows, 2, 1));
    out.push('\n');
    out.push_str(&text::columns(&["class", "objects", "kept", "part"], m.classes.iter().map(line), 2, 1));
    let worst = m
        .epsilon
        .worst
        .as_ref()
        .map_or_else(|| "; a category is lost".to_owned(), |w| format!("; worst covered is {w}"));
    let _ = writeln!(
        out,
        "\n  ε = {} ({}, {} numbers a picture, {}){worst}",
        distance(&m.epsilon.value),
        m.epsilon.metric,
        m.features.dimensions,
        m.features.kind
    );
    out.extend(told);
    if m.dataset.left_out > 0 {
        let _ = writeln!(
            out,
            "  left out for errors: {} of {} training pictures",
            text::count(m.dataset.left_out),
            text::count(m.dataset.train)
        );
    }
    let memory = machine::peak_memory().map_or_else(String::new, |b| format!(", peak memory {}", text::bytes(b)));
    let _ = writeln!(
        out,
        "  read {}, chose {}, measured {}{memory}",
        text::duration(times.0),
        text::duration(times.1),
        text::duration(times.2)
    );
    out.extend(m.measured.energy.as_ref().map(energy::line));
    let first = set.format().entry_file(placement(args).0);
    let folder = args.output.as_deref().unwrap_or(Path::new(""));
    let sheet = if args.report { format!(", {}", folder.join(REPORT).display()) } else { String::new() };
    let _ = writeln!(out, "  wrote {}{sheet} and {}", folder.join(first).display(), folder.join(FILE).display());
    out
}

/// Whether everything in a folder was written by an earlier reduction: only then may it be replaced.
fn ours(folder: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(folder.join(FILE)) else { return false };
    let Ok(manifest) = ImagesManifest::parse(FILE, &text) else { return false };
    let known: HashSet<PathBuf> = manifest.files.into_iter().map(|f| f.path).chain([FILE.into()]).collect();
    fn all_known(base: &Path, folder: &Path, known: &HashSet<PathBuf>) -> bool {
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        entries.into_iter().all(|entry| {
            let Ok(path) = entry.map(|e| e.path()) else { return false };
            let link = path.is_symlink();
            if path.is_dir() && !link {
                return all_known(base, &path, known);
            }
            path.strip_prefix(base).is_ok_and(|below| known.contains(below))
        })
    }
    all_known(folder, folder, &known)
}
