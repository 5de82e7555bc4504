//! JMP, Jcc, CALL, RET (near), LOOPcc, JCXZ.
//!
//! Intel SDM volume 2, the entries of these instructions. A direct target inside the page continues by a link; every
//! other target goes through the jump cache. A target beyond the code segment's limit is #GP(0) before anything changes.

use crate::alu::Int;
use crate::engine::dispatch::{Form, direct, indirect};
use crate::fault::{Exec, Fault};
use crate::op::{Handler, Op, op_flags};
use crate::operand::{Flat32, General, Long64, Mem, Quick, Reg, Rm, World};
use crate::regs::{Gpr, Seg};
use crate::state::Cpu;
use iced_x86::Code;

/// A condition code.
pub(crate) trait Cond: 'static {
    fn holds(cpu: &Cpu) -> bool;
}

/// The sixteen conditions, by their mnemonic suffix.
pub(crate) mod cond {
    use super::{Cond, Cpu};
    macro_rules! conditions {
        ($($name:ident: |$c:ident| $body:expr;)*) => {$(
            pub(crate) struct $name;
            impl Cond for $name {
                #[inline(always)]
                fn holds($c: &Cpu) -> bool {
                    $body
                }
            }
        )*};
    }
    conditions! {
        O: |c| c.of();
        No: |c| !c.of();
        B: |c| c.cf();
        Ae: |c| !c.cf();
        E: |c| c.zf();
        Ne: |c| !c.zf();
        Be: |c| c.cf() | c.zf();
        A: |c| !(c.cf() | c.zf());
        S: |c| c.sf();
        Ns: |c| !c.sf();
        P: |c| c.pf();
        Np: |c| !c.pf();
        L: |c| c.sf() != c.of();
        Ge: |c| c.sf() == c.of();
        Le: |c| c.zf() | (c.sf() != c.of());
        G: |c| !c.zf() & (c.sf() == c.of());
    }
}

/// RIP of the op's direct target, as wide as its operand size.
#[inline(always)]
fn target<M: Rm>(cpu: &Cpu, op: &Op) -> u64 {
    let rip = cpu.gpr[Gpr::IpBase as usize].wrapping_add(op.imm64());
    if M::LONG || !M::FLAT && cpu.engine.code64 {
        rip
    } else if !M::FLAT && op.has(op_flags::OP16) {
        rip & 0xFFFF
    } else {
        rip & 0xFFFF_FFFF
    }
}

/// #GP(0) when `rip` is no valid target.
#[inline(always)]
fn check<M: Rm>(cpu: &Cpu, rip: u64) -> Exec {
    let bad = if M::LONG {
        !crate::mmu::canonical(rip)
    } else if M::FLAT {
        false
    } else {
        cpu.engine.code64 && !crate::mmu::canonical(rip)
            || !cpu.engine.code64 && rip > u64::from(cpu.seg[Seg::Cs as usize].limit)
    };
    if bad { Err(Fault::GP0) } else { Ok(()) }
}

/// Goes to the direct target.
#[inline(always)]
fn take<M: Rm>(cpu: &mut Cpu, op: &Op) {
    let rip = target::<M>(cpu, op);
    // In flat code the page-relative target says whether the link may be used; elsewhere RIP may have wrapped.
    let in_page = u64::from(op.imm) < 4096
        && (M::FLAT && !op.has(op_flags::OP16) || rip.wrapping_sub(cpu.gpr[Gpr::IpBase as usize]) < 4096);
    if in_page && (M::FLAT || rip <= u64::from(cpu.seg[Seg::Cs as usize].limit)) {
        return direct::<M>(cpu, op, u64::from(op.imm), true, rip);
    }
    if let Err(fault) = check::<M>(cpu, rip) {
        return cpu.raise(op, fault);
    }
    indirect::<M>(cpu, op, rip)
}

/// Goes on behind the op.
#[inline(always)]
fn fall<M: Rm>(cpu: &mut Cpu, op: &Op) {
    let rip = cpu.next_rip(op);
    if op.next < 4096 { direct::<M>(cpu, op, u64::from(op.next), false, rip) } else { indirect::<M>(cpu, op, rip) }
}

fn jmp<M: Rm>(cpu: &mut Cpu, op: &Op) {
    take::<M>(cpu, op)
}

pub(super) fn jcc<C: Cond, M: Rm>(cpu: &mut Cpu, op: &Op) {
    if C::holds(cpu) { take::<M>(cpu, op) } else { fall::<M>(cpu, op) }
}

/// Pushes a return address of operand size `T`, then looks at the target: the store comes first, as on processors, and
/// stays below the stack pointer when the target faults.
#[inline(always)]
fn push_return<T: Int, M: Rm>(cpu: &mut Cpu, op: &Op, value: u64, to: u64) -> Exec {
    cpu.engine.rem = op.rem;
    let sp = cpu.gpr[Gpr::Rsp as usize];
    super::stack::push::<T, M::W>(cpu, T::trunc(value))?;
    check::<M>(cpu, to).inspect_err(|_| cpu.gpr[Gpr::Rsp as usize] = sp)
}

fn call<T: Int, M: Rm>(cpu: &mut Cpu, op: &Op) {
    let rip = target::<M>(cpu, op);
    let next = cpu.next_rip(op);
    match push_return::<T, M>(cpu, op, next, rip) {
        Ok(()) => take::<M>(cpu, op),
        Err(Fault::MISS) if M::W::QUICK => call::<T, M::Slow>(cpu, op),
        Err(fault) => cpu.raise(op, fault),
    }
}

fn jmp_rm<T: Int, M: Rm>(cpu: &mut Cpu, op: &Op) {
    match M::dst::<T>(cpu, op).and_then(|t| check::<M>(cpu, t.zext()).map(|()| t.zext())) {
        Ok(rip) => indirect::<M>(cpu, op, rip),
        Err(Fault::MISS) if M::W::QUICK => jmp_rm::<T, M::Slow>(cpu, op),
        Err(fault) => cpu.raise(op, fault),
    }
}

fn call_rm<T: Int, M: Rm>(cpu: &mut Cpu, op: &Op) {
    let next = cpu.next_rip(op);
    let to =
        M::dst::<T>(cpu, op).map(|t| t.zext()).and_then(|rip| push_return::<T, M>(cpu, op, next, rip).map(|()| rip));
    match to {
        Ok(rip) => indirect::<M>(cpu, op, rip),
        Err(Fault::MISS) if M::W::QUICK => call_rm::<T, M::Slow>(cpu, op),
        Err(fault) => cpu.raise(op, fault),
    }
}

fn ret<T: Int, M: Rm>(cpu: &mut Cpu, op: &Op) {
    cpu.engine.rem = op.rem;
    let sp = cpu.gpr[Gpr::Rsp as usize];
    let to = super::stack::peek::<T, M::W>(cpu, sp).and_then(|t| check::<M>(cpu, t.zext()).map(|()| t.zext()));
    match to {
        Ok(rip) => {
            super::stack::advance::<M::W>(cpu, T::SIZE + u64::from(op.imm as u16));
            indirect::<M>(cpu, op, rip)
        }
        Err(Fault::MISS) if M::W::QUICK => ret::<T, M::Slow>(cpu, op),
        Err(fault) => cpu.raise(op, fault),
    }
}

/// The count register of LOOP and JCXZ: as wide as the address size.
#[inline(always)]
fn loop_step(cpu: &mut Cpu, op: &Op) -> bool {
    let mask = op.addr_mask();
    let rcx = cpu.gpr[Gpr::Rcx as usize];
    let count = rcx.wrapping_sub(1) & mask;
    // A 32-bit count zero-extends in 64-bit mode; a 16-bit one keeps the upper bits.
    cpu.gpr[Gpr::Rcx as usize] = if mask == 0xFFFF { (rcx & !mask) | count } else { count };
    count != 0
}

/// LOOP, LOOPE (`WANT` 1), LOOPNE (`WANT` 0); 2 ignores ZF.
fn loop_<const WANT: u8, M: Rm>(cpu: &mut Cpu, op: &Op) {
    let rip = target::<M>(cpu, op);
    let zf_ok = WANT == 2 || cpu.zf() == (WANT == 1);
    let more = cpu.gpr[Gpr::Rcx as usize].wrapping_sub(1) & op.addr_mask() != 0;
    if more && zf_ok {
        if let Err(fault) = check::<M>(cpu, rip) {
            return cpu.raise(op, fault);
        }
        loop_step(cpu, op);
        return take::<M>(cpu, op);
    }
    loop_step(cpu, op);
    fall::<M>(cpu, op)
}

fn jcxz<M: Rm>(cpu: &mut Cpu, op: &Op) {
    if cpu.gpr[Gpr::Rcx as usize] & op.addr_mask() == 0 { take::<M>(cpu, op) } else { fall::<M>(cpu, op) }
}

macro_rules! branch {
    ($f:ident $(<$($p:ty),*>)?) => {{
        const REG: [Handler; 3] = [$f::<$($($p,)*)? Reg<General>>, $f::<$($($p,)*)? Reg<Flat32>>, $f::<$($($p,)*)? Reg<Long64>>];
        const MEM: [Handler; 3] = [$f::<$($($p,)*)? Mem<General>>, $f::<$($($p,)*)? Mem<Flat32>>, $f::<$($($p,)*)? Mem<Long64>>];
        Form::branch(REG, MEM)
    }};
}
/// A branch that accesses memory: in flat worlds by the TLB alone, with its general form behind it.
macro_rules! quick {
    ($f:ident<$t:ty>) => {{
        const REG: [Handler; 3] = [$f::<$t, Reg<General>>, $f::<$t, Reg<Quick<Flat32>>>, $f::<$t, Reg<Quick<Long64>>>];
        const MEM: [Handler; 3] = [$f::<$t, Mem<General>>, $f::<$t, Mem<Quick<Flat32>>>, $f::<$t, Mem<Quick<Long64>>>];
        Form::branch(REG, MEM)
    }};
}
macro_rules! branch_loop {
    ($want:literal) => {{
        const H: [Handler; 3] =
            [loop_::<$want, Reg<General>>, loop_::<$want, Reg<Flat32>>, loop_::<$want, Reg<Long64>>];
        Form::branch(H, H)
    }};
}
/// 16-bit operand size in 32-bit code truncates RIP, which only the general form does.
macro_rules! general {
    ($f:ident $(<$($p:ty),*>)?) => {{
        const REG: Handler = $f::<$($($p,)*)? Reg<General>>;
        const MEM: Handler = $f::<$($($p,)*)? Mem<General>>;
        Form::branch([REG, REG, REG], [MEM, MEM, MEM])
    }};
}

macro_rules! jcc_forms {
    ($($c:ident: $s16:ident $s32:ident $s64:ident $n16:ident $n32:ident $n64:ident;)*) => {
        &[$(
            (Code::$s16, general!(jcc<cond::$c>)),
            (Code::$s32, branch!(jcc<cond::$c>)),
            (Code::$s64, branch!(jcc<cond::$c>)),
            (Code::$n16, general!(jcc<cond::$c>)),
            (Code::$n32, branch!(jcc<cond::$c>)),
            (Code::$n64, branch!(jcc<cond::$c>)),
        )*]
    };
}
const JCC: &[(Code, Form)] = jcc_forms! {
    O: Jo_rel8_16 Jo_rel8_32 Jo_rel8_64 Jo_rel16 Jo_rel32_32 Jo_rel32_64;
    No: Jno_rel8_16 Jno_rel8_32 Jno_rel8_64 Jno_rel16 Jno_rel32_32 Jno_rel32_64;
    B: Jb_rel8_16 Jb_rel8_32 Jb_rel8_64 Jb_rel16 Jb_rel32_32 Jb_rel32_64;
    Ae: Jae_rel8_16 Jae_rel8_32 Jae_rel8_64 Jae_rel16 Jae_rel32_32 Jae_rel32_64;
    E: Je_rel8_16 Je_rel8_32 Je_rel8_64 Je_rel16 Je_rel32_32 Je_rel32_64;
    Ne: Jne_rel8_16 Jne_rel8_32 Jne_rel8_64 Jne_rel16 Jne_rel32_32 Jne_rel32_64;
    Be: Jbe_rel8_16 Jbe_rel8_32 Jbe_rel8_64 Jbe_rel16 Jbe_rel32_32 Jbe_rel32_64;
    A: Ja_rel8_16 Ja_rel8_32 Ja_rel8_64 Ja_rel16 Ja_rel32_32 Ja_rel32_64;
    S: Js_rel8_16 Js_rel8_32 Js_rel8_64 Js_rel16 Js_rel32_32 Js_rel32_64;
    Ns: Jns_rel8_16 Jns_rel8_32 Jns_rel8_64 Jns_rel16 Jns_rel32_32 Jns_rel32_64;
    P: Jp_rel8_16 Jp_rel8_32 Jp_rel8_64 Jp_rel16 Jp_rel32_32 Jp_rel32_64;
    Np: Jnp_rel8_16 Jnp_rel8_32 Jnp_rel8_64 Jnp_rel16 Jnp_rel32_32 Jnp_rel32_64;
    L: Jl_rel8_16 Jl_rel8_32 Jl_rel8_64 Jl_rel16 Jl_rel32_32 Jl_rel32_64;
    Ge: Jge_rel8_16 Jge_rel8_32 Jge_rel8_64 Jge_rel16 Jge_rel32_32 Jge_rel32_64;
    Le: Jle_rel8_16 Jle_rel8_32 Jle_rel8_64 Jle_rel16 Jle_rel32_32 Jle_rel32_64;
    G: Jg_rel8_16 Jg_rel8_32 Jg_rel8_64 Jg_rel16 Jg_rel32_32 Jg_rel32_64;
};

const NEAR: &[(Code, Form)] = &[
    (Code::Jmp_rel8_16, general!(jmp)),
    (Code::Jmp_rel8_32, branch!(jmp)),
    (Code::Jmp_rel8_64, branch!(jmp)),
    (Code::Jmp_rel16, general!(jmp)),
    (Code::Jmp_rel32_32, branch!(jmp)),
    (Code::Jmp_rel32_64, branch!(jmp)),
    (Code::Jmp_rm16, general!(jmp_rm<u16>)),
    (Code::Jmp_rm32, quick!(jmp_rm<u32>)),
    (Code::Jmp_rm64, quick!(jmp_rm<u64>)),
    (Code::Call_rel16, general!(call<u16>)),
    (Code::Call_rel32_32, quick!(call<u32>)),
    (Code::Call_rel32_64, quick!(call<u64>)),
    (Code::Call_rm16, general!(call_rm<u16>)),
    (Code::Call_rm32, quick!(call_rm<u32>)),
    (Code::Call_rm64, quick!(call_rm<u64>)),
    (Code::Retnw, general!(ret<u16>)),
    (Code::Retnd, quick!(ret<u32>)),
    (Code::Retnq, quick!(ret<u64>)),
    (Code::Retnw_imm16, general!(ret<u16>)),
    (Code::Retnd_imm16, quick!(ret<u32>)),
    (Code::Retnq_imm16, quick!(ret<u64>)),
    (Code::Loop_rel8_16_CX, general!(loop16)),
    (Code::Loop_rel8_16_ECX, general!(loop16)),
    (Code::Loop_rel8_16_RCX, general!(loop16)),
    (Code::Loop_rel8_32_CX, branch_loop!(2)),
    (Code::Loop_rel8_32_ECX, branch_loop!(2)),
    (Code::Loop_rel8_64_ECX, branch_loop!(2)),
    (Code::Loop_rel8_64_RCX, branch_loop!(2)),
    (Code::Loope_rel8_16_CX, general!(loope16)),
    (Code::Loope_rel8_16_ECX, general!(loope16)),
    (Code::Loope_rel8_16_RCX, general!(loope16)),
    (Code::Loope_rel8_32_CX, branch_loop!(1)),
    (Code::Loope_rel8_32_ECX, branch_loop!(1)),
    (Code::Loope_rel8_64_ECX, branch_loop!(1)),
    (Code::Loope_rel8_64_RCX, branch_loop!(1)),
    (Code::Loopne_rel8_16_CX, general!(loopne16)),
    (Code::Loopne_rel8_16_ECX, general!(loopne16)),
    (Code::Loopne_rel8_16_RCX, general!(loopne16)),
    (Code::Loopne_rel8_32_CX, branch_loop!(0)),
    (Code::Loopne_rel8_32_ECX, branch_loop!(0)),
    (Code::Loopne_rel8_64_ECX, branch_loop!(0)),
    (Code::Loopne_rel8_64_RCX, branch_loop!(0)),
    (Code::Jcxz_rel8_16, general!(jcxz)),
    (Code::Jcxz_rel8_32, branch!(jcxz)),
    (Code::Jecxz_rel8_16, general!(jcxz)),
    (Code::Jecxz_rel8_32, branch!(jcxz)),
    (Code::Jecxz_rel8_64, branch!(jcxz)),
    (Code::Jrcxz_rel8_16, general!(jcxz)),
    (Code::Jrcxz_rel8_64, branch!(jcxz)),
];
fn loop16<M: Rm>(cpu: &mut Cpu, op: &Op) {
    loop_::<2, M>(cpu, op)
}
fn loope16<M: Rm>(cpu: &mut Cpu, op: &Op) {
    loop_::<1, M>(cpu, op)
}
fn loopne16<M: Rm>(cpu: &mut Cpu, op: &Op) {
    loop_::<0, M>(cpu, op)
}

pub(super) const FORMS: &[&[(Code, Form)]] = &[JCC, NEAR];
