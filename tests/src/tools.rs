//! Programs of the machine that a test may use when they are there, and notes for the person who runs the tests.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// The variable that names a file to which [`skipped`] and [`noted`] add their lines: the test harness hides what a
/// passing test prints, and `cargo xtask test` shows this file at its end.
pub const NOTES_FILE: &str = "VIRTC_NOTES_FILE";

/// The program `name`, looked for along `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Says that something was left out, and why.
pub fn skipped(why: &str) {
    noted(&format!("left out: {why}"));
}

/// Says something on standard error, and in the file that [`NOTES_FILE`] names.
pub fn noted(line: &str) {
    eprintln!("{line}");
    let Some(path) = std::env::var_os(NOTES_FILE).map(PathBuf::from) else { return };
    // One write, so that lines of tests that run at the same time do not mix.
    let line = format!("{line}\n");
    let file = OpenOptions::new().append(true).create(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        eprintln!("{}: {error}", path.display());
    }
}
