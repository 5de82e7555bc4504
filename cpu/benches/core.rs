//! Micro benches of the core: `cargo bench -p rewind86-cpu`, or with a part of a name behind `--`.
//!
//! Throughput is guest instructions, or bytes where a bench says so. The loops are in [`loops`].
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "rig/loops.rs"]
mod loops;
mod rig;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rig::Rig;
use std::hint::black_box;
use std::time::Duration;

/// Instructions of a sample.
const RUN: u64 = 100_000;

fn steady(c: &mut Criterion) {
    let mut g = c.benchmark_group("loop");
    g.throughput(Throughput::Elements(RUN));
    for &(name, user, build) in loops::GUARDED.iter().chain(loops::TIMED) {
        let mut rig = Rig::new(user, build);
        g.bench_function(name, |b| b.iter(|| rig.run(RUN)));
    }
    g.finish();
}

fn strings(c: &mut Criterion) {
    let mut g = c.benchmark_group("string");
    g.throughput(Throughput::Bytes(u64::from(loops::STRING)));
    for &(name, size, build) in loops::STRINGS {
        let mut rig = Rig::new(false, build);
        // An iteration counts one, and so do the moves before the repeat and the jump behind it.
        let extra = if name == "scasb" { 5 } else { 4 };
        let pass = u64::from(loops::STRING / size) + extra;
        g.bench_function(name, |b| b.iter(|| rig.run(pass)));
    }
    g.finish();
}

/// Decoding: an instruction alone, and a block that was just overwritten.
fn decode(c: &mut Criterion) {
    let mut g = c.benchmark_group("decode");
    let (_, user, build) = loops::GUARDED[0];
    let mut rig = Rig::new(user, build);
    let code = rig.code().to_vec();
    let mut count = 0;
    let mut at = 0;
    while let Some(len) = rig.decode(&code[at..]) {
        at += len;
        count += 1;
    }
    g.throughput(Throughput::Elements(count));
    g.bench_function("instruction", |b| {
        b.iter(|| {
            let mut at = 0;
            while let Some(len) = rig.decode(black_box(&code[at..])) {
                at += len;
            }
        });
    });
    g.bench_function("block", |b| {
        b.iter(|| {
            rig.write_code();
            rig.run(count);
        });
    });
    g.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots();
    targets = decode, steady, strings
}
criterion_main!(benches);
