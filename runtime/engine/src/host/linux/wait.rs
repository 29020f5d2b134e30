//! Waiting for several things at once, and for signals as one of them.
#![expect(unsafe_code, reason = "pidfd_open(2) has no safe wrapper")]

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::HostError;
use crate::host::Result;

/// The requests to end that come as signals: `SIGINT`, `SIGTERM`, `SIGHUP`. As long as this exists they do not end this thread's process.
pub(crate) struct Signals {
    set: SigSet,
    fd: SignalFd,
}

impl Signals {
    /// Takes these signals over.
    pub fn take() -> Result<Self> {
        let fail = |e: nix::Error| HostError::System { what: "take over signals".into(), why: e.to_string() };
        let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        set.thread_block().map_err(fail)?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(fail)?;
        Ok(Self { set, fd })
    }

    /// What becomes readable when one came.
    pub fn watch(&self) -> Result<OwnedFd> {
        let copy = self.fd.as_fd().try_clone_to_owned();
        copy.map_err(|e| HostError::System { what: "take over signals".into(), why: e.to_string() })
    }

    /// How many came since the last question.
    pub fn count(&mut self) -> usize {
        let mut count = 0;
        while let Ok(Some(_)) = self.fd.read_signal() {
            count += 1;
        }
        count
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // A signal that came too late is of no more use.
        self.count();
        let _ = self.set.thread_unblock();
    }
}

/// A descriptor that becomes readable when a process ends.
pub(crate) fn process_end(pid: u32) -> Result<OwnedFd> {
    // SAFETY: no pointers; the descriptor that is answered is new, and close-on-exec.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = nix::errno::Errno::result(answer)
        .map_err(|e| HostError::System { what: format!("watch process {pid}"), why: e.to_string() })?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(libc::c_int::try_from(fd).unwrap_or(-1)) })
}

/// Waits until one of the descriptors is readable, or the time is over.
pub(crate) fn wait_for_input(fds: &[BorrowedFd<'_>], time: Duration) -> Result<()> {
    let mut fds: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    // Rounded up, so that the end of a deadline is not awaited in a busy loop.
    let time = PollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, time) {
        Ok(_) | Err(nix::Error::EINTR) => Ok(()),
        Err(e) => Err(HostError::System { what: "wait".into(), why: e.to_string() }),
    }
}
