//! The 286 in real-address mode: what tells it from later processors, as captured from a Harris 80C286.

use super::rig::Rig;
use rewind86_cpu::Exit;

/// A 286 at 0000:7C00 whose vectors lead to a HLT each, 16 bytes apart from 500h on.
fn rig(code: &[u8]) -> Rig {
    let mut rig = Rig::real("286", code);
    for v in 0..32 {
        rig.write16(4 * v, 0x500 + 16 * v as u16);
        rig.write(0x500 + 16 * v, &[0xF4]);
    }
    rig
}

/// The vector that the code raises.
fn vector(code: &[u8]) -> u64 {
    let mut rig = rig(code);
    let s = rig.until_halt();
    assert_eq!(rig.read16(0x6FFA), 0x7C00, "the fault is at the instruction");
    (s.rip - 0x500) / 16
}

#[test]
fn prefixes_of_the_386_are_undefined_and_so_are_its_segment_registers() {
    for code in [[0x66, 0x90], [0x67, 0x90], [0x64, 0x90], [0x65, 0x90], [0x8E, 0xE0], [0x8C, 0xE8], [0x0F, 0xA0]] {
        assert_eq!(vector(&code), 6, "{code:02X?}");
    }
}

#[test]
fn lock_goes_with_every_instruction() {
    // LOCK MOV AX, 1234h; LOCK DS: LOCK INC AX; LOCK JMP +0; HLT
    let mut rig = rig(&[0xF0, 0xB8, 0x34, 0x12, 0xF0, 0x3E, 0xF0, 0x40, 0xF0, 0xEB, 0x00, 0xF4]);
    let s = rig.until_halt();
    assert_eq!((s.gpr[0], s.rip), (0x1235, 0x7C0C));
}

#[test]
fn eleven_bytes_are_too_many() {
    let mut code = [0x26; 11];
    code[9] = 0x90;
    assert_eq!(rig(&code).run(1), Exit::Limit, "ten bytes run");
    code[9] = 0x26;
    code[10] = 0x90;
    assert_eq!(vector(&code), 13);
}

#[test]
fn iopl_and_nt_cannot_be_set() {
    // PUSH F2D5h; POPF; PUSHF; POP AX; HLT
    let s = rig(&[0x68, 0xD5, 0xF2, 0x9D, 0x9C, 0x58, 0xF4]).until_halt();
    assert_eq!(s.gpr[0], 0x02D7);
}

#[test]
fn a_stack_operand_past_the_limit_is_a_protection_fault() {
    // MOV AX, [BP]
    let mut rig = rig(&[0x8B, 0x46, 0x00]);
    rig.edit(|s| s.gpr[5] = 0xFFFF);
    assert_eq!(rig.until_halt().rip, 0x500 + 16 * 13 + 1);
}

#[test]
fn a_faulting_string_instruction_has_moved_its_index() {
    // REP STOSW at FFFFh counts twice; MOVSW stops at its source; CMPSW reads ES:DI first; POP [SI] keeps SP.
    let run = |code: &[u8], si: u64, di: u64| {
        let mut rig = rig(code);
        rig.edit(|s| (s.gpr[1], s.gpr[6], s.gpr[7]) = (5, si, di));
        let s = rig.until_halt();
        assert_eq!(s.rip, 0x500 + 16 * 13 + 1);
        (s.gpr[1], s.gpr[6], s.gpr[7], s.gpr[4])
    };
    assert_eq!(run(&[0xF3, 0xAB], 0x10, 0xFFFF), (3, 0x10, 1, 0x6FFA));
    assert_eq!(run(&[0xF3, 0xA5], 0xFFFF, 0x20), (4, 1, 0x20, 0x6FFA));
    assert_eq!(run(&[0xA5], 0x10, 0xFFFF), (5, 0x12, 1, 0x6FFA));
    assert_eq!(run(&[0xA7], 0xFFFF, 0xFFFF), (5, 0xFFFF, 1, 0x6FFA));
    assert_eq!(run(&[0xA7], 0xFFFF, 0x20), (5, 1, 0x22, 0x6FFA));
    assert_eq!(run(&[0x8F, 0x04], 0xFFFF, 0), (5, 0xFFFF, 0, 0x6FFC));
}
