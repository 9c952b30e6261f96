//! What a reduction of pictures will do and take, told from annotations, the beginnings of files, and the model: before any
//! picture is decoded.

use std::fmt::Write as _;
use std::path::Path;

use leanset_core::{EmptyClasses, Monitor as _, Reducer, Scope, Shape};
use leanset_documents::images::{ImagesPlan, PLAN_SCHEMA, PlannedPart};
use leanset_images::{
    Categories, Features, ImageHeader, ImageSet, Split, color_edge_features, contact_sheet_memory, inspection_memory,
};
use leanset_lab::plan::FeaturePlan;
use rayon::prelude::*;

use super::eye::Eye;
use super::reduce::{budget, placement};
use super::stock::{check_scope, features_record, tell_faults};
use super::{candidates, categories, check_candidates};
use crate::args::{ImagesReduceArgs, RunArgs};
use crate::error::Failure;
use crate::manifest::{BudgetRecord, MethodRecord, json as value_json};
use crate::progress::Progress;
use crate::{machine, plan, text};

/// The way out of a limit.
const HINT: &str = "raise --memory-limit, or use fewer --threads";

/// Code, and stacks of threads, that are not touched before pictures are decoded.
const CODE: u64 = 4 << 20;

/// Refuses files that are above the limit by themselves, before they are read.
pub(super) fn check_files(features: &FeaturePlan, run: &RunArgs) -> Result<(), Failure> {
    let mut files = features.model.iter().chain(&features.table);
    files.try_for_each(|file| plan::file_within_limit_or(file, run, "raise --memory-limit"))
}

/// What is asked, opened as far as it is before pictures are decoded.
pub(super) struct Asked<'a> {
    pub(super) args: &'a ImagesReduceArgs,
    pub(super) dataset: &'a Path,
    pub(super) set: &'a ImageSet,
    pub(super) features: &'a FeaturePlan,
    pub(super) eye: Option<&'a Eye>,
    pub(super) reducer: &'a Reducer,
    pub(super) threads: usize,
}

impl Asked<'_> {
    /// Refuses a run that is predicted to take more than the limit.
    pub(super) fn check_limit(&self, progress: &Progress) -> Result<(), Failure> {
        if self.args.run.memory_limit.is_none() {
            return Ok(());
        }
        let pictures = candidates(self.set);
        let floor = self.floor();
        // What a picture that cannot be decoded would stop is not refused here: it may be left out yet.
        let categories = categories(self.set, &pictures, &self.args.set)
            .unwrap_or_else(|_| Categories { names: vec![String::new()], codes: vec![0; pictures.len()] });
        let kept = budget(self.args, self.set, &pictures, &categories, floor)
            .and_then(|budget| Ok(budget.allocate(&categories.sizes(), floor)?.0.total()))
            .unwrap_or(pictures.len());
        let begun = self.begin(&pictures, progress)?;
        plan::within_limit_or(self.memory(&begun, &categories, kept), &self.args.run, HINT)
    }

    /// Tells what would be done.
    pub(super) fn tell(&self, progress: Progress) -> Result<String, Failure> {
        let (args, set) = (self.args, self.set);
        tell_faults(set, args.strict)?;
        let pictures = candidates(set);
        check_candidates(set, &pictures)?;
        let categories = categories(set, &pictures, &args.set)?;
        let floor = self.floor();
        let budget = budget(args, set, &pictures, &categories, floor)?;
        check_scope(self.reducer, &budget, "--balance and --per-category")?;
        let (allocation, warnings) = budget.allocate(&categories.sizes(), floor)?;
        let kept = allocation.total();
        let begun = self.begin(&pictures, &progress)?;
        let predicted = self.memory(&begun, &categories, kept);
        plan::within_limit_or(predicted, &args.run, HINT)?;
        let features = features_record(self.features, self.eye.map(Eye::about), begun.dimensions)?;
        drop(progress);
        warnings.iter().for_each(|w| text::say(&text::warning(&text::own_warning(w))));

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
            command: "images reduce".into(),
            dataset: self.dataset.to_owned(),
            layout: set.format().name().into(),
            pictures: pictures.len(),
            unreadable: begun.unreadable,
            left_out: set.of(Split::Train).filter(|p| !p.usable).count(),
            categories: parts.collect(),
            features,
            method: self.method(),
            budget: BudgetRecord::new(&budget, &categories.names, args.allow_empty_categories),
            kept,
            placement: placement(args).1.into(),
            threads: self.threads,
            predicted_peak_memory_bytes: predicted,
        };
        if args.run.json {
            let text = serde_json::to_string_pretty(&plan)
                .map_err(|e| Failure::new(format!("the plan cannot be made: {e}")).code(crate::error::FAULT))?;
            return Ok(text + "\n");
        }
        text::say(&self.words(&plan, &begun));
        Ok(String::new())
    }

    fn floor(&self) -> EmptyClasses {
        if self.args.allow_empty_categories { EmptyClasses::Allow } else { EmptyClasses::Forbid }
    }

    fn method(&self) -> MethodRecord {
        MethodRecord {
            id: self.reducer.info().id.into(),
            parameters: self.reducer.params().iter().map(|(n, v)| (n.to_owned(), value_json(v))).collect(),
            seed: Some(self.args.seed),
            facts: std::collections::BTreeMap::new(),
            ranking: None,
        }
    }

    /// Reads the beginnings of pictures, and tries the model.
    fn begin(&self, pictures: &[usize], progress: &Progress) -> Result<Begun, Failure> {
        let run = &self.args.run;
        let (dimensions, table) = match (&self.features.table, self.eye) {
            (Some(table), _) => Features::extent(table, self.features.paths.as_deref())?,
            (None, Some(eye)) => (eye.dimensions(), 0),
            (None, None) => (color_edge_features::DIMENSIONS, 0),
        };
        progress.begin("reading the beginnings of pictures", pictures.len() as u64);
        let headers = pictures.par_iter().map(|&i| {
            progress.advance(1);
            ImageHeader::read(&self.set.images[i].path)
        });
        let mut headers: Vec<ImageHeader> = headers.collect::<Vec<_>>().into_iter().flatten().collect();
        let unreadable = pictures.len() - headers.len();
        headers.sort_by_key(|g| std::cmp::Reverse(g.memory));
        let largest = headers.iter().map(|g| g.size).max_by_key(|(w, h)| u64::from(*w) * u64::from(*h));
        // At worst the largest are decoded at once.
        let at_once = self.eye.map_or(self.threads, |eye| eye.held(self.threads));
        let decoding = headers.iter().take(at_once).map(|g| g.memory).sum();
        let mut reached = reached(0);
        if let Some(eye) = self.eye {
            // The model is loaded; each thread is yet to bring its own part.
            plan::within_limit_or(reached, run, HINT)?;
            progress.begin("trying the model on grey", 0);
            let threads = self.threads.min(pictures.len()).max(1);
            eye.try_out(largest.unwrap_or((64, 64)), threads)?;
            reached = self::reached(eye.guess(self.threads));
        }
        Ok(Begun { dimensions, table, unreadable, largest, decoding, reached })
    }

    /// The predicted peak: what was reached already, what is held of pictures, and what comes and goes.
    fn memory(&self, begun: &Begun, categories: &Categories, kept: usize) -> u64 {
        let (pictures, dimensions) = (categories.codes.len(), begun.dimensions);
        let shape = Shape {
            rows: pictures,
            columns: dimensions,
            classes: categories.names.len(),
            largest_class: categories.sizes().into_iter().max().unwrap_or(0),
            scalar_bytes: 4,
        };
        // Features of the pictures are in what was looked at, and in the matrix that is made of it.
        let (looks, comparing) = inspection_memory(pictures, dimensions);
        let matrix = 4 * (pictures * dimensions) as u64;
        let method = self.reducer.memory(&shape, kept, self.threads).max(plan::epsilon_memory(&shape, kept));
        // The list, the manifest, and the document without what was not kept.
        let document = self.set.format().write_memory(self.set);
        let sheet = match self.args.report {
            true => contact_sheet_memory(pictures, dimensions, shape.classes) + 2 * self.args.report_size.as_u64(),
            false => 0,
        };
        let writing = 512 * pictures as u64 + document + sheet;
        // What comes and goes while pictures are looked at, and then: not all of the first is given back by then.
        begun.reached + CODE + looks + matrix + begun.decoding.max(comparing) + begun.table.max(method).max(writing)
    }

    fn words(&self, plan: &ImagesPlan, begun: &Begun) -> String {
        let mut out = format!(
            "would keep {} of {} pictures of {} by {} ({})\n\n",
            text::count(plan.kept),
            text::count(plan.pictures),
            self.dataset.display(),
            plan.method.id,
            text::percent(plan.kept, plan.pictures)
        );
        let rows = plan.categories.iter().map(|p| {
            let kept = p.kept.map_or_else(|| "?".to_owned(), text::count);
            let part = p.kept.map_or_else(String::new, |kept| text::percent(kept, p.all));
            vec![p.name.clone(), text::count(p.all), kept, part]
        });
        out.push_str(&text::columns(&["category", "pictures", "would keep", "part"], rows, 2, 1));
        if self.reducer.scope() == Scope::Global {
            let _ = writeln!(
                out,
                "\n  {} chooses over all pictures at once: what a category keeps is not known yet",
                plan.method.id
            );
        }
        let _ =
            writeln!(out, "\n  features: {}, {} numbers a picture", plan.features.title(), plan.features.dimensions);
        if let Some(eye) = self.eye {
            let _ = writeln!(out, "  seen by {}", eye.words());
        }
        if plan.left_out > 0 {
            let _ = writeln!(out, "  left out for errors in annotations: {}", text::count(plan.left_out));
        }
        let many = if plan.unreadable > 0 {
            format!("; {} do not even begin like one", text::count(plan.unreadable))
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "  no picture was decoded: those that cannot be are not known yet, are counted here, and would be left out{many}"
        );
        if self.args.from_manifest.is_some() {
            out.push_str("  whether the pictures are those of the manifest is not known yet\n");
        }
        if let Some((width, height)) = begun.largest {
            let _ = writeln!(out, "  the largest is {width} × {height} pixels");
        }
        out.push_str(&plan::closing(plan.predicted_peak_memory_bytes, plan.threads));
        out
    }
}

/// What is known before a picture is decoded.
struct Begun {
    dimensions: usize,
    /// Bytes that reading a table of features takes.
    table: u64,
    /// Pictures that do not begin like one.
    unreadable: usize,
    largest: Option<(u32, u32)>,
    /// Bytes that decoding takes, as many pictures at once as there will be.
    decoding: u64,
    /// Bytes that this process has taken already, with the set, and the model at work in every thread.
    reached: u64,
}

/// The peak so far; where the system does not tell, what is taken before anything is read and a guess of the rest.
fn reached(guess: u64) -> u64 {
    machine::peak_memory().unwrap_or(plan::BASE_MEMORY + guess)
}
