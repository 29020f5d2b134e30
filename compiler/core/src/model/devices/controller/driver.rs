//! `<driver>` of a controller.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Switch};
use crate::model::Domain;
use crate::model::devices::controller::{Controller, ControllerType, ScsiModel};
use crate::model::devices::virtio::VirtioOptions;
use crate::model::elements::iothreads::DriverIothreads;
use crate::qemu::Props;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<driver>` of a controller: of virtio-scsi, but for the options of all virtio devices.
#[derive(Debug, Clone, Default)]
pub struct ControllerDriver {
    /// How many queues requests have.
    pub queues: Opt<u32>,
    /// How many commands may be outstanding for one unit.
    pub cmd_per_lun: Opt<u32>,
    /// The most sectors that one request may have.
    pub max_sectors: Opt<u32>,
    /// Whether notifications go through an eventfd.
    pub ioeventfd: Opt<Switch>,
    /// The I/O threads that serve it.
    pub threads: DriverIothreads,
    /// What every virtio device has.
    pub virtio: VirtioOptions,
}

impl ControllerDriver {
    /// Reads `<driver>` of the controller `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let Some(d) = f.child("driver") else { return Self::default() };
        Self {
            queues: d.attr("queues"),
            cmd_per_lun: d.attr("cmd_per_lun"),
            max_sectors: d.attr("max_sectors"),
            ioeventfd: d.attr("ioeventfd"),
            threads: DriverIothreads::lower(&d),
            virtio: VirtioOptions::lower(&d),
        }
    }

    /// Writes `<driver>` where it says anything.
    pub fn write(&self, w: &mut XmlWriter) {
        let own = self.own().iter().any(|(_, origin)| origin.is_some());
        if own || self.virtio.any() {
            let tag = w.tag("driver").opt("queues", &self.queues).opt("cmd_per_lun", &self.cmd_per_lun);
            let tag = tag.opt("max_sectors", &self.max_sectors).opt("ioeventfd", &self.ioeventfd);
            let tag = self.virtio.write(tag.opt("iothread", &self.threads.one));
            tag.children(|w| self.threads.write(w));
        }
    }

    /// What only virtio-scsi has.
    fn own(&self) -> [(&'static str, Option<Origin>); 5] {
        let origin = |opt: &Opt<u32>| opt.as_ref().map(|o| o.origin);
        [
            ("queues", origin(&self.queues)),
            ("cmd_per_lun", origin(&self.cmd_per_lun)),
            ("max_sectors", origin(&self.max_sectors)),
            ("ioeventfd", self.ioeventfd.as_ref().map(|o| o.origin)),
            ("iothread", self.threads.origin()),
        ]
    }

    /// The properties of virtio-scsi that are before its name.
    pub fn thread_props(&self) -> Props {
        self.threads.props().and(self.virtio.props())
    }

    /// The properties of virtio-scsi that come after its name.
    pub fn scsi_props(&self) -> Props {
        let some = |opt: &Opt<u32>| opt.get().filter(|n| *n > 0);
        Props::new()
            .opt("num_queues", some(&self.queues))
            .opt("cmd_per_lun", some(&self.cmd_per_lun))
            .opt("max_sectors", some(&self.max_sectors))
            .opt("ioeventfd", self.ioeventfd.get().map(Switch::is_on))
    }

    /// The rules of `qemuValidateDomainDeviceDefControllerAttributes` in libvirt's `src/qemu/qemu_validate.c`.
    pub fn check(&self, controller: &Controller, domain: &Domain, faults: &mut Diagnostics) {
        if !controller.scsi_model().is_some_and(ScsiModel::is_virtio) {
            for (name, origin) in self.own() {
                let Some(span) = origin.map(crate::ir::Origin::span) else { continue };
                let message = format!("only virtio-scsi controllers have `{name}`");
                let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
                faults.push(fault.help("use `model='virtio-scsi'`, or remove it"));
            }
            if controller.kind() != ControllerType::VirtioSerial {
                self.virtio.without_effect("controller", faults);
            }
        }
        self.threads.check(&domain.iothreads, self.queues, faults);
    }
}
