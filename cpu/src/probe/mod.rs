//! Probes: what a debugger or a question about the past wants to be told of.
//!
//! A probe names code that is executed, memory that is read or written, ports, or interrupts. Three rules hold:
//!
//! * With no probe set nothing is slower: code is cut into blocks before a probed address, pages that are watched have
//!   no tag in the TLB that could match ([`crate::tlb`]), and everything else is one test on a path that is cold.
//! * Reports are exact: a [`Hit`] carries the instruction count before the instruction and that instruction's address.
//! * The guest cannot tell: a watched page stays translated in the TLB, only the compare of the fast path fails, so that
//!   page walks happen when they would have happened without the watch.
//!
//! A position in a run is an instruction count and a phase: the number of interrupts and exceptions delivered since that
//! count was reached. The first instruction of a handler runs at phase 1 or more.
//!
//! Not reported as reads: instruction fetches, page walks, and reads by devices. Writes by devices and the accessed and
//! dirty bits of page walks are writes to physical memory and to no linear address.

mod check;
pub mod peek;
mod set;

pub(crate) use set::Watched;
pub use set::{Place, Probe, ProbeSet};

use std::collections::VecDeque;

/// When a probe that was hit ends the run, and which hits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The run ends: before an executed instruction, behind any other access.
    Stop,
    /// The last hit of each probe is kept; the run goes on.
    Last,
    /// Every hit is kept; the run ends when there are this many, to let them be taken.
    All(usize),
}

/// Why an interrupt was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// INT n, INT3, INTO.
    Software,
    /// INTR, NMI or INT1.
    External,
    /// An exception.
    Exception,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The instruction is about to be executed.
    Execute,
    /// A load of `size` (1 to 8) bytes.
    Read {
        /// Linear address.
        linear: u64,
        /// Physical address.
        physical: u64,
        /// Bytes.
        size: u8,
        /// What was read.
        value: u64,
    },
    /// A store of `size` (1 to 8) bytes.
    Write {
        /// Linear address.
        linear: u64,
        /// Physical address.
        physical: u64,
        /// Bytes.
        size: u8,
        /// What was written.
        value: u64,
    },
    /// A page walk set accessed or dirty bits in this byte of an entry.
    PageWalk {
        /// Physical address.
        physical: u64,
        /// The byte.
        value: u8,
    },
    /// A device wrote.
    Device {
        /// Physical address of the first byte that is watched.
        physical: u64,
        /// Bytes that `value` holds, 1 to 8.
        size: u8,
        /// The bytes from `physical` on.
        value: u64,
    },
    /// IN or INS.
    PortIn {
        /// Port.
        port: u16,
        /// Bytes, 1 to 4.
        size: u8,
        /// What was read.
        value: u32,
    },
    /// OUT or OUTS.
    PortOut {
        /// Port.
        port: u16,
        /// Bytes, 1 to 4.
        size: u8,
        /// What was written.
        value: u32,
    },
    /// An interrupt or exception was delivered.
    Interrupt {
        /// Vector.
        vector: u8,
        /// Where it came from.
        cause: Cause,
        /// Error code.
        error: Option<u16>,
    },
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Index of the probe in its [`ProbeSet`].
    pub probe: usize,
    /// Instructions retired before the one that did it. A device writes behind `icount` instructions.
    pub icount: u64,
    /// Interrupts and exceptions delivered since `icount` was reached, before this happened.
    pub phase: u32,
    /// Selector in CS.
    pub cs: u16,
    /// Offset of the instruction in CS; for an interrupt from outside, of the one that it came before.
    pub rip: u64,
    /// CR3.
    pub cr3: u64,
    /// What happened.
    pub what: What,
}

/// The probes of one core and what they reported.
#[derive(Default)]
pub(crate) struct Probes {
    set: ProbeSet,
    policy: Option<Policy>,
    /// Some probe is set.
    pub active: bool,
    /// Some probe watches memory.
    pub data: bool,
    /// Some probe watches ports.
    pub ports: bool,
    /// Some probe watches code: page offsets at which blocks begin.
    pub code: Option<Box<[u64; 64]>>,
    /// Decoded blocks and translations were made for other probes.
    pub changed: bool,
    /// Hits of the running instruction, whose `rip` is not known yet.
    fresh: Vec<Hit>,
    hits: VecDeque<Hit>,
    /// The last hit of each probe.
    last: Vec<Option<Hit>>,
    /// Position at which an executed instruction was reported last.
    executed: Option<(u64, u32)>,
    /// Instruction count of the last delivery, and deliveries at that count.
    delivered: (u64, u32),
    /// The run ends after each delivery.
    phases: bool,
    phase_done: bool,
}

impl Probes {
    /// Deliveries since `icount` was reached.
    fn phase(&self, icount: u64) -> u32 {
        if self.delivered.0 == icount { self.delivered.1 } else { 0 }
    }

    /// An interrupt or exception was delivered at `icount`.
    pub fn note_delivery(&mut self, icount: u64) {
        self.delivered = (icount, self.phase(icount).saturating_add(1));
        self.phase_done = self.phases;
    }

    /// The clock moved on because of deliveries alone: the one under way belongs to the new count's beginning.
    pub fn note_charge(&mut self) {
        self.delivered = (u64::MAX, 0);
    }

    /// Forgets the position: another one is loaded.
    pub fn forget_position(&mut self) {
        self.note_charge();
        self.executed = None;
        self.fresh.clear();
        self.phase_done = false;
    }

    fn keep(&mut self, hit: Hit) {
        match self.policy {
            Some(Policy::Last) => {
                if let Some(slot) = self.last.get_mut(hit.probe) {
                    *slot = Some(hit);
                }
            }
            _ => self.hits.push_back(hit),
        }
    }

    /// Moves the hits of the last instruction, which began at `rip`, to those that are kept.
    pub fn settle(&mut self, rip: u64) {
        for hit in std::mem::take(&mut self.fresh) {
            self.keep(Hit { rip, ..hit });
        }
    }

    /// The run has to end.
    pub fn stops(&self) -> bool {
        self.phase_done
            || match self.policy {
                Some(Policy::Stop) => !self.hits.is_empty(),
                Some(Policy::All(n)) => self.hits.len() >= n,
                _ => false,
            }
    }
}
