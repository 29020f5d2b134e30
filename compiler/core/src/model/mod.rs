//! The typed model of a domain, in libvirt's terms: the elements of `<domain>`, its devices and their storage. Each
//! type reads, fills in, checks and writes its element, and makes its options of QEMU. These modules use one another,
//! since a domain holds devices that are checked against the domain.

mod apart;
mod context;
mod defaults;
pub mod devices;
mod domain;
mod element;
pub mod elements;
mod facts;
pub mod slot;
pub mod storage;

pub use context::EmitContext;
pub use defaults::Defaults;
pub use domain::Domain;
pub(crate) use domain::{lower, lower_device, lower_running};
pub use element::Element;
pub use facts::Facts;
