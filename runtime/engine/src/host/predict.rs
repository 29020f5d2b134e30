//! A host with predicted effects laid over it, for a dry run. What cannot be known yet is a placeholder in braces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use virtc_plan::{Limit, PciAddress};

use super::{FdInfo, Hierarchies, HostRead, Interface, Kind, PciState, Result, Stat};
use crate::acl::{Rule, union};
use crate::change::{AclTable, Group, Link, Op, User};

/// The overlay.
pub(crate) struct Predict<'a> {
    host: &'a dyn HostRead,
    paths: BTreeMap<PathBuf, Option<Stat>>,
    pci: BTreeMap<PciAddress, PciState>,
    interfaces: BTreeMap<String, Interface>,
    fds: BTreeMap<String, FdInfo>,
    groups: Vec<String>,
    acl: Option<(Group, AclTable)>,
    memlock: Option<Limit>,
    is_connected: bool,
}

impl<'a> Predict<'a> {
    /// A host on which nothing was done yet.
    pub fn over(host: &'a dyn HostRead) -> Self {
        Self {
            host,
            paths: BTreeMap::new(),
            pci: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            fds: BTreeMap::new(),
            groups: Vec::new(),
            acl: None,
            memlock: None,
            is_connected: false,
        }
    }

    /// The device ACL that would be in force.
    pub fn acl(&self) -> Option<&AclTable> {
        self.acl.as_ref().map(|(_, table)| table)
    }

    /// Lays the effect of a write over the host.
    pub fn make(&mut self, op: &Op) -> Result<()> {
        match op {
            Op::MakeDir { path, mode, uid, gid } => {
                let stat = Stat { kind: Kind::Directory, uid: *uid, gid: *gid, mode: *mode, id: (0, 0) };
                self.paths.insert(path.clone(), Some(stat));
            }
            Op::RemoveDir { path } | Op::Unlisten { path, .. } | Op::RemoveEmpty { path } | Op::RemovePart { part: path } => {
                self.paths.insert(path.clone(), None);
            }
            Op::Owner { path, uid, gid, .. } => {
                let stat = self.stat(path)?.map(|stat| Stat { uid: *uid, gid: *gid, ..stat });
                self.paths.insert(path.clone(), stat);
            }
            Op::Driver { device, driver } => {
                let mut state = self.pci(*device)?.unwrap_or_default();
                state.driver.clone_from(driver);
                if let Some(group) = state.group.as_ref().filter(|_| driver.as_deref() == Some("vfio-pci")) {
                    let stat = Stat { kind: Kind::Predicted, uid: 0, gid: 0, mode: 0o600, id: (0, 0) };
                    self.paths.insert(PathBuf::from("/dev/vfio").join(group), Some(stat));
                }
                self.pci.insert(*device, state);
            }
            Op::Override { device, driver } => {
                let mut state = self.pci(*device)?.unwrap_or_default();
                state.driver_override.clone_from(driver);
                self.pci.insert(*device, state);
            }
            Op::MakeGroup { group } => self.groups.push(group.to_string()),
            Op::Acl { group, table } => self.acl = table.clone().map(|table| (group.clone(), table)),
            Op::MakeFile { path } => {
                let (uid, gid) = self.caller();
                let stat = Stat { kind: Kind::EmptyFile, uid, gid, mode: 0o600, id: (0, 0) };
                self.paths.insert(path.clone(), Some(stat));
            }
            Op::CopyFile { to, uid, gid, .. } => {
                let stat = Stat { kind: Kind::File, uid: *uid, gid: *gid, mode: 0o600, id: (0, 0) };
                self.paths.insert(to.clone(), Some(stat));
            }
            Op::Open { fd, .. } => self.open(fd, None),
            Op::Listen { fd, path, mode, owner } => {
                let (uid, gid) = owner.unwrap_or_else(|| self.caller());
                let stat = Stat { kind: Kind::Socket, uid, gid, mode: *mode, id: (0, 0) };
                self.paths.insert(path.clone(), Some(stat));
                self.open(fd, None);
            }
            Op::Tap { fds, name, .. } => {
                let name = if name.contains("%d") { format!("{{{name}}}") } else { name.clone() };
                let mac = "{chosen by the kernel}".to_owned();
                self.interfaces.insert(name.clone(), Interface { mac, mtu: 1500, bridge: None, up: false });
                for fd in fds {
                    self.open(fd, Some(name.clone()));
                }
            }
            Op::Link { interface, set } => {
                if let Some(mut now) = self.interface(interface)? {
                    match set {
                        Link::Mac(mac) => now.mac.clone_from(mac),
                        Link::Mtu(mtu) => now.mtu = *mtu,
                        Link::Bridge(bridge) => now.bridge.clone_from(bridge),
                        Link::Up(up) => now.up = *up,
                    }
                    self.interfaces.insert(interface.clone(), now);
                }
            }
            Op::Spawn(launch) => self.memlock = Some(launch.memlock.unwrap_or(Limit::Unlimited)),
            Op::Connect { .. } => self.is_connected = true,
            Op::Memlock { limit, .. } => self.memlock = Some(*limit),
            Op::Nothing
            | Op::RemoveGroup { .. }
            | Op::Close { .. }
            | Op::Kill { .. }
            | Op::Disconnect
            | Op::Qmp { .. }
            | Op::QmpBack { .. } => {}
        }
        Ok(())
    }

    fn open(&mut self, fd: &str, interface: Option<String>) {
        self.fds.insert(fd.to_owned(), FdInfo { number: format!("{{fd:{fd}}}"), interface });
    }
}

impl HostRead for Predict<'_> {
    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        self.paths.get(path).map_or_else(|| self.host.stat(path), |stat| Ok(*stat))
    }
    fn canonical(&self, path: &Path) -> Result<Option<PathBuf>> {
        match self.paths.get(path) {
            Some(stat) => Ok(stat.map(|_| path.to_owned())),
            None => self.host.canonical(path),
        }
    }
    fn is_listening(&self, path: &Path) -> Result<bool> {
        if self.paths.contains_key(path) { Ok(false) } else { self.host.is_listening(path) }
    }
    fn pci(&self, device: PciAddress) -> Result<Option<PciState>> {
        self.pci.get(&device).map_or_else(|| self.host.pci(device), |state| Ok(Some(state.clone())))
    }
    fn has_driver(&self, driver: &str) -> Result<bool> {
        self.host.has_driver(driver)
    }
    fn interface(&self, name: &str) -> Result<Option<Interface>> {
        self.interfaces.get(name).map_or_else(|| self.host.interface(name), |now| Ok(Some(now.clone())))
    }
    fn fd(&self, name: &str) -> Result<Option<FdInfo>> {
        Ok(self.fds.get(name).cloned())
    }
    fn has_group(&self, group: &Group) -> Result<bool> {
        Ok(self.groups.contains(&group.to_string()) || self.host.has_group(group)?)
    }
    fn has_acl(&self, group: &Group, rules: Option<&[Rule]>) -> Result<bool> {
        Ok(self.acl.as_ref().filter(|(of, _)| of == group).map(|(_, table)| union(table)).as_deref() == rules)
    }
    fn processes(&self, _group: &Group) -> Result<Vec<u32>> {
        Ok(Vec::new())
    }
    fn memlock(&self, _group: &Group) -> Result<Option<Limit>> {
        Ok(self.memlock)
    }
    fn is_connected(&self) -> bool {
        self.is_connected
    }
    fn hierarchies(&self) -> Result<Hierarchies> {
        self.host.hierarchies()
    }
    fn user(&self, name: &str) -> Result<Option<User>> {
        self.host.user(name)
    }
    fn caller(&self) -> (u32, u32) {
        self.host.caller()
    }
}
