//! Sense keys and additional sense codes (MMC-3 annex A, SFF-8020i 10.8.20).

use serde::{Deserialize, Serialize};

/// Sense key, additional sense code and qualifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sense {
    pub key: u8,
    pub asc: u8,
    pub ascq: u8,
}

const fn sense(key: u8, asc: u8, ascq: u8) -> Sense {
    Sense { key, asc, ascq }
}

pub(super) const NONE: Sense = sense(0, 0, 0);
pub(super) const NO_MEDIUM_TRAY_CLOSED: Sense = sense(2, 0x3A, 1);
pub(super) const NO_MEDIUM_TRAY_OPEN: Sense = sense(2, 0x3A, 2);
pub(super) const UNRECOVERED_READ: Sense = sense(3, 0x11, 0);
pub(super) const INVALID_OPCODE: Sense = sense(5, 0x20, 0);
pub(super) const LBA_OUT_OF_RANGE: Sense = sense(5, 0x21, 0);
pub(super) const INVALID_FIELD: Sense = sense(5, 0x24, 0);
pub(super) const INVALID_PARAMETER: Sense = sense(5, 0x26, 0);
pub(super) const SAVING_NOT_SUPPORTED: Sense = sense(5, 0x39, 0);
pub(super) const REMOVAL_PREVENTED: Sense = sense(5, 0x53, 2);
pub(super) const ILLEGAL_MODE: Sense = sense(5, 0x64, 0);
pub(super) const MEDIUM_CHANGED: Sense = sense(6, 0x28, 0);
pub(super) const POWER_ON: Sense = sense(6, 0x29, 0);

impl Sense {
    /// Fixed-format sense data.
    pub fn data(self) -> Vec<u8> {
        let mut d = vec![0; 18];
        d[0] = 0x70;
        d[2] = self.key;
        d[7] = 10;
        d[12] = self.asc;
        d[13] = self.ascq;
        d
    }
}
