//! What the outside sees of the display: a picture, or the characters of a text mode.

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Pixels in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Lines from the top, pixels from the left, each 0x00RRGGBB.
    pub pixels: Vec<u32>,
}

/// The characters of a text mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextScreen {
    /// Characters in a row.
    pub cols: usize,
    /// Rows.
    pub rows: usize,
    /// Character code (code page 437) and attribute, row by row.
    pub cells: Vec<(u8, u8)>,
    /// Column and row of the cursor when it is on and on the screen.
    pub cursor: Option<(usize, usize)>,
}

impl TextScreen {
    /// The rows as text, blanks at the end of each removed.
    pub fn lines(&self) -> Vec<String> {
        self.cells
            .chunks(self.cols.max(1))
            .map(|row| row.iter().map(|&(ch, _)| cp437(ch)).collect::<String>().trim_end().to_owned())
            .collect()
    }
}

/// Code page 437 with the glyphs that its control codes have on the screen; 00h and FFh are blank.
const CP437: [&str; 8] = [
    " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼",
    " !\"#$%&'()*+,-./0123456789:;<=>?",
    "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_",
    "`abcdefghijklmnopqrstuvwxyz{|}~⌂",
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ",
    "áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐",
    "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀",
    "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ",
];

/// The Unicode character of a code of code page 437.
pub fn cp437(code: u8) -> char {
    if code.is_ascii_graphic() {
        return char::from(code);
    }
    CP437.get(usize::from(code >> 5)).and_then(|row| row.chars().nth(usize::from(code & 31))).unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_page_has_256_characters() {
        for row in CP437 {
            assert_eq!(row.chars().count(), 32, "{row}");
        }
        for (code, ch) in [(0x41, 'A'), (0xC9, '╔'), (0x81, 'ü'), (0xDB, '█'), (0x01, '☺'), (0xFE, '■'), (0x7F, '⌂')]
        {
            assert_eq!(cp437(code), ch);
        }
    }

    #[test]
    fn lines_are_trimmed() {
        let cells = [b'A', b' ', b'B', 0].map(|c| (c, 7)).to_vec();
        let screen = TextScreen { cols: 2, rows: 2, cells, cursor: None };
        assert_eq!(screen.lines(), ["A", "B"]);
    }
}
