//! Models of network cards.

use crate::ir::Arch;
use crate::ir::DefaultRule;
use crate::model::elements::os::MachineFamily;

/// The models that libvirt knows (`virDomainNetModel` in its `src/conf/domain_conf.c`), and whether each is on conventional PCI where there is
/// PCI Express (`qemuDomainDeviceCalculatePCIConnectFlags` in its `src/qemu/qemu_domain_address.c`).
const MODELS: &[(&str, bool)] = &[
    ("netfront", true),
    ("rtl8139", true),
    ("virtio", false),
    ("e1000", true),
    ("e1000e", false),
    ("igb", false),
    ("virtio-transitional", true),
    ("virtio-non-transitional", false),
    ("usb-net", false),
    ("spapr-vlan", true),
    ("lan9118", true),
    ("scm91c111", true),
    ("vlance", true),
    ("vmxnet", true),
    ("vmxnet2", true),
    ("vmxnet3", true),
    ("Am79C970A", true),
    ("Am79C973", true),
    ("82540EM", true),
    ("82545EM", true),
    ("82543GC", true),
];

static MODEL: DefaultRule = DefaultRule {
    name: "interface-model",
    text: "an interface without a model is an rtl8139, which every guest knows and none likes; `virtio` is the fast one",
};
static MODEL_OF_ARM: DefaultRule = DefaultRule {
    name: "interface-model-arm",
    text: "an interface without a model is a virtio one on `virt`, and what the board has on older machines of Arm",
};
/// The model as libvirt writes it, which compares names without regard to case; another one as it is.
pub(super) fn spelled(model: String) -> String {
    MODELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&model)).map_or(model, |(known, _)| (*known).to_owned())
}

/// The models that libvirt knows.
pub fn models() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(model, _)| *model)
}

/// Whether the card is on conventional PCI. One that libvirt does not know is held to be of the newer kind.
pub(super) fn is_conventional(model: &str) -> bool {
    MODELS.iter().any(|(known, conventional)| *conventional && *known == model)
}

/// The model of an interface that names none (`qemuDomainDefaultNetModel` in libvirt's `src/qemu/qemu_postparse.c`).
pub(super) fn default_model(arch: Arch, family: MachineFamily) -> (&'static str, &'static DefaultRule) {
    match family {
        MachineFamily::ArmVirt => ("virtio", &MODEL_OF_ARM),
        MachineFamily::Versatile => ("scm91c111", &MODEL_OF_ARM),
        _ if arch.is_arm() => ("lan9118", &MODEL_OF_ARM),
        MachineFamily::I440fx
        | MachineFamily::Q35
        | MachineFamily::Realview
        | MachineFamily::Vexpress
        | MachineFamily::Other => ("rtl8139", &MODEL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_other_letters_is_the_same_card() {
        assert_eq!(spelled("am79c973".to_owned()), "Am79C973");
        assert_eq!(spelled("PCnet".to_owned()), "PCnet");
        let conventional = ["rtl8139", "Am79C970A", "Am79C973", "vmxnet3"].map(is_conventional);
        assert_eq!((conventional, ["virtio", "igb", "PCnet"].map(is_conventional)), ([true; 4], [false; 3]));
    }
}
