//! Holds virtual time against host time: how long to sleep, never what to do. Also the speed that is shown.

use std::time::{Duration, Instant};

use crate::cli::values::Speed;

/// A machine that is later than this does not catch up: it goes on from here.
const MAX_LAG: Duration = Duration::from_millis(100);
/// How often the shown speed is computed.
const MEASURE: Duration = Duration::from_millis(500);

/// Compares the two clocks.
#[derive(Debug)]
pub struct Pacer {
    speed: Speed,
    /// The pair of moments that count as the same.
    host: Instant,
    virtual_ns: u64,
}

impl Pacer {
    /// Both clocks start here.
    pub fn new(speed: Speed, host: Instant, virtual_ns: u64) -> Self {
        Self { speed, host, virtual_ns }
    }

    /// How far the machine is ahead of where it should be; `None` when it may go on at once.
    pub fn ahead(&mut self, host: Instant, virtual_ns: u64) -> Option<Duration> {
        let Speed::Percent(percent) = self.speed else { return None };
        let passed = u128::from(virtual_ns.saturating_sub(self.virtual_ns)) * 100 / u128::from(percent.max(1));
        let wanted = Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX));
        let actual = host.saturating_duration_since(self.host);
        if actual > wanted + MAX_LAG {
            self.restart(host, virtual_ns);
        }
        wanted.checked_sub(actual).filter(|d| !d.is_zero())
    }

    /// Both clocks start here, after a pause.
    pub fn restart(&mut self, host: Instant, virtual_ns: u64) {
        (self.host, self.virtual_ns) = (host, virtual_ns);
    }
}

/// How fast the machine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Million instructions per host second.
    pub mips: f64,
    /// Virtual time in percent of host time.
    pub percent: f64,
}

/// Measures the speed over the last half second.
#[derive(Debug)]
pub struct Meter {
    host: Instant,
    icount: u64,
    virtual_ns: u64,
}

impl Meter {
    /// Starts to measure.
    pub fn new(host: Instant, icount: u64, virtual_ns: u64) -> Self {
        Self { host, icount, virtual_ns }
    }

    /// A new rate, twice a second.
    pub fn rate(&mut self, host: Instant, icount: u64, virtual_ns: u64) -> Option<Rate> {
        let passed = host.saturating_duration_since(self.host);
        if passed < MEASURE {
            return None;
        }
        let seconds = passed.as_secs_f64();
        let rate = Rate {
            mips: icount.saturating_sub(self.icount) as f64 / seconds / 1e6,
            percent: virtual_ns.saturating_sub(self.virtual_ns) as f64 / seconds / 1e7,
        };
        *self = Self::new(host, icount, virtual_ns);
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn real_time_waits_for_the_difference() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Speed::Percent(100), start, 0);
        assert_eq!(pacer.ahead(start + Duration::from_millis(4), 10 * MS), Some(Duration::from_millis(6)));
        assert_eq!(pacer.ahead(start + Duration::from_millis(12), 10 * MS), None);
    }

    #[test]
    fn half_speed_and_max() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Speed::Percent(50), start, 0);
        assert_eq!(pacer.ahead(start, 10 * MS), Some(Duration::from_millis(20)));
        assert_eq!(Pacer::new(Speed::Max, start, 0).ahead(start, 10 * MS), None);
    }

    #[test]
    fn a_late_machine_does_not_run_faster_afterwards() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Speed::Percent(100), start, 0);
        let late = start + Duration::from_secs(5);
        assert_eq!(pacer.ahead(late, 10 * MS), None);
        assert_eq!(pacer.ahead(late, 30 * MS), Some(Duration::from_millis(20)));
    }

    #[test]
    fn rates() {
        let start = Instant::now();
        let mut meter = Meter::new(start, 0, 0);
        assert_eq!(meter.rate(start + Duration::from_millis(100), 1, 1), None);
        let rate = meter.rate(start + Duration::from_secs(2), 400_000_000, 1_000 * MS).unwrap();
        assert_eq!(rate, Rate { mips: 200.0, percent: 50.0 });
    }
}
