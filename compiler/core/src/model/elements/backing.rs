//! `<memoryBacking>`: how the host provides the guest's memory.

use virtc_diag::{Diagnostic, Diagnostics};

use crate::codes::{self, Report as _};
use crate::ir::{CpuSet, Opt, OptExt, Origin, Spanned, words};
use crate::model::Domain;
use crate::model::Element;
use crate::model::EmitContext;
use crate::model::elements::backend::SYSTEM_PAGE_KIB;
use crate::model::elements::memory::scaled_attr;
use crate::qemu::{ArgSection, QemuOptions, RequirementsOf, rules};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

words! {
    /// What backs the guest's memory.
    pub enum SourceType { Anonymous = "anonymous", File = "file", Memfd = "memfd" }
}

words! {
    /// Whether other processes can map the memory.
    pub enum Access { Shared = "shared", Private = "private" }
}

words! {
    /// When the host allocates the memory.
    pub enum AllocationMode { Immediate = "immediate", Ondemand = "ondemand" }
}

/// `<page>`.
#[derive(Debug, Clone)]
pub struct Page {
    /// The size in KiB.
    pub kib: Opt<u64>,
    /// The NUMA cells that use it; absent: all cells that no other `<page>` names.
    pub nodeset: Opt<CpuSet>,
    /// Its place in the XML.
    pub origin: Origin,
}

/// `<memoryBacking>`.
#[derive(Debug, Clone, Default)]
pub struct Backing {
    /// `<hugepages>`: its place and its `<page>`s; empty: pages of the host's default size.
    pub hugepages: Option<(Origin, Vec<Page>)>,
    /// `<nosharepages>`: the host does not merge equal pages (KSM).
    pub nosharepages: Option<Origin>,
    /// `<locked>`: the memory is never swapped out.
    pub locked: Option<Origin>,
    /// What backs the memory.
    pub source: Opt<SourceType>,
    /// Whether other processes can map it.
    pub access: Opt<Access>,
    /// When the memory is allocated.
    pub allocation: Opt<AllocationMode>,
    /// The number of threads that preallocate the memory, at least 1.
    pub threads: Opt<u32>,
    /// `<discard>`: the content is discarded when QEMU ends.
    pub discard: Option<Origin>,
}

impl Backing {
    fn is_empty(&self) -> bool {
        self.hugepages.is_none()
            && self.nosharepages.is_none()
            && self.locked.is_none()
            && self.source.is_none()
            && self.access.is_none()
            && self.allocation.is_none()
            && self.threads.is_none()
            && self.discard.is_none()
    }

    /// The page sizes; the host's default is a `<page>` without a size and without cells.
    pub fn pages(&self) -> Vec<Page> {
        match &self.hugepages {
            None => Vec::new(),
            Some((origin, pages)) if pages.is_empty() => vec![Page { kib: None, nodeset: None, origin: *origin }],
            Some((_, pages)) => pages.clone(),
        }
    }

    /// Whether all memory is allocated at the start.
    pub fn is_immediate(&self) -> bool {
        self.allocation.is(&AllocationMode::Immediate)
    }

    /// Drops `nodeset='0'` of a guest without NUMA cells: there it means the whole guest.
    pub fn define(&mut self, cells: usize) {
        for page in self.hugepages.iter_mut().flat_map(|(_, pages)| pages) {
            page.nodeset.take_if(|nodes| cells == 0 && nodes.last() == Some(0));
        }
    }

    /// What libvirt refuses (`virDomainDefPostParseMemory…` and `qemuDomainDefValidateMemory…`).
    pub fn check(&self, domain: &Domain, faults: &mut Diagnostics) {
        let cells = domain.numa().map_or(0, |n| n.cells.len());
        let pages = self.hugepages.as_ref().map(|(_, pages)| pages.as_slice()).unwrap_or_default();
        for (at, page) in pages.iter().enumerate() {
            if page.kib.is(&0) {
                faults.conflict(page.kib.origin_or(page.origin), "the size of a huge page is 0");
            }
            let others = pages.iter().take(at);
            match &page.nodeset {
                Some(nodes) => {
                    let known = u32::try_from(cells).unwrap_or(u32::MAX);
                    // A guest without NUMA cells is one node.
                    if let Some(node) = nodes.last().filter(|n| *n >= known.max(1)) {
                        faults.conflict(
                            nodes.origin,
                            format!("`<page nodeset>` names NUMA cell {node}, which does not exist"),
                        );
                    }
                    for other in others.filter_map(|o| o.nodeset.as_ref()) {
                        if let Some(node) = nodes.common(&other.value) {
                            faults.conflict(nodes.origin, format!("NUMA cell {node} has two huge page sizes"));
                        }
                    }
                }
                None if pages.iter().take(at).any(|o| o.nodeset.is_none()) => {
                    faults.conflict(page.origin, "two `<page>` elements without a `nodeset`");
                }
                None => {}
            }
        }
        if let (Some(hugepages), Some(ondemand)) =
            (&self.hugepages, self.allocation.filter(|a| a.value == AllocationMode::Ondemand))
        {
            let fault = Diagnostic::at(
                &codes::CONFLICT,
                ondemand.origin,
                "`<hugepages>` cannot be combined with `allocation mode='ondemand'`",
            )
            .help("remove `mode='ondemand'`");
            faults.push(fault.label(hugepages.0.span(), "`<hugepages>` is here"));
        }
        if let (Some(source), Some((origin, _))) =
            (self.source.filter(|s| s.value == SourceType::Anonymous), &self.hugepages)
        {
            let fault = Diagnostic::at(
                &codes::CONFLICT,
                source.origin,
                "`<hugepages>` cannot be combined with `source type='anonymous'`",
            )
            .help("remove `<source type='anonymous'/>`");
            faults.push(fault.label(origin.span(), "`<hugepages>` is here"));
        }
    }

    /// `-mem-prealloc` and `-mem-path`, for machine types whose NUMA cells have a size and no memory backend.
    pub fn path_options(&self, cx: &EmitContext<'_>, out: &mut QemuOptions) {
        let first = self.pages().into_iter().next().filter(|p| !p.kib.is(&SYSTEM_PAGE_KIB));
        let immediate = self.allocation.filter(|_| self.is_immediate());
        if first.is_some() || immediate.is_some() {
            let origin = immediate.map_or(cx.domain.origin.with_rule(&rules::MEMORY_BACKEND), |a| a.origin);
            out.flag(ArgSection::Numa, "mem-prealloc", first.as_ref().map_or(origin, |p| p.origin));
        }
        if let Some(page) = first {
            if let Some(path) = cx.hugepage_path(page.kib, page.origin) {
                out.word(ArgSection::Numa, "mem-path", path, page.origin);
            }
        } else if let Some(source) = self.source.filter(|s| s.value == SourceType::File) {
            out.word(ArgSection::Numa, "mem-path", cx.ram_path("ram"), source.origin);
        }
    }
}

impl Element for Backing {
    /// Reads the element from `<domain>`.
    fn lower(domain: &Fields<'_, '_>) -> Self {
        let Some(f) = domain.child("memoryBacking") else { return Self::default() };
        let page =
            |p: &Fields<'_, '_>| Page { kib: scaled_attr(p, "size"), nodeset: p.attr("nodeset"), origin: p.origin() };
        let allocation = f.child("allocation");
        Self {
            hugepages: f.child("hugepages").map(|h| (h.origin(), h.children("page").iter().map(page).collect())),
            nosharepages: f.child("nosharepages").map(|c| c.origin()),
            locked: f.child("locked").map(|c| c.origin()),
            source: f.child_attr("source", "type"),
            access: f.child_attr("access", "mode"),
            allocation: allocation.as_ref().and_then(|a| a.attr("mode")),
            threads: allocation.and_then(|a| a.attr("threads")).filter(|t: &Spanned<u32>| t.value > 0),
            discard: f.child("discard").map(|c| c.origin()),
        }
    }

    /// Writes the element.
    fn write(&self, w: &mut XmlWriter) {
        if self.is_empty() {
            return;
        }
        w.tag("memoryBacking").children(|w| {
            if let Some((_, pages)) = &self.hugepages {
                w.tag("hugepages").children(|w| {
                    for page in pages {
                        w.tag("page").opt("size", &page.kib).attr("unit", "KiB").opt("nodeset", &page.nodeset).end();
                    }
                });
            }
            for (name, there) in [("nosharepages", &self.nosharepages), ("locked", &self.locked)] {
                if there.is_some() {
                    w.tag(name).end();
                }
            }
            if self.source.is_some() {
                w.tag("source").opt("type", &self.source).end();
            }
            if self.access.is_some() {
                w.tag("access").opt("mode", &self.access).end();
            }
            if self.allocation.is_some() || self.threads.is_some() {
                w.tag("allocation").opt("mode", &self.allocation).opt("threads", &self.threads).end();
            }
            if self.discard.is_some() {
                w.tag("discard").end();
            }
        });
    }

    /// What the runtime cannot do yet.
    fn host(&self, cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
        super::backend::machine_host(cx, out);
        if let Some(origin) = self.locked {
            out.refuse("locked memory (`<locked>`)", origin);
        }
    }
}

/// The page size of `cell` in KiB, absent or 0 for the host's default; its origin; and whether a `nodeset` names the
/// cell.
pub(crate) fn page_of(backing: &Backing, cell: Option<u32>) -> Option<(Opt<u64>, Origin, bool)> {
    let pages = backing.pages();
    let own = cell.and_then(|c| pages.iter().find(|p| p.nodeset.as_ref().is_some_and(|n| n.contains(c))));
    let page = own.or_else(|| pages.iter().rev().find(|p| p.nodeset.is_none()))?;
    Some((page.kib, page.origin, own.is_some()))
}
