//! Documents with a single fault, made from valid ones, and where the fault is.

use std::ops::RangeInclusive;

use virtc_diag::Span;
use virtc_xml::{Document, Element};

use super::edit::{self, Edit, apply, attributes, elements, local};
use super::random::Random;

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A typing error in an element's name.
    ElementTypo,
    /// A typing error in an attribute's name.
    AttributeTypo,
    /// A value or a text that is none.
    BadValue,
    /// An attribute away.
    MissingAttribute,
    /// An attribute that does not exist.
    UnknownAttribute,
    /// An element that does not exist.
    UnknownElement,
    /// Text between elements.
    StrayText,
}

/// All kinds.
pub const KINDS: [Kind; 7] = [
    Kind::ElementTypo,
    Kind::AttributeTypo,
    Kind::BadValue,
    Kind::MissingAttribute,
    Kind::UnknownAttribute,
    Kind::UnknownElement,
    Kind::StrayText,
];

/// A document with one fault.
pub struct Fault {
    /// What was done.
    pub kind: Kind,
    /// The text.
    pub text: String,
    /// The name or value that is at fault; of a missing attribute the name of its element.
    pub span: Span,
    /// The lines on which a message is right: those of the text, or of the start tag that holds the name or value.
    pub lines: RangeInclusive<u32>,
    /// What was there before a typing error.
    pub original: Option<String>,
}

impl Kind {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::ElementTypo => "typo in an element's name",
            Self::AttributeTypo => "typo in an attribute's name",
            Self::BadValue => "bad value",
            Self::MissingAttribute => "missing attribute",
            Self::UnknownAttribute => "unknown attribute",
            Self::UnknownElement => "unknown element",
            Self::StrayText => "stray text",
        }
    }
}

const UNKNOWN: &[&str] = &["foobar", "x-note", "extraInfo", "qqq", "colour-scheme", "zzz"];
const BAD: &[&str] = &["@nonsense@", "", "-17", "not a value", "%%", "???"];
const STRAY: &[&str] = &["stray", "oops", ">", "some words", "1"];

/// A document like `document` with one fault of this kind somewhere, which may turn out to be none: the grammar
/// decides.
pub fn make(document: &Document, kind: Kind, random: &mut Random) -> Option<Fault> {
    let all = elements(document);
    let element = *random.pick(&all)?;
    let found = attributes(document);
    match kind {
        Kind::ElementTypo => {
            let typo = misspelt(element.name(), random)?;
            let name = element.name_span();
            let edits = edit::rename(element, &typo);
            // The name with its prefix.
            let len = name.range().len() - element.name().len() + typo.len();
            fault(kind, element, name, len, edits, Some(element.name()))
        }
        Kind::AttributeTypo => {
            let (element, attribute) = *random.pick(&found)?;
            let typo = misspelt(attribute.name(), random).filter(|typo| element.attribute(typo).is_none())?;
            let span = local(document, attribute.name_span());
            let edits = vec![(span, typo.clone())];
            fault(kind, element, span, typo.len(), edits, Some(attribute.name()))
        }
        Kind::BadValue => {
            let bad = random.pick(BAD)?;
            if random.once_in(4) {
                let texts: Vec<_> = all.iter().filter(|leaf| leaf.children().next().is_none()).collect();
                let leaf = **random.pick(&texts)?;
                if bad.is_empty() || leaf.text().trim().is_empty() {
                    return None;
                }
                let span = leaf.text_span();
                return fault(kind, leaf, span, bad.len(), vec![(span, (*bad).to_owned())], None);
            }
            let (element, attribute) = *random.pick(&found)?;
            let span = attribute.value_span();
            fault(kind, element, span, bad.len(), vec![(span, (*bad).to_owned())], None)
        }
        Kind::MissingAttribute => {
            let (element, attribute) = *random.pick(&found)?;
            let edits = vec![edit::drop_attribute(attribute, document)];
            let name = element.name_span();
            fault(kind, element, name, name.range().len(), edits, None)
        }
        Kind::UnknownAttribute => {
            let name = random.pick(UNKNOWN)?;
            let edit = edit::add_attribute(element, &format!("{name}='1'"));
            let span = Span::at(edit.0.range().start + 1);
            fault(kind, element, span, name.len(), vec![edit], None)
        }
        Kind::UnknownElement => {
            let name = random.pick(UNKNOWN)?;
            let (at, new) = edit::insert(element, &format!("<{name}/>"), random.once_in(2));
            let span = Span::at(at.range().start + new.find(name)?);
            fault(kind, element, span, name.len(), vec![(at, new)], None)
        }
        Kind::StrayText => {
            let parent = element.parent()?;
            let text = random.pick(STRAY)?;
            let at = Span::at(element.span().range().start);
            fault(kind, parent, at, text.len(), vec![(at, (*text).to_owned())], None)
        }
    }
}

/// Makes the edits. `span` is the place before them, and `len` the length of what is there afterwards; nothing
/// before it changes.
fn fault(
    kind: Kind,
    element: Element<'_>,
    span: Span,
    len: usize,
    edits: Vec<Edit>,
    original: Option<&str>,
) -> Option<Fault> {
    let before = element.document().source();
    let text = apply(before.text(), edits);
    let span = Span::new(span.range().start..span.range().start + len);
    let in_tag = element.start_tag().contains(Span::at(span.range().start));
    let document = super::corpus::well_formed("fault", &text)?;
    let source = document.source();
    // The tag as it is now: the element that begins at the same byte.
    let tag = elements(&document).into_iter().find(|found| found.span().start == element.span().start)?.start_tag();
    let place = if in_tag && kind != Kind::UnknownElement { tag } else { span };
    let lines = source.line_column(place.start).line..=source.line_column(place.end.max(1) - 1).line;
    Some(Fault { kind, text, span, lines, original: original.map(str::to_owned) })
}

/// A word with one typing error: a letter left out, doubled, changed, or two in the wrong order; `None` for a word of
/// two letters or less, which nobody could recognise.
pub fn misspelt(word: &str, random: &mut Random) -> Option<String> {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 3 {
        return None;
    }
    let at = 1 + random.below(letters.len() - 1);
    match random.below(4) {
        0 => drop(letters.remove(at)),
        1 => letters.insert(at, *letters.get(at)?),
        2 => letters.swap(at - 1, at),
        _ => *letters.get_mut(at)? = *random.pick(&['a', 'e', 'i', 'n', 'r', 't', 'x'])?,
    }
    let typo: String = letters.into_iter().collect();
    (typo != word).then_some(typo)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::corpus::well_formed;

    const TEXT: &str = "<alpha>\n  <beta gamma='1'\n    delta='2'/>\n  <omega>text</omega>\n</alpha>\n";

    #[test]
    fn the_span_is_that_of_the_fault() {
        let document = well_formed("t", TEXT).unwrap();
        let mut random = Random::new(5);
        for kind in KINDS {
            let mut made = 0;
            for _ in 0..200 {
                let Some(fault) = make(&document, kind, &mut random) else { continue };
                made += 1;
                let word = fault.text.get(fault.span.range()).unwrap();
                let fine = match kind {
                    Kind::ElementTypo | Kind::AttributeTypo => {
                        let original = fault.original.as_deref().unwrap();
                        TEXT.contains(original) && word != original && strsim_at_most_two(word, original)
                    }
                    Kind::BadValue => BAD.contains(&word),
                    Kind::MissingAttribute => word == "beta",
                    Kind::UnknownAttribute | Kind::UnknownElement => UNKNOWN.contains(&word),
                    Kind::StrayText => STRAY.contains(&word),
                };
                assert!(fine, "{kind:?} `{word}` in {}", fault.text);
                let line = u32::try_from(fault.text.get(..fault.span.range().start).unwrap().lines().count()).unwrap();
                assert!(fault.lines.contains(&line.max(1)), "{kind:?} {:?} {}", fault.lines, fault.text);
            }
            assert!(made > 20, "{kind:?}");
        }
    }

    /// Whether the letters differ in at most two places, or one is missing.
    fn strsim_at_most_two(one: &str, other: &str) -> bool {
        let same_start = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        let same_end = one.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).count();
        same_start + same_end + 2 >= one.len().max(other.len())
    }

    #[test]
    fn short_words_are_left_alone() {
        assert_eq!(misspelt("os", &mut Random::new(1)), None);
    }
}
