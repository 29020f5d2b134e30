//! `virtc qemu`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use virtc_compiler::target::Capabilities;

use crate::args::load_capabilities;
use crate::exit::Exit;
use crate::input::Input;
use crate::output::Output;
use crate::probe::{Environment, capabilities};

/// Ask a QEMU what it can do
#[derive(Debug, Args)]
pub struct Qemu {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start a binary without a machine, ask what it can do, and print that as a file for `--qemu`
    Probe {
        /// The binary; where virtc runs as root it is started as nobody
        #[arg(value_name = "BINARY")]
        binary: PathBuf,
        /// Leave out what depends on this host: the CPUs under KVM
        #[arg(long)]
        portable: bool,
    },
    /// Print what a file of capabilities says, for the eye
    Show {
        /// A file of `virtc qemu probe`, or recorded replies, or - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

impl Qemu {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        match self.action {
            Action::Probe { binary, portable } => {
                let mut caps = capabilities(&binary, Environment::Kept)?;
                caps.kvm = caps.kvm.filter(|_| !portable);
                out.print(&caps.to_json().map_err(|error| error.to_string())?);
            }
            Action::Show { file } => out.print(&show(&load_capabilities(&Input::new(&file))?)),
        }
        Ok(Exit::Fine)
    }
}

fn show(caps: &Capabilities) -> String {
    let mut text = String::new();
    let (major, minor, micro) = caps.version;
    let _ = writeln!(text, "QEMU {major}.{minor}.{micro} ({}) for {}", caps.package, caps.arch);
    let asked = caps.devices.values().flatten().count();
    let _ = writeln!(text, "{} devices, the properties of {asked} of them", caps.devices.len());
    let _ = writeln!(text, "{} QMP commands", caps.commands.len());
    for (name, machine) in &caps.machines {
        let alias = machine.alias.as_ref().map(|alias| format!(" ({alias})")).unwrap_or_default();
        let default = if machine.default { ", the default" } else { "" };
        let deprecated = if machine.deprecated { ", deprecated" } else { "" };
        let _ = writeln!(text, "machine {name}{alias}: {} CPUs{default}{deprecated}", machine.cpus);
    }
    for (accel, cpus) in [("KVM", &caps.kvm), ("TCG", &caps.tcg)] {
        let Some(cpus) = cpus else { continue };
        let usable = cpus.models.values().filter(|missing| missing.is_empty()).count();
        let _ =
            writeln!(text, "{accel}: {} CPU models, {usable} of them with all their features here", cpus.models.len());
    }
    text
}
