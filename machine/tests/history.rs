//! Going back in a recording, and asking it, against a trace of the whole run forward.

// The helpers belong to the tests, where a failure is a panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use rewind86_bios::DEMO_DISK;
use rewind86_machine::config::ImageSpec;
use rewind86_machine::history::{self, Back, Position};
use rewind86_machine::probe::{Hit, Place, Policy, Probe, ProbeSet, What};
use rewind86_machine::query::{self, Scope};
use rewind86_machine::record::{RecordOptions, Recording};
use rewind86_machine::{InputEvent, KeyCode, Machine, MachineConfig, RunExit, Timeline, TimelineOptions};
use std::sync::Arc;
use tempfile::TempDir;

/// A boot of the demo disk with a few keys, as a recording.
fn recording() -> (TempDir, Arc<Recording>) {
    let dir = TempDir::new().unwrap();
    let image = ImageSpec { bytes: Some(DEMO_DISK.into()), ..ImageSpec::default() };
    let config = MachineConfig { floppies: [Some(image), None], memory: 4 << 20, ..MachineConfig::default() };
    let mut m = Machine::new(&config).unwrap();
    let path = dir.path().join("run.rec");
    m.record(Box::new(std::fs::File::create(&path).unwrap()), &RecordOptions { interval: 1 << 20 }).unwrap();
    for step in 1..=12u64 {
        assert_eq!(m.run(step * 100_000_000, u64::MAX), RunExit::Time);
        for down in [true, false] {
            m.input(InputEvent::Key { code: KeyCode(0x1E), down }).unwrap();
        }
    }
    m.finish_recording().unwrap();
    (dir, Arc::new(Recording::open(&path).unwrap()))
}

fn timeline(recording: &Arc<Recording>) -> Timeline {
    Timeline::new(Arc::clone(recording), TimelineOptions { spacing: 1 << 20, ..TimelineOptions::default() }).unwrap()
}

/// Every hit of a plain run forward on one machine.
fn trace(recording: &Arc<Recording>, probes: &ProbeSet) -> Vec<Hit> {
    let mut t = timeline(recording);
    let end = t.end();
    t.machine_mut().set_probes(probes.clone(), Policy::All(usize::MAX));
    while t.icount() < end {
        assert!(matches!(t.run(u64::MAX, end), RunExit::Icount | RunExit::ReplayEnd));
    }
    t.machine_mut().take_hits()
}

fn access(start: Place, len: u64) -> Probe {
    Probe::Access { start, len, read: false, write: true }
}

/// The linear address of the timer interrupt's handler.
fn timer_handler(recording: &Arc<Recording>) -> u64 {
    let mut t = timeline(recording);
    let end = t.end();
    t.goto(end).unwrap();
    let mut vector = [0; 4];
    t.machine().read_memory(8 * 4, &mut vector);
    let [o0, o1, s0, s1] = vector;
    u64::from(u16::from_le_bytes([s0, s1])) * 16 + u64::from(u16::from_le_bytes([o0, o1]))
}

/// Numbers that look random and are the same each time.
struct Random(u64);
impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n.max(1)
    }
}

#[test]
fn going_back_finds_what_a_trace_forward_saw() {
    let (_dir, recording) = recording();
    let handler = timer_handler(&recording);
    let probes = ProbeSet::new(vec![
        Probe::Execute(Place::Linear(handler, None)),
        access(Place::Linear(0x46C, None), 4),
        // Where the diskette's sectors and the boot sector go: written by DMA.
        access(Place::Physical(0x7C00), 2),
        Probe::Execute(Place::Linear(0x7C00, None)),
    ]);
    let all = trace(&recording, &probes);
    assert!(all.iter().any(|h| matches!(h.what, What::Device { .. })));
    assert!(all.iter().any(|h| h.what == What::Execute && h.phase > 0), "a handler's first instruction");
    let mut t = timeline(&recording);
    let end = t.end();
    t.goto(end).unwrap();
    let mut expected: Vec<Position> = all.iter().map(Position::before).collect();
    expected.sort();
    expected.dedup();
    assert!(expected.len() > 10);
    for position in expected.iter().rev() {
        let Back::Hits(hits) = history::continue_back(&mut t, &probes, &|| false).unwrap() else { panic!() };
        assert_eq!(Position::of(t.machine()), *position);
        for hit in &hits {
            assert!(all.contains(hit), "{hit:?}");
        }
        if hits[0].what == What::Execute {
            assert_eq!(t.machine().cpu().linear_rip(), if hits[0].probe == 0 { handler } else { 0x7C00 });
        }
    }
    assert_eq!(history::continue_back(&mut t, &probes, &|| false).unwrap(), Back::Begin);
    assert_eq!(t.icount(), 0);
    assert!(!history::step_back(&mut t).unwrap());
    t.goto(end).unwrap();
    assert_eq!(history::continue_back(&mut t, &probes, &|| true).unwrap(), Back::Cancelled);
}

#[test]
fn a_step_back_undoes_a_step() {
    let (_dir, recording) = recording();
    let mut t = timeline(&recording);
    let mut random = Random(3);
    let end = t.end();
    for _ in 0..12 {
        let at = 1 + random.below(end - 1);
        t.goto(at).unwrap();
        let hash = t.machine_mut().state_hash();
        t.goto(at + 1).unwrap();
        assert!(history::step_back(&mut t).unwrap());
        assert_eq!((t.icount(), t.machine_mut().state_hash()), (at, hash));
        assert!(history::step_back(&mut t).unwrap());
        assert_eq!(t.icount(), at - 1);
    }
}

#[test]
fn answers_equal_a_trace_of_the_run_whatever_the_threads() {
    let (_dir, recording) = recording();
    let scope = |jobs, span| Scope { span, ..Scope::all(&recording, jobs) };
    let probes = ProbeSet::new(vec![
        access(Place::Physical(0x400), 0x200),
        Probe::Interrupt(None),
        Probe::Port { first: 0x60, last: 0x64 },
    ]);
    let all = trace(&recording, &probes);
    assert!(all.len() > 500);
    for (jobs, span) in [(1, 1 << 24), (2, 1 << 20), (3, 777_777)] {
        let mut hits = Vec::new();
        query::every(&recording, &probes, &scope(jobs, span), &mut |hit| {
            hits.push(hit);
            true
        })
        .unwrap();
        assert!(hits == all, "{jobs} threads");
    }
    let mut few = 0;
    query::every(&recording, &probes, &scope(2, 1 << 20), &mut |_| {
        few += 1;
        few < 5
    })
    .unwrap();
    assert_eq!(few, 5);
}

#[test]
fn last_writes_equal_a_trace_of_every_write() {
    let (_dir, recording) = recording();
    // All of low memory, watched from the first instruction to the last.
    let all = trace(&recording, &ProbeSet::new(vec![access(Place::Physical(0), 0xA_0000)]));
    let mut last = std::collections::BTreeMap::new();
    for hit in &all {
        let (at, size) = match hit.what {
            What::Write { physical, size, .. } | What::Device { physical, size, .. } => (physical, size),
            _ => continue,
        };
        for byte in at..at + u64::from(size) {
            last.insert(byte, hit);
        }
    }
    // Bursts of devices carry their first eight bytes only; these are asked for by their first byte.
    let mut random = Random(5);
    let written: Vec<u64> = last.keys().copied().collect();
    let mut asked: Vec<u64> = (0..250).map(|_| written[random.below(written.len() as u64) as usize]).collect();
    asked.extend([0x9_0001, 0x8_8888]);
    let bytes = asked.iter().map(|&at| access(Place::Physical(at), 1)).collect();
    let probes = ProbeSet::new(bytes);
    let answers = query::last(&recording, &probes, &Scope { span: 1 << 20, ..Scope::all(&recording, 2) }).unwrap();
    let mut equal = 0;
    for (n, (at, answer)) in asked.iter().zip(&answers).enumerate() {
        match (last.get(at), answer) {
            (None, None) => {}
            (Some(expected), Some(answer))
                if matches!(expected.what, What::Write { .. }) && matches!(answer.what, What::Write { .. }) =>
            {
                assert_eq!(&Hit { probe: n, ..(*expected).clone() }, answer, "{at:#x}");
                equal += 1;
            }
            (_, Some(answer)) => assert!(matches!(answer.what, What::Device { .. }), "{at:#x} {answer:?}"),
            (Some(expected), None) => panic!("{at:#x} {expected:?}"),
        }
    }
    assert!(equal > 100, "{equal}");
}
