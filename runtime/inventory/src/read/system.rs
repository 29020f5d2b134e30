//! Processors, memory, KVM, IOMMU and limits.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Tree, number_list};
use crate::{Cpu, CpuModel, HugePages, Iommu, Kvm, Limits, Memory, NumaNode};

/// The numbers in a file that holds a list such as `0-3,8`.
fn numbers(tree: &Tree, path: &str) -> BTreeSet<u32> {
    let Some(text) = tree.text(path) else { return BTreeSet::new() };
    // `isolated` is `(null)` where there are none.
    let list = if text == "(null)" { Some(Vec::new()) } else { number_list(&text) };
    if list.is_none() {
        tree.problem(path, "not a list of numbers");
    }
    list.into_iter().flatten().collect()
}

/// The names in `dir` that are `prefix` and a number.
fn numbered(tree: &Tree, dir: &str, prefix: &str) -> Vec<u32> {
    tree.names(dir).iter().filter_map(|name| name.strip_prefix(prefix)?.parse().ok()).collect()
}

pub(super) fn cpus(sys: &Tree) -> BTreeMap<u32, Cpu> {
    const DIR: &str = "devices/system/cpu";
    let isolated = numbers(sys, &format!("{DIR}/isolated"));
    let cpu = |number: u32| {
        let at = |file: &str| format!("{DIR}/cpu{number}/{file}");
        // The first CPU of many machines cannot be switched off and has no switch.
        let online = sys.switch(&at("online")).unwrap_or(true);
        let unsigned = |file: &str| sys.value::<i64>(&at(file)).and_then(|n| u32::try_from(n).ok());
        let cpu = Cpu {
            online,
            package: unsigned("topology/physical_package_id"),
            core: unsigned("topology/core_id"),
            siblings: numbers(sys, &at("topology/thread_siblings_list")),
            isolated: isolated.contains(&number),
        };
        (number, cpu)
    };
    numbered(sys, DIR, "cpu").into_iter().map(cpu).collect()
}

/// The value after `key` and a colon, in a text of such lines.
fn field<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

pub(super) fn cpu_model(proc: &Tree) -> Option<CpuModel> {
    let text = proc.text("cpuinfo")?;
    let number = |key: &str| field(&text, key).and_then(|value| value.parse().ok()).unwrap_or_default();
    Some(CpuModel {
        vendor: field(&text, "vendor_id").unwrap_or_default().to_owned(),
        name: field(&text, "model name").unwrap_or_default().to_owned(),
        family: number("cpu family"),
        model: number("model"),
        stepping: number("stepping"),
        flags: field(&text, "flags").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    })
}

/// The pools of huge pages in a directory, by size in KiB.
fn hugepages(sys: &Tree, dir: &str) -> BTreeMap<u64, HugePages> {
    let pool = |name: String| {
        let size = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let at = |file: &str| format!("{dir}/{name}/{file}");
        Some((size, HugePages { total: sys.value(&at("nr_hugepages"))?, free: sys.value(&at("free_hugepages"))? }))
    };
    sys.names(dir).into_iter().filter_map(pool).collect()
}

/// The number of a line such as `MemTotal: 16 kB`; a node's lines begin with `Node 0`.
fn kib(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.rsplit(' ').next() == Some(key)).then(|| value.split_whitespace().next()?.parse().ok()).flatten()
    })
}

pub(super) fn numa(sys: &Tree) -> BTreeMap<u32, NumaNode> {
    const DIR: &str = "devices/system/node";
    let nodes = numbered(sys, DIR, "node");
    let node = |number: &u32| {
        let at = |file: &str| format!("{DIR}/node{number}/{file}");
        let meminfo = sys.text(&at("meminfo")).unwrap_or_default();
        let distance = sys.text(&at("distance")).unwrap_or_default();
        let mut in_order = nodes.clone();
        in_order.sort_unstable();
        let node = NumaNode {
            cpus: numbers(sys, &at("cpulist")),
            total_kib: kib(&meminfo, "MemTotal").unwrap_or_default(),
            free_kib: kib(&meminfo, "MemFree").unwrap_or_default(),
            distances: in_order.into_iter().zip(distance.split_whitespace().map_while(|d| d.parse().ok())).collect(),
            hugepages: hugepages(sys, &at("hugepages")),
        };
        (*number, node)
    };
    nodes.iter().map(node).collect()
}

pub(super) fn memory(sys: &Tree, proc: &Tree) -> Memory {
    let meminfo = proc.text("meminfo").unwrap_or_default();
    let default_hugepage_kib = kib(&meminfo, "Hugepagesize");
    let mounts = proc.text("self/mounts").unwrap_or_default();
    Memory {
        total_kib: kib(&meminfo, "MemTotal").unwrap_or_default(),
        available_kib: kib(&meminfo, "MemAvailable").unwrap_or_default(),
        hugepages: hugepages(sys, "kernel/mm/hugepages"),
        default_hugepage_kib,
        hugetlbfs: mounts.lines().filter_map(|line| hugetlbfs(line, default_hugepage_kib)).collect(),
    }
}

/// The path and the page size in KiB, if a line of the mount table is about a hugetlbfs.
fn hugetlbfs(line: &str, default_kib: Option<u64>) -> Option<(String, u64)> {
    let mut words = line.split(' ');
    let (path, kind, options) = (words.nth(1)?, words.next()?, words.next()?);
    if kind != "hugetlbfs" {
        return None;
    }
    let size = options.split(',').find_map(|option| option.strip_prefix("pagesize=")).and_then(|size| {
        let (digits, factor) = match size.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1024),
            None => match size.strip_suffix(['G', 'g']) {
                Some(digits) => (digits, 1024 * 1024),
                None => (size.strip_suffix(['K', 'k'])?, 1),
            },
        };
        digits.parse::<u64>().ok()?.checked_mul(factor)
    });
    Some((path.replace("\\040", " "), size.or(default_kib)?))
}

pub(super) fn kvm(sys: &Tree) -> Kvm {
    let module = ["kvm_intel", "kvm_amd"].into_iter().find(|name| sys.exists(&format!("module/{name}")));
    Kvm {
        available: sys.exists("class/misc/kvm"),
        module: module.map(str::to_owned),
        nested: module.and_then(|name| sys.switch(&format!("module/{name}/parameters/nested"))),
    }
}

pub(super) fn iommu(sys: &Tree, proc: &Tree) -> Iommu {
    const OPTIONS: [&str; 4] = ["iommu", "intel_iommu", "amd_iommu", "vfio"];
    let concerns = |word: &&str| {
        let name = word.split(['=', '.', '-', '_']).next().unwrap_or_default();
        OPTIONS.contains(&word.split('=').next().unwrap_or_default()) || name == "vfio"
    };
    let drivers = sys.names("bus/pci/drivers");
    Iommu {
        units: sys.names("class/iommu"),
        vfio_drivers: drivers.into_iter().filter(|name| name.contains("vfio")).collect(),
        allow_unsafe_interrupts: sys.switch("module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"),
        kernel_options: proc
            .text("cmdline")
            .map(|text| text.split_whitespace().filter(concerns).map(str::to_owned).collect())
            .unwrap_or_default(),
    }
}

pub(super) fn limits(proc: &Tree) -> Option<Limits> {
    let text = proc.text("self/limits")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    let mut words = line.split_whitespace();
    let (soft, hard) = (words.next()?, words.next()?);
    for word in [soft, hard] {
        if word != "unlimited" && word.parse::<u64>().is_err() {
            proc.problem("self/limits", format!("`{word}` is not a limit of locked memory"));
            return None;
        }
    }
    Some(Limits { memlock_soft: soft.parse().ok(), memlock_hard: hard.parse().ok() })
}
