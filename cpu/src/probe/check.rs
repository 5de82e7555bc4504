//! Where the engine asks the probes, and how they are set and read from outside.

use super::{Cause, Hit, Place, Policy, Probe, ProbeSet, What};
use crate::mmu::Target;
use crate::regs::Seg;
use crate::state::Cpu;

impl Cpu {
    /// Replaces the probes and forgets what the old ones reported. The code at the current position is reported if it
    /// is probed and was not the cause of the last stop.
    pub fn set_probes(&mut self, set: ProbeSet, policy: Policy) {
        let p = &mut self.engine.probes;
        p.fresh.clear();
        p.hits.clear();
        p.phase_done = false;
        p.policy = Some(policy);
        p.last = if policy == Policy::Last { vec![None; set.probes().len()] } else { Vec::new() };
        if p.set == set {
            return;
        }
        p.active = !set.is_empty() || p.phases;
        p.data = set.has_data();
        p.ports = set.has_ports();
        p.code = set.code_offsets();
        p.set = set;
        p.changed = true;
    }

    /// The probes that are set.
    pub fn probes(&self) -> &ProbeSet {
        &self.engine.probes.set
    }

    /// A run that ends with [`crate::Exit::Probe`] after each delivery, or as before.
    pub fn stop_at_phases(&mut self, stop: bool) {
        let p = &mut self.engine.probes;
        p.phases = stop;
        p.phase_done = false;
        p.active = stop || !p.set.is_empty();
    }

    /// Whether probes want the run to end here.
    pub fn probes_stop(&self) -> bool {
        self.engine.probes.active && self.engine.probes.stops()
    }

    /// Takes what the probes reported, in the order of the run, or of the probes under [`Policy::Last`].
    pub fn take_hits(&mut self) -> Vec<Hit> {
        let rip = self.engine.last_rip;
        let p = &mut self.engine.probes;
        p.settle(rip);
        p.phase_done = false;
        p.last.iter_mut().filter_map(Option::take).chain(p.hits.drain(..)).collect()
    }

    /// Interrupts and exceptions delivered since the current instruction count was reached.
    pub fn phase(&self) -> u32 {
        self.engine.probes.phase(self.icount)
    }

    /// The code at the current position was seen: it is not reported until another instruction has run.
    pub fn pass_execute_probe(&mut self) {
        self.engine.probes.executed = Some((self.icount, self.phase()));
    }

    fn log(&mut self, probe: usize, what: What) {
        let icount = self.icount_now();
        let p = &self.engine.probes;
        let hit = Hit {
            probe,
            icount,
            phase: p.phase(icount),
            cs: self.seg[Seg::Cs as usize].selector,
            rip: 0,
            cr3: self.sys.cr3,
            what,
        };
        self.engine.probes.fresh.push(hit);
        self.stop = true;
    }

    /// Reports an access to memory, once for each probe that it hits.
    #[cold]
    pub(crate) fn probe_access(&mut self, lin: u64, t: Target, size: u64, value: u64, write: bool) {
        let (physical, size8) = (t.phys, size as u8);
        let what = if write {
            What::Write { linear: lin, physical, size: size8, value }
        } else {
            What::Read { linear: lin, physical, size: size8, value }
        };
        let cr3 = self.sys.cr3;
        let hits: Vec<usize> = self.engine.probes.set.accessed(Some(lin), physical, size, write, cr3).collect();
        for probe in hits {
            self.log(probe, what);
        }
    }

    /// Reports accessed and dirty bits.
    #[cold]
    pub(crate) fn probe_page_walk(&mut self, physical: u64, value: u8) {
        let cr3 = self.sys.cr3;
        let hits: Vec<usize> = self.engine.probes.set.accessed(None, physical, 1, true, cr3).collect();
        for probe in hits {
            self.log(probe, What::PageWalk { physical, value });
        }
    }

    /// Reports a write by a device between two instructions.
    pub fn probe_device(&mut self, physical: u64, bytes: &[u8]) {
        let cr3 = self.sys.cr3;
        let p = &self.engine.probes;
        let hits: Vec<usize> = p.set.accessed(None, physical, bytes.len() as u64, true, cr3).collect();
        for probe in hits {
            let start = match self.engine.probes.set.probes().get(probe) {
                Some(Probe::Access { start, .. }) => start.address().max(physical),
                _ => physical,
            };
            let from = bytes.get((start - physical) as usize..).unwrap_or_default();
            let mut b = [0; 8];
            let n = from.len().min(8);
            b[..n].copy_from_slice(&from[..n]);
            let what = What::Device { physical: start, size: n as u8, value: u64::from_le_bytes(b) };
            self.engine.last_rip = self.rip;
            self.log(probe, what);
        }
        let rip = self.rip;
        self.engine.probes.settle(rip);
    }

    /// Reports a port access.
    #[cold]
    pub(crate) fn probe_port(&mut self, port: u16, size: u64, value: u32, out: bool) {
        let size8 = size as u8;
        let what =
            if out { What::PortOut { port, size: size8, value } } else { What::PortIn { port, size: size8, value } };
        let end = u64::from(port) + size;
        for probe in 0..self.engine.probes.set.probes().len() {
            if let Some(&Probe::Port { first, last }) = self.engine.probes.set.probes().get(probe)
                && u64::from(first) < end
                && port <= last
            {
                self.log(probe, what);
            }
        }
    }

    /// Reports a delivery that has begun from `cs`:`rip`.
    #[cold]
    pub(crate) fn probe_interrupt(&mut self, vector: u8, cause: Cause, error: Option<u16>, cs: u16, cr3: u64) {
        for probe in 0..self.engine.probes.set.probes().len() {
            if let Some(&Probe::Interrupt(wanted)) = self.engine.probes.set.probes().get(probe)
                && wanted.is_none_or(|w| w == vector)
            {
                self.log(probe, What::Interrupt { vector, cause, error });
                if let Some(hit) = self.engine.probes.fresh.last_mut() {
                    (hit.cs, hit.cr3) = (cs, cr3);
                }
            }
        }
    }

    /// A block begins at page offset `at` because code there is probed.
    #[inline]
    pub(crate) fn probed_offset(&self, at: u64) -> bool {
        match &self.engine.probes.code {
            None => false,
            Some(bits) => bits[(at & 0xFFF) as usize / 64] >> (at % 64) & 1 != 0,
        }
    }

    /// Reports the instruction that is about to run, once.
    #[cold]
    pub(crate) fn probe_execute(&mut self) {
        let lin = self.code_lin(self.rip);
        if !self.probed_offset(lin) {
            return;
        }
        let position = (self.icount, self.phase());
        let p = &self.engine.probes;
        if p.executed == Some(position) || self.sys.repeating {
            return;
        }
        let mut physical = None;
        let mut hits = Vec::new();
        for (index, probe) in p.set.probes().iter().enumerate() {
            let Probe::Execute(place) = *probe else { continue };
            let hit = match place {
                Place::Linear(at, space) => {
                    at == lin && space.is_none_or(|s| (s ^ self.sys.cr3) & super::set::CR3_BASE == 0)
                }
                Place::Physical(at) if (at ^ lin) & 0xFFF == 0 => {
                    *physical.get_or_insert_with(|| self.peek(self.mem_ref(), lin)) == Some(at)
                }
                Place::Physical(_) => false,
            };
            if hit {
                hits.push(index);
            }
        }
        if hits.is_empty() {
            return;
        }
        self.engine.probes.executed = Some(position);
        let rip = self.rip;
        for index in hits {
            self.log(index, What::Execute);
        }
        self.engine.probes.settle(rip);
    }

    /// Makes decoded blocks and translations fit the probes.
    pub(crate) fn apply_probes(&mut self) {
        self.engine.probes.changed = false;
        self.flush_blocks();
        let probes = &self.engine.probes;
        let data = probes.data;
        self.tlb.rewatch(|lin, phys| if data { probes.set.page(lin, phys) } else { Default::default() });
    }

    /// What is watched in the page at `lin`.
    #[inline]
    pub(crate) fn watched_page(&self, lin: u64, phys: u64) -> super::set::Watched {
        if self.engine.probes.data { self.engine.probes.set.page(lin, phys) } else { Default::default() }
    }
}
