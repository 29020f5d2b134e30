//! `virtc host`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use virtc_compiler::target::caps::Cpus;
use virtc_inventory::{CpuMap, Hardware, HostFile, HostModel, Resources, Sriov};

use crate::args::{load_capabilities, load_host};
use crate::exit::Exit;
use crate::input::Input;
use crate::installed;
use crate::output::Output;
use crate::probe::{Environment, capabilities};
use crate::render;

/// Where libvirt's package installs its CPU map.
const CPU_MAP: &str = "/usr/share/libvirt/cpu_map";

/// The QEMU of a host.
const QEMU: &str = "/usr/bin/qemu-system-x86_64";

/// Read what this host has
#[derive(Debug, Args)]
pub struct Host {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print this host's hardware and firmware as a host file, for `--host`; no root is needed for most of it
    Snapshot,
    /// Print what `<cpu mode='host-model'>` means, as the resources of a host file: of what a QEMU says and libvirt's CPU map
    Cpu {
        /// A file of `virtc qemu probe`, or recorded replies [default: ask the QEMU of this host]
        #[arg(long, value_name = "FILE")]
        qemu: Option<PathBuf>,
        /// libvirt's CPU map
        #[arg(long, value_name = "DIR", default_value = CPU_MAP)]
        cpu_map: PathBuf,
    },
    /// Print a host's PCI functions by IOMMU group, its USB devices and its memory, for the eye
    Show {
        /// A host file, or - for standard input [default: this host]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

impl Host {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        match self.action {
            Action::Snapshot => {
                let mut host = this_host(out);
                // Where either is missing, nothing is said of `host-model`.
                if Path::new(CPU_MAP).is_dir() && Path::new(QEMU).exists() {
                    let own = host.resources.get_or_insert_default();
                    match models(None, Path::new(CPU_MAP)) {
                        Ok((kvm, tcg)) => (own.host_model_kvm, own.host_model_qemu) = (kvm, tcg),
                        Err(problem) => out.note(&format!("virtc: {problem}\n")),
                    }
                }
                out.print(&host.to_json().map_err(|error| error.to_string())?);
            }
            Action::Cpu { qemu, cpu_map } => {
                let (host_model_kvm, host_model_qemu) = models(qemu.as_deref(), &cpu_map)?;
                let resources = Resources { host_model_kvm, host_model_qemu, ..Resources::default() };
                let host = HostFile { resources: Some(resources), ..HostFile::default() };
                out.print(&host.to_json().map_err(|error| error.to_string())?);
            }
            Action::Show { file: Some(file) } => {
                let host = load_host(&Input::new(&file))?;
                match host.hardware {
                    Some(hardware) => out.print(&show(&hardware)),
                    None => return Err(format!("{} has no hardware part", file.display())),
                }
            }
            Action::Show { file: None } => {
                let host = this_host(out);
                out.print(&show(&host.hardware.unwrap_or_default()));
            }
        }
        Ok(Exit::Fine)
    }
}

/// What `host-model` means, with KVM and without it.
fn models(qemu: Option<&Path>, cpu_map: &Path) -> Result<(Option<HostModel>, Option<HostModel>), String> {
    let caps = match qemu {
        Some(file) => load_capabilities(&Input::new(file))?,
        None => capabilities(Path::new(QEMU), Environment::Empty)?,
    };
    let map = CpuMap::read(cpu_map)?;
    let model = |cpus: Option<Cpus>| cpus.and_then(|cpus| cpus.host_model(&map));
    Ok((model(caps.kvm), model(caps.tcg)))
}

/// This host; what cannot be read is told.
fn this_host(out: &mut Output) -> HostFile {
    let (host, problems) = installed::this_host();
    for problem in problems {
        out.note(&format!("virtc: {problem}\n"));
    }
    host
}

fn show(hardware: &Hardware) -> String {
    let mut text = String::new();
    for group in hardware.groups() {
        let _ = writeln!(text, "IOMMU group {group}");
        for member in hardware.group(group) {
            pci(&mut text, hardware, &member);
        }
    }
    let mut loose = hardware.pci.iter().filter(|(_, function)| function.iommu_group.is_none()).peekable();
    if loose.peek().is_some() {
        text.push_str("no IOMMU group\n");
    }
    for (address, function) in loose {
        pci(&mut text, hardware, &virtc_inventory::GroupMember { address: *address, function });
    }
    if !hardware.usb.is_empty() {
        text.push_str("USB\n");
    }
    for (port, device) in &hardware.usb {
        let name = device.name.as_deref().unwrap_or_default();
        let _ = write!(text, "  {port:8} {:04x}:{:04x}  {name}", device.vendor, device.product);
        for (net, _) in hardware.net_of_usb(port) {
            let _ = write!(text, "  net {net}");
        }
        text.push('\n');
    }
    let nodes = match hardware.numa.len() {
        0 => String::new(),
        many => format!(", {}", render::count(many, "NUMA node")),
    };
    let _ = writeln!(text, "{}{nodes}", render::count(hardware.cpus.len(), "CPU"));
    if let Some(memory) = &hardware.memory {
        let _ = write!(text, "{} MiB of memory", memory.total_kib / 1024);
        for (size, pages) in &memory.hugepages {
            let _ = write!(text, ", {} of {} pages of {size} KiB free", pages.free, pages.total);
        }
        text.push('\n');
    }
    if hardware.pci.is_empty() {
        text.push_str("no PCI functions\n");
    }
    text
}

fn pci(text: &mut String, hardware: &Hardware, member: &virtc_inventory::GroupMember<'_>) {
    let function = member.function;
    let driver = function.driver.as_deref().unwrap_or("-");
    let _ = write!(
        text,
        "  {}  {:04x}:{:04x}  class {:06x}  driver {driver}",
        member.address, function.vendor, function.device, function.class
    );
    let _ = match &function.sriov {
        Some(Sriov::Pf { num_vfs, total_vfs, .. }) => write!(text, "  PF with {num_vfs} of {total_vfs} VFs"),
        Some(Sriov::Vf { pf, index: Some(index) }) => write!(text, "  VF {index} of {pf}"),
        Some(Sriov::Vf { pf, index: None }) => write!(text, "  VF of {pf}"),
        None => Ok(()),
    };
    for (name, net) in hardware.net_of_pci(member.address) {
        let mac = net.mac.map(|mac| format!(" {mac}")).unwrap_or_default();
        let _ = write!(text, "  net {name}{mac}");
    }
    text.push('\n');
}
