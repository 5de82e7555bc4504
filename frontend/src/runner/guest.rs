//! What a run works on: a machine, or a recording with a machine in it that can also go back.

use std::ops::{Deref, DerefMut};

use rewind86_machine::history::History;
use rewind86_machine::{Machine, RunExit, Timeline};

use crate::gdb::link::Debuggee;

/// A machine that runs.
pub enum Guest {
    /// As it is told; a player inside may tell it.
    Machine(Box<Machine>),
    /// Through a recording, leaving checkpoints.
    Timeline(Box<Timeline>),
}

impl Guest {
    /// Runs as [`Machine::run`] does.
    pub fn run(&mut self, until_ns: u64, max_icount: u64) -> RunExit {
        match self {
            Self::Machine(machine) => machine.run(until_ns, max_icount),
            Self::Timeline(timeline) => timeline.run(until_ns, max_icount),
        }
    }
}

impl Deref for Guest {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        match self {
            Self::Machine(machine) => machine,
            Self::Timeline(timeline) => timeline.machine(),
        }
    }
}

impl DerefMut for Guest {
    fn deref_mut(&mut self) -> &mut Machine {
        match self {
            Self::Machine(machine) => machine,
            Self::Timeline(timeline) => timeline.machine_mut(),
        }
    }
}

impl Debuggee for Guest {
    fn machine(&mut self) -> &mut Machine {
        self
    }

    fn history(&mut self) -> Option<&mut dyn History> {
        match self {
            Self::Machine(_) => None,
            Self::Timeline(timeline) => Some(&mut **timeline),
        }
    }

    fn writable(&self) -> bool {
        // What a debugger changes is in no recording.
        matches!(self, Self::Machine(machine) if machine.recorded_bytes().is_none() && !machine.is_playing())
    }

    fn forget_output(&mut self) {
        for port in 0..4 {
            self.take_serial(port);
        }
        self.take_debugcon();
        self.take_parallel();
    }
}
