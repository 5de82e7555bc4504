//! The reading side inside a machine: events come at their moments, and the hashes are compared.

use super::event::{Epoch, Event, Moment};
use super::recorder::next_multiple;
use super::recording::Recording;
use crate::hash;
use crate::machine::{Machine, RunExit};
use std::fmt;
use std::sync::Arc;

/// Where a replay left the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The epoch, counted from 1; the one that ends at `at`.
    pub epoch: u64,
    /// The last place at which all was equal.
    pub good: Moment,
    /// The place at which it was not.
    pub at: Moment,
    /// The components that differ.
    pub components: Vec<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the run is not the recorded one: epoch {}, instructions {} to {}, component {}",
            self.epoch,
            self.good.icount,
            self.at.icount,
            self.components.join(", ")
        )
    }
}

/// A machine's player.
#[derive(Clone)]
pub(crate) struct Player {
    pub recording: Arc<Recording>,
    /// Number of the next event.
    pub next: usize,
    /// Compare the hashes at each epoch.
    pub check: bool,
    /// How the run ended, once it has.
    pub ended: Option<RunExit>,
}

impl Player {
    pub fn new(recording: Arc<Recording>, check: bool) -> Self {
        Self { recording, next: 0, check, ended: None }
    }

    /// The tick at which something comes: the next event, or the end.
    pub fn next_tick(&self) -> u64 {
        self.recording.events().get(self.next).map_or(self.recording.end().tick, |(at, _)| at.tick)
    }

    /// Takes the next event if it is due at `tick`.
    pub fn due(&mut self, tick: u64) -> Option<Event> {
        let (at, event) = self.recording.events().get(self.next)?;
        if at.tick > tick {
            return None;
        }
        self.next += 1;
        Some(event.clone())
    }

    /// All events are played and the end is reached.
    pub fn at_end(&self, tick: u64) -> bool {
        self.next >= self.recording.events().len() && tick >= self.recording.end().tick
    }

    /// The next instruction count at which hashes are compared.
    pub fn next_epoch(&self, icount: u64) -> u64 {
        if self.check { next_multiple(icount, self.recording.settings().interval) } else { u64::MAX }
    }
}

impl Machine {
    /// Compares the hashes at an epoch; `None` when they are equal or the recording has none for this place.
    pub(crate) fn check_epoch(&mut self) -> Option<Divergence> {
        let at = self.moment();
        let recording = Arc::clone(&self.player.as_ref()?.recording);
        let n = recording.epoch_at(at.icount)?;
        let epoch: &Epoch = recording.epochs().get(n)?;
        let parts = self.state_hashes();
        if hash::combine(&parts) == epoch.hash && at == epoch.at {
            return None;
        }
        let expected = recording.component_hashes(n);
        let names = &recording.settings().components;
        let mut components: Vec<String> = parts
            .iter()
            .enumerate()
            .filter(|(i, (name, hash))| {
                names.get(*i).map(String::as_str) != Some(name) || expected.get(*i) != Some(&(*hash as u32))
            })
            .map(|(_, (name, _))| (*name).to_string())
            .collect();
        if at.tick != epoch.at.tick && components.is_empty() {
            components.push("clock".into());
        }
        let good = n.checked_sub(1).and_then(|n| recording.epochs().get(n)).map_or(recording.settings().at, |e| e.at);
        Some(Divergence { epoch: n as u64 + 1, good, at, components })
    }

    /// Compares the hash at the end; `None` when it is equal or the recording was cut off.
    pub(crate) fn check_end(&mut self) -> Option<Divergence> {
        let recording = Arc::clone(&self.player.as_ref()?.recording);
        let end = recording.last_hash()?;
        let parts = self.state_hashes();
        let at = self.moment();
        if hash::combine(&parts) == end.hash && at == end.at {
            return None;
        }
        let differing = parts.iter().zip(&end.hashes).filter(|((_, a), b)| a != *b);
        let components = differing.map(|((name, _), _)| (*name).to_string()).collect();
        let good = recording.epochs().last().map_or(recording.settings().at, |e| e.at);
        Some(Divergence { epoch: recording.epochs().len() as u64 + 1, good, at, components })
    }
}
