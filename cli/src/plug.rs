//! A device comes to a running guest, or goes from it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use virtc_compiler::devices::chardev::fd_sets;
use virtc_compiler::emit::hotplug;
use virtc_compiler::{Domain, Facts, MissingDevice, Target, attach, detach, update};
use virtc_diag::SourceFile;
use virtc_inventory::HostFile;
use virtc_plan::{Action, DevicePlan};
use virtc_runtime::control::{AttachArguments, CallError, DetachArguments, VmDescription};

use crate::args::{HostArg, QemuArg};
use crate::exit::Exit;
use crate::input::{Input, Loaded};
use crate::installed;
use crate::output::Output;
use crate::pipeline::{self, Pipeline, Report, Settings};
use crate::probe;
use crate::render;
use crate::state::{StateArg, refused};

/// So often the plan is made again when another device has come or gone meanwhile.
const TRIES: usize = 5;

/// What attach, detach and update are told.
#[derive(Debug, Args)]
pub struct Plug {
    /// The guest
    #[arg(value_name = "NAME")]
    name: String,
    /// The device, or - for standard input
    #[arg(value_name = "DEVICE")]
    device: PathBuf,
    #[command(flatten)]
    qemu: QemuArg,
    #[command(flatten)]
    host: HostArg,
    #[command(flatten)]
    state: StateArg,
}

/// What runs, as its supervisor keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The definition, complete, with the names of the devices in QEMU.
    xml: String,
    /// The numbers of the block nodes of disks, which a definition does not show.
    nodes: BTreeMap<String, u32>,
    /// The numbers of the first sets of descriptors of devices.
    #[serde(default)]
    fd_sets: BTreeMap<String, u32>,
}

/// What a supervisor keeps of this domain, which runs or is about to.
pub fn record(domain: &Domain) -> String {
    let disks = domain.devices.disks.iter().map(|disk| (disk.info.alias().to_owned(), disk.node));
    let record = Record { xml: domain.to_xml(), nodes: disks.collect(), fd_sets: fd_sets(domain) };
    serde_json::to_string(&record).unwrap_or_default()
}

/// The host file, or what this host shows where there is none.
pub fn this_host(given: Option<HostFile>) -> HostFile {
    given.unwrap_or_else(|| installed::this_host().0)
}

/// The time, in seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "what happens to a running guest happens now")]
pub fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(|time| time.as_secs()).unwrap_or_default()
}

/// The version of the QEMU that runs, as its binary says it.
fn probed(now: &VmDescription) -> Option<Target> {
    let record: Record = serde_json::from_str(&now.definition).ok()?;
    probe::target(&SourceFile::new("running", record.xml))
}

/// What came of the way to a plan.
struct Made {
    reports: [Report; 2],
    /// The plan, and what the supervisor is to keep.
    plan: Option<(DevicePlan, String)>,
}

impl Plug {
    /// Does it.
    pub fn run(&self, action: Action, out: &mut Output) -> Result<Exit, String> {
        let guest = self.state.guest(&self.name)?;
        let mut client = guest.connect(&self.state)?;
        let device = Input::new(&self.device).load()?;
        let (named, host) = (self.qemu.named()?, this_host(self.host.load()?));
        for _ in 0..TRIES {
            let described = match client.describe() {
                Ok(described) => described,
                Err(error) => return Ok(refused(&guest, &error, out)),
            };
            let target = named.clone().or_else(|| probed(&described)).unwrap_or_default();
            let settings = Settings { schema: None, host: Some(&host), target: &target };
            let made = self.plan(action, &described, &device, settings)?;
            let Some((plan, definition)) = made.plan else {
                out.note(&render::human::render(&made.reports, out.error_terminal));
                return Ok(Exit::Findings);
            };
            let alias = plan.device.clone();
            let generation = Some(described.generation);
            // A medium that comes into a drive changes the drive.
            let answer = match plan.action {
                Action::Attach => client.attach(&AttachArguments { plan, definition: Some(definition), generation }),
                Action::Update => client.update(&AttachArguments { plan, definition: Some(definition), generation }),
                Action::Detach => client.detach(&DetachArguments { plan }),
            };
            match answer {
                Ok(()) => {
                    out.note(&render::human::render(&made.reports, out.error_terminal));
                    out.print(&format!("{alias}\n"));
                    return Ok(Exit::Fine);
                }
                Err(CallError::Changed) => {}
                Err(error) => return Ok(refused(&guest, &error, out)),
            }
        }
        Ok(refused(&guest, &CallError::Changed, out))
    }

    /// The plan, made for what runs.
    fn plan(
        &self,
        action: Action,
        now: &VmDescription,
        device: &Loaded,
        settings: Settings<'_>,
    ) -> Result<Made, String> {
        let mut pipeline = Pipeline::new(settings);
        let facts = Facts::new(settings.host);
        let (mut running_report, running) = self.running(now, &mut pipeline)?;
        let (mut report, devices) = pipeline::device(device.clone());
        let mut plan = None;
        if let (Some(running), Some(devices)) = (running, devices) {
            let (change, findings) = match action {
                Action::Attach => attach(running, devices, settings.target, facts.at(seconds())),
                Action::Detach => detach(running, devices, MissingDevice::Refuse, settings.target, facts),
                Action::Update => update(running, devices, &report.source, settings.target, facts.at(seconds())),
            };
            running_report.diagnostics.extend(findings.running);
            report.diagnostics.extend(findings.device);
            let sound = change.and_then(|change| change.sound(&report.diagnostics));
            if let Some(sound) = sound {
                match hotplug::plan(&sound, &report.source) {
                    Ok(made) => plan = Some((made, record(&sound.get().domain))),
                    Err(faults) => report.diagnostics.extend(faults),
                }
            }
        }
        report.diagnostics = report.diagnostics.sorted();
        Ok(Made { reports: [running_report, report], plan })
    }

    /// The domain as it runs.
    fn running(&self, now: &VmDescription, pipeline: &mut Pipeline<'_>) -> Result<(Report, Option<Domain>), String> {
        let record: Record = serde_json::from_str(&now.definition).map_err(|_| {
            format!(
                "the guest `{}` was started from a plan, and its definition is not known: use `virtc hotplug`",
                self.name
            )
        })?;
        let source = SourceFile::new(format!("<{} as it runs>", self.name), record.xml);
        let (report, domain) = pipeline.running(Loaded { source, fault: None });
        let domain = domain.map(|mut domain| {
            domain.fd_sets = record.fd_sets;
            for alias in &now.released {
                domain.devices.remove(alias);
            }
            for disk in &mut domain.devices.disks {
                disk.node = record.nodes.get(disk.info.alias()).copied().unwrap_or_default();
            }
            domain
        });
        Ok((report, domain))
    }
}
