//! The settings that texts name, and how each face spells them.
//!
//! A setting that a face does not have is spelled by its bare name there, except that a plan is run by a command: what only
//! its flags can say is spelled as a flag.

use std::fmt;

use crate::face::Face;

/// A setting, wherever it is given.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name: that of the field in a request.
    pub name: &'static str,
    /// Its flag on the command line.
    pub flag: &'static str,
    /// Its key in a plan, with the section, if plans have it.
    pub plan: Option<&'static str>,
    /// Its parameter in Python, if Python has it.
    pub python: Option<&'static str>,
}

/// A setting and the value that it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The setting.
    pub setting: &'static Setting,
    /// Its value; nothing if only the setting is named.
    pub value: Option<String>,
}

impl Setting {
    /// This setting with a value.
    pub fn to(&'static self, value: impl fmt::Display) -> Assignment {
        Assignment { setting: self, value: Some(value.to_string()) }
    }
}

/// Keys of a plan whose values are lists.
const LISTS: [&str; 6] =
    ["data.features", "data.exclude", "data.categorical", "data.missing_values", "model.hidden", "reduce.ratios"];

/// Settings without a value on the command line.
const SWITCHES: [&str; 8] = [
    "allow_empty_classes",
    "allow_empty_categories",
    "balance",
    "force",
    "no_epsilon",
    "no_header",
    "strict",
    "persistence",
];

/// Whether a value is a placeholder, such as `FILE` or `CLASS=N`, and no value to be quoted.
fn is_placeholder(value: &str) -> bool {
    value.chars().any(char::is_uppercase) && !value.chars().any(char::is_lowercase)
}

/// A value in quotes where a shell would take it apart.
pub fn for_shell(value: &str) -> String {
    let special = |c: char| c.is_whitespace() || "'\"$`&;()<>*?#\\".contains(c);
    if value.is_empty() || value.contains(special) && !is_placeholder(value) {
        format!("'{}'", value.replace('\'', r"'\''"))
    } else {
        value.to_owned()
    }
}

impl Assignment {
    /// As this face spells it.
    pub fn render(&self, face: Face) -> String {
        let Setting { name, flag, plan, python } = self.setting;
        let quoted = |value: &str| {
            let words = *name == MISSING_VALUES.name;
            let bare =
                is_placeholder(value) && !words || value.parse::<f64>().is_ok() || matches!(value, "true" | "false");
            if bare { value.to_owned() } else { format!("\"{value}\"") }
        };
        match (face, self.value.as_deref()) {
            // A parameter of a method: NAME=VALUE on the command line, and a name of its own elsewhere.
            (Face::Plan, Some(value)) if *name == PARAM.name => match value.split_once('=') {
                Some((name, value)) => format!("method.parameters.{name} = {}", quoted(value)),
                None => format!("method.parameters.{value}"),
            },
            (Face::Python, Some(value)) if *name == PARAM.name => match value.split_once('=') {
                Some((name, value)) => format!("{name}={}", quoted(value)),
                None => value.to_owned(),
            },
            (Face::CommandLine, None) => (*flag).to_owned(),
            (Face::CommandLine, Some(value)) => format!("{flag} {}", for_shell(value)),
            (Face::Plan, value) => match (plan, value) {
                (Some(key), Some(value)) if LISTS.contains(key) => format!("{key} = [{}]", quoted(value)),
                (Some(key), Some(value)) => format!("{key} = {}", quoted(value)),
                (Some(key), None) if *name == NO_HEADER.name => format!("{key} = true"),
                (Some(key), None) => (*key).to_owned(),
                (None, Some(value)) => format!("{flag} {value}"),
                (None, None) => (*flag).to_owned(),
            },
            (Face::Python, Some(value)) => format!("{}={}", python.unwrap_or(name), quoted(value)),
            // A switch is turned on.
            (Face::Python, None) if SWITCHES.contains(name) => format!("{}=True", python.unwrap_or(name)),
            (Face::Python, None) => python.unwrap_or(name).to_owned(),
        }
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.setting.name),
            None => f.write_str(self.setting.name),
        }
    }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $constant:ident = $name:literal $flag:literal, plan $plan:expr, python $python:expr;)+) => {
        $(
            $(#[$doc])*
            pub static $constant: Setting = Setting { name: $name, flag: $flag, plan: $plan, python: $python };
        )+

        /// Every setting that a text can name. Tests hold each face to it.
        pub static SETTINGS: &[&Setting] = &[$(&$constant),+];
    };
}

settings! {
    // The columns of a table.
    /// The column of classes.
    LABEL = "label" "--label", plan Some("data.label"), python Some("y");
    /// The columns that distances are measured on.
    FEATURES = "features" "--features", plan Some("data.features"), python None;
    /// The columns that are carried along.
    EXCLUDE = "exclude" "--exclude", plan Some("data.exclude"), python None;
    /// The columns whose values are names, whatever they look like.
    CATEGORICAL = "categorical" "--categorical", plan Some("data.categorical"), python None;
    /// The column that names rows.
    ID = "id" "--id", plan Some("data.id"), python None;
    /// What happens to missing values.
    MISSING = "missing" "--missing", plan Some("data.missing"), python None;
    /// The words that stand for a missing value.
    MISSING_VALUES = "missing_values" "--missing-values", plan Some("data.missing_values"), python None;
    /// How columns are scaled.
    SCALE = "scale" "--scale", plan Some("data.scale"), python None;
    /// Classes that a numeric label is cut into.
    BINS = "bins" "--bins", plan Some("data.bins"), python None;
    /// The format of the input.
    FORMAT = "format" "--format", plan Some("data.format"), python None;
    /// The sheet of a workbook.
    SHEET = "sheet" "--sheet", plan Some("data.sheet"), python None;
    /// What separates fields.
    DELIMITER = "delimiter" "--delimiter", plan Some("data.delimiter"), python None;
    /// The decimal mark of numbers in text.
    DECIMAL = "decimal" "--decimal", plan Some("data.decimal"), python None;
    /// Whether the first line is a row.
    NO_HEADER = "no_header" "--no-header", plan Some("data.no_header"), python None;

    // The test part.
    /// The fraction of rows that is held out.
    SPLIT = "split" "--split", plan Some("split.test"), python None;
    /// The column of rows that stay together in a split.
    SPLIT_GROUP = "split_group" "--group", plan None, python None;
    /// Where the test rows go.
    TEST_OUTPUT = "test_output" "--test-output", plan None, python None;
    /// Where the training rows go.
    TRAIN_OUTPUT = "train_output" "--train-output", plan None, python None;

    // The method.
    /// The method.
    METHOD = "method" "--method", plan Some("method.name"), python Some("method");
    /// A parameter of the method.
    PARAM = "param" "--param", plan Some("method.parameters"), python None;
    /// The table that the kept rows represent.
    TARGET = "target" "--target", plan None, python Some("target");
    /// The rows that are kept already.
    KEPT = "kept" "--keep", plan None, python Some("kept");
    /// The training log.
    LOG = "log" "--log", plan None, python Some("log");
    /// Whether rows that their neighbours contradict come last.
    GUARD = "guard" "--guard", plan Some("method.guard"), python Some("guard");
    /// The seed.
    SEED = "seed" "--seed", plan Some("seed"), python Some("random_state");
    /// The ranking that is cut.
    RANKING = "ranking" "--ranking", plan None, python None;

    // The built-in trainer.
    /// Passes over the rows.
    EPOCHS = "epochs" "--epochs", plan Some("model.epochs"), python Some("epochs");
    /// Units of hidden layers.
    HIDDEN = "hidden" "--hidden", plan Some("model.hidden"), python Some("hidden");
    /// The function after each hidden layer.
    ACTIVATION = "activation" "--activation", plan None, python Some("activation");
    /// The fraction of units that a step leaves out.
    DROPOUT = "dropout" "--dropout", plan Some("model.dropout"), python Some("dropout");
    /// The optimizer.
    OPTIMIZER = "optimizer" "--optimizer", plan None, python Some("optimizer");
    /// The learning rate.
    LEARNING_RATE = "learning_rate" "--learning-rate", plan Some("model.learning_rate"), python Some("learning_rate");
    /// The weight decay.
    WEIGHT_DECAY = "weight_decay" "--weight-decay", plan None, python Some("weight_decay");
    /// Rows, or images, per step.
    BATCH = "batch" "--batch", plan Some("model.batch"), python Some("batch");
    /// Where the training log goes.
    SAVE_LOG = "save_log" "--save-log", plan None, python None;

    // The budget.
    /// The fraction that is kept.
    RATIO = "ratio" "--ratio", plan Some("reduce.ratios"), python Some("ratio");
    /// The number of rows that are kept.
    COUNT = "count" "--count", plan None, python Some("count");
    /// The number of rows that are kept of each class.
    PER_CLASS = "per_class" "--per-class", plan None, python Some("per_class");
    /// Whether classes may vanish.
    ALLOW_EMPTY_CLASSES = "allow_empty_classes" "--allow-empty-classes", plan None, python Some("allow_empty_classes");
    /// The number of images that are kept of each category.
    PER_CATEGORY = "per_category" "--per-category", plan None, python Some("per_category");
    /// Whether categories may vanish.
    ALLOW_EMPTY_CATEGORIES = "allow_empty_categories" "--allow-empty-categories", plan None, python Some("allow_empty_categories");
    /// How classes share a total.
    BALANCE_CLASSES = "balance_classes" "--balance", plan Some("reduce.balance"), python Some("balance");
    /// How categories share a total.
    BALANCE_CATEGORIES = "balance_categories" "--balance-categories", plan Some("reduce.balance"), python Some("balance_categories");
    /// Whether objects of classes are evened out.
    BALANCE = "balance" "--balance", plan Some("images.balance"), python Some("balance");
    /// The metric of ε.
    METRIC = "metric" "--metric", plan Some("reduce.metric"), python Some("metric");
    /// The largest distance of a row to the nearest kept row of its class, by the fewest rows of each class.
    WITHIN = "within" "--within", plan None, python Some("within");
    /// The wanted ε.
    EPSILON = "epsilon" "--epsilon", plan None, python Some("max_epsilon");
    /// Whether ε is left out.
    NO_EPSILON = "no_epsilon" "--no-epsilon", plan None, python Some("no_epsilon");

    // Outputs.
    /// Where the result goes.
    OUTPUT = "output" "--output", plan None, python Some("output");
    /// What is written of each row.
    EMIT = "emit" "--emit", plan None, python None;
    /// In which order rows are written.
    ORDER = "order" "--order", plan None, python None;
    /// The column of weights.
    WEIGHTS = "weights" "--weights", plan None, python Some("weights");
    /// Where the manifest goes.
    MANIFEST = "manifest" "--manifest", plan None, python None;
    /// Whether outputs are replaced.
    FORCE = "force" "--force", plan None, python Some("overwrite");
    /// The manifest that is reproduced.
    FROM_MANIFEST = "from_manifest" "--from-manifest", plan None, python None;
    /// Whether the result is printed as JSON.
    JSON = "json" "--json", plan None, python None;

    // The run.
    /// Threads.
    THREADS = "threads" "--threads", plan None, python Some("threads");
    /// The most memory that a run may be predicted to take.
    MEMORY_LIMIT = "memory_limit" "--memory-limit", plan None, python Some("memory_limit");
    /// Whether nothing is done.
    DRY_RUN = "dry_run" "--dry-run", plan None, python None;
    /// The table or dataset of an experiment, instead of its plan's.
    DATA = "data" "--data", plan Some("data.path"), python None;
    /// Where folders of trainings stay.
    KEEP = "keep" "--keep", plan None, python None;

    /// The runs of an experiment that are done.
    ONLY = "only" "--only", plan None, python None;

    // Choosing.
    /// How much of the goal may be lost.
    TOLERANCE = "tolerance" "--tolerance", plan None, python Some("tolerance");
    /// What models are judged by.
    GOAL = "goal" "--goal", plan None, python Some("goal");
    /// The parts in which rows are held out.
    FOLDS = "folds" "--folds", plan None, python Some("cv");
    /// The time that a choice may take.
    TIME = "time" "--time", plan None, python Some("time");
    /// The user's own model.
    OWN_MODEL = "own_model" "--model", plan None, python Some("estimator");
    /// The file of predictions of the user's own model.
    PREDICTIONS = "predictions" "--predictions", plan Some("model.predictions"), python None;
    /// The table whose rows are tested.
    VALIDATION = "validation" "--validation", plan None, python None;
    /// The records of a choice.
    RECORDS = "records" "--records", plan None, python None;

    // Measuring.
    /// ε of all prefixes of a ranking.
    CURVE = "curve" "--curve", plan None, python None;
    /// Whether persistence diagrams are compared.
    PERSISTENCE = "persistence" "--persistence", plan None, python Some("persistence");
    /// Points that represent a large class.
    PERSISTENCE_POINTS = "persistence_points" "--persistence-points", plan None, python Some("points");

    // Image datasets.
    /// Where the images of a COCO file are.
    IMAGES = "images" "--images", plan Some("images.images"), python Some("images");
    /// The rule that divides images.
    CATEGORY = "category" "--category", plan Some("images.category"), python Some("category");
    /// Classes that count as one.
    GROUP = "group" "--group", plan Some("images.groups"), python Some("groups");
    /// A table of categories.
    CATEGORIES = "categories" "--categories", plan Some("images.categories"), python Some("categories");
    /// Whether any issue stops the work.
    STRICT = "strict" "--strict", plan None, python Some("strict");
    /// Whether files are copied.
    COPY = "copy" "--copy", plan None, python Some("placement");
    /// Whether files are linked.
    LINK = "link" "--link", plan None, python Some("placement");
    /// Whether a contact sheet is written.
    REPORT = "report" "--report", plan None, python Some("report");

    // Features of images.
    /// The ONNX model.
    MODEL = "model" "--model", plan Some("features.model"), python Some("model");
    /// Where the model is cut.
    LAYER = "layer" "--layer", plan Some("features.layer"), python Some("layer");
    /// How images are brought to the size of the model.
    FIT = "fit" "--fit", plan Some("features.fit"), python Some("fit");
    /// The side of the square that the model takes.
    SIZE = "size" "--size", plan Some("features.size"), python Some("size");
    /// How pixels are normalised.
    PIXELS = "pixels" "--pixels", plan Some("features.pixels"), python Some("pixels");
    /// The mean of each channel.
    MEAN = "mean" "--mean", plan Some("features.mean"), python Some("mean");
    /// The standard deviation of each channel.
    STD = "std" "--std", plan Some("features.std"), python Some("std");
    /// The library of ONNX Runtime.
    ONNXRUNTIME = "onnxruntime" "--onnxruntime", plan Some("features.onnxruntime"), python Some("onnxruntime");
    /// What ONNX Runtime computes on.
    DEVICE = "device" "--device", plan Some("features.device"), python Some("device");
    /// Images that the model is given at once.
    MODEL_BATCH = "model_batch" "--batch", plan Some("features.batch"), python Some("batch");
    /// The folder of cached feature vectors.
    CACHE = "cache" "--cache", plan None, python Some("cache");
    /// Whether no cache is used.
    NO_CACHE = "no_cache" "--no-cache", plan None, python None;
    /// A table of features.
    FEATURE_TABLE = "feature_table" "--features", plan Some("features.table"), python Some("features");
    /// The paths of the rows of an array of features.
    FEATURE_PATHS = "feature_paths" "--feature-paths", plan Some("features.paths"), python Some("feature_paths");
    /// Where the paths of the rows go.
    PATHS = "paths" "--paths", plan None, python None;

    // Energy.
    /// The country whose electricity it is.
    COUNTRY = "country" "--country", plan Some("energy.country"), python Some("country");
    /// The carbon intensity of electricity.
    CARBON_INTENSITY = "carbon_intensity" "--carbon-intensity", plan Some("energy.carbon_intensity"), python Some("carbon_intensity");
    /// The power of the machine.
    WATTS = "watts" "--watts", plan Some("energy.watts"), python Some("watts");
    /// The rated power of the processors.
    TDP = "tdp" "--tdp", plan Some("energy.tdp"), python Some("tdp");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_names_are_distinct_and_flags_are_kebab_case() {
        let mut names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
        for setting in SETTINGS {
            let plain = setting.flag.strip_prefix("--").expect("a long flag");
            assert!(plain.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{plain}");
        }
    }

    #[test]
    fn assignment_is_spelled_by_each_face() {
        let mean = MISSING.to("mean");
        assert_eq!(mean.render(Face::CommandLine), "--missing mean");
        assert_eq!(mean.render(Face::Plan), "data.missing = \"mean\"");
        assert_eq!(mean.render(Face::Python), "missing=\"mean\"");
        assert_eq!(EXCLUDE.to("name").render(Face::Plan), "data.exclude = [\"name\"]");
        assert_eq!(mean.to_string(), "missing=mean");
        assert_eq!(RATIO.to(0.1).render(Face::Python), "ratio=0.1");
        assert_eq!(OUTPUT.to("FILE").render(Face::Python), "output=FILE");
        assert_eq!(Assignment { setting: &FORCE, value: None }.render(Face::Python), "overwrite=True");
        let column = EXCLUDE.to("unit price");
        assert_eq!(column.render(Face::CommandLine), "--exclude 'unit price'");
        assert_eq!(column.render(Face::Plan), "data.exclude = [\"unit price\"]");
        assert_eq!(EXCLUDE.to("Area").render(Face::CommandLine), "--exclude Area");
        assert_eq!(MISSING_VALUES.to("").render(Face::CommandLine), "--missing-values ''");
        assert_eq!(MISSING_VALUES.to("NA").render(Face::Plan), "data.missing_values = [\"NA\"]");
        assert_eq!(Assignment { setting: &NO_HEADER, value: None }.render(Face::Plan), "data.no_header = true");
        let rows = PARAM.to("output=rows");
        assert_eq!(rows.render(Face::CommandLine), "--param output=rows");
        assert_eq!(rows.render(Face::Plan), "method.parameters.output = \"rows\"");
        assert_eq!(rows.render(Face::Python), "output=\"rows\"");
        // What a plan does not have is a flag of the command that runs it.
        assert_eq!(THREADS.to(2).render(Face::Plan), "--threads 2");
    }
}
