//! The time registers: their formats, the increment of an update cycle, and the calendar date of a base time.

/// Register numbers of the clock.
pub(super) const SECONDS: u8 = 0x00;
pub(super) const SECONDS_ALARM: u8 = 0x01;
pub(super) const MINUTES: u8 = 0x02;
pub(super) const MINUTES_ALARM: u8 = 0x03;
pub(super) const HOURS: u8 = 0x04;
pub(super) const HOURS_ALARM: u8 = 0x05;
pub(super) const WEEKDAY: u8 = 0x06;
pub(super) const DAY: u8 = 0x07;
pub(super) const MONTH: u8 = 0x08;
pub(super) const YEAR: u8 = 0x09;
/// The century, kept where PC firmware looks for it.
pub(super) const CENTURY: u8 = 0x32;

/// PM in the 12-hour format.
const PM: u8 = 0x80;

/// Seconds, minutes, hours (0-23), weekday (1 = Sunday), day, month, year of the century, century.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) seconds: u8,
    pub(super) minutes: u8,
    pub(super) hours: u8,
    pub(super) weekday: u8,
    pub(super) day: u8,
    pub(super) month: u8,
    pub(super) year: u8,
    pub(super) century: u8,
}

/// Which format register B has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) binary: bool,
    pub(super) hours24: bool,
}

impl Format {
    pub(super) fn encode(self, value: u8) -> u8 {
        if self.binary { value } else { ((value / 10) << 4) | (value % 10) }
    }

    pub(super) fn decode(self, value: u8) -> u8 {
        if self.binary { value } else { (value >> 4).wrapping_mul(10).wrapping_add(value & 15) }
    }

    pub(super) fn encode_hours(self, hours: u8) -> u8 {
        if self.hours24 {
            return self.encode(hours);
        }
        let twelve = if hours.is_multiple_of(12) { 12 } else { hours % 12 };
        self.encode(twelve) | if hours >= 12 { PM } else { 0 }
    }

    pub(super) fn decode_hours(self, value: u8) -> u8 {
        if self.hours24 {
            return self.decode(value);
        }
        self.decode(value & !PM) % 12 + if value & PM != 0 { 12 } else { 0 }
    }
}

impl Date {
    /// The UTC date of `unix` seconds since 1970-01-01; years outside 0-9999 wrap.
    pub(super) fn from_unix(unix: i64) -> Self {
        let days = unix.div_euclid(86_400);
        let time = unix.rem_euclid(86_400);
        // Days counted from 0000-03-01, so that the leap day ends a year.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = (year_of_era + era.rem_euclid(25) * 400 + i64::from(month <= 2)) % 10_000;
        Self {
            seconds: (time % 60) as u8,
            minutes: (time / 60 % 60) as u8,
            hours: (time / 3600) as u8,
            weekday: ((days + 4).rem_euclid(7) + 1) as u8,
            day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8,
            month: month as u8,
            year: (year % 100) as u8,
            century: (year / 100) as u8,
        }
    }

    /// One second more, as the chip counts: every fourth year is a leap year.
    pub(super) fn increment(&mut self) {
        let carry = |field: &mut u8, last: u8, first: u8| {
            let wraps = *field >= last;
            *field = if wraps { first } else { *field + 1 };
            wraps
        };
        let leap = self.year.is_multiple_of(4);
        let month_days = match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let new_day =
            carry(&mut self.seconds, 59, 0) && carry(&mut self.minutes, 59, 0) && carry(&mut self.hours, 23, 0);
        if !new_day {
            return;
        }
        carry(&mut self.weekday, 7, 1);
        if carry(&mut self.day, month_days, 1) && carry(&mut self.month, 12, 1) && carry(&mut self.year, 99, 0) {
            carry(&mut self.century, 99, 0);
        }
    }
}
