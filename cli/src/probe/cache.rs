//! What a binary has said is kept, so that the next start need not ask again.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use virtc_compiler::target::Capabilities;

/// The place of what is kept of a binary; none where there is no such binary, or no place.
pub struct Place(PathBuf);

impl Place {
    /// The place for `binary` as it is now: another version of it has another place.
    pub fn of(binary: &Path) -> Option<Self> {
        let binary = fs::canonicalize(binary).ok()?;
        let is = fs::metadata(&binary).ok()?;
        let mut hash = Sha256::new();
        hash.update(binary.as_os_str().as_encoded_bytes());
        for number in [is.mtime(), is.mtime_nsec(), is.ctime(), is.ctime_nsec()] {
            hash.update(number.to_le_bytes());
        }
        for number in [is.size(), is.ino(), is.dev()] {
            hash.update(number.to_le_bytes());
        }
        hash.update(env!("CARGO_PKG_VERSION"));
        let hash = hash.finalize();
        let name = hash.iter().take(16).fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
        Some(Self(directory()?.join(format!("qemu-{name}.json"))))
    }

    /// What is kept there.
    pub fn read(&self) -> Option<Capabilities> {
        #[expect(clippy::disallowed_methods, reason = "the command line's own cache")]
        let text = fs::read_to_string(&self.0).ok()?;
        Capabilities::from_json(&text).ok()
    }

    /// Keeps it. What cannot be kept is asked again.
    pub fn write(&self, caps: &Capabilities) -> Option<()> {
        let directory = self.0.parent()?;
        DirBuilder::new().recursive(true).mode(0o755).create(directory).ok()?;
        // Whole or not at all: another virtc may read it now.
        let mut file = tempfile::NamedTempFile::new_in(directory).ok()?;
        file.write_all(caps.to_json().ok()?.as_bytes()).ok()?;
        file.persist(&self.0).ok().map(drop)
    }
}

fn directory() -> Option<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return Some(PathBuf::from("/var/cache/virtc"));
    }
    let set = |name: &str| -> Option<OsString> {
        #[expect(clippy::disallowed_methods, reason = "where a user's cache is")]
        std::env::var_os(name).filter(|value| !value.is_empty())
    };
    let own = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
    own.filter(|dir| dir.is_absolute()).map(|dir| dir.join("virtc"))
}
