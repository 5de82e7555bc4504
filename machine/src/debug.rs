//! The machine as a debugger sees it: probes on the processor and on bus masters, and memory by linear address.
//!
//! Nothing here changes what the guest computes; see [`rewind86_cpu::probe`].

use crate::machine::Machine;
use rewind86_cpu::probe::{Hit, Policy, ProbeSet};

impl Machine {
    /// Replaces the probes; what the old ones reported is forgotten.
    pub fn set_probes(&mut self, set: ProbeSet, policy: Policy) {
        self.mem.watch_writes(set.written_ranges());
        self.cpu.set_probes(set, policy);
    }

    /// Takes what the probes reported.
    pub fn take_hits(&mut self) -> Vec<Hit> {
        self.cpu.take_hits()
    }

    /// Interrupts and exceptions delivered since the current instruction count was reached.
    pub fn phase(&self) -> u32 {
        self.cpu.phase()
    }

    /// Ends runs after each delivery of an interrupt or exception, or no longer.
    pub fn stop_at_phases(&mut self, stop: bool) {
        self.cpu.stop_at_phases(stop);
    }

    /// Goes on from the current position without reporting its own instruction.
    pub fn pass_execute_probe(&mut self) {
        self.cpu.pass_execute_probe();
    }

    /// Whether the run is that of a recording.
    pub fn is_playing(&self) -> bool {
        self.player.is_some()
    }

    /// Tells the probes what bus masters wrote.
    pub(crate) fn report_devices(&mut self) {
        for (addr, bytes) in self.mem.take_watched_writes() {
            self.cpu.probe_device(addr, &bytes);
        }
    }

    /// Physical address behind a linear one, in the current address space or that of `cr3`.
    pub fn physical(&self, linear: u64, cr3: Option<u64>) -> Option<u64> {
        self.cpu.peek_under(&self.mem, linear, cr3)
    }

    /// Reads up to `buf.len()` bytes at a linear address; returns how many are mapped without a gap.
    pub fn read_linear(&self, linear: u64, buf: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buf.len() {
            let at = linear.wrapping_add(done as u64);
            let Some(physical) = self.physical(at, None) else { break };
            let n = (4096 - (at & 0xFFF) as usize).min(buf.len() - done);
            if let Some(out) = buf.get_mut(done..done + n) {
                self.mem.read(physical, out);
            }
            done += n;
        }
        done
    }

    /// Writes guest memory at a physical address, as a bus master would: this changes what the guest computes.
    pub fn write_memory(&mut self, addr: u64, data: &[u8]) {
        self.mem.write(addr, data);
        self.report_devices();
    }

    /// Writes at a linear address; `false` and nothing written when a byte is not mapped.
    pub fn write_linear(&mut self, linear: u64, data: &[u8]) -> bool {
        let mut pieces = Vec::new();
        let mut rest = data;
        let mut at = linear;
        while !rest.is_empty() {
            let Some(physical) = self.physical(at, None) else { return false };
            let n = (4096 - (at & 0xFFF) as usize).min(rest.len());
            let (piece, behind) = rest.split_at(n);
            pieces.push((physical, piece));
            (rest, at) = (behind, at.wrapping_add(n as u64));
        }
        for (physical, piece) in pieces {
            self.write_memory(physical, piece);
        }
        true
    }

    /// The processor, to change its registers: this changes what the guest computes.
    pub fn cpu_mut(&mut self) -> &mut rewind86_cpu::Cpu {
        &mut self.cpu
    }
}
