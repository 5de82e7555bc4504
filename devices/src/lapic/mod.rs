//! The local APIC of the processor: FEE00000h, or where IA32_APIC_BASE puts it.
//!
//! Source: Intel SDM volume 3, chapter 11 "Advanced programmable interrupt controller (APIC)": register map (table 11-1),
//! LVT (11.5.1), timer (11.5.4), ICR (11.6.1), destinations (11.6.2), priorities (11.8.3), acceptance and EOI (11.8.4,
//! 11.8.5), spurious vector (11.9). It is the xAPIC of a Pentium 4: version 14h, six LVT entries.
//!
//! Two of its registers belong to the core as well and are passed in: the task priority (CR8 is its upper half), and
//! the base address, which the board decodes. The board drives LINT0 with the 8259's INT output and asks
//! [`LocalApic::pending`], [`LocalApic::external`] and [`LocalApic::take_nmi`] after every change.
//!
//! Invariants: the timer's event is armed exactly while a count runs whose end would raise an interrupt; the count itself is
//! computed from the time. Messages are delivered at once, so delivery status always reads idle.
//!
//! Not modelled: x2APIC mode, TSC-deadline mode, SMI, INIT and start-up messages (there is one processor, and a start-up
//! message does nothing to one that runs), the thermal and performance entries (they hold what is written; nothing
//! triggers them), arbitration and remote read registers, focus checking.

mod timer;

use crate::ctx::Ctx;
use crate::ioapic::{Delivery, Message};
use serde::{Deserialize, Serialize};
use timer::Timer;

/// Bytes of the register page.
pub const SIZE: u64 = 0x1000;

/// Version register: six LVT entries, version 14h.
const VERSION: u32 = 0x0005_0014;
/// LVT: the entry is masked.
const MASKED: u32 = 1 << 16;
/// LVT of LINT0 and LINT1: level triggered.
const LEVEL: u32 = 1 << 15;
/// ICR: level assert; a de-assert does nothing here.
const ASSERT: u32 = 1 << 14;
/// ICR: logical destination.
const LOGICAL: u32 = 1 << 11;
/// Spurious vector register: the APIC accepts interrupts.
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// Error status: an illegal vector in a message sent, or received, and an access to a register that is not there.
const SEND_ILLEGAL_VECTOR: u32 = 1 << 5;
const RECEIVED_ILLEGAL_VECTOR: u32 = 1 << 6;
const ILLEGAL_REGISTER: u32 = 1 << 7;
/// Destination that means every processor.
const BROADCAST: u8 = 0xFF;
/// Flat model in the upper half of the destination format register.
const FLAT: u32 = 0xF;

/// The entries of the local vector table, by their place in the array.
mod entry {
    pub const TIMER: usize = 0;
    pub const LINT0: usize = 3;
    pub const LINT1: usize = 4;
    pub const ERROR: usize = 5;
}
/// LVT after reset: masked, but LINT0 is the 8259's from the start. The manual has it masked too and leaves it to the
/// firmware (11.4.7.1); firmware that is older than local APICs would get no interrupt.
const LVT_RESET: [u32; 6] = [MASKED, MASKED, MASKED, 0x700, MASKED, MASKED];
/// The bits of each entry that a write changes.
const LVT_WRITABLE: [u32; 6] = [0x300FF, 0x107FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF];

/// Register offsets.
mod reg {
    pub const ID: u32 = 0x020;
    pub const VERSION: u32 = 0x030;
    pub const TPR: u32 = 0x080;
    pub const APR: u32 = 0x090;
    pub const PPR: u32 = 0x0A0;
    pub const EOI: u32 = 0x0B0;
    pub const RRD: u32 = 0x0C0;
    pub const LDR: u32 = 0x0D0;
    pub const DFR: u32 = 0x0E0;
    pub const SVR: u32 = 0x0F0;
    pub const ISR: u32 = 0x100;
    pub const TMR: u32 = 0x180;
    pub const IRR: u32 = 0x200;
    pub const ESR: u32 = 0x280;
    pub const ICR_LOW: u32 = 0x300;
    pub const ICR_HIGH: u32 = 0x310;
    pub const LVT_TIMER: u32 = 0x320;
    pub const LVT_ERROR: u32 = 0x370;
    pub const INITIAL_COUNT: u32 = 0x380;
    pub const CURRENT_COUNT: u32 = 0x390;
    pub const DIVIDE: u32 = 0x3E0;
}

/// A bit per vector.
type Vectors = [u32; 8];

fn set(v: &mut Vectors, vector: u8, on: bool) {
    let bit = 1 << (vector & 31);
    let word = &mut v[usize::from(vector >> 5)];
    *word = if on { *word | bit } else { *word & !bit };
}

fn has(v: &Vectors, vector: u8) -> bool {
    v[usize::from(vector >> 5)] >> (vector & 31) & 1 != 0
}

fn highest(v: &Vectors) -> Option<u8> {
    let word = v.iter().rposition(|w| *w != 0)?;
    Some(word as u8 * 32 + (31 - v[word].leading_zeros()) as u8)
}

/// The local APIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalApic {
    id: u8,
    ldr: u8,
    dfr: u8,
    svr: u32,
    irr: Vectors,
    isr: Vectors,
    tmr: Vectors,
    /// Errors as the register shows them, and those since its last write.
    esr: u32,
    errors: u32,
    icr: u64,
    lvt: [u32; 6],
    timer: Timer,
    /// Levels of LINT0 and LINT1.
    lint: [bool; 2],
    nmi: bool,
}

impl Default for LocalApic {
    fn default() -> Self {
        Self {
            id: 0,
            ldr: 0,
            dfr: 0xFF,
            svr: 0xFF,
            irr: [0; 8],
            isr: [0; 8],
            tmr: [0; 8],
            esr: 0,
            errors: 0,
            icr: 0,
            lvt: LVT_RESET,
            timer: Timer::default(),
            lint: [false; 2],
            nmi: false,
        }
    }
}

impl LocalApic {
    /// Reset, and what switching it off and on by IA32_APIC_BASE leaves (11.4.7.1, 11.4.3).
    pub fn reset(&mut self, ctx: &mut Ctx) {
        *self = Self { lint: self.lint, ..Self::default() };
        self.timer.stop(ctx);
    }

    fn software_enabled(&self) -> bool {
        self.svr & SOFTWARE_ENABLE != 0
    }

    /// Processor priority (11.8.3.1).
    fn ppr(&self, tpr: u8) -> u8 {
        let in_service = highest(&self.isr).unwrap_or(0) & 0xF0;
        if tpr & 0xF0 >= in_service { tpr } else { in_service }
    }

    /// The vector that the processor would take now.
    pub fn pending(&self, tpr: u8) -> Option<u8> {
        highest(&self.irr).filter(|v| v & 0xF0 > self.ppr(tpr) & 0xF0)
    }

    /// LINT0 passes the 8259's interrupt on (virtual wire mode).
    pub fn external(&self) -> bool {
        let lint0 = self.lvt[entry::LINT0];
        self.lint[0] && lint0 & MASKED == 0 && Delivery::of(lint0) == Delivery::External
    }

    /// An NMI that is to be delivered.
    pub fn take_nmi(&mut self) -> bool {
        std::mem::take(&mut self.nmi)
    }

    /// Interrupt acknowledge: the pending vector goes into service. `None`: the 8259's, if [`LocalApic::external`], else
    /// [`LocalApic::spurious`].
    pub fn acknowledge(&mut self, tpr: u8) -> Option<u8> {
        let vector = self.pending(tpr)?;
        set(&mut self.irr, vector, false);
        set(&mut self.isr, vector, true);
        Some(vector)
    }

    /// The vector of an interrupt that went away before its acknowledge.
    pub fn spurious(&self) -> u8 {
        self.svr as u8
    }

    /// A message for this processor.
    fn accept(&mut self, delivery: Delivery, vector: u8, level: bool) {
        match delivery {
            Delivery::Nmi => self.nmi = true,
            Delivery::Fixed | Delivery::LowestPriority if !self.software_enabled() => {}
            Delivery::Fixed | Delivery::LowestPriority if vector < 16 => self.error(RECEIVED_ILLEGAL_VECTOR),
            Delivery::Fixed | Delivery::LowestPriority => {
                set(&mut self.irr, vector, true);
                set(&mut self.tmr, vector, level);
            }
            Delivery::Smi | Delivery::Init | Delivery::StartUp | Delivery::External => {}
        }
    }

    /// A message on the system bus: taken if its destination is this processor.
    pub fn receive(&mut self, message: &Message) {
        if self.is_destination(message.destination, message.logical) {
            self.accept(message.delivery, message.vector, message.level);
        }
    }

    /// Physical destinations 11.6.2.1, logical ones 11.6.2.2.
    fn is_destination(&self, destination: u8, logical: bool) -> bool {
        if destination == BROADCAST {
            return true;
        }
        if !logical {
            return destination == self.id;
        }
        if u32::from(self.dfr >> 4) == FLAT {
            destination & self.ldr != 0
        } else {
            destination >> 4 == self.ldr >> 4 && destination & self.ldr & 0x0F != 0
        }
    }

    /// Sends what the ICR says.
    fn send(&mut self) {
        let low = self.icr as u32;
        let delivery = Delivery::of(low);
        let vector = low as u8;
        if matches!(delivery, Delivery::Fixed | Delivery::LowestPriority) && vector < 16 {
            self.error(SEND_ILLEGAL_VECTOR);
            return;
        }
        let here = match low >> 18 & 3 {
            0 => self.is_destination((self.icr >> 56) as u8, low & LOGICAL != 0),
            1 | 2 => true,
            _ => false,
        };
        if here && (low & ASSERT != 0 || delivery != Delivery::Init) {
            self.accept(delivery, vector, false);
        }
    }

    fn error(&mut self, bit: u32) {
        let new = self.errors & bit == 0;
        self.errors |= bit;
        let lvt = self.lvt[entry::ERROR];
        // A bad vector in the error entry itself must not report itself for ever.
        if new && lvt & MASKED == 0 && (lvt as u8) >= 16 {
            self.accept(Delivery::Fixed, lvt as u8, false);
        }
    }

    /// Drives LINT0 or LINT1.
    pub fn set_lint(&mut self, pin: usize, high: bool) {
        let Some(line) = self.lint.get_mut(pin) else { return };
        let was_high = std::mem::replace(line, high);
        if !high {
            return;
        }
        let lvt = self.lvt[entry::LINT0 + pin];
        let delivery = Delivery::of(lvt);
        if lvt & MASKED != 0 || delivery == Delivery::External {
            return;
        }
        // Only a fixed interrupt can be level triggered, and only on LINT0 (11.5.1).
        let level = pin == 0 && lvt & LEVEL != 0 && delivery == Delivery::Fixed;
        let waits = level && !has(&self.irr, lvt as u8) && !has(&self.isr, lvt as u8);
        if !was_high && !level || waits {
            self.accept(delivery, lvt as u8, level);
        }
    }

    /// The end of the timer's count.
    pub fn event(&mut self, ctx: &mut Ctx) {
        let lvt = self.lvt[entry::TIMER];
        if self.timer.expire(ctx, lvt) {
            self.accept(Delivery::Fixed, lvt as u8, false);
        }
    }

    /// Reads 4 bytes at `offset`; only multiples of 16 are registers.
    pub fn read(&mut self, ctx: &Ctx, offset: u32, tpr: u8) -> u32 {
        let word = |v: &Vectors, base: u32| v[((offset - base) >> 4) as usize & 7];
        match offset {
            reg::ID => u32::from(self.id) << 24,
            reg::VERSION => VERSION,
            reg::TPR => u32::from(tpr),
            reg::PPR => u32::from(self.ppr(tpr)),
            reg::APR | reg::RRD | reg::EOI => 0,
            reg::LDR => u32::from(self.ldr) << 24,
            reg::DFR => u32::from(self.dfr) << 24 | 0x00FF_FFFF,
            reg::SVR => self.svr,
            reg::ISR..reg::TMR if offset & 15 == 0 => word(&self.isr, reg::ISR),
            reg::TMR..reg::IRR if offset & 15 == 0 => word(&self.tmr, reg::TMR),
            reg::IRR..reg::ESR if offset & 15 == 0 => word(&self.irr, reg::IRR),
            reg::ESR => self.esr,
            reg::ICR_LOW => self.icr as u32,
            reg::ICR_HIGH => (self.icr >> 32) as u32,
            reg::LVT_TIMER..=reg::LVT_ERROR if offset & 15 == 0 => self.lvt[lvt_index(offset)],
            reg::INITIAL_COUNT => self.timer.initial(),
            reg::CURRENT_COUNT => self.timer.current(ctx, self.lvt[entry::TIMER]),
            reg::DIVIDE => self.timer.divide_register(),
            _ if offset & 15 == 0 => {
                self.error(ILLEGAL_REGISTER);
                0
            }
            _ => 0,
        }
    }

    /// Writes 4 bytes at `offset`. Answers the vector of a level-triggered interrupt whose end is to be told to the I/O
    /// APIC.
    pub fn write(&mut self, ctx: &mut Ctx, offset: u32, value: u32, tpr: &mut u8) -> Option<u8> {
        match offset {
            reg::ID => self.id = (value >> 24) as u8,
            reg::TPR => *tpr = value as u8,
            reg::EOI => {
                let vector = highest(&self.isr)?;
                set(&mut self.isr, vector, false);
                return has(&self.tmr, vector).then_some(vector);
            }
            reg::LDR => self.ldr = (value >> 24) as u8,
            reg::DFR => self.dfr = (value >> 24) as u8 | 0x0F,
            reg::SVR => {
                self.svr = value & 0x3FF;
                if !self.software_enabled() {
                    for i in 0..self.lvt.len() {
                        self.write_lvt(ctx, i, self.lvt[i] | MASKED);
                    }
                }
            }
            reg::ESR => self.esr = std::mem::take(&mut self.errors),
            reg::ICR_LOW => {
                self.icr = self.icr & !0xFFFF_FFFF | u64::from(value & 0x000C_CFFF);
                self.send();
            }
            reg::ICR_HIGH => self.icr = self.icr & 0xFFFF_FFFF | u64::from(value & 0xFF00_0000) << 32,
            reg::LVT_TIMER..=reg::LVT_ERROR if offset & 15 == 0 => {
                let masked = if self.software_enabled() { 0 } else { MASKED };
                self.write_lvt(ctx, lvt_index(offset), value | masked);
            }
            reg::INITIAL_COUNT => self.timer.start(ctx, value, self.lvt[entry::TIMER]),
            reg::DIVIDE => self.timer.set_divide(ctx, value, self.lvt[entry::TIMER]),
            _ if offset & 15 == 0 && !read_only(offset) => self.error(ILLEGAL_REGISTER),
            _ => {}
        }
        None
    }

    fn write_lvt(&mut self, ctx: &mut Ctx, i: usize, value: u32) {
        let old = self.lvt[i];
        self.lvt[i] = value & LVT_WRITABLE[i];
        if i == entry::TIMER {
            self.timer.configure(ctx, old, self.lvt[i]);
        }
        if matches!(i, entry::LINT0 | entry::LINT1) {
            // A level that is already there counts as soon as the entry is unmasked.
            let pin = i - entry::LINT0;
            self.set_lint(pin, self.lint[pin]);
        }
    }
}

fn lvt_index(offset: u32) -> usize {
    ((offset - reg::LVT_TIMER) >> 4) as usize
}

fn read_only(offset: u32) -> bool {
    matches!(offset, reg::VERSION | reg::APR | reg::PPR | reg::RRD | reg::ISR..reg::ESR | reg::CURRENT_COUNT)
}

#[cfg(test)]
mod tests;
