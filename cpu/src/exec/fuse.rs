//! Pairs that run as one: a comparison and the conditional jump behind it.
//!
//! The two ops stay what and where they are; only the first one's handler differs, and it goes on with the second one's
//! body instead of calling its handler. So each still counts as one instruction and faults as itself, and an op that is
//! run alone gets its own handler back.

use super::arith::{And, Cmp, CmpRRm, CmpRmI, CmpRmR, Dec, Inc, One, RmI, Sub, Test};
use super::branch::{Cond, cond, jcc};
use crate::engine::arena::next_op;
use crate::engine::dispatch::{Insn, chained};
use crate::fault::Fault;
use crate::op::{Handler, Op};
use crate::operand::{Flat32, Long64, Mem, Quick, Reg, Rm, World};
use crate::state::Cpu;
use iced_x86::{Code, ConditionCode};

/// Runs `X`, whose accesses cannot ask for a stop, then the jump behind it.
fn pair<X: Insn, M: Rm, C: Cond, J: Rm>(cpu: &mut Cpu, op: &Op) {
    match X::exec::<M>(cpu, op) {
        Ok(()) => jcc::<C, J>(cpu, next_op(op)),
        Err(Fault::MISS) if M::W::QUICK => chained::<X, M::Slow>(cpu, op),
        Err(fault) => cpu.raise(op, fault),
    }
}

/// One handler a condition, in the order of [`ConditionCode`].
type Row = [Handler; 16];

macro_rules! row {
    ($x:ty, $m:ty, $w:ty) => {{
        const ROW: Row = [
            pair::<$x, $m, cond::O, Reg<$w>>,
            pair::<$x, $m, cond::No, Reg<$w>>,
            pair::<$x, $m, cond::B, Reg<$w>>,
            pair::<$x, $m, cond::Ae, Reg<$w>>,
            pair::<$x, $m, cond::E, Reg<$w>>,
            pair::<$x, $m, cond::Ne, Reg<$w>>,
            pair::<$x, $m, cond::Be, Reg<$w>>,
            pair::<$x, $m, cond::A, Reg<$w>>,
            pair::<$x, $m, cond::S, Reg<$w>>,
            pair::<$x, $m, cond::Ns, Reg<$w>>,
            pair::<$x, $m, cond::P, Reg<$w>>,
            pair::<$x, $m, cond::Np, Reg<$w>>,
            pair::<$x, $m, cond::L, Reg<$w>>,
            pair::<$x, $m, cond::Ge, Reg<$w>>,
            pair::<$x, $m, cond::Le, Reg<$w>>,
            pair::<$x, $m, cond::G, Reg<$w>>,
        ];
        &ROW
    }};
}

/// The rows of an instruction with a register or memory operand.
macro_rules! rm {
    ($mem:expr, $world:expr, $x:ty) => {
        match ($mem, $world) {
            (false, 1) => row!($x, Reg<Flat32>, Flat32),
            (true, 1) => row!($x, Mem<Quick<Flat32>>, Flat32),
            (false, 2) => row!($x, Reg<Long64>, Long64),
            (true, 2) => row!($x, Mem<Quick<Long64>>, Long64),
            _ => return None,
        }
    };
}

/// The rows of an instruction that is paired in its register form only.
macro_rules! reg {
    ($mem:expr, $world:expr, $x:ty) => {
        match ($mem, $world) {
            (false, 1) => row!($x, Reg<Flat32>, Flat32),
            (false, 2) => row!($x, Reg<Long64>, Long64),
            _ => return None,
        }
    };
}

/// The rows of an instruction that only 64-bit code has.
macro_rules! long {
    ($mem:expr, $world:expr, $x:ty) => {
        match ($mem, $world) {
            (false, 2) => row!($x, Reg<Long64>, Long64),
            (true, 2) => row!($x, Mem<Quick<Long64>>, Long64),
            _ => return None,
        }
    };
}

fn row_of(code: Code, mem: bool, world: usize) -> Option<&'static Row> {
    use Code::*;
    Some(match code {
        Cmp_rm8_r8 => rm!(mem, world, CmpRmR<Cmp, u8>),
        Cmp_r8_rm8 => rm!(mem, world, CmpRRm<Cmp, u8>),
        Cmp_rm8_imm8 | Cmp_AL_imm8 => rm!(mem, world, CmpRmI<Cmp, u8>),
        Cmp_rm32_r32 => rm!(mem, world, CmpRmR<Cmp, u32>),
        Cmp_r32_rm32 => rm!(mem, world, CmpRRm<Cmp, u32>),
        Cmp_rm32_imm8 | Cmp_rm32_imm32 | Cmp_EAX_imm32 => rm!(mem, world, CmpRmI<Cmp, u32>),
        Cmp_rm64_r64 => long!(mem, world, CmpRmR<Cmp, u64>),
        Cmp_r64_rm64 => long!(mem, world, CmpRRm<Cmp, u64>),
        Cmp_rm64_imm8 | Cmp_rm64_imm32 | Cmp_RAX_imm32 => long!(mem, world, CmpRmI<Cmp, u64>),
        Test_rm8_r8 => reg!(mem, world, CmpRmR<Test, u8>),
        Test_rm8_imm8 | Test_AL_imm8 => rm!(mem, world, CmpRmI<Test, u8>),
        Test_rm32_r32 => reg!(mem, world, CmpRmR<Test, u32>),
        Test_rm32_imm32 | Test_EAX_imm32 => rm!(mem, world, CmpRmI<Test, u32>),
        Test_rm64_r64 => long!(mem, world, CmpRmR<Test, u64>),
        Dec_rm32 | Dec_r32 => reg!(mem, world, One<Dec, u32>),
        Inc_rm32 | Inc_r32 => reg!(mem, world, One<Inc, u32>),
        Sub_rm32_imm8 | Sub_rm32_imm32 | Sub_EAX_imm32 => reg!(mem, world, RmI<Sub, u32>),
        And_rm32_imm8 | And_rm32_imm32 | And_EAX_imm32 => reg!(mem, world, RmI<And, u32>),
        _ => return None,
    })
}

/// The handler of `first`, an instruction with a memory operand if `mem` says so, when the jump `second` follows it.
pub(crate) fn handler(first: Code, mem: bool, second: Code, world: usize) -> Option<Handler> {
    let condition = second.condition_code();
    if condition == ConditionCode::None || !second.is_jcc_short_or_near() {
        return None;
    }
    row_of(first, mem, world)?.get(condition as usize - 1).copied()
}
