//! Host requirements: what the host must do before QEMU starts, gathered from elements and devices.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::{Access, Content, DeviceRule, Node, OpenMode, Owner, PciAddress, QmpCall, SocketPlace, Step};

use crate::codes;
use crate::ir::Origin;

/// The host requirements of a VM.
#[derive(Debug)]
pub struct HostRequirements {
    /// The requirements of the VM itself.
    own: DeviceRequirements,
    /// The requirements of each device.
    devices: Vec<DeviceRequirements>,
    /// The names of the descriptors that are opened.
    pub(crate) fds: Vec<String>,
    /// Directories in the VM's own directory.
    pub(crate) directories: Vec<String>,
    /// Whether the guest's memory is pinned, because devices of the host access it (VFIO).
    pub(crate) pinned: bool,
    /// QEMU's environment.
    pub(crate) env: Vec<(String, String)>,
    /// QMP commands to execute before the guest runs.
    pub(crate) commands: Vec<(QmpCall, Origin)>,
    /// Interfaces whose VF needs a MAC address or VLAN, which the runtime cannot set yet.
    pub(crate) vf_settings: Vec<Origin>,
    /// What the runtime does not support, each thing once, at the first place that needs it.
    pub(crate) refused: Vec<(Origin, String)>,
}

/// The requirements of one device.
#[derive(Debug)]
pub(crate) struct DeviceRequirements {
    /// Its alias; `None` for the VM itself.
    pub device: Option<String>,
    /// Its place in the XML.
    origin: Origin,
    /// PCI functions to bind to vfio-pci.
    pub binds: Vec<(Step, Origin)>,
    /// Rules of the cgroup's device ACL.
    pub rules: Vec<DeviceRule>,
    /// The steps after the cgroup is made.
    pub steps: Vec<(Step, Origin)>,
}

impl DeviceRequirements {
    fn new(device: Option<String>, origin: Origin) -> Self {
        Self { device, origin, binds: Vec::new(), rules: Vec::new(), steps: Vec::new() }
    }

    /// Its device rules as one step, and then its other steps.
    pub fn late_steps(&self) -> impl Iterator<Item = (Step, Origin)> {
        let is_device = self.device.is_some() && !self.rules.is_empty();
        let allow = is_device.then(|| (Step::Allow { rules: self.rules.clone() }, self.origin));
        allow.into_iter().chain(self.steps.iter().cloned())
    }
}

impl HostRequirements {
    /// No requirements, for the domain at `domain`.
    pub fn new(domain: Origin) -> Self {
        let own = DeviceRequirements::new(None, domain.with_rule(&crate::qemu::rules::OF_THE_VM));
        Self {
            own,
            devices: Vec::new(),
            fds: Vec::new(),
            directories: Vec::new(),
            pinned: false,
            env: Vec::new(),
            commands: Vec::new(),
            vf_settings: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// To add the requirements of the device `alias`.
    pub fn for_device<'r>(&'r mut self, alias: &'r str, origin: Origin) -> RequirementsOf<'r> {
        RequirementsOf { all: self, device: Some((alias, origin)), is_listed: false }
    }

    /// To add the requirements of the VM itself.
    pub fn for_vm(&mut self) -> RequirementsOf<'_> {
        RequirementsOf { all: self, device: None, is_listed: false }
    }

    /// The requirements of the VM itself, then those of each device.
    pub(crate) fn turns(&self) -> impl Iterator<Item = &DeviceRequirements> {
        std::iter::once(&self.own).chain(&self.devices)
    }

    /// The rules of the device ACL that belong to no device.
    pub(crate) fn own_rules(&self) -> &[DeviceRule] {
        &self.own.rules
    }

    /// Why no plan can be made.
    pub(crate) fn faults(&self) -> Diagnostics {
        let refused = |(origin, what): &(Origin, String)| {
            Diagnostic::at(&codes::NOT_YET_SUPPORTED, origin, format!("`virtc run` does not support {what}"))
        };
        let mut out = self.vf_faults();
        out.extend(self.refused.iter().map(refused).collect());
        out
    }

    /// Why no plan can be made for interfaces whose VF needs settings.
    fn vf_faults(&self) -> Diagnostics {
        let fault = |origin: &Origin| {
            let message = "`virtc run` does not support setting the MAC address and VLAN of a VF";
            Diagnostic::at(&codes::NOT_YET_SUPPORTED, origin, message)
        };
        self.vf_settings.iter().take(1).map(fault).collect()
    }
}

/// The requirements of one device, or of the VM itself, while they are added.
#[derive(Debug)]
pub struct RequirementsOf<'r> {
    all: &'r mut HostRequirements,
    /// The alias of the device, and its place in the XML; `None` for the VM itself.
    device: Option<(&'r str, Origin)>,
    /// Whether the device is the last in the list: it is added with its first requirement.
    is_listed: bool,
}

impl RequirementsOf<'_> {
    fn own_list(&mut self) -> &mut DeviceRequirements {
        let Some((alias, origin)) = self.device else { return &mut self.all.own };
        if !std::mem::replace(&mut self.is_listed, true) {
            self.all.devices.push(DeviceRequirements::new(Some(alias.to_owned()), origin));
        }
        self.all.devices.last_mut().unwrap_or(&mut self.all.own)
    }

    /// QEMU opens this file, which is chowned to QEMU's user.
    pub fn file(&mut self, path: &str, origin: Origin) {
        self.own(Node::Path(path.to_owned()), origin);
    }

    /// QEMU opens this block device.
    pub fn block(&mut self, path: &str, readonly: bool) {
        self.rule(Node::Path(path.to_owned()), if readonly { Access::R } else { Access::RW });
    }

    fn rule(&mut self, node: Node, access: Access) {
        let rule = DeviceRule::Node { node, access, optional: false };
        let rules = &mut self.own_list().rules;
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }

    fn step(&mut self, step: Step, origin: Origin) {
        self.own_list().steps.push((step, origin));
    }

    /// QEMU must be able to open this node, which is chowned to QEMU's user.
    pub fn own(&mut self, node: Node, origin: Origin) {
        self.step(Step::Own { node, owner: Owner::Qemu }, origin);
    }

    /// QEMU opens this node of `/dev`.
    pub fn device(&mut self, path: &str, origin: Origin) {
        self.allow(path);
        self.own(Node::Path(path.to_owned()), origin);
    }

    /// QEMU opens this node of `/dev`; its owner stays.
    pub fn allow(&mut self, path: &str) {
        self.rule(Node::Path(path.to_owned()), Access::RW);
    }

    /// QEMU opens this node of `/dev`, which every user may open.
    pub fn shared_device(&mut self, path: &str) {
        self.allow(path);
    }

    /// A variable of QEMU's environment.
    pub fn env(&mut self, name: &str, value: &str) {
        self.all.env.retain(|(known, _)| known != name);
        self.all.env.push((name.to_owned(), value.to_owned()));
    }

    /// A QMP command to execute before the guest runs.
    pub fn command(&mut self, call: QmpCall, origin: Origin) {
        self.all.commands.push((call, origin));
    }

    /// The guest gets this PCI function of the host (VFIO).
    pub fn vfio(&mut self, device: PciAddress, managed: bool, origin: Origin) {
        // Several namespaces of an NVMe disk share one function.
        let bound =
            |(step, _): &(Step, Origin)| matches!(step, Step::VfioBind { device: other, .. } if *other == device);
        if !self.all.turns().any(|turn| turn.binds.iter().any(bound)) {
            self.own_list().binds.push((Step::VfioBind { device, managed }, origin));
        }
        for node in [Node::Path("/dev/vfio/vfio".to_owned()), Node::VfioGroup(device)] {
            self.rule(node, Access::RW);
        }
        self.own(Node::VfioGroup(device), origin);
        self.all.pinned = true;
    }

    /// The guest gets this USB device of the host.
    pub fn usb(&mut self, bus: u32, device: u32, origin: Origin) {
        let (Ok(bus), Ok(device)) = (u16::try_from(bus), u16::try_from(device)) else { return };
        let node = Node::Usb { bus, device };
        self.rule(node.clone(), Access::RW);
        self.own(node, origin);
    }

    /// A tap interface, whose descriptors QEMU inherits.
    pub fn tap(&mut self, step: Step, origin: Origin) {
        if let Step::Tap { fds, vhost_fds, .. } = &step {
            self.all.fds.extend(fds.iter().chain(vhost_fds).cloned());
        }
        self.step(step, origin);
    }

    /// A listening socket, which QEMU inherits as a descriptor.
    pub fn listen(&mut self, fd: &str, at: SocketPlace, origin: Origin) {
        self.all.fds.push(fd.to_owned());
        self.step(Step::Listen { fd: fd.to_owned(), at }, origin);
    }

    /// A file to write to, which QEMU inherits as a descriptor; it is created where it does not exist.
    pub fn write_to(&mut self, fd: &str, path: &str, append: bool, origin: Origin) {
        self.all.fds.push(fd.to_owned());
        let content = if append { Content::Append } else { Content::Truncate };
        let (fd, path) = (fd.to_owned(), path.to_owned());
        self.step(Step::Open { fd, path, mode: OpenMode::Write, create: true, content }, origin);
    }

    /// A device of the host, which QEMU inherits as a descriptor.
    pub fn open_device(&mut self, fd: &str, path: &str, origin: Origin) {
        self.allow(path);
        self.all.fds.push(fd.to_owned());
        let (fd, path) = (fd.to_owned(), path.to_owned());
        let (mode, content) = (OpenMode::ReadWrite, Content::Keep);
        self.step(Step::Open { fd, path, mode, create: false, content }, origin);
    }

    /// A device of the host accesses the guest's memory, which is pinned for it.
    pub fn pin(&mut self) {
        self.all.pinned = true;
    }

    /// A file of the guest's own, which is copied from a template where it does not exist.
    pub fn from_template(&mut self, template: Option<&str>, path: &str, origin: Origin) {
        let from = template.map(ToOwned::to_owned);
        self.step(Step::CopyFile { from, to: path.to_owned(), owner: Owner::Qemu }, origin);
        self.own(Node::Path(path.to_owned()), origin);
    }

    /// A directory in the VM's own directory.
    pub fn directory(&mut self, name: &str) {
        if !self.all.directories.iter().any(|d| d == name) {
            self.all.directories.push(name.to_owned());
        }
    }

    /// The VF of an interface needs a MAC address or a VLAN.
    pub fn vf_admin(&mut self, origin: Origin) {
        self.all.vf_settings.push(origin);
    }

    /// `virtc run` does not support `what`, so that no plan is made. Each `what` is reported once.
    pub fn refuse(&mut self, what: impl Into<String>, origin: Origin) {
        let (refused, what) = (&mut self.all.refused, what.into());
        if !refused.iter().any(|(_, known)| *known == what) {
            refused.push((origin, what));
        }
    }
}
