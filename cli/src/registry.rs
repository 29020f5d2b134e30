//! Everything that can be reported, by name.

use virtc_diag::{Code, Severity};
use virtc_lints::docs;

/// A lint or another diagnostic.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The kind of diagnostic.
    pub code: &'static Code,
    /// Whether it is a lint, which a comment in the file can allow.
    pub is_lint: bool,
}

/// All entries, sorted by name.
pub fn all() -> Vec<Entry> {
    let codes = [virtc_xml::codes::ALL, virtc_rng::codes::ALL, virtc_compiler::codes::ALL, virtc_lints::CODES];
    let codes = codes.into_iter().flatten().map(|code| Entry { code, is_lint: false });
    let lints = virtc_lints::rules::ALL.iter().map(|lint| Entry { code: lint.code, is_lint: true });
    let mut all: Vec<Entry> = codes.chain(lints).collect();
    all.sort_by_key(|entry| entry.code.name);
    all
}

/// What is reported of the XML and by the grammar: all that `check --only schema` can find.
pub fn schema() -> impl Iterator<Item = &'static Code> {
    virtc_xml::codes::ALL.iter().chain(virtc_rng::codes::ALL).copied()
}

/// The entry with this name.
pub fn find(name: &str) -> Option<Entry> {
    all().into_iter().find(|entry| entry.code.name == name)
}

/// Names that may have been meant by `name`, nearest first, three at most.
pub fn near(name: &str) -> Vec<&'static str> {
    let distance = |known: &str| {
        if known.contains(name) && name.len() > 2 { 0 } else { strsim::damerau_levenshtein(name, known) }
    };
    let all = all();
    let mut near: Vec<_> = all.iter().map(|entry| (distance(entry.code.name), entry.code.name)).collect();
    near.retain(|(distance, known)| *distance <= (known.len() / 4).max(2));
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// A sentence that says that there is no such name, and which are near.
pub fn unknown(name: &str) -> String {
    let near: Vec<String> = near(name).iter().map(|near| format!("`{near}`")).collect();
    let hint = if near.is_empty() {
        "`virtc explain` lists all".into()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    format!("there is no diagnostic `{name}`; {hint}")
}

impl Entry {
    /// What it means and what to do, in Markdown.
    pub fn text(&self) -> String {
        docs::text(self.code.explanation)
    }

    /// The first sentence of the text, on one line.
    pub fn summary(&self) -> String {
        let text = self.text();
        let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let end = paragraph.find(". ").map_or(paragraph.len(), |end| end + 1);
        paragraph.get(..end).unwrap_or_default().to_owned()
    }

    /// `error`, `lint, warning`, …
    pub fn kind(&self) -> String {
        let severity: Severity = self.code.severity;
        if self.is_lint { format!("lint, {}", severity.word()) } else { severity.word().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_text_says_something() {
        let all = all();
        for pair in all.windows(2) {
            assert!(pair[0].code.name < pair[1].code.name, "{} stands twice", pair[1].code.name);
        }
        for entry in all {
            assert!(entry.summary().len() > 20, "{}: {}", entry.code.name, entry.summary());
        }
    }

    #[test]
    fn a_near_name_is_offered() {
        assert_eq!(near("hostdev-net-ubs"), ["hostdev-net-usb"]);
        assert_eq!(near("not-vf"), ["hostdev-net-not-vf"]);
        assert_eq!(near("completely-different-thing"), Vec::<&str>::new());
    }
}
