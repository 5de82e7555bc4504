//! Details that single instructions show on processors: the order of their accesses and faults, and what a fault leaves.

use super::pm::USER;
use super::rig::Rig;

#[test]
fn a_branch_of_almost_2_gib_goes_forward() {
    // JMP rel32 with the largest displacement, from the middle of a page.
    let mut rig = Rig::long_user();
    rig.write(USER, &[0xE9, 0xFF, 0xFF, 0xFF, 0x7F]);
    let s = rig.steps(1);
    assert_eq!(s.rip, USER + 5 + 0x7FFF_FFFF);
    // JS rel32 likewise.
    let mut rig = Rig::long_user();
    rig.edit(|s| s.rflags |= 0x80);
    rig.write(USER, &[0x0F, 0x88, 0xF0, 0xFF, 0xFF, 0x7F]);
    let s = rig.steps(1);
    assert_eq!(s.rip, USER + 6 + 0x7FFF_FFF0);
}

#[test]
fn a_repeated_comparison_that_faults_leaves_the_flags_alone() {
    // REPE SCASB with a 32-bit address runs into the limit behind two equal bytes.
    let mut rig = Rig::real("486", &[0x67, 0xF3, 0xAE]);
    rig.write16(13 * 4, 0x500);
    rig.write(0x500, &[0xF4]);
    rig.edit(|s| {
        s.gpr[0] = 0;
        s.gpr[1] = 5;
        s.gpr[7] = 0x1_0000 - 2;
        s.rflags = 0x8D7 & !0x40;
    });
    let s = rig.until_halt();
    assert_eq!((s.gpr[1], s.gpr[7]), (3, 0x1_0000));
    assert_eq!(rig.read16(0x6FFE) & 0x8D5, 0x895, "as before the instruction");
}

#[test]
fn a_selector_is_popped_as_a_word() {
    // POP DS with a 32-bit operand, two bytes below the limit of the stack.
    let mut rig = Rig::real("486", &[0x66, 0x1F]);
    rig.write16(0xFFFE, 0x1234);
    rig.edit(|s| s.gpr[4] = 0xFFFE);
    let s = rig.steps(1);
    assert_eq!((s.seg[3].selector, s.gpr[4] & 0xFFFF), (0x1234, 2));
}

#[test]
fn a_call_to_a_bad_target_leaves_the_stack_pointer() {
    // CALL EAX, to an offset beyond the limit.
    let mut rig = Rig::real("486", &[0x66, 0xFF, 0xD0]);
    rig.write16(13 * 4, 0x500);
    rig.write(0x500, &[0xF4]);
    rig.edit(|s| s.gpr[0] = 0x2_0000);
    let s = rig.until_halt();
    assert_eq!((s.gpr[4], rig.read16(0x6FFA)), (0x6FFA, 0x7C00));
}

#[test]
fn bound_looks_at_the_lower_limit_alone_when_that_decides() {
    let mut rig = Rig::real("486", &[0x62, 0x07]);
    for v in [5u64, 13] {
        rig.write16(4 * v, 0x500 + v as u16);
        rig.write(0x500 + v, &[0xF4]);
    }
    rig.write16(0xFFFE, 5);
    rig.edit(|s| (s.gpr[0], s.gpr[3]) = (4, 0xFFFE));
    assert_eq!(rig.until_halt().rip, 0x506);
}

#[test]
fn alignment_is_checked_for_words_to_quadwords_and_parts() {
    // CPL 3, AM and AC: MOVUPS anywhere, FNSTENV on a multiple of 4, a quadword on one of 8.
    let outcome = |code: &[u8], at: u64| {
        let mut rig = Rig::long_user();
        rig.write(USER, code);
        rig.edit(|s| {
            s.sys.cr0 |= 1 << 18;
            s.sys.cr4 |= 0x200;
            s.rflags |= 1 << 18;
            s.gpr[0] = at;
        });
        let s = rig.steps(1);
        s.rip == USER + code.len() as u64
    };
    let data = 0x6_0000;
    for (code, unit) in [
        (&[0x0F, 0x10, 0x00][..], 1),
        (&[0x0F, 0x11, 0x00], 1),
        (&[0xD9, 0x30], 4),
        (&[0x66, 0xD9, 0x30], 2),
        (&[0xDB, 0x28], 8),
        (&[0x48, 0x8B, 0x00], 8),
        (&[0x66, 0x8B, 0x00], 2),
    ] {
        for offset in [1, 2, 4, 8] {
            assert_eq!(outcome(code, data + offset), offset % unit == 0, "{code:02X?} at {offset}");
        }
    }
}

#[test]
fn a_386_pushes_sixteen_bits_of_a_segment_register() {
    for (model, upper) in [("386", 0xDEAD), ("486", 0xDEAD), ("pentium", 0), ("nehalem", 0)] {
        // PUSH FS with a 32-bit operand.
        let mut rig = Rig::real(model, &[0x66, 0x0F, 0xA0]);
        rig.edit(|s| s.seg[4].selector = 0x1234);
        rig.write16(0x6FFE, 0xDEAD);
        let s = rig.steps(1);
        assert_eq!((s.gpr[4], rig.read16(0x6FFC), rig.read16(0x6FFE)), (0x6FFC, 0x1234, upper), "{model}");
    }
}
