//! The limit on locked memory of the running QEMU. (Before the start it is part of the launch.)

use virtc_plan::Limit;

use super::{Context, only};
use crate::change::{Change, Op};
use crate::error::HostError;
use crate::host::Result;

pub(super) fn change(limit: Limit, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    only(nth, || {
        let group = context.group.clone();
        let former = context.host.memlock(&group)?;
        let former =
            former.ok_or_else(|| HostError::Unfit("the plan sets a limit of a QEMU that does not run".into()))?;
        Ok(Change { redo: Op::Memlock { group: group.clone(), limit }, undo: Op::Memlock { group, limit: former } })
    })
}
