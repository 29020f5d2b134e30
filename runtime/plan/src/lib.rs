//! The plan: all that virtc can do to a host, as data.

mod arg;

pub use arg::{Arg, Hole, Part, Quote};
