//! Additions to a valid document that the grammar permits where they are put.

pub mod coverage;
mod values;
mod write;

use virtc_diag::Span;
use virtc_rng::{Form, Part, Schema, Validator};
use virtc_xml::{Attribute, Document, Element};

use super::corpus::{Case, well_formed};
use super::edit::{self, Edit, apply, elements};
use super::random::Random;
use coverage::{Coverage, holder};
use values::Values;
use write::Writer;

/// At how many elements of a document something is looked for.
const PLACES: usize = 12;
/// How often a document is tried.
const TRIES: usize = 24;

/// A document with an addition.
pub struct Grown {
    /// The text.
    pub text: String,
    /// What was put in or changed: the path of the element, then `@name=value`, `/name` or `=text`.
    pub what: String,
}

/// What a document can be given.
enum Change<'d, 's> {
    Attribute(Element<'d>, Part<'s>),
    Child(Element<'d>, Part<'s>),
    Value(Attribute<'d>, Vec<Part<'s>>),
    Text(Element<'d>, Vec<Part<'s>>),
}

/// Makes additions, of each name and value as often as of the others.
pub struct Growth<'s> {
    schema: &'s Schema,
    validator: Validator<'s>,
    values: Values,
    coverage: Coverage,
}

impl<'s> Growth<'s> {
    /// Additions by `schema`, with values as they are in `cases`.
    pub fn new(schema: &'s Schema, cases: &[Case]) -> Self {
        let coverage = Coverage::of(schema);
        Self { schema, validator: schema.validator(), values: Values::of(cases), coverage }
    }

    /// How many of the names and values of the grammar were put in so far, and which were not.
    pub fn coverage(&self) -> (String, Vec<&str>) {
        (self.coverage.to_string(), self.coverage.never())
    }

    /// A document with one addition, which is valid; `None` where none was found.
    pub fn grow(&mut self, document: &Document, random: &mut Random) -> Option<Grown> {
        let all = elements(document);
        for _ in 0..TRIES {
            let mut changes = Vec::new();
            for _ in 0..PLACES {
                changes.extend(self.changes(*random.pick(&all)?));
            }
            let least = changes.iter().map(|(key, _)| self.coverage.tried(key)).min()?;
            changes.retain(|(key, _)| self.coverage.tried(key) == least);
            let (key, change) = random.pick(&changes)?;
            self.coverage.try_one(key);
            if let Some(grown) = self.make(document, key, change, random) {
                return Some(grown);
            }
        }
        None
    }

    /// All that can be done at an element, with the keys of it.
    fn changes<'d>(&self, element: Element<'d>) -> Vec<(String, Change<'d, 's>)> {
        let Some(permitted) = self.schema.permitted(element) else { return Vec::new() };
        let holder = holder(element.parent().map_or("", |parent| parent.name()), element.name());
        let mut changes = Vec::new();
        for part in permitted.missing {
            let Form::Attribute { names, .. } = part.form() else { continue };
            let new = names.iter().filter(|(_, name)| element.attributes().all(|found| found.name() != *name));
            changes.extend(new.map(|(_, name)| (format!("{holder}@{name}"), Change::Attribute(element, part))));
        }
        for part in permitted.children {
            let Form::Element { names, .. } = part.form() else { continue };
            let children =
                names.iter().map(|(_, name)| (format!("{}/{name}", element.name()), Change::Child(element, part)));
            changes.extend(children);
        }
        for attribute in element.attributes() {
            let named = |part: &Part<'s>| match part.form() {
                Form::Attribute { names, value } => {
                    names.iter().any(|(_, name)| *name == attribute.name()).then_some(value)
                }
                Form::NotAllowed
                | Form::Empty
                | Form::Text
                | Form::Data
                | Form::Value(_)
                | Form::List(_)
                | Form::Element { .. }
                | Form::OneOrMore(_)
                | Form::Group(_)
                | Form::Interleave(_)
                | Form::Choice(_) => None,
            };
            let values: Vec<Part<'s>> = permitted.attributes.iter().filter_map(named).collect();
            if !values.is_empty() {
                changes.push((format!("{holder}@{}", attribute.name()), Change::Value(attribute, values)));
            }
        }
        let texts: Vec<Part<'s>> = permitted.contents.into_iter().filter(|part| coverage::has_text(*part)).collect();
        if !texts.is_empty() && element.children().next().is_none() {
            changes.push((holder, Change::Text(element, texts)));
        }
        changes
    }

    fn make(&mut self, document: &Document, key: &str, change: &Change<'_, 's>, random: &mut Random) -> Option<Grown> {
        let mut writer = Writer::new(&self.values, &self.coverage, random);
        let (element, said, edits): (Element<'_>, String, Vec<Vec<Edit>>) = match change {
            Change::Attribute(element, part) => {
                let Form::Attribute { names, value } = part.form() else { return None };
                let name = names.iter().map(|(_, name)| *name).find(|name| key.ends_with(&format!("@{name}")))?;
                let value = writer.value(key, name, value)?;
                let said = format!("@{name}={value}");
                (*element, said, vec![vec![edit::add_attribute(*element, &format!("{name}='{value}'"))]])
            }
            Change::Child(element, part) => {
                let said = key.trim_start_matches(element.name()).to_owned();
                let text = writer.element(element.name(), *part)?;
                let mut edits =
                    vec![vec![edit::insert(*element, &text, true)], vec![edit::insert(*element, &text, false)]];
                let children: Vec<_> = element.children().collect();
                edits.extend(
                    writer
                        .random
                        .pick(&children)
                        .map(|child| vec![(Span::at(child.span().range().start), text.clone())]),
                );
                let same = children.iter().find(|child| said.strip_prefix('/') == Some(child.name()));
                edits.extend(same.map(|child| vec![(child.span(), text)]));
                (*element, said, edits)
            }
            Change::Value(attribute, values) => {
                let part = *writer.random.pick(values)?;
                let value = writer.value(key, attribute.name(), part)?;
                let element = elements(document)
                    .into_iter()
                    .find(|found| found.start_tag().range().contains(&attribute.span().range().start))?;
                (element, format!("@{}={value}", attribute.name()), vec![vec![(attribute.value_span(), value)]])
            }
            Change::Text(element, values) => {
                let part = *writer.random.pick(values)?;
                let text = writer.value(key, element.name(), part)?;
                let empty = edit::is_empty_tag(*element) || element.text().trim().is_empty();
                let edit =
                    if empty { edit::insert(*element, &text, true) } else { (element.text_span(), text.clone()) };
                (*element, format!("={text}"), vec![vec![edit]])
            }
        };
        let used = writer.finish();
        for key in &used {
            self.coverage.try_one(key);
        }
        let texts = edits.into_iter().map(|edits| apply(document.source().text(), edits));
        for text in texts.filter(|text| text != document.source().text()) {
            let Some(grown) = well_formed("grown", &text) else { continue };
            if self.validator.is_valid(&grown) {
                self.coverage.put(key);
                for key in &used {
                    self.coverage.put(key);
                }
                return Some(Grown { text, what: format!("{}{said}", path(element)) });
            }
        }
        None
    }
}

/// The names of the elements around an element and its own.
fn path(element: Element<'_>) -> String {
    let mut names = vec![element.name()];
    let mut at = element;
    while let Some(parent) = at.parent() {
        names.push(parent.name());
        at = parent;
    }
    names.reverse();
    format!("/{}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<domain type='kvm'><name>a</name><memory unit='KiB'>4096</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
        <devices><disk type='file'><target dev='vda'/></disk><memballoon model='none'/></devices></domain>";

    #[test]
    fn what_is_grown_is_valid_and_comes_again() {
        let case = Case { path: "t".into(), document: well_formed("t", TEXT).unwrap() };
        let schema = virtc_schemas::domain();
        let run = || {
            let mut growth = Growth::new(schema, std::slice::from_ref(&case));
            let mut random = Random::new(7);
            let grown: Vec<Grown> = (0..60).filter_map(|_| growth.grow(&case.document, &mut random)).collect();
            (grown.into_iter().map(|grown| (grown.text, grown.what)).collect::<Vec<_>>(), growth.coverage().0)
        };
        let (grown, coverage) = run();
        assert_eq!((grown.clone(), coverage), run());
        assert!(grown.len() > 50, "{}", grown.len());
        for (text, what) in &grown {
            assert!(schema.validator().is_valid(&well_formed("m", text).unwrap()), "{what}: {text}");
            assert_ne!(text, TEXT);
        }
        let mut kinds: Vec<&str> = grown.iter().map(|(_, what)| what.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert!(kinds.len() > 45, "{kinds:?}");
    }
}
