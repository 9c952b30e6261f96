//! The cache of features that a model computed: a folder for each model and its settings, a row for each image.
//!
//! The folder is named by [`Backbone::key`] and a row by the SHA-256 of the bytes of its image, so a row never belongs to another
//! model, another size, another engine or another image. Parts are NumPy arrays (`np.load` reads them) named by the hash of
//! their content. They appear by rename every few seconds, so a run that is killed loses that much. A part whose content does
//! not match its name is not used.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use leanset_backbones::Backbone;
use leanset_problem::Result;
use sha2::{Digest as _, Sha256};

use crate::error::io;

/// A part is written when it has so many bytes, or is so old.
const PART: usize = 4 << 20;
const AGE: Duration = Duration::from_secs(5);
/// More parts than these that are not full are made one when the cache is opened.
const SMALL: usize = 16;

/// The features of images by one model with its settings.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    dimensions: usize,
    /// The part and the row of each image.
    index: HashMap<[u8; 32], (usize, u64)>,
    parts: Vec<PathBuf>,
    pending: Mutex<Pending>,
    found: AtomicUsize,
    /// Parts that were damaged.
    damaged: Vec<PathBuf>,
    /// Why nothing more is kept.
    broken: OnceLock<String>,
}

#[derive(Debug)]
struct Pending {
    rows: Vec<u8>,
    since: Instant,
}

impl Cache {
    /// Opens the cache of a model below a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// A folder that cannot be made or listed.
    pub fn open(below: &Path, backbone: &Backbone) -> Result<Self> {
        let about = format!("{}\n{}\n", backbone.path().display(), backbone.words());
        Self::of_key(below, &backbone.key(), backbone.dimensions(), &about)
    }

    fn of_key(below: &Path, key: &[u8; 32], dimensions: usize, about: &str) -> Result<Self> {
        let folder = below.join(hex::encode(&key[..16]));
        std::fs::create_dir_all(&folder).map_err(|e| io(&folder, "cannot be made", e))?;
        let file = folder.join("model.txt");
        if !file.exists() {
            std::fs::write(&file, about).map_err(|e| io(&file, "cannot be written", e))?;
        }
        let mut cache = Self {
            dimensions,
            index: HashMap::new(),
            parts: Vec::new(),
            pending: Mutex::new(Pending { rows: Vec::new(), since: Instant::now() }),
            found: AtomicUsize::new(0),
            damaged: Vec::new(),
            broken: OnceLock::new(),
            folder,
        };
        let entries = std::fs::read_dir(&cache.folder).map_err(|e| io(&cache.folder, "cannot be listed", e))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        files.iter().filter(|file| is_left_behind(file)).for_each(|file| drop(std::fs::remove_file(file)));
        files.sort();
        files.retain(|f| f.extension().is_some_and(|e| e == "npy"));
        let mut small = Vec::new();
        let mut rows = Vec::new();
        for file in files {
            let bytes = match leanset_problem::files::read(&file) {
                Ok(bytes) => bytes,
                // Another process made one part of several.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io(&file, "cannot be read", error)),
            };
            match cache.rows_of(&file, &bytes) {
                None => cache.damaged.push(file),
                Some(content) if content.len() < PART / 2 => {
                    rows.extend_from_slice(content);
                    small.push((file, bytes));
                }
                Some(_) => cache.add(file, &bytes),
            }
        }
        if small.len() > SMALL
            && let Ok(file) = cache.write(&rows)
        {
            small.iter().filter(|(old, _)| *old != file).for_each(|(old, _)| drop(std::fs::remove_file(old)));
            let bytes = std::fs::read(&file).map_err(|e| io(&file, "cannot be read", e))?;
            cache.add(file, &bytes);
        } else {
            small.into_iter().for_each(|(file, bytes)| cache.add(file, &bytes));
        }
        Ok(cache)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Parts that are not used because their content does not match their names.
    pub fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    /// How many features were found.
    pub fn found(&self) -> usize {
        self.found.load(Ordering::Relaxed)
    }

    fn row_bytes(&self) -> usize {
        32 + 4 * self.dimensions
    }

    /// The rows of a part; `None` if it is damaged.
    fn rows_of<'b>(&self, path: &Path, bytes: &'b [u8]) -> Option<&'b [u8]> {
        if path.file_stem()?.to_str()? != hex::encode(&Sha256::digest(bytes)[..16]) {
            return None;
        }
        let head = header(self.dimensions, 0).len();
        let rows = bytes.len().checked_sub(head)? / self.row_bytes();
        let whole = bytes.starts_with(&header(self.dimensions, rows)) && bytes.len() == head + rows * self.row_bytes();
        whole.then(|| &bytes[head..])
    }

    /// Takes the rows of a part into the index.
    fn add(&mut self, path: PathBuf, bytes: &[u8]) {
        let head = header(self.dimensions, 0).len();
        let row_bytes = self.row_bytes();
        for (row, content) in bytes[head..].chunks(row_bytes).enumerate() {
            let place = (self.parts.len(), (head + row * row_bytes) as u64);
            let mut image = [0; 32];
            image.copy_from_slice(&content[..32]);
            self.index.insert(image, place);
        }
        self.parts.push(path);
    }

    /// The features of an image, if they are cached.
    pub(crate) fn get(&self, image: &[u8; 32]) -> Option<Vec<f32>> {
        let &(part, at) = self.index.get(image)?;
        let mut bytes = vec![0; self.row_bytes()];
        // Opened each time: there can be more parts than a process may have open.
        let mut file = File::open(&self.parts[part]).ok()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        if bytes[..32] != image[..] {
            return None;
        }
        self.found.fetch_add(1, Ordering::Relaxed);
        Some(bytes[32..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Caches the features of an image, as long as parts can be written: see [`Cache::broken`].
    pub(crate) fn put(&self, image: &[u8; 32], features: &[f32]) {
        if self.broken.get().is_some() || features.len() != self.dimensions {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.rows.extend_from_slice(image);
        pending.rows.extend(features.iter().flat_map(|v| v.to_le_bytes()));
        if pending.rows.len() >= PART || pending.since.elapsed() >= AGE {
            self.write_pending(&mut pending);
        }
    }

    /// Writes what is not written yet.
    pub fn flush(&self) {
        self.write_pending(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Why features are no longer cached, if a part could not be written.
    pub fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }

    fn write_pending(&self, pending: &mut Pending) {
        let rows = std::mem::take(&mut pending.rows);
        pending.since = Instant::now();
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.write(&rows) {
            drop(self.broken.set(error.to_string()));
        }
    }

    /// Writes a part, and says where.
    fn write(&self, rows: &[u8]) -> Result<PathBuf> {
        let mut bytes = header(self.dimensions, rows.len() / self.row_bytes());
        bytes.extend_from_slice(rows);
        let path = self.folder.join(format!("{}.npy", hex::encode(&Sha256::digest(&bytes)[..16])));
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_data()?;
            std::fs::rename(&beside, &path)
        });
        written.map_err(|e| {
            drop(std::fs::remove_file(&beside));
            io(&path, "cannot be written", e)
        })?;
        Ok(path)
    }
}

impl Drop for Cache {
    /// What was computed stays, whatever ended the work.
    fn drop(&mut self) {
        self.flush();
    }
}

/// Whether a file is a part that a process began and did not come to the end of, an hour ago or longer.
fn is_left_behind(file: &Path) -> bool {
    const OLD: Duration = Duration::from_secs(3600);
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let [hash, process, "tmp"] = name.split('.').collect::<Vec<_>>()[..] else { return false };
    let ours = hash.len() == 32 && hex::decode(hash).is_ok() && process.parse::<u32>().is_ok();
    ours && std::fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD))
}

/// What a NumPy array of such rows begins with.
fn header(dimensions: usize, rows: usize) -> Vec<u8> {
    let text = format!(
        "{{'descr': [('sha256', '|V32'), ('features', '<f4', ({dimensions},))], 'fortran_order': False, 'shape': ({rows},), }}"
    );
    // As long for any number of rows, and of a length that keeps rows aligned.
    let padded = text.len().max(128).next_multiple_of(64) + 64 - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    #[allow(clippy::cast_possible_truncation)] // a few hundred
    bytes.extend_from_slice(&(padded as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(10 + padded - 1, b' ');
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn parts_that_a_killed_process_left_are_removed_when_they_are_old() {
        let place = tempfile::tempdir().expect("a folder");
        let name = "0123456789abcdef0123456789abcdef";
        let files = [format!("{name}.17.tmp"), format!("{name}.18.tmp"), format!("{name}.tmp"), "mine.17.tmp".into()];
        for (number, file) in files.iter().enumerate() {
            let file = File::create(place.path().join(file)).expect("created");
            let age = Duration::from_secs(if number == 1 { 60 } else { 4000 });
            file.set_modified(std::time::SystemTime::now() - age).expect("set");
        }
        let left: Vec<bool> = files.iter().map(|file| is_left_behind(&place.path().join(file))).collect();
        assert_eq!(left, [true, false, false, false]);
    }

    fn parts(cache: &Cache) -> Vec<PathBuf> {
        let files = std::fs::read_dir(cache.folder()).expect("a folder").flatten().map(|e| e.path());
        files.filter(|f| f.extension().is_some_and(|e| e == "npy")).collect()
    }

    #[test]
    fn cache_finds_features_of_the_same_model_only() {
        let place = tempfile::tempdir().expect("a folder");
        let open =
            |key: u8, dimensions| Cache::of_key(place.path(), &[key; 32], dimensions, "a model").expect("a cache");
        let rows: Vec<([u8; 32], Vec<f32>)> =
            (0..5u8).map(|i| ([i; 32], vec![f32::from(i), -0.0, f32::MIN_POSITIVE])).collect();
        {
            let cache = open(1, 3);
            rows[..3].iter().for_each(|(image, row)| cache.put(image, row));
            cache.flush();
            // The rest is written when the cache is let go.
            rows[3..].iter().for_each(|(image, row)| cache.put(image, row));
        }
        let cache = open(1, 3);
        assert_eq!(parts(&cache).len(), 2);
        for (image, row) in &rows {
            assert_eq!(cache.get(image).as_ref(), Some(row));
        }
        assert_eq!((cache.get(&[9; 32]), cache.found()), (None, 5));
        assert_eq!(open(2, 3).get(&[1; 32]), None, "another model");
    }

    #[test]
    fn cache_ignores_damaged_parts() {
        let place = tempfile::tempdir().expect("a folder");
        let open = || Cache::of_key(place.path(), &[1; 32], 2, "a model").expect("a cache");
        open().put(&[7; 32], &[1.0, 2.0]);
        let part = parts(&open()).remove(0);
        let whole = std::fs::read(&part).expect("the part");
        for change in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[change] ^= 1;
            std::fs::write(&part, &bytes).expect("changed");
            let cache = open();
            assert_eq!((cache.get(&[7; 32]), cache.damaged()), (None, [part.clone()].as_slice()), "byte {change}");
        }
        for cut in 0..whole.len() {
            std::fs::write(&part, &whole[..cut]).expect("cut");
            assert_eq!(open().get(&[7; 32]), None, "cut at {cut}");
        }
        std::fs::write(&part, &whole).expect("mended");
        assert_eq!(open().get(&[7; 32]), Some(vec![1.0, 2.0]));
    }

    /// Many small parts become one, and nothing is lost on the way.
    #[test]
    fn cache_merges_small_parts() {
        let place = tempfile::tempdir().expect("a folder");
        let open = || Cache::of_key(place.path(), &[1; 32], 1, "a model").expect("a cache");
        let rows: Vec<([u8; 32], f32)> = (0..SMALL as u8 + 5).map(|i| ([i; 32], f32::from(i))).collect();
        for (image, number) in &rows {
            let cache = open();
            cache.put(image, &[*number]);
            cache.flush();
        }
        let cache = open();
        assert!(parts(&cache).len() <= SMALL, "{}", parts(&cache).len());
        for (image, number) in &rows {
            assert_eq!(cache.get(image), Some(vec![*number]));
        }
        assert_eq!(cache.damaged(), [] as [PathBuf; 0]);
    }

    #[test]
    fn cache_reports_that_it_cannot_write_and_goes_on() {
        let place = tempfile::tempdir().expect("a folder");
        let cache = Cache::of_key(place.path(), &[1; 32], 1, "a model").expect("a cache");
        std::fs::remove_dir_all(cache.folder()).expect("removed");
        cache.put(&[1; 32], &[1.0]);
        cache.flush();
        assert!(cache.broken().is_some_and(|why| why.contains("cannot be written")), "{:?}", cache.broken());
        cache.put(&[2; 32], &[1.0]);
    }

    #[test]
    fn header_has_one_length_for_any_number_of_rows() {
        for dimensions in [1, 768, 100_000] {
            let lengths: Vec<usize> = [0, 1, 99_999, usize::MAX].iter().map(|&n| header(dimensions, n).len()).collect();
            assert!(lengths.iter().all(|&l| l == lengths[0] && l % 64 == 0), "{lengths:?}");
        }
    }
}
