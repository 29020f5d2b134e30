//! The run over an element and all that is in it. Nothing is recursive here: depth only costs memory.

use std::borrow::Cow;

use virtc_diag::Span;
use virtc_xml::{Element, Node};

use super::arena::Pat;
use super::derive::Engine;
use super::names::Symbol;

/// What an element is checked against from its start tag to its end tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    /// Only content where `rest` is there, else `After` of content and what follows, or a choice of them.
    pub pat: Pat,
    /// What follows the element, where that is certain.
    pub rest: Option<Pat>,
}

/// Where a run stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    pub at: Span,
    /// The element that was open.
    pub element: u32,
    /// Whether something was missing there; otherwise something was refused.
    pub missing: bool,
}

/// A value that is taken for another one, or an attribute that is taken to be there, or for one of another name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pretence<'d> {
    /// The element.
    pub element: u32,
    /// The attribute's name.
    pub name: Symbol,
    /// What is pretended about it.
    pub what: What<'d>,
}

/// What is pretended about an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'d> {
    /// It is there, with this value; `None` is any.
    Value(Option<&'d str>),
    /// If it is there, it has another name.
    Name(Symbol),
}

/// Names of a document as symbols, and what is pretended about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'d> {
    pub symbols: &'d [Symbol],
    pub pretence: Option<Pretence<'d>>,
}

impl View<'_> {
    pub(crate) fn symbol(&self, id: virtc_xml::NameId) -> Symbol {
        self.symbols.get(id.0 as usize).copied().unwrap_or(Symbol(u32::MAX))
    }
}

impl Engine<'_> {
    /// `pat` once `root` was seen whole.
    pub(crate) fn run(&mut self, pat: Pat, root: Element<'_>, view: View<'_>) -> Pat {
        let start = self.start_tag(pat, view.symbol(root.name_id()));
        self.run_open(start, root, view)
    }

    /// What follows `root`, where `start` is the pattern once its start tag is open.
    pub(crate) fn run_open(&mut self, start: Pat, root: Element<'_>, view: View<'_>) -> Pat {
        let mut stack = Vec::new();
        let mut open = self.enter(start, root, view);
        let mut content = root.content();
        let mut leaf = is_leaf(root);
        let mut element = root;
        loop {
            if open.pat == Pat::NOT_ALLOWED {
                return Pat::NOT_ALLOWED;
            }
            let next = if leaf { None } else { content.next() };
            match next {
                Some(Node::Text(text)) => {
                    if !text.is_blank() {
                        open.pat = self.mixed_text(open.pat);
                        self.stop = Some(Stop { at: text.trimmed_span(), element: element.id(), missing: false });
                    }
                }
                Some(Node::Element(child)) => {
                    let start = self.start_tag(open.pat, view.symbol(child.name_id()));
                    self.stop = Some(Stop { at: child.name_span(), element: element.id(), missing: false });
                    let inner = self.enter(start, child, view);
                    stack.push((open, content, leaf, element));
                    (open, content, leaf, element) = (inner, child.content(), is_leaf(child), child);
                }
                None => {
                    // What is wrong with the end of a leaf is its text, unless there is no text.
                    let missing = !leaf || element.content().next().is_none();
                    let at = if missing { element.name_span() } else { element.text_span() };
                    self.stop = Some(Stop { at, element: element.id(), missing });
                    let after = self.leave(open, element, leaf);
                    let Some((outer, rest, _, parent)) = stack.pop() else { return after };
                    (open, content, leaf, element) = (Open { pat: after, ..outer }, rest, false, parent);
                }
            }
        }
    }

    /// Takes the attributes of an element whose start tag is open.
    fn enter(&mut self, start: Pat, element: Element<'_>, view: View<'_>) -> Open {
        let mut open = self.split(start);
        if let Some(Pretence { name, what: What::Value(value), .. }) =
            view.pretence.filter(|pretence| pretence.element == element.id())
            && element.attributes().all(|attribute| view.symbol(attribute.name_id()) != name)
        {
            let derived = self.attribute(open.pat, name);
            open.pat = self.value(derived, value, element);
        }
        for attribute in element.attributes() {
            if open.pat == Pat::NOT_ALLOWED {
                return open;
            }
            let name = view.symbol(attribute.name_id());
            self.stop = Some(Stop { at: attribute.name_span(), element: element.id(), missing: false });
            let pretence = view.pretence.filter(|it| it.element == element.id() && it.name == name);
            let (name, value) = match pretence.map(|pretence| pretence.what) {
                None => (name, Some(attribute.value())),
                Some(What::Value(value)) => (name, value),
                Some(What::Name(name)) => (name, Some(attribute.value())),
            };
            let derived = self.attribute(open.pat, name);
            open.pat = self.value(derived, value, element);
        }
        if open.pat != Pat::NOT_ALLOWED {
            self.stop = Some(Stop { at: element.name_span(), element: element.id(), missing: true });
            open.pat = self.close_tag(open.pat);
        }
        open
    }

    /// What follows an attribute with this value; `None` is any value.
    pub(crate) fn value(&mut self, derived: Pat, value: Option<&str>, element: Element<'_>) -> Pat {
        if let Some((taken, rest)) = self.single(derived) {
            let fits = value.is_none_or(|value| self.accepts(taken, value, Some(element)));
            return if fits { rest } else { Pat::NOT_ALLOWED };
        }
        match value {
            Some(value) => self.remembered(derived, value, |engine| engine.any_value(derived, Some(value), element)),
            None => self.any_value(derived, None, element),
        }
    }

    /// What follows an attribute with this value in any of several branches.
    fn any_value(&mut self, derived: Pat, value: Option<&str>, element: Element<'_>) -> Pat {
        let mut rests = Vec::new();
        for (taken, rest) in self.branches(derived) {
            if value.is_none_or(|value| self.fits(taken, value, Some(element))) {
                rests.push(rest);
            }
        }
        self.arena.choice(&rests)
    }

    /// Takes what certainly follows apart, so that the content is the same wherever the element is.
    pub(crate) fn split(&mut self, start: Pat) -> Open {
        match self.single(start) {
            Some((pat, rest)) => Open { pat, rest: Some(rest) },
            None => Open { pat: start, rest: None },
        }
    }

    /// What follows an element at its end. A leaf's text is looked at here.
    pub(crate) fn leave(&mut self, open: Open, element: Element<'_>, leaf: bool) -> Pat {
        if !leaf {
            return match open.rest {
                None => self.end_tag(open.pat),
                Some(rest) if self.arena.nullable(open.pat) => rest,
                Some(_) => Pat::NOT_ALLOWED,
            };
        }
        let text: Cow<'_, str> = element.text();
        if let Some(rest) = open.rest {
            return if self.accepts(open.pat, &text, Some(element)) { rest } else { Pat::NOT_ALLOWED };
        }
        self.value(open.pat, Some(&text), element)
    }
}

/// Whether an element holds no other.
pub(crate) fn is_leaf(element: Element<'_>) -> bool {
    element.children().next().is_none()
}
