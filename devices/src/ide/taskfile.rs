//! The command block registers of one ATA device (ATA/ATAPI-6, clause 7), each with the "previous content" half that
//! 48-bit commands use, and the names of their bits.

use serde::{Deserialize, Serialize};

/// Status: the device owns the registers.
pub const BSY: u8 = 0x80;
/// Status: ready for commands.
pub const DRDY: u8 = 0x40;
/// Status: seek complete.
pub const DSC: u8 = 0x10;
/// Status: data waits to be moved.
pub const DRQ: u8 = 0x08;
/// Status: the error register is valid; for PACKET commands "check condition".
pub const ERR: u8 = 0x01;

/// Error: uncorrectable data. Bit 6 is [`WP`] in write commands.
pub const UNC: u8 = 0x40;
/// Error: the medium is write protected.
pub const WP: u8 = 0x40;
/// Error: no sector with that address.
pub const IDNF: u8 = 0x10;
/// Error: command aborted.
pub const ABRT: u8 = 0x04;

/// Device control: no interrupts.
pub const NIEN: u8 = 0x02;
/// Device control: software reset while set.
pub const SRST: u8 = 0x04;
/// Device control: reads show the previous content of the count and LBA registers.
pub const HOB: u8 = 0x80;

/// Device register: LBA instead of CHS addressing.
pub const LBA: u8 = 0x40;
/// Device register: device 1 selected.
pub const DEV: u8 = 0x10;

/// A register two writes deep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reg {
    /// Most recent write.
    pub cur: u8,
    /// The write before it.
    pub prev: u8,
}

impl Reg {
    /// A host write.
    pub fn push(&mut self, value: u8) {
        self.prev = self.cur;
        self.cur = value;
    }

    /// What the host reads, `hob` selecting the previous content.
    pub fn read(self, hob: bool) -> u8 {
        if hob { self.prev } else { self.cur }
    }

    /// Both halves as 16 bits.
    pub fn wide(self) -> u16 {
        u16::from_le_bytes([self.cur, self.prev])
    }

    fn set_wide(&mut self, value: u16) {
        [self.cur, self.prev] = value.to_le_bytes();
    }
}

/// The registers of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFile {
    /// Features (write side of the error register).
    pub features: Reg,
    /// Sector count; the interrupt reason of PACKET commands.
    pub count: Reg,
    /// LBA 7:0, sector number.
    pub lba_low: Reg,
    /// LBA 15:8, cylinder low, byte count low.
    pub lba_mid: Reg,
    /// LBA 23:16, cylinder high, byte count high.
    pub lba_high: Reg,
    /// Device/head without the DEV bit.
    pub device: u8,
    /// Error register.
    pub error: u8,
    /// Status register.
    pub status: u8,
    /// The command being executed.
    pub command: u8,
}

impl TaskFile {
    /// Sectors that a 28-bit (`ext` false) or 48-bit command asks for; zero means the largest count.
    pub fn sectors(&self, ext: bool) -> u32 {
        match (ext, self.count.wide(), self.count.cur) {
            (true, 0, _) => 0x10000,
            (true, n, _) => u32::from(n),
            (false, _, 0) => 0x100,
            (false, _, n) => u32::from(n),
        }
    }

    /// Reports `left` sectors as not transferred.
    pub fn set_sectors(&mut self, ext: bool, left: u32) {
        if ext {
            self.count.set_wide(left as u16);
        } else {
            self.count.cur = left as u8;
        }
    }

    /// The 28-bit address.
    pub fn lba28(&self) -> u64 {
        u64::from(u32::from_le_bytes([self.lba_low.cur, self.lba_mid.cur, self.lba_high.cur, self.device & 0x0F]))
    }

    /// The 48-bit address.
    pub fn lba48(&self) -> u64 {
        let [low, mid, high] = [self.lba_low, self.lba_mid, self.lba_high];
        u64::from_le_bytes([low.cur, mid.cur, high.cur, low.prev, mid.prev, high.prev, 0, 0])
    }

    /// Stores a 28-bit address.
    pub fn set_lba28(&mut self, lba: u64) {
        let b = lba.to_le_bytes();
        [self.lba_low.cur, self.lba_mid.cur, self.lba_high.cur] = [b[0], b[1], b[2]];
        self.device = self.device & 0xF0 | b[3] & 0x0F;
    }

    /// Stores a 48-bit address.
    pub fn set_lba48(&mut self, lba: u64) {
        let b = lba.to_le_bytes();
        self.lba_low = Reg { cur: b[0], prev: b[3] };
        self.lba_mid = Reg { cur: b[1], prev: b[4] };
        self.lba_high = Reg { cur: b[2], prev: b[5] };
    }

    /// Cylinder, head, sector as written.
    pub fn chs(&self) -> (u32, u32, u32) {
        let cylinder = u32::from(u16::from_le_bytes([self.lba_mid.cur, self.lba_high.cur]));
        (cylinder, u32::from(self.device & 0x0F), u32::from(self.lba_low.cur))
    }

    /// Stores cylinder, head and sector.
    pub fn set_chs(&mut self, cylinder: u32, head: u32, sector: u32) {
        let b = cylinder.to_le_bytes();
        [self.lba_mid.cur, self.lba_high.cur] = [b[0], b[1]];
        self.device = self.device & 0xF0 | head as u8 & 0x0F;
        self.lba_low.cur = sector as u8;
    }

    /// The signature after a reset or diagnostic (ATA/ATAPI-6 table 26).
    pub fn set_signature(&mut self, packet: bool) {
        let (mid, high) = if packet { (0x14, 0xEB) } else { (0, 0) };
        self.count = Reg { cur: 1, prev: 0 };
        self.lba_low = Reg { cur: 1, prev: 0 };
        self.lba_mid = Reg { cur: mid, prev: 0 };
        self.lba_high = Reg { cur: high, prev: 0 };
        self.device = 0;
    }
}
