//! A file is opened as a named descriptor.

use virtc_plan::OpenMode;

use super::{Context, absolute, only};
use crate::change::{Change, Op};
use crate::host::Result;

pub(super) fn change(
    fd: &str,
    path: &str,
    mode: OpenMode,
    nth: usize,
    context: &Context<'_>,
) -> Result<Option<Change>> {
    only(nth, || {
        context.is_free(fd)?;
        Ok(Change {
            redo: Op::Open { fd: fd.to_owned(), path: absolute(path)?, mode },
            undo: Op::Close { fds: vec![fd.to_owned()] },
        })
    })
}
