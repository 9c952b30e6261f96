//! CSV and TSV: the raw bytes stay, records are known by where they start, and fields are cut when asked for.
//!
//! The grammar is that of the `csv` crate (RFC 4180 and what people really write): a field that opens with `"` ends
//! at the closing one and may hold delimiters, newlines and doubled quotes; a quote elsewhere is an ordinary
//! character; `\n`, `\r\n` and `\r` end a record; blank lines are skipped. Two departures, both errors there is no
//! silent way out of: a quoted field that never closes, and a record with another number of fields than the header.
//! Property tests compare the cutting with the `csv` crate.
//!
//! One pass over the file finds records and kinds, shared among the threads where no field is quoted; each request for columns is one more, shared among the threads of
//! the current rayon pool (the result does not depend on them). Nothing is allocated per field. Cost: 8 bytes per row beside the bytes of the file.

use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use leanset_problem::{setting, text};
use leanset_spec::{Delimiter, Format};
use rayon::prelude::*;

use super::{Source, not_a};
use crate::column::{Column, ColumnInfo, Kind, Texts, Values, whole};
use crate::error::{Error, Warning, counted, shown};
use crate::format::is_text;
use crate::memory::MemoryLimit;
use crate::missing::MissingWords;
use crate::notation;
use crate::row::FileRow;
use crate::table::Table;

/// What counts as "no value" in a text table, besides a field of nothing but spaces.
///
/// Case matters, quotes do not, spaces and tabs around do not. `nan` counts in every case and with a sign.
pub const MISSING: &[&str] = &["?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "Null", "null", "None", "NaN", "nan"];

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Rows that are looked at to tell a header from a row.
const LOOK: usize = 1_000;
/// Bytes that a column takes before any value is read: its names, what is known of it, and where a name is looked up.
const OF_A_COLUMN: usize = 512;
/// Bytes of lines that a thread looks at, at least, before it takes others.
const PART: usize = 1 << 20;
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
        i = end_of_field(bytes, i, delimiter);
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

/// Where the next delimiter or line ending is; eight bytes are looked at together.
#[inline]
fn end_of_field(bytes: &[u8], mut at: usize, delimiter: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // The lowest bit that is set is that of the first byte that is equal; above it may be false ones.
    let equal = |word: u64, byte: u8| {
        let zero = word ^ (ONES * u64::from(byte));
        zero.wrapping_sub(ONES) & !zero & TOPS
    };
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, delimiter) | equal(word, b'\n') | equal(word, b'\r');
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while at < bytes.len() && bytes[at] != delimiter && bytes[at] != b'\n' && bytes[at] != b'\r' {
        at += 1;
    }
    at
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

/// `missing` holds the words that are missing in place of [`MISSING`].
fn token(raw: &str, missing: Option<&MissingWords>) -> Token {
    let text = trimmed(raw);
    let Some(&first) = text.as_bytes().first() else { return Token::Missing };
    if let Some(missing) = missing {
        return token_without(text, missing);
    }
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => {
            integer(text).or_else(|| decimal(text)).or_else(|| number(text)).unwrap_or(Token::Text)
        }
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

/// A field of a table with missing words of its own.
#[cold]
fn token_without(text: &str, missing: &MissingWords) -> Token {
    if missing.has(text) {
        return Token::Missing;
    }
    match token(text, None) {
        // One of the usual words is a word here.
        Token::Missing => Token::Text,
        Token::Integer(value) if missing.has_number(value as f64) => Token::Missing,
        Token::Number(value) if missing.has_number(value) => Token::Missing,
        other => other,
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

/// Powers of ten that are exact as floats.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Digits with a point among them and an optional sign, where the quotient of two exact floats is their value, rounded
/// once. Others are left to [`number`].
fn decimal(text: &str) -> Option<Token> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let point = digits.iter().position(|&byte| byte == b'.')?;
    let fraction = &digits[point + 1..];
    if point == 0 || fraction.is_empty() || digits.len() > 20 {
        return None;
    }
    let mut value: u64 = 0;
    for &digit in digits[..point].iter().chain(fraction) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    if value > EXACT {
        return None;
    }
    let value = value as f64 / POWERS.get(fraction.len())?;
    Some(Token::Number(if negative { -value } else { value }))
}

/// Whether a field is digits with a point among them and an optional sign: a number, whatever its value.
#[inline]
fn is_decimal(field: &[u8]) -> bool {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let front = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match digits.get(front..) {
        Some([b'.', fraction @ ..]) if front > 0 => {
            !fraction.is_empty() && fraction.iter().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

fn number(text: &str) -> Option<Token> {
    let unsigned = text.strip_prefix('+').filter(|rest| !rest.starts_with(['+', '-'])).unwrap_or(text);
    let value: f64 = fast_float2::parse(unsigned).ok()?;
    Some(if value.is_nan() { Token::Missing } else { Token::Number(value) })
}

/// What the fields of a column have been so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Guess {
    boolean: bool,
    integer: bool,
    number: bool,
    text: bool,
    missing: usize,
    /// An integer with a zero or a plus in front, or a true/false value in other letters.
    respelled: bool,
    /// An integer with a zero in front.
    zeros: bool,
    /// An integer beyond 2^53, which a float does not hold, and one beyond 64 bits.
    big: bool,
    huge: bool,
}

/// Above this a float does not hold every integer.
const EXACT: u64 = 1 << 53;

impl Guess {
    #[inline]
    fn see(&mut self, raw: &str, missing: Option<&MissingWords>) {
        // Most fields of most tables: no value is needed to know that it is one.
        if missing.is_none() && is_decimal(raw.as_bytes()) {
            self.number = true;
            return;
        }
        match token(raw, missing) {
            Token::Missing => self.missing += 1,
            Token::Boolean(_) => {
                self.boolean = true;
                self.respelled |= !matches!(trimmed(raw), "true" | "false");
            }
            Token::Integer(value) => {
                self.integer = true;
                let (zero, plus) = front(trimmed(raw).as_bytes());
                self.zeros |= zero;
                self.respelled |= zero || plus;
                self.big |= value.unsigned_abs() > EXACT;
            }
            Token::Number(value) => {
                self.number = true;
                self.huge |= value.abs() > EXACT as f64
                    && trimmed(raw).trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit());
            }
            Token::Text => self.text = true,
        }
    }

    /// What the fields of these rows and of others have been.
    fn and(self, other: Self) -> Self {
        Self {
            boolean: self.boolean | other.boolean,
            integer: self.integer | other.integer,
            number: self.number | other.number,
            text: self.text | other.text,
            missing: self.missing + other.missing,
            respelled: self.respelled | other.respelled,
            zeros: self.zeros | other.zeros,
            big: self.big | other.big,
            huge: self.huge | other.huge,
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

/// Whether an integer has a zero in front, and whether it has a plus (or is -0).
#[inline]
fn front(integer: &[u8]) -> (bool, bool) {
    match integer {
        [b'0', _, ..] => (true, false),
        [b'+' | b'-', b'0', rest @ ..] => (!rest.is_empty(), true),
        [b'+', ..] => (false, true),
        _ => (false, false),
    }
}

/// How a text table is read.
pub(crate) struct Options {
    pub(crate) format: Format,
    /// What separates fields, if that is said.
    pub(crate) delimiter: Option<Delimiter>,
    /// The words that are missing in place of [`MISSING`].
    pub(crate) missing: Option<MissingWords>,
    /// Whether the first line is a row.
    pub(crate) no_header: bool,
}

struct Text {
    name: String,
    format: Format,
    delimiter: u8,
    text: String,
    missing: Option<MissingWords>,
    names: Vec<String>,
    guesses: Vec<Guess>,
    /// The bytes before the first row, without the line ending before it: what Excel says of the delimiter, and the header.
    header: Range<usize>,
    /// Whether the table has a line of column names.
    named: bool,
    /// Whether a line ending follows `header`.
    has_first_line: bool,
    /// The line ending of the header, for records that have none.
    newline: &'static str,
    starts: Vec<usize>,
}

/// Opens a text table. Header names are trimmed; a column without one is named `column_<position from 0>`. Without a header
/// all are `column_1`, `column_2`, ….
///
/// Two habits of other programs are understood: a first line `sep=;`, by which Excel says the delimiter, and the header of
/// R, which has no name for the names of rows.
pub(crate) fn open(
    name: String,
    options: Options,
    bytes: Vec<u8>,
    memory: MemoryLimit,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Table, Error> {
    let Options { format, delimiter: said, missing, no_header } = options;
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

    let mut begin = skip_blank_lines(bytes, if bytes.starts_with(BOM) { BOM.len() } else { 0 });
    let mut delimiter = said.unwrap_or(if format == Format::Csv { Delimiter::COMMA } else { Delimiter::TAB }).byte();
    // The bytes before the header that are written again.
    let mut preamble = begin;
    let separator = separator_line(bytes, begin);
    if let Some((excel, end)) = separator {
        if let Some(said) = said.map(Delimiter::byte).filter(|&said| said != excel) {
            let (excel, said) = (shown_byte(excel), shown_byte(said));
            return Err(Error::request(text![
                format!("{name}: the first line says that {excel} separates fields, and "),
                setting::DELIMITER.to(said.trim_matches('\''))
            ])
            .with_hint(text!["leave ", &setting::DELIMITER, " out, or correct the line 'sep='"]));
        }
        delimiter = excel;
        preamble = end;
        begin = skip_blank_lines(bytes, after_line_ending(bytes, end));
    }
    if text[begin..].trim().is_empty() {
        return Err(Error::empty(&name));
    }
    let missing_words = missing.as_ref();
    let mut fields = Vec::new();
    let end = cut(bytes, begin, delimiter, usize::MAX, &mut fields).map_err(unclosed)?;
    memory.check(
        &name,
        format_args!("a table of {} columns", fields.len()),
        (bytes.len() + OF_A_COLUMN * fields.len()) as u64,
    )?;
    let newline = match &bytes[end.content..end.next] {
        b"\r\n" => "\r\n",
        b"\r" => "\r",
        _ => "\n",
    };
    let (mut names, mut unnamed) = if no_header {
        ((1..=fields.len()).map(|number| format!("column_{number}")).collect(), Vec::new())
    } else {
        header(&text, &fields)
    };
    let first_line: Vec<String> =
        if no_header { Vec::new() } else { fields.iter().map(|field| value(&text, field).trim().to_owned()).collect() };
    let first_row = if no_header { begin } else { skip_blank_lines(bytes, end.next) };

    // R names rows in a column without a name. A record that ends in a delimiter is none of its.
    let mut row_names = false;
    if !no_header && first_row < bytes.len() {
        cut(bytes, first_row, delimiter, usize::MAX, &mut fields).map_err(unclosed)?;
        // A comment is no header.
        let separated = names.len() == 1 && (names[0].contains([';', '\t', '|', ',']) || names[0].starts_with('#'));
        row_names = fields.len() == names.len() + 1
            && !separated
            && fields.last().is_some_and(|last| last.end > last.start)
            && all_have(bytes, first_row, delimiter, fields.len());
        if row_names {
            unnamed.iter_mut().for_each(|index| *index += 1);
            let taken = |name: &str| names.iter().any(|known| known == name);
            let mut own = "row_names".to_owned();
            while taken(&own) {
                own.push('_');
            }
            names.insert(0, own);
        }
    }
    let width = names.len();

    let ragged_at = |at: usize, row: usize, fields: &[Field]| {
        ragged(&name, bytes, at, row, fields, width, delimiter, begin..first_row)
    };
    let scan = Scan {
        name: &name,
        text: &text,
        delimiter,
        width,
        missing: missing_words,
        memory,
        progress,
        rows: AtomicUsize::new(0),
        done: AtomicUsize::new(first_row),
        unclosed: &unclosed,
        ragged: &ragged_at,
    };
    let (mut starts, guesses) = scan.all(first_row, PART)?;
    starts.shrink_to_fit();

    let mut columns: Vec<ColumnInfo> = names
        .iter()
        .zip(&guesses)
        .map(|(name, guess)| ColumnInfo { name: name.clone(), kind: guess.kind(), missing: guess.missing })
        .collect();
    let mut warnings = Vec::new();
    if row_names {
        columns[0].kind = Kind::Other("names of rows".to_owned());
        let message = format!(
            "{name}: every row has one field more than the header, as R writes: the first is taken as the name of the row, '{}'",
            names[0]
        );
        let hint = format!("if a value has a {} in it, put it in double quotes", shown_byte(delimiter));
        warnings.push(Warning::new("row-names", message).hint(hint));
    }
    let rows = starts.len();
    let header = 0..if no_header { preamble } else { end.content };
    let source = Text {
        name: name.clone(),
        format,
        delimiter,
        text,
        missing,
        names,
        guesses,
        header,
        named: !no_header,
        has_first_line: !no_header || separator.is_some(),
        newline,
        starts,
    };
    if !no_header {
        let shift = usize::from(row_names);
        warnings.extend(source.row_as_header(&first_line, shift, &columns)?);
    }
    let mut table = Table::new(name, format, columns, rows, Box::new(source)).map_err(|error| {
        // Two columns of one number, such as `5`, are rather values.
        let number = |name: &str| matches!(token(name, None), Token::Integer(_) | Token::Number(_));
        let twice = |name: &String| number(name) && first_line.iter().filter(|other| *other == name).count() > 1;
        if first_line.iter().any(twice) {
            error.or_hint(text!["if the first line is a row: ", &setting::NO_HEADER])
        } else {
            error
        }
    })?;
    table.unnamed = unnamed;
    table.warnings = warnings;
    Ok(table)
}

/// The rows that a thread looks at, and what their fields are.
type Scanned = (Vec<usize>, Vec<Guess>);

/// One pass over the rows of a text: where they begin, and what the fields of each column are.
struct Scan<'a> {
    name: &'a str,
    text: &'a str,
    delimiter: u8,
    width: usize,
    missing: Option<&'a MissingWords>,
    memory: MemoryLimit,
    progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Rows found so far, and bytes done, by all threads.
    rows: AtomicUsize,
    done: AtomicUsize,
    /// The error of a quoted field that begins there.
    unclosed: &'a (dyn Fn(usize) -> Error + Sync),
    /// The error of the record that begins there, is this row, and has these fields.
    ragged: &'a (dyn Fn(usize, usize, &[Field]) -> Error + Sync),
}

impl Scan<'_> {
    /// The rows from `first` on. Without a quote, every line ending ends a record: then all threads share the lines, in parts
    /// of so many bytes or a little more.
    fn all(&self, first: usize, size: usize) -> Result<Scanned, Error> {
        let bytes = self.text.as_bytes();
        let threads = rayon::current_num_threads();
        if threads == 1 || bytes.len() - first < size || memchr::memchr(b'"', &bytes[first..]).is_some() {
            return self.part(first..bytes.len());
        }
        let mut parts = Vec::new();
        let mut at = first;
        while at < bytes.len() {
            let least = bytes.len().min(at + size);
            let end = memchr::memchr(b'\n', &bytes[least..]).map_or(bytes.len(), |offset| least + offset + 1);
            parts.push(at..end);
            at = end;
        }
        let scanned: Vec<Result<Scanned, Error>> = parts.into_par_iter().map(|part| self.part(part)).collect();
        let (mut starts, mut guesses) = (Vec::new(), vec![Guess::default(); self.width]);
        for part in scanned {
            // Which row it is, only a pass from the first row on can tell.
            let Ok((own, of_part)) = part else { return self.part(first..bytes.len()) };
            starts.extend(own);
            guesses.iter_mut().zip(of_part).for_each(|(guess, own)| *guess = guess.and(own));
        }
        Ok((starts, guesses))
    }

    /// The rows in these bytes.
    fn part(&self, part: Range<usize>) -> Result<Scanned, Error> {
        let bytes = &self.text.as_bytes()[..part.end];
        let mut fields = Vec::with_capacity(self.width);
        let (mut starts, mut guesses) = (Vec::new(), vec![Guess::default(); self.width]);
        let (mut at, mut before) = (skip_blank_lines(bytes, part.start), part.start);
        while at < part.end {
            let end = cut(bytes, at, self.delimiter, usize::MAX, &mut fields).map_err(self.unclosed)?;
            if fields.len() != self.width {
                return Err((self.ragged)(at, starts.len(), &fields));
            }
            for (guess, field) in guesses.iter_mut().zip(&fields) {
                if field.quoted {
                    guess.see(&value(self.text, field), self.missing);
                } else {
                    guess.see(&self.text[field.start..field.end], self.missing);
                }
            }
            starts.push(at);
            at = skip_blank_lines(bytes, end.next);
            if starts.len().is_multiple_of(STRIDE) || at >= part.end {
                let new = (starts.len() - 1) % STRIDE + 1;
                let rows = self.rows.fetch_add(new, Ordering::Relaxed) + new;
                let held = self.text.len() + 8 * rows;
                self.memory.check(self.name, "the text and where its rows begin", held as u64)?;
                let done = self.done.fetch_add(at - before, Ordering::Relaxed) + at - before;
                before = at;
                (self.progress)(done.min(self.text.len()), self.text.len());
            }
        }
        Ok((starts, guesses))
    }
}

/// The delimiter that a line `sep=;` says, and where the line ends.
fn separator_line(bytes: &[u8], begin: usize) -> Option<(u8, usize)> {
    let line = &bytes[begin..];
    if !line.get(..4)?.eq_ignore_ascii_case(b"sep=") {
        return None;
    }
    let delimiter = Delimiter::new(*line.get(4)?).ok()?.byte();
    // A line ending follows, and rows behind it.
    matches!(line.get(5), Some(b'\n' | b'\r')).then_some((delimiter, begin + 5))
}

/// Whether all of the first records have as many fields.
fn all_have(bytes: &[u8], first: usize, delimiter: u8, width: usize) -> bool {
    let (mut at, mut fields) = (first, Vec::new());
    for _ in 0..LOOK {
        if at >= bytes.len() {
            break;
        }
        match cut(bytes, at, delimiter, usize::MAX, &mut fields) {
            Ok(end) if fields.len() == width => at = skip_blank_lines(bytes, end.next),
            _ => return false,
        }
    }
    true
}

fn header(text: &str, fields: &[Field]) -> (Vec<String>, Vec<usize>) {
    let values: Vec<String> = fields.iter().map(|field| value(text, field).trim().to_owned()).collect();
    let unnamed: Vec<usize> = (0..values.len()).filter(|&index| values[index].is_empty()).collect();
    let named = |(index, value): (usize, String)| if value.is_empty() { format!("column_{index}") } else { value };
    (values.into_iter().enumerate().map(named).collect(), unnamed)
}

/// A byte of a text table for a message.
fn shown_byte(byte: u8) -> String {
    if byte == b'\t' { "tab".to_owned() } else { format!("'{}'", char::from(byte)) }
}

#[allow(clippy::too_many_arguments)] // each is one thing that the message says
fn ragged(
    name: &str,
    bytes: &[u8],
    at: usize,
    row: usize,
    fields: &[Field],
    width: usize,
    delimiter: u8,
    header: Range<usize>,
) -> Error {
    let found = counted(fields.len(), "field", "fields");
    let line = line_of(bytes, at);
    let than = if header.is_empty() { "the first line has" } else { "the header has" };
    let error = Error::content(format!("{name}: row {row} (line {line}) has {found}; {than} {width}"));
    let first_line = &bytes[header];
    let other =
        [b';', b'\t', b'|'].into_iter().find(|other| width == 1 && *other != delimiter && first_line.contains(other));
    if let Some(other) = other {
        let other = if other == b'\t' { "\\t".to_owned() } else { char::from(other).to_string() };
        return error
            .with_hint(text!["the header has separators in it: say which with ", setting::DELIMITER.to(other)]);
    }
    let separator = shown_byte(delimiter);
    if fields.len() == width + 1 && fields.last().is_some_and(|last| last.start == last.end) {
        error.with_hint(format!("the record ends with a {separator}: remove it, or end the header with one as well"))
    } else if width == 1 && row == 0 {
        error.with_hint(format!(
            "if the first line says something of the file, remove it: tail -n +2 {name}; a value with a {separator} in it must be in \
             double quotes"
        ))
    } else if fields.len() > width {
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
            Kind::Text | Kind::Date | Kind::List(_) | Kind::Other(_) => Values::Text(Texts::default()),
        };
        Self { values, missing: Vec::new() }
    }

    /// Adds the field of the next row; `false` if it is not of the kind.
    fn add(&mut self, raw: &str, missing: Option<&MissingWords>) -> bool {
        let token = token(raw, missing);
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
        let missing = self.missing.as_ref();
        for (row, &start) in (first..).zip(starts) {
            // Records were cut once when the file was opened, so this cannot fail and has fields enough.
            if cut(self.text.as_bytes(), start, self.delimiter, limit, &mut fields).is_err() {
                return Err(Error::content(format!("{}: row {row} cannot be cut again", self.name)));
            }
            for (builder, (index, kind)) in builders.iter_mut().zip(wanted) {
                let field = &fields[*index];
                let fits = if field.quoted {
                    builder.add(&value(&self.text, field), missing)
                } else {
                    builder.add(&self.text[field.start..field.end], missing)
                };
                if !fits {
                    let value = value(&self.text, field);
                    return Err(not_a(&self.name, &self.place(FileRow::at(row)), &self.names[*index], &value, kind));
                }
            }
        }
        Ok(builders)
    }

    /// Whether the first line is a row: the numbers in it, and words that come again in their columns, tell.
    ///
    /// Whole numbers may be names (years, or the positions pandas writes). A fraction is hardly a name, and `oak` is none in
    /// a column of oaks and elms.
    fn row_as_header(&self, line: &[String], shift: usize, columns: &[ColumnInfo]) -> Result<Option<Warning>, Error> {
        let (mut fractions, mut numbers, mut words) = (Vec::new(), 0, Vec::new());
        for (index, value) in line.iter().enumerate() {
            let decimal = matches!(columns[index + shift].kind, Kind::Text)
                && notation::number(value).is_some_and(|number| number.is_decimal_comma());
            match token(value, None) {
                Token::Number(_) => fractions.push(index),
                Token::Text if decimal => fractions.push(index),
                Token::Integer(_) => numbers += 1,
                Token::Text => words.push(index),
                Token::Missing | Token::Boolean(_) => {}
            }
        }
        let fields = fractions.len() + numbers + words.len();
        let again = |index: usize| {
            columns[index + shift].kind == Kind::Text
                && (0..self.starts.len().min(LOOK))
                    .any(|row| self.raw(row, index + shift).is_some_and(|field| field.trim() == line[index]))
        };
        let refused = || {
            let name = &self.name;
            Error::content(format!("{name}: the first line holds values of a row, not column names"))
                .with_hint(text![&setting::NO_HEADER, " if it is a row, or add a first line with one name per column"])
        };
        let only_numbers = words.is_empty() && fields == line.len();
        if only_numbers && !fractions.is_empty() {
            let name = &self.name;
            return Err(Error::content(format!("{name}: the first line holds numbers, not column names")).with_hint(
                text![&setting::NO_HEADER, " if it is a row, or add a first line with one name per column"],
            ));
        }
        let repeated = words.iter().filter(|&&index| again(index)).count();
        // A header of words alone is none only if most of them are values of their columns.
        let enough = if fractions.is_empty() && numbers == 0 {
            repeated >= 2 && 2 * repeated > line.len()
        } else {
            repeated > 0
        };
        if enough {
            return Err(refused());
        }
        let Some(&first) = fractions.first() else { return Ok(None) };
        let message = format!(
            "{}: the first line, which is taken for column names, holds the number {}",
            self.name,
            shown(&line[first])
        );
        Ok(Some(
            Warning::new("numeric-header", message).hint(text![&setting::NO_HEADER, " if the first line is a row"]),
        ))
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

    fn spelled(&self, column: usize) -> bool {
        let guess = &self.guesses[column];
        match guess.kind() {
            Kind::Number => true,
            Kind::Integer | Kind::Boolean => guess.respelled,
            _ => false,
        }
    }

    fn spelling_is_lost(&self, column: usize, matters: bool) -> bool {
        let guess = &self.guesses[column];
        let kind = guess.kind();
        if !matches!(kind, Kind::Number | Kind::Integer | Kind::Boolean) {
            return false;
        }
        if guess.zeros || guess.huge || (guess.big && kind == Kind::Number) {
            return true;
        }
        if !matters || !self.spelled(column) {
            return false;
        }
        // One spelling per value comes back from it: `1.0`, or `True`. Others do not.
        let mut spellings: HashMap<String, Cow<'_, str>> = HashMap::new();
        (0..self.starts.len()).filter_map(|row| self.raw(row, column)).any(|raw| {
            let text = trimmed(&raw);
            let (own, value) = match token(text, self.missing.as_ref()) {
                Token::Integer(value) => (value.to_string(), value.to_string()),
                Token::Number(value) => (format!("{value:?}"), format!("{value:?}")),
                Token::Boolean(value) => (text.to_owned(), value.to_string()),
                Token::Missing | Token::Text => return false,
            };
            let other = spellings.entry(value).or_insert_with(|| Cow::Owned(text.to_owned())).as_ref() != text;
            other || own != text || (kind == Kind::Number && !text.contains(['.', 'e', 'E']))
        })
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
                if self.named {
                    for (name, _) in extra {
                        append(out, name)?;
                    }
                }
            }
            if head && self.has_first_line {
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
        if head && self.named {
            let names = self.names.iter().map(String::as_str);
            writer.write_record(names.chain(extra.iter().map(|(name, _)| name.as_str())))?;
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
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static POOL: LazyLock<rayon::ThreadPool> =
        LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap());

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
        fn decimal_agrees_with_the_standard_library(text in "[+-]?[0-9]{0,12}[.][0-9]{0,12}") {
            if let Some(found) = decimal(&text) {
                prop_assert_eq!(found, Token::Number(text.parse().unwrap()));
            }
            let is_number = matches!(token(&text, None), Token::Number(_));
            prop_assert!(is_number || !is_decimal(text.as_bytes()), "{}", text);
        }

        /// The lines in parts, on several threads, are the lines in one pass: rows, kinds, missing values, and the error.
        #[test]
        fn parts_of_a_text_are_the_text(
            fields in proptest::collection::vec("(-?[0-9]{1,3}([.][0-9]{0,2})?|true|NA|0?[ab]|\u{e9}|)", 2..60),
            ends in proptest::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]), 30),
            cut in 0..3usize,
            size in 1..40usize,
        ) {
            let mut text = String::new();
            for (pair, end) in fields.chunks_exact(2).zip(&ends) {
                text += &format!("{},{}{end}", pair[0], pair[1]);
            }
            if cut == 0 {
                text += "1,2,3\n4,5";
            }
            let error = |at: usize, row: usize, _: &[Field]| Error::content(format!("{at} {row}"));
            let scan = |whole: bool| {
                let scan = Scan {
                    name: "t",
                    text: &text,
                    delimiter: b',',
                    width: 2,
                    missing: None,
                    memory: MemoryLimit::NONE,
                    progress: &|_, _| (),
                    rows: AtomicUsize::new(0),
                    done: AtomicUsize::new(0),
                    unclosed: &|at| error(at, 0, &[]),
                    ragged: &error,
                };
                let found = if whole { scan.part(0..text.len()) } else { scan.all(0, size) };
                found.map_err(|error| error.to_string())
            };
            prop_assert_eq!(POOL.install(|| scan(false)), scan(true));
        }

        #[test]
        fn number_agrees_with_the_standard_library(x in any::<f64>()) {
            let text = format!("{x:?}");
            match token(&text, None) {
                Token::Number(found) => prop_assert_eq!(found.to_bits(), x.to_bits()),
                other => prop_assert!(x.is_nan() && other == Token::Missing, "{} is {:?}", text, other),
            }
        }
    }

    #[test]
    fn token_recognises_values() {
        for text in MISSING.iter().copied().chain(["", "  ", " NA\t", "NAN", "-nan", "+NaN"]) {
            assert_eq!(token(text, None), Token::Missing, "{text:?}");
        }
        for text in
            ["na", "none", "nil", "-", "1,5", "0x10", "1_000", "+-5", "++5", "1e", "t", "yes", "tRUE", "12a", "."]
        {
            assert_eq!(token(text, None), Token::Text, "{text:?}");
        }
        assert_eq!(token(" -7 ", None), Token::Integer(-7));
        assert_eq!(token("+7", None), Token::Integer(7));
        assert_eq!(token("9223372036854775807", None), Token::Integer(i64::MAX));
        assert_eq!(token("-9223372036854775808", None), Token::Integer(i64::MIN));
        assert_eq!(token("9223372036854775808", None), Token::Number(9_223_372_036_854_775_808.0));
        assert_eq!(token("+.5", None), Token::Number(0.5));
        assert_eq!(token("5.", None), Token::Number(5.0));
        assert_eq!(token("-1E-3", None), Token::Number(-0.001));
        assert_eq!(token("inf", None), Token::Number(f64::INFINITY));
        assert_eq!(token("-Infinity", None), Token::Number(f64::NEG_INFINITY));
        assert_eq!(token("1e999", None), Token::Number(f64::INFINITY));
        assert_eq!(token("TRUE", None), Token::Boolean(true));
        assert_eq!(token("False", None), Token::Boolean(false));
    }

    #[test]
    fn line_of_counts_every_ending() {
        let bytes = b"a\nb\r\nc\rd";
        assert_eq!([0, 2, 5, 7].map(|at| line_of(bytes, at)), [1, 2, 3, 4]);
    }
}
