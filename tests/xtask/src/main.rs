//! The project's own commands: `cargo xtask COMMAND`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the people of this repository: it prints, and runs other programs"
)]

mod apt;
mod commands;
mod floors;
mod hold;
mod install;
mod process;
mod report;
mod skips;
mod snapshot;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command comes to: nothing, or the reason why it failed.
type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tests, demo and measurements of this repository")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(commands::test::Args),
    Bless(commands::bless::Args),
    Demo(commands::demo::Args),
    Bench(commands::bench::Args),
    Conformance(commands::conformance::Args),
    Mutants(commands::mutants::Args),
    Orders(commands::orders::Args),
    Faults(commands::faults::Args),
    Messages(commands::messages::Args),
    Mistakes(commands::mistakes::Args),
    Words(commands::words::Args),
    Accept(commands::accept::Args),
    Libvirt(commands::libvirt::Args),
    Record(commands::record::Args),
    Fuzz(commands::fuzz::Args),
}

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Test(args) => commands::test::run(&args),
        Command::Bless(args) => commands::bless::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Conformance(args) => commands::conformance::run(&args),
        Command::Mutants(args) => commands::mutants::run(&args),
        Command::Orders(args) => commands::orders::run(&args),
        Command::Faults(args) => commands::faults::run(&args),
        Command::Messages(args) => commands::messages::run(&args),
        Command::Mistakes(args) => commands::mistakes::run(&args),
        Command::Words(args) => commands::words::run(&args),
        Command::Accept(args) => commands::accept::run(&args),
        Command::Libvirt(args) => commands::libvirt::run(&args),
        Command::Record(args) => commands::record::run(&args),
        Command::Fuzz(args) => commands::fuzz::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
