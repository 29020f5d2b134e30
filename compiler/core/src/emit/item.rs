//! One thing that QEMU gets: an option with its value, its place in the order, and where it comes from.

use crate::devices::address::pci;
use crate::devices::chardev::Chardev;
use crate::devices::{Address, Info};
use crate::emit::text::Text;
use crate::emit::value::{Opts, Props, Value};
use crate::ir::{OptExt, Origin};

/// What stands behind an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    None,
    /// One word, taken as it is.
    Word(Text),
    /// `first,key=value,…`.
    Opts(Opts),
    /// A JSON object.
    Json(Props),
    /// A character device, which has another form on the command line than in QMP.
    Chardev(Chardev),
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The option without its dash, such as `device`; empty for the binary itself.
    pub option: &'static str,
    /// Its value.
    pub payload: Payload,
    /// Where it comes from.
    pub origin: Origin,
    /// Where it stands on the command line.
    pub section: Section,
}

/// The order of a command line, as libvirt has it (`qemuBuildCommandLine` in its `src/qemu/qemu_command.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Section {
    Binary,
    Name,
    Deprecation,
    Stopped,
    Secret,
    Reservations,
    Pflash,
    Machine,
    Accel,
    Tseg,
    Cpu,
    Loader,
    Memory,
    Smp,
    Iothreads,
    ThrottleGroups,
    Numa,
    Uuid,
    Smbios,
    FwCfg,
    Genid,
    Display,
    Defaults,
    Monitor,
    Clock,
    Lifecycle,
    Pm,
    Boot,
    Iommu,
    Globals,
    PciControllers,
    UsbControllers,
    ScsiControllers,
    IdeControllers,
    SataControllers,
    VirtioSerialControllers,
    MemoryDevices,
    Hubs,
    CcidControllers,
    Floppies,
    Disks,
    Filesystems,
    Interfaces,
    Smartcards,
    Serials,
    Parallels,
    Channels,
    Consoles,
    Tpms,
    Inputs,
    Audio,
    Graphics,
    Videos,
    Sounds,
    Watchdogs,
    Redirdevs,
    Hostdevs,
    NetworkHostdevs,
    Memballoon,
    Rngs,
    Nvram,
    Vmcoreinfo,
    LaunchSecurity,
    UserArguments,
    Sandbox,
    Panics,
    Shmems,
    Vsock,
    Crypto,
    Pstore,
    RunWith,
    Messages,
}

/// Items as they are made.
#[derive(Debug, Default)]
pub struct Items {
    list: Vec<Item>,
}

impl Items {
    /// No items.
    pub fn new() -> Self {
        Self { list: Vec::with_capacity(32) }
    }

    /// One more item.
    pub fn push(&mut self, section: Section, option: &'static str, payload: Payload, origin: Origin) {
        self.list.push(Item { option, payload, origin, section });
    }

    /// `-option` alone.
    pub fn flag(&mut self, section: Section, option: &'static str, origin: Origin) {
        self.push(section, option, Payload::None, origin);
    }

    /// `-option word`.
    pub fn word(&mut self, section: Section, option: &'static str, word: impl Into<Text>, origin: Origin) {
        self.push(section, option, Payload::Word(word.into()), origin);
    }

    /// `-option key=value,…`.
    pub fn opts(&mut self, section: Section, option: &'static str, opts: Opts, origin: Origin) {
        self.push(section, option, Payload::Opts(opts), origin);
    }

    /// `-option {…}`.
    pub fn json(&mut self, section: Section, option: &'static str, props: Props, origin: Origin) {
        self.push(section, option, Payload::Json(props), origin);
    }

    /// `-device {…}`.
    pub fn device(&mut self, section: Section, props: Props, origin: Origin) {
        self.json(section, "device", props, origin);
    }

    /// The items as they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.list.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Gives the device among the items from `before` on its index for ACPI. It is the one that has the device's name, or else the last.
    pub fn acpi_index(&mut self, before: usize, info: &Info) {
        let Some(index) = info.acpi_index.get().filter(|_| pci(&info.address).is_some()) else { return };
        let own = |item: &Item| item.option == "device";
        let named = |item: &Item| match &item.payload {
            Payload::Json(props) => {
                matches!(props.get("id"), Some(Value::Text(id)) if id.plain() == Some(info.alias()))
            }
            Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Chardev(_) => false,
        };
        let all = || self.list.iter().enumerate().skip(before).filter(|(_, item)| own(item));
        let at = all().find(|(_, item)| named(item)).or_else(|| all().next_back()).map(|(at, _)| at);
        if let Some(Item { payload: Payload::Json(props), .. }) = at.and_then(|at| self.list.get_mut(at)) {
            props.set("acpi-index", index);
        }
    }

    /// Makes the device among the items from `before` on one that stands on no bus, where its address says so: QEMU's device of another name.
    pub fn on_no_bus(&mut self, before: usize, info: &Info) {
        if !info.address.is(&Address::VirtioMmio) {
            return;
        }
        let mut own = self.list.iter_mut().skip(before).filter(|item| item.option == "device");
        if let Some(Item { payload: Payload::Json(props), .. }) = own.next_back()
            && let Some(driver) = props.get("driver").and_then(Value::plain)
            && let Some(base) = driver.strip_suffix("-pci")
        {
            props.replace("driver", format!("{base}-device"));
        }
    }

    /// All items in the order of the command line.
    pub fn sorted(mut self) -> Vec<Item> {
        self.list.sort_by_cached_key(|item| item.section);
        self.list
    }
}
