//! `virtc hotplug`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use virtc_compiler::emit::hotplug;
use virtc_compiler::{DeviceChange, Facts, MissingDevice, Sound, attach, detach, update};
use virtc_diag::{Diagnostics, SourceFile};

use super::compile::object;
use crate::args::{HostArg, OutputFormat, QemuArg};
use crate::exit::Exit;
use crate::input::Input;
use crate::output::Output;
use crate::pipeline::{self, Pipeline, Report, Settings};
use crate::plug::seconds;
use crate::render::{self, json};

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
        let settings = Settings { schema: None, host: host.as_ref(), target: &target };
        let mut pipeline = Pipeline::new(settings);
        let facts = Facts::new(host.as_ref()).at(seconds());

        let (mut running_report, running) = pipeline.running(Input::new(&change.domain).load()?);
        let (mut report, devices) = pipeline::device(Input::new(&change.device).load()?);
        let mut made = None;
        if let (Some(running), Some(devices)) = (running, devices) {
            let (found, findings) = match action {
                virtc_plan::Action::Attach => attach(running, devices, &target, facts),
                virtc_plan::Action::Detach => detach(running, devices, MissingDevice::AssumeAttached, &target, facts),
                virtc_plan::Action::Update => update(running, devices, &report.source, &target, facts),
            };
            running_report.diagnostics.extend(findings.running);
            report.diagnostics.extend(findings.device);
            let found = found.filter(|_| !running_report.diagnostics.has_errors());
            let sound = found.and_then(|found| found.sound(&report.diagnostics));
            match sound.map(|sound| change.make(&sound, &report.source)) {
                Some(Ok(text)) => made = Some(text),
                Some(Err(faults)) => report.diagnostics.extend(faults),
                None => {}
            }
        }
        running_report.diagnostics = running_report.diagnostics.sorted();
        report.diagnostics = report.diagnostics.sorted();
        change.answer(&[running_report, report], made, out)
    }
}

impl Change {
    fn make(&self, change: &Sound<DeviceChange>, source: &SourceFile) -> Result<String, Diagnostics> {
        Ok(match self.emit {
            Emit::Qmp => {
                let calls = hotplug::qmp(&hotplug::script(change)?);
                match self.format {
                    OutputFormat::Text => calls.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n",
                    OutputFormat::Json => format!("{}\n", Value::from(calls)),
                }
            }
            Emit::Xml => change.get().domain.to_xml(),
            Emit::Plan => {
                let plan = hotplug::plan(change, source)?;
                match self.format {
                    OutputFormat::Text => plan.to_text(),
                    OutputFormat::Json => serde_json::to_string(&plan).unwrap_or_default() + "\n",
                }
            }
        })
    }

    fn answer(&self, reports: &[Report], made: Option<String>, out: &mut Output) -> Result<Exit, String> {
        match (made, self.format) {
            (None, OutputFormat::Json) => {
                let found: Vec<json::Finding<'_>> = reports.iter().flat_map(json::Finding::all).collect();
                let found = serde_json::to_value(found).map_err(|error| error.to_string())?;
                out.print(&object(None, "diagnostics", found));
                Ok(Exit::Findings)
            }
            (made, _) => {
                out.note(&render::human::render(reports, out.error_terminal));
                let exit = if made.is_some() { Exit::Fine } else { Exit::Findings };
                out.print(&made.unwrap_or_default());
                Ok(exit)
            }
        }
    }
}
