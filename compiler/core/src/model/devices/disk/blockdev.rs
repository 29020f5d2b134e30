//! The block nodes of a disk.

use crate::ir::{OptExt, Spanned, Switch, YesNo};
use crate::model::EmitContext;
use crate::model::devices::chardev::{Again, Backend, Chardev, first_fd_set};
use crate::model::devices::disk::{Disk, DiskDevice};
use crate::model::storage::{
    Backing, BackingImage, Below, DataStore, ImageFormat, Location, MetadataCache, Node, Settings, StorageSource,
};
use crate::qemu::{ArgSection, Payload, Props, QemuOptions};

/// The name of the node that the device gets; `None` for an empty drive.
pub(super) fn top(disk: &Disk, cx: &EmitContext<'_>) -> Option<String> {
    let node = chain(disk, cx).pop()?;
    if let Some(filter) = disk.throttling.top(first_filter(disk)) {
        return Some(filter);
    }
    Some(if disk.driver.copy_on_read.is(&Switch::On) { copy_on_read(disk) } else { node.top(cx) })
}

/// The number of the first throttle filter: after the images of the disk.
fn first_filter(disk: &Disk) -> u32 {
    disk.node.saturating_add(disk.storage.images())
}

fn copy_on_read(disk: &Disk) -> String {
    format!("libvirt-CoR-{}", disk.target.as_ref().map_or("", |t| &t.value))
}

/// The images of the disk in the order in which QEMU gets them: the lowest first, the data of each before it.
fn chain<'d>(disk: &'d Disk, cx: &EmitContext<'_>) -> Vec<Node<'d>> {
    let Some(top) = disk.storage.place().filter(|_| !disk.storage.is_vhost_user()) else { return Vec::new() };
    let settings = settings(disk, cx);
    let mut number = disk.node;
    let mut prefix = |source: &StorageSource| {
        let own = source.index.get().unwrap_or(number);
        number += 1;
        format!("libvirt-{own}")
    };
    let below = |settings: Settings| Settings { detect_zeroes: None, metadata_cache: None, ..settings };
    let mut out: Vec<Node<'d>> = Vec::new();
    let mut push = |source: &'d StorageSource, format, readonly, settings: Settings, below_it| {
        let node = Node { prefix: prefix(source), source, format, readonly, settings, below: below_it, data: None };
        let data = source.data_store.as_deref().map(|d: &'d DataStore| Node {
            prefix: prefix(&d.source),
            source: &d.source,
            format: d.format.kind.or(Some(Spanned { value: ImageFormat::Raw, origin: d.origin })),
            readonly,
            settings: Settings { detect_zeroes: None, metadata_cache: None, ..settings },
            below: Below::Unsaid,
            data: None,
        });
        let name = data.as_ref().map(|d| d.top(cx));
        out.push(Node { data: name, ..node });
        out.extend(data);
    };
    push(top, disk.driver.format, disk.readonly.is_some(), settings, end(&disk.storage.backing));
    for image in disk.storage.backing.images() {
        let image: &'d BackingImage = image;
        let cache = image.format.cache.map(bytes);
        let settings = Settings { metadata_cache: cache, ..below(settings) };
        push(&image.source, image.format.kind, true, settings, end(&image.backing));
    }
    // Each image is on the next one; the data of an image is named already.
    let mut under: Option<String> = None;
    for at in (0..out.len()).rev() {
        let is_data = at.checked_sub(1).and_then(|above| out.get(above)).is_some_and(|above| above.data.is_some());
        let Some(node) = out.get_mut(at) else { continue };
        if is_data {
            continue;
        }
        if let Some(name) = under.take() {
            node.below = Below::Node(name);
        }
        under = Some(node.top(cx));
    }
    out.reverse();
    out
}

/// What is under an image where no other image does.
fn end(backing: &Backing) -> Below {
    match backing {
        Backing::End => Below::Nothing,
        Backing::Unsaid | Backing::Image(_) => Below::Unsaid,
    }
}

fn bytes(cache: MetadataCache) -> u64 {
    cache.bytes.value
}

/// The number of the set that holds the descriptor of a vDPA device: after those of character devices, and by the numbers of the nodes.
fn fd_set(disk: &Disk, cx: &EmitContext<'_>) -> u32 {
    let is_vdpa = |d: &Disk| d.storage.place().is_some_and(|s| matches!(s.location, Location::VhostVdpa(_)));
    if !is_vdpa(disk) {
        return 0;
    }
    let before = cx.domain.devices.disks.iter().filter(|d| is_vdpa(d) && d.node < disk.node).count();
    first_fd_set(cx.domain, "") + u32::try_from(before).unwrap_or_default()
}

fn settings(disk: &Disk, cx: &EmitContext<'_>) -> Settings {
    let d = &disk.driver;
    Settings {
        cache: d.cache_flags(disk.is_shared()).map(|(direct, no_flush, _)| (direct, no_flush)),
        aio: d.io.get().map(super::driver::Io::word),
        discard: d.discard.get().map(super::Discard::word),
        detect_zeroes: d.zeroes().map(super::driver::DetectZeroes::word),
        no_unref: d.no_unref.get().map(Switch::is_on),
        metadata_cache: d.metadata_cache.map(bytes),
        floppy: disk.device() == DiskDevice::Floppy,
        cdrom: disk.device() == DiskDevice::Cdrom,
        fd_set: fd_set(disk, cx),
    }
}

/// The character device of a disk that another process serves.
pub(super) fn chardev(disk: &Disk) -> Option<String> {
    disk.storage.is_vhost_user().then(|| format!("chr-vu-{}", disk.info.alias()))
}

/// `-object`, `-blockdev` and `-chardev` of the disk.
pub(super) fn options(disk: &Disk, cx: &EmitContext<'_>, out: &mut QemuOptions) {
    for node in chain(disk, cx) {
        node.options(cx, ArgSection::Disks, out);
    }
    let Some(source) = disk.storage.place() else { return };
    if let (Some(id), Location::VhostUser(path, reconnect)) = (chardev(disk), &source.location) {
        let again = reconnect.as_ref().and_then(|r| {
            let seconds = if r.enabled.value == YesNo::Yes { r.timeout.get()? } else { 0 };
            Some(Again { ms: u64::from(seconds) * 1000, in_ms: cx.target.at_least(9, 2) })
        });
        let backend = Backend::Connect { path: path.value.as_str().into(), again };
        out.push(ArgSection::Disks, "chardev", Payload::Chardev(Chardev { id, backend, log: None }), path.origin);
    }
    if let (Some(on), Some(node)) = (disk.driver.copy_on_read.filter(|c| c.is_on()), chain(disk, cx).pop()) {
        let copy = Props::new()
            .with("driver", "copy-on-read")
            .with("node-name", copy_on_read(disk))
            .with("file", node.top(cx))
            .with("discard", "unmap");
        out.json(ArgSection::Disks, "blockdev", copy, on.origin);
    }
    if let Some(node) = chain(disk, cx).pop() {
        disk.throttling.options(first_filter(disk), &node.top(cx), out);
    }
}
