//! `<memballoon>`.

use virtc_diag::Diagnostics;

use crate::ir::{Opt, OptExt, Origin, Spanned, Switch, words};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::virtio::VirtioOptions;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::model::slot::{PCI_DEVICE, PCIE_DEVICE};
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Models of balloons.
    pub enum Model { Virtio = "virtio", VirtioTransitional = "virtio-transitional", VirtioNonTransitional = "virtio-non-transitional", None = "none" }
}

/// `<memballoon>`.
#[derive(Debug, Clone)]
pub struct Memballoon {
    /// The model; `none` for a guest without a balloon.
    pub model: Opt<Model>,
    /// Whether QEMU may take memory back when the guest is short of it.
    pub autodeflate: Opt<Switch>,
    /// Whether the guest reports pages that it does not use.
    pub free_page_reporting: Opt<Switch>,
    /// Seconds between two polls of statistics.
    pub period: Opt<u32>,
    /// What every virtio device has.
    pub virtio: VirtioOptions,
    /// What every device has.
    pub info: Info,
    origin: Origin,
}

impl Memballoon {
    /// A balloon that `rule` adds.
    pub fn added(origin: Origin) -> Self {
        Self {
            model: Some(Spanned::new(Model::Virtio, origin)),
            autodeflate: None,
            free_page_reporting: None,
            period: None,
            virtio: VirtioOptions::default(),
            info: Info::default(),
            origin,
        }
    }
}

impl DeviceElement for Memballoon {
    const ELEMENT: &'static str = "memballoon";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let model = f.attr("model");
        let mut info = Info::lower(f);
        // What is not there is nowhere.
        info.address = info.address.filter(|_| !model.is(&Model::None));
        Some(Self {
            model,
            autodeflate: f.attr("autodeflate"),
            free_page_reporting: f.attr("freePageReporting"),
            period: f.child_attr("stats", "period"),
            virtio: f.child("driver").map(|d| VirtioOptions::lower(&d)).unwrap_or_default(),
            info,
            origin: f.origin(),
        })
    }
}

impl Device for Memballoon {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("memballoon").opt("model", &self.model).opt("autodeflate", &self.autodeflate);
        tag.opt("freePageReporting", &self.free_page_reporting).children(|w| {
            if self.period.get().is_some_and(|p| p > 0) {
                w.tag("stats").opt("period", &self.period).end();
            }
            // What is not there has no name and no place.
            if !self.model.is(&Model::None) {
                self.info.write(w);
            }
            if self.virtio.any() {
                self.virtio.write(w.tag("driver")).end();
            }
        });
    }

    fn check(&self, _domain: &Domain, faults: &mut Diagnostics) {
        if self.model.is(&Model::None) {
            self.virtio.check_absent("balloon", faults);
        }
    }

    fn bus_slot(&self, domain: &Domain) -> BusSlot {
        match self.model.get() {
            Some(Model::Virtio | Model::VirtioNonTransitional) if domain.has_pcie() => BusSlot::Pci(PCIE_DEVICE),
            Some(Model::None) | None => BusSlot::Nothing,
            Some(Model::Virtio | Model::VirtioNonTransitional | Model::VirtioTransitional) => BusSlot::Pci(PCI_DEVICE),
        }
    }

    fn takes_mmio(&self) -> bool {
        !self.model.is(&Model::None)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        if self.model.is(&Model::None) { AliasStem::Nameless } else { AliasStem::Indexed("balloon") }
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let driver = match self.model.get() {
            Some(Model::Virtio) => "virtio-balloon-pci",
            Some(Model::VirtioTransitional) => "virtio-balloon-pci-transitional",
            Some(Model::VirtioNonTransitional) => "virtio-balloon-pci-non-transitional",
            Some(Model::None) | None => return,
        };
        let props = Props::new()
            .with("driver", driver)
            .and(self.virtio.props())
            .with("id", self.info.alias())
            .opt("deflate-on-oom", self.autodeflate.get().map(Switch::is_on))
            .opt("free-page-reporting", self.free_page_reporting.get().map(Switch::is_on));
        out.device(ArgSection::Memballoon, props.and(cx.pci_address(&self.info.address)), self.origin);
    }
}
