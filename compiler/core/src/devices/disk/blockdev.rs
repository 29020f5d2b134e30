//! The block nodes behind a disk.

use crate::devices::disk::{Disk, DiskDevice, DriveFormat, SourceType};
use crate::emit::{Items, Props, Section};
use crate::ir::{OptExt, Switch};

/// The name of the node that the device gets; `None` for an empty drive.
pub(super) fn top(disk: &Disk) -> Option<String> {
    disk.source.as_ref()?;
    if let Some(filter) = disk.throttling.top(disk.node + 1) {
        return Some(filter);
    }
    if disk.driver.copy_on_read.is(&Switch::On) {
        return Some(format!("libvirt-CoR-{}", disk.target.as_ref().map_or("", |t| &t.value)));
    }
    Some(format!("libvirt-{}-{}", disk.node, if is_raw(disk) { "storage" } else { "format" }))
}

/// A raw disk needs no node for its format.
fn is_raw(disk: &Disk) -> bool {
    disk.driver.format.is(&DriveFormat::Raw) || disk.driver.format.is_none()
}

/// Whether the path is a drive for optical media, as far as its name tells.
fn is_optical(path: &str) -> bool {
    let name = path.strip_prefix("/dev/").unwrap_or_default();
    matches!(name, "cdrom" | "dvd") || name.strip_prefix("sr").is_some_and(|n| n.parse::<u32>().is_ok())
}

/// `-blockdev` for each node.
pub(super) fn items(disk: &Disk, out: &mut Items) {
    let Some(path) = &disk.source else { return };
    let driver = match disk.source_type.get() {
        Some(SourceType::Block) if disk.device() == DiskDevice::Cdrom && is_optical(&path.value) => "host_cdrom",
        Some(SourceType::Block) => "host_device",
        Some(SourceType::File) | None => "file",
    };
    let raw = is_raw(disk);
    let d = &disk.driver;
    let cache =
        d.cache_flags().map(|(direct, no_flush, _)| Props::new().with("direct", direct).with("no-flush", no_flush));
    let storage = Props::new()
        .with("driver", driver)
        .with("filename", &path.value)
        .opt("aio", d.io.get().map(super::driver::Io::word))
        .with("node-name", format!("libvirt-{}-storage", disk.node));
    let top_flags = |props: Props| {
        props
            .with("read-only", disk.readonly.is_some())
            .opt("discard", d.discard.get().map(super::Discard::word))
            .opt("detect-zeroes", d.detect_zeroes.get().map(super::driver::DetectZeroes::word))
            .opt("cache", cache.clone())
    };
    let storage = if raw {
        top_flags(storage)
    } else {
        storage.with("auto-read-only", true).with("discard", "unmap").opt("cache", cache.clone())
    };
    out.json(Section::Disks, "blockdev", storage, path.origin);
    if !raw {
        let format = Props::new().with("node-name", format!("libvirt-{}-format", disk.node));
        let format = top_flags(format)
            .with("driver", d.format.get().map_or("raw", DriveFormat::word))
            .with("file", format!("libvirt-{}-storage", disk.node));
        out.json(Section::Disks, "blockdev", format, d.format.origin_or(path.origin));
    }
    if let Some(on) = d.copy_on_read.filter(|c| c.is_on()) {
        let below = format!("libvirt-{}-{}", disk.node, if raw { "storage" } else { "format" });
        let copy = Props::new()
            .with("driver", "copy-on-read")
            .with("node-name", format!("libvirt-CoR-{}", disk.target.as_ref().map_or("", |t| &t.value)))
            .with("file", below)
            .with("discard", "unmap");
        out.json(Section::Disks, "blockdev", copy, on.origin);
    }
    let below = format!("libvirt-{}-{}", disk.node, if raw { "storage" } else { "format" });
    disk.throttling.items(disk.node + 1, &below, out);
}
