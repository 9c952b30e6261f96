//! XLSX: one sheet, its first used row the header, cells by the type they have in the workbook. Read only.

use std::collections::HashMap;
use std::io::Cursor;

use calamine::{CellErrorType, Data, ExcelDateTime, Reader, Xlsx};
use leanset_problem::{setting, text};
use leanset_spec::Format;

use super::{Source, convert};
use crate::column::{Column, ColumnInfo, Kind, Values, whole};
use crate::error::{Error, listed, shown};
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
    bytes: u64,
}

/// Opens a sheet: the first, or the one named. Rows that are empty at the end of the sheet are no rows.
pub(crate) fn open(file: String, bytes: Vec<u8>, sheet: Option<&str>) -> Result<Table, Error> {
    let failed = |error: calamine::XlsxError| {
        Error::content(format!("{file}: cannot be read as an XLSX workbook: {error}"))
            .with_hint("open it in a spreadsheet program and save it again, or save it as CSV")
            .caused_by(error)
    };
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(failed)?;
    let names = workbook.sheet_names();
    let chosen = match sheet {
        None => names.first().ok_or_else(|| Error::content(format!("{file}: the workbook has no sheets")))?,
        Some(wanted) => names.iter().find(|name| *name == wanted).ok_or_else(|| {
            Error::request(format!("{file}: no sheet {}", shown(wanted)))
                .with_hint(format!("sheets: {}", listed(&names, 20)))
        })?,
    };
    let range = workbook.worksheet_range(chosen).map_err(failed)?;
    let Some((top, left)) = range.start().map(|(row, column)| (row as usize, column as usize)) else {
        return Err(Error::content(format!("{file}: sheet {} is empty", shown(chosen))));
    };
    let width = range.width();
    let mut rows = range.rows();
    let header = rows.next().unwrap_or_default();
    let mut unnamed = Vec::new();
    let mut names = Vec::with_capacity(width);
    for (index, cell) in header.iter().enumerate() {
        let name = text(cell).trim().to_owned();
        if name.is_empty() {
            unnamed.push(index);
        }
        names.push(if name.is_empty() { format!("column_{index}") } else { name });
    }
    let mut cells: Vec<Data> = Vec::with_capacity(width * range.height());
    rows.for_each(|row| cells.extend_from_slice(row));
    while cells.len() >= width && width > 0 && cells[cells.len() - width..].iter().all(is_missing) {
        cells.truncate(cells.len() - width);
    }
    let count = cells.len() / width.max(1);

    let mut errors = HashMap::new();
    let mut columns = Vec::with_capacity(width);
    for (index, name) in names.into_iter().enumerate() {
        let (mut missing, mut integer, mut number, mut boolean, mut words) = (0, false, false, false, false);
        for row in 0..count {
            match &cells[row * width + index] {
                cell if is_missing(cell) => missing += 1,
                Data::Error(_) => drop(errors.entry(index).or_insert(row)),
                Data::Bool(_) => boolean = true,
                Data::Int(_) => integer = true,
                Data::Float(x) if whole(*x).is_some() => integer = true,
                Data::Float(_) => number = true,
                _ => words = true,
            }
        }
        let kind = match (words, boolean, number, integer) {
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
    let source = Sheet { file: file.clone(), columns: columns.clone(), cells, first: (top + 2, left), errors, bytes };
    let mut table = Table::new(file, Format::Xlsx, columns, count, Box::new(source))?;
    table.unnamed = unnamed;
    Ok(table)
}

fn is_missing(cell: &Data) -> bool {
    match cell {
        Data::Empty | Data::Error(CellErrorType::NA) => true,
        Data::String(text) => text.trim().is_empty() || MISSING.contains(&text.trim()),
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
    fn cell(&self, row: usize, column: usize) -> &Data {
        &self.cells[row * self.columns.len() + column]
    }

    fn native(&self, column: usize) -> Result<Column, Error> {
        let info = &self.columns[column];
        if let Some(&row) = self.errors.get(&column) {
            let address = format!("{}{}", letters(self.first.1 + column), self.first.0 + row);
            let (place, name, error) = (self.place(FileRow::at(row)), shown(&info.name), text(self.cell(row, column)));
            return Err(Error::content(format!(
                "{}: {place}, column {name}: cell {address} holds the error {error}",
                self.file
            ))
            .with_hint(text!["repair the cell, or ", setting::EXCLUDE.to(&info.name)]));
        }
        let cells = (0..self.cells.len() / self.columns.len()).map(|row| self.cell(row, column));
        let number = |cell: &Data| match cell {
            Data::Float(x) => *x,
            Data::Int(x) => *x as f64,
            _ => f64::NAN,
        };
        let integer = |cell: &Data| match cell {
            Data::Int(x) => *x,
            other => whole(number(other)).unwrap_or(0),
        };
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

    fn memory(&self) -> u64 {
        self.bytes
    }
}
