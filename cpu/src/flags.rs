//! Lazy arithmetic flags.
//!
//! Intel SDM volume 1, section 3.4.3.1. No operation kind is kept: the last result, sign-extended to 64 bits, and one
//! auxiliary word give each flag in one to five operations:
//!
//! | flag | from |
//! |---|---|
//! | ZF | `result == 0` |
//! | SF | sign of `result`, flipped by `SIGN_DELTA` |
//! | PF | parity of `result`'s low byte xor the parity-delta byte (bits 8-15) |
//! | CF | aux bit 31 |
//! | OF | aux bit 31 xor bit 30 (partial overflow: the carry into the top bit) |
//! | AF | aux bit 3 |
//!
//! The deltas are zero after arithmetic; they serve loads of arbitrary flag values.

use crate::alu::Int;
use crate::state::{Cpu, eflags};

const CF_BIT: u64 = 1 << 31;
const PO_BIT: u64 = 1 << 30;
const SIGN_DELTA: u64 = 1 << 7;
const PARITY_SHIFT: u32 = 8;
const AF_BIT: u64 = 1 << 3;

impl Cpu {
    /// Result of a logical operation: CF, OF and AF are 0.
    #[inline(always)]
    pub(crate) fn set_logic<T: Int>(&mut self, result: T) {
        self.flag_result = result.sext();
        self.flag_aux = 0;
    }

    /// Result of an addition or subtraction with its vector of carries (borrows) out of each bit.
    #[inline(always)]
    pub(crate) fn set_carries<T: Int>(&mut self, result: T, carries: T) {
        self.flag_result = result.sext();
        let c = carries.zext();
        self.flag_aux = (T::to_top32(c) & (CF_BIT | PO_BIT)) | (c & AF_BIT);
    }

    /// As [`Self::set_carries`] but CF stays (INC, DEC).
    #[inline(always)]
    pub(crate) fn set_carries_keep_cf<T: Int>(&mut self, result: T, carries: T) {
        let cf = self.flag_aux & CF_BIT;
        self.flag_result = result.sext();
        let c = carries.zext();
        let of = (T::to_top32(c) ^ (T::to_top32(c) << 1)) & CF_BIT;
        self.flag_aux = cf | ((cf ^ of) >> 1) | (c & AF_BIT);
    }

    /// Result with explicit CF, OF and AF (shifts, multiplications).
    #[inline(always)]
    pub(crate) fn set_result_cf_of<T: Int>(&mut self, result: T, cf: bool, of: bool, af: bool) {
        self.flag_result = result.sext();
        self.flag_aux = (u64::from(cf) << 31) | (u64::from(cf ^ of) << 30) | (u64::from(af) << 3);
    }

    /// CF and OF alone change.
    #[inline(always)]
    pub(crate) fn set_cf_of(&mut self, cf: bool, of: bool) {
        self.flag_aux = (self.flag_aux & !(CF_BIT | PO_BIT)) | (u64::from(cf) << 31) | (u64::from(cf ^ of) << 30);
    }

    /// CF alone changes.
    #[inline(always)]
    pub(crate) fn set_cf(&mut self, cf: bool) {
        let of = self.of();
        self.set_cf_of(cf, of);
    }

    /// ZF alone changes.
    pub(crate) fn set_zf(&mut self, zf: bool) {
        let flags = self.arith_flags();
        self.set_arith_flags(if zf { flags | eflags::ZF } else { flags & !eflags::ZF });
    }

    #[inline(always)]
    pub(crate) fn cf(&self) -> bool {
        self.flag_aux & CF_BIT != 0
    }

    #[inline(always)]
    pub(crate) fn of(&self) -> bool {
        self.flag_aux.wrapping_add(PO_BIT) & CF_BIT != 0
    }

    #[inline(always)]
    pub(crate) fn zf(&self) -> bool {
        self.flag_result == 0
    }

    #[inline(always)]
    pub(crate) fn sf(&self) -> bool {
        (self.flag_result >> 63) as u8 ^ (self.flag_aux >> 7 & 1) as u8 != 0
    }

    #[inline(always)]
    pub(crate) fn pf(&self) -> bool {
        let b = (self.flag_result ^ (self.flag_aux >> PARITY_SHIFT)) as u8;
        b.count_ones() & 1 == 0
    }

    #[inline(always)]
    pub(crate) fn af(&self) -> bool {
        self.flag_aux & AF_BIT != 0
    }

    /// The six arithmetic flags at their EFLAGS positions.
    pub(crate) fn arith_flags(&self) -> u64 {
        u64::from(self.cf())
            | u64::from(self.pf()) << 2
            | u64::from(self.af()) << 4
            | u64::from(self.zf()) << 6
            | u64::from(self.sf()) << 7
            | u64::from(self.of()) << 11
    }

    /// Sets the six arithmetic flags from an EFLAGS image.
    pub(crate) fn set_arith_flags(&mut self, f: u64) {
        let (zf, sf, pf) = (f & eflags::ZF != 0, f & eflags::SF != 0, f & eflags::PF != 0);
        let (cf, of, af) = (f & eflags::CF != 0, f & eflags::OF != 0, f & eflags::AF != 0);
        self.flag_result = u64::from(!zf);
        let parity_delta = if zf { !pf } else { pf };
        self.flag_aux = (u64::from(cf) << 31)
            | (u64::from(cf ^ of) << 30)
            | (u64::from(af) << 3)
            | if sf { SIGN_DELTA } else { 0 }
            | u64::from(parity_delta) << PARITY_SHIFT;
    }

    /// RFLAGS as the guest sees them.
    pub fn rflags(&self) -> u64 {
        self.eflags | self.arith_flags()
    }

    /// Replaces RFLAGS whole, VM and RF included; no permission is checked. Mode changes need [`Cpu::update_mode`].
    pub(crate) fn set_rflags_raw(&mut self, f: u64) {
        self.set_arith_flags(f);
        self.eflags = (f & !eflags::ARITH) | eflags::FIXED;
    }
}
