//! What the compiler knows of the host: the host file, and libvirt's defaults where there is none.

use virtc_inventory::{BusKind, Config, Forward, Hardware, HostFile, Network, PciAddress};

use crate::devices::PciSlot;
use crate::emit::{Text, state};

/// The host file, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'h> {
    file: Option<&'h HostFile>,
}

impl<'h> Facts<'h> {
    /// What `file` says.
    pub fn new(file: Option<&'h HostFile>) -> Self {
        Self { file }
    }

    /// The hardware, where it is known.
    pub fn hardware(&self) -> Option<&'h Hardware> {
        self.file?.hardware.as_ref()
    }

    /// How the host is set up, where the file says.
    pub fn config(&self) -> Option<&'h Config> {
        self.file?.config.as_ref()
    }

    /// The network of this name, where it is known.
    pub fn network(&self, name: &str) -> Option<&'h Network> {
        self.file?.resources.as_ref()?.networks.get(name)
    }

    /// The render node that QEMU draws on, where it is known.
    pub fn render_node(&self) -> Option<&'h str> {
        self.file?.resources.as_ref()?.render_node.as_deref()
    }

    /// The bridge of a network, where it has one of its own or names one.
    pub fn bridge(&self, network: &str) -> Option<&'h str> {
        let network = self.network(network)?;
        match network.forward {
            Forward::None | Forward::Nat | Forward::Route | Forward::Open | Forward::Bridge => {
                network.bridge.as_deref()
            }
            Forward::Private | Forward::Vepa | Forward::Passthrough | Forward::Hostdev => None,
        }
    }

    /// Whether a function of the host is conventional PCI. One that is not known is taken for PCI Express, as libvirt takes it.
    pub fn is_conventional(&self, slot: PciSlot) -> bool {
        let address = PciAddress::new(slot.domain.into(), slot.bus, slot.slot, slot.function);
        let function = address.and_then(|a| self.hardware()?.function(a));
        function.is_some_and(|f| f.bus == BusKind::Conventional)
    }

    /// The bus and number of the one USB device with these ids.
    pub fn usb_by_id(&self, vendor: u16, product: u16) -> Option<(u32, u32)> {
        let mut found = self.hardware()?.usb_by_id(vendor, product);
        let (_, device) = found.next()?;
        found.next().is_none().then_some((device.bus, device.device))
    }

    /// The directory of the firmware's variables.
    pub fn nvram_dir(&self) -> &'h str {
        self.config().map_or("/var/lib/libvirt/qemu/nvram", |config| &config.nvram_dir)
    }

    /// The directory of the sockets of guest channels: the host's, or one in the VM's own directory.
    pub fn channel_dir(&self) -> Text {
        self.config().map_or_else(|| state("/channel"), |config| Text::from(&config.channel_dir))
    }
}
