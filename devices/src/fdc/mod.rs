//! Intel 82077AA floppy disk controller in an AT, at 3F0h-3F5h and 3F7h, IRQ 6, DMA channel 2, with two drives
//! (82077AA datasheet, sections 2 registers, 4 phases, 5 commands, 6 status encoding).
//!
//! Time is virtual and short: [`SECTOR_NS`] per sector, [`STEP_NS`] per step; the order of phases, interrupts and busy
//! bits is the chip's. A read of a drive without a diskette ends with "missing address mark", where the chip would wait
//! for index pulses until it is reset.
//!
//! Not modelled: FM recording, sector sizes other than 512, deleted data marks on the diskette (WRITE DELETED DATA
//! writes ordinary data), tape drives, power-down, motor start-up time. Formatting keeps the image's geometry.

mod command;
mod drive;
mod execute;
#[cfg(test)]
mod tests;

use crate::ctx::{Ctx, DmaMemory};
use crate::medium::Medium;
use crate::sched::EventId;
use command::{Command, Op, ST0_READY_CHANGED};
use drive::Drive;
pub use drive::{DriveType, Format};
use execute::Transfer;
use serde::{Deserialize, Serialize};

/// Time per sector, and from a command to its first sector, ns.
pub const SECTOR_NS: u64 = 200_000;
/// Time per step of the heads, ns.
pub const STEP_NS: u64 = 20_000;
/// Settling time of a seek, ns.
const SETTLE_NS: u64 = 100_000;
/// From the end of a reset to its interrupt, ns.
const RESET_NS: u64 = 50_000;

const IRQ: u8 = 6;

const PORT_SRA: u16 = 0x3F0;
const PORT_SRB: u16 = 0x3F1;
const PORT_DOR: u16 = 0x3F2;
const PORT_TDR: u16 = 0x3F3;
const PORT_MSR: u16 = 0x3F4;
const PORT_FIFO: u16 = 0x3F5;
const PORT_DIR: u16 = 0x3F7;

/// DOR: clear holds the controller in reset.
const DOR_NOT_RESET: u8 = 0x04;
/// DOR: enables the interrupt and DMA lines.
const DOR_DMA_GATE: u8 = 0x08;

/// DSR: reset, clears itself.
const DSR_RESET: u8 = 0x80;

/// MSR: the FIFO can be accessed.
const MSR_RQM: u8 = 0x80;
/// MSR: towards the host.
const MSR_DIO: u8 = 0x40;
/// MSR: execution phase without DMA.
const MSR_NON_DMA: u8 = 0x20;
/// MSR: a command is in progress.
const MSR_BUSY: u8 = 0x10;

/// DIR: the selected drive's change line.
const DIR_CHANGED: u8 = 0x80;

/// CONFIGURE: implied seeks.
const CONFIG_IMPLIED_SEEK: u8 = 0x40;
/// CONFIGURE: FIFO disabled.
const CONFIG_NO_FIFO: u8 = 0x20;
/// CONFIGURE: drive polling disabled.
const CONFIG_NO_POLL: u8 = 0x10;
/// CONFIGURE: FIFO threshold minus one.
const CONFIG_THRESHOLD: u8 = 0x0F;
const CONFIG_DEFAULT: u8 = CONFIG_NO_FIFO;

/// The DMA channel that the controller's request line is wired to.
pub trait DmaChannel {
    /// Device to memory: moves up to `data.len()` bytes; returns how many, and whether terminal count was reached.
    fn write_to_memory(&mut self, mem: &mut dyn DmaMemory, data: &[u8]) -> (usize, bool);
    /// Memory to device: fills up to `buf.len()` bytes; returns how many, and whether terminal count was reached.
    fn read_from_memory(&mut self, mem: &mut dyn DmaMemory, buf: &mut [u8]) -> (usize, bool);
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// Taking command bytes.
    #[default]
    Command,
    /// Waiting for the next sector or the end.
    Execution,
    /// Non-DMA transfer: the host reads the buffer.
    DataIn,
    /// Non-DMA transfer: the host fills the buffer.
    DataOut,
    /// Giving result bytes.
    Result,
}

/// A SEEK or RECALIBRATE on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seek {
    due: u64,
    st0: u8,
    /// Present cylinder number afterwards.
    pcn: u8,
}

/// The controller with its drives.
#[derive(Serialize, Deserialize)]
pub struct Fdc {
    drives: [Option<Drive>; 2],
    dor: u8,
    tdr: u8,
    dsr: u8,
    /// Data rate select, written through CCR and DSR.
    rate: u8,
    config: u8,
    precompensation: u8,
    locked: bool,
    /// PERPENDICULAR MODE: drive bits, GAP, WGATE.
    perpendicular: u8,
    /// SPECIFY: step rate and head unload time; head load time and ND.
    specify: [u8; 2],
    /// Last byte 5/6 of a transfer or format: EOT or sectors per track, for DUMPREG.
    last_track: u8,
    pcn: [u8; 4],
    phase: Phase,
    command: Command,
    result: [u8; 10],
    result_len: u8,
    result_pos: u8,
    transfer: Transfer,
    /// Sector buffer of the execution phase.
    buf: Vec<u8>,
    pos: usize,
    /// When the execution phase goes on.
    execution_due: Option<u64>,
    seeks: [Option<Seek>; 4],
    /// Interrupt status waiting for SENSE INTERRUPT STATUS, per drive.
    sense: [Option<u8>; 4],
    /// When a reset's interrupt comes.
    reset_due: Option<u64>,
    interrupt: bool,
}

impl Default for Fdc {
    fn default() -> Self {
        Self::new()
    }
}

impl Fdc {
    /// A controller without drives.
    pub fn new() -> Self {
        Self {
            drives: [None, None],
            dor: 0,
            tdr: 0,
            dsr: drive::RATE_250,
            rate: drive::RATE_250,
            config: CONFIG_DEFAULT,
            precompensation: 0,
            locked: false,
            perpendicular: 0,
            specify: [0; 2],
            last_track: 0,
            pcn: [0; 4],
            phase: Phase::Command,
            command: Command::default(),
            result: [0; 10],
            result_len: 0,
            result_pos: 0,
            transfer: Transfer::default(),
            buf: Vec::new(),
            pos: 0,
            execution_due: None,
            seeks: [None; 4],
            sense: [None; 4],
            reset_due: None,
            interrupt: false,
        }
    }

    /// Connects a drive of type `kind` as A: (0) or B: (1).
    pub fn attach(&mut self, drive: u8, kind: DriveType) {
        if let Some(slot) = self.drives.get_mut(usize::from(drive)) {
            *slot = Some(Drive::new(kind));
        }
    }

    /// The type of a drive, `None` where there is none. Its number is the CMOS drive type.
    pub fn drive_type(&self, drive: u8) -> Option<DriveType> {
        Some(self.drives.get(usize::from(drive))?.as_ref()?.kind)
    }

    /// The format of the diskette in a drive.
    pub fn format(&self, drive: u8) -> Option<Format> {
        self.drives.get(usize::from(drive))?.as_ref()?.format
    }

    /// Puts a diskette into a drive, in place of one that is there; connects a fitting drive where there is none.
    pub fn insert(&mut self, drive: u8, medium: Box<dyn Medium>) {
        if let Some(slot) = self.drives.get_mut(usize::from(drive)) {
            slot.get_or_insert_with(|| Drive::new(DriveType::for_size(medium.len()))).insert(medium);
        }
    }

    /// Takes the diskette out.
    pub fn eject(&mut self, drive: u8) -> Option<Box<dyn Medium>> {
        self.drive_mut(drive)?.eject()
    }

    /// Gives a drive its medium back after its state was loaded; the guest notices nothing.
    pub fn reconnect(&mut self, drive: u8, medium: Box<dyn Medium>) {
        if let Some(drive) = self.drive_mut(drive) {
            drive.reconnect(medium);
        }
    }

    /// The medium in a drive.
    pub fn medium_mut(&mut self, drive: u8) -> Option<&mut (dyn Medium + 'static)> {
        self.drive_mut(drive)?.medium_mut()
    }

    /// Whether a drive's motor is on (for activity lights).
    pub fn motor_on(&self, drive: u8) -> bool {
        drive < 4 && self.dor & 0x10 << drive != 0
    }

    fn drive_mut(&mut self, drive: u8) -> Option<&mut Drive> {
        self.drives.get_mut(usize::from(drive))?.as_mut()
    }

    fn drive(&self, drive: u8) -> Option<&Drive> {
        self.drives.get(usize::from(drive))?.as_ref()
    }

    /// Hardware reset.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        let drives = std::mem::take(&mut self.drives);
        *self = Self { drives, ..Self::new() };
        self.update(ctx);
    }

    /// DOR or DSR reset: everything stops; CONFIGURE values survive if locked.
    fn begin_reset(&mut self) {
        if !self.locked {
            self.config = CONFIG_DEFAULT;
            self.precompensation = 0;
        }
        self.perpendicular &= !3;
        self.phase = Phase::Command;
        self.command = Command::default();
        (self.result_len, self.result_pos) = (0, 0);
        self.buf.clear();
        self.pos = 0;
        self.execution_due = None;
        self.seeks = [None; 4];
        self.sense = [None; 4];
        self.reset_due = None;
        self.interrupt = false;
    }

    /// Drives the interrupt line and arms the timer for the earliest thing to come.
    fn update(&mut self, ctx: &mut Ctx) {
        ctx.irq.set(IRQ, self.interrupt && self.dor & DOR_DMA_GATE != 0);
        let seeks = self.seeks.iter().flatten().map(|s| s.due);
        let next = seeks.chain(self.execution_due).chain(self.reset_due).min();
        match next {
            Some(at) => ctx.sched.set(EventId::Fdc, at),
            None => ctx.sched.cancel(EventId::Fdc),
        }
    }

    /// Another edge while the line is high: the next byte of a non-DMA transfer.
    fn request_byte(&mut self, ctx: &mut Ctx) {
        self.interrupt = false;
        self.update(ctx);
        self.interrupt = true;
    }

    fn status(&self) -> u8 {
        if self.dor & DOR_NOT_RESET == 0 || self.reset_due.is_some() {
            return 0;
        }
        let seeking = self.seeks.iter().enumerate().fold(0, |bits, (n, s)| bits | u8::from(s.is_some()) << n);
        seeking
            | match self.phase {
                Phase::Command if self.command.len == 0 => MSR_RQM,
                Phase::Command => MSR_RQM | MSR_BUSY,
                Phase::Execution => MSR_BUSY | if self.non_dma() { MSR_NON_DMA } else { 0 },
                Phase::DataIn => MSR_RQM | MSR_DIO | MSR_NON_DMA | MSR_BUSY,
                Phase::DataOut => MSR_RQM | MSR_NON_DMA | MSR_BUSY,
                Phase::Result => MSR_RQM | MSR_DIO | MSR_BUSY,
            }
    }

    /// SPECIFY's ND bit, for the commands that transfer data.
    fn non_dma(&self) -> bool {
        let moves_data =
            matches!(self.command.op(), Op::Read { .. } | Op::Write | Op::ReadTrack | Op::Scan(_) | Op::Format);
        moves_data && self.specify[1] & 1 != 0
    }

    /// Register read at 3F0h-3F5h and 3F7h.
    pub fn read(&mut self, ctx: &mut Ctx, port: u16) -> u8 {
        let selected = self.dor & 3;
        match port {
            PORT_SRA => {
                let drive = self.drive(selected);
                let off_track_0 = drive.is_none_or(|d| !d.at_track_0());
                let writable = drive.is_none_or(|d| !d.write_protected());
                u8::from(self.interrupt) << 7
                    | u8::from(self.drives[1].is_none()) << 6
                    | u8::from(off_track_0) << 4
                    | u8::from(self.command.head() != 0) << 3
                    | 0x04
                    | u8::from(writable) << 1
            }
            PORT_SRB => 0xC0 | (self.dor & 1) << 5 | self.dor >> 4 & 3,
            PORT_DOR => self.dor,
            PORT_TDR => self.tdr,
            PORT_MSR => self.status(),
            PORT_FIFO => self.read_fifo(ctx),
            PORT_DIR if self.drive(selected).is_some_and(Drive::disk_changed) => DIR_CHANGED,
            PORT_DIR => 0,
            _ => 0xFF,
        }
    }

    /// Register write at 3F2h-3F5h and 3F7h.
    pub fn write(&mut self, ctx: &mut Ctx, port: u16, value: u8) {
        match port {
            PORT_DOR => {
                let was = std::mem::replace(&mut self.dor, value);
                if value & DOR_NOT_RESET == 0 {
                    self.begin_reset();
                } else if was & DOR_NOT_RESET == 0 {
                    self.reset_due = Some(ctx.now + RESET_NS);
                }
            }
            PORT_TDR => self.tdr = value & 3,
            PORT_MSR => {
                self.dsr = value & !DSR_RESET;
                self.rate = value & 3;
                if value & DSR_RESET != 0 {
                    self.begin_reset();
                    self.reset_due = Some(ctx.now + RESET_NS);
                }
            }
            PORT_FIFO => self.write_fifo(ctx, value),
            PORT_DIR => self.rate = value & 3,
            _ => {}
        }
        self.update(ctx);
    }

    fn read_fifo(&mut self, ctx: &mut Ctx) -> u8 {
        if self.status() & (MSR_RQM | MSR_DIO) != MSR_RQM | MSR_DIO {
            return 0xFF;
        }
        let value;
        if self.phase == Phase::DataIn {
            value = self.buf.get(self.pos).copied().unwrap_or(0xFF);
            self.pos = self.pos.saturating_add(1);
            self.byte_moved(ctx);
        } else {
            value = self.result.get(usize::from(self.result_pos)).copied().unwrap_or(0xFF);
            self.result_pos = self.result_pos.saturating_add(1);
            let op = self.command.op();
            if op.interrupts_with_result() {
                self.interrupt = false;
            }
            if self.result_pos >= self.result_len {
                // Another seek that ended meanwhile interrupts again; the four reports of a reset share one interrupt.
                let waiting = self.sense.iter().flatten().any(|s| s & ST0_READY_CHANGED != ST0_READY_CHANGED);
                self.interrupt |= op == Op::SenseInterrupt && waiting;
                self.phase = Phase::Command;
                self.command = Command::default();
            }
        }
        self.update(ctx);
        value
    }

    fn write_fifo(&mut self, ctx: &mut Ctx, value: u8) {
        if self.status() & (MSR_RQM | MSR_DIO) != MSR_RQM {
            return;
        }
        if self.phase == Phase::DataOut {
            if let Some(byte) = self.buf.get_mut(self.pos) {
                *byte = value;
            }
            self.pos = self.pos.saturating_add(1);
            self.byte_moved(ctx);
            return;
        }
        self.command.push(value);
        if usize::from(self.command.len) >= self.command.op().len() {
            self.start(ctx);
        }
    }

    /// One byte of a non-DMA transfer went through the FIFO.
    fn byte_moved(&mut self, ctx: &mut Ctx) {
        if self.pos >= self.buf.len() {
            self.interrupt = false;
            self.update(ctx); // the line falls before the end of the command raises it again
            self.block_moved(ctx.now);
            return;
        }
        let threshold =
            if self.config & CONFIG_NO_FIFO != 0 { 1 } else { usize::from(self.config & CONFIG_THRESHOLD) + 1 };
        if self.pos.is_multiple_of(threshold) {
            self.request_byte(ctx);
        }
    }

    /// The timer is due.
    pub fn event(&mut self, ctx: &mut Ctx, dma: &mut dyn DmaChannel, mem: &mut dyn DmaMemory) {
        if self.reset_due.is_some_and(|at| at <= ctx.now) {
            self.reset_due = None;
            if self.config & CONFIG_NO_POLL == 0 {
                self.interrupt = true;
                for (n, sense) in (0..).zip(&mut self.sense) {
                    *sense = Some(ST0_READY_CHANGED | n);
                }
            }
        }
        for n in 0..self.seeks.len() {
            if let Some(Some(seek)) = self.seeks.get(n).copied()
                && seek.due <= ctx.now
            {
                self.finish_seek(n, seek);
            }
        }
        if self.execution_due.is_some_and(|at| at <= ctx.now) {
            self.execution_due = None;
            self.advance(ctx.now, dma, mem);
        }
        self.update(ctx);
    }

    fn finish_seek(&mut self, n: usize, seek: Seek) {
        if let (Some(slot), Some(sense), Some(pcn)) =
            (self.seeks.get_mut(n), self.sense.get_mut(n), self.pcn.get_mut(n))
        {
            *slot = None;
            *sense = Some(seek.st0);
            *pcn = seek.pcn;
            self.interrupt = true;
        }
    }
}
