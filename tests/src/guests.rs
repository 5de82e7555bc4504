//! Guests of the shared collection, when it is there, and a small driver that runs a machine until its screen or its
//! serial port shows something.

use rewind86_machine::config::{ImageSpec, KernelSpec};
use rewind86_machine::{InputEvent, KeyCode, Machine, MachineConfig, RunExit};
use std::path::PathBuf;

/// A file of the guest collection; says why when it is not there.
pub fn guest(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/guests").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: the guest collection with {name} is not on this machine");
    None
}

/// An image that a run may write to without touching the file.
pub fn image(path: PathBuf) -> ImageSpec {
    ImageSpec { path: Some(path), discard_writes: true, ..ImageSpec::default() }
}

/// A machine that boots a floppy.
pub fn floppy(path: PathBuf) -> MachineConfig {
    MachineConfig { floppies: [Some(image(path)), None], memory: 32 << 20, ..MachineConfig::default() }
}

/// A machine that starts a Linux kernel.
pub fn linux(kernel: PathBuf, initrd: PathBuf, append: &str) -> MachineConfig {
    MachineConfig {
        kernel: Some(KernelSpec { kernel, initrd: Some(initrd), append: append.to_owned() }),
        ..MachineConfig::default()
    }
}

/// Virtual ns between looks at the screen.
const LOOK: u64 = 10_000_000;
const SECOND: u64 = 1_000_000_000;

/// A running machine with what its first serial port said.
pub struct Session {
    /// The machine.
    pub machine: Machine,
    /// Everything that COM1 sent.
    pub serial: String,
}

impl Session {
    /// Powers on.
    ///
    /// # Panics
    /// When the machine cannot be built.
    #[allow(clippy::panic)]
    pub fn new(config: &MachineConfig) -> Self {
        match Machine::new(config) {
            Ok(machine) => Self { machine, serial: String::new() },
            Err(e) => panic!("{e}"),
        }
    }

    /// The text screen, a line per row.
    pub fn screen(&self) -> String {
        self.machine.text_screen().map_or_else(String::new, |s| s.lines().join("\n"))
    }

    /// Runs until `done` holds, at most `seconds` of virtual time.
    ///
    /// # Panics
    /// When the time is over or the guest stopped: with the screen and the end of the serial output.
    #[allow(clippy::panic)]
    pub fn until(&mut self, what: &str, seconds: u64, done: impl Fn(&Self) -> bool) {
        let end = self.machine.now() + seconds * SECOND;
        while self.machine.now() < end {
            let exit = self.machine.run(self.machine.now() + LOOK, u64::MAX);
            self.serial.push_str(&String::from_utf8_lossy(&self.machine.take_serial(0)));
            if done(self) {
                return;
            }
            if exit != RunExit::Time {
                panic!("{exit:?} before {what}\n{}\n{}", self.screen(), tail(&self.serial));
            }
        }
        panic!("no {what} within {seconds} s\n{}\n{}", self.screen(), tail(&self.serial));
    }

    /// Runs until the text screen contains `text`.
    pub fn until_screen(&mut self, text: &str, seconds: u64) {
        self.until(text, seconds, |s| s.screen().contains(text));
    }

    /// Runs until COM1 has sent `text`.
    pub fn until_serial(&mut self, text: &str, seconds: u64) {
        self.until(text, seconds, |s| s.serial.contains(text));
    }

    /// Presses and releases keys by set-1 scan code, 50 ms each way.
    ///
    /// # Panics
    /// When the machine refuses a key.
    #[allow(clippy::expect_used)]
    pub fn keys(&mut self, codes: &[u16]) {
        for &code in codes {
            for down in [true, false] {
                self.machine.input(InputEvent::Key { code: KeyCode(code), down }).expect("a key");
                self.machine.run(self.machine.now() + 5 * LOOK, u64::MAX);
            }
        }
    }
}

fn tail(text: &str) -> &str {
    let mut at = text.len().saturating_sub(2000);
    while !text.is_char_boundary(at) {
        at += 1;
    }
    &text[at..]
}
