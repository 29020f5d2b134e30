//! A tree of small text files and links, such as sysfs.

use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::ids;

/// No file that is read here is larger; what comes after is cut off.
const LIMIT: u64 = 4 << 20;

/// Something that is there and could not be read or understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as a path under the given root with the root before it.
    pub path: PathBuf,
    /// What is the matter with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

pub(super) struct Tree {
    root: PathBuf,
    problems: RefCell<Vec<Problem>>,
}

impl Tree {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), problems: RefCell::default() }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    pub(super) fn problem(&self, path: &str, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { path: self.root.join(path), message: message.into() });
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The content of a file. A file that does not exist, or that has no value now, is no problem.
    pub(super) fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let full = self.root.join(path);
        let read = || {
            if !fs::metadata(&full)?.is_file() {
                return Err(std::io::Error::other("not a file"));
            }
            let mut bytes = Vec::new();
            fs::File::open(&full)?.take(LIMIT).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Some(bytes),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => None,
            Err(error) => {
                self.problem(path, error.to_string());
                None
            }
        }
    }

    /// The text of a file that only root may be able to read, which is no problem, without white space around it.
    pub(super) fn readable_text(&self, path: &str) -> Option<String> {
        let mut text = Vec::new();
        fs::File::open(self.root.join(path)).ok()?.take(LIMIT).read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// The text of a file without white space around it.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    fn parsed<T>(&self, path: &str, wanted: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(path)?;
        let value = parse(&text);
        if value.is_none() {
            let text: String = text.chars().take(40).collect();
            self.problem(path, format!("`{text}` is not {wanted}"));
        }
        value
    }

    /// The value of a file in its usual spelling: a number, an address.
    pub(super) fn value<T: FromStr>(&self, path: &str) -> Option<T> {
        self.parsed(path, "the value that belongs there", |text| text.parse().ok())
    }

    /// The hexadecimal number in a file, with or without `0x`.
    pub(super) fn hex<T: TryFrom<u32>>(&self, path: &str) -> Option<T> {
        self.parsed(path, "a hexadecimal number that fits", |text| ids::parse(text).and_then(|n| T::try_from(n).ok()))
    }

    /// The kernel's switch in a file: `1`, `0`, `Y` or `N`.
    pub(super) fn switch(&self, path: &str) -> Option<bool> {
        self.parsed(path, "a switch", |text| match text {
            "1" | "Y" => Some(true),
            "0" | "N" => Some(false),
            _ => None,
        })
    }

    /// The names in a directory, sorted; none if it is not there.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = match fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    self.problem(path, error.to_string());
                }
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The last name in the target of a link; absent where there is no link.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.root.join(path)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// The names on the way to where `path` leads once all links are followed, from the root down.
    pub(super) fn resolved(&self, path: &str) -> Vec<String> {
        let Ok(full) = fs::canonicalize(self.root.join(path)) else { return Vec::new() };
        full.iter().filter_map(|name| name.to_str().map(str::to_owned)).collect()
    }

    /// The size of a file in bytes.
    pub(super) fn size(&self, path: &str) -> Option<u64> {
        fs::metadata(self.root.join(path)).ok().map(|data| data.len())
    }
}

/// A list of numbers in the kernel's spelling: `0-3,8,10-11`.
pub(super) fn number_list(text: &str) -> Option<Vec<u32>> {
    /// More CPUs or nodes than any kernel takes.
    const MOST: u32 = 1 << 16;
    let mut numbers = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_lists() {
        assert_eq!(number_list(""), Some(vec![]));
        assert_eq!(number_list("0-2,5"), Some(vec![0, 1, 2, 5]));
        for text in ["2-1", "a", "0-4294967295", "1-", "-1"] {
            assert_eq!(number_list(text), None, "{text}");
        }
    }
}
