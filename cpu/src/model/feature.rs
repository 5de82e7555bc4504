//! Feature flags of CPUID, and sets of them.
//!
//! Intel SDM volume 2, CPUID: leaves 1, 7 and 80000001H. Flag names are those that Linux shows in `/proc/cpuinfo`.

use std::ops::{BitAnd, BitOr};

/// A feature flag: CPUID word times 32 plus bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feature(u8);

/// CPUID words that hold flags.
pub(super) const WORDS: usize = 7;
const L1D: u8 = 0;
const L1C: u8 = 1;
const L7B: u8 = 2;
const L7C: u8 = 3;
const L7D: u8 = 4;
const E1D: u8 = 5;
const E1C: u8 = 6;

macro_rules! features {
    ($($name:ident $text:literal $word:ident $bit:literal;)*) => {
        #[allow(missing_docs, dead_code)]
        impl Feature {
            $(pub const $name: Self = Self($word * 32 + $bit);)*
            /// Names in texts.
            const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$name)),*];
        }
    };
}

features! {
    FPU "fpu" L1D 0;
    VME "vme" L1D 1;
    DE "de" L1D 2;
    PSE "pse" L1D 3;
    TSC "tsc" L1D 4;
    MSR "msr" L1D 5;
    PAE "pae" L1D 6;
    MCE "mce" L1D 7;
    CX8 "cx8" L1D 8;
    APIC "apic" L1D 9;
    SEP "sep" L1D 11;
    MTRR "mtrr" L1D 12;
    PGE "pge" L1D 13;
    MCA "mca" L1D 14;
    CMOV "cmov" L1D 15;
    PAT "pat" L1D 16;
    PSE36 "pse36" L1D 17;
    CLFSH "clflush" L1D 19;
    MMX "mmx" L1D 23;
    FXSR "fxsr" L1D 24;
    SSE "sse" L1D 25;
    SSE2 "sse2" L1D 26;
    SSE3 "sse3" L1C 0;
    PCLMULQDQ "pclmulqdq" L1C 1;
    MONITOR "monitor" L1C 3;
    SSSE3 "ssse3" L1C 9;
    FMA "fma" L1C 12;
    CX16 "cx16" L1C 13;
    PCID "pcid" L1C 17;
    SSE4_1 "sse4_1" L1C 19;
    SSE4_2 "sse4_2" L1C 20;
    MOVBE "movbe" L1C 22;
    POPCNT "popcnt" L1C 23;
    AES "aes" L1C 25;
    XSAVE "xsave" L1C 26;
    AVX "avx" L1C 28;
    F16C "f16c" L1C 29;
    HYPERVISOR "hypervisor" L1C 31;
    FSGSBASE "fsgsbase" L7B 0;
    BMI1 "bmi1" L7B 3;
    AVX2 "avx2" L7B 5;
    SMEP "smep" L7B 7;
    BMI2 "bmi2" L7B 8;
    ERMS "erms" L7B 9;
    INVPCID "invpcid" L7B 10;
    ADX "adx" L7B 19;
    SMAP "smap" L7B 20;
    SHA "sha" L7B 29;
    UMIP "umip" L7C 2;
    RDPID "rdpid" L7C 22;
    ARCH_CAPABILITIES "arch_capabilities" L7D 29;
    SYSCALL "syscall" E1D 11;
    NX "nx" E1D 20;
    PDPE1GB "pdpe1gb" E1D 26;
    RDTSCP "rdtscp" E1D 27;
    LM "lm" E1D 29;
    LAHF64 "lahf_lm" E1C 0;
    LZCNT "lzcnt" E1C 5;
    PREFETCHW "3dnowprefetch" E1C 8;
}

impl Feature {
    /// The feature of a name.
    pub fn named(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|&(_, f)| f)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|&(name, _)| name)
    }
}

/// A set of features, as the CPUID words have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features([u32; WORDS]);

impl Features {
    /// The set of `list`.
    pub const fn of(list: &[Feature]) -> Self {
        let mut words = [0; WORDS];
        let mut i = 0;
        while i < list.len() {
            words[(list[i].0 / 32) as usize] |= 1 << (list[i].0 % 32);
            i += 1;
        }
        Self(words)
    }

    /// This set and `list`.
    pub const fn with(self, list: &[Feature]) -> Self {
        let mut words = Self::of(list).0;
        let mut i = 0;
        while i < WORDS {
            words[i] |= self.0[i];
            i += 1;
        }
        Self(words)
    }

    pub const fn has(&self, f: Feature) -> bool {
        self.0[(f.0 / 32) as usize] >> (f.0 % 32) & 1 != 0
    }

    pub fn set(&mut self, f: Feature, on: bool) {
        let word = &mut self.0[usize::from(f.0 / 32)];
        let bit = 1 << (f.0 % 32);
        *word = if on { *word | bit } else { *word & !bit };
    }

    /// CPUID.1:EDX.
    pub fn leaf1_edx(&self) -> u32 {
        self.0[usize::from(L1D)]
    }
    /// CPUID.1:ECX.
    pub fn leaf1_ecx(&self) -> u32 {
        self.0[usize::from(L1C)]
    }
    /// CPUID.7.0: EBX, ECX, EDX.
    pub fn leaf7(&self) -> [u32; 3] {
        [self.0[usize::from(L7B)], self.0[usize::from(L7C)], self.0[usize::from(L7D)]]
    }
    /// CPUID.80000001H: ECX, EDX.
    pub fn extended(&self) -> [u32; 2] {
        [self.0[usize::from(E1C)], self.0[usize::from(E1D)]]
    }
}

impl BitAnd for Features {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }
}

impl BitOr for Features {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }
}
