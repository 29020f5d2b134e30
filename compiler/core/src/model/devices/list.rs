//! The list of all kinds of devices, in the order in which libvirt writes them.

use crate::model::Domain;
use crate::model::devices::{AliasStem, BusSlot, Device, Info};
use crate::model::devices::{
    audio, channel, console, controller, crypto, disk, filesystem, graphics, hostdev, hub, input, interface, iommu,
    lease, memballoon, memory, nvram, panic, parallel, pstore, redirdev, redirfilter, rng, serial, shmem, smartcard,
    sound, tpm, video, vsock, watchdog,
};
use virtc_diag::Diagnostics;

use crate::ir::{OptExt, Origin};
use crate::model::Defaults;
use crate::model::EmitContext;
use crate::model::devices::address::{Address, pci};
use crate::qemu::{HostRequirements, Payload, QemuOption, QemuOptions, Value};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

macro_rules! devices {
    ($($(#[$doc:meta])* $field:ident: $module:ident :: $type:ident as $kind:ident,)+) => {
        /// A kind of device.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(#[doc = stringify!($field)] $kind),+ }

        /// All devices of a domain, by kind.
        #[derive(Debug, Clone, Default)]
        pub struct Devices { $($(#[$doc])* #[doc = concat!("All `", stringify!($module), "` devices.")] pub $field: Vec<$module::$type>),+ }

        impl Devices {
            /// Takes the device that `f` reads; `false` where its element is of no known kind.
            pub fn lower(&mut self, f: &Fields<'_, '_>) -> bool {
                match f.element().name() {
                    $($module::$type::ELEMENT => self.$field.extend($module::$type::lower(f)),)+
                    _ => return false,
                }
                true
            }

            /// Writes all devices.
            pub fn write(&self, w: &mut XmlWriter) {
                $(for device in &self.$field { device.write(w); })+
            }

            /// Lets each device fill in what it fills in for itself.
            pub fn define(&mut self, defaults: &mut Defaults<'_>) {
                $(for device in &mut self.$field { device.define(defaults); })+
            }

            /// What QEMU gets for all devices.
            pub fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
                $(for device in &self.$field {
                    let before = out.len();
                    device.options(cx, out);
                    finish(out.since(before), device.info());
                })+
            }

            /// What the host must do for all devices.
            pub fn host(&self, cx: &EmitContext<'_>, out: &mut HostRequirements) {
                $(for device in &self.$field {
                    out.begin(device.info().alias(), device.origin());
                    device.host(cx, out);
                })+
            }

            /// How many devices of this kind there are.
            pub fn count(&self, kind: Kind) -> usize {
                match kind { $(Kind::$kind => self.$field.len(),)+ }
            }

            /// The common parts of a device.
            pub fn info(&self, kind: Kind, index: usize) -> Option<&Info> {
                match kind { $(Kind::$kind => self.$field.get(index).map(Device::info),)+ }
            }

            /// The common parts of a device.
            pub fn info_mut(&mut self, kind: Kind, index: usize) -> Option<&mut Info> {
                match kind { $(Kind::$kind => self.$field.get_mut(index).map(Device::info_mut),)+ }
            }

            /// What a device needs of the guest's buses.
            pub fn bus_slot(&self, kind: Kind, index: usize, domain: &Domain) -> BusSlot {
                match kind { $(Kind::$kind => self.$field.get(index).map_or(BusSlot::Nothing, |d| d.bus_slot(domain)),)+ }
            }

            /// What a device is named after where the user has not named it.
            pub fn alias_stem(&self, kind: Kind, index: usize, domain: &Domain) -> AliasStem {
                match kind { $(Kind::$kind => self.$field.get(index).map_or(AliasStem::Nameless, |d| d.alias_stem(domain)),)+ }
            }

            /// What is wrong with a device beside the others.
            pub fn check(&self, kind: Kind, index: usize, domain: &Domain, faults: &mut Diagnostics) {
                match kind { $(Kind::$kind => if let Some(device) = self.$field.get(index) { device.check(domain, faults) },)+ }
            }

            /// Where a device comes from.
            pub fn origin(&self, kind: Kind, index: usize) -> Option<Origin> {
                match kind { $(Kind::$kind => self.$field.get(index).map(Device::origin),)+ }
            }

            /// Takes over the first device of `kind`; the result is its index here.
            pub fn adopt(&mut self, other: Self, kind: Kind) -> usize {
                match kind { $(Kind::$kind => {
                    self.$field.extend(other.$field.into_iter().take(1));
                    self.$field.len().saturating_sub(1)
                },)+ }
            }

            /// Puts the first device of `kind` of `other` in the place of the one at `index`.
            pub fn replace(&mut self, kind: Kind, index: usize, other: Self) {
                match kind { $(Kind::$kind => {
                    if let (Some(place), Some(new)) = (self.$field.get_mut(index), other.$field.into_iter().next()) {
                        *place = new;
                    }
                },)+ }
            }

            /// The XML of one device.
            pub fn xml(&self, kind: Kind, index: usize) -> String {
                let mut w = XmlWriter::new();
                match kind { $(Kind::$kind => if let Some(device) = self.$field.get(index) { device.write(&mut w) },)+ }
                w.finish()
            }

            /// Takes out the device of this name, where there is one.
            pub fn remove(&mut self, alias: &str) {
                $(self.$field.retain(|device| alias.is_empty() || device.info().alias() != alias);)+
            }

            /// The indexes of the devices that the first device of `kind` in `other` means: by alias where it has one of these.
            pub fn matching(&self, kind: Kind, other: &Self) -> Vec<usize> {
                match kind { $(Kind::$kind => {
                    let Some(meant) = other.$field.first() else { return Vec::new() };
                    let fits = |device: &$module::$type| match &meant.info().alias {
                        Some(alias) => device.info().alias() == alias.value,
                        None => device.matches_description(meant),
                    };
                    let found: Vec<usize> = self.$field.iter().enumerate().filter(|(_, d)| fits(d)).map(|(at, _)| at).collect();
                    // The address decides among several.
                    let stands = |at: &usize| self.$field.get(*at).is_some_and(|d| d.info().address == meant.info().address);
                    let there: Vec<usize> = found.iter().copied().filter(stands).collect();
                    if found.len() > 1 && there.len() == 1 { there } else { found }
                },)+ }
            }

            /// What the host must do for one device.
            pub fn host_of(&self, kind: Kind, index: usize, cx: &EmitContext<'_>, out: &mut HostRequirements) {
                match kind { $(Kind::$kind => if let Some(device) = self.$field.get(index) {
                    out.begin(device.info().alias(), device.origin());
                    device.host(cx, out);
                },)+ }
            }

            /// What QEMU gets for one device.
            pub fn options_of(&self, kind: Kind, index: usize, cx: &EmitContext<'_>, out: &mut QemuOptions) {
                match kind { $(Kind::$kind => if let Some(device) = self.$field.get(index) {
                    let before = out.len();
                    device.options(cx, out);
                    finish(out.since(before), device.info());
                },)+ }
            }
        }

        impl Kind {
            /// Every kind, in the order of the format.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name of its element.
            pub fn element(self) -> &'static str {
                match self { $(Self::$kind => $module::$type::ELEMENT),+ }
            }
        }
    };
}

devices! {
    disks: disk::Disk as Disk,
    controllers: controller::Controller as Controller,
    leases: lease::Lease as Lease,
    filesystems: filesystem::Filesystem as Filesystem,
    interfaces: interface::Interface as Interface,
    smartcards: smartcard::Smartcard as Smartcard,
    serials: serial::Serial as Serial,
    parallels: parallel::Parallel as Parallel,
    consoles: console::Console as Console,
    channels: channel::Channel as Channel,
    inputs: input::Input as Input,
    tpms: tpm::Tpm as Tpm,
    graphics: graphics::Graphics as Graphics,
    sounds: sound::Sound as Sound,
    audios: audio::Audio as Audio,
    videos: video::Video as Video,
    hostdevs: hostdev::Hostdev as Hostdev,
    redirdevs: redirdev::Redirdev as Redirdev,
    redirfilters: redirfilter::Redirfilter as Redirfilter,
    hubs: hub::Hub as Hub,
    watchdogs: watchdog::Watchdog as Watchdog,
    memballoons: memballoon::Memballoon as Memballoon,
    rngs: rng::Rng as Rng,
    nvrams: nvram::Nvram as Nvram,
    panics: panic::Panic as Panic,
    shmems: shmem::Shmem as Shmem,
    memories: memory::MemoryDevice as Memory,
    cryptos: crypto::Crypto as Crypto,
    iommus: iommu::Iommu as Iommu,
    vsocks: vsock::Vsock as Vsock,
    pstores: pstore::Pstore as Pstore,
}

/// Lets the options of one device say what is in its common parts: the index for ACPI, and QEMU's name of a virtio device on no bus.
fn finish(items: &mut [QemuOption], info: &Info) {
    on_no_bus(items, info);
    acpi_index(items, info);
}

/// Gives the device its index for ACPI. It is the one that has the device's name, or else the last.
fn acpi_index(items: &mut [QemuOption], info: &Info) {
    let Some(index) = info.acpi_index.get().filter(|_| pci(&info.address).is_some()) else { return };
    let named = |item: &QemuOption| match &item.payload {
        Payload::Json(props) => {
            matches!(props.get("id"), Some(Value::Text(id)) if id.plain() == Some(info.alias()))
        }
        Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Chardev(_) => false,
    };
    let all = || items.iter().enumerate().filter(|(_, item)| item.option == "device");
    let at = all().find(|(_, item)| named(item)).or_else(|| all().next_back()).map(|(at, _)| at);
    if let Some(QemuOption { payload: Payload::Json(props), .. }) = at.and_then(|at| items.get_mut(at)) {
        props.set("acpi-index", index);
    }
}

/// Makes the device one on no bus, where its address says so: QEMU's device of another name.
fn on_no_bus(items: &mut [QemuOption], info: &Info) {
    if !info.address.is(&Address::VirtioMmio) {
        return;
    }
    let mut own = items.iter_mut().filter(|item| item.option == "device");
    if let Some(QemuOption { payload: Payload::Json(props), .. }) = own.next_back()
        && let Some(driver) = props.get("driver").and_then(Value::plain)
        && let Some(base) = driver.strip_suffix("-pci")
    {
        props.replace("driver", format!("{base}-device"));
    }
}
