//! `<lease>`: a lock that a lock manager holds for the guest.

use crate::ir::{Opt, Origin, Spanned};
use crate::model::Domain;
use crate::model::EmitContext;
use crate::model::devices::{AliasStem, Can, Device, DeviceElement, Info, Live, common};
use crate::qemu::{QemuOptions, RequirementsOf};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<lease>`.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The lockspace, where there are several.
    pub lockspace: Opt<String>,
    /// The key of the lock.
    pub key: Spanned<String>,
    /// The file with the lock.
    pub path: Spanned<String>,
    /// Where the lock is in it, in bytes.
    pub offset: Opt<u64>,
    info: Info,
    origin: Origin,
}

impl DeviceElement for Lease {
    const ELEMENT: &'static str = "lease";
    const IS_NEEDED_BY_OTHERS: bool = false;

    fn lower(f: &Fields<'_, '_>) -> Option<Self> {
        let (lockspace, key, target) = (f.child_text("lockspace"), f.child_text("key"), f.child("target"));
        let offset = target.as_ref().and_then(|t| t.attr("offset"));
        let path = target.and_then(|t| t.attr("path"));
        Some(Self { lockspace, key: key?, path: path?, offset, info: Info::default(), origin: f.origin() })
    }

    fn matches_description(&self, other: &Self) -> bool {
        self.key == other.key && self.lockspace == other.lockspace
    }
}

impl Device for Lease {
    common!();

    fn write(&self, w: &mut XmlWriter) {
        w.tag("lease").children(|w| {
            w.opt_text("lockspace", &self.lockspace);
            w.text("key", &self.key);
            let offset = self.offset.filter(|o| o.value > 0);
            w.tag("target").attr("path", &self.path).opt("offset", &offset).end();
        });
    }

    fn live(&self) -> Live {
        Live::plug(Can::Yes)
    }

    fn alias_stem(&self, _domain: &Domain) -> AliasStem {
        AliasStem::Indexed("lease")
    }

    /// QEMU knows nothing of it.
    fn options(&self, _cx: &EmitContext<'_>, _out: &mut QemuOptions) {}

    fn host(&self, _cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        out.refuse("`<lease>`", self.origin);
    }
}
