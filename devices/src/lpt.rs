//! The parallel port: SPP at 378-37Ah with a printer that takes every byte, IRQ7.
//!
//! Source: IBM PC/AT Technical Reference, "Parallel Printer Adapter" (data, status and control registers, handshake);
//! IEEE 1284 compatibility mode for BUSY and nACK.
//!
//! Invariants: a byte is taken at the falling edge of nSTROBE (control bit 0 going to 1); the printer is busy until
//! nACK, 5 us later (`EventId::Lpt0`), whose end pulses IRQ7 if control bit 4 allows it.
//!
//! Not modelled: EPP, ECP and input from the port's data lines (bit 5 of the control register turns the outputs off;
//! reads then give the pulled-up lines), paper-out and error conditions.

use crate::ctx::Ctx;
use crate::sched::EventId;
use serde::{Deserialize, Serialize};

/// First of the three ports of LPT1.
pub const PORT_BASE: u16 = 0x378;
const IRQ: u8 = 7;

/// Status: not busy (the BUSY pin is inverted).
const STATUS_NOT_BUSY: u8 = 0x80;
/// Status: nACK is high, no acknowledge under way.
const STATUS_NO_ACK: u8 = 0x40;
/// Status: the printer is selected.
const STATUS_SELECTED: u8 = 0x10;
/// Status: no error.
const STATUS_NO_ERROR: u8 = 0x08;
/// Status: bits without a pin.
const STATUS_UNUSED: u8 = 0x07;

/// Control: strobe.
const CONTROL_STROBE: u8 = 0x01;
/// Control: nINIT; low resets the printer.
const CONTROL_NOT_INIT: u8 = 0x04;
/// Control: select the printer.
const CONTROL_SELECT: u8 = 0x08;
/// Control: acknowledge interrupt enable.
const CONTROL_IRQ: u8 = 0x10;
/// Control: data lines are inputs.
const CONTROL_INPUT: u8 = 0x20;
/// Control: bits that read as ones.
const CONTROL_UNUSED: u8 = 0xC0;

/// From the strobe to the end of the acknowledge.
const ACK_NS: u64 = 5_000;

/// The port and its printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lpt {
    data: u8,
    control: u8,
    busy: bool,
    /// Bytes printed and not yet taken; the host's, not the guest's state.
    #[serde(skip)]
    printed: Vec<u8>,
}

impl Default for Lpt {
    fn default() -> Self {
        Self::new()
    }
}

impl Lpt {
    /// After power-on: idle, printer selected by the driver later.
    pub fn new() -> Self {
        Self { data: 0, control: CONTROL_NOT_INIT | CONTROL_SELECT, busy: false, printed: Vec::new() }
    }

    /// Hardware reset. Printed bytes wait on.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        *self = Self { printed: std::mem::take(&mut self.printed), ..Self::new() };
        ctx.sched.cancel(EventId::Lpt0);
    }

    /// The bytes printed since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.printed)
    }

    /// Reads port 378-37Ah.
    pub fn read(&mut self, port: u16) -> u8 {
        match port & 3 {
            0 if self.control & CONTROL_INPUT != 0 => 0xFF,
            0 => self.data,
            1 => {
                let ready = if self.busy { 0 } else { STATUS_NOT_BUSY | STATUS_NO_ACK };
                let selected = if self.control & CONTROL_SELECT != 0 { STATUS_SELECTED } else { 0 };
                ready | selected | STATUS_NO_ERROR | STATUS_UNUSED
            }
            2 => self.control | CONTROL_UNUSED,
            _ => 0xFF,
        }
    }

    /// Writes port 378-37Ah.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        match port & 3 {
            0 => self.data = value,
            2 => self.write_control(ctx, value & !CONTROL_UNUSED),
            _ => {}
        }
    }

    fn write_control(&mut self, ctx: &mut Ctx, value: u8) {
        let strobe = value & !self.control & CONTROL_STROBE != 0;
        self.control = value;
        if value & CONTROL_NOT_INIT == 0 {
            self.busy = false;
            ctx.sched.cancel(EventId::Lpt0);
        } else if strobe && !self.busy {
            self.printed.push(if value & CONTROL_INPUT != 0 { 0xFF } else { self.data });
            self.busy = true;
            ctx.sched.set(EventId::Lpt0, ctx.now.saturating_add(ACK_NS));
        }
    }

    /// `EventId::Lpt0` is due: the acknowledge ends.
    pub fn event(&mut self, ctx: &mut Ctx) {
        self.busy = false;
        if self.control & CONTROL_IRQ != 0 {
            ctx.irq.pulse(IRQ);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctx::IrqLines;
    use crate::sched::Scheduler;

    struct Bench {
        lpt: Lpt,
        sched: Scheduler,
        irq: IrqLines,
        now: u64,
    }

    impl Bench {
        fn new() -> Self {
            Self { lpt: Lpt::new(), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 }
        }

        fn with<T>(&mut self, f: impl FnOnce(&mut Lpt, &mut Ctx) -> T) -> T {
            f(&mut self.lpt, &mut Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq })
        }

        fn write(&mut self, port: u16, value: u8) {
            self.with(|l, ctx| l.write(ctx, port, value));
        }

        /// As INT 17h prints.
        fn print(&mut self, byte: u8) {
            self.write(0x378, byte);
            self.write(0x37A, 0x0D);
            self.write(0x37A, 0x0C);
        }

        fn acknowledge(&mut self) {
            self.now = self.sched.next_deadline();
            assert_eq!(self.sched.pop_due(self.now), Some(EventId::Lpt0));
            self.with(|l, ctx| l.event(ctx));
        }
    }

    #[test]
    fn strobe_busy_acknowledge() {
        let mut b = Bench::new();
        assert_eq!(b.lpt.read(0x379), 0xDF);
        b.print(b'X');
        assert_eq!(b.lpt.read(0x379), 0x1F, "busy");
        b.print(b'!');
        b.acknowledge();
        assert_eq!(b.lpt.read(0x379), 0xDF);
        b.print(b'Y');
        assert_eq!(b.lpt.take_output(), b"XY", "a strobe while busy is lost");
        assert_eq!(b.irq.take_edges(), 0);
    }

    #[test]
    fn interrupt_at_the_acknowledge() {
        let mut b = Bench::new();
        b.write(0x378, b'i');
        b.write(0x37A, 0x1D);
        b.acknowledge();
        assert_eq!(b.irq.take_edges(), 1 << 7);
    }

    #[test]
    fn registers_read_back() {
        let mut b = Bench::new();
        b.write(0x378, 0xAA);
        b.write(0x37A, 0x04);
        assert_eq!((b.lpt.read(0x378), b.lpt.read(0x37A)), (0xAA, 0xC4));
        assert_eq!(b.lpt.read(0x379) & STATUS_SELECTED, 0);
        b.write(0x37A, 0x24);
        assert_eq!(b.lpt.read(0x378), 0xFF);
    }

    #[test]
    fn initialise_ends_busy() {
        let mut b = Bench::new();
        b.print(b'X');
        b.write(0x37A, 0x08);
        b.write(0x37A, 0x0C);
        assert_eq!(b.lpt.read(0x379), 0xDF);
        assert_eq!(b.sched.next_deadline(), u64::MAX);
    }

    round_trip!(state_survives, {
        let mut b = Bench::new();
        b.print(b'X');
        b.lpt
    });
}
