//! What the host must do before QEMU starts, gathered from the devices.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::{Access, DeviceRule, Node, Owner, PciAddress, QmpCall, Step};

use crate::codes;
use crate::devices::PciSlot;
use crate::ir::Origin;

/// What the host must do, by the place in the order of steps.
#[derive(Debug, Default)]
pub struct HostNeeds {
    /// Functions that are bound to VFIO.
    pub(crate) binds: Vec<(Step, Origin)>,
    /// Rules of the device ACL.
    pub(crate) rules: Vec<DeviceRule>,
    /// Descriptors that are opened.
    pub(crate) descriptors: Vec<(Step, Origin)>,
    /// The names of these descriptors.
    pub(crate) fds: Vec<String>,
    /// Nodes and files that QEMU must be able to open.
    pub(crate) owned: Vec<(Step, Origin)>,
    /// Directories in the VM's own directory.
    pub(crate) directories: Vec<String>,
    /// Whether guest memory is pinned, because devices of the host write to it.
    pub(crate) pinned: bool,
    /// QEMU's environment.
    pub(crate) env: Vec<(String, String)>,
    /// What QEMU is told before the guest runs.
    pub(crate) commands: Vec<(QmpCall, Origin)>,
    /// Settings of VFs that the runtime cannot make yet.
    pub(crate) vf_settings: Vec<Origin>,
    /// What the runtime cannot open yet, and what the definition wants it for.
    pub(crate) refused: Vec<(Origin, String)>,
}

impl HostNeeds {
    /// QEMU opens this file or block device.
    pub fn file(&mut self, path: &str, readonly: bool, block: bool, origin: Origin) {
        let node = Node::Path(path.to_owned());
        if block {
            let access = if readonly { Access::R } else { Access::RW };
            self.rules.push(DeviceRule::Node { node: node.clone(), access, optional: false });
        }
        self.own(node, origin);
    }

    /// QEMU must be able to open this node.
    pub fn own(&mut self, node: Node, origin: Origin) {
        self.owned.push((Step::Own { node, owner: Owner::Qemu }, origin));
    }

    /// QEMU opens this node of `/dev`.
    pub fn device(&mut self, path: &str, origin: Origin) {
        self.allow(path);
        self.own(Node::Path(path.to_owned()), origin);
    }

    /// QEMU opens this node of `/dev`, which it can open as it is.
    pub fn allow(&mut self, path: &str) {
        let node = Node::Path(path.to_owned());
        self.rules.push(DeviceRule::Node { node, access: Access::RW, optional: false });
    }

    /// QEMU opens this node of `/dev`, which anybody may open and which keeps its owner.
    pub fn shared_device(&mut self, path: &str) {
        self.rules.push(DeviceRule::Node { node: Node::Path(path.to_owned()), access: Access::RW, optional: false });
    }

    /// A variable of QEMU's environment.
    pub fn env(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// QEMU is told this before the guest runs.
    pub fn command(&mut self, call: QmpCall, origin: Origin) {
        self.commands.push((call, origin));
    }

    /// The guest gets this function of the host.
    pub fn vfio(&mut self, slot: PciSlot, managed: bool, origin: Origin) {
        let device = PciAddress { domain: slot.domain.into(), bus: slot.bus, slot: slot.slot, function: slot.function };
        self.binds.push((Step::VfioBind { device, managed }, origin));
        for node in [Node::Path("/dev/vfio/vfio".to_owned()), Node::VfioGroup(device)] {
            self.rules.push(DeviceRule::Node { node, access: Access::RW, optional: false });
        }
        self.own(Node::VfioGroup(device), origin);
        self.pinned = true;
    }

    /// The guest gets this USB device of the host.
    pub fn usb(&mut self, bus: u32, device: u32, origin: Origin) {
        let (Ok(bus), Ok(device)) = (u16::try_from(bus), u16::try_from(device)) else { return };
        let node = Node::Usb { bus, device };
        self.rules.push(DeviceRule::Node { node: node.clone(), access: Access::RW, optional: false });
        self.own(node, origin);
    }

    /// A tap interface, whose descriptors QEMU inherits.
    pub fn tap(&mut self, step: Step, origin: Origin) {
        if let Step::Tap { fds, vhost_fds, .. } = &step {
            self.fds.extend(fds.iter().chain(vhost_fds).cloned());
        }
        self.descriptors.push((step, origin));
    }

    /// A listening socket in the VM's own directory, which QEMU inherits as a descriptor.
    pub fn listen(&mut self, fd: &str, socket: &str, origin: Origin) {
        self.fds.push(fd.to_owned());
        self.descriptors.push((Step::Listen { fd: fd.to_owned(), socket: socket.to_owned() }, origin));
    }

    /// A directory in the VM's own directory.
    pub fn directory(&mut self, name: &str) {
        if !self.directories.iter().any(|d| d == name) {
            self.directories.push(name.to_owned());
        }
    }

    /// A VF must be given a MAC or a VLAN.
    pub fn vf_admin(&mut self, origin: Origin) {
        self.vf_settings.push(origin);
    }

    /// The runtime cannot do `what` yet: no plan is made.
    pub fn refuse(&mut self, what: impl Into<String>, origin: Origin) {
        self.refused.push((origin, what.into()));
    }

    /// Why no plan can be made.
    pub(crate) fn faults(&self) -> Diagnostics {
        let refused = |(origin, what): &(Origin, String)| {
            let message = format!("running a VM with this device is not supported yet: {what}");
            Diagnostic::new(&codes::NOT_YET_SUPPORTED, origin.span().unwrap_or_default(), message)
        };
        let mut out = self.vf_faults();
        out.extend(self.refused.iter().map(refused).collect());
        out
    }

    /// Why these settings cannot be made.
    fn vf_faults(&self) -> Diagnostics {
        let fault = |origin: &Origin| {
            let message =
                "running a VM with this interface is not supported yet: the MAC and VLAN of its VF cannot be set";
            Diagnostic::new(&codes::NOT_YET_SUPPORTED, origin.span().unwrap_or_default(), message)
        };
        self.vf_settings.iter().map(fault).collect()
    }
}
