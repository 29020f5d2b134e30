//! QEMU's side: options with their values, character devices in both of their forms, and requirements on the host.

pub mod chardev;
mod item;
pub(crate) mod render;
pub(crate) mod requirements;
pub mod rules;
mod text;
mod value;

pub use item::{ArgSection, Payload, QemuOption, QemuOptions};
pub use render::{json_arg, opts_arg, word_arg};
pub use requirements::{HostRequirements, RequirementsOf};
pub use text::{Text, fd, secret_iv, secret_text, state};
pub use value::{Key, Opts, Props, Value};
