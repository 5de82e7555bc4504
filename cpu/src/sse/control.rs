//! MXCSR: LDMXCSR, STMXCSR, and what a floating-point instruction leaves in it.
//!
//! Intel SDM volume 1, 10.2.3 and 11.5. Flags are sticky and set before an exception is raised; an instruction that
//! raises one changes no register. Exceptions found before computing hide those found after, in all elements.

use super::handler::insn;
use crate::engine::dispatch::Form;
use crate::fault::{Exec, Fault};
use crate::model::Feature;
use crate::softfloat::Status;
use crate::state::{Cpu, cr4};
use iced_x86::Code;

/// MXCSR: denormals are zeros.
const DAZ: u32 = 1 << 6;
/// Every bit of MXCSR that processors have.
const ALL_BITS: u32 = 0xFFFF;

impl Cpu {
    /// Bits of MXCSR that exist: DAZ came with SSE2 (SDM volume 1, 11.6.6).
    pub(crate) fn mxcsr_mask(&self) -> u32 {
        if self.model.feature(Feature::SSE2) { ALL_BITS } else { ALL_BITS & !DAZ }
    }

    /// Computes under the controls of MXCSR and accounts for the exceptions.
    #[inline(always)]
    pub(super) fn float<R>(&mut self, f: impl FnOnce(&mut Status) -> R) -> Exec<R> {
        let mut st = Status::from_mxcsr(self.sse.mxcsr);
        let r = f(&mut st);
        if st.unmasked() != 0 {
            return Err(self.float_fault(st));
        }
        self.sse.mxcsr |= u32::from(st.flags);
        Ok(r)
    }

    #[cold]
    #[inline(never)]
    fn float_fault(&mut self, mut st: Status) -> Fault {
        st.settle();
        self.sse.mxcsr |= u32::from(st.flags);
        if self.sys.cr4 & cr4::OSXMMEXCPT != 0 { Fault::XM } else { Fault::UD }
    }
}

insn! {
    Ldmxcsr: |cpu, op, M| {
        let v = M::src::<u32>(cpu, op)?;
        if v & !cpu.mxcsr_mask() != 0 {
            return Err(Fault::GP0);
        }
        cpu.sse.mxcsr = v;
        Ok(())
    };
    Stmxcsr: |cpu, op, M| {
        let v = cpu.sse.mxcsr;
        M::set_dst::<u32>(cpu, op, v)
    };
}

pub(super) const FORMS: &[(Code, Form)] =
    &[(Code::Ldmxcsr_m32, Form::rm_slow::<Ldmxcsr>()), (Code::Stmxcsr_m32, Form::rm_slow::<Stmxcsr>())];
