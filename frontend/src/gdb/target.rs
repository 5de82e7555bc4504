//! The machine as `gdbstub` wants to see it.
//!
//! Breakpoints are probes of the processor: guest memory holds no trap instruction, so that software and hardware
//! breakpoints differ in name only. Every processor is a thread. Addresses are linear, or physical in the mode that
//! [`super::wire`] serves or `monitor phys on` sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gdbstub::arch::{Arch, RegId, Registers};
use gdbstub::common::{Signal, Tid};
use gdbstub::stub::MultiThreadStopReason;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::multithread as mt;
use gdbstub::target::ext::base::reverse_exec as reverse;
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::breakpoints::{self as bp, WatchKind};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps};
use gdbstub::target::ext::target_description_xml_override as xml;
use gdbstub::target::ext::thread_extra_info as extra;
use gdbstub::target::{Target, TargetError, TargetResult};
use rewind86_machine::Machine;
use rewind86_machine::probe::{Hit, Place, Probe, ProbeSet, What};

use super::link::{Gone, Link, Request, Stop};
use super::monitor;
use super::regs::{Layout, View};

/// The only processor.
pub const CPU: Tid = Tid::MIN;

/// x86 with registers of whatever layout was chosen.
pub enum AnyX86 {}

impl Arch for AnyX86 {
    type Usize = u64;
    type Registers = RawRegisters;
    type BreakpointKind = usize;
    type RegId = Number;
}

/// Registers as the bytes that go over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRegisters(pub Vec<u8>);

impl Registers for RawRegisters {
    type ProgramCounter = u64;

    // Asked for by no part of the stub that is used here.
    fn pc(&self) -> u64 {
        0
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        self.0.iter().for_each(|&b| write_byte(Some(b)));
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        self.0 = bytes.to_vec();
        Ok(())
    }
}

/// A register's number in its layout.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub usize);

impl RegId for Number {
    fn from_raw_id(id: usize) -> Option<(Self, Option<std::num::NonZeroUsize>)> {
        Some((Self(id), None))
    }

    fn to_raw_id(&self) -> Option<usize> {
        Some(self.0)
    }
}

/// A break- or watchpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Soft(Place),
    Hard(Place),
    Watch(Place, u64, WatchKind),
}

/// What GDB asked the machine to do next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Action {
    #[default]
    Continue,
    Step,
}

/// One debugging session.
pub struct Debugger {
    link: Link,
    layout: Layout,
    points: Vec<Point>,
    action: Action,
    /// Addresses are physical.
    pub physical: bool,
    /// There is a past to go back to.
    history: bool,
    /// Registers and memory may be changed.
    writable: bool,
    /// Set to give a search up.
    cancel: Arc<AtomicBool>,
    /// The last thing asked for went backwards.
    backwards: bool,
}

type Done<T> = TargetResult<T, Debugger>;

impl From<Gone> for TargetError<Gone> {
    fn from(gone: Gone) -> Self {
        Self::Fatal(gone)
    }
}

impl Debugger {
    /// Stops the machine and looks at what it is.
    pub fn attach(link: Link, view: Option<View>) -> Result<Self, (Link, Gone)> {
        let look = link.send(Request::Hold).and_then(|()| {
            link.call(move |d| {
                let view = view.unwrap_or_else(|| View::fitting(d.machine().cpu()));
                (view, d.history().is_some(), d.writable())
            })
        });
        match look {
            Ok((view, history, writable)) => Ok(Self {
                link,
                layout: Layout::new(view),
                points: Vec::new(),
                action: Action::Continue,
                physical: false,
                history,
                writable,
                cancel: Arc::default(),
                backwards: false,
            }),
            Err(gone) => Err((link, gone)),
        }
    }

    /// Lets the machine go on without a debugger.
    pub fn detach(self) -> Link {
        // A run that is over needs no release.
        let _ = self.link.send(Request::Release);
        self.link
    }

    /// The way to the machine.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Ctrl-C.
    pub fn interrupt(&self) -> Result<(), Gone> {
        self.cancel.store(true, Ordering::Relaxed);
        self.link.send(Request::Hold)
    }

    fn machine<R: Send + 'static>(&self, job: impl FnOnce(&mut Machine) -> R + Send + 'static) -> Result<R, Gone> {
        self.link.call(move |d| job(d.machine()))
    }

    fn place(&self, addr: u64) -> Place {
        if self.physical { Place::Physical(addr) } else { Place::Linear(addr, None) }
    }

    fn probes(&self) -> ProbeSet {
        let probe = |p: &Point| match *p {
            Point::Soft(place) | Point::Hard(place) => Probe::Execute(place),
            Point::Watch(start, len, kind) => {
                Probe::Access { start, len, read: kind != WatchKind::Write, write: kind != WatchKind::Read }
            }
        };
        ProbeSet::new(self.points.iter().map(probe).collect())
    }

    fn add(&mut self, point: Point) -> bool {
        self.points.push(point);
        true
    }

    fn remove(&mut self, point: Point) -> bool {
        match self.points.iter().position(|p| *p == point) {
            Some(n) => {
                self.points.remove(n);
                true
            }
            None => false,
        }
    }

    fn resume(&mut self, until: Option<u64>) -> Result<(), Gone> {
        self.backwards = false;
        self.cancel.store(false, Ordering::Relaxed);
        // Stops that came after the last answer, such as a second Ctrl-C.
        self.link.drain();
        self.link.send(Request::Resume { probes: self.probes(), until })
    }

    fn reverse(&mut self, probes: Option<ProbeSet>) -> Result<(), Gone> {
        self.backwards = true;
        self.cancel.store(false, Ordering::Relaxed);
        self.link.drain();
        self.link.send(Request::Reverse { probes, cancel: Arc::clone(&self.cancel) })
    }

    /// What GDB is told of a stop.
    pub fn reason(&self, stop: &Stop) -> MultiThreadStopReason<u64> {
        use reverse::ReplayLogPosition::{Begin, End};
        let log = |pos| MultiThreadStopReason::ReplayLog { tid: Some(CPU), pos };
        let signal = |signal| MultiThreadStopReason::SignalWithThread { tid: CPU, signal };
        match stop {
            Stop::Hits(hits) => self.hit_reason(hits).unwrap_or(signal(Signal::SIGTRAP)),
            Stop::Done => signal(Signal::SIGTRAP),
            Stop::Held => signal(Signal::SIGINT),
            Stop::Begin => log(Begin),
            Stop::End if self.history => log(End),
            Stop::End => signal(Signal::SIGTRAP),
            Stop::Dead(_) => signal(Signal::SIGABRT),
            Stop::Over(status) => MultiThreadStopReason::Exited(*status),
        }
    }

    /// A breakpoint comes before a watchpoint: the instruction has not run yet.
    fn hit_reason(&self, hits: &[Hit]) -> Option<MultiThreadStopReason<u64>> {
        let mut points = hits.iter().filter_map(|h| Some((h, *self.points.get(h.probe)?))).collect::<Vec<_>>();
        points.sort_by_key(|(_, p)| matches!(p, Point::Watch(..)));
        let (hit, point) = *points.first()?;
        Some(match point {
            Point::Soft(_) => MultiThreadStopReason::SwBreak(CPU),
            Point::Hard(_) => MultiThreadStopReason::HwBreak(CPU),
            Point::Watch(place, _, kind) => {
                let (linear, physical) = match hit.what {
                    What::Read { linear, physical, .. } | What::Write { linear, physical, .. } => (linear, physical),
                    What::PageWalk { physical, .. } | What::Device { physical, .. } => (physical, physical),
                    _ => (place.address(), place.address()),
                };
                let at = if matches!(place, Place::Physical(_)) { physical } else { linear };
                MultiThreadStopReason::Watch { tid: CPU, kind, addr: at.max(place.address()) }
            }
        })
    }
}

impl Target for Debugger {
    type Arch = AnyX86;
    type Error = Gone;

    fn base_ops(&mut self) -> BaseOps<'_, Self::Arch, Self::Error> {
        BaseOps::MultiThread(self)
    }

    // No breakpoint is ever written to guest memory.
    fn guard_rail_implicit_sw_breakpoints(&self) -> bool {
        true
    }

    fn support_breakpoints(&mut self) -> Option<bp::BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(&mut self) -> Option<xml::TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl mt::MultiThreadBase for Debugger {
    fn read_registers(&mut self, regs: &mut RawRegisters, _: Tid) -> Done<()> {
        let layout = self.layout.clone();
        regs.0 = self.machine(move |m| layout.read_all(m.cpu()))?;
        Ok(())
    }

    fn write_registers(&mut self, regs: &RawRegisters, _: Tid) -> Done<()> {
        if !self.writable {
            return Err(TargetError::Errno(libc_errno::EROFS));
        }
        let (layout, bytes) = (self.layout.clone(), regs.0.clone());
        match self.machine(move |m| layout.write_all(m.cpu_mut(), &bytes))? {
            true => Ok(()),
            false => Err(TargetError::Errno(libc_errno::EINVAL)),
        }
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u64, data: &mut [u8], _: Tid) -> Done<usize> {
        let (len, physical) = (data.len(), self.physical);
        let bytes = self.machine(move |m| {
            let mut bytes = vec![0; len];
            if physical {
                m.read_memory(start, &mut bytes);
            } else {
                let n = m.read_linear(start, &mut bytes);
                bytes.truncate(n);
            }
            bytes
        })?;
        if bytes.is_empty() && len > 0 {
            return Err(TargetError::Errno(libc_errno::EFAULT));
        }
        for (to, from) in data.iter_mut().zip(&bytes) {
            *to = *from;
        }
        Ok(bytes.len())
    }

    fn write_addrs(&mut self, start: u64, data: &[u8], _: Tid) -> Done<()> {
        if !self.writable {
            return Err(TargetError::Errno(libc_errno::EROFS));
        }
        let (bytes, physical) = (data.to_vec(), self.physical);
        let written = self.machine(move |m| {
            if physical {
                m.write_memory(start, &bytes);
                return true;
            }
            m.write_linear(start, &bytes)
        })?;
        if written { Ok(()) } else { Err(TargetError::Errno(libc_errno::EFAULT)) }
    }

    fn list_active_threads(&mut self, active: &mut dyn FnMut(Tid)) -> Result<(), Gone> {
        active(CPU);
        Ok(())
    }

    fn support_resume(&mut self) -> Option<mt::MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<extra::ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

/// Error numbers that GDB prints: those of the protocol, which are Linux's.
mod libc_errno {
    pub const EFAULT: u8 = 14;
    pub const EINVAL: u8 = 22;
    pub const EROFS: u8 = 30;
}

impl SingleRegisterAccess<Tid> for Debugger {
    fn read_register(&mut self, _: Tid, Number(n): Number, buf: &mut [u8]) -> Done<usize> {
        let layout = self.layout.clone();
        let Some(bytes) = self.machine(move |m| layout.read(m.cpu(), n))? else {
            return Err(TargetError::Errno(libc_errno::EINVAL));
        };
        for (to, from) in buf.iter_mut().zip(&bytes) {
            *to = *from;
        }
        Ok(bytes.len().min(buf.len()))
    }

    fn write_register(&mut self, _: Tid, Number(n): Number, value: &[u8]) -> Done<()> {
        if !self.writable {
            return Err(TargetError::Errno(libc_errno::EROFS));
        }
        let (layout, bytes) = (self.layout.clone(), value.to_vec());
        match self.machine(move |m| layout.write(m.cpu_mut(), n, &bytes))? {
            true => Ok(()),
            false => Err(TargetError::Errno(libc_errno::EINVAL)),
        }
    }
}

impl extra::ThreadExtraInfo for Debugger {
    fn thread_extra_info(&self, _: Tid, buf: &mut [u8]) -> Result<usize, Gone> {
        let halted = self.machine(|m| m.idle())?;
        let text = if halted { "CPU#0 [halted]" } else { "CPU#0 [running]" };
        for (to, from) in buf.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Ok(text.len().min(buf.len()))
    }
}

impl mt::MultiThreadResume for Debugger {
    fn resume(&mut self) -> Result<(), Gone> {
        match self.action {
            Action::Continue => self.resume(None),
            Action::Step => {
                let icount = self.machine(|m| m.icount())?;
                self.resume(Some(icount.saturating_add(1)))
            }
        }
    }

    fn clear_resume_actions(&mut self) -> Result<(), Gone> {
        self.action = Action::Continue;
        Ok(())
    }

    fn set_resume_action_continue(&mut self, _: Tid, _: Option<Signal>) -> Result<(), Gone> {
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<mt::MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_scheduler_locking(&mut self) -> Option<mt::MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<reverse::ReverseStepOps<'_, Tid, Self>> {
        if self.history { Some(self) } else { None }
    }

    fn support_reverse_cont(&mut self) -> Option<reverse::ReverseContOps<'_, Tid, Self>> {
        if self.history { Some(self) } else { None }
    }
}

impl mt::MultiThreadSingleStep for Debugger {
    fn set_resume_action_step(&mut self, _: Tid, _: Option<Signal>) -> Result<(), Gone> {
        self.action = Action::Step;
        Ok(())
    }
}

// With one processor there is nobody to lock out.
impl mt::MultiThreadSchedulerLocking for Debugger {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Gone> {
        Ok(())
    }
}

impl reverse::ReverseStep<Tid> for Debugger {
    fn reverse_step(&mut self, _: Tid) -> Result<(), Gone> {
        self.reverse(None)
    }
}

impl reverse::ReverseCont<Tid> for Debugger {
    fn reverse_cont(&mut self) -> Result<(), Gone> {
        let probes = self.probes();
        self.reverse(Some(probes))
    }
}

impl bp::Breakpoints for Debugger {
    fn support_sw_breakpoint(&mut self) -> Option<bp::SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<bp::HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<bp::HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl bp::SwBreakpoint for Debugger {
    fn add_sw_breakpoint(&mut self, addr: u64, _: usize) -> Done<bool> {
        let place = self.place(addr);
        Ok(self.add(Point::Soft(place)))
    }

    fn remove_sw_breakpoint(&mut self, addr: u64, _: usize) -> Done<bool> {
        Ok(self.remove(Point::Soft(Place::Linear(addr, None))) || self.remove(Point::Soft(Place::Physical(addr))))
    }
}

impl bp::HwBreakpoint for Debugger {
    fn add_hw_breakpoint(&mut self, addr: u64, _: usize) -> Done<bool> {
        let place = self.place(addr);
        Ok(self.add(Point::Hard(place)))
    }

    fn remove_hw_breakpoint(&mut self, addr: u64, _: usize) -> Done<bool> {
        Ok(self.remove(Point::Hard(Place::Linear(addr, None))) || self.remove(Point::Hard(Place::Physical(addr))))
    }
}

impl bp::HwWatchpoint for Debugger {
    fn add_hw_watchpoint(&mut self, addr: u64, len: u64, kind: WatchKind) -> Done<bool> {
        let place = self.place(addr);
        Ok(self.add(Point::Watch(place, len.max(1), kind)))
    }

    fn remove_hw_watchpoint(&mut self, addr: u64, len: u64, kind: WatchKind) -> Done<bool> {
        let len = len.max(1);
        Ok(self.remove(Point::Watch(Place::Linear(addr, None), len, kind))
            || self.remove(Point::Watch(Place::Physical(addr), len, kind)))
    }
}

impl xml::TargetDescriptionXmlOverride for Debugger {
    fn target_description_xml(&self, annex: &[u8], offset: u64, length: usize, buf: &mut [u8]) -> Done<usize> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        let xml = self.layout.xml().as_bytes();
        let from = xml.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let n = from.len().min(length).min(buf.len());
        for (to, from) in buf.iter_mut().zip(from).take(n) {
            *to = *from;
        }
        Ok(n)
    }
}

impl MonitorCmd for Debugger {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), Gone> {
        let text = String::from_utf8_lossy(command);
        let answer = monitor::answer(self, &text)?;
        out.write_raw(answer.as_bytes());
        Ok(())
    }
}
