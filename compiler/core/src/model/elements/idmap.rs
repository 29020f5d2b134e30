//! `<idmap>`: users and groups of containers. The element is kept; it has no effect in QEMU.

use virtc_diag::Diagnostics;

use crate::codes::Report as _;
use crate::ir::{Opt, OptExt, Origin};
use crate::model::Element;
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// `<uid>` or `<gid>`: the first id in the container, the first id on the host, and the number of ids.
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
    pub fn check(&self, domain: Origin, faults: &mut Diagnostics) {
        let (uid, gid) = (self.uids.first(), self.gids.first());
        for [start, ..] in [uid, gid].into_iter().flatten() {
            let origin = start.origin_or(domain);
            if uid.is_none() || gid.is_none() {
                faults.conflict(origin, "`<idmap>` needs both `<uid>` and `<gid>`");
            } else if !start.is(&0) {
                faults.conflict(origin, "`<idmap>` must map id 0 of the container (`start='0'`)");
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
