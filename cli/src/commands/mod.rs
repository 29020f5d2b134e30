//! The subcommands, one file each.

use clap::Subcommand;

use crate::exit::Exit;
use crate::output::Output;

/// Declares the module of each subcommand, and the enum of all.
macro_rules! commands {
    ($($module:ident: $command:ident,)*) => {
        $(mod $module;)*

        /// A subcommand, with its arguments.
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $($command($module::$command),)*
        }

        impl Command {
            /// Does it.
            pub fn run(self, out: &mut Output) -> Exit {
                let done = match self {
                    $(Self::$command(command) => command.run(out),)*
                };
                done.unwrap_or_else(|message| out.usage(message))
            }
        }
    };
}

// In the order of the help: the file, and the type in it.
commands! {
    check: Check,
    compile: Compile,
    hotplug: Hotplug,
    run: Run,
    list: List,
    status: Status,
    attach: Attach,
    detach: Detach,
    update: Update,
    stop: Stop,
    recover: Recover,
    host: Host,
    qemu: Qemu,
    explain: Explain,
    schema: Schema,
    completions: Completions,
}
