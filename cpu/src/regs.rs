//! Register names and the segment cache.
//!
//! Intel SDM volume 1, section 3.4 (registers), volume 3, sections 3.4.3 to 3.5 (segment registers and descriptors).

use serde::{Deserialize, Serialize};

/// Index into the register file of [`crate::Cpu`]: the sixteen general registers, then two slots that make effective
/// addresses free of branches: a constant zero, and the instruction pointer at the start of the running code page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Gpr {
    Rax,
    Rcx,
    Rdx,
    Rbx,
    Rsp,
    Rbp,
    Rsi,
    Rdi,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    /// Always zero: an absent base or index.
    Zero,
    /// RIP of offset 0 of the code page that is running, for RIP-relative operands.
    IpBase,
}

impl Gpr {
    /// Slots of the register file.
    pub const COUNT: usize = 18;
    const ALL: [Self; 16] = [
        Self::Rax,
        Self::Rcx,
        Self::Rdx,
        Self::Rbx,
        Self::Rsp,
        Self::Rbp,
        Self::Rsi,
        Self::Rdi,
        Self::R8,
        Self::R9,
        Self::R10,
        Self::R11,
        Self::R12,
        Self::R13,
        Self::R14,
        Self::R15,
    ];

    /// General register by its encoding, 0 to 15.
    pub const fn general(n: usize) -> Self {
        Self::ALL[n & 15]
    }
}

/// Segment register by its encoding (SDM volume 2, table B-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Seg {
    Es,
    Cs,
    Ss,
    Ds,
    Fs,
    Gs,
}

impl Seg {
    /// All six, in encoding order.
    pub const ALL: [Self; 6] = [Self::Es, Self::Cs, Self::Ss, Self::Ds, Self::Fs, Self::Gs];

    /// By encoding; 6 and 7 have no segment.
    pub fn from_index(n: usize) -> Option<Self> {
        Self::ALL.get(n).copied()
    }
}

/// Attribute bits of a descriptor: bits 8-15 of its second dword in 0-7, bits 20-23 in 12-15.
pub mod attr {
    /// Accessed (code and data).
    pub const A: u16 = 1;
    /// Writable (data) or readable (code).
    pub const RW: u16 = 1 << 1;
    /// Expand-down (data) or conforming (code).
    pub const EC: u16 = 1 << 2;
    /// Code (1) or data (0).
    pub const CODE: u16 = 1 << 3;
    /// Code or data (1), system (0).
    pub const S: u16 = 1 << 4;
    /// Shift of the descriptor privilege level.
    pub const DPL_SHIFT: u16 = 5;
    /// Present.
    pub const P: u16 = 1 << 7;
    /// Available to software.
    pub const AVL: u16 = 1 << 12;
    /// 64-bit code.
    pub const L: u16 = 1 << 13;
    /// Default operation size 32 (D) or big stack (B).
    pub const DB: u16 = 1 << 14;
    /// Granularity: the limit counts pages.
    pub const G: u16 = 1 << 15;
}

/// A segment register with its hidden part; LDTR and TR have the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub struct Segment {
    /// Base address.
    pub base: u64,
    /// Highest offset of an expand-up read: -1 when a read must take the slow path. Derived.
    #[serde(skip)]
    pub(crate) read_max: i64,
    /// The same for writes. Derived.
    #[serde(skip)]
    pub(crate) write_max: i64,
    /// Limit in bytes (scaled by G already).
    pub limit: u32,
    /// Visible selector.
    pub selector: u16,
    /// [`attr`] bits.
    pub attr: u16,
}

impl Default for Segment {
    fn default() -> Self {
        Self::real(0)
    }
}

impl Segment {
    /// What a real-mode load leaves: base = selector * 16, 64 KiB, read/write data, present.
    pub fn real(selector: u16) -> Self {
        Self::new(selector, u64::from(selector) << 4, 0xFFFF, attr::P | attr::S | attr::RW | attr::A)
    }

    /// A segment with derived fields filled in.
    pub fn new(selector: u16, base: u64, limit: u32, attr: u16) -> Self {
        let mut s = Self { base, read_max: -1, write_max: -1, limit, selector, attr };
        s.refresh();
        s
    }

    /// Recomputes the derived fields; call after changing `limit` or `attr`.
    pub fn refresh(&mut self) {
        let usable = self.attr & (attr::P | attr::S) == attr::P | attr::S;
        let code = self.attr & attr::CODE != 0;
        let expand_down = !code && self.attr & attr::EC != 0;
        let readable = !code || self.attr & attr::RW != 0;
        let writable = !code && self.attr & attr::RW != 0;
        let max = i64::from(self.limit);
        self.read_max = if usable && !expand_down && readable { max } else { -1 };
        self.write_max = if usable && !expand_down && writable { max } else { -1 };
    }

    /// Descriptor privilege level.
    pub fn dpl(&self) -> u8 {
        (self.attr >> attr::DPL_SHIFT) as u8 & 3
    }

    /// Type and S bit: the low five attribute bits.
    pub fn kind(&self) -> u16 {
        self.attr & 0x1F
    }

    /// D/B bit.
    pub fn big(&self) -> bool {
        self.attr & attr::DB != 0
    }

    /// L bit.
    pub fn long(&self) -> bool {
        self.attr & attr::L != 0
    }

    /// Present and not null: usable for accesses in protected mode.
    pub fn usable(&self) -> bool {
        self.attr & attr::P != 0
    }

    /// Base 0 and limit 4 GiB.
    pub(crate) fn flat(&self) -> bool {
        self.base == 0 && self.limit == u32::MAX
    }
}

/// GDTR or IDTR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRegister {
    /// Linear base address.
    pub base: u64,
    /// Limit in bytes.
    pub limit: u16,
}
