//! The timer of the local APIC: counts a divided bus clock down to zero, once or again and again (SDM volume 3, 11.5.4).
//!
//! The bus clock is [`BUS_HZ`]. The count is computed from the moment at which it began; the event is armed only while its
//! end would raise an interrupt, so that a masked timer costs nothing.

use super::MASKED;
use crate::ctx::{Ctx, NS_PER_SEC};
use crate::sched::EventId;
use serde::{Deserialize, Serialize};

/// The bus clock: slower than any rate of instructions that is of use, as a processor's bus is slower than the processor.
pub const BUS_HZ: u64 = 100_000_000;
const BUS_NS: u64 = NS_PER_SEC / BUS_HZ;
/// LVT: the count begins anew at its end.
const PERIODIC: u32 = 1 << 17;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timer {
    initial: u32,
    divide: u8,
    /// Bus clocks since power-on at which the count stood at its initial value.
    began: u64,
    running: bool,
}

fn periodic(lvt: u32) -> bool {
    lvt & PERIODIC != 0
}

impl Timer {
    pub fn initial(&self) -> u32 {
        self.initial
    }

    pub fn divide_register(&self) -> u32 {
        u32::from(self.divide)
    }

    /// Bus clocks of one count, as bits 3, 1 and 0 of the divide configuration register say.
    fn clocks(&self) -> u64 {
        match self.divide & 3 | (self.divide & 8) >> 1 {
            7 => 1,
            n => 2 << n,
        }
    }

    fn period(&self) -> u64 {
        u64::from(self.initial) * self.clocks()
    }

    /// Counts left at `now`.
    pub fn current(&self, ctx: &Ctx, lvt: u32) -> u32 {
        self.left(ctx.now / BUS_NS, periodic(lvt))
    }

    fn left(&self, clock: u64, periodic: bool) -> u32 {
        if !self.running || self.initial == 0 {
            return 0;
        }
        let counts = clock.saturating_sub(self.began) / self.clocks();
        let initial = u64::from(self.initial);
        let counts = if periodic { counts % initial } else { counts.min(initial) };
        (initial - counts) as u32
    }

    pub fn stop(&mut self, ctx: &mut Ctx) {
        self.running = false;
        ctx.sched.cancel(EventId::LapicTimer);
    }

    /// A write to the initial count register begins a count; 0 stops it.
    pub fn start(&mut self, ctx: &mut Ctx, initial: u32, lvt: u32) {
        self.initial = initial;
        self.began = ctx.now / BUS_NS;
        self.running = initial != 0;
        self.arm(ctx, lvt);
    }

    /// A write to the divide configuration register: the counts that are left are kept.
    pub fn set_divide(&mut self, ctx: &mut Ctx, value: u32, lvt: u32) {
        let clock = ctx.now / BUS_NS;
        let done = u64::from(self.initial - self.left(clock, periodic(lvt)).min(self.initial));
        let ended = self.running && done == u64::from(self.initial);
        self.divide = value as u8 & 0x0B;
        self.began = clock.saturating_sub(done * self.clocks());
        self.running &= !ended;
        self.arm(ctx, lvt);
    }

    /// The LVT entry changed.
    pub fn configure(&mut self, ctx: &mut Ctx, old: u32, lvt: u32) {
        let clock = ctx.now / BUS_NS;
        if self.running && self.initial != 0 {
            let elapsed = clock.saturating_sub(self.began);
            if periodic(old) {
                // The periods that have passed are over, whether or not anyone was told.
                self.began += elapsed / self.period() * self.period();
            } else if elapsed >= self.period() {
                self.running = false;
            }
        }
        self.arm(ctx, lvt);
    }

    fn arm(&mut self, ctx: &mut Ctx, lvt: u32) {
        if self.running && lvt & MASKED == 0 {
            ctx.sched.set(EventId::LapicTimer, self.began.saturating_add(self.period()).saturating_mul(BUS_NS));
        } else {
            ctx.sched.cancel(EventId::LapicTimer);
        }
    }

    /// The event: whether an interrupt is due.
    pub fn expire(&mut self, ctx: &mut Ctx, lvt: u32) -> bool {
        if !self.running || self.initial == 0 {
            return false;
        }
        if periodic(lvt) {
            let elapsed = (ctx.now / BUS_NS).saturating_sub(self.began);
            self.began = self.began.saturating_add((elapsed / self.period()).max(1) * self.period());
        } else {
            self.running = false;
        }
        self.arm(ctx, lvt);
        lvt & MASKED == 0
    }
}
