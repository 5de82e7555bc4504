//! Register-level tests: the adapter is driven as BIOSes, DOS programs and drivers drive it.

use super::{Frame, Vga};
use crate::ctx::{Ctx, IrqLines};
use crate::sched::Scheduler;

/// An adapter with a clock.
struct Bench {
    vga: Vga,
    sched: Scheduler,
    irq: IrqLines,
    now: u64,
}

impl Bench {
    fn new() -> Self {
        Self { vga: Vga::new(), sched: Scheduler::default(), irq: IrqLines::default(), now: 0 }
    }

    fn out(&mut self, port: u16, value: u8) {
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        self.vga.write(&mut ctx, port, value);
    }

    fn input(&mut self, port: u16) -> u8 {
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        self.vga.read(&mut ctx, port)
    }

    fn dispi(&mut self, index: u16, value: u16) {
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        self.vga.write16(&mut ctx, 0x1CE, index);
        self.vga.write16(&mut ctx, 0x1CF, value);
    }

    fn dispi_get(&mut self, index: u16) -> u16 {
        let mut ctx = Ctx { now: self.now, sched: &mut self.sched, irq: &mut self.irq };
        self.vga.write16(&mut ctx, 0x1CE, index);
        self.vga.read16(&mut ctx, 0x1CF)
    }

    /// A register behind an index port.
    fn set(&mut self, port: u16, index: u8, value: u8) {
        self.out(port, index);
        self.out(port + 1, value);
    }

    fn get(&mut self, port: u16, index: u8) -> u8 {
        self.out(port, index);
        self.input(port + 1)
    }

    fn attribute(&mut self, index: u8, value: u8) {
        self.input(0x3DA);
        self.out(0x3C0, index);
        self.out(0x3C0, value);
        self.out(0x3C0, 0x20);
    }

    /// Programs sequencer 1-4, miscellaneous output, CRTC, attribute mode and graphics registers 5-7 of a colour mode,
    /// an identity palette, and DAC entry n = (n, n, n) for the first 64.
    fn mode(&mut self, sequencer: [u8; 4], misc: u8, crtc: [u8; 25], attribute_mode: u8, graphics: [u8; 3]) {
        self.out(0x3C2, misc);
        self.set(0x3C4, 0, 3);
        for (i, v) in sequencer.into_iter().enumerate() {
            self.set(0x3C4, i as u8 + 1, v);
        }
        self.set(0x3D4, 0x11, 0);
        for (i, v) in crtc.into_iter().enumerate() {
            self.set(0x3D4, i as u8, v);
        }
        for (i, v) in graphics.into_iter().enumerate() {
            self.set(0x3CE, i as u8 + 5, v);
        }
        self.set(0x3CE, 8, 0xFF);
        for i in 0..16 {
            self.attribute(i, i);
        }
        self.attribute(0x10, attribute_mode);
        self.attribute(0x12, 0x0F);
        self.attribute(0x13, if sequencer[0] & 1 == 0 { 8 } else { 0 });
        self.out(0x3C8, 0);
        (0..64).for_each(|i| (0..3).for_each(|_| self.out(0x3C9, i)));
    }

    /// 80x25 text, as mode 3.
    fn text() -> Self {
        let mut b = Self::new();
        let crtc = [
            0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0, 0x4F, 0x0D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x28,
            0x1F, 0x96, 0xB9, 0xA3, 0xFF,
        ];
        b.mode([0, 3, 0, 2], 0x67, crtc, 0x0C, [0x10, 0x0E, 0]);
        b
    }

    /// 640x480 planar, as mode 12h.
    fn planar() -> Self {
        let mut b = Self::new();
        let crtc = [
            0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xEA, 0x8C, 0xDF, 0x28, 0, 0xE7,
            0x04, 0xE3, 0xFF,
        ];
        b.mode([1, 0x0F, 0, 6], 0xE3, crtc, 1, [0, 5, 0x0F]);
        b
    }

    /// 320x200 with 256 colours, as mode 13h.
    fn linear() -> Self {
        let mut b = Self::new();
        let crtc = [
            0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x28, 0x40,
            0x96, 0xB9, 0xA3, 0xFF,
        ];
        b.mode([1, 0x0F, 0, 0x0E], 0x63, crtc, 0x41, [0x40, 5, 0x0F]);
        b
    }

    /// 320x200 with four colours, as mode 4.
    fn cga() -> Self {
        let mut b = Self::new();
        let crtc = [
            0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0, 0xC1, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x14, 0, 0x96,
            0xB9, 0xA2, 0xFF,
        ];
        b.mode([9, 3, 0, 2], 0x63, crtc, 1, [0x30, 0x0F, 0x0F]);
        b
    }

    fn frame(&mut self) -> Frame {
        let mut frame = Frame::default();
        self.vga.render(self.now, &mut frame);
        frame
    }

    fn poke(&mut self, at: u32, bytes: &[u8]) {
        bytes.iter().enumerate().for_each(|(i, &v)| self.vga.mem_write(at + i as u32, v));
    }
}

/// The DAC value (0-63) of the pixel at x, y.
fn level(frame: &Frame, x: usize, y: usize) -> u32 {
    (frame.pixels[y * frame.width + x] & 0xFF) >> 2
}

#[test]
fn dac_increments_and_reads_back() {
    let mut b = Bench::new();
    b.out(0x3C8, 0xFF);
    for v in [1, 2, 3, 4, 5, 0x7F] {
        b.out(0x3C9, v);
    }
    assert_eq!((b.input(0x3C7), b.input(0x3C8)), (0, 1), "wrapped to entry 1, write mode");
    b.out(0x3C7, 0xFF);
    let read: Vec<u8> = (0..6).map(|_| b.input(0x3C9)).collect();
    assert_eq!(read, [1, 2, 3, 4, 5, 0x3F], "six bits");
    assert_eq!(b.input(0x3C7), 3);
}

#[test]
fn attribute_flip_flop_is_reset_by_status_1() {
    let mut b = Bench::text();
    b.input(0x3DA);
    b.out(0x3C0, 0x05);
    b.input(0x3DA);
    b.out(0x3C0, 0x27);
    assert_eq!(b.input(0x3C1), 7, "the second write was an index again");
    assert_eq!(b.get(0x3D4, 0x24), 0x80, "the next one would be data");
}

#[test]
fn crtc_moves_with_misc_output_and_protects_registers() {
    let mut b = Bench::text();
    b.out(0x3C2, 0x66);
    assert_eq!(b.input(0x3D5), 0xFF);
    b.set(0x3B4, 0x0F, 0x12);
    assert_eq!(b.get(0x3B4, 0x0F), 0x12);
    b.set(0x3B4, 0x11, 0x8E);
    b.set(0x3B4, 0, 0x77);
    b.set(0x3B4, 7, 0);
    assert_eq!((b.get(0x3B4, 0), b.get(0x3B4, 7)), (0x5F, 0x0F), "only line compare bit 8 can be written");
}

#[test]
fn text_memory_is_odd_even_and_fonts_are_flat() {
    let mut b = Bench::text();
    b.poke(0x18000, b"A\x1EB\x2F");
    assert_eq!(b.vga.mem_read_n(0x18000, 4), 0x2F42_1E41);
    assert_eq!(b.vga.mem_read(0), 0xFF, "only B8000h is mapped");
    let screen = b.vga.text_screen(0).unwrap();
    assert_eq!((screen.cols, screen.rows), (80, 25));
    assert_eq!(&screen.cells[..2], &[(b'A', 0x1E), (b'B', 0x2F)]);
    assert_eq!(screen.cursor, Some((0, 0)));
    assert_eq!(screen.lines()[0], "AB");
    // Plane 2 alone, as a font is loaded; the text is untouched.
    b.set(0x3C4, 2, 4);
    b.set(0x3C4, 4, 6);
    b.set(0x3CE, 4, 2);
    b.set(0x3CE, 5, 0);
    b.set(0x3CE, 6, 4);
    b.poke(0x41 * 32, &[0x80, 0x01]);
    assert_eq!(b.vga.mem_read(0x41 * 32 + 1), 1);
    let frame = b.frame();
    assert_eq!((frame.width, frame.height), (720, 400));
    assert_eq!([0, 1, 7].map(|x| level(&frame, x, 0)), [14, 1, 1]);
    assert_eq!([0, 7, 8].map(|x| level(&frame, x, 1)), [1, 14, 1], "the ninth dot is background");
}

#[test]
fn ninth_dot_cursor_and_underline() {
    let mut b = Bench::text();
    b.set(0x3C4, 2, 4);
    b.set(0x3C4, 4, 6);
    b.set(0x3CE, 5, 0);
    b.set(0x3CE, 6, 4);
    b.poke(0xC4 * 32, &[0xFF]);
    b.set(0x3C4, 2, 3);
    b.set(0x3C4, 4, 2);
    b.set(0x3CE, 5, 0x10);
    b.set(0x3CE, 6, 0x0E);
    b.poke(0x18000, b"\xC4\x07 \x01");
    b.set(0x3D4, 0x0F, 3);
    b.set(0x3D4, 0x14, 0x02);
    let frame = b.frame();
    assert_eq!(level(&frame, 8, 0), 7, "a line character reaches into the ninth dot");
    assert_eq!((level(&frame, 9, 2), level(&frame, 9, 3)), (1, 0), "underline");
    let cursor: Vec<usize> = (0..16).filter(|&y| level(&frame, 27, y) != level(&frame, 27, 0)).collect();
    assert!(cursor.is_empty(), "black on black does not show");
    b.poke(0x18006, b" \x07");
    let frame = b.frame();
    let cursor: Vec<usize> = (0..16).filter(|&y| level(&frame, 27, y) == 7).collect();
    assert_eq!(cursor, [13, 14]);
    b.set(0x3D4, 0x0A, 0x2D);
    assert_eq!(level(&b.frame(), 27, 13), 0);
    assert_eq!(b.vga.text_screen(0).unwrap().cursor, None);
}

#[test]
fn blinking_follows_the_frames() {
    let mut b = Bench::text();
    b.set(0x3C4, 2, 7);
    b.set(0x3C4, 4, 6);
    b.set(0x3CE, 5, 0);
    b.set(0x3CE, 6, 4);
    (0..16).for_each(|i| b.poke(0x41 * 32 + i, &[0xFF]));
    b.set(0x3C4, 2, 3);
    b.set(0x3C4, 4, 2);
    b.set(0x3CE, 5, 0x10);
    b.set(0x3CE, 6, 0x0E);
    b.poke(0x18002, b"A\x97");
    // 70 Hz, 16 frames each way.
    let seen: Vec<u32> = [0, 100, 240, 300, 460]
        .into_iter()
        .map(|ms| {
            b.now = ms * 1_000_000;
            level(&b.frame(), 9, 0)
        })
        .collect();
    assert_eq!(seen, [7, 7, 1, 1, 7]);
    b.attribute(0x10, 4);
    b.now = 300_000_000;
    assert_eq!(level(&b.frame(), 9, 0), 7);
    let frame = b.frame();
    assert_eq!(level(&frame, 17, 0), 9, "a bright background instead");
}

#[test]
fn write_modes() {
    let mut b = Bench::planar();
    // Mode 0 with map mask, rotate and set/reset.
    b.set(0x3C4, 2, 0x05);
    b.set(0x3CE, 3, 1);
    b.poke(0, &[0x81]);
    let planes = |b: &mut Bench, at: u32| {
        [0, 1, 2, 3].map(|plane| {
            b.set(0x3CE, 4, plane);
            b.vga.mem_read(at)
        })
    };
    assert_eq!(planes(&mut b, 0), [0xC0, 0, 0xC0, 0]);
    b.set(0x3C4, 2, 0x0F);
    b.set(0x3CE, 3, 0);
    b.set(0x3CE, 0, 0x0A);
    b.set(0x3CE, 1, 0x0C);
    b.poke(1, &[0x33]);
    assert_eq!(planes(&mut b, 1), [0x33, 0x33, 0, 0xFF]);
    // Bit mask keeps latched bits, functions combine with them.
    b.set(0x3CE, 1, 0);
    b.set(0x3CE, 8, 0x0F);
    b.vga.mem_read(1);
    b.poke(2, &[0xFF]);
    assert_eq!(planes(&mut b, 2), [0x3F, 0x3F, 0x0F, 0xFF]);
    b.set(0x3CE, 8, 0xFF);
    for (function, expected) in [(0x08, 0x30), (0x10, 0xF3), (0x18, 0xC3)] {
        b.set(0x3CE, 3, function);
        b.vga.mem_read(1);
        b.poke(3, &[0xF0]);
        assert_eq!(planes(&mut b, 3)[0], expected, "function {function:02X}");
    }
    // Mode 1 copies the latches.
    b.set(0x3CE, 3, 0);
    b.set(0x3CE, 5, 1);
    b.vga.mem_read(2);
    b.poke(4, &[0]);
    assert_eq!(planes(&mut b, 4), [0x3F, 0x3F, 0x0F, 0xFF]);
    // Mode 2: the value is a colour.
    b.set(0x3CE, 5, 2);
    b.set(0x3CE, 8, 0x80);
    b.vga.mem_read(100);
    b.poke(5, &[0x09]);
    assert_eq!(planes(&mut b, 5), [0x80, 0, 0, 0x80]);
    // Mode 3: the value masks set/reset.
    b.set(0x3CE, 5, 3);
    b.set(0x3CE, 8, 0x3C);
    b.set(0x3CE, 0, 0x06);
    b.vga.mem_read(100);
    b.poke(6, &[0xF0]);
    assert_eq!(planes(&mut b, 6), [0, 0x30, 0x30, 0]);
}

#[test]
fn read_mode_1_compares_colours() {
    let mut b = Bench::planar();
    b.set(0x3CE, 5, 2);
    for (mask, color) in [(0xF0, 5), (0x0F, 7)] {
        b.set(0x3CE, 8, mask);
        b.vga.mem_read(0);
        b.poke(0, &[color]);
    }
    b.set(0x3CE, 5, 0x08);
    b.set(0x3CE, 2, 5);
    assert_eq!(b.vga.mem_read(0), 0xF0);
    b.set(0x3CE, 7, 0x0D);
    assert_eq!(b.vga.mem_read(0), 0xFF, "plane 1 is not looked at");
    assert_eq!(b.get(0x3D4, 0x22), 0xFF, "the latch of plane 0");
}

#[test]
fn planar_picture() {
    let mut b = Bench::planar();
    b.set(0x3C4, 2, 9);
    b.poke(80, &[0x80]);
    let frame = b.frame();
    assert_eq!((frame.width, frame.height), (640, 480));
    assert_eq!([0, 1].map(|x| level(&frame, x, 1)), [9, 0]);
    // Palette, plane enable, pel mask and colour select are in the path.
    b.attribute(9, 0x2A);
    assert_eq!(level(&b.frame(), 0, 1), 0x2A);
    b.attribute(0x10, 0x81);
    b.attribute(0x14, 0x01);
    assert_eq!(level(&b.frame(), 0, 1), 0x1A);
    b.attribute(0x12, 1);
    assert_eq!(level(&b.frame(), 0, 1), 0x11);
    b.out(0x3C6, 0x0F);
    assert_eq!(level(&b.frame(), 0, 1), 1);
}

#[test]
fn linear_picture_is_doubled() {
    let mut b = Bench::linear();
    b.poke(0, &[1, 2, 3, 4]);
    b.poke(320, &[5]);
    assert_eq!(b.vga.mem_read_n(0, 8), 0x0403_0201);
    let frame = b.frame();
    assert_eq!((frame.width, frame.height), (640, 400));
    assert_eq!([0, 1, 2, 6, 8].map(|x| level(&frame, x, 1)), [1, 1, 2, 4, 0]);
    assert_eq!(level(&frame, 0, 2), 5);
}

#[test]
fn unchained_mode_finds_the_pixels_of_chain_4() {
    let mut b = Bench::linear();
    b.poke(4, &[10, 11, 12, 13]);
    b.set(0x3C4, 4, 6);
    let planes = [0, 1, 2, 3].map(|plane| {
        b.set(0x3CE, 4, plane);
        b.vga.mem_read(4)
    });
    assert_eq!(planes, [10, 11, 12, 13]);
    // Mode X: byte addresses, one plane holds every fourth pixel.
    b.set(0x3D4, 0x14, 0);
    b.set(0x3D4, 0x17, 0xE3);
    b.set(0x3C4, 2, 2);
    b.poke(1, &[42]);
    let frame = b.frame();
    assert_eq!([8, 10, 11, 12].map(|x| level(&frame, x, 0)), [0, 42, 42, 0]);
}

#[test]
fn cga_picture_is_interleaved() {
    let mut b = Bench::cga();
    b.poke(0x18000, &[0b0001_1011]);
    b.poke(0x18000 + 0x2000 + 1, &[0xC0]);
    let frame = b.frame();
    assert_eq!((frame.width, frame.height), (640, 400));
    assert_eq!([0, 2, 4, 6, 8].map(|x| level(&frame, x, 0)), [0, 1, 2, 3, 0]);
    assert_eq!(level(&frame, 8, 2), 3);
    assert_eq!(level(&frame, 8, 3), 3, "each line is scanned twice");
}

#[test]
fn start_address_waits_for_the_retrace() {
    let mut b = Bench::linear();
    b.poke(0, &[1]);
    b.poke(320, &[2]);
    b.now = 2_000_000;
    b.set(0x3D4, 0x0D, 80);
    assert_eq!(level(&b.frame(), 0, 0), 1);
    b.now += 15_000_000;
    assert_eq!(level(&b.frame(), 0, 0), 2);
}

#[test]
fn split_screen_and_panning() {
    let mut b = Bench::linear();
    b.poke(0, &[7]);
    b.poke(320 * 10, &[1, 2]);
    b.now = 100_000_000;
    b.set(0x3D4, 0x0C, 3);
    b.set(0x3D4, 0x0D, 0x20);
    // Line compare 99: line 100 shows address 0.
    b.set(0x3D4, 0x18, 99);
    b.set(0x3D4, 0x07, 0x0F);
    b.set(0x3D4, 0x09, 0x01);
    b.now = 200_000_000;
    let frame = b.frame();
    assert_eq!([0, 99, 100].map(|y| level(&frame, 0, y)), [1, 0, 7]);
    b.attribute(0x13, 2);
    let frame = b.frame();
    assert_eq!([0, 100].map(|y| level(&frame, 0, y)), [2, 0]);
    b.attribute(0x10, 0x61);
    assert_eq!(level(&b.frame(), 0, 100), 7, "the split does not pan");
}

#[test]
fn retrace_and_display_enable_follow_the_clock() {
    let mut b = Bench::linear();
    // 25.175 MHz, 800 clocks a line, 449 lines: 70.09 Hz.
    let mut retraces = 0;
    let mut displayed = 0u64;
    let mut last = false;
    for us in 0..1_000_000 / 4 {
        b.now = us * 4_000;
        let status = b.input(0x3DA);
        retraces += u32::from(status & 8 != 0 && !last);
        last = status & 8 != 0;
        displayed += u64::from(status & 1 == 0);
        assert!(status & 9 != 8, "no display during retrace");
    }
    assert_eq!(retraces, 70);
    // 640 of 800 clocks, 400 of 449 lines.
    let percent = displayed * 100 / 250_000;
    assert_eq!(percent, 71);
}

#[test]
fn retrace_interrupt_flag() {
    let mut b = Bench::linear();
    b.set(0x3D4, 0x11, 0x0E);
    b.now = 50_000_000;
    assert_eq!(b.input(0x3C2) & 0x80, 0, "held cleared");
    b.set(0x3D4, 0x11, 0x1E);
    assert_eq!(b.input(0x3C2) & 0x80, 0);
    b.now += 20_000_000;
    assert_eq!(b.input(0x3C2) & 0x80, 0x80);
    b.set(0x3D4, 0x11, 0x0E);
    assert_eq!(b.input(0x3C2) & 0x80, 0);
}

#[test]
fn unchanged_frames_are_cheap() {
    let mut b = Bench::linear();
    let mut frame = Frame::default();
    assert!(b.vga.render(0, &mut frame));
    assert!(!b.vga.render(40_000_000, &mut frame));
    b.vga.mem_write(5, 1);
    assert!(b.vga.render(40_000_000, &mut frame));
    b.out(0x3C8, 1);
    (0..3).for_each(|_| b.out(0x3C9, 1));
    assert!(!b.vga.render(40_000_000, &mut frame), "the same colour again");
    (0..3).for_each(|_| b.out(0x3C9, 50));
    assert!(b.vga.render(40_000_000, &mut frame));
    let mut other = Frame::default();
    assert!(b.vga.render(40_000_000, &mut other), "another frame is drawn whole");
    assert_eq!(frame, other);
}

#[test]
fn screen_off_is_black() {
    let mut b = Bench::linear();
    b.poke(0, &[9]);
    b.set(0x3C4, 1, 0x21);
    assert_eq!(level(&b.frame(), 0, 0), 0);
    b.set(0x3C4, 1, 0x01);
    assert_eq!(level(&b.frame(), 0, 0), 9);
    b.input(0x3DA);
    b.out(0x3C0, 0);
    assert_eq!(level(&b.frame(), 0, 0), 0, "the CPU owns the palette");
}

#[test]
fn dispi_identifies_itself_and_reports_limits() {
    let mut b = Bench::new();
    assert_eq!(b.dispi_get(0), 0xB0C5);
    b.dispi(0, 0xB0C2);
    assert_eq!(b.dispi_get(0), 0xB0C2);
    b.dispi(0, 0x1234);
    assert_eq!(b.dispi_get(0), 0xB0C2);
    assert_eq!(b.dispi_get(10), 256, "16 MiB");
    b.dispi(4, 2);
    assert_eq!([1, 2, 3].map(|i| b.dispi_get(i)), [2560, 1600, 32]);
}

#[test]
fn dispi_modes_and_formats() {
    for (bpp, bytes, pixel, expected) in [
        (8, 1, 0x05, 0x0014_1414),
        (15, 2, 0x7C1F, 0x00FF_00FF),
        (16, 2, 0x07E0, 0x0000_FF00),
        (24, 3, 0x0012_3456, 0x0012_3456),
        (32, 4, 0xFF12_3456, 0x0012_3456),
    ] {
        let mut b = Bench::linear();
        for (index, value) in [(4, 0), (1, 640), (2, 480), (3, bpp), (4, 0x41)] {
            b.dispi(index, value);
        }
        assert_eq!((b.dispi_get(6), b.dispi_get(3)), (640, bpp));
        b.vga.lfb_write((640 * 3 + 2) * bytes, bytes, pixel);
        let frame = b.frame();
        assert_eq!((frame.width, frame.height), (640, 480));
        assert_eq!(frame.pixels[640 * 3 + 2], expected, "{bpp} bits");
        assert_eq!(frame.pixels.iter().filter(|&&p| p != 0).count(), 1);
        // The same through the bank window.
        let linear = (640 * 3 + 2) * bytes;
        b.dispi(5, (linear >> 16) as u16);
        assert_eq!(b.vga.mem_read_n(linear & 0xFFFF, bytes), pixel);
        // Panning inside a wider line.
        b.dispi(6, 1024);
        b.dispi(9, 1);
        b.vga.lfb_write(1024 * bytes, bytes, pixel);
        assert_eq!(b.frame().pixels[0], expected);
        b.dispi(4, 0);
        assert_eq!((b.frame().width, b.frame().height), (640, 400));
    }
}

#[test]
fn dispi_clears_and_keeps_memory_and_clamps() {
    let mut b = Bench::linear();
    b.dispi(1, 4000);
    b.dispi(2, 4000);
    b.dispi(3, 32);
    b.vga.lfb_write(5000, 4, 0xDEAD_BEEF);
    b.dispi(4, 0x81);
    assert_eq!(b.vga.lfb_read(5000, 4), 0xDEAD_BEEF);
    assert_eq!([1, 2, 7].map(|i| b.dispi_get(i)), [2560, 1600, 1638]);
    b.dispi(9, 0xFFFF);
    assert_eq!(b.dispi_get(9), 38, "the picture stays inside the memory");
    b.dispi(4, 0);
    b.dispi(4, 1);
    assert_eq!(b.vga.lfb_read(5000, 4), 0);
    assert_eq!(b.vga.lfb_read(0xFF_FFFE, 4), 0xFFFF_0000, "nothing beyond 16 MiB");
    b.vga.lfb_write(0xFF_FFFE, 4, 0x1234_5678);
    assert_eq!(b.vga.lfb_read(0xFF_FFFE, 2), 0x5678);
}

#[test]
fn dispi_redraws_only_what_changed() {
    let mut b = Bench::linear();
    for (index, value) in [(1, 1024), (2, 768), (3, 32), (4, 0x41)] {
        b.dispi(index, value);
    }
    let mut frame = Frame::default();
    assert!(b.vga.render(0, &mut frame));
    frame.pixels[0] = 0x00AB_CDEF;
    b.vga.lfb_write(1024 * 4 * 700, 4, 0x00FF_FFFF);
    assert!(b.vga.render(0, &mut frame));
    assert_eq!((frame.pixels[0], frame.pixels[1024 * 700]), (0x00AB_CDEF, 0x00FF_FFFF));
    b.vga.lfb_write(15 << 20, 4, 1);
    assert!(!b.vga.render(0, &mut frame), "memory that is not shown");
}

#[test]
fn reset_blanks_but_keeps_memory() {
    let mut b = Bench::linear();
    b.poke(0, &[9]);
    let mut ctx = Ctx { now: 0, sched: &mut b.sched, irq: &mut b.irq };
    b.vga.reset(&mut ctx);
    assert_eq!(b.frame().pixels.iter().max(), Some(&0));
    assert_eq!(b.vga.lfb_read(0, 1), 9);
}

#[test]
fn equal_contents_have_equal_bytes() {
    let state = |b: &Bench| postcard::to_stdvec(&b.vga).unwrap();
    let mut one = Bench::linear();
    let other = Bench::linear();
    one.poke(0x9000, &[1]);
    assert_ne!(state(&one), state(&other));
    one.poke(0x9000, &[0]);
    assert_eq!(state(&one), state(&other), "a page written back to zero leaves no trace");
}

#[test]
fn hostile_memory_pages_are_refused() {
    use super::vram::Vram;
    for (index, length) in [(4096u32, 4096usize), (u32::MAX, 4096), (0, 4095)] {
        let bytes = postcard::to_stdvec(&vec![(index, vec![1u8; length])]).unwrap();
        assert!(postcard::from_bytes::<Vram>(&bytes).is_err(), "page {index}, {length} bytes");
    }
    let bytes = postcard::to_stdvec(&vec![(4095u32, vec![1u8; 4096])]).unwrap();
    assert!(postcard::from_bytes::<Vram>(&bytes).is_ok());
}

round_trip!(vga_round_trip, {
    let mut b = Bench::text();
    b.poke(0x18000, b"round\x07trip");
    b.vga.lfb_write(9 << 20, 8, 0x0123_4567_89AB_CDEF);
    b.out(0x3C8, 3);
    b.out(0x3C9, 4);
    b.dispi(1, 800);
    b.vga
});
