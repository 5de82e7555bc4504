//! A case and its outcome, as both processors take and give them.

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Where code lies; 16-bit code has its segment base there.
pub const CODE: u64 = 0x1000_0000;
/// Where data lies; limited segments have their base there.
pub const DATA: u64 = 0x2000_0000;
/// Bytes of the FXSAVE image that count.
pub const FX: usize = 416;

/// Selectors, as Linux has them and as the LDT is filled.
pub mod selector {
    /// Flat 32-bit code.
    pub const CODE32: u16 = 0x23;
    /// Flat data.
    pub const USER_DATA: u16 = 0x2B;
    /// 64-bit code.
    pub const CODE64: u16 = 0x33;
    /// LDT: 16-bit code at `CODE`, 64 KiB.
    pub const CODE16: u16 = 0x07;
    /// LDT: 16-bit data at `DATA`, one page.
    pub const DATA16: u16 = 0x0F;
    /// LDT: 32-bit data at `DATA`, one page.
    pub const DATA32: u16 = 0x17;
}

/// Width of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// 16-bit protected mode code in compatibility mode.
    Bits16,
    /// 32-bit compatibility mode.
    Bits32,
    /// 64-bit mode.
    Bits64,
}

impl Mode {
    /// 16, 32 or 64.
    pub fn bits(self) -> u32 {
        match self {
            Self::Bits16 => 16,
            Self::Bits32 => 32,
            Self::Bits64 => 64,
        }
    }
}

/// What DS, ES and SS are in 32-bit code. 16-bit code always has limited segments, 64-bit code flat ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// Base 0, limit 4 GiB.
    Flat,
    /// The data page alone.
    Limited,
}

/// Everything that goes in.
#[derive(Clone)]
pub struct Case {
    /// Width of the code.
    pub mode: Mode,
    /// Data and stack segments.
    pub segments: Segments,
    /// The instruction.
    pub code: Vec<u8>,
    /// Its offset in the code page; INT3 is all around.
    pub at: usize,
    /// By encoding; the first eight count below 64-bit mode, as 32-bit values.
    pub gpr: [u64; 16],
    /// RFLAGS: what a signal frame can set, and IF.
    pub rflags: u64,
    /// Leading part of an FXSAVE image.
    pub fx: [u8; FX],
    /// The data page.
    pub data: Box<[u8; PAGE]>,
}

impl Case {
    /// Instruction pointer at the start.
    pub fn rip(&self) -> u64 {
        let base = if self.mode == Mode::Bits16 { 0 } else { CODE };
        base + self.at as u64
    }

    /// Offset of the data page in the data segments.
    pub fn data_offset(&self) -> u64 {
        if self.mode == Mode::Bits16 || self.segments == Segments::Limited { 0 } else { DATA }
    }
}

/// The vector of a case that the host never ended.
pub const UNANSWERED: u8 = 0xFF;

/// State at the first exception: at the latest, that of the INT3 behind the instruction.
#[derive(Clone)]
pub struct Outcome {
    /// Vector.
    pub vector: u8,
    /// Error code, 0 for vectors without one.
    pub error: u32,
    /// CR2, when the vector is 14.
    pub cr2: u64,
    /// By encoding.
    pub gpr: [u64; 16],
    /// Instruction pointer that the exception pushed.
    pub rip: u64,
    /// Flags that the exception pushed.
    pub rflags: u64,
    /// Selectors of ES, CS, SS, DS.
    pub segments: [u16; 4],
    /// FXSAVE image.
    pub fx: [u8; FX],
    /// The data page.
    pub data: Box<[u8; PAGE]>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            vector: 0,
            error: 0,
            cr2: 0,
            gpr: [0; 16],
            rip: 0,
            rflags: 0,
            segments: [0; 4],
            fx: [0; FX],
            data: Box::new([0; PAGE]),
        }
    }
}
