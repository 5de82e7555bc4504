//! The interval timer: an 8254 at ports 40-43h, clocked with 1.193182 MHz.
//!
//! Source: Intel 8254 data sheet (231164), "Operational Description" and "Mode Definitions". Counter 0 drives IRQ0,
//! counter 1 the DRAM refresh request, counter 2 (gated by port 61h) the speaker.
//!
//! Invariants: all state is a function of the accesses and of [`Ctx::now`]; a tick is an exact rational of a second,
//! so that periods never drift. `EventId::PitChannel0` is armed for the next change of counter 0's output while that
//! output changes by itself, and IRQ0 always has its level.
//!
//! Not modelled: the undefined counts 1 in mode 2 (OUT stays low) and mode 3 (OUT stays high) as real parts differ.

mod counter;

use crate::ctx::{Ctx, ns_of_tick, ticks_at};
use crate::sched::EventId;
use counter::Counter;
pub use counter::Mode;
use serde::{Deserialize, Serialize};

/// Input clock of the three counters in Hz.
pub const PIT_HZ: u64 = 1_193_182;
/// Counter ports 40-42h, control word at 43h.
pub const PORT_BASE: u16 = 0x40;

/// Counter number (bits 7-6 of the control word) that means read-back.
const READ_BACK: u8 = 3;
/// Read-back: clear to latch counts.
const READ_BACK_NO_COUNT: u8 = 0x20;
/// Read-back: clear to latch statuses.
const READ_BACK_NO_STATUS: u8 = 0x10;
/// Interrupt line of counter 0.
const IRQ: u8 = 0;

/// The timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pit {
    counters: [Counter; 3],
}

impl Default for Pit {
    fn default() -> Self {
        Self::new()
    }
}

impl Pit {
    /// Counters as after power-on: unprogrammed; GATE of 0 and 1 is tied high, that of 2 low.
    pub fn new() -> Self {
        Self { counters: [Counter::new(true), Counter::new(true), Counter::new(false)] }
    }

    /// The PC's reset line does not reach the 8254, but what firmware finds there is unspecified: as after power-on.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        *self = Self::new();
        self.update_irq(ctx);
    }

    /// Reads port 40-43h.
    pub fn read(&mut self, ctx: &mut Ctx, port: u16) -> u8 {
        let tick = ticks_at(ctx.now, PIT_HZ);
        match self.counters.get_mut(usize::from(port & 3)) {
            Some(counter) => counter.read(tick),
            None => 0xFF,
        }
    }

    /// Writes port 40-43h.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        let tick = ticks_at(ctx.now, PIT_HZ);
        let programmed = match self.counters.get_mut(usize::from(port & 3)) {
            Some(counter) => {
                counter.write(tick, value);
                Some(port as u8 & 3)
            }
            None => self.control(tick, value),
        };
        // Delay loops latch and read counters all the time: what leaves counter 0 alone leaves its interrupt alone.
        if programmed == Some(0) {
            self.update_irq(ctx);
        }
    }

    /// A control word; the counter whose mode it sets.
    fn control(&mut self, tick: u64, word: u8) -> Option<u8> {
        let select = word >> 6;
        if select == READ_BACK {
            for (i, counter) in self.counters.iter_mut().enumerate() {
                if word & (2 << i) == 0 {
                    continue;
                }
                if word & READ_BACK_NO_COUNT == 0 {
                    counter.latch_count(tick);
                }
                if word & READ_BACK_NO_STATUS == 0 {
                    counter.latch_status(tick);
                }
            }
        } else if let Some(counter) = self.counters.get_mut(usize::from(select)) {
            if word & 0x30 == 0 {
                counter.latch_count(tick);
            } else {
                counter.control(tick, word);
                return Some(select);
            }
        }
        None
    }

    /// `EventId::PitChannel0` is due.
    pub fn event(&mut self, ctx: &mut Ctx) {
        self.update_irq(ctx);
    }

    /// IRQ0 follows counter 0; arms its next change.
    fn update_irq(&mut self, ctx: &mut Ctx) {
        let tick = ticks_at(ctx.now, PIT_HZ);
        let [counter, ..] = &mut self.counters;
        ctx.irq.set(IRQ, counter.out(tick));
        match counter.next_change(tick) {
            Some(at) => ctx.sched.set(EventId::PitChannel0, ns_of_tick(at, PIT_HZ)),
            None => ctx.sched.cancel(EventId::PitChannel0),
        }
    }

    /// Drives counter 2's GATE (port 61h bit 0).
    pub fn set_gate2(&mut self, ctx: &Ctx, high: bool) {
        let [.., counter] = &mut self.counters;
        counter.set_gate(ticks_at(ctx.now, PIT_HZ), high);
    }

    /// Level of counter 2's GATE.
    pub fn gate2(&self) -> bool {
        let [.., counter] = &self.counters;
        counter.gate()
    }

    /// Output pin of counter 2 at `now` (virtual ns): port 61h bit 5 and the speaker.
    pub fn out2(&mut self, now: u64) -> bool {
        let [.., counter] = &mut self.counters;
        counter.out(ticks_at(now, PIT_HZ))
    }

    /// The square wave of counter 2 as its period in clock ticks, if it is making one (mode 3 or 2, counting).
    pub fn tone(&self) -> Option<u32> {
        let [.., counter] = &self.counters;
        let periodic = matches!(counter.mode(), Mode::SquareWave | Mode::RateGenerator);
        (periodic && counter.counting()).then(|| counter.initial_count())
    }
}

#[cfg(test)]
mod tests;
