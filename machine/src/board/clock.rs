//! Virtual time: ticks are retired instructions plus idle ticks; a tick is 1/rate of a second, exactly.
//!
//! Idle ticks stand for the time that the processor spends halted. Conversions round so that an event whose deadline is
//! `ns` is due at the first tick whose time is at least `ns`.

use rewind86_devices::ctx::{NS_PER_SEC, ns_of_tick};
use serde::{Deserialize, Serialize};

/// The rate and the idle time so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    rate: u64,
    idle: u64,
}

impl Clock {
    /// A clock of `rate` instructions per virtual second.
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), idle: 0 }
    }

    /// The ns of a tick when they are a whole number, as at the usual rates: then no conversion divides 128 bits, which
    /// costs more than a port access does besides.
    #[inline]
    fn whole_ns(&self) -> Option<u64> {
        let ns = NS_PER_SEC / self.rate;
        (ns * self.rate == NS_PER_SEC).then_some(ns)
    }

    /// Virtual ns at instruction count `icount`, rounded down.
    #[inline]
    pub fn now(&self, icount: u64) -> u64 {
        let ticks = icount.saturating_add(self.idle);
        if let Some(ns) = self.whole_ns() {
            return ticks.saturating_mul(ns);
        }
        u64::try_from(u128::from(ticks) * u128::from(NS_PER_SEC) / u128::from(self.rate)).unwrap_or(u64::MAX)
    }

    /// Ticks since power-on at instruction count `icount`.
    #[inline]
    pub fn ticks(&self, icount: u64) -> u64 {
        icount.saturating_add(self.idle)
    }

    /// The instruction count at `tick` if the processor does not halt before.
    pub fn icount_at_tick(&self, tick: u64) -> u64 {
        if tick == u64::MAX { tick } else { tick.saturating_sub(self.idle) }
    }

    /// The first tick whose time is at least `ns`.
    pub fn tick_of(&self, ns: u64) -> u64 {
        if ns == u64::MAX {
            return u64::MAX;
        }
        if let Some(tick) = self.whole_ns() {
            return ns.div_ceil(tick);
        }
        u64::try_from((u128::from(ns) * u128::from(self.rate)).div_ceil(u128::from(NS_PER_SEC))).unwrap_or(u64::MAX)
    }

    /// The instruction count at which virtual time reaches `ns` if the processor does not halt before.
    pub fn icount_of(&self, ns: u64) -> u64 {
        match self.tick_of(ns) {
            u64::MAX => u64::MAX,
            tick => tick.saturating_sub(self.idle),
        }
    }

    /// Lets time pass up to `ns` with the processor halted at `icount`; returns the ticks skipped.
    pub fn skip_to(&mut self, icount: u64, ns: u64) -> u64 {
        self.skip_to_tick(icount, self.tick_of(ns))
    }

    /// As [`Clock::skip_to`], to a tick.
    pub fn skip_to_tick(&mut self, icount: u64, tick: u64) -> u64 {
        let ticks = tick.saturating_sub(icount.saturating_add(self.idle));
        self.idle = self.idle.saturating_add(ticks);
        ticks
    }

    /// Duration of one tick in ns, rounded up.
    pub fn tick_ns(&self) -> u64 {
        ns_of_tick(1, self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_due_at_the_first_tick_at_or_after_it() {
        for rate in [1, 3, 1_193_182, 199_999_999, 200_000_000, 1_000_000_000, 3_000_000_000] {
            let clock = Clock::new(rate);
            for ns in [0, 1, 4, 5, 6, 999_999_999, 1_000_000_000, 123_456_789_012] {
                let at = clock.icount_of(ns);
                assert!(clock.now(at) >= ns, "{rate} {ns}");
                assert!(at == 0 || clock.now(at - 1) < ns, "{rate} {ns}");
            }
        }
        assert_eq!(Clock::new(5).icount_of(u64::MAX), u64::MAX);
    }

    #[test]
    fn idle_time_counts_and_does_not_depend_on_slices() {
        let mut one = Clock::new(200_000_000);
        let mut many = one.clone();
        assert_eq!(one.skip_to(100, 10_003), 1901);
        for ns in (500..10_003).step_by(77).chain([10_003]) {
            many.skip_to(100, ns);
        }
        assert_eq!(one, many);
        assert_eq!(one.now(100), 10_005);
        assert_eq!(one.skip_to(100, 3), 0);
        assert_eq!(one.icount_of(10_010), 101);
    }
}
