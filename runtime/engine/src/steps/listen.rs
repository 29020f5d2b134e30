//! A listening socket in the private directory, handed to QEMU as a descriptor.

use virtc_plan::{MONITOR_FD, MONITOR_SOCKET};

use super::{Context, only};
use crate::change::{Change, Op};
use crate::error::HostError;
use crate::host::Result;

pub(super) fn change(fd: &str, socket: &str, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    only(nth, || {
        context.is_free(fd)?;
        let path = context.private(socket)?;
        if (fd == MONITOR_FD) != (socket == MONITOR_SOCKET) {
            return Err(HostError::Unfit(format!(
                "descriptor `{fd}` cannot have the socket `{socket}`: `{MONITOR_SOCKET}` and `{MONITOR_FD}` go together"
            )));
        }
        Ok(Change {
            redo: Op::Listen { fd: fd.to_owned(), path: path.clone() },
            undo: Op::Unlisten { fd: fd.to_owned(), path },
        })
    })
}
