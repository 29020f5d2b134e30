//! What the guest sees of an interface: `-device` (`qemuBuildNicDevProps` in libvirt's `src/qemu/qemu_command.c`).

use crate::ir::{Leaf, Opt, OptExt};
use crate::model::EmitContext;
use crate::model::devices::interface::{Interface, netdev};
use crate::model::devices::teaming::Teaming;
use crate::qemu::{ArgSection, Opts, Props, QemuOptions};

/// `-netdev` and `-device`.
pub(super) fn options(interface: &Interface, cx: &EmitContext<'_>, out: &mut QemuOptions) {
    if let Some(function) = interface.host_function() {
        // The devices of pools join the list of the host's devices when the guest starts, after those of the definition.
        let section = if interface.resolved.is_some() { ArgSection::NetworkHostdevs } else { ArgSection::Hostdevs };
        let pair = interface.teaming.as_ref().and_then(Teaming::failover_pair);
        let props = function.props(cx, &interface.info, interface.bootindex).opt("failover_pair_id", pair);
        return out.device(section, props, function.address.origin);
    }
    let id = format!("host{}", interface.info.alias());
    if let Some(netdev) = netdev::props(interface, cx, out) {
        out.json(ArgSection::Interfaces, "netdev", netdev.with("id", &id), interface.kind.origin);
        let origin = interface.model.origin_or(interface.origin);
        if interface.is_of_board(cx.domain) && !interface.is_virtio() {
            out.opts(ArgSection::Interfaces, "net", board(interface, &id), origin);
        } else {
            out.device(ArgSection::Interfaces, device(interface, cx, &id), origin);
        }
    }
}

/// `-net nic`: the board has the interface, and takes what is connected to it.
fn board(interface: &Interface, netdev: &str) -> Opts {
    let opts = Opts::first("nic").opt("macaddr", show(&interface.mac)).with("netdev", netdev);
    opts.with("model", interface.model()).with("id", interface.info.alias())
}

fn device(interface: &Interface, cx: &EmitContext<'_>, netdev: &str) -> Props {
    let driver = match interface.model() {
        "virtio" => "virtio-net-pci",
        "virtio-transitional" => "virtio-net-pci-transitional",
        "virtio-non-transitional" => "virtio-net-pci-non-transitional",
        model => model,
    };
    let mut props = Props::new().with("driver", driver);
    if let Some(driver) = &interface.driver {
        props = props.and(driver.props());
    }
    if interface.is_virtio() {
        let stays = interface.teaming.as_ref().is_some_and(Teaming::is_persistent);
        props = props.opt("host_mtu", interface.mtu.get()).opt("failover", stays.then_some(true));
    }
    props = props.with("netdev", netdev).with("id", interface.info.alias());
    props = props.opt("mac", show(&interface.mac));
    props = props.opt("bootindex", interface.info.boot_order.get().or(interface.bootindex));
    let address = if interface.model() == "usb-net" {
        cx.usb_address(&interface.info.address)
    } else {
        cx.pci_address(&interface.info.address)
    };
    props.and(address).and(interface.info.rom_props())
}

/// The text of a leaf.
pub(super) fn show<T: Leaf>(leaf: &Opt<T>) -> Option<String> {
    leaf.as_ref().map(|l| l.show())
}
