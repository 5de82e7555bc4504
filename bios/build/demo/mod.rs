//! The demo disk: a 1.44 MB diskette that boots without an operating system and shows the machine at work.
//!
//! The boot sector loads a program from the reserved sectors of cylinder 0; the rest is an ordinary FAT12 volume with a
//! README.TXT, so that DOS reads the disk too (Microsoft FAT specification 1.03). The program has one page a kind of
//! screen: text with clock, keyboard and mouse; 256 colours; 16 colours at 640x480; CGA; 80x50 text.

mod graphics;
mod pages;

use crate::asm16::*;
use iced_x86::code_asm::registers::*;

/// Sectors of a 1.44 MB diskette, of a track, of a FAT, of the root directory.
const SECTORS: usize = 2880;
const TRACK: u8 = 18;
const FAT: usize = 9;
const ROOT: usize = 14;
/// Reserved sectors: boot sector and program, both sides of cylinder 0.
const RESERVED: usize = 36;
/// Segment of the program.
const SEGMENT: u16 = 0x1000;

const README: &str = "This is the demo disk of rewind86. Boot it:\r\n\r\n    rewind86 demo\r\n\r\n\
    The program is in the reserved sectors of the first cylinder; this volume holds nothing else.\r\n";

/// The disk image.
pub fn image() -> Vec<u8> {
    let mut disk = boot_sector();
    disk.resize(512, 0);
    disk.extend(assemble((RESERVED - 1) * 512, 0, pages::program));
    disk.resize(SECTORS * 512, 0);
    // Both FATs: media byte, end mark, README.TXT in cluster 2.
    for copy in 0..2 {
        let at = (RESERVED + copy * FAT) * 512;
        put(&mut disk, at, &[0xF0, 0xFF, 0xFF, 0xFF, 0x0F]);
    }
    let root = (RESERVED + 2 * FAT) * 512;
    let mut label = b"REWIND86   \x08".to_vec();
    label.resize(32, 0);
    put(&mut disk, root, &label);
    let mut entry = b"README  TXT\x20".to_vec();
    entry.resize(32, 0);
    // 2026-01-01, cluster 2.
    entry[24..26].copy_from_slice(&((46u16 << 9) | (1 << 5) | 1).to_le_bytes());
    entry[26] = 2;
    entry[28..32].copy_from_slice(&(README.len() as u32).to_le_bytes());
    put(&mut disk, root + 32, &entry);
    put(&mut disk, (RESERVED + 2 * FAT + ROOT) * 512, README.as_bytes());
    disk
}

fn put(disk: &mut [u8], at: usize, bytes: &[u8]) {
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

fn boot_sector() -> Vec<u8> {
    let image = assemble(0x7E00, 0, |a: &mut Asm16| {
        asm!(a;
            org     0x7C00;
            jmp     "start";
            nop;
            db      b"REWIND86";
            dw      &[512];
            db      &[1];
            dw      &[RESERVED as u16];
            db      &[2];
            dw      &[(ROOT * 16) as u16, SECTORS as u16];
            db      &[0xF0];
            dw      &[FAT as u16, u16::from(TRACK), 2];
            dd      &[0, 0];
            db      &[0, 0, 0x29];
            dd      &[0x8686_2026];
            db      b"REWIND86   ";
            db      b"FAT12   ";
            label   "start";
            cli;
            xor     ax, ax;
            mov     ss, ax;
            mov     sp, 0x7C00;
            mov     ds, ax;
            sti;
            cld;
            mov     b(a.at("drive")), dl;
            mov     ax, i32::from(SEGMENT);
            mov     es, ax;
            xor     bx, bx;
            // Head and sector of the next; each is tried three times.
            mov     dx, 0;
            mov     cl, 2;
            label   ".next";
            mov     di, 3;
            label   ".try";
            mov     ch, 0;
            mov     dl, b(a.at("drive"));
            mov     ax, 0x0201;
            int     0x13;
            jnc     ".read";
            xor     ax, ax;
            int     0x13;
            dec     di;
            jnz     ".try";
            mov     si, a.at("text");
            label   ".print";
            lodsb;
            test    al, al;
            jz      ".stop";
            mov     ah, 0x0E;
            mov     bx, 7;
            int     0x10;
            jmp     ".print";
            label   ".stop";
            xor     ax, ax;
            int     0x16;
            int     0x19;
            label   ".read";
            add     bx, 512;
            inc     cl;
            cmp     cl, i32::from(TRACK);
            jbe     ".next";
            mov     cl, 1;
            inc     dh;
            cmp     dh, 2;
            jb      ".next";
            jmp_far SEGMENT, "entry";
            label   "text";
            asciz   "Read error. Press a key.\r\n";
            label   "drive";
            db      &[0];
            define  "entry", 0;
            org     0x7DFE;
            dw      &[0xAA55];
        );
    });
    image[0x7C00..].to_vec()
}
