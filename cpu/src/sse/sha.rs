//! SHA-1 and SHA-256 rounds and message schedules.
//!
//! FIPS 180-4; Intel SDM volume 1, 12.14; volume 2, SHA1RNDS4 and following. Words run from the top doubleword down in
//! SHA-1, from the bottom up in the SHA-256 schedule. As on AMD's processors memory operands need no alignment.

use super::handler::{Op2, Op3, insn, op2, op3, src_unaligned};
use super::xmm::Xmm;
use crate::engine::dispatch::{Form, Insn};
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::Rm;
use crate::regs::Gpr;
use crate::state::Cpu;
use iced_x86::Code;
use std::array::from_fn;
use std::marker::PhantomData;

fn choose(x: u32, y: u32, z: u32) -> u32 {
    (x & y) ^ (!x & z)
}

fn majority(x: u32, y: u32, z: u32) -> u32 {
    (x & y) ^ (x & z) ^ (y & z)
}

fn parity(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

fn sigma0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3
}

fn sigma1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10
}

op2! {
    Sha1nexte: |a, b| {
        let mut r = b.u32s();
        r[3] = r[3].wrapping_add(a.u32s()[3].rotate_left(30));
        Xmm::from_u32s(r)
    };
    Sha1msg1: |a, b| {
        let (a, b) = (a.u32s(), b.u32s());
        Xmm::from_u32s([b[2] ^ a[0], b[3] ^ a[1], a[0] ^ a[2], a[1] ^ a[3]])
    };
    Sha1msg2: |a, b| {
        let (a, b) = (a.u32s(), b.u32s());
        let top = (a[3] ^ b[2]).rotate_left(1);
        Xmm::from_u32s([
            (a[0] ^ top).rotate_left(1),
            (a[1] ^ b[0]).rotate_left(1),
            (a[2] ^ b[1]).rotate_left(1),
            top,
        ])
    };
    Sha256msg1: |a, b| {
        let (a, next) = (a.u32s(), b.low32());
        let w = [a[0], a[1], a[2], a[3], next];
        Xmm::from_u32s(from_fn(|i| w[i].wrapping_add(sigma0(w[i + 1]))))
    };
    Sha256msg2: |a, b| {
        let (a, b) = (a.u32s(), b.u32s());
        let w16 = a[0].wrapping_add(sigma1(b[2]));
        let w17 = a[1].wrapping_add(sigma1(b[3]));
        Xmm::from_u32s([w16, w17, a[2].wrapping_add(sigma1(w16)), a[3].wrapping_add(sigma1(w17))])
    };
}

op3! {
    /// Four rounds; bits 1:0 of the immediate choose the function and its constant.
    Sha1rnds4: |state, words, imm| {
        let (f, k): (fn(u32, u32, u32) -> u32, u32) = match imm & 3 {
            0 => (choose, 0x5A82_7999),
            1 => (parity, 0x6ED9_EBA1),
            2 => (majority, 0x8F1B_BCDC),
            _ => (parity, 0xCA62_C1D6),
        };
        let [mut d, mut c, mut b, mut a] = state.u32s();
        // E is already in the first word.
        let mut e = 0u32;
        for w in words.u32s().into_iter().rev() {
            let t = a.rotate_left(5).wrapping_add(f(b, c, d)).wrapping_add(e).wrapping_add(w).wrapping_add(k);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, t);
        }
        Xmm::from_u32s([d, c, b, a])
    };
}

insn! {
    /// Two rounds; XMM0 holds the words with their constants added.
    Sha256rnds2: |cpu, op, M| {
        let [mut f, mut e, mut b, mut a] = src_unaligned::<M>(cpu, op)?.u32s();
        let [mut h, mut g, mut d, mut c] = cpu.xmm(op.dst).u32s();
        let wk = cpu.xmm(Gpr::general(0)).u32s();
        for &wk in &wk[..2] {
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let t1 = h.wrapping_add(s1).wrapping_add(choose(e, f, g)).wrapping_add(wk);
            let t2 = s0.wrapping_add(majority(a, b, c));
            (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t1), c, b, a, t1.wrapping_add(t2));
        }
        let _ = (h, g, d, c);
        cpu.set_xmm(op.dst, Xmm::from_u32s([f, e, b, a]));
        Ok(())
    };
}

/// `xmm = f(xmm, xmm/m128)`, of any alignment.
struct Step<O>(PhantomData<O>);
impl<O: Op2> Insn for Step<O> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src_unaligned::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, O::apply(cpu.xmm(op.dst), b));
        Ok(())
    }
}

/// The same with an immediate.
struct StepImm<O>(PhantomData<O>);
impl<O: Op3> Insn for StepImm<O> {
    fn exec<M: Rm>(cpu: &mut Cpu, op: &Op) -> Exec {
        let b = src_unaligned::<M>(cpu, op)?;
        cpu.set_xmm(op.dst, O::apply(cpu.xmm(op.dst), b, op.imm as u8));
        Ok(())
    }
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Sha1nexte_xmm_xmmm128, Form::rm_slow::<Step<Sha1nexte>>()),
    (Code::Sha1msg1_xmm_xmmm128, Form::rm_slow::<Step<Sha1msg1>>()),
    (Code::Sha1msg2_xmm_xmmm128, Form::rm_slow::<Step<Sha1msg2>>()),
    (Code::Sha1rnds4_xmm_xmmm128_imm8, Form::rm_slow::<StepImm<Sha1rnds4>>()),
    (Code::Sha256rnds2_xmm_xmmm128, Form::rm_slow::<Sha256rnds2>()),
    (Code::Sha256msg1_xmm_xmmm128, Form::rm_slow::<Step<Sha256msg1>>()),
    (Code::Sha256msg2_xmm_xmmm128, Form::rm_slow::<Step<Sha256msg2>>()),
];
