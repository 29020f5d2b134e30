//! `<sysinfo>`: SMBIOS tables, and entries of QEMU's firmware configuration device (`fw_cfg`).

mod fwcfg;
mod smbios;

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, Spanned, Uuid, words};
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::elements::os::SmbiosMode;
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

pub use fwcfg::Blob;
pub use smbios::Tables;

words! {
    /// What a `<sysinfo>` holds.
    pub enum SysinfoType { Smbios = "smbios", Fwcfg = "fwcfg" }
}

/// One `<sysinfo>`.
#[derive(Debug, Clone)]
pub enum Sysinfo {
    /// SMBIOS tables.
    Smbios(Tables),
    /// Entries of `fw_cfg`.
    Fwcfg(Vec<Blob>),
}

impl Sysinfo {
    /// Checks and normalises the values; `uuid` is that of the domain, which the system table gives where `<uuid>` is
    /// absent.
    pub fn define(list: &mut [Self], uuid: &mut Opt<Uuid>, faults: &mut Diagnostics) {
        for one in list {
            match one {
                Self::Smbios(tables) => tables.define(uuid, faults),
                Self::Fwcfg(blobs) => blobs.iter().for_each(|blob| blob.check(faults)),
            }
        }
    }

    /// Writes the element.
    fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::Smbios(tables) => w.tag("sysinfo").attr("type", "smbios").children(|w| tables.write(w)),
            Self::Fwcfg(blobs) => {
                w.tag("sysinfo").attr("type", "fwcfg").children(|w| blobs.iter().for_each(|blob| blob.write(w)));
            }
        }
    }

    fn tables(all: &[Self]) -> Option<&Tables> {
        all.iter().find_map(|one| match one {
            Self::Smbios(tables) => Some(tables),
            Self::Fwcfg(_) => None,
        })
    }

    /// The files that QEMU opens.
    fn host(&self, out: &mut RequirementsOf<'_>) {
        if let Self::Fwcfg(blobs) = self {
            for blob in blobs {
                blob.host(out);
            }
        }
    }
}

impl Element for Vec<Sysinfo> {
    /// Reads all `<sysinfo>` from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let one = |f: &Fields<'_, '_>| {
            let kind: Opt<SysinfoType> = f.attr("type");
            Some(match kind?.value {
                SysinfoType::Smbios => Sysinfo::Smbios(Tables::lower(f)),
                SysinfoType::Fwcfg => Sysinfo::Fwcfg(f.children("entry").iter().filter_map(Blob::lower).collect()),
            })
        };
        domain.children("sysinfo").iter().filter_map(one).collect()
    }

    fn write(&self, w: &mut XmlWriter) {
        for one in self {
            one.write(w);
        }
    }

    /// `-smbios` and `-fw_cfg`.
    fn options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let mode = cx.domain.os.smbios;
        let fault = |mode: Spanned<SmbiosMode>, code, message: &str| {
            cx.report(Diagnostic::at(code, mode.origin, message));
        };
        match mode.map(|m| (m, m.value)) {
            Some((mode, SmbiosMode::Sysinfo)) => match Sysinfo::tables(self) {
                Some(tables) => tables.options(true, cx, out),
                None => fault(mode, &codes::MISSING, "`<smbios mode='sysinfo'>` needs `<sysinfo type='smbios'>`"),
            },
            Some((mode, SmbiosMode::Host)) => match cx.facts.smbios() {
                Some(smbios) => Tables::of_host(smbios, mode.origin).options(false, cx, out),
                None => fault(
                    mode,
                    &codes::HOST_FACT_NEEDED,
                    "`<smbios mode='host'>` needs the host's SMBIOS tables, which are not in a host file",
                ),
            },
            Some((_, SmbiosMode::Emulate)) | None => {}
        }
        for one in self {
            if let Sysinfo::Fwcfg(blobs) = one {
                for blob in blobs {
                    blob.options(out);
                }
            }
        }
    }

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        for one in self {
            one.host(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::elements::trial::trial;

    fn faults(parts: &str) -> Vec<String> {
        trial(&format!("<memory>1024</memory>{parts}"), "", &[]).faults
    }

    #[test]
    fn tables_and_blobs() {
        let t = trial(
            "<memory>1024</memory><uuid>C7A5FDBDedaf9455926ad65c16db1809</uuid><os><type machine='pc'>hvm</type>\
             <smbios mode='sysinfo'/></os><sysinfo type='fwcfg'><entry name='opt/a,b'>c</entry><entry name='opt/f' file='/x'/>\
             </sysinfo><sysinfo type='smbios'><bios><entry name='date'>1/2/99</entry></bios><system><entry name='family'>F</entry>\
             <entry name='uuid'>c7a5fdbdedaf9455926ad65c16db1809</entry></system><baseBoard><entry name='product'>P</entry></baseBoard>\
             <chassis><entry name='sku'>S</entry></chassis><oemStrings><entry>a,b</entry><entry>c</entry></oemStrings></sysinfo>",
            "",
            &["-smbios", "-fw_cfg"],
        );
        assert_eq!(t.faults, Vec::<String>::new());
        assert_eq!(
            t.argv,
            [
                "-smbios type=0,date=1/2/99",
                "-smbios type=1,uuid=c7a5fdbd-edaf-9455-926a-d65c16db1809,family=F",
                "-smbios type=2,manufacturer=,product=P",
                "-smbios type=3,manufacturer=,sku=S",
                "-smbios type=11,value=a,,b,value=c",
                "-fw_cfg name=opt/a,,b,string=c",
                "-fw_cfg name=opt/f,file=/x",
            ]
        );
        assert!(t.xml.contains("<entry name='uuid'>c7a5fdbd-edaf-9455-926a-d65c16db1809</entry>"), "{}", t.xml);
    }

    #[test]
    fn what_tables_cannot_be() {
        let smbios = |inner: &str| {
            faults(&format!(
                "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><os><type machine='pc'>hvm</type><smbios mode='sysinfo'/></os>{inner}"
            ))
        };
        let tables = |inner: &str| smbios(&format!("<sysinfo type='smbios'>{inner}</sysinfo>"));
        let date = ["the BIOS `date` does not have the form `mm/dd/yyyy`"];
        for bad in ["13/1/2000", "1/32/2000", "1/1/100", "1/1", "a/1/2000", "1/1/2000x"] {
            assert_eq!(tables(&format!("<bios><entry name='date'>{bad}</entry></bios>")), date, "{bad}");
        }
        let other = "<system><entry name='uuid'>00000000-edaf-9455-926a-d65c16db1809</entry></system>";
        assert_eq!(tables(other), ["the `uuid` in `<sysinfo>` differs from `<uuid>` of the domain"]);
        let board = "<baseBoard><entry name='asset'>1</entry></baseBoard>";
        assert_eq!(tables(&board.repeat(2)), ["more than one `<baseBoard>` is not supported by QEMU"]);
        assert_eq!(smbios(""), ["`<smbios mode='sysinfo'>` needs `<sysinfo type='smbios'>`"]);
        for (name, fault) in [
            ("etc/x", "the name of a fw_cfg entry must begin with `opt/`"),
            ("opt/ovmf/x", "names of fw_cfg entries that begin with `opt/ovmf/` or `opt/org.qemu/` are reserved"),
        ] {
            let found = smbios(&format!("<sysinfo type='fwcfg'><entry name='{name}'>x</entry></sysinfo>"));
            assert_eq!(found.first().unwrap(), fault);
        }
    }
}
