//! The writing side: what a machine that is being recorded does.

use super::event::{Batch, End, EpochRecord, Event, Left, Moment};
use super::log::{Kind, LogWriter};
use crate::container::Writer;
use crate::hash;
use crate::identity::{Layers, MediumId};
use crate::input::InputEvent;
use crate::machine::Machine;
use crate::media::store::lock;
use crate::media::{Slot, written_in_place};
use crate::snapshot::SnapshotError;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Instructions between two links of the hash chain.
pub const DEFAULT_INTERVAL: u64 = 16 << 20;
/// Virtual time after which waiting events are written even when no epoch comes, as a share of a second.
const FLUSH_SHARE: u64 = 20;

/// How a run is recorded.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Instructions between two links of the hash chain; 0 for no chain.
    pub interval: u64,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self { interval: DEFAULT_INTERVAL }
    }
}

/// Where a recording starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// At power-on.
    PowerOn,
    /// At the state that is in the header.
    State,
    /// Where another recording was left.
    Branch {
        /// The other recording's file.
        parent: std::path::PathBuf,
        /// Hash of the other recording's header and of its events up to that place.
        prefix: u64,
        /// The number of these events.
        events: usize,
    },
}

/// What the header says besides the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Instructions between two links of the hash chain; 0 for no chain.
    pub interval: u64,
    /// Where it starts.
    pub start: Start,
    /// The place.
    pub at: Moment,
    /// The names of the components in the order of their hashes.
    pub components: Vec<String>,
}

/// A machine's recorder.
pub(crate) struct Recorder {
    log: Arc<Mutex<LogWriter>>,
    pub interval: u64,
    /// Where the last record ends.
    last: Moment,
    pending: Vec<(Moment, Event)>,
    /// The component hashes of the last epoch.
    hashes: Vec<u32>,
}

impl Recorder {
    /// The instruction count of the next epoch after `icount`.
    pub fn next_epoch(&self, icount: u64) -> u64 {
        next_multiple(icount, self.interval)
    }

    /// Whether events wait for so long that they have to be written.
    pub fn overdue(&self, tick: u64, rate: u64) -> bool {
        self.pending.first().is_some_and(|(at, _)| tick.saturating_sub(at.tick) > rate / FLUSH_SHARE)
    }

    fn push(&mut self, at: Moment, event: Event) {
        self.pending.push((at, event));
    }

    /// Writes what waits, up to `at`.
    fn write(&mut self, at: Moment, epoch: Option<EpochRecord>) {
        let mut last = self.last;
        let mut step = |to: Moment| {
            let d = (to.tick.saturating_sub(last.tick), to.icount.saturating_sub(last.icount));
            last = to;
            d
        };
        let events = std::mem::take(&mut self.pending).into_iter().map(|(at, event)| {
            let (ticks, icount) = step(at);
            (ticks, icount, event)
        });
        let events = events.collect();
        let batch = Batch { events, until: step(at), epoch };
        self.last = at;
        // Serialising into memory fails only for paths that are no text; those were refused before.
        let bytes = postcard::to_stdvec(&batch).unwrap_or_default();
        lock(&self.log).record(Kind::Batch, &bytes);
    }
}

/// The smallest multiple of `interval` above `icount`.
pub(crate) fn next_multiple(icount: u64, interval: u64) -> u64 {
    match icount.checked_div(interval) {
        None => u64::MAX,
        Some(n) => n.saturating_add(1).saturating_mul(interval),
    }
}

impl Machine {
    /// Where the machine stands.
    pub fn moment(&self) -> Moment {
        let icount = self.cpu.icount();
        Moment { tick: self.board.clock.ticks(icount), icount }
    }

    /// Records from here on into `out`.
    ///
    /// # Errors
    /// Images that cannot be read, names of images that are no text.
    pub fn record(&mut self, out: Box<dyn Write + Send>, options: &RecordOptions) -> Result<(), SnapshotError> {
        let at = self.moment();
        let start = if at == Moment::default() { Start::PowerOn } else { Start::State };
        self.record_from(out, options, start)
    }

    pub(crate) fn record_from(
        &mut self,
        out: Box<dyn Write + Send>,
        options: &RecordOptions,
        start: Start,
    ) -> Result<(), SnapshotError> {
        let at = self.moment();
        let mut identity = match &start {
            Start::Branch { .. } => self.branch_identity(),
            _ => self.identity().map_err(|(slot, e)| SnapshotError::Image(slot, e))?,
        };
        identity.media.iter_mut().for_each(|m| m.layers = Layers::of(&m.spec));
        let names = super::event::component_names();
        let settings = Settings {
            interval: options.interval,
            start: start.clone(),
            at,
            components: names.iter().map(ToString::to_string).collect(),
        };
        let mut header = Writer::new(b"R86HEAD\x1a", super::log::VERSION);
        header.section("recording", &serde_json::to_vec(&settings).unwrap_or_default());
        identity.encode(&mut header);
        if start == Start::State {
            self.capture_whole()?.encode(&State::default(), &mut header);
        }
        let mut log = LogWriter::new(out);
        log.record(Kind::Header, &header.finish());
        let log = Arc::new(Mutex::new(log));
        self.board.media.set_guard(Some(log.clone()));
        self.recorder =
            Some(Recorder { log, interval: options.interval, last: at, pending: Vec::new(), hashes: Vec::new() });
        Ok(())
    }

    /// Leaves the recording that is played: from here on the machine takes input again. What it writes to the media that
    /// it has stays in memory.
    pub fn go_live(&mut self) {
        self.player = None;
        self.board.media.set_library(Default::default());
    }

    /// As [`Machine::go_live`], and records what comes as a branch of the recording that was played: the file names it
    /// and continues it from here.
    ///
    /// # Errors
    /// As [`Machine::record`].
    pub fn record_branch(&mut self, out: Box<dyn Write + Send>) -> Result<(), SnapshotError> {
        let Some(player) = self.player.take() else { return self.record(out, &RecordOptions::default()) };
        self.go_live();
        let parent = player.recording.path().to_path_buf();
        let parent = std::path::absolute(&parent).unwrap_or(parent);
        let prefix = player.recording.prefix_hash(player.next);
        // The chain goes on in the parent's steps.
        let options = RecordOptions { interval: player.recording.settings().interval };
        self.record_from(out, &options, Start::Branch { parent, prefix, events: player.next })
    }

    /// Writes the recording up to this moment, so that it can be used if the program ends without warning.
    pub fn sync_recording(&mut self) {
        let at = self.moment();
        if let Some(recorder) = &mut self.recorder {
            if at != recorder.last || !recorder.pending.is_empty() {
                recorder.write(at, None);
            }
            lock(&recorder.log).flush();
        }
    }

    /// Bytes that the recording has so far; `None` without one.
    pub fn recorded_bytes(&self) -> Option<u64> {
        self.recorder.as_ref().map(|r| lock(&r.log).written())
    }

    /// What went wrong with the recording's file since the last call.
    pub fn take_recording_error(&mut self) -> Option<io::Error> {
        self.recorder.as_ref().and_then(|r| lock(&r.log).take_error())
    }

    /// Ends the recording with the hash of the machine.
    ///
    /// # Errors
    /// What went wrong with the file.
    pub fn finish_recording(&mut self) -> io::Result<()> {
        if self.recorder.is_none() {
            return Ok(());
        }
        let parts = self.state_hashes();
        let at = self.moment();
        let slots: Vec<Slot> = self.board.media.inserted().map(|(slot, _)| slot).collect();
        slots.into_iter().for_each(|slot| self.record_left(Some(slot)));
        self.board.media.set_guard(None);
        let Some(mut recorder) = self.recorder.take() else { return Ok(()) };
        recorder.write(at, None);
        let end = End { at, hash: hash::combine(&parts), hashes: parts.iter().map(|(_, h)| *h).collect() };
        let mut log = lock(&recorder.log);
        log.record(Kind::End, &postcard::to_stdvec(&end).unwrap_or_default());
        log.flush();
        log.take_error().map_or(Ok(()), Err)
    }

    /// Writes down how an image that was written in place is left.
    pub(crate) fn record_left(&mut self, slot: Option<Slot>) {
        let Some(recorder) = &self.recorder else { return };
        let Some(inserted) = slot.and_then(|slot| self.board.media.get(slot)) else { return };
        if !written_in_place(&inserted.spec) {
            return;
        }
        let (ordinal, content) = {
            let mut store = lock(&inserted.store);
            if store.is_private() {
                return;
            }
            (store.ordinal(), store.content())
        };
        if let Ok(content) = content {
            let left = Left { ordinal, content, layers: Layers::of(&inserted.spec) };
            lock(&recorder.log).record(Kind::Left, &postcard::to_stdvec(&left).unwrap_or_default());
        }
    }

    /// The machine has reached an epoch: writes its hashes.
    pub(crate) fn record_epoch(&mut self) {
        let parts = self.state_hashes();
        let at = self.moment();
        let hash = hash::combine(&parts);
        if let Some(recorder) = &mut self.recorder {
            let now: Vec<u32> = parts.iter().map(|(_, h)| *h as u32).collect();
            let (mut changed, mut hashes) = (0, Vec::new());
            for (i, h) in now.iter().enumerate() {
                if recorder.hashes.get(i) != Some(h) {
                    changed |= 1 << i;
                    hashes.push(*h);
                }
            }
            recorder.hashes = now;
            recorder.write(at, Some(EpochRecord { hash, changed, hashes }));
        }
    }

    /// Writes waiting events when it is time.
    pub(crate) fn flush_events(&mut self) {
        let at = self.moment();
        let rate = self.config.icount_rate;
        if let Some(recorder) = &mut self.recorder
            && recorder.overdue(at.tick, rate)
        {
            recorder.write(at, None);
        }
    }

    /// Writes down an input that was applied at `at`; `ok` is false when its medium could not be opened.
    pub(crate) fn record_input(&mut self, at: Moment, event: &InputEvent, ok: bool) {
        if self.recorder.is_none() {
            return;
        }
        let logged = match event {
            InputEvent::Key { code, down } => Event::Key(code.0, *down),
            &InputEvent::Mouse { dx, dy, dz, buttons } => Event::Mouse(dx, dy, dz, buttons),
            &InputEvent::MouseAbs { x, y, buttons } => Event::MouseAbs(x, y, buttons),
            InputEvent::Serial { port, bytes } => Event::Serial((*port).min(255) as u8, bytes.clone()),
            InputEvent::Media { drive, image } => {
                let Some(slot) = drive.slot() else { return };
                let inserted = self.board.media.get(slot).filter(|_| ok && image.is_some());
                let medium = inserted.and_then(|i| {
                    let content = lock(&i.store).content().ok()?;
                    Some((MediumId::recorded(slot, i, content), i.spec.bytes.clone()))
                });
                match medium {
                    Some((id, bytes)) => Event::Insert(Box::new(id), bytes.filter(|_| image.is_some())),
                    None => Event::Eject(slot),
                }
            }
            InputEvent::Reset => Event::Reset,
            InputEvent::PowerButton => Event::PowerButton,
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.push(at, logged);
        }
    }
}
