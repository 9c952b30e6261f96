//! What a reduction of images will do and take, known from annotations, the beginnings of files, and the model: before any
//! image is decoded.

use std::collections::BTreeMap;

use leanset_core::{Scope, Shape};
use leanset_images::{
    Categories, Features, ImageHeader, Split, color_edge_features, contact_sheet_memory, inspection_memory,
};
use leanset_problem::{Result, Text, Warning, setting, text};
use leanset_spec::manifest::MethodRecord;
use leanset_spec::manifest::images::{ImagesPlan, PLAN_SCHEMA, PlannedPart};
use rayon::prelude::*;

use super::candidates::features_record;
use super::reduce::{ImageReduction, counts_asked};
use super::{categories, check_not_empty, check_scope, report_issues, usable_training_images};
use crate::memory;

/// The way out of a limit.
fn hint() -> Text {
    text!["raise ", &setting::MEMORY_LIMIT, ", or use fewer ", &setting::THREADS]
}

/// Code, and stacks of threads, that are not touched before images are decoded.
const CODE: u64 = 4 << 20;

/// What a dry run found.
#[derive(Clone, Debug)]
pub struct ImageDryRun {
    /// The document.
    pub plan: ImagesPlan,
    /// The model and everything that was settled of it, in one line.
    pub model: Option<String>,
    /// Width and height of the largest image.
    pub largest: Option<(u32, u32)>,
    /// Whether the method chooses over all images at once.
    pub global: bool,
    /// Whether a manifest is to be reproduced.
    pub reproduces: bool,
    /// What is worth knowing; the reporter has heard of it.
    pub warnings: Vec<Warning>,
}

impl ImageReduction<'_> {
    /// Refuses a job that is predicted to take more than the limit.
    pub(super) fn check_limit(&self) -> Result<()> {
        if self.context.memory_limit.is_none() {
            return Ok(());
        }
        let images = usable_training_images(&self.set);
        // What an image that cannot be decoded would stop is not refused here: it may be left out yet.
        let categories = categories(&self.set, &images, &self.request.division)
            .unwrap_or_else(|_| Categories { names: vec![String::new()], codes: vec![0; images.len()] });
        let kept = self
            .budget(&images, &categories)
            .and_then(|budget| Ok(budget.allocate(&categories.sizes(), self.request.budget.empty_classes())?.0.total()))
            .unwrap_or(images.len());
        let probe = self.probe(&images)?;
        self.context.limit().check_or(self.predicted(&probe, &categories, kept), hint())
    }

    /// What would be done, and what it would take.
    ///
    /// # Errors
    /// It could not be done.
    pub fn dry_run(&self) -> Result<ImageDryRun> {
        let (request, set, reporter) = (&self.request, &self.set, self.context.reporter);
        report_issues(set, self.destination.strict, &self.context)?;
        let images = usable_training_images(set);
        check_not_empty(set, &images)?;
        let categories = categories(set, &images, &request.division)?;
        let budget = self.budget(&images, &categories)?;
        check_scope(&self.reducer, &budget, counts_asked())?;
        let (allocation, warnings) = budget.allocate(&categories.sizes(), request.budget.empty_classes())?;
        let kept = allocation.total();
        let probe = self.probe(&images)?;
        let predicted = self.predicted(&probe, &categories, kept);
        self.context.limit().check_or(predicted, hint())?;
        let model = self.embedder.as_ref().map(|embedder| embedder.record());
        let features = features_record(&request.features, model, probe.dimensions)?;
        warnings.iter().for_each(|warning| reporter.warn(warning));

        let by_category = self.reducer.scope() != Scope::Global;
        let parts = categories.names.iter().zip(categories.sizes()).zip(allocation.per_class());
        let parts = parts.map(|((name, all), &kept)| PlannedPart {
            name: name.clone(),
            all,
            kept: by_category.then_some(kept),
        });
        let plan = ImagesPlan {
            schema: PLAN_SCHEMA.into(),
            leanset: env!("CARGO_PKG_VERSION").into(),
            request: self.request_used(),
            layout: set.format().name().into(),
            images: images.len(),
            unreadable: probe.unreadable,
            left_out: set.of(Split::Train).filter(|p| !p.usable).count(),
            categories: parts.collect(),
            features,
            method: MethodRecord { id: self.reducer.info().id.into(), facts: BTreeMap::new(), ranking: None },
            kept,
            threads: self.context.threads(),
            predicted_peak_memory_bytes: memory::stated(predicted),
        };
        Ok(ImageDryRun {
            plan,
            model: self.embedder.as_ref().map(|embedder| embedder.summary()),
            largest: probe.largest,
            global: !by_category,
            reproduces: self.expected.is_some(),
            warnings,
        })
    }

    /// Reads the beginnings of images, and tries the model.
    fn probe(&self, images: &[usize]) -> Result<Probe> {
        let (reporter, threads) = (self.context.reporter, self.context.threads());
        let features = &self.request.features;
        let (dimensions, table) = match (&features.table, &self.embedder) {
            (Some(table), _) => Features::extent(table, features.paths.as_deref())?,
            (None, Some(embedder)) => (embedder.dimensions(), 0),
            (None, None) => (color_edge_features::DIMENSIONS, 0),
        };
        reporter.begin("reading the beginnings of images", images.len() as u64);
        let headers = images.par_iter().map(|&i| {
            reporter.advance(1);
            ImageHeader::read(&self.set.images[i].path)
        });
        let mut headers: Vec<ImageHeader> = headers.collect::<Vec<_>>().into_iter().flatten().collect();
        let unreadable = images.len() - headers.len();
        headers.sort_by_key(|g| std::cmp::Reverse(g.memory));
        let largest = headers.iter().map(|g| g.size).max_by_key(|(w, h)| u64::from(*w) * u64::from(*h));
        // At worst the largest are decoded at once.
        let at_once = self.embedder.as_ref().map_or(threads, |embedder| embedder.held(threads)).min(images.len());
        let decoding = headers.iter().take(at_once).map(|g| g.memory).sum();
        let mut reached = reached(0);
        if let Some(embedder) = &self.embedder {
            // The model is loaded; each thread is yet to bring its own part.
            self.context.limit().check_or(reached, hint())?;
            reporter.begin("trying the model on grey", 0);
            embedder.try_out(largest.unwrap_or((64, 64)), threads.min(images.len()).max(1), images.len())?;
            reached = self::reached(embedder.estimated_memory(threads));
        }
        Ok(Probe { dimensions, table, unreadable, largest, decoding, reached })
    }

    /// The predicted peak: what was reached already, what is held of images, and what comes and goes.
    fn predicted(&self, probe: &Probe, categories: &Categories, kept: usize) -> u64 {
        let (images, dimensions) = (categories.codes.len(), probe.dimensions);
        let shape = Shape::new(&categories.sizes(), dimensions, 4);
        // Features of the images are in their inspections, and in the matrix that is made of them.
        let (inspections, comparing) = inspection_memory(images, dimensions);
        let matrix = 4 * (images * dimensions) as u64;
        let method = self.reducer.memory(&shape, kept, self.context.threads()).max(memory::of_epsilon(
            &shape,
            kept,
            self.request.metric,
        ));
        // The list, the manifest, and the document without what was not kept.
        let document = self.set.format().write_memory(&self.set);
        let sheet = match self.request.report_bytes {
            Some(bytes) => contact_sheet_memory(images, dimensions, shape.classes) + 2 * bytes,
            None => 0,
        };
        let writing = 512 * images as u64 + document + sheet;
        // What comes and goes while images are inspected, and then: not all of the first is given back by then.
        probe.reached
            + CODE
            + inspections
            + matrix
            + probe.decoding.max(comparing)
            + probe.table.max(method).max(writing)
    }
}

/// What is known before an image is decoded.
struct Probe {
    dimensions: usize,
    /// Bytes that reading a table of features takes.
    table: u64,
    /// Images that do not begin like one.
    unreadable: usize,
    largest: Option<(u32, u32)>,
    /// Bytes that decoding takes, as many images at once as there will be.
    decoding: u64,
    /// Bytes that this process has taken already, with the dataset, and the model at work in every thread.
    reached: u64,
}

/// The peak so far; where the system does not tell, what is taken before anything is read and an estimate of the rest.
fn reached(estimate: u64) -> u64 {
    memory::peak().unwrap_or(memory::BASE + estimate)
}
