//! `<sysinfo type='fwcfg'>`: entries of QEMU's firmware configuration device (`fw_cfg`).

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{Opt, Origin, Spanned};
use crate::qemu::{ArgSection, Opts, QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<entry>`.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Its name.
    pub name: Spanned<String>,
    /// Its content.
    pub value: Opt<String>,
    /// The path of the file with its content.
    pub file: Opt<String>,
    origin: Origin,
}

impl Blob {
    pub(super) fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let (name, file): (_, Opt<String>) = (f.attr("name"), f.attr("file"));
        let value = Some(f.raw_text()).filter(|v| !v.value.trim().is_empty());
        Some(Self { name: name?, value, file: file.filter(|f| !f.value.is_empty()), origin: f.origin() })
    }

    /// What libvirt refuses (`qemuValidateDomainDefSysinfo` in its `src/qemu/qemu_validate.c`).
    pub(super) fn check(&self, faults: &mut Diagnostics) {
        let name = self.name.value.as_str();
        if self.value.is_some() == self.file.is_some() {
            faults.conflict(self.origin, "a fw_cfg entry needs either a text or the attribute `file`");
        }
        if !name.starts_with("opt/") {
            faults.refuse(self.name.origin, "the name of a fw_cfg entry must begin with `opt/`");
        } else if name.starts_with("opt/ovmf/") || name.starts_with("opt/org.qemu/") {
            faults.refuse(
                self.name.origin,
                "names of fw_cfg entries that begin with `opt/ovmf/` or `opt/org.qemu/` are reserved",
            );
        }
    }

    pub(super) fn write(&self, w: &mut XmlWriter) {
        let tag = w.tag("entry").attr("name", &self.name).opt("file", &self.file);
        match &self.value {
            Some(value) => tag.text(value),
            None => tag.end(),
        }
    }

    pub(super) fn options(&self, out: &mut QemuOptions) {
        let opts = Opts::new().with("name", &self.name.value);
        let opts = opts.opt("string", self.value.as_ref().map(|v| v.value.as_str()));
        let opts = opts.opt("file", self.file.as_ref().map(|f| f.value.as_str()));
        out.opts(ArgSection::FwCfg, "fw_cfg", opts, self.origin);
    }

    pub(super) fn host(&self, out: &mut RequirementsOf<'_>) {
        if let Some(file) = &self.file {
            out.file(&file.value, file.origin);
        }
    }
}
