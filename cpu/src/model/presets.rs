//! The named models: signature, features, caches.
//!
//! Intel's processor identification note (AP-485) and SDM volume 2, CPUID. A preset describes the processor it is named
//! after; [`READY`] says what of it this core has.

use super::feature::{Feature as F, Features};

/// One named model.
pub(super) struct Preset {
    pub name: &'static str,
    /// CPUID.1:EAX, and EDX after reset.
    pub signature: u32,
    pub features: Features,
    /// CPUID exists.
    pub cpuid: bool,
    /// Highest basic leaf.
    pub max_leaf: u32,
    /// Highest extended leaf, 0 for none.
    pub max_extended: u32,
    pub phys_bits: u32,
    /// Answer of leaf 2.
    pub leaf2: [u32; 4],
    /// Second- and third-level cache for leaf 4, in KiB.
    pub caches: [u32; 2],
    pub brand: &'static str,
}

const P5: Features = Features::of(&[F::FPU, F::VME, F::DE, F::PSE, F::TSC, F::MSR, F::MCE, F::CX8, F::APIC]);
const P55C: Features = P5.with(&[F::MMX]);
const P2: Features = P55C.with(&[F::PAE, F::SEP, F::MTRR, F::PGE, F::MCA, F::CMOV, F::PAT, F::PSE36, F::FXSR]);
const P3: Features = P2.with(&[F::SSE]);
const P4: Features = P3.with(&[F::SSE2, F::CLFSH]);
const BONNELL: Features = P4.with(&[F::SSE3, F::SSSE3, F::CX16, F::MOVBE, F::SYSCALL, F::NX, F::LM, F::LAHF64]);
const CORE2: Features = P4.with(&[F::SSE3, F::SSSE3, F::CX16, F::SYSCALL, F::NX, F::LM, F::LAHF64]);
const NEHALEM: Features = CORE2.with(&[F::SSE4_1, F::SSE4_2, F::POPCNT, F::RDTSCP]);
const HASWELL: Features = NEHALEM.with(&[
    F::PCLMULQDQ,
    F::FMA,
    F::PCID,
    F::MOVBE,
    F::AES,
    F::XSAVE,
    F::AVX,
    F::F16C,
    F::FSGSBASE,
    F::BMI1,
    F::AVX2,
    F::SMEP,
    F::BMI2,
    F::ERMS,
    F::INVPCID,
    F::PDPE1GB,
    F::LZCNT,
]);

/// What this core implements. A named model has no more than this; `+flag` goes beyond it.
pub(super) const READY: Features = Features::of(&[
    F::FPU,
    F::VME,
    F::DE,
    F::PSE,
    F::TSC,
    F::MSR,
    F::PAE,
    F::MCE,
    F::CX8,
    F::APIC,
    F::SEP,
    F::MTRR,
    F::PGE,
    F::MCA,
    F::CMOV,
    F::PAT,
    F::PSE36,
    F::CLFSH,
    F::MMX,
    F::FXSR,
    F::SSE,
    F::SSE2,
    F::SSE3,
    F::PCLMULQDQ,
    F::SSSE3,
    F::CX16,
    F::PCID,
    F::SSE4_1,
    F::SSE4_2,
    F::MOVBE,
    F::POPCNT,
    F::AES,
    F::XSAVE,
    F::SHA,
    F::FSGSBASE,
    F::SMEP,
    F::SMAP,
    F::ERMS,
    F::INVPCID,
    F::UMIP,
    F::RDPID,
    F::ARCH_CAPABILITIES,
    F::SYSCALL,
    F::NX,
    F::PDPE1GB,
    F::RDTSCP,
    F::LM,
    F::LAHF64,
]);

/// The model of an empty text: a processor that no speculation attack applies to, so that Linux leaves page-table
/// isolation and the other workarounds off, with everything that 32- and 64-bit systems ask for.
pub(super) const DEFAULT: &str = "atom";

const NO_LEAF2: [u32; 4] = [0; 4];

pub(super) const PRESETS: &[Preset] = &[
    // The part without a 32-bit mode; see `docs/deviations.md` for its protected mode.
    Preset {
        name: "286",
        signature: 0x0200,
        features: Features::of(&[F::FPU]),
        cpuid: false,
        max_leaf: 0,
        max_extended: 0,
        phys_bits: 24,
        leaf2: NO_LEAF2,
        caches: [0, 0],
        brand: "",
    },
    Preset {
        name: "386",
        signature: 0x0308,
        features: Features::of(&[F::FPU]),
        cpuid: false,
        max_leaf: 0,
        max_extended: 0,
        phys_bits: 32,
        leaf2: NO_LEAF2,
        caches: [0, 0],
        brand: "",
    },
    Preset {
        name: "486",
        signature: 0x0480,
        features: Features::of(&[F::FPU, F::VME]),
        cpuid: true,
        max_leaf: 1,
        max_extended: 0,
        phys_bits: 32,
        leaf2: NO_LEAF2,
        caches: [0, 0],
        brand: "",
    },
    Preset {
        name: "pentium",
        signature: 0x052C,
        features: P5,
        cpuid: true,
        max_leaf: 1,
        max_extended: 0,
        phys_bits: 32,
        leaf2: NO_LEAF2,
        caches: [0, 0],
        brand: "",
    },
    Preset {
        name: "pentium-mmx",
        signature: 0x0543,
        features: P55C,
        cpuid: true,
        max_leaf: 1,
        max_extended: 0,
        phys_bits: 32,
        leaf2: NO_LEAF2,
        caches: [0, 0],
        brand: "",
    },
    Preset {
        name: "pentium2",
        signature: 0x0652,
        features: P2,
        cpuid: true,
        max_leaf: 2,
        max_extended: 0,
        phys_bits: 36,
        leaf2: [0x0302_0101, 0, 0, 0x0C04_0843],
        caches: [512, 0],
        brand: "",
    },
    Preset {
        name: "pentium3",
        signature: 0x0686,
        features: P3,
        cpuid: true,
        max_leaf: 2,
        max_extended: 0,
        phys_bits: 36,
        leaf2: [0x0302_0101, 0, 0, 0x0C04_0882],
        caches: [256, 0],
        brand: "",
    },
    Preset {
        name: "pentium4",
        signature: 0x0F29,
        features: P4,
        cpuid: true,
        max_leaf: 2,
        max_extended: 0x8000_0004,
        phys_bits: 36,
        leaf2: [0x665B_5001, 0, 0, 0x007B_7040],
        caches: [512, 0],
        brand: "Intel(R) Pentium(R) 4 CPU",
    },
    Preset {
        name: "atom",
        signature: 0x000106CA,
        features: BONNELL,
        cpuid: true,
        max_leaf: 7,
        max_extended: 0x8000_0008,
        phys_bits: 36,
        leaf2: [0x4FBA_5901, 0x0E30_80C0, 0, 0],
        caches: [512, 0],
        brand: "Intel(R) Atom(TM) CPU",
    },
    Preset {
        name: "core2",
        signature: 0x0001_0676,
        features: CORE2,
        cpuid: true,
        max_leaf: 0xA,
        max_extended: 0x8000_0008,
        phys_bits: 36,
        leaf2: [0x05B0_B101, 0x0056_57F0, 0, 0x2CB4_307D],
        caches: [2048, 0],
        brand: "Intel(R) Core(TM)2 CPU",
    },
    Preset {
        name: "nehalem",
        signature: 0x0001_06A5,
        features: NEHALEM,
        cpuid: true,
        max_leaf: 0xB,
        max_extended: 0x8000_0008,
        phys_bits: 40,
        leaf2: [0x5503_5A01, 0x00F0_B2E4, 0, 0x09CA_212C],
        caches: [256, 8192],
        brand: "Intel(R) Core(TM) i7 CPU",
    },
    Preset {
        name: "haswell",
        signature: 0x0003_06C3,
        features: HASWELL,
        cpuid: true,
        max_leaf: 0xD,
        max_extended: 0x8000_0008,
        phys_bits: 39,
        leaf2: [0x7603_6301, 0x00F0_B5FF, 0, 0x00C1_0000],
        caches: [256, 8192],
        brand: "Intel(R) Core(TM) i7-4770 CPU",
    },
];
