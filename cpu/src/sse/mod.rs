//! SSE state.

use crate::engine::dispatch::Form;
use iced_x86::Code;
use serde::{Deserialize, Serialize};

/// XMM registers and MXCSR.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sse {
    /// XMM0 to XMM15.
    pub xmm: [u128; 16],
    /// Control and status.
    pub mxcsr: u32,
}

impl Sse {
    /// All registers zero, MXCSR 1F80h (SDM volume 3, table 9-1).
    pub(crate) fn reset() -> Self {
        Self { mxcsr: 0x1F80, ..Self::default() }
    }
}

/// Every SSE instruction.
pub(crate) const ALL: &[&[(Code, Form)]] = &[];
