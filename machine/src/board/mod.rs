//! The board: the chips as concrete fields, the port and memory maps that lead to them, and the lines between them.
//!
//! Every access from the processor carries its instruction count; the board turns it into virtual time, lets the chip
//! answer, and then brings the interrupt controller, the INTR line and the processor's next deadline up to date. What
//! needs the processor or memory itself (reset, A20, the PAM map, power-off, DMA, a kernel start) is left as a request
//! for the run loop, with `Lines::stop` raised so that it gets control right after the instruction.
//!
//! Invariants: `lines.deadline` is the instruction count of the earliest armed timer, so no timer is due during an access.

mod access;
mod apic;
pub mod clock;
pub mod cmos;
mod components;
pub mod fwcfg;
pub mod memory;
mod ports;

use crate::input::Pointer;
use crate::media::Media;
use clock::Clock;
pub(crate) use components::{Misfit, Replace, Visit};
use fwcfg::FwCfg;
use memory::{Layout, Routing};
use rewind86_cpu::bus::Lines;
use rewind86_cpu::mem::PhysMem;
use rewind86_devices::ctx::{Ctx, DmaMemory, IrqLines};
use rewind86_devices::dma::Dma;
use rewind86_devices::fdc::Fdc;
use rewind86_devices::ide::Ide;
use rewind86_devices::ioapic::IoApic;
use rewind86_devices::kbc::Kbc;
use rewind86_devices::lapic::LocalApic;
use rewind86_devices::lpt::Lpt;
use rewind86_devices::pci::{PciBus, PciEffects, PowerRequest, VgaFunction};
use rewind86_devices::pic::Pic;
use rewind86_devices::pit::Pit;
use rewind86_devices::rtc::Rtc;
use rewind86_devices::sched::{EventId, Scheduler};
use rewind86_devices::sysctl::Sysctl;
use rewind86_devices::testdev::TestDevice;
use rewind86_devices::uart::Uart;
use rewind86_devices::vga::{VRAM_SIZE, Vga};
use serde::{Deserialize, Serialize};

/// IRQ of the coprocessor error (FERR#).
const IRQ_FERR: u8 = 13;
/// CMOS: why the machine was reset, and the code for a resume from suspend.
const CMOS_SHUTDOWN: u8 = 0x0F;
const SHUTDOWN_RESUME: u8 = 0xFE;
/// DMA channel of the floppy controller.
const DMA_FLOPPY: usize = 2;
/// Firmware log bytes kept for the host.
const FIRMWARE_LOG_MAX: usize = 1 << 20;

/// What the board wants from the run loop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Reset the whole machine.
    pub reset: bool,
    /// The memory map changed.
    pub remap: bool,
    /// The A20 gate changed.
    pub a20: bool,
    /// The guest switched the machine off.
    pub power_off: bool,
    /// The guest suspended the machine to RAM.
    pub suspend: bool,
    /// Something happened that wakes a suspended machine.
    pub wake: bool,
    /// The guest wrote this to the debug exit port.
    pub debug_exit: Option<u8>,
    /// The option ROM asks for the kernel to be put into memory.
    pub kernel: bool,
}

impl Requests {
    fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// What the option ROM of a direct kernel start reads and writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doorbell {
    /// Segment and stack pointer for the Linux setup code.
    pub entry: (u16, u16),
    /// Bytes of the memory map as sent so far.
    pub map: Vec<u8>,
}

/// More memory map than any firmware has; bounds what a guest can make the board keep.
const MAX_MAP: usize = 20 * 128;

/// All chips and their wiring.
pub struct Board {
    pub(crate) clock: Clock,
    pub(crate) sched: Scheduler,
    pub(crate) irq: IrqLines,
    pub(crate) pci: PciBus,
    pub(crate) pic: Pic,
    pub(crate) lapic: LocalApic,
    pub(crate) ioapic: IoApic,
    pub(crate) pit: Pit,
    pub(crate) rtc: Rtc,
    pub(crate) kbc: Kbc,
    pub(crate) dma: Dma,
    pub(crate) fdc: Fdc,
    pub(crate) ide: Ide,
    pub(crate) uarts: Vec<Uart>,
    pub(crate) lpt: Lpt,
    pub(crate) sysctl: Sysctl,
    pub(crate) testdev: TestDevice,
    pub(crate) vga: Vga,
    pub(crate) fwcfg: FwCfg,
    pub(crate) doorbell: Doorbell,
    pub(crate) pointer: Pointer,
    pub(crate) requests: Requests,
    pub(crate) media: Media,
    pub(crate) layout: Layout,
    /// Suspended to RAM: nothing runs until a key or the power button.
    pub(crate) suspended: bool,
    /// The A20 gate.
    a20: bool,
    /// Deadline in ns for which `deadline_icount` was computed.
    deadline_ns: u64,
    deadline_icount: u64,
    /// Interrupt lines that the controllers have seen.
    settled_levels: u32,
    firmware_log: Vec<u8>,
}

/// A context of the board's shared parts, leaving its chips free to be borrowed.
macro_rules! ctx {
    ($board:expr, $now:expr) => {
        Ctx { now: $now, sched: &mut $board.sched, irq: &mut $board.irq }
    };
}
pub(crate) use ctx;

/// The parts that the configuration decides.
pub struct Parts {
    /// Clock rate.
    pub rate: u64,
    /// Memory layout.
    pub layout: Layout,
    /// The clock and its filled memory.
    pub rtc: Rtc,
    /// Floppy controller with its drives.
    pub fdc: Fdc,
    /// IDE channels with their devices.
    pub ide: Ide,
    /// Number of serial ports, 2 to 4.
    pub serial_ports: usize,
    /// Port F4h is connected, and the test device beside it.
    pub debug_exit: bool,
    /// Bytes of the VGA's ROM.
    pub vga_rom_len: u32,
    /// Firmware configuration.
    pub fwcfg: FwCfg,
    /// The media in the drives.
    pub(crate) media: Media,
}

impl Board {
    /// A board at power-on.
    pub fn new(parts: Parts) -> Self {
        let mut board = Self {
            clock: Clock::new(parts.rate),
            sched: Scheduler::default(),
            irq: IrqLines::default(),
            pci: PciBus::new(Some(VgaFunction::new(VRAM_SIZE as u32, parts.vga_rom_len))),
            pic: Pic::new(),
            lapic: LocalApic::default(),
            ioapic: IoApic::default(),
            pit: Pit::new(),
            rtc: parts.rtc,
            kbc: Kbc::new(),
            dma: Dma::new(),
            fdc: parts.fdc,
            ide: parts.ide,
            uarts: (0..parts.serial_ports.clamp(2, 4)).map(Uart::new).collect(),
            lpt: Lpt::new(),
            sysctl: Sysctl::new(parts.debug_exit),
            testdev: TestDevice::new(parts.debug_exit),
            vga: Vga::new(),
            fwcfg: parts.fwcfg,
            doorbell: Doorbell::default(),
            pointer: Pointer::default(),
            requests: Requests::default(),
            media: parts.media,
            layout: parts.layout,
            suspended: false,
            a20: true,
            deadline_ns: u64::MAX,
            settled_levels: u32::MAX,
            deadline_icount: u64::MAX,
            firmware_log: Vec::new(),
        };
        board.rtc.start(&mut ctx!(board, 0));
        board.reset(0);
        board
    }

    /// RESET: every chip but the clock's memory. The memory map has to be made anew.
    pub fn reset(&mut self, now: u64) {
        let mut ctx = ctx!(self, now);
        self.pci.reset(&mut ctx);
        self.pic.reset();
        self.lapic.reset(&mut ctx);
        self.ioapic.reset();
        self.pit.reset(&mut ctx);
        self.rtc.reset(&mut ctx);
        self.kbc.reset(&mut ctx);
        self.dma.reset();
        self.fdc.reset(&mut ctx);
        self.ide.reset(&mut ctx);
        for uart in &mut self.uarts {
            uart.reset(&mut ctx);
        }
        self.lpt.reset(&mut ctx);
        self.sysctl.reset();
        self.vga.reset(&mut ctx);
        self.fwcfg.reset();
        self.irq.set(IRQ_FERR, false);
        self.irq.take_edges();
        self.doorbell.map.clear();
        self.requests = Requests::default();
        self.suspended = false;
        self.set_a20(true);
    }

    /// The A20 gate.
    pub fn a20_gate(&self) -> bool {
        self.a20
    }

    /// Port 92h and the keyboard controller drive one line; whichever changed last decides, and both show it.
    fn update_a20(&mut self) -> bool {
        let old = self.a20;
        if self.kbc.a20() != old || self.sysctl.a20() != old {
            self.set_a20(!old);
        }
        self.a20 != old
    }

    fn set_a20(&mut self, open: bool) {
        self.a20 = open;
        self.kbc.set_a20(open);
        self.sysctl.set_a20(open);
    }

    /// Opens the A20 gate as a boot loader does.
    pub fn open_a20(&mut self) {
        self.set_a20(true);
    }

    /// The power button: an ACPI system gets an event, for any other the power goes off.
    pub fn press_power(&mut self, now: u64) {
        if self.suspended {
            self.requests.wake = true;
            return;
        }
        let told = self.pci.pm.power_button(&mut ctx!(self, now));
        self.requests.power_off |= !told;
    }

    /// After the reset that ends a suspend: the status that the system finds.
    pub fn wake(&mut self, now: u64) {
        self.rtc.set_cmos(CMOS_SHUTDOWN, SHUTDOWN_RESUME);
        self.pci.pm.wake(&mut ctx!(self, now));
    }

    /// What the chipset says about the memory map.
    pub fn routing(&self) -> Routing {
        Routing {
            shadow: self.pci.host.shadow_map(),
            smram_open: self.pci.host.smram_open(),
            vga_rom: self.pci.vga.as_ref().and_then(VgaFunction::rom),
        }
    }

    /// Obeys what a configuration write changed.
    fn pci_changed(&mut self, effects: PciEffects) {
        self.requests.remap |= effects.contains(PciEffects::MEMORY);
        self.requests.reset |= effects.contains(PciEffects::RESET);
    }

    /// Virtual ns at `icount`.
    #[inline]
    pub fn now(&self, icount: u64) -> u64 {
        self.clock.now(icount)
    }

    /// Delivers the timers that are due at `icount`; DMA happens here.
    pub fn run_events(&mut self, mem: &mut PhysMem, icount: u64) {
        let now = self.now(icount);
        while let Some(id) = self.sched.pop_due(now) {
            let mut ctx = ctx!(self, now);
            match id {
                EventId::PitChannel0 => self.pit.event(&mut ctx),
                EventId::RtcPeriodic | EventId::RtcUpdate => self.rtc.event(&mut ctx, id),
                EventId::KbcTransfer | EventId::Keyboard | EventId::Mouse => self.kbc.event(&mut ctx, id),
                EventId::Fdc => self.fdc.event(&mut ctx, &mut self.dma.channel(DMA_FLOPPY), &mut BusMemory(mem)),
                EventId::Ide0 | EventId::Ide1 | EventId::BusMaster0 | EventId::BusMaster1 => {
                    self.ide.event(&mut ctx, id, &mut BusMemory(mem));
                }
                EventId::Uart0 => uart_event(&mut self.uarts, 0, &mut ctx),
                EventId::Uart1 => uart_event(&mut self.uarts, 1, &mut ctx),
                EventId::Uart2 => uart_event(&mut self.uarts, 2, &mut ctx),
                EventId::Uart3 => uart_event(&mut self.uarts, 3, &mut ctx),
                EventId::Lpt0 => self.lpt.event(&mut ctx),
                EventId::PmTimer => self.pci.pm.event(&mut ctx),
                EventId::Vga => {}
                EventId::LapicTimer => self.lapic.event(&mut ctx),
            }
        }
    }

    /// Brings the interrupt controller and the processor's lines up to date after anything that may have moved them.
    pub fn settle(&mut self, lines: &mut Lines) {
        self.sync_interrupts();
        self.drive_interrupt_lines(lines);
        self.settled_levels = self.irq.levels();
        let next = self.sched.next_deadline();
        if next != self.deadline_ns {
            self.deadline_ns = next;
            self.deadline_icount = self.clock.icount_of(next);
        }
        lines.deadline = self.deadline_icount;
        self.requests.reset |= self.kbc.take_reset() | self.sysctl.take_reset();
        match self.pci.pm.take_request() {
            Some(PowerRequest::Off) => self.requests.power_off = true,
            Some(PowerRequest::Suspend) => self.requests.suspend = true,
            None => {}
        }
        if let Some(value) = self.sysctl.take_exit() {
            self.requests.debug_exit = Some(value);
        }
        self.requests.a20 |= self.update_a20();
        if self.requests.any() {
            lines.stop = true;
        }
    }

    /// As [`Board::settle`] after an access to `port`. Chips that only drive interrupt lines and set timers, and did
    /// neither, have moved nothing: delay loops poll them all the time.
    #[inline]
    pub(crate) fn settle_port(&mut self, lines: &mut Lines, port: u16, size: u8) {
        let unmoved = self.irq.levels() == self.settled_levels
            && !self.irq.has_edges()
            && self.sched.next_deadline() == self.deadline_ns;
        if !(unmoved && ports::only_lines_and_timers(port, size)) {
            self.settle(lines);
        }
    }

    /// Lets the halted processor's time pass up to `ns`; returns the ticks skipped.
    pub fn skip_to(&mut self, icount: u64, ns: u64) -> u64 {
        self.skip_to_tick(icount, self.clock.tick_of(ns))
    }

    /// As [`Board::skip_to`], to a tick.
    pub fn skip_to_tick(&mut self, icount: u64, tick: u64) -> u64 {
        let ticks = self.clock.skip_to_tick(icount, tick);
        self.deadline_icount = self.clock.icount_of(self.deadline_ns);
        ticks
    }

    /// What the firmware wrote to its own debug port since the last call.
    pub fn take_firmware_log(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.firmware_log)
    }
}

fn uart_event(uarts: &mut [Uart], n: usize, ctx: &mut Ctx) {
    if let Some(uart) = uarts.get_mut(n) {
        uart.event(ctx);
    }
}

/// Guest memory as bus masters see it.
pub(crate) struct BusMemory<'a>(pub &'a mut PhysMem);

impl DmaMemory for BusMemory<'_> {
    fn read(&mut self, addr: u64, buf: &mut [u8]) {
        self.0.read(addr, buf);
    }

    fn write(&mut self, addr: u64, buf: &[u8]) {
        self.0.write(addr, buf);
    }
}
