//! The port map. Accesses wider than a device's registers are split into bytes at ascending ports, as the bus does.

use super::{Board, FIRMWARE_LOG_MAX, IRQ_FERR, MAX_MAP, ctx, fwcfg};
use crate::loader::rom;
use rewind86_devices::ctx::Ctx;
use rewind86_devices::pci::{PORT_APMC, PORT_APMS, PciPort};
use rewind86_devices::{testdev, uart, vga::Vga};

/// Data ports of the IDE channels.
const IDE_DATA: [u16; 2] = [0x1F0, 0x170];
/// Clears the coprocessor error interrupt.
const PORT_CLEAR_FERR: u16 = 0xF0;
/// Debug output of SeaBIOS and OVMF; reads E9h.
const PORT_FIRMWARE_LOG: u16 = 0x402;

/// Whether all that an access to `port` can move outside its chip are interrupt lines and timers: the interval timer,
/// port 61h and 80h, the clock, the serial ports, IDE and the VGA. Not the keyboard controller (A20, reset), the interrupt
/// controllers, PCI and what it places.
#[inline]
pub(super) fn only_lines_and_timers(port: u16, size: u8) -> bool {
    match port {
        0x40..=0x43 | 0x61 | 0x70..=0x73 | 0x80 | 0x3B0..=0x3DF | 0x2F8..=0x2FF | 0x3F8..=0x3FF => size == 1,
        0x1F0 | 0x170 => true,
        0x1F1..=0x1F7 | 0x171..=0x177 => size == 1,
        _ => false,
    }
}

impl Board {
    /// Physical address of the linear frame buffer while it is decoded.
    pub(super) fn frame_buffer(&self) -> Option<u64> {
        self.pci.vga.as_ref()?.framebuffer()
    }

    pub(super) fn read_port(&mut self, now: u64, port: u16, size: u8) -> u32 {
        let mut ctx = ctx!(self, now);
        match (port, size) {
            (0x1F0 | 0x170, 2) => u32::from(self.ide.read_data16(&mut ctx, channel(port))),
            (0x1F0 | 0x170, 4) => self.ide.read_data32(&mut ctx, channel(port)),
            (0xCF8..=0xCFF, _) => self.pci.read(port, size),
            (0x1CE..=0x1CF, 2) => u32::from(self.vga.read16(&mut ctx, port)),
            (rom::PORT_DOORBELL, 2) => u32::from(self.doorbell.entry.0),
            (rom::PORT_STACK, 2) => u32::from(self.doorbell.entry.1),
            (_, 1) => u32::from(self.read_byte(now, port)),
            _ => (0..size.min(4))
                .fold(0, |value, i| value | u32::from(self.read_byte(now, port.wrapping_add(u16::from(i)))) << (8 * i)),
        }
    }

    pub(super) fn write_port(&mut self, now: u64, port: u16, size: u8, value: u32) {
        let mut ctx = ctx!(self, now);
        match (port, size) {
            (0x1F0 | 0x170, 2) => self.ide.write_data16(&mut ctx, channel(port), value as u16),
            (0x1F0 | 0x170, 4) => self.ide.write_data32(&mut ctx, channel(port), value),
            (0xCF8..=0xCFF, _) => {
                let effects = self.pci.write(port, size, value);
                self.pci_changed(effects);
            }
            (0x1CE..=0x1CF, 2) => self.vga.write16(&mut ctx, port, value as u16),
            (fwcfg::PORT_SELECTOR, 2) => self.fwcfg.select(value as u16),
            (_, 1) => self.write_byte(now, port, value as u8),
            _ => {
                for i in 0..size.min(4) {
                    self.write_byte(now, port.wrapping_add(u16::from(i)), (value >> (8 * i)) as u8);
                }
            }
        }
    }

    fn read_byte(&mut self, now: u64, port: u16) -> u8 {
        let mut ctx = ctx!(self, now);
        match port {
            0x00..=0x0F | 0xC0..=0xDF => self.dma.read(port),
            0x20 | 0x21 | 0xA0 | 0xA1 | 0x4D0 | 0x4D1 => {
                // The controller answers from the lines as they are.
                self.sync_interrupts();
                self.pic.read(port)
            }
            0x40..=0x43 => self.pit.read(&mut ctx, port),
            0x60 | 0x64 => self.kbc.read(&mut ctx, port),
            0x61 | 0x80 | 0x92 | 0xE9 => self.sysctl.read(&mut ctx, &mut self.pit, port),
            0x70..=0x73 => self.rtc.read(&mut ctx, port),
            0x81..=0x8F => self.dma.read(port),
            0x1F0..=0x1F7 | 0x170..=0x177 | 0x3F6 | 0x376 => self.ide.read(&mut ctx, port),
            0x378..=0x37A => self.lpt.read(port),
            0x3F0..=0x3F5 | 0x3F7 => self.fdc.read(&mut ctx, port),
            PORT_APMC | PORT_APMS => self.pci.pm.read_apm(port),
            PORT_FIRMWARE_LOG => 0xE9,
            testdev::PORT_FIRST..=testdev::PORT_LAST => self.testdev.read_port(port),
            fwcfg::PORT_DATA => self.fwcfg.read(),
            _ if Vga::claims(port) => self.vga.read(&mut ctx, port),
            _ => {
                if let Some(uart) = self.uart_at(port) {
                    return self.uarts.get_mut(uart).map_or(0xFF, |u| u.read(&mut ctx!(self, now), port));
                }
                match self.pci.decode_port(port) {
                    Some(PciPort::BusMaster(n)) => self.ide.bm_read(n),
                    Some(PciPort::Pm(n)) => self.pci.pm.read(&mut ctx!(self, now), n),
                    Some(PciPort::SmBus(n)) => self.pci.pm.read_smbus(n),
                    Some(PciPort::Gpe(n)) => self.pci.pm.read_gpe(n),
                    None => 0xFF,
                }
            }
        }
    }

    fn write_byte(&mut self, now: u64, port: u16, value: u8) {
        let mut ctx = ctx!(self, now);
        match port {
            0x00..=0x0F | 0xC0..=0xDF => self.dma.write(port, value),
            0x20 | 0x21 | 0xA0 | 0xA1 | 0x4D0 | 0x4D1 => self.pic.write(port, value),
            0x40..=0x43 => self.pit.write(&mut ctx, port, value),
            0x60 | 0x64 => self.kbc.write(&mut ctx, port, value),
            0x61 | 0x80 | 0x92 | 0xE9 | 0xF4 => self.sysctl.write(&mut ctx, &mut self.pit, port, value),
            0x70..=0x73 => self.rtc.write(&mut ctx, port, value),
            0x81..=0x8F => self.dma.write(port, value),
            PORT_APMC | PORT_APMS => self.pci.pm.write_apm(&mut ctx, port, value),
            PORT_CLEAR_FERR => self.irq.set(IRQ_FERR, false),
            0x1F0..=0x1F7 | 0x170..=0x177 | 0x3F6 | 0x376 => self.ide.write(&mut ctx, port, value),
            0x378..=0x37A => self.lpt.write(&mut ctx, port, value),
            0x3F0..=0x3F5 | 0x3F7 => self.fdc.write(&mut ctx, port, value),
            PORT_FIRMWARE_LOG if self.firmware_log.len() < FIRMWARE_LOG_MAX => self.firmware_log.push(value),
            testdev::PORT_FIRST..=testdev::PORT_LAST => self.testdev.write_port(port, value),
            testdev::PORT_LINES..=testdev::PORT_LINES_LAST if self.testdev.present() => {
                self.testdev.write_line(&mut ctx, port, value);
            }
            rom::PORT_DOORBELL => self.requests.kernel = true,
            rom::PORT_MAP if self.doorbell.map.len() < MAX_MAP => self.doorbell.map.push(value),
            _ if Vga::claims(port) => self.vga.write(&mut ctx, port, value),
            _ => {
                if let Some(uart) = self.uart_at(port).and_then(|n| self.uarts.get_mut(n)) {
                    uart.write(&mut ctx!(self, now), port, value);
                    return;
                }
                match self.pci.decode_port(port) {
                    Some(PciPort::BusMaster(n)) => self.ide.bm_write(&mut ctx!(self, now), n, value),
                    Some(PciPort::Pm(n)) => self.pci.pm.write(&mut ctx!(self, now), n, value),
                    Some(PciPort::SmBus(n)) => self.pci.pm.write_smbus(n, value),
                    Some(PciPort::Gpe(n)) => self.pci.pm.write_gpe(n, value),
                    None => {}
                }
            }
        }
    }

    fn uart_at(&self, port: u16) -> Option<usize> {
        uart::PORTS.iter().position(|base| *base == port & !7)
    }
}

/// The IDE channel whose data port is `port`.
fn channel(port: u16) -> u8 {
    u8::from(port == IDE_DATA[1])
}
