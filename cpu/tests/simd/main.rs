//! MMX and SSE instructions: against recorded results, against the host's processor, and their traps.
#![allow(clippy::unwrap_used)]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod host;
mod recorded;
mod rig;
mod traps;
