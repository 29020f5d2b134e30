//! Memory backends: `-object memory-backend-…` (`qemuBuildMemoryBackendProps` in libvirt's `src/qemu/qemu_command.c`).

use crate::ir::{CpuSet, Opt, OptExt, Origin, Spanned, YesNo};
use crate::model::EmitContext;
use crate::model::elements::backing::{Access, SourceType, page_of};
use crate::model::elements::numatune::MemoryMode;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf, Text, Value};

/// The size of a page that is not huge, on x86.
pub const SYSTEM_PAGE_KIB: u64 = 4;

/// What a memory backend is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryOwner {
    /// All of the machine's memory.
    Machine,
    /// A NUMA cell.
    Cell,
    /// A memory device.
    Device,
}

/// A request for a memory backend.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// The alias; the id of a device's backend is `mem` and the alias.
    pub alias: &'r str,
    /// The size in KiB, aligned.
    pub kib: u64,
    /// The number of the guest's NUMA cell.
    pub cell: Option<u32>,
    /// The kind of memory that it backs.
    pub owner: MemoryOwner,
    /// The page size that a memory device asks for, in KiB.
    pub page: Opt<u64>,
    /// The NUMA nodes of the host that a memory device asks for.
    pub nodes: Opt<CpuSet>,
    /// The file that backs the memory.
    pub path: Option<&'r str>,
    /// Whether a file is not preallocated, because it is persistent memory for example.
    pub no_prealloc: bool,
    /// Whether the device allocates its memory on demand, as virtio-mem does.
    pub lazy: bool,
    /// Whether other processes can map it.
    pub access: Opt<Access>,
    /// Whether the content is discarded when QEMU ends.
    pub discard: Opt<YesNo>,
    /// Properties after the size.
    pub tail: Props,
    /// The origin of the memory.
    pub origin: Origin,
}

impl<'r> Request<'r> {
    /// A request for memory without further settings.
    pub fn new(alias: &'r str, kib: u64, origin: Origin) -> Self {
        Self {
            alias,
            kib,
            cell: None,
            owner: MemoryOwner::Cell,
            page: None,
            nodes: None,
            path: None,
            no_prealloc: false,
            lazy: false,
            access: None,
            discard: None,
            tail: Props::new(),
            origin,
        }
    }
}

/// A memory backend, with the `thread-context` that preallocates it.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Whether the settings need a backend of their own.
    pub needed: bool,
    /// Whether the memory is preallocated.
    pub prealloc: bool,
    thread: Option<Props>,
    props: Props,
}

fn nodes_value(nodes: &CpuSet) -> Value {
    Value::Array(nodes.iter().map(Value::from).collect())
}

impl Backend {
    /// The memory backend for `request`.
    pub fn new(cx: &EmitContext<'_>, request: &Request<'_>) -> Self {
        let domain = cx.domain;
        let backing = &domain.backing;
        let cell = request.cell.and_then(|id| domain.numa()?.cell(id));
        let access = request.access.or(cell.and_then(|c| c.access)).or(backing.access).get();
        let discard = request.discard.or(cell.and_then(|c| c.discard)).get().map(YesNo::is_yes);
        let discard = discard.or(backing.discard.map(|_| true));
        let global = page_of(backing, request.cell);
        let (page, page_origin, own) = match request.page {
            Some(page) => (Some(page.value), page.origin, true),
            None => {
                global.map_or((None, request.origin, false), |(kib, at, own)| (Some(kib.get().unwrap_or(0)), at, own))
            }
        };
        let page = page.filter(|kib| *kib != SYSTEM_PAGE_KIB);
        let own = own && page.is_some();
        let page_kib = page.map(|kib| if kib == 0 { cx.facts.default_hugepage_kib() } else { kib });
        let prealloc =
            backing.is_immediate() || (if request.path.is_some() { !request.no_prealloc } else { page.is_some() });
        let memfd = request.path.is_none() && backing.source.is(&SourceType::Memfd);
        let file = !memfd
            && (page.is_some() || request.path.is_some() || access.is_some() || backing.source.is(&SourceType::File));
        let share = access.map(|a| a == Access::Shared);
        let id = if request.owner == MemoryOwner::Device {
            format!("mem{}", request.alias)
        } else {
            request.alias.to_owned()
        };
        let kind = if memfd {
            "memfd"
        } else if file {
            "file"
        } else {
            "ram"
        };
        let mut props = Props::new().with("qom-type", format!("memory-backend-{kind}")).with("id", &id);
        if memfd {
            if let Some(kib) = page_kib {
                props = props.with("hugetlb", true).with("hugetlbsize", kib << 10);
            }
            props = props.opt("share", share);
        } else if file {
            let path = match (request.path, page_kib) {
                (Some(path), _) => Some(Text::from(path)),
                (None, Some(kib)) => cx.hugepage_path(Some(Spanned { value: kib, origin: page_origin }), page_origin),
                (None, None) => Some(cx.ram_path(request.alias)),
            };
            props = props.opt("mem-path", path).opt("discard-data", discard).opt("share", share);
        }
        if request.owner == MemoryOwner::Machine && (memfd || file) {
            // So that the memory has the same name in a migration as in a machine without a backend.
            props.set("x-use-canonical-path-for-ramblock-id", false);
        }
        if request.lazy {
            props.set("reserve", false);
        }
        let is_preallocated = prealloc && !request.lazy;
        if is_preallocated {
            props.set("prealloc", true);
        }
        // The number of threads is given without `prealloc` too: the memory may be preallocated later.
        props = props.opt("prealloc-threads", backing.threads.get().filter(|_| !request.lazy));
        props = props.with("size", request.kib << 10).and(request.tail.clone());
        let mut thread = None;
        let nodes = request.nodes.clone().or_else(|| domain.numatune.nodes(request.cell, cx));
        let mode = domain.numatune.mode(request.cell);
        if let Some(nodes) = nodes.filter(|_| mode != MemoryMode::Restrictive) {
            cx.check_nodes(&nodes);
            props = props.with("host-nodes", nodes_value(&nodes)).with("policy", mode.policy());
            if is_preallocated {
                thread = Self::thread(cx, &id, &nodes.value);
                props = props.opt("prealloc-context", thread.as_ref().map(|_| format!("tc-{id}")));
            }
        }
        let needed = own
            || request.nodes.is_some()
            || request.path.is_some()
            || request.cell.is_some_and(|id| domain.numatune.names(id))
            || access.is_some()
            || matches!(backing.source.get(), Some(SourceType::File | SourceType::Memfd));
        Self { needed, prealloc, thread, props }
    }

    /// `host-nodes` and `policy`, where the memory is bound to NUMA nodes of the host.
    pub fn placement(cx: &EmitContext<'_>, own: Option<&Spanned<CpuSet>>, cell: Option<u32>) -> Props {
        let nodes = own.cloned().or_else(|| cx.domain.numatune.nodes(cell, cx));
        let mode = cx.domain.numatune.mode(cell);
        match nodes.filter(|_| mode != MemoryMode::Restrictive) {
            Some(nodes) => {
                cx.check_nodes(&nodes);
                Props::new().with("host-nodes", nodes_value(&nodes)).with("policy", mode.policy())
            }
            None => Props::new(),
        }
    }

    /// The `thread-context` that preallocates the memory on its NUMA nodes, as far as the emulator may run there.
    fn thread(cx: &EmitContext<'_>, id: &str, nodes: &CpuSet) -> Option<Props> {
        let allowed = cx.domain.emulator_cpus().map(|cpus| cx.facts.nodes_of(cpus));
        let affinity = match allowed {
            Some(Some(allowed)) => CpuSet::new(nodes.iter().filter(|n| allowed.contains(*n))),
            Some(None) | None => nodes.clone(),
        };
        let props = Props::new().with("qom-type", "thread-context").with("id", format!("tc-{id}"));
        (!affinity.is_empty()).then(|| props.with("node-affinity", nodes_value(&affinity)))
    }

    /// `-object`, after that of the `thread-context`.
    pub fn options(self, section: ArgSection, out: &mut QemuOptions, origin: Origin) {
        if let Some(thread) = self.thread {
            out.json(section, "object", thread, origin);
        }
        out.json(section, "object", self.props, origin);
    }
}

/// The host requirements of the machine's memory, or of that of its NUMA cells.
pub fn machine_host(cx: &EmitContext<'_>, out: &mut RequirementsOf<'_>) {
    match cx.domain.numa() {
        None => memory_host(cx, None, None, cx.domain.memory.total.origin_or(cx.domain.origin), out),
        Some(numa) => {
            for cell in &numa.cells {
                memory_host(cx, cell.id.get(), cell.access, cell.origin, out);
            }
        }
    }
}

/// The host requirements of a memory device.
pub fn host(cx: &EmitContext<'_>, page: Opt<u64>, access: Opt<Access>, origin: Origin, out: &mut RequirementsOf<'_>) {
    if page.is_some_and(|p| p.value != SYSTEM_PAGE_KIB) {
        return out.refuse("huge pages (`<hugepages>`)", page.origin_or(origin));
    }
    memory_host(cx, None, access, origin, out);
}

fn memory_host(
    cx: &EmitContext<'_>,
    cell: Option<u32>,
    access: Opt<Access>,
    origin: Origin,
    out: &mut RequirementsOf<'_>,
) {
    let backing = &cx.domain.backing;
    if backing.source.is(&SourceType::Memfd) {
        return;
    }
    let page = page_of(backing, cell).filter(|(kib, _, _)| !kib.is(&SYSTEM_PAGE_KIB));
    if let Some((_, origin, _)) = page {
        out.refuse("huge pages (`<hugepages>`)", origin);
    } else if access.or(backing.access).is_some() || backing.source.is(&SourceType::File) {
        match cx.facts.ram_dir() {
            Some(_) => out.refuse("file-backed memory in `memory_backing_dir`", origin),
            None => out.directory("ram"),
        }
    }
}
