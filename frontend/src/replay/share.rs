//! Split work: keyframes from which a share can start, one share, and joining the results of all.
//!
//! A result is a JSON file: the share as [`Share`] has it, and a hash of it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rewind86_machine::keyframes::{self, Keyframes, Share};
use rewind86_machine::record::Recording;

use super::{failure, open};
use crate::cli::replay::{KeyframesOptions, MergeOptions, Shard};
use crate::status::{self, Failure, io_reason};

/// The file of a recording's keyframes.
fn keys_path(recording: &Path) -> PathBuf {
    let mut name = recording.as_os_str().to_owned();
    name.push(".keys");
    name.into()
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Failure::host(format!("standard output: {}", io_reason(&e))))
}

/// Writes the keyframes of a recording beside it.
pub fn keyframes(options: &KeyframesOptions) -> Result<u8, Failure> {
    let recording = open(&options.recording)?;
    let path = keys_path(&options.recording);
    let failed = |e: io::Error| Failure::host(format!("{}: cannot be written: {}", path.display(), io_reason(&e)));
    let mut out = BufWriter::new(File::create(&path).map_err(failed)?);
    let rate = u128::from(recording.identity().config.icount_rate);
    let every = u64::try_from(options.every.as_nanos() * rate / 1_000_000_000).unwrap_or(u64::MAX).max(1);
    let count = keyframes::write(&recording, every, &mut out).map_err(|e| failure(&options.recording, &e))?;
    say(&format!("{count} keyframes in {}\n", path.display()))?;
    Ok(status::OK)
}

/// Plays one share and writes its result.
pub fn run(recording: &Arc<Recording>, shard: Shard, work: &str, result: Option<&Path>) -> Result<u8, Failure> {
    let keys = std::fs::read(keys_path(recording.path())).ok().and_then(|bytes| Keyframes::parse(bytes, recording));
    let share = keyframes::share(recording, keys.as_ref(), shard.index, shard.count)
        .map_err(|e| failure(recording.path(), &e))?;
    let path = result.map_or_else(
        || {
            let mut name = recording.path().as_os_str().to_owned();
            name.push(format!(".{work}-{}-of-{}.json", shard.index, shard.count));
            PathBuf::from(name)
        },
        Path::to_path_buf,
    );
    let failed = |why: String| Failure::host(format!("result {}: {why}", path.display()));
    // A job that is stopped leaves no half result behind.
    let beside = path.with_extension("json.part");
    let written = std::fs::write(&beside, share.to_file()).and_then(|()| std::fs::rename(&beside, &path));
    written.map_err(|e| failed(format!("cannot be written: {}", io_reason(&e))))?;
    report(&share)
}

fn report(share: &Share) -> Result<u8, Failure> {
    match &share.diverged {
        None => {
            say(&format!(
                "equal: {} epochs, instructions {} to {}\n",
                share.equal, share.from.icount, share.to.icount
            ))?;
            Ok(status::OK)
        }
        Some((epoch, good, bad, components)) => {
            let components = components.join(", ");
            say(&format!("diverged: epoch {epoch}, instructions {good} to {bad}, component {components}\n"))?;
            Ok(status::DIVERGED)
        }
    }
}

/// Joins the results of all shares.
pub fn merge(options: &MergeOptions) -> Result<u8, Failure> {
    let mut shares = Vec::new();
    for path in &options.results {
        let failed = |why: String| Failure::host(format!("result {}: {why}", path.display()));
        let text = std::fs::read(path).map_err(|e| failed(format!("cannot be read: {}", io_reason(&e))))?;
        let share = Share::from_file(&text)
            .ok_or_else(|| failed("is no result of --shard, or damaged; run the share again".into()))?;
        shares.push(share);
    }
    shares.sort_by_key(|s| (s.from, s.to));
    shares.dedup();
    let all = keyframes::join(&shares).map_err(|e| Failure::host(format!("merge: {e}; run that share")))?;
    if let (Some(path), Some(bytes)) = (&options.serial, all.serial.first()) {
        std::fs::write(path, bytes).map_err(|e| {
            Failure::host(format!("--serial: {}: cannot be written: {}", path.display(), io_reason(&e)))
        })?;
    }
    report(&all)
}
