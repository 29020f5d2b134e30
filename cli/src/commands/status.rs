//! `virtc status`

use clap::Args;
use virtc_runtime::Found;

use crate::exit::Exit;
use crate::output::Output;
use crate::state::StateArg;

/// Say how a guest is
#[derive(Debug, Args)]
pub struct Status {
    /// The guest
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    state: StateArg,
}

impl Status {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        let guest = self.state.guest(&self.name)?;
        let found = guest.look()?;
        if found == Found::Nothing {
            // The message says which there are.
            guest.connect(&self.state)?;
        }
        out.print(&format!("{}: {}\n", self.name, words(&found)));
        Ok(Exit::Fine)
    }
}

/// How a guest is, in words.
pub fn words(found: &Found) -> String {
    match found {
        Found::Running(status) => match status.pid {
            Some(pid) => format!("{} (process {pid})", status.state),
            None => status.state.clone(),
        },
        Found::Busy => "is being started or ended".into(),
        Found::Orphaned => "its supervisor has died; `virtc recover` reverts what it did to the host".into(),
        Found::Nothing => "is not there".into(),
    }
}
