//! The values that options take: sizes, numbers, times, speeds, boot orders. Each parser answers with the value or
//! with the part of an error line that says what would have been right.

use std::time::Duration;

use rewind86_machine::config::{BootDevice, RtcTime};

/// A whole number: decimal or `0x` hexadecimal, `_` between digits allowed.
pub fn number(text: &str) -> Result<u64, String> {
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    match parsed {
        Ok(value) if !text.starts_with(['+', '_']) => Ok(value),
        _ => Err("expected a whole number such as 1000000 or 0x1000".into()),
    }
}

/// A number of at least one.
pub fn positive(text: &str) -> Result<u64, String> {
    match number(text)? {
        0 => Err("must be at least 1".into()),
        value => Ok(value),
    }
}

/// Ops of a decoded block.
pub fn block_ops(text: &str) -> Result<usize, String> {
    match number(text) {
        Ok(value @ 1..=64) => Ok(value as usize),
        _ => Err("expected a number from 1 to 64".into()),
    }
}

/// Instructions per virtual second: what a PC may have had, with room on both sides.
pub fn rate(text: &str) -> Result<u64, String> {
    match number(text) {
        Ok(value @ 1_000..=100_000_000_000) => Ok(value),
        _ => Err("expected a number from 1000 to 100000000000".into()),
    }
}

/// A size; `unit` multiplies a number without a suffix.
fn size(text: &str, unit: u64) -> Result<u64, String> {
    let wrong = || "expected a size such as 640K, 16M or 2G".to_string();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, suffix) = text.split_at(split);
    let factor = match suffix.to_ascii_lowercase().as_str() {
        "" => unit,
        "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    number(digits).map_err(|_| wrong())?.checked_mul(factor).ok_or_else(|| "too large".to_string())
}

/// A size in bytes; a bare number counts bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    size(text, 1)
}

/// An amount of RAM; a bare number counts MiB.
pub fn memory(text: &str) -> Result<u64, String> {
    const STEP: u64 = 64 << 10;
    const LEAST: u64 = 1 << 20;
    let value = size(text, 1 << 20)?;
    if value < LEAST {
        return Err("a PC needs at least 1M".into());
    }
    if !value.is_multiple_of(STEP) {
        return Err("must be a multiple of 64K".into());
    }
    Ok(value)
}

/// A span of time in seconds, with or without a fraction.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "expected seconds such as 60 or 0.5".to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 9 || text.ends_with('.') {
        return Err(wrong());
    }
    // A century is for ever, and keeps the sums of nanoseconds within 64 bits.
    let seconds: u64 = whole.parse().ok().filter(|&s| s < 3_200_000_000).ok_or_else(wrong)?;
    let nanos: u32 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    Ok(Duration::new(seconds, nanos))
}

/// How virtual time is held against host time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as the host can.
    Max,
    /// This many percent of real time at most.
    Percent(u32),
}

/// `real`, `max` or a percentage.
pub fn speed(text: &str) -> Result<Speed, String> {
    match text {
        "max" => Ok(Speed::Max),
        "real" => Ok(Speed::Percent(100)),
        _ => match text.strip_suffix('%').unwrap_or(text).parse() {
            Ok(percent @ 1..=100_000) => Ok(Speed::Percent(percent)),
            _ => Err("expected real, max or a percentage from 1 to 100000".into()),
        },
    }
}

/// A boot order; a type of its own because clap gives a `Vec` another meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootOrder(pub Vec<BootDevice>);

/// `floppy`, `disk`, `cdrom`, `net`, or a list of them.
pub fn boot_order(text: &str) -> Result<BootOrder, String> {
    let mut order = Vec::new();
    for name in text.split(',') {
        let device = match name {
            "floppy" => BootDevice::Floppy,
            "disk" => BootDevice::Disk,
            "cdrom" => BootDevice::Cdrom,
            "net" => BootDevice::Net,
            _ => return Err("expected floppy, disk, cdrom or net, or a list such as cdrom,disk".into()),
        };
        if order.contains(&device) {
            return Err(format!("{name} is listed twice"));
        }
        order.push(device);
    }
    Ok(BootOrder(order))
}

/// What the RTC shows at power-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rtc {
    /// A moment, in UTC.
    At(RtcTime),
    /// The host's clock, in UTC, read once when the machine is built.
    Now,
}

/// `2026-01-01T00:00:00`, `2026-01-01` or `now`.
pub fn rtc(text: &str) -> Result<Rtc, String> {
    if text == "now" {
        return Ok(Rtc::Now);
    }
    parse_time(text).map(Rtc::At).ok_or_else(|| "expected a time such as 2026-01-01T00:00:00, or now".to_string())
}

fn parse_time(text: &str) -> Option<RtcTime> {
    let field = |s: &str, len: usize| -> Option<u16> {
        (s.len() == len && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok()).flatten()
    };
    let small = |s: &str| field(s, 2).and_then(|v| u8::try_from(v).ok());
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.split('-');
    let mut time = time.strip_suffix('Z').unwrap_or(time).split(':');
    let at = RtcTime {
        year: field(date.next()?, 4)?,
        month: small(date.next()?)?,
        day: small(date.next()?)?,
        hour: small(time.next()?)?,
        minute: small(time.next()?)?,
        second: small(time.next().unwrap_or("00"))?,
    };
    let valid = date.next().is_none()
        && time.next().is_none()
        && (1980..=2099).contains(&at.year)
        && (1..=12).contains(&at.month)
        && (1..=days_in(at.year, at.month)).contains(&at.day)
        && at.hour < 24
        && at.minute < 60
        && at.second < 60;
    valid.then_some(at)
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The moment that is `seconds` after 1970-01-01T00:00:00 UTC.
pub fn rtc_from_unix(seconds: u64) -> RtcTime {
    let mut days = seconds / 86_400;
    let in_day = seconds % 86_400;
    let mut year = 1970u16;
    let length = |y: u16| if days_in(y, 2) == 29 { 366 } else { 365 };
    while days >= length(year) && year < 9999 {
        days -= length(year);
        year += 1;
    }
    let mut month = 1u8;
    while month < 12 && days >= u64::from(days_in(year, month)) {
        days -= u64::from(days_in(year, month));
        month += 1;
    }
    RtcTime {
        year,
        month,
        day: (days.min(30) + 1) as u8,
        hour: (in_day / 3600) as u8,
        minute: (in_day / 60 % 60) as u8,
        second: (in_day % 60) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("1_000"), Ok(1000));
        assert_eq!(number("0xF4"), Ok(0xF4));
        for bad in ["", "-1", "+1", "1e3", "0x", "18446744073709551616", "_", "١"] {
            assert!(number(bad).is_err(), "{bad}");
        }
        assert_eq!(positive("0"), Err("must be at least 1".into()));
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("1474560"), Ok(1_474_560));
        assert_eq!(bytes("720k"), Ok(737_280));
        assert_eq!(bytes("10MiB"), Ok(10 << 20));
        assert_eq!(memory("64"), Ok(64 << 20));
        assert_eq!(memory("2G"), Ok(2 << 30));
        assert_eq!(memory("640K"), Err("a PC needs at least 1M".into()));
        assert_eq!(memory("1025K"), Err("must be a multiple of 64K".into()));
        for bad in ["", "M", "16X", "1.5G", "-1M", "99999999999T"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans() {
        assert_eq!(seconds("2"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["", ".5", "5.", "-1", "1e3", "nan", "inf", "99999999999999999999", "1.2.3"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn speeds() {
        assert_eq!(speed("max"), Ok(Speed::Max));
        assert_eq!(speed("real"), Ok(Speed::Percent(100)));
        assert_eq!(speed("50%"), Ok(Speed::Percent(50)));
        assert_eq!(speed("250"), Ok(Speed::Percent(250)));
        assert!(speed("0").is_err() && speed("fast").is_err() && speed("-5").is_err());
    }

    #[test]
    fn boot_orders() {
        assert_eq!(boot_order("cdrom,disk"), Ok(BootOrder(vec![BootDevice::Cdrom, BootDevice::Disk])));
        assert!(boot_order("a").is_err() && boot_order("").is_err() && boot_order("disk,disk").is_err());
    }

    #[test]
    fn times() {
        let leap = RtcTime { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58 };
        assert_eq!(rtc("2024-02-29T23:59:58"), Ok(Rtc::At(leap)));
        assert_eq!(rtc("2024-02-29 23:59:58Z"), Ok(Rtc::At(leap)));
        assert_eq!(rtc("2026-01-01"), Ok(Rtc::At(RtcTime::default())));
        assert_eq!(rtc("now"), Ok(Rtc::Now));
        for bad in ["", "2023-02-29", "2024-13-01", "2024-01-01T24:00:00", "24-1-1", "2024-01-01-01", "1979-12-31"] {
            assert!(rtc(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unix_times() {
        assert_eq!(rtc_from_unix(0), RtcTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 });
        let leap = RtcTime { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58 };
        assert_eq!(rtc_from_unix(1_709_251_198), leap);
        assert_eq!(rtc_from_unix(1_767_225_600), RtcTime::default());
    }
}
