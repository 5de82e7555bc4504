//! What a display shows: a frame of pixels, or the cells of a text mode.

/// The 256 characters of code page 437 as the VGA font draws them.
const CP437: [char; 256] = {
    let mut t = ['\0'; 256];
    let low = [
        ' ', '☺', '☻', '♥', '♦', '♣', '♠', '•', '◘', '○', '◙', '♂', '♀', '♪', '♫', '☼', '►', '◄', '↕', '‼', '¶', '§',
        '▬', '↨', '↑', '↓', '→', '←', '∟', '↔', '▲', '▼',
    ];
    let high = [
        'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ', 'ô', 'ö', 'ò',
        'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐', '¬', '½',
        '¼', '¡', '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛', '┐', '└', '┴',
        '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫',
        '╪', '┘', '┌', '█', '▄', '▌', '▐', '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ',
        'ε', '∩', '≡', '±', '≥', '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', ' ',
    ];
    let mut i = 0;
    while i < 256 {
        t[i] = match i {
            0..32 => low[i],
            127 => '⌂',
            128.. => high[i - 128],
            _ => i as u8 as char,
        };
        i += 1;
    }
    t
};

/// The Unicode character that looks like `ch` of code page 437.
pub fn cp437_char(ch: u8) -> char {
    CP437[usize::from(ch)]
}

/// A picture of the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Pixels per line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// `width * height` pixels, 0x00RRGGBB, top line first.
    pub pixels: Vec<u32>,
}

/// The screen of a text mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextScreen {
    /// Characters per row.
    pub cols: usize,
    /// Rows.
    pub rows: usize,
    /// `cols * rows` cells, (character code, attribute), top row first.
    pub cells: Vec<(u8, u8)>,
    /// Cursor (column, row) when it is visible.
    pub cursor: Option<(usize, usize)>,
}

impl TextScreen {
    /// The rows as Unicode text, trailing blanks removed.
    pub fn lines(&self) -> Vec<String> {
        let mut rows: Vec<String> = self
            .cells
            .chunks(self.cols.max(1))
            .take(self.rows)
            .map(|row| row.iter().map(|&(ch, _)| cp437_char(ch)).collect::<String>().trim_end().to_owned())
            .collect();
        rows.resize(self.rows, String::new());
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_translate_and_trim() {
        let mut s = TextScreen { cols: 4, rows: 3, cells: vec![(b' ', 7); 8], cursor: None };
        s.cells[0] = (0xC9, 7);
        s.cells[1] = (b'A', 7);
        s.cells[4] = (0, 7);
        assert_eq!(s.lines(), ["╔A", "", ""]);
    }

    #[test]
    fn ascii_and_the_corners_of_the_page() {
        assert_eq!(cp437_char(b'~'), '~');
        assert_eq!(cp437_char(0x7F), '⌂');
        assert_eq!(cp437_char(0x80), 'Ç');
        assert_eq!(cp437_char(0xDB), '█');
        assert_eq!(cp437_char(0xFE), '■');
    }
}
