//! `<acpi>` of `<os>`: ACPI tables that the guest gets in addition to QEMU's own.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{Opt, OptExt, Origin, words};
use crate::qemu::{ArgSection, Opts, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Kinds of ACPI tables.
    pub enum TableKind { Raw = "raw", Rawset = "rawset", Slic = "slic", Msdm = "msdm" }
}

/// `<table>`.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its type.
    pub kind: Opt<TableKind>,
    /// The path of the file with its content.
    pub path: Opt<String>,
    origin: Origin,
}

/// Reads `<acpi>` from `<os>`.
pub(super) fn lower(os: &Fields<'_, '_>) -> Vec<Table> {
    let Some(acpi) = os.child("acpi") else { return Vec::new() };
    let table = |t: &Fields<'_, '_>| Table { kind: t.attr("type"), path: t.text(), origin: t.origin() };
    acpi.children("table").iter().map(table).collect()
}

/// What libvirt refuses (`virDomainDefParseBootAcpiOptions` in its `src/conf/domain_conf.c`).
pub(super) fn check(tables: &[Table], faults: &mut Diagnostics) {
    for (at, table) in tables.iter().enumerate() {
        let twice = tables.iter().take(at).any(|other| other.kind == table.kind);
        let message = match table.kind.get() {
            Some(TableKind::Rawset) => "ACPI tables of type `rawset` are not supported by QEMU",
            Some(TableKind::Slic | TableKind::Msdm) if twice => "two ACPI tables of the same type",
            Some(TableKind::Raw | TableKind::Slic | TableKind::Msdm) | None => continue,
        };
        faults.refuse(table.origin, message);
    }
}

/// Writes `<acpi>`.
pub(super) fn write(tables: &[Table], w: &mut XmlWriter) {
    if !tables.is_empty() {
        w.tag("acpi").children(|w| {
            for table in tables {
                w.tag("table").opt("type", &table.kind).text(table.path.as_ref().map_or("", |p| &p.value));
            }
        });
    }
}

/// `-acpitable`.
pub(super) fn options(tables: &[Table], out: &mut QemuOptions) {
    for table in tables {
        let sig = match table.kind.get() {
            Some(TableKind::Slic) => Some("SLIC"),
            Some(TableKind::Msdm) => Some("MSDM"),
            Some(TableKind::Raw | TableKind::Rawset) | None => None,
        };
        let opts = Opts::new().opt("sig", sig).opt("file", table.path.as_ref().map(|p| p.value.as_str()));
        out.opts(ArgSection::Boot, "acpitable", opts, table.origin);
    }
}

/// The files that QEMU opens.
pub(super) fn host(tables: &[Table], out: &mut RequirementsOf<'_>) {
    for path in tables.iter().filter_map(|t| t.path.as_ref()) {
        out.file(&path.value, path.origin);
    }
}
