//! The controller as SeaBIOS, Linux' i8042 driver and DOS boot code use it.

use super::*;
use crate::ctx::IrqLines;
use crate::sched::Scheduler;

struct Bench {
    kbc: Kbc,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        Self { kbc: Kbc::new(), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 }
    }

    /// Both ports on, both interrupts, translation.
    fn set_up() -> Self {
        let mut b = Self::new();
        assert_eq!(b.ask(0xAA), 0x55);
        b.command_with(0x60, 0x47);
        b
    }

    fn with<T>(&mut self, f: impl FnOnce(&mut Kbc, &mut Ctx) -> T) -> T {
        f(&mut self.kbc, &mut Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq })
    }

    fn out(&mut self, port: u16, value: u8) {
        self.with(|k, ctx| k.write(ctx, port, value));
    }

    fn inb(&mut self, port: u16) -> u8 {
        self.with(|k, ctx| k.read(ctx, port))
    }

    /// Lets `ns` pass.
    fn run(&mut self, ns: u64) {
        let end = self.now + ns;
        while self.sched.next_deadline() <= end {
            self.now = self.sched.next_deadline();
            let id = self.sched.pop_due(self.now).expect("due");
            self.with(|k, ctx| k.event(ctx, id));
        }
        self.now = end;
    }

    /// Waits for the buffer as a driver does, up to a second; the status and the byte.
    fn poll(&mut self) -> Option<(u8, u8)> {
        for _ in 0..20_000 {
            let status = self.inb(0x64);
            if status & 1 != 0 {
                return Some((status, self.inb(0x60)));
            }
            self.run(50_000);
        }
        None
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).filter_map(|_| self.poll().map(|(_, byte)| byte)).collect()
    }

    fn ask(&mut self, command: u8) -> u8 {
        self.out(0x64, command);
        assert_eq!(self.inb(0x64) & 0x21, 0x01);
        self.inb(0x60)
    }

    fn command_with(&mut self, command: u8, value: u8) {
        self.out(0x64, command);
        self.out(0x60, value);
    }

    fn key(&mut self, code: u16, down: bool) {
        self.with(|k, ctx| k.key(ctx, KeyCode(code), down));
    }

    fn line(&self, irq: u8) -> bool {
        self.irq.levels() & 1 << irq != 0
    }
}

#[test]
fn self_test_and_command_byte() {
    let mut b = Bench::new();
    assert_eq!(b.inb(0x64), 0x18);
    assert_eq!(b.ask(0xAA), 0x55);
    assert_eq!(b.inb(0x64), 0x1C);
    assert_eq!(b.ask(0xAB), 0);
    assert_eq!(b.ask(0xA9), 0);
    b.command_with(0x60, 0x65);
    assert_eq!(b.inb(0x64) & 0x0C, 0x04, "the last write was data");
    assert_eq!(b.ask(0x20), 0x65);
    b.out(0x64, 0xA8);
    assert_eq!(b.ask(0x20), 0x45);
    b.out(0x64, 0xA7);
    b.out(0x64, 0xAD);
    assert_eq!(b.ask(0x20), 0x75);
    b.out(0x64, 0xAE);
    assert_eq!(b.ask(0x20), 0x65);
    b.command_with(0x6F, 0x5A);
    assert_eq!(b.ask(0x2F), 0x5A);
    assert_eq!(b.ask(0xA4), 0xF1);
}

#[test]
fn keystroke_is_translated_paced_and_interrupts() {
    let mut b = Bench::set_up();
    b.irq.take_edges();
    b.key(0xE048, true);
    assert!(!b.line(1));
    b.run(DEVICE_BYTE_NS);
    assert!(b.line(1));
    assert_eq!(b.inb(0x64) & 0x21, 0x01);
    b.run(10 * DEVICE_BYTE_NS);
    assert_eq!(b.inb(0x60), 0xE0, "not overwritten while unread");
    assert!(!b.line(1));
    assert_eq!(b.inb(0x60), 0xE0, "an empty buffer gives its last byte");
    assert_eq!(b.inb(0x64) & 1, 0);
    assert_eq!(b.bytes(1), [0x48]);
    b.key(0xE048, false);
    assert_eq!(b.bytes(2), [0xE0, 0xC8]);
    assert_eq!(b.irq.take_edges(), 2);
}

#[test]
fn without_translation_set_2_comes_through() {
    let mut b = Bench::set_up();
    b.command_with(0x60, 0x04);
    b.key(0x1E, true);
    b.key(0x1E, false);
    assert_eq!(b.bytes(3), [0x1C, 0xF0, 0x1C]);
    assert!(!b.line(1), "interrupt disabled");
}

#[test]
fn held_keyboard_keeps_its_bytes() {
    let mut b = Bench::set_up();
    b.out(0x64, 0xAD);
    b.key(0x1E, true);
    b.run(100_000_000);
    assert_eq!(b.inb(0x64) & 1, 0);
    b.out(0x64, 0xAE);
    assert_eq!(b.bytes(1), [0x1E]);
    b.out(0x64, 0xAD);
    b.out(0x60, 0xF2);
    assert_eq!(b.bytes(3), [0xFA, 0xAB, 0x41], "writing to the keyboard releases it");
}

#[test]
fn keyboard_reset_through_the_controller() {
    let mut b = Bench::set_up();
    b.out(0x60, 0xFF);
    assert_eq!(b.bytes(2), [0xFA, 0xAA]);
    b.out(0x60, 0xED);
    assert_eq!(b.bytes(1), [0xFA]);
    b.out(0x60, 0x02);
    assert_eq!(b.bytes(1), [0xFA]);
    assert_eq!(b.kbc.keyboard.leds(), 2);
}

#[test]
fn mouse_port() {
    let mut b = Bench::set_up();
    b.command_with(0xD4, 0xFF);
    let replies: Vec<_> = (0..3).filter_map(|_| b.poll()).collect();
    assert_eq!(replies.iter().map(|r| r.1).collect::<Vec<u8>>(), [0xFA, 0xAA, 0x00]);
    assert!(replies.iter().all(|r| r.0 & 0x20 != 0));
    b.command_with(0xD4, 0xF4);
    assert_eq!(b.bytes(1), [0xFA]);
    b.irq.take_edges();
    b.with(|k, ctx| k.mouse_input(ctx, 5, 0, 0, 1));
    b.run(DEVICE_BYTE_NS);
    assert!(b.line(12) && !b.line(1));
    assert_eq!(b.bytes(3), [0x09, 5, 0]);
    assert_eq!(b.irq.take_edges(), 1 << 12);
}

#[test]
fn aux_loop_raises_irq12() {
    let mut b = Bench::set_up();
    b.command_with(0xD3, 0xA5);
    assert!(b.line(12));
    assert_eq!(b.poll(), Some((0x35, 0xA5)));
    b.command_with(0xD2, 0x77);
    assert!(b.line(1));
    assert_eq!(b.poll(), Some((0x15, 0x77)));
}

#[test]
fn replies_wait_for_an_unread_byte_and_precede_the_devices() {
    let mut b = Bench::set_up();
    b.key(0x1E, true);
    b.run(DEVICE_BYTE_NS);
    b.key(0x30, true);
    b.out(0x64, 0x20);
    assert_eq!(b.bytes(3), [0x1E, 0x47, 0x30]);
}

#[test]
fn a20_and_reset_by_the_output_port() {
    let mut b = Bench::set_up();
    assert!(b.kbc.a20());
    b.command_with(0xD1, 0xDD);
    assert!(!b.kbc.a20());
    assert_eq!(b.ask(0xD0) & 0x03, 0x01);
    b.command_with(0xD1, 0xDF);
    assert!(b.kbc.a20());
    b.out(0x64, 0xDD);
    assert!(!b.kbc.a20());
    b.out(0x64, 0xDF);
    assert!(b.kbc.a20());
    b.out(0x64, 0xFF);
    assert!(!b.kbc.take_reset(), "FFh pulses nothing");
    b.out(0x64, 0xFE);
    assert!(b.kbc.take_reset());
    assert!(!b.kbc.take_reset());
    b.command_with(0xD1, 0xDE);
    assert!(b.kbc.take_reset());
}

#[test]
fn input_port_and_polling() {
    let mut b = Bench::set_up();
    assert_eq!(b.ask(0xC0), 0xB0);
    b.out(0x64, 0xC2);
    assert_eq!(b.inb(0x64) & 0xF0, 0xB0);
    b.out(0x64, 0xC1);
    assert_eq!(b.inb(0x64) & 0xF0, 0x00);
    b.out(0x64, 0xAE);
    assert_eq!(b.inb(0x64) & 0xF0, 0x10);
}

#[test]
fn reset_restores_power_on_state() {
    let mut b = Bench::set_up();
    b.key(0x1E, true);
    b.run(DEVICE_BYTE_NS);
    b.with(|k, ctx| k.reset(ctx));
    assert!(!b.line(1));
    assert_eq!(b.inb(0x64), 0x18);
    assert_eq!(b.ask(0x20), 0x70);
    assert!(b.kbc.a20());
}

round_trip!(state_survives, {
    let mut b = Bench::set_up();
    b.key(0x1E, true);
    b.run(DEVICE_BYTE_NS);
    b.out(0x64, 0x20);
    b.out(0x64, 0xD1);
    b.kbc
});
