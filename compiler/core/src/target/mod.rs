//! The QEMU to compile for, and its capabilities.

pub mod ability;
pub mod caps;
pub mod exchange;
mod fold;
mod host_model;
pub mod qapi;
pub mod sorted;

use std::sync::{Arc, LazyLock};

use crate::ir::Arch;

pub use caps::Capabilities;
pub use exchange::Exchange;

/// A profile: a capability file that ships with virtc. It is made by `virtc qemu probe`, and parsed when it is first
/// used.
struct Profile {
    version: (u32, u32, u32),
    /// The architecture of its guests, by QEMU's name.
    arch: &'static str,
    caps: LazyLock<Option<Capabilities>>,
}

static V10_0: Profile = Profile {
    version: (10, 0, 2),
    arch: X86_64,
    caps: LazyLock::new(|| Capabilities::from_json(include_str!("../../profiles/qemu-10.0.json")).ok()),
};

static V7_2: Profile = Profile {
    version: (7, 2, 22),
    arch: X86_64,
    caps: LazyLock::new(|| Capabilities::from_json(include_str!("../../profiles/qemu-7.2.json")).ok()),
};

static ARM_V10_0: Profile = Profile {
    version: (10, 0, 2),
    arch: AARCH64,
    caps: LazyLock::new(|| Capabilities::from_json(include_str!("../../profiles/qemu-10.0-aarch64.json")).ok()),
};

static ARM_V7_2: Profile = Profile {
    version: (7, 2, 22),
    arch: AARCH64,
    caps: LazyLock::new(|| Capabilities::from_json(include_str!("../../profiles/qemu-7.2-aarch64.json")).ok()),
};

const X86_64: &str = "x86_64";
const AARCH64: &str = "aarch64";

/// The profiles: the same versions for each architecture, newest first.
static PROFILES: [&Profile; 4] = [&V10_0, &V7_2, &ARM_V10_0, &ARM_V7_2];

/// The profiles of one architecture, newest first.
fn profiles(arch: &str) -> impl DoubleEndedIterator<Item = &'static Profile> {
    PROFILES.into_iter().filter(move |p| p.arch == arch)
}

/// Where the capabilities of a target come from.
#[derive(Clone)]
enum Source {
    Profile(&'static Profile),
    File(Arc<Capabilities>),
    /// Only the version is known.
    Unknown,
}

/// The QEMU that output is made for.
#[derive(Clone)]
pub struct Target {
    /// Major, minor, micro.
    pub version: (u32, u32, u32),
    source: Source,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Target {
    /// The versions of the profiles, newest first.
    pub fn versions() -> impl Iterator<Item = (u32, u32)> {
        profiles(X86_64).map(|p| (p.version.0, p.version.1))
    }

    /// The profiles for guests of this architecture, newest first.
    pub(crate) fn newest_first(arch: Arch) -> impl Iterator<Item = Self> {
        profiles(arch.profile()).map(Self::of)
    }

    /// The machine types of all QEMUs that virtc knows for guests of this architecture, and their other names.
    pub(crate) fn machines(arch: Arch) -> Vec<String> {
        let all = profiles(arch.profile()).filter_map(|profile| profile.caps.as_ref());
        let names =
            all.flat_map(|caps| &caps.machines).flat_map(|(name, machine)| [Some(name), machine.alias.as_ref()]);
        names.flatten().cloned().collect()
    }

    /// The profile for a version such as `7.2`; `None` where there is none.
    pub fn profile(version: &str) -> Option<Self> {
        let mut parts = version.split('.').map(str::parse::<u32>);
        let (major, minor) = (parts.next()?.ok()?, parts.next().unwrap_or(Ok(0)).ok()?);
        let profile = profiles(X86_64).find(|p| (p.version.0, p.version.1) == (major, minor))?;
        Some(Self::of(profile))
    }

    /// A QEMU with these capabilities.
    pub fn file(caps: Capabilities) -> Self {
        Self { version: caps.version, source: Source::File(Arc::new(caps)) }
    }

    /// A QEMU with only its version known: nothing is refused that depends on build options.
    pub fn version(version: (u32, u32, u32)) -> Self {
        Self { version, source: Source::Unknown }
    }

    fn of(profile: &'static Profile) -> Self {
        Self { version: profile.version, source: Source::Profile(profile) }
    }

    /// The QEMU of the same version for guests of this architecture: another profile, or one of which only the version
    /// is known.
    pub(crate) fn of_arch(&self, arch: Arch) -> Self {
        let own = match &self.source {
            Source::Profile(profile) => profile.arch,
            Source::File(caps) if matches!(caps.arch.as_str(), "arm" | "aarch64") => AARCH64,
            Source::File(_) | Source::Unknown => X86_64,
        };
        if own == arch.profile() {
            return self.clone();
        }
        let same = |p: &&Profile| p.version == self.version && self.is_profile();
        profiles(arch.profile()).find(same).map_or_else(|| Self::version(self.version), Self::of)
    }

    /// Whether it is at least this version.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.version.0, self.version.1) >= (major, minor)
    }

    /// Its capabilities, where they are known.
    pub fn caps(&self) -> Option<&Capabilities> {
        match &self.source {
            Source::Profile(profile) => profile.caps.as_ref(),
            Source::File(caps) => Some(caps),
            Source::Unknown => None,
        }
    }

    /// Whether it has this device; true where that is not known.
    pub fn has_device(&self, device: &str) -> bool {
        self.caps().is_none_or(|caps| caps.devices.contains_key(device))
    }

    /// Whether a device has this property; true where that is not known.
    pub fn has_property(&self, device: &str, property: &str) -> bool {
        self.caps().and_then(|caps| caps.device_property(device, property)).unwrap_or(true)
    }

    /// Whether it is one of the profiles, not a probed binary.
    pub fn is_profile(&self) -> bool {
        matches!(self.source, Source::Profile(_))
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        format!("QEMU {}.{}", self.version.0, self.version.1)
    }

    /// The other profiles for guests of this architecture, oldest first.
    pub(crate) fn others(&self, arch: Arch) -> impl Iterator<Item = Self> {
        let own = (self.version.0, self.version.1);
        profiles(arch.profile()).rev().filter(move |p| (p.version.0, p.version.1) != own).map(Self::of)
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::of(&V10_0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_can_be_read_and_say_their_version() {
        for profile in PROFILES {
            let caps = profile.caps.as_ref().expect("a profile that can be read");
            assert_eq!(caps.version, profile.version);
            assert_eq!(caps.arch, profile.arch);
            assert!(caps.devices.len() > 200 && caps.machines.len() > 20 && caps.types.len() > 200);
        }
        for (arm, pc) in profiles(AARCH64).zip(profiles(X86_64)) {
            assert_eq!(arm.version, pc.version);
        }
    }

    #[test]
    fn a_target_follows_the_architecture_of_the_guest() {
        let target = Target::default().of_arch(Arch::Aarch64);
        assert_eq!(target.caps().map(|caps| caps.arch.as_str()), Some(AARCH64));
        let (_, machine) = target.caps().and_then(|caps| caps.machine("virt")).unwrap();
        assert_eq!((machine.ram_id.as_deref(), machine.cpus), (Some("mach-virt.ram"), 512));
        assert!(Target::file(Target::default().caps().unwrap().clone()).of_arch(Arch::Armv7l).caps().is_none());
        assert!(target.of_arch(Arch::I686).has_device("isa-fdc") && !target.has_device("isa-fdc"));
    }

    #[test]
    fn a_profile_knows_devices_properties_and_machines() {
        let (old, new) = (Target::profile("7.2").unwrap(), Target::profile("10.0.0").unwrap());
        assert!(Target::profile("6").is_none() && Target::profile("x").is_none());
        assert!(new.has_device("virtio-sound-pci") && !old.has_device("virtio-sound-pci"));
        assert!(old.has_property("virtio-blk-pci", "num-queues") && !old.has_property("virtio-blk-pci", "no-such"));
        assert!(new.has_property("virtio-blk-pci", "iothread-vq-mapping"));
        assert!(!old.has_property("virtio-blk-pci", "iothread-vq-mapping"));
        let (name, machine) = new.caps().unwrap().machine("q35").unwrap();
        assert_eq!(name, "pc-q35-10.0");
        assert_eq!(new.caps().unwrap().machine_property(machine, "vmport"), Some(true));
        assert_eq!(new.caps().unwrap().machine_property(machine, "no-such"), Some(false));
        assert!(Target::version((9, 1, 0)).has_device("anything"));
    }
}
