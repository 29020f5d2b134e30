//! Machine types: their families, buses, defaults and abilities.

use crate::model::devices::controller::PciModel;
use crate::target::Target;

use super::Os;
use crate::ir::{Arch, arch};

/// The family of machines, which decides buses and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineFamily {
    /// `pc` and `pc-i440fx-*`: a conventional PCI bus.
    I440fx,
    /// `q35` and `pc-q35-*`: PCI Express.
    Q35,
    /// `virt` and `virt-*` of Arm: PCI Express, and virtio-mmio.
    ArmVirt,
    /// Arm's `versatilepb`: a conventional PCI bus.
    Versatile,
    /// Arm's `realview-*`: a USB bus, and a PCI bus that libvirt does not know.
    Realview,
    /// Arm's `vexpress-*`: no PCI bus, but virtio-mmio.
    Vexpress,
    /// Any other.
    Other,
}

impl MachineFamily {
    /// Whether it is a PC.
    pub fn is_pc(self) -> bool {
        matches!(self, Self::I440fx | Self::Q35)
    }

    /// The model of its root bus; `None` where it has no PCI (`qemuDomainSupportsPCI` in libvirt's
    /// `src/qemu/qemu_domain.c`).
    pub fn root(self) -> Option<PciModel> {
        match self {
            Self::I440fx | Self::Versatile => Some(PciModel::PciRoot),
            Self::Q35 | Self::ArmVirt => Some(PciModel::PcieRoot),
            Self::Realview | Self::Vexpress | Self::Other => None,
        }
    }

    /// Whether it has virtio-mmio transports.
    pub fn has_virtio_mmio(self) -> bool {
        matches!(self, Self::ArmVirt | Self::Vexpress)
    }
}

impl Os {
    /// The architecture; `x86_64` where the definition does not say.
    pub fn arch(&self) -> Arch {
        self.arch.map_or(Arch::X86_64, |arch| arch.value)
    }

    /// The machine type as it is written.
    pub fn machine_name(&self) -> &str {
        self.machine.as_ref().map_or(default_machine(self.arch()), |m| m.value.as_str())
    }

    /// The machine type with a version in place of an alias, as patterns of firmware descriptors expect it.
    pub(super) fn versioned_machine(&self) -> &str {
        match self.machine_name() {
            "pc" => "pc-i440fx-latest",
            "q35" => "pc-q35-latest",
            "virt" => "virt-latest",
            machine => machine,
        }
    }

    /// Whether any QEMU that virtc knows has the machine type.
    pub fn is_known(&self) -> bool {
        let machine = self.machine_name();
        Target::newest_first(self.arch()).any(|t| t.caps().is_none_or(|caps| caps.machine(machine).is_some()))
    }

    /// The family of the machine type.
    pub fn family(&self) -> MachineFamily {
        let machine = self.machine_name();
        if self.arch().is_arm() {
            return match machine {
                "virt" => MachineFamily::ArmVirt,
                "versatilepb" => MachineFamily::Versatile,
                machine if machine.starts_with("virt-") => MachineFamily::ArmVirt,
                machine if machine.starts_with("realview-") => MachineFamily::Realview,
                machine if machine.starts_with("vexpress-") => MachineFamily::Vexpress,
                _ => MachineFamily::Other,
            };
        }
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

    /// Whether it has a PS/2 controller, with a mouse and a keyboard (`virQEMUCapsSupportsI8042` in libvirt's
    /// `src/qemu/qemu_capabilities.c`).
    pub fn has_ps2(&self) -> bool {
        self.family().is_pc() || self.machine_name() == "isapc"
    }

    /// QEMU's name of the machine's memory; `None` where no backend can replace it (`default-ram-id` in the answer to
    /// `query-machines`).
    pub fn ram_id<'t>(&self, target: &'t Target) -> Option<&'t str> {
        let known = target.caps().and_then(|caps| caps.machine(self.machine_name())?.1.ram_id.as_deref());
        known.or(match self.family() {
            MachineFamily::ArmVirt => Some("mach-virt.ram"),
            _ if self.arch().is_x86() => Some("pc.ram"),
            MachineFamily::I440fx
            | MachineFamily::Q35
            | MachineFamily::Versatile
            | MachineFamily::Realview
            | MachineFamily::Vexpress
            | MachineFamily::Other => None,
        })
    }

    /// Whether the machine type supports ACPI, so that it has the property `acpi`.
    pub fn can_have_acpi(&self, target: &Target) -> bool {
        let known = target.caps().and_then(|caps| caps.machine_property(caps.machine(self.machine_name())?.1, "acpi"));
        known.unwrap_or(self.arch().is_x86() || self.family() == MachineFamily::ArmVirt)
    }

    /// The default CPU of the machine type in the newest QEMU (`virQEMUCapsGetMachineDefaultCPU` in libvirt's
    /// `src/qemu/qemu_capabilities.c`).
    pub fn default_cpu(&self) -> Option<String> {
        if self.arch().is_x86() {
            return Some(if self.machine_name() == "isapc" { "486" } else { "qemu64" }.to_owned());
        }
        Target::newest_first(self.arch()).find_map(|target| {
            let model = target.caps()?.machine(self.machine_name())?.1.default_cpu.as_deref()?;
            Some(model.strip_suffix("-arm-cpu").unwrap_or(model).to_owned())
        })
    }

    /// Whether `qemu-system-aarch64` runs a 32-bit guest, so that `-cpu host` needs `aarch64=off`.
    pub fn runs_32_bit_on_64_bit(&self, emulator: &str) -> bool {
        self.arch() == Arch::Armv7l && arch::of_binary(emulator) == Some("aarch64")
    }

    /// Whether the machine type accepts `-numa node,mem=…` without a memory backend: those up to 5.0
    /// (`numa-mem-supported` in the answer to `query-machines`).
    pub fn takes_numa_mem(&self) -> bool {
        let machine = self.machine_name();
        let families = ["pc-i440fx-", "pc-q35-", "virt-"];
        let version = families.iter().find_map(|family| machine.strip_prefix(family));
        let mut numbers = version.into_iter().flat_map(|v| v.split('.')).map(str::parse::<u32>);
        matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) <= (5, 0))
    }
}

/// The machine type of a definition without one (`virQEMUCapsGetPreferredMachine` in libvirt's
/// `src/qemu/qemu_capabilities.c`).
pub(super) fn default_machine(arch: Arch) -> &'static str {
    if arch.is_x86() { "pc" } else { "virt" }
}
