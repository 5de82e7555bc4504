//! The page that says what the keys do.

use super::cp437::items;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Page, keys, what they do.
const KEYS: &[(&str, &[(&str, &str)])] = &[
    ("Everywhere", &[("Esc", "back to the menu")]),
    (
        "Menu",
        &[("no key", "for 20 seconds: the pages pass by"), ("↑ ↓ Enter", "choose and go"), ("1 - 9", "go at once")],
    ),
    ("Text", &[("Space", "characters, 80x50 text")]),
    ("Graphics", &[("Space", "another palette, fuel, lines, pace")]),
    ("Keyboard", &[("any key", "is shown; Esc leaves")]),
    ("Mouse", &[("left button", "paints"), ("right button", "the next colour"), ("Space", "clears")]),
    ("Sound", &[("1 2 3", "which melody"), ("+ -", "faster, slower"), ("Space", "pause"), ("S", "sound on and off")]),
    ("Game", &[("arrows", "steer"), ("Enter", "a new game"), ("A", "it plays by itself")]),
];

pub fn emit(a: &mut Asm16) {
    asm!(a;
        label   "help_page";
        call    "text_mode";
        mov     ax, 0x1720;
        call    "fill_screen";
        mov     di, place(1, 4);
        mov     cx, 70;
        mov     dx, 20;
        mov     si, a.at("double");
        mov     b(ATTR), 0x1B;
        call    "frame_box";
        mov     si, a.at("help_items");
        call    "put_items";
        label   ".loop";
        mov     al, 4;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        label   ".leave";
        ret;
    );
    let mut list = vec![(1, 36, 0x1B, " Keys "), (24, 33, 0x1E, "Esc: menu")];
    let mut row = 3;
    for (page, keys) in KEYS {
        list.push((row, 8, 0x1E, page));
        for (key, what) in *keys {
            list.push((row, 20, 0x1F, key));
            list.push((row, 34, 0x17, what));
            row += 1;
        }
    }
    assert!(row < 22);
    items(a, "help_items", &list);
}
