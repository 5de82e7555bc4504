//! ACPI tables.
use crate::asm16::*;
pub fn emit(a: &mut Asm16) {
    asm!(a; label "acpi_facs"; fill 64, 0; );
}
