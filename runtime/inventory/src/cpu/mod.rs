//! What `host-model` stands for: libvirt's CPU map, and the model of it that a CPU is described by.

mod decode;
mod map;

pub use decode::{CpuFacts, decode};
pub use map::CpuMap;
