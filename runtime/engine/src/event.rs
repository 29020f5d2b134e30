//! What the engine tells while it works. The caller prints it, or not.

use crate::change::Op;
use crate::error::{HostError, Stuck};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A step begins.
    Step {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// Where it comes from.
        origin: String,
    },
    /// A write was made and read back.
    Made(&'a Op),
    /// A write was taken back.
    TakenBack(&'a Op),
    /// Something could not be taken back.
    Stuck(&'a Stuck),
    /// A step failed; everything is going to be taken back.
    Failed(&'a HostError),
    /// The guest runs. The time to tell systemd `READY=1`.
    Running {
        /// QEMU's process.
        pid: u32,
    },
    /// QEMU told of an event.
    Qemu {
        /// Its name.
        name: &'a str,
    },
    /// The guest was asked to switch itself off.
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
