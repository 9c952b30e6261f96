//! Which format a file is: by its name, by what was asked, and by its first bytes.

use std::path::Path;

use leanset_problem::{setting, text};
use leanset_spec::Format;
use strum::VariantArray;

use crate::error::{Error, listed_values};

/// The format in a sentence: "a CSV file", "an Arrow IPC file".
pub(crate) fn article(format: Format) -> &'static str {
    match format {
        Format::Csv => "a CSV file",
        Format::Tsv => "a TSV file",
        Format::Jsonl => "a JSON Lines file",
        Format::Parquet => "a Parquet file",
        Format::ArrowIpc => "an Arrow IPC file",
        Format::Npy => "an NPY file",
        Format::Npz => "an NPZ file",
        Format::Xlsx => "an XLSX workbook",
    }
}

pub(crate) fn is_text(format: Format) -> bool {
    matches!(format, Format::Csv | Format::Tsv)
}

/// How the bytes of the file are packed, whatever the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, `.gz`.
    Gzip,
    /// Zstandard, `.zst`.
    Zstd,
}

impl Compression {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }
}

/// The format and compression a file name stands for: `rows.csv.gz` is CSV in gzip. Case does not matter.
///
/// # Errors
/// An extension that stands for no format (`.txt` does not say which delimiter), or none at all.
pub fn format_of_path(path: &Path) -> Result<(Format, Compression), Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let (stem, compression) = compression_of_name(&name);
    let extension = stem.rsplit_once('.').map(|(_, extension)| extension);
    if let Some(extension) = extension
        && let Some(format) = Format::VARIANTS.iter().copied().find(|format| format.extensions().contains(&extension))
    {
        return Ok((format, compression));
    }
    let shown = path.display();
    if let Some((extension, program)) = foreign_packing(&name) {
        let stem = name_without(path, extension);
        // An archive has files of any name.
        let leaves = if extension == ".zip" { String::new() } else { format!(", which leaves {stem}") };
        return Err(Error::request(format!("{shown}: leanset reads gzip and Zstandard, not {extension}"))
            .with_hint(format!("unpack it first: {program} {shown}{leaves}")));
    }
    let known =
        Format::VARIANTS.iter().flat_map(|format| format.extensions()).map(|e| format!(".{e}")).collect::<Vec<_>>();
    let message = match extension {
        Some(extension) => format!("{shown}: the extension '.{extension}' stands for no known format"),
        None => format!("{shown}: the name has no extension to tell its format by"),
    };
    let known = format!("known: {} (also with .gz or .zst); or say ", known.join(" "));
    let hint = text![known, setting::FORMAT.to(listed_values::<Format>("|"))];
    Err(Error::request(message).with_hint(hint))
}

/// How other packers name files, and what unpacks them.
const FOREIGN: [(&str, &str); 7] = [
    (".bz2", "bunzip2 -k"),
    (".xz", "unxz -k"),
    (".lzma", "unlzma -k"),
    (".lz4", "unlz4"),
    (".br", "brotli -d"),
    (".zip", "unzip"),
    (".7z", "7z x"),
];

/// The extension of a file of another packer, and what unpacks it.
fn foreign_packing(name: &str) -> Option<(&'static str, &'static str)> {
    FOREIGN.into_iter().find(|(extension, _)| name.ends_with(extension))
}

fn name_without(path: &Path, extension: &str) -> String {
    let name = path.display().to_string();
    name[..name.len() - extension.len()].to_owned()
}

/// A lower-case file name without its compression extension, and the compression.
fn compression_of_name(name: &str) -> (&str, Compression) {
    if let Some(stem) = name.strip_suffix(".gz") {
        (stem, Compression::Gzip)
    } else if let Some(stem) = name.strip_suffix(".zst") {
        (stem, Compression::Zstd)
    } else {
        (name, Compression::None)
    }
}

/// What a file is packed with by its first bytes, if that is not read here, and what unpacks it.
pub(crate) fn sniff_foreign_packing(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(("bzip2", "bunzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(("xz", "unxz")),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(("lz4", "unlz4")),
        _ => None,
    }
}

/// The compression the first bytes tell of.
pub(crate) fn sniff_compression(bytes: &[u8]) -> Compression {
    match bytes {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A frame that readers skip: pzstd and others begin with one.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// What the first bytes (for a zip archive: its file names) tell, where they tell anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// A format, and the mark it was known by.
    Format(Format, &'static str),
    /// Text in UTF-16 or UTF-32: its name for iconv.
    Wide(&'static str),
    /// A format we do not read: its name.
    Foreign(&'static str),
    /// Nothing recognised: text, or an Arrow stream.
    Unknown,
}

pub(crate) fn sniff(bytes: &[u8]) -> Sniffed {
    match bytes {
        [b'P', b'A', b'R', b'1', ..] => Sniffed::Format(Format::Parquet, "PAR1"),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Sniffed::Format(Format::ArrowIpc, "ARROW1"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Sniffed::Format(Format::Npy, "\\x93NUMPY"),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => sniff_zip(bytes),
        [b'F', b'E', b'A', b'1', ..] => Sniffed::Foreign("a Feather V1 file"),
        [b'P', b'A', b'R', b'E', ..] => Sniffed::Foreign("an encrypted Parquet file"),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Sniffed::Foreign("an old Excel (.xls) or other OLE file"),
        [0x89, b'H', b'D', b'F', ..] => Sniffed::Foreign("an HDF5 file"),
        [0xff, 0xff, 0xff, 0xff, ..] => Sniffed::Format(Format::ArrowIpc, "FFFFFFFF, an Arrow stream"),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Sniffed::Wide("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Sniffed::Wide("UTF-16"),
        _ => sniff_wide(bytes),
    }
}

/// Text of two or four bytes a character without a mark: names of columns are mostly ASCII, so every other byte is zero.
fn sniff_wide(bytes: &[u8]) -> Sniffed {
    let beginning = &bytes[..bytes.len().min(256) / 4 * 4];
    let printable = |b: &u8| *b >= b' ' || matches!(*b, b'\t' | b'\n' | b'\r');
    // The share of groups whose bytes are zero and not zero as of ASCII.
    let ascii = |zeros: &[bool]| {
        let fits = |group: &[u8]| group.iter().zip(zeros).all(|(b, zero)| if *zero { *b == 0 } else { printable(b) });
        let groups = beginning.chunks_exact(zeros.len());
        let all = groups.len();
        all >= 4 && groups.filter(|group| fits(group)).count() * 4 > all * 3
    };
    if ascii(&[false, true, true, true]) {
        Sniffed::Wide("UTF-32LE")
    } else if ascii(&[true, true, true, false]) {
        Sniffed::Wide("UTF-32BE")
    } else if ascii(&[false, true]) {
        Sniffed::Wide("UTF-16LE")
    } else if ascii(&[true, false]) {
        Sniffed::Wide("UTF-16BE")
    } else {
        Sniffed::Unknown
    }
}

fn sniff_zip(bytes: &[u8]) -> Sniffed {
    let Ok(archive) = zip::ZipArchive::new(std::io::Cursor::new(bytes)) else {
        return Sniffed::Foreign("a damaged zip archive");
    };
    let any = |wanted: &dyn Fn(&str) -> bool| archive.file_names().any(|name| name.is_ok_and(|name| wanted(&name)));
    if any(&|name| name.ends_with(".npy")) {
        Sniffed::Format(Format::Npz, "a zip of .npy files")
    } else if any(&|name| name.starts_with("xl/")) {
        Sniffed::Format(Format::Xlsx, "a zip with xl/")
    } else {
        Sniffed::Foreign("a zip archive without arrays or sheets")
    }
}
