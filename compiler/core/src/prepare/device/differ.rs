//! What two versions of a device have different, leaf by leaf, as libvirt would write them.

use std::collections::{BTreeMap, BTreeSet};

use virtc_diag::{SourceFile, Span};
use virtc_xml::{Document, Element};

/// A leaf that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The way to it: `source/@bridge`, `mac/@address`, `serial`; a repeated element has its number, from 2: `channel[2]/@name`.
    pub path: String,
    /// The value that runs.
    pub runs: Option<String>,
    /// The value that is asked for.
    pub wanted: Option<String>,
}

impl Difference {
    /// Whether it lies at or below one of `paths`.
    pub fn is_below(&self, paths: &[&str]) -> bool {
        let below = |path: &&str| {
            self.path.strip_prefix(*path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[']))
        };
        paths.iter().any(below)
    }

    /// In words, without what it is about.
    pub fn show(&self) -> String {
        let value = |value: &Option<String>| match value {
            Some(value) if value.is_empty() => "there".to_owned(),
            Some(value) => format!("`{value}`"),
            None => "not there".to_owned(),
        };
        format!("it is {} and should be {}", value(&self.runs), value(&self.wanted))
    }
}

/// The leaves in which the texts of two devices differ, in the order of their paths.
pub(super) fn differences(runs: &str, wanted: &str) -> Vec<Difference> {
    let (runs, wanted) = (leaves(runs), leaves(wanted));
    let paths: BTreeSet<&String> = runs.keys().chain(wanted.keys()).collect();
    let differs = |path: &&String| runs.get(*path) != wanted.get(*path);
    let difference = |path: &String| Difference {
        path: path.clone(),
        runs: runs.get(path).cloned(),
        wanted: wanted.get(path).cloned(),
    };
    paths.into_iter().filter(differs).map(difference).collect()
}

fn document(text: &str) -> Document {
    virtc_xml::parse(&SourceFile::new("", text)).0
}

/// Every attribute and every element with text or without content, by its path below the root.
fn leaves(text: &str) -> BTreeMap<String, String> {
    let document = document(text);
    let mut out = BTreeMap::new();
    let mut open: Vec<(String, Element<'_>)> = document.root().map(|root| (String::new(), root)).into_iter().collect();
    while let Some((path, element)) = open.pop() {
        for attribute in element.attributes() {
            out.insert(format!("{path}@{}", attribute.name()), attribute.value().to_owned());
        }
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for child in element.children() {
            let number = seen.entry(child.name()).and_modify(|n| *n += 1).or_insert(1);
            let step = if *number == 1 { child.name().to_owned() } else { format!("{}[{number}]", child.name()) };
            let text = child.text();
            let is_bare = child.attributes().next().is_none() && child.children().next().is_none();
            if is_bare || !text.trim().is_empty() {
                out.insert(format!("{path}{step}"), text.trim().to_owned());
            }
            open.push((format!("{path}{step}/"), child));
        }
    }
    out
}

/// Whether the document says anything about the leaf at `path`.
pub(super) fn says(source: &SourceFile, path: &str) -> bool {
    let (document, _) = virtc_xml::parse(source);
    let Some(mut at) = document.root() else { return false };
    for step in path.split('/') {
        if let Some(name) = step.strip_prefix('@') {
            return at.attribute(name).is_some();
        }
        let (name, number) = numbered(step);
        let Some(child) = at.children_named(name).nth(number) else { return false };
        at = child;
    }
    true
}

/// The name in a step of a path, and how many of that name are before it.
fn numbered(step: &str) -> (&str, usize) {
    let (name, number) = step.trim_end_matches(']').split_once('[').unwrap_or((step, "1"));
    (name, number.parse::<usize>().unwrap_or(1).saturating_sub(1))
}

/// Where the leaf at `path` is in a document, or the nearest thing to it.
pub(super) fn place(source: &SourceFile, path: &str) -> Option<Span> {
    let (document, _) = virtc_xml::parse(source);
    let mut at = document.root()?;
    for step in path.split('/') {
        if let Some(name) = step.strip_prefix('@') {
            return Some(at.attribute(name).map_or_else(|| at.start_tag(), virtc_xml::Attribute::value_span));
        }
        let (name, number) = numbered(step);
        let Some(child) = at.children_named(name).nth(number) else { return Some(at.start_tag()) };
        at = child;
    }
    Some(if at.text().trim().is_empty() { at.start_tag() } else { at.text_span() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_that_differ_have_a_name_and_a_place() {
        let runs = "<d a='1'><s f='x'/><r/><c n='1'/><c n='2'/><t>one</t></d>";
        let wanted = "<d a='1'><s f='y'/><c n='1'/><c n='3'/><t>two</t></d>";
        let found = differences(runs, wanted);
        let shown: Vec<String> = found.iter().map(|d| format!("{}: {}", d.path, d.show())).collect();
        assert_eq!(
            shown,
            [
                "c[2]/@n: it is `2` and should be `3`",
                "r: it is there and should be not there",
                "s/@f: it is `x` and should be `y`",
                "t: it is `one` and should be `two`",
            ]
        );
        let source = SourceFile::new("", wanted);
        let at = |path| place(&source, path).and_then(|s| wanted.get(s.start as usize..s.end as usize));
        assert_eq!(at("c[2]/@n"), Some("3"));
        assert_eq!(at("t"), Some("two"));
        assert_eq!(at("r"), Some("<d a='1'>"));
        assert_eq!(at("s/@g"), Some("<s f='y'/>"));
        assert_eq!(differences(runs, runs), []);
        assert!(says(&source, "s/@f") && says(&source, "c[2]/@n") && says(&source, "t"));
        assert!(!says(&source, "s/@g") && !says(&source, "c[3]/@n") && !says(&source, "r"));
    }

    #[test]
    fn a_path_covers_what_is_below_it() {
        let difference = |path: &str| Difference { path: path.to_owned(), runs: None, wanted: None };
        assert!(difference("source/@file").is_below(&["source"]));
        assert!(difference("source[2]/@file").is_below(&["source"]));
        assert!(difference("@type").is_below(&["@type"]));
        assert!(!difference("sourced/@file").is_below(&["source", "@type"]));
    }
}
