//! What this host shows of itself, where no host file is given.

use std::path::{Path, PathBuf};

use virtc_inventory::{HostFile, Problem, Resources};

/// The hardware of this host and the firmware that is installed on it, and what could not be read.
pub fn this_host() -> (HostFile, Vec<Problem>) {
    let (hardware, mut problems) = virtc_inventory::read(Path::new("/sys"), Path::new("/proc"));
    let directories = firmware_directories();
    let (firmware, unread) =
        virtc_inventory::read_firmware(&directories.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    problems.extend(unread);
    let resources = Resources { firmware: Some(firmware), ..Resources::default() };
    (HostFile { hardware: Some(hardware), resources: Some(resources), ..HostFile::default() }, problems)
}

/// The host file that was given, or what this host shows of itself.
pub fn host(given: Option<HostFile>) -> HostFile {
    given.unwrap_or_else(|| this_host().0)
}

/// Where firmware descriptors are, the least important directory first. Root's own directory does not count, as in libvirt.
fn firmware_directories() -> Vec<PathBuf> {
    let mut out = vec![PathBuf::from("/usr/share/qemu/firmware"), PathBuf::from("/etc/qemu/firmware")];
    if !nix::unistd::geteuid().is_root() {
        out.extend(config_home().map(|home| home.join("qemu/firmware")));
    }
    out
}

#[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
fn config_home() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}
