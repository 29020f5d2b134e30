//! What the typed model is made of.

mod origin;
mod set;
mod words;

pub use origin::{Opt, OptExt, Origin, Rule, Spanned};
pub use set::CpuSet;
pub(crate) use words::words;
pub use words::{Hex, Leaf, Mac, Switch, SwitchAuto, Uuid, YesNo, unit_bytes};
