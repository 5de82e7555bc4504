//! Integer instructions, one file a class.

use crate::engine::dispatch::Form;
use iced_x86::Code;

/// Every integer instruction.
pub(crate) const ALL: &[&[(Code, Form)]] = &[];
