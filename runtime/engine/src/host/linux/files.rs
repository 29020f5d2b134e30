//! Directories, owners, files and their descriptors.

use std::fs::File;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::Path;

use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};
use virtc_plan::{Content, OpenMode};

use crate::error::HostError;
use crate::host::Result;

pub(in crate::host) fn make_dir(path: &Path, mode: u32, uid: u32, gid: u32) -> Result<()> {
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
pub(in crate::host) fn remove_dir(path: &Path, inside: &Path) -> Result<()> {
    let is_inside = path.strip_prefix(inside).is_ok_and(|rest| {
        rest.components().count() > 0 && rest.components().all(|c| matches!(c, std::path::Component::Normal(_)))
    });
    if !is_inside {
        return Err(HostError::Unsuitable(format!("{} is not in {}, and stays", path.display(), inside.display())));
    }
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(HostError::system("remove directory", path, e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(in crate::host) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(HostError::system("remove", path, e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A path that is gone needs no owner. The file is pinned before it is looked at, so that no one who can write to its directory can
/// have another file given away.
pub(in crate::host) fn set_owner(path: &Path, id: (u64, u64), uid: u32, gid: u32) -> Result<()> {
    let fail = |e: &dyn std::fmt::Display| HostError::system("set the owner of", path, e);
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let pinned = match nix::fcntl::open(path, flags, Mode::empty()) {
        Ok(pinned) => pinned,
        Err(nix::Error::ENOENT) => return Ok(()),
        Err(e) => return Err(fail(&e)),
    };
    let now = nix::sys::stat::fstat(&pinned).map_err(|e| fail(&e))?;
    if (now.st_dev, now.st_ino) != id {
        return Err(fail(&"it is another file than before, and keeps its owner"));
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    nix::unistd::fchownat(&pinned, "", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH).map_err(|e| fail(&e))
}

pub(in crate::host) fn open(path: &Path, mode: OpenMode, content: Content) -> Result<OwnedFd> {
    let mut options = OpenOptions::new();
    options
        .read(matches!(mode, OpenMode::Read | OpenMode::ReadWrite))
        .write(matches!(mode, OpenMode::Write | OpenMode::ReadWrite))
        .append(content == Content::Append)
        .truncate(content == Content::Truncate)
        // Not to hang on a FIFO without a reader.
        .custom_flags((OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits());
    let file = options.open(path).map_err(|e| HostError::system("open", path, e))?;
    Ok(file.into())
}

/// A file that is there stays as it is.
pub(in crate::host) fn make_file(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).custom_flags((OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW).bits());
    match options.open(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(HostError::system("make file", path, e)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What has content is data, and stays.
pub(in crate::host) fn remove_empty(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() == 0 => remove_file(path),
        Err(e) if e.kind() != ErrorKind::NotFound => Err(HostError::system("read", path, e)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A copy that is on disk before it has its name; a file that has got the name meanwhile is not replaced.
pub(in crate::host) fn copy(from: &Path, part: &Path, to: &Path, owner: (u32, u32)) -> Result<()> {
    let copying = |e: std::io::Error| HostError::system("make", to, e);
    let mut source = File::open(from).map_err(|e| HostError::system("open", from, e))?;
    if !source.metadata().map_err(copying)?.is_file() {
        return Err(HostError::Unsuitable(format!("{} is not a regular file", from.display())));
    }
    remove_file(part)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).custom_flags((OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW).bits());
    let mut copy = options.open(part).map_err(|e| HostError::system("make file", part, e))?;
    std::io::copy(&mut source, &mut copy).map_err(copying)?;
    std::os::unix::fs::fchown(&copy, Some(owner.0), Some(owner.1)).map_err(copying)?;
    copy.sync_all().map_err(copying)?;
    match std::fs::hard_link(part, to) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(copying(e)),
        Ok(()) | Err(_) => {}
    }
    remove_file(part)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these are tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn another_file_of_the_same_name_keeps_its_owner() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("disk");
        std::fs::File::create(&path).unwrap();
        let meta = std::fs::metadata(&path).unwrap();
        let id = (meta.dev(), meta.ino());
        set_owner(&path, id, meta.uid(), meta.gid()).unwrap();
        let other = root.path().join("other");
        std::fs::File::create(&other).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let refused = set_owner(&path, id, meta.uid(), meta.gid()).unwrap_err();
        assert!(refused.to_string().ends_with("it is another file than before, and keeps its owner"), "{refused}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(set_owner(&path, id, meta.uid(), meta.gid()), Ok(()));
    }

    #[test]
    fn a_copy_replaces_nothing_and_data_is_not_removed() {
        let root = tempfile::tempdir().unwrap();
        let [from, part, to] = ["template", "vars.part", "vars"].map(|name| root.path().join(name));
        let me = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        assert!(copy(&from, &part, &to, me).is_err() && !part.exists() && !to.exists());
        std::fs::write(&from, "template").unwrap();
        std::fs::write(&part, "half").unwrap();
        copy(&from, &part, &to, me).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"template");
        assert_eq!(std::fs::metadata(&to).unwrap().mode() & 0o777, 0o600);
        std::fs::write(&to, "own").unwrap();
        copy(&from, &part, &to, me).unwrap();
        assert_eq!((std::fs::read(&to).unwrap().as_slice(), part.exists()), (b"own".as_slice(), false));
        remove_empty(&to).unwrap();
        assert!(to.exists());
        let made = root.path().join("log");
        make_file(&made).unwrap();
        make_file(&to).unwrap();
        remove_empty(&made).unwrap();
        assert!(!made.exists() && std::fs::read(&to).unwrap() == b"own");
    }

    #[test]
    fn only_what_is_inside_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let (inside, beside) = (root.path().join("vm/qemu/a"), root.path().join("other"));
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir_all(&beside).unwrap();
        let vm = root.path().join("vm");
        for path in [&beside, &vm, &vm.join("../other"), Path::new("/")] {
            assert!(remove_dir(path, &vm).unwrap_err().to_string().ends_with("and stays"), "{}", path.display());
        }
        std::os::unix::fs::symlink(&beside, inside.join("link")).unwrap();
        for _ in 0..2 {
            remove_dir(&vm.join("qemu"), &vm).unwrap();
        }
        assert!(beside.exists() && vm.exists() && !inside.exists());
    }
}
