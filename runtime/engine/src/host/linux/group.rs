//! Where QEMU's processes are: control groups, or a mark in their environment.
#![expect(unsafe_code, reason = "prlimit(2) of another process has no safe wrapper")]
#![expect(clippy::disallowed_methods, reason = "the runtime's host reads files")]

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{SIGKILL, kill as send};
use nix::unistd::Pid;
use virtc_plan::Limit;

use super::read;
use crate::error::HostError;
use crate::group::Group;
use crate::host::Result;
use crate::host::resources::Hierarchies;

/// How long killed processes may take to be gone.
const KILL: Duration = Duration::from_secs(20);

pub(in crate::host) fn make(group: &Group) -> Result<()> {
    let (Group::V2(path) | Group::V1(path)) = group else { return Ok(()) };
    match DirBuilder::new().mode(0o755).create(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(HostError::system("make control group", path, e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The kernel lets go of a group a little after its last process.
pub(in crate::host) fn remove(group: &Group) -> Result<()> {
    let (Group::V2(path) | Group::V1(path)) = group else { return Ok(()) };
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        match std::fs::remove_dir(path) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == ErrorKind::ResourceBusy && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(e) => return Err(HostError::system("remove control group", path, e)),
        }
    }
}

/// The processes that live. Those that are already ending are waited for: the kernel keeps them in the group, with what they hold open, until
/// the last of their threads is gone.
pub(in crate::host) fn processes(group: &Group) -> Result<Vec<u32>> {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let pids = listed(group)?;
        if pids.is_empty() || !pids.iter().all(|pid| is_ending(*pid)) || Instant::now() > end {
            return Ok(pids);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process has begun to exit, is dead, or is gone.
fn is_ending(pid: u32) -> bool {
    // include/linux/sched.h; the fields are those of proc_pid_stat(5), counted from the one after the name in parentheses.
    const PF_EXITING: u32 = 4;
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let is_dead = matches!(fields.next(), Some("Z" | "X"));
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u32>().ok()).unwrap_or_default();
    is_dead || flags & PF_EXITING != 0
}

fn listed(group: &Group) -> Result<Vec<u32>> {
    match group {
        Group::V2(path) | Group::V1(path) => {
            let text = read::text(&path.join("cgroup.procs"))?.unwrap_or_default();
            Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
        }
        Group::ByEnvironment(mark) => {
            let mark = format!("VIRTC_VM={mark}");
            let entries = std::fs::read_dir("/proc").map_err(|e| HostError::system("read", Path::new("/proc"), e))?;
            let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            Ok(pids.filter(|pid| has_mark(*pid, mark.as_bytes())).collect())
        }
    }
}

/// A process that cannot be read is another user's, and not ours.
fn has_mark(pid: u32, mark: &[u8]) -> bool {
    std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == mark))
}

/// Kills everything in the group, and waits until it is empty. `reap` collects children of this process.
pub(in crate::host) fn kill(group: &Group, mut reap: impl FnMut()) -> Result<()> {
    let end = Instant::now() + KILL;
    loop {
        reap();
        let left = listed(group)?;
        if left.is_empty() {
            return Ok(());
        }
        for pid in &left {
            let Ok(pid) = libc::pid_t::try_from(*pid) else { continue };
            match send(Pid::from_raw(pid), SIGKILL) {
                Ok(()) | Err(nix::Error::ESRCH) => {}
                Err(e) => return Err(HostError::System { what: format!("kill process {pid}"), why: e.to_string() }),
            }
        }
        if Instant::now() > end {
            return Err(HostError::Unsuitable(format!(
                "processes {left:?} in {group} do not end, though they were killed"
            )));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(in crate::host) fn memlock(group: &Group) -> Result<Option<Limit>> {
    let Some(pid) = processes(group)?.first().copied() else { return Ok(None) };
    let now = prlimit(pid, None)?;
    Ok(Some(if now.rlim_cur == libc::RLIM_INFINITY { Limit::Unlimited } else { Limit::Bytes(now.rlim_cur) }))
}

pub(in crate::host) fn set_memlock(group: &Group, limit: Limit) -> Result<()> {
    for pid in processes(group)? {
        prlimit(pid, Some(&raw_limit(limit)))?;
    }
    Ok(())
}

pub(in crate::host) fn raw_limit(limit: Limit) -> libc::rlimit {
    let value = match limit {
        Limit::Bytes(bytes) => bytes,
        Limit::Unlimited => libc::RLIM_INFINITY,
    };
    libc::rlimit { rlim_cur: value, rlim_max: value }
}

fn prlimit(pid: u32, new: Option<&libc::rlimit>) -> Result<libc::rlimit> {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let number = libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX);
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both pointers are null or to a live structure of the right kind.
    let answer = unsafe { libc::prlimit(number, libc::RLIMIT_MEMLOCK, new, &raw mut old) };
    nix::errno::Errno::result(answer).map_err(|e| HostError::System {
        what: format!("set the limit on locked memory of process {pid}"),
        why: e.to_string(),
    })?;
    Ok(old)
}

/// The caller's own group in each hierarchy that can hold a device ACL.
pub(in crate::host) fn hierarchies() -> Result<Hierarchies> {
    let mounts = read::text(Path::new("/proc/self/mountinfo"))?.unwrap_or_default();
    let own = read::text(Path::new("/proc/self/cgroup"))?.unwrap_or_default();
    Ok(find_hierarchies(&mounts, &own, Path::is_dir))
}

fn find_hierarchies(mounts: &str, own: &str, exists: impl Fn(&Path) -> bool) -> Hierarchies {
    let mut out = Hierarchies::default();
    for line in mounts.lines() {
        // … mount-point options … - type source super-options (Documentation/filesystems/proc.rst)
        let Some((head, tail)) = line.split_once(" - ") else { continue };
        let Some(mount) = head.split(' ').nth(4) else { continue };
        let mut tail = tail.split(' ');
        let (kind, options) = (tail.next(), tail.nth(1).unwrap_or_default());
        let has_devices = |list: &str| list.split(',').any(|one| one == "devices");
        let find = |wanted: &dyn Fn(&str, &str) -> bool| {
            let line = own.lines().find_map(|line| {
                let (id, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                wanted(id, controllers).then_some(path)
            })?;
            let inner = Path::new(mount).join(line.trim_start_matches('/'));
            // In a container the mount may show a part of the tree only.
            let found: PathBuf = if exists(&inner) { inner } else { PathBuf::from(mount) };
            // Without the slash that joining nothing leaves.
            Some(found.components().collect())
        };
        match kind {
            Some("cgroup2") => out.v2 = out.v2.or_else(|| find(&|id, _| id == "0")),
            Some("cgroup") if has_devices(options) => out.v1 = out.v1.or_else(|| find(&|_, list| has_devices(list))),
            Some(_) | None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_dead_but_not_yet_reaped_is_ending() {
        assert!(!is_ending(std::process::id()));
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(!is_ending(child.id()));
        child.kill().unwrap();
        let end = Instant::now() + Duration::from_secs(5);
        while !is_ending(child.id()) {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
        let pid = child.id();
        child.wait().unwrap();
        assert!(is_ending(pid), "gone");
    }

    #[test]
    fn finds_both_hierarchies_of_a_hybrid_host() {
        let mounts = "30 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n\
                      31 25 0:27 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n\
                      32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        let own = "5:devices:/a.slice\n1:cpu:/x\n0::/a.slice/b.service\n";
        let found = find_hierarchies(mounts, own, |_| true);
        assert_eq!(found.v2.as_deref(), Some(Path::new("/sys/fs/cgroup/unified/a.slice/b.service")));
        assert_eq!(found.v1.as_deref(), Some(Path::new("/sys/fs/cgroup/devices/a.slice")));
        let found = find_hierarchies(mounts, own, |_| false);
        assert_eq!(found.v1.as_deref(), Some(Path::new("/sys/fs/cgroup/devices")));
    }
}
