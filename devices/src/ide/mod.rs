//! The IDE half of a PIIX3: two ATA channels in compatibility mode (1F0h/3F6h/IRQ 14 and 170h/376h/IRQ 15), up to
//! two devices each, and their bus masters.
//!
//! Commands take short virtual delays ([`EventId::Ide0`], [`EventId::Ide1`]); DMA happens in [`EventId::BusMaster0`]
//! and [`EventId::BusMaster1`]. The order of states (BSY, DRQ, interrupt) is a real drive's, the delays are much shorter.
//!
//! Not modelled: native PCI mode, cable timing registers, overlapped and queued commands.

mod busmaster;
pub mod cdrom;
mod channel;
pub mod disk;
mod drive;
mod identify;
mod taskfile;
#[cfg(test)]
mod tests;

use crate::ctx::{Ctx, DmaMemory};
use crate::medium::Medium;
use crate::sched::EventId;
use cdrom::Cdrom;
use channel::Channel;
use disk::{Disk, DiskIdentity, Geometry};
use drive::{Phase, Unit};
use serde::{Deserialize, Serialize};

/// From the end of one PIO block to the next, ns.
pub(crate) const BLOCK_NS: u64 = 4_000;

/// A device position: channel 0 (primary) or 1 and device 0 (master) or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// 0 = primary, 1 = secondary.
    pub channel: u8,
    /// 0 = master, 1 = slave.
    pub device: u8,
}

/// Both channels.
#[derive(Serialize, Deserialize)]
pub struct Ide {
    channels: [Channel; 2],
}

impl Default for Ide {
    fn default() -> Self {
        Self::new()
    }
}

/// Which channel decodes `port`, and the register: 0-7 command block, 8 control block.
fn decode(port: u16) -> Option<(usize, u16)> {
    match port {
        0x1F0..=0x1F7 => Some((0, port - 0x1F0)),
        0x170..=0x177 => Some((1, port - 0x170)),
        0x3F6 => Some((0, 8)),
        0x376 => Some((1, 8)),
        _ => None,
    }
}

impl Ide {
    /// Two empty channels.
    pub fn new() -> Self {
        Self { channels: [Channel::new(0), Channel::new(1)] }
    }

    fn unit(&mut self, at: Position) -> Option<&mut Unit> {
        let channel = self.channels.get_mut(usize::from(at.channel))?;
        Some(&mut channel.drives.get_mut(usize::from(at.device))?.unit)
    }

    fn attach(&mut self, at: Position, unit: Unit) {
        let drive =
            self.channels.get_mut(usize::from(at.channel)).and_then(|c| c.drives.get_mut(usize::from(at.device)));
        if let Some(drive) = drive {
            drive.unit = unit;
            drive.hardware_reset();
            drive.finish_reset();
        }
    }

    /// Connects a disk. `geometry` replaces the default CHS translation (16 heads, 63 sectors).
    pub fn attach_disk(
        &mut self,
        at: Position,
        medium: Box<dyn Medium>,
        identity: DiskIdentity,
        geometry: Option<Geometry>,
    ) {
        self.attach(at, Unit::Disk(Box::new(Disk::new(medium, identity, geometry))));
    }

    /// Connects a CD-ROM drive, with a disc or empty.
    pub fn attach_cdrom(&mut self, at: Position, medium: Option<Box<dyn Medium>>) {
        self.attach(at, Unit::Cdrom(Box::new(Cdrom::new(medium))));
    }

    /// Gives a device its medium back after its state was loaded; the guest notices nothing.
    pub fn reconnect(&mut self, at: Position, medium: Box<dyn Medium>) {
        match self.unit(at) {
            Some(Unit::Disk(disk)) => disk.reconnect(medium),
            Some(Unit::Cdrom(cdrom)) => cdrom.reconnect(medium),
            Some(Unit::None) | None => {}
        }
    }

    /// The CD-ROM drive at `at`, for media changes.
    pub fn cdrom(&mut self, at: Position) -> Option<&mut Cdrom> {
        match self.unit(at) {
            Some(Unit::Cdrom(cdrom)) => Some(cdrom),
            _ => None,
        }
    }

    /// The capacity in sectors and the CHS translation of the disk at `at`, for firmware tables.
    pub fn disk_size(&mut self, at: Position) -> Option<(u64, Geometry)> {
        match self.unit(at) {
            Some(Unit::Disk(disk)) => Some((disk.sectors, disk.native)),
            _ => None,
        }
    }

    /// The medium of the device at `at`.
    pub fn medium_mut(&mut self, at: Position) -> Option<&mut (dyn Medium + 'static)> {
        match self.unit(at) {
            Some(Unit::Disk(disk)) => disk.medium_mut(),
            Some(Unit::Cdrom(cdrom)) => cdrom.medium_mut(),
            Some(Unit::None) | None => None,
        }
    }

    /// Hardware reset of both channels.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        for channel in &mut self.channels {
            channel.reset(ctx);
        }
    }

    /// Byte read of 1F0h-1F7h, 3F6h, 170h-177h or 376h.
    pub fn read(&mut self, ctx: &mut Ctx, port: u16) -> u8 {
        let Some((n, reg)) = decode(port) else { return 0xFF };
        let Some(channel) = self.channels.get_mut(n) else { return 0xFF };
        match reg {
            0 => {
                let mut word = [0; 2];
                channel.read_data(ctx, &mut word);
                word[0]
            }
            8 => channel.status(),
            _ => channel.read(ctx, reg),
        }
    }

    /// Byte write of the same ports.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        let Some((n, reg)) = decode(port) else { return };
        let Some(channel) = self.channels.get_mut(n) else { return };
        match reg {
            0 => channel.write_data(ctx, &[value, 0]),
            8 => channel.write_control(ctx, value),
            _ => channel.write(ctx, reg, value),
        }
    }

    /// 16-bit read of the data port of `channel` (1F0h, 170h).
    pub fn read_data16(&mut self, ctx: &mut Ctx, channel: u8) -> u16 {
        let mut b = [0xFF; 2];
        if let Some(c) = self.channels.get_mut(usize::from(channel)) {
            c.read_data(ctx, &mut b);
        }
        u16::from_le_bytes(b)
    }

    /// 32-bit read of the data port.
    pub fn read_data32(&mut self, ctx: &mut Ctx, channel: u8) -> u32 {
        let mut b = [0xFF; 4];
        if let Some(c) = self.channels.get_mut(usize::from(channel)) {
            c.read_data(ctx, &mut b);
        }
        u32::from_le_bytes(b)
    }

    /// 16-bit write of the data port.
    pub fn write_data16(&mut self, ctx: &mut Ctx, channel: u8, value: u16) {
        if let Some(c) = self.channels.get_mut(usize::from(channel)) {
            c.write_data(ctx, &value.to_le_bytes());
        }
    }

    /// 32-bit write of the data port.
    pub fn write_data32(&mut self, ctx: &mut Ctx, channel: u8, value: u32) {
        if let Some(c) = self.channels.get_mut(usize::from(channel)) {
            c.write_data(ctx, &value.to_le_bytes());
        }
    }

    /// Reads a run of data-port words at once for REP INS; returns the bytes moved, a multiple of 4.
    ///
    /// Never takes the last word of a DRQ block: that one changes state and must be read with
    /// [`Ide::read_data16`] or [`Ide::read_data32`] at its own instruction count.
    pub fn read_data_block(&mut self, ctx: &mut Ctx, channel: u8, out: &mut [u8]) -> usize {
        let Some(c) = self.channels.get_mut(usize::from(channel)) else { return 0 };
        let n = c.block_len(Phase::DataIn, out.len());
        match out.get_mut(..n) {
            Some(part) if n > 0 => c.read_data(ctx, part),
            _ => return 0,
        }
        n
    }

    /// Writes a run of data-port words at once for REP OUTS; the counterpart of [`Ide::read_data_block`].
    pub fn write_data_block(&mut self, ctx: &mut Ctx, channel: u8, data: &[u8]) -> usize {
        let Some(c) = self.channels.get_mut(usize::from(channel)) else { return 0 };
        let n = c.block_len(Phase::DataOut, data.len());
        match data.get(..n) {
            Some(part) if n > 0 => c.write_data(ctx, part),
            _ => return 0,
        }
        n
    }

    /// Byte read at `offset` (0-15) of the bus master block (BAR 4 of the PIIX3 IDE function).
    pub fn bm_read(&mut self, offset: u16) -> u8 {
        let channel = self.channels.get(usize::from(offset >> 3 & 1));
        channel.map_or(0xFF, |c| c.bm_read(offset & 7))
    }

    /// Byte write of the bus master block.
    pub fn bm_write(&mut self, ctx: &mut Ctx, offset: u16, value: u8) {
        if let Some(channel) = self.channels.get_mut(usize::from(offset >> 3 & 1)) {
            channel.bm_write(ctx, offset & 7, value);
        }
    }

    /// A timer of this device is due: `Ide0`, `Ide1`, `BusMaster0` or `BusMaster1`.
    pub fn event(&mut self, ctx: &mut Ctx, id: EventId, mem: &mut dyn DmaMemory) {
        let [primary, secondary] = &mut self.channels;
        match id {
            EventId::Ide0 => primary.event(ctx),
            EventId::Ide1 => secondary.event(ctx),
            EventId::BusMaster0 => primary.bm_event(ctx, mem),
            EventId::BusMaster1 => secondary.bm_event(ctx, mem),
            _ => {}
        }
    }

    /// Whether the device at `at` works on a command (for activity lights).
    pub fn active(&self, at: Position) -> bool {
        let channel = self.channels.get(usize::from(at.channel));
        let drive = channel.and_then(|c| c.drives.get(usize::from(at.device)));
        drive.is_some_and(|d| d.present() && d.core.phase != Phase::Idle)
    }
}
