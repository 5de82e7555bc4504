//! The machine as a front end sees it: build it, run it, look at it, put input in.
//!
//! The run loop alternates between the processor, which runs to an exact instruction count, and the board's events.
//! How a run is cut into slices (`until_ns`, `max_icount`) is never visible to the guest.

use crate::board::{Board, BusMemory};
use crate::build::{Built, build};
use crate::config::MachineConfig;
use crate::error::MachineError;
use crate::files::FileId;
use crate::hash::{self, PageHashes};
use crate::input::{self, InputEvent};
use crate::loader::multiboot::BOOT_MAGIC;
use crate::loader::{E820, Kernel, Piece};
use crate::media::Media;
use crate::record::player::{Divergence, Player};
use crate::record::recorder::Recorder;
use crate::screen::{Frame, TextScreen};
use crate::state::State;
use crate::state::tracker::Tracker;
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::{Cpu, Exit};
use rewind86_devices::ctx::DmaMemory;
use rewind86_devices::uart::{SENDING_NS, Uart};
use std::sync::Arc;

/// ESP at the entry of a multiboot kernel, which has to set its own.
const MULTIBOOT_STACK: u32 = 0x7C00;

/// Time in which a full transmit FIFO and its shift register are sent.
const DRAIN_NS: u64 = 20 * SENDING_NS;

/// Why [`Machine::run`] returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunExit {
    /// Virtual time reached the wanted moment.
    Time,
    /// The instruction count reached the wanted number.
    Icount,
    /// The guest switched the machine off.
    PowerOff,
    /// The guest wrote this value to the debug-exit port.
    DebugExit(u8),
    /// A probe was hit: see [`Machine::take_hits`].
    Probe,
    /// The machine cannot go on: why.
    Stopped(String),
    /// The recording that is played is over.
    ReplayEnd,
    /// The run is not the recorded one.
    Diverged(Box<Divergence>),
}

/// A whole PC.
pub struct Machine {
    pub(crate) cpu: Cpu,
    pub(crate) mem: PhysMem,
    pub(crate) board: Board,
    kernel: Option<Kernel>,
    no_reboot: bool,
    pages: PageHashes,
    pub(crate) tracker: Tracker,
    /// The state that was last captured or restored: what `tracker` counts from.
    pub(crate) base: Option<Arc<State>>,
    /// What the machine was built from.
    pub(crate) config: Arc<MachineConfig>,
    pub(crate) files: Vec<FileId>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) player: Option<Player>,
}

impl Machine {
    /// Builds and powers on a machine.
    ///
    /// # Errors
    /// [`MachineError`] for a setting out of range, and files that are missing or wrong.
    pub fn new(cfg: &MachineConfig) -> Result<Self, MachineError> {
        Self::with_media(cfg, Media::default())
    }

    /// As [`Machine::new`], with the media that a replay knows.
    pub(crate) fn with_media(cfg: &MachineConfig, media: Media) -> Result<Self, MachineError> {
        let Built { cpu, mem, board, kernel, files } = build(cfg, media)?;
        let mut machine = Self {
            cpu,
            mem,
            board,
            kernel,
            no_reboot: cfg.no_reboot,
            pages: PageHashes::default(),
            tracker: Tracker::default(),
            base: None,
            config: Arc::new(cfg.clone()),
            files,
            recorder: None,
            player: None,
        };
        machine.reset_at_once();
        Ok(machine)
    }

    /// Runs until virtual time is at least `until_ns`, the instruction count is exactly `max_icount`, or an end.
    ///
    /// At an end the transmitters still send what they hold. A machine that plays a recording takes its events from it.
    pub fn run(&mut self, until_ns: u64, max_icount: u64) -> RunExit {
        if let Some(ended) = self.player.as_ref().and_then(|p| p.ended.clone()) {
            return ended;
        }
        let until = self.board.clock.tick_of(until_ns);
        loop {
            let here = self.moment();
            let wanted = here.tick >= until || here.icount >= max_icount;
            if !wanted && let Some(exit) = self.play_events() {
                return exit;
            }
            let tick = if wanted { until } else { self.player.as_ref().map_or(until, |p| p.next_tick().min(until)) };
            let epoch = self.next_epoch();
            let exit = self.run_loop(tick, max_icount.min(epoch));
            let now = self.moment();
            if now.icount == epoch
                && now.icount > here.icount
                && let Some(divergence) = self.epoch()
            {
                return RunExit::Diverged(divergence);
            }
            match exit {
                RunExit::Time if now.tick < until => {}
                RunExit::Icount if now.icount < max_icount => {}
                RunExit::Time | RunExit::Icount | RunExit::Probe => {
                    self.flush_events();
                    return match self.absent() {
                        Some(why) => self.end(RunExit::Stopped(why)),
                        None => exit,
                    };
                }
                end => return self.end(end),
            }
        }
    }

    /// Applies the events of the recording that are due now; at its end, how it ends.
    fn play_events(&mut self) -> Option<RunExit> {
        let tick = self.moment().tick;
        while let Some(event) = self.player.as_mut().and_then(|p| p.due(tick)) {
            // A medium that could not be opened was not recorded as inserted, and a replay has all of them.
            let _ = self.apply(event.input());
        }
        let at_end = self.player.as_ref().is_some_and(|p| p.at_end(tick));
        at_end.then(|| {
            let differs = self.player.as_ref().is_some_and(|p| p.check).then(|| self.check_end()).flatten();
            let exit = differs.map_or(RunExit::ReplayEnd, |d| RunExit::Diverged(Box::new(d)));
            if let Some(player) = &mut self.player {
                player.ended = Some(exit.clone());
            }
            exit
        })
    }

    /// The instruction count at which the hash is wanted next.
    fn next_epoch(&self) -> u64 {
        let icount = self.cpu.icount();
        let recorded = self.recorder.as_ref().map_or(u64::MAX, |r| r.next_epoch(icount));
        recorded.min(self.player.as_ref().map_or(u64::MAX, |p| p.next_epoch(icount)))
    }

    /// Why a run that left a pack cannot go on: the guest read what the pack has no copy of. A replay that does so has
    /// diverged, which its chain says.
    fn absent(&self) -> Option<String> {
        if self.player.is_some() {
            return None;
        }
        let (place, at) = self.board.media.take_absent()?;
        Some(format!(
            "the pack has no copy of byte {at} of {place}, which the recorded run did not read; leave the recording itself instead, where its images are"
        ))
    }

    /// Writes down or compares the hashes at an epoch.
    fn epoch(&mut self) -> Option<Box<Divergence>> {
        if self.recorder.is_some() {
            self.record_epoch();
        }
        self.check_epoch().map(Box::new)
    }

    /// The run is over: lets the transmitters send what they hold.
    fn end(&mut self, exit: RunExit) -> RunExit {
        let icount = self.cpu.icount();
        let until = self.board.now(icount).saturating_add(DRAIN_NS);
        while self.board.now(icount) < until {
            let next = self.board.sched.next_deadline().min(until);
            let ticks = self.board.skip_to(icount, next);
            self.cpu.skip_idle(ticks);
            self.board.run_events(&mut self.mem, icount);
        }
        self.board.settle(&mut self.cpu.lines);
        let check = self.player.as_ref().is_some_and(|p| p.check && p.next >= p.recording.events().len());
        let exit = match check.then(|| self.check_end()).flatten() {
            Some(d) => RunExit::Diverged(Box::new(d)),
            None => exit,
        };
        if let Some(player) = &mut self.player {
            player.ended = Some(exit.clone());
        }
        exit
    }

    /// Runs to a tick or an instruction count.
    fn run_loop(&mut self, until_tick: u64, max_icount: u64) -> RunExit {
        loop {
            let icount = self.cpu.icount();
            self.board.run_events(&mut self.mem, icount);
            self.board.settle(&mut self.cpu.lines);
            if let Some(exit) = self.serve_requests() {
                return exit;
            }
            if self.mem.has_watched_writes() {
                self.report_devices();
            }
            if self.cpu.probes_stop() {
                return RunExit::Probe;
            }
            if self.board.clock.ticks(icount) >= until_tick {
                return RunExit::Time;
            }
            if icount >= max_icount {
                return RunExit::Icount;
            }
            if self.board.suspended {
                let next = self.board.clock.tick_of(self.board.sched.next_deadline()).min(until_tick);
                self.board.skip_to_tick(icount, next);
                continue;
            }
            let limit = max_icount.min(self.board.clock.icount_at_tick(until_tick));
            match self.cpu.run(&mut self.mem, &mut self.board, limit) {
                Exit::Limit | Exit::Stop => {}
                // An instruction that was hit may have left events and requests to serve before control goes back.
                Exit::Probe if self.cpu.icount() != icount => {}
                Exit::Probe => return RunExit::Probe,
                Exit::Halted => {
                    if !self.cpu.interrupts_enabled() {
                        return RunExit::Stopped("the processor is halted with interrupts off".into());
                    }
                    let next = self.board.clock.tick_of(self.board.sched.next_deadline()).min(until_tick);
                    let ticks = self.board.skip_to_tick(self.cpu.icount(), next);
                    self.cpu.skip_idle(ticks);
                }
                Exit::Shutdown => {
                    if self.no_reboot {
                        return RunExit::Stopped("triple fault".into());
                    }
                    self.reset_at_once();
                }
                Exit::Unimplemented(what) => {
                    return RunExit::Stopped(format!("the instruction {what} is not implemented"));
                }
            }
        }
    }

    /// Does what the board asked for.
    fn serve_requests(&mut self) -> Option<RunExit> {
        let requests = std::mem::take(&mut self.board.requests);
        self.cpu.lines.stop = false;
        if requests.power_off {
            return Some(RunExit::PowerOff);
        }
        if requests.reset {
            self.reset_at_once();
            return requests.debug_exit.map(RunExit::DebugExit);
        }
        self.board.suspended |= requests.suspend;
        if requests.wake && std::mem::take(&mut self.board.suspended) {
            // The firmware sees that this is no cold start and goes to the system's waking vector.
            self.reset_at_once();
            self.board.wake(self.now());
        }
        if requests.a20 {
            self.cpu.set_a20(self.board.a20_gate());
        }
        if requests.remap {
            let routing = self.board.routing();
            self.board.layout.apply(&mut self.mem, &routing);
        }
        if requests.kernel {
            self.start_kernel();
        }
        requests.debug_exit.map(RunExit::DebugExit)
    }

    fn reset_at_once(&mut self) {
        let now = self.now();
        self.board.reset(now);
        let routing = self.board.routing();
        self.board.layout.apply(&mut self.mem, &routing);
        self.cpu.reset();
        self.cpu.set_a20(self.board.a20_gate());
        self.board.settle(&mut self.cpu.lines);
    }

    /// Puts the kernel into memory; a multiboot kernel is started, Linux is entered by the option ROM.
    fn start_kernel(&mut self) {
        match &self.kernel {
            None => {}
            Some(Kernel::Linux(k)) => place(&mut self.mem, &k.pieces),
            Some(Kernel::Multiboot(k)) => {
                let mut map = reported_map(&self.board.doorbell.map);
                if map.is_empty() {
                    let layout = &self.board.layout;
                    map.push(E820 { base: 0, len: 0x9FC00, kind: 1 });
                    map.push(E820 { base: 0x10_0000, len: layout.below_4g() - 0x10_0000, kind: 1 });
                    if layout.above_4g() > 0 {
                        map.push(E820 { base: 4 << 30, len: layout.above_4g(), kind: 1 });
                    }
                }
                let information = k.information(&map);
                let address = information.addr as u32;
                place(&mut self.mem, &k.pieces);
                place(&mut self.mem, &[information]);
                self.board.open_a20();
                self.board.uarts.iter_mut().for_each(Uart::set_8n1);
                self.cpu.set_a20(true);
                self.cpu.start_flat32(k.entry, BOOT_MAGIC, address, MULTIBOOT_STACK);
            }
        }
    }

    /// Retired instructions since power-on.
    pub fn icount(&self) -> u64 {
        self.cpu.icount()
    }

    /// Virtual ns since power-on.
    pub fn now(&self) -> u64 {
        self.board.now(self.cpu.icount())
    }

    /// Whether the processor is halted and waits for an interrupt.
    pub fn idle(&self) -> bool {
        self.cpu.halted()
    }

    /// Applies an event from outside at the current moment. While a recording is played there is no outside: the event is
    /// ignored.
    ///
    /// # Errors
    /// A medium that cannot be opened; the drive is empty then.
    pub fn input(&mut self, event: InputEvent) -> Result<(), MachineError> {
        if self.player.is_some() {
            return Ok(());
        }
        let at = self.moment();
        let written = self.recorder.is_some().then(|| event.clone());
        if let InputEvent::Media { drive, .. } = &event {
            self.record_left(drive.slot());
        }
        let result = self.apply(event);
        if let Some(event) = written {
            self.record_input(at, &event, result.is_ok());
        }
        result
    }

    fn apply(&mut self, event: InputEvent) -> Result<(), MachineError> {
        let now = self.now();
        let result = input::apply(&mut self.board, now, event);
        self.board.settle(&mut self.cpu.lines);
        result
    }

    /// The reset button.
    pub fn reset(&mut self) {
        // Pressing a button opens no file, so it cannot fail.
        let _ = self.input(InputEvent::Reset);
    }

    /// The power button.
    pub fn power_button(&mut self) {
        let _ = self.input(InputEvent::PowerButton);
    }

    /// Renders the screen; `false` when nothing changed since the last call into the same frame.
    pub fn frame(&mut self, out: &mut Frame) -> bool {
        let now = self.now();
        self.board.vga.render(now, out)
    }

    /// The text screen; `None` in graphics modes.
    pub fn text_screen(&self) -> Option<TextScreen> {
        let now = self.now();
        self.board.vga.text_screen(now)
    }

    /// Bytes the guest sent out of serial port `port` (COM1 is 0) since the last call.
    pub fn take_serial(&mut self, port: usize) -> Vec<u8> {
        self.board.uarts.get_mut(port).map(|u| u.take_tx()).unwrap_or_default()
    }

    /// Bytes the guest wrote to the debug console port since the last call.
    pub fn take_debugcon(&mut self) -> Vec<u8> {
        self.board.sysctl.take_debug()
    }

    /// Bytes the guest printed since the last call.
    pub fn take_parallel(&mut self) -> Vec<u8> {
        self.board.lpt.take_output()
    }

    /// What the firmware wrote to its own debug port (402h) since the last call.
    pub fn take_firmware_log(&mut self) -> Vec<u8> {
        self.board.take_firmware_log()
    }

    /// Hash of the canonical state of the whole machine.
    pub fn state_hash(&mut self) -> u64 {
        hash::combine(&self.state_hashes())
    }

    /// The hashes that make up [`Machine::state_hash`], by component.
    pub fn state_hashes(&mut self) -> Vec<(&'static str, u64)> {
        self.tracker.collect(&mut self.mem);
        hash::parts(&self.cpu, &self.mem, &self.board, &mut self.pages, &mut self.tracker.hash)
    }

    /// The processor, for debuggers and tests.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// Reads guest memory at a physical address, for debuggers and tests; what is no memory reads FFh.
    pub fn read_memory(&self, addr: u64, buf: &mut [u8]) {
        self.mem.read(addr, buf);
    }
}

/// Copies pieces into guest memory.
fn place(mem: &mut PhysMem, pieces: &[Piece]) {
    let mut bus = BusMemory(mem);
    for piece in pieces {
        bus.write(piece.addr, &piece.data);
        let zeros = vec![0; 64 << 10];
        let mut at = piece.addr + piece.data.len() as u64;
        while at < piece.end() {
            let n = (piece.end() - at).min(zeros.len() as u64);
            bus.write(at, zeros.get(..n as usize).unwrap_or_default());
            at += n;
        }
    }
}

/// The memory map that the option ROM sent.
fn reported_map(bytes: &[u8]) -> Vec<E820> {
    let (entries, _) = bytes.as_chunks::<20>();
    entries
        .iter()
        .filter_map(|e| {
            Some(E820 {
                base: crate::loader::le64(e, 0)?,
                len: crate::loader::le64(e, 8)?,
                kind: crate::loader::le32(e, 16)?,
            })
        })
        .filter(|e| e.base.checked_add(e.len).is_some())
        .collect()
}
