//! What the core makes of an instruction's bytes, without running them: the same decoding, model gates and lowering
//! that the run loop uses.

use super::lower::is_unimplemented;
use crate::op::{EA_SIZE_SHIFT, Op, op_flags};
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::{Code, Instruction, OpKind};

/// How an instruction fares before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has a handler.
    Runs,
    /// #UD: no such opcode, or none on this model.
    Undefined,
    /// #GP(0): longer than an instruction may be.
    TooLong,
    /// The model has it, the core does not.
    Unimplemented,
}

/// The address of a memory operand, as lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Segment register by encoding: ES, CS, SS, DS, FS, GS.
    pub segment: u8,
    /// Base register by encoding.
    pub base: Option<u8>,
    /// The displacement is relative to the instruction pointer.
    pub ip_relative: bool,
    /// Index register by encoding.
    pub index: Option<u8>,
    /// log2 of the index scale.
    pub scale: u8,
    /// Displacement, sign-extended to 64 bits; from the next instruction when `ip_relative`.
    pub displacement: u64,
    /// Width of the offset: 16, 32 or 64.
    pub bits: u8,
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The opcode form.
    pub code: Code,
    /// Length in bytes.
    pub len: usize,
    /// Whether it can run.
    pub fate: Fate,
    /// Its explicit memory operand.
    pub address: Option<Address>,
}

impl Cpu {
    /// Decodes the instruction that `bytes` begin with for the current mode; `None` when bytes are missing. CR0.EM, CR0.TS
    /// and CR4.OSFXSR count as they are.
    pub fn decode(&mut self, bytes: &[u8]) -> Option<Decoded> {
        self.update_mode();
        let key = self.engine.key;
        let max = self.model.max_len();
        // Any address will do; the bytes stay in one page.
        let ip = 0x800;
        let Some(i) = self.decode_one(bytes.get(..max).unwrap_or(bytes), ip) else {
            let too_long = Decoded { code: Code::INVALID, len: max, fate: Fate::TooLong, address: None };
            return (bytes.len() >= max).then_some(too_long);
        };
        let (op, _) = self.lower(&i, key);
        let next = ip + i.len() as u64;
        let fate = if is_unimplemented(&op) {
            Fate::Unimplemented
        } else if i.is_invalid() || !self.model.has(i.code()) || self.unit_trap(&i, key).is_some() {
            Fate::Undefined
        } else {
            Fate::Runs
        };
        Some(Decoded { code: i.code(), len: i.len(), fate, address: address(&i, &op, next) })
    }
}

fn address(i: &Instruction, op: &Op, next: u64) -> Option<Address> {
    (0..i.op_count()).find(|&n| i.op_kind(n) == OpKind::Memory)?;
    let register = |r: Gpr| ((r as usize) < 16).then_some(r as u8);
    let high = if op.has(op_flags::DISP64) { u64::from(op.imm) << 32 } else { op.disp() & !0xFFFF_FFFF };
    let ip_relative = op.base == Gpr::IpBase;
    // The op's displacement counts from the page.
    let displacement = (high | u64::from(op.disp)).wrapping_sub(if ip_relative { next } else { 0 });
    Some(Address {
        segment: op.seg() as u8,
        base: register(op.base),
        ip_relative,
        index: register(op.index),
        scale: op.scale,
        displacement,
        bits: 16 << (op.ea >> EA_SIZE_SHIFT & 3),
    })
}
