//! The run loop: events between instructions in the manual's order of priority, then chains of ops.
//!
//! Intel SDM volume 3, section 6.9 and table 6-2 (priority among simultaneous events).

use super::arena::enter;
use super::lower::{code_name, end_op, fault_op};
use super::table::{Unit, unit_of};
use super::{CHAIN_MAX, Want, early, lower};
use crate::bus::Bus;
use crate::fault::{Exec, Fault};
use crate::mem::{PAGE, PhysMem};
use crate::mmu::Access;
use crate::op::{Op, op_flags};
use crate::regs::{Gpr, Seg};
use crate::state::{Cpu, eflags};
use crate::tlb;
use iced_x86::{Decoder, DecoderError, DecoderOptions, Instruction};

/// Why [`Cpu::run`] returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The instruction count reached the limit or the board's deadline.
    Limit,
    /// HLT with nothing to deliver: only an event can continue.
    Halted,
    /// The board asked for control.
    Stop,
    /// Triple fault.
    Shutdown,
    /// A probe was hit: see [`Cpu::take_hits`].
    Probe,
    /// An instruction without an implementation: its name and address.
    Unimplemented(String),
}

/// Exceptions in a row without a retired instruction that cost one instruction of time: a guest that does nothing but
/// fault must not stop the clock.
const FREE_DELIVERIES: u32 = 64;
/// Most bytes of an instruction on any model.
pub(super) const MAX_LEN: usize = 15;

impl Cpu {
    /// Runs until the instruction count reaches `limit` or `lines.deadline`, whichever is first, exactly; or until
    /// something needs the board.
    pub fn run(&mut self, mem: &mut PhysMem, bus: &mut dyn Bus, limit: u64) -> Exit {
        self.with_world(mem, bus, |cpu| cpu.run_loop(limit))
    }

    fn run_loop(&mut self, limit: u64) -> Exit {
        let map = self.mem().generation();
        if map != self.engine.map_generation {
            self.engine.map_generation = map;
            self.tlb.flush_all();
        }
        let asked = self.mem().asked();
        if asked != self.engine.asked {
            self.engine.asked = asked;
            self.tlb.note_writes();
        }
        self.drain_stale();
        self.update_mode();
        if self.engine.probes.changed {
            self.apply_probes();
        }
        loop {
            if std::mem::take(&mut self.lines.stop) {
                return Exit::Stop;
            }
            if self.engine.probes.active {
                let rip = self.engine.last_rip;
                self.engine.probes.settle(rip);
                if self.engine.probes.stops() {
                    return Exit::Probe;
                }
            }
            let mut until = limit.min(self.lines.deadline);
            if self.icount >= until {
                return Exit::Limit;
            }
            let shadow = self.icount < self.sys.shadow_end;
            if self.sys.pending_debug != 0 && !(shadow && self.sys.shadow_ss) {
                if !self.deliver_debug() {
                    return Exit::Shutdown;
                }
                continue;
            }
            if self.lines.nmi && !self.sys.nmi_blocked && !(shadow && self.sys.shadow_ss) {
                self.lines.nmi = false;
                self.sys.nmi_blocked = true;
                self.sys.halted = false;
                if !self.deliver_external(2) {
                    return Exit::Shutdown;
                }
                continue;
            }
            if self.lines.intr && self.eflags & eflags::IF != 0 {
                if !shadow {
                    self.sys.halted = false;
                    let icount = self.icount;
                    let vector = self.bus(|bus, lines| bus.int_ack(lines, icount));
                    if !self.deliver_external(vector) {
                        return Exit::Shutdown;
                    }
                    continue;
                }
                until = until.min(self.sys.shadow_end);
            }
            if self.sys.halted {
                return Exit::Halted;
            }
            if self.virtual_interrupt_due() {
                if !self.deliver_fault(Fault::GP0) {
                    return Exit::Shutdown;
                }
                continue;
            }
            if self.engine.probes.code.is_some() {
                self.probe_execute();
                if self.engine.probes.stops() {
                    return Exit::Probe;
                }
            }
            let single = self.eflags & eflags::TF != 0 || self.breakpoints_armed();
            match if single { self.step_traced(until) } else { self.execute(until) } {
                Ok(()) => {}
                Err(fault) => {
                    if !self.deliver_fault(fault) {
                        return Exit::Shutdown;
                    }
                }
            }
            if let Some(code) = self.engine.unimplemented.take() {
                return Exit::Unimplemented(format!(
                    "{} at {:04x}:{:x}",
                    code_name(code),
                    self.seg[Seg::Cs as usize].selector,
                    self.rip
                ));
            }
        }
    }

    /// Counts an exception delivery; see [`FREE_DELIVERIES`].
    pub(crate) fn count_delivery(&mut self) {
        self.engine.deliveries += 1;
        if self.engine.deliveries >= FREE_DELIVERIES {
            self.engine.deliveries = 0;
            self.icount += 1;
            self.engine.probes.note_charge();
        }
    }

    /// Runs a chain that ends at or before `until`.
    fn execute(&mut self, until: u64) -> Exec {
        self.sys.repeating = false;
        // RF lasts for one instruction: it must not be seen by what interrupts later ones. Without breakpoints that is all.
        self.eflags &= !eflags::RF;
        self.update_tables();
        let first = match self.block_at_rip()? {
            Some(first) => first,
            None => return self.one_shot(),
        };
        let head = self.engine.arena.head(first);
        let (n, bytes) = (u64::from(head.n), u64::from(head.bytes));
        let op = self.engine.arena.op(first);
        let lin = self.code_lin(self.rip);
        if !self.inside_code_limit(self.rip, bytes) {
            return self.one_shot();
        }
        let probed = self.probed_offset(lin);
        if let Some(Want { from, taken, lin: target, tag }) = self.engine.want.take()
            && !probed
            && target == lin
            && tag == self.engine.jump_tag
            && self.gpr[Gpr::IpBase as usize] == self.rip.wrapping_sub(lin & 0xFFF)
            && self.engine.arena.contains(from)
        {
            self.engine.arena.link(from, taken, op);
        }
        // Nothing leads straight to code that is probed: each visit passes through the run loop.
        if !probed {
            self.engine.jumps[super::jump::slot(lin)] = super::jump::Jump { lin, tag: self.engine.jump_tag, first: op };
        }
        self.gpr[Gpr::IpBase as usize] = self.rip.wrapping_sub(lin & 0xFFF);
        let budget = (until - self.icount).min(CHAIN_MAX);
        if n > budget {
            return self.step_block_op(first);
        }
        self.chain_end = self.icount + budget;
        self.left = (budget - n) as i64;
        self.run_chain(op)
    }

    /// Runs ops from `op` on until the chain ends.
    fn run_chain(&mut self, op: *const Op) -> Exec {
        let before = self.icount;
        self.stop = false;
        self.engine.materialised = false;
        enter(self, op);
        debug_assert!(self.engine.materialised);
        if self.icount != before {
            self.engine.deliveries = 0;
        }
        self.engine.fault.take().map_or(Ok(()), Err)
    }

    /// Runs the first op of a block alone.
    fn step_block_op(&mut self, first: u32) -> Exec {
        let guarded = self.engine.arena.head(first).crossing != 0;
        let mut op = self.engine.arena.copy_op(first + u32::from(guarded));
        lower::unpair(&mut op, self.engine.key);
        self.run_alone(op)
    }

    fn run_alone(&mut self, mut op: Op) -> Exec {
        op.rem = 1;
        let end = (!op.has(op_flags::ENDS)).then(|| end_op(self.engine.key, op.next));
        let at = self.engine.scratch.load(op, end);
        self.engine.want = None;
        self.chain_end = self.icount + 1;
        self.left = 0;
        let r = self.run_chain(at);
        self.engine.want = None;
        r
    }

    /// The decoded block at CS:RIP; `None` when the instruction there cannot be cached.
    fn block_at_rip(&mut self) -> Exec<Option<u32>> {
        if !self.inside_code_limit(self.rip, 1) {
            return Err(Fault::GP0);
        }
        let lin = self.code_lin(self.rip);
        let Some(page) = self.fetch_page(lin)? else { return Ok(None) };
        let addr = u64::from(page) * PAGE as u64 + (lin & 0xFFF);
        if let Some(first) = self.find_block(addr)
            && self.crossing_holds(first)?
        {
            return Ok(Some(first));
        }
        self.engine.want = None;
        match self.decode_block(page, (lin & 0xFFF) as usize, addr) {
            Some(first) => Ok(Some(first)),
            None => self.decode_crossing(page, addr),
        }
    }

    /// Backing page that code at `lin` comes from; `None` is the bus.
    pub(super) fn fetch_page(&mut self, lin: u64) -> Exec<Option<u32>> {
        let sel = if self.cpl == 3 { tlb::USER } else { tlb::SUPERVISOR };
        let i = (sel + tlb::slot(lin)) & (2 * tlb::ENTRIES - 1);
        if self.tlb.hot[i].exec == lin & !0xFFF {
            return Ok(Some(self.tlb.cold[i].backing));
        }
        Ok(self.translate(lin, Access::Exec, sel)?.backing)
    }

    pub(super) fn decoder_options(&self) -> u32 {
        self.model.decoder_options() | DecoderOptions::NONE
    }

    /// Decodes from page offset `at` on; `None` when the first instruction leaves the page.
    fn decode_block(&mut self, page: u32, at: usize, addr: u64) -> Option<u32> {
        if self.model.is_286() {
            return None;
        }
        let key = self.engine.key;
        let limit_left = if self.engine.code64 {
            PAGE
        } else {
            usize::try_from(u64::from(self.seg[Seg::Cs as usize].limit) - self.rip).unwrap_or(PAGE).saturating_add(1)
        };
        let avail = (PAGE - at).min(limit_left);
        let bytes = &self.mem_ref().page(page)[at..at + avail];
        let mut decoder = Decoder::with_ip(key.bits(), bytes, at as u64, self.decoder_options());
        let mut ops = [lower::filler(); super::BLOCK_OPS + 1];
        let mut n = 0;
        let mut end = at;
        let mut ended = false;
        let mut before: Option<Instruction> = None;
        while n < self.engine.block_ops.clamp(1, super::BLOCK_OPS) && !ended && decoder.can_decode() {
            let i = decoder.decode();
            if decoder.last_error() == DecoderError::NoMoreBytes || i.len() > MAX_LEN {
                break;
            }
            let (mut op, last) = self.lower(&i, key);
            note_opcode(&i, &bytes[(end - at).min(avail)..avail], &mut op);
            if i.is_invalid() && i.len() >= MAX_LEN {
                break;
            }
            if let Some(before) = before.filter(|_| last) {
                lower::pair(&mut ops[n - 1], &before, (&op, &i), key);
            }
            before = Some(i);
            ops[n] = op;
            n += 1;
            end = at + decoder.position();
            ended = last;
            if self.probed_offset(end as u64) {
                break;
            }
        }
        if n == 0 {
            return None;
        }
        let mut used = n;
        if !ended {
            ops[used] = end_op(key, end as u16);
            used += 1;
        }
        for (i, op) in ops[..n].iter_mut().enumerate() {
            op.rem = (n - i) as u8;
        }
        Some(self.add_block(addr, &ops[..used], n as u8, (end - at) as u16, 0))
    }

    /// Decodes and runs one instruction that cannot be cached: it crosses a page or the code segment's limit, or it
    /// lies in device memory. Bytes are fetched one page at a time, so the faults come in the processor's order.
    fn one_shot(&mut self) -> Exec {
        let mut bytes = [0; MAX_LEN];
        let mut len = 0;
        let key = self.engine.key;
        self.engine.want = None;
        loop {
            // One more byte, then try.
            let rip = self.mask_rip(self.rip.wrapping_add(len as u64));
            if !self.inside_code_limit(self.rip, len as u64 + 1) {
                return Err(Fault::GP0);
            }
            let lin = self.code_lin(rip);
            bytes[len] = self.fetch_byte(lin)?;
            len += 1;
            let ip = PAGE as u64 / 2;
            let Some(i) = self.decode_one(&bytes[..len], ip) else {
                if len == self.model.max_len() {
                    let op = fault_op(Fault::GP0, (ip + len as u64) as u16, len as u8);
                    self.gpr[Gpr::IpBase as usize] = self.rip.wrapping_sub(ip);
                    return self.run_alone(op);
                }
                continue;
            };
            let (mut op, _) = self.lower(&i, key);
            note_opcode(&i, &bytes[..len], &mut op);
            self.gpr[Gpr::IpBase as usize] = self.rip.wrapping_sub(ip);
            return self.run_alone(op);
        }
    }

    /// Decodes one instruction from the bytes fetched so far; `None` when there must be more.
    pub(super) fn decode_one(&self, bytes: &[u8], ip: u64) -> Option<Instruction> {
        if self.model.is_286() {
            return early::decode(bytes, ip, self.decoder_options());
        }
        let mut decoder = Decoder::with_ip(self.engine.key.bits(), bytes, ip, self.decoder_options());
        let i = decoder.decode();
        let more = decoder.last_error() == DecoderError::NoMoreBytes || i.is_invalid() && self.unfinished(bytes);
        (!more).then_some(i)
    }

    /// As many bytes as an instruction may have are the beginning of a longer one, which the decoder calls invalid: such
    /// an instruction has a prefix to spare, and goes on without.
    fn unfinished(&self, bytes: &[u8]) -> bool {
        if bytes.len() < MAX_LEN {
            return false;
        }
        let mut decoder = Decoder::with_ip(self.engine.key.bits(), &bytes[1..], 0, self.decoder_options());
        let _ = decoder.decode();
        decoder.last_error() == DecoderError::NoMoreBytes
    }

    fn fetch_byte(&mut self, lin: u64) -> Exec<u8> {
        if let Some(page) = self.fetch_page(lin)? {
            return Ok(self.mem().page(page)[(lin & 0xFFF) as usize]);
        }
        let sel = if self.cpl == 3 { tlb::USER } else { tlb::SUPERVISOR };
        let t = self.translate(lin, Access::Exec, sel)?;
        let icount = self.icount;
        Ok(self.bus(|bus, lines| bus.mmio_read(lines, icount, t.phys, 1)) as u8)
    }

    /// One instruction under the trap flag or with breakpoints set.
    fn step_traced(&mut self, _until: u64) -> Exec {
        if let Some(fault) = self.instruction_breakpoint() {
            return Err(fault);
        }
        let traced = self.eflags & eflags::TF != 0;
        let before = self.icount;
        self.eflags &= !eflags::RF;
        self.sys.repeating = false;
        self.engine.want = None;
        let result = match self.block_at_rip()? {
            Some(first) => {
                let lin = self.code_lin(self.rip);
                let bytes = u64::from(self.engine.arena.head(first).bytes);
                if !self.inside_code_limit(self.rip, bytes) {
                    self.one_shot()
                } else {
                    self.gpr[Gpr::IpBase as usize] = self.rip.wrapping_sub(lin & 0xFFF);
                    self.step_block_op(first)
                }
            }
            None => self.one_shot(),
        };
        // INT n and SYSCALL clear TF and take the trap away; POPF and IRET record it themselves; a load of SS has none.
        let trapped = traced && self.eflags & eflags::TF != 0 && !self.in_ss_shadow();
        if trapped && result.is_ok() && self.icount != before {
            self.sys.pending_debug |= crate::sys::debug::DR6_BS;
        }
        result
    }
}

/// An x87 op carries its eleven opcode bits where other ops have register shifts.
pub(super) fn note_opcode(i: &Instruction, bytes: &[u8], op: &mut Op) {
    if unit_of(i.code()) == Unit::Fpu {
        [op.dst_shift, op.src_shift] = crate::fpu::opcode_bits(bytes).to_le_bytes();
    }
}
