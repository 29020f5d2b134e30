//! The list of all kinds of devices, in the order in which libvirt writes them.

use crate::ir::Origin;
use crate::model::devices::{Device, DeviceElement, Info};
use crate::model::{Defaults, EmitContext};
use crate::qemu::{HostRequirements, QemuOptions};
use crate::xml_io::{Fields, XmlWriter};

/// Makes [`Kind`] and [`Devices`] of a line for each kind: `field: module::Type as Kind, pci ORDER, usb ORDER;`. The orders are the numbers of the kind
/// where libvirt hands out PCI addresses (`qemuDomainAssignDevicePCISlots` in its `src/qemu/qemu_domain_address.c`) and USB ports
/// (`virDomainUSBDeviceDefForeach` in its `src/conf/domain_conf.c`), or `none` where no device of the kind is on such a bus.
macro_rules! devices {
    (@order none) => { None };
    (@order $number:literal) => { Some($number) };
    ($($field:ident: $module:ident :: $type:ident as $kind:ident, pci $pci:tt, usb $usb:tt;)+) => {
        /// A kind of device.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(#[doc = concat!("`", stringify!($module), "` devices.")] $kind),+ }

        impl Kind {
            /// Every kind, in the order of the format.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name of its element.
            pub fn element(self) -> &'static str {
                match self { $(Self::$kind => <super::$module::$type as DeviceElement>::ELEMENT),+ }
            }

            /// The kind of the devices with this element.
            pub fn of_element(name: &str) -> Option<Self> {
                match name { $(<super::$module::$type as DeviceElement>::ELEMENT => Some(Self::$kind),)+ _ => None }
            }

            /// Whether other devices need one of this kind ([`DeviceElement::IS_NEEDED_BY_OTHERS`]).
            pub fn is_needed_by_others(self) -> bool {
                match self { $(Self::$kind => <super::$module::$type as DeviceElement>::IS_NEEDED_BY_OTHERS),+ }
            }

            /// Its number in the order in which PCI addresses are handed out; `None` where no device of this kind is on PCI.
            pub fn pci_order(self) -> Option<u8> {
                match self { $(Self::$kind => devices!(@order $pci)),+ }
            }

            pub(super) const PCI: [Option<u8>; Self::ALL.len()] = [$(devices!(@order $pci)),+];
            pub(super) const USB: [Option<u8>; Self::ALL.len()] = [$(devices!(@order $usb)),+];

            /// Its number in the order in which USB ports are handed out; `None` where no device of this kind is on USB.
            pub fn usb_order(self) -> Option<u8> {
                match self { $(Self::$kind => devices!(@order $usb)),+ }
            }
        }

        /// All devices of a domain, by kind.
        #[derive(Debug, Clone, Default)]
        pub struct Devices { $(#[doc = concat!("All `", stringify!($module), "` devices.")] pub $field: Vec<super::$module::$type>),+ }

        impl Devices {
            /// Takes the device that `f` reads; `false` where its element is of no known kind.
            pub fn lower(&mut self, f: &Fields<'_, '_>) -> bool {
                match f.element().name() {
                    $(<super::$module::$type as DeviceElement>::ELEMENT => self.$field.extend(super::$module::$type::lower(f)),)+
                    _ => return false,
                }
                true
            }

            /// How many devices of this kind there are.
            pub fn count(&self, kind: Kind) -> usize {
                match kind { $(Kind::$kind => self.$field.len(),)+ }
            }

            /// A device.
            pub fn get(&self, kind: Kind, index: usize) -> Option<&dyn Device> {
                match kind { $(Kind::$kind => self.$field.get(index).map(|device| device as &dyn Device),)+ }
            }

            /// A device.
            pub fn get_mut(&mut self, kind: Kind, index: usize) -> Option<&mut dyn Device> {
                match kind { $(Kind::$kind => self.$field.get_mut(index).map(|device| device as &mut dyn Device),)+ }
            }

            /// Does this with every device, in the order of the format: faster than [`Devices::iter`] where all are looked at.
            pub fn for_each<'d>(&'d self, mut look: impl FnMut(Kind, usize, &'d dyn Device)) {
                $(for (index, device) in self.$field.iter().enumerate() { look(Kind::$kind, index, device); })+
            }

            /// Does this with every device, in the order of the format.
            pub fn for_each_mut(&mut self, mut change: impl FnMut(Kind, usize, &mut dyn Device)) {
                $(for (index, device) in self.$field.iter_mut().enumerate() { change(Kind::$kind, index, device); })+
            }

            /// Takes over the first device of `kind`; the result is its index here.
            pub fn adopt(&mut self, other: Self, kind: Kind) -> usize {
                match kind { $(Kind::$kind => {
                    self.$field.extend(other.$field.into_iter().take(1));
                    self.$field.len().saturating_sub(1)
                },)+ }
            }

            /// Puts the first device of `kind` of `other` in the place of the one at `index`, whose alias, address and such it takes over.
            pub fn replace(&mut self, kind: Kind, index: usize, other: Self) {
                match kind { $(Kind::$kind => {
                    if let (Some(place), Some(mut new)) = (self.$field.get_mut(index), other.$field.into_iter().next()) {
                        carry_over(place, &mut new);
                        *place = new;
                    }
                },)+ }
            }

            /// Takes out the device of this name, where there is one.
            pub fn remove(&mut self, alias: &str) {
                $(self.$field.retain(|device| alias.is_empty() || Device::info(device).alias() != alias);)+
            }

            /// The indexes of the devices that the first device of `kind` in `other` means: by alias where it has one, else by this.
            pub fn find(&self, kind: Kind, other: &Self, by: MatchBy) -> Vec<usize> {
                match kind { $(Kind::$kind => find(&self.$field, other.$field.first(), by),)+ }
            }
        }
    };
}

devices! {
    disks: disk::Disk as Disk, pci 5, usb 2;
    controllers: controller::Controller as Controller, pci 4, usb 6;
    leases: lease::Lease as Lease, pci none, usb none;
    filesystems: filesystem::Filesystem as Filesystem, pci 1, usb 9;
    interfaces: interface::Interface as Interface, pci 2, usb 3;
    smartcards: smartcard::Smartcard as Smartcard, pci none, usb none;
    serials: serial::Serial as Serial, pci 13, usb 7;
    parallels: parallel::Parallel as Parallel, pci none, usb none;
    consoles: console::Console as Console, pci none, usb none;
    channels: channel::Channel as Channel, pci none, usb none;
    inputs: input::Input as Input, pci 12, usb 8;
    tpms: tpm::Tpm as Tpm, pci none, usb none;
    graphics: graphics::Graphics as Graphics, pci none, usb none;
    sounds: sound::Sound as Sound, pci 3, usb 4;
    audios: audio::Audio as Audio, pci none, usb none;
    videos: video::Video as Video, pci 10, usb none;
    hostdevs: hostdev::Hostdev as Hostdev, pci 6, usb 5;
    redirdevs: redirdev::Redirdev as Redirdev, pci none, usb 10;
    redirfilters: redirfilter::Redirfilter as Redirfilter, pci none, usb none;
    hubs: hub::Hub as Hub, pci none, usb 1;
    watchdogs: watchdog::Watchdog as Watchdog, pci 9, usb none;
    memballoons: memballoon::Memballoon as Memballoon, pci 7, usb none;
    rngs: rng::Rng as Rng, pci 8, usb none;
    nvrams: nvram::Nvram as Nvram, pci none, usb none;
    panics: panic::Panic as Panic, pci 18, usb none;
    shmems: shmem::Shmem as Shmem, pci 11, usb none;
    memories: memory::MemoryDevice as Memory, pci 14, usb none;
    cryptos: crypto::Crypto as Crypto, pci 17, usb none;
    iommus: iommu::Iommu as Iommu, pci 15, usb none;
    vsocks: vsock::Vsock as Vsock, pci 16, usb none;
    pstores: pstore::Pstore as Pstore, pci 19, usb none;
}

/// All devices, in the order of the format.
#[derive(Clone)]
struct Iter<'d> {
    devices: &'d Devices,
    /// The kind of the next device, unless there are no more of it.
    kind: Option<Kind>,
    /// Its index.
    index: usize,
    /// The kinds after it.
    rest: std::slice::Iter<'static, Kind>,
}

impl<'d> Iterator for Iter<'d> {
    type Item = (Kind, usize, &'d dyn Device);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (kind, index) = (self.kind?, self.index);
            if let Some(device) = self.devices.get(kind, index) {
                self.index += 1;
                return Some((kind, index, device));
            }
            self.index = 0;
            self.kind = self.rest.next().copied();
        }
    }
}

/// How a device is found that has no alias in a user's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchBy {
    /// What the description says is so.
    Description,
    /// The description is a new version of it.
    Update,
}

impl Devices {
    /// All devices, in the order of the format.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, usize, &dyn Device)> + Clone {
        let mut rest = Kind::ALL.iter();
        Iter { devices: self, kind: rest.next().copied(), index: 0, rest }
    }

    /// The devices of one kind, with their indexes.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = (usize, &dyn Device)> + Clone {
        (0..self.count(kind)).filter_map(move |index| Some((index, self.get(kind, index)?)))
    }

    /// What a device has in common with all others.
    pub fn info(&self, kind: Kind, index: usize) -> Option<&Info> {
        self.get(kind, index).map(Device::info)
    }

    /// What a device has in common with all others.
    pub fn info_mut(&mut self, kind: Kind, index: usize) -> Option<&mut Info> {
        self.get_mut(kind, index).map(Device::info_mut)
    }

    /// Where a device comes from.
    pub fn origin(&self, kind: Kind, index: usize) -> Option<Origin> {
        self.get(kind, index).map(Device::origin)
    }

    /// The kind and index of every device, for what changes the domain while it goes over them.
    pub fn ids(&self) -> Vec<(Kind, usize)> {
        let mut ids = Vec::new();
        self.for_each(|kind, index, _| ids.push((kind, index)));
        ids
    }

    /// Writes all devices.
    pub fn write(&self, w: &mut XmlWriter) {
        self.for_each(|_, _, device| device.write(w));
    }

    /// Lets each device fill in what it fills in for itself.
    pub fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.for_each_mut(|_, _, device| device.define(defaults));
    }

    /// What QEMU gets for all devices.
    pub fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        self.for_each(|_, _, device| device.all_options(cx, out));
    }

    /// What the host must do for all devices.
    pub fn host(&self, cx: &EmitContext<'_>, out: &mut HostRequirements) {
        self.for_each(|_, _, device| device.all_requirements(cx, out));
    }
}

/// What a new version of a running device need not repeat.
fn carry_over<D: DeviceElement>(running: &D, new: &mut D) {
    let (old, info) = (running.info(), new.info_mut());
    info.alias = info.alias.take().or_else(|| old.alias.clone());
    info.address = info.address.take().or_else(|| old.address.clone());
    info.boot_order = info.boot_order.or(old.boot_order);
    new.carry_over(running);
}

fn find<D: DeviceElement>(all: &[D], meant: Option<&D>, by: MatchBy) -> Vec<usize> {
    let Some(meant) = meant else { return Vec::new() };
    let fits = |device: &D| match (&meant.info().alias, by) {
        (Some(alias), _) => device.info().alias() == alias.value,
        (None, MatchBy::Description) => device.matches_description(meant),
        (None, MatchBy::Update) => device.is_updated_by(meant),
    };
    let found: Vec<usize> = all.iter().enumerate().filter(|(_, device)| fits(device)).map(|(at, _)| at).collect();
    // The address decides among several.
    let at_address = |at: &usize| all.get(*at).is_some_and(|device| device.info().address == meant.info().address);
    let there: Vec<usize> = found.iter().copied().filter(at_address).collect();
    if by == MatchBy::Description && found.len() > 1 && there.len() == 1 { there } else { found }
}
