//! `<graphics type='spice'>`.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::define::Defaults;
use crate::devices::graphics::listen::{Listen, ListenType};
use crate::devices::graphics::{Password, Server, fixed, ports, text};
use crate::emit::{Cx, Items, Opts, Section, state};
use crate::ir::{Leaf, Opt, OptExt, Origin, Rule, Spanned, Switch, YesNo, words};
use crate::lower::Fields;
use crate::write::{Tag, XmlWriter};

words! {
    /// Whether a channel is encrypted.
    pub enum Mode { Any = "any", Secure = "secure", Insecure = "insecure" }
}

words! {
    /// Channels, in the order in which libvirt writes them.
    pub enum ChannelName {
        Main = "main", Display = "display", Inputs = "inputs", Cursor = "cursor", Playback = "playback", Record = "record",
        Smartcard = "smartcard", Usbredir = "usbredir",
    }
}

words! {
    /// How images are compressed.
    pub enum ImageCompression { AutoGlz = "auto_glz", AutoLz = "auto_lz", Quic = "quic", Glz = "glz", Lz = "lz", Off = "off" }
}

words! {
    /// When lossy or wide-area compression is used.
    pub enum WanCompression { Auto = "auto", Never = "never", Always = "always" }
}

words! {
    /// Which parts of the screen are sent as video.
    pub enum Streaming { Filter = "filter", All = "all", Off = "off" }
}

words! {
    /// Who draws the pointer.
    pub enum MouseMode { Server = "server", Client = "client" }
}

/// The settings of a SPICE server.
#[derive(Debug, Clone)]
pub struct Spice {
    /// The TCP port; -1 for a free one.
    pub port: Opt<i32>,
    /// The TCP port for TLS; -1 for a free one.
    pub tls_port: Opt<i32>,
    /// Whether free ports are taken.
    pub autoport: Opt<YesNo>,
    /// Whether channels are encrypted.
    pub default_mode: Opt<Mode>,
    /// The keyboard layout.
    pub keymap: Opt<String>,
    /// Who may connect.
    pub password: Password,
    /// Where it listens.
    pub listen: Listen,
    /// Modes of single channels, in libvirt's order.
    pub channels: Vec<(ChannelName, Spanned<Mode>)>,
    /// `<image>`.
    pub image: Opt<ImageCompression>,
    /// `<jpeg>`.
    pub jpeg: Opt<WanCompression>,
    /// `<zlib>`.
    pub zlib: Opt<WanCompression>,
    /// `<playback>`.
    pub playback: Opt<Switch>,
    /// `<streaming>`.
    pub streaming: Opt<Streaming>,
    /// `<mouse>`.
    pub mouse: Opt<MouseMode>,
    /// `<clipboard>`.
    pub copypaste: Opt<YesNo>,
    /// `<filetransfer>`.
    pub filetransfer: Opt<YesNo>,
    /// `<gl>`: whether the guest's OpenGL is shown, and the render node that it uses.
    pub gl: Option<(Opt<YesNo>, Opt<String>)>,
}

static AUTOPORT: Rule =
    Rule { name: "spice-autoport", text: "SPICE takes a free port where its ports are -1 or where it is told to" };

impl Spice {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        let mut channels: Vec<(ChannelName, Spanned<Mode>)> = Vec::new();
        for channel in f.children("channel") {
            let (name, mode) = (channel.attr::<ChannelName>("name"), channel.attr::<Mode>("mode"));
            let (Some(name), Some(mode)) = (name, mode) else { continue };
            channels.retain(|(n, _)| *n != name.value);
            channels.push((name.value, mode));
        }
        channels.sort_by_key(|(name, _)| *name);
        Self {
            port: f.attr("port"),
            tls_port: f.attr("tlsPort"),
            autoport: f.attr("autoport"),
            default_mode: f.attr("defaultMode"),
            keymap: f.attr("keymap"),
            password: Password::lower(f),
            listen: Listen::lower(f),
            channels,
            image: f.child_attr("image", "compression"),
            jpeg: f.child_attr("jpeg", "compression"),
            zlib: f.child_attr("zlib", "compression"),
            playback: f.child_attr("playback", "compression"),
            streaming: f.child_attr("streaming", "mode"),
            mouse: f.child_attr("mouse", "mode"),
            copypaste: f.child_attr("clipboard", "copypaste"),
            filetransfer: f.child_attr("filetransfer", "enable"),
            gl: f.child("gl").map(|g| (g.attr("enable"), g.attr("rendernode"))),
        }
    }

    /// Whether a free port is taken.
    pub fn is_auto(&self) -> bool {
        self.listen.is(ListenType::Address) && (self.autoport.is(&YesNo::Yes) || self.port.is(&-1))
    }

    pub(super) fn define(&mut self, defaults: &mut Defaults<'_>) {
        let auto = self.autoport.is(&YesNo::Yes);
        if !auto && self.port.is(&-1) && self.tls_port.is(&-1) {
            self.autoport = Some(Spanned::rule(YesNo::Yes, &AUTOPORT));
        }
        let secure = |mode: &Spanned<Mode>| mode.value == Mode::Secure;
        let modes = self.channels.iter().map(|(_, mode)| *mode).chain(self.default_mode).find(secure).map(|m| m.origin);
        let tls = self.tls_port.filter(|p| p.value != 0).map(|p| p.origin);
        if self.autoport.is(&YesNo::Yes) {
            (self.port, self.tls_port) = (None, None);
        }
        if let Some(origin) = tls.filter(|_| self.tls_port.is_some()).or(modes) {
            let span = origin.span().unwrap_or_default();
            defaults.report(Diagnostic::new(&codes::NOT_YET_SUPPORTED, span, "SPICE over TLS is not supported yet"));
        }
        let unset = |port: &Opt<i32>| port.is_none_or(|p| p.value == 0);
        if self.listen.is(ListenType::Address)
            && unset(&self.port)
            && unset(&self.tls_port)
            && !self.autoport.is(&YesNo::Yes)
        {
            self.listen.close();
        }
    }

    pub(super) fn write(&self, tag: Tag<'_>) {
        let tag = if self.listen.is(ListenType::Address) {
            let no = Some(Spanned { value: YesNo::No, origin: self.listen.kind.origin });
            let set = |port: &Opt<i32>| port.filter(|p| p.value != 0);
            let tag = tag.opt("port", &set(&self.port)).opt("tlsPort", &set(&self.tls_port));
            self.listen.write_attribute(tag.opt("autoport", &self.autoport.or(no)))
        } else {
            tag
        };
        let tag =
            tag.opt("keymap", &self.keymap).opt("defaultMode", &self.default_mode.filter(|m| m.value != Mode::Any));
        self.password.write(tag).children(|w| self.write_children(w));
    }

    fn write_children(&self, w: &mut XmlWriter) {
        fn leaf<T: Leaf>(w: &mut XmlWriter, element: &'static str, attribute: &str, value: &Opt<T>) {
            if value.is_some() {
                w.tag(element).opt(attribute, value).end();
            }
        }
        self.listen.write(w);
        for (name, mode) in self.channels.iter().filter(|(_, mode)| mode.value != Mode::Any) {
            w.tag("channel").attr("name", name.word()).attr("mode", mode.word()).end();
        }
        leaf(w, "image", "compression", &self.image);
        leaf(w, "jpeg", "compression", &self.jpeg);
        leaf(w, "zlib", "compression", &self.zlib);
        leaf(w, "playback", "compression", &self.playback);
        leaf(w, "streaming", "mode", &self.streaming);
        leaf(w, "mouse", "mode", &self.mouse);
        leaf(w, "clipboard", "copypaste", &self.copypaste);
        leaf(w, "filetransfer", "enable", &self.filetransfer);
        if let Some((enable, rendernode)) = &self.gl {
            w.tag("gl").opt("enable", enable).opt("rendernode", rendernode).end();
        }
    }

    /// Where it listens, in QEMU's words.
    fn place(&self, cx: &Cx<'_>) -> Opts {
        match self.listen.kind.value {
            ListenType::Socket => {
                let path = text(&self.listen.socket).map_or_else(|| state("/spice.sock"), Into::into);
                Opts::new().switch("unix", true).with("addr", path)
            }
            // QEMU wants a port, if only as a sign that there is none.
            ListenType::None => Opts::new().with("port", "0"),
            ListenType::Address => {
                let at = cx
                    .domain
                    .devices
                    .graphics
                    .iter()
                    .position(|g| matches!(&g.server, Server::Spice(s) if std::ptr::eq(&raw const **s, self)));
                let ports = at.and_then(|at| ports::assign(cx.domain).get(at).copied()).unwrap_or_default();
                let (port, tls) =
                    (ports.main.or(fixed(&self.port).map(|p| p.value)), fixed(&self.tls_port).map(|p| p.value));
                let address = text(&self.listen.address).map_or_else(|| cx.spice_listen(), String::as_str);
                let opts =
                    Opts::new().opt("port", port.map(|p| p.to_string())).opt("tls-port", tls.map(|p| p.to_string()));
                opts.opt("addr", port.or(tls).map(|_| address))
            }
        }
    }

    pub(super) fn items(&self, cx: &Cx<'_>, origin: Origin, out: &mut Items) {
        let on_no = |value: &Opt<YesNo>| value.is(&YesNo::No).then_some("on");
        let free = self.password.text.is_none() && !cx.spice_password();
        let mut opts = self
            .place(cx)
            .opt("agent-mouse", self.mouse.get().map(|m| if m == MouseMode::Server { "off" } else { "on" }))
            .opt("disable-ticketing", free.then_some("on"));
        let default = self.default_mode.get().map(|mode| ("default", mode));
        let modes = default.into_iter().chain(self.channels.iter().map(|(name, mode)| (name.word(), mode.value)));
        for (name, mode) in modes {
            match mode {
                Mode::Any => {}
                Mode::Secure => opts.set("tls-channel", name),
                Mode::Insecure => opts.set("plaintext-channel", name),
            }
        }
        let mut opts = opts
            .opt("image-compression", self.image.get().map(ImageCompression::word))
            .opt("jpeg-wan-compression", self.jpeg.get().map(WanCompression::word))
            .opt("zlib-glz-wan-compression", self.zlib.get().map(WanCompression::word))
            .opt("playback-compression", self.playback.get().map(Switch::word))
            .opt("streaming-video", self.streaming.get().map(Streaming::word))
            .opt("disable-copy-paste", on_no(&self.copypaste))
            .opt("disable-agent-file-xfer", on_no(&self.filetransfer));
        if let Some((Some(enable), rendernode)) = &self.gl
            && enable.value.is_yes()
        {
            opts = opts
                .switch("gl", true)
                .opt("rendernode", text(rendernode).map(String::as_str).or_else(|| cx.render_node()));
        }
        out.opts(Section::Graphics, "spice", opts.switch("seamless-migration", true), origin);
        if let Some(keymap) = &self.keymap {
            out.word(Section::Graphics, "k", &keymap.value, keymap.origin);
        }
    }
}
