//! The ring-0 sweep: boot images that try descriptors, gates, selectors, paging bits, task switches and virtual-8086
//! transitions case by case and write a line for each to port E9h.
//!
//! An image takes the place of the firmware, so it runs on any PC emulator: no device but port E9h is used. A line is the
//! case's name, then what ended it: the vector (30 when it ran to its end), the error code, and the registers that the
//! handler found. `tests/sweep.sh` runs the images on Bochs and QEMU too; what differs is settled in
//! `docs/deviations.md`.

pub use crate::asm16;

pub mod cases;
pub mod layout;
mod long;
mod monitor;

use asm16::{Asm16, assemble, d};
use iced_x86::code_asm::registers::*;
use layout::*;
use rewind86_machine::{Machine, MachineConfig, RunExit};

/// More than any image needs.
const INSTRUCTIONS_MAX: u64 = 200_000_000;

/// The model that has everything that a case asks for.
pub const MODEL: &str = "haswell,+smap,+umip";

/// One image: its name and what emits its cases.
pub struct Image {
    /// Names the file and the golden log.
    pub name: &'static str,
    groups: &'static [cases::Group],
    /// Cases in IA-32e mode.
    long: bool,
}

/// Every image.
pub const IMAGES: &[Image] = &[
    Image { name: "segments", groups: cases::SEGMENTS, long: false },
    Image { name: "transfers", groups: cases::TRANSFERS, long: false },
    Image { name: "tasks", groups: cases::TASKS, long: false },
    Image { name: "paging", groups: cases::PAGING, long: false },
    Image { name: "v86", groups: cases::V86, long: false },
    Image { name: "debug", groups: cases::DEBUG, long: false },
    Image { name: "privilege", groups: cases::PRIVILEGE, long: false },
    Image { name: "stacks", groups: cases::STACKS, long: false },
    Image { name: "long", groups: cases::LONG, long: true },
];

impl Image {
    /// The 64 KiB that end at 1 MiB and at 4 GiB.
    pub fn bytes(&self) -> Vec<u8> {
        assemble(0x1_0000, 0xFF, |a| {
            monitor::boot(a);
            monitor::monitor(a, if self.long { long::world } else { |_| {} });
            if self.long {
                long::monitor(a);
            }
            let mut s = Sweep { a, cases: 0 };
            for group in self.groups {
                group(&mut s);
            }
            let cases = s.cases;
            asm!(a;
                align   4;
                label   "case_count";
                dd      &[cases];
                label   "cases";
            );
            for n in 0..cases {
                a.dw_at(&format!("case_{n}"));
            }
            monitor::reset_vector(a);
        })
    }

    /// This machine's log of the image `bytes` on CPU `model`.
    ///
    /// # Panics
    /// When the machine cannot be built.
    #[allow(clippy::expect_used, clippy::panic)]
    pub fn run(&self, bytes: &[u8], model: &str) -> String {
        let firmware = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(firmware.path(), bytes).expect("a temporary file");
        let config = MachineConfig {
            cpu: model.into(),
            bios: Some(firmware.path().to_owned()),
            memory: 16 << 20,
            debug_exit: true,
            ..MachineConfig::default()
        };
        let mut machine = Machine::new(&config).unwrap_or_else(|e| panic!("{e}"));
        let exit = machine.run(u64::MAX, INSTRUCTIONS_MAX);
        let mut log = String::from_utf8_lossy(&machine.take_debugcon()).into_owned();
        if !matches!(exit, RunExit::DebugExit(0)) {
            log += &format!("\nended by {exit:?}\n");
        }
        log
    }
}

/// Emits cases.
pub struct Sweep<'a> {
    /// The assembler, in 32-bit mode between cases.
    pub a: &'a mut Asm16,
    cases: u32,
}

/// Part of a case.
pub type Part<'p> = &'p dyn Fn(&mut Asm16);

impl Sweep<'_> {
    /// Begins a case: `setup`, which runs at ring 0 in the fresh world.
    fn open(&mut self, setup: Part) {
        let a = &mut *self.a;
        a.bits32();
        a.label(&format!("case_{}", self.cases));
        self.cases += 1;
        asm!(a;
            mov     d(NAME), a.at(".name") + ROM;
            mov     d(ORIGIN), a.at(".go") + ROM;
        );
        setup(a);
    }

    fn close(&mut self, name: &str) {
        let a = &mut *self.a;
        a.bits32();
        a.label(".name");
        a.asciz(name);
    }

    /// `code` at ring 0, 32-bit, flat.
    pub fn ring0(&mut self, name: &str, setup: Part, code: Part) {
        self.open(setup);
        let a = &mut *self.a;
        asm!(a; call "registers"; label ".go";);
        code(a);
        asm!(a; int DONE;);
        self.close(name);
    }

    /// `code` at ring 1 or 3 with `flags` and the ring's flat segments.
    pub fn ring(&mut self, name: &str, ring: i32, flags: u32, setup: Part, code: Part) {
        self.open(setup);
        let a = &mut *self.a;
        let (code_seg, data_seg) = if ring == 1 { (CS1, DS1) } else { (CS3, DS3) };
        asm!(a;
            call    "registers";
            push    data_seg;
            push    STACK3;
            push    flags as i32 | 2;
            push    code_seg;
            push    a.at(".go") + ROM;
            mov     eax, data_seg;
            mov     ds, eax;
            mov     es, eax;
            mov     fs, eax;
            mov     gs, eax;
            mov     eax, 0xA0A1_A2A3u32;
            iretd;
            label   ".go";
        );
        code(a);
        asm!(a; int DONE;);
        self.close(name);
    }

    /// `code` in virtual-8086 mode at F000:.go with `flags`; DS = ES = 0900h, so that [`DATA`] is at offset 0. UD2 ends it.
    pub fn v86(&mut self, name: &str, flags: u32, setup: Part, code: Part) {
        self.open(setup);
        let a = &mut *self.a;
        asm!(a;
            call    "registers";
            push    0x0A00;
            push    0x0900;
            push    DATA >> 4;
            push    DATA >> 4;
            push    0x0E00;
            push    0x1000;
            push    flags as i32 | 0x2_0002;
            push    0xF000;
            push    a.at(".go");
            iretd;
            bits16;
            label   ".go";
        );
        code(a);
        asm!(a; ud2;);
        self.close(name);
    }

    /// `code` at ring 0 in a 16-bit code segment over the image. UD2 ends it; the shown IP is an offset in it.
    pub fn code16(&mut self, name: &str, setup: Part, code: Part) {
        self.open(setup);
        let a = &mut *self.a;
        asm!(a;
            mov     d(ORIGIN), a.at(".go");
            call    "registers";
        );
        let at = a.at(".go") as u32;
        a.jmp_far32(CS16 as u16, at);
        a.bits16();
        asm!(a; label ".go";);
        code(a);
        asm!(a; ud2;);
        self.close(name);
    }
}

impl Sweep<'_> {
    fn open_long(&mut self, setup: Part) {
        self.open(setup);
        let a = &mut *self.a;
        asm!(a; call "enter_long"; call "registers";);
    }

    fn far_64(&mut self) {
        let at = self.a.at(".in64") as u32 + ROM as u32;
        self.a.jmp_far32(CS64 as u16, at);
        self.a.bits64();
        self.a.label(".in64");
    }

    /// `code` in 64-bit mode at ring 0.
    pub fn ring0_64(&mut self, name: &str, setup: Part, code: Part) {
        self.open_long(setup);
        self.far_64();
        let a = &mut *self.a;
        asm!(a; label ".go";);
        code(a);
        asm!(a; int DONE;);
        self.close(name);
    }

    /// Leaves 64-bit ring 0 for `.go` in `code_seg` at ring 3.
    fn leave_for_ring3(&mut self, code_seg: i32, flags: u32) {
        let a = &mut *self.a;
        asm!(a; push USER_DS; push STACK3; push flags as i32 | 2; push code_seg; push a.at(".go") + ROM; iretq;);
    }

    /// `code` in 64-bit mode at ring 3 with `flags`.
    pub fn ring3_64(&mut self, name: &str, flags: u32, setup: Part, code: Part) {
        self.open_long(setup);
        self.far_64();
        self.leave_for_ring3(USER64, flags);
        let a = &mut *self.a;
        asm!(a; label ".go";);
        code(a);
        asm!(a; int DONE;);
        self.close(name);
    }

    /// `code` in compatibility mode at ring 3, 32-bit.
    pub fn compat(&mut self, name: &str, setup: Part, code: Part) {
        self.open_long(setup);
        self.far_64();
        self.leave_for_ring3(USER32, 0);
        let a = &mut *self.a;
        a.bits32();
        asm!(a; label ".go";);
        code(a);
        asm!(a; int DONE;);
        self.close(name);
    }
}

/// Nothing to set up.
pub fn none(_: &mut Asm16) {}

/// Stores a doubleword.
pub fn poke(a: &mut Asm16, at: i32, value: u32) {
    asm!(a; mov d(at), value;);
}

/// Replaces a descriptor of the GDT.
pub fn descriptor(a: &mut Asm16, selector: i32, value: [u32; 2]) {
    poke(a, GDT + (selector & !7), value[0]);
    poke(a, GDT + (selector & !7) + 4, value[1]);
}

/// Replaces a gate of the IDT.
pub fn idt_gate(a: &mut Asm16, vector: i32, value: [u32; 2]) {
    poke(a, IDT + 8 * vector, value[0]);
    poke(a, IDT + 8 * vector + 4, value[1]);
}

/// Shows these doublewords (below 64 KiB) at the end of the case.
pub fn watch(a: &mut Asm16, addresses: &[i32]) {
    let list: Vec<u16> = addresses.iter().map(|at| *at as u16).collect();
    asm!(a;
        mov     d(WATCH), a.at(".watch");
        jmp     ".watching";
        label   ".watch";
        dw      &[list.len() as u16];
        dw      &list;
        label   ".watching";
    );
}

/// Turns 32-bit paging on, CR0.WP and CR4 as asked.
pub fn paging(a: &mut Asm16, wp: bool, cr4_bits: u32) {
    asm!(a;
        mov     eax, DIRECTORY;
        mov     cr3, eax;
        mov     eax, cr4_bits;
        mov     cr4, eax;
        mov     eax, cr0;
        or      eax, (0x8000_0000u32 | if wp { 0x1_0000 } else { 0 }) as i32;
        mov     cr0, eax;
    );
}
