//! Probing as Linux' psmouse and DOS drivers do it, packets, modes.

use super::*;
use crate::ctx::IrqLines;
use crate::sched::Scheduler;

const PERIOD_100: u64 = 10_000_000;

struct Bench {
    mouse: Mouse,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        Self { mouse: Mouse::new(), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 }
    }

    fn with<T>(&mut self, f: impl FnOnce(&mut Mouse, &mut Ctx) -> T) -> T {
        f(&mut self.mouse, &mut Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq })
    }

    fn drain(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.mouse.take_output()).collect()
    }

    fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        for &byte in bytes {
            self.with(|m, ctx| m.command(ctx, byte));
        }
        self.drain()
    }

    fn input(&mut self, dx: i32, dy: i32, dz: i32, buttons: u8) {
        self.with(|m, ctx| m.input(ctx, dx, dy, dz, buttons));
    }

    fn run(&mut self, ns: u64) -> Vec<u8> {
        let end = self.now + ns;
        let mut bytes = Vec::new();
        while self.sched.next_deadline() <= end {
            self.now = self.sched.next_deadline();
            self.sched.pop_due(self.now);
            self.with(|m, ctx| m.event(ctx));
            bytes.extend(self.drain());
        }
        self.now = end;
        bytes
    }
}

#[test]
fn reset_and_identify() {
    let mut b = Bench::new();
    assert_eq!(b.send(&[CMD_RESET]), [ACK]);
    assert_eq!(b.run(BAT_NS), [BAT_OK, 0]);
    assert_eq!(b.send(&[CMD_ID]), [ACK, 0]);
    assert_eq!(b.send(&[CMD_STATUS]), [ACK, 0, 2, 100]);
    assert_eq!(b.send(&[CMD_ENABLE, CMD_SCALING_2, CMD_RATE, 200, CMD_RESOLUTION, 3]), [ACK; 6]);
    b.input(0, 0, 0, BUTTON_LEFT | BUTTON_MIDDLE);
    assert_eq!(b.send(&[CMD_STATUS]), [ACK, 0x36, 3, 200]);
}

#[test]
fn knocking_for_wheel_and_buttons() {
    let mut b = Bench::new();
    b.send(&[CMD_RATE, 200, CMD_RATE, 100, CMD_RATE, 80]);
    assert_eq!(b.send(&[CMD_ID]), [ACK, 3]);
    b.send(&[CMD_RATE, 200, CMD_RATE, 200, CMD_RATE, 80]);
    assert_eq!(b.send(&[CMD_ID]), [ACK, 4]);
    b.send(&[CMD_RATE, 100, CMD_ENABLE]);
    b.input(1, 0, -1, BUTTON_4);
    assert_eq!(b.run(PERIOD_100), [0x08, 1, 0, 0x1F]);
    b.send(&[CMD_RESET]);
    assert_eq!(b.run(BAT_NS), [BAT_OK, 0], "a reset makes it a standard mouse again");
}

#[test]
fn movement_is_sampled_and_accumulated() {
    let mut b = Bench::new();
    b.send(&[CMD_ENABLE]);
    b.input(3, 5, 0, 0);
    assert_eq!(b.run(0), [0x28, 3, 0xFB], "down the screen is negative Y");
    b.input(1, 0, 0, 0);
    b.input(1, 0, 0, 0);
    assert_eq!(b.run(PERIOD_100 - 1), []);
    assert_eq!(b.run(1), [0x08, 2, 0]);
    assert_eq!(b.sched.next_deadline(), u64::MAX);
    b.input(-300, 0, 0, BUTTON_RIGHT);
    assert_eq!(b.run(2 * PERIOD_100), [0x1A, 0x01, 0, 0x1A, 0xD3, 0], "255, then the rest");
}

#[test]
fn untaken_packet_holds_the_next_one_back() {
    let mut b = Bench::new();
    b.send(&[CMD_ENABLE]);
    b.input(1, 0, 0, 0);
    for _ in 0..5 {
        b.now = b.sched.next_deadline().min(b.now + PERIOD_100);
        if b.sched.pop_due(b.now).is_some() {
            b.with(|m, ctx| m.event(ctx));
        }
        b.input(1, 0, 0, 0);
    }
    assert_eq!(b.drain(), [0x08, 1, 0]);
    assert_eq!(b.run(PERIOD_100), [0x08, 5, 0]);
}

#[test]
fn buttons_report_without_movement() {
    let mut b = Bench::new();
    b.send(&[CMD_ENABLE]);
    b.input(0, 0, 0, BUTTON_LEFT);
    b.input(0, 0, 0, BUTTON_LEFT);
    assert_eq!(b.run(PERIOD_100), [0x09, 0, 0]);
    b.input(0, 0, 0, 0);
    assert_eq!(b.run(PERIOD_100), [0x08, 0, 0]);
}

#[test]
fn disabled_mouse_is_silent_and_forgets_movement() {
    let mut b = Bench::new();
    b.input(9, 9, 0, 0);
    assert_eq!(b.run(PERIOD_100), []);
    b.send(&[CMD_ENABLE]);
    b.input(1, 0, 0, 0);
    assert_eq!(b.run(PERIOD_100), [0x08, 1, 0]);
}

#[test]
fn remote_mode_reports_on_request() {
    let mut b = Bench::new();
    b.send(&[CMD_REMOTE]);
    b.input(4, -4, 0, 0);
    assert_eq!(b.run(PERIOD_100), []);
    assert_eq!(b.send(&[CMD_READ_DATA]), [ACK, 0x08, 4, 4]);
    assert_eq!(b.send(&[CMD_READ_DATA]), [ACK, 0x08, 0, 0]);
    assert_eq!(b.send(&[CMD_STATUS]), [ACK, 0x40, 2, 100]);
    b.send(&[CMD_STREAM]);
    assert_eq!(b.send(&[CMD_STATUS]), [ACK, 0, 2, 100]);
}

#[test]
fn wrap_mode_echoes() {
    let mut b = Bench::new();
    assert_eq!(b.send(&[CMD_WRAP, 0x12, CMD_ENABLE, CMD_RESET_WRAP, CMD_ID]), [ACK, 0x12, CMD_ENABLE, ACK, ACK, 0]);
}

#[test]
fn scaling_two_to_one() {
    let mut b = Bench::new();
    b.send(&[CMD_SCALING_2, CMD_ENABLE]);
    for (moved, reported) in [(1, 1u8), (2, 1), (3, 3), (4, 6), (5, 9), (20, 40), (-4, 0xFA)] {
        b.input(moved, 0, 0, 0);
        assert_eq!(b.run(PERIOD_100)[1], reported, "{moved}");
    }
}

#[test]
fn invalid_commands_and_resend() {
    let mut b = Bench::new();
    assert_eq!(b.send(&[0x11]), [RESEND]);
    assert_eq!(b.send(&[0x11]), [ERROR]);
    assert_eq!(b.send(&[CMD_RATE, 33]), [ACK, RESEND]);
    b.send(&[CMD_ID]);
    assert_eq!(b.send(&[CMD_RESEND]), [0]);
}

round_trip!(state_survives, {
    let mut b = Bench::new();
    b.send(&[CMD_RATE, 200, CMD_RATE, 100, CMD_RATE, 80, CMD_ENABLE]);
    b.input(400, 1, 2, 1);
    b.now = 1;
    b.with(|m, ctx| m.event(ctx));
    b.mouse
});
