//! The keyboard page: keys that light while they are down, the bytes as they come (INT 15h AH=4Fh, see `runtime.rs`), what
//! INT 16h AH=10h makes of them, and the shift states of 0040:0017 and 0018 (Ralf Brown's MEMORY.LST).

use super::cp437::{cp437, items, text};
use super::keys::ROWS as KEY_ROWS;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

const UP: i32 = 0x70;
const PRESSED: i32 = 0x4F;
/// Bytes of the log that are shown.
const SHOWN: i32 = 17;
/// Rows of the list of characters.
const LIST: (i32, i32) = (18, 23);

pub fn emit(a: &mut Asm16) {
    page(a);
    caps(a);
    states(a);
    log(a);
    list(a);
    items(
        a,
        "key_items",
        &[
            (0, 2, 0x70, "Keyboard: a key lights while it is down"),
            (0, 62, 0x70, "Esc: menu"),
            (14, 1, 0x0B, "Bytes"),
            (16, 1, 0x0B, "States"),
            (17, 1, 0x0B, "INT 16h"),
        ],
    );
    text(a, "key_scan", "scan ");
    text(a, "key_ascii", "h  ASCII ");
    text(a, "key_char", "h  ");
    a.label("key_states");
    // Bit of the word at 0040:0017, name.
    for (bit, name) in [
        (4, "Scrl"),
        (5, "Num"),
        (6, "Caps"),
        (7, "Ins"),
        (1, "LShf"),
        (0, "RShf"),
        (8, "LCtl"),
        (2, "Ctl"),
        (9, "LAlt"),
        (3, "Alt"),
        (11, "Pau"),
    ] {
        a.db(&[bit]);
        a.asciz(name);
    }
    a.db(&[0xFF]);
    a.label("key_caps");
    for (row, col, keys) in KEY_ROWS {
        let mut col = *col;
        for (code, label) in *keys {
            a.db(&[*code]);
            a.dw(&[place(*row, col) as u16]);
            a.db(&cp437(label));
            a.db(&[0]);
            col += label.chars().count() as i32 + 1;
        }
        assert!(col <= 81);
    }
    a.db(&[0xFF; 3]);
}

fn page(a: &mut Asm16) {
    asm!(a;
        label   "keyboard_page";
        call    "text_mode";
        mov     ax, 0x0720;
        call    "fill_screen";
        mov     b(ATTR), 0x70;
        xor     di, di;
        mov     cx, 80;
        call    "blanks";
        mov     si, a.at("key_items");
        call    "put_items";
        push    es;
        push    ds;
        pop     es;
        mov     di, KEY_DOWN;
        xor     ax, ax;
        mov     cx, 128;
        rep_stosw;
        pop     es;
        mov     w(KEY_PREFIX), 0;
        mov     w(KEY_LOG_COUNT), 0;
        mov     b(KEY_HOOK), 1;
        mov     w(KEY_ROW), LIST.0;
        label   ".loop";
        call    "key_draw_caps";
        call    "key_draw_states";
        call    "key_draw_log";
        mov     al, 1;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        call    "key_list";
        jmp     ".loop";
        label   ".leave";
        mov     b(KEY_HOOK), 0;
        ret;
    );
}

fn caps(a: &mut Asm16) {
    asm!(a;
        label   "key_draw_caps";
        mov     si, a.at("key_caps");
        label   ".cap";
        lodsb;
        movzx   bx, al;
        lodsw;
        cmp     ax, 0xFFFF;
        je      ".done";
        mov     di, ax;
        mov     b(ATTR), UP;
        cmp     b(bx + KEY_DOWN), 0;
        je      ".colour";
        mov     b(ATTR), PRESSED;
        label   ".colour";
        call    "puts";
        jmp     ".cap";
        label   ".done";
        ret;
    );
}

fn states(a: &mut Asm16) {
    asm!(a;
        label   "key_draw_states";
        mov     ax, 0x40;
        mov     fs, ax;
        movzx   edx, w(0x17).fs();
        mov     si, a.at("key_states");
        mov     di, place(16, 9);
        label   ".state";
        lodsb;
        cmp     al, 0xFF;
        je      ".done";
        movzx   eax, al;
        mov     b(ATTR), 0x08;
        bt      edx, eax;
        jnc     ".off";
        mov     b(ATTR), 0x2F;
        label   ".off";
        call    "puts";
        mov     b(ATTR), 0x07;
        mov     al, 0x20;
        call    "putc";
        jmp     ".state";
        label   ".done";
        ret;
    );
}

fn log(a: &mut Asm16) {
    asm!(a;
        // The latest bytes, the newest on the right; a key's release (bit 7) is dark.
        label   "key_draw_log";
        mov     bx, w(KEY_LOG_COUNT);
        mov     cx, SHOWN;
        cmp     bx, cx;
        jae     ".full";
        mov     cx, bx;
        label   ".full";
        mov     di, place(14, 8);
        jcxz    ".done";
        sub     bx, cx;
        label   ".byte";
        mov     si, bx;
        and     si, 63;
        mov     al, b(si + KEY_LOG);
        mov     b(ATTR), 0x0E;
        test    al, 0x80;
        jz      ".make";
        mov     b(ATTR), 0x06;
        label   ".make";
        call    "put_hex8";
        push    ax;
        mov     al, 0x20;
        call    "putc";
        pop     ax;
        inc     bx;
        loop_   ".byte";
        label   ".done";
        ret;
    );
}

fn list(a: &mut Asm16) {
    asm!(a;
        // AX: scan code and character of INT 16h: a row of their own, six rows in turn.
        label   "key_list";
        push    ax;
        imul_3  di, w(KEY_ROW), 160;
        mov     b(ATTR), 0x0F;
        push    di;
        mov     cx, 48;
        call    "blanks";
        pop     di;
        add     di, 18;
        mov     si, a.at("key_scan");
        call    "puts";
        pop     ax;
        xchg    al, ah;
        call    "put_hex8";
        xchg    al, ah;
        push    ax;
        mov     si, a.at("key_ascii");
        call    "puts";
        pop     ax;
        call    "put_hex8";
        push    ax;
        mov     si, a.at("key_char");
        call    "puts";
        pop     ax;
        mov     ah, 0x1E;
        stosw;
        inc     w(KEY_ROW);
        cmp     w(KEY_ROW), LIST.1;
        jbe     ".row";
        mov     w(KEY_ROW), LIST.0;
        label   ".row";
        // The next row is blank, so that one sees which is the latest.
        imul_3  di, w(KEY_ROW), 160;
        mov     b(ATTR), 0x07;
        mov     cx, 48;
        jmp     "blanks";
    );
}
