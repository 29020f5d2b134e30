//! A file is copied under a temporary name, and then renamed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::error::HostError;
use crate::host::linux::{LinuxHost, files};
use crate::host::resources::{FileAt, Stat};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Make a file, mode 0600, with the content of another: written under a temporary name in the same directory, and then renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyFile {
    /// The template.
    pub from: PathBuf,
    /// The path under the temporary name.
    pub part: PathBuf,
    /// The path.
    pub to: PathBuf,
    /// The number of its owner, 0 to 2^32 - 2.
    pub uid: u32,
    /// The number of its group, 0 to 2^32 - 2.
    pub gid: u32,
}

impl Operation for CopyFile {
    fn describe(&self) -> String {
        format!("copy {} to {}", self.from.display(), self.to.display())
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        files::copy(&self.from, &self.part, &self.to, (self.uid, self.gid))
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().stat(&self.to)?.is_some() && host.read().stat(&self.part)?.is_none())
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        if host.read().stat(&self.to)?.is_some() {
            return Ok(());
        }
        let template = host.read().stat(&self.from)?;
        let template = template.ok_or_else(|| HostError::Unsuitable(format!("{} is gone", self.from.display())))?;
        let copy = Stat { uid: self.uid, gid: self.gid, mode: 0o600, id: (0, 0), ..template };
        host.set(&FileAt(&self.to), Some(&copy))
    }
}

/// Remove what is left of a copy that was not finished. The copy itself stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovePartial {
    /// The path under the temporary name.
    pub part: PathBuf,
}

impl Operation for RemovePartial {
    fn describe(&self) -> String {
        format!("remove {}", self.part.display())
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        files::remove_file(&self.part)
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().stat(&self.part)?.is_none())
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.set(&FileAt(&self.part), None)
    }
}
