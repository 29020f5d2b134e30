//! The CPU of `host-model`: libvirt's CPU map, and the model in it that describes a CPU.

mod decode;
mod map;

pub use decode::{CpuFacts, decode};
pub use map::CpuMap;
