//! Keyframes: states of a recording's machine at some of its epochs, in a file beside the recording, so that work on a
//! late part of it can start there at once.
//!
//! Layout, little-endian: 8 bytes magic, 4 version, 8 hash of the recording's machine and start; then frames, each 8 bytes
//! of length and a container ([`crate::container`]) with the frame's place and the difference of the state from the frame
//! before. A file that ends inside a frame is used up to there. A keyframe is believed only after its hash was compared
//! with the recording's.

use crate::container::{Reader, Writer};
use crate::machine::{Machine, RunExit};
use crate::record::event::Moment;
use crate::record::player::Divergence;
use crate::record::{Recording, RecordingError};
use crate::state::pages::PAGE;
use crate::state::{State, StateError};
use crate::timeline::{Timeline, TimelineOptions};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"R86KEYS\x1a";
const FRAME_MAGIC: &[u8; 8] = b"R86KEYF\x1a";
const VERSION: u32 = 1;
const HEAD: usize = 20;

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    at: Moment,
    /// Number of the next event of the recording.
    next: usize,
}

/// The keyframes of a recording, in memory.
pub struct Keyframes {
    bytes: Vec<u8>,
    frames: Vec<(Place, std::ops::Range<usize>)>,
}

fn identity(recording: &Recording) -> u64 {
    recording.prefix_hash(0)
}

fn place_of(frame: &[u8]) -> Option<Place> {
    let mut reader = Reader::new(frame, FRAME_MAGIC, VERSION, "a keyframe").ok()?;
    serde_json::from_slice(&reader.expect("place").ok()?).ok()
}

impl Keyframes {
    /// Takes the keyframes of `recording` from a file's bytes; `None` when they belong to another recording.
    pub fn parse(bytes: Vec<u8>, recording: &Recording) -> Option<Self> {
        let head = bytes.get(..HEAD)?;
        let number = |range: std::ops::Range<usize>| bytes.get(range)?.try_into().ok().map(u64::from_le_bytes);
        if head.get(..8)? != MAGIC
            || head.get(8..12)? != VERSION.to_le_bytes()
            || number(12..20)? != identity(recording)
        {
            return None;
        }
        // An epoch is taken before the events of its moment.
        let next = |at: Moment| recording.events().partition_point(|(event, _)| event.tick < at.tick);
        let mut frames: Vec<(Place, std::ops::Range<usize>)> = Vec::new();
        let mut at = HEAD;
        while let Some(len) = number(at..at.saturating_add(8)).and_then(|n| usize::try_from(n).ok()) {
            let range = at + 8..(at + 8).saturating_add(len);
            let Some(place) = bytes.get(range.clone()).and_then(place_of) else { break };
            if frames.last().is_some_and(|(last, _)| last.at >= place.at) || place.next != next(place.at) {
                break;
            }
            at = range.end;
            frames.push((place, range));
        }
        Some(Self { bytes, frames })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The last state at or before an instruction count.
    fn before(&self, icount: u64, pages: u64) -> Option<(Place, State)> {
        let count = self.frames.partition_point(|(place, _)| place.at.icount <= icount);
        let mut state = State::default();
        let mut last = None;
        for (place, range) in self.frames.get(..count)? {
            let mut reader = Reader::new(self.bytes.get(range.clone())?, FRAME_MAGIC, VERSION, "a keyframe").ok()?;
            reader.expect("place").ok()?;
            state.decode(&mut reader, pages).ok()?;
            last = Some(*place);
        }
        Some((last?, state))
    }
}

/// Plays `recording` and writes a keyframe at the first epoch after each `every` ticks; answers with their number.
///
/// # Errors
/// What is wrong with the recording or with writing. A run that is not the recorded one ends early.
pub fn write(recording: &Arc<Recording>, every: u64, out: &mut dyn Write) -> Result<usize, RecordingError> {
    let options = TimelineOptions { memory: 0, spacing: u64::MAX, ..TimelineOptions::default() };
    let mut timeline = Timeline::new(Arc::clone(recording), options)?;
    let head: Vec<u8> = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &identity(recording).to_le_bytes()].concat();
    out.write_all(&head)?;
    let mut due = recording.settings().at.tick.saturating_add(every);
    let mut old = Arc::new(State::default());
    let mut count = 0;
    for epoch in recording.epochs().iter().filter(|e| e.at.icount > recording.settings().at.icount) {
        if epoch.at.tick < due || timeline.goto(epoch.at.icount).is_err() {
            continue;
        }
        let (place, state) = timeline.keyframe()?;
        let mut frame = Writer::new(FRAME_MAGIC, VERSION);
        frame.stored("place", &serde_json::to_vec(&Place { at: place.0, next: place.1 }).unwrap_or_default());
        state.encode(&old, &mut frame);
        let frame = frame.finish();
        out.write_all(&(frame.len() as u64).to_le_bytes())?;
        out.write_all(&frame)?;
        old = state;
        due = epoch.at.tick.saturating_add(every);
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

/// What a share of the work found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The chain of the recording.
    pub chain: u64,
    /// Where it starts.
    pub from: Moment,
    /// Where it ends.
    pub to: Moment,
    /// The end of the recording.
    pub end: Moment,
    /// Number of the first epoch that was compared, from 1.
    pub first_epoch: usize,
    /// Number of epochs whose hashes were equal.
    pub equal: usize,
    /// The keyframe that was used, if there was one.
    pub keyframe: Option<Moment>,
    /// What differed: epoch, last good and first bad instruction count, components.
    pub diverged: Option<(u64, u64, u64, Vec<String>)>,
    /// What the guest sent meanwhile out of COM1 to COM4.
    pub serial: Vec<Vec<u8>>,
}

/// A result file: the share and the hash of its JSON form, so that a file that was damaged is told from a result.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    share: Share,
    hash: u64,
}

impl Share {
    fn hash(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The share as a result file.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        serde_json::to_vec(&Sealed { share: self.clone(), hash: self.hash() }).unwrap_or_default()
    }

    /// The share of a result file; `None` when it is none, or damaged.
    #[must_use]
    pub fn from_file(bytes: &[u8]) -> Option<Self> {
        let sealed: Sealed = serde_json::from_slice(bytes).ok()?;
        (sealed.share.hash() == sealed.hash).then_some(sealed.share)
    }
}

/// The moment at which share `index` of `count` begins; that of share `count` is the end.
fn boundary(recording: &Recording, index: usize, count: usize) -> (Moment, usize) {
    let epochs = recording.epochs();
    if index >= count {
        return (recording.end(), epochs.len());
    }
    let n = epochs.len() * index / count.max(1);
    match n.checked_sub(1).and_then(|n| epochs.get(n)) {
        Some(epoch) => (epoch.at, n),
        None => (recording.settings().at, 0),
    }
}

/// Plays share `index` of `count`, counted from 0, and compares its hashes. Starts at the nearest keyframe.
///
/// # Errors
/// What is wrong with the recording, its machine or its media.
pub fn share(
    recording: &Arc<Recording>,
    keyframes: Option<&Keyframes>,
    index: usize,
    count: usize,
) -> Result<Share, RecordingError> {
    let ((from, first), (to, last)) = (boundary(recording, index, count), boundary(recording, index + 1, count));
    let mut out = Share {
        chain: recording.chain(),
        from,
        to,
        end: recording.end(),
        first_epoch: first + 1,
        equal: 0,
        keyframe: None,
        diverged: None,
        serial: vec![Vec::new(); 4],
    };
    let mut machine = recording.play(true)?;
    let pages = recording.identity().config.memory / PAGE as u64;
    if let Some((place, state)) = keyframes.and_then(|k| k.before(from.icount, pages))
        && place.at <= from
        && place.at.icount > recording.settings().at.icount
    {
        // A keyframe of another recording with the same start, or one that somebody made up, is none.
        if machine.enter(&Arc::new(state), place.next).is_ok() && machine.check_epoch().is_none() {
            out.keyframe = Some(place.at);
        } else {
            machine = recording.play(true)?;
        }
    }
    let mut diverged = play_to(&mut machine, from.icount, None);
    if diverged.is_none() {
        for port in 0..4 {
            machine.take_serial(port);
        }
        let until = if index + 1 < count { to.icount } else { u64::MAX };
        diverged = play_to(&mut machine, until, Some(&mut out.serial));
    }
    out.equal = match &diverged {
        Some(d) => (d.epoch as usize).saturating_sub(first + 1),
        None => last - first,
    };
    out.diverged = diverged.map(told);
    Ok(out)
}

fn told(d: Divergence) -> (u64, u64, u64, Vec<String>) {
    (d.epoch, d.good.icount, d.at.icount, d.components)
}

/// Plays to an instruction count or the end.
fn play_to(machine: &mut Machine, icount: u64, mut serial: Option<&mut Vec<Vec<u8>>>) -> Option<Divergence> {
    /// Output is taken this often, so that it does not pile up.
    const SLICE: u64 = 1 << 28;
    loop {
        let stop = machine.icount().saturating_add(SLICE).min(icount);
        let exit = if machine.icount() < icount { machine.run(u64::MAX, stop) } else { return None };
        for port in 0..4 {
            let bytes = machine.take_serial(port);
            if let Some(out) = serial.as_mut().and_then(|s| s.get_mut(port)) {
                out.extend(bytes);
            }
        }
        machine.take_debugcon();
        machine.take_parallel();
        match exit {
            RunExit::Time | RunExit::Icount | RunExit::Probe => {}
            RunExit::Diverged(d) => return Some(*d),
            _ => return None,
        }
    }
}

impl Timeline {
    /// The state here, with the number of the next event.
    fn keyframe(&mut self) -> Result<((Moment, usize), Arc<State>), StateError> {
        let machine = self.machine_mut();
        let next = machine.player.as_ref().map_or(0, |p| p.next);
        Ok(((machine.moment(), next), machine.capture()?))
    }
}

impl Machine {
    /// Goes to a state of the recording that is played.
    fn enter(&mut self, state: &Arc<State>, next: usize) -> Result<(), StateError> {
        self.restore(state)?;
        if let Some(player) = &mut self.player {
            player.next = next;
            player.ended = None;
        }
        Ok(())
    }
}

/// Joins the results of all shares: the first difference, and what the guest sent in all.
///
/// # Errors
/// A share that is missing, does not begin where the one before ends, or is of another recording.
pub fn join(shares: &[Share]) -> Result<Share, io::Error> {
    let wrong = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let Some(first) = shares.first() else { return Err(wrong("there are no results".into())) };
    let mut all = Share { equal: 0, serial: vec![Vec::new(); 4], keyframe: None, diverged: None, ..first.clone() };
    all.to = first.from;
    for share in shares {
        if share.chain != first.chain {
            return Err(wrong("the results are of different recordings".into()));
        }
        if share.from != all.to || share.end != all.end {
            return Err(wrong(format!("the result that starts at instruction {} is missing", all.to.icount)));
        }
        all.to = share.to;
        if all.diverged.is_none() {
            all.equal += share.equal;
            all.diverged.clone_from(&share.diverged);
        }
        for (to, from) in all.serial.iter_mut().zip(&share.serial) {
            to.extend(from);
        }
    }
    if all.to != all.end && all.diverged.is_none() {
        return Err(wrong(format!("the result that starts at instruction {} is missing", all.to.icount)));
    }
    Ok(all)
}
