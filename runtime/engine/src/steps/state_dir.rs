//! The directory `{state}`: it belongs to QEMU's user, and is in the VM's private directory.
//!
//! The private directory (journal, lock, monitor socket, log) stays with the caller, so that a QEMU that was broken into cannot
//! rewrite what the runtime is going to do.

use super::{Context, is_plain};
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::{MakeDirectory, RemoveDirectory};

pub(super) fn change(directories: &[String], nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let mut path = context.state();
    if let Some(nth) = nth.checked_sub(1) {
        let Some(name) = directories.get(nth) else { return Ok(None) };
        if !name.split('/').all(is_plain) {
            return Err(HostError::Unsuitable(format!("`{name}` cannot be a directory in `{{state}}`")));
        }
        path = path.join(name);
    }
    if context.host.stat(&path)?.is_some() {
        return Err(HostError::Unsuitable(format!("{} exists already", path.display())));
    }
    let (uid, gid) = context.user.map_or_else(|| context.host.caller(), |user| Ok((user.uid, user.gid)))?;
    let make = MakeDirectory { path: path.clone(), mode: 0o700, uid, gid };
    Ok(Some(Change::new(make, RemoveDirectory { path })))
}
