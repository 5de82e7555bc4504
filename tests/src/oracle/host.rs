//! The host's own processor, one case after another, in 16-, 32- and 64-bit code. x86-64 Linux only.
//!
//! The one file of this crate that may use `unsafe`. How a case runs: a signal handler overwrites the frame that
//! `sigreturn` loads (general registers, RIP, RFLAGS, CS, SS, the FXSAVE image), so the kernel itself enters the case's
//! mode with its whole state. The code page is filled with INT3: whatever the instruction does, an exception follows, and
//! its signal frame is the result. The same handler then installs the next case; after the last one it puts back the
//! frame that the first signal interrupted.
//!
//! Memory: one page of code, executable and read-only, written through a second mapping; one page of data, not
//! executable; both below 4 GiB with nothing mapped around them. Two LDT entries give 16-bit and 32-bit segments.
//!
//! Some cases never end: Linux takes a page fault of 16- or 32-bit code above 4 GiB for an erratum of old processors
//! (number 100 of AMD's K8) and ignores it, and a processor that addresses the stack with all of RSP after a return to a
//! 16-bit stack segment, which leaves other bits there, raises the same one for ever. SIGPROF looks every
//! 50 ms of this thread's CPU time; a case that it meets three times in a row is given up ([`UNANSWERED`]). Its timer is
//! the thread's own: a signal to the process could reach a thread that runs no case.
//!
//! What makes it sound: a case touches memory only through its registers. Every case is made by the generator, which lets
//! addresses lead to the two pages, to unmapped low memory, or out of the canonical range, and leaves out system calls and
//! everything that changes FS, GS or protection keys. The handler uses no thread-local storage, allocates nothing and
//! cannot panic.

use super::case::{CODE, Case, DATA, Mode, Outcome, PAGE, Segments, UNANSWERED, selector};
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SIGNALS: [c_int; 7] =
    [libc::SIGUSR1, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGBUS, libc::SIGPROF];
/// CPU time between two looks at the running case, in ns, and how many looks it may last.
const LOOK_NS: libc::c_long = 50_000_000;
const LOOKS: u32 = 3;
const ALT_STACK: usize = 1 << 18;
/// Flags that must not reach the handler or the next case: AC, NT, ID.
const STICKY_FLAGS: u64 = 1 << 18 | 1 << 14 | 1 << 21;
/// XSTATE_BV in the extended part of the frame, and its x87 and SSE bits.
const XSTATE_BV: usize = 512;
const XSTATE_X87_SSE: u64 = 3;
/// XSTATE magic in the bytes that FXSAVE leaves to software.
const SW_RESERVED: usize = 464;
const XSTATE_MAGIC: u32 = 0x4650_5853;
/// The part of the FXSAVE image that is compared: XMM15 ends there.
const FXSAVE_USED: usize = 416;

/// What the handler works on.
struct Run<'a> {
    cases: &'a [Case],
    outcomes: &'a mut [Outcome],
    next: usize,
    started: bool,
    /// The case that SIGPROF met last, and how often in a row.
    met: (usize, u32),
    saved: [i64; 23],
    code: *mut u8,
}

static RUN: AtomicPtr<Run<'static>> = AtomicPtr::new(ptr::null_mut());
static ONE: Mutex<()> = Mutex::new(());

/// The host's processor, ready to run cases. One at a time in a process.
pub struct Host {
    code: *mut u8,
    stack: *mut c_void,
    old: Vec<(c_int, libc::sigaction)>,
    looks: Option<libc::timer_t>,
    _only: MutexGuard<'static, ()>,
}

fn map(at: u64, len: usize, prot: c_int, flags: c_int, fd: c_int) -> io::Result<*mut u8> {
    let fixed = if at == 0 { 0 } else { libc::MAP_FIXED_NOREPLACE };
    // SAFETY: a new mapping; a fixed one never replaces another.
    let p = unsafe { libc::mmap(at as *mut c_void, len, prot, flags | fixed, fd, 0) };
    if p == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(p.cast()) }
}

/// `struct user_desc` of modify_ldt(2).
#[repr(C)]
struct UserDesc {
    entry: u32,
    base: u32,
    limit: u32,
    bits: u32,
}

fn set_ldt(entry: u32, base: u64, limit: u32, wide: bool, code: bool) -> io::Result<()> {
    // seg_32bit bit 0, contents bits 1-2 (2: code), useable bit 6.
    let bits = u32::from(wide) | if code { 2 << 1 } else { 0 } | 1 << 6;
    let desc = UserDesc { entry, base: base as u32, limit, bits };
    // SAFETY: the kernel reads one descriptor; entries that this process does not use are written.
    let r = unsafe { libc::syscall(libc::SYS_modify_ldt, 0x11, &raw const desc, size_of::<UserDesc>()) };
    if r == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-r as i32)) }
}

impl Host {
    /// Maps the pages and installs the handlers.
    ///
    /// # Errors
    /// The kernel refuses a mapping, an LDT entry or a signal stack.
    pub fn new() -> io::Result<Self> {
        let only = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: a new file descriptor, closed below.
        let fd = unsafe { libc::memfd_create(c"code".as_ptr(), 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is this function's own.
        if unsafe { libc::ftruncate(fd, PAGE as i64) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let code = map(0, PAGE, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd)?;
        map(CODE, PAGE, libc::PROT_READ | libc::PROT_EXEC, libc::MAP_SHARED, fd)?;
        // SAFETY: the mappings keep the file.
        unsafe { libc::close(fd) };
        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        map(DATA, PAGE, libc::PROT_READ | libc::PROT_WRITE, private, -1)?;
        let stack: *mut c_void = map(0, ALT_STACK, libc::PROT_READ | libc::PROT_WRITE, private, -1)?.cast();
        // SAFETY: `code` is one page, writable.
        unsafe { ptr::write_bytes(code, 0xCC, PAGE) };
        set_ldt(u32::from(selector::CODE16 >> 3), CODE, 0xFFFF, false, true)?;
        set_ldt(u32::from(selector::DATA16 >> 3), DATA, PAGE as u32 - 1, false, false)?;
        set_ldt(u32::from(selector::DATA32 >> 3), DATA, PAGE as u32 - 1, true, false)?;
        let mut host = Self { code, stack, old: Vec::new(), looks: None, _only: only };
        let alt = libc::stack_t { ss_sp: stack, ss_flags: 0, ss_size: ALT_STACK };
        // SAFETY: the stack is mapped until `drop`.
        if unsafe { libc::sigaltstack(&raw const alt, ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        for signal in SIGNALS {
            // SAFETY: an all-zero sigaction is a valid one; the handler has the signature that SA_SIGINFO wants.
            unsafe {
                let mut new: libc::sigaction = std::mem::zeroed();
                let mut old: libc::sigaction = std::mem::zeroed();
                new.sa_sigaction = handler as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
                libc::sigaddset(&raw mut new.sa_mask, libc::SIGPROF);
                new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
                if libc::sigaction(signal, &raw const new, &raw mut old) != 0 {
                    return Err(io::Error::last_os_error());
                }
                host.old.push((signal, old));
            }
        }
        host.looks = Some(look_every(LOOK_NS)?);
        Ok(host)
    }

    /// Runs all cases.
    pub fn run(&mut self, cases: &[Case], outcomes: &mut Vec<Outcome>) {
        outcomes.clear();
        outcomes.resize_with(cases.len(), Outcome::default);
        if cases.is_empty() {
            return;
        }
        let mut run = Run { cases, outcomes, next: 0, started: false, met: (0, 0), saved: [0; 23], code: self.code };
        RUN.store((&raw mut run).cast(), Ordering::Release);
        // SAFETY: the handler of the signal, which arrives before the call returns, works on `run` and comes back here.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), libc::SIGUSR1) };
        RUN.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Sends this thread SIGPROF each `ns` of its CPU time.
fn look_every(ns: libc::c_long) -> io::Result<libc::timer_t> {
    let every = libc::timespec { tv_sec: 0, tv_nsec: ns };
    let times = libc::itimerspec { it_interval: every, it_value: every };
    let mut timer = ptr::null_mut();
    // SAFETY: an all-zero sigevent is a valid one; the kernel reads it and `times`, and writes `timer`.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGPROF;
        event.sigev_notify_thread_id = libc::gettid();
        if libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut event, &raw mut timer) != 0 {
            return Err(io::Error::last_os_error());
        }
        if libc::timer_settime(timer, 0, &raw const times, ptr::null_mut()) != 0 {
            let error = io::Error::last_os_error();
            libc::timer_delete(timer);
            return Err(error);
        }
    }
    Ok(timer)
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(timer) = self.looks {
            // SAFETY: this value's own; a signal of it that waits arrives before the call returns, while its handler is there.
            unsafe { libc::timer_delete(timer) };
        }
        for (signal, old) in &self.old {
            // SAFETY: puts back what `new` found.
            unsafe { libc::sigaction(*signal, old, ptr::null_mut()) };
        }
        let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: no handler runs; the mappings are this value's own.
        unsafe {
            libc::sigaltstack(&raw const none, ptr::null_mut());
            libc::munmap(self.code.cast(), PAGE);
            libc::munmap(CODE as *mut c_void, PAGE);
            libc::munmap(DATA as *mut c_void, PAGE);
            libc::munmap(self.stack, ALT_STACK);
        }
    }
}

/// Places of the general registers, by encoding, in a signal frame.
const GREGS: [c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

extern "C" fn handler(signal: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: AC would trap the compiler's unaligned accesses; NT and ID would stay set in the next case.
    unsafe {
        std::arch::asm!("pushfq", "and qword ptr [rsp], {keep}", "popfq", keep = in(reg) !STICKY_FLAGS);
    }
    let run = RUN.load(Ordering::Acquire);
    // SAFETY: `context` is the signal's frame, which is this handler's until it returns.
    let uc = unsafe { &mut *context.cast::<ucontext_t>() };
    if run.is_null() && signal == libc::SIGPROF {
        return;
    }
    if run.is_null() {
        // No case runs: the signal is an accident of the program, and ends it as it would have.
        // SAFETY: restores the default action.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // SAFETY: `Host::run` stored it and waits in a system call of this thread.
    let run = unsafe { &mut *run };
    let fx: *mut u8 = uc.uc_mcontext.fpregs.cast();
    if signal == libc::SIGPROF {
        let (case, looks) = run.met;
        run.met = if case == run.next { (case, looks + 1) } else { (run.next, 1) };
        if !run.started || run.met.1 < LOOKS {
            return;
        }
    }
    if run.started {
        record(run, uc, fx);
        if signal == libc::SIGPROF
            && let Some(out) = run.outcomes.get_mut(run.next)
        {
            out.vector = UNANSWERED;
        }
        run.next += 1;
    } else {
        run.started = true;
        run.saved = uc.uc_mcontext.gregs;
    }
    match run.cases.get(run.next) {
        Some(case) => install(run.code, case, uc, fx),
        None => {
            uc.uc_mcontext.gregs = run.saved;
            let mut clean = [0; FXSAVE_USED];
            clean[..2].copy_from_slice(&0x37Fu16.to_le_bytes());
            clean[24..28].copy_from_slice(&0x1F80u32.to_le_bytes());
            set_fx(fx, &clean);
            set_data_segments(selector::USER_DATA);
        }
    }
}

fn record(run: &mut Run<'_>, uc: &ucontext_t, fx: *const u8) {
    let Some(out) = run.outcomes.get_mut(run.next) else { return };
    let g = &uc.uc_mcontext.gregs;
    let reg = |n: c_int| g.get(n as usize).copied().unwrap_or(0) as u64;
    for (r, n) in out.gpr.iter_mut().zip(GREGS) {
        *r = reg(n);
    }
    out.rip = reg(libc::REG_RIP);
    out.rflags = reg(libc::REG_EFL);
    let (ds, es): (u16, u16);
    // SAFETY: reads two registers.
    unsafe { std::arch::asm!("mov {0:x}, ds", "mov {1:x}, es", out(reg) ds, out(reg) es, options(nomem, nostack)) };
    let csgsfs = reg(libc::REG_CSGSFS);
    out.segments = [es, csgsfs as u16, (csgsfs >> 48) as u16, ds];
    out.vector = reg(libc::REG_TRAPNO) as u8;
    out.error = reg(libc::REG_ERR) as u32;
    out.cr2 = reg(libc::REG_CR2);
    // SAFETY: the frame has an FXSAVE image of 512 bytes; the data page is mapped and readable.
    unsafe {
        ptr::copy_nonoverlapping(fx, out.fx.as_mut_ptr(), FXSAVE_USED);
        ptr::copy_nonoverlapping(DATA as *const u8, out.data.as_mut_ptr(), PAGE);
    }
}

fn install(code: *mut u8, case: &Case, uc: &mut ucontext_t, fx: *mut u8) {
    let len = case.code.len().min(PAGE - case.at);
    // SAFETY: `at + len` lies in the page behind `code`; the data page is writable.
    unsafe {
        ptr::write_bytes(code, 0xCC, PAGE);
        ptr::copy_nonoverlapping(case.code.as_ptr(), code.add(case.at), len);
        ptr::copy_nonoverlapping(case.data.as_ptr(), DATA as *mut u8, PAGE);
    }
    set_fx(fx, &case.fx);
    let (cs, ss) = match (case.mode, case.segments) {
        (Mode::Bits64, _) => (selector::CODE64, selector::USER_DATA),
        (Mode::Bits32, Segments::Flat) => (selector::CODE32, selector::USER_DATA),
        (Mode::Bits32, Segments::Limited) => (selector::CODE32, selector::DATA32),
        (Mode::Bits16, _) => (selector::CODE16, selector::DATA16),
    };
    set_data_segments(ss);
    let g = &mut uc.uc_mcontext.gregs;
    let mut set = |n: c_int, v: u64| {
        if let Some(r) = g.get_mut(n as usize) {
            *r = v as i64;
        }
    };
    for (n, v) in GREGS.into_iter().zip(case.gpr) {
        set(n, v);
    }
    set(libc::REG_RIP, case.rip());
    set(libc::REG_EFL, case.rflags);
    set(libc::REG_CSGSFS, u64::from(cs) | u64::from(ss) << 48);
}

/// Replaces the x87 and SSE part of a frame.
fn set_fx(fx: *mut u8, image: &[u8; FXSAVE_USED]) {
    // SAFETY: the frame has an FXSAVE image of 512 bytes, and the extended state's header behind it when the magic in
    // the software's bytes says so.
    unsafe {
        ptr::copy_nonoverlapping(image.as_ptr(), fx, FXSAVE_USED);
        if fx.add(SW_RESERVED).cast::<u32>().read_unaligned() == XSTATE_MAGIC {
            let bv = fx.add(XSTATE_BV).cast::<u64>();
            bv.write_unaligned(bv.read_unaligned() | XSTATE_X87_SSE);
        }
    }
}

fn set_data_segments(selector: u16) {
    // SAFETY: a data segment of the GDT or LDT; 64-bit code takes no notice of DS and ES.
    unsafe { std::arch::asm!("mov ds, {0:x}", "mov es, {0:x}", in(reg) selector, options(nomem, nostack)) };
}
