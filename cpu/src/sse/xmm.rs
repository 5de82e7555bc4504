//! The value of an XMM register, and work on its lanes.
//!
//! Bytes in memory order rather than one wide integer: optimisers turn loops over the lanes of a byte array into vector
//! instructions, and a 128-bit integer into pairs of general registers.

use serde::{Deserialize, Serialize};

/// 128 bits, byte 0 the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C, align(16))]
pub struct Xmm([u8; 16]);

macro_rules! lanes {
    ($($get:ident $make:ident $t:ty, $n:literal;)*) => {$(
        /// The lanes of this type, lowest first.
        #[inline(always)]
        pub(crate) fn $get(self) -> [$t; $n] {
            const SIZE: usize = size_of::<$t>();
            std::array::from_fn(|i| {
                let mut lane = [0; SIZE];
                lane.copy_from_slice(&self.0[i * SIZE..(i + 1) * SIZE]);
                <$t>::from_le_bytes(lane)
            })
        }

        /// The value with these lanes, lowest first.
        #[inline(always)]
        pub(crate) fn $make(lanes: [$t; $n]) -> Self {
            const SIZE: usize = size_of::<$t>();
            let mut bytes = [0; 16];
            for (i, lane) in lanes.into_iter().enumerate() {
                bytes[i * SIZE..(i + 1) * SIZE].copy_from_slice(&lane.to_le_bytes());
            }
            Self(bytes)
        }
    )*};
}

impl Xmm {
    /// All bits zero.
    pub(crate) const ZERO: Self = Self([0; 16]);

    lanes! {
        u8s from_u8s u8, 16;
        i8s from_i8s i8, 16;
        u16s from_u16s u16, 8;
        i16s from_i16s i16, 8;
        u32s from_u32s u32, 4;
        i32s from_i32s i32, 4;
        u64s from_u64s u64, 2;
        i64s from_i64s i64, 2;
    }

    /// Memory image.
    #[inline(always)]
    pub const fn to_le_bytes(self) -> [u8; 16] {
        self.0
    }

    /// From a memory image.
    #[inline(always)]
    pub const fn from_le_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Bits 63:0.
    #[inline(always)]
    pub(crate) fn low(self) -> u64 {
        self.u64s()[0]
    }

    /// Bits 127:64.
    #[inline(always)]
    pub(crate) fn high(self) -> u64 {
        self.u64s()[1]
    }

    /// Bits 31:0.
    #[inline(always)]
    pub(crate) fn low32(self) -> u32 {
        self.u32s()[0]
    }

    /// A quadword, zero-extended.
    #[inline(always)]
    pub(crate) fn zext(low: u64) -> Self {
        Self::from_u64s([low, 0])
    }

    /// This value with another quadword at the bottom.
    #[inline(always)]
    pub(crate) fn with_low(mut self, low: u64) -> Self {
        self.0[..8].copy_from_slice(&low.to_le_bytes());
        self
    }

    /// This value with another quadword at the top.
    #[inline(always)]
    pub(crate) fn with_high(mut self, high: u64) -> Self {
        self.0[8..].copy_from_slice(&high.to_le_bytes());
        self
    }

    /// This value with another doubleword at the bottom.
    #[inline(always)]
    pub(crate) fn with_low32(mut self, low: u32) -> Self {
        self.0[..4].copy_from_slice(&low.to_le_bytes());
        self
    }
}

impl From<u128> for Xmm {
    #[inline(always)]
    fn from(value: u128) -> Self {
        Self(value.to_le_bytes())
    }
}

impl From<Xmm> for u128 {
    #[inline(always)]
    fn from(value: Xmm) -> Self {
        Self::from_le_bytes(value.0)
    }
}

/// An element type of packed instructions.
pub(super) trait Lane: Copy {
    /// Applies `f` to each lane.
    fn map(a: Xmm, f: impl Fn(Self) -> Self) -> Xmm;
    /// Applies `f` to each pair of lanes.
    fn map2(a: Xmm, b: Xmm, f: impl Fn(Self, Self) -> Self) -> Xmm;
}

macro_rules! lane {
    ($($t:ty: $get:ident $make:ident;)*) => {$(
        impl Lane for $t {
            #[inline(always)]
            fn map(a: Xmm, f: impl Fn(Self) -> Self) -> Xmm {
                Xmm::$make(a.$get().map(f))
            }
            #[inline(always)]
            fn map2(a: Xmm, b: Xmm, f: impl Fn(Self, Self) -> Self) -> Xmm {
                let (a, b) = (a.$get(), b.$get());
                Xmm::$make(std::array::from_fn(|i| f(a[i], b[i])))
            }
        }
    )*};
}
lane! {
    u8: u8s from_u8s;
    i8: i8s from_i8s;
    u16: u16s from_u16s;
    i16: i16s from_i16s;
    u32: u32s from_u32s;
    i32: i32s from_i32s;
    u64: u64s from_u64s;
    i64: i64s from_i64s;
}
