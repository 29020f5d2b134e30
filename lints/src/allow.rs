//! `<!-- virtc: allow(NAME, …) -->`: leaves findings out where their author knows better.
//!
//! Before the root element it holds for the whole file, else for the element that follows it. Only lints can be allowed.

use virtc_diag::{Code, Diagnostic, Diagnostics, Safety, Severity, Span};
use virtc_xml::{Document, Element};

use crate::{lint, rules};

/// An `allow` that allows nothing.
pub static USELESS_ALLOW: Code = Code {
    name: "useless-allow",
    severity: Severity::Warning,
    explanation: "A comment `<!-- virtc: allow(NAME) -->` allows nothing: the name is that of no lint, or no element follows the comment.\n\n\
        The comment stands directly before the element that it is about, or before the root element to hold for the whole file. Several names are\n\
        separated by commas; text behind the parenthesis is free, for the reason. Lints can be allowed; errors of XML, of the grammar and of\n\
        compilation cannot.",
};

/// Names that are allowed in a part of the file.
struct Allow<'d> {
    names: Vec<&'d str>,
    scope: Scope,
}

enum Scope {
    File,
    Element(Span),
}

/// Leaves out of `found` what the document allows, and adds what is wrong with its `allow` comments.
pub fn suppress(document: &Document, found: Diagnostics) -> Diagnostics {
    let mut faults = Diagnostics::new();
    let allows = allows(document, &mut faults);
    let is_allowed = |diagnostic: &Diagnostic| {
        let holds = |allow: &Allow<'_>| {
            let inside = match (&allow.scope, diagnostic.span) {
                (Scope::File, _) => true,
                (Scope::Element(element), Some(span)) => element.contains(span),
                (Scope::Element(_), None) => false,
            };
            inside && allow.names.contains(&diagnostic.code.name)
        };
        lint(diagnostic.code.name).is_some() && allows.iter().any(holds)
    };
    let mut kept: Diagnostics = found.into_iter().filter(|diagnostic| !is_allowed(diagnostic)).collect();
    kept.extend(faults);
    kept
}

fn allows<'d>(document: &'d Document, faults: &mut Diagnostics) -> Vec<Allow<'d>> {
    let source = document.source();
    let mut allows = Vec::new();
    for comment in document.comments().iter().copied() {
        let text = source.slice(comment);
        let Some((list, before)) = list(text) else { continue };
        let names = names(list, comment.range().start + before, faults);
        match scope(document, comment) {
            Some(scope) => allows.push(Allow { names, scope }),
            None => faults.push(
                Diagnostic::new(&USELESS_ALLOW, comment, "no element follows this `allow`")
                    .help("put the comment directly before the element that it is about"),
            ),
        }
    }
    allows
}

/// The names between the parentheses of `<!-- virtc: allow(…) … -->`, and how many bytes stand before them.
fn list(comment: &str) -> Option<(&str, usize)> {
    let inner = comment.strip_prefix("<!--")?.trim_start().strip_prefix("virtc:")?;
    let rest = inner.trim_start().strip_prefix("allow")?.trim_start().strip_prefix('(')?;
    rest.split_once(')').map(|(list, _)| (list, comment.len() - rest.len()))
}

fn names<'d>(list: &'d str, at: usize, faults: &mut Diagnostics) -> Vec<&'d str> {
    let mut names = Vec::new();
    let mut offset = at;
    for part in list.split(',') {
        let name = part.trim();
        let start = offset + (part.len() - part.trim_start().len());
        offset += part.len() + 1;
        if lint(name).is_some() {
            names.push(name);
            continue;
        }
        let span = Span::new(start..start + name.len());
        let fault = Diagnostic::new(&USELESS_ALLOW, span, format!("there is no lint `{name}`"));
        faults.push(match near(name) {
            Some(near) => {
                let title = format!("write `{near}`");
                fault.help(format!("did you mean `{near}`?")).fix(Safety::Safe, title, span, near)
            }
            None => fault.help("`virtc explain` lists all lints"),
        });
    }
    names
}

/// The lint whose name is meant, if one is near enough.
fn near(name: &str) -> Option<&'static str> {
    let near = rules::ALL.iter().map(|lint| (strsim::damerau_levenshtein(name, lint.code.name), lint.code.name)).min();
    near.filter(|(distance, name)| *distance <= 2.max(name.len() / 5)).map(|(_, name)| name)
}

/// What a comment is about, if about anything.
fn scope(document: &Document, comment: Span) -> Option<Scope> {
    let root = document.root()?;
    if comment.end <= root.start_tag().start {
        return Some(Scope::File);
    }
    let rest = behind(document.source().text(), comment.range().end);
    element_at(root, Span::at(rest).start).map(|element| Scope::Element(element.span()))
}

/// The offset of what follows `offset` beside white space and comments.
fn behind(text: &str, offset: usize) -> usize {
    let mut rest = text.get(offset..).unwrap_or_default().trim_start();
    while let Some((_, after)) = rest.strip_prefix("<!--").and_then(|comment| comment.split_once("-->")) {
        rest = after.trim_start();
    }
    text.len() - rest.len()
}

/// The element that starts at `offset`, if one does.
fn element_at(root: Element<'_>, offset: u32) -> Option<Element<'_>> {
    let mut at = root;
    while at.start_tag().start != offset {
        at = at.children().find(|child| child.span().start <= offset && offset < child.span().end)?;
    }
    Some(at)
}
