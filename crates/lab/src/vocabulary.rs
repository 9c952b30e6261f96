//! The words and the measures of a task, for summaries, the report and errors.

/// A number that models are compared by.
#[derive(Debug)]
pub struct Measure {
    /// Its key in documents.
    pub key: &'static str,
    /// Its name at the beginning of a title.
    pub title: &'static str,
    /// Its name within a sentence.
    pub name: &'static str,
    /// Its name where there is little room.
    pub short: &'static str,
}

/// The words and the measures of a task.
#[derive(Debug)]
pub struct TaskVocabulary {
    /// One of the things that are chosen.
    pub row: &'static str,
    /// Several of them.
    pub rows: &'static str,
    /// One of the groups that they are divided into.
    pub class: &'static str,
    /// All of these groups.
    pub classes: &'static str,
    /// The same at the beginning of a title.
    pub classes_title: &'static str,
    /// The data at the beginning of a title.
    pub data: &'static str,
    /// The measures, in the order of [`ModelScores::values`](crate::record::ModelScores::values).
    pub measures: &'static [Measure],
    /// The index of the measure that methods are judged by.
    pub main: usize,
    /// The index of the measure that is judged as well: what little the main one says of small classes.
    pub second: usize,
    /// The indices of the measures that are compared beside the main one; the second is the first of them.
    pub compared: &'static [usize],
    /// What the repetitions have in common.
    pub caution: &'static str,
    /// What the two sides of a paired comparison share.
    pub pairs: &'static str,
    /// What the threads of a run are for.
    pub threads: &'static str,
    /// How to run without sharing the machine.
    pub alone: &'static str,
}

impl TaskVocabulary {
    /// The measure that methods are judged by.
    pub fn main(&self) -> &Measure {
        &self.measures[self.main]
    }

    /// The measure that is compared as well.
    pub fn second(&self) -> &Measure {
        &self.measures[self.second]
    }

    /// The measures that are compared beside the main one.
    pub fn compared(&self) -> impl Iterator<Item = &'static Measure> {
        self.compared.iter().map(|&place| &self.measures[place])
    }
}

/// Tables, and a model that predicts the class of a row.
pub static TABLE: TaskVocabulary = TaskVocabulary {
    row: "row",
    rows: "rows",
    class: "class",
    classes: "classes",
    classes_title: "Classes",
    data: "Table",
    measures: &[
        Measure { key: "accuracy", title: "Accuracy", name: "accuracy", short: "accuracy" },
        Measure { key: "precision", title: "Macro precision", name: "macro precision", short: "precision" },
        Measure { key: "recall", title: "Macro recall", name: "macro recall", short: "recall" },
        Measure { key: "f1", title: "Macro F1", name: "macro F1", short: "F1" },
        Measure { key: "worst_recall", title: "Worst-class recall", name: "worst-class recall", short: "worst recall" },
    ],
    main: 0,
    second: 3,
    compared: &[3, 4],
    caution: "Repetitions are splits of one table and share rows. They are less independent than the tests assume.",
    pairs: "on the same split",
    threads: "per run",
    alone: "--exclusive runs one at a time and meters each alone",
};

/// Images, and an object detector.
pub static IMAGES: TaskVocabulary = TaskVocabulary {
    row: "image",
    rows: "images",
    class: "category",
    classes: "categories",
    classes_title: "Categories",
    data: "Images",
    measures: &[
        Measure { key: "map50_95", title: "mAP50-95", name: "mAP50-95", short: "mAP50-95" },
        Measure { key: "map50", title: "mAP50", name: "mAP50", short: "mAP50" },
        Measure { key: "precision", title: "Precision", name: "precision", short: "precision" },
        Measure { key: "recall", title: "Recall", name: "recall", short: "recall" },
    ],
    main: 0,
    second: 1,
    compared: &[1],
    caution: "Repetitions are other seeds on one image dataset with one validation split. They show how much the random choices of method and training matter, and not how the result would differ on other images.",
    pairs: "with the same seed",
    threads: "for choosing images; a detector uses the threads that its command asks for",
    alone: "with nothing else running, each is metered alone",
};
