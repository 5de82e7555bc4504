//! The attract mode: the pages one after the other, each for its time, until a key is pressed.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Pages and their seconds.
const TOUR: &[(&str, i32)] = &[
    ("text_page", 10),
    ("plasma_page", 9),
    ("snake_page", 14),
    ("lines_page", 12),
    ("fire_page", 9),
    ("sound_page", 10),
    ("scroller_page", 14),
    ("cga_page", 8),
    ("title_page", 8),
];

pub fn emit(a: &mut Asm16) {
    asm!(a;
        // The attract mode if no key was pressed for long.
        label   "attract_if_idle";
        mov     eax, d(TICKS);
        sub     eax, d(LAST_KEY);
        cmp     eax, IDLE_TICKS;
        jae     "attract";
        ret;

        // A key ends it; the page sees the key and `poll` takes the mode away.
        label   "attract";
        mov     b(ATTRACT), 1;
        label   ".again";
        mov     si, a.at("tour");
        label   ".page";
        lodsw;
        test    ax, ax;
        jz      ".again";
        mov     bx, ax;
        lodsw;
        movzx   eax, ax;
        add     eax, d(TICKS);
        mov     d(DEADLINE), eax;
        push    si;
        call    "run_page";
        pop     si;
        cmp     b(ATTRACT), 0;
        jne     ".page";
        ret;
        label   "tour";
    );
    for (page, seconds) in TOUR {
        a.dw_at(page);
        a.dw(&[(seconds * HZ) as u16]);
    }
    a.dw(&[0]);
}
