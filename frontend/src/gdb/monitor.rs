//! The `monitor` commands.

use std::path::PathBuf;

use rewind86_machine::history::{self, Position};
use rewind86_machine::regs::{Seg, Segment};
use rewind86_machine::{Frame, Machine};

use super::link::{Debuggee, Gone};
use super::target::Debugger;
use crate::cli::values;
use crate::shot;
use crate::status::{io_reason, one_line};

const HELP: &str = "\
help               this list
icount             instructions retired, virtual time, and the bounds of the recording
regs               system registers and segments, whatever the code's width
phys on|off        addresses are physical, or linear (as maintenance packet Qqemu.PhyMemMode:1)
goto N             go to an instruction number of the recording; then: maintenance flush register-cache
lastwrite ADDR     the last write to a byte before now
writes ADDR [N]    the last N (10) writes to a byte before now
snapshot FILE      write the whole machine
screenshot FILE    write the screen as PNG
";

/// The answer to a command, each line ended.
pub fn answer(d: &mut Debugger, text: &str) -> Result<String, Gone> {
    let mut words = text.split_whitespace();
    let command = words.next().unwrap_or("help");
    let arguments: Vec<String> = words.map(str::to_string).collect();
    let argument = arguments.first().cloned();
    let number = argument.as_deref().map(values::number);
    let answer = match (command, argument, number) {
        ("help", ..) => HELP.to_string(),
        ("icount", ..) => d.link().call(icount)?,
        ("regs", ..) => d.link().call(|d| regs(d.machine().cpu()))?,
        ("phys", Some(word), _) if word == "on" || word == "off" => {
            d.physical = word == "on";
            format!("addresses are {}\n", if d.physical { "physical" } else { "linear" })
        }
        ("goto", _, Some(Ok(to))) => d.link().call(move |d| goto(d, to))?,
        ("lastwrite", _, Some(Ok(at))) => {
            let physical = d.physical;
            d.link().call(move |d| super::past::writes(d, at, physical, 1))?
        }
        ("writes", _, Some(Ok(at))) => {
            let most = match arguments.get(1).map(|n| values::number(n)) {
                None => 10,
                Some(Ok(n)) => usize::try_from(n).unwrap_or(usize::MAX),
                Some(Err(why)) => return Ok(format!("writes: {why}\n")),
            };
            let physical = d.physical;
            d.link().call(move |d| super::past::writes(d, at, physical, most))?
        }
        ("snapshot", Some(file), _) => d.link().call(move |d| match snapshot(d.machine(), &file) {
            Ok(()) => format!("snapshot {file}\n"),
            Err(why) => format!("snapshot {file}: {why}\n"),
        })?,
        ("screenshot", Some(file), _) => d.link().call(move |d| {
            let mut frame = Frame::default();
            d.machine().frame(&mut frame);
            match shot::write_png(&frame, &PathBuf::from(&file)) {
                Ok(()) => format!("screenshot {file}\n"),
                Err(why) => format!("screenshot {file}: {why}\n"),
            }
        })?,
        ("goto" | "lastwrite" | "writes", _, Some(Err(why))) => format!("{command}: {why}\n"),
        ("goto" | "lastwrite" | "writes" | "snapshot" | "screenshot" | "phys", ..) => {
            format!("{command} needs an argument; see monitor help\n")
        }
        _ => format!("unknown command {command:?}; see monitor help\n"),
    };
    Ok(answer)
}

fn snapshot(machine: &mut Machine, file: &str) -> Result<(), String> {
    let bytes = machine.save().map_err(|e| one_line(&e.to_string()))?;
    std::fs::write(file, bytes).map_err(|e| io_reason(&e))
}

fn icount(d: &mut dyn Debuggee) -> String {
    let m = d.machine();
    let (at, now) = (Position::of(m), m.now());
    let mut text =
        format!("icount {} phase {} time {}.{:09} s", at.icount, at.phase, now / 1_000_000_000, now % 1_000_000_000);
    if let Some(past) = d.history() {
        let (first, last) = past.bounds();
        text += &format!(" of {first} to {last}");
    }
    text + "\n"
}

fn goto(d: &mut dyn Debuggee, to: u64) -> String {
    let Some(past) = d.history() else { return "goto needs a recording: use replay, or run with --record\n".into() };
    let (first, last) = past.bounds();
    if !(first..=last).contains(&to) {
        return format!("goto {to}: the recording has instructions {first} to {last}\n");
    }
    let gone = history::go(past, Position { icount: to, phase: 0 });
    d.forget_output();
    match gone {
        Ok(()) => icount(d),
        Err(e) => format!("goto {to}: {e}\n"),
    }
}

fn segment(name: &str, s: &Segment) -> String {
    format!("{name:5} {:04x} base {:016x} limit {:08x} attributes {:04x}\n", s.selector, s.base, s.limit, s.attr)
}

fn regs(cpu: &rewind86_machine::cpu::Cpu) -> String {
    let s = cpu.save();
    let mut text = format!(
        "{}-bit code, CPL {}, linear address of the next instruction {:x}\n",
        cpu.code_bits(),
        s.seg.get(Seg::Ss as usize).map_or(0, Segment::dpl),
        cpu.linear_rip()
    );
    const NAMES: [&str; 16] =
        ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
    for (n, (name, value)) in NAMES.iter().zip(s.gpr).enumerate() {
        text += &format!("{name:3} {value:016x}{}", if n % 4 == 3 { "\n" } else { "  " });
    }
    text += &format!("rip {:016x}  rflags {:016x}\n", s.rip, s.rflags);
    for (seg, name) in
        [Seg::Es, Seg::Cs, Seg::Ss, Seg::Ds, Seg::Fs, Seg::Gs].into_iter().zip(["es", "cs", "ss", "ds", "fs", "gs"])
    {
        if let Some(segment_value) = s.seg.get(seg as usize) {
            text += &segment(name, segment_value);
        }
    }
    text += &segment("ldtr", &s.sys.ldtr);
    text += &segment("tr", &s.sys.tr);
    text += &format!("gdtr base {:016x} limit {:04x}\n", s.sys.gdtr.base, s.sys.gdtr.limit);
    text += &format!("idtr base {:016x} limit {:04x}\n", s.sys.idtr.base, s.sys.idtr.limit);
    text += &format!(
        "cr0 {:x}  cr2 {:x}  cr3 {:x}  cr4 {:x}  cr8 {:x}\n",
        s.sys.cr0,
        s.sys.cr2,
        s.sys.cr3,
        s.sys.cr4,
        s.lines.apic.tpr >> 4
    );
    text += &format!("efer {:x}  a20 {}  halted {}\n", s.sys.efer, u8::from(s.sys.a20), u8::from(s.sys.halted));
    let [dr0, dr1, dr2, dr3, _, _, dr6, dr7] = s.sys.dr;
    text + &format!("dr0 {dr0:x}  dr1 {dr1:x}  dr2 {dr2:x}  dr3 {dr3:x}  dr6 {dr6:x}  dr7 {dr7:x}\n")
}
