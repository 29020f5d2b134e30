//! Firmware in QEMU's words: `-bios`, or the block nodes of pflash.

use crate::ir::{Opt, OptExt, Origin, YesNo};
use crate::model::EmitContext;
use crate::model::storage::{Below, Node, Settings, StorageSource};
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, RequirementsOf, Value};
use crate::target::Target;

use super::Os;
use super::loader::{FirmwareFormat, LoaderType, NvramStore, NvramType};

/// The protocol node and the format node of a pflash image.
fn nodes(flash: &str, format: FirmwareFormat, readonly: bool, storage: Props, out: &mut QemuOptions, origin: Origin) {
    let (protocol, node) = (format!("libvirt-{flash}-storage"), format!("libvirt-{flash}-format"));
    let storage = storage.with("node-name", &protocol).with("auto-read-only", true).with("discard", "unmap");
    out.json(ArgSection::Pflash, "blockdev", storage, origin);
    let props = Props::new()
        .with("node-name", node)
        .with("read-only", readonly)
        .with("driver", format.word())
        .with("file", protocol)
        .opt("backing", (format == FirmwareFormat::Qcow2).then_some(Value::Null));
    out.json(ArgSection::Pflash, "blockdev", props, origin);
}

impl Os {
    /// `-bios`, or the block nodes of pflash and the property `secure`.
    pub(super) fn firmware_options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let Some(loader) = &self.loader else { return };
        let Some(path) = &loader.path else { return };
        if loader.kind.is(&LoaderType::Rom) {
            return out.word(ArgSection::Loader, "bios", &path.value, path.origin);
        }
        let image = Props::new().with("driver", "file").with("filename", &path.value);
        let format = loader.format.get().unwrap_or(FirmwareFormat::Raw);
        nodes("pflash0", format, loader.readonly.is(&YesNo::Yes), image, out, path.origin);
        if let Some((nvram, path)) = self.variables() {
            let driver = if nvram.kind.is(&NvramType::Block) { "host_device" } else { "file" };
            let image = Props::new().with("driver", driver).with("filename", &path.value);
            match nvram.format.get() {
                Some(FirmwareFormat::Qcow2) => {
                    nodes("pflash1", FirmwareFormat::Qcow2, false, image, out, path.origin);
                }
                Some(FirmwareFormat::Raw) | None if Node::has_raw_format_node(&cx.target) => {
                    nodes("pflash1", FirmwareFormat::Raw, false, image, out, path.origin);
                }
                Some(FirmwareFormat::Raw) | None => {
                    let image = image.with("node-name", "libvirt-pflash1-storage").with("read-only", false);
                    out.json(ArgSection::Pflash, "blockdev", image, path.origin);
                }
            }
        }
        if let Some((nvram, source)) = self.server() {
            let format = nvram.format.map(|f| f.map(FirmwareFormat::image));
            let (prefix, settings, below) = ("libvirt-pflash1".to_owned(), Settings::default(), Below::Nothing);
            let node = Node { prefix, source, format, readonly: false, settings, below, data: None };
            node.options(cx, ArgSection::Pflash, out);
        }
        if loader.secure.is(&YesNo::Yes) {
            let secure = Opts::new().with("driver", "cfi.pflash01").with("property", "secure").with("value", "on");
            out.opts(ArgSection::Loader, "global", secure, loader.secure.origin_or(path.origin));
        }
    }

    /// The variable store (NVRAM) of firmware in pflash.
    fn store(&self) -> Option<&NvramStore> {
        let loader = self.loader.as_ref().filter(|l| l.is_flash() && !l.stateless.is(&YesNo::Yes))?;
        self.nvram.as_ref().filter(|_| loader.path.is_some())
    }

    /// The variable store, where it is a file or device of the host.
    fn variables(&self) -> Option<(&NvramStore, &crate::ir::Spanned<String>)> {
        let nvram = self.store()?;
        Some((nvram, nvram.path.as_ref()?))
    }

    /// The variable store, where it is on the network.
    fn server(&self) -> Option<(&NvramStore, &StorageSource)> {
        let nvram = self.store()?;
        Some((nvram, nvram.source.as_ref()?))
    }

    /// The machine properties `pflash0` and `pflash1`, with the names of their block nodes.
    pub fn flash(&self, target: &Target) -> Vec<(&'static str, &'static str)> {
        if !self.loader.as_ref().is_some_and(|l| l.is_flash() && l.path.is_some()) {
            return Vec::new();
        }
        let mut out = vec![("pflash0", "libvirt-pflash0-format")];
        if let Some(nvram) = self.store().filter(|n| n.has_source()) {
            let is_raw = !Node::has_raw_format_node(target) && !nvram.format.is(&FirmwareFormat::Qcow2);
            out.push(("pflash1", if is_raw { "libvirt-pflash1-storage" } else { "libvirt-pflash1-format" }));
        }
        out
    }

    /// The images that QEMU writes: the variable store, and firmware that is not read-only.
    pub(super) fn firmware_host(&self, out: &mut RequirementsOf<'_>) {
        if let Some(path) = self.loader.as_ref().and_then(|l| l.path.as_ref()) {
            let readonly = self.loader.as_ref().is_some_and(|l| !l.is_flash() || l.readonly.is(&YesNo::Yes));
            if !readonly {
                out.file(&path.value, path.origin);
            }
        }
        if let Some((_, source)) = self.server() {
            source.host(false, out);
        }
        let Some((nvram, path)) = self.variables() else { return };
        if nvram.kind.is(&NvramType::Block) {
            if nvram.template.is_some() {
                out.refuse("an `<nvram>` template for a block device", path.origin);
            }
            out.block(&path.value, false);
            return out.file(&path.value, path.origin);
        }
        let format = |format: Opt<FirmwareFormat>| format.get().unwrap_or(FirmwareFormat::Raw);
        if nvram.template.is_some() && format(nvram.template_format) != format(nvram.format) {
            let origin = nvram.template_format.origin_or(path.origin);
            return out.refuse("an `<nvram>` template in another format than the variable store", origin);
        }
        out.from_template(nvram.template.as_ref().map(|t| t.value.as_str()), &path.value, path.origin);
    }
}
