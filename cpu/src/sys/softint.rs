//! INT n, INT3, INT1, INTO, BOUND and the undefined opcodes.
//!
//! Intel SDM volume 2 (INT n/INTO/INT3/INT1, BOUND, UD), volume 3, section 20.3.3 (software interrupts in
//! virtual-8086 mode: IOPL and the redirection bitmap).

use super::io::IO_MAP_BASE;
use super::transfer;
use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::{Rm, World};
use crate::state::{Cpu, cr4};
use iced_x86::Code;

impl Cpu {
    /// The redirection bitmap, the 32 bytes below the I/O map, has a 0 for `vector`.
    fn redirected(&mut self, vector: u8) -> Exec<bool> {
        let tr = self.sys.tr;
        if u64::from(tr.limit) < IO_MAP_BASE + 1 {
            return Err(Fault::GP0);
        }
        let map = u64::from(self.read_sys::<u16>(self.table_address(tr.base, IO_MAP_BASE))?);
        let at = map.wrapping_sub(32).wrapping_add(u64::from(vector / 8));
        if at > u64::from(tr.limit) {
            return Err(Fault::GP0);
        }
        let byte = self.read_sys::<u8>(self.table_address(tr.base, at))?;
        Ok(byte >> (vector & 7) & 1 == 0)
    }
}

/// INT imm8.
struct IntN;
impl Insn for IntN {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let vector = op.imm as u8;
        if cpu.v86() {
            if cpu.sys.cr4 & cr4::VME != 0 && cpu.redirected(vector)? {
                return cpu.interrupt_redirected(vector);
            }
            if cpu.iopl() < 3 {
                return Err(Fault::GP0);
            }
        }
        cpu.software_interrupt(vector)
    }
}

/// INT3: neither IOPL nor redirection counts.
struct Int3;
impl Insn for Int3 {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.software_interrupt(3)
    }
}

/// INT1 (ICEBP).
struct Int1;
impl Insn for Int1 {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        cpu.debug_interrupt()
    }
}

/// INTO.
struct Into4;
impl Insn for Into4 {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        if cpu.of() { cpu.software_interrupt(4) } else { Ok(()) }
    }
}

/// BOUND.
struct Bound<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for Bound<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let lin = M::W::linear(cpu, op, T::SIZE, false)?;
        let lower = cpu.read::<T>(lin)?.sext() as i64;
        let index = cpu.reg_dst::<T>(op).sext() as i64;
        if index < lower {
            return Err(Fault::BR);
        }
        let lin = M::W::linear(cpu, op, 2 * T::SIZE, false)?;
        let upper = cpu.read::<T>(lin.wrapping_add(T::SIZE) & cpu.lin_mask())?.sext() as i64;
        if index <= upper { Ok(()) } else { Err(Fault::BR) }
    }
}

/// UD0, UD1, UD2.
struct Undefined;
impl Insn for Undefined {
    fn exec<M: Rm>(_cpu: &mut Cpu, _op: &Op) -> Exec {
        Err(Fault::UD)
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::Int_imm8, transfer::form::<IntN>()),
    (Code::Int3, transfer::form::<Int3>()),
    (Code::Int1, transfer::form::<Int1>()),
    (Code::Into, transfer::form::<Into4>()),
    (Code::Bound_r16_m1616, Form::checked::<Bound<u16>>()),
    (Code::Bound_r32_m3232, Form::checked::<Bound<u32>>()),
    (Code::Ud0, Form::system::<Undefined>()),
    (Code::Ud0_r16_rm16, Form::system::<Undefined>()),
    (Code::Ud0_r32_rm32, Form::system::<Undefined>()),
    (Code::Ud0_r64_rm64, Form::system::<Undefined>()),
    (Code::Ud1_r16_rm16, Form::system::<Undefined>()),
    (Code::Ud1_r32_rm32, Form::system::<Undefined>()),
    (Code::Ud1_r64_rm64, Form::system::<Undefined>()),
    (Code::Ud2, Form::system::<Undefined>()),
];
