//! The VM's private directory: lock and journal.
//!
//! The caller owns it, mode 0711: QEMU's user may pass through to its own directory inside, and read nothing.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::control::CONTROL_SOCKET;
use crate::error::HostError;
use crate::host::Result;
use crate::steps::MACHINE_FILE;

pub(in crate::host) struct State {
    dir: PathBuf,
    journal: File,
    /// Held until this value is dropped; a copy in a child that has not become QEMU yet holds it as well, so that no one can meanwhile
    /// revert what is still being made.
    _lock: Flock<File>,
}

impl State {
    /// Makes the directory where it is not there, locks it, begins an empty journal.
    pub(super) fn create(dir: &Path) -> Result<Self> {
        if !dir.is_absolute() {
            return Err(HostError::Unsuitable(format!(
                "the state directory {} is not an absolute path",
                dir.display()
            )));
        }
        if let Some(parent) = dir.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o755).create(parent);
            made.map_err(|e| HostError::system("make directory", parent, e))?;
        }
        match DirBuilder::new().mode(0o711).create(dir) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(HostError::system("make directory", dir, e)),
            Ok(()) | Err(_) => {}
        }
        let state = Self::lock(dir)?;
        // Against a umask that takes away the passage.
        std::fs::set_permissions(dir, Permissions::from_mode(0o711))
            .map_err(|e| HostError::system("set the mode of", dir, e))?;
        let length = state.journal.metadata().map_err(|e| HostError::system("read", dir, e))?.len();
        if length > 0 {
            return Err(HostError::Unfinished(dir.to_owned()));
        }
        // The log of a run that could not be reverted as a whole.
        super::files::remove_file(&dir.join("qemu.log"))?;
        Ok(state)
    }

    /// Locks a directory that is there; `None` where there is none.
    pub(super) fn reopen(dir: &Path) -> Result<Option<Self>> {
        match std::fs::symlink_metadata(dir) {
            Ok(_) => Self::lock(dir).map(Some),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(HostError::system("read", dir, e)),
        }
    }

    fn lock(dir: &Path) -> Result<Self> {
        let meta = std::fs::symlink_metadata(dir).map_err(|e| HostError::system("read", dir, e))?;
        // The operations in the journal are made with the caller's rights, so no other user may be able to write it.
        let me = nix::unistd::geteuid().as_raw();
        if !meta.is_dir() || meta.uid() != me || meta.mode() & 0o022 != 0 {
            return Err(HostError::Unsuitable(format!(
                "{} is not a directory that only user {me} can write to",
                dir.display()
            )));
        }
        let open = |name: &str| {
            let path = dir.join(name);
            let flags = (OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW).bits();
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).mode(0o600).custom_flags(flags);
            options.open(&path).map_err(|e| HostError::system("open", &path, e))
        };
        let file = open("lock")?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| {
            let is_held = e == nix::Error::EWOULDBLOCK;
            if is_held { HostError::Locked(dir.to_owned()) } else { HostError::system("lock", dir, e) }
        })?;
        // The one who held the lock before may have removed the directory together with the file that is locked here.
        let is_current = std::fs::symlink_metadata(dir.join("lock"))
            .is_ok_and(|now| lock.metadata().is_ok_and(|held| (now.dev(), now.ino()) == (held.dev(), held.ino())));
        if !is_current {
            return Err(HostError::Locked(dir.to_owned()));
        }
        let journal = open("journal")?;
        let state = Self { dir: dir.to_owned(), journal, _lock: lock };
        state.sync_dir(dir)?;
        if let Some(parent) = dir.parent() {
            state.sync_dir(parent)?;
        }
        Ok(state)
    }

    /// Whether a process holds the lock of a directory.
    pub(super) fn is_locked(dir: &Path) -> Result<bool> {
        let path = dir.join("lock");
        match File::open(&path) {
            Ok(file) => match Flock::lock(file, FlockArg::LockSharedNonblock) {
                Ok(_) => Ok(false),
                Err((_, nix::Error::EWOULDBLOCK)) => Ok(true),
                Err((_, e)) => Err(HostError::system("lock", &path, e)),
            },
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(HostError::system("open", &path, e)),
        }
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| HostError::system("sync", &self.dir, e))
    }

    pub(in crate::host) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn record(&mut self, line: &str) -> Result<()> {
        let line = format!("{line}\n");
        let written = self.journal.write_all(line.as_bytes()).and_then(|()| self.journal.sync_data());
        written.map_err(|e| HostError::system("write", &self.dir.join("journal"), e))
    }

    /// Replaces the description of the running VM.
    pub(super) fn describe(&self, text: &str) -> Result<()> {
        let (part, path) = (self.dir.join("machine.json.part"), self.dir.join(MACHINE_FILE));
        super::files::remove_file(&part)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written = options.open(&part).and_then(|mut file| file.write_all(text.as_bytes()));
        written.and_then(|()| std::fs::rename(&part, &path)).map_err(|e| HostError::system("write", &path, e))
    }

    /// The whole lines; a torn last line is cut off the file, so that the next one does not grow onto it.
    pub(super) fn recorded(&mut self) -> Result<String> {
        let mut read = || {
            let mut text = Vec::new();
            self.journal.seek(SeekFrom::Start(0))?;
            self.journal.read_to_end(&mut text)?;
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if whole < text.len() {
                text.truncate(whole);
                self.journal.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
                self.journal.sync_all()?;
            }
            String::from_utf8(text).map_err(std::io::Error::other)
        };
        read().map_err(|e| HostError::system("read", &self.dir.join("journal"), e))
    }

    /// Removes the directory. The journal goes first: without it there is nothing to revert.
    pub(super) fn finish(&mut self) -> Result<()> {
        for name in ["journal", "qemu.log", "machine.json.part", MACHINE_FILE, CONTROL_SOCKET, "lock"] {
            super::files::remove_file(&self.dir.join(name))?;
        }
        match std::fs::remove_dir(&self.dir) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(HostError::system("remove", &self.dir, e)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
