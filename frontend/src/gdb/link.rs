//! The way between the debugger's thread, which talks to GDB, and the machine's thread, which owns the machine.
//!
//! The debugger's thread asks for something to be done on the machine, or for the machine to go on; the machine's thread
//! answers when it has stopped. A machine that is held runs nothing, so that all of this happens between two
//! instructions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use rewind86_machine::Machine;
use rewind86_machine::history::{self, History};
use rewind86_machine::probe::{Hit, Policy, ProbeSet};

use crate::runner::Command;

/// What a debugger can work on: a machine that runs, or one that is replayed.
pub trait Debuggee {
    /// The machine at its current position.
    fn machine(&mut self) -> &mut Machine;
    /// The past and future of a recording; `None` when there is none.
    fn history(&mut self) -> Option<&mut dyn History>;
    /// Whether registers and memory may be changed: a recording stays what it is.
    fn writable(&self) -> bool;
    /// Drops what the guest sent on the way to another moment.
    fn forget_output(&mut self);
}

/// Something to do on the machine.
pub type Job = Box<dyn FnOnce(&mut dyn Debuggee) + Send>;

/// From the debugger to the machine's thread.
pub enum Request {
    /// Do this between two instructions.
    Call(Job),
    /// Go on until a probe is hit or the instruction count is reached; a [`Stop`] follows.
    Resume {
        /// What stops it.
        probes: ProbeSet,
        /// Where it stops at the latest.
        until: Option<u64>,
    },
    /// Go back to the last hit before the current position, or one instruction; a [`Stop`] follows.
    Reverse {
        /// What stops it; `None` is one step.
        probes: Option<ProbeSet>,
        /// Set to give up.
        cancel: Arc<AtomicBool>,
    },
    /// Stop where it is; a [`Stop`] follows if it was running.
    Hold,
    /// The debugger has gone.
    Release,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Call(_) => "Call",
            Self::Resume { .. } => "Resume",
            Self::Reverse { .. } => "Reverse",
            Self::Hold => "Hold",
            Self::Release => "Release",
        })
    }
}

/// Why the machine stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Probes were hit.
    Hits(Vec<Hit>),
    /// The wanted instruction count is reached.
    Done,
    /// It was held.
    Held,
    /// The recording begins here.
    Begin,
    /// The recording ends here.
    End,
    /// The guest stopped for good: why. It can still be looked at.
    Dead(String),
    /// The run is over, with this exit status.
    Over(u8),
}

/// The run is over: nothing answers any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run is over")]
pub struct Gone;

/// The debugger's end.
pub struct Link {
    commands: SyncSender<Command>,
    stops: Receiver<Stop>,
}

/// How long the machine's thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(600);

impl Link {
    /// A link, and where the machine's thread reports stops.
    pub fn new(commands: SyncSender<Command>) -> (Self, Sender<Stop>) {
        let (sender, stops) = mpsc::channel();
        (Self { commands, stops }, sender)
    }

    /// Sends a request.
    pub fn send(&self, request: Request) -> Result<(), Gone> {
        self.command(Command::Debug(request))
    }

    /// Sends any command.
    pub fn command(&self, command: Command) -> Result<(), Gone> {
        self.commands.send(command).map_err(|_| Gone)
    }

    /// Does something on the machine and waits for the answer.
    pub fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Debuggee) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let (answer, answers) = mpsc::channel();
        self.send(Request::Call(Box::new(move |d| {
            // A debugger that has gone wants no answer.
            let _ = answer.send(job(d));
        })))?;
        answers.recv_timeout(PATIENCE).map_err(|_| Gone)
    }

    /// Waits for a stop.
    pub fn stop(&self, time: Duration) -> Result<Option<Stop>, Gone> {
        match self.stops.recv_timeout(time) {
            Ok(stop) => Ok(Some(stop)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Gone),
        }
    }

    /// Forgets stops that nobody waits for; says whether the run is over.
    pub fn drain(&self) -> Option<Stop> {
        self.stops.try_iter().find(|stop| matches!(stop, Stop::Over(_)))
    }
}

/// The machine's end: whether it is held, and what for.
pub struct Host {
    stops: Sender<Stop>,
    /// Nothing runs.
    held: bool,
    /// A stop is waited for.
    waited: bool,
    /// Where to stop at the latest.
    until: Option<u64>,
    /// A debugger is connected.
    attached: bool,
}

impl Host {
    /// A machine that runs, or that waits for a debugger first.
    pub fn new(stops: Sender<Stop>, wait: bool) -> Self {
        Self { stops, held: wait, waited: false, until: None, attached: false }
    }

    /// Whether the machine is to stand still.
    pub fn held(&self) -> bool {
        self.held
    }

    /// Whether a debugger is connected.
    pub fn attached(&self) -> bool {
        self.attached
    }

    /// Instruction count at which to stop at the latest.
    pub fn until(&self) -> u64 {
        self.until.unwrap_or(u64::MAX)
    }

    /// Stops for `stop`, telling the debugger when it waits.
    pub fn stop(&mut self, stop: Stop) {
        self.held = true;
        self.until = None;
        if std::mem::take(&mut self.waited) {
            // A debugger that has gone does not care.
            let _ = self.stops.send(stop);
        }
    }

    /// The run is over.
    pub fn over(&mut self, status: u8) {
        let _ = self.stops.send(Stop::Over(status));
    }

    /// Does what the debugger wants.
    pub fn obey(&mut self, request: Request, debuggee: &mut dyn Debuggee) {
        match request {
            Request::Call(job) => job(debuggee),
            Request::Hold => {
                self.attached = true;
                self.stop(Stop::Held);
            }
            Request::Release => {
                debuggee.machine().set_probes(ProbeSet::default(), Policy::Stop);
                (self.held, self.waited, self.attached) = (false, false, false);
                self.until = None;
            }
            Request::Resume { probes, until } => {
                let machine = debuggee.machine();
                machine.set_probes(probes, Policy::Stop);
                machine.pass_execute_probe();
                (self.held, self.waited, self.until) = (false, true, until);
            }
            Request::Reverse { probes, cancel } => {
                self.waited = true;
                let Some(past) = debuggee.history() else { return self.stop(Stop::Begin) };
                let cancelled = || cancel.load(Ordering::Relaxed);
                let stop = match probes {
                    None => history::step_back(past).map(|moved| if moved { Stop::Done } else { Stop::Begin }),
                    Some(probes) => history::continue_back(past, &probes, &cancelled).map(|found| match found {
                        history::Back::Hits(hits) => Stop::Hits(hits),
                        history::Back::Begin => Stop::Begin,
                        history::Back::Cancelled => Stop::Held,
                    }),
                };
                debuggee.forget_output();
                self.stop(stop.unwrap_or_else(|e| Stop::Dead(e.to_string())));
            }
        }
    }
}
