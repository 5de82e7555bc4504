//! The commands that work on recordings: `replay`, `verify`, `pack` and those that split work.

pub mod share;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rewind86_machine::record::{RecordOptions, Recording, RecordingError};
use rewind86_machine::timeline::GotoError;
use rewind86_machine::{Machine, Timeline, TimelineOptions, verify as check};

use crate::app;
use crate::cli::replay::{PackOptions, ReplayOptions, VerifyOptions};
use crate::cli::settings::{Settings, Snapshots, album, ascending};
use crate::cli::spec::Display;
use crate::gdb;
use crate::runner::guest::Guest;
use crate::status::{self, Failure, io_reason};

/// The failure that a recording error is: a recording that does not fit its machine or media has diverged before it
/// began.
pub fn failure(path: &Path, error: &RecordingError) -> Failure {
    let text = format!("recording {} {error}", path.display());
    match error {
        RecordingError::Damaged { .. }
        | RecordingError::Header { .. }
        | RecordingError::Medium { .. }
        | RecordingError::Changed { .. }
        | RecordingError::Machine(_) => Failure { status: status::DIVERGED, ..Failure::host(text) },
        _ => Failure::host(text),
    }
}

/// Reads a recording.
pub fn open(path: &Path) -> Result<Arc<Recording>, Failure> {
    Recording::open(path).map(Arc::new).map_err(|e| failure(path, &e))
}

/// Runs a recording again, or leaves it somewhere.
pub fn replay(options: &ReplayOptions) -> Result<u8, Failure> {
    let path = &options.recording;
    let recording = open(path)?;
    note_cut(&recording);
    if let Err(e @ RecordingError::Changed { .. }) = recording.check_images() {
        let _ =
            writeln!(io::stderr(), "rewind86: recording {} {e}; the run is given again all the same", path.display());
    }
    if let Some(shard) = options.shard {
        return share::run(&recording, shard, "replay", options.result.as_deref());
    }
    let block_ops = options.block_ops.unwrap_or(64);
    let guest = match options.live_from {
        // Going back needs checkpoints, and those a timeline.
        None if options.gdb.is_some() => {
            let mut walk = TimelineOptions { check: true, block_ops, ..TimelineOptions::default() };
            walk.memory = options.checkpoint_memory.unwrap_or(walk.memory);
            let timeline = Timeline::new(Arc::clone(&recording), walk).map_err(|e| failure(path, &e))?;
            Guest::Timeline(Box::new(timeline))
        }
        None => Guest::Machine(Box::new(recording.play_as(block_ops).map_err(|e| failure(path, &e))?)),
        Some(icount) => Guest::Machine(Box::new(leave(&recording, icount, options)?)),
    };
    let mut hash_at = ascending(&options.hash_at);
    hash_at.retain(|at| *at >= guest.icount());
    let album = album(options.screenshots.as_deref(), options.video.as_deref(), options.every, 0)?;
    let settings = Settings {
        config: recording.identity().config.clone(),
        display: Some(options.display.clone().unwrap_or(Display::None)),
        serial: options.serial.clone(),
        debugcon: options.debugcon.clone(),
        speed: options.speed,
        script: options.script.clone(),
        timeout: options.timeout,
        max_instructions: options.max_instructions,
        hash_at,
        snapshots: Snapshots::new(&options.snapshot_at, options.snapshot_dir.as_deref())?,
        write_disks: options.write_disks.clone(),
        stats: options.stats,
        // A replay would be over before GDB is there.
        gdb: options.gdb.clone().map(|gdb| gdb::Options { wait: options.live_from.is_none() || gdb.wait, ..gdb }),
        discard_writes: false,
        until: options.until,
        album,
        record: None,
        record_options: RecordOptions::default(),
        snapshot: None,
    };
    let name = path.file_name().map_or_else(|| "replay".into(), |n| n.to_string_lossy().into_owned());
    app::run_guest(guest, settings, &name)
}

/// Says on stderr that a recording ends early.
fn note_cut(recording: &Recording) {
    if let Some(at) = recording.cut() {
        let end = recording.end().icount;
        let text = format!(
            "rewind86: recording {}: cut off at byte {at}; it is used up to instruction {end}\n",
            recording.path().display()
        );
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// A machine that left the recording after `icount` instructions.
fn leave(recording: &Arc<Recording>, icount: u64, options: &ReplayOptions) -> Result<Machine, Failure> {
    let path = &options.recording;
    let mut walk = TimelineOptions { memory: 0, spacing: u64::MAX, ..TimelineOptions::default() };
    walk.block_ops = options.block_ops.unwrap_or(walk.block_ops);
    let mut timeline = Timeline::new(Arc::clone(recording), walk).map_err(|e| failure(path, &e))?;
    timeline.goto(icount).map_err(|e| match e {
        GotoError::BeforeStart(_) | GotoError::BehindEnd(_) => Failure::usage(format!("--live-from: {e}")),
        e => Failure { status: status::DIVERGED, ..Failure::host(format!("recording {}: {e}", path.display())) },
    })?;
    let mut machine = timeline.into_machine();
    match &options.record {
        None => machine.go_live(),
        Some(out) => {
            let failed = |why: String| Failure::host(format!("--record: {}: {why}", out.display()));
            if std::fs::canonicalize(out).is_ok_and(|o| std::fs::canonicalize(path).is_ok_and(|p| o == p)) {
                return Err(failed("is the recording that is played; name another file".into()));
            }
            let file = File::create(out).map_err(|e| failed(format!("cannot be written: {}", io_reason(&e))))?;
            machine.record_branch(Box::new(file)).map_err(|e| failed(e.to_string()))?;
        }
    }
    Ok(machine)
}

/// Compares a recording with the run that it gives.
pub fn verify(options: &VerifyOptions) -> Result<u8, Failure> {
    let path = &options.recording;
    let recording = open(path)?;
    note_cut(&recording);
    recording.check_images().map_err(|e| failure(path, &e))?;
    if let Some(shard) = options.shard {
        return share::run(&recording, shard, "verify", options.result.as_deref());
    }
    let mut walk = TimelineOptions { check: true, ..TimelineOptions::default() };
    walk.memory = options.checkpoint_memory.unwrap_or(walk.memory);
    walk.block_ops = options.block_ops.unwrap_or(walk.block_ops);
    let report = check::verify(&recording, &walk).map_err(|e| failure(path, &e))?;
    let mut out = io::stdout().lock();
    let written = out.write_all(report.to_string().as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Failure::host(format!("standard output: {}", io_reason(&e))))?;
    Ok(if report.divergence.is_none() { status::OK } else { status::DIVERGED })
}

/// Writes a recording with all that it needs into one file.
pub fn pack(options: &PackOptions) -> Result<u8, Failure> {
    let path = &options.recording;
    let recording = open(path)?;
    note_cut(&recording);
    if std::fs::canonicalize(&options.out).is_ok_and(|o| std::fs::canonicalize(path).is_ok_and(|p| o == p)) {
        return Err(Failure::usage(format!("{} is the recording itself; name another file", options.out.display())));
    }
    let file = File::create(&options.out)
        .map_err(|e| Failure::host(format!("{}: cannot be written: {}", options.out.display(), io_reason(&e))))?;
    let packed = rewind86_machine::pack::pack(&recording, Box::new(file)).map_err(|e| failure(path, &e))?;
    let text = format!("{} blocks, {} files, {} bytes\n", packed.blocks, packed.files, packed.bytes);
    let written = io::stdout().lock().write_all(text.as_bytes());
    written.map(|()| status::OK).map_err(|e| Failure::host(format!("standard output: {}", io_reason(&e))))
}
