//! `<qemu:capabilities>`: capabilities of QEMU that a definition adds or removes.

use virtc_diag::Diagnostics;

use crate::codes::{self, Report as _};
use crate::ir::Arch;
use crate::ir::Spanned;
use crate::target::{Capabilities, Target};

/// The capabilities, other than those of devices, that elements of a definition need.
pub(crate) const ASKED: [&str; 16] = [
    "machine-vmport-opt",
    "i8042",
    "machine-i8042-opt",
    "run-with.async-teardown",
    "memory-backend-memfd",
    "memory-backend-memfd.hugetlb",
    "cpu.migratable",
    "cpu-max",
    "numa.hmat",
    "smp-dies",
    "smp-clusters",
    "iothread.thread-pool-max",
    "kvm-pit-lost-tick-policy",
    "kvm",
    "machine-hpet",
    "seccomp-sandbox",
];

/// The meaning of a name of libvirt's. Most are names of a device, or of a device and its property
/// (`virQEMUCapsDeviceProps…` and `virQEMUCapsObjectTypes` in libvirt's `src/qemu/qemu_capabilities.c`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ability {
    /// A device.
    Device(String),
    /// A property of a device.
    Property(String, String),
    /// A capability that virtc knows by libvirt's name.
    Other(String),
}

/// libvirt's names of capabilities (`virQEMUCaps` in its `src/qemu/qemu_capabilities.c`), as of version 11.3.
const NAMES: &str = include_str!("capabilities.txt");

impl Ability {
    /// The capability of this name; `None` where virtc does not know it.
    pub fn named(name: &str, target: &Target, arch: Arch) -> Option<Self> {
        let has = |device: &str| {
            let others = target.others(arch);
            let known = |caps: Option<&Capabilities>| caps.is_some_and(|caps| caps.devices.contains_key(device));
            known(target.caps()) || others.into_iter().any(|other| known(other.caps()))
        };
        if Changes::asks(name) {
            return Some(Self::Other(name.to_owned()));
        }
        if has(name) {
            return Some(Self::Device(name.to_owned()));
        }
        let (device, property) = name.split_once('.')?;
        let forms = [device.to_owned(), format!("{device}-pci")];
        let device = forms.into_iter().find(|form| has(form))?;
        Some(Self::Property(device, property.replace('_', "-"))).filter(|_| !property.is_empty())
    }

    /// Whether it is this device.
    pub fn is_device(&self, device: &str) -> bool {
        matches!(self, Self::Device(own) if own == device)
    }

    /// Whether it is this property of this device.
    pub fn is_property(&self, device: &str, property: &str) -> bool {
        matches!(self, Self::Property(own, name) if own == device && *name == property.replace('_', "-"))
    }
}

/// The capabilities that a definition adds and removes.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Those that are added.
    pub add: Vec<Ability>,
    /// Those that are removed.
    pub del: Vec<Ability>,
}

impl Changes {
    /// Reads the names, and reports those that are unknown or without effect.
    pub fn read(
        add: &[Spanned<String>],
        del: &[Spanned<String>],
        (target, arch): (&Target, Arch),
        faults: &mut Diagnostics,
    ) -> Self {
        let mut of = |names: &[Spanned<String>]| {
            let mut out = Vec::new();
            for name in names {
                if !NAMES.lines().any(|known| known == name.value) {
                    let message = format!("there is no capability `{}`", name.value);
                    faults.add_with(
                        &codes::BAD_VALUE,
                        name.origin,
                        message,
                        "use one of libvirt's names of capabilities of QEMU",
                    );
                } else if let Some(ability) = Ability::named(&name.value, target, arch) {
                    out.push(ability);
                } else {
                    let help = "remove it";
                    let message = format!("capability `{}` has no effect in virtc", name.value);
                    faults.add_with(&codes::CAPABILITY_WITHOUT_EFFECT, name.origin, message, help);
                }
            }
            out
        };
        Self { add: of(add), del: of(del) }
    }

    /// Whether an element needs the capability of this name.
    fn asks(name: &str) -> bool {
        name == "set-action" || ASKED.contains(&name)
    }

    /// Whether the capability of this name is removed.
    pub fn lacks(&self, name: &str) -> bool {
        self.del.iter().any(|ability| matches!(ability, Ability::Other(own) if own == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_devices_and_their_properties() {
        let named = |name| Ability::named(name, &Target::default(), Arch::X86_64);
        assert_eq!(named("virtio-sound-pci"), Some(Ability::Device("virtio-sound-pci".into())));
        assert_eq!(named("usb-host.hostdevice"), Some(Ability::Property("usb-host".into(), "hostdevice".into())));
        let queue = named("virtio-net.rx_queue_size").unwrap();
        assert!(queue.is_property("virtio-net-pci", "rx_queue_size"));
        assert_eq!(named("smp-dies"), Some(Ability::Other("smp-dies".into())));
        assert_eq!(named("vnc-colon"), None);
        assert_eq!(named("no.such"), None);
    }

    #[test]
    fn names_are_libvirts() {
        assert!(NAMES.lines().count() > 400 && NAMES.lines().is_sorted_by(|a, b| a < b));
        for name in ASKED {
            assert!(NAMES.lines().any(|known| known == name), "{name}");
        }
    }
}
