//! The host's end of a character device, in libvirt's words: `type`, `<source>`, `<protocol>` and `<log>`.

use virtc_diag::{Diagnostic, Span};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Spanned, Switch, YesNo, words};
use crate::model::devices::chardev::connection::{Connection, Inet, Mode, Reconnect};
use crate::model::devices::seclabel::SourceLabels;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What is at the host's end.
    pub enum SourceType {
        Null = "null", Vc = "vc", Pty = "pty", Stdio = "stdio", File = "file", Pipe = "pipe", Dev = "dev", Unix = "unix", Tcp = "tcp",
        Udp = "udp", Spicevmc = "spicevmc", Spiceport = "spiceport", Dbus = "dbus", QemuVdagent = "qemu-vdagent",
    }
}

words! {
    /// Who moves the pointer.
    pub enum MouseMode { Client = "client", Server = "server" }
}

words! {
    /// What is spoken over a TCP connection.
    pub enum Protocol { Raw = "raw", Telnet = "telnet" }
}

/// `<log>`: a copy of all that the guest writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The file.
    pub file: Spanned<String>,
    /// Whether the former content stays.
    pub append: Opt<Switch>,
}

/// What each type of source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `null`, `vc`, `pty`, `stdio` and `spicevmc` have nothing.
    Nothing,
    /// `pipe` and `dev` have a path.
    Path(Spanned<String>),
    /// `file` has a path, and whether the former content stays.
    File(Spanned<String>, Opt<Switch>),
    /// `unix` has a path, which a channel may leave out.
    Unix(Connection<Opt<String>>),
    /// `tcp` has host and service, a protocol, and whether TLS is spoken.
    Tcp(Connection<Inet>, Opt<Protocol>, Opt<YesNo>),
    /// `udp` sends to `remote` and listens at `local`.
    Udp {
        /// Where it sends to.
        remote: Inet,
        /// Where it listens.
        local: Inet,
    },
    /// `spiceport` and `dbus` have the name of a channel.
    Port(Spanned<String>),
    /// `qemu-vdagent` has what the agent in the guest may do.
    Agent {
        /// Whether the clipboards of guest and client are one.
        clipboard: Opt<YesNo>,
        /// Who moves the pointer.
        mouse: Opt<MouseMode>,
    },
}

/// The host's end of a character device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its type.
    pub kind: Spanned<SourceType>,
    /// Where it is.
    pub place: Place,
    /// The labels of the path.
    pub labels: SourceLabels,
    /// A copy of all that the guest writes.
    pub log: Option<Log>,
}

static PTY: DefaultRule =
    DefaultRule { name: "chardev-pty", text: "a character device without a type is a pseudoterminal" };
static RAW: DefaultRule = DefaultRule {
    name: "tcp-protocol",
    text: "a TCP character device speaks no protocol of its own unless it is told to",
};

static USBREDIR: DefaultRule = DefaultRule {
    name: "dbus-usbredir",
    text: "a USB device that comes over a D-Bus display has a channel of a fixed name",
};

fn missing(f: &Fields<'_, '_>, span: Span, what: &str) {
    f.report(
        Diagnostic::at(&codes::MISSING, span, format!("the `<source>` of this character device has no `{what}`"))
            .help(format!("write `{what}='…'`")),
    );
}

impl Source {
    /// The source of the device that `f` reads. A path may be absent in a `unix` source: [`Source::needs_path`] reports it.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        if foreign(f, "type", &["nmdm"]) {
            return None;
        }
        let kind = match f.element().attribute("type") {
            Some(_) => f.attr::<SourceType>("type"),
            None => Some(Spanned::rule(SourceType::Pty, &PTY, f.origin())),
        };
        let Some(kind) = kind else {
            // The type is reported; nothing else can be said about a source of unknown type.
            return None;
        };
        let sources = f.children("source");
        let most = if kind.value == SourceType::Udp { 2 } else { 1 };
        for further in sources.iter().skip(most) {
            let message = format!("a character device of type `{}` has at most {most} `<source>`", kind.word());
            let span = further.ignore_rest();
            f.report(Diagnostic::at(&codes::CONFLICT, span, message).help("remove the others"));
        }
        let read = Self::read(f, kind, &sources);
        if read.is_none() {
            // The reason is reported.
            for source in &sources {
                let _ = source.ignore_rest();
            }
        }
        read
    }

    fn read(f: &Fields<'_, '_>, kind: Spanned<SourceType>, sources: &[Fields<'_, '_>]) -> Option<Self> {
        let source = sources.first();
        let at = f.element().name_span();
        let path = || source.and_then(|s| s.attr::<String>("path"));
        let place = match kind.value {
            SourceType::Pty => {
                // The path of a pseudoterminal is what a running domain has; it is no part of a definition.
                let _ = path();
                Place::Nothing
            }
            SourceType::Null | SourceType::Vc | SourceType::Stdio | SourceType::Spicevmc => Place::Nothing,
            SourceType::Pipe | SourceType::Dev => Place::Path(path().or_else(|| missing_path(f, at))?),
            SourceType::File => {
                Place::File(path().or_else(|| missing_path(f, at))?, source.and_then(|s| s.attr("append")))
            }
            SourceType::Unix => Place::Unix(Connection::lower(source, path())),
            SourceType::Tcp => {
                let connection = Connection::lower(source, source.map(Inet::lower).unwrap_or_default());
                for (there, what) in
                    [(connection.address.host.is_some(), "host"), (connection.address.service.is_some(), "service")]
                {
                    if !there {
                        missing(f, at, what);
                    }
                }
                let tls = source.and_then(|s| s.attr("tls"));
                let protocol = f
                    .child("protocol")
                    .filter(|p| !foreign(p, "type", &["telnets", "tls"]))
                    .and_then(|p| p.attr("type"));
                let protocol = protocol.unwrap_or_else(|| Spanned::rule(Protocol::Raw, &RAW, f.origin()));
                Place::Tcp(connection, Some(protocol), tls)
            }
            SourceType::Udp => {
                let (mut remote, mut local) = (Inet::default(), Inet::default());
                for source in sources {
                    let end = if Mode::lower(source).is(&Mode::Bind) { &mut local } else { &mut remote };
                    *end = Inet::lower(source);
                }
                if remote.service.is_none() {
                    missing(f, at, "service");
                }
                Place::Udp { remote, local }
            }
            SourceType::QemuVdagent => Place::Agent {
                clipboard: source.and_then(|s| s.child_attr("clipboard", "copypaste")),
                mouse: source.and_then(|s| s.child_attr("mouse", "mode")),
            },
            SourceType::Spiceport | SourceType::Dbus => {
                let channel = source.and_then(|s| s.attr("channel"));
                // A redirected device has a name that the display knows.
                let usb = kind.value == SourceType::Dbus && f.element().is("redirdev");
                let channel = channel
                    .or_else(|| usb.then(|| Spanned::rule("org.qemu.usbredir".to_owned(), &USBREDIR, f.origin())));
                if channel.is_none() {
                    missing(f, at, "channel");
                }
                Place::Port(channel?)
            }
        };
        if kind.value != SourceType::Tcp {
            // Only TCP has protocols; `raw` is what all others speak.
            if let Some(protocol) = f.child("protocol") {
                match protocol.element().attribute("type").map(|a| a.value() == "raw") {
                    Some(false) => {
                        protocol.without_effect(&["type"], &[], &format!("source of type `{}`", kind.word()));
                    }
                    Some(true) | None => {
                        let _ = protocol.ignore_rest();
                    }
                }
            }
        }
        let labels = source.map(SourceLabels::lower).unwrap_or_default();
        let log = f.child("log").and_then(|l| Some(Log { append: l.attr("append"), file: l.attr("file")? }));
        let what = format!("source of type `{}`", kind.word());
        for source in sources {
            source.without_effect(
                &["mode", "path", "host", "service", "channel", "master", "slave", "append", "tls"],
                &["reconnect", "clipboard", "mouse", "seclabel"],
                &what,
            );
        }
        Some(Self { kind, place, labels, log })
    }

    /// Reports a `unix` source without a path.
    pub fn needs_path(&self, f: &Fields<'_, '_>) {
        if matches!(&self.place, Place::Unix(unix) if unix.address.is_none()) {
            missing(f, f.element().name_span(), "path");
        }
    }

    /// Whether `other`, as a user describes it, means this source. The socket of a channel may go by its name only.
    pub fn matches_description(&self, other: &Self) -> bool {
        let place = match (&self.place, &other.place) {
            (Place::File(own, _), Place::File(other, _)) => own == other,
            (Place::Unix(own), Place::Unix(other)) => {
                own.address.is_none() || other.address.is_none() || own.address == other.address
            }
            (Place::Tcp(own, ..), Place::Tcp(other, ..)) => own.address == other.address && own.mode() == other.mode(),
            (own, other) => own == other,
        };
        self.kind == other.kind && place
    }

    /// Writes `<source>`, `<protocol>` and `<log>`.
    pub fn write(&self, w: &mut XmlWriter) {
        let label = |w: &mut XmlWriter| {
            self.labels.write(w);
        };
        match &self.place {
            Place::Nothing => {}
            Place::Path(path) => w.tag("source").attr("path", path).children(label),
            Place::File(path, append) => w.tag("source").attr("path", path).opt("append", append).children(label),
            Place::Unix(unix) => {
                if unix.address.is_some() {
                    w.tag("source").attr("mode", unix.mode().word()).opt("path", &unix.address).children(|w| {
                        Reconnect::write(unix.reconnect.as_ref(), w);
                        label(w);
                    });
                }
            }
            Place::Tcp(tcp, protocol, tls) => {
                let tag = w.tag("source").attr("mode", tcp.mode().word());
                tag.opt("host", &tcp.address.host).opt("service", &tcp.address.service).opt("tls", tls).children(|w| {
                    Reconnect::write(tcp.reconnect.as_ref(), w);
                    label(w);
                });
                w.tag("protocol").opt("type", protocol).end();
            }
            Place::Udp { remote, local } => {
                for (end, mode) in [(local, Mode::Bind), (remote, Mode::Connect)] {
                    if end.host.is_some() || end.service.is_some() {
                        w.tag("source")
                            .attr("mode", mode.word())
                            .opt("host", &end.host)
                            .opt("service", &end.service)
                            .end();
                    }
                }
            }
            Place::Port(channel) => w.tag("source").attr("channel", channel).end(),
            Place::Agent { clipboard, mouse } => {
                if clipboard.is_some() || mouse.is_some() {
                    w.tag("source").children(|w| {
                        if clipboard.is_some() {
                            w.tag("clipboard").opt("copypaste", clipboard).end();
                        }
                        if mouse.is_some() {
                            w.tag("mouse").opt("mode", mouse).end();
                        }
                    });
                }
            }
        }
        if let Some(log) = &self.log {
            w.tag("log").attr("file", &log.file).opt("append", &log.append).end();
        }
    }
}

/// A device; where it could not be read, the rest of its element is passed over, since the reason is reported.
pub fn device_or_ignored<T>(f: &Fields<'_, '_>, device: Option<T>) -> Option<T> {
    if device.is_none() {
        let _ = f.ignore_rest();
    }
    device
}

/// Reports an attribute whose word is of the format, but that no x86 QEMU can have; all else in its element is then passed over.
pub fn foreign(f: &Fields<'_, '_>, attribute: &str, words: &[&str]) -> bool {
    let Some(found) = f.element().attribute(attribute).filter(|a| words.contains(&a.value())) else { return false };
    let (name, value) = (f.element().name(), found.value());
    let message = format!("QEMU has no `<{name} {attribute}='{value}'>` on this architecture");
    let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, found.value_span(), message).shared();
    f.report(fault.help("remove it, or write the architecture that it is for in `<type arch>`"));
    let _ = f.ignore_rest();
    true
}

/// Passes over the terminal of a character device: it is what a running domain has, and no part of a definition.
pub fn terminal(f: &Fields<'_, '_>) {
    let _: Opt<String> = f.attr("tty");
}

fn missing_path<T>(f: &Fields<'_, '_>, span: Span) -> Option<T> {
    missing(f, span, "path");
    None
}
