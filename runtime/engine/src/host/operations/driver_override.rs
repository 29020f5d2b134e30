//! The driver that a PCI function may be bound to.

use serde::{Deserialize, Serialize};
use virtc_plan::PciAddress;

use super::Operation;
use crate::host::linux::{LinuxHost, pci};
use crate::host::resources::Function;
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Set a PCI function's `driver_override`, or clear it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetDriverOverride {
    /// Which function.
    pub device: PciAddress,
    /// The driver's name; absent: it is cleared.
    pub driver: Option<String>,
}

impl Operation for SetDriverOverride {
    fn describe(&self) -> String {
        format!("set driver_override of {} to {}", self.device, self.driver.as_deref().unwrap_or("no driver"))
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        pci::set_override(&host.read, self.device, self.driver.as_deref(), host.driver)
    }

    fn verify(&self, host: &dyn Host, is_revert: bool) -> Result<bool> {
        Ok(host.read().pci(self.device)?.map_or(is_revert, |now| now.driver_override == self.driver))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        let mut state = host.read().pci(self.device)?.unwrap_or_default();
        state.driver_override.clone_from(&self.driver);
        host.set(&Function(&self.device), Some(&state))
    }

    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        if Model::read(host).pci(self.device)?.is_none() {
            return Err(crate::error::HostError::Unsuitable("no such function".into()));
        }
        self.effect(host)
    }
}
