//! A stack in use by a control transfer: pushes and pops that move no register until the transfer is certain.
//!
//! Intel SDM volume 3, section 6.12.1 and volume 1, section 6.2. The stack may be one that no register points at yet:
//! the inner stack of a privilege change.

use crate::alu::Int;
use crate::fault::{Exec, Fault};
use crate::mmu::canonical;
use crate::regs::{Gpr, Seg, Segment, attr};
use crate::state::Cpu;
use crate::tlb;

/// Operand size of a transfer: what one stack slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    W16,
    W32,
    W64,
}

impl Width {
    /// Bytes of a slot.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::W16 => 2,
            Self::W32 => 4,
            Self::W64 => 8,
        }
    }
}

/// A stack segment and pointer in use.
#[derive(Clone, Copy)]
pub(super) struct Stack {
    seg: Segment,
    sp: u64,
    mask: u64,
    /// 64-bit mode: no limit, canonical addresses.
    long: bool,
    /// Translation table: whose rights count.
    table: usize,
    /// Error code of the #SS for a slot beyond the limit.
    error: u16,
}

/// The translation table of a privilege level.
pub(super) fn table_of(cpl: u8) -> usize {
    if cpl == 3 { tlb::USER } else { tlb::SUPERVISOR }
}

impl Stack {
    /// The stack that SS:RSP points at, at the current privilege.
    pub fn current(cpu: &Cpu) -> Self {
        Self {
            seg: cpu.seg[Seg::Ss as usize],
            sp: cpu.gpr[Gpr::Rsp as usize],
            mask: cpu.stack_mask(),
            long: cpu.code64(),
            table: cpu.tlb_sel,
            error: 0,
        }
    }

    /// A stack in legacy mode that `seg` describes, used with the rights of `cpl`.
    pub fn new(seg: Segment, sp: u64, cpl: u8, error: u16) -> Self {
        let mask = if seg.big() { 0xFFFF_FFFF } else { 0xFFFF };
        Self { seg, sp, mask, long: false, table: table_of(cpl), error }
    }

    /// A flat 64-bit stack at `sp`, used with the rights of `cpl`.
    pub fn long(sp: u64, cpl: u8, error: u16) -> Self {
        Self { seg: Segment::new(0, 0, 0, 0), sp, mask: u64::MAX, long: true, table: table_of(cpl), error }
    }

    /// The error code for slots beyond the limit (EXT, or a selector).
    pub fn with_error(mut self, error: u16) -> Self {
        self.error = error;
        self
    }

    fn linear(&self, cpu: &Cpu, offset: u64, size: u64, write: bool) -> Exec<u64> {
        let fault = Fault::ss(self.error);
        if self.long {
            let ok = canonical(offset) && canonical(offset.wrapping_add(size - 1));
            return if ok { Ok(offset) } else { Err(fault) };
        }
        let off = offset & self.mask;
        let last = off + size - 1;
        let s = &self.seg;
        let limit = u64::from(s.limit);
        let expand_down = s.attr & (attr::CODE | attr::EC) == attr::EC;
        let inside = if expand_down { off > limit && last <= self.mask } else { last <= limit };
        let allowed =
            !cpu.protected() && !cpu.v86() || s.usable() && (!write || s.attr & (attr::CODE | attr::RW) == attr::RW);
        if inside && allowed { Ok(s.base.wrapping_add(off) & 0xFFFF_FFFF) } else { Err(fault) }
    }

    /// Stores `value` in a slot of its own.
    pub fn push(&mut self, cpu: &mut Cpu, width: Width, value: u64) -> Exec {
        let sp = self.sp.wrapping_sub(width.bytes());
        let lin = self.linear(cpu, sp, width.bytes(), true)?;
        match width {
            Width::W16 => cpu.write_as(lin, u16::trunc(value), self.table)?,
            Width::W32 => cpu.write_as(lin, u32::trunc(value), self.table)?,
            Width::W64 => cpu.write_as(lin, value, self.table)?,
        }
        self.sp = sp;
        Ok(())
    }

    /// Room for `slots` pushes: #SS when one would leave the segment. Pages are not looked at; a store that faults
    /// leaves only memory below the stack pointer changed.
    pub fn room(&self, cpu: &Cpu, width: Width, slots: u64) -> Exec {
        for i in 1..=slots {
            self.linear(cpu, self.sp.wrapping_sub(i * width.bytes()), width.bytes(), true)?;
        }
        Ok(())
    }

    /// Takes the value of a slot.
    pub fn pop(&mut self, cpu: &mut Cpu, width: Width) -> Exec<u64> {
        let value = self.peek(cpu, width, 0)?;
        self.sp = self.sp.wrapping_add(width.bytes());
        Ok(value)
    }

    /// The value `offset` bytes above the stack pointer.
    pub fn peek(&self, cpu: &mut Cpu, width: Width, offset: u64) -> Exec<u64> {
        let lin = self.linear(cpu, self.sp.wrapping_add(offset), width.bytes(), false)?;
        Ok(match width {
            Width::W16 => cpu.read_as::<u16>(lin, self.table)?.zext(),
            Width::W32 => cpu.read_as::<u32>(lin, self.table)?.zext(),
            Width::W64 => cpu.read_as::<u64>(lin, self.table)?,
        })
    }

    /// The stack pointer as it is now, bits above the stack's address size included.
    pub fn pointer(&self) -> u64 {
        self.sp
    }

    /// Releases `bytes` without looking at them.
    pub fn skip(&mut self, bytes: u64) {
        self.sp = self.sp.wrapping_add(bytes);
    }

    /// Writes the stack pointer back, as wide as the stack is.
    pub fn commit(&self, cpu: &mut Cpu) {
        let rsp = &mut cpu.gpr[Gpr::Rsp as usize];
        *rsp = match self.mask {
            0xFFFF => (*rsp & !0xFFFF) | (self.sp & 0xFFFF),
            mask => self.sp & mask,
        };
    }
}
