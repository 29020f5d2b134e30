//! The devices: one file each, one line in the list below.

pub mod address;
mod alias;
pub mod audio;
pub mod channel;
pub mod chardev;
pub mod console;
pub mod controller;
pub mod crypto;
pub mod disk;
pub mod filesystem;
pub mod graphics;
pub mod host_function;
pub mod host_source;
pub mod hostdev;
pub mod hub;
pub mod info;
pub mod input;
pub mod interface;
pub mod iommu;
pub mod lease;
mod list;
pub mod memballoon;
pub mod memory;
pub mod nvram;
pub mod panic;
pub mod parallel;
pub mod pstore;
pub mod redirdev;
pub mod redirfilter;
pub mod rng;
pub mod seclabel;
pub mod serial;
pub mod shmem;
pub mod smartcard;
pub mod sound;
pub mod teaming;
pub mod tpm;
pub mod video;
pub mod virtio;
pub mod vsock;
pub mod watchdog;

use virtc_diag::Diagnostics;

use crate::ir::Origin;
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::qemu::{HostRequirements, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use address::{Address, PciAddress};
pub use alias::AliasStem;
pub use info::{Info, Rom};
pub use list::{Devices, Kind};

pub use crate::model::slot::BusSlot;

/// The parts of [`Device`] that are the same for every type with the fields `info` and `origin`.
macro_rules! common {
    () => {
        fn origin(&self) -> $crate::ir::Origin {
            self.origin
        }

        fn info(&self) -> &$crate::model::devices::Info {
            &self.info
        }

        fn info_mut(&mut self) -> &mut $crate::model::devices::Info {
            &mut self.info
        }
    };
}
pub(crate) use common;

/// What every kind of device does for itself.
pub trait Device: Sized {
    /// The name of its element.
    const ELEMENT: &'static str;

    /// Reads the element. What is left unread is reported as not supported.
    fn lower(f: &Fields<'_, '_>) -> Option<Self>;

    /// Writes the element.
    fn write(&self, w: &mut XmlWriter);

    /// Where it stands, or which rule added it.
    fn origin(&self) -> Origin;

    /// Whether `other`, as a user describes it, means this device: what `other` says must be so here.
    fn matches_description(&self, _other: &Self) -> bool {
        false
    }

    /// What every device has.
    fn info(&self) -> &Info;

    /// What every device has.
    fn info_mut(&mut self) -> &mut Info;

    /// Fills in what libvirt fills in for this device alone, before controllers and addresses are assigned.
    fn define(&mut self, _defaults: &mut Defaults<'_>) {}

    /// What is wrong with it beside the other devices.
    fn check(&self, _domain: &Domain, _faults: &mut Diagnostics) {}

    /// What the device needs of the guest's buses.
    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        BusSlot::Nothing
    }

    /// What it is named after where the user has not named it; its number is not for the device to say.
    fn alias_stem(&self, domain: &Domain) -> AliasStem;

    /// What QEMU gets.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions);

    /// What the host must do before QEMU starts, and what QEMU's device ACL must allow.
    fn host(&self, _cx: &EmitContext<'_>, _out: &mut HostRequirements) {}
}
