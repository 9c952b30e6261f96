//! CSV and TSV: the raw bytes stay, records are known by where they start, and fields are cut when asked for.
//!
//! The grammar is that of the `csv` crate (RFC 4180 and what people really write): a field that opens with `"` ends
//! at the closing one and may hold delimiters, newlines and doubled quotes; a quote elsewhere is an ordinary
//! character; `\n`, `\r\n` and `\r` end a record; blank lines are skipped. Two departures, both errors there is no
//! silent way out of: a quoted field that never closes, and a record with another number of fields than the header.
//! Property tests compare the cutting with the `csv` crate.
//!
//! One pass over the file finds records and kinds; each request for columns is one more, shared among the threads of
//! the current rayon pool (the result does not depend on them). Nothing is allocated per field. Cost: 8 bytes per row beside the bytes of the file.

use std::any::Any;
use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;

use leanset_spec::{Delimiter, Format};
use rayon::prelude::*;

use super::{Source, not_a};
use crate::column::{Column, ColumnInfo, Kind, Texts, Values, whole};
use crate::error::{Error, counted};

use crate::format::is_text;
use crate::memory::MemoryLimit;
use crate::row::FileRow;
use crate::table::Table;

/// What counts as "no value" in a text table, besides a field of nothing but spaces.
///
/// Case matters, quotes do not, spaces and tabs around do not. `nan` counts in every case and with a sign.
pub const MISSING: &[&str] = &["?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "Null", "null", "None", "NaN", "nan"];

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Rows between two calls of the progress function, and rows parsed at a time by a thread.
const STRIDE: usize = 1 << 14;

/// A field inside the text, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    start: usize,
    end: usize,
    quoted: bool,
}

/// Where a record ends and what follows begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    /// End of the last field.
    content: usize,
    /// First byte after the line ending.
    next: usize,
}

/// Cuts the record at `at` into `fields`, stopping early once there are `limit`.
///
/// # Errors
/// The start of a quoted field that never closes.
fn cut(bytes: &[u8], at: usize, delimiter: u8, limit: usize, fields: &mut Vec<Field>) -> Result<End, usize> {
    fields.clear();
    let mut i = at;
    loop {
        let start = i;
        let quoted = bytes.get(i) == Some(&b'"');
        if quoted {
            i += 1;
            loop {
                match bytes[i..].iter().position(|&b| b == b'"') {
                    None => return Err(start),
                    Some(offset) => i += offset + 1,
                }
                if bytes.get(i) != Some(&b'"') {
                    break;
                }
                i += 1;
            }
        }
        while i < bytes.len() && bytes[i] != delimiter && bytes[i] != b'\n' && bytes[i] != b'\r' {
            i += 1;
        }
        fields.push(Field { start, end: i, quoted });
        if fields.len() >= limit {
            return Ok(End { content: i, next: i });
        }
        if i < bytes.len() && bytes[i] == delimiter {
            i += 1;
            continue;
        }
        return Ok(End { content: i, next: after_line_ending(bytes, i) });
    }
}

fn after_line_ending(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..) {
        Some([b'\r', b'\n', ..]) => at + 2,
        Some([b'\r' | b'\n', ..]) => at + 1,
        _ => at,
    }
}

fn skip_blank_lines(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The value of a field: without its quotes, doubled quotes single.
fn value<'a>(text: &'a str, field: &Field) -> Cow<'a, str> {
    let raw = &text[field.start..field.end];
    if !field.quoted {
        return Cow::Borrowed(raw);
    }
    let inner = &raw[1..];
    match inner.find('"') {
        Some(end) if end + 1 == inner.len() => Cow::Borrowed(&inner[..end]),
        _ => {
            let mut out = String::with_capacity(inner.len());
            let mut rest = inner;
            while let Some(end) = rest.find('"') {
                out.push_str(&rest[..end]);
                match rest[end + 1..].strip_prefix('"') {
                    Some(after) => {
                        out.push('"');
                        rest = after;
                    }
                    None => {
                        // The closing quote; what follows it up to the delimiter is taken as it stands.
                        rest = &rest[end + 1..];
                        break;
                    }
                }
            }
            out.push_str(rest);
            Cow::Owned(out)
        }
    }
}

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Missing,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text,
}

fn token(raw: &str) -> Token {
    let text = trimmed(raw);
    let Some(&first) = text.as_bytes().first() else { return Token::Missing };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => integer(text).or_else(|| number(text)).unwrap_or(Token::Text),
        b'i' | b'I' | b'N' | b'n' | b'?' | b'#' | b'<' => {
            if MISSING.contains(&text) {
                Token::Missing
            } else {
                number(text).unwrap_or(Token::Text)
            }
        }
        b't' | b'T' if matches!(text, "true" | "True" | "TRUE") => Token::Boolean(true),
        b'f' | b'F' if matches!(text, "false" | "False" | "FALSE") => Token::Boolean(false),
        _ => Token::Text,
    }
}

/// Without spaces and tabs around; most fields have none, which two looks tell.
fn trimmed(raw: &str) -> &str {
    match raw.as_bytes() {
        [first, .., last] if *first > b' ' && *last > b' ' => raw,
        _ => raw.trim_matches([' ', '\t']),
    }
}

/// Digits with an optional sign that fit an `i64`; more digits are a number, rounded to a float.
fn integer(text: &str) -> Option<Token> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.len() > 19 {
        // Leading zeros, or too many digits; rare enough for the general way.
        return text.parse().ok().map(Token::Integer);
    }
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }.map(Token::Integer)
}

fn number(text: &str) -> Option<Token> {
    let unsigned = text.strip_prefix('+').filter(|rest| !rest.starts_with(['+', '-'])).unwrap_or(text);
    let value: f64 = fast_float2::parse(unsigned).ok()?;
    Some(if value.is_nan() { Token::Missing } else { Token::Number(value) })
}

/// What the fields of a column have been so far.
#[derive(Clone, Copy, Default)]
struct Guess {
    boolean: bool,
    integer: bool,
    number: bool,
    text: bool,
    missing: usize,
}

impl Guess {
    fn see(&mut self, token: Token) {
        match token {
            Token::Missing => self.missing += 1,
            Token::Boolean(_) => self.boolean = true,
            Token::Integer(_) => self.integer = true,
            Token::Number(_) => self.number = true,
            Token::Text => self.text = true,
        }
    }

    /// One kind of value decides; numbers and words together are text. A column without a value counts as numbers.
    fn kind(self) -> Kind {
        match (self.text, self.boolean, self.integer, self.number) {
            (false, true, false, false) => Kind::Boolean,
            (false, false, true, false) => Kind::Integer,
            (false, false, _, _) => Kind::Number,
            _ => Kind::Text,
        }
    }
}

struct Text {
    name: String,
    format: Format,
    delimiter: u8,
    text: String,
    names: Vec<String>,
    header: Range<usize>,
    /// The line ending of the header, for records that have none.
    newline: &'static str,
    starts: Vec<usize>,
}

/// Opens a text table. Header names are trimmed; a column without one is named `column_<position from 0>`.
pub(crate) fn open(
    name: String,
    format: Format,
    delimiter: Delimiter,
    bytes: Vec<u8>,
    memory: MemoryLimit,
    progress: &dyn Fn(usize, usize),
) -> Result<Table, Error> {
    let delimiter = delimiter.byte();
    let text = String::from_utf8(bytes).map_err(|error| {
        let (good, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let bad = bytes.get(good).copied().unwrap_or_default();
        Error::content(format!("{name}: line {} is not UTF-8: byte 0x{bad:02x}", line_of(bytes, good)))
            .with_hint(format!("convert it first: iconv -f WINDOWS-1252 -t UTF-8 {name} > utf8.{format}"))
    })?;
    let bytes = text.as_bytes();
    let unclosed = |at: usize| {
        Error::content(format!("{name}: line {}: a quoted field opens here and never closes", line_of(bytes, at)))
            .with_hint("close the quote, or double it (\"\") if it belongs to the value")
    };

    let begin = skip_blank_lines(bytes, if bytes.starts_with(BOM) { BOM.len() } else { 0 });
    if text[begin..].trim().is_empty() {
        return Err(Error::empty(&name));
    }
    let mut fields = Vec::new();
    let end = cut(bytes, begin, delimiter, usize::MAX, &mut fields).map_err(unclosed)?;
    let newline = match &bytes[end.content..end.next] {
        b"\r\n" => "\r\n",
        b"\r" => "\r",
        _ => "\n",
    };
    let (names, unnamed) = header(&name, &text, &fields)?;
    let width = names.len();

    let mut starts = Vec::new();
    let mut guesses = vec![Guess::default(); width];
    let mut at = skip_blank_lines(bytes, end.next);
    while at < bytes.len() {
        let end = cut(bytes, at, delimiter, usize::MAX, &mut fields).map_err(unclosed)?;
        if fields.len() != width {
            return Err(ragged(&name, bytes, at, starts.len(), &fields, width, delimiter));
        }
        for (guess, field) in guesses.iter_mut().zip(&fields) {
            guess.see(if field.quoted { token(&value(&text, field)) } else { token(&text[field.start..field.end]) });
        }
        starts.push(at);
        if starts.len().is_multiple_of(STRIDE) {
            memory.check(&name, "the text and where its rows begin", (bytes.len() + 8 * starts.len()) as u64)?;
            progress(at, bytes.len());
        }
        at = skip_blank_lines(bytes, end.next);
    }
    starts.shrink_to_fit();

    let columns = names
        .iter()
        .zip(&guesses)
        .map(|(name, guess)| ColumnInfo { name: name.clone(), kind: guess.kind(), missing: guess.missing })
        .collect();
    let rows = starts.len();
    let header = 0..end.content;
    let source = Text { name: name.clone(), format, delimiter, text, names, header, newline, starts };
    let mut table = Table::new(name, format, columns, rows, Box::new(source))?;
    table.unnamed = unnamed;
    Ok(table)
}

fn header(name: &str, text: &str, fields: &[Field]) -> Result<(Vec<String>, Vec<usize>), Error> {
    let values: Vec<String> = fields.iter().map(|field| value(text, field).trim().to_owned()).collect();
    let tokens: Vec<Token> = values.iter().map(|value| token(value)).collect();
    let numeric = tokens.iter().all(|token| matches!(token, Token::Integer(_) | Token::Number(_)));
    // Whole numbers may be names (years, or the positions pandas writes); fractions are data.
    if numeric && tokens.iter().any(|token| matches!(token, Token::Number(_))) {
        return Err(Error::content(format!("{name}: the first line holds numbers, not column names"))
            .with_hint("add a first line with one name per column"));
    }
    let unnamed: Vec<usize> = (0..values.len()).filter(|&index| values[index].is_empty()).collect();
    let named = |(index, value): (usize, String)| if value.is_empty() { format!("column_{index}") } else { value };
    Ok((values.into_iter().enumerate().map(named).collect(), unnamed))
}

fn ragged(name: &str, bytes: &[u8], at: usize, row: usize, fields: &[Field], width: usize, delimiter: u8) -> Error {
    let found = counted(fields.len(), "field", "fields");
    let line = line_of(bytes, at);
    let error = Error::content(format!("{name}: row {row} (line {line}) has {found}; the header has {width}"));
    if fields.len() > width {
        let separator = if delimiter == b'\t' { "tab".to_owned() } else { format!("'{}'", char::from(delimiter)) };
        error.with_hint(format!("a value with a {separator} in it must be in double quotes"))
    } else {
        error.with_hint("the record may be cut short, or its quotes may swallow a line ending")
    }
}

/// The 1-based line of a byte: line endings before it, `\r\n` counting once.
pub(crate) fn line_of(bytes: &[u8], at: usize) -> usize {
    let before = &bytes[..at.min(bytes.len())];
    let ends =
        before.iter().enumerate().filter(|&(i, &b)| b == b'\n' || (b == b'\r' && bytes.get(i + 1) != Some(&b'\n')));
    ends.count() + 1
}

/// A column being filled.
#[derive(Default)]
struct Builder {
    values: Values,
    missing: Vec<bool>,
}

impl Builder {
    fn new(kind: &Kind, rows: usize) -> Self {
        let values = match kind {
            Kind::Number => Values::Number(Vec::with_capacity(rows)),
            Kind::Integer => Values::Integer(Vec::with_capacity(rows)),
            Kind::Boolean => Values::Boolean(Vec::with_capacity(rows)),
            Kind::Text | Kind::List(_) | Kind::Other(_) => Values::Text(Texts::default()),
        };
        Self { values, missing: Vec::new() }
    }

    /// Adds the field of the next row; `false` if it is not of the kind.
    fn add(&mut self, raw: &str) -> bool {
        let token = token(raw);
        if token == Token::Missing {
            self.missing.resize(self.values.len(), false);
            self.missing.push(true);
        }
        match (&mut self.values, token) {
            (Values::Number(v), Token::Missing) => v.push(f64::NAN),
            (Values::Number(v), Token::Integer(x)) => v.push(x as f64),
            (Values::Number(v), Token::Number(x)) => v.push(x),
            (Values::Integer(v), Token::Missing) => v.push(0),
            (Values::Integer(v), Token::Integer(x)) => v.push(x),
            (Values::Integer(v), Token::Number(x)) => match whole(x) {
                Some(x) => v.push(x),
                None => return false,
            },
            (Values::Boolean(v), Token::Missing) => v.push(false),
            (Values::Boolean(v), Token::Boolean(x)) => v.push(x),
            (Values::Text(v), Token::Missing) => v.push(""),
            (Values::Text(v), _) => v.push(raw),
            _ => return false,
        }
        true
    }

    /// Adds the rows of the next chunk, of the same kind.
    fn append(&mut self, next: Builder) {
        if !next.missing.is_empty() {
            self.missing.resize(self.values.len(), false);
            self.missing.extend_from_slice(&next.missing);
        }
        match (&mut self.values, next.values) {
            (Values::Number(all), Values::Number(v)) => all.extend_from_slice(&v),
            (Values::Integer(all), Values::Integer(v)) => all.extend_from_slice(&v),
            (Values::Boolean(all), Values::Boolean(v)) => all.extend_from_slice(&v),
            (Values::Text(all), Values::Text(v)) => v.iter().for_each(|text| all.push(text)),
            _ => {}
        }
    }

    fn finish(mut self) -> Column {
        if !self.missing.is_empty() {
            self.missing.resize(self.values.len(), false);
        }
        let missing = (!self.missing.is_empty()).then_some(self.missing);
        Column { values: self.values, missing }
    }
}

impl Text {
    /// The columns of up to [`STRIDE`] rows from `first` on.
    fn parse(&self, wanted: &[(usize, Kind)], first: usize) -> Result<Vec<Builder>, Error> {
        let starts = &self.starts[first..self.starts.len().min(first + STRIDE)];
        let limit = wanted.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        let mut builders: Vec<Builder> = wanted.iter().map(|(_, kind)| Builder::new(kind, starts.len())).collect();
        let mut fields = Vec::with_capacity(limit);
        for (row, &start) in (first..).zip(starts) {
            // Records were cut once when the file was opened, so this cannot fail and has fields enough.
            if cut(self.text.as_bytes(), start, self.delimiter, limit, &mut fields).is_err() {
                return Err(Error::content(format!("{}: row {row} cannot be cut again", self.name)));
            }
            for (builder, (index, kind)) in builders.iter_mut().zip(wanted) {
                let field = &fields[*index];
                let fits = if field.quoted {
                    builder.add(&value(&self.text, field))
                } else {
                    builder.add(&self.text[field.start..field.end])
                };
                if !fits {
                    let value = value(&self.text, field);
                    return Err(not_a(&self.name, &self.place(FileRow::at(row)), &self.names[*index], &value, kind));
                }
            }
        }
        Ok(builders)
    }

    /// The raw field of a row and column.
    fn raw(&self, row: usize, column: usize) -> Option<Cow<'_, str>> {
        let mut fields = Vec::new();
        cut(self.text.as_bytes(), *self.starts.get(row)?, self.delimiter, column + 1, &mut fields).ok()?;
        fields.get(column).map(|field| value(&self.text, field))
    }

    /// The bytes of a record, without its line ending, and its line ending.
    fn record(&self, row: usize, fields: &mut Vec<Field>) -> Result<(&str, &str), Error> {
        let end = cut(self.text.as_bytes(), self.starts[row], self.delimiter, usize::MAX, fields)
            .map_err(|_| Error::content(format!("{}: row {row} cannot be cut again", self.name)))?;
        let ending = &self.text[end.content..end.next];
        Ok((&self.text[self.starts[row]..end.content], if ending.is_empty() { self.newline } else { ending }))
    }
}

impl Source for Text {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        let chunks = self.starts.par_chunks(STRIDE).enumerate().map(|(chunk, _)| self.parse(wanted, chunk * STRIDE));
        let mut chunks: Vec<_> = chunks.collect::<Vec<_>>().into_iter().collect::<Result<_, Error>>()?;
        let join = |(i, (_, kind)): (usize, &(usize, Kind))| {
            let mut all = Builder::new(kind, self.starts.len());
            chunks.iter_mut().for_each(|builders| all.append(std::mem::take(&mut builders[i])));
            all.finish()
        };
        Ok(wanted.iter().enumerate().map(join).collect())
    }

    fn place(&self, row: FileRow) -> String {
        match self.starts.get(row.index()) {
            Some(&start) => format!("row {row} (line {})", line_of(self.text.as_bytes(), start)),
            None => format!("row {row}"),
        }
    }

    fn show(&self, row: FileRow, column: usize) -> Option<String> {
        self.raw(row.index(), column).map(|value| value.trim().to_owned())
    }

    fn memory(&self) -> u64 {
        (self.text.capacity() + self.starts.capacity() * size_of::<usize>()) as u64
    }

    fn write(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        self.write_records(true, format, rows, extra, out)
    }

    fn write_more(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        self.write_records(false, format, rows, extra, out)
    }

    fn delimiter(&self) -> Option<u8> {
        Some(self.delimiter)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl Text {
    /// The same format: raw bytes. The other text format: the same field values behind the other delimiter.
    fn write_records(
        &self,
        head: bool,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        let mut fields = Vec::new();
        if format == self.format {
            // An appended field is quoted as the csv crate quotes, with the delimiter of this very file.
            let append = |out: &mut dyn Write, value: &str| -> Result<(), Error> {
                out.write_all(&[self.delimiter])?;
                Ok(write_field(out, value, self.delimiter)?)
            };
            if head {
                out.write_all(&self.text.as_bytes()[self.header.clone()])?;
                for (name, _) in extra {
                    append(out, name)?;
                }
                out.write_all(self.newline.as_bytes())?;
            }
            for (position, row) in rows.iter().enumerate() {
                let (content, ending) = self.record(row.index(), &mut fields)?;
                out.write_all(content.as_bytes())?;
                for (_, column) in extra {
                    append(out, &column.text(position))?;
                }
                out.write_all(ending.as_bytes())?;
            }
            return Ok(true);
        }
        if !is_text(format) {
            return Ok(false);
        }
        let mut writer = crate::write::text_writer(format, out);
        if head {
            let names = self.names.iter().map(String::as_str).chain(extra.iter().map(|(name, _)| name.as_str()));
            writer.write_record(names)?;
        }
        for (position, row) in rows.iter().enumerate() {
            self.record(row.index(), &mut fields)?;
            for field in &fields {
                writer.write_field(value(&self.text, field).as_bytes())?;
            }
            for (_, column) in extra {
                writer.write_field(column.text(position).as_bytes())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()?;
        Ok(true)
    }
}

/// A field in quotes where it needs them.
fn write_field(out: &mut dyn Write, value: &str, delimiter: u8) -> std::io::Result<()> {
    let special = |b: u8| b == delimiter || matches!(b, b'"' | b'\n' | b'\r');
    if value.bytes().any(special) {
        write!(out, "\"{}\"", value.replace('"', "\"\""))
    } else {
        out.write_all(value.as_bytes())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All records by our cutting, or `None` where a quote never closes.
    fn ours(text: &str, delimiter: u8) -> Option<Vec<Vec<String>>> {
        let (bytes, mut fields, mut records) = (text.as_bytes(), Vec::new(), Vec::new());
        let mut at = skip_blank_lines(bytes, 0);
        while at < bytes.len() {
            let end = cut(bytes, at, delimiter, usize::MAX, &mut fields).ok()?;
            records.push(fields.iter().map(|field| value(text, field).into_owned()).collect());
            at = skip_blank_lines(bytes, end.next);
        }
        Some(records)
    }

    fn theirs(text: &str, delimiter: u8) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn cut_agrees_with_the_csv_crate(text in "[ab,;\"\\n\\r é]{0,40}", delimiter in prop::sample::select(vec![b',', b';'])) {
            if let Some(records) = ours(&text, delimiter) {
                prop_assert_eq!(records, theirs(&text, delimiter));
            }
        }

        #[test]
        fn integer_agrees_with_the_standard_library(text in "[+-]?[0-9]{1,20}") {
            let expected = text.parse::<i64>().ok().map(Token::Integer);
            prop_assert_eq!(integer(&text), expected);
        }

        #[test]
        fn number_agrees_with_the_standard_library(x in any::<f64>()) {
            let text = format!("{x:?}");
            match token(&text) {
                Token::Number(found) => prop_assert_eq!(found.to_bits(), x.to_bits()),
                other => prop_assert!(x.is_nan() && other == Token::Missing, "{} is {:?}", text, other),
            }
        }
    }

    #[test]
    fn token_recognises_values() {
        for text in MISSING.iter().copied().chain(["", "  ", " NA\t", "NAN", "-nan", "+NaN"]) {
            assert_eq!(token(text), Token::Missing, "{text:?}");
        }
        for text in
            ["na", "none", "nil", "-", "1,5", "0x10", "1_000", "+-5", "++5", "1e", "t", "yes", "tRUE", "12a", "."]
        {
            assert_eq!(token(text), Token::Text, "{text:?}");
        }
        assert_eq!(token(" -7 "), Token::Integer(-7));
        assert_eq!(token("+7"), Token::Integer(7));
        assert_eq!(token("9223372036854775807"), Token::Integer(i64::MAX));
        assert_eq!(token("-9223372036854775808"), Token::Integer(i64::MIN));
        assert_eq!(token("9223372036854775808"), Token::Number(9_223_372_036_854_775_808.0));
        assert_eq!(token("+.5"), Token::Number(0.5));
        assert_eq!(token("5."), Token::Number(5.0));
        assert_eq!(token("-1E-3"), Token::Number(-0.001));
        assert_eq!(token("inf"), Token::Number(f64::INFINITY));
        assert_eq!(token("-Infinity"), Token::Number(f64::NEG_INFINITY));
        assert_eq!(token("1e999"), Token::Number(f64::INFINITY));
        assert_eq!(token("TRUE"), Token::Boolean(true));
        assert_eq!(token("False"), Token::Boolean(false));
    }

    #[test]
    fn line_of_counts_every_ending() {
        let bytes = b"a\nb\r\nc\rd";
        assert_eq!([0, 2, 5, 7].map(|at| line_of(bytes, at)), [1, 2, 3, 4]);
    }
}
