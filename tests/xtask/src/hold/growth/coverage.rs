//! Which names and values of a grammar were put into documents.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use virtc_rng::{Form, Part, Schema};

/// The key of an element, of which its attributes and texts are told.
pub fn holder(parent: &str, name: &str) -> String {
    format!("{parent}/{name}")
}

/// How often each was tried and put in. Keys are `parent/element`, that with `@attribute`, and each with `=value`.
pub struct Coverage {
    all: BTreeSet<String>,
    tried: BTreeMap<String, u32>,
    put: BTreeSet<String>,
}

impl Coverage {
    /// All that `schema` names.
    pub fn of(schema: &Schema) -> Self {
        let mut all = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<(String, Part<'_>)> =
            schema.roots().into_iter().map(|part| (String::new(), part)).collect();
        while let Some((parent, part)) = waiting.pop() {
            if !seen.insert((parent.clone(), part.number())) {
                continue;
            }
            let Form::Element { names, content } = part.form() else { continue };
            for (_, name) in names {
                let holder = holder(&parent, name);
                all.insert(holder.clone());
                for leaf in leaves(content) {
                    match leaf.form() {
                        Form::Attribute { names, value } => {
                            for (_, attribute) in names {
                                let key = format!("{holder}@{attribute}");
                                all.extend(words(value).iter().map(|word| format!("{key}={word}")));
                                all.insert(key);
                            }
                        }
                        Form::Value(word) => drop(all.insert(format!("{holder}={word}"))),
                        Form::Element { .. } => waiting.push((name.to_owned(), leaf)),
                        Form::NotAllowed
                        | Form::Empty
                        | Form::Text
                        | Form::Data
                        | Form::List(_)
                        | Form::OneOrMore(_)
                        | Form::Group(_)
                        | Form::Interleave(_)
                        | Form::Choice(_) => {}
                    }
                }
            }
        }
        Self { all, tried: BTreeMap::new(), put: BTreeSet::new() }
    }

    /// How often something was tried.
    pub fn tried(&self, key: &str) -> u32 {
        self.tried.get(key).copied().unwrap_or_default()
    }

    /// Something is tried.
    pub fn try_one(&mut self, key: &str) {
        *self.tried.entry(key.to_owned()).or_default() += 1;
    }

    /// Something was put in.
    pub fn put(&mut self, key: &str) {
        self.put.insert(key.to_owned());
    }

    /// What was put in, of what the grammar names.
    pub fn used(&self) -> Vec<&str> {
        self.all.intersection(&self.put).map(String::as_str).collect()
    }

    /// What was never put in.
    pub fn never(&self) -> Vec<&str> {
        self.all.difference(&self.put).map(String::as_str).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |value: bool, attribute: bool| {
            let is = move |key: &&String| key.contains('=') == value && (value || key.contains('@') == attribute);
            let put = self.all.intersection(&self.put).filter(is).count();
            (put, self.all.iter().filter(is).count())
        };
        let (elements, attributes, values) = (of(false, false), of(false, true), of(true, false));
        write!(f, "put in: {} of {} elements, ", elements.0, elements.1)?;
        write!(f, "{} of {} attributes, {} of {} named values", attributes.0, attributes.1, values.0, values.1)
    }
}

/// The attributes, elements and values of a content.
pub fn leaves(content: Part<'_>) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![content];
    while let Some(part) = waiting.pop() {
        if !seen.insert(part.number()) {
            continue;
        }
        match part.form() {
            Form::OneOrMore(inner) | Form::List(inner) => waiting.push(inner),
            Form::Group(parts) | Form::Interleave(parts) | Form::Choice(parts) => waiting.extend(parts),
            Form::Attribute { .. } | Form::Element { .. } | Form::Value(_) | Form::Data | Form::Text => {
                found.push(part);
            }
            Form::NotAllowed | Form::Empty => {}
        }
    }
    found
}

/// The words that a value can be.
fn words(value: Part<'_>) -> Vec<&str> {
    let mut words = Vec::new();
    for part in leaves(value) {
        if let Form::Value(word) = part.form() {
            words.push(word);
        }
    }
    words
}

/// Whether a content is a text or value.
pub fn has_text(content: Part<'_>) -> bool {
    leaves(content).into_iter().any(|part| matches!(part.form(), Form::Value(_) | Form::Data))
}
