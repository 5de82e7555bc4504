//! Control, debug and test registers, and what is near them: LMSW, CLTS, INVLPG, INVD, HLT, SWAPGS.
//!
//! Intel SDM volume 2 (MOV to and from CRn and DRn, LMSW, SMSW, CLTS, INVLPG, HLT), volume 3, sections 2.5 (control
//! registers), 4.1 (paging mode changes), 9.8.5 (to and from IA-32e mode) and 17.2 (debug registers). The test
//! registers of the 386 and 486 hold what is written to them; there is no cache to test.

use super::debug::{DR6_BD, DR6_FIXED, DR6_WRITABLE, DR7_FIXED, DR7_GD, DR7_WRITABLE};
use super::descriptor::kind;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::mmu::canonical;
use crate::op::Op;
use crate::operand::{Rm, effective};
use crate::regs::Seg;
use crate::state::{Cpu, cr0, cr4, efer};
use iced_x86::Code;

/// CR0 bits whose change changes translations.
const CR0_PAGING: u64 = cr0::PE | cr0::PG | cr0::WP;
/// CR4 bits whose change changes translations.
const CR4_PAGING: u64 = cr4::PSE | cr4::PAE | cr4::PGE | cr4::PCIDE | cr4::SMEP | cr4::SMAP;
/// CR3: keep the translations of the new address space.
const CR3_NO_FLUSH: u64 = 1 << 63;

impl Cpu {
    /// #GP(0) outside ring 0.
    #[inline]
    pub(super) fn privileged(&self) -> Exec {
        if self.cpl == 0 { Ok(()) } else { Err(Fault::GP0) }
    }

    /// #GP(0) for SGDT, SIDT, SLDT, STR and SMSW outside ring 0 under CR4.UMIP.
    #[inline]
    pub(super) fn user_visible(&self) -> Exec {
        if self.sys.cr4 & cr4::UMIP != 0 { self.privileged() } else { Ok(()) }
    }

    fn read_cr(&self, n: usize) -> Exec<u64> {
        self.privileged()?;
        match n {
            0 => Ok(self.sys.cr0),
            2 => Ok(self.sys.cr2),
            3 => Ok(self.sys.cr3),
            4 if self.model.has_cr4() => Ok(self.sys.cr4),
            8 if self.code64() => Ok(u64::from(self.lines.apic.tpr >> 4)),
            _ => Err(Fault::UD),
        }
    }

    fn write_cr(&mut self, n: usize, value: u64) -> Exec {
        match n {
            0 | 2 | 3 => {}
            4 if self.model.has_cr4() => {}
            8 if self.code64() => {}
            _ => return Err(Fault::UD),
        }
        self.privileged()?;
        match n {
            0 => self.set_cr0(value),
            2 => {
                self.sys.cr2 = value;
                Ok(())
            }
            3 => self.set_cr3(value),
            4 => self.set_cr4(value),
            _ if value > 15 => Err(Fault::GP0),
            _ => {
                self.lines.apic.tpr = (value as u8) << 4;
                self.apic_written();
                Ok(())
            }
        }
    }

    /// Tells the local APIC of a write to the registers that it shares; an interrupt may have become due.
    pub(super) fn apic_written(&mut self) {
        let icount = self.icount_now();
        self.bus(|bus, lines| bus.apic_written(lines, icount));
        self.after_bus();
    }

    fn set_cr0(&mut self, value: u64) -> Exec {
        let old = self.sys.cr0;
        if value >> 32 != 0 {
            return Err(Fault::GP0);
        }
        let new = value & self.model.cr0_mask() | cr0::ET;
        let (on, off) = (new & !old, old & !new);
        if new & (cr0::PG | cr0::PE) == cr0::PG || new & (cr0::NW | cr0::CD) == cr0::NW {
            return Err(Fault::GP0);
        }
        let mut lma = self.sys.efer & efer::LMA != 0;
        if on & cr0::PG != 0 && self.sys.efer & efer::LME != 0 {
            let tss16 = self.sys.tr.attr & 0x1F == kind::TSS16_BUSY;
            if self.sys.cr4 & cr4::PAE == 0 || self.seg[Seg::Cs as usize].long() || tss16 {
                return Err(Fault::GP0);
            }
            lma = true;
        }
        if off & cr0::PG != 0 {
            if self.code64() || self.sys.cr4 & cr4::PCIDE != 0 {
                return Err(Fault::GP0);
            }
            lma = false;
        }
        let pae = new & cr0::PG != 0 && self.sys.cr4 & cr4::PAE != 0 && !lma;
        if pae && (on | off) & (cr0::PG | cr0::CD | cr0::NW) != 0 {
            self.load_pdptes(self.sys.cr3)?;
        }
        self.sys.cr0 = new;
        self.sys.efer = if lma { self.sys.efer | efer::LMA } else { self.sys.efer & !efer::LMA };
        if (on | off) & CR0_PAGING != 0 {
            self.tlb.flush_all();
        }
        self.update_mode();
        Ok(())
    }

    fn set_cr3(&mut self, value: u64) -> Exec {
        let mut value = value;
        let mut keep = false;
        if self.long_mode() {
            let no_flush = if self.sys.cr4 & cr4::PCIDE != 0 { CR3_NO_FLUSH } else { 0 };
            keep = value & no_flush != 0;
            value &= !no_flush;
            if value & !self.model.phys_mask() != 0 {
                return Err(Fault::GP0);
            }
        } else {
            value &= 0xFFFF_FFFF;
            if self.sys.cr0 & cr0::PG != 0 && self.sys.cr4 & cr4::PAE != 0 {
                self.load_pdptes(value)?;
            }
        }
        // Translations carry no PCID: keeping them is right only when the address space stays the same.
        if !(keep && value == self.sys.cr3) {
            self.tlb.flush_non_global();
        }
        self.sys.cr3 = value;
        self.update_tables();
        Ok(())
    }

    fn set_cr4(&mut self, value: u64) -> Exec {
        let old = self.sys.cr4;
        let changed = old ^ value;
        if value & !self.model.cr4_mask() != 0 {
            return Err(Fault::GP0);
        }
        if self.long_mode() && value & cr4::PAE == 0 {
            return Err(Fault::GP0);
        }
        if changed & value & cr4::PCIDE != 0 && (!self.long_mode() || self.sys.cr3 & 0xFFF != 0) {
            return Err(Fault::GP0);
        }
        let paging = self.sys.cr0 & cr0::PG != 0;
        let reload = changed & (cr4::PAE | cr4::PSE | cr4::PGE | cr4::SMEP) != 0;
        if paging && value & cr4::PAE != 0 && !self.long_mode() && reload {
            self.load_pdptes(self.sys.cr3)?;
        }
        self.sys.cr4 = value;
        if changed & CR4_PAGING != 0 {
            self.tlb.flush_all();
        }
        self.update_mode();
        Ok(())
    }

    /// The debug register that number `n` names, after the checks that MOV DRn makes first.
    fn debug_register(&mut self, n: usize) -> Exec<usize> {
        let n = match n {
            4 | 5 if self.sys.cr4 & cr4::DE != 0 => return Err(Fault::UD),
            4 | 5 => n + 2,
            0..=7 => n,
            _ => return Err(Fault::UD),
        };
        self.privileged()?;
        if self.sys.dr[7] & DR7_GD != 0 {
            self.report_debug(DR6_BD);
            return Err(Fault::DB);
        }
        Ok(n)
    }

    fn write_dr(&mut self, n: usize, value: u64) -> Exec {
        let n = self.debug_register(n)?;
        if n >= 6 && value >> 32 != 0 {
            return Err(Fault::GP0);
        }
        self.sys.dr[n] = match n {
            6 => value & DR6_WRITABLE | DR6_FIXED,
            7 => value & DR7_WRITABLE | DR7_FIXED,
            _ => value,
        };
        self.update_tables();
        Ok(())
    }
}

/// MOV r, CRn.
struct FromCr;
impl Insn for FromCr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let value = cpu.read_cr(op.src as usize)?;
        cpu.gpr[op.dst as usize] = if cpu.code64() { value } else { value & 0xFFFF_FFFF };
        Ok(())
    }
}

/// MOV CRn, r.
struct ToCr;
impl Insn for ToCr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let value = cpu.gpr[op.src as usize];
        cpu.write_cr(op.dst as usize, if cpu.code64() { value } else { value & 0xFFFF_FFFF })
    }
}

/// MOV r, DRn.
struct FromDr;
impl Insn for FromDr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let n = cpu.debug_register(op.src as usize)?;
        let value = cpu.sys.dr[n];
        cpu.gpr[op.dst as usize] = if cpu.code64() { value } else { value & 0xFFFF_FFFF };
        Ok(())
    }
}

/// MOV DRn, r.
struct ToDr;
impl Insn for ToDr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let value = cpu.gpr[op.src as usize];
        cpu.write_dr(op.dst as usize, if cpu.code64() { value } else { value & 0xFFFF_FFFF })
    }
}

/// MOV r32, TRn.
struct FromTr;
impl Insn for FromTr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.privileged()?;
        cpu.gpr[op.dst as usize] = u64::from(cpu.sys.tr_test[op.src as usize & 7]);
        Ok(())
    }
}

/// MOV TRn, r32.
struct ToTr;
impl Insn for ToTr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.privileged()?;
        cpu.sys.tr_test[op.dst as usize & 7] = cpu.r::<u32>(op.src);
        Ok(())
    }
}

/// LMSW: PE can be set but not cleared.
struct Lmsw;
impl Insn for Lmsw {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.privileged()?;
        let value = u64::from(M::dst::<u16>(cpu, op)?) & (cr0::PE | cr0::MP | cr0::EM | cr0::TS);
        let keep = cpu.sys.cr0 & !(cr0::MP | cr0::EM | cr0::TS);
        cpu.set_cr0(keep | value)
    }
}

/// SMSW: memory takes 16 bits, a register its whole width.
struct Smsw<const W: usize>;
impl<const W: usize> Insn for Smsw<W> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.user_visible()?;
        let value = cpu.sys.cr0;
        match W {
            4 if !M::MEM => M::set_dst::<u32>(cpu, op, value as u32),
            8 if !M::MEM => M::set_dst::<u64>(cpu, op, value),
            _ => M::set_dst::<u16>(cpu, op, value as u16),
        }
    }
}

/// CLTS.
struct Clts;
impl Insn for Clts {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.privileged()?;
        cpu.sys.cr0 &= !cr0::TS;
        cpu.update_mode();
        Ok(())
    }
}

/// INVLPG: no segment is checked, and a non-canonical address does nothing.
struct Invlpg;
impl Insn for Invlpg {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.privileged()?;
        let seg = op.seg();
        let flat = cpu.code64() && !matches!(seg, Seg::Fs | Seg::Gs);
        let base = if flat { 0 } else { cpu.seg[seg as usize].base };
        let lin = base.wrapping_add(effective(cpu, op) & op.addr_mask()) & cpu.lin_mask();
        if !cpu.long_mode() || canonical(lin) {
            cpu.tlb.flush_page(lin);
            cpu.update_tables();
        }
        Ok(())
    }
}

/// INVPCID: translations carry no PCID, so each kind drops at least what it must.
struct Invpcid;
impl Insn for Invpcid {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        use crate::operand::World;
        cpu.privileged()?;
        let lin = M::W::linear(cpu, op, 16, false)?;
        let pcid = cpu.read::<u64>(lin)?;
        let address = cpu.read::<u64>(lin.wrapping_add(8) & cpu.lin_mask())?;
        let kind = cpu.gpr[op.dst as usize] & cpu.lin_mask();
        let tagged = cpu.sys.cr4 & cr4::PCIDE != 0;
        if kind > 3 || pcid >> 12 != 0 || kind < 2 && pcid != 0 && !tagged || kind == 0 && !canonical(address) {
            return Err(Fault::GP0);
        }
        match kind {
            0 => cpu.tlb.flush_page(address),
            2 => cpu.tlb.flush_all(),
            _ => cpu.tlb.flush_non_global(),
        }
        cpu.update_tables();
        Ok(())
    }
}

/// INVD, WBINVD: there is no cache.
struct CacheFlush;
impl Insn for CacheFlush {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.privileged()
    }
}

/// HLT.
struct Hlt;
impl Insn for Hlt {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.privileged()?;
        cpu.sys.halted = true;
        Ok(())
    }
}

/// SWAPGS.
struct Swapgs;
impl Insn for Swapgs {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if !cpu.code64() {
            return Err(Fault::UD);
        }
        cpu.privileged()?;
        std::mem::swap(&mut cpu.seg[Seg::Gs as usize].base, &mut cpu.sys.kernel_gs_base);
        Ok(())
    }
}

/// RDFSBASE, RDGSBASE.
struct ReadBase<const SEG: usize, const WIDE: bool>;
impl<const SEG: usize, const WIDE: bool> Insn for ReadBase<SEG, WIDE> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if cpu.sys.cr4 & cr4::FSGSBASE == 0 {
            return Err(Fault::UD);
        }
        let base = cpu.seg[SEG].base;
        cpu.gpr[op.dst as usize] = if WIDE { base } else { base & 0xFFFF_FFFF };
        Ok(())
    }
}

/// WRFSBASE, WRGSBASE.
struct WriteBase<const SEG: usize, const WIDE: bool>;
impl<const SEG: usize, const WIDE: bool> Insn for WriteBase<SEG, WIDE> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if cpu.sys.cr4 & cr4::FSGSBASE == 0 {
            return Err(Fault::UD);
        }
        let value = cpu.gpr[op.dst as usize];
        let base = if WIDE { value } else { value & 0xFFFF_FFFF };
        if !canonical(base) {
            return Err(Fault::GP0);
        }
        cpu.seg[SEG].base = base;
        Ok(())
    }
}

const FS: usize = Seg::Fs as usize;
const GS: usize = Seg::Gs as usize;

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Mov_r32_cr, Form::plain::<FromCr>()),
    (Code::Mov_r64_cr, Form::plain::<FromCr>()),
    (Code::Mov_cr_r32, Form::system::<ToCr>()),
    (Code::Mov_cr_r64, Form::system::<ToCr>()),
    (Code::Mov_r32_dr, Form::system::<FromDr>()),
    (Code::Mov_r64_dr, Form::system::<FromDr>()),
    (Code::Mov_dr_r32, Form::system::<ToDr>()),
    (Code::Mov_dr_r64, Form::system::<ToDr>()),
    (Code::Mov_r32_tr, Form::system::<FromTr>()),
    (Code::Mov_tr_r32, Form::system::<ToTr>()),
    (Code::Lmsw_rm16, Form::system::<Lmsw>()),
    (Code::Lmsw_r32m16, Form::system::<Lmsw>()),
    (Code::Lmsw_r64m16, Form::system::<Lmsw>()),
    (Code::Smsw_rm16, Form::checked::<Smsw<2>>()),
    (Code::Smsw_r32m16, Form::checked::<Smsw<4>>()),
    (Code::Smsw_r64m16, Form::checked::<Smsw<8>>()),
    (Code::Clts, Form::system::<Clts>()),
    (Code::Invlpg_m, Form::system::<Invlpg>()),
    (Code::Invpcid_r32_m128, Form::system::<Invpcid>()),
    (Code::Invpcid_r64_m128, Form::system::<Invpcid>()),
    (Code::Invd, Form::plain::<CacheFlush>()),
    (Code::Wbinvd, Form::plain::<CacheFlush>()),
    (Code::Wbnoinvd, Form::plain::<CacheFlush>()),
    (Code::Hlt, Form::system::<Hlt>()),
    (Code::Swapgs, Form::checked::<Swapgs>()),
    (Code::Rdfsbase_r32, Form::plain::<ReadBase<FS, false>>()),
    (Code::Rdfsbase_r64, Form::plain::<ReadBase<FS, true>>()),
    (Code::Rdgsbase_r32, Form::plain::<ReadBase<GS, false>>()),
    (Code::Rdgsbase_r64, Form::plain::<ReadBase<GS, true>>()),
    (Code::Wrfsbase_r32, Form::plain::<WriteBase<FS, false>>()),
    (Code::Wrfsbase_r64, Form::plain::<WriteBase<FS, true>>()),
    (Code::Wrgsbase_r32, Form::plain::<WriteBase<GS, false>>()),
    (Code::Wrgsbase_r64, Form::plain::<WriteBase<GS, true>>()),
];
