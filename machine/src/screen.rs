//! What a display shows: a frame of pixels, or the cells of a text mode.

pub use rewind86_devices::vga::{Frame, TextScreen, cp437 as cp437_char};
