//! QEMU's end of an interface's network: `-netdev`, and what it is on (`qemuBuildHostNetProps` in libvirt's `src/qemu/qemu_command.c`).

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{OptExt, Spanned};
use crate::model::EmitContext;
use crate::model::devices::chardev::{self, Again, Backend, Chardev, first_fd_set};
use crate::model::devices::interface::driver::Mover;
use crate::model::devices::interface::source::SocketMode;
use crate::model::devices::interface::{
    Interface, InterfaceType, ResolvedNetwork, Source, VhostUser, ip::Family, passt,
};
use crate::qemu::{ArgSection, Opts, Props, QemuOptions, Text, fd};

/// The bridge that the interface joins. A network's bridge is known to the host only.
pub(super) fn bridge(interface: &Interface, cx: &EmitContext<'_>) -> Option<String> {
    let name = match (&interface.source, &interface.resolved) {
        (_, Some(ResolvedNetwork::Bridge { name, .. })) => return Some(name.clone()),
        (Source::Bridge(name), _) => return name.as_ref().map(|n| n.value.clone()),
        (Source::Network { name: Some(name), .. }, None) => name,
        _ => return None,
    };
    let (code, message) = match cx.facts.network(&name.value) {
        Some(_) => {
            (&codes::UNSUPPORTED_CONFIGURATION, format!("network `{}` has neither bridge nor device", name.value))
        }
        None => (&codes::HOST_FACT_NEEDED, format!("the bridge of network `{}` is not known", name.value)),
    };
    let help = "name the network and its bridge in a host file (`--host`), under `resources`, or use `type='bridge'`";
    cx.report(Diagnostic::at(code, name.origin, message).help(help));
    None
}

/// The names of the descriptors of a tap or macvtap, and of those of vhost.
pub(super) fn descriptors(interface: &Interface) -> (Vec<String>, Vec<String>) {
    let alias = interface.info.alias();
    let driver = interface.driver.as_ref();
    let queues = driver.and_then(|d| d.queues.get()).unwrap_or(1);
    // `net1` has a queue 10, and `net11` a queue 0: a point, which no alias has, keeps their names apart.
    let name = |what: &str, queue| {
        if queue < 10 { format!("{what}-{alias}{queue}") } else { format!("{what}-{alias}.{queue}") }
    };
    let names = |what: &str| -> Vec<String> { (0..queues).map(|queue| name(what, queue)).collect() };
    let vhost = interface.is_virtio() && driver.and_then(|d| d.name.get()) != Some(Mover::Qemu);
    let tap = if interface.actual() == InterfaceType::Direct { "macvtapfd" } else { "tapfd" };
    (names(tap), if vhost { names("vhostfd") } else { Vec::new() })
}

fn joined(names: &[String]) -> Text {
    names
        .iter()
        .enumerate()
        .fold(Text::default(), |text, (at, name)| if at == 0 { text } else { text.then(":") }.then(fd(name)))
}

/// The name of the descriptor of a vDPA device.
pub(super) fn vdpa_fd(alias: &str) -> String {
    format!("{alias}-vdpa")
}

/// The value of `-netdev`, where there is one. What it is on is added to `out`.
pub(super) fn props(interface: &Interface, cx: &EmitContext<'_>, out: &mut QemuOptions) -> Option<Props> {
    let alias = interface.info.alias();
    let kind = |kind: &str| Props::new().with("type", kind);
    Some(match (interface.actual(), &interface.source) {
        (InterfaceType::User, _) if interface.is_passt() => passt::stream(cx, alias),
        (InterfaceType::User, _) => slirp(interface),
        // libvirt takes the network of another hypervisor for the user network.
        (InterfaceType::Internal, _) => kind("user"),
        (InterfaceType::Ethernet | InterfaceType::Bridge | InterfaceType::Network | InterfaceType::Direct, _) => {
            tap(interface, cx)
        }
        (InterfaceType::Vhostuser, Source::VhostUser(socket)) => {
            let chardev = Chardev { id: chardev::id(alias), backend: vhost_user(interface, socket, cx), log: None };
            let name = chardev.id.clone();
            chardev::push(chardev, cx, ArgSection::Interfaces, interface.kind.origin, out);
            kind("vhost-user").with("chardev", name).opt("queues", queues(interface))
        }
        (InterfaceType::Vdpa, _) => {
            let (set, name) = (first_fd_set(cx.domain, alias), vdpa_fd(alias));
            let opts = Opts::new().with("set", set.to_string()).with("fd", fd(&name)).with("opaque", &name);
            out.opts(ArgSection::Interfaces, "add-fd", opts, interface.kind.origin);
            kind("vhost-vdpa").with("vhostdev", format!("/dev/fdset/{set}")).opt("queues", queues(interface))
        }
        (InterfaceType::Client, Source::Inet(at, _)) => kind("socket").with("connect", at.show()),
        (InterfaceType::Server, Source::Inet(at, _)) => kind("socket").with("listen", at.show()),
        (InterfaceType::Mcast, Source::Inet(at, _)) => kind("socket").with("mcast", at.show()),
        (InterfaceType::Udp, Source::Inet(at, local)) => {
            kind("socket").with("udp", at.show()).opt("localaddr", local.as_ref().map(super::source::Inet::show))
        }
        _ => return None,
    })
}

/// Pairs of queues, where there is more than one.
fn queues(interface: &Interface) -> Option<u32> {
    interface.driver.as_ref().and_then(|d| d.queues.get())
}

/// A tap or a macvtap, whose descriptors QEMU inherits.
fn tap(interface: &Interface, cx: &EmitContext<'_>) -> Props {
    let _ = bridge(interface, cx);
    let (tap, vhost) = descriptors(interface);
    let plural = if tap.len() > 1 { "s" } else { "" };
    let mut props = Props::new().with("type", "tap").with(format!("fd{plural}"), joined(&tap));
    if !vhost.is_empty() {
        props.set("vhost", true);
        props.set(format!("vhostfd{plural}"), joined(&vhost));
    }
    props.opt("sndbuf", interface.options.sndbuf.get())
}

/// QEMU's own user network.
fn slirp(interface: &Interface) -> Props {
    let mut props = Props::new().with("type", "user");
    for address in &interface.guest_ip.addresses {
        let Some(Spanned { value: ip, .. }) = address.address else { continue };
        match (ip.family(), address.prefix()) {
            (Family::V4, Some(prefix)) => props.set("net", format!("{}/{prefix}", ip.0)),
            (Family::V4, None) => props.set("net", ip.0.to_string()),
            (Family::V6, prefix) => {
                props.set("ipv6-prefix", ip.0.to_string());
                if let Some(prefix) = prefix {
                    props.set("ipv6-prefixlen", prefix);
                }
            }
        }
    }
    props
}

/// The socket to the process that moves the frames.
fn vhost_user(interface: &Interface, socket: &VhostUser, cx: &EmitContext<'_>) -> Backend {
    let again = |ms| Again { ms, in_ms: cx.target.at_least(9, 2) };
    if interface.is_passt() {
        let path = passt::socket(cx, interface.info.alias());
        return Backend::Connect { path, again: Some(again(passt::RECONNECT_MS.into())) };
    }
    let path: Text = socket.path.as_ref().map(|p| p.value.as_str().into()).unwrap_or_default();
    if socket.mode.is(&SocketMode::Server) {
        return Backend::Bind(path);
    }
    let seconds = socket
        .reconnect
        .as_ref()
        .and_then(|reconnect| if reconnect.enabled.value.is_yes() { reconnect.timeout.get() } else { Some(0) });
    Backend::Connect { path, again: seconds.map(|seconds| again(u64::from(seconds) * 1000)) }
}
