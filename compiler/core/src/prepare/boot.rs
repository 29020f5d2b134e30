//! From the boot order of `<os>` to boot indexes of devices.

use crate::devices::disk::DiskDevice;
use crate::domain::Domain;
use crate::parts::os::BootDevice;

/// The first device of each kind in the boot order gets the index of that kind (`qemuProcessPrepareDeviceBootorder` in libvirt's
/// `src/qemu/qemu_process.c`).
pub fn assign(domain: &mut Domain) {
    let index = |device: BootDevice| -> Option<u32> {
        let at = domain.os.boot.iter().position(|b| b.value == device)?;
        u32::try_from(at + 1).ok()
    };
    let (mut disk, mut cdrom, mut floppy) = (index(BootDevice::Hd), index(BootDevice::Cdrom), index(BootDevice::Fd));
    let mut network = index(BootDevice::Network);
    for device in &mut domain.devices.disks {
        device.bootindex = match device.device() {
            DiskDevice::Disk | DiskDevice::Lun => disk.take(),
            DiskDevice::Cdrom => cdrom.take(),
            DiskDevice::Floppy => floppy.take(),
        };
    }
    if let Some(interface) = domain.devices.interfaces.first_mut() {
        interface.bootindex = network.take();
    }
}
