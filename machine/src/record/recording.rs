//! A recording that was read: the machine, the events, the hashes, and the media as they were.

use super::event::{Batch, End, Epoch, EpochRecord, Event, Left, Moment, PreImage};
use super::log::{self, HEAD, Kind, LogWriter, Tail};
use super::player::Player;
use super::recorder::{Settings, Start};
use crate::container::{ContainerError, Reader, Writer, decompress};
use crate::error::MachineError;
use crate::identity::{Difference, Identity, Layers, MediumId};
use crate::image;
use crate::machine::Machine;
use crate::media::content::Content;
use crate::media::store::{Over, Store, overlay};
use crate::media::{Inserted, Slot, written_in_place};
use crate::state::pages::{PAGE, PageTable, page};
use crate::state::{State, StateError};
use rewind86_devices::medium::{Medium, MediumError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use thiserror::Error;

/// Why a recording cannot be used. To be preceded by the file's name.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The host cannot read it.
    #[error("cannot be read: {0}; check the name and permissions")]
    Io(#[from] io::Error),
    /// Another kind of file.
    #[error("is not a recording of this program; name a file that --record wrote")]
    Foreign,
    /// A format that this program does not know.
    #[error("has format version {found}, this program reads version {known}; use the program that wrote it")]
    Version {
        /// In the file.
        found: u32,
        /// What the program reads.
        known: u32,
    },
    /// The header is not what was written.
    #[error("log damaged at byte {at}, in epoch 0 (the header), component log: {problem}; restore it from a copy")]
    Header {
        /// Offset of the header.
        at: u64,
        /// What is wrong.
        problem: String,
    },
    /// A record is not what was written.
    #[error(
        "log damaged at byte {at}, in epoch {epoch} (instructions {from} to {to}), component log; restore it from a copy"
    )]
    Damaged {
        /// Offset of the record.
        at: u64,
        /// The epoch that the record belongs to, counted from 1.
        epoch: u64,
        /// Instruction count at which the epoch starts.
        from: u64,
        /// Instruction count at which it would end.
        to: u64,
    },
    /// The program or a file is not the one that was recorded.
    #[error("epoch 0: component machine: {0}; use the program and the files that were recorded")]
    Machine(Difference),
    /// An image holds something else.
    #[error(
        "epoch {epoch}: component media: the image {name} in {slot} differs from the recorded one in bytes {start} to {end}; restore it from a copy"
    )]
    Medium {
        /// The epoch in which the medium was inserted, 0 for the start.
        epoch: u64,
        /// The drive.
        slot: Slot,
        /// The image.
        name: String,
        /// First byte of the part that differs.
        start: u64,
        /// Byte behind it.
        end: u64,
    },
    /// An image that the run wrote is not as it left it. The run can be given again all the same.
    #[error(
        "epoch {epoch}: component media: the image {name} in {slot} was changed after the run in bytes {start} to {end}; restore it from a copy"
    )]
    Changed {
        /// The epoch in which the medium was inserted, 0 for the start.
        epoch: u64,
        /// The drive.
        slot: Slot,
        /// The file.
        name: String,
        /// First byte of the part that differs.
        start: u64,
        /// Byte behind it.
        end: u64,
    },
    /// An image could not be read.
    #[error("needs the image {0}, which fails: {1}; check the file")]
    Image(String, MediumError),
    /// The machine could not be built.
    #[error("needs its machine: {0}")]
    Build(#[from] MachineError),
    /// A state does not fit.
    #[error("{0}; use the program that wrote it")]
    State(#[from] StateError),
    /// The other recording that this one continues.
    #[error("continues the recording {name}, which {problem}")]
    Parent {
        /// The other recording.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A recording.
pub struct Recording {
    path: PathBuf,
    identity: Identity,
    settings: Settings,
    start_state: Option<Arc<State>>,
    events: Vec<(Moment, Event)>,
    epochs: Vec<Epoch>,
    components: Vec<Vec<u32>>,
    end: Moment,
    last: Option<End>,
    old_blocks: BTreeMap<u32, PageTable>,
    /// What written images held when they left their drives.
    left: Vec<Left>,
    cut: Option<u64>,
    /// In a pack, the files by name and the blocks of the images.
    packed: Option<BTreeMap<PathBuf, Vec<u8>>>,
    packed_blocks: BTreeMap<u32, PageTable>,
}

/// A file in a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedFile {
    path: PathBuf,
    len: u64,
    /// lz4.
    data: Vec<u8>,
}

impl PackedFile {
    pub fn new(path: PathBuf, bytes: &[u8]) -> Self {
        Self { path, len: bytes.len() as u64, data: lz4_flex::block::compress(bytes) }
    }
}

impl Recording {
    /// Reads a recording file.
    ///
    /// # Errors
    /// What is wrong with it. A file that was cut off is none: it is used as far as it goes.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        Self::parse(&std::fs::read(path)?, path)
    }

    /// Reads a recording from memory; `path` names it in messages.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, RecordingError> {
        let header = |at: usize, problem: String| RecordingError::Header { at: at as u64, problem };
        let found = bytes.get(8..HEAD).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let (records, tail) = log::records(bytes);
        let named = bytes.get(..8) == Some(log::MAGIC);
        // Checksums start from the version, so right records tell a damaged beginning from another format. A small number
        // is taken for a version all the same.
        let flipped = found > 0xFF && (found ^ log::VERSION).is_power_of_two();
        if (!named || flipped) && records.first().is_some_and(|r| r.kind == Kind::Header) {
            return Err(header(0, "the file begins wrongly".into()));
        }
        if !named {
            return Err(RecordingError::Foreign);
        }
        if found != log::VERSION {
            return Err(RecordingError::Version { found, known: log::VERSION });
        }
        let mut records = records.into_iter();
        let Some(first) = records.next().filter(|r| r.kind == Kind::Header) else {
            let cut = matches!(tail, Tail::Cut(_) | Tail::Whole);
            let problem = if cut { "the file is cut off in it" } else { "it is not what was written" };
            return Err(header(HEAD, problem.into()));
        };
        let content = bytes.get(first.content).unwrap_or_default();
        let mut recording = Self::from_header(content, path).map_err(|e| header(HEAD, e.to_string()))?;
        let mut at = recording.settings.at;
        for record in records {
            let content = bytes.get(record.content.clone()).unwrap_or_default();
            let offset = record.content.start as u64;
            recording.add(record.kind, content, &mut at).ok_or_else(|| recording.damaged(offset))?;
        }
        recording.end = recording.last.as_ref().map_or(at, |e| e.at);
        match tail {
            Tail::Whole => {}
            Tail::Cut(offset) => recording.cut = Some(offset),
            Tail::Damaged(offset) => return Err(recording.damaged(offset)),
        }
        match recording.settings.start.clone() {
            Start::Branch { parent, prefix, events } => recording.join(&parent, prefix, events),
            _ => Ok(recording),
        }
    }

    /// Puts what came before the branch in front of it.
    fn join(mut self, parent: &Path, prefix: u64, count: usize) -> Result<Self, RecordingError> {
        let beside = parent.file_name().and_then(|name| Some(self.path.parent()?.join(name)));
        let file = beside.filter(|p| !parent.exists() && p.exists()).unwrap_or_else(|| parent.to_path_buf());
        let wrong = |problem: String| RecordingError::Parent { name: file.display().to_string(), problem };
        let same = || file.canonicalize().ok() == self.path.canonicalize().ok();
        if same() {
            return Err(wrong("is itself".into()));
        }
        let base = Self::open(&file).map_err(|e| wrong(e.to_string()))?;
        if base.prefix_hash(count) != prefix {
            return Err(wrong("is another one now; restore it from a copy".into()));
        }
        let at = self.settings.at;
        let mut old_blocks: BTreeMap<u32, PageTable> = BTreeMap::new();
        let known = self.identity.media.iter().map(|m| m.ordinal).max();
        for (_, medium, _) in base.media().filter(|(_, m, _)| known.is_some_and(|k| m.ordinal <= k)) {
            old_blocks.insert(medium.ordinal, base.old_blocks(medium));
        }
        old_blocks.append(&mut self.old_blocks);
        let mut events = base.events;
        events.truncate(count);
        events.append(&mut self.events);
        let kept = base.epochs.partition_point(|e| e.at.icount <= at.icount);
        let (mut epochs, mut components) = (base.epochs, base.components);
        epochs.truncate(kept);
        components.truncate(kept);
        epochs.append(&mut self.epochs);
        components.append(&mut self.components);
        Ok(Self {
            identity: base.identity,
            settings: Settings { start: base.settings.start, at: base.settings.at, ..self.settings },
            start_state: base.start_state,
            events,
            epochs,
            components,
            old_blocks,
            // What the original run left behind is for the original to check.
            left: self.left,
            packed: base.packed,
            packed_blocks: base.packed_blocks,
            path: self.path,
            end: self.end,
            last: self.last,
            cut: self.cut,
        })
    }

    /// A hash of the machine, the start and the first `events` events: what a branch continues.
    pub(crate) fn prefix_hash(&self, events: usize) -> u64 {
        let mut bytes = serde_json::to_vec(&self.identity).unwrap_or_default();
        bytes.extend(serde_json::to_vec(&self.settings).unwrap_or_default());
        bytes.extend(postcard::to_stdvec(self.events.get(..events).unwrap_or_default()).unwrap_or_default());
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }

    /// A machine that plays the recording from its start.
    ///
    /// # Errors
    /// What is wrong with the machine or its media.
    pub fn play(self: &Arc<Self>, check: bool) -> Result<Machine, RecordingError> {
        self.play_with(self.library()?, check)
    }

    /// A machine that plays the recording from its start with blocks of at most `block_ops` ops, and compares the hashes.
    ///
    /// # Errors
    /// As [`Recording::play`].
    pub fn play_as(self: &Arc<Self>, block_ops: usize) -> Result<Machine, RecordingError> {
        let mut machine = self.machine_with(self.library()?, block_ops)?;
        machine.player = Some(Player::new(Arc::clone(self), true));
        Ok(machine)
    }

    /// As [`Recording::play`], with media that were opened before.
    pub(crate) fn play_with(
        self: &Arc<Self>,
        library: BTreeMap<u32, Inserted>,
        check: bool,
    ) -> Result<Machine, RecordingError> {
        let mut machine = self.machine_with(library, 64)?;
        machine.player = Some(Player::new(Arc::clone(self), check));
        Ok(machine)
    }

    /// The files of a pack, by name.
    pub fn embedded(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.packed.clone().unwrap_or_default()
    }

    /// The content of a header record that says what this recording's says, a branch made whole.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut header = Writer::new(b"R86HEAD\x1a", log::VERSION);
        header.section("recording", &serde_json::to_vec(&self.settings).unwrap_or_default());
        self.identity.encode(&mut header);
        if let Some(state) = &self.start_state {
            state.encode(&State::default(), &mut header);
        }
        header.finish()
    }

    /// Writes the events, the hashes and the end.
    pub(crate) fn write_history(&self, log: &mut LogWriter) {
        let mut last = self.settings.at;
        let mut events = self.events.iter().peekable();
        let stops = self.epochs.iter().map(|e| (e.at, Some(e))).chain([(self.end, None)]);
        for (at, epoch) in stops {
            let mut step = |to: Moment| {
                let d = (to.tick.saturating_sub(last.tick), to.icount.saturating_sub(last.icount));
                last = to;
                d
            };
            let mut batch = Vec::new();
            // Events of an epoch's tick come after it.
            while let Some((place, event)) = events.next_if(|(place, _)| place.tick < at.tick || epoch.is_none()) {
                let (ticks, icount) = step(*place);
                batch.push((ticks, icount, event.clone()));
            }
            let until = step(at);
            let epoch = epoch.map(|e| EpochRecord { hash: e.hash, changed: e.changed, hashes: e.hashes.clone() });
            let batch = Batch { events: batch, until, epoch };
            log.record(Kind::Batch, &postcard::to_stdvec(&batch).unwrap_or_default());
        }
        if let Some(end) = &self.last {
            log.record(Kind::End, &postcard::to_stdvec(end).unwrap_or_default());
        }
    }

    fn from_header(content: &[u8], path: &Path) -> Result<Self, ContainerError> {
        let mut reader = Reader::new(content, b"R86HEAD\x1a", log::VERSION, "the header of a recording")?;
        let text = reader.expect("recording")?;
        let settings: Settings =
            serde_json::from_slice(&text).map_err(|_| ContainerError::Damaged { at: 0, name: "recording".into() })?;
        let identity = Identity::decode(&mut reader)?;
        let start_state = if settings.start == Start::State {
            let mut state = State::default();
            state.decode(&mut reader, identity.config.memory / PAGE as u64)?;
            Some(Arc::new(state))
        } else {
            None
        };
        Ok(Self {
            path: path.to_path_buf(),
            identity,
            end: settings.at,
            settings,
            start_state,
            events: Vec::new(),
            epochs: Vec::new(),
            components: Vec::new(),
            last: None,
            old_blocks: BTreeMap::new(),
            left: Vec::new(),
            cut: None,
            packed: None,
            packed_blocks: BTreeMap::new(),
        })
    }

    /// The error for a wrong record behind what was read so far.
    fn damaged(&self, at: u64) -> RecordingError {
        let epoch = self.epochs.len() as u64 + 1;
        let from = self.epochs.last().map_or(self.settings.at.icount, |e| e.at.icount);
        RecordingError::Damaged { at, epoch, from, to: super::recorder::next_multiple(from, self.settings.interval) }
    }

    /// Takes one record over; `at` is the place at which the one before ends.
    fn add(&mut self, kind: Kind, content: &[u8], at: &mut Moment) -> Option<()> {
        if self.last.is_some() {
            return None;
        }
        match kind {
            Kind::Header => return None,
            Kind::Batch => {
                let batch: Batch = postcard::from_bytes(content).ok()?;
                let step = |at: &mut Moment, d: (u64, u64)| {
                    at.tick = at.tick.checked_add(d.0)?;
                    at.icount = at.icount.checked_add(d.1)?;
                    (at.icount <= at.tick).then_some(*at)
                };
                for (ticks, icount, event) in batch.events {
                    let place = step(at, (ticks, icount))?;
                    self.events.push((place, event));
                }
                let place = step(at, batch.until)?;
                if let Some(e) = batch.epoch {
                    let mut all = self.components.last().cloned().unwrap_or_default();
                    all.resize(self.settings.components.len().min(64), 0);
                    let changed = all.iter_mut().enumerate().filter(|(i, _)| e.changed >> i & 1 != 0);
                    changed.zip(&e.hashes).for_each(|((_, to), from)| *to = *from);
                    self.components.push(all);
                    self.epochs.push(Epoch { at: place, hash: e.hash, changed: e.changed, hashes: e.hashes });
                }
            }
            Kind::Files => {
                let files: Vec<PackedFile> = postcard::from_bytes(content).ok()?;
                let mut packed = BTreeMap::new();
                for file in files {
                    packed.insert(file.path, decompress(&file.data, file.len)?);
                }
                self.packed = Some(packed);
            }
            Kind::PreImage | Kind::Block => {
                let old: PreImage = postcard::from_bytes(content).ok()?;
                let data = decompress(&old.data, PAGE as u64)?;
                let tables = if kind == Kind::Block { &mut self.packed_blocks } else { &mut self.old_blocks };
                let table = tables.entry(old.ordinal).or_default();
                if table.get(old.block).is_none() {
                    table.set(old.block, Some(page(&data)));
                }
            }
            Kind::Left => self.left.push(postcard::from_bytes(content).ok()?),
            Kind::End => {
                let end: End = postcard::from_bytes(content).ok()?;
                if end.at < *at {
                    return None;
                }
                self.last = Some(end);
            }
        }
        Some(())
    }

    /// The file's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The machine at the start.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How it was recorded.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The events in order.
    pub fn events(&self) -> &[(Moment, Event)] {
        &self.events
    }

    /// The hashes in order.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// The last place.
    pub fn end(&self) -> Moment {
        self.end
    }

    /// The hash at the end; `None` when the recording was cut off.
    pub fn last_hash(&self) -> Option<&End> {
        self.last.as_ref()
    }

    /// One hash of the whole chain: of the place and the hash of every epoch, and of those of the end. Two recordings of one
    /// run have the same, whatever host wrote them.
    pub fn chain(&self) -> u64 {
        let links = self.epochs.iter().map(|e| (e.at, e.hash)).chain(self.last.iter().map(|e| (e.at, e.hash)));
        let bytes: Vec<u8> =
            links.flat_map(|(at, hash)| [at.tick, at.icount, hash]).flat_map(u64::to_le_bytes).collect();
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }

    /// Where the file was cut off, if it was.
    pub fn cut(&self) -> Option<u64> {
        self.cut
    }

    /// The state at the start; `None` is power-on.
    pub(crate) fn start_state(&self) -> Option<&Arc<State>> {
        self.start_state.as_ref()
    }

    /// The number of the epoch that ends at an instruction count.
    pub fn epoch_at(&self, icount: u64) -> Option<usize> {
        self.epochs.binary_search_by_key(&icount, |e| e.at.icount).ok()
    }

    /// The low halves of the component hashes at epoch `n`, in the order of the header's names.
    pub fn component_hashes(&self, n: usize) -> &[u32] {
        self.components.get(n).map_or(&[], Vec::as_slice)
    }

    /// All media that were in a drive, with the epoch in which they were inserted.
    pub fn media(&self) -> impl Iterator<Item = (u64, &MediumId, Option<&Vec<u8>>)> {
        let start = self.identity.media.iter().map(|m| (0, m, m.spec.bytes.as_ref()));
        let later = self.events.iter().filter_map(|(at, event)| match event {
            Event::Insert(medium, bytes) => {
                let epoch = self.epochs.partition_point(|e| e.at.tick < at.tick) as u64 + 1;
                Some((epoch, &**medium, bytes.as_ref()))
            }
            _ => None,
        });
        start.chain(later)
    }

    /// The blocks of medium `ordinal` that are not any more in its image: overwritten while it was inserted, or later
    /// when the same file was inserted again.
    fn old_blocks(&self, medium: &MediumId) -> PageTable {
        let mut table = self.old_blocks.get(&medium.ordinal).cloned().unwrap_or_default();
        for (_, later, _) in self.media().filter(|(_, m, _)| m.ordinal > medium.ordinal) {
            if later.spec.path.is_none() || later.spec.path != medium.spec.path {
                continue;
            }
            if let Some(blocks) = self.old_blocks.get(&later.ordinal) {
                for (block, data) in blocks.iter() {
                    if table.get(block).is_none() {
                        table.set(block, Some(Arc::clone(data)));
                    }
                }
            }
        }
        table
    }

    /// Whether the images that the run wrote in place are as it left them, or as they were before. A replay does not
    /// depend on it: what the run overwrote is in the recording.
    ///
    /// # Errors
    /// [`RecordingError::Changed`] for the first that is not.
    pub fn check_images(&self) -> Result<(), RecordingError> {
        if self.packed.is_some() {
            return Ok(());
        }
        for (epoch, medium, _) in self.media().filter(|(_, m, _)| !m.read_only && written_in_place(&m.spec)) {
            let same = |m: &MediumId| m.spec.path == medium.spec.path && m.spec.overlay == medium.spec.overlay;
            let (mut known, mut layers) = (Vec::new(), Vec::new());
            let mut complete = true;
            for (_, other, _) in self.media().filter(|(_, m, _)| same(m)) {
                known.push(&other.content);
                layers.extend(other.layers);
                let left: Vec<&Left> = self.left.iter().filter(|l| l.ordinal == other.ordinal).collect();
                complete &= !left.is_empty();
                known.extend(left.iter().map(|l| &l.content));
                layers.extend(left.iter().filter_map(|l| l.layers));
            }
            // Without the end of the run nothing is known about what it wrote last.
            if !complete {
                continue;
            }
            let changed =
                |start, end| RecordingError::Changed { epoch, slot: medium.slot, name: medium.name(), start, end };
            let mut image = image::open_untouched(medium.role, &medium.spec)?;
            let found = Content::of(image.as_mut()).map_err(|e| RecordingError::Image(medium.name(), e))?;
            if let Some(place) = known.last().and_then(|last| last.difference(&found))
                && !known.contains(&&found)
            {
                return Err(changed(place.start, place.end));
            }
            if let Some(found) = Layers::of(&medium.spec)
                && !layers.is_empty()
                && !layers.contains(&found)
            {
                return Err(changed(0, medium.content.len));
            }
        }
        Ok(())
    }

    /// Opens all media as they were when they were inserted; nothing is ever written to the images.
    pub(crate) fn library(&self) -> Result<BTreeMap<u32, Inserted>, RecordingError> {
        let mut library = BTreeMap::new();
        for (epoch, medium, bytes) in self.media() {
            let mut spec = medium.spec.clone();
            spec.bytes = bytes.cloned();
            if self.packed.is_some() && spec.path.is_some() {
                let blocks = self.packed_blocks.get(&medium.ordinal).cloned().unwrap_or_default();
                let base = PackedImage { len: medium.content.len, blocks };
                let store = Store::private(medium.ordinal, Box::new(base), medium.read_only);
                let store = Arc::new(Mutex::new(store));
                library.insert(medium.ordinal, Inserted { store, role: medium.role, spec });
                continue;
            }
            let base = image::open_untouched(medium.role, &spec)?;
            let blocks = self.old_blocks(medium);
            let base = Patched { base, blocks: blocks.clone() };
            let mut store = Store::private(medium.ordinal, Box::new(base), medium.read_only);
            store.set_under(blocks);
            let found = store.content().map_err(|e| RecordingError::Image(medium.name(), e))?;
            if let Some(place) = medium.content.difference(&found) {
                return Err(RecordingError::Medium {
                    epoch,
                    slot: medium.slot,
                    name: medium.name(),
                    start: place.start,
                    end: place.end,
                });
            }
            let store = Arc::new(Mutex::new(store));
            library.insert(medium.ordinal, Inserted { store, role: medium.role, spec });
        }
        Ok(library)
    }
}

/// An image of which a pack has some blocks.
struct PackedImage {
    len: u64,
    blocks: PageTable,
}

impl Medium for PackedImage {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_only(&self) -> bool {
        true
    }

    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        let last = at.saturating_add(buf.len() as u64).saturating_sub(1);
        let block = PAGE as u64;
        if !(at / block..=last / block).all(|b| self.blocks.get(b).is_some()) {
            return Err(MediumError::Absent);
        }
        overlay(&self.blocks, at, buf);
        Ok(())
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> Result<(), MediumError> {
        Err(MediumError::ReadOnly)
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        Ok(())
    }
}

/// An image with some blocks as they were.
struct Patched {
    base: Box<dyn Medium>,
    blocks: PageTable,
}

impl Medium for Patched {
    fn len(&self) -> u64 {
        self.base.len()
    }

    fn read_only(&self) -> bool {
        true
    }

    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), MediumError> {
        Over { base: self.base.as_mut(), blocks: &self.blocks }.read_at(at, buf)
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> Result<(), MediumError> {
        Err(MediumError::ReadOnly)
    }

    fn flush(&mut self) -> Result<(), MediumError> {
        Ok(())
    }
}
