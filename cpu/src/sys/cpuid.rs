//! CPUID and the time-stamp counter.
//!
//! Intel SDM volume 2 (CPUID, RDTSC, RDTSCP, RDPMC, RDPID), volume 3, section 17.17. What CPUID answers is the model's
//! business; only OSXSAVE and the size of the XSAVE area depend on the processor's state. The counter counts retired
//! instructions and idle time. Performance counters read 0.

use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::Gpr;
use crate::state::{Cpu, cr4};
use iced_x86::Code;

/// CPUID.1:ECX.OSXSAVE mirrors CR4.OSXSAVE.
const OSXSAVE: u32 = 1 << 27;
/// CPUID.1:EDX.APIC is clear while the local APIC is switched off (volume 3, 11.4.3).
const APIC: u32 = 1 << 9;
/// CPUID.80000001H:EDX.SYSCALL is shown to 64-bit code only.
const SYSCALL: u32 = 1 << 11;
/// RDPMC: ECX selects one of this many counters.
const COUNTERS: u32 = 2;

impl Cpu {
    /// The time-stamp counter.
    pub(crate) fn tsc(&self) -> u64 {
        self.icount_now().wrapping_add(self.sys.tsc_offset)
    }

    fn set_edx_eax(&mut self, value: u64) {
        self.gpr[Gpr::Rax as usize] = value & 0xFFFF_FFFF;
        self.gpr[Gpr::Rdx as usize] = value >> 32;
    }

    fn read_tsc(&mut self) -> Exec {
        if self.sys.cr4 & cr4::TSD != 0 && self.cpl != 0 {
            return Err(Fault::GP0);
        }
        let tsc = self.tsc();
        self.set_edx_eax(tsc);
        Ok(())
    }
}

/// CPUID.
struct Cpuid;
impl Insn for Cpuid {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let leaf = cpu.r::<u32>(Gpr::Rax);
        let subleaf = cpu.r::<u32>(Gpr::Rcx);
        let mut r = cpu.model.cpuid(leaf, subleaf, cpu.sys.xcr0);
        if leaf == 1 && cpu.sys.cr4 & cr4::OSXSAVE != 0 {
            r[2] |= OSXSAVE;
        }
        if leaf == 1 && !cpu.lines.apic.enabled() {
            r[3] &= !APIC;
        }
        if leaf == 0x8000_0001 && !cpu.code64() {
            r[3] &= !SYSCALL;
        }
        for (reg, value) in [Gpr::Rax, Gpr::Rbx, Gpr::Rcx, Gpr::Rdx].into_iter().zip(r) {
            cpu.gpr[reg as usize] = u64::from(value);
        }
        Ok(())
    }
}

/// RDTSC.
struct Rdtsc;
impl Insn for Rdtsc {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.read_tsc()
    }
}

/// RDTSCP.
struct Rdtscp;
impl Insn for Rdtscp {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.read_tsc()?;
        cpu.gpr[Gpr::Rcx as usize] = cpu.sys.tsc_aux;
        Ok(())
    }
}

/// RDPID.
struct Rdpid;
impl Insn for Rdpid {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.gpr[op.dst as usize] = cpu.sys.tsc_aux;
        Ok(())
    }
}

/// RDPMC.
struct Rdpmc;
impl Insn for Rdpmc {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        let allowed = cpu.sys.cr4 & cr4::PCE != 0 || cpu.cpl == 0;
        if !allowed || cpu.r::<u32>(Gpr::Rcx) >= COUNTERS {
            return Err(Fault::GP0);
        }
        cpu.set_edx_eax(0);
        Ok(())
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Cpuid, Form::plain::<Cpuid>()),
    (Code::Rdtsc, Form::checked::<Rdtsc>()),
    (Code::Rdtscp, Form::checked::<Rdtscp>()),
    (Code::Rdpid_r32, Form::plain::<Rdpid>()),
    (Code::Rdpid_r64, Form::plain::<Rdpid>()),
    (Code::Rdpmc, Form::plain::<Rdpmc>()),
];
