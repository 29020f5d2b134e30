//! `<idmap>`: users and groups of containers. QEMU has none; the element is kept.

use crate::ir::{Opt, OptExt};
use crate::lower::Fields;
use crate::write::XmlWriter;

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
    /// Reads the element from `<domain>`.
    pub fn lower(domain: &Fields<'_, '_>) -> Self {
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
    pub fn write(&self, w: &mut XmlWriter) {
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
