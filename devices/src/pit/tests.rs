//! The timer's modes, reads and interrupt edges.

use super::*;
use crate::ctx::IrqLines;
use crate::sched::Scheduler;

/// A timer with its surroundings, at a tick count.
struct Bench {
    pit: Pit,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        Self { pit: Pit::new(), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 }
    }

    fn with<T>(&mut self, f: impl FnOnce(&mut Pit, &mut Ctx) -> T) -> T {
        f(&mut self.pit, &mut Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq })
    }

    fn write(&mut self, port: u16, value: u8) {
        self.with(|pit, ctx| pit.write(ctx, port, value));
    }

    fn read(&mut self, port: u16) -> u8 {
        self.with(|pit, ctx| pit.read(ctx, port))
    }

    fn gate2(&mut self, high: bool) {
        self.with(|pit, ctx| pit.set_gate2(ctx, high));
    }

    /// Programs a word count.
    fn program(&mut self, counter: u8, control: u8, count: u16) {
        self.write(0x43, counter << 6 | 0x30 | control);
        let [low, high] = count.to_le_bytes();
        self.write(0x40 + u16::from(counter), low);
        self.write(0x40 + u16::from(counter), high);
    }

    fn count(&mut self, counter: u8) -> u16 {
        self.write(0x43, counter << 6);
        let port = 0x40 + u16::from(counter);
        u16::from_le_bytes([self.read(port), self.read(port)])
    }

    fn status(&mut self, counter: u8) -> u8 {
        self.write(0x43, 0xE0 | 2 << counter);
        self.read(0x40 + u16::from(counter))
    }

    fn tick(&self) -> u64 {
        ticks_at(self.now, PIT_HZ)
    }

    /// Lets `ticks` pass, serving events; gives the ticks at which IRQ0 rose.
    fn run(&mut self, ticks: u64) -> Vec<u64> {
        let end = ns_of_tick(self.tick() + ticks, PIT_HZ);
        let mut edges = Vec::new();
        self.irq.take_edges();
        while self.sched.next_deadline() <= end {
            self.now = self.sched.next_deadline();
            self.sched.pop_due(self.now);
            self.with(|pit, ctx| pit.event(ctx));
            if self.irq.take_edges() & 1 != 0 {
                edges.push(self.tick());
            }
        }
        self.now = end;
        edges
    }

    fn out2(&mut self) -> bool {
        let now = self.now;
        self.pit.out2(now)
    }

    /// Counter 2's output over the next `n` ticks.
    fn wave2(&mut self, n: usize) -> String {
        (0..n)
            .map(|_| {
                self.run(1);
                if self.out2() { 'H' } else { 'L' }
            })
            .collect()
    }
}

#[test]
fn mode2_ticks_once_a_period_without_drift() {
    let mut b = Bench::new();
    b.program(0, 0x04, 11932);
    let edges = b.run(11932 * 5 + 10);
    assert_eq!(edges, (1..=5).map(|i| 1 + 11932 * i).collect::<Vec<u64>>());
    b.run(1_193_182 * 60);
    assert_eq!(b.count(0), (11932 - (b.tick() - 1) % 11932) as u16);
}

#[test]
fn mode3_default_period_is_65536_ticks() {
    let mut b = Bench::new();
    b.program(0, 0x06, 0);
    assert_eq!(b.run(65536 * 3 + 2), [65537, 131_073, 196_609]);
    assert_eq!(b.irq.levels() & 1, 1);
    b.run(32768);
    assert_eq!(b.irq.levels() & 1, 0);
}

#[test]
fn mode3_waves_even_and_odd() {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(2, 0x06, 4);
    assert_eq!(b.wave2(9), "HHLLHHLLH");
    b.program(2, 0x06, 5);
    assert_eq!(b.wave2(11), "HHHLLHHHLLH");
}

#[test]
fn mode3_counts_down_by_two() {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(2, 0x06, 8);
    let mut seen = Vec::new();
    for _ in 0..8 {
        b.run(1);
        seen.push(b.count(2));
    }
    assert_eq!(seen, [8, 6, 4, 2, 8, 6, 4, 2]);
    b.program(2, 0x06, 5);
    seen.clear();
    for _ in 0..6 {
        b.run(1);
        seen.push(b.count(2));
    }
    assert_eq!(seen, [4, 2, 0, 4, 2, 4]);
}

#[test]
fn mode2_new_count_waits_for_the_period_end() {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(2, 0x04, 4);
    assert_eq!(b.wave2(6), "HHHLHH");
    b.write(0x42, 3);
    b.write(0x42, 0);
    assert_eq!(b.status(2) & 0x40, 0x40, "null count until the reload");
    assert_eq!(b.wave2(8), "HLHHLHHL");
    assert_eq!(b.status(2) & 0x40, 0);
}

#[test]
fn mode2_gate_stops_and_restarts() {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(2, 0x04, 4);
    b.run(4);
    assert!(!b.out2());
    b.gate2(false);
    assert!(b.out2(), "a low gate sets OUT at once");
    let held = b.count(2);
    b.run(100);
    assert_eq!(b.count(2), held);
    b.gate2(true);
    assert_eq!(b.wave2(5), "HHHLH");
}

#[test]
fn mode0_terminal_count_and_wrap() {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(2, 0x00, 3);
    assert_eq!(b.status(2), 0x70);
    assert_eq!(b.wave2(5), "LLLHH", "N + 1 pulses after the write");
    assert_eq!(b.status(2), 0xB0);
    assert_eq!(b.count(2), 0xFFFF);
    b.write(0x42, 9);
    assert!(!b.out2(), "the first byte of a new count drops OUT");
    b.run(50);
    assert_eq!(b.count(2), 0xFFFF, "and stops the counting");
}

#[test]
fn mode0_gate_suspends() {
    let mut b = Bench::new();
    b.program(2, 0x00, 2);
    assert_eq!(b.wave2(5), "LLLLL");
    assert_eq!(b.count(2), 2, "loaded even with GATE low");
    b.gate2(true);
    assert_eq!(b.wave2(3), "LHH");
}

#[test]
fn mode0_interrupts_once() {
    let mut b = Bench::new();
    b.program(0, 0x00, 100);
    assert_eq!(b.run(200_000), [101]);
    assert_eq!(b.sched.next_deadline(), u64::MAX);
}

#[test]
fn mode1_is_triggered_by_the_gate() {
    let mut b = Bench::new();
    b.program(2, 0x02, 3);
    assert_eq!(b.wave2(3), "HHH");
    b.gate2(true);
    assert_eq!(b.wave2(5), "LLLHH");
    b.gate2(false);
    b.gate2(true);
    assert_eq!(b.wave2(2), "LL");
    b.gate2(false);
    b.gate2(true);
    assert_eq!(b.wave2(5), "LLLHH", "retriggered");
}

#[test]
fn strobes_of_modes_4_and_5() {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(2, 0x08, 3);
    assert_eq!(b.wave2(6), "HHHLHH");
    b.gate2(false);
    b.program(2, 0x0A, 2);
    assert_eq!(b.wave2(3), "HHH");
    b.gate2(true);
    assert_eq!(b.wave2(5), "HHLHH");
}

#[test]
fn bcd_counts() {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(2, 0x05, 0x1000);
    b.run(2);
    assert_eq!(b.count(2), 0x0999);
    b.program(2, 0x05, 0);
    b.run(2);
    assert_eq!(b.count(2), 0x9999);
}

#[test]
fn latches_hold_until_read() {
    let mut b = Bench::new();
    b.program(0, 0x04, 1000);
    b.run(11);
    b.write(0x43, 0x00);
    b.run(100);
    b.write(0x43, 0x00);
    assert_eq!((b.read(0x40), b.read(0x40)), (0xDE, 0x03), "990: the second latch command was ignored");
    b.write(0x43, 0xC2);
    b.run(3);
    assert_eq!(b.read(0x40), 0xB4, "status comes first");
    assert_eq!(u16::from_le_bytes([b.read(0x40), b.read(0x40)]), 890);
    assert_eq!(u16::from_le_bytes([b.read(0x40), b.read(0x40)]), 887, "unlatched again");
}

#[test]
fn single_byte_formats() {
    let mut b = Bench::new();
    b.write(0x43, 0x14); // counter 0, low byte, mode 2
    b.write(0x40, 18);
    assert_eq!(b.run(19 + 36), [19, 37, 55]);
    assert_eq!(b.status(0) & 0x3F, 0x14);
    b.write(0x43, 0x24); // high byte
    b.write(0x40, 2);
    b.run(1);
    assert_eq!(b.read(0x40), 2);
    assert_eq!(b.run(512), [b.tick()]);
}

#[test]
fn results_do_not_depend_on_how_often_it_is_looked_at() {
    for control in [0x00u8, 0x02, 0x04, 0x06, 0x08, 0x0A] {
        for count in [2u16, 3, 7, 100, 0] {
            let (mut often, mut once) = (Bench::new(), Bench::new());
            for b in [&mut often, &mut once] {
                b.program(2, control, count);
                b.gate2(true);
            }
            for step in 1..200 {
                often.run(step);
                often.count(2);
            }
            once.run(199 * 100);
            assert_eq!(once.count(2), often.count(2), "mode {control} count {count}");
            assert_eq!(once.out2(), often.out2(), "mode {control} count {count}");
        }
    }
}

#[test]
fn tone_is_reported_while_gated() {
    let mut b = Bench::new();
    b.program(2, 0x06, 1193);
    b.run(1);
    assert_eq!(b.pit.tone(), None);
    b.gate2(true);
    assert_eq!(b.pit.tone(), Some(1193));
}

round_trip!(state_survives, {
    let mut b = Bench::new();
    b.gate2(true);
    b.program(0, 0x04, 1000);
    b.program(2, 0x07, 0x1234);
    b.run(77);
    b.write(0x43, 0xC8);
    b.pit
});
