//! Requests to a running supervisor, through the control socket or from the caller of [`crate::run`].

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc;

use virtc_plan::DevicePlan;

use crate::control::AttachArguments;
use crate::error::{Failure, HostError};

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Add a device.
    Attach(Box<AttachArguments>),
    /// Change a device.
    Update(Box<AttachArguments>),
    /// Remove a device.
    Detach(Box<DevicePlan>),
    /// The description of what runs: [`VmDescription`](crate::control::VmDescription).
    Describe,
    /// Ask the guest to shut down.
    PowerDown,
    /// End QEMU at once.
    Quit,
    /// How it is: [`Status`](crate::control::Status).
    Status,
}

/// The answer to a request; an empty object where there is none to give.
pub type Reply = Result<serde_json::Value, Failure>;

/// The supervisor's end.
#[derive(Debug)]
pub struct Requests {
    queue: mpsc::Receiver<(Request, mpsc::Sender<Reply>)>,
    wake: OwnedFd,
}

/// The asking end. It can be cloned, and used from any thread.
#[derive(Debug, Clone)]
pub struct RequestSender {
    queue: mpsc::Sender<(Request, mpsc::Sender<Reply>)>,
    wake: std::sync::Arc<OwnedFd>,
}

/// Two ends of a queue of requests.
///
/// # Errors
/// The system has no descriptors left.
pub fn requests() -> Result<(RequestSender, Requests), HostError> {
    let (wake_in, wake_out) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK)
        .map_err(|e| HostError::System { what: "make a pipe".into(), why: e.to_string() })?;
    let (sender, receiver) = mpsc::channel();
    Ok((RequestSender { queue: sender, wake: wake_out.into() }, Requests { queue: receiver, wake: wake_in }))
}

impl RequestSender {
    /// Asks; the answer comes on the receiver when the supervisor has done it. A receiver that is closed without an answer means that
    /// the VM has ended.
    pub fn ask(&self, request: Request) -> mpsc::Receiver<Reply> {
        let (sender, receiver) = mpsc::channel();
        if self.queue.send((request, sender)).is_ok() {
            // A full pipe wakes the supervisor as well.
            let _ = nix::unistd::write(self.wake.as_fd(), &[1]);
        }
        receiver
    }
}

impl Requests {
    pub(crate) fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    pub(crate) fn take(&self) -> Option<(Request, mpsc::Sender<Reply>)> {
        let mut buffer = [0; 64];
        while nix::unistd::read(self.wake.as_fd(), &mut buffer).is_ok_and(|n| n > 0) {}
        self.queue.try_recv().ok()
    }
}
