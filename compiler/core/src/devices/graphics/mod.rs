//! `<graphics>`: where the guest's screen can be seen.

mod listen;
mod local;
mod password;
mod ports;
mod spice;
mod vnc;

use virtc_diag::Diagnostic;
use virtc_inventory::Config;

use crate::codes;
use crate::define::Defaults;
use crate::devices::{Device, Info};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds, Items};
use crate::ir::{Opt, Origin, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

pub use listen::{Listen, ListenType};
pub use local::{Dbus, EglHeadless, Sdl};
pub use password::{Connected, Moment, Password};
pub use spice::Spice;
pub use vnc::Vnc;

words! {
    /// How the screen is shown.
    pub enum GraphicsType { Sdl = "sdl", Vnc = "vnc", Spice = "spice", Dbus = "dbus", EglHeadless = "egl-headless" }
}

/// The settings of one type.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is what its type says")]
pub enum Server {
    Sdl(Sdl),
    Vnc(Box<Vnc>),
    Spice(Box<Spice>),
    Dbus(Dbus),
    EglHeadless(EglHeadless),
}

/// `<graphics>`.
#[derive(Debug, Clone)]
pub struct Graphics {
    /// The settings.
    pub server: Server,
    info: Info,
    origin: Origin,
}

impl Graphics {
    /// The type.
    pub fn kind(&self) -> GraphicsType {
        match &self.server {
            Server::Sdl(_) => GraphicsType::Sdl,
            Server::Vnc(_) => GraphicsType::Vnc,
            Server::Spice(_) => GraphicsType::Spice,
            Server::Dbus(_) => GraphicsType::Dbus,
            Server::EglHeadless(_) => GraphicsType::EglHeadless,
        }
    }

    /// Which types stand together (qemuValidateDomainDefGraphics and its neighbours in libvirt's src/qemu/qemu_validate.c).
    pub fn check(list: &[Self], report: &mut dyn FnMut(Diagnostic)) {
        let has = |kind| list.iter().any(|g| g.kind() == kind);
        for (at, graphics) in list.iter().enumerate() {
            let span = graphics.origin.span().unwrap_or_default();
            let kind = graphics.kind();
            if list.iter().take(at).any(|g| g.kind() == kind) {
                let message = format!("there is a `<graphics>` of type `{}` already", kind.word());
                report(
                    Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message)
                        .help("QEMU takes one of each type"),
                );
            }
            let alone = list.len() == 1 || has(GraphicsType::Vnc) || has(GraphicsType::Spice);
            if kind == GraphicsType::EglHeadless && !alone {
                let message = "type `egl-headless` stands beside a type that it does not render for";
                report(
                    Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message)
                        .help("use it with `vnc` or `spice`"),
                );
            }
        }
    }
}

impl Device for Graphics {
    const ELEMENT: &'static str = "graphics";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let Some(kind) = f.attr::<GraphicsType>("type") else {
            // The type says how to read the rest.
            let _ = f.keep();
            return None;
        };
        let server = match kind.value {
            GraphicsType::Sdl => Server::Sdl(Sdl::lower(f)),
            GraphicsType::Vnc => Server::Vnc(Box::new(Vnc::lower(f))),
            GraphicsType::Spice => Server::Spice(Box::new(Spice::lower(f))),
            GraphicsType::Dbus => Server::Dbus(Dbus::lower(f)),
            GraphicsType::EglHeadless => Server::EglHeadless(EglHeadless::lower(f)),
        };
        Some(Self { server, info: Info::default(), origin: Origin::Xml(f.element().start_tag()) })
    }

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("graphics").attr("type", self.kind().word());
        match &self.server {
            Server::Sdl(sdl) => sdl.write(tag),
            Server::Vnc(vnc) => vnc.write(tag),
            Server::Spice(spice) => spice.write(tag),
            Server::Dbus(dbus) => dbus.write(tag),
            Server::EglHeadless(egl) => egl.write(tag),
        }
    }

    fn origin(&self) -> Origin {
        self.origin
    }

    fn info(&self) -> &Info {
        &self.info
    }

    fn info_mut(&mut self) -> &mut Info {
        &mut self.info
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        match &mut self.server {
            Server::Vnc(vnc) => vnc.define(self.origin, defaults),
            Server::Spice(spice) => spice.define(),
            Server::Dbus(dbus) => dbus.define(self.origin, defaults),
            Server::Sdl(_) | Server::EglHeadless(_) => {}
        }
    }

    fn default_alias(&self, index: usize, _domain: &Domain) -> String {
        format!("graphics{index}")
    }

    fn items(&self, cx: &Cx<'_>, out: &mut Items) {
        let config = config(cx);
        let ports = ports::of(self, &cx.domain.devices.graphics, &config);
        match &self.server {
            Server::Sdl(sdl) => sdl.items(self.origin, out),
            Server::Vnc(vnc) => vnc.items(cx, ports, &config, self.origin, out),
            Server::Spice(spice) => spice.items(cx, ports, &config, self.origin, out),
            Server::Dbus(dbus) => dbus.items(cx, self.origin, out),
            Server::EglHeadless(egl) => egl.items(cx, self.origin, out),
        }
    }

    fn host(&self, cx: &Cx<'_>, out: &mut HostNeeds) {
        let config = config(cx);
        let (sasl, node) = match &self.server {
            Server::Vnc(vnc) => {
                vnc.password.set("vnc", config.vnc_password.as_ref(), self.origin, out);
                (config.vnc_sasl, None)
            }
            Server::Spice(spice) => {
                spice.password.set("spice", config.spice_password.as_ref(), self.origin, out);
                (config.spice_sasl, spice.gl.as_ref().and_then(|(_, node)| text(node)))
            }
            Server::Sdl(sdl) => {
                sdl.host(out);
                (false, None)
            }
            Server::Dbus(dbus) => (false, dbus.gl.as_ref().and_then(|(_, node)| text(node))),
            Server::EglHeadless(egl) => (false, text(&egl.rendernode)),
        };
        if sasl {
            out.env("SASL_CONF_PATH", &config.sasl_dir);
        }
        if let Some(node) = node {
            out.shared_device(node);
        }
    }
}

/// How the host is set up, or libvirt's defaults.
fn config(cx: &Cx<'_>) -> Config {
    cx.facts.config().cloned().unwrap_or_default()
}

/// The value of a leaf, as text.
fn text(leaf: &Opt<String>) -> Option<&String> {
    leaf.as_ref().map(|t| &t.value)
}

/// The render node; where none is given, a person has to say which the host has.
fn render_node<'g>(given: &'g Opt<String>, origin: Origin, cx: &Cx<'_>) -> Option<&'g String> {
    if given.is_none() {
        let message = "OpenGL needs a render node of the host, and none is given";
        let fault = Diagnostic::new(&codes::HOST_FACT_NEEDED, origin.span().unwrap_or_default(), message);
        cx.report(fault.help("add `rendernode` to `<gl>`, such as `/dev/dri/renderD128`"));
    }
    text(given)
}

/// A port that is there and is a number, not the wish for one.
fn fixed(port: &Opt<i32>) -> Opt<i32> {
    port.filter(|p| p.value > 0)
}
