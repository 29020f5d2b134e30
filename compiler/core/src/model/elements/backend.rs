//! The object that holds memory of the guest (`qemuBuildMemoryBackendProps` in libvirt's `src/qemu/qemu_command.c`).

use crate::ir::{CpuSet, Opt, OptExt, Origin, Spanned, YesNo};
use crate::model::EmitContext;
use crate::model::elements::backing::{Access, SourceType, page_of};
use crate::model::elements::numatune::MemoryMode;
use crate::qemu::{ArgSection, Props, QemuOptions, RequirementsOf, Text, Value};

/// The size of a page that is not huge, on x86.
pub const SYSTEM_PAGE_KIB: u64 = 4;

/// Whose memory an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryOwner {
    /// The machine's own, as a whole.
    Machine,
    /// A NUMA cell's.
    Cell,
    /// A memory device's.
    Device,
}

/// What is asked of an object.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// Its name; that of a device has `mem` before it.
    pub alias: &'r str,
    /// Its size in KiB, aligned.
    pub kib: u64,
    /// The guest's NUMA cell.
    pub cell: Option<u32>,
    /// Whose memory it is.
    pub owner: MemoryOwner,
    /// The size of the pages that a device asks for.
    pub page: Opt<u64>,
    /// The host's nodes that a device asks for.
    pub nodes: Opt<CpuSet>,
    /// The file that the memory is.
    pub path: Option<&'r str>,
    /// Whether the file is persistent memory, or need not be set aside for another reason.
    pub no_prealloc: bool,
    /// Whether the device, and not the object, sets its memory aside.
    pub lazy: bool,
    /// Whether other processes can map it.
    pub access: Opt<Access>,
    /// Whether its content is thrown away.
    pub discard: Opt<YesNo>,
    /// Members behind the size.
    pub tail: Props,
    /// Where it comes from.
    pub origin: Origin,
}

impl<'r> Request<'r> {
    /// Memory without any wishes.
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

/// An object for memory, with the threads that set it aside.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Whether the wishes need an object.
    pub needed: bool,
    /// Whether the memory is set aside at the start.
    pub prealloc: bool,
    thread: Option<Props>,
    props: Props,
}

fn nodes_value(nodes: &CpuSet) -> Value {
    Value::Array(nodes.iter().map(Value::from).collect())
}

impl Backend {
    /// The object for `request`.
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
            // So that the memory has the same name in a migration as that of a machine without an object.
            props.set("x-use-canonical-path-for-ramblock-id", false);
        }
        if request.lazy {
            props.set("reserve", false);
        }
        let sets_aside = prealloc && !request.lazy;
        if sets_aside {
            props.set("prealloc", true);
        }
        // The number of threads may stand alone: somebody may set the memory aside later.
        props = props.opt("prealloc-threads", backing.threads.get().filter(|_| !request.lazy));
        props = props.with("size", request.kib << 10).and(request.tail.clone());
        let mut thread = None;
        let nodes = request.nodes.clone().or_else(|| domain.numatune.nodes(request.cell, cx));
        let mode = domain.numatune.mode(request.cell);
        if let Some(nodes) = nodes.filter(|_| mode != MemoryMode::Restrictive) {
            cx.check_nodes(&nodes);
            props = props.with("host-nodes", nodes_value(&nodes)).with("policy", mode.policy());
            if sets_aside {
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

    /// The host's nodes of an object, where it has any.
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

    /// The object whose threads set the memory aside on the nodes of the memory, as far as the emulator may run there.
    fn thread(cx: &EmitContext<'_>, id: &str, nodes: &CpuSet) -> Option<Props> {
        let allowed = cx.domain.emulator_cpus().map(|cpus| cx.facts.nodes_of(cpus));
        let affinity = match allowed {
            Some(Some(allowed)) => CpuSet::new(nodes.iter().filter(|n| allowed.contains(*n))),
            Some(None) | None => nodes.clone(),
        };
        let props = Props::new().with("qom-type", "thread-context").with("id", format!("tc-{id}"));
        (!affinity.is_empty()).then(|| props.with("node-affinity", nodes_value(&affinity)))
    }

    /// `-object`, with that of the threads before it.
    pub fn options(self, section: ArgSection, out: &mut QemuOptions, origin: Origin) {
        if let Some(thread) = self.thread {
            out.json(section, "object", thread, origin);
        }
        out.json(section, "object", self.props, origin);
    }
}

/// What the machine's own memory, or that of its cells, needs of the host.
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

/// What the memory of a device needs of the host.
pub fn host(cx: &EmitContext<'_>, page: Opt<u64>, access: Opt<Access>, origin: Origin, out: &mut RequirementsOf<'_>) {
    if page.is_some_and(|p| p.value != SYSTEM_PAGE_KIB) {
        return out.refuse("a directory on the mount of huge pages", page.origin_or(origin));
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
        out.refuse("a directory on the mount of huge pages", origin);
    } else if access.or(backing.access).is_some() || backing.source.is(&SourceType::File) {
        match cx.facts.ram_dir() {
            Some(_) => out.refuse("a directory for memory that is kept in files", origin),
            None => out.directory("ram"),
        }
    }
}
