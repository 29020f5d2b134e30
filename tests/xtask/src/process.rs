//! Programs that are run for what they do or say.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(PathBuf::from).unwrap_or(here)
}

/// The cargo that started this program, to be run at the root of the repository.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// Where cargo puts what it builds with this profile (`debug` or `release`).
pub fn built(profile: &str, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir));
    target.join(profile).join(name)
}

/// A command as a person would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs `command` to its end; its output is shown only if it fails.
///
/// # Errors
/// When it cannot be started, or ends with another status than 0.
pub fn quietly(command: &mut Command) -> Outcome {
    let output = command.output().map_err(|error| format!("`{}`: {error}", shown(command)))?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Err(format!("`{}` ended with {}\n{words}", shown(command), output.status).into())
}

/// Runs `command` to its end; its output goes where that of this program goes.
///
/// # Errors
/// When it cannot be started, or ends with another status than `expected`.
pub fn run(command: &mut Command, expected: i32) -> Outcome {
    let status = command.status().map_err(|error| format!("`{}`: {error}", shown(command)))?;
    if status.code() == Some(expected) {
        return Ok(());
    }
    Err(format!("`{}` ended with {status}, expected was {expected}", shown(command)).into())
}
