//! Directories, owners, descriptors of files, listening sockets.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, lchown};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::fcntl::OFlag;
use virtc_plan::OpenMode;

use crate::error::HostError;
use crate::host::Result;

pub(super) fn make_dir(path: &Path, mode: u32, uid: u32, gid: u32) -> Result<()> {
    let fail = |e: std::io::Error| HostError::system("make directory", path, e);
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            if !std::fs::symlink_metadata(path).map_err(fail)?.is_dir() {
                return Err(fail(e));
            }
        }
        other => other.map_err(fail)?,
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(fail)?;
    lchown(path, Some(uid), Some(gid)).map_err(fail)
}

/// Removes a directory with all that is in it, but only inside `inside`.
pub(super) fn remove_dir(path: &Path, inside: &Path) -> Result<()> {
    let is_inside = path.strip_prefix(inside).is_ok_and(|rest| {
        rest.components().count() > 0 && rest.components().all(|c| matches!(c, std::path::Component::Normal(_)))
    });
    if !is_inside {
        return Err(HostError::Unfit(format!("{} is not in {}, and stays", path.display(), inside.display())));
    }
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(HostError::system("remove directory", path, e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(HostError::system("remove", path, e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A path that is gone needs no owner.
pub(super) fn set_owner(path: &Path, uid: u32, gid: u32) -> Result<()> {
    match lchown(path, Some(uid), Some(gid)) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(HostError::system("set the owner of", path, e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn open(path: &Path, mode: OpenMode) -> Result<OwnedFd> {
    let mut options = OpenOptions::new();
    options
        .read(matches!(mode, OpenMode::Read | OpenMode::ReadWrite))
        .write(matches!(mode, OpenMode::Write | OpenMode::ReadWrite))
        // Not to hang on a FIFO that nobody reads.
        .custom_flags((OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits());
    let file = options.open(path).map_err(|e| HostError::system("open", path, e))?;
    Ok(file.into())
}

/// The directory around it keeps everyone else away from the socket.
pub(super) fn listen(path: &Path) -> Result<OwnedFd> {
    remove_file(path)?;
    let socket = UnixListener::bind(path).map_err(|e| HostError::system("listen on", path, e))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
        .map_err(|e| HostError::system("set the mode of", path, e))?;
    Ok(socket.into())
}
