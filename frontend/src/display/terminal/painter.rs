//! Brings a terminal from the grid it shows to another one with as few bytes as is easy: only cells that differ are
//! written, the cursor is moved only over gaps, colours are set only when they change.

use std::fmt::Write;

use super::grid::{Cell, Colour, Grid};

/// Remembers what the terminal shows.
#[derive(Debug, Default)]
pub struct Painter {
    shown: Option<Grid>,
}

impl Painter {
    /// The terminal's content is no longer known.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// The control sequences that make the terminal show `grid`.
    pub fn paint(&mut self, grid: &Grid) -> String {
        let mut out = String::new();
        let known = self.shown.take().filter(|s| (s.cols, s.rows) == (grid.cols, grid.rows));
        if known.is_none() {
            out.push_str("\x1b[0m\x1b[2J");
        }
        let mut colours = None;
        let mut at = None;
        for (n, &cell) in grid.cells.iter().enumerate() {
            if known.as_ref().is_some_and(|k| k.cells.get(n) == Some(&cell)) {
                continue;
            }
            let (col, row) = (n % grid.cols, n / grid.cols);
            if at != Some(n) || col == 0 {
                let _ = write!(out, "\x1b[{};{}H", row + 1, col + 1);
            }
            if colours != Some((cell.fg, cell.bg)) {
                colours = Some((cell.fg, cell.bg));
                set_colours(&mut out, cell);
            }
            out.push(cell.ch);
            at = Some(n + 1);
        }
        let moved = known.as_ref().is_none_or(|k| k.cursor != grid.cursor);
        if at.is_some() || moved {
            match grid.cursor {
                Some((col, row)) => {
                    let _ = write!(out, "\x1b[{};{}H\x1b[?25h", row + 1, col + 1);
                }
                None => out.push_str("\x1b[?25l"),
            }
        }
        self.shown = Some(grid.clone());
        out
    }
}

fn set_colours(out: &mut String, cell: Cell) {
    out.push_str("\x1b[");
    colour(out, cell.fg, 30, 90, 38);
    out.push(';');
    colour(out, cell.bg, 40, 100, 48);
    out.push('m');
}

/// One colour's parameters: the bases of the 8 dark and 8 bright ones, and the extended introducer.
fn colour(out: &mut String, colour: Colour, dark: u8, bright: u8, extended: u8) {
    let _ = match colour {
        Colour::Ansi(n @ 0..8) => write!(out, "{}", dark + n),
        Colour::Ansi(n) => write!(out, "{}", bright + (n & 7)),
        Colour::Rgb(p) => write!(out, "{extended};2;{};{};{}", p >> 16 & 0xFF, p >> 8 & 0xFF, p & 0xFF),
    };
}

#[cfg(test)]
mod tests {
    use super::super::grid::BLANK;
    use super::*;

    fn put(grid: &mut Grid, n: usize, ch: char, fg: Colour) {
        grid.cells[n] = Cell { ch, fg, ..BLANK };
    }

    #[test]
    fn the_first_picture_is_whole() {
        let mut grid = Grid::blank(2, 2);
        put(&mut grid, 0, 'A', Colour::Ansi(7));
        let text = Painter::default().paint(&grid);
        assert_eq!(text, "\x1b[0m\x1b[2J\x1b[1;1H\x1b[37;40mA \x1b[2;1H  \x1b[?25l");
    }

    #[test]
    fn only_differences_are_written() {
        let mut painter = Painter::default();
        let mut grid = Grid::blank(10, 5);
        painter.paint(&grid);
        assert_eq!(painter.paint(&grid), "");
        put(&mut grid, 23, 'x', Colour::Ansi(12));
        put(&mut grid, 24, 'y', Colour::Ansi(12));
        put(&mut grid, 26, 'z', Colour::Rgb(0x010203));
        let text = painter.paint(&grid);
        assert_eq!(text, "\x1b[3;4H\x1b[94;40mxy\x1b[3;7H\x1b[38;2;1;2;3;40mz\x1b[?25l");
    }

    #[test]
    fn the_cursor_follows() {
        let mut painter = Painter::default();
        let mut grid = Grid::blank(10, 5);
        painter.paint(&grid);
        grid.cursor = Some((4, 2));
        assert_eq!(painter.paint(&grid), "\x1b[3;5H\x1b[?25h");
        grid.cursor = None;
        assert_eq!(painter.paint(&grid), "\x1b[?25l");
    }

    #[test]
    fn a_new_size_starts_again() {
        let mut painter = Painter::default();
        painter.paint(&Grid::blank(10, 5));
        assert!(painter.paint(&Grid::blank(9, 5)).starts_with("\x1b[0m\x1b[2J"));
        painter.forget();
        assert!(painter.paint(&Grid::blank(9, 5)).starts_with("\x1b[0m\x1b[2J"));
    }
}
