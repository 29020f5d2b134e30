//! A SPICE server in QEMU's words.

use virtc_diag::Diagnostic;
use virtc_inventory::Config;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Switch, YesNo};
use crate::model::EmitContext;
use crate::model::devices::graphics::listen::ListenType;
use crate::model::devices::graphics::ports::Ports;
use crate::model::devices::graphics::spice::{ImageCompression, Mode, MouseMode, Spice, Streaming, WanCompression};
use crate::model::devices::graphics::{render_node, text};
use crate::qemu::{ArgSection, Opts, QemuOptions, state};

/// Which kinds of connection there are.
#[derive(Clone, Copy)]
struct Reach {
    plain: bool,
    tls: bool,
}

impl Spice {
    /// Where it listens.
    fn place(&self, cx: &EmitContext<'_>, ports: Ports, config: &Config) -> (Opts, Reach) {
        let plain = Reach { plain: true, tls: false };
        match self.listen.kind.value {
            ListenType::Socket => {
                let path = text(self.listen.socket.as_ref()).map_or_else(|| state("/spice.sock"), Into::into);
                (Opts::new().switch("unix", true).with("addr", path), plain)
            }
            // QEMU wants a port, if only as a sign that there is none.
            ListenType::None => (Opts::new().with("port", "0"), plain),
            ListenType::Address | ListenType::Network => {
                let address = self.listen.place(&config.spice_listen, cx);
                let opts = Opts::new()
                    .opt("port", ports.main.map(|p| p.to_string()))
                    .opt("tls-port", ports.tls.map(|p| p.to_string()));
                let reach = Reach { plain: ports.main.is_some(), tls: ports.tls.is_some() };
                (opts.opt("addr", Some(address).filter(|_| reach.plain || reach.tls)), reach)
            }
        }
    }

    /// The modes of channels, the default one first.
    fn modes(&self, cx: &EmitContext<'_>, reach: Reach, mut opts: Opts) -> Opts {
        let default = self.default_mode.map(|mode| ("default", mode));
        for (name, mode) in default.into_iter().chain(self.channels.iter().map(|(name, mode)| (name.word(), *mode))) {
            let (key, there) = match mode.value {
                Mode::Any => continue,
                Mode::Secure => ("tls-channel", reach.tls),
                Mode::Insecure => ("plaintext-channel", reach.plain),
            };
            if !there {
                let message = format!("mode `{}` is asked for, and there is no such connection", mode.word());
                let span = mode.origin.span();
                cx.report(
                    Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message)
                        .help("give a port for it, or another mode"),
                );
            }
            opts.set(key, name);
        }
        opts
    }

    /// A port for TLS needs TLS (`qemuProcessSPICEAllocatePorts` in libvirt's `src/qemu/qemu_process.c`).
    fn check_tls(&self, cx: &EmitContext<'_>, config: &Config) {
        let Some(port) = self.tls_port.filter(|p| p.value != 0 && !config.spice_tls) else { return };
        let span = port.origin.span();
        let message = "a port for TLS is given, and the host's configuration has no TLS for SPICE";
        let help = "set `spice_tls` in the host file, or remove the port";
        cx.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
    }

    pub(in crate::model::devices::graphics) fn options(
        &self,
        cx: &EmitContext<'_>,
        ports: Ports,
        config: &Config,
        origin: Origin,
        out: &mut QemuOptions,
    ) {
        self.check_tls(cx, config);
        let on_no = |value: &Opt<YesNo>| value.is(&YesNo::No).then_some("on");
        let free = self.password.text.is_none() && config.spice_password.is_none();
        let (opts, reach) = self.place(cx, ports, config);
        let opts = opts
            .opt("sasl", config.spice_sasl.then_some("on"))
            .opt("agent-mouse", self.mouse.get().map(|m| if m == MouseMode::Server { "off" } else { "on" }))
            .opt("disable-ticketing", free.then_some("on"))
            .opt("x509-dir", Some(&config.spice_tls_dir).filter(|_| reach.tls));
        let mut opts = self
            .modes(cx, reach, opts)
            .opt("image-compression", self.image.get().map(ImageCompression::word))
            .opt("jpeg-wan-compression", self.jpeg.get().map(WanCompression::word))
            .opt("zlib-glz-wan-compression", self.zlib.get().map(WanCompression::word))
            .opt("playback-compression", self.playback.get().map(Switch::word))
            .opt("streaming-video", self.streaming.get().map(Streaming::word))
            .opt("disable-copy-paste", on_no(&self.copypaste))
            .opt("disable-agent-file-xfer", on_no(&self.filetransfer));
        if let Some((enable, node)) = self.gl.as_ref().filter(|(enable, _)| enable.is(&YesNo::Yes)) {
            let node = render_node(node.as_ref(), enable.origin_or(origin), cx);
            opts = opts.switch("gl", true).opt("rendernode", node);
        }
        out.opts(ArgSection::Graphics, "spice", opts.switch("seamless-migration", true), origin);
        if let Some(keymap) = &self.keymap {
            out.word(ArgSection::Graphics, "k", &keymap.value, keymap.origin);
        }
    }
}
