//! The state of one logical processor.
//!
//! Intel SDM volume 3, section 2.1 (system architecture overview). [`Cpu`] holds the architectural state beside the
//! engine's working state (translations, decoded blocks); [`CpuState`] is the architectural part alone, in canonical
//! form, and is what snapshots and hashes see.
//!
//! While a chain of ops runs, `rip` and `icount` are not kept up to date: both follow from the op that runs (see
//! [`crate::engine`]). Handlers of system instructions run with both materialised.

use crate::bus::{Bus, Lines};
use crate::engine::Engine;
use crate::fpu::Fpu;
use crate::mem::PhysMem;
use crate::model::Model;
use crate::regs::{Gpr, Seg, Segment, TableRegister};
use crate::sse::Sse;
use crate::tlb::Tlb;
use serde::{Deserialize, Serialize};
use std::ptr::NonNull;

/// EFLAGS bits (SDM volume 1, section 3.4.3).
#[allow(missing_docs)]
pub mod eflags {
    pub const CF: u64 = 1;
    pub const FIXED: u64 = 1 << 1;
    pub const PF: u64 = 1 << 2;
    pub const AF: u64 = 1 << 4;
    pub const ZF: u64 = 1 << 6;
    pub const SF: u64 = 1 << 7;
    pub const TF: u64 = 1 << 8;
    pub const IF: u64 = 1 << 9;
    pub const DF: u64 = 1 << 10;
    pub const OF: u64 = 1 << 11;
    pub const IOPL: u64 = 3 << 12;
    pub const IOPL_SHIFT: u32 = 12;
    pub const NT: u64 = 1 << 14;
    pub const RF: u64 = 1 << 16;
    pub const VM: u64 = 1 << 17;
    pub const AC: u64 = 1 << 18;
    pub const VIF: u64 = 1 << 19;
    pub const VIP: u64 = 1 << 20;
    pub const ID: u64 = 1 << 21;
    /// The six arithmetic flags, kept lazily apart from the rest.
    pub const ARITH: u64 = CF | PF | AF | ZF | SF | OF;
}

/// CR0 bits (SDM volume 3, section 2.5).
#[allow(missing_docs)]
pub mod cr0 {
    pub const PE: u64 = 1;
    pub const MP: u64 = 1 << 1;
    pub const EM: u64 = 1 << 2;
    pub const TS: u64 = 1 << 3;
    pub const ET: u64 = 1 << 4;
    pub const NE: u64 = 1 << 5;
    pub const WP: u64 = 1 << 16;
    pub const AM: u64 = 1 << 18;
    pub const NW: u64 = 1 << 29;
    pub const CD: u64 = 1 << 30;
    pub const PG: u64 = 1 << 31;
}

/// CR4 bits (SDM volume 3, section 2.5).
#[allow(missing_docs)]
pub mod cr4 {
    pub const VME: u64 = 1;
    pub const PVI: u64 = 1 << 1;
    pub const TSD: u64 = 1 << 2;
    pub const DE: u64 = 1 << 3;
    pub const PSE: u64 = 1 << 4;
    pub const PAE: u64 = 1 << 5;
    pub const MCE: u64 = 1 << 6;
    pub const PGE: u64 = 1 << 7;
    pub const PCE: u64 = 1 << 8;
    pub const OSFXSR: u64 = 1 << 9;
    pub const OSXMMEXCPT: u64 = 1 << 10;
    pub const UMIP: u64 = 1 << 11;
    pub const FSGSBASE: u64 = 1 << 16;
    pub const PCIDE: u64 = 1 << 17;
    pub const OSXSAVE: u64 = 1 << 18;
    pub const SMEP: u64 = 1 << 20;
    pub const SMAP: u64 = 1 << 21;
}

/// EFER bits (SDM volume 3, section 2.2.1).
#[allow(missing_docs)]
pub mod efer {
    pub const SCE: u64 = 1;
    pub const LME: u64 = 1 << 8;
    pub const LMA: u64 = 1 << 10;
    pub const NXE: u64 = 1 << 11;
}

/// System registers: everything that is neither a general register, a flag nor floating point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct System {
    pub cr0: u64,
    pub cr2: u64,
    pub cr3: u64,
    pub cr4: u64,
    pub efer: u64,
    pub xcr0: u64,
    /// DR0-DR3, DR6 and DR7 at their own index; 4 and 5 unused.
    pub dr: [u64; 8],
    pub gdtr: TableRegister,
    pub idtr: TableRegister,
    pub ldtr: Segment,
    pub tr: Segment,
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
    pub star: u64,
    pub lstar: u64,
    pub cstar: u64,
    pub sfmask: u64,
    pub kernel_gs_base: u64,
    pub tsc_aux: u64,
    pub pat: u64,
    pub misc_enable: u64,
    /// MTRRs: default type, then eleven fixed ranges, then eight base/mask pairs; stored, never consulted.
    pub mtrr_def: u64,
    pub mtrr_fixed: [u64; 11],
    pub mtrr_var: [u64; 16],
    /// Test registers TR6 and TR7 of the 386 and 486.
    pub tr_test: [u32; 8],
    /// PDPTE registers of PAE paging, loaded with CR3.
    pub pdpte: [u64; 4],
    /// Added to `icount` to give the time-stamp counter: idle time and WRMSR.
    pub tsc_offset: u64,
    /// Bits of DR6 that a debug trap after the current instruction will report.
    pub pending_debug: u64,
    /// A20 line: false forces address bit 20 to 0.
    pub a20: bool,
    /// HLT or shutdown-by-guest wait for an interrupt.
    pub halted: bool,
    /// Interrupts and single-step traps are held off until this instruction count has passed (STI, MOV SS, POP SS).
    pub shadow_end: u64,
    /// The shadow also holds off debug traps and NMI (MOV SS, POP SS).
    pub shadow_ss: bool,
    /// RIP stands at a repeated string instruction of which an iteration has retired and more are to come: RF is set in
    /// the flags that an event pushes, and instruction breakpoints do not match.
    pub repeating: bool,
    /// An NMI handler runs: further NMIs wait for IRET.
    pub nmi_blocked: bool,
}

/// The architectural state in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CpuState {
    pub gpr: [u64; 16],
    pub rip: u64,
    pub rflags: u64,
    pub seg: [Segment; 6],
    pub sys: System,
    pub fpu: Fpu,
    pub sse: Sse,
    pub icount: u64,
    pub lines: Lines,
}

/// The memory and the board during one [`Cpu::run`]; see [`crate::hot`] for who may follow the pointers.
#[derive(Clone, Copy)]
pub(crate) struct World {
    pub mem: NonNull<PhysMem>,
    pub bus: NonNull<dyn Bus>,
}

/// One logical processor.
#[repr(C)]
pub struct Cpu {
    pub(crate) gpr: [u64; Gpr::COUNT],
    /// Result of the last flag-setting instruction, sign-extended to 64 bits.
    pub(crate) flag_result: u64,
    /// What the result alone does not tell: carry, partial overflow, AF, sign and parity deltas; see [`crate::flags`].
    pub(crate) flag_aux: u64,
    /// EFLAGS without the arithmetic flags (these bits are 0 here).
    pub(crate) eflags: u64,
    /// Instructions that the running chain may still retire beyond the current block.
    pub(crate) left: i64,
    /// Instruction count at which the running chain's budget ends.
    pub(crate) chain_end: u64,
    /// Ends the chain after the running instruction.
    pub(crate) stop: bool,
    /// CPL, as a value that the hot path reads.
    pub(crate) cpl: u8,
    /// Offset of the translation table of this privilege in the TLB: see [`crate::tlb`].
    pub(crate) tlb_sel: usize,
    /// The same in bytes; nothing but [`Cpu::update_tables`] sets it.
    pub(crate) tlb_offset: usize,
    pub(crate) seg: [Segment; 6],
    /// Next instruction; valid outside chains and inside system instructions.
    pub(crate) rip: u64,
    /// Retired instructions; valid outside chains and inside system instructions.
    pub(crate) icount: u64,
    /// Linear address of the #PF being raised.
    pub(crate) fault_address: u64,
    pub(crate) world: Option<World>,
    /// The lines from the board.
    pub lines: Lines,
    pub(crate) tlb: Tlb,
    pub(crate) engine: Engine,
    pub(crate) sys: System,
    pub(crate) fpu: Fpu,
    pub(crate) sse: Sse,
    pub(crate) model: Model,
}

// SAFETY: `world` is `None` outside `run`, and the block arena is owned by the core.
unsafe impl Send for Cpu {}

impl Cpu {
    /// A segment register.
    #[inline]
    pub fn seg(&self, seg: Seg) -> &Segment {
        &self.seg[seg as usize]
    }

    /// CR0.PE without EFLAGS.VM: protected mode proper.
    #[inline]
    pub(crate) fn protected(&self) -> bool {
        self.sys.cr0 & cr0::PE != 0 && self.eflags & eflags::VM == 0
    }

    /// EFLAGS.VM.
    #[inline]
    pub(crate) fn v86(&self) -> bool {
        self.eflags & eflags::VM != 0
    }

    /// Neither protected nor virtual-8086 mode.
    #[inline]
    pub(crate) fn real(&self) -> bool {
        self.sys.cr0 & cr0::PE == 0
    }

    /// EFER.LMA.
    #[inline]
    pub(crate) fn long_mode(&self) -> bool {
        self.sys.efer & efer::LMA != 0
    }

    /// 64-bit code runs.
    #[inline]
    pub(crate) fn code64(&self) -> bool {
        self.long_mode() && self.seg[Seg::Cs as usize].long()
    }

    /// I/O privilege level.
    #[inline]
    pub(crate) fn iopl(&self) -> u8 {
        ((self.eflags & eflags::IOPL) >> eflags::IOPL_SHIFT) as u8
    }
}
