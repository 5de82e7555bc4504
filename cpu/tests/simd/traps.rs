//! Faults, exceptions and state around MMX and SSE instructions.

use crate::rig::{CODE, Core, DATA};
use rewind86_cpu::Exit;
use rewind86_cpu::regs::{TableRegister, attr};
use rewind86_cpu::state::{CpuState, cr0, cr4};

const IDT: u64 = 0x4000;
const GDT: u64 = 0x5000;
const HANDLERS: u64 = 0x6000;
const STACK: u64 = 0x8000;
/// The page behind this one is not present.
const LAST_PAGE: u64 = 0x3_F000;
const PT: u64 = 0x9000;

/// A core with a handler of its own for each vector, each a HLT; 4 KiB pages up to [`LAST_PAGE`].
fn core() -> Core {
    equip(Core::new())
}

fn equip(mut core: Core) -> Core {
    core.mem.write(GDT + 8, &0x00AF_9B00_0000_FFFFu64.to_le_bytes());
    for v in 0..32 {
        let at = HANDLERS + 16 * v;
        core.mem.write(at, &[0xF4]);
        core.mem.write(IDT + 16 * v, &(at & 0xFFFF | 8 << 16 | 0x8E00 << 32).to_le_bytes());
        core.mem.write(IDT + 16 * v + 8, &0u64.to_le_bytes());
    }
    core.mem.write(0x3000, &(PT | 3).to_le_bytes());
    for page in 0..=LAST_PAGE >> 12 {
        core.mem.write(PT + 8 * page, &(page << 12 | 3).to_le_bytes());
    }
    core.edit(|s| {
        s.sys.idtr = TableRegister { base: IDT, limit: 0x1FF };
        s.sys.gdtr = TableRegister { base: GDT, limit: 0xF };
        s.sys.cr4 |= cr4::OSXSAVE;
        s.sys.xcr0 = 3;
        s.seg[1].attr |= attr::A;
        s.gpr[4] = STACK;
        s.gpr[7] = DATA;
    });
    core
}

/// Runs code and the HLT behind it; the vector that was raised, if one was.
fn run(core: &mut Core, code: &[u8]) -> Option<u64> {
    let mut bytes = code.to_vec();
    bytes.push(0xF4);
    core.mem.write(CODE, &bytes);
    core.edit(|s| {
        s.rip = CODE;
        s.sys.halted = false;
    });
    let limit = core.cpu.icount() + 100;
    assert_eq!(core.cpu.run(&mut core.mem, &mut crate::rig::NoBus, limit), Exit::Halted);
    let rip = core.cpu.rip();
    (HANDLERS..HANDLERS + 512).contains(&rip).then(|| (rip - 1 - HANDLERS) / 16)
}

const ADDPS_0_1: &[u8] = &[0x0F, 0x58, 0xC1];
const MOVAPS_LOAD: &[u8] = &[0x0F, 0x28, 0x07];
const MOVAPS_STORE: &[u8] = &[0x0F, 0x29, 0x07];
const MOVUPS_LOAD: &[u8] = &[0x0F, 0x10, 0x07];
const MOVUPS_STORE: &[u8] = &[0x0F, 0x11, 0x07];
const PADDB_MM: &[u8] = &[0x0F, 0xFC, 0xC1];
const PAVGB_MM: &[u8] = &[0x0F, 0xE0, 0xC1];
const PSHUFB_MM: &[u8] = &[0x0F, 0x38, 0x00, 0xC1];
const CVTPI2PS_MM: &[u8] = &[0x0F, 0x2A, 0xC1];
const EMMS: &[u8] = &[0x0F, 0x77];
const LDMXCSR: &[u8] = &[0x0F, 0xAE, 0x17];
const MOVNTI: &[u8] = &[0x0F, 0xC3, 0x07];
const PREFETCHNTA: &[u8] = &[0x0F, 0x18, 0x07];
const LFENCE: &[u8] = &[0x0F, 0xAE, 0xE9];
const CRC32: &[u8] = &[0xF2, 0x0F, 0x38, 0xF1, 0xC1];
const XSAVE: &[u8] = &[0x0F, 0xAE, 0x27];
const XRSTOR: &[u8] = &[0x0F, 0xAE, 0x2F];

#[test]
fn control_bits_decide_who_traps() {
    // Code, then the vectors with CR0.TS, CR0.EM and without CR4.OSFXSR.
    type Row = (&'static [u8], Option<u64>, Option<u64>, Option<u64>);
    const ROWS: &[Row] = &[
        (ADDPS_0_1, Some(7), Some(6), Some(6)),
        (MOVUPS_LOAD, Some(7), Some(6), Some(6)),
        (CVTPI2PS_MM, Some(7), Some(6), Some(6)),
        (PADDB_MM, Some(7), Some(6), None),
        (PAVGB_MM, Some(7), Some(6), None),
        (PSHUFB_MM, Some(7), Some(6), None),
        (EMMS, Some(7), Some(6), None),
        (MOVNTI, None, None, None),
        (PREFETCHNTA, None, None, None),
        (LFENCE, None, None, None),
        (CRC32, None, None, None),
    ];
    for &(code, ts, em, no_fxsr) in ROWS {
        let with = |f: fn(&mut CpuState)| {
            let mut c = core();
            c.edit(f);
            run(&mut c, code)
        };
        assert_eq!(with(|_| ()), None, "{code:02X?}");
        assert_eq!(with(|s| s.sys.cr0 |= cr0::TS), ts, "{code:02X?} TS");
        assert_eq!(with(|s| s.sys.cr0 |= cr0::EM), em, "{code:02X?} EM");
        assert_eq!(with(|s| s.sys.cr0 |= cr0::EM | cr0::TS), em.or(ts), "{code:02X?} EM and TS");
        assert_eq!(with(|s| s.sys.cr4 &= !cr4::OSFXSR), no_fxsr, "{code:02X?} OSFXSR");
    }
}

#[test]
fn an_unmasked_exception_sets_flags_and_changes_nothing() {
    // Lane 0 overflows, lane 1 is a denormal operand, lane 2 is inexact.
    let a = u128::from_le_bytes(lanes([0x7F7F_FFFF, 1, 0x3F80_0000, 0]));
    let b = u128::from_le_bytes(lanes([0x7F7F_FFFF, 0, 0x3380_0000, 0]));
    let with = |mxcsr: u32, osxmmexcpt: bool| {
        let mut c = core();
        c.edit(|s| {
            s.sse.mxcsr = mxcsr;
            (s.sse.xmm[0], s.sse.xmm[1]) = (a.into(), b.into());
            if !osxmmexcpt {
                s.sys.cr4 &= !cr4::OSXMMEXCPT;
            }
        });
        let vector = run(&mut c, ADDPS_0_1);
        let s = c.cpu.save();
        (vector, s.sse.mxcsr & 0x3F, u128::from(s.sse.xmm[0]) == a)
    };
    const MASKS: u32 = 0x1F80;
    assert_eq!(with(MASKS, true), (None, 0x2A, false));
    // Denormal unmasked: what computing would find is not reported.
    assert_eq!(with(MASKS & !(1 << 8), true), (Some(19), 0x02, true));
    assert_eq!(with(MASKS & !(1 << 8), false), (Some(6), 0x02, true));
    // Overflow unmasked: everything is reported.
    assert_eq!(with(MASKS & !(1 << 10), true), (Some(19), 0x2A, true));
}

fn lanes(v: [u32; 4]) -> [u8; 16] {
    let mut b = [0; 16];
    b.chunks_exact_mut(4).zip(v).for_each(|(c, v)| c.copy_from_slice(&v.to_le_bytes()));
    b
}

#[test]
fn alignment() {
    for (code, vector) in [(MOVAPS_LOAD, Some(13)), (MOVAPS_STORE, Some(13)), (MOVUPS_LOAD, None), (MOVUPS_STORE, None)]
    {
        let mut c = core();
        c.edit(|s| s.gpr[7] = DATA + 4);
        assert_eq!(run(&mut c, code), vector, "{code:02X?}");
    }
}

#[test]
fn a_store_across_pages_is_whole_or_nothing() {
    let mut c = core();
    c.edit(|s| {
        s.gpr[7] = LAST_PAGE + 0xFF8;
        s.sse.xmm[0] = u128::MAX.into();
    });
    assert_eq!(run(&mut c, MOVUPS_STORE), Some(14));
    let mut b = [1; 8];
    c.mem.read(LAST_PAGE + 0xFF8, &mut b);
    assert_eq!(b, [0; 8]);
    assert_eq!(c.cpu.save().sys.cr2, LAST_PAGE + 0x1000);
    // Between two present pages it arrives.
    c.edit(|s| s.gpr[7] = LAST_PAGE - 5);
    assert_eq!(run(&mut c, MOVUPS_STORE), None);
    let mut b = [0; 16];
    c.mem.read(LAST_PAGE - 5, &mut b);
    assert_eq!(b, [0xFF; 16]);
}

#[test]
fn ldmxcsr_refuses_reserved_bits() {
    let mut c = core();
    c.mem.write(DATA, &0x1_1F80u32.to_le_bytes());
    assert_eq!(run(&mut c, LDMXCSR), Some(13));
    assert_eq!(c.cpu.save().sse.mxcsr, 0x1F80);
    c.mem.write(DATA, &0xFFC0u32.to_le_bytes());
    assert_eq!(run(&mut c, LDMXCSR), None);
    assert_eq!(c.cpu.save().sse.mxcsr, 0xFFC0);
    // Without SSE2 there is no DAZ.
    let mut c = equip(Core::of("nehalem,-sse2"));
    c.mem.write(DATA, &0x1FC0u32.to_le_bytes());
    assert_eq!(run(&mut c, LDMXCSR), Some(13));
    c.mem.write(DATA, &0x1F80u32.to_le_bytes());
    assert_eq!(run(&mut c, LDMXCSR), None);
}

#[test]
fn a_pending_x87_exception_comes_before_mmx() {
    // FNINIT, FLDCW [rdi] with ZE unmasked, FLD1, FLDZ, FDIVP.
    const DIVIDE: &[u8] = &[0xDB, 0xE3, 0xD9, 0x2F, 0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9];
    for code in [PADDB_MM, EMMS, CVTPI2PS_MM] {
        let mut c = core();
        c.mem.write(DATA, &0x037Bu16.to_le_bytes());
        assert_eq!(run(&mut c, &[DIVIDE, code].concat()), Some(16), "{code:02X?}");
        assert_ne!(c.cpu.save().fpu.top, 0);
    }
    // From memory no MMX register takes part.
    let mut c = core();
    c.mem.write(DATA, &0x037Bu16.to_le_bytes());
    assert_eq!(run(&mut c, &[DIVIDE, &[0x0F, 0x2A, 0x07]].concat()), None);
}

#[test]
fn xsave_and_xrstor_keep_what_they_are_asked_for() {
    let mut c = core();
    c.edit(|s| {
        s.gpr[0] = u64::MAX;
        s.gpr[2] = u64::MAX;
        s.sse.xmm[3] = 0x1234u128.into();
        s.sse.xmm[15] = 0x5678u128.into();
        s.sse.mxcsr = 0x1FA0;
    });
    assert_eq!(run(&mut c, XSAVE), None);
    let word = |c: &Core, at: u64| {
        let mut b = [0; 8];
        c.mem.read(DATA + at, &mut b);
        u64::from_le_bytes(b)
    };
    assert_eq!(word(&c, 24), 0xFFFF_0000_1FA0);
    assert_eq!(word(&c, 160 + 48), 0x1234);
    assert_eq!(word(&c, 512) & 2, 2);
    let saved = c.cpu.save().sse;
    c.edit(|s| s.sse.xmm = Default::default());
    assert_eq!(run(&mut c, XRSTOR), None);
    assert_eq!(c.cpu.save().sse, saved);
    // A component that the image lacks gets its reset value; MXCSR comes from the image all the same.
    c.mem.write(DATA + 512, &[1]);
    c.edit(|s| s.sse.mxcsr = 0x1F80);
    assert_eq!(run(&mut c, XRSTOR), None);
    let s = c.cpu.save().sse;
    assert!(s.xmm.iter().all(|&x| u128::from(x) == 0) && s.mxcsr == 0x1FA0);
    // Bits beyond XCR0, a compacted image, misalignment, and no CR4.OSXSAVE.
    c.mem.write(DATA + 512, &[5]);
    assert_eq!(run(&mut c, XRSTOR), Some(13));
    c.mem.write(DATA + 512, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    assert_eq!(run(&mut c, XRSTOR), Some(13));
    c.edit(|s| s.gpr[7] = DATA + 16);
    assert_eq!(run(&mut c, XSAVE), Some(13));
    c.edit(|s| s.sys.cr4 &= !cr4::OSXSAVE);
    assert_eq!(run(&mut c, XSAVE), Some(6));
}
