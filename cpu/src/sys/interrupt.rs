//! Delivery of interrupts and exceptions.
//!
//! Intel SDM volume 3, chapter 6 (6.12 protected mode, 6.14 64-bit mode, 6.15 double fault), section 20.1.4 (real
//! mode), 20.3 (virtual-8086 mode), and the INT n pseudo-code of volume 2. Everything is checked before a register
//! changes; memory below the stack pointer and accessed bits may be written by a delivery that then faults, as on the
//! processor.
//!
//! `rip` is the address to push. Faults of the delivery itself carry EXT = 1 unless a software interrupt caused it.

use super::descriptor::{Descriptor, code_of, is_null, kind, rpl};
use super::segment::{null_segment, v86_segment};
use super::stack::{Stack, Width};
use super::task::Switch;
use crate::fault::{Exec, Fault};
use crate::mmu::canonical;
use crate::probe::Cause;
use crate::regs::{Gpr, Seg, Segment};
use crate::state::{Cpu, eflags};

/// Error code bit: the index is that of an IDT gate.
const IDT: u16 = 2;
/// Error code bit: an event outside the program.
const EXT: u16 = 1;

const DB: u8 = 1;
const DF: u8 = 8;
const PF: u8 = 14;

/// An interrupt or exception to deliver.
#[derive(Clone, Copy)]
struct Event {
    vector: u8,
    error: Option<u16>,
    cause: Cause,
    /// RF in the pushed flags: the instruction will run again.
    resume: bool,
}

impl Event {
    fn exception(fault: Fault) -> Self {
        // What fetches and table reads leave: no stack is involved.
        let fault = if fault == Fault::NON_CANONICAL { Fault::GP0 } else { fault };
        Self { vector: fault.vector, error: fault.error, cause: Cause::Exception, resume: fault.vector != DB }
    }

    fn ext(&self) -> u16 {
        if self.cause == Cause::Software { 0 } else { EXT }
    }

    /// Error code that names this event's gate.
    fn gate_error(&self) -> u16 {
        u16::from(self.vector) << 3 | IDT | self.ext()
    }
}

/// Classes of SDM table 6-4.
#[derive(PartialEq, Eq)]
enum Class {
    Benign,
    Contributory,
    PageFault,
}

fn class(vector: u8) -> Class {
    match vector {
        0 | 10..=13 => Class::Contributory,
        PF => Class::PageFault,
        _ => Class::Benign,
    }
}

/// What follows when delivering `first` raises `second` (SDM table 6-5).
fn combine(first: &Event, second: Fault) -> Fault {
    if first.cause != Cause::Exception {
        return second;
    }
    let (a, b) = (class(first.vector), class(second.vector));
    let double = match a {
        Class::Benign => false,
        Class::Contributory => b == Class::Contributory,
        Class::PageFault => b != Class::Benign,
    };
    if double { Fault::DF } else { second }
}

impl Cpu {
    /// Delivers an exception; `false` is a triple fault.
    pub(crate) fn deliver_fault(&mut self, mut fault: Fault) -> bool {
        self.count_delivery();
        if fault == Fault::SS0 && self.model.is_286() && self.real() {
            // One vector for every segment overrun in real-address mode.
            fault = Fault::GP0;
        }
        if fault.vector == DB {
            self.enter_debug_handler();
        }
        self.deliver(Event::exception(fault))
    }

    /// Delivers an interrupt from outside; `false` is a triple fault.
    pub(crate) fn deliver_external(&mut self, vector: u8) -> bool {
        self.deliver(Event { vector, error: None, cause: Cause::External, resume: false })
    }

    /// Delivers the debug traps that the last instruction left; `false` is a triple fault.
    pub(crate) fn deliver_debug(&mut self) -> bool {
        let conditions = std::mem::take(&mut self.sys.pending_debug);
        self.report_debug(conditions);
        self.enter_debug_handler();
        self.deliver(Event { vector: DB, error: None, cause: Cause::Exception, resume: false })
    }

    /// INT n, INT3, INTO in every mode but the redirected ones.
    pub(super) fn software_interrupt(&mut self, vector: u8) -> Exec {
        self.interrupt(Event { vector, error: None, cause: Cause::Software, resume: false })
    }

    /// INT1: an interrupt that no DPL guards. A data breakpoint that a load of SS before it held back comes with it.
    pub(super) fn debug_interrupt(&mut self) -> Exec {
        self.interrupt(Event { vector: DB, error: None, cause: Cause::External, resume: false })?;
        if self.sys.pending_debug != 0 {
            let conditions = std::mem::take(&mut self.sys.pending_debug);
            self.report_debug(conditions);
        }
        Ok(())
    }

    fn deliver(&mut self, first: Event) -> bool {
        self.engine.last_rip = self.rip;
        let mut event = first;
        if event.cause == Cause::Exception && event.vector == PF {
            self.sys.cr2 = self.fault_address;
        }
        loop {
            // A fault after a task switch committed waits in the engine.
            let nested = match self.interrupt(event) {
                Ok(()) => match self.engine.fault.take() {
                    None => {
                        self.engine.probes.note_delivery(self.icount);
                        return true;
                    }
                    Some(fault) => fault,
                },
                Err(Fault::NON_CANONICAL) => Fault::gp(event.ext()),
                Err(fault) => fault,
            };
            // A page fault shows its address even when it ends as a double fault.
            if nested.vector == PF {
                self.sys.cr2 = self.fault_address;
            }
            if event.cause == Cause::Exception && event.vector == DF {
                return false;
            }
            event = Event::exception(combine(&event, nested));
        }
    }

    fn interrupt(&mut self, event: Event) -> Exec {
        let (cs, cr3) = (self.seg[Seg::Cs as usize].selector, self.sys.cr3);
        if self.interrupt_flat(event.vector, event.error, event.cause, self.resume_flag(&event)) {
            // Done.
        } else if self.real() {
            self.interrupt_real(event)?;
        } else if self.long_mode() {
            self.interrupt_long(event)?;
        } else {
            self.interrupt_protected(event)?;
        }
        if self.engine.probes.active {
            self.probe_interrupt(event.vector, event.cause, event.error, cs, cr3);
        }
        self.sys.halted = false;
        self.sys.repeating = false;
        // The block that comes next is not where the last branch went.
        self.engine.want = None;
        self.update_mode();
        Ok(())
    }

    /// Through the vector table of real-address mode.
    fn interrupt_real(&mut self, event: Event) -> Exec {
        let entry = u64::from(event.vector) * 4;
        if entry + 3 > u64::from(self.sys.idtr.limit) {
            return Err(Fault::gp(event.gate_error()));
        }
        let at = self.sys.idtr.base;
        let offset = self.read_sys::<u16>(self.table_address(at, entry))?;
        let selector = self.read_sys::<u16>(self.table_address(at, entry + 2))?;
        self.enter_vector(offset, selector, self.rflags())?;
        self.eflags &= !(eflags::IF | eflags::TF | eflags::AC | eflags::RF);
        Ok(())
    }

    /// Pushes FLAGS, CS and IP as 16-bit values and goes to `selector:offset` in real or virtual-8086 mode.
    pub(super) fn enter_vector(&mut self, offset: u16, selector: u16, flags: u64) -> Exec {
        let mut stack = Stack::current(self);
        let cs = self.seg[Seg::Cs as usize].selector;
        stack.push(self, Width::W16, flags)?;
        stack.push(self, Width::W16, u64::from(cs))?;
        stack.push(self, Width::W16, self.rip)?;
        stack.commit(self);
        self.load_segment_real(Seg::Cs, selector);
        self.rip = u64::from(offset);
        Ok(())
    }

    /// The gate of an event, type, DPL and presence checked.
    fn gate(&mut self, event: &Event, kinds: &[u16]) -> Exec<Descriptor> {
        let size = if self.long_mode() { 16 } else { 8 };
        let entry = u64::from(event.vector) * size;
        let error = event.gate_error();
        if entry + size - 1 > u64::from(self.sys.idtr.limit) {
            return Err(Fault::gp(error));
        }
        let at = self.table_address(self.sys.idtr.base, entry);
        let raw = self.read_sys::<u64>(at)?;
        let upper = if size == 16 { self.read_sys::<u64>(self.table_address(at, 8))? & 0xFFFF_FFFF } else { 0 };
        let gate = Descriptor { raw, upper, at };
        let known = gate.system().is_some_and(|k| kinds.contains(&k));
        if !known || event.cause == Cause::Software && gate.dpl() < self.cpl {
            return Err(Fault::gp(error));
        }
        if !gate.present() {
            return Err(Fault::np(error));
        }
        Ok(gate)
    }

    /// The code segment that a gate leads to.
    fn gate_target(&mut self, selector: u16, ext: u16) -> Exec<Descriptor> {
        if is_null(selector) {
            return Err(Fault::gp(ext));
        }
        let error = code_of(selector) | ext;
        let d = self.find_descriptor(selector)?.ok_or(Fault::gp(error))?;
        if !d.is_code() || d.dpl() > self.cpl {
            return Err(Fault::gp(error));
        }
        if self.long_mode() && (!d.long() || d.big()) {
            return Err(Fault::gp(error));
        }
        if !d.present() {
            return Err(Fault::np(error));
        }
        Ok(d)
    }

    fn pushed_flags(&self, event: &Event) -> u64 {
        self.rflags() | self.resume_flag(event)
    }

    /// RF in the flags that an event saves (SDM volume 3, 17.3.1.1).
    fn resume_flag(&self, event: &Event) -> u64 {
        if event.resume || self.sys.repeating { eflags::RF } else { 0 }
    }

    /// What every gate clears in EFLAGS.
    fn enter_gate_flags(&mut self, gate: &Descriptor) {
        let interrupt = matches!(gate.system(), Some(kind::INT16 | kind::INT32));
        let iflag = if interrupt { eflags::IF } else { 0 };
        self.eflags &= !(eflags::TF | eflags::NT | eflags::RF | eflags::VM | iflag);
    }

    /// Through the IDT of 32-bit protected mode and virtual-8086 mode.
    fn interrupt_protected(&mut self, event: Event) -> Exec {
        const KINDS: [u16; 5] = [kind::TASK, kind::INT16, kind::TRAP16, kind::INT32, kind::TRAP32];
        let gate = self.gate(&event, &KINDS)?;
        let ext = event.ext();
        if gate.system() == Some(kind::TASK) {
            return self.interrupt_task(event, gate.gate_selector());
        }
        let selector = gate.gate_selector();
        let code = self.gate_target(selector, ext)?;
        let width = if gate.attr() & kind::WIDE != 0 { Width::W32 } else { Width::W16 };
        let inner = !code.conforming() && code.dpl() < self.cpl;
        if self.v86() && !(inner && code.dpl() == 0) {
            return Err(Fault::gp(code_of(selector) | ext));
        }
        let cpl = if inner { code.dpl() } else { self.cpl };
        let flags = self.pushed_flags(&event);
        let cs = self.seg[Seg::Cs as usize].selector;
        let (mut stack, ss) = if inner {
            let (ss, sp) = self.tss_stack(cpl, ext)?;
            let seg = self.inner_stack(ss, cpl, ext)?;
            (Stack::new(seg, sp, cpl, code_of(ss) | ext), Some(seg))
        } else {
            (Stack::current(self).with_error(ext), None)
        };
        // Room for everything before the first store.
        let slots = 3 + u64::from(event.error.is_some()) + if inner { 2 } else { 0 } + if self.v86() { 4 } else { 0 };
        stack.room(self, width, slots)?;
        if gate.gate_offset() > u64::from(code.limit()) {
            return Err(Fault::gp(ext));
        }
        self.set_accessed(&code)?;
        if self.v86() {
            for seg in [Seg::Gs, Seg::Fs, Seg::Ds, Seg::Es] {
                stack.push(self, width, u64::from(self.seg[seg as usize].selector))?;
            }
        }
        if inner {
            stack.push(self, width, u64::from(self.seg[Seg::Ss as usize].selector))?;
            stack.push(self, width, self.gpr[Gpr::Rsp as usize])?;
        }
        stack.push(self, width, flags)?;
        stack.push(self, width, u64::from(cs))?;
        stack.push(self, width, self.rip)?;
        if let Some(error) = event.error {
            stack.push(self, width, u64::from(error))?;
        }
        if self.v86() {
            for seg in [Seg::Gs, Seg::Fs, Seg::Ds, Seg::Es] {
                self.seg[seg as usize] = null_segment(0, 0);
            }
        }
        if let Some(ss) = ss {
            self.seg[Seg::Ss as usize] = ss;
        }
        stack.commit(self);
        self.seg[Seg::Cs as usize] = code.segment(code_of(selector) | u16::from(cpl));
        self.cpl = cpl;
        self.rip = gate.gate_offset();
        self.enter_gate_flags(&gate);
        Ok(())
    }

    /// Through a task gate.
    fn interrupt_task(&mut self, event: Event, selector: u16) -> Exec {
        let ext = event.ext();
        let d = self.available_tss(selector, ext)?;
        let resume = self.resume_flag(&event);
        self.task_switch(selector, &d, Switch::Interrupt { ext, saved_flags: resume })?;
        if self.engine.fault.is_some() {
            return Ok(());
        }
        let Some(error) = event.error else { return Ok(()) };
        let width = if d.attr() & kind::WIDE != 0 { Width::W32 } else { Width::W16 };
        let mut stack = Stack::current(self).with_error(ext);
        match stack.push(self, width, u64::from(error)) {
            Ok(()) => stack.commit(self),
            // The switch is done: the fault is the new task's.
            Err(fault) => self.engine.fault = Some(fault),
        }
        Ok(())
    }

    /// SS and ESP of privilege `level` in the current 16- or 32-bit TSS.
    pub(super) fn tss_stack(&mut self, level: u8, ext: u16) -> Exec<(u16, u64)> {
        let tr = self.sys.tr;
        let wide = tr.attr & kind::WIDE != 0;
        let (at, last) = if wide { (4 + 8 * u64::from(level), 7) } else { (2 + 4 * u64::from(level), 3) };
        if at + last > u64::from(tr.limit) {
            return Err(Fault::ts(code_of(tr.selector) | ext));
        }
        let lin = self.table_address(tr.base, at);
        if wide {
            let sp = self.read_sys::<u32>(lin)?;
            let ss = self.read_sys::<u16>(self.table_address(lin, 4))?;
            Ok((ss, u64::from(sp)))
        } else {
            let sp = self.read_sys::<u16>(lin)?;
            let ss = self.read_sys::<u16>(self.table_address(lin, 2))?;
            Ok((ss, u64::from(sp)))
        }
    }

    /// The stack segment for a more privileged level, checked.
    pub(super) fn inner_stack(&mut self, selector: u16, cpl: u8, ext: u16) -> Exec<Segment> {
        if is_null(selector) {
            return Err(Fault::ts(ext));
        }
        let error = code_of(selector) | ext;
        let d = self.find_descriptor(selector)?.ok_or(Fault::ts(error))?;
        if rpl(selector) != cpl || d.dpl() != cpl || !d.writable_data() {
            return Err(Fault::ts(error));
        }
        if !d.present() {
            return Err(Fault::ss(error));
        }
        self.set_accessed(&d)?;
        Ok(d.segment(selector))
    }

    /// RSP at `offset` in the 64-bit TSS.
    pub(super) fn tss_rsp(&mut self, offset: u64, ext: u16) -> Exec<u64> {
        let tr = self.sys.tr;
        if offset + 7 > u64::from(tr.limit) {
            return Err(Fault::ts(code_of(tr.selector) | ext));
        }
        let sp = self.read_sys::<u64>(self.table_address(tr.base, offset))?;
        if canonical(sp) { Ok(sp) } else { Err(Fault::ss(ext)) }
    }

    /// Through the IDT of IA-32e mode, from 64-bit and compatibility code alike.
    fn interrupt_long(&mut self, event: Event) -> Exec {
        let gate = self.gate(&event, &[kind::INT32, kind::TRAP32])?;
        let ext = event.ext();
        let selector = gate.gate_selector();
        let code = self.gate_target(selector, ext)?;
        let inner = !code.conforming() && code.dpl() < self.cpl;
        let cpl = if inner { code.dpl() } else { self.cpl };
        let ist = gate.gate_ist();
        let sp = if ist != 0 {
            self.tss_rsp(0x1C + 8 * ist, ext)?
        } else if inner {
            self.tss_rsp(4 + 8 * u64::from(cpl), ext)?
        } else {
            self.gpr[Gpr::Rsp as usize]
        };
        if !canonical(gate.gate_offset()) {
            return Err(Fault::gp(ext));
        }
        let flags = self.pushed_flags(&event);
        let mut stack = Stack::long(sp & !15, cpl, ext);
        stack.room(self, Width::W64, 5 + u64::from(event.error.is_some()))?;
        self.set_accessed(&code)?;
        stack.push(self, Width::W64, u64::from(self.seg[Seg::Ss as usize].selector))?;
        stack.push(self, Width::W64, self.gpr[Gpr::Rsp as usize])?;
        stack.push(self, Width::W64, flags)?;
        stack.push(self, Width::W64, u64::from(self.seg[Seg::Cs as usize].selector))?;
        stack.push(self, Width::W64, self.rip)?;
        if let Some(error) = event.error {
            stack.push(self, Width::W64, u64::from(error))?;
        }
        if inner {
            self.seg[Seg::Ss as usize] = null_segment(u16::from(cpl), cpl);
        }
        stack.commit(self);
        self.seg[Seg::Cs as usize] = code.segment(code_of(selector) | u16::from(cpl));
        self.cpl = cpl;
        self.rip = gate.gate_offset();
        self.enter_gate_flags(&gate);
        Ok(())
    }

    /// INT n in virtual-8086 mode with CR4.VME, when the redirection bitmap sends it to the 8086 program.
    pub(super) fn interrupt_redirected(&mut self, vector: u8) -> Exec {
        let entry = u64::from(vector) * 4;
        let offset = self.read_sys::<u16>(entry)?;
        let selector = self.read_sys::<u16>(entry + 2)?;
        let mut flags = self.rflags();
        let direct = self.iopl() == 3;
        if !direct {
            // The program sees its virtual interrupt flag.
            flags |= eflags::IOPL;
            let vif = flags & eflags::VIF != 0;
            flags = if vif { flags | eflags::IF } else { flags & !eflags::IF };
        }
        self.enter_vector(offset, selector, flags)?;
        self.seg[Seg::Cs as usize] = v86_segment(selector);
        self.eflags &= !(eflags::TF | eflags::RF | if direct { eflags::IF } else { eflags::VIF });
        self.engine.want = None;
        self.update_mode();
        Ok(())
    }
}
