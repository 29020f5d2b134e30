//! `<vlan>` and `<virtualport>`.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, Uuid, YesNo, words};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// How a tag of a trunk is treated.
    pub enum NativeMode { Tagged = "tagged", Untagged = "untagged" }
}

words! {
    /// The protocol of a switch port.
    pub enum PortType { Qbg = "802.1Qbg", Qbh = "802.1Qbh", Openvswitch = "openvswitch", Midonet = "midonet" }
}

static TRUNK: DefaultRule =
    DefaultRule { name: "vlan-trunk", text: "several VLANs, or one with a native mode, are a trunk" };
static PORT_ID: DefaultRule = DefaultRule {
    name: "virtualport-id",
    text: "a switch port without an identity gets one: a hash over the domain's uuid and the interface's place",
};

/// `<vlan>`.
#[derive(Debug, Clone)]
pub struct Vlan {
    /// Whether the tags are a trunk.
    pub trunk: Opt<YesNo>,
    /// The tags, 0 to 4095, with their native modes.
    pub tags: Vec<(Opt<u16>, Opt<NativeMode>)>,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Vlan {
    /// Reads `<vlan>` of the interface `f` (`virNetDevVlanParse` in libvirt's `src/conf/netdev_vlan_conf.c`).
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let v = f.child("vlan")?;
        let tags: Vec<(Opt<u16>, Opt<NativeMode>)> =
            v.children("tag").iter().map(|t| (t.attr("id"), t.attr("nativeMode"))).collect();
        let mut native = tags.iter().filter_map(|(_, mode)| mode.as_ref());
        let one = native.next().is_some();
        if let Some(second) = native.next() {
            let message = "a VLAN trunk has one native VLAN";
            v.report(
                Diagnostic::at(&codes::CONFLICT, second.origin, message)
                    .help("remove `nativeMode` from all tags but one"),
            );
        }
        let implied = (tags.len() > 1 || one).then(|| Spanned::rule(YesNo::Yes, &TRUNK, v.origin()));
        Some(Self { trunk: v.attr("trunk").or(implied), tags, origin: v.origin() })
    }

    /// Writes `<vlan>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("vlan").opt("trunk", &self.trunk.filter(|t| t.is_yes())).children(|w| {
            for (id, mode) in &self.tags {
                w.tag("tag").opt("id", id).opt("nativeMode", mode).end();
            }
        });
    }
}

/// `<virtualport>`: its type, and its parameters in the order of the format.
#[derive(Debug, Clone)]
pub struct VirtualPort {
    /// The protocol.
    pub kind: Opt<PortType>,
    /// The parameters, by name.
    pub parameters: Vec<(&'static str, Opt<String>)>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// The parameters in the order in which libvirt writes them.
const PARAMETERS: &[&str] = &["managerid", "typeid", "typeidversion", "instanceid", "interfaceid", "profileid"];

/// The parameter `name` as libvirt writes it: numbers are decimal, and uuids are in small letters.
fn parameter(p: &Fields<'_, '_>, name: &str) -> Opt<String> {
    match name {
        "managerid" | "typeid" | "typeidversion" => p.attr::<u32>(name).map(|n| n.map(|n| n.show())),
        "instanceid" | "interfaceid" => p.attr::<Uuid>(name).map(|id| id.map(|id| id.show())),
        name => p.attr(name),
    }
}

impl VirtualPort {
    /// Reads `<virtualport>` of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let v = f.child("virtualport")?;
        let parameters = match v.child("parameters") {
            Some(p) => PARAMETERS.iter().map(|name| (*name, parameter(&p, name))).collect(),
            None => PARAMETERS.iter().map(|name| (*name, None)).collect(),
        };
        Some(Self { kind: v.attr("type"), parameters, origin: v.origin() })
    }

    fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(n, value)| *n == name && value.is_some())
    }

    /// Whether it is a port of Open vSwitch.
    pub fn is_openvswitch(&self) -> bool {
        self.kind.is(&PortType::Openvswitch)
    }

    /// Gives the port an identity where its protocol needs one and it has none (`virNetDevVPortProfileParse` in libvirt's
    /// `src/conf/netdev_vport_profile_conf.c`, which draws it at random).
    pub fn derive_ids(&mut self, uuid: &[u8], place: usize, network: bool) {
        let names: &[&str] = match self.kind.get() {
            Some(PortType::Qbg) if !network => &["instanceid"],
            Some(PortType::Openvswitch) if !network => &["interfaceid"],
            // What kind of port it is, the network decides.
            None if network => &["instanceid", "interfaceid"],
            Some(PortType::Qbg | PortType::Openvswitch | PortType::Qbh | PortType::Midonet) | None => &[],
        };
        for name in names {
            self.derive_id(name, uuid, place);
        }
    }

    fn derive_id(&mut self, name: &str, uuid: &[u8], place: usize) {
        use sha2::{Digest, Sha256};
        if self.has(name) {
            return;
        }
        let key = if name == "instanceid" && self.kind.is_none() { "virtc instance" } else { "virtc port" };
        let hash = Sha256::new().chain_update(key).chain_update(uuid).chain_update(place.to_le_bytes()).finalize();
        let mut bytes: [u8; 16] = std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default());
        // Version 4 and the variant of RFC 9562, as random ones have.
        for (at, mask, mark) in [(6, 0x0f, 0x40), (8, 0x3f, 0x80)] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = *byte & mask | mark;
            }
        }
        if let Some((_, value)) = self.parameters.iter_mut().find(|(n, _)| *n == name) {
            *value = Some(Spanned::rule(Uuid(bytes).show(), &PORT_ID, self.origin));
        }
    }

    /// What is missing for a port that no network completes.
    pub fn missing(&self) -> Option<Diagnostic> {
        let needed: &[&str] = match self.kind.get() {
            None => &["type"],
            Some(PortType::Qbg) => &["managerid", "typeid", "typeidversion"],
            Some(PortType::Qbh) => &["profileid"],
            Some(PortType::Openvswitch) => &[],
            Some(PortType::Midonet) => &["interfaceid"],
        };
        let name = needed.iter().find(|name| !self.has(name))?;
        let span = self.origin.span();
        Some(
            Diagnostic::at(&codes::MISSING, span, format!("the `<virtualport>` of this interface has no `{name}`"))
                .help(format!("write `{name}='…'` in `<parameters>`")),
        )
    }

    /// Writes `<virtualport>`, where it says something.
    pub fn write(&self, w: &mut XmlWriter) {
        let any = self.parameters.iter().any(|(_, v)| v.is_some());
        if !any && self.kind.is_none() {
            return;
        }
        w.tag("virtualport").opt("type", &self.kind).children(|w| {
            if any {
                let tag = w.tag("parameters");
                self.parameters.iter().fold(tag, |tag, (name, value)| tag.opt(name, value)).end();
            }
        });
    }
}
