//! USB devices and network devices, from `/sys/bus/usb` and `/sys/class/net`.

use std::collections::BTreeMap;

use super::tree::Tree;
use crate::{NetDevice, NetParent, OperState, PciAddress, UsbDevice, UsbInterface};

/// The flag of a network device that is switched on (`IFF_UP`).
const ONLINE: u32 = 1;

/// Whether `name` is a port path: `1-2`, `1-2.3`. Root hubs (`usb1`) and interfaces (`1-2:1.0`) are not.
fn is_port(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    name.split_once('-').is_some_and(|(bus, path)| number(bus) && path.split('.').all(number))
}

/// The PCI function nearest to the end of a way.
fn last_pci(way: &[String]) -> Option<PciAddress> {
    way.iter().rev().find_map(|name| name.parse().ok())
}

pub(super) fn devices(sys: &Tree) -> BTreeMap<String, UsbDevice> {
    let names = sys.names("bus/usb/devices");
    let ports = names.iter().filter(|name| is_port(name));
    ports.filter_map(|port| Some((port.clone(), device(sys, port, &names)?))).collect()
}

fn device(sys: &Tree, port: &str, names: &[String]) -> Option<UsbDevice> {
    let dir = format!("bus/usb/devices/{port}");
    let at = |name: &str| format!("{dir}/{name}");
    let numbers = (sys.value(&at("busnum")), sys.value(&at("devnum")));
    let ids = (sys.hex(&at("idVendor")), sys.hex(&at("idProduct")));
    let ((Some(bus), Some(device)), (Some(vendor), Some(product))) = (numbers, ids) else {
        sys.problem(&dir, "no number, vendor or product can be read: the device is left out");
        return None;
    };
    let words: Vec<String> = ["manufacturer", "product"].iter().filter_map(|name| sys.text(&at(name))).collect();
    let own = |name: &&String| name.split_once(':').is_some_and(|(of, _)| of == port);
    Some(UsbDevice {
        bus,
        device,
        vendor,
        product,
        class: sys.hex(&at("bDeviceClass")).unwrap_or_default(),
        serial: sys.text(&at("serial")).filter(|serial| !serial.is_empty()),
        name: Some(words.join(" ")).filter(|name| !name.is_empty()),
        interfaces: names.iter().filter(own).filter_map(|name| interface(sys, name)).collect(),
        controller: last_pci(&sys.resolved(&dir)),
    })
}

fn interface(sys: &Tree, name: &str) -> Option<UsbInterface> {
    let at = |file: &str| format!("bus/usb/devices/{name}/{file}");
    Some(UsbInterface {
        class: sys.hex(&at("bInterfaceClass"))?,
        subclass: sys.hex(&at("bInterfaceSubClass")).unwrap_or_default(),
        protocol: sys.hex(&at("bInterfaceProtocol")).unwrap_or_default(),
        driver: sys.link(&at("driver")),
    })
}

pub(super) fn net(sys: &Tree) -> BTreeMap<String, NetDevice> {
    let names = sys.names("class/net");
    // `bonding_masters` is a file in the same directory.
    let devices = names.into_iter().filter(|name| sys.exists(&format!("class/net/{name}/flags")));
    devices.map(|name| (name.clone(), net_device(sys, &name))).collect()
}

fn net_device(sys: &Tree, name: &str) -> NetDevice {
    let at = |file: &str| format!("class/net/{name}/{file}");
    let way = if sys.exists(&at("device")) { sys.resolved(&at("device")) } else { Vec::new() };
    let usb = way.iter().rev().find(|name| is_port(name)).map(|port| NetParent::Usb(port.clone()));
    let mac = sys.text(&at("address")).filter(|text| !text.is_empty()).and_then(|text| text.parse().ok());
    NetDevice {
        mac,
        online: sys.hex::<u32>(&at("flags")).is_some_and(|flags| flags & ONLINE != 0),
        operstate: sys.text(&at("operstate")).map_or(OperState::Unknown, |text| OperState::from_sysfs(&text)),
        carrier: sys.switch(&at("carrier")),
        parent: usb.or_else(|| last_pci(&way).map(NetParent::Pci)),
        master: sys.link(&at("master")),
        is_bridge: sys.exists(&at("bridge")),
        mtu: sys.value(&at("mtu")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_paths() {
        assert!(is_port("1-2") && is_port("10-2.3.4"));
        for name in ["usb1", "1-2:1.0", "1-", "-1", "1-2.", "1-0:1.0", "a-1"] {
            assert!(!is_port(name), "{name}");
        }
    }
}
