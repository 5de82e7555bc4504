use super::*;
use std::path::PathBuf;
use tempfile::TempDir;

const RAM: u64 = 64 * MIB;

fn bzimage(version: u16, loadflags: u8, kernel: usize) -> Vec<u8> {
    let mut image = vec![0x90; 5 * 512];
    image[0x1F1] = 4;
    put(&mut image, 0x1F4, &(kernel.div_ceil(16) as u32).to_le_bytes());
    put(&mut image, 0x1FE, &[0x55, 0xAA]);
    put(&mut image, 0x202, b"HdrS");
    put(&mut image, 0x206, &version.to_le_bytes());
    put(&mut image, 0x210, &[0, loadflags]);
    put(&mut image, 0x22C, &0x37FF_FFFFu32.to_le_bytes());
    put(&mut image, 0x234, &[1]);
    put(&mut image, 0x238, &2047u32.to_le_bytes());
    put(&mut image, 0x258, &0x100_0000u64.to_le_bytes());
    put(&mut image, 0x260, &0x80_0000u32.to_le_bytes());
    image.extend(std::iter::repeat_n(0xCC, kernel));
    image
}

fn piece(pieces: &[Piece], addr: u64) -> &Piece {
    pieces.iter().find(|p| p.addr == addr).unwrap_or_else(|| panic!("nothing at {addr:#x}: {:x?}", places(pieces)))
}

fn places(pieces: &[Piece]) -> Vec<(u64, u64)> {
    pieces.iter().map(|p| (p.addr, p.end())).collect()
}

#[test]
fn a_bzimage_is_placed_as_the_protocol_says() {
    let k = linux::plan(&bzimage(0x20F, 1, 5000), vec![7; 10000], "root=/dev/sda vga=0x317", RAM).unwrap();
    assert_eq!((k.segment, k.stack), (0x1000, 0xFFF0));
    let setup = &piece(&k.pieces, 0x10000).data;
    assert_eq!(setup.len(), 5 * 512);
    assert_eq!(setup[0x210..0x212], [0xFF, 0x81]);
    assert_eq!(le16(setup, 0x224), Some(0xFDF0));
    assert_eq!(le32(setup, 0x228), Some(0x20000));
    assert_eq!(le16(setup, 0x1FA), Some(0x317));
    assert_eq!(piece(&k.pieces, 0x20000).data, b"root=/dev/sda vga=0x317\0");
    assert_eq!(piece(&k.pieces, MIB).data, vec![0xCC; 5000]);
    let initrd = le32(setup, 0x218).unwrap();
    assert_eq!((initrd % 4096, le32(setup, 0x21C)), (0, Some(10000)));
    assert_eq!(u64::from(initrd), (RAM - TOP_RESERVE - 10000) & !0xFFF);
    assert_eq!(piece(&k.pieces, u64::from(initrd)).data.len(), 10000);
}

#[test]
fn the_initrd_honours_the_address_limit_and_the_kernels_needs() {
    let mut image = bzimage(0x203, 1, 5000);
    put(&mut image, 0x22C, &0x1FF_FFFFu32.to_le_bytes());
    let k = linux::plan(&image, vec![7; 4097], "", RAM).unwrap();
    assert_eq!(k.pieces[0].addr, 0x200_0000 - 2 * 4096);
    // Version 2.10 and later use memory up to pref_address + init_size: 24 MiB here.
    assert!(linux::plan(&bzimage(0x20A, 1, 5000), vec![7; 5 << 20], "", 32 * MIB).is_ok());
    let e = linux::plan(&bzimage(0x20A, 1, 5000), vec![7; 7 << 20], "", 32 * MIB).unwrap_err();
    assert!(e.advice.contains("--memory"));
    let e = linux::plan(&bzimage(0x20A, 1, 5000), vec![], "", 16 * MIB).unwrap_err();
    assert!(e.problem.contains("26 MiB"), "{}", e.problem);
}

#[test]
fn a_zimage_goes_below_the_megabyte_with_the_old_command_line() {
    let k = linux::plan(&bzimage(0x200, 0, 5000), vec![], "ro", RAM).unwrap();
    assert_eq!(k.segment, 0x9000);
    let setup = &piece(&k.pieces, 0x90000).data;
    assert_eq!((le16(setup, 0x20), le16(setup, 0x22)), (Some(0xA33F), Some(0x9FF0)));
    assert_eq!(setup[0x211], 0, "2.00 has no heap field");
    assert_eq!(piece(&k.pieces, 0x99FF0).data, b"ro\0");
    assert_eq!(piece(&k.pieces, 0x10000).data.len(), 5000);
    assert!(linux::plan(&bzimage(0x200, 0, 600 << 10), vec![], "", RAM).is_err());
    let k = linux::plan(&bzimage(0x201, 1, 5000), vec![], "ro", RAM).unwrap();
    assert_eq!(piece(&k.pieces, 0x90000).data[0x211], 0x81);
    assert_eq!(piece(&k.pieces, MIB).data.len(), 5000);
    assert!(linux::plan(&bzimage(0x201, 1, 5000), vec![], &"x".repeat(256), RAM).is_err());
}

#[test]
fn hostile_linux_images_are_refused_or_loaded_but_never_panic() {
    let good = bzimage(0x20F, 1, 100);
    for cut in 0..good.len() {
        if linux::is_linux(&good[..cut]) {
            assert!(linux::plan(&good[..cut], vec![], "", RAM).is_err() || cut > 5 * 512);
        }
    }
    for at in 0x1F0..0x270 {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut image = good.clone();
            image[at] = value;
            let _ = linux::plan(&image, vec![1; 5000], "a", RAM);
            let _ = linux::plan(&image, vec![1; 5000], "a", 0);
        }
    }
}

/// An ELF32 executable with one segment and a multiboot header at its start.
fn elf_kernel(flags: u32) -> Vec<u8> {
    let mut image = vec![0; 0x200];
    put(&mut image, 0, b"\x7fELF\x01\x01\x01");
    for (at, value) in [(16, 2u16), (18, 3), (42, 32), (44, 1)] {
        put(&mut image, at, &value.to_le_bytes());
    }
    for (at, value) in [(24, 0xC010_0020u32), (28, 52), (52, 1), (56, 0x100), (60, 0xC010_0000), (64, 0x10_0000)] {
        put(&mut image, at, &value.to_le_bytes());
    }
    for (at, value) in [(68, 0x100u32), (72, 0x3000), (0x100, 0x1BAD_B002), (0x104, flags)] {
        put(&mut image, at, &value.to_le_bytes());
    }
    put(&mut image, 0x108, &0u32.wrapping_sub(0x1BAD_B002).wrapping_sub(flags).to_le_bytes());
    image
}

fn module(data: &[u8], command_line: &str) -> multiboot::Module {
    multiboot::Module { data: data.to_vec(), command_line: command_line.into() }
}

#[test]
fn a_multiboot_elf_gets_its_information() {
    let modules = vec![module(&[5; 5000], "one a"), module(&[6], "two")];
    let k = multiboot::plan(&elf_kernel(7), modules, "kernel -x".into(), RAM).unwrap();
    assert_eq!(k.entry, 0x10_0020);
    assert_eq!(places(&k.pieces), [(0x10_0000, 0x10_3000), (0x10_3000, 0x10_4388), (0x10_5000, 0x10_5001)]);
    let map = [
        E820 { base: 0, len: 0x9FC00, kind: 1 },
        E820 { base: 0xF0000, len: 0x10000, kind: 2 },
        E820 { base: MIB, len: 63 * MIB, kind: 1 },
    ];
    let info = k.information(&map);
    assert_eq!(info.addr, 0x10000);
    let word = |at: u64| le32(&info.data, at as usize).unwrap();
    let far = |at: u64| u64::from(word(at)) - info.addr;
    let text = |at: u64| {
        let rest = &info.data[at as usize..];
        String::from_utf8(rest[..rest.iter().position(|b| *b == 0).unwrap()].to_vec()).unwrap()
    };
    assert_eq!(word(0), 0x124F);
    assert_eq!((word(4), word(8)), (639, 63 * 1024));
    assert_eq!(text(far(16)), "kernel -x");
    assert_eq!(text(far(64)), "rewind86");
    assert_eq!(word(20), 2);
    let mods = far(24);
    assert_eq!((word(mods), word(mods + 4)), (0x10_3000, 0x10_4388));
    assert_eq!(text(u64::from(word(mods + 8)) - info.addr), "one a");
    assert_eq!(text(u64::from(word(mods + 24)) - info.addr), "two");
    assert_eq!(word(44), 72);
    let mmap = far(48);
    assert_eq!((word(mmap), word(mmap + 4), word(mmap + 12), word(mmap + 20)), (20, 0, 0x9FC00, 1));
    assert_eq!((word(mmap + 24), word(mmap + 28)), (20, 0xF0000));
    assert_eq!((word(88), info.data[109]), (0xB8000, 2));
}

#[test]
fn a_flat_multiboot_image_follows_its_address_fields() {
    let mut image = vec![0xAA; 0x2000];
    let flags = 1u32 << 16;
    let sum = 0u32.wrapping_sub(0x1BAD_B002).wrapping_sub(flags);
    for (i, w) in [0x1BAD_B002, flags, sum, 0x20_0040, 0x20_0000, 0x20_1000, 0x20_3000, 0x20_0060].iter().enumerate() {
        put(&mut image, 0x80 + i * 4, &w.to_le_bytes());
    }
    let k = multiboot::plan(&image, vec![], String::new(), RAM).unwrap();
    assert_eq!(k.entry, 0x20_0060);
    let p = &k.pieces[0];
    assert_eq!((p.addr, p.data.len(), p.zeros), (0x20_0000, 0x1000, 0x2000));
    assert_eq!(p.data[0x40..0x44], 0x1BAD_B002u32.to_le_bytes());
    put(&mut image, 0x80 + 16, &0x20_0041u32.to_le_bytes());
    assert!(multiboot::plan(&image, vec![], String::new(), RAM).is_err());
}

#[test]
fn hostile_multiboot_images_are_refused_or_loaded_but_never_panic() {
    let good = elf_kernel(0);
    for cut in 0..good.len() {
        let _ = multiboot::plan(&good[..cut], vec![], String::new(), RAM);
    }
    for at in (0..0x60).chain(0x100..0x120) {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut image = good.clone();
            image[at] = value;
            let _ = multiboot::plan(&image, vec![module(&[0; 10], "")], String::new(), RAM);
            let _ = elf::parse(&image, u64::MAX);
        }
    }
    assert!(multiboot::plan(&elf_kernel(8), vec![], String::new(), RAM).unwrap_err().problem.contains("0x0008"));
    assert!(multiboot::plan(&good, vec![], String::new(), 3 * MIB).unwrap_err().advice.contains("--memory"));
}

#[test]
fn files_are_judged_by_content_with_one_line() {
    let dir = TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let spec = |kernel: PathBuf| KernelSpec { kernel, initrd: None, append: "x".into() };
    let error = |s: &KernelSpec| {
        let text = load(s, RAM, &mut Files::new(&Default::default())).unwrap_err().to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    };
    assert!(error(&spec(dir.path().join("none"))).contains("--kernel"));
    assert!(error(&spec(file("empty", b""))).contains("empty"));
    assert!(error(&spec(file("text", b"hello"))).contains("neither"));
    let elf = file("elf", &elf_kernel(0)[..0x100]);
    assert!(error(&spec(elf)).contains("multiboot header"));
    let bz = file("bz", &bzimage(0x20F, 1, 100));
    assert!(matches!(load(&spec(bz.clone()), RAM, &mut Files::new(&Default::default())), Ok(Kernel::Linux(_))));
    let missing = KernelSpec { initrd: Some(dir.path().join("i")), ..spec(bz) };
    assert!(error(&missing).contains("--initrd"));
    let mb = file("mb", &elf_kernel(0));
    file("m1", b"1");
    let list = format!("{0}/m1 a b,{0}/m1", dir.path().display());
    let Ok(Kernel::Multiboot(k)) =
        load(&KernelSpec { initrd: Some(list.into()), ..spec(mb) }, RAM, &mut Files::new(&Default::default()))
    else {
        panic!("not multiboot")
    };
    assert_eq!(k.pieces.len(), 3);
}

#[test]
fn a_kernel_that_is_shorter_than_its_header_says_is_refused() {
    for (paragraphs, kept) in [(312u32, true), (313, true), (314, false), (u32::MAX, false)] {
        let mut image = bzimage(0x20F, 1, 5000);
        put(&mut image, 0x1F4, &paragraphs.to_le_bytes());
        assert_eq!(linux::plan(&image, vec![], "", RAM).is_ok(), kept, "{paragraphs}");
        // Older versions do not say.
        put(&mut image, 0x206, &0x203u16.to_le_bytes());
        assert!(linux::plan(&image, vec![], "", RAM).is_ok());
    }
}
