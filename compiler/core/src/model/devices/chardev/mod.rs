//! Character devices: what consoles, serial ports, channels and an entropy daemon have in common.

mod connection;
mod source;
#[cfg(test)]
pub(crate) mod trial;

use std::collections::BTreeMap;

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_plan::{Node, SocketPlace};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Spanned, Switch, YesNo};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::graphics::GraphicsType;
use crate::model::devices::interface::InterfaceType;
use crate::model::devices::{Device, Info};
use crate::qemu::{ArgSection, Payload, Props, QemuOptions, RequirementsOf, Text};
use crate::xml_io::Fields;

pub use crate::qemu::chardev::{Again, Backend, Chardev, Descriptor, FdSet, HostPort, Open};
pub use connection::{Connection, Inet, Mode, Reconnect, reconnect_needs_connect};
pub use source::{Log, MouseMode, Place, Protocol, Source, SourceType, device_or_ignored, foreign, terminal};

impl Source {
    /// How many sets of descriptors QEMU gets for it.
    fn fd_sets(&self) -> u32 {
        u32::from(matches!(self.place, Place::File(..))) + u32::from(self.log.is_some())
    }

    /// The character device of the device `alias`. A `unix` source without a path listens at `generated`.
    pub fn chardev(&self, cx: &EmitContext<'_>, alias: &str, generated: Option<Text>) -> Chardev {
        let mut next = if self.fd_sets() > 0 { first_fd_set(cx.domain, alias) } else { 0 };
        let mut fd_set = |what: &str, path: &str, append| {
            let descriptor =
                Descriptor { name: format!("{alias}-{what}"), path: path.into(), open: Open::Write { append } };
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
                    Backend::Connect { path: path.value.as_str().into(), again: again(&unix.reconnect) }
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
                tls: tls_wanted(cx, *tls).then(|| format!("obj{}_tls0", id(alias))),
                again: again(&tcp.reconnect),
            },
            Place::Udp { remote, local } => {
                let bound = local.host.is_some() || local.service.is_some();
                Backend::Udp { remote: remote.host_port(), local: bound.then(|| local.host_port()) }
            }
            Place::Port(channel) if self.kind.value == SourceType::Dbus => Backend::Dbus(channel.value.clone()),
            Place::Port(channel) => Backend::SpicePort(channel.value.clone()),
            Place::Agent { clipboard, mouse } => Backend::Vdagent {
                clipboard: clipboard.get().map(YesNo::is_yes),
                mouse: mouse.get().map(|m| m == MouseMode::Client),
            },
        };
        let log = self.log.as_ref().map(|log| fd_set("log", &log.file, log.append.is(&Switch::On)));
        Chardev { id: id(alias), backend, log }
    }

    /// Adds the character device of the device `alias`, and the sets of descriptors that it opens.
    pub fn options(
        &self,
        cx: &EmitContext<'_>,
        section: ArgSection,
        alias: &str,
        generated: Option<Text>,
        origin: Origin,
        out: &mut QemuOptions,
    ) {
        push(self.chardev(cx, alias, generated), cx, section, origin, out);
    }

    /// As [`Source::items`], for a device whose channel of the SPICE protocol is `spice`.
    pub fn items_over_spice(
        &self,
        cx: &EmitContext<'_>,
        section: ArgSection,
        alias: &str,
        spice: &'static str,
        origin: Origin,
        out: &mut QemuOptions,
    ) {
        let mut chardev = self.chardev(cx, alias, None);
        if let Backend::SpiceVmc(name) = &mut chardev.backend {
            *name = spice;
        }
        push(chardev, cx, section, origin, out);
    }

    /// What the host must do for the character device of the device `alias`. A `unix` source without a path listens at a socket in the
    /// VM's own directory, whose name ends in `socket`.
    pub fn host(&self, alias: &str, socket: Option<&str>, origin: Origin, out: &mut RequirementsOf<'_>) {
        match &self.place {
            Place::Path(path) if self.kind.value == SourceType::Dev => {
                out.allow(path);
                self.own(path, origin, out);
            }
            Place::Path(path) => self.own(path, origin, out),
            Place::Unix(unix) => match (&unix.address, socket) {
                (Some(path), _) if unix.mode() == Mode::Connect => self.own(path, origin, out),
                (Some(path), _) => {
                    out.listen(&source_fd(alias), SocketPlace::Path(path.value.clone()), path.origin);
                }
                (None, socket) => {
                    let name = format!("channel-{}", socket.unwrap_or(alias));
                    out.listen(&source_fd(alias), SocketPlace::Private(name), origin);
                    out.directory("channel");
                }
            },
            Place::File(path, append) => {
                out.write_to(&source_fd(alias), &path.value, append.is(&Switch::On), path.origin);
            }
            Place::Nothing | Place::Tcp(..) | Place::Udp { .. } | Place::Port(_) | Place::Agent { .. } => {}
        }
        self.labels.host(out);
        if let Some(log) = &self.log {
            out.write_to(&format!("{alias}-log"), &log.file, log.append.is(&Switch::On), origin);
        }
    }

    /// Reports a source that the rest of the domain does not allow (`qemuValidateDomainChrSourceDef` in libvirt's `src/qemu/qemu_validate.c`).
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.labels.check(domain, faults);
        if let Place::Port(channel) = &self.place
            && !channel.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        {
            let message = "the name of a channel has characters that are neither letters, digits nor `-_.`";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, channel.origin, message);
            faults.push(fault.help("write a name such as `org.spice-space.webdav.0`"));
        }
        let spice = matches!(self.kind.value, SourceType::Spicevmc | SourceType::Spiceport);
        if spice && !domain.devices.graphics.iter().any(|g| g.kind() == GraphicsType::Spice) {
            let message = "this needs `<graphics type='spice'>`, which the guest does not have";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, self.kind.origin, message).shared();
            faults.push(fault.help("add `<graphics type='spice' autoport='yes'/>`, or remove the device"));
        }
    }

    /// SPICE's agent speaks over a virtio channel only.
    pub fn no_agent(&self, faults: &mut Diagnostics) {
        if self.kind.value == SourceType::Spicevmc {
            let span = self.kind.origin.span();
            let message = "only a virtio channel can be of type `spicevmc`";
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
            faults.push(fault.help("use `<channel>` with `<target type='virtio'/>`"));
        }
    }

    fn own(&self, path: &str, origin: Origin, out: &mut RequirementsOf<'_>) {
        if !self.labels.keeps_owner() {
            out.own(Node::Path(path.to_owned()), origin);
        }
    }
}

impl Inet {
    fn host_port(&self) -> HostPort {
        let text =
            |part: &Opt<String>, default: &str| part.as_ref().map_or_else(|| default.to_owned(), |p| p.value.clone());
        HostPort { host: text(&self.host, ""), port: text(&self.service, "0") }
    }
}

/// The number of a port on its `<target>`: decimal, as libvirt reads it (`virDomainChrDefParseTargetXML` in its `src/conf/domain_conf.c`).
pub fn port(target: &Fields<'_, '_>) -> Opt<u32> {
    let port = target.attr("port");
    let text = target.element().attribute("port").map(|a| a.value().trim_start().to_ascii_lowercase());
    if let Some(place) = port.filter(|_| text.is_some_and(|text| text.starts_with("0x"))) {
        let place: Spanned<u32> = place;
        let fault = Diagnostic::at(&codes::BAD_VALUE, place.origin, "the port is not decimal");
        target.report(fault.help(format!("write `{}`", place.value)));
    }
    port
}

/// Adds a character device, and the sets of descriptors and the credentials that it needs.
pub fn push(chardev: Chardev, cx: &EmitContext<'_>, section: ArgSection, origin: Origin, out: &mut QemuOptions) {
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

/// Whether TLS is spoken: what the definition says, else what the host is set up for.
fn tls_wanted(cx: &EmitContext<'_>, tls: Opt<YesNo>) -> bool {
    tls.get().map_or_else(|| cx.facts.config().is_some_and(|c| c.chardev_tls), YesNo::is_yes)
}

/// The name of the character device of the device `alias`.
pub fn id(alias: &str) -> String {
    format!("char{alias}")
}

/// The name of the descriptor of a socket.
fn source_fd(alias: &str) -> String {
    format!("{alias}-source")
}

/// The number of the first set of descriptors of the device `alias`: libvirt numbers them over all devices. Of a device that has none, the
/// first that nobody has.
pub fn first_fd_set(domain: &Domain, alias: &str) -> u32 {
    domain.fd_sets.get(alias).copied().unwrap_or_else(|| next_fd_set(domain))
}

/// The numbers of the first sets of all devices that have any, by alias.
pub fn fd_sets(domain: &Domain) -> BTreeMap<String, u32> {
    let mut next = 0;
    let with = with_sets(domain).into_iter().filter(|(_, count)| *count > 0);
    with.map(|(alias, count)| {
        let first = next;
        next += count;
        (alias.to_owned(), first)
    })
    .collect()
}

/// The numbers that are known, of the devices that have sets.
pub(crate) fn known_fd_sets(domain: &Domain) -> BTreeMap<String, u32> {
    let with = with_sets(domain).into_iter().filter(|(_, count)| *count > 0);
    with.filter_map(|(alias, _)| Some((alias.to_owned(), *domain.fd_sets.get(alias)?))).collect()
}

/// The number of the first set that no device has.
pub fn next_fd_set(domain: &Domain) -> u32 {
    let ends = with_sets(domain).into_iter().filter_map(|(alias, count)| Some(domain.fd_sets.get(alias)? + count));
    ends.max().unwrap_or_default()
}

/// The devices in the order in which their sets are numbered, with how many each has.
fn with_sets(domain: &Domain) -> Vec<(&str, u32)> {
    let devices = &domain.devices;
    let smartcards = devices.smartcards.iter().map(|d| (d.info(), d.source()));
    let parallels = devices.parallels.iter().map(|d| (d.info(), Some(&d.source)));
    let serials = devices.serials.iter().map(|d| (d.info(), Some(&d.source)));
    let channels = devices.channels.iter().map(|d| (d.info(), Some(&d.source)));
    let consoles = devices.consoles.iter().filter(|c| !c.is_mirror()).map(|d| (d.info(), Some(&d.source)));
    let rngs = devices.rngs.iter().map(|d| (d.info(), d.source()));
    let redirdevs = devices.redirdevs.iter().map(|d| (d.info(), Some(&d.source)));
    let all = smartcards.chain(parallels).chain(serials).chain(channels).chain(consoles).chain(rngs).chain(redirdevs);
    let others = all.map(|(info, source): (&Info, _)| (info.alias(), source.map_or(0, Source::fd_sets)));
    // The devices of vDPA come before all of these, with one set each.
    let vdpa = devices.interfaces.iter().map(|i| (i.info().alias(), u32::from(i.actual() == InterfaceType::Vdpa)));
    let tpms = devices.tpms.iter().map(|d| (d.info().alias(), d.fd_sets()));
    vdpa.chain(others).chain(tpms).collect()
}

#[cfg(test)]
mod tests {
    use super::trial::trial;

    #[test]
    fn files_and_logs_are_sets_of_descriptors() {
        let t = trial(
            "<serial type='file'><source path='/tmp/a,b'/><log file='/tmp/log' append='on'/></serial>\
             <channel type='pty'><log file='/tmp/c'/><target type='virtio'/></channel>",
            &["add-fd", "-chardev pty", "-chardev file"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-add-fd set=0,fd={fd:serial0-source},opaque=serial0-source",
                "-add-fd set=1,fd={fd:serial0-log},opaque=serial0-log",
                "-chardev file,id=charserial0,path=/dev/fdset/0,append=on,logfile=/dev/fdset/1,logappend=on",
                "-add-fd set=2,fd={fd:channel0-log},opaque=channel0-log",
                "-chardev pty,id=charchannel0,logfile=/dev/fdset/2,logappend=on",
            ]
        );
    }

    #[test]
    fn sockets_in_both_forms() {
        let t = trial(
            "<serial type='unix'><source mode='connect' path='/tmp/s'><reconnect enabled='yes' timeout='2'/></source></serial>\
             <serial type='tcp'><source mode='bind' host='::1' service='99' tls='yes'/><protocol type='telnet'/></serial>\
             <serial type='udp'><source mode='bind' host='h' service='1'/><source mode='connect' host='i' service='2'/></serial>",
            &["-chardev socket,id=charserial", "-chardev udp", "tls-creds-x509"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-chardev socket,id=charserial0,path=/tmp/s,reconnect-ms=2000",
                r#"-object {"qom-type":"tls-creds-x509","id":"objcharserial1_tls0","dir":"/etc/pki/libvirt-chardev","endpoint":"server","verify-peer":true}"#,
                "-chardev socket,id=charserial1,host=::1,port=99,telnet=on,server=on,wait=off,tls-creds=objcharserial1_tls0",
                "-chardev udp,id=charserial2,host=i,port=2,localaddr=h,localport=1",
            ]
        );
        assert_eq!(
            t.backends,
            [
                r#"{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"/tmp/s"}},"server":false,"reconnect-ms":2000}}"#,
                r#"{"type":"socket","data":{"addr":{"type":"inet","data":{"host":"::1","port":"99"}},"telnet":true,"server":true,"wait":false,"tls-creds":"objcharserial1_tls0"}}"#,
                r#"{"type":"udp","data":{"remote":{"type":"inet","data":{"host":"i","port":"2"}},"local":{"type":"inet","data":{"host":"h","port":"1"}}}}"#,
            ]
        );
    }

    #[test]
    fn incomplete_sources_are_reported() {
        for (given, message) in [
            ("<serial type='unix'/>", "the `<source>` of this character device has no `path`"),
            (
                "<serial type='file'><target port='0'/></serial>",
                "the `<source>` of this character device has no `path`",
            ),
            (
                "<serial type='tcp'><source mode='bind' host='h'/></serial>",
                "the `<source>` of this character device has no `service`",
            ),
            ("<serial type='nmdm'/>", "QEMU has no `<serial type='nmdm'>` on this architecture"),
            ("<serial type='null'><source path='/s'/></serial>", "`path` has no effect on a source of type `null`"),
            (
                "<serial type='tcp'><source mode='listen' host='h' service='1'/></serial>",
                "`mode='listen'` is neither `bind` nor `connect`",
            ),
            (
                "<serial type='unix'><source mode='bind' path='/s'><reconnect enabled='yes' timeout='1'/></source></serial>",
                "`<reconnect>` needs `mode='connect'`, and this character device listens",
            ),
        ] {
            assert_eq!(trial(given, &[]).faults, [message], "{given}");
        }
    }
}
