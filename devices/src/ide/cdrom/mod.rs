//! An ATAPI CD-ROM drive: the PACKET transport of ATA/ATAPI-6 (clauses 8.23 and 9.8) and the state of drive, tray and
//! disc. The packet commands themselves are in `commands`.
//!
//! A disc is one data track of 2048-byte Mode 1 sectors. Not modelled: audio tracks (play commands report "illegal mode
//! for this track"), sub-channel data, writing, overlapped commands. A PIO byte count limit of zero is taken as FFFEh.

mod commands;
mod inform;
mod mode;
mod sector;
mod sense;
mod toc;

use super::drive::{Interface, Phase, Wait};
use super::identify;
use super::taskfile::{ABRT, DRDY, DSC, ERR, TaskFile};
use crate::medium::Medium;
use sense::Sense;
use serde::{Deserialize, Serialize};

/// Bytes of user data per block.
pub(super) const BLOCK: usize = 2048;
/// Blocks read ahead of the host at once.
const CHUNK_BLOCKS: u32 = 16;

/// Time from the packet to the first data, ns.
const ACCESS_NS: u64 = 30_000;
/// Additional time per block of one DRQ block or DMA transfer, ns.
const READ_BLOCK_NS: u64 = 2_000;
/// Time until the device asks for the packet, ns.
const REQUEST_NS: u64 = 1_000;
/// Time of the other ATA commands, ns.
const COMMAND_NS: u64 = 20_000;
/// Time from the last data to the completion status, ns.
const STATUS_NS: u64 = 1_000;

/// Interrupt reason: command packet, not data.
const REASON_COD: u8 = 1;
/// Interrupt reason: towards the host.
const REASON_IO: u8 = 2;

/// Features register of PACKET: data by DMA.
const FEATURE_DMA: u8 = 1;
/// Features register of PACKET: overlapped.
const FEATURE_OVERLAP: u8 = 2;

/// Media event codes of GET EVENT STATUS NOTIFICATION.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
enum MediaEvent {
    #[default]
    None = 0,
    EjectRequest = 1,
    NewMedium = 2,
    Removed = 3,
}

/// What a filled buffer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The 12-byte packet.
    #[default]
    Packet,
    /// The parameter list of MODE SELECT.
    ModeSelect,
}

/// What a packet command leads to.
enum Reply {
    /// Good status, no data.
    Done,
    /// Data for the host, already cut to the allocation length.
    Data(Vec<u8>),
    /// Blocks from the disc in the layout of [`sector::Layout`].
    Blocks { lba: u32, count: u32, layout: sector::Layout },
    /// The host sends a parameter list of this many bytes.
    Receive(usize),
}

/// Data on its way to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stream {
    /// Next block.
    lba: u32,
    /// Blocks not yet read.
    blocks: u32,
    layout: sector::Layout,
    /// Bytes not yet offered.
    left: u64,
    /// Most bytes per DRQ block.
    limit: usize,
    dma: bool,
}

/// The drive behind the device registers.
#[derive(Serialize, Deserialize)]
pub struct Cdrom {
    #[serde(skip)]
    medium: Option<Box<dyn Medium>>,
    /// Blocks of the disc in the tray, `None` without one.
    blocks: Option<u32>,
    tray_open: bool,
    /// PREVENT ALLOW MEDIUM REMOVAL.
    locked: bool,
    sense: Sense,
    /// A unit attention that has not been reported.
    attention: Option<Sense>,
    media_event: MediaEvent,
    /// SET FEATURES transfer mode.
    mode: u8,
    stage: Stage,
    stream: Stream,
    /// Changeable mode page contents.
    pages: mode::Pages,
    /// Last block read, for READ SUB-CHANNEL and MECHANISM STATUS.
    position: u32,
}

impl Cdrom {
    pub(super) fn new(medium: Option<Box<dyn Medium>>) -> Self {
        let blocks = medium.as_deref().map(block_count);
        Self {
            medium,
            blocks,
            tray_open: false,
            locked: false,
            sense: sense::NONE,
            attention: Some(sense::POWER_ON),
            media_event: MediaEvent::None,
            mode: identify::DEFAULT_MODE,
            stage: Stage::Packet,
            stream: Stream::default(),
            pages: mode::Pages::default(),
            position: 0,
        }
    }

    /// Closes the tray over `medium`. The guest sees a unit attention and a "new medium" event.
    pub fn insert(&mut self, medium: Box<dyn Medium>) {
        self.blocks = Some(block_count(&*medium));
        self.medium = Some(medium);
        self.close_tray();
    }

    /// The eject button. A drive that the guest has locked only reports the wish and returns `false`, unless `force`
    /// (the emergency hole). Otherwise the tray opens and the disc is taken out.
    pub fn eject(&mut self, force: bool) -> bool {
        if self.locked && !force {
            self.media_event = MediaEvent::EjectRequest;
            return false;
        }
        self.medium = None;
        self.blocks = None;
        self.open_tray();
        true
    }

    /// Whether the tray is out, for example after the guest ejected the disc.
    pub fn tray_open(&self) -> bool {
        self.tray_open
    }

    /// Whether the guest has locked the tray.
    pub fn locked(&self) -> bool {
        self.locked
    }

    fn open_tray(&mut self) {
        self.tray_open = true;
        self.locked = false;
        self.media_event = MediaEvent::Removed;
    }

    fn close_tray(&mut self) {
        self.tray_open = false;
        self.locked = false;
        if self.blocks.is_some() {
            self.attention = Some(sense::MEDIUM_CHANGED);
            self.media_event = MediaEvent::NewMedium;
        }
    }

    pub(super) fn reconnect(&mut self, medium: Box<dyn Medium>) {
        self.medium = Some(medium);
    }

    pub(super) fn medium_mut(&mut self) -> Option<&mut (dyn Medium + 'static)> {
        self.medium.as_deref_mut()
    }

    /// Blocks of the disc that can be read.
    fn loaded(&self) -> Option<u32> {
        self.blocks.filter(|_| !self.tray_open)
    }

    pub(super) fn hardware_reset(&mut self) {
        self.device_reset();
        self.locked = false;
        self.attention = Some(sense::POWER_ON);
        self.mode = identify::DEFAULT_MODE;
        self.pages = mode::Pages::default();
    }

    /// Software reset and DEVICE RESET: the transport starts over, settings stay.
    pub(super) fn device_reset(&mut self) {
        self.sense = sense::NONE;
        self.stage = Stage::Packet;
        self.stream = Stream::default();
    }

    pub(super) fn latency(&self, tf: &TaskFile) -> u64 {
        if tf.command == 0xA0 { REQUEST_NS } else { COMMAND_NS }
    }

    /// Runs the ATA command in the registers.
    pub(super) fn execute(&mut self, core: &mut Interface) -> Wait {
        match core.tf.command {
            0xA0 if core.tf.features.cur & FEATURE_OVERLAP != 0 => core.fail(ABRT),
            0xA0 => {
                self.stage = Stage::Packet;
                core.tf.count.cur = REASON_COD;
                core.request(12, false);
            }
            0xA1 => {
                core.buf = identify::cdrom(self.mode, "REWIND86 CD-ROM", "RW00002", "1.0");
                core.pos = 0;
                self.stream = Stream::default();
                core.tf.count.cur = REASON_IO;
                core.offer(512);
                self.stage = Stage::Packet;
            }
            // IDENTIFY DEVICE and READ SECTORS show who is there instead.
            0xEC | 0x20 | 0x21 => {
                let device = core.tf.device;
                core.tf.set_signature(true);
                core.tf.device = device;
                core.fail(ABRT);
            }
            0x94..=0x97 | 0x99 | 0xE0..=0xE3 | 0xE6 => core.complete(),
            0x98 | 0xE5 => {
                core.tf.count.cur = 0xFF;
                core.complete();
            }
            0xEF => match core.tf.features.cur {
                0x03 if identify::mode_supported(core.tf.count.cur) => {
                    self.mode = core.tf.count.cur;
                    core.complete();
                }
                0x66 | 0xCC => core.complete(),
                _ => core.fail(ABRT),
            },
            _ => core.fail(ABRT),
        }
        None
    }

    /// The host filled the buffer: a packet or a parameter list.
    pub(super) fn commit(&mut self, core: &mut Interface) -> Wait {
        let data = std::mem::take(&mut core.buf);
        let reply = match self.stage {
            Stage::Packet => self.packet(data.as_slice().try_into().unwrap_or([0; 12])),
            Stage::ModeSelect => self.mode_select(&data).map(|()| Reply::Done),
        };
        self.stage = Stage::Packet;
        match reply {
            Err(sense) => self.check(core, sense),
            Ok(Reply::Done) => self.good(core),
            Ok(Reply::Receive(0)) => self.good(core),
            Ok(Reply::Receive(len)) => {
                self.stage = Stage::ModeSelect;
                self.report_count(core, len, 0);
                core.request(len, true);
            }
            Ok(Reply::Data(data)) => {
                let stream = Stream { left: data.len() as u64, ..Stream::default() };
                return self.send(core, stream, data, 0);
            }
            Ok(Reply::Blocks { lba, count, layout }) => {
                let left = u64::from(count) * layout.len() as u64;
                let stream = Stream { lba, blocks: count, layout, left, ..Stream::default() };
                return self.send(core, stream, Vec::new(), u64::from(count.min(CHUNK_BLOCKS)) * READ_BLOCK_NS);
            }
        }
        None
    }

    /// Starts a data phase towards the host; `data` is what is there already.
    fn send(&mut self, core: &mut Interface, stream: Stream, data: Vec<u8>, extra_ns: u64) -> Wait {
        if stream.left == 0 {
            self.good(core);
            return None;
        }
        let asked = usize::from(u16::from_le_bytes([core.tf.lba_mid.cur, core.tf.lba_high.cur]));
        let limit = match asked & !1 {
            0 => 0xFFFE,
            n => n,
        };
        self.stream = Stream { limit, dma: core.tf.features.cur & FEATURE_DMA != 0, ..stream };
        core.buf = data;
        core.pos = 0;
        core.busy(Phase::Refill, ACCESS_NS + extra_ns)
    }

    fn report_count(&self, core: &mut Interface, bytes: usize, reason: u8) {
        let b = bytes.to_le_bytes();
        [core.tf.lba_mid.cur, core.tf.lba_high.cur] = [b[0], b[1]];
        core.tf.count.cur = reason;
    }

    /// Good status.
    fn good(&mut self, core: &mut Interface) {
        core.tf.count.cur = REASON_COD | REASON_IO;
        core.complete();
    }

    /// Check condition.
    fn check(&mut self, core: &mut Interface, sense: Sense) {
        self.sense = sense;
        self.stream = Stream::default();
        core.tf.count.cur = REASON_COD | REASON_IO;
        core.fail(sense.key << 4 | ABRT);
        core.tf.status = DRDY | DSC | ERR;
    }

    /// Reads blocks until `core.buf[core.pos..]` holds `want` bytes or the stream ends.
    fn fill(&mut self, core: &mut Interface, want: usize) -> Result<(), Sense> {
        core.buf.drain(..core.pos.min(core.buf.len()));
        core.pos = 0;
        while core.buf.len() < want && self.stream.blocks > 0 {
            let count = self.stream.blocks.min(CHUNK_BLOCKS);
            let mut data = vec![0; count as usize * BLOCK];
            let at = u64::from(self.stream.lba) * BLOCK as u64;
            let medium = self.medium.as_deref_mut().filter(|_| !self.tray_open);
            let medium = medium.ok_or(sense::NO_MEDIUM_TRAY_CLOSED)?;
            medium.read_at(at, &mut data).map_err(|_| sense::UNRECOVERED_READ)?;
            self.stream.layout.append(self.stream.lba, &data, &mut core.buf);
            self.stream.lba = self.stream.lba.wrapping_add(count);
            self.stream.blocks -= count;
            self.position = self.stream.lba;
        }
        Ok(())
    }

    /// The next DRQ block, the start of DMA, or the completion status.
    pub(super) fn refill(&mut self, core: &mut Interface) -> Wait {
        if self.stream.left == 0 {
            self.good(core);
        } else if self.stream.dma {
            let data = std::mem::take(&mut core.buf);
            core.tf.count.cur = REASON_IO;
            core.request_dma(true);
            core.end = data.len();
            self.stream.left -= (data.len() as u64).min(self.stream.left);
            core.buf = data;
        } else {
            let len = usize::try_from(self.stream.left).unwrap_or(usize::MAX).min(self.stream.limit).min(0xFFFE);
            match self.fill(core, len) {
                Err(sense) => self.check(core, sense),
                Ok(()) => {
                    self.stream.left -= len as u64;
                    self.report_count(core, len, REASON_IO);
                    core.offer(len);
                }
            }
        }
        None
    }

    /// The host took a DRQ block.
    pub(super) fn drained(&mut self, core: &mut Interface) -> Wait {
        if core.tf.command != 0xA0 {
            core.finish_quietly();
            return None;
        }
        let ns = if self.stream.left == 0 { STATUS_NS } else { super::BLOCK_NS };
        core.busy(Phase::Refill, ns)
    }

    /// Loads the next blocks of a DMA transfer.
    pub(super) fn dma_refill(&mut self, core: &mut Interface) {
        if self.stream.left == 0 {
            return self.good(core);
        }
        match self.fill(core, self.stream.layout.len()) {
            Err(sense) => self.check(core, sense),
            Ok(()) => {
                core.end = core.buf.len();
                self.stream.left -= (core.end as u64).min(self.stream.left);
                if core.end == 0 {
                    self.good(core);
                }
            }
        }
    }

    /// Ends a DMA transfer once every byte has been taken.
    pub(super) fn dma_drained(&mut self, core: &mut Interface) {
        if self.stream.left == 0 {
            self.good(core);
        }
    }
}

/// Whole blocks of a disc image, a partial last one included.
fn block_count(medium: &dyn Medium) -> u32 {
    u32::try_from(medium.len().div_ceil(BLOCK as u64)).unwrap_or(u32::MAX)
}
