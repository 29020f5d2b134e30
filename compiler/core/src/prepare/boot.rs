//! Boot indexes of devices, from the boot order in `<os>`.

use crate::model::Domain;
use crate::model::devices::disk::DiskDevice;
use crate::model::elements::os::BootDevice;

/// The first device of each kind in the boot order gets the index of that kind (`qemuProcessPrepareDeviceBootorder` in
/// libvirt's `src/qemu/qemu_process.c`).
pub fn assign(domain: &mut Domain) {
    let index = |device: BootDevice| -> Option<u32> {
        // The last place counts for a kind that is named twice.
        let at = domain.os.boot.iter().rposition(|b| b.value == device)?;
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

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    #[test]
    fn of_a_kind_that_is_named_twice_the_last_place_counts() {
        let os =
            "<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/><boot dev='cdrom'/><boot dev='hd'/></os>";
        let disk = "<disk type='file' device='disk'><source file='/d'/><target dev='vda' bus='virtio'/></disk>";
        let t = trial(&format!("<memory>1024</memory><vcpu>1</vcpu>{os}"), disk, &["bootindex"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert!(t.argv.iter().any(|arg| arg.contains(r#""bootindex":3"#)), "{:?}", t.argv);
    }
}
