//! Keys of the window library to scan codes, and the window's hot keys.

use minifb::Key;
use rewind86_machine::KeyCode;

use super::HotKey;

/// Left and right Ctrl.
pub const CTRL: [KeyCode; 2] = [KeyCode::LEFT_CTRL, KeyCode::RIGHT_CTRL];
/// Left and right Alt.
pub const ALT: [KeyCode; 2] = [KeyCode::LEFT_ALT, KeyCode::RIGHT_ALT];

/// The set-1 scan code of a key at its place on the US layout.
pub fn scan_code(key: Key) -> Option<KeyCode> {
    let code = match key {
        Key::Escape => 0x01,
        Key::Key1 => 0x02,
        Key::Key2 => 0x03,
        Key::Key3 => 0x04,
        Key::Key4 => 0x05,
        Key::Key5 => 0x06,
        Key::Key6 => 0x07,
        Key::Key7 => 0x08,
        Key::Key8 => 0x09,
        Key::Key9 => 0x0A,
        Key::Key0 => 0x0B,
        Key::Minus => 0x0C,
        Key::Equal => 0x0D,
        Key::Backspace => 0x0E,
        Key::Tab => 0x0F,
        Key::Q => 0x10,
        Key::W => 0x11,
        Key::E => 0x12,
        Key::R => 0x13,
        Key::T => 0x14,
        Key::Y => 0x15,
        Key::U => 0x16,
        Key::I => 0x17,
        Key::O => 0x18,
        Key::P => 0x19,
        Key::LeftBracket => 0x1A,
        Key::RightBracket => 0x1B,
        Key::Enter => 0x1C,
        Key::LeftCtrl => 0x1D,
        Key::A => 0x1E,
        Key::S => 0x1F,
        Key::D => 0x20,
        Key::F => 0x21,
        Key::G => 0x22,
        Key::H => 0x23,
        Key::J => 0x24,
        Key::K => 0x25,
        Key::L => 0x26,
        Key::Semicolon => 0x27,
        Key::Apostrophe => 0x28,
        Key::Backquote => 0x29,
        Key::LeftShift => 0x2A,
        Key::Backslash => 0x2B,
        Key::Z => 0x2C,
        Key::X => 0x2D,
        Key::C => 0x2E,
        Key::V => 0x2F,
        Key::B => 0x30,
        Key::N => 0x31,
        Key::M => 0x32,
        Key::Comma => 0x33,
        Key::Period => 0x34,
        Key::Slash => 0x35,
        Key::RightShift => 0x36,
        Key::NumPadAsterisk => 0x37,
        Key::LeftAlt => 0x38,
        Key::Space => 0x39,
        Key::CapsLock => 0x3A,
        Key::F1 => 0x3B,
        Key::F2 => 0x3C,
        Key::F3 => 0x3D,
        Key::F4 => 0x3E,
        Key::F5 => 0x3F,
        Key::F6 => 0x40,
        Key::F7 => 0x41,
        Key::F8 => 0x42,
        Key::F9 => 0x43,
        Key::F10 => 0x44,
        Key::NumLock => 0x45,
        Key::ScrollLock => 0x46,
        Key::NumPad7 => 0x47,
        Key::NumPad8 => 0x48,
        Key::NumPad9 => 0x49,
        Key::NumPadMinus => 0x4A,
        Key::NumPad4 => 0x4B,
        Key::NumPad5 => 0x4C,
        Key::NumPad6 => 0x4D,
        Key::NumPadPlus => 0x4E,
        Key::NumPad1 => 0x4F,
        Key::NumPad2 => 0x50,
        Key::NumPad3 => 0x51,
        Key::NumPad0 => 0x52,
        Key::NumPadDot => 0x53,
        Key::F11 => 0x57,
        Key::F12 => 0x58,
        Key::NumPadEnter => 0xE01C,
        Key::RightCtrl => 0xE01D,
        Key::NumPadSlash => 0xE035,
        // The library does not know Print Screen; F13 stands where Apple keyboards have it.
        Key::F13 => KeyCode::PRINT_SCREEN.0,
        Key::RightAlt => 0xE038,
        Key::Pause => KeyCode::PAUSE.0,
        Key::Home => 0xE047,
        Key::Up => 0xE048,
        Key::PageUp => 0xE049,
        Key::Left => 0xE04B,
        Key::Right => 0xE04D,
        Key::End => 0xE04F,
        Key::Down => 0xE050,
        Key::PageDown => 0xE051,
        Key::Insert => 0xE052,
        Key::Delete => 0xE053,
        Key::LeftSuper => 0xE05B,
        Key::RightSuper => 0xE05C,
        Key::Menu => 0xE05D,
        Key::F14 | Key::F15 | Key::Unknown | Key::Count => return None,
    };
    Some(KeyCode(code))
}

/// What a key asks for with Ctrl and Alt held.
pub fn hot_key(key: Key) -> Option<HotKey> {
    match key {
        Key::End => Some(HotKey::CtrlAltDel),
        Key::S => Some(HotKey::Screenshot),
        Key::R => Some(HotKey::Reset),
        Key::P => Some(HotKey::Power),
        Key::K => Some(HotKey::Pause),
        Key::Q => Some(HotKey::Quit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap;

    #[test]
    fn both_tables_agree() {
        let pairs = [
            (Key::A, "a"),
            (Key::Key0, "0"),
            (Key::Minus, "minus"),
            (Key::Backquote, "`"),
            (Key::Backslash, "backslash"),
            (Key::Slash, "/"),
            (Key::Space, "space"),
            (Key::F10, "f10"),
            (Key::F12, "f12"),
            (Key::NumPad5, "kp5"),
            (Key::NumPadSlash, "kpslash"),
            (Key::NumPadEnter, "kpenter"),
            (Key::RightAlt, "altgr"),
            (Key::PageUp, "pgup"),
            (Key::PageDown, "pgdn"),
            (Key::Home, "home"),
            (Key::Delete, "del"),
            (Key::Pause, "pause"),
            (Key::Menu, "menu"),
        ];
        for (key, name) in pairs {
            assert_eq!(keymap::chord(name), Ok(scan_code(key).into_iter().collect()), "{name}");
        }
    }

    #[test]
    fn no_two_keys_share_a_code() {
        let mut codes: Vec<u16> = ALL.iter().filter_map(|&k| scan_code(k)).map(|c| c.0).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ALL.len());
    }

    /// Keys around the places where a slip of a line would collide.
    const ALL: &[Key] = &[
        Key::Key1,
        Key::Key9,
        Key::Key0,
        Key::Minus,
        Key::Equal,
        Key::Backspace,
        Key::Tab,
        Key::Q,
        Key::P,
        Key::Enter,
        Key::LeftCtrl,
        Key::A,
        Key::L,
        Key::Semicolon,
        Key::Apostrophe,
        Key::LeftShift,
        Key::Z,
        Key::M,
        Key::RightShift,
        Key::F1,
        Key::F10,
        Key::NumLock,
        Key::ScrollLock,
        Key::NumPad7,
        Key::NumPadDot,
        Key::F11,
        Key::F12,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::Insert,
        Key::End,
    ];
}
