//! `virtc list`

use clap::Args;

use super::status::words;
use crate::exit::Exit;
use crate::output::Output;
use crate::state::StateArg;

/// List the guests that run, and those whose supervisor has died
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    state: StateArg,
}

impl List {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        for guest in self.state.guests()? {
            let words = guest.look().map_or_else(|error| error, |found| words(&found));
            out.print(&format!("{}: {words}\n", guest.name));
        }
        Ok(Exit::Fine)
    }
}
