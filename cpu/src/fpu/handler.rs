//! What x87 instructions have in common around their bodies.
//!
//! A waiting instruction first reports a pending exception: #MF, or FERR# with CR0.NE = 0 (SDM volume 1, 8.7). One
//! that is not a control instruction leaves its own address and that of its memory operand behind (8.1.8). #NM is
//! settled when the handler is chosen (CR0.EM and CR0.TS are part of the decoding mode).

use super::{Fpu, fsw};
use crate::engine::arena::next_op;
use crate::engine::dispatch::Form;
use crate::fault::{Exec, Fault};
use crate::op::{Handler, Op};
use crate::operand::{Flat32, General, Long64, Mem, Reg, Rm, World, effective};
use crate::regs::Seg;
use crate::softfloat::F80;
use crate::state::{Cpu, cr0};

/// An x87 instruction.
pub(super) trait Insn {
    /// It reports pending exceptions before anything else.
    const WAITS: bool = true;
    /// It leaves instruction and operand pointers.
    const RECORDS: bool = true;
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec;
}

/// Marks control instructions: they leave the pointers alone.
macro_rules! control {
    ($($name:ident: $waits:literal, |$cpu:ident, $op:ident, $rm:ident| $body:expr;)*) => {
        $(
            struct $name;
            impl $crate::fpu::handler::Insn for $name {
                const WAITS: bool = $waits;
                const RECORDS: bool = false;
                #[inline]
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
pub(super) use control;

/// Runs `X` and continues with the next op.
fn run<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op) {
    cpu.engine.rem = op.rem;
    if X::WAITS
        && cpu.fpu.status & fsw::ES != 0
        && let Err(fault) = cpu.fpu_pending()
    {
        return cpu.raise(op, fault);
    }
    if let Err(fault) = X::exec::<M>(cpu, op) {
        return cpu.raise(op, fault);
    }
    if X::RECORDS {
        cpu.fpu.fip = cpu.start_rip(op);
        cpu.fpu.fcs = cpu.seg[Seg::Cs as usize].selector;
        cpu.fpu.fop = (u16::from(op.src_shift) << 8 | u16::from(op.dst_shift)) & 0x7FF;
        if M::MEM {
            cpu.fpu.fdp = offset(cpu, op);
            cpu.fpu.fds = cpu.seg[op.seg() as usize].selector;
        }
    }
    if (cpu.fpu.status & fsw::ES != 0) != cpu.fpu.ferr {
        cpu.fpu_sync_ferr();
    }
    if cpu.stop {
        return cpu.leave_after(op);
    }
    let next = next_op(op);
    (next.handler)(cpu, next)
}

/// Offset of the memory operand in its segment.
#[inline]
fn offset(cpu: &Cpu, op: &Op) -> u64 {
    effective(cpu, op) & op.addr_mask()
}

/// The handlers of a common instruction: its memory form is specialised for each world.
pub(super) const fn form<X: Insn>() -> Form {
    let reg: Handler = run::<X, Reg<General>>;
    Form {
        reg: [reg, reg, reg],
        mem: [run::<X, Mem<General>>, run::<X, Mem<Flat32>>, run::<X, Mem<Long64>>],
        ends: false,
    }
}

/// The handlers of an instruction that has no memory operand, or is rare.
pub(super) const fn form_slow<X: Insn>() -> Form {
    let (reg, mem): (Handler, Handler) = (run::<X, Reg<General>>, run::<X, Mem<General>>);
    Form { reg: [reg, reg, reg], mem: [mem, mem, mem], ends: false }
}

/// Number of the stack register operand; where there are two, the other one is ST(0).
#[inline(always)]
pub(super) fn sti(op: &Op) -> usize {
    (op.dst as usize | op.src as usize) & 7
}

impl Cpu {
    /// A pending exception meets an x87 or MMX instruction.
    #[cold]
    pub(crate) fn fpu_pending(&mut self) -> Exec {
        if self.sys.cr0 & cr0::NE != 0 {
            return Err(Fault::MF);
        }
        self.fpu_sync_ferr();
        Ok(())
    }

    /// FERR# follows ES while CR0.NE is 0.
    #[cold]
    pub(crate) fn fpu_sync_ferr(&mut self) {
        let assert = self.fpu.status & fsw::ES != 0 && self.sys.cr0 & cr0::NE == 0;
        if assert != self.fpu.ferr {
            self.fpu.ferr = assert;
            let icount = self.icount_now();
            self.bus(|bus, lines| bus.ferr(lines, icount, assert));
            self.after_bus();
        }
    }

    /// Loads a ten-byte operand.
    pub(super) fn load_ten<W: World>(&mut self, op: &Op) -> Exec<[u8; 10]> {
        let lin = W::linear(self, op, 10, false)?;
        self.check_parts(lin, 8)?;
        let low = self.read::<u64>(lin)?;
        let high = self.read::<u16>(lin.wrapping_add(8) & self.lin_mask())?;
        Ok(F80::new(high, low).to_bytes())
    }

    /// Stores a ten-byte operand, whole or not at all.
    pub(super) fn store_ten<W: World>(&mut self, op: &Op, bytes: [u8; 10]) -> Exec {
        let lin = W::linear(self, op, 10, true)?;
        self.check_parts(lin, 8)?;
        let high = lin.wrapping_add(8) & self.lin_mask();
        let value = F80::from_bytes(bytes);
        self.probe_write(lin, 10)?;
        self.write::<u64>(lin, value.mant)?;
        self.write::<u16>(high, value.sign_exp)
    }
}

impl Fpu {
    /// Runs one-operand work on ST(0): underflow, then `f`, whose result replaces it.
    #[inline(always)]
    pub(super) fn unary(&mut self, f: impl FnOnce(F80, &mut crate::softfloat::Status) -> F80) {
        if self.empty(0) {
            if self.underflow() {
                self.set(0, F80::INDEFINITE);
            }
            return;
        }
        let mut st = self.begin();
        let r = f(self.st(0), &mut st);
        if self.conclude(&mut st) {
            self.set(0, r);
        }
    }
}
