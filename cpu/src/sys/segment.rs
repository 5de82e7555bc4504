//! Loads and stores of segment registers.
//!
//! Intel SDM volume 2 (MOV, POP, PUSH, LDS/LES/LFS/LGS/LSS), volume 3, sections 3.4.3, 5.4 to 5.6 (checks) and 20.1.1
//! (real-address mode). A load checks everything before the register changes. In real-address mode only base and
//! selector change: limit and attributes stay as the last protected-mode load left them. CPL always equals the DPL of
//! SS.

use super::descriptor::{code_of, is_null, rpl};
use super::stack::Width;
use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::{Rm, World};
use crate::regs::{Gpr, Seg, Segment, attr};
use crate::state::Cpu;
use iced_x86::Code;

/// What every real-mode and virtual-8086 segment is: present, writable data.
const REAL_ATTR: u16 = attr::P | attr::S | attr::RW | attr::A;

/// A segment as virtual-8086 mode has it.
pub(super) fn v86_segment(selector: u16) -> Segment {
    Segment::new(selector, u64::from(selector) << 4, 0xFFFF, REAL_ATTR | 3 << attr::DPL_SHIFT)
}

/// A null selector in a data segment register: the DPL field keeps CPL for SS.
pub(super) fn null_segment(selector: u16, dpl: u8) -> Segment {
    Segment::new(selector, 0, 0, u16::from(dpl) << attr::DPL_SHIFT)
}

impl Cpu {
    /// A load of ES, SS, DS, FS or GS by an instruction.
    pub(super) fn load_segment(&mut self, seg: Seg, selector: u16) -> Exec {
        if !self.protected() {
            self.load_segment_real(seg, selector);
        } else {
            let new = match seg {
                Seg::Ss => self.check_stack_segment(selector)?,
                _ => self.check_data_segment(selector)?,
            };
            self.seg[seg as usize] = new;
        }
        self.data_segment_changed();
        Ok(())
    }

    /// A load of any segment register in real-address or virtual-8086 mode.
    pub(super) fn load_segment_real(&mut self, seg: Seg, selector: u16) {
        let v86 = self.v86();
        let s = &mut self.seg[seg as usize];
        if v86 {
            *s = v86_segment(selector);
            return;
        }
        s.selector = selector;
        s.base = u64::from(selector) << 4;
        let sane = if seg == Seg::Cs {
            s.attr & !(attr::AVL | attr::L | attr::DB | attr::G) == REAL_ATTR
        } else {
            s.attr & (attr::P | attr::S) == attr::P | attr::S
        };
        if !sane {
            // CS becomes writable data; a register that held a null selector becomes usable.
            if !s.usable() {
                s.limit = 0xFFFF;
            }
            s.attr = s.attr & (attr::AVL | attr::DB | attr::G) | REAL_ATTR;
            s.refresh();
        }
    }

    /// A data segment register changed: the flat handlers may be right or wrong from here on. Only 32-bit code knows
    /// flat segments.
    #[inline]
    pub(super) fn data_segment_changed(&mut self) {
        if self.engine.key.bits() == 32 {
            let before = self.engine.key;
            self.update_mode();
            if self.engine.key != before {
                self.stop = true;
            }
        }
    }

    /// DS, ES, FS or GS in protected mode.
    fn check_data_segment(&mut self, selector: u16) -> Exec<Segment> {
        if is_null(selector) {
            return Ok(null_segment(selector, 0));
        }
        let d = self.descriptor(selector, Fault::gp)?;
        let private = !d.conforming();
        if !d.readable() || private && (rpl(selector) > d.dpl() || self.cpl > d.dpl()) {
            return Err(Fault::gp(code_of(selector)));
        }
        if !d.present() {
            return Err(Fault::np(code_of(selector)));
        }
        self.set_accessed(&d)?;
        Ok(d.segment(selector))
    }

    /// SS in protected mode at the current privilege.
    fn check_stack_segment(&mut self, selector: u16) -> Exec<Segment> {
        if is_null(selector) {
            if self.code64() && self.cpl != 3 && rpl(selector) == self.cpl {
                return Ok(null_segment(selector, self.cpl));
            }
            return Err(Fault::GP0);
        }
        let d = self.descriptor(selector, Fault::gp)?;
        if rpl(selector) != self.cpl || !d.writable_data() || d.dpl() != self.cpl {
            return Err(Fault::gp(code_of(selector)));
        }
        if !d.present() {
            return Err(Fault::ss(code_of(selector)));
        }
        self.set_accessed(&d)?;
        Ok(d.segment(selector))
    }

    /// SS was loaded by MOV or POP: interrupts and debug traps wait for one more instruction, once in a row.
    fn shadow_stack_load(&mut self) {
        let now = self.icount_now();
        if !(self.sys.shadow_ss && now < self.sys.shadow_end) {
            self.sys.shadow_end = now + 2;
            self.sys.shadow_ss = true;
        }
    }

    fn load_by_instruction(&mut self, index: usize, selector: u16) -> Exec {
        match Seg::from_index(index) {
            None | Some(Seg::Cs) => Err(Fault::UD),
            Some(Seg::Ss) => {
                self.load_segment(Seg::Ss, selector)?;
                self.shadow_stack_load();
                Ok(())
            }
            Some(seg) => self.load_segment(seg, selector),
        }
    }

    fn selector(&self, index: usize) -> u16 {
        self.seg.get(index).map_or(0, |s| s.selector)
    }
}

/// Reads a far pointer operand: offset, then selector.
pub(super) fn far_pointer<M: Rm>(cpu: &mut Cpu, op: &Op, width: Width) -> Exec<(u64, u16)> {
    let size = width.bytes();
    let lin = M::W::linear(cpu, op, size + 2, false)?;
    let offset = match width {
        Width::W16 => cpu.read::<u16>(lin)?.zext(),
        Width::W32 => cpu.read::<u32>(lin)?.zext(),
        Width::W64 => cpu.read::<u64>(lin)?,
    };
    let lin = lin.wrapping_add(size) & cpu.lin_mask();
    Ok((offset, cpu.read::<u16>(lin)?))
}

/// MOV Sreg, r/m16.
struct MovToSeg;
impl Insn for MovToSeg {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        if op.dst == Gpr::general(Seg::Cs as usize) {
            return Err(Fault::UD);
        }
        let selector = M::src::<u16>(cpu, op)?;
        cpu.load_by_instruction(op.dst as usize, selector)
    }
}

/// MOV r/m, Sreg: memory takes 16 bits, a register of size `T` is zero-extended.
struct MovFromSeg<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for MovFromSeg<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let selector = cpu.selector(op.src as usize);
        if M::MEM {
            M::set_dst::<u16>(cpu, op, selector)
        } else {
            M::set_dst::<T>(cpu, op, T::trunc(u64::from(selector)))
        }
    }
}

/// PUSH Sreg.
struct PushSeg<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for PushSeg<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let mask = M::W::stack_mask(cpu);
        let rsp = cpu.gpr[Gpr::Rsp as usize];
        let sp = rsp.wrapping_sub(T::SIZE);
        let lin = M::W::stack(cpu, sp, T::SIZE, true)?;
        let selector = cpu.selector(op.dst as usize);
        if T::BITS == 32 && cpu.model.family() <= 4 {
            // The 386 and 486 move 16 bits: the upper word of the slot stays.
            cpu.write(lin, selector)?;
        } else {
            cpu.write(lin, T::trunc(u64::from(selector)))?;
        }
        cpu.gpr[Gpr::Rsp as usize] = merge_sp(rsp, sp, mask);
        Ok(())
    }
}

/// POP Sreg.
struct PopSeg<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for PopSeg<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let mask = M::W::stack_mask(cpu);
        let rsp = cpu.gpr[Gpr::Rsp as usize];
        // The upper part of the slot is not read: it may lie beyond the limit or in another page.
        let lin = M::W::stack(cpu, rsp, u64::from(u16::BITS / 8), false)?;
        let selector = cpu.read::<u16>(lin)?;
        cpu.load_by_instruction(op.dst as usize, selector)?;
        // The pointer moves as wide as the stack was before SS changed.
        cpu.gpr[Gpr::Rsp as usize] = merge_sp(rsp, rsp.wrapping_add(T::SIZE), mask);
        Ok(())
    }
}

/// The new RSP when only the bits of `mask` change; 32-bit stacks clear the upper half.
pub(super) fn merge_sp(old: u64, new: u64, mask: u64) -> u64 {
    if mask == 0xFFFF { (old & !0xFFFF) | (new & 0xFFFF) } else { new & mask }
}

/// LDS, LES, LFS, LGS, LSS into a register of size `T`.
struct LoadFar<T, const SEG: usize>(std::marker::PhantomData<T>);
impl<T: Int, const SEG: usize> Insn for LoadFar<T, SEG> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let width = match T::SIZE {
            2 => Width::W16,
            4 => Width::W32,
            _ => Width::W64,
        };
        let (offset, selector) = far_pointer::<M>(cpu, op, width)?;
        cpu.load_segment(Seg::from_index(SEG).unwrap_or(Seg::Ds), selector)?;
        cpu.set_reg_dst(op, T::trunc(offset));
        Ok(())
    }
}

const ES: usize = Seg::Es as usize;
const SS: usize = Seg::Ss as usize;
const DS: usize = Seg::Ds as usize;
const FS: usize = Seg::Fs as usize;
const GS: usize = Seg::Gs as usize;

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Mov_Sreg_rm16, Form::checked::<MovToSeg>()),
    (Code::Mov_Sreg_r32m16, Form::checked::<MovToSeg>()),
    (Code::Mov_Sreg_r64m16, Form::checked::<MovToSeg>()),
    (Code::Mov_rm16_Sreg, Form::rm::<MovFromSeg<u16>>()),
    (Code::Mov_r32m16_Sreg, Form::rm::<MovFromSeg<u32>>()),
    (Code::Mov_r64m16_Sreg, Form::rm::<MovFromSeg<u64>>()),
    (Code::Pushw_ES, Form::world::<PushSeg<u16>>()),
    (Code::Pushd_ES, Form::world::<PushSeg<u32>>()),
    (Code::Pushw_CS, Form::world::<PushSeg<u16>>()),
    (Code::Pushd_CS, Form::world::<PushSeg<u32>>()),
    (Code::Pushw_SS, Form::world::<PushSeg<u16>>()),
    (Code::Pushd_SS, Form::world::<PushSeg<u32>>()),
    (Code::Pushw_DS, Form::world::<PushSeg<u16>>()),
    (Code::Pushd_DS, Form::world::<PushSeg<u32>>()),
    (Code::Pushw_FS, Form::world::<PushSeg<u16>>()),
    (Code::Pushd_FS, Form::world::<PushSeg<u32>>()),
    (Code::Pushq_FS, Form::world::<PushSeg<u64>>()),
    (Code::Pushw_GS, Form::world::<PushSeg<u16>>()),
    (Code::Pushd_GS, Form::world::<PushSeg<u32>>()),
    (Code::Pushq_GS, Form::world::<PushSeg<u64>>()),
    (Code::Popw_ES, Form::world::<PopSeg<u16>>()),
    (Code::Popd_ES, Form::world::<PopSeg<u32>>()),
    (Code::Popw_SS, Form::world::<PopSeg<u16>>()),
    (Code::Popd_SS, Form::world::<PopSeg<u32>>()),
    (Code::Popw_DS, Form::world::<PopSeg<u16>>()),
    (Code::Popd_DS, Form::world::<PopSeg<u32>>()),
    (Code::Popw_FS, Form::world::<PopSeg<u16>>()),
    (Code::Popd_FS, Form::world::<PopSeg<u32>>()),
    (Code::Popq_FS, Form::world::<PopSeg<u64>>()),
    (Code::Popw_GS, Form::world::<PopSeg<u16>>()),
    (Code::Popd_GS, Form::world::<PopSeg<u32>>()),
    (Code::Popq_GS, Form::world::<PopSeg<u64>>()),
    (Code::Les_r16_m1616, Form::checked::<LoadFar<u16, ES>>()),
    (Code::Les_r32_m1632, Form::checked::<LoadFar<u32, ES>>()),
    (Code::Lds_r16_m1616, Form::checked::<LoadFar<u16, DS>>()),
    (Code::Lds_r32_m1632, Form::checked::<LoadFar<u32, DS>>()),
    (Code::Lss_r16_m1616, Form::checked::<LoadFar<u16, SS>>()),
    (Code::Lss_r32_m1632, Form::checked::<LoadFar<u32, SS>>()),
    (Code::Lss_r64_m1664, Form::checked::<LoadFar<u64, SS>>()),
    (Code::Lfs_r16_m1616, Form::checked::<LoadFar<u16, FS>>()),
    (Code::Lfs_r32_m1632, Form::checked::<LoadFar<u32, FS>>()),
    (Code::Lfs_r64_m1664, Form::checked::<LoadFar<u64, FS>>()),
    (Code::Lgs_r16_m1616, Form::checked::<LoadFar<u16, GS>>()),
    (Code::Lgs_r32_m1632, Form::checked::<LoadFar<u32, GS>>()),
    (Code::Lgs_r64_m1664, Form::checked::<LoadFar<u64, GS>>()),
];
