//! More rules for the device ACL, under the name of the device that needs them.

use virtc_plan::DeviceRule;

use super::{Context, only, rules};
use crate::acl::AclTable;
use crate::change::Change;
use crate::error::HostError;
use crate::group::Group;
use crate::host::Result;
use crate::host::operations::SetDeviceAcl;

pub(super) fn change(more: &[DeviceRule], nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    if matches!(context.group, Group::ByEnvironment(_)) {
        return Ok(None);
    }
    only(nth, || {
        let Some(former) = context.acl else {
            return Err(HostError::Unsuitable("the plan allows a device before it makes the control group".into()));
        };
        let mut table = former.clone();
        table.entry(context.device.to_owned()).or_default().extend(rules::resolve(more, context)?);
        Ok(replace(context.group, former.clone(), table))
    })
}

/// The change from one table to another.
pub(crate) fn replace(group: &Group, former: AclTable, table: AclTable) -> Change {
    let set = |table| SetDeviceAcl { group: group.clone(), table: Some(table) };
    Change::new(set(table), set(former))
}
