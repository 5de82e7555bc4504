//! rewind86 bios.
