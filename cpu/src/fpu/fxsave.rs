//! FXSAVE and FXRSTOR (SDM volume 1, 10.5; volume 2, FXSAVE, tables 3-43 to 3-45).
//!
//! XMM registers and MXCSR take part while CR4.OSFXSR is set. The reserved bytes of the image are written as zero, the
//! 48 bytes that are the software's are left alone.

use super::handler::{control, form_slow};
use crate::engine::dispatch::Form;
use crate::fault::{Exec, Fault};
use crate::op::Op;
use crate::operand::World;
use crate::softfloat::F80;
use crate::sse::Xmm;
use crate::state::{Cpu, cr0, cr4};
use iced_x86::Code;

/// Bytes that the processor reads and writes.
const USED: u64 = 464;
/// Size of the whole area.
const AREA: u64 = 512;

impl Cpu {
    /// #NM, alignment and the segment: the common start of both instructions.
    fn fx_area<W: World>(&mut self, op: &Op, write: bool) -> Exec<u64> {
        if self.sys.cr0 & (cr0::EM | cr0::TS) != 0 {
            return Err(Fault::NM);
        }
        let lin = W::linear(self, op, AREA, write)?;
        if lin & 15 != 0 {
            return Err(Fault::GP0);
        }
        Ok(lin)
    }

    /// XMM registers that the image has in this mode.
    fn fx_xmm(&self) -> usize {
        match (self.sys.cr4 & cr4::OSFXSR != 0, self.code64()) {
            (false, _) => 0,
            (true, false) => 8,
            (true, true) => 16,
        }
    }

    fn fxsave<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let lin = self.fx_area::<W>(op, true)?;
        let mask = self.lin_mask();
        let at = |offset: u64| lin.wrapping_add(offset) & mask;
        self.probe_write(at(0), 1)?;
        self.probe_write(at(AREA - 1), 1)?;
        let f = &self.fpu;
        let head = u64::from(f.control)
            | u64::from(f.status_word()) << 16
            | u64::from(f.tags) << 32
            | u64::from(f.fop & 0x7FF) << 48;
        let (ip, dp) = if wide {
            (f.fip, f.fdp)
        } else {
            (f.fip & 0xFFFF_FFFF | u64::from(f.fcs) << 32, f.fdp & 0xFFFF_FFFF | u64::from(f.fds) << 32)
        };
        let registers: [F80; 8] = std::array::from_fn(|i| f.st(i));
        self.write::<u64>(at(0), head)?;
        self.write::<u64>(at(8), ip)?;
        self.write::<u64>(at(16), dp)?;
        for (i, r) in registers.into_iter().enumerate() {
            let slot = 32 + 16 * i as u64;
            self.write::<u64>(at(slot), r.mant)?;
            self.write::<u64>(at(slot + 8), u64::from(r.sign_exp))?;
        }
        if self.sys.cr4 & cr4::OSFXSR != 0 {
            let mxcsr = self.sse.mxcsr;
            self.write::<u64>(at(24), u64::from(mxcsr) | u64::from(self.mxcsr_mask()) << 32)?;
        }
        for i in 0..self.fx_xmm() {
            let slot = 160 + 16 * i as u64;
            let v = u128::from(self.sse.xmm[i & 15]);
            self.write::<u64>(at(slot), v as u64)?;
            self.write::<u64>(at(slot + 8), (v >> 64) as u64)?;
        }
        Ok(())
    }

    fn fxrstor<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let lin = self.fx_area::<W>(op, false)?;
        let mask = self.lin_mask();
        let mut image = [0u64; (USED / 8) as usize];
        let xmm = self.fx_xmm();
        let words = (160 + 16 * xmm) / 8;
        for (i, word) in image.iter_mut().take(words).enumerate() {
            *word = self.read::<u64>(lin.wrapping_add(8 * i as u64) & mask)?;
        }
        let sse = self.sys.cr4 & cr4::OSFXSR != 0;
        let mxcsr = image[3] as u32;
        if sse && mxcsr & !self.mxcsr_mask() != 0 {
            return Err(Fault::GP0);
        }
        let f = &mut self.fpu;
        f.set_control_word(image[0] as u16);
        f.set_status_word((image[0] >> 16) as u16);
        f.tags = (image[0] >> 32) as u8;
        f.fop = (image[0] >> 48) as u16 & 0x7FF;
        if wide {
            (f.fip, f.fdp) = (image[1], image[2]);
        } else {
            (f.fip, f.fcs) = (image[1] & 0xFFFF_FFFF, (image[1] >> 32) as u16);
            (f.fdp, f.fds) = (image[2] & 0xFFFF_FFFF, (image[2] >> 32) as u16);
        }
        for i in 0..8 {
            let n = f.phys(i);
            f.regs[n] = F80::new(image[5 + 2 * i] as u16, image[4 + 2 * i]);
        }
        if sse {
            self.sse.mxcsr = mxcsr;
        }
        for i in 0..xmm {
            self.sse.xmm[i & 15] = Xmm::from_u64s([image[20 + 2 * i], image[21 + 2 * i]]);
        }
        Ok(())
    }
}

control! {
    Fxsave: false, |cpu, op, M| cpu.fxsave::<M::W>(op, false);
    Fxsave64: false, |cpu, op, M| cpu.fxsave::<M::W>(op, true);
    Fxrstor: false, |cpu, op, M| cpu.fxrstor::<M::W>(op, false);
    Fxrstor64: false, |cpu, op, M| cpu.fxrstor::<M::W>(op, true);
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fxsave_m512byte, form_slow::<Fxsave>()),
    (Code::Fxsave64_m512byte, form_slow::<Fxsave64>()),
    (Code::Fxrstor_m512byte, form_slow::<Fxrstor>()),
    (Code::Fxrstor64_m512byte, form_slow::<Fxrstor64>()),
];
