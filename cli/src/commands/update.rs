//! `virtc update`

use clap::Args;
use virtc_plan::Action;

use crate::exit::Exit;
use crate::live::LiveChange;
use crate::output::Output;

/// Change a device of a running guest: the medium in a drive, a link, a password, the size of virtio memory
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    change: LiveChange,
}

impl Update {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        self.change.run(Action::Update, out)
    }
}
