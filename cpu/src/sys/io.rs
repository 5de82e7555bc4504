//! IN and OUT, and the permission to use a port.
//!
//! Intel SDM volume 1, chapter 19 (I/O protection: IOPL and the permission bit map in the TSS), volume 2 (IN, OUT). The
//! string forms share [`Cpu::check_port`], [`Cpu::port_in`] and [`Cpu::port_out`].

use super::descriptor::kind;
use crate::alu::Int;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;

/// Offset of the I/O map base in a 32- or 64-bit TSS.
pub(super) const IO_MAP_BASE: u64 = 102;

impl Cpu {
    /// Raises #GP(0) when the program may not use `size` ports from `port` on.
    #[inline]
    pub(crate) fn check_port(&mut self, port: u16, size: u64) -> Exec {
        if self.cpl == 0 || self.real() || !self.v86() && self.cpl <= self.iopl() {
            return Ok(());
        }
        self.check_port_map(port, size)
    }

    fn check_port_map(&mut self, port: u16, size: u64) -> Exec {
        let tr = self.sys.tr;
        let limit = u64::from(tr.limit);
        if !tr.usable() || tr.attr & kind::WIDE == 0 || limit < IO_MAP_BASE + 1 {
            return Err(Fault::GP0);
        }
        let map = u64::from(self.read_sys::<u16>(self.table_address(tr.base, IO_MAP_BASE))?);
        // Two bytes are always read: the map ends with a byte of ones.
        let at = map + u64::from(port / 8);
        if at + 1 > limit {
            return Err(Fault::GP0);
        }
        let bits = self.read_sys::<u16>(self.table_address(tr.base, at))? >> (port & 7);
        if bits & ((1 << size) - 1) == 0 { Ok(()) } else { Err(Fault::GP0) }
    }

    /// Reads a port, permission checked already. The chain may have to end after the instruction.
    pub(crate) fn port_in<T: Int>(&mut self, port: u16) -> T {
        let icount = self.icount_now();
        let value = self.bus(|bus, lines| bus.io_read(lines, icount, port, T::SIZE as u8));
        self.after_bus();
        self.watch_port(port, T::SIZE);
        if self.engine.probes.ports {
            self.probe_port(port, T::SIZE, value, false);
        }
        T::trunc(u64::from(value))
    }

    /// Writes a port, permission checked already. The chain may have to end after the instruction.
    pub(crate) fn port_out<T: Int>(&mut self, port: u16, value: T) {
        let icount = self.icount_now();
        self.bus(|bus, lines| bus.io_write(lines, icount, port, T::SIZE as u8, value.zext() as u32));
        self.after_bus();
        self.watch_port(port, T::SIZE);
        if self.engine.probes.ports {
            self.probe_port(port, T::SIZE, value.zext() as u32, true);
        }
    }
}

fn dx(cpu: &Cpu) -> u16 {
    cpu.gpr[Gpr::Rdx as usize] as u16
}

fn input<T: Int>(cpu: &mut Cpu, port: u16) -> Exec {
    cpu.check_port(port, T::SIZE)?;
    let value = cpu.port_in::<T>(port);
    cpu.set_r(Gpr::Rax, value);
    Ok(())
}

fn output<T: Int>(cpu: &mut Cpu, port: u16) -> Exec {
    cpu.check_port(port, T::SIZE)?;
    let value = cpu.r::<T>(Gpr::Rax);
    cpu.port_out(port, value);
    Ok(())
}

/// IN accumulator, imm8.
struct InImm<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for InImm<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        input::<T>(cpu, u16::from(op.imm as u8))
    }
}

/// IN accumulator, DX.
struct InDx<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for InDx<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        input::<T>(cpu, dx(cpu))
    }
}

/// OUT imm8, accumulator.
struct OutImm<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for OutImm<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        output::<T>(cpu, u16::from(op.imm as u8))
    }
}

/// OUT DX, accumulator.
struct OutDx<T>(std::marker::PhantomData<T>);
impl<T: Int> Insn for OutDx<T> {
    fn exec<M: Rm>(cpu: &mut Cpu, _op: &Op) -> Exec {
        output::<T>(cpu, dx(cpu))
    }
}

pub(crate) const FORMS: &[(Code, Form)] = &[
    (Code::In_AL_imm8, Form::checked::<InImm<u8>>()),
    (Code::In_AX_imm8, Form::checked::<InImm<u16>>()),
    (Code::In_EAX_imm8, Form::checked::<InImm<u32>>()),
    (Code::In_AL_DX, Form::checked::<InDx<u8>>()),
    (Code::In_AX_DX, Form::checked::<InDx<u16>>()),
    (Code::In_EAX_DX, Form::checked::<InDx<u32>>()),
    (Code::Out_imm8_AL, Form::checked::<OutImm<u8>>()),
    (Code::Out_imm8_AX, Form::checked::<OutImm<u16>>()),
    (Code::Out_imm8_EAX, Form::checked::<OutImm<u32>>()),
    (Code::Out_DX_AL, Form::checked::<OutDx<u8>>()),
    (Code::Out_DX_AX, Form::checked::<OutDx<u16>>()),
    (Code::Out_DX_EAX, Form::checked::<OutDx<u32>>()),
];
