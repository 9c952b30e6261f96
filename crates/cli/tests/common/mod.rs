//! A folder of its own for each test, and the binary run in it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use leanset_core::methods::{Info, METHODS};

/// Ten rows of two numbers and two classes.
pub(crate) const TABLE: &str = "\
a,b,kind
0.0,1.5,red
1.0,2.5,blue
2.5,0.5,red
3.5,9.0,blue
4.0,7.5,red
5.5,3.0,blue
6.0,6.5,red
7.5,4.0,blue
8.0,8.5,red
9.5,5.0,blue
";

/// A temporary folder, which is the working folder of everything run in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What a run left.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A folder with [`TABLE`] as `t.csv`.
    pub(crate) fn with_table() -> Self {
        Self::with("t.csv", TABLE)
    }

    /// A folder with one file.
    pub(crate) fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let place = Self::new();
        place.write(name, content);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).expect("a file in the temporary folder");
        self
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("text")
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.bytes(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// Every file and folder here, hidden ones too, with its content.
    pub(crate) fn listing(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    walk(&path, found);
                    found.insert(path, None);
                } else {
                    let content = std::fs::read(&path).ok();
                    found.insert(path, content);
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(self.folder.path(), &mut found);
        found
    }

    /// The binary with these arguments: words, or anything in single quotes.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leanset"));
        command.args(words(arguments)).current_dir(self.folder.path()).stdin(Stdio::null());
        for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "RAYON_NUM_THREADS"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.command(arguments).output().expect("the binary runs").into()
    }

    /// Runs it and expects success; returns stdout.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "leanset {arguments}\n{}", ran.err);
        String::from_utf8(ran.out).expect("text on stdout")
    }

    /// Runs it, expects that it refuses and that everything here is as it was; returns exit code and stderr.
    pub(crate) fn refuses(&self, arguments: &str) -> String {
        let before = self.listing();
        let ran = self.run(arguments);
        assert!(ran.code.is_some_and(|c| c != 0), "leanset {arguments}\nhas not been refused: {}", ran.err);
        assert!(ran.out.is_empty(), "leanset {arguments}\nprints data and fails");
        assert!(self.listing() == before, "leanset {arguments}\nfails and leaves something behind");
        ran.shown()
    }
}

impl Ran {
    /// Exit code and stderr, whatever the version.
    pub(crate) fn shown(&self) -> String {
        let code = self.code.map_or_else(|| "by signal".into(), |c| c.to_string());
        format!("exit {code}\n{}", without_names(&self.err).replace(env!("CARGO_PKG_VERSION"), "VERSION"))
    }

    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.out).expect("text on stdout")
    }
}

/// Lists of methods as what they are of, so that another method changes no expectation.
fn without_names(text: &str) -> String {
    let names = |of: fn(&Info) -> bool| METHODS.iter().filter(|m| of(m)).map(|m| m.id).collect::<Vec<_>>();
    text.replace(&names(|_| true).join(", "), "[every method]")
        .replace(&names(Info::uses_dynamics).join(" or "), "[a method that uses training dynamics]")
        .replace(
            &format!("use --method {}", names(Info::supports_target).join(" or ")),
            "use --method [a method that supports a target]",
        )
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let err = String::from_utf8(output.stderr).expect("text on stderr");
        Self { code: output.status.code(), out: output.stdout, err }
    }
}

/// Words of a command line; single quotes keep blanks.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A zip archive of stored files.
pub(crate) fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let size = u32::try_from(content.len()).expect("small").to_le_bytes();
        let mut entry = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        entry.extend(crc.sum().to_le_bytes());
        entry.extend(size);
        entry.extend(size);
        entry.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        entry.extend([0, 0]);
        let offset = u32::try_from(archive.len()).expect("small").to_le_bytes();
        archive.extend(b"PK\x03\x04");
        archive.extend(&entry);
        archive.extend(name.as_bytes());
        archive.extend(content);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&entry);
        directory.extend([0; 10]);
        directory.extend(offset);
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).expect("few").to_le_bytes();
    let (start, size) = (archive.len(), directory.len());
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count);
    archive.extend(count);
    archive.extend(u32::try_from(size).expect("small").to_le_bytes());
    archive.extend(u32::try_from(start).expect("small").to_le_bytes());
    archive.extend([0, 0]);
    archive
}

/// A NumPy array of 64-bit floats.
pub(crate) fn npy(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let axes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({axes}), }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).expect("short").to_le_bytes());
    file.extend(header.as_bytes());
    values.iter().for_each(|v| file.extend(v.to_le_bytes()));
    file
}

/// A workbook of one sheet.
pub(crate) fn workbook(sheet: &str, rows: &[&[&str]]) -> Vec<u8> {
    let cell = |value: &&str| match value.parse::<f64>() {
        Ok(number) => format!("<c><v>{number}</v></c>"),
        Err(_) => format!("<c t=\"inlineStr\"><is><t>{value}</t></is></c>"),
    };
    let rows: String = rows.iter().map(|r| format!("<row>{}</row>", r.iter().map(cell).collect::<String>())).collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let xml = |body: String| format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}").into_bytes();
    zip(&[
        (
            "[Content_Types].xml",
            xml("<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>".into()),
        ),
        (
            "_rels/.rels",
            xml(format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            )),
        ),
        (
            "xl/workbook.xml",
            xml(format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets><sheet name=\"{sheet}\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            )),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            xml(format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            )),
        ),
        (
            "xl/worksheets/sheet1.xml",
            xml(format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>")),
        ),
    ])
}

/// Bytes in gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A number in [0, 1) that depends on its two places and nothing else.
pub(crate) fn noise(a: u64, b: u64) -> f64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A CSV of `rows` rows: `id`, `columns` numbers `x0 …`, and a class of `classes`, each around its own centre.
pub(crate) fn csv(rows: usize, columns: usize, classes: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("id,");
    (0..columns).for_each(|c| write!(text, "x{c},").expect("memory"));
    text.push_str("class\n");
    for row in 0..rows {
        let class = (noise(row as u64, 99) * noise(row as u64, 98) * classes as f64 * 1.5) as usize % classes;
        write!(text, "r{row:05},").expect("memory");
        for column in 0..columns {
            let centre = 10.0 * noise(1_000_000 + class as u64, column as u64);
            let value = centre + 3.0 * noise(row as u64, column as u64) * noise(row as u64, column as u64 + 50);
            write!(text, "{value:.4},").expect("memory");
        }
        writeln!(text, "c{class}").expect("memory");
    }
    text
}

/// A file in a folder that is made for it.
pub(crate) fn put(place: &Place, name: &str, content: impl AsRef<[u8]>) {
    let path = place.path(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    std::fs::write(path, content).expect("a file");
}

/// A picture of a colour and stripes that depend on the number.
pub(crate) fn picture(number: u32) -> Vec<u8> {
    let noise = |a: u64, b: u64| (noise(a, b) * 255.0) as u8;
    let image = image::RgbImage::from_fn(32, 24, |x, y| {
        let (n, stripe) = (u64::from(number), u64::from(x / 4 + 100 * (y / 4)));
        image::Rgb([noise(n, 1), noise(n, stripe + 7), noise(n * 31 + 5, stripe)])
    });
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).expect("memory");
    out.into_inner()
}

pub(crate) const LABELS: [&str; 4] =
    ["0 .5 .5 .2 .2\n", "0 .5 .5 .2 .2\n0 .3 .3 .1 .1\n", "1 .4 .4 .2 .2\n", "0 .5 .5 .2 .2\n1 .2 .2 .1 .1\n"];

/// 24 training pictures in four categories and 3 to validate with, in YOLO.
pub(crate) fn yolo() -> Place {
    let place = Place::new();
    put(
        &place,
        "set/data.yaml",
        "path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\nkpt_shape: [17, 3]\n",
    );
    for number in 0..24 {
        put(&place, &format!("set/images/train/{number:02}.png"), picture(number));
        put(&place, &format!("set/labels/train/{number:02}.txt"), LABELS[number as usize % 4]);
    }
    for number in 90..93 {
        put(&place, &format!("set/images/val/{number}.png"), picture(number));
        put(&place, &format!("set/labels/val/{number}.txt"), LABELS[0]);
    }
    place
}

/// A field of bytes in Protocol Buffers.
fn field(tag: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut out = number(tag, bytes.len());
    out[0] |= 2;
    out.extend_from_slice(bytes);
    out
}

/// A whole number in Protocol Buffers, below 2^14 and of a tag below 32.
fn number(tag: u8, value: usize) -> Vec<u8> {
    let key = u16::from(tag) << 3;
    let mut out = if key < 128 { vec![key as u8] } else { vec![key as u8 | 128, (key >> 7) as u8] };
    match value {
        0..128 => out.push(value as u8),
        _ => out.extend([value as u8 | 128, u8::try_from(value >> 7).expect("small")]),
    }
    out
}

/// A small ONNX model of pictures of any size: a convolution of a pixel into two numbers, their positive part, averaged.
pub(crate) fn onnx(weights: [f32; 6]) -> Vec<u8> {
    let node = |op: &str, inputs: &[&str], output: &str, attributes: &[u8]| {
        let inputs: Vec<u8> = inputs.iter().flat_map(|name| field(1, name)).collect();
        field(1, [inputs, field(2, output), field(3, output), field(4, op), attributes.to_vec()].concat())
    };
    // Of a type of tensors, single precision in these dimensions; nothing for any.
    let value = |name: &str, dimensions: &[Option<usize>]| {
        let dimension = |d: &Option<usize>| field(1, d.map_or_else(|| field(2, "any"), |d| number(1, d)));
        let shape: Vec<u8> = dimensions.iter().flat_map(dimension).collect();
        [field(1, name), field(2, field(1, [number(1, 1), field(2, shape)].concat()))].concat()
    };
    let raw: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    let dimensions: Vec<u8> = [2, 3, 1, 1].into_iter().flat_map(|d| number(1, d)).collect();
    let kernel = field(5, [field(1, "kernel_shape"), number(8, 1), number(8, 1), number(20, 7)].concat());
    let graph = [
        node("Conv", &["images", "w"], "c", &kernel),
        node("Relu", &["c"], "r", &[]),
        node("GlobalAveragePool", &["r"], "g", &[]),
        node("Flatten", &["g"], "seen", &[]),
        field(2, "g"),
        field(5, [dimensions, number(2, 1), field(8, "w"), field(9, raw)].concat()),
        field(11, value("images", &[None, Some(3), None, None])),
        field(12, value("seen", &[None, Some(2)])),
    ];
    [number(1, 8), field(7, graph.concat()), field(8, number(2, 17))].concat()
}

/// The lines of a file of records: the header and the runs.
pub(crate) fn runs(place: &Place, name: &str) -> Vec<serde_json::Value> {
    place.text(name).lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

/// Every run by what tells it apart, without what depends on the machine and the moment.
pub(crate) fn lasting(place: &Place, name: &str) -> BTreeMap<String, serde_json::Value> {
    let runs = runs(place, name).into_iter().skip(1).map(|mut run| {
        let record = run.as_object_mut().expect("an object");
        assert!(record.remove("measured").is_some_and(|m| m.is_object()));
        assert!(record.remove("sha256").is_some());
        (format!("{} {} {} {}", run["repetition"], run["method"], run["ratio"], run["model"]), run)
    });
    let found: Vec<_> = runs.collect();
    let count = found.len();
    let runs: BTreeMap<String, serde_json::Value> = found.into_iter().collect();
    assert_eq!(runs.len(), count, "no run is there twice");
    runs
}

/// Elements that have no end tag in HTML.
const VOID: [&str; 3] = ["meta", "br", "hr"];

/// Whether every element that begins ends, in order; returns the names in the order of their beginning.
pub(crate) fn elements(page: &str) -> Vec<String> {
    let (mut open, mut seen) = (Vec::<String>::new(), Vec::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if tag.starts_with('!') || tag.ends_with('/') || VOID.contains(&name.as_str()) {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "</{name}> ends another element");
        } else {
            // What is in them is not HTML.
            if name == "script" || name == "style" {
                rest = &rest[rest.find(&format!("</{name}>")).expect("it ends")..];
            }
            seen.push(name.clone());
            open.push(name);
        }
    }
    assert!(open.is_empty(), "still open: {open:?}");
    seen
}
