//! The video DAC: 256 entries of 6 or 8 bits a component with automatic increment (IBM VGA Technical Reference,
//! "Video Digital-to-Analog Converter"; ports 3C6h-3C9h).

use serde::{Deserialize, Serialize};

/// DAC state register (3C7h): write mode and read mode.
const STATE_WRITE: u8 = 0;
const STATE_READ: u8 = 3;

/// The colour table and its access state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dac {
    colors: [[[u8; 3]; 16]; 16],
    /// Pel mask (3C6h).
    pub mask: u8,
    write_index: u8,
    read_index: u8,
    component: u8,
    pending: [u8; 3],
    state: u8,
}

impl Default for Dac {
    fn default() -> Self {
        Self {
            colors: [[[0; 3]; 16]; 16],
            mask: 0xFF,
            write_index: 0,
            read_index: 0,
            component: 0,
            pending: [0; 3],
            state: STATE_WRITE,
        }
    }
}

impl Dac {
    /// The components of `entry` as stored.
    pub fn entry(&self, entry: u8) -> [u8; 3] {
        self.colors[(entry >> 4) as usize][(entry & 15) as usize]
    }

    /// 3C7h write: starts a read sequence.
    pub fn set_read_index(&mut self, value: u8) {
        self.read_index = value;
        self.component = 0;
        self.state = STATE_READ;
    }

    /// 3C7h read.
    pub fn state(&self) -> u8 {
        self.state
    }

    /// 3C8h write: starts a write sequence.
    pub fn set_write_index(&mut self, value: u8) {
        self.write_index = value;
        self.component = 0;
        self.state = STATE_WRITE;
    }

    /// 3C8h read.
    pub fn write_index(&self) -> u8 {
        self.write_index
    }

    /// 3C9h read: red, green, blue, then the next entry.
    pub fn read_data(&mut self) -> u8 {
        let value = self.entry(self.read_index)[usize::from(self.component % 3)];
        self.component = self.component % 3 + 1;
        if self.component == 3 {
            self.component = 0;
            self.read_index = self.read_index.wrapping_add(1);
        }
        value
    }

    /// 3C9h write; the third component stores the entry. True when an entry changed.
    pub fn write_data(&mut self, value: u8, eight_bit: bool) -> bool {
        self.pending[usize::from(self.component % 3)] = if eight_bit { value } else { value & 0x3F };
        self.component = self.component % 3 + 1;
        if self.component < 3 {
            return false;
        }
        self.component = 0;
        let at = self.write_index;
        self.write_index = at.wrapping_add(1);
        let cell = &mut self.colors[(at >> 4) as usize][(at & 15) as usize];
        std::mem::replace(cell, self.pending) != self.pending
    }

    /// The colour (0x00RRGGBB) that pixel value `index` gives after the pel mask.
    pub fn rgb(&self, index: u8, eight_bit: bool) -> u32 {
        let [r, g, b] = self
            .entry(index & self.mask)
            .map(|c| u32::from(if eight_bit { c } else { (c & 0x3F) << 2 | (c & 0x3F) >> 4 }));
        r << 16 | g << 8 | b
    }

    /// Input status 0 bit 4: the comparators see a colour monitor's termination pull entry 0 below the reference.
    pub fn sense(&self) -> bool {
        let [r, g, b] = self.entry(0);
        u32::from(r) + u32::from(g) + u32::from(b) < 0x4E
    }
}
