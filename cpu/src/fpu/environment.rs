//! FNSTENV, FLDENV, FNSAVE and FRSTOR with their four layouts (SDM volume 1, 8.1.10 and figures 8-9 to 8-12).
//!
//! The operand size chooses 14 or 28 bytes; real and virtual-8086 mode have linear addresses and the opcode where
//! protected mode has offsets and selectors.

use super::Fpu;
use super::handler::{control, form_slow};
use crate::engine::dispatch::Form;
use crate::fault::Exec;
use crate::op::Op;
use crate::operand::World;
use crate::softfloat::F80;
use crate::state::Cpu;
use iced_x86::Code;

/// Bytes of all eight registers.
const REGISTERS: usize = 80;
/// The largest image: the 32-bit environment and the registers.
const LARGEST: usize = 28 + REGISTERS;

/// Writes little-endian words one behind the other.
struct Writer<'a> {
    bytes: &'a mut [u8; LARGEST],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(slot) = self.bytes.get_mut(self.at..self.at + bytes.len()) {
            slot.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }

    fn word(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    /// A word in a double word whose upper half is all ones.
    fn padded(&mut self, value: u16) {
        self.word(value);
        self.word(0xFFFF);
    }

    fn dword(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }
}

/// What the image must be a multiple of under alignment checking (SDM volume 3, table 6-7).
fn unit(size: usize) -> u64 {
    if size == 14 || size == 14 + REGISTERS { 2 } else { 4 }
}

fn word_at(image: &[u8; LARGEST], at: usize) -> u16 {
    u16::from_le_bytes([image[at % LARGEST], image[(at + 1) % LARGEST]])
}

fn dword_at(image: &[u8; LARGEST], at: usize) -> u32 {
    u32::from(word_at(image, at)) | u32::from(word_at(image, at + 2)) << 16
}

impl Fpu {
    /// Linear addresses of the last instruction and operand, as real mode stores them.
    fn linear_pointers(&self) -> (u32, u32) {
        let linear = |selector: u16, offset: u64| (u32::from(selector) << 4).wrapping_add(offset as u32);
        (linear(self.fcs, self.fip), linear(self.fds, self.fdp))
    }

    fn store_environment(&self, out: &mut Writer, wide: bool, protected: bool) {
        let (ip, dp) = self.linear_pointers();
        let words = [self.control, self.status_word(), self.tag_word()];
        match (wide, protected) {
            (false, _) => {
                words.into_iter().for_each(|w| out.word(w));
                if protected {
                    [self.fip as u16, self.fcs, self.fdp as u16, self.fds].into_iter().for_each(|w| out.word(w));
                } else {
                    out.word(ip as u16);
                    out.word((ip >> 4 & 0xF000) as u16 | self.fop & 0x7FF);
                    out.word(dp as u16);
                    out.word((dp >> 4 & 0xF000) as u16);
                }
            }
            (true, true) => {
                words.into_iter().for_each(|w| out.padded(w));
                out.dword(self.fip as u32);
                out.word(self.fcs);
                out.word(self.fop & 0x7FF);
                out.dword(self.fdp as u32);
                out.padded(self.fds);
            }
            (true, false) => {
                words.into_iter().for_each(|w| out.padded(w));
                out.padded(ip as u16);
                out.dword(ip >> 4 & 0x0FFF_F000 | u32::from(self.fop & 0x7FF));
                out.padded(dp as u16);
                out.dword(dp >> 4 & 0x0FFF_F000);
            }
        }
    }

    fn load_environment(&mut self, image: &[u8; LARGEST], wide: bool, protected: bool) {
        let step = if wide { 4 } else { 2 };
        let word = |n: usize| word_at(image, n * step);
        self.set_control_word(word(0));
        self.set_tag_word(word(2));
        self.set_status_word(word(1));
        (self.fop, self.fcs, self.fds) = (0, 0, 0);
        match (wide, protected) {
            (false, true) => {
                (self.fip, self.fcs) = (u64::from(word(3)), word(4));
                (self.fdp, self.fds) = (u64::from(word(5)), word(6));
            }
            (false, false) => {
                self.fip = u64::from(word(3)) | u64::from(word(4) & 0xF000) << 4;
                self.fdp = u64::from(word(5)) | u64::from(word(6) & 0xF000) << 4;
                self.fop = word(4) & 0x7FF;
            }
            (true, true) => {
                (self.fip, self.fcs) = (u64::from(dword_at(image, 12)), word_at(image, 16));
                (self.fdp, self.fds) = (u64::from(dword_at(image, 20)), word_at(image, 24));
                self.fop = word_at(image, 18) & 0x7FF;
            }
            (true, false) => {
                let (high_ip, high_dp) = (dword_at(image, 16), dword_at(image, 24));
                self.fip = u64::from(word_at(image, 12)) | u64::from(high_ip & 0x0FFF_F000) << 4;
                self.fdp = u64::from(word_at(image, 20)) | u64::from(high_dp & 0x0FFF_F000) << 4;
                self.fop = high_ip as u16 & 0x7FF;
            }
        }
    }
}

impl Cpu {
    /// Loads `size` bytes of the memory operand.
    fn load_image<W: World>(&mut self, op: &Op, size: usize) -> Exec<[u8; LARGEST]> {
        let first = W::linear(self, op, unit(size), false)?;
        self.check_parts(first, unit(size))?;
        let mask = self.lin_mask();
        let mut image = [0; LARGEST];
        for (i, pair) in image[..size.min(LARGEST)].chunks_exact_mut(2).enumerate() {
            // Word by word, so that a page that is not there comes before a limit behind it.
            let lin = W::linear(self, op, 2 * i as u64 + 2, false)?;
            let at = lin.wrapping_add(2 * i as u64) & mask;
            pair.copy_from_slice(&self.read::<u16>(at)?.to_le_bytes());
        }
        Ok(image)
    }

    /// Stores `size` bytes at the memory operand, all or nothing.
    fn store_image<W: World>(&mut self, op: &Op, image: &[u8; LARGEST], size: usize) -> Exec {
        let first = W::linear(self, op, unit(size), true)?;
        self.check_parts(first, unit(size))?;
        let lin = W::linear(self, op, size as u64, true)?;
        let mask = self.lin_mask();
        let at = |offset: usize| lin.wrapping_add(offset as u64) & mask;
        self.probe_write(lin, size as u64)?;
        for (i, pair) in image[..size.min(LARGEST)].chunks_exact(2).enumerate() {
            self.write::<u16>(at(2 * i), u16::from_le_bytes([pair[0], pair[1]]))?;
        }
        Ok(())
    }

    fn fnstenv<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let mut image = [0; LARGEST];
        let mut out = Writer { bytes: &mut image, at: 0 };
        self.fpu.store_environment(&mut out, wide, self.protected());
        let size = out.at;
        self.store_image::<W>(op, &image, size)?;
        self.fpu.control |= super::fsw::EXCEPTIONS;
        self.fpu.refresh_summary();
        Ok(())
    }

    fn fldenv<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let image = self.load_image::<W>(op, if wide { 28 } else { 14 })?;
        let protected = self.protected();
        self.fpu.load_environment(&image, wide, protected);
        Ok(())
    }

    fn fnsave<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let mut image = [0; LARGEST];
        let mut out = Writer { bytes: &mut image, at: 0 };
        self.fpu.store_environment(&mut out, wide, self.protected());
        for i in 0..8 {
            out.put(&self.fpu.st(i).to_bytes());
        }
        let size = out.at;
        self.store_image::<W>(op, &image, size)?;
        self.fpu.init();
        Ok(())
    }

    fn frstor<W: World>(&mut self, op: &Op, wide: bool) -> Exec {
        let environment = if wide { 28 } else { 14 };
        let image = self.load_image::<W>(op, environment + REGISTERS)?;
        let protected = self.protected();
        self.fpu.load_environment(&image, wide, protected);
        for (i, bytes) in image[environment..environment + REGISTERS].chunks_exact(10).enumerate() {
            let mut ten = [0; 10];
            ten.copy_from_slice(bytes);
            let n = self.fpu.phys(i);
            self.fpu.regs[n] = F80::from_bytes(ten);
        }
        Ok(())
    }
}

control! {
    Fnstenv14: false, |cpu, op, M| cpu.fnstenv::<M::W>(op, false);
    Fnstenv28: false, |cpu, op, M| cpu.fnstenv::<M::W>(op, true);
    Fldenv14: true, |cpu, op, M| cpu.fldenv::<M::W>(op, false);
    Fldenv28: true, |cpu, op, M| cpu.fldenv::<M::W>(op, true);
    Fnsave94: false, |cpu, op, M| cpu.fnsave::<M::W>(op, false);
    Fnsave108: false, |cpu, op, M| cpu.fnsave::<M::W>(op, true);
    Frstor94: true, |cpu, op, M| cpu.frstor::<M::W>(op, false);
    Frstor108: true, |cpu, op, M| cpu.frstor::<M::W>(op, true);
}

pub(super) const FORMS: &[(Code, Form)] = &[
    (Code::Fnstenv_m14byte, form_slow::<Fnstenv14>()),
    (Code::Fnstenv_m28byte, form_slow::<Fnstenv28>()),
    (Code::Fldenv_m14byte, form_slow::<Fldenv14>()),
    (Code::Fldenv_m28byte, form_slow::<Fldenv28>()),
    (Code::Fnsave_m94byte, form_slow::<Fnsave94>()),
    (Code::Fnsave_m108byte, form_slow::<Fnsave108>()),
    (Code::Frstor_m94byte, form_slow::<Frstor94>()),
    (Code::Frstor_m108byte, form_slow::<Frstor108>()),
];
