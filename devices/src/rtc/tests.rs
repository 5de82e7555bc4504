//! The clock as DOS, SeaBIOS and Linux' rtc-cmos read and set it.

use super::*;
use crate::ctx::IrqLines;
use crate::sched::Scheduler;

/// 1999-12-31 23:59:58 UTC, a Friday.
const NEW_YEARS_EVE: i64 = 946_684_798;

struct Bench {
    rtc: Rtc,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
}

impl Bench {
    fn new(unix: i64) -> Self {
        let mut b = Self { rtc: Rtc::new(unix), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 };
        b.with(|rtc, ctx| rtc.start(ctx));
        b
    }

    fn with<T>(&mut self, f: impl FnOnce(&mut Rtc, &mut Ctx) -> T) -> T {
        f(&mut self.rtc, &mut Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq })
    }

    fn get(&mut self, index: u8) -> u8 {
        self.with(|rtc, ctx| {
            rtc.write(ctx, 0x70, index);
            rtc.read(ctx, 0x71)
        })
    }

    fn set(&mut self, index: u8, value: u8) {
        self.with(|rtc, ctx| {
            rtc.write(ctx, 0x70, index);
            rtc.write(ctx, 0x71, value);
        });
    }

    fn date(&mut self) -> [u8; 8] {
        [0x32, 9, 8, 7, 6, 4, 2, 0].map(|index| self.get(index))
    }

    /// Lets `ns` pass; counts the rises of IRQ8. With `ack`, register C is read at each.
    fn run(&mut self, ns: u64, ack: bool) -> u32 {
        let end = self.now + ns;
        let mut rises = 0;
        while self.sched.next_deadline() <= end {
            self.now = self.sched.next_deadline();
            while let Some(id) = self.sched.pop_due(self.now) {
                self.with(|rtc, ctx| rtc.event(ctx, id));
            }
            if self.irq.take_edges() & 1 << 8 != 0 {
                rises += 1;
                if ack {
                    self.get(REG_C);
                }
            }
        }
        self.now = end;
        rises
    }
}

#[test]
fn date_of_the_base_and_the_turn_of_the_century() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    assert_eq!(b.date(), [0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x58]);
    b.run(2 * NS_PER_SEC, false);
    assert_eq!(b.date(), [0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0]);
}

#[test]
fn known_dates() {
    let date = |unix| {
        let d = Date::from_unix(unix);
        [d.century, d.year, d.month, d.day, d.hours, d.minutes, d.seconds, d.weekday]
    };
    assert_eq!(date(0), [19, 70, 1, 1, 0, 0, 0, 5]);
    assert_eq!(date(951_782_399), [20, 0, 2, 28, 23, 59, 59, 2]);
    assert_eq!(date(951_782_400), [20, 0, 2, 29, 0, 0, 0, 3]);
    assert_eq!(date(1_735_689_599), [20, 24, 12, 31, 23, 59, 59, 3]);
    assert_eq!(date(-1), [19, 69, 12, 31, 23, 59, 59, 4]);
}

#[test]
fn leap_day_by_counting() {
    let mut b = Bench::new(951_782_399);
    b.run(NS_PER_SEC, false);
    assert_eq!(b.date()[2..5], [0x02, 0x29, 3]);
}

#[test]
fn formats() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    b.set(REG_B, B_SET);
    b.set(HOURS, 0x92); // 12 PM
    b.set(MINUTES, 0x59);
    b.set(SECONDS, 0x59);
    b.set(REG_B, 0);
    b.run(NS_PER_SEC, false);
    assert_eq!(b.date()[5..], [0x81, 0, 0], "1 PM in BCD");
    b.set(REG_B, B_SET | B_DM | B_24);
    b.set(HOURS, 23);
    b.set(MINUTES, 59);
    b.set(SECONDS, 58);
    b.set(REG_B, B_DM | B_24);
    b.run(NS_PER_SEC, false);
    assert_eq!(b.date()[5..], [23, 59, 59]);
    let twelve = Format { binary: false, hours24: false };
    for hours in 0..24 {
        assert_eq!(twelve.decode_hours(twelve.encode_hours(hours)), hours);
    }
    assert_eq!((twelve.encode_hours(0), twelve.encode_hours(12)), (0x12, 0x92));
}

#[test]
fn update_in_progress_precedes_the_change() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    assert_eq!(b.get(REG_A), 0x26);
    b.run(NS_PER_SEC - UIP_NS - 1, false);
    assert_eq!(b.get(REG_A), 0x26);
    b.run(1, false);
    assert_eq!(b.get(REG_A), 0xA6);
    assert_eq!(b.get(SECONDS), 0x58);
    b.run(UIP_NS, false);
    assert_eq!(b.get(REG_A), 0x26);
    assert_eq!(b.get(SECONDS), 0x59);
}

#[test]
fn set_holds_the_time_and_reset_of_the_divider_gives_half_a_second() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    b.set(REG_B, B_SET | B_24);
    b.run(5 * NS_PER_SEC, false);
    assert_eq!(b.get(SECONDS), 0x58);
    b.set(REG_A, 0x76);
    b.set(REG_B, B_24);
    b.run(5 * NS_PER_SEC + 123, false);
    assert_eq!(b.get(SECONDS), 0x58);
    b.set(REG_A, 0x26);
    b.run(FIRST_UPDATE_NS - 1, false);
    assert_eq!(b.get(SECONDS), 0x58);
    b.run(1, false);
    assert_eq!(b.get(SECONDS), 0x59);
    b.run(NS_PER_SEC, false);
    assert_eq!(b.get(SECONDS), 0x00);
}

#[test]
fn periodic_interrupt_rate() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    b.set(REG_B, B_24 | B_PIE);
    assert_eq!(b.run(10 * NS_PER_SEC, true), 10_240);
    b.set(REG_A, 0x2F);
    assert_eq!(b.run(10 * NS_PER_SEC, true), 20);
    b.set(REG_A, 0x21);
    assert_eq!(b.run(NS_PER_SEC, true), 256);
    assert_eq!(b.run(NS_PER_SEC, false), 1, "no further edge until register C is read");
    b.set(REG_A, 0x20);
    b.get(REG_C);
    assert_eq!(b.run(NS_PER_SEC, true), 0);
}

#[test]
fn periodic_flag_can_be_polled() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    assert_eq!(b.get(REG_C), 0);
    b.run(977_000, false);
    assert_eq!(b.get(REG_C), C_PF, "no interrupt enabled: no IRQF");
    assert_eq!(b.get(REG_C), 0);
}

#[test]
fn update_interrupt_and_acknowledge() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    b.set(REG_B, B_24 | B_UIE);
    assert_eq!(b.run(NS_PER_SEC, false), 1);
    assert_ne!(b.irq.levels() & 1 << 8, 0);
    assert_eq!(b.get(REG_C) & !C_PF, C_IRQF | C_UF);
    assert_eq!(b.irq.levels() & 1 << 8, 0);
    b.set(REG_B, B_SET | B_24 | B_UIE);
    assert_eq!(b.get(REG_B), B_SET | B_24);
}

#[test]
fn alarm_with_and_without_wildcards() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    b.set(SECONDS_ALARM, 0x03);
    b.set(MINUTES_ALARM, 0x00);
    b.set(HOURS_ALARM, 0x00);
    b.set(REG_B, B_24 | B_AIE);
    assert_eq!(b.run(4 * NS_PER_SEC, true), 0);
    assert_eq!(b.run(NS_PER_SEC, true), 1);
    b.set(SECONDS_ALARM, 0xFF);
    b.set(MINUTES_ALARM, 0xC0);
    b.set(HOURS_ALARM, 0xFF);
    assert_eq!(b.run(5 * NS_PER_SEC, true), 5);
}

#[test]
fn memory_banks_checksum_and_nmi_mask() {
    let mut b = Bench::new(0);
    b.set(0x10, 0x40);
    b.set(0x7F, 0xAA);
    assert_eq!((b.get(0x10), b.get(0x7F)), (0x40, 0xAA));
    b.rtc.set_cmos(0x15, 0x80);
    b.rtc.set_cmos(0x16, 0xFF);
    b.rtc.update_checksum();
    assert_eq!((b.get(0x2E), b.get(0x2F)), (0x01, 0xBF));
    b.with(|rtc, ctx| {
        rtc.write(ctx, 0x72, 0x10);
        rtc.write(ctx, 0x73, 0x55);
        assert_eq!(rtc.read(ctx, 0x73), 0x55);
        rtc.write(ctx, 0x70, 0x8D);
        assert_eq!(rtc.read(ctx, 0x71), D_VRT);
    });
    assert!(b.rtc.nmi_masked());
    assert_eq!(b.get(0x10), 0x40);
    assert!(!b.rtc.nmi_masked());
}

#[test]
fn reset_keeps_the_time_and_drops_interrupts() {
    let mut b = Bench::new(NEW_YEARS_EVE);
    b.set(REG_B, B_24 | B_PIE | B_UIE);
    b.run(NS_PER_SEC, false);
    b.with(|rtc, ctx| rtc.reset(ctx));
    assert_eq!(b.irq.levels() & 1 << 8, 0);
    assert_eq!(b.get(REG_B), B_24);
    assert_eq!(b.get(SECONDS), 0x59);
}

round_trip!(state_survives, {
    let mut b = Bench::new(NEW_YEARS_EVE);
    b.set(REG_B, B_24 | B_PIE);
    b.set(0x40, 7);
    b.run(1_500_000_000, false);
    b.rtc
});
