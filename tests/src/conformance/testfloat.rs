//! Berkeley TestFloat 3e vectors against the core's soft-float, which every x87 and SSE instruction calls.
//!
//! A file `<function>[_pNN]_<rounding>.tf` holds one case a line in hex: operands, result, flags (bit 0 inexact,
//! 1 underflow, 2 overflow, 3 divide by zero, 4 invalid). The denormal-operand exception is not part of the vectors.

use super::Report;
use rewind86_cpu::softfloat::f80::{self, F80};
use rewind86_cpu::softfloat::sse::{self, F32, F64};
use rewind86_cpu::softfloat::{IE, OE, Ordering, PE, Precision, Rounding, Status, UE, ZE};

/// TestFloat's flag byte without DE.
fn flags(st: &Status) -> u128 {
    [(PE, 1), (UE, 2), (OE, 4), (ZE, 8), (IE, 16)].iter().filter(|(f, _)| st.flags & f != 0).map(|(_, bit)| bit).sum()
}

fn extended(v: u128) -> F80 {
    F80::new((v >> 64) as u16, v as u64)
}

fn bits(a: F80) -> u128 {
    u128::from(a.sign_exp) << 64 | u128::from(a.mant)
}

fn compared(order: Ordering, relation: &str) -> u128 {
    u128::from(match relation {
        "eq" => order == Ordering::Equal,
        "le" => matches!(order, Ordering::Less | Ordering::Equal),
        _ => order == Ordering::Less,
    })
}

/// Number of operands of a function.
fn arity(function: &str) -> usize {
    let unary = function.contains("to_") || matches!(function, "sqrt" | "roundToInt");
    if unary { 1 } else { 2 }
}

fn run_f80(function: &str, x: F80, y: F80, st: &mut Status) -> Option<u128> {
    Some(match function {
        "add" => bits(f80::add(x, y, st)),
        "sub" => bits(f80::sub(x, y, st)),
        "mul" => bits(f80::mul(x, y, st)),
        "div" => bits(f80::div(x, y, st)),
        "sqrt" => bits(f80::sqrt(x, st)),
        "rem" => {
            let mut a = x;
            loop {
                let r = f80::fprem1(a, y, st);
                a = r.value;
                if !r.partial {
                    break bits(a);
                }
            }
        }
        "roundToInt" => bits(f80::round_to_int(x, st)),
        "to_f32" => u128::from(f80::to_f32(x, st)),
        "to_f64" => u128::from(f80::to_f64(x, st)),
        "to_i32" => u128::from(f80::to_i32(x, st) as u32),
        "to_i64" => u128::from(f80::to_i64(x, st) as u64),
        "eq" => compared(f80::compare(x, y, true, st), "eq"),
        "eq_signaling" => compared(f80::compare(x, y, false, st), "eq"),
        "le" => compared(f80::compare(x, y, false, st), "le"),
        "le_quiet" => compared(f80::compare(x, y, true, st), "le"),
        "lt" => compared(f80::compare(x, y, false, st), "lt"),
        "lt_quiet" => compared(f80::compare(x, y, true, st), "lt"),
        _ => return None,
    })
}

/// CMPPS predicates that a comparison function is (SDM volume 2, table 3-1).
const PREDICATES: [(&str, u8); 6] =
    [("eq", 0), ("eq_signaling", 16), ("lt", 1), ("le", 2), ("lt_quiet", 17), ("le_quiet", 18)];

fn run_sse<F: sse::Format>(function: &str, x: u64, y: u64, st: &mut Status) -> Option<u128> {
    if let Some((_, predicate)) = PREDICATES.iter().find(|(name, _)| *name == function) {
        return Some(u128::from(sse::predicate::<F>(x, y, *predicate, st)));
    }
    Some(u128::from(match function {
        "add" => sse::add::<F>(x, y, st),
        "sub" => sse::sub::<F>(x, y, st),
        "mul" => sse::mul::<F>(x, y, st),
        "div" => sse::div::<F>(x, y, st),
        "sqrt" => sse::sqrt::<F>(x, st),
        "roundToInt" => sse::round_to_int::<F>(x, st.rounding, false, st),
        "to_i32" => u64::from(sse::to_i32::<F>(x, st.rounding, st) as u32),
        "to_i64" => sse::to_i64::<F>(x, st.rounding, st) as u64,
        "to_extF80" if F::FRAC == 23 => return Some(bits(f80::from_f32(x as u32, st))),
        "to_extF80" => return Some(bits(f80::from_f64(x, st))),
        "to_f16" => u64::from(sse::f32_to_f16(x as u32, st.rounding, st)),
        "to_f32" => u64::from(sse::f64_to_f32(x, st)),
        "to_f64" => sse::f32_to_f64(x as u32, st),
        _ => return None,
    }))
}

fn run_function(source: &str, function: &str, x: u128, y: u128, st: &mut Status) -> Option<u128> {
    match (source, function) {
        ("extF80", _) => run_f80(function, extended(x), extended(y), st),
        ("f32", _) => run_sse::<F32>(function, x as u64, y as u64, st),
        ("f64", _) => run_sse::<F64>(function, x as u64, y as u64, st),
        ("f16", "to_f32") => Some(u128::from(sse::f16_to_f32(x as u16, st))),
        ("i32", "to_f32") => Some(u128::from(sse::from_i32::<F32>(x as i32, st))),
        ("i32", "to_f64") => Some(u128::from(sse::from_i32::<F64>(x as i32, st))),
        ("i32", "to_extF80") => Some(bits(f80::from_i32(x as i32))),
        ("i64", "to_f32") => Some(u128::from(sse::from_i64::<F32>(x as i64, st))),
        ("i64", "to_f64") => Some(u128::from(sse::from_i64::<F64>(x as i64, st))),
        ("i64", "to_extF80") => Some(bits(f80::from_i64(x as i64))),
        _ => None,
    }
}

/// Splits a file name into what to call and how to round.
fn parse_name(name: &str) -> Option<(&str, &str, Rounding, Precision)> {
    let (rest, rounding) = name.strip_suffix(".tf")?.rsplit_once('_')?;
    let rounding = match rounding {
        "rne" => Rounding::Nearest,
        "rtz" => Rounding::Zero,
        "rdn" => Rounding::Down,
        "rup" => Rounding::Up,
        _ => return None,
    };
    let (rest, precision) = match rest.rsplit_once('_') {
        Some((r, "p32")) => (r, Precision::Single),
        Some((r, "p64")) => (r, Precision::Double),
        Some((r, "p80")) => (r, Precision::Extended),
        _ => (rest, Precision::Extended),
    };
    let (source, function) = rest.split_once('_')?;
    Some((source, function, rounding, precision))
}

/// Runs the lines of one file.
///
/// # Errors
/// A name or a line that is no TestFloat vector.
pub(super) fn run(name: &str, text: &str, limit: usize, report: &mut Report) -> Result<(), String> {
    let (source, function, rounding, precision) =
        parse_name(name).ok_or("is not named <function>[_pNN]_<rounding>.tf")?;
    let row = name.strip_suffix(".tf").unwrap_or(name);
    let operands = arity(function);
    for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        if limit != 0 && n >= limit {
            break;
        }
        let fields: Result<Vec<u128>, _> = line.split_whitespace().map(|f| u128::from_str_radix(f, 16)).collect();
        let fields = fields.ok().filter(|f| f.len() == operands + 2);
        let fields = fields.ok_or_else(|| format!("line {} is no case of {source}_{function}", n + 1))?;
        let at = |i: usize| fields.get(i).copied().unwrap_or(0);
        let y = if operands == 2 { at(1) } else { 0 };
        let mut st = Status { rounding, precision, ..Status::default() };
        let Some(got) = run_function(source, function, at(0), y, &mut st) else {
            report.leave_out(&format!("{source}_{function}: no instruction does this"), 1);
            continue;
        };
        let same = got == at(operands) && flags(&st) == at(operands + 1);
        let outcome = if same { Ok(()) } else { Err(format!("got {got:X} {:02X}", flags(&st))) };
        report.add(row, || format!("line {} `{line}`", n + 1), outcome);
    }
    Ok(())
}
