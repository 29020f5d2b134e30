//! A file is opened as a named descriptor, and made first where the plan wants that.

use virtc_plan::{Content, OpenMode};

use super::{Context, absolute};
use crate::change::Change;
use crate::host::Result;
use crate::host::operations::{Close, MakeFile, Open, RemoveEmpty};

pub(super) struct Wanted<'a> {
    pub fd: &'a str,
    pub path: &'a str,
    pub mode: OpenMode,
    pub create: bool,
    pub content: Content,
}

pub(super) fn change(wanted: &Wanted<'_>, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let path = absolute(wanted.path)?;
    if nth == 0 {
        context.is_free(wanted.fd)?;
    }
    if nth == 0 && wanted.create && context.host.stat(&path)?.is_none() {
        return Ok(Some(Change::new(MakeFile { path: path.clone() }, RemoveEmpty { path })));
    }
    if context.host.fd(wanted.fd)?.is_some() {
        return Ok(None);
    }
    Ok(Some(Change::new(
        Open { fd: wanted.fd.to_owned(), path, mode: wanted.mode, content: wanted.content },
        Close { fds: vec![wanted.fd.to_owned()] },
    )))
}
