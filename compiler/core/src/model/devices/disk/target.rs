//! Names of disks, and what follows from them.

use crate::model::devices::address::Address;
use crate::model::devices::disk::{DiskBus, DiskDevice};

/// The number of a name such as `vdab`: `a` is 0, `z` 25, `aa` 26. A partition number after it is ignored.
pub fn name_index(name: &str) -> Option<u32> {
    let prefixes = ["fd", "hd", "vd", "sd", "xvd", "ubd"];
    let letters = prefixes.iter().find_map(|p| name.strip_prefix(p))?.trim_end_matches(|c: char| c.is_ascii_digit());
    if letters.is_empty() || letters.len() > 5 {
        return None;
    }
    let mut index = 0u32;
    for c in letters.bytes() {
        if !c.is_ascii_lowercase() {
            return None;
        }
        index = index * 26 + u32::from(c - b'a') + 1;
    }
    Some(index - 1)
}

/// The bus that a name means.
pub fn default_bus(name: &str, device: DiskDevice) -> Option<DiskBus> {
    if device == DiskDevice::Floppy {
        return Some(DiskBus::Fdc);
    }
    match name.get(..2)? {
        "hd" => Some(DiskBus::Ide),
        "sd" => Some(DiskBus::Scsi),
        "vd" => Some(DiskBus::Virtio),
        "fd" => Some(DiskBus::Fdc),
        _ => None,
    }
}

/// The address on a controller (`virDomainDiskDefAssignAddress` in libvirt's `src/conf/domain_conf.c`). A SCSI controller
/// gets 7 units, whatever its model could hold: the wide mapping is for VMware only.
pub fn drive_address(bus: DiskBus, index: u32) -> Option<Address> {
    let drive = |controller, bus, unit| Some(Address::Drive { controller, bus, target: 0, unit });
    match bus {
        DiskBus::Ide => drive(index / 4, index % 4 / 2, index % 2),
        DiskBus::Sata => drive(index / 6, 0, index % 6),
        DiskBus::Fdc => drive(index / 2, 0, index % 2),
        DiskBus::Scsi => drive(index / 7, 0, index % 7),
        DiskBus::Virtio | DiskBus::Usb | DiskBus::Sd => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, index) in [
            ("vda", Some(0)),
            ("sdz", Some(25)),
            ("hdaa", Some(26)),
            ("vda1", Some(0)),
            ("vd", None),
            ("nvme0", None),
            ("vdA", None),
        ] {
            assert_eq!(name_index(name), index, "{name}");
        }
    }

    #[test]
    fn each_bus_has_its_own_mapping() {
        let drive = |controller, bus, unit| Some(Address::Drive { controller, bus, target: 0, unit });
        assert_eq!(drive_address(DiskBus::Scsi, 6), drive(0, 0, 6));
        assert_eq!(drive_address(DiskBus::Scsi, 7), drive(1, 0, 0));
        assert_eq!(drive_address(DiskBus::Sata, 6), drive(1, 0, 0));
        assert_eq!(drive_address(DiskBus::Ide, 3), drive(0, 1, 1));
        assert_eq!(drive_address(DiskBus::Fdc, 3), drive(1, 0, 1));
        assert_eq!(drive_address(DiskBus::Virtio, 3), None);
    }
}
