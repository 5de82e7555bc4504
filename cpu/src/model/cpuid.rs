//! The leaves of CPUID.
//!
//! Intel SDM volume 2, CPUID, tables 3-8 to 3-12. Leaves that a model lacks answer as the highest basic leaf does, as on
//! Intel's processors.

use super::Model;

const VENDOR: &[u8; 12] = b"GenuineIntel";
/// CPUID.1:EBX: CLFLUSH line size in 8-byte units, and one logical processor.
const CLFLUSH_LINE: u32 = 8 << 8;
const ONE_PROCESSOR: u32 = 1 << 16;
/// Linear address bits of leaf 80000008H.
const LINEAR_BITS: u32 = 48;
/// Offset and size of the XSAVE area: legacy region and header, then the upper halves of YMM.
const XSAVE_LEGACY: u32 = 576;
const XSAVE_AVX: u32 = 256;
const XCR0_AVX: u64 = 4;

fn word(bytes: &[u8], i: usize) -> u32 {
    let mut b = [0; 4];
    for (k, b) in b.iter_mut().enumerate() {
        *b = bytes.get(4 * i + k).copied().unwrap_or(0);
    }
    u32::from_le_bytes(b)
}

impl Model {
    /// EAX, EBX, ECX, EDX of a leaf.
    pub(crate) fn cpuid(&self, leaf: u32, subleaf: u32, xcr0: u64) -> [u32; 4] {
        let max = self.preset.max_leaf;
        let extended = leaf >= 0x8000_0000 && leaf <= self.preset.max_extended;
        let leaf = if leaf <= max || extended { leaf } else { max };
        match leaf {
            0 => [max, word(VENDOR, 0), word(VENDOR, 2), word(VENDOR, 1)],
            1 => {
                let clflush = if self.feature(super::Feature::CLFSH) { CLFLUSH_LINE } else { 0 };
                let count = if self.preset.max_leaf >= 2 { ONE_PROCESSOR } else { 0 };
                [self.preset.signature, clflush | count, self.features.leaf1_ecx(), self.features.leaf1_edx()]
            }
            2 => self.preset.leaf2,
            4 => self.cache_leaf(subleaf),
            7 if subleaf == 0 => {
                let [b, c, d] = self.features.leaf7();
                [0, b, c, d]
            }
            0xD => self.xsave_leaf(subleaf, xcr0),
            0x8000_0000 => [self.preset.max_extended, 0, 0, 0],
            0x8000_0001 => {
                let [c, d] = self.features.extended();
                [0, 0, c, d]
            }
            0x8000_0002..=0x8000_0004 => {
                let at = (leaf - 0x8000_0002) as usize * 4;
                let brand = self.preset.brand.as_bytes();
                [word(brand, at), word(brand, at + 1), word(brand, at + 2), word(brand, at + 3)]
            }
            // 64-byte lines, 8-way.
            0x8000_0006 => [0, 0, self.preset.caches[0] << 16 | 6 << 12 | 64, 0],
            0x8000_0008 => [LINEAR_BITS << 8 | self.preset.phys_bits, 0, 0, 0],
            _ => [0; 4],
        }
    }

    /// Deterministic cache parameters: 32 KiB of L1 data and code, then the preset's levels, all 8-way.
    fn cache_leaf(&self, subleaf: u32) -> [u32; 4] {
        const WAYS: u32 = 8;
        const LINE: u32 = 64;
        let [l2, l3] = self.preset.caches;
        let (kind, level, size) = match subleaf {
            0 => (1, 1, 32),
            1 => (2, 1, 32),
            2 => (3, 2, l2),
            3 => (3, 3, l3),
            _ => return [0; 4],
        };
        if size == 0 {
            return [0; 4];
        }
        let sets = size * 1024 / WAYS / LINE;
        let self_initializing = 1 << 8;
        [kind | level << 5 | self_initializing, (WAYS - 1) << 22 | (LINE - 1), sets - 1, 0]
    }

    fn xsave_leaf(&self, subleaf: u32, xcr0: u64) -> [u32; 4] {
        let mask = self.xcr0_mask();
        let size = |bits: u64| XSAVE_LEGACY + if bits & XCR0_AVX != 0 { XSAVE_AVX } else { 0 };
        match subleaf {
            _ if !self.feature(super::Feature::XSAVE) => [0; 4],
            0 => [mask as u32, size(xcr0), size(mask), 0],
            2 if mask & XCR0_AVX != 0 => [XSAVE_AVX, XSAVE_LEGACY, 0, 0],
            _ => [0; 4],
        }
    }
}
