//! The ring-0 sweep against its golden logs, which the manual has settled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rewind86_tests::sweep::{IMAGES, MODEL};
use std::collections::BTreeSet;
use std::path::Path;

/// Cases in all images together.
const CASES_MIN: usize = 300;

#[test]
fn every_case_ends_as_the_manual_has_it() {
    let mut wrong = Vec::new();
    for image in IMAGES {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/sweep").join(image.name).with_extension("txt");
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let log = image.run(&image.bytes(), MODEL);
        let (golden, log): (Vec<_>, Vec<_>) = (golden.lines().collect(), log.lines().collect());
        for i in 0..golden.len().max(log.len()) {
            let (want, got) = (golden.get(i), log.get(i));
            if want != got {
                wrong.push(format!("{}:{}\n want {want:?}\n got  {got:?}", image.name, i + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines differ\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn names_are_unique_and_cases_many() {
    let mut names = BTreeSet::new();
    for image in IMAGES {
        let log = image.run(&image.bytes(), MODEL);
        for line in log.lines().filter(|l| *l != "end") {
            let end = line.find(" ip=").or(line.find(" shutdown")).unwrap_or(line.len());
            // The name ends before the vector.
            let name = line[..end].rsplit_once(' ').map_or(line, |(name, _)| name);
            names.insert(format!("{}/{name}", image.name));
        }
    }
    assert!(names.len() >= CASES_MIN, "{}", names.len());
}
