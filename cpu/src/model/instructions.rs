//! Which instructions a model has, decided from the CPUID features that each opcode form needs.

use super::Model;
use super::feature::Feature;
use iced_x86::{Code, CpuidFeature as C, EncodingKind};

impl Model {
    /// The table behind [`Model::has`]: one entry for each [`Code`].
    pub(super) fn instruction_table(&self) -> Vec<bool> {
        Code::values().map(|code| self.has_slow(code)).collect()
    }

    fn has_slow(&self, code: Code) -> bool {
        match code {
            // Hints in the space of reserved NOPs: older processors run them as NOPs.
            Code::Endbr32 | Code::Endbr64 | Code::Rdsspd_r32 | Code::Rdsspq_r64 | Code::Cldemote_m8 => {
                self.family() >= 6
            }
            Code::Prefetchw_m8 | Code::Prefetchwt1_m8 | Code::Prefetch_m8 => self.family() >= 6,
            Code::Prefetchnta_m8 | Code::Prefetcht0_m8 | Code::Prefetcht1_m8 | Code::Prefetcht2_m8 => {
                self.family() >= 6
            }
            // Vector extension prefixes came with AVX, whatever else an instruction asks for.
            _ if code.op_code().encoding() != EncodingKind::Legacy && !self.feature(Feature::AVX) => false,
            _ => code.cpuid_features().iter().all(|&f| self.supports(f)),
        }
    }

    fn supports(&self, f: C) -> bool {
        let family = self.family();
        let feature = match f {
            C::INTEL8086 | C::INTEL186 | C::INTEL286 | C::PAUSE | C::SMM => return true,
            C::INTEL386 => return family >= 3,
            C::INTEL486 => return family >= 4,
            C::MOV_TR | C::UMOV => return matches!(family, 3 | 4),
            C::CPUID => return self.cpuid_exists(),
            C::MULTIBYTENOP => return family >= 6,
            C::RDPMC => return family >= 6 || self.feature(Feature::MMX),
            C::FPU | C::FPU287 | C::FPU387 | C::FPU287XL_ONLY => Feature::FPU,
            C::X64 => Feature::LM,
            C::TSC => Feature::TSC,
            C::MSR => Feature::MSR,
            C::CX8 => Feature::CX8,
            C::SEP => Feature::SEP,
            C::CMOV => Feature::CMOV,
            C::CLFSH => Feature::CLFSH,
            C::MMX => Feature::MMX,
            C::FXSR => Feature::FXSR,
            C::SSE => Feature::SSE,
            C::SSE2 => Feature::SSE2,
            C::SSE3 => Feature::SSE3,
            C::SSSE3 => Feature::SSSE3,
            C::SSE4_1 => Feature::SSE4_1,
            C::SSE4_2 => Feature::SSE4_2,
            C::POPCNT => Feature::POPCNT,
            C::AES => Feature::AES,
            C::PCLMULQDQ => Feature::PCLMULQDQ,
            C::SHA => Feature::SHA,
            C::AVX => Feature::AVX,
            C::AVX2 => Feature::AVX2,
            C::FMA => Feature::FMA,
            C::F16C => Feature::F16C,
            C::BMI1 => Feature::BMI1,
            C::BMI2 => Feature::BMI2,
            C::LZCNT => Feature::LZCNT,
            C::ADX => Feature::ADX,
            C::MOVBE => Feature::MOVBE,
            C::MONITOR => Feature::MONITOR,
            C::CMPXCHG16B => Feature::CX16,
            C::SYSCALL => Feature::SYSCALL,
            C::RDTSCP => Feature::RDTSCP,
            C::RDPID => Feature::RDPID,
            C::FSGSBASE => Feature::FSGSBASE,
            C::SMAP => Feature::SMAP,
            C::INVPCID => Feature::INVPCID,
            C::XSAVE => Feature::XSAVE,
            _ => return false,
        };
        self.feature(feature)
    }
}
