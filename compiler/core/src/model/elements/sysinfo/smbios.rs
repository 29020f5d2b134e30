//! `<sysinfo type='smbios'>`.

use std::collections::BTreeMap;

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_inventory::Smbios;

use crate::codes::{self, Report as _};
use crate::ir::{Leaf, Opt, Origin, Spanned, Uuid};
use crate::model::EmitContext;
use crate::qemu::{ArgSection, Opts, QemuOptions};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The layout of a table: its element, its SMBIOS type, its fields in libvirt's order.
struct Layout {
    element: &'static str,
    number: &'static str,
    fields: &'static [&'static str],
    /// Whether QEMU gets a `manufacturer` even where it is empty.
    always_maker: bool,
}

const BIOS: Layout =
    Layout { element: "bios", number: "0", fields: &["vendor", "version", "date", "release"], always_maker: false };
const SYSTEM: Layout = Layout {
    element: "system",
    number: "1",
    fields: &["manufacturer", "product", "version", "serial", "uuid", "sku", "family"],
    always_maker: false,
};
const BOARD: Layout = Layout {
    element: "baseBoard",
    number: "2",
    fields: &["manufacturer", "product", "version", "serial", "asset", "location"],
    always_maker: true,
};
const CHASSIS: Layout = Layout {
    element: "chassis",
    number: "3",
    fields: &["manufacturer", "version", "serial", "asset", "sku"],
    always_maker: true,
};

/// The fields of one table that have a value, in libvirt's order.
#[derive(Debug, Clone, Default)]
pub struct Table(Vec<(&'static str, Spanned<String>)>);

/// `<sysinfo type='smbios'>`.
#[derive(Debug, Clone)]
pub struct Tables {
    bios: Option<(Table, Origin)>,
    system: Option<(Table, Origin)>,
    boards: Vec<(Table, Origin)>,
    chassis: Option<(Table, Origin)>,
    oem: Option<(Vec<Spanned<String>>, Origin)>,
}

impl Table {
    fn lower(f: &Fields<'_, '_>, layout: &Layout) -> Option<(Self, Origin)> {
        let mut found: Vec<(String, Spanned<String>)> = Vec::new();
        for entry in f.children("entry") {
            let (name, text) = (entry.attr::<String>("name"), entry.raw_text());
            // Of several fields of one name the first counts; an empty one is dropped.
            if let Some(name) = name.filter(|name| !found.iter().any(|(known, _)| *known == name.value)) {
                found.push((name.value, text));
            }
        }
        let value = |name: &'static str| {
            let (_, text) = found.iter().find(|(known, text)| known == name && !text.value.is_empty())?;
            Some((name, text.clone()))
        };
        let fields: Vec<_> = layout.fields.iter().copied().filter_map(value).collect();
        (!fields.is_empty()).then(|| (Self(fields), f.origin()))
    }

    fn of_host(fields: &BTreeMap<String, String>, layout: &Layout, origin: Origin) -> Option<(Self, Origin)> {
        let value = |name: &'static str| Some((name, Spanned { value: fields.get(name)?.clone(), origin }));
        let fields: Vec<_> = layout.fields.iter().copied().filter_map(value).collect();
        (!fields.is_empty()).then_some((Self(fields), origin))
    }

    fn get(&self, name: &str) -> Option<&Spanned<String>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn write(&self, layout: &Layout, w: &mut XmlWriter) {
        w.tag(layout.element).children(|w| {
            for (name, value) in &self.0 {
                w.tag("entry").attr("name", name).text(value);
            }
        });
    }

    fn options(&self, layout: &Layout, with_uuid: bool, origin: Origin, out: &mut QemuOptions) {
        let mut opts = Opts::new().with("type", layout.number);
        if layout.always_maker && self.get("manufacturer").is_none() {
            opts.set("manufacturer", "");
        }
        let mut any = layout.always_maker;
        for (name, value) in self.0.iter().filter(|(name, _)| with_uuid || *name != "uuid") {
            opts.set(name, &value.value);
            any = true;
        }
        if any {
            out.opts(ArgSection::Smbios, "smbios", opts, origin);
        }
    }
}

impl Tables {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Self {
        let table = |layout: &Layout| f.child(layout.element).and_then(|t| Table::lower(&t, layout));
        let oem = f.child("oemStrings").map(|o| {
            let strings = o.children("entry").iter().map(Fields::raw_text).collect();
            (strings, o.origin())
        });
        Self {
            bios: table(&BIOS),
            system: table(&SYSTEM),
            boards: f.children(BOARD.element).iter().filter_map(|t| Table::lower(t, &BOARD)).collect(),
            chassis: table(&CHASSIS),
            oem,
        }
    }

    /// The host's own tables; everything in them has the origin `origin`.
    pub(super) fn of_host(host: &Smbios, origin: Origin) -> Self {
        let table = |fields, layout: &Layout| Table::of_host(fields, layout, origin);
        let oem = host.oem_strings.iter().map(|text| Spanned { value: text.clone(), origin }).collect::<Vec<_>>();
        Self {
            bios: table(&host.bios, &BIOS),
            system: table(&host.system, &SYSTEM),
            boards: host.base_board.iter().filter_map(|board| table(board, &BOARD)).collect(),
            chassis: table(&host.chassis, &CHASSIS),
            oem: (!oem.is_empty()).then_some((oem, origin)),
        }
    }

    pub(super) fn define(&mut self, uuid: &mut Opt<Uuid>, faults: &mut Diagnostics) {
        if let Some(date) = self.bios.as_ref().and_then(|(bios, _)| bios.get("date")).filter(|d| !is_date(d)) {
            faults.add(&codes::BAD_VALUE, date.origin, "the BIOS `date` does not have the form `mm/dd/yyyy`");
        }
        let Some((system, _)) = &mut self.system else { return };
        let Some((_, own)) = system.0.iter_mut().find(|(name, _)| *name == "uuid") else { return };
        match (Uuid::read(own), &uuid) {
            (None, _) => faults.add(&codes::BAD_VALUE, own.origin, "the `uuid` in `<sysinfo>` is not a uuid"),
            (Some(read), Some(known)) if read != known.value => {
                faults.conflict(own.origin, "the `uuid` in `<sysinfo>` differs from `<uuid>` of the domain");
            }
            (Some(read), _) => {
                let origin = own.origin;
                own.value = read.show();
                uuid.get_or_insert(Spanned { value: read, origin });
            }
        }
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        let all = [(&BIOS, &self.bios), (&SYSTEM, &self.system)];
        for (layout, table) in all.into_iter().filter_map(|(layout, table)| Some((layout, table.as_ref()?))) {
            table.0.write(layout, w);
        }
        self.boards.iter().for_each(|(board, _)| board.write(&BOARD, w));
        if let Some((chassis, _)) = &self.chassis {
            chassis.write(&CHASSIS, w);
        }
        if let Some((strings, _)) = &self.oem {
            w.tag("oemStrings").children(|w| strings.iter().for_each(|text| w.text("entry", text)));
        }
    }

    /// `-smbios`; `with_uuid` tells whether the uuid is part of it.
    pub(super) fn options(&self, with_uuid: bool, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        for (layout, table) in [(&BIOS, &self.bios), (&SYSTEM, &self.system)] {
            if let Some((table, origin)) = table {
                table.options(layout, with_uuid, *origin, out);
            }
        }
        if let Some((_, origin)) = self.boards.get(1) {
            let message = "more than one `<baseBoard>` is not supported by QEMU";
            cx.report(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, origin, message));
        }
        self.boards.iter().for_each(|(board, origin)| board.options(&BOARD, with_uuid, *origin, out));
        if let Some((chassis, origin)) = &self.chassis {
            chassis.options(&CHASSIS, with_uuid, *origin, out);
        }
        if let Some((strings, origin)) = &self.oem {
            let opts =
                strings.iter().fold(Opts::new().with("type", "11"), |opts, text| opts.with("value", &text.value));
            out.opts(ArgSection::Smbios, "smbios", opts, *origin);
        }
    }
}

/// Whether it is a date in SMBIOS: month, day, and a year in two digits or from 1900 on in full
/// (`virSysinfoBIOSParseXML` in libvirt's `src/conf/domain_conf.c`).
fn is_date(text: &str) -> bool {
    let mut parts = text.split('/').map(|part| part.trim_start().parse::<u32>());
    let (month, day, year) = (parts.next(), parts.next(), parts.next());
    let (Some(Ok(month)), Some(Ok(day)), Some(Ok(year)), None) = (month, day, year, parts.next()) else { return false };
    (1..=12).contains(&month) && (1..=31).contains(&day) && !(100..1900).contains(&year)
}
