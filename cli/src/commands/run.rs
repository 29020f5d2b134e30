//! `virtc run`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use virtc::{Compiler, Findings, Plan};
use virtc_runtime::{AclChoice, Event, Failure, RunConfig, UserChoice};

use crate::args::{HostArg, QemuArg};
use crate::exit::Exit;
use crate::input::Input;
use crate::installed;
use crate::output::Output;
use crate::probe;
use crate::state::StateArg;

/// Run a definition in the foreground until the guest ends; then revert every change to the host
#[derive(Debug, Args)]
pub struct Run {
    /// A definition, a plan (as `virtc compile --emit plan --format json` writes it), or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print every change that would be made to this host, and make none
    #[arg(long = "dry-run")]
    rehearse: bool,
    #[command(flatten)]
    state: StateArg,
    /// User to run QEMU as, where virtc runs as root [default: libvirt-qemu, qemu or nobody]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    qemu: QemuArg,
    #[command(flatten)]
    host: HostArg,
    /// How the devices that QEMU may open are limited
    #[arg(long, value_enum, default_value_t = Acl::Auto)]
    device_acl: Acl,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Acl {
    /// As the host can; without root not at all
    Auto,
    /// cgroup v2
    V2,
    /// cgroup v1
    V1,
    /// Not at all
    Off,
}

impl Run {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        let Some((plan, record)) = self.plan(out)? else { return Ok(Exit::Findings) };
        let dir = self.state.guest(&plan.domain.name)?.dir;
        let config = self.config();
        Ok(if self.rehearse { dry_run(&plan, &dir, &config, out) } else { run(&plan, &dir, &config, &record, out) })
    }

    /// The plan in the file, or what the definition in it compiles to, and what the supervisor keeps of it; none where it is refused.
    fn plan(&self, out: &mut Output) -> Result<Option<(Plan, String)>, String> {
        let input = Input::new(&self.file);
        let source = input.load()?;
        let text = source.file().text();
        if source.fault().is_none() && text.trim_start().starts_with('{') {
            let plan = Plan::from_json(text);
            return plan.map(|plan| Some((plan, String::new()))).map_err(|error| format!("{}: {error}", input.name()));
        }
        let probed = || probe::target(source.file()).unwrap_or_default();
        let (target, host) = (self.qemu.named()?.unwrap_or_else(probed), installed::host(self.host.load()?));
        let report = Compiler::new().host(&host).target(target).compile(source);
        let made =
            report.machine().ok().map(|machine| Ok::<_, Findings>((machine.plan()?, machine.running().to_record())));
        let findings = report.findings().clone();
        Ok(match made.transpose() {
            Ok(made) => {
                out.findings([&findings]);
                made
            }
            Err(faults) => {
                out.findings([&findings.and(faults)]);
                None
            }
        })
    }

    fn config(&self) -> RunConfig {
        let user = match self.user.as_deref() {
            None => UserChoice::Auto,
            Some("root") => UserChoice::Root,
            Some(name) => UserChoice::Named(name.to_owned()),
        };
        let acl = match self.device_acl {
            Acl::Auto => AclChoice::Auto,
            Acl::V2 => AclChoice::V2,
            Acl::V1 => AclChoice::V1,
            Acl::Off => AclChoice::Off,
        };
        RunConfig { user, acl, ..RunConfig::default() }
    }
}

fn dry_run(plan: &Plan, dir: &Path, config: &RunConfig, out: &mut Output) -> Exit {
    match virtc_runtime::dry_run(plan, dir, config) {
        Ok(changes) => {
            for change in changes {
                out.print(&format!("{}: {}\n", change.origin, change.change.apply.describe()));
            }
            Exit::Fine
        }
        Err(failure) => failed(&failure, out),
    }
}

fn run(plan: &Plan, dir: &Path, config: &RunConfig, record: &str, out: &mut Output) -> Exit {
    let ended = virtc_runtime::run(plan, dir, config, record, None, &mut |event| {
        if let Some(line) = line(event) {
            out.note(&format!("virtc: {line}\n"));
        }
    });
    match ended {
        Ok(ended) if ended.is_clean => Exit::Fine,
        Ok(ended) => {
            let words = ended.stderr.trim_end();
            let words = if words.is_empty() { String::new() } else { format!("; its stderr:\n{words}") };
            out.note(&format!("virtc: QEMU ended ({}){words}\n", ended.status));
            Exit::HostRefused
        }
        Err(failure) => failed(&failure, out),
    }
}

/// What is told of an event; absent: nothing.
pub fn line(event: &Event<'_>) -> Option<String> {
    Some(match event {
        // What went wrong is printed at the end, with its cause.
        Event::RevertFailed(_) | Event::Failed(_) => return None,
        Event::Step { number, of, origin } => format!("step {number} of {of} ({origin})"),
        Event::Applied(op) => format!("  {}", op.describe()),
        Event::Reverted(op) => format!("  reverted: {}", op.describe()),
        Event::Running { pid } => format!("the guest runs (process {pid})"),
        Event::Qemu { name } => format!("QEMU: {name}"),
        Event::AskedToPowerDown => "the guest was asked to shut down".into(),
        Event::AskedToQuit => "QEMU was asked to quit".into(),
        Event::Killing => "QEMU is being killed".into(),
        Event::Ended { status } => format!("QEMU ended ({status})"),
        Event::Attached(device) => format!("device {device} was added"),
        Event::Updated(device) => format!("device {device} was changed"),
        Event::Detached(device) => format!("device {device} was removed"),
    })
}

fn failed(failure: &Failure, out: &mut Output) -> Exit {
    out.note(&format!("virtc: {failure}\n"));
    if let Some(help) = failure.cause.help() {
        out.note(&format!("  help: {help}\n"));
    }
    for failed in &failure.not_reverted {
        out.note(&format!("virtc: not reverted: {failed}\n"));
    }
    Exit::of_failure(failure)
}
