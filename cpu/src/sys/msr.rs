//! RDMSR and WRMSR, XGETBV and XSETBV, MONITOR and MWAIT.
//!
//! Intel SDM volume 4 (the registers), volume 3, sections 11.11 (MTRRs, stored and never consulted: memory has one
//! type), 11.12 (PAT, likewise), 15.3 (machine check: no bank). A register that the model does not have raises #GP(0).

use crate::bus::ApicRegs;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::mmu::canonical;
use crate::model::Feature;
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::{Gpr, Seg};
use crate::state::{Cpu, cr0, cr4, efer};
use iced_x86::Code;

/// Register numbers.
mod number {
    pub const P5_MC_ADDR: u32 = 0x00;
    pub const P5_MC_TYPE: u32 = 0x01;
    pub const TSC: u32 = 0x10;
    pub const PLATFORM_ID: u32 = 0x17;
    pub const APIC_BASE: u32 = 0x1B;
    pub const EBL_CR_POWERON: u32 = 0x2A;
    pub const UCODE_WRITE: u32 = 0x79;
    pub const UCODE_REV: u32 = 0x8B;
    pub const MTRRCAP: u32 = 0xFE;
    pub const ARCH_CAPABILITIES: u32 = 0x10A;
    pub const BBL_CR_CTL: u32 = 0x119;
    pub const BBL_CR_CTL3: u32 = 0x11E;
    pub const SYSENTER_CS: u32 = 0x174;
    pub const SYSENTER_ESP: u32 = 0x175;
    pub const SYSENTER_EIP: u32 = 0x176;
    pub const MCG_CAP: u32 = 0x179;
    pub const MCG_STATUS: u32 = 0x17A;
    pub const MISC_ENABLE: u32 = 0x1A0;
    pub const DEBUGCTL: u32 = 0x1D9;
    pub const LASTBRANCH_FIRST: u32 = 0x1DB;
    pub const LASTINT_LAST: u32 = 0x1DE;
    pub const MTRR_PHYS_FIRST: u32 = 0x200;
    pub const MTRR_PHYS_LAST: u32 = 0x20F;
    pub const MTRR_FIX64K: u32 = 0x250;
    pub const MTRR_FIX16K_80000: u32 = 0x258;
    pub const MTRR_FIX16K_A0000: u32 = 0x259;
    pub const MTRR_FIX4K_FIRST: u32 = 0x268;
    pub const MTRR_FIX4K_LAST: u32 = 0x26F;
    pub const PAT: u32 = 0x277;
    pub const MTRR_DEF_TYPE: u32 = 0x2FF;
    pub const EFER: u32 = 0xC000_0080;
    pub const STAR: u32 = 0xC000_0081;
    pub const LSTAR: u32 = 0xC000_0082;
    pub const CSTAR: u32 = 0xC000_0083;
    pub const SFMASK: u32 = 0xC000_0084;
    pub const FS_BASE: u32 = 0xC000_0100;
    pub const GS_BASE: u32 = 0xC000_0101;
    pub const KERNEL_GS_BASE: u32 = 0xC000_0102;
    pub const TSC_AUX: u32 = 0xC000_0103;
}

/// Eight variable ranges, fixed ranges, write combining.
const MTRRCAP: u64 = 0x508;
/// MTRR default type: type, FE and E.
const MTRR_DEF_BITS: u64 = 0xCFF;
/// ARCH_CAPABILITIES: not vulnerable to Meltdown, L1TF, MDS and TAA; nothing is predicted here.
const ARCH_CAPABILITIES: u64 = 1 | 1 << 3 | 1 << 5 | 1 << 8;

/// Memory types of MTRRs; PAT has UC- (7) too.
fn mtrr_type(t: u64) -> bool {
    matches!(t & 0xFF, 0 | 1 | 4 | 5 | 6)
}

fn all_types(value: u64, ok: impl Fn(u64) -> bool) -> Exec {
    if (0..8).all(|i| ok(value >> (8 * i) & 0xFF)) { Ok(()) } else { Err(Fault::GP0) }
}

/// Index of a fixed-range MTRR in `mtrr_fixed`.
fn fixed_index(n: u32) -> Option<usize> {
    match n {
        number::MTRR_FIX64K => Some(0),
        number::MTRR_FIX16K_80000 => Some(1),
        number::MTRR_FIX16K_A0000 => Some(2),
        number::MTRR_FIX4K_FIRST..=number::MTRR_FIX4K_LAST => Some((n - number::MTRR_FIX4K_FIRST) as usize + 3),
        _ => None,
    }
}

fn must(ok: bool) -> Exec {
    if ok { Ok(()) } else { Err(Fault::GP0) }
}

impl Cpu {
    fn efer_mask(&self) -> u64 {
        let bit = |f, bits| if self.model.feature(f) { bits } else { 0 };
        bit(Feature::SYSCALL, efer::SCE) | bit(Feature::NX, efer::NXE) | bit(Feature::LM, efer::LME | efer::LMA)
    }

    /// The feature that a register belongs to, or that the model has it anyway.
    fn has_msr(&self, n: u32) -> bool {
        let p6 = self.model.family() >= 6;
        let feature = match n {
            number::P5_MC_ADDR | number::P5_MC_TYPE => Feature::MCE,
            number::TSC => Feature::TSC,
            number::SYSENTER_CS..=number::SYSENTER_EIP => Feature::SEP,
            number::MTRRCAP
            | number::MTRR_PHYS_FIRST..=number::MTRR_PHYS_LAST
            | number::MTRR_FIX64K
            | number::MTRR_FIX16K_80000
            | number::MTRR_FIX16K_A0000
            | number::MTRR_FIX4K_FIRST..=number::MTRR_FIX4K_LAST
            | number::MTRR_DEF_TYPE => Feature::MTRR,
            number::PAT => Feature::PAT,
            number::MCG_CAP | number::MCG_STATUS => Feature::MCA,
            number::ARCH_CAPABILITIES => Feature::ARCH_CAPABILITIES,
            number::EFER => return self.efer_mask() != 0,
            number::STAR..=number::SFMASK | number::FS_BASE..=number::KERNEL_GS_BASE => Feature::LM,
            number::TSC_AUX => Feature::RDTSCP,
            number::APIC_BASE => return p6 && self.model.feature(Feature::APIC),
            number::PLATFORM_ID
            | number::EBL_CR_POWERON
            | number::UCODE_WRITE
            | number::UCODE_REV
            | number::BBL_CR_CTL
            | number::BBL_CR_CTL3
            | number::MISC_ENABLE
            | number::DEBUGCTL
            | number::LASTBRANCH_FIRST..=number::LASTINT_LAST => return p6,
            _ => return false,
        };
        self.model.feature(feature)
    }

    fn read_msr(&self, n: u32) -> Exec<u64> {
        must(self.has_msr(n))?;
        let s = &self.sys;
        Ok(match n {
            number::TSC => self.tsc(),
            number::APIC_BASE => self.lines.apic.base,
            number::MTRRCAP => MTRRCAP,
            number::ARCH_CAPABILITIES => ARCH_CAPABILITIES,
            number::SYSENTER_CS => s.sysenter_cs,
            number::SYSENTER_ESP => s.sysenter_esp,
            number::SYSENTER_EIP => s.sysenter_eip,
            number::MISC_ENABLE => s.misc_enable,
            number::MTRR_PHYS_FIRST..=number::MTRR_PHYS_LAST => s.mtrr_var[(n - number::MTRR_PHYS_FIRST) as usize],
            number::PAT => s.pat,
            number::MTRR_DEF_TYPE => s.mtrr_def,
            number::EFER => s.efer,
            number::STAR => s.star,
            number::LSTAR => s.lstar,
            number::CSTAR => s.cstar,
            number::SFMASK => s.sfmask,
            number::FS_BASE => self.seg[Seg::Fs as usize].base,
            number::GS_BASE => self.seg[Seg::Gs as usize].base,
            number::KERNEL_GS_BASE => s.kernel_gs_base,
            number::TSC_AUX => s.tsc_aux,
            number::UCODE_WRITE => return Err(Fault::GP0),
            _ => fixed_index(n).map_or(0, |i| s.mtrr_fixed[i]),
        })
    }

    fn write_msr(&mut self, n: u32, value: u64) -> Exec {
        must(self.has_msr(n))?;
        match n {
            number::TSC => self.sys.tsc_offset = value.wrapping_sub(self.icount_now()),
            number::APIC_BASE => return self.write_apic_base(value),
            number::SYSENTER_CS => self.sys.sysenter_cs = value,
            number::MISC_ENABLE => self.sys.misc_enable = value,
            number::MTRR_PHYS_FIRST..=number::MTRR_PHYS_LAST => {
                let base = n & 1 == 0;
                must(!base || mtrr_type(value))?;
                let low = if base { 0xFF } else { 0x800 };
                must(value & !(self.model.phys_mask() & !0xFFF | low) == 0)?;
                self.sys.mtrr_var[(n - number::MTRR_PHYS_FIRST) as usize] = value;
            }
            number::PAT => {
                all_types(value, |t| mtrr_type(t) || t == 7)?;
                self.sys.pat = value;
            }
            number::MTRR_DEF_TYPE => {
                must(value & !MTRR_DEF_BITS == 0 && mtrr_type(value))?;
                self.sys.mtrr_def = value;
            }
            number::EFER => return self.write_efer(value),
            number::STAR => self.sys.star = value,
            number::SFMASK => self.sys.sfmask = value & 0xFFFF_FFFF,
            number::TSC_AUX => {
                must(value >> 32 == 0)?;
                self.sys.tsc_aux = value;
            }
            number::SYSENTER_ESP
            | number::SYSENTER_EIP
            | number::LSTAR
            | number::CSTAR
            | number::FS_BASE
            | number::GS_BASE
            | number::KERNEL_GS_BASE => {
                must(canonical(value) || !self.model.feature(Feature::LM))?;
                *self.address_msr(n) = value;
            }
            number::MTRRCAP | number::ARCH_CAPABILITIES | number::MCG_CAP | number::PLATFORM_ID => {
                return Err(Fault::GP0);
            }
            _ => {
                if let Some(i) = fixed_index(n) {
                    all_types(value, mtrr_type)?;
                    self.sys.mtrr_fixed[i] = value;
                }
            }
        }
        Ok(())
    }

    /// Registers that hold a canonical address.
    fn address_msr(&mut self, n: u32) -> &mut u64 {
        match n {
            number::SYSENTER_ESP => &mut self.sys.sysenter_esp,
            number::SYSENTER_EIP => &mut self.sys.sysenter_eip,
            number::LSTAR => &mut self.sys.lstar,
            number::CSTAR => &mut self.sys.cstar,
            number::FS_BASE => &mut self.seg[Seg::Fs as usize].base,
            number::GS_BASE => &mut self.seg[Seg::Gs as usize].base,
            _ => &mut self.sys.kernel_gs_base,
        }
    }

    /// IA32_APIC_BASE, SDM volume 3, 11.4.4. Which processor starts the system is wired, not written.
    fn write_apic_base(&mut self, value: u64) -> Exec {
        let bsp = self.lines.apic.base & ApicRegs::BSP;
        must(value & !(self.model.phys_mask() & !0xFFF | ApicRegs::ENABLE | ApicRegs::BSP) == 0)?;
        self.lines.apic.base = value & !ApicRegs::BSP | bsp;
        self.apic_written();
        Ok(())
    }

    fn write_efer(&mut self, value: u64) -> Exec {
        let old = self.sys.efer;
        let changed = old ^ value;
        must(value & !self.efer_mask() == 0)?;
        must(self.sys.cr0 & cr0::PG == 0 || changed & efer::LME == 0)?;
        // LMA follows LME and paging, never a write.
        self.sys.efer = value & !efer::LMA | old & efer::LMA;
        if changed & efer::NXE != 0 {
            self.tlb.flush_all();
        }
        self.update_mode();
        Ok(())
    }
}

/// RDMSR.
struct Rdmsr;
impl Insn for Rdmsr {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.privileged()?;
        let value = cpu.read_msr(cpu.r::<u32>(Gpr::Rcx))?;
        cpu.gpr[Gpr::Rax as usize] = value & 0xFFFF_FFFF;
        cpu.gpr[Gpr::Rdx as usize] = value >> 32;
        Ok(())
    }
}

fn edx_eax(cpu: &Cpu) -> u64 {
    u64::from(cpu.r::<u32>(Gpr::Rdx)) << 32 | u64::from(cpu.r::<u32>(Gpr::Rax))
}

/// WRMSR.
struct Wrmsr;
impl Insn for Wrmsr {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.privileged()?;
        cpu.write_msr(cpu.r::<u32>(Gpr::Rcx), edx_eax(cpu))
    }
}

/// XGETBV.
struct Xgetbv;
impl Insn for Xgetbv {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if cpu.sys.cr4 & cr4::OSXSAVE == 0 {
            return Err(Fault::UD);
        }
        must(cpu.r::<u32>(Gpr::Rcx) == 0)?;
        let value = cpu.sys.xcr0;
        cpu.gpr[Gpr::Rax as usize] = value & 0xFFFF_FFFF;
        cpu.gpr[Gpr::Rdx as usize] = value >> 32;
        Ok(())
    }
}

/// XSETBV.
struct Xsetbv;
impl Insn for Xsetbv {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if cpu.sys.cr4 & cr4::OSXSAVE == 0 {
            return Err(Fault::UD);
        }
        cpu.privileged()?;
        let value = edx_eax(cpu);
        must(cpu.r::<u32>(Gpr::Rcx) == 0 && value & 1 != 0 && value & !cpu.model.xcr0_mask() == 0)?;
        // AVX state needs SSE state.
        must(value & 4 == 0 || value & 2 != 0)?;
        cpu.sys.xcr0 = value;
        cpu.update_mode();
        Ok(())
    }
}

/// MONITOR: the address is looked at and forgotten.
struct Monitor;
impl Insn for Monitor {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if cpu.cpl != 0 {
            return Err(Fault::UD);
        }
        must(cpu.r::<u32>(Gpr::Rcx) == 0)?;
        let lin = cpu.segmented(op.seg(), cpu.gpr[Gpr::Rax as usize] & op.addr_mask(), 1, false)?;
        cpu.read::<u8>(lin).map(|_| ())
    }
}

/// MWAIT: waits as HLT does; with ECX bit 0 an interrupt wakes it even while IF is 0, so it does not wait then.
struct Mwait;
impl Insn for Mwait {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if cpu.cpl != 0 {
            return Err(Fault::UD);
        }
        let hints = cpu.r::<u32>(Gpr::Rcx);
        must(hints <= 1)?;
        cpu.sys.halted = hints == 0 || cpu.interrupts_enabled();
        Ok(())
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Rdmsr, Form::system::<Rdmsr>()),
    (Code::Wrmsr, Form::system::<Wrmsr>()),
    (Code::Xgetbv, Form::plain::<Xgetbv>()),
    (Code::Xsetbv, Form::system::<Xsetbv>()),
    (Code::Monitorw, Form::checked::<Monitor>()),
    (Code::Monitord, Form::checked::<Monitor>()),
    (Code::Monitorq, Form::checked::<Monitor>()),
    (Code::Mwait, Form::system::<Mwait>()),
];
