//! `<!-- virtc: allow(NAME, …) -->` suppresses findings of lints.
//!
//! Before the root element it applies to the whole file, otherwise to the element that follows it. Only lints can be
//! allowed.

use virtc_diag::{Code, Diagnostic, Diagnostics, Safety, Severity, Span};
use virtc_xml::Document;

use crate::context::element_at;
use crate::{lint, rules};

/// An `allow` without effect.
pub static USELESS_ALLOW: Code = Code {
    name: "useless-allow",
    severity: Severity::Warning,
    explanation: "A comment `<!-- virtc: allow(NAME) -->` has no effect: there is no lint of this name, or no element follows the comment.\n\n\
        Write the comment directly before the element, or before the root element for the whole file. Separate several names with commas;\n\
        text after the parenthesis can give the reason. Only lints can be allowed, not errors of XML, of the grammar or of compilation.",
};

/// The lints that are allowed in a part of the file.
struct Allow<'d> {
    names: Vec<&'d str>,
    scope: Scope,
}

enum Scope {
    File,
    Element(Span),
}

/// Removes from `found` what the document allows, and adds findings about its `allow` comments.
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
                Diagnostic::at(&USELESS_ALLOW, comment, "no element follows this `allow`")
                    .help("move the comment directly before an element"),
            ),
        }
    }
    allows
}

/// The names between the parentheses of `<!-- virtc: allow(…) … -->`, and their offset in bytes.
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
        let fault = Diagnostic::at(&USELESS_ALLOW, span, format!("lint `{name}` does not exist"));
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

/// The lint with the most similar name, if one is similar enough.
fn near(name: &str) -> Option<&'static str> {
    let near = rules::ALL.iter().map(|lint| (strsim::damerau_levenshtein(name, lint.code.name), lint.code.name)).min();
    near.filter(|(distance, name)| *distance <= 2.max(name.len() / 5)).map(|(_, name)| name)
}

/// What a comment applies to; `None` where no element follows it.
fn scope(document: &Document, comment: Span) -> Option<Scope> {
    let root = document.root()?;
    if comment.end <= root.start_tag().start {
        return Some(Scope::File);
    }
    let rest = next_element(document.source().text(), comment.range().end);
    element_at(document, Span::at(rest).start).map(|element| Scope::Element(element.span()))
}

/// The offset of what follows `offset` after white space and comments.
fn next_element(text: &str, offset: usize) -> usize {
    let mut rest = text.get(offset..).unwrap_or_default().trim_start();
    while let Some((_, after)) = rest.strip_prefix("<!--").and_then(|comment| comment.split_once("-->")) {
        rest = after.trim_start();
    }
    text.len() - rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtc_diag::SourceFile;

    /// Name and line of what is left of findings of the lint `hostdev-net-usb` at each `<x/>`.
    fn left(text: &str) -> Vec<(&'static str, u32)> {
        let file = SourceFile::new("f", text);
        let (document, _) = virtc_xml::parse(&file);
        let code = lint("hostdev-net-usb").unwrap().code;
        let found = text.match_indices("<x/>").map(|(at, _)| Diagnostic::at(code, Span::at(at), "found"));
        let left = suppress(&document, found.collect()).sorted();
        left.iter().map(|d| (d.code.name, file.line_column(d.span.unwrap().start).line)).collect()
    }

    #[test]
    fn an_allow_holds_for_its_element_or_for_the_file() {
        let allow = "<!-- virtc: allow(hostdev-net-usb): the adapter is borrowed -->\n";
        let usb = |line| ("hostdev-net-usb", line);
        assert_eq!(left("<a><b>\n<x/>\n<x/></b></a>"), [usb(2), usb(3)]);
        assert_eq!(left(&format!("<a><b>\n{allow}<!-- so -->\n<x/>\n<x/></b></a>")), [usb(5)]);
        assert_eq!(left(&format!("<a><b>\n<x/></b>\n{allow}<b><x/></b></a>")), [usb(2)]);
        assert_eq!(left(&format!("{allow}<a>\n{allow}<b>\n<x/>\n<x/></b></a>")), []);
        assert_eq!(left(&format!("<a><b>\n<x/>\n{allow}</b></a>")), [usb(2), ("useless-allow", 3)]);
        assert_eq!(
            left("<!-- virtc: check --><a><!-- virtc: allowed --></a><!-- virtc: allow (hostdev-net-usb) -->"),
            [("useless-allow", 1)]
        );
    }

    #[test]
    fn an_allow_of_no_lint_is_reported_at_the_name() {
        let file = SourceFile::new("f", "<!-- virtc: allow(hostdev-net-usb, hostdev-net-ubs,xml-syntax) -->\n<a/>");
        let (document, _) = virtc_xml::parse(&file);
        let found = suppress(&document, Diagnostics::new());
        let fix = |d: &Diagnostic| d.fix.as_ref().map(|fix| fix.edits[0].text.clone());
        let all: Vec<_> = found.iter().map(|d| (file.slice(d.span.unwrap()), d.message.as_str(), fix(d))).collect();
        let expected = [
            ("hostdev-net-ubs", "there is no lint `hostdev-net-ubs`", Some("hostdev-net-usb".to_owned())),
            ("xml-syntax", "there is no lint `xml-syntax`", None),
        ];
        assert_eq!(all, expected);
    }
}
