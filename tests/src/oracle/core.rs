//! The core as a user-mode processor under Linux: the same pages, selectors, gates and control registers as the host has.

use super::case::{CODE, Case, DATA, FX, Mode, Outcome, PAGE, Segments, selector};
use crate::rig::Rig;
use rewind86_cpu::Exit;
use rewind86_cpu::regs::{Segment, TableRegister, attr};
use rewind86_cpu::state::{CpuState, cr0, cr4, efer};

const KERNEL: u64 = 0xFFFF_8000_0000_0000;
// Physical layout.
const PML4: u64 = 0x1000;
const PDPT_USER: u64 = 0x2000;
const PD_USER: u64 = 0x3000;
const PT_CODE: u64 = 0x4000;
const PT_DATA: u64 = 0x5000;
const PDPT_KERNEL: u64 = 0x6000;
const PD_KERNEL: u64 = 0x7000;
const PT_KERNEL: u64 = 0x8000;
const GDT: u64 = 0x9000;
const LDT: u64 = 0x9800;
const IDT: u64 = 0xA000;
const TSS: u64 = 0xB000;
const HANDLERS: u64 = 0xC000;
const STACK_TOP: u64 = 0xE000;
const CODE_PHYS: u64 = 0x1_0000;
const DATA_PHYS: u64 = 0x1_1000;
const RAM: u64 = 0x2_0000;

/// Everything that the captured and the native forms use.
pub const MODEL: &str = "nehalem,+aes,+pclmulqdq,+sha,+movbe,+lzcnt,+bmi1";
/// Instructions before a case counts as endless.
const LONGEST: u64 = 200_000;

/// Access bytes and flags of descriptors.
mod kind {
    pub const USER_CODE: u64 = 0xFB;
    pub const USER_DATA: u64 = 0xF3;
    pub const FLAT32: u64 = 0xC;
    pub const FLAT64: u64 = 0xA;
    pub const WIDE: u64 = 4;
}

fn descriptor(base: u64, limit: u64, access: u64, flags: u64) -> u64 {
    limit & 0xFFFF
        | (base & 0xFF_FFFF) << 16
        | access << 40
        | (limit >> 16 & 15) << 48
        | flags << 52
        | (base >> 24 & 0xFF) << 56
}

/// The core with its system around it.
pub struct Core {
    rig: Rig,
    base: CpuState,
}

impl Default for Core {
    fn default() -> Self {
        Self::new()
    }
}

impl Core {
    /// A core in long mode at CPL 3.
    pub fn new() -> Self {
        let mut rig = Rig::new(MODEL, RAM);
        build(&mut rig);
        let mut s = rig.cpu.save();
        s.sys.cr0 = cr0::PE | cr0::MP | cr0::ET | cr0::NE | cr0::WP | cr0::AM | cr0::PG;
        s.sys.cr3 = PML4;
        s.sys.cr4 = cr4::PAE | cr4::OSFXSR | cr4::OSXMMEXCPT | cr4::PGE;
        s.sys.efer = efer::LME | efer::LMA | efer::SCE | efer::NXE;
        s.sys.gdtr = TableRegister { base: KERNEL + GDT, limit: 0x7F };
        s.sys.idtr = TableRegister { base: KERNEL + IDT, limit: 0x1FF };
        s.sys.ldtr = Segment::new(0x50, KERNEL + LDT, 0x17, attr::P | 2);
        s.sys.tr = Segment::new(0x40, KERNEL + TSS, 0x67, attr::P | 0xB);
        Self { rig, base: s }
    }

    fn state(&self, case: &Case) -> CpuState {
        let mut s = self.base.clone();
        s.gpr = case.gpr;
        s.rip = case.rip();
        s.rflags = case.rflags | 2;
        const USER: u16 = attr::P | attr::S | attr::RW | attr::A | 3 << attr::DPL_SHIFT;
        let flat = |sel: u16, extra: u16| Segment::new(sel, 0, u32::MAX, USER | attr::G | extra);
        let page = |sel: u16, extra: u16| Segment::new(sel, DATA, PAGE as u32 - 1, USER | extra);
        let (cs, data) = match (case.mode, case.segments) {
            (Mode::Bits64, _) => (flat(selector::CODE64, attr::CODE | attr::L), flat(selector::USER_DATA, attr::DB)),
            (Mode::Bits32, Segments::Flat) => {
                (flat(selector::CODE32, attr::CODE | attr::DB), flat(selector::USER_DATA, attr::DB))
            }
            (Mode::Bits32, Segments::Limited) => {
                (flat(selector::CODE32, attr::CODE | attr::DB), page(selector::DATA32, attr::DB))
            }
            (Mode::Bits16, _) => {
                (Segment::new(selector::CODE16, CODE, 0xFFFF, USER | attr::CODE), page(selector::DATA16, 0))
            }
        };
        s.seg = [data; 6];
        s.seg[1] = cs;
        // Null, as thread-local storage leaves them below 64-bit mode.
        let null = if case.mode == Mode::Bits64 { USER } else { 0 };
        s.seg[4] = Segment::new(0, 0, u32::MAX, null);
        s.seg[5] = s.seg[4];
        s.sys.halted = false;
        s
    }

    /// Runs a case to its first exception.
    ///
    /// # Errors
    /// It did not end in an exception.
    pub fn run(&mut self, case: &Case) -> Result<Outcome, String> {
        let mut page = [0xCC; PAGE];
        for (to, from) in page.iter_mut().skip(case.at).zip(&case.code) {
            *to = *from;
        }
        self.rig.mem.write(CODE_PHYS, &page);
        self.rig.mem.write(DATA_PHYS, &case.data[..]);
        let s = self.state(case);
        self.rig.cpu.load(&s);
        self.rig.cpu.load_fxsave(&case.fx);
        match self.rig.run(LONGEST) {
            Exit::Halted => {}
            other => return Err(format!("{other:?} at {:x}", self.rig.cpu.rip())),
        }
        let after = self.rig.cpu.save();
        let vector = (after.rip.wrapping_sub(1 + KERNEL + HANDLERS) / 16) as u8;
        let mut out = Outcome { vector, ..Outcome::default() };
        let coded = matches!(vector, 8 | 10..=14 | 17);
        // [error], RIP, CS, RFLAGS, RSP, SS end at the top of the ring-0 stack.
        let mut frame = [0; 48];
        self.rig.mem.read(STACK_TOP - 48, &mut frame);
        let word = |i: usize| frame.iter().skip(8 * i).take(8).rev().fold(0, |v, &b| v << 8 | u64::from(b));
        out.error = if coded { word(0) as u32 } else { 0 };
        out.cr2 = if out.vector == 14 { after.sys.cr2 } else { 0 };
        out.gpr = after.gpr;
        out.gpr[4] = word(4);
        out.rip = word(1);
        out.rflags = word(3);
        out.segments = [after.seg[0].selector, word(2) as u16, word(5) as u16, after.seg[3].selector];
        out.fx.copy_from_slice(&self.rig.cpu.fxsave_image()[..FX]);
        self.rig.mem.read(DATA_PHYS, &mut out.data[..]);
        Ok(out)
    }
}

fn build(rig: &mut Rig) {
    let mut put = |addr: u64, value: u64| rig.mem.write(addr, &value.to_le_bytes());
    // Present, writable, user, accessed, dirty.
    const USER: u64 = 7 | 0x60;
    const READ_ONLY: u64 = 5 | 0x60;
    const SUPERVISOR: u64 = 3 | 0x60;
    const NX: u64 = 1 << 63;
    put(PML4, PDPT_USER | USER);
    put(PDPT_USER, PD_USER | USER);
    put(PD_USER + 8 * (CODE >> 21), PT_CODE | USER);
    put(PD_USER + 8 * (DATA >> 21), PT_DATA | USER);
    put(PT_CODE, CODE_PHYS | READ_ONLY);
    put(PT_DATA, DATA_PHYS | USER | NX);
    put(PML4 + 8 * 256, PDPT_KERNEL | SUPERVISOR);
    put(PDPT_KERNEL, PD_KERNEL | SUPERVISOR);
    put(PD_KERNEL, PT_KERNEL | SUPERVISOR);
    for i in 0..16 {
        put(PT_KERNEL + 8 * i, (0x1000 * i) | SUPERVISOR);
    }
    // As Linux fills its GDT: kernel code and data, user code and data, TSS, LDT.
    put(GDT + 0x08, descriptor(0, 0xF_FFFF, 0x9B, kind::FLAT32));
    put(GDT + 0x10, descriptor(0, 0xF_FFFF, 0x9B, kind::FLAT64));
    put(GDT + 0x18, descriptor(0, 0xF_FFFF, 0x93, kind::FLAT32));
    put(GDT + 0x20, descriptor(0, 0xF_FFFF, kind::USER_CODE, kind::FLAT32));
    put(GDT + 0x28, descriptor(0, 0xF_FFFF, kind::USER_DATA, kind::FLAT32));
    put(GDT + 0x30, descriptor(0, 0xF_FFFF, kind::USER_CODE, kind::FLAT64));
    put(GDT + 0x40, descriptor(KERNEL + TSS, 0x67, 0x8B, 0));
    put(GDT + 0x48, KERNEL >> 32);
    put(GDT + 0x50, descriptor(KERNEL + LDT, 0x17, 0x82, 0));
    put(GDT + 0x58, KERNEL >> 32);
    // Holds the processor's number, for LSL.
    put(GDT + 0x78, descriptor(0, 0, 0xF5, 4));
    put(LDT, descriptor(CODE, 0xFFFF, kind::USER_CODE, 0));
    put(LDT + 8, descriptor(DATA, PAGE as u64 - 1, kind::USER_DATA, 0));
    put(LDT + 16, descriptor(DATA, PAGE as u64 - 1, kind::USER_DATA, kind::WIDE));
    for v in 0..32 {
        let at = KERNEL + HANDLERS + 16 * v;
        // Programs may raise #BP and #OF themselves.
        let access = if matches!(v, 3 | 4) { 0xEE } else { 0x8E };
        put(IDT + 16 * v, at & 0xFFFF | 0x10 << 16 | access << 40 | (at >> 16 & 0xFFFF) << 48);
        put(IDT + 16 * v + 8, at >> 32);
        put(HANDLERS + 16 * v, 0xF4);
    }
    put(TSS + 4, KERNEL + STACK_TOP);
    // No I/O bitmap within the limit.
    put(TSS + 0x60, 0x68 << 48);
}
