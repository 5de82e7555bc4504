//! A machine that runs: breakpoints, watchpoints, steps, memory, registers, monitor, and clients that misbehave.

use super::client::{Program, hex};
use std::io::{Read, Write};

/// Behind the start of the boot sector.
const END: &str = "12000000";
const EIP: usize = 8;

fn demo() -> Vec<&'static str> {
    vec!["demo", "--max-instructions", "12000001", "--hash-at", END]
}

fn plain_hash() -> String {
    let arguments = demo();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_rewind86"))
        .args(&arguments)
        .args(["--display", "none"])
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_session_leaves_the_machine_as_it_was() {
    let program = Program::start(&demo(), ",wait");
    let mut c = program.connect();
    assert!(c.ask("qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+").contains("qXfer:features:read+"));
    let xml = c.ask("qXfer:features:read:target.xml:0,3000");
    assert!(xml.starts_with("m<?xml") && xml.contains("<architecture>i8086</architecture>"), "{xml}");
    assert!(c.ask("?").starts_with('T') || c.ask("?").starts_with('S'));
    assert_eq!((c.icount(), c.register32(EIP)), (0, 0xFFFF_FFF0));
    assert_eq!(c.memory(0xFFFF_FFF0, 1), [0xEA], "a far jump");
    assert!(c.step().starts_with("T05"));
    assert_eq!((c.icount(), c.register32(EIP)), (1, 0xFE05B));

    c.ok("Z0,7c00,1");
    let stop = c.go();
    assert!(stop.starts_with("T05") && stop.contains("swbreak:"), "{stop}");
    assert_eq!(c.register32(EIP), 0x7C00);
    let start = c.icount();
    assert_eq!(c.memory(0x7DFE, 2), [0x55, 0xAA]);
    c.ok("z0,7c00,1");

    // The tick count of the BIOS data area, written by the timer's handler.
    let before = c.memory(0x46C, 4);
    c.ok("Z2,46c,4");
    let stop = c.go();
    assert!(stop.starts_with("T05") && stop.contains("watch:046c;"), "{stop}");
    assert_ne!(before, c.memory(0x46C, 4));
    assert!(c.icount() > start);
    c.ok("z2,46c,4");
    c.ok("Z3,46c,4");
    let stop = c.go();
    assert!(stop.contains("rwatch:046"), "{stop}");
    c.ok("z3,46c,4");

    // Physical addresses as QEMU has them: no A20 wrap, no paging.
    c.ok("Qqemu.PhyMemMode:1");
    assert_eq!(c.ask("qqemu.PhyMemMode"), "1");
    assert_eq!(c.memory(0xFFFF0, 1), [0xEA]);
    c.ok("Qqemu.PhyMemMode:0");

    assert!(c.monitor("help").contains("lastwrite ADDR"));
    assert!(c.monitor("regs").contains("16-bit code"));
    assert!(c.monitor("goto 1").contains("needs a recording"));
    assert!(c.monitor("fly").contains("unknown command"));
    assert_eq!(c.ask("bs"), "", "no past, no reverse execution");
    assert_eq!(c.ask("qfThreadInfo"), "mp01.01");
    c.ok("D;1");
    let (status, out, _) = program.finish();
    assert_eq!((status, out), (4, plain_hash()));
}

#[test]
fn a_running_machine_is_interrupted_changed_and_killed() {
    let program = Program::start(&["demo", "--speed", "real"], "");
    let mut c = program.connect();
    c.send("vCont;c");
    std::thread::sleep(std::time::Duration::from_millis(100));
    c.stream.write_all(&[3]).unwrap();
    assert!(c.receive().starts_with("T02"));
    let at = c.icount();
    assert_eq!(c.icount(), at, "it stands");
    c.ok("P0=78563412");
    assert_eq!(c.register32(0), 0x1234_5678);
    c.ok(&format!("M500,4:{}", hex(&[1, 2, 3, 4])));
    assert_eq!(c.memory(0x500, 4), [1, 2, 3, 4]);
    // All registers at once: the second is EIP's neighbour ECX.
    let mut all = c.ask("g");
    all.replace_range(8..16, "efbeadde");
    c.ok(&format!("G{all}"));
    assert_eq!(c.register32(1), 0xDEAD_BEEF);
    c.send("k");
    assert_eq!(program.finish().0, 0);
}

#[test]
fn clients_that_misbehave_lose_their_connection_only() {
    let program = Program::start(&["demo", "--hash-at", END], ",wait");
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as u8
    };
    let noise: Vec<u8> = (0..4000).map(|_| random()).collect();
    let endless = [b"$".as_slice(), &[b'x'; 100_000]].concat();
    let mut cases = vec![noise, endless, b"$m0,1#00".to_vec(), b"$g#67".to_vec(), b"\x03\x03\x03".to_vec()];
    for packet in [
        "m",
        "m,",
        "mzz,1",
        "M0",
        "mffffffffffffffff,1000",
        "Z9,0,0",
        "Z0,x,1",
        "Z2,0,ffffffffffffffff",
        "vCont;",
        "vCont;s",
        "vCont;q",
        "Hg-5",
        "P",
        "Pfff=00",
        "p1000",
        "G00",
        "qXfer:features:read:target.xml:fffffffffffffff,1",
        "qXfer:features:read:x:0,5",
        "qRcmd,zz",
        "qRcmd,",
        "bs",
        "bc",
        "D;9",
        "T99",
        "X",
        "QStartNoAckMode",
    ] {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        cases.push(format!("${packet}#{sum:02x}").into_bytes());
    }
    for case in cases {
        let mut c = program.connect();
        // The server may close before it has read everything.
        let _ = c.stream.write_all(&case);
        let _ = c.stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = c.stream.read_to_end(&mut rest);
    }
    // The run went on between them, and nothing that they sent reached it.
    let mut c = program.connect();
    while c.icount() < 12_000_001 {
        c.ok("D;1");
        c = program.connect();
    }
    c.send("k");
    let (status, out, err) = program.finish();
    assert_eq!((status, out), (0, plain_hash()));
    assert!(err.lines().all(|l| l.starts_with("rewind86: ") && !l.contains("internal error")), "{err}");
}
