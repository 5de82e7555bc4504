//! Snapshots of running machines: what is loaded goes on exactly as what was saved, and what does not fit is refused.

// The helpers belong to the tests, where a failure is a panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use rewind86_bios::DEMO_DISK;
use rewind86_machine::config::ImageSpec;
use rewind86_machine::snapshot::Snapshot;
use rewind86_machine::{Drive, InputEvent, KeyCode, Machine, MachineConfig, RunExit};
use std::path::Path;
use tempfile::TempDir;

fn built_in() -> ImageSpec {
    ImageSpec { bytes: Some(DEMO_DISK.to_vec()), ..ImageSpec::default() }
}

fn file(path: &Path) -> ImageSpec {
    ImageSpec { path: Some(path.to_path_buf()), ..ImageSpec::default() }
}

fn demo() -> MachineConfig {
    MachineConfig { floppies: [Some(built_in()), None], memory: 4 << 20, ..MachineConfig::default() }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn run_to(m: &mut Machine, icount: u64) {
    while m.icount() < icount {
        match m.run(u64::MAX, icount) {
            RunExit::Icount => {}
            other => panic!("{other:?}"),
        }
    }
}

fn message(cfg: &MachineConfig, bytes: &[u8]) -> String {
    match Machine::load(cfg, bytes) {
        Ok(_) => panic!("loaded"),
        Err(e) => {
            let text = e.to_string();
            assert!(!text.contains('\n') && text.contains(';'), "one line with advice: {text}");
            text
        }
    }
}

#[test]
fn what_is_loaded_goes_on_as_what_was_saved() {
    let mut random = Random(1);
    let mut m = Machine::new(&demo()).unwrap();
    let mut at = 0;
    for round in 0..25u64 {
        at += 1 + random.below(1_200_000);
        run_to(&mut m, at);
        if round % 3 == 0 {
            m.input(InputEvent::Key { code: KeyCode(0x1C), down: round % 2 == 0 }).unwrap();
            m.input(InputEvent::Mouse { dx: 5, dy: -3, dz: 0, buttons: 1 }).unwrap();
            m.input(InputEvent::Serial { port: 0, bytes: b"serial".to_vec() }).unwrap();
        }
        let bytes = m.save().unwrap();
        let mut other = Machine::load(&demo(), &bytes).unwrap();
        assert_eq!(other.state_hashes(), m.state_hashes(), "round {round}");
        assert!(other.save().unwrap() == bytes, "round {round}: saved again");
        at += 200_000;
        run_to(&mut m, at);
        run_to(&mut other, at);
        assert_eq!((other.now(), other.state_hashes()), (m.now(), m.state_hashes()), "round {round}");
        assert_eq!(other.text_screen(), m.text_screen());
    }
}

#[test]
fn requests_that_wait_for_the_run_loop_are_saved() {
    let mut m = Machine::new(&demo()).unwrap();
    run_to(&mut m, 1_000_000);
    m.input(InputEvent::Reset).unwrap();
    let mut other = Machine::load(&demo(), &m.save().unwrap()).unwrap();
    run_to(&mut m, 1_100_000);
    run_to(&mut other, 1_100_000);
    assert_eq!(other.state_hashes(), m.state_hashes());
}

#[test]
fn a_medium_that_was_changed_and_written_comes_back() {
    let dir = TempDir::new().unwrap();
    let second = dir.path().join("second.img");
    std::fs::write(&second, DEMO_DISK).unwrap();
    let mut m = Machine::new(&demo()).unwrap();
    run_to(&mut m, 500_000);
    m.input(InputEvent::Media { drive: Drive::Floppy(0), image: Some(file(&second)) }).unwrap();
    run_to(&mut m, 900_000);
    let bytes = m.save().unwrap();
    drop(m);
    let mut other = Machine::load(&demo(), &bytes).unwrap();
    run_to(&mut other, 1_000_000);
    drop(other);
    let mut data = DEMO_DISK.to_vec();
    data[700_000] ^= 1;
    std::fs::write(&second, data).unwrap();
    let text = message(&demo(), &bytes);
    assert!(text.contains("second.img in floppy A:: it differs in bytes 696320 to 700416"), "{text}");
}

#[test]
fn another_machine_is_refused_with_the_reason() {
    let dir = TempDir::new().unwrap();
    let mut m = Machine::new(&demo()).unwrap();
    run_to(&mut m, 10_000);
    let bytes = m.save().unwrap();
    let rom = dir.path().join("bios.bin");
    std::fs::write(&rom, vec![0xF4; 65536]).unwrap();
    let mut changed = DEMO_DISK.to_vec();
    changed[12_345] ^= 0x10;
    let changed = ImageSpec { bytes: Some(changed), ..ImageSpec::default() };
    let disk = dir.path().join("disk.img");
    std::fs::write(&disk, vec![0; 1 << 20]).unwrap();
    for (cfg, part) in [
        (MachineConfig { memory: 8 << 20, ..demo() }, "--memory is 4194304 there and 8388608 here"),
        (MachineConfig { cpu: "486".into(), ..demo() }, "--cpu is the default there and 486 here"),
        (MachineConfig { icount_rate: 7, ..demo() }, "--icount-rate is 200000000 there and 7 here"),
        (MachineConfig { bios: Some(rom), ..demo() }, "the firmware image is the embedded one (hash "),
        (MachineConfig { disks: vec![file(&disk)], ..demo() }, "the number of disks is 0 and no CD-ROM drive there"),
        (MachineConfig { floppies: [None, None], ..demo() }, "needs the image (built in) in floppy A:"),
        (MachineConfig { floppies: [Some(changed), None], ..demo() }, "it differs in bytes 12288 to 16384"),
    ] {
        let text = message(&cfg, &bytes);
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(Snapshot::parse(&bytes).unwrap().config(), &demo());
}

#[test]
fn damaged_files_are_refused() {
    let mut m = Machine::new(&demo()).unwrap();
    run_to(&mut m, 50_000);
    let mut bytes = m.save().unwrap();
    assert!(message(&demo(), b"").contains("is not a snapshot"));
    assert!(message(&demo(), DEMO_DISK).contains("is not a snapshot"));
    for n in 0..bytes.len() {
        if n % 37 == 0 || n < 200 || n + 200 > bytes.len() {
            assert!(Snapshot::parse(&bytes[..n]).is_err(), "cut at {n}");
        }
    }
    let mut random = Random(2);
    for _ in 0..2000 {
        let bit = random.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Snapshot::parse(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    bytes[8] = 99;
    assert!(message(&demo(), &bytes).contains("has format version 99, this program reads version 1"));
}
