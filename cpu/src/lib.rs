//! The x86 core: decode, execute, MMU and TLB, FPU, exceptions. Knows no device, no file and no clock but `limit`.
//!
//! | folder or file | holds |
//! |---|---|
//! | [`state`], [`regs`] | the architectural state |
//! | `engine/` | decoded blocks, their cache, dispatch, the run loop |
//! | `exec/` | integer instructions, one file a class |
//! | `sys/` | protection, interrupts, tasks, control registers, port I/O |
//! | `fpu/`, `sse/` | floating-point and vector instructions over [`softfloat`] |
//! | `mmu`, `tlb`, `hot` | paging and the memory path |
//! | [`probe`] | what debuggers and questions about the past are told |
//! | [`mem`], [`bus`] | what the core needs from the board |
#![deny(unsafe_code)]

mod alu;
pub mod bus;
mod core;
mod engine;
mod exec;
pub mod fault;
mod flags;
mod fpu;
#[allow(unsafe_code)]
mod hot;
#[allow(unsafe_code)]
pub mod mem;
mod mmu;
pub mod model;
mod op;
mod operand;
pub mod probe;
pub mod regs;
pub mod softfloat;
mod sse;
#[allow(unsafe_code)]
pub mod state;
mod sys;
mod tlb;

pub use engine::{Exit, decoded};
pub use state::{Cpu, CpuState};
