//! The fonts of the VGA BIOS: code page 437 in cells of 8x8, 8x14 and 8x16.
//!
//! `font.txt` holds hand-drawn 8x8 glyphs. The taller sizes repeat rows of them: those that carry no horizontal stroke,
//! so that stems grow and bars stay thin; angle brackets stay as they are. Accented letters are composed, line drawing and blocks are generated, each at
//! the final size, so that lines meet their neighbours.

use std::collections::BTreeMap;

/// The drawings.
const DRAWN: &str = include_str!("font.txt");

/// An 8x8 drawing.
type Small = [u8; 8];

/// All 256 glyphs of one cell height, `height` bytes each.
pub fn font(height: usize) -> Vec<u8> {
    let drawn = parse(DRAWN);
    (0..=255u8).flat_map(|code| glyph(&drawn, code, height)).collect()
}

/// Reads the bands of `font.txt`.
fn parse(text: &str) -> BTreeMap<u8, Small> {
    let mut glyphs = BTreeMap::new();
    let mut lines = text.lines().filter(|l| !l.starts_with("# ") && !l.trim().is_empty());
    while let Some(header) = lines.next() {
        let codes: Vec<u8> = header
            .split_whitespace()
            .map(|c| u8::from_str_radix(c, 16).unwrap_or_else(|_| panic!("font.txt: {c} is no code")))
            .collect();
        let mut band = vec![[0u8; 8]; codes.len()];
        for row in 0..8 {
            let line = lines.next().unwrap_or("");
            let cells: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(cells.len(), codes.len(), "font.txt, below {header}: {line}");
            for (glyph, cell) in band.iter_mut().zip(cells) {
                assert!(cell.len() == 8, "font.txt, below {header}: {cell}");
                glyph[row] = bits(cell);
            }
        }
        for (code, glyph) in codes.into_iter().zip(band) {
            assert!(glyphs.insert(code, glyph).is_none(), "font.txt: {code:02X} is drawn twice");
        }
    }
    glyphs
}

/// A row of pixels, leftmost in bit 7.
fn bits(cell: &str) -> u8 {
    cell.bytes().fold(0, |v, c| v << 1 | u8::from(c == b'#'))
}

/// How a drawing becomes taller.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    /// Capitals, digits and signs on the base line.
    Capital,
    /// Small letters: rows 2 to 6 are the x-height.
    Small,
    /// Small letters whose rows 6 and 7 hang below the base line.
    Descender,
    /// Signs that use all eight rows.
    Full,
    /// Signs that touch the cell's edges.
    Edge,
    /// Slanted signs, which repeated rows would turn into braces: centred as they are.
    Slanted,
}

fn class(code: u8, drawing: &Small) -> Class {
    match code {
        b'g' | b'j' | b'p' | b'q' | b'y' => Class::Descender,
        b'a'..=b'z' | 0x91 | 0xE0 | 0xE5 | 0xE6 | 0xE7 => Class::Small,
        0x08 | 0x0A | 0xF4 | 0xF5 => Class::Edge,
        b'<' | b'>' | 0xAE | 0xAF => Class::Slanted,
        b'Q' | b',' | b';' => Class::Capital,
        _ if drawing[7] != 0 => Class::Full,
        _ => Class::Capital,
    }
}

/// `rows` with `extra` more of them, repeating those least like a horizontal stroke first.
fn stretch(rows: &[u8], extra: usize) -> Vec<u8> {
    let cost = |i: usize| {
        let row = rows[i];
        let bar = row & row << 1 & row << 2 & row << 3 != 0;
        let edge = i == 0 || i + 1 == rows.len();
        let blank = row == 0;
        // The order among equals spreads the repeated rows evenly.
        let place = [5, 0, 3, 4, 2, 1, 6, 7][i % 8];
        (u32::from(bar) * 4 + u32::from(edge) * 2 + u32::from(blank) * 3, place)
    };
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&i| cost(i));
    let mut times = vec![1; rows.len()];
    for i in order.iter().cycle().take(if rows.is_empty() { 0 } else { extra }) {
        times[*i] += 1;
    }
    rows.iter().zip(times).flat_map(|(&row, n)| std::iter::repeat_n(row, n)).collect()
}

/// Lines of a cell: top and base line of capitals (its last line).
fn metrics(height: usize) -> (usize, usize) {
    match height {
        16 => (2, 11),
        14 => (2, 10),
        _ => (0, 6),
    }
}

/// `rows` put into a cell at line `top`.
fn place(height: usize, top: usize, rows: &[u8]) -> Vec<u8> {
    let mut cell = vec![0; height];
    cell.iter_mut().skip(top).zip(rows).for_each(|(to, &from)| *to = from);
    cell
}

/// A drawing made `height` lines tall.
fn tall(code: u8, g: &Small, height: usize) -> Vec<u8> {
    if height == 8 {
        return g.to_vec();
    }
    let (top, base) = metrics(height);
    let lines = base - top + 1;
    let ascender = |g: &Small| stretch(&g[..2], 1);
    let rows = match class(code, g) {
        Class::Capital => [stretch(&g[..7], lines - 7), vec![g[7]]].concat(),
        Class::Small => {
            let tail = if height == 16 { 2 } else { 1 };
            [ascender(g), stretch(&g[2..7], lines - 8), vec![g[7]; tail]].concat()
        }
        Class::Descender => [ascender(g), stretch(&g[2..6], lines - 7), vec![g[6]; height / 8], vec![g[7]]].concat(),
        Class::Full => stretch(g, height / 4),
        Class::Slanted => [vec![0; (lines - 7) / 2], g.to_vec()].concat(),
        Class::Edge => {
            let doubled: Vec<u8> = g.iter().flat_map(|&row| [row, row]).collect();
            let cut = (16 - height) / 2;
            return doubled[cut..16 - cut].to_vec();
        }
    };
    place(height, top, &rows)
}

fn glyph(drawn: &BTreeMap<u8, Small>, code: u8, height: usize) -> Vec<u8> {
    if let Some(drawing) = drawn.get(&code) {
        return tall(code, drawing, height);
    }
    match code {
        0x00 | 0x20 | 0xFF => vec![0; height],
        0xB0 => shade(height, [0x22, 0x88]),
        0xB1 => shade(height, [0x55, 0xAA]),
        0xB2 => shade(height, [0xDD, 0x77]),
        0xDB => vec![0xFF; height],
        0xDC => (0..height).map(|y| if y < height / 2 { 0 } else { 0xFF }).collect(),
        0xDD => vec![0xF0; height],
        0xDE => vec![0x0F; height],
        0xDF => (0..height).map(|y| if y < height / 2 { 0xFF } else { 0 }).collect(),
        0xA6 | 0xA7 => ordinal(drawn, code, height),
        0xB3..=0xDA => line_drawing(code, height),
        _ => accented(drawn, code, height),
    }
}

fn shade(height: usize, rows: [u8; 2]) -> Vec<u8> {
    (0..height).map(|y| rows[y & 1]).collect()
}

/// Feminine and masculine ordinals: a raised small letter over a bar.
fn ordinal(drawn: &BTreeMap<u8, Small>, code: u8, height: usize) -> Vec<u8> {
    let letter = drawn[if code == 0xA6 { &b'a' } else { &b'o' }];
    let (top, _) = metrics(height);
    let mut rows = letter[2..7].to_vec();
    rows.extend([0, 0xFC]);
    place(height, top, &rows)
}

/// An accent over a letter: the tall form of three rows, the low form of two.
struct Accent {
    tall: [&'static str; 3],
    low: [&'static str; 2],
}

const ACUTE: Accent = Accent { tall: ["....##..", "...##...", "..##...."], low: ["...##...", "..##...."] };
const GRAVE: Accent = Accent { tall: [".##.....", "..##....", "...##..."], low: ["..##....", "...##..."] };
const CIRCUMFLEX: Accent = Accent { tall: ["..##....", ".####...", "##..##.."], low: ["..##....", "##..##.."] };
const DIAERESIS: Accent = Accent { tall: ["##..##..", "##..##..", "........"], low: ["##..##..", "........"] };
const RING: Accent = Accent { tall: ["..##....", ".#..#...", "..##...."], low: [".####...", "..##...."] };
const TILDE: Accent = Accent { tall: [".###.##.", "##.###..", "........"], low: [".###.##.", "##.###.."] };
const RING_CAPITAL: Accent = Accent { tall: ["..###...", ".##.##..", "..###..."], low: ["..###...", "........"] };
const DIAERESIS_CAPITAL: Accent = Accent { tall: ["##...##.", "##...##.", "........"], low: ["##...##.", "........"] };
const TILDE_CAPITAL: Accent = Accent { tall: [".###.##.", "##.###..", "........"], low: [".###.##.", "##.###.."] };

/// Composed letters: code, letter, accent.
const ACCENTED: [(u8, u8, &Accent); 30] = [
    (0x81, b'u', &DIAERESIS),
    (0x82, b'e', &ACUTE),
    (0x83, b'a', &CIRCUMFLEX),
    (0x84, b'a', &DIAERESIS),
    (0x85, b'a', &GRAVE),
    (0x86, b'a', &RING),
    (0x88, b'e', &CIRCUMFLEX),
    (0x89, b'e', &DIAERESIS),
    (0x8A, b'e', &GRAVE),
    (0x8B, b'i', &DIAERESIS),
    (0x8C, b'i', &CIRCUMFLEX),
    (0x8D, b'i', &GRAVE),
    (0x8E, b'A', &DIAERESIS_CAPITAL),
    (0x8F, b'A', &RING_CAPITAL),
    (0x90, b'E', &ACUTE),
    (0x93, b'o', &CIRCUMFLEX),
    (0x94, b'o', &DIAERESIS),
    (0x95, b'o', &GRAVE),
    (0x96, b'u', &CIRCUMFLEX),
    (0x97, b'u', &GRAVE),
    (0x98, b'y', &DIAERESIS),
    (0x99, b'O', &DIAERESIS_CAPITAL),
    (0x9A, b'U', &DIAERESIS_CAPITAL),
    (0xA0, b'a', &ACUTE),
    (0xA1, b'i', &ACUTE),
    (0xA2, b'o', &ACUTE),
    (0xA3, b'u', &ACUTE),
    (0xA4, b'n', &TILDE),
    (0xA5, b'N', &TILDE_CAPITAL),
    (0x80, b'C', &ACUTE),
];

fn accented(drawn: &BTreeMap<u8, Small>, code: u8, height: usize) -> Vec<u8> {
    let (top, base) = metrics(height);
    if let 0x80 | 0x87 = code {
        // The cedilla hangs below the letter.
        let letter = if code == 0x80 { b'C' } else { b'c' };
        let mut cell = tall(letter, &drawn[&letter], height);
        for (line, row) in ["..##....", ".##....."].iter().enumerate() {
            if let Some(to) = cell.get_mut(base + 1 + line) {
                *to = bits(row);
            }
        }
        if height > 8 {
            cell[base + 1] = bits("...##...");
        }
        return cell;
    }
    let Some((_, letter, accent)) = ACCENTED.iter().find(|a| a.0 == code) else {
        panic!("font.txt: {code:02X} is not drawn");
    };
    let drawing = drawn[letter];
    let mut cell = if letter.is_ascii_uppercase() {
        // The capital becomes lower to make room.
        if height == 8 {
            let keep = if *letter == b'N' { [1, 2, 3, 4, 5] } else { [0, 1, 3, 5, 6] };
            place(height, 2, &keep.map(|i: usize| drawing[i]))
        } else {
            place(height, base - 7, &stretch(&drawing[..7], 1))
        }
    } else {
        let mut body = drawing;
        body[..2].fill(0);
        tall(*letter, &body, height)
    };
    let rows: Vec<u8> = if height == 8 { accent.low.map(bits).to_vec() } else { accent.tall.map(bits).to_vec() };
    let first = match (height, letter.is_ascii_uppercase()) {
        (8, _) => 0,
        (_, true) => base - 10,
        _ => top - 1,
    };
    for (line, row) in rows.iter().enumerate() {
        if let Some(to) = cell.get_mut(first + line) {
            *to |= row;
        }
    }
    cell
}

/// Arms of a line-drawing character.
const U: u8 = 1;
const D: u8 = 2;
const L: u8 = 4;
const R: u8 = 8;

/// B3h-DAh: number of vertical lines, number of horizontal lines, arms.
const LINES: [(u8, u8, u8); 40] = [
    (1, 0, U | D),
    (1, 1, U | D | L),
    (1, 2, U | D | L),
    (2, 1, U | D | L),
    (2, 1, D | L),
    (1, 2, D | L),
    (2, 2, U | D | L),
    (2, 0, U | D),
    (2, 2, D | L),
    (2, 2, U | L),
    (2, 1, U | L),
    (1, 2, U | L),
    (1, 1, D | L),
    (1, 1, U | R),
    (1, 1, U | L | R),
    (1, 1, D | L | R),
    (1, 1, U | D | R),
    (0, 1, L | R),
    (1, 1, U | D | L | R),
    (1, 2, U | D | R),
    (2, 1, U | D | R),
    (2, 2, U | R),
    (2, 2, D | R),
    (2, 2, U | L | R),
    (2, 2, D | L | R),
    (2, 2, U | D | R),
    (0, 2, L | R),
    (2, 2, U | D | L | R),
    (1, 2, U | L | R),
    (2, 1, U | L | R),
    (1, 2, D | L | R),
    (2, 1, D | L | R),
    (2, 1, U | R),
    (1, 2, U | R),
    (1, 2, D | R),
    (2, 1, D | R),
    (2, 1, U | D | L | R),
    (1, 2, U | D | L | R),
    (1, 1, U | L),
    (1, 1, D | R),
];

/// Columns of a single vertical line and of the two double ones.
const V_SINGLE: u8 = 0b0001_1000;
const V_LEFT: u8 = 0b0011_0000;
const V_RIGHT: u8 = 0b0000_0110;

fn line_drawing(code: u8, height: usize) -> Vec<u8> {
    let (vertical, horizontal, arms) = LINES[usize::from(code - 0xB3)];
    let (up, down, left, right) = (arms & U != 0, arms & D != 0, arms & L != 0, arms & R != 0);
    let mid = height / 2 - 1;
    let (above, below) = (mid - 1, mid + 1);
    let mut cell = vec![0u8; height];
    let mut v = |from: usize, to: usize, columns: u8| (from..=to).for_each(|y| cell[y] |= columns);
    let last = height - 1;
    // Columns from `from` to `to`, leftmost 0.
    let span = |from: u32, to: u32| (0xFFu8 >> from) & (0xFFu16 << (7 - to)) as u8;
    match (vertical, horizontal) {
        (2, 2) => {
            for (columns, turned) in [(V_LEFT, left), (V_RIGHT, right)] {
                if up {
                    v(0, if turned { above } else { below }, columns);
                }
                if down {
                    v(if turned { below } else { above }, last, columns);
                }
            }
            for (row, turned) in [(above, up), (below, down)] {
                if left {
                    v(row, row, span(0, if turned { 3 } else { 6 }));
                }
                if right {
                    v(row, row, span(if turned { 5 } else { 2 }, 7));
                }
            }
        }
        (2, _) => {
            let ends = if horizontal == 0 { (last, 0) } else { (mid, mid) };
            if up {
                v(0, ends.0, V_LEFT | V_RIGHT);
            }
            if down {
                v(ends.1, last, V_LEFT | V_RIGHT);
            }
            if left {
                v(mid, mid, span(0, if up && down && !right { 3 } else { 6 }));
            }
            if right {
                v(mid, mid, span(if up && down && !left { 5 } else { 2 }, 7));
            }
        }
        (_, 2) => {
            for row in [above, below] {
                if left {
                    v(row, row, span(0, if vertical == 0 { 7 } else { 4 }));
                }
                if right {
                    v(row, row, span(if vertical == 0 { 0 } else { 3 }, 7));
                }
            }
            if up {
                v(0, if left && right && !down { above } else { below }, V_SINGLE);
            }
            if down {
                v(if left && right && !up { below } else { above }, last, V_SINGLE);
            }
        }
        _ => {
            if up {
                v(0, mid, V_SINGLE);
            }
            if down {
                v(mid, last, V_SINGLE);
            }
            if left {
                v(mid, mid, span(0, 4));
            }
            if right {
                v(mid, mid, span(3, 7));
            }
        }
    }
    cell
}
