//! QEMU is started: in its control group before anything of it runs, as its user, with no capability and with only the named descriptors.
//!
//! It gets no parent-death signal: a supervisor may die, and QEMU runs on until it is recovered.
#![expect(unsafe_code, reason = "what is done between fork and exec has no safe wrapper")]
#![expect(clippy::disallowed_methods, reason = "the runtime's host starts processes")]

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::fcntl::OFlag;
use nix::libc;

use super::group::raw_limit;
use crate::error::HostError;
use crate::group::Group;
use crate::host::Result;
use crate::host::operations::Spawn;
use crate::host::resources::User;

/// Everything that the child needs, made before the fork: after it nothing may allocate.
struct Ready {
    procs: Option<OwnedFd>,
    stage: OwnedFd,
    fds: Vec<RawFd>,
    memlock: Option<libc::rlimit>,
    user: Option<User>,
}

/// What the child was doing when the system refused; its number comes through the pipe.
const STAGES: [&str; 8] = [
    "start",
    "enter the control group of",
    "set the limit on locked memory of",
    "choose the descriptors of",
    "drop the capabilities of",
    "become the user of",
    "forbid new privileges to",
    "start a session for",
];

/// Starts QEMU with these descriptors, which keep their numbers. It returns when the program runs or has failed to start.
pub(in crate::host) fn start(launch: &Spawn, inherited: &[RawFd]) -> Result<Child> {
    let fail = |what: &str, e: &dyn std::fmt::Display| HostError::System { what: what.to_owned(), why: e.to_string() };
    let (program, arguments) =
        launch.argv.split_first().ok_or_else(|| HostError::Unsuitable("nothing to start".into()))?;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    let log = options.open(&launch.log).map_err(|e| HostError::system("open", &launch.log, e))?;
    let copy = log.try_clone().map_err(|e| HostError::system("open", &launch.log, e))?;
    let procs = match &launch.group {
        Group::V2(path) | Group::V1(path) => {
            let procs = path.join("cgroup.procs");
            let open = OpenOptions::new().write(true).custom_flags(libc::O_CLOEXEC).open(&procs);
            Some(open.map_err(|e| HostError::system("open", &procs, e))?.into())
        }
        Group::ByEnvironment(_) => None,
    };
    let (stage_in, stage) =
        nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(|e| fail("make a pipe", &e))?;
    let ready = Ready {
        procs,
        stage,
        fds: inherited.to_vec(),
        memlock: launch.memlock.map(raw_limit),
        user: launch.user.clone(),
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(launch.env.iter().map(|(name, value)| (name, value)));
    command.current_dir("/").stdin(Stdio::null()).stdout(log).stderr(copy);
    // SAFETY: `prepare` calls async-signal-safe functions only, and allocates nothing.
    unsafe { command.pre_exec(move || prepare(&ready)) };
    command.spawn().map_err(|e| {
        let mut number = [0];
        let read = nix::unistd::read(&stage_in, &mut number).unwrap_or_default();
        let [number] = number;
        let stage = STAGES.get(if read == 1 { usize::from(number) } else { 0 }).unwrap_or(&"start");
        fail(&format!("{stage} {program}"), &e)
    })
}

/// Between fork and exec.
fn prepare(ready: &Ready) -> io::Result<()> {
    let steps: [fn(&Ready) -> io::Result<()>; 7] =
        [enter_group, limit, choose_descriptors, drop_bounding, become_user, no_new_privileges, new_session];
    let mut number = 0u8;
    for step in steps {
        number += 1;
        if let Err(e) = step(ready) {
            // SAFETY: one byte that lives. A failed write loses the stage, not the error.
            unsafe { libc::write(ready.stage.as_raw_fd(), (&raw const number).cast(), 1) };
            return Err(e);
        }
    }
    Ok(())
}

fn check(answer: libc::c_long) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn enter_group(ready: &Ready) -> io::Result<()> {
    let Some(procs) = &ready.procs else { return Ok(()) };
    // SAFETY: one byte of static memory.
    check(unsafe { libc::write(procs.as_raw_fd(), c"0".as_ptr().cast(), 1) } as libc::c_long)
}

fn limit(ready: &Ready) -> io::Result<()> {
    let Some(limit) = &ready.memlock else { return Ok(()) };
    // SAFETY: the structure lives.
    check(libc::c_long::from(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, limit) }))
}

/// All descriptors, also those of libraries, are closed at exec, except the named ones.
fn choose_descriptors(ready: &Ready) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) })?;
    for fd in &ready.fds {
        // SAFETY: no pointers.
        check(libc::c_long::from(unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) }))?;
    }
    Ok(())
}

/// The bounding set, which takes a capability to drop; without that one there is nothing that could be regained either, thanks to
/// `no_new_privs`.
fn drop_bounding(_: &Ready) -> io::Result<()> {
    // SAFETY: no pointers, in both.
    unsafe {
        for capability in 0..64 {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
        check(libc::c_long::from(libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)))
    }
}

fn become_user(ready: &Ready) -> io::Result<()> {
    if let Some(user) = &ready.user {
        // SAFETY: the list lives; these are the plain system calls, for this process has one thread.
        unsafe {
            check(libc::syscall(libc::SYS_setgroups, user.groups.len(), user.groups.as_ptr()))?;
            check(libc::syscall(libc::SYS_setresgid, user.gid, user.gid, user.gid))?;
            check(libc::syscall(libc::SYS_setresuid, user.uid, user.uid, user.uid))?;
        }
    }
    // `struct __user_cap_header_struct` with version 3, and two empty sets (capget(2)).
    let header: [u32; 2] = [0x2008_0522, 0];
    let sets = [0u32; 6];
    // SAFETY: both live and have the size that version 3 wants.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) })
}

fn no_new_privileges(_: &Ready) -> io::Result<()> {
    // SAFETY: no pointers.
    check(libc::c_long::from(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }))
}

/// A session of its own: a Ctrl-C at the terminal goes only to the supervisor. No signal is blocked.
fn new_session(_: &Ready) -> io::Result<()> {
    // SAFETY: the set lives.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        check(libc::c_long::from(libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut())))?;
        check(libc::c_long::from(libc::setsid()))
    }
}
