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
use crate::screen::{Frame, TextScreen};
use crate::state::State;
use crate::state::tracker::Tracker;
use rewind86_cpu::mem::PhysMem;
use rewind86_cpu::{Cpu, Exit};
use rewind86_devices::ctx::DmaMemory;
use rewind86_devices::uart::SENDING_NS;
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
        };
        machine.reset_at_once();
        Ok(machine)
    }

    /// Runs until virtual time is at least `until_ns`, the instruction count is exactly `max_icount`, or an end.
    ///
    /// At an end the transmitters still send what they hold.
    pub fn run(&mut self, until_ns: u64, max_icount: u64) -> RunExit {
        let exit = self.run_loop(until_ns, max_icount);
        if !matches!(exit, RunExit::Time | RunExit::Icount | RunExit::Probe) {
            let icount = self.cpu.icount();
            let until = self.board.now(icount).saturating_add(DRAIN_NS);
            while self.board.now(icount) < until {
                let next = self.board.sched.next_deadline().min(until);
                let ticks = self.board.skip_to(icount, next);
                self.cpu.skip_idle(ticks);
                self.board.run_events(&mut self.mem, icount);
            }
            self.board.settle(&mut self.cpu.lines);
        }
        exit
    }

    fn run_loop(&mut self, until_ns: u64, max_icount: u64) -> RunExit {
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
            if self.board.now(icount) >= until_ns {
                return RunExit::Time;
            }
            if icount >= max_icount {
                return RunExit::Icount;
            }
            if self.board.suspended {
                let next = self.board.sched.next_deadline().min(until_ns);
                self.board.skip_to(icount, next);
                continue;
            }
            let limit = max_icount.min(self.board.clock.icount_of(until_ns));
            match self.cpu.run(&mut self.mem, &mut self.board, limit) {
                Exit::Limit | Exit::Stop => {}
                // An instruction that was hit may have left events and requests to serve before control goes back.
                Exit::Probe if self.cpu.icount() != icount => {}
                Exit::Probe => return RunExit::Probe,
                Exit::Halted => {
                    if !self.cpu.interrupts_enabled() {
                        return RunExit::Stopped("the processor is halted with interrupts off".into());
                    }
                    let next = self.board.sched.next_deadline().min(until_ns);
                    let ticks = self.board.skip_to(self.cpu.icount(), next);
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

    /// Applies an event from outside at the current moment.
    ///
    /// # Errors
    /// A medium that cannot be opened; the drive is empty then.
    pub fn input(&mut self, event: InputEvent) -> Result<(), MachineError> {
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
