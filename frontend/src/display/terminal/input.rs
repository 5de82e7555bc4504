//! From a terminal's keys to strokes. A terminal tells that a key was pressed, not that it came up: a key comes up when
//! the next one goes down, or after a while.

use crossterm::event::{KeyCode as TermKey, KeyEvent, KeyModifiers};
use rewind86_machine::KeyCode;

use super::super::HotKey;
use crate::keymap::{self, BACKSPACE, ENTER, ESCAPE, TAB};

/// What a key press means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Keys that go down together.
    Keys(Vec<KeyCode>),
    /// Something for this program.
    Hot(HotKey),
    /// The prefix of a hot key: what follows decides.
    Prefix,
    /// Nothing the US keyboard has.
    Nothing,
}

/// Reads key presses; Ctrl-A introduces a hot key.
#[derive(Debug, Default)]
pub struct Reader {
    prefix: bool,
}

impl Reader {
    /// Whether the prefix was pressed and the next key decides.
    pub fn after_prefix(&self) -> bool {
        self.prefix
    }

    /// Reads a key press.
    pub fn read(&mut self, event: KeyEvent) -> Meaning {
        let ctrl_a = event.modifiers.contains(KeyModifiers::CONTROL) && event.code == TermKey::Char('a');
        if std::mem::take(&mut self.prefix) {
            return match event.code {
                TermKey::Char('a') => strokes(TermKey::Char('a'), KeyModifiers::CONTROL),
                TermKey::Char('d') => Meaning::Hot(HotKey::CtrlAltDel),
                TermKey::Char('s') => Meaning::Hot(HotKey::Screenshot),
                TermKey::Char('r') => Meaning::Hot(HotKey::Reset),
                TermKey::Char('p') => Meaning::Hot(HotKey::Power),
                TermKey::Char('k') => Meaning::Hot(HotKey::Pause),
                TermKey::Char('x') => Meaning::Hot(HotKey::Quit),
                _ => Meaning::Nothing,
            };
        }
        if ctrl_a {
            self.prefix = true;
            return Meaning::Prefix;
        }
        strokes(event.code, event.modifiers)
    }
}

fn strokes(key: TermKey, modifiers: KeyModifiers) -> Meaning {
    let mut shift = modifiers.contains(KeyModifiers::SHIFT);
    let code = match key {
        TermKey::Char(c) => match keymap::stroke(c) {
            Some(stroke) => {
                shift = stroke.shift;
                stroke.code
            }
            None => return Meaning::Nothing,
        },
        TermKey::Enter => ENTER,
        TermKey::Esc => ESCAPE,
        TermKey::Backspace => BACKSPACE,
        TermKey::Tab => TAB,
        TermKey::BackTab => {
            shift = true;
            TAB
        }
        TermKey::Home => KeyCode(0xE047),
        TermKey::Up => KeyCode(0xE048),
        TermKey::PageUp => KeyCode(0xE049),
        TermKey::Left => KeyCode(0xE04B),
        TermKey::Right => KeyCode(0xE04D),
        TermKey::End => KeyCode(0xE04F),
        TermKey::Down => KeyCode(0xE050),
        TermKey::PageDown => KeyCode(0xE051),
        TermKey::Insert => KeyCode(0xE052),
        TermKey::Delete => KeyCode(0xE053),
        TermKey::F(n @ 1..=10) => KeyCode(0x3A + u16::from(n)),
        TermKey::F(n @ 11..=12) => KeyCode(0x57 - 11 + u16::from(n)),
        TermKey::CapsLock => KeyCode(0x3A),
        TermKey::NumLock => KeyCode(0x45),
        TermKey::ScrollLock => KeyCode(0x46),
        TermKey::PrintScreen => KeyCode::PRINT_SCREEN,
        TermKey::Pause => KeyCode::PAUSE,
        TermKey::Menu => KeyCode(0xE05D),
        _ => return Meaning::Nothing,
    };
    let held = [
        (KeyCode::LEFT_CTRL, modifiers.contains(KeyModifiers::CONTROL)),
        (KeyCode::LEFT_ALT, modifiers.contains(KeyModifiers::ALT)),
        (KeyCode::LEFT_SHIFT, shift),
    ];
    let held = held.into_iter().filter(|(_, down)| *down).map(|(code, _)| code);
    Meaning::Keys(held.chain([code]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(key: TermKey, modifiers: KeyModifiers) -> Vec<u16> {
        match Reader::default().read(KeyEvent::new(key, modifiers)) {
            Meaning::Keys(keys) => keys.into_iter().map(|k| k.0).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn characters_and_named_keys() {
        assert_eq!(keys(TermKey::Char('a'), KeyModifiers::NONE), [0x1E]);
        assert_eq!(keys(TermKey::Char('A'), KeyModifiers::SHIFT), [0x2A, 0x1E]);
        assert_eq!(keys(TermKey::Char('!'), KeyModifiers::NONE), [0x2A, 0x02]);
        assert_eq!(keys(TermKey::Char('c'), KeyModifiers::CONTROL), [0x1D, 0x2E]);
        assert_eq!(keys(TermKey::Char('x'), KeyModifiers::ALT), [0x38, 0x2D]);
        assert_eq!(keys(TermKey::F(1), KeyModifiers::NONE), [0x3B]);
        assert_eq!(keys(TermKey::F(10), KeyModifiers::ALT), [0x38, 0x44]);
        assert_eq!(keys(TermKey::F(12), KeyModifiers::NONE), [0x58]);
        assert_eq!(keys(TermKey::BackTab, KeyModifiers::SHIFT), [0x2A, 0x0F]);
        assert_eq!(keys(TermKey::Delete, KeyModifiers::CONTROL | KeyModifiers::ALT), [0x1D, 0x38, 0xE053]);
    }

    #[test]
    fn the_prefix() {
        let mut reader = Reader::default();
        let ctrl_a = KeyEvent::new(TermKey::Char('a'), KeyModifiers::CONTROL);
        let plain = |c| KeyEvent::new(TermKey::Char(c), KeyModifiers::NONE);
        assert_eq!(reader.read(ctrl_a), Meaning::Prefix);
        assert_eq!(reader.read(plain('x')), Meaning::Hot(HotKey::Quit));
        assert_eq!(reader.read(ctrl_a), Meaning::Prefix);
        assert_eq!(reader.read(ctrl_a), Meaning::Keys(vec![KeyCode::LEFT_CTRL, KeyCode(0x1E)]));
        assert_eq!(reader.read(ctrl_a), Meaning::Prefix);
        assert_eq!(reader.read(plain('7')), Meaning::Nothing);
        assert_eq!(reader.read(plain('x')), Meaning::Keys(vec![KeyCode(0x2D)]));
        assert_eq!(reader.read(plain('é')), Meaning::Nothing);
    }
}
