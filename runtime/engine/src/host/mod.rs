//! The host as the engine sees it: what can be read, and the only way to write to it.
//!
//! A [`Resource`] is something on a host that can be read, such as a file or a PCI function. Two hosts implement [`Host`]: the real
//! one, `linux`, and one in memory for tests, `fake`. A dry run reads through `predict`, which lays the effects of changes over the real
//! host. Everything that is written is one of the `operations`.

#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod linux;
pub(crate) mod operations;
pub(crate) mod predict;
pub(crate) mod resources;
pub(crate) mod states;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::HostError;
use linux::LinuxRead;
use operations::HostOp;
use states::Known;

/// An answer of the host.
pub type Result<T> = std::result::Result<T, HostError>;

/// Something on a host that can be read.
pub trait Resource {
    /// What is read of it.
    type State: Serialize + DeserializeOwned;

    /// Its kind and name, different for each resource: `file /dev/null`.
    fn name(&self) -> String;

    /// Reads it on Linux; `None` where the host does not have it.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, linux: &LinuxRead) -> Result<Option<Self::State>>;
}

/// A host that can be read, with `get`.
pub trait HostRead {
    /// What is known of the resource with this name without reading it on Linux.
    fn known(&self, name: &str) -> Known<'_>;

    /// Linux, where everything is read that is not known; `None`: the host is in memory, and does not have what is not known.
    fn linux(&self) -> Option<&LinuxRead>;
}

impl dyn HostRead + '_ {
    /// The state of a resource, `None` where the host does not have it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn get<R: Resource>(&self, resource: &R) -> Result<Option<R::State>> {
        match self.known(&resource.name()) {
            Known::Present(value) => states::state(value).map(Some),
            Known::Absent => Ok(None),
            Known::Unknown => self.linux().map_or(Ok(None), |linux| resource.read(linux)),
        }
    }
}

/// A host that can be written to. All methods that write are here, and only the engine calls them.
pub trait Host {
    /// The host, for reading.
    fn read(&self) -> &dyn HostRead;
    /// Whether QEMU's monitor is connected.
    fn is_connected(&self) -> bool;
    /// Makes one write. It is made only after it is journaled.
    fn apply(&mut self, op: &HostOp) -> Result<()>;
    /// Adds a line to the journal, and returns when it is on disk.
    fn record(&mut self, line: &str) -> Result<()>;
    /// The journal's whole lines; a torn last line is cut off.
    fn recorded(&mut self) -> Result<String>;
    /// Removes journal and lock: everything was reverted.
    fn finish(&mut self) -> Result<()>;
}
