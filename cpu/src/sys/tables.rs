//! GDTR, IDTR, LDTR and TR.
//!
//! Intel SDM volume 2 (LGDT/LIDT, SGDT/SIDT, LLDT, SLDT, LTR, STR), volume 3, section 2.4.

use super::descriptor::{code_of, is_null, kind};
use super::segment::null_segment;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::mmu::canonical;
use crate::op::Op;
use crate::operand::{Rm, World};
use crate::regs::TableRegister;
use crate::state::Cpu;
use iced_x86::Code;

/// LGDT and LIDT load 24 bits of base with a 16-bit operand size.
const BASE24: u64 = 0x00FF_FFFF;

const GDT: bool = false;
const IDT: bool = true;

impl Cpu {
    fn load_ldt(&mut self, selector: u16) -> Exec {
        if is_null(selector) {
            self.sys.ldtr = null_segment(selector, 0);
            return Ok(());
        }
        let bad = Fault::gp(code_of(selector));
        if selector & 4 != 0 {
            return Err(bad);
        }
        let d = self.find_descriptor(selector)?.ok_or(bad)?;
        if d.system() != Some(kind::LDT) {
            return Err(bad);
        }
        if !d.present() {
            return Err(Fault::np(code_of(selector)));
        }
        let d = self.widen(selector, d)?.filter(|d| canonical(d.wide_base()) || !self.long_mode()).ok_or(bad)?;
        self.sys.ldtr = d.system_segment(selector);
        Ok(())
    }

    fn load_task_register(&mut self, selector: u16) -> Exec {
        if is_null(selector) {
            return Err(Fault::GP0);
        }
        let bad = Fault::gp(code_of(selector));
        if selector & 4 != 0 {
            return Err(bad);
        }
        let d = self.find_descriptor(selector)?.ok_or(bad)?;
        let known = match d.system() {
            Some(kind::TSS32) => true,
            Some(kind::TSS16) => !self.long_mode(),
            _ => false,
        };
        if !known {
            return Err(bad);
        }
        if !d.present() {
            return Err(Fault::np(code_of(selector)));
        }
        let d = self.widen(selector, d)?.filter(|d| canonical(d.wide_base()) || !self.long_mode()).ok_or(bad)?;
        self.set_busy(d.at, true)?;
        self.sys.tr = d.system_segment(selector);
        self.sys.tr.attr |= kind::BUSY;
        Ok(())
    }
}

/// LGDT, LIDT. `W` is the operand size.
struct LoadTable<const TABLE: bool, const W: usize>;
impl<const TABLE: bool, const W: usize> Insn for LoadTable<TABLE, W> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.privileged()?;
        let size = if W == 8 { 10 } else { 6 };
        let lin = M::W::linear(cpu, op, size, false)?;
        let limit = cpu.read::<u16>(lin)?;
        let at = lin.wrapping_add(2) & cpu.lin_mask();
        let base = match W {
            8 => cpu.read::<u64>(at)?,
            4 => u64::from(cpu.read::<u32>(at)?),
            _ => u64::from(cpu.read::<u32>(at)?) & BASE24,
        };
        if W == 8 && !canonical(base) {
            return Err(Fault::GP0);
        }
        let table = TableRegister { base, limit };
        if TABLE == IDT {
            cpu.sys.idtr = table;
        } else {
            cpu.sys.gdtr = table;
        }
        Ok(())
    }
}

/// SGDT, SIDT: the 16-bit form stores all 32 bits of the base, as every processor since the 386 does.
struct StoreTable<const TABLE: bool, const W: usize>;
impl<const TABLE: bool, const W: usize> Insn for StoreTable<TABLE, W> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        cpu.user_visible()?;
        let table = if TABLE == IDT { cpu.sys.idtr } else { cpu.sys.gdtr };
        let size = if W == 8 { 10 } else { 6 };
        let lin = M::W::linear(cpu, op, size, true)?;
        let at = lin.wrapping_add(2) & cpu.lin_mask();
        cpu.probe_write(at, size - 2)?;
        cpu.write::<u16>(lin, table.limit)?;
        if W == 8 { cpu.write::<u64>(at, table.base) } else { cpu.write::<u32>(at, table.base as u32) }
    }
}

/// LLDT.
struct Lldt;
impl Insn for Lldt {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if !cpu.protected() {
            return Err(Fault::UD);
        }
        cpu.privileged()?;
        let selector = M::dst::<u16>(cpu, op)?;
        cpu.load_ldt(selector)
    }
}

/// LTR.
struct Ltr;
impl Insn for Ltr {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if !cpu.protected() {
            return Err(Fault::UD);
        }
        cpu.privileged()?;
        let selector = M::dst::<u16>(cpu, op)?;
        cpu.load_task_register(selector)
    }
}

/// SLDT and STR: memory takes 16 bits, a register its whole width.
struct StoreSelector<const TASK: bool, const W: usize>;
impl<const TASK: bool, const W: usize> Insn for StoreSelector<TASK, W> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if !cpu.protected() {
            return Err(Fault::UD);
        }
        cpu.user_visible()?;
        let selector = if TASK { cpu.sys.tr.selector } else { cpu.sys.ldtr.selector };
        match W {
            4 if !M::MEM => M::set_dst::<u32>(cpu, op, u32::from(selector)),
            8 if !M::MEM => M::set_dst::<u64>(cpu, op, u64::from(selector)),
            _ => M::set_dst::<u16>(cpu, op, selector),
        }
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Lgdt_m1632_16, Form::system::<LoadTable<GDT, 2>>()),
    (Code::Lgdt_m1632, Form::system::<LoadTable<GDT, 4>>()),
    (Code::Lgdt_m1664, Form::system::<LoadTable<GDT, 8>>()),
    (Code::Lidt_m1632_16, Form::system::<LoadTable<IDT, 2>>()),
    (Code::Lidt_m1632, Form::system::<LoadTable<IDT, 4>>()),
    (Code::Lidt_m1664, Form::system::<LoadTable<IDT, 8>>()),
    (Code::Sgdt_m1632_16, Form::checked::<StoreTable<GDT, 2>>()),
    (Code::Sgdt_m1632, Form::checked::<StoreTable<GDT, 4>>()),
    (Code::Sgdt_m1664, Form::checked::<StoreTable<GDT, 8>>()),
    (Code::Sidt_m1632_16, Form::checked::<StoreTable<IDT, 2>>()),
    (Code::Sidt_m1632, Form::checked::<StoreTable<IDT, 4>>()),
    (Code::Sidt_m1664, Form::checked::<StoreTable<IDT, 8>>()),
    (Code::Lldt_rm16, Form::system::<Lldt>()),
    (Code::Lldt_r32m16, Form::system::<Lldt>()),
    (Code::Lldt_r64m16, Form::system::<Lldt>()),
    (Code::Ltr_rm16, Form::system::<Ltr>()),
    (Code::Ltr_r32m16, Form::system::<Ltr>()),
    (Code::Ltr_r64m16, Form::system::<Ltr>()),
    (Code::Sldt_rm16, Form::checked::<StoreSelector<false, 2>>()),
    (Code::Sldt_r32m16, Form::checked::<StoreSelector<false, 4>>()),
    (Code::Sldt_r64m16, Form::checked::<StoreSelector<false, 8>>()),
    (Code::Str_rm16, Form::checked::<StoreSelector<true, 2>>()),
    (Code::Str_r32m16, Form::checked::<StoreSelector<true, 4>>()),
    (Code::Str_r64m16, Form::checked::<StoreSelector<true, 8>>()),
];
