//! States as bytes: what is known of data so far, for another process, another machine or a file.
//!
//! Layout, all numbers little-endian: the eight bytes `\x93LEANSET`, the length of the family in one byte and the family in ASCII, its
//! version (u32), the length of the payload (u64), the payload, and the CRC-32 (that of gzip and PNG) of everything before it. A family says
//! what its payload is; its version is raised when the payload changes. So bytes that were cut short, damaged, of something else, or of a
//! newer version are told apart before any of them is used.

use crate::{Result, StateError};

/// The first bytes of every state. The first is no ASCII and no start of UTF-8, so the file is never taken for text.
pub const MAGIC: &[u8; 8] = b"\x93LEANSET";

/// A payload as a state.
///
/// ```
/// use leanset_core::state::{open, seal};
/// let bytes = seal("counts", 1, &[1, 2, 3]);
/// assert_eq!(open(&bytes, "counts", 1)?, [1, 2, 3]);
/// assert!(open(&bytes[..bytes.len() - 1], "counts", 1).is_err());
/// # Ok::<(), leanset_core::Error>(())
/// ```
///
/// # Panics
/// If the name of the family is longer than 255 bytes.
pub fn seal(family: &'static str, version: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(family.len()).expect("families have short names");
    let mut bytes = Vec::with_capacity(MAGIC.len() + 1 + family.len() + 4 + 8 + payload.len() + 4);
    bytes.extend_from_slice(MAGIC);
    bytes.push(length);
    bytes.extend_from_slice(family.as_bytes());
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(payload);
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// Whether bytes begin as a state does; the first eight are enough.
pub fn is_state(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The payload of a state of this family and version.
///
/// # Errors
/// [`Error::State`] if the bytes are not one, or of another family or version, or not as they were written.
pub fn open<'a>(bytes: &'a [u8], family: &'static str, version: u32) -> Result<&'a [u8]> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        let begun = !bytes.is_empty() && MAGIC.starts_with(bytes);
        let short = StateError::Truncated { has: bytes.len() as u64, needs: MAGIC.len() as u64 };
        return Err(if begun { short } else { StateError::Foreign }.into());
    };
    let mut head = Reader { rest, total: bytes.len() };
    let length = head.take(1)?[0];
    let found = head.take(length as usize)?;
    if found != family.as_bytes() {
        let found = String::from_utf8_lossy(found).into_owned();
        return Err(StateError::Family { found, expected: family }.into());
    }
    let found = head.u32()?;
    if found != version {
        return Err(StateError::Version { family, found, known: version }.into());
    }
    let length = head.u64()?;
    let needs = (bytes.len() - head.rest.len()) as u64 + length.saturating_add(4);
    if (bytes.len() as u64) < needs {
        return Err(StateError::Truncated { has: bytes.len() as u64, needs }.into());
    }
    if bytes.len() as u64 > needs {
        return Err(StateError::Damaged("something follows its end").into());
    }
    let (sealed, sum) = bytes.split_at(bytes.len() - 4);
    if crc32fast::hash(sealed).to_le_bytes() != sum {
        return Err(StateError::Damaged("its checksum is another").into());
    }
    Ok(&sealed[sealed.len() - length as usize..])
}

/// Reads a payload. It takes no memory beyond what is there, whatever the bytes claim.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload, total: payload.len() }
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(bytes) else {
            let needs = (self.total - self.rest.len()) as u64 + bytes as u64;
            return Err(StateError::Truncated { has: self.total as u64, needs }.into());
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things of which each takes `bytes` or more.
    pub(crate) fn count(&mut self, bytes: usize) -> Result<usize> {
        let count = usize::try_from(self.u64()?).unwrap_or(usize::MAX);
        if count > self.rest.len() / bytes {
            return Err(StateError::Damaged("it claims more than it has").into());
        }
        Ok(count)
    }

    /// So many numbers of `N` bytes each.
    pub(crate) fn numbers<const N: usize, T>(&mut self, count: usize, of: fn([u8; N]) -> T) -> Result<Vec<T>> {
        let bytes = self.take(count.saturating_mul(N))?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|&chunk| of(chunk)).collect())
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        let length = self.count(1)?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| StateError::Damaged("a text in it is not UTF-8").into())
    }

    pub(crate) fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(StateError::Damaged("something follows its end").into()) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("as many as were taken"))
    }
}

/// Appends a text as [`Reader::text`] reads it.
pub(crate) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_states_are_refused(payload in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let bytes = seal("counts", 3, &payload);
            prop_assert_eq!(open(&bytes, "counts", 3).expect("whole"), &payload[..]);
            for end in 0..bytes.len() {
                let error = open(&bytes[..end], "counts", 3).expect_err("cut short");
                let short = matches!(error, Error::State(StateError::Truncated { has, needs }) if has == end as u64 && needs > has);
                prop_assert!(short || (end == 0 && error == StateError::Foreign.into()), "{end}: {error}");
            }
            let mut other = bytes.clone();
            other[at.index(bytes.len())] ^= 1 << bit;
            prop_assert!(open(&other, "counts", 3).is_err());
            other.clone_from(&bytes);
            other.push(0);
            prop_assert!(open(&other, "counts", 3).is_err());
        }
    }

    #[test]
    fn what_else_it_is_is_said() {
        let bytes = seal("counts", 3, b"abc");
        let of = |bytes: &[u8], family, version| open(bytes, family, version).expect_err("refused").to_string();
        assert_eq!(of(b"epoch,row,correct\n", "counts", 3), "it does not begin as a file of leanset");
        assert_eq!(of(&bytes, "sums", 3), "it is a 'counts', not a 'sums'");
        assert_eq!(of(&bytes, "counts", 2), "it is a 'counts' of version 3, and this leanset knows version 2");
        assert!(of(&bytes[..20], "counts", 3).starts_with("it is cut short: it has 20 bytes of "));
    }
}
