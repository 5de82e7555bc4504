//! Moves of XMM registers and parts of them, masked and non-temporal stores.
//!
//! Intel SDM volume 1, 10.4.1.1, 11.4.1.1 and 12.8. Non-temporal hints have no effect.

use super::handler::{insn, mmx, set_dst, set_dst_unaligned, src, src_unaligned, src64};
use super::xmm::Xmm;
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::Op;
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;

insn! {
    LoadAligned: |cpu, op, M| {
        let v = src::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, v);
        Ok(())
    };
    LoadUnaligned: |cpu, op, M| {
        let v = src_unaligned::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, v);
        Ok(())
    };
    StoreAligned: |cpu, op, M| set_dst::<M>(cpu, op, cpu.xmm(op.src));
    StoreUnaligned: |cpu, op, M| set_dst_unaligned::<M>(cpu, op, cpu.xmm(op.src));
    /// MOVSS to a register: memory is zero-extended, a register only merged.
    LoadSs: |cpu, op, M| {
        let v = if M::MEM {
            Xmm::zext(u64::from(M::src::<u32>(cpu, op)?))
        } else {
            cpu.xmm(op.dst).with_low32(cpu.xmm(op.src).low32())
        };
        cpu.set_xmm(op.dst, v);
        Ok(())
    };
    StoreSs: |cpu, op, M| {
        let v = cpu.xmm(op.src).low32();
        if M::MEM {
            return M::set_dst::<u32>(cpu, op, v);
        }
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low32(v));
        Ok(())
    };
    /// MOVSD, as [`LoadSs`].
    LoadSd: |cpu, op, M| {
        let v = if M::MEM {
            Xmm::zext(M::src::<u64>(cpu, op)?)
        } else {
            cpu.xmm(op.dst).with_low(cpu.xmm(op.src).low())
        };
        cpu.set_xmm(op.dst, v);
        Ok(())
    };
    StoreSd: |cpu, op, M| {
        let v = cpu.xmm(op.src).low();
        if M::MEM {
            return M::set_dst::<u64>(cpu, op, v);
        }
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(v));
        Ok(())
    };
    /// MOVQ xmm, xmm/m64.
    LoadQ: |cpu, op, M| {
        let v = src64::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, Xmm::zext(v));
        Ok(())
    };
    /// MOVQ xmm/m64, xmm.
    StoreQ: |cpu, op, M| {
        let v = cpu.xmm(op.src).low();
        if M::MEM {
            return M::set_dst::<u64>(cpu, op, v);
        }
        cpu.set_xmm(op.dst, Xmm::zext(v));
        Ok(())
    };
    /// MOVLPS and MOVLPD from memory.
    LoadLow: |cpu, op, M| {
        let v = M::src::<u64>(cpu, op)?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(v));
        Ok(())
    };
    /// MOVHPS and MOVHPD from memory.
    LoadHigh: |cpu, op, M| {
        let v = M::src::<u64>(cpu, op)?;
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_high(v));
        Ok(())
    };
    StoreHigh: |cpu, op, M| M::set_dst::<u64>(cpu, op, cpu.xmm(op.src).high());
    Movhlps: |cpu, op, _M| {
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_low(cpu.xmm(op.src).high()));
        Ok(())
    };
    Movlhps: |cpu, op, _M| {
        cpu.set_xmm(op.dst, cpu.xmm(op.dst).with_high(cpu.xmm(op.src).low()));
        Ok(())
    };
    /// MOVD xmm, r/m32.
    FromR32: |cpu, op, M| {
        let v = M::src::<u32>(cpu, op)?;
        cpu.set_xmm(op.dst, Xmm::zext(u64::from(v)));
        Ok(())
    };
    /// MOVQ xmm, r/m64.
    FromR64: |cpu, op, M| {
        let v = M::src::<u64>(cpu, op)?;
        cpu.set_xmm(op.dst, Xmm::zext(v));
        Ok(())
    };
    ToR32: |cpu, op, M| M::set_dst::<u32>(cpu, op, cpu.xmm(op.src).low32());
    ToR64: |cpu, op, M| M::set_dst::<u64>(cpu, op, cpu.xmm(op.src).low());
    Movmskps: |cpu, op, _M| {
        let mask = cpu.xmm(op.src).u32s().iter().rev().fold(0, |m, v| m << 1 | v >> 31);
        cpu.set_reg_dst(op, u64::from(mask));
        Ok(())
    };
    Movmskpd: |cpu, op, _M| {
        let [low, high] = cpu.xmm(op.src).u64s();
        cpu.set_reg_dst(op, high >> 63 << 1 | low >> 63);
        Ok(())
    };
    /// Memory accesses are in order already.
    Fence: |_cpu, _op, _M| Ok(());
    Maskmovdqu: |cpu, op, _M| cpu.masked_store(op, &cpu.xmm(op.src).u8s(), &cpu.xmm(op.third).u8s());
    Maskmovq: |cpu, op, _M| {
        let (data, mask) = (cpu.mm(op.src).to_le_bytes(), cpu.mm(op.third).to_le_bytes());
        cpu.masked_store(op, &data, &mask)
    };
}

impl Cpu {
    /// Stores the bytes of `data` whose mask byte has its top bit set at DS:rDI. All of the operand must be writable,
    /// whatever the mask.
    fn masked_store(&mut self, op: &Op, data: &[u8], mask: &[u8]) -> Exec {
        let size = data.len() as u64;
        let offset = self.gpr[Gpr::Rdi as usize] & op.addr_mask();
        let lin = self.segmented(op.seg(), offset, size, true)?;
        self.engine.rem = op.rem;
        self.check_parts(lin, 8)?;
        let wrap = self.lin_mask();
        let at = |i: u64| lin.wrapping_add(i) & wrap;
        let first_page = 0x1000 - (lin & 0xFFF);
        self.probe_write(lin, 1)?;
        if first_page < size {
            self.probe_write(at(first_page), 1)?;
        }
        for (i, (&byte, m)) in data.iter().zip(mask).enumerate() {
            if m >> 7 != 0 {
                self.write::<u8>(at(i as u64), byte)?;
            }
        }
        Ok(())
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Movaps_xmm_xmmm128, Form::rm::<LoadAligned>()),
    (Code::Movapd_xmm_xmmm128, Form::rm::<LoadAligned>()),
    (Code::Movdqa_xmm_xmmm128, Form::rm::<LoadAligned>()),
    (Code::Movntdqa_xmm_m128, Form::rm_slow::<LoadAligned>()),
    (Code::Movups_xmm_xmmm128, Form::rm::<LoadUnaligned>()),
    (Code::Movupd_xmm_xmmm128, Form::rm::<LoadUnaligned>()),
    (Code::Movdqu_xmm_xmmm128, Form::rm::<LoadUnaligned>()),
    (Code::Lddqu_xmm_m128, Form::rm_slow::<LoadUnaligned>()),
    (Code::Movaps_xmmm128_xmm, Form::rm::<StoreAligned>()),
    (Code::Movapd_xmmm128_xmm, Form::rm::<StoreAligned>()),
    (Code::Movdqa_xmmm128_xmm, Form::rm::<StoreAligned>()),
    (Code::Movntps_m128_xmm, Form::rm_slow::<StoreAligned>()),
    (Code::Movntpd_m128_xmm, Form::rm_slow::<StoreAligned>()),
    (Code::Movntdq_m128_xmm, Form::rm::<StoreAligned>()),
    (Code::Movups_xmmm128_xmm, Form::rm::<StoreUnaligned>()),
    (Code::Movupd_xmmm128_xmm, Form::rm::<StoreUnaligned>()),
    (Code::Movdqu_xmmm128_xmm, Form::rm::<StoreUnaligned>()),
    (Code::Movss_xmm_xmmm32, Form::rm::<LoadSs>()),
    (Code::Movss_xmmm32_xmm, Form::rm::<StoreSs>()),
    (Code::Movsd_xmm_xmmm64, Form::rm::<LoadSd>()),
    (Code::Movsd_xmmm64_xmm, Form::rm::<StoreSd>()),
    (Code::Movq_xmm_xmmm64, Form::rm::<LoadQ>()),
    (Code::Movq_xmmm64_xmm, Form::rm::<StoreQ>()),
    (Code::Movlps_xmm_m64, Form::rm::<LoadLow>()),
    (Code::Movlpd_xmm_m64, Form::rm::<LoadLow>()),
    (Code::Movhps_xmm_m64, Form::rm::<LoadHigh>()),
    (Code::Movhpd_xmm_m64, Form::rm::<LoadHigh>()),
    (Code::Movlps_m64_xmm, Form::rm::<StoreSd>()),
    (Code::Movlpd_m64_xmm, Form::rm::<StoreSd>()),
    (Code::Movhps_m64_xmm, Form::rm::<StoreHigh>()),
    (Code::Movhpd_m64_xmm, Form::rm::<StoreHigh>()),
    (Code::Movhlps_xmm_xmm, Form::plain::<Movhlps>()),
    (Code::Movlhps_xmm_xmm, Form::plain::<Movlhps>()),
    (Code::Movd_xmm_rm32, Form::rm::<FromR32>()),
    (Code::Movq_xmm_rm64, Form::rm::<FromR64>()),
    (Code::Movd_rm32_xmm, Form::rm::<ToR32>()),
    (Code::Movq_rm64_xmm, Form::rm::<ToR64>()),
    (Code::Movmskps_r32_xmm, Form::plain::<Movmskps>()),
    (Code::Movmskps_r64_xmm, Form::plain::<Movmskps>()),
    (Code::Movmskpd_r32_xmm, Form::plain::<Movmskpd>()),
    (Code::Movmskpd_r64_xmm, Form::plain::<Movmskpd>()),
    (Code::Maskmovdqu_rDI_xmm_xmm, Form::checked::<Maskmovdqu>()),
    (Code::Maskmovq_rDI_mm_mm, mmx::<Maskmovq>()),
];

/// The fences with other bits in ModRM.rm.
pub(super) const FENCES: &[(Code, Form)] = &[
    (Code::Lfence_E9, Form::plain::<Fence>()),
    (Code::Lfence_EA, Form::plain::<Fence>()),
    (Code::Lfence_EB, Form::plain::<Fence>()),
    (Code::Lfence_EC, Form::plain::<Fence>()),
    (Code::Lfence_ED, Form::plain::<Fence>()),
    (Code::Lfence_EE, Form::plain::<Fence>()),
    (Code::Lfence_EF, Form::plain::<Fence>()),
    (Code::Mfence_F1, Form::plain::<Fence>()),
    (Code::Mfence_F2, Form::plain::<Fence>()),
    (Code::Mfence_F3, Form::plain::<Fence>()),
    (Code::Mfence_F4, Form::plain::<Fence>()),
    (Code::Mfence_F5, Form::plain::<Fence>()),
    (Code::Mfence_F6, Form::plain::<Fence>()),
    (Code::Mfence_F7, Form::plain::<Fence>()),
    (Code::Sfence_F9, Form::plain::<Fence>()),
    (Code::Sfence_FA, Form::plain::<Fence>()),
    (Code::Sfence_FB, Form::plain::<Fence>()),
    (Code::Sfence_FC, Form::plain::<Fence>()),
    (Code::Sfence_FD, Form::plain::<Fence>()),
    (Code::Sfence_FE, Form::plain::<Fence>()),
    (Code::Sfence_FF, Form::plain::<Fence>()),
];
