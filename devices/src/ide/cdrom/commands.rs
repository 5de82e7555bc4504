//! Decoding of command packets (SFF-8020i chapter 10, MMC-3 clause 6): which need a disc, which report a pending unit
//! attention, and the commands that read the disc or move the tray.

use super::sector::Layout;
use super::sense::Sense;
use super::{Cdrom, MediaEvent, Reply, sense};

pub(super) const TEST_UNIT_READY: u8 = 0x00;
pub(super) const REQUEST_SENSE: u8 = 0x03;
pub(super) const INQUIRY: u8 = 0x12;
pub(super) const MODE_SELECT_6: u8 = 0x15;
pub(super) const MODE_SENSE_6: u8 = 0x1A;
pub(super) const START_STOP_UNIT: u8 = 0x1B;
pub(super) const PREVENT_ALLOW: u8 = 0x1E;
pub(super) const READ_CAPACITY: u8 = 0x25;
pub(super) const READ_10: u8 = 0x28;
pub(super) const SEEK_10: u8 = 0x2B;
pub(super) const VERIFY_10: u8 = 0x2F;
pub(super) const READ_SUBCHANNEL: u8 = 0x42;
pub(super) const READ_TOC: u8 = 0x43;
pub(super) const READ_HEADER: u8 = 0x44;
pub(super) const PLAY_AUDIO_10: u8 = 0x45;
pub(super) const GET_CONFIGURATION: u8 = 0x46;
pub(super) const PLAY_AUDIO_MSF: u8 = 0x47;
pub(super) const GET_EVENT_STATUS: u8 = 0x4A;
pub(super) const PAUSE_RESUME: u8 = 0x4B;
pub(super) const STOP_PLAY: u8 = 0x4E;
pub(super) const READ_DISC_INFORMATION: u8 = 0x51;
pub(super) const READ_TRACK_INFORMATION: u8 = 0x52;
pub(super) const MODE_SELECT_10: u8 = 0x55;
pub(super) const MODE_SENSE_10: u8 = 0x5A;
pub(super) const PLAY_AUDIO_12: u8 = 0xA5;
pub(super) const READ_12: u8 = 0xA8;
pub(super) const READ_DVD_STRUCTURE: u8 = 0xAD;
pub(super) const READ_CD_MSF: u8 = 0xB9;
pub(super) const SCAN: u8 = 0xBA;
pub(super) const SET_CD_SPEED: u8 = 0xBB;
pub(super) const MECHANISM_STATUS: u8 = 0xBD;
pub(super) const READ_CD: u8 = 0xBE;

pub(super) type Packet = [u8; 12];

pub(super) fn be16(p: &Packet, at: usize) -> u16 {
    match p.get(at..at + 2) {
        Some(&[a, b]) => u16::from_be_bytes([a, b]),
        _ => 0,
    }
}

fn be24(p: &Packet, at: usize) -> u32 {
    be32(p, at) >> 8
}

pub(super) fn be32(p: &Packet, at: usize) -> u32 {
    match p.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// `data` cut to an allocation length.
pub(super) fn cut(mut data: Vec<u8>, allocation: usize) -> Result<Reply, Sense> {
    data.truncate(allocation);
    Ok(Reply::Data(data))
}

fn needs_disc(op: u8) -> bool {
    matches!(
        op,
        TEST_UNIT_READY
            | READ_CAPACITY
            | READ_10
            | SEEK_10
            | VERIFY_10
            | READ_SUBCHANNEL
            | READ_TOC
            | READ_HEADER
            | PLAY_AUDIO_10
            | PLAY_AUDIO_12
            | PLAY_AUDIO_MSF
            | PAUSE_RESUME
            | SCAN
            | READ_DISC_INFORMATION
            | READ_TRACK_INFORMATION
            | READ_12
            | READ_DVD_STRUCTURE
            | READ_CD
            | READ_CD_MSF
    )
}

impl Cdrom {
    /// Runs a command packet.
    pub(super) fn packet(&mut self, p: Packet) -> Result<Reply, Sense> {
        let op = p[0];
        let exempt = matches!(op, REQUEST_SENSE | INQUIRY | GET_CONFIGURATION | GET_EVENT_STATUS);
        if op != REQUEST_SENSE {
            self.sense = sense::NONE;
        }
        if !exempt && let Some(attention) = self.attention.take() {
            return Err(attention);
        }
        if needs_disc(op) && self.loaded().is_none() {
            return Err(if self.tray_open { sense::NO_MEDIUM_TRAY_OPEN } else { sense::NO_MEDIUM_TRAY_CLOSED });
        }
        match op {
            TEST_UNIT_READY | STOP_PLAY | SET_CD_SPEED => Ok(Reply::Done),
            REQUEST_SENSE => self.request_sense(&p),
            INQUIRY => self.inquiry(&p),
            MODE_SENSE_6 => self.mode_sense(&p, false),
            MODE_SENSE_10 => self.mode_sense(&p, true),
            MODE_SELECT_6 => Ok(self.start_mode_select(usize::from(p[4]), false)),
            MODE_SELECT_10 => Ok(self.start_mode_select(usize::from(be16(&p, 7)), true)),
            START_STOP_UNIT => self.start_stop(p[4]),
            PREVENT_ALLOW => {
                self.locked = p[4] & 1 != 0;
                Ok(Reply::Done)
            }
            READ_CAPACITY => self.read_capacity(),
            READ_10 => self.read(be32(&p, 2), u32::from(be16(&p, 7)), Layout::default()),
            READ_12 => self.read(be32(&p, 2), be32(&p, 6), Layout::default()),
            READ_CD => self.read_cd(&p, be32(&p, 2), be24(&p, 6)),
            READ_CD_MSF => {
                let (start, end) = (from_msf(&p, 3)?, from_msf(&p, 6)?);
                let count = end.checked_sub(start).ok_or(sense::INVALID_FIELD)?;
                self.read_cd(&p, start, count)
            }
            SEEK_10 | VERIFY_10 => {
                let count = if op == VERIFY_10 { u32::from(be16(&p, 7)) } else { 1 };
                self.check_range(be32(&p, 2), count)?;
                self.position = be32(&p, 2);
                Ok(Reply::Done)
            }
            READ_SUBCHANNEL => self.read_subchannel(&p),
            READ_TOC => self.read_toc(&p),
            READ_HEADER => self.read_header(&p),
            READ_DISC_INFORMATION => self.disc_information(&p),
            READ_TRACK_INFORMATION => self.track_information(&p),
            GET_CONFIGURATION => self.configuration(&p),
            GET_EVENT_STATUS => self.event_status(&p),
            MECHANISM_STATUS => self.mechanism_status(&p),
            READ_DVD_STRUCTURE => self.dvd_structure(&p),
            PLAY_AUDIO_10 | PLAY_AUDIO_12 | PLAY_AUDIO_MSF | PAUSE_RESUME | SCAN => Err(sense::ILLEGAL_MODE),
            _ => Err(sense::INVALID_OPCODE),
        }
    }

    /// Sense data; reading it clears it, and a pending unit attention is reported when there is nothing else.
    fn request_sense(&mut self, p: &Packet) -> Result<Reply, Sense> {
        let mut report = std::mem::replace(&mut self.sense, sense::NONE);
        if report == sense::NONE {
            report = self.attention.take().unwrap_or(sense::NONE);
        }
        cut(report.data(), usize::from(p[4]))
    }

    fn start_stop(&mut self, flags: u8) -> Result<Reply, Sense> {
        let (load_eject, start) = (flags & 2 != 0, flags & 1 != 0);
        match (load_eject, start) {
            (true, false) if self.locked => return Err(sense::REMOVAL_PREVENTED),
            (true, false) if !self.tray_open => self.open_tray(),
            (true, true) if self.tray_open => self.close_tray(),
            _ => {}
        }
        Ok(Reply::Done)
    }

    pub(super) fn check_range(&self, lba: u32, count: u32) -> Result<(), Sense> {
        match (self.loaded(), lba.checked_add(count)) {
            (Some(blocks), Some(end)) if end <= blocks && (lba < blocks || count == 0) => Ok(()),
            _ => Err(sense::LBA_OUT_OF_RANGE),
        }
    }

    fn read(&mut self, lba: u32, count: u32, layout: Layout) -> Result<Reply, Sense> {
        self.check_range(lba, count)?;
        Ok(Reply::Blocks { lba, count, layout })
    }

    fn read_cd(&mut self, p: &Packet, lba: u32, count: u32) -> Result<Reply, Sense> {
        // Expected sector type: any or Mode 1; the disc has nothing else.
        if !matches!(p[1] >> 2 & 7, 0 | 2) {
            return Err(sense::ILLEGAL_MODE);
        }
        if p[10] & 7 != 0 {
            return Err(sense::INVALID_FIELD);
        }
        let layout = Layout::from_flags(p[9]).ok_or(sense::INVALID_FIELD)?;
        self.check_range(lba, count)?;
        if layout.len() == 0 {
            self.position = lba;
            return Ok(Reply::Done);
        }
        Ok(Reply::Blocks { lba, count, layout })
    }

    fn read_capacity(&mut self) -> Result<Reply, Sense> {
        let last = self.loaded().unwrap_or(0).saturating_sub(1);
        let mut data = last.to_be_bytes().to_vec();
        data.extend((super::BLOCK as u32).to_be_bytes());
        Ok(Reply::Data(data))
    }

    fn event_status(&mut self, p: &Packet) -> Result<Reply, Sense> {
        if p[1] & 1 == 0 {
            return Err(sense::INVALID_FIELD); // asynchronous notification
        }
        const MEDIA_CLASS: u8 = 4;
        let supported = 1 << MEDIA_CLASS;
        let data = if p[4] & supported != 0 {
            let event = std::mem::replace(&mut self.media_event, MediaEvent::None) as u8;
            let status = u8::from(self.tray_open) | u8::from(self.loaded().is_some()) << 1;
            vec![0, 6, MEDIA_CLASS, supported, event, status, 0, 0]
        } else {
            vec![0, 2, 0x80, supported] // no event available
        };
        cut(data, usize::from(be16(p, 7)))
    }
}

/// The block at the minute, second and frame at `at`.
fn from_msf(p: &Packet, at: usize) -> Result<u32, Sense> {
    match p.get(at..at + 3) {
        Some(&[m, s, f]) if s < 60 && f < 75 => {
            ((u32::from(m) * 60 + u32::from(s)) * 75 + u32::from(f)).checked_sub(150).ok_or(sense::LBA_OUT_OF_RANGE)
        }
        _ => Err(sense::INVALID_FIELD),
    }
}
