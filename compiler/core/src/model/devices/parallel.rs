//! `<parallel>`: parallel ports.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::{self, Backend, Source};
use crate::model::devices::{AliasStem, Device, DeviceElement, Info, common};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// How many parallel ports a PC has.
const PORTS: usize = 3;

/// `<parallel>`.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// The host's end.
    pub source: Source,
    /// The number of the port.
    pub port: Opt<u32>,
    info: Info,
    origin: Origin,
}

static PORT: DefaultRule =
    DefaultRule { name: "parallel-port", text: "a parallel port without a number gets the next free one" };

/// Gives every parallel port its number.
pub fn assign_ports(domain: &mut Domain) {
    let ports = &mut domain.devices.parallels;
    for at in 0..ports.len() {
        let next = ports.iter().filter_map(|p| p.port.get()).max().map_or(0, |p| p.saturating_add(1));
        if let Some(port) = ports.get_mut(at) {
            port.port.get_or_insert(Spanned::rule(next, &PORT, port.origin));
        }
    }
}

impl Parallel {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::terminal(f);
        let source = Source::lower(f)?;
        source.needs_path(f);
        let port = f.child("target").and_then(|t| {
            t.without_effect(&["type"], &["model"], "parallel port");
            chardev::port(&t)
        });
        Some(Self { source, port, info: Info::lower(f), origin: f.origin() })
    }
}

impl DeviceElement for Parallel {
    const ELEMENT: &'static str = "parallel";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }

    fn matches_description(&self, other: &Self) -> bool {
        (other.port.is_none() || self.port == other.port) && self.source.matches_description(&other.source)
    }
}

impl Device for Parallel {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("parallel").attr("type", self.source.kind.word()).children(|w| {
            self.source.write(w);
            w.tag("target").opt("port", &self.port).end();
            self.info.write(w);
        });
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.source.check(domain, faults);
        self.source.no_agent(faults);
        if domain.devices.parallels.get(PORTS).is_some_and(|fourth| std::ptr::eq(fourth, self)) {
            let span = self.origin.span();
            let message = format!("a guest has at most {PORTS} parallel ports");
            faults.push(Diagnostic::at(&codes::REFUSED_BY_QEMU, span, message).help("remove the others"));
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("parallel")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let mut device = self.source.chardev(cx, alias, None);
        if let Backend::Serial(path) = &device.backend {
            device.backend = Backend::Parallel(path.clone());
        }
        chardev::push(device, cx, ArgSection::Parallels, self.origin, out);
        let props = Props::new().with("driver", "isa-parallel").with("chardev", chardev::id(alias)).with("id", alias);
        out.device(ArgSection::Parallels, props, self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        self.source.host(self.info.alias(), None, self.origin, out);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn a_port_of_the_host() {
        let t = trial("<parallel type='dev'><source path='/dev/parport0'/></parallel>", &["parallel"]);
        assert_eq!(t.faults, Vec::<String>::new());
        let device = r#"-device {"driver":"isa-parallel","chardev":"charparallel0","id":"parallel0"}"#;
        assert_eq!(t.argv, ["-chardev parallel,id=charparallel0,path=/dev/parport0", device]);
        assert_eq!(t.backends, [r#"{"type":"parallel","data":{"device":"/dev/parport0"}}"#]);
    }
}
