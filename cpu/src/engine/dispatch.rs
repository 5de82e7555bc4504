//! Handlers chained: one generic wrapper turns an instruction body into a handler that continues with the next op.
//!
//! A chain runs ops back to back, across linked blocks, until its budget, a fault or a stop ends it. The calls are in
//! tail position, so an optimising build turns them into jumps; where it does not, the stack is bounded by
//! [`super::CHAIN_MAX`] frames. Speed depends on that optimisation, correctness never does.
//!
//! The instruction clock: a block is paid whole when it is entered (`left -= n`), so that inside it no op counts. The
//! number of instructions retired before op `o` is `chain_end - left - o.rem`; whoever leaves a block early hands the
//! rest back.

use super::arena::{follow, links, next_op};
use super::lower::code_of;
use super::{CHAIN_MAX, jump};
use crate::fault::{Exec, Fault};
use crate::op::{Handler, Op};
use crate::operand::{Flat32, General, Long64, Mem, Quick, Reg, Rm, effective};
use crate::regs::{Gpr, Seg};
use crate::state::Cpu;

/// More bytes than a memory operand has that flat 64-bit code accesses.
const OPERAND_MAX: u64 = 64;

/// An instruction whose body is written once for register and memory operands and for every addressing world.
pub(crate) trait Insn {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec;
}

/// Runs `X` and continues with the next op.
pub(crate) fn chained<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op) {
    if let Err(fault) = X::exec::<M>(cpu, op) {
        return cpu.raise(op, fault);
    }
    if M::MAY_STOP && cpu.stop {
        return cpu.leave_after(op);
    }
    let next = next_op(op);
    (next.handler)(cpu, next)
}

/// Runs `X` in a world where only the TLB answers, and continues with the next op; `slow` takes the op where it does not.
#[inline(always)]
fn quick<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op, slow: Handler) {
    match X::exec::<M>(cpu, op) {
        Ok(()) => {
            let next = next_op(op);
            (next.handler)(cpu, next)
        }
        Err(Fault::MISS) => slow(cpu, op),
        Err(fault) => cpu.raise(op, fault),
    }
}

/// As [`chained`], with its general form behind it.
pub(crate) fn quick_chained<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op) {
    quick::<X, M>(cpu, op, chained::<X, M::Slow>)
}

/// As [`checked`], with its general form behind it.
pub(crate) fn quick_checked<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op) {
    quick::<X, M>(cpu, op, checked::<X, M::Slow>)
}

/// Runs `X`, which may have asked for a stop through something else than memory, and continues.
pub(crate) fn checked<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op) {
    cpu.engine.rem = op.rem;
    if let Err(fault) = X::exec::<M>(cpu, op) {
        return cpu.raise(op, fault);
    }
    if cpu.stop {
        return cpu.leave_after(op);
    }
    let next = next_op(op);
    (next.handler)(cpu, next)
}

/// Runs `X` with `rip` (of the next instruction) and `icount` materialised, then leaves the chain. `X` may change
/// anything: segments, mode, `rip`.
pub(crate) fn system<X: Insn, M: Rm>(cpu: &mut Cpu, op: &Op) {
    cpu.materialise(op);
    let start = cpu.rip;
    cpu.rip = cpu.next_rip(op);
    match X::exec::<M>(cpu, op) {
        Ok(()) => cpu.icount += 1,
        Err(fault) => {
            cpu.rip = start;
            cpu.engine.fault = Some(cpu.resolve_fault(op, fault));
        }
    }
}

/// The six operand variants of an instruction: register form and memory form in each world.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub reg: [Handler; 3],
    pub mem: [Handler; 3],
    /// The last op of its block.
    pub ends: bool,
}

impl Form {
    /// A body that differs between worlds only through its memory operand.
    pub const fn rm<X: Insn>() -> Self {
        let reg = chained::<X, Reg<General>>;
        Self {
            reg: [reg, reg, reg],
            mem: [chained::<X, Mem<General>>, chained::<X, Mem<Flat32>>, chained::<X, Mem<Long64>>],
            ends: false,
        }
    }

    /// As [`Self::rm`], for a body that accesses its operand through [`Rm`] alone and once.
    pub const fn quick<X: Insn>() -> Self {
        let reg = chained::<X, Reg<General>>;
        let (flat, long) = (quick_chained::<X, Mem<Quick<Flat32>>>, quick_chained::<X, Mem<Quick<Long64>>>);
        Self { reg: [reg, reg, reg], mem: [chained::<X, Mem<General>>, flat, long], ends: false }
    }

    /// As [`Self::rm_world`], for a body that accesses operand and stack through [`Rm`] and [`crate::operand::World`] alone
    /// and changes nothing before the last access.
    pub const fn quick_world<X: Insn>() -> Self {
        let (flat, long) = (quick_checked::<X, Reg<Quick<Flat32>>>, quick_checked::<X, Reg<Quick<Long64>>>);
        let (mflat, mlong) = (quick_checked::<X, Mem<Quick<Flat32>>>, quick_checked::<X, Mem<Quick<Long64>>>);
        Self {
            reg: [checked::<X, Reg<General>>, flat, long],
            mem: [checked::<X, Mem<General>>, mflat, mlong],
            ends: false,
        }
    }

    /// A body with a memory operand that is too rare to be specialised.
    pub const fn rm_slow<X: Insn>() -> Self {
        let (reg, mem) = (chained::<X, Reg<General>>, chained::<X, Mem<General>>);
        Self { reg: [reg, reg, reg], mem: [mem, mem, mem], ends: false }
    }

    /// A body without a ModRM memory operand that uses the stack or string memory of its world.
    pub const fn world<X: Insn>() -> Self {
        let h: [Handler; 3] = [checked::<X, Reg<General>>, checked::<X, Reg<Flat32>>, checked::<X, Reg<Long64>>];
        Self { reg: h, mem: h, ends: false }
    }

    /// A body with a memory operand that uses the stack too.
    pub const fn rm_world<X: Insn>() -> Self {
        Self {
            reg: [checked::<X, Reg<General>>, checked::<X, Reg<Flat32>>, checked::<X, Reg<Long64>>],
            mem: [checked::<X, Mem<General>>, checked::<X, Mem<Flat32>>, checked::<X, Mem<Long64>>],
            ends: false,
        }
    }

    /// A body without operands in memory.
    pub const fn plain<X: Insn>() -> Self {
        let h: Handler = chained::<X, Reg<General>>;
        Self { reg: [h, h, h], mem: [h, h, h], ends: false }
    }

    /// A body that may ask for a stop (port I/O, STI), rarely with a memory operand.
    pub const fn checked<X: Insn>() -> Self {
        let (reg, mem): (Handler, Handler) = (checked::<X, Reg<General>>, checked::<X, Mem<General>>);
        Self { reg: [reg, reg, reg], mem: [mem, mem, mem], ends: false }
    }

    /// A system instruction: see [`system`].
    pub const fn system<X: Insn>() -> Self {
        let (reg, mem): (Handler, Handler) = (system::<X, Reg<General>>, system::<X, Mem<General>>);
        Self { reg: [reg, reg, reg], mem: [mem, mem, mem], ends: true }
    }

    /// Handlers that end the block themselves, one per world.
    pub const fn branch(reg: [Handler; 3], mem: [Handler; 3]) -> Self {
        Self { reg, mem, ends: true }
    }
}

impl Cpu {
    /// Linear address of the instruction at `rip`.
    #[inline(always)]
    pub(crate) fn code_lin(&self, rip: u64) -> u64 {
        if self.engine.code64 { rip } else { rip.wrapping_add(self.seg[Seg::Cs as usize].base) & 0xFFFF_FFFF }
    }

    /// The `bytes` of code at `rip` lie within the code segment's limit.
    #[inline(always)]
    pub(crate) fn inside_code_limit(&self, rip: u64, bytes: u64) -> bool {
        self.engine.code64 || rip.wrapping_add(bytes - 1) <= u64::from(self.seg[Seg::Cs as usize].limit)
    }

    /// Instructions retired before the one that runs. Valid in chains and in system instructions alike.
    /// Inside a chain, `engine.rem` must be the running op's: every path that can get here stores it.
    pub(crate) fn icount_now(&self) -> u64 {
        if self.engine.materialised {
            return self.icount;
        }
        self.chain_end.wrapping_sub(self.left as u64).wrapping_sub(u64::from(self.engine.rem))
    }

    /// Instructions retired before `op`.
    #[inline(always)]
    pub(crate) fn icount_at(&self, op: &Op) -> u64 {
        self.chain_end.wrapping_sub(self.left as u64).wrapping_sub(u64::from(op.rem))
    }

    /// RIP of `op`.
    #[inline(always)]
    pub(crate) fn start_rip(&self, op: &Op) -> u64 {
        self.mask_rip(self.gpr[Gpr::IpBase as usize].wrapping_add(op.start()))
    }

    /// RIP behind `op`, as wide as the code segment has it.
    #[inline(always)]
    pub(crate) fn next_rip(&self, op: &Op) -> u64 {
        self.mask_rip(self.gpr[Gpr::IpBase as usize].wrapping_add(u64::from(op.next)))
    }

    #[inline(always)]
    pub(crate) fn mask_rip(&self, rip: u64) -> u64 {
        rip & self.engine.rip_mask
    }

    /// Puts `rip` and `icount` at `op`, as if it had not run.
    #[inline(always)]
    pub(crate) fn materialise(&mut self, op: &Op) {
        self.rip = self.start_rip(op);
        self.engine.last_rip = self.rip;
        self.icount = self.icount_at(op);
        self.engine.materialised = true;
    }

    /// Ends the chain with a fault of `op`.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise(&mut self, op: &Op, fault: Fault) {
        self.materialise(op);
        self.engine.fault = Some(self.resolve_fault(op, fault));
    }

    /// A non-canonical address is #SS(0) when `op` used it as its stack or through SS, else #GP(0) (SDM volume 1, 3.3.7.1).
    /// Flat 64-bit code checks addresses only where pages are translated, which knows no segment.
    fn resolve_fault(&self, op: &Op, fault: Fault) -> Fault {
        if fault != Fault::NON_CANONICAL {
            return fault;
        }
        let at = effective(self, op) & op.addr_mask();
        let operand = self.fault_address.wrapping_sub(at) < OPERAND_MAX;
        let stack = if operand { op.seg() == Seg::Ss } else { code_of(op.code).is_stack_instruction() };
        if stack { Fault::SS0 } else { Fault::GP0 }
    }

    /// Ends the chain behind `op`.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave_after(&mut self, op: &Op) {
        self.materialise(op);
        self.rip = self.next_rip(op);
        self.icount += 1;
    }

    /// Ends the chain at `rip`, behind `op`, which was the last of its block.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave_to(&mut self, op: &Op, rip: u64) {
        self.materialise(op);
        self.rip = rip;
        self.icount += 1;
    }
}

/// Continues at the page-relative target `offset`, a direct successor of `op`, by the link if there is one.
#[inline(always)]
pub(crate) fn direct<M: Rm>(cpu: &mut Cpu, op: &Op, offset: u64, taken: bool, rip: u64) {
    let l = links(op);
    if let Some((first, head)) = follow(if taken { l.taken } else { l.fall }) {
        let fits = M::FLAT || cpu.inside_code_limit(rip, u64::from(head.bytes));
        let left = cpu.left - i64::from(head.n);
        if left >= 0 && fits && !cpu.stop {
            cpu.left = left;
            return (first.handler)(cpu, first);
        }
    }
    let _ = offset;
    cpu.want_link(op, taken, rip)
}

/// Continues at `rip`, wherever that is, by the jump cache.
#[inline(always)]
pub(crate) fn indirect<M: Rm>(cpu: &mut Cpu, op: &Op, rip: u64) {
    by_cache::<M, false>(cpu, op, rip)
}

/// Continues at `rip` behind `op`, which is the end op of its block when `END` says so, else an instruction.
#[inline(always)]
fn by_cache<M: Rm, const END: bool>(cpu: &mut Cpu, op: &Op, rip: u64) {
    let lin = if M::LONG { rip } else { cpu.code_lin(rip) };
    let e = &cpu.engine.jumps[jump::slot(lin)];
    if e.lin == lin
        && e.tag == cpu.engine.jump_tag
        && let Some((first, head)) = follow(e.first)
    {
        let fits = M::FLAT || cpu.inside_code_limit(rip, u64::from(head.bytes));
        let left = cpu.left - i64::from(head.n);
        if left >= 0 && fits && !cpu.stop {
            cpu.left = left;
            cpu.gpr[Gpr::IpBase as usize] = rip.wrapping_sub(lin & 0xFFF);
            return (first.handler)(cpu, first);
        }
    }
    by_blocks::<END>(cpu, op, rip)
}

/// Continues at `rip` where the jump cache does not know the way: a block that is decoded, on a page that the TLB has
/// for execution, goes into the jump cache. Everything else is for the run loop.
#[inline(never)]
fn by_blocks<const END: bool>(cpu: &mut Cpu, op: &Op, rip: u64) {
    let lin = cpu.code_lin(rip);
    if let Some((first, head)) = follow(cpu.known_block(lin))
        && cpu.inside_code_limit(rip, u64::from(head.bytes))
    {
        cpu.engine.jumps[jump::slot(lin)] = jump::Jump { lin, tag: cpu.engine.jump_tag, first };
        let left = cpu.left - i64::from(head.n);
        if left >= 0 && !cpu.stop {
            cpu.left = left;
            cpu.gpr[Gpr::IpBase as usize] = rip.wrapping_sub(lin & 0xFFF);
            return (first.handler)(cpu, first);
        }
    }
    if END { cpu.leave_end(op, rip) } else { cpu.leave_to(op, rip) }
}

/// Handler of the op behind the last instruction of a block that falls through.
pub(crate) fn end_of_block<M: Rm>(cpu: &mut Cpu, op: &Op) {
    let rip = cpu.next_rip(op);
    if op.next >= 4096 {
        return by_cache::<M, true>(cpu, op, rip);
    }
    if let Some((first, head)) = follow(links(op).fall) {
        let fits = M::FLAT || cpu.inside_code_limit(rip, u64::from(head.bytes));
        let left = cpu.left - i64::from(head.n);
        if left >= 0 && fits && !cpu.stop {
            cpu.left = left;
            return (first.handler)(cpu, first);
        }
    }
    cpu.want_link_end(op, rip)
}

/// Handler of the first op of a dropped block: the chain goes back to look it up again.
pub(crate) fn stale(cpu: &mut Cpu, op: &Op) {
    cpu.materialise(op);
}

impl Cpu {
    #[cold]
    #[inline(never)]
    fn want_link(&mut self, op: &Op, taken: bool, rip: u64) {
        let lin = self.code_lin(rip);
        self.engine.ask_link(op, taken, lin);
        self.leave_to(op, rip);
    }

    #[cold]
    #[inline(never)]
    fn want_link_end(&mut self, op: &Op, rip: u64) {
        let lin = self.code_lin(rip);
        self.engine.ask_link(op, false, lin);
        self.leave_end(op, rip);
    }

    #[cold]
    #[inline(never)]
    fn leave_end(&mut self, op: &Op, rip: u64) {
        self.materialise(op);
        self.rip = rip;
    }
}

const _: () = assert!(CHAIN_MAX >= 64);
