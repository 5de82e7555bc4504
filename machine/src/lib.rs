//! rewind86 machine.
