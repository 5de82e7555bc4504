//! INT 15h: system services (Ralf Brown's Interrupt List, INTERRUP.C; IBM PS/2 and PC BIOS Interface Technical
//! Reference).
//!
//! Memory services are in `memory.rs`, the pointing device in `mouse.rs`. APM 1.2 is there for its real-mode interface:
//! installation check, idle, power off. Not provided: tape, EISA, the protected-mode APM interfaces.

use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

pub fn emit(a: &mut Asm16) {
    dispatch(a);
    simple(a);
    waits(a);
    protected(a);
    apm(a);
}

fn dispatch(a: &mut Asm16) {
    a.label("int15");
    enter(a);
    // The keyboard intercept first: it is called for every key.
    asm!(a; cmp ah, 0x4F; je ".4f"; cmp ah, 0xE8; je ".e8"; );
    let services: &[(i32, &str)] = &[
        (0x24, "int15_24"),
        (0x53, "int15_53"),
        (0x80, "svc_ok0"),
        (0x81, "svc_ok0"),
        (0x82, "svc_ok0"),
        (0x83, "int15_83"),
        (0x84, "int15_84"),
        (0x85, "svc_ok0"),
        (0x86, "int15_86"),
        (0x87, "int15_87"),
        (0x88, "int15_88"),
        (0x89, "int15_89"),
        (0x90, "svc_ok0"),
        (0x91, "svc_ok0"),
        (0xC0, "int15_c0"),
        (0xC1, "int15_c1"),
        (0xC2, "int15_c2"),
    ];
    for (ah_value, target) in services {
        asm!(a; cmp ah, *ah_value; je target; );
    }
    asm!(a;
        jmp     "svc_fail86";
        // Carry set: the key is to be processed.
        label   ".4f";
        or      w(bp + R_FLAGS), CF;
        jmp     "svc_iret";
        label   ".e8";
        cmp     al, 0x20;
        je      "int15_e820";
        cmp     al, 0x01;
        je      "int15_e801";
        cmp     al, 0x81;
        je      "int15_e881";
        jmp     "svc_fail86";
    );
}

fn simple(a: &mut Asm16) {
    asm!(a;
        // AH=24h: A20. 00 off, 01 on, 02 state, 03 means.
        label   "int15_24";
        cmp     al, 1;
        jbe     ".set";
        cmp     al, 3;
        ja      "svc_fail86";
        je      ".means";
        in_     al, 0x92;
        shr     al, 1;
        and     al, 1;
        mov     b(bp + R_AL), al;
        jmp     "svc_ok0";
        label   ".set";
        mov     ah, al;
        add     ah, ah;
        in_     al, 0x92;
        and     al, 0xFC;
        or      al, ah;
        out     0x92, al;
        jmp     "svc_ok0";
        label   ".means";
        mov     w(bp + R_BX), 3;
        jmp     "svc_ok0";

        // AH=C0h: ES:BX -> configuration table.
        label   "int15_c0";
        mov     w(bp + R_ES), BIOS_SEG as i32;
        mov     w(bp + R_BX), a.at("config_table");
        jmp     "svc_ok0";

        // AH=C1h: ES = segment of the EBDA.
        label   "int15_c1";
        mov     ax, w(EBDA_PTR);
        mov     w(bp + R_ES), ax;
        jmp     "svc_ok";

        // AH=84h: joystick. DX=0 switches, DX=1 positions.
        label   "int15_84";
        mov     cx, dx;
        mov     dx, 0x201;
        jcxz    ".switches";
        dec     cx;
        jnz     "svc_fail86";
        mov     bl, 1;
        mov     di, R_AX;
        call    ".axis";
        mov     di, R_BX;
        call    ".axis";
        mov     di, R_CX;
        call    ".axis";
        mov     di, R_DX;
        call    ".axis";
        jmp     "svc_ok";
        label   ".switches";
        in_     al, dx;
        and     al, 0xF0;
        mov     b(bp + R_AL), al;
        jmp     "svc_ok";
        // BL: bit of the axis, [BP+DI]: where the count goes. The one-shot's time is counted; none answers: 0.
        label   ".axis";
        xor     cx, cx;
        out     dx, al;
        label   ".count";
        in_     al, dx;
        test    al, bl;
        jz      ".counted";
        inc     cx;
        cmp     cx, 0x4000;
        jb      ".count";
        xor     cx, cx;
        label   ".counted";
        shr     cx, 4;
        mov     w(bp + di), cx;
        add     bl, bl;
        ret;
    );
}

fn waits(a: &mut Asm16) {
    asm!(a;
        // AH=86h: waits CX:DX microseconds.
        label   "int15_86";
        test    b(WAIT_ACTIVE), 1;
        jnz     ".busy";
        sti;
        mov     ax, cx;
        shl     eax, 16;
        mov     ax, dx;
        call    "delay_us";
        jmp     "svc_ok";
        label   ".busy";
        mov     b(bp + R_AH), 0x83;
        jmp     "svc_fail";

        // AH=83h: AL=0 sets bit 7 of the byte at ES:BX after CX:DX microseconds, AL=1 cancels. Timed by the clock's
        // periodic interrupt, INT 70h.
        label   "int15_83";
        cmp     al, 1;
        je      ".cancel";
        ja      "svc_fail86";
        test    b(WAIT_ACTIVE), 1;
        jnz     ".busy";
        cli;
        mov     b(WAIT_ACTIVE), 1;
        mov     ax, w(bp + R_ES);
        mov     w(WAIT_PTR), bx;
        mov     w(WAIT_PTR + 2), ax;
        mov     w(WAIT_COUNT), dx;
        mov     w(WAIT_COUNT + 2), cx;
        in_     al, 0xA1;
        and     al, 0xFE;
        out     0xA1, al;
        mov     al, 0x0B;
        call    "cmos_read";
        or      al, 0x40;
        mov     ah, al;
        mov     al, 0x0B;
        call    "cmos_write";
        jmp     "svc_ok0";
        label   ".busy";
        mov     b(bp + R_AH), 0x80;
        jmp     "svc_fail";
        label   ".cancel";
        cli;
        mov     b(WAIT_ACTIVE), 0;
        call    "periodic_off";
        jmp     "svc_ok0";

        label   "periodic_off";
        mov     al, 0x0B;
        call    "cmos_read";
        and     al, 0xBF;
        mov     ah, al;
        mov     al, 0x0B;
        jmp     "cmos_write";

        // INT 70h, IRQ 8: periodic (976 us each) and alarm.
        label   "int70";
    );
    enter(a);
    asm!(a;
        mov     al, 0x0B;
        call    "cmos_read";
        mov     ah, al;
        mov     al, 0x0C;
        call    "cmos_read";
        and     ah, al;
        push    ax;
        test    ah, 0x40;
        jz      ".alarm";
        test    b(WAIT_ACTIVE), 1;
        jz      ".stop";
        sub     d(WAIT_COUNT), 976;
        ja      ".alarm";
        mov     b(WAIT_ACTIVE), 0;
        les     bx, d(WAIT_PTR);
        or      b(bx).es(), 0x80;
        label   ".stop";
        call    "periodic_off";
        label   ".alarm";
        pop     ax;
        test    ah, 0x20;
        jz      ".done";
        sti;
        int     0x4A;
        cli;
        label   ".done";
        call    "eoi_slave";
        jmp     "svc_iret";
    );
}

fn protected(a: &mut Asm16) {
    asm!(a;
        // AH=89h: into protected mode. ES:SI -> GDT (08 itself, 10 IDT, 18 DS, 20 ES, 28 SS, 30 CS); BH, BL: vectors
        // of IRQ 0 and 8. Returns to the caller's offset in selector 30h with interrupts off.
        label   "int15_89";
        cli;
        mov     al, 0x11; out 0x20, al; out 0xA0, al;
        mov     al, bh; out 0x21, al;
        mov     al, bl; out 0xA1, al;
        mov     al, 4; out 0x21, al;
        mov     al, 2; out 0xA1, al;
        mov     al, 1; out 0x21, al; out 0xA1, al;
        mov     al, 0xFF; out 0x21, al; out 0xA1, al;
        in_     al, 0x92;
        or      al, 2;
        and     al, 0xFE;
        out     0x92, al;
        mov     es, w(bp + R_ES);
        mov     si, w(bp + R_SI);
        lgdt    f(si + 8).es();
        lidt    f(si + 0x10).es();
        mov     di, w(bp + R_IP);
        mov     eax, cr0;
        or      al, 1;
        mov     cr0, eax;
        mov     ax, 0x18;
        mov     ds, ax;
        mov     ax, 0x20;
        mov     es, ax;
        mov     ax, 0x28;
        mov     ss, ax;
        lea     sp, w(bp + R_FLAGS + 2);
        push    0x30;
        push    di;
        mov     ebx, d(bp + R_BX);
        mov     ecx, d(bp + R_CX);
        mov     edx, d(bp + R_DX);
        mov     esi, d(bp + R_SI);
        mov     edi, d(bp + R_DI);
        mov     ebp, d(bp + R_BP);
        xor     ax, ax;
        retf;
    );
}

fn apm(a: &mut Asm16) {
    a.label("int15_53");
    let services: &[(i32, &str)] = &[
        (0x00, ".check"),
        (0x01, ".connect"),
        (0x04, ".disconnect"),
        (0x05, ".idle"),
        (0x06, "svc_ok0"),
        (0x07, ".state"),
        (0x08, "svc_ok0"),
        (0x09, "svc_ok0"),
        (0x0A, ".status"),
        (0x0B, ".event"),
        (0x0D, "svc_ok0"),
        (0x0E, ".version"),
        (0x0F, "svc_ok0"),
        (0x10, ".capabilities"),
    ];
    for (al_value, target) in services {
        asm!(a; cmp al, *al_value; je target; );
    }
    asm!(a;
        mov     b(bp + R_AH), 0x0C;
        jmp     "svc_fail";
        // Version 1.2, "PM"; no protected-mode interface, idle does not slow the clock.
        label   ".check";
        mov     w(bp + R_BX), 0x504D;
        mov     w(bp + R_CX), 0;
        label   ".version";
        mov     w(bp + R_AX), 0x0102;
        jmp     "svc_ok";
        label   ".connect";
        mov     es, w(EBDA_PTR);
        bts     w(E_APM).es(), 0;
        jnc     "svc_ok0";
        mov     b(bp + R_AH), 2;
        jmp     "svc_fail";
        label   ".disconnect";
        mov     es, w(EBDA_PTR);
        btr     w(E_APM).es(), 0;
        jc      "svc_ok0";
        mov     b(bp + R_AH), 3;
        jmp     "svc_fail";
        label   ".idle";
        sti;
        hlt;
        jmp     "svc_ok0";
        // BX=0001h all devices, CX: 0 ready, 1 standby, 2 suspend, 3 off.
        label   ".state";
        cmp     bx, 1;
        jne     "svc_ok0";
        cmp     cx, 3;
        je      "power_off";
        cmp     cx, 1;
        jb      "svc_ok0";
        sti;
        hlt;
        jmp     "svc_ok0";
        // On line, no battery.
        label   ".status";
        mov     w(bp + R_BX), 0x01FF;
        mov     w(bp + R_CX), 0x80FF;
        mov     w(bp + R_DX), 0xFFFF;
        jmp     "svc_ok0";
        label   ".event";
        mov     b(bp + R_AH), 0x80;
        jmp     "svc_fail";
        label   ".capabilities";
        mov     w(bp + R_BX), 0;
        mov     w(bp + R_CX), 0;
        jmp     "svc_ok0";

        // Soft off: PM1a control, sleep type 0 with sleep enable (PIIX4).
        label   "power_off";
        cli;
        mov     dx, super::pci::PM_BASE + 4;
        mov     ax, 0x2000;
        out     dx, ax;
        label   ".stop";
        hlt;
        jmp     ".stop";
    );
}
