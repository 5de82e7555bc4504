//! The registers that GDB sees, as a table: three views of one processor, their target descriptions, and the way of each
//! register to and from the machine.
//!
//! GDB manual, sections G.2 (target description format) and G.5.7 (i386 features). A description cannot change while
//! GDB is connected, so a view is chosen when it connects and kept: in a mode that does not fit it values are cut or
//! filled with zeros. In every view the program counter is linear, CS base plus instruction pointer, because GDB knows no
//! segments; `ip` is the pointer as the processor has it.

use rewind86_machine::cpu::{Cpu, CpuState};
use rewind86_machine::regs::{Seg, Segment, TableRegister};

/// Which processor GDB is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// 16-bit code.
    I8086,
    /// 32-bit code.
    I386,
    /// 64-bit code.
    X64,
}

impl View {
    /// The view that fits the code that runs; with long mode active it is that of 64 bits.
    pub fn fitting(cpu: &Cpu) -> Self {
        const LMA: u64 = 1 << 10;
        if cpu.save().sys.efer & LMA != 0 {
            return Self::X64;
        }
        if cpu.code_bits() == 16 { Self::I8086 } else { Self::I386 }
    }

    /// As `--gdb-arch` names it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "8086" | "i8086" => Some(Self::I8086),
            "386" | "i386" => Some(Self::I386),
            "x86-64" | "i386:x86-64" => Some(Self::X64),
            _ => None,
        }
    }

    /// GDB's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::I8086 => "i8086",
            Self::I386 => "i386",
            Self::X64 => "i386:x86-64",
        }
    }
}

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Gpr(usize),
    Pc,
    Flags,
    Selector(Seg),
    St(usize),
    /// Byte offset in an FXSAVE image, and width in bytes.
    FpuControl,
    FpuStatus,
    FpuTags,
    Fcs,
    Fip,
    Fds,
    Fdp,
    Fop,
    Xmm(usize),
    Mxcsr,
    Base(Seg),
    Limit(Seg),
    Attr(Seg),
    Cr(usize),
    Efer,
    Xcr0,
    Dr(usize),
    GdtBase,
    GdtLimit,
    IdtBase,
    IdtLimit,
    Ldtr,
    LdtrBase,
    Tr,
    TrBase,
    KernelGsBase,
    Star,
    Lstar,
    Cstar,
    Sfmask,
    SysenterCs,
    SysenterEsp,
    SysenterEip,
    Ip,
    Icount,
}

/// One register of a view.
#[derive(Clone, Debug)]
struct Reg {
    name: String,
    bits: usize,
    kind: &'static str,
    group: Option<&'static str>,
    source: Source,
}

/// The registers of a view in GDB's order.
#[derive(Clone, Debug)]
pub struct Layout {
    view: View,
    regs: Vec<Reg>,
    /// Registers of the core feature, and of core and SSE.
    split: (usize, usize, usize),
    xml: String,
}

const FLAGS: &str = "i386_eflags";
const FLAG_BITS: &[(&str, u32)] = &[
    ("CF", 0),
    ("", 1),
    ("PF", 2),
    ("AF", 4),
    ("ZF", 6),
    ("SF", 7),
    ("TF", 8),
    ("IF", 9),
    ("DF", 10),
    ("OF", 11),
    ("NT", 14),
    ("RF", 16),
    ("VM", 17),
    ("AC", 18),
    ("VIF", 19),
    ("VIP", 20),
    ("ID", 21),
];
const CR0_BITS: &[(&str, u32)] = &[
    ("PE", 0),
    ("MP", 1),
    ("EM", 2),
    ("TS", 3),
    ("ET", 4),
    ("NE", 5),
    ("WP", 16),
    ("AM", 18),
    ("NW", 29),
    ("CD", 30),
    ("PG", 31),
];
const CR4_BITS: &[(&str, u32)] = &[
    ("VME", 0),
    ("PVI", 1),
    ("TSD", 2),
    ("DE", 3),
    ("PSE", 4),
    ("PAE", 5),
    ("MCE", 6),
    ("PGE", 7),
    ("PCE", 8),
    ("OSFXSR", 9),
    ("OSXMMEXCPT", 10),
    ("UMIP", 11),
    ("FSGSBASE", 16),
    ("PCIDE", 17),
    ("OSXSAVE", 18),
    ("SMEP", 20),
    ("SMAP", 21),
];
const EFER_BITS: &[(&str, u32)] = &[("SCE", 0), ("LME", 8), ("LMA", 10), ("NX", 11)];
const MXCSR_BITS: &[(&str, u32)] = &[
    ("IE", 0),
    ("DE", 1),
    ("ZE", 2),
    ("OE", 3),
    ("UE", 4),
    ("PE", 5),
    ("DAZ", 6),
    ("IM", 7),
    ("DM", 8),
    ("ZM", 9),
    ("OM", 10),
    ("UM", 11),
    ("PM", 12),
    ("FZ", 15),
];

fn flags(id: &str, size: usize, bits: &[(&str, u32)]) -> String {
    let fields: String =
        bits.iter().map(|(name, at)| format!("<field name=\"{name}\" start=\"{at}\" end=\"{at}\"/>")).collect();
    format!("<flags id=\"{id}\" size=\"{size}\">{fields}</flags>\n")
}

const VECTORS: &str = "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\n\
<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>\n\
<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\n\
<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>\n\
<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\n\
<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n\
<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>\
<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>\
<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>\n";

/// Segment registers in GDB's order.
const SEGMENTS: [(Seg, &str); 6] =
    [(Seg::Cs, "cs"), (Seg::Ss, "ss"), (Seg::Ds, "ds"), (Seg::Es, "es"), (Seg::Fs, "fs"), (Seg::Gs, "gs")];

impl Layout {
    /// The layout of a view.
    pub fn new(view: View) -> Self {
        let long = view == View::X64;
        let word = if long { 64 } else { 32 };
        let mut regs = Vec::new();
        let mut add = |name: &str, bits, kind, group, source| {
            regs.push(Reg { name: name.to_string(), bits, kind, group, source });
        };
        let int = if long { "int64" } else { "int32" };
        // The core feature: general registers in GDB's order, which differs between the widths.
        let short = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
        let order: [usize; 8] = if long { [0, 3, 1, 2, 6, 7, 5, 4] } else { [0, 1, 2, 3, 4, 5, 6, 7] };
        for n in order {
            let name = format!("{}{}", if long { "r" } else { "e" }, short.get(n).copied().unwrap_or_default());
            add(&name, word, if n == 4 || n == 5 { "data_ptr" } else { int }, None, Source::Gpr(n));
        }
        if long {
            for n in 8..16 {
                add(&format!("r{n}"), 64, int, None, Source::Gpr(n));
            }
        }
        add(if long { "rip" } else { "eip" }, word, "code_ptr", None, Source::Pc);
        add("eflags", 32, FLAGS, None, Source::Flags);
        for (seg, name) in SEGMENTS {
            add(name, 32, "int32", None, Source::Selector(seg));
        }
        for n in 0..8 {
            add(&format!("st{n}"), 80, "i387_ext", None, Source::St(n));
        }
        let float = Some("float");
        for (name, source) in [
            ("fctrl", Source::FpuControl),
            ("fstat", Source::FpuStatus),
            ("ftag", Source::FpuTags),
            ("fiseg", Source::Fcs),
            ("fioff", Source::Fip),
            ("foseg", Source::Fds),
            ("fooff", Source::Fdp),
            ("fop", Source::Fop),
        ] {
            add(name, 32, "int", float, source);
        }
        let core = 8 + if long { 8 } else { 0 } + 2 + 6 + 8 + 8;
        for n in 0..if long { 16 } else { 8 } {
            add(&format!("xmm{n}"), 128, "vec128", None, Source::Xmm(n));
        }
        add("mxcsr", 32, "i386_mxcsr", Some("vector"), Source::Mxcsr);
        let sse = core + if long { 17 } else { 9 };
        let mut segments = sse;
        if long {
            add("fs_base", 64, "int", None, Source::Base(Seg::Fs));
            add("gs_base", 64, "int", None, Source::Base(Seg::Gs));
            segments += 2;
        }
        let system = Some("system");
        add("ip", word, int, system, Source::Ip);
        add("icount", 64, "uint64", system, Source::Icount);
        for (seg, name) in SEGMENTS {
            if !(long && matches!(seg, Seg::Fs | Seg::Gs)) {
                add(&format!("{name}_base"), word, int, system, Source::Base(seg));
            }
            add(&format!("{name}_limit"), 32, "int32", system, Source::Limit(seg));
            add(&format!("{name}_attr"), 32, "int32", system, Source::Attr(seg));
        }
        for (name, bits, kind, source) in [
            ("cr0", word, "cr0_flags", Source::Cr(0)),
            ("cr2", word, int, Source::Cr(2)),
            ("cr3", word, int, Source::Cr(3)),
            ("cr4", word, "cr4_flags", Source::Cr(4)),
            ("cr8", word, int, Source::Cr(8)),
            ("efer", word, "efer_flags", Source::Efer),
            ("xcr0", word, int, Source::Xcr0),
            ("dr0", word, int, Source::Dr(0)),
            ("dr1", word, int, Source::Dr(1)),
            ("dr2", word, int, Source::Dr(2)),
            ("dr3", word, int, Source::Dr(3)),
            ("dr6", word, int, Source::Dr(6)),
            ("dr7", word, int, Source::Dr(7)),
            ("gdtr_base", word, int, Source::GdtBase),
            ("gdtr_limit", 32, "int32", Source::GdtLimit),
            ("idtr_base", word, int, Source::IdtBase),
            ("idtr_limit", 32, "int32", Source::IdtLimit),
            ("ldtr", 32, "int32", Source::Ldtr),
            ("ldtr_base", word, int, Source::LdtrBase),
            ("tr", 32, "int32", Source::Tr),
            ("tr_base", word, int, Source::TrBase),
            ("sysenter_cs", word, int, Source::SysenterCs),
            ("sysenter_esp", word, int, Source::SysenterEsp),
            ("sysenter_eip", word, int, Source::SysenterEip),
        ] {
            add(name, bits, kind, system, source);
        }
        if long {
            for (name, source) in [
                ("kernel_gs_base", Source::KernelGsBase),
                ("star", Source::Star),
                ("lstar", Source::Lstar),
                ("cstar", Source::Cstar),
                ("sfmask", Source::Sfmask),
            ] {
                add(name, 64, int, system, source);
            }
        }
        let mut layout = Self { view, regs, split: (core, sse, segments), xml: String::new() };
        layout.xml = layout.describe();
        layout
    }

    /// The target description.
    pub fn xml(&self) -> &str {
        &self.xml
    }

    fn describe(&self) -> String {
        let (core, sse, segments) = self.split;
        let word = if self.view == View::X64 { 8 } else { 4 };
        let mut x = String::from(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n",
        );
        x += &format!("<architecture>{}</architecture>\n<osabi>none</osabi>\n", self.view.name());
        let mut feature = |name: &str, types: String, from: usize, to: usize| {
            if from == to {
                return;
            }
            x += &format!("<feature name=\"{name}\">\n{types}");
            for (n, r) in self.regs.iter().enumerate().take(to).skip(from) {
                let group = r.group.map(|g| format!(" group=\"{g}\"")).unwrap_or_default();
                x += &format!(
                    "<reg name=\"{}\" bitsize=\"{}\" type=\"{}\"{group} regnum=\"{n}\"/>\n",
                    r.name, r.bits, r.kind
                );
            }
            x += "</feature>\n";
        };
        feature("org.gnu.gdb.i386.core", flags(FLAGS, 4, FLAG_BITS), 0, core);
        feature("org.gnu.gdb.i386.sse", VECTORS.to_string() + &flags("i386_mxcsr", 4, MXCSR_BITS), core, sse);
        feature("org.gnu.gdb.i386.segments", String::new(), sse, segments);
        let system = flags("cr0_flags", word, CR0_BITS)
            + &flags("cr4_flags", word, CR4_BITS)
            + &flags("efer_flags", word, EFER_BITS);
        feature("org.rewind86.system", system, segments, self.regs.len());
        x += "</target>\n";
        x
    }

    /// Bytes of register `n`.
    pub fn size(&self, n: usize) -> Option<usize> {
        self.regs.get(n).map(|r| r.bits / 8)
    }

    /// Value of register `n`, little-endian.
    pub fn read(&self, cpu: &Cpu, n: usize) -> Option<Vec<u8>> {
        self.read_from(&Snapshot::new(cpu), n)
    }

    fn read_from(&self, s: &Snapshot, n: usize) -> Option<Vec<u8>> {
        let reg = self.regs.get(n)?;
        let mut bytes = s.value(reg.source).to_le_bytes().to_vec();
        bytes.truncate(reg.bits / 8);
        Some(bytes)
    }

    /// All registers in order, little-endian.
    pub fn read_all(&self, cpu: &Cpu) -> Vec<u8> {
        let s = Snapshot::new(cpu);
        (0..self.regs.len()).filter_map(|n| self.read_from(&s, n)).flatten().collect()
    }

    /// Sets register `n`; `false` when there is no such register or it cannot be set.
    pub fn write(&self, cpu: &mut Cpu, n: usize, bytes: &[u8]) -> bool {
        let Some(reg) = self.regs.get(n) else { return false };
        if bytes.len() != reg.bits / 8 {
            return false;
        }
        let mut b = [0; 16];
        for (to, from) in b.iter_mut().zip(bytes) {
            *to = *from;
        }
        let mut s = Snapshot::new(cpu);
        s.set(reg.source, u128::from_le_bytes(b), reg.bits) && s.store(cpu)
    }

    /// Sets all registers that differ; `false` when one of them cannot be set.
    pub fn write_all(&self, cpu: &mut Cpu, bytes: &[u8]) -> bool {
        let mut at = 0;
        for n in 0..self.regs.len() {
            let size = self.size(n).unwrap_or(0);
            let Some(new) = bytes.get(at..at + size) else { return false };
            at += size;
            if self.read(cpu, n).as_deref() != Some(new) && !self.write(cpu, n, new) {
                return false;
            }
        }
        true
    }
}

/// The processor's state, to read or change.
struct Snapshot {
    state: CpuState,
    fx: [u8; 512],
    linear_rip: u64,
}

/// Offsets in an FXSAVE image (SDM volume 1, 10.5.1).
mod fx {
    pub const ST: usize = 32;
    pub const XMM: usize = 160;
}

impl Snapshot {
    fn new(cpu: &Cpu) -> Self {
        Self { state: cpu.save(), fx: cpu.fxsave_image(), linear_rip: cpu.linear_rip() }
    }

    fn seg(&self, seg: Seg) -> Segment {
        self.state.seg.get(seg as usize).copied().unwrap_or_default()
    }

    fn image(&self, at: usize, n: usize) -> u128 {
        let mut b = [0; 16];
        for (to, from) in b.iter_mut().zip(self.fx.iter().skip(at).take(n)) {
            *to = *from;
        }
        u128::from_le_bytes(b)
    }

    /// The full tag word from the abridged one (SDM volume 1, table 10-2).
    fn tags(&self) -> u128 {
        let top = (self.image(2, 2) >> 11 & 7) as usize;
        let abridged = self.image(4, 1);
        (0..8).fold(0, |word, physical| {
            let st = (physical + 8 - top) & 7;
            let value = self.image(fx::ST + 16 * st, 10);
            let (mantissa, exponent) = (value as u64, value >> 64 & 0x7FFF);
            let tag = if abridged >> physical & 1 == 0 {
                3
            } else if value & !(1 << 79) == 0 {
                1
            } else if exponent == 0 || exponent == 0x7FFF || mantissa >> 63 == 0 {
                2
            } else {
                0
            };
            word | tag << (2 * physical)
        })
    }

    fn value(&self, source: Source) -> u128 {
        let s = &self.state;
        let gpr = |n: usize| s.gpr.get(n).copied().unwrap_or_default();
        let table = |t: &TableRegister| u128::from(t.base);
        let low = |v: u64| u128::from(v);
        match source {
            Source::Gpr(n) => low(gpr(n)),
            Source::Pc => low(self.linear_rip),
            Source::Ip => low(s.rip),
            Source::Icount => low(s.icount),
            Source::Flags => low(s.rflags),
            Source::Selector(seg) => u128::from(self.seg(seg).selector),
            Source::Base(seg) => low(self.seg(seg).base),
            Source::Limit(seg) => u128::from(self.seg(seg).limit),
            Source::Attr(seg) => u128::from(self.seg(seg).attr),
            Source::St(n) => self.image(fx::ST + 16 * n, 10),
            Source::FpuControl => self.image(0, 2),
            Source::FpuStatus => self.image(2, 2),
            Source::FpuTags => self.tags(),
            Source::Fop => u128::from(s.fpu.fop),
            Source::Fip => low(s.fpu.fip),
            Source::Fcs => u128::from(s.fpu.fcs),
            Source::Fdp => low(s.fpu.fdp),
            Source::Fds => u128::from(s.fpu.fds),
            Source::Xmm(n) => self.image(fx::XMM + 16 * n, 16),
            Source::Mxcsr => self.image(24, 4),
            Source::Cr(0) => low(s.sys.cr0),
            Source::Cr(2) => low(s.sys.cr2),
            Source::Cr(3) => low(s.sys.cr3),
            Source::Cr(4) => low(s.sys.cr4),
            Source::Cr(_) => low(u64::from(s.lines.apic.tpr >> 4)),
            Source::Efer => low(s.sys.efer),
            Source::Xcr0 => low(s.sys.xcr0),
            Source::Dr(n) => low(s.sys.dr.get(n).copied().unwrap_or_default()),
            Source::GdtBase => table(&s.sys.gdtr),
            Source::GdtLimit => u128::from(s.sys.gdtr.limit),
            Source::IdtBase => table(&s.sys.idtr),
            Source::IdtLimit => u128::from(s.sys.idtr.limit),
            Source::Ldtr => u128::from(s.sys.ldtr.selector),
            Source::LdtrBase => low(s.sys.ldtr.base),
            Source::Tr => u128::from(s.sys.tr.selector),
            Source::TrBase => low(s.sys.tr.base),
            Source::KernelGsBase => low(s.sys.kernel_gs_base),
            Source::Star => low(s.sys.star),
            Source::Lstar => low(s.sys.lstar),
            Source::Cstar => low(s.sys.cstar),
            Source::Sfmask => low(s.sys.sfmask),
            Source::SysenterCs => low(s.sys.sysenter_cs),
            Source::SysenterEsp => low(s.sys.sysenter_esp),
            Source::SysenterEip => low(s.sys.sysenter_eip),
        }
    }

    /// Changes the copy; `false` for what cannot be set. A value narrower than the register keeps the upper half.
    fn set(&mut self, source: Source, value: u128, bits: usize) -> bool {
        let value64 = value as u64;
        let s = &mut self.state;
        let merge = |old: u64| if bits == 64 { value64 } else { old & !0xFFFF_FFFF | value64 & 0xFFFF_FFFF };
        match source {
            Source::Gpr(n) => {
                if let Some(r) = s.gpr.get_mut(n) {
                    *r = merge(*r);
                }
            }
            Source::Pc => s.rip = s.rip.wrapping_add(merge(self.linear_rip).wrapping_sub(self.linear_rip)),
            Source::Ip => s.rip = merge(s.rip),
            Source::Flags => s.rflags = merge(s.rflags),
            Source::Base(seg @ (Seg::Fs | Seg::Gs)) => {
                if let Some(r) = s.seg.get_mut(seg as usize) {
                    r.base = merge(r.base);
                }
            }
            Source::Selector(seg) => {
                // A protected-mode load would need the descriptor; a real-mode one does not.
                const PE: u64 = 1;
                if s.sys.cr0 & PE != 0 {
                    return false;
                }
                if let Some(r) = s.seg.get_mut(seg as usize) {
                    (r.selector, r.base) = (value64 as u16, (value64 & 0xFFFF) << 4);
                }
            }
            Source::Cr(0) => s.sys.cr0 = merge(s.sys.cr0),
            Source::Cr(2) => s.sys.cr2 = merge(s.sys.cr2),
            Source::Cr(3) => s.sys.cr3 = merge(s.sys.cr3),
            Source::Cr(4) => s.sys.cr4 = merge(s.sys.cr4),
            Source::Cr(_) => s.lines.apic.tpr = (merge(u64::from(s.lines.apic.tpr >> 4)) as u8) << 4,
            Source::Dr(n) => {
                if let Some(r) = s.sys.dr.get_mut(n) {
                    *r = merge(*r);
                }
            }
            Source::St(n) => self.put(fx::ST + 16 * n, value, 10),
            Source::Xmm(n) => self.put(fx::XMM + 16 * n, value, 16),
            // Reserved bits would make a later FXRSTOR fault.
            Source::Mxcsr => self.put(24, value & 0xFFFF, 4),
            Source::FpuControl => self.put(0, value, 2),
            Source::FpuStatus => self.put(2, value, 2),
            _ => return false,
        }
        true
    }

    fn put(&mut self, at: usize, value: u128, n: usize) {
        for (to, from) in self.fx.iter_mut().skip(at).take(n).zip(value.to_le_bytes()) {
            *to = from;
        }
    }

    fn store(&self, cpu: &mut Cpu) -> bool {
        cpu.load(&self.state);
        cpu.load_fxsave(&self.fx);
        true
    }
}
