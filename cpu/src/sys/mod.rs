//! System instructions, interrupts, tasks and protection.

use crate::engine::dispatch::Form;
use crate::fault::Fault;
use crate::state::Cpu;
use iced_x86::Code;

pub(crate) mod debug {
    /// Single step.
    pub(crate) const DR6_BS: u64 = 1 << 14;
}

/// Every system instruction.
pub(crate) const ALL: &[&[(Code, Form)]] = &[];

impl Cpu {
    pub(crate) fn deliver_fault(&mut self, _fault: Fault) -> bool {
        false
    }
    pub(crate) fn deliver_external(&mut self, _vector: u8) -> bool {
        false
    }
    pub(crate) fn deliver_debug(&mut self) -> bool {
        false
    }
    pub(crate) fn breakpoints_armed(&self) -> bool {
        false
    }
    pub(crate) fn instruction_breakpoint(&mut self) -> Option<Fault> {
        None
    }
}
