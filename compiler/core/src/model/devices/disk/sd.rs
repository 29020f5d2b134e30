//! An SD card: QEMU has no `-device` for it that suits every machine, so that it gets `-drive if=sd`.

use crate::ir::OptExt;
use crate::model::EmitContext;
use crate::model::devices::disk::Disk;
use crate::model::storage::{Below, ImageFormat, Location, Node, Settings};
use crate::qemu::{ArgSection, Opts, QemuOptions};

/// `-drive` of an SD card (`qemuBuildDriveStr` in libvirt's `src/qemu/qemu_command.c`).
pub(super) fn options(disk: &Disk, cx: &EmitContext<'_>, out: &mut QemuOptions) {
    let d = &disk.driver;
    let place = disk.storage.place();
    let mut opts = match place.map(|source| (&source.location, source)) {
        Some((Location::File(path, _) | Location::Block(path), _)) => Opts::new().with("file", &path.value),
        Some((Location::Dir(path), _)) => Opts::new().with("file", format!("fat:{}", path.value)),
        Some((_, source)) => {
            let settings = Settings::default();
            let (prefix, below) = (String::new(), Below::Unsaid);
            let node = Node { prefix, source, format: None, readonly: false, settings, below, data: None };
            node.drive_opts(cx).into_iter().fold(Opts::new(), |opts, (key, value)| opts.with(&key, value))
        }
        None => Opts::new(),
    };
    if place.is_some_and(|p| !matches!(p.location, Location::Dir(_))) {
        opts = opts.opt("format", d.format.get().map(ImageFormat::word));
    }
    opts = opts.with("if", "sd").with("index", disk.target_index().to_string());
    if disk.readonly.is_some() {
        opts = opts.switch("readonly", true);
    }
    let cache = d.cache.get().or(disk.is_shared().then_some(super::Cache::None));
    opts = opts.opt("cache", cache.map(super::Cache::word));
    opts = opts.opt("copy-on-read", d.copy_on_read.get().map(crate::ir::Switch::word));
    opts = opts.opt("discard", d.discard.get().map(super::Discard::word));
    opts = opts.opt("detect-zeroes", d.zeroes().map(super::driver::DetectZeroes::word));
    opts = opts.opt("aio", d.io.get().map(super::driver::Io::word));
    if let Some(limits) = &disk.throttling.limits {
        for (key, value) in limits.drive_opts() {
            opts.set(format!("throttling.{key}"), value.to_string());
        }
        opts = opts.opt("throttling.group", limits.group.as_ref().map(|g| g.value.as_str()));
    }
    out.opts(ArgSection::Disks, "drive", opts, disk.origin);
}
