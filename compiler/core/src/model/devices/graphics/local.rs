//! Displays without a protocol of their own: a window, a D-Bus peer, an OpenGL context.

use crate::ir::{Opt, OptExt, Origin, YesNo};
use crate::model::EmitContext;
use crate::model::devices::audio::Audio;
use crate::model::devices::graphics::{render_node, text};
use crate::qemu::{ArgSection, Opts, QemuOptions, RequirementsOf, Text};
use crate::xml_io::Fields;
use crate::xml_io::Tag;

/// A window on the host's desktop.
#[derive(Debug, Clone)]
pub struct Sdl {
    /// The X display, such as `:0.1`.
    pub display: Opt<String>,
    /// The file with the X server's cookies.
    pub xauth: Opt<String>,
    /// Whether the window fills the screen.
    pub fullscreen: Opt<YesNo>,
    /// Whether the guest's OpenGL is shown.
    pub gl: Opt<YesNo>,
}

impl Sdl {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            display: f.attr("display"),
            xauth: f.attr("xauth"),
            fullscreen: f.attr("fullscreen"),
            gl: f.child_attr("gl", "enable"),
        }
    }

    pub(super) fn write(&self, tag: Tag<'_>) {
        let tag = tag.opt("display", &self.display).opt("xauth", &self.xauth);
        tag.opt("fullscreen", &self.fullscreen.filter(|f| f.value.is_yes())).children(|w| {
            if self.gl.is_some() {
                w.tag("gl").opt("enable", &self.gl).end();
            }
        });
    }

    pub(super) fn options(&self, origin: Origin, out: &mut QemuOptions) {
        if let Some(fullscreen) = self.fullscreen.filter(|f| f.value.is_yes()) {
            out.flag(ArgSection::Graphics, "full-screen", fullscreen.origin);
        }
        let opts = Opts::first("sdl").opt("gl", self.gl.get().map(on_off));
        out.opts(ArgSection::Graphics, "display", opts, origin);
    }

    pub(super) fn host(&self, out: &mut RequirementsOf<'_>) {
        for (name, value) in [("DISPLAY", &self.display), ("XAUTHORITY", &self.xauth)] {
            if let Some(value) = text(value.as_ref()) {
                out.env(name, value);
            }
        }
    }
}

/// An OpenGL context without a window, for a VNC or SPICE server to show.
#[derive(Debug, Clone)]
pub struct EglHeadless {
    /// The render node.
    pub rendernode: Opt<String>,
}

impl EglHeadless {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        Self { rendernode: f.child_attr("gl", "rendernode") }
    }

    pub(super) fn write(&self, tag: Tag<'_>) {
        tag.children(|w| {
            if self.rendernode.is_some() {
                w.tag("gl").opt("rendernode", &self.rendernode).end();
            }
        });
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, origin: Origin, out: &mut QemuOptions) {
        let node = render_node(self.rendernode.as_ref(), origin, cx);
        out.opts(ArgSection::Graphics, "display", Opts::first("egl-headless").opt("rendernode", node), origin);
    }
}

/// A display that is an object on D-Bus.
#[derive(Debug, Clone)]
pub struct Dbus {
    /// Whether a client hands over its connection later.
    pub p2p: Opt<YesNo>,
    /// The bus.
    pub address: Opt<String>,
    /// `<gl>`: whether the guest's OpenGL is shown, and the render node that it uses.
    pub gl: Option<(Opt<YesNo>, Opt<String>)>,
    /// The audio backend.
    pub audio: Opt<u8>,
}

impl Dbus {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            p2p: f.attr("p2p"),
            address: f.attr("address"),
            gl: f.child("gl").map(|g| (g.attr("enable"), g.attr("rendernode"))),
            audio: f.child("audio").and_then(|audio| audio.decimal("id")),
        }
    }

    pub(super) fn is_p2p(&self) -> bool {
        self.p2p.is(&YesNo::Yes)
    }

    /// A bus that nobody names is the domain's own.
    pub(super) fn host(&self, origin: Origin, out: &mut RequirementsOf<'_>) {
        if !self.is_p2p() && self.address.is_none() {
            out.refuse("starting a D-Bus daemon (`<graphics type='dbus'>`)", origin);
        }
    }

    pub(super) fn write(&self, tag: Tag<'_>) {
        tag.opt("p2p", &self.p2p.filter(|p| p.value.is_yes())).opt("address", &self.address).children(|w| {
            if let Some((enable, rendernode)) = &self.gl {
                w.tag("gl").opt("enable", enable).opt("rendernode", rendernode).end();
            }
            if self.audio.is_some() {
                w.tag("audio").opt("id", &self.audio).end();
            }
        });
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, origin: Origin, out: &mut QemuOptions) {
        let opts = Opts::first("dbus").opt("p2p", self.is_p2p().then_some("on"));
        let address = text(self.address.as_ref()).map_or_else(|| cx.dbus_address(), Text::from);
        let opts = opts.opt("addr", Some(address).filter(|_| !self.is_p2p()));
        let (enable, rendernode) = self.gl.clone().unwrap_or_default();
        // Without a node of its own, OpenGL takes the host's.
        let node = if enable.is(&YesNo::Yes) {
            render_node(rendernode.as_ref(), origin, cx)
        } else {
            text(rendernode.as_ref()).map(String::as_str)
        };
        let enable = enable.get();
        let audio = self.audio.get().and_then(|id| Audio::find(cx.domain, Some(id)));
        let opts = opts.opt("gl", enable.map(on_off)).opt("rendernode", node).opt("audiodev", audio.map(Audio::id));
        out.opts(ArgSection::Graphics, "display", opts, origin);
    }
}

fn on_off(value: YesNo) -> &'static str {
    if value.is_yes() { "on" } else { "off" }
}
