//! rewind86 cpu.
