//! A template is copied to a file that does not exist yet. The file is the guest's data from then on, and stays.

use std::path::PathBuf;

use virtc_plan::Owner;

use super::{Context, absolute, only};
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::{CopyFile, RemovePartial};

pub(super) fn change(
    from: Option<&str>,
    to: &str,
    owner: &Owner,
    nth: usize,
    context: &Context<'_>,
) -> Result<Option<Change>> {
    let to = absolute(to)?;
    if nth > 0 || context.host.stat(&to)?.is_some() {
        return Ok(None);
    }
    let Some(from) = from else {
        return Err(HostError::Unsuitable(format!("{} does not exist, and there is no template for it", to.display())));
    };
    let from = absolute(from)?;
    if context.host.canonical(&from)?.is_none() {
        return Err(HostError::Unsuitable(format!(
            "{} does not exist, and neither does its template {}",
            to.display(),
            from.display()
        )));
    }
    if let Some(parent) = to.parent()
        && context.host.canonical(parent)?.is_none()
    {
        return Err(HostError::Unsuitable(format!("the directory {} does not exist", parent.display())));
    }
    only(nth, || {
        let (uid, gid) = context.owner(owner).map_or_else(|| context.host.caller(), Ok)?;
        let mut part = to.clone().into_os_string();
        part.push(".virtc-part");
        let part = PathBuf::from(part);
        Ok(Change::new(CopyFile { from, part: part.clone(), to, uid, gid }, RemovePartial { part }))
    })
}
