//! A host in memory, whose writes can be made to fail one by one.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use virtc_plan::{DeviceKind, Limit, PciAddress};

use super::{FdInfo, Hierarchies, Host, HostRead, Interface, Kind, PciState, Result, Stat};
use crate::acl::{Rule, union};
use crate::change::{Group, Link, Op, User};
use crate::error::HostError;

/// Where the fake stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write fails, and nothing was written.
    Refuse(usize),
    /// The supervisor dies before the write.
    DieBefore(usize),
    /// The supervisor dies after the write.
    DieAfter(usize),
}

/// A process: the limit on locked memory, and the network interfaces that it keeps alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Process {
    group: String,
    memlock: String,
    interfaces: Vec<String>,
}

/// All of it that is the host, and not the supervisor's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub(crate) struct World {
    pub paths: BTreeMap<PathBuf, Stat>,
    pub pci: BTreeMap<String, PciState>,
    pub interfaces: BTreeMap<String, Interface>,
    pub groups: BTreeMap<String, Option<Vec<String>>>,
    pub processes: Vec<Process>,
    /// What QEMU was told, as long as it lives.
    pub said: Vec<String>,
}

pub(crate) struct Fake {
    pub world: World,
    pub journal: String,
    /// Descriptors, and the interface behind each: they go when the supervisor dies.
    fds: BTreeMap<String, Option<String>>,
    connected: bool,
    pub fault: Option<Fault>,
    /// How many writes were tried, those of the journal included.
    pub writes: Cell<usize>,
    pub dead: bool,
    pub finished: bool,
}

impl Fake {
    pub fn new() -> Self {
        let device = |minor| Stat {
            kind: Kind::Device(DeviceKind::Char, 1, minor),
            uid: 0,
            gid: 0,
            mode: 0o666,
            id: (0, minor.into()),
        };
        let mut world = World::default();
        world.paths.insert("/dev/null".into(), device(3));
        world.paths.insert("/dev/vhost-net".into(), device(238));
        world.paths.insert("/disk.img".into(), Stat { kind: Kind::Other, uid: 7, gid: 8, mode: 0o600, id: (0, 0) });
        let file = |kind| Stat { kind, uid: 0, gid: 0, mode: 0o644, id: (0, 0) };
        world.paths.insert("/".into(), file(Kind::Directory));
        world.paths.insert("/template.fd".into(), file(Kind::File));
        world.paths.insert("/run/busy.sock".into(), file(Kind::Socket));
        let driver = Some("igbvf".to_owned());
        let vf = PciState { driver, driver_override: None, group: Some("12".into()) };
        world.pci.insert("0000:03:10.0".into(), vf);
        let bridge = Interface { mac: "52:54:00:00:00:01".into(), mtu: 1500, bridge: None, up: true };
        world.interfaces.insert("br0".into(), bridge);
        Self {
            world,
            journal: String::new(),
            fds: BTreeMap::new(),
            connected: false,
            fault: None,
            writes: Cell::new(0),
            dead: false,
            finished: false,
        }
    }

    /// The supervisor dies: what only it held is gone.
    pub fn die(&mut self) {
        let fds: Vec<String> = self.fds.keys().cloned().collect();
        self.close(&fds);
        self.connected = false;
        self.dead = false;
        self.fault = None;
    }

    fn write(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let refused = |why: &str| Err(HostError::System { what: "write".into(), why: why.into() });
        let nth = self.writes.get();
        if self.dead {
            return refused("dead");
        }
        self.writes.set(nth + 1);
        match self.fault {
            Some(Fault::Refuse(n)) if n == nth => return refused("injected"),
            Some(Fault::DieBefore(n)) if n == nth => self.dead = true,
            Some(Fault::DieAfter(n)) if n == nth => {
                body(self)?;
                self.dead = true;
            }
            _ => return body(self),
        }
        refused("dead")
    }

    fn close(&mut self, fds: &[String]) {
        for fd in fds {
            self.fds.remove(fd);
        }
        self.reap_interfaces();
    }

    /// A tap lives as long as a descriptor of it.
    fn reap_interfaces(&mut self) {
        let held: Vec<String> = self.fds.values().flatten().cloned().collect();
        let processes = &self.world.processes;
        let is_held = |name: &String| held.contains(name) || processes.iter().any(|p| p.interfaces.contains(name));
        self.world.interfaces.retain(|name, _| !name.starts_with("vnet") || is_held(name));
    }

    fn do_op(&mut self, op: &Op) -> Result<()> {
        let unfit = |what: &str| Err(HostError::Unfit(what.into()));
        let world = &mut self.world;
        match op {
            Op::MakeDir { path, mode, uid, gid } => {
                world.paths.insert(
                    path.clone(),
                    Stat { kind: Kind::Directory, uid: *uid, gid: *gid, mode: *mode, id: (0, 0) },
                );
            }
            Op::RemoveDir { path } => world.paths.retain(|p, _| !p.starts_with(path)),
            Op::Owner { path, uid, gid, .. } => {
                if let Some(stat) = world.paths.get_mut(path) {
                    (stat.uid, stat.gid) = (*uid, *gid);
                }
            }
            Op::Driver { device, driver } => return self.bind(*device, driver.as_deref()),
            Op::Override { device, driver } => {
                let Some(state) = world.pci.get_mut(&device.to_string()) else { return unfit("no such function") };
                state.driver_override.clone_from(driver);
            }
            Op::MakeGroup { group } => {
                world.groups.entry(group.to_string()).or_insert(None);
            }
            Op::RemoveGroup { group } => {
                if world.processes.iter().any(|p| p.group == group.to_string()) {
                    return unfit("group is busy");
                }
                world.groups.remove(&group.to_string());
            }
            Op::Acl { group, table } => {
                let lines = table.as_ref().map(|t| union(t).iter().map(ToString::to_string).collect());
                match world.groups.get_mut(&group.to_string()) {
                    Some(acl) => *acl = lines,
                    None if table.is_none() => {}
                    None => return unfit("no such group"),
                }
            }
            Op::Open { fd, .. } => {
                self.fds.insert(fd.clone(), None);
            }
            Op::MakeFile { path } => {
                let stat = Stat { kind: Kind::EmptyFile, uid: 0, gid: 0, mode: 0o600, id: (0, 0) };
                world.paths.entry(path.clone()).or_insert(stat);
            }
            Op::RemoveEmpty { path } => {
                world.paths.retain(|p, stat| p != path || stat.kind != Kind::EmptyFile);
            }
            Op::CopyFile { from, to, uid, gid, .. } => {
                let Some(template) = world.paths.get(from).copied() else { return unfit("no template") };
                world.paths.entry(to.clone()).or_insert(Stat { uid: *uid, gid: *gid, mode: 0o600, ..template });
            }
            Op::RemovePart { part } => {
                world.paths.remove(part);
            }
            Op::Listen { fd, path, mode, owner } => {
                let (uid, gid) = owner.unwrap_or_default();
                world.paths.insert(path.clone(), Stat { kind: Kind::Socket, uid, gid, mode: *mode, id: (0, 0) });
                self.fds.insert(fd.clone(), None);
            }
            Op::Unlisten { fd, path } => {
                world.paths.retain(|p, stat| p != path || stat.kind != Kind::Socket);
                self.close(std::slice::from_ref(fd));
            }
            Op::Tap { fds, name, .. } => {
                let name = name.replace("%d", "0");
                let tap = Interface { mac: "fe:00:00:00:00:01".into(), mtu: 1500, bridge: None, up: false };
                world.interfaces.insert(name.clone(), tap);
                self.fds.extend(fds.iter().map(|fd| (fd.clone(), Some(name.clone()))));
            }
            Op::Close { fds } => self.close(fds),
            Op::Link { interface, set } => {
                if let Some(now) = world.interfaces.get_mut(interface) {
                    match set {
                        Link::Mac(mac) => now.mac.clone_from(mac),
                        Link::Mtu(mtu) => now.mtu = *mtu,
                        Link::Bridge(bridge) => now.bridge.clone_from(bridge),
                        Link::Up(up) => now.up = *up,
                    }
                }
            }
            Op::Spawn(launch) => {
                let interfaces = launch.fds.iter().filter_map(|fd| self.fds.get(fd).cloned().flatten()).collect();
                let memlock = format!("{:?}", launch.memlock);
                world.processes.push(Process { group: launch.group.to_string(), memlock, interfaces });
                self.close(&launch.fds);
            }
            Op::Kill { group } => {
                world.processes.retain(|p| p.group != group.to_string());
                world.said.clear();
                self.connected = false;
                self.reap_interfaces();
            }
            Op::Connect { .. } if world.processes.is_empty() => return unfit("no QEMU"),
            Op::Connect { .. } => self.connected = true,
            Op::Disconnect => self.connected = false,
            Op::Qmp { command, .. } if self.connected => world.said.push(command.to_string()),
            Op::Qmp { .. } => return unfit("no QEMU"),
            Op::QmpBack { .. } if self.connected => {
                world.said.pop();
            }
            Op::Nothing | Op::QmpBack { .. } => {}
            Op::Memlock { group, limit } => {
                for process in world.processes.iter_mut().filter(|p| p.group == group.to_string()) {
                    process.memlock = format!("{:?}", Some(limit));
                }
            }
        }
        Ok(())
    }

    /// As the kernel does: `driver_override` rules, and the group's node comes and goes with `vfio-pci`.
    fn bind(&mut self, device: PciAddress, driver: Option<&str>) -> Result<()> {
        let unfit = |what: &str| Err(HostError::Unfit(what.into()));
        let Some(state) = self.world.pci.get_mut(&device.to_string()) else { return unfit("no such function") };
        if state.driver.as_deref() == driver {
            return Ok(());
        }
        if driver.is_some() && state.driver_override.is_some() && state.driver_override.as_deref() != driver {
            return unfit("No such device");
        }
        if driver.is_some() && state.driver.is_some() {
            return unfit("Device or resource busy");
        }
        let node = PathBuf::from("/dev/vfio").join(state.group.clone().unwrap_or_default());
        if state.driver.as_deref() == Some("vfio-pci") {
            if self.world.said.iter().any(|said| said.contains("device_add")) {
                return unfit("would hang: QEMU holds the device");
            }
            self.world.paths.remove(&node);
        }
        state.driver = driver.map(ToOwned::to_owned);
        if driver == Some("vfio-pci") {
            let kind = Kind::Device(DeviceKind::Char, 240, 12);
            self.world.paths.insert(node, Stat { kind, uid: 0, gid: 0, mode: 0o600, id: (0, 0) });
        }
        Ok(())
    }
}

impl HostRead for Fake {
    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        Ok(self.world.paths.get(path).copied())
    }
    fn canonical(&self, path: &Path) -> Result<Option<PathBuf>> {
        Ok(self.world.paths.contains_key(path).then(|| path.to_owned()))
    }
    fn is_listening(&self, path: &Path) -> Result<bool> {
        Ok(path == Path::new("/run/busy.sock"))
    }
    fn pci(&self, device: PciAddress) -> Result<Option<PciState>> {
        Ok(self.world.pci.get(&device.to_string()).cloned())
    }
    fn has_driver(&self, driver: &str) -> Result<bool> {
        Ok(driver == "vfio-pci" || driver == "igbvf")
    }
    fn interface(&self, name: &str) -> Result<Option<Interface>> {
        Ok(self.world.interfaces.get(name).cloned())
    }
    fn fd(&self, name: &str) -> Result<Option<FdInfo>> {
        Ok(self.fds.get(name).map(|interface| FdInfo { number: "9".into(), interface: interface.clone() }))
    }
    fn has_group(&self, group: &Group) -> Result<bool> {
        Ok(self.world.groups.contains_key(&group.to_string()))
    }
    fn has_acl(&self, group: &Group, rules: Option<&[Rule]>) -> Result<bool> {
        let wanted = rules.map(|rules| rules.iter().map(ToString::to_string).collect::<Vec<_>>());
        Ok(self.world.groups.get(&group.to_string()) == Some(&wanted))
    }
    fn processes(&self, group: &Group) -> Result<Vec<u32>> {
        Ok(self.world.processes.iter().filter(|p| p.group == group.to_string()).map(|_| 42).collect())
    }
    fn memlock(&self, group: &Group) -> Result<Option<Limit>> {
        let process = self.world.processes.iter().find(|p| p.group == group.to_string());
        Ok(process.map(|p| if p.memlock.contains("Unlimited") { Limit::Unlimited } else { Limit::Bytes(1 << 20) }))
    }
    fn is_connected(&self) -> bool {
        self.connected
    }
    fn hierarchies(&self) -> Result<Hierarchies> {
        Ok(Hierarchies { v2: Some("/cg".into()), v1: None })
    }
    fn user(&self, _name: &str) -> Result<Option<User>> {
        Ok(Some(User { uid: 64, gid: 65, groups: vec![] }))
    }
    fn caller(&self) -> (u32, u32) {
        (0, 0)
    }
}

impl Host for Fake {
    fn apply(&mut self, op: &Op) -> Result<()> {
        let op = op.clone();
        self.write(|fake| fake.do_op(&op)).map_err(|error| match &op {
            Op::Qmp { .. } if !self.dead => {
                HostError::Refused { command: String::new(), class: String::new(), desc: error.to_string() }
            }
            _ => error,
        })
    }
    fn record(&mut self, line: &str) -> Result<()> {
        let line = format!("{line}\n");
        self.write(|fake| {
            fake.journal.push_str(&line);
            Ok(())
        })
    }
    fn recorded(&mut self) -> Result<String> {
        let whole = self.journal.rfind('\n').map_or(0, |at| at + 1);
        self.journal.truncate(whole);
        Ok(self.journal.clone())
    }
    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        Ok(())
    }
}
