//! What can be read of the real host, without any state directory.
#![expect(clippy::disallowed_methods, reason = "the runtime's host reads files")]

use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};
use virtc_plan::{DeviceKind, PciAddress};

use super::descriptors::Descriptors;
use crate::config::RunConfig;
use crate::error::HostError;
use crate::group::Group;
use crate::host::resources::{Interface, Kind, PciState, Stat, User};
use crate::host::states::Known;
use crate::host::{HostRead, Result};

/// The real host, for reading, and the descriptors that are open here.
pub(crate) struct LinuxRead {
    sysfs: PathBuf,
    pub(in crate::host) descriptors: Descriptors,
}

impl LinuxRead {
    /// The host with sysfs at the place that the configuration names.
    pub fn new(config: &RunConfig) -> Self {
        Self { sysfs: config.sysfs.clone(), descriptors: Descriptors::default() }
    }

    /// The directory of a PCI function.
    pub(super) fn function(&self, device: PciAddress) -> PathBuf {
        self.sysfs.join("bus/pci/devices").join(device.to_string())
    }

    /// The directory of a PCI driver.
    pub(super) fn driver(&self, driver: &str) -> PathBuf {
        self.sysfs.join("bus/pci/drivers").join(driver)
    }
}

/// A file's text, `None` where there is no file.
pub(super) fn text(path: &Path) -> Result<Option<String>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if gone(&e) => Ok(None),
        Err(e) => Err(HostError::system("read", path, e)),
    }
}

/// Whether the error means that the file does not exist (any more).
fn gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        || matches!(error.raw_os_error(), Some(nix::libc::ENODEV | nix::libc::ESRCH))
}

fn link_name(path: &Path) -> Result<Option<String>> {
    match std::fs::read_link(path) {
        Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
        Err(e) if gone(&e) => Ok(None),
        Err(e) => Err(HostError::system("read", path, e)),
    }
}

impl HostRead for LinuxRead {
    fn known(&self, _name: &str) -> Known<'_> {
        Known::Unknown
    }

    fn linux(&self) -> Option<&LinuxRead> {
        Some(self)
    }
}

impl LinuxRead {
    /// A PCI function.
    pub(in crate::host) fn pci(&self, device: PciAddress) -> Result<Option<PciState>> {
        let dir = self.function(device);
        if stat(&dir)?.is_none() {
            return Ok(None);
        }
        let driver_override = text(&dir.join("driver_override"))?.map(|t| t.trim_end().to_owned());
        Ok(Some(PciState {
            driver: link_name(&dir.join("driver"))?,
            // The kernel prints a null pointer for one that is not set.
            driver_override: driver_override.filter(|name| !name.is_empty() && name != "(null)"),
            group: link_name(&dir.join("iommu_group"))?,
        }))
    }

    /// Whether a PCI driver is loaded.
    pub(in crate::host) fn has_driver(&self, driver: &str) -> Result<bool> {
        Ok(stat(&self.driver(driver))?.is_some())
    }
}

/// The properties of a path; symbolic links are not followed.
pub(in crate::host) fn stat(path: &Path) -> Result<Option<Stat>> {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if gone(&e) => return Ok(None),
        Err(e) => return Err(HostError::system("read", path, e)),
    };
    let number = |kind| {
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Kind::Device(kind, narrow(major(meta.rdev())), narrow(minor(meta.rdev())))
    };
    let kind = match meta.file_type() {
        t if t.is_dir() => Kind::Directory,
        t if t.is_char_device() => number(DeviceKind::Char),
        t if t.is_block_device() => number(DeviceKind::Block),
        t if t.is_socket() => Kind::Socket,
        t if t.is_file() && meta.len() == 0 => Kind::EmptyFile,
        t if t.is_file() => Kind::File,
        _ => Kind::Other,
    };
    Ok(Some(Stat { kind, uid: meta.uid(), gid: meta.gid(), mode: meta.mode() & 0o7777, id: (meta.dev(), meta.ino()) }))
}

/// The path without symbolic links.
pub(in crate::host) fn canonical(path: &Path) -> Result<Option<PathBuf>> {
    match std::fs::canonicalize(path) {
        Ok(path) => Ok(Some(path)),
        Err(e) if gone(&e) => Ok(None),
        Err(e) => Err(HostError::system("find", path, e)),
    }
}

/// A network interface.
pub(in crate::host) fn interface(name: &str) -> Result<Option<Interface>> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Ok(None);
    }
    // Network interfaces are those of the real sysfs: they are not made by writing files.
    let dir = Path::new("/sys/class/net").join(name);
    let value = |file: &str| Ok::<_, HostError>(text(&dir.join(file))?.map(|t| t.trim().to_owned()));
    let (Some(mac), Some(mtu), Some(flags)) = (value("address")?, value("mtu")?, value("flags")?) else {
        return Ok(None);
    };
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or_default();
    let is_port = stat(&dir.join("brport"))?.is_some();
    let bridge = if is_port { link_name(&dir.join("master"))? } else { None };
    Ok(Some(Interface { mac, mtu: mtu.parse().unwrap_or_default(), bridge, up: flags & 1 == 1 }))
}

/// Whether a control group exists.
pub(in crate::host) fn has_group(group: &Group) -> Result<bool> {
    match group {
        Group::V2(path) | Group::V1(path) => Ok(stat(path)?.is_some()),
        Group::ByEnvironment(_) => Ok(false),
    }
}

/// A user by name.
pub(in crate::host) fn user(name: &str) -> Result<Option<User>> {
    let fail = |e: nix::Error| HostError::System { what: format!("look up user {name}"), why: e.to_string() };
    let Some(user) = nix::unistd::User::from_name(name).map_err(fail)? else { return Ok(None) };
    let name =
        std::ffi::CString::new(name).map_err(|_| HostError::Unsuitable(format!("`{name}` is not a user name")))?;
    let groups = nix::unistd::getgrouplist(&name, user.gid).map_err(fail)?;
    let groups = groups.into_iter().map(nix::unistd::Gid::as_raw).collect();
    Ok(Some(User { uid: user.uid.as_raw(), gid: user.gid.as_raw(), groups }))
}

/// The caller's user and group.
pub(in crate::host) fn caller() -> (u32, u32) {
    (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
}
