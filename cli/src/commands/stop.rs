//! `virtc stop`

use std::time::{Duration, Instant};

use clap::Args;
use virtc_runtime::Found;
use virtc_runtime::control::CallError;

use crate::exit::Exit;
use crate::output::Output;
use crate::state::{StateArg, refused};

/// How long the end may take: the guest has a minute to shut down, QEMU ten seconds to quit, and then it is killed.
const END: Duration = Duration::from_secs(150);

/// Ask a guest to shut down, and wait until QEMU has ended and every change to the host is reverted
#[derive(Debug, Args)]
pub struct Stop {
    /// The guest
    #[arg(value_name = "NAME")]
    name: String,
    /// End it at once, without asking the guest
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    state: StateArg,
}

impl Stop {
    /// Runs it.
    pub fn run(&self, out: &mut Output) -> Result<Exit, String> {
        let guest = self.state.guest(&self.name)?;
        let mut client = guest.connect(&self.state)?;
        let asked = if self.force { client.quit() } else { client.power_down() };
        match asked {
            // One that has ended meanwhile is what is wanted.
            Ok(()) | Err(CallError::Ended) => {}
            Err(error) => return Ok(refused(&guest, &error, out)),
        }
        drop(client);
        let end = Instant::now() + END;
        while guest.dir.exists() {
            if let Found::Orphaned = guest.look()? {
                out.note(&format!("virtc: {}: not everything could be reverted\n", self.name));
                out.note(&format!("  help: `virtc recover {}` tries again\n", self.name));
                return Ok(Exit::HostLeft);
            }
            if Instant::now() > end {
                out.note(&format!("virtc: {}: it has not ended\n", self.name));
                return Ok(Exit::HostRefused);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Exit::Fine)
    }
}
