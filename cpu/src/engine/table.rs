//! The table from opcode form to handlers: data, collected from the instruction modules.

use super::dispatch::Form;
use iced_x86::{Code, CpuidFeature, Instruction, OpKind};
use std::sync::LazyLock;

/// Which unit must be enabled for an instruction to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Integer,
    Fpu,
    Mmx,
    Sse,
}

struct Table {
    forms: Vec<Option<Form>>,
    units: Vec<Unit>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let count = Code::values().len();
    let mut forms = vec![None; count];
    let integer = crate::exec::ALL.iter().flat_map(|class| class.iter());
    for list in integer.chain(crate::sys::ALL).chain(crate::fpu::ALL).chain(crate::sse::ALL) {
        for &(code, form) in *list {
            forms[code as usize] = Some(form);
        }
    }
    let units = Code::values().map(unit).collect();
    Table { forms, units }
});

fn unit(code: Code) -> Unit {
    // State management and fences answer for their own traps.
    if matches!(
        code,
        Code::Wait
            | Code::Fxsave_m512byte
            | Code::Fxsave64_m512byte
            | Code::Fxrstor_m512byte
            | Code::Fxrstor64_m512byte
            | Code::Prefetchnta_m8
            | Code::Prefetcht0_m8
            | Code::Prefetcht1_m8
            | Code::Prefetcht2_m8
            | Code::Movnti_m32_r32
            | Code::Movnti_m64_r64
            | Code::Pause
            | Code::Crc32_r32_rm8
            | Code::Crc32_r32_rm16
            | Code::Crc32_r32_rm32
            | Code::Crc32_r64_rm8
            | Code::Crc32_r64_rm64
            | Code::Clflush_m8
            | Code::Monitorw
            | Code::Monitord
            | Code::Monitorq
            | Code::Mwait
    ) {
        return Unit::Integer;
    }
    let mut unit = Unit::Integer;
    for feature in code.cpuid_features() {
        unit = match feature {
            CpuidFeature::FPU | CpuidFeature::FPU287 | CpuidFeature::FPU387 if unit == Unit::Integer => Unit::Fpu,
            CpuidFeature::MMX if unit == Unit::Integer => Unit::Mmx,
            CpuidFeature::SSE
            | CpuidFeature::SSE2
            | CpuidFeature::SSE3
            | CpuidFeature::SSSE3
            | CpuidFeature::SSE4_1
            | CpuidFeature::SSE4_2
            | CpuidFeature::AES
            | CpuidFeature::PCLMULQDQ
            | CpuidFeature::SHA => Unit::Sse,
            _ => unit,
        };
    }
    // Extensions of MMX (SSE, SSSE3 on mm registers) follow the MMX rules; FISTTP is an x87 instruction.
    if unit == Unit::Sse {
        let name = format!("{code:?}");
        if ["Lfence", "Mfence", "Sfence"].iter().any(|fence| name.starts_with(fence)) {
            return Unit::Integer;
        }
        if name.starts_with("Fisttp") {
            return Unit::Fpu;
        }
        if name.contains("_mm") && !name.contains("xmm") {
            return Unit::Mmx;
        }
    }
    unit
}

/// The handlers of an opcode form.
pub(super) fn form_of(code: Code) -> Option<Form> {
    TABLE.forms.get(code as usize).copied().flatten()
}

/// The unit an opcode form belongs to.
pub(super) fn unit_of(code: Code) -> Unit {
    TABLE.units.get(code as usize).copied().unwrap_or(Unit::Integer)
}

/// The instruction has its ModRM operand in memory, or implicit string memory.
pub(super) fn has_mem_world(i: &Instruction) -> bool {
    (0..i.op_count()).any(|n| {
        matches!(
            i.op_kind(n),
            OpKind::Memory
                | OpKind::MemorySegSI
                | OpKind::MemorySegESI
                | OpKind::MemorySegRSI
                | OpKind::MemorySegDI
                | OpKind::MemorySegEDI
                | OpKind::MemorySegRDI
                | OpKind::MemoryESDI
                | OpKind::MemoryESEDI
                | OpKind::MemoryESRDI
        )
    })
}
