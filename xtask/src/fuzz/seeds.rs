//! Small valid files of every kind, the same on every machine.
#![allow(clippy::cast_possible_wrap)] // of small numbers

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder, StringDictionaryBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int64Array, LargeStringArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, UInt16Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};
use leanset_core::dynamics::{LabelledLog, PredictionScores, TrainingLog};
use leanset_core::state::open;
use leanset_core::{ClassId, RowId};
use leanset_tables::{Column, Compression, Format, Texts, write_columns};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Rows of a table.
const ROWS: usize = 24;

/// A number between 0 and 1 that looks random, with three digits.
fn number(row: usize, column: usize) -> f64 {
    (row * 379 + column * 211 + row * row * 17) as f64 % 997.0 / 1000.0
}

fn grade(row: usize) -> &'static str {
    ["fine", "poor"][row % 2]
}

/// Rows of these cells, behind a line of names.
fn text_table(names: &[&str], row: impl Fn(usize) -> Vec<String>, separator: &str) -> Vec<u8> {
    let mut out = names.join(separator) + "\n";
    for at in 0..ROWS {
        out += &(row(at).join(separator) + "\n");
    }
    out.into_bytes()
}

pub(super) fn csv() -> Vec<Vec<u8>> {
    let row = |i: usize| {
        let note = if i.is_multiple_of(5) { format!("\"a \"\"tall\"\", {i}\"") } else { format!("n{}", i % 3) };
        vec![format!("{:04}", i), number(i, 0).to_string(), format!("{:.2e}", number(i, 1)), note, grade(i).to_owned()]
    };
    let mixed = text_table(&["id", "girth", "width", "note", "grade"], row, ",");
    let windows = String::from_utf8_lossy(&mixed).replace('\n', "\r\n").into_bytes();
    let gaps = text_table(
        &["x", "flag", "day", "grade"],
        |i| {
            vec![
                if i == 3 { "NA".into() } else { i.to_string() },
                (i % 3 == 0).to_string(),
                format!("2024-01-{:02}", i + 1),
                grade(i).into(),
            ]
        },
        ",",
    );
    vec![mixed, [b"\xef\xbb\xbf".to_vec(), windows].concat(), gaps]
}

pub(super) fn tsv() -> Vec<Vec<u8>> {
    let row = |i: usize| vec![number(i, 0).to_string(), (i * i % 7).to_string(), grade(i).to_owned()];
    vec![text_table(&["girth", "ring", "grade"], row, "\t")]
}

pub(super) fn json_lines() -> Vec<Vec<u8>> {
    let mixed = |i: usize| {
        let note = if i.is_multiple_of(5) { "null".to_owned() } else { format!("\"a \\\"tall\\\" \\u00e9 {i}\"") };
        let (x, y) = (number(i, 0), number(i, 1));
        format!(
            "{{\"id\":\"{i:04}\",\"girth\":{x},\"flag\":{},\"note\":{note},\"ring\":{},\"grade\":\"{}\",\"y\":{y:e}}}\n",
            i.is_multiple_of(3),
            i % 7,
            grade(i)
        )
    };
    let vectors = |i: usize| {
        format!("{{\"embedding\": [{}, {}, -1.5], \"grade\": \"{}\"}}\r\n", number(i, 2), number(i, 3), grade(i))
    };
    [(0..ROWS).map(mixed).collect::<String>(), (0..ROWS).map(vectors).collect()].map(String::into_bytes).into()
}

/// Columns of the types that every format has.
fn columns(text: bool) -> Vec<(String, Column)> {
    let numbers = |column: usize| (0..ROWS).map(|row| number(row, column)).collect::<Vec<f64>>();
    let mut all = vec![("girth".to_owned(), Column::from(numbers(0))), ("width".to_owned(), Column::from(numbers(1)))];
    if text {
        all.push(("ring".to_owned(), Column::from((0..ROWS).map(|row| row as i64 % 7).collect::<Vec<i64>>())));
        all.push(("flag".to_owned(), Column::from((0..ROWS).map(|row| row % 3 == 0).collect::<Vec<bool>>())));
        all.push(("grade".to_owned(), Column::from((0..ROWS).map(grade).collect::<Texts>())));
    }
    all
}

fn written(columns: &[(String, Column)], format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let done = write_columns(columns, format, Compression::None, &mut out);
    if done.is_ok() { out } else { Vec::new() }
}

pub(super) fn npy() -> Vec<Vec<u8>> {
    vec![written(&columns(false), Format::Npy), written(&columns(false)[..1], Format::Npy)]
}

pub(super) fn npz() -> Vec<Vec<u8>> {
    vec![
        written(&columns(true), Format::Npz),
        zip(&[("X.npy", npy().swap_remove(0)), ("y.npy", npy().swap_remove(1))], true),
    ]
}

/// An archive of these files, without times.
pub(super) fn zip<N: AsRef<str>, B: AsRef<[u8]>>(files: &[(N, B)], deflated: bool) -> Vec<u8> {
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(zip::DateTime::default());
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        if writer.start_file(name.as_ref(), options).is_ok() {
            let _ = writer.write_all(bytes.as_ref());
        }
    }
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

pub(super) fn xlsx() -> Vec<Vec<u8>> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let mut rows = String::from(
        r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>"#,
    );
    for i in 0..ROWS {
        let r = i + 2;
        let (x, word) = (number(i, 0), 3 + i % 2);
        rows += &format!(
            r#"<row r="{r}"><c r="A{r}"><v>{x}</v></c><c r="B{r}" s="1"><v>{}</v></c><c r="C{r}" t="s"><v>{word}</v></c></row>"#,
            45_000 + i
        );
    }
    let relation = |id: u32, kind: &str, target: &str| {
        format!(r#"<Relationship Id="rId{id}" Type="{office}/{kind}" Target="{target}"/>"#)
    };
    let strings: String =
        ["girth", "day", "grade", "fine", "poor"].iter().map(|s| format!("<si><t>{s}</t></si>")).collect();
    let files = [
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{main}"><dimension ref="A1:C25"/><sheetData>{rows}</sheetData></worksheet>"#),
        ),
        ("xl/sharedStrings.xml", format!(r#"<sst xmlns="{main}" count="5" uniqueCount="5">{strings}</sst>"#)),
        (
            "xl/styles.xml",
            format!(
                r#"<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="t" sheetId="1" r:id="rId1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{package}/relationships">{}{}{}</Relationships>"#,
                relation(1, "worksheet", "worksheets/sheet1.xml"),
                relation(2, "sharedStrings", "sharedStrings.xml"),
                relation(3, "styles", "styles.xml")
            ),
        ),
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="{package}/relationships">{}</Relationships>"#,
                relation(1, "officeDocument", "xl/workbook.xml")
            ),
        ),
        (
            "[Content_Types].xml",
            format!(
                r#"<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>"#
            ),
        ),
    ];
    vec![zip(&files, true)]
}

/// A batch with a column of many types.
fn batch(rich: bool) -> Option<RecordBatch> {
    let rows = 0..ROWS;
    let mut colours = StringDictionaryBuilder::<Int8Type>::new();
    let mut lists = ListBuilder::new(Float32Builder::new());
    for row in rows.clone() {
        colours.append_value(["red", "green", "blue"][row % 3]);
        (0..3).for_each(|k| lists.values().append_value(number(row, k) as f32));
        lists.append(true);
    }
    let numbers = |column: usize| rows.clone().map(move |row| number(row, column));
    let some = |row: usize, x: f64| (row != 5).then_some(x);
    let mut all: Vec<(&str, ArrayRef)> = vec![
        ("girth", Arc::new(Float64Array::from_iter_values(numbers(0)))),
        (
            "width",
            Arc::new(rows.clone().map(|row| some(row, number(row, 1)).map(|x| x as f32)).collect::<Float32Array>()),
        ),
        ("ring", Arc::new(Int8Array::from_iter_values(rows.clone().map(|row| row as i8)))),
        ("count", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64 * 1_000_003)))),
        ("flag", Arc::new(rows.clone().map(|row| Some(row % 3 == 0)).collect::<BooleanArray>())),
        ("grade", Arc::new(StringArray::from_iter_values(rows.clone().map(grade)))),
        ("colour", Arc::new(colours.finish())),
    ];
    if rich {
        let points = (0..3 * ROWS).map(|i| number(i, 4) as f32).collect::<Float32Array>();
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let inner: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64)));
        let prices = Decimal128Array::from_iter_values(rows.clone().map(|row| row as i128 * 125))
            .with_precision_and_scale(10, 3)
            .ok()?;
        let moments =
            TimestampMicrosecondArray::from_iter_values(rows.clone().map(|row| 1_700_000_000_000_000 + row as i64));
        let more: Vec<(&str, ArrayRef)> = vec![
            ("short", Arc::new(UInt16Array::from_iter_values(rows.clone().map(|row| row as u16)))),
            ("embedding", Arc::new(lists.finish())),
            ("fixed", Arc::new(FixedSizeListArray::try_new(item, 3, Arc::new(points), None).ok()?)),
            ("price", Arc::new(prices)),
            ("seen", Arc::new(moments.with_timezone("UTC"))),
            ("raw", Arc::new(BinaryArray::from_iter_values(rows.clone().map(|row| vec![row as u8; row % 4])))),
            ("code", Arc::new(LargeStringArray::from_iter_values(rows.clone().map(|row| format!("c{}", row % 7))))),
            (
                "view",
                Arc::new(StringViewArray::from_iter_values(
                    rows.clone().map(|row| format!("a text that is not short {row}")),
                )),
            ),
            ("place", Arc::new(StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int64, false)), inner)]))),
        ];
        all.extend(more);
    }
    let fields: Vec<Field> =
        all.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), all.into_iter().map(|(_, array)| array).collect()).ok()
}

pub(super) fn parquet() -> Vec<Vec<u8>> {
    let write = |rich: bool, codec: Codec, dictionary: bool, rows: usize| -> Option<Vec<u8>> {
        let batch = batch(rich)?;
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_dictionary_enabled(dictionary)
            .set_max_row_group_row_count(Some(rows))
            .set_created_by("seed".to_owned())
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).ok()?;
        writer.write(&batch).ok()?;
        writer.into_inner().ok()
    };
    [
        write(false, Codec::SNAPPY, true, 100),
        write(true, Codec::ZSTD(ZstdLevel::default()), false, 10),
        write(false, Codec::UNCOMPRESSED, false, 100),
        write(true, Codec::LZ4_RAW, true, 100),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn arrow_file() -> Vec<Vec<u8>> {
    let write = |rich: bool, compression: Option<CompressionType>| -> Option<Vec<u8>> {
        let batch = batch(rich)?;
        let options = IpcWriteOptions::default().try_with_compression(compression).ok()?;
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).ok()?;
        writer.write(&batch.slice(0, ROWS / 2)).ok()?;
        writer.write(&batch.slice(ROWS / 2, ROWS / 2)).ok()?;
        writer.finish().ok()?;
        writer.into_inner().ok()
    };
    [write(true, None), write(false, Some(CompressionType::ZSTD)), write(false, Some(CompressionType::LZ4_FRAME))]
        .into_iter()
        .flatten()
        .collect()
}

pub(super) fn arrow_stream() -> Vec<Vec<u8>> {
    let write = |rich: bool| -> Option<Vec<u8>> {
        let batch = batch(rich)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).ok()?;
        writer.write(&batch).ok()?;
        writer.write(&batch.slice(3, 7)).ok()?;
        writer.finish().ok()?;
        writer.into_inner().ok()
    };
    let nothing = || -> Option<Vec<u8>> {
        let fields = vec![Field::new("x", DataType::Float64, true), Field::new("nothing", DataType::Null, true)];
        let arrays: Vec<ArrayRef> = vec![Arc::new(Float64Array::from(vec![1.0, 2.0])), Arc::new(NullArray::new(2))];
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()?;
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).ok()?;
        writer.write(&batch).ok()?;
        writer.into_inner().ok()
    };
    [write(true), write(false), nothing()].into_iter().flatten().collect()
}

/// A small image.
fn small_image() -> RgbImage {
    RgbImage::from_fn(16, 12, |x, y| image::Rgb([(x * 16) as u8, (y * 20) as u8, ((x + y) * 9) as u8]))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let done = image.write_to(&mut out, format);
    if done.is_ok() { out.into_inner() } else { Vec::new() }
}

pub(super) fn png() -> Vec<Vec<u8>> {
    let alpha = RgbaImage::from_fn(11, 13, |x, y| image::Rgba([x as u8 * 20, y as u8 * 19, 7, 200]));
    vec![
        encoded(&small_image().into(), ImageFormat::Png),
        encoded(&alpha.into(), ImageFormat::Png),
        encoded(&DynamicImage::ImageRgb8(small_image()).into_rgb16().into(), ImageFormat::Png),
    ]
}

pub(super) fn jpeg() -> Vec<Vec<u8>> {
    vec![
        encoded(&small_image().into(), ImageFormat::Jpeg),
        encoded(&DynamicImage::ImageRgb8(small_image()).into_luma8().into(), ImageFormat::Jpeg),
    ]
}

pub(super) fn webp() -> Vec<Vec<u8>> {
    vec![encoded(&small_image().into(), ImageFormat::WebP)]
}

pub(super) fn bmp() -> Vec<Vec<u8>> {
    vec![encoded(&small_image().into(), ImageFormat::Bmp)]
}

pub(super) fn data_yaml() -> Vec<Vec<u8>> {
    [
        "path: .\ntrain: images/train\nval: images/train\nnames: [apple, banana]\n",
        "train:\n  - images/train\nval: &v images/train\ntest: *v\nnames:\n  0: apple\n  1: 'banana: yellow'\nnc: 2\n# a comment\ndownload: null\n",
        "train: ./images/train\nnc: 3\nextra: {a: [1, 2.5, true], b: !!str x}\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(super) fn labels() -> Vec<Vec<u8>> {
    ["0 0.5 0.5 0.2 0.4\n1 0.25 0.25 0.1 0.1\n", "1 0.1 0.1 0.5 0.1 0.5 0.6 0.2 0.7\r\n\r\n0 0.9 0.5 0.4 0.1\r\n", ""]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

pub(super) fn coco() -> Vec<Vec<u8>> {
    [
        r#"{"info":{},"images":[{"id":1,"file_name":"a.png","width":16,"height":12},{"id":2,"file_name":"b.png","width":16,"height":12}],"annotations":[{"id":1,"image_id":1,"category_id":7,"bbox":[1,2,3,4.5],"area":13.5,"iscrowd":0,"segmentation":[[1,2,4,2,4,6]]},{"id":2,"image_id":2,"category_id":9,"bbox":[0,0,16,12]}],"categories":[{"id":7,"name":"apple"},{"id":9,"name":"banana","supercategory":"fruit"}]}"#,
        r#"{"images":[{"id":"x","file_name":"a.png"}],"annotations":[],"categories":[{"id":0,"name":"apple"}]}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(super) fn voc() -> Vec<Vec<u8>> {
    [
        "<annotation><folder>x</folder><filename>a.png</filename><size><width>16</width><height>12</height><depth>3</depth></size><object><name>apple</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>9</ymax></bndbox></object><object><name>b &amp; c</name><difficult>0</difficult><bndbox><xmin>0.5</xmin><ymin>0</ymin><xmax>16</xmax><ymax>12</ymax></bndbox></object></annotation>",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- made by hand -->\n<annotation a='1' b=\"2\">\n  <object><name><![CDATA[apple]]></name></object>\n</annotation>\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// A message of Protocol Buffers, field by field.
#[derive(Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 128 {
            self.0.push(value as u8 | 128);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn number(self, field: u64, value: i64) -> Self {
        self.varint(field << 3).varint(value.cast_unsigned())
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut out = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        out.0.extend_from_slice(bytes);
        out
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// A value of a graph; sizes of −1 are of any size.
fn value(name: &str, shape: &[i64]) -> Message {
    let sizes = shape.iter().fold(Message::default(), |all, &n| {
        let size = if n < 0 { Message::default().text(2, "any") } else { Message::default().number(1, n) };
        all.message(1, &size)
    });
    let tensor = Message::default().number(1, 1).message(2, &sizes);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

fn floats(name: &str, shape: &[i64]) -> Message {
    let count: i64 = shape.iter().product();
    let raw: Vec<u8> = (0..count).flat_map(|i| ((i % 7) as f32 / 10.0 - 0.2).to_le_bytes()).collect();
    shape.iter().fold(Message::default(), |all, &n| all.number(1, n)).number(2, 1).text(8, name).bytes(9, &raw)
}

fn integers(name: &str, values: &[i64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Message::default().number(1, values.len() as i64).number(2, 7).text(8, name).bytes(9, &raw)
}

fn node(operation: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let all = inputs.iter().fold(Message::default(), |all, input| all.text(1, input));
    let all = all.text(2, output).text(3, output).text(4, operation);
    attributes.iter().fold(all, |all, attribute| all.message(5, attribute))
}

fn attribute(name: &str, values: &[i64]) -> Message {
    values.iter().fold(Message::default().text(1, name), |all, &v| all.number(8, v)).number(20, 7)
}

fn model(nodes: &[Message], weights: &[Message], input: &Message, output: &str) -> Vec<u8> {
    let graph = nodes.iter().fold(Message::default(), |all, node| all.message(1, node)).text(2, "g");
    let graph = weights.iter().fold(graph, |all, tensor| all.message(5, tensor));
    let graph = graph.message(11, input).message(12, &value(output, &[]));
    let opset = Message::default().number(2, 17);
    Message::default().number(1, 8).message(7, &graph).message(8, &opset).0
}

pub(super) fn onnx() -> Vec<Vec<u8>> {
    let integer = |name: &str, v: i64| Message::default().text(1, name).number(3, v).number(20, 2);
    let classifier = model(
        &[
            node(
                "Conv",
                &["images", "w"],
                "c",
                &[attribute("kernel_shape", &[3, 3]), attribute("strides", &[2, 2]), attribute("pads", &[1, 1, 1, 1])],
            ),
            node("Relu", &["c"], "r", &[]),
            node("MaxPool", &["r"], "p", &[attribute("kernel_shape", &[2, 2]), attribute("strides", &[2, 2])]),
            node("GlobalAveragePool", &["p"], "g", &[]),
            node("Flatten", &["g"], "f", &[integer("axis", 1)]),
            node("Gemm", &["f", "v", "b"], "y", &[integer("transB", 1)]),
        ],
        &[floats("w", &[4, 3, 3, 3]), floats("v", &[2, 4]), floats("b", &[2])],
        &value("images", &[1, 3, 16, 16]),
        "y",
    );
    let shapes = model(
        &[
            node("Resize", &["images", "", "", "sizes"], "large", &[]),
            node("Shape", &["large"], "shape", &[]),
            node("Gather", &["shape", "first"], "batch", &[integer("axis", 0)]),
            node("Concat", &["batch", "rest"], "wanted", &[integer("axis", 0)]),
            node("Reshape", &["large", "wanted"], "rows", &[]),
            node("Expand", &["one", "wanted"], "ones", &[]),
            node("Tile", &["ones", "times"], "tiled", &[]),
            node("Range", &["begin", "end", "step"], "range", &[]),
            node("Cast", &["range"], "real", &[integer("to", 1)]),
            node("Slice", &["tiled", "begin1", "end1", "axis1"], "part", &[]),
            node("Add", &["rows", "part"], "sum", &[]),
            node("Add", &["sum", "real"], "added", &[]),
            node("Softmax", &["added"], "soft", &[integer("axis", 1)]),
            node("Gemm", &["soft", "v"], "y", &[integer("transB", 1)]),
        ],
        &[
            integers("sizes", &[1, 3, 8, 8]),
            integers("first", &[0]),
            integers("rest", &[192]),
            floats("one", &[1, 1]),
            integers("times", &[1, 2]),
            Message::default().number(2, 7).text(8, "begin").bytes(9, &0i64.to_le_bytes()),
            Message::default().number(2, 7).text(8, "end").bytes(9, &192i64.to_le_bytes()),
            Message::default().number(2, 7).text(8, "step").bytes(9, &1i64.to_le_bytes()),
            integers("begin1", &[0]),
            integers("end1", &[192]),
            integers("axis1", &[1]),
            floats("v", &[2, 192]),
        ],
        &value("images", &[-1, 3, -1, -1]),
        "y",
    );
    vec![classifier, shapes]
}

pub(super) fn plan() -> Vec<Vec<u8>> {
    [
        "title = \"t\"\nrepetitions = 2\n[data]\npath = \"t.csv\"\nlabel = \"grade\"\nscale = \"minmax\"\n[split]\ntest = 0.25\n[reduce]\nratios = [0.1, 0.5]\n[[method]]\nname = \"srs\"\n[[method]]\nname = \"phl\"\nparameters = { delta = 0.05, dimension = 2 }\n[model]\nhidden = [4, 3]\nepochs = 2\ndropout = 0.25\n",
        "title = 'u'\n[data]\npath = 't.csv'\nlabel = \"y\"\nmissing = \"mean\"\nexclude = [\"id\"]\n[reduce]\nratios = [\n  0.25, # a comment\n]\n[[method]]\nname = \"fes\"\nwarm_up = 5\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(super) fn manifest() -> Vec<Vec<u8>> {
    vec![br#"{"schema":"leanset.manifest/2","leanset":"0.1.0","request":{"command":"reduce","input":"t.csv","columns":{"label":"grade","missing":"refuse","scale":"minmax"},"method":{"method":"maxmin","parameters":{"start":"random"},"seed":0},"budget":{"count":4,"allow_empty_classes":false},"metric":"chebyshev","writing":{"emit":"rows","order":"input"}},"input":{"path":"t.csv","sha256":"706c74e585324e4499e04fdf81562ac7172f0687241c3b5bb8a6ab65c63f62b1","bytes":354,"format":"csv","rows":24},"columns":{"features":["girth","width"],"dimensions":2,"dropped_rows":0},"method":{"id":"maxmin","facts":{"covering_radius":[0.8875037695189195,0.6312874209368154]}},"classes":[{"name":"a","rows":12,"kept":2,"epsilon":0.887396694214876,"worst_row":20},{"name":"b","rows":12,"kept":2,"epsilon":0.631198347107438,"worst_row":9}],"rows":24,"kept":4,"epsilon":{"metric":"chebyshev","value":0.887396694214876,"worst_row":20,"worst_class":"a"},"output":{"path":"o.csv","sha256":"3d06831541d9c3cdeb7eea3de2101c98835dafd410d85fd3a20d3ab19d93f63f","bytes":74,"format":"csv"},"warnings":[],"row_ids":[0,6,17,3],"measured":{"read_seconds":0.011957176,"method_seconds":0.004005395,"epsilon_seconds":0.000023795,"peak_memory_bytes":24088576,"threads":2}}"#.to_vec()]
}

pub(super) fn images_manifest() -> Vec<Vec<u8>> {
    vec![br#"{"schema":"leanset.images/2","leanset":"0.1.0","request":{"dataset":"im","division":{"category":"classes"},"features":{},"method":{"method":"maxmin","parameters":{"start":"random"},"seed":0},"budget":{"count":4,"allow_empty_classes":false},"balance":false,"metric":"chebyshev","placement":"stay"},"dataset":{"layout":"folders","sha256":"9698cbe1fa15403ced454fe845c9fe88dfa00c1b214bb64ca981fe8370d27566","train":12,"left_out":0},"category":{"rule":"classes"},"features":{"kind":"colours-and-edges/1","dimensions":192},"method":{"id":"maxmin","facts":{"covering_radius":[0.36020395667569016,0.41777105862138914]}},"categories":[{"name":"a","all":6,"kept":2,"epsilon":0.0852271243929863,"worst":"train/a/a4.png"},{"name":"b","all":6,"kept":2,"epsilon":0.09243874996900558,"worst":"train/b/b2.png"}],"classes":[{"name":"a","all":6,"kept":2},{"name":"b","all":6,"kept":2}],"pictures":12,"kept":4,"epsilon":{"metric":"chebyshev","value":0.09243874996900558,"worst":"train/b/b2.png"},"faults":{},"warnings":[],"names":["train/a/a0.png","train/a/a1.png","train/b/b4.png","train/b/b0.png"],"files":[{"path":"train.txt","sha256":"dae7214501943f3bfea860f55294c54eeef1a06e26cb91be774abd275e7ad9af"}],"measured":{"read_seconds":0.011599548,"method_seconds":0.000095849,"epsilon_seconds":0.000023864,"peak_memory_bytes":22011904,"threads":2}}"#.to_vec()]
}

/// Records of an experiment, without their checksums.
pub(super) fn records() -> Vec<Vec<u8>> {
    let mut text = r#"{"schema":"leanset.runs/1","leanset":"0.1.0","plan":{"title":"t","seed":0,"repetitions":2,"data":{"label":"grade","missing":"refuse","scale":"minmax"},"split":{"test":0.25},"reduce":{"ratios":[0.5],"metric":"chebyshev"},"method":[{"name":"stratified-random","label":"stratified-random","parameters":{},"warm_up":null}],"model":{"epochs":2,"hidden":[4],"dropout":0.25,"learning_rate":0.001,"batch":32},"energy":{}},"data":{"name":"t.csv","sha256":"706c74e585324e4499e04fdf81562ac7172f0687241c3b5bb8a6ab65c63f62b1","rows":24,"dimensions":2,"training_rows":18,"classes":[["a",12],["b",12]]}}"#.to_owned() + "\n";
    for (repetition, method, ratio, kept, epsilon) in [
        (0, "full", "1.0", 9, 0.0),
        (1, "full", "1.0", 9, 0.0),
        (0, "stratified-random", "0.5", 4, 0.474),
        (1, "stratified-random", "0.5", 4, 0.56),
    ] {
        text += &format!(
            r#"{{"repetition":{repetition},"method":"{method}","ratio":{ratio},"seeds":{{"split":126398290100432,"method":6771271217910728,"model":1262679600873997}},"kept":[{kept},{kept}],"epsilon":{epsilon:?},"accuracy":0.5,"precision":0.25,"recall":0.5,"f1":0.3333333333333333,"classes":[{{"name":"a","rows":3,"precision":0.0,"recall":0.0,"f1":0.0}},{{"name":"b","rows":3,"precision":0.5,"recall":1.0,"f1":0.6666666666666666}}],"steps":{{"warm_up":0,"training":2}},"warnings":["w"],"measured":{{"shared":true,"threads":1,"processor":"p","reduction":{{"seconds":0.1,"cpu_seconds":0.1,"joules":0.5,"joules_low":0.0,"joules_high":1.0,"grams":0.0}},"reduction_serves":1,"training":{{"seconds":0.000136885,"cpu_seconds":0.2,"joules":0.0,"joules_low":0.0,"joules_high":0.001,"grams":null}},"energy":{{"joules":["machine: model"],"estimated":true,"carbon":null}}}}}}"#
        );
        text.push('\n');
    }
    vec![text.into_bytes()]
}

/// A table for rankings and logs to be of.
pub(super) fn table() -> Vec<u8> {
    text_table(
        &["girth", "width", "grade"],
        |i| vec![number(i, 0).to_string(), number(i, 1).to_string(), grade(i).to_owned()],
        ",",
    )
}

pub(super) fn ranking() -> Vec<Vec<u8>> {
    let row =
        |i: usize| vec![(23 - i).to_string(), grade(23 - i).to_owned(), (i / 2).to_string(), number(i, 3).to_string()];
    vec![text_table(&["row", "class", "rank", "score"], row, ",")]
}

pub(super) fn training_log() -> Vec<Vec<u8>> {
    let mut text = "epoch,row,correct,p_0,p_1\n".to_owned();
    for epoch in 0..3 {
        for row in 0..ROWS {
            let p = 0.1 + 0.8 * number(row + epoch, 2);
            let correct = u8::from((p > 0.5) == (row % 2 == 0));
            text += &format!("{epoch},{row},{correct},{p:.3},{:.3}\n", 1.0 - p);
        }
    }
    vec![text.into_bytes()]
}

pub(super) fn saved_training_log() -> Vec<Vec<u8>> {
    let names: Vec<String> = [grade(0), grade(1)].map(str::to_owned).into();
    let codes: Vec<u32> = (0..ROWS).map(|row| u32::from(grade(row) == names[1])).collect();
    let made = [false, true].map(|scored| {
        let mut log = TrainingLog::new(ROWS);
        for epoch in 0..3 {
            for row in 0..ROWS {
                let p = 0.1 + 0.8 * number(row + epoch as usize, 2);
                let scores = PredictionScores::of(&[p, 1.0 - p], ClassId(codes[row])).with_last_inputs(2.0);
                log.observe(epoch, RowId::at(row), p > 0.5, scored.then_some(scores)).expect("each row once");
            }
        }
        let state = LabelledLog { kind: "str".into(), names: names.clone(), codes: codes.clone(), log }.state();
        open(&state, LabelledLog::FAMILY, LabelledLog::VERSION).expect("whole").to_vec()
    });
    made.into()
}

pub(super) fn detector_results() -> Vec<Vec<u8>> {
    ["                  epoch,      train/box_loss, metrics/precision(B),    metrics/recall(B), metrics/mAP50(B),metrics/mAP50-95(B)\n 1, 1.5, 0.1, 0.2, 0.3, 0.15\n 2, 1.25, 0.4, 0.3, 0.5, 0.25\n"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}
