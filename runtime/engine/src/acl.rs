//! The rules of a device ACL, with numbers, and the control group's eBPF program that enforces them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use virtc_plan::{Access, DeviceKind};

/// The device ACL, by who needs the rules: `""` the VM itself, else a device's alias.
pub type AclTable = BTreeMap<String, Vec<AclRule>>;

/// One rule, with numbers; what no rule allows is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AclRule {
    /// By number.
    Number {
        /// Character or block.
        kind: DeviceKind,
        /// The major number, 0 to 4095; absent for every one.
        major: Option<u32>,
        /// The minor number, 0 to 1048575; absent for every one.
        minor: Option<u32>,
        /// What is allowed.
        access: Access,
    },
    /// A node whose numbers cannot be known yet. Only a dry run has it; no host takes it.
    Unknown {
        /// Its path.
        node: String,
        /// What is allowed.
        access: Access,
    },
}

impl fmt::Display for AclRule {
    /// As version 1 of control groups writes it: `c 10:232 rw`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { kind, major, minor, access } => {
                let number = |n: &Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
                write!(f, "{kind} {}:{} {access}", number(major), number(minor))
            }
            Self::Unknown { node, access } => write!(f, "{{numbers of {node}}} {access}"),
        }
    }
}

/// Every rule of the table, once, in its order.
pub fn union(table: &AclTable) -> Vec<AclRule> {
    let mut rules: Vec<AclRule> = Vec::new();
    for rule in table.values().flatten() {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    rules
}

/// A name for a set of rules that fits a program's name in the kernel (15 bytes), by which an attached program is recognised.
///
/// It is FNV-1a over the sorted rules, so that the order does not matter.
pub fn program_name(rules: &[AclRule]) -> String {
    let mut lines: Vec<String> = rules.iter().map(ToString::to_string).collect();
    lines.sort();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in lines.iter().flat_map(|line| line.bytes().chain([b'\n'])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("virtc_{:09x}", hash >> 28)
}

/// One instruction of eBPF, as the kernel takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insn {
    /// The operation code (`opcode` in `Documentation/bpf/standardization/instruction-set.rst` of Linux), 0 to 255.
    pub code: u8,
    /// Destination register in the low four bits, source register in the high; registers are 0 to 10.
    pub registers: u8,
    /// The jump's or the load's offset.
    pub offset: i16,
    /// The operand.
    pub imm: i32,
}

/// Load 32 bits: `dst = *(u32 *)(src + offset)`.
const LOAD_W: u8 = 0x61;
/// `dst32 &= imm`.
const AND32: u8 = 0x54;
/// `dst32 >>= imm`.
const SHIFT_RIGHT32: u8 = 0x74;
/// `dst = src`, 32 bits.
const MOVE32: u8 = 0xbc;
/// `dst = imm`.
const MOVE_IMM: u8 = 0xb7;
/// Jump if `dst32 != imm`.
const JUMP_NE32: u8 = 0x56;
/// End; the answer is in register 0.
const EXIT: u8 = 0x95;

/// The program for these rules: it answers 1 where a rule allows the access, else 0. `None` where a rule has no numbers.
///
/// The context is the kernel's `struct bpf_cgroup_dev_ctx` (include/uapi/linux/bpf.h): access and type in one word (access in the high half:
/// mknod 1, read 2, write 4; type: block 1, character 2), major, minor. A rule allows an access of which it names every bit.
pub fn compile(rules: &[AclRule]) -> Option<Vec<Insn>> {
    let insn = |code, dst: u8, src: u8, offset, imm| Insn { code, registers: (src << 4) | dst, offset, imm };
    let mut program = vec![
        insn(LOAD_W, 2, 1, 0, 0),
        insn(MOVE32, 3, 2, 0, 0),
        insn(AND32, 2, 0, 0, 0xffff),
        insn(SHIFT_RIGHT32, 3, 0, 0, 16),
        insn(LOAD_W, 4, 1, 4, 0),
        insn(LOAD_W, 5, 1, 8, 0),
    ];
    for rule in rules {
        let AclRule::Number { kind, major, minor, access } = rule else { return None };
        let kind = match kind {
            DeviceKind::Block => 1,
            DeviceKind::Char => 2,
        };
        let allowed = i32::from(access.mknod) | (i32::from(access.read) << 1) | (i32::from(access.write) << 2);
        let mut tests = vec![(2, kind)];
        tests.extend(major.map(|n| (4, n.cast_signed())));
        tests.extend(minor.map(|n| (5, n.cast_signed())));
        // After the tests: three instructions for the access, two for the answer.
        let mut left = i16::try_from(tests.len()).ok()? + 5;
        for (register, wanted) in tests {
            left -= 1;
            program.push(insn(JUMP_NE32, register, 0, left, wanted));
        }
        program.push(insn(MOVE32, 1, 3, 0, 0));
        program.push(insn(AND32, 1, 0, 0, !allowed));
        program.push(insn(JUMP_NE32, 1, 0, 2, 0));
        program.push(insn(MOVE_IMM, 0, 0, 0, 1));
        program.push(insn(EXIT, 0, 0, 0, 0));
    }
    program.push(insn(MOVE_IMM, 0, 0, 0, 0));
    program.push(insn(EXIT, 0, 0, 0, 0));
    Some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An interpreter for the instructions above, and no other.
    fn interpret(program: &[Insn], context: [u32; 3]) -> u64 {
        let mut registers = [0u64; 11];
        let mut context_is_in = Some(1usize);
        let mut at = 0usize;
        for _ in 0..program.len() {
            let Insn { code, registers: pair, offset, imm } = program[at];
            let (dst, src) = (usize::from(pair & 15), usize::from(pair >> 4));
            let low = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap();
            at += 1;
            match code {
                LOAD_W => {
                    assert_eq!(context_is_in, Some(src), "a load from a register that no longer holds the context");
                    registers[dst] = u64::from(context[usize::try_from(offset).unwrap() / 4]);
                }
                MOVE32 => registers[dst] = u64::from(low(registers[src])),
                AND32 => registers[dst] = u64::from(low(registers[dst]) & imm.cast_unsigned()),
                SHIFT_RIGHT32 => registers[dst] = u64::from(low(registers[dst]) >> imm),
                MOVE_IMM => registers[dst] = u64::from(imm.cast_unsigned()),
                JUMP_NE32 if low(registers[dst]) != imm.cast_unsigned() => at += usize::try_from(offset).unwrap(),
                JUMP_NE32 => {}
                EXIT => return registers[0],
                other => unreachable!("instruction {other:#x}"),
            }
            if context_is_in == Some(dst) && code != JUMP_NE32 {
                context_is_in = None;
            }
        }
        unreachable!("the program does not end")
    }

    fn allows(rules: &[AclRule], kind: DeviceKind, numbers: (u32, u32), access: u32) -> bool {
        rules.iter().any(|rule| {
            let AclRule::Number { kind: of, major, minor, access: given } = rule else { return false };
            *of == kind
                && major.is_none_or(|n| n == numbers.0)
                && minor.is_none_or(|n| n == numbers.1)
                && (access & 1 == 0 || given.mknod)
                && (access & 2 == 0 || given.read)
                && (access & 4 == 0 || given.write)
        })
    }

    fn table() -> Vec<AclRule> {
        let rule = |kind, major, minor, access| AclRule::Number { kind, major, minor, access };
        let write = Access { write: true, ..Access::default() };
        vec![
            rule(DeviceKind::Char, Some(1), Some(3), Access::RWM),
            rule(DeviceKind::Char, Some(136), None, Access::RW),
            rule(DeviceKind::Block, Some(8), Some(16), Access::R),
            rule(DeviceKind::Block, Some(8), Some(16), write),
            rule(DeviceKind::Block, None, Some(7), Access::R),
            rule(DeviceKind::Char, Some(u32::MAX), Some(0), Access::RW),
        ]
    }

    #[test]
    fn the_program_answers_as_the_rules_do_over_the_full_table() {
        let full = table();
        let mut asked = 0;
        for count in 0..=full.len() {
            let rules = &full[..count];
            let program = compile(rules).unwrap();
            for (kind, number) in [(DeviceKind::Block, 1), (DeviceKind::Char, 2)] {
                for major in [0, 1, 2, 8, 10, 136, u32::MAX] {
                    for minor in [0, 3, 4, 7, 16, 232, u32::MAX] {
                        for access in 0..8 {
                            let answer = interpret(&program, [(access << 16) | number, major, minor]);
                            let wanted = allows(rules, kind, (major, minor), access);
                            assert_eq!(
                                answer,
                                u64::from(wanted),
                                "{kind:?} {major}:{minor} access {access} of {count} rules"
                            );
                            asked += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(asked, 7 * 2 * 7 * 7 * 8);
    }

    #[test]
    fn a_rule_without_numbers_makes_no_program() {
        assert!(compile(&[AclRule::Unknown { node: "/dev/vfio/7".into(), access: Access::RW }]).is_none());
    }

    #[test]
    fn the_name_fits_and_does_not_depend_on_the_order() {
        let mut rules = table();
        let name = program_name(&rules);
        assert_eq!(name.len(), 15);
        rules.reverse();
        assert_eq!(program_name(&rules), name);
        rules.pop();
        assert_ne!(program_name(&rules), name);
    }
}
