//! Random numbers and operands that meet edges more often than chance would. The same seed gives the same stream on
//! every host.

/// xorshift64*.
pub struct Rng(u64);

impl Rng {
    /// A stream of its own for every seed.
    pub fn new(seed: u64) -> Self {
        // Seeds that differ little must give streams that differ much (splitmix64).
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((z ^ z >> 31) | 1)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// 0 to `n` - 1; `n` is not 0.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.bits() >> 32) % n
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of some values, which are not empty.
    pub fn pick<T: Copy + Default>(&mut self, of: &[T]) -> T {
        of.get(self.below(of.len() as u64) as usize).copied().unwrap_or_default()
    }

    /// An integer operand: edges of all widths, small numbers, runs of ones, or anything.
    pub fn integer(&mut self) -> u64 {
        let random = self.bits();
        match self.below(8) {
            0 => self.pick(&[0, 1, u64::MAX, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF]),
            1 => self.pick(&[0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, i64::MAX as u64, 1 << 63, 0xFFFF_FFFF_8000_0000]),
            2 => random & 0x3F,
            3 => (1u64 << (random & 63)).wrapping_sub(random >> 63),
            4 => (random as i64 >> self.below(64)) as u64,
            _ => random,
        }
    }

    /// A significand with long runs of equal bits more often than not.
    fn mantissa(&mut self) -> u64 {
        match self.below(6) {
            0 => u64::MAX << self.below(64),
            1 => u64::MAX >> self.below(64),
            2 => (1 << self.below(64)) | (1 << self.below(64)),
            3 => self.bits() << self.below(64),
            _ => self.bits(),
        }
    }

    /// An 80-bit value of any class.
    pub fn extended(&mut self) -> [u8; 10] {
        let random = self.bits();
        let sign = random as u16 & 0x8000;
        let m = self.mantissa();
        let normal = m | 1 << 63;
        let (e, m) = match self.below(24) {
            0 => (0, 0),
            1 => (0, m & !(1 << 63)),
            2 => (0, normal),
            3 => (0x7FFF, 1 << 63),
            4 => (0x7FFF, normal),
            5 => (0x7FFF, normal & !(1 << 62) | 1),
            6 => (random as u16 & 0x7FFF, m),
            7 => (random as u16 & 0x7FFF, normal),
            8 => (1 + self.below(80) as u16, normal),
            9 => (0x7FFE - self.below(80) as u16, normal),
            10 => (0x3FFF, 1 << 63),
            11..=16 => (0x3FFF - 70 + self.below(140) as u16, normal),
            _ => (0x3FFF - 4 + self.below(8) as u16, normal),
        };
        let mut b = [0; 10];
        b[..8].copy_from_slice(&m.to_le_bytes());
        b[8..].copy_from_slice(&(sign | e).to_le_bytes());
        b
    }

    fn single(&mut self) -> u32 {
        let random = self.bits();
        let exponent = match self.below(8) {
            0 => 0,
            1 => 0xFF,
            2 => 127 + self.below(40) as u32,
            3 => self.below(30) as u32,
            4 => 0xFE - self.below(30) as u32,
            _ => 120 + self.below(16) as u32,
        };
        let mantissa = match self.below(6) {
            0 => 0,
            1 => 1 << self.below(23),
            2 => u32::MAX << self.below(23),
            _ => random as u32,
        };
        (random >> 32) as u32 & 1 << 31 | exponent << 23 | mantissa & 0x7F_FFFF
    }

    fn double(&mut self) -> u64 {
        let random = self.bits();
        let exponent = match self.below(8) {
            0 => 0,
            1 => 0x7FF,
            2 => 1023 + self.below(70),
            3 => self.below(60),
            4 => 0x7FE - self.below(60),
            5 => 1023 - 150 + self.below(300),
            _ => 1016 + self.below(16),
        };
        let mantissa = match self.below(6) {
            0 => 0,
            1 => 1 << self.below(52),
            2 => u64::MAX << self.below(52),
            _ => self.bits(),
        };
        random & 1 << 63 | exponent << 52 | mantissa & ((1 << 52) - 1)
    }

    /// Sixteen bytes: singles, doubles, text, integers, shift counts, or anything.
    pub fn vector(&mut self) -> [u8; 16] {
        let mut v = [0u8; 16];
        match self.below(8) {
            0 | 1 => v.chunks_exact_mut(4).for_each(|c| c.copy_from_slice(&self.single().to_le_bytes())),
            2 | 3 => v.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&self.double().to_le_bytes())),
            4 => v.iter_mut().for_each(|b| *b = self.pick(b"\0abcABC\x80")),
            5 => v.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&self.integer().to_le_bytes())),
            6 => v.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&self.below(70).to_le_bytes())),
            _ => v.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&self.bits().to_le_bytes())),
        }
        v
    }
}
