//! `<console>`: the guest's consoles. The first one is another name of the first serial port, unless it is a virtio console.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::chardev::{self, Source};
use crate::model::devices::serial::{self, Serial};
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What a console is in the guest.
    pub enum Target { Serial = "serial", Virtio = "virtio" }
}

/// Consoles of other hypervisors and architectures, and the buses of serial ports.
const FOREIGN_TARGETS: &[&str] = &[
    "sclp",
    "sclplm",
    "xen",
    "uml",
    "lxc",
    "openvz",
    "isa-serial",
    "usb-serial",
    "pci-serial",
    "spapr-vio-serial",
    "system-serial",
    "sclp-serial",
    "isa-debug",
];

/// `<console>`.
#[derive(Debug, Clone)]
pub struct Console {
    /// The host's end.
    pub source: Source,
    /// What it is in the guest; a serial port where nothing is said.
    pub target: Opt<Target>,
    /// Its number.
    pub port: Opt<u32>,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

static MIRROR: DefaultRule = DefaultRule {
    name: "console-of-serial",
    text: "the first serial port and the first console are one device with two names",
};
static NUMBER: DefaultRule = DefaultRule { name: "console-number", text: "consoles are numbered in their order" };

impl Console {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::terminal(f);
        let source = Source::lower(f)?;
        source.needs_path(f);
        let target = f.child("target");
        if target.as_ref().is_some_and(|t| chardev::foreign(t, "type", FOREIGN_TARGETS)) {
            return None;
        }
        if let Some(target) = &target {
            target.without_effect(&[], &["model"], "console");
        }
        Some(Self {
            target: target.as_ref().and_then(|t| t.attr("type")),
            port: target.as_ref().and_then(chardev::port),
            info: Info::lower(f),
            origin: f.origin(),
            source,
        })
    }

    /// The console that means `serial`.
    fn of_serial(serial: &Serial) -> Self {
        let origin = serial.origin();
        Self {
            source: serial.source.clone(),
            target: Some(Spanned::rule(Target::Serial, &MIRROR, origin)),
            port: serial.port.get().map(|p| Spanned::rule(p, &MIRROR, origin)),
            info: serial.info.clone(),
            origin: origin.with_rule(&MIRROR),
        }
    }

    /// Whether it is a virtio console.
    pub fn is_virtio(&self) -> bool {
        self.target.is(&Target::Virtio)
    }

    /// Whether it is but another name of the first serial port.
    pub fn is_mirror(&self) -> bool {
        !self.is_virtio()
    }
}

/// Makes the first serial port and the first console mirror each other (`virDomainDefAddConsoleCompat` in libvirt's `src/conf/domain_conf.c`), and
/// numbers both kinds.
pub fn imply(domain: &mut Domain, faults: &mut Diagnostics) {
    for console in domain.devices.consoles.iter().skip(1).filter(|c| c.is_mirror()) {
        let span = console.origin.span();
        let message = "only the first console can be a serial port";
        faults.push(Diagnostic::at(&codes::CONFLICT, span, message).help("set `<target type='virtio'/>`"));
    }
    serial::assign_ports(domain, faults);
    let devices = &mut domain.devices;
    let first_mirrors = devices.consoles.first().is_some_and(Console::is_mirror);
    if first_mirrors && devices.serials.is_empty() {
        let console = devices.consoles.first().cloned();
        let of = |c: Console| Serial::of_console(c.source, Some(Spanned::rule(0, &MIRROR, c.origin)), c.info, c.origin);
        devices.serials.extend(console.map(of));
        serial::assign_ports(domain, faults);
    }
    let devices = &mut domain.devices;
    if !first_mirrors && let Some(serial) = devices.serials.first().filter(|s| s.is_console()) {
        devices.consoles.insert(0, Console::of_serial(serial));
    }
    mirror(domain);
    for (number, console) in domain.devices.consoles.iter_mut().enumerate().filter(|(_, c)| c.is_virtio()) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        if !console.port.is(&number) {
            console.port = Some(Spanned::rule(number, &NUMBER, console.origin));
        }
    }
}

/// Makes the first console say what the first serial port says: to be done again when that has got its address.
pub fn mirror(domain: &mut Domain) {
    let devices = &mut domain.devices;
    if let (Some(console), Some(serial)) = (devices.consoles.first_mut(), devices.serials.first())
        && console.is_mirror()
    {
        *console = Console { origin: console.origin, ..Console::of_serial(serial) };
    }
}

impl DeviceElement for Console {
    const ELEMENT: &'static str = "console";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }

    fn matches_description(&self, other: &Self) -> bool {
        let port = other.port.is_none() || self.port == other.port;
        let address = other.info.address.is_none() || self.info.address == other.info.address;
        // The serial port of a console is what can go.
        self.is_virtio() && other.is_virtio() && port && address && self.source.matches_description(&other.source)
    }
}

impl Device for Console {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("console").attr("type", self.source.kind.word()).children(|w| {
            self.source.write(w);
            w.tag("target").opt("type", &self.target).opt("port", &self.port).end();
            self.info.write(w);
        });
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if !self.is_mirror() {
            self.source.check(domain, faults);
            self.source.no_agent(faults);
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        // libvirt leaves the port of a console to QEMU, unless the definition names a controller.
        let placed = matches!(&self.info.address, Some(Spanned { value: Address::VirtioSerial { .. }, .. }));
        if self.is_virtio() && placed { BusSlot::VirtioSerial(true) } else { BusSlot::Nothing }
    }

    fn live(&self) -> Live {
        Live::plug(Can::when(self.is_virtio(), || "the console of a serial port".to_owned()))
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("console")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        if self.is_mirror() {
            return;
        }
        let alias = self.info.alias();
        self.source.options(cx, ArgSection::Consoles, alias, None, self.origin, out);
        let props = Props::new().with("driver", "virtconsole").and(cx.virtio_serial_address(&self.info.address));
        out.device(ArgSection::Consoles, props.with("chardev", chardev::id(alias)).with("id", alias), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        if !self.is_mirror() {
            self.source.host(self.info.alias(), None, self.origin, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    const SERIAL: &str =
        "<serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>";
    const MIRROR: &str = "<console type='pty'><target type='serial' port='0'/></console>";

    #[test]
    fn first_serial_and_first_console_mirror_each_other() {
        for given in [
            "<serial type='pty'/>",
            "<console/>",
            "<console type='pty' tty='/dev/pts/3'><source path='/dev/pts/3'/></console>",
        ] {
            let t = trial(given, &["char"]);
            assert_eq!(t.faults, Vec::<String>::new(), "{given}");
            assert_eq!(t.xml, format!("{SERIAL}{MIRROR}"), "{given}");
            assert_eq!(t.argv.iter().filter(|a| a.starts_with("-chardev pty")).count(), 1, "{given}");
        }
    }

    #[test]
    fn a_virtio_console_comes_second() {
        let t = trial("<serial type='pty'/><console type='null'><target type='virtio'/></console>", &["console"]);
        assert_eq!(t.xml, format!("{SERIAL}{MIRROR}<console type='null'><target type='virtio' port='1'/></console>"));
        assert_eq!(
            t.argv,
            [
                "-chardev null,id=charconsole1",
                r#"-device {"driver":"virtconsole","chardev":"charconsole1","id":"console1"}"#
            ]
        );
    }

    #[test]
    fn a_console_can_name_its_port() {
        let t = trial(
            "<console type='null'><target type='virtio'/><address type='virtio-serial' controller='0' bus='0' port='2'/></console>",
            &["virtconsole"],
        );
        assert_eq!(
            t.argv,
            [
                r#"-device {"driver":"virtconsole","bus":"virtio-serial0.0","nr":2,"chardev":"charconsole0","id":"console0"}"#
            ]
        );
    }

    #[test]
    fn a_serial_port_of_another_kind_is_no_console() {
        assert!(!trial("<serial type='pty'><target type='pci-serial'/></serial>", &[]).xml.contains("<console"));
    }

    #[test]
    fn a_second_serial_console_is_refused() {
        let t = trial("<console type='pty'/><console type='pty'><target type='serial'/></console>", &[]);
        assert_eq!(t.faults, ["only the first console can be a serial port"]);
    }
}
