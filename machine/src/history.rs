//! Going back: the last hit of a set of probes before a position, found by running forward from earlier moments.
//!
//! Whatever can put a machine at an instruction count and run it forward again as it ran is a [`History`]. A search goes
//! back span by span, each twice as long as the one before up to a bound, and looks at each with probes set; the last
//! hit of the latest span that has one is the answer. What is found is a position *before* the instruction that was
//! hit, so that it can be seen to happen again.

use crate::machine::{Machine, RunExit};
use crate::timeline::Timeline;
use rewind86_cpu::probe::{Hit, Policy, ProbeSet, What};
use thiserror::Error;

/// A moment cannot be reached: why, in one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HistoryError(pub String);

/// A machine and its past and future.
pub trait History {
    /// The machine at its current position.
    fn machine(&mut self) -> &mut Machine;
    /// First and last instruction count that can be reached.
    fn bounds(&self) -> (u64, u64);
    /// Puts the machine where it first reaches `icount`; phase 0.
    ///
    /// # Errors
    /// A recording that cannot be read or does not fit.
    fn goto(&mut self, icount: u64) -> Result<(), HistoryError>;
    /// Runs forward to `icount` at most. Ends early at a probe.
    ///
    /// # Errors
    /// As [`History::goto`].
    fn forward(&mut self, icount: u64) -> Result<RunExit, HistoryError>;
}

impl History for Timeline {
    fn machine(&mut self) -> &mut Machine {
        self.machine_mut()
    }

    fn bounds(&self) -> (u64, u64) {
        (self.start(), self.end())
    }

    fn goto(&mut self, icount: u64) -> Result<(), HistoryError> {
        Timeline::goto(self, icount).map_err(|e| HistoryError(e.to_string()))
    }

    fn forward(&mut self, icount: u64) -> Result<RunExit, HistoryError> {
        match self.run(u64::MAX, icount) {
            RunExit::Diverged(d) => Err(HistoryError(crate::timeline::GotoError::Diverged(d).to_string())),
            exit => Ok(exit),
        }
    }
}

/// A moment: instruction count, and deliveries of interrupts and exceptions since it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Retired instructions.
    pub icount: u64,
    /// Deliveries since.
    pub phase: u32,
}

impl Position {
    /// Where a machine stands.
    pub fn of(machine: &Machine) -> Self {
        Self { icount: machine.icount(), phase: machine.phase() }
    }

    /// The moment before a hit. Devices write when an instruction count is reached, so theirs is the one before.
    pub fn before(hit: &Hit) -> Self {
        match hit.what {
            What::Device { .. } => Self { icount: hit.icount.saturating_sub(1), phase: 0 },
            _ => Self { icount: hit.icount, phase: hit.phase },
        }
    }
}

/// Where [`continue_back`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// Before these, which are of one instruction.
    Hits(Vec<Hit>),
    /// At the beginning, without a hit.
    Begin,
    /// Somewhere, because it was asked to give up.
    Cancelled,
}

/// Instructions of the first span of a search.
const FIRST_SPAN: u64 = 1 << 20;
/// Instructions of a span at most.
const LAST_SPAN: u64 = 1 << 27;
/// Instructions between two looks at the wish to give up.
const LOOK: u64 = 1 << 24;

/// Puts the machine at a position.
///
/// # Errors
/// See [`History::goto`].
pub fn go(history: &mut dyn History, to: Position) -> Result<(), HistoryError> {
    let at = Position::of(history.machine());
    if at.icount == to.icount && at.phase > to.phase {
        // The same count is reached again only from before.
        history.goto(to.icount.saturating_sub(1).max(history.bounds().0))?;
    }
    history.goto(to.icount)?;
    if history.machine().phase() < to.phase {
        history.machine().set_probes(ProbeSet::default(), Policy::Stop);
        history.machine().stop_at_phases(true);
        let result = loop {
            match history.forward(to.icount.saturating_add(1)) {
                Ok(RunExit::Probe) => {
                    history.machine().take_hits();
                    if Position::of(history.machine()) >= to {
                        break Ok(());
                    }
                }
                Ok(_) => break Ok(()),
                Err(e) => break Err(e),
            }
        };
        history.machine().stop_at_phases(false);
        result?;
    }
    Ok(())
}

/// Goes one instruction back; `false` at the beginning.
///
/// # Errors
/// See [`History::goto`].
pub fn step_back(history: &mut dyn History) -> Result<bool, HistoryError> {
    let at = Position::of(history.machine());
    let (first, _) = history.bounds();
    let to = if at.phase > 0 { at.icount } else { at.icount.saturating_sub(1) };
    if at.phase == 0 && at.icount <= first {
        return Ok(false);
    }
    history.machine().set_probes(ProbeSet::default(), Policy::Stop);
    go(history, Position { icount: to, phase: 0 })?;
    Ok(true)
}

/// Goes back to the last hit before the current position.
///
/// # Errors
/// See [`History::goto`].
pub fn continue_back(
    history: &mut dyn History,
    probes: &ProbeSet,
    cancelled: &dyn Fn() -> bool,
) -> Result<Back, HistoryError> {
    let here = Position::of(history.machine());
    let (first, _) = history.bounds();
    let mut end = here.icount;
    let mut span = FIRST_SPAN;
    loop {
        let start = end.saturating_sub(span).max(first);
        let Some(hits) = last_hits(history, probes, start, end, here, cancelled)? else {
            history.machine().set_probes(ProbeSet::default(), Policy::Stop);
            return Ok(Back::Cancelled);
        };
        if let Some(last) = hits.iter().map(Position::before).max() {
            history.machine().set_probes(ProbeSet::default(), Policy::Stop);
            go(history, last)?;
            return Ok(Back::Hits(hits.into_iter().filter(|h| Position::before(h) == last).collect()));
        }
        if start == first {
            history.machine().set_probes(ProbeSet::default(), Policy::Stop);
            history.goto(first)?;
            return Ok(Back::Begin);
        }
        end = start;
        span = (span * 2).min(LAST_SPAN);
    }
}

/// The last hit of each probe from `start` to `end` inclusive, but before `here`; `None` when it was asked to give up.
fn last_hits(
    history: &mut dyn History,
    probes: &ProbeSet,
    start: u64,
    end: u64,
    here: Position,
    cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<Hit>>, HistoryError> {
    history.machine().set_probes(ProbeSet::default(), Policy::Stop);
    go(history, Position { icount: start, phase: 0 })?;
    history.machine().set_probes(probes.clone(), Policy::Last);
    let mut found: Vec<Hit> = Vec::new();
    let mut keep = |hits: Vec<Hit>| {
        for hit in hits.into_iter().filter(|h| Position::before(h) < here) {
            found.retain(|f| f.probe != hit.probe);
            found.push(hit);
        }
    };
    // The last instruction may be hit again behind `here`: it is looked at hit by hit.
    let steady = end.saturating_sub(1).max(start);
    let mut at = start;
    while at < steady {
        if cancelled() {
            return Ok(None);
        }
        at = at.saturating_add(LOOK).min(steady);
        if forward_to(history, at)?.is_some() {
            break;
        }
    }
    keep(history.machine().take_hits());
    history.machine().set_probes(probes.clone(), Policy::All(1));
    while forward_to(history, end)? == Some(RunExit::Probe) {
        keep(history.machine().take_hits());
        if Position::of(history.machine()) >= here {
            return Ok(Some(found));
        }
    }
    keep(history.machine().take_hits());
    // Deliveries at the count where it ends.
    if end == here.icount && here.phase > 0 {
        while history.forward(end.saturating_add(1))? == RunExit::Probe {
            keep(history.machine().take_hits());
            if Position::of(history.machine()) >= here {
                break;
            }
        }
    }
    Ok(Some(found))
}

/// Runs to `icount`; `Some` when something else came first.
fn forward_to(history: &mut dyn History, icount: u64) -> Result<Option<RunExit>, HistoryError> {
    loop {
        match history.forward(icount)? {
            RunExit::Icount | RunExit::Time if history.machine().icount() >= icount => return Ok(None),
            RunExit::Icount | RunExit::Time => {}
            other => return Ok(Some(other)),
        }
    }
}
