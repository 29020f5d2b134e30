//! `<teaming>`: two devices of the guest that it bonds into one, a paravirtual one that stays and a device of the host that can go.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes;
use crate::ir::{Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// Which of the two a device is.
    pub enum TeamingType { Persistent = "persistent", Transient = "transient" }
}

/// `<teaming>`.
#[derive(Debug, Clone)]
pub struct Teaming {
    /// Which of the two the device is.
    pub kind: Spanned<TeamingType>,
    /// The name of the device that stays, for one that goes.
    pub persistent: Opt<String>,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Teaming {
    /// Reads `<teaming>` of the device `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let t = f.child("teaming")?;
        Some(Self { persistent: t.attr("persistent"), kind: t.attr("type")?, origin: t.origin() })
    }

    /// Writes `<teaming>`.
    pub fn write(&self, w: &mut XmlWriter) {
        w.tag("teaming").attr("type", self.kind.value.word()).opt("persistent", &self.persistent).end();
    }

    /// Whether this is the device that stays.
    pub fn is_persistent(&self) -> bool {
        self.kind.value == TeamingType::Persistent
    }

    /// The name of the device that stays, where this is the one that goes.
    pub fn failover_pair(&self) -> Option<&str> {
        if self.is_persistent() { None } else { self.persistent.as_ref().map(|p| p.value.as_str()) }
    }

    /// What is wrong with the pair (`virDomainNetDefValidate` in libvirt's `src/conf/domain_validate.c`).
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let span = self.origin.span();
        match (&self.persistent, self.kind.value) {
            (None, TeamingType::Persistent) => {}
            (Some(name), TeamingType::Persistent) => {
                let message = "`<teaming type='persistent'>` has no `persistent`";
                let span = name.origin.span();
                faults
                    .push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help("remove `persistent`"));
            }
            (None, TeamingType::Transient) => {
                let message = "`<teaming type='transient'>` has no `persistent`";
                let help = "add `persistent='ALIAS'` with the alias of the interface of type `persistent`";
                faults.push(Diagnostic::at(&codes::UNSUPPORTED_CONFIGURATION, span, message).help(help));
            }
            (Some(name), TeamingType::Transient) => {
                let is_pair = |i: &&crate::model::devices::interface::Interface| {
                    i.info.alias.is(&name.value) && i.teaming.as_ref().is_some_and(Self::is_persistent)
                };
                if !domain.devices.interfaces.iter().any(|i| is_pair(&i)) {
                    let message =
                        format!("no interface with the alias `{}` has `<teaming type='persistent'/>`", name.value);
                    let help =
                        "give the other interface this alias (it begins with `ua-`) and `<teaming type='persistent'/>`";
                    let span = name.origin.span();
                    faults.push(Diagnostic::at(&codes::REFERENCE_TO_NOTHING, span, message).help(help));
                }
            }
        }
    }
}
