//! INT 10h of the embedded VGA BIOS, called by a boot sector on the whole machine.
//!
//! The boot sector makes a list of calls with ES:DI and ES:BP (and BX where the function wants it) at a buffer, and
//! reports the registers, the buffer and the BIOS data area after each through the debug port.

// A test that cannot get its machine or its reports has failed.
#![allow(clippy::expect_used)]

#[macro_use]
#[path = "../../bios/build/asm16.rs"]
#[allow(dead_code, missing_docs, clippy::panic, clippy::expect_used)]
mod asm16;

use asm16::{Asm16, assemble, w};
use iced_x86::code_asm::registers::*;
use rewind86_machine::config::ImageSpec;
use rewind86_machine::{Frame, Machine, MachineConfig, RunExit};

/// Before and after the reports.
const START: &[u8] = b"<calls>";
const END: &[u8] = b"</calls>";
/// Bytes of the buffer and of the BIOS data area (from 40:49) in a report.
const BUFFER: usize = 512;
const BDA: usize = 0x43;
const REGISTERS: usize = 12;
const REPORT: usize = REGISTERS + BUFFER + BDA;

/// AX, BX, CX, DX of a call.
type Call = [u16; 4];

/// What a call left behind.
struct Report {
    ax: u16,
    bx: u16,
    cx: u16,
    dx: u16,
    es: u16,
    bp: u16,
    buffer: Vec<u8>,
    bda: Vec<u8>,
}

impl Report {
    fn parse(bytes: &[u8]) -> Self {
        let word = |i: usize| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]);
        let (buffer, bda) = bytes[REGISTERS..].split_at(BUFFER);
        Self {
            ax: word(0),
            bx: word(1),
            cx: word(2),
            dx: word(3),
            es: word(4),
            bp: word(5),
            buffer: buffer.to_vec(),
            bda: bda.to_vec(),
        }
    }

    /// A byte of the BIOS data area.
    fn bda(&self, offset: usize) -> u8 {
        self.bda[offset - 0x49]
    }

    fn bda16(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.bda(offset), self.bda(offset + 1)])
    }

    fn buffer16(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.buffer[offset], self.buffer[offset + 1]])
    }

    fn buffer32(&self, offset: usize) -> u32 {
        u32::from(self.buffer16(offset)) | u32::from(self.buffer16(offset + 2)) << 16
    }
}

/// The boot sector: 512 bytes that load the next fifteen sectors, which do the work.
fn disk(calls: &[Call]) -> Vec<u8> {
    let memory = assemble(0x10000, 0, |a: &mut Asm16| {
        let dump = |a: &mut Asm16, start: &str, length: usize| {
            let next = format!("{start}_next");
            asm!(a;
                mov     cx, length as i32;
                label   &next;
                lodsb;
                out     0xE9, al;
                loop_   &next;
            );
        };
        asm!(a;
            org     0x7C00;
            xor     ax, ax;
            mov     ds, ax;
            mov     ss, ax;
            mov     es, ax;
            mov     sp, 0x7C00;
            mov     ax, 0x0210;
            mov     bx, 0x7E00;
            mov     cx, 2;
            xor     dh, dh;
            int     0x13;
            jmp     "main";
            org     0x7DFE;
            dw      &[0xAA55];
            label   "main";
            mov     si, a.at("start");
        );
        dump(a, "s", START.len());
        asm!(a;
            mov     si, a.at("list");
            label   "next";
            cmp     si, a.at("list_end");
            je      "end";
            mov     ax, 0x2000;
            mov     es, ax;
            push    si;
            mov     ax, w(si);
            mov     bx, w(si + 2);
            mov     cx, w(si + 4);
            mov     dx, w(si + 6);
            xor     di, di;
            xor     bp, bp;
            int     0x10;
            mov     w(0x600), ax;
            mov     w(0x602), bx;
            mov     w(0x604), cx;
            mov     w(0x606), dx;
            mov     w(0x608), es;
            mov     w(0x60A), bp;
            mov     si, 0x600;
        );
        dump(a, "registers", REGISTERS);
        asm!(a; mov ax, 0x2000; mov ds, ax; xor si, si; );
        dump(a, "buffer", BUFFER);
        asm!(a; xor ax, ax; mov ds, ax; mov si, 0x449; );
        dump(a, "bda", BDA);
        asm!(a;
            pop     si;
            add     si, 8;
            jmp     "next";
            label   "end";
            mov     si, a.at("stop");
        );
        dump(a, "e", END.len());
        asm!(a;
            label   "halt";
            hlt;
            jmp     "halt";
            label   "start";
            db      START;
            label   "stop";
            db      END;
            label   "list";
        );
        for call in calls {
            a.dw(call);
        }
        a.label("list_end");
    });
    let mut image = memory[0x7C00..0x7C00 + 0x2200].to_vec();
    image.resize(1_474_560, 0);
    image
}

/// The machine with the calls made, and a report of each.
fn run(calls: &[Call]) -> (Machine, Vec<Report>) {
    let floppy = ImageSpec { bytes: Some(disk(calls)), ..ImageSpec::default() };
    let config = MachineConfig { memory: 4 << 20, floppies: [Some(floppy), None], ..MachineConfig::default() };
    let mut machine = Machine::new(&config).expect("a machine");
    let mut said = Vec::new();
    while !said.ends_with(END) {
        assert!(machine.now() < 60_000_000_000, "{}", String::from_utf8_lossy(&said));
        assert_eq!(machine.run(machine.now() + 10_000_000, u64::MAX), RunExit::Time);
        said.extend(machine.take_debugcon());
    }
    let at = said.windows(START.len()).position(|s| s == START).expect("the reports begin") + START.len();
    let reports = said[at..said.len() - END.len()].chunks_exact(REPORT).map(Report::parse).collect();
    (machine, reports)
}

fn picture(machine: &mut Machine) -> Frame {
    let mut frame = Frame::default();
    machine.frame(&mut frame);
    frame
}

#[test]
fn modes_set_the_screen_and_the_data_area() {
    // Mode, columns, rows, character height, page size, picture.
    for (mode, cols, rows, height, page, size) in [
        (1, 40, 25, 16, 0x800, (720, 400)),
        (3, 80, 25, 16, 0x1000, (720, 400)),
        (4, 40, 25, 8, 0x4000, (640, 400)),
        (6, 80, 25, 8, 0x4000, (640, 400)),
        (7, 80, 25, 16, 0x1000, (720, 400)),
        (0x0D, 40, 25, 8, 0x2000, (640, 400)),
        (0x0E, 80, 25, 8, 0x4000, (640, 400)),
        (0x0F, 80, 25, 14, 0x8000, (640, 350)),
        (0x10, 80, 25, 14, 0x8000, (640, 350)),
        (0x11, 80, 30, 16, 0xA000, (640, 480)),
        (0x12, 80, 30, 16, 0xA000, (640, 480)),
        (0x13, 40, 25, 8, 0x2000, (640, 400)),
    ] {
        let (mut machine, reports) = run(&[[mode, 0, 0, 0], [0x0F00, 0, 0, 0]]);
        let r = &reports[1];
        assert_eq!((r.ax, r.bx), (cols << 8 | mode, 0), "mode {mode:02X}");
        assert_eq!((r.bda16(0x4A), r.bda(0x84) + 1, r.bda16(0x85), r.bda16(0x4C)), (cols, rows, height, page));
        let crtc = if matches!(mode, 7 | 0x0F) { 0x3B4 } else { 0x3D4 };
        assert_eq!(r.bda16(0x63), crtc, "mode {mode:02X}");
        let frame = picture(&mut machine);
        assert_eq!((frame.width, frame.height), size, "mode {mode:02X}");
        assert_eq!(machine.text_screen().is_some(), matches!(mode, 1 | 3 | 7));
    }
}

#[test]
fn characters_and_pixels_read_back_in_every_mode() {
    for (mode, color) in
        [(3, 0x1E), (4, 2), (6, 1), (7, 7), (0x0D, 9), (0x0E, 3), (0x10, 12), (0x12, 5), (0x13, 200), (0x101, 77)]
    {
        let set = if mode < 0x100 { [mode, 0, 0, 0] } else { [0x4F02, mode, 0, 0] };
        let (_, r) = run(&[
            set,
            [0x0200, 0, 0, 0x0307],
            [0x0940 | 0x15, color, 2, 0],
            [0x0800, 0, 0, 0],
            [0x0200, 0, 0, 0x0308],
            [0x0800, 0, 0, 0],
            [0x0C00 | color, 0, 200, 90],
            [0x0D00, 0, 200, 90],
            [0x0D00, 0, 201, 90],
        ]);
        let text = matches!(mode, 3 | 7);
        let attribute = if text { color << 8 } else { 0 };
        assert_eq!((r[3].ax, r[5].ax), (attribute | 0x55, attribute | 0x55), "mode {mode:02X}");
        if !text {
            assert_eq!((r[7].ax & 0xFF, r[8].ax & 0xFF), (color, 0), "mode {mode:02X}");
        }
    }
}

#[test]
fn teletype_wraps_and_scrolls() {
    let mut calls = vec![[0x0003, 0, 0, 0], [0x0200, 0, 0, 0x184E]];
    calls.extend(b"abc\r\nd\x08e".map(|c| [0x0E00 | u16::from(c), 7, 0, 0]));
    calls.push([0x0300, 0, 0, 0]);
    let (machine, r) = run(&calls);
    let screen = machine.text_screen().expect("text");
    let lines = screen.lines();
    assert_eq!((&lines[22][78..], lines[23].as_str(), lines[24].as_str()), ("ab", "c", "e"));
    assert_eq!(screen.cursor, Some((1, 24)));
    assert_eq!(r.last().map(|r| (r.cx, r.dx)), Some((0x0607, 0x1801)));
}

#[test]
fn windows_scroll_both_ways() {
    let mut calls = vec![[0x0003, 0, 0, 0]];
    for row in 0..4 {
        calls.push([0x0200, 0, 0, row << 8]);
        calls.push([0x0941 + row, 7, 6, 0]);
    }
    calls.push([0x0601, 0x4F00, 0x0001, 0x0302]);
    calls.push([0x0701, 0x2F00, 0x0004, 0x0305]);
    let (machine, _) = run(&calls);
    let screen = machine.text_screen().expect("text");
    assert_eq!(screen.lines()[..4], ["ABBA", "BCCBAA", "CDDCBB", "D  DCC"]);
    assert_eq!([(0, 4), (3, 1), (0, 0)].map(|(row, col)| screen.cells[row * 80 + col].1), [0x2F, 0x4F, 7]);
}

#[test]
fn pages_keep_their_own_text_and_cursor() {
    let (machine, r) = run(&[
        [0x0003, 0, 0, 0],
        [0x0200, 0x0200, 0, 0x0102],
        [0x0941, 0x0207, 1, 0],
        [0x0502, 0, 0, 0],
        [0x0300, 0x0200, 0, 0],
    ]);
    assert_eq!((r[3].bda(0x62), r[3].bda16(0x4E), r[4].dx), (2, 0x2000, 0x0102));
    let screen = machine.text_screen().expect("text");
    assert_eq!((screen.lines()[1].as_str(), screen.cursor), ("  A", Some((2, 1))));
}

#[test]
fn fonts_and_rows() {
    let (mut machine, r) = run(&[[0x0003, 0, 0, 0], [0x1112, 0, 0, 0], [0x1130, 0x0300, 0, 0], [0x1130, 0x0600, 0, 0]]);
    assert_eq!((r[1].bda(0x84), r[1].bda16(0x85)), (49, 8));
    assert_eq!((r[2].cx, r[2].dx & 0xFF), (8, 49));
    assert_eq!(machine.text_screen().map(|s| s.rows), Some(50));
    assert_eq!(picture(&mut machine).height, 400);
    // Every glyph of the ROM fonts is there, and none looks like another, blanks apart.
    for (report, height) in [(&r[2], 8), (&r[3], 16)] {
        let mut font = vec![0; 256 * height];
        machine.read_memory(u64::from(report.es) * 16 + u64::from(report.bp), &mut font);
        let glyphs: Vec<&[u8]> = font.chunks_exact(height).collect();
        for (code, glyph) in glyphs.iter().enumerate() {
            let blank = matches!(code, 0 | 0x20 | 0xFF);
            assert_eq!(glyph.iter().all(|&row| row == 0), blank, "{code:02X}");
            assert!(blank || glyphs[..code].iter().all(|other| other != glyph), "{code:02X} at {height} lines");
        }
        // Boxes reach the cell's edges: ─ left and right, │ top and bottom.
        assert!(glyphs[0xC4].contains(&0xFF));
        assert!(glyphs[0xB3].iter().all(|&row| row != 0));
    }
}

#[test]
fn palette_and_dac() {
    let (mut machine, r) = run(&[
        [0x0013, 0, 0, 0],
        [0x1010, 40, 0x2A15, 0x3F00],
        [0x1015, 40, 0, 0],
        [0x1000, 0x0503, 0, 0],
        [0x1007, 3, 0, 0],
        [0x1017, 0, 17, 0],
        [0x0C28, 0, 0, 0],
    ]);
    assert_eq!((r[2].cx, r[2].dx >> 8), (0x2A15, 0x3F));
    assert_eq!(r[4].bx, 0x0503);
    // ES:DX is the buffer: blue, then light grey and dark grey of the 16 colours, then the first grey of the ramp.
    assert_eq!(r[5].buffer[3..6], [0, 0, 0x2A]);
    assert_eq!(r[5].buffer[18..27], [0x2A, 0x15, 0, 0x2A, 0x2A, 0x2A, 0x15, 0x15, 0x15]);
    assert_eq!(picture(&mut machine).pixels[0], 0x00FF_AA55);
}

#[test]
fn display_and_state_information() {
    let (_, r) = run(&[[0x0003, 0, 0, 0], [0x1A00, 0, 0, 0], [0x1B00, 0, 0, 0], [0x1200, 0x10, 0, 0]]);
    assert_eq!((r[1].ax & 0xFF, r[1].bx), (0x1A, 8));
    assert_eq!((r[2].ax & 0xFF, r[2].buffer[4], r[2].buffer16(5)), (0x1B, 3, 80));
    assert_eq!((r[2].buffer16(0x23), r[2].buffer16(0x27), r[2].buffer[0x29], r[2].buffer[0x2A]), (16, 16, 8, 2));
    assert_eq!(r[3].bx, 3, "colour, 256 KiB");
}

#[test]
fn state_is_saved_and_restored() {
    let (mut machine, r) = run(&[
        [0x0012, 0, 0, 0],
        [0x1010, 2, 0x0102, 0x0300],
        [0x1C00, 0, 7, 0],
        [0x1C01, 0, 7, 0],
        [0x0003, 0, 0, 0],
        [0x1C02, 0, 7, 0],
        [0x0F00, 0, 0, 0],
        [0x1015, 2, 0, 0],
    ]);
    assert_eq!((r[2].ax & 0xFF, r[2].bx), (0x1C, 16));
    assert_eq!((r[4].bda(0x49), r[6].ax & 0xFF), (3, 0x12));
    assert_eq!((r[7].cx, r[7].dx >> 8), (0x0102, 3));
    assert_eq!((picture(&mut machine).width, picture(&mut machine).height), (640, 480));
}

#[test]
fn vbe_describes_itself() {
    let (_, r) = run(&[[0x4F00, 0, 0, 0], [0x4F01, 0, 0x118, 0], [0x4F01, 0, 0x1FF, 0], [0x4F15, 1, 0, 0]]);
    assert_eq!((r[0].ax, &r[0].buffer[..6]), (0x004F, b"VESA\0\x03".as_slice()));
    assert_eq!(r[0].buffer16(0x12), 256, "16 MiB");
    let m = &r[1];
    assert_eq!(m.ax, 0x004F);
    assert_eq!((m.buffer16(0x12), m.buffer16(0x14), m.buffer[0x19], m.buffer16(0x10)), (1024, 768, 24, 3072));
    assert_eq!(m.buffer16(0) & 0x99, 0x99, "supported, colour, graphics, linear");
    let lfb = m.buffer32(0x28);
    assert!(lfb >= 0xE000_0000 && lfb & 0xFF_FFFF == 0, "{lfb:#x}");
    assert_eq!(m.buffer[0x1F..0x25], [8, 16, 8, 8, 8, 0]);
    assert_eq!(r[2].ax, 0x014F);
    assert_eq!(r[3].buffer[..128].iter().fold(0u8, |sum, b| sum.wrapping_add(*b)), 0, "EDID checksum");
}

#[test]
fn vbe_modes_windows_and_lines() {
    let (mut machine, r) = run(&[
        [0x4F02, 0x0103, 0, 0],
        [0x4F03, 0, 0, 0],
        [0x4F05, 0, 0, 5],
        [0x4F05, 0x0100, 0, 0],
        [0x4F06, 0, 1024, 0],
        [0x4F07, 0, 8, 2],
        [0x4F07, 1, 0, 0],
        [0x4F08, 0x0800, 0, 0],
        [0x4F05, 0, 0, 256],
        [0x0C0F, 0, 8, 2],
    ]);
    assert_eq!((r[0].ax, r[1].bx, r[3].dx), (0x004F, 0x0103, 5));
    assert_eq!((r[4].ax, r[4].bx, r[4].cx, r[4].dx), (0x004F, 1024, 1024, 16384));
    assert_eq!((r[6].cx, r[6].dx), (8, 2));
    assert_eq!(r[7].bx >> 8, 8);
    assert_eq!(r[8].ax, 0x014F, "beyond the memory");
    let frame = picture(&mut machine);
    assert_eq!((frame.width, frame.height), (800, 600));
    // White of the 6-bit palette, now read with 8 bits.
    assert_eq!(frame.pixels[0], 0x003F_3F3F);
    // Back to text: the extension is off.
    let (machine, r) = run(&[[0x4F02, 0x4112, 0, 0], [0x0003, 0, 0, 0], [0x4F03, 0, 0, 0]]);
    assert_eq!(r[2].bx, 3);
    assert!(machine.text_screen().is_some());
}
