//! PCI: configuration access and the BIOS services of INT 1Ah AH=B1h, in 16-bit and 32-bit form.
//!
//! PCI BIOS Specification 2.1: functions 01 (present), 02 (find device), 03 (find class), 08-0D (configuration
//! access), 0E (interrupt routing), 0F (set interrupt); 06 (special cycle) is answered as unsupported. Configuration
//! mechanism 1 (CF8h/CFCh), one bus. The BIOS32 service directory ("_32_", Standard BIOS 32-bit Service Directory
//! Proposal 0.4) names the 32-bit entry of "$PCI". Both forms are one source, emitted twice.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;
use iced_x86::code_asm::{AsmMemoryOperand, word_ptr};

/// I/O base of the PIIX4 power management registers.
pub const PM_BASE: i32 = 0x600;
/// Interrupt lines behind PIRQA-PIRQD.
pub const PIRQ_LINES: [u8; 4] = [10, 10, 11, 11];

/// Return codes in AH.
const UNSUPPORTED: i32 = 0x81;
const BAD_VENDOR: i32 = 0x83;
const NOT_FOUND: i32 = 0x86;
const BAD_REGISTER: i32 = 0x87;
const SET_FAILED: i32 = 0x88;
const BUFFER_SMALL: i32 = 0x89;

pub fn emit(a: &mut Asm16) {
    access(a);
    routing(a);
    a.label("int1a_pci");
    services(a, 16);
    bios32(a);
    a.bits16();
}

/// Helpers of POST. EAX: 8000_0000h | bus << 16 | devfn << 8 | register; kept by the writes.
fn access(a: &mut Asm16) {
    asm!(a;
        // Gives the doubleword in EAX.
        label   "pci_read_raw";
        push    dx;
        mov     dx, 0xCF8;
        out     dx, eax;
        mov     dx, 0xCFC;
        in_     eax, dx;
        pop     dx;
        ret;
        // ECX: value.
        label   "pci_write_raw";
        push    dx;
        push    eax;
        mov     dx, 0xCF8;
        out     dx, eax;
        mov     dx, 0xCFC;
        mov     eax, ecx;
        out     dx, eax;
        pop     eax;
        pop     dx;
        ret;
        // CL: value, register any.
        label   "pci_write_raw8";
        push    dx;
        push    eax;
        mov     dx, 0xCF8;
        push    ax;
        and     al, 0xFC;
        out     dx, eax;
        pop     ax;
        mov     dx, 0xCFC;
        and     al, 3;
        or      dl, al;
        mov     al, cl;
        out     dx, al;
        pop     eax;
        pop     dx;
        ret;
        // CX: value, register even.
        label   "pci_write_raw16";
        push    dx;
        push    eax;
        mov     dx, 0xCF8;
        push    ax;
        and     al, 0xFC;
        out     dx, eax;
        pop     ax;
        mov     dx, 0xCFC;
        and     al, 2;
        or      dl, al;
        mov     ax, cx;
        out     dx, ax;
        pop     eax;
        pop     dx;
        ret;
    );
}

/// The "$PIR" table (PCI IRQ Routing Table Specification 1.0): every slot of bus 0, pins rotated by the slot number.
fn routing(a: &mut Asm16) {
    const SLOTS: u16 = 31;
    a.align(16);
    let start = a.here() as usize;
    let size = 32 + SLOTS * 16;
    asm!(a;
        db      b"$PIR";
        dw      &[0x0100, size];
        db      &[0, 0x08];
        dw      &[0];
        dd      &[0x122E_8086, 0];
        db      &[0; 11];
        db      &[0];
        label   "pir_slots";
    );
    for slot in 1..=SLOTS {
        asm!(a; db &[0, (slot << 3) as u8]; );
        for pin in 0..4 {
            asm!(a; db &[0x60 + ((slot - 1 + pin) & 3) as u8]; dw &[0x0C00]; );
        }
        asm!(a; db &[0, 0]; );
    }
    a.label("pir_end");
    let end = a.here() as usize;
    a.checksum(start, end, start + 31);
}

/// Emits the services; 16 bits: continues a frame of `enter`, 32 bits: a frame of the same shape.
fn services(a: &mut Asm16, bits: u32) {
    let frame = |offset: i32| -> AsmMemoryOperand { if bits == 16 { bp + offset } else { ebp + offset } };
    let word = |offset: i32| word_ptr(frame(offset));
    let name = |s: &str| format!("pci{bits}_{s}");
    let functions: &[(i32, &str)] = &[
        (0x01, "present"),
        (0x02, "find_device"),
        (0x03, "find_class"),
        (0x08, "read8"),
        (0x09, "read16"),
        (0x0A, "read32"),
        (0x0B, "write8"),
        (0x0C, "write16"),
        (0x0D, "write32"),
        (0x0E, "options"),
        (0x0F, "set_irq"),
    ];
    for (al_value, target) in functions {
        asm!(a; cmp al, *al_value; je &name(target); );
    }
    for (label, code) in [
        ("unsupported", UNSUPPORTED),
        ("vendor", BAD_VENDOR),
        ("none", NOT_FOUND),
        ("register", BAD_REGISTER),
        ("failed", SET_FAILED),
    ] {
        asm!(a; label &name(label); mov b(frame(R_AH)), code; jmp &name("fail"); );
    }
    asm!(a;
        label   &name("present");
        mov     d(frame(R_DX)), 0x2049_4350;
        mov     word(R_AX), 0x0001;
        mov     word(R_BX), 0x0210;
        mov     b(frame(R_CL)), 0;
        jmp     &name("ok");

        // BH bus, BL devfn, CL register: selects it. Destroys EAX, DX.
        label   &name("select");
        movzx   eax, bx;
        shl     eax, 8;
        or      eax, 0x8000_0000u32;
        mov     al, cl;
        and     al, 0xFC;
        mov     dx, 0xCF8;
        out     dx, eax;
        mov     dx, 0xCFC;
        and     cl, 3;
        or      dl, cl;
        ret;
        // The same for a caller's register in DI. Carry: no such register.
        label   &name("caller");
        cmp     di, 0xFF;
        ja      &name("caller_bad");
        mov     cx, di;
        call    &name("select");
        clc;
        ret;
        label   &name("caller_bad");
        stc;
        ret;

        label   &name("read8");
        call    &name("caller");
        jc      &name("register");
        in_     al, dx;
        mov     b(frame(R_CL)), al;
        jmp     &name("ok0");
        label   &name("read16");
        test    di, 1;
        jnz     &name("register");
        call    &name("caller");
        jc      &name("register");
        in_     ax, dx;
        mov     word(R_CX), ax;
        jmp     &name("ok0");
        label   &name("read32");
        test    di, 3;
        jnz     &name("register");
        call    &name("caller");
        jc      &name("register");
        in_     eax, dx;
        mov     d(frame(R_CX)), eax;
        jmp     &name("ok0");
        label   &name("write8");
        call    &name("caller");
        jc      &name("register");
        mov     al, b(frame(R_CL));
        out     dx, al;
        jmp     &name("ok0");
        label   &name("write16");
        test    di, 1;
        jnz     &name("register");
        call    &name("caller");
        jc      &name("register");
        mov     ax, word(R_CX);
        out     dx, ax;
        jmp     &name("ok0");
        label   &name("write32");
        test    di, 3;
        jnz     &name("register");
        call    &name("caller");
        jc      &name("register");
        mov     eax, d(frame(R_CX));
        out     dx, eax;
        jmp     &name("ok0");

        // DX vendor, CX device, SI how many to pass over. Gives BX.
        label   &name("find_device");
        cmp     dx, 0xFFFF;
        je      &name("vendor");
        movzx   edi, cx;
        shl     edi, 16;
        mov     di, dx;
        xor     bx, bx;
        label   &name("device_next");
        call    &name("visit");
        jc      &name("none");
        cmp     eax, edi;
        jne     &name("device_other");
        sub     si, 1;
        jc      &name("found");
        label   &name("device_other");
        inc     bl;
        jnz     &name("device_next");
        jmp     &name("none");
        // ECX class code, SI how many to pass over.
        label   &name("find_class");
        mov     edi, d(frame(R_CX));
        and     edi, 0x00FF_FFFF;
        xor     bx, bx;
        label   &name("class_next");
        call    &name("visit");
        jc      &name("none");
        mov     cl, 8;
        call    &name("select");
        in_     eax, dx;
        shr     eax, 8;
        cmp     eax, edi;
        jne     &name("class_other");
        sub     si, 1;
        jc      &name("found");
        label   &name("class_other");
        inc     bl;
        jnz     &name("class_next");
        jmp     &name("none");
        label   &name("found");
        mov     word(R_BX), bx;
        jmp     &name("ok0");

        // Moves BX on to the next function that exists; gives its identity in EAX. Carry: none is left.
        label   &name("visit");
        test    bl, 7;
        jz      &name("visit_read");
        // Functions 1-7 only where function 0 says there are some.
        push    bx;
        and     bl, 0xF8;
        mov     cl, 0x0E;
        call    &name("select");
        in_     al, dx;
        pop     bx;
        test    al, 0x80;
        jz      &name("visit_slot");
        label   &name("visit_read");
        xor     cl, cl;
        call    &name("select");
        in_     eax, dx;
        cmp     ax, 0xFFFF;
        je      &name("visit_absent");
        clc;
        ret;
        label   &name("visit_absent");
        test    bl, 7;
        jz      &name("visit_slot");
        inc     bl;
        jmp     &name("visit_wrap");
        label   &name("visit_slot");
        or      bl, 7;
        inc     bl;
        label   &name("visit_wrap");
        jnz     &name("visit");
        stc;
        ret;

        // CL: pin (0Ah = INTA), CH: line, BX: device. Routes the pin's PIRQ to the line.
        label   &name("set_irq");
        mov     si, cx;
        sub     cl, 0x0A;
        cmp     cl, 3;
        ja      &name("failed");
        mov     al, bl;
        shr     al, 3;
        dec     al;
        add     al, cl;
        and     al, 3;
        add     al, 0x60;
        mov     cl, al;
        mov     bx, 0x0008;
        call    &name("select");
        mov     ax, si;
        mov     al, ah;
        out     dx, al;
        // Level triggered.
        mov     dx, 0x4D0;
        in_     ax, dx;
        mov     cx, si;
        mov     cl, ch;
        mov     si, 1;
        shl     si, cl;
        or      ax, si;
        out     dx, ax;
        jmp     &name("ok0");
    );
    // Function 0E: ES:(E)DI -> size (word), far pointer to the buffer. Gives the $PIR entries and BX = lines for PCI
    // alone.
    let copy: &dyn Fn(&mut Asm16) = &|a| {
        asm!(a;
            mov     word(R_BX), 0x0C00;
            mov     cx, a.at("pir_end") - a.at("pir_slots");
        );
        if bits == 16 {
            asm!(a;
                mov     es, w(bp + R_ES);
                mov     bx, di;
                mov     ax, w(bx).es();
                mov     w(bx).es(), cx;
                cmp     ax, cx;
                jb      &name("small");
                les     di, d(bx + 2).es();
                mov     si, a.at("pir_slots");
                rep_cs_movsb;
            );
        } else {
            asm!(a;
                movzx   ecx, cx;
                mov     ax, w(edi).es();
                mov     w(edi).es(), cx;
                cmp     ax, cx;
                jb      &name("small");
                push    es;
                les     edi, f(edi + 2).es();
                // The code may sit anywhere: its address by the return of a call.
                call    &name("here");
                label   &name("here");
                pop     esi;
                add     esi, a.at("pir_slots") - a.at(&name("here"));
                rep_cs_movsb;
                pop     es;
            );
        }
        asm!(a; jmp &name("ok0"); label &name("small"); mov b(frame(R_AH)), BUFFER_SMALL; jmp &name("fail"); );
    };
    a.label(&name("options"));
    copy(a);
    if bits == 16 {
        asm!(a; label &name("ok0"); jmp "svc_ok0"; label &name("ok"); jmp "svc_ok"; );
        asm!(a; label &name("fail"); jmp "svc_fail"; );
    } else {
        asm!(a;
            label   &name("ok0");
            mov     b(ebp + R_AH), 0;
            label   &name("ok");
            pop     eax;
            popad;
            clc;
            retf;
            label   &name("fail");
            pop     eax;
            popad;
            stc;
            retf;
        );
    }
}

/// The BIOS32 directory and the 32-bit entry points.
fn bios32(a: &mut Asm16) {
    a.align(16);
    let start = a.here() as usize;
    asm!(a;
        db      b"_32_";
        dw_at   "bios32_entry";
        dw      &[0x000F];
        db      &[0, 1, 0];
        db      &[0; 5];
    );
    a.checksum(start, start + 16, start + 10);
    asm!(a;
        bits32;
        // EAX: service, BL: 0. Gives AL = 0, EBX base, ECX length, EDX entry; AL = 80h: no such service.
        label   "bios32_entry";
        test    bl, bl;
        jnz     ".function";
        cmp     eax, 0x4943_5024;
        jne     ".service";
        mov     ebx, 0x000F_0000;
        mov     ecx, 0x0001_0000;
        mov     edx, a.at("pci32_entry");
        xor     al, al;
        retf;
        label   ".service";
        mov     al, 0x80;
        retf;
        label   ".function";
        mov     al, 0x81;
        retf;

        label   "pci32_entry";
        pushad;
        push    eax;
        mov     ebp, esp;
        cld;
        cmp     ah, 0xB1;
        jne     "pci32_unsupported";
    );
    services(a, 32);
}
