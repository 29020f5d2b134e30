//! What libvirt refuses about a controller.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{OptExt, Origin, Spanned};
use crate::model::Domain;
use crate::model::devices::controller::{Controller, ControllerType, ScsiModel, UsbModel};
use crate::model::elements::os::MachineFamily;

/// The rules of `qemuValidateDomainDeviceDefController` in libvirt's `src/qemu/qemu_validate.c`, but for those of `<target>` and `<driver>`.
pub(super) fn check(controller: &Controller, domain: &Domain, faults: &mut Diagnostics) {
    let family = domain.os.family();
    let model = controller.model.origin_or(controller.origin);
    let mut refuse = |origin: Origin, message: &str, help: Option<&'static str>| {
        let span = origin.span();
        let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message);
        faults.push(help.into_iter().fold(fault, Diagnostic::help));
    };
    let number = controller.index.origin_or(controller.origin);
    for (name, value) in [("index", controller.index), ("ports", controller.ports), ("vectors", controller.vectors)] {
        if let Some(value) = value.filter(|value| i32::try_from(value.value).is_err()) {
            refuse(value.origin, &format!("`{name}` of a controller is at most {}", i32::MAX), None);
        }
    }
    match controller.kind() {
        // One that a disk brought with it is refused at the disk.
        ControllerType::Ide
            if (family == MachineFamily::Q35 || domain.os.arch().is_arm()) && controller.origin.by_rule().is_none() =>
        {
            refuse(
                controller.kind.origin,
                "the machine type has no IDE controller",
                Some("use `bus='sata'` or `bus='virtio'`, and remove the controller"),
            );
        }
        ControllerType::Ide if controller.index() > 0 => {
            refuse(number, "the machine type has one IDE controller", Some("use SATA, SCSI or virtio"));
        }
        ControllerType::Isa if controller.info.address.is_none() => {
            refuse(
                controller.kind.origin,
                "the ISA bus is part of the machine and no `<controller>`",
                Some("remove the controller"),
            );
        }
        ControllerType::Xenbus => refuse(
            controller.kind.origin,
            "`<controller type='xenbus'>` exists in Xen guests only",
            Some("remove the controller"),
        ),
        ControllerType::Usb => usb(controller, &mut refuse),
        ControllerType::Scsi => match controller.scsi_model() {
            Some(ScsiModel::Buslogic) => refuse(model, "QEMU has no SCSI controller of model `buslogic`", None),
            Some(ScsiModel::Ncr53c90) => {
                refuse(model, "model `ncr53c90` is part of other machine types", Some("write `model='virtio-scsi'`"));
            }
            _ => {}
        },
        ControllerType::VirtioSerial => {
            if let Some(ports) = controller.ports.filter(|p| !(1..=511).contains(&p.value)) {
                refuse(
                    ports.origin,
                    "`ports` of a virtio-serial controller is 1 to 511",
                    Some("remove `ports` for 31"),
                );
            }
        }
        ControllerType::Ide
        | ControllerType::Fdc
        | ControllerType::Sata
        | ControllerType::Pci
        | ControllerType::Ccid
        | ControllerType::Isa => {}
    }
}

fn usb(controller: &Controller, refuse: &mut dyn FnMut(Origin, &str, Option<&'static str>)) {
    let model = controller.model.origin_or(controller.origin);
    let kind = controller.usb_model();
    if matches!(kind, Some(UsbModel::Qusb1 | UsbModel::Qusb2)) {
        refuse(model, "QEMU has no USB controller of this model: it exists in Xen guests only", None);
    }
    let Some(Spanned { value: ports, origin }) = controller.ports else { return };
    match kind {
        Some(UsbModel::NecXhci | UsbModel::QemuXhci) if ports > 15 => {
            refuse(origin, "`ports` of an xHCI controller is at most 15", Some("write `ports='15'` or less"));
        }
        Some(UsbModel::NecXhci | UsbModel::QemuXhci) => {}
        Some(_) | None => refuse(
            origin,
            "`ports` is for xHCI and virtio-serial controllers only",
            Some("remove `ports`, or write `model='qemu-xhci'`"),
        ),
    }
}
