//! What the typed model is made of.

mod origin;
mod words;

pub use origin::{Opt, OptExt, Origin, Rule, Spanned};
pub(crate) use words::words;
pub use words::{CpuSet, Leaf, Mac, Switch, SwitchAuto, Uuid, YesNo, unit_bytes};
