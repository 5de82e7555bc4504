//! Model texts, and what follows from them.

use super::{Feature, Model, ModelError};
use iced_x86::Code;

fn model(text: &str) -> Model {
    Model::parse(text).unwrap()
}

#[test]
fn texts() {
    assert_eq!(model("").name(), "atom");
    assert_eq!(model(",-pae").name(), "atom");
    assert!(!model(",-pae").feature(Feature::PAE));
    assert!(model("pentium,+cmov").has(Code::Cmove_r32_rm32));
    assert_eq!(Model::parse("z80"), Err(ModelError::UnknownModel("z80".into())));
    assert_eq!(Model::parse("486,+turbo"), Err(ModelError::UnknownFeature("turbo".into())));
    assert_eq!(Model::parse("486,vme"), Err(ModelError::NotAChange("vme".into())));
}

#[test]
fn instructions_follow_the_generation() {
    let (i386, i486, p5, default) = (model("386"), model("486"), model("pentium"), model(""));
    assert!(i386.has(Code::Mov_r32_cr) && !i386.has(Code::Bswap_r32) && !i386.has(Code::Cpuid));
    assert!(i486.has(Code::Bswap_r32) && i486.has(Code::Cpuid) && !i486.has(Code::Rdtsc));
    assert!(p5.has(Code::Rdtsc) && p5.has(Code::Cmpxchg8b_m64) && !p5.has(Code::Cmove_r32_rm32));
    assert!(default.has(Code::Syscall) && default.has(Code::Nop_rm32) && default.has(Code::Endbr64));
    assert!(i386.has(Code::Umov_r32_rm32) && i486.has(Code::Umov_rm8_r8) && !p5.has(Code::Umov_r32_rm32));
    assert!(!default.has(Code::VEX_Vaddps_ymm_ymm_ymmm256));
}

#[test]
fn cpuid_answers() {
    let p5 = model("pentium");
    assert_eq!(p5.cpuid(0, 0, 1), [1, 0x756E_6547, 0x6C65_746E, 0x4965_6E69]);
    assert_eq!(p5.cpuid(1, 0, 1)[0], 0x52C);
    assert_eq!(p5.cpuid(1, 0, 1)[3], 0x3BF);
    // Beyond the end: the highest basic leaf.
    assert_eq!(p5.cpuid(0x8000_0000, 0, 1), p5.cpuid(1, 0, 1));
    let default = model("");
    assert_eq!(default.cpuid(0x8000_0000, 0, 1)[0], 0x8000_0008);
    assert_eq!(default.cpuid(0x8000_0008, 0, 1)[0], 0x3024);
    assert_ne!(default.cpuid(0x8000_0001, 0, 1)[3] & 1 << 29, 0);
    let brand: Vec<u8> = (0x8000_0002..=0x8000_0004)
        .flat_map(|leaf| default.cpuid(leaf, 0, 1))
        .flat_map(u32::to_le_bytes)
        .take_while(|&b| b != 0)
        .collect();
    assert_eq!(String::from_utf8(brand).unwrap(), "Intel(R) Atom(TM) CPU");
}

#[test]
fn registers_follow_the_features() {
    assert_eq!(model("386").cr0_mask(), 0x8000_001F);
    assert!(!model("386").has_cr4());
    assert_eq!(model("486").cr4_mask(), 3);
    assert_eq!(model("486").flag_mask() & 0x3C_0000, 0x3C_0000);
    assert_eq!(model("386").flag_mask() & 0x3C_0000, 0);
}

#[test]
fn every_instruction_of_a_model_is_implemented() {
    let mut forms = vec![false; Code::values().len()];
    let integer = crate::exec::ALL.iter().flat_map(|class| class.iter());
    let lists = integer.chain(crate::sys::ALL).chain(crate::fpu::ALL).chain(crate::sse::ALL);
    for &(code, _) in lists.copied().flatten() {
        forms[code as usize] = true;
    }
    for name in Model::names() {
        let model = model(name);
        // The decoder never gives directives and the forms with a WAIT in front.
        let decoded = |c: Code| c.op_code().is_instruction() && !c.op_code().fwait();
        let missing: Vec<_> = Code::values().filter(|&c| decoded(c) && model.has(c) && !forms[c as usize]).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
}
