//! `Machine` to output: renderings of what `prepare` made.

pub mod argv;
pub mod hotplug;
pub mod plan;
pub mod script;
