//! The native oracle: random single instructions on the host's own processor and on the core, compared.
//!
//! Integer, x87 and SSE instructions, in 16-, 32- and 64-bit code at CPL 3. Everything a program can see is compared:
//! registers, flags, segment selectors, x87 and SSE state, memory, and the exception with its error code and address.
//! Where the manual leaves a flag undefined it is not compared. Other hosts than x86-64 Linux have no such oracle; the
//! recorded vectors of the conformance sets serve there.

pub mod case;
pub mod compare;
pub mod core;
pub mod generate;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[allow(unsafe_code)]
pub mod host;
pub mod makers;
pub mod rng;
pub mod soak;
