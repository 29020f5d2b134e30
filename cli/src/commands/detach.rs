//! `virtc detach`

use clap::Args;
use virtc_plan::Action;

use crate::exit::Exit;
use crate::output::Output;
use crate::plug::Plug;

/// Remove a device from a running guest; done only when the guest has released it
#[derive(Debug, Args)]
pub struct Detach {
    #[command(flatten)]
    plug: Plug,
}

impl Detach {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        self.plug.run(Action::Detach, out)
    }
}
