//! Reader of the MOO chunk format, in which captured CPU tests are kept.
//!
//! A file is chunks of `id[4], length u32, payload`, little-endian; unknown ids are skipped. `TEST` holds `BYTS`,
//! `INIT` and `FINA`, which hold registers and memory bytes. A chunk that is cut short, a test without its parts and a
//! stream with fewer tests than it says are errors: a damaged file never passes as a small one.

use std::collections::BTreeMap;

/// Registers and memory of one side of a test. Registers are keyed by their bit in the set's own mask.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Register values by bit number: `REGS`, `RG32` or `RG64` order.
    pub regs: BTreeMap<u8, u64>,
    /// Memory bytes.
    pub ram: Vec<(u32, u8)>,
    /// Leading bytes of an FXSAVE image.
    pub fxsave: Option<Vec<u8>>,
    /// Masks of defined bits for this test alone.
    pub masks: BTreeMap<u8, u64>,
}

/// One test.
#[derive(Clone, Debug, Default)]
pub struct Test {
    /// Number in its source.
    pub index: u32,
    /// Disassembly.
    pub name: String,
    /// Instruction bytes.
    pub bytes: Vec<u8>,
    /// Before.
    pub init: Side,
    /// After: only what changed.
    pub last: Side,
    /// Exception vector, and the rest of the chunk.
    pub exception: Option<(u8, Vec<u8>)>,
}

/// Tests of one instruction form.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// CPU name of the `MOO ` chunk: `8086`, `C286`, `386E`, `HZ32`, `HZ64`.
    pub cpu: String,
    /// Form name, empty when the file has one form.
    pub name: String,
    /// Masks of defined bits per register.
    pub masks: BTreeMap<u8, u64>,
    /// The tests.
    pub tests: Vec<Test>,
    /// Number of tests that the stream announces.
    announced: usize,
}

type Result<T> = std::result::Result<T, String>;

fn u32_at(d: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(d.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Calls `each` with id and payload of every chunk; `at` is where `d` lies in the file, for messages.
fn chunks(d: &[u8], at: usize, mut each: impl FnMut([u8; 4], &[u8], usize) -> Result<()>) -> Result<()> {
    let mut i = 0;
    while i < d.len() {
        let cut = || format!("chunk at byte {} is cut short", at + i);
        let id = d.get(i..i + 4).and_then(|b| b.try_into().ok()).ok_or_else(cut)?;
        let len = u32_at(d, i + 4).ok_or_else(cut)? as usize;
        let payload = d.get(i + 8..).and_then(|rest| rest.get(..len)).ok_or_else(cut)?;
        each(id, payload, at + i + 8)?;
        i += 8 + len;
    }
    Ok(())
}

/// `width`-byte values for each set bit of a mask of `mask_bytes`.
fn masked(d: &[u8], mask_bytes: usize, width: usize, at: usize) -> Result<BTreeMap<u8, u64>> {
    let number = |from: usize, n: usize| {
        let bytes = d.get(from..from + n)?;
        Some(bytes.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
    };
    let cut = || format!("registers at byte {at} are cut short");
    let mask = number(0, mask_bytes).ok_or_else(cut)?;
    (0..64)
        .filter(|bit| mask >> bit & 1 != 0)
        .enumerate()
        .map(|(i, bit)| Ok((bit, number(mask_bytes + i * width, width).ok_or_else(cut)?)))
        .collect()
}

fn side(d: &[u8], at: usize) -> Result<Side> {
    let mut s = Side::default();
    chunks(d, at, |id, p, at| {
        match &id {
            b"REGS" => s.regs = masked(p, 2, 2, at)?,
            b"RG32" => s.regs = masked(p, 4, 4, at)?,
            b"RG64" => s.regs = masked(p, 4, 8, at)?,
            b"RMSK" => s.masks = masked(p, 2, 2, at)?,
            b"RM32" => s.masks = masked(p, 4, 4, at)?,
            b"RAM " => {
                let n = u32_at(p, 0).unwrap_or(u32::MAX) as usize;
                let bytes = p.get(4..).unwrap_or(&[]);
                if n.checked_mul(5).is_none_or(|len| len > bytes.len()) {
                    return Err(format!("memory bytes at byte {at} are cut short"));
                }
                let entries = bytes.chunks_exact(5).take(n);
                s.ram = entries.filter_map(|c| Some((u32_at(c, 0)?, *c.get(4)?))).collect();
            }
            b"FXSV" => s.fxsave = Some(p.to_vec()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(s)
}

fn text(p: &[u8]) -> &[u8] {
    p.get(4..).unwrap_or(&[])
}

fn test(d: &[u8], at: usize) -> Result<Test> {
    // Captured sets have an index before the chunks, our own have none: an index is no chunk id.
    let skip = if d.get(..4).is_some_and(|id| id.iter().all(|b| b.is_ascii_uppercase() || *b == b' ')) { 0 } else { 4 };
    let mut t = Test { index: u32_at(d, 0).unwrap_or(0), ..Test::default() };
    let (mut before, mut after) = (false, false);
    chunks(d.get(skip..).unwrap_or(&[]), at + skip, |id, p, at| {
        match &id {
            b"NAME" => t.name = String::from_utf8_lossy(text(p)).into_owned(),
            b"BYTS" => t.bytes = text(p).to_vec(),
            b"INIT" => (t.init, before) = (side(p, at)?, true),
            b"FINA" => (t.last, after) = (side(p, at)?, true),
            b"EXCP" => t.exception = p.split_first().map(|(v, rest)| (*v, rest.to_vec())),
            _ => {}
        }
        Ok(())
    })?;
    if !before || !after || t.bytes.is_empty() {
        return Err(format!("test at byte {at} has no instruction, no INIT or no FINA"));
    }
    Ok(t)
}

/// Reads every form of a file's (uncompressed) bytes.
///
/// # Errors
/// What is damaged and where, in one line.
pub fn parse(d: &[u8]) -> Result<Vec<Form>> {
    let mut forms: Vec<Form> = Vec::new();
    chunks(d, 0, |id, p, at| {
        if &id == b"MOO " {
            let cpu = p.get(8..12).ok_or_else(|| format!("MOO chunk at byte {at} is too short"))?;
            let announced = u32_at(p, 4).unwrap_or(0) as usize;
            let cpu = cpu.iter().map(|&b| b as char).collect();
            forms.push(Form { cpu, announced, ..Form::default() });
            return Ok(());
        }
        let form = forms.last_mut().ok_or("does not begin with a MOO chunk")?;
        match &id {
            b"FORM" => form.name = String::from_utf8_lossy(p).into_owned(),
            b"RMSK" => form.masks = masked(p, 2, 2, at)?,
            b"RM32" => form.masks = masked(p, 4, 4, at)?,
            b"TEST" => form.tests.push(test(p, at)?),
            _ => {}
        }
        Ok(())
    })?;
    if forms.is_empty() {
        return Err("is empty".to_owned());
    }
    match forms.iter().find(|f| f.tests.len() < f.announced) {
        Some(f) => Err(format!("has {} of the {} tests it announces {}", f.tests.len(), f.announced, f.name)),
        None => Ok(forms),
    }
}
