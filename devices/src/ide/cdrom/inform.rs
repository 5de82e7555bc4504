//! What the drive says about itself and the disc: INQUIRY, GET CONFIGURATION, READ DISC and TRACK INFORMATION,
//! MECHANISM STATUS, READ DVD STRUCTURE (MMC-3 clause 6, SPC-2 7.3).

use super::commands::{Packet, be16, be32, cut};
use super::sense::{self, Sense};
use super::toc::with_length;
use super::{Cdrom, Reply};

/// More blocks than an 80-minute disc with some overburning has: such an image is a DVD.
const CD_MAX_BLOCKS: u32 = 99 * 60 * 75;

const PROFILE_CD_ROM: u16 = 0x0008;
const PROFILE_DVD_ROM: u16 = 0x0010;

impl Cdrom {
    fn profile(&self) -> u16 {
        match self.loaded() {
            None => 0,
            Some(blocks) if blocks > CD_MAX_BLOCKS => PROFILE_DVD_ROM,
            Some(_) => PROFILE_CD_ROM,
        }
    }

    pub(super) fn inquiry(&mut self, p: &Packet) -> Result<Reply, Sense> {
        if p[1] & 1 != 0 || p[2] != 0 {
            return Err(sense::INVALID_FIELD);
        }
        let mut data = vec![0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0];
        data.extend(b"REWIND86CD-ROM          1.0 ");
        cut(data, usize::from(be16(p, 3)))
    }

    pub(super) fn configuration(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let (kind, start) = (p[1] & 3, be16(p, 2));
        if kind == 3 {
            return Err(sense::INVALID_FIELD);
        }
        let profile = self.profile();
        let is = |wanted: u16| u8::from(profile == wanted);
        let [cd, dvd] = [PROFILE_CD_ROM, PROFILE_DVD_ROM].map(u16::to_be_bytes);
        // Code, version/persistent/current byte, data.
        let features: [(u16, u8, Vec<u8>); 9] = [
            (0x0000, 0x03, vec![dvd[0], dvd[1], is(PROFILE_DVD_ROM), 0, cd[0], cd[1], is(PROFILE_CD_ROM), 0]),
            (0x0001, 0x0B, vec![0, 0, 0, 2, 1, 0, 0, 0]), // core, ATAPI
            (0x0002, 0x07, vec![2, 0, 0, 0]),             // morphing, media events
            (0x0003, 0x03, vec![0x29, 0, 0, 0]),          // removable medium: tray, eject, lock
            (0x0010, u8::from(profile != 0), vec![0, 0, 8, 0, 0, 1, 0, 0]), // random readable, 2048-byte blocks
            (0x001E, 0x08 | is(PROFILE_CD_ROM), vec![0, 0, 0, 0]),
            (0x001F, is(PROFILE_DVD_ROM), vec![]),
            (0x0100, 0x03, vec![]), // power management
            (0x0105, 0x03, vec![]), // timeout
        ];
        let mut body = Vec::new();
        for (code, flags, content) in &features {
            let wanted = match kind {
                0 => *code >= start,
                1 => *code >= start && flags & 1 != 0,
                _ => *code == start,
            };
            if wanted {
                body.extend(code.to_be_bytes());
                body.extend([*flags, content.len() as u8]);
                body.extend(content);
            }
        }
        let mut data = (body.len() as u32 + 4).to_be_bytes().to_vec();
        data.extend([0, 0]);
        data.extend(profile.to_be_bytes());
        data.extend(body);
        cut(data, usize::from(be16(p, 7)))
    }

    pub(super) fn mechanism_status(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let [_, a, b, c] = self.position.to_be_bytes();
        let data = vec![0, u8::from(self.tray_open) << 4, a, b, c, 0, 0, 0];
        cut(data, usize::from(be16(p, 8)))
    }

    pub(super) fn disc_information(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let mut body = vec![0; 32];
        body[0] = 0x0E; // last session complete, disc complete
        body[1] = 1; // first track
        body[2] = 1; // sessions
        body[3] = 1; // first track of the last session
        body[4] = 1; // last track
        body[5] = 0x20; // unrestricted use
        body[14..22].fill(0xFF); // no lead-in to continue, no possible lead-out
        cut(with_length(body), usize::from(be16(p, 7)))
    }

    pub(super) fn track_information(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let (by, number) = (p[1] & 3, be32(p, 2));
        let blocks = self.loaded().unwrap_or(0);
        let known = match by {
            0 => number < blocks,
            1 | 2 => number == 1,
            _ => false,
        };
        if !known {
            return Err(sense::INVALID_FIELD);
        }
        let mut body = vec![0; 34];
        body[0] = 1; // track
        body[1] = 1; // session
        body[3] = 4; // data track
        body[4] = 1; // Mode 1
        body[22..26].copy_from_slice(&blocks.to_be_bytes());
        cut(with_length(body), usize::from(be16(p, 7)))
    }

    pub(super) fn dvd_structure(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let blocks = self.loaded().unwrap_or(0);
        if blocks <= CD_MAX_BLOCKS {
            return Err(Sense { key: 5, asc: 0x30, ascq: 2 }); // incompatible format
        }
        // Layer 0 only; format 0 (physical), 1 (copyright: none), 4 (manufacturing: empty).
        let body = match (p[6], p[7]) {
            (0, 0) => {
                let first = 0x30000u32;
                let mut layer = vec![0; 2048];
                layer[0] = 0x01; // DVD-ROM, version 1
                layer[1] = 0x0F; // 120 mm, no maximum rate
                layer[2] = 0x01; // one layer, embossed
                layer[4..8].copy_from_slice(&first.to_be_bytes());
                layer[8..12].copy_from_slice(&first.saturating_add(blocks - 1).to_be_bytes());
                layer
            }
            (0, 1) => vec![0; 4],
            (0, 4) => vec![0; 2048],
            _ => return Err(sense::INVALID_FIELD),
        };
        let mut data = vec![0, 0];
        data.extend(body);
        cut(with_length(data), usize::from(be16(p, 8)))
    }
}
