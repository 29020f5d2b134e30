//! A PCI function is bound to `vfio-pci`: unbind, `driver_override`, bind.
//!
//! The order lets the inverse work newest first: the kernel refuses to bind a driver other than the one in `driver_override`
//! (drivers/pci/pci-driver.c), so the former value is back before the former driver is bound.

use virtc_plan::PciAddress;

use super::{Context, no_function};
use crate::change::Change;
use crate::error::HostError;
use crate::host::Result;
use crate::host::operations::{BindDriver, SetDriverOverride};

const VFIO: &str = "vfio-pci";

pub(super) fn change(device: PciAddress, managed: bool, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let now = context.host.pci(device)?.ok_or_else(|| no_function(device))?;
    let is_bound = now.driver.as_deref() == Some(VFIO);
    if nth == 0 {
        context.iommu_group(device)?;
        if !managed && !is_bound {
            let driver = now.driver.as_deref().unwrap_or("no driver");
            return Err(HostError::Unsuitable(format!(
                "{device} is bound to {driver}, and an unmanaged one must be bound to {VFIO} already"
            )));
        }
        if !is_bound && !context.host.has_driver(VFIO)? {
            return Err(HostError::Unsuitable(format!("the driver {VFIO} is not loaded")));
        }
    }
    if is_bound {
        return Ok(None);
    }
    let vfio = || Some(VFIO.to_owned());
    let bind = |driver| BindDriver { device, driver };
    let prefer = |driver| SetDriverOverride { device, driver };
    Ok(Some(match nth {
        0 => Change::new(bind(None), bind(now.driver)),
        1 => Change::new(prefer(vfio()), prefer(now.driver_override)),
        _ => Change::new(bind(vfio()), bind(None)),
    }))
}
