//! `-chardev`, and the `backend` of `chardev-add`.

use super::{Again, Backend, Chardev, Descriptor, FdSet, HostPort, Open};
use crate::qemu::{Opts, Props, Text, fd};

/// A wrapper that QEMU puts around each variant: `{"type":…,"data":{…}}`.
fn typed(kind: &str, data: Props) -> Props {
    Props::new().with("type", kind).with("data", data)
}

fn inet(at: &HostPort) -> Props {
    typed("inet", Props::new().with("host", &at.host).with("port", &at.port))
}

impl Chardev {
    /// The value of `-chardev`.
    pub fn opts(&self) -> Opts {
        self.opts_where(|set| (set.path().into(), true), |socket| ("fd", fd(&socket.name)))
    }

    /// As [`Chardev::opts`], with paths that QEMU opens itself in place of descriptors.
    pub fn opts_by_path(&self) -> Opts {
        let file = |set: &FdSet| (set.descriptor.path.clone(), set.descriptor.open == Open::Write { append: true });
        self.opts_where(file, |socket| ("path", socket.path.clone()))
    }

    fn opts_where(
        &self,
        file: impl Fn(&FdSet) -> (Text, bool),
        socket: impl Fn(&Descriptor) -> (&'static str, Text),
    ) -> Opts {
        let opts = Opts::first(self.kind()).with("id", &self.id);
        let opts = match &self.backend {
            Backend::Plain(_) => opts,
            Backend::File(set) => {
                let (path, append) = file(set);
                opts.with("path", path).switch("append", append)
            }
            Backend::Pipe(path) | Backend::Serial(path) | Backend::Parallel(path) => opts.with("path", path),
            Backend::Listen(descriptor) => {
                let (key, value) = socket(descriptor);
                opts.with(key, value).switch("server", true).switch("wait", false)
            }
            Backend::Bind(path) => opts.with("path", path.clone()).switch("server", true),
            Backend::Connect { path, again } => {
                let opts = opts.with("path", path.clone());
                again.map(Again::member).into_iter().fold(opts, |o, (key, value)| o.with(key, value.to_string()))
            }
            Backend::Pair(name) => opts.with("fd", fd(name)),
            Backend::Tcp { at, server, telnet, tls, again } => {
                let opts = opts.with("host", &at.host).with("port", &at.port);
                let opts = if *telnet { opts.switch("telnet", true) } else { opts };
                let opts = if *server { opts.switch("server", true).switch("wait", false) } else { opts };
                let opts =
                    again.map(Again::member).into_iter().fold(opts, |o, (key, value)| o.with(key, value.to_string()));
                opts.opt("tls-creds", tls.as_ref())
            }
            Backend::Udp { remote, local } => {
                let (host, port) = local.as_ref().map_or(("", "0"), |l| (l.host.as_str(), l.port.as_str()));
                opts.with("host", &remote.host)
                    .with("port", &remote.port)
                    .with("localaddr", host)
                    .with("localport", port)
            }
            Backend::SpiceVmc(name) => opts.with("name", *name),
            Backend::SpicePort(name) | Backend::Dbus(name) => opts.with("name", name),
            Backend::Vdagent { clipboard, mouse } => {
                let word = |on: bool| if on { "on" } else { "off" };
                opts.with("name", "vdagent").opt("clipboard", clipboard.map(word)).opt("mouse", mouse.map(word))
            }
        };
        match &self.log {
            Some(set) => {
                let (path, append) = file(set);
                opts.with("logfile", path).switch("logappend", append)
            }
            None => opts,
        }
    }

    /// The `backend` of `chardev-add`. A socket that listens goes by the name under which `getfd` gave it to QEMU.
    pub fn backend(&self) -> Props {
        let data = Props::new();
        let data = match &self.backend {
            Backend::Plain(_) => data,
            Backend::File(set) => data.with("out", set.path()).with("append", true),
            Backend::Pipe(path) | Backend::Serial(path) | Backend::Parallel(path) => data.with("device", path),
            Backend::Listen(descriptor) => {
                let addr = typed("fd", Props::new().with("str", fd(&descriptor.name)));
                data.with("addr", addr).with("server", true).with("wait", false)
            }
            Backend::Bind(path) => {
                data.with("addr", typed("unix", Props::new().with("path", path.clone()))).with("server", true)
            }
            Backend::Connect { path, again } => {
                let data =
                    data.with("addr", typed("unix", Props::new().with("path", path.clone()))).with("server", false);
                again.map(Again::member).into_iter().fold(data, |d, (key, value)| d.with(key, value))
            }
            Backend::Pair(name) => {
                data.with("addr", typed("fd", Props::new().with("str", fd(name)))).with("server", false)
            }
            Backend::Tcp { at, server, telnet, tls, again } => {
                let data = data.with("addr", inet(at)).with("telnet", *telnet).with("server", *server);
                let data = data.opt("wait", server.then_some(false));
                let data = again.map(Again::member).into_iter().fold(data, |d, (key, value)| d.with(key, value));
                data.opt("tls-creds", tls.as_ref())
            }
            Backend::Udp { remote, local } => data.with("remote", inet(remote)).opt("local", local.as_ref().map(inet)),
            Backend::SpiceVmc(name) => data.with("type", *name),
            Backend::SpicePort(name) => data.with("fqdn", name),
            Backend::Dbus(name) => data.with("name", name),
            Backend::Vdagent { clipboard, mouse } => data.opt("clipboard", *clipboard).opt("mouse", *mouse),
        };
        let data = match &self.log {
            Some(set) => data.with("logfile", set.path()).with("logappend", true),
            None => data,
        };
        typed(self.kind(), data)
    }
}
