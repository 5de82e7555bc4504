//! Runs the Berkeley TestFloat vectors against `softfloat` when they are present beside the source tree.
//!
//! A file `<function>[_pNN]_<rounding>.tf.gz` holds one case a line in hex: operands, result, flags (TestFloat's bit
//! order). The denormal-operand exception is not part of the vectors.
#![allow(clippy::unwrap_used)]

use flate2::read::GzDecoder;
use rewind86_cpu::softfloat::f80::{self, F80};
use rewind86_cpu::softfloat::sse::{self, F32, F64};
use rewind86_cpu::softfloat::{IE, OE, Ordering, PE, Precision, Rounding, Status, UE, ZE};
use std::io::Read;
use std::path::{Path, PathBuf};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/testfloat")
}

/// TestFloat's flag byte without DE.
fn flags(st: &Status) -> u8 {
    [(PE, 1), (UE, 2), (OE, 4), (ZE, 8), (IE, 16)].iter().filter(|(f, _)| st.flags & f != 0).map(|(_, bit)| bit).sum()
}

fn extended(field: &str) -> F80 {
    F80::new(u16::from_str_radix(&field[..4], 16).unwrap(), hex(&field[4..]))
}

fn hex(field: &str) -> u64 {
    u64::from_str_radix(field, 16).unwrap()
}

fn show(a: F80) -> String {
    format!("{:04X}{:016X}", a.sign_exp, a.mant)
}

fn compared(order: Ordering, relation: &str) -> String {
    let holds = match relation {
        "eq" => order == Ordering::Equal,
        "le" => matches!(order, Ordering::Less | Ordering::Equal),
        _ => order == Ordering::Less,
    };
    format!("{}", holds as u8)
}

fn run_f80(function: &str, operands: &[&str], st: &mut Status) -> Option<String> {
    let x = |i: usize| extended(operands[i]);
    Some(match function {
        "add" => show(f80::add(x(0), x(1), st)),
        "sub" => show(f80::sub(x(0), x(1), st)),
        "mul" => show(f80::mul(x(0), x(1), st)),
        "div" => show(f80::div(x(0), x(1), st)),
        "sqrt" => show(f80::sqrt(x(0), st)),
        "rem" => {
            let mut a = x(0);
            loop {
                let r = f80::fprem1(a, x(1), st);
                a = r.value;
                if !r.partial {
                    break show(a);
                }
            }
        }
        "roundToInt" => show(f80::round_to_int(x(0), st)),
        "to_f32" => format!("{:08X}", f80::to_f32(x(0), st)),
        "to_f64" => format!("{:016X}", f80::to_f64(x(0), st)),
        "to_i32" => format!("{:08X}", f80::to_i32(x(0), st)),
        "to_i64" => format!("{:016X}", f80::to_i64(x(0), st)),
        "eq" => compared(f80::compare(x(0), x(1), true, st), "eq"),
        "eq_signaling" => compared(f80::compare(x(0), x(1), false, st), "eq"),
        "le" => compared(f80::compare(x(0), x(1), false, st), "le"),
        "le_quiet" => compared(f80::compare(x(0), x(1), true, st), "le"),
        "lt" => compared(f80::compare(x(0), x(1), false, st), "lt"),
        "lt_quiet" => compared(f80::compare(x(0), x(1), true, st), "lt"),
        _ => return None,
    })
}

fn run_sse<F: sse::Format>(function: &str, operands: &[&str], st: &mut Status) -> Option<String> {
    let x = |i: usize| hex(operands[i]);
    let width = (F::FRAC + F::EXP) as usize / 4 + 1;
    let value = match function {
        "add" => sse::add::<F>(x(0), x(1), st),
        "sub" => sse::sub::<F>(x(0), x(1), st),
        "mul" => sse::mul::<F>(x(0), x(1), st),
        "div" => sse::div::<F>(x(0), x(1), st),
        "sqrt" => sse::sqrt::<F>(x(0), st),
        "roundToInt" => sse::round_to_int::<F>(x(0), st.rounding, false, st),
        "to_i32" => return Some(format!("{:08X}", sse::to_i32::<F>(x(0), st.rounding, st))),
        "to_i64" => return Some(format!("{:016X}", sse::to_i64::<F>(x(0), st.rounding, st))),
        "to_extF80" if F::FRAC == 23 => return Some(show(f80::from_f32(x(0) as u32, st))),
        "to_extF80" => return Some(show(f80::from_f64(x(0), st))),
        "to_f16" => return Some(format!("{:04X}", sse::f32_to_f16(x(0) as u32, st.rounding, st))),
        "to_f32" => return Some(format!("{:08X}", sse::f64_to_f32(x(0), st))),
        "to_f64" => return Some(format!("{:016X}", sse::f32_to_f64(x(0) as u32, st))),
        "eq" => return Some(format!("{}", sse::predicate::<F>(x(0), x(1), 0, st) as u8)),
        "eq_signaling" => return Some(format!("{}", sse::predicate::<F>(x(0), x(1), 16, st) as u8)),
        "lt" => return Some(format!("{}", sse::predicate::<F>(x(0), x(1), 1, st) as u8)),
        "le" => return Some(format!("{}", sse::predicate::<F>(x(0), x(1), 2, st) as u8)),
        "lt_quiet" => return Some(format!("{}", sse::predicate::<F>(x(0), x(1), 17, st) as u8)),
        "le_quiet" => return Some(format!("{}", sse::predicate::<F>(x(0), x(1), 18, st) as u8)),
        _ => return None,
    };
    Some(format!("{value:0width$X}"))
}

fn run(source: &str, function: &str, operands: &[&str], st: &mut Status) -> Option<String> {
    match (source, function) {
        ("extF80", _) => run_f80(function, operands, st),
        ("f32", _) => run_sse::<F32>(function, operands, st),
        ("f64", _) => run_sse::<F64>(function, operands, st),
        ("f16", "to_f32") => Some(format!("{:08X}", sse::f16_to_f32(hex(operands[0]) as u16, st))),
        ("i32" | "i64", _) => {
            let v = if source == "i32" { hex(operands[0]) as u32 as i32 as i64 } else { hex(operands[0]) as i64 };
            Some(match (source, function) {
                ("i32", "to_f32") => format!("{:08X}", sse::from_i32::<F32>(v as i32, st)),
                ("i32", "to_f64") => format!("{:016X}", sse::from_i32::<F64>(v as i32, st)),
                (_, "to_f32") => format!("{:08X}", sse::from_i64::<F32>(v, st)),
                (_, "to_f64") => format!("{:016X}", sse::from_i64::<F64>(v, st)),
                ("i32", "to_extF80") => show(f80::from_i32(v as i32)),
                (_, "to_extF80") => show(f80::from_i64(v)),
                _ => return None,
            })
        }
        _ => None,
    }
}

/// Runs one file; gives the number of cases and descriptions of the first failures.
fn run_file(path: &Path) -> (usize, Vec<String>) {
    let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".tf.gz").unwrap().to_owned();
    let (rest, rounding) = name.rsplit_once('_').unwrap();
    let rounding = match rounding {
        "rne" => Rounding::Nearest,
        "rtz" => Rounding::Zero,
        "rdn" => Rounding::Down,
        "rup" => Rounding::Up,
        other => panic!("{name}: rounding {other}"),
    };
    let (rest, precision) = match rest.rsplit_once('_') {
        Some((r, "p32")) => (r, Precision::Single),
        Some((r, "p64")) => (r, Precision::Double),
        Some((r, "p80")) => (r, Precision::Extended),
        _ => (rest, Precision::Extended),
    };
    let (source, function) = rest.split_once('_').unwrap();
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut failures = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (operands, expected) = fields.split_at(fields.len() - 2);
        let mut st = Status { rounding, precision, ..Status::default() };
        let got = run(source, function, operands, &mut st).unwrap_or_else(|| panic!("{name}: unknown function"));
        let got_flags = format!("{:02X}", flags(&st));
        count += 1;
        if (got.as_str(), got_flags.as_str()) != (expected[0], expected[1]) {
            failures.push(format!("{name}: {line}: got {got} {got_flags}"));
        }
    }
    (count, failures)
}

#[test]
fn all_vectors_match() {
    let dir = vectors();
    let Ok(entries) = std::fs::read_dir(&dir) else {
        println!("skipped: no TestFloat vectors beside the source tree");
        return;
    };
    let mut files: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.extension() == Some("gz".as_ref())).collect();
    files.sort();
    let mut total = 0;
    let mut failures = Vec::new();
    for file in &files {
        let (count, mut failed) = run_file(file);
        total += count;
        failed.truncate(3);
        failures.append(&mut failed);
    }
    println!("{total} cases of {} files", files.len());
    assert!(total > 0, "no vectors in the directory");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
