//! XLSX: one sheet, its first used row the header, cells by the type they have in the workbook. Read only.

use std::any::Any;
use std::collections::HashMap;
use std::io::{self, Cursor, Read};

use calamine::{CellErrorType, Data, ExcelDateTime, Reader, Xlsx, XlsxError};
use leanset_problem::{setting, text};
use leanset_spec::Format;

use super::{Source, convert};
use crate::column::{Column, ColumnInfo, Kind, Values, whole};
use crate::error::{Error, listed, shown};
use crate::memory::MemoryLimit;
use crate::missing::MissingWords;
use crate::row::FileRow;
use crate::source::text::MISSING;
use crate::table::Table;

struct Sheet {
    file: String,
    columns: Vec<ColumnInfo>,
    /// Row-major, header left out.
    cells: Vec<Data>,
    /// The 1-based row of the sheet that holds data row 0, and the 0-based column of the first column.
    first: (usize, usize),
    /// The first error cell of each column that has one: its data row.
    errors: HashMap<usize, usize>,
    /// The words that are missing in place of the usual ones.
    words: Option<MissingWords>,
    bytes: u64,
}

/// How a sheet is read.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    /// The words that are missing in place of the usual ones.
    pub(crate) words: Option<&'a MissingWords>,
    /// Whether the first used row is a row of the table.
    pub(crate) no_header: bool,
}

/// Opens a sheet: the first, or the one named. Rows that are empty at the end of the sheet are no rows.
///
/// Without a header, columns are `column_1`, `column_2`, ….
pub(crate) fn open(
    file: String,
    bytes: Vec<u8>,
    sheet: Option<&str>,
    How { words, no_header }: How<'_>,
    memory: MemoryLimit,
) -> Result<Table, Error> {
    let failed = |error: calamine::XlsxError| {
        Error::content(format!("{file}: cannot be read as an XLSX workbook: {error}"))
            .with_hint("open it in a spreadsheet program and save it again, or save it as CSV")
            .caused_by(error)
    };
    let packed = bytes.len() as u64;
    check_strings(&file, &bytes, memory)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(failed)?;
    let names = workbook.sheet_names();
    let chosen = match sheet {
        None => names.first().ok_or_else(|| Error::content(format!("{file}: the workbook has no sheets")))?,
        Some(wanted) => names.iter().find(|name| *name == wanted).ok_or_else(|| {
            Error::request(format!("{file}: no sheet {}", shown(wanted)))
                .with_hint(format!("sheets: {}", listed(&names, 20)))
        })?,
    };
    let chosen = chosen.clone();
    let Some(Cells { mut cells, top, left, width }) =
        read_cells(&mut workbook, &chosen, &|what, bytes| memory.check(&file, what, packed + bytes), &failed)?
    else {
        return Err(Error::content(format!("{file}: sheet {} is empty", shown(&chosen))));
    };
    let header: Vec<Data> = if no_header { Vec::new() } else { cells.drain(..width).collect() };
    let mut unnamed = Vec::new();
    let mut names: Vec<String> = Vec::with_capacity(width);
    if no_header {
        names.extend((1..=width).map(|number| format!("column_{number}")));
    }
    for (index, cell) in header.iter().enumerate() {
        let name = text(cell).trim().to_owned();
        if name.is_empty() {
            unnamed.push(index);
        }
        names.push(if name.is_empty() { format!("column_{index}") } else { name });
    }
    while cells.len() >= width && width > 0 && cells[cells.len() - width..].iter().all(|cell| is_missing(cell, words)) {
        cells.truncate(cells.len() - width);
    }
    let count = cells.len() / width.max(1);

    let mut errors = HashMap::new();
    let mut columns = Vec::with_capacity(width);
    for (index, name) in names.into_iter().enumerate() {
        let (mut missing, mut integer, mut number, mut boolean, mut date, mut word) =
            (0, false, false, false, false, false);
        for row in 0..count {
            match &cells[row * width + index] {
                cell if is_missing(cell, words) => missing += 1,
                Data::Error(_) => drop(errors.entry(index).or_insert(row)),
                Data::Bool(_) => boolean = true,
                Data::Int(_) => integer = true,
                Data::Float(x) if whole(*x).is_some() => integer = true,
                Data::Float(_) => number = true,
                Data::DateTime(_) | Data::DateTimeIso(_) => date = true,
                _ => word = true,
            }
        }
        let kind = match (word || (date && (boolean || number || integer)), boolean, number, integer) {
            _ if date && !(word || boolean || number || integer) => Kind::Date,
            (false, false, false, true) => Kind::Integer,
            (false, false, _, _) => Kind::Number,
            (false, true, false, false) => Kind::Boolean,
            _ => Kind::Text,
        };
        columns.push(ColumnInfo { name, kind, missing });
    }
    let text_bytes: usize =
        cells.iter().map(|cell| if let Data::String(text) = cell { text.capacity() } else { 0 }).sum();
    let bytes = (cells.capacity() * size_of::<Data>() + text_bytes) as u64;
    let source = Sheet {
        file: file.clone(),
        columns: columns.clone(),
        cells,
        first: (top + 2 - usize::from(no_header), left),
        errors,
        words: words.cloned(),
        bytes,
    };
    let mut table = Table::new(file, Format::Xlsx, columns, count, Box::new(source))?;
    table.unnamed = unnamed;
    Ok(table)
}

/// The cells of a sheet, row by row, from its first used row and column to its last ones.
struct Cells {
    cells: Vec<Data>,
    top: usize,
    left: usize,
    width: usize,
}

/// Reads the cells of a sheet; `check` is asked before they are held. Nothing if no cell is used.
fn read_cells(
    workbook: &mut Xlsx<Cursor<Vec<u8>>>,
    sheet: &str,
    check: &dyn Fn(&str, u64) -> Result<(), Error>,
    failed: &dyn Fn(XlsxError) -> Error,
) -> Result<Option<Cells>, Error> {
    let mut reader = match workbook.worksheet_cells_reader(sheet) {
        Err(XlsxError::NotAWorksheet(_)) => return Ok(None),
        reader => reader.map_err(failed)?,
    };
    let mut used: Vec<((u32, u32), Data)> = Vec::new();
    let (mut least, mut most) = ((u32::MAX, u32::MAX), (0, 0));
    let mut texts = 0;
    while let Some(cell) = reader.next_cell().map_err(failed)? {
        let (row, column) = cell.get_position();
        let value = Data::from(cell.get_value().clone());
        if let Data::Empty = value {
            continue;
        }
        if let Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) = &value {
            texts += text.len() as u64;
        }
        let before = (least, most);
        least = (row.min(least.0), column.min(least.1));
        most = (row.max(most.0), column.max(most.1));
        let wider = before != (least, most) && used.len().is_multiple_of(64);
        if wider || used.len().is_multiple_of(1 << 14) {
            check("the sheet", sheet_memory(used.len(), least, most) + texts)?;
        }
        used.push(((row, column), value));
    }
    if used.is_empty() {
        return Ok(None);
    }
    let (height, width) = (u64::from(most.0 - least.0) + 1, most.1 - least.1 + 1);
    check(&format!("the sheet of {height} rows and {width} columns"), sheet_memory(used.len(), least, most) + texts)?;
    let (height, width) = (usize::try_from(height).unwrap_or(usize::MAX), width as usize);
    let mut cells = vec![Data::Empty; height.saturating_mul(width)];
    for ((row, column), value) in used {
        cells[(row - least.0) as usize * width + (column - least.1) as usize] = value;
    }
    Ok(Some(Cells { cells, top: least.0 as usize, left: least.1 as usize, width }))
}

/// Bytes of used cells, and of all cells of the rectangle around them.
fn sheet_memory(used: usize, least: (u32, u32), most: (u32, u32)) -> u64 {
    let cells = u64::from(most.0.abs_diff(least.0) + 1) * u64::from(most.1.abs_diff(least.1) + 1);
    (used * size_of::<((u32, u32), Data)>()) as u64 + cells.saturating_mul(size_of::<Data>() as u64)
}

/// Refuses texts of a workbook that do not fit: calamine holds all of them.
fn check_strings(file: &str, bytes: &[u8], memory: MemoryLimit) -> Result<(), Error> {
    // No archive of this kind unpacks to more than 1032 times its size, so most need no look.
    if (bytes.len() as u64).saturating_mul(1100) <= memory.left() {
        return Ok(());
    }
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return Ok(()) };
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index(index) else { continue };
        let sheet = entry.name().is_ok_and(|name| name.starts_with("xl/worksheets/") || name.starts_with("xl/media/"));
        if sheet {
            continue;
        }
        let room = memory.left().saturating_sub(bytes.len() as u64);
        let unpacked = io::copy(&mut entry.take(room.saturating_add(1)), &mut io::sink()).unwrap_or(0);
        memory.check(file, "the text of the workbook", bytes.len() as u64 + unpacked)?;
    }
    Ok(())
}

fn is_missing(cell: &Data, words: Option<&MissingWords>) -> bool {
    match (cell, words) {
        (Data::Empty | Data::Error(CellErrorType::NA), _) => true,
        (Data::String(text), None) => text.trim().is_empty() || MISSING.contains(&text.trim()),
        (Data::String(text), Some(words)) => text.trim().is_empty() || words.has(text.trim()),
        (Data::Int(x), Some(words)) => words.has_number(*x as f64),
        (Data::Float(x), Some(words)) => words.has_number(*x),
        _ => false,
    }
}

/// The cell as text: numbers as short as they can be said, dates as ISO 8601.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(x) => x.to_string(),
        Data::Float(x) => whole(*x).map_or_else(|| format!("{x:?}"), |x| x.to_string()),
        Data::Bool(x) => x.to_string(),
        Data::DateTime(moment) => date(moment),
        Data::Error(error) => error.to_string(),
    }
}

fn date(moment: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    let time = format!("{hour:02}:{minute:02}:{second:02}{fraction}");
    if moment.is_duration() {
        format!("{:?} days", moment.as_f64())
    } else if moment.as_f64() < 1.0 {
        time
    } else if (hour, minute, second, milli) == (0, 0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02}T{time}")
    }
}

/// The name of a column of a sheet: A, B, …, Z, AA.
fn letters(mut column: usize) -> String {
    let mut name = String::new();
    loop {
        name.insert(0, char::from(b'A' + u8::try_from(column % 26).unwrap_or(0)));
        match (column / 26).checked_sub(1) {
            None => return name,
            Some(rest) => column = rest,
        }
    }
}

impl Sheet {
    fn data(&self, row: usize, column: usize) -> &Data {
        &self.cells[row * self.columns.len() + column]
    }

    fn address(&self, row: usize, column: usize) -> String {
        format!("{}{}", letters(self.first.1 + column), self.first.0 + row)
    }

    fn native(&self, column: usize) -> Result<Column, Error> {
        let info = &self.columns[column];
        if let Some(&row) = self.errors.get(&column) {
            let address = self.address(row, column);
            let (place, name, error) = (self.place(FileRow::at(row)), shown(&info.name), text(self.data(row, column)));
            return Err(Error::content(format!(
                "{}: {place}, column {name}: cell {address} holds the error {error}",
                self.file
            ))
            .with_hint(text!["repair the cell, or ", setting::EXCLUDE.to(&info.name)]));
        }
        let cells = (0..self.cells.len() / self.columns.len()).map(|row| self.data(row, column));
        let number = |cell: &Data| match cell {
            Data::Float(x) => *x,
            Data::Int(x) => *x as f64,
            _ => f64::NAN,
        };
        let integer = |cell: &Data| match cell {
            Data::Int(x) => *x,
            other => whole(number(other)).unwrap_or(0),
        };
        let is_missing = |cell: &Data| is_missing(cell, self.words.as_ref());
        let missing = cells.clone().map(is_missing).collect();
        let values = match info.kind {
            Kind::Number => {
                Values::Number(cells.map(|cell| if is_missing(cell) { f64::NAN } else { number(cell) }).collect())
            }
            Kind::Integer => Values::Integer(cells.map(integer).collect()),
            Kind::Boolean => Values::Boolean(cells.map(|cell| matches!(cell, Data::Bool(true))).collect()),
            _ => Values::Text(cells.map(|cell| if is_missing(cell) { String::new() } else { text(cell) }).collect()),
        };
        Ok(Column::new(values, Some(missing)))
    }
}

impl Source for Sheet {
    fn columns(&self, wanted: &[(usize, Kind)]) -> Result<Vec<Column>, Error> {
        wanted
            .iter()
            .map(|(index, kind)| {
                convert(self, &self.file, &self.columns[*index].name, *index, self.native(*index)?, kind)
            })
            .collect()
    }

    fn place(&self, row: FileRow) -> String {
        format!("row {row} (sheet row {})", self.first.0 + row.index())
    }

    fn cell(&self, row: FileRow, column: usize) -> Option<String> {
        Some(self.address(row.index(), column))
    }

    fn number(&self, row: usize, column: usize) -> Option<f64> {
        match self.data(row, column) {
            Data::Int(x) => Some(*x as f64),
            Data::Float(x) => Some(*x),
            _ => None,
        }
    }

    fn memory(&self) -> u64 {
        self.bytes
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
