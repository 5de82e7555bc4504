//! GDB itself, in batch mode.

use super::client::Program;
use std::process::Command;

/// Runs GDB with these commands; `None` when there is no GDB here.
pub fn gdb(address: &str, commands: &[&str]) -> Option<String> {
    if Command::new("gdb").arg("--version").output().is_err() {
        eprintln!("skipped: gdb is not installed");
        return None;
    }
    let mut command = Command::new("gdb");
    command.args(["-nx", "-batch", "-ex", "set pagination off", "-ex", &format!("target remote {address}")]);
    for line in commands {
        command.args(["-ex", line]);
    }
    let out = command.output().unwrap();
    Some(String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

#[test]
fn gdb_sees_the_registers_and_stops() {
    let program = Program::start(&["demo", "--max-instructions", "20000000"], ",wait");
    let commands = [
        "p $cr0",
        "x/i $pc",
        "break *0x7c00",
        "continue",
        "p/x $pc",
        "p/x $cs",
        "p $st0",
        "p $xmm0.uint128",
        "x/2xb 0x7dfe",
        "delete",
        "watch *(unsigned int *)0x46c",
        "continue",
        "info threads",
        "kill",
    ];
    let Some(out) = gdb(&program.address, &commands) else { return };
    for expected in [
        "= [ ET NW CD ]",
        "ljmp   $0xf000,",
        "Breakpoint 1, 0x00007c00",
        "= 0x7c00",
        "0x55\t0xaa",
        "Hardware watchpoint 2",
        "New value = ",
        "CPU#0 [running]",
    ] {
        assert!(out.contains(expected), "{expected:?} is missing in\n{out}");
    }
    assert_eq!(program.finish().0, 0);
}

#[test]
fn every_view_is_understood() {
    for (arch, name) in [("8086", "i8086"), ("386", "i386"), ("x86-64", "i386:x86-64")] {
        let program = Program::start(&["demo", "--max-instructions", "20000000"], &format!(",wait,arch={arch}"));
        let commands =
            ["show architecture", "p/x $pc", "p/x $cs_base", "p $eflags", "p $fctrl", "stepi", "p $icount", "kill"];
        let Some(out) = gdb(&program.address, &commands) else { return };
        for expected in [name, "0xfffffff0", "0xffff0000", "[ ]", "= 1"] {
            assert!(out.contains(expected), "{arch}: {expected:?} is missing in\n{out}");
        }
        assert_eq!(program.finish().0, 0);
    }
}
