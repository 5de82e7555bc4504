//! Where the screen is shown: a window, the terminal, or nowhere.

mod keys;
#[cfg(feature = "window")]
mod pointer;
mod scale;
pub mod terminal;
#[cfg(feature = "window")]
pub mod window;
#[cfg(feature = "window")]
mod window_keys;

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use rewind86_machine::{InputEvent, KeyCode};

use crate::keymap;
use crate::runner::Command;

/// What the keys of a display can ask for besides typing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HotKey {
    /// Ctrl-Alt-Del into the guest.
    CtrlAltDel,
    /// A picture of the screen into a file.
    Screenshot,
    /// The reset button.
    Reset,
    /// The power button.
    Power,
    /// Stop and go on.
    Pause,
    /// End the run.
    Quit,
}

/// To the machine's thread, without ever waiting for it.
#[derive(Clone, Debug)]
pub struct Control {
    commands: SyncSender<Command>,
}

impl Control {
    /// Control over the machine that takes these commands.
    pub fn new(commands: SyncSender<Command>) -> Self {
        Self { commands }
    }

    fn send(&self, command: Command) {
        // Full when the machine's thread is stuck in a write of its own; a key more would not help.
        let _ = self.commands.try_send(command);
    }

    /// Input to the guest.
    pub fn input(&self, event: InputEvent) {
        self.send(Command::Input(event));
    }

    /// A key goes down or up.
    pub fn key(&self, code: KeyCode, down: bool) {
        self.input(InputEvent::Key { code, down });
    }

    /// Obeys a hot key.
    pub fn hot_key(&self, hot_key: HotKey) {
        match hot_key {
            HotKey::CtrlAltDel => {
                let keys = [KeyCode::LEFT_CTRL, KeyCode::LEFT_ALT, keymap::DELETE];
                keys.iter().for_each(|&code| self.key(code, true));
                keys.iter().rev().for_each(|&code| self.key(code, false));
            }
            HotKey::Screenshot => self.send(Command::Screenshot(free_name())),
            HotKey::Reset => self.input(InputEvent::Reset),
            HotKey::Power => self.input(InputEvent::PowerButton),
            HotKey::Pause => self.send(Command::TogglePause),
            HotKey::Quit => self.send(Command::Quit),
        }
    }
}

/// The first of `rewind86-1.png`, `rewind86-2.png` ... that does not exist.
fn free_name() -> PathBuf {
    (1..10_000).map(|n| PathBuf::from(format!("rewind86-{n}.png"))).find(|p| !p.exists()).unwrap_or_default()
}
