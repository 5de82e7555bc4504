//! Segment register loads, and the instructions that look at descriptors.

use super::pm::*;
use super::rig::Rig;
use iced_x86::code_asm::*;

/// Runs MOV `seg`, selector at ring 0 or 3; the fault's vector and error, if any.
fn load(ring: u8, seg: AsmRegisterSegment, selector: u16, spare: u64) -> Option<(u64, u32)> {
    let mut rig = if ring == 0 { Rig::protected("") } else { Rig::user("", 2) };
    rig.set_descriptor(SPARE, spare);
    let at = if ring == 0 { CODE } else { USER };
    rig.code(at, |a| {
        a.mov(eax, u32::from(selector))?;
        a.mov(seg, ax)?;
        a.nop()
    });
    let s = rig.steps(2);
    if s.rip >= HANDLERS {
        // The fault costs no instruction: the handler's HLT was the second.
        let top = s.gpr[4];
        return Some(((s.rip - HANDLERS) / 64, rig.read32(top)));
    }
    let n = [es, cs, ss, ds, fs, gs].iter().position(|&r| r == seg).unwrap();
    assert_eq!(s.seg[n].selector, selector);
    None
}

const DATA0: u64 = 0x00CF_9200_0000_FFFF;

#[test]
fn data_segments() {
    let sel = SPARE;
    assert_eq!(load(0, ds, sel, DATA0), None);
    assert_eq!(load(0, ds, 0, 0), None);
    assert_eq!(load(0, ds, 3, 0), None);
    assert_eq!(load(0, ds, sel, DATA0 & !(1 << 47)), Some((11, sel.into())));
    assert_eq!(load(0, ds, sel | 3, DATA0), Some((13, sel.into())), "RPL counts");
    assert_eq!(load(3, ds, sel, DATA0), Some((13, sel.into())), "CPL counts");
    assert_eq!(load(3, es, DS3, 0), None);
    assert_eq!(load(0, ds, CS0, 0), None, "readable code");
    assert_eq!(load(0, ds, sel, segment(0, 0xFFFF, 0x98, 4)), Some((13, sel.into())), "execute-only code");
    assert_eq!(load(3, fs, CONF | 3, 0), None, "readable conforming code is for everyone");
    assert_eq!(load(0, gs, TR, 0), Some((13, TR.into())), "a TSS");
    assert_eq!(load(0, gs, 0x80, 0), Some((13, 0x80)), "beyond the limit");
}

#[test]
fn stack_segments() {
    let sel = SPARE;
    assert_eq!(load(0, ss, sel, DATA0), None);
    assert_eq!(load(0, ss, 0, 0), Some((13, 0)));
    assert_eq!(load(0, ss, sel | 1, DATA0), Some((13, sel.into())));
    assert_eq!(load(0, ss, DS3 & !3, 0), Some((13, (DS3 & !3).into())));
    assert_eq!(load(0, ss, sel, DATA0 & !(1 << 41)), Some((13, sel.into())), "read-only");
    assert_eq!(load(0, ss, sel, DATA0 & !(1 << 47)), Some((12, sel.into())));
}

#[test]
fn loads_set_the_accessed_bit_and_use_the_ldt() {
    let mut rig = Rig::protected("");
    rig.set_descriptor(SPARE, DATA0);
    rig.write64(LDT + 8, segment(0x1234, 0x10, 0x92, 4));
    rig.code(CODE, |a| {
        a.mov(eax, u32::from(SPARE))?;
        a.mov(fs, ax)?;
        a.mov(eax, 0xCu32)?;
        a.mov(gs, ax)?;
        a.nop()
    });
    let s = rig.steps(4);
    assert_eq!(rig.descriptor(SPARE), DATA0 | 1 << 40);
    assert_eq!((s.seg[5].base, s.seg[5].limit), (0x1234, 0x10));
    assert_eq!(rig.read64(LDT + 8) >> 40 & 1, 1);
}

#[test]
fn limits_and_rights_of_loaded_segments() {
    // Read-only, 16 bytes; expand-down above 0xFFF.
    for (descriptor, offset, write, faults) in [
        (segment(0x6000, 15, 0x90, 4), 12, false, false),
        (segment(0x6000, 15, 0x90, 4), 13, false, true),
        (segment(0x6000, 15, 0x90, 4), 0, true, true),
        (segment(0, 0xFFF, 0x96, 0), 0x1000, false, false),
        (segment(0, 0xFFF, 0x96, 0), 0xFFF, false, true),
        (segment(0, 0xFFF, 0x96, 0), 0xFFFD, false, true),
        (segment(0, 0xFFF, 0x96, 4), 0xFFFD, false, false),
        (segment(0, 0xF_FFFF, 0x9A, 0xC), 0, true, true),
    ] {
        let mut rig = Rig::protected("");
        rig.set_descriptor(SPARE, descriptor);
        rig.code(CODE, |a| {
            a.mov(eax, u32::from(SPARE))?;
            a.mov(fs, ax)?;
            let m = dword_ptr(offset).fs();
            if write {
                a.mov(m, ecx)?
            } else {
                a.mov(ecx, m)?
            };
            a.nop()
        });
        let s = rig.steps(3);
        assert_eq!(s.rip >= HANDLERS, faults, "{descriptor:x} {offset:x}");
    }
}

#[test]
fn null_segments_fault_on_use() {
    let mut rig = Rig::protected("");
    rig.code(CODE, |a| {
        a.xor(eax, eax)?;
        a.mov(ds, ax)?;
        a.mov(ecx, dword_ptr(0x100))
    });
    let s = rig.until_halt();
    assert_eq!((s.rip, rig.read32(s.gpr[4])), (HANDLERS + 64 * 13 + 1, 0));
}

#[test]
fn flat_code_keeps_its_speed_and_meaning_when_ds_changes() {
    // The same block, with DS flat and then with a base.
    let mut rig = Rig::protected("");
    rig.set_descriptor(SPARE, segment(0x100, 0xFFFF, 0x92, 4));
    rig.write32(0x6000, 1);
    rig.write32(0x6100, 2);
    rig.code(CODE, |a| {
        let mut top = a.create_label();
        a.mov(ebx, u32::from(SPARE))?;
        a.xor(edx, edx)?;
        a.set_label(&mut top)?;
        a.mov(ecx, dword_ptr(0x6000))?;
        a.add(edx, ecx)?;
        a.mov(ds, bx)?;
        a.jmp(top)
    });
    let s = rig.steps(2 + 4 + 2);
    assert_eq!(s.gpr[2], 3);
}

#[test]
fn lar_lsl_verr_verw_arpl() {
    let mut rig = Rig::user("", 2);
    rig.code(USER, |a| {
        a.mov(ecx, u32::from(DS3))?;
        a.lar(eax, ecx)?;
        a.setz(bl)?;
        a.lsl(edx, ecx)?;
        a.mov(ecx, u32::from(DS0))?;
        a.lar(esi, ecx)?;
        a.setz(bh)?;
        a.mov(ecx, u32::from(CS3))?;
        a.verr(cx)?;
        a.setz(cl)?;
        a.mov(edi, u32::from(CS3))?;
        a.verw(di)?;
        a.setz(ch)?;
        a.mov(edi, 0x40u32)?;
        a.arpl(di, ax)?;
        a.nop()
    });
    rig.edit(|s| s.gpr[6] = 0x55);
    let s = rig.steps(15);
    assert_eq!(s.gpr[0], 0xCF_F300);
    assert_eq!(s.gpr[3], 1, "DS3 is visible, DS0 is not");
    assert_eq!((s.gpr[2], s.gpr[6]), (0xFFFF_FFFF, 0x55));
    assert_eq!(s.gpr[1] & 0xFFFF, 1, "code is readable and never writable");
    assert_eq!((s.gpr[7], s.rflags & 0x40), (0x40, 0));
}

#[test]
fn ltr_and_lldt_check_types() {
    for (selector, is_ltr, expected) in [
        (DS0, true, Some((13, u32::from(DS0)))),
        (0, true, Some((13, 0))),
        (TR, true, Some((13, TR.into()))),
        (TR2, true, None),
        (TR2, false, Some((13, TR2.into()))),
        (LDTR | 4, false, Some((13, u32::from(LDTR | 4)))),
        (0, false, None),
        (LDTR, false, None),
    ] {
        let mut rig = Rig::protected("");
        rig.code(CODE, |a| {
            a.mov(eax, u32::from(selector))?;
            if is_ltr {
                a.ltr(ax)?
            } else {
                a.lldt(ax)?
            };
            a.hlt()
        });
        let s = rig.until_halt();
        let fault = (s.rip > HANDLERS).then(|| ((s.rip - HANDLERS) / 64, rig.read32(s.gpr[4])));
        assert_eq!(fault, expected, "{selector:x}");
        if is_ltr && expected.is_none() {
            assert_eq!(rig.descriptor(TR2) >> 40 & 0xF, 11, "busy");
        }
    }
}
