//! XSAVE and XRSTOR: x87 and SSE state under control of XCR0.
//!
//! Intel SDM volume 1, chapter 13. The standard format only: there is no compaction. A component is in use unless all
//! of it is as after reset; XRSTOR of a component that the image does not have sets it to that.

use super::handler::insn;
use super::xmm::Xmm;
use crate::engine::dispatch::Form;
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::World;
use crate::regs::Gpr;
use crate::softfloat::F80;
use crate::state::{Cpu, cr0, cr4};
use iced_x86::Code;

/// State components (SDM volume 1, 13.1).
mod component {
    pub const X87: u64 = 1;
    pub const SSE: u64 = 1 << 1;
    pub const AVX: u64 = 1 << 2;
}

/// Layout of the area: the image of FXSAVE, then the header.
mod offset {
    pub const FIP: u64 = 8;
    pub const FDP: u64 = 16;
    pub const MXCSR: u64 = 24;
    pub const ST: u64 = 32;
    pub const XMM: u64 = 160;
    pub const XSTATE_BV: u64 = 512;
    pub const END: u64 = 576;
}

const ALIGNMENT: u64 = 64;
/// FCW of a new x87 state.
const FCW_INIT: u16 = 0x037F;

impl Cpu {
    /// Traps, the requested components, and the area's address.
    fn xsave_area<W: World>(&mut self, op: &Op, write: bool) -> Exec<(u64, u64)> {
        if self.sys.cr4 & cr4::OSXSAVE == 0 {
            return Err(Fault::UD);
        }
        if self.sys.cr0 & cr0::TS != 0 {
            return Err(Fault::NM);
        }
        let request = u64::from(self.r::<u32>(Gpr::Rdx)) << 32 | u64::from(self.r::<u32>(Gpr::Rax));
        let lin = W::linear(self, op, offset::END, write)?;
        if lin & (ALIGNMENT - 1) != 0 {
            return Err(Fault::GP0);
        }
        Ok((lin, request & self.sys.xcr0))
    }

    /// XMM registers that the mode has.
    fn xsave_registers(&self) -> usize {
        if self.code64() { 16 } else { 8 }
    }

    /// Components that are not as after reset.
    fn components_in_use(&self) -> u64 {
        let f = &self.fpu;
        let pointers = f.fip | f.fdp | u64::from(f.fop | f.fcs | f.fds);
        let x87 = (f.control, f.status_word(), f.tags, pointers) != (FCW_INIT, 0, 0, 0) || f.regs != [F80::ZERO; 8];
        let sse = self.sse.xmm[..self.xsave_registers()].iter().any(|&x| x != Xmm::ZERO);
        let mut used = 0;
        if x87 {
            used |= component::X87;
        }
        if sse {
            used |= component::SSE;
        }
        used
    }

    fn xsave<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let (lin, request) = self.xsave_area::<W>(op, true)?;
        let mask = self.lin_mask();
        let at = |offset: u64| lin.wrapping_add(offset) & mask;
        self.probe_write(at(0), 1)?;
        self.probe_write(at(offset::END - 1), 1)?;
        let present = self.read::<u64>(at(offset::XSTATE_BV))?;
        if request & component::X87 != 0 {
            let f = &self.fpu;
            let head = u64::from(f.control)
                | u64::from(f.status_word()) << 16
                | u64::from(f.tags) << 32
                | u64::from(f.fop & 0x7FF) << 48;
            let (mut ip, mut dp) = (f.fip, f.fdp);
            if !wide {
                ip = ip & 0xFFFF_FFFF | u64::from(f.fcs) << 32;
                dp = dp & 0xFFFF_FFFF | u64::from(f.fds) << 32;
            }
            let registers: [F80; 8] = std::array::from_fn(|i| f.st(i));
            self.write::<u64>(at(0), head)?;
            self.write::<u64>(at(offset::FIP), ip)?;
            self.write::<u64>(at(offset::FDP), dp)?;
            for (i, r) in registers.into_iter().enumerate() {
                let slot = offset::ST + 16 * i as u64;
                self.write::<u64>(at(slot), r.mant)?;
                self.write::<u64>(at(slot + 8), u64::from(r.sign_exp))?;
            }
        }
        if request & (component::SSE | component::AVX) != 0 {
            let mxcsr = u64::from(self.sse.mxcsr) | u64::from(self.mxcsr_mask()) << 32;
            self.write::<u64>(at(offset::MXCSR), mxcsr)?;
        }
        if request & component::SSE != 0 {
            for i in 0..self.xsave_registers() {
                let slot = offset::XMM + 16 * i as u64;
                let v = self.sse.xmm[i & 15];
                self.write::<u64>(at(slot), v.low())?;
                self.write::<u64>(at(slot + 8), v.high())?;
            }
        }
        self.write::<u64>(at(offset::XSTATE_BV), present & !request | self.components_in_use() & request)
    }

    fn xrstor<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let (lin, request) = self.xsave_area::<W>(op, false)?;
        let mask = self.lin_mask();
        let mut image = [0u64; (offset::END / 8) as usize];
        for (i, word) in image.iter_mut().enumerate() {
            *word = self.read::<u64>(lin.wrapping_add(8 * i as u64) & mask)?;
        }
        let header = (offset::XSTATE_BV / 8) as usize;
        let present = image[header];
        if present & !self.sys.xcr0 != 0 || image[header + 1] != 0 || image[header + 2] != 0 {
            return Err(Fault::GP0);
        }
        if request & (component::SSE | component::AVX) != 0 {
            let mxcsr = image[(offset::MXCSR / 8) as usize] as u32;
            if mxcsr & !self.mxcsr_mask() != 0 {
                return Err(Fault::GP0);
            }
            self.sse.mxcsr = mxcsr;
        }
        if request & component::X87 != 0 {
            if present & component::X87 == 0 {
                image[..20].fill(0);
                image[0] = u64::from(FCW_INIT);
            }
            let f = &mut self.fpu;
            f.set_control_word(image[0] as u16);
            f.set_status_word((image[0] >> 16) as u16);
            f.tags = (image[0] >> 32) as u8;
            f.fop = (image[0] >> 48) as u16 & 0x7FF;
            (f.fip, f.fdp) = (image[1], image[2]);
            if !wide {
                (f.fip, f.fcs) = (image[1] & 0xFFFF_FFFF, (image[1] >> 32) as u16);
                (f.fdp, f.fds) = (image[2] & 0xFFFF_FFFF, (image[2] >> 32) as u16);
            }
            let registers = image[4..].chunks_exact(2);
            for (i, r) in registers.take(8).enumerate() {
                let n = f.phys(i);
                f.regs[n] = F80::new(r[1] as u16, r[0]);
            }
            self.fpu_sync_ferr();
        }
        if request & component::SSE != 0 {
            let registers = image[(offset::XMM / 8) as usize..].chunks_exact(2);
            for (x, v) in self.sse.xmm[..if mask >> 32 != 0 { 16 } else { 8 }].iter_mut().zip(registers) {
                *x = if present & component::SSE != 0 { Xmm::from_u64s([v[0], v[1]]) } else { Xmm::ZERO };
            }
        }
        Ok(())
    }
}

insn! {
    Xsave: |cpu, op, M| cpu.xsave::<M::W>(op, false);
    Xsave64: |cpu, op, M| cpu.xsave::<M::W>(op, true);
    Xrstor: |cpu, op, M| cpu.xrstor::<M::W>(op, false);
    Xrstor64: |cpu, op, M| cpu.xrstor::<M::W>(op, true);
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Xsave_mem, Form::checked::<Xsave>()),
    (Code::Xsave64_mem, Form::checked::<Xsave64>()),
    (Code::Xrstor_mem, Form::checked::<Xrstor>()),
    (Code::Xrstor64_mem, Form::checked::<Xrstor64>()),
];
