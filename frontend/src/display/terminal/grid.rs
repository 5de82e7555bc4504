//! A picture as the character cells of a terminal: text modes cell by cell, graphics as half blocks.

use rewind86_machine::{Frame, TextScreen, cp437_char};

use super::super::scale::Scaler;

/// A colour of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One of the terminal's 16, numbered as ANSI does.
    Ansi(u8),
    /// 0x00RRGGBB.
    Rgb(u32),
}

/// A character and its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The character.
    pub ch: char,
    /// Its colour.
    pub fg: Colour,
    /// The colour behind it.
    pub bg: Colour,
}

/// A cell with nothing in it.
pub const BLANK: Cell = Cell { ch: ' ', fg: Colour::Ansi(7), bg: Colour::Ansi(0) };

/// The cells of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Columns.
    pub cols: usize,
    /// Rows.
    pub rows: usize,
    /// `cols * rows` cells, top row first.
    pub cells: Vec<Cell>,
    /// Where the cursor is shown, (column, row).
    pub cursor: Option<(usize, usize)>,
}

/// A VGA colour (bit 0 blue, 1 green, 2 red, 3 bright) as ANSI counts (bit 0 red, 1 green, 2 blue, 3 bright).
fn ansi(vga: u8) -> Colour {
    Colour::Ansi(vga & 0b1010 | (vga & 1) << 2 | (vga >> 2) & 1)
}

impl Grid {
    /// An empty terminal.
    pub fn blank(cols: usize, rows: usize) -> Self {
        Self { cols, rows, cells: vec![BLANK; cols * rows], cursor: None }
    }

    /// Shows a text screen in the top left corner. A terminal with fewer rows shows those around the cursor.
    pub fn text(&mut self, screen: &TextScreen) {
        let first = match screen.cursor {
            Some((_, row)) if screen.rows > self.rows => (row + 1).saturating_sub(self.rows),
            _ => 0,
        };
        let rows = screen.cells.chunks(screen.cols.max(1)).take(screen.rows).skip(first);
        for (source, target) in rows.zip(self.cells.chunks_mut(self.cols.max(1))) {
            for (cell, &(ch, attribute)) in target.iter_mut().zip(source) {
                // Bit 7 is blinking or a bright background; neither is worth a blinking terminal.
                *cell = Cell { ch: cp437_char(ch), fg: ansi(attribute & 15), bg: ansi(attribute >> 4 & 7) };
            }
        }
        let inside = |&(col, row): &(usize, usize)| col < self.cols && row < self.rows;
        self.cursor = screen.cursor.and_then(|(col, row)| Some((col, row.checked_sub(first)?))).filter(inside);
    }

    /// Shows a picture in the first `rows` rows, two pixels a cell.
    pub fn pixels(&mut self, frame: &Frame, rows: usize, scaler: &mut Scaler, scratch: &mut Vec<u32>) {
        scaler.draw(frame, self.cols, rows * 2, false, scratch);
        let lines = scratch.chunks(self.cols.max(1) * 2);
        for (target, lines) in self.cells.chunks_mut(self.cols.max(1)).take(rows).zip(lines) {
            let (upper, lower) = lines.split_at(lines.len().min(target.len()));
            for ((cell, &top), &bottom) in target.iter_mut().zip(upper).zip(lower) {
                *cell = Cell { ch: '▀', fg: Colour::Rgb(top), bg: Colour::Rgb(bottom) };
            }
        }
    }

    /// Writes a line of text over a row.
    pub fn line(&mut self, row: usize, text: &str) {
        let Some(cells) = self.cells.chunks_mut(self.cols.max(1)).nth(row) else { return };
        let mut chars = text.chars();
        for cell in cells {
            *cell = Cell { ch: chars.next().unwrap_or(' '), fg: Colour::Ansi(0), bg: Colour::Ansi(7) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(cols: usize, rows: usize, cursor: (usize, usize)) -> TextScreen {
        let cells = (0..cols * rows).map(|n| (b'a' + (n / cols) as u8, 0x1E)).collect();
        TextScreen { cols, rows, cells, cursor: Some(cursor) }
    }

    #[test]
    fn colours_are_renumbered() {
        assert_eq!([0, 1, 4, 2, 14, 15].map(ansi), [0, 4, 1, 2, 11, 15].map(Colour::Ansi));
    }

    #[test]
    fn text_with_attributes() {
        let mut grid = Grid::blank(3, 3);
        grid.text(&screen(2, 2, (1, 1)));
        assert_eq!(grid.cells[0], Cell { ch: 'a', fg: Colour::Ansi(11), bg: Colour::Ansi(4) });
        assert_eq!(grid.cells[3].ch, 'b');
        assert_eq!((grid.cells[2], grid.cells[6], grid.cursor), (BLANK, BLANK, Some((1, 1))));
    }

    #[test]
    fn a_small_terminal_follows_the_cursor() {
        let mut grid = Grid::blank(1, 2);
        grid.text(&screen(2, 5, (0, 3)));
        assert_eq!(grid.cells.iter().map(|c| c.ch).collect::<String>(), "cd");
        assert_eq!(grid.cursor, Some((0, 1)));
        grid.text(&screen(2, 5, (1, 0)));
        assert_eq!((grid.cells[0].ch, grid.cursor), ('a', None));
    }

    #[test]
    fn pixels_are_half_blocks() {
        let frame = Frame { width: 2, height: 2, pixels: vec![1, 2, 3, 4] };
        let mut grid = Grid::blank(2, 2);
        grid.pixels(&frame, 1, &mut Scaler::default(), &mut Vec::new());
        assert_eq!(grid.cells[1], Cell { ch: '▀', fg: Colour::Rgb(2), bg: Colour::Rgb(4) });
        assert_eq!(grid.cells[2], BLANK);
    }

    #[test]
    fn a_line_fills_its_row() {
        let mut grid = Grid::blank(3, 2);
        grid.line(1, "hello");
        grid.line(9, "nowhere");
        assert_eq!(grid.cells.iter().map(|c| c.ch).collect::<String>(), "   hel");
    }
}
