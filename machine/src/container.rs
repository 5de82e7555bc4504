//! The container of snapshots and other files of state: named sections with versions, lengths and checksums.
//!
//! Layout, little-endian:
//! ```text
//! 8   magic
//! 4   version of the format
//! then sections:
//!   1   bytes in the name, 1 to 32
//!   n   name, ASCII
//!   1   0 = stored as is, 1 = lz4 block
//!   8   bytes of the content
//!   8   bytes stored
//!   8   xxh3 of everything of the section before this field and of the stored bytes, seeded with that of the section
//!       before: sections that are missing or exchanged are found as well
//!   s   stored bytes
//! the last section is called "end" and is empty
//! ```
//! A file is hostile until proven otherwise: nothing is allocated that the file's own length does not account for.

use std::borrow::Cow;
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

/// Longest name.
const MAX_NAME: usize = 32;
/// lz4 cannot do better than this.
const MAX_RATIO: u64 = 255;
/// Smaller contents are not worth compressing.
const MIN_COMPRESSED: usize = 64;
const END: &str = "end";
const STORED: u8 = 0;
const LZ4: u8 = 1;

/// What is wrong with a container.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContainerError {
    /// Another kind of file.
    #[error("is not {0}")]
    Foreign(&'static str),
    /// A format that this program does not know.
    #[error("has format version {found}, this program reads version {known}")]
    Version {
        /// In the file.
        found: u32,
        /// What the program reads.
        known: u32,
    },
    /// It ends too early.
    #[error("is cut off at byte {0}")]
    Truncated(u64),
    /// Bytes are not what they were.
    #[error("is damaged at byte {at}, in section {name}")]
    Damaged {
        /// Offset of the section.
        at: u64,
        /// Name of the section, as far as it can be read.
        name: String,
    },
    /// A section that has to be there is not.
    #[error("has no section {0}")]
    Missing(String),
}

/// Writes a container into memory.
pub(crate) struct Writer {
    out: Vec<u8>,
    chain: u64,
}

fn checksum(seed: u64, head: &[u8], stored: &[u8]) -> u64 {
    let mut hash = Xxh3::with_seed(seed);
    hash.update(head);
    hash.update(stored);
    hash.digest()
}

impl Writer {
    /// An empty container.
    pub fn new(magic: &[u8; 8], version: u32) -> Self {
        let mut out = magic.to_vec();
        out.extend(version.to_le_bytes());
        Self { out, chain: u64::from(version) }
    }

    /// Appends a section, compressed when that makes it smaller.
    pub fn section(&mut self, name: &str, content: &[u8]) {
        if content.len() >= MIN_COMPRESSED {
            let packed = lz4_flex::block::compress(content);
            if packed.len() < content.len() {
                self.put(name, LZ4, content.len(), &packed);
                return;
            }
        }
        self.put(name, STORED, content.len(), content);
    }

    /// Appends a section as it is.
    pub fn stored(&mut self, name: &str, content: &[u8]) {
        self.put(name, STORED, content.len(), content);
    }

    fn put(&mut self, name: &str, method: u8, len: usize, stored: &[u8]) {
        let start = self.out.len();
        self.out.push(name.len().min(MAX_NAME) as u8);
        self.out.extend(name.bytes().take(MAX_NAME));
        self.out.push(method);
        self.out.extend((len as u64).to_le_bytes());
        self.out.extend((stored.len() as u64).to_le_bytes());
        self.chain = checksum(self.chain, self.out.get(start..).unwrap_or_default(), stored);
        self.out.extend(self.chain.to_le_bytes());
        self.out.extend(stored);
    }

    /// The finished container.
    pub fn finish(mut self) -> Vec<u8> {
        self.put(END, STORED, 0, &[]);
        self.out
    }
}

/// Reads a container from memory.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    chain: u64,
}

/// A section.
pub(crate) struct Section<'a> {
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: Cow<'a, [u8]>,
}

impl<'a> Reader<'a> {
    /// Checks the head.
    pub fn new(bytes: &'a [u8], magic: &[u8; 8], version: u32, what: &'static str) -> Result<Self, ContainerError> {
        let head = bytes.get(..8).ok_or(ContainerError::Foreign(what))?;
        if head != magic {
            return Err(ContainerError::Foreign(what));
        }
        let found = bytes.get(8..12).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let found = found.ok_or(ContainerError::Truncated(bytes.len() as u64))?;
        if found != version {
            return Err(ContainerError::Version { found, known: version });
        }
        Ok(Self { bytes, at: 12, chain: u64::from(version) })
    }

    fn take(&mut self, n: u64) -> Result<&'a [u8], ContainerError> {
        let truncated = ContainerError::Truncated(self.bytes.len() as u64);
        let Ok(n) = usize::try_from(n) else { return Err(truncated) };
        let end = self.at.checked_add(n).ok_or(truncated.clone())?;
        let part = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(part)
    }

    fn take_u64(&mut self) -> Result<u64, ContainerError> {
        let bytes = self.take(8)?;
        Ok(bytes.try_into().map(u64::from_le_bytes).unwrap_or(0))
    }

    /// The next section; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Section<'a>>, ContainerError> {
        let start = self.at;
        let damaged = |name: &str| ContainerError::Damaged { at: start as u64, name: name.to_string() };
        let name_len = self.take(1)?.first().copied().unwrap_or(0);
        if name_len == 0 || usize::from(name_len) > MAX_NAME {
            return Err(damaged("(unreadable)"));
        }
        let name = self.take(u64::from(name_len))?;
        let Some(name) = std::str::from_utf8(name).ok().filter(|n| n.bytes().all(|b| b.is_ascii_graphic())) else {
            return Err(damaged("(unreadable)"));
        };
        let method = self.take(1)?.first().copied().unwrap_or(u8::MAX);
        let len = self.take_u64()?;
        let stored_len = self.take_u64()?;
        let head = self.bytes.get(start..self.at).unwrap_or_default();
        let sum = self.take_u64()?;
        let stored = self.take(stored_len)?;
        if checksum(self.chain, head, stored) != sum {
            return Err(damaged(name));
        }
        self.chain = sum;
        let content = match method {
            STORED if len == stored_len => Cow::Borrowed(stored),
            LZ4 => Cow::Owned(decompress(stored, len).ok_or_else(|| damaged(name))?),
            _ => return Err(damaged(name)),
        };
        if name == END {
            return if self.at == self.bytes.len() { Ok(None) } else { Err(damaged("(after the end)")) };
        }
        Ok(Some(Section { name: name.to_string(), content }))
    }

    /// The next section, which has to be `name`.
    pub fn expect(&mut self, name: &str) -> Result<Cow<'a, [u8]>, ContainerError> {
        match self.next()? {
            Some(section) if section.name == name => Ok(section.content),
            _ => Err(ContainerError::Missing(name.to_string())),
        }
    }
}

/// Unpacks an lz4 block of a claimed length.
pub(crate) fn decompress(stored: &[u8], len: u64) -> Option<Vec<u8>> {
    if len > (stored.len() as u64).saturating_mul(MAX_RATIO).saturating_add(64) {
        return None;
    }
    let mut out = vec![0; usize::try_from(len).ok()?];
    let n = lz4_flex::block::decompress_into(stored, &mut out).ok()?;
    (n == out.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: &[u8; 8] = b"TESTFILE";

    fn sample() -> Vec<u8> {
        let mut w = Writer::new(MAGIC, 3);
        w.section("small", b"abc");
        w.section("large", &[9; 100_000]);
        w.stored("raw", &[1; 200]);
        w.finish()
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, usize)>, ContainerError> {
        let mut r = Reader::new(bytes, MAGIC, 3, "a test file")?;
        let mut out = Vec::new();
        while let Some(s) = r.next()? {
            out.push((s.name, s.content.len()));
        }
        Ok(out)
    }

    #[test]
    fn sections_come_back() {
        let bytes = sample();
        let expected = [("small", 3), ("large", 100_000), ("raw", 200)].map(|(n, l)| (n.to_string(), l));
        assert_eq!(read(&bytes).unwrap(), expected);
        assert!(bytes.len() < 1000);
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_found() {
        let bytes = sample();
        for n in 0..bytes.len() {
            assert!(read(&bytes[..n]).is_err(), "cut at {n}");
        }
        let mut bytes = bytes;
        for at in 0..bytes.len() * 8 {
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(read(&bytes).is_err(), "bit {at}");
            bytes[at / 8] ^= 1 << (at % 8);
        }
        bytes.push(0);
        assert!(read(&bytes).is_err());
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        assert_eq!(decompress(&[0; 10], u64::MAX / 4), None);
        assert_eq!(decompress(&[0; 10], 2000), None);
    }

    #[test]
    fn exchanged_sections_are_found() {
        let build = |names: [&str; 2]| {
            let mut w = Writer::new(MAGIC, 3);
            names.iter().for_each(|n| w.stored(n, n.as_bytes()));
            w.finish()
        };
        let (ab, ba) = (build(["aa", "bb"]), build(["bb", "aa"]));
        let half = 12 + (1 + 2 + 1 + 24 + 2);
        let mixed = [&ab[..half], &ba[half..]].concat();
        assert!(matches!(read(&mixed), Err(ContainerError::Damaged { .. })));
    }
}
