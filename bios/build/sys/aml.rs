//! A few AML terms as byte strings: enough to write a DSDT.
//!
//! ACPI Specification 2.0, section 17 (AML grammar) and section 6.4 (resource descriptors). Names are given as in ASL,
//! with dots and a leading backslash; segments are padded with underscores here.

/// Encoded terms.
pub type Aml = Vec<u8>;

/// Several terms one after another.
pub fn list(terms: &[Aml]) -> Aml {
    terms.concat()
}

/// A name string.
pub fn path(name: &str) -> Aml {
    let (root, rest) = match name.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let mut out = if root { vec![b'\\'] } else { vec![] };
    let segments: Vec<&str> = rest.split('.').filter(|s| !s.is_empty()).collect();
    match segments.len() {
        0 => out.push(0),
        1 => {}
        2 => out.push(0x2E),
        n => out.extend([0x2F, n as u8]),
    }
    for s in segments {
        let mut seg = s.as_bytes().to_vec();
        seg.resize(4, b'_');
        out.extend(seg);
    }
    out
}

/// A package length that counts itself and `body`, then `body`.
fn sized(body: Aml) -> Aml {
    let n = body.len();
    let mut out = if n < 0x3F {
        vec![(n + 1) as u8]
    } else if n + 2 <= 0xFFF {
        let len = n + 2;
        vec![0x40 | (len & 15) as u8, (len >> 4) as u8]
    } else {
        let len = n + 3;
        vec![0x80 | (len & 15) as u8, (len >> 4) as u8, (len >> 12) as u8]
    };
    out.extend(body);
    out
}

fn op(code: &[u8], body: Aml) -> Aml {
    [code, &sized(body)].concat()
}

/// An integer constant.
pub fn int(v: u32) -> Aml {
    match v {
        0 => vec![0x00],
        1 => vec![0x01],
        2..=0xFF => vec![0x0A, v as u8],
        0x100..=0xFFFF => [&[0x0B][..], &(v as u16).to_le_bytes()].concat(),
        _ => [&[0x0C][..], &v.to_le_bytes()].concat(),
    }
}

/// `EISAID("PNP0A03")`.
pub fn eisa(id: &str) -> Aml {
    let c: Vec<u32> = id.bytes().take(3).map(|c| u32::from(c - 0x40)).collect();
    let number = u32::from_str_radix(&id[3..], 16).unwrap_or(0);
    let v = (c[0] << 26) | (c[1] << 21) | (c[2] << 16) | number;
    [&[0x0C][..], &v.to_be_bytes()].concat()
}

/// `Name (n, value)`.
pub fn name(n: &str, value: Aml) -> Aml {
    [vec![0x08], path(n), value].concat()
}

/// `Scope (n) { body }`.
pub fn scope(n: &str, body: Aml) -> Aml {
    op(&[0x10], [path(n), body].concat())
}

/// `Device (n) { body }`.
pub fn device(n: &str, body: Aml) -> Aml {
    op(&[0x5B, 0x82], [path(n), body].concat())
}

/// `Processor (n, id, 0, 0) {}`: without throttling registers.
pub fn processor(n: &str, id: u8) -> Aml {
    op(&[0x5B, 0x83], [path(n), vec![id, 0, 0, 0, 0, 0]].concat())
}

/// `Method (n, args) { body }`.
pub fn method(n: &str, args: u8, body: Aml) -> Aml {
    op(&[0x14], [path(n), vec![args], body].concat())
}

/// `Package () { items }`.
pub fn package(items: &[Aml]) -> Aml {
    op(&[0x12], [vec![items.len() as u8], items.concat()].concat())
}

/// `Return (value)`.
pub fn ret(value: Aml) -> Aml {
    [vec![0xA4], value].concat()
}

/// `If (condition) { body }`.
pub fn if_(condition: Aml, body: Aml) -> Aml {
    op(&[0xA0], [condition, body].concat())
}

/// `LEqual (a, b)`.
pub fn equal(a: Aml, b: Aml) -> Aml {
    [vec![0x93], a, b].concat()
}

/// `LLess (a, b)`.
pub fn less(a: Aml, b: Aml) -> Aml {
    [vec![0x95], a, b].concat()
}

/// `And (a, b)` without a target.
pub fn and(a: Aml, b: Aml) -> Aml {
    [vec![0x7B], a, b, vec![0]].concat()
}

/// `Or (a, b, target)`.
pub fn or(a: Aml, b: Aml, target: Aml) -> Aml {
    [vec![0x7D], a, b, target].concat()
}

/// `Store (value, target)`.
pub fn store(value: Aml, target: Aml) -> Aml {
    [vec![0x70], value, target].concat()
}

/// `ArgN`.
pub fn arg(n: u8) -> Aml {
    vec![0x68 + n]
}

/// `LocalN`.
pub fn local(n: u8) -> Aml {
    vec![0x60 + n]
}

/// `CreateDWordField (buffer, offset, n)`.
pub fn dword_field(buffer: Aml, offset: u32, n: &str) -> Aml {
    [vec![0x8A], buffer, int(offset), path(n)].concat()
}

/// `OperationRegion (n, space, offset, length)`; space 1 system I/O, 2 PCI configuration.
pub fn region(n: &str, space: u8, offset: u32, length: u32) -> Aml {
    [vec![0x5B, 0x80], path(n), vec![space], int(offset), int(length)].concat()
}

/// `Field (region, ByteAcc, NoLock, Preserve)` of byte-wide fields.
pub fn byte_fields(region: &str, names: &[&str]) -> Aml {
    let mut body = [path(region), vec![0x01]].concat();
    for n in names {
        body.extend(path(n));
        body.push(8);
    }
    op(&[0x5B, 0x81], body)
}

/// `ResourceTemplate () { descriptors }`.
pub fn resources(descriptors: &[Vec<u8>]) -> Aml {
    let mut bytes = descriptors.concat();
    bytes.extend([0x79, 0]);
    op(&[0x11], [int(bytes.len() as u32), bytes].concat())
}

/// `IO (Decode16, at, at, 1, length)`.
pub fn io(at: u16, length: u8) -> Vec<u8> {
    let at = at.to_le_bytes();
    vec![0x47, 1, at[0], at[1], at[0], at[1], 1, length]
}

/// `IRQNoFlags () { line }`.
pub fn irq(line: u8) -> Vec<u8> {
    let mask = (1u16 << line).to_le_bytes();
    vec![0x22, mask[0], mask[1]]
}

/// `DMA (Compatibility, NotBusMaster, Transfer8) { channel }`.
pub fn dma(channel: u8) -> Vec<u8> {
    vec![0x2A, 1 << channel, 0]
}

/// `Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { lines }`; the first line is at offset 5.
pub fn interrupt(lines: &[u32]) -> Vec<u8> {
    let length = (2 + 4 * lines.len()) as u16;
    let mut out = vec![0x89];
    out.extend(length.to_le_bytes());
    out.extend([0x09, lines.len() as u8]);
    lines.iter().for_each(|l| out.extend(l.to_le_bytes()));
    out
}

/// `WordBusNumber` or `WordIO`: kind 2 or 1, fixed range.
pub fn word_range(kind: u8, flags: u8, first: u16, last: u16) -> Vec<u8> {
    let length = (u32::from(last) - u32::from(first) + 1) as u16;
    let mut out = vec![0x88, 13, 0, kind, 0x0C, flags];
    for v in [0, first, last, 0, length] {
        out.extend(v.to_le_bytes());
    }
    out
}

/// `DWordMemory`, fixed range, read-write, `flags` with the cache kind.
pub fn dword_memory(flags: u8, first: u32, last: u32) -> Vec<u8> {
    let mut out = vec![0x87, 23, 0, 0, 0x0C, flags];
    for v in [0, first, last, 0, last - first + 1] {
        out.extend(v.to_le_bytes());
    }
    out
}
