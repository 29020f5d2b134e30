//! The order of disks.

use crate::ir::OptExt;
use crate::model::Domain;
use crate::model::devices::disk::DiskBus;

/// Groups the disks by bus, in the order of their targets (`virDomainDiskInsert` in libvirt's
/// `src/conf/domain_conf.c`).
pub fn order(domain: &mut Domain) {
    let mut buses: Vec<Option<DiskBus>> = Vec::new();
    for disk in &domain.devices.disks {
        if !buses.contains(&disk.bus.get()) {
            buses.push(disk.bus.get());
        }
    }
    let place = |bus| buses.iter().position(|b| *b == bus);
    domain.devices.disks.sort_by_cached_key(|disk| (place(disk.bus.get()), disk.target_index()));
}
