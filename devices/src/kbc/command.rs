//! The controller's commands (port 64h) and their parameters (port 60h).

use super::{CTR_AUX_OFF, CTR_KBD_OFF, CTR_SYS, Kbc, OUT_A20, OUT_IRQ1, OUT_IRQ12, OUT_RESET, Source};
use crate::ctx::Ctx;

/// Reply to the self test.
const SELF_TEST_OK: u8 = 0x55;
/// Reply to the interface tests.
const INTERFACE_OK: u8 = 0x00;
/// Reply to "is there a password".
const NO_PASSWORD: u8 = 0xF1;
/// Input port: keyboard not locked, manufacturing jumper open, second RAM bank enabled, colour display.
const INPUT_PORT: u8 = 0xB0;

impl Kbc {
    pub(super) fn command(&mut self, command: u8) {
        match command {
            0x20..=0x3F => self.reply(self.ram[usize::from(command & 0x1F)]),
            0x60..=0x7F | 0xA5 | 0xD1..=0xD4 => self.pending = Some(command),
            0xA4 => self.reply(NO_PASSWORD),
            0xA7 => self.ram[0] |= CTR_AUX_OFF,
            0xA8 => self.ram[0] &= !CTR_AUX_OFF,
            0xA9 | 0xAB => self.reply(INTERFACE_OK),
            0xAA => {
                self.replies.clear();
                self.output_full = false;
                self.system_flag = true;
                self.ram[0] |= CTR_SYS;
                self.reply(SELF_TEST_OK);
            }
            0xAD => self.ram[0] |= CTR_KBD_OFF,
            0xAE => self.ram[0] &= !CTR_KBD_OFF,
            0xC0 => self.reply(INPUT_PORT),
            0xC1 => self.polled_input = Some(INPUT_PORT << 4),
            0xC2 => self.polled_input = Some(INPUT_PORT & 0xF0),
            0xD0 => self.reply(self.output_port_value()),
            // Not IBM's, but firmware and boot loaders of the field use them.
            0xDD => self.output_port &= !OUT_A20,
            0xDF => self.output_port |= OUT_A20,
            0xE0 => self.reply(self.test_inputs()),
            // A zero bit pulses that line low for 6 us. A20 (bit 1) comes back before an instruction could tell.
            0xF0..=0xFF if command & OUT_RESET == 0 => self.reset_requested = true,
            _ => {}
        }
    }

    pub(super) fn parameter(&mut self, ctx: &mut Ctx, command: u8, value: u8) {
        match command {
            0x60..=0x7F => {
                self.ram[usize::from(command & 0x1F)] = value;
                if command == 0x60 {
                    self.system_flag = value & CTR_SYS != 0;
                }
            }
            // The password ends with a zero byte.
            0xA5 if value != 0 => self.pending = Some(command),
            0xD1 => {
                self.output_port = value;
                if value & OUT_RESET == 0 {
                    self.reset_requested = true;
                }
            }
            0xD2 => self.reply_from(Source::Keyboard, value),
            0xD3 => self.reply_from(Source::Aux, value),
            0xD4 => {
                self.ram[0] &= !CTR_AUX_OFF;
                self.mouse.command(ctx, value);
            }
            _ => {}
        }
    }

    fn reply(&mut self, byte: u8) {
        self.reply_from(Source::Keyboard, byte);
    }

    /// At once if the buffer is free, otherwise in turn.
    fn reply_from(&mut self, source: Source, byte: u8) {
        if self.output_full || !self.replies.is_empty() {
            self.replies.push_back((source, byte));
        } else {
            self.fill(source, byte);
        }
    }

    /// The output port with the lines that the controller drives itself.
    fn output_port_value(&self) -> u8 {
        let irq1 = if self.irq(Source::Keyboard) { OUT_IRQ1 } else { 0 };
        let irq12 = if self.irq(Source::Aux) { OUT_IRQ12 } else { 0 };
        (self.output_port & !(OUT_IRQ1 | OUT_IRQ12)) | irq1 | irq12
    }

    /// Test inputs: bit 0 keyboard clock, bit 1 mouse clock; held clocks read low.
    fn test_inputs(&self) -> u8 {
        u8::from(self.ram[0] & CTR_KBD_OFF == 0) | (u8::from(self.ram[0] & CTR_AUX_OFF == 0) << 1)
    }
}
