//! Snapshots: the whole machine at any moment, in one file.
//!
//! A snapshot is a [container](crate::container) with the machine's description ([`crate::identity`]), every component
//! of the board in its serialised form, the pages of memory that are not zero, and for each medium the blocks that the
//! guest wrote. The images themselves are not in it: a medium is the image as it is found, with the written blocks
//! laid over it, and the result must hash to what it was. So an image that the run has written in place, one
//! that was restored from a copy, and one behind an overlay all serve; one that somebody else changed does not.
//!
//! A file is treated as hostile; see [`crate::container`] and [`crate::state`].

#[cfg(test)]
mod tests;

use crate::config::MachineConfig;
use crate::container::{ContainerError, Reader, Writer};
use crate::error::MachineError;
use crate::identity::{Difference, Identity, MediumId, initial_specs};
use crate::image;
use crate::machine::Machine;
use crate::media::store::{Store, lock};
use crate::media::{Inserted, Slot};
use crate::state::pages::PAGE;
use crate::state::{CPU, State, StateError};
use rewind86_devices::medium::MediumError;
use std::sync::{Arc, Mutex};
use thiserror::Error;

pub(crate) const MAGIC: &[u8; 8] = b"R86SNAP\x1a";
/// Changes with the form of any component.
pub(crate) const VERSION: u32 = 1;
const KIND: &str = "a snapshot of this program";

/// Why a snapshot cannot be written or loaded. To be preceded by the file's name.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The file itself.
    #[error("{0}; take the snapshot again")]
    File(#[from] ContainerError),
    /// Another machine.
    #[error("was taken on another machine: {0}; start with the same options, or with none")]
    Machine(Difference),
    /// An image holds something else.
    #[error(
        "does not fit the image {name} in {slot}: it differs in bytes {start} to {end}; give the image that the snapshot was taken with"
    )]
    Medium {
        /// The drive.
        slot: Slot,
        /// The image.
        name: String,
        /// First byte of the part that differs.
        start: u64,
        /// Byte behind it.
        end: u64,
    },
    /// The drive is empty or missing.
    #[error("needs the image {name} in {slot}; give it with {flag}")]
    NoMedium {
        /// The drive.
        slot: Slot,
        /// The image.
        name: String,
        /// The option that inserts it.
        flag: &'static str,
    },
    /// An image could not be read.
    #[error("needs the image in {0}, which fails: {1}; check the file")]
    Image(Slot, MediumError),
    /// The content does not fit the machine.
    #[error("{0}; take it again with this version")]
    State(#[from] StateError),
    /// The machine could not be built.
    #[error("needs its machine: {0}")]
    Build(#[from] MachineError),
}

/// A snapshot that was read but not yet loaded.
pub struct Snapshot {
    identity: Identity,
    state: State,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut reader = Reader::new(bytes, MAGIC, VERSION, KIND)?;
        let identity = Identity::decode(&mut reader)?;
        let mut state = State::default();
        state.decode(&mut reader, identity.config.memory / PAGE as u64)?;
        Ok(Self { identity, state })
    }

    /// The machine that it was taken on.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The settings of that machine.
    pub fn config(&self) -> &MachineConfig {
        &self.identity.config
    }

    /// Builds the machine that `cfg` describes, checks that it is the snapshot's, and goes to the snapshot's moment.
    ///
    /// # Errors
    /// [`SnapshotError`] says what does not fit.
    pub fn load(&self, cfg: &MachineConfig) -> Result<Machine, SnapshotError> {
        let mut machine = Machine::new(cfg)?;
        let here =
            Identity { program: String::new(), config: cfg.clone(), files: machine.files.clone(), media: Vec::new() };
        if let Some(difference) = self.identity.difference(&here) {
            return Err(SnapshotError::Machine(difference));
        }
        let initial = initial_specs(&mut self.identity.config.clone()).count() as u32;
        let stale: Vec<Slot> = machine.board.media.inserted().map(|(slot, _)| slot).collect();
        for slot in stale {
            let kept = |m: &MediumId| m.slot == slot && m.ordinal < initial;
            if !self.identity.media.iter().any(kept) {
                machine.eject_silently(slot);
            }
        }
        for medium in &self.identity.media {
            if medium.ordinal >= initial {
                machine.eject_silently(medium.slot);
                let store = Store::new(medium.ordinal, image::open(medium.role, &medium.spec)?);
                let inserted =
                    Inserted { store: Arc::new(Mutex::new(store)), role: medium.role, spec: medium.spec.clone() };
                machine.board.media.place(medium.slot, inserted);
            }
            self.check_medium(&machine, medium)?;
        }
        machine.restore(&Arc::new(self.state.clone()))?;
        machine.base = None;
        self.check_canonical(&mut machine)?;
        Ok(machine)
    }

    /// The image with the snapshot's blocks holds what the medium held.
    fn check_medium(&self, machine: &Machine, medium: &MediumId) -> Result<(), SnapshotError> {
        let slot = medium.slot;
        let name = medium.name();
        let Some(inserted) = machine.board.media.get(slot) else {
            return Err(SnapshotError::NoMedium { slot, name, flag: medium.role.flag() });
        };
        let mut store = lock(&inserted.store);
        if store.ordinal() != medium.ordinal {
            return Err(SnapshotError::NoMedium { slot, name, flag: medium.role.flag() });
        }
        let empty = Default::default();
        let blocks = self.state.media.get(&medium.ordinal).unwrap_or(&empty);
        let content = store.content_with(blocks).map_err(|e| SnapshotError::Image(slot, e))?;
        match medium.content.difference(&content) {
            None => Ok(()),
            Some(place) => Err(SnapshotError::Medium { slot, name, start: place.start, end: place.end }),
        }
    }

    /// What was loaded serialises to what was in the file: otherwise a component has another form here.
    fn check_canonical(&self, machine: &mut Machine) -> Result<(), SnapshotError> {
        let again = machine.component_blobs();
        for (name, blob) in &again {
            if self.state.components.get(*name).is_none_or(|b| b.bytes() != *blob) {
                return Err(StateError::Component(name).into());
            }
        }
        Ok(())
    }
}

impl Machine {
    /// Writes a snapshot of this moment.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub fn save(&mut self) -> Result<Vec<u8>, SnapshotError> {
        let mut state = self.capture_whole()?;
        // The past of a disk that was written in place: the image file is not what it was then.
        for (slot, inserted) in self.board.media.inserted() {
            let mut store = lock(&inserted.store);
            let blocks = store.blocks_over_file().map_err(|e| SnapshotError::Image(slot, e))?;
            state.media.insert(store.ordinal(), blocks);
        }
        let identity = self.identity().map_err(|(slot, e)| SnapshotError::Image(slot, e))?;
        let mut out = Writer::new(MAGIC, VERSION);
        identity.encode(&mut out);
        state.encode(&State::default(), &mut out);
        Ok(out.finish())
    }

    /// Builds the machine that `cfg` describes at the moment of a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError`] says what is wrong with the file, or what does not fit the machine.
    pub fn load(cfg: &MachineConfig, bytes: &[u8]) -> Result<Self, SnapshotError> {
        Snapshot::parse(bytes)?.load(cfg)
    }

    /// Drops the medium in `slot` without the guest's knowledge, before a state is loaded.
    fn eject_silently(&mut self, slot: Slot) {
        match slot {
            Slot::Floppy(n) => drop(self.board.fdc.eject(n)),
            Slot::Ide { channel, device } => {
                let at = rewind86_devices::ide::Position { channel, device };
                if let Some(cdrom) = self.board.ide.cdrom(at) {
                    cdrom.eject(true);
                }
            }
        }
        self.board.media.remove(slot);
    }

    /// The components in their serialised form.
    fn component_blobs(&self) -> Vec<(&'static str, Vec<u8>)> {
        struct Blobs(Vec<(&'static str, Vec<u8>)>);
        impl crate::board::Visit for Blobs {
            fn component<T: serde::Serialize>(&mut self, name: &'static str, value: &T) {
                self.0.push((name, postcard::to_stdvec(value).unwrap_or_default()));
            }
        }
        let mut blobs = Blobs(Vec::new());
        crate::board::Visit::component(&mut blobs, CPU, &self.cpu.save());
        self.board.visit(&mut blobs);
        blobs.0
    }
}
