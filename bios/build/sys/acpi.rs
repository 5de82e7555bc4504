//! ACPI and SMBIOS tables, all constant: they stay in the F segment and need no memory of their own.
//!
//! ACPI Specification 1.0b and 2.0, section 5.2 (RSDP, RSDT, FADT, FACS, DSDT, MADT), Intel 82371AB (PIIX4) power management
//! at port 600h, SCI on line 9, ACPI on and off by port B2h; System Management BIOS 2.4. The FACS, which an operating
//! system writes, is copied to the EBDA. POST removes the RSDP's signature on a board without the PIIX4 function.

use super::layout::*;
use super::pci::PM_BASE;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// The F segment's address.
const BASE: u32 = 0xF0000;

pub fn emit(a: &mut Asm16) {
    tables(a);
    smbios(a);
    // What the checksum gains when the RSDT loses its last entry.
    let lighter = i32::from(bytes_sum(&(BASE + a.at("acpi_madt") as u32).to_le_bytes()).wrapping_add(4));
    asm!(a;
        // Takes the tables away where the power management function is not there. The F segment is still writable.
        label   "acpi_check";
        mov     es, w(EBDA_PTR);
        cmp     b(E_PM_FOUND).es(), 0;
        push    cs;
        pop     es;
        jne     ".there";
        mov     b(a.at("acpi_rsdp")).es(), 0;
        label   ".there";
        // The APICs are described by the last table, which goes with them.
        call    "apic_present";
        jnc     ".done";
        mov     b(a.at("acpi_rsdt") + 4).es(), 36 + 4;
        mov     al, b(a.at("acpi_rsdt") + 9).es();
        add     al, lighter;
        mov     b(a.at("acpi_rsdt") + 9).es(), al;
        label   ".done";
        ret;
    );
}

fn bytes_sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, b| sum.wrapping_add(*b))
}

/// A description table's bytes: header, body, checksum.
fn table(signature: &[u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut t = Vec::new();
    t.extend(signature);
    t.extend((36 + body.len() as u32).to_le_bytes());
    t.extend([revision, 0]);
    t.extend(b"REWIND");
    t.extend(b"REWIND86");
    t.extend(1u32.to_le_bytes());
    t.extend(b"RW86");
    t.extend(1u32.to_le_bytes());
    t.extend(body);
    t[9] = bytes_sum(&t).wrapping_neg();
    t
}

fn tables(a: &mut Asm16) {
    a.align(64);
    asm!(a; label "acpi_facs"; db b"FACS"; dd &[64, 0, 0, 0, 0]; fill 40, 0; );
    asm!(a; label "acpi_dsdt"; );
    let dsdt = table(b"DSDT", 1, &super::dsdt::body());
    a.db(&dsdt);
    a.align(16);
    a.label("acpi_fadt");
    let dsdt_at = BASE + a.at("acpi_dsdt") as u32;
    let fadt = table(b"FACP", 1, &fadt(dsdt_at));
    a.db(&fadt);
    a.align(16);
    a.label("acpi_madt");
    let madt = table(b"APIC", 1, &madt());
    a.db(&madt);
    a.align(16);
    a.label("acpi_rsdt");
    let entries = [a.at("acpi_fadt"), a.at("acpi_madt")].map(|at| (BASE + at as u32).to_le_bytes());
    let rsdt = table(b"RSDT", 1, entries.as_flattened());
    a.db(&rsdt);
    a.align(16);
    let start = a.here() as usize;
    let rsdt_at = BASE + a.at("acpi_rsdt") as u32;
    asm!(a; label "acpi_rsdp"; db b"RSD PTR "; db &[0]; db b"REWIND"; db &[0]; dd &[rsdt_at]; );
    a.checksum(start, start + 20, start + 8);
}

/// The fixed description table, ACPI 1.0b section 5.2.5, from offset 36.
fn fadt(dsdt: u32) -> Vec<u8> {
    let pm = PM_BASE as u32;
    let mut t = Vec::new();
    let d32 = |t: &mut Vec<u8>, v: u32| t.extend(v.to_le_bytes());
    d32(&mut t, EBDA_BASE + E_FACS as u32);
    d32(&mut t, dsdt);
    // Dual PIC, SCI 9.
    t.extend([0, 0, 9, 0]);
    d32(&mut t, 0xB2);
    t.extend([0xF1, 0xF0, 0, 0]);
    // PM1a and PM1b event, PM1a and PM1b control, PM2, timer, GPE0, GPE1.
    for block in [pm, 0, pm + 4, 0, 0, pm + 8, 0, 0] {
        d32(&mut t, block);
    }
    // Their lengths; GPE1 starts at 0.
    t.extend([4, 2, 0, 4, 0, 0, 0, 0]);
    // No C2, no C3; WBINVD works, so no flush sizes; no duty cycle; no day or month alarm; the century is CMOS 32h.
    for latency in [0x0FFFu16, 0x0FFF, 0, 0] {
        t.extend(latency.to_le_bytes());
    }
    t.extend([0, 0, 0, 0, 0x32, 0, 0, 0]);
    // WBINVD, C1, no fixed sleep button, no fixed RTC wake; the power button is a fixed one.
    d32(&mut t, 0x0000_0065);
    t
}

/// The multiple APIC description table, ACPI 2.0 section 5.2.10.4, from offset 36.
fn madt() -> Vec<u8> {
    /// MPS INTI flags: active high, level triggered.
    const LEVEL_HIGH: u16 = 0xD;
    let mut t = Vec::new();
    t.extend(0xFEE0_0000u32.to_le_bytes());
    // There is a pair of 8259s as well.
    t.extend(1u32.to_le_bytes());
    // Processor 0, local APIC 0, enabled; I/O APIC 0 with interrupts from 0 on.
    t.extend([0, 8, 0, 0, 1, 0, 0, 0]);
    t.extend([1, 12, 0, 0]);
    t.extend(0xFEC0_0000u32.to_le_bytes());
    t.extend(0u32.to_le_bytes());
    // The timer is on input 2; SCI and the lines that PCI interrupts are routed to are levels.
    for (irq, input, flags) in
        [(0, 2, 0), (5, 5, LEVEL_HIGH), (9, 9, LEVEL_HIGH), (10, 10, LEVEL_HIGH), (11, 11, LEVEL_HIGH)]
    {
        t.extend([2, 10, 0, irq]);
        t.extend(u32::to_le_bytes(input));
        t.extend(flags.to_le_bytes());
    }
    // NMI on LINT1 of every processor.
    t.extend([4, 6, 0xFF, 0, 0, 1]);
    t
}

/// SMBIOS 2.4: BIOS, system, enclosure, processor, boot status.
fn smbios(a: &mut Asm16) {
    let mut s: Vec<u8> = Vec::new();
    let mut count = 0u16;
    let mut largest = 0usize;
    let mut add = |kind: u8, body: &[u8], strings: &[&str]| {
        let start = s.len();
        s.extend([kind, 4 + body.len() as u8]);
        s.extend(count.to_le_bytes());
        s.extend(body);
        for text in strings {
            s.extend(text.as_bytes());
            s.push(0);
        }
        if strings.is_empty() {
            s.push(0);
        }
        s.push(0);
        count += 1;
        largest = largest.max(s.len() - start);
    };
    // ROM of 64 KiB at F000h; PCI, option ROM shadowing, CD boot, selectable boot, EDD, diskette and keyboard services.
    let traits = (1u64 << 7) | (1 << 12) | (1 << 15) | (1 << 16) | (1 << 19) | (1 << 28);
    let mut bios = vec![1, 2, 0x00, 0xF0, 3, 0];
    bios.extend(traits.to_le_bytes());
    bios.extend([0x01, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    add(0, &bios, &["rewind86", "1.0", "01/01/2026"]);
    let mut system = vec![1, 2, 3, 0];
    system.extend([0; 16]);
    system.extend([6, 0, 0]);
    add(1, &system, &["rewind86", "PC", "1.0"]);
    add(3, &[1, 1, 0, 0, 0, 3, 3, 3, 2, 0, 0, 0, 0, 0, 1, 0, 0], &["rewind86"]);
    let mut cpu = vec![1, 3, 1, 2];
    cpu.extend([0; 8]);
    cpu.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x41, 1]);
    cpu.extend([0xFF; 6]);
    cpu.extend([0; 3]);
    add(4, &cpu, &["CPU 1", "rewind86"]);
    add(32, &[0, 0, 0, 0, 0, 0, 0], &[]);
    add(127, &[], &[]);
    asm!(a; align 16; label "smbios_table"; db &s; align 16; );
    let start = a.here() as usize;
    let at = BASE + a.at("smbios_table") as u32;
    asm!(a;
        db      b"_SM_";
        db      &[0, 0x1F, 2, 4];
        dw      &[largest as u16];
        db      &[0, 0, 0, 0, 0, 0];
        db      b"_DMI_";
        db      &[0];
        dw      &[s.len() as u16];
        dd      &[at];
        dw      &[count];
        db      &[0x24];
    );
    a.checksum(start + 16, start + 31, start + 21);
    a.checksum(start, start + 31, start + 4);
}
