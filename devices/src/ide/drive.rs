//! One device on the cable: the registers and buffer that every ATA device has ([`Interface`]) and the unit behind
//! them. The channel calls in on register accesses and when the time that a unit asked for has passed.

use super::cdrom::Cdrom;
use super::disk::Disk;
use super::taskfile::{BSY, DRDY, DRQ, DSC, ERR, TaskFile};
use serde::{Deserialize, Serialize};

/// How long until the device wants [`Drive::event`] to be called, in ns; `None`: it waits for the host.
pub(super) type Wait = Option<u64>;

/// Where a command stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// No command.
    #[default]
    Idle,
    /// BSY: the command starts when the timer is due.
    Execute,
    /// DRQ: the host reads the buffer.
    DataIn,
    /// BSY: the next buffer is on its way to the host.
    Refill,
    /// DRQ: the host fills the buffer.
    DataOut,
    /// BSY: the filled buffer is being taken.
    Commit,
    /// DRQ by DMA, device to memory.
    DmaIn,
    /// DRQ by DMA, memory to device.
    DmaOut,
    /// BSY: reset or diagnostic.
    Reset,
}

/// Registers, interrupt request and data buffer of a device.
///
/// Invariant: `pos <= end <= buf.len()` (checked accesses treat a violation as an empty buffer).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Interface {
    pub tf: TaskFile,
    pub intrq: bool,
    pub phase: Phase,
    pub buf: Vec<u8>,
    pub pos: usize,
    pub end: usize,
}

impl Interface {
    /// Ends the command without error.
    pub fn complete(&mut self) {
        self.tf.error = 0;
        self.finish(DRDY | DSC);
    }

    /// Ends the command with `error` in the error register.
    pub fn fail(&mut self, error: u8) {
        self.tf.error = error;
        self.finish(DRDY | DSC | ERR);
    }

    fn finish(&mut self, status: u8) {
        self.tf.status = status;
        self.phase = Phase::Idle;
        self.intrq = true;
    }

    /// Ends the command silently: the host took the last data of a PIO read.
    pub fn finish_quietly(&mut self) {
        self.tf.status = DRDY | DSC;
        self.phase = Phase::Idle;
    }

    /// Takes the registers away from the host until `phase` has been handled.
    pub fn busy(&mut self, phase: Phase, ns: u64) -> Wait {
        self.tf.status = self.tf.status & !(DRQ | ERR) | BSY;
        self.phase = phase;
        Some(ns)
    }

    /// Offers `buf[pos..pos + len]` to the host.
    pub fn offer(&mut self, len: usize) {
        self.end = self.pos.saturating_add(len).min(self.buf.len());
        self.tf.status = DRDY | DSC | DRQ;
        self.tf.error = 0;
        self.phase = Phase::DataIn;
        self.intrq = true;
    }

    /// Asks the host for `len` bytes.
    pub fn request(&mut self, len: usize, interrupt: bool) {
        self.buf.clear();
        self.buf.resize(len, 0);
        (self.pos, self.end) = (0, len);
        self.tf.status = DRDY | DSC | DRQ;
        self.tf.error = 0;
        self.phase = Phase::DataOut;
        self.intrq = interrupt;
    }

    /// Asks the bus master for a transfer.
    pub fn request_dma(&mut self, to_memory: bool) {
        self.buf.clear();
        (self.pos, self.end) = (0, 0);
        self.tf.status = DRDY | DSC | DRQ;
        self.tf.error = 0;
        self.phase = if to_memory { Phase::DmaIn } else { Phase::DmaOut };
    }

    /// Bytes of the current DRQ block still to be moved.
    pub fn block_left(&self) -> usize {
        self.end.saturating_sub(self.pos)
    }
}

/// What answers the commands.
#[derive(Default, Serialize, Deserialize)]
pub(super) enum Unit {
    /// Nothing connected.
    #[default]
    None,
    /// ATA disk.
    Disk(Box<Disk>),
    /// ATAPI CD-ROM.
    Cdrom(Box<Cdrom>),
}

/// A device position on the cable.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Drive {
    pub core: Interface,
    pub unit: Unit,
}

impl Drive {
    pub fn present(&self) -> bool {
        !matches!(self.unit, Unit::None)
    }

    pub fn is_packet(&self) -> bool {
        matches!(self.unit, Unit::Cdrom(_))
    }

    /// Forgets any command; BSY until [`Drive::finish_reset`].
    pub fn begin_reset(&mut self) {
        self.core.buf.clear();
        (self.core.pos, self.core.end) = (0, 0);
        self.core.intrq = false;
        self.core.tf.status = BSY;
        self.core.phase = Phase::Reset;
    }

    /// The end of a hardware reset, software reset, DEVICE RESET or diagnostic: signature and diagnostic code.
    pub fn finish_reset(&mut self) {
        let packet = self.is_packet();
        self.core.tf.set_signature(packet);
        self.core.tf.error = 0x01;
        // A PACKET device reports ready only after its first command.
        self.core.tf.status = if packet { 0 } else { DRDY | DSC };
        self.core.phase = Phase::Idle;
    }

    /// Power-on defaults of the unit; the registers follow with [`Drive::finish_reset`].
    pub fn hardware_reset(&mut self) {
        match &mut self.unit {
            Unit::None => {}
            Unit::Disk(disk) => disk.hardware_reset(),
            Unit::Cdrom(cdrom) => cdrom.hardware_reset(),
        }
    }

    /// Settings that a software reset reverts.
    pub fn software_reset(&mut self) {
        match &mut self.unit {
            Unit::None => {}
            Unit::Disk(disk) => disk.software_reset(),
            Unit::Cdrom(cdrom) => cdrom.device_reset(),
        }
    }

    /// The command register was written.
    pub fn command(&mut self, command: u8) -> Wait {
        self.core.tf.command = command;
        self.core.intrq = false;
        self.core.buf.clear();
        (self.core.pos, self.core.end) = (0, 0);
        let ns = match &self.unit {
            Unit::None => return None,
            Unit::Disk(disk) => disk.latency(&self.core.tf),
            Unit::Cdrom(cdrom) => cdrom.latency(&self.core.tf),
        };
        self.core.busy(Phase::Execute, ns)
    }

    /// The time asked for has passed.
    pub fn event(&mut self) -> Wait {
        let core = &mut self.core;
        match (core.phase, &mut self.unit) {
            (Phase::Execute, Unit::Disk(disk)) => disk.execute(core),
            (Phase::Refill, Unit::Disk(disk)) => disk.refill(core),
            (Phase::Commit, Unit::Disk(disk)) => disk.commit(core),
            (Phase::Execute, Unit::Cdrom(cdrom)) => cdrom.execute(core),
            (Phase::Refill, Unit::Cdrom(cdrom)) => cdrom.refill(core),
            (Phase::Commit, Unit::Cdrom(cdrom)) => cdrom.commit(core),
            _ => None,
        }
    }

    /// Reads up to `out.len()` bytes of the current DRQ block; the rest reads zero.
    pub fn read_data(&mut self, out: &mut [u8]) -> Wait {
        let core = &mut self.core;
        if core.phase != Phase::DataIn {
            return None;
        }
        let n = out.len().min(core.block_left());
        if let (Some(from), Some(to)) = (core.buf.get(core.pos..core.pos + n), out.get_mut(..n)) {
            to.copy_from_slice(from);
        }
        core.pos += n;
        if core.block_left() > 0 {
            return None;
        }
        match &mut self.unit {
            Unit::None => None,
            Unit::Disk(disk) => disk.drained(core),
            Unit::Cdrom(cdrom) => cdrom.drained(core),
        }
    }

    /// Writes `data` into the current DRQ block.
    pub fn write_data(&mut self, data: &[u8]) -> Wait {
        let core = &mut self.core;
        if core.phase != Phase::DataOut {
            return None;
        }
        let n = data.len().min(core.block_left());
        if let (Some(from), Some(to)) = (data.get(..n), core.buf.get_mut(core.pos..core.pos + n)) {
            to.copy_from_slice(from);
        }
        core.pos += n;
        if core.block_left() > 0 || self.unit_is_none() {
            return None;
        }
        // A command packet or a block of sectors is complete; the unit looks at it when the timer is due.
        self.core.busy(Phase::Commit, super::BLOCK_NS)
    }

    fn unit_is_none(&self) -> bool {
        matches!(self.unit, Unit::None)
    }

    /// Bytes for the bus master; fewer than asked for means the transfer is over (the command has ended).
    pub fn dma_read(&mut self, out: &mut [u8]) -> usize {
        let core = &mut self.core;
        let mut done = 0;
        while done < out.len() && core.phase == Phase::DmaIn {
            if core.block_left() == 0 {
                match &mut self.unit {
                    Unit::None => break,
                    Unit::Disk(disk) => disk.dma_refill(core),
                    Unit::Cdrom(cdrom) => cdrom.dma_refill(core),
                }
                continue;
            }
            let n = (out.len() - done).min(core.block_left());
            if let (Some(from), Some(to)) = (core.buf.get(core.pos..core.pos + n), out.get_mut(done..done + n)) {
                to.copy_from_slice(from);
            }
            core.pos += n;
            done += n;
        }
        // The last byte ends the command even if the host asked for not a byte more.
        if core.phase == Phase::DmaIn && core.block_left() == 0 {
            match &mut self.unit {
                Unit::None => {}
                Unit::Disk(disk) => disk.dma_drained(core),
                Unit::Cdrom(cdrom) => cdrom.dma_drained(core),
            }
        }
        done
    }

    /// Bytes from the bus master; returns how many the device took before the command ended.
    pub fn dma_write(&mut self, data: &[u8]) -> usize {
        let core = &mut self.core;
        if core.phase != Phase::DmaOut {
            return 0;
        }
        match &mut self.unit {
            Unit::Disk(disk) => disk.dma_take(core, data),
            Unit::None | Unit::Cdrom(_) => 0,
        }
    }
}
