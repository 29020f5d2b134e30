//! Drivers of PCI functions, through sysfs. The kernel can take for ever to unbind one, so each write has a deadline.
#![expect(unsafe_code, reason = "a write that can hang is made in a child that can be given up")]

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use virtc_plan::PciAddress;

use super::LinuxRead;
use crate::error::HostError;
use crate::host::Result;

/// Binds a function to a driver, or to none. Nothing is written where that is so already.
pub(in crate::host) fn set_driver(
    host: &LinuxRead,
    device: PciAddress,
    driver: Option<&str>,
    deadline: Duration,
) -> Result<()> {
    let Some(now) = host.pci(device)? else {
        // Without the function there is nothing to unbind.
        return if driver.is_none() { Ok(()) } else { Err(HostError::Unsuitable(format!("{device} is gone"))) };
    };
    match (now.driver.as_deref(), driver) {
        (now, wanted) if now == wanted => Ok(()),
        (Some(_), None) => write(&host.function(device).join("driver/unbind"), &device.to_string(), deadline),
        (None, Some(driver)) => write(&host.driver(driver).join("bind"), &device.to_string(), deadline),
        (Some(other), Some(_)) => Err(HostError::Unsuitable(format!("{device} is bound to {other}"))),
        (None, None) => Ok(()),
    }
}

/// Sets `driver_override`, or clears it. Nothing is written where that is so already.
pub(in crate::host) fn set_override(
    host: &LinuxRead,
    device: PciAddress,
    driver: Option<&str>,
    deadline: Duration,
) -> Result<()> {
    match host.pci(device)? {
        Some(now) if now.driver_override.as_deref() == driver => Ok(()),
        None if driver.is_none() => Ok(()),
        Some(_) | None => write(&host.function(device).join("driver_override"), driver.unwrap_or("\n"), deadline),
    }
}

/// Writes a value to a file of sysfs in a child process. At the deadline the child is given up: a process that waits in the kernel
/// cannot be killed.
fn write(path: &Path, value: &str, deadline: Duration) -> Result<()> {
    let fail = |e: &dyn std::fmt::Display| HostError::system(&format!("write `{}` to", value.trim_end()), path, e);
    let file = OpenOptions::new().write(true).custom_flags(libc::O_CLOEXEC).open(path).map_err(|e| fail(&e))?;
    let (fd, bytes) = (file.as_raw_fd(), value.as_bytes());
    // SAFETY: the child calls nothing but write(2) and _exit(2), which are async-signal-safe, with values made before the fork.
    let child = match unsafe { fork() }.map_err(|e| fail(&e))? {
        ForkResult::Parent { child } => child,
        // SAFETY: as above; `bytes` lives in this copy of the memory.
        ForkResult::Child => unsafe {
            let written = libc::write(fd, bytes.as_ptr().cast(), bytes.len());
            libc::_exit(if written < 0 { *libc::__errno_location() } else { 0 })
        },
    };
    let end = Instant::now() + deadline;
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
            Ok(WaitStatus::Exited(_, errno)) => return Err(fail(&nix::Error::from_raw(errno))),
            Ok(WaitStatus::StillAlive) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
            Ok(WaitStatus::StillAlive) => {
                // It ends when the kernel lets it.
                let _ = nix::sys::signal::kill(child, nix::sys::signal::SIGKILL);
                let what = format!("write `{}` to {}", value.trim_end(), path.display());
                return Err(HostError::Hang { what, seconds: deadline.as_secs(), waiting: child.as_raw() });
            }
            Ok(other) => return Err(fail(&format!("the writing process ended: {other:?}"))),
            Err(nix::Error::EINTR) => {}
            Err(e) => return Err(fail(&e)),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "it reads what was written")]
mod tests {
    use super::*;
    use crate::config::RunConfig;

    /// As much of sysfs as can be files; what the kernel does when they are written is seen in `host::fake` and on real hosts.
    fn tree() -> (tempfile::TempDir, LinuxRead, PciAddress) {
        let root = tempfile::tempdir().unwrap();
        let device: PciAddress = "0000:03:10.1".parse().unwrap();
        let dir = root.path().join("bus/pci/devices/0000:03:10.1");
        let driver = root.path().join("bus/pci/drivers/igbvf");
        let group = root.path().join("kernel/iommu_groups/12");
        for made in [&dir, &driver, &group, &root.path().join("bus/pci/drivers/vfio-pci")] {
            std::fs::create_dir_all(made).unwrap();
        }
        std::os::unix::fs::symlink(&driver, dir.join("driver")).unwrap();
        std::os::unix::fs::symlink(&group, dir.join("iommu_group")).unwrap();
        std::fs::File::create(driver.join("unbind")).unwrap();
        std::fs::File::create(dir.join("driver_override")).unwrap();
        let config = RunConfig { sysfs: root.path().to_owned(), ..RunConfig::default() };
        (root, LinuxRead::new(&config), device)
    }

    #[test]
    fn reads_and_writes_where_sysfs_has_it() {
        let (root, host, device) = tree();
        let state = host.pci(device).unwrap().unwrap();
        assert_eq!((state.driver.as_deref(), state.group.as_deref()), (Some("igbvf"), Some("12")));
        assert_eq!(state.driver_override, None);
        let second = Duration::from_secs(1);
        set_driver(&host, device, None, second).unwrap();
        set_override(&host, device, Some("vfio-pci"), second).unwrap();
        let read = |path: &str| std::fs::read_to_string(root.path().join("bus/pci").join(path)).unwrap();
        assert_eq!(read("drivers/igbvf/unbind"), "0000:03:10.1");
        assert_eq!(read("devices/0000:03:10.1/driver_override"), "vfio-pci");
        let busy = set_driver(&host, device, Some("vfio-pci"), second).unwrap_err();
        assert_eq!(busy.to_string(), "0000:03:10.1 is bound to igbvf");
    }

    #[test]
    fn a_write_that_hangs_is_given_up() {
        let (root, host, device) = tree();
        let unbind = root.path().join("bus/pci/drivers/igbvf/unbind");
        std::fs::remove_file(&unbind).unwrap();
        nix::unistd::mkfifo(&unbind, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // A pipe that nobody empties hangs its writer once it is full.
        let keep = OpenOptions::new().read(true).write(true).open(&unbind).unwrap();
        nix::fcntl::fcntl(&keep, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        std::io::Write::write_all(&mut &keep, &[0; 4096]).unwrap();
        let error = set_driver(&host, device, None, Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, HostError::Hang { .. }), "{error}");
    }
}
