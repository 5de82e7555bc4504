//! PUSH, POP, PUSHA, POPA, ENTER, LEAVE.
//!
//! Intel SDM volume 2, the entries of these instructions; stack addressing: volume 1, chapter 6.

use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::{Rm, World};
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;
use std::marker::PhantomData;

#[inline(always)]
fn set_sp<W: World>(cpu: &mut Cpu, sp: u64) {
    let mask = W::stack_mask(cpu);
    let old = cpu.gpr[Gpr::Rsp as usize];
    cpu.gpr[Gpr::Rsp as usize] = if W::FLAT { sp & mask } else { (old & !mask) | (sp & mask) };
}

/// Pushes `value`; `engine.rem` must be set.
#[inline(always)]
pub(super) fn push<T: Int, W: World>(cpu: &mut Cpu, value: T) -> Exec {
    let sp = cpu.gpr[Gpr::Rsp as usize].wrapping_sub(T::SIZE);
    let lin = W::stack(cpu, sp, T::SIZE, true)?;
    W::store(cpu, lin, value)?;
    set_sp::<W>(cpu, sp);
    Ok(())
}

/// Reads at stack offset `sp`; `engine.rem` must be set.
#[inline(always)]
pub(super) fn peek<T: Int, W: World>(cpu: &mut Cpu, sp: u64) -> Exec<T> {
    let lin = W::stack(cpu, sp, T::SIZE, false)?;
    W::load(cpu, lin)
}

/// Moves the stack pointer up.
#[inline(always)]
pub(super) fn advance<W: World>(cpu: &mut Cpu, by: u64) {
    set_sp::<W>(cpu, cpu.gpr[Gpr::Rsp as usize].wrapping_add(by));
}

/// PUSH r: the old value of SP when that is pushed.
struct PushR<T>(PhantomData<T>);
impl<T: Int> Insn for PushR<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = cpu.reg_dst(op);
        push::<T, M::W>(cpu, v)
    }
}
struct PushRm<T>(PhantomData<T>);
impl<T: Int> Insn for PushRm<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = M::dst(cpu, op)?;
        push::<T, M::W>(cpu, v)
    }
}
struct PushI<T>(PhantomData<T>);
impl<T: Int> Insn for PushI<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        push::<T, M::W>(cpu, T::trunc(op.simm()))
    }
}
struct PopR<T>(PhantomData<T>);
impl<T: Int> Insn for PopR<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = peek::<T, M::W>(cpu, cpu.gpr[Gpr::Rsp as usize])?;
        // The increment comes first: POP SP ends with the popped value.
        advance::<M::W>(cpu, T::SIZE);
        cpu.set_reg_dst(op, v);
        Ok(())
    }
}
/// POP m: an address that uses SP sees it already incremented.
struct PopM<T>(PhantomData<T>);
impl<T: Int> Insn for PopM<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let old = cpu.gpr[Gpr::Rsp as usize];
        let v: T = peek::<T, M::W>(cpu, old)?;
        advance::<M::W>(cpu, T::SIZE);
        M::set_dst(cpu, op, v).inspect_err(|_| {
            // The 286 keeps the increment.
            if !cpu.model.is_286() {
                cpu.gpr[Gpr::Rsp as usize] = old;
            }
        })
    }
}

const PUSHA_ORDER: [Gpr; 8] = [Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::Rbx, Gpr::Rsp, Gpr::Rbp, Gpr::Rsi, Gpr::Rdi];

struct Pusha<T>(PhantomData<T>);
impl<T: Int> Insn for Pusha<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let old = cpu.gpr[Gpr::Rsp as usize];
        for reg in PUSHA_ORDER {
            let v = if reg == Gpr::Rsp { T::trunc(old) } else { cpu.r::<T>(reg) };
            if let Err(fault) = push::<T, M::W>(cpu, v) {
                cpu.gpr[Gpr::Rsp as usize] = old;
                return Err(fault);
            }
        }
        Ok(())
    }
}
struct Popa<T>(PhantomData<T>);
impl<T: Int> Insn for Popa<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let mut values = [T::trunc(0); 8];
        let sp = cpu.gpr[Gpr::Rsp as usize];
        for (i, v) in values.iter_mut().enumerate() {
            *v = peek::<T, M::W>(cpu, sp.wrapping_add(i as u64 * T::SIZE))?;
        }
        for (reg, v) in PUSHA_ORDER.iter().rev().zip(values) {
            if *reg != Gpr::Rsp {
                cpu.set_r(*reg, v);
            }
        }
        advance::<M::W>(cpu, 8 * T::SIZE);
        Ok(())
    }
}

/// ENTER: `imm` is the frame size, `disp` the nesting level.
struct Enter<T>(PhantomData<T>);
impl<T: Int> Insn for Enter<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let (size, level) = (u64::from(op.imm as u16), u64::from(op.disp & 31));
        let (old_sp, old_bp) = (cpu.gpr[Gpr::Rsp as usize], cpu.gpr[Gpr::Rbp as usize]);
        let result = enter::<T, M::W>(cpu, size, level);
        if result.is_err() {
            cpu.gpr[Gpr::Rsp as usize] = old_sp;
            cpu.gpr[Gpr::Rbp as usize] = old_bp;
        }
        result
    }
}
fn enter<T: Int, W: World>(cpu: &mut Cpu, size: u64, level: u64) -> Exec {
    push::<T, W>(cpu, cpu.r::<T>(Gpr::Rbp))?;
    let frame = cpu.gpr[Gpr::Rsp as usize];
    if level > 0 {
        let mut bp = cpu.gpr[Gpr::Rbp as usize];
        for _ in 1..level {
            bp = bp.wrapping_sub(T::SIZE);
            let v: T = peek::<T, W>(cpu, bp)?;
            push::<T, W>(cpu, v)?;
        }
        push::<T, W>(cpu, T::trunc(frame))?;
    }
    // The new top of stack must be writable: ENTER probes it like a push.
    let sp = cpu.gpr[Gpr::Rsp as usize].wrapping_sub(size);
    let lin = W::stack(cpu, sp, T::SIZE, true)?;
    cpu.probe_write(lin, T::SIZE)?;
    set_sp::<W>(cpu, sp);
    cpu.set_r(Gpr::Rbp, T::trunc(frame));
    Ok(())
}

struct Leave<T>(PhantomData<T>);
impl<T: Int> Insn for Leave<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let bp = cpu.gpr[Gpr::Rbp as usize];
        let v: T = peek::<T, M::W>(cpu, bp)?;
        set_sp::<M::W>(cpu, bp.wrapping_add(T::SIZE));
        cpu.set_r(Gpr::Rbp, v);
        Ok(())
    }
}

const PUSH_POP: &[(Code, Form)] = &[
    (Code::Push_r16, Form::quick_world::<PushR<u16>>()),
    (Code::Push_r32, Form::quick_world::<PushR<u32>>()),
    (Code::Push_r64, Form::quick_world::<PushR<u64>>()),
    (Code::Push_rm16, Form::quick_world::<PushRm<u16>>()),
    (Code::Push_rm32, Form::quick_world::<PushRm<u32>>()),
    (Code::Push_rm64, Form::quick_world::<PushRm<u64>>()),
    (Code::Push_imm16, Form::quick_world::<PushI<u16>>()),
    (Code::Pushd_imm32, Form::quick_world::<PushI<u32>>()),
    (Code::Pushq_imm32, Form::quick_world::<PushI<u64>>()),
    (Code::Pushw_imm8, Form::quick_world::<PushI<u16>>()),
    (Code::Pushd_imm8, Form::quick_world::<PushI<u32>>()),
    (Code::Pushq_imm8, Form::quick_world::<PushI<u64>>()),
    (Code::Pop_r16, Form::quick_world::<PopR<u16>>()),
    (Code::Pop_r32, Form::quick_world::<PopR<u32>>()),
    (Code::Pop_r64, Form::quick_world::<PopR<u64>>()),
    (Code::Pop_rm16, Form::rm_world::<PopM<u16>>()),
    (Code::Pop_rm32, Form::rm_world::<PopM<u32>>()),
    (Code::Pop_rm64, Form::rm_world::<PopM<u64>>()),
    (Code::Pushaw, Form::world::<Pusha<u16>>()),
    (Code::Pushad, Form::world::<Pusha<u32>>()),
    (Code::Popaw, Form::world::<Popa<u16>>()),
    (Code::Popad, Form::world::<Popa<u32>>()),
    (Code::Enterw_imm16_imm8, Form::world::<Enter<u16>>()),
    (Code::Enterd_imm16_imm8, Form::world::<Enter<u32>>()),
    (Code::Enterq_imm16_imm8, Form::world::<Enter<u64>>()),
    (Code::Leavew, Form::quick_world::<Leave<u16>>()),
    (Code::Leaved, Form::quick_world::<Leave<u32>>()),
    (Code::Leaveq, Form::quick_world::<Leave<u64>>()),
];

pub(super) const FORMS: &[&[(Code, Form)]] = &[PUSH_POP];
