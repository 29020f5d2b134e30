//! A host in memory, whose writes can be made to fail one by one.

use std::cell::Cell;
use std::path::Path;

use serde::Serialize;
use virtc_plan::DeviceKind;

use super::linux::LinuxRead;
use super::operations::HostOp;
use super::resources::{
    Caller, CallersGroups, DescriptorNamed, DriverNamed, FdInfo, FileAt, Function, Hierarchies, Interface,
    InterfaceNamed, Kind, ListenerAt, PciState, Stat, User, UserNamed,
};
use super::states::{Known, Model, States};
use super::{Host, HostRead, Resource, Result};
use crate::error::HostError;

/// The number of QEMU's process.
pub(crate) const PID: u32 = 42;

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

/// The state of the host, without what only the supervisor holds.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub(crate) struct World {
    pub states: States,
    /// The network interfaces that QEMU keeps alive.
    pub inherited: Vec<String>,
    /// The QMP commands that QEMU has executed, as long as it runs.
    pub executed: Vec<String>,
}

pub(crate) struct Fake {
    pub world: World,
    pub journal: String,
    /// Open descriptors: they are closed when the supervisor dies.
    descriptors: States,
    pub connected: bool,
    pub fault: Option<Fault>,
    /// How many writes were tried, those of the journal included.
    pub writes: Cell<usize>,
    pub dead: bool,
    pub finished: bool,
}

impl Fake {
    pub fn new() -> Self {
        let mut fake = Self {
            world: World::default(),
            journal: String::new(),
            descriptors: States::default(),
            connected: false,
            fault: None,
            writes: Cell::new(0),
            dead: false,
            finished: false,
        };
        let root = |kind, mode| Stat { kind, uid: 0, gid: 0, mode, id: (0, 0) };
        let device =
            |minor: u32| Stat { id: (0, minor.into()), ..root(Kind::Device(DeviceKind::Char, 1, minor), 0o666) };
        for (path, stat) in [
            ("/", root(Kind::Directory, 0o644)),
            ("/dev/null", device(3)),
            ("/dev/vhost-net", device(238)),
            ("/disk.img", Stat { uid: 7, gid: 8, ..root(Kind::Other, 0o600) }),
            ("/template.fd", root(Kind::File, 0o644)),
            ("/run/busy.sock", root(Kind::Socket, 0o644)),
        ] {
            fake.put(&FileAt(Path::new(path)), Some(&stat));
        }
        fake.put(&ListenerAt(Path::new("/run/busy.sock")), Some(&()));
        for driver in ["vfio-pci", "igbvf"] {
            fake.put(&DriverNamed(driver), Some(&()));
        }
        let vf = PciState { driver: Some("igbvf".into()), driver_override: None, group: Some("12".into()) };
        fake.put(&Function(&"0000:03:10.0".parse().unwrap()), Some(&vf));
        let bridge = Interface { mac: "52:54:00:00:00:01".into(), mtu: 1500, bridge: None, up: true };
        fake.put(&InterfaceNamed("br0"), Some(&bridge));
        fake.put(&UserNamed("libvirt-qemu"), Some(&User { uid: 64, gid: 65, groups: vec![] }));
        fake.put(&Caller, Some(&(0, 0)));
        fake.put(&CallersGroups, Some(&Hierarchies { v2: Some("/cg".into()), v1: None }));
        fake
    }

    /// From here on the resource has this state; `None`: the host does not have it.
    pub fn put<R: Resource>(&mut self, resource: &R, state: Option<&R::State>) {
        self.world.states.set(resource, state).unwrap();
        self.world.states.forget_absent();
    }

    /// The supervisor dies: what only it held is gone.
    pub fn die(&mut self) {
        self.descriptors = States::default();
        self.reap_interfaces();
        self.connected = false;
        self.dead = false;
        self.fault = None;
    }

    /// QEMU ends: what only it held is gone.
    pub fn qemu_ends(&mut self) {
        self.world.executed.clear();
        self.world.inherited.clear();
        self.connected = false;
        self.reap_interfaces();
    }

    pub fn has_qemu(&self) -> bool {
        self.world.states.names().any(|name| name.starts_with("processes "))
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

    /// A tap exists as long as a descriptor of it.
    fn reap_interfaces(&mut self) {
        let mut held = self.world.inherited.clone();
        let open: Vec<String> = self.descriptors.names().map(ToOwned::to_owned).collect();
        for name in open {
            let fd = name.strip_prefix("descriptor ").unwrap();
            held.extend(Model::read(self).fd(fd).unwrap().and_then(|info| info.interface));
        }
        let is_held = |name: &str| held.iter().any(|held| held == name);
        self.world.states.forget(|name| {
            name.strip_prefix("interface ").is_some_and(|name| name.starts_with("vnet") && !is_held(name))
        });
    }
}

impl HostRead for Fake {
    fn known(&self, name: &str) -> Known<'_> {
        match self.world.states.known(name) {
            Known::Unknown => self.descriptors.known(name),
            known @ (Known::Absent | Known::Present(_)) => known,
        }
    }

    fn linux(&self) -> Option<&LinuxRead> {
        None
    }
}

impl Model for Fake {
    fn read(&self) -> &dyn HostRead {
        self
    }

    fn states(&mut self) -> &mut States {
        &mut self.world.states
    }

    fn open(&mut self, fd: &str, interface: Option<&str>) -> Result<()> {
        let info = FdInfo { number: "9".into(), interface: interface.map(ToOwned::to_owned) };
        self.descriptors.set(&DescriptorNamed(fd), Some(&info))
    }

    fn close(&mut self, fds: &[String]) -> Result<()> {
        fds.iter().try_for_each(|fd| self.descriptors.set(&DescriptorNamed(fd), None))?;
        self.reap_interfaces();
        Ok(())
    }
}

impl Host for Fake {
    fn read(&self) -> &dyn HostRead {
        self
    }

    fn is_connected(&self) -> bool {
        self.connected
    }

    fn apply(&mut self, op: &HostOp) -> Result<()> {
        let op = op.operation();
        let done = self.write(|fake| op.fake(fake));
        self.world.states.forget_absent();
        match done {
            Err(error) if !self.dead => Err(match op.refusal(&error.to_string()) {
                HostError::System { .. } => error,
                refusal @ (HostError::Hang { .. }
                | HostError::Unsuitable(_)
                | HostError::NotVerified(_)
                | HostError::QemuEnded { .. }
                | HostError::NoAnswer { .. }
                | HostError::Refused { .. }
                | HostError::NoQmp(_)
                | HostError::NoEvent { .. }
                | HostError::GuestHolds { .. }
                | HostError::GuestRefuses { .. }
                | HostError::Locked(_)
                | HostError::Unfinished(_)
                | HostError::Journal { .. }
                | HostError::Changed { .. }
                | HostError::Interrupted) => refusal,
            }),
            done => done,
        }
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
