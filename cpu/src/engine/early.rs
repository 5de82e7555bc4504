//! Decoding as a 286 does it.
//!
//! Intel 80286 Programmer's Reference Manual, appendix B and section 3.9 (LOCK), as captured from a Harris 80C286:
//! LOCK goes with every instruction, the bytes that later became FS, GS, operand-size and address-size prefixes are
//! undefined opcodes, and so are segment registers beyond DS. An instruction longer than 10 bytes raises #GP; that
//! limit is [`Model::max_len`](crate::model::Model::max_len).

use iced_x86::{Decoder, DecoderError, Instruction, OpKind, Register};

const LOCK: u8 = 0xF0;

/// Decodes the 16-bit code `bytes` for the address `ip`; `None` when bytes are missing. Undefined opcodes give an
/// invalid instruction.
pub(super) fn decode(bytes: &[u8], ip: u64, options: u32) -> Option<Instruction> {
    let mut plain = [0; 16];
    let (mut len, mut locks) = (0, 0);
    let mut prefixes = true;
    for &b in bytes {
        match b {
            LOCK if prefixes => {
                locks += 1;
                continue;
            }
            0x26 | 0x2E | 0x36 | 0x3E | 0xF2 | 0xF3 => {}
            0x64..=0x67 if prefixes => return Some(undefined(bytes.len(), ip)),
            _ => prefixes = false,
        }
        *plain.get_mut(len)? = b;
        len += 1;
    }
    let mut decoder = Decoder::with_ip(16, plain.get(..len)?, ip + locks as u64, options);
    let mut i = decoder.decode();
    if decoder.last_error() == DecoderError::NoMoreBytes {
        return None;
    }
    i.set_len(i.len() + locks);
    let late = |n| i.op_kind(n) == OpKind::Register && matches!(i.op_register(n), Register::FS | Register::GS);
    if (0..i.op_count()).any(late) {
        return Some(undefined(bytes.len(), ip));
    }
    Some(i)
}

fn undefined(len: usize, ip: u64) -> Instruction {
    let mut i = Instruction::new();
    i.set_len(len);
    i.set_next_ip(ip + len as u64);
    i
}
