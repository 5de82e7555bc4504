//! Protection, interrupts, tasks and the system instructions: small programs run on the core with flat RAM.

#![allow(clippy::unwrap_used)]

mod pm;
mod rig;

mod addresses;
mod debug;
mod exact;
mod flags;
mod flat;
mod i286;
mod interrupts;
mod long;
mod paging;
mod real;
mod segments;
mod tasks;
mod transfers;
mod v86;
