//! The assembler that makes the firmware: bytes for what `CodeAssembler` alone cannot do.

use super::asm16::*;
use iced_x86::code_asm::registers::*;

/// Assembles into filler EEh and drops the filler at the end.
fn bytes(program: impl Fn(&mut Asm16)) -> Vec<u8> {
    let mut image = assemble(0x1000, 0xEE, program);
    let end = image.iter().rposition(|b| *b != 0xEE).map_or(0, |n| n + 1);
    image.truncate(end);
    image
}

#[test]
fn data_labels_forward_and_backward() {
    let image = bytes(|a| {
        asm!(a;
            label   "first";
            mov     si, a.at("text");
            mov     al, b(bx + a.at("text"));
            mov     di, a.at("first");
            label   "text";
            db      b"hi";
            dw_at   "text";
        );
    });
    assert_eq!(image, [0xBE, 0x09, 0x00, 0x8A, 0x47, 0x09, 0xBF, 0x00, 0x00, b'h', b'i', 0x09, 0x00]);
}

#[test]
fn branches_take_the_short_form_where_it_reaches() {
    let image = bytes(|a| {
        asm!(a;
            label   "start";
            je      "near";
            jmp     "far";
            label   "near";
            loop_   "start";
            fill    200, 0x90;
            label   "far";
            jne     "start";
        );
    });
    // JE short over the near JMP, LOOP short, JNE near back.
    assert_eq!(image[..8], [0x74, 0x03, 0xE9, 0xCA, 0x00, 0xE2, 0xF9, 0x90]);
    assert_eq!(image[207..], [0x0F, 0x85, 0x2D, 0xFF]);
}

#[test]
fn local_labels_belong_to_the_last_global_one() {
    let image = bytes(|a| {
        asm!(a;
            label "one"; label ".x"; nop; jmp ".x";
            label "two"; label ".x"; nop; jmp ".x"; jmp "one.x";
        );
    });
    assert_eq!(image, [0x90, 0xEB, 0xFD, 0x90, 0xEB, 0xFD, 0xEB, 0xF8]);
}

#[test]
fn far_pointers_prefixes_and_placement() {
    let image = bytes(|a| {
        asm!(a;
            jmp_far 0xF000, "there";
            rep_cs_movsw;
            cs_lodsb;
            align   16;
            label   "there";
            far_ptr 0xC000, "there";
        );
    });
    assert_eq!(image[..10], [0xEA, 0x10, 0x00, 0x00, 0xF0, 0x2E, 0xF3, 0xA5, 0x2E, 0xAC]);
    assert_eq!(image[10..], [0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0x10, 0x00, 0x00, 0xC0]);
}

#[test]
fn both_operand_sizes_in_both_modes() {
    let image = bytes(|a| {
        asm!(a; mov eax, 1; string_movsd; bits32; mov eax, 1; mov ax, w(esi); rep_movsw; bits16; nop; );
    });
    assert_eq!(image[..8], [0x66, 0xB8, 1, 0, 0, 0, 0x66, 0xA5]);
    assert_eq!(image[8..], [0xB8, 1, 0, 0, 0, 0x66, 0x8B, 0x06, 0x66, 0xF3, 0xA5, 0x90]);
}

#[test]
fn checksum_makes_the_bytes_add_up_to_zero() {
    let image = bytes(|a| {
        asm!(a; db &[1, 2, 0, 250]; );
        a.checksum(0, 4, 2);
    });
    assert_eq!(image, [1, 2, 3, 250]);
}

#[test]
#[should_panic(expected = "taken already")]
fn overlapping_bytes_end_the_build() {
    bytes(|a| {
        asm!(a; db &[1, 2]; org 1; nop; );
    });
}

#[test]
#[should_panic(expected = "unknown labels: nowhere")]
fn an_unknown_label_ends_the_build() {
    bytes(|a| {
        asm!(a; call "nowhere"; );
    });
}

#[test]
#[should_panic(expected = "defined twice")]
fn a_label_has_one_place() {
    bytes(|a| {
        asm!(a; label "x"; nop; label "x"; );
    });
}

#[test]
#[should_panic(expected = "too far")]
fn loops_do_not_reach_far() {
    bytes(|a| {
        asm!(a; label "x"; fill 200, 0; loop_ "x"; );
    });
}
