//! What a QEMU can do.

pub mod ability;
pub mod caps;
mod check;
mod denied;
pub mod exchange;
mod fold;
mod host_model;
pub mod qapi;
pub mod sorted;

use std::sync::{Arc, LazyLock};

pub use caps::Capabilities;
pub(crate) use check::check;
pub use exchange::Exchange;

/// A profile that ships. It is made by `virtc qemu probe` and read when it is first asked for.
struct Profile {
    version: (u32, u32, u32),
    caps: LazyLock<Option<Capabilities>>,
}

static V10_0: Profile = Profile {
    version: (10, 0, 2),
    caps: LazyLock::new(|| Capabilities::from_json(include_str!("../../profiles/qemu-10.0.json")).ok()),
};

static V7_2: Profile = Profile {
    version: (7, 2, 22),
    caps: LazyLock::new(|| Capabilities::from_json(include_str!("../../profiles/qemu-7.2.json")).ok()),
};

/// The profiles that ship, newest first.
static PROFILES: [&Profile; 2] = [&V10_0, &V7_2];

/// Where the capabilities of a target come from.
#[derive(Clone)]
enum Source {
    Profile(&'static Profile),
    File(Arc<Capabilities>),
    /// Nothing but its version is known.
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
    /// The versions of the profiles that ship, newest first.
    pub fn versions() -> impl Iterator<Item = (u32, u32)> {
        PROFILES.iter().map(|p| (p.version.0, p.version.1))
    }

    /// The profile for a version such as `7.2`, `None` where none ships.
    pub fn profile(version: &str) -> Option<Self> {
        let mut parts = version.split('.').map(str::parse::<u32>);
        let (major, minor) = (parts.next()?.ok()?, parts.next().unwrap_or(Ok(0)).ok()?);
        let profile = PROFILES.iter().find(|p| (p.version.0, p.version.1) == (major, minor))?;
        Some(Self::of(profile))
    }

    /// What a file says.
    pub fn file(caps: Capabilities) -> Self {
        Self { version: caps.version, source: Source::File(Arc::new(caps)) }
    }

    /// A QEMU of which only the version is known. Nothing that depends on how it was built is refused for it.
    pub fn version(version: (u32, u32, u32)) -> Self {
        Self { version, source: Source::Unknown }
    }

    fn of(profile: &'static Profile) -> Self {
        Self { version: profile.version, source: Source::Profile(profile) }
    }

    /// Whether it is at least this version.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.version.0, self.version.1) >= (major, minor)
    }

    /// What it can do, where that is known.
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

    /// Whether it is one of the profiles that ship, and no binary that was asked.
    pub fn is_profile(&self) -> bool {
        matches!(self.source, Source::Profile(_))
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        format!("QEMU {}.{}", self.version.0, self.version.1)
    }

    /// The other QEMUs that virtc knows, oldest first.
    fn others(&self) -> impl Iterator<Item = Self> {
        let own = (self.version.0, self.version.1);
        PROFILES.iter().rev().filter(move |p| (p.version.0, p.version.1) != own).map(|p| Self::of(p))
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
            assert_eq!(caps.arch, "x86_64");
            assert!(caps.devices.len() > 200 && caps.machines.len() > 20 && caps.types.len() > 200);
        }
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
