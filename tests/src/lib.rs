//! rewind86 tests.
