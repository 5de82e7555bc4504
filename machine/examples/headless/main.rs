//! The machine without a front end: no display, no keyboard, no threads. It needs of its host a few files and standard
//! output, so that it also runs as WebAssembly. Its answers have no path and no time of the host in them: those of two hosts
//! can be compared as text.
//!
//! ```text
//! headless boot [--floppy FILE] [--memory MIB] TEXT    runs until the screen shows TEXT; without FILE, the demo disk
//! headless verify RECORDING...                         plays them against their hash chains
//! headless again [--to FOLDER] RECORDING...            gives their inputs to a new machine and compares the chains
//! headless snapshot [--to FILE] RECORDING SNAPSHOT     compares a snapshot with that moment of the recording, and runs on
//! ```
//! `--to` keeps what this host wrote: its own recordings, its own snapshot of that moment.

mod again;

use rewind86_machine::config::ImageSpec;
use rewind86_machine::record::Recording;
use rewind86_machine::{Machine, MachineConfig, RunExit, Timeline, TimelineOptions, verify};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

const USAGE: &str = "usage: headless boot [--floppy FILE] [--memory MIB] TEXT | verify RECORDING... | \
                     again [--to FOLDER] RECORDING... | snapshot [--to FILE] RECORDING SNAPSHOT";
/// One way through a recording needs no checkpoints.
const OPTIONS: TimelineOptions = TimelineOptions { memory: 0, spacing: u64::MAX, check: false, block_ops: 64 };
/// Virtual ns between two looks at the screen.
const LOOK: u64 = 10_000_000;
/// Virtual ns after which a text will not come any more.
const PATIENCE: u64 = 120_000_000_000;
/// Links of the hash chain that `boot` keeps: instructions between two.
const LINK: u64 = 1 << 20;

fn say(line: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("standard output: {e}"))
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

/// Runs a diskette until the screen shows a text.
fn boot(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let mut config = MachineConfig { memory: 32 << 20, ..MachineConfig::default() };
    let mut image = ImageSpec { bytes: Some(rewind86_bios::DEMO_DISK.to_vec()), ..ImageSpec::default() };
    let mut title = "demo disk".to_string();
    let text = loop {
        let argument = arguments.next().ok_or(USAGE)?;
        match argument.as_str() {
            "--floppy" => {
                let path = PathBuf::from(arguments.next().ok_or(USAGE)?);
                title = name(&path);
                image = ImageSpec { path: Some(path), read_only: true, ..ImageSpec::default() };
            }
            "--memory" => {
                let mib: u64 = arguments.next().and_then(|n| n.parse().ok()).ok_or(USAGE)?;
                config.memory = mib << 20;
            }
            _ => break argument,
        }
    };
    config.floppies[0] = Some(image);
    let mut machine = Machine::new(&config).map_err(|e| e.to_string())?;
    let (mut chain, mut links) = (0u64, 0u64);
    while machine.now() < PATIENCE {
        let until = machine.now() + LOOK;
        loop {
            match machine.run(until, (links + 1) * LINK) {
                RunExit::Time => break,
                RunExit::Icount => {
                    links += 1;
                    chain = chain.rotate_left(1) ^ machine.state_hash();
                }
                exit => return Err(format!("{title}: {exit:?} at instruction {}", machine.icount())),
            }
        }
        if machine.text_screen().is_some_and(|s| s.lines().iter().any(|line| line.contains(&text))) {
            let (icount, hash) = (machine.icount(), machine.state_hash());
            return say(&format!(
                "{title}: {text} after {icount} instructions, {links} links {chain:016x}, state {hash:016x}"
            ));
        }
    }
    Err(format!("{title}: no {text}"))
}

fn open(path: &Path) -> Result<Arc<Recording>, String> {
    Recording::open(path).map(Arc::new).map_err(|e| format!("{}: {e}", name(path)))
}

fn check(path: &Path) -> Result<(), String> {
    let report = verify::verify(&open(path)?, &OPTIONS).map_err(|e| format!("{}: {e}", name(path)))?;
    let line = format!("{}: {}", name(path), report.to_string().trim_end());
    if report.divergence.is_some() { Err(line) } else { say(&line) }
}

fn repeat(path: &Path, to: Option<&Path>) -> Result<(), String> {
    let old = open(path)?;
    let bytes = again::again(&old).map_err(|e| format!("{}: {e}", name(path)))?;
    let new = Recording::parse(&bytes, path).map_err(|e| format!("{}: {e}", name(path)))?;
    if let Some(to) = to {
        write(&to.join(name(path)), &bytes)?;
        // What the old recording carries, the new one names: it is played in this folder.
        for (file, content) in old.embedded() {
            write(&to.join(name(&file)), &content)?;
        }
    }
    let line = format!("{}: chain {:016x} recorded again", name(path), new.chain());
    if new.chain() == old.chain() { say(&line) } else { Err(format!("{line}, not {:016x}", old.chain())) }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// Loads a snapshot, compares it with that moment of the recording, and runs on without further input.
fn snapshot(recording: &Path, path: &Path, to: Option<&Path>) -> Result<(), String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", name(path));
    let recording = open(recording)?;
    let config = again::config(&recording)?;
    let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
    let mut there = Machine::load(&config, &bytes).map_err(|e| failed(&e))?;
    let mut timeline = Timeline::new(recording, OPTIONS).map_err(|e| failed(&e))?;
    timeline.goto(there.icount()).map_err(|e| failed(&e))?;
    let here = timeline.machine_mut();
    let (icount, hash) = (there.icount(), there.state_hash());
    if hash != here.state_hash() {
        return Err(failed(&format!("is not the moment of the recording after {icount} instructions")));
    }
    if let Some(to) = to {
        write(to, &here.save().map_err(|e| failed(&e))?)?;
    }
    let exit = there.run(u64::MAX, icount + LINK);
    let (end, last) = (there.icount(), there.state_hash());
    say(&format!("{}: state {hash:016x} after {icount} instructions, {last:016x} after {end}, {exit:?}", name(path)))
}

fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1).peekable();
    let command = arguments.next().ok_or(USAGE)?;
    if command == "boot" {
        return boot(arguments);
    }
    let mut to = None;
    if arguments.next_if(|a| a == "--to").is_some() {
        to = Some(PathBuf::from(arguments.next().ok_or(USAGE)?));
    }
    let files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    match (command.as_str(), files.as_slice()) {
        ("verify", files) if to.is_none() => files.iter().try_for_each(|path| check(path)),
        ("again", files) => files.iter().try_for_each(|path| repeat(path, to.as_deref())),
        ("snapshot", [recording, file]) => snapshot(recording, file, to.as_deref()),
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(io::stderr(), "headless: {e}");
            ExitCode::FAILURE
        }
    }
}
