//! The bytes of a Parquet file: read by ranges where it is a file, so that no more of it is in memory than is being read.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Bytes that are read at a time where a reader takes a few after another.
const BUFFER: usize = 1 << 16;

/// A Parquet file, or its bytes where they come from a stream or were packed.
#[derive(Clone)]
pub(crate) enum ParquetBytes {
    Held(Bytes),
    File(Arc<OpenFile>),
}

/// A file that stays open. Whoever replaces it by another of its name changes nothing here.
pub(crate) struct OpenFile {
    file: File,
    length: u64,
    modified: Option<SystemTime>,
}

impl OpenFile {
    pub(crate) fn new(file: File, metadata: &Metadata) -> Self {
        Self { file, length: metadata.len(), modified: metadata.modified().ok() }
    }

    /// Whether nobody wrote into the file since it was opened.
    fn is_unchanged(&self) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        Ok(metadata.len() == self.length && metadata.modified().ok() == self.modified)
    }

    #[cfg(unix)]
    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, out, at)
    }

    #[cfg(windows)]
    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, out, at)
    }
}

impl ParquetBytes {
    /// Bytes in memory.
    pub(crate) fn memory(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::File(_) => 0,
        }
    }

    /// Refuses a file that somebody wrote into since it was opened: what was read before belongs to other values.
    ///
    /// # Errors
    /// It was, or the system does not tell.
    pub(crate) fn check_unchanged(&self) -> Result<(), ParquetError> {
        match self {
            Self::Held(_) => Ok(()),
            Self::File(file) if file.is_unchanged()? => Ok(()),
            Self::File(_) => Err(ParquetError::General("somebody wrote into it while it was being read".to_owned())),
        }
    }

    /// The footer with its length and the mark behind it; what is damaged is left to the reader.
    pub(crate) fn footer(&self) -> Result<Bytes, ParquetError> {
        const TAIL: u64 = 8;
        let length = self.len();
        let tail = self.get_bytes(length.saturating_sub(TAIL), length.min(TAIL) as usize)?;
        let Some(footer) = tail.first_chunk::<4>().map(|length| u64::from(u32::from_le_bytes(*length))) else {
            return Ok(tail);
        };
        match length.checked_sub(TAIL + footer) {
            Some(start) => self.get_bytes(start, (TAIL + footer) as usize),
            None => Ok(tail),
        }
    }
}

impl Length for ParquetBytes {
    fn len(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
        }
    }
}

impl ChunkReader for ParquetBytes {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        match self {
            Self::Held(bytes) => Ok(Box::new(bytes.get_read(start)?)),
            Self::File(file) => {
                Ok(Box::new(BufReader::with_capacity(BUFFER, Place { file: Arc::clone(file), at: start })))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let file = match self {
            Self::Held(bytes) => return bytes.get_bytes(start, length),
            Self::File(file) => file,
        };
        if start.checked_add(length as u64).is_none_or(|end| end > file.length) {
            let message = format!("{length} bytes at {start} are beyond the {} of the file", file.length);
            return Err(ParquetError::EOF(message));
        }
        let mut bytes = Vec::with_capacity(length);
        Place { file: Arc::clone(file), at: start }.take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} were {}", bytes.len())));
        }
        Ok(bytes.into())
    }
}

/// A file from a place on. Others may read elsewhere in it at the same time.
struct Place {
    file: Arc<OpenFile>,
    at: u64,
}

impl Read for Place {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
