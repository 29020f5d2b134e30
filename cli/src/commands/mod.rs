//! The subcommands, one file each.

mod attach;
mod check;
mod compile;
mod completions;
mod detach;
mod explain;
mod host;
mod hotplug;
mod list;
mod qemu;
mod recover;
mod run;
mod schema;
mod status;
mod stop;
mod update;

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// A subcommand, with its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::Check),
    Compile(compile::Compile),
    Hotplug(hotplug::Hotplug),
    Run(run::Run),
    List(list::List),
    Status(status::Status),
    Attach(attach::Attach),
    Detach(detach::Detach),
    Update(update::Update),
    Stop(stop::Stop),
    Recover(recover::Recover),
    Host(host::Host),
    Qemu(qemu::Qemu),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub fn run(self, out: &mut Output) -> Exit {
        let done = match self {
            Self::Check(command) => command.run(out),
            Self::Compile(command) => command.run(out),
            Self::Hotplug(command) => command.run(out),
            Self::Run(command) => command.run(out),
            Self::List(command) => command.run(out),
            Self::Status(command) => command.run(out),
            Self::Attach(command) => command.run(out),
            Self::Detach(command) => command.run(out),
            Self::Update(command) => command.run(out),
            Self::Stop(command) => command.run(out),
            Self::Recover(command) => command.run(out),
            Self::Host(command) => command.run(out),
            Self::Qemu(command) => command.run(out),
            Self::Explain(command) => command.run(out),
            Self::Schema(command) => command.run(out),
            Self::Completions(command) => Ok(command.run(out)),
        };
        done.unwrap_or_else(|message| out.usage(message))
    }
}
