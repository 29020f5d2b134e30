//! `<interface>`.

mod check;
mod driver;
mod frontend;
mod host;
pub mod ip;
mod model;
mod netdev;
pub mod options;
mod passt;
mod resolved;
mod source;
#[cfg(test)]
mod tests;
mod virtualport;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Leaf, Mac, Opt, OptExt, Origin, Spanned, YesNo, words};
pub use model::models;

use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::host_function::HostFunction;
use crate::model::devices::host_source::NetSource;
use crate::model::devices::teaming::Teaming;
use crate::model::devices::{AliasStem, BusSlot, Can, Change, Device, DeviceElement, Info, Leaves, Live, common};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use driver::{Backend, Driver};
pub use ip::IpInfo;
pub use options::Options;
pub use passt::PortForward;
pub use resolved::{ResolvedNetwork, networks};
pub use source::{MacvtapMode, Source, VhostUser};
pub use virtualport::{VirtualPort, Vlan};

words! {
    /// Where the frames go.
    pub enum InterfaceType {
        User = "user", Ethernet = "ethernet", Bridge = "bridge", Network = "network", Direct = "direct", Vhostuser = "vhostuser",
        Vdpa = "vdpa", Udp = "udp", Mcast = "mcast", Server = "server", Client = "client", Hostdev = "hostdev", Null = "null", Vds = "vds",
        Internal = "internal",
    }
}

words! {
    /// The state of the link that the guest sees.
    pub enum LinkState { Up = "up", Down = "down" }
}

words! {
    /// How another hypervisor came to a MAC.
    pub enum MacType { Generated = "generated", Static = "static" }
}

/// `<interface>`.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Where the frames go.
    pub kind: Spanned<InterfaceType>,
    /// Whether the guest may say itself which frames it wants.
    pub trust_rx_filters: Opt<YesNo>,
    /// The guest's address.
    pub mac: Opt<Mac>,
    /// For other hypervisors: how they came to the address, and whether they check it.
    pub mac_notes: (Opt<MacType>, Opt<YesNo>),
    /// What the type refers to.
    pub source: Source,
    /// The VLAN that the host puts the interface in.
    pub vlan: Option<Vlan>,
    /// The profile of a switch.
    pub virtualport: Option<VirtualPort>,
    /// What else the host does with the frames.
    pub options: Options,
    /// The guest's addresses and routes.
    pub guest_ip: IpInfo,
    /// The ports that passt forwards.
    pub forwards: Vec<PortForward>,
    /// The program that sets up the host's end.
    pub script: Opt<String>,
    /// The program that takes it down.
    pub downscript: Opt<String>,
    /// For Xen: the domain that has the host's end.
    pub backend_domain: Opt<String>,
    /// The name of the interface on the host.
    pub target: Opt<String>,
    /// Whether an existing interface of that name is taken as it is.
    pub target_managed: Opt<YesNo>,
    /// For containers: the name of the guest's end.
    pub guest_dev: Opt<String>,
    /// The model that the guest sees; QEMU's own names are taken too.
    pub model: Opt<String>,
    /// How the frames are moved.
    pub driver: Option<Driver>,
    /// What moves them on the host.
    pub backend: Backend,
    /// The state of the link.
    pub link: Opt<LinkState>,
    /// The largest frame, in bytes.
    pub mtu: Opt<u32>,
    /// The other device of the guest that is one with this.
    pub teaming: Option<Teaming>,
    /// What every device has.
    pub info: Info,
    /// Its place in the XML.
    pub origin: Origin,
    /// What its network is on the host; `define` fills it from the host file.
    pub resolved: Option<ResolvedNetwork>,
    /// The place in the boot order that follows from `<os>`; `prepare` fills it.
    pub bootindex: Option<u32>,
}

static VIRTIO: DefaultRule =
    DefaultRule { name: "interface-model-virtio", text: "vhost-user and vDPA support virtio interfaces only" };
static MAC: DefaultRule = DefaultRule {
    name: "derived-mac",
    text: "an interface without a MAC gets 52:54:00 and three bytes of a hash over the domain's uuid and the interface's place",
};

/// Names that libvirt gives to interfaces of the host itself, and that are no part of a definition.
const GENERATED: &[&str] = &["vnet", "macvtap", "macvlan"];

impl Interface {
    /// The function of the host that the guest gets, where it gets one: the interface's own, or one from the pool of its network.
    pub fn host_function(&self) -> Option<&HostFunction> {
        match (&self.resolved, &self.source) {
            (Some(ResolvedNetwork::Function(function)), _) | (_, Source::Host(Some(NetSource::Function(function)))) => {
                Some(function)
            }
            _ => None,
        }
    }

    /// Whether the guest sees a virtio interface.
    pub fn is_virtio(&self) -> bool {
        matches!(self.model(), "virtio" | "virtio-transitional" | "virtio-non-transitional")
    }

    /// The model, empty where there is none.
    pub fn model(&self) -> &str {
        self.model.as_ref().map_or("", |m| m.value.as_str())
    }

    /// Whether passt moves the frames.
    pub fn is_passt(&self) -> bool {
        self.backend.is_passt() && matches!(self.kind.value, InterfaceType::User | InterfaceType::Vhostuser)
    }

    /// A MAC and the identity of a switch port for an interface that has none: `place` is its place among the domain's interfaces.
    pub fn derive_ids(&mut self, uuid: &[u8], place: usize) {
        use sha2::{Digest, Sha256};
        if self.mac.is_none() {
            let hash = Sha256::new()
                .chain_update(b"virtc mac")
                .chain_update(uuid)
                .chain_update(place.to_le_bytes())
                .finalize();
            let byte = |at: usize| hash.get(at).copied().unwrap_or_default();
            self.mac = Some(Spanned::rule(Mac([0x52, 0x54, 0, byte(0), byte(1), byte(2)]), &MAC, self.origin));
        }
        let network = self.kind.value == InterfaceType::Network;
        if let Some(port) = self.virtualport.as_mut() {
            port.derive_ids(uuid, place, network);
        }
    }

    /// Reads `<target>`. A name that libvirt would have made goes, unless the interface is there already.
    fn lower_target(f: &Fields<'_, '_>) -> (Opt<String>, Opt<YesNo>) {
        let Some(target) = f.child("target") else { return (None, None) };
        let (dev, managed): (Opt<String>, Opt<YesNo>) = (target.attr("dev"), target.attr("managed"));
        let generated = |dev: &Spanned<String>| GENERATED.iter().any(|prefix| dev.value.starts_with(prefix));
        let keeps = f.cx().is_running() || managed.is(&YesNo::No);
        (dev.filter(|dev| keeps || !generated(dev)), managed)
    }
}

impl DeviceElement for Interface {
    const ELEMENT: &'static str = "interface";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let kind = f.attr::<InterfaceType>("type")?;
        let mac = f.child("mac");
        let guest = f.child("guest");
        // What the guest made of its address and its interface is reported by libvirt, and no part of a definition.
        let _ = mac.as_ref().and_then(|m| m.attr::<Mac>("currentAddress"));
        let _ = guest.as_ref().and_then(|g| g.attr::<String>("actual"));
        let (target, target_managed) = Self::lower_target(f);
        Some(Self {
            trust_rx_filters: f.attr("trustGuestRxFilters"),
            mac: mac.as_ref().and_then(|m| m.attr("address")),
            mac_notes: mac.map_or((None, None), |m| (m.attr("type"), m.attr("check"))),
            source: Source::lower(f, kind.value),
            vlan: Vlan::lower(f),
            virtualport: VirtualPort::lower(f),
            options: Options::lower(f),
            guest_ip: IpInfo::lower(f),
            forwards: f.children("portForward").iter().map(PortForward::lower).collect(),
            script: f.child_attr("script", "path"),
            downscript: f.child_attr("downscript", "path"),
            backend_domain: f.child_attr("backenddomain", "name"),
            target,
            target_managed,
            guest_dev: guest.and_then(|g| g.attr("dev")),
            model: f.child_attr::<String>("model", "type").map(|m| m.map(model::spelled)),
            // `<driver>` of a function of the host is another element of this name.
            driver: (kind.value != InterfaceType::Hostdev)
                .then(|| f.child("driver"))
                .flatten()
                .map(|d| Driver::lower(&d)),
            backend: Backend::lower(f),
            link: f.child_attr("link", "state"),
            mtu: f.child_attr("mtu", "size").filter(|mtu: &Spanned<u32>| mtu.value > 0),
            teaming: Teaming::lower(f),
            info: Info::lower(f),
            origin: f.origin(),
            resolved: None,
            bootindex: None,
            kind,
        })
    }

    fn matches_description(&self, other: &Self) -> bool {
        let same_address = other.info.address.as_ref().is_none_or(|a| self.info.address.is(&a.value));
        self.kind.value == other.kind.value && same_address && other.mac.is_none_or(|m| self.mac.is(&m.value))
    }

    fn is_updated_by(&self, new: &Self) -> bool {
        new.mac.is_none_or(|mac| self.mac.is(&mac.value))
    }

    fn carry_over(&mut self, running: &Self) {
        self.mac = self.mac.or(running.mac);
        self.target = self.target.take().or_else(|| running.target.clone());
        self.bootindex = running.bootindex;
    }
}

impl Device for Interface {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let function = if let Source::Host(Some(NetSource::Function(own))) = &self.source { Some(own) } else { None };
        let managed = function.and_then(|function| function.managed).filter(|m| m.is_yes());
        let tag = w.tag("interface").attr("type", self.kind.word()).opt("managed", &managed);
        tag.opt("trustGuestRxFilters", &self.trust_rx_filters).children(|w| {
            if self.mac.is_some() {
                let (kind, check) = &self.mac_notes;
                w.tag("mac").opt("address", &self.mac).opt("type", kind).opt("check", check).end();
            }
            if let Some(driver) = function.and_then(|function| function.driver.as_ref()) {
                driver.write(w);
            }
            self.source.write(w);
            if let Some(vlan) = &self.vlan {
                vlan.write(w);
            }
            if let Some(port) = &self.virtualport {
                port.write(w);
            }
            self.options.write_first(w);
            self.guest_ip.write(w);
            self.forwards.iter().for_each(|forward| forward.write(w));
            let named = [
                ("script", "path", &self.script),
                ("downscript", "path", &self.downscript),
                ("backenddomain", "name", &self.backend_domain),
            ];
            for (element, attribute, value) in named.into_iter().filter(|(_, _, value)| value.is_some()) {
                w.tag(element).opt(attribute, value).end();
            }
            if self.target.is_some() || self.target_managed.is_some() {
                w.tag("target").opt("dev", &self.target).opt("managed", &self.target_managed).end();
            }
            if self.guest_dev.is_some() {
                w.tag("guest").opt("dev", &self.guest_dev).end();
            }
            if self.model.is_some() {
                w.tag("model").opt("type", &self.model).end();
            }
            if let Some(driver) = &self.driver {
                driver.write(w);
            }
            self.backend.write(w);
            if let Some(filter) = &self.options.filter {
                filter.write(w);
            }
            if self.link.is_some() {
                w.tag("link").opt("state", &self.link).end();
            }
            if self.mtu.is_some() {
                w.tag("mtu").opt("size", &self.mtu).end();
            }
            if let Some(teaming) = &self.teaming {
                teaming.write(w);
            }
            self.options.write_last(w);
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        if let Some(mac) = self.mac.filter(|m| m.0.first().is_some_and(|b| b & 1 == 1)) {
            let message = format!("{} is a multicast address", mac.show());
            let help = "clear the lowest bit of the first byte, or remove `<mac>` to have an address derived";
            defaults.report(Diagnostic::at(&codes::CONFLICT, mac.origin, message).help(help));
        }
        self.source.define(self.origin);
        // libvirt reads the options of virtio before it gives an interface its model.
        let (given, passt) =
            (self.model.as_ref().is_some_and(|model| model.origin.by_rule().is_none()), self.is_passt());
        match self.actual() {
            InterfaceType::Hostdev => {}
            InterfaceType::Vhostuser | InterfaceType::Vdpa => {
                self.model.get_or_insert(Spanned::rule("virtio".to_owned(), &VIRTIO, self.origin));
            }
            InterfaceType::User
            | InterfaceType::Ethernet
            | InterfaceType::Bridge
            | InterfaceType::Network
            | InterfaceType::Direct
            | InterfaceType::Udp
            | InterfaceType::Mcast
            | InterfaceType::Server
            | InterfaceType::Client
            | InterfaceType::Null
            | InterfaceType::Vds
            | InterfaceType::Internal => {
                let (model, rule) = model::default_model(defaults.arch, defaults.family);
                self.model.get_or_insert(Spanned::rule(model.to_owned(), rule, self.origin));
            }
        }
        self.without_virtio(given, defaults);
        if let Source::User(dev) = &mut self.source
            && !passt
            && let Some(dev) = dev.take()
        {
            let span = dev.origin.span();
            let message = "only passt is told which interface of the host to use";
            defaults.report(Diagnostic::at(&codes::WITHOUT_EFFECT, span, message));
        }
        // Which function a network gives is known at the start only, and a place on a bus is given before.
        if let Source::Host(Some(NetSource::Function(function))) = &mut self.source {
            function.define(defaults.facts);
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        check::check(self, domain, faults);
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        if let Some(function) = self.host_function() {
            return function.bus_slot(domain);
        }
        match self.model() {
            "usb-net" => BusSlot::Usb,
            _ if !self.is_virtio() && self.is_of_board(domain) => BusSlot::Nothing,
            // A card that libvirt does not know is held to be of the newer kind.
            model if domain.has_pcie() && !model::is_conventional(model) => BusSlot::Pci(PCIE_DEVICE),
            _ => BusSlot::Pci(PCI_DEVICE),
        }
    }

    fn takes_mmio(&self) -> bool {
        self.is_virtio() && self.host_function().is_none()
    }

    fn live(&self) -> Live {
        let free: &[_] = if self.host_function().is_some() {
            &[]
        } else {
            &[
                "link",
                "bandwidth",
                "filterref",
                "coalesce",
                "@trustGuestRxFilters",
                "source/@bridge",
                "source/@portgroup",
            ]
        };
        let of_running = &["target/@dev", "source/@portid", "backend"];
        Live::plug(Can::Yes).and_update(Leaves { change: Change::Link, free, of_running, ..Leaves::default() })
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Next(if self.host_function().is_some() { "hostdev" } else { "net" })
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        frontend::options(self, cx, out);
    }

    fn host(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        host::host(self, cx, out);
    }
}

impl Interface {
    /// Whether it is part of a board of Arm that has no PCI, and that QEMU connects by itself.
    pub(crate) fn is_of_board(&self, domain: &Domain) -> bool {
        domain.os.arch().is_arm() && domain.os.family().root().is_none() && self.info.address.is_none()
    }

    /// Drops the options of virtio from an interface of another model, as libvirt does when it reads it; those that every virtio device has are
    /// refused.
    fn without_virtio(&mut self, given: bool, defaults: &mut Defaults<'_>) {
        if self.is_virtio() && given {
            return;
        }
        self.backend.vhost = None;
        let Some(driver) = self.driver.take() else { return };
        let virtio = &driver.virtio;
        let given = [&virtio.iommu, &virtio.ats, &virtio.packed, &virtio.page_per_vq].into_iter().flatten().next();
        if let Some(option) = given {
            let message = "this option of `<driver>` is for virtio devices only";
            let span = option.origin.span();
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
    }
}
