//! Reads what the user named: files, directories, standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use virtc::{Source, SourceFile};

/// How standard input is named in messages.
pub const STDIN: &str = "<stdin>";

/// A place that text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// What `path` names; `-` is standard input.
    pub fn new(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// The name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => STDIN.to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The bytes, but no more than one beyond what any pass takes.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let most = SourceFile::MAX_BYTES as u64 + 1;
        let mut bytes = Vec::new();
        match self {
            Self::Stdin => io::stdin().lock().take(most).read_to_end(&mut bytes)?,
            Self::File(path) => {
                let file = File::open(path)?;
                // One byte more than there should be: then the end is found without more memory.
                let size = file.metadata().map_or(0, |data| data.len()).min(most);
                bytes.reserve_exact(usize::try_from(size).unwrap_or_default() + 1);
                file.take(most).read_to_end(&mut bytes)?
            }
        };
        Ok(bytes)
    }

    /// The text.
    ///
    /// # Errors
    /// In words, when it cannot be read. Text that is too long or not UTF-8 is no error here, but a diagnostic.
    pub fn load(&self) -> Result<Source, String> {
        let bytes = self.bytes().map_err(|error| cannot_read(&self.name(), &error))?;
        Ok(Source::from_bytes(&self.name(), bytes))
    }

    /// The text of a file that is no definition: a host file, a schema, a plan.
    ///
    /// # Errors
    /// In words, when it cannot be read, is longer than 64 MiB, or not UTF-8.
    pub fn load_text(&self) -> Result<String, String> {
        let source = self.load()?;
        match source.fault() {
            Some(fault) => {
                let place = fault.span.map_or_else(|| self.name(), |span| source.file().locate(span));
                Err(format!("{place}: {}", fault.message))
            }
            None => Ok(source.file().text().to_owned()),
        }
    }
}

fn cannot_read(name: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::IsADirectory {
        format!("`{name}` is a directory, and a file is wanted")
    } else if error.kind() == io::ErrorKind::NotFound {
        format!("there is no file `{name}`")
    } else {
        format!("cannot read `{name}`: {error}")
    }
}

/// The inputs that `paths` name, in their order: a directory means the domains in it, sorted by path. What cannot be read is
/// told to `complain`.
pub fn expand(paths: &[PathBuf], complain: &mut dyn FnMut(String)) -> Vec<Input> {
    let mut inputs = Vec::new();
    for path in paths {
        if !path.is_dir() || path.as_os_str() == "-" {
            let input = Input::new(path);
            if input == Input::Stdin && inputs.contains(&input) {
                complain("standard input can be read only once".into());
            } else {
                inputs.push(input);
            }
            continue;
        }
        let before = inputs.len();
        search(path, &mut inputs, complain);
        if inputs.len() == before {
            complain(format!("there is no domain in `{}`: no *.xml whose root is `<domain>`", path.display()));
        }
    }
    inputs
}

fn search(root: &Path, inputs: &mut Vec<Input>, complain: &mut dyn FnMut(String)) {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) => {
                complain(cannot_read(&dir.display().to_string(), &error));
                continue;
            }
        };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            // A link to a directory could lead in a circle; a link to a file cannot.
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "xml") && path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    for path in found {
        let mut start = Vec::new();
        match File::open(&path).and_then(|file| file.take(1 << 16).read_to_end(&mut start)) {
            Ok(_) if is_domain(&String::from_utf8_lossy(&start)) => inputs.push(Input::File(path)),
            Ok(_) => {}
            Err(error) => complain(cannot_read(&path.display().to_string(), &error)),
        }
    }
}

/// Whether the first element in the start of a file is `<domain>`.
fn is_domain(start: &str) -> bool {
    let mut rest = start.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!") {
            ">"
        } else {
            break;
        };
        rest = rest.split_once(end).map_or("", |(_, rest)| rest).trim_start();
    }
    let name = rest.strip_prefix("<domain").and_then(|rest| rest.chars().next());
    name.is_some_and(|next| next.is_whitespace() || next == '>' || next == '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_known_by_its_first_element() {
        for yes in
            ["<domain>", "\u{feff}<?xml version='1.0'?>\n<!-- <network> -->\n<!DOCTYPE domain>\n<domain type='kvm'>"]
        {
            assert!(is_domain(yes), "{yes}");
        }
        for no in ["", "<domainsnapshot>", "<network><domain/></network>", "<!-- <domain>", "domain"] {
            assert!(!is_domain(no), "{no}");
        }
    }
}
