//! `virtc attach`

use clap::Args;
use virtc_plan::Action;

use crate::exit::Exit;
use crate::output::Output;
use crate::plug::Plug;

/// Add a device to a running guest
#[derive(Debug, Args)]
pub struct Attach {
    #[command(flatten)]
    plug: Plug,
}

impl Attach {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        self.plug.run(Action::Attach, out)
    }
}
