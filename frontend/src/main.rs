//! `rewind86`: the command line, the displays, and the thread that runs the machine.
#![forbid(unsafe_code)]

mod cli;
mod keymap;
mod script;
mod status;

fn main() {}
