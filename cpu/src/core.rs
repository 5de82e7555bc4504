//! Construction, reset, and the view from outside: registers, snapshots, the board's controls.
//!
//! Intel SDM volume 3, section 9.1.1 and table 9-1 (processor state after reset).

use crate::bus::{ApicRegs, Lines};
use crate::engine::{BLOCK_OPS, Engine};
use crate::fpu::Fpu;
use crate::model::{Feature, Model};
use crate::regs::{Gpr, Seg, Segment, TableRegister, attr};
use crate::sse::Sse;
use crate::state::{Cpu, CpuState, System, cr0, eflags};
use crate::tlb::Tlb;

const REAL_LIMIT: u16 = 0xFFFF;
/// Fast-string enable of IA32_MISC_ENABLE, volume 4, table 2-2: set at reset.
const FAST_STRINGS: u64 = 1;

fn reset_system() -> System {
    let table = TableRegister { base: 0, limit: REAL_LIMIT };
    let mut dr = [0; 8];
    dr[6] = 0xFFFF_0FF0;
    dr[7] = 0x400;
    System {
        cr0: cr0::ET | cr0::NW | cr0::CD,
        cr2: 0,
        cr3: 0,
        cr4: 0,
        efer: 0,
        xcr0: 1,
        dr,
        gdtr: table,
        idtr: table,
        ldtr: Segment::new(0, 0, 0xFFFF, attr::P | 2),
        tr: Segment::new(0, 0, 0xFFFF, attr::P | 0xB),
        sysenter_cs: 0,
        sysenter_esp: 0,
        sysenter_eip: 0,
        star: 0,
        lstar: 0,
        cstar: 0,
        sfmask: 0,
        kernel_gs_base: 0,
        tsc_aux: 0,
        pat: 0x0007_0406_0007_0406,
        misc_enable: FAST_STRINGS,
        mtrr_def: 0,
        mtrr_fixed: [0; 11],
        mtrr_var: [0; 16],
        tr_test: [0; 8],
        pdpte: [0; 4],
        tsc_offset: 0,
        pending_debug: 0,
        a20: true,
        halted: false,
        shadow_end: 0,
        shadow_ss: false,
        repeating: false,
        nmi_blocked: false,
    }
}

impl Cpu {
    /// A core of `model` in its reset state.
    pub fn new(model: Model) -> Self {
        let mut cpu = Self {
            gpr: [0; Gpr::COUNT],
            flag_result: 1,
            flag_aux: 0,
            eflags: eflags::FIXED,
            left: 0,
            chain_end: 0,
            stop: false,
            cpl: 0,
            tlb_sel: 0,
            tlb_offset: 0,
            seg: [Segment::real(0); 6],
            rip: 0,
            icount: 0,
            fault_address: 0,
            world: None,
            lines: Lines { deadline: u64::MAX, ..Lines::default() },
            tlb: Tlb::new(),
            engine: Engine::new(),
            sys: reset_system(),
            fpu: Fpu::default(),
            sse: Sse::reset(),
            model,
        };
        cpu.reset();
        cpu
    }

    /// RESET#: the state of table 9-1. The instruction count and the A20 gate (a board's line) stay.
    pub fn reset(&mut self) {
        let (a20, tsc_offset) = (self.sys.a20, self.sys.tsc_offset);
        self.sys = System { a20, tsc_offset, ..reset_system() };
        self.gpr = [0; Gpr::COUNT];
        self.gpr[Gpr::Rdx as usize] = u64::from(self.model.signature());
        self.set_rflags_raw(eflags::FIXED);
        self.seg = [Segment::real(0); 6];
        self.seg[Seg::Cs as usize] =
            Segment::new(0xF000, 0xFFFF_0000, 0xFFFF, attr::P | attr::S | attr::CODE | attr::RW | attr::A);
        self.rip = 0xFFF0;
        self.cpl = 0;
        self.fpu = Fpu::default();
        self.sse = Sse::reset();
        self.stop = false;
        self.lines.nmi = false;
        let apic = ApicRegs { base: ApicRegs::RESET_ADDRESS | ApicRegs::ENABLE | ApicRegs::BSP, tpr: 0 };
        self.lines.apic = if self.model.feature(Feature::APIC) { apic } else { ApicRegs::default() };
        self.tlb.flush_all();
        self.update_mode();
    }

    /// Retired instructions since power-on.
    pub fn icount(&self) -> u64 {
        self.icount
    }

    /// The time-stamp counter goes on while the core is halted: the board says by how much.
    pub fn skip_idle(&mut self, ticks: u64) {
        self.sys.tsc_offset = self.sys.tsc_offset.wrapping_add(ticks);
    }

    /// HLT waits for an interrupt.
    pub fn halted(&self) -> bool {
        self.sys.halted
    }

    /// EFLAGS.IF.
    pub fn interrupts_enabled(&self) -> bool {
        self.eflags & eflags::IF != 0
    }

    /// The A20 gate; `false` forces address bit 20 to 0.
    pub fn set_a20(&mut self, enabled: bool) {
        if self.sys.a20 != enabled {
            self.sys.a20 = enabled;
            self.flush_translations();
        }
    }

    /// Drops every translation: the memory map changed.
    pub fn flush_translations(&mut self) {
        self.tlb.flush_all();
        self.update_tables();
    }

    /// Ops per decoded block, 1 to 64. Never visible to the guest.
    pub fn set_block_ops(&mut self, ops: usize) {
        self.engine.block_ops = ops.clamp(1, BLOCK_OPS);
        self.engine.map_generation = u64::MAX;
    }

    /// General register by encoding, 0 to 15.
    pub fn gpr(&self, n: usize) -> u64 {
        self.gpr[n & 15]
    }

    /// Sets a general register by encoding.
    pub fn set_gpr(&mut self, n: usize, value: u64) {
        self.gpr[n & 15] = value;
    }

    /// Instruction pointer (offset in CS).
    pub fn rip(&self) -> u64 {
        self.rip
    }

    /// Sets the instruction pointer.
    pub fn set_rip(&mut self, rip: u64) {
        self.sys.repeating = false;
        self.rip = rip;
    }

    /// Puts the core where multiboot and the 32-bit Linux boot protocol want it: flat 32-bit protected mode, paging
    /// and interrupts off.
    pub fn start_flat32(&mut self, eip: u32, eax: u32, ebx: u32, esp: u32) {
        self.sys.cr0 = cr0::PE | cr0::ET;
        self.sys.cr4 = 0;
        self.sys.efer = 0;
        self.cpl = 0;
        self.set_rflags_raw(eflags::FIXED);
        let data = attr::P | attr::S | attr::RW | attr::A | attr::DB | attr::G;
        self.seg = [Segment::new(0x10, 0, u32::MAX, data); 6];
        self.seg[Seg::Cs as usize] = Segment::new(0x08, 0, u32::MAX, data | attr::CODE);
        self.rip = u64::from(eip);
        self.gpr[Gpr::Rax as usize] = u64::from(eax);
        self.gpr[Gpr::Rbx as usize] = u64::from(ebx);
        self.gpr[Gpr::Rsp as usize] = u64::from(esp);
        self.sys.halted = false;
        self.tlb.flush_all();
        self.update_mode();
    }

    /// The architectural state in canonical form.
    pub fn save(&self) -> CpuState {
        let mut gpr = [0; 16];
        gpr.copy_from_slice(&self.gpr[..16]);
        let mut lines = self.lines.clone();
        lines.deadline = 0;
        lines.stop = false;
        CpuState {
            gpr,
            rip: self.rip,
            rflags: self.rflags(),
            seg: self.seg,
            sys: self.sys.clone(),
            fpu: self.fpu.clone(),
            sse: self.sse.clone(),
            icount: self.icount,
            lines,
        }
    }

    /// Replaces the architectural state.
    pub fn load(&mut self, state: &CpuState) {
        self.gpr[..16].copy_from_slice(&state.gpr);
        self.rip = state.rip;
        self.set_rflags_raw(state.rflags);
        self.seg = state.seg;
        for s in &mut self.seg {
            s.refresh();
        }
        self.sys = state.sys.clone();
        self.fpu = state.fpu.clone();
        self.sse = state.sse.clone();
        self.icount = state.icount;
        self.engine.probes.forget_position();
        // The deadline is the board's to give.
        let deadline = self.lines.deadline;
        self.lines = Lines { deadline, ..state.lines.clone() };
        // The DPL of SS is the CPL in every mode.
        self.cpl = self.seg[Seg::Ss as usize].dpl();
        self.tlb.flush_all();
        self.update_mode();
    }

    /// The x87 and SSE state as a 64-bit FXSAVE image (SDM volume 1, 10.5.1), whatever CR4 says. Pointers and the mask
    /// of MXCSR are left 0.
    pub fn fxsave_image(&self) -> [u8; 512] {
        let mut image = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.fpu.control.to_le_bytes());
        put(2, &self.fpu.status_word().to_le_bytes());
        put(4, &[self.fpu.tags]);
        put(24, &self.sse.mxcsr.to_le_bytes());
        for i in 0..8 {
            let r = self.fpu.st(i);
            put(32 + 16 * i, &r.mant.to_le_bytes());
            put(40 + 16 * i, &r.sign_exp.to_le_bytes());
        }
        for (i, x) in self.sse.xmm.iter().enumerate() {
            put(160 + 16 * i, &x.to_le_bytes());
        }
        image
    }

    /// Loads the x87 and SSE state from the leading bytes of an FXSAVE image; what the bytes do not reach stays.
    pub fn load_fxsave(&mut self, image: &[u8]) {
        let bytes = |at: usize, n: usize| {
            let mut b = [0; 16];
            image.get(at..at + n).map(|s| {
                b[..n].copy_from_slice(s);
                u128::from_le_bytes(b)
            })
        };
        if let (Some(control), Some(status), Some(tags)) = (bytes(0, 2), bytes(2, 2), bytes(4, 1)) {
            self.fpu.set_control_word(control as u16);
            self.fpu.set_status_word(status as u16);
            self.fpu.tags = tags as u8;
        }
        if let Some(mxcsr) = bytes(24, 4) {
            self.sse.mxcsr = mxcsr as u32;
        }
        for i in 0..8 {
            if let Some(v) = bytes(32 + 16 * i, 10) {
                let n = self.fpu.phys(i);
                self.fpu.regs[n] = crate::softfloat::F80::new((v >> 64) as u16, v as u64);
            }
        }
        for i in 0..16 {
            if let Some(v) = bytes(160 + 16 * i, 16) {
                self.sse.xmm[i] = v.into();
            }
        }
    }
}
