//! Steps that take time, spread over ticks: key strokes and pointer movements at a pace that guests follow.
//!
//! A key of a typed text is down for 20 ms and the next follows 10 ms later: 33 a second, about the rate of a held
//! key. A chord is down for 60 ms, longer than a DOS timer tick, for programs that look at the keys only then.

use std::collections::VecDeque;

use rewind86_machine::{InputEvent, KeyCode};

use crate::keymap;

/// An event and how many ticks after the one before it happens.
pub type Timed = (u64, InputEvent);

/// Ticks that a typed key is down, and until the next.
const TYPE_HOLD: u64 = 2;
const TYPE_GAP: u64 = 1;
/// The same of a chord.
const CHORD_HOLD: u64 = 6;
const CHORD_GAP: u64 = 2;
/// Mickeys per packet: no more than the acceleration threshold of common drivers.
const MOUSE_STEP: u16 = 5;
/// Packets of the largest movement that surely reach the top left corner.
const HOME_PACKETS: usize = 24;
const HOME_STEP: i32 = -120;
/// Ticks between arriving and pressing, and that a click is down.
const SETTLE: u64 = 3;
const CLICK_HOLD: u64 = 6;

fn key(after: u64, code: KeyCode, down: bool) -> Timed {
    (after, InputEvent::Key { code, down })
}

/// The strokes of a text on the US layout.
pub fn type_text(text: &str) -> VecDeque<Timed> {
    let mut out = VecDeque::new();
    let mut gap = 0;
    for stroke in text.chars().filter_map(keymap::stroke) {
        if stroke.shift {
            out.push_back(key(gap, KeyCode::LEFT_SHIFT, true));
            gap = 0;
        }
        out.push_back(key(gap, stroke.code, true));
        out.push_back(key(TYPE_HOLD, stroke.code, false));
        if stroke.shift {
            out.push_back(key(0, KeyCode::LEFT_SHIFT, false));
        }
        gap = TYPE_GAP;
    }
    out
}

/// Keys that go down in order, stay down, and come up in reverse order.
pub fn chord(keys: &[KeyCode]) -> VecDeque<Timed> {
    let mut out: VecDeque<Timed> = keys.iter().map(|&code| key(1, code, true)).collect();
    for (n, &code) in keys.iter().rev().enumerate() {
        out.push_back(key(if n == 0 { CHORD_HOLD } else { 0 }, code, false));
    }
    out
}

/// Ticks to wait after a chord before the next step.
pub const AFTER_CHORD: u64 = CHORD_GAP;

/// The pointer as the script left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pointer {
    x: u16,
    y: u16,
    held: u8,
}

impl Pointer {
    /// Moves to a place and clicks. With no button held the pointer first goes to the top left corner, which needs
    /// no knowledge of where it is; with one held it goes straight, so that things can be dragged.
    pub fn go(&mut self, x: u16, y: u16, buttons: u8, hold: bool) -> VecDeque<Timed> {
        let mut out = VecDeque::new();
        let held = self.held;
        let mut packet = |after, dx, dy, buttons| out.push_back((after, InputEvent::Mouse { dx, dy, dz: 0, buttons }));
        if held == 0 {
            (self.x, self.y) = (0, 0);
            for _ in 0..HOME_PACKETS {
                packet(1, HOME_STEP, HOME_STEP, 0);
            }
        }
        let toward = |from: u16, to: u16| {
            let step = from.abs_diff(to).min(MOUSE_STEP);
            if to >= from { i32::from(step) } else { -i32::from(step) }
        };
        while (self.x, self.y) != (x, y) {
            let (dx, dy) = (toward(self.x, x), toward(self.y, y));
            self.x = self.x.saturating_add_signed(dx as i16);
            self.y = self.y.saturating_add_signed(dy as i16);
            packet(1, dx, dy, held);
        }
        if buttons != held {
            packet(SETTLE, 0, 0, buttons);
        }
        if buttons != 0 && !hold {
            packet(CLICK_HOLD, 0, 0, 0);
        }
        self.held = if hold { buttons } else { 0 };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(events: &VecDeque<Timed>) -> Vec<(u64, u16, bool)> {
        let mut at = 0;
        let mut out = Vec::new();
        for (after, event) in events {
            at += after;
            if let InputEvent::Key { code, down } = event {
                out.push((at, code.0, *down));
            }
        }
        out
    }

    #[test]
    fn text_is_typed_with_shift_around_the_key() {
        let expected = [
            (0, 0x1E, true),
            (2, 0x1E, false),
            (3, 0x2A, true),
            (3, 0x30, true),
            (5, 0x30, false),
            (5, 0x2A, false),
            (6, 0x1C, true),
            (8, 0x1C, false),
        ];
        assert_eq!(keys(&type_text("aB\n")), expected);
    }

    #[test]
    fn chords_nest() {
        let events = chord(&[KeyCode::LEFT_CTRL, KeyCode::LEFT_ALT, keymap::DELETE]);
        let expected = [
            (1, 0x1D, true),
            (2, 0x38, true),
            (3, 0xE053, true),
            (9, 0xE053, false),
            (9, 0x38, false),
            (9, 0x1D, false),
        ];
        assert_eq!(keys(&events), expected);
    }

    fn sum(events: &VecDeque<Timed>) -> (i32, i32) {
        events.iter().skip(HOME_PACKETS).fold((0, 0), |(x, y), (_, e)| match e {
            InputEvent::Mouse { dx, dy, .. } => (x + dx, y + dy),
            _ => (x, y),
        })
    }

    fn buttons(events: &VecDeque<Timed>) -> Vec<u8> {
        let mut out: Vec<u8> = events
            .iter()
            .filter_map(|(_, e)| if let InputEvent::Mouse { buttons, .. } = e { Some(*buttons) } else { None })
            .collect();
        out.dedup();
        out
    }

    #[test]
    fn the_pointer_goes_home_then_there_and_clicks() {
        let events = Pointer::default().go(100, 53, 1, false);
        assert_eq!(sum(&events), (100, 53));
        assert_eq!(buttons(&events), [0, 1, 0]);
    }

    #[test]
    fn dragging_keeps_the_button_and_does_not_go_home() {
        let mut pointer = Pointer::default();
        assert_eq!(buttons(&pointer.go(10, 10, 1, true)), [0, 1]);
        let drag = pointer.go(7, 30, 0, false);
        let total: i32 = drag.iter().map(|(_, e)| if let InputEvent::Mouse { dx, .. } = e { *dx } else { 0 }).sum();
        assert_eq!(total, -3);
        assert_eq!(buttons(&drag), [1, 0]);
    }
}
