//! The machine as a front end sees it: build it, run it, look at it, put input in.

use crate::config::MachineConfig;
use crate::error::MachineError;
use crate::input::InputEvent;
use crate::screen::{Frame, TextScreen};

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
    /// The machine cannot go on: why.
    Stopped(String),
}

/// A whole PC.
pub struct Machine {
    icount: u64,
    now: u64,
}

impl Machine {
    /// Builds and powers on a machine.
    ///
    /// # Errors
    /// [`MachineError`] for a setting out of range, and files that are missing or wrong.
    pub fn new(cfg: &MachineConfig) -> Result<Self, MachineError> {
        let _ = cfg;
        Ok(Self { icount: 0, now: 0 })
    }

    /// Runs until virtual time is at least `until_ns`, the instruction count is exactly `max_icount`, or an end.
    pub fn run(&mut self, until_ns: u64, max_icount: u64) -> RunExit {
        self.now = until_ns;
        let _ = max_icount;
        RunExit::Time
    }

    /// Retired instructions since power-on.
    pub fn icount(&self) -> u64 {
        self.icount
    }

    /// Virtual ns since power-on.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Whether the processor is halted and waits for an interrupt.
    pub fn idle(&self) -> bool {
        false
    }

    /// Applies an event from outside at the current moment.
    ///
    /// # Errors
    /// A medium that cannot be opened; the drive keeps what it has.
    pub fn input(&mut self, event: InputEvent) -> Result<(), MachineError> {
        let _ = event;
        Ok(())
    }

    /// The reset button.
    pub fn reset(&mut self) {}

    /// The power button.
    pub fn power_button(&mut self) {}

    /// Renders the screen; `false` when nothing changed since the last call into the same frame.
    pub fn frame(&mut self, out: &mut Frame) -> bool {
        let _ = out;
        false
    }

    /// The text screen; `None` in graphics modes.
    pub fn text_screen(&self) -> Option<TextScreen> {
        None
    }

    /// Bytes the guest sent out of serial port `port` (COM1 is 0) since the last call.
    pub fn take_serial(&mut self, port: usize) -> Vec<u8> {
        let _ = port;
        Vec::new()
    }

    /// Bytes the guest wrote to the debug console port since the last call.
    pub fn take_debugcon(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Bytes the guest printed since the last call.
    pub fn take_parallel(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Hash of the canonical state of the whole machine.
    pub fn state_hash(&mut self) -> u64 {
        0
    }
}
