//! Debug registers and breakpoints.
//!
//! Intel SDM volume 3, sections 17.2 (debug registers) and 17.3 (debug exceptions). Instruction breakpoints are faults
//! and are looked for before each instruction while any is armed; data and I/O breakpoints, single steps and task
//! switches are traps and gather in `sys.pending_debug` until the instruction has retired.

use crate::fault::Fault;
use crate::regs::Seg;
use crate::state::{Cpu, cr4, eflags};

/// DR6: a debug register was accessed while DR7.GD was set.
pub(crate) const DR6_BD: u64 = 1 << 13;
/// DR6: single step.
pub(crate) const DR6_BS: u64 = 1 << 14;
/// DR6: a task switch to a TSS with the T flag.
pub(crate) const DR6_BT: u64 = 1 << 15;
/// DR6: B0 to B3.
const DR6_HITS: u64 = 15;
/// DR6 bits that read as 1.
pub(super) const DR6_FIXED: u64 = 0xFFFF_0FF0;
/// DR6 bits that software may set.
pub(super) const DR6_WRITABLE: u64 = 0xE00F;
/// DR7 bits that read as 1.
pub(super) const DR7_FIXED: u64 = 0x400;
/// DR7 bits that software may set.
pub(super) const DR7_WRITABLE: u64 = 0xFFFF_23FF;
/// DR7: every local and global enable.
const DR7_ENABLES: u64 = 0xFF;
/// DR7: general detect.
pub(super) const DR7_GD: u64 = 1 << 13;
/// DR7: local enables and LE, which a task switch clears.
pub(super) const DR7_LOCAL: u64 = 0x155;

/// What a breakpoint watches (the R/W fields of DR7).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watch {
    Execute,
    Write,
    Io,
    ReadWrite,
}

/// One enabled breakpoint.
struct Breakpoint {
    index: usize,
    watch: Watch,
    start: u64,
    len: u64,
}

impl Breakpoint {
    fn overlaps(&self, start: u64, len: u64) -> bool {
        start < self.start.wrapping_add(self.len) && self.start < start.wrapping_add(len)
    }
}

impl Cpu {
    fn breakpoint(&self, index: usize) -> Option<Breakpoint> {
        let dr7 = self.sys.dr[7];
        if dr7 >> (2 * index) & 3 == 0 {
            return None;
        }
        let field = dr7 >> (16 + 4 * index) & 15;
        let watch = match field & 3 {
            0 => Watch::Execute,
            1 => Watch::Write,
            // Without CR4.DE this encoding is undefined; it never matches.
            2 if self.sys.cr4 & cr4::DE != 0 => Watch::Io,
            2 => return None,
            _ => Watch::ReadWrite,
        };
        let len = match field >> 2 {
            0 => 1,
            1 => 2,
            2 => 8,
            _ => 4,
        };
        Some(Breakpoint { index, watch, start: self.sys.dr[index] & !(len - 1), len })
    }

    fn breakpoints(&self) -> impl Iterator<Item = Breakpoint> + '_ {
        (0..4).filter_map(|i| self.breakpoint(i))
    }

    /// Some breakpoint is enabled: instructions run one by one.
    #[inline]
    pub(crate) fn breakpoints_armed(&self) -> bool {
        self.sys.dr[7] & DR7_ENABLES != 0
    }

    /// Some data breakpoint is enabled: every access must take the slow path.
    pub(crate) fn data_breakpoints_armed(&self) -> bool {
        self.breakpoints_armed() && self.breakpoints().any(|b| matches!(b.watch, Watch::Write | Watch::ReadWrite))
    }

    /// The instruction at RIP follows MOV SS or POP SS.
    pub(crate) fn in_ss_shadow(&self) -> bool {
        self.sys.shadow_ss && self.icount < self.sys.shadow_end
    }

    /// The instruction at RIP has a breakpoint, and neither RF nor a load of SS before it masks that (SDM volume 3,
    /// 17.3.1.1).
    pub(crate) fn instruction_breakpoint(&mut self) -> Option<Fault> {
        if !self.breakpoints_armed() || self.eflags & eflags::RF != 0 || self.sys.repeating || self.in_ss_shadow() {
            return None;
        }
        let lin = self.rip.wrapping_add(self.seg[Seg::Cs as usize].base) & self.lin_mask();
        let hit = |b: &Breakpoint| b.watch == Watch::Execute && self.sys.dr[b.index] & self.lin_mask() == lin;
        let hits = self.breakpoints().filter(hit).fold(0, |bits, b| bits | 1 << b.index);
        if hits == 0 {
            return None;
        }
        self.report_debug(hits);
        Some(Fault::DB)
    }

    /// Reports the conditions of a debug exception in DR6: B0 to B3 say what hit this time, the others stay until
    /// software clears them.
    pub(super) fn report_debug(&mut self, conditions: u64) {
        self.sys.dr[6] = self.sys.dr[6] & !DR6_HITS | conditions;
    }

    /// Records data breakpoints that an access of `len` bytes at `lin` hits.
    pub(crate) fn watch_data(&mut self, lin: u64, len: u64, write: bool) {
        let hit =
            |b: &Breakpoint| (b.watch == Watch::ReadWrite || write && b.watch == Watch::Write) && b.overlaps(lin, len);
        let hits = self.breakpoints().filter(hit).fold(0, |bits, b| bits | 1 << b.index);
        self.sys.pending_debug |= hits;
    }

    /// Records I/O breakpoints that an access to `len` ports from `port` on hits.
    #[inline]
    pub(super) fn watch_port(&mut self, port: u16, len: u64) {
        if self.breakpoints_armed() {
            let hit = |b: &Breakpoint| b.watch == Watch::Io && b.overlaps(u64::from(port), len);
            let hits = self.breakpoints().filter(hit).fold(0, |bits, b| bits | 1 << b.index);
            self.sys.pending_debug |= hits;
        }
    }

    /// A debug exception is being delivered: its handler may use the debug registers.
    pub(super) fn enter_debug_handler(&mut self) {
        self.sys.dr[7] &= !DR7_GD;
    }
}
