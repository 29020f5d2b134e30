//! Elements that are not allowed where they are.

use virtc_diag::{Diagnostic, Edit, Safety, Span};
use virtc_xml::Element;

use super::expected::{Candidate, definitions};
use super::suggest::did_you_mean;
use super::wording::{any_of, code, distance, expected, is_near, nearest_first, short, tag, with_doc};
use super::{Frame, Reporter, Step};
use crate::codes::{MISPLACED_ELEMENT, UNKNOWN_ELEMENT};
use crate::engine::arena::Pat;
use crate::engine::names::Symbol;
use crate::synonyms::meant;

/// More siblings than this are not looked through for what displaces an element.
const MAX_SIBLINGS: usize = 500;
/// How many near names are tried on the content of an element.
const MAX_NAMES: usize = 4;

impl<'d> Reporter<'_, '_, 'd> {
    /// What to do with a root element that the grammar does not begin with.
    pub(super) fn strange_root(&mut self, start: Pat, root: Element<'d>) -> Step {
        let candidates = self.schema.elements(&self.engine.arena, start, true);
        if let Some(step) = self.renamed(start, root, &candidates, None) {
            return step;
        }
        self.spoil(root);
        let names = self.written_names(&candidates, root);
        let message = format!("the root element is `<{}>`", self.name(root));
        let diagnostic = Diagnostic::at(&UNKNOWN_ELEMENT, root.name_span(), message);
        self.push(diagnostic.help(expected(root.name(), &names, "elements", tag)).alternatives(names));
        Step::Pass(Pat::EMPTY)
    }

    /// What to do with a child that is not allowed here.
    pub(super) fn strange_child<I>(&mut self, frame: &mut Frame<'d, I>, child: Element<'d>) -> Step {
        let pat = frame.open.pat;
        let skip = Step::Pass(pat);
        if self.is_full() {
            self.spoil(child);
            return skip;
        }
        frame.faults += 1;
        let symbol = self.symbol(child);
        if self.is_in(frame.first, symbol) {
            self.spoil(child);
            frame.displaced = true;
            self.displaced(frame, child, symbol);
            return skip;
        }
        if self.is_in(frame.fresh, symbol) {
            self.spoil(child);
            frame.displaced = true;
            self.of_another_form(frame, child, symbol);
            return skip;
        }
        let candidates = self.schema.elements(&self.engine.arena, pat, true);
        if let Some(step) = self.renamed(pat, child, &candidates, Some(frame.element)) {
            return step;
        }
        self.spoil(child);
        if self.is_undeclared(child) || self.is_swallowed(frame.element, symbol) {
            return skip;
        }
        let (name, parent) = (self.name(child), self.name(frame.element));
        if let Some(doc) = self.attribute_like(frame, child) {
            let message = format!("`<{parent}>` takes no element `<{name}>`");
            let value = short(child.text().trim()).replace('\'', "&apos;");
            let help = format!("`{name}` is an attribute: write `<{parent} {name}='{value}'>`");
            let help = with_doc(help, self.schema.text(doc));
            self.push(Diagnostic::at(&MISPLACED_ELEMENT, child.name_span(), message).help(help));
            return skip;
        }
        let (schema, arena) = (self.schema, &self.engine.arena);
        let all = self.engine.parents.get_or_insert_with(|| schema.parents(arena));
        let known = schema.known_name(symbol).and_then(|_| all.get(&symbol)).into_iter().flatten();
        let symbols: Vec<Symbol> = known.copied().collect();
        let mut parents: Vec<String> =
            symbols.into_iter().filter_map(|parent| self.written_name(parent, frame.element)).collect();
        parents.dedup();
        let message = format!("`<{parent}>` takes no element `<{name}>`");
        let diagnostic = if parents.is_empty() {
            self.unlike(child, frame.first, message)
        } else {
            let parents = nearest_first(parent, parents, |p| p);
            Diagnostic::at(&MISPLACED_ELEMENT, child.name_span(), message)
                .help(format!("it belongs in {}", any_of(&parents, tag)))
        };
        self.push(diagnostic);
        skip
    }

    /// Whether the prefix of a name is not declared, which was said when the XML was read.
    fn is_undeclared(&self, element: Element<'d>) -> bool {
        let prefix = self.name(element).split_once(':').map(|(prefix, _)| prefix);
        prefix.is_some_and(|prefix| element.namespace().is_empty() && element.resolve(prefix).is_none())
    }

    /// Whether an element is in another one only because that one has no end tag, which was said when the XML was read.
    fn is_swallowed(&self, parent: Element<'d>, symbol: Symbol) -> bool {
        let text = self.slice(parent.span());
        let end = text.rfind("</").and_then(|at| text.get(at + 2..)).unwrap_or_default();
        !self.complete && self.schema.known_name(symbol).is_some() && !end.starts_with(self.name(parent))
    }

    /// The documentation of an attribute of the parent, where a child is meant as it.
    fn attribute_like<I>(&self, frame: &Frame<'d, I>, child: Element<'d>) -> Option<u32> {
        let plain = child.children().next().is_none() && frame.element.attribute(child.name()).is_none();
        let names = self.schema.attribute_names(&self.engine.arena, frame.fresh);
        let is = |candidate: &Candidate| self.schema.known_name(candidate.symbol) == Some(("", child.name()));
        names.into_iter().find(is).filter(|_| plain).map(|candidate| candidate.doc)
    }

    /// An element that no place of the schema has, in a content of this pattern.
    fn unlike(&self, child: Element<'d>, pat: Pat, message: String) -> Diagnostic {
        let candidates = self.schema.elements(&self.engine.arena, pat, false);
        let names = nearest_first(self.name(child), self.written_names(&candidates, child), |name| name);
        let known = meant(self.schema.synonyms.elements, child.name());
        let meant: Vec<String> = known.filter(|name| names.iter().any(|it| it == name)).map(str::to_owned).collect();
        let help = match names.as_slice() {
            [] => "no element is allowed here".to_owned(),
            _ if !meant.is_empty() => did_you_mean(&meant, tag),
            names => expected(child.name(), names, "elements", tag),
        };
        Diagnostic::at(&UNKNOWN_ELEMENT, child.name_span(), message).help(help).alternatives(names)
    }

    /// Whether an element of this name is allowed anywhere in a pattern.
    pub(super) fn is_in(&self, pat: Pat, symbol: Symbol) -> bool {
        let found = definitions(&self.engine.arena, pat, false).into_iter().filter_map(|n| self.schema.definition(n));
        found.into_iter().any(|definition| self.schema.names.set(definition.names).contains(symbol))
    }

    /// Takes an element for one with a name that is near, where there is one that fits.
    fn renamed(
        &mut self,
        pat: Pat,
        element: Element<'d>,
        candidates: &[Candidate],
        parent: Option<Element<'d>>,
    ) -> Option<Step> {
        let written = element.name();
        let prefix = self.name(element).split_once(':').map_or("", |(prefix, _)| prefix);
        let mut near: Vec<(usize, bool, &str, Candidate)> = Vec::new();
        let mut spaces: Vec<&str> = Vec::new();
        for candidate in candidates {
            let Some((ns, local)) = self.schema.known_name(candidate.symbol) else { continue };
            let known = meant(self.schema.synonyms.elements, written).any(|meant| meant == local);
            if is_near(written, local) || (local == written && ns != element.namespace()) || known {
                // Of like names in several namespaces, the one that the prefix speaks of comes first.
                near.push((distance(written, local), prefix.is_empty() || !speaks_of(ns, prefix), local, *candidate));
                if local == written {
                    spaces.push(ns);
                }
            }
        }
        near.sort_by_key(|(distance, other, local, _)| (*distance, *other, *local));
        let mut chosen = None;
        for (distance, _, local, candidate) in near.into_iter().take(MAX_NAMES) {
            let start = self.engine.start_tag(pat, candidate.symbol);
            if start == Pat::NOT_ALLOWED || !self.may_try() {
                continue;
            }
            let after = self.engine.run_open(start, element, self.view());
            if after != Pat::NOT_ALLOWED {
                chosen = Some((local, candidate, Step::Pass(after)));
                break;
            }
            if distance <= 2 && chosen.is_none() {
                let docs = self.docs_of(pat, candidate.symbol);
                chosen = Some((local, candidate, Step::Enter(start, docs)));
            }
        }
        let (local, candidate, step) = chosen?;
        self.spoil(element);
        let message = match parent {
            Some(parent) => format!("`<{}>` takes no element `<{}>`", self.name(parent), self.name(element)),
            None => format!("the root element is `<{}>`", self.name(element)),
        };
        // The namespace of the parent was wrong in the same way, and that was said.
        let inherited =
            |parent: Element<'d>| self.checked.is_faulty(parent) && parent.namespace() == element.namespace();
        if self.is_undeclared(element) || (local == written && parent.is_some_and(inherited)) {
            return Some(step);
        }
        let namespace = self.schema.known_name(candidate.symbol).map_or("", |(ns, _)| ns);
        let mut diagnostic = Diagnostic::at(&UNKNOWN_ELEMENT, element.name_span(), message);
        let shown = self.written_name(candidate.symbol, element).unwrap_or_default();
        let declaration = self.declaration(candidate.symbol, element);
        if local == written {
            let help = if namespace.is_empty() {
                "it belongs in no namespace: remove the `xmlns` that is in force here".to_owned()
            } else if spaces.len() > 1 && (prefix.is_empty() || !speaks_of(namespace, prefix)) {
                format!("it belongs in the namespace {}", any_of(&spaces, code))
            } else {
                let declare = declaration.map_or_else(String::new, |it| format!(", and declare `{it}`"));
                format!("it belongs in the namespace `{namespace}`: write `<{shown}>`{declare}")
            };
            diagnostic = diagnostic.help(help);
        } else {
            let doc = self.schema.text(candidate.doc);
            let declare = declaration.as_ref().map_or_else(String::new, |it| format!(" declare `{it}`, too"));
            diagnostic = diagnostic.help(with_doc(format!("did you mean `<{shown}>`?{declare}"), doc));
            // Where the prefix is right, it stays as it is.
            let same = shown.strip_suffix(local) == self.name(element).strip_suffix(written);
            let (spans, new) =
                if same { (self.local_spans(element), local) } else { (self.name_spans(element), &*shown) };
            let mut names = spans.into_iter();
            if let Some(first) = names.next().filter(|_| declaration.is_none()) {
                diagnostic = diagnostic.fix(Safety::Unsafe, format!("rename it to `<{shown}>`"), first, new);
                if let Some(fix) = &mut diagnostic.fix {
                    fix.edits.extend(names.map(|span| Edit { span, text: new.to_owned() }));
                }
            }
        }
        self.push(diagnostic);
        Some(step)
    }

    /// The local name in the start tag, and in the end tag where there is one.
    fn local_spans(&self, element: Element<'d>) -> Vec<Span> {
        let length = element.name().len();
        let local = |span: Span| Span::new(span.range().end.saturating_sub(length)..span.range().end);
        self.name_spans(element).into_iter().map(local).collect()
    }

    /// The name in the start tag, and in the end tag where there is one.
    fn name_spans(&self, element: Element<'d>) -> Vec<Span> {
        let name = element.name_span();
        let mut out = vec![name];
        let text = self.slice(element.span());
        let end = text.rfind("</").filter(|_| element.span() != element.start_tag());
        if let Some(at) = end.map(|at| element.span().start as usize + at + 2) {
            let span = Span::new(at..at + name.range().len());
            if self.slice(span) == self.slice(name) {
                out.push(span);
            }
        }
        out
    }

    /// An element that the form of its parent does not take, though another form does.
    fn of_another_form<I>(&mut self, frame: &Frame<'d, I>, child: Element<'d>, symbol: Symbol) {
        let parent = frame.element;
        let taken: Vec<_> = parent.attributes().filter(|a| !self.checked.is_faulty_attribute(*a)).collect();
        let culprit = self.culprit(parent, frame.fresh, &taken, &mut |this, pat| this.is_in(pat, symbol));
        let written = culprit.map(|c| self.written(c));
        let form = written.as_ref().map_or_else(String::new, |written| format!(" with `{written}`"));
        let message = format!("`<{}>`{form} takes no element `<{}>`", self.name(parent), self.name(child));
        let mut diagnostic = Diagnostic::at(&MISPLACED_ELEMENT, child.name_span(), message);
        if let Some(culprit) = culprit {
            diagnostic = diagnostic.label(culprit.span(), "this decides what is allowed inside");
        }
        let forms = culprit.map(|c| self.forms(frame.fresh, c, parent, &|this, pat| this.is_in(pat, symbol)));
        let help = match (written, forms.filter(|forms| !forms.is_empty())) {
            (Some(_), Some(forms)) => format!("`<{}>` goes with {}", self.name(child), any_of(&forms, code)),
            (Some(written), None) => format!("remove `<{}>`, or change `{written}`", self.name(child)),
            (None, _) => {
                format!(
                    "an attribute of `<{}>` decides whether `<{}>` is allowed here",
                    self.name(parent),
                    self.name(child)
                )
            }
        };
        self.push(diagnostic.help(help));
    }

    /// An element that its parent takes, but not here and now.
    fn displaced<I>(&mut self, frame: &Frame<'d, I>, child: Element<'d>, symbol: Symbol) {
        let (name, parent) = (self.name(child), self.name(frame.element));
        let before: Vec<Element<'d>> = frame.element.children().take_while(|e| *e != child).collect();
        let diagnostic = |message: String| Diagnostic::at(&MISPLACED_ELEMENT, child.name_span(), message);
        if before.len() > MAX_SIBLINGS || !self.may_try() {
            return self.push(diagnostic(format!("`<{name}>` is not allowed here in `<{parent}>`")));
        }
        let others: Vec<Element<'d>> = before.iter().copied().filter(|e| self.symbol(*e) != symbol).collect();
        let alone = others.iter().fold(frame.first, |pat, other| self.after(pat, *other));
        if let Some(first) = before.iter().find(|e| self.symbol(**e) == symbol)
            && self.engine.start_tag(alone, symbol) != Pat::NOT_ALLOWED
        {
            let found =
                diagnostic(format!("a second `<{name}>` in `<{parent}>`")).label(first.name_span(), "the first one");
            return self.push(found.help("only one is allowed here: remove one of them"));
        }
        let mut pat = frame.first;
        for sibling in &before {
            let next = self.after(pat, *sibling);
            let was = self.engine.start_tag(pat, symbol) != Pat::NOT_ALLOWED;
            if was && self.engine.start_tag(next, symbol) == Pat::NOT_ALLOWED {
                let swapped = self.after(pat, child);
                let order = self.engine.start_tag(swapped, self.symbol(*sibling)) != Pat::NOT_ALLOWED;
                let other = self.name(*sibling);
                let found = if order {
                    diagnostic(format!("`<{name}>` must come before `<{other}>`"))
                        .help(format!("move it before `<{other}>`"))
                } else {
                    diagnostic(format!("`<{name}>` does not go together with `<{other}>` in `<{parent}>`"))
                        .help(format!("remove `<{name}>` or `<{other}>`"))
                };
                return self.push(found.label(sibling.name_span(), format!("`<{other}>` is here")));
            }
            pat = next;
        }
        let candidates = self.schema.elements(&self.engine.arena, frame.open.pat, true);
        let mut later = frame.element.children().skip_while(|e| *e != child).skip(1);
        if let Some(later) = later.find(|e| candidates.iter().any(|c| c.symbol == self.symbol(*e))) {
            let other = self.name(later);
            let found = diagnostic(format!("`<{name}>` must come after `<{other}>`"));
            let found = found.label(later.name_span(), format!("`<{other}>` is here"));
            return self.push(found.help(format!("move it after `<{other}>`")));
        }
        let found = diagnostic(format!("`<{name}>` is not allowed here in `<{parent}>`"));
        let names = nearest_first(name, self.written_names(&candidates, child), |name| name);
        let help = expected(name, &names, "elements", tag);
        self.push(if help.is_empty() { found } else { found.help(help).alternatives(names) });
    }

    /// `pat` after an element, whose content is taken to fit if it does not; as it is where the element may not come.
    fn after(&mut self, pat: Pat, element: Element<'d>) -> Pat {
        let start = self.engine.start_tag(pat, self.symbol(element));
        match self.engine.run_open(start, element, self.view()) {
            _ if start == Pat::NOT_ALLOWED => pat,
            Pat::NOT_ALLOWED => self.engine.value(start, None, element),
            next => next,
        }
    }
}

/// Whether a part of a namespace's URI is the prefix that people give it.
fn speaks_of(namespace: &str, prefix: &str) -> bool {
    namespace.split(['/', ':']).any(|part| part == prefix)
}
