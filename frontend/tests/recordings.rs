//! The program with recordings and snapshots: every command that takes one, on a boot sector of our own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Writes 17 sectors of its diskette, prints `X` for each, then sends every key to COM1, which
/// no one has programmed: five bits of it.
const WRITER: [u8; 41] = [
    0x31, 0xC0, 0x8E, 0xC0, 0xBD, 0x02, 0x00, // xor ax,ax; mov es,ax; mov bp,2
    0xB8, 0x01, 0x03, 0xBB, 0x00, 0x7C, 0x89, 0xE9, 0xBA, 0x00, 0x00, 0xCD, 0x13, // int 13h, write sector bp
    0xB8, 0x58, 0x0E, 0xCD, 0x10, 0x45, 0x83, 0xFD, 0x12, 0x76, 0xE8, // 'X'; up to sector 18
    0x31, 0xC0, 0xCD, 0x16, 0xBA, 0xF8, 0x03, 0xEE, 0xEB, 0xF6, // int 16h; out 3F8h; again
];

const SCRIPT: &str = "wait-screen \"XXXXXXXXXXXXXXXXX\"\ntype \"abc\"\nmouse 50 60 left\nsleep 1\nsnapshot mid.snap\n\
                      floppy other.img\ntype \"defg\"\nsleep 1\nwait-serial \"\\x01\\x02\\x03\\x04\\x05\\x06\\x07\" 5\n";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let mut image = vec![0x5A; 1_474_560];
        image[..WRITER.len()].copy_from_slice(&WRITER);
        image[510..512].copy_from_slice(&[0x55, 0xAA]);
        std::fs::write(place.path("boot.img"), &image).unwrap();
        std::fs::write(place.path("other.img"), vec![0; 737_280]).unwrap();
        std::fs::write(place.path("script"), SCRIPT).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn command(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rewind86"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("SLURM_ARRAY_TASK_ID").env_remove("JOB_COMPLETION_INDEX");
        command.output().unwrap()
    }

    /// Runs with this exit status; the answer is standard output and standard error.
    fn run(&self, status: i32, arguments: &str) -> (String, String) {
        let output = self.command(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{arguments}\n{out}{err}");
        assert!(err.lines().count() <= 1, "{arguments}\n{err}");
        (out, err)
    }

    /// A recorded run; answers with its hashes.
    fn record(&self) -> String {
        let line = "run --floppy boot.img --memory 4M --display none --script script --serial file=live.txt \
                    --record run.rec --record-interval 50000 --hash-at 1000000,1500000";
        self.run(0, line).0
    }
}

#[test]
fn a_recorded_run_is_given_again() {
    let place = Place::new();
    let hashes = place.record();
    assert_eq!(hashes.lines().count(), 2);
    let disk = place.read("boot.img");
    let (again, _) =
        place.run(0, "replay run.rec --serial file=again.txt --hash-at 1000000,1500000 --screenshots shots");
    assert_eq!(again, hashes);
    assert_eq!(place.read("again.txt"), place.read("live.txt"));
    assert_eq!(place.read("again.txt"), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(place.read("boot.img"), disk, "a replay writes no image");
    assert!(place.read("shots/000001.png").starts_with(b"\x89PNG"));
    let (report, _) = place.run(0, "verify run.rec");
    assert!(report.starts_with("equal: ") && report.ends_with("the final hash is equal\n"), "{report}");
    place.run(0, "replay run.rec --until 700000");
    // The second diskette is in the drive at the end.
    assert_eq!(place.run(0, "replay run.rec --block-ops 1 --hash-at 1000000,1500000 --write-disks after").0, hashes);
    assert!(place.read("after/floppy-a.img") == place.read("other.img"));
    place.run(1, "replay missing.rec");
    place.run(1, "replay script");
    place.run(2, "replay run.rec --live-from 99999999999");
}

#[test]
fn a_snapshot_starts_a_new_process() {
    let place = Place::new();
    place.record();
    let (out, _) =
        place.run(4, "run --snapshot-load mid.snap --display none --max-instructions 12000000 --hash-at 12000000");
    assert!(out.starts_with("hash 12000000 "), "{out}");
    let same = "run --snapshot-load mid.snap --floppy boot.img --memory 4M --display none --max-instructions 12000000 \
                --hash-at 12000000";
    assert_eq!(place.run(4, same).0, out);
    // At an instruction count, and saved again.
    let hashes = place.run(0, "replay run.rec --hash-at 1000000 --snapshot-at 1000000").0;
    std::fs::create_dir(place.path("again")).unwrap();
    let load = "run --snapshot-load 1000000.snap --display none --hash-at 1000000 --max-instructions 1000001 \
                --snapshot-at 1000000 --snapshot-dir again";
    // The image is written back to what it held then.
    assert_eq!(place.run(4, load).0, hashes);
    assert!(place.read("again/1000000.snap") == place.read("1000000.snap"));
    place.run(2, "replay run.rec --snapshot-dir again");
    let (_, err) = place.run(1, "run --snapshot-load mid.snap --memory 8M --display none");
    assert!(err.contains("--memory is 4194304 there and 8388608 here"), "{err}");
    let (_, err) = place.run(1, "run --snapshot-load boot.img --display none");
    assert!(err.contains("is not a snapshot"), "{err}");
    let mut bytes = place.read("mid.snap");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(place.path("bad.snap"), &bytes).unwrap();
    let (_, err) = place.run(1, "run --snapshot-load bad.snap --display none");
    assert!(err.contains("is damaged at byte"), "{err}");
}

#[test]
fn what_was_changed_is_named() {
    let place = Place::new();
    place.record();
    let disk = place.read("boot.img");
    let mut changed = disk.clone();
    changed[300_000] ^= 8;
    std::fs::write(place.path("boot.img"), &changed).unwrap();
    let (_, err) = place.run(5, "verify run.rec");
    assert!(err.contains("epoch 0: component media: the image boot.img in floppy A:"), "{err}");
    // A byte that the run overwrote: a replay has the old one.
    let mut changed = disk.clone();
    changed[600] ^= 8;
    std::fs::write(place.path("boot.img"), &changed).unwrap();
    let (_, err) = place.run(5, "verify run.rec");
    assert!(
        err.contains("epoch 0: component media: the image boot.img in floppy A: was changed after the run"),
        "{err}"
    );
    assert!(place.run(0, "replay run.rec").1.contains("was changed after the run in bytes 0 to 4096"));
    std::fs::write(place.path("boot.img"), &disk).unwrap();
    let log = place.read("run.rec");
    for (at, bit, status, text) in [
        (3, 1, 5, "in epoch 0 (the header), component log: the file begins wrongly"),
        (10, 1, 5, "in epoch 0 (the header), component log: the file begins wrongly"),
        (8, 1, 1, "has format version 3, this program reads version 2"),
        (40, 1, 5, "in epoch 0 (the header), component log: it is not what was written"),
        (log.len() - 1, 1, 5, "component log"),
    ] {
        let mut damaged = log.clone();
        damaged[at] ^= bit;
        std::fs::write(place.path("bad.rec"), &damaged).unwrap();
        let (_, err) = place.run(status, "verify bad.rec");
        assert!(err.contains(text), "{err}");
    }
    std::fs::write(place.path("bad.rec"), &log[..100]).unwrap();
    assert!(place.run(5, "verify bad.rec").1.contains("(the header), component log: the file is cut off in it"));
    let mut damaged = log.clone();
    let at = log.len() * 3 / 4;
    damaged[at] ^= 2;
    std::fs::write(place.path("bad.rec"), &damaged).unwrap();
    let (_, err) = place.run(5, "verify bad.rec");
    assert!(err.contains("log damaged at byte") && err.contains("in epoch"), "{err}");
    // Behind the last old block of the disk: the disk is what a killed program would have left.
    std::fs::write(place.path("cut.rec"), &log[..log.len() - 30]).unwrap();
    let (out, err) = place.run(0, "verify cut.rec");
    assert!(out.contains("the recording is cut off there") && err.contains("cut off at byte"), "{out}{err}");
}

#[test]
fn a_branch_leaves_the_recording_and_the_recording_stays() {
    let place = Place::new();
    place.record();
    std::fs::write(place.path("other"), "sleep 1\ntype \"xyz\"\nsleep 1\n").unwrap();
    let line = "replay run.rec --live-from 9000000 --record branch.rec --script other --serial file=branch.txt --hash-at 9000000";
    let (hash, _) = place.run(0, line);
    assert!(place.read("branch.txt").ends_with(&[0x18, 0x19, 0x1A]));
    let (out, _) = place.run(0, "replay branch.rec --serial file=whole.txt --hash-at 9000000");
    assert_eq!(out, hash);
    assert!(place.read("whole.txt").ends_with(&[0x18, 0x19, 0x1A]));
    place.run(0, "verify branch.rec");
    place.run(0, "verify run.rec");
    assert!(place.read("branch.rec").len() < place.read("run.rec").len());
    std::fs::rename(place.path("run.rec"), place.path("gone.rec")).unwrap();
    let (_, err) = place.run(1, "verify branch.rec");
    assert!(err.contains("continues the recording"), "{err}");
}

#[test]
fn a_pack_needs_no_other_file() {
    let place = Place::new();
    place.record();
    place.run(0, "pack run.rec all.rec");
    for name in ["boot.img", "other.img", "run.rec"] {
        std::fs::remove_file(place.path(name)).unwrap();
    }
    place.run(0, "replay all.rec --serial file=packed.txt");
    assert_eq!(place.read("packed.txt"), place.read("live.txt"));
    place.run(0, "verify all.rec");
    assert!(place.read("all.rec").len() < 200_000);
    // It can be left like any other, and a branch of it can be packed.
    std::fs::write(place.path("other"), "sleep 1\ntype \"xyz\"\nsleep 1\n").unwrap();
    place.run(0, "replay all.rec --live-from 9000000 --record branch.rec --script other --serial file=branch.txt");
    assert!(place.read("branch.txt").ends_with(&[0x18, 0x19, 0x1A]));
    place.run(0, "verify branch.rec");
    place.run(0, "pack branch.rec whole.rec");
    place.run(0, "verify all.rec");
    std::fs::remove_file(place.path("all.rec")).unwrap();
    place.run(0, "verify whole.rec");
}

#[test]
fn a_run_that_leaves_a_pack_stops_at_what_the_pack_lacks() {
    let place = Place::new();
    let mut image = place.read("boot.img");
    // Each key reads the first sector of head 1.
    image[..22].copy_from_slice(&[
        0x31, 0xC0, 0x8E, 0xC0, 0xCD, 0x16, // xor ax,ax; mov es,ax; int 16h
        0xB8, 0x01, 0x02, 0xBB, 0x00, 0x80, 0xB9, 0x01, 0x00, 0xBA, 0x00, 0x01, 0xCD, 0x13, // int 13h, read
        0xEB, 0xEA, // again
    ]);
    std::fs::write(place.path("boot.img"), &image).unwrap();
    std::fs::write(place.path("script"), "sleep 2\n").unwrap();
    place.run(0, "run --floppy boot.img --memory 4M --display none --script script --record run.rec");
    place.run(0, "pack run.rec all.rec");
    std::fs::write(place.path("other"), "sleep 1\ntype \"x\"\nsleep 1\n").unwrap();
    // With the image there is nothing to miss.
    place.run(0, "replay run.rec --live-from 1000000 --script other");
    let (_, err) = place.run(7, "replay all.rec --live-from 1000000 --script other");
    assert!(err.contains("no copy of byte 9216 of floppy A:"), "{err}");
}

#[test]
fn a_keyframe_of_another_recording_is_not_used() {
    let place = Place::new();
    let line = "run --floppy boot.img --memory 4M --display none --script script --record-interval 4000 --record";
    place.run(0, &format!("{line} run.rec"));
    place.run(0, "keyframes run.rec --every 0.01");
    // The same machine and the same start; other keys.
    std::fs::write(place.path("script"), SCRIPT.replace("abc", "cab").replace("\\x01\\x02\\x03", "\\x03\\x01\\x02"))
        .unwrap();
    let mut image = place.read("boot.img");
    image[512..18 * 512].fill(0x5A);
    std::fs::write(place.path("boot.img"), &image).unwrap();
    place.run(0, &format!("{line} other.rec"));
    std::fs::rename(place.path("run.rec.keys"), place.path("other.rec.keys")).unwrap();
    let (out, _) = place.run(0, "verify other.rec --shard 9999/10000");
    assert!(out.starts_with("equal: "), "{out}");
}

#[test]
fn shares_are_joined() {
    let place = Place::new();
    place.record();
    for round in 0..2 {
        for i in 0..3 {
            let (out, _) = place.run(0, &format!("verify run.rec --shard {i}/3"));
            assert!(out.starts_with("equal: "), "{out}");
        }
        let results = [0, 1, 2].map(|i| format!("run.rec.verify-{i}-of-3.json"));
        place.run(0, &format!("merge {} --serial joined.txt", results.join(" ")));
        assert_eq!(place.read("joined.txt"), place.read("live.txt"));
        let (_, err) = place.run(1, &format!("merge {} {}", results[0], results[2]));
        assert!(err.contains("is missing"), "{err}");
        // A bit of what the guest sent, in a digit.
        let text = String::from_utf8(place.read(&results[2])).unwrap();
        let at = text.find("\"serial\":[[").unwrap() + 11;
        let mut bytes = text.into_bytes();
        bytes[at] ^= 1;
        std::fs::write(place.path("damaged.json"), bytes).unwrap();
        let (_, err) = place.run(1, &format!("merge {} {} damaged.json", results[0], results[1]));
        assert!(err.contains("damaged.json: is no result of --shard, or damaged"), "{err}");
        if round == 0 {
            place.run(0, "keyframes run.rec --every 0.01");
        } else {
            let last = String::from_utf8(place.read(&results[2])).unwrap();
            assert!(!last.contains("\"keyframe\":null"), "{last}");
        }
    }
    std::fs::rename(place.path("run.rec"), place.path("first.rec")).unwrap();
    for i in 0..2 {
        place.run(0, &format!("verify first.rec --shard {i}/2 --result first-{i}.json"));
    }
    place.run(0, "merge first-0.json first-1.json");
    // Another recording of the same machine.
    let mut image = place.read("boot.img");
    image[512..18 * 512].fill(0x5A);
    std::fs::write(place.path("boot.img"), &image).unwrap();
    std::fs::write(place.path("script"), SCRIPT.replace("abc", "abx").replace("\\x03", "\\x18")).unwrap();
    place.record();
    place.run(0, "verify run.rec --shard 1/2 --result second-1.json");
    let (_, err) = place.run(1, "merge first-0.json second-1.json");
    assert!(err.contains("of different recordings"), "{err}");
    let (_, err) = place.run(2, "verify run.rec --shard 4/3");
    assert!(err.contains("there is no share 4 of 3"), "{err}");
}
