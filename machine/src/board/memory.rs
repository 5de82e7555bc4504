//! The physical memory map: RAM, the shadowed ROM area below 1 MiB, firmware below 4 GiB.
//!
//! ```text
//! 00000000  RAM
//! 000A0000  video memory (bus)
//! 000C0000  16 KiB regions to EFFFF and one of 64 KiB: ROM or RAM, for reads and writes apart (PAM registers of the
//!           82441FX, data sheet 3.2.18); RAM here is shadow RAM
//! 00100000  RAM, up to 3 GiB at most
//! ........  PCI and other device memory (bus)
//! FFxxxxxx  the firmware ROM, up to 4 GiB
//! 100000000 the rest of the RAM
//! ```
//! ROM lies behind the RAM in the backing store: the adapter ROM area C0000-DFFFF, then the firmware.

use crate::error::{MachineError, Role};
use rewind86_cpu::mem::{PAGE, PhysMem};
use rewind86_devices::pci::{HostBridge, Shadow};
use std::path::Path;

/// RAM ends here below 4 GiB; more is mapped above.
const LOW_RAM_MAX: u64 = 3 << 30;
const FOUR_GIB: u64 = 4 << 30;
const KIB: u64 = 1024;
/// Adapter ROM area, C0000-DFFFF.
const ADAPTER_BASE: u64 = 0xC0000;
const ADAPTER_LEN: u64 = 128 * KIB;
/// Where the ROM of a direct kernel start appears: behind the largest VGA ROM.
const KERNEL_ROM: u64 = 0xD0000;
/// Largest firmware image.
const MAX_FIRMWARE: usize = 16 << 20;
const MAX_VGA: usize = 64 * 1024;

/// What the chipset's registers decide about the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The attribute map of C0000h-FFFFFh.
    pub shadow: [Shadow; 13],
    /// A0000h-BFFFFh is RAM instead of video memory.
    pub smram_open: bool,
    /// Physical address of the VGA's expansion ROM.
    pub vga_rom: Option<u64>,
}

/// What lies where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    ram: u64,
    firmware_len: u64,
    vga_len: u64,
    /// Where the VGA's expansion ROM is mapped.
    vga_rom: Option<u64>,
}

fn page_of(bytes: u64) -> u32 {
    (bytes / PAGE as u64) as u32
}

impl Layout {
    /// A machine with `ram` bytes of RAM and firmware images of these sizes.
    pub fn new(ram: u64, firmware: usize, vga: usize) -> Self {
        Self {
            ram,
            firmware_len: (firmware as u64).next_multiple_of(64 * KIB),
            vga_len: (vga as u64).next_multiple_of(PAGE as u64),
            vga_rom: None,
        }
    }

    /// End of the RAM below 4 GiB.
    pub fn below_4g(&self) -> u64 {
        self.ram.min(LOW_RAM_MAX)
    }

    /// Bytes of RAM above 4 GiB.
    pub fn above_4g(&self) -> u64 {
        self.ram - self.below_4g()
    }

    /// All of the RAM.
    pub fn ram(&self) -> u64 {
        self.ram
    }

    fn adapter_page(&self) -> u32 {
        page_of(self.ram)
    }

    fn firmware_page(&self) -> u32 {
        self.adapter_page() + page_of(ADAPTER_LEN)
    }

    /// Memory with the ROMs in place and everything mapped as after a reset; `None` when the host has not that much.
    pub fn build(&mut self, firmware: &[u8], vga: &[u8], kernel_rom: Option<&[u8]>) -> Option<PhysMem> {
        let mut mem = PhysMem::try_new(self.ram, ADAPTER_LEN + self.firmware_len)?;
        // The image ends at the top; what a short one leaves free reads FFh.
        let pad = self.firmware_len as usize - firmware.len().min(self.firmware_len as usize);
        let padded = [vec![0xFF; pad], firmware.to_vec()].concat();
        fill(&mut mem, self.firmware_page(), &padded);
        let mut adapters = vec![0xFF; ADAPTER_LEN as usize];
        for (at, rom) in [(0, vga), ((KERNEL_ROM - ADAPTER_BASE) as usize, kernel_rom.unwrap_or(&[]))] {
            if let Some(place) = adapters.get_mut(at..at + rom.len()) {
                place.copy_from_slice(rom);
            }
        }
        fill(&mut mem, self.adapter_page(), &adapters);

        let low = self.below_4g();
        mem.map(0, 0xA0000 / PAGE as u64, Some(0), Some(0));
        if low > 0x10_0000 {
            let first = page_of(0x10_0000);
            mem.map(u64::from(first), u64::from(page_of(low) - first), Some(first), Some(first));
        }
        if self.above_4g() > 0 {
            let backing = Some(page_of(low));
            mem.map(FOUR_GIB / PAGE as u64, self.above_4g() / PAGE as u64, backing, backing);
        }
        let at = (FOUR_GIB - self.firmware_len) / PAGE as u64;
        mem.map(at, self.firmware_len / PAGE as u64, Some(self.firmware_page()), None);
        let bridge = HostBridge::default();
        let routing = Routing { shadow: bridge.shadow_map(), smram_open: bridge.smram_open(), vga_rom: None };
        self.apply(&mut mem, &routing);
        Some(mem)
    }

    /// Maps what the chipset's registers decide.
    pub fn apply(&mut self, mem: &mut PhysMem, routing: &Routing) {
        for region in &routing.shadow {
            let (at, len) = (u64::from(region.base), u64::from(region.len));
            let rom = if at < 0xE0000 {
                Some(self.adapter_page() + page_of(at - ADAPTER_BASE))
            } else {
                // The last 128 KiB of the firmware, or what there is of them.
                let from_end = 0x10_0000 - at;
                self.firmware_len.checked_sub(from_end).map(|offset| self.firmware_page() + page_of(offset))
            };
            let ram = Some(page_of(at));
            let read = if region.read_ram { ram } else { rom };
            mem.map(at / PAGE as u64, len / PAGE as u64, read, ram.filter(|_| region.write_ram));
        }
        let video = Some(page_of(0xA0000)).filter(|_| routing.smram_open);
        mem.map(0xA0000 / PAGE as u64, 0x20000 / PAGE as u64, video, video);

        let pages = self.vga_len / PAGE as u64;
        if let Some(old) = self.vga_rom.take() {
            mem.map(old / PAGE as u64, pages, None, None);
        }
        // Only in the hole between RAM and firmware is there room; a ROM laid over either would shadow it.
        let hole = self.below_4g()..FOUR_GIB - self.firmware_len;
        let place = routing.vga_rom.filter(|at| at.is_multiple_of(PAGE as u64) && hole.contains(at));
        if let Some(at) = place.filter(|at| hole.contains(&(at + self.vga_len))) {
            mem.map(at / PAGE as u64, pages, Some(self.adapter_page()), None);
            self.vga_rom = Some(at);
        }
    }
}

fn fill(mem: &mut PhysMem, first: u32, bytes: &[u8]) {
    for (page, chunk) in (first..).zip(bytes.chunks(PAGE)) {
        mem.write_backing(page, 0, chunk);
    }
}

/// Checks a system firmware image.
pub(crate) fn check_firmware(path: &Path, image: &[u8]) -> Result<(), MachineError> {
    if image.len() > MAX_FIRMWARE || !image.len().is_multiple_of(4096) {
        return Err(MachineError::content(
            Role::Bios,
            path,
            format!("has {} bytes, which is no size of a firmware ROM", image.len()),
            "name an image of a multiple of 4 KiB, at most 16 MiB",
        ));
    }
    Ok(())
}

/// Checks a VGA firmware image.
pub(crate) fn check_vga(path: &Path, image: &[u8]) -> Result<(), MachineError> {
    let wrong = |problem: &str| {
        Err(MachineError::content(Role::VgaBios, path, problem, "name the ROM image of a VGA compatible adapter"))
    };
    if image.len() > MAX_VGA {
        return wrong("is larger than 64 KiB");
    }
    if image.get(..2) != Some(&[0x55, 0xAA]) {
        return wrong("does not start with 55 AA");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mem: &PhysMem, at: u64) -> u8 {
        let mut b = [0];
        mem.read(at, &mut b);
        b[0]
    }

    fn machine(ram: u64) -> (Layout, PhysMem) {
        let mut firmware = vec![1; 128 << 10];
        firmware[64 << 10..].fill(2);
        let mut layout = Layout::new(ram, firmware.len(), 3);
        let mem = layout.build(&firmware, &[0x55, 0xAA, 3], Some(&[0x55, 0xAA, 4])).unwrap();
        (layout, mem)
    }

    #[test]
    fn roms_appear_at_reset_and_swallow_writes() {
        let (_, mut mem) = machine(2 << 20);
        assert_eq!([0xE0000, 0xEFFFF, 0xF0000, 0xFFFFF].map(|a| read(&mem, a)), [1, 1, 2, 2]);
        assert_eq!([0xFFFE_0000, 0xFFFF_FFFF].map(|a| read(&mem, a)), [1, 2]);
        assert_eq!([0xC0002, 0xD0002, 0xC0003].map(|a| read(&mem, a)), [3, 4, 0xFF]);
        mem.write(0xF0000, &[9]);
        mem.write(0xFFFF_0000, &[9]);
        assert_eq!([0xF0000, 0xFFFF_0000].map(|a| read(&mem, a)), [2, 2]);
    }

    fn routing() -> Routing {
        Routing { shadow: HostBridge::default().shadow_map(), smram_open: false, vga_rom: None }
    }

    #[test]
    fn pam_regions_switch_reads_and_writes_apart() {
        let (mut layout, mut mem) = machine(2 << 20);
        let mut r = routing();
        r.shadow[12].write_ram = true;
        (r.shadow[1].read_ram, r.shadow[1].write_ram) = (true, true);
        layout.apply(&mut mem, &r);
        mem.write(0xF1234, &[7]);
        mem.write(0xC4000, &[8]);
        mem.write(0xC8000, &[8]);
        assert_eq!([0xF1234, 0xC4000, 0xC8000].map(|a| read(&mem, a)), [2, 8, 0xFF]);
        (r.shadow[12].read_ram, r.shadow[12].write_ram) = (true, false);
        layout.apply(&mut mem, &r);
        mem.write(0xF1234, &[9]);
        assert_eq!(read(&mem, 0xF1234), 7);
        assert_eq!(read(&mem, 0xFFFF_1234), 2, "the ROM itself stays at the top");
    }

    #[test]
    fn the_vga_rom_follows_its_register_but_never_covers_ram() {
        let (mut layout, mut mem) = machine(2 << 20);
        let mut r = routing();
        for (at, seen) in [(0xFEB0_0000, 3), (0xFEC0_0000, 3), (0x10_0000, 0), (0xFFFF_0000, 2)] {
            r.vga_rom = Some(at);
            layout.apply(&mut mem, &r);
            assert_eq!(read(&mem, at + 2), seen, "{at:#x}");
        }
        assert_eq!([0xFEB0_0002, 0xFEC0_0002].map(|a| read(&mem, a)), [0xFF; 2]);
        r.smram_open = true;
        layout.apply(&mut mem, &r);
        mem.write(0xA0000, &[6]);
        assert_eq!(read(&mem, 0xA0000), 6);
    }

    #[test]
    fn a_short_firmware_leaves_the_segment_below_open() {
        let mut layout = Layout::new(1 << 20, 64 << 10, 0);
        let mem = layout.build(&[5; 64 << 10], &[], None).unwrap();
        assert_eq!([0xE0000, 0xF0000].map(|a| read(&mem, a)), [0xFF, 5]);
        let tiny = Layout::new(1 << 20, 8 << 10, 0).build(&[6; 8 << 10], &[], None).unwrap();
        assert_eq!([0xFDFFF, 0xFE000, 0xFFFFF].map(|a| read(&tiny, a)), [0xFF, 6, 6]);
    }

    #[test]
    fn ram_has_its_holes() {
        let (layout, mut mem) = machine(8 << 20);
        assert_eq!((layout.below_4g(), layout.above_4g()), (8 << 20, 0));
        for at in [0, 0x9FFFF, 0x10_0000, (8 << 20) - 1] {
            mem.write(at, &[0x5A]);
            assert_eq!(read(&mem, at), 0x5A, "{at:#x}");
        }
        for at in [0xA0000, 0xBFFFF, 8 << 20] {
            mem.write(at, &[0x5A]);
            assert_eq!(read(&mem, at), 0xFF, "{at:#x}");
        }
        let big = Layout::new(5 << 30, 64 << 10, 0);
        assert_eq!((big.below_4g(), big.above_4g()), (3 << 30, 2 << 30));
    }
}
