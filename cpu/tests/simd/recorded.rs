//! Results recorded on an Intel processor, one line a case in `recorded.txt`: the instruction, the seed of the state
//! before it, and what it changed.

use crate::rig::{Core, Rng, State, blank};
use rewind86_cpu::Exit;

/// Everything that differs between two states, as words `name=value`.
pub fn changes(before: &State, after: &State) -> String {
    let mut words = Vec::new();
    for (i, name) in ["rax", "rcx", "rdx"].iter().enumerate() {
        if before.gpr[i] != after.gpr[i] {
            words.push(format!("{name}={:X}", after.gpr[i]));
        }
    }
    if before.flags != after.flags {
        words.push(format!("flags={:X}", after.flags));
    }
    let (b, a) = (&before.fx.0, &after.fx.0);
    for (name, at, len) in [("fsw", 2, 2), ("tags", 4, 1), ("mxcsr", 24, 4)] {
        if b[at..at + len] != a[at..at + len] {
            words.push(format!("{name}={}", hex(&a[at..at + len])));
        }
    }
    for i in 0..24 {
        let at = 32 + 16 * i;
        let (name, n, len) = if i < 8 { ("st", i, 10) } else { ("xmm", i - 8, 16) };
        if b[at..at + len] != a[at..at + len] {
            words.push(format!("{name}{n}={}", hex(&a[at..at + len])));
        }
    }
    if before.memory != after.memory {
        words.push(format!("mem={}", hex(&after.memory.0[..16])));
    }
    words.join(" ")
}

/// Bytes of a little-endian number, its top digit first.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|b| format!("{b:02X}")).collect()
}

/// The state before case `seed`, as both sides of a comparison have it.
pub fn input(seed: u64) -> State {
    let mut s = Rng(seed).state();
    blank(&mut s);
    s
}

#[test]
fn recorded_cases() {
    let mut core = Core::new();
    let mut wrong = Vec::new();
    let text = include_str!("recorded.txt");
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (head, want) = line.split_once(" = ").or_else(|| Some((line.strip_suffix(" =")?, ""))).unwrap();
        let (bytes, seed) = head.split_once(' ').unwrap();
        let bytes: Vec<u8> =
            (0..bytes.len() / 2).map(|i| u8::from_str_radix(&bytes[2 * i..2 * i + 2], 16).unwrap()).collect();
        let before = input(u64::from_str_radix(seed, 16).unwrap());
        let mut after = before.clone();
        let exit = core.run(&bytes, &mut after);
        blank(&mut after);
        let got = changes(&before, &after);
        if exit != Exit::Limit || got != want {
            wrong.push(format!("{head}\n  want {want}\n  got  {got} {exit:?}"));
        }
    }
    assert!(text.lines().count() > 400);
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
