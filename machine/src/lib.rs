//! The board: RAM, memory and port map, wiring, run loop, loaders and disk images.
#![forbid(unsafe_code)]

pub mod board;
mod build;
pub mod config;
mod container;
mod debug;
mod error;
mod files;
mod hash;
pub mod identity;
pub mod image;
mod input;
pub mod loader;
mod machine;
#[allow(dead_code)]
pub mod media;
mod screen;
pub mod snapshot;
#[allow(dead_code)]
mod state;

pub use config::MachineConfig;
pub use error::{MachineError, Role};
pub use input::{Drive, InputEvent, KeyCode};
pub use machine::{Machine, RunExit};
pub use rewind86_cpu::{self as cpu, probe, regs};
pub use screen::{Frame, TextScreen, cp437_char};
