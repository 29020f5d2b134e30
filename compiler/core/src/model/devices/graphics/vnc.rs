//! `<graphics type='vnc'>`.

use virtc_diag::Diagnostic;
use virtc_inventory::Config;

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, YesNo, words};
use crate::model::Defaults;
use crate::model::EmitContext;
use crate::model::devices::audio::Audio;
use crate::model::devices::graphics::listen::{Listen, ListenType};
use crate::model::devices::graphics::ports::{self, Ports};
use crate::model::devices::graphics::{Password, text};
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, Text, state};
use crate::xml_io::Fields;
use crate::xml_io::Tag;

words! {
    /// Who may watch at the same time.
    pub enum SharePolicy { AllowExclusive = "allow-exclusive", ForceShared = "force-shared", Ignore = "ignore" }
}

/// The settings of a VNC server.
#[derive(Debug, Clone)]
pub struct Vnc {
    /// The TCP port, from 5900; -1 for a free one.
    pub port: Opt<i32>,
    /// Whether a free port is taken.
    pub autoport: Opt<YesNo>,
    /// The port for WebSocket clients; -1 for a free one.
    pub websocket: Opt<i32>,
    /// Who may watch at the same time.
    pub share_policy: Opt<SharePolicy>,
    /// Whether clients may switch the guest off.
    pub power_control: Opt<YesNo>,
    /// The keyboard layout.
    pub keymap: Opt<String>,
    /// Who may connect.
    pub password: Password,
    /// Where it listens.
    pub listen: Listen,
    /// The audio backend.
    pub audio: Opt<u8>,
}

static TLS: DefaultRule = DefaultRule { name: "vnc-tls", text: "VNC uses TLS where the host's configuration says so" };
const TLS_ALIAS: &str = "vnc-tls-creds0";
static AUTOPORT: DefaultRule = DefaultRule { name: "vnc-autoport", text: "VNC without a port takes a free one" };

impl Vnc {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            port: f.attr("port"),
            autoport: f.attr("autoport"),
            websocket: f.attr("websocket"),
            share_policy: f.attr("sharePolicy"),
            power_control: f.attr("powerControl"),
            keymap: f.attr("keymap"),
            password: Password::lower(f),
            listen: Listen::lower(f),
            audio: f.child("audio").and_then(|audio| audio.decimal("id")),
        }
    }

    /// Whether a free port is taken.
    pub fn is_auto(&self) -> bool {
        self.autoport.is(&YesNo::Yes)
    }

    pub(super) fn define(&mut self, origin: Origin, defaults: &mut Defaults<'_>) {
        let open = self.port.is_none_or(|p| p.value == -1);
        let auto = self.autoport.map_or(open, |a| a.value.is_yes());
        if !auto && open {
            self.port = Some(Spanned { value: 0, origin: self.autoport.origin_or(origin) });
        }
        if auto {
            let by = self.autoport.filter(|a| a.value.is_yes()).or(self.port.map(|p| p.map(|_| YesNo::Yes)));
            self.autoport = by.or(Some(Spanned::rule(YesNo::Yes, &AUTOPORT, origin)));
            self.port = Some(Spanned { value: -1, origin: self.autoport.origin_or(origin) });
        } else {
            self.autoport.get_or_insert(Spanned { value: YesNo::No, origin: self.port.origin_or(origin) });
        }
        let out_of_range = self.port.filter(|p| !auto && !(ports::VNC..=65535).contains(&p.value));
        if let Some(port) = out_of_range.filter(|_| self.listen.on_tcp()) {
            let message = format!("port {} is no port of VNC, which has 5900 to 65535", port.value);
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, port.origin, message);
            defaults.report(fault.help("give a port in that range, or `autoport='yes'`"));
        }
    }

    pub(super) fn write(&self, tag: Tag<'_>) {
        let tag = match self.listen.kind.value {
            ListenType::Socket => tag.opt("socket", &self.listen.socket),
            ListenType::Address | ListenType::Network => {
                let port = self.port.filter(|p| p.value != 0);
                let tag = tag.opt("port", &port).opt("autoport", &self.autoport);
                self.listen.write_attribute(tag.opt("websocket", &self.websocket.filter(|p| p.value != 0)))
            }
            ListenType::None => tag,
        };
        let tag = tag
            .opt("keymap", &self.keymap)
            .opt("sharePolicy", &self.share_policy)
            .opt("powerControl", &self.power_control);
        self.password.write(tag).children(|w| {
            self.listen.write(w);
            if self.audio.is_some() {
                w.tag("audio").opt("id", &self.audio).end();
            }
        });
    }

    /// The display in QEMU's words.
    fn display(&self, cx: &EmitContext<'_>, ports: Ports, config: &Config) -> Opts {
        match self.listen.kind.value {
            ListenType::Socket => {
                let path = text(self.listen.socket.as_ref()).map_or_else(|| state("/vnc.sock"), Text::from);
                Opts::first(Text::from("vnc=unix:").then(path))
            }
            ListenType::None => Opts::first("none"),
            ListenType::Address | ListenType::Network => {
                let address = self.listen.place(&config.vnc_listen, cx);
                let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
                let number = ports.main.unwrap_or(ports::VNC).saturating_sub(ports::VNC);
                Opts::first(format!("{address}:{number}")).opt("websocket", ports.websocket.map(|p| p.to_string()))
            }
        }
    }

    pub(super) fn options(
        &self,
        cx: &EmitContext<'_>,
        ports: Ports,
        config: &Config,
        origin: Origin,
        out: &mut QemuOptions,
    ) {
        if config.vnc_tls {
            let props = Props::new()
                .with("qom-type", "tls-creds-x509")
                .with("id", TLS_ALIAS)
                .with("dir", &config.vnc_tls_dir)
                .with("endpoint", "server")
                .with("verify-peer", config.vnc_tls_verify);
            out.json(ArgSection::Graphics, "object", props, origin.with_rule(&TLS));
        }
        let password = self.password.text.is_some() || config.vnc_password.is_some();
        let opts = self
            .display(cx, ports, config)
            .opt("share", self.share_policy.get().map(SharePolicy::word))
            .opt("password", password.then_some("on"))
            .opt("tls-creds", config.vnc_tls.then_some(TLS_ALIAS))
            .opt("sasl", config.vnc_sasl.then_some("on"))
            .opt("power-control", self.power_control.get().map(|p| if p.is_yes() { "on" } else { "off" }))
            .opt("audiodev", Audio::find(cx.domain, self.audio.get()).map(Audio::id));
        out.opts(ArgSection::Graphics, "vnc", opts, origin);
        if let Some(keymap) = &self.keymap {
            out.word(ArgSection::Graphics, "k", &keymap.value, keymap.origin);
        }
    }
}
