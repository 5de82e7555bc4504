//! Recordings: what was recorded is replayed bit for bit, from the start and from anywhere, and what is wrong is said.

// The helpers belong to the tests, where a failure is a panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use rewind86_bios::DEMO_DISK;
use rewind86_machine::config::ImageSpec;
use rewind86_machine::record::{Event, RecordOptions, Recording};
use rewind86_machine::{Drive, InputEvent, KeyCode, Machine, MachineConfig, RunExit, Timeline, TimelineOptions};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Writes 17 sectors of its diskette, then echoes keys to COM1.
const WRITER: [u8; 41] = [
    0x31, 0xC0, 0x8E, 0xC0, 0xBD, 0x02, 0x00, // xor ax,ax; mov es,ax; mov bp,2
    0xB8, 0x01, 0x03, 0xBB, 0x00, 0x7C, 0x89, 0xE9, 0xBA, 0x00, 0x00, 0xCD, 0x13, // int 13h, write sector bp
    0xB8, 0x58, 0x0E, 0xCD, 0x10, 0x45, 0x83, 0xFD, 0x12, 0x76, 0xE8, // 'X'; up to sector 18
    0x31, 0xC0, 0xCD, 0x16, 0xBA, 0xF8, 0x03, 0xEE, 0xEB, 0xF6, // int 16h; out 3F8h; again
];

fn boot_disk() -> Vec<u8> {
    let mut disk = vec![0x11; 1_474_560];
    disk[..WRITER.len()].copy_from_slice(&WRITER);
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

struct Setup {
    dir: TempDir,
    log: PathBuf,
    disk: PathBuf,
    config: MachineConfig,
}

fn setup() -> Setup {
    let dir = TempDir::new().unwrap();
    let (log, disk) = (dir.path().join("run.rec"), dir.path().join("disk.img"));
    std::fs::write(&disk, boot_disk()).unwrap();
    std::fs::write(dir.path().join("other.img"), DEMO_DISK).unwrap();
    let config = MachineConfig {
        floppies: [Some(image(&disk)), None],
        cdrom: Some(None),
        memory: 4 << 20,
        ..MachineConfig::default()
    };
    Setup { dir, log, disk, config }
}

fn image(path: &Path) -> ImageSpec {
    ImageSpec { path: Some(path.to_path_buf()), ..ImageSpec::default() }
}

/// What a run shows to the outside.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    serial: Vec<u8>,
    screens: Vec<(u64, Vec<String>)>,
    hash: u64,
    icount: u64,
    now: u64,
}

const STEP: u64 = 10_000_000;
const STEPS: u64 = 300;

fn look(m: &mut Machine, seen: &mut Seen, step: u64) {
    seen.serial.extend(m.take_serial(0));
    if step.is_multiple_of(25) {
        seen.screens.push((step, m.text_screen().unwrap().lines()));
    }
}

/// Runs three virtual seconds with keys, mouse, serial bytes, a change of the diskette and a reset.
fn live(m: &mut Machine, dir: &Path, until: u64) -> Seen {
    let mut seen = Seen::default();
    for step in 1..=until {
        // Slices of other sizes than the player's.
        while m.now() < step * STEP {
            let slice = (m.now() + 3_333_333).min(step * STEP);
            assert_eq!(m.run(slice, u64::MAX), RunExit::Time);
        }
        look(m, &mut seen, step);
        if step > 130 && step % 7 == 0 {
            let code = KeyCode(0x10 + (step % 9) as u16);
            m.input(InputEvent::Key { code, down: true }).unwrap();
            m.input(InputEvent::Key { code, down: false }).unwrap();
        }
        match step {
            100..110 => m.input(InputEvent::Mouse { dx: 3, dy: -2, dz: 0, buttons: 1 }).unwrap(),
            150 => m.input(InputEvent::Serial { port: 0, bytes: b"hello".to_vec() }).unwrap(),
            180 => {
                let other = Some(image(&dir.join("other.img")));
                m.input(InputEvent::Media { drive: Drive::Floppy(0), image: other }).unwrap();
            }
            200 => {
                let missing = Some(image(&dir.join("missing.img")));
                m.input(InputEvent::Media { drive: Drive::Floppy(0), image: missing }).unwrap_err();
            }
            210 => {
                let first = Some(image(&dir.join("disk.img")));
                m.input(InputEvent::Media { drive: Drive::Floppy(0), image: first }).unwrap();
            }
            220 => m.input(InputEvent::Reset).unwrap(),
            _ => {}
        }
    }
    (seen.hash, seen.icount, seen.now) = (m.state_hash(), m.icount(), m.now());
    seen
}

fn options() -> RecordOptions {
    RecordOptions { interval: 100_000 }
}

fn recorded(s: &Setup) -> Seen {
    let mut m = Machine::new(&s.config).unwrap();
    m.record(Box::new(std::fs::File::create(&s.log).unwrap()), &options()).unwrap();
    let seen = live(&mut m, s.dir.path(), STEPS);
    m.finish_recording().unwrap();
    seen
}

fn timeline(s: &Setup, options: TimelineOptions) -> Timeline {
    Timeline::open(&s.log, options).unwrap_or_else(|e| panic!("{e}"))
}

fn replayed(t: &mut Timeline) -> Seen {
    let mut seen = Seen::default();
    for step in 1..=STEPS {
        match t.run(step * STEP, u64::MAX) {
            RunExit::Time => {}
            RunExit::ReplayEnd if step == STEPS => {}
            other => panic!("step {step}: {other:?}"),
        }
        look(t.machine_mut(), &mut seen, step);
    }
    assert_eq!(t.run(u64::MAX, u64::MAX), RunExit::ReplayEnd);
    let m = t.machine_mut();
    (seen.hash, seen.icount, seen.now) = (m.state_hash(), m.icount(), m.now());
    seen
}

#[test]
fn a_replay_is_the_run_again() {
    let s = setup();
    let unrecorded = {
        let s = setup();
        live(&mut Machine::new(&s.config).unwrap(), s.dir.path(), STEPS)
    };
    let seen = recorded(&s);
    assert_eq!(seen, unrecorded, "recording changes nothing");
    assert!(seen.serial.len() > 10, "{:?}", seen.serial);
    let written = std::fs::read(&s.disk).unwrap();
    assert_ne!(written, boot_disk());
    for block_ops in [64, 1] {
        let mut t = timeline(&s, TimelineOptions { check: true, block_ops, ..TimelineOptions::default() });
        assert_eq!(replayed(&mut t), seen, "blocks of {block_ops}");
    }
    assert_eq!(std::fs::read(&s.disk).unwrap(), written, "a replay writes no image");
    let recording = Recording::open(&s.log).unwrap();
    assert!(recording.epochs().len() > 20 && recording.cut().is_none());
    let inserts = recording.events().iter().filter(|(_, e)| matches!(e, Event::Insert(..))).count();
    assert_eq!(inserts, 2);
}

#[test]
fn any_instruction_can_be_gone_to() {
    let s = setup();
    let seen = recorded(&s);
    let mut t = timeline(&s, TimelineOptions { spacing: 300_000, ..TimelineOptions::default() });
    assert_eq!((t.start(), t.end()), (0, seen.icount));
    let mut hashes = Vec::new();
    let step = seen.icount / 23;
    for n in (0..=seen.icount).step_by(step as usize) {
        t.goto(n).unwrap();
        assert_eq!(t.icount(), n);
        hashes.push((n, (t.machine().now(), t.machine_mut().state_hashes())));
    }
    let mut order: Vec<usize> = (0..hashes.len()).collect();
    order.reverse();
    order.rotate_left(5);
    order.sort_by_key(|i| i % 4);
    for i in order {
        let (n, hash) = hashes[i].clone();
        t.goto(n).unwrap();
        assert_eq!((t.machine().now(), t.machine_mut().state_hashes()), hash, "at {n}");
        if n > 1000 {
            // A step back and forth again, and a longer way.
            t.goto(n - 1).unwrap();
            t.goto(n).unwrap();
            assert_eq!((t.machine().now(), t.machine_mut().state_hashes()), hash, "again at {n}");
            t.goto(n - 1000).unwrap();
            t.goto(n).unwrap();
            assert_eq!((t.machine().now(), t.machine_mut().state_hashes()), hash, "once more at {n}");
        }
    }
    let (bytes, count) = t.checkpoint_usage();
    assert!(bytes > 0 && count > 5);
    assert!(t.goto(seen.icount + 1).is_err());
    assert_eq!(t.run(u64::MAX, u64::MAX), RunExit::ReplayEnd);
    assert_eq!(t.machine_mut().state_hash(), seen.hash);
}

#[test]
fn little_memory_means_fewer_checkpoints_and_the_same_places() {
    let s = setup();
    recorded(&s);
    let mut t = timeline(&s, TimelineOptions { spacing: 5_000, memory: 800 << 10, ..TimelineOptions::default() });
    let end = t.end();
    t.goto(end).unwrap();
    let hash = t.machine_mut().state_hash();
    let (bytes, count) = t.checkpoint_usage();
    assert!(bytes < 1 << 20 && (2..end as usize / 10_000).contains(&count), "{count} checkpoints with {bytes} bytes");
    t.goto(end / 2).unwrap();
    t.goto(end).unwrap();
    assert_eq!(t.machine_mut().state_hash(), hash);
}

#[test]
fn a_recording_that_was_cut_off_is_used_as_far_as_it_goes() {
    let s = setup();
    recorded(&s);
    let bytes = std::fs::read(&s.log).unwrap();
    let whole = Recording::parse(&bytes, &s.log).unwrap();
    for part in [4, 7, 9] {
        let cut = bytes.len() * part / 10 + 1;
        let recording = Recording::parse(&bytes[..cut], &s.log).unwrap();
        assert!(recording.last_hash().is_none() && recording.end() <= whole.end());
        let n = recording.epochs().len();
        assert_eq!(recording.epochs(), &whole.epochs()[..n]);
        let mut t = Timeline::new(recording.into(), TimelineOptions { check: true, ..TimelineOptions::default() });
        if let Ok(t) = &mut t {
            assert_eq!(t.run(u64::MAX, u64::MAX), RunExit::ReplayEnd);
        }
    }
}

#[test]
fn a_recording_can_start_from_a_snapshot() {
    let s = setup();
    let mut m = Machine::new(&s.config).unwrap();
    live(&mut m, s.dir.path(), 140);
    let snapshot = m.save().unwrap();
    drop(m);
    let mut m = Machine::load(&s.config, &snapshot).unwrap();
    let at = m.icount();
    m.record(Box::new(std::fs::File::create(&s.log).unwrap()), &options()).unwrap();
    for code in [0x1E, 0x30] {
        m.input(InputEvent::Key { code: KeyCode(code), down: true }).unwrap();
        m.run(m.now() + 200_000_000, u64::MAX);
    }
    m.finish_recording().unwrap();
    let (hash, serial) = (m.state_hash(), m.take_serial(0));
    drop(m);
    let mut t = timeline(&s, TimelineOptions { check: true, ..TimelineOptions::default() });
    assert_eq!(t.start(), at);
    assert_eq!(t.run(u64::MAX, u64::MAX), RunExit::ReplayEnd);
    assert_eq!((t.machine_mut().state_hash(), t.machine_mut().take_serial(0)), (hash, serial));
}

fn refused(s: &Setup) -> String {
    match Timeline::open(&s.log, TimelineOptions::default()) {
        Ok(_) => panic!("opened"),
        Err(e) => {
            let text = e.to_string();
            assert!(!text.contains('\n'), "{text}");
            text
        }
    }
}

#[test]
fn changed_media_and_damaged_logs_are_named_with_their_place() {
    let s = setup();
    recorded(&s);
    let log = std::fs::read(&s.log).unwrap();
    let disk = std::fs::read(&s.disk).unwrap();
    let mut changed = disk.clone();
    changed[1_000_000] ^= 1;
    std::fs::write(&s.disk, &changed).unwrap();
    let text = refused(&s);
    assert!(text.contains("epoch 0: component media: the image") && text.contains("in floppy A:"), "{text}");
    assert!(text.contains("in bytes 999424 to 1003520"), "{text}");
    std::fs::write(&s.disk, &disk).unwrap();
    std::fs::write(&s.log, DEMO_DISK).unwrap();
    assert!(refused(&s).contains("is not a recording"));
    let mut newer = log.clone();
    newer[8] = 77;
    std::fs::write(&s.log, &newer).unwrap();
    assert!(refused(&s).contains("has format version 77, this program reads version 2"));
    let mut at = 12;
    while at < log.len() {
        let mut damaged = log.clone();
        damaged[at] ^= 0x20;
        match Recording::parse(&damaged, &s.log) {
            Ok(_) => panic!("byte {at} was not missed"),
            Err(e) => assert!(e.to_string().contains("log damaged at byte"), "byte {at}: {e}"),
        }
        at += 1 + at % 97;
    }
}
