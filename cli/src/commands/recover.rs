//! `virtc recover`

use clap::Args;
use virtc_runtime::{HostError, Recovered, RunConfig, recover};

use super::run::line;
use crate::exit::Exit;
use crate::output::Output;
use crate::state::{Guest, StateArg};

/// Revert what a supervisor that died has done to the host
#[derive(Debug, Args)]
pub struct Recover {
    /// The guest
    #[arg(value_name = "NAME", required_unless_present = "all")]
    name: Option<String>,
    /// Every guest whose supervisor has died
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// End a QEMU that still runs without its supervisor
    #[arg(long)]
    kill: bool,
    #[command(flatten)]
    state: StateArg,
}

impl Recover {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        if let Some(name) = &self.name {
            return Ok(self.one(&self.state.guest(name)?, out));
        }
        let all = self.state.guests()?;
        Ok(all.iter().map(|guest| self.one(guest, out)).max().unwrap_or(Exit::Fine))
    }

    fn one(&self, guest: &Guest, out: &mut Output) -> Exit {
        let name = &guest.name;
        let found = recover(&guest.dir, self.kill, &RunConfig::default(), &mut |event| {
            if let Some(line) = line(event) {
                out.note(&format!("virtc: {line}\n"));
            }
        });
        match found {
            Ok(Recovered::Nothing) => {
                out.note(&format!("virtc: {name}: there is nothing to revert\n"));
                Exit::Fine
            }
            Ok(Recovered::Reverted) => {
                out.note(&format!("virtc: {name}: everything was reverted\n"));
                Exit::Fine
            }
            Ok(Recovered::Alive { pids }) => {
                let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
                out.note(&format!(
                    "virtc: {name}: QEMU still runs (process {}), and was not touched\n",
                    pids.join(", ")
                ));
                out.note("  help: `--kill` ends it and reverts everything\n");
                Exit::HostRefused
            }
            Ok(Recovered::RevertFailed(all)) => {
                for failed in all {
                    out.note(&format!("virtc: {name}: not reverted: {failed}\n"));
                }
                Exit::HostLeft
            }
            // With a supervisor that runs nothing is wrong.
            Err(HostError::Locked(_)) if self.all => Exit::Fine,
            Err(HostError::Locked(_)) => {
                out.note(&format!("virtc: {name}: its supervisor runs, and there is nothing to recover\n"));
                Exit::HostRefused
            }
            Err(error) => {
                out.note(&format!("virtc: {name}: {error}\n"));
                Exit::HostLeft
            }
        }
    }
}
