//! What every device does for itself.

use virtc_diag::Diagnostics;

use crate::ir::{OptExt, Origin};
use crate::model::devices::address::{Address, pci};
use crate::model::devices::{AliasStem, BusSlot, Info, Live};
use crate::model::{Defaults, Domain, EmitContext};
use crate::qemu::{HostRequirements, Payload, QemuOption, QemuOptions, RequirementsOf, Value};
use crate::xml_io::{Fields, XmlWriter};

/// The methods of [`Device`] that are the same for every type with the fields `info` and `origin`.
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

/// What every device does for itself, whatever its kind.
pub trait Device {
    /// Writes the element.
    fn write(&self, w: &mut XmlWriter);

    /// The element, or the rule that added it.
    fn origin(&self) -> Origin;

    /// What every device has.
    fn info(&self) -> &Info;

    /// What every device has.
    fn info_mut(&mut self) -> &mut Info;

    /// Fills in what libvirt fills in for this device from its own element, before controllers and addresses are assigned.
    fn define(&mut self, _defaults: &mut Defaults<'_>) {}

    /// What is wrong with it in the complete definition.
    fn check(&self, _domain: &Domain, _faults: &mut Diagnostics) {}

    /// What the device needs of the guest's buses. A kind that answers [`BusSlot::Pci`] has a number for PCI in the list of kinds.
    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        BusSlot::Nothing
    }

    /// What it is named after where the user has not named it.
    fn alias_stem(&self, domain: &Domain) -> AliasStem;

    /// What QEMU gets.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions);

    /// What the host must do before QEMU starts, and what QEMU's device ACL must allow.
    fn host(&self, _cx: &EmitContext<'_>, _out: &mut RequirementsOf<'_>) {}

    /// Whether it gets a virtio-mmio transport where the machine has no PCI bus (`qemuDomainPrimeVirtioDeviceAddresses` in libvirt's
    /// `src/qemu/qemu_domain_address.c`).
    fn takes_mmio(&self) -> bool {
        false
    }

    /// Whether a definition may give it an address of type `virtio-mmio`.
    fn allows_mmio(&self) -> bool {
        self.takes_mmio()
    }

    /// What can be done with it while the guest runs.
    fn live(&self) -> Live {
        Live::NEVER
    }

    /// What `running` has already, where there can be only one: why this device cannot be attached.
    fn already_there(&self, _running: &Domain) -> Option<String> {
        None
    }

    /// What uses the device in the running domain: why it cannot be detached.
    fn busy(&self, _running: &Domain) -> Option<String> {
        None
    }
}

/// What differs from kind to kind in its types.
pub trait DeviceElement: Device + Sized {
    /// The name of its element.
    const ELEMENT: &'static str;

    /// Whether other devices are on it, refer to it, or are checked or counted with it: where it cannot be read, the rest of the domain is not checked.
    const IS_NEEDED_BY_OTHERS: bool = true;

    /// Reads the element. What is left unread is reported as not supported.
    fn lower(f: &Fields<'_, '_>) -> Option<Self>;

    /// Whether `other`, as a user describes it, means this device: what `other` says must be so here.
    fn matches_description(&self, _other: &Self) -> bool {
        false
    }

    /// Whether `new` is a new version of this device, where it gives no alias.
    fn is_updated_by(&self, new: &Self) -> bool {
        self.matches_description(new)
    }

    /// Takes over from `running` what a new version of it need not repeat.
    fn carry_over(&mut self, _running: &Self) {}
}

impl dyn Device + '_ {
    /// Its XML.
    pub fn to_xml(&self) -> String {
        let mut w = XmlWriter::new();
        self.write(&mut w);
        w.finish()
    }

    /// What QEMU gets, with what is the same for all devices: the index for ACPI, and QEMU's name of a device on virtio-mmio.
    pub fn all_options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let before = out.len();
        self.options(cx, out);
        let own = out.since(before);
        on_mmio(own, self.info());
        acpi_index(own, self.info());
    }

    /// What the host must do for it, under its alias.
    pub fn all_requirements(&self, cx: &EmitContext<'_>, out: &mut HostRequirements) {
        self.host(cx, &mut out.for_device(self.info().alias(), self.origin()));
    }
}

/// Gives the device its index for ACPI. It is the one that has the device's name, or else the last.
fn acpi_index(options: &mut [QemuOption], info: &Info) {
    let Some(index) = info.acpi_index.get().filter(|_| pci(&info.address).is_some()) else { return };
    let named = |option: &QemuOption| match &option.payload {
        Payload::Json(props) => {
            matches!(props.get("id"), Some(Value::Text(id)) if id.plain() == Some(info.alias()))
        }
        Payload::None | Payload::Word(_) | Payload::Opts(_) | Payload::Chardev(_) => false,
    };
    let all = || options.iter().enumerate().filter(|(_, option)| option.option == "device");
    let at = all().find(|(_, option)| named(option)).or_else(|| all().next_back()).map(|(at, _)| at);
    if let Some(QemuOption { payload: Payload::Json(props), .. }) = at.and_then(|at| options.get_mut(at)) {
        props.set("acpi-index", index);
    }
}

/// Makes the device one on virtio-mmio, where its address says so: QEMU's device of another name.
fn on_mmio(options: &mut [QemuOption], info: &Info) {
    if !info.address.is(&Address::VirtioMmio) {
        return;
    }
    let mut own = options.iter_mut().filter(|option| option.option == "device");
    if let Some(QemuOption { payload: Payload::Json(props), .. }) = own.next_back()
        && let Some(driver) = props.get("driver").and_then(Value::plain)
        && let Some(base) = driver.strip_suffix("-pci")
    {
        props.replace("driver", format!("{base}-device"));
    }
}
