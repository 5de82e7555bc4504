//! The file of a recording: records behind each other, each with a checksum that depends on all before it.
//!
//! Layout, little-endian:
//! ```text
//! 8   magic "R86REC\x1a\n"
//! 4   version of the format
//! then records:
//!   1   kind: 1 header, 2 batch, 3 old block of an image, 4 end, 5 files and 6 block of an image of a
//!       pack, 7 an image as the run left it
//!   4   bytes of the content
//!   2   low bits of the xxh3 of kind and length, seeded likewise: a wrong length is damage, not the end of the file
//!   n   content
//!   4   low half of the xxh3 of kind, length and content, seeded with the xxh3 of the record before
//! ```
//! The header is a container ([`crate::container`]); the others are postcard. A file that ends inside a record is a
//! recording that was cut off: what is complete counts. A record that is complete but wrong is damage.

use crate::media::store::Guard;
use crate::record::event::PreImage;
use crate::state::pages::PAGE;
use std::io::{self, Write};
use std::ops::Range;
use xxhash_rust::xxh3::Xxh3;

/// First bytes of a recording.
pub(crate) const MAGIC: &[u8; 8] = b"R86REC\x1a\n";
/// Changes with the form of any record or component.
pub(crate) const VERSION: u32 = 2;
/// Bytes before the first record.
pub(crate) const HEAD: usize = 12;
/// Bytes before and behind a record's content.
const FRAME: (usize, usize) = (7, 4);

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Header = 1,
    Batch = 2,
    PreImage = 3,
    End = 4,
    /// The files of a packed recording.
    Files = 5,
    /// A block of an image of a packed recording.
    Block = 6,
    /// What an image holds after the run.
    Left = 7,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Header, Self::Batch, Self::PreImage, Self::End, Self::Files, Self::Block, Self::Left]
            .into_iter()
            .find(|k| *k as u8 == byte)
    }
}

fn chain_hash(seed: u64, head: &[u8], content: &[u8]) -> u64 {
    let mut hash = Xxh3::with_seed(seed);
    hash.update(head);
    hash.update(content);
    hash.digest()
}

/// Appends records to a file.
pub(crate) struct LogWriter {
    out: Box<dyn Write + Send>,
    chain: u64,
    written: u64,
    error: Option<io::Error>,
}

impl LogWriter {
    /// Begins a file.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        let mut log = Self { out, chain: u64::from(VERSION), written: 0, error: None };
        let head = [MAGIC.as_slice(), &VERSION.to_le_bytes()].concat();
        log.put(&head);
        log
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            match self.out.write_all(bytes) {
                Ok(()) => self.written += bytes.len() as u64,
                Err(e) => self.error = Some(e),
            }
        }
    }

    /// Appends a record, in one write: a program that is killed leaves whole records, or the beginning of one.
    pub fn record(&mut self, kind: Kind, content: &[u8]) {
        let mut bytes = Vec::with_capacity(content.len() + FRAME.0 + FRAME.1);
        bytes.push(kind as u8);
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend((chain_hash(self.chain, &bytes, &[]) as u16).to_le_bytes());
        self.chain = chain_hash(self.chain, &bytes, content);
        bytes.extend(content);
        bytes.extend((self.chain as u32).to_le_bytes());
        self.put(&bytes);
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// What went wrong, once.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) {
        if let Err(e) = self.out.flush() {
            self.error.get_or_insert(e);
        }
    }
}

impl Guard for LogWriter {
    fn save(&mut self, ordinal: u32, block: u64, data: &[u8; PAGE]) {
        let record = PreImage { ordinal, block, data: lz4_flex::block::compress(data) };
        // Serialising plain integers and bytes cannot fail.
        self.record(Kind::PreImage, &postcard::to_stdvec(&record).unwrap_or_default());
    }
}

/// A record of a file in memory.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub kind: Kind,
    pub content: Range<usize>,
}

/// How a file ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// With a whole record.
    Whole,
    /// Inside a record that starts here.
    Cut(u64),
    /// The record that starts here is wrong.
    Damaged(u64),
}

/// Splits a file into records, as far as they are right.
pub(crate) fn records(bytes: &[u8]) -> (Vec<Record>, Tail) {
    let mut out = Vec::new();
    let mut at = HEAD;
    let mut chain = u64::from(VERSION);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(&first) = rest.first() else { return (out, Tail::Whole) };
        let Some(kind) = Kind::of(first) else { return (out, Tail::Damaged(at as u64)) };
        let Some((head, body)) = rest.split_at_checked(FRAME.0) else { return (out, Tail::Cut(at as u64)) };
        let (plain, check) = head.split_at(FRAME.0 - 2);
        if (chain_hash(chain, plain, &[]) as u16).to_le_bytes() != check {
            return (out, Tail::Damaged(at as u64));
        }
        let len = head.get(1..5).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
        let Some((content, tail)) = body.split_at_checked(len) else { return (out, Tail::Cut(at as u64)) };
        let Some(sum) = tail.first_chunk::<4>() else { return (out, Tail::Cut(at as u64)) };
        let expected = chain_hash(chain, head, content);
        if expected as u32 != u32::from_le_bytes(*sum) {
            return (out, Tail::Damaged(at as u64));
        }
        chain = expected;
        let start = at + FRAME.0;
        out.push(Record { kind, content: start..start + len });
        at = start + len + FRAME.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::store::lock;
    use std::sync::{Arc, Mutex};

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn file() -> Vec<u8> {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut log = LogWriter::new(Box::new(Shared(Arc::clone(&bytes))));
        log.record(Kind::Header, b"head");
        log.record(Kind::Batch, b"");
        log.save(1, 2, &[3; PAGE]);
        log.record(Kind::End, b"end");
        assert!(log.take_error().is_none());
        let out = lock(&bytes).clone();
        assert_eq!(log.written(), out.len() as u64);
        out
    }

    #[test]
    fn cuts_keep_what_is_complete() {
        let bytes = file();
        let (whole, tail) = records(&bytes);
        assert_eq!((whole.len(), tail), (4, Tail::Whole));
        for n in HEAD..bytes.len() {
            let (part, tail) = records(&bytes[..n]);
            let complete = whole.iter().filter(|r| r.content.end + FRAME.1 <= n).count();
            assert_eq!(part.len(), complete, "cut at {n}");
            assert_eq!(tail == Tail::Whole, n == HEAD || whole.iter().any(|r| r.content.end + FRAME.1 == n));
        }
    }

    #[test]
    fn flipped_bits_are_damage() {
        let mut bytes = file();
        for bit in HEAD * 8..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(records(&bytes).1, Tail::Damaged(_)), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
