//! A listening socket, handed to QEMU as a descriptor.

use virtc_plan::{MONITOR_FD, MONITOR_SOCKET, Owner, SocketPlace};

use super::{Context, absolute, only};
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::{Listen, StopListening};
use crate::host::resources::Kind;

pub(super) fn change(fd: &str, at: &SocketPlace, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    only(nth, || socket(fd, at, context))
}

fn socket(fd: &str, at: &SocketPlace, context: &Context<'_>) -> Result<Change> {
    context.is_free(fd)?;
    if (fd == MONITOR_FD) != (*at == SocketPlace::Private(MONITOR_SOCKET.to_owned())) {
        return Err(HostError::Unsuitable(format!(
            "descriptor `{fd}` cannot have the socket {at}: `{MONITOR_SOCKET}` and `{MONITOR_FD}` go together"
        )));
    }
    let (path, mode, owner) = match at {
        SocketPlace::Private(name) => (context.private(name)?, 0o600, None),
        SocketPlace::Path(path) => (absolute(path)?, 0o660, context.owner(&Owner::Qemu)),
    };
    match context.host.stat(&path)?.map(|stat| stat.kind) {
        None => {}
        Some(Kind::Socket) if !context.host.is_listening(&path)? => {}
        Some(Kind::Socket) => {
            return Err(HostError::Unsuitable(format!("a process listens at {} already", path.display())));
        }
        Some(_) => {
            return Err(HostError::Unsuitable(format!("{} exists already, and is not a socket", path.display())));
        }
    }
    Ok(Change::new(
        Listen { fd: fd.to_owned(), path: path.clone(), mode, owner },
        StopListening { fd: fd.to_owned(), path },
    ))
}
