//! The sessions that `testdata/recordings` holds: how each is set up, what is typed, when it ends. Nothing of them comes from
//! others: the embedded firmware and demo disk, and a boot sector made here.
//!
//! A recording is written as a pack, the firmware of its day in it. So it outlives changes of the firmware; it does not
//! outlive changes of what the processor or a device computes, nor of the form of the state, and then it is made anew.

pub mod float;

use rewind86_machine::config::ImageSpec;
use rewind86_machine::record::{RecordOptions, Recording};
use rewind86_machine::{InputEvent, KeyCode, Machine, MachineConfig, RunExit, pack};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Virtual milliseconds in ns.
const MS: u64 = 1_000_000;

/// A session.
pub struct Session {
    /// Name of its files.
    pub name: &'static str,
    /// CPU model.
    pub cpu: &'static str,
    /// The diskette.
    pub image: Vec<u8>,
    /// Instructions between links of the chain.
    pub interval: u64,
    /// Virtual milliseconds and what comes in then.
    pub inputs: Vec<(u64, InputEvent)>,
    /// Virtual milliseconds at the end.
    pub end: u64,
    /// A snapshot is taken after so many instructions.
    pub snapshot: Option<u64>,
}

/// A key goes down, and up 40 ms later.
fn key(inputs: &mut Vec<(u64, InputEvent)>, at: u64, code: u16) {
    inputs.push((at, InputEvent::Key { code: KeyCode(code), down: true }));
    inputs.push((at + 40, InputEvent::Key { code: KeyCode(code), down: false }));
}

/// The demo disk: title, menu, text page, mouse page with a drawing, menu again.
pub fn demo() -> Session {
    let (esc, one, four, enter, down) = (0x01, 0x02, 0x05, 0x1C, 0xE050);
    let mut inputs = Vec::new();
    key(&mut inputs, 1200, enter);
    key(&mut inputs, 1700, one);
    key(&mut inputs, 2200, down);
    key(&mut inputs, 2500, esc);
    key(&mut inputs, 2900, four);
    for n in 0..24u64 {
        let (dx, dy) = if n < 12 { (9, 3 - n as i32 / 2) } else { (-7, 5) };
        inputs.push((3400 + 20 * n, InputEvent::Mouse { dx, dy, dz: 0, buttons: u8::from(n % 8 >= 2) }));
    }
    key(&mut inputs, 4100, esc);
    Session {
        name: "demo",
        cpu: "",
        image: rewind86_bios::DEMO_DISK.to_vec(),
        interval: 500_000,
        inputs,
        end: 4500,
        snapshot: Some(7_000_000),
    }
}

/// Both sessions.
pub fn sessions() -> Vec<Session> {
    let float = Session {
        name: "float",
        cpu: "nehalem",
        image: float::image(),
        interval: 250_000,
        inputs: Vec::new(),
        end: float::MILLISECONDS,
        snapshot: None,
    };
    vec![demo(), float]
}

fn machine(session: &Session) -> Result<Machine, String> {
    let spec = ImageSpec { bytes: Some(session.image.clone()), ..ImageSpec::default() };
    let config = MachineConfig {
        cpu: session.cpu.into(),
        memory: 2 << 20,
        floppies: [Some(spec), None],
        // By name, so that they go into the pack.
        bios: Some(PathBuf::from("bios.bin")),
        vga_bios: Some(PathBuf::from("vga.bin")),
        ..MachineConfig::default()
    };
    Machine::new(&config).map_err(|e| e.to_string())
}

/// Runs a session in the current folder, which holds `bios.bin` and `vga.bin`, and writes its recording there; answers
/// with the machine at its end, and the snapshot.
fn record(session: &Session, file: &Path) -> Result<(Machine, Option<Vec<u8>>), String> {
    let mut machine = machine(session)?;
    let out = File::create(file).map_err(|e| e.to_string())?;
    machine.record(Box::new(out), &RecordOptions { interval: session.interval }).map_err(|e| e.to_string())?;
    let mut snapshot = None;
    let mut advance = |machine: &mut Machine, until: u64| loop {
        let wanted = session.snapshot.filter(|_| snapshot.is_none());
        match machine.run(until * MS, wanted.unwrap_or(u64::MAX)) {
            RunExit::Time => return Ok(()),
            RunExit::Icount => snapshot = Some(machine.save().map_err(|e| e.to_string())?),
            exit => return Err(format!("{}: {exit:?}", session.name)),
        }
    };
    for (at, event) in &session.inputs {
        advance(&mut machine, *at)?;
        machine.input(event.clone()).map_err(|e| e.to_string())?;
    }
    advance(&mut machine, session.end)?;
    machine.finish_recording().map_err(|e| e.to_string())?;
    Ok((machine, snapshot))
}

/// Writes the recordings and snapshots of all sessions into `to`; answers with a line for each. Works in a folder of its
/// own, which is then the current one.
///
/// # Errors
/// What went wrong.
pub fn write(to: &Path) -> Result<Vec<String>, String> {
    let failed = |e: std::io::Error| e.to_string();
    let to = to.canonicalize().map_err(|e| format!("{}: {e}", to.display()))?;
    let work = tempfile::tempdir().map_err(failed)?;
    std::env::set_current_dir(work.path()).map_err(failed)?;
    fs::write("bios.bin", rewind86_bios::BIOS).map_err(failed)?;
    fs::write("vga.bin", rewind86_bios::VGA_BIOS).map_err(failed)?;
    let mut lines = Vec::new();
    for session in sessions() {
        let plain = Path::new("plain.rec");
        let (mut machine, snapshot) = record(&session, plain)?;
        let recording = Recording::open(plain).map(Arc::new).map_err(|e| e.to_string())?;
        let name = format!("{}.rec", session.name);
        let out = File::create(to.join(&name)).map_err(failed)?;
        let packed = pack::pack(&recording, Box::new(out)).map_err(|e| format!("{name} {e}"))?;
        if session.snapshot.is_some() {
            let bytes = snapshot.ok_or_else(|| format!("{name}: over before the snapshot"))?;
            fs::write(to.join(format!("{}.snap", session.name)), bytes).map_err(failed)?;
        }
        lines.push(format!(
            "{name}: {} instructions, {} epochs, chain {:016x}, {} bytes",
            machine.icount(),
            recording.epochs().len(),
            recording.chain(),
            packed.bytes
        ));
        if let Some(screen) = machine.text_screen() {
            lines.extend(screen.lines().iter().filter(|l| !l.trim().is_empty()).map(|l| format!("| {l}")));
        }
        let said = String::from_utf8_lossy(&machine.take_debugcon()).into_owned();
        if !said.is_empty() {
            lines.push(format!("debug port: {said}"));
        }
    }
    std::env::set_current_dir(&to).map_err(failed)?;
    Ok(lines)
}
