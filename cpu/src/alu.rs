//! Operand sizes and the arithmetic primitives with their flags.
//!
//! Intel SDM volume 2, the instruction reference; flags by [`crate::flags`].

use crate::state::Cpu;

/// An operand size: u8, u16, u32 or u64.
pub(crate) trait Int: Copy + Eq + Ord + 'static {
    const BITS: u32;
    const SIZE: u64 = (Self::BITS / 8) as u64;
    /// Low bits of `v`.
    fn trunc(v: u64) -> Self;
    fn zext(self) -> u64;
    fn sext(self) -> u64;
    /// The top bit of this size moved to bit 31.
    #[inline(always)]
    fn to_top32(v: u64) -> u64 {
        if Self::BITS <= 32 { v << (32 - Self::BITS) } else { v >> (Self::BITS - 32) }
    }
    /// Merges into a register: 8 and 16 bits keep the rest, 32 bits clear the upper half.
    fn merge(self, old: u64) -> u64;
    /// Top bit.
    #[inline(always)]
    fn sign(self) -> bool {
        self.zext() >> (Self::BITS - 1) & 1 != 0
    }
}

macro_rules! int {
    ($t:ty, $s:ty, $old:ident, $self:ident, $merge:expr) => {
        impl Int for $t {
            const BITS: u32 = <$t>::BITS;
            #[inline(always)]
            fn trunc(v: u64) -> Self {
                v as $t
            }
            #[inline(always)]
            fn zext(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn sext(self) -> u64 {
                self as $s as i64 as u64
            }
            #[inline(always)]
            fn merge($self, $old: u64) -> u64 {
                $merge
            }
        }
    };
}
int!(u8, i8, old, self, (old & !0xFF) | u64::from(self));
int!(u16, i16, old, self, (old & !0xFFFF) | u64::from(self));
int!(u32, i32, _old, self, u64::from(self));
int!(u64, i64, _old, self, self);

impl Cpu {
    #[inline(always)]
    pub(crate) fn alu_add<T: Int>(&mut self, a: T, b: T) -> T {
        let (x, y) = (a.zext(), b.zext());
        let r = x.wrapping_add(y);
        let res = T::trunc(r);
        self.set_carries(res, T::trunc((x & y) | ((x | y) & !r)));
        res
    }

    #[inline(always)]
    pub(crate) fn alu_adc<T: Int>(&mut self, a: T, b: T) -> T {
        let (x, y) = (a.zext(), b.zext());
        let r = x.wrapping_add(y).wrapping_add(u64::from(self.cf()));
        let res = T::trunc(r);
        self.set_carries(res, T::trunc((x & y) | ((x | y) & !r)));
        res
    }

    #[inline(always)]
    pub(crate) fn alu_sub<T: Int>(&mut self, a: T, b: T) -> T {
        let (x, y) = (a.zext(), b.zext());
        let r = x.wrapping_sub(y);
        let res = T::trunc(r);
        self.set_carries(res, T::trunc((!x & y) | ((!x | y) & r)));
        res
    }

    #[inline(always)]
    pub(crate) fn alu_sbb<T: Int>(&mut self, a: T, b: T) -> T {
        let (x, y) = (a.zext(), b.zext());
        let r = x.wrapping_sub(y).wrapping_sub(u64::from(self.cf()));
        let res = T::trunc(r);
        self.set_carries(res, T::trunc((!x & y) | ((!x | y) & r)));
        res
    }

    #[inline(always)]
    pub(crate) fn alu_inc<T: Int>(&mut self, a: T) -> T {
        let x = a.zext();
        let r = x.wrapping_add(1);
        let res = T::trunc(r);
        self.set_carries_keep_cf(res, T::trunc((x & 1) | ((x | 1) & !r)));
        res
    }

    #[inline(always)]
    pub(crate) fn alu_dec<T: Int>(&mut self, a: T) -> T {
        let x = a.zext();
        let r = x.wrapping_sub(1);
        let res = T::trunc(r);
        self.set_carries_keep_cf(res, T::trunc((!x & 1) | ((!x | 1) & r)));
        res
    }

    #[inline(always)]
    pub(crate) fn alu_neg<T: Int>(&mut self, a: T) -> T {
        self.alu_sub(T::trunc(0), a)
    }

    #[inline(always)]
    pub(crate) fn alu_logic<T: Int>(&mut self, r: u64) -> T {
        let res = T::trunc(r);
        self.set_logic(res);
        res
    }
}
