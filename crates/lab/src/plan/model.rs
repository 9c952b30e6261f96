//! The sections `[model]` or `[[model]]` of a plan for a table: the models that are trained on what is kept.

use leanset_problem::Result;
use leanset_spec::Training;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::detector::EqualTraining;
use super::locate::Text;
use crate::template::{Command, OfModel, Placeholder, Template};

/// What a model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// A multilayer perceptron, trained in epochs.
    #[default]
    Mlp,
    /// Multinomial logistic regression: the linear model.
    Logistic,
    /// k nearest neighbours.
    Neighbors,
    /// Kernel ridge regression with a Gaussian kernel.
    KernelRidge,
    /// The user's own command.
    Command,
}

impl ModelKind {
    /// Its name in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Logistic => "logistic",
            Self::Neighbors => "neighbors",
            Self::KernelRidge => "kernel-ridge",
            Self::Command => "command",
        }
    }
}

/// The settings of a model beside those of the trainer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSettings {
    /// Its name in records and reports, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "is_mlp")]
    pub kind: ModelKind,
    /// The user's own model: the command that trains and tests it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command<OfModel>>,
    /// The file of its predictions, a class per test row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Template<OfModel>>,
    /// The JSON file of its scores, instead of the last line that it prints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Template<OfModel>>,
    /// Of a perceptron, what trainings on fewer rows have in equal number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equal: Option<EqualTraining>,
    /// Of a perceptron, the fraction of each class that is held out of training and watched to stop early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Of a perceptron that stops early, epochs of full training without a smaller loss after which it stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Of nearest neighbours, how many vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbors: Option<usize>,
    /// Of logistic and kernel ridge regression, the factor of the squared norm beside the sum of the losses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penalty: Option<f64>,
    /// Of kernel ridge regression, γ of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
    /// Of kernel ridge regression, how many rows functions are made of at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub landmarks: Option<usize>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde gives a reference
fn is_mlp(kind: &ModelKind) -> bool {
    *kind == ModelKind::Mlp
}

/// A model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPlan {
    /// What it is.
    #[serde(flatten)]
    pub settings: ModelSettings,
    /// Of a perceptron, its network and training.
    #[serde(flatten)]
    pub training: Training,
}

/// Which defaults hold where a document says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defaults {
    /// Those of plans.
    Current,
    /// Those of records that were begun before there was the setting.
    Legacy,
}

/// Epochs of the paper's model for tables.
const PAPER_EPOCHS: usize = 150;
/// Epochs of the default model.
const EPOCHS: usize = 50;
/// Units of the hidden layers of the default model.
const HIDDEN: [usize; 2] = [64, 64];
/// The fraction that is held out, and the patience, where only the other is given.
const VALIDATION: f64 = 0.1;
const PATIENCE: usize = 10;
/// The most epochs, so that a slip of the finger is caught.
const MOST_EPOCHS: usize = 1_000_000;
/// The most landmarks: a table of them squared is 800 MB.
const MOST_LANDMARKS: usize = 10_000;

impl ModelPlan {
    /// Its name in records and reports; none where it is the only model and has none.
    pub fn name(&self) -> Option<&str> {
        self.settings.name.as_deref()
    }

    /// What a report calls it.
    pub fn title(&self) -> &str {
        self.name().unwrap_or(self.settings.kind.name())
    }

    /// Whether it is the perceptron inside.
    pub fn is_perceptron(&self) -> bool {
        self.settings.kind == ModelKind::Mlp
    }

    /// Whether it is trained in epochs, of gradient steps.
    pub fn trains_in_epochs(&self) -> bool {
        let asks = |command: &Command<OfModel>| command.has(Placeholder::Epochs) || command.has(Placeholder::Steps);
        self.is_perceptron() || self.settings.command.as_ref().is_some_and(asks)
    }

    /// Epochs on all rows; 0 where it has none.
    pub fn epochs(&self) -> u32 {
        self.training.epochs.and_then(|epochs| u32::try_from(epochs).ok()).unwrap_or_default()
    }

    /// With what is left out filled in.
    #[must_use]
    fn filled(&self, defaults: Defaults) -> Self {
        let mut filled = self.clone();
        if filled.settings.command.is_some() && filled.is_perceptron() {
            filled.settings.kind = ModelKind::Command;
        }
        let in_epochs = filled.trains_in_epochs();
        let settings = &mut filled.settings;
        match settings.kind {
            ModelKind::Mlp => {
                let (hidden, dropout, epochs, equal) = match defaults {
                    Defaults::Current => (HIDDEN.to_vec(), 0.0, EPOCHS, EqualTraining::Steps),
                    Defaults::Legacy => {
                        let paper = Training::default().resolved();
                        (paper.hidden, paper.dropout, PAPER_EPOCHS, EqualTraining::Epochs)
                    }
                };
                settings.equal.get_or_insert(equal);
                if settings.validation.is_some() || settings.patience.is_some() {
                    settings.validation.get_or_insert(VALIDATION);
                    settings.patience.get_or_insert(PATIENCE);
                }
                // Settings that a plan did not have before stay out of the header where they are left out of the plan.
                let training = &mut filled.training;
                training.hidden.get_or_insert(hidden);
                training.dropout.get_or_insert(dropout);
                training.epochs.get_or_insert(epochs);
                let resolved = training.resolved();
                training.batch.get_or_insert(resolved.batch);
                training.learning_rate.get_or_insert(resolved.learning_rate);
            }
            ModelKind::Command if in_epochs => {
                settings.equal.get_or_insert(EqualTraining::Steps);
                filled.training.epochs.get_or_insert(EPOCHS);
                let resolved = filled.training.resolved();
                filled.training.batch.get_or_insert(resolved.batch);
            }
            ModelKind::Command => {}
            ModelKind::Logistic => {
                settings.penalty.get_or_insert(leanset_train::quick::Logistic::default().penalty);
            }
            ModelKind::Neighbors => {
                settings.neighbors.get_or_insert(leanset_train::quick::Neighbors::default().neighbors);
            }
            ModelKind::KernelRidge => {
                let default = leanset_train::quick::KernelRidge::default();
                settings.penalty.get_or_insert(default.penalty);
                settings.landmarks.get_or_insert(default.landmarks);
            }
        }
        filled
    }

    /// Refuses settings that no model can have. `place` is its key in the document, such as `model` or `model.0`.
    fn check(&self, text: &Text<'_>, place: &str) -> Result<()> {
        let settings = &self.settings;
        let refuse = |key: &str, constraint: &str, value: &dyn std::fmt::Display, hint: &str| {
            let own = key.trim_start_matches("each of ");
            let what = format!("{} must be {constraint}, not {value}", key.replacen(own, &format!("model.{own}"), 1));
            text.wrong(&format!("{place}.{own}"), &what, hint)
        };
        if let Some(name) = self.name().filter(|name| name.trim().is_empty()) {
            return refuse("name", "a name", &format!("'{name}'"), "name = \"linear\"");
        }
        let kinds: [(&str, bool, &[ModelKind]); 9] = [
            ("predictions", settings.predictions.is_some(), &[ModelKind::Command]),
            ("results", settings.results.is_some(), &[ModelKind::Command]),
            ("equal", settings.equal.is_some(), &[ModelKind::Mlp, ModelKind::Command]),
            ("validation", settings.validation.is_some(), &[ModelKind::Mlp]),
            ("patience", settings.patience.is_some(), &[ModelKind::Mlp]),
            ("neighbors", settings.neighbors.is_some(), &[ModelKind::Neighbors]),
            ("penalty", settings.penalty.is_some(), &[ModelKind::Logistic, ModelKind::KernelRidge]),
            ("gamma", settings.gamma.is_some(), &[ModelKind::KernelRidge]),
            ("landmarks", settings.landmarks.is_some(), &[ModelKind::KernelRidge]),
        ];
        if settings.kind == ModelKind::Command {
            self.check_command(text, place)?;
        } else if settings.command.is_some() {
            let what = format!("model has a command, and the kind is \"{}\"", settings.kind.name());
            return text.wrong(&format!("{place}.command"), &what, "leave out kind, or the command");
        }
        let own = kinds.iter().find(|(_, given, kinds)| *given && !kinds.contains(&settings.kind));
        let epochs_alone = Training { epochs: None, batch: None, ..self.training.clone() };
        let training = if settings.kind == ModelKind::Command { &epochs_alone } else { &self.training };
        let trained = training.first_given().filter(|_| settings.kind != ModelKind::Mlp);
        if let Some((key, kinds)) = own.map(|k| (k.0, k.2)).or(trained.map(|s| (s.name, &[ModelKind::Mlp][..]))) {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{}\"", kind.name())).collect();
            let what = format!(
                "model.{key} is for kind = {}, and the kind is \"{}\"",
                kinds.join(" or "),
                settings.kind.name()
            );
            return text.wrong(&format!("{place}.{key}"), &what, "leave it out");
        }
        let model = self.training.resolved();
        if model.hidden.contains(&0) {
            return refuse("each of hidden", "at least 1", &0, "hidden = [] is a linear model");
        }
        if !(0.0..1.0).contains(&model.dropout) {
            return refuse("dropout", "in [0, 1)", &model.dropout, "dropout = 0 drops nothing");
        }
        if !(1..=MOST_EPOCHS).contains(&model.epochs) {
            let range = if model.epochs == 0 { "at least 1".into() } else { format!("in [1, {MOST_EPOCHS}]") };
            return refuse("epochs", &range, &model.epochs, "epochs = 50 is the default");
        }
        if model.batch == 0 {
            return refuse("batch", "at least 1", &model.batch, "batch = 32 is the default");
        }
        for (key, value, least, hint) in [
            ("learning_rate", Some(model.learning_rate), None, "learning_rate = 0.001 is the default"),
            ("weight_decay", Some(model.weight_decay), Some(0.0), "weight_decay = 0 is the default"),
            ("penalty", settings.penalty, None, "leave it out for the default"),
            ("gamma", settings.gamma, None, "leave it out: it then follows from the data"),
        ] {
            let Some(value) = value else { continue };
            if !(value.is_finite() && (value > 0.0 || least == Some(value))) {
                let constraint = if least.is_some() { "at least 0" } else { "above 0" };
                return refuse(key, constraint, &value, hint);
            }
        }
        if let Some(validation) = settings.validation.filter(|part| !(*part > 0.0 && *part < 1.0)) {
            return refuse("validation", "in (0, 1)", &validation, "validation = 0.1 watches a tenth of the kept rows");
        }
        if settings.patience == Some(0) {
            return refuse("patience", "at least 1", &0, "patience = 10 is the default");
        }
        if settings.neighbors == Some(0) {
            return refuse("neighbors", "at least 1", &0, "neighbors = 3 is the default");
        }
        if let Some(landmarks) = settings.landmarks.filter(|count| !(1..=MOST_LANDMARKS).contains(count)) {
            let range = format!("in [1, {MOST_LANDMARKS}]");
            return refuse("landmarks", &range, &landmarks, "landmarks = 2000 is the default");
        }
        Ok(())
    }
}

impl ModelPlan {
    fn check_command(&self, text: &Text<'_>, place: &str) -> Result<()> {
        let settings = &self.settings;
        let Some(command) = settings.command.as_ref().filter(|command| !command.is_empty()) else {
            let hint = "command = [\"python\", \"train.py\", \"{train}\", \"{test}\", \"{seed}\"]";
            return text.wrong(&format!("{place}.command"), "model has no command", hint);
        };
        for (slot, why) in [(Placeholder::Train, "the table to train on"), (Placeholder::Test, "the table to test on")]
        {
            if !command.has(slot) {
                let what = format!("model.command has no {{{}}}", slot.name());
                return text.wrong(&format!("{place}.command"), &what, &format!("it stands for {why}"));
            }
        }
        if settings.predictions.is_some() && settings.results.is_some() {
            let what = "model has both predictions and results";
            return text.wrong(&format!("{place}.results"), what, "keep predictions: every score follows from them");
        }
        for (key, file) in [("predictions", &settings.predictions), ("results", &settings.results)] {
            let Some(file) = file else { continue };
            let leads_out = file.to_string().split(['/', '\\']).any(|part| part == "..");
            if !file.has(Placeholder::Out) || leads_out {
                let what = format!("model.{key} must be below {{out}}, not '{file}'");
                return text.wrong(&format!("{place}.{key}"), &what, &format!("{key} = \"{{out}}/{key}.txt\""));
            }
        }
        if !self.trains_in_epochs() {
            for (key, given) in [
                ("epochs", self.training.epochs.is_some()),
                ("batch", self.training.batch.is_some()),
                ("equal", settings.equal.is_some()),
            ] {
                if given {
                    let what = format!("model.{key} is for a command with {{epochs}} or {{steps}}");
                    return text.wrong(&format!("{place}.{key}"), &what, "put {epochs} where the command takes it");
                }
            }
        }
        Ok(())
    }
}

/// The models of a plan: `[model]`, or `[[model]]` several times.
#[derive(Clone, Debug, PartialEq)]
pub struct Models(Vec<ModelPlan>);

impl Default for Models {
    fn default() -> Self {
        Self(vec![ModelPlan::default()])
    }
}

impl Models {
    /// The models, in the order of the plan.
    pub fn as_slice(&self) -> &[ModelPlan] {
        &self.0
    }

    /// With what is left out filled in.
    #[must_use]
    pub(super) fn filled(&self, defaults: Defaults) -> Self {
        Self(self.0.iter().map(|model| model.filled(defaults)).collect())
    }

    /// Refuses settings that no model can have.
    pub(super) fn check(&self, text: &Text<'_>) -> Result<()> {
        if self.0.is_empty() {
            return text.wrong("model", "the plan has no model", "leave out model = [] for the default model");
        }
        let listed = text.is_list("model");
        for (i, model) in self.0.iter().enumerate() {
            let place = if listed { format!("model.{i}") } else { "model".to_owned() };
            model.check(text, &place)?;
            if self.0[..i].iter().any(|before| before.name() == model.name()) {
                let what = format!("two models are called '{}'", model.title());
                return text.wrong(&place, &what, "tell them apart with name = \"…\"");
            }
        }
        Ok(())
    }
}

impl Models {
    /// With those of other plans that have another name.
    pub(super) fn add(&mut self, other: &Self) {
        for model in &other.0 {
            if !self.0.iter().any(|known| known.name() == model.name()) {
                self.0.push(model.clone());
            }
        }
    }
}

impl Serialize for Models {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] if only.name().is_none() => only.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> de::Visitor<'de> for OneOrMany {
            type Value = Models;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table, [model], or several, [[model]]")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Models, A::Error> {
                Ok(Models(vec![ModelPlan::deserialize(MapAccessDeserializer::new(map))?]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Models, A::Error> {
                let mut models = Vec::<ModelPlan>::deserialize(SeqAccessDeserializer::new(list))?;
                // One of a list has a name.
                for model in &mut models {
                    let own = model.settings.command.is_some() && model.is_perceptron();
                    let kind = if own { ModelKind::Command } else { model.settings.kind }.name();
                    model.settings.name.get_or_insert_with(|| kind.to_owned());
                }
                Ok(Models(models))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
