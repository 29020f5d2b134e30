//! The device that the guest sees.

use crate::ir::{OptExt, Origin, Spanned, Switch};
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::controller::ControllerType;
use crate::model::devices::disk::{Disk, DiskBus, DiskDevice, blockdev, check};
use crate::model::devices::virtio::VirtioModel;
use crate::model::elements::os::MachineFamily;
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, Value};

/// The start of a virtio disk's properties.
fn virtio(disk: &Disk, cx: &EmitContext<'_>) -> Props {
    let d = &disk.driver;
    let device = if disk.storage.is_vhost_user() { "vhost-user-blk-pci" } else { "virtio-blk-pci" };
    Props::new()
        .with("driver", disk.model.get().unwrap_or(VirtioModel::Virtio).device(device))
        .and(d.threads.props())
        .and(d.virtio.props())
        .opt("scsi", check::passes_scsi(disk, cx))
        .opt("ioeventfd", d.ioeventfd.get().map(Switch::is_on))
        .opt("event_idx", d.event_idx.get().map(Switch::is_on))
        .opt("num-queues", d.queues.get())
        .opt("queue-size", d.queue_size.get())
        .and(cx.pci_address(&disk.info.address))
}

/// `-device` of the disk.
pub(super) fn options(disk: &Disk, cx: &EmitContext<'_>, out: &mut QemuOptions) {
    let Some(bus) = disk.bus.get() else { return };
    let d = &disk.driver;
    let node = blockdev::top(disk, cx);
    let alias = disk.info.alias();
    let kind = match disk.device() {
        DiskDevice::Cdrom => "cd",
        DiskDevice::Lun => "block",
        DiskDevice::Disk | DiskDevice::Floppy => "hd",
    };
    let (controller, number, target, unit) = match &disk.info.address {
        Some(Spanned { value: Address::Drive { controller, bus, target, unit }, .. }) => {
            (*controller, *bus, *target, *unit)
        }
        Some(_) | None => (0, 0, 0, 0),
    };
    let controller_alias = |kind: ControllerType| {
        cx.domain.devices.controller(kind, controller).map_or_else(String::new, |c| c.bus_alias(cx.domain))
    };
    let mut props = match bus {
        DiskBus::Virtio => virtio(disk, cx),
        DiskBus::Ide => {
            let bus = format!("{}.{number}", controller_alias(ControllerType::Ide));
            Props::new().with("driver", format!("ide-{kind}")).with("bus", bus).with("unit", unit)
        }
        DiskBus::Sata => {
            let bus = format!("{}.{unit}", controller_alias(ControllerType::Sata));
            Props::new().with("driver", format!("ide-{kind}")).with("bus", bus)
        }
        DiskBus::Scsi => {
            let props = Props::new().with("driver", format!("scsi-{kind}")).with(
                "bus",
                format!("{}.{}", controller_alias(ControllerType::Scsi), if is_wide(disk, cx) { 0 } else { number }),
            );
            let props = if is_wide(disk, cx) {
                props.with("channel", number).with("scsi-id", target).with("lun", unit)
            } else {
                props.with("scsi-id", unit)
            };
            if disk.device() == DiskDevice::Lun {
                // The device identifies itself.
                props
            } else {
                let name = disk.serial.as_ref().map_or_else(|| format!("drive-{alias}"), |s| s.value.clone());
                props.with("device_id", name)
            }
        }
        DiskBus::Fdc => Props::new().with("driver", "floppy").with("unit", unit),
        // An SD card has its own option.
        DiskBus::Sd => return,
        DiskBus::Usb => Props::new().with("driver", "usb-storage").and(cx.usb_address(&disk.info.address)),
    };
    if disk.shareable.is_some() {
        props.set("share-rw", true);
    }
    if let Some(chardev) = blockdev::chardev(disk) {
        props.set("chardev", chardev);
    }
    if let Some(node) = node {
        props.set("drive", node);
    }
    props.set("id", alias);
    if bus != DiskBus::Fdc {
        props = props.opt("bootindex", disk.bootindex());
    }
    let said = disk.removable.get().filter(|_| bus == DiskBus::Scsi).map(Switch::is_on);
    if let Some(removable) = said.or((bus == DiskBus::Usb).then_some(disk.removable.is(&Switch::On))) {
        props.set("removable", removable);
    }
    if let Some([logical, physical, discard]) = &disk.blockio {
        props = props.opt("logical_block_size", logical.get()).opt("physical_block_size", physical.get());
        props = props.opt("discard_granularity", discard.get());
    }
    if let Some(geometry) = &disk.geometry {
        let [cylinders, heads, sectors] = &geometry.numbers;
        props = props.opt("cyls", cylinders.get()).opt("heads", heads.get()).opt("secs", sectors.get());
        props = props.opt("bios-chs-trans", geometry.translation.as_ref().map(|t| t.value.as_str()));
    }
    if let Some(wwn) = &disk.wwn {
        let digits = wwn.value.strip_prefix("0x").unwrap_or(&wwn.value);
        props = props.opt("wwn", u64::from_str_radix(digits, 16).ok().map(Value::from));
    }
    props = props.opt("rotation_rate", disk.rotation_rate.get());
    props = props.opt("vendor", disk.vendor.as_ref().map(|v| v.value.as_str()));
    props = props.opt("product", disk.product.as_ref().map(|v| v.value.as_str()));
    // libvirt escapes the blanks of a serial number, and guests know disks by the result.
    props = props.opt("serial", disk.serial.as_ref().map(|s| s.value.replace(' ', "\\ ")));
    // The guest of a `lun` sets the device's own cache.
    if let Some((_, _, write_cache)) = d.cache_flags(disk.is_shared()).filter(|_| disk.device() != DiskDevice::Lun) {
        props.set("write-cache", if write_cache { "on" } else { "off" });
    }
    let (write, read) = d.error_words();
    props = props.opt("werror", write).opt("rerror", read);
    out.device(ArgSection::Disks, props, disk.origin);
}

/// Whether the controller tells channel, target and LUN apart.
fn is_wide(disk: &Disk, cx: &EmitContext<'_>) -> bool {
    !disk.is_narrow(cx.domain)
}

/// The floppy controller of `q35`, and the boot order of floppies, which belongs to their controller.
pub fn floppy_options(cx: &EmitContext<'_>, out: &mut QemuOptions) {
    let floppies: Vec<&Disk> = cx.domain.devices.disks.iter().filter(|d| d.bus.is(&DiskBus::Fdc)).collect();
    let Some(first) = floppies.first() else { return };
    let boot = |disk: &Disk| {
        let unit = match &disk.info.address {
            Some(Spanned { value: Address::Drive { unit: 1.., .. }, .. }) => "bootindexB",
            Some(_) | None => "bootindexA",
        };
        disk.bootindex().map(|index| (unit, index))
    };
    let origin: Origin = first.origin;
    if cx.domain.os.family() != MachineFamily::Q35 {
        for (key, index) in floppies.iter().filter_map(|d| boot(d)) {
            out.opts(
                ArgSection::Floppies,
                "global",
                Opts::new().with(format!("isa-fdc.{key}"), index.to_string()),
                origin,
            );
        }
        return;
    }
    let props = floppies
        .iter()
        .filter_map(|d| boot(d))
        .fold(Props::new().with("driver", "isa-fdc"), |p, (key, index)| p.with(key, index));
    out.device(ArgSection::Floppies, props, origin);
}
