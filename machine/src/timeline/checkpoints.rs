//! The checkpoints of a timeline: an even grid, and a few near the last wanted place.

use super::TimelineOptions;
use crate::record::event::Moment;
use crate::record::recorder::next_multiple;
use crate::state::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checkpoints off the grid that are kept.
const NEAR_KEPT: usize = 24;
/// Checkpoints between two counts of the memory that they hold.
const COUNT_EVERY: usize = 16;

/// A moment that can be gone back to: the first one at its instruction count.
#[derive(Clone)]
pub(crate) struct Checkpoint {
    pub at: Moment,
    /// Number of the next event.
    pub next: usize,
    /// On the grid.
    pub grid: bool,
    pub state: Arc<State>,
}

impl Checkpoint {
    /// Its instruction count.
    pub fn icount(&self) -> u64 {
        self.at.icount
    }
}

/// All of them.
pub(crate) struct Checkpoints {
    all: BTreeMap<u64, Checkpoint>,
    /// Off the grid, oldest first.
    near: Vec<u64>,
    memory: u64,
    spacing: u64,
    uncounted: usize,
}

impl Checkpoints {
    pub fn new(options: &TimelineOptions) -> Self {
        Self {
            all: BTreeMap::new(),
            near: Vec::new(),
            memory: options.memory,
            spacing: options.spacing.max(1),
            uncounted: 0,
        }
    }

    pub fn has(&self, icount: u64) -> bool {
        self.all.contains_key(&icount)
    }

    /// The last one at or before `icount`.
    pub fn before(&self, icount: u64) -> Option<Checkpoint> {
        self.all.range(..=icount).next_back().map(|(_, c)| c.clone())
    }

    /// The next place of the grid behind `icount` that has no checkpoint.
    pub fn next_on_grid(&self, icount: u64) -> u64 {
        let mut at = icount;
        loop {
            at = next_multiple(at, self.spacing);
            if at == u64::MAX || !self.has(at) {
                return at;
            }
        }
    }

    /// Whether there is one between `at` and half the way from it to `goal`.
    pub fn covers(&self, at: u64, goal: u64) -> bool {
        self.all.range(at..=at + goal.saturating_sub(at) / 2).next().is_some()
    }

    /// Adds one, and drops others when there are too many.
    pub fn add(&mut self, checkpoint: Checkpoint) {
        let icount = checkpoint.at.icount;
        if !checkpoint.grid {
            self.near.push(icount);
        }
        self.all.insert(icount, checkpoint);
        while self.near.len() > NEAR_KEPT {
            let oldest = self.near.remove(0);
            self.all.remove(&oldest);
        }
        self.uncounted += 1;
        if self.uncounted >= COUNT_EVERY {
            self.uncounted = 0;
            while self.usage().0 > self.memory && self.all.len() > 2 {
                if !self.thin() {
                    break;
                }
            }
        }
    }

    /// Doubles the spacing and drops what is not on the wider grid; false when nothing is left to drop.
    fn thin(&mut self) -> bool {
        let first = self.all.keys().next().copied();
        if self.near.len() > NEAR_KEPT / 2 {
            for icount in self.near.drain(..NEAR_KEPT / 2) {
                self.all.remove(&icount);
            }
            return true;
        }
        self.spacing = self.spacing.saturating_mul(2);
        let spacing = self.spacing;
        let before = self.all.len();
        self.all.retain(|at, c| !c.grid || at.is_multiple_of(spacing) || Some(*at) == first);
        self.all.len() < before || self.spacing < u64::MAX / 4
    }

    /// Bytes that they hold together, and how many there are.
    pub fn usage(&self) -> (u64, usize) {
        (State::total_bytes(self.all.values().map(|c| &*c.state)) as u64, self.all.len())
    }
}
