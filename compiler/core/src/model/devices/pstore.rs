//! `<pstore>`: memory in which a crashing guest leaves its last words.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{DefaultRule, Opt, OptExt, Origin, Spanned, words};
use crate::model::Defaults;
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::{AliasStem, BusSlot, Device, DeviceElement, Info, common};
use crate::model::elements::memory::bytes;
use crate::model::slot::PCI_DEVICE;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Its backend.
    pub enum Backend { AcpiErst = "acpi-erst" }
}

/// `<pstore>`.
#[derive(Debug, Clone)]
pub struct Pstore {
    /// Its backend.
    pub backend: Spanned<Backend>,
    /// The file with the content.
    pub path: Opt<String>,
    /// Bytes.
    pub size: Opt<u64>,
    info: Info,
    origin: Origin,
}

static PATH: DefaultRule =
    DefaultRule { name: "pstore-path", text: "a store without a path is a file in the directory of UEFI's variables" };

impl DeviceElement for Pstore {
    const ELEMENT: &'static str = "pstore";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let backend = f.attr("backend");
        let size = f.child("size").and_then(|s| bytes(&s, "KiB"));
        Some(Self { path: f.child_text("path"), size, info: Info::lower(f), origin: f.origin(), backend: backend? })
    }
}

impl Device for Pstore {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("pstore").attr("backend", self.backend.word()).children(|w| {
            w.opt_text("path", &self.path);
            if let Some(size) = self.size.get() {
                w.tag("size").attr("unit", "KiB").text(&size.div_ceil(1024).to_string());
            }
            self.info.write(w);
        });
    }

    fn define(&mut self, defaults: &mut Defaults<'_>) {
        if self.path.is_none() {
            let path = format!("{}/{}_PSTORE.raw", defaults.facts.nvram_dir(), defaults.name);
            self.path = Some(Spanned::rule(path, &PATH, self.origin));
        }
        if self.size.is_none() {
            let span = self.origin.span();
            defaults.report(
                Diagnostic::at(&codes::MISSING, span, "`<pstore>` has no `<size>`")
                    .help("add `<size unit='KiB'>64</size>`"),
            );
        }
        let kib = |size: Spanned<u64>| size.map(|bytes| bytes.div_ceil(1024));
        if let Some(size) = self.size.map(kib).filter(|kib| !kib.value.is_power_of_two() || kib.value < 4) {
            let span = size.origin.span();
            let message = "the `<size>` of `<pstore>` is a power of two, and at least 4 KiB";
            defaults
                .report(Diagnostic::at(&codes::BAD_VALUE, span, message).help("write `<size unit='KiB'>64</size>`"));
        }
    }

    fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let span = self.origin.span();
        if domain.devices.pstores.first().is_some_and(|first| !std::ptr::eq(first, self)) {
            faults.push(
                Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, "a guest has at most one `<pstore>`")
                    .help("remove one of the two"),
            );
        }
        if domain.features.has(crate::model::elements::features::Plain::Acpi).is_none() {
            let message = "without ACPI the guest does not see a store of type `acpi-erst`";
            faults.push(Diagnostic::at(&codes::WITHOUT_EFFECT, span, message).help("add `<acpi/>` to `<features>`"));
        }
    }

    fn bus_slot(&self, _domain: &Domain) -> BusSlot {
        BusSlot::Pci(PCI_DEVICE)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("pstore")
    }

    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let alias = self.info.alias();
        let memory = format!("mem{alias}");
        let object = Props::new()
            .with("qom-type", "memory-backend-file")
            .with("id", &memory)
            .with("mem-path", self.path.as_ref().map_or("", |p| p.value.as_str()))
            .with("size", self.size.get().unwrap_or_default().next_multiple_of(1024))
            .with("share", true);
        out.json(ArgSection::Pstore, "object", object, self.origin);
        let props = Props::new().with("driver", "acpi-erst").with("id", alias).with("memdev", memory);
        out.device(ArgSection::Pstore, props.and(cx.pci_address(&self.info.address)), self.origin);
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        out.refuse("`<pstore>`", self.origin);
    }
}
