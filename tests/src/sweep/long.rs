//! What the monitor needs for cases in IA-32e mode: tables, the way in, and handlers that go back to 32-bit code to write.

use super::asm16::{Asm16, b, d};
use super::layout::*;
use super::monitor::REGISTERS;
use iced_x86::code_asm::qword_ptr as q;
use iced_x86::code_asm::registers::*;

/// Saved at [`SEEN64`]: seven registers, CR2, DR6, then the frame from the vector on.
const FRAME: i32 = SEEN64 + 0x48;
const EFER: u32 = 0xC000_0080;
/// SCE, LME and NXE.
const EFER_BITS: u32 = 0x901;
const PAE: i32 = 0x20;
/// RFLAGS bits that lines show.
const FLAGS_SHOWN: u32 = 0x3F_7FD5;

/// Adds to the fresh world: the tables of 4-level paging, the 64-bit TSS and IDT.
pub fn world(a: &mut Asm16) {
    asm!(a;
        mov     d(WANT_CR4), 0;
        mov     edi, PT64;
        xor     eax, eax;
        mov     ecx, 1024;
        rep_stosd;
        mov     d(PML4), PDPT64 | 7;
        mov     d(PDPT64), PD64 | 7;
        mov     d(PD64), 0x87;
        mov     d(PD64 + 8), 0x20_0087;
        mov     d(PD64 + 16), PT64 | 7;
        mov     d(PT64), DATA | 7;
        mov     edi, IDT64;
        mov     eax, a.at("stubs64") | CS64 << 16;
        mov     ecx, VECTORS;
        label   ".gate64";
        mov     d(edi), eax;
        mov     d(edi + 4), ROM | 0x8E00;
        mov     d(edi + 8), 0;
        mov     d(edi + 12), 0;
        add     edi, 16;
        add     eax, 8;
        loop_   ".gate64";
        mov     b(IDT64 + 16 * DONE + 5), 0xEE;
        // RSP0, then nothing up to IST1.
        mov     d(TSS + 8), 0;
        mov     d(TSS + 12), 0;
        mov     d(TSS + 16), 0;
        mov     d(TSS + 0x24), TASK_STACK1;
    );
}

/// The way into IA-32e mode (a subroutine), and the handlers.
pub fn monitor(a: &mut Asm16) {
    a.bits32();
    asm!(a;
        align   8;
        label   "idt64_pointer";
        dw      &[16 * VECTORS as u16 - 1];
        dd      &[IDT64 as u32];
        label   "enter_long";
        mov     eax, PML4;
        mov     cr3, eax;
        mov     eax, d(WANT_CR4);
        or      eax, PAE;
        mov     cr4, eax;
        mov     ecx, EFER;
        mov     eax, EFER_BITS;
        xor     edx, edx;
        wrmsr;
        mov     eax, cr0;
        or      eax, 0x8001_0000u32 as i32;
        mov     cr0, eax;
        mov     eax, TR64;
        ltr     ax;
        lidt    super::asm16::f(a.at("idt64_pointer") + ROM);
        ret;
        align   8;
        label   "stubs64";
    );
    for vector in 0..VECTORS {
        let at = a.here();
        a.db(&[0x6A, vector as u8, 0xE9]);
        let to = a.at("common64") - (at + 7);
        a.dd(&[to as u32]);
        a.align(8);
    }
    a.bits64();
    asm!(a; label "common64";);
    for (i, r) in [rax, rbx, rcx, rdx, rsi, rdi, rbp].into_iter().enumerate() {
        asm!(a; mov q(SEEN64 + 8 * i as i32), r;);
    }
    let back = a.at("compat") + ROM;
    asm!(a;
        cld;
        mov     rax, cr2;
        mov     q(SEEN64 + 0x38), rax;
        mov     rax, dr6;
        mov     q(SEEN64 + 0x40), rax;
        mov     eax, 0x400;
        mov     dr7, rax;
        mov     rsi, rsp;
        mov     edi, FRAME;
        mov     ecx, 7;
        db      &[0xF3, 0x48, 0xA5];
        mov     esp, MONITOR_STACK;
        push    CS0;
        push    back;
        db      &[0x48, 0xCB];
    );
    a.bits32();
    asm!(a;
        label   "compat";
        mov     eax, DS0;
        mov     ds, eax;
        mov     es, eax;
        mov     ss, eax;
        mov     eax, cr0;
        and     eax, 0x7FFA_FFF1u32 as i32;
        mov     cr0, eax;
        xor     eax, eax;
        xor     edx, edx;
        mov     ecx, EFER;
        wrmsr;
        xor     eax, eax;
        mov     cr4, eax;
        mov     cr3, eax;
        mov     d(STATE), eax;
        mov     esi, d(NAME);
        call    "print";
        mov     al, 0x20;
        call    "put";
        mov     eax, d(FRAME);
        call    "hex2";
        mov     edx, FRAME + 8;
        mov     ecx, d(FRAME);
        cmp     ecx, 32;
        jae     ".plain";
        mov     eax, 0x27D00;
        bt      eax, ecx;
        jnc     ".plain";
        mov     al, 0x65;
        call    "put";
        mov     eax, d(edx);
        call    "hex4";
        add     edx, 8;
        label   ".plain";
        mov     esi, a.at("text_ip") + ROM;
        mov     eax, d(edx);
        mov     ebx, d(edx + 4);
        call    "relative64";
        mov     esi, a.at("text_cs") + ROM;
        mov     eax, d(edx + 8);
        call    "named4";
        mov     esi, a.at("text_flags") + ROM;
        mov     eax, d(edx + 16);
        and     eax, FLAGS_SHOWN;
        call    "named8";
        mov     esi, a.at("text_ss") + ROM;
        mov     eax, d(edx + 32);
        call    "named4";
        mov     al, 0x3A;
        call    "put";
        mov     eax, d(edx + 24);
        mov     ebx, d(edx + 28);
        call    "hex16";
    );
    for (n, (text, _, value)) in REGISTERS.into_iter().enumerate() {
        let (skip, show) = (format!(".same{n}"), format!(".show{n}"));
        let at = SEEN64 + 8 * n as i32;
        asm!(a;
            mov     eax, d(at);
            mov     ebx, d(at + 4);
            test    ebx, ebx;
            jne     &show;
            cmp     eax, value as i32;
            je      &skip;
            label   &show;
            mov     esi, a.at(text) + ROM;
            push    eax;
            call    "print";
            pop     eax;
            call    "hex16";
            label   &skip;
        );
    }
    asm!(a;
        cmp     d(FRAME), 14;
        jne     ".no_fault";
        mov     esi, a.at("text_cr2") + ROM;
        call    "print";
        mov     eax, d(SEEN64 + 0x38);
        mov     ebx, d(SEEN64 + 0x3C);
        call    "hex16";
        label   ".no_fault";
        cmp     d(FRAME), 1;
        jne     ".no_debug";
        mov     esi, a.at("text_dr6") + ROM;
        mov     eax, d(SEEN64 + 0x40);
        call    "named8";
        label   ".no_debug";
        call    "watched";
        jmp     "case_over";

        // EBX:EAX, its upper half only when it is not 0.
        label   "hex16";
        test    ebx, ebx;
        je      ".low";
        push    eax;
        mov     eax, ebx;
        call    "hex8";
        pop     eax;
        label   ".low";
        jmp     "hex8";

        label   "relative64";
        test    ebx, ebx;
        je      "relative";
        push    eax;
        call    "print";
        pop     eax;
        jmp     "hex16";
    );
}
