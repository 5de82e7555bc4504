//! What MMX and SSE instructions have in common: their operands, 16-byte memory accesses, the transition to MMX.
//!
//! Intel SDM volume 1, 9.5, 10.4.4 and 11.6; volume 2, tables 2-18 to 2-27 (exception conditions). CR0.EM, CR0.TS and
//! CR4.OSFXSR are settled when the handler is chosen. A body reads or writes memory before it changes a register.

use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn, checked};
use crate::fault::{Exec, Fault};
use crate::fpu::fsw;
use crate::mmu::Access;
use crate::op::{Handler, Op};
use crate::operand::{Flat32, General, Mem, Reg, Rm, World, effective};
use crate::regs::Gpr;
use crate::state::Cpu;
use std::marker::PhantomData;

const BYTES: u64 = 16;
const PAGE_MASK: u64 = 0xFFF;

impl Cpu {
    /// An XMM register. The register file of an op is numbered alike for all files.
    #[inline(always)]
    pub(super) fn xmm(&self, r: Gpr) -> Xmm {
        self.sse.xmm[r as usize & 15]
    }

    #[inline(always)]
    pub(super) fn set_xmm(&mut self, r: Gpr, value: Xmm) {
        self.sse.xmm[r as usize & 15] = value;
    }

    /// An MMX register.
    #[inline(always)]
    pub(super) fn mm(&self, r: Gpr) -> u64 {
        self.fpu.mmx(r as usize)
    }

    #[inline(always)]
    pub(super) fn set_mm(&mut self, r: Gpr, value: u64) {
        self.fpu.set_mmx(r as usize, value);
    }

    #[inline(always)]
    fn read_xmm(&mut self, lin: u64, rem: u8) -> Exec<Xmm> {
        if let Some(bytes) = self.host_span(lin, BYTES as usize, false).and_then(|span| span.bytes16()) {
            return Ok(Xmm::from_le_bytes(bytes));
        }
        self.engine.rem = rem;
        self.read_xmm_slow(lin)
    }

    #[cold]
    #[inline(never)]
    fn read_xmm_slow(&mut self, lin: u64) -> Exec<Xmm> {
        self.reach(lin, Access::Read)?;
        if self.alignment_checked() {
            // #AC is for operands of 2, 4 and 8 bytes (SDM volume 2, table 2-21).
            let mut bytes = [0; BYTES as usize];
            for (i, b) in bytes.iter_mut().enumerate() {
                *b = self.read::<u8>(lin.wrapping_add(i as u64) & self.lin_mask())?;
            }
            return Ok(Xmm::from_le_bytes(bytes));
        }
        let high = lin.wrapping_add(8) & self.lin_mask();
        Ok(Xmm::from_u64s([self.read::<u64>(lin)?, self.read::<u64>(high)?]))
    }

    #[inline(always)]
    fn write_xmm(&mut self, lin: u64, value: Xmm, rem: u8) -> Exec {
        if let Some(span) = self.host_span(lin, BYTES as usize, true)
            && span.set_bytes16(value.to_le_bytes())
        {
            return Ok(());
        }
        self.engine.rem = rem;
        self.write_xmm_slow(lin, value)
    }

    #[cold]
    #[inline(never)]
    fn write_xmm_slow(&mut self, lin: u64, value: Xmm) -> Exec {
        self.reach(lin, Access::Write)?;
        if self.alignment_checked() {
            for (i, b) in value.to_le_bytes().into_iter().enumerate() {
                self.write::<u8>(lin.wrapping_add(i as u64) & self.lin_mask(), b)?;
            }
            return Ok(());
        }
        let high = lin.wrapping_add(8) & self.lin_mask();
        self.write::<u64>(lin, value.low())?;
        self.write::<u64>(high, value.high())
    }

    /// Faults of a 16-byte access that may span two pages, before any part of it is done.
    fn reach(&mut self, lin: u64, access: Access) -> Exec {
        let left = PAGE_MASK + 1 - (lin & PAGE_MASK);
        if left < BYTES {
            let next = self.second_page(lin, left)?;
            self.translate(lin, access, self.tlb_sel)?;
            self.translate(next, access, self.tlb_sel)?;
        }
        Ok(())
    }
}

/// Linear address of a 16-byte operand that must be aligned.
#[inline(always)]
fn aligned<M: Rm>(cpu: &Cpu, op: &Op, write: bool) -> Exec<u64> {
    match M::W::linear(cpu, op, BYTES, write) {
        Ok(lin) if lin & (BYTES - 1) == 0 => Ok(lin),
        Ok(_) => Err(Fault::GP0),
        Err(fault) => Err(overrun(cpu, op, fault)),
    }
}

/// The fault of an operand beyond its segment: its alignment is looked at before the limit.
#[cold]
fn overrun(cpu: &Cpu, op: &Op, fault: Fault) -> Fault {
    let lin = cpu.seg(op.seg()).base.wrapping_add(effective(cpu, op) & op.addr_mask());
    if lin & (BYTES - 1) != 0 { Fault::GP0 } else { fault }
}

/// The source operand: an XMM register or 16 aligned bytes.
#[inline(always)]
pub(super) fn src<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<Xmm> {
    if !M::MEM {
        return Ok(cpu.xmm(op.src));
    }
    let lin = aligned::<M>(cpu, op, false)?;
    cpu.read_xmm(lin, op.rem)
}

/// The source operand: an XMM register or 16 bytes anywhere.
#[inline(always)]
pub(super) fn src_unaligned<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<Xmm> {
    if !M::MEM {
        return Ok(cpu.xmm(op.src));
    }
    let lin = M::W::linear(cpu, op, BYTES, false)?;
    cpu.read_xmm(lin, op.rem)
}

/// The source operand: the low quadword of an XMM register or 8 bytes.
#[inline(always)]
pub(super) fn src64<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<u64> {
    if M::MEM { M::src::<u64>(cpu, op) } else { Ok(cpu.xmm(op.src).low()) }
}

/// The source operand: the low doubleword of an XMM register or 4 bytes.
#[inline(always)]
pub(super) fn src32<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<u32> {
    if M::MEM { M::src::<u32>(cpu, op) } else { Ok(cpu.xmm(op.src).low32()) }
}

/// The source operand: an MMX register or 8 bytes.
#[inline(always)]
pub(super) fn src_mm<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec<u64> {
    if M::MEM { M::src::<u64>(cpu, op) } else { Ok(cpu.mm(op.src)) }
}

/// Writes the destination operand: an XMM register or 16 aligned bytes.
#[inline(always)]
pub(super) fn set_dst<M: Rm>(cpu: &mut Cpu, op: &Op, value: Xmm) -> Exec {
    if !M::MEM {
        cpu.set_xmm(op.dst, value);
        return Ok(());
    }
    let lin = aligned::<M>(cpu, op, true)?;
    cpu.write_xmm(lin, value, op.rem)
}

/// Writes the destination operand: an XMM register or 16 bytes anywhere.
#[inline(always)]
pub(super) fn set_dst_unaligned<M: Rm>(cpu: &mut Cpu, op: &Op, value: Xmm) -> Exec {
    if !M::MEM {
        cpu.set_xmm(op.dst, value);
        return Ok(());
    }
    let lin = M::W::linear(cpu, op, BYTES, true)?;
    cpu.write_xmm(lin, value, op.rem)
}

/// Around the body of an instruction that uses MMX registers: a pending x87 exception is reported first, then all
/// registers become valid and the top of stack 0. Needs a form of [`mmx`].
struct Mmx<X>(PhantomData<X>);
impl<X: Insn> Insn for Mmx<X> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if cpu.fpu.status & fsw::ES != 0 {
            cpu.fpu_pending()?;
        }
        X::exec::<M>(cpu, op)?;
        cpu.fpu.enter_mmx();
        Ok(())
    }
}

/// The handlers of an instruction that uses MMX registers.
pub(super) const fn mmx<X: Insn>() -> Form {
    let reg: Handler = checked::<Mmx<X>, Reg<General>>;
    let mem: Handler = checked::<Mmx<X>, Mem<General>>;
    Form { reg: [reg, reg, reg], mem: [mem, checked::<Mmx<X>, Mem<Flat32>>, mem], ends: false }
}

/// A packed operation on two operands, the same for MMX and XMM registers.
pub(super) trait Op2: 'static {
    fn apply(a: Xmm, b: Xmm) -> Xmm;
    /// The operation on MMX registers. The default serves operations that work lane by lane.
    #[inline(always)]
    fn apply64(a: u64, b: u64) -> u64 {
        Self::apply(Xmm::zext(a), Xmm::zext(b)).low()
    }
}

/// A packed operation on two operands and an immediate.
pub(super) trait Op3: 'static {
    fn apply(a: Xmm, b: Xmm, imm: u8) -> Xmm;
}

/// `xmm = f(xmm, xmm/m128)`.
pub(super) struct Packed<O>(PhantomData<O>);
impl<O: Op2> Insn for Packed<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, O::apply(cpu.xmm(op.dst), b));
        Ok(())
    }
}

/// `mm = f(mm, mm/m64)`.
pub(super) struct PackedMm<O>(PhantomData<O>);
impl<O: Op2> Insn for PackedMm<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src_mm::<M>(cpu, op)?;
        cpu.set_mm(op.dst, O::apply64(cpu.mm(op.dst), b));
        Ok(())
    }
}

/// `xmm = f(xmm, xmm/m128, imm8)`.
pub(super) struct PackedImm<O>(PhantomData<O>);
impl<O: Op3> Insn for PackedImm<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, O::apply(cpu.xmm(op.dst), b, op.imm as u8));
        Ok(())
    }
}

/// Defines operations of [`Op2`].
macro_rules! op2 {
    ($($(#[$doc:meta])* $name:ident: |$a:pat_param, $b:pat_param| $body:expr $(, mm |$c:ident, $d:ident| $mm:expr)?;)*) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;
            impl $crate::sse::handler::Op2 for $name {
                #[inline(always)]
                fn apply($a: $crate::sse::Xmm, $b: $crate::sse::Xmm) -> $crate::sse::Xmm {
                    $body
                }
                $(
                    #[inline(always)]
                    fn apply64($c: u64, $d: u64) -> u64 {
                        $mm
                    }
                )?
            }
        )*
    };
}
pub(super) use op2;

/// Defines operations of [`Op3`].
macro_rules! op3 {
    ($($(#[$doc:meta])* $name:ident: |$a:pat_param, $b:pat_param, $i:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;
            impl $crate::sse::handler::Op3 for $name {
                #[inline(always)]
                fn apply($a: $crate::sse::Xmm, $b: $crate::sse::Xmm, $i: u8) -> $crate::sse::Xmm {
                    $body
                }
            }
        )*
    };
}
pub(super) use op3;

/// Defines instructions with a body of their own.
macro_rules! insn {
    ($($(#[$doc:meta])* $name:ident: |$cpu:ident, $op:ident, $rm:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            struct $name;
            impl $crate::engine::dispatch::Insn for $name {
                #[inline(always)]
                fn exec<$rm: $crate::operand::Rm>(
                    $cpu: &mut $crate::state::Cpu,
                    $op: &$crate::op::Op,
                ) -> $crate::fault::Exec {
                    $body
                }
            }
        )*
    };
}
pub(super) use insn;
