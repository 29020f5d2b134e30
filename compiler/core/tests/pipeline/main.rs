//! Properties of the whole way from a text to a command line.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests: they read files")]

mod compiler;
mod fixed_point;
mod hotplug;
mod items;
mod places;
mod quoting;
mod slots;
