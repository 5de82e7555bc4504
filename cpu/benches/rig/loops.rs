//! The loops: what the benches time and the guard counts.

use super::rig::{ABSENT, ALIAS, Build, DATA, VECTOR};
use iced_x86::IcedError;
use iced_x86::code_asm::*;

/// A loop by name; it runs at ring 3 when the flag says so.
pub type Loop = (&'static str, bool, Build);

/// `body` for ever.
fn forever(
    a: &mut CodeAssembler,
    body: impl FnOnce(&mut CodeAssembler) -> Result<(), IcedError>,
) -> Result<(), IcedError> {
    let mut top = a.create_label();
    a.set_label(&mut top)?;
    body(a)?;
    a.jmp(top)
}

fn alu(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        a.add(eax, ebx)?;
        a.xor(edx, eax)?;
        a.sub(ebx, edx)?;
        a.or(ecx, eax)?;
        a.and(ebp, edx)?;
        a.lea(edx, ptr(eax + ebx * 4 + 7))?;
        a.inc(ebp)?;
        a.shl(ebx, 3)?;
        a.mov(ecx, edx)
    })
}

fn flags(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        a.add(eax, 0x1234567)?;
        a.adc(ebx, eax)?;
        a.setc(cl)?;
        a.sbb(edx, ebx)?;
        a.cmovs(ebp, eax)?;
        a.rcl(ebx, 1)?;
        a.pushfd()?;
        a.popfd()
    })
}

fn branch(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        let (mut one, mut two) = (a.create_label(), a.create_label());
        a.imul_3(eax, eax, 1103515245)?;
        a.add(eax, 12345)?;
        a.test(eax, 0x1_0000)?;
        a.je(one)?;
        a.add(ebx, eax)?;
        a.set_label(&mut one)?;
        a.test(eax, 0x2_0000)?;
        a.je(two)?;
        a.xor(edx, eax)?;
        a.set_label(&mut two)?;
        a.dec(ecx)
    })
}

fn jumps(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        for _ in 0..16 {
            let mut next = a.create_label();
            a.jmp(next)?;
            a.int3()?;
            a.set_label(&mut next)?;
            a.nop()?;
        }
        Ok(())
    })
}

fn nops(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| (0..63).try_for_each(|_| a.nop()))
}

fn call(a: &mut CodeAssembler) -> Result<(), IcedError> {
    let (mut start, mut f, mut g) = (a.create_label(), a.create_label(), a.create_label());
    a.jmp(start)?;
    a.set_label(&mut f)?;
    a.add(eax, ecx)?;
    a.ret()?;
    a.set_label(&mut g)?;
    a.push(ebx)?;
    a.xor(ebx, eax)?;
    a.pop(ebx)?;
    a.ret()?;
    a.set_label(&mut start)?;
    a.nop()?;
    forever(a, |a| {
        a.call(f)?;
        a.call(g)?;
        a.dec(ecx)
    })
}

/// A table of eight functions, called by turns: no two calls in a row go to the same one.
fn indirect(a: &mut CodeAssembler) -> Result<(), IcedError> {
    for i in 0..8 {
        let mut f = a.create_label();
        let mut past = a.create_label();
        a.lea(eax, ptr(f))?;
        a.mov(ptr(DATA + 4 * i), eax)?;
        a.jmp(past)?;
        a.set_label(&mut f)?;
        a.add(ebx, i)?;
        a.ret()?;
        a.set_label(&mut past)?;
    }
    a.xor(ecx, ecx)?;
    forever(a, |a| {
        a.add(ecx, 3)?;
        a.and(ecx, 7)?;
        a.call(dword_ptr(ecx * 4 + DATA))
    })
}

fn memory(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        a.mov(eax, ptr(esi))?;
        a.add(ebx, ptr(esi + 4))?;
        a.mov(ptr(esi + 8), eax)?;
        a.add(ptr(esi + 12), ebx)?;
        a.movzx(edx, byte_ptr(esi + 5))?;
        a.add(esi, 16)?;
        a.and(esi, DATA + 0xFFF0)
    })
}

fn stack(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        a.push(eax)?;
        a.push(ebx)?;
        a.push(ecx)?;
        a.pop(ebx)?;
        a.pop(eax)?;
        a.pop(ecx)
    })
}

/// Two pages that share a TLB entry, by turns.
fn tlb_miss(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        a.mov(eax, ptr(DATA + ALIAS))?;
        a.mov(ebx, ptr(DATA + 2 * ALIAS))
    })
}

fn page_fault(a: &mut CodeAssembler) -> Result<(), IcedError> {
    a.mov(ebx, ABSENT)?;
    forever(a, |a| a.mov(eax, ptr(ebx)))
}

fn interrupt(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| a.int(i32::from(VECTOR)))
}

/// An interrupt of the board after each OUT.
fn external(a: &mut CodeAssembler) -> Result<(), IcedError> {
    forever(a, |a| {
        a.out(0x80, al)?;
        a.nop()
    })
}

/// What the guard counts: nothing here goes through code that the host's C library picks by processor.
pub const GUARDED: &[Loop] = &[
    ("alu", false, alu),
    ("branch", false, branch),
    ("call", false, call),
    ("memory", false, memory),
    ("interrupt", true, interrupt),
];

/// What the benches time besides.
#[allow(dead_code)]
pub const TIMED: &[Loop] = &[
    ("dispatch/nop", false, nops),
    ("dispatch/jump", false, jumps),
    ("dispatch/indirect", false, indirect),
    ("flags", false, flags),
    ("stack", false, stack),
    ("tlb miss", false, tlb_miss),
    ("page fault", true, page_fault),
    ("external interrupt", false, external),
];

/// Sets up a repeat of `units` units of `size` bytes and runs `op`, for ever.
macro_rules! repeats {
    ($($name:literal $size:literal |$a:ident| $op:expr;)*) => {
        /// The string instructions: name, bytes of a unit, and the loop. A pass is four instructions and the iterations.
        #[allow(dead_code)]
        pub const STRINGS: &[(&str, u32, Build)] = &[$(
            ($name, $size, |$a| forever($a, |$a| {
                $a.mov(ecx, STRING / $size)?;
                $a.mov(esi, DATA)?;
                $a.mov(edi, DATA + 0x1_0000)?;
                $op
            })),
        )*];
    };
}

/// Bytes that a repeat covers.
pub const STRING: u32 = 4096;

// SCAS compares AL (0xFF in no byte of the data) and CMPS equal data: both run to the end.
repeats! {
    "movsb" 1 |a| a.rep().movsb();
    "movsd" 4 |a| a.rep().movsd();
    "stosb" 1 |a| a.rep().stosb();
    "stosd" 4 |a| a.rep().stosd();
    "lodsb" 1 |a| a.rep().lodsb();
    "scasb" 1 |a| { a.mov(al, 0xFF)?; a.repne().scasb() };
    "cmpsb" 1 |a| a.repe().cmpsb();
    "insb" 1 |a| a.rep().insb();
}
