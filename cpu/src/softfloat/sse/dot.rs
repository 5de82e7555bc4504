//! DPPS and DPPD: products, then sums in pairs, each operation rounded (SDM volume 2, DPPS).
//!
//! Every element of the result has its own sums. Of several NaNs, DPPS takes the neighbour's product before the own, and
//! then the own pair before the other; DPPD takes the own product first. The manual leaves this open.

use super::{F32, F64, Format, add, mul};
use crate::softfloat::Status;

/// The products that the upper half of the immediate selects, zero for the others.
fn products<F: Format, const N: usize>(a: [u64; N], b: [u64; N], imm: u8, st: &mut Status) -> [u64; N] {
    std::array::from_fn(|i| if imm >> (4 + i) & 1 != 0 { mul::<F>(a[i], b[i], st) } else { 0 })
}

/// DPPS. An unmasked exception of one step keeps the next from being done.
pub fn dot_product_f32(a: [u32; 4], b: [u32; 4], imm: u8, st: &mut Status) -> [u32; 4] {
    let p = products::<F32, 4>(a.map(u64::from), b.map(u64::from), imm, st);
    if st.unmasked() != 0 {
        return [0; 4];
    }
    let pairs: [u64; 4] = std::array::from_fn(|i| add::<F32>(p[i ^ 1], p[i], st));
    if st.unmasked() != 0 {
        return [0; 4];
    }
    let sums: [u64; 4] = std::array::from_fn(|i| add::<F32>(pairs[i], pairs[i ^ 2], st));
    std::array::from_fn(|i| if imm >> i & 1 != 0 { sums[i] as u32 } else { 0 })
}

/// DPPD.
pub fn dot_product_f64(a: [u64; 2], b: [u64; 2], imm: u8, st: &mut Status) -> [u64; 2] {
    let p = products::<F64, 2>(a, b, imm & 0x3F, st);
    if st.unmasked() != 0 {
        return [0; 2];
    }
    let sums: [u64; 2] = std::array::from_fn(|i| add::<F64>(p[i], p[i ^ 1], st));
    std::array::from_fn(|i| if imm >> i & 1 != 0 { sums[i] } else { 0 })
}
