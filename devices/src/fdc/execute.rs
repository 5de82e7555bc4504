//! Command execution: the immediate commands, seeks, and the sector loop of the data transfer commands.
//!
//! One timer event handles one sector: find its address mark, move its data, step to the next address as the
//! datasheet's tables say, or end with the status bytes.

use super::command::*;
use super::drive::{Drive, Format, SECTOR};
use super::*;

/// Most steps of RECALIBRATE.
const RECALIBRATE_STEPS: u8 = 79;
/// VERIFY: the last parameter counts sectors.
const VERIFY_COUNT: u8 = 0x80;
/// Sector size code of 512-byte sectors.
const SIZE_512: u8 = 2;

/// The address of the sector being transferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transfer {
    c: u8,
    h: u8,
    r: u8,
    n: u8,
    /// Side under the head, independent of the H that address marks are compared with.
    head: u8,
    /// Sectors seen: READ TRACK's position, VERIFY's count.
    done: u8,
    st1: u8,
    st2: u8,
}

/// Why a sector cannot be transferred: ST1 and ST2.
type NotFound = (u8, u8);

impl Fdc {
    /// All command bytes are there.
    pub(super) fn start(&mut self, ctx: &mut Ctx) {
        let command = self.command;
        let unit = command.drive();
        match command.op() {
            Op::Read { .. } | Op::Write | Op::ReadTrack | Op::Verify | Op::Scan(_) => self.start_transfer(ctx.now),
            Op::Format => {
                self.interrupt = false;
                self.last_track = command.byte(3);
                self.transfer = Transfer { head: command.head(), n: command.byte(2), ..Transfer::default() };
                self.execute_at(ctx.now + SECTOR_NS);
            }
            Op::ReadId => {
                self.interrupt = false;
                self.transfer = Transfer { head: command.head(), ..Transfer::default() };
                self.execute_at(ctx.now + SECTOR_NS);
            }
            Op::Recalibrate => self.recalibrate(ctx.now, unit),
            Op::Seek => {
                let target = command.byte(2);
                let steps = i16::from(target) - i16::from(self.present_cylinder(unit));
                self.seek(ctx.now, unit, steps, target);
            }
            Op::RelativeSeek => {
                let inward = command.byte(0) & 0x40 != 0;
                let count = command.byte(2);
                let steps = if inward { i16::from(count) } else { -i16::from(count) };
                let from = self.present_cylinder(unit);
                let pcn = if inward { from.wrapping_add(count) } else { from.wrapping_sub(count) };
                self.seek(ctx.now, unit, steps, pcn);
            }
            Op::SenseInterrupt => self.sense_interrupt(),
            Op::SenseDrive => {
                let drive = self.drive(unit);
                let mut st3 = ST3_FIXED | command.byte(1) & 7;
                if drive.is_some_and(Drive::write_protected) {
                    st3 |= ST3_PROTECTED;
                }
                if drive.is_some_and(Drive::at_track_0) {
                    st3 |= ST3_TRACK_0;
                }
                self.reply(&[st3]);
            }
            Op::Specify => {
                self.specify = [command.byte(1), command.byte(2)];
                self.reply(&[]);
            }
            Op::Configure => {
                self.config = command.byte(2) & 0x7F;
                self.precompensation = command.byte(3);
                self.reply(&[]);
            }
            Op::Perpendicular => {
                let value = command.byte(1);
                // OW: the drive bits are written too.
                let kept = if value & 0x80 != 0 { 0 } else { self.perpendicular & 0x3C };
                let written = if value & 0x80 != 0 { value & 0x3F } else { value & 3 };
                self.perpendicular = kept | written;
                self.reply(&[]);
            }
            Op::Lock => {
                self.locked = command.byte(0) & 0x80 != 0;
                self.reply(&[u8::from(self.locked) << 4]);
            }
            Op::DumpRegisters => {
                let [p0, p1, p2, p3] = self.pcn;
                let [s1, s2] = self.specify;
                let lock = u8::from(self.locked) << 7 | self.perpendicular;
                self.reply(&[p0, p1, p2, p3, s1, s2, self.last_track, lock, self.config, self.precompensation]);
            }
            Op::Version => self.reply(&[0x90]),
            Op::Invalid => self.reply(&[ST0_INVALID]),
        }
    }

    /// Enters the result phase with `bytes`, or waits for the next command when there are none.
    fn reply(&mut self, bytes: &[u8]) {
        for (to, from) in self.result.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.result_len = bytes.len() as u8;
        self.result_pos = 0;
        if bytes.is_empty() {
            self.phase = Phase::Command;
            self.command = Command::default();
        } else {
            self.phase = Phase::Result;
        }
    }

    /// Ends a data transfer command: status, the address as it stands, an interrupt.
    fn finish(&mut self, st0: u8, st1: u8, st2: u8) {
        let t = self.transfer;
        let st0 = st0 | t.head << 2 | self.command.drive();
        self.reply(&[st0, t.st1 | st1, t.st2 | st2, t.c, t.h, t.r, t.n]);
        self.interrupt = true;
    }

    fn fail(&mut self, (st1, st2): NotFound) {
        self.finish(ST0_ABNORMAL, st1, st2);
    }

    fn execute_at(&mut self, due: u64) {
        self.phase = Phase::Execution;
        self.execution_due = Some(due);
    }

    fn present_cylinder(&self, unit: u8) -> u8 {
        self.pcn.get(usize::from(unit)).copied().unwrap_or(0)
    }

    fn seek(&mut self, now: u64, unit: u8, steps: i16, pcn: u8) {
        let st0 = ST0_SEEK_END | self.command.head() << 2 | unit;
        if let Some(drive) = self.drive_mut(unit) {
            drive.step(steps);
        }
        self.schedule_seek(now, unit, u64::from(steps.unsigned_abs()), Seek { due: 0, st0, pcn });
    }

    fn recalibrate(&mut self, now: u64, unit: u8) {
        let mut st0 = ST0_SEEK_END | unit;
        let mut steps = RECALIBRATE_STEPS;
        match self.drive_mut(unit) {
            Some(drive) => {
                steps = drive.cylinder.min(RECALIBRATE_STEPS);
                drive.step(-i16::from(steps));
                if !drive.at_track_0() {
                    st0 |= ST0_ABNORMAL | ST0_EQUIPMENT;
                }
            }
            None => st0 |= ST0_ABNORMAL | ST0_EQUIPMENT,
        }
        self.schedule_seek(now, unit, u64::from(steps), Seek { due: 0, st0, pcn: 0 });
    }

    fn schedule_seek(&mut self, now: u64, unit: u8, steps: u64, seek: Seek) {
        if let Some(slot) = self.seeks.get_mut(usize::from(unit)) {
            *slot = Some(Seek { due: now + SETTLE_NS + steps * STEP_NS, ..seek });
        }
        self.reply(&[]);
    }

    fn sense_interrupt(&mut self) {
        self.interrupt = false;
        let Some(n) = self.sense.iter().position(Option::is_some) else {
            return self.reply(&[ST0_INVALID]);
        };
        let st0 = self.sense.get_mut(n).and_then(Option::take).unwrap_or(ST0_INVALID);
        self.reply(&[st0, self.pcn.get(n).copied().unwrap_or(0)]);
    }

    fn start_transfer(&mut self, now: u64) {
        let command = self.command;
        self.interrupt = false;
        self.last_track = command.byte(6);
        self.transfer = Transfer {
            c: command.byte(2),
            h: command.byte(3),
            r: command.byte(4),
            n: command.byte(5),
            head: command.head(),
            ..Transfer::default()
        };
        let mut due = now + SECTOR_NS;
        let unit = command.drive();
        let steps = i16::from(self.transfer.c) - i16::from(self.present_cylinder(unit));
        if self.config & CONFIG_IMPLIED_SEEK != 0 && steps != 0 {
            if let Some(drive) = self.drive_mut(unit) {
                drive.step(steps);
            }
            if let Some(pcn) = self.pcn.get_mut(usize::from(unit)) {
                *pcn = command.byte(2);
            }
            due += SETTLE_NS + u64::from(steps.unsigned_abs()) * STEP_NS;
        }
        self.execute_at(due);
    }

    /// The track under the heads, if it can be read at the selected rate.
    fn track(&self) -> Result<(Format, u8), NotFound> {
        let drive = self.drive(self.command.drive()).filter(|_| self.command.mfm());
        drive.and_then(|d| d.track(self.rate, self.transfer.head)).ok_or((ST1_MISSING_MARK, 0))
    }

    /// Looks for the address mark that equals C, H, R, N.
    fn locate(&self) -> Result<(Format, u8), NotFound> {
        let t = self.transfer;
        let at @ (format, cylinder) = self.track()?;
        if t.c != cylinder {
            return Err((ST1_NO_DATA, ST2_WRONG_CYLINDER));
        }
        if t.h != t.head || !(1..=format.sectors).contains(&t.r) || t.n != SIZE_512 {
            return Err((ST1_NO_DATA, 0));
        }
        Ok(at)
    }

    /// Steps to the next sector; `false` when that lies beyond the last one of the command.
    fn next_address(&mut self) -> bool {
        let eot = self.command.byte(6);
        let t = &mut self.transfer;
        if t.r != eot {
            t.r = t.r.wrapping_add(1);
            return true;
        }
        t.r = 1;
        if self.command.multi_track() {
            t.h ^= 1;
            t.head ^= 1;
            if t.head == 1 {
                return true;
            }
        }
        t.c = t.c.wrapping_add(1);
        false
    }

    /// A sector is done: go on, or end with or without terminal count.
    fn sector_done(&mut self, now: u64, terminal_count: bool) {
        let more = self.next_address();
        if terminal_count {
            self.finish(0, 0, 0);
        } else if more {
            self.execute_at(now + SECTOR_NS);
        } else {
            self.finish(ST0_ABNORMAL, ST1_END, 0);
        }
    }

    /// The execution phase goes on.
    pub(super) fn advance(&mut self, now: u64, dma: &mut dyn DmaChannel, mem: &mut dyn DmaMemory) {
        if self.dor & DOR_DMA_GATE == 0 && !self.non_dma() && !matches!(self.command.op(), Op::ReadId | Op::Verify) {
            return self.fail((ST1_OVERRUN, 0));
        }
        match self.command.op() {
            Op::Read { deleted } => self.read_sector(now, deleted, dma, mem),
            Op::ReadTrack => self.read_track(now, dma, mem),
            Op::Verify => self.verify_sector(now),
            Op::Write => match self.writable().and_then(|()| self.locate()) {
                Ok(_) => self.collect(now, SECTOR, dma, mem),
                Err(e) => self.fail(e),
            },
            Op::Scan(_) => match self.locate() {
                Ok(_) => self.collect(now, SECTOR, dma, mem),
                Err(e) => self.fail(e),
            },
            Op::Format => match self.writable() {
                Ok(()) => self.collect(now, 4 * usize::from(self.command.byte(3)), dma, mem),
                Err(e) => self.fail(e),
            },
            Op::ReadId => match self.track() {
                Ok((format, cylinder)) => {
                    // The next address mark to pass under the head.
                    let sector = (now / SECTOR_NS % u64::from(format.sectors.max(1))) as u8 + 1;
                    let head = self.transfer.head;
                    self.transfer = Transfer { c: cylinder, h: head, r: sector, n: SIZE_512, ..self.transfer };
                    self.finish(0, 0, 0);
                }
                Err(e) => self.fail(e),
            },
            _ => self.phase = Phase::Command,
        }
    }

    fn writable(&self) -> Result<(), NotFound> {
        match self.drive(self.command.drive()) {
            Some(drive) if drive.write_protected() => Err((ST1_NOT_WRITABLE, 0)),
            Some(drive) if drive.format.is_some() => Ok(()),
            _ => Err((ST1_MISSING_MARK, 0)),
        }
    }

    fn load(&mut self, at: (Format, u8), sector: u8) -> Result<(), NotFound> {
        let head = self.transfer.head;
        let mut buf = std::mem::take(&mut self.buf);
        buf.clear();
        buf.resize(SECTOR, 0);
        let result = self.drive_mut(self.command.drive()).map(|d| d.read(at, head, sector, &mut buf));
        self.buf = buf;
        self.pos = 0;
        match result {
            Some(Ok(())) => Ok(()),
            _ => Err((ST1_DATA_ERROR, ST2_DATA_FIELD)),
        }
    }

    /// Hands the loaded sector to the host; `Some(terminal count)` when that is done at once.
    fn deliver(&mut self, dma: &mut dyn DmaChannel, mem: &mut dyn DmaMemory) -> Option<bool> {
        if self.non_dma() {
            self.phase = Phase::DataIn;
            self.interrupt = true;
            return None;
        }
        let (moved, terminal_count) = dma.write_to_memory(mem, &self.buf);
        if moved < self.buf.len() && !terminal_count {
            self.fail((ST1_OVERRUN, 0));
            return None;
        }
        Some(terminal_count)
    }

    fn read_sector(&mut self, now: u64, deleted: bool, dma: &mut dyn DmaChannel, mem: &mut dyn DmaMemory) {
        let found = match self.locate() {
            // Every sector has an ordinary data mark, which READ DELETED DATA skips.
            Ok(_) if deleted && self.command.skip() => return self.sector_done(now, false),
            Ok(at) => self.load(at, self.transfer.r),
            Err(e) => Err(e),
        };
        if let Err(e) = found {
            return self.fail(e);
        }
        if let Some(terminal_count) = self.deliver(dma, mem) {
            self.delivered(now, terminal_count);
        }
    }

    /// A sector has gone to the host.
    fn delivered(&mut self, now: u64, terminal_count: bool) {
        match self.command.op() {
            Op::ReadTrack => self.track_sector_done(now, terminal_count),
            Op::Read { deleted: true } => {
                // The other mark ends the command after its sector.
                self.next_address();
                self.finish(0, 0, ST2_CONTROL_MARK);
            }
            _ => self.sector_done(now, terminal_count),
        }
    }

    /// READ TRACK: the sectors in the order of the track, whatever their address marks say.
    fn read_track(&mut self, now: u64, dma: &mut dyn DmaChannel, mem: &mut dyn DmaMemory) {
        let at = match self.track() {
            Ok(at) => at,
            Err(e) => return self.fail(e),
        };
        let sector = self.transfer.done.wrapping_add(1);
        if sector > at.0.sectors {
            return self.fail((ST1_NO_DATA, 0));
        }
        let t = &mut self.transfer;
        if (t.c, t.h, t.r, t.n) != (at.1, t.head, sector, SIZE_512) {
            t.st1 |= ST1_NO_DATA;
        }
        if let Err(e) = self.load(at, sector) {
            return self.fail(e);
        }
        if let Some(terminal_count) = self.deliver(dma, mem) {
            self.track_sector_done(now, terminal_count);
        }
    }

    fn track_sector_done(&mut self, now: u64, terminal_count: bool) {
        let t = &mut self.transfer;
        t.done = t.done.wrapping_add(1);
        t.r = t.r.wrapping_add(1);
        if terminal_count || t.done >= self.command.byte(6) {
            self.finish(0, 0, 0);
        } else {
            self.execute_at(now + SECTOR_NS);
        }
    }

    fn verify_sector(&mut self, now: u64) {
        let counted = self.command.byte(1) & VERIFY_COUNT != 0;
        let found = self.locate().and_then(|at| self.load(at, self.transfer.r));
        if let Err(e) = found {
            return self.fail(e);
        }
        self.transfer.done = self.transfer.done.wrapping_add(1);
        let last = counted && self.transfer.done == self.command.byte(8);
        let more = self.next_address();
        match (last, more, counted) {
            (false, true, _) => self.execute_at(now + SECTOR_NS),
            (true, ..) | (false, false, false) => self.finish(0, 0, 0),
            (false, false, true) => self.finish(ST0_ABNORMAL, ST1_END, 0),
        }
    }

    /// Gets `len` bytes from the host, by DMA at once or through the FIFO.
    fn collect(&mut self, now: u64, len: usize, dma: &mut dyn DmaChannel, mem: &mut dyn DmaMemory) {
        self.buf.clear();
        self.buf.resize(len, 0);
        self.pos = 0;
        if len == 0 {
            return self.collected(now, true);
        }
        if self.non_dma() {
            self.phase = Phase::DataOut;
            self.interrupt = true;
            return;
        }
        let (moved, terminal_count) = dma.read_from_memory(mem, &mut self.buf);
        if moved < len && !terminal_count {
            return self.fail((ST1_OVERRUN, 0));
        }
        // A short last sector is filled with zeros.
        if let Some(rest) = self.buf.get_mut(moved..) {
            rest.fill(0);
        }
        self.collected(now, terminal_count);
    }

    /// The buffer of a write, scan or format is full.
    fn collected(&mut self, now: u64, terminal_count: bool) {
        match self.command.op() {
            Op::Write => {
                let data = std::mem::take(&mut self.buf);
                let t = self.transfer;
                let written = self.locate().and_then(|at| {
                    let drive = self.drive_mut(self.command.drive());
                    match drive.map(|d| d.write(at, t.head, t.r, &data)) {
                        Some(Ok(())) => Ok(()),
                        _ => Err((ST1_DATA_ERROR, ST2_DATA_FIELD)),
                    }
                });
                match written {
                    Ok(()) => self.sector_done(now, terminal_count),
                    Err(e) => self.fail(e),
                }
            }
            Op::Scan(kind) => self.scan(now, kind, terminal_count),
            Op::Format => self.format_track(),
            _ => {}
        }
    }

    fn scan(&mut self, now: u64, kind: Scan, terminal_count: bool) {
        let host = std::mem::take(&mut self.buf);
        if let Err(e) = self.locate().and_then(|at| self.load(at, self.transfer.r)) {
            return self.fail(e);
        }
        let pairs = || self.buf.iter().zip(&host).filter(|(_, h)| **h != 0xFF);
        let equal = pairs().all(|(d, h)| d == h);
        let hit = match kind {
            Scan::Equal => equal,
            Scan::Low => pairs().all(|(d, h)| d <= h),
            Scan::High => pairs().all(|(d, h)| d >= h),
        };
        if hit {
            let st2 = if equal { ST2_SCAN_EQUAL } else { 0 };
            return self.finish(0, 0, st2);
        }
        // STP 2 looks at every other sector.
        let mut more = self.next_address();
        if self.command.byte(8) == 2 && more {
            more = self.next_address();
        }
        if terminal_count || !more {
            self.finish(0, 0, ST2_SCAN_NOT);
        } else {
            self.execute_at(now + SECTOR_NS);
        }
    }

    /// FORMAT TRACK: fills the sectors that the host's address fields name.
    fn format_track(&mut self) {
        let fields = std::mem::take(&mut self.buf);
        let (unit, fill, head) = (self.command.drive(), self.command.byte(5), self.transfer.head);
        let at = match self.track() {
            Ok(at) => at,
            Err(e) => return self.fail(e),
        };
        for field in fields.chunks_exact(4) {
            let &[c, h, r, n] = field else { continue };
            self.transfer = Transfer { c, h, r, n, ..self.transfer };
            if n != SIZE_512 || !(1..=at.0.sectors).contains(&r) {
                return self.fail((ST1_NO_DATA, 0));
            }
            let written = self.drive_mut(unit).map(|d| d.write(at, head, r, &[fill; SECTOR]));
            if !matches!(written, Some(Ok(()))) {
                return self.fail((ST1_DATA_ERROR, 0));
            }
        }
        self.finish(0, 0, 0);
    }

    /// The host moved the whole buffer of a non-DMA transfer. There is no terminal count without DMA.
    pub(super) fn block_moved(&mut self, now: u64) {
        match self.phase {
            Phase::DataIn => self.delivered(now, false),
            Phase::DataOut => self.collected(now, false),
            _ => {}
        }
    }
}
