//! A node or file goes to another owner.

use virtc_plan::{Node, Owner};

use super::{Context, only};
use crate::change::{Change, Op};
use crate::error::HostError;
use crate::host::Result;

pub(super) fn change(node: &Node, owner: &Owner, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    // A QEMU that runs as the caller has what the caller has.
    let Some((uid, gid)) = context.owner(owner) else { return Ok(None) };
    only(nth, || {
        let path = context.node(node)?.ok_or_else(|| HostError::Unfit(format!("this host has no {node}")))?;
        let former = context.host.stat(&path)?;
        let former = former.ok_or_else(|| HostError::Unfit(format!("{} is gone", path.display())))?;
        Ok(Change {
            redo: Op::Owner { path: path.clone(), id: former.id, uid, gid },
            undo: Op::Owner { path, id: former.id, uid: former.uid, gid: former.gid },
        })
    })
}
