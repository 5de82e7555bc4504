//! The engine: decoded blocks, their cache, and the run loop.
//!
//! A block is at most 64 ops, never across a page (an instruction that does is a block of its own: [`crossing`]), keyed by backing
//! address and [`ModeKey`]. Block shape depends on cache history and is never observable: the instruction clock is
//! exact at every op (see [`dispatch`]), and interrupts are taken at exact counts.

#[allow(unsafe_code)]
pub(crate) mod arena;
mod cache;
mod crossing;
pub mod decoded;
pub(crate) mod dispatch;
mod early;
pub(crate) mod jump;
mod lower;
mod run;
mod table;

use crate::fault::Fault;
use crate::op::Op;
use crate::probe::Probes;
use crate::regs::Seg;
use crate::state::{Cpu, cr0, cr4};
use arena::{Arena, Scratch};
pub use run::Exit;

/// Most ops in a block.
pub(crate) const BLOCK_OPS: usize = 64;
/// Most instructions that one chain runs: bounds the stack where calls in tail position are not jumps (see `build.rs`).
pub(crate) const CHAIN_MAX: u64 = if cfg!(all(sibling_calls, not(debug_assertions))) { 4096 } else { 128 };

/// Every bit of state that changes decoding or the choice of handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModeKey(pub u32);

impl ModeKey {
    const BITS32: u32 = 1;
    const BITS64: u32 = 2;
    const FLAT: u32 = 4;
    /// CR0.EM or TS: x87 instructions trap.
    const FPU_TRAP: u32 = 8;
    /// SSE instructions trap (#NM or #UD).
    const SSE_TRAP: u32 = 16;
    /// User privilege: translations differ, so jumps must not cross.
    const USER: u32 = 32;

    /// 16, 32 or 64.
    pub fn bits(self) -> u32 {
        if self.0 & Self::BITS64 != 0 {
            64
        } else if self.0 & Self::BITS32 != 0 {
            32
        } else {
            16
        }
    }

    /// Index of the world for handlers: 0 general, 1 flat 32-bit, 2 64-bit.
    pub fn world(self) -> usize {
        if self.0 & Self::BITS64 != 0 { 2 } else { usize::from(self.0 & Self::FLAT != 0) }
    }

    pub fn fpu_trap(self) -> bool {
        self.0 & Self::FPU_TRAP != 0
    }

    pub fn sse_trap(self) -> bool {
        self.0 & Self::SSE_TRAP != 0
    }
}

/// A branch that left the chain, and where it went. Before the next block is looked up an interrupt may be delivered or
/// another state loaded: only the block at `lin`, under the same translations and mode, is the branch's target.
#[derive(Clone, Copy)]
pub(crate) struct Want {
    pub from: *const Op,
    pub taken: bool,
    pub lin: u64,
    pub tag: u64,
}

/// Working state of the engine: nothing in it is architectural.
pub(crate) struct Engine {
    pub arena: Arena,
    pub scratch: Scratch,
    pub jumps: Box<[jump::Jump; 4096]>,
    /// What entries of the jump cache must carry: TLB generation and mode key.
    pub jump_tag: u64,
    pub key: ModeKey,
    /// `key` says 64-bit code.
    pub code64: bool,
    /// Width of RIP.
    pub rip_mask: u64,
    /// Hash buckets: slot number of a block's first op.
    pub buckets: Vec<u32>,
    /// Blocks by backing page.
    pub by_page: Vec<u32>,
    /// `rem` of the op that runs; stored by every path that may ask for the instruction count.
    pub rem: u8,
    /// `rip` and `icount` are up to date.
    pub materialised: bool,
    /// What the last op raised.
    pub fault: Option<Fault>,
    /// The branch that wants a link to the block that comes next.
    pub want: Option<Want>,
    /// An instruction that has no implementation was met.
    pub unimplemented: Option<u16>,
    pub block_ops: usize,
    /// Identity of the memory map that translations belong to.
    pub map_generation: u64,
    /// When the written pages were last asked for.
    pub asked: u64,
    /// Exceptions delivered since the last retired instruction.
    pub deliveries: u32,
    /// Address of the last instruction that left a chain, or of the one before which an interrupt came.
    pub last_rip: u64,
    pub probes: Probes,
    /// What the blocks of instructions that cross a page know of the second page.
    pub crossings: Vec<crossing::Crossing>,
}

impl Engine {
    pub fn new() -> Self {
        Self {
            arena: Arena::new(),
            scratch: Scratch::new(lower::filler()),
            jumps: jump::empty(),
            jump_tag: 0,
            key: ModeKey(0),
            code64: false,
            rip_mask: 0xFFFF_FFFF,
            buckets: vec![0; cache::BUCKETS],
            by_page: Vec::new(),
            rem: 0,
            materialised: true,
            fault: None,
            want: None,
            unimplemented: None,
            block_ops: BLOCK_OPS,
            map_generation: u64::MAX,
            asked: 0,
            deliveries: 0,
            last_rip: 0,
            probes: Probes::default(),
            crossings: Vec::new(),
        }
    }

    /// Remembers which branch left the chain, to link it to the block that is looked up next.
    pub fn ask_link(&mut self, op: &Op, taken: bool, lin: u64) {
        self.want = Some(Want { from: std::ptr::from_ref(op), taken, lin, tag: self.jump_tag });
    }
}

impl Cpu {
    /// Recomputes everything derived from mode bits, segments and CPL; call after changing any of them.
    pub(crate) fn update_mode(&mut self) {
        let cs = &self.seg[Seg::Cs as usize];
        let long = self.long_mode() && cs.long();
        let mut key = 0;
        if long {
            key |= ModeKey::BITS64;
        } else if cs.big() {
            key |= ModeKey::BITS32;
            let data = |s: Seg| {
                let s = &self.seg[s as usize];
                s.base == 0 && s.read_max == i64::from(u32::MAX) && s.write_max == i64::from(u32::MAX)
            };
            let ss = &self.seg[Seg::Ss as usize];
            if cs.flat() && ss.big() && data(Seg::Ss) && data(Seg::Ds) && data(Seg::Es) {
                key |= ModeKey::FLAT;
            }
        }
        let (c0, c4) = (self.sys.cr0, self.sys.cr4);
        if c0 & (cr0::EM | cr0::TS) != 0 {
            key |= ModeKey::FPU_TRAP;
        }
        if c0 & (cr0::EM | cr0::TS) != 0 || c4 & cr4::OSFXSR == 0 {
            key |= ModeKey::SSE_TRAP;
        }
        if self.cpl == 3 {
            key |= ModeKey::USER;
        }
        self.engine.key = ModeKey(key);
        self.engine.code64 = long;
        self.engine.rip_mask = if long { u64::MAX } else { 0xFFFF_FFFF };
        self.update_tables();
    }

    /// Picks the translation table for the privilege and refreshes the jump tag.
    pub(crate) fn update_tables(&mut self) {
        use crate::tlb;
        let user = self.cpl == 3;
        self.tlb_sel = if self.alignment_checked() || self.data_breakpoints_armed() {
            tlb::NEVER
        } else if user {
            tlb::USER
        } else {
            tlb::SUPERVISOR
        };
        self.tlb_offset = self.tlb_sel * size_of::<tlb::Entry>();
        self.engine.jump_tag = u64::from(self.tlb.generation) << 32 | u64::from(self.engine.key.0) | 1 << 31;
    }

    /// #AC applies: CR0.AM, EFLAGS.AC and CPL 3.
    pub(crate) fn alignment_checked(&self) -> bool {
        self.cpl == 3 && self.sys.cr0 & cr0::AM != 0 && self.eflags & crate::state::eflags::AC != 0
    }
}
