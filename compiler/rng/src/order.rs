//! Where libxml2 refuses what is valid: children of nested interleaves, in crossed order.
//!
//! libxml2 sorts the children of an interleave by its parts, and chains those of each part by changing what follows each node. An
//! interleave inside a part does the same, and when it is done puts back all that was between its first and its last child:
//! also the chains of other parts. A later part then meets children that are not its own. This is done here with numbers.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_xml::{Document, Element, Node};

use crate::codes::LIBXML2_ORDER;
use crate::compile::{CHOICE, INTERLEAVE, OPTIONAL};
use crate::engine::arena::Pat;
use crate::engine::derive::Engine;
use crate::engine::run::View;
use crate::validate::Validator;

impl Validator<'_> {
    /// Notes where libxml2 (`xmllint --relaxng`, `virsh define --validate`) refuses a valid document for the order of children. It
    /// depends on how the schema is written, not only on what it takes: ask it of the grammar that libxml2 is going to use.
    pub fn libxml2_order(&mut self, document: &Document) -> Diagnostics {
        let mut out = Diagnostics::new();
        if !self.is_valid(document) {
            return out;
        }
        let schema = self.schema();
        let symbols = schema.symbols(document);
        let view = View { symbols: &symbols, pretence: None };
        let ordered: Vec<_> = schema.definitions.iter().filter(|definition| definition.order != 0).collect();
        let mut waiting: Vec<Element<'_>> = document.root().into_iter().collect();
        while let Some(element) = waiting.pop() {
            let children: Vec<Element<'_>> = element.children().collect();
            if children.len() > 2 {
                let own = view.symbol(element.name_id());
                let mut refused = None;
                for form in ordered.iter().filter(|form| schema.names.set(form.names).contains(own)) {
                    let engine = self.engine();
                    let start = engine.arena.after(form.content, Pat::EMPTY);
                    if engine.run_open(start, element, view) == Pat::NOT_ALLOWED {
                        continue;
                    }
                    refused = Walk::new(engine, element, &children, view).run(form.order);
                    // Any form that fits may be the one that the element has.
                    if refused.is_none() {
                        break;
                    }
                }
                if let Some(child) = refused.and_then(|at| children.get(at)) {
                    out.push(note(element, *child));
                }
            }
            waiting.extend(children.into_iter().filter(|child| child.content().any(|n| matches!(n, Node::Element(_)))));
        }
        out.sorted()
    }
}

fn note(parent: Element<'_>, child: Element<'_>) -> Diagnostic {
    let message = format!("libxml2 refuses this order of children in `<{}>`, although it is valid", parent.name());
    Diagnostic::at(&LIBXML2_ORDER, child.name_span(), message)
        .label(parent.name_span(), "in this element")
        .help("put children that belong together next to each other, in the order of libvirt's documentation")
}

/// Children of one element by number, with what follows each.
struct Walk<'w, 's, 'd> {
    engine: &'w mut Engine<'s>,
    element: Element<'d>,
    children: &'w [Element<'d>],
    view: View<'w>,
    next: Vec<Option<usize>>,
}

/// How an alternative fits an element.
#[derive(PartialEq, Eq)]
enum Fit {
    /// An attribute is refused or missing; libxml2 goes no further then.
    No,
    /// A child is refused or missing.
    Attributes,
    All,
}

impl<'w, 's, 'd> Walk<'w, 's, 'd> {
    fn new(engine: &'w mut Engine<'s>, element: Element<'d>, children: &'w [Element<'d>], view: View<'w>) -> Self {
        let next = (1..=children.len()).map(|at| Some(at).filter(|at| *at < children.len())).collect();
        Self { engine, element, children, view, next }
    }

    /// The child at which libxml2 gives up on what is written down at `order`.
    fn run(&mut self, order: u32) -> Option<usize> {
        let schema = self.engine.schema;
        let (length, words) = schema.orders.get(order as usize..)?.split_first()?;
        let all: Vec<usize> = (0..self.children.len()).collect();
        self.items(words.get(..*length as usize)?, &all)
    }

    fn is_in(&self, set: u32, child: usize) -> bool {
        let child = self.children.get(child);
        child.is_some_and(|child| self.engine.schema.names.set(set).contains(self.view.symbol(child.name_id())))
    }

    /// Goes through items one after the other, whose children are `chain` and what follows its first.
    fn items(&mut self, words: &[u32], chain: &[usize]) -> Option<usize> {
        let mut again = false;
        for item in items(words) {
            let refused = match item {
                [INTERLEAVE, parts @ ..] => self.twice(again, chain, &|walk| walk.interleave(parts, *chain.first()?)),
                [CHOICE, set, alternatives @ ..] => {
                    self.twice(again, chain, &|walk| walk.choice(*set, alternatives, chain))
                }
                [OPTIONAL, set] => {
                    // From here on libxml2 tries all that follows twice: first as if the attribute were not there, then with it.
                    let set = self.engine.schema.names.set(*set);
                    again |= self.element.attributes().any(|a| set.contains(self.view.symbol(a.name_id())));
                    None
                }
                _ => None,
            };
            if refused.is_some() {
                return refused;
            }
        }
        None
    }

    /// Only the last time counts, but the first one leaves its traces.
    fn twice(&mut self, again: bool, chain: &[usize], go: &dyn Fn(&mut Self) -> Option<usize>) -> Option<usize> {
        if again {
            go(self);
            if let Some([_, lost]) = chain.windows(2).find(|pair| !self.leads(pair)) {
                return Some(*lost);
            }
        }
        go(self)
    }

    /// Goes through an interleave, whose children are among those that follow `from`. As deep as the schema is.
    fn interleave(&mut self, words: &[u32], from: usize) -> Option<usize> {
        let parts = parts(words);
        let mut at = Some(from);
        while let Some(child) = at.filter(|child| !parts.iter().any(|(set, _)| self.is_in(*set, *child))) {
            at = self.next.get(child).copied().flatten();
        }
        let start = at?;
        let mut chains: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
        let mut last = start;
        while let Some(child) = at {
            let Some(part) = parts.iter().position(|(set, _)| self.is_in(*set, child)) else { break };
            let follows = self.next.get(child).copied().flatten();
            last = follows.unwrap_or(child);
            if let Some(chain) = chains.get_mut(part) {
                if let Some(place) = chain.last().and_then(|before| self.next.get_mut(*before)) {
                    *place = Some(child);
                }
                chain.push(child);
            }
            at = follows;
        }
        let mut refused = None;
        for ((_, inner), chain) in parts.iter().zip(&chains) {
            let Some(end) = chain.last() else { continue };
            let later = self.next.get_mut(*end).and_then(Option::take);
            let broken = chain.windows(2).find_map(|pair| match pair {
                [a, b] if self.next.get(*a).copied().flatten() != Some(*b) => self.next.get(*a).copied().flatten(),
                _ => None,
            });
            refused = broken.or_else(|| self.items(inner, chain));
            if let Some(place) = self.next.get_mut(*end) {
                *place = later;
            }
            if refused.is_some() {
                break;
            }
        }
        for child in start + 1..=last {
            if let Some(place) = self.next.get_mut(child - 1) {
                *place = Some(child);
            }
        }
        refused
    }

    /// Goes through the alternatives of a choice: libxml2 tries all, and one must do.
    fn choice(&mut self, set: u32, words: &[u32], chain: &[usize]) -> Option<usize> {
        let own: Vec<usize> = chain.iter().copied().filter(|child| self.is_in(set, *child)).collect();
        if own.len() < 2 {
            return None;
        }
        let (mut done, mut refused) = (false, None);
        let mut rest = words;
        while let [length, later @ ..] = rest {
            let Some((alternative, later)) = later.split_at_checked(*length as usize) else { break };
            rest = later;
            let [pattern, names, inner @ ..] = alternative else { break };
            let fit = self.fit(*pattern, &own);
            let begins = own.first().is_some_and(|first| self.is_in(*names, *first));
            if fit == Fit::No || !begins {
                continue;
            }
            // What ended in the middle leaves the others without the rest of their children.
            let whole = own.windows(2).all(|pair| self.leads(pair));
            let found = self.items(inner, &own);
            if fit == Fit::All {
                done |= whole && found.is_none();
                refused = refused.or(found).or_else(|| own.get(1).copied().filter(|_| !whole));
            }
        }
        refused.filter(|_| !done)
    }

    /// Whether the second of two children follows the first, with nothing between.
    fn leads(&self, pair: &[usize]) -> bool {
        matches!(pair, [a, b] if self.next.get(*a).copied().flatten() == Some(*b))
    }

    fn fit(&mut self, pattern: u32, own: &[usize]) -> Fit {
        let Some(mut pat) = self.engine.schema.order_patterns.get(pattern as usize).copied() else { return Fit::No };
        for attribute in self.element.attributes() {
            let derived = self.engine.attribute(pat, self.view.symbol(attribute.name_id()));
            if derived != Pat::NOT_ALLOWED {
                pat = self.engine.value(derived, Some(attribute.value()), self.element);
            }
        }
        pat = self.engine.close_tag(pat);
        if pat == Pat::NOT_ALLOWED {
            return Fit::No;
        }
        for child in own.iter().filter_map(|child| self.children.get(*child)) {
            pat = self.engine.run(pat, *child, self.view);
        }
        if self.engine.arena.nullable(pat) { Fit::All } else { Fit::Attributes }
    }
}

/// The items that are written down one after the other, without their length.
fn items(words: &[u32]) -> impl Iterator<Item = &[u32]> {
    let mut rest = words;
    std::iter::from_fn(move || {
        let length = *rest.first()? as usize;
        let (item, later) = rest.split_at_checked(length.max(1))?;
        rest = later;
        item.get(1..)
    })
}

/// Numbers, each with the items that belong to it.
fn parts(words: &[u32]) -> Vec<(u32, &[u32])> {
    let mut rest = words;
    let mut out = Vec::new();
    while let [number, length, later @ ..] = rest {
        let Some((inner, later)) = later.split_at_checked(*length as usize) else { break };
        out.push((*number, inner));
        rest = later;
    }
    out
}

#[cfg(test)]
mod tests {
    use virtc_diag::SourceFile;

    use crate::schema::Schema;

    /// Schemas with valid orders that xmllint 2.9.14 takes, and valid ones that it refuses.
    const CASES: &[(&str, &[&str], &[&str])] = &[
        ("(a? & b?) & (c? & d?)", &["abcd", "acdb", "cabd", "cadb"], &["acbd", "bdac", "adbc"]),
        ("(a? & b?) & (c, d)", &["acdb", "cabd"], &["acbd", "bcad"]),
        ("(a? & b?) & c*", &["cacb", "accb"], &["acbc"]),
        ("(a, b) & (c, d)", &["acbd", "cadb"], &[]),
        ("(a | b)* & (c | d)*", &["acbd"], &[]),
        ("(a? & b?) & c?", &["acb", "cab"], &[]),
        ("(a? & b?) & (c? & d?) & e?", &["aecdb", "ecadb"], &["aecbd", "acbed", "eacbd"]),
        ("(a? & b? & e?) & (c? & d?)", &["abecd", "acdbe", "cabde"], &["abced", "acbde", "acbed"]),
        // Alternatives are tried in turn, and the first one takes the children that are apart together again.
        ("((a? & b) | (a? & c)) & d? & e?", &["adb", "abde", "acd", "bda", "cda"], &["adc"]),
        ("((a? & b) | (a? & b & c)) & d? & e?", &["adb", "abcd", "dabc"], &["adbc"]),
        // So does the first try, without the attribute.
        ("(attribute q { '1' }?, (a? & b?)) & d? & e?", &["adb", "qabd", "dqab"], &["qadb", "qbda"]),
        ("x & y\nx = a? & b?\ny = (c? & d?)?", &["acdb"], &["acbd"]),
    ];

    #[test]
    fn orders_that_libxml2_refuses() {
        for (content, taken, refused) in CASES {
            let (content, more) = content.split_once('\n').unwrap_or((content, ""));
            let elements = ["a", "b", "c", "d", "e"].map(|c| format!("{c} = element {c} {{ empty }}\n"));
            let text = format!("start = element r {{ {content} }}\n{more}\n{}", elements.concat());
            let schema = Schema::compile(&SourceFile::new("s", text), &mut |_, _| Err(String::new())).unwrap();
            let schema = Schema::from_bytes(schema.to_bytes().leak()).unwrap();
            for (orders, expected) in [(taken, 0), (refused, 1)] {
                for order in *orders {
                    let tags: Vec<String> = order.chars().filter(|c| *c != 'q').map(|c| format!("<{c}/>")).collect();
                    let tags = tags.concat();
                    let attribute = if order.contains('q') { " q='1'" } else { "" };
                    let (document, _) = virtc_xml::parse(&SourceFile::new("d", format!("<r{attribute}>{tags}</r>")));
                    let mut validator = schema.validator();
                    assert!(validator.is_valid(&document), "{content} {order}");
                    assert_eq!(validator.libxml2_order(&document).len(), expected, "{content} {order}");
                }
            }
        }
    }
}
