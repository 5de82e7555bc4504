//! The GDB server as a client of the remote protocol sees it, and as GDB itself sees it where it is installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod client;
mod gdb;
mod live;
mod past;
