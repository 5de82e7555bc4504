//! Far jumps, calls and returns in protected mode: code segments, call gates, privilege.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;

fn far(opcode: u8, selector: u16, offset: u32) -> Vec<u8> {
    let mut code = vec![opcode];
    code.extend(offset.to_le_bytes());
    code.extend(selector.to_le_bytes());
    code
}

const JMP: u8 = 0xEA;
const CALL: u8 = 0x9A;

/// Runs a far JMP or CALL at ring 0 or 3; the fault's vector and error, if any.
fn transfer(rig: &mut Rig, ring: u8, code: &[u8]) -> Option<(u64, u32)> {
    let at = if ring == 0 { CODE } else { USER };
    rig.write(at, code);
    rig.write(0x5000, &[0x90]);
    let s = rig.steps(1);
    if (HANDLERS..HANDLERS + 0x1000).contains(&s.rip) {
        return Some(((s.rip - HANDLERS) / 64, rig.read32(s.gpr[4])));
    }
    None
}

fn jump(ring: u8, selector: u16, spare: u64) -> Option<(u64, u32)> {
    let mut rig = if ring == 0 { Rig::protected("") } else { Rig::user("", 2) };
    rig.set_descriptor(SPARE, spare);
    transfer(&mut rig, ring, &far(JMP, selector, 0x5000))
}

#[test]
fn jumps_to_code_segments() {
    let s = SPARE;
    let e = Some((13, u32::from(s)));
    assert_eq!(jump(0, CS0, 0), None);
    assert_eq!(jump(0, CS16, 0), None);
    assert_eq!(jump(0, CONF, 0), None);
    assert_eq!(jump(3, CONF, 0), None);
    assert_eq!(jump(3, CS3, 0), None);
    assert_eq!(jump(0, 0, 0), Some((13, 0)));
    assert_eq!(jump(0, s, 0), e);
    assert_eq!(jump(0, DS0, 0), Some((13, DS0.into())));
    assert_eq!(jump(0, CS0 | 3, 0), Some((13, CS0.into())), "RPL above CPL");
    assert_eq!(jump(3, CS0, 0), Some((13, CS0.into())));
    assert_eq!(jump(0, CS3, 0), Some((13, (CS3 & !3).into())));
    assert_eq!(jump(0, s, segment(0, 0xF_FFFF, 0x1A, 0xC)), Some((11, s.into())));
    assert_eq!(jump(0, s, segment(0, 0x4FFF, 0x9A, 4)), Some((13, 0)), "beyond the limit");
}

#[test]
fn call_and_return_within_a_level() {
    let mut rig = Rig::protected("");
    rig.write(CODE, &far(CALL, CONF, 0x5000));
    rig.code(0x5000, |a| a.retf_1(8));
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.rip, s.gpr[4]), (CONF, 0x5000, STACK0 - 8));
    assert_eq!([rig.read32(STACK0 - 8), rig.read32(STACK0 - 4)], [CODE as u32 + 7, CS0.into()]);
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.rip, s.gpr[4]), (CS0, CODE + 7, STACK0 + 8));
}

#[test]
fn a_call_gate_copies_parameters_to_the_inner_stack() {
    let mut rig = Rig::user("", 2);
    rig.set_descriptor(GATE, gate(CS0, 0x5000, 0xEC, 2));
    rig.code(USER, |a| {
        a.push(0x1111)?;
        a.push(0x2222)?;
        a.db(&far(CALL, GATE | 3, 0xDEAD))?;
        a.nop()
    });
    rig.code(0x5000, |a| a.retf_1(8));
    let s = rig.steps(3);
    assert_eq!((s.seg[1].selector, s.seg[2].selector, s.rip), (CS0, DS0, 0x5000));
    assert_eq!(s.gpr[4], TSS_STACK0 - 24);
    let frame: Vec<u32> = (0..6).map(|i| rig.read32(s.gpr[4] + 4 * i)).collect();
    let back = rig.read32(s.gpr[4]);
    assert_eq!(frame, [back, CS3.into(), 0x2222, 0x1111, STACK3 as u32 - 8, DS3.into()]);
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.seg[2].selector, s.rip), (CS3, DS3, back.into()));
    assert_eq!(s.gpr[4], STACK3, "both stacks are released");
}

#[test]
fn a_call_gate_to_ring_1_uses_its_own_stack() {
    let mut rig = Rig::user("", 2);
    rig.set_descriptor(GATE, gate(CS1 & !3, 0x5000, 0xEC, 0));
    rig.write(USER, &far(CALL, GATE | 3, 0));
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.seg[2].selector, s.gpr[4]), (CS1, DS1, TSS_STACK0 - 0x1000 - 16));
}

#[test]
fn call_gate_checks() {
    let gates = [
        (gate(CS0, 0x5000, 0x8C, 0), GATE | 3, CALL, Some((13, u32::from(GATE)))),
        (gate(CS0, 0x5000, 0x6C, 0), GATE | 3, CALL, Some((11, GATE.into()))),
        (gate(0, 0x5000, 0xEC, 0), GATE | 3, CALL, Some((13, 0))),
        (gate(DS0, 0x5000, 0xEC, 0), GATE | 3, CALL, Some((13, DS0.into()))),
        (gate(CS0, 0x5000, 0xEC, 0), GATE | 3, JMP, Some((13, CS0.into()))),
        (gate(CONF, 0x5000, 0xEC, 0), GATE | 3, JMP, None),
        (gate(CS3, 0x5000, 0xEC, 0), GATE, JMP, None),
    ];
    for (i, (g, selector, opcode, expected)) in gates.into_iter().enumerate() {
        let mut rig = Rig::user("", 2);
        rig.set_descriptor(GATE, g);
        assert_eq!(transfer(&mut rig, 3, &far(opcode, selector, 0)), expected, "case {i}");
    }
}

#[test]
fn a_16_bit_call_gate_pushes_words() {
    let mut rig = Rig::user("", 2);
    rig.set_descriptor(GATE, gate(CS0, 0x5000, 0xE4, 1));
    rig.code(USER, |a| {
        a.push(0x4321_1111)?;
        a.db(&far(CALL, GATE | 3, 0))
    });
    let s = rig.steps(2);
    assert_eq!(s.gpr[4], TSS_STACK0 - 10);
    let frame: Vec<u16> = (0..5).map(|i| rig.read16(s.gpr[4] + 2 * i)).collect();
    assert_eq!(frame, [12, CS3, 0x1111, (STACK3 - 4) as u16, DS3]);
}

#[test]
fn return_checks() {
    for (code, vector, error) in [(0, 13, 0), (CS3 & !3, 13, CS3 & !3), (DS0, 13, DS0), (SPARE, 11, SPARE)] {
        let mut rig = Rig::protected("");
        rig.set_descriptor(SPARE, segment(0, 0xF_FFFF, 0x1A, 0xC));
        rig.code(CODE, |a| {
            a.push(i32::from(code))?;
            a.push(0x5000)?;
            a.retf()
        });
        let s = rig.until_halt();
        assert_eq!((s.rip, rig.read32(s.gpr[4])), (HANDLERS + 64 * vector + 1, error.into()), "CS {code:x}");
    }
}

#[test]
fn sysenter_and_sysexit() {
    let mut rig = Rig::protected("");
    rig.edit(|s| {
        s.sys.sysenter_cs = 8;
        s.sys.sysenter_esp = 0x7_0000;
        s.sys.sysenter_eip = CODE + 0x100;
    });
    rig.code(CODE, |a| {
        a.mov(edx, USER as u32)?;
        a.mov(ecx, STACK3 as u32)?;
        a.sysexit()
    });
    rig.code(USER, |a| a.sysenter());
    let s = rig.steps(3);
    assert_eq!((s.seg[1].selector, s.seg[2].selector), (CS3, DS3));
    assert_eq!((s.rip, s.gpr[4], s.seg[1].dpl(), s.seg[2].dpl()), (USER, STACK3, 3, 3));
    let s = rig.steps(1);
    assert_eq!((s.seg[1].selector, s.seg[2].selector, s.seg[2].dpl()), (8, 0x10, 0));
    assert_eq!((s.rip, s.gpr[4]), (CODE + 0x100, 0x7_0000));
}
