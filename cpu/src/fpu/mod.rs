//! The x87 unit: registers, and every instruction of the opcodes D8 to DF, WAIT, FXSAVE and FXRSTOR.
//!
//! Intel SDM volume 1, chapter 8. Arithmetic is that of [`crate::softfloat::f80`].
//!
//! | file | holds |
//! |---|---|
//! | `stack` | the register stack, its faults, and what an operation leaves in the status word |
//! | `handler` | what all x87 instructions do around their body: pending exceptions, FERR#, instruction pointers |
//! | `arith`, `compare`, `transfer`, `registers`, `functions` | the instructions by class |
//! | `control`, `environment`, `fxsave` | control words and state images |
//!
//! Invariants: ES and B of the status word are set exactly while an unmasked exception flag is; a memory operand
//! is read or written before any of this state changes, so that a fault leaves the unit as it was.
//!
//! With CR0.NE = 0 an error asserts FERR# right behind the instruction that caused it (IRQ 13 on a PC); waiting
//! instructions do not freeze then, as if IGNNE# were active.

mod arith;
mod compare;
mod control;
mod environment;
mod functions;
mod fxsave;
mod handler;
mod registers;
mod stack;
mod transfer;

use crate::engine::dispatch::Form;
use crate::softfloat::F80;
use iced_x86::Code;
use serde::{Deserialize, Serialize};

/// Status word bits (SDM volume 1, figure 8-4).
pub(crate) mod fsw {
    /// Stack fault.
    pub const SF: u16 = 1 << 6;
    /// Error summary: an unmasked exception is pending.
    pub const ES: u16 = 1 << 7;
    /// Condition code 0.
    pub const C0: u16 = 1 << 8;
    /// Condition code 1.
    pub const C1: u16 = 1 << 9;
    /// Condition code 2.
    pub const C2: u16 = 1 << 10;
    /// Shift of the top-of-stack field.
    pub const TOP_SHIFT: u32 = 11;
    /// Condition code 3.
    pub const C3: u16 = 1 << 14;
    /// Busy: the same as ES since the 387.
    pub const B: u16 = 1 << 15;
    /// The six exception flags.
    pub const EXCEPTIONS: u16 = 0x3F;
    /// All condition codes.
    pub const CODES: u16 = C0 | C1 | C2 | C3;
}

/// Control word bits that exist; bit 6 reads as one.
pub(crate) const FCW_MASK: u16 = 0x1F3F;
const FCW_FIXED: u16 = 0x0040;
/// Control word after FNINIT.
const FCW_INIT: u16 = 0x037F;

/// x87 state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fpu {
    /// Registers R0 to R7 by their physical number.
    pub regs: [F80; 8],
    /// Control word.
    pub control: u16,
    /// Status word without the top-of-stack field.
    pub status: u16,
    /// Top of stack, 0 to 7.
    pub top: u8,
    /// A bit per physical register: set when it is not empty.
    pub tags: u8,
    /// Last opcode: its eleven bits.
    pub fop: u16,
    /// Selector of the last instruction.
    pub fcs: u16,
    /// Selector of the last memory operand.
    pub fds: u16,
    /// Offset of the last instruction.
    pub fip: u64,
    /// Offset of the last memory operand.
    pub fdp: u64,
    /// FERR# is asserted.
    pub ferr: bool,
}

impl Default for Fpu {
    /// The state after RESET# (SDM volume 3, table 9-1).
    fn default() -> Self {
        Self {
            regs: [F80::ZERO; 8],
            control: FCW_FIXED,
            status: 0,
            top: 0,
            tags: 0xFF,
            fop: 0,
            fcs: 0,
            fds: 0,
            fip: 0,
            fdp: 0,
            ferr: false,
        }
    }
}

/// Every x87 instruction.
pub(crate) const ALL: &[&[(Code, Form)]] = &[
    arith::FORMS,
    compare::FORMS,
    transfer::FORMS,
    registers::FORMS,
    functions::FORMS,
    control::FORMS,
    environment::FORMS,
    fxsave::FORMS,
];

/// The eleven opcode bits that the last-opcode register keeps, from the bytes of an instruction.
pub(crate) fn opcode_bits(bytes: &[u8]) -> u16 {
    match bytes.iter().position(|b| (0xD8..=0xDF).contains(b)) {
        Some(at) => u16::from(bytes[at] & 7) << 8 | bytes.get(at + 1).map_or(0, |&b| u16::from(b)),
        None => 0,
    }
}
