//! What QEMU gets for an interface, and what the host must do for it.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::devices::host_source::HostSource;
use crate::devices::hostdev::vfio_props;
use crate::devices::interface::{Backend, Interface, InterfaceType, Source, TxMode};
use crate::emit::{Cx, HostNeeds, Items, Props, Section, Text, fd};
use crate::ir::{Leaf, Mac, OptExt, Spanned, Switch, YesNo};

/// The function of the host behind an interface of type `hostdev`.
fn host_function(interface: &Interface) -> Option<Spanned<crate::devices::PciSlot>> {
    match &interface.source {
        Source::Host(Some(Spanned { value: HostSource::Pci(slot), origin })) => {
            Some(Spanned { value: *slot, origin: *origin })
        }
        _ => None,
    }
}

/// The bridge that the interface joins. A network's bridge is known to the host alone.
fn bridge(interface: &Interface, cx: &Cx<'_>) -> Option<String> {
    match &interface.source {
        Source::Bridge(name) => name.as_ref().map(|n| n.value.clone()),
        Source::Network { name: Some(name), .. } => {
            let bridge = cx.facts.bridge(&name.value);
            if bridge.is_none() {
                let span = name.origin.span().unwrap_or_default();
                let message = match cx.facts.network(&name.value) {
                    Some(_) => {
                        format!("network `{}` has no bridge, and other networks are not supported yet", name.value)
                    }
                    None => format!("the bridge of network `{}` is not known", name.value),
                };
                let code = if cx.facts.network(&name.value).is_some() {
                    &codes::NOT_YET_SUPPORTED
                } else {
                    &codes::HOST_FACT_NEEDED
                };
                let help = "name the network and its bridge in a host file (`--host`), under `resources`, or use `type='bridge'`";
                cx.report(Diagnostic::new(code, span, message).help(help));
            }
            bridge.map(str::to_owned)
        }
        Source::Network { .. } | Source::Nothing | Source::Host(_) => None,
    }
}

/// The names of the tap's descriptors, and of those of vhost.
fn descriptors(interface: &Interface) -> (Vec<String>, Vec<String>) {
    let alias = interface.info.alias();
    let queues =
        interface.driver.as_ref().and_then(|d| d.queues.get()).filter(|q| *q > 1 && interface.is_virtio()).unwrap_or(1);
    let names = |what: &str| -> Vec<String> { (0..queues).map(|q| format!("{what}-{alias}{q}")).collect() };
    let vhost = match interface.driver.as_ref().and_then(|d| d.name.get()) {
        Some(Backend::Vhost) => true,
        Some(Backend::Qemu) => false,
        None => interface.is_virtio(),
    };
    (names("tapfd"), if vhost { names("vhostfd") } else { Vec::new() })
}

fn joined(names: &[String]) -> Text {
    names
        .iter()
        .enumerate()
        .fold(Text::default(), |text, (at, name)| if at == 0 { text } else { text.then(":") }.then(fd(name)))
}

/// `-netdev` and `-device`.
pub(super) fn items(interface: &Interface, cx: &Cx<'_>, out: &mut Items) {
    if interface.is_hostdev() {
        if let Some(slot) = host_function(interface) {
            out.device(
                Section::Hostdevs,
                vfio_props(cx, slot.value, &interface.info, interface.bootindex),
                slot.origin,
            );
        }
        return;
    }
    let alias = interface.info.alias();
    let id = format!("host{alias}");
    let netdev = match interface.kind.value {
        InterfaceType::User | InterfaceType::Hostdev => Props::new().with("type", "user"),
        InterfaceType::Ethernet | InterfaceType::Bridge | InterfaceType::Network => {
            let _ = bridge(interface, cx);
            let (tap, vhost) = descriptors(interface);
            let plural = if tap.len() > 1 { "s" } else { "" };
            let mut props = Props::new().with("type", "tap").with(&format!("fd{plural}"), joined(&tap));
            if !vhost.is_empty() {
                props.set("vhost", true);
                props.set(&format!("vhostfd{plural}"), joined(&vhost));
            }
            props
        }
    };
    out.json(Section::Interfaces, "netdev", netdev.with("id", &id), interface.kind.origin);
    out.device(Section::Interfaces, device(interface, cx, &id), interface.model.origin_or(interface.origin));
}

fn device(interface: &Interface, cx: &Cx<'_>, netdev: &str) -> Props {
    let model = interface.model.as_ref().map_or("", |m| m.value.as_str());
    let mut props = match model {
        "virtio" => Props::new().with("driver", "virtio-net-pci"),
        model => Props::new().with("driver", model),
    };
    let taps = matches!(interface.kind.value, InterfaceType::Ethernet | InterfaceType::Bridge | InterfaceType::Network);
    if let Some(d) = interface.driver.as_ref().filter(|_| interface.is_virtio()) {
        let tx = d.txmode.get().map(|mode| match mode {
            TxMode::Iothread => "bh",
            TxMode::Timer => "timer",
        });
        props = props
            .and(d.virtio.props())
            .opt("tx", tx)
            .opt("ioeventfd", d.ioeventfd.get().map(Switch::is_on))
            .opt("event_idx", d.event_idx.get().map(Switch::is_on));
        if let Some(queues) = d.queues.get().filter(|q| *q > 1 && taps) {
            // A vector for each queue of each pair, one for the control queue, one for changes of the configuration.
            props = props.with("mq", true).with("vectors", 2 * u64::from(queues) + 2);
        }
        props = props.opt("rx_queue_size", d.rx_queue_size.get()).opt("tx_queue_size", d.tx_queue_size.get());
    }
    if interface.is_virtio() {
        props = props.opt("host_mtu", interface.mtu.get());
    }
    props = props.with("netdev", netdev).with("id", interface.info.alias());
    props = props.opt("mac", interface.mac.as_ref().map(|m| m.show()));
    props = props.opt("bootindex", interface.info.boot_order.get().or(interface.bootindex));
    let address = if model == "usb-net" {
        cx.usb_address(&interface.info.address)
    } else {
        cx.pci_address(&interface.info.address)
    };
    props.and(address).and(interface.info.rom_props())
}

/// Taps, and functions of the host.
pub(super) fn host(interface: &Interface, cx: &Cx<'_>, out: &mut HostNeeds) {
    if let Some(slot) = host_function(interface) {
        let managed = interface.managed.is(&YesNo::Yes);
        out.vfio(slot.value, managed, slot.origin);
        let admin = interface.mac.as_ref().map(|m| m.origin).or(interface.vlan.as_ref().map(|v| v.origin));
        out.vf_admin(admin.unwrap_or(slot.origin));
        return;
    }
    if !matches!(interface.kind.value, InterfaceType::Ethernet | InterfaceType::Bridge | InterfaceType::Network) {
        return;
    }
    let (fds, vhost_fds) = descriptors(interface);
    let name = interface.target.as_ref().map_or_else(|| "vnet%d".to_owned(), |t| t.value.clone());
    // The host's side of the tap has the guest's address, but for its first byte: a bridge takes the lowest address of its ports for its own.
    let mac = interface.mac.map(|m| {
        let mut bytes = m.value.0;
        if let Some(first) = bytes.first_mut() {
            *first = 0xfe;
        }
        Mac(bytes)
    });
    out.tap(
        virtc_plan::Step::Tap {
            fds,
            vhost_fds,
            name,
            bridge: bridge(interface, cx),
            mac: mac.map(|m| m.show()),
            mtu: interface.mtu.get(),
            vnet_hdr: interface.is_virtio(),
        },
        interface.kind.origin,
    );
}
