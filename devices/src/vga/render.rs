//! Scan-out: from registers and memory to a picture, one displayed dot a pixel.
//!
//! A VGA mode gives as many pixels as the monitor would get dots and lines: 720x400 for text, 640x400 for 320x200 and
//! 640x200 modes, whose pixels the adapter itself doubles. DISPI modes give their own resolution. Palette and pel mask
//! are those of the moment of the call.

use super::attribute::reg::PLANE_ENABLE;
use super::crtc::Timing;
use super::graphics::Shift;
use super::screen::{Frame, TextScreen};
use super::{Drawn, Vga};

/// Attribute bits.
const ATTR_BLINK: u8 = 0x80;
/// Attribute: foreground and background bits that mean "underlined" when they read 1.
const ATTR_UNDERLINE_MASK: u8 = 0x77;
/// A picture smaller than this is a frame that nobody has programmed yet.
const SMALLEST: (usize, usize) = (64, 16);
/// Shown while the frame is not programmed.
const UNPROGRAMMED: (usize, usize) = (640, 400);

/// The counters of one scan line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Line {
    /// Address counter at the left edge.
    ma: u32,
    row_scan: u32,
    /// Dots shifted out at the left.
    pan: u32,
}

impl Vga {
    /// Draws the screen as it is at virtual time `now` into `out`. Returns false, and leaves `out` alone, when nothing
    /// has changed since the last call; pass the same frame each time. Guest-visible state is not affected.
    pub fn render(&mut self, now: u64, out: &mut Frame) -> bool {
        let timing = self.timing();
        let size = self.size();
        let text = !self.dispi.enabled() && !self.graphics.graphics_mode();
        let retraces = timing.retraces(now);
        let drawn = Drawn {
            changes: self.changes,
            start: self.crtc.start(now, &timing),
            blink: if text { (retraces >> 3 & 3) as u8 } else { 0 },
            size,
        };
        let fits = (out.width, out.height) == size && out.pixels.len() == size.0 * size.1;
        let same = fits && self.drawn.as_ref() == Some(&drawn);
        if same && !self.vram.is_dirty(0, super::VRAM_SIZE) {
            return false;
        }
        if !fits {
            (out.width, out.height) = size;
            out.pixels.clear();
            out.pixels.resize(size.0 * size.1, 0);
        }
        let changed = if self.blank() {
            out.pixels.fill(0);
            !same
        } else if self.dispi.enabled() {
            self.draw_dispi(out, same)
        } else {
            self.draw_vga(&drawn, &timing, out);
            true
        };
        self.vram.clean();
        self.drawn = Some(drawn);
        changed
    }

    /// The screen shows nothing.
    fn blank(&self) -> bool {
        let off = self.attribute.blanked() || self.sequencer.blanked();
        !self.enabled || if self.dispi.enabled() { self.attribute.blanked() } else { off || !self.crtc.running() }
    }

    /// Size of the picture in pixels.
    fn size(&self) -> (usize, usize) {
        if self.dispi.enabled() {
            let (width, height, _) = self.dispi.mode();
            return (width as usize, height as usize);
        }
        let dots = self.sequencer.char_dots() << u32::from(self.sequencer.half_clock());
        let size = ((self.crtc.columns() * dots) as usize, self.crtc.lines() as usize);
        if size.0 < SMALLEST.0 || size.1 < SMALLEST.1 { UNPROGRAMMED } else { size }
    }

    /// The colours of pixel values: all 256, or the 16 that pass through the attribute palette.
    fn colors(&self) -> [u32; 256] {
        let eight_bit = self.dispi.dac_8bit();
        let direct = self.dispi.linear() || (self.attribute.is_256() && self.graphics.graphics_mode());
        std::array::from_fn(|i| {
            let pixel = i as u8;
            self.dac.rgb(if direct { pixel } else { self.attribute.dac_index(pixel) }, eight_bit)
        })
    }

    fn draw_vga(&self, drawn: &Drawn, timing: &Timing, out: &mut Frame) {
        let colors = self.colors();
        let text = !self.graphics.graphics_mode();
        let half = usize::from(self.sequencer.half_clock());
        // One character more than displayed: panning brings it in at the right.
        let mut dots = vec![0u8; (timing.h_display as usize + 2) * 9];
        let width = out.width;
        let mut previous = None;
        let row_matters = text || self.crtc.row_scan_addresses();
        for (y, line) in self.lines(drawn.start, out.height).enumerate() {
            let key = (line.ma, if row_matters { line.row_scan } else { 0 }, line.pan);
            let at = y * width;
            if previous == Some(key) && at >= width {
                out.pixels.copy_within(at - width..at, at);
                continue;
            }
            previous = Some(key);
            if text {
                self.text_line(line, drawn.blink, &mut dots);
            } else {
                self.graphics_line(line, &mut dots);
            }
            let shown = dots.get(line.pan as usize..).unwrap_or(&[]);
            let Some(row) = out.pixels.get_mut(at..at + width) else { break };
            if half == 0 {
                row.iter_mut().zip(shown).for_each(|(pixel, &dot)| *pixel = colors[usize::from(dot)]);
            } else {
                row.chunks_exact_mut(2).zip(shown).for_each(|(pair, &dot)| pair.fill(colors[usize::from(dot)]));
            }
        }
    }

    /// The address and row scan counters of each scan line.
    fn lines(&self, start: u16, height: usize) -> impl Iterator<Item = Line> + use<> {
        let crtc = &self.crtc;
        let (preset, byte_pan) = crtc.preset();
        let (row_height, offset, double) = (crtc.row_height(), crtc.row_offset(), crtc.double_scan());
        let compare = crtc.line_compare();
        let pan_stops = self.attribute.pan_stops_at_split();
        let pan = self.attribute.panning(self.sequencer.char_dots());
        let mut line = Line { ma: u32::from(start) + byte_pan, row_scan: preset, pan };
        let mut second = false;
        (0..height as u32).map(move |y| {
            let this = line;
            if double && !second {
                second = true;
            } else {
                second = false;
                if line.row_scan == row_height - 1 {
                    line.row_scan = 0;
                    line.ma = line.ma.wrapping_add(offset);
                } else {
                    line.row_scan = (line.row_scan + 1) & 31;
                }
            }
            if y == compare {
                line = Line { ma: 0, row_scan: 0, pan: if pan_stops { 0 } else { line.pan } };
                second = false;
            }
            this
        })
    }

    /// Pixel values of a text line: foreground or background colour of each dot.
    fn text_line(&self, line: Line, blink: u8, dots: &mut [u8]) {
        let char_dots = self.sequencer.char_dots() as usize;
        let fonts = [self.sequencer.font_offset(false), self.sequencer.font_offset(true)];
        let blink_attr = self.attribute.blink();
        let line_graphics = self.attribute.line_graphics();
        let underline = self.crtc.underline() == line.row_scan;
        let shift = self.crtc.count_shift();
        let cursor = self
            .crtc
            .cursor()
            .filter(|&(first, last, _)| blink & 1 == 0 && (u32::from(first)..=u32::from(last)).contains(&line.row_scan))
            .map(|(_, _, at)| u32::from(at));
        for (column, cell) in dots.chunks_exact_mut(char_dots).take(self.crtc.columns() as usize + 1).enumerate() {
            let ma = line.ma.wrapping_add(column as u32 >> shift) & 0xFFFF;
            let [ch, attr, _, _] = self.vram.planes(self.crtc.address(ma, line.row_scan)).to_le_bytes();
            let font = fonts[usize::from(attr >> 3 & 1)] + u32::from(ch) * 32 + line.row_scan;
            let mut bits = (self.vram.planes(font & 0xFFFF) >> 16) as u8;
            let (foreground, mut background) = (attr & 15, attr >> 4);
            if blink_attr {
                background &= 7;
                if attr & ATTR_BLINK != 0 && blink & 2 != 0 {
                    bits = 0;
                }
            }
            let mut ninth = line_graphics && ch & 0xE0 == 0xC0 && bits & 1 != 0;
            if (underline && attr & ATTR_UNDERLINE_MASK == 1) || cursor == Some(ma) {
                bits = 0xFF;
                ninth = true;
            }
            for (i, dot) in cell.iter_mut().enumerate() {
                let on = if i < 8 { bits << i & 0x80 != 0 } else { ninth };
                *dot = if on { foreground } else { background };
            }
        }
    }

    /// Pixel values of a graphics line.
    fn graphics_line(&self, line: Line, dots: &mut [u8]) {
        let shift = self.crtc.count_shift();
        let char_dots = self.sequencer.char_dots() as usize;
        let mode = self.graphics.shift();
        let is_256 = self.attribute.is_256();
        let enable = self.attribute.get(PLANE_ENABLE) & 15;
        for (column, cell) in dots.chunks_exact_mut(char_dots).take(self.crtc.columns() as usize + 1).enumerate() {
            let ma = line.ma.wrapping_add(column as u32 >> shift) & 0xFFFF;
            let planes = self.vram.planes(self.crtc.address(ma, line.row_scan));
            let pixels = match mode {
                Shift::Planar if enable == 0 => [0; 8],
                Shift::Planar => planar_pixels(planes),
                Shift::Interleaved => interleaved_pixels(planes),
                Shift::Packed256 => packed_pixels(planes, is_256),
            };
            for (dot, &pixel) in cell.iter_mut().zip(pixels.iter().chain(pixels.last())) {
                *dot = pixel;
            }
        }
    }

    /// Draws the lines of a DISPI mode; only those whose memory changed when `same` says the rest stands.
    fn draw_dispi(&self, out: &mut Frame, same: bool) -> bool {
        let (width, _, bpp) = self.dispi.mode();
        let (start, pitch) = (self.dispi.start() as usize, self.dispi.pitch() as usize);
        let colors = self.colors();
        let bytes = match bpp {
            4 => width as usize / 8 * 4,
            8 => width as usize,
            15 | 16 => width as usize * 2,
            24 => width as usize * 3,
            _ => width as usize * 4,
        };
        let scale = if bpp == 4 { 4 } else { 1 };
        let mut changed = !same;
        for (y, row) in out.pixels.chunks_exact_mut((width as usize).max(1)).enumerate() {
            let at = (start + y * pitch) * scale;
            if same && !self.vram.is_dirty(at, bytes) {
                continue;
            }
            changed = true;
            let source = self.vram.slice(at, bytes);
            match bpp {
                4 => row.chunks_exact_mut(8).zip(source.chunks_exact(4)).for_each(|(to, from)| {
                    if let &[a, b, c, d] = from {
                        let pixels = planar_pixels(u32::from_le_bytes([a, b, c, d]));
                        to.iter_mut().zip(pixels).for_each(|(to, p)| *to = colors[usize::from(p)]);
                    }
                }),
                8 => row.iter_mut().zip(source).for_each(|(to, &p)| *to = colors[usize::from(p)]),
                15 => words(row, source, |v| scale5(v >> 10) << 16 | scale5(v >> 5) << 8 | scale5(v)),
                16 => words(row, source, |v| scale5(v >> 11) << 16 | scale6(v >> 5) << 8 | scale5(v)),
                _ => {
                    let size = if bpp == 24 { 3 } else { 4 };
                    for (to, from) in row.iter_mut().zip(source.chunks_exact(size)) {
                        if let &[b, g, r, ..] = from {
                            *to = u32::from_le_bytes([b, g, r, 0]);
                        }
                    }
                }
            }
        }
        changed
    }

    /// The characters on the screen at virtual time `now`, or `None` in graphics modes.
    pub fn text_screen(&self, now: u64) -> Option<TextScreen> {
        if self.dispi.enabled() || self.graphics.graphics_mode() {
            return None;
        }
        let timing = self.present_timing();
        let row_lines = self.crtc.row_height() << u32::from(self.crtc.double_scan());
        let (cols, rows) = (self.crtc.columns(), (self.crtc.lines() / row_lines).max(1));
        let start = u32::from(self.crtc.start(now, &timing));
        let shift = self.crtc.count_shift();
        let cursor = self.crtc.cursor().map(|(_, _, at)| u32::from(at));
        let mut screen = TextScreen { cols: cols as usize, rows: rows as usize, cells: Vec::new(), cursor: None };
        for (row, column) in (0..rows).flat_map(|row| (0..cols).map(move |column| (row, column))) {
            let ma = (start + row * self.crtc.row_offset() + (column >> shift)) & 0xFFFF;
            if cursor == Some(ma) {
                screen.cursor = Some((column as usize, row as usize));
            }
            let [ch, attr, _, _] = self.vram.planes(self.crtc.address(ma, 0)).to_le_bytes();
            screen.cells.push((ch, attr));
        }
        Some(screen)
    }
}

/// Eight pixels, one bit from each plane.
fn planar_pixels(planes: u32) -> [u8; 8] {
    let mut pixels = [0; 8];
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let bits = planes >> (7 - i) & 0x0101_0101;
        *pixel = (bits | bits >> 7 | bits >> 14 | bits >> 21) as u8 & 15;
    }
    pixels
}

/// Eight pixels, bit pairs of planes 0 then 1, with the pairs of planes 2 and 3 above them.
fn interleaved_pixels(planes: u32) -> [u8; 8] {
    let [p0, p1, p2, p3] = planes.to_le_bytes();
    let pair = |low: u8, high: u8, i: u8| low >> (6 - 2 * i) & 3 | (high >> (6 - 2 * i) & 3) << 2;
    [
        pair(p0, p2, 0),
        pair(p0, p2, 1),
        pair(p0, p2, 2),
        pair(p0, p2, 3),
        pair(p1, p3, 0),
        pair(p1, p3, 1),
        pair(p1, p3, 2),
        pair(p1, p3, 3),
    ]
}

/// Four 8-bit pixels of two dots each, or eight nibbles.
fn packed_pixels(planes: u32, is_256: bool) -> [u8; 8] {
    let [a, b, c, d] = planes.to_le_bytes();
    if is_256 { [a, a, b, b, c, c, d, d] } else { [a >> 4, a & 15, b >> 4, b & 15, c >> 4, c & 15, d >> 4, d & 15] }
}

fn words(row: &mut [u32], source: &[u8], color: impl Fn(u32) -> u32) {
    for (to, from) in row.iter_mut().zip(source.chunks_exact(2)) {
        if let &[low, high] = from {
            *to = color(u32::from(u16::from_le_bytes([low, high])));
        }
    }
}

/// A 5-bit component widened to 8 bits.
fn scale5(v: u32) -> u32 {
    let v = v & 0x1F;
    v << 3 | v >> 2
}

/// A 6-bit component widened to 8 bits.
fn scale6(v: u32) -> u32 {
    let v = v & 0x3F;
    v << 2 | v >> 4
}
