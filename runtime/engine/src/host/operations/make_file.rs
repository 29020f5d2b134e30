//! An empty file is made where there is none, and removed while it is empty.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::host::linux::{LinuxHost, files};
use crate::host::resources::{FileAt, Kind, Stat};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Make an empty file, mode 0600, where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeFile {
    /// Its path.
    pub path: PathBuf,
}

impl Operation for MakeFile {
    fn describe(&self) -> String {
        format!("make file {}", self.path.display())
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        files::make_file(&self.path)
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().stat(&self.path)?.is_some())
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        if host.read().stat(&self.path)?.is_some() {
            return Ok(());
        }
        let (uid, gid) = host.read().caller()?;
        host.set(&FileAt(&self.path), Some(&Stat { kind: Kind::EmptyFile, uid, gid, mode: 0o600, id: (0, 0) }))
    }
}

/// Remove a file that is empty; one with content stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveEmpty {
    /// Its path.
    pub path: PathBuf,
}

impl Operation for RemoveEmpty {
    fn describe(&self) -> String {
        format!("remove {} if it is empty", self.path.display())
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        files::remove_empty(&self.path)
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().stat(&self.path)?.is_none_or(|now| now.kind != Kind::EmptyFile))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        match host.read().stat(&self.path)? {
            Some(now) if now.kind == Kind::EmptyFile => host.set(&FileAt(&self.path), None),
            Some(_) | None => Ok(()),
        }
    }
}
