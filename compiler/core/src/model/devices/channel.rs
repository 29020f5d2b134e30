//! `<channel>`: byte streams between guest and host that have a name.

use std::net::Ipv4Addr;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, Origin, Spanned, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::chardev::{self, Mode, Place, Source, SourceType, reconnect_needs_connect};
use crate::model::devices::{AliasStem, BusSlot, Can, Device, DeviceElement, Info, Live, common};
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf, Value};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What a channel is in the guest.
    pub enum TargetType { Virtio = "virtio", Guestfwd = "guestfwd" }
}

words! {
    /// Whether the guest has opened a port; only a running domain knows.
    enum State { Connected = "connected", Disconnected = "disconnected" }
}

/// The guest's end of a channel.
#[derive(Debug, Clone)]
pub enum Target {
    /// A port of a virtio-serial controller, with a name.
    Virtio(Opt<String>),
    /// An address and TCP port of the guest's user-mode network.
    Guestfwd(Spanned<String>, Spanned<u16>),
}

/// `<channel>`.
#[derive(Debug, Clone)]
pub struct Channel {
    /// The host's end.
    pub source: Source,
    /// The guest's end.
    pub target: Target,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

/// The name that SPICE's agent looks for in the guest.
const SPICE_AGENT: &str = "com.redhat.spice.0";

static LISTENS: DefaultRule = DefaultRule {
    name: "channel-socket",
    text: "a channel without a path gets a socket in the VM's state directory, at which QEMU listens",
};

impl Channel {
    fn read(f: &Fields<'_, '_>) -> Option<Self> {
        let source = Source::lower(f)?;
        let t = f.child("target")?;
        if chardev::foreign(&t, "type", &["xen"]) {
            return None;
        }
        let target = match t.attr::<TargetType>("type")?.value {
            TargetType::Virtio => {
                let _: Opt<State> = t.attr("state");
                Target::Virtio(t.attr("name"))
            }
            TargetType::Guestfwd => {
                source.needs_path(f);
                let address = t.attr::<String>("address")?;
                if address.value.parse::<Ipv4Addr>().is_err() {
                    let span = address.origin.span();
                    f.report(
                        Diagnostic::at(&codes::BAD_VALUE, span, "`address` of a `guestfwd` channel is an IPv4 address")
                            .help("write `address='10.0.2.1'`"),
                    );
                }
                Target::Guestfwd(address, t.attr("port")?)
            }
        };
        Some(Self { source, target, info: Info::lower(f), origin: f.origin() })
    }

    /// Whether it is a port of a virtio-serial controller.
    pub fn is_virtio(&self) -> bool {
        matches!(self.target, Target::Virtio(_))
    }

    /// The name of the port in the guest.
    fn name(&self) -> Option<&str> {
        match &self.target {
            Target::Virtio(Some(name)) => Some(&name.value),
            Target::Virtio(None) if self.source.kind.value == SourceType::Spicevmc => Some(SPICE_AGENT),
            Target::Virtio(None) | Target::Guestfwd(..) => None,
        }
    }

    /// The file name of the socket of a channel that has none of its own: `NAME`, or `vioser-CC-BB-PP.sock` by controller, bus and port
    /// (`qemuDomainPrepareChannel` in libvirt's `src/qemu/qemu_domain.c`). A name that is no file name gives way to that of the device.
    fn socket(&self) -> String {
        match (self.name(), &self.info.address) {
            (Some(name), _) if !name.contains('/') && ![".", "..", virtc_plan::MONITOR_SOCKET].contains(&name) => {
                name.to_owned()
            }
            (None, Some(Spanned { value: Address::VirtioSerial { controller, bus, port }, .. })) => {
                format!("vioser-{controller:02}-{bus:02}-{port:02}.sock")
            }
            _ => self.info.alias().to_owned(),
        }
    }
}

/// Whether libvirt made this path up for the port `name`: in its directory of channels as `DOMAIN.NAME`, `domain-DOMAIN/NAME` or
/// `ID-DOMAIN/NAME`, the forms that its versions have had.
fn is_generated(path: &str, name: &str) -> bool {
    let Some((_, rest)) = path.split_once("/libvirt/qemu/channel/") else { return false };
    let rest = rest.strip_prefix("target/").unwrap_or(rest);
    let Some(domain) = rest.strip_suffix(name) else { return false };
    match domain.strip_suffix('/') {
        Some(folder) => {
            let numbered =
                folder.split_once('-').is_some_and(|(id, _)| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()));
            !folder.contains('/') && (numbered || folder.starts_with("domain-"))
        }
        None => domain.len() > 1 && domain.ends_with('.') && !domain.contains('/'),
    }
}

impl DeviceElement for Channel {
    const ELEMENT: &'static str = "channel";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        chardev::device_or_ignored(f, Self::read(f))
    }

    fn matches_description(&self, other: &Self) -> bool {
        let target = match (&self.target, &other.target) {
            (Target::Virtio(_), Target::Virtio(_)) => self.name() == other.name(),
            (Target::Guestfwd(own, port), Target::Guestfwd(other, other_port)) => own == other && port == other_port,
            (Target::Virtio(_), Target::Guestfwd(..)) | (Target::Guestfwd(..), Target::Virtio(_)) => false,
        };
        let address = other.info.address.is_none() || self.info.address == other.info.address;
        target && address && self.source.matches_description(&other.source)
    }
}

impl Device for Channel {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("channel").attr("type", self.source.kind.word()).children(|w| {
            self.source.write(w);
            match &self.target {
                Target::Virtio(name) => w.tag("target").attr("type", "virtio").opt("name", name).end(),
                Target::Guestfwd(address, port) => {
                    let tag = w.tag("target").attr("type", "guestfwd").attr("address", address);
                    tag.attr("port", &port.to_string()).end();
                }
            }
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let Target::Virtio(name) = &self.target else { return };
        let Place::Unix(unix) = &mut self.source.place else { return };
        if let Some(name) = name {
            unix.address = unix.address.take().filter(|path| !is_generated(path, name));
        }
        if unix.address.is_none() && unix.mode() == Mode::Connect {
            if let Some(reconnect) = unix.reconnect.as_ref().filter(|r| r.enabled.value.is_yes()) {
                reconnect_needs_connect(reconnect, &mut |d| defaults.report(d));
            }
            unix.mode = Some(Spanned::rule(Mode::Bind, &LISTENS, self.origin));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        self.source.check(domain, faults);
        let Target::Virtio(name) = &self.target else { return self.source.no_agent(faults) };
        if let (SourceType::Spicevmc, Some(name)) = (self.source.kind.value, name)
            && name.value != SPICE_AGENT
        {
            let span = name.origin.span();
            let message = format!("a `spicevmc` channel has the name `{SPICE_AGENT}`");
            faults.push(
                Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message)
                    .help("write `name='com.redhat.spice.0'`"),
            );
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        if self.is_virtio() { BusSlot::VirtioSerial(false) } else { BusSlot::Nothing }
    }

    fn live(&self) -> Live {
        Live::plug(Can::Yes)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("channel")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let chardev = chardev::id(alias);
        self.source.options(
            cx,
            ArgSection::Channels,
            alias,
            Some(cx.channel_dir().then(format!("/{}", self.socket()))),
            self.origin,
            out,
        );
        match &self.target {
            Target::Virtio(_) => {
                let props =
                    Props::new().with("driver", "virtserialport").and(cx.virtio_serial_address(&self.info.address));
                let props = props.with("chardev", chardev).with("id", alias).opt("name", self.name());
                out.device(ArgSection::Channels, props, self.origin);
            }
            Target::Guestfwd(address, port) => {
                let rule = format!("tcp:{}:{}-chardev:{chardev}", address.value, port.value);
                let rules = vec![Value::from(Props::new().with("str", rule))];
                let props = Props::new().with("type", "user").with("guestfwd", rules).with("id", alias);
                out.json(ArgSection::Channels, "netdev", props, self.origin);
            }
        }
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        self.source.host(self.info.alias(), Some(&self.socket()), self.origin, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn a_channel_without_a_path_listens_in_the_state_directory() {
        let t = trial(
            "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
            &["channel0"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-chardev socket,id=charchannel0,fd={fd:channel0-source},server=on,wait=off",
                r#"-device {"driver":"virtserialport","bus":"virtio-serial0.0","nr":1,"chardev":"charchannel0","id":"channel0","name":"org.qemu.guest_agent.0"}"#,
            ]
        );
        let backend = r#"{"type":"socket","data":{"addr":{"type":"fd","data":{"str":"{fd:channel0-source}"}},"server":true,"wait":false}}"#;
        assert_eq!(t.backends, [backend]);
    }

    #[test]
    fn guestfwd_is_a_rule_of_a_network() {
        let t = trial(
            "<channel type='null'><target type='guestfwd' address='10.0.2.1' port='4600'/></channel>",
            &["netdev"],
        );
        assert_eq!(
            t.argv,
            [
                r#"-netdev {"type":"user","guestfwd":[{"str":"tcp:10.0.2.1:4600-chardev:charchannel0"}],"id":"channel0"}"#
            ]
        );
        let t = trial("<channel type='null'><target type='guestfwd' address='fe80::1' port='4600'/></channel>", &[]);
        assert_eq!(t.faults, ["`address` of a `guestfwd` channel is an IPv4 address"]);
    }

    #[test]
    fn the_agent_of_spice_needs_spice_and_its_name() {
        let t = trial("<channel type='spicevmc'><target type='virtio' name='mine'/></channel>", &[]);
        let spice = "this needs `<graphics type='spice'>`, which the guest does not have";
        assert_eq!(t.faults, [spice, "a `spicevmc` channel has the name `com.redhat.spice.0`"]);
    }

    #[test]
    fn paths_that_libvirt_made_up() {
        let name = "org.qemu.guest_agent.0";
        for path in [
            "/var/lib/libvirt/qemu/channel/target/fedora.org.qemu.guest_agent.0",
            "/var/lib/libvirt/qemu/channel/target/domain-fedora/org.qemu.guest_agent.0",
            "/var/lib/libvirt/qemu/channel/target/domain-1-fedora/org.qemu.guest_agent.0",
            "/run/libvirt/qemu/channel/7-fedora/org.qemu.guest_agent.0",
        ] {
            assert!(is_generated(path, name), "{path}");
        }
        for path in [
            "/var/lib/libvirt/qemu/channel/target/org.qemu.guest_agent.0",
            "/var/lib/libvirt/qemu/fedora.agent",
            "/tmp/domain-fedora/org.qemu.guest_agent.0",
            "/run/libvirt/qemu/channel/mine/org.qemu.guest_agent.0",
        ] {
            assert!(!is_generated(path, name), "{path}");
        }
    }
}
