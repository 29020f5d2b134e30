//! The leaf types of the model.

pub(crate) mod arch;
mod origin;
mod set;
mod words;

pub use arch::Arch;
pub use origin::{DefaultRule, Opt, OptExt, Origin, Spanned};
pub use set::CpuSet;
pub(crate) use words::words;
pub use words::{CNumber, Hex, Leaf, Mac, Switch, SwitchAuto, Uuid, YesNo, unit_bytes};
