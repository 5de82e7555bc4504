//! Hardware task switches.
//!
//! Intel SDM volume 3, chapter 7: 7.2.1 and 7.6 (32- and 16-bit TSS), 7.3 (the steps of a switch and table 7-1, its
//! exceptions), 7.4 (linking). Everything up to loading TR faults in the old task and changes nothing there; what
//! follows belongs to the new task: its fault is left in `engine.fault`, to be delivered at the new CS:EIP.

use super::debug::{DR6_BT, DR7_LOCAL};
use super::descriptor::{Descriptor, code_of, is_null, kind, rpl};
use super::segment::{null_segment, v86_segment};
use crate::fault::{Exec, Fault};
use crate::regs::{Gpr, Seg, Segment};
use crate::state::{Cpu, cr0, cr4, eflags};

/// What causes a switch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Jump,
    Call,
    /// Interrupt or exception: EXT for error codes, and RF for the saved flags of an instruction that will run again.
    Interrupt {
        ext: u16,
        saved_flags: u64,
    },
    /// IRET with NT.
    Return,
}

/// Where a TSS keeps things.
struct Layout {
    /// Smallest limit.
    limit: u32,
    /// Size of a slot.
    size: u64,
    ip: u64,
    flags: u64,
    /// Eight general registers in encoding order.
    gpr: u64,
    /// ES, CS, SS, DS and with 32 bits FS, GS.
    seg: u64,
    segments: usize,
    ldt: u64,
}

const TSS16: Layout =
    Layout { limit: 0x2B, size: 2, ip: 0x0E, flags: 0x10, gpr: 0x12, seg: 0x22, segments: 4, ldt: 0x2A };
const TSS32: Layout =
    Layout { limit: 0x67, size: 4, ip: 0x20, flags: 0x24, gpr: 0x28, seg: 0x48, segments: 6, ldt: 0x60 };
/// CR3 in a 32-bit TSS.
const TSS_CR3: u64 = 0x1C;
/// The word with the T flag in a 32-bit TSS.
const TSS_TRAP: u64 = 0x64;

fn layout(wide: bool) -> &'static Layout {
    if wide { &TSS32 } else { &TSS16 }
}

/// The state that a TSS holds.
#[derive(Default)]
struct Image {
    cr3: u64,
    ip: u64,
    flags: u64,
    gpr: [u64; 8],
    seg: [u16; 6],
    ldt: u16,
    trap: bool,
}

impl Cpu {
    /// An available TSS for JMP, CALL and task gates, presence checked.
    pub(super) fn available_tss(&mut self, selector: u16, ext: u16) -> Exec<Descriptor> {
        let error = code_of(selector) | ext;
        if selector & 4 != 0 || is_null(selector) {
            return Err(Fault::gp(error));
        }
        let d = self.find_descriptor(selector)?.ok_or(Fault::gp(error))?;
        if !matches!(d.system(), Some(kind::TSS16 | kind::TSS32)) {
            return Err(Fault::gp(error));
        }
        if !d.present() {
            return Err(Fault::np(error));
        }
        Ok(d)
    }

    /// The busy TSS that a back link names.
    pub(super) fn busy_tss(&mut self, selector: u16) -> Exec<Descriptor> {
        let error = code_of(selector);
        if selector & 4 != 0 || is_null(selector) {
            return Err(Fault::ts(error));
        }
        let d = self.find_descriptor(selector)?.ok_or(Fault::ts(error))?;
        if !matches!(d.system(), Some(kind::TSS16_BUSY | kind::TSS32_BUSY)) {
            return Err(Fault::ts(error));
        }
        if !d.present() {
            return Err(Fault::np(error));
        }
        Ok(d)
    }

    fn tss_read(&mut self, base: u64, offset: u64, size: u64) -> Exec<u64> {
        let lin = self.table_address(base, offset);
        if size == 2 { Ok(u64::from(self.read_sys::<u16>(lin)?)) } else { Ok(u64::from(self.read_sys::<u32>(lin)?)) }
    }

    fn tss_write(&mut self, base: u64, offset: u64, size: u64, value: u64) -> Exec {
        let lin = self.table_address(base, offset);
        if size == 2 { self.write_sys(lin, value as u16) } else { self.write_sys(lin, value as u32) }
    }

    /// Raises the page faults that using a TSS would raise.
    fn probe_tss(&mut self, base: u64, layout: &Layout, write: bool) -> Exec {
        let size = u64::from(layout.limit) + 1;
        if write {
            let first = self.table_address(base, 0);
            self.probe_write_as(first, 1, crate::tlb::SUPERVISOR)?;
            let last = self.table_address(base, size - 1);
            self.probe_write_as(last, 1, crate::tlb::SUPERVISOR)
        } else {
            self.tss_read(base, 0, 2)?;
            self.tss_read(base, size - 2, 2).map(|_| ())
        }
    }

    fn read_tss(&mut self, base: u64, wide: bool) -> Exec<Image> {
        let l = layout(wide);
        let mut image = Image {
            ip: self.tss_read(base, l.ip, l.size)?,
            flags: self.tss_read(base, l.flags, l.size)?,
            ldt: self.tss_read(base, l.ldt, 2)? as u16,
            ..Image::default()
        };
        for i in 0..8 {
            image.gpr[i] = self.tss_read(base, l.gpr + l.size * i as u64, l.size)?;
        }
        for i in 0..l.segments {
            image.seg[i] = self.tss_read(base, l.seg + l.size * i as u64, 2)? as u16;
        }
        if wide {
            image.cr3 = self.tss_read(base, TSS_CR3, 4)?;
            image.trap = self.tss_read(base, TSS_TRAP, 2)? & 1 != 0;
        } else {
            // A 16-bit TSS knows the lower halves only.
            for r in &mut image.gpr {
                *r |= 0xFFFF_0000;
            }
        }
        Ok(image)
    }

    fn write_tss(&mut self, base: u64, wide: bool, flags: u64) -> Exec {
        let l = layout(wide);
        self.tss_write(base, l.ip, l.size, self.rip)?;
        self.tss_write(base, l.flags, l.size, flags)?;
        for i in 0..8 {
            self.tss_write(base, l.gpr + l.size * i as u64, l.size, self.gpr[i])?;
        }
        for i in 0..l.segments {
            self.tss_write(base, l.seg + l.size * i as u64, 2, u64::from(self.seg[i].selector))?;
        }
        Ok(())
    }

    /// Switches to the task of `selector`, whose type and presence the caller has checked.
    ///
    /// # Errors
    /// Faults of the old task. Those of the new one are left in `engine.fault`.
    pub(super) fn task_switch(&mut self, selector: u16, d: &Descriptor, how: Switch) -> Exec {
        let (ext, extra_flags) = match how {
            Switch::Interrupt { ext, saved_flags } => (ext, saved_flags),
            _ => (0, 0),
        };
        let wide = d.attr() & kind::WIDE != 0;
        let new = layout(wide);
        if d.limit() < new.limit {
            return Err(Fault::ts(code_of(selector) | ext));
        }
        let old_tr = self.sys.tr;
        let old_wide = old_tr.attr & kind::WIDE != 0;
        let (old_base, base) = (old_tr.base, d.base());
        let nested = matches!(how, Switch::Call | Switch::Interrupt { .. });
        self.probe_tss(old_base, layout(old_wide), true)?;
        self.probe_tss(base, new, nested)?;
        let old_at = self.table_address(self.sys.gdtr.base, u64::from(old_tr.selector & !7));
        self.probe_write_as(old_at, 8, crate::tlb::SUPERVISOR)?;
        self.probe_write_as(d.at, 8, crate::tlb::SUPERVISOR)?;
        let image = self.read_tss(base, wide)?;

        let mut flags = self.rflags() | extra_flags;
        if how == Switch::Return {
            flags &= !eflags::NT;
        }
        self.write_tss(old_base, old_wide, flags)?;
        if matches!(how, Switch::Jump | Switch::Return) {
            self.set_busy(old_at, false)?;
        }
        if nested {
            self.tss_write(base, 0, 2, u64::from(old_tr.selector))?;
        }
        if how != Switch::Return {
            self.set_busy(d.at, true)?;
        }

        // The new task from here on.
        let attr = d.attr() | kind::BUSY;
        self.sys.tr = Segment::new(selector, base, d.limit(), attr);
        self.sys.cr0 |= cr0::TS;
        self.sys.dr[7] &= !DR7_LOCAL;
        let nt = if nested { eflags::NT } else { 0 };
        if let Err(fault) = self.enter_task(&image, wide, nt, ext) {
            self.engine.fault = Some(fault);
        }
        self.engine.want = None;
        self.update_mode();
        Ok(())
    }

    /// Loads the new task's state; a fault is its own.
    fn enter_task(&mut self, image: &Image, wide: bool, nt: u64, ext: u16) -> Exec {
        self.rip = image.ip;
        let flags = image.flags & (self.model.flag_mask() | eflags::VM);
        // A 16-bit TSS holds the lower half of EFLAGS only; it cannot lead to virtual-8086 mode.
        self.set_rflags_raw((if wide { flags } else { flags & 0xFFFF }) | nt);
        self.gpr[..8].copy_from_slice(&image.gpr);
        // Until its descriptor is loaded, each segment is there by name only.
        let v86 = self.v86();
        let cpl = if v86 { 3 } else { rpl(image.seg[Seg::Cs as usize]) };
        // A fault before the stack is loaded must not use it: from the lowest privilege, its handler gets a stack of the
        // new task.
        self.cpl = 3;
        for (s, &selector) in self.seg.iter_mut().zip(&image.seg) {
            *s = if v86 { v86_segment(selector) } else { null_segment(selector, cpl) };
        }
        self.sys.ldtr = null_segment(image.ldt, 0);
        if image.trap {
            self.sys.pending_debug |= DR6_BT;
        }
        if wide && self.sys.cr0 & cr0::PG != 0 && self.sys.cr3 != image.cr3 {
            self.sys.cr3 = image.cr3;
            if self.sys.cr4 & cr4::PAE != 0 {
                self.load_pdptes(image.cr3)?;
            }
            self.tlb.flush_non_global();
        }
        self.update_mode();
        self.load_task_ldt(image.ldt, ext)?;
        if v86 {
            return self.check_task_ip(ext);
        }
        self.load_task_stack(image.seg[Seg::Ss as usize], cpl, ext)?;
        self.cpl = cpl;
        self.update_mode();
        self.load_task_code(image.seg[Seg::Cs as usize], ext)?;
        self.update_mode();
        for seg in [Seg::Ds, Seg::Es, Seg::Fs, Seg::Gs] {
            self.load_task_data(seg, image.seg[seg as usize], ext)?;
        }
        self.check_task_ip(ext)
    }

    fn check_task_ip(&self, ext: u16) -> Exec {
        if self.rip > u64::from(self.seg[Seg::Cs as usize].limit) { Err(Fault::gp(ext)) } else { Ok(()) }
    }

    fn load_task_ldt(&mut self, selector: u16, ext: u16) -> Exec {
        if is_null(selector) {
            return Ok(());
        }
        let bad = Fault::ts(code_of(selector) | ext);
        if selector & 4 != 0 {
            return Err(bad);
        }
        let d = self.find_descriptor(selector)?.ok_or(bad)?;
        if d.system() != Some(kind::LDT) || !d.present() {
            return Err(bad);
        }
        self.sys.ldtr = d.system_segment(selector);
        Ok(())
    }

    fn load_task_stack(&mut self, selector: u16, cpl: u8, ext: u16) -> Exec {
        let error = code_of(selector) | ext;
        if is_null(selector) {
            return Err(Fault::ts(error));
        }
        let d = self.find_descriptor(selector)?.ok_or(Fault::ts(error))?;
        if !d.writable_data() || d.dpl() != cpl || rpl(selector) != cpl {
            return Err(Fault::ts(error));
        }
        if !d.present() {
            return Err(Fault::ss(error));
        }
        self.set_accessed(&d)?;
        self.seg[Seg::Ss as usize] = d.segment(selector);
        Ok(())
    }

    fn load_task_code(&mut self, selector: u16, ext: u16) -> Exec {
        let error = code_of(selector) | ext;
        if is_null(selector) {
            return Err(Fault::ts(error));
        }
        let d = self.find_descriptor(selector)?.ok_or(Fault::ts(error))?;
        let dpl_ok = if d.conforming() { d.dpl() <= rpl(selector) } else { d.dpl() == rpl(selector) };
        if !d.is_code() || !dpl_ok {
            return Err(Fault::ts(error));
        }
        if !d.present() {
            return Err(Fault::np(error));
        }
        self.set_accessed(&d)?;
        self.seg[Seg::Cs as usize] = d.segment(selector);
        Ok(())
    }

    fn load_task_data(&mut self, seg: Seg, selector: u16, ext: u16) -> Exec {
        if is_null(selector) {
            return Ok(());
        }
        let error = code_of(selector) | ext;
        let d = self.find_descriptor(selector)?.ok_or(Fault::ts(error))?;
        let private = !d.conforming();
        if !d.readable() || private && (rpl(selector) > d.dpl() || self.cpl > d.dpl()) {
            return Err(Fault::ts(error));
        }
        if !d.present() {
            return Err(Fault::np(error));
        }
        self.set_accessed(&d)?;
        self.seg[seg as usize] = d.segment(selector);
        Ok(())
    }
}

/// The stack pointer of a task is one of its general registers.
const _: () = assert!(Gpr::Rsp as usize == 4);
