//! Random changes to a well-formed document, most of which leave it nearly valid.

use virtc_diag::Span;
use virtc_xml::{Document, Element};

use super::corpus::well_formed;
use super::edit::{self, Edit, apply, attributes, elements};
use super::random::Random;
use super::vocabulary::Vocabulary;

/// Values that a lexical rule may be wrong about, as they are written in a file.
const ODD: &[&str] = &[
    "",
    " ",
    "0",
    "-0",
    "+1",
    "-1",
    "00",
    "007",
    "1.0",
    "1e3",
    "0x10",
    "0X1F",
    "0xg",
    "255",
    "256",
    "65535",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "yes",
    "no",
    "on",
    "off",
    "Yes",
    "true",
    "1 2",
    "1,2",
    "0-3,^2",
    "a b",
    "/",
    "/a b",
    "relative/path",
    "//x",
    "/\u{e9}",
    "a/b",
    "ab:cd",
    "::1",
    "127.0.0.1",
    "300.1.1.1",
    "52:54:00:00:00:01",
    "52:54:00:00:00",
    "0000:00:01.0",
    "5cd3bf02-0da7-11ec-82a8-0242ac130003",
    "5cd3bf020da711ec82a80242ac130003",
    "\u{a0}",
    "&#9;1",
    "1&#10;",
    "&lt;",
    "&amp;",
    "&#x10000;",
    "\u{fc}n\u{ef}",
    "KiB",
    "kib",
    "virtio",
    "vda",
    "hd",
    "none",
    "default",
    "x.y",
    "-",
    "_",
    ".",
    "a=b",
];

/// Text where none is expected, some of it no text at all.
const STRAY: &[&str] = &[
    "text",
    " ",
    "\n  ",
    "1",
    "&#32;",
    "&#160;",
    "<![CDATA[]]>",
    "<![CDATA[ ]]>",
    "<![CDATA[x]]>",
    "<!-- c -->",
    "<?p i?>",
    "\u{200b}",
    "&gt;",
];

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An element away.
    Drop,
    /// An element twice.
    Repeat,
    /// An element with another name.
    Rename,
    /// An element in another place.
    QmpAction,
    /// The children of an element in another order.
    Shuffle,
    /// An element of another document.
    Graft,
    /// An attribute away.
    DropAttribute,
    /// An attribute with another name.
    RenameAttribute,
    /// An attribute more.
    AddAttribute,
    /// The value of a like-named attribute.
    SwapValue,
    /// The text of a like-named element.
    SwapText,
    /// An odd value.
    OddValue,
    /// An odd text.
    OddText,
    /// One character of a value changed.
    Nudge,
    /// Text between elements.
    Stray,
}

/// Each kind as often as it is drawn.
const KINDS: &[Kind] = &[
    Kind::Drop,
    Kind::Drop,
    Kind::Repeat,
    Kind::Rename,
    Kind::QmpAction,
    Kind::QmpAction,
    Kind::Shuffle,
    Kind::Shuffle,
    Kind::Graft,
    Kind::Graft,
    Kind::Graft,
    Kind::DropAttribute,
    Kind::DropAttribute,
    Kind::RenameAttribute,
    Kind::AddAttribute,
    Kind::AddAttribute,
    Kind::SwapValue,
    Kind::SwapValue,
    Kind::SwapValue,
    Kind::SwapText,
    Kind::SwapText,
    Kind::OddValue,
    Kind::OddValue,
    Kind::OddText,
    Kind::Nudge,
    Kind::Nudge,
    Kind::Stray,
];

/// A changed document.
pub struct Mutant {
    /// The text.
    pub text: String,
    /// The changes, in order.
    pub kinds: Vec<Kind>,
}

/// A mutant of `document` with `changes` changes, each to the outcome of the one before; `None` where nothing came of
/// it.
pub fn mutate(document: &Document, words: &Vocabulary, changes: usize, random: &mut Random) -> Option<Mutant> {
    let mut mutant = Mutant { text: document.source().text().to_owned(), kinds: Vec::new() };
    let mut current = well_formed("mutant", &mutant.text)?;
    for _ in 0..changes.saturating_mul(8) {
        if mutant.kinds.len() == changes {
            break;
        }
        let Some(kind) = random.pick(KINDS).copied() else { break };
        let Some(edits) = change(kind, &current, words, random) else { continue };
        let text = apply(&mutant.text, edits);
        // A change can leave no XML behind: an attribute twice, a prefix out of its scope.
        let Some(next) = well_formed("mutant", &text).filter(|_| text != mutant.text) else { continue };
        mutant.kinds.push(kind);
        mutant.text = text;
        current = next;
    }
    (!mutant.kinds.is_empty()).then_some(mutant)
}

fn change(kind: Kind, document: &Document, words: &Vocabulary, random: &mut Random) -> Option<Vec<Edit>> {
    let all = elements(document);
    // The root stays, but for its name and attributes.
    let inner = all.get(1..).unwrap_or_default();
    match kind {
        Kind::Drop => Some(vec![(random.pick(inner)?.span(), String::new())]),
        Kind::Repeat => {
            let element = *random.pick(inner)?;
            Some(vec![(beside(element, random)?, document.source().slice(element.span()).to_owned())])
        }
        Kind::Rename => {
            let from = if random.once_in(200) { &all } else { inner };
            let element = *random.pick(from)?;
            let sibling = random.pick(inner)?.name();
            let name = if random.once_in(2) { sibling } else { random.pick(&words.elements)? };
            Some(edit::rename(element, name))
        }
        Kind::QmpAction => {
            let element = *random.pick(inner)?;
            let to = if random.once_in(2) { element.parent()? } else { *random.pick(&all)? };
            let into = into(to, document.source().slice(element.span()), random);
            (!element.span().contains(into.0)).then(|| vec![(element.span(), String::new()), into])
        }
        Kind::Shuffle => {
            let parents: Vec<_> = all.iter().filter(|element| element.children().nth(1).is_some()).collect();
            let spans: Vec<Span> = random.pick(&parents)?.children().map(Element::span).collect();
            let mut order: Vec<String> = spans.iter().map(|span| document.source().slice(*span).to_owned()).collect();
            random.shuffle(&mut order);
            Some(spans.into_iter().zip(order).collect())
        }
        Kind::Graft => {
            let to = *random.pick(&all)?;
            let from = words.children.get(to.name()).or_else(|| words.children.get(to.parent()?.name()))?;
            let new = random.pick(from)?;
            Some(vec![into(to, new, random)])
        }
        Kind::Stray => {
            let text = random.pick(STRAY)?;
            let to = *random.pick(&all)?;
            Some(vec![into(to, text, random)])
        }
        Kind::SwapText | Kind::OddText => {
            let leaves: Vec<_> = inner.iter().filter(|element| element.children().next().is_none()).collect();
            let leaf = **random.pick(&leaves)?;
            let new = if kind == Kind::OddText {
                random.pick(ODD)?
            } else {
                random.pick(words.texts.get(leaf.name())?)?.as_str()
            };
            if edit::is_empty_tag(leaf) || leaf.text().trim().is_empty() {
                return Some(vec![edit::insert(leaf, new, true)]);
            }
            Some(vec![(leaf.text_span(), new.to_owned())])
        }
        Kind::DropAttribute
        | Kind::RenameAttribute
        | Kind::AddAttribute
        | Kind::SwapValue
        | Kind::OddValue
        | Kind::Nudge => change_attribute(kind, document, words, random),
    }
}

fn change_attribute(kind: Kind, document: &Document, words: &Vocabulary, random: &mut Random) -> Option<Vec<Edit>> {
    if kind == Kind::AddAttribute {
        let element = *random.pick(&elements(document))?;
        let (name, value) = match words.of_element.get(element.name()) {
            Some(known) if !random.once_in(4) => random.pick(known)?.clone(),
            _ => {
                let name = random.pick(&words.attributes)?;
                (name.clone(), random.pick(words.values.get(name)?)?.clone())
            }
        };
        return Some(vec![edit::add_attribute(element, &format!("{name}=\"{value}\""))]);
    }
    let (element, attribute) = *random.pick(&attributes(document))?;
    let value = document.source().slice(attribute.value_span());
    Some(vec![match kind {
        Kind::DropAttribute => edit::drop_attribute(attribute, document),
        Kind::RenameAttribute => {
            let known = words.of_element.get(element.name()).filter(|_| random.once_in(2));
            let name = match known {
                Some(known) => &random.pick(known)?.0,
                None => random.pick(&words.attributes)?,
            };
            (attribute.name_span(), name.clone())
        }
        Kind::SwapValue => (attribute.value_span(), random.pick(words.values.get(attribute.name())?)?.clone()),
        Kind::OddValue => (attribute.value_span(), (*random.pick(ODD)?).to_owned()),
        Kind::Drop
        | Kind::Repeat
        | Kind::Rename
        | Kind::QmpAction
        | Kind::Shuffle
        | Kind::Graft
        | Kind::AddAttribute
        | Kind::SwapText
        | Kind::OddText
        | Kind::Nudge
        | Kind::Stray => (attribute.value_span(), nudged(value, random)),
    }])
}

/// A place right before or after an element.
fn beside(element: Element<'_>, random: &mut Random) -> Option<Span> {
    element.parent()?;
    let range = element.span().range();
    Some(Span::at(if random.once_in(2) { range.start } else { range.end }))
}

/// `new` somewhere among the children of `element`.
fn into(element: Element<'_>, new: &str, random: &mut Random) -> Edit {
    let children: Vec<_> = element.children().collect();
    match random.pick(&children) {
        Some(child) if !random.once_in(3) => (Span::at(child.span().range().start), new.to_owned()),
        _ => edit::insert(element, new, random.once_in(2)),
    }
}

/// A value with a character less, more, in capitals, or twice.
fn nudged(value: &str, random: &mut Random) -> String {
    // References stay whole.
    if value.contains('&') {
        return format!("{value} ");
    }
    let mut letters: Vec<char> = value.chars().collect();
    let at = random.below(letters.len());
    match (random.below(5), letters.get(at).copied()) {
        (0, Some(_)) => drop(letters.remove(at)),
        (1, Some(letter)) => letters.insert(at, letter),
        (2, Some(letter)) => {
            letters.splice(at..=at, letter.to_uppercase());
        }
        (3, Some(_)) => letters.insert(at, ' '),
        _ => letters.push('0'),
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::corpus::Case;

    const TEXT: &str = "<a x='1'><b y='2'>t</b><b y='3'>u</b><c z='&lt;'><d/></c><p:e xmlns:p='u'><p:f/></p:e></a>";

    fn case() -> Case {
        Case { path: "t".into(), document: well_formed("t", TEXT).unwrap() }
    }

    #[test]
    fn mutants_are_well_formed_and_come_again() {
        let case = case();
        let words = Vocabulary::of(std::slice::from_ref(&case));
        let make = |seed| mutate(&case.document, &words, 3, &mut Random::new(seed)).unwrap();
        let mut seen = Vec::new();
        for seed in 0..400 {
            let mutant = make(seed);
            assert_eq!(mutant.text, make(seed).text);
            assert_ne!(mutant.text, TEXT);
            assert!(well_formed("m", &mutant.text).is_some(), "{}", mutant.text);
            seen.extend(mutant.kinds);
        }
        for kind in KINDS {
            assert!(seen.contains(kind), "{kind:?} never comes");
        }
    }
}
