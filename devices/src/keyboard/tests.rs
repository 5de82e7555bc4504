//! Sequences of each scan code set, commands, typematic.

use super::*;
use crate::ctx::IrqLines;
use crate::sched::Scheduler;

const A: KeyCode = KeyCode(0x1E);
const UP: KeyCode = KeyCode(0xE048);
const F7: KeyCode = KeyCode(0x41);

struct Bench {
    kbd: Keyboard,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
}

impl Bench {
    fn new(set: u8) -> Self {
        let mut b = Self { kbd: Keyboard::new(), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 };
        assert_eq!(b.send(&[CMD_SCAN_SET, set]), [ACK, ACK]);
        b
    }

    fn with<T>(&mut self, f: impl FnOnce(&mut Keyboard, &mut Ctx) -> T) -> T {
        f(&mut self.kbd, &mut Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq })
    }

    /// Everything the keyboard has to say.
    fn drain(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.kbd.take_output()).collect()
    }

    fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        for &byte in bytes {
            self.with(|k, ctx| k.command(ctx, byte));
        }
        self.drain()
    }

    fn key(&mut self, code: KeyCode, down: bool) -> Vec<u8> {
        self.with(|k, ctx| k.key(ctx, code, down));
        self.drain()
    }

    fn run(&mut self, ns: u64) {
        let end = self.now + ns;
        while self.sched.next_deadline() <= end {
            self.now = self.sched.next_deadline();
            self.sched.pop_due(self.now);
            self.with(|k, ctx| k.event(ctx));
        }
        self.now = end;
    }
}

#[test]
fn make_and_break_in_each_set() {
    for (set, code, make, brk) in [
        (1, A, vec![0x1E], vec![0x9E]),
        (1, UP, vec![0xE0, 0x48], vec![0xE0, 0xC8]),
        (2, A, vec![0x1C], vec![0xF0, 0x1C]),
        (2, UP, vec![0xE0, 0x75], vec![0xE0, 0xF0, 0x75]),
        (2, F7, vec![0x83], vec![0xF0, 0x83]),
        (2, KeyCode(0xE05B), vec![0xE0, 0x1F], vec![0xE0, 0xF0, 0x1F]),
        (3, A, vec![0x1C], vec![]),
        (3, UP, vec![0x63], vec![]),
        (3, KeyCode::LEFT_SHIFT, vec![0x12], vec![0xF0, 0x12]),
        (3, F7, vec![0x37], vec![]),
    ] {
        let mut b = Bench::new(set);
        assert_eq!(b.key(code, true), make, "set {set} {code:?}");
        assert_eq!(b.key(code, false), brk, "set {set} {code:?}");
    }
}

#[test]
fn translation_inverts_set_2() {
    for code in (0x01..=0x58).chain([0x5B, 0x5C, 0x5D]) {
        let set2 = set1_to_set2(&[code]);
        if set2 == [0] {
            continue;
        }
        assert_eq!(set2.iter().map(|&b| translate(b)).collect::<Vec<u8>>(), [code]);
    }
    assert_eq!([0xFA, 0xAA, 0xE0, 0xAB, 0x83, 0x00].map(translate), [0xFA, 0xAA, 0xE0, 0xAB, 0x41, 0xFF]);
}

#[test]
fn pause_and_print_screen() {
    let mut b = Bench::new(2);
    assert_eq!(b.key(KeyCode::PAUSE, true), [0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77]);
    assert_eq!(b.key(KeyCode::PAUSE, false), []);
    assert_eq!(b.key(KeyCode::PRINT_SCREEN, true), [0xE0, 0x12, 0xE0, 0x7C]);
    assert_eq!(b.key(KeyCode::PRINT_SCREEN, false), [0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12]);
    b.key(KeyCode::LEFT_ALT, true);
    assert_eq!(b.key(KeyCode::PRINT_SCREEN, true), [0x84]);
    b.key(KeyCode::LEFT_ALT, false);
    assert_eq!(b.key(KeyCode::PRINT_SCREEN, false), [0xF0, 0x84], "up as it went down");
    b.key(KeyCode::RIGHT_CTRL, true);
    assert_eq!(b.key(KeyCode::PAUSE, true), [0xE0, 0x7E, 0xE0, 0xF0, 0x7E]);
    assert_eq!(b.key(KeyCode::PRINT_SCREEN, true), [0xE0, 0x7C]);
    let mut b = Bench::new(1);
    assert_eq!(b.key(KeyCode::PAUSE, true), [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]);
}

#[test]
fn typematic_delay_and_rate() {
    let mut b = Bench::new(1);
    assert_eq!(b.key(A, true), [0x1E]);
    assert_eq!(b.key(A, true), [], "the host's repetition is ignored");
    b.run(499_999_999);
    assert_eq!(b.drain(), []);
    b.run(1);
    assert_eq!(b.drain(), [0x1E]);
    let mut repeats = 0;
    for _ in 0..100 {
        b.run(10_000_000);
        repeats += b.drain().len();
    }
    assert_eq!(repeats, 10, "10.9 a second");
    b.key(A, false);
    b.run(2 * NS_PER_SEC);
    assert_eq!(b.drain(), []);
    assert_eq!(b.send(&[CMD_RATE, 0x00]), [ACK, ACK]);
    b.key(A, true);
    b.run(250_000_000);
    assert_eq!(b.drain(), [0x1E], "fastest: 250 ms, 30 a second");
    b.run(33_333_333);
    assert_eq!(b.drain(), [0x1E]);
}

#[test]
fn identify_echo_resend_and_unknown() {
    let mut b = Bench::new(2);
    assert_eq!(b.send(&[CMD_ID]), [ACK, 0xAB, 0x83]);
    assert_eq!(b.send(&[CMD_RESEND]), [0x83]);
    assert_eq!(b.send(&[CMD_ECHO]), [0xEE]);
    assert_eq!(b.send(&[0x12]), [RESEND]);
    assert_eq!(b.send(&[0xEF]), [RESEND]);
    assert_eq!(b.send(&[CMD_SCAN_SET, 0]), [ACK, ACK, 2]);
    assert_eq!(b.send(&[CMD_SCAN_SET, 7, 1]), [ACK, RESEND, ACK]);
    assert_eq!(b.send(&[CMD_SCAN_SET, 0]), [ACK, ACK, 1]);
}

#[test]
fn leds_and_a_command_instead_of_a_parameter() {
    let mut b = Bench::new(2);
    assert_eq!(b.send(&[CMD_LEDS, 0x05]), [ACK, ACK]);
    assert_eq!(b.kbd.leds(), 5);
    assert_eq!(b.send(&[CMD_LEDS, CMD_ID]), [ACK, ACK, 0xAB, 0x83]);
    assert_eq!(b.kbd.leds(), 5);
}

#[test]
fn disable_enable_and_defaults() {
    let mut b = Bench::new(1);
    b.send(&[CMD_DISABLE]);
    assert_eq!(b.key(A, true), []);
    b.key(A, false);
    b.send(&[CMD_ENABLE]);
    assert_eq!(b.key(A, true), [0x1C], "disable restored set 2");
    b.send(&[CMD_SCAN_SET, 1, CMD_DEFAULTS]);
    assert_eq!(b.key(A, false), [0xF0, 0x1C]);
}

#[test]
fn reset_runs_the_self_test() {
    let mut b = Bench::new(1);
    b.send(&[CMD_LEDS, 7]);
    assert_eq!(b.send(&[CMD_RESET]), [ACK]);
    assert_eq!(b.key(A, true), []);
    b.run(BAT_NS);
    assert_eq!(b.drain(), [BAT_OK]);
    assert_eq!(b.kbd.leds(), 0);
    b.key(A, false);
    assert_eq!(b.key(A, true), [0x1C]);
}

#[test]
fn set_3_key_types() {
    let mut b = Bench::new(3);
    assert_eq!(b.send(&[CMD_ALL_BREAK]), [ACK]);
    assert_eq!(b.key(A, true), [0x1C]);
    b.run(NS_PER_SEC);
    assert_eq!(b.drain(), []);
    assert_eq!(b.key(A, false), [0xF0, 0x1C]);
    assert_eq!(b.send(&[CMD_KEY_REPEAT, 0x1C, CMD_ENABLE]), [ACK, ACK, ACK]);
    b.key(A, true);
    b.run(500_000_000);
    assert_eq!(b.drain(), [0x1C]);
    assert_eq!(b.key(A, false), []);
}

#[test]
fn full_buffer_ends_with_an_overrun_code() {
    let mut b = Bench::new(1);
    for code in 1..=20 {
        b.with(|k, ctx| k.key(ctx, KeyCode(code), true));
    }
    let expected: Vec<u8> = (1..=16).chain([0xFF]).collect();
    assert_eq!(b.drain(), expected);
    assert_eq!(b.key(KeyCode(0x1E), true), [0x1E]);
    let mut b = Bench::new(2);
    for code in 2..=9 {
        b.with(|k, ctx| k.key(ctx, KeyCode(code), true));
    }
    for code in 2..=9 {
        b.with(|k, ctx| k.key(ctx, KeyCode(code), false));
    }
    let got = b.drain();
    assert_eq!(got.len(), 17);
    assert_eq!(got.last(), Some(&0x00));
}

round_trip!(state_survives, {
    let mut b = Bench::new(3);
    b.with(|k, ctx| k.key(ctx, KeyCode(0x1E), true));
    b.with(|k, ctx| k.command(ctx, CMD_LEDS));
    b.kbd
});
