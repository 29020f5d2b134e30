//! Findings in groups of those that say the same but for names and numbers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How many findings of a group are named.
const NAMED: usize = 4;
/// How many lines of a finding tell it from others.
const TELLING: usize = 2;

#[derive(Default)]
struct Group {
    /// The lines of the first finding.
    said: Vec<String>,
    /// The names of all documents.
    names: Vec<String>,
}

/// Findings by kind and by what they say.
#[derive(Default)]
pub struct Groups {
    groups: BTreeMap<(&'static str, String), Group>,
    count: usize,
}

impl Groups {
    /// One more, by the name of its document.
    pub fn add(&mut self, kind: &'static str, said: &[String], name: String) {
        let key = said.iter().take(TELLING).map(|line| plain(line)).collect::<Vec<_>>().join("\n");
        let group = self.groups.entry((kind, key)).or_default();
        if group.names.is_empty() {
            group.said = said.to_vec();
        }
        group.names.push(name);
        self.count += 1;
    }

    /// How many findings there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Prints each group with the first `lines` lines of its first finding, the largest group first.
    pub fn print(&self, lines: usize) {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|((kind, _), group)| (*kind, std::cmp::Reverse(group.names.len())));
        for ((kind, _), group) in groups {
            println!("{} times: {kind}", group.names.len());
            for line in group.said.iter().take(lines) {
                println!("  {line}");
            }
            for name in group.names.iter().take(NAMED) {
                println!("    {name}");
            }
        }
    }
}

/// A line with numbers and quoted texts made equal; keys of JSON stay.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for letter in line.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => continue,
            None if matches!(letter, '\'' | '`') || (letter == '"' && out.ends_with(':')) => quote = Some(letter),
            None => {}
        }
        let letter = if letter.is_ascii_digit() { '#' } else { letter };
        if letter != '#' || !out.ends_with('#') {
            out.push(letter);
        }
    }
    out
}

/// Lines of a difference, with of two objects in JSON that follow each other only what tells them apart.
pub fn told_apart(lines: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut lines = lines.into_iter().peekable();
    while let Some(line) = lines.next() {
        let object = |line: &str, sign| {
            line.strip_prefix(sign).and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok())
        };
        let pair = object(&line, '-').zip(lines.peek().and_then(|next| object(next, '+')));
        let Some((theirs, ours)) = pair else {
            out.push(line);
            continue;
        };
        lines.next();
        let only = |a: &Map<String, Value>, b: &Map<String, Value>| {
            let apart = a.iter().filter(|(key, value)| b.get(*key) != Some(*value));
            apart.map(|(key, value)| format!("\"{key}\":{value}")).collect::<Vec<_>>().join(",")
        };
        let kind = ["driver", "qom-type"].iter().find_map(|key| theirs.get(*key)?.as_str()).unwrap_or_default();
        out.push(format!("{kind}: -{{{}}} +{{{}}}", only(&theirs, &ours), only(&ours, &theirs)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_apart() {
        let lines = ["-{\"driver\":\"x\",\"a\":1,\"b\":2}", "+{\"driver\":\"x\",\"a\":1,\"c\":3}", "-d"];
        let said = told_apart(lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(said, ["x: -{\"b\":2} +{\"c\":3}", "-d"]);
    }

    #[test]
    fn names_and_numbers_make_no_group() {
        let mut groups = Groups::default();
        for said in ["slot 12 of 'pci.0' is taken", "slot 3 of 'pci.1' is taken", "no slot"] {
            groups.add("refused", &[said.to_owned()], "a".to_owned());
        }
        assert_eq!((groups.len(), groups.groups.len()), (3, 2));
        assert_eq!(plain("-{\"a\":\"b\"}"), "-{\"a\":\"\"}");
        assert_eq!(plain("+/a b='12' c"), "+/a b='' c");
    }
}
