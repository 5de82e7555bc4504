//! `rewind86 bench`: how fast this build emulates on this host, as one table.
//!
//! Each line is a boot sector that enters flat 32-bit protected mode, sends 2 to the debug console, runs one loop and
//! sends 3; neither occurs in the firmware's messages. The assembly stands beside the bytes. Instructions are counted
//! by the machine, a `rep` iteration as one; seconds are the host's.

use std::io::Write;
use std::time::{Duration, Instant};

use rewind86_machine::config::{BootDevice, ImageSpec, MachineConfig};
use rewind86_machine::{Machine, RunExit};

use crate::status::{self, Failure, io_reason};

/// What a boot sector sends before and after its loop.
const START: u8 = 2;
const END: u8 = 3;
/// Virtual ns between two looks at the debug console.
const SLICE: u64 = 500_000;
/// No loop takes so long on any host.
const LIMIT: Duration = Duration::from_secs(120);
/// Size of a 1.44M floppy.
const FLOPPY: usize = 1_474_560;

/// `cli; xor ax,ax; mov ds,ax; lgdt [gdtr]; mov eax,cr0; or al,1; mov cr0,eax; jmp 8:pm`, a GDT with flat code (8) and
/// data (10h), and at pm `mov eax,10h; mov ds,ax; mov es,ax; mov ss,ax; mov esp,7c00h; cld; mov al,2; out 0e9h,al`.
const PROLOGUE: &[u8] = &[
    0xFA, 0x31, 0xC0, 0x8E, 0xD8, 0x0F, 0x01, 0x16, 0x2F, 0x7C, 0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0, 0xEA,
    0x35, 0x7C, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x9A, 0xCF,
    0x00, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x92, 0xCF, 0x00, 0x17, 0x00, 0x17, 0x7C, 0x00, 0x00, 0xB8, 0x10, 0x00, 0x00,
    0x00, 0x8E, 0xD8, 0x8E, 0xC0, 0x8E, 0xD0, 0xBC, 0x00, 0x7C, 0x00, 0x00, 0xFC, 0xB0, 0x02, 0xE6, 0xE9,
];

/// `mov al,3; out 0e9h,al; hlt`
const EPILOGUE: &[u8] = &[0xB0, 0x03, 0xE6, 0xE9, 0xF4];

/// A loop: its name, what it does, its code.
const LOOPS: &[(&str, &str, &[u8])] = &[
    // mov ecx,20000000; l: add eax,ebx; xor edx,eax; sub ebx,edx; or esi,eax; and edi,edx; adc eax,esi; inc edi;
    // shl ebx,3; dec ecx; jnz l
    (
        "alu",
        "register arithmetic",
        &[
            0xB9, 0x00, 0x2D, 0x31, 0x01, 0x01, 0xD8, 0x31, 0xC2, 0x29, 0xD3, 0x09, 0xC6, 0x21, 0xD7, 0x11, 0xF0, 0x47,
            0xC1, 0xE3, 0x03, 0x49, 0x75, 0xED,
        ],
    ),
    // mov ecx,20000000; mov eax,12345678h; l: imul eax,eax,1103515245; add eax,12345; test eax,10000h; jz a;
    // add ebx,eax; a: test eax,20000h; jz b; xor edx,eax; b: dec ecx; jnz l
    (
        "branch",
        "unpredictable branches",
        &[
            0xB9, 0x00, 0x2D, 0x31, 0x01, 0xB8, 0x78, 0x56, 0x34, 0x12, 0x69, 0xC0, 0x6D, 0x4E, 0xC6, 0x41, 0x05, 0x39,
            0x30, 0x00, 0x00, 0xA9, 0x00, 0x00, 0x01, 0x00, 0x74, 0x02, 0x01, 0xC3, 0xA9, 0x00, 0x00, 0x02, 0x00, 0x74,
            0x02, 0x31, 0xC2, 0x49, 0x75, 0xE0,
        ],
    ),
    // mov edx,400; o: mov esi,10000h; mov ecx,16384; l: mov eax,[esi]; add ebx,[esi+4]; mov edi,[esi+8];
    // add eax,[esi+12]; add esi,16; dec ecx; jnz l; dec edx; jnz o
    (
        "load",
        "memory reads",
        &[
            0xBA, 0x90, 0x01, 0x00, 0x00, 0xBE, 0x00, 0x00, 0x01, 0x00, 0xB9, 0x00, 0x40, 0x00, 0x00, 0x8B, 0x06, 0x03,
            0x5E, 0x04, 0x8B, 0x7E, 0x08, 0x03, 0x46, 0x0C, 0x83, 0xC6, 0x10, 0x49, 0x75, 0xEF, 0x4A, 0x75, 0xE2,
        ],
    ),
    // mov edx,400; o: mov esi,10000h; mov ecx,16384; l: mov [esi],eax; mov [esi+4],ebx; inc dword [esi+8];
    // mov [esi+12],ecx; add esi,16; dec ecx; jnz l; dec edx; jnz o
    (
        "store",
        "memory writes",
        &[
            0xBA, 0x90, 0x01, 0x00, 0x00, 0xBE, 0x00, 0x00, 0x01, 0x00, 0xB9, 0x00, 0x40, 0x00, 0x00, 0x89, 0x06, 0x89,
            0x5E, 0x04, 0xFF, 0x46, 0x08, 0x89, 0x4E, 0x0C, 0x83, 0xC6, 0x10, 0x49, 0x75, 0xEF, 0x4A, 0x75, 0xE2,
        ],
    ),
    // mov ecx,15000000; l: call f; call g; dec ecx; jnz l; jmp e; f: add eax,ecx; ret; g: push ebx; xor ebx,eax;
    // pop ebx; ret; e:
    (
        "call",
        "calls and returns",
        &[
            0xB9, 0xC0, 0xE1, 0xE4, 0x00, 0xE8, 0x0A, 0x00, 0x00, 0x00, 0xE8, 0x08, 0x00, 0x00, 0x00, 0x49, 0x75, 0xF3,
            0xEB, 0x08, 0x01, 0xC8, 0xC3, 0x53, 0x31, 0xC3, 0x5B, 0xC3,
        ],
    ),
    // mov ecx,10000000; mov ebx,7; l: mov eax,ecx; xor edx,edx; div ebx; imul eax,edx; add esi,eax; dec ecx; jnz l
    (
        "divide",
        "multiplication, division",
        &[
            0xB9, 0x80, 0x96, 0x98, 0x00, 0xBB, 0x07, 0x00, 0x00, 0x00, 0x89, 0xC8, 0x31, 0xD2, 0xF7, 0xF3, 0x0F, 0xAF,
            0xC2, 0x01, 0xC6, 0x49, 0x75, 0xF2,
        ],
    ),
    // mov edx,2000; l: mov esi,10000h; mov edi,40000h; mov ecx,16384; rep movsd; dec edx; jnz l
    (
        "copy",
        "rep movsd",
        &[
            0xBA, 0xD0, 0x07, 0x00, 0x00, 0xBE, 0x00, 0x00, 0x01, 0x00, 0xBF, 0x00, 0x00, 0x04, 0x00, 0xB9, 0x00, 0x40,
            0x00, 0x00, 0xF3, 0xA5, 0x4A, 0x75, 0xEC,
        ],
    ),
    // mov ecx,5000000; fninit; fld1; fldpi; l: fld st0; fmul st0,st2; fadd st0,st1; fdiv st0,st1; fstp st2; dec ecx;
    // jnz l
    (
        "float",
        "x87 arithmetic",
        &[
            0xB9, 0x40, 0x4B, 0x4C, 0x00, 0xDB, 0xE3, 0xD9, 0xE8, 0xD9, 0xEB, 0xD9, 0xC0, 0xD8, 0xCA, 0xD8, 0xC1, 0xD8,
            0xF1, 0xDD, 0xDA, 0x49, 0x75, 0xF3,
        ],
    ),
];

/// Runs every loop and prints the table as it grows.
pub fn run() -> Result<u8, Failure> {
    print(&format!("{:<8} {:<26} {:>13} {:>9} {:>8}\n", "loop", "what", "instructions", "seconds", "MIPS"))?;
    let mut product = 0.0;
    for (name, what, code) in LOOPS {
        let (instructions, time) = measure(name, code)?;
        let seconds = time.as_secs_f64().max(1e-9);
        let mips = instructions as f64 / seconds / 1e6;
        product += mips.max(1e-9).ln();
        print(&format!("{name:<8} {what:<26} {instructions:>13} {seconds:>9.3} {mips:>8.0}\n"))?;
    }
    let mean = (product / LOOPS.len() as f64).exp();
    print(&format!("{:<8} {:<26} {:>13} {:>9} {mean:>8.0}\n", "mean", "(geometric)", "", ""))?;
    Ok(status::OK)
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Failure::host(format!("standard output: {}", io_reason(&e))))
}

/// A floppy that boots into a loop.
fn floppy(code: &[u8]) -> Vec<u8> {
    let mut image = [PROLOGUE, code, EPILOGUE].concat();
    image.resize(510, 0);
    image.extend([0x55, 0xAA]);
    image.resize(FLOPPY, 0);
    image
}

/// Instructions and host time between the two marks.
fn measure(name: &str, code: &[u8]) -> Result<(u64, Duration), Failure> {
    let config = MachineConfig {
        memory: 16 << 20,
        floppies: [Some(ImageSpec { bytes: Some(floppy(code)), ..ImageSpec::default() }), None],
        boot: vec![BootDevice::Floppy],
        ..MachineConfig::default()
    };
    let mut machine = Machine::new(&config).map_err(Failure::host)?;
    let failed = |why: &str| Failure::host(format!("bench: the loop {name} {why}"));
    let began = Instant::now();
    let mut start = None;
    loop {
        let exit = machine.run(machine.now() + SLICE, u64::MAX);
        let marks = machine.take_debugcon();
        if marks.contains(&START) {
            start = Some((machine.icount(), Instant::now()));
        }
        if let (true, Some((icount, time))) = (marks.contains(&END), start) {
            return Ok((machine.icount() - icount, time.elapsed()));
        }
        match exit {
            RunExit::Time | RunExit::Icount | RunExit::Probe => {}
            RunExit::Stopped(why) => return Err(failed(&format!("stopped: {why}"))),
            RunExit::PowerOff | RunExit::DebugExit(_) | RunExit::ReplayEnd | RunExit::Diverged(_) => {
                return Err(failed("switched the machine off"));
            }
        }
        if began.elapsed() > LIMIT {
            return Err(failed("does not end"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loop_fits_its_boot_sector() {
        for (name, _, code) in LOOPS {
            assert!(PROLOGUE.len() + code.len() + EPILOGUE.len() <= 446, "{name}");
            let image = floppy(code);
            assert_eq!((image.len(), &image[510..512]), (FLOPPY, &[0x55, 0xAA][..]));
        }
    }
}
