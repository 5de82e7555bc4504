//! The recordings in `testdata/recordings`, written on an x86-64 host: played and recorded again on the host that runs
//! this, instruction for instruction. What they hold and how they are made anew: `testdata/recordings/README.md`.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../examples/headless/again.rs"]
mod again;

use rewind86_machine::record::{Event, Recording};
use rewind86_machine::snapshot::Snapshot;
use rewind86_machine::{Machine, RunExit, Timeline, TimelineOptions, verify};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NEW: &str = "when a change of the processor, of a device or of the state's form is meant to change it: \
                   cargo run --release -p rewind86-tests --bin recordings";

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/recordings")).join(name)
}

fn open(name: &str) -> Arc<Recording> {
    Arc::new(Recording::open(&path(name)).unwrap_or_else(|e| panic!("{name} {e}\n{NEW}")))
}

fn options() -> TimelineOptions {
    TimelineOptions { memory: 0, spacing: u64::MAX, check: true, ..TimelineOptions::default() }
}

fn is_given_again(name: &str) {
    let recording = open(name);
    let report =
        verify::verify(&recording, &TimelineOptions::default()).unwrap_or_else(|e| panic!("{name} {e}\n{NEW}"));
    assert!(report.divergence.is_none() && !report.cut, "{name}: {report}{NEW}");
    assert!(report.equal >= 8 && recording.last_hash().is_some());
    let bytes = again::again(&recording).unwrap_or_else(|e| panic!("{name}: {e}"));
    let new = Recording::parse(&bytes, Path::new(name)).unwrap();
    assert_eq!(new.epochs(), recording.epochs(), "{name}, recorded here; {NEW}");
    assert_eq!((new.chain(), new.last_hash()), (recording.chain(), recording.last_hash()), "{name}");
}

#[test]
fn demo_disk_with_keys_and_mouse() {
    is_given_again("demo.rec");
    let recording = open("demo.rec");
    let count = |kind: fn(&Event) -> bool| recording.events().iter().filter(|(_, e)| kind(e)).count();
    assert!(count(|e| matches!(e, Event::Key(..))) > 10);
    assert!(count(|e| matches!(e, Event::Mouse(..))) > 10);
}

#[test]
fn floating_point() {
    is_given_again("float.rec");
}

/// `demo.snap` was written in the middle of `demo.rec`; this host's own snapshot of that moment is the same machine.
#[test]
fn a_snapshot_of_another_host() {
    let recording = open("demo.rec");
    let bytes = std::fs::read(path("demo.snap")).unwrap();
    let written = Snapshot::parse(&bytes).unwrap_or_else(|e| panic!("demo.snap {e}\n{NEW}"));
    let config = again::config(&recording).unwrap();
    let mut there = written.load(&config).unwrap_or_else(|e| panic!("demo.snap {e}\n{NEW}"));
    let mut timeline = Timeline::new(Arc::clone(&recording), options()).unwrap();
    timeline.goto(there.icount()).unwrap();
    let here = timeline.machine_mut();
    assert_eq!(there.state_hashes(), here.state_hashes(), "{NEW}");
    let mut reloaded = Machine::load(&config, &here.save().unwrap()).unwrap();
    for _ in 0..4 {
        let goal = there.icount() + 100_000;
        assert_eq!(there.run(u64::MAX, goal), RunExit::Icount);
        assert_eq!(reloaded.run(u64::MAX, goal), RunExit::Icount);
        assert_eq!(there.state_hashes(), reloaded.state_hashes());
    }
}
