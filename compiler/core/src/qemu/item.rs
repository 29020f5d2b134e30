//! An option of QEMU's command line: its value, its place in the order, its origin.

use crate::ir::Origin;
use crate::qemu::chardev::Chardev;
use crate::qemu::text::Text;
use crate::qemu::value::{Opts, Props};

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    None,
    /// One word, passed unchanged.
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
pub struct QemuOption {
    /// The option without its dash, such as `device`; empty for the binary itself.
    pub option: &'static str,
    /// Its value.
    pub payload: Payload,
    /// Its origin.
    pub origin: Origin,
    /// Its section of the command line.
    pub section: ArgSection,
}

/// The sections of a command line in libvirt's order (`qemuBuildCommandLine` in its `src/qemu/qemu_command.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum ArgSection {
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

/// Options in the order in which they are made.
#[derive(Debug, Default)]
pub struct QemuOptions {
    list: Vec<QemuOption>,
}

impl QemuOptions {
    /// No options.
    pub fn new() -> Self {
        Self { list: Vec::with_capacity(32) }
    }

    /// Adds an option.
    pub fn push(&mut self, section: ArgSection, option: &'static str, payload: Payload, origin: Origin) {
        self.list.push(QemuOption { option, payload, origin, section });
    }

    /// `-option` without a value.
    pub fn flag(&mut self, section: ArgSection, option: &'static str, origin: Origin) {
        self.push(section, option, Payload::None, origin);
    }

    /// `-option word`.
    pub fn word(&mut self, section: ArgSection, option: &'static str, word: impl Into<Text>, origin: Origin) {
        self.push(section, option, Payload::Word(word.into()), origin);
    }

    /// `-option key=value,…`.
    pub fn opts(&mut self, section: ArgSection, option: &'static str, opts: Opts, origin: Origin) {
        self.push(section, option, Payload::Opts(opts), origin);
    }

    /// `-option {…}`.
    pub fn json(&mut self, section: ArgSection, option: &'static str, props: Props, origin: Origin) {
        self.push(section, option, Payload::Json(props), origin);
    }

    /// `-device {…}`.
    pub fn device(&mut self, section: ArgSection, props: Props, origin: Origin) {
        self.json(section, "device", props, origin);
    }

    /// The options as they were made.
    pub fn iter(&self) -> impl Iterator<Item = &QemuOption> {
        self.list.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The options from number `before` on.
    pub(crate) fn since(&mut self, before: usize) -> &mut [QemuOption] {
        self.list.get_mut(before..).unwrap_or_default()
    }

    /// All options in the order of the command line.
    pub fn sorted(mut self) -> Vec<QemuOption> {
        self.list.sort_by_cached_key(|item| item.section);
        self.list
    }
}
