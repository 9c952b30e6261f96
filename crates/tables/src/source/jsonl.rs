//! JSON Lines: one object per line. The lines stay as they are; keys and values are cut when they are asked for.
//!
//! Columns are the keys, in the order in which they first appear. A key that a line lacks, and null, are missing values.
//! Numbers, texts, true/false and arrays of as many numbers in every line are values; other arrays and objects inside are
//! carried along as they stand. Written rows are the lines themselves.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use leanset_spec::Format;
use rayon::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Source, not_a};
use crate::column::{Column, ColumnInfo, Kind, ListItem, ListLayout, ListType, Lists, Texts, Values, whole};
use crate::error::{Error, counted, shown};
use crate::memory::MemoryLimit;
use crate::row::FileRow;
use crate::source::text::line_of;
use crate::table::{Table, UnusableLists};

const BOM: &str = "\u{feff}";
/// Rows between two calls of the progress function, and rows parsed at a time by a thread.
const STRIDE: usize = 1 << 14;

/// The lines of a file.
struct Lines {
    name: String,
    text: String,
    /// Where each record begins and ends, without the end of its line.
    records: Vec<(usize, usize)>,
}

/// One or several files.
pub(crate) struct Records {
    files: Vec<Lines>,
    /// The first row of each file, and the number of all rows.
    starts: Vec<usize>,
    columns: Vec<ColumnInfo>,
    /// What the values of each column are.
    seen: Vec<Seen>,
    positions: HashMap<String, usize>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Null,
    Boolean,
    Integer,
    Number,
    Text,
    Array,
    Object,
}

/// What a value is, by its first byte, and for numbers by all of them.
fn token(raw: &str) -> Token {
    match raw.as_bytes().first() {
        Some(b'"') => Token::Text,
        Some(b'{') => Token::Object,
        Some(b'[') => Token::Array,
        Some(b't' | b'f') => Token::Boolean,
        Some(b'n') | None => Token::Null,
        _ if raw.parse::<i64>().is_ok() && raw != "-0" => Token::Integer,
        _ => Token::Number,
    }
}

/// What the values of a column have been so far.
#[derive(Clone, Default)]
struct Seen {
    /// The first row of each token, and how many rows have one.
    first: [Option<usize>; 7],
    rows: usize,
    /// The row that had the column last, and one more.
    last: usize,
    /// Of arrays: how many have so many numbers, and the first row of those.
    lengths: BTreeMap<usize, (usize, usize)>,
    /// Arrays with null among their numbers.
    incomplete: usize,
    /// Whether an array has something else than numbers in it.
    other_items: bool,
    /// Whether a number in an array is no whole one.
    fractions: bool,
    /// An integer beyond 2^53, which a float does not hold, and one beyond 64 bits.
    big: bool,
    huge: bool,
}

/// Above this a float does not hold every integer.
const EXACT: u64 = 1 << 53;

impl Seen {
    fn see(&mut self, row: usize, raw: &str) {
        let token = token(raw);
        if token == Token::Array {
            match serde_json::from_str::<Vec<Option<f64>>>(raw) {
                Ok(numbers) => {
                    self.lengths.entry(numbers.len()).or_insert((0, row)).0 += 1;
                    self.incomplete += usize::from(numbers.contains(&None));
                    self.fractions |= raw.contains(['.', 'e', 'E']);
                }
                Err(_) => self.other_items = true,
            }
        }
        match token {
            Token::Integer => self.big |= raw.parse().is_ok_and(|value: i64| value.unsigned_abs() > EXACT),
            Token::Number => {
                let digits = raw.strip_prefix('-').unwrap_or(raw);
                self.huge |= digits.len() > 1 && digits.bytes().all(|b| b.is_ascii_digit());
            }
            _ => {}
        }
        self.first[token as usize].get_or_insert(row);
        self.rows += usize::from(token != Token::Null);
    }

    fn has(&self, token: Token) -> bool {
        self.first[token as usize].is_some()
    }

    /// One kind of value decides; whole numbers and others are numbers. A column without a value counts as numbers.
    fn kind(&self) -> Kind {
        use Token::{Array, Boolean, Integer, Number, Object, Text};
        let scalars = [Boolean, Text].into_iter().filter(|&token| self.has(token)).count()
            + usize::from(self.has(Integer) || self.has(Number));
        match (scalars, self.has(Array), self.has(Object)) {
            (0, true, false) => match self.lengths.keys().collect::<Vec<_>>().as_slice() {
                [length] if !self.other_items && **length > 0 => Kind::List(**length),
                _ => Kind::Other("array".to_owned()),
            },
            (0, false, true) => Kind::Other("object".to_owned()),
            (_, true, _) | (_, _, true) => Kind::Other("values of several types".to_owned()),
            (0, ..) => Kind::Number,
            (1, ..) if self.has(Boolean) => Kind::Boolean,
            (1, ..) if self.has(Number) => Kind::Number,
            (1, ..) if self.has(Integer) => Kind::Integer,
            _ => Kind::Text,
        }
    }

    /// Why arrays of numbers are no coordinates: they differ in length.
    fn unusable(&self, column: usize) -> Option<UnusableLists> {
        if self.other_items || self.kind() != Kind::Other("array".to_owned()) {
            return None;
        }
        let arrays: usize = self.lengths.values().map(|(count, _)| count).sum();
        let (most, (common, _)) = self.lengths.iter().max_by_key(|(_, (count, _))| *count)?;
        let odd = self.lengths.iter().filter(|(length, _)| *length != most).min_by_key(|(_, (_, row))| *row);
        let Some((length, (_, row))) = odd else {
            let why = "holds only empty lists".to_owned();
            return Some(UnusableLists { column, why, is_common: false });
        };
        let usual = counted(*most, "number", "numbers");
        let why = format!("holds lists of different lengths: {usual} in most rows, {length} in row {row}");
        Some(UnusableLists { column, why, is_common: 2 * common > arrays })
    }

    /// Two rows whose values are of two kinds, where the column has such.
    fn mixed(&self) -> Option<[(usize, &'static str); 2]> {
        let number = [Token::Integer, Token::Number].into_iter().filter_map(|token| self.first[token as usize]).min();
        let kinds = [
            (number, "a number"),
            (self.first[Token::Text as usize], "text"),
            (self.first[Token::Boolean as usize], "true or false"),
        ];
        let mut there: Vec<(usize, &str)> = kinds.into_iter().filter_map(|(row, what)| Some((row?, what))).collect();
        there.sort_unstable();
        match there.as_slice() {
            [first, second, ..] => Some([*first, *second]),
            _ => None,
        }
    }
}

/// A key of an object, without a copy where none is needed.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Gives every key and value of a line to a function; what that function refuses is the error.
struct EachKey<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue) -> Result<(), String>> Visitor<'de> for EachKey<F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with a key for each column")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            (self.0)(&key, map.next_value()?).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

fn each_key<'a>(
    line: &'a str,
    take: impl FnMut(&str, &'a RawValue) -> Result<(), String>,
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(line);
    reader.deserialize_map(EachKey(take))?;
    reader.end()
}

/// Opens a file of records.
pub(crate) fn open(
    name: String,
    bytes: Vec<u8>,
    memory: MemoryLimit,
    progress: &dyn Fn(usize, usize),
) -> Result<Table, Error> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let (good, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let bad = bytes.get(good).copied().unwrap_or_default();
        Error::content(format!("{name}: line {} is not UTF-8: byte 0x{bad:02x}", line_of(bytes, good)))
            .with_hint("JSON is UTF-8: write the file again")
    })?;
    let begin = if text.starts_with(BOM) { BOM.len() } else { 0 };
    match text[begin..].trim_start().as_bytes().first() {
        None => return Err(Error::empty(&name)),
        Some(b'[') => {
            return Err(Error::content(format!("{name}: is one JSON array; a table has a JSON object on each line"))
                .with_hint(format!("make lines of it: jq -c '.[]' {name} > lines.jsonl")));
        }
        Some(_) => {}
    }
    let lines = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    memory.check(&name, "the table", (text.len() + lines * size_of::<(usize, usize)>()) as u64)?;
    let mut records = Vec::with_capacity(lines);
    let mut at = begin;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        let content = text[at..end].strip_suffix('\r').unwrap_or(&text[at..end]);
        if !content.trim().is_empty() {
            records.push((at, at + content.len()));
        }
        at = end + 1;
    }
    records.shrink_to_fit();
    of_files(name.clone(), vec![Lines { name, text, records }], progress)
}

/// Files as one table.
pub(crate) fn join(name: String, files: Vec<(String, Records)>) -> Result<Table, Error> {
    of_files(name, files.into_iter().flat_map(|(_, records)| records.files).collect(), &|_, _| ())
}

/// Looks at every value once, and finds the columns.
fn of_files(name: String, files: Vec<Lines>, progress: &dyn Fn(usize, usize)) -> Result<Table, Error> {
    let mut positions: HashMap<String, usize> = HashMap::new();
    let (mut names, mut seen): (Vec<String>, Vec<Seen>) = Default::default();
    let mut starts = vec![0];
    let mut row = 0;
    for file in &files {
        for (index, &(start, end)) in file.records.iter().enumerate() {
            // Lines mostly have the same keys in the same order.
            let mut next = 0;
            let found = each_key(&file.text[start..end], |key, value| {
                let position = match names.get(next) {
                    Some(name) if name == key => next,
                    _ => match positions.get(key) {
                        Some(&position) => position,
                        None => {
                            let position = names.len();
                            positions.insert(key.to_owned(), position);
                            names.push(key.to_owned());
                            seen.push(Seen::default());
                            position
                        }
                    },
                };
                next = position + 1;
                if seen[position].last == row + 1 {
                    return Err(format!("the key {} is there twice", shown(key)));
                }
                seen[position].last = row + 1;
                seen[position].see(row, value.get());
                Ok(())
            });
            found.map_err(|error| bad_line(file, start, end, &error))?;
            row += 1;
            if index.is_multiple_of(STRIDE) {
                progress(start, file.text.len());
            }
        }
        starts.push(row);
    }
    let columns: Vec<ColumnInfo> = names
        .into_iter()
        .zip(&seen)
        .map(|(name, seen)| ColumnInfo { name, kind: seen.kind(), missing: row - seen.rows + seen.incomplete })
        .collect();
    if columns.is_empty() {
        return Err(Error::content(format!("{name}: its objects have no keys, so the table has no columns")));
    }
    let source = Records { files, starts, columns: columns.clone(), seen, positions };
    let mixed = source.mixed();
    let unusable = source.seen.iter().enumerate().filter_map(|(index, seen)| seen.unusable(index)).collect();
    let mut table = Table::new(name, Format::Jsonl, columns, row, Box::new(source))?;
    table.mixed = mixed;
    table.unusable_lists = unusable;
    Ok(table)
}

/// The error of a line that is not an object.
fn bad_line(file: &Lines, start: usize, end: usize, error: &serde_json::Error) -> Error {
    let (name, line) = (&file.name, line_of(file.text.as_bytes(), start));
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    let content = file.text[start..end].trim();
    let of_word = |word: &str| content.contains(word);
    let error = Error::content(format!("{name}: line {line}, column {}: {what}", error.column()));
    if what.contains("twice") {
        error.with_hint("a key is a column, which has one value in a row")
    } else if what.starts_with("EOF") && content.starts_with('{') {
        error.with_hint(format!("an object is on one line: jq -c . {name} > lines.jsonl, or the file is cut short"))
    } else if of_word("NaN") || of_word("Infinity") {
        error.with_hint("NaN and Infinity are not JSON: write null for a missing value")
    } else {
        error.with_hint("a line is one JSON object, such as {\"x\": 1.5, \"class\": \"a\"}")
    }
}

impl Records {
    /// Columns whose values are of several types, and where.
    fn mixed(&self) -> Vec<(usize, String)> {
        let of_column = |(index, seen): (usize, &Seen)| {
            let [(one, a), (other, b)] = seen.mixed()?;
            let (name, [one, other]) =
                (shown(&self.columns[index].name), [one, other].map(|row| self.place(FileRow::at(row))));
            Some((index, format!("column {name} has {a} in {one} and {b} in {other}")))
        };
        self.seen.iter().enumerate().filter_map(of_column).collect()
    }

    /// The file of a row, and its position there.
    fn of(&self, row: usize) -> Option<(&Lines, usize)> {
        let file = self.starts.partition_point(|&start| start <= row).checked_sub(1)?;
        let lines = self.files.get(file)?;
        Some((lines, row - self.starts[file]))
    }

    /// The line of a row, without its end.
    fn line(&self, row: usize) -> Option<&str> {
        let (file, own) = self.of(row)?;
        let &(start, end) = file.records.get(own)?;
        Some(&file.text[start..end])
    }

    /// The line ending of a row; that of the last line of a file may be missing.
    fn ending(&self, row: usize) -> &'static str {
        let windows = self.of(row).is_some_and(|(file, own)| file.text[file.records[own].1..].starts_with('\r'));
        if windows { "\r\n" } else { "\n" }
    }

    /// The columns of up to [`STRIDE`] rows from `first` on.
    fn parse(&self, wanted: &[(usize, Kind)], first: usize) -> Result<Vec<Builder>, Error> {
        let last = (first + STRIDE).min(self.starts[self.files.len()]);
        let mut slots: Vec<Vec<usize>> = vec![Vec::new(); self.columns.len()];
        wanted.iter().enumerate().for_each(|(slot, (column, _))| slots[*column].push(slot));
        let mut builders: Vec<Builder> = wanted.iter().map(|(_, kind)| Builder::new(kind, last - first)).collect();
        for row in first..last {
            let line = self.line(row).unwrap_or_default();
            let (mut next, mut unfit) = (0, None);
            let found = each_key(line, |key, value| {
                let position = match self.columns.get(next) {
                    Some(column) if column.name == key => next,
                    _ => self.positions.get(key).copied().unwrap_or(usize::MAX),
                };
                next = position.saturating_add(1);
                for &slot in slots.get(position).into_iter().flatten() {
                    if !builders[slot].add(value.get()) {
                        unfit.get_or_insert((slot, value.get()));
                    }
                }
                Ok(())
            });
            if let Some((slot, value)) = unfit {
                let (column, kind) = &wanted[slot];
                let place = self.place(FileRow::at(row));
                return Err(not_a(self.name(), &place, &self.columns[*column].name, &text_of(value), kind));
            }
            // Lines were parsed once when the file was opened, so this cannot fail.
            found.map_err(|error| Error::content(format!("{}: row {row}: {error}", self.name())))?;
            builders.iter_mut().for_each(|builder| builder.fill(row - first + 1));
        }
        Ok(builders)
    }

    fn name(&self) -> &str {
        self.files.first().map_or("", |file| &file.name)
    }
}

/// A text without its quotes, anything else as it stands.
fn text_of(raw: &str) -> Cow<'_, str> {
    match serde_json::from_str::<Key<'_>>(raw) {
        Ok(Key(text)) => text,
        Err(_) => Cow::Borrowed(raw),
    }
}

/// A column being filled.
struct Builder {
    /// Of lists: all their numbers.
    values: Values,
    missing: Vec<bool>,
    /// How many numbers a list has, in a column of lists.
    list: Option<usize>,
}

impl Builder {
    fn new(kind: &Kind, rows: usize) -> Self {
        let values = match kind {
            Kind::Number => Values::Number(Vec::with_capacity(rows)),
            Kind::Integer => Values::Integer(Vec::with_capacity(rows)),
            Kind::Boolean => Values::Boolean(Vec::with_capacity(rows)),
            Kind::List(length) => Values::Number(Vec::with_capacity(rows * length)),
            Kind::Text | Kind::Date | Kind::Other(_) => Values::Text(Texts::default()),
        };
        let list = if let Kind::List(length) = kind { Some(*length) } else { None };
        Self { values, missing: Vec::with_capacity(rows), list }
    }

    /// Adds a value; `false` if it is not of the kind.
    fn add(&mut self, raw: &str) -> bool {
        let token = token(raw);
        if token == Token::Null {
            return true; // as if the key were not there
        }
        let number = || raw.parse::<f64>().ok();
        if let (Some(length), Values::Number(v)) = (self.list, &mut self.values) {
            let Ok(numbers) = serde_json::from_str::<Vec<Option<f64>>>(raw) else { return false };
            if numbers.len() != length {
                return false;
            }
            self.missing.push(numbers.contains(&None));
            v.extend(numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)));
            return true;
        }
        match &mut self.values {
            Values::Number(v) if matches!(token, Token::Integer | Token::Number) => v.extend(number()),
            Values::Integer(v) if matches!(token, Token::Integer | Token::Number) => {
                match raw.parse().ok().or_else(|| whole(number()?)) {
                    Some(number) => v.push(number),
                    None => return false,
                }
            }
            Values::Boolean(v) if token == Token::Boolean => v.push(raw == "true"),
            Values::Text(v) => v.push(&text_of(raw)),
            _ => return false,
        }
        self.missing.push(false);
        true
    }

    /// Fills up to this many rows with missing values.
    fn fill(&mut self, rows: usize) {
        while self.missing.len() < rows {
            match &mut self.values {
                Values::Number(v) => v.extend(std::iter::repeat_n(f64::NAN, self.list.unwrap_or(1))),
                Values::Integer(v) => v.push(0),
                Values::Boolean(v) => v.push(false),
                Values::Text(v) => v.push(""),
                // None of a kind that is read.
                Values::Number32(_) | Values::List(_) => {}
            }
            self.missing.push(true);
        }
    }

    /// Adds the rows of the next chunk, of the same kind.
    fn append(&mut self, next: Self) {
        self.missing.extend(next.missing);
        match (&mut self.values, next.values) {
            (Values::Number(all), Values::Number(v)) => all.extend(v),
            (Values::Integer(all), Values::Integer(v)) => all.extend(v),
            (Values::Boolean(all), Values::Boolean(v)) => all.extend(v),
            (Values::Text(all), Values::Text(v)) => v.iter().for_each(|text| all.push(text)),
            _ => {}
        }
    }

    /// The column; `fractions`: whether a list has a number that is not whole.
    fn finish(self, fractions: bool) -> Column {
        let values = match (self.list, self.values) {
            (Some(length), Values::Number(numbers)) => {
                let item = if fractions { ListItem::Float64 } else { ListItem::Integer };
                Values::List(Lists::of(numbers, length, ListType { layout: ListLayout::List, item }))
            }
            (_, values) => values,
        };
        Column::new(values, Some(self.missing))
    }
}

impl Source for Records {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        let rows = self.starts[self.files.len()];
        let chunks: Vec<usize> = (0..rows).step_by(STRIDE).collect();
        let chunks: Vec<Result<Vec<Builder>, Error>> =
            chunks.into_par_iter().map(|first| self.parse(wanted, first)).collect();
        let mut all: Option<Vec<Builder>> = None;
        for chunk in chunks {
            let chunk = chunk?;
            match &mut all {
                None => all = Some(chunk),
                Some(all) => all.iter_mut().zip(chunk).for_each(|(all, own)| all.append(own)),
            }
        }
        let finish = |(builder, (index, _)): (Builder, &(usize, Kind))| builder.finish(self.seen[*index].fractions);
        Ok(all.unwrap_or_default().into_iter().zip(wanted).map(finish).collect())
    }

    fn place(&self, row: FileRow) -> String {
        let Some((file, own)) = self.of(row.index()).filter(|(file, own)| *own < file.records.len()) else {
            return format!("row {row}");
        };
        let line = line_of(file.text.as_bytes(), file.records[own].0);
        match self.files.len() {
            1 => format!("row {row} (line {line})"),
            _ => format!("row {row} (row {own}, line {line} of {})", file.name),
        }
    }

    fn show(&self, row: FileRow, column: usize) -> Option<String> {
        let (name, mut shown) = (&self.columns.get(column)?.name, None);
        let take = |key: &str, value: &RawValue| {
            if key == name {
                shown = Some(text_of(value.get()).into_owned());
            }
            Ok(())
        };
        each_key(self.line(row.index())?, take).ok()?;
        shown
    }

    fn spelled(&self, column: usize) -> bool {
        self.seen[column].huge
    }

    fn spelling_is_lost(&self, column: usize, _matters: bool) -> bool {
        let seen = &self.seen[column];
        seen.kind() == Kind::Number && (seen.huge || seen.big)
    }

    fn memory(&self) -> u64 {
        let of_file = |file: &Lines| file.text.capacity() + file.records.capacity() * size_of::<(usize, usize)>();
        self.files.iter().map(|file| of_file(file) as u64).sum()
    }

    /// The lines themselves; more columns are keys behind theirs.
    fn write(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        if format != Format::Jsonl {
            return Ok(false);
        }
        for (position, row) in rows.iter().enumerate() {
            let line = self.line(row.index()).unwrap_or_default();
            match line.rfind('}').filter(|_| !extra.is_empty()) {
                None => out.write_all(line.as_bytes())?,
                Some(close) => {
                    let object = line[..close].trim_end();
                    out.write_all(object.as_bytes())?;
                    let mut comma = !object.ends_with('{');
                    for (name, column) in extra {
                        write_member(out, name, column, position, &mut comma)?;
                    }
                    out.write_all(&line.as_bytes()[close..])?;
                }
            }
            out.write_all(self.ending(row.index()).as_bytes())?;
        }
        Ok(true)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// `"name":value`, behind a comma if it is not the first.
fn write_member(out: &mut dyn Write, name: &str, column: &Column, row: usize, comma: &mut bool) -> Result<(), Error> {
    if std::mem::replace(comma, true) {
        out.write_all(b",")?;
    }
    write_text(out, name)?;
    out.write_all(b":")?;
    if column.is_missing(row) && !matches!(column.values, Values::List(_)) {
        return Ok(out.write_all(b"null")?);
    }
    match &column.values {
        Values::Text(v) => write_text(out, v.get(row)),
        Values::List(v) => {
            let numbers = v.get(row).into_iter().map(|x| match v.list_type().item {
                _ if x.is_nan() => "null".to_owned(),
                ListItem::Float16 | ListItem::Float32 => format!("{:?}", x as f32),
                ListItem::Float64 => format!("{x:?}"),
                ListItem::ShortInteger | ListItem::Integer => format!("{x}"),
            });
            let text = numbers.collect::<Vec<_>>().join(",");
            if text.contains("inf") {
                return Err(no_json(name, f64::INFINITY));
            }
            Ok(write!(out, "[{text}]")?)
        }
        Values::Number(v) if !v[row].is_finite() => Err(no_json(name, v[row])),
        Values::Number32(v) if !v[row].is_finite() => Err(no_json(name, f64::from(v[row]))),
        _ => Ok(out.write_all(column.text(row).as_bytes())?),
    }
}

fn no_json(name: &str, value: f64) -> Error {
    Error::content(format!("column {} holds {value}, which JSON cannot hold", shown(name)))
        .with_hint("write CSV or Parquet")
}

fn write_text(out: &mut dyn Write, text: &str) -> Result<(), Error> {
    serde_json::to_writer(out, text).map_err(|error| Error::from(std::io::Error::from(error)))
}

/// Writes typed columns, an object per row.
pub(crate) fn write_jsonl(columns: &[(String, Column)], out: &mut dyn Write) -> Result<(), Error> {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    for row in 0..rows {
        out.write_all(b"{")?;
        let mut comma = false;
        for (name, column) in columns {
            write_member(out, name, column, row, &mut comma)?;
        }
        out.write_all(b"}\n")?;
    }
    Ok(())
}
