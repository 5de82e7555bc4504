//! Moves of MMX registers, between them and XMM registers, and EMMS.
//!
//! Intel SDM volume 1, 9.4.1 and 9.6.

use super::handler::{insn, mmx, src_mm};
use super::xmm::Xmm;
use crate::engine::dispatch::Form;
use crate::fpu::{Fpu, fsw};
use crate::softfloat::F80;
use iced_x86::Code;

/// The MMX view of the x87 registers.
impl Fpu {
    /// Every MMX instruction but EMMS: all registers valid, top of stack 0.
    #[inline(always)]
    pub(super) fn enter_mmx(&mut self) {
        self.top = 0;
        self.tags = 0xFF;
    }

    /// MM`n`.
    #[inline(always)]
    pub(super) fn mmx(&self, n: usize) -> u64 {
        self.regs[n & 7].mant
    }

    /// Writes MM`n`: sign and exponent become all ones.
    #[inline(always)]
    pub(super) fn set_mmx(&mut self, n: usize, value: u64) {
        self.regs[n & 7] = F80::new(0xFFFF, value);
    }
}

insn! {
    FromR32: |cpu, op, M| {
        let v = M::src::<u32>(cpu, op)?;
        cpu.set_mm(op.dst, u64::from(v));
        Ok(())
    };
    FromR64: |cpu, op, M| {
        let v = M::src::<u64>(cpu, op)?;
        cpu.set_mm(op.dst, v);
        Ok(())
    };
    ToR32: |cpu, op, M| M::set_dst::<u32>(cpu, op, cpu.mm(op.src) as u32);
    ToR64: |cpu, op, M| M::set_dst::<u64>(cpu, op, cpu.mm(op.src));
    Load: |cpu, op, M| {
        let v = src_mm::<M>(cpu, op)?;
        cpu.set_mm(op.dst, v);
        Ok(())
    };
    Store: |cpu, op, M| {
        let v = cpu.mm(op.src);
        if M::MEM {
            return M::set_dst::<u64>(cpu, op, v);
        }
        cpu.set_mm(op.dst, v);
        Ok(())
    };
    Movq2dq: |cpu, op, _M| {
        cpu.set_xmm(op.dst, Xmm::zext(cpu.mm(op.src)));
        Ok(())
    };
    Movdq2q: |cpu, op, _M| {
        cpu.set_mm(op.dst, cpu.xmm(op.src).low());
        Ok(())
    };
    Emms: |cpu, _op, _M| {
        if cpu.fpu.status & fsw::ES != 0 {
            cpu.fpu_pending()?;
        }
        cpu.fpu.top = 0;
        cpu.fpu.tags = 0;
        Ok(())
    };
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Movd_mm_rm32, mmx::<FromR32>()),
    (Code::Movq_mm_rm64, mmx::<FromR64>()),
    (Code::Movd_rm32_mm, mmx::<ToR32>()),
    (Code::Movq_rm64_mm, mmx::<ToR64>()),
    (Code::Movq_mm_mmm64, mmx::<Load>()),
    (Code::Movq_mmm64_mm, mmx::<Store>()),
    (Code::Movntq_m64_mm, mmx::<Store>()),
    (Code::Movq2dq_xmm_mm, mmx::<Movq2dq>()),
    (Code::Movdq2q_mm_xmm, mmx::<Movdq2q>()),
    (Code::Emms, Form::checked::<Emms>()),
];
