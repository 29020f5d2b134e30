//! `cargo xtask bench`: times and memory, beside those of libxml2 and libvirt on the same files.

mod native;
mod startup;
mod validate;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Outcome, process};

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
