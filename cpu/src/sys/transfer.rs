//! The handler of control transfers that change CS: far jumps, calls and returns, INT n, IRET, SYSCALL and their kin.
//!
//! Such an instruction ends its block, but not the chain: when nothing waits to be served between instructions, the
//! next block is looked up in the jump cache under the mode that the transfer leads to.

use crate::engine::dispatch::{Form, Insn, indirect};
use crate::op::{Handler, Op};
use crate::operand::{General, Mem, Reg, Rm};
use crate::state::{Cpu, eflags};

impl Cpu {
    /// Something must be served before the next instruction: the run loop has to see it.
    #[inline]
    fn event_waits(&self) -> bool {
        self.stop
            || self.engine.fault.is_some()
            || self.sys.pending_debug != 0
            || self.eflags & (eflags::TF | eflags::RF) != 0
            || self.lines.intr && self.eflags & eflags::IF != 0
            || self.lines.nmi && !self.sys.nmi_blocked
    }
}

/// Runs `X` with `rip` at the next instruction; `X` leaves the target there.
fn transfer<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op) {
    cpu.engine.rem = op.rem;
    cpu.rip = cpu.next_rip(op);
    if let Err(fault) = X::exec::<M>(cpu, op) {
        return cpu.raise(op, fault);
    }
    let rip = cpu.rip;
    if cpu.event_waits() {
        return cpu.leave_to(op, rip);
    }
    indirect::<Reg<General>>(cpu, op, rip)
}

/// The form of a control transfer: it goes by [`Cpu::rip`].
pub(super) const fn form<X: Insn>() -> Form {
    let (reg, mem): (Handler, Handler) = (transfer::<X, Reg<General>>, transfer::<X, Mem<General>>);
    Form::branch([reg, reg, reg], [mem, mem, mem])
}
