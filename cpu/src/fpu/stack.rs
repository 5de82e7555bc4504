//! The register stack and the responses to exceptions (SDM volume 1, 8.1.2, 8.4 and 8.5).

use super::{FCW_FIXED, FCW_INIT, FCW_MASK, Fpu, fsw};
use crate::softfloat::{F80, IE, Status};

impl Fpu {
    /// Physical number of ST(`i`).
    #[inline(always)]
    pub(crate) fn phys(&self, i: usize) -> usize {
        (usize::from(self.top) + i) & 7
    }

    /// ST(`i`), whatever its tag.
    #[inline(always)]
    pub(crate) fn st(&self, i: usize) -> F80 {
        self.regs[self.phys(i)]
    }

    /// ST(`i`) is tagged empty.
    #[inline(always)]
    pub(super) fn empty(&self, i: usize) -> bool {
        self.tags >> self.phys(i) & 1 == 0
    }

    /// Writes ST(`i`) and tags it as in use.
    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, value: F80) {
        let n = self.phys(i);
        self.regs[n] = value;
        self.tags |= 1 << n;
    }

    /// Empties ST(0) and moves the top up.
    #[inline(always)]
    pub(super) fn pop(&mut self) {
        self.tags &= !(1 << (self.top & 7));
        self.top = (self.top + 1) & 7;
    }

    /// Moves the top down and writes ST(0); the caller has checked for overflow.
    #[inline(always)]
    pub(super) fn push(&mut self, value: F80) {
        self.top = self.top.wrapping_sub(1) & 7;
        self.set(0, value);
    }

    /// A push would overflow the stack.
    #[inline(always)]
    pub(super) fn full(&self) -> bool {
        !self.empty(7)
    }

    /// Controls for an operation.
    #[inline(always)]
    pub(super) fn begin(&self) -> Status {
        Status::from_fcw(self.control)
    }

    /// Takes over the exceptions and C1 of an operation; `false` when an unmasked one forbids to store its result.
    #[inline(always)]
    pub(super) fn conclude(&mut self, st: &mut Status) -> bool {
        let mut proceed = true;
        if st.unmasked() != 0 {
            st.settle();
            proceed = !st.aborted();
            self.status |= fsw::ES | fsw::B;
        }
        self.status = self.status & !fsw::C1 | u16::from(st.flags) | u16::from(st.c1) << 9;
        proceed
    }

    /// A stack underflow; `true` when it is masked and the instruction goes on with the indefinite.
    #[cold]
    pub(super) fn underflow(&mut self) -> bool {
        self.stack_fault(false)
    }

    /// A stack overflow; `true` when it is masked.
    #[cold]
    pub(super) fn overflow(&mut self) -> bool {
        self.stack_fault(true)
    }

    fn stack_fault(&mut self, overflow: bool) -> bool {
        self.status = self.status & !fsw::C1 | fsw::SF | u16::from(IE) | if overflow { fsw::C1 } else { 0 };
        self.refresh_summary();
        self.control & u16::from(IE) != 0
    }

    /// Recomputes ES and B.
    pub(super) fn refresh_summary(&mut self) {
        if self.status & !self.control & fsw::EXCEPTIONS != 0 {
            self.status |= fsw::ES | fsw::B;
        } else {
            self.status &= !(fsw::ES | fsw::B);
        }
    }

    /// FNINIT.
    pub(super) fn init(&mut self) {
        *self = Self { regs: self.regs, ferr: self.ferr, control: FCW_INIT, tags: 0, ..Self::default() };
    }

    /// The status word with the top of stack in it.
    pub(crate) fn status_word(&self) -> u16 {
        self.status | u16::from(self.top & 7) << fsw::TOP_SHIFT
    }

    /// Loads the status word, the summary bits following from the masks.
    pub(crate) fn set_status_word(&mut self, value: u16) {
        self.top = (value >> fsw::TOP_SHIFT & 7) as u8;
        self.status = value & (fsw::CODES | fsw::SF | fsw::EXCEPTIONS);
        self.refresh_summary();
    }

    /// Loads the control word. A status word loaded with it comes after, or calls for [`Self::refresh_summary`].
    pub(crate) fn set_control_word(&mut self, value: u16) {
        self.control = value & FCW_MASK | FCW_FIXED;
    }

    /// The full tag word: per physical register 0 valid, 1 zero, 2 special, 3 empty.
    pub(super) fn tag_word(&self) -> u16 {
        use crate::softfloat::f80::{Class, classify};
        self.regs.iter().enumerate().fold(0, |word, (n, &r)| {
            let tag = if self.tags >> n & 1 == 0 {
                3
            } else {
                match classify(r) {
                    Class::Normal => 0,
                    Class::Zero => 1,
                    _ => 2,
                }
            };
            word | tag << (2 * n)
        })
    }

    /// Loads a full tag word: only empty or not matters.
    pub(super) fn set_tag_word(&mut self, word: u16) {
        self.tags = (0..8).fold(0, |tags, n| tags | u8::from(word >> (2 * n) & 3 != 3) << n);
    }
}
