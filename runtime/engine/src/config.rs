//! The configuration of a run, and the user and the control group that follow from it on this host.

use std::path::{Path, PathBuf};
use std::time::Duration;

use virtc_plan::DomainId;

use crate::engine::Setting;
use crate::error::HostError;
use crate::group::Group;
use crate::host::resources::{CallersGroups, Hierarchies, User, UserNamed};
use crate::host::{HostRead, Result};

/// Which device ACL is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AclChoice {
    /// The unified hierarchy where the host has it, else version 1; for a caller other than root that can use neither, none.
    #[default]
    Auto,
    /// The unified hierarchy, with an eBPF program.
    V2,
    /// The `devices` hierarchy of version 1.
    V1,
    /// No control group: QEMU is found by a variable of its environment. For sessions without root.
    Off,
}

/// The user that QEMU runs as where the runtime is root; otherwise it always runs as the caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum UserChoice {
    /// `libvirt-qemu`, else `qemu`, else `nobody`, whichever the host has first.
    #[default]
    Auto,
    /// This user, with its own groups.
    Named(String),
    /// As root, without capabilities.
    Root,
}

/// How a VM is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunConfig {
    /// The user that QEMU runs as.
    pub user: UserChoice,
    /// Which device ACL is used.
    pub acl: AclChoice,
    /// Where sysfs is: `/sys`, except in tests.
    pub sysfs: PathBuf,
    /// How long QEMU may take from its start to its greeting.
    pub handshake: Duration,
    /// How long QEMU may take to answer a command.
    pub command: Duration,
    /// How long the kernel may take to bind or unbind a driver.
    pub driver: Duration,
    /// How long the guest may take to shut down when the VM is asked to end.
    pub power_down: Duration,
    /// How long QEMU may take to quit before it is killed.
    pub quit: Duration,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            user: UserChoice::Auto,
            acl: AclChoice::Auto,
            sysfs: PathBuf::from("/sys"),
            handshake: Duration::from_secs(30),
            command: Duration::from_secs(30),
            driver: Duration::from_secs(30),
            power_down: Duration::from_secs(60),
            quit: Duration::from_secs(10),
        }
    }
}

impl RunConfig {
    /// What this means on a host, for one VM.
    pub(crate) fn setting(&self, dir: &Path, domain: &DomainId, host: &dyn HostRead) -> Result<Setting> {
        Ok(Setting {
            dir: dir.to_owned(),
            user: self.resolve_user(host)?,
            group: self.resolve_group(dir, domain, host)?,
            handshake_ms: u64::try_from(self.handshake.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn resolve_user(&self, host: &dyn HostRead) -> Result<Option<User>> {
        if host.caller()?.0 != 0 {
            return Ok(None);
        }
        let names: &[&str] = match &self.user {
            UserChoice::Root => return Ok(None),
            UserChoice::Named(name) => &[name],
            UserChoice::Auto => &["libvirt-qemu", "qemu", "nobody"],
        };
        for name in names {
            if let Some(user) = host.get(&UserNamed(name))? {
                return Ok(Some(user));
            }
        }
        Err(HostError::Unsuitable(format!("this host has no user {}", names.join(", "))))
    }

    fn resolve_group(&self, dir: &Path, domain: &DomainId, host: &dyn HostRead) -> Result<Group> {
        let Hierarchies { v2, v1 } = host.get(&CallersGroups)?.unwrap_or_default();
        let name = group_name(&domain.name);
        let v2 = v2.map(|own| Group::V2(own.join(&name)));
        let v1 = v1.map(|own| Group::V1(own.join(&name)));
        let by_environment = || Group::ByEnvironment(dir.display().to_string());
        match self.acl {
            AclChoice::Off => Ok(by_environment()),
            AclChoice::V2 => {
                v2.ok_or_else(|| HostError::Unsuitable("this host has no unified control group hierarchy".into()))
            }
            AclChoice::V1 => {
                v1.ok_or_else(|| HostError::Unsuitable("this host has no `devices` control group hierarchy".into()))
            }
            // An eBPF program needs root, and so does a change to the `devices` hierarchy.
            AclChoice::Auto if host.caller()?.0 != 0 => Ok(by_environment()),
            AclChoice::Auto => v2.or(v1).ok_or_else(|| {
                HostError::Unsuitable("this host has no control group hierarchy that can hold a device ACL".into())
            }),
        }
    }
}

/// A control group's name for a VM's name: other characters than letters, digits, `-` and `.` are written `_` and two hexadecimal digits. Long names end in a digest of the whole.
fn group_name(name: &str) -> String {
    let mut out = String::from("virtc-");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') {
            out.push(char::from(byte));
        } else {
            out.extend(format!("_{byte:02x}").chars());
        }
    }
    if out.len() > 200 {
        let digest =
            out.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        out.truncate(180);
        out.extend(format!("-{digest:016x}").chars());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::group_name;

    #[test]
    fn group_names_are_plain_and_distinct() {
        assert_eq!(group_name("web 1/../x"), "virtc-web_201_2f.._2fx");
        assert_ne!(group_name(&("a".repeat(300) + "1")), group_name(&("a".repeat(300) + "2")));
        assert!(group_name(&"é".repeat(300)).len() < 256);
    }
}
