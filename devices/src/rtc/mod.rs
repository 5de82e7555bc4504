//! The real-time clock and its CMOS memory: an MC146818A at ports 70-71h, a second bank of 128 bytes at 72-73h.
//!
//! Source: Motorola MC146818A data sheet (registers A-D, update cycle, alarm, periodic interrupt); 82371SB (PIIX3)
//! data sheet for the extended bank and the NMI mask in bit 7 of port 70h. Interrupts are IRQ8.
//!
//! Invariants: the time registers change only in the update cycle (`EventId::RtcUpdate`, once a virtual second) and by
//! the guest; the divider chain is computed from [`Ctx::now`] and never drifts. `EventId::RtcPeriodic` is armed only
//! while the periodic interrupt is enabled and not yet pending. The century at 32h counts along, as firmware expects.
//!
//! Not modelled: daylight saving (the bit is kept, as in the PIIX3), the square-wave pin, and oscillators other than
//! the PC's 32.768 kHz: with another divider setting than 010b the clock stands still.

mod calendar;

use crate::ctx::{Ctx, NS_PER_SEC, ns_of_tick, ticks_at};
use crate::sched::EventId;
use calendar::*;
use serde::{Deserialize, Serialize};

/// Index port; bit 7 masks NMI.
pub const PORT_INDEX: u16 = 0x70;
/// Data port.
pub const PORT_DATA: u16 = 0x71;
/// Index port of the extended bank.
pub const PORT_EXT_INDEX: u16 = 0x72;
/// Data port of the extended bank.
pub const PORT_EXT_DATA: u16 = 0x73;

/// Bytes in each bank.
const BANK: usize = 128;
const IRQ: u8 = 8;
const CRYSTAL_HZ: u64 = 32_768;

const REG_A: u8 = 0x0A;
const REG_B: u8 = 0x0B;
const REG_C: u8 = 0x0C;
const REG_D: u8 = 0x0D;
/// Register A: update in progress.
const A_UIP: u8 = 0x80;
/// Register A: divider chain control.
const A_DV: u8 = 0x70;
/// Divider setting for 32.768 kHz.
const DV_32KHZ: u8 = 0x20;
/// Register A: rate of the periodic interrupt.
const A_RS: u8 = 0x0F;
/// Register B: updates inhibited, the time is being set.
const B_SET: u8 = 0x80;
/// Register B: periodic interrupt enable.
const B_PIE: u8 = 0x40;
/// Register B: alarm interrupt enable.
const B_AIE: u8 = 0x20;
/// Register B: update-ended interrupt enable.
const B_UIE: u8 = 0x10;
/// Register B: square wave enable.
const B_SQWE: u8 = 0x08;
/// Register B: binary instead of BCD.
const B_DM: u8 = 0x04;
/// Register B: 24-hour format.
const B_24: u8 = 0x02;
/// Register C: one of the enabled flags is set.
const C_IRQF: u8 = 0x80;
/// Register C: periodic flag.
const C_PF: u8 = 0x40;
/// Register C: alarm flag.
const C_AF: u8 = 0x20;
/// Register C: update-ended flag.
const C_UF: u8 = 0x10;
/// Register D: the battery is good.
const D_VRT: u8 = 0x80;

/// An alarm byte with both these bits set matches everything.
const ALARM_ANY: u8 = 0xC0;
/// UIP rises 244 us before an update cycle of 1984 us, at whose end the registers are new.
const UIP_NS: u64 = (244 + 1984) * 1000;
/// From the release of the divider chain to the first update.
const FIRST_UPDATE_NS: u64 = NS_PER_SEC / 2;
/// First and last byte of the area that the standard checksum (2Eh high, 2Fh low) covers.
const CHECKED: std::ops::RangeInclusive<u8> = 0x10..=0x2D;
const CHECKSUM_HIGH: u8 = 0x2E;

/// The clock and its memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rtc {
    /// The first bank; registers A to D are kept apart.
    ram: Vec<u8>,
    extended: Vec<u8>,
    index: u8,
    ext_index: u8,
    nmi_masked: bool,
    a: u8,
    b: u8,
    c: u8,
    /// When the divider chain started: the phase of the periodic interrupt.
    chain_start: u64,
    /// Some moment of an update; all others are whole seconds away.
    update_phase: u64,
    /// Periods of the periodic interrupt that PF has accounted for.
    periods_seen: u64,
}

impl Rtc {
    /// A running clock (BCD, 24 hours, UTC) that shows `unix` seconds since 1970 at time 0; empty CMOS memory.
    pub fn new(unix: i64) -> Self {
        let mut rtc = Self {
            ram: vec![0; BANK],
            extended: vec![0; BANK],
            index: 0,
            ext_index: 0,
            nmi_masked: false,
            a: DV_32KHZ | 6,
            b: B_24,
            c: 0,
            chain_start: 0,
            update_phase: NS_PER_SEC,
            periods_seen: 0,
        };
        rtc.store_date(Date::from_unix(unix));
        rtc
    }

    /// Arms the timers of a new clock; call once after `new`.
    pub fn start(&mut self, ctx: &mut Ctx) {
        self.settle(ctx);
    }

    /// Hardware reset: interrupts off. Time and memory are on the battery and stay.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        self.b &= !(B_PIE | B_AIE | B_UIE | B_SQWE);
        self.c = 0;
        self.nmi_masked = false;
        self.settle(ctx);
    }

    /// Whether bit 7 of port 70h keeps NMI from the CPU.
    pub fn nmi_masked(&self) -> bool {
        self.nmi_masked
    }

    /// A byte of the first bank's memory as the board or the firmware's setup sees it.
    pub fn cmos(&self, index: u8) -> u8 {
        self.ram.get(usize::from(index & 0x7F)).copied().unwrap_or(0)
    }

    /// Sets a byte of the first bank's memory; registers A to D are not memory.
    pub fn set_cmos(&mut self, index: u8, value: u8) {
        if let Some(cell) = self.ram.get_mut(usize::from(index & 0x7F)) {
            *cell = value;
        }
    }

    /// Makes the standard checksum right after the board has changed bytes 10h-2Dh.
    pub fn update_checksum(&mut self) {
        let [high, low] = CHECKED.map(|i| u16::from(self.cmos(i))).sum::<u16>().to_be_bytes();
        self.set_cmos(CHECKSUM_HIGH, high);
        self.set_cmos(CHECKSUM_HIGH + 1, low);
    }

    /// Reads port 70-73h. The index ports are write-only but for the extended one.
    pub fn read(&mut self, ctx: &mut Ctx, port: u16) -> u8 {
        match port {
            PORT_DATA => self.read_register(ctx),
            PORT_EXT_INDEX => self.ext_index,
            PORT_EXT_DATA => self.extended.get(usize::from(self.ext_index & 0x7F)).copied().unwrap_or(0xFF),
            _ => 0xFF,
        }
    }

    /// Writes port 70-73h.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        match port {
            PORT_INDEX => {
                self.index = value & 0x7F;
                self.nmi_masked = value & 0x80 != 0;
            }
            PORT_DATA => self.write_register(ctx, value),
            PORT_EXT_INDEX => self.ext_index = value & 0x7F,
            PORT_EXT_DATA => {
                if let Some(cell) = self.extended.get_mut(usize::from(self.ext_index & 0x7F)) {
                    *cell = value;
                }
            }
            _ => {}
        }
    }

    fn read_register(&mut self, ctx: &mut Ctx) -> u8 {
        match self.index {
            REG_A => self.a | if self.updating(ctx.now) { A_UIP } else { 0 },
            REG_B => self.b,
            REG_C => {
                self.account_periods(ctx.now);
                let flags = self.c | if self.irq() { C_IRQF } else { 0 };
                self.c = 0;
                self.settle(ctx);
                flags
            }
            REG_D => D_VRT,
            index => self.cmos(index),
        }
    }

    fn write_register(&mut self, ctx: &mut Ctx, value: u8) {
        match self.index {
            REG_A => self.write_a(ctx.now, value),
            REG_B => {
                self.account_periods(ctx.now);
                // Setting the time also takes back the update-ended interrupt.
                self.b = if value & B_SET != 0 { value & !B_UIE } else { value };
            }
            REG_C | REG_D => return,
            index => return self.set_cmos(index, value),
        }
        self.settle(ctx);
    }

    fn write_a(&mut self, now: u64, value: u8) {
        self.account_periods(now);
        let was_running = self.running();
        self.a = value & !A_UIP;
        if self.running() && !was_running {
            self.chain_start = now;
            self.update_phase = now.saturating_add(FIRST_UPDATE_NS);
        }
        self.periods_seen = self.periods(now);
    }

    fn running(&self) -> bool {
        self.a & A_DV == DV_32KHZ
    }

    fn format(&self) -> Format {
        Format { binary: self.b & B_DM != 0, hours24: self.b & B_24 != 0 }
    }

    fn irq(&self) -> bool {
        self.b & self.c & (C_PF | C_AF | C_UF) != 0
    }

    /// The end of the next update cycle after `now`.
    fn next_update(&self, now: u64) -> u64 {
        match now.checked_sub(self.update_phase) {
            None => self.update_phase,
            Some(since) => now.saturating_add(NS_PER_SEC - since % NS_PER_SEC),
        }
    }

    fn updating(&self, now: u64) -> bool {
        self.running() && self.b & B_SET == 0 && self.next_update(now).saturating_sub(now) <= UIP_NS
    }

    /// Crystal cycles in a period of the periodic interrupt, if there is one.
    fn period(&self) -> Option<u64> {
        match self.a & A_RS {
            0 => None,
            rate @ (1 | 2) => Some(1 << (rate + 6)), // these two repeat 256 and 128 Hz
            rate => Some(1 << (rate - 1)),
        }
    }

    fn periods(&self, now: u64) -> u64 {
        match self.period() {
            Some(period) if self.running() => ticks_at(now.saturating_sub(self.chain_start), CRYSTAL_HZ) / period,
            _ => 0,
        }
    }

    /// Sets PF for the periods that have ended.
    fn account_periods(&mut self, now: u64) {
        let periods = self.periods(now);
        if periods > self.periods_seen {
            self.c |= C_PF;
        }
        self.periods_seen = periods;
    }

    /// `RtcPeriodic` or `RtcUpdate` is due.
    pub fn event(&mut self, ctx: &mut Ctx, id: EventId) {
        match id {
            EventId::RtcPeriodic => self.account_periods(ctx.now),
            EventId::RtcUpdate if self.b & B_SET == 0 && self.running() => self.update(),
            _ => {}
        }
        self.settle(ctx);
    }

    /// The update cycle: one second more, then the alarm comparison.
    fn update(&mut self) {
        let mut date = self.load_date();
        date.increment();
        self.store_date(date);
        self.c |= C_UF;
        let matches = [(SECONDS, SECONDS_ALARM), (MINUTES, MINUTES_ALARM), (HOURS, HOURS_ALARM)]
            .iter()
            .all(|&(time, alarm)| self.cmos(alarm) & ALARM_ANY == ALARM_ANY || self.cmos(alarm) == self.cmos(time));
        if matches {
            self.c |= C_AF;
        }
    }

    fn load_date(&self) -> Date {
        let format = self.format();
        let field = |index| format.decode(self.cmos(index));
        Date {
            seconds: field(SECONDS),
            minutes: field(MINUTES),
            hours: format.decode_hours(self.cmos(HOURS)),
            weekday: field(WEEKDAY),
            day: field(DAY),
            month: field(MONTH),
            year: field(YEAR),
            // Firmware keeps the century in BCD whatever the data mode is.
            century: Format { binary: false, hours24: true }.decode(self.cmos(CENTURY)),
        }
    }

    fn store_date(&mut self, date: Date) {
        let format = self.format();
        let fields = [
            (SECONDS, date.seconds),
            (MINUTES, date.minutes),
            (WEEKDAY, date.weekday),
            (DAY, date.day),
            (MONTH, date.month),
            (YEAR, date.year),
        ];
        for (index, value) in fields {
            self.set_cmos(index, format.encode(value));
        }
        self.set_cmos(HOURS, format.encode_hours(date.hours));
        self.set_cmos(CENTURY, Format { binary: false, hours24: true }.encode(date.century));
    }

    /// IRQ8 and the timers, after any change.
    fn settle(&mut self, ctx: &mut Ctx) {
        ctx.irq.set(IRQ, self.irq());
        if self.running() {
            ctx.sched.set(EventId::RtcUpdate, self.next_update(ctx.now));
        } else {
            ctx.sched.cancel(EventId::RtcUpdate);
        }
        match self.period() {
            Some(period) if self.running() && self.b & B_PIE != 0 && self.c & C_PF == 0 => {
                let cycles = self.periods_seen.saturating_add(1).saturating_mul(period);
                let at = self.chain_start.saturating_add(ns_of_tick(cycles, CRYSTAL_HZ));
                ctx.sched.set(EventId::RtcPeriodic, at);
            }
            _ => ctx.sched.cancel(EventId::RtcPeriodic),
        }
    }
}

#[cfg(test)]
mod tests;
