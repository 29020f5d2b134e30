//! What every device has: alias, address, boot order, ROM, index for ACPI.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Switch, YesNo};
use crate::model::devices::address::Address;
use crate::qemu::Props;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// What every device has.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// The name of the device in QEMU. Only names that begin with `ua-` are the user's; others are made anew.
    pub alias: Opt<String>,
    /// Where it is in the guest.
    pub address: Opt<Address>,
    /// Its place in the boot order, from 1.
    pub boot_order: Opt<u32>,
    /// What the firmware of s390x is told to boot; it means nothing on x86.
    pub loadparm: Opt<String>,
    /// The index of the device in ACPI, from 1.
    pub acpi_index: Opt<u32>,
    /// The option ROM.
    pub rom: Option<Rom>,
}

/// `<rom>`.
#[derive(Debug, Clone, Default)]
pub struct Rom {
    /// Whether the ROM is mapped.
    pub bar: Opt<Switch>,
    /// An image to take in place of the device's own.
    pub file: Opt<String>,
    /// `no`: no ROM at all, neither BAR nor file.
    pub enabled: Opt<YesNo>,
}

impl Rom {
    /// Whether it says anything.
    fn says(&self) -> bool {
        self.origin().is_some()
    }

    /// Where it says something.
    pub fn origin(&self) -> Option<Origin> {
        let tuning = self.tuning();
        tuning.or(self.enabled.map(|enabled| enabled.origin))
    }

    /// Where it says something about the ROM that there is.
    pub fn tuning(&self) -> Option<Origin> {
        self.bar.map(|bar| bar.origin).or(self.file.as_ref().map(|file| file.origin))
    }
}

impl Info {
    /// The common parts of the device that `f` reads.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let (rom, boot) = (f.child("rom"), f.child("boot"));
        let loadparm: Opt<String> = boot.as_ref().and_then(|b| b.attr("loadparm"));
        if let Some(parameter) = &loadparm {
            let span = parameter.origin.span();
            f.report(
                Diagnostic::at(&codes::WITHOUT_EFFECT, span, "`loadparm` is for s390x only").help("remove `loadparm`"),
            );
        }
        Self {
            alias: f.child_attr::<String>("alias", "name").filter(|a| f.cx().keeps_alias(a)),
            address: Address::lower(f),
            loadparm: loadparm.map(|found| found.map(|text| text.to_uppercase())),
            boot_order: boot.and_then(|b| b.attr("order")),
            acpi_index: f.child_attr("acpi", "index"),
            rom: rom
                .map(|r| Rom { bar: r.attr("bar"), file: r.attr("file"), enabled: r.attr("enabled") })
                .filter(Rom::says),
        }
    }

    /// The name in QEMU; `prepare` gives one to every device.
    pub fn alias(&self) -> &str {
        self.alias.as_ref().map_or("", |a| a.value.as_str())
    }

    /// QEMU's properties for the option ROM.
    pub fn rom_props(&self) -> Props {
        let Some(rom) = &self.rom else { return Props::new() };
        if rom.enabled.is(&YesNo::No) {
            return Props::new().with("romfile", "");
        }
        let props = Props::new().opt("rombar", rom.bar.get().map(|bar| u32::from(bar.is_on())));
        props.opt("romfile", rom.file.as_ref().map(|f| f.value.as_str()))
    }

    /// Writes `<boot>`, `<alias>`, `<rom>`, `<acpi>` and `<address>`, as libvirt orders them.
    pub fn write(&self, w: &mut XmlWriter) {
        if self.boot_order.is_some() {
            w.tag("boot").opt("order", &self.boot_order).opt("loadparm", &self.loadparm).end();
        }
        self.write_without_boot(w);
    }

    /// As [`Info::write`], for devices that write `<boot>` at another place.
    pub fn write_without_boot(&self, w: &mut XmlWriter) {
        if self.alias.is_some() {
            w.tag("alias").opt("name", &self.alias).end();
        }
        if self.acpi_index.is_some() {
            w.tag("acpi").opt("index", &self.acpi_index).end();
        }
        if let Some(rom) = &self.rom {
            w.tag("rom").opt("enabled", &rom.enabled).opt("bar", &rom.bar).opt("file", &rom.file).end();
        }
        if let Some(address) = &self.address {
            address.write(w);
        }
    }
}
