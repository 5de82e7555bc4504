//! MOV, MOVZX, MOVSX, MOVSXD, XCHG, LEA, CMOVcc, SETcc, BSWAP, XLAT, CBW family, CWD family, LAHF and SAHF's data, NOP.
//!
//! Intel SDM volume 2, the entries of these instructions; condition codes: volume 1, appendix B.

use super::branch::{Cond, cond};
use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::{Rm, effective};
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;
use std::marker::PhantomData;

struct MovRmR<T>(PhantomData<T>);
impl<T: Int> Insn for MovRmR<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = cpu.reg_src(op);
        M::set_dst(cpu, op, v)
    }
}
struct MovRRm<T>(PhantomData<T>);
impl<T: Int> Insn for MovRRm<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = M::src(cpu, op)?;
        cpu.set_reg_dst(op, v);
        Ok(())
    }
}
struct MovRmI<T>(PhantomData<T>);
impl<T: Int> Insn for MovRmI<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        M::set_dst(cpu, op, T::trunc(op.simm()))
    }
}
/// MOV r64, imm64.
struct MovI64;
impl Insn for MovI64 {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.set_reg_dst(op, op.imm64());
        Ok(())
    }
}

struct Movzx<S, D>(PhantomData<(S, D)>);
impl<S: Int, D: Int> Insn for Movzx<S, D> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: S = M::src(cpu, op)?;
        cpu.set_reg_dst(op, D::trunc(v.zext()));
        Ok(())
    }
}
struct Movsx<S, D>(PhantomData<(S, D)>);
impl<S: Int, D: Int> Insn for Movsx<S, D> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: S = M::src(cpu, op)?;
        cpu.set_reg_dst(op, D::trunc(v.sext()));
        Ok(())
    }
}

struct Xchg<T>(PhantomData<T>);
impl<T: Int> Insn for Xchg<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b: T = cpu.reg_src(op);
        let mut old = b;
        M::update::<T>(cpu, op, |_, a| {
            old = a;
            b
        })?;
        cpu.set_reg_src(op, old);
        Ok(())
    }
}

struct Lea<T>(PhantomData<T>);
impl<T: Int> Insn for Lea<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = effective(cpu, op) & op.addr_mask();
        cpu.set_reg_dst(op, T::trunc(v));
        Ok(())
    }
}

struct Cmov<C, T>(PhantomData<(C, T)>);
impl<C: Cond, T: Int> Insn for Cmov<C, T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        // The source is read, and may fault, whatever the condition; a 32-bit destination is zero-extended either way.
        let v: T = M::src(cpu, op)?;
        let old: T = cpu.reg_dst(op);
        let v = if C::holds(cpu) { v } else { old };
        cpu.set_reg_dst(op, v);
        Ok(())
    }
}
struct Set<C>(PhantomData<C>);
impl<C: Cond> Insn for Set<C> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v = u8::from(C::holds(cpu));
        M::set_dst(cpu, op, v)
    }
}

struct Bswap<T>(PhantomData<T>);
impl<T: Int> Insn for Bswap<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = cpu.reg_dst(op);
        let r = match T::SIZE {
            8 => v.zext().swap_bytes(),
            4 => u64::from((v.zext() as u32).swap_bytes()),
            // Undefined for 16 bits; processors clear the register.
            _ => 0,
        };
        cpu.set_reg_dst(op, T::trunc(r));
        Ok(())
    }
}

/// MOVBE and its store form.
struct MovbeLoad<T>(PhantomData<T>);
impl<T: Int> Insn for MovbeLoad<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = M::src(cpu, op)?;
        cpu.set_reg_dst(op, T::trunc(v.zext().swap_bytes() >> (64 - T::BITS)));
        Ok(())
    }
}
struct MovbeStore<T>(PhantomData<T>);
impl<T: Int> Insn for MovbeStore<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let v: T = cpu.reg_src(op);
        M::set_dst(cpu, op, T::trunc(v.zext().swap_bytes() >> (64 - T::BITS)))
    }
}

/// XLATB: the table byte at (E)BX + AL.
struct Xlat;
impl Insn for Xlat {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        // iced gives base = (E)BX and index = AL, which lowering maps to RAX: add AL here.
        let off = cpu.gpr[Gpr::Rbx as usize].wrapping_add(cpu.r::<u8>(Gpr::Rax).zext()) & op.addr_mask();
        let lin = cpu.segmented(op.seg(), off, 1, false)?;
        cpu.engine.rem = op.rem;
        let v: u8 = cpu.read(lin)?;
        cpu.set_r(Gpr::Rax, v);
        Ok(())
    }
}

/// CBW, CWDE, CDQE: sign-extend the accumulator from `S` to `D`.
struct Extend<S, D>(PhantomData<(S, D)>);
impl<S: Int, D: Int> Insn for Extend<S, D> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let v = cpu.r::<S>(Gpr::Rax).sext();
        cpu.set_r(Gpr::Rax, D::trunc(v));
        Ok(())
    }
}
/// CWD, CDQ, CQO: the sign of the accumulator fills DX.
struct Spread<T>(PhantomData<T>);
impl<T: Int> Insn for Spread<T> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let v = (cpu.r::<T>(Gpr::Rax).sext() as i64 >> 63) as u64;
        cpu.set_r(Gpr::Rdx, T::trunc(v));
        Ok(())
    }
}

struct Nop;
impl Insn for Nop {
    #[inline(always)]
    fn exec<M: Rm>(_cpu: &mut Cpu, _op: &Op) -> Exec {
        Ok(())
    }
}

/// SALC (D6): AL = CF ? FF : 0.
struct Salc;
impl Insn for Salc {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let v = if cpu.cf() { 0xFFu8 } else { 0 };
        cpu.set_r(Gpr::Rax, v);
        Ok(())
    }
}

const MOV: &[(Code, Form)] = &[
    // UMOV reads and writes user space; without an in-circuit emulator there is no other.
    (Code::Umov_rm8_r8, Form::quick::<MovRmR<u8>>()),
    (Code::Umov_rm16_r16, Form::quick::<MovRmR<u16>>()),
    (Code::Umov_rm32_r32, Form::quick::<MovRmR<u32>>()),
    (Code::Umov_r8_rm8, Form::quick::<MovRRm<u8>>()),
    (Code::Umov_r16_rm16, Form::quick::<MovRRm<u16>>()),
    (Code::Umov_r32_rm32, Form::quick::<MovRRm<u32>>()),
    (Code::Mov_rm8_r8, Form::quick::<MovRmR<u8>>()),
    (Code::Mov_rm16_r16, Form::quick::<MovRmR<u16>>()),
    (Code::Mov_rm32_r32, Form::quick::<MovRmR<u32>>()),
    (Code::Mov_rm64_r64, Form::quick::<MovRmR<u64>>()),
    (Code::Mov_r8_rm8, Form::quick::<MovRRm<u8>>()),
    (Code::Mov_r16_rm16, Form::quick::<MovRRm<u16>>()),
    (Code::Mov_r32_rm32, Form::quick::<MovRRm<u32>>()),
    (Code::Mov_r64_rm64, Form::quick::<MovRRm<u64>>()),
    (Code::Mov_AL_moffs8, Form::quick::<MovRRm<u8>>()),
    (Code::Mov_AX_moffs16, Form::quick::<MovRRm<u16>>()),
    (Code::Mov_EAX_moffs32, Form::quick::<MovRRm<u32>>()),
    (Code::Mov_RAX_moffs64, Form::quick::<MovRRm<u64>>()),
    (Code::Mov_moffs8_AL, Form::quick::<MovRmR<u8>>()),
    (Code::Mov_moffs16_AX, Form::quick::<MovRmR<u16>>()),
    (Code::Mov_moffs32_EAX, Form::quick::<MovRmR<u32>>()),
    (Code::Mov_moffs64_RAX, Form::quick::<MovRmR<u64>>()),
    (Code::Mov_r8_imm8, Form::plain::<MovRmI<u8>>()),
    (Code::Mov_r16_imm16, Form::plain::<MovRmI<u16>>()),
    (Code::Mov_r32_imm32, Form::plain::<MovRmI<u32>>()),
    (Code::Mov_r64_imm64, Form::plain::<MovI64>()),
    (Code::Mov_rm8_imm8, Form::quick::<MovRmI<u8>>()),
    (Code::Mov_rm16_imm16, Form::quick::<MovRmI<u16>>()),
    (Code::Mov_rm32_imm32, Form::quick::<MovRmI<u32>>()),
    (Code::Mov_rm64_imm32, Form::quick::<MovRmI<u64>>()),
    (Code::Movnti_m32_r32, Form::rm_slow::<MovRmR<u32>>()),
    (Code::Movnti_m64_r64, Form::rm_slow::<MovRmR<u64>>()),
    (Code::Movzx_r16_rm8, Form::quick::<Movzx<u8, u16>>()),
    (Code::Movzx_r32_rm8, Form::quick::<Movzx<u8, u32>>()),
    (Code::Movzx_r64_rm8, Form::quick::<Movzx<u8, u64>>()),
    (Code::Movzx_r16_rm16, Form::quick::<Movzx<u16, u16>>()),
    (Code::Movzx_r32_rm16, Form::quick::<Movzx<u16, u32>>()),
    (Code::Movzx_r64_rm16, Form::quick::<Movzx<u16, u64>>()),
    (Code::Movsx_r16_rm8, Form::quick::<Movsx<u8, u16>>()),
    (Code::Movsx_r32_rm8, Form::quick::<Movsx<u8, u32>>()),
    (Code::Movsx_r64_rm8, Form::quick::<Movsx<u8, u64>>()),
    (Code::Movsx_r16_rm16, Form::quick::<Movsx<u16, u16>>()),
    (Code::Movsx_r32_rm16, Form::quick::<Movsx<u16, u32>>()),
    (Code::Movsx_r64_rm16, Form::quick::<Movsx<u16, u64>>()),
    (Code::Movsxd_r16_rm16, Form::quick::<Movsx<u16, u16>>()),
    (Code::Movsxd_r32_rm32, Form::quick::<Movsx<u32, u32>>()),
    (Code::Movsxd_r64_rm32, Form::quick::<Movsx<u32, u64>>()),
    (Code::Xchg_rm8_r8, Form::quick::<Xchg<u8>>()),
    (Code::Xchg_rm16_r16, Form::quick::<Xchg<u16>>()),
    (Code::Xchg_rm32_r32, Form::quick::<Xchg<u32>>()),
    (Code::Xchg_rm64_r64, Form::quick::<Xchg<u64>>()),
    (Code::Xchg_r16_AX, Form::plain::<Xchg<u16>>()),
    (Code::Xchg_r32_EAX, Form::plain::<Xchg<u32>>()),
    (Code::Xchg_r64_RAX, Form::plain::<Xchg<u64>>()),
    (Code::Lea_r16_m, Form::plain::<Lea<u16>>()),
    (Code::Lea_r32_m, Form::plain::<Lea<u32>>()),
    (Code::Lea_r64_m, Form::plain::<Lea<u64>>()),
    (Code::Bswap_r16, Form::plain::<Bswap<u16>>()),
    (Code::Bswap_r32, Form::plain::<Bswap<u32>>()),
    (Code::Bswap_r64, Form::plain::<Bswap<u64>>()),
    (Code::Movbe_r16_m16, Form::rm_slow::<MovbeLoad<u16>>()),
    (Code::Movbe_r32_m32, Form::rm_slow::<MovbeLoad<u32>>()),
    (Code::Movbe_r64_m64, Form::rm_slow::<MovbeLoad<u64>>()),
    (Code::Movbe_m16_r16, Form::rm_slow::<MovbeStore<u16>>()),
    (Code::Movbe_m32_r32, Form::rm_slow::<MovbeStore<u32>>()),
    (Code::Movbe_m64_r64, Form::rm_slow::<MovbeStore<u64>>()),
    (Code::Xlat_m8, Form::rm_slow::<Xlat>()),
    (Code::Cbw, Form::plain::<Extend<u8, u16>>()),
    (Code::Cwde, Form::plain::<Extend<u16, u32>>()),
    (Code::Cdqe, Form::plain::<Extend<u32, u64>>()),
    (Code::Cwd, Form::plain::<Spread<u16>>()),
    (Code::Cdq, Form::plain::<Spread<u32>>()),
    (Code::Cqo, Form::plain::<Spread<u64>>()),
    (Code::Salc, Form::plain::<Salc>()),
    (Code::Nopw, Form::plain::<Nop>()),
    (Code::Nopd, Form::plain::<Nop>()),
    (Code::Nopq, Form::plain::<Nop>()),
    (Code::Nop_rm16, Form::plain::<Nop>()),
    (Code::Nop_rm32, Form::plain::<Nop>()),
    (Code::Nop_rm64, Form::plain::<Nop>()),
    (Code::Pause, Form::plain::<Nop>()),
    (Code::Prefetchnta_m8, Form::plain::<Nop>()),
    (Code::Prefetcht0_m8, Form::plain::<Nop>()),
    (Code::Prefetcht1_m8, Form::plain::<Nop>()),
    (Code::Prefetcht2_m8, Form::plain::<Nop>()),
    (Code::Prefetchw_m8, Form::plain::<Nop>()),
    (Code::Prefetch_m8, Form::plain::<Nop>()),
    (Code::Endbr32, Form::plain::<Nop>()),
    (Code::Endbr64, Form::plain::<Nop>()),
    (Code::Lfence, Form::plain::<Nop>()),
    (Code::Sfence, Form::plain::<Nop>()),
    (Code::Mfence, Form::plain::<Nop>()),
    (Code::Clflush_m8, Form::plain::<Nop>()),
];

macro_rules! conditional {
    ($($c:ident: $c16:ident $c32:ident $c64:ident $set:ident;)*) => {
        &[$(
            (Code::$c16, Form::quick::<Cmov<cond::$c, u16>>()),
            (Code::$c32, Form::quick::<Cmov<cond::$c, u32>>()),
            (Code::$c64, Form::quick::<Cmov<cond::$c, u64>>()),
            (Code::$set, Form::quick::<Set<cond::$c>>()),
        )*]
    };
}
const CONDITIONAL: &[(Code, Form)] = conditional! {
    O: Cmovo_r16_rm16 Cmovo_r32_rm32 Cmovo_r64_rm64 Seto_rm8;
    No: Cmovno_r16_rm16 Cmovno_r32_rm32 Cmovno_r64_rm64 Setno_rm8;
    B: Cmovb_r16_rm16 Cmovb_r32_rm32 Cmovb_r64_rm64 Setb_rm8;
    Ae: Cmovae_r16_rm16 Cmovae_r32_rm32 Cmovae_r64_rm64 Setae_rm8;
    E: Cmove_r16_rm16 Cmove_r32_rm32 Cmove_r64_rm64 Sete_rm8;
    Ne: Cmovne_r16_rm16 Cmovne_r32_rm32 Cmovne_r64_rm64 Setne_rm8;
    Be: Cmovbe_r16_rm16 Cmovbe_r32_rm32 Cmovbe_r64_rm64 Setbe_rm8;
    A: Cmova_r16_rm16 Cmova_r32_rm32 Cmova_r64_rm64 Seta_rm8;
    S: Cmovs_r16_rm16 Cmovs_r32_rm32 Cmovs_r64_rm64 Sets_rm8;
    Ns: Cmovns_r16_rm16 Cmovns_r32_rm32 Cmovns_r64_rm64 Setns_rm8;
    P: Cmovp_r16_rm16 Cmovp_r32_rm32 Cmovp_r64_rm64 Setp_rm8;
    Np: Cmovnp_r16_rm16 Cmovnp_r32_rm32 Cmovnp_r64_rm64 Setnp_rm8;
    L: Cmovl_r16_rm16 Cmovl_r32_rm32 Cmovl_r64_rm64 Setl_rm8;
    Ge: Cmovge_r16_rm16 Cmovge_r32_rm32 Cmovge_r64_rm64 Setge_rm8;
    Le: Cmovle_r16_rm16 Cmovle_r32_rm32 Cmovle_r64_rm64 Setle_rm8;
    G: Cmovg_r16_rm16 Cmovg_r32_rm32 Cmovg_r64_rm64 Setg_rm8;
};

pub(super) const FORMS: &[&[(Code, Form)]] = &[MOV, CONDITIONAL];
