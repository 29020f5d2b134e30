//! Mediated devices: parts of a device of the host, as its driver cut it.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{DefaultRule, Leaf, OptExt, Origin, Spanned, Switch, Uuid, words};
use crate::model::EmitContext;
use crate::model::devices::Info;
use crate::model::devices::hostdev::Display;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// How the guest sees a mediated device. Channel devices and adapters for cryptography exist on s390x only.
    pub enum MdevModel { VfioPci = "vfio-pci", VfioCcw = "vfio-ccw", VfioAp = "vfio-ap" }
}

/// A mediated device.
#[derive(Debug, Clone)]
pub struct Mdev {
    /// How the guest sees it.
    pub model: Spanned<MdevModel>,
    /// Which one.
    pub uuid: Spanned<Uuid>,
    /// The picture.
    pub display: Display,
}

static DISPLAY: DefaultRule = DefaultRule {
    name: "mdev-display",
    text: "the picture of a mediated device is not shown unless the definition asks for it",
};

impl Mdev {
    pub(super) fn lower(f: &Fields<'_, '_>, source: &Fields<'_, '_>) -> Option<Self> {
        let (model, display) = (f.attr("model"), Display::lower(f));
        let uuid = source.child_attr("address", "uuid");
        let model: Spanned<MdevModel> = model?;
        if model.value != MdevModel::VfioPci {
            let message = format!("a mediated device of model `{}` exists on s390x only", model.word());
            let fault = Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, model.origin, message);
            f.report(fault.help("write `model='vfio-pci'`"));
        }
        Some(Self { model, uuid: uuid?, display })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        w.tag("source").children(|w| w.tag("address").attr("uuid", &self.uuid.show()).end());
    }

    pub(super) fn define(&mut self, origin: Origin) {
        if self.model.value == MdevModel::VfioPci {
            self.display.display.get_or_insert(Spanned::rule(Switch::Off, &DISPLAY, origin));
        }
    }

    fn path(&self) -> String {
        format!("/sys/bus/mdev/devices/{}", self.uuid.show())
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, info: &Info, out: &mut QemuOptions) {
        let props = Props::new()
            .with("driver", self.display.driver())
            .with("id", info.alias())
            .opt("bootindex", info.boot_order.get())
            .with("sysfsdev", self.path())
            .opt("display", self.display.word())
            .opt("ramfb", self.display.has_ramfb().then_some(true))
            .and(cx.pci_address(&info.address));
        out.device(ArgSection::Hostdevs, props, self.uuid.origin);
    }

    pub(super) fn host(&self, out: &mut RequirementsOf<'_>) {
        out.pin();
        out.refuse("mediated devices (`<hostdev type='mdev'>`)", self.uuid.origin);
    }
}
