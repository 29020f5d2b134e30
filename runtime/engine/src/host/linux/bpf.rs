//! The four calls of bpf(2) that a device program of a control group needs (include/uapi/linux/bpf.h).
#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

use crate::acl::Insn;

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;
const REPLACE: u32 = 4;

#[repr(C)]
#[derive(Default)]
struct Load {
    prog_type: u32,
    insn_count: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    attached_as: u32,
}

#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    attached_as: u32,
    flags: u32,
    replaced: u32,
}

#[repr(C)]
struct Query {
    target: u32,
    attached_as: u32,
    flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    pad: u32,
}

#[repr(C)]
struct Info {
    fd: u32,
    length: u32,
    to: u64,
}

#[repr(C)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
}

/// A program attached to a control group.
pub(super) struct Attached {
    pub program: OwnedFd,
    pub name: String,
}

fn call<T>(command: libc::c_int, attributes: &mut T) -> nix::Result<libc::c_long> {
    // SAFETY: `attributes` is a live structure of its own size, laid out as the command wants; the memory that it points to is
    // borrowed by every caller until this returns.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    nix::errno::Errno::result(answer)
}

fn descriptor(answer: libc::c_long) -> nix::Result<OwnedFd> {
    let fd = libc::c_int::try_from(answer).map_err(|_| nix::Error::EBADF)?;
    // SAFETY: bpf(2) has just opened it for this caller; it sets close-on-exec itself.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn number(fd: &impl AsRawFd) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn address<T>(of: *const T) -> u64 {
    of as usize as u64
}

/// Loads a device program. On a refusal the second value is the verifier's log.
pub(super) fn load(code: &[Insn], name: &str) -> Result<OwnedFd, (nix::Error, String)> {
    // The kernel's layout of an instruction: operation, registers, offset, operand, in the machine's byte order.
    let mut bytes = Vec::with_capacity(code.len() * 8);
    for insn in code {
        bytes.extend([insn.code, insn.registers]);
        bytes.extend(insn.offset.to_ne_bytes());
        bytes.extend(insn.imm.to_ne_bytes());
    }
    let mut log = vec![0u8; 1 << 16];
    let mut attributes = Load {
        prog_type: TYPE_CGROUP_DEVICE,
        insn_count: u32::try_from(code.len()).unwrap_or(u32::MAX),
        insns: address(bytes.as_ptr()),
        license: address(c"GPL".as_ptr()),
        log_level: 1,
        log_size: 1 << 16,
        log: address(log.as_mut_ptr()),
        attached_as: ATTACH_CGROUP_DEVICE,
        ..Load::default()
    };
    for (to, from) in attributes.name.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    call(PROG_LOAD, &mut attributes).and_then(descriptor).map_err(|e| {
        let text: Vec<u8> = log.into_iter().take_while(|byte| *byte != 0).collect();
        (e, String::from_utf8_lossy(&text).trim().to_owned())
    })
}

/// Attaches a program in addition to those of others; it replaces `replaced` atomically.
pub(super) fn attach(group: BorrowedFd<'_>, program: &OwnedFd, replaced: Option<&OwnedFd>) -> nix::Result<()> {
    let flags = if replaced.is_some() { ALLOW_MULTI | REPLACE } else { ALLOW_MULTI };
    let mut attributes = Attach {
        target: number(&group),
        program: number(program),
        attached_as: ATTACH_CGROUP_DEVICE,
        flags,
        replaced: replaced.map_or(0, number),
    };
    call(PROG_ATTACH, &mut attributes).map(drop)
}

/// Detaches a program.
pub(super) fn detach(group: BorrowedFd<'_>, program: &OwnedFd) -> nix::Result<()> {
    let attached_as = ATTACH_CGROUP_DEVICE;
    let mut attributes =
        Attach { target: number(&group), program: number(program), attached_as, flags: 0, replaced: 0 };
    call(PROG_DETACH, &mut attributes).map(drop)
}

/// The device programs attached to this group itself, with their names.
pub(super) fn attached(group: BorrowedFd<'_>) -> nix::Result<Vec<Attached>> {
    let mut ids = [0u32; 64];
    let mut query = Query {
        target: number(&group),
        attached_as: ATTACH_CGROUP_DEVICE,
        flags: 0,
        attach_flags: 0,
        ids: address(ids.as_mut_ptr()),
        count: 64,
        pad: 0,
    };
    call(PROG_QUERY, &mut query)?;
    let mut out = Vec::new();
    for id in ids.into_iter().take(usize::try_from(query.count).unwrap_or_default()) {
        let program = match call(PROG_GET_FD_BY_ID, &mut ById { id, next: 0, flags: 0 }) {
            Ok(answer) => descriptor(answer)?,
            // It was detached between the two calls.
            Err(nix::Error::ENOENT) => continue,
            Err(e) => return Err(e),
        };
        // `struct bpf_prog_info` up to and with its name, at offset 64.
        let mut info = [0u8; 80];
        call(OBJ_GET_INFO_BY_FD, &mut Info { fd: number(&program), length: 80, to: address(info.as_mut_ptr()) })?;
        let name: Vec<u8> = info.into_iter().skip(64).take_while(|byte| *byte != 0).collect();
        out.push(Attached { program, name: String::from_utf8_lossy(&name).into_owned() });
    }
    Ok(out)
}
