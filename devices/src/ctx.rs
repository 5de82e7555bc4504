//! What a device may touch while it handles an access or an event: virtual time, its timers, its interrupt lines,
//! and, in an event, memory through DMA. Nothing here leads to host time, randomness or threads.

use crate::sched::Scheduler;
use serde::{Deserialize, Serialize};

/// Virtual time units per second: all device times are virtual nanoseconds since power-on.
pub const NS_PER_SEC: u64 = 1_000_000_000;

/// Ticks of a clock of `hz` that have passed at `now` (virtual ns), rounded down.
pub fn ticks_at(now: u64, hz: u64) -> u64 {
    // Split at the second: port reads call this, and a 128-bit division costs more than the rest of the access.
    let (seconds, ns) = (now / NS_PER_SEC, now % NS_PER_SEC);
    match ns.checked_mul(hz) {
        Some(product) => seconds.wrapping_mul(hz).wrapping_add(product / NS_PER_SEC),
        None => (u128::from(now) * u128::from(hz) / u128::from(NS_PER_SEC)) as u64,
    }
}

/// The first virtual ns at which `ticks_at` is at least `ticks`.
pub fn ns_of_tick(ticks: u64, hz: u64) -> u64 {
    let (seconds, rest) = (ticks / hz, ticks % hz);
    match (seconds.checked_mul(NS_PER_SEC), rest.checked_mul(NS_PER_SEC)) {
        (Some(whole), Some(part)) => whole.wrapping_add(part.div_ceil(hz)),
        _ => (u128::from(ticks) * u128::from(NS_PER_SEC)).div_ceil(u128::from(hz)) as u64,
    }
}

/// Interrupt request lines: 0-15 are the ISA lines IRQ0-IRQ15, 16-19 PCI INTA#-INTD#.
///
/// Devices set levels; the interrupt controller consumes levels and the rising edges since it last looked, so that a
/// pulse inside one access is not lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IrqLines {
    level: u32,
    rose: u32,
}

impl IrqLines {
    /// First of the four PCI lines.
    pub const PCI_INTA: u8 = 16;

    /// Drives `line` high or low. A low-to-high change is remembered as an edge.
    pub fn set(&mut self, line: u8, high: bool) {
        let bit = 1u32 << (line & 31);
        if high {
            self.rose |= bit & !self.level;
            self.level |= bit;
        } else {
            self.level &= !bit;
        }
    }

    /// A pulse: high, then low; leaves an edge and a low level.
    pub fn pulse(&mut self, line: u8) {
        self.set(line, false);
        self.set(line, true);
        self.set(line, false);
    }

    /// Current levels, bit per line.
    pub fn levels(&self) -> u32 {
        self.level
    }

    /// Lines that rose since the last call, bit per line.
    pub fn take_edges(&mut self) -> u32 {
        std::mem::take(&mut self.rose)
    }

    /// Whether something rose that nobody has taken yet.
    pub fn has_edges(&self) -> bool {
        self.rose != 0
    }
}

/// The context of a register access or an event.
pub struct Ctx<'a> {
    /// Virtual time in ns since power-on.
    pub now: u64,
    /// The timers.
    pub sched: &'a mut Scheduler,
    /// The interrupt lines.
    pub irq: &'a mut IrqLines,
}

/// Guest memory as bus masters and the DMA controller see it. Only events get one, never a register access: a
/// transfer is always a scheduled event.
pub trait DmaMemory {
    /// Reads `buf.len()` bytes at physical address `addr`; unmapped bytes read FFh.
    fn read(&mut self, addr: u64, buf: &mut [u8]);
    /// Writes `buf` at physical address `addr`; writes to ROM or unmapped space are lost. Decoded code is invalidated.
    fn write(&mut self, addr: u64, buf: &[u8]);
}

/// Test memory: a flat byte vector, FFh beyond its end.
impl DmaMemory for Vec<u8> {
    fn read(&mut self, addr: u64, buf: &mut [u8]) {
        for (i, b) in buf.iter_mut().enumerate() {
            *b = self.get(addr as usize + i).copied().unwrap_or(0xFF);
        }
    }

    fn write(&mut self, addr: u64, buf: &[u8]) {
        for (i, b) in buf.iter().enumerate() {
            if let Some(cell) = self.get_mut(addr as usize + i) {
                *cell = *b;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulses_leave_an_edge() {
        let mut l = IrqLines::default();
        l.pulse(0);
        assert_eq!(l.levels(), 0);
        assert_eq!(l.take_edges(), 1);
        assert_eq!(l.take_edges(), 0);
        l.set(3, true);
        l.set(3, true);
        assert_eq!((l.levels(), l.take_edges()), (8, 8));
    }

    #[test]
    fn ticks_are_exact() {
        for now in [0, 1, 999_999_999, 1_000_000_000, 123_456_789_012_345, u64::MAX] {
            for hz in [1, 32_768, 1_193_182, 200_000_000, u64::MAX] {
                let exact = (u128::from(now) * u128::from(hz) / u128::from(NS_PER_SEC)) as u64;
                assert_eq!(ticks_at(now, hz), exact, "{now} {hz}");
            }
        }
    }

    #[test]
    fn tick_conversions_are_inverse() {
        for t in [0, 1, 2, 1_193_182, 987_654_321_987] {
            let ns = ns_of_tick(t, 1_193_182);
            assert_eq!(ticks_at(ns, 1_193_182), t);
            assert!(t == 0 || ticks_at(ns - 1, 1_193_182) == t - 1);
        }
    }
}
