//! The US keyboard: scan codes of set 1 by key name, and the strokes that produce a character.
//!
//! Scan codes as in the IBM PC/AT technical reference, "Keyboard scan codes, set 1"; extended keys carry `0xE0` in the
//! high byte.

use rewind86_machine::KeyCode;

/// Delete, of the grey block.
pub const DELETE: KeyCode = KeyCode(0xE053);
/// Return.
pub const ENTER: KeyCode = KeyCode(0x1C);
/// Escape.
pub const ESCAPE: KeyCode = KeyCode(0x01);
/// Backspace.
pub const BACKSPACE: KeyCode = KeyCode(0x0E);
/// Tabulator.
pub const TAB: KeyCode = KeyCode(0x0F);

/// The unshifted and shifted characters of each printing key, in scan code order from `0x02`, in runs.
const PRINTING: [(u16, &str, &str); 5] = [
    (0x02, "1234567890-=", "!@#$%^&*()_+"),
    (0x10, "qwertyuiop[]", "QWERTYUIOP{}"),
    (0x1E, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
    (0x2B, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (0x39, " ", " "),
];

/// Names for the `key` step, beyond single printing characters.
const NAMED: &[(&str, u16)] = &[
    ("esc", 0x01),
    ("escape", 0x01),
    ("minus", 0x0C),
    ("equal", 0x0D),
    ("backspace", 0x0E),
    ("bs", 0x0E),
    ("tab", 0x0F),
    ("enter", 0x1C),
    ("return", 0x1C),
    ("ret", 0x1C),
    ("ctrl", 0x1D),
    ("lctrl", 0x1D),
    ("control", 0x1D),
    ("shift", 0x2A),
    ("lshift", 0x2A),
    ("backslash", 0x2B),
    ("rshift", 0x36),
    ("alt", 0x38),
    ("lalt", 0x38),
    ("space", 0x39),
    ("spc", 0x39),
    ("caps", 0x3A),
    ("capslock", 0x3A),
    ("f1", 0x3B),
    ("f2", 0x3C),
    ("f3", 0x3D),
    ("f4", 0x3E),
    ("f5", 0x3F),
    ("f6", 0x40),
    ("f7", 0x41),
    ("f8", 0x42),
    ("f9", 0x43),
    ("f10", 0x44),
    ("numlock", 0x45),
    ("scrolllock", 0x46),
    ("kp7", 0x47),
    ("kp8", 0x48),
    ("kp9", 0x49),
    ("kpminus", 0x4A),
    ("kp4", 0x4B),
    ("kp5", 0x4C),
    ("kp6", 0x4D),
    ("kpplus", 0x4E),
    ("kp1", 0x4F),
    ("kp2", 0x50),
    ("kp3", 0x51),
    ("kp0", 0x52),
    ("kpdot", 0x53),
    ("less", 0x56),
    ("f11", 0x57),
    ("f12", 0x58),
    ("kpasterisk", 0x37),
    ("kpenter", 0xE01C),
    ("rctrl", 0xE01D),
    ("kpslash", 0xE035),
    ("printscreen", KeyCode::PRINT_SCREEN.0),
    ("print", KeyCode::PRINT_SCREEN.0),
    ("sysrq", KeyCode::PRINT_SCREEN.0),
    ("altgr", 0xE038),
    ("ralt", 0xE038),
    ("pause", KeyCode::PAUSE.0),
    ("break", KeyCode::PAUSE.0),
    ("home", 0xE047),
    ("up", 0xE048),
    ("pgup", 0xE049),
    ("pageup", 0xE049),
    ("left", 0xE04B),
    ("right", 0xE04D),
    ("end", 0xE04F),
    ("down", 0xE050),
    ("pgdn", 0xE051),
    ("pagedown", 0xE051),
    ("ins", 0xE052),
    ("insert", 0xE052),
    ("del", 0xE053),
    ("delete", 0xE053),
    ("lwin", 0xE05B),
    ("win", 0xE05B),
    ("rwin", 0xE05C),
    ("menu", 0xE05D),
];

/// A key, and whether shift is held with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// The key.
    pub code: KeyCode,
    /// With shift.
    pub shift: bool,
}

/// The stroke that types a character on the US layout, if there is one.
pub fn stroke(c: char) -> Option<Stroke> {
    let plain = |code| Some(Stroke { code, shift: false });
    match c {
        '\n' | '\r' => return plain(ENTER),
        '\t' => return plain(TAB),
        '\x08' | '\x7F' => return plain(BACKSPACE),
        '\x1B' => return plain(ESCAPE),
        _ => {}
    }
    for (first, lower, upper) in PRINTING {
        for (keys, shift) in [(lower, false), (upper, true)] {
            if let Some(at) = keys.chars().position(|k| k == c) {
                return Some(Stroke { code: KeyCode(first + at as u16), shift });
            }
        }
    }
    None
}

/// The key with a name: a printing character in lower case, or one of [`NAMED`].
fn key_by_name(name: &str) -> Option<KeyCode> {
    let lower = name.to_ascii_lowercase();
    let mut chars = lower.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return stroke(c).filter(|s| !s.shift && c > ' ').map(|s| s.code);
    }
    NAMED.iter().find(|(n, _)| *n == lower).map(|&(_, code)| KeyCode(code))
}

/// The keys of a chord such as `ctrl-alt-del`, in the order they go down; the error names the unknown one.
pub fn chord(text: &str) -> Result<Vec<KeyCode>, String> {
    text.split('-')
        .map(|name| match key_by_name(name) {
            Some(code) => Ok(code),
            None if name.is_empty() => Err("empty key name (the key - is called minus)".to_string()),
            None => Err(format!("unknown key \"{name}\"")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(c: char) -> (u16, bool) {
        let s = stroke(c).unwrap();
        (s.code.0, s.shift)
    }

    #[test]
    fn characters() {
        assert_eq!(code('1'), (0x02, false));
        assert_eq!(code('+'), (0x0D, true));
        assert_eq!(code('p'), (0x19, false));
        assert_eq!(code('}'), (0x1B, true));
        assert_eq!(code('\''), (0x28, false));
        assert_eq!(code('~'), (0x29, true));
        assert_eq!(code('\\'), (0x2B, false));
        assert_eq!(code('Z'), (0x2C, true));
        assert_eq!(code('?'), (0x35, true));
        assert_eq!(code('\n'), (0x1C, false));
    }

    #[test]
    fn every_ascii_character_can_be_typed_and_nothing_else() {
        assert_eq!((' '..='~').filter(|&c| stroke(c).is_none()).count(), 0);
        assert_eq!(stroke('é'), None);
        assert_eq!(stroke('\0'), None);
    }

    #[test]
    fn chords() {
        assert_eq!(chord("ctrl-alt-del"), Ok(vec![KeyCode::LEFT_CTRL, KeyCode::LEFT_ALT, DELETE]));
        assert_eq!(chord("F10"), Ok(vec![KeyCode(0x44)]));
        assert_eq!(chord("A"), Ok(vec![KeyCode(0x1E)]));
        assert_eq!(chord("alt-minus"), Ok(vec![KeyCode::LEFT_ALT, KeyCode(0x0C)]));
        assert_eq!(chord("ctrl-"), Err("empty key name (the key - is called minus)".into()));
        assert_eq!(chord("hyper-x"), Err("unknown key \"hyper\"".into()));
        assert_eq!(chord("!"), Err("unknown key \"!\"".into()));
    }
}
