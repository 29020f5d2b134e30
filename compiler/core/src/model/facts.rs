//! What the compiler knows about the host: the host file, and libvirt's defaults where there is none.

use std::collections::BTreeMap;

use virtc_inventory::{
    BusKind, Config, Firmware, Hardware, HostFile, HostModel, ImageInfo, Network, NumaNode, PciAddress, Pool, Sev,
    Smbios,
};

use crate::ir::CpuSet;
use crate::qemu::{Text, state};

/// The default huge page size on x86, in KiB.
const DEFAULT_HUGEPAGE_KIB: u64 = 2048;

/// The host file, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'h> {
    file: Option<&'h HostFile>,
    clock: Option<u64>,
}

impl<'h> Facts<'h> {
    /// The facts in `file`.
    pub fn new(file: Option<&'h HostFile>) -> Self {
        Self { file, clock: None }
    }

    /// The same with this time in seconds since the epoch, in place of the time in the host file.
    #[must_use]
    pub fn at(self, seconds: u64) -> Self {
        Self { clock: Some(seconds), ..self }
    }

    /// The hardware, where it is known.
    pub fn hardware(&self) -> Option<&'h Hardware> {
        self.file?.hardware.as_ref()
    }

    /// The host's settings (qemu.conf), where they are known.
    pub fn config(&self) -> Option<&'h Config> {
        self.file?.config.as_ref()
    }

    /// The network of this name, where it is known.
    pub fn network(&self, name: &str) -> Option<&'h Network> {
        self.file?.resources.as_ref()?.networks.get(name)
    }

    /// The storage pool of this name, where it is known.
    pub fn pool(&self, name: &str) -> Option<&'h Pool> {
        self.file?.resources.as_ref()?.pools.get(name)
    }

    /// The disk image at this path, where it is known.
    pub fn image(&self, path: &str) -> Option<&'h ImageInfo> {
        self.file?.resources.as_ref()?.images.get(path)
    }

    /// The CPU of `host-model`, where it is known.
    pub fn host_model(&self, kvm: bool) -> Option<&'h HostModel> {
        let resources = self.file?.resources.as_ref()?;
        if kvm { resources.host_model_kvm.as_ref() } else { resources.host_model_qemu.as_ref() }
    }

    /// The firmware descriptors of the host, in the order of preference, where they are known.
    pub fn firmware(&self) -> Option<&'h [Firmware]> {
        self.file?.resources.as_ref()?.firmware.as_deref()
    }

    /// The `<nvram>` template for a firmware image without a descriptor.
    pub fn nvram_template(&self, image: &str) -> Option<String> {
        let default;
        let pairs = if let Some(config) = self.config() {
            &config.nvram
        } else {
            default = Config::default().nvram;
            &default
        };
        pairs.iter().find_map(|pair| pair.split_once(':').filter(|(path, _)| *path == image).map(|(_, t)| t.to_owned()))
    }

    /// The newest GIC version for guests under KVM; 3, as on current hosts, where it is not known.
    pub fn gic(&self) -> u32 {
        let resources = self.file.and_then(|file| file.resources.as_ref());
        resources.and_then(|r| r.gic.last().copied()).unwrap_or(3)
    }

    /// The parameters of AMD SEV on the host, where they are known.
    pub fn sev(&self) -> Option<Sev> {
        self.file?.resources.as_ref()?.sev
    }

    /// The host's own SMBIOS tables, where they are known.
    pub fn smbios(&self) -> Option<&'h Smbios> {
        self.hardware()?.smbios.as_ref()
    }

    /// The DRM render node for QEMU, where it is known.
    pub fn render_node(&self) -> Option<&'h str> {
        self.file?.resources.as_ref()?.render_node.as_deref()
    }

    /// Whether a PCI function of the host is conventional PCI; one that is not known counts as PCI Express, as in
    /// libvirt.
    pub fn is_conventional(&self, address: PciAddress) -> bool {
        let function = self.hardware().and_then(|hardware| hardware.function(address));
        function.is_some_and(|f| f.bus == BusKind::Conventional)
    }

    /// Bus and device number of the USB device with these ids, where there is exactly one.
    pub fn usb_by_id(&self, vendor: u16, product: u16) -> Option<(u32, u32)> {
        let mut found = self.hardware()?.usb_by_id(vendor, product);
        let (_, device) = found.next()?;
        found.next().is_none().then_some((device.bus, device.device))
    }

    /// Whether the host is known to have no USB device with these ids.
    pub fn lacks_usb(&self, vendor: u16, product: u16) -> bool {
        self.hardware().is_some_and(|h| h.usb_by_id(vendor, product).next().is_none())
    }

    /// The SCSI generic node (`/dev/sgN`) of the host's SCSI device at this address.
    pub fn scsi_generic(&self, adapter: &str, bus: u32, target: u32, unit: u64) -> Option<&'h str> {
        let nodes = &self.file?.resources.as_ref()?.scsi_generic;
        let own = nodes.get(&format!("{adapter}:{bus}:{target}:{unit}"));
        own.or_else(|| nodes.get("*")).map(String::as_str)
    }

    /// Whether the host is known to have no vhost-user program of this type with all these features.
    pub fn lacks_vhost_user(&self, kind: &str, features: &[&str]) -> bool {
        let Some(known) = self.file.and_then(|f| f.resources.as_ref()).map(|r| &r.vhost_user) else { return false };
        let has = |wanted: &&str, own: &[String]| own.iter().any(|f| f == wanted);
        !known.is_empty() && !known.iter().any(|v| v.kind == kind && features.iter().all(|f| has(f, &v.features)))
    }

    /// The directory for sockets of D-Bus daemons, where a host file is given.
    pub fn dbus_dir(&self) -> Option<&'h str> {
        self.config().map(|config| config.dbus_dir.as_str())
    }

    /// The default huge page size in KiB: the host's, or that of x86.
    pub fn default_hugepage_kib(&self) -> u64 {
        self.hardware().and_then(|h| h.memory.as_ref()?.default_hugepage_kib).unwrap_or(DEFAULT_HUGEPAGE_KIB)
    }

    /// The hugetlbfs mount for pages of this size in KiB. An unknown host has the mount of systemd, for the default
    /// size.
    pub fn hugetlbfs(&self, kib: u64) -> Option<&'h str> {
        match self.hardware().and_then(|h| h.memory.as_ref()) {
            Some(memory) => memory.hugetlbfs.iter().find(|(_, size)| **size == kib).map(|(path, _)| path.as_str()),
            None => (kib == DEFAULT_HUGEPAGE_KIB).then_some("/dev/hugepages"),
        }
    }

    /// The host's NUMA nodes with any of these CPUs, where they are known.
    pub fn nodes_of(&self, cpus: &CpuSet) -> Option<CpuSet> {
        let numa = self.numa()?;
        let has = |node: &NumaNode| node.cpus.iter().any(|cpu| cpus.contains(*cpu));
        Some(CpuSet::new(numa.iter().filter(|(_, node)| has(node)).map(|(id, _)| *id)))
    }

    /// Whether the host is known to lack this NUMA node.
    pub fn lacks_node(&self, node: u32) -> bool {
        self.numa().is_some_and(|numa| !numa.contains_key(&node))
    }

    fn numa(self) -> Option<&'h BTreeMap<u32, NumaNode>> {
        self.hardware().map(|h| &h.numa).filter(|numa| !numa.is_empty())
    }

    /// The NUMA nodes that numad advises, where they are known.
    pub fn numad_nodes(&self) -> Option<CpuSet> {
        let nodes = self.file?.resources.as_ref()?.numad.as_ref()?;
        Some(CpuSet::new(nodes.iter().copied()))
    }

    /// The time on the host in seconds since the epoch, and the offset of its local time from UTC in seconds.
    pub fn now(&self) -> Option<(u64, i32)> {
        let of_file = self.file.and_then(|file| file.resources.as_ref()?.clock.as_ref());
        match (self.clock, of_file) {
            (Some(seconds), of_file) => Some((seconds, of_file.map_or(0, |clock| clock.zone))),
            (None, of_file) => of_file.map(|clock| (clock.seconds, clock.zone)),
        }
    }

    /// The directory for file-backed memory, where a host file is given.
    pub fn ram_dir(&self) -> Option<&'h str> {
        self.config().map(|config| config.ram_dir.as_str())
    }

    /// The directory of variable stores (NVRAM).
    pub fn nvram_dir(&self) -> &'h str {
        self.config().map_or("/var/lib/libvirt/qemu/nvram", |config| &config.nvram_dir)
    }

    /// The directory for sockets of channels: the host's, or one in the VM's state directory.
    pub fn channel_dir(&self) -> Text {
        self.config().map_or_else(|| state("/channel"), |config| Text::from(&config.channel_dir))
    }
}
