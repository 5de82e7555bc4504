//! Nothing of the host reaches the guest's state: the sources of the core are searched for what could differ between hosts.
//!
//! Searched are `cpu`, `devices`, `machine` and `bios` without their tests, and the firmware's sources, for the words and
//! forms of [`rules::RULES`]. Each place where one of them is right is listed in [`ALLOWED`], with the reason.

#![allow(clippy::unwrap_used, clippy::panic)]

mod lex;
mod rules;

use rules::Finding;
use std::path::{Path, PathBuf};

/// Folders that are searched, and the fewest files that each must have for the search to mean something.
const FOLDERS: [(&str, usize); 5] =
    [("cpu/src", 50), ("devices/src", 30), ("machine/src", 40), ("bios/src", 1), ("bios/build", 30)];

/// File, word, why it is right there.
const ALLOWED: [(&str, &str, &str); 16] = [
    ("cpu/src/softfloat/sse/native.rs", "f32", "argued there, compared with the integer code on every host"),
    ("cpu/src/softfloat/sse/native.rs", "f64", "as above"),
    ("cpu/src/hot.rs", "read_unaligned", "single bytes, or converted from little-endian on the same line"),
    ("cpu/src/hot.rs", "write_unaligned", "likewise"),
    ("cpu/src/hot.rs", "transmute", "a lifetime, no data"),
    ("machine/src/query.rs", "thread", "questions are answered by replays; the answers come in order"),
    ("machine/src/query.rs", "mpsc", "as above"),
    ("machine/src/state/mod.rs", "addr", "tells shared memory of checkpoints from memory of their own"),
    ("machine/src/state/pages.rs", "addr", "as above"),
    // Integers are serialised without a width; these are small on every host.
    ("machine/src/config.rs", "usize", "counts below 100"),
    ("machine/src/error.rs", "usize", "the number of a drive"),
    ("machine/src/keyframes.rs", "usize", "no state of a guest: counts of events and epochs"),
    ("machine/src/record/recorder.rs", "usize", "no state of a guest: a count of events"),
    ("devices/src/fdc/mod.rs", "usize", "a place in a sector"),
    ("devices/src/ide/drive.rs", "usize", "places in the buffer of a command"),
    ("devices/src/ide/cdrom/mod.rs", "usize", "bytes per DRQ block, 65,535 at most"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources below `folder` in a fixed order, tests left out, by their names below the root.
fn sources(folder: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let name = path.file_name().unwrap().to_str().unwrap();
            if entry.file_type().unwrap().is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "testing.rs" {
                out.push(path.to_str().unwrap().to_string());
            }
        }
    }
    out.sort();
    out
}

#[test]
fn no_host_arithmetic_order_or_time_in_the_core() {
    let mut wrong = Vec::new();
    let mut used = vec![false; ALLOWED.len()];
    for (folder, at_least) in FOLDERS {
        let files = sources(folder);
        assert!(files.len() >= at_least, "{folder} has {} files", files.len());
        for file in files {
            let text = std::fs::read_to_string(root().join(&file)).unwrap();
            for Finding { line, word, why } in rules::search(&text) {
                match ALLOWED.iter().position(|(f, w, _)| *f == file && *w == word) {
                    Some(n) => used[n] = true,
                    None => wrong.push(format!("{file}:{line}: {word}: {why}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "what could differ between hosts:\n{}", wrong.join("\n"));
    let stale: Vec<_> = ALLOWED.iter().zip(used).filter(|(_, used)| !used).map(|(a, _)| a).collect();
    assert!(stale.is_empty(), "exceptions without a place: {stale:?}");
}

fn words(text: &str) -> Vec<String> {
    rules::search(text).into_iter().map(|f| format!("{}:{}", f.line, f.word)).collect()
}

#[test]
fn what_is_wrong_is_found() {
    let found = |text: &str| words(&format!("fn f() {{\n{text}\n}}"));
    for (text, word) in [
        ("let x: f64 = y;", "f64"),
        ("let x = n as f32;", "f32"),
        ("let x = 1.5;", "1.5"),
        ("let x = 2e3;", "2e3"),
        ("let x = u32::from_ne_bytes(b);", "from_ne_bytes"),
        ("b.copy_from_slice(&x.to_ne_bytes());", "to_ne_bytes"),
        ("let x: u32 = unsafe { transmute(b) };", "transmute"),
        ("let x = unsafe { *(p as *const u32) };", "*const u32"),
        ("unsafe { *(p as *mut u64) = 1 };", "*mut u64"),
        ("let x = p.cast::<u16>();", "cast::<u16>"),
        ("let (a, b, c) = bytes.align_to::<u32>();", "align_to"),
        ("let map = HashMap::new();", "HashMap"),
        ("use std::collections::HashSet;", "HashSet"),
        ("let now = std::time::Instant::now();", "Instant"),
        ("SystemTime::now()", "SystemTime"),
        ("std::thread::sleep(d);", "thread"),
        ("if cfg!(target_endian = \"big\") {}", "target_endian"),
        ("let seed = std::env::var(\"SEED\");", "env"),
        ("let id = std::process::id();", "process"),
        ("let key = ptr::from_ref(x).addr();", "addr"),
        ("x.hash(&mut DefaultHasher::new());", "DefaultHasher"),
    ] {
        assert_eq!(found(text), [format!("2:{word}")], "{text}");
    }
}

#[test]
fn widths_of_the_host_in_serialised_types_are_found() {
    let bad = "#[derive(Clone, Serialize, Deserialize)]\npub struct S {\n    /// A count.\n    pub n: usize,\n    v: Vec<isize>,\n}\n";
    assert_eq!(words(bad), ["4:usize", "5:isize"]);
    assert_eq!(words("#[derive(Serialize)] enum E { A(u8), B { at: usize } }"), ["1:usize"]);
    assert_eq!(words("#[derive(Serialize)]\nstruct T(usize);"), ["2:usize"]);
    assert_eq!(words("#[derive(Serialize)]\n#[serde(default)]\nstruct T<const N: usize> { a: [u8; N] }"), [""; 0]);
    assert_eq!(words("#[derive(Serialize)] struct S {\n#[serde(skip)]\n n: usize,\n m: u8 }"), [""; 0]);
    assert_eq!(words("#[derive(Serialize)] struct S { n: [u8; SIZE as usize] }"), [""; 0]);
    assert_eq!(words("#[derive(Clone)] struct S { n: usize }"), [""; 0]);
}

#[test]
fn what_is_right_is_not_found() {
    for text in [
        "let x = u32::from_le_bytes(b);",
        "// f64 in a comment, HashMap too",
        "/* Instant /* nested */ f32 */ let x = 1;",
        "let s = \"f64 and \\\" HashMap\";",
        "let s = r#\"Instant \"quoted\" \"#;",
        "let c = '\"'; let d = b'\\''; let l: &'static str = x;",
        "for i in 0..15 {} let y = t.0.1; let z = 1..=2;",
        "let x = 0xFE3; let y = 1_000u64; let q = 0x1E5;",
        "2 => u64::from(u16::from_le((at as *const u16).read())),",
        "let p = at as *const u8; let q = p.cast::<[u8; 16]>();",
        "let a = F64::new(); let address = addr + 1; let addr = 3;",
        "#[cfg(test)]\nmod tests { fn f() { let x = 1.5; let m = HashMap::new(); } }",
    ] {
        assert_eq!(words(text), [""; 0], "{text}");
    }
}
