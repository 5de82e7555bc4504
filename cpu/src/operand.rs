//! Operands: the register and memory forms of an instruction, and the three worlds that memory comes in.
//!
//! Intel SDM volume 1, section 3.7. A body asks its [`Rm`] parameter for the operand in ModRM.rm; whether that is a
//! register or memory, and how an address is formed, is fixed when the handler is chosen at decode.
//!
//! * [`Flat32`]: 32-bit code with flat, writable DS, ES and SS and a 32-bit stack; no segment check is needed.
//! * [`Long64`]: 64-bit code; no segment but FS and GS has a base.
//! * [`General`]: everything else; segment limits and rights are checked, sizes are looked up.

use crate::alu::Int;
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::regs::{Gpr, Seg};
use crate::state::Cpu;

/// How memory operands and the stack are addressed.
pub(crate) trait World: 'static {
    /// No segment checks on data, stack and code.
    const FLAT: bool;
    /// 64-bit mode.
    const LONG: bool;
    /// Linear address of `op`'s memory operand of `size` bytes.
    fn linear(cpu: &Cpu, op: &Op, size: u64, write: bool) -> Exec<u64>;
    /// Linear address of `size` bytes at stack offset `sp`.
    fn stack(cpu: &Cpu, sp: u64, size: u64, write: bool) -> Exec<u64>;
    /// Mask of the stack pointer.
    fn stack_mask(cpu: &Cpu) -> u64;
    /// Accesses are answered by the TLB alone: see [`Quick`].
    const QUICK: bool = false;
    /// Loads from the stack; `engine.rem` must be set.
    #[inline(always)]
    fn load<T: Int>(cpu: &mut Cpu, lin: u64) -> Exec<T> {
        cpu.read(lin)
    }
    /// Stores to the stack; `engine.rem` must be set.
    #[inline(always)]
    fn store<T: Int>(cpu: &mut Cpu, lin: u64, value: T) -> Exec {
        cpu.write(lin, value)
    }
}

/// 32-bit flat code.
pub(crate) struct Flat32;
/// 64-bit code.
pub(crate) struct Long64;
/// Any code.
pub(crate) struct General;

/// `W`, where an access that the TLB does not answer is [`Fault::MISS`]: the handler then gives the op to its general form.
/// A body without a way to the slow path keeps everything in registers that calls would not preserve, and nothing that it
/// does can ask for a stop. It must change nothing before its last access.
pub(crate) struct Quick<W>(std::marker::PhantomData<W>);

impl<W: World> World for Quick<W> {
    const FLAT: bool = W::FLAT;
    const LONG: bool = W::LONG;
    const QUICK: bool = true;
    #[inline(always)]
    fn linear(cpu: &Cpu, op: &Op, size: u64, write: bool) -> Exec<u64> {
        W::linear(cpu, op, size, write)
    }
    #[inline(always)]
    fn stack(cpu: &Cpu, sp: u64, size: u64, write: bool) -> Exec<u64> {
        W::stack(cpu, sp, size, write)
    }
    #[inline(always)]
    fn stack_mask(cpu: &Cpu) -> u64 {
        W::stack_mask(cpu)
    }
    #[inline(always)]
    fn load<T: Int>(cpu: &mut Cpu, lin: u64) -> Exec<T> {
        cpu.quick_read(lin).ok_or(Fault::MISS)
    }
    #[inline(always)]
    fn store<T: Int>(cpu: &mut Cpu, lin: u64, value: T) -> Exec {
        if cpu.quick_write(lin, value) { Ok(()) } else { Err(Fault::MISS) }
    }
}

/// Offset of `op`'s memory operand within its segment, for worlds whose displacements fit in 32 bits.
#[inline(always)]
fn effective32(cpu: &Cpu, op: &Op) -> u64 {
    let index = cpu.gpr[op.index as usize].wrapping_shl(u32::from(op.scale));
    cpu.gpr[op.base as usize].wrapping_add(index).wrapping_add(op.disp())
}

/// Offset of `op`'s memory operand within its segment.
#[inline(always)]
pub(crate) fn effective(cpu: &Cpu, op: &Op) -> u64 {
    let disp = if op.has(crate::op::op_flags::DISP64) { disp64(op) } else { op.disp() };
    cpu.gpr[op.base as usize]
        .wrapping_add(cpu.gpr[op.index as usize].wrapping_shl(u32::from(op.scale)))
        .wrapping_add(disp)
}

impl World for Flat32 {
    const FLAT: bool = true;
    const LONG: bool = false;
    #[inline(always)]
    fn linear(cpu: &Cpu, op: &Op, _size: u64, _write: bool) -> Exec<u64> {
        Ok(effective32(cpu, op) & 0xFFFF_FFFF)
    }
    #[inline(always)]
    fn stack(_cpu: &Cpu, sp: u64, _size: u64, _write: bool) -> Exec<u64> {
        Ok(sp & 0xFFFF_FFFF)
    }
    #[inline(always)]
    fn stack_mask(_cpu: &Cpu) -> u64 {
        0xFFFF_FFFF
    }
}

impl World for Long64 {
    const FLAT: bool = true;
    const LONG: bool = true;
    #[inline(always)]
    fn linear(cpu: &Cpu, op: &Op, _size: u64, _write: bool) -> Exec<u64> {
        Ok(effective32(cpu, op))
    }
    #[inline(always)]
    fn stack(_cpu: &Cpu, sp: u64, _size: u64, _write: bool) -> Exec<u64> {
        Ok(sp)
    }
    #[inline(always)]
    fn stack_mask(_cpu: &Cpu) -> u64 {
        u64::MAX
    }
}

impl World for General {
    const FLAT: bool = false;
    const LONG: bool = false;
    #[inline(always)]
    fn linear(cpu: &Cpu, op: &Op, size: u64, write: bool) -> Exec<u64> {
        cpu.segmented(op.seg(), effective(cpu, op) & op.addr_mask(), size, write)
    }
    #[inline(always)]
    fn stack(cpu: &Cpu, sp: u64, size: u64, write: bool) -> Exec<u64> {
        cpu.segmented(Seg::Ss, sp & cpu.stack_mask(), size, write)
    }
    #[inline(always)]
    fn stack_mask(cpu: &Cpu) -> u64 {
        cpu.stack_mask()
    }
}

/// A displacement that does not sign-extend from 32 bits. Only the absolute forms of MOV have all 64 bits, and no
/// immediate beside them; a RIP-relative one became page-relative, which adds a positive offset below 8 KiB to a 32-bit
/// number, so its upper half is 0 and `imm` stays free for an immediate.
fn disp64(op: &Op) -> u64 {
    let high = if op.base == Gpr::IpBase { 0 } else { op.imm };
    u64::from(high) << 32 | u64::from(op.disp)
}

impl Cpu {
    /// Mask of SP, ESP or RSP as the stack segment and mode have it.
    #[inline]
    pub(crate) fn stack_mask(&self) -> u64 {
        if self.code64() {
            u64::MAX
        } else if self.seg[Seg::Ss as usize].big() {
            0xFFFF_FFFF
        } else {
            0xFFFF
        }
    }

    /// Linear address of `size` bytes at `off` in `seg`, rights and limit checked.
    #[inline(always)]
    pub(crate) fn segmented(&self, seg: Seg, off: u64, size: u64, write: bool) -> Exec<u64> {
        if self.engine.code64 {
            return self.segmented_long(seg, off, size);
        }
        let s = &self.seg[seg as usize];
        let max = if write { s.write_max } else { s.read_max };
        if (off as i64).wrapping_add(size as i64 - 1) <= max && (off as i64) >= 0 {
            return Ok(s.base.wrapping_add(off) & 0xFFFF_FFFF);
        }
        self.segmented_slow(seg, off, size, write)
    }

    /// 64-bit mode: FS and GS have a base, nothing has a limit, the address must be canonical.
    #[inline]
    fn segmented_long(&self, seg: Seg, off: u64, size: u64) -> Exec<u64> {
        let base = if matches!(seg, Seg::Fs | Seg::Gs) { self.seg[seg as usize].base } else { 0 };
        let lin = base.wrapping_add(off);
        if crate::mmu::canonical(lin) && crate::mmu::canonical(lin.wrapping_add(size - 1)) {
            Ok(lin)
        } else {
            Err(if seg == Seg::Ss { Fault::SS0 } else { Fault::GP0 })
        }
    }

    /// Expand-down segments and everything that faults (SDM volume 3, section 5.3).
    #[cold]
    #[inline(never)]
    pub(crate) fn segmented_slow(&self, seg: Seg, off: u64, size: u64, write: bool) -> Exec<u64> {
        use crate::regs::attr;
        let s = &self.seg[seg as usize];
        let fault = if seg == Seg::Ss { Fault::SS0 } else { Fault::GP0 };
        let code = s.attr & attr::CODE != 0;
        let allowed = s.attr & (attr::P | attr::S) == attr::P | attr::S
            && if write { !code && s.attr & attr::RW != 0 } else { !code || s.attr & attr::RW != 0 };
        // Real and virtual-8086 mode check limits only: what the cache holds is as a real-mode load left it.
        if !allowed && self.protected() {
            return Err(fault);
        }
        let last = off.wrapping_add(size - 1);
        let limit = u64::from(s.limit);
        let inside = if !code && s.attr & attr::EC != 0 {
            let top = if s.big() { 0xFFFF_FFFF } else { 0xFFFF };
            off > limit && last <= top
        } else {
            // Behind a limit of 4 GiB the offset wraps, which flat code does anyway.
            last <= limit || limit == 0xFFFF_FFFF
        };
        if inside { Ok(s.base.wrapping_add(off) & 0xFFFF_FFFF) } else { Err(fault) }
    }
}

/// The operand in ModRM.rm.
pub(crate) trait Rm: 'static {
    /// Memory: the access may ask the chain to stop.
    const MAY_STOP: bool;
    /// The world's [`World::FLAT`].
    const FLAT: bool;
    /// The world's [`World::LONG`].
    const LONG: bool;
    /// The operand is memory.
    const MEM: bool;
    /// The world for stack, strings and branches.
    type W: World;
    /// The same operand kind in the general world.
    type Slow: Rm;
    /// Reads the operand, whose register (if it is one) is `op.dst`.
    fn dst<T: Int>(cpu: &mut Cpu, op: &Op) -> Exec<T>;
    /// Reads the operand, whose register (if it is one) is `op.src`.
    fn src<T: Int>(cpu: &mut Cpu, op: &Op) -> Exec<T>;
    /// Writes the operand, whose register (if it is one) is `op.dst`.
    fn set_dst<T: Int>(cpu: &mut Cpu, op: &Op, value: T) -> Exec;
    /// Reads, computes and writes the operand, whose register (if it is one) is `op.dst`.
    fn update<T: Int>(cpu: &mut Cpu, op: &Op, f: impl FnOnce(&mut Cpu, T) -> T) -> Exec;
}

/// A register operand in world `W`.
pub(crate) struct Reg<W>(std::marker::PhantomData<W>);
/// A memory operand in world `W`.
pub(crate) struct Mem<W>(std::marker::PhantomData<W>);

impl<W: World> Rm for Reg<W> {
    const MAY_STOP: bool = false;
    const FLAT: bool = W::FLAT;
    const LONG: bool = W::LONG;
    const MEM: bool = false;
    type W = W;
    type Slow = Reg<General>;
    #[inline(always)]
    fn dst<T: Int>(cpu: &mut Cpu, op: &Op) -> Exec<T> {
        Ok(cpu.reg_dst(op))
    }
    #[inline(always)]
    fn src<T: Int>(cpu: &mut Cpu, op: &Op) -> Exec<T> {
        Ok(cpu.reg_src(op))
    }
    #[inline(always)]
    fn set_dst<T: Int>(cpu: &mut Cpu, op: &Op, value: T) -> Exec {
        cpu.set_reg_dst(op, value);
        Ok(())
    }
    #[inline(always)]
    fn update<T: Int>(cpu: &mut Cpu, op: &Op, f: impl FnOnce(&mut Cpu, T) -> T) -> Exec {
        let old = cpu.reg_dst(op);
        let new = f(cpu, old);
        cpu.set_reg_dst(op, new);
        Ok(())
    }
}

impl<W: World> Rm for Mem<W> {
    const MAY_STOP: bool = !W::QUICK;
    const FLAT: bool = W::FLAT;
    const LONG: bool = W::LONG;
    const MEM: bool = true;
    type W = W;
    type Slow = Mem<General>;
    #[inline(always)]
    fn dst<T: Int>(cpu: &mut Cpu, op: &Op) -> Exec<T> {
        let lin = W::linear(cpu, op, T::SIZE, false)?;
        if W::QUICK {
            return cpu.quick_read(lin).ok_or(Fault::MISS);
        }
        match cpu.quick_read::<T>(lin) {
            Some(v) => Ok(v),
            None => {
                cpu.engine.rem = op.rem;
                Ok(T::trunc(cpu.read_slow(lin, T::SIZE, cpu.tlb_sel)?))
            }
        }
    }
    #[inline(always)]
    fn src<T: Int>(cpu: &mut Cpu, op: &Op) -> Exec<T> {
        Self::dst(cpu, op)
    }
    #[inline(always)]
    fn set_dst<T: Int>(cpu: &mut Cpu, op: &Op, value: T) -> Exec {
        let lin = W::linear(cpu, op, T::SIZE, true)?;
        if cpu.quick_write(lin, value) {
            return Ok(());
        }
        if W::QUICK {
            return Err(Fault::MISS);
        }
        cpu.engine.rem = op.rem;
        cpu.write_slow(lin, T::SIZE, value.zext(), cpu.tlb_sel)
    }
    #[inline(always)]
    fn update<T: Int>(cpu: &mut Cpu, op: &Op, f: impl FnOnce(&mut Cpu, T) -> T) -> Exec {
        let lin = W::linear(cpu, op, T::SIZE, true)?;
        if W::QUICK {
            return if cpu.quick_rmw(lin, f) { Ok(()) } else { Err(Fault::MISS) };
        }
        cpu.rmw(lin, op.rem, f)
    }
}

impl Cpu {
    #[inline(always)]
    pub(crate) fn reg_dst<T: Int>(&self, op: &Op) -> T {
        let v = self.gpr[op.dst as usize];
        T::trunc(if T::BITS == 8 { v >> (op.dst_shift & 8) } else { v })
    }

    #[inline(always)]
    pub(crate) fn reg_src<T: Int>(&self, op: &Op) -> T {
        let v = self.gpr[op.src as usize];
        T::trunc(if T::BITS == 8 { v >> (op.src_shift & 8) } else { v })
    }

    #[inline(always)]
    pub(crate) fn set_reg_dst<T: Int>(&mut self, op: &Op, value: T) {
        self.set_reg(op.dst, op.dst_shift, value);
    }

    #[inline(always)]
    pub(crate) fn set_reg_src<T: Int>(&mut self, op: &Op, value: T) {
        self.set_reg(op.src, op.src_shift, value);
    }

    #[inline(always)]
    fn set_reg<T: Int>(&mut self, reg: Gpr, shift: u8, value: T) {
        let slot = &mut self.gpr[reg as usize];
        if T::BITS == 8 {
            let s = shift & 8;
            *slot = (*slot & !(0xFF << s)) | (value.zext() << s);
        } else {
            crate::hot::set_whole(slot, value.merge(*slot));
        }
    }

    /// A general register at width `T`.
    #[inline(always)]
    pub(crate) fn r<T: Int>(&self, reg: Gpr) -> T {
        T::trunc(self.gpr[reg as usize])
    }

    /// Sets a general register at width `T`.
    #[inline(always)]
    pub(crate) fn set_r<T: Int>(&mut self, reg: Gpr, value: T) {
        let slot = &mut self.gpr[reg as usize];
        crate::hot::set_whole(slot, value.merge(*slot));
    }
}
