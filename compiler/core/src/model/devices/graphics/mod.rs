//! `<graphics>`: where the guest's screen can be seen.

mod check;
mod listen;
mod local;
mod password;
mod ports;
mod rdp;
mod spice;
mod vnc;

use std::borrow::Cow;

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_inventory::Config;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::chardev::foreign;
use crate::model::devices::{AliasStem, Can, Change, Device, DeviceElement, Info, Leaves, Live, common};
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use listen::{Listen, ListenType};
pub use local::{Dbus, EglHeadless, Sdl};
pub use password::{Connected, Moment, Password};
pub use rdp::Rdp;
pub use spice::Spice;
pub use vnc::Vnc;

words! {
    /// How the screen is shown.
    pub enum GraphicsType { Sdl = "sdl", Vnc = "vnc", Spice = "spice", Dbus = "dbus", EglHeadless = "egl-headless",
        Rdp = "rdp",
    }
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
    Rdp(Box<Rdp>),
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
            Server::Rdp(_) => GraphicsType::Rdp,
        }
    }
}

impl DeviceElement for Graphics {
    const ELEMENT: &'static str = "graphics";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        if foreign(f, "type", &["desktop"]) {
            return None;
        }
        let Some(kind) = f.attr::<GraphicsType>("type") else {
            // The type says how to read the rest.
            let _ = f.ignore_rest();
            return None;
        };
        let server = match kind.value {
            GraphicsType::Sdl => Server::Sdl(Sdl::lower(f)),
            GraphicsType::Vnc => Server::Vnc(Box::new(Vnc::lower(f))),
            GraphicsType::Spice => Server::Spice(Box::new(Spice::lower(f))),
            GraphicsType::Dbus => Server::Dbus(Dbus::lower(f)),
            GraphicsType::EglHeadless => Server::EglHeadless(EglHeadless::lower(f)),
            GraphicsType::Rdp => Server::Rdp(Box::new(Rdp::lower(f))),
        };
        Some(Self { server, info: Info::default(), origin: Origin::Xml(f.element().start_tag()) })
    }

    fn is_updated_by(&self, new: &Self) -> bool {
        self.kind() == new.kind()
    }
}

impl Device for Graphics {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("graphics").attr("type", self.kind().word());
        match &self.server {
            Server::Sdl(sdl) => sdl.write(tag),
            Server::Vnc(vnc) => vnc.write(tag),
            Server::Spice(spice) => spice.write(tag),
            Server::Dbus(dbus) => dbus.write(tag),
            Server::EglHeadless(egl) => egl.write(tag),
            Server::Rdp(rdp) => rdp.write(tag),
        }
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        match &mut self.server {
            Server::Vnc(vnc) => vnc.define(self.origin, defaults),
            Server::Spice(spice) => spice.define(self.origin),
            Server::Rdp(rdp) => rdp.define(defaults),
            Server::Dbus(_) | Server::Sdl(_) | Server::EglHeadless(_) => {}
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        check::check(self, domain, faults);
    }

    fn live(&self) -> Live {
        let serves = matches!(self.kind(), GraphicsType::Vnc | GraphicsType::Spice);
        Live {
            update: Can::when(serves, || format!("a `<graphics>` of type `{}`", self.kind().word())),
            leaves: Leaves {
                change: Change::Password,
                free: &["@passwd", "@passwdValidTo", "@connected"],
                // The address of a `<listen>` is in two places.
                ignored: &["@listen"],
                keeps: true,
                ..Leaves::default()
            },
            ..Live::NEVER
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("graphics")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let config = config(cx);
        let ports = ports::of(self, &cx.domain.devices.graphics, &config);
        match &self.server {
            Server::Sdl(sdl) => sdl.options(self.origin, out),
            Server::Vnc(vnc) => vnc.options(cx, ports, &config, self.origin, out),
            Server::Spice(spice) => spice.options(cx, ports, &config, self.origin, out),
            Server::Dbus(dbus) => dbus.options(cx, self.origin, out),
            Server::EglHeadless(egl) => egl.options(cx, self.origin, out),
            // A program of its own serves the display that QEMU has on D-Bus.
            Server::Rdp(_) => {}
        }
    }

    fn host(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        let config = config(cx);
        let node = |given: &Opt<String>| {
            given.as_ref().map(|n| n.value.as_str()).or_else(|| cx.render_node()).map(str::to_owned)
        };
        let of_gl = |gl: &Option<(Opt<YesNo>, Opt<String>)>| {
            gl.as_ref().filter(|(enable, _)| enable.is(&YesNo::Yes)).and_then(|(_, given)| node(given))
        };
        let (sasl, node) = match &self.server {
            Server::Vnc(vnc) => {
                vnc.password.set("vnc", config.vnc_password.as_ref(), self.origin, out);
                (config.vnc_sasl, None)
            }
            Server::Spice(spice) => {
                spice.password.set("spice", config.spice_password.as_ref(), self.origin, out);
                (config.spice_sasl, of_gl(&spice.gl))
            }
            Server::Sdl(sdl) => {
                sdl.host(out);
                (false, None)
            }
            Server::Dbus(dbus) => {
                dbus.host(self.origin, out);
                (false, of_gl(&dbus.gl))
            }
            Server::Rdp(_) => {
                out.refuse("starting an RDP server (`<graphics type='rdp'>`)", self.origin);
                (false, None)
            }
            Server::EglHeadless(egl) => (false, node(&egl.rendernode)),
        };
        if sasl {
            out.env("SASL_CONF_PATH", &config.sasl_dir);
        }
        if let Some(node) = node {
            out.shared_device(&node);
        }
    }
}

/// How the host is set up, or libvirt's defaults.
fn config<'m>(cx: &EmitContext<'m>) -> Cow<'m, Config> {
    cx.facts.config().map_or_else(|| Cow::Owned(Config::default()), Cow::Borrowed)
}

/// The value of a leaf, as text.
fn text(leaf: Option<&Spanned<String>>) -> Option<&String> {
    leaf.map(|t| &t.value)
}

/// The render node that is given, or the host's; where neither is known, a person has to say which there is.
fn render_node<'g>(given: Option<&'g Spanned<String>>, origin: Origin, cx: &'g EmitContext<'_>) -> Option<&'g str> {
    let node = given.map(|n| n.value.as_str()).or_else(|| cx.render_node());
    if node.is_none() {
        let message = "OpenGL needs a render node of the host, and none is known";
        let fault = Diagnostic::at(&codes::HOST_FACT_NEEDED, origin, message);
        cx.report(fault.help("add `rendernode` to `<gl>`, such as `/dev/dri/renderD128`, or give a host file"));
    }
    node
}

/// A port that is there and is a number, not the wish for one.
fn fixed(port: Opt<i32>) -> Opt<i32> {
    port.filter(|p| p.value > 0)
}

#[cfg(test)]
mod tests {
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn open_ports_are_found() {
        let t = trial(
            "<graphics type='vnc'/><graphics type='spice' port='5900' listen='::1'/>",
            &["-vnc", "-spice", "-audiodev"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                r#"-audiodev {"id":"audio1","driver":"spice"}"#,
                "-vnc 127.0.0.1:1,audiodev=audio1",
                "-spice port=5900,addr=::1,disable-ticketing=on,seamless-migration=on",
            ]
        );
        let t = trial(
            "<graphics type='spice' autoport='yes'/><graphics type='vnc' port='-1' websocket='-1'/>",
            &["-vnc", "-spice"],
        );
        let spice = "-spice port=5901,addr=127.0.0.1,disable-ticketing=on,seamless-migration=on";
        assert_eq!(t.argv, [spice, "-vnc 127.0.0.1:0,websocket=5700,audiodev=audio1"]);
    }

    #[test]
    fn a_display_on_a_bus_of_its_own() {
        let t = trial("<graphics type='dbus'/><graphics type='rdp' autoport='yes' username='u'/>", &["-display"]);
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(t.argv, ["-display dbus,addr=unix:path={state}/dbus.sock"]);
    }

    #[test]
    fn a_password_is_no_argument() {
        let vnc =
            "<graphics type='vnc' passwd='s3cret' keymap='de' powerControl='yes'><listen type='socket'/></graphics>";
        let t = trial(vnc, &["-vnc", "s3cret"]);
        assert_eq!(t.argv, ["-vnc vnc=unix:{state}/vnc.sock,password=on,power-control=on,audiodev=audio1"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (devices, fault) in [
            ("<graphics type='vnc' port='80'/>", "port 80 is no port of VNC, which has 5900 to 65535"),
            ("<graphics type='vnc'/><graphics type='vnc'/>", "there is a `<graphics>` of type `vnc` already"),
            (
                "<graphics type='vnc' listen='::1'><listen type='address' address='::2'/></graphics>",
                "`listen` differs from the `<listen>` element, which says `::2`",
            ),
            (
                "<graphics type='vnc'><listen type='none'/><listen type='none'/></graphics>",
                "QEMU listens at one place for each `<graphics>`",
            ),
            (
                "<graphics type='spice' tlsPort='5902'/>",
                "a port for TLS is given, and the host's configuration has no TLS for SPICE",
            ),
            (
                "<graphics type='spice' port='5901' defaultMode='secure'/>",
                "mode `secure` is asked for, and there is no such connection",
            ),
            ("<graphics type='egl-headless'/>", "OpenGL needs a render node of the host, and none is known"),
            (
                "<graphics type='rdp'/><graphics type='dbus' p2p='yes'/>",
                "an RDP server shows a display on D-Bus, and the guest has none",
            ),
            (
                "<graphics type='vnc'><listen type='network' network='n'/></graphics>",
                "the host's address in network `n` is not known",
            ),
            ("<graphics type='desktop'/>", "QEMU has no `<graphics type='desktop'>` on this architecture"),
        ] {
            assert_eq!(trial(devices, &[]).faults, [fault], "{devices}");
        }
    }
}
