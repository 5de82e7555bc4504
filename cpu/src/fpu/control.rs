//! Control instructions: FNINIT, FNCLEX, control and status word transfers, WAIT (SDM volume 1, 8.3.9).

use super::fsw;
use super::handler::{control, form_slow};
use crate::engine::dispatch::Form;
use crate::fault::Fault;
use crate::state::{Cpu, cr0};
use iced_x86::Code;

control! {
    Fninit: false, |cpu, _op, M| {
        cpu.fpu.init();
        Ok(())
    };
    Fnclex: false, |cpu, _op, M| {
        cpu.fpu.status &= fsw::CODES;
        Ok(())
    };
    Fldcw: true, |cpu, op, M| {
        let value = M::src::<u16>(cpu, op)?;
        cpu.fpu.set_control_word(value);
        cpu.fpu.refresh_summary();
        Ok(())
    };
    Fnstcw: false, |cpu, op, M| M::set_dst::<u16>(cpu, op, cpu.fpu.control);
    Fnstsw: false, |cpu, op, M| M::set_dst::<u16>(cpu, op, cpu.fpu.status_word());
    // 8087 and 287 controls that later units ignore.
    Ignored: false, |_cpu, _op, M| Ok(());
    Wait: false, |cpu, _op, M| cpu.wait();
}

impl Cpu {
    /// WAIT has its own #NM condition: CR0.MP and CR0.TS.
    fn wait(&mut self) -> crate::fault::Exec {
        const TRAP: u64 = cr0::MP | cr0::TS;
        if self.sys.cr0 & TRAP == TRAP {
            return Err(Fault::NM);
        }
        if self.fpu.status & fsw::ES != 0 { self.fpu_pending() } else { Ok(()) }
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fninit, form_slow::<Fninit>()),
    (Code::Fnclex, form_slow::<Fnclex>()),
    (Code::Fldcw_m2byte, form_slow::<Fldcw>()),
    (Code::Fnstcw_m2byte, form_slow::<Fnstcw>()),
    (Code::Fnstsw_m2byte, form_slow::<Fnstsw>()),
    (Code::Fnstsw_AX, form_slow::<Fnstsw>()),
    (Code::Fneni, form_slow::<Ignored>()),
    (Code::Fndisi, form_slow::<Ignored>()),
    (Code::Fnsetpm, form_slow::<Ignored>()),
    (Code::Frstpm, form_slow::<Ignored>()),
    (Code::Wait, form_slow::<Wait>()),
];
