//! What can be done with a device while the guest runs.
//!
//! What is declared are libvirt's rules (`qemuDomainAttachDeviceLive`, `qemuDomainDetachDeviceLive` and `qemuDomainUpdateDeviceLive` in its
//! `src/qemu/qemu_hotplug.c` and `qemu_driver.c`). `prepare/device` follows them.

/// Whether something can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Can {
    /// Yes.
    Yes,
    /// With no device of this kind.
    Never,
    /// With others of the kind, but not with this: what it is, such as "a disk on the bus `ide`".
    Not(String),
}

impl Can {
    /// Yes, if `it` is so; else the refusal says that it is `what`.
    pub fn when(it: bool, what: impl FnOnce() -> String) -> Self {
        if it { Self::Yes } else { Self::Not(what()) }
    }
}

/// What QEMU is told when a device changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change {
    /// Nothing.
    #[default]
    Nothing,
    /// A drive gets another medium.
    Medium,
    /// The link of an interface goes up or down. Other leaves are changed on the host.
    Link,
    /// A virtio memory device is asked for another size.
    RequestedSize,
    /// A display server gets another password.
    Password,
}

/// The leaves of a device's XML that an update may change. A path is like `source/@bridge` or `link`, and covers what is below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaves {
    /// What QEMU is told when one of them changes.
    pub change: Change,
    /// Those that can change.
    pub free: &'static [&'static str],
    /// Those that only a running domain has, and that a new version need not repeat.
    pub of_running: &'static [&'static str],
    /// Those that are not compared, since another leaf says the same or nothing follows from them.
    pub ignored: &'static [&'static str],
    /// Whether all that a new version leaves out stays as it is.
    pub keeps: bool,
}

/// What can be done with a device while the guest runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Whether it can be attached.
    pub attach: Can,
    /// Whether it can be detached.
    pub detach: Can,
    /// Whether it can be changed.
    pub update: Can,
    /// What of it can be changed.
    pub leaves: Leaves,
}

impl Live {
    /// Nothing: the device is there from the start of the guest to its end.
    pub const NEVER: Self = Self {
        attach: Can::Never,
        detach: Can::Never,
        update: Can::Never,
        leaves: Leaves { change: Change::Nothing, free: &[], of_running: &[], ignored: &[], keeps: false },
    };

    /// It can be attached and detached, if `can` says so.
    pub fn plug(can: Can) -> Self {
        Self { attach: can.clone(), detach: can, ..Self::NEVER }
    }

    /// As well, these leaves can be changed.
    #[must_use]
    pub fn and_update(self, leaves: Leaves) -> Self {
        Self { update: Can::Yes, leaves, ..self }
    }
}
