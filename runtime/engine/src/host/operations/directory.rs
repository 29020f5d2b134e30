//! A directory is made, and removed with all that is in it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::host::linux::{LinuxHost, files};
use crate::host::resources::{FileAt, Kind, Stat};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Make a directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeDirectory {
    /// Its path.
    pub path: PathBuf,
    /// Its permission bits, 0 to 0o7777.
    pub mode: u32,
    /// The number of its owner, 0 to 2^32 - 2.
    pub uid: u32,
    /// The number of its group, 0 to 2^32 - 2.
    pub gid: u32,
}

impl Operation for MakeDirectory {
    fn describe(&self) -> String {
        let Self { path, mode, uid, gid } = self;
        format!("make directory {} (mode {mode:04o}, owner {uid}:{gid})", path.display())
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        files::make_dir(&self.path, self.mode, self.uid, self.gid)
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        let wanted = (Kind::Directory, self.mode, self.uid, self.gid);
        Ok(host.read().stat(&self.path)?.is_some_and(|now| (now.kind, now.mode, now.uid, now.gid) == wanted))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        let Self { ref path, mode, uid, gid } = *self;
        host.set(&FileAt(path), Some(&Stat { kind: Kind::Directory, uid, gid, mode, id: (0, 0) }))
    }
}

/// Remove a directory in the VM's private directory, with all that is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveDirectory {
    /// Its path.
    pub path: PathBuf,
}

impl Operation for RemoveDirectory {
    fn describe(&self) -> String {
        format!("remove directory {}", self.path.display())
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        files::remove_dir(&self.path, host.state.dir())
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().stat(&self.path)?.is_none())
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.set(&FileAt(&self.path), None)
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        use crate::host::Resource;
        let (own, inside) = (FileAt(&self.path).name(), FileAt(&self.path.join("")).name());
        host.world.states.forget(|name| name == own || name.starts_with(&inside));
        Ok(())
    }
}
