//! `<serial>`: serial ports.

use virtc_diag::{Diagnostic, Diagnostics, Severity};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::chardev::{self, Source};
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::elements::os::{MachineFamily, Os};
use crate::model::slot::PCI_DEVICE;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// The bus that a serial port is on.
    pub enum Target { Isa = "isa-serial", Usb = "usb-serial", Pci = "pci-serial", IsaDebug = "isa-debug", System = "system-serial" }
}

words! {
    /// QEMU's devices for serial ports.
    pub enum Model { Isa = "isa-serial", Usb = "usb-serial", Pci = "pci-serial", IsaDebugcon = "isa-debugcon", Pl011 = "pl011" }
}

/// Buses of other architectures, and the kinds of consoles.
const FOREIGN_TARGETS: &[&str] =
    &["spapr-vio-serial", "sclp-serial", "xen", "serial", "uml", "virtio", "lxc", "openvz", "sclp", "sclplm"];
/// Devices of other architectures.
const FOREIGN_MODELS: &[&str] = &["spapr-vty", "sclpconsole", "sclplmconsole", "16550a"];

/// How many ISA serial ports a PC has.
const ISA_PORTS: u32 = 4;

/// `<serial>`.
#[derive(Debug, Clone)]
pub struct Serial {
    /// The host's end.
    pub source: Source,
    /// The bus.
    pub target: Opt<Target>,
    /// The device.
    pub model: Opt<Model>,
    /// The number of the port.
    pub port: Opt<u32>,
    /// What every device has.
    pub info: Info,
    /// Its place in the XML.
    pub origin: Origin,
}

static TARGET: DefaultRule = DefaultRule {
    name: "serial-target",
    text: "unless the definition says otherwise, a PC has its serial ports on the ISA bus, and `virt` has ports of its own",
};
static MODEL: DefaultRule =
    DefaultRule { name: "serial-model", text: "the model of a serial port follows from its bus" };
static PORT: DefaultRule =
    DefaultRule { name: "serial-port", text: "a serial port without a number gets the next free one" };

impl Serial {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::terminal(f);
        let source = Source::lower(f)?;
        source.needs_path(f);
        let target = f.child("target");
        if target.as_ref().is_some_and(|t| chardev::foreign(t, "type", FOREIGN_TARGETS)) {
            return None;
        }
        let model = target.as_ref().and_then(|t| t.child("model"));
        if model.as_ref().is_some_and(|m| chardev::foreign(m, "name", FOREIGN_MODELS)) {
            if let Some(target) = &target {
                let _ = target.ignore_rest();
            }
            return None;
        }
        Some(Self {
            target: target.as_ref().and_then(|t| t.attr("type")),
            port: target.as_ref().and_then(chardev::port),
            model: model.and_then(|m| m.attr("name")),
            info: Info::lower(f),
            origin: f.origin(),
            source,
        })
    }

    /// The serial port that the first console means.
    pub fn of_console(source: Source, port: Opt<u32>, info: Info, origin: Origin) -> Self {
        Self { source, target: None, model: None, port, info, origin }
    }

    /// Whether a console on it is the guest's first console.
    pub fn is_console(&self) -> bool {
        matches!(self.target.get(), Some(Target::Isa | Target::System) | None)
    }

    fn settle(&mut self, os: &Os) {
        if os.arch().is_arm() {
            // `isa-serial` was once what every serial port was called.
            self.target = self.target.filter(|t| t.value != Target::Isa);
        }
        let usual = match os.family() {
            MachineFamily::ArmVirt => Some(Target::System),
            MachineFamily::I440fx
            | MachineFamily::Q35
            | MachineFamily::Versatile
            | MachineFamily::Realview
            | MachineFamily::Vexpress
            | MachineFamily::Other => os.arch().is_x86().then_some(Target::Isa),
        };
        self.target = self.target.or(usual.map(|target| Spanned::rule(target, &TARGET, self.origin)));
        let Some(target) = self.target.get() else { return };
        self.model.get_or_insert(Spanned::rule(target.model(), &MODEL, self.origin));
    }
}

impl Target {
    /// The only model of a port on this bus.
    fn model(self) -> Model {
        match self {
            Self::Isa => Model::Isa,
            Self::Usb => Model::Usb,
            Self::Pci => Model::Pci,
            Self::IsaDebug => Model::IsaDebugcon,
            Self::System => Model::Pl011,
        }
    }
}

/// Gives every serial port its number, bus and model. Ports that name the ISA bus are numbered first (`virDomainChrIsaSerialDefPostParse` and
/// `virDomainChrDefPostParse` in libvirt's `src/conf/domain_postparse.c`).
pub fn assign_ports(domain: &mut Domain, faults: &mut Diagnostics) {
    let serials = &mut domain.devices.serials;
    let isa = |s: &Serial| s.target.is(&Target::Isa);
    for at in 0..serials.len() {
        let free = (0..ISA_PORTS).find(|n| !serials.iter().any(|s| isa(s) && s.port.is(n)));
        if let (Some(serial), Some(free)) = (serials.get_mut(at), free)
            && isa(serial)
        {
            serial.port.get_or_insert(Spanned::rule(free, &PORT, serial.origin));
        }
    }
    for at in 0..serials.len() {
        let next = serials.iter().filter_map(|s| s.port.get()).max().map_or(0, |p| p.saturating_add(1));
        if let Some(serial) = serials.get_mut(at) {
            serial.port.get_or_insert(Spanned::rule(next, &PORT, serial.origin));
            serial.settle(&domain.os);
        }
    }
    let mut taken = Vec::new();
    for serial in serials.iter().filter(|s| isa(s)) {
        let Some(port) = serial.port.get() else { continue };
        let span = serial.port.origin_or(serial.origin).span();
        if port > ISA_PORTS {
            let message = format!("serial port {port} is not on the ISA bus, which has ports 0 to {}", ISA_PORTS - 1);
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
            faults.push(fault.help("use `<target type='pci-serial'/>`"));
        } else if port == ISA_PORTS {
            let message = format!("serial port {port} is not on the ISA bus, which has ports 0 to {}", ISA_PORTS - 1);
            faults
                .push(Diagnostic::at(&codes::REFUSED_BY_QEMU, span, message).help("use `<target type='pci-serial'/>`"));
        } else if taken.contains(&port) {
            // libvirt and QEMU take it: the second one hides the first.
            let message =
                format!("two ISA serial ports have the port {port}, and so the same I/O address: the guest sees one");
            let fault =
                Diagnostic { severity: Severity::Warning, ..Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message) };
            let used: Vec<u32> = serials.iter().filter_map(|serial| serial.port.get()).collect();
            let fault = match (0..ISA_PORTS).find(|free| !used.contains(free)) {
                Some(free) => fault.help(format!("write `port='{free}'`")),
                None => fault.help("remove one of the two"),
            };
            faults.push(fault);
        }
        taken.push(port);
    }
}

impl DeviceElement for Serial {
    const ELEMENT: &'static str = "serial";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }

    fn matches_description(&self, other: &Self) -> bool {
        let target = other.target.is_none() || self.target == other.target;
        let port = other.port.is_none() || self.port == other.port;
        let address = other.info.address.is_none() || self.info.address == other.info.address;
        target && port && address && self.source.matches_description(&other.source)
    }
}

impl Device for Serial {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("serial").attr("type", self.source.kind.word()).children(|w| {
            self.source.write(w);
            w.tag("target").opt("type", &self.target).opt("port", &self.port).children(|w| {
                if self.model.is_some() {
                    w.tag("model").opt("name", &self.model).end();
                }
            });
            self.info.write(w);
        });
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.source.check(domain, faults);
        self.source.no_agent(faults);
        let (Some(target), Some(model)) = (&self.target, &self.model) else { return };
        let of_arm = target.value == Target::System;
        let other = if of_arm { domain.os.family() != MachineFamily::ArmVirt } else { domain.os.arch().is_arm() };
        if other && (of_arm || target.value == Target::IsaDebug) {
            let span = target.origin.span();
            let message = format!("QEMU has no `<target type='{}'>` on this architecture", target.word());
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
            return faults.push(fault.help("remove `type`"));
        }
        if model.value != target.value.model() {
            let span = model.origin.span();
            let message = format!("model `{}` is none of a serial port of type `{}`", model.word(), target.word());
            let help = format!("set `{}`, or leave the model out", target.value.model().word());
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        }
        let isa = matches!(target.value, Target::Isa | Target::IsaDebug);
        if let Some(address) = self.info.address.as_ref().filter(|a| isa && !matches!(a.value, Address::Isa { .. })) {
            let span = address.origin.span();
            let message = format!("a serial port of type `{}` has an address of type `isa`", target.word());
            faults.push(Diagnostic::at(&codes::ADDRESS_CONFLICT, span, message).help("remove the `<address>`"));
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        match self.target.get() {
            Some(Target::Pci) => BusSlot::Pci(PCI_DEVICE),
            Some(Target::Usb) => BusSlot::Usb,
            Some(Target::Isa | Target::IsaDebug | Target::System) | None => BusSlot::Nothing,
        }
    }

    fn live(&self) -> Live {
        let is_part = matches!(self.target.get(), Some(Target::Isa | Target::IsaDebug | Target::System) | None);
        Live::plug(Can::when(!is_part, || "a serial port that is not on USB or PCI".to_owned()))
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("serial")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        self.source.options(cx, ArgSection::Serials, alias, None, self.origin, out);
        if matches!(self.target.get(), Some(Target::System) | None) {
            // It is part of the machine, which takes what is connected to it in order.
            let chardev = format!("chardev:{}", chardev::id(alias));
            return out.word(ArgSection::Serials, "serial", chardev, self.origin);
        }
        let Some(model) = self.model.get() else { return };
        let props = Props::new().with("driver", model.word()).with("chardev", chardev::id(alias)).with("id", alias);
        let props = props.opt("index", self.port.get().filter(|_| model == Model::Isa));
        let place = &self.info.address;
        let props = props.and(cx.isa_address(place)).and(cx.pci_address(place)).and(cx.usb_address(place));
        out.device(ArgSection::Serials, props, self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        self.source.host(self.info.alias(), None, self.origin, out);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn ports_are_decimal() {
        for device in
            ["<serial type='pty'><target port='0x1'/></serial>", "<parallel type='pty'><target port='0x1'/></parallel>"]
        {
            assert_eq!(
                crate::model::devices::chardev::trial::trial(device, &[]).faults,
                ["the port is not decimal"],
                "{device}"
            );
        }
    }

    #[test]
    fn one_that_listens_has_no_reconnect() {
        let device = "<serial type='unix'><source mode='bind' path='/x'><reconnect enabled='no'/></source></serial>";
        let faults = crate::model::devices::chardev::trial::trial(device, &[]).faults;
        assert_eq!(faults, ["`<reconnect>` needs `mode='connect'`, and this character device listens"]);
    }

    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn each_bus_has_its_device() {
        let t = trial(
            "<serial type='pty'/><serial type='null'><target type='pci-serial'/></serial>\
             <serial type='stdio'><target type='usb-serial'/></serial>\
             <serial type='pty'><target type='isa-debug'/><address type='isa' iobase='0x402'/></serial>",
            &["serial0", "serial1", "serial2", "serial3"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-chardev pty,id=charserial0",
                r#"-device {"driver":"isa-serial","chardev":"charserial0","id":"serial0","index":0}"#,
                "-chardev null,id=charserial1",
                r#"-device {"driver":"pci-serial","chardev":"charserial1","id":"serial1","bus":"pci.0","addr":"0x2"}"#,
                "-chardev stdio,id=charserial2",
                r#"-device {"driver":"usb-serial","chardev":"charserial2","id":"serial2","bus":"usb.0","port":"1"}"#,
                "-chardev pty,id=charserial3",
                r#"-device {"driver":"isa-debugcon","chardev":"charserial3","id":"serial3","iobase":1026}"#,
            ]
        );
    }

    #[test]
    fn a_port_without_a_number_comes_behind_the_others() {
        let t = trial("<serial type='pty'/><serial type='null'><target port='1'/></serial>", &["isa-serial"]);
        assert_eq!(t.argv.len(), 2);
        assert!(t.argv[0].ends_with(r#""id":"serial0","index":2}"#), "{:?}", t.argv);
        assert!(t.argv[1].ends_with(r#""id":"serial1","index":1}"#), "{:?}", t.argv);
    }

    #[test]
    fn what_no_machine_has() {
        let five = "<serial type='null'><target type='isa-serial'/></serial>".repeat(5);
        assert_eq!(trial(&five, &[]).faults, ["serial port 4 is not on the ISA bus, which has ports 0 to 3"]);
        let twice = "<serial type='null'><target port='1'/></serial>".repeat(2);
        assert_eq!(
            trial(&twice, &[]).faults,
            ["two ISA serial ports have the port 1, and so the same I/O address: the guest sees one"]
        );
        let model = "<serial type='null'><target type='pci-serial'><model name='usb-serial'/></target></serial>";
        assert_eq!(trial(model, &[]).faults, ["model `usb-serial` is none of a serial port of type `pci-serial`"]);
        let foreign = "<serial type='null'><target type='system-serial'><model name='pl011'/></target></serial>";
        assert_eq!(trial(foreign, &[]).faults, ["QEMU has no `<target type='system-serial'>` on this architecture"]);
        let address = "<serial type='null'><address type='usb' bus='0' port='1'/></serial>";
        assert_eq!(trial(address, &[]).faults, ["a serial port of type `isa-serial` has an address of type `isa`"]);
    }
}
