//! Several files as one table: the rows of one file behind those of another.
//!
//! Values with types (Parquet, Arrow, arrays) are joined once they are read, so that the table is the one that a single file
//! would have given. Text and workbooks stay as they are, one table per file, and are asked one after another.

use std::any::Any;
use std::io::Write;

use leanset_problem::list;
use leanset_spec::Format;

use crate::column::{Column, ColumnInfo, Kind, Values};
use crate::error::{Error, Warning, shown};
use crate::memory::MemoryLimit;
use crate::row::FileRow;
use crate::source::{self, ExactIn32Bits, Generated, NumberType, Source};
use crate::table::Table;

/// A file that was read: its name and its table.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) keys: Vec<(String, Option<String>)>,
}

/// Which rows are those of which file.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    names: Vec<String>,
    /// The first row of each file, and the number of all rows.
    starts: Vec<usize>,
}

impl Places {
    fn new(parts: &[Part]) -> Self {
        let mut starts = vec![0];
        for part in parts {
            starts.push(starts[starts.len() - 1] + part.table.rows());
        }
        Self { names: parts.iter().map(|part| part.name.clone()).collect(), starts }
    }

    fn rows(&self) -> usize {
        self.starts[self.names.len()]
    }

    /// The file of a row, and its position there.
    fn of(&self, row: FileRow) -> (usize, FileRow) {
        let file = self.starts[1..self.names.len()].partition_point(|&start| start <= row.index());
        (file, FileRow::at(row.index() - self.starts[file]))
    }

    /// "row 47 (row 7, line 9 of b.csv)".
    fn place(&self, row: FileRow, in_file: impl Fn(usize, FileRow) -> String) -> String {
        if row.index() >= self.rows() {
            return format!("row {row}");
        }
        let (file, own) = self.of(row);
        let place = in_file(file, own).replace(" (", ", ").replace(')', "");
        format!("row {row} ({place} of {})", self.names[file])
    }
}

/// One table of all rows, in order.
///
/// # Errors
/// Files with other columns, or with values that no one column can hold.
pub(crate) fn join(name: String, parts: Vec<Part>, memory: MemoryLimit) -> Result<Table, Error> {
    let places = Places::new(&parts);
    let keys: Vec<Vec<(String, Option<String>)>> = parts.iter().map(|part| part.keys.clone()).collect();
    let files = parts.iter().map(|part| (part.name.clone(), part.table.rows())).collect();
    let missing = parts.first().and_then(|part| part.table.missing.clone());
    let warnings: Vec<Warning> = parts.iter().flat_map(|part| part.table.warnings.iter().cloned()).collect();
    let mut table = joined(name, parts, &places, memory)?;
    table.warnings.splice(0..0, warnings);
    let mut seen = std::collections::HashSet::new();
    table.warnings.retain(|warning| seen.insert((warning.code.clone(), warning.message.to_string())));
    table.files = files;
    if keys.first().is_some_and(|keys| !keys.is_empty()) {
        table = with_keys(table, &places, &keys)?;
    }
    Ok(Table { missing, ..table })
}

fn joined(name: String, mut parts: Vec<Part>, places: &Places, memory: MemoryLimit) -> Result<Table, Error> {
    if parts.len() == 1 {
        let Part { name: file, mut table, .. } = parts.remove(0);
        // Rows are those of the one file, so they are named as there.
        table.name = file;
        return Ok(table);
    }
    let of_records = parts.iter().all(|part| part.table.format == Format::Jsonl);
    if !of_records {
        check_columns(&parts)?;
    }
    let first = &parts[0].table;
    let (format, groups, unnamed) = (first.format, first.groups.clone(), first.unnamed.clone());
    let held: u64 = parts.iter().map(|part| part.table.memory()).sum();
    #[cfg(feature = "arrow")]
    if parts.iter().all(|part| matches!(part.table.format, Format::Parquet | Format::ArrowIpc)) {
        let table = source::arrow::join(name, format, sources(parts), memory)?;
        return Ok(located(table, places));
    }
    if matches!(format, Format::Npy | Format::Npz) {
        memory.check(&name, "the table of all files", held.saturating_mul(2))?;
        let table = source::numpy::join(name, sources(parts))?;
        return Ok(located(table, places));
    }
    if of_records {
        return source::jsonl::join(name, sources(parts));
    }
    let mut table = beside(name, format, parts, places)?;
    (table.groups, table.unnamed) = (groups, unnamed);
    Ok(table)
}

/// The sources of tables, each of the type that these formats have.
fn sources<S: Any>(parts: Vec<Part>) -> Vec<(String, S)> {
    let of_type = |part: Part| Some((part.name, *part.table.source.into_any().downcast::<S>().ok()?));
    parts.into_iter().filter_map(of_type).collect()
}

/// A table whose rows are named with their files.
fn located(mut table: Table, places: &Places) -> Table {
    table.source = Box::new(Located { inner: table.source, places: places.clone() });
    table
}

/// Names and order of columns are those of the first file.
fn check_columns(parts: &[Part]) -> Result<(), Error> {
    let hint = "the files of one table have the same columns in the same order";
    let (first, before) = (&parts[0].name, &parts[0].table);
    for Part { name, table, .. } in &parts[1..] {
        let lacks = |table: &Table, of: &Table| {
            of.columns
                .iter()
                .find(|column| !table.columns.iter().any(|c| c.name == column.name))
                .map(|c| shown(&c.name))
        };
        let what = if let Some(column) = lacks(table, before) {
            format!("{name}: has no column {column}, and {first} has one")
        } else if let Some(column) = lacks(before, table) {
            format!("{name}: has a column {column}, and {first} has none")
        } else if let Some((at, (own, other))) =
            table.columns.iter().zip(&before.columns).enumerate().find(|(_, (own, other))| own.name != other.name)
        {
            format!("{name}: column {} is {}, and in {first} it is {}", at + 1, shown(&own.name), shown(&other.name))
        } else {
            continue;
        };
        return Err(Error::content(what).with_hint(hint));
    }
    Ok(())
}

/// Tables one behind another, each in the form of its file.
fn beside(name: String, format: Format, parts: Vec<Part>, places: &Places) -> Result<Table, Error> {
    let separator = |part: &Part| part.table.source.delimiter();
    if let Some(other) = parts.iter().find(|part| separator(part) != separator(&parts[0])) {
        let shown = |part: &Part| separator(part).map_or_else(String::new, |byte| format!("{:?}", char::from(byte)));
        return Err(Error::content(format!(
            "{}: its fields are separated by {}, and those of {} by {}",
            other.name,
            shown(other),
            parts[0].name,
            shown(&parts[0])
        ))
        .with_hint("write all files with one separator"));
    }
    let mut columns = parts[0].table.columns.clone();
    let mut mixed = Vec::new();
    for (index, column) in columns.iter_mut().enumerate() {
        column.missing = parts.iter().map(|part| part.table.columns[index].missing).sum();
        // A file without a value in the column says nothing of its kind.
        let mut with_values = parts.iter().filter(|part| part.table.columns[index].missing < part.table.rows);
        let Some(first) = with_values.next() else { continue };
        column.kind = first.table.columns[index].kind.clone();
        for part in with_values {
            let kind = &part.table.columns[index].kind;
            column.kind = match (&column.kind, kind) {
                (a, b) if a == b => continue,
                (Kind::Integer, Kind::Number) | (Kind::Number, Kind::Integer) => Kind::Number,
                (before, kind) => {
                    if !mixed.iter().any(|(at, _)| *at == index) {
                        let (name, file) = (shown(&column.name), &part.name);
                        let message = format!("column {name} holds {before} in {}, and {kind} in {file}", first.name);
                        mixed.push((index, message));
                    }
                    Kind::Text
                }
            };
        }
    }
    let tables = parts.into_iter().map(|part| part.table).collect();
    let source = Beside { tables, places: places.clone() };
    let mut table = Table::new(name, format, columns, places.rows(), Box::new(source))?;
    table.mixed = mixed;
    Ok(table)
}

/// Tables one behind another.
struct Beside {
    tables: Vec<Table>,
    places: Places,
}

impl Source for Beside {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        let mut tables = self.tables.iter();
        let Some(first) = tables.next() else { return Ok(Vec::new()) };
        let mut columns = first.read_columns(wanted)?;
        for table in tables {
            columns.iter_mut().zip(table.read_columns(wanted)?).for_each(|(all, own)| all.append(own));
        }
        Ok(columns)
    }

    fn place(&self, row: FileRow) -> String {
        self.places.place(row, |file, own| self.tables[file].place(own))
    }

    fn show(&self, row: FileRow, column: usize) -> Option<String> {
        let (file, own) = self.places.of(row);
        self.tables.get(file)?.source.show(own, column)
    }

    fn cell(&self, row: FileRow, column: usize) -> Option<String> {
        let (file, own) = self.places.of(row);
        let cell = self.tables.get(file)?.source.cell(own, column)?;
        Some(format!("{cell} of {}", self.places.names[file]))
    }

    fn number(&self, row: usize, column: usize) -> Option<f64> {
        let (file, own) = self.places.of(FileRow::at(row));
        self.tables.get(file)?.source.number(own.index(), column)
    }

    fn spelled(&self, column: usize) -> bool {
        self.tables.iter().any(|table| table.source.spelled(column))
    }

    fn spelling_is_lost(&self, column: usize, matters: bool) -> bool {
        self.tables.iter().any(|table| table.source.spelling_is_lost(column, matters))
    }

    fn exact_in_32_bits(&self, column: usize) -> Option<ExactIn32Bits> {
        let mut found = self.tables.iter().map(|table| table.exact_in_32_bits(column));
        let first = found.next()?;
        if found.all(|other| other == first) { first } else { None }
    }

    fn memory(&self) -> u64 {
        self.tables.iter().map(Table::memory).sum()
    }

    fn delimiter(&self) -> Option<u8> {
        self.tables.first().and_then(|table| table.source.delimiter())
    }

    /// Runs of rows of one file, the first with the names of columns.
    fn write(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        let Some(first) = self.tables.first() else { return Ok(false) };
        if !first.source.write(format, &[], &none_of(extra), out)? {
            return Ok(false);
        }
        let mut from = 0;
        while from < rows.len() {
            let file = self.places.of(rows[from]).0;
            let run = rows[from..].iter().take_while(|row| self.places.of(**row).0 == file);
            let own: Vec<FileRow> = run.map(|row| self.places.of(*row).1).collect();
            let positions: Vec<FileRow> = (from..from + own.len()).map(FileRow::at).collect();
            let extra: Vec<(String, Column)> =
                extra.iter().map(|(name, column)| (name.clone(), column.take(&positions))).collect();
            self.tables[file].source.write_more(format, &own, &extra, out)?;
            from += own.len();
        }
        Ok(true)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// The same columns without a row.
fn none_of(extra: &[(String, Column)]) -> Vec<(String, Column)> {
    extra.iter().map(|(name, column)| (name.clone(), column.take(&[]))).collect()
}

/// A source whose rows are named with their files.
struct Located {
    inner: Box<dyn Source>,
    places: Places,
}

impl Source for Located {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        self.inner.columns(wanted)
    }

    fn place(&self, row: FileRow) -> String {
        self.places.place(row, |_, own| format!("row {own}"))
    }

    fn show(&self, row: FileRow, column: usize) -> Option<String> {
        self.inner.show(row, column)
    }

    fn exact_in_32_bits(&self, column: usize) -> Option<ExactIn32Bits> {
        self.inner.exact_in_32_bits(column)
    }

    fn memory(&self) -> u64 {
        self.inner.memory()
    }

    fn unpacked(&self) -> u64 {
        self.inner.unpacked()
    }

    fn taken(&self, rows: usize) -> u64 {
        self.inner.taken(rows)
    }

    fn write(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        self.inner.write(format, rows, extra, out)
    }

    fn write_generated(
        &self,
        format: Format,
        columns: &[(String, Generated)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        self.inner.write_generated(format, columns, out)
    }

    fn stays_in_file(&self, column: usize) -> bool {
        self.inner.stays_in_file(column)
    }

    fn number_type(&self, column: usize) -> Option<NumberType> {
        self.inner.number_type(column)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// A column that folders give: one value for all rows of a file.
struct Key {
    name: String,
    /// The value in each file.
    values: Column,
}

/// A table with the columns that the folders of its files give, behind its own.
struct Keyed {
    inner: Box<dyn Source>,
    /// Columns of the files.
    width: usize,
    keys: Vec<Key>,
    places: Places,
}

/// Whole numbers in every file are numbers, everything else, such as `01`, is text.
fn with_keys(table: Table, places: &Places, keys: &[Vec<(String, Option<String>)>]) -> Result<Table, Error> {
    let mut columns: Vec<ColumnInfo> = table.columns.clone();
    let mut own = Vec::new();
    for (at, (name, _)) in keys[0].iter().enumerate() {
        let values: Vec<Option<&str>> = keys.iter().map(|keys| keys[at].1.as_deref()).collect();
        if let Some(there) = table.columns.iter().position(|column| column.name == *name) {
            check_key(&table, there, name, places, &values)?;
            continue;
        }
        let whole = |text: &str| text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        let missing: Vec<bool> = values.iter().map(Option::is_none).collect();
        let numbers: Option<Vec<i64>> = values.iter().map(|value| value.map_or(Some(0), whole)).collect();
        let values = match numbers.filter(|_| missing.contains(&false)) {
            Some(numbers) => Values::Integer(numbers),
            None => Values::Text(values.iter().map(|value| value.unwrap_or_default()).collect()),
        };
        let values = Column::new(values, Some(missing));
        let rows_of = |file: usize| places.starts[file + 1] - places.starts[file];
        let missing = (0..keys.len()).filter(|&file| values.is_missing(file)).map(rows_of).sum();
        columns.push(ColumnInfo { name: name.clone(), kind: values.kind(), missing });
        own.push(Key { name: name.clone(), values });
    }
    let width = table.columns.len();
    let rows = table.rows;
    let Table { name, format, source, groups, unnamed, warnings, frame_index, unusable_lists, .. } = table;
    let source = Keyed { inner: source, width, keys: own, places: places.clone() };
    let keyed = Table::new(name, format, columns, rows, Box::new(source))?;
    let (files, mixed, limit) = (table.files, table.mixed, table.limit);
    Ok(Table { groups, unnamed, warnings, frame_index, unusable_lists, files, mixed, limit, ..keyed })
}

/// A column of the files that folders give as well: they must say the same.
fn check_key(table: &Table, column: usize, name: &str, places: &Places, values: &[Option<&str>]) -> Result<(), Error> {
    let found = table.text_column(column)?;
    for row in (0..table.rows()).map(FileRow::at) {
        let file = places.of(row).0;
        let (own, of_folder) = (found.text(row.index()), values[file].unwrap_or_default());
        let same = own == of_folder
            || matches!((own.parse::<f64>(), of_folder.parse::<f64>()), (Ok(own), Ok(other)) if own == other);
        if !same {
            let (place, column, own, other) = (table.place(row), shown(name), shown(&own), shown(of_folder));
            return Err(Error::content(format!(
                "{}: {place}, column {column}: is {own}, and the folder of its file says {other}",
                table.name()
            ))
            .with_hint("rename the column, or the folders"));
        }
    }
    Ok(())
}

impl Keyed {
    /// A key column for these rows.
    fn key(&self, key: &Key, rows: impl Iterator<Item = FileRow>) -> Column {
        let files: Vec<FileRow> = rows.map(|row| FileRow::at(self.places.of(row).0)).collect();
        key.values.take(&files)
    }
}

impl Source for Keyed {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        let of_files: Vec<(usize, Kind)> = wanted.iter().filter(|(at, _)| *at < self.width).cloned().collect();
        let mut of_files = self.inner.columns(&of_files)?.into_iter();
        let mut columns = Vec::with_capacity(wanted.len());
        for (at, kind) in wanted {
            columns.push(match at.checked_sub(self.width) {
                Some(key) => {
                    let key = &self.keys[key];
                    let column = self.key(key, (0..self.places.rows()).map(FileRow::at));
                    source::convert(self, &list(&self.places.names, 2), &key.name, *at, column, kind)?
                }
                None => of_files.next().unwrap_or_else(|| Column::from(Vec::<bool>::new())),
            });
        }
        Ok(columns)
    }

    fn place(&self, row: FileRow) -> String {
        self.inner.place(row)
    }

    fn show(&self, row: FileRow, column: usize) -> Option<String> {
        if column < self.width { self.inner.show(row, column) } else { None }
    }

    fn cell(&self, row: FileRow, column: usize) -> Option<String> {
        if column < self.width { self.inner.cell(row, column) } else { None }
    }

    fn number(&self, row: usize, column: usize) -> Option<f64> {
        if column < self.width { self.inner.number(row, column) } else { None }
    }

    fn spelled(&self, column: usize) -> bool {
        column < self.width && self.inner.spelled(column)
    }

    fn spelling_is_lost(&self, column: usize, matters: bool) -> bool {
        column < self.width && self.inner.spelling_is_lost(column, matters)
    }

    fn exact_in_32_bits(&self, column: usize) -> Option<ExactIn32Bits> {
        if column < self.width { self.inner.exact_in_32_bits(column) } else { None }
    }

    fn memory(&self) -> u64 {
        self.inner.memory()
    }

    fn unpacked(&self) -> u64 {
        self.inner.unpacked()
    }

    fn taken(&self, rows: usize) -> u64 {
        self.inner.taken(rows)
    }

    fn delimiter(&self) -> Option<u8> {
        self.inner.delimiter()
    }

    fn write(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        let mut columns: Vec<(String, Column)> =
            self.keys.iter().map(|key| (key.name.clone(), self.key(key, rows.iter().copied()))).collect();
        columns.extend(extra.iter().cloned());
        self.inner.write(format, rows, &columns, out)
    }

    fn write_generated(
        &self,
        format: Format,
        columns: &[(String, Generated)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        let of_files = |(_, values): &(String, Generated)| match values {
            Generated::Means(index, _) | Generated::Values(index, _) => *index < self.width,
            Generated::New(_) => true,
        };
        if columns.iter().all(of_files) { self.inner.write_generated(format, columns, out) } else { Ok(false) }
    }

    fn number_type(&self, column: usize) -> Option<NumberType> {
        if column < self.width { self.inner.number_type(column) } else { None }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
