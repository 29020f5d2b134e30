//! jing and xmllint, run over many files at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::process;

/// Another validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// James Clark's own, in Java.
    Jing,
    /// libxml2's.
    Xmllint,
}

/// One message about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The line, from 1.
    pub line: u32,
    /// What it says.
    pub text: String,
}

/// The messages about each file that has some.
pub type Messages = BTreeMap<String, Vec<Message>>;

/// So many files in one process: enough to hide the start, few enough for a command line.
const BATCH: usize = 2500;

impl Rival {
    /// Holds `files` of `folder` against `grammar`; a `.rnc` is taken by jing only.
    ///
    /// # Errors
    /// When the program cannot be run, or says something that is about none of the files.
    pub fn run(self, grammar: &Path, folder: &Path, files: &[String]) -> Result<Messages, Box<dyn std::error::Error>> {
        let mut all = Messages::new();
        let mut rest = files;
        while !rest.is_empty() {
            let batch = rest.get(..rest.len().min(BATCH)).unwrap_or(rest);
            let mut command = self.command(grammar);
            command.args(batch).current_dir(folder).env("LC_ALL", "C.UTF-8");
            let output = command.output().map_err(|error| format!("`{}`: {error}", process::shown(&command)))?;
            let text = match self {
                Self::Jing => String::from_utf8_lossy(&output.stdout),
                Self::Xmllint => String::from_utf8_lossy(&output.stderr),
            };
            let mut found = 0;
            for (file, message) in text.lines().filter_map(|line| self.message(line)) {
                found += 1;
                // xmllint has something to say about namespaces, which is no fault.
                if message.text.starts_with("namespace warning") {
                    continue;
                }
                all.entry(file.to_owned()).or_default().push(message);
            }
            if !output.status.success() && found == 0 {
                let words = String::from_utf8_lossy(&output.stderr);
                return Err(
                    format!("{} ended with {} and named no file: {text}{words}", self.name(), output.status).into()
                );
            }
            // jing goes no further than the first file that is no XML.
            let last = text.lines().filter_map(|line| self.message(line)).next_back();
            let ended = last.filter(|(_, message)| self == Self::Jing && message.text.starts_with("fatal"));
            let at = ended.and_then(|(file, _)| batch.iter().position(|other| other == file));
            rest = rest.get(at.map_or(batch.len(), |at| at + 1)..).unwrap_or_default();
        }
        if let Some(other) = all.keys().find(|file| !files.contains(file)) {
            return Err(format!("{} complains about {other}, which is not a document", self.name()).into());
        }
        Ok(all)
    }

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jing => "jing",
            Self::Xmllint => "xmllint",
        }
    }

    /// The command up to the files.
    pub fn command(self, grammar: &Path) -> Command {
        let mut command = Command::new(self.name());
        match self {
            Self::Jing if grammar.extension().is_some_and(|found| found == "rnc") => command.arg("-c").arg(grammar),
            Self::Jing => command.arg(grammar),
            Self::Xmllint => command.args(["--noout", "--relaxng"]).arg(grammar),
        };
        command
    }

    /// The file and the message of one line of output: `FILE:LINE:COLUMN: error: …` or `FILE:LINE: element NAME: …`.
    fn message(self, line: &str) -> Option<(&str, Message)> {
        let (file, rest) = line.split_once(".xml:").map(|(file, rest)| (line.get(..file.len() + 4), rest))?;
        let (number, rest) = rest.split_once(':')?;
        let text = match self {
            Self::Jing => {
                let text = rest.split_once(": ")?.1;
                text.strip_prefix("error: ").unwrap_or(text)
            }
            Self::Xmllint => rest,
        };
        let file = file?;
        let file = file.rsplit_once('/').map_or(file, |(_, name)| name);
        Some((file, Message { line: number.parse().ok()?, text: text.trim().to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let jing = "/tmp/x/a.xml:3:14: error: attribute \"x\" not allowed here";
        let (file, message) = Rival::Jing.message(jing).unwrap();
        assert_eq!((file, message.line, &*message.text), ("a.xml", 3, "attribute \"x\" not allowed here"));
        let xmllint = "b.xml:7: element disk: Relax-NG validity error : Invalid attribute x for element disk";
        let (file, message) = Rival::Xmllint.message(xmllint).unwrap();
        assert_eq!((file, message.line), ("b.xml", 7));
        assert!(message.text.starts_with("element disk: Relax-NG"));
        assert_eq!(Rival::Xmllint.message("b.xml fails to validate"), None);
    }
}
