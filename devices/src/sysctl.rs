//! System control ports: 61h (speaker, timer 2 gate, refresh), 92h (fast A20 and reset), 80h (POST code), and the
//! emulator conventions E9h (debug output) and F4h (debug exit).
//!
//! Source: IBM AT Technical Reference, "System Board I/O" (port 61h); IBM PS/2 Model 50/60 Technical Reference,
//! "System Control Port A" (92h); 82371SB (PIIX3) data sheet, NMI Status and Control. E9h is Bochs' and QEMU's
//! convention: what is written is text, a read gives E9h.
//!
//! Invariants: bits 4 and 5 of port 61h are computed from the time: bit 4 toggles at each DRAM refresh, every 18
//! ticks of the timer (15.09 us), whatever counter 1 is set to. The reset and exit requests stay until taken.
//!
//! Not modelled: parity and channel check (bits 6 and 7 read 0), the PS/2's lights and password lock of port 92h, whose
//! bits are only remembered.

use crate::ctx::{Ctx, ticks_at};
use crate::pit::{PIT_HZ, Pit};
use serde::{Deserialize, Serialize};

/// NMI status and control, "system control port B".
pub const PORT_CONTROL_B: u16 = 0x61;
/// POST code.
pub const PORT_POST: u16 = 0x80;
/// System control port A.
pub const PORT_CONTROL_A: u16 = 0x92;
/// Debug output.
pub const PORT_DEBUG: u16 = 0xE9;
/// Debug exit.
pub const PORT_EXIT: u16 = 0xF4;

/// Port 61h: gate of timer counter 2.
const B_GATE2: u8 = 0x01;
/// Port 61h: speaker data.
const B_SPEAKER: u8 = 0x02;
/// Port 61h: bits that a write sets.
const B_WRITABLE: u8 = 0x0F;
/// Port 61h: toggles at each refresh.
const B_REFRESH: u8 = 0x10;
/// Port 61h: output of timer counter 2.
const B_OUT2: u8 = 0x20;
/// Timer ticks between two refreshes.
const REFRESH_TICKS: u64 = 18;

/// Port 92h: fast reset, on a rising edge.
const A_RESET: u8 = 0x01;
/// Port 92h: A20.
const A_A20: u8 = 0x02;

/// The ports' state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctl {
    control_b: u8,
    control_a: u8,
    post: u8,
    reset_requested: bool,
    exit_enabled: bool,
    exit_value: Option<u8>,
    /// Debug output not yet taken; the host's, not the guest's state.
    #[serde(skip)]
    debug: Vec<u8>,
}

impl Sysctl {
    /// After power-on. `debug_exit` connects port F4h.
    pub fn new(debug_exit: bool) -> Self {
        Self {
            control_b: 0,
            control_a: 0,
            post: 0,
            reset_requested: false,
            exit_enabled: debug_exit,
            exit_value: None,
            debug: Vec::new(),
        }
    }

    /// Hardware reset. Debug output waits on.
    pub fn reset(&mut self) {
        *self = Self { debug: std::mem::take(&mut self.debug), ..Self::new(self.exit_enabled) };
    }

    /// Whether port 92h opens A20.
    pub fn a20(&self) -> bool {
        self.control_a & A_A20 != 0
    }

    /// The board's one A20 line changed: port 92h shows it.
    pub fn set_a20(&mut self, open: bool) {
        self.control_a = if open { self.control_a | A_A20 } else { self.control_a & !A_A20 };
    }

    /// Whether port 92h asked for a reset since the last call.
    pub fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.reset_requested)
    }

    /// The value written to the debug exit port, if any since the last call.
    pub fn take_exit(&mut self) -> Option<u8> {
        self.exit_value.take()
    }

    /// The last POST code.
    pub fn post_code(&self) -> u8 {
        self.post
    }

    /// The text written to the debug port since the last call.
    pub fn take_debug(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.debug)
    }

    /// Whether the speaker is connected to timer counter 2 (port 61h bit 1).
    pub fn speaker_data(&self) -> bool {
        self.control_b & B_SPEAKER != 0
    }

    /// Reads one of the five ports.
    pub fn read(&mut self, ctx: &mut Ctx, pit: &mut Pit, port: u16) -> u8 {
        match port {
            PORT_CONTROL_B => {
                let refreshes = ticks_at(ctx.now, PIT_HZ) / REFRESH_TICKS;
                let refresh = if refreshes & 1 != 0 { B_REFRESH } else { 0 };
                let out2 = if pit.out2(ctx.now) { B_OUT2 } else { 0 };
                self.control_b | refresh | out2
            }
            PORT_POST => self.post,
            PORT_CONTROL_A => self.control_a,
            PORT_DEBUG => 0xE9,
            _ => 0xFF,
        }
    }

    /// Writes one of the five ports.
    pub fn write(&mut self, ctx: &mut Ctx, pit: &mut Pit, port: u16, value: u8) {
        match port {
            PORT_CONTROL_B => {
                self.control_b = value & B_WRITABLE;
                pit.set_gate2(ctx, value & B_GATE2 != 0);
            }
            PORT_POST => self.post = value,
            PORT_CONTROL_A => {
                self.reset_requested |= value & !self.control_a & A_RESET != 0;
                self.control_a = value;
            }
            PORT_DEBUG => self.debug.push(value),
            PORT_EXIT if self.exit_enabled => self.exit_value = Some(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctx::IrqLines;
    use crate::sched::Scheduler;

    struct Bench {
        sys: Sysctl,
        pit: Pit,
        sched: Scheduler,
        irq: IrqLines,
        now: u64,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                sys: Sysctl::new(true),
                pit: Pit::new(),
                sched: Scheduler::default(),
                irq: IrqLines::default(),
                now: 0,
            }
        }

        fn read(&mut self, port: u16) -> u8 {
            let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
            self.sys.read(&mut ctx, &mut self.pit, port)
        }

        fn write(&mut self, port: u16, value: u8) {
            let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
            self.sys.write(&mut ctx, &mut self.pit, port, value);
        }
    }

    #[test]
    fn refresh_bit_toggles_every_fifteen_microseconds() {
        let mut b = Bench::new();
        let mut toggles = 0;
        let mut last = b.read(0x61) & B_REFRESH;
        for us in 1..=1000 {
            b.now = us * 1000;
            let bit = b.read(0x61) & B_REFRESH;
            toggles += u32::from(bit != last);
            last = bit;
        }
        assert_eq!(toggles, 66);
    }

    #[test]
    fn timer_2_gate_and_output() {
        let mut b = Bench::new();
        b.write(0x61, 0x01);
        assert!(b.pit.gate2());
        let mut ctx = Ctx { now: 0, sched: &mut b.sched, irq: &mut b.irq };
        for (port, value) in [(0x43, 0xB0), (0x42, 100), (0x42, 0)] {
            b.pit.write(&mut ctx, port, value);
        }
        b.now = 84_000;
        assert_eq!(b.read(0x61) & !B_REFRESH, 0x01);
        b.now = 85_000;
        assert_eq!(b.read(0x61) & !B_REFRESH, 0x21);
        b.write(0x61, 0xFE);
        assert!(!b.pit.gate2() && b.sys.speaker_data());
        assert_eq!(b.read(0x61) & 0x0F, 0x0E);
    }

    #[test]
    fn port_92_opens_a20_and_resets_on_an_edge() {
        let mut b = Bench::new();
        assert_eq!(b.read(0x92), 0);
        b.write(0x92, 0x02);
        assert!(b.sys.a20());
        assert_eq!(b.read(0x92), 2);
        assert!(!b.sys.take_reset());
        b.write(0x92, 0x03);
        assert!(b.sys.take_reset());
        b.write(0x92, 0x03);
        assert!(!b.sys.take_reset(), "the bit was set already");
    }

    #[test]
    fn post_debug_and_exit() {
        let mut b = Bench::new();
        b.write(0x80, 0x42);
        assert_eq!((b.read(0x80), b.sys.post_code()), (0x42, 0x42));
        assert_eq!(b.read(0xE9), 0xE9);
        for &c in b"ok\n" {
            b.write(0xE9, c);
        }
        assert_eq!(b.sys.take_debug(), b"ok\n");
        assert_eq!(b.sys.take_debug(), b"");
        b.write(0xF4, 0x10);
        assert_eq!((b.sys.take_exit(), b.sys.take_exit()), (Some(0x10), None));
        b.sys = Sysctl::new(false);
        b.write(0xF4, 0x10);
        assert_eq!(b.sys.take_exit(), None);
    }

    round_trip!(state_survives, {
        let mut b = Bench::new();
        b.write(0x61, 3);
        b.write(0x92, 2);
        b.write(0xF4, 9);
        b.sys
    });
}
