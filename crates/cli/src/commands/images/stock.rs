//! What a reduction of pictures chooses from, for `images reduce` and experiments: the training pictures that can be used,
//! what they are divided into, and the numbers between which distances are measured.

use std::fmt::Write as _;
use std::path::Path;

use leanset_core::{Budget, EmptyClasses, Reducer, Scope};
use leanset_documents::images::{CategoryRecord, FeaturesRecord, ModelRecord, SourceRecord};
use leanset_images::{
    Categories, Features, ImageSet, Inspection, Rule, Severity, Split, balanced_counts, color_edge_features,
};
use leanset_lab::plan::FeaturePlan;
use leanset_lab::record::GIVEN_FEATURES;
use rayon::prelude::*;

use super::eye::Eye;
use super::{candidates, categories, check_candidates, look_at, rule};
use crate::args::ImageSetArgs;
use crate::error::Failure;
use crate::output;
use crate::progress::Progress;
use crate::text;

/// A set whose training pictures were looked at.
pub(crate) struct Stock {
    pub(crate) set: ImageSet,
    pub(crate) looks: Vec<Inspection>,
    /// Indices of the training pictures that can be used.
    pub(crate) pictures: Vec<usize>,
    /// What they are divided into.
    pub(crate) categories: Categories,
    /// The model that described them.
    model: Option<ModelRecord>,
    /// What is said of it to a person.
    pub(crate) told: Option<String>,
}

impl Stock {
    /// Looks at the training pictures of a set, through a model if there is one, says what is wrong with them, and divides
    /// those that can be used. `given`: their features are known from elsewhere.
    pub(crate) fn new(
        mut set: ImageSet,
        args: &ImageSetArgs,
        eye: Option<Eye>,
        given: bool,
        strict: bool,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let looks = look_at(&mut set, |p| p.split == Split::Train, eye.as_ref(), progress)?;
        let seen = eye.map(Eye::record).transpose()?;
        if given {
            set.allow_other_formats();
        }
        tell_faults(&set, strict)?;
        Self::divided(set, looks, args, seen)
    }

    /// The same of what annotations alone tell: no picture is looked at, so those that cannot be decoded are among them, and
    /// there are neither features nor hashes. What features would be made with is looked for all the same.
    pub(crate) fn unseen(
        mut set: ImageSet,
        args: &ImageSetArgs,
        features: &FeaturePlan,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        Eye::new(features, progress)?;
        [&features.table, &features.paths].into_iter().flatten().try_for_each(|file| source_record(file).map(drop))?;
        if features.given() {
            set.allow_other_formats();
        }
        tell_faults(&set, false)?;
        Self::divided(set, Vec::new(), args, None)
    }

    /// Divides the training pictures that can be used.
    fn divided(
        set: ImageSet,
        looks: Vec<Inspection>,
        args: &ImageSetArgs,
        seen: Option<(ModelRecord, String)>,
    ) -> Result<Self, Failure> {
        let pictures = candidates(&set);
        check_candidates(&set, &pictures)?;
        let categories = categories(&set, &pictures, args)?;
        let (model, told) = seen.unzip();
        Ok(Self { set, looks, pictures, categories, model, told })
    }

    /// The numbers between which distances are measured, and what they are called. Every picture of the stock has a row.
    /// They are taken out of the looks: asked for once.
    pub(crate) fn features(&mut self, plan: &FeaturePlan) -> Result<(Features, FeaturesRecord), Failure> {
        let features = match &plan.table {
            Some(file) => Features::from_table(&self.set, &self.pictures, file, plan.paths.as_deref())?,
            None => Features::from_inspections(&self.set, &mut self.looks, &self.pictures)?,
        };
        let record = features_record(plan, self.model.clone(), features.dimensions)?;
        Ok((features, record))
    }

    /// One hash of all that was chosen from: names, pictures and annotations of the training split.
    pub(crate) fn fingerprint(&self) -> String {
        self.hash(Split::Train, |picture| self.looks[picture].sha256)
    }

    /// The same of the pictures that detectors are tested on, and how many they are.
    pub(crate) fn validation(&self) -> (usize, String) {
        let digest = |picture: &leanset_images::Image| {
            let tested = picture.split == Split::Val;
            tested.then(|| output::sha256(&picture.path).ok()).flatten().map(|(digest, _)| digest)
        };
        let digests: Vec<Option<String>> = self.set.images.par_iter().map(digest).collect();
        (self.set.of(Split::Val).count(), self.hash(Split::Val, |picture| digests[picture].clone()))
    }

    fn hash<T: std::fmt::Debug>(&self, split: Split, digest: impl Fn(usize) -> T) -> String {
        let mut all = String::new();
        for (at, picture) in self.set.images.iter().enumerate().filter(|(_, p)| p.split == split) {
            let _ = writeln!(all, "{}\t{:?}\t{:?}", picture.name, digest(at), picture.objects);
        }
        output::sha256_of(all.as_bytes())
    }

    /// A ratio or a count, spread evenly over objects if that is asked.
    pub(crate) fn budget(&self, whole: Budget, balance: bool, floor: EmptyClasses) -> Result<Budget, Failure> {
        spread(whole, balance, floor, &self.set, &self.pictures, &self.categories)
    }

    /// How the pictures were divided.
    pub(crate) fn category_record(&self, args: &ImageSetArgs) -> Result<CategoryRecord, Failure> {
        let table = args.categories.as_deref().map(source_record).transpose()?;
        let rule = match (&table, rule(&self.set, args)) {
            (Some(_), _) => "table",
            (None, Rule::Amount) => "amount",
            (None, Rule::Classes) => "classes",
            (None, Rule::One) => "none",
        };
        let groups = args.groups.iter().map(|g| (g.name.clone(), g.classes.clone())).collect();
        Ok(CategoryRecord { rule: rule.into(), groups, table })
    }
}

/// A ratio or a count, spread evenly over objects if that is asked.
pub(super) fn spread(
    whole: Budget,
    balance: bool,
    floor: EmptyClasses,
    set: &ImageSet,
    pictures: &[usize],
    categories: &Categories,
) -> Result<Budget, Failure> {
    if !balance {
        return Ok(whole);
    }
    let total = whole.allocate(&categories.sizes(), floor)?.0.total();
    Ok(Budget::PerClass(balanced_counts(set, pictures, categories, total, floor == EmptyClasses::Forbid)))
}

/// What the numbers between which distances are measured are called.
pub(super) fn features_record(
    plan: &FeaturePlan,
    model: Option<ModelRecord>,
    dimensions: usize,
) -> Result<FeaturesRecord, Failure> {
    let table = plan.table.as_deref().map(source_record).transpose()?;
    let kind = match (&table, &model) {
        (Some(_), _) => GIVEN_FEATURES,
        (None, Some(_)) => "model",
        (None, None) => color_edge_features::NAME,
    };
    let paths = plan.paths.as_deref().map(source_record).transpose()?;
    Ok(FeaturesRecord { kind: kind.into(), dimensions, model, table, paths })
}

/// Counts of categories are kept by methods that choose within them; `asked` is what asks for counts.
pub(crate) fn check_scope(reducer: &Reducer, budget: &Budget, asked: &str) -> Result<(), Failure> {
    let id = reducer.info().id;
    if matches!(budget, Budget::PerClass(_)) && reducer.scope() == Scope::Global {
        return Err(Failure::new(format!("{id} chooses over all pictures at once, and keeps no count of a category"))
            .hint(format!("use another method, or leave {asked} out")));
    }
    Ok(())
}

/// Says what is wrong with the pictures that were looked at; ends the work if that was asked.
pub(super) fn tell_faults(set: &ImageSet, strict: bool) -> Result<(), Failure> {
    let told: Vec<_> = set.issues.iter().filter(|f| f.severity > Severity::Note).collect();
    for fault in &told {
        let (code, hint) = (fault.kind.code(), fault.kind.hint().to_owned());
        let left_out = if fault.severity == Severity::Error { " (left out)" } else { "" };
        let message = format!("{fault}{left_out}");
        text::say(&text::warning(&leanset_problem::Warning::new(code, message).hint(hint)));
    }
    if strict && !told.is_empty() {
        let many = if told.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", text::count(told.len())) };
        return Err(Failure::new(format!("{}: has {many}, and --strict is given", set.source.display()))
            .hint("mend them, or leave --strict out: pictures that cannot be used are then left out"));
    }
    Ok(())
}

fn source_record(path: &Path) -> Result<SourceRecord, Failure> {
    Ok(SourceRecord { path: path.to_owned(), sha256: output::sha256(path)?.0 })
}
