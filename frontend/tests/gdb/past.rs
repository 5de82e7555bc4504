//! A recording under GDB: back and forth to breakpoints, watchpoints and instruction numbers, and its two ends; and the
//! same questions asked from the command line.

use super::client::{Client, Program};
use super::gdb::gdb;
use std::io::Write;
use std::process::{Command, Stdio};

const EIP: usize = 8;
const END: &str = "12000000";

/// A boot of the demo disk as a recording.
fn record() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("demo.rec").to_string_lossy().into_owned();
    let status = Command::new(env!("CARGO_BIN_EXE_rewind86"))
        .args(["demo", "--display", "none", "--max-instructions", END, "--record", &path])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(4));
    (dir, path)
}

fn ticks(c: &mut Client) -> u32 {
    u32::from_le_bytes(c.memory(0x46C, 4).try_into().unwrap())
}

#[test]
fn back_and_forth() {
    let (_dir, path) = record();
    let program = Program::start(&["replay", &path], "");
    let mut c = program.connect();
    assert!(c.ask("qSupported:multiprocess+;swbreak+").contains("ReverseContinue+"));
    assert_eq!(c.icount(), 0, "a replay waits for its debugger");
    assert!(c.ask("bs").contains("replaylog:begin"));
    assert!(c.ask("bc").contains("replaylog:begin"));

    // Forward to the boot sector, a step on, back again.
    c.ok("Z0,7c00,1");
    assert!(c.go().contains("swbreak:"));
    let boot = c.icount();
    c.step();
    assert_ne!(c.register32(EIP), 0x7C00);
    assert!(c.ask("bs").starts_with("T05"));
    assert_eq!((c.icount(), c.register32(EIP)), (boot, 0x7C00));
    c.ok("z0,7c00,1");

    // To the end, then back by a watchpoint: it stops before the write.
    assert!(c.go().contains("replaylog:end"));
    assert_eq!(c.icount().to_string(), END);
    let last = ticks(&mut c);
    c.ok("Z2,46c,4");
    let stop = c.ask("bc");
    assert!(stop.contains("watch:046c;"), "{stop}");
    assert_eq!(ticks(&mut c), last - 1);
    let write = c.icount();
    assert!(c.monitor("lastwrite 0x46c").contains("write linear 0x46c"));
    assert_eq!(c.icount(), write, "a question moves nothing");
    assert!(c.go().contains("watch:046c;"));
    assert_eq!((ticks(&mut c), c.icount()), (last, write + 1));
    assert!(c.ask("bc").contains("watch:046c;"));
    assert_eq!(c.icount(), write);
    c.ok("z2,46c,4");

    // The boot sector again, backwards.
    c.ok("Z1,7c00,1");
    assert!(c.ask("bc").contains("hwbreak:"));
    assert_eq!((c.icount(), c.register32(EIP)), (boot, 0x7C00));
    c.ok("z1,7c00,1");
    assert!(c.monitor("goto 5000000").starts_with("icount 5000000 "));
    // An impatient GDB.
    c.stream.write_all(b"-").unwrap();
    assert!(c.monitor("goto 99999999999").contains("has instructions 0 to"));
    assert_eq!(c.icount(), 5_000_000);
    // A recording stays what it is.
    assert_eq!(c.ask("P0=78563412"), "E1e");
    assert_eq!(c.ask("M500,1:00"), "E1e");
    let snapshot = _dir.path().join("a.snap");
    assert!(c.monitor(&format!("snapshot {}", snapshot.display())).starts_with("snapshot "));
    assert!(snapshot.metadata().unwrap().len() > 1000);
    c.send("k");
    assert_eq!(program.finish().0, 0);

    // A replay that was walked through still ends as it was recorded.
    let program = Program::start(&["replay", &path], "");
    let mut c = program.connect();
    c.monitor("goto 11000000");
    c.ask("bs");
    c.monitor("goto 3000000");
    c.ok("D;1");
    let (status, _, err) = program.finish();
    assert_eq!(status, 0, "{err}");
}

#[test]
fn gdb_goes_back() {
    let (_dir, path) = record();
    let program = Program::start(&["replay", &path], "");
    let commands = [
        "break *0x7c00",
        "continue",
        "delete",
        "stepi",
        "reverse-stepi",
        "p/x $pc",
        "watch *(unsigned int *)0x46c",
        "continue",
        "reverse-continue",
        "reverse-continue",
        "continue",
        "delete",
        "reverse-continue",
        "p $icount",
        "continue",
        "kill",
    ];
    let Some(out) = gdb(&program.address, &commands) else { return };
    for expected in
        ["Breakpoint 1, 0x00007c00", "= 0x7c00", "Hardware watchpoint 2", "No more reverse-execution history", "= 0\n"]
    {
        assert!(out.contains(expected), "{expected:?} is missing in\n{out}");
    }
    assert_eq!(out.matches("No more reverse-execution history").count(), 2, "both ends\n{out}");
    assert_eq!(program.finish().0, 0);
}

#[test]
fn questions() {
    let (_dir, path) = record();
    let ask = |question: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_rewind86"))
            .args(["query", &path])
            .args(question.split(' '))
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(0), "{question}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let writes = ask("writes 0x46c..0x470");
    assert!(writes.lines().count() >= 2 && writes.lines().all(|l| l.contains("cr3 0x0 write linear 0x46")), "{writes}");
    assert_eq!(ask("writes 0x46c..0x470 --jobs 1 --linear"), writes);
    assert_eq!(ask("writes 0x46c..0x470 --cr3 0x1000"), "");
    let last = ask("last-write 0x46c 0x800000");
    let lines: Vec<&str> = last.lines().collect();
    assert_eq!(lines[0], writes.lines().next_back().unwrap());
    assert_eq!(lines[1], "no write to 0x800000");
    let boot = ask("executed 0x7c00");
    assert!(boot.contains(" 0000:7c00 cr3 0x0 executed"), "{boot}");
    let at: u64 = boot.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(ask(&format!("executed 0x7c00 --from {}", at + 1)), "");
    assert_eq!(ask(&format!("executed 0x7c00 --to {}", at + 1)), boot);
    assert_eq!(ask("interrupts 8 --limit 3").lines().count(), 3);
    assert!(ask("interrupts --limit 5").lines().all(|l| l.contains(" interrupt 0x")));
    assert!(ask("io 0x3f5 --limit 2").lines().all(|l| l.contains(" port 0x3f5 size 1 value 0x")));
}
