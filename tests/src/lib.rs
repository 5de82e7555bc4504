//! Integration tests: conformance runners, boots, replay equality. The runners are a library so that the tests and the
//! `conformance` program share them.
#![deny(unsafe_code)]

// The assembler of the firmware: boot images for tests are made with it too.
#[macro_use]
#[path = "../../bios/build/asm16.rs"]
pub mod asm16;
pub mod conformance;
pub mod golden;
pub mod guests;
pub mod moo;
pub mod oracle;
pub mod rig;
pub mod sweep;
