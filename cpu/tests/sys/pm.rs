//! A protected-mode world: GDT, IDT, TSS and code of every privilege at fixed places.

use super::rig::{Rig, assemble};
use iced_x86::IcedError;
use iced_x86::code_asm::CodeAssembler;
use rewind86_cpu::regs::TableRegister;

pub const GDT: u64 = 0x1000;
pub const IDT: u64 = 0x2000;
pub const TSS: u64 = 0x3000;
pub const TSS2: u64 = 0x3800;
pub const LDT: u64 = 0x4000;
/// Ring 0 code.
pub const CODE: u64 = 0x1_0000;
/// Ring 3 code.
pub const USER: u64 = 0x2_0000;
/// Handlers: 64 bytes for each vector.
pub const HANDLERS: u64 = 0x3_0000;
/// Top of the ring 0 stack that is current at the start.
pub const STACK0: u64 = 0x8_0000;
/// Top of the ring 0 stack in the TSS.
pub const TSS_STACK0: u64 = 0x9_0000;
/// Top of the ring 3 stack.
pub const STACK3: u64 = 0xA_0000;

pub const CS0: u16 = 0x08;
pub const DS0: u16 = 0x10;
pub const CS3: u16 = 0x1B;
pub const DS3: u16 = 0x23;
pub const TR: u16 = 0x28;
pub const TR2: u16 = 0x30;
pub const LDTR: u16 = 0x38;
/// Ring 0 code, conforming.
pub const CONF: u16 = 0x40;
/// 16-bit ring 0 code and data.
pub const CS16: u16 = 0x48;
pub const DS16: u16 = 0x50;
/// Free for the test.
pub const GATE: u16 = 0x58;
pub const SPARE: u16 = 0x60;
/// Ring 1 code and data.
pub const CS1: u16 = 0x69;
pub const DS1: u16 = 0x71;
const ENTRIES: u16 = 0x80;

/// A segment descriptor: access byte and flags nibble as in the manual.
pub fn segment(base: u32, limit: u32, access: u8, flags: u8) -> u64 {
    let (base, limit) = (u64::from(base), u64::from(limit));
    limit & 0xFFFF
        | (base & 0xFF_FFFF) << 16
        | u64::from(access) << 40
        | (limit >> 16 & 15) << 48
        | u64::from(flags) << 52
        | base >> 24 << 56
}

/// A gate descriptor.
pub fn gate(selector: u16, offset: u32, access: u8, count: u8) -> u64 {
    let offset = u64::from(offset);
    offset & 0xFFFF | u64::from(selector) << 16 | u64::from(count) << 32 | u64::from(access) << 40 | offset >> 16 << 48
}

impl Rig {
    pub fn set_descriptor(&mut self, selector: u16, value: u64) {
        self.write64(GDT + u64::from(selector & !7), value);
    }

    pub fn descriptor(&self, selector: u16) -> u64 {
        self.read64(GDT + u64::from(selector & !7))
    }

    pub fn set_gate(&mut self, vector: u8, value: u64) {
        self.write64(IDT + 8 * u64::from(vector), value);
    }

    /// A handler for `vector` behind a ring 0 interrupt gate that halts.
    pub fn handler(&mut self, vector: u8, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) {
        let at = HANDLERS + 64 * u64::from(vector);
        let code = assemble(32, at, build);
        assert!(code.len() <= 64);
        self.write(at, &code);
        self.set_gate(vector, gate(CS0, at as u32, 0xEE, 0));
    }

    pub fn code(&mut self, at: u64, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) {
        let code = assemble(32, at, build);
        self.write(at, &code);
    }

    pub fn code16(&mut self, at: u64, build: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>) {
        let code = assemble(16, at, build);
        self.write(at, &code);
    }

    /// Ring 0, 32-bit flat, all tables set, TR and LDTR loaded, interrupts off; every vector halts.
    pub fn protected(model: &str) -> Self {
        let mut rig = Self::new(model);
        rig.cpu.start_flat32(CODE as u32, 0, 0, STACK0 as u32);
        let list = [
            (CS0, segment(0, 0xF_FFFF, 0x9A, 0xC)),
            (DS0, segment(0, 0xF_FFFF, 0x92, 0xC)),
            (CS3, segment(0, 0xF_FFFF, 0xFA, 0xC)),
            (DS3, segment(0, 0xF_FFFF, 0xF2, 0xC)),
            (TR, segment(TSS as u32, 0x67, 0x89, 0)),
            (TR2, segment(TSS2 as u32, 0x67, 0x89, 0)),
            (LDTR, segment(LDT as u32, 0xFF, 0x82, 0)),
            (CONF, segment(0, 0xF_FFFF, 0x9E, 0xC)),
            (CS16, segment(0, 0xFFFF, 0x9A, 0)),
            (DS16, segment(0, 0xFFFF, 0x92, 0)),
            (CS1, segment(0, 0xF_FFFF, 0xBA, 0xC)),
            (DS1, segment(0, 0xF_FFFF, 0xB2, 0xC)),
        ];
        for (selector, value) in list {
            rig.set_descriptor(selector, value);
        }
        for vector in 0..=0x3F {
            rig.handler(vector, |a| a.hlt());
        }
        rig.write32(TSS + 4, TSS_STACK0 as u32);
        rig.write16(TSS + 8, DS0);
        rig.write32(TSS + 12, TSS_STACK0 as u32 - 0x1000);
        rig.write16(TSS + 16, DS1);
        rig.write16(TSS + 0x66, 0x68);
        rig.edit(|s| {
            s.sys.gdtr = TableRegister { base: GDT, limit: ENTRIES - 1 };
            s.sys.idtr = TableRegister { base: IDT, limit: 0x1FF };
            for seg in &mut s.seg {
                seg.selector = DS0;
            }
            s.seg[1].selector = CS0;
        });
        // LTR and LLDT through the instructions themselves.
        rig.code(0x500, |a| {
            use iced_x86::code_asm::*;
            a.mov(eax, u32::from(TR))?;
            a.ltr(ax)?;
            a.mov(eax, u32::from(LDTR))?;
            a.lldt(ax)
        });
        rig.cpu.set_rip(0x500);
        rig.steps(4);
        rig.cpu.set_rip(CODE);
        rig
    }

    /// As [`Self::protected`], then at ring 3 in [`USER`] with `flags`.
    pub fn user(model: &str, flags: u32) -> Self {
        let mut rig = Self::protected(model);
        rig.code(CODE, |a| {
            use iced_x86::code_asm::*;
            a.mov(eax, u32::from(DS3))?;
            a.mov(ds, eax)?;
            a.mov(es, eax)?;
            a.push(u32::from(DS3) as i32)?;
            a.push(STACK3 as i32)?;
            a.push(flags as i32)?;
            a.push(u32::from(CS3) as i32)?;
            a.push(USER as i32)?;
            a.iretd()
        });
        let s = rig.steps(9);
        assert_eq!((s.seg[1].selector, s.rip, s.gpr[4]), (CS3, USER, STACK3));
        rig
    }

    /// The frame of an exception with an error code at the top of a ring 0 stack: error, EIP, CS, EFLAGS.
    pub fn frame(&self, esp: u64) -> [u32; 4] {
        [0, 4, 8, 12].map(|i| self.read32(esp + i))
    }
}
