//! A PCI function is bound to another driver.

use std::path::Path;

use serde::{Deserialize, Serialize};
use virtc_plan::PciAddress;

use super::Operation;
use crate::host::linux::{LinuxHost, pci};
use crate::host::resources::{FileAt, Function, Kind, Stat};
use crate::host::states::Model;
use crate::host::{Host, Result};

/// Bind a PCI function to a driver, or unbind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindDriver {
    /// Which function.
    pub device: PciAddress,
    /// The driver's name; absent: none.
    pub driver: Option<String>,
}

impl BindDriver {
    /// The function is bound to the driver, and the node of its IOMMU group, as `kind`, is there while that is `vfio-pci`.
    fn bind(&self, host: &mut dyn Model, kind: Kind) -> Result<()> {
        let mut state = host.read().pci(self.device)?.unwrap_or_default();
        let (was_vfio, is_vfio) =
            (state.driver.as_deref() == Some("vfio-pci"), self.driver.as_deref() == Some("vfio-pci"));
        state.driver.clone_from(&self.driver);
        host.set(&Function(&self.device), Some(&state))?;
        let Some(group) = state.group.filter(|_| was_vfio != is_vfio) else { return Ok(()) };
        let node = Stat { kind, uid: 0, gid: 0, mode: 0o600, id: (0, 0) };
        host.set(&FileAt(&Path::new("/dev/vfio").join(group)), is_vfio.then_some(&node))
    }
}

impl Operation for BindDriver {
    fn describe(&self) -> String {
        format!("bind {} to {}", self.device, self.driver.as_deref().unwrap_or("no driver"))
    }

    fn apply(&self, host: &mut LinuxHost) -> Result<()> {
        pci::set_driver(&host.read, self.device, self.driver.as_deref(), host.driver)
    }

    fn verify(&self, host: &dyn Host, is_revert: bool) -> Result<bool> {
        Ok(host.read().pci(self.device)?.map_or(is_revert, |now| now.driver == self.driver))
    }

    fn effect(&self, host: &mut dyn Model) -> Result<()> {
        self.bind(host, Kind::Predicted)
    }

    /// As the kernel does it: `driver_override` decides, and one driver is unbound before the next is bound.
    #[cfg(test)]
    fn fake(&self, host: &mut crate::host::fake::Fake) -> Result<()> {
        let refuse = |why: &str| Err(crate::error::HostError::Unsuitable(why.into()));
        let Some(now) = Model::read(host).pci(self.device)? else { return refuse("no such function") };
        if now.driver == self.driver {
            return Ok(());
        }
        if self.driver.is_some() && now.driver_override.is_some() && now.driver_override != self.driver {
            return refuse("No such device");
        }
        if self.driver.is_some() && now.driver.is_some() {
            return refuse("Device or resource busy");
        }
        if now.driver.as_deref() == Some("vfio-pci") && host.world.executed.iter().any(|c| c.contains("device_add")) {
            return refuse("would hang: QEMU holds the device");
        }
        self.bind(host, Kind::Device(virtc_plan::DeviceKind::Char, 240, 12))
    }
}
