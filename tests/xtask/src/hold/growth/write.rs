//! Elements and values by the grammar, as text.

use virtc_rng::{Form, Part};

use super::super::random::Random;
use super::coverage::{Coverage, holder};
use super::values::Values;

/// Elements inside each other get nothing optional below this depth.
const DEEP: usize = 3;
/// Nothing is written below this depth.
const DEEPEST: usize = 12;

/// Writes one addition.
pub struct Writer<'w> {
    values: &'w Values,
    coverage: &'w Coverage,
    /// What is drawn from.
    pub random: &'w mut Random,
    used: Vec<String>,
}

/// What is in an element so far.
#[derive(Default)]
struct Content {
    attributes: Vec<(String, String)>,
    text: String,
}

impl<'w> Writer<'w> {
    /// A writer that prefers what `coverage` has least of.
    pub fn new(values: &'w Values, coverage: &'w Coverage, random: &'w mut Random) -> Self {
        Self { values, coverage, random, used: Vec::new() }
    }

    /// The keys of all that was written.
    pub fn finish(self) -> Vec<String> {
        self.used
    }

    fn tried(&self, key: &str) -> usize {
        let used = self.used.iter().filter(|found| *found == key).count();
        used + usize::try_from(self.coverage.tried(key)).unwrap_or(usize::MAX / 2)
    }

    /// A value for what has this key and name.
    pub fn value(&mut self, key: &str, name: &str, part: Part<'_>) -> Option<String> {
        let mut words = Vec::new();
        self.words(key, name, part, &mut words)?;
        Some(words.join(" "))
    }

    fn words(&mut self, key: &str, name: &str, part: Part<'_>, out: &mut Vec<String>) -> Option<()> {
        match part.form() {
            Form::Value(word) => {
                self.used.push(format!("{key}={word}"));
                out.push(word.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;"));
            }
            Form::Data => {
                self.used.push(format!("{key}=<data>"));
                out.push(self.values.draw(part, name, self.random)?);
            }
            Form::Text => out.push(self.values.draw(part, name, self.random).unwrap_or_default()),
            Form::Choice(parts) => {
                let parts: Vec<Part<'_>> =
                    parts.into_iter().filter(|part| !matches!(part.form(), Form::Empty)).collect();
                let tried = |writer: &Self, part: &Part<'_>| match part.form() {
                    Form::Value(word) => writer.tried(&format!("{key}={word}")),
                    Form::NotAllowed
                    | Form::Empty
                    | Form::Text
                    | Form::Data
                    | Form::List(_)
                    | Form::Attribute { .. }
                    | Form::Element { .. }
                    | Form::OneOrMore(_)
                    | Form::Group(_)
                    | Form::Interleave(_)
                    | Form::Choice(_) => writer.tried(&format!("{key}=<data>")),
                };
                let least = parts.iter().map(|part| tried(self, part)).min()?;
                let parts: Vec<Part<'_>> = parts.into_iter().filter(|part| tried(self, part) == least).collect();
                let part = *self.random.pick(&parts)?;
                self.words(key, name, part, out)?;
            }
            Form::List(inner) => self.words(key, name, inner, out)?,
            Form::OneOrMore(inner) => {
                self.words(key, name, inner, out)?;
                if self.random.once_in(2) {
                    self.words(key, name, inner, out)?;
                }
            }
            Form::Group(parts) | Form::Interleave(parts) => {
                for part in parts.into_iter().filter(|part| !matches!(part.form(), Form::Attribute { .. })) {
                    self.words(key, name, part, out)?;
                }
            }
            Form::NotAllowed | Form::Empty | Form::Attribute { .. } | Form::Element { .. } => {}
        }
        Some(())
    }

    /// A whole element of `part`.
    pub fn element(&mut self, parent: &str, part: Part<'_>) -> Option<String> {
        self.element_at(parent, part, 0)
    }

    fn element_at(&mut self, parent: &str, part: Part<'_>, depth: usize) -> Option<String> {
        let Form::Element { names, content } = part.form() else { return None };
        let (space, name) = *self.random.pick(&names)?;
        if depth > DEEPEST {
            return None;
        }
        let key = holder(parent, name);
        self.used.push(key.clone());
        let mut inside = Content::default();
        self.content(&key, name, content, depth, &mut inside)?;
        let mut tag = name.to_owned();
        if !space.is_empty() {
            // The last part but one of libvirt's namespaces is the name of the driver.
            let prefix = space.rsplit('/').nth(1).unwrap_or("n");
            tag = format!("{prefix}:{name}");
            inside.attributes.push((format!("xmlns:{prefix}"), space.to_owned()));
        }
        let attributes: Vec<String> =
            inside.attributes.iter().map(|(name, value)| format!(" {name}='{value}'")).collect();
        let attributes = attributes.concat();
        Some(if inside.text.is_empty() {
            format!("<{tag}{attributes}/>")
        } else {
            format!("<{tag}{attributes}>{}</{tag}>", inside.text)
        })
    }

    fn content(&mut self, key: &str, name: &str, part: Part<'_>, depth: usize, out: &mut Content) -> Option<()> {
        match part.form() {
            Form::Empty => {}
            Form::NotAllowed => return None,
            Form::Text | Form::Data | Form::Value(_) | Form::List(_) => {
                let text = self.value(key, name, part)?;
                out.text.push_str(&text);
            }
            Form::Attribute { names, value } => {
                let (_, attribute) = *self.random.pick(&names)?;
                let key = format!("{key}@{attribute}");
                let value = self.value(&key, attribute, value)?;
                self.used.push(key);
                if out.attributes.iter().all(|(found, _)| found != attribute) {
                    out.attributes.push((attribute.to_owned(), value));
                }
            }
            Form::Element { .. } => {
                let text = self.element_at(name, part, depth + 1)?;
                out.text.push_str(&text);
            }
            Form::OneOrMore(inner) => {
                self.content(key, name, inner, depth, out)?;
                if depth < DEEP && self.random.once_in(4) {
                    self.content(key, name, inner, depth, out)?;
                }
            }
            Form::Group(parts) | Form::Interleave(parts) => {
                for part in parts {
                    self.content(key, name, part, depth, out)?;
                }
            }
            Form::Choice(parts) => {
                let optional = parts.iter().any(|part| matches!(part.form(), Form::Empty));
                if optional && (depth >= DEEP || !self.random.once_in(5 + depth)) {
                    return Some(());
                }
                let parts: Vec<Part<'_>> =
                    parts.into_iter().filter(|part| !matches!(part.form(), Form::Empty)).collect();
                let tried = |writer: &Self, part: &Part<'_>| match part.form() {
                    Form::Value(word) => writer.tried(&format!("{key}={word}")),
                    Form::NotAllowed
                    | Form::Empty
                    | Form::Text
                    | Form::Data
                    | Form::List(_)
                    | Form::Attribute { .. }
                    | Form::Element { .. }
                    | Form::OneOrMore(_)
                    | Form::Group(_)
                    | Form::Interleave(_)
                    | Form::Choice(_) => writer.tried(&format!("{key}#{}", part.number())),
                };
                let least = parts.iter().map(|part| tried(self, part)).min()?;
                let parts: Vec<Part<'_>> = parts.into_iter().filter(|part| tried(self, part) == least).collect();
                let part = *self.random.pick(&parts)?;
                self.used.push(format!("{key}#{}", part.number()));
                self.content(key, name, part, depth, out)?;
            }
        }
        Some(())
    }
}
