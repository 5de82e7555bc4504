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
pub mod history;
pub mod identity;
pub mod image;
mod input;
pub mod keyframes;
pub mod loader;
mod machine;
pub mod media;
pub mod pack;
pub mod query;
pub mod record;
mod screen;
pub mod snapshot;
mod state;
pub mod timeline;
pub mod verify;

pub use config::MachineConfig;
pub use error::{MachineError, Role};
pub use input::{Drive, InputEvent, KeyCode};
pub use machine::{Machine, RunExit};
pub use record::player::Divergence;
pub use rewind86_cpu::{self as cpu, probe, regs};
pub use screen::{Frame, TextScreen, cp437_char};
pub use timeline::{Timeline, TimelineOptions};
