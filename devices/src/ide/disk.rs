//! An ATA disk: the general feature set, PACKET excluded, of ATA/ATAPI-6 clause 8 with 48-bit addressing, multiple
//! mode, multiword and Ultra DMA.
//!
//! Not modelled: SMART, security, host protected area limits, power-up in standby, media beyond 512-byte sectors.
//! Their IDENTIFY bits are clear and their commands abort.

use super::drive::{Interface, Phase, Wait};
use super::identify;
use super::taskfile::{ABRT, IDNF, LBA, TaskFile, UNC, WP};
use crate::medium::{Medium, MediumError};
use serde::{Deserialize, Serialize};

/// Bytes per sector.
pub(super) const SECTOR: usize = 512;
/// Largest block of READ/WRITE MULTIPLE.
pub(super) const MAX_MULTIPLE: u8 = 16;
/// Sectors moved between medium and bus master at once.
const DMA_SECTORS: u32 = 128;

/// Time from the command to the first data or the end, ns.
const COMMAND_NS: u64 = 20_000;
/// Additional time per sector of a DMA transfer, ns.
const DMA_SECTOR_NS: u64 = 1_000;
/// Time until a PIO write asks for its first block, ns.
const REQUEST_NS: u64 = 1_000;

/// Text fields of IDENTIFY DEVICE; longer ones are cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskIdentity {
    /// Model number, up to 40 characters.
    pub model: String,
    /// Serial number, up to 20 characters.
    pub serial: String,
    /// Firmware revision, up to 8 characters.
    pub firmware: String,
}

impl Default for DiskIdentity {
    fn default() -> Self {
        Self { model: "REWIND86 HARDDISK".into(), serial: "RW00001".into(), firmware: "1.0".into() }
    }
}

/// Cylinders, heads and sectors per track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Cylinders.
    pub cylinders: u16,
    /// Heads, 1 to 16.
    pub heads: u8,
    /// Sectors per track, 1 to 63.
    pub sectors: u8,
}

impl Geometry {
    /// The default translation of a disk: 16 heads, 63 sectors, at most 16383 cylinders.
    pub fn for_sectors(total: u64) -> Self {
        Self { cylinders: (total / (16 * 63)).clamp(1, 16383) as u16, heads: 16, sectors: 63 }
    }

    /// Sectors that CHS addresses reach.
    pub fn capacity(&self) -> u32 {
        u32::from(self.cylinders) * u32::from(self.heads) * u32::from(self.sectors)
    }
}

/// The address of the sectors being moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Transfer {
    lba: u64,
    /// Sectors not yet moved.
    left: u32,
    /// Sectors per DRQ block.
    block: u32,
    /// A 48-bit command.
    ext: bool,
    /// READ BUFFER, WRITE BUFFER or IDENTIFY: one block that is not on the medium.
    internal: bool,
}

/// The disk behind the device registers.
#[derive(Serialize, Deserialize)]
pub struct Disk {
    #[serde(skip)]
    medium: Option<Box<dyn Medium>>,
    /// Capacity in sectors.
    pub(super) sectors: u64,
    pub(super) identity: DiskIdentity,
    /// Translation at power-on.
    pub(super) native: Geometry,
    /// Translation in force.
    pub(super) current: Geometry,
    /// Sectors per block of READ/WRITE MULTIPLE, 0 = disabled.
    pub(super) multiple: u8,
    pub(super) write_cache: bool,
    pub(super) look_ahead: bool,
    /// SET FEATURES was told not to revert settings on a software reset.
    keep_settings: bool,
    /// SET FEATURES transfer mode: 08h | n multiword... as written to the count register.
    pub(super) mode: u8,
    transfer: Transfer,
    /// The 512-byte buffer of READ BUFFER and WRITE BUFFER.
    scratch: Vec<u8>,
}

impl Disk {
    pub(super) fn new(medium: Box<dyn Medium>, identity: DiskIdentity, geometry: Option<Geometry>) -> Self {
        let sectors = medium.len() / SECTOR as u64;
        let native = geometry
            .filter(|g| g.cylinders > 0 && (1..=16).contains(&g.heads) && (1..=63).contains(&g.sectors))
            .unwrap_or_else(|| Geometry::for_sectors(sectors));
        Self {
            medium: Some(medium),
            sectors,
            identity,
            native,
            current: native,
            multiple: 0,
            write_cache: true,
            look_ahead: true,
            keep_settings: false,
            mode: identify::DEFAULT_MODE,
            transfer: Transfer::default(),
            scratch: vec![0; SECTOR],
        }
    }

    /// Puts the medium back after the state was loaded.
    pub(super) fn reconnect(&mut self, medium: Box<dyn Medium>) {
        self.medium = Some(medium);
    }

    pub(super) fn medium_mut(&mut self) -> Option<&mut (dyn Medium + 'static)> {
        self.medium.as_deref_mut()
    }

    pub(super) fn hardware_reset(&mut self) {
        self.keep_settings = false;
        self.software_reset();
    }

    pub(super) fn software_reset(&mut self) {
        if !self.keep_settings {
            self.revert();
        }
        self.transfer = Transfer::default();
    }

    fn revert(&mut self) {
        self.current = self.native;
        self.multiple = 0;
        self.write_cache = true;
        self.look_ahead = true;
        self.mode = identify::DEFAULT_MODE;
    }

    pub(super) fn latency(&self, tf: &TaskFile) -> u64 {
        match tf.command {
            0x30 | 0x31 | 0x34 | 0x39 | 0x3C | 0xC5 | 0xE8 => REQUEST_NS,
            0xC8..=0xCB => COMMAND_NS + u64::from(tf.sectors(false)) * DMA_SECTOR_NS,
            0x25 | 0x35 => COMMAND_NS + u64::from(tf.sectors(true)) * DMA_SECTOR_NS,
            _ => COMMAND_NS,
        }
    }

    /// Runs the command in the registers.
    pub(super) fn execute(&mut self, core: &mut Interface) -> Wait {
        let single = 1;
        match core.tf.command {
            // RECALIBRATE, IDLE, STANDBY, SLEEP: nothing to turn or to stop.
            0x10..=0x1F | 0x94..=0x97 | 0x99 | 0xE0..=0xE3 | 0xE6 => core.complete(),
            0x20 | 0x21 => return self.start_read(core, false, single),
            0x24 => return self.start_read(core, true, single),
            0x29 => return self.start_multiple(core, true, false),
            0xC4 => return self.start_multiple(core, false, false),
            0x30 | 0x31 | 0x3C => self.start_write(core, false, single),
            0x34 => self.start_write(core, true, single),
            0x39 => return self.start_multiple(core, true, true),
            0xC5 => return self.start_multiple(core, false, true),
            0x25 => self.start_dma(core, true, true),
            0xC8 | 0xC9 => self.start_dma(core, false, true),
            0x35 => self.start_dma(core, true, false),
            0xCA | 0xCB => self.start_dma(core, false, false),
            0x40 | 0x41 => self.verify(core, false),
            0x42 => self.verify(core, true),
            0x70..=0x7F => match self.address(&core.tf, false) {
                Some(lba) if lba < self.sectors => core.complete(),
                _ => core.fail(IDNF),
            },
            0x91 => self.initialize_parameters(core),
            0xC6 => self.set_multiple(core),
            0x98 | 0xE5 => {
                core.tf.count.cur = 0xFF; // active or idle
                core.complete();
            }
            0xE4 => self.offer_internal(core, self.scratch.clone()),
            0xE8 => {
                self.transfer = Transfer { left: 1, block: 1, internal: true, ..Transfer::default() };
                core.request(SECTOR, false);
            }
            0xE7 | 0xEA => match self.medium.as_deref_mut().map(Medium::flush) {
                Some(Ok(())) => core.complete(),
                _ => core.fail(ABRT),
            },
            0xEC => self.offer_internal(core, identify::disk(self)),
            0xEF => self.set_features(core),
            0xF8 => self.native_max(core, false),
            0x27 => self.native_max(core, true),
            _ => core.fail(ABRT),
        }
        None
    }

    fn offer_internal(&mut self, core: &mut Interface, data: Vec<u8>) {
        self.transfer = Transfer { left: 1, block: 1, internal: true, ..Transfer::default() };
        core.buf = data;
        core.pos = 0;
        core.offer(SECTOR);
    }

    /// The first sector that the registers name, `None` when CHS values are outside the translation.
    fn address(&self, tf: &TaskFile, ext: bool) -> Option<u64> {
        if ext {
            return Some(tf.lba48());
        }
        if tf.device & LBA != 0 {
            return Some(tf.lba28());
        }
        let (c, h, s) = tf.chs();
        let (heads, sectors) = (u32::from(self.current.heads), u32::from(self.current.sectors));
        let inside = c < u32::from(self.current.cylinders) && h < heads && (1..=sectors).contains(&s);
        inside.then(|| (u64::from(c) * u64::from(heads) + u64::from(h)) * u64::from(sectors) + u64::from(s) - 1)
    }

    /// Shows `lba` in the addressing form of the command.
    fn report_address(&self, tf: &mut TaskFile, lba: u64, ext: bool) {
        if ext {
            tf.set_lba48(lba);
        } else if tf.device & LBA != 0 {
            tf.set_lba28(lba);
        } else {
            let per_track = u64::from(self.current.sectors.max(1));
            let per_cylinder = per_track * u64::from(self.current.heads.max(1));
            let (c, rest) = (lba / per_cylinder, lba % per_cylinder);
            tf.set_chs(c as u32, (rest / per_track) as u32, (rest % per_track) as u32 + 1);
        }
    }

    fn start(&mut self, core: &mut Interface, ext: bool, block: u32) -> bool {
        let Some(lba) = self.address(&core.tf, ext) else {
            core.fail(IDNF);
            return false;
        };
        self.transfer = Transfer { lba, left: core.tf.sectors(ext), block, ext, internal: false };
        true
    }

    fn start_read(&mut self, core: &mut Interface, ext: bool, block: u32) -> Wait {
        if self.start(core, ext, block) {
            return self.refill(core);
        }
        None
    }

    fn start_write(&mut self, core: &mut Interface, ext: bool, block: u32) {
        if !self.writable() {
            core.fail(ABRT | WP);
        } else if self.start(core, ext, block) {
            core.request(self.block_sectors() as usize * SECTOR, false);
        }
    }

    fn start_multiple(&mut self, core: &mut Interface, ext: bool, write: bool) -> Wait {
        match (u32::from(self.multiple), write) {
            (0, _) => core.fail(ABRT),
            (block, false) => return self.start_read(core, ext, block),
            (block, true) => self.start_write(core, ext, block),
        }
        None
    }

    fn start_dma(&mut self, core: &mut Interface, ext: bool, to_memory: bool) {
        if !to_memory && !self.writable() {
            core.fail(ABRT | WP);
        } else if self.start(core, ext, DMA_SECTORS) {
            core.request_dma(to_memory);
        }
    }

    fn writable(&self) -> bool {
        self.medium.as_deref().is_some_and(|m| !m.read_only())
    }

    fn block_sectors(&self) -> u32 {
        self.transfer.left.min(self.transfer.block).min(DMA_SECTORS)
    }

    /// Why `sectors` from `transfer.lba` cannot be reached.
    fn check_range(&self, sectors: u32) -> Result<(), u8> {
        match self.transfer.lba.checked_add(u64::from(sectors)) {
            Some(end) if end <= self.sectors => Ok(()),
            _ => Err(IDNF),
        }
    }

    fn read_medium(&mut self, buf: &mut Vec<u8>, sectors: u32) -> Result<(), u8> {
        self.check_range(sectors)?;
        buf.clear();
        buf.resize(sectors as usize * SECTOR, 0);
        let medium = self.medium.as_deref_mut().ok_or(ABRT)?;
        medium.read_at(self.transfer.lba.saturating_mul(SECTOR as u64), buf).map_err(read_error)
    }

    fn write_medium(&mut self, data: &[u8]) -> Result<(), u8> {
        self.check_range((data.len() / SECTOR) as u32)?;
        let medium = self.medium.as_deref_mut().ok_or(ABRT)?;
        medium.write_at(self.transfer.lba.saturating_mul(SECTOR as u64), data).map_err(write_error)
    }

    fn advance(&mut self, sectors: u32) {
        self.transfer.lba = self.transfer.lba.saturating_add(u64::from(sectors));
        self.transfer.left = self.transfer.left.saturating_sub(sectors);
    }

    /// Ends a command that stopped at `transfer.lba`.
    fn stop(&mut self, core: &mut Interface, error: u8) {
        self.report_address(&mut core.tf, self.transfer.lba, self.transfer.ext);
        core.tf.set_sectors(self.transfer.ext, self.transfer.left);
        core.fail(error);
    }

    /// Leaves the address of the last sector and a zero count.
    fn report_end(&self, core: &mut Interface) {
        if !self.transfer.internal {
            self.report_address(&mut core.tf, self.transfer.lba.saturating_sub(1), self.transfer.ext);
            core.tf.set_sectors(self.transfer.ext, 0);
        }
    }

    /// Offers the next block of a PIO read.
    pub(super) fn refill(&mut self, core: &mut Interface) -> Wait {
        let mut sectors = self.block_sectors();
        // A block that runs off the end still delivers the sectors before it.
        if let Some(room) = self.sectors.checked_sub(self.transfer.lba).filter(|&r| r > 0) {
            sectors = sectors.min(u32::try_from(room).unwrap_or(u32::MAX));
        }
        match self.read_medium(&mut core.buf, sectors) {
            Ok(()) => {
                core.pos = 0;
                core.offer(sectors as usize * SECTOR);
                self.advance(sectors);
            }
            Err(error) => self.stop(core, error),
        }
        None
    }

    /// The host took a block of a PIO read.
    pub(super) fn drained(&mut self, core: &mut Interface) -> Wait {
        if self.transfer.internal || self.transfer.left == 0 {
            self.report_end(core);
            core.finish_quietly();
            return None;
        }
        core.busy(Phase::Refill, super::BLOCK_NS)
    }

    /// Takes a filled block of a PIO write.
    pub(super) fn commit(&mut self, core: &mut Interface) -> Wait {
        let data = std::mem::take(&mut core.buf);
        if self.transfer.internal {
            self.scratch = data;
            core.complete();
            return None;
        }
        let sectors = (data.len() / SECTOR) as u32;
        if let Err(error) = self.write_medium(&data) {
            self.stop(core, error);
            return None;
        }
        self.advance(sectors);
        if self.transfer.left == 0 {
            self.report_end(core);
            core.complete();
        } else {
            core.request(self.block_sectors() as usize * SECTOR, true);
        }
        None
    }

    /// Loads the next sectors of READ DMA, or ends it with an error.
    pub(super) fn dma_refill(&mut self, core: &mut Interface) {
        let sectors = self.block_sectors();
        let mut buf = std::mem::take(&mut core.buf);
        let result = self.read_medium(&mut buf, sectors);
        core.buf = buf;
        match result {
            Ok(()) if sectors > 0 => {
                (core.pos, core.end) = (0, core.buf.len());
                self.advance(sectors);
            }
            Ok(()) => self.dma_drained(core),
            Err(error) => self.stop(core, error),
        }
    }

    /// Ends READ DMA once every sector has been taken.
    pub(super) fn dma_drained(&mut self, core: &mut Interface) {
        if self.transfer.left == 0 {
            self.report_end(core);
            core.complete();
        }
    }

    /// Takes bytes of WRITE DMA; whole sectors go to the medium.
    pub(super) fn dma_take(&mut self, core: &mut Interface, data: &[u8]) -> usize {
        let mut taken = 0;
        while taken < data.len() && core.phase == Phase::DmaOut {
            let want = self.block_sectors() as usize * SECTOR;
            let n = want.saturating_sub(core.buf.len()).min(data.len() - taken);
            core.buf.extend_from_slice(data.get(taken..taken + n).unwrap_or_default());
            taken += n;
            if core.buf.len() < want {
                break;
            }
            let block = std::mem::take(&mut core.buf);
            if let Err(error) = self.write_medium(&block) {
                self.stop(core, error);
                break;
            }
            self.advance((want / SECTOR) as u32);
            if self.transfer.left == 0 {
                self.report_end(core);
                core.complete();
            }
        }
        taken
    }

    fn verify(&mut self, core: &mut Interface, ext: bool) {
        if !self.start(core, ext, 1) {
            return;
        }
        let room = self.sectors.saturating_sub(self.transfer.lba);
        if room < u64::from(self.transfer.left) {
            self.advance(room as u32);
            self.stop(core, IDNF);
        } else {
            self.advance(self.transfer.left);
            self.report_end(core);
            core.complete();
        }
    }

    /// INITIALIZE DEVICE PARAMETERS: a new CHS translation.
    fn initialize_parameters(&mut self, core: &mut Interface) {
        let (heads, sectors) = ((core.tf.device & 0x0F) + 1, core.tf.count.cur);
        if !(1..=63).contains(&sectors) {
            return core.fail(ABRT);
        }
        let reachable = self.sectors.min(u64::from(self.native.capacity()).max(16514064));
        let cylinders = reachable / (u64::from(heads) * u64::from(sectors));
        self.current = Geometry { cylinders: cylinders.clamp(1, 65535) as u16, heads, sectors };
        core.complete();
    }

    fn set_multiple(&mut self, core: &mut Interface) {
        let n = core.tf.count.cur;
        if n != 0 && (n > MAX_MULTIPLE || !n.is_power_of_two()) {
            return core.fail(ABRT);
        }
        self.multiple = n;
        core.complete();
    }

    fn set_features(&mut self, core: &mut Interface) {
        match core.tf.features.cur {
            0x02 => self.write_cache = true,
            0x82 => self.write_cache = false,
            0x03 if identify::mode_supported(core.tf.count.cur) => self.mode = core.tf.count.cur,
            0x55 => self.look_ahead = false,
            0xAA => self.look_ahead = true,
            0x66 => self.keep_settings = true,
            0xCC => self.keep_settings = false,
            _ => return core.fail(ABRT),
        }
        core.complete();
    }

    fn native_max(&mut self, core: &mut Interface, ext: bool) {
        let last = self.sectors.saturating_sub(1);
        if ext {
            core.tf.set_lba48(last);
        } else {
            core.tf.device |= LBA;
            core.tf.set_lba28(last.min(0x0FFF_FFFF));
        }
        core.complete();
    }
}

fn read_error(error: MediumError) -> u8 {
    match error {
        MediumError::OutOfRange => IDNF,
        MediumError::ReadOnly => ABRT,
        MediumError::Host | MediumError::Absent => UNC,
    }
}

fn write_error(error: MediumError) -> u8 {
    match error {
        MediumError::OutOfRange => IDNF,
        MediumError::ReadOnly => ABRT | WP,
        // There is no "could not write" bit: a fault of the sector's address field is what real drives report.
        MediumError::Host | MediumError::Absent => IDNF,
    }
}
