//! MMX and SSE: registers, and every instruction from MMX to SSE4.2, AES, PCLMULQDQ and SHA.
//!
//! Intel SDM volume 1, chapters 9 to 12; volume 2 for each instruction. Floating-point arithmetic is that of
//! [`crate::softfloat::sse`]. MMX registers are the significands of the x87 registers.
//!
//! | file | holds |
//! |---|---|
//! | `xmm` | the value of a register and its lanes |
//! | `handler` | operands, 16-byte accesses, the transition to MMX |
//! | `mov`, `mmx` | moves; loads and stores of MMX registers, EMMS |
//! | `float`, `compare`, `convert`, `dot`, `approx` | floating point |
//! | `integer`, `multiply`, `shift`, `pack`, `shuffle`, `element` | packed integers and rearrangements |
//! | `aes`, `sha`, `string` | AES and PCLMULQDQ, SHA, PCMPxSTRx |
//! | `control` | MXCSR and its exceptions |
//! | `xsave` | XSAVE and XRSTOR |
//!
//! Packed integer instructions exist for both register files with one operation each.

mod aes;
mod approx;
mod compare;
mod control;
mod convert;
mod dot;
mod element;
mod float;
mod handler;
mod integer;
mod mmx;
mod mov;
mod multiply;
mod pack;
mod sha;
mod shift;
mod shuffle;
mod string;
mod xmm;
mod xsave;

pub use xmm::Xmm;

use crate::engine::dispatch::Form;
use iced_x86::Code;
use serde::{Deserialize, Serialize};

/// XMM registers and MXCSR.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sse {
    /// XMM0 to XMM15.
    pub xmm: [Xmm; 16],
    /// Control and status.
    pub mxcsr: u32,
}

impl Sse {
    /// All registers zero, MXCSR 1F80h (SDM volume 3, table 9-1).
    pub(crate) fn reset() -> Self {
        Self { mxcsr: 0x1F80, ..Self::default() }
    }
}

/// Every MMX and SSE instruction.
pub(crate) const ALL: &[&[(Code, Form)]] = &[
    aes::FORMS,
    approx::FORMS,
    compare::FORMS,
    control::FORMS,
    convert::FORMS,
    dot::FORMS,
    element::FORMS,
    float::LANES,
    float::ACROSS,
    integer::BOTH,
    integer::XMM,
    mmx::FORMS,
    mov::FORMS,
    mov::FENCES,
    multiply::BOTH,
    multiply::XMM,
    pack::FORMS,
    sha::FORMS,
    shift::LANES,
    shift::BYTES,
    shuffle::FORMS,
    string::FORMS,
    xsave::FORMS,
];
