//! The interrupt controllers: two cascaded 8259A as in a PIIX3, ports 20-21h, A0-A1h, and ELCR at 4D0-4D1h.
//!
//! Source: Intel 8259A data sheet (231468), "Programming the 8259A" (ICW1-4, OCW1-3, EOI forms, special mask, poll);
//! 82371SB (PIIX3) data sheet, "Interrupt Controller" and ELCR1/ELCR2.
//!
//! Invariants: the slave's INT output is the master's IR2; `sync` must run after every change of an interrupt line
//! and before `int_output` is asked. A request in edge mode disappears when its input falls before the acknowledge;
//! an acknowledge with nothing pending answers level 7 without setting an in-service bit (spurious IRQ7/IRQ15).
//!
//! Not modelled: MCS-80/85 CALL sequences and buffered mode (ICW4 bits 0, 2, 3), other cascade wirings than the AT's
//! (ICW3 is remembered only), and ICW1's LTIM and ADI bits, which the PIIX3 disregards: ELCR chooses edge or level.

mod chip;

use chip::Chip;
use serde::{Deserialize, Serialize};

/// Master command and data ports.
pub const PORT_MASTER: u16 = 0x20;
/// Slave command and data ports.
pub const PORT_SLAVE: u16 = 0xA0;
/// Edge/level control registers, master then slave.
pub const PORT_ELCR: u16 = 0x4D0;

/// Master input that the slave drives.
const CASCADE: u8 = 2;
/// Level reported when nothing is pending.
const SPURIOUS: u8 = 7;
/// IRQ0-2 are always edge triggered.
const ELCR1_WRITABLE: u8 = 0xF8;
/// IRQ8 and IRQ13 are always edge triggered.
const ELCR2_WRITABLE: u8 = 0xDE;

/// The controller pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pic {
    master: Chip,
    slave: Chip,
}

impl Default for Pic {
    fn default() -> Self {
        Self::new()
    }
}

impl Pic {
    /// Both controllers as after power-on: uninitialised, nothing masked, nothing pending.
    pub fn new() -> Self {
        Self { master: Chip::new(Some(CASCADE)), slave: Chip::new(None) }
    }

    /// Hardware reset.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Takes the levels of the 16 ISA lines, and those that rose since the last call.
    #[inline]
    pub fn sync(&mut self, levels: u16, rose: u16) {
        let seen = u16::from_le_bytes([self.master.inputs, self.slave.inputs]);
        if rose != 0 || (seen ^ levels) & !(1 << CASCADE) != 0 {
            self.take(levels, rose);
        }
    }

    fn take(&mut self, levels: u16, rose: u16) {
        let (levels, edges) = (levels.to_le_bytes(), rose.to_le_bytes());
        self.slave.set_inputs(levels[1], edges[1]);
        self.master.set_inputs(levels[0] & !(1 << CASCADE), edges[0] & !(1 << CASCADE));
        self.update_cascade();
    }

    /// The INT line to the CPU.
    pub fn int_output(&self) -> bool {
        self.master.pending().is_some()
    }

    /// The INTA cycle: the vector of the highest request, which goes into service.
    pub fn ack(&mut self) -> u8 {
        let level = self.master.acknowledge();
        let vector = if level == Some(CASCADE) {
            let from_slave = self.slave.acknowledge().unwrap_or(SPURIOUS);
            self.slave.vector(from_slave)
        } else {
            self.master.vector(level.unwrap_or(SPURIOUS))
        };
        self.update_cascade();
        vector
    }

    /// Reads one of the six ports; others read FFh. A poll read acknowledges.
    pub fn read(&mut self, port: u16) -> u8 {
        let value = match port {
            0x20 | 0x21 => self.master.read(port & 1 != 0),
            0xA0 | 0xA1 => self.slave.read(port & 1 != 0),
            0x4D0 => self.master.elcr,
            0x4D1 => self.slave.elcr,
            _ => 0xFF,
        };
        self.update_cascade();
        value
    }

    /// Writes one of the six ports.
    pub fn write(&mut self, port: u16, value: u8) {
        match port {
            0x20 | 0x21 => self.master.write(port & 1 != 0, value),
            0xA0 | 0xA1 => self.slave.write(port & 1 != 0, value),
            0x4D0 => self.master.set_elcr(value & ELCR1_WRITABLE),
            0x4D1 => self.slave.set_elcr(value & ELCR2_WRITABLE),
            _ => {}
        }
        self.update_cascade();
    }

    fn update_cascade(&mut self) {
        self.master.set_cascade(self.slave.pending().is_some());
    }
}

#[cfg(test)]
mod tests;
