//! `virtc detach`

use clap::Args;
use virtc_plan::Action;

use crate::exit::Exit;
use crate::live::LiveChange;
use crate::output::Output;

/// Remove a device from a running guest; done only when the guest has released it
#[derive(Debug, Args)]
pub struct Detach {
    #[command(flatten)]
    change: LiveChange,
}

impl Detach {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        self.change.run(Action::Detach, out)
    }
}
