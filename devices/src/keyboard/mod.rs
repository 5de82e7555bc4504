//! A 101/102-key AT keyboard with scan code sets 1, 2 and 3.
//!
//! Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-key)": commands from the system,
//! typematic, the 16-byte buffer and its overrun code.
//!
//! Invariants: replies to commands leave before scan codes; a key's sequence enters the buffer whole or not at all.
//! Repetition is the keyboard's own (`EventId::Keyboard`): a host's repeated key-down is ignored.
//!
//! Not modelled: the wire's bit timing (the controller paces bytes), parity errors, and the fake shifts that a real
//! keyboard adds to the grey cursor keys with Num Lock or Shift, which operating systems throw away.

mod scancode;

use crate::ctx::{Ctx, NS_PER_SEC};
use crate::sched::EventId;
pub use scancode::KeyCode;
pub(crate) use scancode::{BREAK, translate};
use scancode::{CodeSet, SET3_DEFAULT_BREAKS, set1_to_set2, set3, set3_default_repeats};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

const CMD_LEDS: u8 = 0xED;
const CMD_ECHO: u8 = 0xEE;
const CMD_SCAN_SET: u8 = 0xF0;
const CMD_ID: u8 = 0xF2;
const CMD_RATE: u8 = 0xF3;
const CMD_ENABLE: u8 = 0xF4;
const CMD_DISABLE: u8 = 0xF5;
const CMD_DEFAULTS: u8 = 0xF6;
const CMD_ALL_REPEAT: u8 = 0xF7;
const CMD_ALL_BREAK: u8 = 0xF8;
const CMD_ALL_MAKE_ONLY: u8 = 0xF9;
const CMD_ALL_BOTH: u8 = 0xFA;
const CMD_KEY_REPEAT: u8 = 0xFB;
const CMD_KEY_BREAK: u8 = 0xFC;
const CMD_KEY_MAKE_ONLY: u8 = 0xFD;
const CMD_RESEND: u8 = 0xFE;
const CMD_RESET: u8 = 0xFF;
const ACK: u8 = 0xFA;
const RESEND: u8 = 0xFE;
const BAT_OK: u8 = 0xAA;
/// Reply to `CMD_ID` after the acknowledge.
const ID: [u8; 2] = [0xAB, 0x83];

const BUFFER: usize = 16;
/// Typematic after power-on: 500 ms, then 10.9 a second.
const DEFAULT_RATE: u8 = 0x2B;
/// Duration of the self test after a reset command; real keyboards take up to 750 ms.
const BAT_NS: u64 = 20_000_000;

/// What the next byte from the system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Expect {
    Command,
    Leds,
    Rate,
    ScanSet,
    /// Set 3 codes of keys that get this type, until a command comes.
    KeyType(u8),
}

/// How Print Screen went down; it comes up the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum PrintScreen {
    Shifted,
    Bare,
    SysRq,
}

/// The keyboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyboard {
    replies: VecDeque<u8>,
    buffer: VecDeque<u8>,
    last_sent: u8,
    expect: Expect,
    enabled: bool,
    set: u8,
    leds: u8,
    rate: u8,
    /// Set 3 key types.
    repeats: CodeSet,
    breaks: CodeSet,
    down: Vec<KeyCode>,
    print_screen: PrintScreen,
    repeating: Option<KeyCode>,
    repeat_at: Option<u64>,
    self_test_at: Option<u64>,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self::new()
    }
}

impl Keyboard {
    /// A keyboard after its power-on self test: set 2, scanning.
    pub fn new() -> Self {
        Self {
            replies: VecDeque::new(),
            buffer: VecDeque::new(),
            last_sent: 0,
            expect: Expect::Command,
            enabled: true,
            set: 2,
            leds: 0,
            rate: DEFAULT_RATE,
            repeats: set3_default_repeats(),
            breaks: SET3_DEFAULT_BREAKS,
            down: Vec::new(),
            print_screen: PrintScreen::Shifted,
            repeating: None,
            repeat_at: None,
            self_test_at: None,
        }
    }

    /// Power-on state; keys that are down stay down.
    pub fn reset(&mut self, ctx: &mut Ctx) {
        let down = std::mem::take(&mut self.down);
        *self = Self { down, ..Self::new() };
        self.arm(ctx);
    }

    /// The lights: bit 0 Scroll Lock, bit 1 Num Lock, bit 2 Caps Lock.
    pub fn leds(&self) -> u8 {
        self.leds
    }

    /// A key goes down or up. Repetitions by the host and releases of keys that are up do nothing.
    pub fn key(&mut self, ctx: &mut Ctx, code: KeyCode, down: bool) {
        let known = self.down.iter().position(|&key| key == code);
        match (down, known) {
            (true, None) => self.down.push(code),
            (false, Some(at)) => {
                self.down.remove(at);
            }
            _ => return,
        }
        if down {
            if code == KeyCode::PRINT_SCREEN {
                self.print_screen = self.print_screen_form();
            }
            self.start_repeat(ctx.now, code);
        } else if self.repeating == Some(code) {
            self.stop_repeat();
        }
        self.send_key(code, down);
        self.arm(ctx);
    }

    /// Whether a byte waits for the system.
    pub fn has_output(&self) -> bool {
        !self.replies.is_empty() || !self.buffer.is_empty()
    }

    /// The next byte for the system.
    pub fn take_output(&mut self) -> Option<u8> {
        let byte = self.replies.pop_front().or_else(|| self.buffer.pop_front())?;
        self.last_sent = byte;
        Some(byte)
    }

    /// A byte from the system.
    pub fn command(&mut self, ctx: &mut Ctx, byte: u8) {
        let expect = std::mem::replace(&mut self.expect, Expect::Command);
        // A command instead of a parameter is taken as one.
        if expect == Expect::Command || byte >= CMD_LEDS {
            self.start_command(ctx.now, byte);
        } else {
            self.parameter(expect, byte);
        }
        self.arm(ctx);
    }

    fn start_command(&mut self, now: u64, byte: u8) {
        match byte {
            CMD_ECHO => return self.replies.push_back(CMD_ECHO),
            CMD_RESEND => return self.replies.push_back(self.last_sent),
            CMD_LEDS => self.expect = Expect::Leds,
            CMD_SCAN_SET => self.expect = Expect::ScanSet,
            CMD_RATE => self.expect = Expect::Rate,
            CMD_ID => {
                self.replies.push_back(ACK);
                return self.replies.extend(ID);
            }
            CMD_ENABLE => {
                self.buffer.clear();
                self.enabled = true;
            }
            CMD_DISABLE => {
                self.set_defaults();
                self.enabled = false;
            }
            CMD_DEFAULTS => self.set_defaults(),
            CMD_ALL_REPEAT => (self.repeats, self.breaks) = (CodeSet::ALL, CodeSet::NONE),
            CMD_ALL_BREAK => (self.repeats, self.breaks) = (CodeSet::NONE, CodeSet::ALL),
            CMD_ALL_MAKE_ONLY => (self.repeats, self.breaks) = (CodeSet::NONE, CodeSet::NONE),
            CMD_ALL_BOTH => (self.repeats, self.breaks) = (CodeSet::ALL, CodeSet::ALL),
            CMD_KEY_REPEAT..=CMD_KEY_MAKE_ONLY => self.expect = Expect::KeyType(byte),
            CMD_RESET => {
                self.set_defaults();
                self.leds = 0;
                self.enabled = false;
                self.self_test_at = Some(now.saturating_add(BAT_NS));
            }
            _ => return self.replies.push_back(RESEND),
        }
        self.replies.push_back(ACK);
    }

    fn parameter(&mut self, expect: Expect, byte: u8) {
        match expect {
            Expect::Leds if byte < 8 => self.leds = byte,
            Expect::Rate if byte < 0x80 => self.rate = byte,
            Expect::ScanSet if byte == 0 => {
                self.replies.push_back(ACK);
                return self.replies.push_back(self.set);
            }
            Expect::ScanSet if byte <= 3 => {
                self.buffer.clear();
                self.set = byte;
            }
            Expect::KeyType(kind) => {
                self.repeats.set(byte, kind == CMD_KEY_REPEAT);
                self.breaks.set(byte, kind == CMD_KEY_BREAK);
                self.expect = expect;
            }
            _ => {
                self.expect = expect;
                return self.replies.push_back(RESEND);
            }
        }
        self.replies.push_back(ACK);
    }

    fn set_defaults(&mut self) {
        self.buffer.clear();
        self.set = 2;
        self.rate = DEFAULT_RATE;
        self.repeats = set3_default_repeats();
        self.breaks = SET3_DEFAULT_BREAKS;
        self.stop_repeat();
    }

    fn is_down(&self, codes: &[KeyCode]) -> bool {
        codes.iter().any(|code| self.down.contains(code))
    }

    fn print_screen_form(&self) -> PrintScreen {
        if self.is_down(&[KeyCode::LEFT_ALT, KeyCode::RIGHT_ALT]) {
            PrintScreen::SysRq
        } else if self.is_down(&[KeyCode::LEFT_SHIFT, KeyCode::RIGHT_SHIFT, KeyCode::LEFT_CTRL, KeyCode::RIGHT_CTRL]) {
            PrintScreen::Bare
        } else {
            PrintScreen::Shifted
        }
    }

    /// Puts the codes of a key into the buffer.
    fn send_key(&mut self, code: KeyCode, down: bool) {
        if !self.enabled {
            return;
        }
        let sequence = match self.set {
            1 => self.set1_sequence(code, down),
            3 => self.set3_sequence(code, down),
            _ => set1_to_set2(&self.set1_sequence(code, down)),
        };
        if self.buffer.len() + sequence.len() <= BUFFER {
            self.buffer.extend(sequence);
        } else if self.buffer.back() != Some(&self.overrun_code()) {
            // In a place kept for it, past all others.
            self.buffer.push_back(self.overrun_code());
        }
    }

    fn overrun_code(&self) -> u8 {
        if self.set == 1 { 0xFF } else { 0x00 }
    }

    fn set1_sequence(&self, code: KeyCode, down: bool) -> Vec<u8> {
        let up = if down { 0 } else { 0x80 };
        match code {
            KeyCode::PAUSE if !down => Vec::new(),
            KeyCode::PAUSE if self.is_down(&[KeyCode::LEFT_CTRL, KeyCode::RIGHT_CTRL]) => vec![0xE0, 0x46, 0xE0, 0xC6],
            KeyCode::PAUSE => vec![0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5],
            KeyCode::PRINT_SCREEN => match (self.print_screen, down) {
                (PrintScreen::SysRq, _) => vec![0x54 | up],
                (PrintScreen::Bare, _) => vec![0xE0, 0x37 | up],
                (PrintScreen::Shifted, true) => vec![0xE0, 0x2A, 0xE0, 0x37],
                (PrintScreen::Shifted, false) => vec![0xE0, 0xB7, 0xE0, 0xAA],
            },
            _ if code.extended() => vec![0xE0, code.base() | up],
            _ => vec![code.base() | up],
        }
    }

    fn set3_sequence(&self, code: KeyCode, down: bool) -> Vec<u8> {
        match set3(code) {
            Some(key) if down => vec![key],
            Some(key) if self.breaks.contains(key) => vec![BREAK, key],
            _ => Vec::new(),
        }
    }

    fn start_repeat(&mut self, now: u64, code: KeyCode) {
        let repeats = match self.set {
            3 => set3(code).is_some_and(|key| self.repeats.contains(key)),
            _ => code != KeyCode::PAUSE,
        };
        if repeats {
            let delay = (u64::from((self.rate >> 5) & 3) + 1) * (NS_PER_SEC / 4);
            self.repeating = Some(code);
            self.repeat_at = Some(now.saturating_add(delay));
        } else {
            self.stop_repeat();
        }
    }

    fn stop_repeat(&mut self) {
        self.repeating = None;
        self.repeat_at = None;
    }

    /// Time between repetitions: (8 + A) x 2^B x 1/240 s.
    fn repeat_period(&self) -> u64 {
        ((8 + u64::from(self.rate & 7)) << ((self.rate >> 3) & 3)) * NS_PER_SEC / 240
    }

    /// `EventId::Keyboard` is due.
    pub fn event(&mut self, ctx: &mut Ctx) {
        if let Some(at) = self.repeat_at.filter(|&at| at <= ctx.now) {
            self.repeat_at = Some(at.saturating_add(self.repeat_period()));
            if let Some(code) = self.repeating {
                self.send_key(code, true);
            }
        }
        if self.self_test_at.is_some_and(|at| at <= ctx.now) {
            self.self_test_at = None;
            self.enabled = true;
            self.replies.push_back(BAT_OK);
        }
        self.arm(ctx);
    }

    fn arm(&self, ctx: &mut Ctx) {
        match [self.repeat_at, self.self_test_at].into_iter().flatten().min() {
            Some(at) => ctx.sched.set(EventId::Keyboard, at),
            None => ctx.sched.cancel(EventId::Keyboard),
        }
    }
}

#[cfg(test)]
mod tests;
