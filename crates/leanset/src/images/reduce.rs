//! A reduced training set of images, in a folder of its own.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leanset_core::metrics::{self, Epsilon};
use leanset_core::{Budget, Classes, Dataset, Matrix, Reducer, Seed, Selection};
use leanset_energy::Meter;
use leanset_images::{Categories, ContactSheet, Content, Features, ImageSet, Split, files};
use leanset_problem::{Problem, Result, Warning, setting, text};
use leanset_spec::manifest::images::{DatasetRecord, FILE, ImagesManifest, PartRecord, SCHEMA, WorstRecord};
use leanset_spec::manifest::{Measured, MethodRecord};
use leanset_spec::request::ReduceImages;
use leanset_spec::{Method, Vocabulary, number, value};

use super::candidates::{Candidates, balanced};
use super::embedder::Embedder;
use super::expected::Expected;
use super::{check_method, check_scope, issue_counts, open};
use crate::context::Context;
use crate::memory;
use crate::output::{Folder, sealed};

/// The name of the contact sheet.
pub const REPORT: &str = "report.html";

/// Where a reduced dataset goes, and how.
#[derive(Clone, Debug, Default)]
pub struct ImageDestination {
    /// The folder; it appears whole or not at all. Nothing for a dry run.
    pub output: Option<PathBuf>,
    /// Whether a folder is replaced in which every file is as an earlier reduction wrote it.
    pub force: bool,
    /// Whether any issue stops the work.
    pub strict: bool,
    /// The folder of cached features; nothing for no cache.
    pub cache: Option<PathBuf>,
}

/// A request for a reduced dataset that is opened and checked, and whose images are not decoded yet.
pub struct ImageReduction<'a> {
    pub(super) request: ReduceImages,
    pub(super) destination: ImageDestination,
    pub(super) context: Context<'a>,
    pub(super) expected: Option<Expected>,
    pub(super) set: ImageSet,
    pub(super) reducer: Reducer,
    pub(super) embedder: Option<Embedder>,
    folder: Option<Folder>,
    meter: Meter,
    began: Instant,
}

/// What came of a reduction.
#[derive(Debug)]
pub struct ImagesOutcome {
    /// What was asked and what came of it.
    pub manifest: ImagesManifest,
    /// Its text as written.
    pub manifest_text: String,
    /// The folder, as it was named.
    pub folder: PathBuf,
    /// The file to train from, below the folder.
    pub entry_file: &'static str,
    /// The model and everything that was settled of it, in one line.
    pub model: Option<String>,
    /// What is worth knowing of the selection; the reporter has heard of it.
    pub warnings: Vec<Warning>,
}

/// Reduces an image dataset: [`ImageReduction::prepare`] and [`ImageReduction::run`].
///
/// # Errors
/// What is asked, or the dataset, cannot be used; nothing is written then.
pub fn reduce(request: &ReduceImages, destination: &ImageDestination, context: &Context<'_>) -> Result<ImagesOutcome> {
    ImageReduction::prepare(request, destination, context)?.run()
}

impl<'a> ImageReduction<'a> {
    /// Opens what is asked for and checks it; no image is decoded.
    ///
    /// # Errors
    /// What is asked, or the dataset, cannot be used.
    pub fn prepare(request: &ReduceImages, destination: &ImageDestination, context: &Context<'a>) -> Result<Self> {
        Self::prepare_expected(request, destination, context, None)
    }

    pub(super) fn prepare_expected(
        request: &ReduceImages,
        destination: &ImageDestination,
        context: &Context<'a>,
        expected: Option<Expected>,
    ) -> Result<Self> {
        let meter = context.meter()?;
        let reducer = reducer(&request.method)?;
        request.budget.check(Vocabulary::IMAGES)?;
        let output = destination.output.as_deref();
        let mut folder = output.map(|output| Folder::new(output, destination.force)).transpose()?;
        if let Some(expected) = &expected {
            expected.check_sources(request, context)?;
        }
        let began = Instant::now();
        let set = open(&request.dataset, &request.division)?;
        if let (Some(folder), Some(output)) = (&folder, output)
            && let Some(inside) = set.folders().iter().find(|f| folder.is_in(f))
        {
            return Err(Problem::new(format!(
                "{}: is in {}, where the dataset has its files, and nothing there is changed",
                output.display(),
                inside.display()
            ))
            .hint("name a folder elsewhere"));
        }
        let features = &request.features;
        if let Some(folder) = &mut folder {
            let (division, model) = (&request.division, &features.model);
            let beside = [&request.features.table, &features.paths, &division.categories, &model.model];
            let files = set.files();
            folder.check(files.iter().chain(beside.into_iter().flatten()).map(PathBuf::as_path))?;
        }
        let mut given = features.model.model.iter().chain(&features.table);
        let hint = || text!["raise ", &setting::MEMORY_LIMIT];
        given.try_for_each(|file| context.limit().check_file_or(file, hint()))?;
        let embedder = Embedder::new(&features.model, context)?;
        if let Some(expected) = &expected {
            expected.check_model(embedder.as_ref())?;
            expected.check_count(&request.dataset, &set)?;
        }
        Ok(Self {
            request: request.clone(),
            destination: destination.clone(),
            context: *context,
            expected,
            set,
            reducer,
            embedder,
            folder,
            meter,
            began,
        })
    }

    /// The request with every default said.
    pub(super) fn request_used(&self) -> ReduceImages {
        let method = Method {
            name: Some(self.reducer.info().id.into()),
            parameters: self.reducer.params().iter().map(|(name, value)| (name, value.clone())).collect(),
            guard: self.request.method.guard_used(&self.reducer),
            seed: self.request.method.seed,
        };
        let mut request = ReduceImages { method, ..self.request.clone() };
        if request.division.categories.is_none() {
            request.division.category.get_or_insert_with(|| self.set.format().default_rule());
        }
        if let Some(embedder) = &self.embedder {
            // What was settled, so that later defaults do not change it.
            let record = embedder.record();
            let model = &mut request.features.model;
            model.layer = Some(if record.rule == "named" { record.tensor } else { record.rule });
            model.fit = Some(model.fit.unwrap_or_default());
            // A model that takes no square has a size of its own.
            model.size = record.size.and_then(|[height, width]| (height == width).then_some(height));
            (model.pixels, model.mean, model.std) = (None, Some(record.mean), Some(record.std));
            model.batch = Some(record.batch);
            if record.engine.ends_with(", CUDA") {
                model.device.get_or_insert_with(|| "cuda".to_owned());
            }
        }
        request
    }

    /// How many images are kept of each category.
    pub(super) fn budget(&self, images: &[usize], categories: &Categories) -> Result<Budget> {
        budget(&self.request, &self.set, images, categories)
    }

    /// Inspects, chooses, measures and writes.
    ///
    /// # Errors
    /// No image can be used, the predicted memory is above the limit, the folder cannot be written, or a manifest is not
    /// reproduced. Nothing is written then.
    pub fn run(self) -> Result<ImagesOutcome> {
        if self.folder.is_none() {
            return Err(Problem::new("no output is given").hint(setting::OUTPUT.to("FOLDER")));
        }
        self.check_limit()?;
        let request_used = self.request_used();
        let Self { request, destination, context, expected, set, reducer, embedder, folder, meter, began } = self;
        let Some(mut folder) = folder else { return Err(Problem::internal("the folder is gone")) };
        let (reporter, monitor) = (context.reporter, context.reporter.monitor());
        let embedder = embedder.map(|embedder| embedder.with_cache(destination.cache.as_deref(), &context));
        let given = (request.features.are_given(), destination.strict);
        let mut candidates = Candidates::new(set, &request.division, embedder, given, &context)?;
        if let Some(expected) = &expected {
            expected.check_set(&request.dataset, &candidates)?;
        }
        let (features, features_record) = candidates.features(&request.features)?;
        let Candidates { set, images, categories, .. } = &candidates;
        let classes = Classes::new(&categories.codes, categories.names.len())?.with_names(&categories.names);
        let data = Dataset::new(Matrix::new(&features.values, images.len(), features.dimensions)?, classes)?;
        let read_time = began.elapsed();

        let began = Instant::now();
        let budget = budget(&request, set, images, categories)?;
        check_scope(&reducer, &budget, counts_asked())?;
        let seed = Seed(request.method.seed);
        let reduction = reducer.reduce(&data, &budget, request.budget.empty_classes(), seed, monitor)?;
        let method_time = began.elapsed();
        let began = Instant::now();
        let epsilon = metrics::epsilon(&data, &reduction.reduced, request.metric, monitor)?;
        let epsilon_time = began.elapsed();
        reduction.warnings.iter().for_each(|warning| reporter.warn(warning));
        let selection = reduction.reduced.rows().ok_or_else(|| Problem::internal("the method generated prototypes"))?;

        // In the order of the dataset, as it was: what is trained on is a part of it and no other order.
        let kept: Vec<usize> =
            selection.input_order().into_iter().map(|i| images[selection.rows()[i].index()]).collect();
        folder.begin(reporter)?;
        for (path, content) in files(set, &kept, folder.target(), request.placement)? {
            folder.add(&path, &content)?;
        }
        if let Some(bytes) = request.report_bytes {
            let page = page(bytes, set, (images, &kept), categories, &features, &epsilon, reducer.info().title);
            folder.add(Path::new(REPORT), &Content::Text(page))?;
        }
        let name = |row: leanset_core::RowId| set.images[images[row.index()]].name.clone();
        let manifest = ImagesManifest {
            schema: SCHEMA.into(),
            leanset: env!("CARGO_PKG_VERSION").into(),
            request: request_used,
            dataset: DatasetRecord {
                layout: set.format().name().into(),
                sha256: candidates.fingerprint(),
                train: set.of(Split::Train).count(),
                left_out: set.of(Split::Train).filter(|p| !p.usable).count(),
            },
            category: candidates.category_record(&request.division)?,
            features: features_record,
            method: MethodRecord {
                id: reducer.info().id.into(),
                facts: reduction.diagnostics.iter().map(|(n, v)| (n.to_string(), value(v))).collect(),
                ranking: None,
            },
            categories: category_parts(categories, &epsilon, name),
            classes: class_parts(set, images, &kept),
            images: images.len(),
            kept: kept.len(),
            epsilon: WorstRecord {
                metric: epsilon.metric.name().into(),
                value: number(epsilon.value),
                worst: epsilon.worst.map(|w| name(w.row)),
            },
            issues: issue_counts(set),
            warnings: reduction.warnings.iter().map(Into::into).collect(),
            names: selection.rows().iter().map(|&row| name(row)).collect(),
            weights: Selection::weights(selection).map(<[f64]>::to_vec),
            files: folder.written().to_vec(),
            measured: measured((read_time, method_time, epsilon_time), &context, &meter),
        };
        if let Some(expected) = &expected {
            expected.check(&manifest)?;
        }
        let manifest_text = sealed(&manifest.text()?);
        folder.add(Path::new(FILE), &Content::Text(manifest_text.clone()))?;
        folder.commit(reporter)?;
        Ok(ImagesOutcome {
            entry_file: set.format().entry_file(request.placement),
            model: candidates.described.as_ref().map(|described| described.summary.clone()),
            folder: destination.output.unwrap_or_default(),
            warnings: reduction.warnings,
            manifest,
            manifest_text,
        })
    }
}

/// What asks for counts of categories.
pub(super) fn counts_asked() -> leanset_problem::Text {
    text![&setting::BALANCE, ", ", &setting::BALANCE_CATEGORIES, " and ", &setting::PER_CATEGORY]
}

fn measured(times: (Duration, Duration, Duration), context: &Context<'_>, meter: &Meter) -> Measured {
    Measured {
        read_seconds: times.0.as_secs_f64(),
        method_seconds: times.1.as_secs_f64(),
        epsilon_seconds: times.2.as_secs_f64(),
        peak_memory_bytes: memory::peak(),
        threads: context.threads(),
        energy: Some(meter.read()),
    }
}

/// How many images are kept of each category.
fn budget(request: &ReduceImages, set: &ImageSet, images: &[usize], categories: &Categories) -> Result<Budget> {
    let whole = request.budget.resolve(&categories.names, &categories.sizes(), Vocabulary::IMAGES)?;
    match whole {
        Budget::PerClass(_) => Ok(whole),
        whole => balanced(whole, request.balance, request.budget.empty_classes(), set, images, categories),
    }
}

/// The contact sheet.
fn page(
    bytes: u64,
    set: &ImageSet,
    (images, kept): (&[usize], &[usize]),
    categories: &Categories,
    features: &Features,
    epsilon: &Epsilon,
    method: &str,
) -> String {
    let chosen: HashSet<usize> = kept.iter().copied().collect();
    let flags: Vec<bool> = images.iter().map(|p| chosen.contains(p)).collect();
    let worst: Vec<_> = epsilon.per_class.iter().map(|c| c.worst.map(|row| (row.index(), c.value))).collect();
    let title = format!("{} of {} images kept", kept.len(), images.len());
    let value = if epsilon.value.is_finite() { format!("{:.4}", epsilon.value) } else { "∞".to_owned() };
    let subtitle = format!("{method} of {}; ε = {value} ({})", set.source.display(), epsilon.metric);
    let sheet = ContactSheet {
        set,
        images,
        categories,
        features,
        kept: &flags,
        worst: &worst,
        metric: epsilon.metric,
        title: &title,
        subtitle: &subtitle,
    };
    sheet.page(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// The method, refused before any image is opened if it is not for images.
fn reducer(method: &Method) -> Result<Reducer> {
    let info = method.info()?;
    let given = method.parameters.distinct()?;
    let from_file = |value: &leanset_core::params::Value| match value {
        leanset_core::params::Value::Text(text) => text.starts_with('@'),
        _ => false,
    };
    if let Some((name, value)) = given.iter().find(|(_, value)| from_file(value)) {
        return Err(Problem::new(text![
            setting::PARAM.to(format!("{name}={value}")),
            ": row ids from a file are of tables, and images have none"
        ])
        .hint("leave the parameter out"));
    }
    let reducer = method.guarded(Reducer::new(info.id, given)?)?;
    check_method(&reducer)?;
    Ok(reducer)
}

fn category_parts(
    categories: &Categories,
    epsilon: &Epsilon,
    name_of: impl Fn(leanset_core::RowId) -> String,
) -> Vec<PartRecord> {
    let part = |(name, of): (&String, &metrics::ClassEpsilon)| PartRecord {
        name: name.clone(),
        all: of.rows,
        kept: of.kept,
        epsilon: Some(number(of.value)),
        worst: of.worst.map(&name_of),
    };
    categories.names.iter().zip(&epsilon.per_class).map(part).collect()
}

fn class_parts(set: &ImageSet, images: &[usize], kept: &[usize]) -> Vec<PartRecord> {
    let count = |of: &[usize]| {
        let mut counts = vec![0; set.classes.len()];
        of.iter().flat_map(|&p| &set.images[p].objects).for_each(|o| counts[o.class as usize] += 1);
        counts
    };
    let (all, kept) = (count(images), count(kept));
    let part = |(class, name): (usize, &String)| PartRecord {
        name: name.clone(),
        all: all[class],
        kept: kept[class],
        epsilon: None,
        worst: None,
    };
    set.classes.iter().enumerate().map(part).collect()
}
