//! The media in the drives: which image each drive holds, and the way to all of them for snapshots, recordings and
//! replays.
//!
//! Media are numbered in the order in which they are inserted. The numbers and the digests of what was written are
//! part of the machine's state; the images themselves are the host's.

pub mod content;
pub(crate) mod store;

use crate::config::ImageSpec;
use crate::error::{MachineError, Role};
use crate::image;
use crate::machine::Machine;
use rewind86_devices::ide::Position;
use rewind86_devices::medium::{Medium, MemMedium};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use store::{Handle, SharedGuard, Store, lock};

/// A place for a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Slot {
    /// A: is 0, B: is 1.
    Floppy(u8),
    /// A device of an IDE channel.
    Ide {
        /// 0 = primary.
        channel: u8,
        /// 0 = master.
        device: u8,
    },
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Floppy(0) => f.write_str("floppy A:"),
            Self::Floppy(_) => f.write_str("floppy B:"),
            Self::Ide { channel, device } => {
                let channel = if *channel == 0 { "primary" } else { "secondary" };
                let device = if *device == 0 { "master" } else { "slave" };
                write!(f, "IDE {channel} {device}")
            }
        }
    }
}

impl From<Position> for Slot {
    fn from(p: Position) -> Self {
        Self::Ide { channel: p.channel, device: p.device }
    }
}

/// A medium as the machine's state knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    ordinal: u32,
    digest: u64,
}

/// What is serialised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct MediaState {
    next: u32,
    slots: Vec<(Slot, Held)>,
}

/// A medium that a drive holds, with how it was opened.
#[derive(Clone)]
pub(crate) struct Inserted {
    pub store: Arc<Mutex<Store>>,
    pub role: Role,
    pub spec: ImageSpec,
}

/// Bytes of the medium that stands for an unknown one.
const BLANK: usize = 1_474_560;

/// Whether writes change files of the host.
pub(crate) fn written_in_place(spec: &ImageSpec) -> bool {
    spec.path.is_some() && !spec.read_only && (spec.overlay.is_some() || !spec.discard_writes)
}

/// What each drive is to hold.
pub(crate) type Sides = Vec<(Slot, Box<dyn Medium>)>;

/// All media.
#[derive(Default)]
pub(crate) struct Media {
    next: u32,
    slots: BTreeMap<Slot, Inserted>,
    /// After loading a state: what the slots hold, until the stores are connected.
    pending: BTreeMap<Slot, Held>,
    /// In a replay, all media of the recording by number.
    library: BTreeMap<u32, Inserted>,
    guard: Option<SharedGuard>,
}

impl Serialize for Media {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let held = |i: &Inserted| {
            let store = lock(&i.store);
            Held { ordinal: store.ordinal(), digest: store.digest() }
        };
        let slots = self.slots.iter().map(|(slot, i)| (*slot, held(i))).collect();
        MediaState { next: self.next, slots }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Media {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let state = MediaState::deserialize(d)?;
        Ok(Self { next: state.next, pending: state.slots.into_iter().collect(), ..Self::default() })
    }
}

impl Media {
    /// Opens the medium for `slot` and remembers it; the drive gets the returned side of it.
    pub fn open(&mut self, slot: Slot, role: Role, spec: &ImageSpec) -> Result<Box<dyn Medium>, MachineError> {
        self.slots.remove(&slot);
        let inserted = match self.library.get(&self.next) {
            Some(known) => {
                // A replay that comes by here again finds the medium as it was inserted.
                let _ = lock(&known.store).set_blocks(&Default::default(), 0);
                known.clone()
            }
            None => {
                let store = if self.library.is_empty() {
                    let mut store = Store::new(self.next, image::open(role, spec)?);
                    store.set_guard(self.guard.clone().filter(|_| written_in_place(spec)));
                    store
                } else {
                    // A medium that was gone before the recording started; the state that is loaded says so.
                    Store::private(self.next, Box::new(MemMedium { data: vec![0; BLANK], read_only: true }), true)
                };
                Inserted { store: Arc::new(Mutex::new(store)), role, spec: spec.clone() }
            }
        };
        self.next = self.next.saturating_add(1);
        let handle = Handle(Arc::clone(&inserted.store));
        self.slots.insert(slot, inserted);
        Ok(Box::new(handle))
    }

    /// The medium was taken out of `slot`.
    pub fn remove(&mut self, slot: Slot) {
        self.slots.remove(&slot);
    }

    /// The media in the drives.
    pub fn inserted(&self) -> impl Iterator<Item = (Slot, &Inserted)> {
        self.slots.iter().map(|(slot, i)| (*slot, i))
    }

    /// The medium in `slot`.
    pub fn get(&self, slot: Slot) -> Option<&Inserted> {
        self.slots.get(&slot)
    }

    /// A drive, and where in its medium the guest read what a pack has no copy of, since this was last asked.
    pub fn take_absent(&self) -> Option<(Slot, u64)> {
        self.slots.iter().find_map(|(slot, i)| Some((*slot, lock(&i.store).take_absent()?)))
    }

    /// Offers the media that a replay will meet, by number.
    pub fn set_library(&mut self, library: BTreeMap<u32, Inserted>) {
        self.library = library;
    }

    /// From here on `guard` sees what is overwritten, in these media and in later ones.
    pub fn set_guard(&mut self, guard: Option<SharedGuard>) {
        for inserted in self.slots.values() {
            lock(&inserted.store).set_guard(guard.clone().filter(|_| written_in_place(&inserted.spec)));
        }
        self.guard = guard;
    }

    /// After `self` was replaced by a loaded state: takes the stores over from `old` and answers with the drives'
    /// sides of them. `Err` names a slot whose medium is not there.
    pub fn reconnect(&mut self, old: Self) -> Result<Sides, Slot> {
        self.library = old.library;
        self.guard = old.guard;
        let mut known: BTreeMap<u32, Inserted> = self.library.clone();
        for inserted in old.slots.into_values() {
            let ordinal = lock(&inserted.store).ordinal();
            known.entry(ordinal).or_insert(inserted);
        }
        let mut handles: Sides = Vec::new();
        for (slot, held) in std::mem::take(&mut self.pending) {
            let inserted = known.get(&held.ordinal).cloned().ok_or(slot)?;
            lock(&inserted.store).set_digest(held.digest);
            handles.push((slot, Box::new(Handle(Arc::clone(&inserted.store)))));
            self.slots.insert(slot, inserted);
        }
        Ok(handles)
    }

    /// Replaces the medium of `slot`, before a state is loaded that will name it by `ordinal`.
    pub fn place(&mut self, slot: Slot, inserted: Inserted) {
        self.slots.insert(slot, inserted);
    }
}

impl Machine {
    /// The media in the drives, and whether the guest may only read them.
    pub fn media(&self) -> Vec<(Slot, bool)> {
        self.board.media.inserted().map(|(slot, i)| (slot, lock(&i.store).read_only())).collect()
    }

    /// Writes what the medium in `slot` holds at this moment, as a raw image.
    ///
    /// # Errors
    /// An empty drive; what the image or `out` says.
    pub fn copy_medium(&self, slot: Slot, out: &mut dyn Write) -> io::Result<()> {
        let inserted = self.board.media.get(slot).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        lock(&inserted.store).copy_to(out)
    }
}
