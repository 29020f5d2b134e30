//! What the machine type says: buses, defaults, abilities.

use super::Os;

/// The family of machines, which decides buses and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineFamily {
    /// `pc` and `pc-i440fx-*`: a conventional PCI bus.
    I440fx,
    /// `q35` and `pc-q35-*`: PCI Express.
    Q35,
    /// Any other.
    Other,
}

impl Os {
    /// The machine type as it is written.
    fn machine_name(&self) -> &str {
        self.machine.as_ref().map_or("pc", |m| m.value.as_str())
    }

    /// The machine type, with a version in place of an alias: what descriptors of firmware speak of.
    pub(super) fn versioned_machine(&self) -> &str {
        match self.machine_name() {
            "pc" => "pc-i440fx-latest",
            "q35" => "pc-q35-latest",
            machine => machine,
        }
    }

    /// The family of the machine type.
    pub fn family(&self) -> MachineFamily {
        let machine = self.machine_name();
        if machine == "pc"
            || machine.starts_with("pc-i440fx-")
            || machine.starts_with("pc-0.")
            || machine.starts_with("pc-1.")
        {
            MachineFamily::I440fx
        } else if machine == "q35" || machine.starts_with("pc-q35-") {
            MachineFamily::Q35
        } else {
            MachineFamily::Other
        }
    }

    /// Whether it is a machine without PCI, as they were before it.
    pub fn is_isa(&self) -> bool {
        self.machine_name() == "isapc"
    }

    /// Whether it has a PS/2 controller, so that a mouse and a keyboard are on it (`virDomainDefAddImplicitDevices` leaves it to
    /// `virQEMUCapsSupportsI8042` in libvirt's `src/qemu/qemu_capabilities.c`).
    pub fn has_ps2(&self) -> bool {
        self.is_isa() || self.family() != MachineFamily::Other
    }

    /// The name of the memory object of the whole machine (`default-ram-id` in the answer to `query-machines`).
    pub fn memory_name(&self) -> &'static str {
        if self.machine_name() == "microvm" { "microvm.ram" } else { "pc.ram" }
    }

    /// Whether QEMU's machine type takes NUMA cells with a size and without a memory object: those up to 5.0 (`numa-mem-supported` in the
    /// answer to `query-machines`).
    pub fn takes_numa_mem(&self) -> bool {
        let machine = self.machine_name();
        let version = machine.strip_prefix("pc-i440fx-").or_else(|| machine.strip_prefix("pc-q35-"));
        let mut numbers = version.into_iter().flat_map(|v| v.split('.')).map(str::parse::<u32>);
        matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) <= (5, 0))
    }
}
