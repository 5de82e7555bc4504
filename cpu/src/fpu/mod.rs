//! The x87 unit.

use crate::engine::dispatch::Form;
use iced_x86::Code;
use serde::{Deserialize, Serialize};

/// x87 state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fpu {}

/// Every x87 instruction.
pub(crate) const ALL: &[&[(Code, Form)]] = &[];
