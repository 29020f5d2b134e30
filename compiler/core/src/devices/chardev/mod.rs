//! Character devices: what consoles, serial ports, channels and an entropy daemon have in common.

mod backend;
mod source;

use crate::devices::{Device, Info};
use crate::domain::Domain;
use crate::emit::{Cx, Items, Payload, Section, Text};
use crate::ir::{OptExt, Origin, Switch};

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
                    Backend::Listen(Descriptor { name: format!("{alias}-source"), path, open: Open::Listen })
                }
            },
            Place::Tcp(tcp, protocol, _) => Backend::Tcp {
                at: tcp.address.host_port(),
                server: tcp.mode() == Mode::Bind,
                telnet: protocol.is(&Protocol::Telnet),
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
        out.push(section, "chardev", Payload::Chardev(chardev), origin);
    }
}

impl Inet {
    fn host_port(&self) -> HostPort {
        let text = |part: &crate::ir::Opt<String>, default: &str| part.as_ref().map_or_else(|| default.to_owned(), |p| p.value.clone());
        HostPort { host: text(&self.host, ""), port: text(&self.service, "0") }
    }
}

/// The name of the character device behind the device `alias`.
pub fn id(alias: &str) -> String {
    format!("char{alias}")
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
