//! A control group is made, and removed when it is empty.

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::group::Group;
use crate::host::linux::{LinuxHost, group};
use crate::host::resources::GroupOf;
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Make a control group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeCgroup {
    /// Which.
    pub group: Group,
}

impl Operation for MakeCgroup {
    fn describe(&self) -> String {
        format!("make control group {}", self.group)
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        group::make(&self.group)
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        host.read().has_group(&self.group)
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.set(&GroupOf(&self.group), Some(&()))
    }
}

/// Remove an empty control group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveCgroup {
    /// Which.
    pub group: Group,
}

impl Operation for RemoveCgroup {
    fn describe(&self) -> String {
        format!("remove control group {}", self.group)
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        group::remove(&self.group)
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(!host.read().has_group(&self.group)?)
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.set(&GroupOf(&self.group), None)
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        if !Model::read(host).processes(&self.group)?.is_empty() {
            return Err(crate::error::HostError::Unsuitable("group is busy".into()));
        }
        self.effect(host)
    }
}
