//! Packing: a recording with everything it needs in one file, for a place where no image and no firmware is.
//!
//! The recording is played once; the blocks that were read from each image, and the files that went into the machine,
//! are written into the new file with its header. A block that was not read is not there; a run that reads it
//! after all is not the recorded one.

use crate::machine::RunExit;
use crate::media::store::lock;
use crate::record::event::PreImage;
use crate::record::log::{Kind, LogWriter};
use crate::record::recording::PackedFile;
use crate::record::{Recording, RecordingError};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// What a pack holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Blocks of images, 4 KiB each.
    pub blocks: usize,
    /// Other files.
    pub files: usize,
    /// Bytes in all.
    pub bytes: u64,
}

/// Plays `recording` and writes it to `out` with what it needs.
///
/// # Errors
/// What is wrong with the recording or with writing; a run that is not the recorded one.
pub fn pack(recording: &Arc<Recording>, out: Box<dyn Write + Send>) -> Result<Packed, RecordingError> {
    let library = recording.library()?;
    for inserted in library.values() {
        lock(&inserted.store).watch_reads();
    }
    let mut machine = recording.play_with(library.clone(), true)?;
    loop {
        let stop = machine.icount().saturating_add(1 << 28);
        match machine.run(u64::MAX, stop) {
            RunExit::Time | RunExit::Icount | RunExit::Probe => {}
            RunExit::Diverged(d) => return Err(io::Error::other(d.to_string()).into()),
            _ => break,
        }
        for port in 0..4 {
            machine.take_serial(port);
        }
        machine.take_debugcon();
        machine.take_parallel();
    }
    let mut log = LogWriter::new(out);
    let mut packed = Packed::default();
    log.record(Kind::Header, &recording.header());
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for path in recording.identity().paths() {
        let bytes = match recording.embedded().get(path) {
            Some(bytes) => bytes.clone(),
            None => std::fs::read(path)?,
        };
        files.insert(path.clone(), bytes);
    }
    packed.files = files.len();
    let files: Vec<PackedFile> = files.into_iter().map(|(path, bytes)| PackedFile::new(path, &bytes)).collect();
    log.record(Kind::Files, &postcard::to_stdvec(&files).unwrap_or_default());
    for (ordinal, inserted) in &library {
        let mut store = lock(&inserted.store);
        if inserted.spec.path.is_none() {
            continue;
        }
        for block in store.blocks_read() {
            let data = store.base_block(block).map_err(|e| {
                RecordingError::Image(
                    inserted.spec.path.as_ref().map_or_else(String::new, |p| p.display().to_string()),
                    e,
                )
            })?;
            let record = PreImage { ordinal: *ordinal, block, data: lz4_flex::block::compress(&data) };
            log.record(Kind::Block, &postcard::to_stdvec(&record).unwrap_or_default());
            packed.blocks += 1;
        }
    }
    recording.write_history(&mut log);
    log.flush();
    packed.bytes = log.written();
    match log.take_error() {
        Some(e) => Err(e.into()),
        None => Ok(packed),
    }
}
