//! DPPS and DPPD: dot products.
//!
//! Intel SDM volume 2, DPPS. Bits 7:4 of the immediate choose the products, bits 3:0 where the sum goes. Products are
//! computed first, then sums in pairs; exceptions are determined after each of these steps.

use super::handler::{insn, src};
use super::xmm::Xmm;
use crate::engine::dispatch::Form;
use crate::softfloat::sse::{F32, F64, add, mul};
use iced_x86::Code;
use std::array::from_fn;

insn! {
    Dpps: |cpu, op, M| {
        let imm = op.imm;
        let b = src::<M>(cpu, op)?.u32s();
        let a = cpu.xmm(op.dst).u32s();
        let p: [u64; 4] = cpu.float(|st| {
            from_fn(|i| if imm >> (4 + i) & 1 != 0 { mul::<F32>(u64::from(a[i]), u64::from(b[i]), st) } else { 0 })
        })?;
        let s = cpu.float(|st| [add::<F32>(p[0], p[1], st), add::<F32>(p[2], p[3], st)])?;
        let sum = cpu.float(|st| add::<F32>(s[0], s[1], st))? as u32;
        cpu.set_xmm(op.dst, Xmm::from_u32s(from_fn(|i| if imm >> i & 1 != 0 { sum } else { 0 })));
        Ok(())
    };
    Dppd: |cpu, op, M| {
        let imm = op.imm;
        let b = src::<M>(cpu, op)?.u64s();
        let a = cpu.xmm(op.dst).u64s();
        let p: [u64; 2] =
            cpu.float(|st| from_fn(|i| if imm >> (4 + i) & 1 != 0 { mul::<F64>(a[i], b[i], st) } else { 0 }))?;
        let sum = cpu.float(|st| add::<F64>(p[0], p[1], st))?;
        cpu.set_xmm(op.dst, Xmm::from_u64s(from_fn(|i| if imm >> i & 1 != 0 { sum } else { 0 })));
        Ok(())
    };
}

pub(super) const FORMS: &[(Code, Form)] =
    &[(Code::Dpps_xmm_xmmm128_imm8, Form::rm_slow::<Dpps>()), (Code::Dppd_xmm_xmmm128_imm8, Form::rm_slow::<Dppd>())];
