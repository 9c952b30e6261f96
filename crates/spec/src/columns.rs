//! Which columns of a table take part, and how they become coordinates and classes.

use std::fmt;
use std::str::FromStr;

use leanset_problem::Problem;
use serde::{Deserialize, Serialize};

#[cfg(feature = "clap")]
use crate::word::parser::words;
use crate::word::word_enum;

/// Which columns of a table take part, and how.
///
/// A manifest holds it, a plan's `[data]` contains it, the command line parses into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args), command(next_help_heading = "Table columns"))]
pub struct Columns {
    /// Column with the class of each row, e.g. Class; without it all rows are one class.
    ///
    /// Text, whole numbers or true/false. For a numeric label see --bins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN"))]
    pub label: Option<String>,
    /// Columns to compute distances from, e.g. Area,Perimeter, 'e*' or embedding [default: list columns if there are any,
    /// otherwise all except label, id and excluded columns].
    ///
    /// Repeat the option for a name with a comma in it. Dates are features only if they are named here: they count as days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN,…", value_delimiter = ',', hide_short_help = true))]
    pub features: Option<Vec<String>>,
    /// Columns to keep in the output but not to compute distances from, e.g. name,date or 'mean*'.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN,…", value_delimiter = ',', hide_short_help = true))]
    pub exclude: Vec<String>,
    /// Columns whose values are names, whatever they look like, e.g. zip: one category, or class, per spelling.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN,…", value_delimiter = ',', hide_short_help = true))]
    pub categorical: Vec<String>,
    /// Column that identifies each row, e.g. sample_id; not a feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "COLUMN", hide_short_help = true))]
    pub id: Option<String>,
    /// What to do with missing feature values (kept rows are always written unchanged).
    #[cfg_attr(feature = "clap", arg(long, value_name = "RULE", default_value_t, value_parser = words::<Missing>(), hide_short_help = true))]
    pub missing: Missing,
    /// Words that stand for a missing value, e.g. NA,-999; they replace the usual ones. An empty field is always missing.
    ///
    /// The usual ones are NA, N/A, n/a, #N/A, <NA>, NULL, Null, null, None, NaN, nan and ?, in text files and workbooks.
    /// With '' only empty fields are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long, value_name = "WORD,…", value_delimiter = ',', allow_hyphen_values = true, hide_short_help = true)
    )]
    pub missing_values: Option<Vec<String>>,
    /// How to scale numbers before computing distances (written values are never scaled) [default: minmax; none for list
    /// columns].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "SCALE", value_parser = words::<Scale>(), hide_short_help = true))]
    pub scale: Option<Scale>,
    /// Cut a numeric label into N classes of about equal size, e.g. 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", hide_short_help = true))]
    pub bins: Option<usize>,
    /// Format of the input, if its extension is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "FORMAT", value_parser = words::<Format>(), hide_short_help = true, help_heading = "File format"))]
    pub format: Option<Format>,
    /// Sheet of an .xlsx file to read [default: the first].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", hide_short_help = true, help_heading = "File format"))]
    pub sheet: Option<String>,
    /// Field separator of a text file, e.g. ';' or '\t' [default: comma; tab for .tsv].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long, value_name = "CHARACTER", hide_short_help = true, help_heading = "File format")
    )]
    pub delimiter: Option<Delimiter>,
    /// Decimal mark of numbers in text: ',' or '.' [default: found for each column].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "MARK", hide_short_help = true, help_heading = "File format"))]
    pub decimal: Option<DecimalMark>,
    /// The first line is a row: columns are column_1, column_2, …, and the output has no header either.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "clap", arg(long, hide_short_help = true, help_heading = "File format"))]
    pub no_header: bool,
}

impl Columns {
    /// With classes from this column, and everything else as usual.
    pub fn labelled(label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..Self::default() }
    }

    /// What asks the command line for these columns: its flags, without those that say nothing new.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |flag: &str, value: Option<String>| {
            words.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
        };
        let listed = |names: &[String]| (!names.is_empty()).then(|| names.join(","));
        add("--label", self.label.clone());
        add("--features", self.features.as_deref().and_then(listed));
        add("--exclude", listed(&self.exclude));
        add("--categorical", listed(&self.categorical));
        add("--id", self.id.clone());
        add("--missing", (self.missing != Missing::default()).then(|| self.missing.to_string()));
        add("--missing-values", self.missing_values.as_ref().map(|words| words.join(",")));
        add("--scale", self.scale.filter(|scale| *scale != Scale::MinMax).map(|scale| scale.to_string()));
        add("--bins", self.bins.map(|bins| bins.to_string()));
        add("--format", self.format.map(|format| format.to_string()));
        add("--sheet", self.sheet.clone());
        add("--delimiter", self.delimiter.map(|delimiter| delimiter.to_string()));
        add("--decimal", self.decimal.map(|mark| mark.to_string()));
        words.extend(self.no_header.then(|| "--no-header".to_owned()));
        words
    }

    /// For another file that names rows of the same table: its format, sheet, delimiter and header are its own, and a word
    /// that is a class there, or a 0 that is missing there, is what it says.
    #[must_use]
    pub fn of_other_file(&self) -> Self {
        let missing_values = self.missing_values.as_ref().map(|_| Vec::new());
        Self {
            format: None,
            sheet: None,
            delimiter: None,
            decimal: None,
            missing_values,
            no_header: false,
            ..self.clone()
        }
    }
}

word_enum! {
    "missing"
    /// How to handle missing feature values.
    #[derive(Default)]
    pub enum Missing {
        /// Stop and report the number of missing values per column.
        #[default]
        Refuse,
        /// Compute distances with the mean of the column (text and true/false: the most frequent value).
        Mean,
        /// Leave out rows with missing values.
        Drop,
    }
}

word_enum! {
    "scale"
    /// How to scale numbers, for distances only.
    #[derive(Default)]
    pub enum Scale {
        /// To [0, 1], as in the paper.
        #[default]
        #[strum(message = "scaled to [0, 1]")]
        MinMax,
        /// To mean 0 and standard deviation 1.
        #[strum(message = "standardised")]
        Standard,
        /// Not at all: for embeddings and data that are scaled already.
        #[strum(message = "not scaled")]
        None,
        /// Each row to Euclidean length 1: distances compare directions, as of text embeddings.
        #[strum(message = "in rows of unit length")]
        Unit,
    }
}

word_enum! {
    "format"
    /// A table format.
    #[strum(ascii_case_insensitive)]
    pub enum Format {
        /// Comma-separated values.
        Csv,
        /// Tab-separated values.
        Tsv,
        /// JSON Lines: a JSON object per line.
        Jsonl,
        /// Apache Parquet.
        Parquet,
        /// Arrow IPC: file (Feather V2) or stream.
        #[serde(rename = "arrow")]
        #[strum(serialize = "arrow")]
        ArrowIpc,
        /// One NumPy array.
        Npy,
        /// Several NumPy arrays that share their first axis.
        Npz,
        /// An Excel workbook (read only).
        Xlsx,
    }
}

impl Format {
    /// The extensions that stand for this format, without a dot; the first is the usual one.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Csv => &["csv"],
            Format::Tsv => &["tsv", "tab"],
            Format::Jsonl => &["jsonl", "ndjson", "json"],
            Format::Parquet => &["parquet", "pq"],
            Format::ArrowIpc => &["arrow", "feather", "ipc"],
            Format::Npy => &["npy"],
            Format::Npz => &["npz"],
            Format::Xlsx => &["xlsx"],
        }
    }
}

/// What separates the fields of a text table: one ASCII character that is neither a quote nor a line ending.
///
/// It is written as the character itself. A tab may also be given as `\t`, which a shell passes on more easily.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delimiter(u8);

impl Delimiter {
    /// Between the fields of CSV.
    pub const COMMA: Self = Self(b',');
    /// Between the fields of TSV.
    pub const TAB: Self = Self(b'\t');

    /// # Errors
    /// A byte that is no ASCII character, a quote, or the end of a line.
    pub fn new(byte: u8) -> Result<Self, Problem> {
        if !byte.is_ascii() || matches!(byte, b'"' | b'\n' | b'\r' | 0) {
            return Err(Problem::new(format!("the delimiter {:?} cannot separate fields", char::from(byte)))
                .hint("give one ASCII character that is neither a quote nor a line ending"));
        }
        Ok(Self(byte))
    }

    /// The byte in the file.
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl FromStr for Delimiter {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        match text.as_bytes() {
            b"\\t" => Ok(Self::TAB),
            [byte] => Self::new(*byte),
            _ => Err(Problem::new("a delimiter is one ASCII character, or \\t")),
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(self.0))
    }
}

impl TryFrom<String> for Delimiter {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> Self {
        delimiter.to_string()
    }
}

/// The decimal mark of numbers in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DecimalMark {
    /// `1.5`; a comma can only be between thousands.
    Point,
    /// `1,5`; a point can only be between thousands.
    Comma,
}

impl FromStr for DecimalMark {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        match text {
            "." => Ok(Self::Point),
            "," => Ok(Self::Comma),
            other => Err(Problem::new(format!("the decimal mark '{other}' is not known")).hint("it is ',' or '.'")),
        }
    }
}

impl fmt::Display for DecimalMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Point => ".",
            Self::Comma => ",",
        })
    }
}

impl TryFrom<String> for DecimalMark {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<DecimalMark> for String {
    fn from(mark: DecimalMark) -> Self {
        mark.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_refuse_a_key_that_is_not_known() {
        let error = serde_json::from_str::<Columns>(r#"{"lable": "Class"}"#).expect_err("misspelled");
        assert!(error.to_string().contains("lable"), "{error}");
    }

    #[test]
    fn columns_come_back_from_their_document() {
        let columns = Columns {
            exclude: vec!["name".into()],
            scale: Some(Scale::Standard),
            format: Some(Format::ArrowIpc),
            delimiter: Some(Delimiter::TAB),
            decimal: Some(DecimalMark::Comma),
            missing_values: Some(vec![String::new()]),
            no_header: true,
            ..Columns::labelled("Class")
        };
        let text = serde_json::to_string(&columns).expect("a document");
        assert_eq!(serde_json::from_str::<Columns>(&text).expect("the same"), columns);
    }

    #[test]
    fn scale_names_its_words_where_one_is_unknown() {
        let problem = "robust".parse::<Scale>().expect_err("unknown");
        assert_eq!(problem.to_string(), "scale: 'robust' is not known");
        assert_eq!(problem.hint.expect("a hint").to_string(), "it is one of minmax, standard, none and unit");
    }

    #[test]
    fn delimiter_is_one_ascii_character() {
        assert_eq!("\\t".parse::<Delimiter>().expect("a tab"), Delimiter::TAB);
        assert_eq!(";".parse::<Delimiter>().expect("a semicolon").to_string(), ";");
        for bad in ["", ";;", "\"", "\n", "→"] {
            assert!(bad.parse::<Delimiter>().is_err(), "{bad:?}");
        }
    }
}
