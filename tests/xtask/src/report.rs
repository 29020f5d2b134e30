//! The parts of docs/conformance.md that commands write, and the reasons next to it that people wrote.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{Outcome, process};

/// Reasons: lines `WHAT<TAB>CASE<TAB>SIGN<TAB>REASON`, where the verdict of the case must contain the sign. `#` begins
/// a comment.
pub struct Reasons(Vec<[String; 4]>);

impl Reasons {
    /// Those of the repository.
    ///
    /// # Errors
    /// When they cannot be read, or a line has not four fields.
    pub fn read() -> Result<Self, Box<dyn std::error::Error>> {
        let path = process::root().join("docs/conformance-reasons.tsv");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self::of(&text)?)
    }

    fn of(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let fields = |line: &str| {
            let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
            <[String; 4]>::try_from(fields).map_err(|_| format!("`{line}` is not WHAT, CASE, SIGN and REASON"))
        };
        Ok(Self(lines.map(fields).collect::<Result<_, _>>()?))
    }

    /// Why this case has this verdict.
    pub fn find(&self, what: &str, case: &str, verdict: &str) -> Option<&str> {
        let found = self.0.iter().find(|[w, c, sign, _]| w == what && c == case && verdict.contains(sign.as_str()));
        found.map(|[_, _, _, reason]| reason.as_str())
    }

    /// The cases that have a reason and are not among `cases`, which need one.
    pub fn idle<'r>(&'r self, what: &'r str, cases: &'r BTreeSet<String>) -> impl Iterator<Item = &'r str> {
        self.0.iter().filter(move |[w, c, _, _]| w == what && !cases.contains(c)).map(|[_, c, _, _]| c.as_str())
    }
}

/// Text for one cell of a table.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Writes `text` between the two comments of `section` in the document.
///
/// # Errors
/// When the document cannot be read or written, or has no such section.
pub fn write(document: &Path, section: &str, text: &str) -> Outcome {
    let old = std::fs::read_to_string(document).map_err(|error| format!("{}: {error}", document.display()))?;
    let new = replaced(&old, section, text)
        .ok_or_else(|| format!("{} has no section `{section}`", PathBuf::from(document).display()))?;
    Ok(std::fs::write(document, new)?)
}

fn replaced(old: &str, section: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {section}: begin -->\n"), format!("<!-- {section}: end -->"));
    let (before, rest) = old.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{}\n{end}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_section_is_replaced() {
        let old = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";
        assert_eq!(replaced(old, "x", "new\n").unwrap(), "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n");
        assert_eq!(replaced(old, "y", "new"), None);
    }

    #[test]
    fn a_reason_holds_for_its_verdict_only() {
        let reasons = Reasons::of("# none\nargv\ta\tdiffers\twhy\nargv\tb\tdiffers\told\n").unwrap();
        assert_eq!(reasons.find("argv", "a", "differs"), Some("why"));
        assert_eq!(reasons.find("argv", "a", "crashed"), None);
        assert_eq!(reasons.find("xml", "a", "differs"), None);
        let cases = BTreeSet::from(["a".to_owned()]);
        assert_eq!(reasons.idle("argv", &cases).collect::<Vec<_>>(), ["b"]);
        assert!(Reasons::of("argv\ta\twhy").is_err());
    }
}
