//! Where things are in the world of a case: physical addresses below 1 MiB, selectors, and the tables' entries.

/// Linear address of offset 0 of the image; code runs where it lies.
pub const ROM: i32 = 0xF_0000;

/// What the monitor remembers across cases and resets.
pub const MAGIC: i32 = 0x500;
/// Number of the current case.
pub const INDEX: i32 = 0x504;
/// [`RUNNING`] while a case runs.
pub const STATE: i32 = 0x508;
/// Linear address that a case's RIP is shown relative to.
pub const ORIGIN: i32 = 0x50C;
/// Count and addresses of doublewords to show, as an offset into the image; 0 for none.
pub const WATCH: i32 = 0x510;
/// CR2, DR6 and CR0 as the handler found them.
pub const SEEN_CR2: i32 = 0x514;
/// See [`SEEN_CR2`].
pub const SEEN_DR6: i32 = 0x518;
/// Stack segment that the handler found, and its base.
pub const SEEN_SS: i32 = 0x51C;
/// See [`SEEN_SS`].
pub const SEEN_BASE: i32 = 0x520;
/// CR4 bits that a 64-bit case wants beside PAE.
pub const WANT_CR4: i32 = 0x528;
/// Linear address of the case's name.
pub const NAME: i32 = 0x524;
/// Registers of 64-bit code as the handler found them: eight quadwords, then the frame.
pub const SEEN64: i32 = 0x540;
/// Value of [`MAGIC`] and [`STATE`].
pub const RUNNING: u32 = 0x5EE9_0386;

/// Global descriptor table.
pub const GDT: i32 = 0x1000;
/// Bytes in [`GDT`].
pub const GDT_SIZE: i32 = 0x100;
/// Local descriptor table of four entries.
pub const LDT: i32 = 0x1400;
/// Interrupt descriptor table of [`VECTORS`] gates.
pub const IDT: i32 = 0x1800;
/// Vectors that the monitor serves; [`DONE`] is one of them.
pub const VECTORS: i32 = 0x40;
/// INT that ends a case.
pub const DONE: i32 = 0x30;
/// The current task.
pub const TSS: i32 = 0x2000;
/// Offset of the interrupt redirection bitmap and, 32 bytes on, of the I/O permission bitmap in [`TSS`].
pub const TSS_MAPS: i32 = 0x68;
/// Limit of [`TSS`].
pub const TSS_LIMIT: u32 = 0x108;
/// A second 32-bit task, and two 16-bit ones.
pub const TSS_B: i32 = 0x2800;
/// See [`TSS_B`].
pub const TSS16_A: i32 = 0x2C00;
/// See [`TSS_B`].
pub const TSS16_B: i32 = 0x3000;
/// Page directory, then the table of the first 4 MiB (identity) and the table of the next 4 MiB (empty).
pub const DIRECTORY: i32 = 0x4000;
/// See [`DIRECTORY`].
pub const TABLE0: i32 = 0x5000;
/// See [`DIRECTORY`].
pub const TABLE1: i32 = 0x6000;
/// Where [`TABLE1`] begins to map.
pub const HIGH: i32 = 0x40_0000;
/// Four pages for the case's data.
pub const DATA: i32 = 0x9000;
/// Stack of the monitor, of ring 0 cases, of entries to ring 0, 1 and 2 by the task, and of outer rings.
pub const MONITOR_STACK: i32 = 0x7F00;
/// See [`MONITOR_STACK`].
pub const STACK0: i32 = 0xD800;
/// See [`MONITOR_STACK`].
pub const TASK_STACK0: i32 = 0xE000;
/// See [`MONITOR_STACK`].
pub const TASK_STACK1: i32 = 0xE800;
/// See [`MONITOR_STACK`].
pub const STACK3: i32 = 0xF000;

/// Interrupt descriptor table of IA-32e mode.
pub const IDT64: i32 = 0x3800;
/// Tables of 4-level paging: identity by 2 MiB pages up to [`HIGH`], whose first 2 MiB have a table.
pub const PML4: i32 = 0xB000;
/// See [`PML4`].
pub const PDPT64: i32 = 0xC000;
/// See [`PML4`].
pub const PD64: i32 = 0x6000;
/// See [`PML4`].
pub const PT64: i32 = 0x4000;

/// Flat ring 0 code and data.
pub const CS0: i32 = 0x08;
/// See [`CS0`].
pub const DS0: i32 = 0x10;
/// Flat ring 3 code and data.
pub const CS3: i32 = 0x1B;
/// See [`CS3`].
pub const DS3: i32 = 0x23;
/// Selectors of the tasks.
pub const TR: i32 = 0x28;
/// See [`TR`].
pub const TR_B: i32 = 0x30;
/// See [`TR`].
pub const TR16_A: i32 = 0x38;
/// See [`TR`].
pub const TR16_B: i32 = 0x40;
/// The LDT.
pub const LDTR: i32 = 0x48;
/// 16-bit ring 0 code over the image, and data from 0.
pub const CS16: i32 = 0x50;
/// See [`CS16`].
pub const DS16: i32 = 0x58;
/// Flat conforming ring 0 code.
pub const CONFORMING: i32 = 0x60;
/// Flat ring 1 code and data.
pub const CS1: i32 = 0x69;
/// See [`CS1`].
pub const DS1: i32 = 0x71;
/// Free for the case.
pub const FREE: i32 = 0x78;
/// Free for the case.
pub const FREE2: i32 = 0x80;
/// 64-bit ring 0 code.
pub const CS64: i32 = 0x88;
/// 64-bit ring 3 code: SYSRET wants 32-bit code, data and 64-bit code in this order.
pub const USER32: i32 = 0x93;
/// See [`USER32`].
pub const USER_DS: i32 = 0x9B;
/// See [`USER32`].
pub const USER64: i32 = 0xA3;
/// 64-bit TSS, 16 bytes.
pub const TR64: i32 = 0xA8;
/// Free for the case, 16 bytes.
pub const FREE64: i32 = 0xB8;

/// A segment descriptor: access byte and flags nibble as in the manual.
pub const fn segment(base: u32, limit: u32, access: u8, flags: u8) -> [u32; 2] {
    [
        limit & 0xFFFF | base << 16,
        base >> 16 & 0xFF | (access as u32) << 8 | limit & 0xF_0000 | (flags as u32) << 20 | base & 0xFF00_0000,
    ]
}

/// A gate descriptor.
pub const fn gate(selector: i32, offset: u32, access: u8, count: u8) -> [u32; 2] {
    [offset & 0xFFFF | (selector as u32) << 16, count as u32 | (access as u32) << 8 | offset & 0xFFFF_0000]
}

/// The table that every case starts with.
pub const DESCRIPTORS: [[u32; 2]; 32] = {
    let mut t = [[0; 2]; 32];
    t[1] = segment(0, 0xF_FFFF, 0x9B, 0xC);
    t[2] = segment(0, 0xF_FFFF, 0x93, 0xC);
    t[3] = segment(0, 0xF_FFFF, 0xFB, 0xC);
    t[4] = segment(0, 0xF_FFFF, 0xF3, 0xC);
    t[5] = segment(TSS as u32, TSS_LIMIT, 0x89, 0);
    t[6] = segment(TSS_B as u32, 0x67, 0x89, 0);
    t[7] = segment(TSS16_A as u32, 0x2B, 0x81, 0);
    t[8] = segment(TSS16_B as u32, 0x2B, 0x81, 0);
    t[9] = segment(LDT as u32, 0x1F, 0x82, 0);
    t[10] = segment(ROM as u32, 0xFFFF, 0x9B, 0);
    t[11] = segment(0, 0xFFFF, 0x93, 0);
    t[12] = segment(0, 0xF_FFFF, 0x9F, 0xC);
    t[13] = segment(0, 0xF_FFFF, 0xBB, 0xC);
    t[14] = segment(0, 0xF_FFFF, 0xB3, 0xC);
    t[17] = segment(0, 0xF_FFFF, 0x9B, 0xA);
    t[18] = segment(0, 0xF_FFFF, 0xFB, 0xC);
    t[19] = segment(0, 0xF_FFFF, 0xF3, 0xC);
    t[20] = segment(0, 0xF_FFFF, 0xFB, 0xA);
    t[21] = segment(TSS as u32, TSS_LIMIT, 0x89, 0);
    t
};
