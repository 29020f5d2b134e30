//! The limit on locked memory of the running QEMU. (Before the start it is part of the launch.)

use virtc_plan::Limit;

use super::{Context, only};
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::SetMemlock;
use crate::host::resources::MemlockOf;

pub(super) fn change(limit: Limit, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    only(nth, || {
        let group = context.group.clone();
        let former = context.host.get(&MemlockOf(&group))?;
        let former =
            former.ok_or_else(|| HostError::Unsuitable("the plan sets a limit of a QEMU that does not run".into()))?;
        Ok(Change::new(SetMemlock { group: group.clone(), limit }, SetMemlock { group, limit: former }))
    })
}
