//! `<idmap>`: users and groups of containers. QEMU has none; the element is kept.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{Opt, OptExt, Origin};
use crate::model::Element;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<uid>` or `<gid>`: first in the container, first on the host, and how many.
pub type Range = [Opt<u32>; 3];

/// `<idmap>`.
#[derive(Debug, Clone, Default)]
pub struct Idmap {
    /// Users.
    pub uids: Vec<Range>,
    /// Groups.
    pub gids: Vec<Range>,
}

impl Idmap {
    /// What libvirt refuses (`virDomainDefIdMapValidate` in its `src/conf/domain_validate.c`).
    pub fn check(&self, domain: Origin, report: &mut dyn FnMut(Diagnostic)) {
        let (uid, gid) = (self.uids.first(), self.gids.first());
        for [start, ..] in [uid, gid].into_iter().flatten() {
            let span = start.origin_or(domain).span();
            if uid.is_none() || gid.is_none() {
                report(Diagnostic::at(&codes::CONFLICT, span, "users and groups are mapped together or not at all"));
            } else if !start.is(&0) {
                report(Diagnostic::at(&codes::CONFLICT, span, "root of the container is not mapped"));
            }
        }
    }
}

impl Element for Idmap {
    /// Reads the element from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("idmap") else { return Self::default() };
        let list = |name: &str| {
            let mut out: Vec<Range> =
                f.children(name).iter().map(|r| [r.attr("start"), r.attr("target"), r.attr("count")]).collect();
            out.sort_by_key(|[start, ..]| start.get());
            out
        };
        Self { uids: list("uid"), gids: list("gid") }
    }

    /// Writes the element.
    fn write(&self, w: &mut XmlWriter) {
        if self.uids.is_empty() && self.gids.is_empty() {
            return;
        }
        w.tag("idmap").children(|w| {
            for (name, list) in [("uid", &self.uids), ("gid", &self.gids)] {
                for [start, target, count] in list {
                    w.tag(name).opt("start", start).opt("target", target).opt("count", count).end();
                }
            }
        });
    }
}
