//! The plan: all that virtc can do to a host, as data.
//!
//! A plan knows no XML and touches no host. It is the whole interface between the compiler and the runtime: [`step::Step`] is
//! everything that can be done to a host, [`document`] is the file format, [`qmp`] are the commands to a running QEMU. `to_text` shows a plan to people.

mod arg;
pub mod document;
pub mod node;
pub mod qmp;
pub mod step;
mod text;
mod values;

pub use arg::{Arg, Part, Placeholder, Quote};
pub use document::{Action, DevicePlan, DomainId, FORMAT, Origin, Plan, PlannedStep, ReadError};
pub use node::{Access, DeviceKind, DeviceRule, Node};
pub use qmp::{Await, QmpCall, QmpCommand, QmpScript};
pub use step::{MONITOR_FD, MONITOR_SOCKET, Step};
pub use values::{Content, Limit, OpenMode, Owner, SocketPlace, UserPolicy};
pub use virtc_address::PciAddress;
