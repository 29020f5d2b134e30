//! Reads the hardware of a host from sysfs and procfs.

mod firmware;
mod pci;
mod system;
mod tree;
mod usb;

use std::path::Path;

use crate::Hardware;
pub use firmware::read_firmware;
pub use tree::Problem;
use tree::Tree;

/// The hardware under `sysroot` (on a host `/sys`) and `procroot` (on a host `/proc`).
///
/// What cannot be read is left out and reported; what is merely not there is left out. No root is needed, but some facts
/// (serial numbers in the extended configuration space) only root can see.
pub fn read(sysroot: &Path, procroot: &Path) -> (Hardware, Vec<Problem>) {
    let sys = Tree::new(sysroot);
    let proc = Tree::new(procroot);
    let hardware = Hardware {
        pci: pci::functions(&sys),
        mdevs: pci::mdevs(&sys),
        usb: usb::devices(&sys),
        net: usb::net(&sys),
        cpus: system::cpus(&sys),
        cpu_model: system::cpu_model(&proc),
        numa: system::numa(&sys),
        memory: Some(system::memory(&sys, &proc)),
        kvm: Some(system::kvm(&sys)),
        iommu: Some(system::iommu(&sys, &proc)),
        smbios: firmware::smbios(&sys),
        limits: system::limits(&proc),
    };
    let problems = sys.into_problems().into_iter().chain(proc.into_problems()).collect();
    (hardware, problems)
}
