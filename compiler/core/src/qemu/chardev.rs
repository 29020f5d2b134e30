//! The host side of a character device (`-chardev`) in QEMU's words.
//!
//! QEMU takes it as `-chardev TYPE,id=…` on the command line and as JSON in `chardev-add`; the names of the members
//! differ in some places (`qemuChardevGetBackendProps` in libvirt's `src/qemu/qemu_chardev.c` has both).

mod render;

use crate::qemu::{Opts, Text, fd};

/// A file or socket that is opened before QEMU starts, and that QEMU gets as a descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its name, unique in the domain: `serial0-source`, `serial0-log`.
    pub name: String,
    /// Where it is on the host.
    pub path: Text,
    /// How it is opened.
    pub open: Open,
}

/// How a descriptor is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// A Unix socket that listens.
    Listen,
    /// A file to write to, created where it does not exist.
    Write {
        /// Whether the old content is kept.
        append: bool,
    },
}

/// A descriptor that QEMU opens through an fd set (`/dev/fdset/N`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FdSet {
    /// The number of the set.
    pub set: u32,
    /// The descriptor in it.
    pub descriptor: Descriptor,
}

impl FdSet {
    /// The path by which QEMU opens it.
    pub fn path(&self) -> String {
        format!("/dev/fdset/{}", self.set)
    }

    /// The value of `-add-fd`.
    pub fn opts(&self) -> Opts {
        let name = self.descriptor.name.as_str();
        Opts::new().with("set", self.set.to_string()).with("fd", fd(name)).with("opaque", name)
    }
}

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address.
    pub host: String,
    /// A number or a name.
    pub port: String,
}

/// Reconnecting after a time, which older QEMU versions count in seconds and newer ones in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// The time in milliseconds; 0: never.
    pub ms: u64,
    /// Whether this QEMU has `reconnect-ms`.
    pub in_ms: bool,
}

impl Again {
    fn member(self) -> (&'static str, u64) {
        if self.in_ms { ("reconnect-ms", self.ms) } else { ("reconnect", self.ms / 1000) }
    }
}

/// QEMU's backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// `null`, `vc`, `pty`, `stdio`: backends without parameters.
    Plain(&'static str),
    /// A file that is written to.
    File(FdSet),
    /// A pair of pipes.
    Pipe(String),
    /// A serial device of the host.
    Serial(String),
    /// A parallel port of the host.
    Parallel(String),
    /// A Unix socket that listens.
    Listen(Descriptor),
    /// A Unix socket that QEMU creates at this path, where it waits for a client before the guest starts.
    Bind(Text),
    /// A Unix socket to which QEMU connects.
    Connect {
        /// Its path.
        path: Text,
        /// Whether QEMU reconnects.
        again: Option<Again>,
    },
    /// One end of a socket pair, whose other end is held by a program that was started for the device.
    Pair(String),
    /// A TCP connection.
    Tcp {
        /// The address.
        at: HostPort,
        /// Whether QEMU listens.
        server: bool,
        /// Whether the telnet protocol is spoken.
        telnet: bool,
        /// The name of the TLS credentials, where TLS is spoken.
        tls: Option<String>,
        /// Whether QEMU reconnects.
        again: Option<Again>,
    },
    /// UDP packets.
    Udp {
        /// Where they are sent to.
        remote: HostPort,
        /// Where they are received.
        local: Option<HostPort>,
    },
    /// A channel of the SPICE protocol with a name that SPICE knows.
    SpiceVmc(&'static str),
    /// A channel of the SPICE protocol with a name of the user's.
    SpicePort(String),
    /// A channel of the D-Bus display with a name of the user's.
    Dbus(String),
    /// QEMU's own end of SPICE's agent.
    Vdagent {
        /// Whether the clipboards of guest and client are one.
        clipboard: Option<bool>,
        /// Whether the client moves the pointer.
        mouse: Option<bool>,
    },
}

/// A character device of QEMU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chardev {
    /// Its name in QEMU, such as `charserial0`.
    pub id: String,
    /// Its backend.
    pub backend: Backend,
    /// The log file: a copy of everything that the guest writes.
    pub log: Option<FdSet>,
}

impl Chardev {
    /// Its name in QEMU.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// QEMU's name for the backend.
    pub fn kind(&self) -> &'static str {
        match &self.backend {
            Backend::Plain(name) => name,
            Backend::File(_) => "file",
            Backend::Pipe(_) => "pipe",
            Backend::Serial(_) => "serial",
            Backend::Parallel(_) => "parallel",
            Backend::Listen(_)
            | Backend::Bind(_)
            | Backend::Connect { .. }
            | Backend::Pair(_)
            | Backend::Tcp { .. } => "socket",
            Backend::Udp { .. } => "udp",
            Backend::SpiceVmc(_) => "spicevmc",
            Backend::SpicePort(_) => "spiceport",
            Backend::Dbus(_) => "dbus",
            Backend::Vdagent { .. } => "qemu-vdagent",
        }
    }

    /// The sets of descriptors that must be there before the character device, each with its `-add-fd`.
    pub fn fd_sets(&self) -> impl Iterator<Item = &FdSet> {
        let source = if let Backend::File(set) = &self.backend { Some(set) } else { None };
        source.into_iter().chain(&self.log)
    }

    /// The TLS credentials that must be there before the character device: their name, and whether QEMU is the server.
    pub fn tls(&self) -> Option<(&str, bool)> {
        if let Backend::Tcp { tls: Some(tls), server, .. } = &self.backend { Some((tls, *server)) } else { None }
    }

    /// The socket that QEMU gets as a bare descriptor: inherited on the command line, by `getfd` in QMP.
    pub fn listener(&self) -> Option<&Descriptor> {
        if let Backend::Listen(descriptor) = &self.backend { Some(descriptor) } else { None }
    }
}
