//! A PCI function goes to `vfio-pci`: unbind, `driver_override`, bind.
//!
//! The order lets the inverse work newest first: the kernel refuses to bind a driver other than the one in `driver_override`
//! (drivers/pci/pci-driver.c), so the former value is back before the former driver is bound.

use virtc_plan::PciAddress;

use super::{Context, no_function};
use crate::change::{Change, Op};
use crate::error::HostError;
use crate::host::Result;

const VFIO: &str = "vfio-pci";

pub(super) fn change(device: PciAddress, managed: bool, nth: usize, context: &Context<'_>) -> Result<Option<Change>> {
    let now = context.host.pci(device)?.ok_or_else(|| no_function(device))?;
    let is_bound = now.driver.as_deref() == Some(VFIO);
    if nth == 0 {
        context.iommu_group(device)?;
        if !managed && !is_bound {
            let driver = now.driver.as_deref().unwrap_or("no driver");
            return Err(HostError::Unfit(format!(
                "{device} is bound to {driver}, and the plan leaves it to others to bind it to {VFIO}"
            )));
        }
        if !is_bound && !context.host.has_driver(VFIO)? {
            return Err(HostError::Unfit(format!("the driver {VFIO} is not loaded")));
        }
    }
    if is_bound {
        return Ok(None);
    }
    let vfio = || Some(VFIO.to_owned());
    let bind = |driver| Op::Driver { device, driver };
    let prefer = |driver| Op::Override { device, driver };
    Ok(Some(match nth {
        0 => Change { redo: bind(None), undo: bind(now.driver) },
        1 => Change { redo: prefer(vfio()), undo: prefer(now.driver_override) },
        _ => Change { redo: bind(vfio()), undo: bind(None) },
    }))
}
