//! The native oracle with a fixed seed: a few thousand random instructions of each class and mode on the host's own
//! processor and on the core. Millions: `cargo run --release --bin oracle -- --class all --count 10000000`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rewind86_tests::oracle::case::Mode;
use rewind86_tests::oracle::generate::Class;
use rewind86_tests::oracle::soak;

const SEED: u64 = 0x5EED_0000_0000;
const CASES: u64 = 4000;

fn agrees(class: Class) {
    for mode in [Mode::Bits16, Mode::Bits32, Mode::Bits64] {
        let soak = match soak::run(class, mode, SEED, CASES) {
            Ok(soak) => soak,
            Err(e) => {
                println!("skipped: {e}");
                return;
            }
        };
        assert_eq!(soak.cases, CASES);
        // Most instructions complete, and some of them fault.
        let completed = soak.vectors.get(&3).copied().unwrap_or(0);
        assert!(completed > CASES / 2 && completed < CASES, "{completed} of {CASES} completed");
        let text: Vec<_> = soak.differences.iter().map(|d| format!("seed {} {}", d.seed, d.text)).collect();
        assert!(text.is_empty(), "{} {}: {}", class.name(), mode.bits(), text.join("\n"));
    }
}

#[test]
fn integer_instructions_agree_with_the_host() {
    agrees(Class::Int);
}

#[test]
fn x87_instructions_agree_with_the_host() {
    agrees(Class::X87);
}

#[test]
fn sse_instructions_agree_with_the_host() {
    agrees(Class::Sse);
}
