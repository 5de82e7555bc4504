//! Conversion between integers, singles and doubles, and rounding to integral values.
//!
//! Intel SDM volume 1, 10.4.3, 11.4.1.6 and 12.10.3. A result that does not fit is the integer indefinite. Forms
//! with an MMX register make the transition to MMX; processors do not make it for the others, CVTPI2PS from memory
//! included, whatever its manual entry says.

use super::handler::{insn, mmx, src, src_mm, src32, src64};
use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::sse::{
    F32, F64, Format, f32_to_f64, f64_to_f32, from_i32, from_i64, round_to_int, to_i32, to_i64,
};
use crate::softfloat::{Rounding, Status};
use crate::state::Cpu;
use iced_x86::Code;

/// How a conversion to integers rounds: by MXCSR, or towards zero.
#[inline(always)]
fn rounding<const TRUNCATE: bool>(st: &Status) -> Rounding {
    if TRUNCATE { Rounding::Zero } else { st.rounding }
}

#[inline(always)]
fn halves(v: u64) -> [i32; 2] {
    [v as i32, (v >> 32) as i32]
}

#[inline(always)]
fn join([low, high]: [i32; 2]) -> u64 {
    u64::from(low as u32) | u64::from(high as u32) << 32
}

#[inline(always)]
fn i32_of_single<const T: bool>(a: u32, st: &mut Status) -> i32 {
    let r = rounding::<T>(st);
    to_i32::<F32>(u64::from(a), r, st)
}

#[inline(always)]
fn i32_of_double<const T: bool>(a: u64, st: &mut Status) -> i32 {
    let r = rounding::<T>(st);
    to_i32::<F64>(a, r, st)
}

insn! {
    Cvtpi2ps: |cpu, op, M| {
        let v = halves(src_mm::<M>(cpu, op)?);
        let r = cpu.float(|st| join(v.map(|v| from_i32::<F32>(v, st) as i32)))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(r));
        Ok(())
    };
    Cvtpi2pd: |cpu, op, M| {
        let v = halves(src_mm::<M>(cpu, op)?);
        let r = cpu.float(|st| v.map(|v| from_i32::<F64>(v, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(r));
        Ok(())
    };
    Cvtdq2ps: |cpu, op, M| {
        let v = src::<M>(cpu, op)?.i32s();
        let r = cpu.float(|st| v.map(|v| from_i32::<F32>(v, st) as u32))?;
        cpu.set_xmm(op.dst, Xmm::from_u32s(r));
        Ok(())
    };
    Cvtdq2pd: |cpu, op, M| {
        let v = halves(src64::<M>(cpu, op)?);
        let r = cpu.float(|st| v.map(|v| from_i32::<F64>(v, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(r));
        Ok(())
    };
    Cvtps2pd: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        let r = cpu.float(|st| [v as u32, (v >> 32) as u32].map(|v| f32_to_f64(v, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(r));
        Ok(())
    };
    Cvtpd2ps: |cpu, op, M| {
        let v = src::<M>(cpu, op)?.u64s();
        let r = cpu.float(|st| join(v.map(|v| f64_to_f32(v, st) as i32)))?;
        cpu.set_xmm(op.dst, Xmm::zext(r));
        Ok(())
    };
    Cvtss2sd: |cpu, op, M| {
        let v = src32::<M>(cpu, op)?;
        let r = cpu.float(|st| f32_to_f64(v, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(r));
        Ok(())
    };
    Cvtsd2ss: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        let r = cpu.float(|st| f64_to_f32(v, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low32(r));
        Ok(())
    };
    Cvtsi2ss32: |cpu, op, M| {
        let v = M::src::<u32>(cpu, op)? as i32;
        let r = cpu.float(|st| from_i32::<F32>(v, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low32(r as u32));
        Ok(())
    };
    Cvtsi2ss64: |cpu, op, M| {
        let v = M::src::<u64>(cpu, op)? as i64;
        let r = cpu.float(|st| from_i64::<F32>(v, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low32(r as u32));
        Ok(())
    };
    Cvtsi2sd32: |cpu, op, M| {
        let v = M::src::<u32>(cpu, op)? as i32;
        let r = cpu.float(|st| from_i32::<F64>(v, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(r));
        Ok(())
    };
    Cvtsi2sd64: |cpu, op, M| {
        let v = M::src::<u64>(cpu, op)? as i64;
        let r = cpu.float(|st| from_i64::<F64>(v, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(r));
        Ok(())
    };
}

macro_rules! to_integer {
    ($($(#[$doc:meta])* $name:ident: |$cpu:ident, $op:ident, $rm:ident| $body:expr;)*) => {$(
        $(#[$doc])*
        struct $name<const TRUNCATE: bool>;
        impl<const TRUNCATE: bool> Insn for $name<TRUNCATE> {
            #[inline(always)]
            fn exec<$rm: Rm>($cpu: &mut Cpu, $op: &Op) -> Exec {
                $body
            }
        }
    )*};
}
to_integer! {
    Ps2pi: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        let r = cpu.float(|st| [v as u32, (v >> 32) as u32].map(|v| i32_of_single::<TRUNCATE>(v, st)))?;
        cpu.set_mm(op.dst, join(r));
        Ok(())
    };
    Pd2pi: |cpu, op, M| {
        let v = src::<M>(cpu, op)?.u64s();
        let r = cpu.float(|st| v.map(|v| i32_of_double::<TRUNCATE>(v, st)))?;
        cpu.set_mm(op.dst, join(r));
        Ok(())
    };
    Ps2dq: |cpu, op, M| {
        let v = src::<M>(cpu, op)?.u32s();
        let r = cpu.float(|st| v.map(|v| i32_of_single::<TRUNCATE>(v, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_i32s(r));
        Ok(())
    };
    Pd2dq: |cpu, op, M| {
        let v = src::<M>(cpu, op)?.u64s();
        let r = cpu.float(|st| v.map(|v| i32_of_double::<TRUNCATE>(v, st)))?;
        cpu.set_xmm(op.dst, Xmm::zext(join(r)));
        Ok(())
    };
    Ss2si32: |cpu, op, M| {
        let v = src32::<M>(cpu, op)?;
        let r = cpu.float(|st| i32_of_single::<TRUNCATE>(v, st))?;
        cpu.set_reg_dst(op, r as u32);
        Ok(())
    };
    Sd2si32: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        let r = cpu.float(|st| i32_of_double::<TRUNCATE>(v, st))?;
        cpu.set_reg_dst(op, r as u32);
        Ok(())
    };
    Ss2si64: |cpu, op, M| {
        let v = src32::<M>(cpu, op)?;
        let r = cpu.float(|st| to_i64::<F32>(u64::from(v), rounding::<TRUNCATE>(st), st))?;
        cpu.set_reg_dst(op, r as u64);
        Ok(())
    };
    Sd2si64: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        let r = cpu.float(|st| to_i64::<F64>(v, rounding::<TRUNCATE>(st), st))?;
        cpu.set_reg_dst(op, r as u64);
        Ok(())
    };
}

/// ROUNDPS and kin: bits 1:0 of the immediate round unless bit 2 says MXCSR; bit 3 leaves out the precision exception.
#[inline(always)]
fn round<F: Format>(a: u64, op: &Op, st: &mut Status) -> u64 {
    let rounding = if op.imm & 4 != 0 { st.rounding } else { Rounding::from_bits(op.imm) };
    round_to_int::<F>(a, rounding, op.imm & 8 != 0, st)
}

insn! {
    Roundps: |cpu, op, M| {
        let v = src::<M>(cpu, op)?.u32s();
        let r = cpu.float(|st| v.map(|v| round::<F32>(u64::from(v), op, st) as u32))?;
        cpu.set_xmm(op.dst, Xmm::from_u32s(r));
        Ok(())
    };
    Roundpd: |cpu, op, M| {
        let v = src::<M>(cpu, op)?.u64s();
        let r = cpu.float(|st| v.map(|v| round::<F64>(v, op, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(r));
        Ok(())
    };
    Roundss: |cpu, op, M| {
        let v = src32::<M>(cpu, op)?;
        let r = cpu.float(|st| round::<F32>(u64::from(v), op, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low32(r as u32));
        Ok(())
    };
    Roundsd: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        let r = cpu.float(|st| round::<F64>(v, op, st))?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(r));
        Ok(())
    };
}

/// CVTPI2PS and CVTPI2PD: from memory they do not touch the x87 state.
const fn from_mm<X: Insn>() -> Form {
    Form { reg: mmx::<X>().reg, ..Form::rm_slow::<X>() }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Cvtpi2ps_xmm_mmm64, from_mm::<Cvtpi2ps>()),
    (Code::Cvtpi2pd_xmm_mmm64, from_mm::<Cvtpi2pd>()),
    (Code::Cvtps2pi_mm_xmmm64, mmx::<Ps2pi<false>>()),
    (Code::Cvttps2pi_mm_xmmm64, mmx::<Ps2pi<true>>()),
    (Code::Cvtpd2pi_mm_xmmm128, mmx::<Pd2pi<false>>()),
    (Code::Cvttpd2pi_mm_xmmm128, mmx::<Pd2pi<true>>()),
    (Code::Cvtdq2ps_xmm_xmmm128, Form::rm::<Cvtdq2ps>()),
    (Code::Cvtdq2pd_xmm_xmmm64, Form::rm::<Cvtdq2pd>()),
    (Code::Cvtps2dq_xmm_xmmm128, Form::rm::<Ps2dq<false>>()),
    (Code::Cvttps2dq_xmm_xmmm128, Form::rm::<Ps2dq<true>>()),
    (Code::Cvtpd2dq_xmm_xmmm128, Form::rm::<Pd2dq<false>>()),
    (Code::Cvttpd2dq_xmm_xmmm128, Form::rm::<Pd2dq<true>>()),
    (Code::Cvtps2pd_xmm_xmmm64, Form::rm::<Cvtps2pd>()),
    (Code::Cvtpd2ps_xmm_xmmm128, Form::rm::<Cvtpd2ps>()),
    (Code::Cvtss2sd_xmm_xmmm32, Form::rm::<Cvtss2sd>()),
    (Code::Cvtsd2ss_xmm_xmmm64, Form::rm::<Cvtsd2ss>()),
    (Code::Cvtsi2ss_xmm_rm32, Form::rm::<Cvtsi2ss32>()),
    (Code::Cvtsi2ss_xmm_rm64, Form::rm::<Cvtsi2ss64>()),
    (Code::Cvtsi2sd_xmm_rm32, Form::rm::<Cvtsi2sd32>()),
    (Code::Cvtsi2sd_xmm_rm64, Form::rm::<Cvtsi2sd64>()),
    (Code::Cvtss2si_r32_xmmm32, Form::rm::<Ss2si32<false>>()),
    (Code::Cvtss2si_r64_xmmm32, Form::rm::<Ss2si64<false>>()),
    (Code::Cvtsd2si_r32_xmmm64, Form::rm::<Sd2si32<false>>()),
    (Code::Cvtsd2si_r64_xmmm64, Form::rm::<Sd2si64<false>>()),
    (Code::Cvttss2si_r32_xmmm32, Form::rm::<Ss2si32<true>>()),
    (Code::Cvttss2si_r64_xmmm32, Form::rm::<Ss2si64<true>>()),
    (Code::Cvttsd2si_r32_xmmm64, Form::rm::<Sd2si32<true>>()),
    (Code::Cvttsd2si_r64_xmmm64, Form::rm::<Sd2si64<true>>()),
    (Code::Roundps_xmm_xmmm128_imm8, Form::rm_slow::<Roundps>()),
    (Code::Roundpd_xmm_xmmm128_imm8, Form::rm_slow::<Roundpd>()),
    (Code::Roundss_xmm_xmmm32_imm8, Form::rm_slow::<Roundss>()),
    (Code::Roundsd_xmm_xmmm64_imm8, Form::rm_slow::<Roundsd>()),
];
