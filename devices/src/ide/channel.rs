//! One ATA channel: command and control block ports, device selection, the interrupt line and the way from timers to
//! devices (ATA/ATAPI-6 clauses 5.2 and 9).
//!
//! Invariant: at most one device executes a command; a command written while either is busy is lost, as on the cable.

use super::busmaster::BusMaster;
use super::drive::{Drive, Phase, Wait};
use super::taskfile::{BSY, DEV, HOB, NIEN, SRST};
use crate::ctx::{Ctx, DmaMemory};
use crate::sched::EventId;
use serde::{Deserialize, Serialize};

/// What an undriven cable reads: only DD7 has a pull-down resistor.
const FLOATING: u8 = 0x7F;
/// From the end of SRST or a diagnostic to ready, ns.
const RESET_NS: u64 = 10_000;

/// EXECUTE DEVICE DIAGNOSTIC: the one command that both devices execute.
const CMD_DIAGNOSTIC: u8 = 0x90;
/// DEVICE RESET: accepted by a busy PACKET device.
const CMD_DEVICE_RESET: u8 = 0x08;

/// A channel with its two device positions.
#[derive(Serialize, Deserialize)]
pub(super) struct Channel {
    index: u8,
    pub drives: [Drive; 2],
    /// Device control register.
    control: u8,
    /// DEV bit of the last device register write.
    select: u8,
    /// The device whose timer is armed.
    active: u8,
    /// The reset in progress is a diagnostic, which ends with an interrupt.
    diagnostic: bool,
    /// Last level driven on the interrupt line.
    line: bool,
    pub bm: BusMaster,
}

impl Channel {
    pub fn new(index: u8) -> Self {
        let mut channel = Self {
            index,
            drives: Default::default(),
            control: 0,
            select: 0,
            active: 0,
            diagnostic: false,
            line: false,
            bm: BusMaster::default(),
        };
        channel.drives.iter_mut().for_each(Drive::finish_reset);
        channel
    }

    fn event_id(&self) -> EventId {
        if self.index == 0 { EventId::Ide0 } else { EventId::Ide1 }
    }

    fn bus_master_id(&self) -> EventId {
        if self.index == 0 { EventId::BusMaster0 } else { EventId::BusMaster1 }
    }

    fn selected(&self) -> usize {
        usize::from(self.select != 0)
    }

    /// The device that answers reads: device 0 also answers for an absent device 1.
    fn responder(&self) -> Option<&Drive> {
        let drive = self.drives.get(self.selected()).filter(|d| d.present());
        drive.or_else(|| self.drives.first().filter(|d| d.present()))
    }

    fn current(&mut self) -> Option<&mut Drive> {
        let n = self.selected();
        self.drives.get_mut(n).filter(|d| d.present())
    }

    fn busy(&self) -> bool {
        self.drives.iter().any(|d| d.present() && d.core.tf.status & BSY != 0)
    }

    pub fn reset(&mut self, ctx: &mut Ctx) {
        ctx.sched.cancel(self.event_id());
        ctx.sched.cancel(self.bus_master_id());
        for drive in &mut self.drives {
            drive.begin_reset();
            drive.hardware_reset();
            drive.finish_reset();
        }
        (self.control, self.select, self.diagnostic) = (0, 0, false);
        self.bm = BusMaster::default();
        self.sync_irq(ctx);
    }

    /// Drives the interrupt line from the selected device and nIEN.
    pub fn sync_irq(&mut self, ctx: &mut Ctx) {
        let enabled = self.control & NIEN == 0;
        let high = enabled && self.current().is_some_and(|d| d.core.intrq);
        if high && !self.line {
            self.bm.interrupt();
        }
        self.line = high;
        ctx.irq.set(14 + self.index, high);
    }

    fn arm(&mut self, ctx: &mut Ctx, drive: usize, wait: Wait) {
        if let Some(ns) = wait {
            self.active = drive as u8;
            ctx.sched.set(self.event_id(), ctx.now + ns);
        }
    }

    /// Command block register `reg`, 1 to 7.
    pub fn read(&mut self, ctx: &mut Ctx, reg: u16) -> u8 {
        let hob = self.control & HOB != 0;
        if reg == 7 {
            let status = self.status();
            if let Some(drive) = self.current() {
                drive.core.intrq = false;
            }
            self.sync_irq(ctx);
            return status;
        }
        let Some(drive) = self.responder() else { return FLOATING };
        let tf = &drive.core.tf;
        match reg {
            1 => tf.error,
            2 => tf.count.read(hob),
            3 => tf.lba_low.read(hob),
            4 => tf.lba_mid.read(hob),
            5 => tf.lba_high.read(hob),
            6 => tf.device & !DEV | self.select,
            _ => FLOATING,
        }
    }

    /// Alternate status: the status without side effects.
    pub fn status(&self) -> u8 {
        match self.drives.get(self.selected()).filter(|d| d.present()) {
            Some(drive) => drive.core.tf.status,
            // Device 0 answers zero in the name of an absent device 1.
            None if self.responder().is_some() => 0,
            None => FLOATING,
        }
    }

    /// Command block register `reg`, 1 to 7.
    pub fn write(&mut self, ctx: &mut Ctx, reg: u16, value: u8) {
        self.control &= !HOB;
        if reg == 7 {
            return self.command(ctx, value);
        }
        if reg == 6 {
            self.select = value & DEV;
        }
        for drive in &mut self.drives {
            let tf = &mut drive.core.tf;
            if tf.status & BSY != 0 {
                continue;
            }
            match reg {
                1 => tf.features.push(value),
                2 => tf.count.push(value),
                3 => tf.lba_low.push(value),
                4 => tf.lba_mid.push(value),
                5 => tf.lba_high.push(value),
                6 => tf.device = value & !DEV,
                _ => {}
            }
        }
        self.sync_irq(ctx);
    }

    fn command(&mut self, ctx: &mut Ctx, command: u8) {
        let busy = self.busy();
        if command == CMD_DIAGNOSTIC && !busy {
            self.diagnostic = true;
            self.drives.iter_mut().for_each(Drive::begin_reset);
            self.arm(ctx, 0, Some(RESET_NS));
        } else if command == CMD_DEVICE_RESET && self.current().is_some_and(|d| d.is_packet()) {
            self.device_reset(ctx);
        } else if !busy {
            let n = self.selected();
            let wait = self.current().and_then(|d| d.command(command));
            self.arm(ctx, n, wait);
        }
        self.sync_irq(ctx);
    }

    /// DEVICE RESET of the selected PACKET device: no interrupt, and the settings stay.
    fn device_reset(&mut self, ctx: &mut Ctx) {
        let (n, select) = (self.selected(), self.select);
        if usize::from(self.active) == n {
            ctx.sched.cancel(self.event_id());
        }
        if let Some(drive) = self.current() {
            drive.begin_reset();
            drive.software_reset();
            drive.finish_reset();
        }
        self.select = select;
    }

    /// Device control register.
    pub fn write_control(&mut self, ctx: &mut Ctx, value: u8) {
        let rising = value & !self.control & SRST != 0;
        let falling = !value & self.control & SRST != 0;
        self.control = value;
        if rising {
            ctx.sched.cancel(self.event_id());
            self.diagnostic = false;
            self.drives.iter_mut().for_each(Drive::begin_reset);
        }
        if falling {
            self.arm(ctx, 0, Some(RESET_NS));
        }
        self.sync_irq(ctx);
    }

    /// The data port: `out` is 2 or 4 bytes, or a block.
    pub fn read_data(&mut self, ctx: &mut Ctx, out: &mut [u8]) {
        let n = self.selected();
        out.fill(0);
        match self.current() {
            Some(drive) => {
                let wait = drive.read_data(out);
                self.arm(ctx, n, wait);
                self.sync_irq(ctx);
            }
            None => out.fill(FLOATING | if self.responder().is_some() { 0x80 } else { 0 }),
        }
    }

    /// The data port.
    pub fn write_data(&mut self, ctx: &mut Ctx, data: &[u8]) {
        let n = self.selected();
        if let Some(drive) = self.current() {
            let wait = drive.write_data(data);
            self.arm(ctx, n, wait);
            self.sync_irq(ctx);
        }
    }

    /// Bytes of the current DRQ block for a block access: all but the last word (see [`super::Ide::read_data_block`]).
    pub fn block_len(&mut self, phase: Phase, wanted: usize) -> usize {
        let Some(drive) = self.current().filter(|d| d.core.phase == phase) else { return 0 };
        drive.core.block_left().saturating_sub(4).min(wanted) & !3
    }

    /// The timer of the channel is due.
    pub fn event(&mut self, ctx: &mut Ctx) {
        if self.drives.iter().any(|d| d.core.phase == Phase::Reset) {
            self.finish_reset();
        } else {
            let n = usize::from(self.active);
            let wait = self.drives.get_mut(n).and_then(Drive::event);
            self.arm(ctx, n, wait);
            if self.dma_ready() {
                ctx.sched.set(self.bus_master_id(), ctx.now);
            }
        }
        self.sync_irq(ctx);
    }

    fn finish_reset(&mut self) {
        self.select = 0;
        for drive in &mut self.drives {
            if !self.diagnostic {
                drive.software_reset();
            }
            drive.finish_reset();
        }
        if std::mem::take(&mut self.diagnostic) {
            for drive in &mut self.drives {
                drive.core.intrq = drive.present();
            }
        }
    }

    /// Whether a device asserts DMARQ.
    fn dma_ready(&self) -> bool {
        self.drives.iter().any(|d| matches!(d.core.phase, Phase::DmaIn | Phase::DmaOut))
    }

    /// Reads a bus master register (offset 0-7 within the channel's half).
    pub fn bm_read(&self, reg: u16) -> u8 {
        self.bm.read(reg)
    }

    /// Writes a bus master register; starting it arms the transfer event.
    pub fn bm_write(&mut self, ctx: &mut Ctx, reg: u16, value: u8) {
        if self.bm.write(reg, value) {
            ctx.sched.set(self.bus_master_id(), ctx.now + super::busmaster::START_NS);
        }
    }

    /// The bus master's event: the whole transfer, if both sides are ready.
    pub fn bm_event(&mut self, ctx: &mut Ctx, mem: &mut dyn DmaMemory) {
        if let Some(drive) = self.drives.iter_mut().find(|d| matches!(d.core.phase, Phase::DmaIn | Phase::DmaOut)) {
            self.bm.transfer(drive, mem);
        }
        self.sync_irq(ctx);
    }
}
