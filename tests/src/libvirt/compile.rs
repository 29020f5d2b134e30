//! What virtc makes of definitions.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What is made of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    /// The definition with all that libvirt fills in.
    Xml,
    /// QEMU's command line.
    Argv,
}

/// What virtc says of a file.
#[derive(Debug)]
pub enum Made {
    /// The definition, or the words of the command line after the binary, one a line, without descriptors that are
    /// added.
    Text(String),
    /// Why it refused it.
    Refused {
        /// The names of all errors.
        names: Vec<String>,
        /// The message of the first one.
        first: String,
    },
}

/// What virtc says of all files, by their paths. `more` are further options.
///
/// # Errors
/// When it cannot be run, or answers otherwise than it should.
pub fn all(
    virtc: &Path,
    host: &Path,
    emit: Emit,
    more: &[&str],
    files: &[PathBuf],
) -> Result<BTreeMap<String, Made>, Box<dyn Error>> {
    let mut command = Command::new(virtc);
    let word = match emit {
        Emit::Xml => "xml",
        Emit::Argv => "argv",
    };
    command.args(["compile", "--emit", word, "--format", "json", "--host"]).arg(host).args(more).args(files);
    // A single file is answered in another form.
    command.args(files.first().filter(|_| files.len() == 1));
    let output = command.output()?;
    let mut all = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let file = line.get("file").and_then(Value::as_str).unwrap_or_default().to_owned();
        let made = match emit {
            Emit::Xml => line.get("xml").and_then(Value::as_str).map(str::to_owned),
            Emit::Argv => line.get("argv").and_then(Value::as_array).map(|words| command_line(words)),
        };
        all.insert(file, made.map_or_else(|| refusal(line.get("diagnostics")), Made::Text));
    }
    Ok(all)
}

fn command_line(words: &[Value]) -> String {
    let mut words: Vec<&str> = words.iter().skip(1).filter_map(Value::as_str).collect();
    while let Some(at) = words.iter().position(|word| *word == "-add-fd") {
        words.drain(at..words.len().min(at + 2));
    }
    // No word holds a line feed that is not escaped in JSON.
    words.iter().map(|word| word.replace('\n', "\\n")).collect::<Vec<_>>().join("\n")
}

fn refusal(found: Option<&Value>) -> Made {
    let faults: Vec<&Value> = found.and_then(Value::as_array).into_iter().flatten().collect();
    let text = |fault: &Value, key: &str| fault.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let errors = || faults.iter().filter(|fault| text(fault, "severity") == "error");
    let names = errors().map(|fault| text(fault, "name")).collect();
    Made::Refused { names, first: errors().map(|fault| text(fault, "message")).next().unwrap_or_default() }
}
