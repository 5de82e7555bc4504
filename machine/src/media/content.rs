//! What a medium holds, as hashes of its parts: enough to say that an image is another one, and where it differs.

use rewind86_devices::medium::{Medium, MediumError};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Parts that a medium is divided into, at most twice as many.
const PARTS: u64 = 512;
/// Bytes in the smallest part.
const MIN_PART: u64 = 4096;
/// Bytes read at once.
const READ: u64 = 256 << 10;

/// The hashes of the equal parts of a medium.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes of the medium.
    pub len: u64,
    /// xxh3 of each part in order.
    pub parts: Vec<u64>,
}

/// Bytes in a part of a medium of `len` bytes.
pub(crate) fn part_len(len: u64) -> u64 {
    (len / PARTS).next_power_of_two().max(MIN_PART)
}

impl Content {
    /// Reads a medium from end to end.
    ///
    /// # Errors
    /// What the medium says.
    pub fn of(medium: &mut dyn Medium) -> Result<Self, MediumError> {
        let len = medium.len();
        let count = len.div_ceil(part_len(len));
        let parts = (0..count).map(|part| Self::part(medium, part)).collect::<Result<_, _>>()?;
        Ok(Self { len, parts })
    }

    /// The hash of one part.
    pub(crate) fn part(medium: &mut dyn Medium, part: u64) -> Result<u64, MediumError> {
        let range = Self::range_of(medium.len(), part);
        let mut hash = Xxh3::new();
        let mut buf = vec![0; (range.end - range.start).min(READ) as usize];
        let mut at = range.start;
        while at < range.end {
            let n = (range.end - at).min(READ) as usize;
            let Some(buf) = buf.get_mut(..n) else { break };
            medium.read_at(at, buf)?;
            hash.update(buf);
            at += n as u64;
        }
        Ok(hash.digest())
    }

    /// The bytes of part `part` of a medium of `len` bytes.
    pub(crate) fn range_of(len: u64, part: u64) -> Range<u64> {
        let size = part_len(len);
        let start = part.saturating_mul(size).min(len);
        start..start.saturating_add(size).min(len)
    }

    /// One hash of it all.
    pub fn digest(&self) -> u64 {
        let bytes: Vec<u8> = [self.len].iter().chain(&self.parts).flat_map(|h| h.to_le_bytes()).collect();
        xxh3_64(&bytes)
    }

    /// The first byte range in which the media differ; `None` when they are equal.
    pub fn difference(&self, other: &Self) -> Option<Range<u64>> {
        if self.len != other.len {
            return Some(0..self.len.max(other.len));
        }
        let longer = self.parts.len().max(other.parts.len());
        let part = (0..longer).find(|&i| self.parts.get(i) != other.parts.get(i))?;
        Some(Self::range_of(self.len, part as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rewind86_devices::medium::MemMedium;

    #[test]
    fn a_flipped_bit_is_found_where_it_is() {
        for len in [512, 1_474_560, 5 << 20] {
            let mut medium = MemMedium { data: vec![7; len], read_only: false };
            let before = Content::of(&mut medium).unwrap();
            assert_eq!(before.difference(&before), None);
            let at = len / 3;
            medium.data[at] ^= 4;
            let after = Content::of(&mut medium).unwrap();
            let place = before.difference(&after).unwrap();
            assert!(place.contains(&(at as u64)) && place.end - place.start <= 16384, "{place:?}");
            assert_ne!(before.digest(), after.digest());
        }
    }
}
