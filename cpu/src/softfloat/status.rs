//! Controls and exception flags shared by all operations (SDM volume 1, 4.8.4, 4.9, 8.1.3, 8.1.5 and 10.2.3).

use serde::{Deserialize, Serialize};

/// Invalid operation (bit 0 of FSW and MXCSR).
pub const IE: u8 = 1 << 0;
/// Denormal operand.
pub const DE: u8 = 1 << 1;
/// Division of a finite number by zero, or another exact infinity.
pub const ZE: u8 = 1 << 2;
/// Overflow.
pub const OE: u8 = 1 << 3;
/// Underflow.
pub const UE: u8 = 1 << 4;
/// Precision: the result is inexact.
pub const PE: u8 = 1 << 5;

/// RC, PM and PE of MXCSR.
const NATIVE_CARE: u32 = 3 << 13 | 1 << 12 | 1 << 5;
/// RC = nearest, PM = 1, PE = 1.
const NATIVE_WANT: u32 = 1 << 12 | 1 << 5;

/// The rounding-control field: FCW bits 11:10, MXCSR bits 14:13, ROUNDPS immediate bits 1:0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[repr(u8)]
pub enum Rounding {
    /// To the nearest, ties to even.
    #[default]
    Nearest = 0,
    /// Towards minus infinity.
    Down = 1,
    /// Towards plus infinity.
    Up = 2,
    /// Towards zero.
    Zero = 3,
}

impl Rounding {
    /// Decodes the two-bit field (higher bits are ignored).
    #[inline]
    pub const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::Nearest,
            1 => Self::Down,
            2 => Self::Up,
            _ => Self::Zero,
        }
    }
}

/// The x87 precision-control field, FCW bits 9:8; it applies to add, subtract, multiply, divide and square root.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[repr(u8)]
pub enum Precision {
    /// 24-bit significand.
    Single = 0,
    /// 53-bit significand.
    Double = 2,
    /// 64-bit significand.
    #[default]
    Extended = 3,
}

impl Precision {
    /// Decodes the two-bit field; the reserved value 1 acts as 64 bits.
    #[inline]
    pub const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::Single,
            2 => Self::Double,
            _ => Self::Extended,
        }
    }
}

/// The result of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ordering {
    /// First operand below the second.
    Less,
    /// Equal; zeros of either sign are.
    Equal,
    /// First operand above the second.
    Greater,
    /// At least one operand is a NaN or has an unsupported encoding.
    Unordered,
}

/// Controls of the floating-point unit, and the exceptions raised since `flags` was last cleared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// Rounding control.
    pub rounding: Rounding,
    /// Precision control (x87 only).
    pub precision: Precision,
    /// Exception masks in the bit order of the flags; a set bit selects the masked response.
    pub masks: u8,
    /// Exceptions raised: any of [`IE`] to [`PE`].
    pub flags: u8,
    /// Condition code C1 of x87 operations: the significand was rounded away from zero.
    pub c1: bool,
    /// Denormals are zeros (SSE only).
    pub daz: bool,
    /// Flush to zero (SSE only).
    pub ftz: bool,
    /// Rounding is to the nearest, and an inexact result neither faults nor sets a flag that is not set already: the
    /// host's own arithmetic may be asked (SSE only; see `sse::native`).
    pub native: bool,
}

impl Default for Status {
    fn default() -> Self {
        Self::from_fcw(0x037F)
    }
}

impl Status {
    /// Controls from an x87 control word; no flags.
    #[inline]
    pub const fn from_fcw(fcw: u16) -> Self {
        Self {
            rounding: Rounding::from_bits((fcw >> 10) as u32),
            precision: Precision::from_bits((fcw >> 8) as u32),
            masks: (fcw & 0x3F) as u8,
            flags: 0,
            c1: false,
            daz: false,
            ftz: false,
            native: false,
        }
    }

    /// Controls from MXCSR; no flags.
    #[inline]
    pub const fn from_mxcsr(mxcsr: u32) -> Self {
        Self {
            rounding: Rounding::from_bits(mxcsr >> 13),
            precision: Precision::Extended,
            masks: ((mxcsr >> 7) & 0x3F) as u8,
            flags: 0,
            c1: false,
            daz: mxcsr & (1 << 6) != 0,
            ftz: mxcsr & (1 << 15) != 0,
            native: mxcsr & NATIVE_CARE == NATIVE_WANT,
        }
    }

    /// Records exceptions.
    #[inline]
    pub const fn raise(&mut self, flags: u8) {
        self.flags |= flags;
    }

    /// Whether all of these exceptions are masked.
    #[inline]
    pub const fn masked(&self, flags: u8) -> bool {
        self.masks & flags == flags
    }

    /// The raised exceptions that are not masked.
    #[inline]
    pub const fn unmasked(&self) -> u8 {
        self.flags & !self.masks & 0x3F
    }

    /// Whether an unmasked exception prevents the operation: its operands then stay as they were. (Overflow,
    /// underflow and precision are found after the operation.)
    #[inline]
    pub const fn aborted(&self) -> bool {
        self.flags & !self.masks & (IE | DE | ZE) != 0
    }

    /// Settles the flags after an operation: exceptions found before computing, if unmasked, hide those found after.
    #[inline]
    pub const fn settle(&mut self) {
        if self.aborted() {
            self.flags &= IE | DE | ZE;
            self.c1 = false;
        }
    }

    /// Whether a magnitude is to be incremented for the discarded bits `extra` (a 64-bit fraction of one unit in the
    /// last place, with everything below it merged into its lowest bit).
    #[inline]
    pub(crate) const fn rounds_up(&self, sign: bool, odd: bool, extra: u64) -> bool {
        const HALF: u64 = 1 << 63;
        match self.rounding {
            Rounding::Nearest => extra > HALF || (extra == HALF && odd),
            Rounding::Down => sign && extra != 0,
            Rounding::Up => !sign && extra != 0,
            Rounding::Zero => false,
        }
    }

    /// Whether an overflow gives infinity (else the largest finite number) when masked.
    #[inline]
    pub(crate) const fn overflows_to_infinity(&self, sign: bool) -> bool {
        match self.rounding {
            Rounding::Nearest => true,
            Rounding::Down => sign,
            Rounding::Up => !sign,
            Rounding::Zero => false,
        }
    }
}
