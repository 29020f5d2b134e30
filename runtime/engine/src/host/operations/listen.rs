//! A UNIX socket listens as a named descriptor.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::host::linux::{LinuxHost, files, sockets};
use crate::host::resources::{FileAt, Kind, Stat};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Make a listening UNIX socket as a named descriptor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The descriptor's name in the plan.
    pub fd: String,
    /// The socket's path.
    pub path: PathBuf,
    /// Its permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Its owner and group; absent: the caller.
    pub owner: Option<(u32, u32)>,
}

impl Operation for Listen {
    fn describe(&self) -> String {
        format!("listen on {} as descriptor `{}`", self.path.display(), self.fd)
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        let socket = sockets::listen(&self.path, self.mode, self.owner)?;
        host.read.descriptors.keep(&self.fd, socket, None);
        Ok(())
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.read().fd(&self.fd)?.is_some() && host.read().stat(&self.path)?.is_some())
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        let (uid, gid) = self.owner.map_or_else(|| host.read().caller(), Ok)?;
        host.set(&FileAt(&self.path), Some(&Stat { kind: Kind::Socket, uid, gid, mode: self.mode, id: (0, 0) }))?;
        host.open(&self.fd, None)
    }
}

/// Close a listening socket, and remove its path unless another process listens there meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopListening {
    /// The descriptor's name in the plan.
    pub fd: String,
    /// The socket's path.
    pub path: PathBuf,
}

impl Operation for StopListening {
    fn describe(&self) -> String {
        format!("stop listening on {}", self.path.display())
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        host.read.descriptors.close(std::slice::from_ref(&self.fd));
        // No other process can listen in a directory that only the caller can write to.
        let is_private = self.path.parent() == Some(host.state.dir());
        if is_private { files::remove_file(&self.path) } else { sockets::remove(&self.path) }
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        let host = host.read();
        let is_socket = host.stat(&self.path)?.is_some_and(|now| now.kind == Kind::Socket);
        Ok(host.fd(&self.fd)?.is_none() && (!is_socket || host.is_listening(&self.path)?))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        if host.read().stat(&self.path)?.is_some_and(|now| now.kind == Kind::Socket) {
            host.set(&FileAt(&self.path), None)?;
        }
        host.close(std::slice::from_ref(&self.fd))
    }
}
