//! `cargo xtask fuzz`: random documents, guided by what they reach in the code.

use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, process};

/// Instruments every edge, so that libFuzzer sees what a document reaches. This needs no nightly compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing";
/// Instrumentation must not be given to build scripts, so a target has to be named.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Feed random documents to the whole pipeline
#[derive(clap::Args)]
pub struct Args {
    /// How long
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// More documents to start from; they are only read
    #[arg(long)]
    corpus: Option<PathBuf>,
}

/// Fuzzes.
///
/// # Errors
/// When it cannot be built, or a document was found that breaks something; it is kept in `target/fuzz/found`.
pub fn run(args: &Args) -> Outcome {
    let target = process::root().join("target/fuzz");
    let (grown, found) = (target.join("grown"), target.join("found"));
    std::fs::create_dir_all(&grown)?;
    std::fs::create_dir_all(&found)?;
    let mut build = process::cargo();
    build.args(["build", "--release", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--target", TARGET]);
    process::run(build.arg("--target-dir").arg(&target).env("RUSTFLAGS", FLAGS), 0)?;
    let mut fuzz = Command::new(target.join(TARGET).join("release/pipeline"));
    fuzz.arg(&grown).arg(process::root().join("testdata")).args(&args.corpus);
    fuzz.arg(format!("-max_total_time={}", args.seconds)).arg(format!("-artifact_prefix={}/", found.display()));
    // A document that takes 10 s is a fault, and so is one that takes 1 GiB.
    process::run(fuzz.args(["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536", "-print_final_stats=1"]), 0)
}
