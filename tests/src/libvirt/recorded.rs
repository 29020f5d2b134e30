//! Definitions in `testdata/libvirt`, each with what an installed libvirt made of it.
//!
//! Of `disk-bus.xml` these are `disk-bus.argv`, QEMU's command line with one option a line, and `disk-bus.stored.xml`,
//! the definition as libvirt stores it; or, where libvirt refuses it, its message in `disk-bus.refused`.

use std::io;
use std::path::{Path, PathBuf};

use crate::repository;

/// The folder of the definitions, from the root of the repository.
pub const FOLDER: &str = "testdata/libvirt";

/// What is known of the host for which all was recorded, for virtc.
pub const HOST: &str = "host.json";

/// Where virtc differs from a recording, and why: the name, `xml`, `argv`, `stored` or `refused`, and the
/// reason, with tabs between.
pub const DIFFERENCES: &str = "differences.tsv";

/// How a command line is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// libvirt translates the definition (`virsh domxml-to-native`), which starts nothing. It has no network card,
    /// since libvirt makes each one a card of another type for this.
    Translate,
    /// The guest is started, paused, and the command line is in its log: `<?libvirt start?>`.
    Start,
    /// There is none, since this needs hardware: `<?libvirt define?>`.
    Define,
    /// libvirt refuses the definition: `<?libvirt refuse?>`.
    Refuse,
}

/// One definition.
#[derive(Debug)]
pub struct Definition {
    /// The name of its files, without an ending.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// How its command line is recorded.
    pub how: How,
}

impl How {
    /// What `text` says in a processing instruction; without one it is translated.
    ///
    /// # Errors
    /// When it says something unknown.
    pub fn of(text: &str) -> Result<Self, String> {
        let Some((_, rest)) = text.split_once("<?libvirt ") else { return Ok(Self::Translate) };
        match rest.split("?>").next().unwrap_or_default().trim() {
            "start" => Ok(Self::Start),
            "define" => Ok(Self::Define),
            "refuse" => Ok(Self::Refuse),
            other => Err(format!("`<?libvirt {other}?>` is unknown: start, define and refuse are known")),
        }
    }
}

impl Definition {
    /// Its command line as it was recorded.
    pub fn argv(&self) -> PathBuf {
        self.path.with_extension("argv")
    }

    /// The definition as it was stored.
    pub fn stored(&self) -> PathBuf {
        self.path.with_extension("stored.xml")
    }

    /// Why it was refused.
    pub fn refused(&self) -> PathBuf {
        self.path.with_extension("refused")
    }

    /// The files that a recording consists of.
    pub fn recordings(&self) -> Vec<PathBuf> {
        match self.how {
            How::Translate | How::Start => vec![self.argv(), self.stored()],
            How::Define => vec![self.stored()],
            How::Refuse => vec![self.refused()],
        }
    }
}

/// The definitions in `folder`, in order of their names.
///
/// # Errors
/// When a file cannot be read or says something unknown.
pub fn definitions(folder: &Path) -> io::Result<Vec<Definition>> {
    let mut found = Vec::new();
    for path in repository::files(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".xml").filter(|name| !name.ends_with(".stored")) else { continue };
        let text = std::fs::read_to_string(&path)?;
        let how = How::of(&text).map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        found.push(Definition { name: name.to_owned(), path, text, how });
    }
    Ok(found)
}

/// What is wrong with the set of files in `folder`: recordings that are missing, and files that no definition has.
///
/// # Errors
/// When a file cannot be read.
pub fn set_faults(folder: &Path) -> io::Result<Vec<String>> {
    let mut expected: Vec<PathBuf> = ["README.md", HOST, DIFFERENCES].map(|name| folder.join(name)).to_vec();
    let mut faults = Vec::new();
    for definition in definitions(folder)? {
        for recording in definition.recordings() {
            if !recording.is_file() {
                faults.push(format!("{}: is missing; `cargo xtask record` writes it", recording.display()));
            }
            expected.push(recording);
        }
        expected.push(definition.path);
    }
    let files = repository::files(folder)?;
    let orphans = files.iter().filter(|file| !expected.contains(file));
    faults.extend(orphans.map(|file| format!("{}: belongs to no definition", file.display())));
    Ok(faults)
}

/// The words of a command line as text: one line for each option with its value.
pub fn to_text(words: &[String]) -> String {
    let mut text = String::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        text.push_str(&one_line(word));
        if let Some(value) = words.next_if(|next| word.starts_with('-') && !next.starts_with('-')) {
            text.push(' ');
            text.push_str(&one_line(value));
        }
        text.push('\n');
    }
    text
}

/// No word holds a line feed that is not escaped in JSON.
fn one_line(word: &str) -> String {
    word.replace('\n', "\\n")
}

/// The words in such a text.
pub fn from_text(text: &str) -> Vec<String> {
    let words = text.lines().flat_map(|line| match line.split_once(' ') {
        Some((option, value)) if option.starts_with('-') => vec![option.to_owned(), value.to_owned()],
        _ => vec![line.to_owned()],
    });
    words.collect()
}

/// A difference that is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The definition.
    pub name: String,
    /// `xml`, `argv`, `stored` (the command line of what was stored) or `refused`.
    pub what: String,
    /// Why virtc makes something else.
    pub reason: String,
}

/// The differences that are known.
///
/// # Errors
/// When the file cannot be read, or a line has another form.
pub fn known(folder: &Path) -> io::Result<Vec<Known>> {
    let text = std::fs::read_to_string(folder.join(DIFFERENCES))?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let known = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, what, reason] if !reason.is_empty() => {
            Ok(Known { name: name.to_owned(), what: what.to_owned(), reason: reason.to_owned() })
        }
        _ => Err(io::Error::other(format!("{DIFFERENCES}: `{line}` is not NAME, WHAT and REASON with tabs between"))),
    };
    lines.map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_says_how_it_is_recorded() {
        assert_eq!(How::of("<domain/>"), Ok(How::Translate));
        assert_eq!(How::of("<?libvirt start?>\n<domain/>"), Ok(How::Start));
        assert!(How::of("<?libvirt dance?>\n<domain/>").is_err());
    }

    #[test]
    fn a_missing_recording_and_an_orphan_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.xml", "<domain/>");
        write("a.argv", "");
        write("b.xml", "<?libvirt refuse?><domain/>");
        write("b.refused", "");
        write("b.argv", "");
        write("README.md", "");
        let faults: Vec<String> = set_faults(folder.path()).unwrap();
        let short: Vec<&str> = faults.iter().map(|fault| fault.rsplit_once('/').unwrap().1).collect();
        assert_eq!(
            short,
            ["a.stored.xml: is missing; `cargo xtask record` writes it", "b.argv: belongs to no definition"]
        );
    }

    #[test]
    fn words_are_lines_and_words_again() {
        let words: Vec<String> = ["-S", "-name", "a guest", "-msg", "x"].map(str::to_owned).to_vec();
        assert_eq!(to_text(&words), "-S\n-name a guest\n-msg x\n");
        assert_eq!(from_text(&to_text(&words)), words);
    }

    #[test]
    fn a_known_difference_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join(DIFFERENCES), text).unwrap();
        write("# a comment\na\targv\tbecause\n");
        let expected = Known { name: "a".into(), what: "argv".into(), reason: "because".into() };
        assert_eq!(known(folder.path()).unwrap(), [expected]);
        write("a\targv\t\n");
        assert!(known(folder.path()).is_err());
    }
}
