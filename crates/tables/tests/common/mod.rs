//! What the tests share: tables from bytes, bytes from tables, and a minimal workbook.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, missing_docs)]

use std::io::{Cursor, Write};

use leanset_problem::Face;
use leanset_tables::*;

pub fn open(name: &str, bytes: impl Into<Vec<u8>>) -> Table {
    read_bytes(name, bytes.into(), &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

pub fn csv(text: &str) -> Table {
    open("t.csv", text)
}

pub fn refused(name: &str, bytes: impl Into<Vec<u8>>) -> Error {
    read_bytes(name, bytes.into(), &ReadOptions::default()).expect_err("should be refused")
}

/// Message and hint at once, so that both are held to the letter.
pub fn words(error: &Error) -> String {
    let message = error.message().render(Face::CommandLine);
    match error.hint() {
        Some(hint) => format!("{message}\n{}", hint.render(Face::CommandLine)),
        None => message,
    }
}

pub fn ids(rows: impl IntoIterator<Item = u32>) -> Vec<FileRow> {
    rows.into_iter().map(FileRow).collect()
}

pub fn all(table: &Table) -> Vec<FileRow> {
    ids(0..u32::try_from(table.rows()).unwrap())
}

pub fn rows_as(table: &Table, rows: &[FileRow], extra: &[Extra], format: Format) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write_rows(table, rows, extra, format, Compression::None, &mut out).map(|()| out)
}

pub fn columns_as(columns: &[(String, Column)], format: Format) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write_columns(columns, format, Compression::None, &mut out).map(|()| out)
}

pub fn column<V>(name: &str, values: V) -> (String, Column)
where
    Column: From<V>,
{
    (name.to_owned(), Column::from(values))
}

pub fn texts(values: &[&str]) -> Texts {
    values.iter().collect()
}

pub fn named(table: &Table, name: &str) -> Column {
    table.column(table.position(name).unwrap()).unwrap()
}

pub fn kinds(table: &Table) -> Vec<Kind> {
    table.columns().iter().map(|column| column.kind.clone()).collect()
}

/// Every value of every column, as text.
pub fn cells(table: &Table) -> Vec<Vec<String>> {
    (0..table.columns().len())
        .map(|index| {
            let column = table.column(index).unwrap();
            (0..table.rows()).map(|row| column.text(row).into_owned()).collect()
        })
        .collect()
}

pub fn features(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|&name| name.to_owned()).collect())
}

pub fn label(name: &str) -> Columns {
    Columns { label: Some(name.to_owned()), ..Columns::default() }
}

/// An array as `numpy.save` writes it, from its header fields and raw data.
pub fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(data);
    out
}

pub fn zipped(files: &[(&str, &[u8])], deflated: bool) -> Vec<u8> {
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A workbook of sheets, each the XML of its rows (`<row r="1">…</row>`); style 1 is a date.
pub fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let mut files: Vec<(String, String)> = Vec::new();
    let (mut list, mut links, mut types) = (String::new(), String::new(), String::new());
    for (index, (name, rows)) in sheets.iter().enumerate() {
        let n = index + 1;
        list += &format!(r#"<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>"#);
        links +=
            &format!(r#"<Relationship Id="rId{n}" Type="{relations}/worksheet" Target="worksheets/sheet{n}.xml"/>"#);
        types += &format!(
            r#"<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>"#
        );
        let sheet = format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#);
        files.push((format!("xl/worksheets/sheet{n}.xml"), sheet));
    }
    links += &format!(r#"<Relationship Id="rId99" Type="{relations}/styles" Target="styles.xml"/>"#);
    let styles = format!(
        r#"<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>"#
    );
    files.push(("xl/styles.xml".into(), styles));
    files.push((
        "xl/workbook.xml".into(),
        format!(r#"<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>{list}</sheets></workbook>"#),
    ));
    files.push((
        "xl/_rels/workbook.xml.rels".into(),
        format!(r#"<Relationships xmlns="{package}/relationships">{links}</Relationships>"#),
    ));
    files.push(("_rels/.rels".into(), format!(r#"<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#)));
    files.push(("[Content_Types].xml".into(), format!(r#"<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>{types}</Types>"#)));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    zipped(&files, true)
}

/// A row of a sheet from cells: `s` text, `n` number, `b` boolean, `d` date, `e` error, empty for nothing.
pub fn sheet_row(r: usize, cells: &[(&str, &str)]) -> String {
    let mut out = format!(r#"<row r="{r}">"#);
    for (index, (kind, value)) in cells.iter().enumerate() {
        let at = format!("{}{r}", char::from(b'A' + u8::try_from(index).unwrap()));
        out += &match *kind {
            "s" => format!(r#"<c r="{at}" t="inlineStr"><is><t>{value}</t></is></c>"#),
            "n" => format!(r#"<c r="{at}"><v>{value}</v></c>"#),
            "b" => format!(r#"<c r="{at}" t="b"><v>{value}</v></c>"#),
            "d" => format!(r#"<c r="{at}" s="1"><v>{value}</v></c>"#),
            "e" => format!(r#"<c r="{at}" t="e"><v>{value}</v></c>"#),
            _ => String::new(),
        };
    }
    out + "</row>"
}
