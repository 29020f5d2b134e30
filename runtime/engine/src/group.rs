//! How QEMU's processes are found again.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How QEMU's processes are found: fixed before QEMU is started, and used by nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// By a control group of the unified hierarchy (cgroup v2).
    V2(PathBuf),
    /// By a control group of the `devices` hierarchy (cgroup v1).
    V1(PathBuf),
    /// Without a control group, by the value of the variable `VIRTC_VM` in their environment.
    ByEnvironment(String),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V2(path) | Self::V1(path) => path.display().fmt(f),
            Self::ByEnvironment(value) => write!(f, "VIRTC_VM={value}"),
        }
    }
}
