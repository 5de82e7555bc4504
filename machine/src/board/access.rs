//! The processor's side of the board: port and device-memory accesses, the interrupt acknowledge, FERR#.

use super::{Board, IRQ_FERR, apic};
use rewind86_cpu::bus::{Bus, Lines};
use rewind86_devices::vga::VRAM_SIZE;

/// The video memory window.
const VGA_WINDOW: std::ops::Range<u64> = 0xA0000..0xC0000;

impl Bus for Board {
    fn io_read(&mut self, lines: &mut Lines, icount: u64, port: u16, size: u8) -> u32 {
        let now = self.now(icount);
        let value = self.read_port(now, port, size);
        self.settle_port(lines, port, size);
        value
    }

    fn io_write(&mut self, lines: &mut Lines, icount: u64, port: u16, size: u8, value: u32) {
        let now = self.now(icount);
        self.write_port(now, port, size, value);
        self.settle_port(lines, port, size);
    }

    fn mmio_read(&mut self, lines: &mut Lines, icount: u64, addr: u64, size: u8) -> u64 {
        if let Some(place) = apic::decode(&lines.apic, addr) {
            let value = self.read_apic(lines, icount, place);
            return u64::from(value) & (u64::MAX >> (64 - 8 * u32::from(size.clamp(1, 8))));
        }
        if VGA_WINDOW.contains(&addr) {
            return self.vga.mem_read_n((addr - VGA_WINDOW.start) as u32, u32::from(size));
        }
        if let Some(offset) = self.frame_buffer_offset(addr) {
            return self.vga.lfb_read(offset, u32::from(size));
        }
        match self.testdev.memory(addr, size) {
            Some(bytes) => bytes.iter().rev().fold(0, |value, &b| value << 8 | u64::from(b)),
            None => u64::MAX >> (64 - 8 * u32::from(size.clamp(1, 8))),
        }
    }

    fn mmio_write(&mut self, lines: &mut Lines, icount: u64, addr: u64, size: u8, value: u64) {
        if let Some(place) = apic::decode(&lines.apic, addr) {
            self.write_apic(lines, icount, place, size, value as u32);
        } else if VGA_WINDOW.contains(&addr) {
            self.vga.mem_write_n((addr - VGA_WINDOW.start) as u32, u32::from(size), value);
        } else if let Some(offset) = self.frame_buffer_offset(addr) {
            self.vga.lfb_write(offset, u32::from(size), value);
        } else if let Some(bytes) = self.testdev.memory(addr, size) {
            bytes.iter_mut().zip(value.to_le_bytes()).for_each(|(to, from)| *to = from);
        }
    }

    fn mmio_write_run(&mut self, _lines: &mut Lines, addr: u64, data: &[u8]) -> bool {
        let last = addr + data.len() as u64 - 1;
        if VGA_WINDOW.contains(&addr) && VGA_WINDOW.contains(&last) {
            self.vga.mem_write_run((addr - VGA_WINDOW.start) as u32, data);
            return true;
        }
        match self.frame_buffer_offset(addr) {
            Some(offset) => self.vga.lfb_write_run(offset, data),
            None => return false,
        }
        true
    }

    fn int_ack(&mut self, lines: &mut Lines, _icount: u64) -> u8 {
        let vector = self.acknowledge_interrupt(lines);
        self.settle(lines);
        vector
    }

    fn apic_written(&mut self, lines: &mut Lines, icount: u64) {
        self.apic_base_written(lines, icount);
        self.settle(lines);
    }

    fn ferr(&mut self, lines: &mut Lines, _icount: u64, asserted: bool) {
        self.irq.set(IRQ_FERR, asserted);
        self.settle(lines);
    }
}

impl Board {
    /// The offset of `addr` in the linear frame buffer.
    fn frame_buffer_offset(&self, addr: u64) -> Option<u32> {
        let base = self.frame_buffer()?;
        let offset = addr.checked_sub(base)?;
        (offset < VRAM_SIZE as u64).then_some(offset as u32)
    }
}
