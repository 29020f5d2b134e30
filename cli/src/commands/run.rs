//! `virtc run`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use virtc_inventory::HostFile;
use virtc_plan::{DomainId, Plan};
use virtc_runtime::{AclChoice, Event, Failure, Op, RunConfig, UserChoice};

use crate::args::{HostArg, QemuArg};
use crate::exit::Exit;
use crate::input::Input;
use crate::output::Output;
use crate::pipeline::{Pipeline, Settings};
use crate::render;

/// Run a definition in the foreground until the guest ends; then take back every change to the host
#[derive(Debug, Args)]
pub struct Run {
    /// A definition, a plan (as `virtc compile --emit plan` writes it), or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print every change that would be made to this host, and make none
    #[arg(long = "dry-run")]
    rehearse: bool,
    #[arg(long, value_name = "DIR", help = STATE)]
    state: Option<PathBuf>,
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

const STATE: &str =
    "State directory of the guest, made new [default: /run/virtc/NAME, or $XDG_RUNTIME_DIR/virtc/NAME without root]";

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
        let Some(plan) = self.plan(out)? else { return Ok(Exit::Findings) };
        let dir = self.state.clone().map_or_else(|| state_dir(&plan.domain), Ok)?;
        let config = self.config();
        if self.rehearse { Ok(dry_run(&plan, &dir, &config, out)) } else { Ok(run(&plan, &dir, &config, out)) }
    }

    /// The plan in the file, or what the definition in it compiles to; none where it is refused.
    fn plan(&self, out: &mut Output) -> Result<Option<Plan>, String> {
        let input = Input::new(&self.file);
        let loaded = input.load()?;
        if loaded.fault.is_none() && loaded.source.text().trim_start().starts_with('{') {
            let plan = Plan::from_json(loaded.source.text());
            return plan.map(Some).map_err(|error| format!("{}: {error}", input.name()));
        }
        let (target, host) = (self.qemu.load()?, self.host.load()?);
        let host = host.unwrap_or_else(|| {
            let (hardware, _) = virtc_inventory::read(Path::new("/sys"), Path::new("/proc"));
            HostFile { hardware: Some(hardware), ..HostFile::default() }
        });
        let settings = Settings { schema: None, host: Some(&host), target: &target };
        let (mut report, machine) = Pipeline::new(settings).machine(loaded);
        let plan = match machine.map(|machine| virtc_compiler::emit::plan::plan(&machine, &report.source)) {
            Some(Ok(plan)) => Some(plan),
            Some(Err(faults)) => {
                report.diagnostics.extend(faults);
                None
            }
            None => None,
        };
        out.note(&render::human::render(&[report], out.error_terminal));
        Ok(plan)
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

/// Where the state of a guest is kept: a folder with its name, in which what a path could misread is written `%` and two digits.
fn state_dir(domain: &DomainId) -> Result<PathBuf, String> {
    #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
    let session = std::env::var_os("XDG_RUNTIME_DIR");
    let base = match session {
        _ if nix::unistd::geteuid().is_root() => PathBuf::from("/run"),
        Some(session) if Path::new(&session).is_absolute() => PathBuf::from(session),
        Some(_) | None => return Err("XDG_RUNTIME_DIR is not set: name a state directory with `--state DIR`".into()),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let dotted = |at: usize, byte: u8| byte == b'.' && at > 0;
    let name = domain.name.bytes().enumerate().map(|(at, byte)| match byte {
        _ if plain(byte) || dotted(at, byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    });
    Ok(base.join("virtc").join(name.collect::<String>()))
}

fn dry_run(plan: &Plan, dir: &Path, config: &RunConfig, out: &mut Output) -> Exit {
    match virtc_runtime::dry_run(plan, dir, config) {
        Ok(changes) => {
            for change in changes {
                out.print(&format!("{}: {}\n", change.origin, change.change.redo.describe()));
            }
            Exit::Fine
        }
        Err(failure) => failed(&failure, out),
    }
}

fn run(plan: &Plan, dir: &Path, config: &RunConfig, out: &mut Output) -> Exit {
    let ended = virtc_runtime::run(plan, dir, config, None, &mut |event| {
        if let Some(line) = line(event) {
            out.note(&format!("virtc: {line}\n"));
        }
    });
    match ended {
        Ok(ended) if ended.is_clean => Exit::Fine,
        Ok(ended) => {
            let words = ended.stderr.trim_end();
            let words = if words.is_empty() { String::new() } else { format!("; it said:\n{words}") };
            out.note(&format!("virtc: QEMU ended ({}){words}\n", ended.status));
            Exit::HostRefused
        }
        Err(failure) => failed(&failure, out),
    }
}

/// What is told of an event; absent: nothing.
fn line(event: &Event<'_>) -> Option<String> {
    Some(match event {
        // What went wrong is told at the end, with its cause.
        Event::Made(Op::Nothing) | Event::TakenBack(Op::Nothing) | Event::Stuck(_) | Event::Failed(_) => return None,
        Event::Step { number, of, origin } => format!("step {number} of {of} ({origin})"),
        Event::Made(op) => format!("  {}", op.describe()),
        Event::TakenBack(op) => format!("  taken back: {}", op.describe()),
        Event::Running { pid } => format!("the guest runs (process {pid})"),
        Event::Qemu { name } => format!("QEMU: {name}"),
        Event::AskedToPowerDown => "the guest was asked to switch itself off".into(),
        Event::AskedToQuit => "QEMU was asked to quit".into(),
        Event::Killing => "QEMU is being killed".into(),
        Event::Ended { status } => format!("QEMU ended ({status})"),
        Event::Attached(device) => format!("device {device} was added"),
        Event::Detached(device) => format!("device {device} was removed"),
    })
}

fn failed(failure: &Failure, out: &mut Output) -> Exit {
    out.note(&format!("virtc: {failure}\n"));
    if let Some(help) = failure.cause.help() {
        out.note(&format!("  help: {help}\n"));
    }
    for stuck in &failure.stuck {
        out.note(&format!("virtc: not taken back: {stuck}\n"));
    }
    Exit::of_failure(failure)
}
