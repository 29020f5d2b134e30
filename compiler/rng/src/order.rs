//! Where libxml2 refuses what is valid: children of interleaves that stand inside each other, in crossed order.
//!
//! libxml2 sorts the children of an interleave by its parts, and chains those of each part by changing what follows each node. An
//! interleave inside a part does the same, and when it is done puts back all that stood between its first and its last child:
//! also the chains of other parts. A later part then meets children that are not its own. This is done here with numbers.

use virtc_diag::{Diagnostic, Diagnostics};
use virtc_xml::{Document, Element, Node};

use crate::codes::LIBXML2_ORDER;
use crate::engine::names::Symbol;
use crate::schema::Schema;
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
        let symbol = |element: Element<'_>| symbols.get(element.name_id().0 as usize).copied();
        let ordered: Vec<_> = schema.definitions.iter().filter(|definition| definition.order != 0).collect();
        let mut waiting: Vec<Element<'_>> = document.root().into_iter().collect();
        while let Some(element) = waiting.pop() {
            let children: Vec<Element<'_>> = element.children().collect();
            if children.len() > 2
                && let Some(own) = symbol(element)
            {
                let names: Vec<Symbol> = children.iter().filter_map(|child| symbol(*child)).collect();
                let mut forms = ordered.iter().filter(|d| schema.names.set(d.names).contains(own)).peekable();
                let known = forms.peek().is_some();
                // Of several forms, any may be the one that the element has.
                let mut worst = None;
                let refused = forms.all(|form| {
                    worst = Walk::new(schema, &names).run(form.order);
                    worst.is_some()
                });
                if let Some(child) = worst.filter(|_| known && refused).and_then(|at| children.get(at)) {
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
    Diagnostic::new(&LIBXML2_ORDER, child.name_span(), message)
        .label(parent.name_span(), "in this element")
        .help("put children that belong together next to each other, in the order of libvirt's documentation")
}

/// Children of one element by number, with what follows each.
struct Walk<'w> {
    schema: &'w Schema,
    names: &'w [Symbol],
    next: Vec<Option<usize>>,
}

impl<'w> Walk<'w> {
    fn new(schema: &'w Schema, names: &'w [Symbol]) -> Self {
        let next = (1..=names.len()).map(|at| Some(at).filter(|at| *at < names.len())).collect();
        Self { schema, names, next }
    }

    /// The child at which libxml2 gives up on the interleaves written down at `order`.
    fn run(&mut self, order: u32) -> Option<usize> {
        let schema = self.schema;
        let (length, words) = schema.orders.get(order as usize..)?.split_first()?;
        trees(words.get(..*length as usize)?).find_map(|tree| self.interleave(tree, 0))
    }

    fn is_in(&self, set: u32, child: usize) -> bool {
        self.names.get(child).is_some_and(|name| self.schema.names.set(set).contains(*name))
    }

    /// Goes through an interleave, whose children are among those that follow `from`. As deep as the schema is.
    fn interleave(&mut self, tree: &[u32], from: usize) -> Option<usize> {
        let parts = parts(tree);
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
        for ((_, inner), chain) in parts.iter().zip(&chains) {
            let (Some(first), Some(end)) = (chain.first(), chain.last()) else { continue };
            let behind = self.next.get_mut(*end).and_then(Option::take);
            let broken = chain.windows(2).find_map(|pair| match pair {
                [a, b] if self.next.get(*a).copied().flatten() != Some(*b) => self.next.get(*a).copied().flatten(),
                _ => None,
            });
            let refused = broken.or_else(|| trees(inner).find_map(|tree| self.interleave(tree, *first)));
            if let Some(place) = self.next.get_mut(*end) {
                *place = behind;
            }
            if refused.is_some() {
                return refused;
            }
        }
        for child in start + 1..=last {
            if let Some(place) = self.next.get_mut(child - 1) {
                *place = Some(child);
            }
        }
        None
    }
}

/// The interleaves that are written down one after the other: each is its length in words, this one included, and its parts.
fn trees(words: &[u32]) -> impl Iterator<Item = &[u32]> {
    let mut rest = words;
    std::iter::from_fn(move || {
        let length = *rest.first()? as usize;
        let (tree, behind) = rest.split_at_checked(length.max(1))?;
        rest = behind;
        tree.get(1..)
    })
}

/// The parts of an interleave: each is a name set, the length of what is inside, and the interleaves inside.
fn parts(words: &[u32]) -> Vec<(u32, &[u32])> {
    let mut rest = words;
    let mut out = Vec::new();
    while let [set, length, behind @ ..] = rest {
        let Some((inner, behind)) = behind.split_at_checked(*length as usize) else { break };
        out.push((*set, inner));
        rest = behind;
    }
    out
}

#[cfg(test)]
mod tests {
    use virtc_diag::SourceFile;

    use super::*;

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
                    let tags: Vec<String> = order.chars().map(|c| format!("<{c}/>")).collect();
                    let (document, _) = virtc_xml::parse(&SourceFile::new("d", format!("<r>{}</r>", tags.concat())));
                    let mut validator = schema.validator();
                    assert!(validator.is_valid(&document), "{content} {order}");
                    assert_eq!(validator.libxml2_order(&document).len(), expected, "{content} {order}");
                }
            }
        }
    }
}
