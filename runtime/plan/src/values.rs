//! The values in the fields of steps.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A limit on memory (`RLIMIT_MEMLOCK`, getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// In bytes, 0 to 2^64 - 1.
    Bytes(u64),
    /// No limit.
    Unlimited,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// Where a listening socket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SocketPlace {
    /// In the VM's private directory (not in `{state}`, where QEMU could change what is there), under this plain name. Only the caller
    /// may connect (mode 0600).
    Private(String),
    /// At an absolute path, in a directory that exists. It belongs to the user that QEMU runs as (mode 0660).
    Path(String),
}

impl fmt::Display for SocketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private(name) => write!(f, "{name} in the private directory"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// What happens to the content of a file that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// It is kept; writing begins at the start.
    #[default]
    Keep,
    /// It is kept; everything is written after it (`O_APPEND`).
    Append,
    /// It is deleted (`O_TRUNC`), and cannot be restored.
    Truncate,
}

impl fmt::Display for Content {
    /// What follows after "opened": nothing, or with a comma.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "",
            Self::Append => ", appending",
            Self::Truncate => ", truncated",
        })
    }
}

/// How a file is opened; always with `O_CLOEXEC` and `O_NOCTTY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenMode {
    /// For reading.
    Read,
    /// For writing.
    Write,
    /// For both.
    ReadWrite,
}

impl fmt::Display for OpenMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "reading",
            Self::Write => "writing",
            Self::ReadWrite => "reading and writing",
        })
    }
}

/// Who owns a node or file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Owner {
    /// The user and group that QEMU runs as.
    Qemu,
    /// This user and group.
    Ids {
        /// The user's number, 0 to 2^32 - 2.
        uid: u32,
        /// The group's number, 0 to 2^32 - 2.
        gid: u32,
    },
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qemu => f.write_str("QEMU's user"),
            Self::Ids { uid, gid } => write!(f, "{uid}:{gid}"),
        }
    }
}

/// The user that QEMU runs as.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum UserPolicy {
    /// The unprivileged user of the run configuration where the runtime is root, else the caller.
    #[default]
    Qemu,
    /// This user and group, without supplementary groups.
    Ids {
        /// The user's number, 0 to 2^32 - 2.
        uid: u32,
        /// The group's number, 0 to 2^32 - 2.
        gid: u32,
    },
}

impl fmt::Display for UserPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qemu => f.write_str("QEMU's user"),
            Self::Ids { uid, gid } => write!(f, "{uid}:{gid}"),
        }
    }
}
