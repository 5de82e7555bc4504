//! CPU models as data.

use iced_x86::Code;

/// What a processor has.
#[derive(Clone, Debug)]
pub struct Model;

/// Why a model text was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError(pub String);

impl Model {
    /// Parses `NAME[,+flag][,-flag]`.
    pub fn parse(_text: &str) -> Result<Self, ModelError> {
        Ok(Self)
    }
    pub(crate) fn signature(&self) -> u32 {
        0x673
    }
    pub(crate) fn phys_mask(&self) -> u64 {
        (1 << 36) - 1
    }
    pub(crate) fn page1g(&self) -> bool {
        false
    }
    pub(crate) fn has(&self, _code: Code) -> bool {
        true
    }
    pub(crate) fn decoder_options(&self) -> u32 {
        0
    }
    pub(crate) fn flag_mask(&self) -> u64 {
        0x3F_7FD5
    }
    pub(crate) fn cr0_mask(&self) -> u64 {
        0xE005_003F
    }
    pub(crate) fn cr4_mask(&self) -> u64 {
        0xFF
    }
    pub(crate) fn has_cr4(&self) -> bool {
        true
    }
}
