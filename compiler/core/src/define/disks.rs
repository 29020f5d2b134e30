//! The order of disks.

use crate::domain::Domain;

/// Puts the disks of each bus in the order of their targets (`virDomainDiskInsert` in libvirt's `src/conf/domain_conf.c`).
pub fn order(domain: &mut Domain) {
    let mut ordered: Vec<crate::devices::disk::Disk> = Vec::new();
    for disk in std::mem::take(&mut domain.devices.disks) {
        let mut place = None;
        for (at, current) in ordered.iter().enumerate().rev() {
            if current.bus == disk.bus {
                if current.target_index() > disk.target_index() {
                    place = Some(at);
                } else if place.is_none() {
                    place = Some(at + 1);
                }
            }
        }
        let end = ordered.len();
        ordered.insert(place.unwrap_or(end).min(end), disk);
    }
    domain.devices.disks = ordered;
}
