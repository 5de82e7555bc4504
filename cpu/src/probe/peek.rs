//! Translation for those who look from outside: no rights, no accessed or dirty bits, no TLB.
//!
//! Intel SDM volume 3, chapter 4; the same modes as [`crate::mmu`].

use crate::mem::PhysMem;
use crate::regs::Seg;
use crate::state::{Cpu, cr0, cr4};

const P: u64 = 1;
const PS: u64 = 1 << 7;
const ADDR: u64 = 0x000F_FFFF_FFFF_F000;

impl Cpu {
    /// Physical address that `lin` leads to in the current address space; `None` when nothing is mapped there.
    pub fn peek(&self, mem: &PhysMem, lin: u64) -> Option<u64> {
        self.peek_under(mem, lin, None)
    }

    /// As [`Cpu::peek`], with the page tables of `cr3` in the current paging mode.
    pub fn peek_under(&self, mem: &PhysMem, lin: u64, cr3: Option<u64>) -> Option<u64> {
        let a20 = |phys: u64| if self.sys.a20 { phys } else { phys & !(1 << 20) };
        if self.sys.cr0 & cr0::PG == 0 {
            return Some(a20(lin));
        }
        let entry = |at: u64, n: usize| {
            let mut b = [0; 8];
            mem.read(a20(at), b.get_mut(..n)?);
            let e = u64::from_le_bytes(b);
            (e & P != 0).then_some(e)
        };
        let base = cr3.unwrap_or(self.sys.cr3);
        if self.sys.cr4 & cr4::PAE == 0 {
            let pde = entry((base & 0xFFFF_F000) + (lin >> 22 & 0x3FF) * 4, 4)?;
            if pde & PS != 0 && self.sys.cr4 & cr4::PSE != 0 {
                return Some(a20((pde & 0xFFC0_0000) | (pde >> 13 & 0xFF) << 32 | (lin & 0x3F_FFFF)));
            }
            let pte = entry((pde & 0xFFFF_F000) + (lin >> 12 & 0x3FF) * 4, 4)?;
            return Some(a20((pte & 0xFFFF_F000) | (lin & 0xFFF)));
        }
        let (mut table, mut level) = if self.long_mode() {
            (base & ADDR, 3)
        } else {
            let at = lin >> 30 & 3;
            let e = match cr3 {
                None => self.sys.pdpte[at as usize],
                Some(base) => entry((base & 0xFFFF_FFE0) + 8 * at, 8)?,
            };
            if e & P == 0 {
                return None;
            }
            (e & ADDR, 1)
        };
        loop {
            let shift = 12 + 9 * level;
            let e = entry(table + (lin >> shift & 0x1FF) * 8, 8)?;
            if level == 0 || level < 3 && e & PS != 0 {
                let low = (1u64 << shift) - 1;
                return Some(a20((e & ADDR & !low) | (lin & low)));
            }
            table = e & ADDR;
            level -= 1;
        }
    }

    /// Linear address of the next instruction.
    pub fn linear_rip(&self) -> u64 {
        let base = if self.code64() { 0 } else { self.seg[Seg::Cs as usize].base };
        self.rip.wrapping_add(base) & self.lin_mask()
    }

    /// Width of the code that runs: 16, 32 or 64.
    pub fn code_bits(&self) -> u32 {
        let cs = &self.seg[Seg::Cs as usize];
        if self.code64() {
            64
        } else if cs.big() {
            32
        } else {
            16
        }
    }
}
