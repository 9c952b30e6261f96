//! What an experiment is about: the words and the measures that summaries and pages use.

use crate::records::Scores;

/// A number that models are compared by.
#[derive(Debug)]
pub struct Measure {
    /// Its key in documents.
    pub key: &'static str,
    /// Its name, to begin a title.
    pub title: &'static str,
    /// Its name within a sentence.
    pub name: &'static str,
    /// Its name where there is little room.
    pub short: &'static str,
}

/// What an experiment is about.
#[derive(Debug)]
pub struct Kind {
    /// One of what is chosen from.
    pub row: &'static str,
    /// Several of it.
    pub rows: &'static str,
    /// As few of it as will do, to begin a title.
    pub fewest: &'static str,
    /// What it is divided into.
    pub classes: &'static str,
    /// The same, to begin a title.
    pub classes_title: &'static str,
    /// The whole, to begin a title.
    pub data: &'static str,
    /// The measures, in the order of [`Scores::values`].
    pub measures: [Measure; 4],
    /// The place of the measure that methods are judged by.
    pub main: usize,
    /// The place of the one that is looked at besides.
    pub second: usize,
    /// What repetitions have in common.
    pub caution: &'static str,
    /// What differs between the pairs of a comparison.
    pub pairs: &'static str,
    /// What the threads of a run are for.
    pub threads: &'static str,
    /// What can be done about runs that shared the machine.
    pub alone: &'static str,
}

impl Kind {
    /// The measure that methods are judged by.
    pub fn main(&self) -> &Measure {
        &self.measures[self.main]
    }

    /// The measure that is looked at besides.
    pub fn second(&self) -> &Measure {
        &self.measures[self.second]
    }

    /// The main score.
    pub fn main_of(&self, scores: &Scores) -> f64 {
        scores.values()[self.main]
    }

    /// The second score.
    pub fn second_of(&self, scores: &Scores) -> f64 {
        scores.values()[self.second]
    }
}

/// Tables, and a model that names the class of a row.
pub static TABLE: Kind = Kind {
    row: "row",
    rows: "rows",
    fewest: "Least rows",
    classes: "classes",
    classes_title: "Classes",
    data: "Table",
    measures: [
        Measure { key: "accuracy", title: "Accuracy", name: "accuracy", short: "accuracy" },
        Measure { key: "precision", title: "Macro precision", name: "macro precision", short: "precision" },
        Measure { key: "recall", title: "Macro recall", name: "macro recall", short: "recall" },
        Measure { key: "f1", title: "Macro F1", name: "macro F1", short: "F1" },
    ],
    main: 0,
    second: 3,
    caution: "Repetitions are splits of one table and share rows: they are less independent than the tests take them to be.",
    pairs: "split by split",
    threads: "a run",
    alone: "--exclusive meters each alone",
};

/// Pictures, and a detector that finds what is on them.
pub static PICTURES: Kind = Kind {
    row: "picture",
    rows: "pictures",
    fewest: "Fewest pictures",
    classes: "categories",
    classes_title: "Categories",
    data: "Pictures",
    measures: [
        Measure { key: "map50_95", title: "mAP50-95", name: "mAP50-95", short: "mAP50-95" },
        Measure { key: "map50", title: "mAP50", name: "mAP50", short: "mAP50" },
        Measure { key: "precision", title: "Precision", name: "precision", short: "precision" },
        Measure { key: "recall", title: "Recall", name: "recall", short: "recall" },
    ],
    main: 0,
    second: 1,
    caution: "Repetitions are other seeds on one set, with one validation split: they tell how far luck in choosing and training goes, and nothing of how other pictures would fare.",
    pairs: "seed by seed",
    threads: "for choosing; a detector takes those that its command asks for",
    alone: "with nothing else running, each is metered alone",
};
