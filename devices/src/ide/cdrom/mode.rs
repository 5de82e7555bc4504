//! MODE SENSE and MODE SELECT in their 6- and 10-byte forms (SFF-8020i 10.8.6 and 10.8.7, MMC-3 clause 5.5): error
//! recovery (01h), CD-ROM parameters (0Dh), audio control (0Eh), capabilities and mechanical status (2Ah).

use super::commands::{Packet, be16, cut};
use super::sense::{self, Sense};
use super::{Cdrom, Reply};
use serde::{Deserialize, Serialize};

const ALL_PAGES: u8 = 0x3F;
/// Kilobytes per second of a 24x drive.
const SPEED: u16 = 24 * 176;

/// The pages that MODE SELECT changes, without their two header bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pages {
    /// Error recovery parameters and retry count.
    recovery: [u8; 6],
    /// Audio control, flags and output ports.
    audio: [u8; 14],
    /// The list being received has the 10-byte form's header.
    long: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self { recovery: [0, 5, 0, 0, 0, 0], audio: [4, 0, 0, 0, 0, 75, 1, 0xFF, 2, 0xFF, 0, 0, 0, 0], long: false }
    }
}

fn page(code: u8, body: &[u8]) -> Vec<u8> {
    let mut data = vec![code, body.len() as u8];
    data.extend(body);
    data
}

impl Cdrom {
    fn capabilities(&self) -> Vec<u8> {
        let mut body = [0; 18];
        body[0] = 0x3B; // reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM
        body[2] = 0x70; // Mode 2 form 1 and 2, multi-session
        body[4] = 0x29 | u8::from(self.locked) << 1; // tray, eject, lock
        let mut put = |at: usize, value: u16| {
            if let Some(bytes) = body.get_mut(at..at + 2) {
                bytes.copy_from_slice(&value.to_be_bytes());
            }
        };
        put(6, SPEED);
        put(8, 2); // volume levels: on and off
        put(10, 512); // KiB of buffer
        put(12, SPEED);
        page(0x2A, &body)
    }

    pub(super) fn mode_sense(&mut self, p: &Packet, long: bool) -> Result<Reply, Sense> {
        let (control, code) = (p[2] >> 6, p[2] & 0x3F);
        if control == 3 {
            return Err(sense::SAVING_NOT_SUPPORTED);
        }
        let mut pages = Vec::new();
        let mut add = |this: u8, content: Vec<u8>, changeable: &[u8]| {
            if code == this || code == ALL_PAGES {
                pages.extend(if control == 1 { page(this, changeable) } else { content });
            }
        };
        let (current, default) = (self.pages, Pages::default());
        let shown = if control == 2 { default } else { current };
        add(0x01, page(0x01, &shown.recovery), &[0xFF, 0xFF, 0, 0, 0, 0]);
        add(0x0D, page(0x0D, &[0, 13, 0, 60, 0, 75]), &[0; 6]);
        add(0x0E, page(0x0E, &shown.audio), &[0, 0, 0, 0, 0, 0, 0x0F, 0xFF, 0x0F, 0xFF, 0, 0, 0, 0]);
        add(0x2A, self.capabilities(), &[0; 18]);
        if pages.is_empty() {
            return Err(sense::INVALID_FIELD);
        }
        let medium_type = match (self.tray_open, self.loaded()) {
            (true, _) => 0x71,
            (false, None) => 0x70,
            (false, Some(_)) => 0x01, // 120 mm data disc
        };
        let mut data;
        let allocation;
        if long {
            data = ((pages.len() + 6) as u16).to_be_bytes().to_vec();
            data.extend([medium_type, 0, 0, 0, 0, 0]);
            allocation = usize::from(be16(p, 7));
        } else {
            data = vec![(pages.len() + 3) as u8, medium_type, 0, 0];
            allocation = usize::from(p[4]);
        }
        data.extend(pages);
        cut(data, allocation)
    }

    pub(super) fn start_mode_select(&mut self, len: usize, long: bool) -> Reply {
        self.pages.long = long;
        Reply::Receive(len)
    }

    /// Takes the parameter list of MODE SELECT.
    pub(super) fn mode_select(&mut self, list: &[u8]) -> Result<(), Sense> {
        let byte = |at: usize| list.get(at).copied().unwrap_or(0);
        let (header, descriptors) = if self.pages.long {
            (8, usize::from(u16::from_be_bytes([byte(6), byte(7)])))
        } else {
            (4, usize::from(byte(3)))
        };
        let mut rest = list.get(header + descriptors..).unwrap_or_default();
        while let [code, len, body @ ..] = rest {
            let content = body.get(..usize::from(*len)).ok_or(sense::INVALID_PARAMETER)?;
            match (code & 0x3F, content.len()) {
                (0x01, 6) => self.pages.recovery.copy_from_slice(content),
                (0x0E, 14) => self.pages.audio.copy_from_slice(content),
                (0x0D, 6) | (0x2A, _) => {}
                _ => return Err(sense::INVALID_PARAMETER),
            }
            rest = body.get(content.len()..).unwrap_or_default();
        }
        Ok(())
    }
}
