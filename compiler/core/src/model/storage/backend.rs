//! The protocol node: QEMU's block driver for a location.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{OptExt, Spanned, YesNo};
use crate::model::EmitContext;
use crate::model::storage::secret::{EncryptionEngine, EncryptionFormat};
use crate::model::storage::{Host, Identity, Location, Network, Node, Protocol, Transport};
use crate::qemu::{Props, Text, Value};

/// The leaves of a value with their dotted names, such as `file.server.host`.
fn flat(name: &str, value: &Value, out: &mut Vec<(String, Text)>) {
    match value {
        Value::Object(props) => props.iter().for_each(|(key, value)| flat(&format!("{name}.{key}"), value, out)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| flat(&format!("{name}.{at}"), value, out));
        }
        Value::Text(text) => out.push((name.to_owned(), text.clone())),
        Value::Number(number) => out.push((name.to_owned(), number.to_string().into())),
        Value::Bool(on) => out.push((name.to_owned(), if *on { "on" } else { "off" }.into())),
        Value::Null => {}
    }
}

/// The ids of the objects to which the protocol node refers.
pub(super) struct Names {
    /// The secret of the login.
    pub auth: Option<String>,
    /// The secret with the cookies.
    pub cookies: Option<String>,
    /// The TLS credentials.
    pub tls: Option<String>,
    /// The encryption keys.
    pub keys: Vec<String>,
    /// The persistent reservation manager.
    pub reservations: Option<String>,
}

impl Node<'_> {
    /// The properties of the driver for a location without secrets, with dotted names for `-drive`: `file.server.host`.
    pub fn drive_opts(&self, cx: &EmitContext<'_>) -> Vec<(String, Text)> {
        let none = Names { auth: None, cookies: None, tls: None, keys: Vec::new(), reservations: None };
        let mut out = Vec::new();
        if let Some(props) = self.backend(&self.source.location, &none, cx) {
            flat("file", &Value::Object(props), &mut out);
        }
        out
    }

    /// The properties of the driver for `place`, without those of every block node.
    pub(super) fn backend(&self, place: &Location, names: &Names, cx: &EmitContext<'_>) -> Option<Props> {
        let driver = |name: &str| Props::new().with("driver", name);
        Some(match place {
            Location::File(path, _) | Location::Block(path) => {
                let name = match place {
                    Location::Block(path) if self.settings.cdrom && is_optical(path) => "host_cdrom",
                    Location::Block(_) => "host_device",
                    Location::Empty
                    | Location::File(..)
                    | Location::Dir(_)
                    | Location::Network(_)
                    | Location::Volume { .. }
                    | Location::Nvme { .. }
                    | Location::VhostUser(..)
                    | Location::VhostVdpa(_) => "file",
                };
                let props = driver(name).with("filename", &path.value).opt("aio", self.settings.aio);
                props.opt("pr-manager", names.reservations.as_deref())
            }
            Location::Dir(path) => {
                driver("vvfat").with("dir", &path.value).with("floppy", self.settings.floppy).with("rw", !self.readonly)
            }
            Location::Nvme { address, namespace, .. } => {
                driver("nvme").with("device", address.value.to_string()).with("namespace", namespace.value)
            }
            Location::Network(network) => self.server(network, names, cx)?,
            Location::VhostVdpa(_) => {
                driver("virtio-blk-vhost-vdpa").with("path", format!("/dev/fdset/{}", self.settings.fd_set))
            }
            Location::Empty | Location::Volume { .. } | Location::VhostUser(..) => return None,
        })
    }

    /// The driver of a network protocol (`qemuBlockStorageSourceGetBackendProps` in libvirt's `src/qemu/qemu_block.c`).
    fn server(&self, network: &Network, names: &Names, cx: &EmitContext<'_>) -> Option<Props> {
        let driver = |name: &str| Props::new().with("driver", name);
        let name = network.name.as_ref().map(|n| n.value.as_str());
        let login = self.source.login(cx.facts);
        let login = login.as_ref().map(|l| l.user);
        let auth = names.auth.as_deref();
        Some(match network.protocol.value {
            Protocol::Nbd => driver("nbd")
                .with("server", socket_address(network.hosts.first()?))
                .opt("export", name)
                .opt("tls-creds", names.tls.as_deref())
                .opt("tls-hostname", network.tls_hostname.as_ref().map(|n| n.value.as_str()))
                .opt("reconnect-delay", network.reconnect_delay.get().filter(|d| *d > 0)),
            Protocol::Rbd => {
                let (pool, image) = name?.split_once('/')?;
                let servers: Vec<Value> = network.hosts.iter().map(|h| inet_address(h).into()).collect();
                let modes = auth.map(|_| vec![Value::from("cephx"), Value::from("none")]);
                driver("rbd")
                    .with("pool", pool)
                    .with("image", image)
                    .opt("snapshot", network.snapshot.as_ref().map(|s| s.value.as_str()))
                    .opt("conf", network.config.as_ref().map(|s| s.value.as_str()))
                    .opt("server", Some(servers).filter(|s| !s.is_empty()))
                    .opt("encrypt", self.rbd_encryption(&names.keys))
                    .opt("user", login)
                    .opt("auth-client-required", modes)
                    .opt("key-secret", auth)
            }
            Protocol::Iscsi => {
                let host = network.hosts.first()?;
                let (target, lun) = match name?.split_once('/') {
                    Some((target, lun)) => (target, lun.parse::<u32>().ok()?),
                    None => (name?, 0),
                };
                driver("iscsi")
                    .with("portal", format!("{}:{}", bracketed(host), port(host)))
                    .with("target", target)
                    .with("lun", lun)
                    .with("transport", "tcp")
                    .opt("user", login)
                    .opt("password-secret", auth)
                    .opt("initiator-name", network.initiator.as_ref().map(|i| i.value.as_str()))
            }
            Protocol::Gluster => {
                let (volume, path) = name?.split_once('/')?;
                let servers: Vec<Value> = network.hosts.iter().map(|h| socket_address(h).into()).collect();
                let debug = cx.facts.config().map_or(4, |c| c.gluster_debug);
                driver("gluster").with("volume", volume).with("path", path).with("server", servers).with("debug", debug)
            }
            Protocol::Nfs => {
                let host = network.hosts.first()?;
                let host = Props::new().with("host", host_name(host)).with("type", "inet");
                let (user, group) = match &network.identity {
                    Some(Identity::Nfs(user, group)) => (id(user.as_ref(), cx), id(group.as_ref(), cx)),
                    Some(Identity::Ssh { .. }) | None => (None, None),
                };
                driver("nfs").with("server", host).opt("path", name).opt("user", user).opt("group", group)
            }
            Protocol::Ssh => {
                let user = match &network.identity {
                    Some(Identity::Ssh { username, .. }) => username.as_ref().map(|u| u.value.as_str()),
                    Some(Identity::Nfs(..)) | None => None,
                };
                let server = inet_address(network.hosts.first()?);
                driver("ssh").opt("path", name).with("server", server).opt("user", login.or(user))
            }
            Protocol::Http | Protocol::Https | Protocol::Ftp | Protocol::Ftps | Protocol::Tftp => {
                driver(network.protocol.word())
                    .with("url", url(network)?)
                    .opt("username", login)
                    .opt("password-secret", auth)
                    .opt("sslverify", network.verify.get().map(YesNo::is_yes))
                    .opt("cookie-secret", names.cookies.as_deref())
                    .opt("timeout", network.timeout.get().filter(|n| *n > 0))
                    .opt("readahead", network.readahead.get().filter(|n| *n > 0))
            }
            // No QEMU in use has these; `check` refuses them.
            Protocol::Sheepdog | Protocol::Vxhs => return None,
        })
    }

    /// `encrypt` of an image that librbd decrypts, the topmost layer first.
    fn rbd_encryption(&self, keys: &[String]) -> Option<Props> {
        let encryption = self.source.encryption.as_ref().filter(|e| e.engine.is(&EncryptionEngine::Librbd))?;
        let format = match encryption.format.value {
            EncryptionFormat::Luks2 => "luks2",
            EncryptionFormat::LuksAny => "luks-any",
            EncryptionFormat::Luks | EncryptionFormat::Default | EncryptionFormat::Qcow => "luks",
        };
        keys.iter().rev().fold(None, |parent: Option<Props>, key| {
            Some(Props::new().with("format", format).with("key-secret", key).opt("parent", parent))
        })
    }
}

/// Whether the path is a CD-ROM drive, judging by its name.
fn is_optical(path: &str) -> bool {
    let name = path.strip_prefix("/dev/").unwrap_or_default();
    matches!(name, "cdrom" | "dvd") || name.strip_prefix("sr").is_some_and(|n| n.parse::<u32>().is_ok())
}

fn host_name(host: &Host) -> &str {
    host.name.as_ref().map_or("", |n| n.value.as_str())
}

fn port(host: &Host) -> u32 {
    host.port.get().unwrap_or_default()
}

/// The host name, with brackets around an IPv6 address.
fn bracketed(host: &Host) -> String {
    let name = host_name(host);
    if name.parse::<Ipv6Addr>().is_ok() { format!("[{name}]") } else { name.to_owned() }
}

/// QEMU's `InetSocketAddress`.
fn inet_address(host: &Host) -> Props {
    Props::new().with("host", host_name(host)).with("port", port(host).to_string())
}

/// QEMU's `SocketAddress`.
fn socket_address(host: &Host) -> Props {
    match host.transport() {
        Transport::Unix => {
            Props::new().with("type", "unix").opt("path", host.socket.as_ref().map(|s| s.value.as_str()))
        }
        Transport::Tcp | Transport::Rdma => Props::new().with("type", "inet").and(inet_address(host)),
    }
}

/// The URL, escaped as libxml2 escapes one.
fn url(network: &Network) -> Option<String> {
    let host = network.hosts.first()?;
    let scheme = match host.transport() {
        Transport::Tcp => String::new(),
        other @ (Transport::Unix | Transport::Rdma) => format!("+{}", other.word()),
    };
    let mut out = format!("{}{scheme}://{}", network.protocol.word(), bracketed(host));
    if port(host) > 0 {
        let _ = write!(out, ":{}", port(host));
    }
    let path = network.name.as_ref().map_or("", |n| n.value.as_str());
    if !path.starts_with('/') {
        out.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()/;@&=+$,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    if let Some(query) = &network.query {
        out.push('?');
        out.push_str(query);
    }
    Some(out)
}

/// The id of a user or group: `+` and a number, a number, or root. The ids of other names are not known.
fn id(name: Option<&Spanned<String>>, cx: &EmitContext<'_>) -> Option<u32> {
    let name = name?;
    let number = name.strip_prefix('+').unwrap_or(name).parse().ok();
    let number = number.or_else(|| (name.value == "root").then_some(0));
    if number.is_none() {
        let fault = Diagnostic::at(
            &codes::HOST_FACT_NEEDED,
            name.origin,
            format!("the numeric id of `{}` is not known", name.value),
        );
        cx.report(fault.help("write `+` and the numeric id, such as `+107`"));
    }
    number
}

#[cfg(test)]
mod tests {
    use virtc_diag::Span;

    use super::*;
    use crate::ir::Origin;

    fn web(name: &str, query: Option<&str>, host: &str) -> Network {
        let text = |t: &str| Spanned::xml(t.to_owned(), Span::at(0));
        let host = Host { transport: None, name: Some(text(host)), port: None, socket: None };
        let protocol = Spanned::xml(Protocol::Https, Span::at(0));
        let mut network = Network::new(protocol, text(name), vec![host]);
        network.query = query.map(text);
        network
    }

    #[test]
    fn urls_are_escaped() {
        let mut network = web("a b?/ü#.img", Some("x=1&y=%20"), "::1");
        network.define(Origin::Xml(Span::at(0)));
        assert_eq!(url(&network).as_deref(), Some("https://[::1]:443/a%20b%3F/%C3%BC%23.img?x=1&y=%20"));
        assert_eq!(url(&web("/abs", None, "example.org")).as_deref(), Some("https://example.org/abs"));
    }

    #[test]
    fn optical_drives() {
        for (path, is) in [("/dev/cdrom", true), ("/dev/sr0", true), ("/dev/sda", false), ("/dev/srx", false)] {
            assert_eq!(is_optical(path), is, "{path}");
        }
    }
}
