//! Files whose checksums are right and whose content is not: what somebody makes who knows the format. Whatever is in them,
//! they are refused, or give a machine that runs without a panic.

use crate::config::{ImageSpec, MachineConfig};
use crate::container::{Reader, Writer};
use crate::input::{InputEvent, KeyCode};
use crate::keyframes::{self, Keyframes};
use crate::machine::Machine;
use crate::media::store::lock;
use crate::record::log::{self, Kind, LogWriter};
use crate::record::{RecordOptions, Recording};
use crate::snapshot::{self, Snapshot};
use rewind86_bios::DEMO_DISK;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How often each kind of file is changed.
const TIMES: u64 = 300;

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }

    /// Changes some bytes, takes some out or puts some in.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            let at = self.below(bytes.len());
            match self.below(8) {
                _ if bytes.is_empty() => bytes.push(self.below(256) as u8),
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.below(256) as u8),
                2 => drop(bytes.remove(at)),
                3 => bytes[at] = 0xFF,
                4 => bytes[at] = 0,
                5 => bytes[at..].iter_mut().take(9).for_each(|b| *b = 0xFF),
                // A digit stays a digit, so that JSON stays JSON.
                6 if bytes[at].is_ascii_digit() => bytes[at] = b'0' + self.below(10) as u8,
                _ => bytes[at] ^= 1 << self.below(8),
            }
        }
    }
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(buf);
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config() -> MachineConfig {
    let image = ImageSpec { bytes: Some(DEMO_DISK.into()), ..ImageSpec::default() };
    MachineConfig { floppies: [Some(image), None], cdrom: Some(None), memory: 1 << 20, ..MachineConfig::default() }
}

/// A recording, and snapshots on its way.
fn samples() -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut machine = Machine::new(&config()).unwrap();
    machine.run(u64::MAX, 100_000);
    let out = Memory::default();
    machine.record(Box::new(out.clone()), &RecordOptions { interval: 100_000 }).unwrap();
    let mut snapshots = Vec::new();
    for i in 1..12 {
        machine.run(u64::MAX, 100_000 + i * 90_000);
        machine.input(InputEvent::Key { code: KeyCode(0x1E), down: i % 2 == 0 }).unwrap();
        machine.input(InputEvent::Serial { port: 0, bytes: vec![1, 2, 3] }).unwrap();
        snapshots.push(machine.save().unwrap());
    }
    machine.finish_recording().unwrap();
    let recording = lock(&out.0).clone();
    (recording, snapshots)
}

/// The sections of a container, one of them changed, with right checksums.
fn change_container(bytes: &[u8], magic: &[u8; 8], version: u32, random: &mut Random) -> Vec<u8> {
    let mut reader = Reader::new(bytes, magic, version, "").unwrap();
    let mut sections = Vec::new();
    while let Some(section) = reader.next().unwrap() {
        sections.push((section.name, section.content.into_owned()));
    }
    let chosen = random.below(sections.len());
    random.change(&mut sections[chosen].1);
    let mut writer = Writer::new(magic, version);
    sections.iter().for_each(|(name, content)| writer.stored(name, content));
    writer.finish()
}

/// The records of a recording, one of them changed, with right checksums.
fn change_log(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let (records, _) = log::records(bytes);
    let chosen = random.below(records.len());
    let out = Memory::default();
    let mut writer = LogWriter::new(Box::new(out.clone()));
    for (i, record) in records.iter().enumerate() {
        let mut content = bytes[record.content.clone()].to_vec();
        match record.kind {
            _ if i != chosen => {}
            Kind::Header => content = change_container(&content, b"R86HEAD\x1a", log::VERSION, random),
            _ => random.change(&mut content),
        }
        writer.record(record.kind, &content);
    }
    let changed = lock(&out.0).clone();
    changed
}

fn run_on(machine: &mut Machine) {
    let (until, icount) = (machine.now().saturating_add(20_000_000), machine.icount().saturating_add(100_000));
    machine.run(until, icount);
    machine.frame(&mut crate::Frame::default());
    machine.state_hash();
}

#[test]
fn snapshots() {
    let (_, samples) = samples();
    let mut random = Random(1);
    let mut loaded = 0;
    for n in 0..TIMES * 4 {
        let sample = &samples[n as usize % samples.len()];
        let bytes = change_container(sample, snapshot::MAGIC, snapshot::VERSION, &mut random);
        let Ok(snapshot) = Snapshot::parse(&bytes) else { continue };
        // A description may ask for any memory; the user's own options do not.
        if let Ok(mut machine) = snapshot.load(&config()) {
            loaded += 1;
            run_on(&mut machine);
        }
    }
    assert!(loaded > 100, "{loaded}");
}

#[test]
fn recordings_packs_keyframes_and_shares() {
    let (sample, _) = samples();
    let path = Path::new("test.rec");
    let recording = Arc::new(Recording::parse(&sample, path).unwrap());
    let mut keys = Vec::new();
    assert!(keyframes::write(&recording, 1, &mut keys).unwrap() > 5);
    let packed = Memory::default();
    crate::pack::pack(&recording, Box::new(packed.clone())).unwrap();
    let packed = lock(&packed.0).clone();
    let mut random = Random(2);
    let mut played = 0;
    for n in 0..TIMES * 2 {
        let bytes = change_log(if n % 2 == 0 { &sample } else { &packed }, &mut random);
        let Ok(changed) = Recording::parse(&bytes, path).map(Arc::new) else { continue };
        if changed.identity().config.memory > 64 << 20 {
            continue;
        }
        let _ = Keyframes::parse(keys.clone(), &changed).map(|k| k.len());
        if let Ok(mut machine) = changed.play(true) {
            played += 1;
            run_on(&mut machine);
        }
    }
    assert!(played > 50, "{played}");
    // Keyframes: the lengths and the frames' containers.
    let mut used = 0;
    for _ in 0..TIMES {
        let mut bytes = keys.clone();
        random.change(&mut bytes);
        let Some(parsed) = Keyframes::parse(bytes, &recording) else { continue };
        used += usize::from(!parsed.is_empty());
        let share = keyframes::share(&recording, Some(&parsed), 1 + random.below(2), 3).unwrap();
        assert_eq!(share.diverged, None);
    }
    assert!(used > 20, "{used}");
}
