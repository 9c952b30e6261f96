//! NPY and NPZ: arrays whose first axis is the rows.
//!
//! An array of one axis is a column, one of two axes as many columns as its second axis is long, a structured array
//! one column per field. Arrays of three axes and more, complex numbers, dates and the like are carried along in an
//! archive and are no features. Any byte order, C and Fortran layout. Written rows keep type, byte order and layout.
//!
//! An archive often has more than a table: names of classes, settings, Python objects. Which arrays are the table is
//! decided in `open_npz`; what has no rows is written again as it is.

use std::any::Any;
use std::io::{Cursor, Read, Write};
use std::ops::Range;

use leanset_problem::{setting, text};
use leanset_spec::Format;
use npyz::{DType, Endianness, NpyFile, Order, TypeChar, TypeStr};
use zip::write::SimpleFileOptions;

use super::{ExactIn32Bits, Generated, NumberType, Source, convert};
use crate::column::{Column, ColumnInfo, Kind, ListItem, Texts, Values};
use crate::error::{Error, Warning, counted, listed, shown};
use crate::memory::MemoryLimit;
use crate::pattern::matches;
use crate::row::FileRow;
use crate::table::Table;

/// Rows or columns of an array without a byte at most.
const NO_BYTES: usize = 1 << 16;

/// One array, its bytes as in the file.
struct Array {
    name: String,
    /// The type as the header writes it.
    descr: String,
    fields: Vec<(String, Item)>,
    /// True for a structured type.
    structured: bool,
    item_size: usize,
    shape: Vec<usize>,
    fortran: bool,
    data: Vec<u8>,
}

/// One scalar inside an item of an array.
#[derive(Clone, Debug)]
struct Item {
    class: Class,
    big_endian: bool,
    size: usize,
    offset: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Class {
    Boolean,
    Signed,
    Unsigned,
    Float,
    Unicode,
    Bytes,
    Opaque(String),
}

impl Item {
    fn new(dtype: &DType, offset: usize) -> Self {
        let size = dtype.num_bytes().unwrap_or(0);
        let DType::Plain(plain) = dtype else {
            return Self { class: Class::Opaque("nested array".to_owned()), big_endian: false, size, offset };
        };
        let class = match (plain.type_char(), size) {
            (TypeChar::Bool, 1) => Class::Boolean,
            (TypeChar::Int, 1 | 2 | 4 | 8) => Class::Signed,
            (TypeChar::Uint, 1 | 2 | 4 | 8) => Class::Unsigned,
            (TypeChar::Float, 2 | 4 | 8) => Class::Float,
            (TypeChar::UnicodeStr, _) => Class::Unicode,
            (TypeChar::ByteStr, _) => Class::Bytes,
            _ => Class::Opaque(numpy_name(plain, size)),
        };
        Self { class, big_endian: plain.endianness() == Endianness::Big, size, offset }
    }

    fn kind(&self) -> Kind {
        match &self.class {
            Class::Boolean => Kind::Boolean,
            Class::Signed | Class::Unsigned => Kind::Integer,
            Class::Float => Kind::Number,
            Class::Unicode | Class::Bytes => Kind::Text,
            Class::Opaque(name) => Kind::Other(name.clone()),
        }
    }

    /// The unsigned integer of up to eight bytes at the start of `bytes`.
    fn bits(&self, bytes: &[u8]) -> u64 {
        let push = |all: u64, &byte: &u8| all << 8 | u64::from(byte);
        let bytes = &bytes[..self.size];
        if self.big_endian { bytes.iter().fold(0, push) } else { bytes.iter().rev().fold(0, push) }
    }

    fn signed(&self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * self.size;
        // The shift pair copies the sign bit down.
        (self.bits(bytes) << unused).cast_signed() >> unused
    }

    fn float(&self, bytes: &[u8]) -> f64 {
        match self.size {
            8 => f64::from_bits(self.bits(bytes)),
            4 => f64::from(f32::from_bits(low32(self.bits(bytes)))),
            _ => f64::from(half(low32(self.bits(bytes)))),
        }
    }

    /// Appends a value as a float of this size and byte order.
    fn put(&self, column: &Column, row: usize, out: &mut Vec<u8>) {
        let value = match &column.values {
            Values::Number(v) => v[row],
            Values::Number32(v) => f64::from(v[row]),
            Values::Integer(v) => v[row] as f64,
            Values::Boolean(v) => f64::from(u8::from(v[row])),
            _ => f64::NAN,
        };
        let start = out.len();
        match self.size {
            2 => out.extend_from_slice(&half::f16::from_f64(value).to_le_bytes()),
            4 => out.extend_from_slice(&(value as f32).to_le_bytes()),
            _ => out.extend_from_slice(&value.to_le_bytes()),
        }
        if self.big_endian {
            out[start..].reverse();
        }
    }

    /// The text, without the zeros that pad it; `None` if it is none.
    fn text(&self, bytes: &[u8]) -> Option<String> {
        if self.class == Class::Bytes {
            let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            return std::str::from_utf8(&bytes[..end]).ok().map(str::to_owned);
        }
        let unit = |four: &[u8]| {
            let four = [four[0], four[1], four[2], four[3]];
            if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        let units: Vec<u32> = bytes.chunks_exact(4).map(unit).collect();
        let end = units.iter().rposition(|&unit| unit != 0).map_or(0, |last| last + 1);
        units[..end].iter().map(|&unit| char::from_u32(unit)).collect()
    }
}

/// The low half, which is all there is.
fn low32(bits: u64) -> u32 {
    (bits & 0xffff_ffff) as u32
}

/// An IEEE half as the float that equals it.
fn half(bits: u32) -> f32 {
    let (sign, exponent, fraction) = ((bits & 0x8000) << 16, bits >> 10 & 0x1f, bits & 0x3ff);
    match exponent {
        0 => f32::from_bits(sign | 0x3380_0000) * fraction as f32, // ±2⁻²⁴ × fraction
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

fn numpy_name(plain: &TypeStr, size: usize) -> String {
    match plain.type_char() {
        TypeChar::Complex => format!("complex{}", 8 * size),
        TypeChar::Float => format!("float{}", 8 * size),
        TypeChar::DateTime => "datetime64".to_owned(),
        TypeChar::TimeDelta => "timedelta64".to_owned(),
        _ => format!("dtype {plain}"),
    }
}

impl Array {
    /// Parses the bytes of one `.npy`; `file` names it in messages.
    fn parse(file: &str, name: String, mut bytes: Vec<u8>) -> Result<Self, Error> {
        let bad = |what: String| Error::content(format!("{file}: cannot be read as an NPY array: {what}"));
        let cut_short = || "the file may be cut short: save it again with numpy.save".to_owned();
        check_shape(&bytes).map_err(|what| bad(what).with_hint(cut_short()))?;
        without_long_integers(&mut bytes);
        let mut cursor = Cursor::new(bytes.as_slice());
        let parsed = NpyFile::new(&mut cursor)
            .map_err(|error| bad(error.to_string()).with_hint(cut_short()).caused_by(error))?;
        let (dtype, shape, order) = (parsed.dtype(), parsed.shape().to_vec(), parsed.order());
        drop(parsed);
        let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        if dtype.uses_pickled_array() {
            return Err(Error::content(format!(
                "{file}: holds Python objects (dtype object), which only Python can read"
            ))
            .with_hint("give the array a real type before saving: a.astype(str), a.astype(float)"));
        }
        let shape: Vec<usize> = shape
            .iter()
            .map(|&n| usize::try_from(n).map_err(|_| bad(format!("an axis of length {n}"))))
            .collect::<Result<_, _>>()?;
        let item_size = dtype.num_bytes().ok_or_else(|| bad("items without a size".to_owned()))?;
        let wanted = shape.iter().try_fold(item_size, |all, &n| all.checked_mul(n));
        let mut data = bytes;
        data.drain(..start.min(data.len()));
        if wanted != Some(data.len()) {
            let wanted = wanted.map_or("more than can be addressed".to_owned(), |n| n.to_string());
            return Err(bad(format!("its shape takes {wanted} bytes and it has {}", data.len())).with_hint(cut_short()));
        }
        // Rows and columns that take no byte: as many as a small header can name.
        let most = data.len().max(NO_BYTES);
        if shape.iter().any(|&n| n > most)
            || shape.iter().skip(1).try_fold(1usize, |a, &n| a.checked_mul(n)).is_none_or(|n| n > most)
        {
            return Err(bad(format!(
                "its shape has more than {most} rows or columns, and its values take {} bytes",
                data.len()
            )));
        }
        let fields = match &dtype {
            DType::Record(fields) => {
                let mut offset = 0;
                let mut items = Vec::with_capacity(fields.len());
                for field in fields {
                    let item = Item::new(&field.dtype, offset);
                    offset += item.size;
                    items.push((field.name.clone(), item));
                }
                items
            }
            plain => vec![(String::new(), Item::new(plain, 0))],
        };
        Ok(Self {
            name,
            descr: dtype.descr(),
            fields,
            structured: matches!(dtype, DType::Record(_)),
            item_size,
            shape,
            fortran: order == Order::Fortran && wanted != Some(0),
            data,
        })
    }

    fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Items per row.
    fn width(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// The bytes of item `k` of a row. In Fortran order rows are nearest neighbours.
    fn item(&self, row: usize, k: usize) -> &[u8] {
        let index = if self.fortran { k * self.rows() + row } else { row * self.width() + k };
        &self.data[index * self.item_size..][..self.item_size]
    }

    /// Header and data of the array.
    fn whole(&self) -> Vec<u8> {
        let mut out = header(&self.descr, self.fortran, &self.shape);
        out.extend_from_slice(&self.data);
        out
    }

    /// Header and data of the chosen rows, in the layout of the array.
    fn take(&self, rows: &[FileRow]) -> Vec<u8> {
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = rows.len();
        }
        let mut out = header(&self.descr, self.fortran, &shape);
        if self.fortran {
            for k in 0..self.width() {
                rows.iter().for_each(|row| out.extend_from_slice(self.item(row.index(), k)));
            }
        } else {
            let size = self.width() * self.item_size;
            rows.iter().for_each(|row| out.extend_from_slice(&self.data[row.index() * size..][..size]));
        }
        out
    }

    /// How another array differs in what the rows of both need to be rows of one: that of the other, and this one's.
    /// Text may be of different lengths.
    fn difference(&self, other: &Self) -> Option<(String, String)> {
        let shape = |array: &Self| {
            let axes: Vec<String> = array.shape.iter().skip(1).map(usize::to_string).collect();
            format!("rows of ({})", axes.join(", "))
        };
        let text = |array: &Self| matches!(array.fields.as_slice(), [(_, item)] if matches!(item.class, Class::Unicode | Class::Bytes) && !array.structured);
        let kind = |array: &Self| array.fields.first().map(|(_, item)| (item.class.clone(), item.big_endian));
        if self.name != other.name {
            Some((other.name.clone(), self.name.clone()))
        } else if self.shape.len() != other.shape.len() || self.shape[1..] != other.shape[1..] {
            Some((shape(other), shape(self)))
        } else if self.descr != other.descr && !(text(self) && text(other) && kind(self) == kind(other)) {
            Some((format!("dtype {}", other.descr), format!("dtype {}", self.descr)))
        } else {
            None
        }
    }

    /// The rows of arrays without a difference, one after another. Only arrays in Fortran order stay in it.
    fn joined(arrays: Vec<Self>) -> Option<Self> {
        let rows = arrays.iter().map(Self::rows).sum();
        // Text is as long as the longest.
        let widest = arrays.iter().max_by_key(|array| array.item_size)?;
        let (size, width, descr, fields) =
            (widest.item_size, widest.width(), widest.descr.clone(), widest.fields.clone());
        let fortran = arrays.iter().all(|array| array.fortran);
        let mut data = Vec::with_capacity(size * rows * width);
        let mut push = |array: &Self, row: usize, k: usize| {
            let end = data.len() + size;
            data.extend_from_slice(array.item(row, k));
            data.resize(end, 0);
        };
        if fortran {
            for k in 0..width {
                arrays.iter().for_each(|array| (0..array.rows()).for_each(|row| push(array, row, k)));
            }
        } else {
            for array in &arrays {
                (0..array.rows()).for_each(|row| (0..width).for_each(|k| push(array, row, k)));
            }
        }
        let mut first = arrays.into_iter().next()?;
        first.shape[0] = rows;
        Some(Self { descr, fields, item_size: size, fortran, data, ..first })
    }

    /// The columns of the one array of a file.
    fn columns_of_file(&self) -> Vec<(String, Cell)> {
        self.columns(0, &|part| if self.structured { part.to_owned() } else { format!("x{part}") })
    }

    /// The columns of an array of an archive.
    fn columns_of_archive(&self, index: usize) -> Vec<(String, Cell)> {
        let single = self.shape.len() == 1 && !self.structured;
        self.columns(index, &|part| if single { self.name.clone() } else { format!("{}_{part}", self.name) })
    }

    /// The columns of this array, with names that start with `prefix`.
    fn columns(&self, array: usize, prefix: &dyn Fn(&str) -> String) -> Vec<(String, Cell)> {
        if self.shape.len() > 2 || (self.structured && self.shape.len() > 1) {
            let axes = self.shape[1..].iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
            let class = Class::Opaque(format!("array of {axes}"));
            let item = Item { class, big_endian: false, size: self.item_size, offset: 0 };
            return vec![(self.name.clone(), Cell { array, k: 0, item })];
        }
        if self.structured {
            // Fields without a name are the padding of aligned types.
            let fields = self.fields.iter().filter(|(name, _)| !name.is_empty());
            return fields.map(|(name, item)| (prefix(name), Cell { array, k: 0, item: item.clone() })).collect();
        }
        let Some((_, item)) = self.fields.first() else { return Vec::new() };
        (0..self.width()).map(|k| (prefix(&k.to_string()), Cell { array, k, item: item.clone() })).collect()
    }
}

/// Where the text of a header is.
fn header_text(bytes: &[u8]) -> Result<Range<usize>, String> {
    let (start, length) = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize)
        }
        _ => return Err("it does not begin as one".to_owned()),
    };
    if start + length <= bytes.len() { Ok(start..start + length) } else { Err("its header is cut short".to_owned()) }
}

/// Headers that Python 2 wrote have long integers, `(60L, 3L)`: their `L` becomes a space.
fn without_long_integers(bytes: &mut [u8]) {
    let Ok(text) = header_text(bytes) else { return };
    let (mut quote, mut before) = (None, 0u8);
    for byte in &mut bytes[text] {
        match (quote, *byte) {
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), byte) if open == byte => quote = None,
            (None, b'L') if before.is_ascii_digit() => *byte = b' ',
            _ => {}
        }
        before = *byte;
    }
}

/// Refuses a header of brackets deep in each other: the time that its parser takes is exponential in their depth. A structured
/// type inside another one has eight.
fn check_brackets(text: &str) -> Result<(), String> {
    const MOST: usize = 8;
    let (mut depth, mut quote) = (0usize, None);
    for c in text.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MOST {
            return Err(format!("its header has brackets more than {MOST} deep in each other"));
        }
    }
    Ok(())
}

/// Refuses a header that is cut short, or whose shape no memory holds, before it is parsed.
fn check_shape(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(&bytes[header_text(bytes)?]);
    check_brackets(&text)?;
    let shape =
        text.split("shape").nth(1).and_then(|rest| rest.split_once('(')?.1.split_once(')')).map(|(shape, _)| shape);
    let axes =
        shape.unwrap_or_default().split(',').filter_map(|axis| axis.trim().trim_end_matches('L').parse::<u64>().ok());
    match axes.into_iter().try_fold(1u64, |all, n| all.checked_mul(n.max(1))) {
        Some(_) => Ok(()),
        None => Err(format!("its shape ({}) is larger than any memory", shape.unwrap_or_default())),
    }
}

/// The header `numpy.save` writes, byte for byte, padding and room to grow included.
fn header(descr: &str, fortran: bool, shape: &[usize]) -> Vec<u8> {
    let axes = match shape {
        [one] => format!("({one},)"),
        many => format!("({})", many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let order = if fortran { "True" } else { "False" };
    let mut text = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {axes}, }}");
    // numpy leaves room for the axis that grows when rows are appended: 21 digits.
    if let Some(grows) = if fortran { shape.last() } else { shape.first() } {
        text.push_str(&" ".repeat(21usize.saturating_sub(grows.to_string().len())));
    }
    let short = text.is_ascii() && text.len() < 65_000;
    let before = if short { 10 } else { 12 };
    let pad = 64 - (before + text.len() + 1) % 64;
    text.push_str(&" ".repeat(pad));
    text.push('\n');
    let mut out = b"\x93NUMPY".to_vec();
    match u16::try_from(text.len()) {
        Ok(length) if short => {
            out.extend_from_slice(&[1, 0]);
            out.extend_from_slice(&length.to_le_bytes());
        }
        _ => {
            out.extend_from_slice(&[3, 0]);
            out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes());
    out
}

/// Where the values of a column are.
struct Cell {
    array: usize,
    k: usize,
    item: Item,
}

pub(crate) struct Arrays {
    file: String,
    format: Format,
    arrays: Vec<Array>,
    names: Vec<String>,
    cells: Vec<Cell>,
    /// Whether the archive was deflated, so that what is written is as well.
    deflated: bool,
    /// Files of the archive that have no rows of the table, as they are.
    beside: Vec<(String, Vec<u8>)>,
}

/// Files as one table: each array has the rows of one file behind those of another.
pub(crate) fn join(name: String, files: Vec<(String, Arrays)>) -> Result<Table, Error> {
    let mut files = files.into_iter();
    let Some((first, Arrays { format, arrays, deflated, beside, .. })) = files.next() else {
        return Err(Error::request("a table needs a file"));
    };
    let mut all: Vec<Vec<Array>> = arrays.into_iter().map(|array| vec![array]).collect();
    let mut others = Vec::new();
    for (file, own) in files {
        let differs =
            |(entry, bytes): &&(String, Vec<u8>)| !beside.iter().any(|(other, same)| other == entry && same == bytes);
        others.extend(own.beside.iter().find(differs).map(|(entry, _)| (file.clone(), entry.clone())));
        for (arrays, other) in all.iter_mut().zip(own.arrays) {
            if let Some((here, there)) = arrays[0].difference(&other) {
                let what = match format {
                    Format::Npz => format!("array '{}'", arrays[0].name),
                    _ => "the array".to_owned(),
                };
                return Err(Error::content(format!("{file}: {what} is of {here}, and in {first} it is of {there}"))
                    .with_hint("the files of one table have arrays of one type and shape: save them alike"));
            }
            arrays.push(other);
        }
    }
    let arrays: Vec<Array> = all.into_iter().filter_map(Array::joined).collect();
    let columns = match (format, arrays.as_slice()) {
        (Format::Npy, [array]) => vec![array.columns_of_file()],
        _ => arrays.iter().enumerate().map(|(index, array)| array.columns_of_archive(index)).collect(),
    };
    let mut table = build(name, format, arrays, columns, (deflated, beside))?;
    if let Some((file, entry)) = others.first() {
        let message = format!("{file}: '{entry}' is not that of {first}, whose is written");
        table.warnings.push(Warning::new("arrays-beside", message));
    }
    Ok(table)
}

/// Opens one array; its columns are `x0`, `x1`, … or the field names of a structured type.
pub(crate) fn open_npy(file: String, bytes: Vec<u8>) -> Result<Table, Error> {
    let array = Array::parse(&file, "x".to_owned(), bytes)?;
    let most = if array.structured { 1 } else { 2 };
    if array.shape.is_empty() || array.shape.len() > most {
        let expected = if array.structured { "a structured array has 1" } else { "a table has 1 or 2" };
        return Err(Error::content(format!("{file}: the array has {} axes; {expected}", array.shape.len()))
            .with_hint("flatten all axes but the first: a.reshape(len(a), -1)"));
    }
    let columns = array.columns_of_file();
    build(file, Format::Npy, vec![array], vec![columns], Default::default())
}

/// Opens an archive; array `y` is column `y`, the columns of array `X` are `X_0`, `X_1`, … and `X` names them all.
/// `features` are the names that were asked for as features, if any were, `roles` those of label and id.
///
/// The arrays that are asked for are the table. If no features are, those of numbers in two or more axes are as well, or
/// else those of numbers in one. Arrays with another number of rows, single values and Python objects are beside the table.
pub(crate) fn open_npz(
    file: String,
    bytes: &[u8],
    (features, roles): (Option<&[String]>, &[String]),
    memory: MemoryLimit,
) -> Result<Table, Error> {
    let damaged = |what: String| {
        Error::content(format!("{file}: cannot be read as an NPZ archive: {what}"))
            .with_hint("the file may be cut short: save it again with numpy.savez")
    };
    let mut archive =
        zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()).caused_by(error))?;
    if entries(bytes).is_some_and(|entries| entries != archive.len()) {
        return Err(Error::content(format!("{file}: two arrays of the archive have one name"))
            .with_hint("save it again with numpy.savez, each array under a name of its own"));
    }
    let there: Vec<String> = archive
        .file_names()
        .filter_map(|name| npyz::npz::array_name_from_file_name(&name.ok()?).map(str::to_owned))
        .collect();
    let is_named = |array: &str| {
        let part = |name: &str| name.strip_prefix(array).is_some_and(|rest| rest.starts_with('_'));
        let mut named = features.unwrap_or_default().iter().chain(roles);
        let pattern = |name: &str| name.contains(['*', '?']) && matches(name, array);
        named.any(|name| name == array || (part(name) && !there.contains(name)) || pattern(name))
    };
    let (mut arrays, mut beside, mut objects) = (Vec::new(), Vec::new(), Vec::new());
    let mut held = bytes.len() as u64;
    let mut deflated = false;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| damaged(error.to_string()).caused_by(error))?;
        let path = entry.name().map_err(|error| damaged(error.to_string()).caused_by(error))?.into_owned();
        deflated |= entry.compression() != zip::CompressionMethod::Stored;
        let name = npyz::npz::array_name_from_file_name(&path).map(str::to_owned);
        let size = entry.size();
        held = held.saturating_add(size);
        memory.check(&file, format_args!("'{path}'"), held)?;
        let mut data = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // An archive may say less than it holds.
        let mut all = entry.by_ref().take(size.saturating_add(1));
        all.read_to_end(&mut data).map_err(|error| damaged(format!("'{path}': {error}")).caused_by(error))?;
        if data.len() as u64 > size {
            return Err(damaged(format!("'{path}' has more than the {size} bytes that the archive says")));
        }
        let Some(name) = name else {
            if !entry.is_dir() {
                beside.push((path, data));
            }
            continue;
        };
        match python_objects(&data) {
            Some(shape) if !is_named(&name) => objects.push((name, shape, data)),
            _ => arrays.push(Array::parse(&format!("{file}: array '{name}'"), name, data)?),
        }
    }
    if let (true, Some((name, _, data))) = (arrays.is_empty(), objects.first()) {
        // With the words of an array that is asked for.
        Array::parse(&format!("{file}: array '{name}'"), name.clone(), data.clone())?;
    }
    let (single, arrays): (Vec<_>, Vec<_>) = arrays.into_iter().partition(|array| array.shape.is_empty());
    if let Some(named) = single.iter().find(|array| is_named(&array.name)) {
        return Err(Error::content(format!("{file}: array '{}' is a single value and has no rows", named.name))
            .with_hint("a column has a value for each row"));
    }
    let file_of = |array: &Array| npyz::npz::file_name_from_array_name(&array.name);
    beside.extend(single.iter().map(|array| (file_of(array), array.whole())));
    let rows = rows_of_table(&arrays, &is_named, features.is_some()).map_err(|[first, other]| {
        let [(first, rows), (other, others)] = [first, other].map(|array| (&array.name, array.rows()));
        Error::content(format!("{file}: array '{first}' has {rows} rows and array '{other}' has {others}")).with_hint(
            text![
                "say which arrays are the table, ",
                setting::FEATURES.to(first),
                ", or save them in an archive of their own"
            ],
        )
    })?;
    let mut other: Vec<String> = Vec::new();
    let mut of_table = Vec::with_capacity(arrays.len());
    for array in arrays {
        if array.rows() == rows {
            of_table.push(array);
        } else {
            other.push(array.name.clone());
            beside.push((file_of(&array), array.whole()));
        }
    }
    let (lost, kept): (Vec<_>, Vec<_>) =
        objects.into_iter().partition(|(_, shape, _)| shape.first() == Some(&(rows as u64)));
    for (name, _, data) in kept {
        beside.push((npyz::npz::file_name_from_array_name(&name), data));
        other.push(name);
    }
    let mut warnings = Vec::new();
    if !other.is_empty() {
        let (names, rows) = (listed(&other, 10), counted(rows, "row", "rows"));
        let (what, is) = if other.len() == 1 { ("array", "is not a column") } else { ("arrays", "are not columns") };
        let message = format!("{file}: {what} {names} {is} of the table of {rows}; an NPZ output has them unchanged");
        warnings.push(Warning::new("arrays-beside", message));
    }
    if !lost.is_empty() {
        let names = listed(&lost.iter().map(|(name, ..)| name).collect::<Vec<_>>(), 10);
        let (what, them) = if lost.len() == 1 { ("array", "holds") } else { ("arrays", "hold") };
        let message =
            format!("{file}: {what} {names} {them} Python objects, which only Python can read: not in the output");
        warnings.push(
            Warning::new("python-objects", message)
                .hint("give the array a real type before saving: a.astype(str), a.astype(float)"),
        );
    }
    let columns = of_table.iter().enumerate().map(|(index, array)| array.columns_of_archive(index)).collect();
    let mut table = build(file, Format::Npz, of_table, columns, (deflated, beside))?;
    table.warnings = warnings;
    Ok(table)
}

/// How many entries a zip archive says it has, at its end; nothing of one that is too large to say it there.
fn entries(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).rposition(|four| four == *b"PK\x05\x06")?;
    let count = u16::from_le_bytes([*bytes.get(end + 10)?, *bytes.get(end + 11)?]);
    (count != u16::MAX).then_some(usize::from(count))
}

/// The shape of an array of Python objects; nothing of another array, and of one that cannot be parsed.
fn python_objects(bytes: &[u8]) -> Option<Vec<u64>> {
    check_shape(bytes).ok()?;
    let mut header = bytes[..header_text(bytes).ok()?.end].to_vec();
    without_long_integers(&mut header);
    let parsed = NpyFile::new(header.as_slice()).ok()?;
    parsed.dtype().uses_pickled_array().then(|| parsed.shape().to_vec())
}

/// The rows of the arrays that are the table, or two of them that do not agree.
fn rows_of_table<'a>(
    arrays: &'a [Array],
    is_named: &dyn Fn(&str) -> bool,
    features_named: bool,
) -> Result<usize, [&'a Array; 2]> {
    let text = |array: &Array| {
        array.fields.iter().all(|(_, item)| matches!(item.class, Class::Unicode | Class::Bytes)) && !array.structured
    };
    let named = |array: &Array| features_named && is_named(&array.name);
    let matrix = |array: &Array| array.shape.len() > 1 && !text(array);
    let matrices = |array: &Array| matrix(array) || (arrays.iter().any(matrix) && is_named(&array.name));
    let numbers = |array: &Array| !text(array) || is_named(&array.name);
    let deciding: [&dyn Fn(&Array) -> bool; 4] = [&named, &matrices, &numbers, &|_| true];
    for decides in deciding {
        let mut deciding = arrays.iter().filter(|array| decides(array));
        if let Some(first) = deciding.next() {
            return match deciding.find(|array| array.rows() != first.rows()) {
                Some(other) => Err([first, other]),
                None => Ok(first.rows()),
            };
        }
    }
    Ok(0)
}

fn build(
    file: String,
    format: Format,
    arrays: Vec<Array>,
    columns: Vec<Vec<(String, Cell)>>,
    (deflated, beside): (bool, Vec<(String, Vec<u8>)>),
) -> Result<Table, Error> {
    let rows = arrays.first().map_or(0, Array::rows);
    let mut groups = Vec::new();
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    for (array, columns) in arrays.iter().zip(columns) {
        let start = names.len();
        for (name, cell) in columns {
            names.push(name);
            cells.push(cell);
        }
        if format == Format::Npz && (array.structured || array.shape.len() == 2) {
            groups.push((array.name.clone(), start..names.len()));
        }
    }
    let source = Arrays { file: file.clone(), format, arrays, names, cells, deflated, beside };
    let infos = (0..source.names.len())
        .map(|index| ColumnInfo {
            name: source.names[index].clone(),
            kind: source.cells[index].item.kind(),
            missing: source.nans(index),
        })
        .collect();
    let mut table = Table::new(file, format, infos, rows, Box::new(source))?;
    if let Some((name, _)) = groups.iter().find(|(name, range)| {
        table.columns.iter().enumerate().any(|(index, column)| column.name == *name && !range.contains(&index))
    }) {
        return Err(Error::content(format!("{}: {} names both an array and a column", table.name, shown(name)))
            .with_hint("rename one of the arrays"));
    }
    table.groups = groups;
    Ok(table)
}

impl Arrays {
    /// The bytes of a column, row by row.
    fn items(&self, column: usize) -> impl Iterator<Item = &[u8]> {
        let Cell { array, k, item } = &self.cells[column];
        let array = &self.arrays[*array];
        (0..array.rows()).map(move |row| &array.item(row, *k)[item.offset..][..item.size])
    }

    fn nans(&self, column: usize) -> usize {
        let item = &self.cells[column].item;
        if item.class == Class::Float {
            self.items(column).filter(|bytes| item.float(bytes).is_nan()).count()
        } else {
            0
        }
    }

    fn native(&self, column: usize) -> Result<Column, Error> {
        let item = &self.cells[column].item;
        let name = &self.names[column];
        let values = match &item.class {
            Class::Boolean => Values::Boolean(self.items(column).map(|bytes| bytes[0] != 0).collect()),
            Class::Signed => Values::Integer(self.items(column).map(|bytes| item.signed(bytes)).collect()),
            Class::Unsigned => {
                let value = |(row, bytes): (usize, &[u8])| {
                    let bits = item.bits(bytes);
                    i64::try_from(bits).map_err(|_| {
                        let (column, top) = (shown(name), i64::MAX);
                        let message = format!(
                            "{}: row {row}, column {column}: {bits} is above {top}, the largest integer here",
                            self.file
                        );
                        Error::content(message)
                            .with_hint(text!["store the column as floats, or ", setting::EXCLUDE.to(name)])
                    })
                };
                Values::Integer(self.items(column).enumerate().map(value).collect::<Result<_, _>>()?)
            }
            Class::Float if item.size == 8 => {
                Values::Number(self.items(column).map(|bytes| item.float(bytes)).collect())
            }
            // Exact: what was widened is narrowed again.
            Class::Float => Values::Number32(self.items(column).map(|bytes| item.float(bytes) as f32).collect()),
            Class::Unicode | Class::Bytes => {
                let mut texts = Texts::default();
                for (row, bytes) in self.items(column).enumerate() {
                    let text = item.text(bytes).ok_or_else(|| {
                        Error::content(format!("{}: row {row}, column {}: not valid text", self.file, shown(name)))
                    })?;
                    texts.push(&text);
                }
                Values::Text(texts)
            }
            Class::Opaque(what) => {
                let message = format!("{}: column {} ({what}) has no values leanset can read", self.file, shown(name));
                return Err(Error::content(message)
                    .with_hint("write the rows in the format they came in, or leave the array out"));
            }
        };
        let missing = match &values {
            Values::Number(v) => Some(v.iter().map(|x| x.is_nan()).collect()),
            Values::Number32(v) => Some(v.iter().map(|x| x.is_nan()).collect()),
            _ => None,
        };
        Ok(Column::new(values, missing))
    }
}

impl Source for Arrays {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        wanted
            .iter()
            .map(|(index, kind)| convert(self, &self.file, &self.names[*index], *index, self.native(*index)?, kind))
            .collect()
    }

    fn exact_in_32_bits(&self, column: usize) -> Option<ExactIn32Bits> {
        let item = &self.cells[column].item;
        match (&item.class, item.size) {
            (Class::Float, 2 | 4) => Some(ExactIn32Bits::Float),
            (Class::Boolean, _) | (Class::Signed | Class::Unsigned, 1 | 2) => Some(ExactIn32Bits::Integer),
            _ => None,
        }
    }

    fn number_type(&self, column: usize) -> Option<NumberType> {
        let item = &self.cells[column].item;
        match item.class {
            Class::Signed => Some(NumberType::Signed(item.size)),
            Class::Unsigned => Some(NumberType::Unsigned(item.size)),
            Class::Float => Some(NumberType::Float(item.size)),
            _ => None,
        }
    }

    fn memory(&self) -> u64 {
        let beside: u64 = self.beside.iter().map(|(_, bytes)| bytes.capacity() as u64).sum();
        self.arrays.iter().map(|array| array.data.capacity() as u64).sum::<u64>() + beside
    }

    fn write(
        &self,
        format: Format,
        rows: &[FileRow],
        extra: &[(String, Column)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        if format != self.format {
            return Ok(false);
        }
        if format == Format::Npz {
            let file = npyz::npz::file_name_from_array_name;
            let mut files: Vec<(String, Vec<u8>)> =
                self.arrays.iter().map(|array| (file(&array.name), array.take(rows))).collect();
            for (name, column) in extra {
                files.push((file(name), vector(name, column, None)?));
            }
            files.extend(self.beside.iter().cloned());
            archive(files, self.deflated, out)?;
        } else if let [array] = self.arrays.as_slice() {
            if extra.is_empty() {
                out.write_all(&array.take(rows))?;
            } else {
                out.write_all(&appended(array, rows, extra)?)?;
            }
        }
        Ok(true)
    }

    fn write_generated(
        &self,
        format: Format,
        columns: &[(String, Generated)],
        out: &mut dyn Write,
    ) -> Result<bool, Error> {
        // A structured array has a type per column, which a plain one has not.
        if format != self.format || (format == Format::Npy && self.arrays.iter().any(|array| array.structured)) {
            return Ok(false);
        }
        if format == Format::Npy {
            out.write_all(&self.one_array(columns)?)?;
            return Ok(true);
        }
        let file = npyz::npz::file_name_from_array_name;
        let (mut files, mut written) = (Vec::new(), vec![false; self.cells.len()]);
        for array in 0..self.arrays.len() {
            if let Some(bytes) = self.generated(array, columns) {
                files.push((file(&self.arrays[array].name), bytes?));
                (0..self.cells.len())
                    .filter(|&cell| self.cells[cell].array == array)
                    .for_each(|cell| written[cell] = true);
            }
        }
        for (name, values) in columns {
            let (column, number) = match values {
                Generated::Means(index, _) | Generated::Values(index, _) if written[*index] => continue,
                Generated::Means(index, column) => (column.clone(), self.number_type(*index)),
                Generated::Values(index, rows) => (self.native(*index)?.take(rows), self.number_type(*index)),
                Generated::New(column) => (column.clone(), None),
            };
            files.push((file(name), vector(name, &column, number)?));
        }
        files.extend(self.beside.iter().cloned());
        archive(files, self.deflated, out)?;
        Ok(true)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl Arrays {
    /// The columns that an array is of, as a new array; `None` if some are not there, or it has no plain items.
    fn generated(&self, array: usize, columns: &[(String, Generated)]) -> Option<Result<Vec<u8>, Error>> {
        let of = &self.arrays[array];
        if of.structured || of.shape.len() > 2 {
            return None;
        }
        let parts: Vec<&Generated> = (0..self.cells.len())
            .filter(|&cell| self.cells[cell].array == array)
            .map(|cell| {
                let is = |values: &&Generated| match values {
                    Generated::Means(index, _) | Generated::Values(index, _) => *index == cell,
                    Generated::New(_) => false,
                };
                columns.iter().map(|(_, values)| values).find(is)
            })
            .collect::<Option<_>>()?;
        let rows = parts.first()?.len();
        let mut shape = of.shape.clone();
        *shape.first_mut()? = rows;
        let item = &of.fields.first()?.1;
        if parts.iter().all(|part| matches!(part, Generated::Values(..))) {
            let mut out = header(&of.descr, false, &shape);
            for row in 0..rows {
                for (k, part) in parts.iter().enumerate() {
                    if let Generated::Values(_, rows) = part {
                        out.extend_from_slice(of.item(rows[row].index(), k));
                    }
                }
            }
            return Some(Ok(out));
        }
        // Means of integers are floats.
        let (float, descr) = match item.class {
            Class::Float => (item.clone(), of.descr.clone()),
            _ => (Item { class: Class::Float, big_endian: false, size: 8, offset: 0 }, "'<f8'".to_owned()),
        };
        let mut out = header(&descr, false, &shape);
        let columns: Result<Vec<Column>, Error> = parts
            .iter()
            .map(|part| match part {
                Generated::Means(_, column) | Generated::New(column) => Ok(column.clone()),
                Generated::Values(index, rows) => Ok(self.native(*index)?.take(rows)),
            })
            .collect();
        let columns = match columns {
            Ok(columns) => columns,
            Err(error) => return Some(Err(error)),
        };
        for row in 0..rows {
            columns.iter().for_each(|column| float.put(column, row, &mut out));
        }
        Some(Ok(out))
    }

    /// All columns as one array of floats.
    fn one_array(&self, columns: &[(String, Generated)]) -> Result<Vec<u8>, Error> {
        let item = self.arrays.first().and_then(|array| array.fields.first()).map(|(_, item)| item.clone());
        let descr = self.arrays.first().map(|array| array.descr.clone()).unwrap_or_default();
        let (float, descr) = match item {
            Some(item) if item.class == Class::Float => (item, descr),
            _ => (Item { class: Class::Float, big_endian: false, size: 8, offset: 0 }, "'<f8'".to_owned()),
        };
        let mut plain = Vec::with_capacity(columns.len());
        for (name, values) in columns {
            let column = match values {
                Generated::Means(_, column) | Generated::New(column) => column.clone(),
                Generated::Values(index, rows) => self.native(*index)?.take(rows),
            };
            if matches!(column.values, Values::Text(_)) {
                let name = shown(name);
                return Err(Error::request(format!("an NPY file holds numbers: column {name} is text"))
                    .with_hint("write CSV, Parquet or NPZ, which have a type per column"));
            }
            plain.push(column);
        }
        let rows = plain.first().map_or(0, Column::len);
        let mut out = header(&descr, false, &[rows, plain.len()]);
        for row in 0..rows {
            plain.iter().for_each(|column| float.put(column, row, &mut out));
        }
        Ok(out)
    }
}

/// The rows of an array with more columns of its own type. The layout becomes C order.
fn appended(array: &Array, rows: &[FileRow], extra: &[(String, Column)]) -> Result<Vec<u8>, Error> {
    let item = array.fields.first().map(|(_, item)| item).filter(|_| !array.structured);
    let mut bytes: Vec<Vec<u8>> = Vec::new();
    for (name, column) in extra {
        let fits = match (&column.values, item.map(|item| (&item.class, item.size))) {
            (Values::Number(v), Some((Class::Float, 8))) => Some(v.iter().map(|x| x.to_bits()).collect::<Vec<u64>>()),
            (Values::Integer(v), Some((Class::Float, 8))) => Some(v.iter().map(|&x| (x as f64).to_bits()).collect()),
            (Values::Integer(v), Some((Class::Signed | Class::Unsigned, 8))) => {
                Some(v.iter().map(|&x| x.cast_unsigned()).collect())
            }
            _ => None,
        };
        let (Some(bits), Some(item)) = (fits, item) else {
            let (name, descr) = (shown(name), &array.descr);
            return Err(Error::request(format!(
                "an NPY file holds one type: column {name} does not fit dtype {descr}"
            ))
            .with_hint("write NPZ, CSV or Parquet, which have a type per column"));
        };
        let big = item.big_endian;
        bytes.push(bits.iter().flat_map(|x| if big { x.to_be_bytes() } else { x.to_le_bytes() }).collect());
    }
    let mut out = header(&array.descr, false, &[rows.len(), array.width() + extra.len()]);
    for (position, row) in rows.iter().enumerate() {
        (0..array.width()).for_each(|k| out.extend_from_slice(array.item(row.index(), k)));
        bytes.iter().for_each(|column| out.extend_from_slice(&column[position * 8..][..8]));
    }
    Ok(out)
}

/// Writes columns of one numeric type as one array: one axis for one column, two for more.
pub(crate) fn write_npy(
    columns: &[(String, Column)],
    numbers: &[Option<NumberType>],
    out: &mut dyn Write,
) -> Result<(), Error> {
    let Some((first, kind)) = columns.first().map(|(name, column)| (name, type_name(&column.values))) else {
        return Err(Error::request("a table needs a column"));
    };
    for (name, column) in columns {
        let found = type_name(&column.values);
        if matches!(column.values, Values::Text(_)) || found != kind {
            let name = shown(name);
            let message = if found == "text" {
                format!("an NPY file holds numbers: column {name} is text")
            } else {
                format!("an NPY file holds one type: column {} is {kind}, column {name} is {found}", shown(first))
            };
            return Err(Error::request(message).with_hint("write CSV, Parquet or NPZ, which have a type per column"));
        }
        complete(name, column)?;
    }
    let rows = columns[0].1.len();
    let width = columns.iter().map(|(_, column)| width(&column.values)).sum();
    let single = matches!(columns, [(_, column)] if !matches!(column.values, Values::List(_)));
    let shape = if single { vec![rows] } else { vec![rows, width] };
    // The type that all columns have in their file, if it is one.
    let number = numbers.first().copied().flatten().filter(|first| numbers.iter().all(|other| *other == Some(*first)));
    let mut bytes = header(&descr(&columns[0].1.values, number), false, &shape);
    for row in 0..rows {
        columns.iter().for_each(|(_, column)| push(&mut bytes, column, row, number));
    }
    Ok(out.write_all(&bytes)?)
}

/// Items that a row of a column takes.
fn width(values: &Values) -> usize {
    if let Values::List(lists) = values { lists.length() } else { 1 }
}

/// Writes one array per column: of one axis, and of two where a column holds lists.
pub(crate) fn write_npz(
    columns: &[(String, Column)],
    numbers: &[Option<NumberType>],
    out: &mut dyn Write,
) -> Result<(), Error> {
    let file = npyz::npz::file_name_from_array_name;
    let number = |index: usize| numbers.get(index).copied().flatten();
    let files =
        columns.iter().enumerate().map(|(at, (name, column))| Ok((file(name), vector(name, column, number(at))?)));
    archive(files.collect::<Result<_, Error>>()?, false, out)
}

/// One column as the bytes of an `.npy`; text becomes the narrowest `<U`.
fn vector(name: &str, column: &Column, number: Option<NumberType>) -> Result<Vec<u8>, Error> {
    if let Values::Text(texts) = &column.values {
        let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
        let mut out = header(&format!("'<U{width}'"), false, &[texts.len()]);
        for text in texts.iter() {
            text.chars().for_each(|c| out.extend_from_slice(&u32::from(c).to_le_bytes()));
            out.resize(out.len() + 4 * (width - text.chars().count()), 0);
        }
        return Ok(out);
    }
    complete(name, column)?;
    let rows = column.len();
    let shape = if let Values::List(lists) = &column.values { vec![rows, lists.length()] } else { vec![rows] };
    let mut out = header(&descr(&column.values, number), false, &shape);
    (0..rows).for_each(|row| push(&mut out, column, row, number));
    Ok(out)
}

/// Arrays have no place for a missing integer or boolean; floats have NaN.
fn complete(name: &str, column: &Column) -> Result<(), Error> {
    let has_nan = match &column.values {
        Values::Number(_) | Values::Number32(_) => true,
        Values::List(lists) => !lists.list_type().item.is_integer(),
        _ => false,
    };
    if column.missing_count() == 0 || has_nan {
        return Ok(());
    }
    let (name, kind) = (shown(name), column.kind());
    Err(Error::content(format!(
        "column {name} has {} missing values, and arrays of {kind} have none",
        column.missing_count()
    ))
    .with_hint("write CSV or Parquet"))
}

fn type_name(values: &Values) -> &'static str {
    match values {
        Values::Number(_) => "float64",
        Values::Number32(_) => "float32",
        Values::Integer(_) => "int64",
        Values::Boolean(_) => "bool",
        Values::Text(_) => "text",
        Values::List(lists) => match lists.list_type().item {
            ListItem::Float16 | ListItem::Float32 => "float32",
            ListItem::Float64 => "float64",
            ListItem::ShortInteger | ListItem::Integer => "int64",
        },
    }
}

fn descr(values: &Values, number: Option<NumberType>) -> String {
    let letter = |letter: char, bytes: usize| format!("'{}{letter}{bytes}'", if bytes == 1 { '|' } else { '<' });
    match number.and_then(|number| number.of(values)) {
        Some(NumberType::Signed(bytes)) => return letter('i', bytes),
        Some(NumberType::Unsigned(bytes)) => return letter('u', bytes),
        Some(NumberType::Float(bytes)) => return letter('f', bytes),
        None => {}
    }
    let usual = match values {
        Values::Number(_) => "'<f8'",
        Values::Number32(_) => "'<f4'",
        Values::Integer(_) => "'<i8'",
        Values::Boolean(_) => "'|b1'",
        Values::Text(_) => "'<U1'",
        Values::List(lists) => match lists.list_type().item {
            ListItem::Float16 | ListItem::Float32 => "'<f4'",
            ListItem::Float64 => "'<f8'",
            ListItem::ShortInteger | ListItem::Integer => "'<i8'",
        },
    };
    usual.to_owned()
}

fn push(out: &mut Vec<u8>, column: &Column, row: usize, number: Option<NumberType>) {
    match (&column.values, number.and_then(|number| number.of(&column.values))) {
        (Values::Integer(v), Some(NumberType::Signed(bytes) | NumberType::Unsigned(bytes))) => {
            return out.extend_from_slice(&v[row].to_le_bytes()[..bytes]);
        }
        (_, Some(NumberType::Float(size))) => {
            let item = Item { class: Class::Float, big_endian: false, size, offset: 0 };
            return item.put(column, row, out);
        }
        _ => {}
    }
    match &column.values {
        Values::Number(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Number32(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Integer(v) => out.extend_from_slice(&v[row].to_le_bytes()),
        Values::Boolean(v) => out.push(u8::from(v[row])),
        Values::Text(_) => {}
        Values::List(lists) => {
            for x in lists.get(row) {
                match lists.list_type().item {
                    ListItem::Float16 | ListItem::Float32 => out.extend_from_slice(&(x as f32).to_le_bytes()),
                    ListItem::Float64 => out.extend_from_slice(&x.to_le_bytes()),
                    ListItem::ShortInteger | ListItem::Integer => out.extend_from_slice(&(x as i64).to_le_bytes()),
                }
            }
        }
    }
}

fn archive(files: Vec<(String, Vec<u8>)>, deflated: bool, out: &mut dyn Write) -> Result<(), Error> {
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        // No time of writing in the file: equal tables make equal archives.
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(zip::DateTime::default())
            .large_file(u32::try_from(bytes.len()).is_err());
        writer.start_file(name, options).map_err(std::io::Error::from)?;
        writer.write_all(&bytes)?;
    }
    let bytes = writer.finish().map_err(std::io::Error::from)?.into_inner();
    Ok(out.write_all(&bytes)?)
}
