//! The device ACL of a control group, always replaced as a whole.

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::acl::{AclRule, AclTable, union};
use crate::group::Group;
use crate::host::linux::{LinuxHost, LinuxRead, acl};
use crate::host::states::{Known, Model, state};
use crate::host::{Host, Resource, Result};

/// Replace the device ACL of a control group, or remove it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetDeviceAcl {
    /// Which group.
    pub group: Group,
    /// The rules by who needs them; absent: everything is allowed.
    pub table: Option<AclTable>,
}

/// The rules of a group.
///
/// Linux cannot list them, only compare them (`acl::is_set`): `read` is not used.
struct RulesOf<'a>(&'a Group);

impl Resource for RulesOf<'_> {
    type State = Vec<AclRule>;

    fn name(&self) -> String {
        format!("device-acl {}", self.0)
    }

    fn read(&self, _linux: &LinuxRead) -> Result<Option<Vec<AclRule>>> {
        Ok(None)
    }
}

impl SetDeviceAcl {
    fn rules(&self) -> Option<Vec<AclRule>> {
        self.table.as_ref().map(union)
    }
}

impl Operation for SetDeviceAcl {
    fn describe(&self) -> String {
        let Some(rules) = self.rules() else { return format!("remove the device ACL of {}", self.group) };
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        format!("set the device ACL of {} to: {}", self.group, rules.join(", "))
    }

    fn apply(&self, _host: &mut LinuxHost) -> Result<()> {
        acl::set(&self.group, self.rules().as_deref())
    }

    fn verify(&self, host: &dyn Host, is_revert: bool) -> Result<bool> {
        let (host, wanted) = (host.read(), self.rules());
        if is_revert && !host.has_group(&self.group)? {
            return Ok(true);
        }
        match (host.known(&RulesOf(&self.group).name()), host.linux()) {
            (Known::Present(now), _) => Ok(Some(state::<Vec<AclRule>>(now)?) == wanted),
            (Known::Unknown, Some(_)) => acl::is_set(&self.group, wanted.as_deref()),
            (Known::Unknown, None) | (Known::Absent, _) => Ok(wanted.is_none()),
        }
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        host.set(&RulesOf(&self.group), self.rules().as_ref())
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        if self.table.is_some() && !Model::read(host).has_group(&self.group)? {
            return Err(crate::error::HostError::Unsuitable("no such group".into()));
        }
        self.effect(host)
    }

    /// It is replaced by a table without the device, not by a former one.
    fn is_settled_by_detach(&self) -> bool {
        true
    }

    fn device_acl(&self) -> Option<(&Group, &AclTable)> {
        self.table.as_ref().map(|table| (&self.group, table))
    }
}

#[cfg(test)]
impl crate::host::fake::Fake {
    /// The rules of a group, as text.
    pub fn rules_of(&self, group: &Group) -> Vec<String> {
        let rules = Model::read(self).get(&RulesOf(group)).unwrap().unwrap_or_default();
        rules.iter().map(ToString::to_string).collect()
    }
}
