//! The GDB server: a thread that talks to GDB, beside the thread that runs the machine.
//!
//! GDB manual, appendix E (remote serial protocol). One debugger at a time; while one is connected the machine runs only
//! when GDB says so. Attaching, breaking and detaching change nothing that the guest computes. Whatever comes over the
//! socket ends the connection at worst, never the run.

pub mod link;
mod monitor;
mod past;
mod regs;
mod target;
mod wire;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine as State;
use gdbstub::stub::{DisconnectReason, GdbStub};

use crate::runner::Command;
use crate::status::{Failure, one_line};
use link::{Gone, Link, Stop};
use regs::View;
use target::Debugger;
use wire::{Framer, Item, Listener, PACKET, Wire};

/// How long to wait for GDB while the machine stands.
const STANDING: Duration = Duration::from_millis(200);
/// How long to wait for a stop before looking at the socket.
const RUNNING: Duration = Duration::from_millis(5);
/// The shortest wait that a socket knows.
const POLL: Duration = Duration::from_millis(1);

/// What `--gdb` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where debuggers connect.
    pub address: String,
    /// The machine waits for one before its first instruction.
    pub wait: bool,
    /// The registers that GDB is told of; `None` = by the code that runs when it connects.
    pub view: Option<View>,
}

impl Options {
    /// `ADDR[,wait][,arch=8086|386|x86-64]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let address = parts.next().unwrap_or_default().to_string();
        let port = address.rsplit(':').next().unwrap_or_default();
        let unix = address.strip_prefix("unix:").is_some_and(|path| !path.is_empty());
        if !unix && port.parse::<u16>().is_err() {
            return Err("expected HOST:PORT, :PORT or unix:PATH".into());
        }
        let mut options = Self { address, wait: false, view: None };
        for part in parts {
            match part.split_once('=') {
                None if part == "wait" => options.wait = true,
                Some(("arch", "auto")) => options.view = None,
                Some(("arch", name)) => {
                    let known = View::parse(name).ok_or("arch= wants auto, 8086, 386 or x86-64")?;
                    options.view = Some(known);
                }
                _ => return Err(format!("unknown part \"{part}\"; known: wait, arch=")),
            }
        }
        Ok(options)
    }
}

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
enum Parting {
    /// GDB went, or was sent away: wait for the next.
    Left,
    /// GDB wants the run to end.
    Kill,
    /// The run is over.
    Over,
}

/// A server that runs.
pub struct Server {
    thread: thread::JoinHandle<()>,
    /// A debugger is connected.
    busy: Arc<AtomicBool>,
}

/// How long a debugger may take to hear that the run is over.
const PARTING: Duration = Duration::from_secs(1);

impl Server {
    /// Lets the debugger hear that the run is over.
    pub fn part(self) {
        let start = Instant::now();
        while self.busy.load(Ordering::Acquire) && !self.thread.is_finished() && start.elapsed() < PARTING {
            thread::sleep(RUNNING);
        }
    }
}

/// Starts the server; says where it listens.
pub fn start(options: &Options, link: Link) -> Result<Server, Failure> {
    let failed = |why: String| Failure::host(format!("--gdb {}: {why}; use another address", options.address));
    let listener = Listener::open(&options.address).map_err(failed)?;
    eprintln!("rewind86: GDB may connect: target remote {}", listener.address());
    let view = options.view;
    let busy = Arc::new(AtomicBool::new(false));
    let serving = Arc::clone(&busy);
    let serve = move || {
        let mut link = link;
        while let Ok(wire) = listener.accept() {
            serving.store(true, Ordering::Release);
            let (back, parting) = session(wire, link, view);
            serving.store(false, Ordering::Release);
            link = back;
            if parting == Parting::Kill {
                // A run that is over cannot be ended.
                let _ = link.command(Command::Quit);
            }
            if parting != Parting::Left {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("gdb".into()).spawn(serve).map_err(|e| failed(e.to_string()))?;
    Ok(Server { thread, busy })
}

/// Serves one debugger.
fn session(wire: Wire, link: Link, view: Option<View>) -> (Link, Parting) {
    let mut debugger = match Debugger::attach(link, view) {
        Ok(debugger) => debugger,
        Err((link, Gone)) => return (link, Parting::Over),
    };
    let parting = match talk(wire, &mut debugger) {
        Ok(parting) => parting,
        Err(why) => {
            eprintln!("rewind86: the connection to GDB is closed: {}", one_line(&why));
            Parting::Left
        }
    };
    (debugger.detach(), parting)
}

fn talk(wire: Wire, debugger: &mut Debugger) -> Result<Parting, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let stub = GdbStub::builder(wire).packet_buffer_size(PACKET).build().map_err(|e| format!("{e:?}"))?;
    let mut state = stub.run_state_machine(debugger).map_err(|e| text(&e))?;
    let mut framer = Framer::default();
    let mut bytes = VecDeque::new();
    loop {
        // Bytes that have come are worked off in every state but that of a machine that is to be stopped.
        state = match state {
            State::Idle(mut gdb) => {
                if let Some(byte) = bytes.pop_front() {
                    gdb.incoming_data(debugger, byte).map_err(|e| text(&e))?
                } else {
                    if let Some(Stop::Over(_)) = debugger.link().drain() {
                        return Ok(Parting::Over);
                    }
                    if !receive(gdb.borrow_conn(), &mut framer, &mut bytes, debugger, STANDING).map_err(|e| text(&e))? {
                        return Ok(Parting::Left);
                    }
                    gdb.into()
                }
            }
            State::Running(mut gdb) => {
                if let Some(byte) = bytes.pop_front() {
                    gdb.incoming_data(debugger, byte).map_err(|e| text(&e))?
                } else {
                    match debugger.link().stop(RUNNING) {
                        Err(Gone) => return Ok(Parting::Over),
                        Ok(Some(stop)) => {
                            let over = matches!(stop, Stop::Over(_));
                            let reason = debugger.reason(&stop);
                            let next = gdb.report_stop(debugger, reason).map_err(|e| text(&e))?;
                            if over {
                                return Ok(Parting::Over);
                            }
                            next
                        }
                        Ok(None) => {
                            if !receive(gdb.borrow_conn(), &mut framer, &mut bytes, debugger, POLL)
                                .map_err(|e| text(&e))?
                            {
                                return Ok(Parting::Left);
                            }
                            gdb.into()
                        }
                    }
                }
            }
            State::CtrlCInterrupt(gdb) => {
                debugger.interrupt().map_err(|Gone| "the run is over")?;
                // The stop comes as any other does.
                gdb.interrupt_handled(debugger, None::<gdbstub::stub::MultiThreadStopReason<u64>>)
                    .map_err(|e| text(&e))?
            }
            State::Disconnected(gdb) => {
                return Ok(match gdb.get_reason() {
                    DisconnectReason::Kill => Parting::Kill,
                    DisconnectReason::TargetExited(_) | DisconnectReason::TargetTerminated(_) => Parting::Over,
                    DisconnectReason::Disconnect => Parting::Left,
                });
            }
        };
    }
}

/// Takes what has come; `false` when GDB has gone.
fn receive(
    wire: &mut Wire,
    framer: &mut Framer,
    bytes: &mut VecDeque<u8>,
    debugger: &mut Debugger,
    time: Duration,
) -> io::Result<bool> {
    let Some(new) = wire.receive(time)? else { return Ok(false) };
    for byte in new {
        match framer.take(byte).map_err(io::Error::other)? {
            None => {}
            Some(Item::Bytes(b)) => bytes.extend(b),
            Some(Item::PhysicalMode(mode)) => {
                debugger.physical = mode.unwrap_or(debugger.physical);
                let text = match mode {
                    Some(_) => "OK",
                    None if debugger.physical => "1",
                    None => "0",
                };
                wire.write_all(&framer.answer(text))?;
                wire.flush()?;
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let parse = |text: &str| Options::parse(text).map(|o| (o.address, o.wait, o.view));
        assert_eq!(parse(":1234"), Ok((":1234".into(), false, None)));
        assert_eq!(parse("unix:/tmp/x,wait"), Ok(("unix:/tmp/x".into(), true, None)));
        assert_eq!(parse("1234,arch=8086"), Ok(("1234".into(), false, Some(View::I8086))));
        assert_eq!(parse("h:1,arch=x86-64,wait"), Ok(("h:1".into(), true, Some(View::X64))));
        for bad in ["", "nowhere", "unix:", ":99999", ":1,fly", ":1,arch=arm", ":1,arch"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
