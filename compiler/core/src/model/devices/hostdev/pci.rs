//! PCI functions of the host.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, YesNo};
use crate::model::Defaults;
use crate::model::EmitContext;
use crate::model::devices::Info;
use crate::model::devices::address::write_pci;
use crate::model::devices::host_function::{HostFunction, PciDriver};
use crate::model::devices::hostdev::Display;
use crate::model::devices::teaming::Teaming;
use crate::qemu::{ArgSection, Props, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// A PCI function.
#[derive(Debug, Clone)]
pub struct PciFunction {
    /// Which one.
    pub function: HostFunction,
    /// Whether Xen filters writes; QEMU has nothing of the kind.
    pub write_filtering: Opt<YesNo>,
    /// The picture.
    pub display: Display,
}

impl PciFunction {
    pub(super) fn lower(f: &Fields<'_, '_>, source: &Fields<'_, '_>, managed: Opt<YesNo>) -> Option<Self> {
        if let Some(policy) = source.attr::<String>("startupPolicy") {
            let message = "only a USB device has a `startupPolicy`";
            let span = policy.origin.span();
            source.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
        let a = source.child("address")?;
        Some(Self {
            function: HostFunction::lower(&a, managed, PciDriver::lower(f)),
            write_filtering: source.attr("writeFiltering"),
            display: Display::lower(f),
        })
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        if let Some(driver) = &self.function.driver {
            driver.write(w);
        }
        w.tag("source")
            .opt("writeFiltering", &self.write_filtering)
            .children(|w| write_pci(self.function.address.value, w.tag("address")).end());
    }

    pub(super) fn define(&mut self, defaults: &mut Defaults<'_>) {
        self.function.define(defaults.facts);
        if let Some(filtering) = self.write_filtering {
            let message = "QEMU filters no writes to the configuration space of a device";
            let span = filtering.origin.span();
            defaults.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message));
        }
    }

    pub(super) fn options(&self, cx: &EmitContext<'_>, info: &Info, teaming: Option<&Teaming>, out: &mut QemuOptions) {
        let mut props = self.function.props(cx, info, None);
        if self.display.has_ramfb() {
            let _ = props.take("driver");
            props = Props::new().with("driver", self.display.driver()).and(props);
        }
        let props = props.opt("failover_pair_id", teaming.and_then(Teaming::failover_pair));
        let props = props.opt("display", self.display.word()).opt("ramfb", self.display.has_ramfb().then_some(true));
        out.device(ArgSection::Hostdevs, props, self.function.address.origin);
    }
}
