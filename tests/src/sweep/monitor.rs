//! The monitor: it boots the image, gives every case a fresh world, serves its exceptions and writes the lines.
//!
//! It runs at ring 0 in flat 32-bit code where the image lies. A case that shuts the processor down comes back through
//! the reset vector and gets the line `shutdown`.

use super::asm16::{Asm16, b, d, w};
use super::layout::*;
use iced_x86::code_asm::registers::*;

const PORT_LOG: i32 = 0xE9;
/// The conventions for ending the run: QEMU's debug exit, and Bochs' shutdown port.
const PORT_EXIT: i32 = 0xF4;
const PORT_BOCHS_EXIT: i32 = 0x8900;
const PORT_A20: i32 = 0x92;
/// EFLAGS bits that lines show.
const FLAGS_SHOWN: u32 = 0x3F_7FD5;
/// The registers that lines show: name, place in PUSHAD's frame, and what a case finds in them.
pub const REGISTERS: [(&str, i32, u32); 7] = [
    ("text_eax", 28, 0xA0A1_A2A3),
    ("text_ebx", 16, 0xB0B1_B2B3),
    ("text_ecx", 24, 0xC0C1_C2C3),
    ("text_edx", 20, 0xD0D1_D2D3),
    ("text_esi", 4, DATA as u32),
    ("text_edi", 0, DATA as u32 + 0x800),
    ("text_ebp", 8, DATA as u32 + 0xC00),
];
/// PUSHAD and four segment registers.
const SAVED: i32 = 48;

/// From the reset vector to `monitor`.
pub fn boot(a: &mut Asm16) {
    a.bits16();
    asm!(a;
        label   "start";
        cli;
        cld;
        in_     al, PORT_A20;
        or      al, 2;
        and     al, 0xFE;
        out     PORT_A20, al;
        db      &[0x2E, 0x66, 0x0F, 0x01, 0x16];
        dw_at   "gdt_pointer";
        mov     eax, cr0;
        or      al, 1;
        mov     cr0, eax;
    );
    let entry = a.at("entry") as u32 + ROM as u32;
    a.jmp_far32(CS0 as u16, entry);
    asm!(a;
        align   8;
        label   "gdt_pointer";
        dw      &[GDT_SIZE as u16 - 1];
    );
    let table = a.at("gdt") as u32 + ROM as u32;
    asm!(a;
        dd      &[table];
        label   "gdt_pointer_ram";
        dw      &[GDT_SIZE as u16 - 1];
        dd      &[GDT as u32];
        label   "idt_pointer";
        dw      &[8 * VECTORS as u16 - 1];
        dd      &[IDT as u32];
        align   8;
        label   "gdt";
    );
    for entry in DESCRIPTORS {
        a.dd(&entry);
    }
    asm!(a;
        label   "ldt";
        dd      &segment(0, 0xF_FFFF, 0x93, 0xC);
        dd      &segment(0, 0xF_FFFF, 0x9B, 0xC);
        dd      &segment(0, 0xF_FFFF, 0xF3, 0xC);
        dd      &segment(0, 0xF_FFFF, 0xFB, 0xC);
    );
}

/// The reset vector.
pub fn reset_vector(a: &mut Asm16) {
    a.bits16();
    a.org(0xFFF0);
    asm!(a; jmp_far 0xF000, "start";);
}

/// The case loop, the exception handlers and the printers. `world` adds to the fresh world.
pub fn monitor(a: &mut Asm16, world: fn(&mut Asm16)) {
    a.bits32();
    asm!(a;
        label   "entry";
        mov     eax, DS0;
        mov     ds, eax;
        mov     es, eax;
        mov     ss, eax;
        mov     esp, MONITOR_STACK;
        cmp     d(MAGIC), RUNNING;
        je      ".again";
        mov     d(MAGIC), RUNNING;
        mov     d(INDEX), 0;
        mov     d(STATE), 0;
        label   ".again";
        cmp     d(STATE), RUNNING;
        jne     "next_case";
        mov     esi, d(NAME);
        call    "print";
        mov     esi, a.at("text_shutdown") + ROM;
        call    "print";
        label   "case_over";
        mov     al, 10;
        call    "put";
        inc     d(INDEX);
        label   "next_case";
        mov     d(STATE), 0;
        mov     eax, DS0;
        mov     ds, eax;
        mov     es, eax;
        mov     fs, eax;
        mov     gs, eax;
        mov     ss, eax;
        mov     esp, MONITOR_STACK;
        mov     eax, d(INDEX);
        cmp     eax, d(a.at("case_count") + ROM);
        jb      ".run";
        mov     esi, a.at("text_end") + ROM;
        call    "print";
        mov     edx, PORT_BOCHS_EXIT;
        mov     esi, a.at("text_bochs") + ROM;
        label   ".bochs";
        lodsb;
        out     dx, al;
        test    al, al;
        jne     ".bochs";
        xor     eax, eax;
        out     PORT_EXIT, al;
        cli;
        hlt;
        label   ".run";
        call    "fresh_world";
        mov     eax, d(INDEX);
        movzx   eax, w(eax * 2 + (a.at("cases") + ROM));
        add     eax, ROM;
        mov     d(STATE), RUNNING;
        mov     esp, STACK0;
        jmp     eax;

        // Tables, tasks and pages as every case finds them.
        label   "fresh_world";
        cld;
        xor     eax, eax;
        mov     edi, GDT;
        // Up to the monitor's stack, then from there on.
        mov     ecx, (0x7000 - GDT) / 4;
        rep_stosd;
        mov     edi, 0x8000;
        mov     ecx, 0x7000 / 4;
        rep_stosd;
        mov     esi, a.at("gdt") + ROM;
        mov     edi, GDT;
        mov     ecx, GDT_SIZE / 4;
        rep_movsd;
        mov     esi, a.at("ldt") + ROM;
        mov     edi, LDT;
        mov     ecx, 8;
        rep_movsd;
        // Interrupt gates of ring 0, INT 30h for everyone.
        mov     edi, IDT;
        mov     eax, a.at("stubs") | CS0 << 16;
        mov     ecx, VECTORS;
        label   ".gate";
        mov     d(edi), eax;
        mov     d(edi + 4), ROM | 0x8E00;
        add     edi, 8;
        add     eax, 8;
        loop_   ".gate";
        mov     b(IDT + 8 * DONE + 5), 0xEE;
        mov     d(TSS + 4), TASK_STACK0;
        mov     d(TSS + 8), DS0;
        mov     d(TSS + 12), TASK_STACK1;
        mov     d(TSS + 16), DS1;
        mov     w(TSS + 0x66), TSS_MAPS + 32;
        mov     edi, TSS + TSS_MAPS + 32;
        or      eax, -1;
        mov     ecx, 33;
        rep_stosd;
        mov     d(DIRECTORY), TABLE0 | 7;
        mov     d(DIRECTORY + 4), TABLE1 | 7;
        mov     edi, TABLE0;
        mov     eax, 7;
        mov     ecx, 1024;
        label   ".page";
        stosd;
        add     eax, 0x1000;
        loop_   ".page";
        mov     d(WATCH), 0;
    );
    world(a);
    let (gdt, idt) = (a.at("gdt_pointer_ram") + ROM, a.at("idt_pointer") + ROM);
    asm!(a;
        lgdt    super::asm16::f(gdt);
        lidt    super::asm16::f(idt);
        mov     eax, LDTR;
        lldt    ax;
        mov     eax, TR;
        ltr     ax;
        xor     eax, eax;
        mov     dr6, eax;
        ret;

        // What a case finds in the general registers and flags.
        label   "registers";
        push    2;
        popfd;
        mov     eax, REGISTERS[0].2;
        mov     ebx, REGISTERS[1].2;
        mov     ecx, REGISTERS[2].2;
        mov     edx, REGISTERS[3].2;
        mov     esi, REGISTERS[4].2;
        mov     edi, REGISTERS[5].2;
        mov     ebp, REGISTERS[6].2;
        ret;
    );
    handlers(a);
    printers(a);
}

fn handlers(a: &mut Asm16) {
    asm!(a; align 8; label "stubs";);
    for vector in 0..VECTORS {
        let at = a.here();
        a.db(&[0x6A, vector as u8, 0xE9]);
        let to = a.at("common") - (at + 7);
        a.dd(&[to as u32]);
        a.align(8);
    }
    asm!(a;
        label   "common";
        pushad;
        push    ds;
        push    es;
        push    fs;
        push    gs;
        mov     eax, DS0;
        mov     ds, eax;
        mov     es, eax;
        cld;
        mov     eax, cr2;
        mov     d(SEEN_CR2), eax;
        mov     eax, dr6;
        mov     d(SEEN_DR6), eax;
        mov     eax, 0x400;
        mov     dr7, eax;
        mov     eax, cr0;
        and     eax, 0x7FFA_FFF1u32 as i32;
        mov     cr0, eax;
        xor     eax, eax;
        mov     cr3, eax;
        mov     cr4, eax;
        mov     d(STATE), eax;
        // The frame's linear address, whatever stack it is on; then the monitor's own stack.
        mov     eax, ss;
        mov     d(SEEN_SS), eax;
        and     eax, 0xFFF8;
        mov     ebx, d(eax + (GDT + 2));
        and     ebx, 0xFF_FFFF;
        movzx   ecx, b(eax + (GDT + 7));
        shl     ecx, 24;
        or      ebx, ecx;
        mov     d(SEEN_BASE), ebx;
        mov     ebp, esp;
        test    d(eax + (GDT + 4)), 0x40_0000;
        jne     ".big";
        movzx   ebp, bp;
        label   ".big";
        add     ebp, ebx;
        mov     eax, DS0;
        mov     ss, eax;
        mov     esp, MONITOR_STACK;
        mov     esi, d(NAME);
        call    "print";
        mov     al, 0x20;
        call    "put";
        mov     eax, d(ebp + SAVED);
        call    "hex2";
        // EBP: the saved registers; EDX: the frame.
        lea     edx, d(ebp + (SAVED + 4));
        mov     ecx, d(ebp + SAVED);
        cmp     ecx, 32;
        jae     ".plain";
        mov     eax, 0x27D00;
        bt      eax, ecx;
        jnc     ".plain";
        mov     al, 0x65;
        call    "put";
        mov     eax, d(edx);
        call    "hex8";
        add     edx, 4;
        label   ".plain";
        mov     esi, a.at("text_ip") + ROM;
        mov     eax, d(edx);
        call    "relative";
        mov     esi, a.at("text_cs") + ROM;
        mov     eax, d(edx + 4);
        call    "named4";
        mov     esi, a.at("text_flags") + ROM;
        mov     eax, d(edx + 8);
        and     eax, FLAGS_SHOWN;
        call    "named8";
        // Inner: the frame has the outer stack.
        mov     eax, d(edx + 12);
        mov     ebx, d(edx + 16);
        test    d(edx + 8), 0x2_0000;
        jne     ".outer";
        test    b(edx + 4), 3;
        jne     ".outer";
        lea     eax, d(edx + 12);
        sub     eax, d(SEEN_BASE);
        mov     ebx, d(SEEN_SS);
        label   ".outer";
        mov     esi, a.at("text_ss") + ROM;
        xchg    eax, ebx;
        call    "named4";
        mov     al, 0x3A;
        call    "put";
        mov     eax, ebx;
        call    "hex8";
    );
    // Only what a case changed is shown.
    for (n, (text, at)) in [("text_ds", 12), ("text_es", 8), ("text_fs", 4), ("text_gs", 0)].into_iter().enumerate() {
        let skip = format!(".same_seg{n}");
        asm!(a;
            mov     eax, d(ebp + at);
            cmp     ax, DS0;
            je      &skip;
            mov     esi, a.at(text) + ROM;
            call    "named4";
            label   &skip;
        );
    }
    for (n, (text, at, value)) in REGISTERS.into_iter().enumerate() {
        let skip = format!(".same{n}");
        asm!(a;
            mov     eax, d(ebp + (16 + at));
            cmp     eax, value as i32;
            je      &skip;
            mov     esi, a.at(text) + ROM;
            call    "named8";
            label   &skip;
        );
    }
    asm!(a;
        cmp     d(ebp + SAVED), 14;
        jne     ".no_fault";
        mov     esi, a.at("text_cr2") + ROM;
        mov     eax, d(SEEN_CR2);
        call    "named8";
        label   ".no_fault";
        cmp     d(ebp + SAVED), 1;
        jne     ".no_debug";
        mov     esi, a.at("text_dr6") + ROM;
        mov     eax, d(SEEN_DR6);
        call    "named8";
        label   ".no_debug";
        call    "watched";
        jmp     "case_over";

        label   "watched";
        mov     ebx, d(WATCH);
        test    ebx, ebx;
        je      ".done";
        movzx   ecx, w(ebx + ROM);
        label   ".one";
        mov     al, 0x20;
        call    "put";
        movzx   eax, w(ebx + (ROM + 2));
        mov     eax, d(eax);
        call    "hex8";
        add     ebx, 2;
        loop_   ".one";
        label   ".done";
        ret;
    );
}

fn printers(a: &mut Asm16) {
    asm!(a;
        label   "put";
        out     PORT_LOG, al;
        ret;

        label   "print";
        lodsb;
        test    al, al;
        je      ".done";
        out     PORT_LOG, al;
        jmp     "print";
        label   ".done";
        ret;

        // Names end with NUL; EAX survives in the stack.
        label   "named8";
        push    eax;
        call    "print";
        pop     eax;
        label   "hex8";
        push    eax;
        shr     eax, 16;
        call    "hex4";
        pop     eax;
        label   "hex4";
        push    eax;
        shr     eax, 8;
        call    "hex2";
        pop     eax;
        label   "hex2";
        push    eax;
        shr     eax, 4;
        call    "hex1";
        pop     eax;
        label   "hex1";
        push    eax;
        and     al, 15;
        cmp     al, 10;
        jb      ".digit";
        add     al, 0x27;
        label   ".digit";
        add     al, 0x30;
        out     PORT_LOG, al;
        pop     eax;
        ret;

        label   "named4";
        push    eax;
        call    "print";
        pop     eax;
        jmp     "hex4";

        // An address near the origin is shown as +n.
        label   "relative";
        push    eax;
        call    "print";
        pop     eax;
        sub     eax, d(ORIGIN);
        cmp     eax, 0x400;
        jae     ".far";
        push    eax;
        mov     al, 0x2B;
        out     PORT_LOG, al;
        pop     eax;
        jmp     "hex2";
        label   ".far";
        add     eax, d(ORIGIN);
        jmp     "hex8";
        label   "text_shutdown"; asciz " shutdown";
        label   "text_end";      asciz "end\n";
        label   "text_bochs";    asciz "Shutdown";
        label   "text_ip";       asciz " ip=";
        label   "text_cs";       asciz " cs=";
        label   "text_flags";    asciz " fl=";
        label   "text_ss";       asciz " ss=";
        label   "text_ds";       asciz " ds=";
        label   "text_es";       asciz " es=";
        label   "text_fs";       asciz " fs=";
        label   "text_gs";       asciz " gs=";
        label   "text_eax";      asciz " a=";
        label   "text_ebx";      asciz " b=";
        label   "text_ecx";      asciz " c=";
        label   "text_edx";      asciz " d=";
        label   "text_esi";      asciz " si=";
        label   "text_edi";      asciz " di=";
        label   "text_ebp";      asciz " bp=";
        label   "text_cr2";      asciz " cr2=";
        label   "text_dr6";      asciz " dr6=";
    );
}
