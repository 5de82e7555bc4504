//! The space of reserved NOPs, 0F0D and 0F18 to 0F1F: hints and extensions of later processors that do nothing here.
//!
//! Intel SDM volume 2, table A-3. The memory operand is not accessed.

use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::state::Cpu;
use iced_x86::Code;

/// Nothing.
struct Hint;
impl Insn for Hint {
    fn exec<M: Rm>(_cpu: &mut Cpu, _op: &Op) -> Exec {
        Ok(())
    }
}

const HINT: Form = Form::plain::<Hint>();

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Reservednop_rm16_r16_0F0D, HINT),
    (Code::Reservednop_rm32_r32_0F0D, HINT),
    (Code::Reservednop_rm64_r64_0F0D, HINT),
    (Code::Reservednop_rm16_r16_0F18, HINT),
    (Code::Reservednop_rm32_r32_0F18, HINT),
    (Code::Reservednop_rm64_r64_0F18, HINT),
    (Code::Reservednop_rm16_r16_0F19, HINT),
    (Code::Reservednop_rm32_r32_0F19, HINT),
    (Code::Reservednop_rm64_r64_0F19, HINT),
    (Code::Reservednop_rm16_r16_0F1A, HINT),
    (Code::Reservednop_rm32_r32_0F1A, HINT),
    (Code::Reservednop_rm64_r64_0F1A, HINT),
    (Code::Reservednop_rm16_r16_0F1B, HINT),
    (Code::Reservednop_rm32_r32_0F1B, HINT),
    (Code::Reservednop_rm64_r64_0F1B, HINT),
    (Code::Reservednop_rm16_r16_0F1C, HINT),
    (Code::Reservednop_rm32_r32_0F1C, HINT),
    (Code::Reservednop_rm64_r64_0F1C, HINT),
    (Code::Reservednop_rm16_r16_0F1D, HINT),
    (Code::Reservednop_rm32_r32_0F1D, HINT),
    (Code::Reservednop_rm64_r64_0F1D, HINT),
    (Code::Reservednop_rm16_r16_0F1E, HINT),
    (Code::Reservednop_rm32_r32_0F1E, HINT),
    (Code::Reservednop_rm64_r64_0F1E, HINT),
    (Code::Reservednop_rm16_r16_0F1F, HINT),
    (Code::Reservednop_rm32_r32_0F1F, HINT),
    (Code::Reservednop_rm64_r64_0F1F, HINT),
    (Code::Prefetchwt1_m8, HINT),
    (Code::Cldemote_m8, HINT),
    (Code::Rdsspd_r32, HINT),
    (Code::Rdsspq_r64, HINT),
];
