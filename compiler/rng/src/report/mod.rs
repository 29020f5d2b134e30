//! Diagnostics: an invalid document is walked once more, and after each fault the walk goes on as well as it can.
//!
//! Whatever is valid is passed over by the fast run; only what fails is entered. The stack is explicit.

mod alternative;
mod attributes;
mod children;
mod describe;
pub(crate) mod expected;
mod forms;
mod missing;
mod names;
mod sample;
mod suggest;
mod text;
mod wording;

pub(crate) use expected::Parents;
use expected::definitions;
use suggest::Docs;
use virtc_diag::{Diagnostic, Diagnostics, Span};
use virtc_xml::{Attribute, Document, Element, Node};

use crate::engine::arena::Pat;
use crate::engine::derive::Engine;
use crate::engine::names::Symbol;
use crate::engine::run::{Open, Pretence, View, is_leaf};
use crate::schema::Schema;
use crate::validated::Validated;

/// More faults than this in one document are marked, but not reported.
const MAX_REPORTS: usize = 100;
/// How many times a document's parts may be tried against other names and values.
const MAX_TRIALS: usize = 2000;

/// An element that is being walked.
struct Frame<'d, I> {
    element: Element<'d>,
    open: Open,
    content: I,
    leaf: bool,
    /// Whether it holds elements although it takes only a value: then they are at fault, not the text.
    value: bool,
    /// The pattern once the start tag was open: what its attributes chose from.
    fresh: Pat,
    /// The pattern once the start tag was closed.
    first: Pat,
    /// The documentation of each form of the element.
    docs: Docs,
    /// How many faults were found among its children.
    faults: usize,
    /// Whether a child was skipped that would have done in its place.
    displaced: bool,
}

struct Reporter<'r, 's, 'd> {
    engine: &'r mut Engine<'s>,
    schema: &'s Schema,
    symbols: &'r [Symbol],
    complete: bool,
    checked: Validated<'d>,
    out: Diagnostics,
    trials: usize,
}

/// Says what is wrong with a document that is not valid.
pub(crate) fn report<'d>(
    engine: &mut Engine<'_>,
    document: &'d Document,
    symbols: &[Symbol],
) -> (Validated<'d>, Diagnostics) {
    let schema = engine.schema;
    let checked = Validated::unchecked(document);
    let complete = document.is_complete();
    let mut reporter = Reporter { engine, schema, symbols, complete, checked, out: Diagnostics::new(), trials: 0 };
    if let Some(root) = document.root() {
        reporter.walk(root);
    }
    (reporter.checked, reporter.out.sorted())
}

/// What to do with an element.
enum Step {
    /// Nothing: this follows.
    Pass(Pat),
    /// Enter it with this pattern for its open start tag, and the documentation of its forms.
    Enter(Pat, Docs),
}

/// The element around one, and what its attributes chose from.
#[derive(Clone, Copy)]
struct Around<'d> {
    element: Element<'d>,
    fresh: Pat,
}

impl<'r, 'd> Reporter<'r, '_, 'd> {
    fn walk(&mut self, root: Element<'d>) {
        let start = self.schema.start;
        let step = match self.try_element(start, root) {
            Some(step) => step,
            None => self.strange_root(start, root),
        };
        let Step::Enter(start, docs) = step else { return };
        let mut stack = Vec::new();
        let mut frame = self.enter(start, root, root.content(), docs, None);
        loop {
            let next = if frame.leaf { None } else { frame.content.next() };
            match next {
                Some(Node::Text(text)) if text.is_blank() || frame.value => {}
                Some(Node::Text(text)) => match self.engine.mixed_text(frame.open.pat) {
                    Pat::NOT_ALLOWED => {
                        self.stray_text(frame.element, text.trimmed_span(), frame.first);
                        frame.faults += 1;
                    }
                    pat => frame.open.pat = pat,
                },
                Some(Node::Element(child)) => {
                    let step = match self.try_element(frame.open.pat, child) {
                        Some(step) => step,
                        None => self.strange_child(&mut frame, child),
                    };
                    match step {
                        Step::Pass(after) => frame.open.pat = after,
                        Step::Enter(start, docs) => {
                            let around = Around { element: frame.element, fresh: frame.fresh };
                            let inner = self.enter(start, child, child.content(), docs, Some(around));
                            stack.push(std::mem::replace(&mut frame, inner));
                        }
                    }
                }
                None => {
                    let after = self.leave(&frame);
                    let Some(outer) = stack.pop() else { return };
                    frame = outer;
                    frame.open.pat = after;
                }
            }
        }
    }

    /// What to do with an element whose name is allowed here; `None` where it may not.
    fn try_element(&mut self, pat: Pat, element: Element<'d>) -> Option<Step> {
        let start = self.engine.start_tag(pat, self.symbol(element));
        if start == Pat::NOT_ALLOWED {
            return None;
        }
        let after = self.engine.run_open(start, element, self.view());
        if after != Pat::NOT_ALLOWED {
            return Some(Step::Pass(after));
        }
        Some(match self.alternative(start, element) {
            Some(after) => Step::Pass(after),
            None => Step::Enter(start, self.docs_of(pat, self.symbol(element))),
        })
    }

    fn enter<I>(
        &mut self,
        start: Pat,
        element: Element<'d>,
        content: I,
        docs: Docs,
        around: Option<Around<'d>>,
    ) -> Frame<'d, I> {
        let fresh = self.engine.split(start).pat;
        let open = self.attributes(start, element, around);
        let leaf = is_leaf(element);
        let value = !leaf && self.holds_value(open);
        Frame { element, open, content, leaf, value, fresh, first: open.pat, docs, faults: 0, displaced: false }
    }

    /// What follows an element, come what may.
    fn leave<I>(&mut self, frame: &Frame<'d, I>) -> Pat {
        let after = self.engine.leave(frame.open, frame.element, frame.leaf || frame.value);
        if after != Pat::NOT_ALLOWED {
            return after;
        }
        if frame.value && frame.element.text().trim().is_empty() {
            // The value is likely in the elements that were refused.
            self.spoil(frame.element);
        } else if frame.leaf || frame.value {
            self.faulty_text(frame.element, frame.open, &frame.docs);
        } else if frame.displaced {
            self.checked.lacking.insert(frame.element.id());
        } else {
            self.missing_elements(frame.element, frame.open, frame.faults);
        }
        if let Some(rest) = frame.open.rest {
            rest
        } else {
            let rests: Vec<Pat> = self.engine.branches(frame.open.pat).into_iter().map(|(_, rest)| rest).collect();
            self.engine.arena.choice(&rests)
        }
    }

    /// The name of an element as it is written.
    fn name(&self, element: Element<'d>) -> &'d str {
        self.slice(element.name_span())
    }

    /// The documentation of each form of an element that may come next in a pattern.
    fn docs_of(&self, pat: Pat, symbol: Symbol) -> Docs {
        let found = definitions(&self.engine.arena, pat, true).into_iter().filter_map(|n| self.schema.definition(n));
        let named = found.filter(|definition| self.schema.names.set(definition.names).contains(symbol));
        named.map(|definition| (definition.content, definition.doc)).collect()
    }

    fn symbol(&self, element: Element<'_>) -> Symbol {
        self.view().symbol(element.name_id())
    }

    fn attribute_symbol(&self, attribute: Attribute<'_>) -> Symbol {
        self.view().symbol(attribute.name_id())
    }

    fn view(&self) -> View<'r> {
        View { symbols: self.symbols, pretence: None }
    }

    fn pretending<'v>(&self, pretence: Pretence<'v>) -> View<'v>
    where
        'r: 'v,
    {
        View { symbols: self.symbols, pretence: Some(pretence) }
    }

    /// Whether nothing more is reported.
    fn is_full(&self) -> bool {
        self.out.len() >= MAX_REPORTS
    }

    /// Whether something more may be tried.
    fn may_try(&mut self) -> bool {
        self.trials += 1;
        self.trials <= MAX_TRIALS && !self.is_full()
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if !self.is_full() {
            self.out.push(diagnostic);
        }
    }

    fn spoil(&mut self, element: Element<'_>) {
        self.checked.elements.insert(element.id());
    }

    fn spoil_attribute(&mut self, attribute: Attribute<'_>) {
        self.checked.attributes.insert(attribute.name_span().start);
    }

    fn slice(&self, span: Span) -> &'d str {
        self.checked.document().source().slice(span)
    }
}
