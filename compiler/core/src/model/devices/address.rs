//! Guest addresses of devices: `<address type='…'>`.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{CNumber, Hex, Leaf, Opt, Origin, Spanned, Switch, words};
use crate::model::devices::chardev::foreign;
use crate::xml_io::Fields;
use crate::xml_io::{Tag, XmlWriter};

pub use virtc_address::PciAddress;

/// Whether this is no place yet: libvirt takes an address of a guest's device with zeros for domain, bus and slot as a wish for one
/// (`virDeviceInfoPCIAddressIsWanted` in its `src/conf/device_conf.c`).
pub fn is_wanted(address: PciAddress) -> bool {
    address.domain() == 0 && address.bus() == 0 && address.slot() == 0
}

words! {
    /// The kind of an address.
    pub enum AddressKind {
        Pci = "pci", Drive = "drive", VirtioSerial = "virtio-serial", Usb = "usb", Isa = "isa", Ccid = "ccid", Dimm = "dimm",
        Unassigned = "unassigned", SpaprVio = "spapr-vio", Ccw = "ccw", VirtioS390 = "virtio-s390", VirtioMmio = "virtio-mmio",
    }
}

/// Where a device is in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// On a PCI bus.
    Pci {
        /// The bus is the index of the controller; all zeros where libvirt is to find a place ([`is_wanted`]).
        address: PciAddress,
        /// As given, or set where other functions of the slot are in use.
        multifunction: Opt<Switch>,
    },
    /// On a disk controller.
    Drive {
        /// The index of the controller.
        controller: u32,
        /// The bus of the controller.
        bus: u32,
        /// The SCSI target.
        target: u32,
        /// The unit.
        unit: u32,
    },
    /// A port of a virtio-serial controller.
    VirtioSerial {
        /// The index of the controller.
        controller: u32,
        /// Always 0.
        bus: u32,
        /// The port; 0 is kept for a console.
        port: u32,
    },
    /// On a USB bus.
    Usb {
        /// The index of the controller.
        bus: u32,
        /// The path of ports, such as `1` or `1.2`; empty where libvirt is to find one.
        port: String,
    },
    /// An ISA device.
    Isa {
        /// First port.
        iobase: Option<u32>,
        /// Interrupt line.
        irq: Option<u32>,
    },
    /// A slot for memory.
    Dimm {
        /// The slot; absent where libvirt is to find one.
        slot: Option<u32>,
        /// The place in the guest's memory.
        base: Option<u64>,
    },
    /// A slot of a reader of smartcards.
    Ccid {
        /// The index of the controller.
        controller: u32,
        /// The slot.
        slot: u32,
    },
    /// A register of a POWER machine.
    SpaprVio {
        /// The register; absent where libvirt is to find one.
        reg: Option<u64>,
    },
    /// A place for a virtio device that is on no bus.
    VirtioMmio,
    /// A place that no device of this architecture has.
    Foreign(AddressKind),
    /// No address: the device is not given to the guest.
    Unassigned,
}

impl Address {
    /// The address that `<address>` in `f` gives.
    pub fn lower(f: &Fields<'_, '_>) -> Opt<Self> {
        let a = f.child("address")?;
        if foreign(&a, "type", &["ccw", "virtio-s390"]) {
            return None;
        }
        if let Some(zpci) = a.child("zpci") {
            let given = zpci.element().attributes().next().is_some();
            let span = zpci.ignore_rest();
            let message = "`<zpci>` exists on s390x only";
            if given {
                a.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("remove `<zpci>`"));
            }
        }
        let kind = a.attr::<AddressKind>("type")?;
        let number = |name: &str| a.decimal::<u32>(name).map_or(0, |n| n.value);
        let address = match kind.value {
            AddressKind::Pci => Self::Pci { address: read_pci(&a), multifunction: a.attr("multifunction") },
            AddressKind::Drive => Self::Drive {
                controller: number("controller"),
                bus: number("bus"),
                target: number("target"),
                unit: number("unit"),
            },
            AddressKind::VirtioSerial => {
                Self::VirtioSerial { controller: number("controller"), bus: number("bus"), port: number("port") }
            }
            AddressKind::Usb => {
                let port = a.attr::<String>("port").map(|p| p.value).unwrap_or_default();
                Self::Usb { bus: number("bus"), port }
            }
            AddressKind::Isa => {
                let hex = |name| a.attr::<Hex>(name).and_then(|n| u32::try_from(n.value.0).ok());
                Self::Isa { iobase: hex("iobase"), irq: hex("irq") }
            }
            AddressKind::Unassigned => Self::Unassigned,
            AddressKind::Dimm => {
                let base = a.attr::<Hex>("base").map(|n| n.value.0).filter(|b| *b > 0);
                let slot = a.decimal::<u32>("slot").map(|n| n.value);
                if slot.is_none() {
                    let message = "an `<address type='dimm'>` needs `slot`";
                    a.report(
                        Diagnostic::at(&codes::MISSING, a.element().span(), message)
                            .help("write `slot='0'`, or remove the `<address>`"),
                    );
                }
                Self::Dimm { slot, base }
            }
            AddressKind::SpaprVio => Self::SpaprVio { reg: a.attr::<Hex>("reg").map(|n| n.value.0) },
            AddressKind::VirtioMmio => Self::VirtioMmio,
            AddressKind::Ccw | AddressKind::VirtioS390 => {
                let _ = a.ignore_rest();
                Self::Foreign(kind.value)
            }
            AddressKind::Ccid => Self::Ccid { controller: number("controller"), slot: number("slot") },
        };
        Some(Spanned { value: address, origin: a.origin() })
    }

    /// Writes `<address …/>`.
    pub fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::Pci { address, multifunction } => {
                let tag = w.tag("address").attr("type", "pci");
                let tag = if is_wanted(*address) { tag } else { write_pci(*address, tag) };
                tag.opt("multifunction", multifunction).end();
            }
            Self::Drive { controller, bus, target, unit } => w
                .tag("address")
                .attr("type", "drive")
                .attr("controller", &controller.show())
                .attr("bus", &bus.show())
                .attr("target", &target.show())
                .attr("unit", &unit.show())
                .end(),
            Self::VirtioSerial { controller, bus, port } => w
                .tag("address")
                .attr("type", "virtio-serial")
                .attr("controller", &controller.show())
                .attr("bus", &bus.show())
                .attr("port", &port.show())
                .end(),
            Self::Usb { bus, port } => {
                let tag = w.tag("address").attr("type", "usb").attr("bus", &bus.show());
                if port.is_empty() { tag.end() } else { tag.attr("port", port).end() }
            }
            Self::Isa { iobase, irq } => {
                let mut tag = w.tag("address").attr("type", "isa");
                // libvirt holds what is 0 for absent.
                if let Some(iobase) = iobase.filter(|n| *n > 0) {
                    tag = tag.attr("iobase", &format!("0x{iobase:x}"));
                }
                if let Some(irq) = irq.filter(|n| *n > 0) {
                    tag = tag.attr("irq", &format!("0x{irq:x}"));
                }
                tag.end();
            }
            Self::Dimm { slot, base } => {
                let tag = w.tag("address").attr("type", "dimm");
                let tag = match slot {
                    Some(slot) => tag.attr("slot", &slot.show()),
                    None => tag,
                };
                match base {
                    Some(base) => tag.attr("base", &format!("{base:#x}")).end(),
                    None => tag.end(),
                }
            }
            Self::Ccid { controller, slot } => w
                .tag("address")
                .attr("type", "ccid")
                .attr("controller", &controller.show())
                .attr("slot", &slot.show())
                .end(),
            Self::SpaprVio { reg } => {
                let tag = w.tag("address").attr("type", "spapr-vio");
                match reg {
                    Some(reg) => tag.attr("reg", &format!("0x{reg:08x}")).end(),
                    None => tag.end(),
                }
            }
            Self::VirtioMmio => w.tag("address").attr("type", AddressKind::VirtioMmio.word()).end(),
            Self::Foreign(kind) => w.tag("address").attr("type", kind.word()).end(),
            Self::Unassigned => w.tag("address").attr("type", "unassigned").end(),
        }
    }
}

/// The PCI address in the attributes `domain`, `bus`, `slot` and `function` of `a`; one that is absent is 0 (`virPCIDeviceAddressParseXML` and
/// `virPCIDeviceAddressIsValid` in libvirt's `src/conf/device_conf.c` and `src/util/virpci.c`). What cannot be read is reported.
pub fn read_pci(a: &Fields<'_, '_>) -> PciAddress {
    let byte = |name: &str, last: u8| {
        let Some(given) = a.attr::<CNumber>(name) else { return 0 };
        let value = u8::try_from(given.value.0).ok().filter(|value| *value <= last);
        if value.is_none() {
            let message = format!("the `{name}` of a PCI address is at most {last:#x}");
            a.report(Diagnostic::at(&codes::BAD_VALUE, given.origin, message));
        }
        value.unwrap_or_default()
    };
    let domain = a.attr::<CNumber>("domain").map_or(0, |domain| domain.value.0);
    let (bus, slot) = (byte("bus", u8::MAX), byte("slot", PciAddress::LAST_SLOT));
    PciAddress::new(domain, bus, slot, byte("function", PciAddress::LAST_FUNCTION)).unwrap_or_default()
}

/// Writes the attributes `domain`, `bus`, `slot` and `function` (`virPCIDeviceAddressFormat` in libvirt's `src/conf/device_conf.c`).
pub fn write_pci(address: PciAddress, tag: Tag<'_>) -> Tag<'_> {
    tag.attr("domain", &format!("0x{:04x}", address.domain()))
        .attr("bus", &format!("0x{:02x}", address.bus()))
        .attr("slot", &format!("0x{:02x}", address.slot()))
        .attr("function", &format!("0x{:x}", address.function()))
}

/// The PCI address of a device, where it has one.
pub fn pci(address: &Opt<Address>) -> Option<(PciAddress, Origin)> {
    match address {
        Some(Spanned { value: Address::Pci { address, .. }, origin }) => Some((*address, *origin)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use virtc_diag::SourceFile;
    use virtc_rng::Validated;

    use super::*;
    use crate::xml_io::Lowering;

    /// The address that these attributes mean, and what is wrong with them.
    fn read(attributes: &str) -> (String, Vec<String>) {
        let (document, _) = virtc_xml::parse(&SourceFile::new("t.xml", format!("<address {attributes}/>")));
        let validated = Validated::unchecked(&document);
        let cx = Lowering::new(&validated);
        let address = read_pci(&Fields::new(&cx, document.root().unwrap()));
        let (found, _) = cx.finish();
        (address.to_string(), found.iter().map(|d| d.message.clone()).collect())
    }

    #[test]
    fn addresses_are_read_as_libvirt_reads_them() {
        for (attributes, expected) in [
            ("", "0000:00:00.0"),
            ("domain='0x0000' bus='0x03' slot='0x1f' function='0x7'", "0000:03:1f.7"),
            ("domain='65536' bus='225' slot='0' function='0'", "10000:e1:00.0"),
            ("domain='0xffffffff' bus='0xFF' slot='31'", "ffffffff:ff:1f.0"),
            ("bus='010' slot='010'", "0000:08:08.0"),
            ("bus='+9' slot=' 9'", "0000:09:09.0"),
        ] {
            assert_eq!(read(attributes), (expected.to_owned(), Vec::new()), "{attributes}");
        }
    }

    #[test]
    fn what_is_no_address_is_said_at_its_attribute() {
        for (attributes, message) in [
            ("bus='256'", "the `bus` of a PCI address is at most 0xff"),
            ("slot='32'", "the `slot` of a PCI address is at most 0x1f"),
            ("function='8'", "the `function` of a PCI address is at most 0x7"),
            (
                "domain='0x100000000'",
                "value `0x100000000` of `domain` is not a number: hexadecimal ones begin with `0x`, octal ones with `0`",
            ),
            (
                "slot='1f'",
                "value `1f` of `slot` is not a number: hexadecimal ones begin with `0x`, octal ones with `0`",
            ),
            (
                "slot='08'",
                "value `08` of `slot` is not a number: hexadecimal ones begin with `0x`, octal ones with `0`",
            ),
        ] {
            assert_eq!(read(attributes), ("0000:00:00.0".to_owned(), vec![message.to_owned()]), "{attributes}");
        }
    }
}
