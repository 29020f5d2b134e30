//! What the host must do for an interface.

use serde_json::json;
use virtc_plan::{QmpCall, Step};

use crate::ir::{Mac, OptExt, YesNo};
use crate::model::EmitContext;
use crate::model::devices::host_function::HostFunction;
use crate::model::devices::interface::source::SocketMode;
use crate::model::devices::interface::{Interface, InterfaceType, LinkState, Source, frontend, netdev};
use crate::qemu::RequirementsOf;

/// Taps, descriptors and functions of the host; what the runtime cannot do yet is refused by name.
pub(super) fn host(interface: &Interface, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
    let origin = interface.kind.origin;
    if let Some(own) = interface.host_function() {
        return function(interface, own, out);
    }
    match interface.actual() {
        InterfaceType::Ethernet | InterfaceType::Bridge | InterfaceType::Network => tap(interface, cx, out),
        InterfaceType::Direct => out.refuse("macvtap interfaces (`<interface type='direct'>`)", origin),
        InterfaceType::Vhostuser if !interface.is_passt() => vhost_user(interface, out),
        InterfaceType::User | InterfaceType::Vhostuser if interface.is_passt() => {
            out.refuse("passt (`<backend type='passt'>`)", interface.backend.kind.origin_or(origin));
        }
        InterfaceType::Vdpa => {
            if let Source::Vdpa(Some(path)) = &interface.source {
                out.open_device(&netdev::vdpa_fd(interface.info.alias()), &path.value, path.origin);
                out.pin();
            }
        }
        InterfaceType::Hostdev
        | InterfaceType::User
        | InterfaceType::Vhostuser
        | InterfaceType::Udp
        | InterfaceType::Mcast
        | InterfaceType::Server
        | InterfaceType::Client
        | InterfaceType::Null
        | InterfaceType::Vds
        | InterfaceType::Internal => {}
    }
    refusals(interface, out);
    if let Some(link) = interface.link.filter(|link| link.value == LinkState::Down) {
        let arguments = json!({"name": interface.info.alias(), "up": false});
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        out.command(QmpCall::new("set_link", arguments), link.origin);
    }
}

/// A function of the host, which is a VF with a MAC of the definition's.
fn function(interface: &Interface, own: &HostFunction, out: &mut RequirementsOf<'_>) {
    own.host(out);
    let admin = interface.mac.as_ref().map(|m| m.origin).or(interface.vlan.as_ref().map(|v| v.origin));
    out.vf_admin(admin.unwrap_or(own.address.origin));
}

fn tap(interface: &Interface, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
    let (fds, vhost_fds) = netdev::descriptors(interface);
    let name = interface.target.as_ref().map_or_else(|| "vnet%d".to_owned(), |t| t.value.clone());
    // The host's side of the tap has the guest's address, but for its first byte: a bridge takes the lowest address of its ports for its own.
    let mac = interface.mac.map(|m| {
        let mut bytes = m.value.0;
        if let Some(first) = bytes.first_mut() {
            *first = 0xfe;
        }
        m.map(|_| Mac(bytes))
    });
    let step = Step::Tap {
        fds,
        vhost_fds,
        name,
        bridge: netdev::bridge(interface, cx),
        mac: frontend::show(&mac),
        mtu: interface.mtu.get(),
        vnet_hdr: interface.is_virtio(),
    };
    out.tap(step, interface.kind.origin);
}

/// A socket at which QEMU waits is made by QEMU; one at which it knocks must be open to it.
fn vhost_user(interface: &Interface, out: &mut RequirementsOf<'_>) {
    let Source::VhostUser(socket) = &interface.source else { return };
    let Some(path) = &socket.path else { return };
    if socket.mode.is(&SocketMode::Server) {
        out.refuse("vhost-user sockets with `mode='server'`", path.origin);
    } else {
        out.own(virtc_plan::Node::Path(path.value.clone()), path.origin);
    }
}

/// What the runtime cannot do to the host's end.
fn refusals(interface: &Interface, out: &mut RequirementsOf<'_>) {
    let options = &interface.options;
    for script in [&interface.script, &interface.downscript].into_iter().flatten() {
        out.refuse("interface scripts (`<script>`, `<downscript>`)", script.origin);
    }
    if let Some(managed) = interface.target_managed.filter(|m| m.value == YesNo::No) {
        out.refuse("`<target managed='no'>`", managed.origin);
    }
    for path in [&interface.backend.tap, &interface.backend.vhost].into_iter().flatten() {
        out.refuse("`<backend tap=… vhost=…>`", path.origin);
    }
    if let Source::Ethernet(info) = &interface.source
        && !info.is_empty()
    {
        out.refuse("`<ip>` and `<route>` of the host side (`<source>`)", interface.kind.origin);
    }
    if let Some(origin) = options.bandwidth.as_ref().and_then(super::options::Bandwidth::origin) {
        out.refuse("`<bandwidth>` of an interface", origin);
    }
    if let Some(filter) = &options.filter {
        out.refuse("network filters (`<filterref>`)", filter.origin);
    }
    if let Some(isolated) = options.isolated.filter(|_| options.is_isolated()) {
        out.refuse("isolated bridge ports (`<port isolated='yes'>`)", isolated.origin);
    }
    if let Some(frames) = options.coalesce {
        out.refuse("interrupt coalescing (`<coalesce>`)", frames.origin);
    }
    if let Some(port) = interface.virtualport.as_ref().filter(|port| port.kind.is_some()) {
        out.refuse("`<virtualport>`", port.origin);
    } else if interface.is_openvswitch() {
        out.refuse("Open vSwitch bridges", interface.kind.origin);
    }
    if let Some(vlan) = &interface.vlan {
        out.refuse("`<vlan>` of an interface", vlan.origin);
    }
    if let Some(trust) = interface.trust_rx_filters.filter(|t| t.is_yes()) {
        out.refuse("`trustGuestRxFilters='yes'`", trust.origin);
    }
}
