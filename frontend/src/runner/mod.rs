//! The thread that runs the machine, in slices of a few virtual milliseconds.
//!
//! Between slices it takes input, looks at the script, writes what the guest sent, hands a picture to the display and
//! sleeps when the machine is ahead of real time. None of these changes what the guest computes: a script acts at
//! fixed virtual times, and everything else that reaches the guest comes through [`rewind86_machine::Machine::input`].

pub mod album;
pub mod guest;
pub mod pace;
pub mod serial;
mod stage;
pub mod view;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use rewind86_machine::{Frame, InputEvent, Machine, RunExit};

use crate::cli::settings::Snapshots;
use crate::cli::values::Speed;
use crate::gdb::link::{Host, Request, Stop};
use crate::script::{Engine, Outcome, TICK};
use crate::shot;
use crate::status::{self, one_line};
use album::Album;
use guest::Guest;
use pace::{Meter, Pacer};
use serial::Sink;
use stage::MachineStage;
use view::{Picture, Shared, Want};

/// Virtual ns of a slice: short enough that a key or a serial line is not noticed to wait.
const SLICE: u64 = 2_000_000;
/// Instructions of a slice at most, when many of them fit into a virtual millisecond.
const SLICE_INSTRUCTIONS: u64 = 1_000_000;
/// Host time between two pictures.
const PICTURE: Duration = Duration::from_millis(16);
/// How often a paused machine looks for the end.
const PAUSED: Duration = Duration::from_millis(20);

/// From displays and sockets to the machine's thread.
#[derive(Debug)]
pub enum Command {
    /// Input to the guest.
    Input(InputEvent),
    /// Stop and go on.
    TogglePause,
    /// Write the screen as PNG.
    Screenshot(PathBuf),
    /// End the run.
    Quit,
    /// From the debugger.
    Debug(Request),
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ending {
    /// The exit status.
    pub status: u8,
    /// One line for stderr, if there is something to say.
    pub message: Option<String>,
    /// The rows of the screen, when they explain the message.
    pub screen: Vec<String>,
    /// One line of JSON.
    pub stats: String,
}

/// A machine and how it is to be run.
pub struct Run {
    /// The machine, at power-on.
    pub machine: Guest,
    /// Pacing.
    pub speed: Speed,
    /// The script.
    pub script: Option<Engine>,
    /// Host time limit.
    pub timeout: Option<Duration>,
    /// Instruction limit.
    pub max_instructions: Option<u64>,
    /// Instruction count at which the run ends as if it were over.
    pub until: Option<u64>,
    /// Pictures to take on the way.
    pub album: Option<Album>,
    /// Instruction counts to print a hash at, ascending.
    pub hash_at: Vec<u64>,
    /// Snapshots to write on the way.
    pub snapshots: Snapshots,
    /// Folder for the content of the disks at the end.
    pub write_disks: Option<PathBuf>,
    /// Output of COM1, COM2 ...
    pub serial: Vec<Sink>,
    /// Output of the debug console.
    pub debugcon: Sink,
    /// Media that a script inserts are opened so.
    pub discard_writes: bool,
    /// What the display wants.
    pub want: Want,
    /// The number of a signal that asks to end.
    pub signal: Arc<AtomicUsize>,
    /// The debugger's hold on the machine, if there may be one.
    pub debugger: Option<Host>,
}

/// A [`Run`] under way.
struct Runner<'a> {
    run: Run,
    commands: Receiver<Command>,
    shared: &'a Shared,
    frame: Frame,
    last_picture: Option<Instant>,
    paused: bool,
    pacer: Pacer,
    started: Instant,
    slices: u64,
    /// Host seconds at which the recording was last written out.
    synced: u64,
}

/// Status and message of an end.
type End = (u8, Option<String>);

/// Runs a machine to its end.
pub fn run(run: Run, commands: Receiver<Command>, shared: &Shared) -> Ending {
    let started = Instant::now();
    let pacer = Pacer::new(run.speed, started, run.machine.now());
    let mut runner = Runner {
        run,
        commands,
        shared,
        frame: Frame::default(),
        last_picture: None,
        paused: false,
        pacer,
        started,
        slices: 0,
        synced: 0,
    };
    let (status, message) = runner.until_end();
    if let Some(debugger) = &mut runner.run.debugger {
        debugger.over(status);
    }
    runner.finish(status, message)
}

impl Runner<'_> {
    fn until_end(&mut self) -> End {
        let mut next_tick = self.run.machine.now();
        let mut meter = Meter::new(self.started, self.run.machine.icount(), self.run.machine.now());
        loop {
            // A hash is that of the moment before any input at it, as a recording has it.
            if let Some(end) = self.at_instruction() {
                return end;
            }
            if let Some(end) = self.take_pictures().or_else(|| self.take_commands()).or_else(|| self.host_limits()) {
                return end;
            }
            if self.paused || self.held() {
                if let Some(end) = self.wait(PAUSED) {
                    return end;
                }
                continue;
            }
            if self.run.script.is_some() && self.run.machine.now() >= next_tick {
                if let Some(end) = self.look_at_script() {
                    return end;
                }
                next_tick = (self.run.machine.now() / TICK + 1) * TICK;
            }
            let slice_end = self.run.machine.now() + SLICE;
            let until = if self.run.script.is_some() { slice_end.min(next_tick) } else { slice_end };
            let until = self.run.album.as_ref().map_or(until, |a| a.due().min(until));
            let exit = self.run.machine.run(until, self.next_stop());
            self.slices += 1;
            if let Err(e) = self.deliver_output() {
                return (status::HOST, Some(format!("cannot write the guest's output: {}", status::io_reason(&e))));
            }
            if let Some(end) = self.keep_recording() {
                return end;
            }
            match exit {
                RunExit::Time | RunExit::Icount => {}
                RunExit::Probe => {
                    let hits = self.run.machine.take_hits();
                    self.stop(Stop::Hits(hits));
                }
                RunExit::PowerOff => return self.powered_off(),
                RunExit::DebugExit(value) => return (value.wrapping_mul(2).wrapping_add(1), None),
                RunExit::Stopped(why) if self.debugged() => self.stop(Stop::Dead(why)),
                RunExit::Stopped(why) => return (status::STOPPED, Some(format!("the guest stopped: {why}"))),
                RunExit::ReplayEnd if self.debugged() => self.stop(Stop::End),
                RunExit::ReplayEnd => return (status::OK, None),
                RunExit::Diverged(d) => return (status::DIVERGED, Some(d.to_string())),
            }
            if self.run.debugger.as_ref().is_some_and(|d| d.until() <= self.run.machine.icount()) {
                self.stop(Stop::Done);
            }
            let host = Instant::now();
            if let Some(rate) = meter.rate(host, self.run.machine.icount(), self.run.machine.now()) {
                self.shared.view().rate = rate;
            }
            self.show(host, false);
            while let Some(ahead) = self.pacer.ahead(Instant::now(), self.run.machine.now()) {
                if let Some(end) = self.wait(ahead) {
                    return end;
                }
            }
        }
    }

    /// The instruction count at which something has to be done, or the slice is over.
    fn next_stop(&self) -> u64 {
        let hash = self.run.hash_at.first().copied().unwrap_or(u64::MAX);
        let hash = self.run.snapshots.at.first().copied().unwrap_or(u64::MAX).min(hash);
        let slice = self.run.machine.icount().saturating_add(SLICE_INSTRUCTIONS);
        let debugger = self.run.debugger.as_ref().map_or(u64::MAX, Host::until);
        let until = self.run.until.unwrap_or(u64::MAX).min(debugger);
        hash.min(self.run.max_instructions.unwrap_or(u64::MAX)).min(until).min(slice)
    }

    /// Does what has to be done at this instruction count.
    fn at_instruction(&mut self) -> Option<End> {
        let icount = self.run.machine.icount();
        while self.run.hash_at.first().is_some_and(|&at| at <= icount) {
            let at = self.run.hash_at.remove(0);
            let hash = self.run.machine.state_hash();
            let mut out = std::io::stdout().lock();
            if let Err(e) = writeln!(out, "hash {at} {hash:016x}").and_then(|()| out.flush()) {
                return Some((status::HOST, Some(format!("--hash-at: standard output: {}", status::io_reason(&e)))));
            }
        }
        while self.run.snapshots.at.first().is_some_and(|&at| at <= icount) {
            let path = self.run.snapshots.folder.join(format!("{}.snap", self.run.snapshots.at.remove(0)));
            let written = self.run.machine.save().map_err(|e| one_line(&e.to_string()));
            let written = written.and_then(|bytes| std::fs::write(&path, bytes).map_err(|e| status::io_reason(&e)));
            if let Err(why) = written {
                return Some((status::HOST, Some(format!("--snapshot-at: {}: {why}", path.display()))));
            }
        }
        if self.run.until.is_some_and(|n| icount >= n) {
            return Some((status::OK, None));
        }
        let limit = self.run.max_instructions.filter(|&n| icount >= n)?;
        Some((status::INSTRUCTIONS, Some(format!("instruction limit: {limit} were retired (--max-instructions)"))))
    }

    /// Takes the picture that is due.
    fn take_pictures(&mut self) -> Option<End> {
        let album = self.run.album.as_mut()?;
        album.take(&mut self.run.machine).err().map(|why| (status::HOST, Some(why)))
    }

    /// Makes sure, now and then, that the recording is on its way to the disk.
    fn keep_recording(&mut self) -> Option<End> {
        let seconds = self.started.elapsed().as_secs();
        if seconds == self.synced {
            return None;
        }
        self.synced = seconds;
        self.run.machine.sync_recording();
        let error = self.run.machine.take_recording_error()?;
        Some((status::HOST, Some(format!("--record: cannot write the recording: {}", status::io_reason(&error)))))
    }

    /// The ends that come from the host.
    fn host_limits(&self) -> Option<End> {
        let signal = self.run.signal.load(Ordering::Relaxed);
        if signal != 0 {
            // What a shell reports for a program that a signal ended.
            return Some((128u8.saturating_add(signal as u8), Some(format!("ended by signal {signal}"))));
        }
        let limit = self.run.timeout.filter(|&limit| self.started.elapsed() >= limit)?;
        let seconds = limit.as_secs_f64();
        Some((status::TIMEOUT, Some(format!("timeout: {seconds} seconds of host time are over (--timeout)"))))
    }

    fn take_commands(&mut self) -> Option<End> {
        loop {
            match self.commands.try_recv() {
                Ok(command) => {
                    if let Some(end) = self.obey(command) {
                        return Some(end);
                    }
                }
                // Without a sender there is no input, and the run goes on.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        }
    }

    /// Sleeps, or obeys a command that comes meanwhile.
    fn wait(&mut self, time: Duration) -> Option<End> {
        match self.commands.recv_timeout(time) {
            Ok(command) => self.obey(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(time);
                None
            }
        }
    }

    fn obey(&mut self, command: Command) -> Option<End> {
        match command {
            Command::Input(event) => {
                if let Err(e) = self.run.machine.input(event) {
                    self.note(one_line(&e.to_string()));
                }
            }
            Command::TogglePause => {
                self.paused = !self.paused;
                self.pacer.restart(Instant::now(), self.run.machine.now());
                self.shared.view().paused = self.paused;
            }
            Command::Screenshot(path) => {
                let mut frame = Frame::default();
                self.run.machine.frame(&mut frame);
                self.note(match shot::write_png(&frame, &path) {
                    Ok(()) => format!("screenshot {}", path.display()),
                    Err(why) => format!("screenshot {}: {why}", path.display()),
                });
            }
            Command::Quit => return Some((status::OK, None)),
            Command::Debug(request) => self.debug(request),
        }
        None
    }

    /// Lets the debugger look at the machine, change it or run it.
    fn debug(&mut self, request: Request) {
        let Some(debugger) = &mut self.run.debugger else { return };
        let held = debugger.held();
        debugger.obey(request, &mut self.run.machine);
        if held && !debugger.held() {
            self.pacer.restart(Instant::now(), self.run.machine.now());
        }
    }

    /// The debugger holds the machine.
    fn held(&self) -> bool {
        self.run.debugger.as_ref().is_some_and(Host::held)
    }

    /// A debugger is connected.
    fn debugged(&self) -> bool {
        self.run.debugger.as_ref().is_some_and(Host::attached)
    }

    fn stop(&mut self, stop: Stop) {
        if let Some(debugger) = &mut self.run.debugger {
            debugger.stop(stop);
        }
    }

    fn note(&self, text: String) {
        self.shared.view().note = Some(text);
    }

    fn look_at_script(&mut self) -> Option<End> {
        let engine = self.run.script.as_mut()?;
        let mut stage = MachineStage { machine: &mut self.run.machine, discard_writes: self.run.discard_writes };
        match engine.poll(&mut stage) {
            Outcome::Running => None,
            Outcome::Finished => Some((status::OK, None)),
            Outcome::Failed(why) => Some((status::SCRIPT, Some(format!("script {why}")))),
        }
    }

    fn powered_off(&mut self) -> End {
        let Some(engine) = self.run.script.as_mut() else { return (status::OK, None) };
        let mut stage = MachineStage { machine: &mut self.run.machine, discard_writes: self.run.discard_writes };
        match engine.poll_last(&mut stage) {
            Outcome::Failed(why) => (status::SCRIPT, Some(format!("script {why}"))),
            Outcome::Running | Outcome::Finished => (status::OK, None),
        }
    }

    /// Writes what the guest sent, and tells the script.
    fn deliver_output(&mut self) -> std::io::Result<()> {
        for port in 0..self.run.serial.len().max(2) {
            let bytes = self.run.machine.take_serial(port);
            if bytes.is_empty() {
                continue;
            }
            if let (0, Some(script)) = (port, self.run.script.as_mut()) {
                script.serial_output(&bytes);
            }
            if let Some(sink) = self.run.serial.get_mut(port) {
                sink.write(&bytes)?;
            }
        }
        let bytes = self.run.machine.take_debugcon();
        if !bytes.is_empty() {
            self.run.debugcon.write(&bytes)?;
        }
        // No printer is attached; taking the bytes keeps them from piling up.
        self.run.machine.take_parallel();
        Ok(())
    }

    /// Hands the display a picture when it is time, or `now`.
    fn show(&mut self, host: Instant, now: bool) {
        let due = self.last_picture.is_none_or(|last| host.saturating_duration_since(last) >= PICTURE);
        if self.run.want == Want::Nothing || !(due || now) {
            return;
        }
        self.last_picture = Some(host);
        let text = self.run.machine.text_screen();
        let graphics = text.is_none();
        let picture = match (self.run.want, text) {
            (Want::Text, Some(text)) => Picture::Text(text),
            _ => {
                if !self.run.machine.frame(&mut self.frame) {
                    return;
                }
                Picture::Pixels(self.frame.clone())
            }
        };
        let mut view = self.shared.view();
        if view.picture != picture {
            view.picture = picture;
            view.graphics = graphics;
            view.generation += 1;
        }
    }

    fn finish(mut self, mut status: u8, mut message: Option<String>) -> Ending {
        if let Err(e) = self.run.machine.finish_recording() {
            status = status::HOST;
            message = Some(format!("--record: cannot write the recording: {}", status::io_reason(&e)));
        }
        if let Some(Err(why)) = self.run.album.as_mut().map(Album::finish) {
            (status, message) = (status::HOST, Some(why));
        }
        if let Some(folder) = self.run.write_disks.take()
            && let Err(why) = write_disks(&mut self.run.machine, &folder)
        {
            (status, message) = (status::HOST, Some(format!("--write-disks: {why}")));
        }
        // Output of the last moments; an error of standard output is known by now.
        let _ = self.deliver_output();
        self.show(Instant::now(), true);
        self.run.serial.iter_mut().for_each(Sink::finish);
        let screen = match (status, self.run.machine.text_screen()) {
            (status::SCRIPT, Some(screen)) => screen.lines(),
            (status::SCRIPT, None) => vec!["(the screen is in a graphics mode)".to_string()],
            _ => Vec::new(),
        };
        let seconds = self.started.elapsed().as_secs_f64();
        let icount = self.run.machine.icount();
        let stats = format!(
            "{{\"instructions\":{icount},\"seconds\":{seconds:.6},\"mips\":{:.3},\"exits\":{},\"virtual_seconds\":{:.9},\"status\":{status}}}",
            icount as f64 / seconds.max(1e-9) / 1e6,
            self.slices,
            self.run.machine.now() as f64 / 1e9,
        );
        Ending { status, message, screen, stats }
    }
}

/// Writes what the disks and diskettes hold into a folder, each as a raw image named by its drive.
fn write_disks(machine: &mut Machine, folder: &Path) -> Result<(), String> {
    let failed = |path: &Path, e: &std::io::Error| format!("{}: {}", path.display(), status::io_reason(e));
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (slot, read_only) in machine.media() {
        if !read_only {
            let name = slot.to_string().to_lowercase().replace(' ', "-").replace(':', "");
            let path = folder.join(format!("{name}.img"));
            let mut file = std::fs::File::create(&path).map_err(|e| failed(&path, &e))?;
            machine.copy_medium(slot, &mut file).map_err(|e| failed(&path, &e))?;
        }
    }
    Ok(())
}
