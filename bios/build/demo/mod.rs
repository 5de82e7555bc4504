//! The demo disk: a bootable 1.44 MB floppy that shows the machine at work.
//!
//! Sector 0 is a boot sector (`boot.rs`), the reserved sectors after it hold one real-mode program of a single segment, and
//! the rest is an ordinary FAT12 file system with a text file (`fat.rs`), so that DOS can open the disk too. The program
//! needs a 386 and a VGA and uses nothing but BIOS services and the hardware of a PC AT; any PC BIOS starts it.
//!
//! A *page* is a subroutine that sets its own video mode, runs until `frame` or `poll` (`runtime.rs`) returns with carry, and
//! returns. The menu calls pages, and so does the attract mode, in turn, when no key has been pressed for a while.

mod attract;
mod boot;
mod cga;
mod cp437;
mod facts;
mod fat;
mod fire;
mod help;
mod keyboard;
mod keys;
mod layout;
mod lines;
mod menu;
mod mouse;
mod mouse_driver;
mod mouse_pen;
mod paint;
mod plasma;
mod runtime;
mod screen;
mod scroller;
mod snake;
mod snake_pilot;
mod sound;
mod tables;
mod text;
mod title;
mod title_facts;
mod tunes;

use crate::asm16::{Asm16, assemble};

/// The disk image.
pub fn image() -> Vec<u8> {
    let mut program = assemble(layout::VARS as usize, 0, program);
    let Some(end) = program.windows(4).rposition(|w| w == layout::END_MAGIC) else {
        panic!("the demo program has lost its end mark");
    };
    program.truncate((end + 4).next_multiple_of(fat::SECTOR));
    let sectors = program.len() / fat::SECTOR;
    fat::image(&boot::image(sectors), &program)
}

fn program(a: &mut Asm16) {
    runtime::emit(a);
    screen::emit(a);
    tables::emit(a);
    facts::emit(a);
    title::emit(a);
    title_facts::emit(a);
    menu::emit(a);
    attract::emit(a);
    help::emit(a);
    text::emit(a);
    plasma::emit(a);
    fire::emit(a);
    lines::emit(a);
    scroller::emit(a);
    cga::emit(a);
    keyboard::emit(a);
    mouse::emit(a);
    mouse_pen::emit(a);
    mouse_driver::emit(a);
    sound::emit(a);
    snake::emit(a);
    snake_pilot::emit(a);
    a.db(&layout::END_MAGIC);
}
