//! `virtc update`

use clap::Args;
use virtc_plan::Action;

use crate::exit::Exit;
use crate::output::Output;
use crate::plug::Plug;

/// Change a device of a running guest: the medium in a drive, a link, a password, the size of virtio memory
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    plug: Plug,
}

impl Update {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        self.plug.run(Action::Update, out)
    }
}
