//! `<vlan>` and `<virtualport>`.

use crate::ir::{Opt, Origin, YesNo, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

words! {
    /// How a tag of a trunk is treated.
    pub enum NativeMode { Tagged = "tagged", Untagged = "untagged" }
}

words! {
    /// The protocol of a switch port.
    pub enum PortType { Qbg = "802.1Qbg", Qbh = "802.1Qbh", Openvswitch = "openvswitch", Midonet = "midonet" }
}

/// `<vlan>`.
#[derive(Debug, Clone)]
pub struct Vlan {
    /// Whether the tags are a trunk.
    pub trunk: Opt<YesNo>,
    /// The tags, 0 to 4095, with their native modes.
    pub tags: Vec<(Opt<u16>, Opt<NativeMode>)>,
    /// Where it stands.
    pub origin: Origin,
}

impl Vlan {
    /// Reads `<vlan>` of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let v = f.child("vlan")?;
        let tags = v.children("tag").iter().map(|t| (t.attr("id"), t.attr("nativeMode"))).collect();
        Some(Self { trunk: v.attr("trunk"), tags, origin: v.origin() })
    }

    /// Writes `<vlan>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("vlan").opt("trunk", &self.trunk).children(|w| {
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
    /// Where it stands.
    pub origin: Origin,
}

/// The parameters in the order in which libvirt writes them.
const PARAMETERS: &[&str] = &["managerid", "typeid", "typeidversion", "instanceid", "interfaceid", "profileid"];

impl VirtualPort {
    /// Reads `<virtualport>` of the interface `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let v = f.child("virtualport")?;
        let parameters =
            v.child("parameters").map_or_else(Vec::new, |p| PARAMETERS.iter().map(|n| (*n, p.attr(n))).collect());
        Some(Self { kind: v.attr("type"), parameters, origin: v.origin() })
    }

    /// Writes `<virtualport>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("virtualport").opt("type", &self.kind).children(|w| {
            if self.parameters.iter().any(|(_, v)| v.is_some()) {
                let tag = w.tag("parameters");
                self.parameters.iter().fold(tag, |tag, (name, value)| tag.opt(name, value)).end();
            }
        });
    }
}
