//! IA-32e mode: the way in, 64-bit gates and stacks, SYSCALL, compatibility code.

use super::pm::*;
use super::rig::{Rig, assemble};
use iced_x86::IcedError;
use iced_x86::code_asm::*;
use rewind86_cpu::CpuState;

pub const PML4: u64 = 0x10_0000;
/// 64-bit code of ring 0 and ring 3; SYSRET wants 32-bit code, data, 64-bit code in this order.
const CS64: u16 = 0x58;
const USER32: u16 = 0x83;
const USER_DS: u16 = 0x8B;
const USER64: u16 = 0x93;
const TR64: u16 = 0x98;
pub const CODE64: u64 = 0x4_0000;
const EFER: u32 = 0xC000_0080;
const IST1: u64 = 0xB_0008;

impl Rig {
    pub fn code64(&mut self, at: u64, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) {
        let code = assemble(64, at, build);
        self.write(at, &code);
    }

    fn gate64(&mut self, vector: u64, selector: u16, offset: u64, access: u8, ist: u8) {
        self.write64(IDT + 16 * vector, gate(selector, offset as u32, access, ist));
        self.write64(IDT + 16 * vector + 8, offset >> 32);
    }

    /// 64-bit ring 0 at [`CODE64`], entered by the instructions that a kernel uses; 1 GiB mapped twice: at 0 and at
    /// the top of the address space.
    pub fn long() -> Self {
        Self::long_as("")
    }

    /// As [`Self::long`], on `model`.
    pub fn long_as(model: &str) -> Self {
        let mut rig = Self::protected(model);
        for (at, value) in [(0, PML4 + 0x1003), (0xFF8, PML4 + 0x1003)] {
            rig.write64(PML4 + at, value | 4);
        }
        rig.write64(PML4 + 0x1000, (PML4 + 0x2000) | 7);
        rig.write64(PML4 + 0x1FF0, (PML4 + 0x2000) | 7);
        for i in 0..512 {
            rig.write64(PML4 + 0x2000 + 8 * i, i << 21 | 0x87);
        }
        for (selector, value) in [
            (CS64, segment(0, 0xF_FFFF, 0x9A, 0xA)),
            (USER32, segment(0, 0xF_FFFF, 0xFA, 0xC)),
            (USER_DS, segment(0, 0xF_FFFF, 0xF2, 0xC)),
            (USER64, segment(0, 0xF_FFFF, 0xFA, 0xA)),
            (TR64, segment(TSS2 as u32, 0x67, 0x89, 0)),
        ] {
            rig.set_descriptor(selector, value);
        }
        rig.write64(GDT + u64::from(TR64) + 8, 0);
        rig.write64(TSS2 + 4, TSS_STACK0);
        rig.write64(TSS2 + 0x24, IST1);
        for vector in 0..32 {
            rig.gate64(vector, CS64, HANDLERS + 64 * vector, 0x8E, 0);
        }
        rig.edit(|s| {
            s.sys.gdtr.limit = 0xAF;
            s.sys.idtr.limit = 0x3FF;
        });
        rig.code(CODE, |a| {
            a.mov(eax, PML4 as u32)?;
            a.mov(cr3, eax)?;
            a.mov(eax, 0x20u32)?;
            a.mov(cr4, eax)?;
            a.mov(ecx, EFER)?;
            a.rdmsr()?;
            a.or(eax, 0x101)?;
            a.wrmsr()?;
            a.mov(eax, cr0)?;
            a.or(eax, 0x8000_0000u32 as i32)?;
            a.mov(cr0, eax)?;
            a.db(&[0xEA, 0, 0, 4, 0, CS64 as u8, 0])
        });
        rig.code64(CODE64, |a| {
            a.mov(eax, u32::from(TR64))?;
            a.ltr(ax)?;
            a.mov(rsp, STACK0)
        });
        let s = rig.steps(12);
        assert_eq!((s.rip, s.seg[1].selector, s.sys.efer), (CODE64, CS64, 0x501));
        rig.steps(3);
        rig.cpu.set_rip(CODE64);
        rig
    }

    /// 64-bit ring 3 at [`USER`].
    pub fn long_user() -> Self {
        let mut rig = Self::long();
        rig.code64(CODE64, |a| {
            a.push(i32::from(USER_DS))?;
            a.push(STACK3 as i32)?;
            a.push(0x202)?;
            a.push(i32::from(USER64))?;
            a.push(USER as i32)?;
            a.iretq()
        });
        let s = rig.steps(6);
        assert_eq!((s.seg[1].selector, s.seg[2].selector, s.rip, s.gpr[4]), (USER64, USER_DS, USER, STACK3));
        rig
    }

    fn frame64(&self, s: &CpuState) -> Vec<u64> {
        (0..6).map(|i| self.read64(s.gpr[4] + 8 * i)).collect()
    }
}

#[test]
fn exceptions_push_five_or_six_quadwords_on_an_aligned_stack() {
    let mut rig = Rig::long();
    rig.code64(CODE64, |a| {
        a.push(0)?;
        a.mov(eax, 0x1000u32)?;
        a.mov(ds, eax)
    });
    let s = rig.until_halt();
    assert_eq!((s.rip, s.gpr[4]), (HANDLERS + 64 * 13 + 1, STACK0 - 16 - 48));
    let mut frame = rig.frame64(&s);
    frame[3] &= !0x8D5;
    assert_eq!(frame, [0x1000, CODE64 + 7, CS64.into(), 0x1_0002, STACK0 - 8, DS0.into()]);
}

#[test]
fn ring_3_goes_to_rsp0_or_an_ist_and_back() {
    for (ist, top) in [(0, TSS_STACK0), (1, IST1 & !15)] {
        let mut rig = Rig::long_user();
        rig.gate64(0x30, CS64, HANDLERS, 0xEE, ist);
        rig.code64(HANDLERS, |a| a.iretq());
        rig.code64(USER, |a| a.int(0x30));
        let s = rig.steps(1);
        assert_eq!((s.rip, s.gpr[4], s.seg[2].selector, s.rflags), (HANDLERS, top - 40, 0, 2));
        assert_eq!(rig.frame64(&s)[..5], [USER + 2, USER64.into(), 0x202, STACK3, USER_DS.into()]);
        let s = rig.steps(1);
        assert_eq!((s.rip, s.gpr[4], s.seg[1].selector, s.seg[2].selector), (USER + 2, STACK3, USER64, USER_DS));
    }
}

#[test]
fn handlers_may_lie_in_the_upper_half() {
    const HIGH: u64 = 0xFFFF_FFFF_8000_0000;
    let mut rig = Rig::long_user();
    rig.gate64(0x30, CS64, HIGH + HANDLERS, 0xEE, 0);
    let code = assemble(64, HIGH + HANDLERS, |a| {
        a.call(HIGH + 0x5000)?;
        a.hlt()
    });
    rig.write(HANDLERS, &code);
    rig.code64(0x5000, |a| a.ret());
    rig.code64(USER, |a| a.int(0x30));
    let s = rig.steps(4);
    assert_eq!((s.rip, s.gpr[4]), (HIGH + HANDLERS + 6, TSS_STACK0 - 40));
}

#[test]
fn syscall_and_sysret() {
    let mut rig = Rig::long_user();
    rig.edit(|s| {
        s.sys.star = u64::from(USER32) << 48 | u64::from(CS64) << 32;
        s.sys.lstar = CODE64 + 0x100;
        s.sys.sfmask = 0x200;
    });
    rig.code64(USER, |a| a.syscall());
    rig.code64(CODE64 + 0x100, |a| a.sysretq());
    let s = rig.steps(1);
    assert_eq!((s.rip, s.seg[1].selector, s.seg[2].selector, s.seg[2].dpl()), (CODE64 + 0x100, CS64, CS64 + 8, 0));
    assert_eq!((s.gpr[1], s.gpr[11], s.rflags, s.gpr[4]), (USER + 2, 0x202, 2, STACK3));
    let s = rig.steps(1);
    assert_eq!((s.rip, s.seg[1].selector, s.seg[2].selector, s.seg[2].dpl()), (USER + 2, USER64, USER_DS, 3));
    assert_eq!(s.rflags, 0x202);
}

#[test]
fn sysret_with_the_trap_flag_traps_before_the_next_instruction() {
    let mut rig = Rig::long_user();
    rig.edit(|s| {
        s.sys.star = u64::from(USER32) << 48 | u64::from(CS64) << 32;
        s.sys.lstar = CODE64 + 0x100;
        s.sys.sfmask = 0x300;
        s.rflags |= 0x100;
    });
    // The first SYSCALL clears TF, so nothing traps in the kernel; the second is not reached.
    rig.code64(USER, |a| {
        a.syscall()?;
        a.syscall()
    });
    rig.code64(CODE64 + 0x100, |a| a.sysretq());
    let s = rig.until_halt();
    assert_eq!(s.rip, HANDLERS + 64 + 1);
    let frame = rig.frame64(&s);
    assert_eq!((frame[0], frame[1], frame[2] & 0x100), (USER + 2, USER64.into(), 0x100));
}

#[test]
fn sysret_that_clears_the_trap_flag_does_not_trap() {
    let mut rig = Rig::long_user();
    rig.edit(|s| {
        s.sys.star = u64::from(USER32) << 48 | u64::from(CS64) << 32;
        s.sys.lstar = CODE64 + 0x100;
    });
    // The kernel steps over SYSRET, to a program that is not stepped; HLT there is #GP.
    rig.code64(USER, |a| {
        a.syscall()?;
        a.hlt()
    });
    rig.code64(CODE64 + 0x100, |a| {
        a.pushfq()?;
        a.or(qword_ptr(rsp), 0x100)?;
        a.popfq()?;
        a.sysretq()
    });
    rig.steps(1);
    rig.edit(|s| s.gpr[4] = STACK0);
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1);
}

#[test]
fn compatibility_code_takes_interrupts_as_64_bit_frames() {
    let mut rig = Rig::long();
    rig.code64(CODE64, |a| {
        a.push(i32::from(USER_DS))?;
        a.push(STACK3 as i32)?;
        a.push(2)?;
        a.push(i32::from(USER32))?;
        a.push(USER as i32)?;
        a.iretq()
    });
    rig.code(USER, |a| {
        a.inc(eax)?;
        a.ud2()
    });
    rig.code64(HANDLERS + 64 * 6, |a| {
        a.add(qword_ptr(rsp), 2)?;
        a.iretq()
    });
    rig.code(USER + 3, |a| a.dec(ebx));
    let s = rig.steps(7);
    assert_eq!((s.rip, s.seg[1].selector), (USER + 1, USER32));
    let s = rig.steps(3);
    assert_eq!((s.rip, s.gpr[4]), (USER + 4, STACK3));
    assert_eq!(rig.read64(TSS_STACK0 - 32), USER32.into());
}

#[test]
fn swapgs_and_base_registers() {
    let mut rig = Rig::long();
    rig.code64(CODE64, |a| {
        a.mov(ecx, 0xC000_0102u32)?;
        a.mov(eax, 0x6000u32)?;
        a.xor(edx, edx)?;
        a.wrmsr()?;
        a.swapgs()?;
        a.mov(rbx, qword_ptr(0x10).gs())?;
        a.xor(eax, eax)?;
        a.mov(gs, eax)?;
        a.hlt()
    });
    rig.write64(0x6010, 0x1122_3344_5566_7788);
    let s = rig.steps(6);
    assert_eq!((s.gpr[3], s.seg[5].base), (0x1122_3344_5566_7788, 0x6000));
    assert_eq!(rig.until_halt().seg[5].base, 0);
}

#[test]
fn a_64_bit_call_gate() {
    let mut rig = Rig::long_user();
    // Sixteen bytes: the gate and its upper half.
    rig.set_descriptor(TR2, gate(CS64, 0x5000, 0xEC, 0));
    rig.set_descriptor(LDTR, 0);
    rig.write(0x6000, &[0, 0, 0, 0, TR2 as u8 | 3, 0]);
    rig.code64(USER, |a| a.db(&[0xFF, 0x1C, 0x25, 0, 0x60, 0, 0]));
    rig.code64(0x5000, |a| a.db(&[0x48, 0xCB]));
    let s = rig.steps(1);
    assert_eq!((s.rip, s.seg[1].selector, s.seg[2].selector, s.gpr[4]), (0x5000, CS64, 0, TSS_STACK0 - 32));
    assert_eq!(rig.frame64(&s)[..4], [USER + 7, USER64.into(), STACK3, USER_DS.into()]);
    let s = rig.steps(1);
    assert_eq!((s.rip, s.seg[1].selector, s.gpr[4]), (USER + 7, USER64, STACK3));
}

#[test]
fn what_is_not_canonical_faults() {
    let mut rig = Rig::long();
    rig.code64(CODE64, |a| {
        a.mov(rax, 0x8000_0000_0000u64)?;
        a.mov(rbx, qword_ptr(rax))
    });
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1);
    // A gate to nowhere.
    rig = Rig::long();
    rig.gate64(3, CS64, 0x8000_0000_0000, 0x8E, 0);
    rig.code64(CODE64, |a| a.int3());
    let s = rig.until_halt();
    assert_eq!((s.rip, rig.read64(s.gpr[4])), (HANDLERS + 64 * 13 + 1, 0));
}

#[test]
fn old_gates_and_tasks_are_gone() {
    for access in [0x85, 0x86, 0x87] {
        let mut rig = Rig::long();
        rig.gate64(3, CS64, HANDLERS, access, 0);
        rig.code64(CODE64, |a| a.int3());
        let s = rig.until_halt();
        assert_eq!((s.rip, rig.read64(s.gpr[4])), (HANDLERS + 64 * 13 + 1, 3 << 3 | 2));
    }
    let mut rig = Rig::long();
    rig.edit(|s| s.rflags |= 0x4000);
    rig.code64(CODE64, |a| a.iretq());
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1);
}

#[test]
fn leaving_needs_compatibility_code() {
    let mut rig = Rig::long();
    rig.code64(CODE64, |a| {
        a.mov(rax, cr0)?;
        a.and(eax, 0x7FFF_FFFF)?;
        a.mov(cr0, rax)
    });
    assert_eq!(rig.until_halt().rip, HANDLERS + 64 * 13 + 1);
    let mut rig = Rig::long();
    rig.write(0x6000, &[0, 0, 2, 0, CS0 as u8, 0]);
    rig.code64(CODE64, |a| a.db(&[0xFF, 0x2C, 0x25, 0, 0x60, 0, 0]));
    rig.code(USER, |a| {
        a.mov(eax, cr0)?;
        a.and(eax, 0x7FFF_FFFF)?;
        a.mov(cr0, eax)?;
        a.hlt()
    });
    let s = rig.until_halt();
    assert_eq!((s.rip, s.sys.efer, s.sys.cr0 >> 31), (USER + 12, 0x101, 0));
}

#[test]
fn cr8_is_the_upper_half_of_the_task_priority() {
    let mut rig = Rig::long();
    rig.edit(|s| s.lines.apic.tpr = 0x5A);
    // mov rax,cr8; mov ebx,9; mov cr8,rbx; hlt
    rig.code64(CODE64, |a| {
        a.mov(rax, cr8)?;
        a.mov(ebx, 9)?;
        a.mov(cr8, rbx)?;
        a.hlt()
    });
    rig.board.intr_on_priority = true;
    let s = rig.until_halt();
    assert_eq!((s.gpr[0], s.lines.apic.tpr), (5, 0x90));
    assert!(s.lines.intr, "the board was told and answered at once");
}

#[test]
fn the_apic_base_keeps_its_reserved_bits_and_hides_a_disabled_apic() {
    let run = |value: u64| {
        let mut rig = Rig::long();
        rig.edit(|s| (s.gpr[0], s.gpr[2]) = (value & 0xFFFF_FFFF, value >> 32));
        rig.code64(CODE64, |a| {
            a.mov(ecx, 0x1B)?;
            a.wrmsr()?;
            a.mov(eax, 1)?;
            a.cpuid()?;
            a.hlt()
        });
        let s = rig.until_halt();
        (s.lines.apic.base, s.gpr[2] >> 9 & 1)
    };
    let start = 0xFEE0_0900;
    assert_eq!(run(start), (start, 1));
    assert_eq!(run(0xFEC1_0800), (0xFEC1_0900, 1), "the bootstrap processor stays it");
    assert_eq!(run(0xFEE0_0100), (0xFEE0_0100, 0));
    for reserved in [start | 1, start | 1 << 9, start | 1 << 10, start | 1 << 40] {
        assert_eq!(run(reserved).0, start, "{reserved:x} faults");
    }
}

#[test]
fn a_return_to_ring_3_takes_selectors_and_leaves_the_bases_of_fs_and_gs() {
    let mut rig = Rig::long();
    rig.edit(|s| {
        for n in [4, 5] {
            s.seg[n] = rewind86_cpu::regs::Segment::new(DS0, 0x6000, u32::MAX, s.seg[3].attr);
        }
    });
    rig.code64(CODE64, |a| {
        a.push(i32::from(USER_DS))?;
        a.push(STACK3 as i32)?;
        a.push(0x202)?;
        a.push(i32::from(USER64))?;
        a.push(USER as i32)?;
        a.iretq()
    });
    let s = rig.steps(6);
    assert_eq!([4, 5].map(|n| (s.seg[n].selector, s.seg[n].base)), [(0, 0x6000); 2]);
}

#[test]
fn a_far_return_releases_the_stack_in_the_mode_that_it_returns_to() {
    // From compatibility code with a 16-bit stack: all of RSP moves, where SP alone would wrap.
    let mut rig = Rig::long();
    rig.code64(CODE64, |a| {
        a.mov(eax, u32::from(DS16))?;
        a.mov(ss, eax)?;
        a.push(i32::from(CS0))?;
        a.push(0x5000)?;
        a.db(&[0x48, 0xCB])
    });
    rig.code(0x5000, |a| {
        a.mov(esp, 0xFFF0u32)?;
        a.retf_1(0x10)
    });
    rig.write64(0xFFF0, u64::from(CS64) << 32 | 0x6000);
    let s = rig.steps(7);
    assert_eq!((s.seg[1].selector, s.rip, s.gpr[4]), (CS64, 0x6000, 0x1_0008));
}
