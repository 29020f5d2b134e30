//! QEMU's control group, with its device ACL. Without control groups the step has nothing to do.

use virtc_plan::DeviceRule;

use super::{Context, rules};
use crate::change::{AclTable, Change, Group, Op};
use crate::error::HostError;
use crate::host::Result;

pub(super) fn change(more: &[DeviceRule], nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let group = context.group.clone();
    if matches!(group, Group::Marked(_)) {
        return Ok(None);
    }
    match nth {
        0 if context.host.has_group(&group)? => {
            Err(HostError::Unfit(format!("the control group {group} exists already")))
        }
        0 => Ok(Some(Change { redo: Op::MakeGroup { group: group.clone() }, undo: Op::RemoveGroup { group } })),
        1 => {
            let mut all = rules::default(context)?;
            all.extend(rules::resolve(more, context)?);
            let table = AclTable::from([(String::new(), all)]);
            Ok(Some(Change {
                redo: Op::Acl { group: group.clone(), table: Some(table) },
                undo: Op::Acl { group, table: None },
            }))
        }
        _ => Ok(None),
    }
}
