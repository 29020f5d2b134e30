//! Options that every virtio device has on its `<driver>`.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Switch, words};
use crate::qemu::Props;
use crate::xml_io::Fields;
use crate::xml_io::Tag;

words! {
    /// Which versions of virtio the device speaks: both where the bus is conventional, both always, or the new one only.
    pub enum VirtioModel { Virtio = "virtio", Transitional = "virtio-transitional", NonTransitional = "virtio-non-transitional" }
}

impl VirtioModel {
    /// QEMU's device for it; `base` is the one for `virtio`.
    pub fn device(self, base: &str) -> String {
        match self {
            Self::Virtio => base.to_owned(),
            Self::Transitional => format!("{base}-transitional"),
            Self::NonTransitional => format!("{base}-non-transitional"),
        }
    }
}

/// `iommu`, `ats`, `packed` and `page_per_vq` of a `<driver>`.
#[derive(Debug, Clone, Default)]
pub struct VirtioOptions {
    /// DMA goes through the guest's IOMMU.
    pub iommu: Opt<Switch>,
    /// The device has address translation services.
    pub ats: Opt<Switch>,
    /// Virtqueues are packed.
    pub packed: Opt<Switch>,
    /// Each queue has a notification page of its own.
    pub page_per_vq: Opt<Switch>,
}

impl VirtioOptions {
    /// Reads the attributes of `<driver>`.
    pub fn lower(driver: &Fields<'_, '_>) -> Self {
        let attr = |name| driver.attr(name);
        Self { iommu: attr("iommu"), ats: attr("ats"), packed: attr("packed"), page_per_vq: attr("page_per_vq") }
    }

    /// Writes the attributes.
    #[must_use]
    pub fn write<'w>(&self, tag: Tag<'w>) -> Tag<'w> {
        let tag = tag.opt("iommu", &self.iommu).opt("ats", &self.ats);
        tag.opt("packed", &self.packed).opt("page_per_vq", &self.page_per_vq)
    }

    /// Whether any is given.
    pub fn any(&self) -> bool {
        [&self.iommu, &self.ats, &self.packed, &self.page_per_vq].iter().any(|o| o.is_some())
    }

    /// Refuses them on a device that is no virtio device (`virDomainCheckVirtioOptionsAreAbsent` in libvirt's `src/conf/domain_validate.c`).
    pub fn check_absent(&self, what: &str, faults: &mut Diagnostics) {
        let all =
            [("iommu", &self.iommu), ("ats", &self.ats), ("packed", &self.packed), ("page_per_vq", &self.page_per_vq)];
        for (name, option) in all {
            let Some(option) = option else { continue };
            let message = format!("only virtio devices have `{name}`, which this {what} is not");
            let span = option.origin.span();
            faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
    }

    /// Says of them that they mean nothing on a device that is no virtio device, where libvirt passes over them.
    pub fn without_effect(&self, what: &str, faults: &mut Diagnostics) {
        let mut found = Diagnostics::new();
        self.check_absent(what, &mut found);
        let code = &codes::WITHOUT_EFFECT;
        faults.extend(found.into_iter().map(|fault| Diagnostic { code, severity: code.severity, ..fault }).collect());
    }

    /// QEMU's properties.
    pub fn props(&self) -> Props {
        Props::new()
            .opt("iommu_platform", self.iommu.get().map(Switch::is_on))
            .opt("ats", self.ats.get().map(Switch::is_on))
            .opt("packed", self.packed.get().map(Switch::is_on))
            .opt("page-per-vq", self.page_per_vq.get().map(Switch::is_on))
    }
}
