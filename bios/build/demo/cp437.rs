//! Text of code page 437, the character set of the PC's display adapters, from Unicode source text.

use crate::asm16::Asm16;

/// Characters 01h-1Fh.
const LOW: &str = "☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
/// Characters 80h-FEh.
const HIGH: &str = concat!(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐",
    "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■"
);

/// The bytes of `text` in code page 437.
///
/// # Panics
/// If a character is not in the code page.
pub fn cp437(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| {
            let find = |set: &str, base: usize| set.chars().position(|x| x == c).map(|i| (i + base) as u8);
            match c {
                ' '..='~' => c as u8,
                _ => match find(LOW, 1).or_else(|| find(HIGH, 0x80)) {
                    Some(code) => code,
                    None => panic!("{c:?} is not in code page 437"),
                },
            }
        })
        .collect()
}

/// A labelled string that ends with a NUL.
pub fn text(a: &mut Asm16, label: &str, text: &str) {
    a.label(label);
    a.db(&cp437(text));
    a.db(&[0]);
}

/// A labelled list for `put_items`: row, column, colour, text.
pub fn items(a: &mut Asm16, label: &str, list: &[(i32, i32, u8, &str)]) {
    a.label(label);
    for &(row, col, attr, text) in list {
        assert!(col >= 0 && col as usize + text.chars().count() <= 80, "{text:?} leaves the screen");
        a.dw(&[super::layout::place(row, col) as u16]);
        a.db(&[attr]);
        a.db(&cp437(text));
        a.db(&[0]);
    }
    a.dw(&[0xFFFF]);
}
