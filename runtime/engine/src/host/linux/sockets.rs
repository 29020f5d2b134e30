//! Listening sockets.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, lchown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

use super::files::remove_file;
use crate::error::HostError;
use crate::host::Result;

/// A socket that refuses connections has no listener; one whose queue is full has one.
pub(in crate::host) fn is_listening(path: &Path) -> Result<bool> {
    let fail = |e: nix::Error| HostError::system("look at the socket", path, e);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(fail)?;
    let address = UnixAddr::new(path).map_err(fail)?;
    match connect(std::os::fd::AsRawFd::as_raw_fd(&probe), &address) {
        Ok(()) | Err(nix::Error::EAGAIN | nix::Error::EPROTOTYPE) => Ok(true),
        Err(nix::Error::ECONNREFUSED | nix::Error::ENOENT | nix::Error::ENOTSOCK) => Ok(false),
        Err(e) => Err(fail(e)),
    }
}

/// How long the kernel may take to close the sockets of a process that has ended.
const CLOSING: Duration = Duration::from_secs(1);

/// Removes a socket without a listener. Anything else at its path was not made here, and stays.
pub(in crate::host) fn remove(path: &Path) -> Result<()> {
    let end = Instant::now() + CLOSING;
    loop {
        match std::fs::symlink_metadata(path) {
            Ok(meta) if !meta.file_type().is_socket() => return Ok(()),
            Ok(_) if !is_listening(path)? => return remove_file(path),
            Ok(_) if Instant::now() > end => return Ok(()),
            Ok(_) => std::thread::sleep(Duration::from_millis(20)),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(HostError::system("read", path, e)),
        }
    }
}

/// Listens at a path, where at most a socket without a listener is replaced.
pub(in crate::host) fn listen(path: &Path, mode: u32, owner: Option<(u32, u32)>) -> Result<OwnedFd> {
    remove(path)?;
    let socket = UnixListener::bind(path).map_err(|e| HostError::system("listen on", path, e))?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|e| HostError::system("set the mode of", path, e))?;
    if let Some((uid, gid)) = owner {
        lchown(path, Some(uid), Some(gid)).map_err(|e| HostError::system("set the owner of", path, e))?;
    }
    Ok(socket.into())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these are tests")]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_without_listener_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("s");
        let first = listen(&path, 0o600, None).unwrap();
        assert!(is_listening(&path).unwrap() && listen(&path, 0o600, None).is_err());
        remove(&path).unwrap();
        assert!(path.exists(), "it has a listener");
        drop(first);
        assert!(!is_listening(&path).unwrap());
        drop(listen(&path, 0o660, None).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        for _ in 0..2 {
            remove(&path).unwrap();
            assert!(!path.exists());
        }
        std::fs::write(&path, "data").unwrap();
        assert!(listen(&path, 0o600, None).is_err());
        remove(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
    }
}
