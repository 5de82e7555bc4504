//! Reader of the MOO chunk format, in which captured CPU tests are kept.
//!
//! A file is chunks of `id[4], length u32, payload`, little-endian; unknown ids are skipped. `TEST` holds `BYTS`,
//! `INIT` and `FINA`, which hold registers and memory bytes. Damaged input ends the reading of the chunk it is in.

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
}

fn u32_at(d: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(d.get(at..at + 4)?.try_into().ok()?))
}

fn chunks(mut d: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let len = u32_at(d, 4)? as usize;
        let (id, payload) = (d.get(..4)?, d.get(8..8 + len)?);
        d = &d[8 + len..];
        Some((id, payload))
    })
}

/// `width`-byte values for each set bit of a mask of `mask_bytes`.
fn masked(d: &[u8], mask_bytes: usize, width: usize) -> BTreeMap<u8, u64> {
    let mut out = BTreeMap::new();
    let mut b = [0; 8];
    let Some(m) = d.get(..mask_bytes) else { return out };
    b[..mask_bytes].copy_from_slice(m);
    let mask = u64::from_le_bytes(b);
    let mut at = mask_bytes;
    for bit in (0..64).filter(|bit| mask >> bit & 1 != 0) {
        let Some(v) = d.get(at..at + width) else { break };
        let mut b = [0; 8];
        b[..width].copy_from_slice(v);
        out.insert(bit, u64::from_le_bytes(b));
        at += width;
    }
    out
}

fn side(d: &[u8]) -> Side {
    let mut s = Side::default();
    for (id, p) in chunks(d) {
        match id {
            b"REGS" => s.regs = masked(p, 2, 2),
            b"RG32" => s.regs = masked(p, 4, 4),
            b"RG64" => s.regs = masked(p, 4, 8),
            b"RMSK" => s.masks = masked(p, 2, 2),
            b"RM32" => s.masks = masked(p, 4, 4),
            b"RAM " => {
                s.ram = p.get(4..).unwrap_or(&[]).chunks_exact(5).filter_map(|c| Some((u32_at(c, 0)?, c[4]))).collect();
            }
            b"FXSV" => s.fxsave = Some(p.to_vec()),
            _ => {}
        }
    }
    s
}

fn test(d: &[u8]) -> Test {
    // Captured sets have an index before the chunks, our own have none: an index is no chunk id.
    let skip = if d.get(..4).is_some_and(|id| id.iter().all(|b| b.is_ascii_uppercase() || *b == b' ')) { 0 } else { 4 };
    let mut t = Test { index: u32_at(d, 0).unwrap_or(0), ..Test::default() };
    for (id, p) in chunks(d.get(skip..).unwrap_or(&[])) {
        match id {
            b"NAME" => t.name = String::from_utf8_lossy(p.get(4..).unwrap_or(&[])).into_owned(),
            b"BYTS" => t.bytes = p.get(4..).unwrap_or(&[]).to_vec(),
            b"INIT" => t.init = side(p),
            b"FINA" => t.last = side(p),
            b"EXCP" => t.exception = p.split_first().map(|(v, rest)| (*v, rest.to_vec())),
            _ => {}
        }
    }
    t
}

/// Reads every form of a file's (uncompressed) bytes.
pub fn parse(d: &[u8]) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    for (id, p) in chunks(d) {
        if id == b"MOO " {
            let cpu = p.get(8..12).unwrap_or(b"").iter().map(|&b| b as char).collect::<String>();
            forms.push(Form { cpu, ..Form::default() });
        }
        let Some(form) = forms.last_mut() else { continue };
        match id {
            b"FORM" => form.name = String::from_utf8_lossy(p).into_owned(),
            b"RMSK" => form.masks = masked(p, 2, 2),
            b"RM32" => form.masks = masked(p, 4, 4),
            b"TEST" => form.tests.push(test(p)),
            _ => {}
        }
    }
    forms
}
