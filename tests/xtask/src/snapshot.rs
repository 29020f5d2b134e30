//! What a VM could leave behind on a host, as lines that can be compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel shows its cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// The state of a host at one moment, as far as one VM may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// Takes note of everything under `dirs`, the cgroups and processes that have `marker` in their path or command
    /// line, the drivers of PCI functions, and the network devices.
    pub fn take(dirs: &[PathBuf], marker: &str) -> Self {
        let mut lines = BTreeSet::new();
        for dir in dirs {
            walk(dir, &mut |path, _| {
                lines.insert(format!("file {}", path.display()));
            });
        }
        walk(Path::new(CGROUPS), &mut |path, is_dir| {
            if is_dir && path.to_string_lossy().contains(marker) {
                lines.insert(format!("cgroup {}", path.display()));
            }
        });
        lines.extend(processes(marker));
        let (hardware, _) = virtc_inventory::read(Path::new("/sys"), Path::new("/proc"));
        for (address, function) in &hardware.pci {
            let words = (function.driver.as_deref().unwrap_or("-"), function.driver_override.as_deref().unwrap_or("-"));
            lines.insert(format!("pci {address} driver {} override {}", words.0, words.1));
        }
        for (name, device) in &hardware.net {
            let mac = device.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string());
            lines.insert(format!("net {name} mac {mac} online {}", device.online));
        }
        Self(lines)
    }

    /// What is in the other snapshot only (`+`) and in this one only (`-`).
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let gone = self.0.difference(&after.0).map(|line| format!("- {line}"));
        let new = after.0.difference(&self.0).map(|line| format!("+ {line}"));
        gone.chain(new).collect()
    }

    /// How much was noted.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path, bool)) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.filter_map(Result::ok) {
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        visit(&entry.path(), is_dir);
        if is_dir {
            walk(&entry.path(), visit);
        }
    }
}

/// The other processes that have `marker` in their command line.
fn processes(marker: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let process = |entry: fs::DirEntry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&words).replace('\0', " ");
        (id != std::process::id() && line.contains(marker)).then(|| format!("process {id} {}", line.trim_end()))
    };
    entries.filter_map(Result::ok).filter_map(process).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_is_left_behind_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let marker = dir.path().to_str().unwrap();
        let dirs = [dir.path().to_owned()];
        let before = Snapshot::take(&dirs, marker);
        assert_eq!(before.changes(&before), Vec::<String>::new());

        fs::write(dir.path().join("left"), "").unwrap();
        let mut child = Command::new("cat").args(["-", marker]).stdin(Stdio::piped()).spawn().unwrap();
        // Until the child has become `cat`, its command line is that of this program.
        let mut seen = (0..200).map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            before.changes(&Snapshot::take(&dirs, marker))
        });
        let changes = seen.find(|changes| changes.len() == 2).unwrap_or_default();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert_eq!(changes[0], format!("+ file {marker}/left"));
        assert_eq!(changes[1], format!("+ process {} cat - {marker}", child.id()));
    }
}
