//! Whole systems from power-on to their prompt, with the embedded firmware.

use rewind86_machine::RunExit;
use rewind86_tests::guests::{Session, floppy, guest, linux};

/// D, I, R, Enter.
const DIR: &[u16] = &[0x20, 0x17, 0x13, 0x1C];

#[test]
fn freedos_boots_from_every_floppy_size_and_lists_its_files() {
    for size in ["160K", "360K", "720K", "1.4MB"] {
        let Some(path) = guest(&format!("freedos-cc/freedos.boot.disk.{size}.img")) else { return };
        let mut s = Session::new(&floppy(path));
        s.until_screen("A:\\>", 60);
        s.keys(DIR);
        s.until_screen("bytes free", 30);
    }
}

#[test]
fn two_runs_and_two_block_sizes_give_the_same_hash() {
    let Some(path) = guest("freedos-722/freedos722.img") else { return };
    let hash = |block_ops: usize| {
        let mut config = floppy(path.clone());
        config.block_ops = block_ops;
        let mut s = Session::new(&config);
        let mut hashes = Vec::new();
        for n in 1..=6 {
            assert_eq!(s.machine.run(u64::MAX, n * 50_000_000), RunExit::Icount);
            hashes.push(s.machine.state_hash());
        }
        hashes
    };
    let first = hash(64);
    assert_eq!(first, hash(64), "the same machine twice");
    assert_eq!(first, hash(1), "blocks of one op");
}

#[test]
fn linux_i386_boots_computes_and_powers_off() {
    let (Some(kernel), Some(initrd)) =
        (guest("linux-i386/vmlinuz-6.1.0-50-686"), guest("linux-i386/initramfs-tiny.gz"))
    else {
        return;
    };
    let mut s = Session::new(&linux(kernel, initrd, "console=ttyS0"));
    s.until_serial("GUEST-TEST-OK i386", 300);
    for line in [
        "arith: 6*7=42 123456789*1000=123456789000",
        "float: 73 6.727499949 0.333333333",
        "sort: 1 3 5 7 9",
        "gzip: ec87a838931d4d5d2e94a04644788a55",
        "sleep2: 2",
    ] {
        assert!(s.serial.contains(line), "{line} is missing in\n{}", s.serial);
    }
    let exit = s.machine.run(s.machine.now() + 10_000_000_000, u64::MAX);
    assert_eq!(exit, RunExit::PowerOff);
}
