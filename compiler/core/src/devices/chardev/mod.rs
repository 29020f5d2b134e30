//! Character devices: what consoles, serial ports, channels and an entropy daemon have in common.

mod backend;
mod source;

use virtc_plan::Node;

use crate::devices::{Device, Info};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds, Items, Payload, Props, Section, Text};
use crate::ir::{Opt, OptExt, Origin, Switch, YesNo};

pub use backend::{Again, Backend, Chardev, Descriptor, FdSet, HostPort, Open};
pub use source::{Connection, Inet, Log, Mode, Place, Protocol, Reconnect, Source, SourceType, reconnect_needs_connect};

impl Source {
    /// How many sets of descriptors QEMU gets for it.
    fn fd_sets(&self) -> u32 {
        u32::from(matches!(self.place, Place::File(..))) + u32::from(self.log.is_some())
    }

    /// The character device behind the device `alias`. A `unix` source without a path listens at `generated`.
    pub fn chardev(&self, cx: &Cx<'_>, alias: &str, generated: Option<Text>) -> Chardev {
        let mut next = first_fd_set(cx.domain, alias);
        let mut fd_set = |what: &str, path: &str, append| {
            let descriptor = Descriptor { name: format!("{alias}-{what}"), path: path.into(), open: Open::Write { append } };
            next += 1;
            FdSet { set: next - 1, descriptor }
        };
        let again = |reconnect: &Option<Reconnect>| {
            let reconnect = reconnect.as_ref()?;
            let seconds = if reconnect.enabled.value.is_yes() { reconnect.timeout.get()? } else { 0 };
            Some(Again { ms: u64::from(seconds) * 1000, in_ms: cx.target.at_least(9, 2) })
        };
        let backend = match &self.place {
            Place::Nothing if self.kind.value == SourceType::Spicevmc => Backend::SpiceVmc("vdagent"),
            Place::Nothing => Backend::Plain(self.kind.word()),
            Place::Path(path) if self.kind.value == SourceType::Pipe => Backend::Pipe(path.value.clone()),
            Place::Path(path) => Backend::Serial(path.value.clone()),
            Place::File(path, append) => Backend::File(fd_set("source", path, append.is(&Switch::On))),
            Place::Unix(unix) => match &unix.address {
                Some(path) if unix.mode() == Mode::Connect => {
                    Backend::Connect { path: path.value.clone(), again: again(&unix.reconnect) }
                }
                path => {
                    let path = path.as_ref().map(|p| p.value.as_str().into()).or(generated).unwrap_or_default();
                    Backend::Listen(Descriptor { name: source_fd(alias), path, open: Open::Listen })
                }
            },
            Place::Tcp(tcp, protocol, tls) => Backend::Tcp {
                at: tcp.address.host_port(),
                server: tcp.mode() == Mode::Bind,
                telnet: protocol.is(&Protocol::Telnet),
                tls: tls_wanted(cx, tls).then(|| format!("obj{}_tls0", id(alias))),
                again: again(&tcp.reconnect),
            },
            Place::Udp { remote, local } => {
                let bound = local.host.is_some() || local.service.is_some();
                Backend::Udp { remote: remote.host_port(), local: bound.then(|| local.host_port()) }
            }
            Place::Port(channel) => Backend::SpicePort(channel.value.clone()),
        };
        let log = self.log.as_ref().map(|log| fd_set("log", &log.file, log.append.is(&Switch::On)));
        Chardev { id: id(alias), backend, log }
    }

    /// Adds the character device behind the device `alias`, and the sets of descriptors that it opens.
    pub fn items(&self, cx: &Cx<'_>, section: Section, alias: &str, generated: Option<Text>, origin: Origin, out: &mut Items) {
        let chardev = self.chardev(cx, alias, generated);
        for set in chardev.fd_sets() {
            out.opts(section, "add-fd", set.opts(), origin);
        }
        if let Some((name, server)) = chardev.tls() {
            let directory = cx.facts.config().map_or("/etc/pki/libvirt-chardev", |c| c.chardev_tls_dir.as_str());
            let props = Props::new().with("qom-type", "tls-creds-x509").with("id", name).with("dir", directory);
            let props = props.with("endpoint", if server { "server" } else { "client" }).with("verify-peer", true);
            out.json(section, "object", props, origin);
        }
        out.push(section, "chardev", Payload::Chardev(chardev), origin);
    }

    /// What the host must do for the character device behind the device `alias`. A `unix` source without a path listens at `socket` in the
    /// VM's own directory.
    pub fn host(&self, alias: &str, socket: Option<&str>, origin: Origin, out: &mut HostNeeds) {
        if self.fd_sets() > 0 {
            out.refuse("the runtime makes no files that a character device writes to", origin);
        }
        match &self.place {
            Place::Path(path) if self.kind.value == SourceType::Dev => {
                out.allow(path);
                self.own(path, origin, out);
            }
            Place::Path(path) => self.own(path, origin, out),
            Place::Unix(unix) => match (&unix.address, socket) {
                (Some(path), _) if unix.mode() == Mode::Connect => self.own(path, origin, out),
                (None, Some(socket)) => {
                    out.listen(&source_fd(alias), socket, origin);
                    out.directory("channel");
                }
                _ => out.refuse("the runtime makes sockets in the VM's own directory alone, and this one has a path of its own", origin),
            },
            Place::Nothing | Place::File(..) | Place::Tcp(..) | Place::Udp { .. } | Place::Port(_) => {}
        }
    }

    fn own(&self, path: &str, origin: Origin, out: &mut HostNeeds) {
        if !self.keeps_owner {
            out.own(Node::Path(path.to_owned()), origin);
        }
    }
}

impl Inet {
    fn host_port(&self) -> HostPort {
        let text = |part: &Opt<String>, default: &str| part.as_ref().map_or_else(|| default.to_owned(), |p| p.value.clone());
        HostPort { host: text(&self.host, ""), port: text(&self.service, "0") }
    }
}

/// Whether TLS is spoken: what the definition says, else what the host is set up for.
fn tls_wanted(cx: &Cx<'_>, tls: &Opt<YesNo>) -> bool {
    tls.get().map_or_else(|| cx.facts.config().is_some_and(|c| c.chardev_tls), YesNo::is_yes)
}

/// The name of the character device behind the device `alias`.
pub fn id(alias: &str) -> String {
    format!("char{alias}")
}

/// The name of the descriptor of a socket.
fn source_fd(alias: &str) -> String {
    format!("{alias}-source")
}

/// The number of the first set of descriptors of the device `alias`: libvirt numbers them over all devices.
fn first_fd_set(domain: &Domain, alias: &str) -> u32 {
    let devices = &domain.devices;
    let serials = devices.serials.iter().map(|d| (d.info(), Some(&d.source)));
    let channels = devices.channels.iter().map(|d| (d.info(), Some(&d.source)));
    let consoles = devices.consoles.iter().filter(|c| !c.is_mirror()).map(|d| (d.info(), Some(&d.source)));
    let rngs = devices.rngs.iter().map(|d| (d.info(), d.source()));
    let all = serials.chain(channels).chain(consoles).chain(rngs);
    let before = all.take_while(|(info, _): &(&Info, _)| info.alias() != alias);
    before.filter_map(|(_, source)| source).map(Source::fd_sets).sum()
}
