//! MOVS, STOS, LODS, SCAS, CMPS, INS, OUTS with REP, REPE, REPNE.
//!
//! Intel SDM volume 2, the entries of these instructions and REP. Every iteration is one retired instruction and may be
//! interrupted: a repeat runs as many iterations as the chain's budget allows, then leaves with RIP at itself.
//!
//! The accounting: the block was paid for with one instruction for this op. Iterations beyond the first are charged to
//! `left`; a repeat that is not done when the budget ends hands the rest of its block back by leaving the chain.
//!
//! A repeat that moves or fills whole spans inside one page works on host memory directly; the result is that of the
//! iterations one by one, which the overlap rule of MOVS guards.

use crate::alu::Int;
use crate::engine::arena::next_op;
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::{Handler, Op, op_flags};
use crate::operand::{Flat32, General, Long64, World};
use crate::regs::{Gpr, Seg};
use crate::state::{Cpu, eflags};
use iced_x86::Code;

/// One kind of string instruction.
trait Kind: 'static {
    /// REPE and REPNE test ZF.
    const COMPARES: bool;
    /// How a 286 leaves the registers when an access faults.
    const EARLY: Early;
    /// One iteration, registers advanced.
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec;
    /// Up to `n` iterations at once, without faults or side effects of order; returns how many were done.
    fn bulk<W: World, T: Int>(_cpu: &mut Cpu, _op: &Op, _n: u64) -> u64 {
        0
    }
}

/// The 286 moves an index register when it issues the access and counts ahead of it; a fault undoes neither. As captured
/// from a Harris 80C286 in real-address mode.
struct Early {
    /// Index registers in the order of their accesses.
    order: &'static [Gpr],
    /// What a repeat has taken from CX by then.
    counts: u64,
}

#[cold]
fn keep_early(cpu: &mut Cpu, op: &Op, early: &Early, size: u64, delta: u64) {
    for &reg in early.order {
        let seg = if reg == Gpr::Rsi { op.seg() } else { Seg::Es };
        let faults = cpu.segmented(seg, index(cpu, op, reg), size, false).is_err();
        advance(cpu, op, reg, delta);
        if faults {
            break;
        }
    }
    if op.flags & (op_flags::REP | op_flags::REPNE) != 0 {
        let count = cpu.gpr[Gpr::Rcx as usize];
        set_count(cpu, op, count.wrapping_sub(early.counts) & op.addr_mask());
    }
}

/// SI or DI as wide as the address size.
#[inline(always)]
fn index(cpu: &Cpu, op: &Op, reg: Gpr) -> u64 {
    cpu.gpr[reg as usize] & op.addr_mask()
}

#[inline(always)]
fn advance(cpu: &mut Cpu, op: &Op, reg: Gpr, delta: u64) {
    let mask = op.addr_mask();
    let old = cpu.gpr[reg as usize];
    let new = old.wrapping_add(delta) & mask;
    cpu.gpr[reg as usize] = if mask == 0xFFFF { (old & !mask) | new } else { new };
}

#[inline(always)]
fn source<W: World>(cpu: &Cpu, op: &Op, size: u64) -> Exec<u64> {
    let off = index(cpu, op, Gpr::Rsi);
    if W::FLAT { Ok(off) } else { cpu.segmented(op.seg(), off, size, false) }
}

#[inline(always)]
fn target<W: World>(cpu: &Cpu, op: &Op, size: u64, write: bool) -> Exec<u64> {
    let off = index(cpu, op, Gpr::Rdi);
    if W::FLAT { Ok(off) } else { cpu.segmented(Seg::Es, off, size, write) }
}

/// Iterations that stay in the page of `lin`, going up.
#[inline(always)]
fn in_page(lin: u64, size: u64) -> u64 {
    (4096 - (lin & 0xFFF)) / size
}

/// Iterations that are worth a translation of their own.
const RUN: u64 = 4;

struct Movs;
impl Kind for Movs {
    const COMPARES: bool = false;
    const EARLY: Early = Early { order: &[Gpr::Rsi, Gpr::Rdi], counts: 1 };
    #[inline(always)]
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec {
        let from = source::<W>(cpu, op, T::SIZE)?;
        let v: T = cpu.read(from)?;
        let to = target::<W>(cpu, op, T::SIZE, true)?;
        cpu.write(to, v)?;
        advance(cpu, op, Gpr::Rsi, delta);
        advance(cpu, op, Gpr::Rdi, delta);
        Ok(())
    }
    fn bulk<W: World, T: Int>(cpu: &mut Cpu, op: &Op, n: u64) -> u64 {
        let (Ok(from), Ok(to)) = (source::<W>(cpu, op, T::SIZE), target::<W>(cpu, op, T::SIZE, true)) else { return 0 };
        let n = n.min(in_page(from, T::SIZE)).min(in_page(to, T::SIZE)).min(room::<W>(cpu, op, T::SIZE));
        let bytes = (n * T::SIZE) as usize;
        if n < 2 {
            return 0;
        }
        let Some(a) = cpu.host_span(from, bytes, false) else { return 0 };
        let Some(b) = cpu.host_span(to, bytes, true) else {
            let done = n >= RUN && store_run(cpu, to, bytes, |data| a.read_into(data));
            return if done { moved(cpu, op, n * T::SIZE, n) } else { 0 };
        };
        // Bytes written may be bytes read later: only a destination at or below the source, or clear of it, is a move.
        let gap = b.address().wrapping_sub(a.address());
        if gap != 0 && gap < bytes {
            return 0;
        }
        a.copy_to(b);
        moved(cpu, op, n * T::SIZE, n)
    }
}

/// Stores `bytes` that `f` provides from `lin` on, all in one page, if that is device memory that takes them at once.
/// Apart from its callers because a buffer among their locals would keep handlers from calling each other as jumps.
#[inline(never)]
fn store_run(cpu: &mut Cpu, lin: u64, bytes: usize, f: impl FnOnce(&mut [u8])) -> bool {
    let Some(phys) = cpu.bus_address(lin) else { return false };
    let mut data = [0; 4096];
    let Some(data) = data.get_mut(..bytes) else { return false };
    f(data);
    cpu.write_run(phys, data)
}

/// Both index registers are `bytes` further; returns `n`.
fn moved(cpu: &mut Cpu, op: &Op, bytes: u64, n: u64) -> u64 {
    advance(cpu, op, Gpr::Rsi, bytes);
    advance(cpu, op, Gpr::Rdi, bytes);
    n
}

/// Iterations before an index register would wrap or a segment limit would stop it.
fn room<W: World>(cpu: &Cpu, op: &Op, size: u64) -> u64 {
    let mask = op.addr_mask();
    let left = |reg: Gpr| (mask - (cpu.gpr[reg as usize] & mask)) / size;
    let mut n = left(Gpr::Rsi).min(left(Gpr::Rdi));
    if !W::FLAT && !cpu.engine.code64 {
        let limit = |seg: Seg, reg: Gpr| {
            let s = cpu.seg(seg);
            let max = s.read_max.min(i64::from(s.limit));
            let off = (cpu.gpr[reg as usize] & mask) as i64;
            if max < off { 0 } else { ((max - off + 1) as u64) / size }
        };
        n = n.min(limit(op.seg(), Gpr::Rsi)).min(limit(Seg::Es, Gpr::Rdi));
    }
    n
}

struct Stos;
impl Kind for Stos {
    const COMPARES: bool = false;
    const EARLY: Early = Early { order: &[Gpr::Rdi], counts: 2 };
    #[inline(always)]
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec {
        let to = target::<W>(cpu, op, T::SIZE, true)?;
        cpu.write(to, cpu.r::<T>(Gpr::Rax))?;
        advance(cpu, op, Gpr::Rdi, delta);
        Ok(())
    }
    fn bulk<W: World, T: Int>(cpu: &mut Cpu, op: &Op, n: u64) -> u64 {
        let Ok(to) = target::<W>(cpu, op, T::SIZE, true) else { return 0 };
        let n = n.min(in_page(to, T::SIZE)).min(room_di::<W>(cpu, op, T::SIZE));
        let value = cpu.r::<T>(Gpr::Rax);
        match cpu.host_span(to, (n * T::SIZE) as usize, true) {
            Some(span) => span.fill(value),
            None => {
                let value = value.zext().to_le_bytes();
                let fill = |data: &mut [u8]| {
                    data.chunks_exact_mut(T::SIZE as usize).for_each(|e| e.copy_from_slice(&value[..e.len()]));
                };
                if n < RUN || !store_run(cpu, to, (n * T::SIZE) as usize, fill) {
                    return 0;
                }
            }
        }
        advance(cpu, op, Gpr::Rdi, n * T::SIZE);
        n
    }
}

fn room_di<W: World>(cpu: &Cpu, op: &Op, size: u64) -> u64 {
    let mask = op.addr_mask();
    let off = cpu.gpr[Gpr::Rdi as usize] & mask;
    let n = (mask - off) / size;
    if W::FLAT || cpu.engine.code64 {
        return n;
    }
    let s = cpu.seg(Seg::Es);
    let max = s.read_max.min(i64::from(s.limit));
    if max < off as i64 { 0 } else { n.min((max as u64 - off + 1) / size) }
}

struct Lods;
impl Kind for Lods {
    const COMPARES: bool = false;
    const EARLY: Early = Early { order: &[Gpr::Rsi], counts: 1 };
    #[inline(always)]
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec {
        let from = source::<W>(cpu, op, T::SIZE)?;
        let v: T = cpu.read(from)?;
        cpu.set_r(Gpr::Rax, v);
        advance(cpu, op, Gpr::Rsi, delta);
        Ok(())
    }
}

struct Scas;
impl Kind for Scas {
    const COMPARES: bool = true;
    const EARLY: Early = Early { order: &[Gpr::Rdi], counts: 1 };
    #[inline(always)]
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec {
        let at = target::<W>(cpu, op, T::SIZE, false)?;
        let v: T = cpu.read(at)?;
        let acc = cpu.r::<T>(Gpr::Rax);
        cpu.alu_sub(acc, v);
        advance(cpu, op, Gpr::Rdi, delta);
        Ok(())
    }
    fn bulk<W: World, T: Int>(cpu: &mut Cpu, op: &Op, n: u64) -> u64 {
        let Ok(at) = target::<W>(cpu, op, T::SIZE, false) else { return 0 };
        let n = n.min(in_page(at, T::SIZE)).min(room_di::<W>(cpu, op, T::SIZE));
        let Some(span) = cpu.host_span(at, (n * T::SIZE) as usize, false) else { return 0 };
        let acc = cpu.r::<T>(Gpr::Rax);
        let stop_on_equal = op.has(op_flags::REPNE);
        let mut done = 0;
        let mut last = acc;
        while done < n {
            let Some(v) = span.get::<T>(done as usize) else { break };
            last = v;
            done += 1;
            if (v == acc) == stop_on_equal {
                break;
            }
        }
        if done != 0 {
            cpu.alu_sub(acc, last);
            advance(cpu, op, Gpr::Rdi, done * T::SIZE);
        }
        done
    }
}

struct Cmps;
impl Kind for Cmps {
    const COMPARES: bool = true;
    const EARLY: Early = Early { order: &[Gpr::Rdi, Gpr::Rsi], counts: 0 };
    #[inline(always)]
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec {
        // ES:DI is read first.
        let to = target::<W>(cpu, op, T::SIZE, false)?;
        let b: T = cpu.read(to)?;
        let from = source::<W>(cpu, op, T::SIZE)?;
        let a: T = cpu.read(from)?;
        cpu.alu_sub(a, b);
        advance(cpu, op, Gpr::Rsi, delta);
        advance(cpu, op, Gpr::Rdi, delta);
        Ok(())
    }
}

struct Ins;
impl Kind for Ins {
    const COMPARES: bool = false;
    const EARLY: Early = Early { order: &[Gpr::Rdi], counts: 2 };
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec {
        let port = cpu.gpr[Gpr::Rdx as usize] as u16;
        cpu.check_port(port, T::SIZE)?;
        // The port is read only when the store is sure to succeed.
        let to = target::<W>(cpu, op, T::SIZE, true)?;
        cpu.probe_write(to, T::SIZE)?;
        let v: T = cpu.port_in(port);
        cpu.write(to, v)?;
        advance(cpu, op, Gpr::Rdi, delta);
        Ok(())
    }
}

struct Outs;
impl Kind for Outs {
    const COMPARES: bool = false;
    const EARLY: Early = Early { order: &[Gpr::Rsi], counts: 1 };
    fn step<W: World, T: Int>(cpu: &mut Cpu, op: &Op, delta: u64) -> Exec {
        let port = cpu.gpr[Gpr::Rdx as usize] as u16;
        cpu.check_port(port, T::SIZE)?;
        let from = source::<W>(cpu, op, T::SIZE)?;
        let v: T = cpu.read(from)?;
        cpu.port_out(port, v);
        advance(cpu, op, Gpr::Rsi, delta);
        Ok(())
    }
}

/// The handler of every string instruction.
fn string<K: Kind, T: Int, W: World>(cpu: &mut Cpu, op: &Op) {
    cpu.engine.rem = op.rem;
    let down = cpu.eflags & eflags::DF != 0;
    let delta = if down { T::SIZE.wrapping_neg() } else { T::SIZE };
    if op.flags & (op_flags::REP | op_flags::REPNE) == 0 {
        if let Err(fault) = K::step::<W, T>(cpu, op, delta) {
            if cpu.model.is_286() {
                keep_early(cpu, op, &K::EARLY, T::SIZE, delta);
            }
            return cpu.raise(op, fault);
        }
    } else if !repeat::<K, T, W>(cpu, op, down, delta) {
        return;
    }
    if cpu.stop {
        return cpu.leave_after(op);
    }
    let next = next_op(op);
    (next.handler)(cpu, next)
}

/// Runs a repeat; `false` when it left the chain.
fn repeat<K: Kind, T: Int, W: World>(cpu: &mut Cpu, op: &Op, down: bool, delta: u64) -> bool {
    let traced = cpu.eflags & eflags::TF != 0;
    let mut first = true;
    loop {
        let count = cpu.gpr[Gpr::Rcx as usize] & op.addr_mask();
        if count == 0 {
            // Reached at once: the instruction retires without an iteration. Else the last iteration retired it.
            return true;
        }
        // What this op may still do: one instruction is paid for when none was done yet.
        let budget = cpu.left as u64 + u64::from(first);
        if budget == 0 || cpu.stop || traced && !first {
            cpu.leave_repeat(op);
            return false;
        }
        let flags = (cpu.flag_result, cpu.flag_aux);
        let mut done = 0;
        if !down && !traced && count > 1 {
            done = K::bulk::<W, T>(cpu, op, count.min(budget));
        }
        if done == 0 {
            if let Err(fault) = K::step::<W, T>(cpu, op, delta) {
                if cpu.model.is_286() {
                    keep_early(cpu, op, &K::EARLY, T::SIZE, delta);
                }
                cpu.raise_repeat(op, fault, first);
                return false;
            }
            done = 1;
        }
        set_count(cpu, op, count - done);
        cpu.left -= (done - u64::from(first)) as i64;
        first = false;
        // One iteration is retired that `left` did not pay for: the count that accesses see moves with it.
        cpu.engine.rem = op.rem.wrapping_sub(1);
        if K::COMPARES {
            if cpu.zf() != op.has(op_flags::REP) || done == count {
                return true;
            }
            // Flags are those of the last comparison: a fault or an interrupt in between finds them as they were (SDM
            // volume 2, REP). A trap after each iteration sees each.
            if !traced {
                (cpu.flag_result, cpu.flag_aux) = flags;
            }
        }
    }
}

#[inline(always)]
fn set_count(cpu: &mut Cpu, op: &Op, count: u64) {
    let mask = op.addr_mask();
    let old = cpu.gpr[Gpr::Rcx as usize];
    cpu.gpr[Gpr::Rcx as usize] = if mask == 0xFFFF { (old & !mask) | count } else { count };
}

impl Cpu {
    /// Leaves the chain at a repeat of which at least one iteration is retired and more are to come.
    pub(crate) fn leave_repeat(&mut self, op: &Op) {
        self.materialise(op);
        self.icount += 1;
        self.sys.repeating = true;
    }

    /// A fault in an iteration of a repeat; iterations before it stay retired.
    pub(crate) fn raise_repeat(&mut self, op: &Op, fault: crate::fault::Fault, first: bool) {
        // A 32-bit count is extended by zeros even when nothing was counted.
        set_count(self, op, self.gpr[Gpr::Rcx as usize] & op.addr_mask());
        self.raise(op, fault);
        if !first {
            self.icount += 1;
            self.sys.repeating = true;
        }
    }
}

macro_rules! string {
    ($k:ty, $t:ty) => {{
        const H: [Handler; 3] = [string::<$k, $t, General>, string::<$k, $t, Flat32>, string::<$k, $t, Long64>];
        Form { reg: H, mem: H, ends: false }
    }};
}
const STRING: &[(Code, Form)] = &[
    (Code::Movsb_m8_m8, string!(Movs, u8)),
    (Code::Movsw_m16_m16, string!(Movs, u16)),
    (Code::Movsd_m32_m32, string!(Movs, u32)),
    (Code::Movsq_m64_m64, string!(Movs, u64)),
    (Code::Stosb_m8_AL, string!(Stos, u8)),
    (Code::Stosw_m16_AX, string!(Stos, u16)),
    (Code::Stosd_m32_EAX, string!(Stos, u32)),
    (Code::Stosq_m64_RAX, string!(Stos, u64)),
    (Code::Lodsb_AL_m8, string!(Lods, u8)),
    (Code::Lodsw_AX_m16, string!(Lods, u16)),
    (Code::Lodsd_EAX_m32, string!(Lods, u32)),
    (Code::Lodsq_RAX_m64, string!(Lods, u64)),
    (Code::Scasb_AL_m8, string!(Scas, u8)),
    (Code::Scasw_AX_m16, string!(Scas, u16)),
    (Code::Scasd_EAX_m32, string!(Scas, u32)),
    (Code::Scasq_RAX_m64, string!(Scas, u64)),
    (Code::Insb_m8_DX, string!(Ins, u8)),
    (Code::Insw_m16_DX, string!(Ins, u16)),
    (Code::Insd_m32_DX, string!(Ins, u32)),
    (Code::Outsb_DX_m8, string!(Outs, u8)),
    (Code::Outsw_DX_m16, string!(Outs, u16)),
    (Code::Outsd_DX_m32, string!(Outs, u32)),
    (Code::Cmpsb_m8_m8, string!(Cmps, u8)),
    (Code::Cmpsw_m16_m16, string!(Cmps, u16)),
    (Code::Cmpsd_m32_m32, string!(Cmps, u32)),
    (Code::Cmpsq_m64_m64, string!(Cmps, u64)),
];

pub(super) const FORMS: &[&[(Code, Form)]] = &[STRING];
