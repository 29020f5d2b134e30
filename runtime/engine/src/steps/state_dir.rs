//! The directory that `{state}` stands for: QEMU's own, inside the VM's private directory.
//!
//! The private directory (journal, lock, monitor socket, log) stays with the caller, so that a QEMU that was broken into cannot
//! rewrite what the runtime is going to do.

use super::{Context, is_plain};
use crate::change::{Change, Op};
use crate::error::HostError;
use crate::host::Result;

pub(super) fn change(directories: &[String], nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let mut path = context.state();
    if let Some(nth) = nth.checked_sub(1) {
        let Some(name) = directories.get(nth) else { return Ok(None) };
        if !name.split('/').all(is_plain) {
            return Err(HostError::Unfit(format!("`{name}` cannot be a directory in `{{state}}`")));
        }
        path = path.join(name);
    }
    if context.host.stat(&path)?.is_some() {
        return Err(HostError::Unfit(format!("{} exists already", path.display())));
    }
    let (uid, gid) = context.user.map_or_else(|| context.host.caller(), |user| (user.uid, user.gid));
    Ok(Some(Change { redo: Op::MakeDir { path: path.clone(), mode: 0o700, uid, gid }, undo: Op::RemoveDir { path } }))
}
