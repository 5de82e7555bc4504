//! The page of the interval timer: channel 0 as a clock, channel 2 as the voice of the PC speaker.
//!
//! Intel 8254: channel 0 is latched and read, channel 2 makes a square wave of 1193182 / divisor Hz, port 61h bits 0 and 1
//! let it through (`tone` in `runtime.rs`). The melody moves with the timer's interrupts: each adds the number of sixteenths a
//! minute, and when the sum reaches the interrupts of a minute a sixteenth is over.

use super::cp437::{cp437, items, text};
use super::layout::*;
use super::tunes::tunes;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Interrupts a minute: 60 * 1193182 / 16384.
const MINUTE: i32 = 4370;
/// The piano's lowest note and its number of notes.
const LOWEST: i32 = 48;
const NOTES: i32 = 36;
/// The divisors of the lowest octave, C3 (130.81 Hz) to B3, equal temperament with A4 = 440 Hz.
const DIVISORS: [u16; 12] = [9121, 8609, 8126, 7670, 7240, 6833, 6450, 6088, 5746, 5424, 5119, 4832];

pub fn emit(a: &mut Asm16) {
    page(a);
    player(a);
    clock(a);
    piano(a);
    data(a);
}

fn page(a: &mut Asm16) {
    asm!(a;
        label   "sound_page";
        call    "text_mode";
        mov     ax, 0x1720;
        call    "fill_screen";
        mov     di, place(1, 2);
        mov     cx, 74;
        mov     dx, 6;
        mov     si, a.at("double");
        mov     b(ATTR), 0x1B;
        call    "frame_box";
        mov     si, a.at("sound_items");
        call    "put_items";
        // The attract mode is silent.
        mov     al, b(ATTRACT);
        mov     b(MUTED), al;
        mov     b(PAUSED), 0;
        xor     ax, ax;
        call    "tune_choose";
        mov     eax, d(TICKS);
        mov     d(SOUND_TICKS), eax;
        label   ".loop";
        call    "tune_play";
        call    "sound_clock";
        call    "piano";
        mov     al, 1;
        call    "frame";
        jc      ".leave";
        jz      ".loop";
        cmp     al, 0x20;
        je      ".pause";
        cmp     al, 0x2B;
        je      ".faster";
        cmp     al, 0x3D;
        je      ".faster";
        cmp     al, 0x2D;
        je      ".slower";
        or      al, 0x20;
        cmp     al, 0x73;
        je      ".mute";
        sub     al, 0x31;
        cmp     al, 3;
        jae     ".loop";
        mov     ah, 0;
        call    "tune_choose";
        jmp     ".loop";
        label   ".pause";
        xor     b(PAUSED), 1;
        call    "quiet";
        jmp     ".loop";
        label   ".mute";
        xor     b(MUTED), 1;
        call    "quiet";
        jmp     ".loop";
        label   ".faster";
        cmp     w(BPM), 240;
        jae     ".loop";
        add     w(BPM), 4;
        jmp     ".loop";
        label   ".slower";
        cmp     w(BPM), 40;
        jbe     ".loop";
        sub     w(BPM), 4;
        jmp     ".loop";
        label   ".leave";
        ret;
    );
}

fn player(a: &mut Asm16) {
    asm!(a;
        // AX: melody. From its beginning, at its tempo.
        label   "tune_choose";
        mov     w(TUNE), ax;
        imul_3  bx, ax, 6;
        add     bx, a.at("tunes");
        mov     ax, w(bx + 2);
        mov     w(BPM), ax;
        mov     ax, w(bx + 4);
        mov     w(TUNE_AT), ax;
        mov     w(TUNE_LEFT), 0;
        mov     w(TUNE_PART), 0;
        mov     w(BEAT), 0;
        mov     w(NOTE), 0;
        mov     si, w(bx);
        mov     di, place(6, 16);
        mov     b(ATTR), 0x1F;
        call    "puts";
        jmp     "quiet";

        // Takes the interrupts since the last call.
        label   "tune_play";
        mov     ecx, d(TICKS);
        mov     eax, ecx;
        xchg    d(SOUND_TICKS), ecx;
        sub     eax, ecx;
        cmp     b(PAUSED), 0;
        jne     ".done";
        mov     cx, w(BPM);
        shl     cx, 2;
        mul     cx;
        add     w(TUNE_PART), ax;
        label   ".sixteenth";
        cmp     w(TUNE_LEFT), 0;
        jne     ".sounding";
        mov     si, w(TUNE_AT);
        lodsw;
        cmp     ah, 0;
        jne     ".note";
        // The end: from the beginning.
        imul_3  bx, w(TUNE), 6;
        mov     si, w(bx + a.at("tunes") + 4);
        lodsw;
        label   ".note";
        mov     w(TUNE_AT), si;
        mov     b(TUNE_LEFT), ah;
        mov     b(NOTE), al;
        call    "note_start";
        label   ".sounding";
        // A little silence before a note ends parts it from the next.
        cmp     w(TUNE_LEFT), 1;
        jne     ".legato";
        cmp     w(TUNE_PART), MINUTE * 3 / 4;
        jb      ".legato";
        call    "quiet";
        label   ".legato";
        cmp     w(TUNE_PART), MINUTE;
        jb      ".done";
        sub     w(TUNE_PART), MINUTE;
        dec     w(TUNE_LEFT);
        inc     w(BEAT);
        jmp     ".sixteenth";
        label   ".done";
        ret;

        // AL: note; 0: silence.
        label   "note_start";
        cmp     b(MUTED), 0;
        jne     "quiet";
        sub     al, LOWEST;
        jb      "quiet";
        mov     ah, 0;
        mov     cl, 12;
        div     cl;
        movzx   bx, ah;
        add     bx, bx;
        mov     bx, w(bx + a.at("divisors"));
        mov     cl, al;
        shr     bx, cl;
        jmp     "tone";
    );
}

fn clock(a: &mut Asm16) {
    asm!(a;
        label   "sound_clock";
        // Since the start: interrupts * 16384 periods of 1193182 Hz, in milliseconds.
        mov     eax, d(TICKS);
        mov     ebx, eax;
        mov     ecx, 16_384_000;
        mul     ecx;
        mov     ecx, 1_193_182;
        div     ecx;
        xor     edx, edx;
        mov     ecx, 1000;
        div     ecx;
        push    dx;
        xor     edx, edx;
        mov     ecx, 60;
        div     ecx;
        push    dx;
        mov     b(ATTR), 0x1E;
        mov     di, place(3, 16);
        mov     cl, 2;
        call    "put_dec";
        mov     al, 0x3A;
        call    "putc";
        pop     ax;
        movzx   eax, ax;
        mov     cl, 2;
        call    "put_dec0";
        mov     al, 0x2E;
        call    "putc";
        pop     ax;
        movzx   eax, ax;
        mov     cl, 3;
        call    "put_dec0";
        mov     di, place(4, 16);
        mov     eax, ebx;
        mov     cl, 8;
        call    "put_dec";
        // Latch channel 0; it counts down.
        cli;
        mov     al, 0;
        out     0x43, al;
        in_     al, 0x40;
        mov     ah, al;
        in_     al, 0x40;
        sti;
        xchg    al, ah;
        movzx   eax, ax;
        mov     di, place(4, 52);
        mov     cl, 5;
        call    "put_dec";
        mov     di, place(3, 52);
        call    "put_time";
        mov     di, place(7, 16);
        movzx   eax, w(BPM);
        mov     cl, 3;
        call    "put_dec";
        // Four beats, the present one bright.
        mov     di, place(7, 52);
        mov     dx, w(BEAT);
        shr     dx, 2;
        and     dx, 3;
        xor     cx, cx;
        label   ".beat";
        mov     ah, 0x18;
        cmp     cx, dx;
        jne     ".dark";
        mov     ah, 0x1E;
        label   ".dark";
        mov     al, 0xFE;
        stosw;
        mov     al, 0x20;
        stosw;
        inc     cx;
        cmp     cx, 4;
        jb      ".beat";
        // Sound: on, off, pause.
        mov     di, place(7, 65);
        mov     si, a.at("sound_pause");
        cmp     b(PAUSED), 0;
        jne     ".state";
        mov     si, a.at("sound_off");
        cmp     b(MUTED), 0;
        jne     ".state";
        mov     si, a.at("sound_on");
        label   ".state";
        jmp     "puts";
    );
}

fn piano(a: &mut Asm16) {
    asm!(a;
        // A note is two columns wide; black keys reach down four of seven rows.
        label   "piano";
        xor     cx, cx;
        label   ".key";
        mov     bx, cx;
        mov     ax, cx;
        mov     dl, 12;
        div     dl;
        movzx   bx, ah;
        mov     dl, b(bx + a.at("blacks"));
        imul_3  di, cx, 4;
        add     di, place(11, 4);
        mov     si, 7;
        label   ".row";
        // White: blank on white; black: on black in the upper rows.
        mov     ax, 0x7020;
        test    dl, dl;
        jz      ".white";
        mov     ax, 0x0020;
        cmp     si, 4;
        jae     ".white";
        // Below a black key two white ones meet.
        mov     ax, 0x70B3;
        label   ".white";
        // The keys E and B have a white neighbour on the right.
        push    bx;
        movzx   bx, b(NOTE);
        sub     bx, LOWEST;
        cmp     bx, cx;
        pop     bx;
        jne     ".still";
        test    dl, dl;
        jz      ".lit";
        cmp     si, 4;
        jb      ".still";
        label   ".lit";
        mov     ah, 0x4F;
        label   ".still";
        mov     w(di).es(), ax;
        cmp     dl, 0;
        jne     ".edge_done";
        cmp     b(bx + a.at("blacks") + 1), 0;
        jne     ".edge_done";
        mov     al, 0xB3;
        label   ".edge_done";
        cmp     al, 0xB3;
        jne     ".second";
        test    dl, dl;
        jz      ".second";
        mov     al, 0x20;
        label   ".second";
        mov     w(di + 2).es(), ax;
        add     di, 160;
        dec     si;
        jnz     ".row";
        inc     cx;
        cmp     cx, NOTES;
        jb      ".key";
        ret;
        // C to B and the C after it.
        label   "blacks";
        db      &[0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0];
    );
}

fn data(a: &mut Asm16) {
    items(
        a,
        "sound_items",
        &[
            (1, 29, 0x1B, " Timer and sound "),
            (3, 5, 0x17, "Running"),
            (3, 40, 0x17, "Clock"),
            (4, 5, 0x17, "Interrupts"),
            (4, 40, 0x17, "Counter 0"),
            (6, 5, 0x17, "Melody"),
            (7, 5, 0x17, "Tempo"),
            (7, 20, 0x17, "quarters/min"),
            (7, 40, 0x17, "Beat"),
            (20, 5, 0x1E, "1 2 3"),
            (20, 12, 0x17, "melody"),
            (20, 24, 0x1E, "+ -"),
            (20, 29, 0x17, "tempo"),
            (20, 40, 0x1E, "Space"),
            (20, 47, 0x17, "pause"),
            (20, 57, 0x1E, "S"),
            (20, 60, 0x17, "sound"),
            (24, 33, 0x1E, "Esc: menu"),
        ],
    );
    text(a, "sound_on", "sound on ");
    text(a, "sound_off", "sound off");
    text(a, "sound_pause", "pause    ");
    asm!(a; align 2; label "divisors"; dw &DIVISORS; );
    let tunes = tunes();
    a.label("tunes");
    for (i, (_, bpm, _)) in tunes.iter().enumerate() {
        a.dw_at(&format!("tune_name{i}"));
        a.dw(&[*bpm]);
        a.dw_at(&format!("tune_notes{i}"));
    }
    for (i, (name, _, notes)) in tunes.iter().enumerate() {
        a.label(&format!("tune_name{i}"));
        a.db(&cp437(name));
        a.db(&[0]);
        a.label(&format!("tune_notes{i}"));
        for &(note, length) in notes {
            let playable = (LOWEST..LOWEST + NOTES).contains(&i32::from(note)) || note == 0;
            assert!(playable && length > 0, "{name}: no such note");
            a.db(&[note, length]);
        }
        a.dw(&[0]);
    }
}
