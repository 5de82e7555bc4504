//! The program with a machine under it: a boot sector of our own talks through every way in and out that a script has.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Prints `READY` with INT 10h, on COM1 and to port E9h, then answers each key with `GOT:` and the key everywhere, and
/// each byte from COM1 with the same byte. `q` from COM1 writes 15h to the debug-exit port, then halts for good.
///
/// ```text
///         xor ax,ax / mov ds,ax / mov ss,ax / mov sp,7c00h / mov dx,3fbh / mov al,3 / out dx,al / sti
///         mov si,ready / call puts
/// again:  mov ah,1 / int 16h / jnz key / mov dx,3fdh / in al,dx / test al,1 / jnz com / hlt / jmp again
/// key:    xor ah,ah / int 16h / mov [char],al / mov si,got / call puts / jmp again
/// com:    mov dx,3f8h / in al,dx / cmp al,'q' / je quit / call send / jmp again
/// quit:   mov al,15h / out 0f4h,al / cli / hlt
/// puts:   lodsb / or al,al / jz .r / push ax / mov ah,0eh / mov bx,7 / int 10h / pop ax / call send / out 0e9h,al
///         jmp puts / .r: ret
/// send:   push ax / mov dx,3fdh / .w: in al,dx / test al,20h / jz .w / pop ax / mov dx,3f8h / out dx,al / ret
/// ready:  db "READY",13,10,0 / got: db "GOT:" / char: db 0,13,10,0
/// ```
const ECHO: &[u8] = &[
    0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xD0, 0xBC, 0x00, 0x7C, 0xBA, 0xFB, 0x03, 0xB0, 0x03, 0xEE, 0xFB, 0xBE, 0x6E, 0x7C,
    0xE8, 0x33, 0x00, 0xB4, 0x01, 0xCD, 0x16, 0x75, 0x0B, 0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x75, 0x12, 0xF4, 0xEB,
    0xEF, 0x30, 0xE4, 0xCD, 0x16, 0xA2, 0x7A, 0x7C, 0xBE, 0x76, 0x7C, 0xE8, 0x15, 0x00, 0xEB, 0xE0, 0xBA, 0xF8, 0x03,
    0xEC, 0x3C, 0x71, 0x74, 0x05, 0xE8, 0x1E, 0x00, 0xEB, 0xD3, 0xB0, 0x15, 0xE6, 0xF4, 0xFA, 0xF4, 0xAC, 0x08, 0xC0,
    0x74, 0x10, 0x50, 0xB4, 0x0E, 0xBB, 0x07, 0x00, 0xCD, 0x10, 0x58, 0xE8, 0x05, 0x00, 0xE6, 0xE9, 0xEB, 0xEB, 0xC3,
    0x50, 0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x20, 0x74, 0xFB, 0x58, 0xBA, 0xF8, 0x03, 0xEE, 0xC3, 0x52, 0x45, 0x41, 0x44,
    0x59, 0x0D, 0x0A, 0x00, 0x47, 0x4F, 0x54, 0x3A, 0x00, 0x0D, 0x0A, 0x00,
];

/// `lidt [zero] / int3`: a triple fault.
const TRIPLE_FAULT: &[u8] = &[0x0F, 0x01, 0x1E, 0x06, 0x7C, 0xCC, 0, 0, 0, 0, 0, 0];

struct Guest {
    folder: tempfile::TempDir,
}

impl Guest {
    fn new(code: &[u8]) -> Self {
        let guest = Self { folder: tempfile::tempdir().unwrap() };
        let mut image = code.to_vec();
        image.resize(510, 0);
        image.extend([0x55, 0xAA]);
        image.resize(1_474_560, 0);
        std::fs::write(guest.path("boot.img"), image).unwrap();
        guest
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rewind86"));
        let common = ["run", "--floppy", "boot.img", "--memory", "4M", "--display", "none", "--timeout", "60"];
        command.args(common).args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn script(&self, text: &str, arguments: &[&str]) -> Output {
        std::fs::write(self.path("script"), text).unwrap();
        self.run(&[&["--script", "script"], arguments].concat())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_script_sees_types_and_photographs() {
    let guest = Guest::new(ECHO);
    let output = guest.script(
        "wait-screen \"READY\"\ntype \"xY\"\nwait-screen \"GOT:x\"\nwait-screen \"GOT:Y\" 5\nassert-screen \"GOT:x\\nGOT:Y\"\n\
         key shift-z\nwait-serial \"GOT:Z\"\nserial \"abc\"\nwait-serial \"abc\" 5\nscreenshot a.png\nscreen-text a.txt\n",
        &["--serial", "none"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let screen = std::fs::read_to_string(guest.path("a.txt")).unwrap();
    assert!(screen.contains("READY\nGOT:x\nGOT:Y\nGOT:Z\n"), "{screen}");
    assert_eq!(screen.lines().count(), 25);
    let png = std::fs::read(guest.path("a.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n") && png.len() > 200);
}

#[test]
fn two_runs_of_a_script_are_the_same_instruction_for_instruction() {
    let guest = Guest::new(ECHO);
    let run = || {
        let script = "wait-screen \"READY\"\ntype \"hello\"\nwait-screen \"GOT:o\"\nmouse 10 20 left\nsleep 0.5\n";
        let output = guest.script(script, &["--hash-at", "1000,1000000,9000000", "--stats"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let stats = text(&output.stderr);
        let icount = stats.split([':', ',']).nth(1).unwrap().to_string();
        (text(&output.stdout), icount)
    };
    let (hashes, icount) = run();
    assert!(hashes.starts_with("hash 1000 ") && hashes.lines().count() >= 2, "{hashes}");
    assert_eq!((hashes, icount), run());
}

#[test]
fn standard_streams_are_com1_and_the_debug_console() {
    let guest = Guest::new(ECHO);
    let mut child = guest
        .command(&["--serial", "stdio", "--debug-exit"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut seen = Vec::new();
    let mut byte = [0];
    let mut out = child.stdout.take().unwrap();
    while !seen.ends_with(b"READY\r\n") {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "{}", text(&seen));
        seen.push(byte[0]);
    }
    // The answer arrives while both sides are still open: nothing waits in a buffer.
    input.write_all(b"hi").unwrap();
    while !seen.ends_with(b"hi") {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "{}", text(&seen));
        seen.push(byte[0]);
    }
    input.write_all(b"q").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0x15 * 2 + 1));

    // The firmware writes its own messages there too, in front.
    let output = guest.script("wait-serial \"READY\"\nsleep 0.1\n", &["--debugcon", "stdio"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).ends_with("READY\r\n"), "{}", text(&output.stdout));
}

#[test]
fn ports_can_be_files() {
    let guest = Guest::new(ECHO);
    let output = guest.script(
        "wait-serial \"READY\"\ntype \"k\"\nwait-screen \"GOT:k\"\n",
        &["--serial", "file=com1", "--debugcon", "file=e9"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let read = |name| text(&std::fs::read(guest.path(name)).unwrap());
    assert_eq!(read("com1"), "READY\r\nGOT:k\r\n");
    assert!(read("e9").ends_with("READY\r\nGOT:k\r\n"), "{}", read("e9"));
}

#[test]
fn instructions_are_limited_exactly() {
    let guest = Guest::new(ECHO);
    let output = guest.run(&["--max-instructions", "123457", "--hash-at", "123457", "--stats"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("\"instructions\":123457,"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("hash 123457 "), "{}", text(&output.stdout));
}

#[test]
fn a_guest_that_stops_for_good_is_reported() {
    let output = Guest::new(TRIPLE_FAULT).run(&["--no-reboot"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert!(text(&output.stderr).starts_with("rewind86: the guest stopped: "), "{}", text(&output.stderr));
    // Without debug-exit the guest's last instruction is a halt with interrupts off.
    let output = Guest::new(ECHO).script("wait-serial \"READY\"\nserial \"q\"\nsleep 5\n", &["--no-reboot"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
}

#[test]
fn a_failing_step_shows_the_screen() {
    let output = Guest::new(ECHO).script("wait-screen \"READY\"\nwait-screen \"NEVER\" 0.3\n", &[]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{error}");
    assert!(error.starts_with("rewind86: script line 2: wait-screen \"NEVER\" 0.3: not seen"), "{error}");
    assert!(error.lines().any(|l| l == "| READY"), "{error}");
}

#[test]
fn media_are_exchanged_and_files_stay_untouched() {
    let guest = Guest::new(ECHO);
    let before = std::fs::read(guest.path("boot.img")).unwrap();
    std::fs::write(guest.path("other.img"), vec![0; 737_280]).unwrap();
    let steps =
        "wait-screen \"READY\"\nfloppy other.img\nsleep 0.1\neject\nfloppy boot.img,readonly\ncdrom nothing.iso\n";
    let output = guest.script(steps, &["--discard-writes"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{error}");
    assert!(error.contains("script line 6: cdrom nothing.iso: ") && error.contains("nothing.iso"), "{error}");
    assert_eq!(std::fs::read(guest.path("boot.img")).unwrap(), before);
}

#[test]
fn real_time_is_not_outrun() {
    let guest = Guest::new(ECHO);
    let start = Instant::now();
    let output = guest.script("sleep 0.6\n", &["--speed", "real"]);
    assert_eq!(output.status.code(), Some(0));
    // Only the lower bound: a busy host may be as late as it likes.
    assert!(start.elapsed() >= Duration::from_millis(550), "{:?}", start.elapsed());
}
