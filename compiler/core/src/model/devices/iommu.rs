//! `<iommu>`: the guest's own IOMMU.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Spanned, Switch, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::address::Address;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::model::elements::features::{IoapicDriver, Plain};
use crate::model::elements::os::MachineFamily;
use crate::model::slot::Connect;
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of IOMMUs.
    pub enum Model { Intel = "intel", Smmuv3 = "smmuv3", Virtio = "virtio" }
}

/// `<driver>` of an IOMMU.
#[derive(Debug, Clone, Default)]
pub struct Driver {
    intremap: Opt<Switch>,
    caching_mode: Opt<Switch>,
    eim: Opt<Switch>,
    iotlb: Opt<Switch>,
    aw_bits: Opt<u32>,
    dma_translation: Opt<Switch>,
    origin: Option<Origin>,
}

/// `<iommu>`.
#[derive(Debug, Clone)]
pub struct Iommu {
    /// The model.
    pub model: Spanned<Model>,
    /// Options of the Intel model.
    pub driver: Driver,
    info: Info,
    origin: Origin,
}

impl Driver {
    fn lower(f: &Fields<'_, '_>) -> Self {
        Self {
            intremap: f.attr("intremap"),
            caching_mode: f.attr("caching_mode"),
            eim: f.attr("eim"),
            iotlb: f.attr("iotlb"),
            aw_bits: f.decimal("aw_bits"),
            dma_translation: f.attr("dma_translation"),
            origin: Some(f.origin()),
        }
    }

    fn any(&self) -> bool {
        let switches = [&self.intremap, &self.caching_mode, &self.eim, &self.iotlb, &self.dma_translation];
        switches.iter().any(|s| s.is_some()) || self.aw_bits.get().is_some_and(|b| b > 0)
    }
}

impl Iommu {
    /// The IOMMU that `rule` adds, with interrupts for more CPUs than the APIC can name.
    pub fn for_many_cpus(origin: Origin) -> Self {
        let mut added = Self {
            model: Spanned::new(Model::Intel, origin),
            driver: Driver::default(),
            info: Info::default(),
            origin,
        };
        added.interrupt_all(origin);
        added
    }

    /// Switches on what interrupts of many CPUs take, unless the definition says otherwise (`qemuDomainIOMMUDefPostParse` in libvirt's
    /// `src/qemu/qemu_postparse.c`).
    pub fn interrupt_all(&mut self, origin: Origin) {
        if self.model.value != Model::Intel {
            return;
        }
        let remaps = self.driver.intremap.get_or_insert(Spanned::new(Switch::On, origin)).is_on();
        if remaps {
            self.driver.eim.get_or_insert(Spanned::new(Switch::On, origin));
        }
    }

    /// Whether it is no device, but a part of the machine.
    pub fn is_of_machine(&self, family: MachineFamily) -> bool {
        self.model.value == Model::Smmuv3 && family == MachineFamily::ArmVirt
    }

    /// Whether it is told to remap interrupts.
    pub fn remaps_interrupts(&self) -> bool {
        self.driver.intremap.is_some_and(|remapping| remapping.value.is_on())
    }

    /// Whether it takes interrupts for many CPUs.
    pub fn has_eim(&self) -> bool {
        self.driver.eim.is(&Switch::On)
    }
}

impl DeviceElement for Iommu {
    const ELEMENT: &'static str = "iommu";

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let model = f.attr("model");
        let driver = f.child("driver").map(|d| Driver::lower(&d)).unwrap_or_default();
        Some(Self { driver, info: Info::lower(f), origin: f.origin(), model: model? })
    }
}

impl Device for Iommu {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("iommu").attr("model", self.model.word()).children(|w| {
            let driver = &self.driver;
            if driver.any() {
                let tag = w.tag("driver").opt("intremap", &driver.intremap).opt("caching_mode", &driver.caching_mode);
                let tag = tag.opt("eim", &driver.eim).opt("iotlb", &driver.iotlb);
                let bits = driver.aw_bits.filter(|b| b.value > 0);
                tag.opt("aw_bits", &bits).opt("dma_translation", &driver.dma_translation).end();
            }
            self.info.write(w);
        });
    }

    /// The rules of `qemuValidateDomainDeviceDefIOMMU` in libvirt's `src/qemu/qemu_validate.c`.
    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let span = self.origin.span();
        let mut refuse = |message: &str, origin: Option<Origin>, help: &str| {
            let span = origin.map_or(span, Origin::span);
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
        };
        let model = Some(self.model.origin);
        let is_virt = domain.os.family() == MachineFamily::ArmVirt;
        let is_q35 = domain.os.family() == MachineFamily::Q35;
        match self.model.value {
            Model::Intel if !is_q35 => refuse(
                "`<iommu model='intel'>` needs machine type `q35`",
                model,
                "write `machine='q35'`, or remove the `<iommu>`",
            ),
            Model::Virtio if !is_q35 && !is_virt => {
                refuse(
                    "`<iommu model='virtio'>` needs machine type `q35` or `virt`",
                    model,
                    "write `machine='q35'`, or remove the `<iommu>`",
                );
            }
            Model::Intel | Model::Virtio | Model::Smmuv3 => {}
        }
        let place = self.info.address.as_ref();
        match self.model.value {
            Model::Smmuv3 if is_virt => {
                if let Some(place) = place {
                    refuse(
                        "`<iommu model='smmuv3'>` is part of the machine and has no address",
                        Some(place.origin),
                        "remove the `<address>`",
                    );
                }
                if self.driver.any() {
                    refuse("`<iommu model='smmuv3'>` has no `<driver>`", self.driver.origin, "remove `<driver>`");
                }
            }
            Model::Smmuv3 => refuse(
                "`<iommu model='smmuv3'>` exists on Arm only",
                model,
                "write `model='intel'` or `model='virtio'`",
            ),
            Model::Intel => {
                if let Some(place) = place {
                    refuse(
                        "`<iommu model='intel'>` is part of the chipset and has no address",
                        Some(place.origin),
                        "remove the `<address>`",
                    );
                }
                if let Some(remapping) = self.driver.intremap.filter(|i| i.value.is_on())
                    && !domain.features.ioapic.is(&IoapicDriver::Qemu)
                {
                    refuse(
                        "`intremap` needs `<ioapic driver='qemu'/>` in `<features>`",
                        Some(remapping.origin),
                        "add `<ioapic driver='qemu'/>` to `<features>`",
                    );
                }
                if let Some(eim) = self.driver.eim.filter(|e| e.value.is_on())
                    && !self.driver.intremap.is(&Switch::On)
                {
                    refuse("`eim` needs `intremap`", Some(eim.origin), "write `intremap='on'`, or remove `eim`");
                }
            }
            Model::Virtio => {
                if domain.features.has(Plain::Acpi).is_none() {
                    refuse("`<iommu model='virtio'>` needs ACPI", model, "add `<acpi/>` to `<features>`");
                }
                if let Some(place) = place.filter(|p| !matches!(p.value, Address::Pci { .. })) {
                    refuse(
                        "`<iommu model='virtio'>` needs an address of type `pci`",
                        Some(place.origin),
                        "remove the `<address>` to have one assigned",
                    );
                }
                if self.driver.any() {
                    refuse(
                        "`<iommu model='virtio'>` has no such `<driver>` options",
                        self.driver.origin,
                        "remove `<driver>`",
                    );
                }
            }
        }
        if domain.devices.iommus.first().is_some_and(|first| !std::ptr::eq(first, self)) {
            refuse("a guest has at most one `<iommu>`", None, "remove one of the two");
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        match self.model.value {
            Model::Virtio => BusSlot::Pci(Connect::INTEGRATED),
            Model::Intel | Model::Smmuv3 => BusSlot::Nothing,
        }
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("iommu")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let props = match self.model.value {
            Model::Intel => {
                let driver = &self.driver;
                let on = |switch: &Opt<Switch>| switch.get().map(Switch::is_on);
                Props::new()
                    .with("driver", "intel-iommu")
                    .with("id", alias)
                    .opt("intremap", driver.intremap.get().map(Switch::word))
                    .opt("caching-mode", on(&driver.caching_mode))
                    .opt("eim", driver.eim.get().map(Switch::word))
                    .opt("device-iotlb", on(&driver.iotlb))
                    .opt("aw-bits", driver.aw_bits.get().filter(|b| *b > 0))
                    .opt("dma-translation", on(&driver.dma_translation))
            }
            Model::Virtio => Props::new().with("driver", "virtio-iommu").with("id", alias),
            Model::Smmuv3 => return,
        };
        out.device(ArgSection::Iommu, props.and(cx.pci_address(&self.info.address)), self.origin);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn remapped_interrupts_take_qemus_ioapic() {
        let os = "<os><type arch='x86_64' machine='q35'>hvm</type></os>";
        let iommu = "<iommu model='intel'><driver intremap='on'/></iommu>";
        let domain = |features: &str| {
            crate::model::elements::trial::trial(
                &format!("<memory>1024</memory><vcpu>1</vcpu>{os}{features}"),
                iommu,
                &["kernel_irqchip"],
            )
        };
        let t = domain("");
        assert_eq!((t.faults.len(), t.argv.len()), (0, 1), "{:?}", t.faults);
        assert!(t.xml.contains("<ioapic driver='qemu'/>"), "{}", t.xml);
        let faults = domain("<features><ioapic driver='kvm'/></features>").faults;
        assert_eq!(faults, ["`intremap` needs `<ioapic driver='qemu'/>` in `<features>`"]);
    }

    use crate::model::devices::chardev::trial::trial;

    #[test]
    fn a_pc_of_old_has_none() {
        assert_eq!(trial("<iommu model='intel'/>", &[]).faults, ["`<iommu model='intel'>` needs machine type `q35`"]);
        let arm = trial("<iommu model='smmuv3'/>", &[]).faults;
        assert_eq!(arm.first().map(String::as_str), Some("`<iommu model='smmuv3'>` exists on Arm only"));
    }
}
