//! What libvirt makes of a definition, and how that is compared with what virtc makes of it.

pub mod compile;
pub mod normal;
pub mod recorded;
