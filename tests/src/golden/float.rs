//! A diskette that computes: x87, SSE and SSE2 arithmetic over pseudo-random operands in every rounding and precision
//! mode, all results kept in memory, and a sum of them sent to the debug port.
//!
//! Real mode. The boot sector loads the sectors behind it, allows SSE, and works through [`ROUNDS`] rounds.

use crate::asm16::{Asm16, assemble, b, d, w};
use iced_x86::code_asm::*;

const ROUNDS: u32 = 3000;
/// Virtual milliseconds that the session takes.
pub const MILLISECONDS: u64 = 1600;

const ORIGIN: i32 = 0x7C00;
const SECTORS: usize = 6;
/// Loop state.
const SEED: i32 = 0x600;
const COUNT: i32 = 0x604;
const CONTROL: i32 = 0x608;
const MXCSR: i32 = 0x60C;
const SUM: i32 = 0x610;
/// Two doubles, then two vectors of four singles.
const A: i32 = 0x620;
const B: i32 = 0x628;
const P: i32 = 0x630;
/// Where results go, and where that begins again.
const RESULTS: i32 = 0x8C00;
const WRAP: i32 = 0xF800;

/// A diskette of 1.44 MB.
pub fn image() -> Vec<u8> {
    let top = ORIGIN as usize + 512 * SECTORS;
    let mut image = assemble(top, 0, program).split_off(ORIGIN as usize);
    image.resize(1_474_560, 0);
    image
}

fn program(a: &mut Asm16) {
    asm!(a;
        org     ORIGIN as usize;
        cli;
        xor     ax, ax;
        mov     ds, ax;
        mov     es, ax;
        mov     ss, ax;
        mov     sp, ORIGIN;
        mov     ax, 0x0200 + SECTORS as i32 - 1;
        mov     bx, ORIGIN + 512;
        mov     cx, 2;
        xor     dx, dx;
        sti;
        int     0x13;
        jc      "failed";
        mov     eax, cr0;
        and     al, !4;
        or      al, 0x22;
        mov     cr0, eax;
        mov     eax, cr4;
        or      ax, 0x600;
        mov     cr4, eax;
        mov     d(SEED), 0x2545_F491;
        mov     d(COUNT), ROUNDS;
        mov     d(SUM), 0;
        mov     di, RESULTS;
        jmp     "round";
        label   "failed";
        mov     al, b'!' as i32;
        out     0xE9, al;
        label   "stop";
        hlt;
        jmp     "stop";
        org     ORIGIN as usize + 510;
        dw      &[0xAA55];
    );
    round(a);
    helpers(a);
}

/// One round: operands, modes, then every operation on them.
fn round(a: &mut Asm16) {
    asm!(a;
        label   "round";
        mov     si, A;
        mov     cx, 12;
        label   ".fill";
        call    "random";
        mov     d(si), eax;
        add     si, 4;
        loop_   ".fill";
        // Three rounds of four have operands that are near each other.
        test    b(COUNT), 3;
        jz      ".modes";
        and     w(A + 6), 0x80FF;
        or      w(A + 6), 0x3F80;
        and     w(B + 6), 0x80FF;
        or      w(B + 6), 0x3F80;
        mov     si, P;
        mov     cx, 8;
        label   ".near";
        and     d(si), 0x81FF_FFFFu32;
        or      d(si), 0x3E00_0000;
        add     si, 4;
        loop_   ".near";
        label   ".modes";
        mov     eax, d(COUNT);
        shl     ax, 8;
        and     ax, 0x0D00;
        or      ax, 0x027F;
        mov     w(CONTROL), ax;
        // SSE modes change seldom, so that the inexact flag stays set for a while; flush to zero in some.
        mov     eax, d(COUNT);
        test    al, 7;
        jnz     ".begin";
        shl     ax, 7;
        and     ax, 0xE000;
        or      ax, 0x1F80;
        test    ah, 0x80;
        jz      ".set";
        xor     ax, 0x6040;
        label   ".set";
        mov     d(MXCSR), eax;
        and     w(MXCSR + 2), 0;
        ldmxcsr d(MXCSR);
        label   ".begin";
    );
    x87(a);
    sse(a);
    asm!(a;
        cmp     di, WRAP;
        jb      ".next";
        mov     di, RESULTS;
        label   ".next";
        dec     d(COUNT);
        jnz     "round";
        mov     eax, d(SUM);
        mov     cx, 8;
        label   ".digit";
        rol     eax, 4;
        push    ax;
        and     al, 15;
        cmp     al, 10;
        sbb     al, 0x69;
        das;
        out     0xE9, al;
        pop     ax;
        loop_   ".digit";
        jmp     "stop";
    );
}

fn x87(a: &mut Asm16) {
    type Operation = fn(&mut Asm16) -> Result<(), iced_x86::IcedError>;
    let operations: [Operation; 18] = [
        |a| a.fadd_2(st0, st1),
        |a| a.fsub_2(st0, st1),
        |a| a.fmul_2(st0, st1),
        |a| a.fdiv_2(st0, st1),
        |a| a.fsqrt(),
        |a| a.frndint(),
        |a| a.fscale(),
        |a| a.fprem(),
        |a| a.fprem1(),
        |a| a.fxtract(),
        |a| a.fpatan(),
        |a| a.f2xm1(),
        |a| a.fyl2x(),
        |a| a.fyl2xp1(),
        |a| a.fsin(),
        |a| a.fcos(),
        |a| a.fptan(),
        |a| a.fsincos(),
    ];
    for operation in operations {
        asm!(a;
            fninit;
            fldcw   w(CONTROL);
            fld     qword_ptr(B);
            fld     qword_ptr(A);
        );
        a.begin("an x87 operation");
        let done = operation(a);
        a.settle(done);
        asm!(a;
            call    "keep_x87";
        );
    }
    asm!(a;
        fninit;
        fldcw   w(CONTROL);
        fld     qword_ptr(A);
        fst     dword_ptr(di);
        fistp   qword_ptr(di + 4);
        fld     qword_ptr(B);
        fbstp   tbyte_ptr(di + 12);
        mov     cx, 22;
        call    "sum";
    );
}

fn sse(a: &mut Asm16) {
    type Operation = fn(&mut Asm16) -> Result<(), iced_x86::IcedError>;
    let scalar: [Operation; 10] = [
        |a| a.addsd(xmm0, xmm1),
        |a| a.subsd(xmm0, xmm1),
        |a| a.mulsd(xmm0, xmm1),
        |a| a.divsd(xmm0, xmm1),
        |a| a.minsd(xmm0, xmm1),
        |a| a.sqrtsd(xmm0, xmm1),
        |a| a.cvtsd2ss(xmm0, xmm1),
        |a| a.cvtpd2dq(xmm0, xmm1),
        |a| a.cmpsd_3(xmm0, xmm1, 1),
        |a| a.roundsd(xmm0, xmm1, 4),
    ];
    let packed: [Operation; 11] = [
        |a| a.addps(xmm0, xmm1),
        |a| a.subps(xmm0, xmm1),
        |a| a.mulps(xmm0, xmm1),
        |a| a.divps(xmm0, xmm1),
        |a| a.maxps(xmm0, xmm1),
        |a| a.sqrtps(xmm0, xmm1),
        |a| a.rcpps(xmm0, xmm1),
        |a| a.rsqrtps(xmm0, xmm1),
        |a| a.cvtps2dq(xmm0, xmm1),
        |a| a.haddps(xmm0, xmm1),
        |a| a.dpps(xmm0, xmm1, 0xF1),
    ];
    let forms = scalar.map(|o| (A, o)).into_iter().chain(packed.map(|o| (P, o)));
    for (operands, operation) in forms {
        let second = operands + if operands == A { 8 } else { 16 };
        asm!(a;
            movups  xmm0, xmmword_ptr(operands);
            movups  xmm1, xmmword_ptr(second);
        );
        a.begin("an SSE operation");
        let done = operation(a);
        a.settle(done);
        asm!(a;
            call    "keep_sse";
        );
    }
}

fn helpers(a: &mut Asm16) {
    asm!(a;
        // The registers' top, the next one below it if there is one, and the status word.
        label   "keep_x87";
        fnstsw  w(di);
        fstp    tbyte_ptr(di + 2);
        fstp    tbyte_ptr(di + 12);
        mov     cx, 22;
        jmp     "sum";
        label   "keep_sse";
        movups  xmmword_ptr(di), xmm0;
        stmxcsr d(di + 16);
        mov     cx, 20;
        // Adds CX bytes at DI to the sum, DI goes behind them.
        label   "sum";
        movzx   eax, b(di);
        add     eax, d(SUM);
        rol     eax, 5;
        mov     d(SUM), eax;
        inc     di;
        loop_   "sum";
        ret;
        // A linear congruence with its upper half mixed in.
        label   "random";
        imul_3  eax, d(SEED), 1_103_515_245;
        add     eax, 12_345;
        mov     d(SEED), eax;
        mov     edx, eax;
        shr     edx, 15;
        xor     eax, edx;
        ret;
    );
}
