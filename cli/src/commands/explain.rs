//! `virtc explain`

use clap::Args;

use crate::exit::Exit;
use crate::output::Output;
use crate::registry;

/// Explain a lint or another diagnostic; without a name, list all
#[derive(Debug, Args)]
pub struct Explain {
    /// The name, as it is in a message
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Explain {
    /// Runs it.
    pub fn run(self, out: &mut Output) -> Result<Exit, String> {
        let Some(name) = self.name else {
            let all = registry::all();
            let width = all.iter().map(|entry| entry.code.name.len()).max().unwrap_or_default();
            for entry in all {
                out.print(&format!("{:width$}  {:13}  {}\n", entry.code.name, entry.kind(), entry.summary()));
            }
            return Ok(Exit::Fine);
        };
        let entry = registry::find(&name).ok_or_else(|| registry::unknown(&name))?;
        out.print(&format!("{} ({})\n\n{}\n", entry.code.name, entry.kind(), entry.text().trim_end()));
        Ok(Exit::Fine)
    }
}
