//! `<graphics type='spice'>`.

mod emit;

use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, Switch, YesNo, words};
use crate::model::devices::graphics::Password;
use crate::model::devices::graphics::listen::{Listen, ListenType};
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

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

static AUTOPORT: DefaultRule = DefaultRule {
    name: "spice-autoport",
    text: "SPICE takes a free port where its ports are -1 or where it is told to",
};

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

    /// Which ports are to be found: the plain one, and the one for TLS (`qemuProcessSPICEAllocatePorts` in libvirt's
    /// `src/qemu/qemu_process.c`). `tls` says whether the host's configuration has TLS for SPICE.
    pub(super) fn open_ports(&self, tls: bool) -> (bool, bool) {
        if !self.listen.on_tcp() {
            return (false, false);
        }
        let (mut plain, mut encrypted) = (self.port.is(&-1), self.tls_port.is(&-1));
        if self.autoport.is(&YesNo::Yes) {
            let named = self.channels.iter().map(|(_, mode)| mode.value).filter(|m| *m != Mode::Any);
            for mode in named.chain([self.default_mode.get().unwrap_or(Mode::Any)]) {
                plain |= mode != Mode::Secure;
                encrypted |= mode == Mode::Secure || (mode == Mode::Any && tls);
            }
        }
        (plain, encrypted)
    }

    pub(super) fn define(&mut self, origin: Origin) {
        if !self.autoport.is(&YesNo::Yes) && self.port.is(&-1) && self.tls_port.is(&-1) {
            self.autoport = Some(Spanned::rule(YesNo::Yes, &AUTOPORT, origin));
        }
        if self.autoport.is(&YesNo::Yes) {
            (self.port, self.tls_port) = (None, None);
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
        let tag = if self.listen.on_tcp() {
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
        fn leaf<T: Leaf>(w: &mut XmlWriter, element: &'static str, attribute: &str, value: Option<&Spanned<T>>) {
            if let Some(value) = value {
                w.tag(element).attr(attribute, &value.show()).end();
            }
        }
        self.listen.write(w);
        for (name, mode) in self.channels.iter().filter(|(_, mode)| mode.value != Mode::Any) {
            w.tag("channel").attr("name", name.word()).attr("mode", mode.word()).end();
        }
        leaf(w, "image", "compression", self.image.as_ref());
        leaf(w, "jpeg", "compression", self.jpeg.as_ref());
        leaf(w, "zlib", "compression", self.zlib.as_ref());
        leaf(w, "playback", "compression", self.playback.as_ref());
        leaf(w, "streaming", "mode", self.streaming.as_ref());
        leaf(w, "mouse", "mode", self.mouse.as_ref());
        leaf(w, "clipboard", "copypaste", self.copypaste.as_ref());
        leaf(w, "filetransfer", "enable", self.filetransfer.as_ref());
        if let Some((enable, rendernode)) = &self.gl {
            w.tag("gl").opt("enable", enable).opt("rendernode", rendernode).end();
        }
    }
}
