//! The pair driven as a BIOS, Linux and old drivers do.

use super::*;
use crate::ctx::IrqLines;

fn at() -> (Pic, IrqLines) {
    let mut pic = Pic::new();
    for (port, words) in [(0x20, [0x11, 0x08, 0x04, 0x01]), (0xA0, [0x11, 0x70, 0x02, 0x01])] {
        pic.write(port, words[0]);
        for word in &words[1..] {
            pic.write(port + 1, *word);
        }
    }
    (pic, IrqLines::default())
}

/// The lines as they are, with `routed` ORed in.
fn sync(pic: &mut Pic, lines: &mut IrqLines, routed: u16) {
    pic.sync(lines.levels() as u16 | routed, lines.take_edges() as u16);
}

fn raise(pic: &mut Pic, lines: &mut IrqLines, line: u8) {
    lines.set(line, true);
    sync(pic, lines, 0);
}

fn lower(pic: &mut Pic, lines: &mut IrqLines, line: u8) {
    lines.set(line, false);
    sync(pic, lines, 0);
}

fn irr(pic: &mut Pic, port: u16) -> u8 {
    pic.write(port, 0x0A);
    pic.read(port)
}

fn isr(pic: &mut Pic, port: u16) -> u8 {
    pic.write(port, 0x0B);
    pic.read(port)
}

#[test]
fn edge_request_is_served_once() {
    let (mut pic, mut l) = at();
    raise(&mut pic, &mut l, 0);
    assert!(pic.int_output());
    assert_eq!((irr(&mut pic, 0x20), isr(&mut pic, 0x20)), (1, 0));
    assert_eq!(pic.ack(), 0x08);
    assert_eq!((irr(&mut pic, 0x20), isr(&mut pic, 0x20)), (0, 1));
    pic.write(0x20, 0x20);
    sync(&mut pic, &mut l, 0);
    assert!(!pic.int_output(), "a high line is no second edge");
    lower(&mut pic, &mut l, 0);
    raise(&mut pic, &mut l, 0);
    assert!(pic.int_output());
}

#[test]
fn pulse_stays_latched_but_withdrawn_level_does_not() {
    let (mut pic, mut l) = at();
    l.pulse(4);
    sync(&mut pic, &mut l, 0);
    sync(&mut pic, &mut l, 0);
    assert!(pic.int_output());
    assert_eq!(pic.ack(), 0x0C);
    pic.write(0x20, 0x20);
    raise(&mut pic, &mut l, 3);
    lower(&mut pic, &mut l, 3);
    assert!(!pic.int_output());
}

#[test]
fn rise_and_fall_of_a_high_line_is_an_edge() {
    let (mut pic, mut l) = at();
    raise(&mut pic, &mut l, 1);
    assert_eq!(pic.ack(), 0x09);
    pic.write(0x20, 0x20);
    l.set(1, false);
    l.set(1, true);
    sync(&mut pic, &mut l, 0);
    assert_eq!(pic.ack(), 0x09);
}

#[test]
fn fully_nested_priorities() {
    let (mut pic, mut l) = at();
    raise(&mut pic, &mut l, 5);
    assert_eq!(pic.ack(), 0x0D);
    raise(&mut pic, &mut l, 6);
    assert!(!pic.int_output(), "lower priority waits");
    raise(&mut pic, &mut l, 1);
    assert_eq!(pic.ack(), 0x09);
    pic.write(0x20, 0x20);
    assert_eq!(isr(&mut pic, 0x20), 0x20);
    assert!(!pic.int_output());
    pic.write(0x20, 0x65);
    assert_eq!(pic.ack(), 0x0E);
}

#[test]
fn cascade_needs_both_eois() {
    let (mut pic, mut l) = at();
    raise(&mut pic, &mut l, 8);
    raise(&mut pic, &mut l, 14);
    assert_eq!(irr(&mut pic, 0x20), 4);
    assert_eq!(pic.ack(), 0x70);
    assert_eq!((isr(&mut pic, 0x20), isr(&mut pic, 0xA0)), (4, 1));
    pic.write(0xA0, 0x20);
    assert!(!pic.int_output(), "master still serves IR2");
    pic.write(0x20, 0x20);
    assert_eq!(pic.ack(), 0x76);
}

#[test]
fn masks_and_mask_read_back() {
    let (mut pic, mut l) = at();
    pic.write(0x21, 0xFB);
    pic.write(0xA1, 0xBF);
    assert_eq!((pic.read(0x21), pic.read(0xA1)), (0xFB, 0xBF));
    raise(&mut pic, &mut l, 0);
    raise(&mut pic, &mut l, 8);
    assert!(!pic.int_output());
    raise(&mut pic, &mut l, 14);
    assert_eq!(pic.ack(), 0x76);
    pic.write(0xA0, 0x20);
    pic.write(0x20, 0x20);
    pic.write(0x21, 0xFA);
    assert_eq!(pic.ack(), 0x08, "a masked request was remembered");
}

#[test]
fn spurious_levels_seven_and_fifteen() {
    let (mut pic, mut l) = at();
    assert_eq!(pic.ack(), 0x0F);
    assert_eq!(isr(&mut pic, 0x20), 0);
    // A slave request that vanished after the master took IR2 into account reads as IRQ15 with no ISR bit.
    raise(&mut pic, &mut l, 10);
    pic.slave.write(true, 0xFF);
    assert_eq!(pic.ack(), 0x77);
    assert_eq!((isr(&mut pic, 0x20), isr(&mut pic, 0xA0)), (4, 0));
}

#[test]
fn level_triggered_lines_ask_until_lowered() {
    let (mut pic, mut l) = at();
    pic.write(0x4D0, 0xFF);
    pic.write(0x4D1, 0xFF);
    assert_eq!((pic.read(0x4D0), pic.read(0x4D1)), (0xF8, 0xDE));
    pic.write(0x4D0, 0);
    pic.write(0x4D1, 0x0E);
    sync(&mut pic, &mut l, 1 << 11);
    assert_eq!(pic.ack(), 0x73);
    pic.write(0xA0, 0x20);
    pic.write(0x20, 0x20);
    assert_eq!(pic.ack(), 0x73, "still high");
    sync(&mut pic, &mut l, 0);
    pic.write(0xA0, 0x20);
    pic.write(0x20, 0x20);
    assert!(!pic.int_output());
}

#[test]
fn rotation_forms() {
    let (mut pic, mut l) = at();
    for line in [3, 4] {
        raise(&mut pic, &mut l, line);
    }
    assert_eq!(pic.ack(), 0x0B);
    pic.write(0x20, 0xA0); // rotate on non-specific EOI: 3 becomes lowest
    lower(&mut pic, &mut l, 3);
    raise(&mut pic, &mut l, 3);
    assert_eq!(pic.ack(), 0x0C);
    pic.write(0x20, 0xE4); // rotate on specific EOI: 4 becomes lowest
    assert_eq!(isr(&mut pic, 0x20), 0);
    pic.write(0x20, 0xC2); // set priority: 2 lowest, 3 highest
    raise(&mut pic, &mut l, 0);
    assert_eq!(pic.ack(), 0x0B);
}

#[test]
fn automatic_eoi_and_its_rotation() {
    let (mut pic, mut l) = at();
    pic.write(0x20, 0x11);
    for word in [0x08, 0x04, 0x03] {
        pic.write(0x21, word);
    }
    pic.write(0x20, 0x80);
    raise(&mut pic, &mut l, 0);
    raise(&mut pic, &mut l, 1);
    assert_eq!(pic.ack(), 0x08);
    assert_eq!(isr(&mut pic, 0x20), 0);
    lower(&mut pic, &mut l, 0);
    raise(&mut pic, &mut l, 0);
    assert_eq!(pic.ack(), 0x09, "IR0 rotated to the bottom");
    assert_eq!(pic.ack(), 0x08);
    pic.write(0x20, 0x00);
}

#[test]
fn special_mask_mode_lets_lower_levels_in() {
    let (mut pic, mut l) = at();
    raise(&mut pic, &mut l, 3);
    assert_eq!(pic.ack(), 0x0B);
    raise(&mut pic, &mut l, 6);
    assert!(!pic.int_output());
    pic.write(0x21, 0x08);
    pic.write(0x20, 0x68);
    assert_eq!(pic.ack(), 0x0E);
    pic.write(0x20, 0x20);
    assert_eq!(isr(&mut pic, 0x20), 0x08, "non-specific EOI passes over the masked level");
    pic.write(0x20, 0x48);
    pic.write(0x20, 0x20);
    assert_eq!(isr(&mut pic, 0x20), 0);
}

#[test]
fn special_fully_nested_lets_the_slave_nest() {
    let (mut pic, mut l) = at();
    pic.write(0x20, 0x11);
    for word in [0x08, 0x04, 0x11] {
        pic.write(0x21, word);
    }
    raise(&mut pic, &mut l, 12);
    assert_eq!(pic.ack(), 0x74);
    raise(&mut pic, &mut l, 8);
    assert_eq!(pic.ack(), 0x70, "a higher slave level interrupts");
    raise(&mut pic, &mut l, 3);
    assert!(!pic.int_output(), "IR3 is below the cascade");
}

#[test]
fn poll_acknowledges() {
    let (mut pic, mut l) = at();
    pic.write(0x20, 0x0C);
    assert_eq!(pic.read(0x20), 0);
    raise(&mut pic, &mut l, 5);
    pic.write(0x20, 0x0C);
    assert_eq!(pic.read(0x20), 0x85);
    assert_eq!(isr(&mut pic, 0x20), 0x20);
    assert!(!pic.int_output());
}

#[test]
fn icw1_clears_latches_and_needs_a_new_edge() {
    let (mut pic, mut l) = at();
    pic.write(0x21, 0xFF);
    raise(&mut pic, &mut l, 7);
    pic.write(0x20, 0x11);
    assert_eq!(pic.read(0x20), 0, "IRR after ICW1");
    for word in [0x20, 0x04, 0x01] {
        pic.write(0x21, word);
    }
    assert_eq!(pic.read(0x21), 0);
    sync(&mut pic, &mut l, 0);
    assert!(!pic.int_output());
    lower(&mut pic, &mut l, 7);
    raise(&mut pic, &mut l, 7);
    assert_eq!(pic.ack(), 0x27);
}

#[test]
fn single_mode_without_icw4_takes_two_words() {
    let mut pic = Pic::new();
    pic.write(0x20, 0x12);
    pic.write(0x21, 0x40);
    pic.write(0x21, 0xA5);
    assert_eq!(pic.read(0x21), 0xA5, "third word is OCW1");
}

round_trip!(state_survives, {
    let (mut pic, mut l) = at();
    raise(&mut pic, &mut l, 12);
    pic.ack();
    raise(&mut pic, &mut l, 1);
    pic.write(0x20, 0x11);
    pic
});
