//! Floating-point arithmetic: add, subtract, multiply, divide, square root, minimum, maximum, and the horizontal and
//! alternating sums of SSE3.
//!
//! Intel SDM volume 1, 10.4.1.2, 11.4.1.2 and 12.3.

use super::handler::{src, src32, src64};
use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::Status;
use crate::softfloat::sse::{self, F32, F64, Format};
use crate::state::Cpu;
use iced_x86::Code;
use std::array::from_fn;
use std::marker::PhantomData;

/// Arithmetic on one pair of elements.
trait Arith: 'static {
    fn apply<F: Format>(a: u64, b: u64, st: &mut Status) -> u64;
}

macro_rules! arith {
    ($($name:ident: |$a:ident, $b:ident, $st:ident| $body:expr;)*) => {$(
        struct $name;
        impl Arith for $name {
            #[inline(always)]
            fn apply<F: Format>($a: u64, $b: u64, $st: &mut Status) -> u64 {
                $body
            }
        }
    )*};
}
arith! {
    Add: |a, b, st| sse::add::<F>(a, b, st);
    Sub: |a, b, st| sse::sub::<F>(a, b, st);
    Mul: |a, b, st| sse::mul::<F>(a, b, st);
    Div: |a, b, st| sse::div::<F>(a, b, st);
    Min: |a, b, st| sse::min::<F>(a, b, st);
    Max: |a, b, st| sse::max::<F>(a, b, st);
    Sqrt: |_a, b, st| sse::sqrt::<F>(b, st);
}

#[inline(always)]
fn single<O: Arith>(a: u32, b: u32, st: &mut Status) -> u32 {
    O::apply::<F32>(u64::from(a), u64::from(b), st) as u32
}

/// Four singles.
struct Ps<O>(PhantomData<O>);
impl<O: Arith> Insn for Ps<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?.u32s();
        let a = cpu.xmm(op.dst).u32s();
        let r = cpu.float(|st| from_fn(|i| single::<O>(a[i], b[i], st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u32s(r));
        Ok(())
    }
}

/// Two doubles.
struct Pd<O>(PhantomData<O>);
impl<O: Arith> Insn for Pd<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?.u64s();
        let a = cpu.xmm(op.dst).u64s();
        let r = cpu.float(|st| from_fn(|i| O::apply::<F64>(a[i], b[i], st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(r));
        Ok(())
    }
}

/// The lowest single.
struct Ss<O>(PhantomData<O>);
impl<O: Arith> Insn for Ss<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src32::<M>(cpu, op)?;
        let a = cpu.xmm(op.dst);
        let r = cpu.float(|st| single::<O>(a.low32(), b, st))?;
        cpu.set_xmm(op.dst, a.with_low32(r));
        Ok(())
    }
}

/// The lower double.
struct Sd<O>(PhantomData<O>);
impl<O: Arith> Insn for Sd<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src64::<M>(cpu, op)?;
        let a = cpu.xmm(op.dst);
        let r = cpu.float(|st| O::apply::<F64>(a.low(), b, st))?;
        cpu.set_xmm(op.dst, a.with_low(r));
        Ok(())
    }
}

/// Sums (or differences) of neighbours: those of the destination, then those of the source.
struct HorizontalPs<O>(PhantomData<O>);
impl<O: Arith> Insn for HorizontalPs<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?.u32s();
        let a = cpu.xmm(op.dst).u32s();
        let pairs = [[a[0], a[1]], [a[2], a[3]], [b[0], b[1]], [b[2], b[3]]];
        let r = cpu.float(|st| pairs.map(|[x, y]| single::<O>(x, y, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u32s(r));
        Ok(())
    }
}

struct HorizontalPd<O>(PhantomData<O>);
impl<O: Arith> Insn for HorizontalPd<O> {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?.u64s();
        let a = cpu.xmm(op.dst).u64s();
        let r = cpu.float(|st| [a, b].map(|[x, y]| O::apply::<F64>(x, y, st)))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(r));
        Ok(())
    }
}

/// Even elements are subtracted, odd ones added.
struct Addsubps;
impl Insn for Addsubps {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?.u32s();
        let a = cpu.xmm(op.dst).u32s();
        let r = cpu.float(|st| {
            from_fn(|i| if i & 1 == 0 { single::<Sub>(a[i], b[i], st) } else { single::<Add>(a[i], b[i], st) })
        })?;
        cpu.set_xmm(op.dst, Xmm::from_u32s(r));
        Ok(())
    }
}

struct Addsubpd;
impl Insn for Addsubpd {
    #[inline(always)]
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src::<M>(cpu, op)?.u64s();
        let a = cpu.xmm(op.dst).u64s();
        let r = cpu.float(|st| [sse::sub::<F64>(a[0], b[0], st), sse::add::<F64>(a[1], b[1], st)])?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(r));
        Ok(())
    }
}

macro_rules! forms {
    ($($o:ident $ps:ident $pd:ident $ss:ident $sd:ident;)*) => {
        &[$(
            (Code::$ps, Form::rm::<Ps<$o>>()),
            (Code::$pd, Form::rm::<Pd<$o>>()),
            (Code::$ss, Form::rm::<Ss<$o>>()),
            (Code::$sd, Form::rm::<Sd<$o>>()),
        )*]
    };
}
pub(super) const LANES: &[(Code, Form)] = forms! {
    Add Addps_xmm_xmmm128 Addpd_xmm_xmmm128 Addss_xmm_xmmm32 Addsd_xmm_xmmm64;
    Sub Subps_xmm_xmmm128 Subpd_xmm_xmmm128 Subss_xmm_xmmm32 Subsd_xmm_xmmm64;
    Mul Mulps_xmm_xmmm128 Mulpd_xmm_xmmm128 Mulss_xmm_xmmm32 Mulsd_xmm_xmmm64;
    Div Divps_xmm_xmmm128 Divpd_xmm_xmmm128 Divss_xmm_xmmm32 Divsd_xmm_xmmm64;
    Min Minps_xmm_xmmm128 Minpd_xmm_xmmm128 Minss_xmm_xmmm32 Minsd_xmm_xmmm64;
    Max Maxps_xmm_xmmm128 Maxpd_xmm_xmmm128 Maxss_xmm_xmmm32 Maxsd_xmm_xmmm64;
    Sqrt Sqrtps_xmm_xmmm128 Sqrtpd_xmm_xmmm128 Sqrtss_xmm_xmmm32 Sqrtsd_xmm_xmmm64;
};
pub(super) const ACROSS: &[(Code, Form)] = &[
    (Code::Haddps_xmm_xmmm128, Form::rm_slow::<HorizontalPs<Add>>()),
    (Code::Haddpd_xmm_xmmm128, Form::rm_slow::<HorizontalPd<Add>>()),
    (Code::Hsubps_xmm_xmmm128, Form::rm_slow::<HorizontalPs<Sub>>()),
    (Code::Hsubpd_xmm_xmmm128, Form::rm_slow::<HorizontalPd<Sub>>()),
    (Code::Addsubps_xmm_xmmm128, Form::rm_slow::<Addsubps>()),
    (Code::Addsubpd_xmm_xmmm128, Form::rm_slow::<Addsubpd>()),
];
