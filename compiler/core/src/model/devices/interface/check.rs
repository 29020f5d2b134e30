//! What libvirt refuses of an interface: `virDomainNetDefValidate` and `virDomainActualNetDefValidate` in its `src/conf/domain_validate.c`,
//! `qemuValidateDomainDeviceDefNetwork` in its `src/qemu/qemu_validate.c`, `qemuDomainValidateActualNetDef` in its `src/qemu/qemu_domain.c`.

use virtc_diag::{Code, Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{OptExt, Origin, Spanned, YesNo};
use crate::model::Domain;
use crate::model::devices::Address;
use crate::model::devices::host_source::NetSource;
use crate::model::devices::interface::ip::Family;
use crate::model::devices::interface::source::SocketMode;
use crate::model::devices::interface::{Interface, InterfaceType, MacvtapMode, ResolvedNetwork, Source};

use InterfaceType as Type;

/// The findings, and the place of the interface.
struct Report<'f> {
    faults: &'f mut Diagnostics,
}

impl Report<'_> {
    fn refuse(&mut self, origin: Origin, message: impl Into<String>) {
        self.faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message));
    }

    fn warn(&mut self, code: &'static Code, origin: Origin, message: &str) {
        self.faults.push(Diagnostic::at(code, origin, message));
    }

    fn refuse_with(&mut self, origin: Origin, message: impl Into<String>, help: &str) {
        self.faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message).help(help));
    }
}

/// Everything that is wrong with `interface`.
pub(super) fn check(interface: &Interface, domain: &Domain, faults: &mut Diagnostics) {
    let span = interface.origin.span();
    faults.extend(interface.source.missing(interface.kind.value, interface.is_passt(), span).into_iter().collect());
    if let Some(teaming) = &interface.teaming {
        teaming.check(domain, faults);
    }
    if let Some(port) = interface.virtualport.as_ref().filter(|_| interface.kind.value != Type::Network) {
        faults.extend(port.missing().into_iter().collect());
    }
    let report = &mut Report { faults };
    kind(interface, domain, report);
    if matches!(interface.source, Source::Host(Some(NetSource::Usb(_)))) {
        // It is to be another device, for which other rules hold.
        return;
    }
    host_end(interface, report);
    guest_addresses(interface, report);
    passt(interface, report);
    device(interface, report);
    actual(interface, report);
}

/// What is wrong with the type itself.
fn kind(interface: &Interface, domain: &Domain, report: &mut Report<'_>) {
    let origin = interface.kind.origin;
    match interface.kind.value {
        Type::Null | Type::Vds => {
            let message = format!("QEMU has no interfaces of type `{}`", interface.kind.word());
            report.refuse_with(
                origin,
                message,
                "this type is for other hypervisors; use `user`, `bridge` or `network`",
            );
        }
        Type::Vhostuser => {
            virtio_only(interface, report);
            if let Source::VhostUser(socket) = &interface.source
                && let Some(reconnect) = socket.reconnect.as_ref().filter(|r| r.enabled.value == YesNo::Yes)
                && socket.mode.is(&SocketMode::Server)
            {
                report.refuse_with(
                    reconnect.enabled.origin,
                    "`<reconnect>` is for sockets of `mode='client'` only",
                    "write `mode='client'`, or remove `<reconnect>`",
                );
            }
            if !domain.shares_memory() {
                let message = "an `<interface type='vhostuser'>` and one with passt need shared guest memory";
                report.refuse_with(origin, message, domain.how_to_share());
            }
        }
        Type::Vdpa => virtio_only(interface, report),
        Type::Hostdev => {
            if let Source::Host(Some(NetSource::Usb(source))) = &interface.source {
                let message = "QEMU has no way to make a USB device a network interface of type `hostdev`";
                let help = "use `<hostdev mode='subsystem' type='usb'>`; the guest's driver makes it an interface";
                report.refuse_with(source.origin, message, help);
            }
        }
        Type::User
        | Type::Ethernet
        | Type::Bridge
        | Type::Network
        | Type::Direct
        | Type::Udp
        | Type::Mcast
        | Type::Server
        | Type::Client
        | Type::Internal => {}
    }
}

fn virtio_only(interface: &Interface, report: &mut Report<'_>) {
    if !interface.is_virtio() {
        let message = format!("an interface of type `{}` has a virtio model", interface.kind.word());
        report.refuse(interface.model.origin_or(interface.origin), message);
    }
}

/// What the host's end of this type has not.
fn host_end(interface: &Interface, report: &mut Report<'_>) {
    let (kind, word) = (interface.kind.value, interface.kind.word());
    if let Some(managed) = interface.target_managed.filter(|m| m.value == YesNo::No && kind != Type::Ethernet) {
        report.refuse_with(
            managed.origin,
            format!("`managed` of `<target>` is not for an interface of type `{word}`"),
            "remove `managed`",
        );
    }
    if let Some(script) = interface.script.as_ref().filter(|_| kind != Type::Ethernet) {
        report.refuse_with(
            script.origin,
            format!("`<script>` is not for an interface of type `{word}`"),
            "remove `<script>`",
        );
    }
    if let Some(mtu) = interface.mtu.filter(|_| !takes_mtu(interface)) {
        report.refuse_with(mtu.origin, format!("`<mtu>` is not for an interface of type `{word}`"), "remove `<mtu>`");
    }
    let options = &interface.options;
    if let Some(frames) = options.coalesce.filter(|_| !matches!(kind, Type::Network | Type::Bridge)) {
        report.refuse_with(
            frames.origin,
            format!("`<coalesce>` is not for an interface of type `{word}`"),
            "remove `<coalesce>`",
        );
    }
    let bandwidth = options.bandwidth.as_ref();
    let floor = bandwidth.and_then(|b| b.inbound.as_ref()).and_then(|rate| rate.floor);
    if let Some(floor) = floor.filter(|_| kind != Type::Network) {
        report.refuse_with(
            floor.origin,
            "`floor` of `<inbound>` is for interfaces of type `network` only",
            "remove `floor`",
        );
    }
    isolation(interface, report);
}

/// Only ports of a bridge of the kernel can be isolated.
fn isolation(interface: &Interface, report: &mut Report<'_>) {
    let kind = interface.actual();
    let Some(isolated) = interface.options.isolated.filter(|i| i.is_yes()) else { return };
    let message = if !matches!(kind, Type::Network | Type::Bridge) {
        format!("an interface of type `{}` has no port that could be isolated", kind.word())
    } else if interface.virtualport.as_ref().is_some_and(|p| p.kind.is_some()) || interface.is_openvswitch() {
        "a port with a profile of a switch cannot be isolated".to_owned()
    } else {
        return;
    };
    report.refuse(isolated.origin, message);
}

/// `qemuDomainNetSupportsMTU` in libvirt's `src/qemu/qemu_domain.c`.
fn takes_mtu(interface: &Interface) -> bool {
    match interface.kind.value {
        Type::Network | Type::Bridge | Type::Ethernet | Type::Vhostuser => true,
        Type::User => interface.is_passt(),
        Type::Direct
        | Type::Vdpa
        | Type::Udp
        | Type::Mcast
        | Type::Server
        | Type::Client
        | Type::Hostdev
        | Type::Null
        | Type::Vds
        | Type::Internal => false,
    }
}

/// Only user networks give the guest an address, one of each family.
fn guest_addresses(interface: &Interface, report: &mut Report<'_>) {
    let info = &interface.guest_ip;
    let first = info.addresses.first().and_then(|a| a.address.as_ref()).map(|a| a.origin);
    let route = info.routes.first().and_then(|r| r.address.as_ref()).map(|a| a.origin);
    if interface.kind.value != Type::User && !interface.is_passt() {
        if let Some(origin) = first.or(route) {
            let message =
                format!("QEMU cannot set the guest's address on an interface of type `{}`", interface.kind.word());
            report.refuse(origin, message);
        }
        return;
    }
    if let Some(origin) = route {
        report.refuse(origin, "QEMU cannot set routes in the guest");
    }
    for family in [Family::V4, Family::V6] {
        let of_family = |a: &&super::ip::Address| a.address.is_some_and(|ip| ip.family() == family);
        for (at, address) in info.addresses.iter().filter(of_family).enumerate() {
            let Some(ip) = address.address else { continue };
            if at > 0 {
                report.refuse_with(
                    ip.origin,
                    format!("an interface of this type has one `<ip>` of the family `{}`", family.word()),
                    "remove one of the two",
                );
            }
            if let Some(peer) = address.peer {
                report.refuse_with(peer.origin, "`peer` is for the `<ip>` in `<source>` only", "remove `peer`");
            }
            let Some(prefix) = address.prefix.filter(|p| p.value > 0) else { continue };
            match family {
                Family::V4 if !(4..=27).contains(&prefix.value) => {
                    report.refuse_with(
                        prefix.origin,
                        "`prefix` of an IPv4 address is 4 to 27 here",
                        "write `prefix='24'`",
                    );
                }
                Family::V6 if prefix.value != 64 => {
                    report.refuse_with(prefix.origin, "`prefix` of an IPv6 address is 64 here", "write `prefix='64'`");
                }
                Family::V4 | Family::V6 => {}
            }
        }
    }
}

/// What belongs to passt only.
fn passt(interface: &Interface, report: &mut Report<'_>) {
    if interface.is_passt() {
        for range in interface.forwards.iter().flat_map(|f| &f.ranges) {
            let Some(start) = range.start else { continue };
            if let Some(end) = range.end.filter(|end| end.value < start.value) {
                report.warn(&codes::REFUSED_BY_QEMU, end.origin, "this range of ports ends before it starts");
            }
        }
        return;
    }
    let help = "add `<backend type='passt'/>` to an interface of type `user` or `vhostuser`";
    if let Some(backend) = interface.backend.kind.as_ref().filter(|_| interface.backend.is_passt()) {
        let message = format!("passt moves no frames of an interface of type `{}`", interface.kind.word());
        return report.refuse_with(backend.origin, message, "use an interface of type `user` or `vhostuser`");
    }
    let dev = match &interface.source {
        Source::VhostUser(socket) => socket.dev.as_ref(),
        Source::Nothing
        | Source::User(_)
        | Source::Ethernet(_)
        | Source::Bridge(_)
        | Source::Network { .. }
        | Source::Direct { .. }
        | Source::Vdpa(_)
        | Source::Vds { .. }
        | Source::Internal(_)
        | Source::Inet(..)
        | Source::Host(_) => None,
    };
    if let Some(forward) = interface.forwards.first() {
        report.refuse_with(forward.origin, "only passt forwards ports", help);
    }
    if let Some(dev) = dev {
        report.warn(&codes::WITHOUT_EFFECT, dev.origin, "only passt is told which interface of the host to use");
    }
    if let Some(log) = &interface.backend.log {
        report.warn(&codes::WITHOUT_EFFECT, log.origin, "only passt writes this log");
    }
}

/// What the guest's end cannot have.
fn device(interface: &Interface, report: &mut Report<'_>) {
    if let Some(driver) = &interface.driver {
        for (size, what) in [(driver.rx_queue_size, "receive"), (driver.tx_queue_size, "send")] {
            if let Some(size) = size.filter(|s| !s.value.is_power_of_two()) {
                report.refuse_with(
                    size.origin,
                    format!("`{what}_queue_size` is a power of two"),
                    "write `256`, `512` or `1024`",
                );
            }
        }
    }
    if let Some(teaming) = &interface.teaming {
        if teaming.is_persistent() && !interface.is_virtio() {
            report.refuse_with(
                teaming.origin,
                "`<teaming type='persistent'>` needs a virtio interface",
                "write `<model type='virtio'/>`",
            );
        }
        if !teaming.is_persistent() && !matches!(interface.kind.value, Type::Hostdev | Type::Network) {
            report.refuse_with(
                teaming.origin,
                "`<teaming type='transient'>` needs an interface of type `hostdev`",
                "write `<interface type='hostdev'>`",
            );
        }
    }
    let pci = matches!(
        &interface.info.address,
        None | Some(Spanned { value: Address::Pci { .. } | Address::Unassigned, .. })
    );
    if let Some(rom) = interface.info.rom.as_ref().filter(|_| !pci) {
        let origin = rom.file.as_ref().map(|f| f.origin).or(rom.bar.map(|b| b.origin));
        let origin = origin.or(rom.enabled.map(|e| e.origin)).unwrap_or(interface.origin);
        report.refuse_with(origin, "`<rom>` is for PCI devices only", "remove `<rom>`");
    }
}

/// What the interface cannot have once it is known what its network is on the host.
fn actual(interface: &Interface, report: &mut Report<'_>) {
    let (actual, is_function) = (interface.actual(), interface.host_function().is_some());
    let word = actual.word();
    let passthrough = match (&interface.source, &interface.resolved) {
        (_, Some(ResolvedNetwork::Direct { mode, .. })) => *mode == MacvtapMode::Passthrough,
        (Source::Direct { mode, .. }, _) => mode.is(&MacvtapMode::Passthrough),
        _ => false,
    };
    // What a network is decides; where it is not known, that is said elsewhere.
    let known = interface.kind.value != Type::Network || interface.resolved.is_some();
    let takes_vlan =
        is_function || passthrough || (matches!(actual, Type::Bridge | Type::Network) && interface.is_openvswitch());
    if let Some(vlan) = interface.vlan.as_ref().filter(|_| known && !takes_vlan) {
        let message = format!("an interface of type `{word}` cannot set a VLAN");
        let help = "VLANs can be set for VFs (`type='hostdev'`), for macvtap in mode `passthrough` and on bridges of Open vSwitch; \
                    otherwise use a bridge that is in the VLAN";
        report.refuse_with(vlan.origin, message, help);
    }
    let bandwidth = interface.options.bandwidth.as_ref().and_then(super::options::Bandwidth::origin);
    if let Some(origin) = bandwidth.filter(|_| is_function) {
        report.refuse_with(origin, "`<bandwidth>` is not for devices of the host", "remove `<bandwidth>`");
    }
    let on_bridge = matches!(actual, Type::Network | Type::Bridge | Type::Ethernet);
    let multiqueue = on_bridge || matches!(actual, Type::Direct | Type::Vhostuser | Type::Vdpa);
    if let Some(queues) = interface.driver.as_ref().and_then(|d| d.queues).filter(|_| !multiqueue) {
        report.refuse_with(
            queues.origin,
            format!("`queues` is not for an interface of type `{word}`"),
            "remove `queues`",
        );
    }
    if let Some(filter) = &interface.options.filter {
        if !on_bridge {
            report.refuse_with(
                filter.origin,
                format!("`<filterref>` is not for an interface of type `{word}`"),
                "remove `<filterref>`",
            );
        } else if interface.virtualport.as_ref().is_some_and(|p| p.kind.is_some()) || interface.is_openvswitch() {
            report.refuse_with(
                filter.origin,
                "`<filterref>` does not go with `<virtualport>`",
                "remove one of the two",
            );
        }
    }
    if let Some(tap) = interface.backend.tap.as_ref().filter(|_| !on_bridge) {
        report.refuse_with(
            tap.origin,
            format!("`tap` of `<backend>` is not for an interface of type `{word}`"),
            "remove `tap`",
        );
    }
}
