//! `<source>` of an interface: what its type refers to.

use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, Uuid, words};
use crate::model::devices::chardev::Reconnect;
use crate::model::devices::host_function::PciDriver;
use crate::model::devices::host_source::NetSource;
use crate::model::devices::interface::InterfaceType;
use crate::model::devices::interface::ip::{Ip, IpInfo};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// How the macvtaps of one interface of the host reach each other.
    pub enum MacvtapMode { Vepa = "vepa", Bridge = "bridge", Private = "private", Passthrough = "passthrough" }
}

words! {
    /// The kind of a vhost-user socket.
    pub enum SocketType { Unix = "unix" }
}

words! {
    /// Who waits for the other at a vhost-user socket.
    pub enum SocketMode { Server = "server", Client = "client" }
}

static VEPA: DefaultRule = DefaultRule { name: "macvtap-mode", text: "a macvtap without a mode is in mode `vepa`" };

/// Where a process moves the frames.
#[derive(Debug, Clone, Default)]
pub struct VhostUser {
    /// The kind of the socket.
    pub kind: Opt<SocketType>,
    /// Its path.
    pub path: Opt<String>,
    /// Who waits for the other.
    pub mode: Opt<SocketMode>,
    /// Whether QEMU connects again.
    pub reconnect: Option<Reconnect>,
    /// The host's interface that passt uses.
    pub dev: Opt<String>,
}

/// Address and port of a socket.
#[derive(Debug, Clone, Default)]
pub struct Inet {
    /// The address; all of the host where it is absent.
    pub address: Opt<Ip>,
    /// The port.
    pub port: Opt<i32>,
}

/// What an interface refers to.
#[derive(Debug, Clone)]
pub enum Source {
    /// Nothing.
    Nothing,
    /// The user network: the host's interface that passt uses.
    User(Opt<String>),
    /// A tap of its own: addresses and routes of the host's end.
    Ethernet(IpInfo),
    /// A bridge of the host.
    Bridge(Opt<String>),
    /// A network of libvirt's, and one of its port groups.
    Network {
        /// Its name.
        name: Opt<String>,
        /// The port group.
        portgroup: Opt<String>,
    },
    /// A macvtap on an interface of the host.
    Direct {
        /// The host's interface.
        dev: Opt<String>,
        /// How it reaches others of that interface.
        mode: Opt<MacvtapMode>,
    },
    /// A process of the host.
    VhostUser(VhostUser),
    /// A vDPA device of the host, by its path.
    Vdpa(Opt<String>),
    /// A switch of another hypervisor.
    Vds {
        /// The switch.
        switch: Opt<Uuid>,
        /// Its port.
        port: Opt<i64>,
        /// Its port group.
        group: Opt<String>,
        /// The connection at the port.
        connection: Opt<i64>,
    },
    /// A network of another hypervisor.
    Internal(Opt<String>),
    /// A socket, and for UDP where this end is.
    Inet(Inet, Option<Inet>),
    /// A device of the host.
    Host(Option<NetSource>),
}

impl Inet {
    fn lower(f: &Fields<'_, '_>) -> Self {
        Self { address: f.attr("address"), port: f.attr("port") }
    }

    /// `address:port`.
    pub fn show(&self) -> String {
        let address = self.address.map(|a| a.value.0.to_string()).unwrap_or_default();
        format!("{address}:{}", self.port.get().unwrap_or_default())
    }
}

impl Source {
    /// Reads `<source>` of the interface `f`. What libvirt reports of a running domain (the bridge of a network, the port's id) is no part of a
    /// definition.
    pub fn lower(f: &Fields<'_, '_>, kind: InterfaceType) -> Self {
        let source = f.child("source");
        let source = source.as_ref();
        let text = |name: &str| source.and_then(|s| s.attr::<String>(name));
        let reported = |names: &[&str]| names.iter().for_each(|name| drop(text(name)));
        match kind {
            InterfaceType::Null => Self::Nothing,
            InterfaceType::User => Self::User(text("dev")),
            InterfaceType::Ethernet => Self::Ethernet(source.map(IpInfo::lower).unwrap_or_default()),
            InterfaceType::Bridge => {
                reported(&["network", "portgroup", "portid", "macTableManager"]);
                Self::Bridge(text("bridge"))
            }
            InterfaceType::Network => {
                reported(&["bridge", "portid", "macTableManager"]);
                Self::Network { name: text("network"), portgroup: text("portgroup") }
            }
            InterfaceType::Direct => {
                reported(&["network", "portgroup", "portid"]);
                Self::Direct { dev: text("dev"), mode: source.and_then(|s| s.attr("mode")) }
            }
            InterfaceType::Vhostuser => Self::VhostUser(VhostUser {
                kind: source.and_then(|s| s.attr("type")),
                path: text("path"),
                mode: source.and_then(|s| s.attr("mode")),
                reconnect: source.and_then(Reconnect::lower),
                dev: text("dev"),
            }),
            InterfaceType::Vdpa => Self::Vdpa(text("dev")),
            InterfaceType::Vds => Self::Vds {
                switch: source.and_then(|s| s.attr("switchid")),
                port: source.and_then(|s| s.attr("portid")),
                group: text("portgroupid"),
                connection: source.and_then(|s| s.attr("connectionid")),
            },
            InterfaceType::Internal => Self::Internal(text("name")),
            InterfaceType::Mcast | InterfaceType::Client | InterfaceType::Server | InterfaceType::Udp => {
                let local = source.and_then(|s| s.child("local")).map(|l| Inet::lower(&l));
                Self::Inet(source.map(Inet::lower).unwrap_or_default(), local)
            }
            InterfaceType::Hostdev => {
                let (managed, driver) = (f.attr("managed"), PciDriver::lower(f));
                Self::Host(source.and_then(|s| NetSource::lower(s, managed, driver)))
            }
        }
    }

    /// Fills in what libvirt fills in.
    pub fn define(&mut self, origin: Origin) {
        if let Self::Direct { mode, .. } = self {
            mode.get_or_insert(Spanned::rule(MacvtapMode::Vepa, &VEPA, origin));
        }
    }

    /// Writes `<source>`.
    pub fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::Nothing => {}
            Self::User(dev) => {
                if dev.is_some() {
                    w.tag("source").opt("dev", dev).end();
                }
            }
            Self::Ethernet(info) => {
                if !info.is_empty() {
                    w.tag("source").children(|w| info.write(w));
                }
            }
            Self::Bridge(bridge) => w.tag("source").opt("bridge", bridge).end(),
            Self::Network { name, portgroup } => w.tag("source").opt("network", name).opt("portgroup", portgroup).end(),
            Self::Direct { dev, mode } => w.tag("source").opt("dev", dev).opt("mode", mode).end(),
            Self::VhostUser(socket) => {
                if socket.path.is_some() || socket.dev.is_some() || socket.kind.is_some() {
                    let tag = w.tag("source").opt("type", &socket.kind).opt("path", &socket.path);
                    tag.opt("mode", &socket.mode)
                        .opt("dev", &socket.dev)
                        .children(|w| Reconnect::write(socket.reconnect.as_ref(), w));
                }
            }
            Self::Vdpa(dev) => w.tag("source").opt("dev", dev).end(),
            Self::Vds { switch, port, group, connection } => {
                let tag = w.tag("source").opt("switchid", switch).opt("portid", port);
                tag.opt("portgroupid", group).opt("connectionid", connection).end();
            }
            Self::Internal(name) => w.tag("source").opt("name", name).end(),
            Self::Inet(at, local) => {
                w.tag("source").opt("address", &at.address).opt("port", &at.port).children(|w| {
                    if let Some(local) = local {
                        w.tag("local").opt("address", &local.address).opt("port", &local.port).end();
                    }
                });
            }
            Self::Host(source) => w.tag("source").children(|w| {
                if let Some(source) = source {
                    source.write(w);
                }
            }),
        }
    }

    /// What is missing; `passt` says whether passt is the backend of the interface.
    pub fn missing(&self, kind: InterfaceType, passt: bool, span: Span) -> Option<Diagnostic> {
        let missing = match self {
            Self::Nothing | Self::User(_) | Self::Ethernet(_) => None,
            Self::VhostUser(_) if passt => None,
            Self::Bridge(name) => name.is_none().then_some("bridge"),
            Self::Network { name, .. } => name.is_none().then_some("network"),
            Self::Direct { dev, .. } | Self::Vdpa(dev) => dev.is_none().then_some("dev"),
            Self::VhostUser(socket) => {
                let mode = socket.mode.is_none().then_some("mode");
                let mode = if socket.path.is_none() { Some("path") } else { mode };
                if socket.kind.is_none() { Some("type") } else { mode }
            }
            Self::Vds { switch, .. } => switch.is_none().then_some("switchid"),
            Self::Internal(name) => name.is_none().then_some("name"),
            Self::Inet(at, local) => {
                let address = at.address.is_none() && kind != InterfaceType::Server;
                let local = kind == InterfaceType::Udp && local.as_ref().is_none_or(|l| l.port.is_none());
                let local = local.then_some("local");
                let port = if at.port.is_none() { Some("port") } else { local };
                if address { Some("address") } else { port }
            }
            Self::Host(source) => source.is_none().then_some("address"),
        };
        let missing = missing?;
        let example = match (self, missing) {
            (Self::Bridge(_), _) => "<source bridge='br0'/>".to_owned(),
            (Self::Network { .. }, _) => "<source network='default'/>".to_owned(),
            (Self::Direct { .. }, _) => "<source dev='eth0' mode='bridge'/>".to_owned(),
            (Self::Vdpa(_), _) => "<source dev='/dev/vhost-vdpa-0'/>".to_owned(),
            (Self::VhostUser(_), _) => "<source type='unix' path='/path/to/socket' mode='client'/>".to_owned(),
            (Self::Inet(..), "local") => "<local address='127.0.0.1' port='5558'/>".to_owned(),
            (Self::Inet(..), _) => "<source address='127.0.0.1' port='5558'/>".to_owned(),
            (Self::Host(_), _) => {
                "<source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source>"
                    .to_owned()
            }
            (_, name) => format!("<source {name}='…'/>"),
        };
        let written = if missing == "local" { "<local port>".to_owned() } else { format!("<source {missing}>") };
        let message = format!("an `<interface type='{}'>` needs `{written}`, which is missing", kind.word());
        Some(Diagnostic::at(&codes::MISSING, span, message).help(format!("add `{example}`")))
    }
}
