//! A moment of the whole machine: the components in their serialised form, the pages of memory, the written blocks of
//! the media. What snapshots, checkpoints and keyframes are made of.
//!
//! States that are taken one after the other share everything that did not change between them. Nothing in a state is
//! a cache: translations and decoded code are left behind and come again.

pub(crate) mod encode;
pub(crate) mod pages;
pub(crate) mod tracker;

use crate::board::{Misfit, Replace, Visit};
use crate::machine::Machine;
use crate::media::Slot;
use crate::media::store::lock;
use pages::{PAGE, Page, PageTable, page};
use rewind86_cpu::CpuState;
use rewind86_devices::medium::MediumError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Name of the processor's component.
pub(crate) const CPU: &str = "cpu";

/// Why a state does not fit a machine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// A component of this machine is not in the state.
    #[error("has no component {0}")]
    Missing(&'static str),
    /// A component cannot be read, or is of another version of this program.
    #[error("component {0} does not fit this version of the program")]
    Component(&'static str),
    /// The drive that holds a medium has none now.
    #[error("the medium in {0} is not there")]
    Medium(Slot),
    /// The number of something differs.
    #[error("the machine has another number of {0}")]
    Count(&'static str),
    /// An image could not be read or written.
    #[error("the image in {0}: {1}")]
    Image(Slot, MediumError),
}

/// Bytes of a component, in pieces that unchanged moments share.
#[derive(Clone, Default)]
pub(crate) struct Blob {
    pieces: Vec<Arc<[u8]>>,
}

impl Blob {
    /// `bytes`, sharing what is equal in `old`.
    pub fn new(bytes: &[u8], old: Option<&Self>) -> Self {
        let pieces = bytes.chunks(PAGE).enumerate().map(|(i, piece)| {
            let same = old.and_then(|o| o.pieces.get(i)).filter(|p| ***p == *piece);
            same.map_or_else(|| Arc::from(piece), Arc::clone)
        });
        Self { pieces: pieces.collect() }
    }

    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn addresses(&self, out: &mut Vec<(usize, usize)>) {
        out.extend(self.pieces.iter().map(|p| (Arc::as_ptr(p).cast::<u8>().addr(), p.len())));
    }
}

/// A moment.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// The components by name, the processor among them.
    pub components: BTreeMap<String, Blob>,
    /// RAM; pages that are not there are zero.
    pub ram: PageTable,
    /// The written blocks of the media in the drives, by number.
    pub media: BTreeMap<u32, PageTable>,
}

impl State {
    /// Adds up the bytes that the states hold together.
    pub fn total_bytes<'a>(states: impl Iterator<Item = &'a Self>) -> usize {
        let (mut pages, mut blobs) = (Vec::new(), Vec::new());
        for state in states {
            state.ram.addresses(&mut pages);
            state.media.values().for_each(|m| m.addresses(&mut pages));
            state.components.values().for_each(|b| b.addresses(&mut blobs));
            pages.sort_unstable();
            pages.dedup();
            blobs.sort_unstable();
            blobs.dedup();
        }
        pages.len() * PAGE + blobs.iter().map(|(_, len)| len).sum::<usize>()
    }
}

/// Serialises the components.
struct Saver<'a> {
    old: Option<&'a State>,
    out: BTreeMap<String, Blob>,
}

impl Visit for Saver<'_> {
    fn component<T: Serialize>(&mut self, name: &'static str, value: &T) {
        // Serialising into memory fails only for types that postcard cannot express; no component is one.
        let bytes = postcard::to_stdvec(value).unwrap_or_default();
        let old = self.old.and_then(|s| s.components.get(name));
        self.out.insert(name.to_string(), Blob::new(&bytes, old));
    }
}

/// Reads the components back.
struct Loader<'a>(&'a State);

impl Loader<'_> {
    fn read<T: Serialize + DeserializeOwned>(&self, name: &'static str) -> Result<T, StateError> {
        let bytes = self.0.components.get(name).ok_or(StateError::Missing(name))?.bytes();
        postcard::from_bytes(&bytes).map_err(|_| StateError::Component(name))
    }
}

impl Replace for Loader<'_> {
    type Error = StateError;

    fn component<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        place: &mut T,
    ) -> Result<(), StateError> {
        *place = self.read(name)?;
        Ok(())
    }
}

impl Machine {
    /// Number of pages of RAM.
    fn ram_pages(&self) -> u32 {
        (self.mem.ram_len() / PAGE) as u32
    }

    fn ram_page(&self, index: u32) -> Option<Page> {
        let bytes = self.mem.page(index);
        bytes.iter().any(|b| *b != 0).then(|| page(bytes))
    }

    /// This moment. It shares with `old`, a state of this machine, what is equal by chance or by sharing.
    fn capture_parts(&mut self, old: Option<&State>, ram: PageTable) -> Result<State, StateError> {
        let mut saver = Saver { old, out: BTreeMap::new() };
        saver.component(CPU, &self.cpu.save());
        self.board.visit(&mut saver);
        let mut media = BTreeMap::new();
        for (slot, inserted) in self.board.media.inserted() {
            let mut store = lock(&inserted.store);
            let blocks = store.blocks().map_err(|e| StateError::Image(slot, e))?;
            media.insert(store.ordinal(), blocks);
        }
        Ok(State { components: saver.out, ram, media })
    }

    /// This moment, complete and apart from all others.
    pub(crate) fn capture_whole(&mut self) -> Result<State, StateError> {
        let mut ram = PageTable::default();
        for index in 0..self.ram_pages() {
            ram.set(u64::from(index), self.ram_page(index));
        }
        self.capture_parts(None, ram)
    }

    /// This moment, sharing what did not change since the last call or [`Machine::restore`].
    pub(crate) fn capture(&mut self) -> Result<Arc<State>, StateError> {
        self.tracker.collect(&mut self.mem);
        let state = match self.base.take() {
            None => {
                self.tracker.state.drain(|_| {});
                self.capture_whole()?
            }
            Some(base) => {
                let mut dirty = Vec::new();
                let pages = self.ram_pages();
                self.tracker.state.drain(|index| dirty.push(index));
                let mut ram = base.ram.clone();
                for index in dirty.into_iter().filter(|i| *i < pages) {
                    let new = self.ram_page(index);
                    let same = match (ram.get(u64::from(index)), &new) {
                        (Some(old), Some(new)) => old == new,
                        (None, None) => true,
                        _ => false,
                    };
                    if !same {
                        ram.set(u64::from(index), new);
                    }
                }
                self.capture_parts(Some(&base), ram)?
            }
        };
        let state = Arc::new(state);
        self.base = Some(Arc::clone(&state));
        Ok(state)
    }

    /// Goes to another moment. After an error the machine is unusable.
    pub(crate) fn restore(&mut self, state: &Arc<State>) -> Result<(), StateError> {
        self.tracker.collect(&mut self.mem);
        let pages = self.ram_pages();
        let mut changed: Vec<u32> = Vec::new();
        match self.base.take() {
            None => {
                self.tracker.state.drain(|_| {});
                changed.extend(0..pages);
            }
            Some(base) => {
                self.tracker.state.drain(|index| changed.push(index));
                let differing = base.ram.differing(&state.ram);
                changed.extend(differing.iter().filter_map(|i| u32::try_from(*i).ok()));
                changed.sort_unstable();
                changed.dedup();
            }
        }
        for index in changed.into_iter().filter(|i| *i < pages) {
            let new: &[u8; PAGE] = state.ram.get(u64::from(index)).map_or(&[0; PAGE], |p| p);
            if self.mem.page(index) != new {
                self.mem.write_backing(index, 0, new);
            }
        }
        self.tracker.collect(&mut self.mem);
        self.tracker.state.drain(|_| {});

        let mut loader = Loader(state);
        let cpu: CpuState = loader.read(CPU)?;
        self.board.replace(&mut loader, &mut self.mem).map_err(|e| match e {
            Misfit::Source(e) => e,
            Misfit::Medium(slot) => StateError::Medium(slot),
            Misfit::Count(what) => StateError::Count(what),
        })?;
        for (slot, inserted) in self.board.media.inserted() {
            let mut store = lock(&inserted.store);
            let digest = store.digest();
            if let Some(blocks) = state.media.get(&store.ordinal()) {
                store.set_blocks(blocks, digest).map_err(|e| StateError::Image(slot, e))?;
            }
        }
        self.cpu.load(&cpu);
        self.cpu.flush_translations();
        self.board.settle(&mut self.cpu.lines);
        self.base = Some(Arc::clone(state));
        Ok(())
    }
}
