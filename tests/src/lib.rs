//! Integration tests: conformance runners, boots, replay equality. The runners are a library so that the tests and the
//! `conformance` program share them.
#![forbid(unsafe_code)]

pub mod conformance;
pub mod guests;
pub mod moo;
pub mod rig;
