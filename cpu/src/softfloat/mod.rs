//! IEEE 754 binary floating point in integer arithmetic, with the behaviour of x86 processors.
//!
//! Models the numeric side of the x87 FPU (80-bit double extended: SDM volume 1 chapter 8) in [`f80`] and of SSE
//! (binary32, binary64 and the F16C binary16: SDM volume 1 chapters 10 and 11) in [`sse`]: results, exception flags,
//! the masked and unmasked responses, C1, precision control, denormals-are-zero and flush-to-zero.
//!
//! Invariants: no host floating point takes part in any result, so that every host computes the same bits; no
//! function panics for any operand bits. All functions take a [`Status`] that carries the controls in and collects the
//! exceptions.
//!
//! Not modelled here: registers, tags, stack faults and exception delivery, which belong to the instructions.

pub mod f80;
pub mod sse;
mod status;
pub(crate) mod wide;

pub use f80::F80;
pub use status::{DE, IE, OE, Ordering, PE, Precision, Rounding, Status, UE, ZE};
