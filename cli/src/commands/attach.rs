//! `virtc attach`

use clap::Args;
use virtc_plan::Action;

use crate::exit::Exit;
use crate::live::LiveChange;
use crate::output::Output;

/// Add a device to a running guest
#[derive(Debug, Args)]
pub struct Attach {
    #[command(flatten)]
    change: LiveChange,
}

impl Attach {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        self.change.run(Action::Attach, out)
    }
}
