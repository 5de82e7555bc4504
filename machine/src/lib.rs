//! The board: RAM, memory and port map, wiring, run loop, loaders and disk images.
#![forbid(unsafe_code)]

pub mod config;
