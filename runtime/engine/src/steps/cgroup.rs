//! QEMU's control group, with its device ACL. Without control groups the step has nothing to do.

use virtc_plan::DeviceRule;

use super::{Context, rules};
use crate::acl::AclTable;
use crate::change::Change;
use crate::error::HostError;
use crate::group::Group;
use crate::host::Result;
use crate::host::operations::{MakeCgroup, RemoveCgroup, SetDeviceAcl};

pub(super) fn change(more: &[DeviceRule], nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let group = context.group.clone();
    if matches!(group, Group::ByEnvironment(_)) {
        return Ok(None);
    }
    match nth {
        0 if context.host.has_group(&group)? => {
            Err(HostError::Unsuitable(format!("the control group {group} exists already")))
        }
        0 => Ok(Some(Change::new(MakeCgroup { group: group.clone() }, RemoveCgroup { group }))),
        1 => {
            let mut all = rules::default(context)?;
            all.extend(rules::resolve(more, context)?);
            let table = AclTable::from([(String::new(), all)]);
            let set = |table| SetDeviceAcl { group: group.clone(), table };
            Ok(Some(Change::new(set(Some(table)), set(None))))
        }
        _ => Ok(None),
    }
}
