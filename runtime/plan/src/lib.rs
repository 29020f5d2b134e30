//! The plan: all that virtc can do to a host, as data.
//!
//! A plan knows no XML and touches no host. It is the whole interface between the compiler and the runtime: [`step::Step`] is
//! everything that can be done to a host, [`document`] is the file it travels in, [`qmp`] is what is said to a running QEMU.

mod arg;
pub mod document;
pub mod node;
pub mod qmp;
pub mod step;

pub use arg::{Arg, Hole, Part, Quote};
pub use document::{Action, DevicePlan, DomainId, FORMAT, Origin, Plan, PlannedStep, ReadError};
pub use node::{Access, DeviceKind, DeviceRule, Node};
pub use qmp::{Await, QmpCall, QmpCommand, QmpScript};
pub use step::{Content, Limit, MONITOR_FD, MONITOR_SOCKET, OpenMode, Owner, SocketPlace, Step, UserPolicy};
pub use virtc_address::PciAddress;
