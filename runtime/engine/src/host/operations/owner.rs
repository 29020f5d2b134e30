//! A node or file gets another owner.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::host::linux::{LinuxHost, files};
use crate::host::resources::FileAt;
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Set the owner of a node or file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetOwner {
    /// Its path, without symbolic links.
    pub path: PathBuf,
    /// Device and inode of the file that is meant: another one that has taken its name meanwhile keeps its owner.
    pub id: (u64, u64),
    /// The number of the owner, 0 to 2^32 - 2.
    pub uid: u32,
    /// The number of the group, 0 to 2^32 - 2.
    pub gid: u32,
}

impl Operation for SetOwner {
    fn describe(&self) -> String {
        format!("set owner of {} to {}:{}", self.path.display(), self.uid, self.gid)
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        files::set_owner(&self.path, self.id, self.uid, self.gid)
    }

    fn verify(&self, host: &dyn Host, is_revert: bool) -> Result<bool> {
        let wanted = (self.id, self.uid, self.gid);
        Ok(host.read().stat(&self.path)?.map_or(is_revert, |now| (now.id, now.uid, now.gid) == wanted))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.update(&FileAt(&self.path), |now| (now.uid, now.gid) = (self.uid, self.gid))
    }

    fn shared_property(&self) -> Option<String> {
        Some(format!("owner of {} {:?}", self.path.display(), self.id))
    }
}
