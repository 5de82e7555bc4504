//! Fits a picture into a window or a terminal: the largest size with the same shape, black around it.
//!
//! Every pixel of the result is the average of the part of the picture that it covers, which keeps text sharp at whole
//! factors and readable at others. Integer arithmetic throughout.

use rewind86_machine::Frame;

/// Where a picture lies in its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// From the left.
    pub x: usize,
    /// From the top.
    pub y: usize,
    /// Width of the scaled picture.
    pub width: usize,
    /// Height of the scaled picture.
    pub height: usize,
}

/// Fits `source` into `target` (width, height). With `crisp`, a whole factor is taken where that costs less than a
/// quarter of the size.
pub fn fit(source: (usize, usize), target: (usize, usize), crisp: bool) -> Fit {
    let (sw, sh) = (source.0.max(1), source.1.max(1));
    let (tw, th) = target;
    let by_width = tw * sh <= th * sw;
    let (mut width, mut height) = if by_width { (tw, tw * sh / sw) } else { (th * sw / sh, th) };
    let factor = width / sw;
    if crisp && factor >= 1 && factor * sw * 4 >= width * 3 {
        (width, height) = (factor * sw, factor * sh);
    }
    (width, height) = (width.min(tw), height.min(th));
    Fit { x: (tw - width) / 2, y: (th - height) / 2, width, height }
}

/// The source pixels under one target pixel and their weights, in 1/256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Span {
    first: usize,
    weights: Vec<u32>,
}

fn spans(source: usize, target: usize) -> Vec<Span> {
    let share = |covered: usize| (covered * 256 + source / 2) / source;
    (0..target)
        .map(|i| {
            let (start, end) = (i * source, (i + 1) * source);
            let (first, last) = (start / target, (end - 1) / target);
            let weights = (first..=last)
                .map(|k| {
                    let from = (k * target).max(start) - start;
                    let to = ((k + 1) * target).min(end) - start;
                    (share(to) - share(from)) as u32
                })
                .collect();
            Span { first, weights }
        })
        .collect()
}

/// Scales pictures; keeps what can be reused between them.
#[derive(Debug, Default)]
pub struct Scaler {
    key: ((usize, usize), Fit),
    columns: Vec<Span>,
    rows: Vec<Span>,
    line: Vec<[u32; 3]>,
}

impl Scaler {
    /// Draws `frame` into `out`, which becomes `width * height` pixels.
    pub fn draw(&mut self, frame: &Frame, width: usize, height: usize, crisp: bool, out: &mut Vec<u32>) -> Fit {
        out.clear();
        out.resize(width * height, 0);
        let source = (frame.width, frame.height);
        if frame.width == 0 || frame.height == 0 || frame.pixels.len() < frame.width * frame.height {
            return Fit::default();
        }
        let fit = fit(source, (width, height), crisp);
        if fit.width == 0 || fit.height == 0 {
            return fit;
        }
        if self.key != (source, fit) {
            self.columns = spans(frame.width, fit.width);
            self.rows = spans(frame.height, fit.height);
            self.key = (source, fit);
        }
        let mut previous = None;
        for (n, row) in self.rows.iter().enumerate() {
            let start = (fit.y + n) * width + fit.x;
            if previous == Some(row) {
                out.copy_within(start - width..start - width + fit.width, start);
                continue;
            }
            previous = Some(row);
            blend_rows(frame, row, &mut self.line);
            if let Some(target) = out.get_mut(start..start + fit.width) {
                for (pixel, column) in target.iter_mut().zip(&self.columns) {
                    *pixel = blend_columns(&self.line, column);
                }
            }
        }
        fit
    }
}

/// Blends the rows under a target row into 16-bit channels.
fn blend_rows(frame: &Frame, row: &Span, line: &mut Vec<[u32; 3]>) {
    line.clear();
    line.resize(frame.width, [0; 3]);
    let rows = frame.pixels.chunks_exact(frame.width).skip(row.first);
    for (pixels, &weight) in rows.zip(&row.weights) {
        for (sum, &p) in line.iter_mut().zip(pixels) {
            sum[0] += (p >> 16 & 0xFF) * weight;
            sum[1] += (p >> 8 & 0xFF) * weight;
            sum[2] += (p & 0xFF) * weight;
        }
    }
}

fn blend_columns(line: &[[u32; 3]], column: &Span) -> u32 {
    let mut sum = [0u32; 3];
    for (pixel, &weight) in line.iter().skip(column.first).zip(&column.weights) {
        for (s, p) in sum.iter_mut().zip(pixel) {
            *s += p * weight;
        }
    }
    (sum[0] >> 16) << 16 | (sum[1] >> 16) << 8 | sum[2] >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: usize, pixels: &[u32]) -> Frame {
        Frame { width, height: pixels.len() / width, pixels: pixels.to_vec() }
    }

    fn draw(frame: &Frame, width: usize, height: usize) -> (Vec<u32>, Fit) {
        let mut out = Vec::new();
        let fit = Scaler::default().draw(frame, width, height, true, &mut out);
        (out, fit)
    }

    #[test]
    fn shapes_are_kept() {
        assert_eq!(fit((720, 400), (800, 600), true), Fit { x: 40, y: 100, width: 720, height: 400 });
        assert_eq!(fit((320, 200), (1000, 600), true), Fit { x: 20, y: 0, width: 960, height: 600 });
        assert_eq!(fit((640, 480), (1000, 600), true), Fit { x: 180, y: 60, width: 640, height: 480 });
        assert_eq!(fit((640, 480), (900, 600), false), Fit { x: 50, y: 0, width: 800, height: 600 });
        assert_eq!(fit((1024, 768), (512, 512), true), Fit { x: 0, y: 64, width: 512, height: 384 });
        assert_eq!(fit((720, 400), (0, 5), true).width, 0);
        assert_eq!(fit((0, 0), (5, 5), true).width, 5);
    }

    #[test]
    fn whole_factors_repeat_pixels() {
        let (out, _) = draw(&frame(2, &[1, 2, 3, 4]), 4, 4);
        assert_eq!(out, [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
    }

    #[test]
    fn shrinking_averages() {
        let (out, fit) = draw(&frame(2, &[0xFF0000, 0x0000FF, 0x0000FF, 0xFF0000]), 1, 1);
        assert_eq!((out, fit.width), (vec![0x7F007F], 1));
    }

    #[test]
    fn white_stays_white_at_any_size() {
        for (width, height) in [(7, 5), (1, 1), (13, 40), (3, 3)] {
            let (out, fit) = draw(&frame(5, &[0xFFFFFF; 15]), width, height);
            let white = out.iter().filter(|&&p| p == 0xFFFFFF).count();
            assert_eq!(white, fit.width * fit.height, "{width}x{height}");
        }
    }

    #[test]
    fn borders_are_black_and_odd_frames_harmless() {
        let (out, fit) = draw(&frame(1, &[9]), 3, 1);
        assert_eq!((out, fit.x), (vec![0, 9, 0], 1));
        assert_eq!(draw(&Frame { width: 4, height: 4, pixels: vec![1] }, 2, 2).0, [0; 4]);
        assert_eq!(draw(&frame(1, &[9]), 0, 0).0, [0u32; 0]);
    }
}
