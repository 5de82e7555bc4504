//! `Asm16`: a small assembler for firmware, over iced-x86's `CodeAssembler`.
//!
//! `CodeAssembler` encodes one instruction well, but its labels serve branches only and it knows no `org`, no `align`
//! and no data that names a label. `Asm16` adds those: every label goes into one symbol map, a program is a Rust
//! function that emits everything from the start, and [`assemble`] runs it again and again until no symbol moves.
//! Branches begin short and, once found too far, stay near; so the passes converge.
//!
//! ```ignore
//! fn program(a: &mut Asm16) {
//!     asm!(a;
//!         org     0x100;
//!         label   "hello";                 // global label
//!         mov     si, a.at("text");        // the address of a label, as i32
//!         cld;
//!         label   ".next";                 // local: belongs to the last global label
//!         lodsb;
//!         test    al, al;
//!         je      ".done";                 // branch targets are label names ...
//!         call    "put_char";
//!         jmp     ".next";
//!         label   ".done";
//!         jmp     w(bx + a.at("table"));   // ... or a word of memory, or a register
//!         jmp_far 0xF000, "hello";
//!         mov     al, b(si + 4).es();      // b, w, d, f: byte, word, dword, fword memory; .cs() .es() ... override
//!         rep_movsw;
//!         in_     al, dx;  out dx, al;     // names that are Rust keywords end in _: in_ loop_
//!         label   "text";    db b"hi\0";
//!         label   "table";   dw_at "hello";  dw &[1, 2];  dd &[3];  fill 16, 0xFF;  align 16;
//!     );
//! }
//! let image: Vec<u8> = assemble(0x10000, 0xFF, program);   // 64 KiB, offset 0 = address 0, unused bytes FFh
//! ```
//! Operand expressions are plain Rust: constants, `a.at("x") + 2`, `w(bx + 4)`. Immediates are `i32` (write
//! `0x8000_0000u32` where that does not fit). Statements end with `;`. Two labels of one name, two bytes at one
//! address, an unknown label, a far offset over 64 KiB and an unencodable instruction each end the build with the
//! source line.
//!
//! Not modelled: more than one segment (an image is at most 64 KiB and addresses are offsets in it), relocation, and
//! any check of the processor generation (near conditional branches are the 386 forms).

use iced_x86::code_asm::{AsmMemoryOperand, AsmRegister16, AsmRegister32, CodeAssembler};
use iced_x86::{Code, Encoder, IcedError, Instruction, Register, RepPrefixKind};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// Byte memory operand.
pub fn b(m: impl Into<AsmMemoryOperand>) -> AsmMemoryOperand {
    iced_x86::code_asm::byte_ptr(m)
}

/// Word memory operand.
pub fn w(m: impl Into<AsmMemoryOperand>) -> AsmMemoryOperand {
    iced_x86::code_asm::word_ptr(m)
}

/// Doubleword memory operand.
pub fn d(m: impl Into<AsmMemoryOperand>) -> AsmMemoryOperand {
    iced_x86::code_asm::dword_ptr(m)
}

/// Six-byte memory operand (LGDT, LIDT, 16:32 pointers).
pub fn f(m: impl Into<AsmMemoryOperand>) -> AsmMemoryOperand {
    iced_x86::code_asm::fword_ptr(m)
}

/// Assembles `program` into an image of `size` bytes (at most 64 KiB), unused bytes being `filler`.
///
/// # Panics
/// On every error of the program; a build script has no better way to fail.
pub fn assemble(size: usize, filler: u8, program: impl Fn(&mut Asm16)) -> Vec<u8> {
    assemble_with_map(size, filler, program).0
}

/// As [`assemble`], and a listing of the labels by address, for debugging.
pub fn assemble_with_map(size: usize, filler: u8, program: impl Fn(&mut Asm16)) -> (Vec<u8>, String) {
    assert!(size <= 0x10000, "an image is at most one segment");
    let mut symbols = BTreeMap::new();
    let mut near = Vec::new();
    let mut sites = Vec::new();
    for _ in 0..32 {
        let mut a = Asm16::new(size, filler, symbols, near, sites);
        program(&mut a);
        let stable = !a.moved && a.unknown.is_empty();
        if stable {
            let mut labels: Vec<_> = a.symbols.iter().map(|(name, s)| (s.0, name)).collect();
            labels.sort();
            let map = labels.iter().map(|(at, name)| format!("{at:04x} {name}\n")).collect();
            return (a.image, map);
        }
        if !a.moved {
            panic!("unknown labels: {}", a.unknown.join("; "));
        }
        (symbols, near, sites) = (a.symbols, a.near, a.sites);
        // A label that vanished would keep its old address for ever.
        symbols.retain(|_, s| s.1 == a.pass);
    }
    panic!("the assembly does not converge");
}

/// The address given for a label not seen yet: forces the long forms, so that later passes only shrink.
const UNKNOWN: u16 = 0x7FF0;

/// One pass over a program. See the module text.
pub struct Asm16 {
    code: CodeAssembler,
    encoder: Encoder,
    bits: u32,
    image: Vec<u8>,
    used: Vec<bool>,
    at: usize,
    scope: String,
    /// Label -> (address, pass that last defined it).
    symbols: BTreeMap<String, (u16, u32)>,
    unknown: Vec<String>,
    /// For each branch in order of emission: does it need the near form?
    near: Vec<bool>,
    /// The address of each branch in the last pass.
    sites: Vec<usize>,
    branches: usize,
    moved: bool,
    pass: u32,
    place: &'static str,
}

/// What an emitting method returns: nothing, or iced's verdict.
pub trait Emitted {
    /// The verdict as a `Result`.
    fn verdict(self) -> Result<(), IcedError>;
}

impl Emitted for () {
    fn verdict(self) -> Result<(), IcedError> {
        Ok(())
    }
}

impl Emitted for Result<(), IcedError> {
    fn verdict(self) -> Result<(), IcedError> {
        self
    }
}

/// Where JMP and CALL may go: a label, a register or memory.
pub enum Target<'a> {
    /// A label.
    Label(&'a str),
    /// Indirect through a register.
    Reg(AsmRegister16),
    /// Indirect through a register, 32-bit code.
    Reg32(AsmRegister32),
    /// Indirect through memory (word: near, dword: far).
    Mem(AsmMemoryOperand),
}

impl<'a> From<&'a str> for Target<'a> {
    fn from(s: &'a str) -> Self {
        Target::Label(s)
    }
}

impl<'a> From<&'a String> for Target<'a> {
    fn from(s: &'a String) -> Self {
        Target::Label(s)
    }
}

impl From<AsmRegister16> for Target<'_> {
    fn from(r: AsmRegister16) -> Self {
        Target::Reg(r)
    }
}

impl From<AsmRegister32> for Target<'_> {
    fn from(r: AsmRegister32) -> Self {
        Target::Reg32(r)
    }
}

impl From<AsmMemoryOperand> for Target<'_> {
    fn from(m: AsmMemoryOperand) -> Self {
        Target::Mem(m)
    }
}

impl Deref for Asm16 {
    type Target = CodeAssembler;
    fn deref(&self) -> &CodeAssembler {
        &self.code
    }
}

impl DerefMut for Asm16 {
    fn deref_mut(&mut self) -> &mut CodeAssembler {
        &mut self.code
    }
}

/// Defines conditional branches: method name, short and near codes for 16 and 32 bits.
macro_rules! branches {
    ($($name:ident $s16:ident $n16:ident $s32:ident $n32:ident)*) => {
        $(
            #[allow(missing_docs)]
            pub fn $name(&mut self, label: &str) {
                let codes = if self.bits == 16 { (Code::$s16, Code::$n16) } else { (Code::$s32, Code::$n32) };
                self.branch(label, codes.0, codes.1);
            }
        )*
    };
}

/// Defines string instructions with a repeat prefix and/or a segment override.
macro_rules! strings {
    ($($name:ident $make:ident $rep:ident $($seg:ident)?;)*) => {
        $(
            #[allow(missing_docs)]
            pub fn $name(&mut self) {
                match Instruction::$make(self.bits, $(Register::$seg,)? RepPrefixKind::$rep) {
                    Ok(i) => self.encode(&i),
                    Err(e) => panic!("{}: {e}", self.place),
                }
            }
        )*
    };
}

impl Asm16 {
    fn new(size: usize, filler: u8, symbols: BTreeMap<String, (u16, u32)>, near: Vec<bool>, sites: Vec<usize>) -> Self {
        let pass = symbols.values().map(|s| s.1).max().unwrap_or(0) + 1;
        Self {
            code: new_assembler(16),
            encoder: Encoder::new(16),
            bits: 16,
            image: vec![filler; size],
            used: vec![false; size],
            at: 0,
            scope: String::new(),
            symbols,
            unknown: Vec::new(),
            near,
            sites,
            branches: 0,
            moved: false,
            pass,
            place: "",
        }
    }

    /// Notes the source text about to be emitted, for messages.
    pub fn begin(&mut self, place: &'static str) {
        self.place = place;
    }

    /// Takes the verdict of one statement and places the instructions it made.
    pub fn settle(&mut self, result: impl Emitted) {
        if let Err(e) = result.verdict() {
            panic!("{}: {e}", self.place);
        }
        for i in self.code.take_instructions() {
            self.encode(&i);
        }
    }

    fn encode(&mut self, i: &Instruction) {
        if let Err(e) = self.encoder.encode(i, self.at as u64) {
            panic!("{}: {e}", self.place);
        }
        let bytes = self.encoder.take_buffer();
        self.db(&bytes);
    }

    /// The current address.
    pub fn here(&self) -> i32 {
        self.at as i32
    }

    /// Which pass this is: a program may skip expensive work before the symbols are known.
    pub fn pass(&self) -> u32 {
        self.pass
    }

    /// Goes on at address `at`; bytes already emitted are never overwritten.
    pub fn org(&mut self, at: usize) {
        self.at = at;
    }

    /// Pads with the filler to a multiple of `n`.
    pub fn align(&mut self, n: usize) {
        self.at = self.at.div_ceil(n) * n;
    }

    /// Switches to 32-bit code (flat, for protected-mode entry points).
    pub fn bits32(&mut self) {
        self.set_bits(32);
    }

    /// Switches to 64-bit code, whose only branches to labels are those that the program encodes itself.
    pub fn bits64(&mut self) {
        self.set_bits(64);
    }

    /// Switches back to 16-bit code.
    pub fn bits16(&mut self) {
        self.set_bits(16);
    }

    fn set_bits(&mut self, bits: u32) {
        self.bits = bits;
        self.code = new_assembler(bits);
        self.encoder = Encoder::new(bits);
    }

    fn full(&self, name: &str) -> String {
        if name.starts_with('.') { format!("{}{name}", self.scope) } else { name.to_string() }
    }

    /// Defines a label here. A name with a leading dot is local to the last one without.
    pub fn label(&mut self, name: &str) {
        self.define(name, self.at as i32);
        if !name.starts_with('.') {
            self.scope = name.to_string();
        }
    }

    /// Defines a symbol with a value of its own.
    pub fn define(&mut self, name: &str, value: i32) {
        let full = self.full(name);
        let value = value as u16;
        match self.symbols.insert(full.clone(), (value, self.pass)) {
            Some((_, pass)) if pass == self.pass => panic!("{}: label {full} is defined twice", self.place),
            Some((old, _)) if old == value => {}
            _ => self.moved = true,
        }
    }

    /// The address of a label.
    pub fn at(&mut self, name: &str) -> i32 {
        let full = self.full(name);
        match self.symbols.get(&full) {
            Some(s) => i32::from(s.0),
            None => {
                self.unknown.push(format!("{full} ({})", self.place));
                i32::from(UNKNOWN)
            }
        }
    }

    fn branch(&mut self, name: &str, short: Code, near: Code) {
        let target = self.at(name);
        let n = self.branches;
        self.branches += 1;
        if self.near.len() <= n {
            self.near.push(false);
            self.sites.push(self.at);
        }
        // A label ahead still has the address of the last pass: compare it with this branch's place in that pass.
        let ahead = match self.symbols.get(&self.full(name)) {
            Some(s) if s.1 == self.pass => Some(self.at),
            Some(_) => Some(self.sites[n]),
            None => None,
        };
        self.sites[n] = self.at;
        // Both short forms are two bytes long.
        let in_reach = |from: usize| (-128..128).contains(&(i64::from(target) - (from as i64 + 2)));
        if let Some(from) = ahead
            && !in_reach(from)
            && !self.near[n]
        {
            assert!(short != near || self.pass < 3, "{}: {name} is too far for this branch", self.place);
            self.near[n] = short != near;
            self.moved = true;
        }
        // Until the passes settle a short branch may not reach the address known so far; its size is what counts.
        let code = if self.near[n] { near } else { short };
        let target = if self.near[n] || in_reach(self.at) { target as u64 } else { self.at as u64 };
        match Instruction::with_branch(code, target) {
            Ok(i) => self.encode(&i),
            Err(e) => panic!("{}: {e}", self.place),
        }
    }

    branches! {
        jo Jo_rel8_16 Jo_rel16 Jo_rel8_32 Jo_rel32_32
        jno Jno_rel8_16 Jno_rel16 Jno_rel8_32 Jno_rel32_32
        jb Jb_rel8_16 Jb_rel16 Jb_rel8_32 Jb_rel32_32
        jc Jb_rel8_16 Jb_rel16 Jb_rel8_32 Jb_rel32_32
        jae Jae_rel8_16 Jae_rel16 Jae_rel8_32 Jae_rel32_32
        jnc Jae_rel8_16 Jae_rel16 Jae_rel8_32 Jae_rel32_32
        je Je_rel8_16 Je_rel16 Je_rel8_32 Je_rel32_32
        jz Je_rel8_16 Je_rel16 Je_rel8_32 Je_rel32_32
        jne Jne_rel8_16 Jne_rel16 Jne_rel8_32 Jne_rel32_32
        jnz Jne_rel8_16 Jne_rel16 Jne_rel8_32 Jne_rel32_32
        jbe Jbe_rel8_16 Jbe_rel16 Jbe_rel8_32 Jbe_rel32_32
        ja Ja_rel8_16 Ja_rel16 Ja_rel8_32 Ja_rel32_32
        js Js_rel8_16 Js_rel16 Js_rel8_32 Js_rel32_32
        jns Jns_rel8_16 Jns_rel16 Jns_rel8_32 Jns_rel32_32
        jl Jl_rel8_16 Jl_rel16 Jl_rel8_32 Jl_rel32_32
        jge Jge_rel8_16 Jge_rel16 Jge_rel8_32 Jge_rel32_32
        jle Jle_rel8_16 Jle_rel16 Jle_rel8_32 Jle_rel32_32
        jg Jg_rel8_16 Jg_rel16 Jg_rel8_32 Jg_rel32_32
        loop_ Loop_rel8_16_CX Loop_rel8_16_CX Loop_rel8_32_ECX Loop_rel8_32_ECX
        loope Loope_rel8_16_CX Loope_rel8_16_CX Loope_rel8_32_ECX Loope_rel8_32_ECX
        loopne Loopne_rel8_16_CX Loopne_rel8_16_CX Loopne_rel8_32_ECX Loopne_rel8_32_ECX
        jcxz Jcxz_rel8_16 Jcxz_rel8_16 Jecxz_rel8_32 Jecxz_rel8_32
        jecxz Jecxz_rel8_16 Jecxz_rel8_16 Jecxz_rel8_32 Jecxz_rel8_32
    }

    strings! {
        rep_movsb with_movsb Repe None;
        rep_movsw with_movsw Repe None;
        rep_movsd with_movsd Repe None;
        rep_outsb with_outsb Repe None;
        rep_outsw with_outsw Repe None;
        rep_outsd with_outsd Repe None;
        rep_stosb with_stosb Repe;
        rep_stosw with_stosw Repe;
        rep_stosd with_stosd Repe;
        rep_insb with_insb Repe;
        rep_insw with_insw Repe;
        rep_insd with_insd Repe;
        repe_cmpsb with_cmpsb Repe None;
        repe_cmpsw with_cmpsw Repe None;
        repe_scasb with_scasb Repe;
        repne_scasb with_scasb Repne;
        repe_scasw with_scasw Repe;
        repne_scasw with_scasw Repne;
        cs_lodsb with_lodsb None CS;
        cs_lodsw with_lodsw None CS;
        cs_lodsd with_lodsd None CS;
        cs_movsb with_movsb None CS;
        cs_movsw with_movsw None CS;
        rep_cs_movsb with_movsb Repe CS;
        rep_cs_movsw with_movsw Repe CS;
        rep_cs_movsd with_movsd Repe CS;
        rep_cs_outsb with_outsb Repe CS;
        rep_cs_outsw with_outsw Repe CS;
        es_lodsb with_lodsb None ES;
        es_lodsw with_lodsw None ES;
        es_lodsd with_lodsd None ES;
        es_movsb with_movsb None ES;
        es_movsw with_movsw None ES;
        rep_es_movsb with_movsb Repe ES;
        rep_es_movsw with_movsw Repe ES;
        rep_es_movsd with_movsd Repe ES;
        rep_es_outsb with_outsb Repe ES;
        rep_es_outsw with_outsw Repe ES;
        ss_lodsb with_lodsb None SS;
        ss_lodsw with_lodsw None SS;
        repe_cs_cmpsb with_cmpsb Repe CS;
        string_movsd with_movsd None None;
    }

    /// JMP to a label, register or memory.
    pub fn jmp<'a>(&mut self, target: impl Into<Target<'a>>) {
        let result = match target.into() {
            Target::Label(l) if self.bits == 16 => {
                self.branch(l, Code::Jmp_rel8_16, Code::Jmp_rel16);
                Ok(())
            }
            Target::Label(l) => {
                self.branch(l, Code::Jmp_rel8_32, Code::Jmp_rel32_32);
                Ok(())
            }
            Target::Reg(r) => self.code.jmp(r),
            Target::Reg32(r) => self.code.jmp(r),
            Target::Mem(m) => self.code.jmp(m),
        };
        self.settle(result);
    }

    /// JMP with a 16-bit displacement whatever the distance (three bytes: for fixed entry points).
    pub fn jmp_near(&mut self, label: &str) {
        let target = self.at(label) as u64;
        match Instruction::with_branch(Code::Jmp_rel16, target) {
            Ok(i) => self.encode(&i),
            Err(e) => panic!("{}: {e}", self.place),
        }
    }

    /// CALL of a label, register or memory.
    pub fn call<'a>(&mut self, target: impl Into<Target<'a>>) {
        let result = match target.into() {
            Target::Label(l) => {
                let code = if self.bits == 16 { Code::Call_rel16 } else { Code::Call_rel32_32 };
                let target = self.at(l) as u64;
                match Instruction::with_branch(code, target) {
                    Ok(i) => self.encode(&i),
                    Err(e) => panic!("{}: {e}", self.place),
                }
                Ok(())
            }
            Target::Reg(r) => self.code.call(r),
            Target::Reg32(r) => self.code.call(r),
            Target::Mem(m) => self.code.call(m),
        };
        self.settle(result);
    }

    /// Far JMP to a label in segment `segment`.
    pub fn jmp_far(&mut self, segment: u16, label: &str) {
        self.far(Code::Jmp_ptr1616, segment, label);
    }

    /// Far CALL of a label in segment `segment`.
    pub fn call_far(&mut self, segment: u16, label: &str) {
        self.far(Code::Call_ptr1616, segment, label);
    }

    fn far(&mut self, code: Code, segment: u16, label: &str) {
        let target = self.at(label) as u32;
        match Instruction::with_far_branch(code, segment, target) {
            Ok(i) => self.encode(&i),
            Err(e) => panic!("{}: {e}", self.place),
        }
    }

    /// Far JMP to selector:offset with a 32-bit offset, range-checked by its type.
    pub fn jmp_far32(&mut self, selector: u16, offset: u32) {
        match Instruction::with_far_branch(Code::Jmp_ptr1632, selector, offset) {
            Ok(i) => self.encode(&i),
            Err(e) => panic!("{}: {e}", self.place),
        }
    }

    /// Bytes.
    pub fn db(&mut self, data: &[u8]) {
        for &byte in data {
            let (Some(slot), Some(used)) = (self.image.get_mut(self.at), self.used.get_mut(self.at)) else {
                panic!("{}: address {:#x} is past the end of the image", self.place, self.at);
            };
            assert!(!*used, "{}: address {:#x} is taken already", self.place, self.at);
            (*slot, *used) = (byte, true);
            self.at += 1;
        }
    }

    /// Words.
    pub fn dw(&mut self, data: &[u16]) {
        for v in data {
            self.db(&v.to_le_bytes());
        }
    }

    /// Doublewords.
    pub fn dd(&mut self, data: &[u32]) {
        for v in data {
            self.db(&v.to_le_bytes());
        }
    }

    /// A word holding a label's address.
    pub fn dw_at(&mut self, label: &str) {
        let at = self.at(label) as u16;
        self.dw(&[at]);
    }

    /// A doubleword holding segment:label, offset first.
    pub fn far_ptr(&mut self, segment: u16, label: &str) {
        self.dw_at(label);
        self.dw(&[segment]);
    }

    /// The characters of a string and a NUL.
    pub fn asciz(&mut self, text: &str) {
        self.db(text.as_bytes());
        self.db(&[0]);
    }

    /// `n` times `byte`.
    pub fn fill(&mut self, n: usize, byte: u8) {
        self.db(&vec![byte; n]);
    }

    /// Sets the byte at `at` so that the bytes `from..to` (which include it) add up to zero.
    pub fn checksum(&mut self, from: usize, to: usize, at: usize) {
        let Some(range) = self.image.get_mut(from..to) else { panic!("{}: checksum outside the image", self.place) };
        range[at - from] = 0;
        let sum = range.iter().fold(0u8, |s, b| s.wrapping_add(*b));
        range[at - from] = sum.wrapping_neg();
    }
}

fn new_assembler(bits: u32) -> CodeAssembler {
    match CodeAssembler::new(bits) {
        Ok(c) => c,
        Err(e) => panic!("{e}"),
    }
}

/// Emits a list of statements through an [`Asm16`]: `asm!(a; mov ax, 1; je "label"; ...)`.
#[macro_export]
macro_rules! asm {
    ($a:ident; $($m:ident $($x:expr $(, $y:expr $(, $z:expr)?)?)?);* $(;)?) => {
        $( $crate::asm_statement!($a, concat!(file!(), ":", line!(), ": ", stringify!($m $($x $(, $y $(, $z)?)?)?)),
            $m $($x $(, $y $(, $z)?)?)?); )*
    };
}

/// One statement of [`asm!`]: operands are evaluated before the assembler is borrowed.
#[macro_export]
macro_rules! asm_statement {
    ($a:ident, $place:expr, $m:ident) => {{
        $a.begin($place);
        let r = $a.$m();
        $a.settle(r);
    }};
    ($a:ident, $place:expr, $m:ident $x:expr) => {{
        $a.begin($place);
        let x = $x;
        let r = $a.$m(x);
        $a.settle(r);
    }};
    ($a:ident, $place:expr, $m:ident $x:expr, $y:expr) => {{
        $a.begin($place);
        let (x, y) = ($x, $y);
        let r = $a.$m(x, y);
        $a.settle(r);
    }};
    ($a:ident, $place:expr, $m:ident $x:expr, $y:expr, $z:expr) => {{
        $a.begin($place);
        let (x, y, z) = ($x, $y, $z);
        let r = $a.$m(x, y, z);
        $a.settle(r);
    }};
}
