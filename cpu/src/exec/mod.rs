//! Integer instructions, one file a class.
//!
//! A class file holds bodies ([`crate::engine::dispatch::Insn`]), each named after its mnemonic, and a table from
//! iced-x86 `Code` to the handlers made of them.

mod arith;
mod bits;
pub(crate) mod branch;
pub(crate) mod fuse;
mod mov;
mod muldiv;
mod shift;
pub(crate) mod stack;
mod string;

use crate::engine::dispatch::Form;
use iced_x86::Code;

/// Every integer instruction, class by class.
pub(crate) const ALL: &[&[&[(Code, Form)]]] =
    &[arith::FORMS, bits::FORMS, branch::FORMS, mov::FORMS, muldiv::FORMS, shift::FORMS, stack::FORMS, string::FORMS];
