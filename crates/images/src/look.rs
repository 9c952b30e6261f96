//! Looking at the pictures themselves: whether they can be decoded, what they are, what they look like.
//!
//! Pictures are decoded one a thread and let go: memory does not grow with their number, but for what is found.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, RgbImage};
use sha2::{Digest as _, Sha256};

use crate::error::plain;
use crate::set::extension;
use crate::{Describer, Error, Fault, FaultKind, ImageSet, Picture, Result, Severity, appearance};

/// Detectors refuse pictures of fewer pixels a side.
const LEAST_SIDE: u32 = 10;

/// A picture of more pixels takes a gigabyte a thread; a few kilobytes of PNG can claim any number of them.
const MOST_PIXELS: u64 = 250_000_000;

/// Pictures look the same if so many of 128 comparisons differ, or fewer.
const ALIKE: u32 = 7;

/// What is seen of one picture.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// SHA-256 of the file; nothing if it cannot be opened.
    pub sha256: Option<[u8; 32]>,
    /// Width and height as shown, turned as the file says; nothing if it cannot be decoded.
    pub size: Option<(u32, u32)>,
    /// What it looks like, to the model or in colours and edges; nothing if it cannot be decoded.
    pub features: Option<Vec<f32>>,
    /// What its edges look like at a glance: nearly equal for copies in other sizes and formats.
    glance: Option<u128>,
}

/// Looks at every picture for which `wanted` is true, and adds what is wrong with them to the set. Results are in the order
/// of the pictures. They are described by `describer`; without one, by their colours and edges. `step` is called after
/// every picture, from any thread; when it returns false the work stops.
///
/// # Errors
/// If `step` stopped the work, or a picture cannot be described.
pub fn look(
    set: &mut ImageSet,
    wanted: impl Fn(&Picture) -> bool + Sync,
    describer: Option<&Describer<'_>>,
    step: impl Fn() -> bool + Sync,
) -> Result<Vec<Look>> {
    let seen = see(&set.pictures, &wanted, describer, &step)?;
    let mut looks = Vec::with_capacity(seen.len());
    for (picture, (look, faults)) in set.pictures.iter_mut().zip(seen) {
        if faults.iter().any(|f| f.severity == Severity::Error) {
            picture.usable = false;
        }
        if let Some(size) = look.size {
            check_boxes(picture, size, &mut set.faults);
        }
        set.faults.extend(faults);
        looks.push(look);
    }
    find_copies(set, &looks);
    set.sort_faults();
    Ok(looks)
}

/// What was found of each picture; nothing of those that are not wanted.
///
/// Threads of its own, not rayon's: one that waits there for an engine would begin another picture meanwhile, and hold both.
fn see(
    pictures: &[Picture],
    wanted: &(impl Fn(&Picture) -> bool + Sync),
    describer: Option<&Describer<'_>>,
    step: &(impl Fn() -> bool + Sync),
) -> Result<Vec<(Look, Vec<Fault>)>> {
    let wanted: Vec<usize> = (0..pictures.len()).filter(|&i| wanted(&pictures[i])).collect();
    let batch = describer.map_or(1, |d| d.batch.max(1));
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut all: Vec<(Look, Vec<Fault>)> = Vec::new();
    all.resize_with(pictures.len(), Default::default);
    let all = Mutex::new(all);
    let work = || -> Result<()> {
        let mut describing = describer.map(Describer::worker).transpose()?;
        while !stopped.load(Ordering::Relaxed) {
            let begin = next.fetch_add(batch, Ordering::Relaxed).min(wanted.len());
            let part = &wanted[begin..(begin + batch).min(wanted.len())];
            if part.is_empty() {
                break;
            }
            let mut found = part.iter().map(|&i| look_at(&pictures[i])).collect::<Result<Vec<_>>>()?;
            match &mut describing {
                Some(describing) => {
                    let seen = part.iter().zip(&mut found);
                    let mut seen: Vec<_> =
                        seen.map(|(&i, (look, _, rgb))| (pictures[i].name.as_str(), look, rgb.take())).collect();
                    describing.describe(&mut seen)?;
                }
                None => found.iter_mut().for_each(|(look, _, rgb)| {
                    look.features = rgb.take().map(|rgb| appearance::describe(&rgb));
                }),
            }
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            for (&index, (look, faults, _)) in part.iter().zip(found) {
                all[index] = (look, faults);
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
        return Err(Error::new("interrupted"));
    }
    Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What is found of one picture.
///
/// # Errors
/// If the system lacks what it takes to open any file: that is no fault of this one.
fn look_at(picture: &Picture) -> Result<(Look, Vec<Fault>, Option<RgbImage>)> {
    let mut faults = Vec::new();
    let mut look = Look::default();
    let path = &picture.path;
    let mut fault = |kind, severity, message: String| faults.push(Fault::new(kind, severity, path, message));
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if exhausted(&error) => return Err(Error::io(path, "cannot be opened", &error)),
        Err(error) => {
            fault(FaultKind::PictureMissing, Severity::Error, format!("cannot be opened: {}", plain(&error)));
            return Ok((look, faults, None));
        }
    };
    look.sha256 = Some(Sha256::digest(&bytes).into());
    if bytes.is_empty() {
        fault(FaultKind::PictureDamaged, Severity::Error, "is empty".into());
        return Ok((look, faults, None));
    }
    // Decoders meet damaged files, and one that panics is one more way to say so.
    let decoded = std::panic::catch_unwind(|| decode(&bytes));
    let decoded =
        decoded.unwrap_or_else(|_| Err((FaultKind::PictureDamaged, "cannot be decoded: its decoder gave up".into())));
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err((kind, message)) => {
            fault(kind, Severity::Error, message);
            return Ok((look, faults, None));
        }
    };
    let named = ImageFormat::from_extension(extension(path));
    if named != Some(decoded.format) {
        let is = decoded.format.extensions_str().first().unwrap_or(&"other");
        fault(FaultKind::NameOther, Severity::Note, format!("is {}, whatever its name says", is.to_uppercase()));
    }
    if decoded.orientation != Orientation::NoTransforms {
        let message = format!("is turned by its EXIF mark ({})", decoded.orientation.to_exif());
        fault(FaultKind::PictureTurned, Severity::Note, message);
    }
    if decoded.deep {
        fault(FaultKind::PictureDeep, Severity::Note, "has 16 bits a channel".into());
    }
    let size = decoded.rgb.dimensions();
    if size.0.min(size.1) < LEAST_SIDE {
        let message = format!("is {} × {} pixels; detectors need {LEAST_SIDE} a side", size.0, size.1);
        fault(FaultKind::PictureTiny, Severity::Error, message);
    }
    if let Some(claimed) = picture.claimed
        && claimed != size
        && claimed != decoded.stored
    {
        let message = format!("is {} × {}, and its annotation claims {} × {}", size.0, size.1, claimed.0, claimed.1);
        fault(FaultKind::SizeDiffers, Severity::Warning, message);
    }
    look.size = Some(size);
    look.glance = appearance::glance(&decoded.rgb);
    Ok((look, faults, Some(decoded.rgb)))
}

/// Whether the system has no more files or no more memory to give.
fn exhausted(error: &std::io::Error) -> bool {
    const NO_MORE_FILES: [i32; 2] = [23, 24]; // ENFILE, EMFILE
    error.kind() == std::io::ErrorKind::OutOfMemory
        || cfg!(unix) && error.raw_os_error().is_some_and(|code| NO_MORE_FILES.contains(&code))
}

/// What is told of a picture by the beginning of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// Width and height, turned as the file says.
    pub size: (u32, u32),
    /// Bytes that decoding it takes, the file included.
    pub memory: u64,
}

/// Reads the beginning of a picture, and decodes nothing; nothing of what does not begin like a picture.
pub fn glimpse(path: &Path) -> Option<Glimpse> {
    // Enough for most, whatever stands before the size; else the whole file.
    const BEGINNING: u64 = 1 << 16;
    let file = std::fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes).ok()?;
    let begun = |bytes: &[u8]| std::panic::catch_unwind(|| begin(bytes, length)).ok()?;
    begun(&bytes).or_else(|| if length > BEGINNING { begun(&std::fs::read(path).ok()?) } else { None })
}

fn begin(bytes: &[u8], length: u64) -> Option<Glimpse> {
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
    Some(Glimpse { size, memory: 2 * length + pixels * (u64::from(kind.bytes_per_pixel()) + most) })
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

/// Bytes that looking holds of so many pictures of so many numbers, and bytes that comparing them takes for a while.
pub fn memory(pictures: usize, dimensions: usize) -> (u64, u64) {
    let (pictures, dimensions) = (pictures as u64, dimensions as u64);
    // Looks with their faults, then looks alone: both while one becomes the other.
    let look = (2 * size_of::<Look>() + size_of::<Vec<Fault>>()) as u64;
    // Of each picture its hash, and eight parts of its glance, in lists that begin with room for four.
    let (parts, list) = (8, 200);
    (pictures * (look + 16 + 4 * dimensions), 96 * pictures + parts * (pictures.min(1 << 16) * list + 32 * pictures))
}

/// A picture as it is shown; nothing of what cannot be decoded.
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
fn decode(bytes: &[u8]) -> Result<Decoded, (FaultKind, String)> {
    let damaged = |e: image::ImageError| (FaultKind::PictureDamaged, format!("cannot be decoded: {e}"));
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| (FaultKind::PictureDamaged, format!("cannot be read: {}", plain(&e))))?;
    let Some(format) = reader.format() else {
        return Err((FaultKind::PictureDamaged, "is no picture that leanset knows, by its first bytes".into()));
    };
    if !format.reading_enabled() {
        return Err((FaultKind::PictureFormat, format!("is {format:?}, which is not decoded here")));
    }
    if format == ImageFormat::Jpeg && !jpeg_ends(bytes) {
        return Err((FaultKind::PictureDamaged, "ends before its picture does".into()));
    }
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let stored = decoder.dimensions();
    if u64::from(stored.0) * u64::from(stored.1) > MOST_PIXELS {
        let message = format!("is {} × {} pixels, more than {} million", stored.0, stored.1, MOST_PIXELS / 1_000_000);
        return Err((FaultKind::PictureHuge, message));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let deep = picture.color().bytes_per_pixel() / picture.color().channel_count() > 1;
    picture.apply_orientation(orientation);
    Ok(Decoded { rgb: picture.into_rgb8(), format, orientation, stored, deep })
}

/// Whether the picture ends in the file: its own mark of the end is found from segment to segment, so that neither a
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

/// Boxes in pixels against the size of the picture; what is outside is no object.
fn check_boxes(picture: &mut Picture, (width, height): (u32, u32), faults: &mut Vec<Fault>) {
    let (w, h) = (f64::from(width), f64::from(height));
    let file = picture.annotation.clone().unwrap_or_else(|| picture.path.clone());
    picture.objects.retain(|object| {
        let Some(bounds) = object.bounds.filter(|b| b.pixels) else { return true };
        let [x0, y0, x1, y1] = bounds.corners;
        let told = format!("a box goes from {x0}, {y0} to {x1}, {y1} on {width} × {height} pixels");
        if x0 >= w || y0 >= h || x1 <= 0.0 || y1 <= 0.0 {
            faults.push(Fault::new(
                FaultKind::BoxOutside,
                Severity::Warning,
                &file,
                format!("{told}: it is not counted"),
            ));
            return false;
        }
        // The first pixel is 0 for some and 1 for others.
        if x0 < -1.0 - w / 100.0 || y0 < -1.0 - h / 100.0 || x1 > w * 1.01 + 1.0 || y1 > h * 1.01 + 1.0 {
            faults.push(Fault::new(FaultKind::BoxBeyond, Severity::Warning, &file, told));
        }
        true
    });
}

/// Pictures that are there twice, by their bytes or by their looks.
fn find_copies(set: &mut ImageSet, looks: &[Look]) {
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    let mut alike: HashMap<(usize, u8, u8), Vec<(usize, u128)>> = HashMap::new();
    for (index, look) in looks.iter().enumerate() {
        let picture = &set.pictures[index];
        let Some(hash) = look.sha256 else { continue };
        if let Some(&other) = first.get(&hash) {
            let other = &set.pictures[other];
            let (kind, where_) = if other.split == picture.split {
                (FaultKind::PictureTwice, String::new())
            } else {
                (FaultKind::SplitLeak, format!(" of {}", other.split.name()))
            };
            let message = format!("has the same bytes as {}{where_}", other.name);
            set.faults.push(Fault::new(kind, Severity::Warning, &picture.path, message));
            continue;
        }
        first.insert(hash, index);
        let Some(glance) = look.glance else { continue };
        // What differs in no more than seven bits agrees in one of eight parts at least.
        let parts = || {
            glance
                .to_le_bytes()
                .into_iter()
                .enumerate()
                .step_by(2)
                .map(move |(i, low)| (i, low, glance.to_le_bytes()[i + 1]))
        };
        let near = |other: &&(usize, u128)| (other.1 ^ glance).count_ones() <= ALIKE;
        let found = parts().filter_map(|part| alike.get(&part)?.iter().find(near)).map(|other| other.0).min();
        if let Some(other) = found {
            let message = format!("looks the same as {}", set.pictures[other].name);
            set.faults.push(Fault::new(FaultKind::PictureAlike, Severity::Note, &picture.path, message));
        } else {
            parts().for_each(|part| alike.entry(part).or_default().push((index, glance)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let picture = RgbImage::from_fn(80, 60, |x, y| image::Rgb([(x * 3) as u8, (y * 4) as u8, (x * y % 251) as u8]));
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).expect("encoded");
        bytes
    }

    /// Phones put a film behind the picture, in which any bytes occur.
    #[test]
    fn a_jpeg_ends_where_it_says_whatever_follows() {
        let whole = jpeg();
        assert!(jpeg_ends(&whole));
        let followed = [whole.as_slice(), b"film \xff\xd8 \xff\xda\x00\x04 and more \xff\xda"].concat();
        assert!(jpeg_ends(&followed) && decode(&followed).is_ok());
        for cut in 2..whole.len() - 1 {
            assert!(!jpeg_ends(&whole[..cut]), "cut at {cut}");
        }
    }

    /// A picture before it, in a segment, has an end of its own.
    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end() {
        let (whole, thumbnail) = (jpeg(), jpeg());
        let length = u16::try_from(thumbnail.len() + 2).expect("a segment").to_be_bytes();
        let both = [&whole[..2], &[0xff, 0xe1], &length, &thumbnail, &whole[2..]].concat();
        assert!(jpeg_ends(&both));
        assert!(!jpeg_ends(&both[..thumbnail.len() + 200]));
    }

    #[test]
    fn more_pixels_than_memory_holds_are_not_begun() {
        // A PNG of a few pixels that claims 20,000 × 20,000.
        let mut bytes = Vec::new();
        RgbImage::new(3, 3).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).expect("encoded");
        bytes[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
        let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        let crc = bytes[12..29].iter().fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| bit(crc)));
        bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
        match decode(&bytes) {
            Err((kind, message)) => {
                assert_eq!(kind, FaultKind::PictureHuge, "{message}");
                assert_eq!(message, "is 20000 × 20000 pixels, more than 250 million");
            }
            Ok(_) => panic!("there is no picture"),
        }
    }
}
