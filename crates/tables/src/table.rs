//! A table that was read: what its columns are, and their values on demand.

use leanset_problem::{Text, setting, text};
use leanset_spec::Format;
use std::ops::Range;

use crate::column::{Column, ColumnInfo, Kind};
use crate::error::{Error, Warning, listed, shown, unpanicked};
use crate::format::is_text;
use crate::memory::MemoryLimit;
use crate::missing::MissingWords;
use crate::row::FileRow;
use crate::source::{ExactIn32Bits, NumberType, Source};

/// A table in memory, in the form it had in its file.
pub struct Table {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) columns: Vec<ColumnInfo>,
    /// Arrays of several columns, by name: `--features X` means all of them.
    pub(crate) groups: Vec<(String, Range<usize>)>,
    /// Columns whose name was made up, because the header has none.
    pub(crate) unnamed: Vec<usize>,
    /// Columns whose spelling matters.
    pub(crate) spelling_matters: Vec<usize>,
    /// The words that the user says are missing values; the source knows the usual ones.
    pub(crate) missing: Option<MissingWords>,
    /// What is worth knowing of how the table was read.
    pub(crate) warnings: Vec<Warning>,
    /// Columns that are the index of a data frame.
    pub(crate) frame_index: Vec<usize>,
    /// Lists of numbers that are not coordinates.
    pub(crate) unusable_lists: Vec<UnusableLists>,
    /// The files and their rows, where there are several.
    pub(crate) files: Vec<(String, usize)>,
    /// Columns whose values are of several kinds, which no feature may be, and what is wrong.
    pub(crate) mixed: Vec<(usize, String)>,
    pub(crate) rows: usize,
    pub(crate) source: Box<dyn Source>,
    /// The memory that reading began with; what is made of the table is checked against it.
    pub(crate) limit: MemoryLimit,
}

/// A column of lists of numbers that are not coordinates, because they differ in length.
#[derive(Clone, Debug)]
pub(crate) struct UnusableLists {
    /// The column.
    pub(crate) column: usize,
    /// What it holds, in words.
    pub(crate) why: String,
    /// Whether more than half of the lists are of one length.
    pub(crate) is_common: bool,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Table { name, format, columns, rows, .. } = self;
        f.debug_struct("Table")
            .field("name", name)
            .field("format", format)
            .field("rows", rows)
            .field("columns", columns)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// A table over a source; refuses what no table may be: no rows, more rows than ids, two columns of one name.
    pub(crate) fn new(
        name: String,
        format: Format,
        columns: Vec<ColumnInfo>,
        rows: usize,
        source: Box<dyn Source>,
    ) -> Result<Self, Error> {
        let mut first = std::collections::HashMap::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            if let Some(before) = first.insert(column.name.as_str(), index) {
                let twice = shown(&column.name);
                return Err(Error::content(format!(
                    "{name}: two columns are named {twice}: number {} and number {}",
                    before + 1,
                    index + 1
                ))
                .with_hint("rename one of them: a column is known by its name"));
            }
        }
        if columns.is_empty() {
            return Err(Error::content(format!("{name}: the table has no columns")));
        }
        if rows == 0 {
            return Err(Error::content(format!("{name}: the table has columns and no rows"))
                .with_hint("check how it was made")
                .without_rows());
        }
        if u32::try_from(rows).is_err() {
            return Err(Error::content(format!("{name}: {rows} rows; leanset counts to {}", u32::MAX)));
        }
        Ok(Self {
            name,
            format,
            columns,
            groups: Vec::new(),
            unnamed: Vec::new(),
            spelling_matters: Vec::new(),
            missing: None,
            warnings: Vec::new(),
            frame_index: Vec::new(),
            unusable_lists: Vec::new(),
            files: Vec::new(),
            mixed: Vec::new(),
            rows,
            source,
            limit: MemoryLimit::NONE,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in file order.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    /// The format it was read from.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The path or name it was read from, as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The files that it was read from and the number of rows of each, where they are several.
    pub fn files(&self) -> &[(String, usize)] {
        &self.files
    }

    /// What is worth knowing of how it was read. An encoder that is fitted on it has heard of it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Bytes held in memory, to within a few percent.
    pub fn memory(&self) -> u64 {
        self.source.memory()
    }

    /// Bytes that all rows would take in memory; more than [`Self::memory`] where columns stay in their file.
    pub fn unpacked(&self) -> u64 {
        self.source.unpacked()
    }

    /// Bytes that are taken out of the file at a time when so many rows are written.
    pub fn taken(&self, rows: usize) -> u64 {
        self.source.taken(rows)
    }

    /// Where the column named `name` stands.
    ///
    /// # Errors
    /// There is none: the message names the nearest name, the hint lists what there is.
    pub fn position(&self, name: &str) -> Result<usize, Error> {
        if let Some(position) = self.columns.iter().position(|column| column.name == name) {
            return Ok(position);
        }
        // An array of one column has the name of its array too.
        match self.groups.iter().find(|(group, _)| group == name) {
            Some((_, range)) if range.len() == 1 => Ok(range.start),
            Some((_, range)) => {
                let (file, name) = (&self.name, shown(name));
                let message = format!("{file}: array {name} has {} columns, and one is needed", range.len());
                let one = self
                    .columns
                    .get(range.start)
                    .map_or_else(String::new, |c| format!("name one of them, such as {}", c.name));
                Err(Error::request(message).with_hint(one))
            }
            None => Err(self.unknown(name)),
        }
    }

    /// The columns a name stands for: one column, or all columns of a NumPy array of that name.
    ///
    /// # Errors
    /// As [`Table::position`].
    pub fn positions(&self, name: &str) -> Result<Range<usize>, Error> {
        match self.groups.iter().find(|(group, _)| group == name) {
            Some((_, range)) => Ok(range.clone()),
            None => self.position(name).map(|index| index..index + 1),
        }
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self
            .groups
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(self.columns.iter().map(|c| c.name.as_str()))
            .collect();
        let near = names
            .iter()
            .map(|known| (strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()), *known))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, known)| {
                let short = known.chars().count().min(name.chars().count());
                *distance <= 1.max(short / 3) && *distance < short.max(1)
            });
        let mut message = format!("{}: no column {}", self.name, shown(name));
        if let Some((_, near)) = near {
            message.push_str(&format!("; did you mean {}?", shown(near)));
        }
        let mut hint = Text::from(format!("columns: {}", listed(&names, 40)));
        if let [only] = self.columns.as_slice()
            && is_text(self.format)
            && only.name.contains([';', '\t', '|', ','])
        {
            // The one that is there most often.
            let count = |mark: char| only.name.matches(mark).count();
            let mark = [';', '\t', '|', ','].into_iter().rev().max_by_key(|&mark| count(mark)).unwrap_or(';');
            let said = if mark == '\t' { "\\t".to_owned() } else { mark.to_string() };
            hint = text!["the header is one column with separators in it: ", setting::DELIMITER.to(said)];
        }
        Error::request(message).with_hint(hint)
    }

    /// The values of a column, of the kind [`Table::columns`] says; `Other` comes as the text it is shown by.
    ///
    /// # Errors
    /// An index past the last column, or a value that cannot be read.
    pub fn column(&self, index: usize) -> Result<Column, Error> {
        let Some(info) = self.columns.get(index) else {
            return Err(Error::request(format!(
                "{}: no column at {index}: there are {}",
                self.name,
                self.columns.len()
            )));
        };
        let kind = match &info.kind {
            Kind::Other(_) | Kind::Date => Kind::Text,
            kind => kind.clone(),
        };
        self.column_as(index, &kind)
    }

    /// The values of a column as the text they are in the file, whatever they look like: `01` stays `01`.
    ///
    /// # Errors
    /// As [`Table::column`].
    pub fn text_column(&self, index: usize) -> Result<Column, Error> {
        if index >= self.columns.len() {
            return Err(Error::request(format!("{}: no column at {index}", self.name)));
        }
        self.column_as(index, &Kind::Text)
    }

    /// The values of a column as this kind.
    ///
    /// # Errors
    /// A value that is not of the kind, or cannot be read.
    pub(crate) fn column_as(&self, index: usize, kind: &Kind) -> Result<Column, Error> {
        let columns = self.read_columns(&[(index, kind.clone())])?;
        columns.into_iter().next().ok_or_else(|| Error::content(format!("{}: column {index} was not read", self.name)))
    }

    /// Bytes that reading a list of this length takes.
    pub(crate) fn list_width(&self, index: usize, length: usize) -> u64 {
        match (self.source.stays_in_file(index), self.exact_in_32_bits(index)) {
            // A flag for each; the numbers stay where they are.
            (false, _) => 1,
            (true, Some(_)) => 1 + 4 * length as u64,
            (true, None) => 1 + 8 * length as u64,
        }
    }

    /// Several columns in one pass, each as the kind asked for.
    pub(crate) fn read_columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        let read = || self.source.columns(wanted);
        let columns = unpanicked(read, || format!("{}: its values cannot be read", self.name))?;
        match &self.missing {
            Some(words) => Ok(columns.into_iter().map(|column| words.apply(column)).collect()),
            None => Ok(columns),
        }
    }

    /// Names columns whose spelling matters, as that of labels and names of rows does: `007` is not 7 there.
    ///
    /// # Errors
    /// A column that does not exist.
    pub fn keep_spelling(&mut self, column: &str) -> Result<(), Error> {
        let index = self.position(column)?;
        self.spelling_matters.push(index);
        Ok(())
    }

    /// Whether a column's values are spelled as its kind would not spell them: `07`, `1.50`, `TRUE`.
    pub fn is_spelled(&self, index: usize) -> bool {
        self.source.spelled(index)
    }

    /// Whether a column cannot be written by type without losing what its spelling says.
    pub(crate) fn spelling_is_lost(&self, index: usize) -> bool {
        self.source.spelling_is_lost(index, self.spelling_matters.contains(&index))
    }

    /// Where the value of a row and column stands, for messages: "row 16 (cell A18)", or as [`Table::place`].
    pub fn place_of(&self, row: FileRow, column: usize) -> String {
        match self.source.cell(row, column) {
            Some(cell) => format!("row {row} (cell {cell})"),
            None => self.place(row),
        }
    }

    /// Whether 32-bit floats hold every value of the column exactly, by its type.
    pub(crate) fn exact_in_32_bits(&self, index: usize) -> Option<ExactIn32Bits> {
        self.source.exact_in_32_bits(index)
    }

    /// Whether the values of a column, as this kind, can be had from its file whenever they are needed, and none is missing.
    pub(crate) fn stays_in_file(&self, index: usize, kind: &Kind) -> bool {
        let column = &self.columns[index];
        matches!(kind, Kind::Number | Kind::Integer | Kind::Boolean)
            && column.kind == *kind
            && column.missing == 0
            && self.missing.is_none()
            && self.source.stays_in_file(index)
    }

    /// Where a row stands, for messages: "row 17 (line 19)". Rows count from 0, lines from 1.
    pub fn place(&self, row: FileRow) -> String {
        self.source.place(row)
    }

    /// Whether means of the column are of its type: they are not where that is an integer or a decimal.
    pub fn holds_means(&self, index: usize) -> bool {
        match self.columns.get(index).map(|column| &column.kind) {
            Some(Kind::Number) => {
                let typed = !is_text(self.format) && self.format != Format::Xlsx;
                !typed || matches!(self.source.number_type(index), Some(NumberType::Float(_)))
            }
            Some(Kind::Integer) => false,
            _ => true,
        }
    }

    /// Refuses row ids that are not rows of this table.
    pub(crate) fn check_rows(&self, rows: &[FileRow]) -> Result<(), Error> {
        match rows.iter().find(|row| row.index() >= self.rows) {
            None => Ok(()),
            Some(row) => Err(Error::request(format!("{}: no row {row}: there are {} rows", self.name, self.rows))),
        }
    }
}
