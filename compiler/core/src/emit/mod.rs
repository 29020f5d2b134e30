//! `Machine` to output: command line, shell script, plan, QMP.

pub mod argv;
pub mod hotplug;
pub mod plan;
pub mod script;
