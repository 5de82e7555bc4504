//! The keyboard controller: an 8042 with PS/2 mouse port at 60h and 64h, with the keyboard and mouse behind it.
//!
//! Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller" (commands, command
//! byte, ports); IBM AT Technical Reference for the command set that the PS/2 inherits.
//!
//! Invariants: bytes of the devices reach the output buffer one wire time apart (`EventId::KbcTransfer`), only when it
//! is empty and the device's clock is not held; the controller's own replies go first and appear at once in an empty
//! buffer. IRQ1 and IRQ12 are the level "buffer full from that source, interrupt enabled". Reading port 60h with an
//! empty buffer gives the last byte again.
//!
//! Not modelled: the input buffer (a write is taken at once, bit 1 of the status is always 0), parity and timeout
//! errors, the keyboard lock, and the password (there is none).

mod command;

use crate::ctx::Ctx;
use crate::keyboard::{BREAK, KeyCode, Keyboard, translate};
use crate::mouse::Mouse;
use crate::sched::EventId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Data port.
pub const PORT_DATA: u16 = 0x60;
/// Status (read) and command (write) port.
pub const PORT_COMMAND: u16 = 0x64;

const IRQ_KEYBOARD: u8 = 1;
const IRQ_MOUSE: u8 = 12;

/// Status: output buffer full.
const STATUS_OBF: u8 = 0x01;
/// Status: system flag, the self test has passed.
const STATUS_SYS: u8 = 0x04;
/// Status: the last write went to port 64h.
const STATUS_COMMAND: u8 = 0x08;
/// Status: keyboard not locked.
const STATUS_UNLOCKED: u8 = 0x10;
/// Status: the output buffer holds a mouse byte.
const STATUS_AUX: u8 = 0x20;

/// Command byte: keyboard interrupt.
const CTR_KBD_INT: u8 = 0x01;
/// Command byte: mouse interrupt.
const CTR_AUX_INT: u8 = 0x02;
/// Command byte: system flag.
const CTR_SYS: u8 = 0x04;
/// Command byte: keyboard clock held low.
const CTR_KBD_OFF: u8 = 0x10;
/// Command byte: mouse clock held low.
const CTR_AUX_OFF: u8 = 0x20;
/// Command byte: translate set 2 to set 1.
const CTR_TRANSLATE: u8 = 0x40;

/// Output port: low resets the system.
const OUT_RESET: u8 = 0x01;
/// Output port: A20 gate.
const OUT_A20: u8 = 0x02;
/// Output port: keyboard buffer full (IRQ1).
const OUT_IRQ1: u8 = 0x10;
/// Output port: mouse buffer full (IRQ12).
const OUT_IRQ12: u8 = 0x20;
/// Output port after power-on: everything high.
const OUT_POWER_ON: u8 = 0xCF;

/// Eleven bits at the keyboard's 12.5 kHz.
const DEVICE_BYTE_NS: u64 = 880_000;
/// From reading a byte to the controller's next one.
const REPLY_NS: u64 = 20_000;

/// Where a byte in the output buffer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    Keyboard,
    Aux,
}

/// The controller with its two devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kbc {
    /// The keyboard on the first port.
    pub keyboard: Keyboard,
    /// The mouse on the second port.
    pub mouse: Mouse,
    /// Controller RAM; byte 0 is the command byte.
    ram: [u8; 32],
    output: u8,
    output_full: bool,
    output_source: Source,
    /// Replies of the controller itself.
    replies: VecDeque<(Source, u8)>,
    /// Command that waits for its parameter.
    pending: Option<u8>,
    /// A keyboard F0h was taken by the translation.
    break_prefix: bool,
    system_flag: bool,
    last_was_command: bool,
    /// High nibble of the status while port 64h shows input port bits (C1h, C2h).
    polled_input: Option<u8>,
    output_port: u8,
    reset_requested: bool,
}

impl Default for Kbc {
    fn default() -> Self {
        Self::new()
    }
}

impl Kbc {
    /// Controller and devices after power-on: both ports held, translation on, A20 open.
    pub fn new() -> Self {
        let mut ram = [0; 32];
        ram[0] = CTR_TRANSLATE | CTR_KBD_OFF | CTR_AUX_OFF;
        Self {
            keyboard: Keyboard::new(),
            mouse: Mouse::new(),
            ram,
            output: 0,
            output_full: false,
            output_source: Source::Keyboard,
            replies: VecDeque::new(),
            pending: None,
            break_prefix: false,
            system_flag: false,
            last_was_command: true,
            polled_input: None,
            output_port: OUT_POWER_ON,
            reset_requested: false,
        }
    }

    /// Hardware reset of the controller and its devices.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        self.keyboard.reset(ctx);
        self.mouse.reset(ctx);
        let (keyboard, mouse) = (std::mem::take(&mut self.keyboard), std::mem::take(&mut self.mouse));
        *self = Self { keyboard, mouse, ..Self::new() };
        self.settle(ctx);
    }

    /// Whether the A20 gate of the output port is open.
    pub fn a20(&self) -> bool {
        self.output_port & OUT_A20 != 0
    }

    /// The board's one A20 line changed: the output port shows it.
    pub fn set_a20(&mut self, open: bool) {
        self.output_port = if open { self.output_port | OUT_A20 } else { self.output_port & !OUT_A20 };
    }

    /// Whether the guest has pulsed the reset line since the last call.
    pub fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.reset_requested)
    }

    /// A key goes down or up.
    pub fn key(&mut self, ctx: &mut Ctx, code: KeyCode, down: bool) {
        self.keyboard.key(ctx, code, down);
        self.settle(ctx);
    }

    /// Mouse input as [`Mouse::input`].
    pub fn mouse_input(&mut self, ctx: &mut Ctx, dx: i32, dy: i32, dz: i32, buttons: u8) {
        self.mouse.input(ctx, dx, dy, dz, buttons);
        self.settle(ctx);
    }

    /// Reads port 60h or 64h.
    pub fn read(&mut self, ctx: &mut Ctx, port: u16) -> u8 {
        if port == PORT_COMMAND {
            return self.status();
        }
        let byte = self.output;
        if self.output_full {
            self.output_full = false;
            self.settle(ctx);
        }
        byte
    }

    fn status(&self) -> u8 {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let low = flag(self.output_full, STATUS_OBF)
            | flag(self.system_flag, STATUS_SYS)
            | flag(self.last_was_command, STATUS_COMMAND);
        let high = STATUS_UNLOCKED | flag(self.output_full && self.output_source == Source::Aux, STATUS_AUX);
        low | self.polled_input.unwrap_or(high)
    }

    /// Writes port 60h or 64h.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        self.last_was_command = port == PORT_COMMAND;
        self.polled_input = None;
        if port == PORT_COMMAND {
            self.pending = None;
            self.command(value);
        } else if let Some(command) = self.pending.take() {
            self.parameter(ctx, command, value);
        } else {
            // Sending to a device releases its clock.
            self.ram[0] &= !CTR_KBD_OFF;
            self.keyboard.command(ctx, value);
        }
        self.settle(ctx);
    }

    /// `KbcTransfer`, `Keyboard` or `Mouse` is due.
    pub fn event(&mut self, ctx: &mut Ctx, id: EventId) {
        match id {
            EventId::KbcTransfer => self.transfer(),
            EventId::Keyboard => self.keyboard.event(ctx),
            EventId::Mouse => self.mouse.event(ctx),
            _ => {}
        }
        self.settle(ctx);
    }

    fn keyboard_ready(&self) -> bool {
        self.ram[0] & CTR_KBD_OFF == 0 && self.keyboard.has_output()
    }

    fn mouse_ready(&self) -> bool {
        self.ram[0] & CTR_AUX_OFF == 0 && self.mouse.has_output()
    }

    /// Moves the next byte into the output buffer.
    fn transfer(&mut self) {
        if self.output_full {
            return;
        }
        if let Some((source, byte)) = self.replies.pop_front() {
            self.fill(source, byte);
        } else if self.keyboard_ready() {
            if let Some(byte) = self.keyboard.take_output() {
                self.keyboard_byte(byte);
            }
        } else if self.mouse_ready()
            && let Some(byte) = self.mouse.take_output()
        {
            self.fill(Source::Aux, byte);
        }
    }

    fn keyboard_byte(&mut self, byte: u8) {
        if self.ram[0] & CTR_TRANSLATE == 0 {
            self.fill(Source::Keyboard, byte);
        } else if byte == BREAK {
            self.break_prefix = true;
        } else {
            let up = if std::mem::take(&mut self.break_prefix) { 0x80 } else { 0 };
            self.fill(Source::Keyboard, translate(byte) | up);
        }
    }

    fn fill(&mut self, source: Source, byte: u8) {
        self.output = byte;
        self.output_source = source;
        self.output_full = true;
    }

    /// After any change: replies into an empty buffer, the transfer timer, the interrupt lines.
    fn settle(&mut self, ctx: &mut Ctx) {
        if self.output_full {
            ctx.sched.cancel(EventId::KbcTransfer);
        } else if !self.replies.is_empty() {
            ctx.sched.set(EventId::KbcTransfer, ctx.now.saturating_add(REPLY_NS));
        } else if self.keyboard_ready() || self.mouse_ready() {
            if ctx.sched.deadline(EventId::KbcTransfer).is_none() {
                ctx.sched.set(EventId::KbcTransfer, ctx.now.saturating_add(DEVICE_BYTE_NS));
            }
        } else {
            ctx.sched.cancel(EventId::KbcTransfer);
        }
        ctx.irq.set(IRQ_KEYBOARD, self.irq(Source::Keyboard));
        ctx.irq.set(IRQ_MOUSE, self.irq(Source::Aux));
    }

    fn irq(&self, source: Source) -> bool {
        let enable = if source == Source::Aux { CTR_AUX_INT } else { CTR_KBD_INT };
        self.output_full && self.output_source == source && self.ram[0] & enable != 0
    }
}

#[cfg(test)]
mod tests;
