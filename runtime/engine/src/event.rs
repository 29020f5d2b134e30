//! What the engine reports while it works. The caller may print it.

use crate::error::{HostError, RevertFailed};
use crate::host::operations::HostOp;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A step begins.
    Step {
        /// Its number, from 1.
        number: usize,
        /// How many there are, at least 1.
        of: usize,
        /// Where it comes from.
        origin: String,
    },
    /// A write was made and read back.
    Applied(&'a HostOp),
    /// A write was reverted.
    Reverted(&'a HostOp),
    /// Something could not be reverted.
    RevertFailed(&'a RevertFailed),
    /// A step failed; everything is going to be reverted.
    Failed(&'a HostError),
    /// The guest runs. Now systemd may be notified (`READY=1`).
    Running {
        /// The number of QEMU's process, from 1.
        pid: u32,
    },
    /// QEMU emitted an event.
    Qemu {
        /// Its name.
        name: &'a str,
    },
    /// The guest was asked to shut down.
    AskedToPowerDown,
    /// QEMU was asked to quit.
    AskedToQuit,
    /// QEMU is being killed.
    Killing,
    /// QEMU ended.
    Ended {
        /// How: an exit status or a signal.
        status: &'a str,
    },
    /// A device was added.
    Attached(&'a str),
    /// A device was changed.
    Updated(&'a str),
    /// A device was removed.
    Detached(&'a str),
}
