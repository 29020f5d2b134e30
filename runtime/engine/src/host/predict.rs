//! A host with predicted effects laid over it, for a dry run. What cannot be known yet is a placeholder in braces.

use super::linux::LinuxRead;
use super::resources::{DescriptorNamed, FdInfo};
use super::states::{Known, Model, States};
use super::{HostRead, Result};

/// The overlay.
pub(crate) struct Predict<'a> {
    host: &'a dyn HostRead,
    states: States,
}

impl<'a> Predict<'a> {
    /// A host on which nothing was done yet.
    pub fn over(host: &'a dyn HostRead) -> Self {
        Self { host, states: States::default() }
    }
}

impl HostRead for Predict<'_> {
    fn known(&self, name: &str) -> Known<'_> {
        match self.states.known(name) {
            Known::Unknown => self.host.known(name),
            known @ (Known::Absent | Known::Present(_)) => known,
        }
    }

    fn linux(&self) -> Option<&LinuxRead> {
        self.host.linux()
    }
}

impl Model for Predict<'_> {
    fn read(&self) -> &dyn HostRead {
        self
    }

    fn states(&mut self) -> &mut States {
        &mut self.states
    }

    fn open(&mut self, fd: &str, interface: Option<&str>) -> Result<()> {
        let info = FdInfo { number: format!("{{fd:{fd}}}"), interface: interface.map(ToOwned::to_owned) };
        self.states.set(&DescriptorNamed(fd), Some(&info))
    }

    fn close(&mut self, fds: &[String]) -> Result<()> {
        fds.iter().try_for_each(|fd| self.states.set(&DescriptorNamed(fd), None))
    }
}
