//! What the compiler knows of the host: the host file, and libvirt's defaults where there is none.

use std::collections::BTreeMap;

use virtc_inventory::{
    BusKind, Config, Firmware, Hardware, HostFile, HostModel, ImageInfo, Network, NumaNode, PciAddress, Pool, Sev,
    Smbios,
};

use crate::ir::CpuSet;
use crate::qemu::{Text, state};

/// The size of a huge page on x86 unless the kernel is told otherwise.
const DEFAULT_HUGEPAGE_KIB: u64 = 2048;

/// The host file, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'h> {
    file: Option<&'h HostFile>,
    clock: Option<u64>,
}

impl<'h> Facts<'h> {
    /// What `file` says.
    pub fn new(file: Option<&'h HostFile>) -> Self {
        Self { file, clock: None }
    }

    /// The same at this second since the epoch, for what happens now and not whenever the file was made.
    #[must_use]
    pub fn at(self, seconds: u64) -> Self {
        Self { clock: Some(seconds), ..self }
    }

    /// The hardware, where it is known.
    pub fn hardware(&self) -> Option<&'h Hardware> {
        self.file?.hardware.as_ref()
    }

    /// How the host is set up, where the file says.
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

    /// What is known of the disk image at this path.
    pub fn image(&self, path: &str) -> Option<&'h ImageInfo> {
        self.file?.resources.as_ref()?.images.get(path)
    }

    /// The CPU that `host-model` stands for, where it is known.
    pub fn host_model(&self, kvm: bool) -> Option<&'h HostModel> {
        let resources = self.file?.resources.as_ref()?;
        if kvm { resources.host_model_kvm.as_ref() } else { resources.host_model_qemu.as_ref() }
    }

    /// The firmware that is installed, in the order of preference, where it is known.
    pub fn firmware(&self) -> Option<&'h [Firmware]> {
        self.file?.resources.as_ref()?.firmware.as_deref()
    }

    /// The template for the variables of a firmware image that has no descriptor.
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

    /// The newest version of Arm's interrupt controller that guests get under KVM. A host that does not say is taken for one of today, which
    /// has version 3.
    pub fn gic(&self) -> u32 {
        let resources = self.file.and_then(|file| file.resources.as_ref());
        resources.and_then(|r| r.gic.last().copied()).unwrap_or(3)
    }

    /// What AMD SEV takes on the host, where it is known.
    pub fn sev(&self) -> Option<Sev> {
        self.file?.resources.as_ref()?.sev
    }

    /// The host's own SMBIOS tables, where they are known.
    pub fn smbios(&self) -> Option<&'h Smbios> {
        self.hardware()?.smbios.as_ref()
    }

    /// The render node that QEMU draws on, where it is known.
    pub fn render_node(&self) -> Option<&'h str> {
        self.file?.resources.as_ref()?.render_node.as_deref()
    }

    /// Whether a function of the host is conventional PCI. One that is not known is taken for PCI Express, as libvirt takes it.
    pub fn is_conventional(&self, address: PciAddress) -> bool {
        let function = self.hardware().and_then(|hardware| hardware.function(address));
        function.is_some_and(|f| f.bus == BusKind::Conventional)
    }

    /// The bus and number of the one USB device with these ids.
    pub fn usb_by_id(&self, vendor: u16, product: u16) -> Option<(u32, u32)> {
        let mut found = self.hardware()?.usb_by_id(vendor, product);
        let (_, device) = found.next()?;
        found.next().is_none().then_some((device.bus, device.device))
    }

    /// Whether the host is known to have no USB device with these ids.
    pub fn lacks_usb(&self, vendor: u16, product: u16) -> bool {
        self.hardware().is_some_and(|h| h.usb_by_id(vendor, product).next().is_none())
    }

    /// The node through which the host's SCSI device at this place takes commands.
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

    /// The directory of the sockets of D-Bus daemons: the host's, or none.
    pub fn dbus_dir(&self) -> Option<&'h str> {
        self.config().map(|config| config.dbus_dir.as_str())
    }

    /// The size of a huge page whose size nobody names, in KiB: the host's, or that of x86.
    pub fn default_hugepage_kib(&self) -> u64 {
        self.hardware().and_then(|h| h.memory.as_ref()?.default_hugepage_kib).unwrap_or(DEFAULT_HUGEPAGE_KIB)
    }

    /// Where huge pages of this size are mounted. A host of which nothing is known has the mount that systemd makes, for the default size.
    pub fn hugetlbfs(&self, kib: u64) -> Option<&'h str> {
        match self.hardware().and_then(|h| h.memory.as_ref()) {
            Some(memory) => memory.hugetlbfs.iter().find(|(_, size)| **size == kib).map(|(path, _)| path.as_str()),
            None => (kib == DEFAULT_HUGEPAGE_KIB).then_some("/dev/hugepages"),
        }
    }

    /// The host's NUMA nodes of these CPUs, where they are known.
    pub fn nodes_of(&self, cpus: &CpuSet) -> Option<CpuSet> {
        let numa = self.numa()?;
        let has = |node: &NumaNode| node.cpus.iter().any(|cpu| cpus.contains(*cpu));
        Some(CpuSet::new(numa.iter().filter(|(_, node)| has(node)).map(|(id, _)| *id)))
    }

    /// Whether the host lacks this NUMA node; false where nothing is known.
    pub fn lacks_node(&self, node: u32) -> bool {
        self.numa().is_some_and(|numa| !numa.contains_key(&node))
    }

    fn numa(self) -> Option<&'h BTreeMap<u32, NumaNode>> {
        self.hardware().map(|h| &h.numa).filter(|numa| !numa.is_empty())
    }

    /// The NUMA nodes that numad advises, where the file says.
    pub fn numad_nodes(&self) -> Option<CpuSet> {
        let nodes = self.file?.resources.as_ref()?.numad.as_ref()?;
        Some(CpuSet::new(nodes.iter().copied()))
    }

    /// The time on the host, in seconds since the epoch, and how many seconds its local time is ahead of UTC.
    pub fn now(&self) -> Option<(u64, i32)> {
        let of_file = self.file.and_then(|file| file.resources.as_ref()?.clock.as_ref());
        match (self.clock, of_file) {
            (Some(seconds), of_file) => Some((seconds, of_file.map_or(0, |clock| clock.zone))),
            (None, of_file) => of_file.map(|clock| (clock.seconds, clock.zone)),
        }
    }

    /// The directory of memory that is kept in files: the host's, or none.
    pub fn ram_dir(&self) -> Option<&'h str> {
        self.config().map(|config| config.ram_dir.as_str())
    }

    /// The directory of the firmware's variables.
    pub fn nvram_dir(&self) -> &'h str {
        self.config().map_or("/var/lib/libvirt/qemu/nvram", |config| &config.nvram_dir)
    }

    /// The directory of the sockets of guest channels: the host's, or one in the VM's own directory.
    pub fn channel_dir(&self) -> Text {
        self.config().map_or_else(|| state("/channel"), |config| Text::from(&config.channel_dir))
    }
}
