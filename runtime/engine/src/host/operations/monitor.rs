//! The connection to QEMU's monitor.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::host::linux::LinuxHost;
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Connect to QEMU's monitor, read its greeting, and leave negotiation mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// The socket's path.
    pub path: PathBuf,
    /// How long QEMU may take, in milliseconds.
    pub deadline_ms: u64,
}

impl Operation for Connect {
    fn describe(&self) -> String {
        format!("connect to QEMU's monitor at {}", self.path.display())
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        host.qemu.connect(&self.path, Duration::from_millis(self.deadline_ms))
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(host.is_connected())
    }

    fn effect(&self, _host: &mut dyn Model) -> Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        if !host.has_qemu() {
            return Err(crate::error::HostError::Unsuitable("no QEMU".into()));
        }
        host.connected = true;
        Ok(())
    }
}

/// Drop the connection to QEMU's monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disconnect {}

impl Operation for Disconnect {
    fn describe(&self) -> String {
        "disconnect from QEMU's monitor".into()
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        host.qemu.disconnect();
        Ok(())
    }

    fn verify(&self, host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(!host.is_connected())
    }

    fn effect(&self, _host: &mut dyn Model) -> Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        host.connected = false;
        Ok(())
    }
}
