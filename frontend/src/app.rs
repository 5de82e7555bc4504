//! Puts a run together: the machine, what it is connected to, the display, and the thread that runs it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use rewind86_machine::{Machine, MachineError};

use crate::cli::options::RunOptions;
use crate::cli::settings::Settings;
use crate::cli::spec::{Display, Serial};
use crate::cli::values::Speed;
use crate::display::Control;
use crate::display::terminal::{self, RawMode, TerminalDisplay};
#[cfg(feature = "window")]
use crate::display::window::WindowDisplay;
use crate::gdb::{
    self,
    link::{Host, Link},
};
use crate::runner::guest::Guest;
use crate::runner::view::{Shared, Want};
use crate::runner::{self, Command, Ending, Run, serial};
use crate::script;
use crate::status::{self, Failure};

/// Commands on their way to the machine's thread.
const COMMANDS: usize = 1024;

/// An open display.
enum Shown {
    #[cfg(feature = "window")]
    Window(Box<WindowDisplay>),
    Terminal(Box<TerminalDisplay>),
    Nothing,
}

impl Shown {
    /// Opens the display that was asked for, or the best there is.
    fn open(settings: &Settings, name: &str) -> Result<Self, Failure> {
        match settings.display {
            Some(Display::None) => Ok(Self::Nothing),
            Some(Display::Terminal) => match TerminalDisplay::open(name) {
                Ok(terminal) => Ok(Self::Terminal(Box::new(terminal))),
                Err(why) => Err(Failure::host(format!("--display terminal: {why}; use --display none"))),
            },
            Some(Display::Window) => window(name)
                .map_err(|why| Failure::host(format!("--display window: {why}; use --display terminal or none"))),
            Some(Display::Vnc) => Err(Failure::usage("not available in this version: --display vnc")),
            None => Ok(Self::best(settings, name)),
        }
    }

    fn best(settings: &Settings, name: &str) -> Self {
        if has_desktop()
            && let Ok(shown) = window(name)
        {
            return shown;
        }
        let taken = settings.serial.contains(&Serial::Stdio) || settings.debugcon == Some(Serial::Stdio);
        if !taken
            && settings.hash_at.is_empty()
            && let Ok(terminal) = TerminalDisplay::open(name)
        {
            return Self::Terminal(Box::new(terminal));
        }
        Self::Nothing
    }

    fn want(&self) -> Want {
        match self {
            #[cfg(feature = "window")]
            Self::Window(_) => Want::Pixels,
            Self::Terminal(_) => Want::Text,
            Self::Nothing => Want::Nothing,
        }
    }
}

/// Whether a run with these options will have neither a window nor a terminal to show the screen on.
pub fn is_headless(options: &RunOptions) -> bool {
    match &options.display {
        Some(display) => *display == Display::None,
        None => !has_desktop() && (!terminal::available() || options.serial.contains(&Serial::Stdio)),
    }
}

/// Whether the environment names a window system. Systems that always have one name none.
fn has_desktop() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    cfg!(any(windows, target_os = "macos")) || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

#[cfg(feature = "window")]
fn window(name: &str) -> Result<Shown, String> {
    if !has_desktop() {
        return Err("there is no window system (DISPLAY and WAYLAND_DISPLAY are not set)".into());
    }
    WindowDisplay::open(name).map(|w| Shown::Window(Box::new(w))).map_err(|e| format!("cannot open a window: {e}"))
}

#[cfg(not(feature = "window"))]
fn window(_: &str) -> Result<Shown, String> {
    Err("this program was built without the feature window".into())
}

fn machine_failure(error: &MachineError) -> Failure {
    match error {
        MachineError::Config { .. } => Failure::usage(error),
        _ => Failure::host(error),
    }
}

/// Runs a machine to its end and answers with the exit status. `name` stands in titles.
pub fn run(settings: Settings, name: &str) -> Result<u8, Failure> {
    let mut machine = build(&settings)?;
    if let Some(path) = &settings.record {
        let failed = |why: String| Failure::host(format!("--record: {}: {why}", path.display()));
        let file = File::create(path).map_err(|e| failed(format!("cannot be written: {}", status::io_reason(&e))))?;
        machine.record(Box::new(file), &settings.record_options).map_err(|e| failed(e.to_string()))?;
    }
    run_guest(Guest::Machine(Box::new(machine)), settings, name)
}

/// Builds the machine, at power-on or at the moment of a snapshot.
fn build(settings: &Settings) -> Result<Machine, Failure> {
    match &settings.snapshot {
        None => Machine::new(&settings.config).map_err(|e| machine_failure(&e)),
        Some((path, snapshot)) => snapshot
            .load(&settings.config)
            .map_err(|e| Failure::host(format!("--snapshot-load: {} {e}", path.display()))),
    }
}

/// Runs a machine that was built, or that plays a recording.
pub fn run_guest(machine: Guest, settings: Settings, name: &str) -> Result<u8, Failure> {
    let script = settings.script.as_deref().map(script::load).transpose()?;
    let (sender, receiver) = mpsc::sync_channel(COMMANDS);
    let serial: Vec<_> = settings
        .serial
        .iter()
        .enumerate()
        .map(|(port, what)| serial::open(what, port, &sender))
        .collect::<Result<_, _>>()?;
    let debugcon = serial::open_debugcon(settings.debugcon.as_ref())?;
    let (gdb, debugger) = match &settings.gdb {
        None => (None, None),
        Some(options) => {
            let (link, stops) = Link::new(sender.clone());
            (Some(gdb::start(options, link)?), Some(Host::new(stops, options.wait)))
        }
    };
    let signal = watch_signals();
    let mut shown = Shown::open(&settings, name)?;
    let want = shown.want();
    let default_speed = if want == Want::Nothing { Speed::Max } else { Speed::Percent(100) };
    let album = settings.album.map(|mut album| {
        album.skip_to(machine.now());
        album
    });
    let run = Run {
        machine,
        speed: settings.speed.unwrap_or(default_speed),
        script: script.map(script::Engine::new),
        timeout: settings.timeout,
        max_instructions: settings.max_instructions,
        until: settings.until,
        album,
        hash_at: settings.hash_at,
        snapshots: settings.snapshots,
        write_disks: settings.write_disks,
        serial,
        debugcon,
        discard_writes: settings.discard_writes,
        want,
        signal,
        debugger,
    };
    // Raw mode ends, and with it the alternate screen, before anything is reported.
    let raw = match settings.serial.iter().position(|s| *s == Serial::Stdio) {
        Some(port) => read_stdin(port, &sender),
        None => None,
    };
    let shared = Arc::new(Shared::new());
    let for_machine = Arc::clone(&shared);
    let machine_thread = thread::Builder::new().name("machine".into()).spawn(move || {
        let _end = for_machine.end_on_drop();
        runner::run(run, receiver, &for_machine)
    });
    let machine_thread = machine_thread.map_err(|e| Failure::host(format!("cannot start a thread: {e}")))?;
    let control = Control::new(sender);
    match &mut shown {
        #[cfg(feature = "window")]
        Shown::Window(window) => window.run(&shared, &control),
        Shown::Terminal(terminal) => terminal.run(&shared, &control),
        Shown::Nothing => {}
    }
    let ending = machine_thread.join();
    drop((shown, raw));
    if let Some(gdb) = gdb {
        gdb.part();
    }
    match ending {
        Ok(ending) => Ok(report(&ending, settings.stats)),
        // The panic hook has said what happened.
        Err(_) => Ok(status::HOST),
    }
}

/// Says on stderr how a run ended.
fn report(ending: &Ending, stats: bool) -> u8 {
    let mut text = String::new();
    if let Some(message) = &ending.message {
        text.push_str(&format!("rewind86: {message}\n"));
    }
    if !ending.screen.is_empty() {
        let last = ending.screen.iter().rposition(|row| !row.is_empty()).map_or(0, |n| n + 1);
        for row in ending.screen.iter().take(last) {
            text.push_str(&format!("| {row}\n"));
        }
    }
    if stats {
        text.push_str(&ending.stats);
        text.push('\n');
    }
    let _ = io::stderr().write_all(text.as_bytes());
    ending.status
}

/// Sends standard input to a serial port. On a terminal every key goes to the guest, except Ctrl-A x.
fn read_stdin(port: usize, sender: &SyncSender<Command>) -> Option<RawMode> {
    let sender = sender.clone();
    if !io::stdin().is_terminal() {
        thread::spawn(move || serial::forward(io::stdin(), |bytes| serial::send_serial(&sender, port, bytes)));
        return None;
    }
    let raw = RawMode::enter().ok()?;
    thread::spawn(move || {
        let mut escape = Escape::default();
        serial::forward(io::stdin(), |bytes| {
            let (bytes, quit) = escape.filter(bytes);
            if quit {
                return sender.send(Command::Quit).map_err(|_| ());
            }
            serial::send_serial(&sender, port, &bytes)
        })
    });
    Some(raw)
}

/// Finds Ctrl-A x in what is typed.
#[derive(Debug, Default)]
struct Escape {
    prefix: bool,
}

impl Escape {
    const CTRL_A: u8 = 0x01;

    /// The bytes for the guest, and whether to quit. Ctrl-A a, or Ctrl-A twice, is Ctrl-A; with other keys it is lost.
    fn filter(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match (std::mem::take(&mut self.prefix), byte) {
                (true, b'x') => return (out, true),
                (true, b'a' | Self::CTRL_A) => out.push(Self::CTRL_A),
                (false, Self::CTRL_A) => self.prefix = true,
                (_, byte) => out.push(byte),
            }
        }
        (out, false)
    }
}

/// The signals that ask a program to end, as a number that is set; a second one ends it at once.
#[cfg(unix)]
fn watch_signals() -> Arc<AtomicUsize> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;
    use std::sync::atomic::AtomicBool;

    let signal = Arc::new(AtomicUsize::new(0));
    for number in [SIGHUP, SIGINT, SIGTERM] {
        let armed = Arc::new(AtomicBool::new(false));
        // A signal that cannot be caught ends the program as it always did.
        let _ = flag::register_conditional_default(number, Arc::clone(&armed));
        let _ = flag::register(number, armed);
        let _ = flag::register_usize(number, Arc::clone(&signal), number as usize);
    }
    signal
}

#[cfg(not(unix))]
fn watch_signals() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

/// One line for a panic instead of a trace, with the terminal put back first.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        terminal::restore();
        let payload = info.payload();
        let what = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(|s| &**s));
        let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
        let what = status::one_line(what.unwrap_or("unknown"));
        let _ = writeln!(io::stderr(), "rewind86: internal error{place}: {what}; please report this");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_a_x_quits() {
        let mut escape = Escape::default();
        assert_eq!(escape.filter(b"ls\n"), (b"ls\n".to_vec(), false));
        assert_eq!(escape.filter(b"a\x01"), (b"a".to_vec(), false));
        assert_eq!(escape.filter(b"xyz"), (Vec::new(), true));
        assert_eq!(escape.filter(b"\x01a\x01\x01b\x01c"), (b"\x01\x01bc".to_vec(), false));
    }
}
