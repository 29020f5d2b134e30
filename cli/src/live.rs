//! A device is added to a running guest, removed from it, or changed.

use std::path::PathBuf;

use clap::Args;
use virtc::{ChangeReport, Compiler, DevicePlan, Findings, Guest, MissingDevice, Record, Source, SourceFile, Target};
use virtc_plan::Action;
use virtc_runtime::control::{AttachArguments, CallError, DetachArguments, VmDescription};

use crate::args::{HostArg, QemuArg};
use crate::exit::Exit;
use crate::input::Input;
use crate::installed;
use crate::output::Output;
use crate::probe;
use crate::state::{StateArg, refused};

/// So often the plan is made again when another device was added or removed meanwhile.
const TRIES: usize = 5;

/// What attach, detach and update are told.
#[derive(Debug, Args)]
pub struct LiveChange {
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

/// The time, in seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "what happens to a running guest happens now")]
pub fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(|time| time.as_secs()).unwrap_or_default()
}

/// What is to be done with the device in `device`, which a guest may lack as `missing` says.
pub fn compile(
    compiler: &mut Compiler<'_>,
    action: Action,
    guest: &Guest,
    missing: MissingDevice,
    device: Source,
) -> ChangeReport {
    match action {
        Action::Attach => compiler.attach(guest, device),
        Action::Detach => compiler.detach(guest, missing, device),
        Action::Update => compiler.update(guest, device),
    }
}

/// The version of the QEMU that runs, as its binary says it.
fn probed(now: &VmDescription) -> Option<Target> {
    let record = Record::from_json(&now.definition).ok()?;
    probe::target(&SourceFile::new("running", record.xml()))
}

/// What came of the way to a plan.
struct Made {
    findings: [Findings; 2],
    /// The plan, and what the supervisor is to keep.
    plan: Option<(DevicePlan, String)>,
}

impl LiveChange {
    /// Does it.
    pub fn run(&self, action: Action, out: &mut Output) -> Result<Exit, String> {
        let guest = self.state.guest(&self.name)?;
        let mut client = guest.connect(&self.state)?;
        let device = Input::new(&self.device).load()?;
        let (named, host) = (self.qemu.named()?, installed::host(self.host.load()?));
        for _ in 0..TRIES {
            let described = match client.describe() {
                Ok(described) => described,
                Err(error) => return Ok(refused(&guest, &error, out)),
            };
            let target = named.clone().or_else(|| probed(&described)).unwrap_or_default();
            let compiler = Compiler::new().host(&host).target(target).clock(seconds());
            let made = self.plan(action, &described, device.clone(), compiler)?;
            let Some((plan, definition)) = made.plan else {
                out.findings(&made.findings);
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
                    out.findings(&made.findings);
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
        device: Source,
        mut compiler: Compiler<'_>,
    ) -> Result<Made, String> {
        let record = Record::from_json(&now.definition).map_err(|_| {
            format!(
                "the guest `{}` was started from a plan, and its definition is not known: use `virtc hotplug`",
                self.name
            )
        })?;
        let guest = compiler.recorded(record, &format!("<{} as it runs>", self.name), &now.released);
        let report = compile(&mut compiler, action, &guest, MissingDevice::Refuse, device);
        let plan = report.change().ok().map(|change| Ok::<_, Findings>((change.plan()?, change.running().to_record())));
        let [running, device] = report.into_findings();
        Ok(match plan.transpose() {
            Ok(plan) => Made { findings: [running, device], plan },
            Err(faults) => Made { findings: [running, device.and(faults)], plan: None },
        })
    }
}
