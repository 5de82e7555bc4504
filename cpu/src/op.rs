//! A decoded instruction: 32 bytes, everything that its handler needs, nothing about operand kinds left to look up.

use crate::regs::{Gpr, Seg};
use crate::state::Cpu;

/// A handler executes its op and continues the chain; see [`crate::engine::dispatch`].
pub(crate) type Handler = fn(&mut Cpu, &Op);

/// Prefix bits of [`Op::flags`].
pub(crate) mod op_flags {
    /// REP or REPE.
    pub const REP: u8 = 1;
    /// REPNE.
    pub const REPNE: u8 = 2;
    /// LOCK.
    pub const LOCK: u8 = 4;
    /// The operand size attribute is 16 bits.
    pub const OP16: u8 = 8;
    /// The displacement does not sign-extend from 32 bits: its upper half is `imm`, or 0 when it is RIP-relative.
    pub const DISP64: u8 = 16;
    /// The op ends its block by itself.
    pub const ENDS: u8 = 32;
    /// The handler runs the next op too; see [`crate::exec::fuse`].
    pub const PAIRED: u8 = 64;
    /// The paired op has a memory operand.
    pub const PAIRED_MEM: u8 = 128;
}

/// Address-size part of [`Op::ea`].
pub(crate) const EA_SIZE_SHIFT: u8 = 4;

/// One decoded instruction. Its alignment makes it 32 bytes on hosts with narrow pointers too: ops are neighbours in slots
/// of the arena.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Op {
    pub handler: Handler,
    /// Immediate; for near branches the page-relative target.
    pub imm: u32,
    /// Displacement; upper half of a 64-bit immediate; second immediate.
    pub disp: u32,
    /// Page offset of the next instruction.
    pub next: u16,
    /// iced-x86 `Code`.
    pub code: u16,
    /// Register of the first operand when that is a register.
    pub dst: Gpr,
    /// Register of the second operand when that is a register.
    pub src: Gpr,
    pub base: Gpr,
    pub index: Gpr,
    /// Instruction length in bytes.
    pub len: u8,
    /// Ops from this one to the end of its block, itself included.
    pub rem: u8,
    /// log2 of the index scale.
    pub scale: u8,
    /// Segment in bits 0-2, address size (0: 16, 1: 32, 2: 64) from bit 4.
    pub ea: u8,
    /// Register of the third operand.
    pub third: Gpr,
    /// 8 when `dst` names AH, CH, DH or BH, else 0.
    pub dst_shift: u8,
    /// The same for `src`.
    pub src_shift: u8,
    /// [`op_flags`].
    pub flags: u8,
}

const _: () = assert!(size_of::<Op>() == 32);

impl Op {
    /// Sign-extended displacement.
    #[inline(always)]
    pub fn disp(&self) -> u64 {
        self.disp as i32 as i64 as u64
    }

    /// Sign-extended immediate.
    #[inline(always)]
    pub fn simm(&self) -> u64 {
        self.imm as i32 as i64 as u64
    }

    /// 64-bit immediate.
    #[inline(always)]
    pub fn imm64(&self) -> u64 {
        u64::from(self.disp) << 32 | u64::from(self.imm)
    }

    /// Segment of the memory operand, overrides applied.
    #[inline(always)]
    pub fn seg(&self) -> Seg {
        const BY_INDEX: [Seg; 8] = [Seg::Es, Seg::Cs, Seg::Ss, Seg::Ds, Seg::Fs, Seg::Gs, Seg::Ds, Seg::Ds];
        BY_INDEX[(self.ea & 7) as usize]
    }

    /// Mask of the address size.
    #[inline(always)]
    pub fn addr_mask(&self) -> u64 {
        const MASKS: [u64; 4] = [0xFFFF, 0xFFFF_FFFF, u64::MAX, u64::MAX];
        MASKS[(self.ea >> EA_SIZE_SHIFT & 3) as usize]
    }

    /// Page offset of this instruction.
    #[inline(always)]
    pub fn start(&self) -> u64 {
        u64::from(self.next).wrapping_sub(u64::from(self.len))
    }

    /// A prefix or attribute of [`op_flags`] is present.
    #[inline(always)]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}
