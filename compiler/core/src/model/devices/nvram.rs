//! `<nvram>`: the settings of a POWER guest's firmware; no device of a PC.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::Origin;
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::{AliasStem, Device, DeviceElement, Info, common};
use crate::qemu::QemuOptions;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<nvram>` among the devices.
#[derive(Debug, Clone)]
pub struct Nvram {
    info: Info,
    origin: Origin,
}

impl DeviceElement for Nvram {
    const ELEMENT: &'static str = "nvram";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        Some(Self { info: Info::lower(f), origin: f.origin() })
    }
}

impl Device for Nvram {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("nvram").children(|w| self.info.write(w));
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        let span = self.origin.span();
        let message = "the device `<nvram>` exists on ppc64 only";
        let help = "the variables of UEFI are `<nvram>` in `<os>`";
        defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Whole("nvram".to_owned())
    }

    fn options(&self, _cx: &EmitContext<'_>, _out: &mut QemuOptions) {}
}
