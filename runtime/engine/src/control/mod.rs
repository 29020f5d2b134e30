//! The control socket of a running VM: varlink over a UNIX socket in its directory.
//!
//! Varlink (<https://varlink.org>) is JSON objects, each ended by a NUL byte; systemd's `varlinkctl` speaks it, and so does
//! [`Client`]. The `varlink` crate is not used: its server reads a message of any length without a deadline, does not look at who
//! connects, and its interfaces are meant to come from a code generator; without these it is what [`wire`] is.
//!
//! Only the user that runs the supervisor, and root, may connect (mode 0600, and the peer's credentials are looked at). A message has
//! at most [`LONGEST`] bytes, a connection that is silent for a minute is closed, and there are at most [`MOST_PEERS`] at a time.

mod client;
mod error;
mod server;
mod wire;

use serde::{Deserialize, Serialize};
use virtc_plan::DevicePlan;

pub use client::{CallError, Client};
pub(crate) use server::Server;

/// The file name of the control socket, in the VM's private directory.
pub const CONTROL_SOCKET: &str = "control.sock";

/// The longest message in bytes.
pub const LONGEST: usize = 16 << 20;

/// How many clients may be connected at a time.
pub const MOST_PEERS: usize = 16;

/// The name of the interface.
pub const INTERFACE: &str = "io.virtc.Machine";

/// The interface, in varlink's language.
pub const DESCRIPTION: &str = include_str!("io.virtc.Machine.varlink");

/// The status of the VM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
    /// QEMU's own run state, such as `running`.
    pub state: String,
    /// The number of QEMU's process; absent: it has ended.
    pub pid: Option<u32>,
}

/// The description of the running VM, as its client gave it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VmDescription {
    /// The text that was given at the start, or with the last device that was attached or updated; empty: none was.
    pub definition: String,
    /// How often a device was attached, detached or updated since the start, from 0.
    pub generation: u64,
    /// The aliases of devices that were detached since the text was given.
    pub released: Vec<String>,
}

/// What `Attach` and `Update` take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachArguments {
    /// The device.
    pub plan: DevicePlan,
    /// The text that describes the VM with the device; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// The generation that the plan was made from; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

/// What `Detach` takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetachArguments {
    /// The device.
    pub plan: DevicePlan,
}
