//! The DSDT: sleep states, the PCI root with its routing, interrupt link devices, the ISA devices of a PC.
//!
//! ACPI Specification 1.0b and 2.0, sections 5.5 and 6; Intel 82371AB datasheet (sleep types: 0 soft off, 5 working;
//! PIRQ registers 60h-63h). A device whose status port reads FFh is reported as not there.

use super::aml::*;

/// The body of the DSDT, after its header.
pub fn body() -> Aml {
    list(&[
        scope("\\_PR", processor("CPU0", 0)),
        name("\\_S0", sleep(5)),
        name("\\_S5", sleep(0)),
        scope("\\_SB", list(&[pci_root(), links()])),
    ])
}

fn sleep(kind: u32) -> Aml {
    package(&[int(kind), int(kind), int(0), int(0)])
}

fn pci_root() -> Aml {
    let windows = resources(&[
        word_range(2, 0x00, 0, 0xFF),
        io(0xCF8, 8),
        word_range(1, 0x03, 0, 0x0CF7),
        word_range(1, 0x03, 0x0D00, 0xFFFF),
        dword_memory(0x03, 0x000A_0000, 0x000B_FFFF),
        dword_memory(0x01, 0xE000_0000, 0xFEBF_FFFF),
    ]);
    device(
        "PCI0",
        list(&[
            name("_HID", eisa("PNP0A03")),
            name("_ADR", int(0)),
            name("_UID", int(0)),
            name("_CRS", windows),
            name("_PRT", routing()),
            isa_bridge(),
        ]),
    )
}

/// Pins turn with the slot: slot 1 INTA is PIRQA; but the PIIX4's power management function interrupts as SCI.
fn routing() -> Aml {
    let mut entries = Vec::new();
    for slot in 1..=31u32 {
        for pin in 0..4u32 {
            let link = if slot == 1 && pin == 0 {
                "LNKS".to_string()
            } else {
                format!("LNK{}", ["A", "B", "C", "D"][((slot - 1 + pin) & 3) as usize])
            };
            let target = path(&format!("\\_SB.{link}"));
            entries.push(package(&[int((slot << 16) | 0xFFFF), int(pin), target, int(0)]));
        }
    }
    package(&entries)
}

/// Registers of the PIIX at 00:01.0 and the devices behind it.
fn isa_bridge() -> Aml {
    let device_of =
        |n: &str, id: &str, crs: Aml, more: Aml| device(n, list(&[name("_HID", eisa(id)), more, name("_CRS", crs)]));
    // _STA from a port that reads FFh where nothing answers.
    let probed = |port: u32| {
        list(&[
            region("PORT", 1, port, 1),
            byte_fields("PORT", &["PVAL"]),
            method("_STA", 0, list(&[if_(equal(path("PVAL"), int(0xFF)), ret(int(0))), ret(int(0x0F))])),
        ])
    };
    let uid = |n: u32| name("_UID", int(n));
    device(
        "ISA",
        list(&[
            name("_ADR", int(0x0001_0000)),
            region("PIRQ", 2, 0x60, 4),
            byte_fields("PIRQ", &["PRQA", "PRQB", "PRQC", "PRQD"]),
            device_of("PIC", "PNP0000", resources(&[io(0x20, 2), io(0xA0, 2), irq(2)]), list(&[])),
            device_of("TIMR", "PNP0100", resources(&[io(0x40, 4), irq(0)]), list(&[])),
            device_of("DMAC", "PNP0200", resources(&[io(0x00, 16), io(0x80, 16), io(0xC0, 32), dma(4)]), list(&[])),
            device_of("RTC", "PNP0B00", resources(&[io(0x70, 8), irq(8)]), list(&[])),
            device_of("SPKR", "PNP0800", resources(&[io(0x61, 1)]), list(&[])),
            device_of("KBD", "PNP0303", resources(&[io(0x60, 1), io(0x64, 1), irq(1)]), list(&[])),
            device_of("MOU", "PNP0F13", resources(&[irq(12)]), list(&[])),
            device_of("FDC0", "PNP0700", resources(&[io(0x3F2, 4), io(0x3F7, 1), irq(6), dma(2)]), probed(0x3F4)),
            device_of("COM1", "PNP0501", resources(&[io(0x3F8, 8), irq(4)]), list(&[uid(1), probed(0x3FD)])),
            device_of("COM2", "PNP0501", resources(&[io(0x2F8, 8), irq(3)]), list(&[uid(2), probed(0x2FD)])),
            device_of("LPT1", "PNP0400", resources(&[io(0x378, 8), irq(7)]), list(&[uid(1), probed(0x379)])),
        ]),
    )
}

fn links() -> Aml {
    let register = |n: &str| path(&format!("\\_SB.PCI0.ISA.PRQ{n}"));
    let mut terms = vec![
        // Status and current line of a PIRQ register: bit 7 off, bits 3-0 line.
        method("IQST", 1, list(&[if_(and(arg(0), int(0x80)), ret(int(9))), ret(int(0x0B))])),
        method(
            "IQCR",
            1,
            list(&[
                store(resources(&[interrupt(&[0])]), local(0)),
                dword_field(local(0), 5, "IQLN"),
                if_(less(arg(0), int(0x80)), store(arg(0), path("IQLN"))),
                ret(local(0)),
            ]),
        ),
    ];
    for (uid, n) in ["A", "B", "C", "D"].iter().enumerate() {
        terms.push(device(
            &format!("LNK{n}"),
            list(&[
                name("_HID", eisa("PNP0C0F")),
                name("_UID", int(uid as u32)),
                name("_PRS", resources(&[interrupt(&[5, 10, 11])])),
                method("_STA", 0, ret(list(&[path("IQST"), register(n)]))),
                method("_DIS", 0, or(register(n), int(0x80), register(n))),
                method("_CRS", 0, ret(list(&[path("IQCR"), register(n)]))),
                method("_SRS", 1, list(&[dword_field(arg(0), 5, "SRLN"), store(path("SRLN"), register(n))])),
            ]),
        ));
    }
    terms.push(device(
        "LNKS",
        list(&[
            name("_HID", eisa("PNP0C0F")),
            name("_UID", int(4)),
            name("_PRS", resources(&[interrupt(&[9])])),
            name("_CRS", resources(&[interrupt(&[9])])),
            name("_STA", int(0x0B)),
            method("_DIS", 0, list(&[])),
            method("_SRS", 1, list(&[])),
        ]),
    ));
    list(&terms)
}
