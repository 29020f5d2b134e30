//! What devices and elements can look at when they are turned into options of QEMU.

use std::cell::RefCell;

use virtc_diag::{Diagnostic, Diagnostics, Severity, Span};

use crate::codes;
use crate::ir::{CpuSet, Opt, OptExt, Origin, Spanned, Switch};
use crate::model::devices::address::{Address, pci};
use crate::model::devices::controller::{Controller, ControllerType};
use crate::model::{Domain, Facts};
use crate::qemu::{Props, Text, state};
use crate::target::Target;
use crate::target::ability::{Ability, Changes};

/// What devices and elements can look at when they are turned into options of QEMU.
pub struct EmitContext<'m> {
    /// The definition, complete and with aliases.
    pub domain: &'m Domain,
    /// The QEMU to compile for.
    pub target: Target,
    /// What is known about the host.
    pub facts: Facts<'m>,
    /// The capabilities that the definition adds and removes.
    pub changes: Changes,
    faults: RefCell<Diagnostics>,
}

impl<'m> EmitContext<'m> {
    /// The context of `domain` for this QEMU and this host.
    pub fn new(domain: &'m Domain, target: &Target, facts: Facts<'m>) -> Self {
        let mut faults = Diagnostics::new();
        let names = &domain.extensions;
        let arch = domain.os.arch();
        let target = target.of_arch(arch);
        let changes = Changes::read(&names.add, &names.del, (&target, arch), &mut faults);
        Self { domain, target, facts, changes, faults: RefCell::new(faults) }
    }

    /// Adds a finding, unless it was added already.
    pub fn report(&self, diagnostic: Diagnostic) {
        let mut faults = self.faults.borrow_mut();
        if !faults.iter().any(|d| *d == diagnostic) {
            faults.push(diagnostic);
        }
    }

    /// Whether something at this place is in error.
    pub fn is_in_error(&self, place: Span) -> bool {
        let is_there = |found: &Diagnostic| found.severity == Severity::Error && found.span == Some(place);
        self.faults.borrow().iter().any(is_there)
    }

    /// All findings.
    pub fn finish(self) -> Diagnostics {
        self.faults.into_inner()
    }
}

impl EmitContext<'_> {
    /// Whether QEMU has this property of a device, as far as that is known; `<qemu:capabilities>` can change it.
    pub fn has_property(&self, device: &str, property: &str) -> bool {
        let is = |list: &[Ability]| list.iter().any(|a| a.is_property(device, property));
        !is(&self.changes.del) && (is(&self.changes.add) || self.target.has_property(device, property))
    }

    /// Whether a core dump of QEMU includes the guest's memory.
    pub fn dump_core(&self) -> bool {
        self.domain
            .memory
            .dump_core
            .get()
            .map_or_else(|| self.facts.config().is_some_and(|c| c.dump_guest_core), Switch::is_on)
    }

    /// The host's render node, where it is known.
    pub fn render_node(&self) -> Option<&str> {
        self.facts.render_node()
    }

    /// `bus`, `multifunction` and `addr` of a device on a PCI bus.
    pub fn pci_address(&self, address: &Opt<Address>) -> Props {
        let Some((place, _)) = pci(address) else { return Props::new() };
        let bus = self.domain.devices.controller(ControllerType::Pci, place.bus().into());
        let props = Props::new().with("bus", bus.map_or_else(|| format!("pci.{}", place.bus()), Controller::bus_name));
        let multifunction = match address {
            Some(Spanned { value: Address::Pci { multifunction, .. }, .. }) => multifunction.get(),
            Some(_) | None => None,
        };
        let props = props.opt("multifunction", multifunction.map(Switch::is_on));
        let slot = place.slot();
        let addr = match place.function() {
            0 => format!("{slot:#x}"),
            function => format!("{slot:#x}.{function:#x}"),
        };
        props.with("addr", addr)
    }

    /// `iobase` and `irq` of an ISA device; nothing where it has no such address.
    pub fn isa_address(&self, address: &Opt<Address>) -> Props {
        match address {
            Some(Spanned { value: Address::Isa { iobase, irq }, .. }) => {
                Props::new().with("iobase", iobase.unwrap_or(0)).opt("irq", irq.filter(|n| *n > 0))
            }
            Some(_) | None => Props::new(),
        }
    }

    /// `bus` and `port` of a device on a USB bus; nothing where it has no such address.
    pub fn usb_address(&self, address: &Opt<Address>) -> Props {
        let Some(Spanned { value: Address::Usb { bus, port }, .. }) = address else { return Props::new() };
        let controller = self.domain.devices.controller(ControllerType::Usb, *bus);
        let props = Props::new()
            .with("bus", controller.map_or_else(|| format!("usb{bus}.0"), |c| format!("{}.0", c.info.alias())));
        props.opt("port", Some(port).filter(|p| !p.is_empty()))
    }

    /// `bus` and `nr` of a port of a virtio-serial controller; nothing where the device has no such address.
    pub fn virtio_serial_address(&self, address: &Opt<Address>) -> Props {
        let Some(Spanned { value: Address::VirtioSerial { controller: index, bus, port }, .. }) = address else {
            return Props::new();
        };
        let controller = self.domain.devices.controller(ControllerType::VirtioSerial, *index);
        let alias = controller.map_or_else(|| format!("virtio-serial{index}"), |c| c.info.alias().to_owned());
        Props::new().with("bus", format!("{alias}.{bus}")).with("nr", *port)
    }

    /// The domain's directory on the hugetlbfs mount of this page size in KiB; absent: the host's default size.
    pub fn hugepage_path(&self, kib: Opt<u64>, origin: Origin) -> Option<Text> {
        let size = kib.get().filter(|kib| *kib > 0).unwrap_or_else(|| self.facts.default_hugepage_kib());
        if let Some(mount) = self.facts.hugetlbfs(size) {
            return Some(Text::from(format!("{mount}/libvirt/qemu/{}", self.short_name())));
        }
        let message = format!("hugetlbfs is not mounted for {size} KiB pages on the host");
        self.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, kib.origin_or(origin), message));
        None
    }

    /// The file of file-backed memory with this alias.
    pub fn ram_path(&self, alias: &str) -> Text {
        match self.facts.ram_dir() {
            Some(dir) => Text::from(format!("{dir}/{}/{alias}", self.short_name())),
            None => state(&format!("/ram/{alias}")),
        }
    }

    /// The address of the domain's own D-Bus daemon.
    pub fn dbus_address(&self) -> Text {
        match self.facts.dbus_dir() {
            Some(dir) => Text::from(format!("unix:path={dir}/{}-dbus.sock", self.short_name())),
            None => Text::from("unix:path=").then(state("/dbus.sock")),
        }
    }

    /// The name that libvirt uses in paths: the id, which is -1 until libvirt runs the domain, and 20 characters of the
    /// name.
    pub fn short_name(&self) -> String {
        let id = self.domain.general.id.as_ref().map_or("-1", |id| id.value.as_str());
        format!("{id}-{}", self.domain.name().chars().take(20).collect::<String>())
    }

    /// Reports NUMA nodes that the host does not have.
    pub fn check_nodes(&self, nodes: &Spanned<CpuSet>) {
        if let Some(node) = nodes.value.iter().find(|n| self.facts.lacks_node(*n)) {
            let message = format!("the host has no NUMA node {node}");
            self.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, nodes.origin, message));
        }
    }

    /// The directory for sockets of channels without a path.
    pub fn channel_dir(&self) -> Text {
        self.facts.channel_dir()
    }
}
