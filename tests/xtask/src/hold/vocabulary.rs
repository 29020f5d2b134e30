//! What is where in a set of documents: the raw material of mutants.

use std::collections::{BTreeMap, BTreeSet};

use super::corpus::Case;
use super::edit::elements;

/// Names, values and subtrees, each list sorted and without repetition. Values are as they are written, with
/// references.
#[derive(Default)]
pub struct Vocabulary {
    /// The local names of elements.
    pub elements: Vec<String>,
    /// The names of attributes.
    pub attributes: Vec<String>,
    /// Attributes of an element, as (name, value).
    pub of_element: BTreeMap<String, Vec<(String, String)>>,
    /// Values of an attribute.
    pub values: BTreeMap<String, Vec<String>>,
    /// Texts of an element.
    pub texts: BTreeMap<String, Vec<String>>,
    /// Whole elements that are in an element of this name.
    pub children: BTreeMap<String, Vec<String>>,
}

/// Longer elements are left out of [`Vocabulary::children`], in bytes.
const LONGEST: usize = 2000;

type Sets<T> = BTreeMap<String, BTreeSet<T>>;

fn lists<T>(sets: Sets<T>) -> BTreeMap<String, Vec<T>> {
    sets.into_iter().map(|(name, set)| (name, set.into_iter().collect())).collect()
}

impl Vocabulary {
    /// The vocabulary of `cases`.
    pub fn of(cases: &[Case]) -> Self {
        let (mut names, mut attributes) = (BTreeSet::new(), BTreeSet::new());
        let (mut of_element, mut values) = (Sets::new(), Sets::new());
        let (mut texts, mut children) = (Sets::new(), Sets::new());
        for case in cases {
            let source = case.document.source();
            for element in elements(&case.document) {
                let name = element.name().to_owned();
                for attribute in element.attributes().filter(|found| found.namespace().is_empty()) {
                    let value = source.slice(attribute.value_span()).replace('\'', "&apos;").replace('"', "&quot;");
                    let found = attribute.name().to_owned();
                    values.entry(found.clone()).or_default().insert(value.clone());
                    of_element.entry(name.clone()).or_default().insert((found.clone(), value));
                    attributes.insert(found);
                }
                if element.children().next().is_none() && !element.text().trim().is_empty() {
                    texts.entry(name.clone()).or_default().insert(source.slice(element.text_span()).to_owned());
                }
                if let Some(parent) = element.parent() {
                    let whole = source.slice(element.span());
                    if whole.len() <= LONGEST {
                        children.entry(parent.name().to_owned()).or_default().insert(whole.to_owned());
                    }
                }
                names.insert(name);
            }
        }
        Self {
            elements: names.into_iter().collect(),
            attributes: attributes.into_iter().collect(),
            of_element: lists(of_element),
            values: lists(values),
            texts: lists(texts),
            children: lists(children),
        }
    }
}
