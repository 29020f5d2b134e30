//! `<rng>`: entropy for the guest.

use virtc_diag::Diagnostics;

use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::{self, Source};
use crate::model::devices::virtio::VirtioOptions;
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of entropy devices.
    pub enum Model { Virtio = "virtio", VirtioTransitional = "virtio-transitional", VirtioNonTransitional = "virtio-non-transitional" }
}

words! {
    /// Where entropy comes from.
    pub enum BackendModel { Random = "random", Egd = "egd", Builtin = "builtin" }
}

/// Where entropy comes from.
#[derive(Debug, Clone)]
pub enum Backend {
    /// A device of the host.
    Random(Spanned<String>),
    /// A daemon at the other end of a character device.
    Egd(Box<Source>),
    /// QEMU's own generator.
    Builtin,
}

/// `<rate>`: how much entropy the guest may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Bytes for each period.
    pub bytes: Spanned<u32>,
    /// The period in milliseconds; a second where nothing is said.
    pub period: Opt<u32>,
}

/// `<rng>`.
#[derive(Debug, Clone)]
pub struct Rng {
    /// The model.
    pub model: Spanned<Model>,
    /// How much entropy the guest may take.
    pub rate: Option<Rate>,
    /// Where it comes from.
    pub backend: Backend,
    /// What every virtio device has.
    pub virtio: VirtioOptions,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

static RANDOM: DefaultRule = DefaultRule {
    name: "rng-source",
    text: "an entropy device reads `/dev/random` unless the definition names another file",
};

/// The period of a rate that names none, in milliseconds.
const PERIOD: u32 = 1000;

impl Backend {
    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        match f.attr::<BackendModel>("model")?.value {
            BackendModel::Random => Some(Self::Random(
                f.text().unwrap_or_else(|| Spanned::rule("/dev/random".to_owned(), &RANDOM, f.origin())),
            )),
            BackendModel::Builtin => Some(Self::Builtin),
            BackendModel::Egd => {
                let source = chardev::device_or_ignored(f, Source::lower(f))?;
                source.needs_path(f);
                Some(Self::Egd(Box::new(source)))
            }
        }
    }

    fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::Random(file) => w.tag("backend").attr("model", "random").text(file),
            Self::Builtin => w.tag("backend").attr("model", "builtin").end(),
            Self::Egd(source) => {
                w.tag("backend").attr("model", "egd").attr("type", source.kind.word()).children(|w| source.write(w));
            }
        }
    }
}

impl Rng {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        let backend = f.child("backend");
        let rate = f.child("rate");
        Some(Self {
            model: f.attr("model")?,
            rate: rate.and_then(|r| Some(Rate { period: r.attr("period"), bytes: r.attr("bytes")? })),
            backend: Backend::lower(&backend?)?,
            virtio: f.child("driver").map(|d| VirtioOptions::lower(&d)).unwrap_or_default(),
            info: Info::lower(f),
            origin: f.origin(),
        })
    }

    /// The character device, where the backend is one.
    pub fn source(&self) -> Option<&Source> {
        match &self.backend {
            Backend::Egd(source) => Some(source),
            Backend::Random(_) | Backend::Builtin => None,
        }
    }
}

impl DeviceElement for Rng {
    const ELEMENT: &'static str = "rng";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }

    fn matches_description(&self, other: &Self) -> bool {
        let backend = match (&self.backend, &other.backend) {
            (Backend::Random(own), Backend::Random(other)) => own == other,
            (Backend::Egd(own), Backend::Egd(other)) => own.matches_description(other),
            (Backend::Builtin, Backend::Builtin) => true,
            (Backend::Random(_) | Backend::Egd(_) | Backend::Builtin, _) => false,
        };
        let rate = other.rate.is_none() || self.rate == other.rate;
        let address = other.info.address.is_none() || self.info.address == other.info.address;
        self.model == other.model && backend && rate && address
    }
}

impl Device for Rng {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("rng").attr("model", self.model.word()).children(|w| {
            if let Some(rate) = self.rate.as_ref().filter(|r| r.bytes.value > 0) {
                let period = rate.period.as_ref().filter(|p| p.value > 0).copied();
                w.tag("rate").attr("bytes", &rate.bytes.to_string()).opt("period", &period).end();
            }
            self.backend.write(w);
            if self.virtio.any() {
                self.virtio.write(w.tag("driver")).end();
            }
            self.info.write(w);
        });
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        if let Backend::Egd(source) = &self.backend {
            source.check(domain, faults);
        }
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match self.model.value {
            Model::Virtio | Model::VirtioNonTransitional if domain.has_pcie() => BusSlot::Pci(PCIE_DEVICE),
            Model::Virtio | Model::VirtioTransitional | Model::VirtioNonTransitional => BusSlot::Pci(PCI_DEVICE),
        }
    }

    fn takes_mmio(&self) -> bool {
        true
    }

    fn live(&self) -> Live {
        Live::plug(Can::Yes)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Next("rng")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let object = format!("obj{alias}");
        let props = match &self.backend {
            Backend::Random(file) => {
                Props::new().with("qom-type", "rng-random").with("id", &object).with("filename", &file.value)
            }
            Backend::Builtin => Props::new().with("qom-type", "rng-builtin").with("id", &object),
            Backend::Egd(source) => {
                source.options(cx, ArgSection::Rngs, alias, None, self.origin, out);
                Props::new().with("qom-type", "rng-egd").with("id", &object).with("chardev", chardev::id(alias))
            }
        };
        out.json(ArgSection::Rngs, "object", props, self.origin);
        let driver = match self.model.value {
            Model::Virtio => "virtio-rng-pci",
            Model::VirtioTransitional => "virtio-rng-pci-transitional",
            Model::VirtioNonTransitional => "virtio-rng-pci-non-transitional",
        };
        let props = Props::new().with("driver", driver).and(self.virtio.props()).with("rng", &object).with("id", alias);
        let rate = self.rate.as_ref().filter(|r| r.bytes.value > 0);
        let period = rate.map(|r| r.period.get().filter(|p| *p > 0).unwrap_or(PERIOD));
        let props = props.opt("max-bytes", rate.map(|r| r.bytes.value)).opt("period", period);
        out.device(ArgSection::Rngs, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        match &self.backend {
            Backend::Random(file) => out.allow(file),
            Backend::Egd(source) => source.host(self.info.alias(), None, self.origin, out),
            Backend::Builtin => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn each_backend_is_an_object() {
        let t = trial(
            "<rng model='virtio'><rate bytes='64'/><backend model='random'/></rng>\
             <rng model='virtio-transitional'><backend model='builtin'/></rng>\
             <rng model='virtio'><backend model='egd' type='udp'><source mode='connect' service='1234'/></backend>\
             <driver packed='on'/></rng>",
            &["rng"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-object {"qom-type":"rng-random","id":"objrng0","filename":"/dev/random"}"#,
                r#"-device {"driver":"virtio-rng-pci","rng":"objrng0","id":"rng0","max-bytes":64,"period":1000,"bus":"pci.0","addr":"0x2"}"#,
                r#"-object {"qom-type":"rng-builtin","id":"objrng1"}"#,
                r#"-device {"driver":"virtio-rng-pci-transitional","rng":"objrng1","id":"rng1","bus":"pci.0","addr":"0x3"}"#,
                "-chardev udp,id=charrng2,host=,port=1234,localaddr=,localport=0",
                r#"-object {"qom-type":"rng-egd","id":"objrng2","chardev":"charrng2"}"#,
                r#"-device {"driver":"virtio-rng-pci","packed":true,"rng":"objrng2","id":"rng2","bus":"pci.0","addr":"0x4"}"#,
            ]
        );
        assert!(
            t.xml.starts_with("<rng model='virtio'><rate bytes='64'/><backend model='random'>/dev/random</backend>"),
            "{}",
            t.xml
        );
    }
}
