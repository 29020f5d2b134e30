//! A file is opened as a named descriptor; descriptors are closed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use virtc_plan::{Content, OpenMode};

use super::Operation;
use crate::host::linux::{LinuxHost, files};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Open a file as a named descriptor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The descriptor's name in the plan.
    pub fd: String,
    /// The file.
    pub path: PathBuf,
    /// How.
    pub mode: OpenMode,
    /// What happens to its content.
    pub content: Content,
}

impl Operation for Open {
    fn describe(&self) -> String {
        let Self { fd, path, mode, content } = self;
        format!("open {} for {mode}{content} as descriptor `{fd}`", path.display())
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        let open = files::open(&self.path, self.mode, self.content)?;
        host.read.descriptors.keep(&self.fd, open, None);
        Ok(())
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().fd(&self.fd)?.is_some())
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.open(&self.fd, None)
    }
}

/// Close named descriptors, as far as they are open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The descriptors' names in the plan.
    pub fds: Vec<String>,
}

impl Operation for Close {
    fn describe(&self) -> String {
        format!("close descriptors {}", self.fds.join(", "))
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        host.read.descriptors.close(&self.fds);
        Ok(())
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        for fd in &self.fds {
            if host.read().fd(fd)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.close(&self.fds)
    }
}
