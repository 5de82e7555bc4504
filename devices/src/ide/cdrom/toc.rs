//! The table of contents and the position on the disc: READ TOC/PMA/ATIP formats 0 to 2, READ SUB-CHANNEL, READ HEADER
//! (MMC-3 6.25, 6.23, SFF-8020i 10.8.12). There is one session with one data track.

use super::commands::{Packet, be16, be32, cut};
use super::sector::msf;
use super::sense::{self, Sense};
use super::{Cdrom, Reply};

/// ADR 1 (position), control: data track.
const ADR_CONTROL: u8 = 0x14;
/// Track number of the lead-out.
const LEAD_OUT: u8 = 0xAA;

/// A four-byte address: binary, or 0/minute/second/frame.
fn address(lba: u32, as_msf: bool) -> [u8; 4] {
    if as_msf {
        let [m, s, f] = msf(lba);
        [0, m, s, f]
    } else {
        lba.to_be_bytes()
    }
}

/// Puts the length of `body` (a 16-bit big-endian number that does not count itself) before it.
pub(super) fn with_length(body: Vec<u8>) -> Vec<u8> {
    let mut data = (body.len() as u16).to_be_bytes().to_vec();
    data.extend(body);
    data
}

impl Cdrom {
    pub(super) fn read_toc(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let as_msf = p[1] & 2 != 0;
        // Older drivers put the format in the top bits of the last byte (SFF-8020i).
        let format = match p[2] & 0x0F {
            0 => p[9] >> 6,
            n => n,
        };
        let lead_out = self.loaded().unwrap_or(0);
        let mut body;
        match format {
            0 => {
                let first = p[6];
                if first > 1 && first != LEAD_OUT {
                    return Err(sense::INVALID_FIELD);
                }
                body = vec![1, 1];
                if first <= 1 {
                    body.extend([0, ADR_CONTROL, 1, 0]);
                    body.extend(address(0, as_msf));
                }
                body.extend([0, ADR_CONTROL, LEAD_OUT, 0]);
                body.extend(address(lead_out, as_msf));
            }
            1 => {
                body = vec![1, 1, 0, ADR_CONTROL, 1, 0];
                body.extend(address(0, as_msf));
            }
            2 => {
                body = vec![1, 1];
                let mut point = |point: u8, [m, s, f]: [u8; 3]| {
                    body.extend([1, ADR_CONTROL, 0, point, 0, 0, 0, 0, m, s, f]);
                };
                point(0xA0, [1, 0, 0]); // first track, CD-ROM disc type
                point(0xA1, [1, 0, 0]); // last track
                point(0xA2, msf(lead_out));
                point(1, msf(0));
            }
            _ => return Err(sense::INVALID_FIELD),
        }
        cut(with_length(body), usize::from(be16(p, 7)))
    }

    pub(super) fn read_subchannel(&mut self, p: &Packet) -> Result<Reply, Sense> {
        const NO_AUDIO_STATUS: u8 = 0x15;
        let as_msf = p[1] & 2 != 0;
        let mut body = Vec::new();
        if p[2] & 0x40 != 0 {
            match p[3] {
                1 => {
                    body.extend([1, ADR_CONTROL, 1, 1]);
                    body.extend(address(self.position, as_msf));
                    body.extend(address(self.position, as_msf));
                }
                // Media catalogue number, ISRC: none recorded.
                2 | 3 => {
                    body.extend([p[3], ADR_CONTROL, if p[3] == 3 { 1 } else { 0 }, 0]);
                    body.resize(20, 0);
                }
                _ => return Err(sense::INVALID_FIELD),
            }
        }
        let mut data = vec![0, NO_AUDIO_STATUS];
        data.extend(with_length(body));
        cut(data, usize::from(be16(p, 7)))
    }

    pub(super) fn read_header(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let lba = be32(p, 2);
        self.check_range(lba, 1)?;
        let mut data = vec![1, 0, 0, 0]; // Mode 1
        data.extend(address(lba, p[1] & 2 != 0));
        cut(data, usize::from(be16(p, 7)))
    }
}
