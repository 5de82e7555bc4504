//! CPU access to video memory through the window at A0000h-BFFFFh, and to the linear frame buffer.
//!
//! Address decoding follows the memory map select, chain-4, odd/even and plane registers; data pass through the
//! graphics controller. In chain-4 mode address bits 0 and 1 choose the plane and leave the plane offset's own two low
//! bits to address bit 16 (zero in a 64 KiB window), as on the IBM VGA, so that a switch to unchained mode finds
//! pixels where the real card has them.

use super::Vga;
use super::graphics::{self, expand};

/// Miscellaneous output: the CPU may access video memory.
const MISC_RAM_ENABLE: u8 = 0x02;

/// Where the CPU's byte goes.
struct Target {
    /// Plane offset.
    offset: u32,
    /// Planes that a write reaches, before the map mask.
    write_planes: u8,
    /// Plane that read mode 0 returns.
    read_plane: u8,
}

impl Vga {
    /// Reads one byte at `addr` bytes from A0000h (0 to 1FFFFh). Loads the latches.
    pub fn mem_read(&mut self, addr: u32) -> u8 {
        if self.dispi.linear() {
            return match addr {
                0..=0xFFFF => self.vram.byte((self.dispi.bank_offset() | addr) as usize),
                _ => 0xFF,
            };
        }
        match self.window(addr) {
            Some(at) => self.read_planar(at),
            None => 0xFF,
        }
    }

    /// Writes one byte at `addr` bytes from A0000h.
    pub fn mem_write(&mut self, addr: u32, value: u8) {
        if self.dispi.linear() {
            if addr < 0x1_0000 {
                self.vram.write((self.dispi.bank_offset() | addr) as usize, 1, u64::from(value));
            }
        } else if let Some(at) = self.window(addr) {
            self.write_planar(at, value);
        }
    }

    /// Reads `len` (1 to 8) bytes from `addr`, little endian, in ascending order.
    pub fn mem_read_n(&mut self, addr: u32, len: u32) -> u64 {
        let len = len.min(8);
        if self.dispi.linear() && addr + len <= 0x1_0000 {
            return self.vram.read((self.dispi.bank_offset() | addr) as usize, len as usize);
        }
        (0..len).fold(0, |value, i| value | u64::from(self.mem_read(addr + i)) << (8 * i))
    }

    /// Writes `len` (1 to 8) bytes from `addr`, little endian, in ascending order.
    pub fn mem_write_n(&mut self, addr: u32, len: u32, value: u64) {
        let len = len.min(8);
        if self.dispi.linear() && addr + len <= 0x1_0000 {
            self.vram.write((self.dispi.bank_offset() | addr) as usize, len as usize, value);
            return;
        }
        let bytes = value.to_le_bytes();
        self.mem_write_run(addr, bytes.get(..len as usize).unwrap_or(&bytes));
    }

    /// Writes `data` from `addr` on, in ascending order.
    pub fn mem_write_run(&mut self, addr: u32, data: &[u8]) {
        let len = data.len() as u32;
        if self.dispi.linear() && addr + len <= 0x1_0000 {
            return self.vram.write_slice((self.dispi.bank_offset() | addr) as usize, data);
        }
        let mut done = 0;
        if let Some(at) = self.whole_words(addr, len) {
            for (i, word) in (0..).zip(data.chunks_exact(4)) {
                let at = at + 4 * i;
                if let &[a, b, c, d] = word {
                    self.vram.set_planes((at & 0xFFFC) | (at >> 16 & 3), u32::from_le_bytes([a, b, c, d]));
                }
            }
            done = len & !3;
        }
        for (i, &byte) in (0..).zip(data).skip(done as usize) {
            self.mem_write(addr + i, byte);
        }
    }

    /// The window address of `addr` when `len` bytes there are pixels of chain-4 mode that are stored as they are, from a
    /// word boundary on.
    fn whole_words(&self, addr: u32, len: u32) -> Option<u32> {
        let plain = self.sequencer.chain4() && self.graphics.is_plain_write() && self.sequencer.map_mask() == 15;
        if len < 4 || !plain || self.dispi.linear() || addr & 3 != 0 {
            return None;
        }
        let (first, last) = (self.window(addr)?, self.window(addr + len - 1)?);
        (last == first + len - 1).then_some(first)
    }

    /// Writes `data` to the linear frame buffer; what is beyond the memory is lost.
    pub fn lfb_write_run(&mut self, offset: u32, data: &[u8]) {
        self.vram.write_slice(offset as usize, data);
    }

    /// Reads `len` (1 to 8) bytes of the linear frame buffer, little endian; FFh beyond the memory.
    pub fn lfb_read(&self, offset: u32, len: u32) -> u64 {
        self.vram.read(offset as usize, len as usize)
    }

    /// Writes `len` (1 to 8) bytes of the linear frame buffer, little endian; lost beyond the memory.
    pub fn lfb_write(&mut self, offset: u32, len: u32, value: u64) {
        self.vram.write(offset as usize, len as usize, value);
    }

    /// The address inside the window that memory map select opens, if `addr` is in it.
    #[inline]
    fn window(&self, addr: u32) -> Option<u32> {
        if self.misc & MISC_RAM_ENABLE == 0 || !self.enabled {
            return None;
        }
        match self.graphics.memory_map() {
            0 => (addr < 0x2_0000).then_some(addr),
            1 => (addr < 0x1_0000).then_some(addr),
            2 => (0x1_0000..0x1_8000).contains(&addr).then_some(addr & 0x7FFF),
            _ => (0x1_8000..0x2_0000).contains(&addr).then_some(addr & 0x7FFF),
        }
    }

    #[inline]
    fn target(&self, at: u32, odd_even: bool) -> Target {
        let low = (at & 3) as u8;
        if self.sequencer.chain4() {
            return Target { offset: (at & 0xFFFC) | (at >> 16 & 3), write_planes: 1 << low, read_plane: low };
        }
        let select = self.graphics.get(graphics::reg::READ_MAP);
        if odd_even {
            let offset = (at & 0xFFFE) | (at >> 16 & 1);
            return Target { offset, write_planes: 5 << (low & 1), read_plane: (select & 2) | (low & 1) };
        }
        let bank = if self.dispi.enabled() { self.dispi.bank_offset() } else { 0 };
        Target { offset: bank | (at & 0xFFFF), write_planes: 15, read_plane: select }
    }

    #[inline]
    fn read_planar(&mut self, at: u32) -> u8 {
        let target = self.target(at, self.graphics.odd_even_read());
        self.graphics.latch = self.vram.planes(target.offset);
        self.graphics.read_data(target.read_plane)
    }

    #[inline]
    fn write_planar(&mut self, at: u32, value: u8) {
        let target = self.target(at, self.sequencer.odd_even());
        let planes = expand(target.write_planes & self.sequencer.map_mask());
        let data = if self.graphics.is_plain_write() {
            u32::from(value) * 0x0101_0101
        } else {
            self.graphics.write_data(value)
        };
        let old = self.vram.planes(target.offset);
        self.vram.set_planes(target.offset, (old & !planes) | (data & planes));
    }
}
