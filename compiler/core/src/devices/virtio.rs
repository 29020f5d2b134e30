//! Options that every virtio device has on its `<driver>`.

use crate::emit::Props;
use crate::ir::{Opt, OptExt, Switch};
use crate::lower::Fields;
use crate::write::Tag;

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

    /// QEMU's properties.
    pub fn props(&self) -> Props {
        Props::new()
            .opt("iommu_platform", self.iommu.get().map(Switch::is_on))
            .opt("ats", self.ats.get().map(Switch::is_on))
            .opt("packed", self.packed.get().map(Switch::is_on))
            .opt("page-per-vq", self.page_per_vq.get().map(Switch::is_on))
    }
}
