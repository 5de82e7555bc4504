//! The command set of the 82077AA (datasheet section 5): opcodes, lengths, parameter fields and the names of the
//! status register bits.

use serde::{Deserialize, Serialize};

/// ST0: abnormal termination.
pub const ST0_ABNORMAL: u8 = 0x40;
/// ST0: invalid command.
pub const ST0_INVALID: u8 = 0x80;
/// ST0: ready line changed (after a reset).
pub const ST0_READY_CHANGED: u8 = 0xC0;
/// ST0: seek end.
pub const ST0_SEEK_END: u8 = 0x20;
/// ST0: equipment check, track 0 not found.
pub const ST0_EQUIPMENT: u8 = 0x10;

/// ST1: end of cylinder: the sector after the last one was asked for.
pub const ST1_END: u8 = 0x80;
/// ST1: CRC error in ID or data field.
pub const ST1_DATA_ERROR: u8 = 0x20;
/// ST1: overrun or underrun, the DMA channel did not answer.
pub const ST1_OVERRUN: u8 = 0x10;
/// ST1: sector not found.
pub const ST1_NO_DATA: u8 = 0x04;
/// ST1: write protected.
pub const ST1_NOT_WRITABLE: u8 = 0x02;
/// ST1: no address mark.
pub const ST1_MISSING_MARK: u8 = 0x01;

/// ST2: the data address mark is of the other kind.
pub const ST2_CONTROL_MARK: u8 = 0x40;
/// ST2: CRC error in the data field.
pub const ST2_DATA_FIELD: u8 = 0x20;
/// ST2: the track's address marks name another cylinder.
pub const ST2_WRONG_CYLINDER: u8 = 0x10;
/// ST2: SCAN found equality.
pub const ST2_SCAN_EQUAL: u8 = 0x08;
/// ST2: SCAN was not satisfied.
pub const ST2_SCAN_NOT: u8 = 0x04;

/// ST3: write protected.
pub const ST3_PROTECTED: u8 = 0x40;
/// ST3: ready and two-sided, fixed on this chip.
pub const ST3_FIXED: u8 = 0x28;
/// ST3: heads at track 0.
pub const ST3_TRACK_0: u8 = 0x10;

/// How SCAN compares disk and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scan {
    /// Disk equals host.
    Equal,
    /// Disk is less or equal.
    Low,
    /// Disk is greater or equal.
    High,
}

/// A command by its first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// READ DATA, READ DELETED DATA.
    Read {
        /// The data address mark asked for is the deleted one.
        deleted: bool,
    },
    /// WRITE DATA, WRITE DELETED DATA.
    Write,
    /// READ TRACK.
    ReadTrack,
    /// VERIFY.
    Verify,
    /// SCAN EQUAL, LOW OR EQUAL, HIGH OR EQUAL.
    Scan(Scan),
    /// FORMAT TRACK.
    Format,
    /// READ ID.
    ReadId,
    /// RECALIBRATE.
    Recalibrate,
    /// SEEK.
    Seek,
    /// RELATIVE SEEK.
    RelativeSeek,
    /// SENSE INTERRUPT STATUS.
    SenseInterrupt,
    /// SENSE DRIVE STATUS.
    SenseDrive,
    /// SPECIFY.
    Specify,
    /// CONFIGURE.
    Configure,
    /// PERPENDICULAR MODE.
    Perpendicular,
    /// LOCK, UNLOCK.
    Lock,
    /// DUMPREG.
    DumpRegisters,
    /// VERSION.
    Version,
    /// Anything else.
    #[default]
    Invalid,
}

impl Op {
    /// The command whose first byte is `byte`.
    pub fn decode(byte: u8) -> Self {
        match byte {
            0x02 | 0x22 | 0x42 | 0x62 => Self::ReadTrack,
            0x03 => Self::Specify,
            0x04 => Self::SenseDrive,
            0x07 => Self::Recalibrate,
            0x08 => Self::SenseInterrupt,
            0x0A | 0x4A => Self::ReadId,
            0x0D | 0x4D => Self::Format,
            0x0E => Self::DumpRegisters,
            0x0F => Self::Seek,
            0x10 => Self::Version,
            0x12 => Self::Perpendicular,
            0x13 => Self::Configure,
            0x14 | 0x94 => Self::Lock,
            0x8F | 0xCF => Self::RelativeSeek,
            _ => match byte & 0x1F {
                0x06 => Self::Read { deleted: false },
                0x0C => Self::Read { deleted: true },
                0x05 | 0x09 if byte & 0x20 == 0 => Self::Write,
                0x11 => Self::Scan(Scan::Equal),
                0x19 => Self::Scan(Scan::Low),
                0x1D => Self::Scan(Scan::High),
                0x16 => Self::Verify,
                _ => Self::Invalid,
            },
        }
    }

    /// Whether the result phase starts with an interrupt.
    pub fn interrupts_with_result(self) -> bool {
        matches!(
            self,
            Self::Read { .. }
                | Self::Write
                | Self::ReadTrack
                | Self::Verify
                | Self::Scan(_)
                | Self::Format
                | Self::ReadId
        )
    }

    /// Bytes of the command phase, the first included.
    pub fn len(self) -> usize {
        match self {
            Self::Read { .. } | Self::Write | Self::ReadTrack | Self::Verify | Self::Scan(_) => 9,
            Self::Format => 6,
            Self::Configure => 4,
            Self::Seek | Self::RelativeSeek | Self::Specify => 3,
            Self::ReadId | Self::Recalibrate | Self::SenseDrive | Self::Perpendicular => 2,
            Self::SenseInterrupt | Self::Lock | Self::DumpRegisters | Self::Version | Self::Invalid => 1,
        }
    }
}

/// The bytes of a command; fields by their place in the data transfer commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    bytes: [u8; 9],
    /// Bytes received.
    pub len: u8,
}

impl Command {
    /// Appends a byte.
    pub fn push(&mut self, byte: u8) {
        if let Some(b) = self.bytes.get_mut(usize::from(self.len)) {
            *b = byte;
            self.len += 1;
        }
    }

    /// Byte `n` of the command phase.
    pub fn byte(&self, n: usize) -> u8 {
        self.bytes.get(n).copied().unwrap_or(0)
    }

    /// The command.
    pub fn op(&self) -> Op {
        Op::decode(self.bytes[0])
    }

    /// MT: continue on the second side.
    pub fn multi_track(&self) -> bool {
        self.bytes[0] & 0x80 != 0
    }

    /// MFM recording; clear means FM.
    pub fn mfm(&self) -> bool {
        self.bytes[0] & 0x40 != 0
    }

    /// SK: skip sectors with the other data address mark.
    pub fn skip(&self) -> bool {
        self.bytes[0] & 0x20 != 0
    }

    /// DS1, DS0.
    pub fn drive(&self) -> u8 {
        self.bytes[1] & 3
    }

    /// HDS.
    pub fn head(&self) -> u8 {
        self.bytes[1] >> 2 & 1
    }
}
