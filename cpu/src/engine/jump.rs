//! The jump cache: linear address of an instruction to its decoded block, for returns and indirect jumps.
//!
//! Direct-mapped. An entry counts only under the tag it was made with; the tag changes with every change of
//! translations and with the mode key, so a hit needs no further check but the code segment's limit.

use crate::op::Op;

const ENTRIES: usize = 4096;

/// One entry.
#[derive(Clone, Copy)]
pub(crate) struct Jump {
    pub lin: u64,
    pub tag: u64,
    pub first: *const Op,
}

/// Entry number of a linear address.
#[inline(always)]
pub(crate) fn slot(lin: u64) -> usize {
    (lin ^ lin >> 12) as usize & (ENTRIES - 1)
}

/// The whole cache, empty.
pub(crate) fn empty() -> Box<[Jump; ENTRIES]> {
    let none = Jump { lin: 0, tag: 0, first: std::ptr::null() };
    match vec![none; ENTRIES].into_boxed_slice().try_into() {
        Ok(b) => b,
        Err(_) => Box::new([none; ENTRIES]),
    }
}
