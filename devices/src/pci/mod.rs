//! PCI bus 0 of a 440FX/PIIX board: configuration mechanism 1 at CF8h/CFCh, reset control at CF9h and the functions
//! 00:00.0 host bridge, 00:01.0 ISA bridge, 00:01.1 IDE, 00:01.3 power management, 00:02.0 VGA (PCI 2.1, 3.7.4;
//! 82441FX, 82371SB, 82371AB datasheets).
//!
//! A configuration write answers with [`PciEffects`]: what the board has to look at again. Not modelled: bus errors,
//! special cycles, master enable bits.

mod config;
mod host;
mod piix3;
mod pm;
#[cfg(test)]
mod tests;
mod vga;

pub use host::{HostBridge, Shadow};
pub use piix3::{IdeFunction, IsaBridge};
pub use pm::{PM_TIMER_HZ, PORT_APMC, PORT_APMS, PORT_GPE, PowerManagement, PowerRequest};
pub use vga::VgaFunction;

use crate::ctx::{Ctx, IrqLines};
use serde::{Deserialize, Serialize};

/// CONFADD, 32-bit accesses only.
pub const PORT_ADDRESS: u16 = 0xCF8;
/// PIIX reset control, 8-bit accesses only.
pub const PORT_RESET: u16 = 0xCF9;
/// CONFDATA, four bytes.
pub const PORT_DATA: u16 = 0xCFC;

/// CONFADD: enable.
const ADDRESS_ENABLE: u32 = 1 << 31;
/// Reset control: a rising edge resets.
const RESET_CPU: u8 = 0x04;

bitflags::bitflags! {
    /// What a configuration write changed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PciEffects: u8 {
        /// The attribute map, SMRAM, or the VGA's frame buffer or ROM.
        const MEMORY = 1;
        /// A block of ports moved or was switched on or off.
        const PORTS = 2;
        /// PIRQ routes.
        const IRQ_ROUTES = 4;
        /// The guest asked for a reset.
        const RESET = 8;
    }
}

/// A port inside a block whose place configuration registers decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciPort {
    /// Bus master IDE, offset 0-15.
    BusMaster(u16),
    /// ACPI block, offset 0-63.
    Pm(u16),
    /// SMBus host, offset 0-15.
    SmBus(u16),
    /// General purpose event block, offset 0-3.
    Gpe(u16),
}

/// The interrupt line of pin `pin` (0 = INTA#) of the card in slot `slot`: neighbouring slots are wired one pin apart.
pub fn slot_line(slot: u8, pin: u8) -> u8 {
    IrqLines::PCI_INTA + (pin.wrapping_add(slot).wrapping_sub(1) & 3)
}

/// The bus with its functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PciBus {
    address: u32,
    reset_control: u8,
    /// 00:00.0.
    pub host: HostBridge,
    /// 00:01.0.
    pub isa: IsaBridge,
    /// 00:01.1.
    pub ide: IdeFunction,
    /// 00:01.3.
    pub pm: PowerManagement,
    /// 00:02.0.
    pub vga: Option<VgaFunction>,
}

impl PciBus {
    /// A bus; `vga` if the adapter is a PCI one.
    pub fn new(vga: Option<VgaFunction>) -> Self {
        Self {
            address: 0,
            reset_control: 0,
            host: HostBridge::default(),
            isa: IsaBridge::default(),
            ide: IdeFunction::default(),
            pm: PowerManagement::default(),
            vga,
        }
    }

    /// Hardware reset of all functions.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        self.address = 0;
        self.reset_control = 0;
        self.host = HostBridge::default();
        self.isa = IsaBridge::default();
        self.ide = IdeFunction::default();
        self.pm.reset(ctx);
        if let Some(vga) = &mut self.vga {
            vga.reset();
        }
    }

    /// Read of 1, 2 or 4 bytes at CF8h-CFFh.
    pub fn read(&self, port: u16, bytes: u8) -> u32 {
        match (port, bytes) {
            (PORT_ADDRESS, 4) => self.address,
            (PORT_RESET, 1) => u32::from(self.reset_control),
            (0xCFC..=0xCFF, 1 | 2 | 4) => {
                let first = port - PORT_DATA;
                (0..u16::from(bytes)).fold(0, |value, n| value | u32::from(self.read_config(first + n)) << (8 * n))
            }
            _ => u32::MAX >> (32 - 8 * u32::from(bytes.clamp(1, 4))),
        }
    }

    /// Write of 1, 2 or 4 bytes at CF8h-CFFh.
    pub fn write(&mut self, port: u16, bytes: u8, value: u32) -> PciEffects {
        let mut effects = PciEffects::empty();
        match (port, bytes) {
            (PORT_ADDRESS, 4) => self.address = value & 0x80FF_FFFC,
            (PORT_RESET, 1) => {
                let value = value as u8;
                if value & !self.reset_control & RESET_CPU != 0 {
                    effects = PciEffects::RESET;
                }
                self.reset_control = value & 0x06;
            }
            (0xCFC..=0xCFF, 1 | 2 | 4) => {
                for (n, byte) in (0..u16::from(bytes)).zip(value.to_le_bytes()) {
                    effects |= self.write_config(port - PORT_DATA + n, byte);
                }
            }
            _ => {}
        }
        effects
    }

    /// The function (device and function number) and register that byte `n` of CONFDATA stands for.
    fn decode_config(&self, n: u16) -> Option<(u8, u8, u8)> {
        let [register, devfn, bus, _] = self.address.to_le_bytes();
        let here = self.address & ADDRESS_ENABLE != 0 && bus == 0 && n < 4;
        here.then_some((devfn >> 3, devfn & 7, register & 0xFC | n as u8))
    }

    fn read_config(&self, n: u16) -> u8 {
        match self.decode_config(n) {
            Some((0, 0, r)) => self.host.get(r),
            Some((1, 0, r)) => self.isa.get(r),
            Some((1, 1, r)) => self.ide.get(r),
            Some((1, 3, r)) => self.pm.get(r),
            Some((2, 0, r)) => self.vga.as_ref().map_or(0xFF, |v| v.get(r)),
            _ => 0xFF,
        }
    }

    fn write_config(&mut self, n: u16, value: u8) -> PciEffects {
        let (changed, effect) = match self.decode_config(n) {
            Some((0, 0, r)) => (self.host.write(r, value), PciEffects::MEMORY),
            Some((1, 0, r)) => (self.isa.write(r, value), PciEffects::IRQ_ROUTES),
            Some((1, 1, r)) => (self.ide.write(r, value), PciEffects::PORTS),
            Some((1, 3, r)) => (self.pm.write_config(r, value), PciEffects::PORTS),
            Some((2, 0, r)) => (self.vga.as_mut().is_some_and(|v| v.write(r, value)), PciEffects::MEMORY),
            _ => (false, PciEffects::empty()),
        };
        if changed { effect } else { PciEffects::empty() }
    }

    /// The ISA interrupt lines (bit per line) that the PCI lines in `levels` ([`IrqLines::levels`]) drive.
    pub fn isa_irqs(&self, levels: u32) -> u16 {
        let pci = (levels >> IrqLines::PCI_INTA) as u8 & 0x0F;
        if pci == 0 {
            return 0;
        }
        let routed = (0..4).filter(|n| pci >> n & 1 != 0).filter_map(|n| self.isa.route(n));
        routed.fold(0, |lines, irq| lines | 1 << irq)
    }

    /// Finds `port` in the blocks that configuration registers place.
    pub fn decode_port(&self, port: u16) -> Option<PciPort> {
        let within = |base: Option<u16>, len: u16| port.checked_sub(base?).filter(|n| *n < len);
        if let Some(n) = within(self.ide.bus_master_base(), 16) {
            return Some(PciPort::BusMaster(n));
        }
        if let Some(n) = within(self.pm.pm_base(), 64) {
            return Some(PciPort::Pm(n));
        }
        if let Some(n) = within(self.pm.smbus_base(), 16) {
            return Some(PciPort::SmBus(n));
        }
        within(Some(PORT_GPE), 4).map(PciPort::Gpe)
    }
}
