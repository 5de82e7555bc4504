//! Faults as small values: what an instruction raises instead of completing.
//!
//! Intel SDM volume 3, section 6.15 (exception reference) and table 6-1. A fault leaves the architectural state as it
//! was before the instruction; the run loop delivers it. #PF keeps its address in `Cpu::fault_address` until delivery.

/// An exception raised by an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Vector, 0 to 31.
    pub vector: u8,
    /// Error code, when this vector pushes one.
    pub error: Option<u16>,
}

/// Result of anything that can fault.
pub type Exec<T = ()> = Result<T, Fault>;

impl Fault {
    /// #DE divide error.
    pub const DE: Self = Self::plain(0);
    /// #DB debug exception.
    pub const DB: Self = Self::plain(1);
    /// #BR bound range exceeded.
    pub const BR: Self = Self::plain(5);
    /// #UD invalid opcode.
    pub const UD: Self = Self::plain(6);
    /// #NM device not available.
    pub const NM: Self = Self::plain(7);
    /// #DF double fault.
    pub const DF: Self = Self::coded(8, 0);
    /// #GP(0) general protection.
    pub const GP0: Self = Self::coded(13, 0);
    /// #SS(0) stack fault.
    pub const SS0: Self = Self::coded(12, 0);
    /// #MF x87 floating-point error.
    pub const MF: Self = Self::plain(16);
    /// #AC(0) alignment check.
    pub const AC: Self = Self::coded(17, 0);
    /// #XM SIMD floating-point exception.
    pub const XM: Self = Self::plain(19);

    /// A non-canonical address, not yet known to be #GP(0) or, on a stack reference, #SS(0): `Cpu::fault_address` and the
    /// instruction tell. No vector of the architecture.
    pub(crate) const NON_CANONICAL: Self = Self::plain(0xFF);

    /// The TLB alone could not make an access, and nothing was changed: the general form of the instruction has to run.
    /// Only bodies in a [`crate::operand::Quick`] world raise it. No vector of the architecture.
    pub(crate) const MISS: Self = Self::plain(0xFE);

    const fn plain(vector: u8) -> Self {
        Self { vector, error: None }
    }

    const fn coded(vector: u8, error: u16) -> Self {
        Self { vector, error: Some(error) }
    }

    /// #TS with a selector or 0 as error code.
    pub const fn ts(error: u16) -> Self {
        Self::coded(10, error)
    }
    /// #NP with a selector as error code.
    pub const fn np(error: u16) -> Self {
        Self::coded(11, error)
    }
    /// #SS with a selector as error code.
    pub const fn ss(error: u16) -> Self {
        Self::coded(12, error)
    }
    /// #GP with a selector or 0 as error code.
    pub const fn gp(error: u16) -> Self {
        Self::coded(13, error)
    }
    /// #PF; the address is in `Cpu::fault_address`.
    pub const fn pf(error: u16) -> Self {
        Self::coded(14, error)
    }
}
