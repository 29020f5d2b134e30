//! Children of valid documents in other orders.

use virtc_diag::Span;
use virtc_xml::{Document, Element};

use super::corpus::well_formed;
use super::edit::{Edit, apply, elements, insert};
use super::random::Random;
use super::vocabulary::Vocabulary;

/// How many children are put in next to those that are there, at most.
const GRAFTS: usize = 4;
/// How many elements get another order of children, at most.
const ORDERS: usize = 3;

/// `document` with some children more, as they are elsewhere, and other orders of children; `None` where nothing came
/// of it. It may turn out to be invalid.
pub fn reordered(document: &Document, words: &Vocabulary, random: &mut Random) -> Option<String> {
    let mut text = document.source().text().to_owned();
    let grafts = if random.once_in(2) { 0 } else { 1 + random.below(GRAFTS) };
    for _ in 0..grafts {
        text = edited(&text, |document| graft(document, words, random)).unwrap_or(text);
    }
    let orders = 1 + random.below(ORDERS);
    for _ in 0..orders {
        text = edited(&text, |document| order(document, random)).unwrap_or(text);
    }
    (text != document.source().text()).then_some(text)
}

/// The text with edits made; `None` where there are none, or no XML is left.
fn edited(text: &str, edits: impl FnOnce(&Document) -> Option<Vec<Edit>>) -> Option<String> {
    let document = well_formed("before", text)?;
    let new = apply(text, edits(&document)?);
    well_formed("after", &new).map(|_| new)
}

/// A child that the element does not have yet.
fn graft(document: &Document, words: &Vocabulary, random: &mut Random) -> Option<Vec<Edit>> {
    let all = elements(document);
    // Half of them into the root, where most orders are.
    let to = if random.once_in(2) { document.root()? } else { *random.pick(&all)? };
    let new = random.pick(words.children.get(to.name())?)?;
    let known = |child: Element<'_>| new.get(1..).is_some_and(|rest| rest.starts_with(child.name()));
    (!to.children().any(known)).then(|| vec![insert(to, new, random.once_in(2))])
}

/// The children of one element in any order, or one of them in another place.
fn order(document: &Document, random: &mut Random) -> Option<Vec<Edit>> {
    let parents: Vec<_> = elements(document).into_iter().filter(|e| e.children().nth(1).is_some()).collect();
    let parent = if random.once_in(3) { document.root()? } else { *random.pick(&parents)? };
    let spans: Vec<Span> = parent.children().map(Element::span).collect();
    let mut order = spans.clone();
    if random.once_in(2) {
        random.shuffle(&mut order);
    } else if let Some(last) = order.len().checked_sub(1) {
        let moved = order.remove(random.below(last + 1));
        order.insert(random.below(last + 1), moved);
    }
    let texts = order.into_iter().map(|span| document.source().slice(span).to_owned());
    Some(spans.iter().copied().zip(texts).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::corpus::Case;

    #[test]
    fn nothing_is_lost() {
        let text = "<a><b/><c><d/><e/></c><f/></a>";
        let case = Case { path: "t".into(), document: well_formed("t", text).unwrap() };
        let words = Vocabulary::of(std::slice::from_ref(&case));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let Some(new) = reordered(&case.document, &words, &mut Random::new(seed)) else { continue };
            let document = well_formed("new", &new).unwrap();
            let names = |document: &Document| -> std::collections::BTreeSet<String> {
                elements(document).into_iter().map(|e| e.name().to_owned()).collect()
            };
            assert_eq!(names(&document), names(&case.document), "{new}");
            seen.insert(new);
        }
        assert!(seen.len() > 10);
    }
}
