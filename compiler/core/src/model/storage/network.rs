//! `<source protocol=…>`: a source on the network.

use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::qemu::RequirementsOf;
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

words! {
    /// The network protocol.
    pub enum Protocol {
        Nbd = "nbd", Rbd = "rbd", Sheepdog = "sheepdog", Gluster = "gluster", Iscsi = "iscsi", Http = "http", Https = "https",
        Ftp = "ftp", Ftps = "ftps", Tftp = "tftp", Ssh = "ssh", Vxhs = "vxhs", Nfs = "nfs",
    }
}

words! {
    /// The transport to a server.
    pub enum Transport { Tcp = "tcp", Unix = "unix", Rdma = "rdma" }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The transport; absent: TCP.
    pub transport: Opt<Transport>,
    /// Its name or address.
    pub name: Opt<String>,
    /// Its port; absent or 0: the protocol's default.
    pub port: Opt<u32>,
    /// The path of its socket.
    pub socket: Opt<String>,
}

impl Host {
    /// The transport.
    pub fn transport(&self) -> Transport {
        self.transport.get().unwrap_or(Transport::Tcp)
    }
}

/// The identity of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// User and group for an NFS server.
    Nfs(Opt<String>, Opt<String>),
    /// User for an SSH server, with a key file or the socket of an agent.
    Ssh {
        /// The user.
        username: Opt<String>,
        /// The file of the key.
        keyfile: Opt<String>,
        /// The socket of the agent.
        agent: Opt<String>,
    },
}

/// `<source protocol=…>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The protocol.
    pub protocol: Spanned<Protocol>,
    /// The name of the image, export, volume or target on the server.
    pub name: Opt<String>,
    /// The query of a URL, without its question mark.
    pub query: Opt<String>,
    /// Whether the connection is encrypted.
    pub tls: Opt<YesNo>,
    /// The host name that the server's certificate must have.
    pub tls_hostname: Opt<String>,
    /// The servers.
    pub hosts: Vec<Host>,
    /// The snapshot of an RBD image.
    pub snapshot: Opt<String>,
    /// The path of Ceph's configuration file.
    pub config: Opt<String>,
    /// The name of the iSCSI initiator.
    pub initiator: Opt<String>,
    /// Whether the server's certificate is checked.
    pub verify: Opt<YesNo>,
    /// Cookies, by name.
    pub cookies: Vec<(Spanned<String>, Spanned<String>)>,
    /// The readahead in bytes, for HTTP and FTP; 0: QEMU's default.
    pub readahead: Opt<u64>,
    /// The timeout in seconds, for HTTP and FTP; 0: QEMU's default.
    pub timeout: Opt<u64>,
    /// The path of the `known_hosts` file for SSH.
    pub known_hosts: Opt<String>,
    /// The identity of the client.
    pub identity: Option<Identity>,
    /// The time in seconds for which requests wait for a reconnect to an NBD server, at least 1.
    pub reconnect_delay: Opt<u32>,
}

static PORT: DefaultRule =
    DefaultRule { name: "network-port", text: "the port of a server is the default port of its protocol" };

impl Protocol {
    /// The default port (`virStorageSourceNetworkDefaultPort` in libvirt's `src/conf/storage_source_conf.c`).
    fn port(self) -> Option<u32> {
        Some(match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Ftp => 21,
            Self::Ftps => 990,
            Self::Tftp => 69,
            Self::Sheepdog => 7000,
            Self::Nbd => 10809,
            Self::Ssh => 22,
            Self::Iscsi => 3260,
            Self::Gluster => 24007,
            Self::Vxhs => 9999,
            Self::Rbd | Self::Nfs => return None,
        })
    }
}

impl Network {
    /// A source of this name on these servers.
    pub(super) fn new(protocol: Spanned<Protocol>, name: Spanned<String>, hosts: Vec<Host>) -> Self {
        Self {
            protocol,
            name: Some(name),
            query: None,
            tls: None,
            tls_hostname: None,
            hosts,
            snapshot: None,
            config: None,
            initiator: None,
            verify: None,
            cookies: Vec::new(),
            readahead: None,
            timeout: None,
            known_hosts: None,
            identity: None,
            reconnect_delay: None,
        }
    }

    pub(super) fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let protocol: Spanned<Protocol> = f.attr("protocol")?;
        let hosts = f.children("host");
        let hosts = hosts.iter().map(|h| Host {
            transport: h.attr("transport"),
            name: h.attr("name"),
            port: h.attr("port"),
            socket: h.attr("socket"),
        });
        let cookies = f.child("cookies").map(|c| {
            let cookies = c.children("cookie");
            let each = cookies.iter().filter_map(|c| Some((c.attr("name")?, c.text()?)));
            each.collect()
        });
        let identity = f.child("identity").map(|i| match protocol.value {
            Protocol::Nfs => Identity::Nfs(i.attr("user"), i.attr("group")),
            Protocol::Nbd
            | Protocol::Rbd
            | Protocol::Sheepdog
            | Protocol::Gluster
            | Protocol::Iscsi
            | Protocol::Http
            | Protocol::Https
            | Protocol::Ftp
            | Protocol::Ftps
            | Protocol::Tftp
            | Protocol::Ssh
            | Protocol::Vxhs => {
                Identity::Ssh { username: i.attr("username"), keyfile: i.attr("keyfile"), agent: i.attr("agentsock") }
            }
        });
        Some(Self {
            name: f.attr("name"),
            query: f.attr("query"),
            tls: f.attr("tls"),
            tls_hostname: f.attr("tlsHostname"),
            hosts: hosts.collect(),
            snapshot: f.child_attr("snapshot", "name"),
            config: f.child_attr("config", "file"),
            initiator: f.child("initiator").and_then(|i| i.child_attr("iqn", "name")),
            verify: f.child_attr("ssl", "verify"),
            cookies: cookies.unwrap_or_default(),
            readahead: f.child_attr("readahead", "size"),
            timeout: f.child_attr("timeout", "seconds"),
            known_hosts: f.child_attr("knownHosts", "path"),
            identity,
            reconnect_delay: f.child("reconnect").and_then(|r| {
                r.without_effect(&["enabled", "timeout"], &[], "source on the network");
                r.attr("delay").filter(|delay| delay.value > 0)
            }),
            protocol,
        })
    }

    /// Completes the name of an iSCSI target without a LUN with LUN 0.
    pub(super) fn complete_target(&mut self) {
        if let Some(name) = self.name.as_mut().filter(|n| self.protocol.value == Protocol::Iscsi && !n.contains('/')) {
            name.value.push_str("/0");
        }
    }

    pub(super) fn define(&mut self, origin: Origin) {
        let Some(port) = self.protocol.port() else { return };
        for host in self.hosts.iter_mut().filter(|h| h.transport() == Transport::Tcp) {
            if host.port.is_none_or(|p| p.value == 0) {
                host.port = Some(Spanned::rule(port, &PORT, origin));
            }
        }
    }

    pub(super) fn write_attributes<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        let tag = tag.attr("protocol", self.protocol.word()).opt("name", &self.name).opt("query", &self.query);
        tag.opt("tls", &self.tls).opt("tlsHostname", &self.tls_hostname)
    }

    pub(super) fn write_children(&self, w: &mut XmlWriter) {
        for host in &self.hosts {
            let transport = host.transport.filter(|t| t.value != Transport::Tcp);
            let tag = w.tag("host").opt("name", &host.name).opt("port", &host.port.filter(|p| p.value > 0));
            tag.opt("transport", &transport).opt("socket", &host.socket).end();
        }
        if self.snapshot.is_some() {
            w.tag("snapshot").opt("name", &self.snapshot).end();
        }
        if self.config.is_some() {
            w.tag("config").opt("file", &self.config).end();
        }
        if let Some(iqn) = &self.initiator {
            w.tag("initiator").children(|w| w.tag("iqn").attr("name", iqn).end());
        }
        if self.verify.is_some() {
            w.tag("ssl").opt("verify", &self.verify).end();
        }
        if !self.cookies.is_empty() {
            w.tag("cookies").children(|w| {
                for (name, value) in &self.cookies {
                    w.tag("cookie").attr("name", name).text(value);
                }
            });
        }
        if self.readahead.is_some() {
            w.tag("readahead").opt("size", &self.readahead).end();
        }
        if self.timeout.is_some() {
            w.tag("timeout").opt("seconds", &self.timeout).end();
        }
        if self.reconnect_delay.is_some() {
            w.tag("reconnect").opt("delay", &self.reconnect_delay).end();
        }
        if self.known_hosts.is_some() {
            w.tag("knownHosts").opt("path", &self.known_hosts).end();
        }
        match &self.identity {
            Some(Identity::Nfs(user, group)) => w.tag("identity").opt("user", user).opt("group", group).end(),
            Some(Identity::Ssh { username, keyfile, agent }) => {
                let tag = w.tag("identity").opt("username", username).opt("keyfile", keyfile);
                tag.opt("agentsock", agent).end();
            }
            None => {}
        }
    }

    pub(super) fn host(&self, out: &mut RequirementsOf<'_>) {
        for socket in self.hosts.iter().filter_map(|h| h.socket.as_ref()) {
            out.own(virtc_plan::Node::Path(socket.value.clone()), socket.origin);
        }
        if let Some(config) = &self.config {
            out.file(&config.value, config.origin);
        }
        // QEMU uses the known_hosts of its user, and the SSH agent of its environment.
        if let Some(file) = &self.known_hosts {
            out.refuse("`<knownHosts>` of an SSH source", file.origin);
        }
        if let Some(Identity::Ssh { keyfile: Some(key), .. } | Identity::Ssh { agent: Some(key), .. }) = &self.identity
        {
            out.refuse("`keyfile` and `agentsock` of an SSH source", key.origin);
        }
        for (_, cookie) in self.cookies.iter().take(1) {
            out.refuse("`<cookies>` of a network source", cookie.origin);
        }
    }
}
