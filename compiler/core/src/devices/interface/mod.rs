//! `<interface>`.

mod frontend;
mod source;
mod virtualport;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::define::Defaults;
use crate::define::pci::{PCI_DEVICE, PCIE_DEVICE};
use crate::devices::host_source::HostSource;
use crate::devices::hostdev::{PciDriver, needs_pci};
use crate::devices::virtio::VirtioOptions;
use crate::devices::{Device, Info, Needs};
use crate::domain::Domain;
use crate::emit::{Cx, HostNeeds, Items};
use crate::ir::{Leaf, Mac, Opt, OptExt, Origin, Rule, Spanned, Switch, YesNo, words};
use crate::lower::Fields;
use crate::write::XmlWriter;

pub use source::Source;
pub use virtualport::{VirtualPort, Vlan};

words! {
    /// Where the frames go.
    pub enum InterfaceType { User = "user", Ethernet = "ethernet", Bridge = "bridge", Network = "network", Hostdev = "hostdev" }
}

words! {
    /// Who moves the frames of a virtio interface.
    pub enum Backend { Qemu = "qemu", Vhost = "vhost" }
}

words! {
    /// When a virtio interface sends.
    pub enum TxMode { Iothread = "iothread", Timer = "timer" }
}

words! {
    /// The state of the link that the guest sees.
    pub enum LinkState { Up = "up", Down = "down" }
}

/// `<driver>` of an interface.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    /// Who moves the frames.
    pub name: Opt<Backend>,
    /// When it sends.
    pub txmode: Opt<TxMode>,
    /// Whether notifications go through an eventfd.
    pub ioeventfd: Opt<Switch>,
    /// Whether the event index is used.
    pub event_idx: Opt<Switch>,
    /// Pairs of queues.
    pub queues: Opt<u32>,
    /// Length of a receive queue.
    pub rx_queue_size: Opt<u32>,
    /// Length of a send queue.
    pub tx_queue_size: Opt<u32>,
    /// What every virtio device has.
    pub virtio: VirtioOptions,
}

/// `<interface>`.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Where the frames go.
    pub kind: Spanned<InterfaceType>,
    /// Whether the host's driver is detached and attached for the guest; for `hostdev` alone.
    pub managed: Opt<YesNo>,
    /// The guest's address.
    pub mac: Opt<Mac>,
    /// What the type refers to.
    pub source: Source,
    /// The VLAN that the host puts the interface in.
    pub vlan: Option<Vlan>,
    /// The profile of a switch.
    pub virtualport: Option<VirtualPort>,
    /// The name of the interface on the host.
    pub target: Opt<String>,
    /// Whether an existing interface of that name is taken as it is.
    pub target_managed: Opt<YesNo>,
    /// The model that the guest sees; QEMU's own names are taken too.
    pub model: Opt<String>,
    /// How the frames are moved.
    pub driver: Option<Driver>,
    /// The kernel driver, for `hostdev`.
    pub pci_driver: Option<PciDriver>,
    /// The state of the link.
    pub link: Opt<LinkState>,
    /// The largest frame, in bytes.
    pub mtu: Opt<u32>,
    /// What every device has.
    pub info: Info,
    /// Where it stands.
    pub origin: Origin,
    /// Whether the host's function is conventional PCI; `define` fills it from the host file.
    pub conventional: bool,
    /// The place in the boot order that follows from `<os>`; `prepare` fills it.
    pub bootindex: Option<u32>,
}

static MODEL: Rule = Rule {
    name: "interface-model",
    text: "an interface without a model is an rtl8139, which every guest knows and none likes; `virtio` is the fast one",
};
static MAC: Rule = Rule {
    name: "derived-mac",
    text: "an interface without a MAC gets 52:54:00 and three bytes of a hash over the domain's uuid and the interface's place",
};

impl Interface {
    /// Whether it is a device of the host.
    pub fn is_hostdev(&self) -> bool {
        self.kind.value == InterfaceType::Hostdev
    }

    /// Whether the guest sees a virtio interface.
    pub fn is_virtio(&self) -> bool {
        self.model.as_ref().is_some_and(|m| m.value == "virtio")
    }

    /// A MAC for an interface that has none: `place` is its place among the domain's interfaces.
    pub fn derive_mac(&mut self, uuid: &[u8], place: usize) {
        use sha2::{Digest, Sha256};
        if self.mac.is_none() {
            let hash = Sha256::new()
                .chain_update(b"virtc mac")
                .chain_update(uuid)
                .chain_update(place.to_le_bytes())
                .finalize();
            let byte = |at: usize| hash.get(at).copied().unwrap_or_default();
            self.mac = Some(Spanned::rule(Mac([0x52, 0x54, 0, byte(0), byte(1), byte(2)]), &MAC));
        }
    }
}

impl Device for Interface {
    const ELEMENT: &'static str = "interface";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let kind = f.attr::<InterfaceType>("type")?;
        let target = f.child("target");
        let driver = f.child("driver");
        let hostdev = kind.value == InterfaceType::Hostdev;
        Some(Self {
            managed: if hostdev { f.attr("managed") } else { None },
            mac: f.child_attr("mac", "address"),
            source: Source::lower(f, kind.value),
            vlan: Vlan::lower(f),
            virtualport: VirtualPort::lower(f),
            target_managed: target.as_ref().and_then(|t| t.attr("managed")),
            target: target.and_then(|t| t.attr("dev")),
            // libvirt compares the models that it knows without regard to case, and writes them in small letters.
            model: f
                .child_attr::<String>("model", "type")
                .map(|m| m.map(|m| if m.eq_ignore_ascii_case("virtio") { m.to_ascii_lowercase() } else { m })),
            pci_driver: driver.as_ref().filter(|_| hostdev).and_then(|_| PciDriver::lower(f)),
            driver: driver.filter(|_| !hostdev).map(|d| Driver {
                name: d.attr("name"),
                txmode: d.attr("txmode"),
                ioeventfd: d.attr("ioeventfd"),
                event_idx: d.attr("event_idx"),
                queues: d.attr("queues"),
                rx_queue_size: d.attr("rx_queue_size"),
                tx_queue_size: d.attr("tx_queue_size"),
                virtio: VirtioOptions::lower(&d),
            }),
            link: f.child_attr("link", "state"),
            mtu: f.child_attr("mtu", "size"),
            info: Info::lower(f),
            origin: f.origin(),
            conventional: false,
            bootindex: None,
            kind,
        })
    }

    fn write(&self, w: &mut XmlWriter) {
        let managed = self.managed.filter(|m| m.is_yes());
        w.tag("interface").attr("type", self.kind.word()).opt("managed", &managed).children(|w| {
            if self.mac.is_some() {
                w.tag("mac").opt("address", &self.mac).end();
            }
            if let Some(driver) = &self.pci_driver {
                driver.write(w);
            }
            self.source.write(w);
            if let Some(vlan) = &self.vlan {
                vlan.write(w);
            }
            if let Some(port) = &self.virtualport {
                port.write(w);
            }
            if self.target.is_some() || self.target_managed.is_some() {
                w.tag("target").opt("dev", &self.target).opt("managed", &self.target_managed).end();
            }
            if self.model.is_some() {
                w.tag("model").opt("type", &self.model).end();
            }
            if let Some(d) = &self.driver {
                let tag = w.tag("driver").opt("name", &d.name).opt("txmode", &d.txmode).opt("ioeventfd", &d.ioeventfd);
                let tag = tag.opt("event_idx", &d.event_idx).opt("queues", &d.queues);
                let tag = tag.opt("rx_queue_size", &d.rx_queue_size).opt("tx_queue_size", &d.tx_queue_size);
                d.virtio.write(tag).end();
            }
            if self.link.is_some() {
                w.tag("link").opt("state", &self.link).end();
            }
            if self.mtu.is_some() {
                w.tag("mtu").opt("size", &self.mtu).end();
            }
            self.info.write(w);
        });
    }

    fn origin(&self) -> Origin {
        self.origin
    }

    fn is_meant_by(&self, other: &Self) -> bool {
        let same_address = other.info.address.as_ref().is_none_or(|a| self.info.address.is(&a.value));
        self.kind.value == other.kind.value && same_address && other.mac.is_none_or(|m| self.mac.is(&m.value))
    }

    fn info(&self) -> &Info {
        &self.info
    }

    fn info_mut(&mut self) -> &mut Info {
        &mut self.info
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let span = self.origin.span().unwrap_or_default();
        if let Some(mac) = self.mac.filter(|m| m.0.first().is_some_and(|b| b & 1 == 1)) {
            let message = format!("{} is a multicast address", mac.show());
            let help = "clear the lowest bit of the first byte, or remove `<mac>` to have an address derived";
            defaults.report(Diagnostic::new(&codes::CONFLICT, mac.origin.span().unwrap_or(span), message).help(help));
        }
        if !self.is_hostdev() {
            self.model.get_or_insert(Spanned::rule("rtl8139".to_owned(), &MODEL));
        }
        if let Source::Host(Some(Spanned { value: HostSource::Pci(slot), .. })) = &self.source {
            self.conventional = defaults.facts.is_conventional(*slot);
        }
        self.check_hostdev(defaults);
        self.source.check(self.kind.value, span, defaults);
    }

    fn check(&self, _domain: &Domain, faults: &mut Diagnostics) {
        let Some(driver) = &self.driver else { return };
        for (size, what) in [(driver.rx_queue_size, "receive"), (driver.tx_queue_size, "send")] {
            if let Some(size) = size.filter(|s| !s.value.is_power_of_two()) {
                let message = format!("the length of the {what} queue is no power of two");
                faults.push(Diagnostic::new(
                    &codes::UNSUPPORTED_CONFIGURATION,
                    size.origin.span().unwrap_or_default(),
                    message,
                ));
            }
        }
    }

    fn needs(&self, domain: &Domain) -> Needs {
        if self.is_hostdev() {
            return needs_pci(domain, self.conventional);
        }
        match self.model.as_ref().map(|m| m.value.as_str()) {
            Some("virtio" | "virtio-non-transitional" | "e1000e" | "igb") if domain.has_pcie() => {
                Needs::Pci(PCIE_DEVICE)
            }
            Some("usb-net") => Needs::Usb,
            Some(_) | None => Needs::Pci(PCI_DEVICE),
        }
    }

    fn default_alias(&self, index: usize, domain: &Domain) -> String {
        let same = domain.devices.interfaces.iter().take(index).filter(|i| i.is_hostdev() == self.is_hostdev()).count();
        if self.is_hostdev() { format!("hostdev{same}") } else { format!("net{index}") }
    }

    fn items(&self, cx: &Cx<'_>, out: &mut Items) {
        frontend::items(self, cx, out);
    }

    fn host(&self, cx: &Cx<'_>, out: &mut HostNeeds) {
        frontend::host(self, cx, out);
    }
}

impl Interface {
    /// What a VF cannot do (`virHostdevNetConfigReplace` in libvirt's src/hypervisor/virhostdev.c).
    fn check_hostdev(&self, defaults: &mut Defaults<'_>) {
        if !self.is_hostdev() {
            if let Some(vlan) = &self.vlan {
                let message = format!("an interface of type `{}` cannot set a VLAN", self.kind.word());
                let help = "VLANs can be set for VFs (`type='hostdev'`); otherwise use a bridge that is in the VLAN";
                defaults.report(
                    Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, vlan.origin.span().unwrap_or_default(), message)
                        .help(help),
                );
            }
            return;
        }
        if let Source::Host(Some(
            source @ Spanned { value: HostSource::UsbAddress { .. } | HostSource::UsbId { .. }, .. },
        )) = &self.source
        {
            let message = "QEMU has no way to make a USB device a network interface of type `hostdev`";
            let help = "use `<hostdev mode='subsystem' type='usb'>`; the guest's driver makes it an interface";
            let span = source.origin.span().unwrap_or_default();
            defaults.report(Diagnostic::new(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        }
    }
}
