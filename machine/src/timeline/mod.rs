//! A recording as a place to walk in: any instruction count, forwards and backwards.
//!
//! A [`Timeline`] owns a machine that plays a recording. On its way it leaves checkpoints, which share unchanged pages
//! with each other; going back restores the last one before the wanted place and runs from there. Two kinds are kept:
//! an even grid over the whole recording, from which every other one is dropped when memory runs short, and a few close
//! before the place that was last gone to, so that single steps backwards cost little.
//!
//! `goto(n)` stands at the first moment at which `n` instructions have retired: before idle time, before events that
//! came at that moment, before the interrupt that instruction `n` may let in.

mod checkpoints;

use crate::machine::{Machine, RunExit};
use crate::media::{Inserted, Media};
use crate::record::event::Moment;
use crate::record::player::{Divergence, Player};
use crate::record::{Recording, RecordingError};
use crate::state::StateError;
pub(crate) use checkpoints::Checkpoint;
use checkpoints::Checkpoints;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// Memory for checkpoints when nothing else is asked for.
pub const DEFAULT_MEMORY: u64 = 1 << 30;
/// Instructions between the checkpoints of the grid, as long as memory suffices.
pub const DEFAULT_SPACING: u64 = 16 << 20;
/// Distances before a wanted place at which checkpoints are left on the way.
const NEAR: [u64; 4] = [1 << 20, 64 << 10, 4 << 10, 256];

/// How a timeline is walked.
#[derive(Clone, Debug)]
pub struct TimelineOptions {
    /// Bytes for checkpoints.
    pub memory: u64,
    /// Instructions between checkpoints.
    pub spacing: u64,
    /// Compare the hashes on the way; a difference ends a run with [`RunExit::Diverged`].
    pub check: bool,
    /// Ops per decoded block, 1 to 64, never visible.
    pub block_ops: usize,
}

impl Default for TimelineOptions {
    fn default() -> Self {
        Self { memory: DEFAULT_MEMORY, spacing: DEFAULT_SPACING, check: false, block_ops: 64 }
    }
}

/// Why a place cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GotoError {
    /// Before the start.
    #[error("instruction {0} is before the start of the recording")]
    BeforeStart(u64),
    /// Behind the end.
    #[error("instruction {0} is behind the end of the recording")]
    BehindEnd(u64),
    /// The run is not the recorded one.
    #[error("the run is not the recorded one from instruction {} to {}", .0.good.icount, .0.at.icount)]
    Diverged(Box<Divergence>),
    /// A checkpoint could not be restored.
    #[error("a checkpoint {0}")]
    State(#[from] StateError),
    /// A breakpoint or another end of a run came first.
    #[error("the run stopped at instruction {icount}: {exit:?}")]
    Stopped {
        /// Where.
        icount: u64,
        /// Why.
        exit: RunExit,
    },
}

/// A recording and a machine in it.
pub struct Timeline {
    recording: Arc<Recording>,
    machine: Machine,
    checkpoints: Checkpoints,
    /// The machine stands at the first moment of its instruction count.
    first_moment: bool,
}

impl Timeline {
    /// Opens a recording at its start.
    ///
    /// # Errors
    /// What is wrong with the recording, its machine or its media.
    pub fn open(path: &Path, options: TimelineOptions) -> Result<Self, RecordingError> {
        Self::new(Arc::new(Recording::open(path)?), options)
    }

    /// Starts at the start of a recording.
    ///
    /// # Errors
    /// As [`Timeline::open`].
    pub fn new(recording: Arc<Recording>, options: TimelineOptions) -> Result<Self, RecordingError> {
        let mut machine = recording.machine(options.block_ops)?;
        machine.player = Some(Player::new(Arc::clone(&recording), options.check));
        let checkpoints = Checkpoints::new(&options);
        let mut timeline = Self { recording, machine, checkpoints, first_moment: true };
        timeline.leave_checkpoint(true)?;
        Ok(timeline)
    }

    /// The recording.
    pub fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }

    /// The first instruction count.
    pub fn start(&self) -> u64 {
        self.recording.settings().at.icount
    }

    /// The last instruction count.
    pub fn end(&self) -> u64 {
        self.recording.end().icount
    }

    /// The last place.
    pub fn end_moment(&self) -> Moment {
        self.recording.end()
    }

    /// Where the machine stands.
    pub fn icount(&self) -> u64 {
        self.machine.icount()
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The machine. Running it plays the recording too, but leaves no checkpoints.
    pub fn machine_mut(&mut self) -> &mut Machine {
        self.first_moment = false;
        &mut self.machine
    }

    /// From here on hashes are not compared.
    pub fn stop_checking(&mut self) {
        if let Some(player) = &mut self.machine.player {
            player.check = false;
            player.ended = None;
        }
    }

    /// Gives the machine away, for a run that leaves the recording.
    pub fn into_machine(self) -> Machine {
        self.machine
    }

    /// Goes to the first moment at which `icount` instructions have retired.
    ///
    /// # Errors
    /// [`GotoError`]; the machine stands somewhere in the recording then.
    pub fn goto(&mut self, icount: u64) -> Result<(), GotoError> {
        if icount < self.start() {
            return Err(GotoError::BeforeStart(icount));
        }
        if icount > self.end() {
            return Err(GotoError::BehindEnd(icount));
        }
        let here = self.machine.icount();
        if here == icount && self.first_moment {
            return Ok(());
        }
        let from = self.checkpoints.before(icount);
        let go_on = here < icount && from.as_ref().is_none_or(|c| c.at.icount <= here);
        if !go_on && let Some(checkpoint) = from {
            self.restore(&checkpoint)?;
        }
        let mut stops: Vec<u64> = NEAR.iter().filter_map(|d| icount.checked_sub(*d)).collect();
        stops.retain(|at| *at > self.machine.icount() && !self.checkpoints.covers(*at, icount));
        stops.push(icount);
        for stop in stops {
            self.forward(stop)?;
            if stop != icount {
                self.leave_checkpoint(false)?;
            }
        }
        Ok(())
    }

    /// Runs forward to an instruction count and leaves the checkpoints of the grid.
    fn forward(&mut self, icount: u64) -> Result<(), GotoError> {
        while self.machine.icount() < icount {
            match self.run(u64::MAX, icount) {
                RunExit::Icount | RunExit::Time => {}
                RunExit::Diverged(d) => return Err(GotoError::Diverged(d)),
                // The last instruction may be the one that ends the run.
                _ if self.machine.icount() >= icount => {}
                exit => return Err(GotoError::Stopped { icount: self.machine.icount(), exit }),
            }
        }
        Ok(())
    }

    /// Plays until virtual time `until_ns`, an instruction count, or an end, and leaves checkpoints on the way.
    pub fn run(&mut self, until_ns: u64, max_icount: u64) -> RunExit {
        loop {
            let here = self.machine.icount();
            let grid = self.checkpoints.next_on_grid(here);
            let stop = grid.min(max_icount);
            let exit = self.machine.run(until_ns, stop);
            self.first_moment = exit == RunExit::Icount && self.machine.icount() > here;
            if self.first_moment && self.machine.icount() == grid {
                // A checkpoint that cannot be taken is only a slower way back.
                let _ = self.leave_checkpoint(true);
            }
            if exit != RunExit::Icount || self.machine.icount() >= max_icount {
                return exit;
            }
        }
    }

    fn leave_checkpoint(&mut self, grid: bool) -> Result<(), StateError> {
        let at = self.machine.moment();
        if self.checkpoints.has(at.icount) {
            return Ok(());
        }
        let next = self.machine.player.as_ref().map_or(0, |p| p.next);
        let state = self.machine.capture()?;
        self.checkpoints.add(Checkpoint { at, next, grid, state });
        Ok(())
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.machine.restore(&checkpoint.state)?;
        if let Some(player) = &mut self.machine.player {
            player.next = checkpoint.next;
            player.ended = None;
        }
        self.first_moment = true;
        Ok(())
    }

    /// A checkpoint of this moment, which must be the first of its instruction count, for another timeline.
    pub(crate) fn stand(&mut self) -> Result<Checkpoint, StateError> {
        let next = self.machine.player.as_ref().map_or(0, |p| p.next);
        Ok(Checkpoint { at: self.machine.moment(), next, grid: false, state: self.machine.capture()? })
    }

    /// Goes to a checkpoint of another timeline of the same recording.
    pub(crate) fn seat(&mut self, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.restore(checkpoint)
    }

    /// Bytes that the checkpoints hold, and how many there are.
    pub fn checkpoint_usage(&self) -> (u64, usize) {
        self.checkpoints.usage()
    }
}

impl Recording {
    /// Builds the machine at the start of the recording; its media keep all writes to themselves.
    pub(crate) fn machine(&self, block_ops: usize) -> Result<Machine, RecordingError> {
        self.machine_with(self.library()?, block_ops)
    }

    /// As [`Recording::machine`], with media that were opened before.
    pub(crate) fn machine_with(
        &self,
        library: BTreeMap<u32, Inserted>,
        block_ops: usize,
    ) -> Result<Machine, RecordingError> {
        let mut media = Media::default();
        media.set_library(library);
        let mut config = self.identity().config.clone();
        config.embedded = self.embedded();
        config.block_ops = block_ops;
        let mut machine = Machine::with_media(&config, media)?;
        let mut here = self.identity().clone();
        here.files.clone_from(&machine.files);
        if let Some(difference) = self.identity().difference(&here) {
            return Err(RecordingError::Machine(difference));
        }
        if let Some(state) = self.start_state() {
            machine.restore(state)?;
        }
        Ok(machine)
    }
}
