//! Where things are in this repository, and the files in it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// All files under `dir`, sorted, without what is built and what git keeps.
///
/// # Errors
/// When a directory cannot be read.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && entry.file_name() != "target" && entry.file_name() != ".git" {
                open.push(entry.path());
            } else if kind.is_file() && entry.file_name() != ".git" {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The cargo that runs the tests, at the root of the repository.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The `virtc` of the same build as the program that asks, built first so that it is never an old one; or the program
/// that the variable `VIRTC_BIN` names.
///
/// # Errors
/// When it cannot be built.
pub fn virtc() -> io::Result<PathBuf> {
    if let Some(path) = std::env::var_os("VIRTC_BIN") {
        return std::path::absolute(path);
    }
    let own = std::env::current_exe()?;
    // A test is PROFILE/deps/NAME-HASH.
    let dir = own.ancestors().nth(2).ok_or_else(|| io::Error::other("this program is not in a target directory"))?;
    let target = dir.parent().ok_or_else(|| io::Error::other("this program is not in a target directory"))?;
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", "virtc-cli", "--target-dir"]).arg(target);
    if dir.ends_with("release") {
        build.arg("--release");
    }
    let output = build.output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("virtc cannot be built:\n{words}")));
    }
    Ok(dir.join("virtc"))
}
