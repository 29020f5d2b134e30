//! `cargo xtask bench`: times and memory, next to those of libxml2 and libvirt on the same files.

mod native;
mod startup;
mod validate;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Outcome, install, process};

/// Measure
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    Native(native::Args),
    Startup(startup::Args),
    Validate(validate::Args),
}

/// Measures.
///
/// # Errors
/// When a program is missing, or does not end as it should.
pub fn run(args: &Args) -> Outcome {
    match &args.what {
        What::Native(args) => native::run(args),
        What::Startup(args) => startup::run(args),
        What::Validate(args) => validate::run(args),
    }
}

/// One definition, and how often each program gets it.
#[derive(clap::Args)]
struct OneFile {
    #[command(flatten)]
    install: install::Options,
    /// How often each is run
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// The domain; an example of this repository if none is named
    file: Option<PathBuf>,
}

impl OneFile {
    /// The definition, once virtc is built in release mode and nothing of `needs` is missing.
    fn ready(&self, needs: &[install::Need]) -> Result<PathBuf, Box<dyn std::error::Error>> {
        if !install::ensure(needs, &self.install).is_empty() {
            return Err("there is nothing to compare with".into());
        }
        process::run(process::cargo().args(["build", "--release", "--quiet", "--package", "virtc-cli"]), 0)?;
        Ok(self.file.clone().unwrap_or_else(|| process::root().join("testdata/examples/guest.xml")))
    }
}

fn timed(mut command: Command) -> Result<Duration, Box<dyn std::error::Error>> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    process::run(&mut command, 0)?;
    Ok(began.elapsed())
}

/// The medians of two programs that are run in turn, so that what else the machine does falls on both.
fn in_turn(
    runs: u32,
    ours: impl Fn() -> Command,
    theirs: impl Fn() -> Command,
) -> Result<(Duration, Duration), Box<dyn std::error::Error>> {
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        own.push(timed(ours())?);
        other.push(timed(theirs())?);
    }
    Ok((median(own), median(other)))
}

/// The middle of the times; of an even number the upper one of the two in the middle.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_care_for_one_slow_run() {
        let times = [3, 1, 900].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(3));
    }

    #[test]
    fn a_program_that_fails_is_not_measured() {
        assert!(timed(Command::new("false")).is_err());
        assert!(timed(Command::new("true")).is_ok());
    }
}
