//! Processor models as data: which instructions, registers and CPUID answers a core has.
//!
//! Intel SDM volume 2 (CPUID), volume 3, section 22 (differences between processors). A model text is a name and
//! changes: `pentium3,-sse,+nx`. An empty text is the default model.

mod cpuid;
mod feature;
mod instructions;
mod presets;

pub(crate) use feature::{Feature, Features};
use iced_x86::{Code, DecoderOptions};
use presets::{DEFAULT, PRESETS, Preset, READY};
use std::fmt;
use std::sync::Arc;

use crate::state::{cr0, cr4, eflags};

/// What a processor has.
#[derive(Clone)]
pub struct Model {
    preset: &'static Preset,
    features: Features,
    /// By `Code`: the instruction exists.
    instructions: Arc<[bool]>,
}

/// Why a model text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No model has this name.
    #[error("unknown processor model `{0}` (known: {known})", known = Model::names().collect::<Vec<_>>().join(" "))]
    UnknownModel(String),
    /// No feature has this name.
    #[error("unknown processor feature `{0}` (known: {known})", known = Feature::names().collect::<Vec<_>>().join(" "))]
    UnknownFeature(String),
    /// A change that starts with neither + nor -.
    #[error("`{0}`: a change of a processor model starts with + or -")]
    NotAChange(String),
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.preset.name).field("features", &self.features).finish()
    }
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.preset.name == other.preset.name && self.features == other.features
    }
}

impl Eq for Model {}

impl Model {
    /// Parses `NAME[,+flag][,-flag]`; flags are named as Linux names them in `/proc/cpuinfo`.
    ///
    /// # Errors
    /// An unknown name or flag.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let mut parts = text.split(',').map(str::trim);
        let name = match parts.next() {
            None | Some("") => DEFAULT,
            Some(name) => name,
        };
        let preset =
            PRESETS.iter().find(|p| p.name == name).ok_or_else(|| ModelError::UnknownModel(name.to_owned()))?;
        let mut features = preset.features & READY;
        for change in parts.filter(|c| !c.is_empty()) {
            let (on, flag) = match (change.strip_prefix('+'), change.strip_prefix('-')) {
                (Some(flag), _) => (true, flag),
                (_, Some(flag)) => (false, flag),
                _ => return Err(ModelError::NotAChange(change.to_owned())),
            };
            let feature = Feature::named(flag).ok_or_else(|| ModelError::UnknownFeature(flag.to_owned()))?;
            features.set(feature, on);
        }
        let mut model = Self { preset, features, instructions: Arc::new([]) };
        model.instructions = model.instruction_table().into();
        Ok(model)
    }

    /// Names of all models.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|p| p.name)
    }

    /// Name of the model, changes left out.
    pub fn name(&self) -> &'static str {
        self.preset.name
    }

    pub(crate) fn feature(&self, f: Feature) -> bool {
        self.features.has(f)
    }

    /// CPUID.1:EAX, and EDX after reset.
    pub(crate) fn signature(&self) -> u32 {
        self.preset.signature
    }

    /// Family, 2 to 15.
    pub(crate) fn family(&self) -> u32 {
        self.preset.signature >> 8 & 15
    }

    /// A processor before the 386: 16 bits only.
    pub(crate) fn is_286(&self) -> bool {
        self.family() < 3
    }

    /// Most bytes of an instruction, prefixes included.
    pub(crate) fn max_len(&self) -> usize {
        if self.is_286() { 10 } else { 15 }
    }

    pub(super) fn cpuid_exists(&self) -> bool {
        self.preset.cpuid
    }

    /// Physical address bits that exist.
    pub(crate) fn phys_mask(&self) -> u64 {
        (1 << self.preset.phys_bits) - 1
    }

    /// 1 GiB pages.
    pub(crate) fn page1g(&self) -> bool {
        self.feature(Feature::PDPE1GB)
    }

    /// The instruction exists on this model; otherwise it raises #UD.
    pub(crate) fn has(&self, code: Code) -> bool {
        self.instructions.get(code as usize).copied().unwrap_or(false)
    }

    /// How bytes decode: opcodes that meant something else before a feature came.
    pub(crate) fn decoder_options(&self) -> u32 {
        let mut options = DecoderOptions::NO_WBNOINVD;
        let mut unless = |f, option| {
            if !self.feature(f) {
                options |= option;
            }
        };
        // REP BSF and REP BSR ignore the prefix.
        unless(Feature::BMI1, DecoderOptions::NO_MPFX_0FBC);
        unless(Feature::LZCNT, DecoderOptions::NO_MPFX_0FBD);
        unless(Feature::LAHF64, DecoderOptions::NO_LAHF_SAHF_64);
        if self.family() <= 4 {
            options |= DecoderOptions::MOV_TR | DecoderOptions::UMOV;
        }
        options
    }

    /// EFLAGS bits that exist.
    pub(crate) fn flag_mask(&self) -> u64 {
        let mut mask =
            eflags::ARITH | eflags::TF | eflags::IF | eflags::DF | eflags::IOPL | eflags::NT | eflags::RF | eflags::VM;
        if self.is_286() {
            return mask & 0xFFFF;
        }
        if self.family() >= 4 {
            mask |= eflags::AC;
        }
        if self.preset.cpuid {
            mask |= eflags::ID;
        }
        if self.feature(Feature::VME) {
            mask |= eflags::VIF | eflags::VIP;
        }
        mask
    }

    /// CR0 bits that exist.
    pub(crate) fn cr0_mask(&self) -> u64 {
        if self.is_286() {
            return cr0::PE | cr0::MP | cr0::EM | cr0::TS;
        }
        let mask = cr0::PE | cr0::MP | cr0::EM | cr0::TS | cr0::ET | cr0::PG;
        if self.family() >= 4 { mask | cr0::NE | cr0::WP | cr0::AM | cr0::NW | cr0::CD } else { mask }
    }

    /// CR4 exists.
    pub(crate) fn has_cr4(&self) -> bool {
        self.preset.cpuid
    }

    /// CR4 bits that exist.
    pub(crate) fn cr4_mask(&self) -> u64 {
        const BITS: [(Feature, u64); 15] = [
            (Feature::VME, cr4::VME | cr4::PVI),
            (Feature::TSC, cr4::TSD),
            (Feature::DE, cr4::DE),
            (Feature::PSE, cr4::PSE),
            (Feature::PAE, cr4::PAE),
            (Feature::MCE, cr4::MCE),
            (Feature::PGE, cr4::PGE),
            (Feature::FXSR, cr4::OSFXSR),
            (Feature::SSE, cr4::OSXMMEXCPT),
            (Feature::UMIP, cr4::UMIP),
            (Feature::FSGSBASE, cr4::FSGSBASE),
            (Feature::PCID, cr4::PCIDE),
            (Feature::XSAVE, cr4::OSXSAVE),
            (Feature::SMEP, cr4::SMEP),
            (Feature::SMAP, cr4::SMAP),
        ];
        let counters = self.family() >= 6 || self.feature(Feature::MMX);
        let start = if counters { cr4::PCE } else { 0 };
        BITS.iter().filter(|(f, _)| self.feature(*f)).fold(start, |mask, (_, bits)| mask | bits)
    }

    /// XCR0 bits that exist.
    pub(crate) fn xcr0_mask(&self) -> u64 {
        let avx = if self.feature(Feature::AVX) { 4 } else { 0 };
        3 | avx
    }
}

#[cfg(test)]
mod tests;
