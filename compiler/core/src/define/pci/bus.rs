//! PCI buses: what each model of controller offers, and which of its slots are taken.

use crate::model::devices::PciAddress;
use crate::model::devices::controller::PciModel;
use crate::model::slot::Connect;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// A bit for each function in use.
    functions: u8,
    /// Whether its functions are shared among devices that aggregate.
    aggregate: bool,
}

/// One bus.
#[derive(Debug, Clone)]
pub struct Bus {
    /// Its controller; `None` where a bus is named that no controller provides.
    pub model: PciModel,
    slots: [Slot; 32],
    /// How many slots are in use.
    used: u8,
}

impl Bus {
    /// A bus with nothing on it.
    pub fn new(model: PciModel) -> Self {
        Self { model, slots: [Slot::default(); 32], used: 0 }
    }

    /// What it offers (`qemuDomainPCIAddressSet`… in libvirt's `src/conf/domain_addr.c`).
    pub fn offers(&self) -> Connect {
        use Connect as C;
        match self.model {
            PciModel::PciRoot => C::HOTPLUG.and(C::PCI).and(C::PCI_BRIDGE).and(C::PCI_EXPANDER),
            PciModel::PciBridge | PciModel::PcieToPciBridge | PciModel::PciExpanderBus => {
                C::HOTPLUG.and(C::PCI).and(C::PCI_BRIDGE)
            }
            PciModel::PcieRoot => C::PCIE.and(C::ROOT_PORT).and(C::INTEGRATED).and(C::DMI_BRIDGE).and(C::PCIE_EXPANDER),
            PciModel::DmiToPciBridge => C::PCI.and(C::PCI_BRIDGE),
            PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort => {
                C::HOTPLUG.and(C::PCIE).and(C::UPSTREAM).and(C::PCIE_TO_PCI)
            }
            PciModel::PcieSwitchUpstreamPort => C::DOWNSTREAM,
            PciModel::PcieExpanderBus => C::ROOT_PORT.and(C::DMI_BRIDGE),
        }
    }

    /// The first and the last slot that devices may take.
    pub fn range(&self) -> (u8, u8) {
        match self.model {
            PciModel::PciRoot | PciModel::PcieRoot | PciModel::PciBridge | PciModel::PcieToPciBridge => (1, 31),
            PciModel::DmiToPciBridge
            | PciModel::PciExpanderBus
            | PciModel::PcieSwitchUpstreamPort
            | PciModel::PcieExpanderBus => (0, 31),
            PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort => (0, 0),
        }
    }

    /// Whether a device that asks for `flags` may be here; a user who names the place may also mix PCI and PCI Express.
    pub fn takes(&self, flags: Connect, named: bool) -> bool {
        let offers = self.offers();
        if flags.has(Connect::INTEGRATED) && !self.model.is_root() {
            return false;
        }
        if named {
            let ends = Connect::PCI.and(Connect::PCIE);
            let widened = if offers.shares_type(ends) { offers.and(ends) } else { offers };
            let bridge = widened.has(Connect::PCI) && flags.has(Connect::PCI_BRIDGE);
            return bridge || widened.shares_type(flags);
        }
        offers.shares_type(flags) && (offers.has(Connect::HOTPLUG) || !flags.has(Connect::HOTPLUG))
    }

    /// Whether the place is in use.
    pub fn in_use(&self, slot: u8, function: u8) -> bool {
        let bit = 1u8.checked_shl(function.into()).unwrap_or(0);
        self.slots.get(usize::from(slot)).is_some_and(|s| s.functions & bit != 0)
    }

    /// Whether anything is in the slot.
    pub fn slot_in_use(&self, slot: u8) -> bool {
        self.slots.get(usize::from(slot)).is_some_and(|s| s.functions != 0)
    }

    /// Takes the place.
    pub fn take(&mut self, slot: u8, function: u8, aggregate: bool) {
        if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
            if slot.functions == 0 {
                slot.aggregate = aggregate;
                self.used += 1;
            }
            slot.functions |= 1u8.checked_shl(function.into()).unwrap_or(0);
        }
    }

    /// Whether nothing more can be put on it.
    pub fn is_full(&self) -> bool {
        let (first, last) = self.range();
        (first..=last).all(|slot| self.slot_in_use(slot))
    }

    /// The first free place for a device with these flags, and `function` where it wants a certain one.
    pub fn free(&self, flags: Connect, function: Option<u8>) -> Option<(u8, u8)> {
        let (first, last) = self.range();
        let slots = last - first + 1;
        if self.used >= slots && !flags.has(Connect::AGGREGATE) {
            return None;
        }
        (first..=last).find_map(|number| {
            let slot = self.slots.get(usize::from(number))?;
            if slot.functions == 0 {
                return Some((number, function.unwrap_or(0)));
            }
            if flags.has(Connect::AGGREGATE) && slot.aggregate {
                return (0..8).find(|f| slot.functions & (1 << f) == 0).map(|f| (number, f));
            }
            None
        })
    }
}

/// All buses of a guest, by the index of their controller.
#[derive(Debug, Clone, Default)]
pub struct Buses(Vec<Option<Bus>>);

impl Buses {
    /// The bus with this index.
    pub fn get(&self, bus: u8) -> Option<&Bus> {
        self.0.get(usize::from(bus))?.as_ref()
    }

    /// The bus with this index.
    pub fn get_mut(&mut self, bus: u8) -> Option<&mut Bus> {
        self.0.get_mut(usize::from(bus))?.as_mut()
    }

    /// The bus `index` is behind a controller of this model.
    pub fn set(&mut self, index: usize, model: PciModel) {
        if self.0.len() <= index {
            self.0.resize(index + 1, None);
        }
        if let Some(bus) = self.0.get_mut(index) {
            *bus = Some(Bus::new(model));
        }
    }

    /// Puts a bus of the usual model where none is, below the highest index (`qemuDomainPCIAddressSetCreate` in libvirt's
    /// `src/qemu/qemu_domain_address.c`).
    pub fn fill(&mut self) {
        let pcie = self.get(0).is_some_and(|root| root.model == PciModel::PcieRoot);
        let model = if pcie { PciModel::PcieRootPort } else { PciModel::PciBridge };
        for bus in self.0.iter_mut().skip(1) {
            bus.get_or_insert_with(|| Bus::new(model));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The buses with their indexes.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &Bus)> {
        self.0.iter().enumerate().filter_map(|(i, b)| Some((u8::try_from(i).ok()?, b.as_ref()?)))
    }

    /// Takes `at`.
    pub fn take(&mut self, at: PciAddress, aggregate: bool) {
        if let Some(bus) = self.get_mut(at.bus()) {
            bus.take(at.slot(), at.function(), aggregate);
        }
    }

    /// The first free place for a device with these flags.
    pub fn free(&self, flags: Connect, function: Option<u8>) -> Option<PciAddress> {
        let mut fitting = self.iter().filter(|(_, bus)| bus.takes(flags, false));
        fitting.find_map(|(index, bus)| {
            let (slot, function) = bus.free(flags, function)?;
            PciAddress::new(0, index, slot, function)
        })
    }

    /// Adds buses until a device with these flags finds a place; `false` where none can be added.
    pub fn grow(&mut self, flags: Connect) -> bool {
        let had = self.len();
        if let Ok(next) = u8::try_from(had) {
            self.grow_to(next, flags);
        }
        self.len() > had
    }

    /// Adds buses up to `bus` for a device with these flags that is to be there. Returns the bus that it is on: a bridge to
    /// conventional PCI takes a port more than the device asks for (`virDomainPCIAddressSetGrow` in libvirt's `src/conf/domain_addr.c`).
    pub fn grow_to(&mut self, bus: u8, flags: Connect) -> u8 {
        let root = self.get(0).map(|b| b.model);
        let (Some(root), Ok(at)) = (root, u8::try_from(self.len())) else { return bus };
        let (mut first, mut last) = (at, bus);
        let model = if flags.has(Connect::PCI) {
            if root == PciModel::PcieRoot && !self.iter().any(|(_, bus)| bus.offers().has(Connect::PCI_BRIDGE)) {
                let (Some(behind), Some(next)) = (at.checked_add(1), at.checked_add(2)) else { return bus };
                self.set(at.into(), PciModel::PcieRootPort);
                // The port is the bridge's, and no other's, whatever ports are free.
                if let Some(port) = self.get_mut(at) {
                    port.take(0, 0, false);
                }
                self.set(behind.into(), PciModel::PcieToPciBridge);
                (first, last) = (next, last.max(behind));
            }
            PciModel::PciBridge
        } else if root == PciModel::PcieRoot && flags.shares_type(Connect::PCIE.and(Connect::UPSTREAM)) {
            PciModel::PcieRootPort
        } else {
            return bus;
        };
        (first..=last).for_each(|index| self.set(index.into(), model));
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};

    #[test]
    fn root_ports_share_slots_and_devices_do_not() {
        let mut buses = Buses::default();
        buses.set(0, PciModel::PcieRoot);
        let port = Connect::ROOT_PORT.and(Connect::AGGREGATE);
        let mut places = Vec::new();
        for _ in 0..9 {
            let at = buses.free(port, None).unwrap();
            buses.take(at, true);
            places.push((at.slot(), at.function()));
        }
        assert_eq!(places.first(), Some(&(1, 0)));
        assert_eq!(places.get(7..), Some(&[(1, 7), (2, 0)][..]));
        assert_eq!(buses.free(PCIE_DEVICE, None), None);
        assert!(buses.grow(PCIE_DEVICE));
        assert_eq!(buses.free(PCIE_DEVICE, None), Some(PciAddress::fixed::<1, 0, 0>()));
    }

    #[test]
    fn a_conventional_device_on_pcie_gets_a_bridge_behind_a_port() {
        let mut buses = Buses::default();
        buses.set(0, PciModel::PcieRoot);
        assert!(buses.grow(PCI_DEVICE));
        assert_eq!(
            buses.iter().map(|(_, b)| b.model).collect::<Vec<_>>(),
            [PciModel::PcieRoot, PciModel::PcieRootPort, PciModel::PcieToPciBridge]
        );
        assert_eq!(buses.free(PCI_DEVICE, None), Some(PciAddress::fixed::<2, 1, 0>()));
    }

    #[test]
    fn a_bus_that_is_named_may_become_the_next_one() {
        let of = |models: &[PciModel]| {
            let mut buses = Buses::default();
            models.iter().enumerate().for_each(|(index, model)| buses.set(index, *model));
            buses
        };
        let models = |buses: &Buses| buses.iter().map(|(_, b)| b.model).skip(1).collect::<Vec<_>>();
        // The bridge takes a port more, so that the device is one bus later.
        let mut buses = of(&[PciModel::PcieRoot]);
        assert_eq!(buses.grow_to(1, PCI_DEVICE), 2);
        assert_eq!(models(&buses), [PciModel::PcieRootPort, PciModel::PcieToPciBridge]);
        let mut buses = of(&[PciModel::PcieRoot]);
        assert_eq!(buses.grow_to(3, PCI_DEVICE), 3);
        assert_eq!(models(&buses), [PciModel::PcieRootPort, PciModel::PcieToPciBridge, PciModel::PciBridge]);
        let mut buses = of(&[PciModel::PcieRoot]);
        assert_eq!(buses.grow_to(2, PCIE_DEVICE), 2);
        assert_eq!(models(&buses), [PciModel::PcieRootPort; 2]);
        // For a bridge that the definition names, libvirt adds nothing.
        assert_eq!(buses.grow_to(3, Connect::PCIE_TO_PCI), 3);
        assert_eq!(buses.len(), 3);
    }

    #[test]
    fn the_port_of_a_bridge_is_a_new_one() {
        let mut buses = Buses::default();
        buses.set(0, PciModel::PcieRoot);
        buses.set(1, PciModel::PcieRootPort);
        assert!(buses.grow(PCI_DEVICE));
        assert_eq!(
            buses.iter().map(|(_, b)| b.model).skip(1).collect::<Vec<_>>(),
            [PciModel::PcieRootPort, PciModel::PcieRootPort, PciModel::PcieToPciBridge]
        );
        assert_eq!(buses.free(PCIE_DEVICE, None), Some(PciAddress::fixed::<1, 0, 0>()));
        for slot in 1..=31 {
            buses.take(PciAddress::new(0, 3, slot, 0).unwrap(), false);
        }
        assert!(buses.grow(PCI_DEVICE));
        assert_eq!(buses.get(4).map(|b| b.model), Some(PciModel::PciBridge));
    }
}
