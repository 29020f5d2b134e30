//! `virtc hotplug`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use virtc::{Compiler, Findings, MissingDevice};

use super::compile::object;
use crate::args::{HostArg, OutputFormat, QemuArg};
use crate::exit::Exit;
use crate::input::Input;
use crate::live;
use crate::output::Output;
use crate::render::json;

/// Compile one device for a running guest
#[derive(Debug, Args)]
pub struct Hotplug {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// What adds a device
    Attach(Change),
    /// What removes a device
    Detach(Change),
    /// What changes a device: the medium in a drive, a link, a password, the size of virtio memory
    Update(Change),
}

#[derive(Debug, Args)]
struct Change {
    /// The device, or - for standard input
    #[arg(value_name = "DEVICE")]
    device: PathBuf,
    /// The definition of the running guest
    #[arg(long, value_name = "FILE")]
    domain: PathBuf,
    /// What is made
    #[arg(long, value_enum, default_value_t = Emit::Qmp)]
    emit: Emit,
    #[command(flatten)]
    qemu: QemuArg,
    #[command(flatten)]
    host: HostArg,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Emit {
    /// The commands for QEMU: one on a line as text, an array as JSON
    Qmp,
    /// The commands with the events that are awaited, the deadlines, and the commands that revert; and the steps on the host
    Plan,
    /// The definition of the guest afterwards
    Xml,
}

impl Hotplug {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        let (change, action) = match self.action {
            Action::Attach(change) => (change, virtc_plan::Action::Attach),
            Action::Detach(change) => (change, virtc_plan::Action::Detach),
            Action::Update(change) => (change, virtc_plan::Action::Update),
        };
        let (target, host) = (change.qemu.load()?, change.host.load()?);
        let mut compiler = Compiler::new().host(host.as_ref()).target(target).clock(live::seconds());
        let guest = compiler.running(Input::new(&change.domain).load()?);
        let device = Input::new(&change.device).load()?;
        let report = live::compile(&mut compiler, action, &guest, MissingDevice::AssumeAttached, device);
        let made = report.change().ok().map(|made| change.make(made)).transpose();
        let [running, device] = report.into_findings();
        match made {
            Ok(made) => change.answer(&[running, device], made, out),
            Err(faults) => change.answer(&[running, device.and(faults)], None, out),
        }
    }
}

impl Change {
    fn make(&self, change: virtc::Change<'_>) -> Result<String, Findings> {
        Ok(match self.emit {
            Emit::Qmp => {
                let calls = change.qmp()?;
                match self.format {
                    OutputFormat::Text => calls.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n",
                    OutputFormat::Json => format!("{}\n", Value::from(calls)),
                }
            }
            Emit::Xml => change.running().to_xml(),
            Emit::Plan => {
                let plan = change.plan()?;
                match self.format {
                    OutputFormat::Text => plan.to_text(),
                    OutputFormat::Json => serde_json::to_string(&plan).unwrap_or_default() + "\n",
                }
            }
        })
    }

    fn answer(&self, all: &[Findings], made: Option<String>, out: &mut Output) -> Result<Exit, String> {
        match (made, self.format) {
            (None, OutputFormat::Json) => {
                let found: Vec<json::Finding<'_>> = all.iter().flat_map(json::Finding::all).collect();
                let found = serde_json::to_value(found).map_err(|error| error.to_string())?;
                out.print(&object(None, "diagnostics", found));
                Ok(Exit::Findings)
            }
            (made, _) => {
                out.findings(all);
                let exit = if made.is_some() { Exit::Fine } else { Exit::Findings };
                out.print(&made.unwrap_or_default());
                Ok(exit)
            }
        }
    }
}
