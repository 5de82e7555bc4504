//! FCHS, FABS, FINCSTP, FDECSTP, FFREE, FFREEP and FNOP (SDM volume 1, 8.3.5 and 8.3.9).

use super::fsw;
use super::handler::{Insn, form_slow, sti};
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::softfloat::F80;
use crate::state::Cpu;
use iced_x86::Code;

macro_rules! plain {
    ($($name:ident: |$fpu:ident, $op:ident| $body:expr;)*) => {
        $(
            struct $name;
            impl Insn for $name {
                #[inline]
                fn exec<M: Rm>(cpu: &mut Cpu, $op: &Op) -> Exec {
                    let $fpu = &mut cpu.fpu;
                    $body;
                    Ok(())
                }
            }
        )*
    };
}
plain! {
    Fchs: |fpu, _op| fpu.unary(|a, _| F80::negate(a));
    Fabs: |fpu, _op| fpu.unary(|a, _| F80::abs(a));
    Fincstp: |fpu, _op| {
        fpu.status &= !fsw::C1;
        fpu.top = (fpu.top + 1) & 7;
    };
    Fdecstp: |fpu, _op| {
        fpu.status &= !fsw::C1;
        fpu.top = fpu.top.wrapping_sub(1) & 7;
    };
    Ffree: |fpu, op| {
        fpu.status &= !fsw::C1;
        let n = fpu.phys(sti(op));
        fpu.tags &= !(1 << n);
    };
    Ffreep: |fpu, op| {
        fpu.status &= !fsw::C1;
        let n = fpu.phys(sti(op));
        fpu.tags &= !(1 << n);
        fpu.pop();
    };
}

struct Fnop;
impl Insn for Fnop {
    #[inline]
    fn exec<M: Rm>(_cpu: &mut Cpu, _op: &Op) -> Exec {
        Ok(())
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fchs, form_slow::<Fchs>()),
    (Code::Fabs, form_slow::<Fabs>()),
    (Code::Fincstp, form_slow::<Fincstp>()),
    (Code::Fdecstp, form_slow::<Fdecstp>()),
    (Code::Ffree_sti, form_slow::<Ffree>()),
    (Code::Ffreep_sti, form_slow::<Ffreep>()),
    (Code::Fnop, form_slow::<Fnop>()),
];
