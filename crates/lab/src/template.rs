//! A command with places in it: `yolo train data={data} seed={seed} …`, `python train.py {train} {test}`.
//!
//! It is a list of words, given as one or as a line that is split as a shell would; no shell ever sees it. `{{` and `}}`
//! stand for braces.

use std::ffi::OsString;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What may stand in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The description of the image dataset to train on.
    Data,
    /// The seed of the training.
    Seed,
    /// Its epochs.
    Epochs,
    /// Images per gradient step.
    Batch,
    /// Its gradient steps.
    Steps,
    /// The folder of the run.
    Out,
    /// The table to train on.
    Train,
    /// The table to test on.
    Test,
    /// The name of the column of classes.
    Label,
    /// The name of the column of weights, or nothing.
    Weights,
}

/// Whose command it is: which places it may have.
pub trait Places: Clone + Copy + std::fmt::Debug + PartialEq + Eq {
    /// Its section in a plan.
    const SECTION: &'static str;
    /// The places.
    const ALL: &'static [Placeholder];
}

/// The command of `[detector]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfDetector;

impl Places for OfDetector {
    const SECTION: &'static str = "detector";
    const ALL: &'static [Placeholder] = &[
        Placeholder::Data,
        Placeholder::Seed,
        Placeholder::Epochs,
        Placeholder::Batch,
        Placeholder::Steps,
        Placeholder::Out,
    ];
}

/// The command of `[model]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfModel;

impl Places for OfModel {
    const SECTION: &'static str = "model";
    const ALL: &'static [Placeholder] = &[
        Placeholder::Train,
        Placeholder::Test,
        Placeholder::Seed,
        Placeholder::Epochs,
        Placeholder::Batch,
        Placeholder::Steps,
        Placeholder::Out,
        Placeholder::Label,
        Placeholder::Weights,
    ];
}

impl Placeholder {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Seed => "seed",
            Self::Epochs => "epochs",
            Self::Batch => "batch",
            Self::Steps => "steps",
            Self::Out => "out",
            Self::Train => "train",
            Self::Test => "test",
            Self::Label => "label",
            Self::Weights => "weights",
        }
    }
}

/// What the places of a run hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// The description of the image dataset to train on, or the table.
    pub data: PathBuf,
    /// The table to test on.
    pub test: PathBuf,
    /// The name of the column of classes.
    pub label: String,
    /// The name of the column of weights, or nothing.
    pub weights: String,
    /// The seed.
    pub seed: u64,
    /// Epochs.
    pub epochs: u32,
    /// Images or rows per gradient step.
    pub batch: usize,
    /// Gradient steps in all.
    pub steps: u64,
    /// The folder of the run.
    pub out: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

/// One word with places in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<P = OfDetector>(Vec<Piece>, PhantomData<P>);

impl<P: Places> Template<P> {
    /// Reads a word.
    ///
    /// # Errors
    /// What is wrong with it: a place that is not known, a brace without its other.
    pub fn parse(word: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = word;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
                continue;
            }
            let inside = (brace == "{").then(|| rest.split_once('}')).flatten();
            let Some((name, after)) = inside else {
                return Err(format!("'{word}' has a brace without its other: {{{{ and }}}} stand for braces"));
            };
            let Some(&place) = P::ALL.iter().find(|p| p.name() == name) else {
                let known: Vec<String> = P::ALL.iter().map(|p| format!("{{{}}}", p.name())).collect();
                return Err(format!("'{word}' has {{{name}}}, which is not one of {}", known.join(", ")));
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Placeholder(place));
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self(pieces, PhantomData))
    }

    /// Where Ultralytics writes its results with `project={out} name=run`.
    pub fn ultralytics() -> Self {
        Self(vec![Piece::Placeholder(Placeholder::Out), Piece::Text("/run/results.csv".into())], PhantomData)
    }

    /// Whether a place stands in it.
    pub fn has(&self, place: Placeholder) -> bool {
        self.0.contains(&Piece::Placeholder(place))
    }

    /// The word of a run. Paths go in as they are, whatever bytes they have.
    pub fn fill(&self, values: &Values) -> OsString {
        let mut word = OsString::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => word.push(text),
                Piece::Placeholder(Placeholder::Data | Placeholder::Train) => word.push(&values.data),
                Piece::Placeholder(Placeholder::Test) => word.push(&values.test),
                Piece::Placeholder(Placeholder::Label) => word.push(&values.label),
                Piece::Placeholder(Placeholder::Weights) => word.push(&values.weights),
                Piece::Placeholder(Placeholder::Out) => word.push(&values.out),
                Piece::Placeholder(Placeholder::Seed) => word.push(values.seed.to_string()),
                Piece::Placeholder(Placeholder::Epochs) => word.push(values.epochs.to_string()),
                Piece::Placeholder(Placeholder::Batch) => word.push(values.batch.to_string()),
                Piece::Placeholder(Placeholder::Steps) => word.push(values.steps.to_string()),
            }
        }
        word
    }
}

impl<P> std::fmt::Display for Template<P> {
    /// As it stands in a plan.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Placeholder(place) => write!(f, "{{{}}}", place.name()),
        })
    }
}

impl<P> Serialize for Template<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, P: Places> Deserialize<'de> for Template<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?)
            .map_err(|e| de::Error::custom(format!("{}.results: {e}", P::SECTION)))
    }
}

/// A command with places in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent, bound = "")]
pub struct Command<P = OfDetector>(Vec<Template<P>>);

impl<P: Places> Command<P> {
    /// Splits a line as a shell would and reads its words.
    ///
    /// # Errors
    /// What is wrong with it: an open quote, a place that is not known.
    pub fn of_line(line: &str) -> Result<Self, String> {
        let words = shlex::split(line).ok_or("cannot be split into words: a quote or a backslash is open")?;
        Self::parse(&words)
    }

    fn parse(words: &[String]) -> Result<Self, String> {
        words.iter().map(|word| Template::parse(word)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a place stands in any of its words.
    pub fn has(&self, place: Placeholder) -> bool {
        self.0.iter().any(|word| word.has(place))
    }

    /// Whether it has no word.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words of a run.
    pub fn fill(&self, values: &Values) -> Vec<OsString> {
        self.0.iter().map(|word| word.fill(values)).collect()
    }
}

impl<'de, P: Places> Deserialize<'de> for Command<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words<P>(PhantomData<P>);
        impl<'de, P: Places> de::Visitor<'de> for Words<P> {
            type Value = Command<P>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of words, or a line of them")
            }

            fn visit_str<E: de::Error>(self, line: &str) -> Result<Command<P>, E> {
                Command::of_line(line).map_err(|what| wrong::<P, E>(&what))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Command<P>, A::Error> {
                let mut words: Vec<String> = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Command::parse(&words).map_err(|what| wrong::<P, A::Error>(&what))
            }
        }
        fn wrong<P: Places, E: de::Error>(what: &str) -> E {
            E::custom(format!("{}.command: {what}", P::SECTION))
        }
        deserializer.deserialize_any(Words(PhantomData))
    }
}

/// Words as they would be typed into a shell.
pub fn render_shell(words: &[OsString]) -> String {
    // An assignment is one in the first word alone, so that those behind it need no quotes for their '='.
    let quoted = |(place, word): (usize, &OsString)| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c) || (c == '=' && place > 0);
        if !word.is_empty() && word.chars().all(plain) {
            return word.into_owned();
        }
        shlex::try_quote(&word).map_or_else(|_| format!("{word:?}"), std::borrow::Cow::into_owned)
    };
    words.iter().enumerate().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let out = PathBuf::from("/tmp/a b");
        Values { data: out.join("data.yaml"), seed: 7, epochs: 15, batch: 16, steps: 120, out, ..Values::default() }
    }

    fn filled(word: &str) -> String {
        Template::<OfDetector>::parse(word).expect("a word").fill(&values()).into_string().expect("text")
    }

    #[test]
    fn template_fills_placeholders_and_keeps_braces() {
        assert_eq!(filled("data={data}"), "data=/tmp/a b/data.yaml");
        assert_eq!(filled("{seed}{epochs}-{batch}:{steps}"), "715-16:120");
        assert_eq!(filled("{out}/run"), "/tmp/a b/run");
        assert_eq!(filled("{{seed}} {{{seed}}}"), "{seed} {7}");
        assert_eq!(filled(""), "");
        for word in ["a{{b}}{out}c", "{{", "", "{data}{seed}"] {
            assert_eq!(Template::<OfDetector>::parse(word).expect("a word").to_string(), word);
        }
    }

    #[test]
    fn template_names_what_is_no_placeholder() {
        let wrong = |word| Template::<OfDetector>::parse(word).expect_err("refused");
        assert_eq!(
            wrong("seed={sede}"),
            "'seed={sede}' has {sede}, which is not one of {data}, {seed}, {epochs}, {batch}, {steps}, {out}"
        );
        for word in ["{", "a{seed", "seed}", "{seed}}", "{}"] {
            assert!(wrong(word).starts_with(&format!("'{word}' has ")), "{word}");
        }
    }

    /// No shell sees a line: it is split as one would, and nothing in it is expanded.
    #[test]
    fn command_line_is_split_as_a_shell_would() {
        #[derive(Deserialize)]
        struct One {
            command: Command,
        }
        let words = |text: &str| toml::from_str::<One>(text).map(|one| one.command.fill(&values()));
        let line = words("command = \"train 'a b'={data} $HOME;ls \\\"{seed}\\\" *\"").expect("a line");
        assert_eq!(line, ["train", "a b=/tmp/a b/data.yaml", "$HOME;ls", "7", "*"]);
        assert_eq!(words("command = [\"train\", \"a b\"]").expect("words"), ["train", "a b"]);
        assert_eq!(render_shell(&line), "train 'a b=/tmp/a b/data.yaml' '$HOME;ls' 7 '*'");
        for wrong in ["command = \"train 'x\"", "command = [1]", "command = 3", "command = \"{x}\""] {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }
}
