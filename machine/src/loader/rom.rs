//! The option ROM of a direct kernel start.
//!
//! Firmware finds it like the ROM of an adapter card (PC/AT Technical Reference; BIOS Boot Specification, appendix A) and
//! calls its entry, which takes INT 19h. When the firmware is ready to boot, that handler sends the INT 15h E820h map to the
//! board through [`PORT_MAP`], rings [`PORT_DOORBELL`], upon which the board puts the kernel into memory, and then enters
//! the setup code of a Linux kernel as its boot protocol wants: all segments the same, CS 20h higher, interrupts off. A
//! multiboot kernel is started by the board itself, and the handler is not resumed.

/// Write: the kernel shall be put into memory. Read (16 bits): segment of the Linux setup code.
pub const PORT_DOORBELL: u16 = 0x520;
/// Read (16 bits): SP for the Linux setup code.
pub const PORT_STACK: u16 = 0x522;
/// Write (8 bits): the next byte of a 20-byte entry of the memory map.
pub const PORT_MAP: u16 = 0x524;

/// Bytes in the ROM.
pub const SIZE: usize = 512;

/// The ROM without its checksum: machine code and what it says.
const CODE: &[(&[u8], &str)] = &[
    (&[0x55, 0xAA, 0x01], "signature, size in 512-byte blocks"),
    (&[0xEB, 0x17], "jmp init"),
    (&[0; 0x17], "no data structures: a legacy ROM"),
    (&[0x1E], "init: push ds"),
    (&[0x31, 0xC0], "xor ax,ax"),
    (&[0x8E, 0xD8], "mov ds,ax"),
    (&[0xFA], "cli"),
    (&[0xC7, 0x06, 0x64, 0x00, 0x2F, 0x00], "mov word [19h*4],boot"),
    (&[0x8C, 0x0E, 0x66, 0x00], "mov [19h*4+2],cs"),
    (&[0xFB], "sti"),
    (&[0x1F], "pop ds"),
    (&[0xCB], "retf"),
    (&[0xFC], "boot: cld"),
    (&[0x31, 0xC0], "xor ax,ax"),
    (&[0x8E, 0xD0], "mov ss,ax"),
    (&[0xBC, 0x00, 0x7C], "mov sp,7C00h"),
    (&[0x8E, 0xC0], "mov es,ax"),
    (&[0x8E, 0xD8], "mov ds,ax"),
    (&[0x66, 0x31, 0xDB], "xor ebx,ebx"),
    (&[0x66, 0xB8, 0x20, 0xE8, 0x00, 0x00], "next: mov eax,E820h"),
    (&[0x66, 0xBA, 0x50, 0x41, 0x4D, 0x53], "mov edx,'SMAP'"),
    (&[0x66, 0xB9, 0x14, 0x00, 0x00, 0x00], "mov ecx,20"),
    (&[0xBF, 0x00, 0x7C], "mov di,7C00h"),
    (&[0x1E], "push ds"),
    (&[0xCD, 0x15], "int 15h"),
    (&[0x1F], "pop ds"),
    (&[0x72, 0x18], "jc done"),
    (&[0x66, 0x3D, 0x50, 0x41, 0x4D, 0x53], "cmp eax,'SMAP'"),
    (&[0x75, 0x10], "jne done"),
    (&[0xBE, 0x00, 0x7C], "mov si,7C00h"),
    (&[0xB9, 0x14, 0x00], "mov cx,20"),
    (&[0xBA, 0x24, 0x05], "mov dx,PORT_MAP"),
    (&[0xF3, 0x6E], "rep outsb"),
    (&[0x66, 0x85, 0xDB], "test ebx,ebx"),
    (&[0x75, 0xCD], "jnz next"),
    (&[0xFA], "done: cli"),
    (&[0xBA, 0x20, 0x05], "mov dx,PORT_DOORBELL"),
    (&[0xB0, 0x01], "mov al,1"),
    (&[0xEE], "out dx,al"),
    (&[0xED], "in ax,dx"),
    (&[0x8E, 0xD8], "mov ds,ax"),
    (&[0x8E, 0xC0], "mov es,ax"),
    (&[0x8E, 0xE0], "mov fs,ax"),
    (&[0x8E, 0xE8], "mov gs,ax"),
    (&[0x89, 0xC3], "mov bx,ax"),
    (&[0x42, 0x42], "inc dx; inc dx: PORT_STACK"),
    (&[0xED], "in ax,dx"),
    (&[0x8E, 0xD3], "mov ss,bx"),
    (&[0x89, 0xC4], "mov sp,ax"),
    (&[0x83, 0xC3, 0x20], "add bx,20h"),
    (&[0x53], "push bx"),
    (&[0x31, 0xC0], "xor ax,ax"),
    (&[0x50], "push ax"),
    (&[0xCB], "retf: to setup+20h:0"),
];

/// The ROM, its bytes adding up to 0 modulo 256 as firmware demands.
pub fn image() -> Vec<u8> {
    let mut rom: Vec<u8> = CODE.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
    rom.resize(SIZE - 1, 0);
    let sum = rom.iter().fold(0u8, |s, b| s.wrapping_add(*b));
    rom.push(sum.wrapping_neg());
    rom
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_accepts_the_image() {
        let rom = image();
        assert_eq!((rom.len(), &rom[..3]), (SIZE, &[0x55, 0xAA, 1][..]));
        assert_eq!(rom.iter().fold(0u8, |s, b| s.wrapping_add(*b)), 0);
    }

    #[test]
    fn jumps_and_the_vector_meet_their_instructions() {
        let mut at = 0;
        let mut places = std::collections::BTreeMap::new();
        for (bytes, text) in CODE {
            places.insert(*text, at);
            at += bytes.len();
        }
        let target = |from: &str| {
            let end = places[from] + 2;
            (end as i64 + i64::from(image()[end - 1] as i8)) as usize
        };
        assert_eq!(target("jmp init"), places["init: push ds"]);
        assert_eq!(target("jc done"), places["done: cli"]);
        assert_eq!(target("jne done"), places["done: cli"]);
        assert_eq!(target("jnz next"), places["next: mov eax,E820h"]);
        assert_eq!(usize::from(image()[places["mov word [19h*4],boot"] + 4]), places["boot: cld"]);
    }
}
