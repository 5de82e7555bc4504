//! The cases, by subject.

mod debug;
mod long;
mod paging;
mod privilege;
mod segments;
mod stacks;
mod tasks;
mod transfers;
mod v86;

use super::Sweep;

/// Cases are emitted by functions of this type.
pub type Group = fn(&mut Sweep);

/// Segment loads and what looks at descriptors.
pub const SEGMENTS: &[Group] = &[segments::loads, segments::looks, segments::system_registers];
/// Limits, gates and returns.
pub const TRANSFERS: &[Group] =
    &[segments::limits, transfers::direct, transfers::call_gates, transfers::returns, transfers::interrupts];
/// Tasks.
pub const TASKS: &[Group] = &[tasks::switches, tasks::bad_fields];
/// Paging.
pub const PAGING: &[Group] = &[paging::rights, paging::large, paging::extended];
/// Virtual-8086 mode.
pub const V86: &[Group] = &[v86::sensitive, v86::machine];
/// Debug registers and single steps.
pub const DEBUG: &[Group] = &[debug::data, debug::code];
/// Privileges and encodings.
pub const PRIVILEGE: &[Group] = &[privilege::instructions, privilege::encodings];
/// IA-32e mode.
pub const LONG: &[Group] = &[long::canonical, long::gates, long::calls, long::machine, long::paging];
/// Widths of stacks, strings and branches.
pub const STACKS: &[Group] = &[stacks::stacks, stacks::strings];
