//! The limit on locked memory (`RLIMIT_MEMLOCK`) of the running QEMU.

use serde::{Deserialize, Serialize};
use virtc_plan::Limit;

use super::Operation;
use crate::group::Group;
use crate::host::linux::{LinuxHost, group};
use crate::host::resources::MemlockOf;
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Set the limit on locked memory of every process of the group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetMemlock {
    /// Which group.
    pub group: Group,
    /// The limit.
    pub limit: Limit,
}

impl Operation for SetMemlock {
    fn describe(&self) -> String {
        format!("set the limit on locked memory in {} to {}", self.group, self.limit)
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        group::set_memlock(&self.group, self.limit)
    }

    fn verify(&self, host: &dyn Host, is_revert: bool) -> Result<bool> {
        Ok(host.read().get(&MemlockOf(&self.group))?.map_or(is_revert, |now| now == self.limit))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.update(&MemlockOf(&self.group), |now| *now = self.limit)
    }

    fn shared_property(&self) -> Option<String> {
        Some(format!("locked memory in {}", self.group))
    }
}
