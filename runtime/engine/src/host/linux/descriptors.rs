//! The descriptors that are open here, by their names in the plan.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::error::HostError;
use crate::host::Result;
use crate::host::resources::FdInfo;

/// Named descriptors, each with the network interface that it is a queue of.
#[derive(Debug, Default)]
pub(crate) struct Descriptors(BTreeMap<String, (OwnedFd, Option<String>)>);

impl Descriptors {
    /// What is known of a descriptor, `None` where it is not open.
    pub fn info(&self, name: &str) -> Option<FdInfo> {
        let (fd, interface) = self.0.get(name)?;
        Some(FdInfo { number: fd.as_raw_fd().to_string(), interface: interface.clone() })
    }

    /// The descriptor itself.
    ///
    /// # Errors
    /// It is not open.
    pub(in crate::host) fn borrow(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let (fd, _) =
            self.0.get(name).ok_or_else(|| HostError::Unsuitable(format!("no descriptor `{name}` is open")))?;
        Ok(fd.as_fd())
    }

    /// Keeps a descriptor open under this name.
    pub(in crate::host) fn keep(&mut self, name: &str, fd: OwnedFd, interface: Option<String>) {
        self.0.insert(name.to_owned(), (fd, interface));
    }

    /// Closes these, as far as they are open.
    pub(in crate::host) fn close(&mut self, names: &[String]) {
        self.0.retain(|name, _| !names.contains(name));
    }
}
