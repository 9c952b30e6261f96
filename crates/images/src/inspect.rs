//! Inspecting images: decoding, issues, hashes and features.
//!
//! Each thread decodes one image at a time and lets it go: memory grows with the number of images only by the results.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, RgbImage};
use sha2::{Digest as _, Sha256};

use leanset_problem::{Code, Problem, Result, files};

use crate::error::{io, plain};
use crate::walk::extension;
use crate::{Embedder, Image, ImageSet, Issue, IssueKind, Severity, color_edge_features};

/// Detectors refuse images of fewer pixels a side.
const LEAST_SIDE: u32 = 10;

/// An image of more pixels takes a gigabyte a thread; a few kilobytes of PNG can claim any number of them.
const MOST_PIXELS: u64 = 250_000_000;

/// An image of so many pixels takes no more bytes in any format.
const MOST_BYTES: u64 = 2 << 30;

/// Images inspection the same if so many of 128 comparisons differ, or fewer.
const ALIKE: u32 = 7;

/// The results for one image.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// SHA-256 of the file; `None` if it cannot be opened.
    pub sha256: Option<[u8; 32]>,
    /// Width and height after the EXIF orientation is applied; `None` if it cannot be decoded.
    pub size: Option<(u32, u32)>,
    /// Its features, by the model or of colours and edges; `None` if it cannot be decoded.
    pub features: Option<Vec<f32>>,
    /// Nearly equal for copies in other sizes and formats.
    perceptual_hash: Option<u128>,
}

/// Inspects every image for which `wanted` is true, and adds its issues to the set. Results are in the order of the images.
/// Features are those of `embedder`; without one, of colours and edges. `step` is called after every image, from any thread;
/// when it returns false the work stops.
///
/// # Errors
/// If `step` stopped the work, or the features of an image cannot be computed.
pub fn inspect(
    set: &mut ImageSet,
    wanted: impl Fn(&Image) -> bool + Sync,
    embedder: Option<&Embedder<'_>>,
    step: impl Fn() -> bool + Sync,
) -> Result<Vec<Inspection>> {
    let seen = inspect_all(&set.images, &wanted, embedder, &step)?;
    let mut inspections = Vec::with_capacity(seen.len());
    for (image, (inspection, issues)) in set.images.iter_mut().zip(seen) {
        if issues.iter().any(|f| f.severity == Severity::Error) {
            image.usable = false;
        }
        if let Some(size) = inspection.size {
            check_boxes(image, size, &mut set.issues);
        }
        set.issues.extend(issues);
        inspections.push(inspection);
    }
    find_copies(set, &inspections);
    set.sort_issues();
    Ok(inspections)
}

/// The results for each image; default values for those that are not wanted.
///
/// Threads of its own, not rayon's: one that waits there for an engine would begin another image meanwhile, and hold both.
fn inspect_all(
    images: &[Image],
    wanted: &(impl Fn(&Image) -> bool + Sync),
    embedder: Option<&Embedder<'_>>,
    step: &(impl Fn() -> bool + Sync),
) -> Result<Vec<(Inspection, Vec<Issue>)>> {
    let wanted: Vec<usize> = (0..images.len()).filter(|&i| wanted(&images[i])).collect();
    let batch = embedder.map_or(1, |d| d.batch.max(1));
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut all: Vec<(Inspection, Vec<Issue>)> = Vec::new();
    all.resize_with(images.len(), Default::default);
    let all = Mutex::new(all);
    let work = || -> Result<()> {
        let mut worker = embedder.map(Embedder::worker).transpose()?;
        while !stopped.load(Ordering::Relaxed) {
            let begin = next.fetch_add(batch, Ordering::Relaxed).min(wanted.len());
            let part = &wanted[begin..(begin + batch).min(wanted.len())];
            if part.is_empty() {
                break;
            }
            let mut found = part.iter().map(|&i| inspect_one(&images[i])).collect::<Result<Vec<_>>>()?;
            match &mut worker {
                Some(worker) => {
                    let (mut decoded, mut places) = (Vec::new(), Vec::new());
                    for (&i, (inspection, _, rgb)) in part.iter().zip(&mut found) {
                        if let (Some(sha256), Some(rgb)) = (inspection.sha256, rgb.take()) {
                            decoded.push((images[i].name.as_str(), sha256, rgb));
                            places.push(&mut inspection.features);
                        }
                    }
                    for (place, features) in places.into_iter().zip(worker.features(&decoded)?) {
                        *place = Some(features);
                    }
                }
                None => found.iter_mut().for_each(|(inspection, _, rgb)| {
                    inspection.features = rgb.take().map(|rgb| color_edge_features::features(&rgb));
                }),
            }
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            for (&index, (inspection, issues, _)) in part.iter().zip(found) {
                all[index] = (inspection, issues);
                if !step() {
                    stopped.store(true, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    };
    let worker = || {
        let result = work();
        if result.is_err() {
            stopped.store(true, Ordering::Relaxed);
        }
        result
    };
    let workers = rayon::current_num_threads().min(wanted.len().div_ceil(batch)).max(1);
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    results.into_iter().collect::<Result<()>>()?;
    if stopped.into_inner() {
        return Err(Problem::new("interrupted").code(Code::Interrupted));
    }
    Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What is found of one image.
///
/// # Errors
/// If the system lacks what it takes to open any file: that is no issue of this one.
fn inspect_one(image: &Image) -> Result<(Inspection, Vec<Issue>, Option<RgbImage>)> {
    let mut issues = Vec::new();
    let mut inspection = Inspection::default();
    let path = &image.path;
    let mut issue = |kind, severity, message: String| issues.push(Issue::new(kind, severity, path, message));
    // Read whole, and decoded beside what was read: a file with holes in it can claim any size.
    if let Some(size) = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len())
        && size > MOST_BYTES
        && is_decodable(path)
    {
        issue(IssueKind::ImageHuge, Severity::Error, format!("has {size} bytes, more than {MOST_BYTES}"));
        return Ok((inspection, issues, None));
    }
    let bytes = match files::read(path) {
        Ok(bytes) => bytes,
        Err(error) if exhausted(&error) => return Err(io(path, "cannot be opened", error)),
        Err(error) => {
            issue(IssueKind::ImageMissing, Severity::Error, format!("cannot be opened: {}", plain(&error)));
            return Ok((inspection, issues, None));
        }
    };
    inspection.sha256 = Some(Sha256::digest(&bytes).into());
    if bytes.is_empty() {
        issue(IssueKind::ImageDamaged, Severity::Error, "is empty".into());
        return Ok((inspection, issues, None));
    }
    // Decoders meet damaged files, and one that panics is one more way to say so.
    let decoded = std::panic::catch_unwind(|| decode(&bytes));
    let decoded =
        decoded.unwrap_or_else(|_| Err((IssueKind::ImageDamaged, "cannot be decoded: the decoder failed".into())));
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err((kind, message)) => {
            issue(kind, Severity::Error, message);
            return Ok((inspection, issues, None));
        }
    };
    let named = ImageFormat::from_extension(extension(path));
    if named != Some(decoded.format) {
        let is = decoded.format.extensions_str().first().unwrap_or(&"other");
        issue(IssueKind::NameOther, Severity::Note, format!("is {}, not what its extension says", is.to_uppercase()));
    }
    if decoded.orientation != Orientation::NoTransforms {
        let message = format!("is rotated by its EXIF orientation ({})", decoded.orientation.to_exif());
        issue(IssueKind::ImageRotated, Severity::Note, message);
    }
    if decoded.deep {
        issue(IssueKind::ImageDeep, Severity::Note, "has 16 bits per channel".into());
    }
    let size = decoded.rgb.dimensions();
    if size.0.min(size.1) < LEAST_SIDE {
        let message = format!("is {} × {} pixels; detectors need at least {LEAST_SIDE} per side", size.0, size.1);
        issue(IssueKind::ImageTiny, Severity::Error, message);
    }
    if let Some(claimed) = image.declared_size
        && claimed != size
        && claimed != decoded.stored
    {
        let message = format!("is {} × {}, but its annotation says {} × {}", size.0, size.1, claimed.0, claimed.1);
        issue(IssueKind::SizeDiffers, Severity::Warning, message);
    }
    inspection.size = Some(size);
    inspection.perceptual_hash = color_edge_features::perceptual_hash(&decoded.rgb);
    Ok((inspection, issues, Some(decoded.rgb)))
}

/// Whether a file begins like an image that leanset decodes, or like none.
fn is_decodable(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = files::open(path).and_then(|file| file.take(64).read_to_end(&mut beginning));
    read.is_err() || image::guess_format(&beginning).map_or(true, |format| format.reading_enabled())
}

/// Whether the system has no more files or no more memory to give.
fn exhausted(error: &std::io::Error) -> bool {
    const NO_MORE_FILES: [i32; 2] = [23, 24]; // ENFILE, EMFILE
    error.kind() == std::io::ErrorKind::OutOfMemory
        || cfg!(unix) && error.raw_os_error().is_some_and(|code| NO_MORE_FILES.contains(&code))
}

/// What the beginning of a file says of its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageHeader {
    /// Width and height, turned as the file says.
    pub size: (u32, u32),
    /// Bytes that decoding it takes, the file included.
    pub memory: u64,
}

impl ImageHeader {
    /// Reads the beginning of a file and decodes nothing. `None` if it does not begin like an image.
    pub fn read(path: &Path) -> Option<Self> {
        // Enough for most files, whatever stands before the size; else the whole file.
        const BEGINNING: u64 = 1 << 16;
        let file = files::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut bytes = Vec::new();
        file.take(BEGINNING).read_to_end(&mut bytes).ok()?;
        let parse = |bytes: &[u8]| std::panic::catch_unwind(|| parse_header(bytes, length)).ok()?;
        parse(&bytes).or_else(|| if length > BEGINNING { parse(&files::read(path).ok()?) } else { None })
    }
}

fn parse_header(bytes: &[u8], length: u64) -> Option<ImageHeader> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let format = reader.format().filter(ImageFormat::reading_enabled)?;
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let kind = decoder.color_type();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS {
        return None; // It will not be decoded.
    }
    // Beside the pixels that come out: of a progressive JPEG all coefficients, of a WebP the frame, of others than eight
    // bits of red, green and blue what they become, of a turned one what it was.
    let working = match format {
        ImageFormat::Jpeg if progressive(bytes) => 2 * u64::from(kind.channel_count()),
        ImageFormat::WebP => 4,
        _ => 0,
    };
    let changed = if kind == image::ColorType::Rgb8 { 0 } else { 3 };
    let turning = if turned { u64::from(kind.bytes_per_pixel()) } else { 0 };
    let most = working.max(changed).max(turning);
    let size = if turned { (height, width) } else { (width, height) };
    Some(ImageHeader { size, memory: 2 * length + pixels * (u64::from(kind.bytes_per_pixel()) + most) })
}

/// Whether the frame of a JPEG is a progressive one.
fn progressive(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, mark, high, low]) = bytes.get(at..at + 4).and_then(|b| b.first_chunk::<4>()) {
        match mark {
            0xc2 | 0xc6 | 0xca | 0xce => return true,
            0xc0 | 0xc1 | 0xda => return false,
            0xff => at += 1,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
}

/// Bytes of memory that inspecting so many images takes until the end, and bytes that comparing them takes for a while.
pub fn inspection_memory(images: usize, dimensions: usize) -> (u64, u64) {
    let (images, dimensions) = (images as u64, dimensions as u64);
    // Looks with their issues, then inspections alone: both while one becomes the other.
    let inspection = (2 * size_of::<Inspection>() + size_of::<Vec<Issue>>()) as u64;
    // Of each image its hash, and eight parts of its perceptual_hash, in lists that begin with room for four.
    let (parts, list) = (8, 200);
    (images * (inspection + 16 + 4 * dimensions), 96 * images + parts * (images.min(1 << 16) * list + 32 * images))
}

/// An image as it is displayed; `None` if it cannot be decoded.
pub(crate) fn shown(bytes: &[u8]) -> Option<RgbImage> {
    let decoded = std::panic::catch_unwind(|| decode(bytes)).ok()?.ok()?;
    Some(decoded.rgb)
}

struct Decoded {
    rgb: RgbImage,
    format: ImageFormat,
    orientation: Orientation,
    /// The size in the file, before it is turned.
    stored: (u32, u32),
    deep: bool,
}

/// Eight bits of red, green and blue, turned as the file says; alpha is dropped, as detectors do.
fn decode(bytes: &[u8]) -> Result<Decoded, (IssueKind, String)> {
    let damaged = |e: image::ImageError| (IssueKind::ImageDamaged, format!("cannot be decoded: {e}"));
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| (IssueKind::ImageDamaged, format!("cannot be read: {}", plain(&e))))?;
    let Some(format) = reader.format() else {
        return Err((IssueKind::ImageDamaged, "is not an image that leanset knows, by its first bytes".into()));
    };
    if !format.reading_enabled() {
        return Err((IssueKind::ImageFormat, format!("is {format:?}, which leanset does not decode")));
    }
    if format == ImageFormat::Jpeg && !jpeg_ends(bytes) {
        return Err((IssueKind::ImageDamaged, "is cut off before the end of the image".into()));
    }
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let stored = decoder.dimensions();
    if u64::from(stored.0) * u64::from(stored.1) > MOST_PIXELS {
        let message = format!("is {} × {} pixels, more than {} million", stored.0, stored.1, MOST_PIXELS / 1_000_000);
        return Err((IssueKind::ImageHuge, message));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let deep = image.color().bytes_per_pixel() / image.color().channel_count() > 1;
    image.apply_orientation(orientation);
    Ok(Decoded { rgb: image.into_rgb8(), format, orientation, stored, deep })
}

/// Whether the image ends in the file: its own mark of the end is found from segment to segment, so that neither a
/// thumbnail before it nor a film behind it matters. A decoder fills what is missing with grey, and says nothing.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[mark, kind]) = bytes.get(at..at + 2) {
        at += match (mark, kind) {
            (0xff, 0xd9) => return true,
            // Of a scan, or between segments.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => 2,
            (0xff, 0xff) => 1,
            (0xff, _) => match bytes.get(at + 2..at + 4) {
                Some(&[high, low]) => 2 + usize::from(u16::from_be_bytes([high, low])).max(2),
                _ => return false,
            },
            _ => 1,
        };
    }
    false
}

/// Boxes in pixels against the size of the image; what is outside is no object.
fn check_boxes(image: &mut Image, (width, height): (u32, u32), issues: &mut Vec<Issue>) {
    let (w, h) = (f64::from(width), f64::from(height));
    let file = image.annotation.clone().unwrap_or_else(|| image.path.clone());
    image.objects.retain(|object| {
        let Some(bounds) = object.bounds.filter(|b| b.pixels) else { return true };
        let [x0, y0, x1, y1] = bounds.corners;
        let told = format!("a box goes from {x0}, {y0} to {x1}, {y1} on {width} × {height} pixels");
        if x0 >= w || y0 >= h || x1 <= 0.0 || y1 <= 0.0 {
            issues.push(Issue::new(
                IssueKind::BoxOutside,
                Severity::Warning,
                &file,
                format!("{told}: it is not counted"),
            ));
            return false;
        }
        // The first pixel is 0 for some and 1 for others.
        if x0 < -1.0 - w / 100.0 || y0 < -1.0 - h / 100.0 || x1 > w * 1.01 + 1.0 || y1 > h * 1.01 + 1.0 {
            issues.push(Issue::new(IssueKind::BoxBeyond, Severity::Warning, &file, told));
        }
        true
    });
}

/// Images that are there twice, by their bytes or by their inspections.
fn find_copies(set: &mut ImageSet, inspections: &[Inspection]) {
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    let mut alike: HashMap<(usize, u8, u8), Vec<(usize, u128)>> = HashMap::new();
    for (index, inspection) in inspections.iter().enumerate() {
        let image = &set.images[index];
        let Some(hash) = inspection.sha256 else { continue };
        if let Some(&other) = first.get(&hash) {
            let other = &set.images[other];
            let (kind, where_) = if other.split == image.split {
                (IssueKind::ImageDuplicate, String::new())
            } else {
                (IssueKind::SplitLeak, format!(" of {}", other.split.name()))
            };
            let message = format!("has the same bytes as {}{where_}", other.name);
            set.issues.push(Issue::new(kind, Severity::Warning, &image.path, message));
            continue;
        }
        first.insert(hash, index);
        let Some(perceptual_hash) = inspection.perceptual_hash else { continue };
        // What differs in no more than seven bits agrees in one of eight parts at least.
        let parts = || {
            perceptual_hash
                .to_le_bytes()
                .into_iter()
                .enumerate()
                .step_by(2)
                .map(move |(i, low)| (i, low, perceptual_hash.to_le_bytes()[i + 1]))
        };
        let near = |other: &&(usize, u128)| (other.1 ^ perceptual_hash).count_ones() <= ALIKE;
        let found = parts().filter_map(|part| alike.get(&part)?.iter().find(near)).map(|other| other.0).min();
        if let Some(other) = found {
            let message = format!("looks nearly the same as {}", set.images[other].name);
            set.issues.push(Issue::new(IssueKind::ImageNearDuplicate, Severity::Note, &image.path, message));
        } else {
            parts().for_each(|part| alike.entry(part).or_default().push((index, perceptual_hash)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let image = RgbImage::from_fn(80, 60, |x, y| image::Rgb([(x * 3) as u8, (y * 4) as u8, (x * y % 251) as u8]));
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).expect("encoded");
        bytes
    }

    /// Phones put a film behind the image, in which any bytes occur.
    #[test]
    fn jpeg_ends_ignores_what_follows_the_image() {
        let whole = jpeg();
        assert!(jpeg_ends(&whole));
        let followed = [whole.as_slice(), b"film \xff\xd8 \xff\xda\x00\x04 and more \xff\xda"].concat();
        assert!(jpeg_ends(&followed) && decode(&followed).is_ok());
        for cut in 2..whole.len() - 1 {
            assert!(!jpeg_ends(&whole[..cut]), "cut at {cut}");
        }
    }

    /// An image before it, in a segment, has an end of its own.
    #[test]
    fn jpeg_ends_ignores_the_end_of_a_thumbnail() {
        let (whole, thumbnail) = (jpeg(), jpeg());
        let length = u16::try_from(thumbnail.len() + 2).expect("a segment").to_be_bytes();
        let both = [&whole[..2], &[0xff, 0xe1], &length, &thumbnail, &whole[2..]].concat();
        assert!(jpeg_ends(&both));
        assert!(!jpeg_ends(&both[..thumbnail.len() + 200]));
    }

    #[test]
    fn decode_refuses_more_pixels_than_memory_holds() {
        // A PNG of a few pixels that claims 20,000 × 20,000.
        let mut bytes = Vec::new();
        RgbImage::new(3, 3).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).expect("encoded");
        bytes[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
        let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        let crc = bytes[12..29].iter().fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| bit(crc)));
        bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
        match decode(&bytes) {
            Err((kind, message)) => {
                assert_eq!(kind, IssueKind::ImageHuge, "{message}");
                assert_eq!(message, "is 20000 × 20000 pixels, more than 250 million");
            }
            Ok(_) => panic!("there is no image"),
        }
    }
}
