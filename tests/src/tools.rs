//! Programs of the machine that a test may use when they are there.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// The program `name`, looked for along `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The variable that names a file to which [`skipped`] adds its lines: the test harness hides what a passing test prints,
/// and `cargo xtask test` shows this file at its end.
pub const SKIPPED_FILE: &str = "VIRTC_SKIPPED_FILE";

/// Says on standard error, and in the file that [`SKIPPED_FILE`] names, that something was left out, and why.
pub fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
    let Some(path) = std::env::var_os(SKIPPED_FILE) else { return };
    let added = OpenOptions::new().append(true).create(true).open(&path).and_then(|mut file| writeln!(file, "{why}"));
    if let Err(error) = added {
        eprintln!("{}: {error}", path.display());
    }
}
