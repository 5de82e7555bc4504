//! Which keys are down, as a display with its own idea of keys keeps them for the guest.

use rewind86_machine::KeyCode;

use super::Control;

/// The keys that the guest believes to be down.
#[derive(Debug, Default)]
pub struct Held {
    keys: Vec<KeyCode>,
}

impl Held {
    /// Tells the guest about a key that goes down or up. The host's repeats are not passed on: the guest's keyboard
    /// repeats by itself; nor is a release that nobody pressed.
    pub fn set(&mut self, control: &Control, code: KeyCode, down: bool) {
        let at = self.keys.iter().position(|&k| k == code);
        match (at, down) {
            (None, true) => self.keys.push(code),
            (Some(at), false) => {
                self.keys.remove(at);
            }
            (None, false) | (Some(_), true) => return,
        }
        control.key(code, down);
    }

    /// Lets go of everything, the last first.
    pub fn release(&mut self, control: &Control) {
        while let Some(code) = self.keys.pop() {
            control.key(code, false);
        }
    }

    /// Whether a key is down.
    #[cfg_attr(not(feature = "window"), allow(dead_code))]
    pub fn is_down(&self, code: KeyCode) -> bool {
        self.keys.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rewind86_machine::InputEvent;

    use super::*;
    use crate::runner::Command;

    #[test]
    fn every_key_comes_up() {
        let (sender, receiver) = mpsc::sync_channel(16);
        let control = Control::new(sender);
        let mut held = Held::default();
        let (a, b) = (KeyCode(0x1E), KeyCode(0x30));
        held.set(&control, a, false);
        held.set(&control, a, true);
        held.set(&control, a, true);
        held.set(&control, b, true);
        assert!(held.is_down(b));
        held.release(&control);
        held.release(&control);
        let edges: Vec<_> = receiver
            .try_iter()
            .map(|c| if let Command::Input(InputEvent::Key { code, down }) = c { (code, down) } else { panic!() })
            .collect();
        assert_eq!(edges, [(a, true), (b, true), (b, false), (a, false)]);
    }
}
