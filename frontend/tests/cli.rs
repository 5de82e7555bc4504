//! The program as a script calls it: bad input of every kind gives one line on stderr, nothing else, and the exit
//! status that the help promises.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const HOST: i32 = 1;
const USAGE: i32 = 2;
const TIMEOUT: i32 = 3;

/// A folder with files of every kind of wrong.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write("empty", b"");
        files.write("truncated.img", &[0x55; 700]);
        files.write("text", b"this is not what it is given for\n");
        files.write("quit", b"quit\n");
        files.write("bad-script", b"sleep 1\nfly away\n");
        files.write("binary-script", b"quit\n\xFF\xFE");
        files.write("bad.toml", b"memory = \"16M\"\ncolour = \"blue\"\n");
        files.write("syntax.toml", b"memory = \n");
        files.write("good.toml", b"memory = \"16M\"\nscript = \"quit\"\ndisplay = \"none\"\n");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs the program in the folder, without a display or a terminal, and not for ever.
    fn run(&self, arguments: &[&str]) -> Output {
        let limited = arguments.first() == Some(&"run") && !arguments.contains(&"--timeout");
        Command::new(env!("CARGO_BIN_EXE_rewind86"))
            .args(arguments)
            .args(if limited { &["--timeout", "10"][..] } else { &[] })
            .current_dir(self.folder.path())
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// One line on stderr that contains `parts`, nothing on stdout, and this status.
    fn refuses(&self, arguments: &[&str], status: i32, parts: &[&str]) {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        assert!(text.starts_with("rewind86: ") && text.ends_with('\n'), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        assert!(!text.contains("internal error"), "{arguments:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{arguments:?}: {part}: {text}");
        }
    }
}

#[test]
fn wrong_flags_and_values() {
    let files = Files::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["no command given"]),
        (&["fly"], &["fly", "--help"]),
        (&["run", "--fly"], &["--fly"]),
        (&["run", "--memory", "a lot"], &["--memory", "16M"]),
        (&["run", "--memory", "99999999999999999999G"], &["--memory"]),
        (&["run", "--memory", "1K"], &["--memory"]),
        (&["run", "--rtc", "yesterday"], &["--rtc"]),
        (&["run", "--display", "hologram"], &["--display"]),
        (&["run", "--serial", "com1"], &["--serial"]),
        (&["run", "--debugcon", "none"], &["--debugcon"]),
        (&["run", "--speed", "0"], &["--speed"]),
        (&["run", "--icount-rate", "0"], &["--icount-rate"]),
        (&["run", "--boot", "tape"], &["--boot"]),
        (&["run", "--hash-at", "1,,2"], &["--hash-at"]),
        (&["run", "--max-instructions", "0"], &["--max-instructions"]),
        (&["run", "--timeout", "soon"], &["--timeout"]),
        (&["run", "--cpu", "+sse"], &["--cpu"]),
        (&["run", "--floppy", ""], &["--floppy", "empty"]),
        (&["run", "--disk", "a,cache=none"], &["--disk", "cache=none"]),
        (&["run", "--initrd", "text"], &["--initrd", "--kernel"]),
        (&["run", "--display", "terminal", "--serial", "stdio"], &["--serial stdio", "--display terminal"]),
        (&["run", "--smp", "4"], &["not available in this version: --smp 4"]),
        (&["run", "--gdb", "nowhere"], &["--gdb", "HOST:PORT"]),
        (&["run", "--gdb", ":0,fly"], &["unknown part \"fly\""]),
        (&["run", "--net", "user"], &["not available in this version: --net"]),
        (&["run", "--display", "vnc=:1"], &["not available in this version: --display vnc"]),
        (&["disk", "convert", "a", "b"], &["not available in this version: disk convert"]),
        (&["query", "x", "last-write"], &["ADDR"]),
        (&["query", "x", "io", "0x10000"], &["0xffff"]),
        (&["query", "x", "writes", "5..5"], &["END above ADDR"]),
        (&["demo", "windows"], &["no guest \"windows\"", "linux"]),
        (&["guests", "fetch", "windows"], &["no guest \"windows\""]),
        (&["guests", "drop"], &["drop"]),
        (&["disk", "create", "new.img", "100"], &["512"]),
        (&["run", "bad.toml"], &["bad.toml", "colour"]),
        (&["run", "syntax.toml"], &["syntax.toml", "line 1"]),
        (&["run", "--script", "bad-script"], &["bad-script", "line 2", "fly"]),
        (&["run", "--script", "binary-script"], &["binary-script", "UTF-8"]),
        (&["run", "--script", "empty"], &["empty", "no step"]),
    ];
    for (arguments, parts) in cases {
        files.refuses(arguments, USAGE, parts);
    }
    assert!(!files.path("new.img").exists());
}

#[test]
fn files_that_are_not_there() {
    let files = Files::new();
    let flags = ["--floppy", "--disk", "--cdrom", "--kernel", "--bios", "--vga-bios", "--script"];
    for flag in flags {
        files.refuses(&["run", "--display", "none", flag, "missing"], HOST, &[flag, "missing"]);
    }
    for flag in &flags[..6] {
        files.refuses(&["run", "--display", "none", flag, "."], HOST, &[flag]);
    }
    files.refuses(&["run", "missing.toml"], HOST, &["missing.toml"]);
    files.refuses(&["run", "--serial", "file=no/such/log"], HOST, &["--serial", "no/such/log"]);
    files.refuses(&["disk", "info", "missing"], HOST, &["missing"]);
    files.refuses(&["disk", "info", "."], HOST, &["folder"]);
    files.refuses(&["disk", "create", "empty", "512"], HOST, &["empty", "exists"]);
}

#[test]
fn files_that_are_not_what_they_are_given_for() {
    let files = Files::new();
    for (flag, name) in [
        ("--floppy", "empty"),
        ("--floppy", "truncated.img"),
        ("--disk", "empty"),
        ("--cdrom", "empty"),
        ("--kernel", "empty"),
        ("--kernel", "text"),
        ("--kernel", "truncated.img"),
        ("--bios", "empty"),
        ("--bios", "text"),
        ("--vga-bios", "empty"),
        ("--vga-bios", "text"),
    ] {
        let arguments = ["run", "--display", "none", "--max-instructions", "1000000", flag, name];
        files.refuses(&arguments, HOST, &[flag, name]);
    }
}

#[test]
fn displays_that_are_not_there() {
    let files = Files::new();
    files.refuses(&["run", "--display", "window"], HOST, &["--display window", "terminal or none"]);
    files.refuses(&["run", "--display", "terminal"], HOST, &["--display terminal", "none"]);
}

#[test]
fn help_and_version_go_to_stdout() {
    let files = Files::new();
    for arguments in [&["--help"][..], &["run", "--help"], &["demo", "--help"], &["--version"]] {
        let output = files.run(arguments);
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
    let help = String::from_utf8(files.run(&["run", "--help"]).stdout).unwrap();
    for flag in ["--floppy", "--kernel", "--serial", "--hash-at", "--discard-writes", "Exit status"] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[test]
fn guests_are_listed() {
    let output = Files::new().run(&["guests"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for name in ["linux", "memtest", "grub", "ipxe"] {
        assert!(text.lines().any(|l| l.starts_with(name)), "{name}: {text}");
    }
}

#[test]
fn without_a_package_client_it_is_said_what_to_do() {
    let files = Files::new();
    let output = Command::new(env!("CARGO_BIN_EXE_rewind86"))
        .args(["guests", "fetch", "linux"])
        .env("PATH", "")
        .env("XDG_CACHE_HOME", files.folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(HOST), 1), "{text}");
    assert!(text.contains("apt-get") && text.contains("by hand: ") && text.contains("rewind86 run --kernel"), "{text}");
}

#[test]
fn disks_are_created_and_described() {
    let files = Files::new();
    assert_eq!(files.run(&["disk", "create", "new.img", "1440K"]).status.code(), Some(0));
    assert_eq!(std::fs::metadata(files.path("new.img")).unwrap().len(), 1_474_560);
    let text = String::from_utf8(files.run(&["disk", "info", "new.img"]).stdout).unwrap();
    assert!(text.contains("1.44M") && text.contains("no boot signature"), "{text}");
}

#[test]
fn the_firmware_is_written_as_files_and_boots_as_such() {
    let files = Files::new();
    let output = files.run(&["firmware", "new/folder"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    assert_eq!(std::fs::metadata(files.path("new/folder/rewind86-bios.bin")).unwrap().len(), 64 << 10);
    files.write("script", b"wait-screen \"no medium\" 5\n");
    let rom = ["--bios", "new/folder/rewind86-bios.bin", "--vga-bios", "new/folder/rewind86-vgabios.bin"];
    let output = files.run(&[&["run", "--display", "none", "--script", "script"], &rom[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    files.refuses(&["firmware", "new/folder"], HOST, &["rewind86-bios.bin", "remove it"]);
    files.refuses(&["firmware", "text"], HOST, &["text"]);
}

#[cfg(unix)]
#[test]
fn files_without_end_and_memory_without_measure() {
    let files = Files::new();
    for flag in ["--kernel", "--bios", "--vga-bios", "--script"] {
        files.refuses(&["run", "--display", "none", flag, "/dev/zero"], HOST, &["/dev/zero", "larger than"]);
    }
    files.refuses(&["run", "/dev/zero"], HOST, &["/dev/zero", "larger than"]);
    files.refuses(&["run", "--display", "none", "--memory", "257G"], USAGE, &["--memory"]);
}

#[test]
fn images_that_were_cut_off() {
    let files = Files::new();
    let mut diskette = vec![0; 368_640];
    diskette[..3].copy_from_slice(&[0xEB, 0x3C, 0x90]);
    diskette[11..22].copy_from_slice(&[0, 2, 2, 1, 0, 2, 112, 0, 0xA0, 5, 0xF9]);
    diskette[510..515].copy_from_slice(&[0x55, 0xAA, 0xF9, 0xFF, 0xFF]);
    files.write("half.img", &diskette);
    for flag in ["--floppy", "--disk"] {
        files.refuses(&["run", "--display", "none", flag, "half.img"], HOST, &["half.img is truncated", "737280"]);
    }
}

#[test]
fn a_script_ends_a_run_and_a_machine_file_may_name_it() {
    let files = Files::new();
    let output = files.run(&["run", "good.toml", "--stats"]);
    assert_eq!(output.status.code(), Some(0));
    let stats = String::from_utf8(output.stderr).unwrap();
    for key in ["\"instructions\":", "\"seconds\":", "\"mips\":", "\"exits\":"] {
        assert!(stats.lines().count() == 1 && stats.contains(key), "{stats}");
    }
}

#[test]
fn a_failing_step_ends_with_its_line() {
    let files = Files::new();
    files.write("script", b"# waits in vain\nwait-screen \"no such text\" 0.2\n");
    let output = files.run(&["run", "--display", "none", "--script", "script"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{text}");
    let expected = "rewind86: script line 2: wait-screen \"no such text\" 0.2: not seen within 0.2 virtual seconds";
    assert_eq!(text.lines().next(), Some(expected));
}

#[test]
fn host_time_is_limited() {
    let files = Files::new();
    files.refuses(&["run", "--display", "none", "--timeout", "0.2"], TIMEOUT, &["--timeout"]);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_in_order() {
    let child = Command::new(env!("CARGO_BIN_EXE_rewind86"))
        .args(["run", "--display", "none", "--speed", "real", "--timeout", "60", "--stats"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The signal is only caught once the run has begun.
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(128 + 15), "{text}");
    assert!(text.contains("ended by signal 15") && text.contains("\"instructions\""), "{text}");
}

#[test]
fn paths_are_shown_as_given() {
    let files = Files::new();
    let path = Path::new("no such folder").join("disk.img");
    files.refuses(&["run", "--disk", path.to_str().unwrap()], HOST, &["no such folder"]);
}
