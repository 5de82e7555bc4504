//! The x86 core: decode, execute, MMU and TLB, FPU, exceptions. Knows no device, no file and no clock but `limit`.
pub mod bus;
pub mod fault;
pub mod mem;
pub mod softfloat;
