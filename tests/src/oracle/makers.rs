//! Where Intel's and AMD's processors choose differently. The core follows Intel's; on another maker's host a case that
//! meets such a choice is not compared.
//!
//! Each rule is as narrow as the choice: the same instruction in a state where the makers agree is compared.

use super::case::{Case, Mode, Outcome, PAGE, Segments};
use super::compare::{END, several_parts, transcendental};
use super::generate::offset_of;
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, Register};
use std::ops::Range;

/// Who made the host's processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Intel: everything is compared.
    Intel,
    /// AMD, or one that does as AMD's processors do.
    Other,
}

/// FSW: an unmasked exception waits.
const ES: u8 = 0x80;
/// Of an FXSAVE image: FOP, FIP and FDP with their selectors.
const POINTERS: Range<usize> = 6..24;
/// Of an FXSAVE image: MXCSR, and the byte of MXCSR_MASK with MM.
const MXCSR: usize = 24;
const MXCSR_MASK_MM: usize = 30;

impl Maker {
    /// The host's.
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    pub fn of_host() -> Self {
        let leaf = std::arch::x86_64::__cpuid(0);
        let name = (leaf.ebx, leaf.edx, leaf.ecx);
        if name == (0x756E_6547, 0x4965_6E69, 0x6C65_746E) { Self::Intel } else { Self::Other }
    }

    /// Whether bytes mean another instruction, or end elsewhere, on AMD's processors: what follows would run.
    pub fn decodes_otherwise(self, bytes: &[u8], bits: u32, ip: u64) -> bool {
        let decode = |options| Decoder::with_ip(bits, bytes, ip, options).decode();
        let (intel, amd) = (decode(DecoderOptions::NONE), decode(DecoderOptions::AMD));
        self == Self::Other && (intel.code() != amd.code() || intel.len() != amd.len())
    }

    /// Whether the outcome is the maker's choice.
    pub fn chooses_otherwise(self, case: &Case, i: &Instruction, host: &Outcome, core: &Outcome) -> bool {
        use Mnemonic::*;
        if self == Self::Intel {
            return false;
        }
        let m = i.mnemonic();
        let fault = host.vector != END;
        let chosen = match m {
            // Approximations.
            Rcpps | Rcpss | Rsqrtps | Rsqrtss => true,
            m if transcendental(m) => true,
            // AMD's processors check the target of a call before they store.
            Call if fault => true,
            // What a fault of an instruction with several accesses leaves.
            m if fault && (several_parts(m) || i.is_string_instruction()) => true,
            // Intel's processors read the upper bound only when the lower one is kept.
            Bound => fault && core.vector == 5,
            // Whether the page of the first part or the segment's limit behind the second comes first.
            Fbld | Lds | Les | Lss | Lfs | Lgs => fault,
            // Intel's processors read two bytes for a 16-bit register, AMD's four.
            Movsxd if i.code() == Code::Movsxd_r16_rm16 => fault,
            // Intel's processors read two bytes of the slot, AMD's all of it.
            Pop if matches!(i.code(), Code::Popd_DS | Code::Popd_ES | Code::Popd_SS) => fault,
            // AMD's processors take the condition from the prefix.
            Loope => i.has_repne_prefix(),
            Loopne => i.has_rep_prefix(),
            // The count is above the operand's size.
            Shld | Shrd => i.op0_register().size().max(i.memory_size().size()) == 2,
            // The register form of PREFETCH.
            Reservednop => host.vector == 6,
            // Whether the exception of a store or the fault of its operand comes first.
            Fst | Fstp | Fist | Fistp | Fisttp | Fbstp => fault && core.fx.get(2).is_some_and(|low| low & ES != 0),
            // AMD's processors have MXCSR.MM.
            Ldmxcsr => loaded_mxcsr(case, i, 0).is_some_and(has_misaligned_mask),
            Fxrstor | Fxrstor64 => loaded_mxcsr(case, i, MXCSR).is_some_and(has_misaligned_mask),
            _ => false,
        };
        chosen || matches!(host.vector, 12 | 13) && wraps(case, i)
    }

    /// Whether a byte of the data page is one of an FXSAVE image that is the maker's choice: AMD's processors have
    /// MXCSR.MM in the mask, and the older ones save the x87 pointers only together with a waiting exception.
    pub fn saves_otherwise(self, case: &Case, i: &Instruction, host: &Outcome, at: usize) -> bool {
        if self == Self::Intel || !matches!(i.mnemonic(), Mnemonic::Fxsave | Mnemonic::Fxsave64) {
            return false;
        }
        let Some(field) = in_page(case, i).and_then(|image| at.checked_sub(image)) else { return false };
        let waiting = host.fx.get(2).is_some_and(|low| low & ES != 0);
        field == MXCSR_MASK_MM || POINTERS.contains(&field) && !waiting && !always_saves_pointers()
    }
}

/// XSaveErPtr of AMD's processors.
fn always_saves_pointers() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::x86_64::__cpuid(0x8000_0008).ebx & 4 != 0
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        true
    }
}

/// Where the memory operand lies in the data page.
fn in_page(case: &Case, i: &Instruction) -> Option<usize> {
    let at = usize::try_from(offset_of(case, i)?.wrapping_sub(case.data_offset())).ok()?;
    (at < PAGE).then_some(at)
}

fn loaded_mxcsr(case: &Case, i: &Instruction, field: usize) -> Option<u32> {
    let at = in_page(case, i)? + field;
    Some(u32::from_le_bytes(case.data.get(at..at + 4)?.try_into().ok()?))
}

/// MXCSR.MM without a bit that is reserved for all.
fn has_misaligned_mask(mxcsr: u32) -> bool {
    mxcsr >> 16 == 2
}

/// An operand over the end of a segment of 4 GiB: AMD's processors see the limit there.
fn wraps(case: &Case, i: &Instruction) -> bool {
    const NEAR_END: Range<u64> = 0xFFFF_FF00..0x1_0000_0000;
    if case.mode != Mode::Bits32 {
        return false;
    }
    let flat = case.segments == Segments::Flat;
    let stack =
        i.is_stack_instruction() && [4, 5].iter().filter_map(|&r| case.gpr.get(r)).any(|r| NEAR_END.contains(r));
    let size = i.memory_size().size().max(1) as u64;
    let ends = |at: u64| (at & 0xFFFF_FFFF) + size > NEAR_END.end;
    // Code is flat in every case.
    flat && stack || (flat || i.memory_segment() == Register::CS) && offset_of(case, i).is_some_and(ends)
}
