//! Small guests of our own, each a 64 KiB firmware image of a few instructions: what the board does for a processor, seen
//! from inside and through the public interface.

// The helpers belong to the tests, where a failure is a panic.
#![allow(clippy::unwrap_used)]

use rewind86_machine::config::{ImageSpec, KernelSpec};
use rewind86_machine::{Drive, InputEvent, KeyCode, Machine, MachineConfig, RunExit};
use std::path::PathBuf;
use tempfile::TempDir;

/// 16-bit code under construction.
#[derive(Default)]
struct Code(Vec<u8>);

impl Code {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
    /// mov dx,port; mov al,value; out dx,al
    fn out(self, port: u16, value: u8) -> Self {
        let [l, h] = port.to_le_bytes();
        self.raw(&[0xBA, l, h, 0xB0, value, 0xEE])
    }
    /// mov dx,port; mov eax,value; out dx,eax
    fn out32(self, port: u16, value: u32) -> Self {
        let [l, h] = port.to_le_bytes();
        self.raw(&[0xBA, l, h, 0x66, 0xB8]).raw(&value.to_le_bytes()).raw(&[0x66, 0xEF])
    }
    /// mov dx,port; in al,dx
    fn input(self, port: u16) -> Self {
        let [l, h] = port.to_le_bytes();
        self.raw(&[0xBA, l, h, 0xEC])
    }
    /// out to the debug port from AL
    fn debug_al(self) -> Self {
        self.raw(&[0xE6, 0xE9])
    }
    /// A byte of PCI configuration space of bus 0: mov eax,address; out; mov al,value; out
    fn pci(self, devfn: u8, register: u8, value: u8) -> Self {
        let address = 1 << 31 | u32::from(devfn) << 8 | u32::from(register & 0xFC);
        self.out32(0xCF8, address).out(0xCFC + u16::from(register & 3), value)
    }
    /// mov ax,segment; mov es,ax
    fn es(self, segment: u16) -> Self {
        let [l, h] = segment.to_le_bytes();
        self.raw(&[0xB8, l, h, 0x8E, 0xC0])
    }
    /// mov byte es:[offset],value
    fn store(self, offset: u16, value: u8) -> Self {
        let [l, h] = offset.to_le_bytes();
        self.raw(&[0x26, 0xC6, 0x06, l, h, value])
    }
    /// mov al,es:[offset]
    fn load(self, offset: u16) -> Self {
        let [l, h] = offset.to_le_bytes();
        self.raw(&[0x26, 0xA0, l, h])
    }
    /// mov ss,0; mov sp,7000h; mov ds,0
    fn stack(self) -> Self {
        self.raw(&[0x31, 0xC0, 0x8E, 0xD0, 0xBC, 0x00, 0x70, 0x8E, 0xD8])
    }
    /// Interrupt vector `n` to F000:offset; DS is 0.
    fn vector(self, n: u8, offset: u16) -> Self {
        let at = (u16::from(n) * 4).to_le_bytes();
        let seg = (u16::from(n) * 4 + 2).to_le_bytes();
        let [l, h] = offset.to_le_bytes();
        self.raw(&[0xC7, 0x06, at[0], at[1], l, h]).raw(&[0xC7, 0x06, seg[0], seg[1], 0x00, 0xF0])
    }
    /// Both interrupt controllers at 08h and 70h with these masks.
    fn pics(self, master: u8, slave: u8) -> Self {
        let words = [(0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01), (0x21, master)];
        let code = words.iter().fold(self, |c, &(port, value)| c.out(port, value));
        let words = [(0xA0, 0x11), (0xA1, 0x70), (0xA1, 0x02), (0xA1, 0x01), (0xA1, slave)];
        words.iter().fold(code, |c, &(port, value)| c.out(port, value))
    }
    /// Ends the run.
    fn exit(self, value: u8) -> Self {
        self.out(0xF4, value).raw(&[0xF4, 0xEB, 0xFD])
    }
}

fn code() -> Code {
    Code::default()
}

/// A machine whose firmware is `main` at F000:0000 with further pieces of code at other offsets.
fn config(dir: &TempDir, main: Code, others: &[(u16, Code)]) -> MachineConfig {
    let mut rom = vec![0xF4; 0x10000];
    rom[..main.0.len()].copy_from_slice(&main.0);
    for (at, c) in others {
        rom[usize::from(*at)..usize::from(*at) + c.0.len()].copy_from_slice(&c.0);
    }
    rom[0xFFF0..0xFFF5].copy_from_slice(&[0xEA, 0x00, 0x00, 0x00, 0xF0]);
    let path = dir.path().join("rom");
    std::fs::write(&path, rom).unwrap();
    MachineConfig { bios: Some(path), memory: 8 << 20, debug_exit: true, ..MachineConfig::default() }
}

fn machine(main: Code, others: &[(u16, Code)]) -> Machine {
    let dir = TempDir::new().unwrap();
    Machine::new(&config(&dir, main, others)).unwrap()
}

const SECOND: u64 = 1_000_000_000;

/// Runs a while, long enough for everything here but the timer.
fn run(m: &mut Machine) -> RunExit {
    m.run(m.now() + SECOND / 50, u64::MAX)
}

/// mov dword fs:[address],value
fn apic_store(c: Code, address: u32, value: u32) -> Code {
    c.raw(&[0x64, 0x66, 0x67, 0xC7, 0x05]).raw(&address.to_le_bytes()).raw(&value.to_le_bytes())
}

/// The descriptor table at F000:0800 for [`flat_fs`].
fn flat_tables() -> Code {
    let descriptor = [0xFF, 0xFF, 0x00, 0x00, 0x00, 0x92, 0xCF, 0x00];
    code().raw(&[0x0F, 0x00, 0x10, 0x08, 0x0F, 0x00]).raw(&[0; 10]).raw(&[0; 8]).raw(&descriptor)
}

/// FS reaches all memory: lgdt cs:[800h]; protection on; FS = descriptor 8; protection off
fn flat_fs(c: Code) -> Code {
    c.raw(&[0x2E, 0x66, 0x0F, 0x01, 0x16, 0x00, 0x08, 0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0])
        .raw(&[0xBB, 0x08, 0x00, 0x8E, 0xE3, 0x24, 0xFE, 0x0F, 0x22, 0xC0])
}

/// Interrupts through the APICs: all lines of the 8259 masked, the 8254 at 1 kHz, `setup`, then HLT until the handler
/// of vector 40h has counted to ten at 0:500h.
fn counting(model: &str, setup: &[(u32, u32)]) -> Machine {
    let main = code().stack().vector(0x40, 0x300).pics(0xFF, 0xFF);
    let main = flat_fs(main.out(0x43, 0x34).out(0x40, 0xA9).out(0x40, 0x04));
    let main = setup.iter().fold(main, |c, &(at, value)| apic_store(c, at, value));
    // sti; hlt; cmp word [500h],10; jb
    let main = main.raw(&[0xFB, 0xF4, 0x83, 0x3E, 0x00, 0x05, 0x0A, 0x72, 0xF8]).exit(3);
    let handler = apic_store(code().raw(&[0xFF, 0x06, 0x00, 0x05]), 0xFEE0_00B0, 0).raw(&[0xCF]);
    let dir = TempDir::new().unwrap();
    let cfg = config(&dir, main, &[(0x300, handler), (0x800, flat_tables())]);
    Machine::new(&MachineConfig { cpu: model.into(), ..cfg }).unwrap()
}

#[test]
fn the_local_apic_timer_interrupts() {
    // Divide by 1, periodic, 10,000 clocks of 10 ns.
    let setup = [(0xFEE0_00F0, 0x1FF), (0xFEE0_03E0, 0xB), (0xFEE0_0320, 0x2_0040), (0xFEE0_0380, 10_000)];
    let mut m = counting("", &setup);
    assert_eq!(run(&mut m), RunExit::DebugExit(3));
    assert!((1_000_000..1_050_000).contains(&m.now()), "{}", m.now());
    // A processor without a local APIC has nothing there.
    let mut m = counting("486", &setup);
    assert_eq!(run(&mut m), RunExit::Time);
    assert_eq!(word(&m, 0x500), 0);
}

#[test]
fn the_io_apic_delivers_the_timer_of_the_isa_bus() {
    // The 8254 is set to 1 kHz; redirection entry 2: vector 40h to physical destination 0, edge.
    let setup = [(0xFEE0_00F0, 0x1FF), (0xFEC0_0000, 0x14), (0xFEC0_0010, 0x40)];
    let mut m = counting("", &setup);
    assert_eq!(run(&mut m), RunExit::DebugExit(3));
    assert!((10_000_000..11_100_000).contains(&m.now()), "{}", m.now());
    // Nobody has told entry 2 in this one, and the 8259 is masked.
    let mut m = counting("", &setup[..1]);
    assert_eq!(run(&mut m), RunExit::Time);
    assert_eq!(word(&m, 0x500), 0);
}

#[test]
fn the_8259_interrupts_through_lint0_or_not_at_all() {
    let interrupts = |lvt: &[u32]| {
        let (main, others) = ticking(11932);
        // An entry of LINT0 in place of the one after reset.
        let setup = lvt.iter().fold(flat_fs(code()), |c, &value| apic_store(c, 0xFEE0_0350, value));
        let others: Vec<_> = others.into_iter().chain([(0x800, flat_tables())]).collect();
        let mut m = machine(setup.raw(&main.0), &others);
        assert_eq!(m.run(SECOND / 10, u64::MAX), RunExit::Time);
        word(&m, 0x500)
    };
    assert_eq!(interrupts(&[]), 9);
    assert_eq!(interrupts(&[0x1_0700]), 0, "masked");
}

#[test]
fn output_ports_and_the_debug_exit() {
    let main = code()
        .out(0xE9, b'H')
        .out(0x3FB, 3)
        .out(0x3F8, b'i')
        .out(0x378, b'p')
        .out(0x37A, 0x0D)
        .out(0x37A, 0x0C)
        .exit(42);
    let mut m = machine(main, &[]);
    assert_eq!(run(&mut m), RunExit::DebugExit(42));
    assert_eq!(m.take_debugcon(), b"H");
    assert_eq!(m.take_serial(0), b"i");
    assert_eq!(m.take_parallel(), b"p");
    assert_eq!(m.take_debugcon(), b"");
}

/// A timer handler that counts in memory, and a main loop that works between ticks.
fn ticking(hz_divisor: u16) -> (Code, Vec<(u16, Code)>) {
    let [l, h] = hz_divisor.to_le_bytes();
    let main = code()
        .stack()
        .vector(8, 0x1000)
        .out(0x43, 0x34)
        .out(0x40, l)
        .out(0x40, h)
        .pics(0xFE, 0xFF)
        // sti; again: mov cx,300; loop $; hlt; jmp again
        .raw(&[0xFB, 0xB9, 0x2C, 0x01, 0xE2, 0xFE, 0xF4, 0xEB, 0xF8]);
    // push ax; inc word [500h]; mov al,20h; out 20h,al; pop ax; iret
    let handler = code().raw(&[0x50, 0xFF, 0x06, 0x00, 0x05, 0xB0, 0x20, 0xE6, 0x20, 0x58, 0xCF]);
    (main, vec![(0x1000, handler)])
}

fn word(m: &Machine, at: u64) -> u16 {
    let mut b = [0; 2];
    m.read_memory(at, &mut b);
    u16::from_le_bytes(b)
}

#[test]
fn timer_interrupts_end_a_halt_at_their_time() {
    let (main, others) = ticking(11932);
    let mut m = machine(main, &others);
    assert_eq!(m.run(SECOND, u64::MAX), RunExit::Time);
    assert_eq!(word(&m, 0x500), 99);
    assert!(m.idle());
    assert!(m.icount() < 200_000, "time passes in HLT without instructions");
    assert!(m.now() >= SECOND && m.now() < SECOND + 10);
}

#[test]
fn block_size_and_slices_are_not_observable() {
    let states = [(64, u64::MAX), (1, u64::MAX), (64, 997), (7, 12_345)].map(|(block_ops, slice)| {
        let dir = TempDir::new().unwrap();
        let (main, others) = ticking(1193);
        let mut m = Machine::new(&MachineConfig { block_ops, ..config(&dir, main, &others) }).unwrap();
        let end = 100_000;
        while m.icount() < end {
            let _ = m.run(u64::MAX, m.icount().saturating_add(slice).min(end));
        }
        (m.icount(), m.now(), m.state_hashes())
    });
    for other in &states[1..] {
        assert_eq!(&states[0], other);
    }
}

#[test]
fn runs_stop_at_exact_instruction_counts() {
    let mut m = machine(code().raw(&[0xEB, 0xFE]), &[]);
    for n in [1, 2, 3, 1000, 1001] {
        assert_eq!(m.run(u64::MAX, n), RunExit::Icount);
        assert_eq!(m.icount(), n);
    }
    assert_eq!(m.now(), 1001 * 5);
    let before = m.state_hash();
    assert_eq!(m.state_hash(), before);
    let _ = m.run(u64::MAX, 1002);
    assert_ne!(m.state_hash(), before);
}

/// Counts its starts in CMOS byte 50h and runs `stages[n]` at the n-th start.
fn staged(stages: &[Code]) -> (Code, Vec<(u16, Code)>) {
    let mut main = code().out(0x70, 0x50).input(0x71);
    // mov ah,al; inc ax (low byte); out 71h,al
    main = main.raw(&[0x88, 0xC4, 0xFE, 0xC0, 0xEE]);
    let mut others = Vec::new();
    for (n, stage) in stages.iter().enumerate() {
        let at = 0x2000 + 0x100 * n as u16;
        // cmp ah,n; jne +3; jmp near stage
        main = main.raw(&[0x80, 0xFC, n as u8, 0x75, 0x03]);
        let from = main.0.len() as u16 + 3;
        main = main.raw(&[0xE9]).raw(&at.wrapping_sub(from).to_le_bytes());
        others.push((at, Code(stage.0.clone())));
    }
    (main, others)
}

/// lidt with a limit of 0, then int3: #BP, #GP and #DF find no gate.
fn triple_fault() -> Code {
    code().stack().raw(&[0xC7, 0x06, 0x00, 0x06, 0x00, 0x00, 0x0F, 0x01, 0x1E, 0x00, 0x06, 0xCC])
}

#[test]
fn every_way_to_reset() {
    let hang = || code().raw(&[0xFA, 0xEB, 0xFE]);
    let stages = [
        Code([code().out(0x64, 0xFE).0, hang().0].concat()),
        Code([code().out(0x92, 0x01).0, hang().0].concat()),
        Code([code().out(0xCF9, 0x02).out(0xCF9, 0x06).0, hang().0].concat()),
        triple_fault(),
        code().out(0xE9, b'.').exit(5),
    ];
    let (main, others) = staged(&stages);
    let mut m = machine(main, &others);
    assert_eq!(run(&mut m), RunExit::DebugExit(5));
    assert_eq!(m.take_debugcon(), b".");
    m.reset();
    let (main, others) = staged(&[code().raw(&[0xFB, 0xF4, 0xEB, 0xFC]), code().exit(9)]);
    let mut m = machine(main, &others);
    assert_eq!(run(&mut m), RunExit::Time);
    m.reset();
    assert_eq!(run(&mut m), RunExit::DebugExit(9));
}

#[test]
fn a_triple_fault_or_a_dead_halt_stops_for_good() {
    let dir = TempDir::new().unwrap();
    let cfg = MachineConfig { no_reboot: true, ..config(&dir, triple_fault(), &[]) };
    assert_eq!(run(&mut Machine::new(&cfg).unwrap()), RunExit::Stopped("triple fault".into()));
    let mut m = machine(code().raw(&[0xFA, 0xF4]), &[]);
    assert!(matches!(run(&mut m), RunExit::Stopped(why) if why.contains("halted")));
}

#[test]
fn the_a20_gate_follows_its_last_switch() {
    // Each step stores n at FFFF:0010 and shows what is at 0000:0000.
    let probe = |c: Code, n: u8| c.es(0).store(0, 0).es(0xFFFF).store(0x10, n).es(0).load(0).debug_al();
    let mut c = probe(code(), 1);
    c = probe(c.out(0x92, 0x02).out(0x92, 0x00), 2);
    c = probe(c.out(0x64, 0xD1).out(0x60, 0xDF), 3);
    c = probe(c.out(0x64, 0xD1).out(0x60, 0xDD), 4);
    c = probe(c.out(0x92, 0x02), 5);
    let mut m = machine(c.exit(0), &[]);
    assert_eq!(run(&mut m), RunExit::DebugExit(0));
    assert_eq!(m.take_debugcon(), [0, 2, 0, 4, 0]);
}

#[test]
fn shadow_ram_appears_right_after_the_configuration_write() {
    // E0000h: no ROM there for a firmware of 64 KiB.
    let c = code().es(0xE000).store(0, 7).load(0).debug_al();
    let c = c.pci(0, 0x5E, 0x33).store(0, 7).load(0).debug_al();
    let c = c.pci(0, 0x5E, 0x11).store(0, 8).load(0).debug_al();
    let c = c.pci(0, 0x5E, 0x22).store(0, 9).load(0).debug_al().pci(0, 0x5E, 0x11).load(0).debug_al();
    let mut m = machine(c.exit(0), &[]);
    assert_eq!(run(&mut m), RunExit::DebugExit(0));
    assert_eq!(m.take_debugcon(), [0xFF, 7, 7, 0xFF, 9]);
}

#[test]
fn video_memory_and_unmapped_space() {
    let c = code()
        .out(0x3C2, 0x63)
        .out(0x3CE, 6)
        .out(0x3CF, 0x0C)
        .out(0x3CE, 8)
        .out(0x3CF, 0xFF)
        .out(0x3C4, 2)
        .out(0x3C5, 1);
    let c = c.es(0xB800).store(4, 0x41).load(4).debug_al().es(0xC800).load(0).debug_al().input(0x1234).debug_al();
    let mut m = machine(c.exit(0), &[]);
    assert_eq!(run(&mut m), RunExit::DebugExit(0));
    assert_eq!(m.take_debugcon(), [0x41, 0xFF, 0xFF]);
}

#[test]
fn power_goes_off_by_register_and_by_button() {
    // PIIX4: block at B000h, enabled; then S5.
    let c = code().pci(0x0B, 0x41, 0xB0).pci(0x0B, 0x80, 1).out(0xB005, 0x20);
    assert_eq!(run(&mut machine(c.raw(&[0xEB, 0xFE]), &[])), RunExit::PowerOff);
    let mut m = machine(code().raw(&[0xEB, 0xFE]), &[]);
    assert_eq!(m.run(1000, u64::MAX), RunExit::Time);
    m.power_button();
    assert_eq!(run(&mut m), RunExit::PowerOff);
}

#[test]
fn suspend_keeps_memory_and_a_key_resumes() {
    let first = code().es(0).store(0x600, 0x77).pci(0x0B, 0x41, 0xB0).pci(0x0B, 0x80, 1).out(0xB005, 0x24);
    // The second start shows the shutdown code in CMOS and what is in memory.
    let second = code().out(0x70, 0x0F).input(0x71).debug_al().es(0).load(0x600).debug_al().exit(1);
    let (main, others) = staged(&[first.raw(&[0xEB, 0xFE]), second]);
    let mut m = machine(main, &others);
    assert_eq!(run(&mut m), RunExit::Time);
    let icount = m.icount();
    assert_eq!(run(&mut m), RunExit::Time);
    assert_eq!(m.icount(), icount, "nothing runs");
    m.input(InputEvent::Key { code: KeyCode(0x1C), down: true }).unwrap();
    assert_eq!(run(&mut m), RunExit::DebugExit(1));
    assert_eq!(m.take_debugcon(), [0xFE, 0x77]);
}

#[test]
fn keys_arrive_as_scan_codes() {
    // Enable the keyboard's clock, then: wait for output; show it; until three bytes were shown.
    let c = code().out(0x64, 0x60).out(0x60, 0x40).raw(&[0xB9, 0x03, 0x00]);
    let c = c.raw(&[0xE4, 0x64, 0xA8, 0x01, 0x74, 0xFA, 0xE4, 0x60, 0xE6, 0xE9, 0xE2, 0xF4]).exit(0);
    let mut m = machine(c, &[]);
    assert_eq!(run(&mut m), RunExit::Time);
    m.input(InputEvent::Key { code: KeyCode(0x1E), down: true }).unwrap();
    m.input(InputEvent::Key { code: KeyCode(0x1E), down: false }).unwrap();
    m.input(InputEvent::Key { code: KeyCode(0x39), down: true }).unwrap();
    assert_eq!(run(&mut m), RunExit::DebugExit(0));
    assert_eq!(m.take_debugcon(), [0x1E, 0x9E, 0x39]);
}

#[test]
fn serial_input_is_received() {
    // wait for a character; show it; twice.
    let c = code().raw(&[0xB9, 0x02, 0x00, 0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xFB]);
    let c = c.raw(&[0xBA, 0xF8, 0x03, 0xEC, 0xE6, 0xE9, 0xE2, 0xF0]).exit(0);
    let mut m = machine(c, &[]);
    m.input(InputEvent::Serial { port: 0, bytes: b"ok".to_vec() }).unwrap();
    assert_eq!(run(&mut m), RunExit::DebugExit(0));
    assert_eq!(m.take_debugcon(), b"ok");
}

#[test]
fn media_errors_name_the_file_and_leave_the_machine_running() {
    let mut m = machine(code().raw(&[0xEB, 0xFE]), &[]);
    let image = Some(ImageSpec { path: Some(PathBuf::from("no/such.img")), ..ImageSpec::default() });
    let e = m.input(InputEvent::Media { drive: Drive::Floppy(0), image: image.clone() }).unwrap_err().to_string();
    assert!(e.contains("no/such.img") && e.contains("--floppy"), "{e}");
    let e = m.input(InputEvent::Media { drive: Drive::Cdrom, image }).unwrap_err().to_string();
    assert!(e.contains("--cdrom"), "{e}");
    assert_eq!(m.run(1000, u64::MAX), RunExit::Time);
}

/// Firmware that calls the option ROM's entry and then INT 19h; its INT 15h knows no memory map.
fn kernel_firmware() -> (Code, Vec<(u16, Code)>) {
    // call far D000:0003; int 19h
    let main = code().stack().vector(0x15, 0x1000).raw(&[0x9A, 0x03, 0x00, 0x00, 0xD0, 0xCD, 0x19]);
    // stc; retf 2
    (main, vec![(0x1000, code().raw(&[0xF9, 0xCA, 0x02, 0x00]))])
}

#[test]
fn a_linux_kernel_is_entered_through_the_option_rom() {
    let mut image = vec![0; 5 * 512];
    image[0x1F1] = 4;
    image[0x1FE..0x200].copy_from_slice(&[0x55, 0xAA]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x0202u16.to_le_bytes());
    image[0x211] = 1;
    // Entry, 200h in the segment: show DS - CS + 20h (0), the first byte of the command line and of the kernel's segment.
    let entry = code()
        .raw(&[0x8C, 0xD8, 0x8C, 0xCB, 0x29, 0xD8, 0x04, 0x20])
        .debug_al()
        .es(0x2000)
        .load(0)
        .debug_al()
        .es(0xFFFF)
        .load(0x10)
        .debug_al();
    // mov ax,ss; cmp ax,1000h; sete al
    let entry = entry.raw(&[0x8C, 0xD0, 0x3D, 0x00, 0x10, 0x0F, 0x94, 0xC0]).debug_al().exit(3);
    image[0x200..0x202].copy_from_slice(&[0xEB, 0x7E]);
    image[0x280..0x280 + entry.0.len()].copy_from_slice(&entry.0);
    image.extend([0xC7; 100]);

    let dir = TempDir::new().unwrap();
    let path = dir.path().join("kernel");
    std::fs::write(&path, image).unwrap();
    let (main, others) = kernel_firmware();
    let kernel = Some(KernelSpec { kernel: path, initrd: None, append: "quiet".into() });
    let mut m = Machine::new(&MachineConfig { kernel, ..config(&dir, main, &others) }).unwrap();
    assert_eq!(run(&mut m), RunExit::DebugExit(3));
    assert_eq!(m.take_debugcon(), [0, b'q', 0xC7, 1]);
}

#[test]
fn a_multiboot_kernel_is_started_by_the_board() {
    // 32-bit code at 200020h: cmp eax,2BADB002h; sete al; out E9h,al; mov al,[ebx]; out E9h,al; mov dx,3FBh;
    // in al,dx; out E9h,al; mov al,9; out F4h,al; hlt
    let entry = [
        &[0x3D, 0x02, 0xB0, 0xAD, 0x2B, 0x0F, 0x94, 0xC0, 0xE6, 0xE9][..],
        &[0x8A, 0x03, 0xE6, 0xE9, 0x66, 0xBA, 0xFB, 0x03, 0xEC, 0xE6, 0xE9, 0xB0, 0x09, 0xE6, 0xF4, 0xF4],
    ]
    .concat();
    let flags = 1u32 << 16;
    let sum = 0u32.wrapping_sub(0x1BAD_B002).wrapping_sub(flags);
    let mut image = Vec::new();
    for w in [0x1BAD_B002, flags, sum, 0x20_0000, 0x20_0000, 0, 0x20_2000, 0x20_0020u32] {
        image.extend(w.to_le_bytes());
    }
    image.extend(entry);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("kernel");
    std::fs::write(&path, image).unwrap();
    let (main, others) = kernel_firmware();
    let kernel = Some(KernelSpec { kernel: path, initrd: None, append: String::new() });
    let mut m = Machine::new(&MachineConfig { kernel, ..config(&dir, main, &others) }).unwrap();
    assert_eq!(run(&mut m), RunExit::DebugExit(9));
    // Memory, boot device, command line, modules and memory map are there; the serial port sends 8 bits.
    assert_eq!(m.take_debugcon(), [1, 0x4F, 3]);
}

#[test]
fn wrong_settings_are_one_line() {
    let dir = TempDir::new().unwrap();
    let good = config(&dir, code(), &[]);
    let error = |cfg: MachineConfig| {
        let text = Machine::new(&cfg).err().unwrap().to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    };
    assert!(error(MachineConfig { memory: 12345, ..good.clone() }).contains("--memory"));
    assert!(error(MachineConfig { icount_rate: 0, ..good.clone() }).contains("--icount-rate"));
    assert!(error(MachineConfig { cpu: "8080".into(), ..good.clone() }).contains("--cpu"));
    assert!(error(MachineConfig { bios: Some("no/rom".into()), ..good.clone() }).contains("--bios"));
    let odd = dir.path().join("odd");
    std::fs::write(&odd, [0; 100]).unwrap();
    assert!(error(MachineConfig { bios: Some(odd.clone()), ..good.clone() }).contains("--bios"));
    assert!(error(MachineConfig { vga_bios: Some(odd), ..good.clone() }).contains("--vga-bios"));
    let disk = ImageSpec { bytes: Some(vec![0; 512]), ..ImageSpec::default() };
    assert!(error(MachineConfig { disks: vec![disk; 5], ..good }).contains("--disk"));
}
