//! A node or file gets another owner.

use virtc_plan::{Node, Owner};

use super::{Context, only};
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::SetOwner;

pub(super) fn change(node: &Node, owner: &Owner, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    // A QEMU that runs as the caller has what the caller has.
    let Some((uid, gid)) = context.owner(owner) else { return Ok(None) };
    only(nth, || {
        let path = context.node(node)?.ok_or_else(|| HostError::Unsuitable(format!("this host has no {node}")))?;
        let former = context.host.stat(&path)?;
        let former = former.ok_or_else(|| HostError::Unsuitable(format!("{} is gone", path.display())))?;
        let set = |uid, gid| SetOwner { path: path.clone(), id: former.id, uid, gid };
        Ok(Change::new(set(uid, gid), set(former.uid, former.gid)))
    })
}
