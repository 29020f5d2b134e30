//! `<ip>` and `<route>`: addresses and routes of the guest, or of the host's end of an interface.

use std::net::IpAddr;

use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::ir::{Leaf, Opt, OptExt, words};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// An IP address; it is written back in its shortest form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip(pub IpAddr);

impl Leaf for Ip {
    const EXPECTED: &str = "an IP address";
    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }
    fn show(&self) -> String {
        self.0.to_string()
    }
}

words! {
    /// A family of addresses.
    pub enum Family { V4 = "ipv4", V6 = "ipv6" }
}

impl Ip {
    /// Its family.
    pub fn family(self) -> Family {
        if self.0.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

impl Family {
    /// How many bits its addresses have.
    fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// `<ip>`.
#[derive(Debug, Clone)]
pub struct Address {
    /// The address.
    pub address: Opt<Ip>,
    /// How many bits of it name the network; absent or 0 for the default of its class.
    pub prefix: Opt<u32>,
    /// The other end of a link.
    pub peer: Opt<Ip>,
}

/// `<route>`.
#[derive(Debug, Clone)]
pub struct Route {
    /// The family, where it is said.
    pub family: Opt<Family>,
    /// The network.
    pub address: Opt<Ip>,
    /// Its mask.
    pub netmask: Opt<Ip>,
    /// The length of its prefix.
    pub prefix: Opt<u32>,
    /// Through whom it is reached.
    pub gateway: Opt<Ip>,
    /// How far it is.
    pub metric: Opt<u32>,
}

/// The addresses and routes of one end.
#[derive(Debug, Clone, Default)]
pub struct IpInfo {
    /// The addresses.
    pub addresses: Vec<Address>,
    /// The routes.
    pub routes: Vec<Route>,
}

fn conflict(f: &Fields<'_, '_>, span: Span, message: impl Into<String>, help: &str) {
    f.report(Diagnostic::at(&codes::CONFLICT, span, message).help(help));
}

/// Reports addresses of another family than `family`, and a prefix that is longer than such an address.
fn consistent(f: &Fields<'_, '_>, family: Family, addresses: &[&Opt<Ip>], prefix: &Opt<u32>) {
    for address in addresses.iter().copied().flatten().filter(|a| a.family() != family) {
        let message = format!("{} is no address of the family `{}`", address.show(), family.word());
        conflict(f, address.origin.span(), message, "write `family='ipv4'` or `family='ipv6'`, as the address is");
    }
    if let Some(prefix) = prefix.as_ref().filter(|p| p.value > family.bits()) {
        let message = format!("a prefix of the family `{}` has at most {} bits", family.word(), family.bits());
        conflict(f, prefix.origin.span(), message, "write a smaller `prefix`");
    }
}

impl Address {
    fn lower(f: &Fields<'_, '_>) -> Self {
        let this = Self { address: f.attr("address"), prefix: f.attr("prefix"), peer: f.attr("peer") };
        let family = f.attr::<Family>("family").get().or(this.address.get().map(Ip::family));
        if let Some(family) = family {
            consistent(f, family, &[&this.address, &this.peer], &this.prefix);
        }
        this
    }

    /// The prefix, where one is given.
    pub fn prefix(&self) -> Option<u32> {
        self.prefix.get().filter(|p| *p > 0)
    }

    fn write(&self, w: &mut XmlWriter) {
        let Some(address) = self.address else { return };
        let tag = w.tag("ip").attr("address", &address.show()).attr("family", address.family().word());
        let tag = if self.prefix().is_some() { tag.opt("prefix", &self.prefix) } else { tag };
        tag.opt("peer", &self.peer).end();
    }
}

impl Route {
    fn lower(f: &Fields<'_, '_>) -> Self {
        let this = Self {
            family: f.attr("family"),
            address: f.attr("address"),
            netmask: f.attr("netmask"),
            prefix: f.attr("prefix"),
            gateway: f.attr("gateway"),
            metric: f.attr("metric"),
        };
        // A route without a family is one of IPv4 (`virNetDevIPRouteCreate` in libvirt's `src/conf/networkcommon_conf.c`).
        let family = this.family.get().unwrap_or(Family::V4);
        consistent(f, family, &[&this.address, &this.gateway, &this.netmask], &this.prefix);
        this
    }

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("route").opt("family", &self.family).opt("address", &self.address);
        let tag = tag.opt("netmask", &self.netmask).opt("prefix", &self.prefix);
        tag.opt("gateway", &self.gateway).opt("metric", &self.metric).end();
    }
}

impl IpInfo {
    /// Reads the children of `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            addresses: f.children("ip").iter().map(Address::lower).collect(),
            routes: f.children("route").iter().map(Route::lower).collect(),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.routes.is_empty()
    }

    /// Writes all of them.
    pub fn write(&self, w: &mut XmlWriter) {
        self.addresses.iter().for_each(|a| a.write(w));
        self.routes.iter().for_each(|r| r.write(w));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_in_their_shortest_form() {
        let show = |text| Ip::read(text).map(|ip| ip.show());
        assert_eq!(show("2001:0db8:0:0::0001").as_deref(), Some("2001:db8::1"));
        assert_eq!(show("10.0.2.0").as_deref(), Some("10.0.2.0"));
        assert_eq!(show("10.0.2"), None);
    }
}
