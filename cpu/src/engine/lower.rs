//! Lowering: an iced-x86 instruction becomes an [`Op`]. Everything about operands is settled here.
//!
//! The rule is uniform: the first operand's register goes to `dst`, the second's to `src`, the third's to `third`;
//! a memory operand fills `base`, `index`, `scale`, `disp` and `ea`; immediates fill `imm` (and `disp` for a second
//! one or an upper half). Near branch targets become page-relative.

use super::ModeKey;
use super::dispatch::{end_of_block, stale};
use super::table::{form_of, has_mem_world};
use crate::fault::Fault;
use crate::op::{EA_SIZE_SHIFT, Op, op_flags};
use crate::operand::{Flat32, General, Long64, Reg};
use crate::regs::{Gpr, Seg};
use crate::state::Cpu;
use iced_x86::{Code, CodeSize, Instruction, OpKind, Register};

/// An op for slots that are never run.
pub(crate) fn filler() -> Op {
    Op {
        handler: stale,
        imm: 0,
        disp: 0,
        next: 0,
        code: 0,
        dst: Gpr::Zero,
        src: Gpr::Zero,
        base: Gpr::Zero,
        index: Gpr::Zero,
        len: 0,
        rem: 0,
        scale: 0,
        ea: 0,
        third: Gpr::Zero,
        dst_shift: 0,
        src_shift: 0,
        flags: 0,
    }
}

/// The op behind a last instruction that falls through to page offset `next`.
pub(crate) fn end_op(key: ModeKey, next: u16) -> Op {
    const ENDS: [crate::op::Handler; 3] =
        [end_of_block::<Reg<General>>, end_of_block::<Reg<Flat32>>, end_of_block::<Reg<Long64>>];
    Op { handler: ENDS[key.world()], next, ..filler() }
}

/// An op that raises a fault.
pub(crate) fn fault_op(fault: Fault, next: u16, len: u8) -> Op {
    fn undefined(cpu: &mut Cpu, op: &Op) {
        cpu.raise(op, Fault::UD);
    }
    fn too_long(cpu: &mut Cpu, op: &Op) {
        cpu.raise(op, Fault::GP0);
    }
    fn trap_nm(cpu: &mut Cpu, op: &Op) {
        cpu.raise(op, Fault::NM);
    }
    let handler = if fault == Fault::GP0 {
        too_long
    } else if fault == Fault::NM {
        trap_nm
    } else {
        undefined
    };
    Op { handler, next, len, flags: op_flags::ENDS, ..filler() }
}

fn unimplemented(cpu: &mut Cpu, op: &Op) {
    cpu.materialise(op);
    cpu.engine.unimplemented = Some(op.code);
}

/// The op has no handler of its own.
pub(super) fn is_unimplemented(op: &Op) -> bool {
    std::ptr::fn_addr_eq(op.handler, unimplemented as crate::op::Handler)
}

fn gpr(r: Register) -> Gpr {
    if r == Register::None { Gpr::Zero } else { Gpr::general(r.number()) }
}

/// Register number and shift, with AH to BH as a shift of the first four.
fn operand_register(r: Register) -> (Gpr, u8) {
    if r.is_gpr8() {
        return match r.number() {
            n @ 0..4 => (Gpr::general(n), 0),
            n @ 4..8 => (Gpr::general(n - 4), 8),
            n => (Gpr::general(n - 4), 0),
        };
    }
    (Gpr::general(r.number()), 0)
}

fn segment(r: Register) -> Seg {
    Seg::from_index(r.number()).unwrap_or(Seg::Ds)
}

/// Segment of the memory operand. 64-bit code ignores the prefixes of CS, DS, ES and SS.
fn operand_segment(i: &Instruction) -> Seg {
    let named = segment(i.memory_segment());
    if i.code_size() != CodeSize::Code64 || matches!(named, Seg::Fs | Seg::Gs) {
        return named;
    }
    let stack = matches!(i.memory_base(), Register::RSP | Register::RBP | Register::ESP | Register::EBP);
    if stack { Seg::Ss } else { Seg::Ds }
}

struct Address {
    seg: Seg,
    size: u8,
}

impl Cpu {
    /// Lowers `i`, which was decoded with IP = its page offset. The second value says that it ends its block.
    pub(super) fn lower(&self, i: &Instruction, key: ModeKey) -> (Op, bool) {
        let mut op = filler();
        op.next = i.next_ip() as u16;
        op.len = i.len() as u8;
        op.code = i.code() as u16;
        if i.is_invalid() || !self.model.has(i.code()) {
            return (Op { code: op.code, ..fault_op(Fault::UD, op.next, op.len) }, true);
        }
        if i.has_rep_prefix() {
            op.flags |= op_flags::REP;
        }
        if i.has_repne_prefix() {
            op.flags |= op_flags::REPNE;
        }
        if i.has_lock_prefix() {
            op.flags |= op_flags::LOCK;
        }
        let mut address = None;
        for n in 0..i.op_count() {
            self.operand(i, n, &mut op, &mut address);
        }
        if let Some(a) = &address {
            op.ea = a.seg as u8 | a.size << EA_SIZE_SHIFT;
        } else {
            op.ea = Seg::Ds as u8 | if key.bits() == 64 { 2 } else { u8::from(key.bits() == 32) } << EA_SIZE_SHIFT;
        }
        if let Some(size) = count_size(i.code()) {
            op.ea = Seg::Ds as u8 | size << EA_SIZE_SHIFT;
        }
        let Some(form) = form_of(i.code()) else {
            op.handler = unimplemented;
            op.flags |= op_flags::ENDS;
            return (op, true);
        };
        let (mem, world) = shape(i, &op, key);
        op.handler = if mem { form.mem[world] } else { form.reg[world] };
        if let Some(fault) = self.unit_trap(i, key) {
            op.handler = fault_op(fault, op.next, op.len).handler;
            op.flags |= op_flags::ENDS;
            return (op, true);
        }
        if form.ends {
            op.flags |= op_flags::ENDS;
        }
        (op, form.ends)
    }

    /// #NM and #UD by CR0.EM, CR0.TS and CR4.OSFXSR are properties of the mode, so the handler is chosen for them.
    pub(super) fn unit_trap(&self, i: &Instruction, key: ModeKey) -> Option<Fault> {
        use super::table::Unit;
        match super::table::unit_of(i.code()) {
            Unit::Fpu if key.fpu_trap() => Some(Fault::NM),
            Unit::Mmx if key.fpu_trap() => {
                Some(if self.sys.cr0 & crate::state::cr0::EM != 0 { Fault::UD } else { Fault::NM })
            }
            Unit::Sse if key.sse_trap() => {
                let ud = self.sys.cr0 & crate::state::cr0::EM != 0 || self.sys.cr4 & crate::state::cr4::OSFXSR == 0;
                Some(if ud { Fault::UD } else { Fault::NM })
            }
            _ => None,
        }
    }

    fn operand(&self, i: &Instruction, n: u32, op: &mut Op, address: &mut Option<Address>) {
        match i.op_kind(n) {
            OpKind::Register => {
                let (reg, shift) = operand_register(i.op_register(n));
                match n {
                    0 => (op.dst, op.dst_shift) = (reg, shift),
                    1 => (op.src, op.src_shift) = (reg, shift),
                    _ => op.third = reg,
                }
            }
            OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
                // Sign-extend the displacement from the operand size, then make it page-relative.
                let next = i.next_ip();
                let rel = match i.op_kind(n) {
                    OpKind::NearBranch16 => (i.near_branch16().wrapping_sub(next as u16)) as i16 as i64,
                    OpKind::NearBranch32 => (i.near_branch32().wrapping_sub(next as u32)) as i32 as i64,
                    _ => i.near_branch64().wrapping_sub(next) as i64,
                };
                // Page-relative needs a bit more than the displacement has.
                op.imm = (next as i64 + rel) as u32;
                op.disp = ((next as i64 + rel) >> 32) as u32;
                if i.op_kind(n) == OpKind::NearBranch16 {
                    op.flags |= op_flags::OP16;
                }
            }
            OpKind::FarBranch16 | OpKind::FarBranch32 => {
                op.imm = i.far_branch32();
                if i.op_kind(n) == OpKind::FarBranch16 {
                    op.imm = u32::from(i.far_branch16());
                }
                op.disp = u32::from(i.far_branch_selector());
            }
            OpKind::Immediate8_2nd => op.disp = u32::from(i.immediate8_2nd()),
            OpKind::Immediate64 => {
                op.imm = i.immediate64() as u32;
                op.disp = (i.immediate64() >> 32) as u32;
            }
            OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64 => op.imm = i.immediate(n) as u32,
            OpKind::Memory => *address = Some(memory(i, op)),
            kind => {
                let size = match kind {
                    OpKind::MemorySegSI | OpKind::MemorySegDI | OpKind::MemoryESDI => 0,
                    OpKind::MemorySegESI | OpKind::MemorySegEDI | OpKind::MemoryESEDI => 1,
                    _ => 2,
                };
                let has_source = !matches!(kind, OpKind::MemoryESDI | OpKind::MemoryESEDI | OpKind::MemoryESRDI);
                let seg = if has_source { operand_segment(i) } else { Seg::Es };
                if address.is_none() || has_source {
                    *address = Some(Address { seg, size });
                }
            }
        }
    }
}

/// Whether the operand is in memory, and the world that the handler is for.
fn shape(i: &Instruction, op: &Op, key: ModeKey) -> (bool, usize) {
    let (size, seg) = (op.ea >> EA_SIZE_SHIFT, op.seg());
    let mem = has_mem_world(i);
    let usual = match key.world() {
        1 => size == 1 && !matches!(seg, Seg::Fs | Seg::Gs | Seg::Cs),
        2 => size == 2 && !matches!(seg, Seg::Fs | Seg::Gs) && !op.has(op_flags::DISP64),
        _ => true,
    };
    (mem, if mem && !usual { 0 } else { key.world() })
}

/// Lets `op`, lowered from `i`, run the conditional jump that follows it if the two make a pair.
pub(super) fn pair(op: &mut Op, i: &Instruction, jump: (&Op, &Instruction), key: ModeKey) {
    let (mem, world) = shape(i, op, key);
    if world != key.world() || jump.0.has(op_flags::OP16) {
        return;
    }
    if let Some(handler) = crate::exec::fuse::handler(i.code(), mem, jump.1.code(), world) {
        op.handler = handler;
        op.flags |= op_flags::PAIRED | if mem { op_flags::PAIRED_MEM } else { 0 };
    }
}

/// Gives a paired op its own handler back.
pub(super) fn unpair(op: &mut Op, key: ModeKey) {
    if op.has(op_flags::PAIRED)
        && let Some(form) = form_of(code_of(op.code))
    {
        let forms = if op.has(op_flags::PAIRED_MEM) { form.mem } else { form.reg };
        op.handler = forms[key.world()];
        op.flags &= !(op_flags::PAIRED | op_flags::PAIRED_MEM);
    }
}

/// Address size of LOOP and JCXZ: which of CX, ECX and RCX counts.
fn count_size(code: Code) -> Option<u8> {
    use Code::*;
    Some(match code {
        Loop_rel8_16_CX | Loop_rel8_32_CX | Loope_rel8_16_CX | Loope_rel8_32_CX | Loopne_rel8_16_CX
        | Loopne_rel8_32_CX | Jcxz_rel8_16 | Jcxz_rel8_32 => 0,
        Loop_rel8_16_ECX | Loop_rel8_32_ECX | Loop_rel8_64_ECX | Loope_rel8_16_ECX | Loope_rel8_32_ECX
        | Loope_rel8_64_ECX | Loopne_rel8_16_ECX | Loopne_rel8_32_ECX | Loopne_rel8_64_ECX | Jecxz_rel8_16
        | Jecxz_rel8_32 | Jecxz_rel8_64 => 1,
        Loop_rel8_16_RCX | Loop_rel8_64_RCX | Loope_rel8_16_RCX | Loope_rel8_64_RCX | Loopne_rel8_16_RCX
        | Loopne_rel8_64_RCX | Jrcxz_rel8_16 | Jrcxz_rel8_64 => 2,
        _ => return None,
    })
}

fn memory(i: &Instruction, op: &mut Op) -> Address {
    let (base, index) = (i.memory_base(), i.memory_index());
    let size = |r: Register| match r.size() {
        2 => 0,
        4 => 1,
        _ => 2,
    };
    let address_size = if base != Register::None {
        size(base)
    } else if index != Register::None {
        size(index)
    } else {
        match i.memory_displ_size() {
            2 => 0,
            4 => 1,
            _ => 2,
        }
    };
    let disp = i.memory_displacement64();
    if base == Register::RIP || base == Register::EIP {
        // iced gives the target for IP = page offset: relative to the start of the page.
        op.base = Gpr::IpBase;
    } else {
        op.base = gpr(base);
    }
    op.index = gpr(index);
    op.scale = i.memory_index_scale().trailing_zeros() as u8;
    op.disp = disp as u32;
    if address_size == 2 && disp as i32 as i64 as u64 != disp {
        op.flags |= op_flags::DISP64;
        if op.base != Gpr::IpBase {
            op.imm = (disp >> 32) as u32;
        }
    }
    Address { seg: operand_segment(i), size: address_size }
}

/// `Code` of an op.
pub(crate) fn code_of(code: u16) -> Code {
    Code::values().nth(usize::from(code)).unwrap_or(Code::INVALID)
}

/// `Code` of an op, for messages.
pub(crate) fn code_name(code: u16) -> String {
    format!("{:?}", code_of(code))
}
