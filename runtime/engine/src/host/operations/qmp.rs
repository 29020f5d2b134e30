//! A QMP command, and one that reverts another.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use virtc_plan::Await;

use super::Operation;
use crate::host::linux::LinuxHost;
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Execute a QMP command, and wait for its response and for an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QmpExecute {
    /// `{"execute":…, "arguments":…}`.
    pub command: Value,
    /// The descriptor that is sent along; it is closed here afterwards.
    pub fd: Option<String>,
    /// The event.
    pub awaits: Option<Await>,
}

impl Operation for QmpExecute {
    fn describe(&self) -> String {
        format!("execute {}", self.command)
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        let descriptors = &mut host.read.descriptors;
        let sent = self.fd.as_deref().map(|name| descriptors.borrow(name)).transpose()?;
        host.qemu.execute(&self.command, sent, self.awaits.as_ref())?;
        descriptors.close(self.fd.as_slice());
        Ok(())
    }

    fn verify(&self, _host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(true)
    }

    fn effect(&self, _host: &mut dyn Model) -> Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        if !host.connected {
            return Err(self.refusal("no QEMU"));
        }
        host.world.executed.push(self.command.to_string());
        Ok(())
    }

    #[cfg(test)]
    fn refusal(&self, why: &str) -> crate::error::HostError {
        crate::error::HostError::Refused { command: String::new(), class: String::new(), desc: why.into() }
    }

    /// What was set in QEMU for a device is gone with the device.
    fn is_settled_by_detach(&self) -> bool {
        true
    }
}

/// Execute a QMP command that reverts another, where a monitor is connected; else nothing, because its effect went with QEMU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QmpRevert {
    /// `{"execute":…, "arguments":…}`.
    pub command: Value,
}

impl Operation for QmpRevert {
    fn describe(&self) -> String {
        format!("execute {}", self.command)
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        host.qemu.execute_revert(&self.command)
    }

    fn verify(&self, _host: &dyn Host, _is_revert: bool) -> Result<bool> {
        Ok(true)
    }

    fn effect(&self, _host: &mut dyn Model) -> Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        if host.connected {
            host.world.executed.pop();
        }
        Ok(())
    }
}
