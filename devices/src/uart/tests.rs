//! The port as Linux' 8250 driver, BIOS calls and terminal programs use it.

use super::*;
use crate::ctx::IrqLines;
use crate::sched::Scheduler;

const CHAR_115200: u64 = 86_805;

struct Bench {
    uart: Uart,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
}

impl Bench {
    /// A port at 115200 8N1 with the FIFOs as given by `fcr` and OUT2 set.
    fn new(fcr: u8) -> Self {
        let mut b = Self { uart: Uart::new(0), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 };
        for (reg, value) in [(3, 0x80), (0, 1), (1, 0), (3, 3), (2, fcr), (4, 0x0B)] {
            b.write(reg, value);
        }
        b
    }

    fn with<T>(&mut self, f: impl FnOnce(&mut Uart, &mut Ctx) -> T) -> T {
        f(&mut self.uart, &mut Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq })
    }

    fn write(&mut self, reg: u16, value: u8) {
        self.with(|u, ctx| u.write(ctx, 0x3F8 + reg, value));
    }

    fn read(&mut self, reg: u16) -> u8 {
        self.with(|u, ctx| u.read(ctx, 0x3F8 + reg))
    }

    fn push(&mut self, bytes: &[u8]) {
        self.with(|u, ctx| u.push_rx(ctx, bytes));
    }

    fn run(&mut self, ns: u64) {
        let end = self.now + ns;
        while self.sched.next_deadline() <= end {
            self.now = self.sched.next_deadline();
            assert_eq!(self.sched.pop_due(self.now), Some(EventId::Uart0));
            self.with(|u, ctx| u.event(ctx));
        }
        self.now = end;
    }

    fn irq4(&self) -> bool {
        self.irq.levels() & 1 << 4 != 0
    }
}

#[test]
fn a_byte_takes_its_time_and_lsr_tells() {
    let mut b = Bench::new(0);
    assert_eq!(b.read(5), 0x60);
    b.write(0, b'A');
    assert_eq!(b.read(5), 0x20, "moved to the shift register: THR empty, transmitter not");
    b.write(0, b'B');
    assert_eq!(b.read(5), 0x00);
    b.run(SENDING_NS - 1);
    assert_eq!(b.uart.take_tx(), b"");
    b.run(1);
    assert_eq!(b.uart.take_tx(), b"A");
    assert_eq!(b.read(5), 0x20);
    b.run(SENDING_NS);
    assert_eq!(b.read(5), 0x60);
    assert_eq!(b.uart.take_tx(), b"B");
}

#[test]
fn frame_length_follows_the_format() {
    let mut b = Bench::new(0);
    assert_eq!(b.uart.character_ns(), CHAR_115200);
    b.write(3, 0x83);
    b.write(0, 12);
    b.write(3, 0x1F); // 8 data, even parity, 2 stop bits at 9600
    assert_eq!(b.uart.character_ns(), 12 * NS_PER_SEC / 9600);
    b.write(3, 0x04); // 5 data, no parity, 1.5 stop
    assert_eq!(b.uart.character_ns(), 15 * NS_PER_SEC / 9600 / 2);
}

#[test]
fn fifo_takes_sixteen_behind_the_shift_register() {
    let mut b = Bench::new(0x07);
    for i in 0..17 {
        b.write(0, i);
    }
    b.run(17 * CHAR_115200);
    assert_eq!(b.uart.take_tx(), (0..17).collect::<Vec<u8>>());
    assert_eq!(b.read(5), 0x60);
}

#[test]
fn thre_interrupt_rules() {
    let mut b = Bench::new(0x07);
    // The probe of Linux' 8250 driver: enabling the interrupt raises it each time, without a character.
    for _ in 0..2 {
        b.write(1, 0x02);
        assert!(b.irq4());
        assert_eq!(b.read(2), 0xC2);
        assert!(!b.irq4(), "reading IIR takes it back");
        assert_eq!(b.read(2), 0xC1);
        b.write(1, 0);
    }
    b.write(1, 0x02);
    b.write(0, b'x');
    b.write(0, b'y');
    assert!(!b.irq4());
    b.run(SENDING_NS);
    assert!(b.irq4(), "FIFO ran empty");
    b.irq.take_edges();
    b.write(0, b'z');
    assert!(!b.irq4(), "writing THR clears it");
}

#[test]
fn writing_thr_in_the_handler_makes_the_next_edge() {
    let mut b = Bench::new(0);
    b.write(1, 0x02);
    b.irq.take_edges();
    b.write(0, b'a');
    assert!(b.irq4());
    assert_eq!(b.irq.take_edges(), 1 << 4);
}

#[test]
fn received_bytes_are_paced_and_wait_for_room() {
    let mut b = Bench::new(0);
    b.write(1, 0x01);
    b.push(b"hi");
    b.run(CHAR_115200 - 1);
    assert_eq!(b.read(5), 0x60);
    b.run(1);
    assert!(b.irq4());
    assert_eq!(b.read(2), 0x04);
    b.run(10 * CHAR_115200);
    assert_eq!(b.read(5), 0x61, "no overrun: the other end waits");
    assert_eq!(b.read(0), b'h');
    assert!(!b.irq4());
    b.run(CHAR_115200);
    assert_eq!(b.read(0), b'i');
    assert_eq!(b.read(5), 0x60);
}

#[test]
fn trigger_level_and_character_timeout() {
    let mut b = Bench::new(0x87); // trigger at 8
    b.write(1, 0x01);
    b.push(b"0123456789");
    b.run(7 * CHAR_115200);
    assert!(!b.irq4());
    b.run(CHAR_115200);
    assert_eq!(b.read(2), 0xC4);
    b.read(0);
    assert!(!b.irq4(), "below the trigger level");
    b.run(2 * CHAR_115200);
    assert_eq!(b.read(2), 0xC4, "ten came, one read");
    b.read(0);
    b.read(0);
    assert_eq!(b.read(2), 0xC1);
    b.run(4 * CHAR_115200);
    assert_eq!(b.read(2), 0xCC);
    assert_eq!(b.read(0), b'3');
    assert_eq!(b.read(2), 0xC1, "a read ends the timeout");
}

#[test]
fn fifo_detection_and_clearing() {
    let mut b = Bench::new(0);
    assert_eq!(b.read(2), 0x01);
    b.write(2, 0x01);
    assert_eq!(b.read(2), 0xC1);
    b.push(b"abc");
    b.run(3 * CHAR_115200);
    b.write(2, 0x03);
    assert_eq!(b.read(5), 0x60);
    b.write(7, 0x5A);
    assert_eq!(b.read(7), 0x5A);
    b.write(1, 0xFF);
    assert_eq!(b.read(1), 0x0F, "IER's high nibble reads 0");
}

#[test]
fn loopback_feeds_the_receiver_and_the_modem_lines() {
    let mut b = Bench::new(0x01);
    b.write(4, 0x1A); // LOOP, OUT2, RTS
    assert_eq!(b.read(6) & 0xF0, 0x90);
    b.write(4, 0x1F);
    assert_eq!(b.read(6) & 0xF0, 0xF0);
    for i in 0..40 {
        b.write(0, i);
    }
    b.run(20_000_000);
    assert_eq!(b.uart.take_tx(), b"");
    assert_eq!(b.read(5) & 0x03, 0x03, "data, and the overrun of the 17th");
    assert_eq!(b.read(5) & 0x02, 0x00);
    let mut count = 0;
    while b.read(5) & 1 != 0 {
        b.read(0);
        count += 1;
    }
    assert_eq!(count, 16);
}

#[test]
fn loopback_break_is_a_line_status_interrupt() {
    let mut b = Bench::new(0x01);
    b.write(4, 0x18);
    b.write(1, 0x05);
    b.write(3, 0x43);
    assert_eq!(b.read(2), 0xC6);
    assert_eq!(b.read(5), 0xF1);
    assert_eq!(b.read(2), 0xC4);
    assert_eq!(b.read(0), 0);
}

#[test]
fn modem_deltas_and_interrupt() {
    let mut b = Bench::new(0);
    assert_eq!(b.read(6), 0xB0);
    b.write(1, 0x08);
    b.with(|u, ctx| u.set_modem(ctx, MSR_RI));
    assert_eq!(b.read(2), 0x00);
    assert_eq!(b.read(6), 0x4B);
    assert!(!b.irq4());
    b.with(|u, ctx| u.set_modem(ctx, 0));
    assert_eq!(b.read(6), 0x04, "RI counts when it ends");
}

#[test]
fn out2_gates_the_line_and_an_idle_twin_leaves_it_alone() {
    let mut b = Bench::new(0);
    b.write(1, 0x02);
    assert!(b.irq4());
    let mut com3 = Uart::new(2);
    let mut ctx = Ctx { now: 0, sched: &mut b.sched, irq: &mut b.irq };
    com3.write(&mut ctx, 0x3E9, 0x02);
    com3.read(&mut ctx, 0x3EA);
    assert!(b.irq4());
    b.write(4, 0x03);
    assert!(!b.irq4());
}

#[test]
fn priorities() {
    let mut b = Bench::new(0);
    b.write(1, 0x0F);
    b.push(b"a");
    b.with(|u, ctx| u.set_modem(ctx, 0));
    b.run(CHAR_115200);
    assert_eq!(b.read(2), 0x04);
    b.read(0);
    assert_eq!(b.read(2), 0x02);
    assert_eq!(b.read(2), 0x00);
    b.read(6);
    assert_eq!(b.read(2), 0x01);
}

#[test]
fn divisor_zero_does_not_hang_a_poller() {
    let mut b = Bench::new(0);
    b.write(3, 0x83);
    b.write(0, 0);
    b.write(3, 0x03);
    b.write(0, b'!');
    b.run(CHAR_115200);
    assert_eq!(b.read(5), 0x60);
}

round_trip!(state_survives, {
    let mut b = Bench::new(0x87);
    b.push(b"incoming");
    b.write(0, 1);
    b.write(0, 2);
    b.run(3 * CHAR_115200);
    b.uart
});
