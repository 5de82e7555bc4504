//! A fixed sample of every conformance set beside the source tree, and what the program says to damaged and absent
//! vectors. The whole sets: `cargo run --release --bin conformance -- ../shared/conformance`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rewind86_tests::conformance::find_sets;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Tests per form or file.
const SAMPLE: usize = 3;

fn vectors(set: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance").join(set);
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: no {set} vectors beside the source tree");
    None
}

fn sample(name: &str, at_least: u64) {
    let Some(dir) = vectors(name) else { return };
    for set in find_sets(&dir).unwrap() {
        let report = set.run(SAMPLE).unwrap();
        let sum = report.sum();
        println!("{name} passed {} of {}", sum.passed, sum.total);
        assert!(sum.total >= at_least, "only {} tests ran", sum.total);
        assert!(sum.is_whole(), "{}", report.failures.join("\n"));
        assert!(report.ulp.is_none_or(|u| u <= 1));
    }
}

#[test]
fn captured_286_in_real_mode() {
    sample("sst-80286-real", 900);
}

#[test]
fn captured_386_in_real_mode() {
    sample("sst-80386-real", SAMPLE as u64);
}

#[test]
fn captured_8086_where_the_386_agrees() {
    sample("sst-8086", 700);
}

#[test]
fn captured_user_mode_of_an_x86_64_host() {
    sample("host-zen5", 1000);
}

#[test]
fn testfloat() {
    sample("testfloat", 500);
}

#[test]
fn decoder_expectations_of_iced() {
    sample("iced-decoder", 100);
}

fn program(args: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conformance")).args(args).output().unwrap()
}

/// One line on standard error, and a status that is not success.
fn assert_refused(out: &Output, part: &str) {
    let text = String::from_utf8(out.stderr.clone()).unwrap();
    assert!(!out.status.success() && out.status.code().is_some());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("conformance: ") && text.contains(part), "{text}");
}

#[test]
fn absent_and_empty_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert_refused(&program(&[dir.path()]), "no set found");
    assert_refused(&program(&[&dir.path().join("nothing")]), "nothing");
    assert_refused(&program(&[]), "usage");
}

/// A MOO file with one test of `mov al, 5Ah` on a 286.
fn small_file() -> Vec<u8> {
    fn chunk(id: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        [&id[..], &(payload.len() as u32).to_le_bytes(), payload].concat()
    }
    let code = [0xB0u8, 0x5A, 0xF4];
    // ax bx cx dx cs ss ds es sp bp si di ip flags
    let before = [0u16, 0, 0, 0, 0x1000, 0x2000, 0, 0, 0x100, 0, 0, 0, 0, 2];
    let regs: Vec<u8> = [0x3FFFu16].iter().chain(&before).flat_map(|v| v.to_le_bytes()).collect();
    let ram: Vec<u8> = [3u8, 0, 0, 0]
        .into_iter()
        .chain((0u32..3).flat_map(|i| (0x10000 + i).to_le_bytes().into_iter().chain([code[i as usize]])))
        .collect();
    let init = chunk(b"INIT", &[chunk(b"REGS", &regs), chunk(b"RAM ", &ram)].concat());
    // ax and ip change.
    let after: Vec<u8> = [0x1001u16, 0x005A, 3].iter().flat_map(|v| v.to_le_bytes()).collect();
    let last = chunk(b"FINA", &[chunk(b"REGS", &after), chunk(b"RAM ", &[0; 4])].concat());
    let bytes = chunk(b"BYTS", &[&3u32.to_le_bytes()[..], &code].concat());
    let test = chunk(b"TEST", &[&7u32.to_le_bytes()[..], &bytes, &init, &last].concat());
    [chunk(b"MOO ", b"\x01\x01\0\0\x01\0\0\0C286"), test].concat()
}

#[test]
fn plain_files_in_any_folder_run_and_every_cut_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("some").join("folder");
    std::fs::create_dir_all(&inner).unwrap();
    let file = inner.join("B0.MOO");
    let whole = small_file();
    std::fs::write(&file, &whole).unwrap();
    let out = program(&[dir.path()]);
    assert!(out.status.success());
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "folder passed 1 of 1\n");
    for cut in [0, 3, 11, 20, 40, whole.len() - 20, whole.len() - 1] {
        std::fs::write(&file, &whole[..cut]).unwrap();
        assert_refused(&program(&[dir.path()]), "B0.MOO: ");
    }
    // A register that must not be: the test fails, the status says so, and nothing is called damaged.
    let mut wrong = whole;
    let at = wrong.len() - 16;
    wrong[at] ^= 1;
    std::fs::write(&file, &wrong).unwrap();
    let out = program(&[dir.path()]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stdout).unwrap().contains("passed 0 of 1\n  B0: 0 of 1"));
    // Not gzip data in spite of its name.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(inner.join("B0.MOO.gz"), b"no gzip").unwrap();
    assert_refused(&program(&[dir.path()]), "B0.MOO.gz: ");
    std::fs::remove_file(inner.join("B0.MOO.gz")).unwrap();
    std::fs::write(inner.join("f32_add_rne.tf"), "3F800000 3F800000 40000000 00\nnot hex\n").unwrap();
    assert_refused(&program(&[dir.path()]), "f32_add_rne.tf: line 2");
    std::fs::write(inner.join("f32_add_rne.tf"), "3F800000 3F800000 40000000 00\n").unwrap();
    std::fs::write(inner.join("DecoderTest32.txt"), "zz, Nothing\n").unwrap();
    assert_refused(&program(&[dir.path()]), "DecoderTest32.txt: line 1");
}
