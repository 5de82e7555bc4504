//! The APICs on the board: where their registers are, what drives them, and what they make of the INTR line.
//!
//! Intel SDM volume 3, 11.1 (figure 11-2) and MultiProcessor Specification 1.4, 3.6.2: while the local APIC is off, or not
//! there, the 8259's INT output is the processor's INTR; while it is on, that output is its LINT0, and the firmware
//! makes the one look like the other (virtual wire mode). The I/O APIC sees the same lines as the 8259.
//!
//! The register pages answer before device memory does; RAM that a guest moves the local APIC onto stays RAM.

use super::{Board, ctx};
use rewind86_cpu::bus::{ApicRegs, Lines};
use rewind86_devices::ctx::Ctx;
use rewind86_devices::{ioapic, lapic};

/// The 8259's INT output is on this local interrupt pin.
const LINT_8259: usize = 0;

/// A register of one of the APICs, by its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Local(u32),
    Io(u32),
}

/// What answers at a physical address.
pub(super) fn decode(regs: &ApicRegs, addr: u64) -> Option<Place> {
    // The I/O APIC is there with processors that it can send to.
    if regs.base == 0 {
        return None;
    }
    let within = |base: u64, size: u64| addr.checked_sub(base).filter(|n| *n < size).map(|n| n as u32);
    within(regs.address(), lapic::SIZE)
        .filter(|_| regs.enabled())
        .map(Place::Local)
        .or_else(|| within(ioapic::ADDRESS, ioapic::SIZE).map(Place::Io))
}

impl Board {
    pub(super) fn read_apic(&mut self, lines: &mut Lines, icount: u64, place: Place) -> u32 {
        let now = self.now(icount);
        match place {
            Place::Io(offset) => self.ioapic.read(offset),
            Place::Local(offset) => {
                let value = self.lapic.read(&ctx!(self, now), offset, lines.apic.tpr);
                self.settle(lines);
                value
            }
        }
    }

    /// Registers are written 32 bits at a time; other writes are lost.
    pub(super) fn write_apic(&mut self, lines: &mut Lines, icount: u64, place: Place, size: u8, value: u32) {
        if size != 4 {
            return;
        }
        let now = self.now(icount);
        let lapic = &mut self.lapic;
        match place {
            Place::Io(offset) => self.ioapic.write(offset, value, |message| lapic.receive(&message)),
            Place::Local(offset) => {
                let ended = lapic.write(&mut ctx!(self, now), offset, value, &mut lines.apic.tpr);
                if let Some(vector) = ended {
                    self.ioapic.end_of_interrupt(vector, |message| lapic.receive(&message));
                }
            }
        }
        self.settle(lines);
    }

    /// Brings the interrupt controllers up to date with the lines.
    pub(super) fn sync_interrupts(&mut self) {
        let levels = self.irq.levels() as u16 | self.pci.isa_irqs(self.irq.levels());
        let rose = self.irq.take_edges() as u16;
        self.pic.sync(levels, rose);
        let lapic = &mut self.lapic;
        self.ioapic.sync(levels, rose, |message| lapic.receive(&message));
    }

    /// INTR and NMI as the controllers drive them.
    pub(super) fn drive_interrupt_lines(&mut self, lines: &mut Lines) {
        let int = self.pic.int_output();
        if !lines.apic.enabled() {
            lines.intr = int;
            return;
        }
        self.lapic.set_lint(LINT_8259, int);
        lines.intr = self.lapic.pending(lines.apic.tpr).is_some() || self.lapic.external();
        lines.nmi |= self.lapic.take_nmi();
    }

    /// The vector for an interrupt acknowledge cycle.
    pub(super) fn acknowledge_interrupt(&mut self, lines: &Lines) -> u8 {
        if !lines.apic.enabled() {
            return self.pic.ack();
        }
        match self.lapic.acknowledge(lines.apic.tpr) {
            Some(vector) => vector,
            None if self.lapic.external() => self.pic.ack(),
            None => self.lapic.spurious(),
        }
    }

    /// The processor wrote CR8 or IA32_APIC_BASE: an APIC that is switched off forgets what it was told.
    pub(super) fn apic_base_written(&mut self, lines: &Lines, icount: u64) {
        if !lines.apic.enabled() {
            let now = self.now(icount);
            self.lapic.reset(&mut ctx!(self, now));
        }
    }
}
